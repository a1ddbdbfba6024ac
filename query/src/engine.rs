//! The engine: statements in, results out.

use std::ops::ControlFlow;
use std::sync::Arc;

use stripchart_core::{
    Column, Frame, FrameRequest, FrameSource, Frames, SourceError, Timestamp, Values,
};
use stripchart_storage::{Db, DbError};

use crate::Cancel;
use crate::ast::{Query, Select, Statement};
use crate::exec::Execution;
use crate::limits::{Budget, Deadline, Limits, Until};
use crate::password::Checker;
use crate::plan::Planner;
use crate::records::{Records, Store};
use crate::result::gather::Gathered;
use crate::running::{self, Registry, RunningQuery};
use crate::users::{self, User};
use crate::{ParseError, QueryError, StatementResult};
use crate::{continuous, delete, explain, into, manage, shards, show, subscriptions};

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
    /// Who asks: lists show only what he may see. `None` sees everything. What he may do is
    /// [asked apart](Engine::authorize).
    pub user: Option<&'a User>,
    /// The query that the statement is part of, if it is listed already; `None` lists each call by itself.
    pub running: Option<&'a RunningQuery>,
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
            user: None,
            running: None,
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
///
/// Users, continuous queries and subscriptions are kept with the data, and read when first needed: damage to them is an error of the statements
/// that need them. Queries are run by whoever calls, continuous ones by [`Engine::tick`].
#[derive(Debug, Clone)]
pub struct Engine {
    db: Db,
    shared: Arc<Shared>,
    most_running: Option<usize>,
}

/// What all clones of an engine share.
#[derive(Debug, Default)]
struct Shared {
    records: Store,
    passwords: Checker,
    registry: Arc<Registry>,
    continuous: continuous::Counts,
}

