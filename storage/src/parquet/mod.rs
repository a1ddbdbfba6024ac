//! Rows as Parquet files, which DuckDB, Spark, ClickHouse, pandas and others read as one table a measurement.
//!
//! ```text
//! FOLDER/database=NAME/policy=NAME/measurement=NAME/date=YYYY-MM-DD/part-WHO-SEQ.parquet
//!
//! column   type                          what
//! time     timestamp(nanoseconds, UTC)   required
//! TAG      string, dictionary            one for each tag key, sorted; null where a series does not have it
//! FIELD    double, int64, uint64,        one for each field, sorted; null where a row does not have it
//!          boolean or string
//! ```
//!
//! Names in paths are escaped as Hive does, `%2F` for `/`, so that readers find the partitions by themselves. Dates are UTC. `WHO`
//! keeps the files of several hosts apart that share a folder. Rows are sorted by tags, those that are absent first, and by time;
//! pages carry their bounds, so that a reader skips what it does not need. Compression is Snappy.
//!
//! A field that is called like a tag has `_field` behind its name. What a column truly is, and where its rows belong, the file says
//! of itself under these keys, so that an import needs no path:
//!
//! ```text
//! stripchart.database, .policy, .measurement    names
//! stripchart.definitions                        statements that create database and policy
//! stripchart.column.N                           `time`, `tag:KEY` or `field:KEY`, for column N
//! ```

mod read;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeSet;

use ::parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use ::parquet::errors::ParquetError;
use ::parquet::schema::types::{Type, TypePtr};
use stripchart_core::FieldType;

use crate::FieldInfo;

const DATABASE: &str = "stripchart.database";
const POLICY: &str = "stripchart.policy";
const MEASUREMENT: &str = "stripchart.measurement";
const DEFINITIONS: &str = "stripchart.definitions";
const COLUMN: &str = "stripchart.column.";

/// What a column of a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    Time,
    Tag(String),
    Field(String, FieldType),
}

impl Role {
    /// As the file's metadata say it. The type is the column's own.
    fn text(&self) -> String {
        match self {
            Role::Time => "time".to_owned(),
            Role::Tag(key) => format!("tag:{key}"),
            Role::Field(key, _) => format!("field:{key}"),
        }
    }

    fn schema(&self, name: &str) -> Result<TypePtr, ParquetError> {
        let (physical, logical) = match self {
            Role::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
            Role::Tag(_) | Role::Field(_, FieldType::String) => {
                (Physical::BYTE_ARRAY, Some(LogicalType::String))
            }
            Role::Field(_, FieldType::Float) => (Physical::DOUBLE, None),
            Role::Field(_, FieldType::Integer) => (Physical::INT64, None),
            Role::Field(_, FieldType::Unsigned) => {
                (Physical::INT64, Some(LogicalType::integer(64, false)))
            }
            Role::Field(_, FieldType::Boolean) => (Physical::BOOLEAN, None),
        };
        let required =
            if *self == Role::Time { Repetition::REQUIRED } else { Repetition::OPTIONAL };
        let built = Type::primitive_type_builder(name, physical)
            .with_repetition(required)
            .with_logical_type(logical)
            .build()?;
        Ok(TypePtr::new(built))
    }
}

/// The columns of a measurement's files, with names that differ.
fn columns(tags: Vec<String>, fields: &[FieldInfo]) -> Vec<(String, Role)> {
    let mut columns = vec![("time".to_owned(), Role::Time)];
    columns.extend(tags.into_iter().map(|key| (key.clone(), Role::Tag(key))));
    let mut taken: BTreeSet<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    for field in fields {
        let mut name = field.name.clone();
        while !taken.insert(name.clone()) {
            name += "_field";
        }
        columns.push((name, Role::Field(field.name.clone(), field.field_type)));
    }
    columns
}

/// A name as a part of a partition's path.
fn escaped(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        match c {
            '"'
            | '#'
            | '%'
            | '\''
            | '*'
            | '/'
            | ':'
            | '='
            | '?'
            | '\\'
            | '{'
            | '['
            | ']'
            | '^'
            | '\x00'..='\x1f'
            | '\x7f' => {
                text += &format!("%{:02X}", u32::from(c));
            }
            c => text.push(c),
        }
    }
    text
}
