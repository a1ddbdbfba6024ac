//! Who asks, and whether they may.
//!
//! As in InfluxDB, where authentication is asked for and there is no administrator yet, requests come in without a
//! name, and the only statement answered is the one that makes an administrator.

use bytes::Bytes;
use http::{Request, StatusCode};
use stripchart_core::Timestamp;

use super::InfluxDb;
use super::credentials::Credentials;
use super::jwt;
use super::reply::Reply;
use super::wanted::Wanted;
use crate::ast::Query;

/// Whether requests have to say who they are.
#[derive(Clone, Default)]
pub(super) struct Authentication {
    pub(super) required: bool,
    /// With which tokens are signed.
    pub(super) shared_secret: Option<Box<[u8]>>,
}

impl std::fmt::Debug for Authentication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authentication")
            .field("required", &self.required)
            .field("tokens", &self.shared_secret.is_some())
            .finish()
    }
}

impl InfluxDb {
    /// The name of whoever asks; `None` where none is needed, or while there is no administrator.
    pub(super) fn user(
        &self,
        request: &Request<Bytes>,
        now: Timestamp,
    ) -> Result<Option<String>, Reply> {
        if !self.authentication.required {
            return Ok(None);
        }
        let wanted = Wanted::by(request);
        let broken = |why| Reply::error(wanted, StatusCode::INTERNAL_SERVER_ERROR, why);
        if !self.backend.has_admin().map_err(broken)? {
            return Ok(None);
        }
        let refuse = |why: String| {
            self.counters.authentications_failed.add(1);
            Reply::error(wanted, StatusCode::UNAUTHORIZED, why)
        };
        let credentials = Credentials::of(request);
        match credentials
            .ok_or_else(|| refuse("unable to parse authentication credentials".to_owned()))?
        {
            Credentials::Password { name, .. } if name.is_empty() => {
                Err(refuse("username required".to_owned()))
            }
            Credentials::Password { name, password } => {
                match self.backend.is_password_of(&name, &password).map_err(broken)? {
                    true => Ok(Some(name)),
                    false => Err(refuse("authorization failed".to_owned())),
                }
            }
            Credentials::Bearer(token) => {
                let secret = self.authentication.shared_secret.as_deref();
                let secret = secret.ok_or_else(|| refuse("bearer auth disabled".to_owned()))?;
                let name = jwt::user_of(&token, secret, now).map_err(refuse)?;
                match self.backend.has_user(&name).map_err(broken)? {
                    true => Ok(Some(name)),
                    false => Err(refuse("user not found".to_owned())),
                }
            }
        }
    }

    /// Whether `user` may run `query`; `Err` is InfluxDB's text.
    pub(super) fn authorize_query(
        &self,
        user: Option<&str>,
        query: &Query,
        database: Option<&str>,
    ) -> Result<(), String> {
        if !self.authentication.required {
            return Ok(());
        }
        let checked = self.backend.may_query(user, query, database);
        checked.map_err(|why| format!("error authorizing query: {why}"))
    }

    /// Whether `user` may write to `database`.
    pub(super) fn authorize_write(
        &self,
        user: Option<&str>,
        database: &str,
        wanted: Wanted,
    ) -> Result<(), Reply> {
        if !self.authentication.required {
            return Ok(());
        }
        let refuse = |why| Reply::error(wanted, StatusCode::FORBIDDEN, why);
        let Some(user) = user else {
            return Err(refuse(format!("user is required to write to database {database:?}")));
        };
        let broken = |why| Reply::error(wanted, StatusCode::INTERNAL_SERVER_ERROR, why);
        match self.backend.may_write(user, database).map_err(broken)? {
            true => Ok(()),
            false => Err(refuse(format!(
                "{user:?} user is not authorized to write to database {database:?}"
            ))),
        }
    }
}