impl Engine {
    /// An engine over `db`.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Engine { db, shared: Arc::default(), most_running: None }
    }

    /// The same, refusing queries while `most` run: InfluxDB's `max-concurrent-queries`. Those that list or end others are let in.
    #[must_use]
    pub fn max_concurrent_queries(mut self, most: usize) -> Self {
        self.most_running = Some(most);
        self
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Lists `query` among those that run, until the answer is dropped.
    ///
    /// [`Engine::execute`] does this by itself; see [`RunningQuery`]. If the options have a flag that stops the query, that is the one that
    /// `KILL QUERY` throws: it must not be shared with other queries.
    ///
    /// # Errors
    ///
    /// [`QueryError::Invalid`] if [too many](Engine::max_concurrent_queries) run.
    pub fn begin(
        &self,
        query: &Query,
        options: &ExecuteOptions<'_>,
    ) -> Result<RunningQuery, QueryError> {
        self.begin_statements(&running::statements(query), options)
    }

    fn begin_statements(
        &self,
        statements: &[&Statement],
        options: &ExecuteOptions<'_>,
    ) -> Result<RunningQuery, QueryError> {
        let ExecuteOptions { database, now, cancel, .. } = options;
        self.shared.registry.begin(statements, *database, *now, *cancel, self.most_running)
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
        let begun = match options.running {
            Some(_) => None,
            None => Some(self.begin(query, options)),
        };
        let (begun, mut refused) = match begun.transpose() {
            Ok(begun) => (begun, None),
            Err(error) => (None, Some(error)),
        };
        let options = &with_running(options, begun.as_ref());
        let mut failed = refused.is_some();
        let mut results = Vec::with_capacity(query.statements.len());
        for (statement_id, statement) in query.statements.iter().enumerate() {
            let mut result = StatementResult::of(statement_id, statement);
            if failed {
                result.error = Some(refused.take().unwrap_or(QueryError::NotExecuted));
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
        let begun = match options.running {
            Some(_) => None,
            None => Some(self.begin_statements(&[statement], options)?),
        };
        let options = &with_running(options, begun.as_ref());
        match statement {
            Statement::Select(select) => self.select(select, options, each),
            _ => {
                for frame in self.other(statement, options)? {
                    if each(frame).is_break() {
                        break;
                    }
                }
                Ok(())
            }
        }
    }

    /// Runs one statement and returns its series, as many of them as may be in the same columns: the way to read answers of many
    /// short series, which as [frames](Engine::run) would each have columns of their own.
    ///
    /// Series that are worked out together share columns, a thousand at a time; rows of stored points come a series at a time, and
    /// [`ExecuteOptions::chunk_rows`] cuts them.
    ///
    /// # Errors
    ///
    /// [`QueryError`] if the statement makes no sense, reaches a limit, or storage fails.
    ///
    /// ```
    /// use stripchart_core::{Batch, Sink, Timestamp};
    /// use stripchart_query::build::{Query, mean};
    /// use stripchart_query::{Engine, ExecuteOptions};
    /// use stripchart_storage::Db;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let engine = Engine::new(Db::open(folder.path())?);
    /// let options = ExecuteOptions::new(Timestamp::from_secs(60)).database("demo");
    /// engine.query("CREATE DATABASE demo", &options)?;
    /// let mut batch = Batch::new();
    /// for (host, usage) in [("a", 1.5), ("b", 2.5)] {
    ///     let series = batch.series("cpu", [("host", host)])?;
    ///     batch.row(series, Timestamp::from_secs(10)).f64("usage", usage);
    /// }
    /// engine.db().writer("demo", None)?.write(&batch)?;
    ///
    /// let query = Query::from("cpu").field(mean("usage")).group_by_tag("host");
    /// let all = engine.gather(query, &options)?;
    /// assert_eq!((all.len(), all[0].series_count()), (1, 2));
    /// assert_eq!(all[0].tag_value(1, "host"), Some("b"));
    /// assert_eq!(all[0].get("mean").and_then(|column| column.get_f64(1)), Some(2.5));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn gather(
        &self,
        statement: impl Into<Statement>,
        options: &ExecuteOptions<'_>,
    ) -> Result<Vec<Frames>, QueryError> {
        let statement = statement.into();
        let mut gathered = Gathered::default();
        match &statement {
            Statement::Select(select) if select.target.is_none() => {
                let begun = match options.running {
                    Some(_) => None,
                    None => Some(self.begin_statements(&[&statement], options)?),
                };
                let options = &with_running(options, begun.as_ref());
                let rows = options.chunk_rows.unwrap_or(usize::MAX);
                let mut execution = self.execution(select, options, rows)?;
                while let Some(chunk) = execution.next()? {
                    gathered.chunk(chunk);
                }
            }
            _ => self.run(&statement, options, &mut |frame| {
                gathered.frame(frame);
                ControlFlow::Continue(())
            })?,
        }
        Ok(gathered.finish())
    }

    /// Answers a statement other than a query of points; each module knows its own.
    fn other(
        &self,
        statement: &Statement,
        options: &ExecuteOptions<'_>,
    ) -> Result<Vec<Frame>, QueryError> {
        match statement {
            Statement::ShowQueries => return Ok(vec![self.shared.registry.list(options.now)]),
            Statement::Explain { analyze, select } => {
                return Ok(vec![explain::run(self, select, *analyze, options)?]);
            }
            Statement::KillQuery { id, .. } => {
                self.shared.registry.kill(*id)?;
                return Ok(Vec::new());
            }
            _ => {}
        }
        if let Some(frames) = manage::run(self, statement)? {
            return Ok(frames);
        }
        if let Some(frames) = delete::run(self, statement, options)? {
            return Ok(frames);
        }
        if let Some(frames) = users::run(self, statement)? {
            return Ok(frames);
        }
        if let Some(frames) = continuous::run(self, statement, options)? {
            return Ok(frames);
        }
        if let Some(frames) = subscriptions::run(self, statement)? {
            return Ok(frames);
        }
        if let Some(frames) = shards::run(self, statement)? {
            return Ok(frames);
        }
        show::run(self, statement, options)
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

/// What the modules of the statements ask of the engine.
impl Engine {
    /// What people have set.
    pub(crate) fn records(&self) -> Result<Arc<Records>, QueryError> {
        self.shared.records.records(&self.db)
    }

    /// Changes it, durably.
    pub(crate) fn change_records<T>(
        &self,
        change: impl FnOnce(&mut Records) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        self.shared.records.change(&self.db, change)
    }

    pub(crate) fn store(&self) -> &Store {
        &self.shared.records
    }

    pub(crate) fn passwords(&self) -> &Checker {
        &self.shared.passwords
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    pub(crate) fn continuous_counts(&self) -> &continuous::Counts {
        &self.shared.continuous
    }
}

/// `options` for a query that was listed just now.
fn with_running<'o>(
    options: &ExecuteOptions<'o>,
    begun: Option<&'o RunningQuery>,
) -> ExecuteOptions<'o> {
    let running = begun.or(options.running);
    ExecuteOptions {
        running,
        cancel: running.map(RunningQuery::cancel).or(options.cancel),
        ..options.clone()
    }
}

impl Engine {
    /// Chooses points for a chart out of what `select` selects, for the columns between `edges`.
    pub(crate) fn chosen_points(
        &self,
        select: Select,
        edges: &[i64],
        options: &ExecuteOptions<'_>,
        each: &mut dyn FnMut(Frame) -> ControlFlow<()>,
    ) -> Result<(), QueryError> {
        let statement = Statement::Select(Box::new(select));
        let begun = match options.running {
            Some(_) => None,
            None => Some(self.begin_statements(&[&statement], options)?),
        };
        let options = &with_running(options, begun.as_ref());
        let Statement::Select(select) = &statement else { return Ok(()) };
        let plan = Planner::new(&self.db, options).select(select, None)?;
        let until = options.deadline.map(Until::Lent);
        let budget = Budget::new(&options.limits, options.cancel, until);
        let _ = crate::exec::m4(&plan, edges, &budget, each)?;
        Ok(())
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

impl From<DbError> for QueryError {
    fn from(error: DbError) -> Self {
        QueryError::from_db(error)
    }
}
