//! Expressions.

use std::fmt;

use stripchart_core::{DurationLiteral, FieldType};

use super::quote::{Ident, quote_string};

/// An expression: what is selected, what is asked of a row, what rows are grouped by.
///
/// The same type serves all three places, as in InfluxDB; which forms make sense where is the planner's business.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Expr {
    /// `*`, `*::field` or `*::tag`.
    Wildcard(Option<WildcardKind>),
    /// A field, a tag or `time`.
    Variable(VarRef),
    /// A number with a decimal point.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// A whole number above 2^63 - 1.
    Unsigned(u64),
    /// `'...'`; an instant, too, is written as a string.
    String(String),
    /// `true` or `false`.
    Boolean(bool),
    /// `10s`; may be negative.
    Duration(DurationLiteral),
    /// `/.../`.
    Regex(Regex),
    /// `name(arguments)`; the name is in lower case.
    Call(Call),
    /// `DISTINCT name` without parentheses; with them it is a [`Call`] of `distinct`.
    Distinct(String),
    /// `left operator right`.
    Binary(Box<BinaryExpr>),
    /// `(inner)`: kept, since the canonical text shows it.
    Paren(Box<Expr>),
}

impl Expr {
    /// `left op right`.
    #[must_use]
    pub fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
        Expr::Binary(Box::new(BinaryExpr { op, left, right }))
    }

    /// The expression inside any number of parentheses.
    #[must_use]
    pub fn unparenthesized(&self) -> &Expr {
        let mut expr = self;
        while let Expr::Paren(inner) = expr {
            expr = inner;
        }
        expr
    }

    /// Calls `visit` with this expression and everything in it, parents before children, left before right.
    pub fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Expr)) {
        visit(self);
        match self {
            Expr::Call(call) => call.args.iter().for_each(|arg| arg.walk(visit)),
            Expr::Binary(binary) => {
                binary.left.walk(visit);
                binary.right.walk(visit);
            }
            Expr::Paren(inner) => inner.walk(visit),
            _ => {}
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Wildcard(None) => f.write_str("*"),
            Expr::Wildcard(Some(kind)) => write!(f, "*::{kind}"),
            Expr::Variable(variable) => variable.fmt(f),
            Expr::Number(value) => fmt_number(f, *value),
            Expr::Integer(value) => value.fmt(f),
            Expr::Unsigned(value) => value.fmt(f),
            Expr::String(value) => f.write_str(&quote_string(value)),
            Expr::Boolean(value) => value.fmt(f),
            Expr::Duration(value) => value.fmt(f),
            Expr::Regex(regex) => regex.fmt(f),
            Expr::Call(call) => call.fmt(f),
            Expr::Distinct(name) => write!(f, "DISTINCT {}", Ident(name)),
            Expr::Binary(binary) => binary.fmt(f),
            Expr::Paren(inner) => write!(f, "({inner})"),
        }
    }
}

/// At least three decimals, as InfluxDB prints, and as many as it takes to read the same number back.
fn fmt_number(f: &mut fmt::Formatter<'_>, value: f64) -> fmt::Result {
    let shortest = value.to_string();
    match shortest.split_once('.') {
        Some((_, decimals)) if decimals.len() >= 3 => f.write_str(&shortest),
        _ => write!(f, "{value:.3}"),
    }
}

/// What a wildcard is restricted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WildcardKind {
    /// `*::field`.
    Field,
    /// `*::tag`.
    Tag,
}

impl fmt::Display for WildcardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WildcardKind::Field => "field",
            WildcardKind::Tag => "tag",
        })
    }
}

/// A name that stands for a column: `usage_idle`, `"usage_idle"::float`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VarRef {
    /// The name; a dotted one (`a.b`) is one name with dots in it.
    pub name: String,
    /// What follows `::`.
    pub cast: Option<DataType>,
}

impl fmt::Display for VarRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ident(&self.name).fmt(f)?;
        self.cast.map_or(Ok(()), |cast| write!(f, "::{cast}"))
    }
}

/// What may follow `::` after a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataType {
    /// `::float`
    Float,
    /// `::integer`
    Integer,
    /// `::unsigned`
    Unsigned,
    /// `::string`
    String,
    /// `::boolean`
    Boolean,
    /// `::field`: the field of that name, of whatever type, not the tag.
    Field,
    /// `::tag`: the tag of that name, not the field.
    Tag,
}

