//! Rows of many series, lent block by block as they are stored.
//!
//! A scan of one series hands out columns of its own: memory is taken for each block, and what series have in common is looked up for each
//! of them. Whoever goes through thousands of series lets the reader keep all that:
//!
//! ```text
//! series ──> runs ──> conditions: statistics of the block, then its values ──> columns, decoded into the same memory each time ──> each
//!            times of a column, which whole measurements share, are decoded once
//! ```
//!
//! Rows that overlap others, or are in memory, come merged, from `scan`.

use std::mem;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use stripchart_core::{Column, FieldType, TimeRange, Values};

use crate::ReadError;
use crate::codec::{straight_floats, straight_ints};
use crate::condition::{Condition, Tests};
use crate::partials::Number;
use crate::reads::FoldReads;
use crate::remembered::Remembered;
use crate::rows::{Rows, Wanted, gather_into, pad, refill};
use crate::scan::{CELLS, Direction, Open, PieceRows, Portion, clusters};
use crate::segment::derive::BlockAt;
use crate::segment::open::{OpenTable, Place};
use crate::segment::page::{Compared, Stored};
use crate::segment::times::SharedTimes;
use crate::segment::{PAGE, Run};
use crate::view::{Series, View, ViewInner};

/// Rows of timestamp columns that are remembered; jittered series have each their own.
const TIMES: usize = 1 << 18;

/// Rows of one series, lent by [`View::for_each_block`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct BlockRef<'a> {
    /// For each row its time, nanoseconds since the epoch; strictly ascending.
    pub timestamps: &'a [i64],
    /// The fields in the order asked for, each as long as the timestamps.
    pub columns: &'a [Column],
}

