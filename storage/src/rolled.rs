//! Reading a policy together with its rollups: coarse where that gives the same answer, raw elsewhere.

use std::collections::BTreeMap;

use stripchart_core::{FieldType, KeyRef, SeriesKey, TimeRange, Timestamp, ValueRef};

use crate::partials::{NumericStats, Stats};
use crate::rollup::{Kept, Rollup, kept_type};
use crate::spans::{union, without};
use crate::{Db, DbError, Direction, Number, Partials, ReadError, Reads, Series, TagFilter, View};

/// A snapshot of a retention policy and of the policies that it is rolled up into.
///
/// Gives history that the policy itself has dropped, and reads long spans of time from few rows. What is not rolled up yet,
/// because it is still in memory or came late, is read where it is: the values are those that [`View::fold`] gives where
/// both have the rows. Only times differ: a smallest, largest, first or last value that comes from a rollup has the time
/// at which its span begins.
///
/// ```
/// use stripchart_core::{Batch, FieldType, Sink, Timestamp};
/// use stripchart_storage::{Aggregates, Db, Partials, PolicySpec, TagFilter};
///
/// let folder = tempfile::tempdir()?;
/// let db = Db::open(folder.path())?;
/// db.create_database("mydb", None)?;
/// db.create_retention_policy("mydb", PolicySpec::named("hourly"))?;
/// db.create_rollup("mydb", None, "hourly", 3_600_000_000_000)?;
///
/// let mut batch = Batch::new();
/// let series = batch.series("cpu", [("host", "a")])?;
/// for minute in 0..120 {
///     batch.row(series, Timestamp::from_secs(60 * minute)).f64("user", 0.5);
/// }
/// db.writer("mydb", None)?.write(&batch)?;
/// db.seal()?;
/// db.step(Timestamp::from_secs(7200)); // rolls up what was sealed
///
/// let view = db.rolled_view("mydb", None)?;
/// let series = &view.series("cpu", &TagFilter::All)?[0];
/// let mut sums = Partials::new(FieldType::Float, 1, Aggregates::SUM);
/// view.fold(series, "user", &[0, 7_200_000_000_000], &mut sums)?;
/// assert_eq!((sums.count(0), sums.sum(0).map(|sum| sum.as_f64())), (120, Some(60.0)));
/// let parts = view.parts(series, "user", &[0, 7_200_000_000_000]);
/// assert_eq!((parts.len(), parts[0].every_ns), (1, Some(3_600_000_000_000)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct RolledView {
    raw: View,
    /// Coarsest first.
    tiers: Vec<Tier>,
}

/// From start to before end, in nanoseconds.
type Span = (i64, i64);

#[derive(Debug, Clone)]
struct Tier {
    rollup: Rollup,
    view: View,
}

/// A series of a [`RolledView`]: its key, and where its rows are.
#[derive(Debug, Clone)]
pub struct RolledSeries {
    key: SeriesKey,
    raw: Option<Series>,
    /// One for each tier.
    tiers: Vec<Option<Series>>,
}

impl RolledSeries {
    /// The key: measurement and tags.
    #[must_use]
    pub fn key(&self) -> KeyRef<'_> {
        self.key.as_ref()
    }

    fn new(key: SeriesKey, tiers: usize) -> Self {
        RolledSeries { key, raw: None, tiers: vec![None; tiers] }
    }
}

/// A span of time, and what it is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RolledPart {
    /// The span.
    pub range: TimeRange,
    /// Nanoseconds of the rollup's spans; `None` if the rows themselves are read.
    pub every_ns: Option<i64>,
}

impl Db {
    /// A consistent snapshot of a retention policy of `database` and of its rollups; `None` means the default policy.
    ///
    /// # Errors
    ///
    /// [`DbError::DatabaseNotFound`], [`DbError::PolicyNotFound`].
    pub fn rolled_view(&self, database: &str, policy: Option<&str>) -> Result<RolledView, DbError> {
        // How far the rollups have come is read before their rows, and those before the policy's own: whatever is rolled up in
        // the meantime is then read raw.
        let catalog = self.catalog();
        let mut tiers = Vec::new();
        for rollup in &catalog.policy(database, policy)?.rollups {
            let view = self.view(database, Some(&rollup.into))?;
            tiers.push(Tier { rollup: rollup.clone(), view });
        }
        tiers.sort_by_key(|tier| std::cmp::Reverse(tier.rollup.every_ns));
        Ok(RolledView { raw: self.view(database, policy)?, tiers })
    }
}

