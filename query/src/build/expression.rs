//! What is selected and what is asked of rows.

use std::fmt;
use std::ops::{Add, Div, Mul, Rem, Sub};
use std::time::Duration;

use stripchart_core::{DurationLiteral, FieldValue};

use crate::ast::{BinaryOp, Call, DataType, Expr, Field, Regex, VarRef};

/// A field, a tag, a number, a function of those, or a sum of those.
///
/// A text becomes the field of that name, a number itself. Arithmetic is written as in Rust, and parentheses are set
/// where InfluxQL needs them.
///
/// ```
/// use stripchart_query::build::{field, max, mean};
/// let free = (max("total") - mean("used")) / field("total") * 100.0;
/// assert_eq!(free.to_string(), "(max(total) - mean(used)) / total * 100.000");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Expression(pub(super) Expr);

impl Expression {
    /// The same under another name.
    #[must_use]
    pub fn alias(self, name: impl Into<String>) -> Selected {
        Selected(Field { expr: self.0, alias: Some(name.into()) })
    }

    /// Rows in which it equals `value`.
    #[must_use]
    pub fn is(self, value: impl Into<Literal>) -> Condition {
        self.compare(BinaryOp::Eq, value)
    }

    /// Rows in which it does not equal `value`; of a field only rows that have it, of a tag those without it too.
    #[must_use]
    pub fn is_not(self, value: impl Into<Literal>) -> Condition {
        self.compare(BinaryOp::NotEq, value)
    }

    /// Rows in which it is less than `value`.
    #[must_use]
    pub fn less_than(self, value: impl Into<Literal>) -> Condition {
        self.compare(BinaryOp::Less, value)
    }

    /// Rows in which it is `value` or less.
    #[must_use]
    pub fn at_most(self, value: impl Into<Literal>) -> Condition {
        self.compare(BinaryOp::LessEq, value)
    }

    /// Rows in which it is greater than `value`.
    #[must_use]
    pub fn greater_than(self, value: impl Into<Literal>) -> Condition {
        self.compare(BinaryOp::Greater, value)
    }

    /// Rows in which it is `value` or greater.
    #[must_use]
    pub fn at_least(self, value: impl Into<Literal>) -> Condition {
        self.compare(BinaryOp::GreaterEq, value)
    }

    /// Rows in which the text matches `pattern`, a regular expression in RE2's syntax, anywhere in it.
    #[must_use]
    pub fn matches(self, pattern: impl Into<String>) -> Condition {
        Condition(Expr::binary(BinaryOp::Match, self.0, Expr::Regex(Regex::new(pattern))))
    }

    /// Rows in which the text does not match `pattern`.
    #[must_use]
    pub fn does_not_match(self, pattern: impl Into<String>) -> Condition {
        Condition(Expr::binary(BinaryOp::NotMatch, self.0, Expr::Regex(Regex::new(pattern))))
    }

    fn compare(self, op: BinaryOp, value: impl Into<Literal>) -> Condition {
        Condition(Expr::binary(op, self.0, value.into().0))
    }

    fn arithmetic(self, op: BinaryOp, right: Expression) -> Expression {
        let enclosed = |expr: Expr, encloses: bool| match &expr {
            Expr::Binary(binary) if encloses || binary.op.precedence() < op.precedence() => {
                Expr::Paren(Box::new(expr))
            }
            _ => expr,
        };
        // Operators of one kind bind to the left, so on the right even those are enclosed.
        Expression(Expr::binary(op, enclosed(self.0, false), enclosed(right.0, true)))
    }
}

/// What an expression is compared with: a number, a text or a truth value.
#[derive(Debug, Clone, PartialEq)]
pub struct Literal(Expr);

impl From<f64> for Literal {
    /// The number, which should be finite.
    fn from(value: f64) -> Self {
        Literal(Expr::Number(value))
    }
}

impl From<i64> for Literal {
    fn from(value: i64) -> Self {
        Literal(Expr::Integer(value))
    }
}

impl From<bool> for Literal {
    fn from(value: bool) -> Self {
        Literal(Expr::Boolean(value))
    }
}

impl From<&str> for Literal {
    fn from(value: &str) -> Self {
        Literal(Expr::String(value.to_owned()))
    }
}

impl From<String> for Literal {
    fn from(value: String) -> Self {
        Literal(Expr::String(value))
    }
}

