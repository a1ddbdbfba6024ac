//! Aggregating fields of many series over buckets of time: by statistics where they suffice, else by decoding.
//!
//! What series have in common is worked out once. A timestamp column, which whole measurements share, is turned into a [`Plan`]: which
//! rows fall into which bucket. A block then is statistics, or a decode and an aggregate for each range of rows; no value is looked
//! at by itself. Where many series with the same timestamps go into one result and buckets are small, they are added up row by
//! row first (see [`RowSums`]) and rows are put into buckets at the end.
//!
//! Rows that overlap others, or are partly deleted, come from `scan`, merged.

use std::sync::Arc;

use stripchart_core::{Column, ValueRef};

use self::cells::Cells;
use self::plan::{Plan, Span, spans_of};
use self::rowsums::RowSums;
use crate::codec::{Scratch, aggregate_values, straight_sums};
use crate::partials::{Aggregates, Number, Run as Added, Sum};
use crate::reads::FoldReads;
use crate::remembered::Remembered;
use crate::rows::{Rows, Wanted};
use crate::scan::{PieceRows, clusters, load_cluster};
use crate::segment::derive::BlockAt;
use crate::segment::open::{OpenTable, Place};
use crate::segment::page::{FieldPage, Stored};
use crate::segment::{PAGE, Run, Segment};
use crate::view::{Series, View, ViewInner};
use crate::{Partials, ReadError};

mod cells;
mod last;
mod plan;
mod rowsums;
mod spans;

/// Rows of plans that are remembered, of which each may be a bucket and a time; jittered series have each their own.
const PLANNED_ROWS: usize = 1 << 20;
/// What a plan of few rows counts as.
const LEAST_WEIGHT: usize = 256;

/// Rows of a bucket, on average, from which on sums need no decoding.
const ROWS_A_MARK: usize = 40;

/// How [`View::fold_many`] finds its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoldOptions {
    statistics: bool,
}

impl Default for FoldOptions {
    fn default() -> Self {
        FoldOptions { statistics: true }
    }
}

impl FoldOptions {
    /// By statistics where they suffice.
    #[must_use]
    pub fn new() -> Self {
        FoldOptions::default()
    }

    /// Whether statistics of stored blocks are used; without, every value is decoded. Both ways give the same answer, but for the
    /// last bits of sums of floats.
    #[must_use]
    pub const fn statistics(mut self, used: bool) -> Self {
        self.statistics = used;
        self
    }
}

