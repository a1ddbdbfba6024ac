//! What is computed within a row: operators and the mathematical functions.
//!
//! The rules are InfluxDB's: division by zero is zero, what it leaves of integers too, and of floats no number; integers wrap; an
//! integer beside a float becomes one; two integers divide to a float in a select list and to an integer in a condition; what cannot be
//! compared is unequal *and* not unequal, that is, every comparison with it is false.

use std::cmp::Ordering;

use stripchart_core::{FieldType, ValueRef};

use crate::ast::BinaryOp;

/// `left op right`; `None` is null.
pub(crate) fn binary<'a>(
    op: BinaryOp,
    left: Option<ValueRef<'a>>,
    right: Option<ValueRef<'a>>,
) -> Option<ValueRef<'a>> {
    use ValueRef::{Boolean, Float, Integer, String, Unsigned};
    if let (BinaryOp::Div, Some(Integer(a)), Some(Integer(b))) = (op, left, right) {
        return Some(Float(if b == 0 { 0.0 } else { a as f64 / b as f64 }));
    }
    match (left, right) {
        // A missing truth value counts as false beside another.
        (None, Some(Boolean(b))) => booleans(op, false, b),
        (Some(Boolean(a)), None) => booleans(op, a, false),
        (Some(Boolean(a)), Some(Boolean(b))) => booleans(op, a, b),
        (Some(Boolean(_)), Some(_))
            if matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor) =>
        {
            Some(Boolean(false))
        }
        (Some(String(a)), Some(String(b))) => compared(
            op,
            match op {
                BinaryOp::Eq | BinaryOp::NotEq => Some(a.cmp(b)),
                _ => None,
            },
        ),
        (Some(Integer(a)), Some(Integer(b))) => integers(op, a, b),
        (Some(Unsigned(a)), Some(Unsigned(b))) => unsigned(op, a, b),
        (Some(Unsigned(a)), Some(Integer(b))) if !op.is_arithmetic() => {
            compared(op, Some(i128::from(a).cmp(&i128::from(b))))
        }
        (Some(Integer(a)), Some(Unsigned(b))) if !op.is_arithmetic() => {
            compared(op, Some(i128::from(a).cmp(&i128::from(b))))
        }
        (Some(Unsigned(a)), Some(Integer(b))) => unsigned(op, a, b.cast_unsigned()),
        (Some(Integer(a)), Some(Unsigned(b))) => unsigned(op, a.cast_unsigned(), b),
        (Some(a), Some(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => floats(op, a, b),
            _ => compared(op, None),
        },
        _ => compared(op, None),
    }
}

/// As [`binary`], but two integers divide to an integer: the rule in conditions.
pub(crate) fn binary_in_condition<'a>(
    op: BinaryOp,
    left: Option<ValueRef<'a>>,
    right: Option<ValueRef<'a>>,
) -> Option<ValueRef<'a>> {
    match (op, left, right) {
        (BinaryOp::Div, Some(ValueRef::Integer(a)), Some(ValueRef::Integer(b))) => {
            Some(ValueRef::Integer(a.checked_div(b).unwrap_or(0)))
        }
        _ => binary(op, left, right),
    }
}

/// A comparison by how the operands are ordered, all false if they are not; null for any other operator.
fn compared(op: BinaryOp, order: Option<Ordering>) -> Option<ValueRef<'static>> {
    let holds = |test: fn(Ordering) -> bool| Some(ValueRef::Boolean(order.is_some_and(test)));
    match op {
        BinaryOp::Eq => holds(Ordering::is_eq),
        BinaryOp::NotEq => holds(Ordering::is_ne),
        BinaryOp::Less => holds(Ordering::is_lt),
        BinaryOp::LessEq => holds(Ordering::is_le),
        BinaryOp::Greater => holds(Ordering::is_gt),
        BinaryOp::GreaterEq => holds(Ordering::is_ge),
        BinaryOp::Match | BinaryOp::NotMatch | BinaryOp::And | BinaryOp::Or => {
            Some(ValueRef::Boolean(false))
        }
        _ => None,
    }
}

