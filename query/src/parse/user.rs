//! Users and rights.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{opt, value};
use nom::sequence::{pair, preceded, separated_pair};

use super::cursor::{Cursor, Parsed, clause, expected, ident, keyword, string, symbol};
use crate::ast::{Privilege, Statement};

/// `user = "USER" ident "WITH" "PASSWORD" string [ "WITH" "ALL" "PRIVILEGES" ]`
pub(super) fn create_user(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, name) = ident(i)?;
    let (i, _) = pair(keyword("WITH"), keyword("PASSWORD")).parse(i)?;
    let (i, password) = string(i)?;
    let (i, admin) = clause("WITH", pair(keyword("ALL"), keyword("PRIVILEGES"))).parse(i)?;
    Ok((i, Statement::CreateUser { name, password, admin: admin.is_some() }))
}

/// `set = "SET" "PASSWORD" "FOR" ident "=" string`
pub(super) fn set_password(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, _) = pair(keyword("PASSWORD"), keyword("FOR")).parse(i)?;
    let (i, (user, password)) = separated_pair(ident, symbol("="), string).parse(i)?;
    Ok((i, Statement::SetPassword { user, password }))
}

/// `grant = "GRANT" ( privilege "ON" ident "TO" ident | all "TO" ident )`
pub(super) fn grant(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, (privilege, database, user)) = rights(i, "TO")?;
    let statement = match database {
        Some(database) => Statement::Grant { privilege, database, user },
        None => Statement::GrantAdmin { user },
    };
    Ok((i, statement))
}

/// `revoke = "REVOKE" ( privilege "ON" ident "FROM" ident | all "FROM" ident )`
pub(super) fn revoke(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, (privilege, database, user)) = rights(i, "FROM")?;
    let statement = match database {
        Some(database) => Statement::Revoke { privilege, database, user },
        None => Statement::RevokeAdmin { user },
    };
    Ok((i, statement))
}

/// `privilege [ "ON" ident ] preposition ident`; only all rights may go without a database
fn rights<'a>(
    i: Cursor<'a>,
    preposition: &'static str,
) -> Parsed<'a, (Privilege, Option<String>, String)> {
    let (i, privilege) = privilege(i)?;
    let (rest, database) = clause("ON", ident).parse(i)?;
    if database.is_none() && privilege != Privilege::All {
        return Err(expected(i, &["ON"]));
    }
    if database.is_none() && keyword(preposition)(i).is_err() {
        return Err(expected(i, &["ON", preposition]));
    }
    let (rest, user) = preceded(keyword(preposition), ident).parse(rest)?;
    Ok((rest, (privilege, database, user)))
}

/// `privilege = "READ" | "WRITE" | all`; `all = "ALL" [ "PRIVILEGES" ]`
fn privilege(i: Cursor<'_>) -> Parsed<'_, Privilege> {
    let all = pair(keyword("ALL"), opt(keyword("PRIVILEGES")));
    alt((
        value(Privilege::Read, keyword("READ")),
        value(Privilege::Write, keyword("WRITE")),
        value(Privilege::All, all),
    ))
    .parse(i)
    .map_err(|_| expected(i, &["READ", "WRITE", "ALL [PRIVILEGES]"]))
}