impl View {
    /// Adds the values of `field` of a series to `into`: bucket `i` takes those from `edges[i]` to before
    /// `edges[i + 1]`.
    ///
    /// Where a stored block lies inside a bucket and nothing overlaps it, its statistics are used and nothing is
    /// decoded. A field that the measurement does not have adds nothing. For many series or fields see
    /// [`View::fold_many`].
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
        series: &Series,
        field: &str,
        edges: &[i64],
        into: &mut Partials,
    ) -> Result<(), ReadError> {
        assert!(edges.is_sorted(), "edges must ascend");
        assert_eq!(edges.len(), into.buckets() + 1, "one edge more than buckets");
        let wanted = Self::wanted(series, field);
        if wanted.field_type != into.field_type() {
            return Ok(());
        }
        let options = FoldOptions::new();
        let mut folder = Folder::new(&series.view, vec![wanted], edges, into.aggregates(), options);
        folder.series(series, std::slice::from_mut(into), false)
    }

    /// Folds groups of series, several fields at once: for each group, `each` is called with its number and the partial aggregates of
    /// every field over the buckets that `edges` bound (bucket `i` takes what is from `edges[i]` to before `edges[i + 1]`).
    ///
    /// All series are of one measurement; a field that it does not have has no values. Timestamps that series share are looked at
    /// once, so one call for a thousand series costs far less than a thousand calls of [`View::fold`]. The partials are used again
    /// from group to group.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a stored block is unreadable or the view was [cancelled](View::cancelled_by); groups before have been handed out then.
    ///
    /// # Panics
    ///
    /// If `edges` is empty or not sorted.
    ///
    /// # Examples
    ///
    /// ```
    /// use stripchart_core::{Batch, Sink, Timestamp};
    /// use stripchart_storage::{Aggregates, Db, FoldOptions, Number, TagFilter};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path())?;
    /// db.create_database("demo", None)?;
    /// let mut batch = Batch::new();
    /// for host in ["a", "b"] {
    ///     let series = batch.series("cpu", [("host", host)])?;
    ///     batch.row(series, Timestamp::from_nanos(5)).f64("usage", 1.5);
    /// }
    /// db.writer("demo", None)?.write(&batch)?;
    ///
    /// let view = db.view("demo", None)?;
    /// let series = view.series("cpu", &TagFilter::All)?;
    /// let mut sums = Vec::new();
    /// view.fold_many(&[&series], &["usage"], &[0, 10], Aggregates::SUM, FoldOptions::new(), |_, fields| {
    ///     sums.push(fields[0].sum(0));
    /// })?;
    /// assert_eq!(sums, [Some(Number::Float(3.0))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fold_many(
        &self,
        groups: &[&[Series]],
        fields: &[&str],
        edges: &[i64],
        aggregates: Aggregates,
        options: FoldOptions,
        mut each: impl FnMut(usize, &[Partials]),
    ) -> Result<(), ReadError> {
        assert!(!edges.is_empty() && edges.is_sorted(), "edges must ascend");
        let Some(first) = groups.iter().find_map(|group| group.first()) else {
            return Ok(());
        };
        let wanted: Vec<Wanted> = fields.iter().map(|field| Self::wanted(first, field)).collect();
        let buckets = edges.len() - 1;
        let new = |w: &Wanted| Partials::new(w.field_type, buckets, aggregates);
        let mut partials: Vec<Partials> = wanted.iter().map(new).collect();
        let mut folder = Folder::new(&first.view, wanted, edges, aggregates, options);
        for (number, group) in groups.iter().enumerate() {
            for series in *group {
                if !Arc::ptr_eq(&series.view, folder.view) {
                    // What was added up row by row goes by places in the old view.
                    folder.sums.flush(&mut partials);
                    let wanted = std::mem::take(&mut folder.wanted);
                    folder = Folder::new(&series.view, wanted, edges, aggregates, options);
                }
                folder.series(series, &mut partials, group.len() > 1)?;
            }
            folder.sums.flush(&mut partials);
            each(number, &partials);
            partials.iter_mut().for_each(Partials::clear);
        }
        Ok(())
    }
}

/// Folds series of one view and measurement.
struct Folder<'v> {
    view: &'v Arc<ViewInner>,
    wanted: Vec<Wanted>,
    edges: &'v [i64],
    /// From the first edge, or the retention's horizon, to before the last edge.
    range: (i64, i64),
    aggregates: Aggregates,
    statistics: bool,
    tables: Vec<OpenTable<'v>>,
    plans: Remembered<Arc<Plan>>,
    scratch: Scratch,
    runs: Vec<Run>,
    sums: RowSums,
    reads: FoldReads,
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        if let Some(reads) = &self.view.reads {
            reads.add(&self.reads);
        }
    }
}

impl<'v> Folder<'v> {
    fn new(
        view: &'v Arc<ViewInner>,
        wanted: Vec<Wanted>,
        edges: &'v [i64],
        aggregates: Aggregates,
        options: FoldOptions,
    ) -> Self {
        let start = edges.first().copied().unwrap_or(0).max(view.horizon);
        Folder {
            view,
            wanted,
            edges,
            range: (start, edges.last().copied().unwrap_or(0)),
            aggregates,
            statistics: options.statistics,
            tables: Vec::new(),
            plans: Remembered::new(PLANNED_ROWS),
            scratch: Scratch::default(),
            runs: Vec::new(),
            sums: RowSums::new(aggregates),
            reads: FoldReads::default(),
        }
    }

    fn outside(&self, bounds: (i64, i64)) -> bool {
        bounds.1 < self.range.0 || bounds.0 >= self.range.1
    }

