//! Values of fields and their five types.

use std::fmt;

use crate::Timestamp;

/// The type of a field; fixed for a field of a measurement once the first value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldType {
    /// A 64-bit float.
    Float,
    /// A signed 64-bit integer.
    Integer,
    /// An unsigned 64-bit integer.
    Unsigned,
    /// True or false.
    Boolean,
    /// UTF-8 text.
    String,
}

impl FieldType {
    /// All five, in the order of the enum.
    pub const ALL: [FieldType; 5] = [
        FieldType::Float,
        FieldType::Integer,
        FieldType::Unsigned,
        FieldType::Boolean,
        FieldType::String,
    ];

    /// InfluxDB's name: `float`, `integer`, `unsigned`, `boolean` or `string`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            FieldType::Float => "float",
            FieldType::Integer => "integer",
            FieldType::Unsigned => "unsigned",
            FieldType::Boolean => "boolean",
            FieldType::String => "string",
        }
    }

    /// Whether sums and means of it make sense.
    #[must_use]
    pub const fn is_numeric(self) -> bool {
        matches!(self, FieldType::Float | FieldType::Integer | FieldType::Unsigned)
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One value, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueRef<'a> {
    /// A float, bit for bit.
    Float(f64),
    /// A signed integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// True or false.
    Boolean(bool),
    /// Text.
    String(&'a str),
    /// An instant. Occurs in results only; no field is of this type.
    Time(Timestamp),
}

impl<'a> ValueRef<'a> {
    /// The field type, or `None` for an instant.
    #[must_use]
    pub const fn field_type(self) -> Option<FieldType> {
        match self {
            ValueRef::Float(_) => Some(FieldType::Float),
            ValueRef::Integer(_) => Some(FieldType::Integer),
            ValueRef::Unsigned(_) => Some(FieldType::Unsigned),
            ValueRef::Boolean(_) => Some(FieldType::Boolean),
            ValueRef::String(_) => Some(FieldType::String),
            ValueRef::Time(_) => None,
        }
    }

    /// The number as a float, rounded where 53 bits do not hold it; `None` for what is no number.
    #[must_use]
    pub fn as_f64(self) -> Option<f64> {
        match self {
            ValueRef::Float(v) => Some(v),
            ValueRef::Integer(v) => Some(v as f64),
            ValueRef::Unsigned(v) => Some(v as f64),
            ValueRef::Boolean(_) | ValueRef::String(_) | ValueRef::Time(_) => None,
        }
    }

    /// The same value, owned; `None` for an instant, which no field is.
    #[must_use]
    pub fn to_field_value(self) -> Option<FieldValue> {
        Some(match self {
            ValueRef::Float(v) => FieldValue::Float(v),
            ValueRef::Integer(v) => FieldValue::Integer(v),
            ValueRef::Unsigned(v) => FieldValue::Unsigned(v),
            ValueRef::Boolean(v) => FieldValue::Boolean(v),
            ValueRef::String(v) => FieldValue::String(v.to_owned()),
            ValueRef::Time(_) => return None,
        })
    }

    /// The text, if it is one.
    #[must_use]
    pub const fn as_str(self) -> Option<&'a str> {
        match self {
            ValueRef::String(text) => Some(text),
            _ => None,
        }
    }
}

macro_rules! from_primitive {
    ($($primitive:ty => $variant:ident),*) => {$(
        impl From<$primitive> for ValueRef<'_> {
            fn from(value: $primitive) -> Self {
                ValueRef::$variant(value)
            }
        }
        impl From<$primitive> for FieldValue {
            fn from(value: $primitive) -> Self {
                FieldValue::$variant(value)
            }
        }
    )*};
}
from_primitive!(f64 => Float, i64 => Integer, u64 => Unsigned, bool => Boolean);

impl<'a> From<&'a str> for ValueRef<'a> {
    fn from(value: &'a str) -> Self {
        ValueRef::String(value)
    }
}

/// One field value, owned.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldValue {
    /// A float, bit for bit.
    Float(f64),
    /// A signed integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// True or false.
    Boolean(bool),
    /// Text.
    String(String),
}

impl FieldValue {
    /// The type.
    #[must_use]
    pub const fn field_type(&self) -> FieldType {
        match self {
            FieldValue::Float(_) => FieldType::Float,
            FieldValue::Integer(_) => FieldType::Integer,
            FieldValue::Unsigned(_) => FieldType::Unsigned,
            FieldValue::Boolean(_) => FieldType::Boolean,
            FieldValue::String(_) => FieldType::String,
        }
    }

    /// The same value, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            FieldValue::Float(v) => ValueRef::Float(*v),
            FieldValue::Integer(v) => ValueRef::Integer(*v),
            FieldValue::Unsigned(v) => ValueRef::Unsigned(*v),
            FieldValue::Boolean(v) => ValueRef::Boolean(*v),
            FieldValue::String(v) => ValueRef::String(v),
        }
    }
}

impl From<&str> for FieldValue {
    fn from(value: &str) -> Self {
        FieldValue::String(value.to_owned())
    }
}