fn booleans(op: BinaryOp, a: bool, b: bool) -> Option<ValueRef<'static>> {
    Some(ValueRef::Boolean(match op {
        BinaryOp::And | BinaryOp::BitAnd => a && b,
        BinaryOp::Or | BinaryOp::BitOr => a || b,
        BinaryOp::BitXor | BinaryOp::NotEq => a != b,
        BinaryOp::Eq => a == b,
        _ => return None,
    }))
}

fn integers(op: BinaryOp, a: i64, b: i64) -> Option<ValueRef<'static>> {
    Some(ValueRef::Integer(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Mod => a.checked_rem(b).unwrap_or(0),
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        _ => return compared(op, Some(a.cmp(&b))),
    }))
}

fn unsigned(op: BinaryOp, a: u64, b: u64) -> Option<ValueRef<'static>> {
    Some(ValueRef::Unsigned(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div => a.checked_div(b).unwrap_or(0),
        BinaryOp::Mod => a.checked_rem(b).unwrap_or(0),
        BinaryOp::BitAnd => a & b,
        BinaryOp::BitOr => a | b,
        BinaryOp::BitXor => a ^ b,
        _ => return compared(op, Some(a.cmp(&b))),
    }))
}

fn floats(op: BinaryOp, a: f64, b: f64) -> Option<ValueRef<'static>> {
    Some(ValueRef::Float(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div if b == 0.0 => 0.0,
        BinaryOp::Div => a / b,
        BinaryOp::Mod => a % b,
        BinaryOp::NotEq => return Some(ValueRef::Boolean(a != b)),
        _ => return compared(op, a.partial_cmp(&b)),
    }))
}

/// The mathematical functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MathFunction {
    Abs,
    Acos,
    Asin,
    Atan,
    Atan2,
    Ceil,
    Cos,
    Exp,
    Floor,
    Ln,
    Log,
    Log2,
    Log10,
    Pow,
    Round,
    Sin,
    Sqrt,
    Tan,
}

