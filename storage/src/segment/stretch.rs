//! Reading some rows of a run: the one that was asked for, the newest, those at the edge of a range of time.
//!
//! ```text
//! run       |.......................................|
//! range            [---------------)                    rows by arithmetic where times have equal steps, else by halving
//! stretch          |---------------|                    what a block has of it is decoded, see `codec::decode_column_rows`
//! ends      |                                       |   the first or the last row of numbers: statistics tell, no block is read
//! ```

use std::ops::Range;
use std::sync::OnceLock;

use stripchart_core::{Column, Values};

use super::derive::BlockAt;
use super::page::{FieldPage, Stored};
use super::table::Table;
use super::times::{Form, Times};
use super::{PAGE, Run, Segment};
use crate::ReadError;
use crate::partials::Number;
use crate::rows::{Rows, Wanted};

/// Which rows of a run lie in a range of time, and their times.
#[derive(Debug)]
pub(crate) struct Located {
    times: Times,
    /// Of the whole run, where they are not of equal steps; decoded when they are needed.
    stamps: OnceLock<Vec<i64>>,
    /// Counted from the first of the run.
    pub(crate) rows: Range<usize>,
}

impl Located {
    fn stamps(&self, segment: &Segment) -> Result<&[i64], ReadError> {
        if let Some(stamps) = self.stamps.get() {
            return Ok(stamps);
        }
        let stamps = segment.decode_times(&self.times)?;
        Ok(self.stamps.get_or_init(|| stamps))
    }

    /// The times of some of the run's rows.
    fn times(&self, segment: &Segment, rows: Range<usize>) -> Result<Vec<i64>, ReadError> {
        let (first, last) = self.times.bounds;
        match self.times.form {
            Form::Steps(step) => {
                let time = |row: usize| first.wrapping_add(step.wrapping_mul(row as i64));
                Ok(rows.map(time).collect())
            }
            Form::Block(_) if rows == (0..1) => Ok(vec![first]),
            Form::Block(_) if rows.len() == 1 && rows.end == self.times.rows => Ok(vec![last]),
            Form::Block(_) => Ok(self.stamps(segment)?.get(rows).unwrap_or_default().to_vec()),
        }
    }
}

impl Segment {
    /// The rows of a run from `start` to before `end`.
    pub(crate) fn locate(&self, run: &Run, (start, end): (i64, i64)) -> Result<Located, ReadError> {
        // Its reader may have been away for long.
        self.check()?;
        let times = self.times(run.times)?;
        let stamps = OnceLock::new();
        if start <= times.bounds.0 && times.bounds.1 < end {
            return Ok(Located { times, stamps, rows: 0..times.rows });
        }
        if let Some(rows) = times.rows_between(start, end) {
            return Ok(Located { times, stamps, rows });
        }
        let mut located = Located { times, stamps, rows: 0..0 };
        let stamps = located.stamps(self)?;
        let from = stamps.partition_point(|at| *at < start);
        located.rows = from..stamps.partition_point(|at| *at < end).max(from);
        Ok(located)
    }

    /// Whether [`Segment::stretch`] reads no block for these rows of a run: one of its ends, numbers alone.
    pub(crate) fn is_known(&self, run: &Run, wanted: &[Wanted], rows: &Range<usize>) -> bool {
        let end = rows.start == 0 || rows.end == run.rows as usize;
        run.alone() && rows.len() == 1 && end && wanted.iter().all(|w| w.field_type.is_numeric())
    }

    /// Some rows of a run, with a column for each of `wanted`; rows without a value are among them.
    pub(crate) fn stretch(
        &self,
        run: &Run,
        wanted: &[Wanted],
        located: &Located,
        rows: Range<usize>,
    ) -> Result<Rows, ReadError> {
        if rows == (0..run.rows as usize) {
            return self.load(run, wanted);
        }
        self.check()?;
        let table = self.table_at(run.table as usize)?.table;
        let part = Part { segment: self, table, run, rows };
        let timestamps = located.times(self, part.rows.clone())?;
        let columns = wanted.iter().map(|wanted| part.column(wanted));
        Ok(Rows { timestamps, columns: columns.collect::<Result<_, _>>()? })
    }
}

/// Some rows of a run.
struct Part<'s> {
    segment: &'s Segment,
    table: &'s Table,
    run: &'s Run,
    rows: Range<usize>,
}

impl Part<'_> {
    fn column(&self, wanted: &Wanted) -> Result<Column, ReadError> {
        let nothing = || Column::new(&*wanted.name, Values::empty(wanted.field_type));
        let Some(field) = self.table.field(&wanted.name, wanted.field_type) else {
            return Ok(nothing());
        };
        let (segment, group) = (self.segment, self.run.group as usize);
        let page = self.table.field_page(segment, field, group / PAGE)?;
        let group_rows = self.run.group_rows as usize;
        if segment.is_known(self.run, std::slice::from_ref(wanted), &self.rows) {
            let mut column = nothing();
            match end_value(&page, group % PAGE, group_rows, &self.rows) {
                Some(number) => column.push(number.to_value().as_ref()),
                None => column.push_null(),
            }
            return Ok(column);
        }
        let stored = page.stored(group % PAGE, group_rows).map_err(|bad| segment.bad(0, bad))?;
        let part = match stored {
            Stored::Nothing => return Ok(nothing()),
            Stored::Constant(number) => {
                return Ok(Column::new(&*wanted.name, super::repeat(number, self.rows.len())));
            }
            Stored::Block(part) => part,
        };
        let from = self.run.from as usize;
        let rows = from + self.rows.start..from + self.rows.end;
        let at = BlockAt { table: self.table, group, rows: group_rows, part };
        segment.block_column(&at, wanted, rows)
    }
}

/// The value of a group's first or last row, of which there is one series.
pub(crate) fn end_value(
    page: &FieldPage<'_>,
    group: usize,
    group_rows: usize,
    rows: &Range<usize>,
) -> Option<Number> {
    if page.values(group, group_rows) == 0 {
        None
    } else if rows.end == group_rows {
        (page.last_row(group, group_rows) + 1 == group_rows).then(|| page.last(group))
    } else {
        (page.first_row(group) == 0).then(|| page.first(group))
    }
}
