//! The last value of each of many series.

use std::sync::Arc;

use stripchart_core::{FieldValue, TimeRange, Timestamp};

use super::{FoldOptions, Folder};
use crate::ReadError;
use crate::latest::{Place, newest};
use crate::partials::{Aggregates, Number};
use crate::rows::Rows;
use crate::scan::{PieceRows, clusters, load_cluster};
use crate::segment::{PAGE, Run};
use crate::view::{Series, View};

/// A value and when it was.
type Last = Option<(FieldValue, Timestamp)>;

impl View {
    /// The latest value of `field` of each of `series` inside `range`, in their order; `None` where there is none.
    ///
    /// Looks at the newest blocks first, and mostly at what is known of them only.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if a stored block is unreadable or the view was [cancelled](View::cancelled_by).
    pub fn last_values(
        &self,
        series: &[Series],
        field: &str,
        range: TimeRange,
    ) -> Result<Vec<Option<(FieldValue, Timestamp)>>, ReadError> {
        let mut all = Vec::with_capacity(series.len());
        let Some(first) = series.first() else { return Ok(all) };
        let edges = [range.start.nanos(), range.end.nanos().max(range.start.nanos())];
        let new = |series: &Series| vec![Self::wanted(series, field)];
        let options = FoldOptions::new();
        let mut folder = Folder::new(&first.view, new(first), &edges, Aggregates::LAST, options);
        for series in series {
            if !Arc::ptr_eq(&series.view, folder.view) {
                folder = Folder::new(&series.view, new(series), &edges, Aggregates::LAST, options);
            }
            all.push(folder.last(series)?);
        }
        Ok(all)
    }
}

impl Folder<'_> {
    fn last(&mut self, series: &Series) -> Result<Last, ReadError> {
        self.view.cancel.check()?;
        let inner = &series.inner;
        if let ([(at, number, bounds)], []) = (&*inner.segments, inner.heads.as_slice())
            && !self.view.deletes.concern(series.key().measurement())
        {
            if self.outside(*bounds) {
                return Ok(None);
            }
            let table = self.table(*at, number.table)?;
            let mut runs = std::mem::take(&mut self.runs);
            runs.clear();
            self.tables[table].cursor.runs(number.series as usize, &mut runs)?;
            let mut found = None;
            for run in runs.iter().rev() {
                found = self.last_of_run(table, run)?;
                if found.is_some() {
                    break;
                }
            }
            self.runs = runs;
            return Ok(found);
        }
        // In memory the newest rows are found without the others.
        let newest = newest(self.view, inner, self.range.1);
        if let Some((last, Place::Head(at, slot))) = newest.filter(|(at, _)| self.range.0 <= *at) {
            let (head, limit) = &self.view.heads[at as usize];
            let rows = head.inner.read().read(slot, *limit, &self.wanted, last, last + 1);
            let found = last_row(&rows, self.range);
            if found.is_some() {
                return Ok(found);
            }
        }
        for cluster in clusters(series, &self.wanted, self.range.0, self.range.1)?.into_iter().rev()
        {
            let found = if let [piece] = cluster.as_slice()
                && let PieceRows::Sealed { run, .. } = &piece.rows
            {
                let table = self.table(piece.rank, run.table)?;
                self.last_of_run(table, run)?
            } else {
                last_row(&load_cluster(cluster, &self.wanted, self.range)?, self.range)
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn last_of_run(&mut self, table: usize, run: &Run) -> Result<Last, ReadError> {
        if self.outside(run.bounds) {
            return Ok(None);
        }
        let range = self.range;
        let numeric = self.wanted[0].field_type.is_numeric();
        let open = &mut self.tables[table];
        let segment = open.segment;
        let Some(page) = open.page(0, run.group as usize)? else { return Ok(None) };
        let (group, rows) = (run.group as usize % PAGE, run.group_rows as usize);
        if page.page.values(group, rows) == 0 {
            return Ok(None);
        }
        // The last row is inside the range and has a value.
        if numeric
            && run.alone()
            && run.bounds.1 < range.1
            && run.bounds.1 >= range.0
            && page.page.last_row(group, rows) + 1 == rows
        {
            let value: Number = page.page.last(group);
            return Ok(Some((value.to_value(), Timestamp::from_nanos(run.bounds.1))));
        }
        Ok(last_row(&segment.load(run, &self.wanted)?, range))
    }
}

/// The last value inside the range.
fn last_row(rows: &Rows, range: (i64, i64)) -> Last {
    let column = rows.columns.first()?;
    let from = rows.timestamps.partition_point(|at| *at < range.0);
    let to = rows.timestamps.partition_point(|at| *at < range.1);
    (from..to).rev().find_map(|row| {
        let value = column.get(row)?.to_field_value()?;
        Some((value, Timestamp::from_nanos(rows.timestamps[row])))
    })
}