    /// Adds a series to `into`, a partial for each field. One `of_many` may be added row by row.
    fn series(
        &mut self,
        series: &Series,
        into: &mut [Partials],
        of_many: bool,
    ) -> Result<(), ReadError> {
        self.view.cancel.check()?;
        let inner = &series.inner;
        // In one segment no row overlaps another, and where nothing is deleted nothing has to be left out.
        if let ([(at, number, bounds)], []) = (&*inner.segments, inner.heads.as_slice())
            && !self.view.deletes.concern(series.key().measurement())
        {
            if self.outside(*bounds) {
                return Ok(());
            }
            let table = self.table(*at, number.table)?;
            let mut runs = std::mem::take(&mut self.runs);
            runs.clear();
            self.tables[table].cursor.runs(number.series as usize, &mut runs)?;
            for run in &runs {
                self.run(table, run, into, of_many)?;
            }
            self.runs = runs;
            return Ok(());
        }
        for cluster in clusters(series, &self.wanted, self.range.0, self.range.1)? {
            self.view.cancel.check()?;
            if let [piece] = cluster.as_slice()
                && let PieceRows::Sealed { run, .. } = &piece.rows
            {
                let table = self.table(piece.rank, run.table)?;
                self.run(table, run, into, of_many)?;
                continue;
            }
            let rows = load_cluster(cluster, &self.wanted, self.range)?;
            self.rows(&rows, into);
        }
        Ok(())
    }

    /// Where the cursor of a table is.
    fn table(&mut self, segment: u32, table: u32) -> Result<usize, ReadError> {
        OpenTable::find(&mut self.tables, self.view, (segment, table), &self.wanted)
    }

    /// Which rows of a timestamp column fall into which bucket.
    fn plan(&mut self, segment_at: u32, times: u32) -> Result<Arc<Plan>, ReadError> {
        let (view, edges, range) = (self.view, self.edges, self.range);
        self.plans.get((segment_at, times), || {
            let segment = &view.segments[segment_at as usize];
            let plan = Plan::new(segment, segment.times(times)?, edges, range)?;
            let weight = plan.rows().max(LEAST_WEIGHT);
            Ok((Arc::new(plan), weight))
        })
    }

    /// Adds a run of a segment that nothing overlaps.
    fn run(
        &mut self,
        table: usize,
        run: &Run,
        into: &mut [Partials],
        of_many: bool,
    ) -> Result<(), ReadError> {
        if self.outside(run.bounds) {
            return Ok(());
        }
        let plan = self.plan(self.tables[table].segment_at, run.times)?;
        if plan.spans.is_empty() {
            return Ok(());
        }
        for (field, into) in into.iter_mut().enumerate() {
            if into.field_type().is_numeric() {
                self.numbers(table, run, &plan, field, into, of_many)?;
            } else {
                self.others(table, run, &plan, field, into)?;
            }
        }
        Ok(())
    }

