//! Queries written in Rust rather than as text.
//!
//! A [`Query`] is a `SELECT` of the [language](crate::ast): it prints as InfluxQL, parses back from that, and is run by
//! the same [`Engine`]. What is missing here can be said as text.
//!
//! ```
//! use std::time::Duration;
//! use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
//! use stripchart_query::build::{Fill, Query, mean};
//! use stripchart_query::{Engine, ExecuteOptions};
//! use stripchart_storage::Db;
//!
//! let folder = tempfile::tempdir()?;
//! let engine = Engine::new(Db::open(folder.path())?);
//! engine.db().create_database("demo", None)?;
//! let mut batch = Batch::new();
//! let series = batch.series("cpu", [("host", "a")])?;
//! batch.row(series, Timestamp::from_secs(10)).f64("usage", 1.5);
//! batch.row(series, Timestamp::from_secs(50)).f64("usage", 2.5);
//! engine.db().writer("demo", None)?.write(&batch)?;
//!
//! let minute = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(60));
//! let query = Query::from("cpu")
//!     .field(mean("usage"))
//!     .where_tag("host", "a")
//!     .range(minute)
//!     .group_by_time(Duration::from_secs(20))
//!     .group_by_tag("host")
//!     .fill(Fill::Previous);
//! assert_eq!(
//!     query.to_string(),
//!     "SELECT mean(usage) FROM cpu WHERE host::tag = 'a' AND time >= '1970-01-01T00:00:00Z' AND \
//!      time < '1970-01-01T00:01:00Z' GROUP BY time(20s), host fill(previous)"
//! );
//!
//! let options = ExecuteOptions::new(Timestamp::from_secs(60)).database("demo");
//! let frames = engine.fetch(&query, &options)?;
//! assert_eq!(frames[0].tag_value("host"), Some("a"));
//! assert_eq!(frames[0].times(), Some(&[0, 20_000_000_000, 40_000_000_000][..]));
//! let means = frames[0].get("mean").expect("a column for each field");
//! assert_eq!((means.get_f64(0), means.get_f64(1), means.get_f64(2)), (Some(1.5), Some(1.5), Some(2.5)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Frames are columns: [`Column::values`](stripchart_core::Column::values) lends them as slices, with a bitmap of what is
//! there, and a chart draws them without copying. For a chart of raw points, however many, there is [`Query::m4`].

mod expression;
mod m4;

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use stripchart_core::{Frame, TimeRange, Timestamp};

pub use expression::{
    Condition, Expression, Literal, Selected, bottom, call, count, cumulative_sum, derivative,
    difference, distinct, elapsed, field, first, integral, last, max, mean, median, min, mode,
    moving_average, non_negative_derivative, non_negative_difference, percentile, sample, spread,
    stddev, sum, tag, top,
};
pub use m4::M4;

pub use crate::ast::Fill;
use crate::ast::{
    self, BinaryOp, Dimension, Expr, Measurement, MeasurementName, Select, SortField, Source,
    Statement, Target, VarRef,
};
use crate::{Engine, ExecuteOptions, QueryError};