impl DataType {
    /// The type of the values of a field so cast; `None` for what is said of fields and tags as such.
    pub(crate) fn value_type(self) -> Option<FieldType> {
        match self {
            DataType::Float => Some(FieldType::Float),
            DataType::Integer => Some(FieldType::Integer),
            DataType::Unsigned => Some(FieldType::Unsigned),
            DataType::String => Some(FieldType::String),
            DataType::Boolean => Some(FieldType::Boolean),
            DataType::Field | DataType::Tag => None,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DataType::Float => "float",
            DataType::Integer => "integer",
            DataType::Unsigned => "unsigned",
            DataType::String => "string",
            DataType::Boolean => "boolean",
            DataType::Field => "field",
            DataType::Tag => "tag",
        })
    }
}

/// A call: `mean("value")`, `time(1m)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function, in lower case.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Expr>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `distinct` is a keyword, yet as a function it is written plainly.
        if self.name == "distinct" { f.write_str("distinct") } else { Ident(&self.name).fmt(f) }?;
        f.write_str("(")?;
        for (index, arg) in self.args.iter().enumerate() {
            f.write_str(if index > 0 { ", " } else { "" })?;
            arg.fmt(f)?;
        }
        f.write_str(")")
    }
}

/// Two operands and what is between them.
#[derive(Debug, Clone, PartialEq)]
pub struct BinaryExpr {
    /// The operator.
    pub op: BinaryOp,
    /// What is left of it.
    pub left: Expr,
    /// What is right of it.
    pub right: Expr,
}

impl fmt::Display for BinaryExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.op, self.right)
    }
}

/// An operator. Those of one kind bind equally, to the left, except that the parser may build a chain of one kind of
/// `AND` or `OR` as a balanced tree: a thousand hosts joined by `OR` nest ten deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `&`
    BitAnd,
    /// `|`
    BitOr,
    /// `^`
    BitXor,
    /// `AND`
    And,
    /// `OR`
    Or,
    /// `=`
    Eq,
    /// `!=`, also written `<>`
    NotEq,
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
    /// `<`
    Less,
    /// `<=`
    LessEq,
    /// `>`
    Greater,
    /// `>=`
    GreaterEq,
}

impl BinaryOp {
    /// How tightly the operator binds, 1 (`OR`) to 5 (`*`).
    #[must_use]
    pub const fn precedence(self) -> u8 {
        match self {
            BinaryOp::Or => 1,
            BinaryOp::And => 2,
            BinaryOp::Eq
            | BinaryOp::NotEq
            | BinaryOp::Match
            | BinaryOp::NotMatch
            | BinaryOp::Less
            | BinaryOp::LessEq
            | BinaryOp::Greater
            | BinaryOp::GreaterEq => 3,
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::BitOr | BinaryOp::BitXor => 4,
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::BitAnd => 5,
        }
    }

    /// Whether the operator computes a value, rather than comparing or joining conditions.
    #[must_use]
    pub const fn is_arithmetic(self) -> bool {
        self.precedence() >= 4
    }

    /// Whether a regex must stand on the right.
    #[must_use]
    pub const fn is_regex(self) -> bool {
        matches!(self, BinaryOp::Match | BinaryOp::NotMatch)
    }
}

impl fmt::Display for BinaryOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::BitAnd => "&",
            BinaryOp::BitOr => "|",
            BinaryOp::BitXor => "^",
            BinaryOp::And => "AND",
            BinaryOp::Or => "OR",
            BinaryOp::Eq => "=",
            BinaryOp::NotEq => "!=",
            BinaryOp::Match => "=~",
            BinaryOp::NotMatch => "!~",
            BinaryOp::Less => "<",
            BinaryOp::LessEq => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEq => ">=",
        })
    }
}

/// A regular expression in RE2's syntax, unanchored, as it was written between the slashes (`\/` already taken as `/`).
///
/// Two are equal if their patterns are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Regex {
    pattern: String,
}

impl Regex {
    /// Takes a pattern as it is; whether it is valid shows when it is compiled.
    #[must_use]
    pub fn new(pattern: impl Into<String>) -> Self {
        Regex { pattern: pattern.into() }
    }

    /// The pattern.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The pattern, ready to match. Every call compiles anew: call once per query.
    ///
    /// # Errors
    ///
    /// If the pattern is not valid, or so large that compiling it would take more than a few megabytes.
    pub fn compile(&self) -> Result<regex::Regex, regex::Error> {
        crate::re2::compile(&self.pattern)
    }
}

impl fmt::Display for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.pattern.replace('/', "\\/"))
    }
}
