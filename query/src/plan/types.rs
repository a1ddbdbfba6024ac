//! The types of expressions, as InfluxQL reckons them before anything is read.
//!
//! They decide two things: which expressions are refused, and what the columns of a subquery are to the query around
//! it. They are not always those of the values: two integers divide to a float, yet the type is said to be integer, and
//! a mathematical function has the type of its first argument. The query around a subquery takes the values as of the
//! type said, so there `i / 2` is a whole number. InfluxDB's users meet this, so it is kept.

use stripchart_core::FieldType;

use super::reduce::is_literal;
use super::{ReferenceKind, Schema};
use crate::QueryError;
use crate::ast::{BinaryOp, DataType, Expr, VarRef};

/// A type; `None` is unknown, and goes with every other.
pub(crate) type Type = Option<Known>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Value(FieldType),
    Tag,
}

impl Known {
    fn name(self) -> &'static str {
        match self {
            Known::Tag => "tag",
            Known::Value(FieldType::Float) => "float",
            Known::Value(FieldType::Integer) => "integer",
            Known::Value(FieldType::Unsigned) => "unsigned",
            Known::Value(FieldType::String) => "string",
            Known::Value(FieldType::Boolean) => "boolean",
        }
    }
}

/// The type of `expr` over sources of `schema`.
///
/// # Errors
///
/// If an operator cannot take its operands.
pub(crate) fn type_of(expr: &Expr, schema: &Schema) -> Result<Type, QueryError> {
    let value = |field_type| Ok(Some(Known::Value(field_type)));
    match expr {
        Expr::Variable(variable) => Ok(variable_type(variable, schema)),
        Expr::Paren(inner) => type_of(inner, schema),
        Expr::Number(_) => value(FieldType::Float),
        Expr::Integer(_) => value(FieldType::Integer),
        Expr::Unsigned(_) => value(FieldType::Unsigned),
        Expr::String(_) => value(FieldType::String),
        Expr::Boolean(_) => value(FieldType::Boolean),
        Expr::Call(call) => {
            let mut types = Vec::with_capacity(call.args.len());
            for argument in &call.args {
                types.push(type_of(argument, schema)?);
            }
            Ok(call_type(&call.name, types.first().copied().flatten()))
        }
        Expr::Distinct(name) => {
            Ok(kind_type(schema.resolve(&VarRef { name: name.clone(), cast: None })))
        }
        Expr::Binary(binary) => {
            let (left, right) = (type_of(&binary.left, schema)?, type_of(&binary.right, schema)?);
            operator_type(binary.op, (&binary.left, left), (&binary.right, right)).map_err(
                |message| {
                    let text = with_types(expr, schema);
                    QueryError::invalid(format!("type error: {text}: {message}"))
                },
            )
        }
        _ => Ok(None),
    }
}

/// The type of a name: the one it is cast to, whether or not anything is called so.
fn variable_type(variable: &VarRef, schema: &Schema) -> Type {
    match variable.cast {
        None | Some(DataType::Field) => kind_type(schema.resolve(variable)),
        Some(DataType::Tag) => Some(Known::Tag),
        Some(to) => to.value_type().map(Known::Value),
    }
}

fn kind_type(kind: ReferenceKind) -> Type {
    match kind {
        ReferenceKind::Field(field_type) => Some(Known::Value(field_type)),
        ReferenceKind::Tag => Some(Known::Tag),
        ReferenceKind::Unknown => None,
    }
}

/// The type of a function's value, given that of its first argument.
fn call_type(name: &str, argument: Type) -> Type {
    match name {
        "count" | "elapsed" => Some(Known::Value(FieldType::Integer)),
        "mean"
        | "median"
        | "integral"
        | "stddev"
        | "derivative"
        | "non_negative_derivative"
        | "moving_average"
        | "holt_winters"
        | "holt_winters_with_fit" => Some(Known::Value(FieldType::Float)),
        name if crate::functions::Indicator::from_name(name).is_some() => {
            Some(Known::Value(FieldType::Float))
        }
        _ => argument,
    }
}

type Operand<'a> = (&'a Expr, Type);

