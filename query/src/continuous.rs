//! Continuous queries: `CREATE`, `DROP` and `SHOW CONTINUOUS QUERY`, and running them when they are due.
//!
//! ```text
//!                last run          next run = last run + every                  now
//!  ------+----------+----------+------|---+----------+----------+----------+-----|--
//!        |          |  start --+--------------------------------------- end |
//! ```
//!
//! A query runs at every multiple of `EVERY` (of its interval, if not said) and computes the windows that have ended since the last run, and those that
//! `FOR` says: InfluxDB's reckoning. Up to when each has run is kept with the data, so that after a stop all windows in between are computed, in
//! slices, oldest first. What was computed is made durable before it is noted that it was; what is computed twice overwrites itself.
//!
//! Nothing runs by itself: whoever embeds the engine calls [`Engine::tick`] when its last answer said, or has
//! [`Engine::spawn_continuous`] start a thread that does.

mod schedule;
mod thread;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use stripchart_core::{Frame, NextDue, Timestamp, ValueRef};
use stripchart_storage::Catalog;

use crate::ast::{BinaryOp, CreateContinuousQuery, Expr, Select, Source, Statement, VarRef};
use crate::plan::time::split_condition;
use crate::records::Runs;
use crate::show::texts;
use crate::zone::Zone;
use crate::{Engine, ExecuteOptions, Limits, QueryError};
use schedule::{Schedule, Span};

pub use thread::ContinuousGuard;

/// What continuous queries have done since the engine was made.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    ok: AtomicU64,
    failed: AtomicU64,
    /// Queries whose last run failed. Held while queries run, so that none runs twice at once.
    failing: Mutex<HashSet<(String, String)>>,
    /// Rung when a query is created.
    bell: thread::Bell,
}

impl Counts {
    /// Runs that went well, and others.
    pub(crate) fn get(&self) -> (u64, u64) {
        (self.ok.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}

/// What a call of [`Engine::tick`] did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Tick {
    /// When it is to be called next; a continuous query that is created in the meantime may be due earlier.
    pub next: NextDue,
    /// The queries that ran.
    pub runs: Vec<ContinuousRun>,
}

/// A run of a continuous query.
#[derive(Debug)]
#[non_exhaustive]
pub struct ContinuousRun {
    /// Its database.
    pub database: String,
    /// Its name.
    pub name: String,
    /// The begin of the first window that was computed.
    pub start: Timestamp,
    /// The end of the last.
    pub end: Timestamp,
    /// Rows written.
    pub written: u64,
    /// Why it failed, if it did; it is tried again when it is due next.
    pub error: Option<QueryError>,
}

/// Runs a statement about continuous queries; `None` if it is of another kind.
pub(crate) fn run(
    engine: &Engine,
    statement: &Statement,
    options: &ExecuteOptions<'_>,
) -> Result<Option<Vec<Frame>>, QueryError> {
    match statement {
        Statement::ShowContinuousQueries => show(engine, options).map(Some),
        Statement::CreateContinuousQuery(create) => {
            self::create(engine, create, options)?;
            Ok(Some(Vec::new()))
        }
        // As in InfluxDB, one that is not there is no error.
        Statement::DropContinuousQuery { name, database } => {
            let is =
                |query: &CreateContinuousQuery| query.name == *name && query.database == *database;
            if engine.records()?.continuous.iter().any(|query| is(query)) {
                engine.change_records(|records| {
                    records.continuous.retain(|query| !is(query));
                    Ok(())
                })?;
                forget_runs(engine, name, database)?;
            }
            Ok(Some(Vec::new()))
        }
        _ => Ok(None),
    }
}

fn forget_runs(engine: &Engine, name: &str, database: &str) -> Result<(), QueryError> {
    let key = (database.to_owned(), name.to_owned());
    engine.store().change_runs(engine.db(), |runs| {
        runs.remove(&key);
    })
}

fn create(
    engine: &Engine,
    create: &CreateContinuousQuery,
    options: &ExecuteOptions<'_>,
) -> Result<(), QueryError> {
    let catalog = engine.db().catalog();
    let not_found = |name: &str| QueryError::DatabaseNotFound { name: name.to_owned() };
    let mut create = create.clone();
    let database = options.database.filter(|name| !name.is_empty()).unwrap_or(&create.database);
    let defaults = Defaults { catalog: &catalog, database, policy: options.policy };
    defaults.qualify(&mut create.select)?;
    catalog.database(&create.database).ok_or_else(|| not_found(&create.database))?;
    let (name, database) = (create.name.clone(), create.database.clone());
    let created = engine.change_records(|records| {
        let same = |query: &&Arc<CreateContinuousQuery>| {
            query.name == create.name && query.database == create.database
        };
        match records.continuous.iter().find(same) {
            // Creating it again is fine.
            Some(query) if **query == create => Ok(false),
            Some(_) => Err(QueryError::invalid("continuous query already exists")),
            None => {
                records.continuous.push(Arc::new(create));
                Ok(true)
            }
        }
    })?;
    // One of that name may have gone with its database.
    if created {
        forget_runs(engine, &name, &database)?;
        engine.continuous_counts().bell.ring();
    }
    Ok(())
}

/// What names without a database or policy mean.
struct Defaults<'a> {
    catalog: &'a Catalog,
    database: &'a str,
    policy: Option<&'a str>,
}

