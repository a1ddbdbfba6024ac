//! Users: who may ask, and what.
//!
//! An [`Engine`] runs what it is told by whoever holds it; it is whoever takes requests from strangers that asks it first. In this order:
//!
//! 1. If [`Engine::admin_exists`] is false there is nobody to log in as yet: go on with no user.
//!    Otherwise [`Engine::authenticate`] makes a [`User`] of a name and a password.
//! 2. [`Engine::authorize`] says whether that user may run a query, [`Engine::authorize_write`] whether he may write to a database.
//! 3. The query runs with [`ExecuteOptions::user`](crate::ExecuteOptions::user) set, so that lists show only what the user may see.
//!
//! Rights are InfluxDB's: an administrator may do everything; others may read, or write, or both, database by database.

mod rights;
mod statements;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use crate::ast::{Privilege, Query, Statement};
use crate::records::UserRecord;
use crate::{Engine, QueryError};

pub(crate) use statements::run;

/// A user as he was when he was asked for; what is granted or taken since is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    admin: bool,
    grants: BTreeMap<String, Option<Privilege>>,
}

impl User {
    fn of(record: &UserRecord) -> Self {
        User { name: record.name.clone(), admin: record.admin, grants: record.grants.clone() }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the user may do everything.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.admin
    }

    /// What was granted on `database`; `None` is nothing. Administrators need no grants.
    #[must_use]
    pub fn privilege(&self, database: &str) -> Option<Privilege> {
        self.grants.get(database).copied().flatten()
    }

    /// Whether the user may read `database`.
    #[must_use]
    pub fn may_read(&self, database: &str) -> bool {
        self.may(Privilege::Read, database)
    }

    /// Whether the user may write to `database`.
    #[must_use]
    pub fn may_write(&self, database: &str) -> bool {
        self.may(Privilege::Write, database)
    }

    fn may(&self, wanted: Privilege, database: &str) -> bool {
        let granted = self.privilege(database);
        self.admin || granted.is_some_and(|p| p == wanted || p == Privilege::All)
    }
}

/// Why somebody is not let in.
#[derive(Debug)]
#[non_exhaustive]
pub enum AuthError {
    /// There is no such user, or the password is wrong: which, is not told. HTTP answers 401.
    Credentials,
    /// The user may not do that; the text is InfluxDB's. HTTP answers 403.
    Forbidden {
        /// Who may not do what, and which right it takes.
        message: String,
    },
    /// The users could not be read.
    Storage {
        /// Why.
        source: QueryError,
    },
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuthError::Credentials => f.write_str("authorization failed"),
            AuthError::Forbidden { message } => f.write_str(message),
            AuthError::Storage { source } => source.fmt(f),
        }
    }
}

impl Error for AuthError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            AuthError::Storage { source } => source.source(),
            _ => None,
        }
    }
}

impl From<QueryError> for AuthError {
    fn from(source: QueryError) -> Self {
        AuthError::Storage { source }
    }
}

impl Engine {
    /// Whether there is an administrator. Until there is one, nobody can log in, and [`Engine::authorize`] lets nothing pass but the
    /// statement that creates one.
    ///
    /// # Errors
    ///
    /// [`QueryError::Storage`] if the users cannot be read.
    pub fn admin_exists(&self) -> Result<bool, QueryError> {
        Ok(self.records()?.users.iter().any(|user| user.admin))
    }

    /// The user called `name`, if there is one: for whoever has made sure of the name in another way, by a token for instance.
    ///
    /// # Errors
    ///
    /// [`QueryError::Storage`] if the users cannot be read.
    pub fn user(&self, name: &str) -> Result<Option<User>, QueryError> {
        Ok(self.records()?.user(name).map(User::of))
    }

    /// The user called `name` if `password` is his.
    ///
    /// The first check of a password takes tens of milliseconds, as does every wrong one: call it where blocking is allowed. What was right is
    /// remembered, without the password, and then costs a microsecond.
    ///
    /// ```
    /// use stripchart_core::Timestamp;
    /// use stripchart_query::{Engine, ExecuteOptions, parse_query};
    /// use stripchart_storage::Db;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let engine = Engine::new(Db::open(folder.path())?);
    /// let options = ExecuteOptions::new(Timestamp::EPOCH);
    /// engine.query("CREATE DATABASE demo; CREATE USER ann WITH PASSWORD 'secret'; GRANT READ ON demo TO ann", &options)?;
    ///
    /// let ann = engine.authenticate("ann", "secret")?;
    /// assert!(engine.authenticate("ann", "guess").is_err());
    /// engine.query("CREATE USER root WITH PASSWORD 'x' WITH ALL PRIVILEGES", &options)?;
    /// engine.authorize(Some(&ann), &parse_query("SHOW MEASUREMENTS")?, Some("demo"))?;
    /// let refused = engine.authorize(Some(&ann), &parse_query("DROP DATABASE demo")?, None).unwrap_err();
    /// assert_eq!(
    ///     refused.to_string(),
    ///     "ann not authorized to execute statement 'DROP DATABASE demo', requires admin privilege"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`AuthError::Credentials`], or [`AuthError::Storage`].
    pub fn authenticate(&self, name: &str, password: &str) -> Result<User, AuthError> {
        let records = self.records()?;
        let user = records.user(name);
        let hash = user.map(|user| user.hash.as_str());
        let right = self.passwords().is_right(name, hash, password);
        user.filter(|_| right).map(User::of).ok_or(AuthError::Credentials)
    }

    /// Whether `user` may run all statements of `query` where `database` is the one that names without a database belong to.
    ///
    /// Without users nothing passes but one statement that creates an administrator; with users, but without `user`, nothing does.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`], with the first statement that is refused and the right it takes; [`AuthError::Storage`].
    pub fn authorize(
        &self,
        user: Option<&User>,
        query: &Query,
        database: Option<&str>,
    ) -> Result<(), AuthError> {
        let forbidden = |message: String| Err(AuthError::Forbidden { message });
        let Some(user) = user else {
            // InfluxDB looks at the first statement alone, and lets the others pass with it.
            let creates_admin =
                matches!(query.statements[..], [Statement::CreateUser { admin: true, .. }]);
            return match (self.records()?.users.is_empty(), creates_admin) {
                (true, true) => Ok(()),
                (true, false) => {
                    forbidden("create admin user first or disable authentication".to_owned())
                }
                (false, _) => forbidden("no user provided".to_owned()),
            };
        };
        if user.admin {
            return Ok(());
        }
        for statement in &query.statements {
            for need in rights::needs(statement) {
                let lacks = match &need {
                    rights::Need::Admin => Some("admin privilege".to_owned()),
                    rights::Need::On(privilege, named) => {
                        let name = named.as_deref().filter(|name| !name.is_empty());
                        let name = name.or(database).unwrap_or_default();
                        (!user.may(*privilege, name)).then(|| format!("{privilege} on {name}"))
                    }
                };
                if let Some(lacks) = lacks {
                    return forbidden(format!(
                        "{} not authorized to execute statement '{statement}', requires {lacks}",
                        user.name
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether `user` may write points to `database`.
    ///
    /// # Errors
    ///
    /// [`AuthError::Forbidden`].
    pub fn authorize_write(&self, user: &User, database: &str) -> Result<(), AuthError> {
        if user.may_write(database) {
            return Ok(());
        }
        let message =
            format!("{:?} user is not authorized to write to database {database:?}", user.name);
        Err(AuthError::Forbidden { message })
    }
}
