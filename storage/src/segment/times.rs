//! Timestamp columns: each stored once in a segment, whatever series and measurement its rows belong to.
//!
//! ```text
//! page     256 columns: offset of their blocks (varint), then packed (see `packed`):
//!            first time, last - first, rows, step (0 if none), bytes of the block
//!          then a crc u32 for each that has a block
//! ```
//!
//! A column of equal steps has no block: it is its first time, its step and its rows. Any other is a block of integers.

use std::ops::Range;
use std::sync::Arc;

use super::packed::{Packed, put_columns, take_columns};
use super::{PAGE, Part};
use crate::bytes::{Bad, Reader, put_varint};

/// A timestamp column, as far as it is known without its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) rows: usize,
    /// Times of the first and the last row.
    pub(crate) bounds: (i64, i64),
    /// Between two rows, if always the same; and else where the block is.
    pub(crate) form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Every so many nanoseconds; one row has no step.
    Steps(i64),
    /// A block of integers.
    Block(Part),
}

impl Times {
    /// What is known of strictly ascending `times`; those without equal steps need `block`.
    pub(crate) fn of(times: &[i64], block: impl FnOnce() -> Part) -> Option<Times> {
        let bounds = (*times.first()?, *times.last()?);
        let step = times.get(1).map_or(0, |second| second.wrapping_sub(bounds.0));
        let regular = times.windows(2).all(|pair| pair[1].wrapping_sub(pair[0]) == step);
        // Steps of more than 63 bits are none.
        let form = if regular && (step > 0 || times.len() == 1) {
            Form::Steps(step)
        } else {
            Form::Block(block())
        };
        Some(Times { rows: times.len(), bounds, form })
    }

    /// The times, if they need no block.
    pub(crate) fn regular(&self) -> Option<Vec<i64>> {
        let Form::Steps(step) = self.form else { return None };
        // Eight at a time, which the compiler makes vector code of; a sum from row to row it cannot.
        let mut next: [i64; 8] = [0; 8];
        for (row, time) in (0i64..).zip(&mut next) {
            *time = self.bounds.0.wrapping_add(step.wrapping_mul(row));
        }
        let far = step.wrapping_mul(8);
        let mut times = vec![0; self.rows.next_multiple_of(8)];
        let (eights, _) = times.as_chunks_mut::<8>();
        for eight in eights {
            *eight = next;
            next.iter_mut().for_each(|time| *time = time.wrapping_add(far));
        }
        times.truncate(self.rows);
        Some(times)
    }

    /// The rows from `start` to before `end`, if that is known without the block.
    pub(crate) fn rows_between(&self, start: i64, end: i64) -> Option<Range<usize>> {
        let Form::Steps(step) = self.form else { return None };
        let row = |time: i64| {
            if time <= self.bounds.0 {
                return 0;
            }
            if time > self.bounds.1 || step <= 0 {
                return self.rows;
            }
            let row = time.abs_diff(self.bounds.0).div_ceil(step.cast_unsigned());
            usize::try_from(row).unwrap_or(self.rows).min(self.rows)
        };
        let from = row(start);
        Some(from..row(end).max(from))
    }

    /// The width of the cells that sums within a block are kept for, in nanoseconds: a round duration that has at least
    /// [`MIN_CELL_ROWS`] rows on average. `None` if the column lies in one cell, or is too sparse.
    pub(crate) fn cell_ns(&self) -> Option<i64> {
        let (first, last) = self.bounds;
        let span = i128::from(last) - i128::from(first);
        let rows = i128::try_from(self.rows).ok().filter(|rows| *rows > 1)?;
        let enough = |cell: &&i64| i128::from(**cell) * (rows - 1) >= span * MIN_CELL_ROWS;
        let cell = *CELLS_NS.iter().find(enough)?;
        (first.div_euclid(cell) != last.div_euclid(cell)).then_some(cell)
    }

    /// The row that `cells` begin at, but the first of them: where the time passes a multiple of `cell_ns`. Empty cells are left
    /// out.
    pub(crate) fn cell_rows(times: &[i64], cell_ns: i64) -> Vec<usize> {
        let cell = |at: &i64| at.div_euclid(cell_ns);
        let mut rows = Vec::new();
        let mut from = 0;
        while let Some(first) = times.get(from) {
            let this = cell(first);
            from += times[from..].partition_point(|at| cell(at) == this);
            if from < times.len() {
                rows.push(from);
            }
        }
        rows
    }
}

/// Rows that a cell has at least, on average.
const MIN_CELL_ROWS: i128 = 120;
const SECOND: i64 = 1_000_000_000;
/// Widths of cells: what people group by.
const CELLS_NS: [i64; 7] = [
    10 * SECOND,
    60 * SECOND,
    300 * SECOND,
    600 * SECOND,
    3600 * SECOND,
    6 * 3600 * SECOND,
    24 * 3600 * SECOND,
];

/// Appends a page of timestamp columns, whose blocks follow one another in the file from `offset` on.
pub(crate) fn put_page(columns: &[Times], offset: u64, out: &mut Vec<u8>) {
    let parts = || {
        columns.iter().map(|times| match times.form {
            Form::Steps(_) => None,
            Form::Block(part) => Some(part),
        })
    };
    put_varint(out, offset);
    let column = |of: &dyn Fn(&Times) -> i64| columns.iter().map(of).collect::<Vec<_>>();
    let first = column(&|times| times.bounds.0);
    let span = column(&|times| times.bounds.1.wrapping_sub(times.bounds.0));
    let rows = column(&|times| i64::try_from(times.rows).unwrap_or(i64::MAX));
    let step = column(&|times| match times.form {
        Form::Steps(step) => step,
        Form::Block(_) => 0,
    });
    let len: Vec<i64> = parts().map(|part| part.map_or(0, |part| i64::from(part.len))).collect();
    put_columns(&[&first, &span, &rows, &step, &len], out);
    parts().flatten().for_each(|part| out.extend(part.crc.to_le_bytes()));
}