impl Defaults<'_> {
    /// Names database and policy of everything that is read and written, so that the query means the same whoever runs it.
    fn qualify(&self, select: &mut Select) -> Result<(), QueryError> {
        if let Some(target) = &mut select.target {
            self.fill(&mut target.database, &mut target.policy)?;
        }
        for source in &mut select.from {
            match source {
                Source::Measurement(of) => self.fill(&mut of.database, &mut of.policy)?,
                Source::Subquery(select) => self.qualify(select)?,
            }
        }
        Ok(())
    }

    fn fill(
        &self,
        database: &mut Option<String>,
        policy: &mut Option<String>,
    ) -> Result<(), QueryError> {
        let name = database.get_or_insert_with(|| self.database.to_owned());
        let found = self.catalog.database(name);
        let found = found.ok_or_else(|| QueryError::DatabaseNotFound { name: name.clone() })?;
        let default = || self.policy.filter(|policy| !policy.is_empty());
        let default = || default().unwrap_or(&found.default_policy().name).to_owned();
        let policy = policy.get_or_insert_with(default);
        if found.policy(policy).is_none() {
            return Err(QueryError::PolicyNotFound { name: format!("{name}.{policy}") });
        }
        Ok(())
    }
}

/// One series per database, of those that the user may read.
fn show(engine: &Engine, options: &ExecuteOptions<'_>) -> Result<Vec<Frame>, QueryError> {
    let records = engine.records()?;
    let catalog = engine.db().catalog();
    let visible = |name: &str| options.user.is_none_or(|user| user.may_read(name));
    let databases = catalog.databases_by_age().into_iter().map(|database| database.name());
    let frames = databases.filter(|name| visible(name)).map(|database| {
        let queries = || records.continuous.iter().filter(|query| query.database == database);
        let text: Vec<String> = queries().map(|query| query.to_string()).collect();
        Frame::new(database)
            .column(texts("name", queries().map(|query| query.name.as_str())))
            .column(texts("query", text.iter().map(String::as_str)))
    });
    Ok(frames.collect())
}

