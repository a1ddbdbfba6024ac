//! Reading the rows of one series from all places where some are.
//!
//! Every place yields pieces: runs of segments, and what a head has inside the range. Pieces that overlap in time form
//! a cluster and are decoded together and merged; a piece that overlaps none is a cluster by itself, which in practice
//! almost all are. Nothing is read before it is its turn:
//!
//! ```text
//! time ->      [run][run]  [run]   [run   ]           [head]
//!                             [run  ]  [run     ]
//! clusters     |   ||   | |                    |      |    |      found by what is known of the runs
//! read         whole      in slices of time, if it is long        one after the other, from the end that was asked for
//! newest row                                             ^        first, and by statistics where the place is a run
//! ```
//!
//! So memory is bounded, by rows and by fields, whatever overlaps; a reader that stops early decodes no more than it has
//! seen; and one that says how many rows it wants ([`SeriesScan::limit`]) has no others decoded.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use stripchart_core::Column;

use crate::ReadError;
use crate::cancel::Cancel;
use crate::condition::{Compare, Condition, Tests};
use crate::head::Head;
use crate::partials::Number;
use crate::reads::Reads;
use crate::rows::{Rows, Wanted, merge, pad};
use crate::segment::stretch::Located;
use crate::segment::{Run, Segment};
use crate::tombstone::Ranges;
use crate::view::Series;

/// Heads rank above segments.
const HEAD_RANK: u32 = u32::MAX / 2;

/// Rows that a block of a scan has at most.
pub(crate) const BLOCK_ROWS: usize = 1024;

/// Rows of overlapping pieces that are merged together.
const SLICE_ROWS: u64 = 16 * 1024;

/// Rows times fields that are decoded together: those of a run, unless there are hundreds of fields.
pub(crate) const CELLS: usize = 1 << 20;
/// Rows that are decoded together however many fields there are.
const LEAST_ROWS: usize = 64;

/// In which order a scan yields rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Earliest first.
    #[default]
    Ascending,
    /// Latest first.
    Descending,
}

/// Rows of one series.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RowBlock {
    /// For each row its time, nanoseconds since the epoch; strictly ascending, or descending if the scan was asked so.
    pub timestamps: Vec<i64>,
    /// The fields in the order asked for, each as long as the timestamps.
    pub columns: Vec<Column>,
}

/// A run of rows in time order, somewhere.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Times of the first and the last row, both inside.
    pub(crate) bounds: (i64, i64),
    /// Later writes have higher ranks.
    pub(crate) rank: u32,
    pub(crate) rows: PieceRows,
}

#[derive(Debug)]
pub(crate) enum PieceRows {
    /// A run of rows of a segment.
    Sealed { segment: Arc<Segment>, run: Run },
    /// The same, some of which are deleted: statistics would count them.
    Partly { segment: Arc<Segment>, run: Run, deleted: Arc<Ranges> },
    /// Rows in memory, of the batches up to `limit`.
    Head { head: Arc<Head>, slot: u32, limit: u32 },
}

impl Piece {
    /// The rows from `start` to before `end`.
    fn load(&self, wanted: &[Wanted], (start, end): (i64, i64)) -> Result<Rows, ReadError> {
        match &self.rows {
            PieceRows::Sealed { segment, run } => {
                let located = segment.locate(run, (start, end))?;
                segment.stretch(run, wanted, &located, located.rows.clone())
            }
            PieceRows::Partly { segment, run, deleted } => {
                let located = segment.locate(run, (start, end))?;
                let rows = segment.stretch(run, wanted, &located, located.rows.clone())?;
                Ok(deleted.remove_from(rows, wanted))
            }
            PieceRows::Head { head, slot, limit } => {
                Ok(head.inner.read().read(*slot, *limit, wanted, start, end))
            }
        }
    }

    /// How many rows it has, as far as that is known beforehand; those in memory are few.
    const fn rows(&self) -> u32 {
        match &self.rows {
            PieceRows::Sealed { run, .. } | PieceRows::Partly { run, .. } => run.rows,
            PieceRows::Head { .. } => 0,
        }
    }
}

