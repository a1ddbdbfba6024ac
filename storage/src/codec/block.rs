//! A block of numbers, taken apart once and then asked.
//!
//! A reader that aggregates wants to know what it can get without decoding (a constant, equal steps), then decode into memory that it
//! uses again for every block, then add up ranges of rows without looking at single ones:
//!
//! ```text
//! NumberBlock::parse(bytes, type, rows)
//!   .constant() .progression() .presence() .values()      from the head of the block
//!   .aggregate(which, scratch)                            all rows
//!   .decode_into(scratch) -> Decoded
//!       .numbers()                                        the values, rows without one left out
//!       .aggregate(rows, which) .first(rows) .last(rows)  a range of rows, as a bucket of time is one
//! ```

use std::ops::Range;

use stripchart_core::{Bitmap, FieldType};

use super::aggregate::{Aggregate, of_floats, of_ints, of_uints};
use super::byrow::TileRows;
use super::flags::{flag, take_flags};
use super::floats::FloatBlock;
use super::ints::IntBlock;
use super::{ALL_PRESENT, MAX_VALUES, SOME_PRESENT};
use crate::bytes::{Bad, Reader};
use crate::partials::{Aggregates, Number, Sum};

/// Memory that decoding uses, kept from block to block.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    ints: Vec<i64>,
    uints: Vec<u64>,
    floats: Vec<f64>,
    sums: Vec<i64>,
}

impl Scratch {
    /// Memory for so many sums.
    pub(super) fn sums(&mut self, len: usize) -> &mut [i64] {
        self.sums.resize(len, 0);
        &mut self.sums
    }
}

/// A block of a numeric field that was read but not decoded.
#[derive(Debug, Clone)]
pub(crate) struct NumberBlock<'a> {
    field_type: FieldType,
    rows: usize,
    values: usize,
    present: Option<Bitmap>,
    coded: Coded<'a>,
}

#[derive(Debug, Clone)]
enum Coded<'a> {
    Floats(FloatBlock<'a>),
    Ints(IntBlock<'a>),
}

/// Decoded values of one type, rows without one left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Numbers<'s> {
    Floats(&'s [f64]),
    Integers(&'s [i64]),
    Unsigned(&'s [u64]),
}

/// A decoded block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoded<'s> {
    rows: usize,
    present: Option<&'s Bitmap>,
    numbers: Numbers<'s>,
}

#[allow(
    dead_code,
    reason = "what a reader may ask before it decodes; statistics answer some of it sooner"
)]
impl<'a> NumberBlock<'a> {
    /// Reads what stands before the values of a column of `rows` rows, as `encode_column` wrote it.
    #[inline]
    pub(crate) fn parse(bytes: &'a [u8], field_type: FieldType, rows: usize) -> Result<Self, Bad> {
        let mut reader = Reader::new(bytes);
        if !field_type.is_numeric() {
            return reader.bad("a numeric field", format!("{field_type:?}"));
        }
        if rows > MAX_VALUES {
            return reader.bad("fewer rows", rows.to_string());
        }
        let present: Option<Bitmap> = match reader.u8()? {
            ALL_PRESENT => None,
            id => {
                let bits = take_flags(SOME_PRESENT, id, &mut reader, rows)?;
                Some((0..rows).map(|row| flag(&bits, row)).collect())
            }
        };
        let values = present.as_ref().map_or(rows, Bitmap::count_ones);
        let coded = match field_type {
            FieldType::Float => Coded::Floats(FloatBlock::read(&mut reader, values)?),
            _ => Coded::Ints(IntBlock::read(&mut reader, values)?),
        };
        reader.end()?;
        Ok(NumberBlock { field_type, rows, values, present, coded })
    }

    /// A block of known values, given their bits: every row has one.
    pub(crate) fn known(field_type: FieldType, words: Vec<i64>) -> Self {
        let (rows, ints) = (words.len(), IntBlock::Known(words));
        let coded = match field_type {
            FieldType::Float => Coded::Floats(FloatBlock::Bits(ints)),
            _ => Coded::Ints(ints),
        };
        NumberBlock { field_type, rows, values: rows, present: None, coded }
    }

    /// Rows, those without a value included.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    /// Rows that have a value.
    pub(crate) const fn values(&self) -> usize {
        self.values
    }

    /// Which rows have a value; `None` if all do.
    pub(crate) const fn presence(&self) -> Option<&Bitmap> {
        self.present.as_ref()
    }

    /// The one value that all rows with a value have, if the codec says so; blocks that vary are not searched.
    pub(crate) fn constant(&self) -> Option<Number> {
        if self.values == 0 {
            return None;
        }
        match &self.coded {
            Coded::Floats(floats) => floats.constant().map(Number::Float),
            Coded::Ints(ints) => {
                let (value, step) = ints.steps()?;
                (step == 0).then(|| self.integer(value))
            }
        }
    }

