//! Rollups: the rows of a retention policy, aggregated per span of time into another policy that keeps them longer.
//!
//! A rollup writes, for each series and span, what `SELECT count(*), min(*), max(*), sum(*), first(*), last(*) INTO ... GROUP
//! BY time(span), *` would: a row at the begin of the span with the fields `count_F`, `min_F`, `max_F`, `sum_F`, `first_F`
//! and `last_F` for every field `F` of a number, and `count_F`, `first_F` and `last_F` for others. So the policy that
//! receives them is an ordinary one, to be queried, kept and exported like any other.
//!
//! ```text
//! segments of the source, by rank     1  2  3  4 | 5  6          | rank up to which it is rolled up: 4
//! spans that 5 and 6 have rows in     [==)  [=====)   [==)       read from all segments, written again as a whole
//! ```
//!
//! What is new is told by the rank of segments: a step takes the segments above the rank that the rollup has reached, computes
//! every span anew that one of their series has rows in, from all of the source, and then records the new rank. Rows that
//! come late, out of order or twice need no rule of their own: their spans are written again. Interrupted anywhere, it is
//! done again, with the same outcome. Deletes are told by rank as well: the spans that they touch are deleted, and
//! written again from what is left. Rows are rolled up when they are sealed; until then a
//! [`RolledView`](crate::RolledView) reads them where they are.

use std::sync::Arc;

use stripchart_core::{Batch, FieldType, KeyRef, Timestamp};

use crate::catalog::{Catalog, Change, PolicyId, RetentionPolicy};
use crate::db::Shared;
use crate::rows::Wanted;
use crate::spans::union;
use crate::tombstone::Mark;
use crate::view::{Series, View, ViewInner};
use crate::{Aggregates, DbError, Partials, TagFilter};

/// The rows of one policy, aggregated into another one; see [`Db::create_rollup`](crate::Db::create_rollup).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rollup {
    /// The retention policy of the same database that receives the aggregates.
    pub into: String,
    /// The span of time that becomes a row, in nanoseconds; spans begin at its multiples since the epoch.
    pub every_ns: i64,
    /// The rank of the last segment that has been rolled up.
    pub(crate) rank: u64,
}

impl Rollup {
    pub(crate) fn new(into: &str, every_ns: i64) -> Self {
        Rollup { into: into.to_owned(), every_ns, rank: 0 }
    }

    /// The begin of the span that `at` is in.
    pub(crate) fn floor(&self, at: i64) -> i64 {
        at.saturating_sub(at.rem_euclid(self.every_ns))
    }

    /// The first begin of a span at or after `at`.
    pub(crate) fn ceil(&self, at: i64) -> i64 {
        let floor = self.floor(at);
        if floor == at { at } else { floor.saturating_add(self.every_ns) }
    }
}

/// An aggregate that a rollup keeps, and how the name of its field begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    Count,
    Min,
    Max,
    Sum,
    First,
    Last,
}

impl Kept {
    const ALL: [Kept; 6] = [Kept::Count, Kept::Min, Kept::Max, Kept::Sum, Kept::First, Kept::Last];

    pub(crate) fn field(self, of: &str) -> String {
        let prefix = match self {
            Kept::Count => "count",
            Kept::Min => "min",
            Kept::Max => "max",
            Kept::Sum => "sum",
            Kept::First => "first",
            Kept::Last => "last",
        };
        format!("{prefix}_{of}")
    }
}

/// Spans that are computed together: bounds memory, whatever time the rows reach over.
const SPANS: i64 = 1024;
/// Rows that are written together.
const BATCH_ROWS: usize = 5000;

impl Shared {
    /// Rolls up what was sealed since the last time.
    pub(crate) fn roll_up(&self, now: i64) -> Result<(), DbError> {
        let catalog = self.catalog();
        for database in catalog.databases() {
            for source in database.policies() {
                for rollup in &source.rollups {
                    let Some(into) = database.policy(&rollup.into) else { continue };
                    self.roll_up_one(&catalog, source, rollup, into.id, now)?;
                }
            }
        }
        Ok(())
    }

    fn roll_up_one(
        &self,
        catalog: &Arc<Catalog>,
        source: &RetentionPolicy,
        rollup: &Rollup,
        into: PolicyId,
        now: i64,
    ) -> Result<(), DbError> {
        let version = Arc::clone(&self.version.read());
        let horizon = source.horizon(now);
        let inner = version.view(source.id, Arc::clone(catalog), horizon);
        let inner = ViewInner { heads: Vec::new(), ..inner };
        let segments = inner.segments.iter().map(|segment| segment.footer.rank).max();
        let Some(rank) = segments.max(inner.deletes.rank()).filter(|rank| *rank > rollup.rank)
        else {
            return Ok(());
        };
        // A span that retention has begun to cut off stays as it was written when it was whole.
        let oldest = rollup.ceil(horizon);
        let marks = inner.deletes.above(rollup.rank).filter_map(|mark| {
            let range = (rollup.floor(mark.range.0).max(oldest), rollup.ceil(mark.range.1));
            (range.0 < range.1).then(|| Mark { policy: into, range, ..mark.clone() })
        });
        self.seal_and_bury(marks.collect())?;
        let view = View::of(Arc::new(inner));
        let batch = Batch::new();
        let mut writer = Spans { shared: self, view: &view, rollup, into, oldest, batch, rows: 0 };
        for measurement in view.measurements()? {
            writer.measurement(&measurement)?;
        }
        writer.flush()?;
        let change = Change::RolledUp { policy: source.id, into: rollup.into.clone(), rank };
        self.change(&change)
    }
}

