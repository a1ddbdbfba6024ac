//! `SHOW`.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{cut, opt, value};
use nom::sequence::{delimited, pair, preceded};

use super::cursor::{
    Cursor, Parsed, clause, expected, ident, keyword, list, regex, string, symbol,
};
use super::expr::condition;
use super::select::{group_by, limits, measurement, measurements, order_by};
use crate::ast::{Cardinality, KeyCondition, ShowClauses, Statement};

/// `show = "SHOW" what`, of which the keyword has been read; the order is that of InfluxDB's list
pub(super) fn show(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let continuous = value(Statement::ShowContinuousQueries, keyword("QUERIES"));
    let grants = preceded(keyword("FOR"), ident).map(|user| Statement::ShowGrants { user });
    let shard = value(Statement::ShowShardGroups, keyword("GROUPS"));
    alt((
        preceded(keyword("CONTINUOUS"), cut(continuous)),
        value(Statement::ShowDatabases, keyword("DATABASES")),
        preceded(keyword("DIAGNOSTICS"), module)
            .map(|module| Statement::ShowDiagnostics { module }),
        preceded(keyword("FIELD"), cut(field)),
        preceded(keyword("GRANTS"), cut(grants)),
        preceded(keyword("MEASUREMENT"), cut(|i| cardinality(i, Cardinality::Measurement))),
        preceded(keyword("MEASUREMENTS"), cut(show_measurements)),
        value(Statement::ShowQueries, keyword("QUERIES")),
        preceded(keyword("RETENTION"), cut(retention_policies)),
        preceded(keyword("SERIES"), cut(series)),
        preceded(keyword("SHARD"), cut(shard)),
        value(Statement::ShowShards, keyword("SHARDS")),
        preceded(keyword("STATS"), module).map(|module| Statement::ShowStats { module }),
        value(Statement::ShowSubscriptions, keyword("SUBSCRIPTIONS")),
        preceded(keyword("TAG"), cut(tag)),
        value(Statement::ShowUsers, keyword("USERS")),
    ))
    .parse(i)
}