/// A `SELECT` in the making. Begins with what is read, and needs at least one [`field`](Query::field).
///
/// Every method returns the query with something more; see the [module](self) for an example.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Without what is said of time.
    select: Select,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Query {
    fn over(source: Source) -> Query {
        let select = Select { from: vec![source], ..Select::default() };
        Query { select, since: None, until: None }
    }

    /// A query of a measurement.
    #[must_use]
    pub fn from(measurement: impl Into<String>) -> Query {
        Query::over(Source::Measurement(Measurement::named(measurement)))
    }

    /// A query of all measurements whose names match `pattern`, a regular expression.
    #[must_use]
    pub fn from_matching(pattern: impl Into<String>) -> Query {
        let name = MeasurementName::Regex(ast::Regex::new(pattern));
        Query::over(Source::Measurement(Measurement { database: None, policy: None, name }))
    }

    /// A query of the answer of another: its columns are fields, its tags grouped by are tags.
    #[must_use]
    pub fn from_query(query: Query) -> Query {
        Query::over(Source::Subquery(Box::new(query.into())))
    }

    /// Also of the measurement `measurement`.
    #[must_use]
    pub fn and_from(mut self, measurement: impl Into<String>) -> Query {
        self.select.from.push(Source::Measurement(Measurement::named(measurement)));
        self
    }

    /// The measurements named so far are of `database`, not of the [options'](ExecuteOptions::database).
    #[must_use]
    pub fn database(mut self, database: impl Into<String>) -> Query {
        let database = database.into();
        for source in &mut self.select.from {
            if let Source::Measurement(measurement) = source {
                measurement.database = Some(database.clone());
            }
        }
        self
    }

    /// The measurements named so far are of the retention policy `policy`, not of the default.
    #[must_use]
    pub fn policy(mut self, policy: impl Into<String>) -> Query {
        let policy = policy.into();
        for source in &mut self.select.from {
            if let Source::Measurement(measurement) = source {
                measurement.policy = Some(policy.clone());
            }
        }
        self
    }

    /// Selects a column more: a name, a function, or arithmetic of those.
    #[must_use]
    pub fn field(mut self, column: impl Into<Selected>) -> Query {
        self.select.fields.push(column.into().0);
        self
    }

    /// Selects all fields and tags.
    #[must_use]
    pub fn all_fields(mut self) -> Query {
        self.select.fields.push(ast::Field { expr: Expr::Wildcard(None), alias: None });
        self
    }

    /// Only rows that fulfil `condition`, besides what was said before.
    #[must_use]
    pub fn filter(mut self, condition: Condition) -> Query {
        self.select.condition = Some(match self.select.condition.take() {
            None => condition.0,
            Some(before) => Condition(before).and(condition).0,
        });
        self
    }

    /// Only series whose tag `key` is `value`; an empty value stands for none.
    #[must_use]
    pub fn where_tag(self, key: impl Into<String>, value: impl Into<String>) -> Query {
        self.filter(tag(key).is(value.into()))
    }

    /// Only series whose tag `key` is one of `values`: none if there are none.
    #[must_use]
    pub fn where_tag_in<V: Into<String>>(
        self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Query {
        let key = key.into();
        let each = values.into_iter().map(|value| tag(key.as_str()).is(value.into()));
        self.filter(Condition::any(each.collect()))
    }

    /// Only series whose tag `key` matches `pattern`, a regular expression.
    #[must_use]
    pub fn where_tag_matches(self, key: impl Into<String>, pattern: impl Into<String>) -> Query {
        self.filter(tag(key).matches(pattern))
    }

    /// Only rows within `range`.
    #[must_use]
    pub fn range(self, range: TimeRange) -> Query {
        self.since(range.start).until(range.end)
    }

    /// Only rows from `start` on.
    #[must_use]
    pub fn since(mut self, start: Timestamp) -> Query {
        self.since = Some(start);
        self
    }

    /// Only rows before `end`.
    #[must_use]
    pub fn until(mut self, end: Timestamp) -> Query {
        self.until = Some(end);
        self
    }

    /// One row per window of `interval`, aligned to the epoch, or to local midnight with a
    /// [time zone](Query::time_zone). An interval of zero is refused when the query is run.
    #[must_use]
    pub fn group_by_time(mut self, interval: Duration) -> Query {
        self.push_dimension(expression::call("time", [Expression(expression::duration(interval))]));
        self
    }

    /// As [`group_by_time`](Query::group_by_time), the windows moved by `offset`.
    #[must_use]
    pub fn group_by_time_offset(mut self, interval: Duration, offset: Duration) -> Query {
        let args = [interval, offset].map(|argument| Expression(expression::duration(argument)));
        self.push_dimension(expression::call("time", args));
        self
    }

    /// One frame for each value of the tag `key`.
    #[must_use]
    pub fn group_by_tag(mut self, key: impl Into<String>) -> Query {
        let variable = VarRef { name: key.into(), cast: None };
        self.push_dimension(Expression(Expr::Variable(variable)));
        self
    }

    /// One frame for each combination of values of all tags, that is for each series.
    #[must_use]
    pub fn group_by_all_tags(mut self) -> Query {
        self.push_dimension(Expression(Expr::Wildcard(None)));
        self
    }

    fn push_dimension(&mut self, dimension: Expression) {
        self.select.group_by.push(Dimension { expr: dimension.0 });
    }

    /// What stands in windows without data.
    #[must_use]
    pub fn fill(mut self, fill: Fill) -> Query {
        self.select.fill = fill;
        self
    }

    /// Latest first; the frames come in the opposite order too.
    #[must_use]
    pub fn descending(mut self) -> Query {
        self.select.order_by = vec![SortField { name: Some("time".to_owned()), ascending: false }];
        self
    }

    /// At most `rows` rows in each frame; 0 is no limit.
    #[must_use]
    pub fn limit(mut self, rows: u64) -> Query {
        self.select.limit = (rows > 0).then_some(rows);
        self
    }

    /// Without the first `rows` rows of each frame.
    #[must_use]
    pub fn offset(mut self, rows: u64) -> Query {
        self.select.offset = rows;
        self
    }

    /// At most `series` frames of each measurement; 0 is no limit.
    #[must_use]
    pub fn series_limit(mut self, series: u64) -> Query {
        self.select.slimit = (series > 0).then_some(series);
        self
    }

    /// Without the first `series` frames of each measurement; of use with a [limit](Query::series_limit) only.
    #[must_use]
    pub fn series_offset(mut self, series: u64) -> Query {
        self.select.soffset = series;
        self
    }

    /// Windows are aligned to the clocks of `zone`, an IANA name such as `Europe/Berlin`; needs the feature `chrono-tz`.
    #[must_use]
    pub fn time_zone(mut self, zone: impl Into<String>) -> Query {
        self.select.time_zone = Some(zone.into());
        self
    }

    /// Writes the answer into `measurement` instead of returning it; the frame that is returned says how many rows were
    /// written. Tags grouped by stay tags, everything else becomes fields.
    #[must_use]
    pub fn write_into(mut self, measurement: impl Into<String>) -> Query {
        let measurement = Some(measurement.into());
        self.select.target = Some(Target { database: None, policy: None, measurement });
        self
    }

    /// The points of plain fields that a line `columns` pixels wide over `range` needs: see [`M4`].
    #[must_use]
    pub fn m4(self, range: TimeRange, columns: usize) -> M4 {
        M4::new(self.range(range), range, columns)
    }
}

impl From<Query> for Select {
    fn from(query: Query) -> Select {
        let Query { mut select, since, until } = query;
        let bounds = [(BinaryOp::GreaterEq, since), (BinaryOp::Less, until)];
        for (op, at) in bounds.into_iter().filter_map(|(op, at)| Some((op, at?))) {
            let time = Expr::Variable(VarRef { name: "time".to_owned(), cast: None });
            let at = if (Timestamp::MIN..=Timestamp::MAX).contains(&at) {
                Expr::String(at.to_string())
            } else {
                continue; // no row is there
            };
            let bound = Condition(Expr::binary(op, time, at));
            select.condition = Some(match select.condition.take() {
                None => bound.0,
                Some(before) => Condition(before).and(bound).0,
            });
        }
        select
    }
}

impl From<Query> for Statement {
    fn from(query: Query) -> Statement {
        Statement::Select(Box::new(query.into()))
    }
}

impl fmt::Display for Query {
    /// As InfluxQL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Select::from(self.clone()).fmt(f)
    }
}

impl Engine {
    /// Runs `query` and returns its frames: one for each series of the answer, none if there is nothing.
    ///
    /// # Errors
    ///
    /// [`QueryError`] if the query makes no sense, reaches a limit, or storage fails.
    pub fn fetch(
        &self,
        query: &Query,
        options: &ExecuteOptions<'_>,
    ) -> Result<Vec<Frame>, QueryError> {
        let mut frames = Vec::new();
        self.run(&query.clone().into(), options, &mut |frame| {
            frames.push(frame);
            ControlFlow::Continue(())
        })?;
        Ok(frames)
    }
}
