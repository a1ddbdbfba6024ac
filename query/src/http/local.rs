//! The engine and the database of this process, as the HTTP layer wants them.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};
use stripchart_core::{Batch, Frame, SinkError, ValueRef};
use stripchart_storage::line_protocol::{self, ParseError};
use stripchart_storage::{Database, Db, DbError};

use super::backend::{
    Backend, Figures, Health, QueryContext, Unreadable, WriteContext, WriteFailure, Written,
};
use super::body::Pieces;
use super::msgpack::Documents;
use super::wanted::Format;
use crate::ast::Query;
use crate::show::stats;
use crate::{AuthError, Engine, StreamOptions, TextFormat, User};

/// Engine and database.
#[derive(Debug)]
pub(super) struct Local {
    engine: Arc<Engine>,
}

impl Local {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Local { engine }
    }
}

impl Backend for Local {
    fn execute(&self, query: Query, context: QueryContext) -> Pieces {
        let format = match context.format {
            Format::Json => TextFormat::Json,
            Format::Csv => TextFormat::Csv,
            Format::MessagePack => {
                return Box::new(Documents::new(Arc::clone(&self.engine), query, context));
            }
        };
        let mut options = StreamOptions::new(context.now);
        options.database = context.database;
        options.policy = context.policy;
        options.limits = context.limits;
        options.cancel = Some(context.cancel);
        options.user = context.user;
        options.chunk_rows = context.chunk_rows;
        options.format = format;
        options.text = context.text;
        options.remark = context.remark;
        Box::new(self.engine.stream(query, options).map(Bytes::from))
    }

    fn has_database(&self, name: &str) -> bool {
        self.engine.db().catalog().database(name).is_some()
    }

    fn write(&self, body: &[u8], context: &WriteContext<'_>) -> Result<Written, WriteFailure> {
        let writer = match self.engine.db().writer(context.database, context.policy) {
            Ok(writer) => writer,
            // InfluxDB reads the lines before it looks for the policy.
            Err(error @ DbError::PolicyNotFound { .. }) => {
                return all_unreadable(body, context).ok_or_else(|| failure(error));
            }
            Err(error) => return Err(failure(error)),
        };
        let report = writer.write_lines(body, context.precision, context.default_time);
        let report = report.map_err(|error| match error {
            SinkError::ReadOnly { .. } | SinkError::Closed => {
                WriteFailure::Unavailable(error.to_string())
            }
            other => WriteFailure::Failed(other.to_string()),
        })?;
        Ok(Written {
            rows: report.rows,
            unreadable: report.parse_errors.iter().map(unreadable).collect(),
            unreadable_count: report.parse_error_count,
            refused: report.rejected.into_iter().map(|row| row.reason).collect(),
        })
    }

    /// A database that takes no writes, or was closed, still answers queries: it serves as long as it is there.
    fn health(&self) -> Health {
        let db = self.engine.db();
        let stats = db.stats();
        let mut checks = Vec::new();
        if let Some(why) = stats.read_only {
            checks.push(("writes", format!("no writes are taken: {why}")));
        }
        if let Some(error) = stats.last_error {
            checks.push(("background", error));
        }
        Health { serving: true, checks }
    }

    fn figures(&self) -> Vec<Figures> {
        let db = self.engine.db();
        let catalog = db.catalog();
        let mut figures: Vec<Figures> = catalog.databases().map(|of| database(db, of)).collect();
        figures.push(storage(db));
        for module in ["queryExecutor", "write", "shard", "subscriber", "cq"] {
            // What cannot be told is left out: the rest is still worth having.
            let frames = stats::show(&self.engine, Some(module)).unwrap_or_default();
            figures.extend(frames.iter().map(|frame| shown(module, frame)));
        }
        figures
    }

    fn has_admin(&self) -> Result<bool, AuthError> {
        Ok(self.engine.admin_exists()?)
    }

    fn authenticate(&self, name: &str, password: &str) -> Result<User, AuthError> {
        self.engine.authenticate(name, password)
    }

