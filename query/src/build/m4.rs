//! Few points for the same picture, out of any number.

use std::fmt;
use std::ops::ControlFlow;

use stripchart_core::{Frame, TimeRange};

use super::Query;
use crate::{Engine, ExecuteOptions, QueryError};

/// The points of plain fields that a line chart of some width needs.
///
/// `range` is cut into `columns` stretches of equal length (the last nanosecond apart), one for each column of pixels.
/// Of the points in each, the first, the last, the least and the greatest are kept, at most four, in order of time: a
/// line through them covers the same pixels as a line through all (the method is known as M4). Of several points at one
/// instant, as where series are merged, the greatest is the first and the last; of equally great ones the earliest is
/// the greatest, likewise the least.
///
/// Where storage's statistics cover a column, and they do of most of a long range, no value is decoded. The cost is
/// about that of `SELECT first, last, min, max ... GROUP BY time`, from microseconds a series up; memory is
/// proportional to `columns`.
///
/// ```
/// use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
/// use stripchart_query::build::Query;
/// use stripchart_query::{Engine, ExecuteOptions};
/// use stripchart_storage::Db;
///
/// let folder = tempfile::tempdir()?;
/// let engine = Engine::new(Db::open(folder.path())?);
/// engine.db().create_database("demo", None)?;
/// let mut batch = Batch::new();
/// let series = batch.series("cpu", [("host", "a")])?;
/// for second in 0..1000 {
///     let wave = (second as f64 / 50.0).sin();
///     batch.row(series, Timestamp::from_secs(second)).f64("usage", wave);
/// }
/// engine.db().writer("demo", None)?.write(&batch)?;
///
/// let range = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(1000));
/// let chart = Query::from("cpu").field("usage").group_by_tag("host").m4(range, 10);
/// let options = ExecuteOptions::new(Timestamp::from_secs(1000)).database("demo");
/// let frames = engine.m4(&chart, &options)?;
/// assert_eq!(frames[0].tag_value("host"), Some("a"));
/// assert!(frames[0].row_count() <= 40);
/// assert_eq!(frames[0].times().map(|times| times[0]), Some(0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct M4 {
    query: Query,
    range: TimeRange,
    columns: usize,
}

impl M4 {
    pub(super) fn new(query: Query, range: TimeRange, columns: usize) -> M4 {
        M4 { query, range, columns }
    }

    /// The query of the points from which some are chosen.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The stretch of time that is drawn.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        self.range
    }

    /// The width in pixels.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Where columns begin, and the last ends; fewer than asked for if the range has not as many nanoseconds.
    fn edges(&self) -> Vec<i64> {
        let (start, end) = (self.range.start.nanos(), self.range.end.nanos());
        let span = i128::from(end) - i128::from(start);
        if span <= 0 || self.columns == 0 {
            return Vec::new();
        }
        let columns = i128::try_from(self.columns).unwrap_or(i128::MAX).min(span);
        let edge = |index: i128| i64::try_from(i128::from(start) + span * index / columns);
        let mut edges = Vec::new();
        let mut index = 0;
        while index <= columns {
            edges.push(edge(index).unwrap_or(end));
            index += 1;
        }
        edges
    }
}

impl fmt::Display for M4 {
    /// The query of all points, as InfluxQL, and how many columns they are for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -- for {} columns", self.query, self.columns)
    }
}

/// Bytes that a column takes while it is computed: four points, with their times.
const COLUMN_BYTES: u64 = 160;

impl Engine {
    /// The points that a chart needs: for each series and each field a frame with the columns `time` and the field.
    ///
    /// # Errors
    ///
    /// [`QueryError`] if the query selects anything but fields with numbers, has windows, a limit or a target, or as
    /// [`Engine::fetch`].
    pub fn m4(&self, m4: &M4, options: &ExecuteOptions<'_>) -> Result<Vec<Frame>, QueryError> {
        let select = m4.query.clone().into();
        refuse(&select)?;
        let columns = u64::try_from(m4.columns).unwrap_or(u64::MAX);
        let found = columns.saturating_mul(COLUMN_BYTES);
        if let Some(limit) = options.limits.max_memory_bytes
            && found > limit
        {
            return Err(QueryError::Memory { found, limit });
        }
        let mut frames = Vec::new();
        let edges = m4.edges();
        if !edges.is_empty() {
            self.chosen_points(select, &edges, options, &mut |frame| {
                frames.push(frame);
                ControlFlow::Continue(())
            })?;
        }
        Ok(frames)
    }
}

/// Refuses what points for a chart cannot be chosen from.
fn refuse(select: &crate::ast::Select) -> Result<(), QueryError> {
    let refused = |what: &str| {
        Err(QueryError::invalid(format!("points for a chart are of plain fields, without {what}")))
    };
    if select.target.is_some() {
        return refused("INTO");
    }
    if select.time_dimension().is_some() {
        return refused("GROUP BY time");
    }
    if select.limit.is_some() || select.offset > 0 {
        return refused("LIMIT and OFFSET");
    }
    if select.is_descending() {
        return refused("ORDER BY time DESC");
    }
    Ok(())
}
