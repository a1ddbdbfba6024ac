//! What keeps running: continuous queries and subscriptions.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{cut, value};
use nom::sequence::{pair, preceded, separated_pair};
use stripchart_core::DurationLiteral;

use super::cursor::{
    Cursor, Parsed, clause, duration, expected, ident, keyword, list, plain, string,
};
use super::select::{database_and_policy, select_into};
use crate::ast::{CreateContinuousQuery, Expr, Select, Statement, SubscriptionMode};

/// `continuous_query = "CONTINUOUS" "QUERY" ident "ON" ident [ resample ] "BEGIN" select_into "END"`
///
/// `resample = "RESAMPLE" [ "EVERY" duration ] [ "FOR" duration ]`, not empty
pub(super) fn create_continuous_query(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, ()) = keyword("QUERY")(i)?;
    let (i, (name, database)) = separated_pair(ident, keyword("ON"), ident).parse(i)?;
    let (i, resampled) = clause("RESAMPLE", resample).parse(i)?;
    let (every, resample_for) = resampled.unwrap_or_default();
    let (i, _) = pair(keyword("BEGIN"), keyword("SELECT")).parse(i)?;
    let begin = i;
    let (i, select) = select_into(i)?;
    if calls_a_function(&select) {
        let interval = match interval(&select) {
            Ok(Some(interval)) => interval,
            Ok(None) => return Err(expected(last_token(begin, i), &["GROUP BY time(...)"])),
            Err(why) => return Err(expected(last_token(begin, i), &["GROUP BY time(...)", why])),
        };
        check_resample(every, resample_for, interval).map_err(|message| plain(i, message))?;
    }
    let (i, ()) = keyword("END")(i)?;
    let select = Box::new(select);
    let create = CreateContinuousQuery { name, database, every, resample_for, select };
    Ok((i, Statement::CreateContinuousQuery(create)))
}

/// Where the last token before `end` begins: InfluxDB names that one, as if it had not been read.
fn last_token<'a>(begin: Cursor<'a>, end: Cursor<'a>) -> Cursor<'a> {
    let mut last = begin;
    loop {
        let (next, _) = last.token();
        if next.rest().len() <= end.rest().len() {
            return last;
        }
        last = next;
    }
}

type Resample = (Option<DurationLiteral>, Option<DurationLiteral>);

fn resample(i: Cursor<'_>) -> Parsed<'_, Resample> {
    let (rest, every) = clause("EVERY", duration).parse(i)?;
    let (rest, resample_for) = clause("FOR", duration).parse(rest)?;
    let says_nothing = |d: Option<DurationLiteral>| d.is_none_or(|d| d.nanos() == 0);
    if says_nothing(every) && says_nothing(resample_for) {
        return Err(expected(rest, &["EVERY", "FOR"]));
    }
    Ok((rest, (every, resample_for)))
}

fn calls_a_function(select: &Select) -> bool {
    let mut calls = false;
    for field in &select.fields {
        field.expr.walk(&mut |part| calls |= matches!(part, Expr::Call(_) | Expr::Distinct(_)));
    }
    calls
}

/// The interval of `GROUP BY time(...)`, unless it is zero, or what is wrong with it.
fn interval(select: &Select) -> Result<Option<DurationLiteral>, &'static str> {
    match select.time_dimension() {
        None => Ok(None),
        Some([Expr::Duration(interval)] | [Expr::Duration(interval), _]) => {
            Ok(Some(*interval).filter(|interval| interval.nanos() != 0))
        }
        Some([_] | [_, _]) => Err("time dimension must have duration argument"),
        Some(_) => Err("time dimension expected 1 or 2 arguments"),
    }
}

/// What is recomputed must span a run at least.
fn check_resample(
    every: Option<DurationLiteral>,
    resample_for: Option<DurationLiteral>,
    interval: DurationLiteral,
) -> Result<(), String> {
    let least = every.unwrap_or_default().max(interval);
    match resample_for {
        Some(span) if span < least => Err(format!(
            "FOR duration must be >= GROUP BY time duration: must be a minimum of {least}, got {span}"
        )),
        _ => Ok(()),
    }
}

/// `"CONTINUOUS" "QUERY" ident "ON" ident`, of which the first word has been read
pub(super) fn drop_continuous_query(i: Cursor<'_>) -> Parsed<'_, Statement> {
    preceded(keyword("QUERY"), separated_pair(ident, keyword("ON"), ident))
        .map(|(name, database)| Statement::DropContinuousQuery { name, database })
        .parse(i)
}

/// `subscription = "SUBSCRIPTION" ident "ON" ident "." ident "DESTINATIONS" ( "ALL" | "ANY" ) strings`
pub(super) fn create_subscription(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, (name, (database, policy))) = subscription_on(i)?;
    let mut mode = alt((
        value(SubscriptionMode::All, keyword("ALL")),
        value(SubscriptionMode::Any, keyword("ANY")),
    ));
    let (i, ()) = keyword("DESTINATIONS")(i)?;
    let (i, mode) = cut(|i| mode.parse(i)).parse(i)?;
    let (i, destinations) = list(string)(i)?;
    Ok((i, Statement::CreateSubscription { name, database, policy, mode, destinations }))
}

/// `"SUBSCRIPTION" ident "ON" ident "." ident`, of which the first word has been read
pub(super) fn drop_subscription(i: Cursor<'_>) -> Parsed<'_, Statement> {
    subscription_on
        .map(|(name, (database, policy))| Statement::DropSubscription { name, database, policy })
        .parse(i)
}

fn subscription_on(i: Cursor<'_>) -> Parsed<'_, (String, (String, String))> {
    separated_pair(ident, keyword("ON"), database_and_policy).parse(i)
}
