//! Encoding the blocks of a group of rows, and gathering what will be known of them.

use std::collections::HashMap;

use stripchart_core::{Bitmap, Column, Values};

use super::PAGE;
use super::Part;
use super::page::{NewBlock, NewNumbers};
use super::times::{self, Times};
use crate::codec::{Derived, Effort, aggregate_values, encode_column_with, encode_ints_with};
use crate::partials::{Aggregates, Number};
use crate::rows::index as u32_of;

/// Timestamp columns that are remembered, so that equal ones are stored once.
const REMEMBERED: usize = 1 << 16;

/// The timestamp columns of a segment.
#[derive(Debug, Default)]
pub(super) struct TimesBuilder {
    count: usize,
    /// Columns of the page at hand, and their blocks; offsets count from the first of these.
    page: (Vec<Times>, Vec<u8>),
    /// Pages that are full.
    full: Vec<(Vec<Times>, Vec<u8>)>,
    /// The column that came last, and its number: usually the next is the same.
    last: Vec<i64>,
    last_number: u32,
    /// By first time, step and rows; by their rows and bytes, since bytes do not tell how many rows are in them: a column and
    /// the same without its last row may have the same.
    regular: HashMap<(i64, i64, usize), u32>,
    blocks: HashMap<usize, HashMap<Box<[u8]>, u32>>,
    /// Columns in `blocks`.
    remembered: usize,
}

impl TimesBuilder {
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The number of a column.
    pub(super) fn put(&mut self, times: &[i64], effort: Effort) -> u32 {
        if self.count > 0 && self.last == times {
            return self.last_number;
        }
        let mut block = Vec::new();
        let offset = self.page.1.len() as u64;
        let column = Times::of(times, || {
            encode_ints_with(times, effort, &mut block);
            Part { offset, len: u32_of(block.len()), crc: crc32c::crc32c(&block) }
        });
        let Some(column) = column else { return self.last_number };
        if self.regular.len().max(self.remembered) >= REMEMBERED {
            self.regular.clear();
            self.blocks.clear();
            self.remembered = 0;
        }
        let new = u32_of(self.count);
        let number = match column.form {
            times::Form::Steps(step) => {
                let key = (column.bounds.0, step, column.rows);
                *self.regular.entry(key).or_insert(new)
            }
            times::Form::Block(_) => {
                let blocks = self.blocks.entry(column.rows).or_default();
                match blocks.get(block.as_slice()) {
                    Some(known) => *known,
                    None => {
                        self.page.1.extend_from_slice(&block);
                        blocks.insert(block.into(), new);
                        self.remembered += 1;
                        new
                    }
                }
            }
        };
        if number == new {
            self.count += 1;
            self.page.0.push(column);
            if self.page.0.len() == PAGE {
                self.full.push(std::mem::take(&mut self.page));
            }
        }
        self.last.clear();
        self.last.extend_from_slice(times);
        self.last_number = number;
        number
    }

    /// Pages that are full, and at the `end` the last.
    pub(super) fn take_pages(&mut self, end: bool) -> Vec<(Vec<Times>, Vec<u8>)> {
        if end && !self.page.0.is_empty() {
            self.full.push(std::mem::take(&mut self.page));
        }
        std::mem::take(&mut self.full)
    }
}

/// Appends the block of a column of `rows` rows to `out`, unless it needs none; what is known of it. `cells` are the rows that
/// cells but the first begin at; `None` if the rows are of several series. Of a `derived` column nothing but the rule is stored.
pub(super) fn put_block(
    column: &Column,
    rows: usize,
    cells: Option<&[usize]>,
    derived: Option<&Derived>,
    effort: Effort,
    out: &mut Vec<u8>,
) -> NewBlock {
    let mut block = NewBlock { rows: u32_of(rows), ..NewBlock::default() };
    let valid = |row: &usize| column.is_valid(*row);
    let dense = column.validity().is_none() && column.len() == rows;
    let values = if dense {
        rows
    } else if column.len() == rows {
        column.validity().map_or(rows, Bitmap::count_ones)
    } else {
        (0..rows).filter(valid).count()
    };
    if values == 0 {
        return block;
    }
    block.values = u32_of(values);
    block.first_row = u32_of((0..rows).find(valid).unwrap_or_default());
    block.last_row = u32_of((0..rows).rfind(valid).unwrap_or_default());
    let constant = values == rows && is_constant(column.values(), rows);
    if cells.is_some() || constant {
        block.numbers = numbers_of(column, rows, values, cells.filter(|_| !constant));
    }
    if !constant {
        let start = out.len();
        match derived {
            Some(derived) => derived.write(out),
            None => encode_column_with(column, rows, effort, out),
        }
        block.len = u32_of(out.len() - start);
        block.crc = crc32c::crc32c(&out[start..]);
    }
    block
}

