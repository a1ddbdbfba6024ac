//! The engine and the database of this process, as the HTTP layer wants them.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use stripchart_core::{Batch, Frame, Sink, SinkError};
use stripchart_storage::DbError;
use stripchart_storage::line_protocol::{LineParser, ParseError};

use super::backend::{
    Backend, Health, QueryContext, Unreadable, WriteContext, WriteFailure, Written,
};
use crate::ast::{Query, Statement};
use crate::result::StatementResult;
use crate::{Engine, ExecuteOptions, QueryError};

/// Readers kept for the next writes: as many writers at a time find one warm.
const READERS_KEPT: usize = 2;
/// A reader that had a larger body gives its memory back.
const KEPT_BODY_BYTES: usize = 4 << 20;
/// A batch that has met more series starts anew.
const KEPT_SERIES: usize = 50_000;

/// Engine and database, and what reading line protocol keeps from one body to the next.
pub(super) struct Local {
    engine: Arc<Engine>,
    readers: Mutex<Vec<Reader>>,
}

/// A parser that remembers series, and the batch that it fills.
#[derive(Debug, Default)]
struct Reader {
    parser: LineParser,
    batch: Batch,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("engine", &self.engine).finish_non_exhaustive()
    }
}

impl Local {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Local { engine, readers: Mutex::default() }
    }

    fn take_reader(&self) -> Reader {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    /// Keeps `reader` for the next body, unless it has grown large on this one.
    fn give_back(&self, mut reader: Reader, body_bytes: usize) {
        if body_bytes > KEPT_BODY_BYTES {
            return;
        }
        if reader.batch.series_count() > KEPT_SERIES {
            reader.batch.reset();
        } else {
            reader.batch.clear();
        }
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS_KEPT {
            readers.push(reader);
        }
    }

    /// Runs `query` and hands over each frame in a result of its own, as InfluxDB sends chunks.
    fn execute_in_pieces(
        &self,
        query: &Query,
        options: &ExecuteOptions<'_>,
        each: &mut dyn FnMut(StatementResult),
    ) {
        let mut failed = false;
        for (statement_id, statement) in query.statements.iter().enumerate() {
            if failed {
                each(StatementResult::failed(statement_id, QueryError::NotExecuted));
            } else {
                failed = !self.statement_in_pieces(statement_id, statement, options, each);
            }
        }
    }

    /// Whether it went well. Each piece is held back until it is known whether another follows.
    fn statement_in_pieces(
        &self,
        statement_id: usize,
        statement: &Statement,
        options: &ExecuteOptions<'_>,
        each: &mut dyn FnMut(StatementResult),
    ) -> bool {
        let piece = |frame: Option<Frame>, partial| StatementResult {
            statement_id,
            frames: frame.into_iter().collect(),
            partial,
            ..StatementResult::default()
        };
        let mut held: Option<Frame> = None;
        let done = self.engine.run(statement, options, &mut |frame| {
            if let Some(before) = held.replace(frame) {
                each(piece(Some(before), true));
            }
            ControlFlow::Continue(())
        });
        match done {
            Ok(()) => each(piece(held, false)),
            Err(error) => {
                each(StatementResult::failed(statement_id, error));
                return false;
            }
        }
        true
    }
}

impl Backend for Local {
    fn execute(
        &self,
        query: &Query,
        context: &QueryContext<'_>,
        each: &mut dyn FnMut(StatementResult),
    ) {
        let mut options = ExecuteOptions::new(context.now);
        options.database = context.database;
        options.policy = context.policy;
        options.limits = context.limits.clone();
        options.chunk_rows = context.chunk_rows;
        match context.chunk_rows {
            Some(_) => self.execute_in_pieces(query, &options, each),
            None => self.engine.execute(query, &options).into_iter().for_each(each),
        }
    }

    fn has_database(&self, name: &str) -> bool {
        self.engine.db().catalog().database(name).is_some()
    }

    fn write(&self, body: &[u8], context: &WriteContext<'_>) -> Result<Written, WriteFailure> {
        let writer = self.engine.db().writer(context.database, context.policy).map_err(failure)?;
        let mut reader = self.take_reader();
        let report =
            reader.parser.parse(body, context.precision, context.default_time, &mut reader.batch);
        let accepted =
            if report.rows > 0 { writer.write(&reader.batch) } else { Ok(Default::default()) };
        self.give_back(reader, body.len());
        let accepted = accepted.map_err(|error| match error {
            SinkError::ReadOnly { .. } | SinkError::Closed => {
                WriteFailure::Unavailable(error.to_string())
            }
            other => WriteFailure::Failed(other.to_string()),
        })?;
        Ok(Written {
            rows: report.rows,
            unreadable: report.errors.iter().map(unreadable).collect(),
            unreadable_count: report.error_count,
            refused: accepted.rejected.into_iter().map(|row| row.reason).collect(),
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
}

fn failure(error: DbError) -> WriteFailure {
    match error {
        DbError::DatabaseNotFound { .. } => WriteFailure::DatabaseNotFound,
        DbError::PolicyNotFound { .. } => WriteFailure::PolicyNotFound,
        DbError::ReadOnly { .. } | DbError::Closed => WriteFailure::Unavailable(error.to_string()),
        other => WriteFailure::Failed(other.to_string()),
    }
}

fn unreadable(error: &ParseError) -> Unreadable {
    let ParseError { line, column, expected, found, .. } = error;
    Unreadable {
        sentence: error.influxdb_message(),
        position: format!("line {line}, column {column}: expected {expected}, found {found}"),
    }
}