/// The pieces of `series` that touch `start..end`, those that overlap together, in order of time; within a cluster in
/// order of rank.
pub(crate) fn clusters(
    series: &Series,
    wanted: &[Wanted],
    start: i64,
    end: i64,
) -> Result<VecDeque<Vec<Piece>>, ReadError> {
    let mut pieces = pieces(series, wanted, start, end)?;
    pieces.sort_by_key(|piece| piece.bounds);
    let mut clusters: VecDeque<Vec<Piece>> = VecDeque::new();
    let mut last = i64::MIN;
    for piece in pieces {
        let (begins, ends) = piece.bounds;
        match clusters.back_mut() {
            Some(cluster) if begins <= last => cluster.push(piece),
            _ => clusters.push_back(vec![piece]),
        }
        last = last.max(ends);
    }
    clusters.iter_mut().for_each(|cluster| cluster.sort_by_key(|piece| piece.rank));
    Ok(clusters)
}

/// Every place where rows of `series` inside `start..end` are, and not all of them deleted.
fn pieces(
    series: &Series,
    wanted: &[Wanted],
    start: i64,
    end: i64,
) -> Result<Vec<Piece>, ReadError> {
    let view = &series.view;
    let outside = |bounds: (i64, i64)| bounds.1 < start || bounds.0 >= end;
    let mut pieces = Vec::new();
    for (at, number, bounds) in series.inner.segments.iter() {
        let segment = &view.segments[*at as usize];
        if outside(*bounds) {
            continue;
        }
        let deleted = Arc::new(view.deletes.ranges(series.key(), segment.footer.rank));
        for run in segment.runs(*number)? {
            let bounds = run.bounds;
            if outside(bounds) || deleted.cover(bounds) || !segment.has_values(&run, wanted)? {
                continue;
            }
            let segment = Arc::clone(segment);
            let rows = if deleted.touch(bounds) {
                PieceRows::Partly { segment, run, deleted: Arc::clone(&deleted) }
            } else {
                PieceRows::Sealed { segment, run }
            };
            pieces.push(Piece { bounds, rank: *at, rows });
        }
    }
    for (at, slot) in &series.inner.heads {
        let (head, limit) = &view.heads[*at as usize];
        let Some(bounds) = head.inner.read().bounds(*slot, *limit) else { continue };
        if !outside(bounds) {
            let rows = PieceRows::Head { head: Arc::clone(head), slot: *slot, limit: *limit };
            pieces.push(Piece { bounds, rank: HEAD_RANK + at, rows });
        }
    }
    Ok(pieces)
}

/// The rows of a cluster inside `range`, merged.
pub(crate) fn load_cluster(
    cluster: Vec<Piece>,
    wanted: &[Wanted],
    range: (i64, i64),
) -> Result<Rows, ReadError> {
    load_pieces(&cluster, wanted, range)
}

fn load_pieces(
    pieces: &[Piece],
    wanted: &[Wanted],
    (start, end): (i64, i64),
) -> Result<Rows, ReadError> {
    let inside = |piece: &&Piece| piece.bounds.0 < end && start <= piece.bounds.1;
    let mut inside = pieces.iter().filter(inside);
    let rows = match (inside.next(), inside.next()) {
        (None, _) => return Ok(Rows::empty(wanted)),
        (Some(only), None) => only.load(wanted, (start, end))?,
        (Some(first), Some(second)) => {
            let all = [first, second].into_iter().chain(inside);
            let all = all.map(|piece| piece.load(wanted, (start, end)));
            merge(&all.collect::<Result<Vec<_>, _>>()?, wanted)
        }
    };
    Ok(finished(rows))
}

/// Without the rows that have no value; columns as long as the rows.
fn finished(mut rows: Rows) -> Rows {
    if let Some(fewer) = rows.with_values() {
        rows = fewer;
    }
    let len = rows.len();
    rows.columns.iter_mut().for_each(|column| pad(column, len));
    rows
}