    fn numbers(
        &mut self,
        table: usize,
        run: &Run,
        plan: &Arc<Plan>,
        field: usize,
        into: &mut Partials,
        of_many: bool,
    ) -> Result<(), ReadError> {
        let (aggregates, statistics) = (self.aggregates, self.statistics && run.alone());
        let open = &mut self.tables[table];
        let (segment, segment_at) = (open.segment, open.segment_at);
        let group = run.group as usize;
        let Some(page) = open.page(field, group)? else { return Ok(()) };
        let (group, rows) = (group % PAGE, run.group_rows as usize);
        let values = page.page.values(group, rows);
        if values == 0 {
            return Ok(());
        }
        let Place { bytes, blocks, cells, .. } = page.place(group);
        if statistics && let Some(bucket) = plan.whole {
            let block = Described { page: &page.page, group, rows, values };
            into.add_run(bucket, &block.added(segment, plan, aggregates)?);
            self.reads.described += 1;
            return Ok(());
        }
        let sums_only = aggregates.without(Aggregates::COUNT | Aggregates::SUM) == Aggregates::NONE;
        if statistics && values == rows && sums_only {
            if !aggregates.contains(Aggregates::SUM) {
                plan.spans.iter().for_each(|span| into.add_count(span.bucket, span.len() as u64));
                self.reads.described += 1;
                return Ok(());
            }
            if Cells::of(page.cells).add(&page.page, group, cells, plan, into) {
                self.reads.described += 1;
                return Ok(());
            }
        }
        let stored = page.page.stored_after(group, rows, (bytes, blocks));
        let compared = page.page.compared(group);
        let part = match stored.map_err(|bad| segment.bad(0, bad))? {
            Stored::Nothing => return Ok(()),
            Stored::Constant(number) => {
                plan.know_times(segment)?;
                self.reads.described += 1;
                for span in &plan.spans {
                    let (first, last) = (plan.time(span.from), plan.time(span.to - 1));
                    into.add_run(
                        span.bucket,
                        &constant(number, span.len(), (first, last), aggregates),
                    );
                }
                return Ok(());
            }
            Stored::Block(part) => part,
        };
        plan.know_times(segment)?;
        self.reads.decoded += 1;
        self.reads.bytes += u64::from(part.len);
        let bytes = open.fields[field].ahead.block(segment, part, compared)?;
        let bad = |bad| segment.bad(part.offset, bad);
        let shape = (into.field_type(), rows);
        let by_sums = sums_only
            && run.alone()
            && aggregates.contains(Aggregates::SUM)
            && plan.spans.len() * ROWS_A_MARK <= rows;
        let mut spans = plan.spans.iter();
        let mut add_sum = |sum| {
            if let Some(span) = spans.next() {
                into.add_sum(span.bucket, span.len() as u64, sum);
            }
        };
        if by_sums && straight_sums(bytes, shape, &plan.marks, &mut self.scratch, &mut add_sum) {
            return Ok(());
        }
        let few = self.wanted.len() <= rowsums::COLUMNS;
        let by_row =
            few && of_many && run.alone() && values == rows && RowSums::suits(plan, aggregates);
        let key = (segment_at, run.times, field);
        if by_row && !by_sums && self.sums.add_bytes(key, bytes, shape) {
            return Ok(());
        }
        let at = BlockAt { table: open.cursor.table, group: run.group as usize, rows, part };
        let block = segment.number_block(&at, bytes, shape.0)?;
        if by_sums && block.sums(&plan.marks, &mut self.scratch, add_sum) {
            return Ok(());
        }
        let ends = Aggregates::FIRST | Aggregates::LAST;
        if let ([span], true) = (plan.spans.as_slice(), aggregates.without(ends) == aggregates)
            && run.alone()
            && span.len() == rows
        {
            // All rows into one bucket need no order.
            let all = block.aggregate(aggregates, &mut self.scratch).map_err(bad)?;
            let timed = |(number, row): (Number, usize)| (number, plan.time(row));
            let added = Added {
                count: all.count as u64,
                sum: Some(all.sum),
                min: all.min.map(timed),
                max: all.max.map(timed),
                first: None,
                last: None,
            };
            into.add_run(span.bucket, &added);
            return Ok(());
        }
        if by_row && self.sums.add_block(key, plan, &block, into) {
            return Ok(());
        }
        let decoded = block.decode_into(&mut self.scratch).map_err(bad)?;
        if by_row {
            self.sums.add(key, plan, decoded.numbers(), into);
            return Ok(());
        }
        if run.alone() && values == rows && spans::suits(plan) {
            spans::add(decoded.numbers(), plan, aggregates, into);
            return Ok(());
        }
        let from = run.from as usize;
        for span in &plan.spans {
            let rows = from + span.from..from + span.to;
            let all = decoded.aggregate(rows.clone(), aggregates);
            if all.count == 0 {
                continue;
            }
            let timed = |(number, row): (Number, usize)| (number, plan.time(row - from));
            let end = |wanted, found: Option<(Number, usize)>| {
                if aggregates.contains(wanted) { found.map(timed) } else { None }
            };
            let added = Added {
                count: all.count as u64,
                sum: Some(all.sum),
                min: all.min.map(timed),
                max: all.max.map(timed),
                first: end(Aggregates::FIRST, decoded.first(rows.clone())),
                last: end(Aggregates::LAST, decoded.last(rows)),
            };
            into.add_run(span.bucket, &added);
        }
        Ok(())
    }