    /// First value and step (wrapping around), if the values are integers, more than one, and equally far from one to the next.
    pub(crate) fn progression(&self) -> Option<(Number, i64)> {
        let Coded::Ints(ints) = &self.coded else { return None };
        let (first, step) = ints.steps().filter(|_| self.values > 1)?;
        Some((self.integer(first), step))
    }

    fn integer(&self, value: i64) -> Number {
        match self.field_type {
            FieldType::Unsigned => Number::Unsigned(value.cast_unsigned()),
            _ => Number::Integer(value),
        }
    }

    /// Decodes all values.
    pub(crate) fn decode_into<'s>(&'s self, scratch: &'s mut Scratch) -> Result<Decoded<'s>, Bad> {
        let numbers = match &self.coded {
            Coded::Floats(floats) => {
                floats.decode_into(self.values, &mut scratch.floats);
                Numbers::Floats(&scratch.floats)
            }
            Coded::Ints(ints) => {
                ints.decode_into(&mut scratch.ints);
                if self.field_type == FieldType::Integer {
                    Numbers::Integers(&scratch.ints)
                } else {
                    scratch.uints.clear();
                    scratch.uints.extend(scratch.ints.iter().map(|v| v.cast_unsigned()));
                    Numbers::Unsigned(&scratch.uints)
                }
            }
        };
        Ok(Decoded { rows: self.rows, present: self.present.as_ref(), numbers })
    }

    /// Adds up all rows; quicker than [`NumberBlock::decode_into`] and [`Decoded::aggregate`].
    pub(crate) fn aggregate(
        &self,
        which: Aggregates,
        scratch: &mut Scratch,
    ) -> Result<Aggregate, Bad> {
        let extremes = which.contains(Aggregates::MIN) || which.contains(Aggregates::MAX);
        if !extremes
            && which.contains(Aggregates::SUM)
            && let Some(sum) = self.sum(scratch)
        {
            return Ok(Aggregate { count: self.values, sum, min: None, max: None });
        }
        Ok(self.decode_into(scratch)?.aggregate(0..self.rows, which))
    }

    /// Shows the sums of the rows between `marks`, which ascend, one fewer than marks, in order, if they can be told without bringing
    /// the values into their order: for ranges of some dozen rows and more by far the quickest way. Every row must have a value.
    /// Sums of decimals are exact but for one rounding.
    pub(crate) fn sums(
        &self,
        marks: &[usize],
        scratch: &mut Scratch,
        show: impl FnMut(Sum),
    ) -> bool {
        self.present.is_none() && self.sums_of_values(marks, scratch, show)
    }

    /// The same, rows without a value not counted.
    fn sums_of_values(
        &self,
        marks: &[usize],
        scratch: &mut Scratch,
        mut show: impl FnMut(Sum),
    ) -> bool {
        let sums = scratch.sums(marks.len());
        match &self.coded {
            Coded::Floats(floats) => floats.sums(marks, sums, show),
            Coded::Ints(ints) => {
                if !ints.sums(marks, sums) {
                    return false;
                }
                let signed = self.field_type == FieldType::Integer;
                for pair in sums.windows(2) {
                    let sum = pair[1].wrapping_sub(pair[0]);
                    show(if signed {
                        Sum::Integer(sum)
                    } else {
                        Sum::Unsigned(sum.cast_unsigned())
                    });
                }
                true
            }
        }
    }

    /// Adds all rows to `rows`, row by row; `false`, and nothing added, if a row has no value or the block has no form for that.
    pub(crate) fn add_rows(&self, rows: &mut TileRows) -> bool {
        self.present.is_none()
            && match &self.coded {
                Coded::Ints(ints) if self.field_type == FieldType::Integer => rows.add_ints(ints),
                Coded::Ints(_) => false,
                Coded::Floats(floats) => rows.add_floats(floats),
            }
    }

    /// The sum, where it takes no decoding to natural order.
    fn sum(&self, scratch: &mut Scratch) -> Option<Sum> {
        let mut all = None;
        self.sums_of_values(&[0, self.values], scratch, |sum| all = Some(sum));
        all
    }
}