impl RolledView {
    /// The same snapshot, counting in `reads` what is read of the series listed from it, rows of rollups among the rows.
    #[must_use]
    pub fn counted_by(&self, reads: &Reads) -> RolledView {
        let counted =
            |tier: &Tier| Tier { rollup: tier.rollup.clone(), view: tier.view.counted_by(reads) };
        RolledView {
            raw: self.raw.counted_by(reads),
            tiers: self.tiers.iter().map(counted).collect(),
        }
    }

    /// The series of `measurement` that `filter` accepts, sorted by key, whether raw rows or rollups have them.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the index of a segment is unreadable.
    pub fn series(
        &self,
        measurement: &str,
        filter: &TagFilter,
    ) -> Result<Vec<RolledSeries>, ReadError> {
        let mut found: BTreeMap<SeriesKey, RolledSeries> = BTreeMap::new();
        let mut entry = |series: &Series, place: &dyn Fn(&mut RolledSeries)| {
            let key: SeriesKey = series.key().into();
            let new = || RolledSeries::new(key.clone(), self.tiers.len());
            place(found.entry(key.clone()).or_insert_with(new));
        };
        for series in self.raw.series(measurement, filter)? {
            entry(&series, &|at| at.raw = Some(series.clone()));
        }
        for (tier, of) in self.tiers.iter().enumerate() {
            for series in of.view.series(measurement, filter)? {
                entry(&series, &|at| at.tiers[tier] = Some(series.clone()));
            }
        }
        Ok(found.into_values().collect())
    }

    /// What [`RolledView::fold`] with the same arguments reads from where, in order of time within each rollup.
    #[must_use]
    pub fn parts(&self, series: &RolledSeries, field: &str, edges: &[i64]) -> Vec<RolledPart> {
        let (tiers, raw) = self.split(series, field, edges);
        let part = |every_ns| {
            move |(start, end): &(i64, i64)| {
                let range = Timestamp::from_nanos(*start)..Timestamp::from_nanos(*end);
                RolledPart { range: TimeRange { start: range.start, end: range.end }, every_ns }
            }
        };
        let mut parts = Vec::new();
        for (tier, spans) in self.tiers.iter().zip(&tiers) {
            parts.extend(spans.iter().map(part(Some(tier.rollup.every_ns))));
        }
        parts.extend(raw.iter().map(part(None)));
        parts
    }

    /// Adds the values of `field` of a series to `into`: bucket `i` takes those from `edges[i]` to before
    /// `edges[i + 1]`.
    ///
    /// A rollup serves where all inner edges are multiples of its span.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a stored block is unreadable; `into` may have been added to then.
    ///
    /// # Panics
    ///
    /// If `edges` is not sorted, or not one longer than `into` has buckets.
    pub fn fold(
        &self,
        series: &RolledSeries,
        field: &str,
        edges: &[i64],
        into: &mut Partials,
    ) -> Result<(), ReadError> {
        assert!(edges.is_sorted(), "edges must ascend");
        assert_eq!(edges.len(), into.buckets() + 1, "one edge more than buckets");
        let (tiers, raw) = self.split(series, field, edges);
        for ((tier, series), spans) in self.tiers.iter().zip(&series.tiers).zip(&tiers) {
            let Some(series) = series else { continue };
            for span in spans {
                tier.fold(series, field, *span, edges, into)?;
            }
        }
        let Some(series) = &series.raw else { return Ok(()) };
        for (start, end) in raw {
            let clipped: Vec<i64> = edges.iter().map(|edge| (*edge).clamp(start, end)).collect();
            self.raw.fold(series, field, &clipped, into)?;
        }
        Ok(())
    }

