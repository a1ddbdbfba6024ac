//! What is constant in an expression, reckoned out before anything else is asked of it.
//!
//! InfluxDB does so with each column of a select list: `f + round(-1)` is `f + -1` to every later check, to the messages of
//! the checks, and to the column's name, `f`. Parentheses stay only around operations.

use crate::ast::{BinaryOp, Call, Expr, Select};
use crate::functions::{MathFunction, binary};

use super::node::literal;
use stripchart_core::{DurationLiteral, FieldValue, ValueRef};

/// `select` with a reduced select list.
pub(super) fn reduced_list(select: &Select) -> Select {
    let mut select = select.clone();
    for field in &mut select.fields {
        field.expr = match reduced(&field.expr) {
            Expr::Paren(inner) => *inner,
            expr => expr,
        };
    }
    select
}

/// Whether it is a constant by itself.
pub(super) fn is_literal(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::Number(_)
            | Expr::Integer(_)
            | Expr::Unsigned(_)
            | Expr::String(_)
            | Expr::Boolean(_)
            | Expr::Duration(_)
    )
}

fn reduced(expr: &Expr) -> Expr {
    match expr {
        Expr::Paren(inner) => match reduced(inner) {
            inner @ Expr::Binary(_) => Expr::Paren(Box::new(inner)),
            inner => inner,
        },
        Expr::Binary(both) => {
            let (left, right) = (reduced(&both.left), reduced(&both.right));
            constant(both.op, &left, &right).unwrap_or_else(|| Expr::binary(both.op, left, right))
        }
        Expr::Call(call) => {
            let args: Vec<Expr> = call.args.iter().map(reduced).collect();
            value(&call.name, &args)
                .unwrap_or_else(|| Expr::Call(Call { name: call.name.clone(), args }))
        }
        other => other.clone(),
    }
}

/// What two literals come to; `None` if they do not go together, or are none.
fn constant(op: BinaryOp, left: &Expr, right: &Expr) -> Option<Expr> {
    match (left, right) {
        (Expr::String(a), Expr::String(b)) if op == BinaryOp::Add => {
            Some(Expr::String(format!("{a}{b}")))
        }
        (Expr::Duration(a), Expr::Duration(b)) => {
            let nanos = match op {
                BinaryOp::Add => a.nanos().wrapping_add(b.nanos()),
                BinaryOp::Sub => a.nanos().wrapping_sub(b.nanos()),
                _ => return None,
            };
            Some(Expr::Duration(DurationLiteral::from_nanos(nanos)))
        }
        _ => {
            let (left, right) = (number(left)?, number(right)?);
            written(binary(op, Some(left.as_ref()), Some(right.as_ref()))?)
        }
    }
}

/// What a mathematical function comes to over numbers.
fn value(name: &str, args: &[Expr]) -> Option<Expr> {
    let function = MathFunction::from_name(name).filter(|f| f.arity() == args.len())?;
    let first = number(args.first()?)?;
    let second = args.get(1).map(number);
    if matches!(second, Some(None)) {
        return None;
    }
    let second = second.flatten();
    written(function.apply(Some(first.as_ref()), second.as_ref().map(FieldValue::as_ref))?)
}

fn number(expr: &Expr) -> Option<FieldValue> {
    literal(expr).filter(|value| value.field_type().is_numeric())
}

fn written(value: ValueRef<'_>) -> Option<Expr> {
    Some(match value {
        ValueRef::Float(value) => Expr::Number(value),
        ValueRef::Integer(value) => Expr::Integer(value),
        ValueRef::Unsigned(value) => Expr::Unsigned(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_constant_is_reckoned_out() {
        let cases = [
            ("f + round(-1)", "f + -1"),
            ("(f)", "f"),
            ("(f * 2) + (1 + 2)", "(f * 2) + 3"),
            ("-(3) * f", "-3 * f"),
            ("pow(2, 3)", "8.000"),
            ("pow(2, f)", "pow(2, f)"),
            ("pow(2)", "pow(2)"),
            ("1 / 2", "0.500"),
            ("7 % 0", "0"),
            ("mean((f))", "mean(f)"),
            ("1m + 30s", "90s"),
            ("'a' - 1", "'a' - 1"),
        ];
        for (text, want) in cases {
            let got = reduced(&crate::parse_expr(text).unwrap());
            assert_eq!(got.to_string(), want, "{text}");
        }
    }
}
