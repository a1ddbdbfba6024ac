//! `SELECT` and its clauses.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{cut, opt};
use nom::sequence::{pair, preceded, terminated};

use super::cursor::{
    Cursor, Fault, Parsed, clause, commit, count, expected, ident, keyword, list, nested, plain,
    regex, symbol, symbol_here,
};
use super::expr::{condition, expr, regex_or_expr, segments};
use super::lex::Token;
use crate::ast::{
    BinaryOp, Call, Dimension, Expr, Field, Fill, Measurement, MeasurementName, Select, SortField,
    Source, Target,
};

/// `select = "SELECT" fields [ target ] tail`, of which the keyword has been read
pub(super) fn select(i: Cursor<'_>) -> Parsed<'_, Select> {
    let (i, fields) = list(field)(i)?;
    let (i, target) = clause("INTO", target).parse(i)?;
    tail(i, fields, target)
}

/// `select_into = "SELECT" fields target tail`, of which the keyword has been read
pub(super) fn select_into(i: Cursor<'_>) -> Parsed<'_, Select> {
    let (i, fields) = list(field)(i)?;
    let (i, target) = preceded(keyword("INTO"), target).parse(i)?;
    tail(i, fields, Some(target))
}

/// `subquery = "(" "SELECT" fields tail ")"`, of which the parenthesis has been read
fn subquery(i: Cursor<'_>) -> Parsed<'_, Source> {
    let (i, fields) = preceded(keyword("SELECT"), list(field)).parse(i)?;
    let (i, select) = tail(i, fields, None)?;
    let (i, ()) = symbol(")")(i)?;
    Ok((i, Source::Subquery(Box::new(select))))
}

/// `tail = "FROM" sources [ condition ] [ group_by ] [ fill ] [ order_by ] [ "LIMIT" n ] [ "OFFSET" n ]`
/// `       [ "SLIMIT" n ] [ "SOFFSET" n ] [ zone ]`
fn tail(i: Cursor<'_>, fields: Vec<Field>, target: Option<Target>) -> Parsed<'_, Select> {
    let (i, from) = preceded(keyword("FROM"), list(source)).parse(i)?;
    let (i, condition) = condition(i)?;
    let (i, group_by) = group_by(i)?;
    let (i, fill) = fill(i)?;
    let (i, order_by) = order_by(i)?;
    let (i, (limit, offset)) = limits(i, "LIMIT", "OFFSET")?;
    let (i, (slimit, soffset)) = limits(i, "SLIMIT", "SOFFSET")?;
    let (i, time_zone) = zone(i)?;
    let select = Select {
        fields,
        target,
        from,
        condition,
        group_by,
        fill,
        order_by,
        limit,
        offset,
        slimit,
        soffset,
        time_zone,
    };
    Ok((i, select))
}

/// `field = ( regex | expr ) [ "AS" ident ]`, the expression without conditions
fn field(i: Cursor<'_>) -> Parsed<'_, Field> {
    let start = i;
    let (i, expr) = regex_or_expr(i)?;
    if let Some(op) = condition_operator(&expr) {
        return Err(invalid_operator(start, op));
    }
    let (i, alias) = clause("AS", ident).parse(i)?;
    Ok((i, Field { expr, alias }))
}

/// The first operator that belongs into a condition.
fn condition_operator(expr: &Expr) -> Option<BinaryOp> {
    let mut found = None;
    expr.walk(&mut |part| {
        if let Expr::Binary(binary) = part
            && !binary.op.is_arithmetic()
        {
            found.get_or_insert(binary.op);
        }
    });
    found
}

fn invalid_operator(start: Cursor<'_>, op: BinaryOp) -> nom::Err<Fault<'_>> {
    let (line, column) = start.skip_trivia().place();
    plain(
        start,
        format!(
            "invalid operator {op} in SELECT clause at line {line}, char {column}; \
             operator is intended for WHERE clause"
        ),
    )
}

/// `target = segments [ ":" "MEASUREMENT" ]`
fn target(i: Cursor<'_>) -> Parsed<'_, Target> {
    let (i, segments) = segments(i)?;
    let mut parts: Vec<Option<String>> = segments.parts.into_iter().map(Some).collect();
    let mut i = i;
    if parts.len() < 3 && i.rest().starts_with(':') {
        (i, _) = pair(symbol(":"), keyword("MEASUREMENT")).parse(i)?;
        parts.push(None);
    }
    let measurement = parts.pop().flatten();
    let policy = parts.pop().flatten().filter(|name| !name.is_empty());
    let database = parts.pop().flatten().filter(|name| !name.is_empty());
    Ok((i, Target { database, policy, measurement }))
}

/// `source = measurement | "(" subquery`
fn source(i: Cursor<'_>) -> Parsed<'_, Source> {
    if let (rest, Some(())) = opt(symbol("(")).parse(i)? {
        return commit(nested(rest, subquery));
    }
    measurement.map(Source::Measurement).parse(i)
}

/// `sources = measurement { "," measurement }`, where no subquery may stand
pub(super) fn measurements(i: Cursor<'_>) -> Parsed<'_, Vec<Source>> {
    list(|i| measurement.map(Source::Measurement).parse(i))(i)
}

/// `measurement = regex | segments [ regex ]`
pub(super) fn measurement(i: Cursor<'_>) -> Parsed<'_, Measurement> {
    if let (rest, Some(regex)) = opt(regex).parse(i)? {
        let name = MeasurementName::Regex(regex);
        return Ok((rest, Measurement { database: None, policy: None, name }));
    }
    let (mut i, mut segments) = segments(i.after_peek())?;
    let name = if segments.dot && segments.parts.len() < 3 {
        let (rest, regex) = cut(regex).parse(i)?;
        i = rest;
        MeasurementName::Regex(regex)
    } else {
        MeasurementName::Name(segments.parts.pop().unwrap_or_default())
    };
    let policy = segments.parts.pop().filter(|name| !name.is_empty());
    let database = segments.parts.pop().filter(|name| !name.is_empty());
    Ok((i, Measurement { database, policy, name }))
}

/// `group_by = "GROUP" "BY" dimension { "," dimension }`; `dimension = regex | expr`
pub(super) fn group_by(i: Cursor<'_>) -> Parsed<'_, Vec<Dimension>> {
    let dimension = |i| regex_or_expr.map(|expr| Dimension { expr }).parse(i);
    let (i, dimensions) = clause("GROUP", preceded(keyword("BY"), list(dimension))).parse(i)?;
    Ok((i, dimensions.unwrap_or_default()))
}

/// `fill = "fill" "(" ( "null" | "none" | "previous" | "linear" | number | integer ) ")"`
fn fill(i: Cursor<'_>) -> Parsed<'_, Fill> {
    let Some((rest, expr)) = special(i, "fill")? else { return Ok((i, Fill::Null)) };
    let Some(args) = call_args(&expr) else {
        return Err(plain(i, "fill must be a function call"));
    };
    let fill = match args {
        [Expr::Integer(value)] => Fill::Integer(*value),
        [Expr::Number(value)] => Fill::Number(*value),
        [Expr::Variable(variable)] if variable.cast.is_none() => match &*variable.name {
            "null" => Fill::Null,
            "none" => Fill::None,
            "previous" => Fill::Previous,
            "linear" => Fill::Linear,
            _ => return Err(plain(i, "expected number argument in fill()")),
        },
        [_] => return Err(plain(i, "expected number argument in fill()")),
        _ => {
            let message = "fill requires an argument, e.g.: 0, null, none, previous, linear";
            return Err(plain(i, message));
        }
    };
    Ok((rest, fill))
}

/// `zone = "tz" "(" string ")"`
fn zone(i: Cursor<'_>) -> Parsed<'_, Option<String>> {
    let Some((rest, expr)) = special(i, "tz")? else { return Ok((i, None)) };
    match call_args(&expr) {
        None => Err(plain(i, "tz must be a function call")),
        Some([Expr::String(zone)]) => Ok((rest, Some(zone.clone()))),
        Some([_]) => Err(plain(i, "expected string argument in tz()")),
        Some(_) => Err(plain(i, "tz requires exactly one argument")),
    }
}

/// The expression that begins with the name `word`, which is a keyword in this place alone.
fn special<'a>(
    i: Cursor<'a>,
    word: &str,
) -> Result<Option<(Cursor<'a>, Expr)>, nom::Err<Fault<'a>>> {
    match i.token().1 {
        Token::Ident(name) if name.eq_ignore_ascii_case(word) => commit(expr(i)).map(Some),
        _ => Ok(None),
    }
}

fn call_args(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Call(Call { args, .. }) => Some(args),
        _ => None,
    }
}

/// `order_by = "ORDER" "BY" ( "ASC" | "DESC" | ident [ "ASC" | "DESC" ] )`; the only name is `time`
pub(super) fn order_by(i: Cursor<'_>) -> Parsed<'_, Vec<SortField>> {
    let (i, fields) = clause("ORDER", preceded(keyword("BY"), sort_fields)).parse(i)?;
    Ok((i, fields.unwrap_or_default()))
}

fn sort_fields(i: Cursor<'_>) -> Parsed<'_, Vec<SortField>> {
    const ONLY_TIME: &str = "only ORDER BY time supported at this time";
    let (rest, first) = match direction(i)? {
        (rest, Some(ascending)) => (rest, SortField { name: None, ascending }),
        (_, None) => match i.token().1 {
            Token::Ident(_) => sort_field(i)?,
            _ => return Err(expected(i, &["identifier", "ASC", "DESC"])),
        },
    };
    if first.name.as_deref().is_some_and(|name| name != "time") {
        return Err(plain(i, ONLY_TIME));
    }
    let (after, more) = opt(preceded(symbol(","), cut(list(sort_field)))).parse(rest)?;
    if more.is_some() {
        return Err(plain(rest, ONLY_TIME));
    }
    Ok((after, vec![first]))
}

fn sort_field(i: Cursor<'_>) -> Parsed<'_, SortField> {
    let (i, name) = ident(i)?;
    let (i, ascending) = direction(i)?;
    Ok((i, SortField { name: Some(name), ascending: ascending.unwrap_or(true) }))
}

/// `[ "ASC" | "DESC" ]`; whether ascending
fn direction(i: Cursor<'_>) -> Parsed<'_, Option<bool>> {
    opt(alt((keyword("ASC").map(|()| true), keyword("DESC").map(|()| false)))).parse(i)
}

/// `[ "LIMIT" integer ] [ "OFFSET" integer ]`, or the same of series; zero is no limit
pub(super) fn limits<'a>(
    i: Cursor<'a>,
    limit: &'static str,
    offset: &'static str,
) -> Parsed<'a, (Option<u64>, u64)> {
    let (i, limit) = clause(limit, count).parse(i)?;
    let (i, offset) = clause(offset, count).parse(i)?;
    Ok((i, (limit.filter(|limit| *limit > 0), offset.unwrap_or(0))))
}

/// `db "." policy`, as subscriptions name what they forward
pub(super) fn database_and_policy(i: Cursor<'_>) -> Parsed<'_, (String, String)> {
    pair(terminated(ident, symbol_here(".")), ident).parse(i)
}