    /// The spans that each tier gives, and those that are read raw.
    fn split(
        &self,
        series: &RolledSeries,
        field: &str,
        edges: &[i64],
    ) -> (Vec<Vec<Span>>, Vec<Span>) {
        let mut open = match (edges.first(), edges.last()) {
            (Some(start), Some(end)) if start < end => vec![(*start, *end)],
            _ => Vec::new(),
        };
        let mut all = Vec::with_capacity(self.tiers.len());
        for tier in &self.tiers {
            let mut given = Vec::new();
            if tier.serves(series.key().measurement(), field, edges) {
                let fresh = self.not_rolled_up(series, tier);
                for range in std::mem::take(&mut open) {
                    let inner = tier.inner(range);
                    let usable =
                        if inner.0 < inner.1 { without(inner, &fresh) } else { Vec::new() };
                    open.extend(without(range, &usable));
                    given.extend(usable);
                }
            }
            all.push(given);
        }
        (all, open)
    }

    /// Spans of a tier that have rows of the series which it does not know.
    fn not_rolled_up(&self, series: &RolledSeries, tier: &Tier) -> Vec<(i64, i64)> {
        let rank = tier.rollup.rank;
        let new = series.raw.iter().flat_map(|series| series.bounds_above(rank));
        let deleted = self.raw.deleted(series.key(), rank);
        let spans = new.chain(deleted.iter()).map(|(first, last)| {
            let end = tier.rollup.floor(last).saturating_add(tier.rollup.every_ns);
            (tier.rollup.floor(first), end)
        });
        union(spans.collect())
    }
}

impl Tier {
    /// Whether buckets between `edges` are made of whole spans, but for the first and the last.
    fn serves(&self, measurement: &str, field: &str, edges: &[i64]) -> bool {
        let inner = edges.get(1..edges.len().saturating_sub(1)).unwrap_or_default();
        inner.iter().all(|edge| self.rollup.floor(*edge) == *edge)
            && self.field_type(measurement, &Kept::Count.field(field)) == Some(FieldType::Integer)
    }

    /// The whole spans of `range` that the tier still keeps.
    fn inner(&self, (start, end): (i64, i64)) -> (i64, i64) {
        let kept = self.rollup.ceil(self.view.horizon());
        (self.rollup.ceil(start).max(kept), self.rollup.floor(end))
    }

    fn field_type(&self, measurement: &str, field: &str) -> Option<FieldType> {
        self.view.field_type(measurement, field)
    }

    /// Adds the spans from `start` to before `end`.
    fn fold(
        &self,
        series: &Series,
        field: &str,
        (start, end): (i64, i64),
        edges: &[i64],
        into: &mut Partials,
    ) -> Result<(), ReadError> {
        const WANTED: [Kept; 6] =
            [Kept::Count, Kept::First, Kept::Last, Kept::Sum, Kept::Min, Kept::Max];
        let of = into.field_type();
        let names = WANTED.map(|kept| kept.field(field));
        let measurement = series.key().measurement();
        let typed = |(kept, name): (&Kept, &String)| {
            self.field_type(measurement, name).is_none_or(|found| found == kept_type(*kept, of))
        };
        if !WANTED.iter().zip(&names).all(typed) {
            return Ok(());
        }
        let range =
            TimeRange { start: Timestamp::from_nanos(start), end: Timestamp::from_nanos(end) };
        let names = names.each_ref().map(String::as_str);
        for block in self.view.scan(series, &names, range, Direction::Ascending) {
            let block = block?;
            for (row, at) in block.timestamps.iter().enumerate() {
                let values: [Option<ValueRef<'_>>; 6] =
                    std::array::from_fn(|column| block.columns[column].get(row));
                let bucket = edges.partition_point(|edge| edge <= at).checked_sub(1);
                if let (Some(bucket), Some(stats)) = (bucket, stats(&values, *at)) {
                    into.add_stats(bucket, &stats);
                }
            }
        }
        Ok(())
    }
}

/// What a row of a rollup says of its span.
fn stats(values: &[Option<ValueRef<'_>>; 6], at: i64) -> Option<Stats> {
    let [Some(ValueRef::Integer(count)), Some(first), Some(last), sum, min, max] = values else {
        return None;
    };
    let number = |value: &Option<ValueRef<'_>>| value.and_then(Number::from_value);
    let numeric = match (number(sum), number(min), number(max)) {
        (Some(sum), Some(min), Some(max)) => {
            Some(NumericStats { sum, min: (min, at), max: (max, at) })
        }
        _ => None,
    };
    Some(Stats {
        count: u64::try_from(*count).ok()?,
        numeric,
        first: (first.to_field_value()?, at),
        last: (last.to_field_value()?, at),
    })
}