/// How much is read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Portion {
    /// The outermost row alone, if it costs less.
    One,
    /// As many rows as asked for. How many rows of a head are inside of which time is not known beforehand: where pieces are merged it is the
    /// time read together that is halved so often.
    Part(u32),
}

impl Portion {
    pub(crate) const WHOLE: Portion = Portion::Part(0);
}

/// A cluster of which a part is still to be read.
#[derive(Debug)]
pub(crate) enum Open {
    /// A run that nothing overlaps: from row to row.
    Run { segment: Arc<Segment>, run: Run, located: Located, rest: Range<usize> },
    /// Pieces that are merged: from time to before time, so many nanoseconds together.
    Merged { pieces: Vec<Piece>, rest: (i64, i64), step: u64 },
}

impl Open {
    pub(crate) fn new(
        mut cluster: Vec<Piece>,
        (start, end): (i64, i64),
    ) -> Result<Open, ReadError> {
        if let [Piece { rows: PieceRows::Sealed { .. }, .. }] = cluster.as_slice()
            && let Some(Piece { rows: PieceRows::Sealed { segment, run }, .. }) = cluster.pop()
        {
            let located = segment.locate(&run, (start, end))?;
            let rest = located.rows.clone();
            return Ok(Open::Run { segment, run, located, rest });
        }
        let first = cluster.iter().map(|piece| piece.bounds.0).min().unwrap_or(start).max(start);
        let last = cluster.iter().map(|piece| piece.bounds.1).max().unwrap_or(start);
        let end = end.min(last.saturating_add(1)).max(first);
        let rows: u64 = cluster.iter().map(|piece| u64::from(piece.rows())).sum();
        let step = end.abs_diff(first) / (rows / SLICE_ROWS + 1) + 1;
        Ok(Open::Merged { pieces: cluster, rest: (first, end), step })
    }

    pub(crate) fn is_done(&self) -> bool {
        match self {
            Open::Run { rest, .. } => rest.is_empty(),
            Open::Merged { rest, .. } => rest.0 >= rest.1,
        }
    }

    /// Reads up to `most` rows, or what is read together with them, from the end that `direction` begins with.
    pub(crate) fn take(
        &mut self,
        wanted: &[Wanted],
        direction: Direction,
        most: usize,
        portion: Portion,
    ) -> Result<Rows, ReadError> {
        match self {
            Open::Run { segment, run, located, rest } => {
                let part = |len: usize| match direction {
                    Direction::Ascending => rest.start..rest.start + len.min(rest.len()),
                    Direction::Descending => rest.end - len.min(rest.len())..rest.end,
                };
                let mut rows = part(most);
                if portion == Portion::One && segment.is_known(run, wanted, &part(1)) {
                    rows = part(1);
                }
                *rest = match direction {
                    Direction::Ascending => rows.end..rest.end,
                    Direction::Descending => rest.start..rows.start,
                };
                Ok(finished(segment.stretch(run, wanted, located, rows)?))
            }
            Open::Merged { pieces, rest: (start, end), step } => {
                let step = match portion {
                    Portion::One => 1,
                    Portion::Part(halvings) => (*step >> halvings).max(1),
                };
                let part = match direction {
                    Direction::Ascending => (*start, start.saturating_add_unsigned(step).min(*end)),
                    Direction::Descending => (end.saturating_sub_unsigned(step).max(*start), *end),
                };
                match direction {
                    Direction::Ascending => *start = part.1,
                    Direction::Descending => *end = part.0,
                }
                load_pieces(pieces, wanted, part)
            }
        }
    }
}

/// The rows of one series, block by block.
///
/// The first block of a descending scan may be the newest row alone, where that is known without decoding. After an error the
/// scan is over.
#[derive(Debug)]
pub struct SeriesScan {
    series: Series,
    /// The fields asked for, of which `shown` are yielded; the others are those of conditions.
    wanted: Vec<Wanted>,
    shown: usize,
    tests: Tests,
    range: (i64, i64),
    direction: Direction,
    clusters: VecDeque<Vec<Piece>>,
    /// What is left of the cluster that is being read.
    open: Option<Open>,
    /// Rows that are left to yield, and how many of them have been.
    rows: Rows,
    done: usize,
    /// Rows to yield still; `None` for all.
    left: Option<usize>,
    /// How often rows were read.
    reads: u32,
    failed: Option<ReadError>,
    cancel: Cancel,
    counted_by: Option<Reads>,
}