impl View {
    /// Shows the rows of `series` inside `range` that meet all `conditions`, series by series in the order given, in each by time: `each` is
    /// called with the index of the series and some of its rows, until it breaks.
    ///
    /// All series are of one measurement. Rows come as [`View::scan`] yields them, those without any of `fields` left out; blocks have up to a
    /// few thousand, as they are stored. What is lent is used again for the next block, so nothing is copied that is not kept: the quickest way
    /// to see every value of many series. Where all rows of a stored block have a time in the range and a value, a value costs about
    /// as much as decoding it.
    ///
    /// Of blocks whose statistics show that no row meets a condition nothing is read ([`Reads::blocks_skipped`](crate::Reads::blocks_skipped)), of
    /// those where none does only the fields of conditions.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a stored block is unreadable or the view was [cancelled](View::cancelled_by); blocks before have been shown then.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
    /// use stripchart_storage::{Compare, Condition, Db, Number, TagFilter};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path())?;
    /// db.create_database("demo", None)?;
    /// let mut batch = Batch::new();
    /// for host in ["a", "b"] {
    ///     let series = batch.series("cpu", [("host", host)])?;
    ///     for second in 0..100 {
    ///         batch.row(series, Timestamp::from_secs(second)).i64("user", second).i64("system", 7);
    ///     }
    /// }
    /// db.writer("demo", None)?.write(&batch)?;
    ///
    /// let view = db.view("demo", None)?;
    /// let hosts = view.series("cpu", &TagFilter::All)?;
    /// let busy = Condition::new("user", Compare::Greater, Number::Integer(97));
    /// let mut found = Vec::new();
    /// view.for_each_block(&hosts, &["system"], TimeRange::ALL, &[busy], |host, block| {
    ///     found.extend(block.timestamps.iter().map(|at| (host, at / 1_000_000_000)));
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(found, [(0, 98), (0, 99), (1, 98), (1, 99)]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_each_block(
        &self,
        series: &[Series],
        fields: &[&str],
        range: TimeRange,
        conditions: &[Condition],
        mut each: impl FnMut(usize, BlockRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let Some(first) = series.first() else { return Ok(()) };
        let mut reader = Blocks::new(first, fields, range, conditions);
        for (number, series) in series.iter().enumerate() {
            if !Arc::ptr_eq(&series.view, reader.view) {
                reader = Blocks::new(series, fields, range, conditions);
            }
            if reader.series(series, &mut |block| each(number, block))?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// What a caller does with a block.
type Each<'e> = &'e mut dyn FnMut(BlockRef<'_>) -> ControlFlow<()>;

/// Reads series of one view and measurement.
struct Blocks<'v> {
    view: &'v Arc<ViewInner>,
    /// The fields asked for, of which `shown` are handed out; the others are those of conditions.
    wanted: Vec<Wanted>,
    shown: usize,
    tests: Tests,
    range: (i64, i64),
    tables: Vec<OpenTable<'v>>,
    times: Remembered<SharedTimes>,
    runs: Vec<Run>,
    /// The block at hand: its columns, whether they are decoded, and what is left of them where conditions leave less than all.
    columns: Vec<Column>,
    decoded: Vec<bool>,
    left: Vec<usize>,
    left_times: Vec<i64>,
    left_columns: Vec<Column>,
    reads: FoldReads,
    rows: usize,
}

impl Drop for Blocks<'_> {
    fn drop(&mut self) {
        if let Some(reads) = &self.view.reads {
            reads.add(&self.reads);
            reads.add_rows(self.rows);
        }
    }
}

impl<'v> Blocks<'v> {
    fn new(
        series: &'v Series,
        fields: &[&str],
        range: TimeRange,
        conditions: &[Condition],
    ) -> Self {
        let view = &series.view;
        let mut wanted: Vec<Wanted> =
            fields.iter().map(|field| View::wanted(series, field)).collect();
        let shown = wanted.len();
        let mut tests = Tests::default();
        conditions.iter().for_each(|condition| tests.add(condition, series, &mut wanted));
        let columns = crate::rows::empty_columns(&wanted);
        Blocks {
            view,
            shown,
            tests,
            range: (range.start.nanos().max(view.horizon), range.end.nanos()),
            tables: Vec::new(),
            times: Remembered::new(TIMES),
            runs: Vec::new(),
            decoded: vec![false; wanted.len()],
            left: Vec::new(),
            left_times: Vec::new(),
            left_columns: columns.clone(),
            columns,
            wanted,
            reads: FoldReads::default(),
            rows: 0,
        }
    }

    fn outside(&self, bounds: (i64, i64)) -> bool {
        bounds.1 < self.range.0 || bounds.0 >= self.range.1
    }

    fn series(&mut self, series: &Series, each: Each<'_>) -> Result<ControlFlow<()>, ReadError> {
        self.view.cancel.check()?;
        let inner = &series.inner;
        // In one segment no row overlaps another, and where nothing is deleted nothing has to be left out.
        if let ([(at, number, bounds)], []) = (&*inner.segments, inner.heads.as_slice())
            && !self.view.deletes.concern(series.key().measurement())
        {
            if self.outside(*bounds) {
                return Ok(ControlFlow::Continue(()));
            }
            let table = self.table(*at, number.table)?;
            let mut runs = mem::take(&mut self.runs);
            runs.clear();
            self.tables[table].cursor.runs(number.series as usize, &mut runs)?;
            let mut flow = ControlFlow::Continue(());
            for run in &runs {
                flow = self.run(table, run, each)?;
                if flow.is_break() {
                    break;
                }
            }
            self.runs = runs;
            return Ok(flow);
        }
        for cluster in clusters(series, &self.wanted, self.range.0, self.range.1)? {
            self.view.cancel.check()?;
            let flow = if let [piece] = cluster.as_slice()
                && let PieceRows::Sealed { run, .. } = &piece.rows
            {
                let table = self.table(piece.rank, run.table)?;
                self.run(table, run, each)?
            } else {
                self.merged(Open::new(cluster, self.range)?, each)?
            };
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Shows what has to be merged.
    fn merged(&mut self, mut open: Open, each: Each<'_>) -> Result<ControlFlow<()>, ReadError> {
        let most = CELLS / self.wanted.len().max(1);
        while !open.is_done() {
            self.view.cancel.check()?;
            let rows =
                open.take(&self.wanted, Direction::Ascending, most.max(1), Portion::WHOLE)?;
            let rows = self.tests.narrowed(rows, self.shown);
            if self.show(&rows, each).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn show(&mut self, rows: &Rows, each: Each<'_>) -> ControlFlow<()> {
        if rows.len() == 0 {
            return ControlFlow::Continue(());
        }
        self.rows += rows.len();
        each(BlockRef { timestamps: &rows.timestamps, columns: &rows.columns })
    }

    /// Where the cursor of a table is.
    fn table(&mut self, segment: u32, table: u32) -> Result<usize, ReadError> {
        OpenTable::find(&mut self.tables, self.view, (segment, table), &self.wanted)
    }

    /// The times of a timestamp column.
    fn times(&mut self, segment_at: u32, column: u32) -> Result<SharedTimes, ReadError> {
        let view = self.view;
        self.times.get((segment_at, column), || {
            let segment = &view.segments[segment_at as usize];
            let times = segment.shared_times(&segment.times(column)?)?;
            let rows = times.len();
            Ok((times, rows))
        })
    }

    /// Shows a run of a segment that nothing overlaps.
    fn run(
        &mut self,
        table: usize,
        run: &Run,
        each: Each<'_>,
    ) -> Result<ControlFlow<()>, ReadError> {
        let nothing = Ok(ControlFlow::Continue(()));
        if self.outside(run.bounds) || self.is_excluded(table, run)? {
            return nothing;
        }
        let times = self.times(self.tables[table].segment_at, run.times)?;
        let first_at = |time: i64| times.partition_point(|at| *at < time);
        let from = if self.range.0 <= run.bounds.0 { 0 } else { first_at(self.range.0) };
        let to = if run.bounds.1 < self.range.1 { times.len() } else { first_at(self.range.1) };
        let rows = from..to.max(from);
        if rows.is_empty() {
            return nothing;
        }
        self.decoded.fill(false);
        self.left.clear();
        if !self.tests.is_empty() {
            self.left.extend(0..rows.len());
        }
        for at in 0..self.tests.len() {
            let field = self.tests.field(at);
            self.column(table, run, field, &rows)?;
            self.tests.retain(at, &self.columns[field], &mut self.left);
            if self.left.is_empty() {
                return nothing;
            }
        }
        for field in 0..self.shown {
            self.column(table, run, field, &rows)?;
        }
        let Some(times) = times.get(rows) else { return nothing };
        if self.tests.is_empty() || self.left.len() == times.len() {
            return Ok(self.block(times, each));
        }
        Ok(self.block_left(times, each))
    }

    /// Whether statistics tell that no row of a run meets the conditions.
    fn is_excluded(&mut self, table: usize, run: &Run) -> Result<bool, ReadError> {
        let (group, rows) = (run.group as usize, run.group_rows as usize);
        for at in 0..self.tests.len() {
            let field = self.tests.field(at);
            let numeric = self.wanted[field].field_type.is_numeric();
            let page = self.tables[table].page(field, group)?;
            let page = page.map(|open| &open.page).filter(|_| numeric);
            let page = page.filter(|page| page.values(group % PAGE, rows) > 0);
            let may_hold = page.is_some_and(|page| {
                let group = group % PAGE;
                !run.alone() || self.tests.may_hold(at, page.min(group), page.max(group))
            });
            if !may_hold {
                let there = self.tables[table].fields.iter().filter(|f| f.number.is_some());
                self.reads.skipped += there.count() as u64;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Shows the columns decoded last.
    fn block(&mut self, times: &[i64], each: Each<'_>) -> ControlFlow<()> {
        let columns = &self.columns[..self.shown];
        if columns.iter().any(|column| column.validity().is_none()) {
            self.rows += times.len();
            return each(BlockRef { timestamps: times, columns });
        }
        // Some rows may have no value at all.
        let rows = Rows { timestamps: times.to_vec(), columns: columns.to_vec() };
        let rows = rows.with_values().unwrap_or(rows);
        self.show(&rows, each)
    }

    /// Shows what conditions left of them.
    fn block_left(&mut self, times: &[i64], each: Each<'_>) -> ControlFlow<()> {
        self.left_times.clear();
        self.left_times.extend(self.left.iter().filter_map(|row| times.get(*row)));
        let (from, into) = (&self.columns[..self.shown], &mut self.left_columns[..self.shown]);
        let mut dense = false;
        for (from, into) in from.iter().zip(&mut *into) {
            gather_into(from, &self.left, into);
            dense |= into.validity().is_none();
        }
        if dense {
            self.rows += self.left.len();
            return each(BlockRef { timestamps: &self.left_times, columns: into });
        }
        let rows = Rows { timestamps: self.left_times.clone(), columns: into.to_vec() };
        let rows = rows.with_values().unwrap_or(rows);
        self.show(&rows, each)
    }

    /// Decodes some rows of a field, as long as these are.
    fn column(
        &mut self,
        table: usize,
        run: &Run,
        field: usize,
        rows: &Range<usize>,
    ) -> Result<(), ReadError> {
        if mem::replace(&mut self.decoded[field], true) {
            return Ok(());
        }
        let wanted = &self.wanted[field];
        let column = &mut self.columns[field];
        let open = &mut self.tables[table];
        let segment = open.segment;
        let (group, group_rows) = (run.group as usize, run.group_rows as usize);
        let (stored, compared) = match open.page(field, group)? {
            None => (Stored::Nothing, Compared::default()),
            Some(page) => {
                let Place { bytes, blocks, .. } = page.place(group % PAGE);
                let stored = page.page.stored_after(group % PAGE, group_rows, (bytes, blocks));
                let stored = stored.map_err(|bad| segment.bad(0, bad))?;
                (stored, page.page.compared(group % PAGE))
            }
        };
        let part = match stored {
            Stored::Block(part) => part,
            Stored::Constant(number) => {
                refill(column, |values| fill(values, number, rows.len()));
                return Ok(());
            }
            Stored::Nothing => {
                *column = Column::new(&*wanted.name, Values::empty(wanted.field_type));
                pad(column, rows.len());
                return Ok(());
            }
        };
        self.reads.decoded += 1;
        self.reads.bytes += u64::from(part.len);
        let bytes = open.fields[field].ahead.block(segment, part, compared)?;
        if run.alone()
            && *rows == (0..group_rows)
            && refill(column, |values| straight(bytes, wanted.field_type, group_rows, values))
        {
            return Ok(());
        }
        let at = BlockAt { table: open.cursor.table, group, rows: group_rows, part };
        let from = run.from as usize;
        *column = segment.column_of(&at, bytes, wanted, from + rows.start..from + rows.end)?;
        pad(column, rows.len());
        Ok(())
    }
}

/// The same number in all rows.
fn fill(values: &mut Values, number: Number, rows: usize) -> bool {
    fn all<T: Copy>(values: &mut Vec<T>, value: T, rows: usize) {
        values.clear();
        values.resize(rows, value);
    }
    match (values, number) {
        (Values::Float(v), Number::Float(number)) => all(v, number, rows),
        (Values::Integer(v), Number::Integer(number)) => all(v, number, rows),
        (Values::Unsigned(v), Number::Unsigned(number)) => all(v, number, rows),
        (values, number) => *values = crate::segment::repeat(number, rows),
    }
    true
}

/// All values of a block that is a frame.
fn straight(bytes: &[u8], field_type: FieldType, rows: usize, values: &mut Values) -> bool {
    match (values, field_type) {
        (Values::Integer(v), FieldType::Integer) => straight_ints(bytes, rows, v),
        (Values::Float(v), FieldType::Float) => straight_floats(bytes, rows, v),
        _ => false,
    }
}
