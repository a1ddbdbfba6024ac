//! The newest row of each of many series.
//!
//! ```text
//! newest row in memory, alone             the rows at that time
//! newest row in one segment, numbers      what is known of its last run there: no block, no decoding
//! anything else                           a descending scan for one row
//! ```
//!
//! What series have in common, such as the pages that describe their blocks, is looked up once.

use std::sync::Arc;

use stripchart_core::{Column, TimeRange, Timestamp, Values};

use crate::ReadError;
use crate::rows::Wanted;
use crate::scan::{Direction, SeriesScan};
use crate::segment::PAGE;
use crate::segment::SeriesAt;
use crate::segment::cursor::Cursor;
use crate::segment::page::FieldPage;
use crate::segment::stretch::end_value;
use crate::view::{Series, SeriesInner, View, ViewInner};

/// A row of each of some series; see [`View::latest_rows`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LatestRows {
    /// For each series the time of its row; `None` if it has none.
    pub timestamps: Vec<Option<Timestamp>>,
    /// The fields in the order asked for, with a row for each series.
    pub columns: Vec<Column>,
}

impl View {
    /// The latest row of each of `series` inside `range` that has a value of one of `fields`, in the order of the series.
    ///
    /// All series are of one measurement; a field that it does not have has no values. Costs about a microsecond per series where all
    /// fields are numbers and the row is the last of a stored block; for one field see [`View::last_values`], which finds the latest
    /// value, whatever row it is in.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a stored block is unreadable or the view was [cancelled](View::cancelled_by).
    ///
    /// # Examples
    ///
    /// ```
    /// use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
    /// use stripchart_storage::{Db, TagFilter};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path())?;
    /// db.create_database("demo", None)?;
    /// let mut batch = Batch::new();
    /// for host in ["a", "b"] {
    ///     let series = batch.series("cpu", [("host", host)])?;
    ///     batch.row(series, Timestamp::from_secs(1)).f64("usage", 1.5).i64("cores", 4);
    ///     batch.row(series, Timestamp::from_secs(2)).f64("usage", 2.5);
    /// }
    /// db.writer("demo", None)?.write(&batch)?;
    ///
    /// let view = db.view("demo", None)?;
    /// let hosts = view.series("cpu", &TagFilter::All)?;
    /// let rows = view.latest_rows(&hosts, &["usage", "cores"], TimeRange::ALL)?;
    /// assert_eq!(rows.timestamps, [Some(Timestamp::from_secs(2)); 2]);
    /// assert_eq!((rows.columns[0].get_f64(1), rows.columns[1].get_f64(1)), (Some(2.5), None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn latest_rows(
        &self,
        series: &[Series],
        fields: &[&str],
        range: TimeRange,
    ) -> Result<LatestRows, ReadError> {
        let wanted: Vec<Wanted> = match series.first() {
            Some(first) => fields.iter().map(|field| Self::wanted(first, field)).collect(),
            None => Vec::new(),
        };
        let columns = wanted.iter().map(|w| Column::new(&*w.name, Values::empty(w.field_type)));
        let mut out =
            LatestRows { timestamps: Vec::with_capacity(series.len()), columns: columns.collect() };
        let range = (range.start.nanos(), range.end.nanos());
        let mut latest: Option<Latest<'_>> = None;
        for series in series {
            let view = &series.view;
            let same = |latest: &Latest<'_>| Arc::ptr_eq(latest.view, view);
            let latest = match &mut latest {
                Some(latest) if same(latest) => latest,
                other => other.insert(Latest::new(view, &wanted, range)),
            };
            latest.add(series, &mut out)?;
        }
        Ok(out)
    }
}

/// Looks for the newest rows of series of one view.
struct Latest<'v> {
    view: &'v Arc<ViewInner>,
    wanted: &'v [Wanted],
    range: (i64, i64),
    numbers: bool,
    tables: Vec<Table<'v>>,
}

/// Where rows of a series are: a head and its slot there, or a segment and its place there.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Head(u32, u32),
    Segment(u32, SeriesAt),
}

/// When the newest row of a series before `end` was, and the one place that has rows of that time; `None` if there are several, or
/// none, or if it cannot be told without reading a block.
pub(crate) fn newest(view: &ViewInner, series: &SeriesInner, end: i64) -> Option<(i64, Place)> {
    let heads = series.heads.iter().filter_map(|(at, slot)| {
        let (head, limit) = &view.heads[*at as usize];
        Some((head.inner.read().newest(*slot, *limit, end)?, Place::Head(*at, *slot)))
    });
    let segments = series.segments.iter().filter(|(_, _, bounds)| bounds.0 < end);
    let segments = segments.map(|(at, place, bounds)| (bounds.1, Place::Segment(*at, *place)));
    let mut found: Option<(i64, Place)> = None;
    let mut alone = true;
    for (last, place) in heads.chain(segments) {
        match &found {
            Some((known, _)) if last < *known => (),
            Some((known, _)) if last == *known => alone = false,
            _ => (found, alone) = (Some((last, place)), true),
        }
    }
    found.filter(|(last, _)| alone && *last < end)
}

