//! Values for the parameters (`$name`) of a query.

use std::borrow::Cow;
use std::collections::BTreeMap;

use stripchart_core::DurationLiteral;

use super::lex::Token;

/// Values for the parameters of a query, by name.
///
/// A value takes the place of `$name` as one token: what a string contains can end neither the string nor the
/// statement, which is the point of parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Params {
    values: BTreeMap<String, ParamValue>,
}

impl Params {
    /// No values.
    #[must_use]
    pub fn new() -> Self {
        Params::default()
    }

    /// Sets the value of `$name`.
    pub fn insert(&mut self, name: impl Into<String>, value: ParamValue) {
        self.values.insert(name.into(), value);
    }

    /// The value of `$name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ParamValue> {
        self.values.get(name)
    }
}

impl<N: Into<String>> FromIterator<(N, ParamValue)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, ParamValue)>>(values: I) -> Self {
        Params { values: values.into_iter().map(|(name, value)| (name.into(), value)).collect() }
    }
}

/// The value of a parameter: what token it stands for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum ParamValue {
    /// A name, as if in double quotes.
    Identifier(String),
    /// A string, as if in single quotes.
    String(String),
    /// A regex, as if between slashes.
    Regex(String),
    /// A number with a decimal point.
    Number(f64),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Boolean(bool),
    /// A duration.
    Duration(DurationLiteral),
    /// No value, and why not; an error where it is used, none where it is not.
    Invalid(String),
}

impl ParamValue {
    /// The token that the value stands for; `None` for an invalid one.
    pub(super) fn token(&self) -> Option<Token<'_>> {
        Some(match self {
            ParamValue::Identifier(name) => Token::Ident(Cow::Borrowed(name)),
            ParamValue::String(text) => Token::String(Cow::Borrowed(text)),
            ParamValue::Regex(pattern) => Token::Regex(Cow::Borrowed(pattern)),
            ParamValue::Number(value) => Token::Number(Cow::Owned(value.to_string())),
            ParamValue::Integer(value) => Token::Integer(Cow::Owned(value.to_string())),
            ParamValue::Boolean(true) => Token::Keyword("TRUE"),
            ParamValue::Boolean(false) => Token::Keyword("FALSE"),
            ParamValue::Duration(value) => Token::Duration(Cow::Owned(value.to_string())),
            ParamValue::Invalid(_) => return None,
        })
    }
}