/// The spans of one rollup on their way into the other policy.
struct Spans<'a> {
    shared: &'a Shared,
    view: &'a View,
    rollup: &'a Rollup,
    into: PolicyId,
    oldest: i64,
    batch: Batch,
    rows: usize,
}

impl Spans<'_> {
    fn measurement(&mut self, measurement: &str) -> Result<(), DbError> {
        let fields: Vec<Wanted> = self
            .view
            .fields(measurement)
            .into_iter()
            .map(|field| Wanted { name: field.name, field_type: field.field_type })
            .collect();
        for series in self.view.series(measurement, &TagFilter::All)? {
            for (start, end) in self.new_spans(&series) {
                self.range(&series, &fields, start, end)?;
            }
        }
        Ok(())
    }

    /// The spans, from start to before end, in which rows of the series are new, or were deleted.
    fn new_spans(&self, series: &Series) -> Vec<(i64, i64)> {
        let rank = self.rollup.rank;
        let Some(bounds) = self.view.time_bounds(series) else { return Vec::new() };
        let (first, last) = (bounds.0.nanos(), bounds.1.nanos());
        let bounds = (
            self.rollup.floor(first),
            self.rollup.floor(last).saturating_add(self.rollup.every_ns),
        );
        // Where nothing is left there is nothing to write.
        let deleted = self.view.deleted(series.key(), rank);
        let deleted = deleted.iter().map(|(first, last)| (first.max(bounds.0), last.min(bounds.1)));
        let changed = series.bounds_above(rank).into_iter().chain(deleted);
        let spans = changed.filter(|(first, last)| first <= last).map(|(first, last)| {
            let end = self.rollup.floor(last).saturating_add(self.rollup.every_ns);
            (self.rollup.floor(first).max(self.oldest), end)
        });
        union(spans.filter(|(start, end)| start < end).collect())
    }

    fn range(
        &mut self,
        series: &Series,
        fields: &[Wanted],
        start: i64,
        end: i64,
    ) -> Result<(), DbError> {
        let width = self.rollup.every_ns.saturating_mul(SPANS);
        let mut from = start;
        while from < end {
            let to = from.saturating_add(width).min(end);
            self.chunk(series, fields, from, to)?;
            from = to;
        }
        Ok(())
    }

    /// Computes the spans from `start` to before `end`, at most [`SPANS`], and adds their rows.
    fn chunk(
        &mut self,
        series: &Series,
        fields: &[Wanted],
        start: i64,
        end: i64,
    ) -> Result<(), DbError> {
        let mut edges = vec![start];
        while edges.last().is_some_and(|edge| *edge < end) {
            edges.extend(
                edges.last().map(|edge| edge.saturating_add(self.rollup.every_ns).min(end)),
            );
        }
        let mut folded: Vec<(&Wanted, Partials)> = Vec::with_capacity(fields.len());
        for field in fields {
            let mut partials = Partials::new(field.field_type, edges.len() - 1, Aggregates::ALL);
            self.view.fold(series, &field.name, &edges, &mut partials)?;
            folded.push((field, partials));
        }
        for (span, at) in edges[..edges.len() - 1].iter().enumerate() {
            if folded.iter().any(|(_, partials)| partials.count(span) > 0) {
                add_row(&mut self.batch, series.key(), *at, span, &folded);
                self.rows += 1;
            }
        }
        if self.rows >= BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), DbError> {
        if self.rows > 0 {
            let accepted = self.shared.write(self.into, &self.batch)?;
            if let Some(refused) = accepted.rejected.first() {
                *self.shared.last_error.lock() = Some(format!(
                    "a rollup into {:?} loses rows: {}",
                    self.rollup.into, refused.reason
                ));
            }
            // Its series do not come again in this round.
            self.batch.reset();
            self.rows = 0;
        }
        Ok(())
    }
}

fn add_row(
    batch: &mut Batch,
    key: KeyRef<'_>,
    at: i64,
    span: usize,
    folded: &[(&Wanted, Partials)],
) {
    let series = batch.series_of(key);
    let mut row = batch.row(series, Timestamp::from_nanos(at));
    for (field, partials) in folded {
        let Ok(count) = i64::try_from(partials.count(span)) else { continue };
        if count == 0 {
            continue;
        }
        for kept in Kept::ALL {
            let name = kept.field(&field.name);
            match kept {
                Kept::Count => row.field(&name, count),
                Kept::Min => put(&mut row, &name, partials.min(span).map(|(v, _)| v.to_value())),
                Kept::Max => put(&mut row, &name, partials.max(span).map(|(v, _)| v.to_value())),
                Kept::Sum => put(&mut row, &name, partials.sum(span).map(crate::Number::to_value)),
                Kept::First => {
                    if let Some((value, _)) = partials.first(span) {
                        row.field(&name, value);
                    }
                }
                Kept::Last => {
                    if let Some((value, _)) = partials.last(span) {
                        row.field(&name, value);
                    }
                }
            }
        }
    }
}

fn put(
    row: &mut stripchart_core::RowWriter<'_>,
    name: &str,
    value: Option<stripchart_core::FieldValue>,
) {
    if let Some(value) = value {
        row.field(name, value.as_ref());
    }
}

/// The type that a kept aggregate of a field of `field_type` has.
pub(crate) fn kept_type(kept: Kept, field_type: FieldType) -> FieldType {
    if kept == Kept::Count { FieldType::Integer } else { field_type }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_begin_at_multiples_before_the_epoch_too() {
        let rollup = Rollup::new("x", 60);
        assert_eq!([-1, 0, 59, 60].map(|at| rollup.floor(at)), [-60, 0, 0, 60]);
        assert_eq!([-1, 0, 1, 60].map(|at| rollup.ceil(at)), [0, 0, 60, 60]);
        assert_eq!(rollup.floor(i64::MIN + 1), i64::MIN);
    }
}
