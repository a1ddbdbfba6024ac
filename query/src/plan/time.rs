//! Instants in conditions: which stretch of time a statement is about.
//!
//! Comparisons of `time` may only be joined by `AND`. InfluxDB takes them out of the condition wherever they stand and
//! intersects them, those joined by `OR` too; so does this.

use stripchart_core::Timestamp;

use super::instant::parse_instant;
use crate::QueryError;
use crate::ast::{BinaryOp, Expr};
use crate::zone::Zone;

/// The least instant InfluxDB knows, which stands for "no lower bound".
pub(crate) const MIN_TIME: i64 = Timestamp::MIN.nanos();
/// The greatest instant InfluxDB knows.
pub(crate) const MAX_TIME: i64 = Timestamp::MAX.nanos();

/// A stretch of time, both ends inside; absent ends are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TimeBounds {
    pub min: Option<i64>,
    pub max: Option<i64>,
}

impl TimeBounds {
    /// What lies in both.
    pub(crate) fn intersect(self, other: TimeBounds) -> TimeBounds {
        let tighter = |a: Option<i64>, b: Option<i64>, pick: fn(i64, i64) -> i64| match (a, b) {
            (Some(a), Some(b)) => Some(pick(a, b)),
            (a, b) => a.or(b),
        };
        TimeBounds {
            min: tighter(self.min, other.min, i64::max),
            max: tighter(self.max, other.max, i64::min),
        }
    }
}

/// Splits a condition into what it says of time and the rest.
///
/// Dates without a zone of their own are of `zone`.
pub(crate) fn split_condition(
    condition: &Expr,
    now: Timestamp,
    zone: Option<Zone>,
) -> Result<(Option<Expr>, TimeBounds), QueryError> {
    match condition {
        Expr::Paren(inner) => {
            let (rest, bounds) = split_condition(inner, now, zone)?;
            Ok((rest.map(|rest| Expr::Paren(Box::new(rest))), bounds))
        }
        Expr::Binary(binary) if matches!(binary.op, BinaryOp::And | BinaryOp::Or) => {
            let (left, left_bounds) = split_condition(&binary.left, now, zone)?;
            let (right, right_bounds) = split_condition(&binary.right, now, zone)?;
            let rest = match (left, right) {
                (Some(left), Some(right)) => Some(Expr::binary(binary.op, left, right)),
                (left, right) => left.or(right),
            };
            Ok((rest, left_bounds.intersect(right_bounds)))
        }
        Expr::Binary(binary) if is_time(&binary.left) => {
            Ok((None, comparison(binary.op, &binary.right, (now, zone))?))
        }
        Expr::Binary(binary) if is_time(&binary.right) => {
            Ok((None, comparison(mirrored(binary.op), &binary.left, (now, zone))?))
        }
        Expr::Binary(_) | Expr::Boolean(_) => Ok((Some(condition.clone()), TimeBounds::default())),
        other => Err(QueryError::invalid(format!("invalid condition expression: {other}"))),
    }
}

/// Whether a condition compares `time` anywhere.
pub(crate) fn mentions_time(condition: &Expr) -> bool {
    let mut found = false;
    condition.walk(&mut |expr| found |= is_time(expr));
    found
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Variable(variable) if variable.name.eq_ignore_ascii_case("time"))
}

/// The operator with its operands exchanged.
fn mirrored(op: BinaryOp) -> BinaryOp {
    match op {
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEq => BinaryOp::GreaterEq,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEq => BinaryOp::LessEq,
        op => op,
    }
}

/// What `now()` means, and the zone of dates.
type Clocks = (Timestamp, Option<Zone>);

fn comparison(op: BinaryOp, right: &Expr, clocks: Clocks) -> Result<TimeBounds, QueryError> {
    let at = match evaluate(right, clocks)? {
        Moment::Instant(at) | Moment::Span(at) => at,
        Moment::Number(at) => crate::functions::truncate(at),
    };
    if at > MAX_TIME {
        return Err(QueryError::invalid(format!("time {right} overflows time literal")));
    }
    if at < MIN_TIME + 1 && !matches!(right, Expr::Integer(_)) {
        return Err(QueryError::invalid(format!("time {right} underflows time literal")));
    }
    let bounds = |min, max| Ok(TimeBounds { min, max });
    match op {
        BinaryOp::Eq => bounds(Some(at), Some(at)),
        BinaryOp::Less => bounds(None, Some(at.saturating_sub(1))),
        BinaryOp::LessEq => bounds(None, Some(at)),
        BinaryOp::Greater => bounds(Some(at.saturating_add(1)), None),
        BinaryOp::GreaterEq => bounds(Some(at), None),
        op => Err(QueryError::invalid(format!("invalid time comparison operator: {op}"))),
    }
}

/// What an expression about time may come to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    /// Nanoseconds since the epoch.
    Instant(i64),
    /// A duration, or a whole number.
    Span(i64),
    Number(f64),
}