fn operator_type(op: BinaryOp, left: Operand<'_>, right: Operand<'_>) -> Result<Type, String> {
    use FieldType::{Boolean, Float, Integer, Unsigned};
    use Known::Value;
    let (Some(a), Some(b)) = (left.1, right.1) else { return Ok(left.1.or(right.1)) };
    // Without a cast an integer goes with an unsigned only if it is a literal.
    let mixed = match (a, b) {
        (Value(Unsigned), Value(Integer)) => Some((left.0, right.0)),
        (Value(Integer), Value(Unsigned)) => Some((right.0, left.0)),
        _ => None,
    };
    if let Some((unsigned, integer)) = mixed {
        if is_literal(unsigned) {
            return Err(format!("cannot use {op} with an integer and unsigned literal"));
        }
        if !is_literal(integer) {
            return Err(format!(
                "cannot use {op} between an integer and unsigned, an explicit cast is required"
            ));
        }
    }
    let bits = matches!(op, BinaryOp::BitAnd | BinaryOp::BitOr | BinaryOp::BitXor);
    let result = match (a, b) {
        // Beside a truth value InfluxDB takes anything, as long as the truth value comes first.
        (Value(Boolean), _) => bits.then_some(Boolean),
        (Value(a), Value(b)) if a.is_numeric() && b.is_numeric() => match (a, b) {
            (Float, _) | (_, Float) => (!bits).then_some(Float),
            (Unsigned, _) | (_, Unsigned) => Some(Unsigned),
            _ => Some(Integer),
        },
        _ => None,
    };
    result
        .map(|field_type| Some(Value(field_type)))
        .ok_or_else(|| format!("incompatible types: {} and {}", a.name(), b.name()))
}

/// The expression with the type of each name behind it.
fn with_types(expr: &Expr, schema: &Schema) -> Expr {
    match expr {
        Expr::Variable(variable) => {
            let cast = variable_type(variable, schema).map(|known| match known {
                Known::Tag => DataType::Tag,
                Known::Value(FieldType::Float) => DataType::Float,
                Known::Value(FieldType::Integer) => DataType::Integer,
                Known::Value(FieldType::Unsigned) => DataType::Unsigned,
                Known::Value(FieldType::String) => DataType::String,
                Known::Value(FieldType::Boolean) => DataType::Boolean,
            });
            Expr::Variable(VarRef { name: variable.name.clone(), cast: cast.or(variable.cast) })
        }
        Expr::Paren(inner) => Expr::Paren(Box::new(with_types(inner, schema))),
        Expr::Binary(binary) => Expr::binary(
            binary.op,
            with_types(&binary.left, schema),
            with_types(&binary.right, schema),
        ),
        Expr::Call(call) => {
            let mut call = call.clone();
            for argument in &mut call.args {
                *argument = with_types(argument, schema);
            }
            Expr::Call(call)
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let mut schema = Schema::default();
        for (name, field_type) in [
            ("f", FieldType::Float),
            ("i", FieldType::Integer),
            ("u", FieldType::Unsigned),
            ("s", FieldType::String),
            ("b", FieldType::Boolean),
        ] {
            schema.fields.insert(name.to_owned(), field_type);
        }
        schema.tags.insert("h".to_owned());
        schema
    }

    #[test]
    fn types_are_those_that_influxql_says() {
        let cases = [
            ("f + i", "float"),
            ("i / 2", "integer"),
            ("sqrt(i)", "integer"),
            ("mean(i) + 1", "float"),
            ("u + 1", "unsigned"),
            ("b & true", "boolean"),
            ("b ^ f", "boolean"),
            ("b | h", "boolean"),
            (
                "i & b",
                "type error: i::integer & b::boolean: incompatible types: integer and boolean",
            ),
            (
                "b + i",
                "type error: b::boolean + i::integer: incompatible types: boolean and integer",
            ),
            ("nosuch + i", "integer"),
            (
                "i & 9223372036854775808",
                "type error: i::integer & 9223372036854775808: cannot use & with an integer and unsigned literal",
            ),
            (
                "u * i",
                "type error: u::unsigned * i::integer: cannot use * between an integer and unsigned, an explicit cast is required",
            ),
            ("f & 1", "type error: f::float & 1: incompatible types: float and integer"),
            (
                "max(s) + 1",
                "type error: max(s::string) + 1: incompatible types: string and integer",
            ),
            ("h + 1", "type error: h::tag + 1: incompatible types: tag and integer"),
            ("s + s", "type error: s::string + s::string: incompatible types: string and string"),
        ];
        for (text, want) in cases {
            let expr = crate::parse_expr(text).unwrap();
            let got = match type_of(&expr, &schema()) {
                Ok(found) => found.map_or("unknown", Known::name).to_owned(),
                Err(error) => error.to_string(),
            };
            assert_eq!(got, want, "{text}");
        }
    }
}
