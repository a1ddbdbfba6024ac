//! Answers of any length, as text that is made while it is taken.
//!
//! ```text
//! next() -> statement by statement: plan, then chunk by chunk of its rows -> JSON or CSV -> a piece of text
//! ```
//!
//! Nothing is computed ahead: whoever does not take the next piece stops the query, and whoever drops the stream ends it.
//! What a `SELECT` holds meanwhile is bounded by the memory that its [`Limits`] allow, however many rows the answer has.
//! The answers of other statements are short and made at once.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::vec;

use stripchart_core::{Clock, Frame, Timestamp};

use crate::ast::{Query, Statement};
use crate::exec::Execution;
use crate::limits::{Budget, Until};
use crate::plan::Planner;
use crate::result::chunk::Chunk;
use crate::result::{CsvText, JsonText};
use crate::subscriptions;
use crate::{
    Cancel, Deadline, Engine, ExecuteOptions, FormatOptions, Limits, Message, QueryError,
    RunningQuery, StatementResult, User, Zone,
};

/// Bytes of text from which on a piece is handed out.
const PIECE_BYTES: usize = 64 << 10;

/// Rows that are made at once where nobody asks for chunks.
const ROWS: usize = 1024;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TextFormat {
    /// InfluxDB's JSON.
    #[default]
    Json,
    /// InfluxDB's CSV.
    Csv,
}

/// How a query is run and its answer written; as [`ExecuteOptions`], but owning what it refers to, so that a stream may
/// outlive the request that asked for it.
#[derive(Clone)]
#[non_exhaustive]
pub struct StreamOptions {
    /// The database that names without one belong to.
    pub database: Option<String>,
    /// The retention policy that names without one belong to; `None` means the database's default.
    pub policy: Option<String>,
    /// What `now()` means.
    pub now: Timestamp,
    /// What each statement may use.
    pub limits: Limits,
    /// A flag that stops the query.
    pub cancel: Option<Cancel>,
    /// A time at which it is stopped, and the clock that tells when that is reached.
    pub deadline: Option<(Timestamp, Arc<dyn Clock>)>,
    /// A document for each series and so many rows, as InfluxDB's `chunked=true`; `None` is one document for all.
    pub chunk_rows: Option<usize>,
    /// JSON or CSV.
    pub format: TextFormat,
    /// How instants are written, and whether JSON is indented.
    pub text: FormatOptions,
    /// Who asks: lists show only what he may see. `None` sees everything.
    pub user: Option<User>,
    /// Asked for a remark to stand beside the first result of each statement that did not fail.
    pub remark: Option<fn(&Statement) -> Option<Message>>,
}

impl StreamOptions {
    /// No database, default limits, one document of JSON.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        StreamOptions {
            database: None,
            policy: None,
            now,
            limits: Limits::default(),
            cancel: None,
            deadline: None,
            chunk_rows: None,
            format: TextFormat::default(),
            text: FormatOptions::default(),
            user: None,
            remark: None,
        }
    }

    /// The same about `database`.
    #[must_use]
    pub fn database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into());
        self
    }

    fn borrowed<'o>(&'o self, running: Option<&'o RunningQuery>) -> ExecuteOptions<'o> {
        let mut options = ExecuteOptions::new(self.now);
        options.user = self.user.as_ref();
        options.running = running;
        options.database = self.database.as_deref();
        options.policy = self.policy.as_deref();
        options.limits = self.limits.clone();
        options.cancel = running.map(RunningQuery::cancel).or(self.cancel.as_ref());
        options.deadline =
            self.deadline.as_ref().map(|(at, clock)| Deadline { at: *at, clock: &**clock });
        options
    }
}

