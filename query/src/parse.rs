//! InfluxQL text to statements.
//!
//! A hand of nom parsers, one per production, each with its production in EBNF above it (`"WORD"` is a keyword in any
//! case, `[x]` may be absent, `{x}` repeats). The grammar needs one token of lookahead nearly everywhere; where a
//! clause has begun, it is finished or it is an error (`cut`), so that no text is read more than a constant number of
//! times. Names, strings and regexes are read by `lex`, on demand, since only the grammar knows whether a slash
//! divides or begins a regex.
//!
//! What is refused, is refused with InfluxDB's own words; nesting is bounded, see [`MAX_NESTING`].
//!
//! | module | productions |
//! | --- | --- |
//! | `lex` | tokens |
//! | `cursor` | the place in the text, and the parsers of single tokens |
//! | `expr` | expressions |
//! | `select` | `SELECT`, its sources and clauses |
//! | `show` | `SHOW` |
//! | `database` | databases, retention policies, deletion |
//! | `user` | users and rights |
//! | `standing` | continuous queries, subscriptions |

mod cursor;
mod database;
mod error;
mod expr;
mod lex;
mod params;
mod select;
mod show;
mod standing;
#[cfg(test)]
mod tests;
mod user;

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{cut, opt};
use nom::sequence::preceded;
use stripchart_core::DurationLiteral;

use crate::ast::{Expr, Query, Statement};
use cursor::{Cursor, Parsed, expected, finish, keyword, symbol};

pub use error::ParseError;
pub use params::{ParamValue, Params};

/// Parentheses, calls and subqueries nest at most so deep: in an unoptimised build a level takes up to 18 kB of stack,
/// and a thread may have no more than 2 MB.
pub const MAX_NESTING: usize = 64;

/// The tree of an expression is at most so high, in operators, calls and parentheses from its root to a leaf.
///
/// Chains of `AND` or of `OR` are built as balanced trees and may be as long as they like; a chain of arithmetic
/// operators counts in full.
pub const MAX_EXPRESSION_HEIGHT: usize = 1_000;

/// Parses all statements of a request, separated by semicolons; none at all is no error.
///
/// # Errors
///
/// [`ParseError`] about the first thing that does not fit, with its place. Nothing of the rest is then of use:
/// InfluxDB refuses the request as a whole.
///
/// ```
/// let error = stripchart_query::parse_query("SHOW DATABASES; SELECT field1 X").unwrap_err();
/// assert_eq!(error.to_string(), "found X, expected FROM at line 1, char 31");
/// assert_eq!((error.line(), error.offset()), (1, 30));
/// ```
pub fn parse_query(text: &str) -> Result<Query, ParseError> {
    parse_query_with(text, &Params::default())
}

/// Parses all statements of a request, with values for its parameters (`$name`).
///
/// # Errors
///
/// As [`parse_query`]; also where a parameter is used that has no value.
///
/// ```
/// use stripchart_query::{Params, ParamValue, parse_query_with};
/// let params = Params::from_iter([("host", ParamValue::String("it's me".into()))]);
/// let query = parse_query_with("SELECT v FROM m WHERE h = $host", &params)?;
/// assert_eq!(query.to_string(), r"SELECT v FROM m WHERE h = 'it\'s me'");
/// # Ok::<(), stripchart_query::ParseError>(())
/// ```
pub fn parse_query_with(text: &str, params: &Params) -> Result<Query, ParseError> {
    finish(text, params, query)
}

/// Parses one statement, which a semicolon may close.
///
/// # Errors
///
/// As [`parse_query`]; also where there is no statement or a second one.
pub fn parse_statement(text: &str) -> Result<Statement, ParseError> {
    parse_statement_with(text, &Params::default())
}

/// Parses one statement, with values for its parameters.
///
/// # Errors
///
/// As [`parse_statement`].
pub fn parse_statement_with(text: &str, params: &Params) -> Result<Statement, ParseError> {
    finish(text, params, |i| {
        let (i, statement) = statement(i)?;
        let (i, semicolon) = opt(symbol(";")).parse(i)?;
        if i.at_end() {
            return Ok((i, statement));
        }
        Err(expected(i, if semicolon.is_some() { &["EOF"] } else { &[";"] }))
    })
}

/// Parses an expression alone, as after `WHERE`.
///
/// # Errors
///
/// As [`parse_query`]; also where something follows.
///
/// ```
/// let expr = stripchart_query::parse_expr("time>now()-5m and host='a'")?;
/// assert_eq!(expr.to_string(), "time > now() - 5m AND host = 'a'");
/// # Ok::<(), stripchart_query::ParseError>(())
/// ```
pub fn parse_expr(text: &str) -> Result<Expr, ParseError> {
    finish(text, &Params::default(), |i| {
        let (i, expr) = expr::expr(i)?;
        if i.at_end() { Ok((i, expr)) } else { Err(expected(i, &["EOF"])) }
    })
}

