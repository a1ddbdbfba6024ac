//! The statements about users.

use stripchart_core::{Column, Frame, Values};

use crate::ast::{Privilege, Statement};
use crate::records::{Records, UserRecord};
use crate::show::texts;
use crate::{Engine, QueryError, password};

/// Runs a statement about users; `None` if it is of another kind.
pub(crate) fn run(
    engine: &Engine,
    statement: &Statement,
) -> Result<Option<Vec<Frame>>, QueryError> {
    match statement {
        Statement::ShowUsers => return Ok(Some(vec![users(&*engine.records()?)])),
        Statement::ShowGrants { user } => {
            return grants(&*engine.records()?, user).map(|frame| Some(vec![frame]));
        }
        Statement::CreateUser { name, password, admin } => create(engine, name, password, *admin)?,
        Statement::DropUser { name } => {
            engine.change_records(|records| {
                records.user_mut(name)?;
                records.users.retain(|user| user.name != *name);
                Ok(())
            })?;
            engine.passwords().forget(name);
        }
        Statement::SetPassword { user, password } => {
            // Not while everybody else waits: this takes its time.
            engine.records()?.user(user).ok_or_else(|| QueryError::invalid("user not found"))?;
            let hash = password::hash(password)?;
            engine.change_records(|records| {
                records.user_mut(user)?.hash = hash;
                Ok(())
            })?;
            engine.passwords().forget(user);
        }
        Statement::GrantAdmin { user } => set_admin(engine, user, true)?,
        Statement::RevokeAdmin { user } => set_admin(engine, user, false)?,
        Statement::Grant { privilege, database, user } => {
            set_privilege(engine, user, database, |_| Some(*privilege))?;
        }
        Statement::Revoke { privilege, database, user } => {
            set_privilege(engine, user, database, |held| without(held, *privilege))?;
        }
        _ => return Ok(None),
    }
    Ok(Some(Vec::new()))
}

/// Creating a user again as he is, is fine.
fn create(engine: &Engine, name: &str, password: &str, admin: bool) -> Result<(), QueryError> {
    if name.is_empty() {
        return Err(QueryError::invalid("username required"));
    }
    let exists = || QueryError::invalid("user already exists");
    if let Some(user) = engine.records()?.user(name) {
        let same =
            user.admin == admin && engine.passwords().is_right(name, Some(&user.hash), password);
        return if same { Ok(()) } else { Err(exists()) };
    }
    let hash = password::hash(password)?;
    engine.change_records(|records| {
        // Somebody may have been quicker.
        if records.user(name).is_some() {
            return Err(exists());
        }
        records.users.push(UserRecord {
            name: name.to_owned(),
            admin,
            hash,
            grants: Default::default(),
        });
        Ok(())
    })
}

fn set_admin(engine: &Engine, user: &str, admin: bool) -> Result<(), QueryError> {
    engine.change_records(|records| {
        records.user_mut(user)?.admin = admin;
        Ok(())
    })
}

fn set_privilege(
    engine: &Engine,
    user: &str,
    database: &str,
    change: impl FnOnce(Option<Privilege>) -> Option<Privilege>,
) -> Result<(), QueryError> {
    let known = engine.db().catalog().database(database).is_some();
    engine.change_records(|records| {
        let user = records.user_mut(user)?;
        if !known {
            return Err(QueryError::DatabaseNotFound { name: database.to_owned() });
        }
        let held = user.grants.entry(database.to_owned()).or_default();
        *held = change(*held);
        Ok(())
    })
}

/// What remains of `held` when `taken` is taken away.
fn without(held: Option<Privilege>, taken: Privilege) -> Option<Privilege> {
    match (held?, taken) {
        (_, Privilege::All) => None,
        (Privilege::All, Privilege::Read) => Some(Privilege::Write),
        (Privilege::All, Privilege::Write) => Some(Privilege::Read),
        (held, taken) => (held != taken).then_some(held),
    }
}

fn users(records: &Records) -> Frame {
    let admin = records.users.iter().map(|user| user.admin).collect();
    Frame::default()
        .column(texts("user", records.users.iter().map(|user| user.name.as_str())))
        .column(Column::new("admin", Values::Boolean(admin)))
}

fn grants(records: &Records, name: &str) -> Result<Frame, QueryError> {
    let user = records.user(name).ok_or_else(|| QueryError::invalid("user not found"))?;
    let privileges: Vec<String> = user
        .grants
        .values()
        .map(|held| held.map_or("NO PRIVILEGES".to_owned(), |privilege| privilege.to_string()))
        .collect();
    Ok(Frame::default()
        .column(texts("database", user.grants.keys().map(String::as_str)))
        .column(texts("privilege", privileges.iter().map(String::as_str))))
}