impl SeriesScan {
    pub(crate) fn new(
        series: &Series,
        wanted: Vec<Wanted>,
        start: i64,
        end: i64,
        direction: Direction,
    ) -> Self {
        let (clusters, failed) = match clusters(series, &wanted, start, end) {
            Ok(clusters) => (clusters, None),
            Err(error) => (VecDeque::new(), Some(error)),
        };
        SeriesScan {
            series: series.clone(),
            shown: wanted.len(),
            tests: Tests::default(),
            rows: Rows::default(),
            wanted,
            range: (start, end),
            direction,
            clusters,
            open: None,
            done: 0,
            left: None,
            reads: 0,
            failed,
            cancel: series.view.cancel.clone(),
            counted_by: series.view.reads.clone(),
        }
    }

    /// At most `rows` rows, counted from where the scan is: no more than they need is decoded.
    ///
    /// The newest row of a series costs no decoding at all where its fields are numbers and it is the last of a stored block.
    ///
    /// ```
    /// use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
    /// use stripchart_storage::{Db, Direction, TagFilter};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path())?;
    /// db.create_database("demo", None)?;
    /// let mut batch = Batch::new();
    /// let series = batch.series("cpu", [("host", "a")])?;
    /// for second in 0..100 {
    ///     batch.row(series, Timestamp::from_secs(second)).i64("n", second);
    /// }
    /// db.writer("demo", None)?.write(&batch)?;
    ///
    /// let view = db.view("demo", None)?;
    /// let series = &view.series("cpu", &TagFilter::All)?[0];
    /// let newest = view.scan(series, &["n"], TimeRange::ALL, Direction::Descending).limit(2);
    /// let mut seconds = Vec::new();
    /// for block in newest {
    ///     seconds.extend(block?.timestamps.iter().map(|at| at / 1_000_000_000));
    /// }
    /// assert_eq!(seconds, [99, 98]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn limit(mut self, rows: usize) -> Self {
        self.left = Some(self.left.map_or(rows, |left| left.min(rows)));
        self
    }

    /// Only the rows whose value of `field` compares as `compare` says with `value`; called more than once, all conditions must hold. See
    /// [`Condition`] for what is compared how.
    ///
    /// Stored blocks whose statistics show that no row meets it are not read: [`Reads::blocks_skipped`]. The field need not be among
    /// those the scan yields. A [limit](SeriesScan::limit) counts the rows that are left. For many series see [`View::for_each_block`].
    ///
    /// [`View::for_each_block`]: crate::View::for_each_block
    ///
    /// # Panics
    ///
    /// If blocks were taken from the scan before: they had other rows.
    ///
    /// ```
    /// use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
    /// use stripchart_storage::{Compare, Db, Direction, Number, TagFilter};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path())?;
    /// db.create_database("demo", None)?;
    /// let mut batch = Batch::new();
    /// let series = batch.series("cpu", [("host", "a")])?;
    /// for second in 0..100 {
    ///     batch.row(series, Timestamp::from_secs(second)).i64("n", second);
    /// }
    /// db.writer("demo", None)?.write(&batch)?;
    ///
    /// let view = db.view("demo", None)?;
    /// let series = &view.series("cpu", &TagFilter::All)?[0];
    /// let all = view.scan(series, &["n"], TimeRange::ALL, Direction::Ascending);
    /// let large = all.where_field("n", Compare::GreaterOrEqual, Number::Integer(97));
    /// let rows: usize = large.map(|block| block.map_or(0, |b| b.timestamps.len())).sum();
    /// assert_eq!(rows, 3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn where_field(mut self, field: &str, compare: Compare, value: Number) -> Self {
        assert_eq!(self.reads, 0, "conditions come before the first block");
        self.tests.add(&Condition::new(field, compare, value), &self.series, &mut self.wanted);
        self
    }

    /// Whether statistics tell that no row of a cluster meets the conditions. Where pieces overlap they say nothing.
    fn is_excluded(&self, cluster: &[Piece]) -> Result<bool, ReadError> {
        let [Piece { rows: PieceRows::Sealed { segment, run }, .. }] = cluster else {
            return Ok(false);
        };
        for at in 0..self.tests.len() {
            let wanted = &self.wanted[self.tests.field(at)];
            let numbers = segment.numbers_of(run, wanted)?;
            if numbers.is_some_and(|(min, max)| !self.tests.may_hold(at, min, max)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn advance(&mut self) -> Result<Option<RowBlock>, ReadError> {
        if self.left == Some(0) {
            return Ok(None);
        }
        while self.done == self.rows.len() {
            self.cancel.check()?;
            if self.open.is_none() {
                let next = match self.direction {
                    Direction::Ascending => self.clusters.pop_front(),
                    Direction::Descending => self.clusters.pop_back(),
                };
                let Some(cluster) = next else { return Ok(None) };
                if self.is_excluded(&cluster)? {
                    let reads = self.counted_by.iter();
                    reads.for_each(|reads| reads.add_skipped(self.wanted.len()));
                    continue;
                }
                self.open = Some(Open::new(cluster, self.range)?);
            }
            self.read()?;
        }
        Ok(Some(self.block()))
    }

    /// Reads what comes next of the open cluster.
    fn read(&mut self) -> Result<(), ReadError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        // Who looks at the newest row mostly looks at no other; and few ask for the earliest.
        let one = match self.left {
            Some(left) => self.reads == 0 || left == 1 && self.reads < 3,
            None => self.reads == 0 && self.direction == Direction::Descending,
        };
        let most = (CELLS / self.wanted.len().max(1)).max(LEAST_ROWS);
        let portion = match self.left {
            _ if one => Portion::One,
            // Few rows are in little time; if they are not, eight times as much is looked at next.
            Some(_) => Portion::Part(12_u32.saturating_sub(self.reads.saturating_mul(3))),
            None => Portion::WHOLE,
        };
        // Rows without a value do not count: if too few had one, more are read at a time.
        let enough = self.left.map_or(most, |left| left.max(1 << (2 * self.reads).min(20)));
        self.reads = self.reads.saturating_add(1);
        self.rows = open.take(&self.wanted, self.direction, most.min(enough), portion)?;
        if !self.tests.is_empty() {
            self.rows = self.tests.narrowed(std::mem::take(&mut self.rows), self.shown);
        }
        self.done = 0;
        if open.is_done() {
            self.open = None;
        }
        Ok(())
    }

    fn block(&mut self) -> RowBlock {
        let (len, from) = (self.rows.len(), self.done);
        let most = self.left.map_or(BLOCK_ROWS, |left| left.min(BLOCK_ROWS));
        let to = len.min(from + most);
        self.done = to;
        self.left = self.left.map(|left| left - (to - from));
        let out = match self.direction {
            // The usual run is a block; and one row has no order.
            direction
                if from == 0 && to == len && (direction == Direction::Ascending || len == 1) =>
            {
                self.done = 0;
                std::mem::take(&mut self.rows)
            }
            Direction::Ascending => self.rows.range(from, to),
            Direction::Descending => {
                let rows: Vec<usize> = (len - to..len - from).rev().collect();
                self.rows.gather(&rows)
            }
        };
        RowBlock { timestamps: out.timestamps, columns: out.columns }
    }
}

impl Iterator for SeriesScan {
    type Item = Result<RowBlock, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = match self.failed.take() {
            Some(error) => Err(error),
            None => self.advance(),
        };
        if let (Some(reads), Ok(Some(block))) = (&self.counted_by, &result) {
            reads.add_rows(block.timestamps.len());
        }
        if result.is_err() {
            self.left = Some(0);
            self.clusters.clear();
            self.open = None;
            self.rows = Rows::default();
            self.done = 0;
        }
        result.transpose()
    }
}
