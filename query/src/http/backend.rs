//! What the HTTP layer asks of the engine and the database; a border, so that tests can stand in for both.

use serde_json::{Map, Value};
use stripchart_core::{Precision, RejectReason, Timestamp};
use stripchart_storage::Cancel;

use super::body::Pieces;
use super::wanted::Format;
use crate::ast::{Query, Statement};
use crate::{AuthError, FormatOptions, Limits, Message, User};

/// A query's circumstances.
#[derive(Debug, Clone)]
pub(super) struct QueryContext {
    /// The request's database, if any.
    pub(super) database: Option<String>,
    /// The request's retention policy, if any.
    pub(super) policy: Option<String>,
    /// The time of day.
    pub(super) now: Timestamp,
    /// What each statement may use.
    pub(super) limits: Limits,
    /// Rows per document, where the answer comes in many.
    pub(super) chunk_rows: Option<usize>,
    /// Stops the query.
    pub(super) cancel: Cancel,
    /// Who asks, where that is known.
    pub(super) user: Option<User>,
    /// How the answer is written.
    pub(super) format: Format,
    /// How instants are, and whether lines are indented.
    pub(super) text: FormatOptions,
    /// Makes a remark to stand beside a statement that did not fail.
    pub(super) remark: Option<fn(&Statement) -> Option<Message>>,
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

/// Figures about one thing.
#[derive(Debug)]
pub(super) struct Figures {
    /// What kind of thing.
    pub(super) name: &'static str,
    /// Which.
    pub(super) tags: Map<String, Value>,
    /// The figures.
    pub(super) values: Map<String, Value>,
}

/// Answers and stores.
pub(super) trait Backend: Send + Sync {
    /// Runs the statements in order, each when its part of the answer is taken.
    fn execute(&self, query: Query, context: QueryContext) -> Pieces;

    /// Whether there is such a database.
    fn has_database(&self, name: &str) -> bool;

    /// Stores the lines of `body`.
    fn write(&self, body: &[u8], context: &WriteContext<'_>) -> Result<Written, WriteFailure>;

    /// How the database is.
    fn health(&self) -> Health;

    /// What there is to tell in figures.
    fn figures(&self) -> Vec<Figures>;

    /// Whether there is a user who may do everything; before there is, nobody can be asked who they are.
    fn has_admin(&self) -> Result<bool, AuthError>;

    /// The user of this name, if the password is right.
    fn authenticate(&self, name: &str, password: &str) -> Result<User, AuthError>;

    /// The user of this name.
    fn user(&self, name: &str) -> Result<Option<User>, AuthError>;

    /// Whether `user` may run `query`.
    fn authorize(
        &self,
        user: Option<&User>,
        query: &Query,
        database: Option<&str>,
    ) -> Result<(), AuthError>;

    /// Whether `user` may write to `database`.
    fn authorize_write(&self, user: &User, database: &str) -> Result<(), AuthError>;
}