impl fmt::Debug for StreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamOptions")
            .field("database", &self.database)
            .field("policy", &self.policy)
            .field("now", &self.now)
            .field("limits", &self.limits)
            .field("chunk_rows", &self.chunk_rows)
            .field("format", &self.format)
            .field("text", &self.text)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Runs the statements of `query` in order and gives the answer as pieces of text, each made when it is asked for.
    ///
    /// A statement that fails ends its result with its error, behind the rows that were there already; those after it
    /// are not executed. Statements that change something do so when the stream comes to them: a stream that is not read
    /// to its end may leave some of them out.
    ///
    /// ```
    /// use stripchart_core::{Batch, Sink, Timestamp};
    /// use stripchart_query::{Engine, ExecuteOptions, StreamOptions, parse_query};
    /// use stripchart_storage::Db;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let engine = Engine::new(Db::open(folder.path())?);
    /// engine.query("CREATE DATABASE demo", &ExecuteOptions::new(Timestamp::EPOCH))?;
    /// let mut batch = Batch::new();
    /// let series = batch.series("cpu", [("host", "a")])?;
    /// batch.row(series, Timestamp::from_secs(10)).f64("usage", 1.5);
    /// engine.db().writer("demo", None)?.write(&batch)?;
    ///
    /// let options = StreamOptions::new(Timestamp::from_secs(60)).database("demo");
    /// let pieces = engine.stream(parse_query("SELECT usage FROM cpu")?, options);
    /// let text: Vec<u8> = pieces.flatten().collect();
    /// assert_eq!(
    ///     String::from_utf8(text)?.trim_end(),
    ///     concat!(
    ///         r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","usage"],"#,
    ///         r#""values":[["1970-01-01T00:00:10Z",1.5]]}]}]}"#,
    ///     )
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn stream(&self, query: Query, options: StreamOptions) -> AnswerStream {
        let listed = self.begin(&query, &options.borrowed(None));
        let (listed, refused) = match listed {
            Ok(listed) => (Some(listed), None),
            Err(error) => (None, Some(error)),
        };
        AnswerStream {
            engine: self.clone(),
            statements: query.statements.into_iter().enumerate().collect(),
            text: Text::new(&options),
            options,
            listed,
            refused,
            running: None,
            failed: false,
            finished: false,
        }
    }

    /// Begins to run one statement.
    fn start(
        &self,
        statement: &Statement,
        options: &StreamOptions,
        listed: Option<&RunningQuery>,
    ) -> Result<Rows, QueryError> {
        let lent = options.borrowed(listed);
        if let Statement::Select(select) = statement
            && select.target.is_none()
        {
            let plan = Planner::new(self.db(), &lent).select(select, None)?;
            let deadline = options.deadline.clone();
            let until = deadline.map(|(at, clock)| Until::Shared(at, clock));
            let budget = Budget::new(&options.limits, lent.cancel, until);
            let rows = options.chunk_rows.unwrap_or(ROWS).min(1 << 20);
            let execution = Execution::new(Arc::new(plan), budget, rows)?;
            return Ok(Rows::Select(Box::new(execution)));
        }
        let mut frames = Vec::new();
        self.run(statement, &lent, &mut |frame| {
            frames.push(frame);
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(Rows::Frames(frames.into_iter()))
    }
}

/// The answer of a statement, being made.
#[derive(Debug)]
enum Rows {
    Select(Box<Execution<'static>>),
    Frames(vec::IntoIter<Frame>),
}

impl Rows {
    fn next(&mut self) -> Result<Option<Item>, QueryError> {
        Ok(match self {
            Rows::Select(execution) => execution.next()?.map(Item::Chunk),
            Rows::Frames(frames) => frames.next().map(Item::Frame),
        })
    }
}

/// Rows of one series.
#[derive(Debug)]
pub(crate) enum Item {
    Chunk(Chunk),
    Frame(Frame),
}

impl Item {
    fn rows(&self) -> usize {
        match self {
            Item::Chunk(chunk) => chunk.rows,
            Item::Frame(frame) => frame.row_count(),
        }
    }

    /// Whether more rows of the series follow.
    fn partial(&self) -> bool {
        match self {
            Item::Chunk(chunk) => chunk.partial,
            Item::Frame(frame) => frame.partial,
        }
    }
}

/// The text of an answer, piece by piece; see [`Engine::stream`].
///
/// Pieces are of some tens of kilobytes, the last may be short, none is empty. They go together anywhere, inside a number
/// even. `Send`, so that a server may move it to whichever thread writes.
#[derive(Debug)]
pub struct AnswerStream {
    engine: Engine,
    statements: VecDeque<(usize, Statement)>,
    options: StreamOptions,
    text: Text,
    /// Its place among the queries that run.
    listed: Option<RunningQuery>,
    /// Why it has none, until that is said.
    refused: Option<QueryError>,
    running: Option<Running>,
    failed: bool,
    finished: bool,
}

/// A statement whose rows are being written.
#[derive(Debug)]
struct Running {
    id: usize,
    zone: Option<Zone>,
    /// A column of the answer whose texts are lists, written in JSON already.
    lists: Option<&'static str>,
    messages: Vec<Message>,
    rows: Rows,
    /// In chunks: rows that are held back until it is known whether others follow, and how many of them are written.
    held: Option<(Item, usize)>,
}

impl Iterator for AnswerStream {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while !self.finished && self.text.out().len() < PIECE_BYTES {
            self.step();
        }
        let piece = std::mem::take(self.text.out());
        (!piece.is_empty()).then_some(piece)
    }
}

impl AnswerStream {
    /// Goes on by a chunk of rows, or to the next statement.
    fn step(&mut self) {
        match self.running.take() {
            Some(mut running) => {
                let done = if self.options.chunk_rows.is_some() {
                    self.text.next_chunk(&mut running)
                } else {
                    self.text.next_rows(&mut running)
                };
                match done {
                    Ok(true) => self.running = Some(running),
                    Ok(false) => {}
                    Err(error) => {
                        self.failed = true;
                        self.text.end_failed(running, &error);
                    }
                }
            }
            None => self.begin(),
        }
    }

    /// Begins the next statement.
    fn begin(&mut self) {
        let Some((id, statement)) = self.statements.pop_front() else {
            self.finished = true;
            self.listed = None;
            return self.text.finish();
        };
        let started = if let Some(refused) = self.refused.take() {
            Err(refused)
        } else if self.failed {
            Err(QueryError::NotExecuted)
        } else {
            self.engine.start(&statement, &self.options, self.listed.as_ref())
        };
        match started {
            Ok(rows) => {
                let remark = self.options.remark.and_then(|remark| remark(&statement));
                let zone = StatementResult::of(id, &statement).time_zone;
                let messages = remark.into_iter().collect();
                let lists = matches!(statement, Statement::ShowSubscriptions)
                    .then_some(subscriptions::DESTINATIONS);
                let running = Running { id, zone, lists, messages, rows, held: None };
                self.text.begin(&running);
                self.running = Some(running);
            }
            Err(error) => {
                self.failed = true;
                self.text.failed(id, &error);
            }
        }
    }
}

/// The writer, and whether it makes one document or many.
#[derive(Debug)]
struct Text {
    writer: Writer,
    chunk_rows: Option<usize>,
}

#[derive(Debug)]
enum Writer {
    Json(Box<JsonText>),
    Csv(CsvText),
}

impl Text {
    fn new(options: &StreamOptions) -> Self {
        let writer = match options.format {
            TextFormat::Json => Writer::Json(Box::new(JsonText::new(&options.text, Vec::new()))),
            TextFormat::Csv => Writer::Csv(CsvText::new(&options.text)),
        };
        Text { writer, chunk_rows: options.chunk_rows.map(|rows| rows.max(1)) }
    }

    fn out(&mut self) -> &mut Vec<u8> {
        match &mut self.writer {
            Writer::Json(json) => json.out(),
            Writer::Csv(csv) => csv.out(),
        }
    }

    fn begin(&mut self, running: &Running) {
        if self.chunk_rows.is_none() {
            self.begin_result(running);
        }
    }

    fn begin_result(&mut self, running: &Running) {
        match &mut self.writer {
            Writer::Json(json) => {
                json.begin_result(running.id, running.zone);
                running.lists.into_iter().for_each(|name| json.lists(name));
            }
            Writer::Csv(csv) => csv.begin_result(),
        }
    }

    /// Writes the next rows of the only document; `false` at the end of the statement.
    fn next_rows(&mut self, running: &mut Running) -> Result<bool, QueryError> {
        match running.rows.next()? {
            Some(item) => {
                let rows = item.rows();
                self.item(&item, 0, rows, item.partial());
                Ok(true)
            }
            None => {
                if let Writer::Json(json) = &mut self.writer {
                    json.end_result(&running.messages, false, None);
                }
                Ok(false)
            }
        }
    }

    /// Writes a document with the next rows; `false` at the end of the statement.
    fn next_chunk(&mut self, running: &mut Running) -> Result<bool, QueryError> {
        let most = self.chunk_rows.unwrap_or(usize::MAX);
        let Some((item, written)) = running.held.take() else {
            running.held = running.rows.next()?.map(|item| (item, 0));
            if running.held.is_none() {
                self.document(running, None, false);
            }
            return Ok(running.held.is_some());
        };
        let to = item.rows().min(written.saturating_add(most));
        if to < item.rows() {
            self.document(running, Some((&item, written, to, true)), true);
            running.held = Some((item, to));
            return Ok(true);
        }
        let partial = item.partial();
        running.held = match running.rows.next() {
            Ok(next) => next.map(|item| (item, 0)),
            Err(error) => {
                self.document(running, Some((&item, written, to, partial)), true);
                return Err(error);
            }
        };
        let more = running.held.is_some();
        self.document(running, Some((&item, written, to, partial)), more);
        Ok(more)
    }

    /// A document of one result with these rows.
    fn document(
        &mut self,
        running: &mut Running,
        rows: Option<(&Item, usize, usize, bool)>,
        more: bool,
    ) {
        self.begin_result(running);
        if let Some((item, from, to, partial)) = rows {
            self.item(item, from, to, partial);
        }
        let messages = std::mem::take(&mut running.messages);
        if let Writer::Json(json) = &mut self.writer {
            json.end_result(&messages, more, None);
            json.finish();
        }
    }

    fn item(&mut self, item: &Item, from: usize, to: usize, partial: bool) {
        match (&mut self.writer, item) {
            (Writer::Json(json), Item::Chunk(chunk)) => json.chunk(chunk, from..to, partial),
            (Writer::Json(json), Item::Frame(frame)) => json.rows_of(frame, from..to, partial),
            (Writer::Csv(csv), Item::Chunk(chunk)) => csv.chunk(chunk, from..to),
            (Writer::Csv(csv), Item::Frame(frame)) => csv.rows_of(frame, from..to),
        }
    }

    /// The end of a statement that failed on the way.
    fn end_failed(&mut self, running: Running, error: &QueryError) {
        match &mut self.writer {
            Writer::Json(json) if self.chunk_rows.is_none() => {
                json.end_result(&running.messages, false, Some(&error.to_string()));
            }
            _ => self.failed(running.id, error),
        }
    }

    /// A statement that gave nothing but an error.
    fn failed(&mut self, id: usize, error: &QueryError) {
        match &mut self.writer {
            Writer::Json(json) => {
                json.begin_result(id, None);
                json.end_result(&[], false, Some(&error.to_string()));
                if self.chunk_rows.is_some() {
                    json.finish();
                }
            }
            Writer::Csv(csv) => csv.error(&error.to_string()),
        }
    }

    fn finish(&mut self) {
        if let Writer::Json(json) = &mut self.writer
            && self.chunk_rows.is_none()
        {
            json.finish();
        }
    }
}
