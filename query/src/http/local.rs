//! The engine and the database of this process, as the HTTP layer wants them.

use std::ops::ControlFlow;
use std::sync::Arc;

use stripchart_core::{Frame, SinkError};
use stripchart_storage::DbError;
use stripchart_storage::line_protocol::ParseError;

use super::backend::{
    Backend, Health, QueryContext, Unreadable, WriteContext, WriteFailure, Written,
};
use super::chunk;
use crate::ast::{Query, Statement};
use crate::result::StatementResult;
use crate::{Engine, ExecuteOptions, QueryError};

/// Engine and database.
#[derive(Debug)]
pub(super) struct Local {
    engine: Arc<Engine>,
}

impl Local {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Local { engine }
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
            frames: frame.into_iter().collect(),
            partial,
            ..StatementResult::of(statement_id, statement)
        };
        let mut held: Option<Frame> = None;
        let rows = options.chunk_rows.unwrap_or(usize::MAX);
        let done = self.engine.run(statement, options, &mut |frame| {
            // Windows and SHOW come in whole frames, however many rows they have.
            chunk::pieces(frame, rows, |frame| {
                if let Some(before) = held.replace(frame) {
                    each(piece(Some(before), true));
                }
            });
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