/// `[ "FOR" string ]`
fn module(i: Cursor<'_>) -> Parsed<'_, Option<String>> {
    clause("FOR", string).parse(i)
}

/// `retention_policies = "RETENTION" "POLICIES" [ "ON" ident ]`
fn retention_policies(i: Cursor<'_>) -> Parsed<'_, Statement> {
    preceded(keyword("POLICIES"), on)
        .map(|database| Statement::ShowRetentionPolicies { database })
        .parse(i)
}

/// `field = "FIELD" ( "KEY" cardinality | "KEYS" [ on ] [ from ] [ order_by ] [ limits ] )`
fn field(i: Cursor<'_>) -> Parsed<'_, Statement> {
    alt((
        preceded(keyword("KEY"), cut(|i| cardinality(i, Cardinality::FieldKey))),
        preceded(keyword("KEYS"), cut(field_keys)),
    ))
    .parse(i)
}

fn field_keys(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, database) = on(i)?;
    let (i, from) = from(i)?;
    let (i, order_by) = order_by(i)?;
    let (i, (limit, offset)) = limits(i, "LIMIT", "OFFSET")?;
    let clauses = ShowClauses { database, from, order_by, limit, offset, ..Default::default() };
    Ok((i, Statement::ShowFieldKeys { clauses }))
}

/// `measurements = "MEASUREMENTS" [ on ] [ "WITH" "MEASUREMENT" ( "=" | "=~" ) measurement ] rows`
fn show_measurements(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, database) = on(i)?;
    let operator = alt((symbol("="), symbol("=~")));
    let with = preceded(pair(keyword("MEASUREMENT"), operator), measurement);
    let (i, measurement) = clause("WITH", with).parse(i)?;
    let (i, clauses) = rows(i, ShowClauses { database, ..Default::default() })?;
    Ok((i, Statement::ShowMeasurements { measurement, clauses }))
}

/// `series = "SERIES" ( cardinality | [ "EXACT" ] [ on ] [ from ] rows )`
fn series(i: Cursor<'_>) -> Parsed<'_, Statement> {
    // InfluxDB passes over an EXACT that no CARDINALITY follows.
    let (rest, _) = opt(keyword("EXACT")).parse(i)?;
    if keyword("CARDINALITY")(rest).is_ok() {
        return cardinality(i, Cardinality::Series);
    }
    let (i, clauses) = on_from(rest)?;
    let (i, clauses) = rows(i, clauses)?;
    Ok((i, Statement::ShowSeries { clauses }))
}

/// `tag = "TAG" ( "KEY" cardinality | "KEYS" ... | "VALUES" ... )`
fn tag(i: Cursor<'_>) -> Parsed<'_, Statement> {
    alt((
        preceded(keyword("KEY"), cut(|i| cardinality(i, Cardinality::TagKey))),
        preceded(keyword("KEYS"), cut(tag_keys)),
        preceded(keyword("VALUES"), cut(tag_values)),
    ))
    .parse(i)
}

/// `"KEYS" [ on ] [ from ] [ "WITH" key ] rows [ "SLIMIT" n ] [ "SOFFSET" n ]`
fn tag_keys(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, clauses) = on_from(i)?;
    let (i, key) = clause("WITH", key).parse(i)?;
    let (i, clauses) = rows(i, clauses)?;
    let (i, (slimit, soffset)) = limits(i, "SLIMIT", "SOFFSET")?;
    Ok((i, Statement::ShowTagKeys { key, clauses: ShowClauses { slimit, soffset, ..clauses } }))
}

/// `"VALUES" ( [ "EXACT" ] "CARDINALITY" ... | [ on ] [ from ] "WITH" key rows )`
fn tag_values(i: Cursor<'_>) -> Parsed<'_, Statement> {
    if alt((keyword("EXACT"), keyword("CARDINALITY"))).parse(i).is_ok() {
        let (i, exact) = exact_cardinality(i)?;
        let (i, clauses) = on_from(i)?;
        let (i, key) = preceded(keyword("WITH"), key).parse(i)?;
        let (i, clauses) = counted(i, clauses)?;
        return Ok((
            i,
            Statement::ShowCardinality { of: Cardinality::TagValues(key), exact, clauses },
        ));
    }
    let (i, clauses) = on_from(i)?;
    let (i, key) = preceded(keyword("WITH"), key).parse(i)?;
    let (i, clauses) = rows(i, clauses)?;
    Ok((i, Statement::ShowTagValues { key, clauses }))
}

/// `key = "KEY" ( "IN" "(" ident { "," ident } ")" | ( "=" | "!=" ) ident | ( "=~" | "!~" ) regex )`
fn key(i: Cursor<'_>) -> Parsed<'_, KeyCondition> {
    let (i, ()) = keyword("KEY")(i)?;
    let keys = || delimited(symbol("("), list(ident), symbol(")"));
    let mut condition = alt((
        preceded(keyword("IN"), cut(keys())).map(KeyCondition::In),
        preceded(symbol("="), cut(ident)).map(KeyCondition::Equal),
        preceded(symbol("!="), cut(ident)).map(KeyCondition::NotEqual),
        preceded(symbol("=~"), cut(regex)).map(KeyCondition::Matches),
        preceded(symbol("!~"), cut(regex)).map(KeyCondition::NotMatches),
    ));
    match condition.parse(i) {
        // Shorter than what is admitted, as InfluxDB has it.
        Err(nom::Err::Error(_)) => Err(expected(i, &["IN", "=", "=~"])),
        result => result,
    }
}

/// `cardinality = [ "EXACT" ] "CARDINALITY" [ on ] [ from ] counted`
fn cardinality(i: Cursor<'_>, of: Cardinality) -> Parsed<'_, Statement> {
    let (i, exact) = exact_cardinality(i)?;
    let (i, clauses) = on_from(i)?;
    let (i, clauses) = counted(i, clauses)?;
    Ok((i, Statement::ShowCardinality { of, exact, clauses }))
}

fn exact_cardinality(i: Cursor<'_>) -> Parsed<'_, bool> {
    match opt(keyword("EXACT")).parse(i)? {
        (i, Some(())) => keyword("CARDINALITY").map(|()| true).parse(i),
        (i, None) => keyword("CARDINALITY")
            .map(|()| false)
            .parse(i)
            .map_err(|_| expected(i, &["EXACT", "CARDINALITY"])),
    }
}

/// `counted = [ condition ] [ group_by ] [ "LIMIT" n ] [ "OFFSET" n ]`
fn counted(i: Cursor<'_>, clauses: ShowClauses) -> Parsed<'_, ShowClauses> {
    let (i, condition) = condition(i)?;
    let (i, group_by) = group_by(i)?;
    let (i, (limit, offset)) = limits(i, "LIMIT", "OFFSET")?;
    Ok((i, ShowClauses { condition, group_by, limit, offset, ..clauses }))
}

/// `rows = [ condition ] [ order_by ] [ "LIMIT" n ] [ "OFFSET" n ]`
fn rows(i: Cursor<'_>, clauses: ShowClauses) -> Parsed<'_, ShowClauses> {
    let (i, condition) = condition(i)?;
    let (i, order_by) = order_by(i)?;
    let (i, (limit, offset)) = limits(i, "LIMIT", "OFFSET")?;
    Ok((i, ShowClauses { condition, order_by, limit, offset, ..clauses }))
}

/// `[ on ] [ from ]`
fn on_from(i: Cursor<'_>) -> Parsed<'_, ShowClauses> {
    let (i, database) = on(i)?;
    let (i, from) = from(i)?;
    Ok((i, ShowClauses { database, from, ..Default::default() }))
}

/// `on = "ON" ident`
fn on(i: Cursor<'_>) -> Parsed<'_, Option<String>> {
    clause("ON", ident).parse(i)
}

/// `from = "FROM" measurement { "," measurement }`
fn from(i: Cursor<'_>) -> Parsed<'_, Vec<crate::ast::Source>> {
    clause("FROM", measurements).map(Option::unwrap_or_default).parse(i)
}