impl Engine {
    /// Runs the continuous queries that are due at `now`, each within `limits`, and says when to call again.
    ///
    /// A query that has much to catch up with does so in several calls, which the answer then asks for at once. Queries run one after the other in
    /// the caller's thread; `SHOW QUERIES` lists them and `KILL QUERY` ends one. A failure is told in the answer; that query is tried again when it is due
    /// next.
    ///
    /// ```
    /// use stripchart_core::{Precision, Timestamp};
    /// use stripchart_query::{Engine, ExecuteOptions, Limits};
    /// use stripchart_storage::Db;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let engine = Engine::new(Db::open(folder.path())?);
    /// let at = Timestamp::from_secs;
    /// let options = ExecuteOptions::new(at(0)).database("demo");
    /// engine.query("CREATE DATABASE demo", &options)?;
    /// engine.query(
    ///     "CREATE CONTINUOUS QUERY busy ON demo BEGIN SELECT max(v) INTO peak FROM cpu GROUP BY time(1m), * END",
    ///     &options,
    /// )?;
    /// engine.tick(at(0), &Limits::default())?;
    /// engine.db().writer("demo", None)?.write_lines(b"cpu,host=a v=7 30", Precision::Seconds, at(0))?;
    ///
    /// let tick = engine.tick(at(61), &Limits::default())?;
    /// assert_eq!((tick.runs[0].written, tick.next.at), (1, Some(at(120))));
    /// let results = engine.query("SELECT max FROM peak WHERE host = 'a'", &options)?;
    /// assert_eq!(results[0].frames[0].get("max").and_then(|column| column.get_f64(0)), Some(7.0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`QueryError::Storage`] if the queries, or up to when they have run, cannot be read or noted: what did run then runs again.
    pub fn tick(&self, now: Timestamp, limits: &Limits) -> Result<Tick, QueryError> {
        let counts = self.continuous_counts();
        let mut failing = counts.failing.lock();
        let mut tick = Tick { next: NextDue::idle(), runs: Vec::new() };
        let records = self.records()?;
        if records.continuous.is_empty() {
            return Ok(tick);
        }
        let runs = self.store().runs(self.db())?;
        let mut ran = Runs::new();
        for query in &records.continuous {
            let Some(schedule) = Schedule::of(query) else { continue };
            let key = (query.database.clone(), query.name.clone());
            let last = runs.get(&key).copied();
            let horizon = self.horizon(query, now);
            let span = schedule.due(last, now.nanos(), horizon, failing.contains(&key));
            let mut next = schedule.next(last, now.nanos());
            if let Some(span) = span {
                let run = self.run_continuous(query, span, now, limits);
                if run.error.is_none() {
                    counts.ok.fetch_add(1, Ordering::Relaxed);
                    failing.remove(&key);
                    ran.insert(key, span.reached);
                    if span.more {
                        next = now.nanos();
                    }
                } else {
                    counts.failed.fetch_add(1, Ordering::Relaxed);
                    failing.insert(key);
                }
                tick.runs.push(run);
            } else if last.is_none() {
                // Its first window is the one that has begun, however late the next call comes.
                ran.insert(key, schedule.begun(now.nanos()));
            }
            let next = Timestamp::from_nanos(next);
            tick.next.at = Some(tick.next.at.map_or(next, |at| at.min(next)));
        }
        if !ran.is_empty() {
            self.db().sync()?;
            self.store().change_runs(self.db(), |runs| {
                runs.extend(ran);
                let exists = |(database, name): &(String, String)| {
                    let mut all = records.continuous.iter();
                    all.any(|query| query.database == *database && query.name == *name)
                };
                runs.retain(|key, _| exists(key));
            })?;
        }
        Ok(tick)
    }

    /// The oldest instant that the policy keeps which the query writes to.
    fn horizon(&self, query: &CreateContinuousQuery, now: Timestamp) -> i64 {
        let catalog = self.db().catalog();
        let target = query.select.target.as_ref();
        let policy = target.and_then(|target| {
            let database = catalog.database(target.database.as_deref()?)?;
            database.policy(target.policy.as_deref()?)
        });
        let duration = policy.and_then(|policy| policy.duration_ns);
        duration.map_or(i64::MIN, |duration| now.nanos().saturating_sub(duration))
    }

    fn run_continuous(
        &self,
        query: &CreateContinuousQuery,
        span: Span,
        now: Timestamp,
        limits: &Limits,
    ) -> ContinuousRun {
        let mut run = ContinuousRun {
            database: query.database.clone(),
            name: query.name.clone(),
            start: Timestamp::from_nanos(span.start),
            end: Timestamp::from_nanos(span.end),
            written: 0,
            error: None,
        };
        let mut options = ExecuteOptions::new(now).database(&query.database);
        options.limits = limits.clone();
        let done = within(&query.select, span, now).and_then(|select| {
            let statement = Statement::Select(Box::new(select));
            self.run(&statement, &options, &mut |frame| {
                let written = frame.get("written").and_then(|column| column.get(0));
                if let Some(ValueRef::Integer(rows)) = written {
                    run.written += u64::try_from(rows).unwrap_or(0);
                }
                ControlFlow::Continue(())
            })
        });
        run.error = done.err();
        run
    }
}

/// `select` about `span` alone, whatever it says of time itself.
fn within(select: &Select, span: Span, now: Timestamp) -> Result<Select, QueryError> {
    let zone = select.time_zone.as_deref().map_or(Ok(None), Zone::find)?;
    let own = match &select.condition {
        Some(condition) => split_condition(condition, now, zone)?.0,
        None => None,
    };
    let time = |op, at| {
        let time = Expr::Variable(VarRef { name: "time".to_owned(), cast: None });
        Expr::binary(op, time, Expr::Integer(at))
    };
    let span = Expr::binary(
        BinaryOp::And,
        time(BinaryOp::GreaterEq, span.start),
        time(BinaryOp::Less, span.end),
    );
    let condition = match own {
        Some(own) => Expr::binary(BinaryOp::And, Expr::Paren(Box::new(own)), span),
        None => span,
    };
    Ok(Select { condition: Some(condition), ..select.clone() })
}
