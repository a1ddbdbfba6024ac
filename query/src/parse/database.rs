//! Databases, retention policies and deletion.

use nom::Parser;
use nom::combinator::{cut, opt};
use nom::sequence::{pair, preceded, separated_pair};
use stripchart_core::DurationLiteral;

use super::cursor::{
    Cursor, Parsed, clause, duration, duration_or_inf, expected, ident, keyword, placed, plain,
    replicas,
};
use super::expr::condition;
use super::lex::Token;
use super::select::measurements;
use crate::ast::{
    AlterRetentionPolicy, CreateRetentionPolicy, DatabasePolicy, Expr, Source, Statement,
};

/// `database = "DATABASE" ident [ "WITH" policy ]`
///
/// `policy = [ "DURATION" duration ] [ "REPLICATION" integer ] [ shard_duration ] [ "NAME" ident ]`, not empty
pub(super) fn create_database(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, name) = ident(i)?;
    let (i, policy) = clause("WITH", database_policy).parse(i)?;
    Ok((i, Statement::CreateDatabase { name, policy }))
}

fn database_policy(i: Cursor<'_>) -> Parsed<'_, DatabasePolicy> {
    let start = i;
    let (i, duration) = clause("DURATION", duration_or_inf).parse(i)?;
    let (i, replication) = clause("REPLICATION", replicas).parse(i)?;
    let (i, shard_duration) = clause("SHARD", shard_duration).parse(i)?;
    let (i, name) = clause("NAME", ident).parse(i)?;
    let policy = DatabasePolicy { duration, replication, shard_duration, name };
    if policy == DatabasePolicy::default() {
        return Err(expected(start, &["DURATION", "NAME", "REPLICATION", "SHARD"]));
    }
    Ok((i, policy))
}

/// `shard_duration = "SHARD" "DURATION" duration`, of which the first word has been read
fn shard_duration(i: Cursor<'_>) -> Parsed<'_, DurationLiteral> {
    let (i, ()) = keyword("DURATION")(i)?;
    if keyword("INF")(i).is_ok() {
        return Err(placed(i, "invalid duration INF for shard duration"));
    }
    duration(i)
}

/// `policy = "RETENTION" "POLICY" ident "ON" ident "DURATION" duration "REPLICATION" integer`
/// `         [ shard_duration ] [ "DEFAULT" ]`
pub(super) fn create_retention_policy(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, (name, database)) = policy_on(i)?;
    let (i, duration) = preceded(keyword("DURATION"), duration_or_inf).parse(i)?;
    let (i, replication) = preceded(keyword("REPLICATION"), replicas).parse(i)?;
    let (i, shard_duration) = clause("SHARD", shard_duration).parse(i)?;
    let (i, default) = opt(keyword("DEFAULT")).parse(i)?;
    // Nothing is what suits the policy's duration.
    let shard_duration = shard_duration.filter(|duration| duration.nanos() != 0);
    let create = CreateRetentionPolicy {
        name,
        database,
        duration,
        replication,
        shard_duration,
        default: default.is_some(),
    };
    Ok((i, Statement::CreateRetentionPolicy(create)))
}

/// `"RETENTION" "POLICY" ident "ON" ident`, of which the first word has been read
pub(super) fn drop_retention_policy(i: Cursor<'_>) -> Parsed<'_, Statement> {
    policy_on.map(|(name, database)| Statement::DropRetentionPolicy { name, database }).parse(i)
}

fn policy_on(i: Cursor<'_>) -> Parsed<'_, (String, String)> {
    preceded(keyword("POLICY"), separated_pair(ident, keyword("ON"), ident)).parse(i)
}

/// `alter = "ALTER" "RETENTION" "POLICY" ( ident | "DEFAULT" ) "ON" ident option { option }`
///
/// `option = "DURATION" duration | "REPLICATION" integer | shard_duration | "DEFAULT"`, each once
pub(super) fn alter(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, _) = pair(keyword("RETENTION"), keyword("POLICY")).parse(i)?;
    let (i, name) = match opt(keyword("DEFAULT")).parse(i)? {
        (i, Some(())) => (i, "default".to_owned()),
        (i, None) => ident(i)?,
    };
    let (i, database) = preceded(keyword("ON"), ident).parse(i)?;
    let alter = AlterRetentionPolicy {
        name,
        database,
        duration: None,
        replication: None,
        shard_duration: None,
        default: false,
    };
    alter_options(i, alter)
}

fn alter_options(mut i: Cursor<'_>, mut alter: AlterRetentionPolicy) -> Parsed<'_, Statement> {
    let mut seen = Vec::new();
    loop {
        let (rest, option) = match i.token() {
            (rest, Token::Keyword(word @ ("DURATION" | "REPLICATION" | "SHARD" | "DEFAULT"))) => {
                (rest, word)
            }
            _ if seen.is_empty() => {
                return Err(expected(i, &["DURATION", "REPLICATION", "SHARD", "DEFAULT"]));
            }
            _ => return Ok((i, Statement::AlterRetentionPolicy(alter))),
        };
        if seen.contains(&option) {
            return Err(placed(i, format!("found duplicate {option} option")));
        }
        seen.push(option);
        i = match option {
            "DURATION" => take(rest, duration_or_inf, &mut alter.duration)?,
            "REPLICATION" => take(rest, replicas, &mut alter.replication)?,
            "SHARD" => take(rest, shard_duration, &mut alter.shard_duration)?,
            _ => {
                alter.default = true;
                rest
            }
        };
    }
}

/// Puts what `parser` gives into `slot`.
fn take<'a, T>(
    i: Cursor<'a>,
    parser: impl FnMut(Cursor<'a>) -> Parsed<'a, T>,
    slot: &mut Option<T>,
) -> Result<Cursor<'a>, nom::Err<super::cursor::Fault<'a>>> {
    let (i, value) = cut(parser).parse(i)?;
    *slot = Some(value);
    Ok(i)
}

/// `delete = "DELETE" from_where`
pub(super) fn delete(i: Cursor<'_>) -> Parsed<'_, Statement> {
    from_where.map(|(from, condition)| Statement::Delete { from, condition }).parse(i)
}

/// `"SERIES" from_where`
pub(super) fn drop_series(i: Cursor<'_>) -> Parsed<'_, Statement> {
    from_where.map(|(from, condition)| Statement::DropSeries { from, condition }).parse(i)
}

/// `from_where = [ "FROM" measurements ] [ condition ]`, not empty; measurements of the request's database
fn from_where(i: Cursor<'_>) -> Parsed<'_, (Vec<Source>, Option<Expr>)> {
    let start = i;
    let (i, from) = clause("FROM", measurements).parse(i)?;
    let from = from.unwrap_or_default();
    let mut refusal = None;
    for source in &from {
        let Source::Measurement(measurement) = source else { continue };
        if measurement.policy.is_some() {
            refusal = Some("retention policy not supported at line 1, char 1");
        } else if measurement.database.is_some() {
            refusal = Some("database not supported at line 1, char 1");
        }
    }
    if let Some(message) = refusal {
        return Err(plain(start, message));
    }
    let (i, condition) = condition(i)?;
    if from.is_empty() && condition.is_none() {
        return Err(expected(start, &["FROM", "WHERE"]));
    }
    Ok((i, (from, condition)))
}