/// A table of a segment, and the pages of its fields that were looked at last.
struct Table<'v> {
    segment: u32,
    number: u32,
    cursor: Cursor<'v>,
    fields: Vec<Field<'v>>,
}

/// A field of a table: its number, if the table has it, and its page with that one's number.
struct Field<'v> {
    number: Option<usize>,
    page: Option<(usize, FieldPage<'v>)>,
}

impl<'v> Latest<'v> {
    fn new(view: &'v Arc<ViewInner>, wanted: &'v [Wanted], (start, end): (i64, i64)) -> Self {
        let range = (start.max(view.horizon), end);
        let numbers = wanted.iter().all(|w| w.field_type.is_numeric());
        Latest { view, wanted, range, numbers, tables: Vec::new() }
    }

    fn add(&mut self, series: &Series, out: &mut LatestRows) -> Result<(), ReadError> {
        self.view.cancel.check()?;
        let inner = &series.inner;
        let (start, end) = self.range;
        if let Some((last, place)) = newest(self.view, inner, end).filter(|(at, _)| start <= *at) {
            let found = match place {
                Place::Head(at, slot) => self.in_memory(at, slot, last, out),
                Place::Segment(segment, at) => self.sealed(series, segment, at, last, out)?,
            };
            if found {
                return Ok(());
            }
        }
        let scan = SeriesScan::new(series, self.wanted.to_vec(), start, end, Direction::Descending);
        match scan.limit(1).next().transpose()? {
            Some(block) => out.push_row(block.timestamps[0], &block.columns, 0),
            None => out.push_none(),
        }
        Ok(())
    }

    /// By what is known of the last run of a series, whose newest row is in `segment` and nowhere else.
    fn sealed(
        &mut self,
        series: &Series,
        segment: u32,
        at: SeriesAt,
        last: i64,
        out: &mut LatestRows,
    ) -> Result<bool, ReadError> {
        if !self.numbers || self.view.deletes.concern(series.key().measurement()) {
            return Ok(false);
        }
        let table = self.table(segment, at.table)?;
        let run = table.cursor.last_run(at.series as usize)?;
        if !run.alone() || run.bounds.1 != last {
            return Ok(false);
        }
        let (number, group) = (run.group as usize / PAGE, run.group as usize % PAGE);
        let rows = run.group_rows as usize;
        let mut values = Vec::with_capacity(table.fields.len());
        for Field { number: field, page } in &mut table.fields {
            let Some(field) = *field else {
                values.push(None);
                continue;
            };
            let page = match page {
                Some((known, page)) if *known == number => page,
                other => {
                    let cursor = &table.cursor;
                    let page = cursor.table.field_page(cursor.segment, field, number)?;
                    &other.insert((number, page)).1
                }
            };
            values.push(end_value(page, group, rows, &(rows - 1..rows)));
        }
        if values.iter().all(Option::is_none) {
            return Ok(false);
        }
        out.timestamps.push(Some(Timestamp::from_nanos(run.bounds.1)));
        for (column, value) in out.columns.iter_mut().zip(values) {
            match value {
                Some(value) => column.push(value.to_value().as_ref()),
                None => column.push_null(),
            }
        }
        Ok(true)
    }

    fn table(&mut self, segment: u32, number: u32) -> Result<&mut Table<'v>, ReadError> {
        let same = |open: &Table<'_>| open.segment == segment && open.number == number;
        let at = match self.tables.iter().position(same) {
            Some(at) => at,
            None => {
                let cursor = Cursor::new(&self.view.segments[segment as usize], number)?;
                let field = |w: &Wanted| Field {
                    number: cursor.table.field(&w.name, w.field_type),
                    page: None,
                };
                let fields = self.wanted.iter().map(field).collect();
                self.tables.push(Table { segment, number, cursor, fields });
                self.tables.len() - 1
            }
        };
        Ok(&mut self.tables[at])
    }

    /// By the rows at the newest time, `last`, which are in one head and nowhere else.
    fn in_memory(&self, at: u32, slot: u32, last: i64, out: &mut LatestRows) -> bool {
        let (head, limit) = &self.view.heads[at as usize];
        let rows = head.inner.read().read(slot, *limit, self.wanted, last, self.range.1);
        let newest =
            (0..rows.len()).rev().find(|row| rows.columns.iter().any(|c| c.is_valid(*row)));
        if let Some(row) = newest {
            out.push_row(rows.timestamps[row], &rows.columns, row);
        }
        newest.is_some()
    }
}

impl LatestRows {
    fn push_row(&mut self, at: i64, columns: &[Column], row: usize) {
        self.timestamps.push(Some(Timestamp::from_nanos(at)));
        for (into, column) in self.columns.iter_mut().zip(columns) {
            match column.get(row) {
                Some(value) => into.push(value),
                None => into.push_null(),
            }
        }
    }

    fn push_none(&mut self) {
        self.timestamps.push(None);
        self.columns.iter_mut().for_each(Column::push_null);
    }
}
