//! `SHOW MEASUREMENTS`.
//!
//! Its conditions are about measurements, not series: `region !~ /x/` asks for those none of whose series has a region
//! that matches, and a measurement without the tag fulfils no condition on it.

use std::collections::BTreeSet;

use stripchart_core::Frame;
use stripchart_storage::TagFilter;

use super::{Scope, page, texts};
use crate::QueryError;
use crate::ast::{BinaryOp, DataType, Expr, Measurement, MeasurementName, ShowClauses, VarRef};

pub(super) fn show(
    scope: &Scope<'_>,
    measurement: Option<&Measurement>,
    clauses: &ShowClauses,
) -> Result<Vec<Frame>, QueryError> {
    let mut names: BTreeSet<String> = match &clauses.condition {
        Some(condition) => fulfilling(scope, condition)?,
        None => all(scope)?,
    };
    match measurement.map(|measurement| &measurement.name) {
        Some(MeasurementName::Name(name)) => names.retain(|known| known == name),
        Some(MeasurementName::Regex(regex)) => {
            let regex = regex.compile().map_err(|e| QueryError::invalid(e.to_string()))?;
            names.retain(|known| regex.is_match(known));
        }
        None => {}
    }
    let names = page(&names, clauses.limit, clauses.offset);
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let names = names.into_iter().map(String::as_str);
    Ok(vec![Frame::new("measurements").column(texts("name", names))])
}

fn all(scope: &Scope<'_>) -> Result<BTreeSet<String>, QueryError> {
    let mut names = BTreeSet::new();
    for (_, view) in &scope.views {
        names.extend(view.measurements().map_err(QueryError::storage)?);
    }
    Ok(names)
}

fn fulfilling(scope: &Scope<'_>, condition: &Expr) -> Result<BTreeSet<String>, QueryError> {
    match condition {
        Expr::Paren(inner) => fulfilling(scope, inner),
        Expr::Binary(binary) => match binary.op {
            BinaryOp::And => {
                let right = fulfilling(scope, &binary.right)?;
                let left = fulfilling(scope, &binary.left)?;
                Ok(left.into_iter().filter(|name| right.contains(name)).collect())
            }
            BinaryOp::Or => {
                let mut either = fulfilling(scope, &binary.left)?;
                either.extend(fulfilling(scope, &binary.right)?);
                Ok(either)
            }
            op => comparison(scope, op, &binary.left, &binary.right),
        },
        other => Err(QueryError::invalid(match in_go(other) {
            Some(text) => text,
            None => format!("invalid condition expression: {other}"),
        })),
    }
}

/// How Go prints what is no comparison, which is all that InfluxDB says of it.
fn in_go(expr: &Expr) -> Option<String> {
    Some(match expr {
        Expr::Variable(VarRef { name, cast }) => {
            let number = match cast {
                None => 0,
                Some(DataType::Float) => 1,
                Some(DataType::Integer) => 2,
                Some(DataType::String) => 3,
                Some(DataType::Boolean) => 4,
                Some(DataType::Tag) => 7,
                Some(DataType::Field) => 8,
                Some(DataType::Unsigned) => 9,
            };
            format!("&influxql.VarRef{{Val:{name:?}, Type:{number}}}")
        }
        Expr::String(text) => format!("&influxql.StringLiteral{{Val:{text:?}}}"),
        Expr::Boolean(value) => format!("&influxql.BooleanLiteral{{Val:{value}}}"),
        Expr::Integer(value) => format!("&influxql.IntegerLiteral{{Val:{value}}}"),
        Expr::Number(value) => format!("&influxql.NumberLiteral{{Val:{value}}}"),
        _ => return None,
    })
}

fn comparison(
    scope: &Scope<'_>,
    op: BinaryOp,
    left: &Expr,
    right: &Expr,
) -> Result<BTreeSet<String>, QueryError> {
    use BinaryOp::{Eq, Match, NotEq, NotMatch};
    if !matches!(op, Eq | NotEq | Match | NotMatch) {
        return Err(QueryError::invalid("invalid tag comparison operator"));
    }
    let Expr::Variable(tag) = left else {
        return Err(QueryError::invalid(format!("left side of '{op}' must be a tag key")));
    };
    let test: Box<dyn Fn(&str) -> bool> = match (op, right) {
        (Match | NotMatch, Expr::Regex(regex)) => {
            let regex = regex.compile().map_err(|e| QueryError::invalid(e.to_string()))?;
            Box::new(move |value| regex.is_match(value))
        }
        (Match | NotMatch, _) => {
            return Err(QueryError::invalid(format!(
                "right side of '{op}' must be a regular expression"
            )));
        }
        (Eq | NotEq, Expr::String(text)) => {
            let text = text.clone();
            Box::new(move |value| value == text)
        }
        _ => {
            return Err(QueryError::invalid(format!(
                "right side of '{op}' must be a tag value string"
            )));
        }
    };
    let wanted = matches!(op, Eq | Match);
    let mut names = BTreeSet::new();
    for name in all(scope)? {
        let mut series = Vec::new();
        for (_, view) in &scope.views {
            series.extend(view.series(&name, &TagFilter::All).map_err(QueryError::storage)?);
        }
        let mut values = series.iter().filter_map(|series| series.key().tag(&tag.name));
        let Some(first) = values.next() else { continue };
        if (test(first) || values.any(&test)) == wanted {
            names.insert(name);
        }
    }
    Ok(names)
}
