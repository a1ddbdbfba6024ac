//! Answers: what a statement gave, and its text forms, InfluxDB's JSON and CSV.

pub(crate) mod chunk;
mod csv;
mod digits;
pub(crate) mod gather;
mod json;
mod msgpack;

use stripchart_core::{Frame, Precision};

pub(crate) use csv::CsvText;
pub use csv::write_csv;
pub(crate) use json::{JsonText, write_json_text};
pub use json::{JsonWriter, write_error, write_json};
pub use msgpack::{write_msgpack, write_msgpack_error};

use crate::ast::Statement;
use crate::{QueryError, Zone};

/// What one statement of a query gave.
#[derive(Debug, Default)]
pub struct StatementResult {
    /// The statement's place in the query, from 0.
    pub statement_id: usize,
    /// The result series. `None` of InfluxDB's "empty result" is an empty list here too.
    pub frames: Vec<Frame>,
    /// Remarks to whoever asked.
    pub messages: Vec<Message>,
    /// Whether more of this statement's answer follows in a later document.
    pub partial: bool,
    /// Why the statement failed, if it did.
    pub error: Option<QueryError>,
    /// The zone in which instants are to be written, if not UTC.
    pub time_zone: Option<Zone>,
}

impl StatementResult {
    /// A result of `statement` without frames yet, to be written in the statement's time zone.
    #[must_use]
    pub fn of(statement_id: usize, statement: &Statement) -> Self {
        let time_zone = match statement {
            Statement::Select(select) => select.time_zone.as_deref(),
            _ => None,
        };
        // An unknown zone is the executor's to complain of.
        let time_zone = time_zone.and_then(|name| Zone::find(name).ok().flatten());
        StatementResult { statement_id, time_zone, ..StatementResult::default() }
    }

    /// The result of a statement that failed.
    #[must_use]
    pub fn failed(statement_id: usize, error: QueryError) -> Self {
        StatementResult { statement_id, error: Some(error), ..StatementResult::default() }
    }
}

/// A remark beside a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `warning`, the only level that InfluxDB knows.
    pub level: String,
    /// The text.
    pub text: String,
}

impl Message {
    /// A warning.
    #[must_use]
    pub fn warning(text: impl Into<String>) -> Self {
        Message { level: "warning".to_owned(), text: text.into() }
    }
}

/// How a text form writes an answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct FormatOptions {
    /// The unit in which instants are counted since the epoch; `None` writes them as RFC 3339 (in CSV: as
    /// nanoseconds).
    pub epoch: Option<Precision>,
    /// JSON over several lines, indented by four spaces.
    pub pretty: bool,
}

/// Whether `b` goes on where `a` ends: the same series in the same columns.
fn same_series(a: &Frame, b: &Frame) -> bool {
    a.name == b.name
        && a.tags == b.tags
        && a.columns.iter().map(|c| &c.name).eq(b.columns.iter().map(|c| &c.name))
}