impl MathFunction {
    /// The function called `name`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "abs" => MathFunction::Abs,
            "acos" => MathFunction::Acos,
            "asin" => MathFunction::Asin,
            "atan" => MathFunction::Atan,
            "atan2" => MathFunction::Atan2,
            "ceil" => MathFunction::Ceil,
            "cos" => MathFunction::Cos,
            "exp" => MathFunction::Exp,
            "floor" => MathFunction::Floor,
            "ln" => MathFunction::Ln,
            "log" => MathFunction::Log,
            "log2" => MathFunction::Log2,
            "log10" => MathFunction::Log10,
            "pow" => MathFunction::Pow,
            "round" => MathFunction::Round,
            "sin" => MathFunction::Sin,
            "sqrt" => MathFunction::Sqrt,
            "tan" => MathFunction::Tan,
            _ => return None,
        })
    }

    /// How many arguments it takes.
    pub(crate) fn arity(self) -> usize {
        match self {
            MathFunction::Atan2 | MathFunction::Log | MathFunction::Pow => 2,
            _ => 1,
        }
    }

    /// Its value; null if an argument is.
    pub(crate) fn apply<'a>(
        self,
        first: Option<ValueRef<'a>>,
        second: Option<ValueRef<'a>>,
    ) -> Option<ValueRef<'a>> {
        match (self, first?) {
            (MathFunction::Abs, ValueRef::Integer(v)) => {
                return Some(ValueRef::Integer(v.wrapping_abs()));
            }
            // Whole numbers are whole already.
            (
                MathFunction::Abs | MathFunction::Ceil | MathFunction::Floor | MathFunction::Round,
                v @ (ValueRef::Integer(_) | ValueRef::Unsigned(_)),
            ) => return Some(v),
            _ => {}
        }
        let (x, y) = (first?.as_f64()?, second.and_then(ValueRef::as_f64));
        Some(ValueRef::Float(match self {
            MathFunction::Abs => x.abs(),
            MathFunction::Acos => x.acos(),
            MathFunction::Asin => x.asin(),
            MathFunction::Atan => x.atan(),
            MathFunction::Atan2 => x.atan2(y?),
            MathFunction::Ceil => x.ceil(),
            MathFunction::Cos => x.cos(),
            MathFunction::Exp => x.exp(),
            MathFunction::Floor => x.floor(),
            MathFunction::Ln => x.ln(),
            MathFunction::Log => x.ln() / y?.ln(),
            MathFunction::Log2 => x.log2(),
            MathFunction::Log10 => x.log10(),
            MathFunction::Pow => x.powf(y?),
            MathFunction::Round => x.round(),
            MathFunction::Sin => x.sin(),
            MathFunction::Sqrt => x.sqrt(),
            MathFunction::Tan => x.tan(),
        }))
    }

    /// The type of its value over a first argument of this type.
    pub(crate) fn output(self, first: FieldType) -> FieldType {
        match self {
            MathFunction::Abs | MathFunction::Ceil | MathFunction::Floor | MathFunction::Round => {
                first
            }
            _ => FieldType::Float,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_follow_the_rules() {
        use BinaryOp::{Add, And, BitAnd, Div, Eq, Less, Mod, NotEq};
        use ValueRef::{Boolean, Float, Integer, String};
        let cases = [
            (Div, Some(Integer(1)), Some(Integer(2)), Some(Float(0.5))),
            (Div, Some(Integer(1)), Some(Integer(0)), Some(Float(0.0))),
            (Div, Some(Float(1.0)), Some(Integer(0)), Some(Float(0.0))),
            (Mod, Some(Integer(1)), Some(Integer(0)), Some(Integer(0))),
            (Mod, Some(Float(5.5)), Some(Integer(2)), Some(Float(1.5))),
            (Add, Some(Integer(i64::MAX)), Some(Integer(1)), Some(Integer(i64::MIN))),
            (Add, Some(Integer(1)), Some(Float(0.5)), Some(Float(1.5))),
            (Add, None, Some(Integer(1)), None),
            (BitAnd, Some(Integer(6)), Some(Integer(3)), Some(Integer(2))),
            (Less, Some(Integer(1)), Some(Float(1.5)), Some(Boolean(true))),
            (NotEq, Some(String("a")), Some(Integer(1)), Some(Boolean(false))),
            (NotEq, None, Some(Integer(1)), Some(Boolean(false))),
            (Less, Some(String("a")), Some(String("b")), Some(Boolean(false))),
            (Less, Some(Integer(-1)), Some(ValueRef::Unsigned(0)), Some(Boolean(true))),
            (NotEq, Some(ValueRef::Unsigned(u64::MAX)), Some(Integer(-1)), Some(Boolean(true))),
            (Add, Some(ValueRef::Unsigned(1)), Some(Integer(2)), Some(ValueRef::Unsigned(3))),
            (Eq, None, Some(Boolean(false)), Some(Boolean(true))),
            (BitAnd, Some(Boolean(true)), Some(Integer(1)), Some(Boolean(false))),
            (BitAnd, Some(Integer(1)), Some(Boolean(true)), None),
            (And, Some(Boolean(true)), Some(Boolean(false)), Some(Boolean(false))),
        ];
        for (op, left, right, want) in cases {
            assert_eq!(binary(op, left, right), want, "{left:?} {op} {right:?}");
        }
        assert_eq!(binary_in_condition(Div, Some(Integer(3)), Some(Integer(2))), Some(Integer(1)));
    }

    #[test]
    fn functions_keep_integers_where_they_can() {
        let cases = [
            ("abs", ValueRef::Integer(-3), ValueRef::Integer(3)),
            ("round", ValueRef::Float(-2.5), ValueRef::Float(-3.0)),
            ("ceil", ValueRef::Float(1.2), ValueRef::Float(2.0)),
            ("sqrt", ValueRef::Integer(9), ValueRef::Float(3.0)),
        ];
        for (name, argument, want) in cases {
            let f = MathFunction::from_name(name).unwrap();
            assert_eq!(f.apply(Some(argument), None), Some(want), "{name}");
        }
        let pow = MathFunction::Pow.apply(Some(ValueRef::Integer(2)), Some(ValueRef::Integer(10)));
        assert_eq!(pow, Some(ValueRef::Float(1024.0)));
        assert_eq!(MathFunction::Pow.apply(Some(ValueRef::Integer(2)), None), None);
    }
}