impl<'s> Decoded<'s> {
    /// The values, rows without one left out.
    pub(crate) const fn numbers(&self) -> Numbers<'s> {
        self.numbers
    }

    /// Adds up the rows in `rows`, as far as the block has them. Of equal smallest or largest values the earliest row counts; a NaN
    /// is smallest or largest only where there is nothing else.
    pub(crate) fn aggregate(&self, rows: Range<usize>, which: Aggregates) -> Aggregate {
        let range = self.index(rows.start)..self.index(rows.end.max(rows.start));
        let start = range.start;
        let mut all = match self.numbers {
            Numbers::Floats(v) => of_floats(&v[range], which),
            Numbers::Integers(v) => of_ints(&v[range], which),
            Numbers::Unsigned(v) => of_uints(&v[range], which),
        };
        for (_, at) in [&mut all.min, &mut all.max].into_iter().flatten() {
            *at = self.row(start + *at);
        }
        all
    }

    /// The first value in `rows` and its row.
    pub(crate) fn first(&self, rows: Range<usize>) -> Option<(Number, usize)> {
        let (index, end) = (self.index(rows.start), self.index(rows.end));
        (index < end).then(|| (self.number(index), self.row(index)))
    }

    /// The last value in `rows` and its row.
    pub(crate) fn last(&self, rows: Range<usize>) -> Option<(Number, usize)> {
        let (start, end) = (self.index(rows.start), self.index(rows.end));
        (start < end).then(|| (self.number(end - 1), self.row(end - 1)))
    }

    fn number(&self, index: usize) -> Number {
        match self.numbers {
            Numbers::Floats(v) => Number::Float(v[index]),
            Numbers::Integers(v) => Number::Integer(v[index]),
            Numbers::Unsigned(v) => Number::Unsigned(v[index]),
        }
    }

    /// How many values stand before `row`.
    fn index(&self, row: usize) -> usize {
        let row = row.min(self.rows);
        let Some(present) = self.present else { return row };
        let words = present.words();
        let whole: usize = words[..row / 64].iter().map(|word| word.count_ones() as usize).sum();
        match words.get(row / 64) {
            Some(word) => whole + (word & ((1 << (row % 64)) - 1)).count_ones() as usize,
            None => whole,
        }
    }

    /// The row of the value with `index` others before it.
    fn row(&self, index: usize) -> usize {
        let Some(present) = self.present else { return index };
        let mut before = 0;
        for (at, word) in present.words().iter().enumerate() {
            let ones = word.count_ones() as usize;
            if before + ones > index {
                let mut word = *word;
                for _ in before..index {
                    word &= word - 1;
                }
                return at * 64 + word.trailing_zeros() as usize;
            }
            before += ones;
        }
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stripchart_core::{Column, Values};

    use super::*;
    use crate::codec::encode_column;

    #[test]
    fn constants_and_steps_are_known_without_decoding() {
        let block = |values: Values, rows: usize| {
            let mut out = Vec::new();
            let field_type = values.field_type().unwrap();
            encode_column(&Column::new("", values), rows, &mut out);
            let block = NumberBlock::parse(&out, field_type, rows).unwrap();
            (block.constant(), block.progression(), block.values())
        };
        let seven = Some(Number::Integer(7));
        assert_eq!(
            block(Values::Integer(vec![7; 9]), 9),
            (seven, Some((Number::Integer(7), 0)), 9)
        );
        assert_eq!(block(Values::Integer(vec![7; 1]), 3), (seven, None, 1));
        let steps = Some((Number::Unsigned(u64::MAX), 2));
        assert_eq!(block(Values::Unsigned(vec![u64::MAX, 1, 3]), 3), (None, steps, 3));
        assert_eq!(block(Values::Float(vec![0.25; 9]), 9), (Some(Number::Float(0.25)), None, 9));
        assert_eq!(block(Values::Float(vec![-0.0; 9]), 9).0, Some(Number::Float(-0.0)));
        assert_eq!(block(Values::Float(vec![1.0, 2.0, 4.0]), 3), (None, None, 3));
        assert_eq!(block(Values::Float(vec![]), 3), (None, None, 0));
        assert!(NumberBlock::parse(&[0, 0, 0], FieldType::String, 1).is_err());
    }

    proptest! {
        #[test]
        fn ranges_add_up_as_their_rows_do(
            rows in prop::collection::vec(prop::option::of(-5..5i64), 1..200), from in 0..210usize, len in 0..210usize
        ) {
            let mut column = Column::new("", Values::empty(FieldType::Integer));
            for value in &rows {
                match value {
                    Some(value) => column.push((*value).into()),
                    None => column.push_null(),
                }
            }
            let mut out = Vec::new();
            encode_column(&column, rows.len(), &mut out);
            let block = NumberBlock::parse(&out, FieldType::Integer, rows.len()).unwrap();
            let mut scratch = Scratch::default();
            let decoded = block.decode_into(&mut scratch).unwrap();
            let range = from..from + len;
            let got = decoded.aggregate(range.clone(), Aggregates::ALL);
            let inside: Vec<(i64, usize)> = rows.iter().enumerate()
                .filter(|(row, _)| range.contains(row)).filter_map(|(row, v)| Some(((*v)?, row))).collect();
            let number = |v: Option<&(i64, usize)>| v.map(|(v, row)| (Number::Integer(*v), *row));
            prop_assert_eq!(got.count, inside.len());
            prop_assert_eq!(got.sum.total(), Number::Integer(inside.iter().map(|(v, _)| v).sum()));
            prop_assert_eq!(got.min, number(inside.iter().min()));
            prop_assert_eq!(got.max, number(inside.iter().min_by_key(|(v, row)| (-v, *row))));
            prop_assert_eq!(decoded.first(range.clone()), number(inside.first()));
            prop_assert_eq!(decoded.last(range), number(inside.last()));
        }
    }
}
