//! The engine: statements in, results out.

use std::ops::ControlFlow;
use std::sync::Arc;

use stripchart_core::{Column, Frame, FrameRequest, FrameSource, SourceError, Timestamp, Values};
use stripchart_storage::{Db, DbError};

use crate::Cancel;
use crate::ast::{Query, Select, Statement};
use crate::exec::Execution;
use crate::limits::{Budget, Deadline, Limits, Until};
use crate::plan::Planner;
use crate::{ParseError, QueryError, StatementResult, into, manage, show};

/// How a query is to be run.
#[derive(Debug, Clone)]
pub struct ExecuteOptions<'a> {
    /// The database that names without one belong to.
    pub database: Option<&'a str>,
    /// The retention policy that names without one belong to; `None` means the database's default.
    pub policy: Option<&'a str>,
    /// What `now()` means.
    pub now: Timestamp,
    /// What each statement may use.
    pub limits: Limits,
    /// A flag that stops the query.
    pub cancel: Option<&'a Cancel>,
    /// A time at which it is stopped.
    pub deadline: Option<Deadline<'a>>,
    /// Rows of stored points come in frames of at most so many, all but the last of a series marked partial; `None`
    /// puts each series in one frame.
    pub chunk_rows: Option<usize>,
}

impl<'a> ExecuteOptions<'a> {
    /// No database, default limits, whole series.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        ExecuteOptions {
            database: None,
            policy: None,
            now,
            limits: Limits::default(),
            cancel: None,
            deadline: None,
            chunk_rows: None,
        }
    }

    /// The same about `database`.
    #[must_use]
    pub fn database(mut self, database: &'a str) -> Self {
        self.database = Some(database);
        self
    }
}

/// Answers InfluxQL out of a [`Db`]. Cheap to clone; any number of queries may run at once, each in its caller's
/// thread.
///
/// ```
/// use stripchart_core::{Batch, Sink, Timestamp};
/// use stripchart_query::{Engine, ExecuteOptions};
/// use stripchart_storage::Db;
///
/// let folder = tempfile::tempdir()?;
/// let engine = Engine::new(Db::open(folder.path())?);
/// let options = ExecuteOptions::new(Timestamp::from_secs(60)).database("demo");
/// engine.query("CREATE DATABASE demo", &options)?;
///
/// let mut batch = Batch::new();
/// let series = batch.series("cpu", [("host", "a")])?;
/// batch.row(series, Timestamp::from_secs(10)).f64("usage", 1.5);
/// batch.row(series, Timestamp::from_secs(20)).f64("usage", 2.5);
/// engine.db().writer("demo", None)?.write(&batch)?;
///
/// let results = engine.query("SELECT mean(usage) FROM cpu", &options)?;
/// assert_eq!(results[0].frames[0].get("mean").and_then(|column| column.get_f64(0)), Some(2.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Engine {
    db: Db,
}

impl Engine {
    /// An engine over `db`.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Engine { db }
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Parses `text` and runs its statements.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a statement does not parse; none is run then. Everything else that goes wrong is in the
    /// [result](StatementResult::error) of the statement.
    pub fn query(
        &self,
        text: &str,
        options: &ExecuteOptions<'_>,
    ) -> Result<Vec<StatementResult>, ParseError> {
        Ok(self.execute(&crate::parse_query(text)?, options))
    }

    /// Runs the statements of `query` in order. The first that fails stops the rest, whose results say `not executed`.
    #[must_use]
    pub fn execute(&self, query: &Query, options: &ExecuteOptions<'_>) -> Vec<StatementResult> {
        let mut failed = false;
        let mut results = Vec::with_capacity(query.statements.len());
        for (statement_id, statement) in query.statements.iter().enumerate() {
            let mut result = StatementResult::of(statement_id, statement);
            if failed {
                result.error = Some(QueryError::NotExecuted);
            } else {
                let frames = &mut result.frames;
                let done = self.run(statement, options, &mut |frame| {
                    frames.push(frame);
                    ControlFlow::Continue(())
                });
                if let Err(error) = done {
                    failed = true;
                    result.frames.clear();
                    result.error = Some(error);
                }
            }
            results.push(result);
        }
        results
    }

    /// Runs one statement and hands its frames to `each` as they are ready, until that says to stop.
    ///
    /// # Errors
    ///
    /// [`QueryError`]; frames handed out before stay good, but the answer is not whole.
    pub fn run(
        &self,
        statement: &Statement,
        options: &ExecuteOptions<'_>,
        each: &mut dyn FnMut(Frame) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        match statement {
            Statement::Select(select) => self.select(select, options, each),
            _ => {
                let frames = match manage::run(&self.db, statement)? {
                    Some(frames) => frames,
                    None => show::run(&self.db, statement, options)?,
                };
                for frame in frames {
                    if each(frame).is_break() {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    fn select(
        &self,
        select: &Select,
        options: &ExecuteOptions<'_>,
        each: &mut dyn FnMut(Frame) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        let Some(target) = &select.target else {
            let rows = options.chunk_rows.unwrap_or(usize::MAX);
            let _ = self.execution(select, options, rows)?.for_each(each)?;
            return Ok(());
        };
        let mut copy = into::Copy::new(&self.db, target, options)?;
        let mut failure = None;
        let execution = self.execution(select, options, into::ROWS)?;
        let _ = execution.for_each(&mut |frame| match copy.write(&frame) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        let _ = each(
            Frame::new("result")
                .column(Column::new("time", Values::Time(vec![0])))
                .column(Column::new("written", Values::Integer(vec![copy.written()]))),
        );
        Ok(())
    }
}

impl Engine {
    /// Plans `select` and begins to run it; chunks of raw rows will have at most `rows` rows.
    fn execution<'c>(
        &self,
        select: &Select,
        options: &ExecuteOptions<'c>,
        rows: usize,
    ) -> Result<Execution<'c>, QueryError> {
        let plan = Planner::new(&self.db, options).select(select, None)?;
        let until = options.deadline.map(Until::Lent);
        let budget = Budget::new(&options.limits, options.cancel, until);
        Execution::new(Arc::new(plan), budget, rows)
    }
}

impl FrameSource for Engine {
    /// Answers one statement with the default [`Limits`].
    fn stream(
        &self,
        request: &FrameRequest<'_>,
        each: &mut dyn FnMut(Frame) -> ControlFlow<()>,
    ) -> Result<(), SourceError> {
        let query = crate::parse_query(request.statement).map_err(SourceError::new)?;
        let [statement] = query.statements.as_slice() else {
            return Err(SourceError::new(format!(
                "expected one statement, found {}",
                query.statements.len()
            )));
        };
        let mut options = ExecuteOptions::new(request.now);
        options.database = Some(request.database);
        options.policy = request.retention_policy;
        self.run(statement, &options, each).map_err(SourceError::new)
    }
}

impl QueryError {
    /// What storage refused, in InfluxDB's words.
    pub(crate) fn from_db(error: DbError) -> Self {
        match error {
            DbError::DatabaseNotFound { name } => QueryError::DatabaseNotFound { name },
            DbError::PolicyNotFound { name } => QueryError::PolicyNotFound { name },
            DbError::InvalidName { .. } => QueryError::invalid("invalid name"),
            other => QueryError::storage(other),
        }
    }
}
