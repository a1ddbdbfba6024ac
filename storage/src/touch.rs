//! Which shards and files a read touches, and which it leaves alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stripchart_core::{TimeRange, Timestamp};

use crate::seal::shards_of;
use crate::view::{Series, View, ViewInner};
use crate::{Direction, ReadError};

/// Shards and files that a read touches, beside how many there are; see [`View::touched`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Touched {
    /// The shards of the policy that have rows inside the range of series that are read, in order of time.
    pub shards: Vec<TouchedShard>,
    /// How many shards of the policy have rows at all.
    pub shards_there: u64,
    /// Sealed files of the policy, whoever's rows they have.
    pub files_there: u64,
    /// Values of the fields inside the range that are in memory yet.
    pub values_in_memory: u64,
}

/// A span of time of a policy that a read touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TouchedShard {
    /// The span.
    pub range: TimeRange,
    /// Sealed files that are read; none if all rows that are asked for are in memory.
    pub files: u64,
    /// Bytes of those, whole.
    pub bytes: u64,
}

impl Touched {
    /// Sealed files that are read.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.shards.iter().map(|shard| shard.files).sum()
    }
}

type Span = (i64, i64);

impl View {
    /// What of the policy reading `fields` of `series` of this view inside `range` touches, before it is done.
    ///
    /// Reads no file beyond what listing the series has read; rows in memory are looked at one by one. Rows that came since the
    /// snapshot was taken may make a shard be counted.
    ///
    /// ```
    /// use stripchart_core::{Precision, TimeRange, Timestamp};
    /// use stripchart_storage::{Db, TagFilter};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path())?;
    /// db.create_database("demo", None)?;
    /// let writer = db.writer("demo", None)?;
    /// let write = |lines: &[u8]| writer.write_lines(lines, Precision::Seconds, Timestamp::EPOCH);
    /// write(b"cpu usage=1 60\ncpu usage=2 2000000")?; // in two weeks
    /// db.seal()?;
    /// write(b"cpu usage=3 61")?;
    ///
    /// let view = db.view("demo", None)?;
    /// let series = view.series("cpu", &TagFilter::All)?;
    /// let first_day = TimeRange::new(Timestamp::EPOCH, Timestamp::from_secs(86_400));
    /// let touched = view.touched(&series, &["usage"], first_day)?;
    /// assert_eq!((touched.shards.len(), touched.shards_there), (1, 2));
    /// assert_eq!((touched.files(), touched.files_there, touched.values_in_memory), (1, 2, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the read is cancelled.
    pub fn touched(
        &self,
        series: &[Series],
        fields: &[&str],
        range: TimeRange,
    ) -> Result<Touched, ReadError> {
        let inner = self.inner();
        let in_memory = self.shards_in_memory();
        let sealed = inner.segments.iter().map(|segment| segment.footer.shard);
        let there: BTreeSet<Span> = sealed.chain(in_memory.iter().copied()).collect();
        let mut files = vec![false; inner.segments.len()];
        let mut shards: BTreeMap<Span, (u64, u64)> = BTreeMap::new();
        let mut memory = Memory::default();
        let (start, end) = (range.start.nanos().max(inner.horizon), range.end.nanos());
        let inside = |(first, last): Span| first < end && start <= last;
        for series in series {
            inner.cancel.check()?;
            for (at, ..) in series.inner.segments.iter().filter(|place| inside(place.2)) {
                let segment = &series.view.segments[*at as usize];
                if let Some(file) = files.get_mut(*at as usize)
                    && !std::mem::replace(file, true)
                {
                    let (files, bytes) = shards.entry(segment.footer.shard).or_default();
                    *files += 1;
                    *bytes += segment.bytes;
                }
            }
            let mut in_heads = false;
            for (at, slot) in &series.inner.heads {
                let (head, limit) = &series.view.heads[*at as usize];
                let Some((first, last)) = head.inner.read().bounds(*slot, *limit) else { continue };
                let (first, last) = (first.max(start), last.min(end.saturating_sub(1)));
                if first <= last {
                    in_heads = true;
                    let spans = in_memory.iter().filter(|(a, b)| first < *b && *a <= last);
                    for span in spans {
                        shards.entry(*span).or_default();
                    }
                }
            }
            if in_heads {
                memory.count(series, fields, range)?;
            }
        }
        let touched = shards.into_iter().map(|((start, end), (files, bytes))| {
            let range = TimeRange::new(Timestamp::from_nanos(start), Timestamp::from_nanos(end));
            TouchedShard { range, files, bytes }
        });
        Ok(Touched {
            shards: touched.collect(),
            shards_there: there.len() as u64,
            files_there: inner.segments.len() as u64,
            values_in_memory: memory.values,
        })
    }

    /// The shards of the policy that have rows in memory.
    fn shards_in_memory(&self) -> BTreeSet<Span> {
        let inner = self.inner();
        let mut spans = BTreeSet::new();
        let Some(policy) = inner.catalog.policies().find(|policy| policy.id == inner.policy) else {
            return spans;
        };
        for (head, _) in &inner.heads {
            let head = head.inner.read();
            let of_policy = head.tables().iter().filter(|table| table.policy == inner.policy);
            spans.extend(shards_of(&head, &of_policy.collect::<Vec<_>>(), policy));
        }
        spans
    }
}

/// Counts values in memory, by reading series without their sealed places.
#[derive(Debug, Default)]
struct Memory {
    values: u64,
    /// The view that series were listed from, and the same without segments, which counts no reads.
    last: Option<(Arc<ViewInner>, View)>,
}

impl Memory {
    fn count(
        &mut self,
        series: &Series,
        fields: &[&str],
        range: TimeRange,
    ) -> Result<(), ReadError> {
        let known = self.last.take().filter(|(of, _)| Arc::ptr_eq(of, &series.view));
        let (of, view) = known.unwrap_or_else(|| {
            let without =
                ViewInner { segments: Vec::new(), reads: None, ..ViewInner::clone(&series.view) };
            (Arc::clone(&series.view), View::of(Arc::new(without)))
        });
        let only = series.in_memory(view.shared());
        for block in view.scan(&only, fields, range, Direction::Ascending) {
            let block = block?;
            let columns = block.columns.iter();
            let values = columns.map(|column| {
                (0..column.len()).filter(|row| column.get(*row).is_some()).count() as u64
            });
            self.values += values.sum::<u64>();
        }
        self.last = Some((of, view));
        Ok(())
    }
}