/// Reads column number `at` of a page of `columns`.
pub(crate) fn take(page: &[u8], columns: usize, at: usize) -> Result<Times, Bad> {
    let mut reader = Reader::new(page);
    let mut offset = reader.varint()?;
    if at >= columns || columns > PAGE {
        return reader.bad("a column of the page", format!("number {at} of {columns}"));
    }
    let [first, span, rows, step, len]: [Packed<'_>; 5] = take_columns(&mut reader, columns)?;
    let first = first.get(at);
    let bounds = (first, first.wrapping_add(span.get(at)));
    let (rows, step) = (rows.get(at), step.get(at));
    let form = if len.get(at) == 0 {
        let last = first.checked_add(step.checked_mul(rows.wrapping_sub(1)).unwrap_or(-1));
        if step < 0 || last != Some(bounds.1) || (step == 0 && rows != 1) {
            return reader.bad("equal steps of time", format!("{rows} rows, step {step}"));
        }
        Form::Steps(step)
    } else {
        let mut before = 0;
        for column in 0..at {
            let len = len.get(column).cast_unsigned();
            offset = offset.wrapping_add(len);
            before += usize::from(len > 0);
        }
        let crcs = reader.offset() + before * 4;
        let crc = Reader::new(page.get(crcs..).unwrap_or_default()).u32()?;
        let Ok(len) = u32::try_from(len.get(at)) else {
            return reader.bad("a length of 32 bits", len.get(at).to_string());
        };
        Form::Block(Part { offset, len, crc })
    };
    match usize::try_from(rows) {
        Ok(rows) if (1..=super::MAX_GROUP_ROWS).contains(&rows) && bounds.0 <= bounds.1 => {
            Ok(Times { rows, bounds, form })
        }
        _ => reader.bad("rows in order of time", format!("{rows} rows, {bounds:?}")),
    }
}

/// Decoded timestamps, shared by all that read the same column.
pub(crate) type SharedTimes = Arc<[i64]>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back_and_equal_steps_need_no_block() {
        let mut offset = 5000;
        let mut block = || {
            offset += 100;
            Part { offset: offset - 100, len: 100, crc: 7 }
        };
        let lists: [&[i64]; 6] = [
            &[10, 20, 30],
            &[10, 21, 30],
            &[5],
            &[i64::MIN, i64::MAX],
            &[i64::MIN, 0, 7],
            &[-10, 0, 10, 20],
        ];
        let columns: Vec<Times> =
            lists.iter().map(|list| Times::of(list, &mut block).unwrap()).collect();
        let mut page = Vec::new();
        put_page(&columns, 5000, &mut page);
        for (at, (times, list)) in columns.iter().zip(lists).enumerate() {
            assert_eq!(take(&page, columns.len(), at).as_ref(), Ok(times));
            if let Some(decoded) = times.regular() {
                assert_eq!(decoded, list);
            }
        }
        let blocks = columns.iter().filter(|times| matches!(times.form, Form::Block(_)));
        assert_eq!(blocks.count(), 3);
        for cut in 0..page.len() {
            for at in 0..columns.len() {
                if let Ok(times) = take(&page[..cut], columns.len(), at) {
                    assert_eq!(times, columns[at]);
                }
            }
        }
        assert!(Times::of(&[], &mut block).is_none());
    }

    #[test]
    fn rows_of_equal_steps_are_found_as_if_listed() {
        let lists: [&[i64]; 5] =
            [&[5], &[-10, 0, 10, 20], &[0, 1, 2], &[i64::MIN, 0], &[i64::MAX - 7, i64::MAX]];
        for list in lists {
            let times = Times::of(list, Part::default).unwrap();
            let Form::Steps(_) = times.form else { continue };
            let probes = [i64::MIN, -11, -10, -9, 0, 1, 4, 5, 6, 9, 20, 21, i64::MAX - 1, i64::MAX];
            for start in probes {
                for end in probes {
                    let from = list.partition_point(|at| *at < start);
                    let to = list.partition_point(|at| *at < end).max(from);
                    assert_eq!(
                        times.rows_between(start, end),
                        Some(from..to),
                        "{list:?} {start} {end}"
                    );
                }
            }
        }
    }

    #[test]
    fn cells_are_round_durations_with_rows_enough() {
        let every = |step: i64, rows: i64| {
            let times: Vec<i64> = (0..rows).map(|row| row * step * SECOND).collect();
            let cell = Times::of(&times, Part::default).unwrap().cell_ns();
            (cell.map(|ns| ns / SECOND), cell.map(|ns| Times::cell_rows(&times, ns)))
        };
        assert_eq!(every(10, 1080), (Some(3600), Some(vec![360, 720])));
        assert_eq!(every(10, 300), (None, None));
        assert_eq!(every(1, 700), (Some(300), Some(vec![300, 600])));
        assert_eq!(every(1_000_000, 500), (None, None));
        let gaps = [0, 1, 100, 101, 500];
        assert_eq!(Times::cell_rows(&gaps, 100), [2, 4]);
    }
}