/// Parses a duration (`90s`, `1h30m`, `-5m`), without anything around it.
///
/// # Errors
///
/// [`ParseError`] if it is none, or more than 64 bits of nanoseconds.
pub fn parse_duration(text: &str) -> Result<DurationLiteral, ParseError> {
    finish(text, &Params::default(), |i| {
        let duration = lex::duration_value(text).map_err(|message| cursor::plain(i, message))?;
        Ok((i, duration))
    })
}

/// `query = { ";" } [ statement { ";" { ";" } statement } ] { ";" }`
fn query(mut i: Cursor<'_>) -> Parsed<'_, Query> {
    let mut statements = Vec::new();
    let mut separated = true;
    while !i.at_end() {
        if let (rest, Some(())) = opt(symbol(";")).parse(i)? {
            (i, separated) = (rest, true);
            continue;
        }
        if !separated {
            return Err(expected(i, &[";"]));
        }
        let (rest, next) = statement(i)?;
        statements.push(next);
        (i, separated) = (rest, false);
    }
    Ok((i, Query { statements }))
}

/// `statement = select | delete | show | create | drop | explain | grant | revoke | alter | set | kill`
///
/// The order is that in which InfluxDB lists them when it finds something else.
fn statement(i: Cursor<'_>) -> Parsed<'_, Statement> {
    alt((
        preceded(keyword("SELECT"), cut(select::select))
            .map(|select| Statement::Select(Box::new(select))),
        preceded(keyword("DELETE"), cut(database::delete)),
        preceded(keyword("SHOW"), cut(show::show)),
        preceded(keyword("CREATE"), cut(create)),
        preceded(keyword("DROP"), cut(drop)),
        preceded(keyword("EXPLAIN"), cut(explain)),
        preceded(keyword("GRANT"), cut(user::grant)),
        preceded(keyword("REVOKE"), cut(user::revoke)),
        preceded(keyword("ALTER"), cut(database::alter)),
        preceded(keyword("SET"), cut(user::set_password)),
        preceded(keyword("KILL"), cut(kill)),
    ))
    .parse(i)
}

/// `create = "CREATE" ( continuous_query | database | user | retention_policy | subscription )`
fn create(i: Cursor<'_>) -> Parsed<'_, Statement> {
    alt((
        preceded(keyword("CONTINUOUS"), cut(standing::create_continuous_query)),
        preceded(keyword("DATABASE"), cut(database::create_database)),
        preceded(keyword("USER"), cut(user::create_user)),
        preceded(keyword("RETENTION"), cut(database::create_retention_policy)),
        preceded(keyword("SUBSCRIPTION"), cut(standing::create_subscription)),
    ))
    .parse(i)
}

/// `drop = "DROP" ( continuous_query | database | measurement | policy | series | shard | subscription | user )`
fn drop(i: Cursor<'_>) -> Parsed<'_, Statement> {
    use cursor::{ident, unsigned};
    alt((
        preceded(keyword("CONTINUOUS"), cut(standing::drop_continuous_query)),
        preceded(keyword("DATABASE"), cut(ident)).map(|name| Statement::DropDatabase { name }),
        preceded(keyword("MEASUREMENT"), cut(ident))
            .map(|name| Statement::DropMeasurement { name }),
        preceded(keyword("RETENTION"), cut(database::drop_retention_policy)),
        preceded(keyword("SERIES"), cut(database::drop_series)),
        preceded(keyword("SHARD"), cut(unsigned)).map(|id| Statement::DropShard { id }),
        preceded(keyword("SUBSCRIPTION"), cut(standing::drop_subscription)),
        preceded(keyword("USER"), cut(ident)).map(|name| Statement::DropUser { name }),
    ))
    .parse(i)
}

/// `explain = "EXPLAIN" [ "ANALYZE" ] select`
fn explain(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, analyze) = opt(keyword("ANALYZE")).parse(i)?;
    let (i, select) = preceded(keyword("SELECT"), select::select).parse(i)?;
    Ok((i, Statement::Explain { analyze: analyze.is_some(), select: Box::new(select) }))
}

/// `kill = "KILL" "QUERY" integer [ "ON" ident ]`
fn kill(i: Cursor<'_>) -> Parsed<'_, Statement> {
    let (i, id) = preceded(keyword("QUERY"), cursor::unsigned).parse(i)?;
    let (i, host) = cursor::clause("ON", cursor::ident).parse(i)?;
    Ok((i, Statement::KillQuery { id, host }))
}