impl From<FieldValue> for Literal {
    fn from(value: FieldValue) -> Self {
        match value {
            FieldValue::Float(value) => value.into(),
            FieldValue::Integer(value) => value.into(),
            // Small ones are integers, as the parser has it.
            FieldValue::Unsigned(value) => {
                Literal(i64::try_from(value).map_or(Expr::Unsigned(value), Expr::Integer))
            }
            FieldValue::Boolean(value) => value.into(),
            FieldValue::String(value) => value.into(),
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<&str> for Expression {
    /// The field of that name.
    fn from(name: &str) -> Self {
        field(name)
    }
}

impl From<String> for Expression {
    /// The field of that name.
    fn from(name: String) -> Self {
        field(name)
    }
}

impl From<f64> for Expression {
    /// The number, which should be finite.
    fn from(value: f64) -> Self {
        Expression(Expr::Number(value))
    }
}

impl From<i64> for Expression {
    fn from(value: i64) -> Self {
        Expression(Expr::Integer(value))
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $op:ident;)*) => {$(
        impl<R: Into<Expression>> $trait<R> for Expression {
            type Output = Expression;

            fn $method(self, right: R) -> Expression {
                self.arithmetic(BinaryOp::$op, right.into())
            }
        }
    )*};
}

operators! {
    Add add Add;
    Sub sub Sub;
    Mul mul Mul;
    Div div Div;
    Rem rem Mod;
}

/// One selected column: an expression, perhaps under another name.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected(pub(super) Field);

impl<E: Into<Expression>> From<E> for Selected {
    fn from(expression: E) -> Self {
        Selected(Field { expr: expression.into().0, alias: None })
    }
}

/// What rows must fulfil.
///
/// ```
/// use stripchart_query::build::{field, tag};
/// let busy = tag("host").is("a").and(field("usage").greater_than(90.0).or(field("steal").at_least(5_i64)));
/// assert_eq!(busy.to_string(), "host::tag = 'a' AND (usage > 90.000 OR steal >= 5)");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(pub(super) Expr);

impl Condition {
    /// Both.
    #[must_use]
    pub fn and(self, other: Condition) -> Condition {
        self.join(BinaryOp::And, other)
    }

    /// One or the other.
    #[must_use]
    pub fn or(self, other: Condition) -> Condition {
        self.join(BinaryOp::Or, other)
    }

    /// Any of `conditions`, none if there are none; nested no deeper than need be.
    pub(super) fn any(mut conditions: Vec<Condition>) -> Condition {
        match conditions.len() {
            0 => Condition(Expr::Boolean(false)),
            1 => conditions.remove(0),
            count => {
                let rest = conditions.split_off(count / 2);
                Condition::any(conditions).or(Condition::any(rest))
            }
        }
    }

    fn join(self, op: BinaryOp, other: Condition) -> Condition {
        // The other kind is enclosed even where it need not be: it reads better.
        let enclosed = |expr: Expr| match &expr {
            Expr::Binary(binary)
                if matches!(binary.op, BinaryOp::And | BinaryOp::Or) && binary.op != op =>
            {
                Expr::Paren(Box::new(expr))
            }
            _ => expr,
        };
        Condition(Expr::binary(op, enclosed(self.0), enclosed(other.0)))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The field called `name`; if there is none, the tag of that name.
#[must_use]
pub fn field(name: impl Into<String>) -> Expression {
    Expression(Expr::Variable(VarRef { name: name.into(), cast: None }))
}

/// The tag called `name`, also where a field has the same name.
#[must_use]
pub fn tag(name: impl Into<String>) -> Expression {
    Expression(Expr::Variable(VarRef { name: name.into(), cast: Some(DataType::Tag) }))
}

/// Any function of InfluxQL by its name: those that have no function of their own here, such as
/// `call("holt_winters", [mean("load"), 10.into(), 4.into()])`.
#[must_use]
pub fn call(
    name: impl Into<String>,
    arguments: impl IntoIterator<Item = Expression>,
) -> Expression {
    let args = arguments.into_iter().map(|argument| argument.0).collect();
    Expression(Expr::Call(Call { name: name.into().to_lowercase(), args }))
}

fn call_with_number(name: &str, of: impl Into<Expression>, number: Expr) -> Expression {
    call(name, [of.into(), Expression(number)])
}

/// An integer literal; more than 2^63 - 1 is as good as that.
fn whole(n: usize) -> Expr {
    Expr::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

pub(super) fn duration(duration: Duration) -> Expr {
    let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    Expr::Duration(DurationLiteral::from_nanos(nanos))
}

macro_rules! functions {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => {$(
        $(#[doc = $doc])+
        #[must_use]
        pub fn $name(of: impl Into<Expression>) -> Expression {
            call(stringify!($name), [of.into()])
        }
    )*};
}

functions! {
    /// How many values there are. Empty windows count zero.
    count;
    /// The values, each once.
    distinct;
    /// The earliest value.
    first;
    /// The latest value.
    last;
    /// The greatest value.
    max;
    /// The least value.
    min;
    /// The arithmetic mean, a float.
    mean;
    /// The middle value, a float; of an even number of values the mean of the middle two.
    median;
    /// The most frequent value.
    mode;
    /// The greatest less the least.
    spread;
    /// The standard deviation of the sample.
    stddev;
    /// The sum; integers wrap.
    sum;
    /// What each value is more than the one before.
    difference;
    /// As [`difference`], without what is negative.
    non_negative_difference;
    /// The sum of all values up to each.
    cumulative_sum;
}

macro_rules! counted {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => {$(
        $(#[doc = $doc])+
        #[must_use]
        pub fn $name(of: impl Into<Expression>, n: usize) -> Expression {
            call_with_number(stringify!($name), of, whole(n))
        }
    )*};
}

counted! {
    /// The mean of the last `n` values.
    moving_average;
    /// The `n` greatest values.
    top;
    /// The `n` least values.
    bottom;
    /// `n` values drawn at random.
    sample;
}

macro_rules! per_unit {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => {$(
        $(#[doc = $doc])+
        #[must_use]
        pub fn $name(of: impl Into<Expression>, unit: Duration) -> Expression {
            call_with_number(stringify!($name), of, duration(unit))
        }
    )*};
}

per_unit! {
    /// The change per `unit` from each value to the next.
    derivative;
    /// As [`derivative`], without what is negative: the rate of a counter that may be reset.
    non_negative_derivative;
    /// The time from each value to the next, in `unit`s, an integer.
    elapsed;
    /// The area under the values, in value times `unit`.
    integral;
}

/// The value below which `percent` of the values lie, by nearest rank.
#[must_use]
pub fn percentile(of: impl Into<Expression>, percent: f64) -> Expression {
    call_with_number("percentile", of, Expr::Number(percent))
}