    /// The same for texts and booleans.
    fn others(
        &mut self,
        table: usize,
        run: &Run,
        plan: &Plan,
        field: usize,
        into: &mut Partials,
    ) -> Result<(), ReadError> {
        let segment = self.tables[table].segment;
        let rows = segment.load(run, &self.wanted[field..=field])?;
        for span in &plan.spans {
            add_values(&rows.columns[0], &rows.timestamps, span, into);
        }
        Ok(())
    }

    /// Adds rows that are in memory.
    fn rows(&self, rows: &Rows, into: &mut [Partials]) {
        let spans = spans_of(&rows.timestamps, self.edges, self.range);
        for (column, into) in rows.columns.iter().zip(into) {
            let dense = column.validity().is_none() && column.len() == rows.len();
            for span in &spans {
                if dense && into.field_type().is_numeric() {
                    add_numbers(column, &rows.timestamps, span, self.aggregates, into);
                } else {
                    add_values(column, &rows.timestamps, span, into);
                }
            }
        }
    }
}

/// Adds a span of a column, value by value.
fn add_values(column: &Column, times: &[i64], span: &Span, into: &mut Partials) {
    for (row, time) in times.iter().enumerate().take(span.to).skip(span.from) {
        if let Some(value) = column.get(row) {
            into.add(span.bucket, *time, value);
        }
    }
}

/// Adds a span of a column of numbers without gaps.
fn add_numbers(
    column: &Column,
    times: &[i64],
    span: &Span,
    aggregates: Aggregates,
    into: &mut Partials,
) {
    let found = aggregate_values(column.values(), span.from..span.to, aggregates);
    let Some(all) = found.filter(|all| all.count > 0) else { return };
    let timed = |(number, row): (Number, usize)| (number, times[span.from + row]);
    let end = |row: usize| {
        let number = column.get(row).and_then(|value: ValueRef<'_>| Number::from_value(value));
        number.map(|number| (number, times[row]))
    };
    let added = Added {
        count: all.count as u64,
        sum: Some(all.sum),
        min: all.min.map(timed),
        max: all.max.map(timed),
        first: end(span.from),
        last: end(span.to - 1),
    };
    into.add_run(span.bucket, &added);
}

/// What equal numbers in all rows come to.
fn constant(
    number: Number,
    rows: usize,
    (first, last): (i64, i64),
    aggregates: Aggregates,
) -> Added {
    let sum = aggregates.contains(Aggregates::SUM).then(|| Sum::of_equal(number, rows));
    let (first, last) = (Some((number, first)), Some((number, last)));
    Added { count: rows as u64, sum, min: first, max: first, first, last }
}

/// A block by what is known of it.
struct Described<'p, 'v> {
    page: &'p FieldPage<'v>,
    group: usize,
    rows: usize,
    values: usize,
}

impl Described<'_, '_> {
    fn added(
        &self,
        segment: &Segment,
        plan: &Plan,
        aggregates: Aggregates,
    ) -> Result<Added, ReadError> {
        let (page, group) = (self.page, self.group);
        let timed = |wanted, number: Number, row: usize| {
            if !aggregates.contains(wanted) {
                return Ok(None);
            }
            if row >= self.rows {
                return segment.corrupt(0, "statistics of the block's rows", format!("row {row}"));
            }
            Ok(Some((number, plan.time_of(segment, row)?)))
        };
        let sum = aggregates.contains(Aggregates::SUM).then(|| page.sum(group, self.values));
        Ok(Added {
            count: self.values as u64,
            sum,
            min: timed(Aggregates::MIN, page.min(group), page.min_row(group))?,
            max: timed(Aggregates::MAX, page.max(group), page.max_row(group))?,
            first: timed(Aggregates::FIRST, page.first(group), page.first_row(group))?,
            last: timed(Aggregates::LAST, page.last(group), page.last_row(group, self.rows))?,
        })
    }
}