/// Whether the first `rows` values are numbers of the same bits.
fn is_constant(values: &Values, rows: usize) -> bool {
    fn all<T: PartialEq>(values: &[T]) -> bool {
        values.first().is_some_and(|first| values.iter().all(|v| v == first))
    }
    match values {
        Values::Float(v) => {
            let first = v.first().map(|v| v.to_bits());
            v[..rows].iter().all(|v| Some(v.to_bits()) == first)
        }
        Values::Integer(v) => all(&v[..rows]),
        Values::Unsigned(v) => all(&v[..rows]),
        _ => false,
    }
}

fn numbers_of(
    column: &Column,
    rows: usize,
    values: usize,
    cells: Option<&[usize]>,
) -> Option<NewNumbers> {
    if values < rows {
        // The numbers without the gaps, and in which row each stands.
        let places: Vec<usize> = (0..rows).filter(|row| column.is_valid(*row)).collect();
        let packed = crate::rows::gather_values(column.values(), &places);
        let mut numbers = numbers_in(&packed, None)?;
        numbers.min.1 = u32_of(places[numbers.min.1 as usize]);
        numbers.max.1 = u32_of(places[numbers.max.1 as usize]);
        return Some(numbers);
    }
    numbers_in(column.values(), cells)
}

fn numbers_in(values: &Values, cells: Option<&[usize]>) -> Option<NewNumbers> {
    let which = Aggregates::SUM | Aggregates::MIN | Aggregates::MAX;
    let all = aggregate_values(values, 0..values.len(), which)?;
    let ((min, min_row), (max, max_row)) = all.min.zip(all.max)?;
    let number = |at: usize| values.get(at).and_then(Number::from_value);
    let mut from = 0;
    let sums = cells.unwrap_or_default().iter().filter_map(|to| {
        let sum = aggregate_values(values, from..*to, Aggregates::SUM)?.sum.total();
        let rows = u32_of(to - from);
        from = *to;
        Some((sum, rows))
    });
    Some(NewNumbers {
        min: (min, u32_of(min_row)),
        max: (max, u32_of(max_row)),
        first: number(0)?,
        last: number(values.len().checked_sub(1)?)?,
        sum: all.sum.total(),
        cells: sums.collect(),
    })
}

/// The rows that cells but the first begin at.
pub(super) fn cells_of(timestamps: &[i64]) -> Vec<usize> {
    let times = Times::of(timestamps, Part::default);
    let cell_ns = times.and_then(|times| times.cell_ns());
    cell_ns.map_or_else(Vec::new, |ns| Times::cell_rows(timestamps, ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A column and the same without its last row were taken for one another where the encoded bytes were equal, and the rows behind
    /// lay one off.
    #[test]
    fn columns_of_the_same_bytes_and_other_rows_are_two() {
        let minute = 60_000_000_000;
        let mut alike = 0;
        for gap in 1..40 {
            for rows in 3..60 {
                let times: Vec<i64> =
                    (0..rows).map(|row| (row + i64::from(row >= gap)) * minute).collect();
                let bytes = |times: &[i64]| {
                    let mut block = Vec::new();
                    encode_ints_with(times, Effort::default(), &mut block);
                    block
                };
                let shorter = &times[..times.len() - 1];
                alike += usize::from(bytes(&times) == bytes(shorter));
                let mut builder = TimesBuilder::default();
                let numbers = [&times[..], shorter, &times[..], shorter]
                    .map(|times| builder.put(times, Effort::default()));
                let pages = builder.take_pages(true);
                let rows = |number: u32| pages[0].0[number as usize].rows;
                let want = [times.len(), shorter.len(), times.len(), shorter.len()];
                assert_eq!(numbers.map(rows), want, "gap at {gap}");
            }
        }
        assert!(alike > 0, "no such columns among these");
    }
}