    fn user(&self, name: &str) -> Result<Option<User>, AuthError> {
        Ok(self.engine.user(name)?)
    }

    fn authorize(
        &self,
        user: Option<&User>,
        query: &Query,
        database: Option<&str>,
    ) -> Result<(), AuthError> {
        self.engine.authorize(user, query, database)
    }

    fn authorize_write(&self, user: &User, database: &str) -> Result<(), AuthError> {
        self.engine.authorize_write(user, database)
    }
}

/// How many measurements and series a database has, in all policies; what cannot be read is not counted.
fn database(db: &Db, database: &Database) -> Figures {
    let (mut measurements, mut series) = (BTreeSet::new(), 0);
    for policy in database.policies() {
        let Ok(view) = db.view(database.name(), Some(&policy.name)) else { continue };
        for measurement in view.measurements().unwrap_or_default() {
            series += view.series_count(&measurement).unwrap_or(0);
            measurements.insert(measurement);
        }
    }
    let tags = Map::from_iter([("database".to_owned(), database.name().into())]);
    let values = values([
        ("numMeasurements", u64::try_from(measurements.len()).unwrap_or(u64::MAX)),
        ("numSeries", series),
    ]);
    Figures { name: "database", tags, values }
}

fn storage(db: &Db) -> Figures {
    let stats = db.stats();
    let values = values([
        ("headRows", stats.head_rows),
        ("headSeries", stats.head_series),
        ("headBytes", stats.head_bytes),
        ("segments", stats.segments),
        ("segmentRows", stats.segment_rows),
        ("segmentBytes", stats.segment_bytes),
        ("logFiles", stats.log_files),
        ("logBytes", stats.log_bytes),
        ("syncs", stats.syncs),
        ("rowsWritten", stats.rows_written),
        ("rowsRejected", stats.rows_rejected),
        ("diskBytes", stats.disk_bytes),
        ("shardsDropped", stats.shards_dropped),
        ("tombstones", stats.tombstones),
        ("quarantined", stats.quarantined),
        ("damaged", stats.damaged),
    ]);
    Figures { name: "storage", tags: Map::new(), values }
}

/// A row of `SHOW STATS`.
fn shown(name: &'static str, frame: &Frame) -> Figures {
    let tags = frame.tags.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
    let values = frame.columns.iter().filter_map(|column| match column.get(0) {
        Some(ValueRef::Integer(value)) => Some((column.name.clone(), value.into())),
        _ => None,
    });
    Figures { name, tags: tags.collect(), values: values.collect() }
}

fn values<const N: usize>(figures: [(&str, u64); N]) -> Map<String, Value> {
    figures.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

fn failure(error: DbError) -> WriteFailure {
    match error {
        DbError::DatabaseNotFound { .. } => WriteFailure::DatabaseNotFound,
        DbError::PolicyNotFound { .. } => WriteFailure::PolicyNotFound,
        DbError::ReadOnly { .. } | DbError::Closed => WriteFailure::Unavailable(error.to_string()),
        other => WriteFailure::Failed(other.to_string()),
    }
}

/// What is wrong with the lines, if none of them can be read.
fn all_unreadable(body: &[u8], context: &WriteContext<'_>) -> Option<Written> {
    let mut batch = Batch::new();
    let (precision, now) = (context.precision, context.default_time);
    let report = line_protocol::parse_lines(body, precision, now, &mut batch);
    (report.rows == 0 && report.error_count > 0).then(|| Written {
        rows: 0,
        unreadable: report.errors.iter().map(unreadable).collect(),
        unreadable_count: report.error_count,
        refused: Vec::new(),
    })
}

fn unreadable(error: &ParseError) -> Unreadable {
    let ParseError { line, column, expected, found, .. } = error;
    Unreadable {
        sentence: error.influxdb_message(),
        position: format!("line {line}, column {column}: expected {expected}, found {found}"),
    }
}