fn evaluate(expr: &Expr, clocks: Clocks) -> Result<Moment, QueryError> {
    match expr {
        Expr::Paren(inner) => evaluate(inner, clocks),
        Expr::Integer(value) => Ok(Moment::Span(*value)),
        Expr::Duration(value) => Ok(Moment::Span(value.nanos())),
        Expr::Number(value) => Ok(Moment::Number(*value)),
        Expr::Call(call) if call.name == "now" && call.args.is_empty() => {
            Ok(Moment::Instant(clocks.0.nanos()))
        }
        Expr::String(text) => match parse_instant(text, clocks.1) {
            Some(at) => at.map(Moment::Instant),
            None => Err(incompatible(expr)),
        },
        Expr::Binary(binary) => {
            let (left, right) = (evaluate(&binary.left, clocks)?, evaluate(&binary.right, clocks)?);
            arithmetic(binary.op, left, right).ok_or_else(|| incompatible(expr))
        }
        other => Err(incompatible(other)),
    }
}

fn arithmetic(op: BinaryOp, left: Moment, right: Moment) -> Option<Moment> {
    use Moment::{Instant, Number, Span};
    Some(match (op, left, right) {
        (BinaryOp::Add, Instant(a), Span(b)) | (BinaryOp::Add, Span(a), Instant(b)) => {
            Instant(a.saturating_add(b))
        }
        (BinaryOp::Sub, Instant(a), Span(b)) => Instant(a.saturating_sub(b)),
        (BinaryOp::Sub, Instant(a), Instant(b)) => Span(a.saturating_sub(b)),
        (BinaryOp::Add, Span(a), Span(b)) => Span(a.saturating_add(b)),
        (BinaryOp::Sub, Span(a), Span(b)) => Span(a.saturating_sub(b)),
        (BinaryOp::Mul, Span(a), Span(b)) => Span(a.saturating_mul(b)),
        (BinaryOp::Div, Span(a), Span(b)) => Span(a.checked_div(b).unwrap_or(0)),
        (BinaryOp::Mul, Span(a), Number(b)) | (BinaryOp::Mul, Number(b), Span(a)) => {
            Span(crate::functions::truncate(a as f64 * b))
        }
        (BinaryOp::Div, Span(a), Number(b)) if b != 0.0 => {
            Span(crate::functions::truncate(a as f64 / b))
        }
        _ => return None,
    })
}

/// InfluxDB names the Go type here.
fn incompatible(expr: &Expr) -> QueryError {
    let found = super::go_type(expr);
    QueryError::invalid(format!("invalid operation: time and {found} are not compatible"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::VarRef;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000_000);

    fn time(op: BinaryOp, right: Expr) -> Expr {
        let time = Expr::Variable(VarRef { name: "time".into(), cast: None });
        Expr::binary(op, time, right)
    }

    fn text(text: &str) -> Expr {
        Expr::String(text.into())
    }

    #[test]
    fn time_is_taken_out_of_the_condition() {
        let tag = Expr::binary(
            BinaryOp::Eq,
            Expr::Variable(VarRef { name: "host".into(), cast: None }),
            text("a"),
        );
        let lower = time(BinaryOp::GreaterEq, text("2000-01-01"));
        let upper = time(BinaryOp::Less, Expr::Integer(100));
        let all = Expr::binary(BinaryOp::And, tag.clone(), lower);
        let all = Expr::Paren(Box::new(Expr::binary(BinaryOp::And, all, upper)));
        let (rest, bounds) = split_condition(&all, NOW, None).unwrap();
        assert_eq!(rest, Some(Expr::Paren(Box::new(tag))));
        assert_eq!(bounds, TimeBounds { min: Some(946_684_800_000_000_000), max: Some(99) });
    }

    #[test]
    fn now_can_be_reckoned_with() {
        let now = Expr::Call(crate::ast::Call { name: "now".into(), args: vec![] });
        let hour = Expr::Duration("1h".parse().unwrap());
        let expr = Expr::binary(BinaryOp::Sub, now, hour);
        let (_, bounds) = split_condition(&time(BinaryOp::Greater, expr), NOW, None).unwrap();
        assert_eq!(bounds.min, Some((1_000_000_000 - 3600) * 1_000_000_000 + 1));
    }

    #[test]
    fn what_cannot_be_compared_with_time() {
        let error = |expr: Expr| split_condition(&expr, NOW, None).unwrap_err().to_string();
        assert_eq!(
            error(time(BinaryOp::Eq, text("x"))),
            "invalid operation: time and *influxql.StringLiteral are not compatible"
        );
        assert_eq!(
            error(time(BinaryOp::NotEq, Expr::Integer(1))),
            "invalid time comparison operator: !="
        );
        assert_eq!(error(time(BinaryOp::Eq, text("2000-13-01"))), "invalid timestamp string");
    }
}
