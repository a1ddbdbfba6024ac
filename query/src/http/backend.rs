//! What the HTTP layer asks of the engine and the database; a border, so that tests can stand in for both.

use stripchart_core::{Precision, RejectReason, Timestamp};

use crate::Limits;
use crate::ast::Query;
use crate::result::StatementResult;

/// A query's circumstances.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueryContext<'a> {
    /// The request's database, if any.
    pub(super) database: Option<&'a str>,
    /// The request's retention policy, if any.
    pub(super) policy: Option<&'a str>,
    /// The time of day.
    pub(super) now: Timestamp,
    /// What each statement may use.
    pub(super) limits: &'a Limits,
    /// Rows per result, where the answer comes in pieces.
    pub(super) chunk_rows: Option<usize>,
}

/// Lines to be stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct WriteContext<'a> {
    pub(super) database: &'a str,
    pub(super) policy: Option<&'a str>,
    pub(super) precision: Precision,
    /// The time of points without one, already cut to the precision.
    pub(super) default_time: Timestamp,
}

/// What became of a body.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Rows stored.
    pub(super) rows: usize,
    /// The first lines that are no line protocol.
    pub(super) unreadable: Vec<Unreadable>,
    /// How many such lines there are.
    pub(super) unreadable_count: usize,
    /// Rows that the database refused, one entry each.
    pub(super) refused: Vec<RejectReason>,
}

/// A line that is no line protocol.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// InfluxDB's sentence.
    pub(super) sentence: String,
    /// Where, and what was expected.
    pub(super) position: String,
}

/// Why nothing was stored.
#[derive(Debug)]
pub(super) enum WriteFailure {
    /// There is no such database.
    DatabaseNotFound,
    /// There is no such retention policy.
    PolicyNotFound,
    /// The database takes no writes now, and why.
    Unavailable(String),
    /// Something else went wrong.
    Failed(String),
}

/// How the database is.
#[derive(Debug)]
pub(super) struct Health {
    /// Whether it serves at all.
    pub(super) serving: bool,
    /// What is not as it should be: a name and a sentence.
    pub(super) checks: Vec<(&'static str, String)>,
}

/// Answers and stores.
pub(super) trait Backend: Send + Sync {
    /// Runs the statements in order and hands over each result; several of one statement where it comes in pieces.
    fn execute(
        &self,
        query: &Query,
        context: &QueryContext<'_>,
        each: &mut dyn FnMut(StatementResult),
    );

    /// Whether there is such a database.
    fn has_database(&self, name: &str) -> bool;

    /// Stores the lines of `body`.
    fn write(&self, body: &[u8], context: &WriteContext<'_>) -> Result<Written, WriteFailure>;

    /// How the database is.
    fn health(&self) -> Health;
}
