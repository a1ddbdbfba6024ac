//! Arrays of integers, packed as distances from the smallest, each of which can be read by itself.
//!
//! ```text
//! columns   mask: which of the columns are not all zero (varint)
//!           for each of these: base (zigzag); and if there is more than one row: width u8, + 0x80 if the row's number is added
//!           for each of these: rows x width bits, lowest first, to whole bytes
//!
//! value of row i = base + i, if so marked + the bits (wrapping around)
//! ```
//!
//! What is equal everywhere, or grows by one from row to row, costs the bytes of its base and no bits. A page that describes a
//! single block, as those of many small tables do, has no widths at all.

use std::ops::RangeInclusive;

use crate::bytes::{Bad, Reader, low_byte, put_varint, put_zigzag};

/// Marks a width: the number of the row is added.
const SLOPE: u8 = 0x80;

/// A packed column, where it lies.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Packed<'a> {
    base: i64,
    slope: i64,
    width: u32,
    bits: &'a [u8],
}

impl<'a> Packed<'a> {
    /// Takes bits that a header elsewhere describes.
    pub(crate) const fn new(base: i64, width: u32, bits: &'a [u8]) -> Self {
        Packed { base, slope: 0, width, bits }
    }

    /// The value of a row; rows past the end read as if their bits were zero.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> i64 {
        let bits = if self.width == 0 { 0 } else { bits_at(self.bits, row, self.width) };
        self.base.wrapping_add(self.slope * (row as i64)).wrapping_add(bits.cast_signed())
    }

    /// Whether all rows have the same value, and which.
    pub(crate) const fn constant(&self) -> Option<i64> {
        if self.width == 0 && self.slope == 0 { Some(self.base) } else { None }
    }
}

impl Packed<'_> {
    /// Shows the rows before `end` in order, up to 64 at a time: number of the first, and values.
    #[inline]
    fn for_each(&self, end: usize, mut show: impl FnMut(usize, &[i64])) {
        let mut values = [0i64; 64];
        for from in (0..end).step_by(64) {
            let values = &mut values[..(end - from).min(64)];
            self.take(from, values);
            show(from, values);
        }
    }

    /// The rows from `from` on.
    #[inline]
    fn take(&self, from: usize, into: &mut [i64]) {
        let width = self.width as usize;
        let first = from * width;
        let last = (from + into.len()).saturating_sub(1) * width / 8;
        // Words can be read for all of them, as in nearly all rows but the last few.
        if self.slope == 0
            && (1..=56).contains(&width)
            && let Some(bytes) = self.bits.get(first / 8..last + 8)
        {
            let (mask, mut bit) = (u64::MAX >> (64 - width), first % 8);
            for value in into {
                let word = bytes.get(bit / 8..).and_then(|rest| rest.first_chunk::<8>());
                let bits = u64::from_le_bytes(*word.unwrap_or(&[0; 8])) >> (bit % 8) & mask;
                *value = self.base.wrapping_add(bits.cast_signed());
                bit += width;
            }
            return;
        }
        for (row, value) in (from..).zip(into) {
            *value = self.get(row);
        }
    }

    /// The sum of the rows before `end`, and how many of them are not zero; both wrap around.
    pub(crate) fn sum_before(&self, end: usize) -> (u64, usize) {
        let (mut sum, mut some) = (0u64, 0);
        self.for_each(end, |_, values| {
            sum = values.iter().fold(sum, |sum, v| sum.wrapping_add(v.cast_unsigned()));
            some += values.iter().filter(|v| **v != 0).count();
        });
        (sum, some)
    }

    /// The rows before `end` whose value is in `wanted`, in order.
    pub(crate) fn rows_in(&self, wanted: RangeInclusive<i64>, end: usize) -> Vec<usize> {
        let mut rows = Vec::new();
        if wanted.is_empty() {
            return rows;
        }
        // One comparison for both ends.
        let (low, span) = (*wanted.start(), wanted.end().wrapping_sub(*wanted.start()));
        let inside = |v: &i64| v.wrapping_sub(low).cast_unsigned() <= span.cast_unsigned();
        self.for_each(end, |from, values| {
            if values.iter().filter(|v| inside(v)).count() > 0 {
                rows.extend((from..).zip(values).filter(|(_, v)| inside(v)).map(|(row, _)| row));
            }
        });
        rows
    }
}

/// Field number `index` of `width` bits, 1 to 64.
#[inline]
fn bits_at(bytes: &[u8], index: usize, width: u32) -> u64 {
    let at = index * width as usize;
    let (byte, shift) = (at / 8, at % 8);
    let mask = u64::MAX >> (64 - width);
    if width <= 56
        && let Some(word) = bytes.get(byte..).and_then(|rest| rest.first_chunk::<8>())
    {
        return u64::from_le_bytes(*word) >> shift & mask;
    }
    let mut word = [0u8; 16];
    let rest = bytes.get(byte..).unwrap_or_default();
    let len = rest.len().min(9);
    word[..len].copy_from_slice(&rest[..len]);
    #[expect(clippy::cast_possible_truncation, reason = "the mask keeps 64 bits at most")]
    let bits = (u128::from_le_bytes(word) >> shift) as u64;
    bits & mask
}

/// Bits that the distance takes.
pub(crate) fn width_of(min: i64, max: i64) -> u32 {
    u64::BITS - max.wrapping_sub(min).cast_unsigned().leading_zeros()
}

/// Appends fields of `width` bits, lowest first.
pub(crate) fn put_bits(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    crate::codec::pack(values, width, out);
}

struct Shape {
    base: i64,
    slope: bool,
    width: u32,
}

fn shape_of(values: &[i64]) -> Shape {
    let frame = |values: &mut dyn Iterator<Item = i64>| {
        let (min, max) = values.fold((i64::MAX, i64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        (min, width_of(min, max))
    };
    let (base, width) = frame(&mut values.iter().copied());
    let sloped = &mut (0i64..).zip(values).map(|(row, v)| v.wrapping_sub(row));
    let (sloped_base, sloped_width) = frame(sloped);
    if sloped_width < width {
        Shape { base: sloped_base, slope: true, width: sloped_width }
    } else {
        Shape { base, slope: false, width }
    }
}

/// Appends columns, at most 32 and all of one length.
pub(crate) fn put_columns(columns: &[&[i64]], out: &mut Vec<u8>) {
    let present = |column: &&&[i64]| column.iter().any(|v| *v != 0);
    let mask = columns.iter().enumerate().filter(|(_, c)| present(c)).map(|(at, _)| 1u64 << at);
    put_varint(out, mask.sum());
    let shapes: Vec<(&[i64], Shape)> =
        columns.iter().filter(present).map(|column| (*column, shape_of(column))).collect();
    for (column, shape) in &shapes {
        put_zigzag(out, shape.base);
        if column.len() > 1 {
            let slope = if shape.slope { SLOPE } else { 0 };
            out.push(low_byte(u64::from(shape.width)) | slope);
        }
    }
    for (column, shape) in &shapes {
        let value = |(row, v): (i64, &i64)| {
            let slope = if shape.slope { row } else { 0 };
            v.wrapping_sub(shape.base).wrapping_sub(slope).cast_unsigned()
        };
        put_bits((0i64..).zip(column.iter()).map(value), shape.width, out);
    }
}

/// Reads `K` columns of `rows` rows.
pub(crate) fn take_columns<'a, const K: usize>(
    reader: &mut Reader<'a>,
    rows: usize,
) -> Result<[Packed<'a>; K], Bad> {
    let mask = reader.varint()?;
    if mask >> K != 0 {
        return reader.bad("columns that are known", format!("mask {mask:#x}"));
    }
    let mut columns = [Packed::default(); K];
    for (at, column) in columns.iter_mut().enumerate() {
        if mask >> at & 1 == 0 {
            continue;
        }
        column.base = reader.zigzag()?;
        if rows > 1 {
            let width = reader.u8()?;
            column.slope = i64::from(width & SLOPE != 0);
            column.width = u32::from(width & !SLOPE);
            if column.width > 64 {
                return reader.bad("a width of at most 64 bits", column.width.to_string());
            }
        }
    }
    for column in &mut columns {
        if column.width > 0 {
            column.bits = reader.take(packed_len(rows, column.width))?;
        }
    }
    Ok(columns)
}

/// Bytes of `rows` fields.
pub(crate) fn packed_len(rows: usize, width: u32) -> usize {
    rows.saturating_mul(width as usize).div_ceil(8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip(columns: [&[i64]; 3]) -> usize {
        let mut out = Vec::new();
        put_columns(&columns, &mut out);
        let rows = columns[0].len();
        let mut reader = Reader::new(&out);
        let read: [Packed<'_>; 3] = take_columns(&mut reader, rows).unwrap();
        reader.end().unwrap();
        for (packed, column) in read.iter().zip(columns) {
            let got: Vec<i64> = (0..rows).map(|row| packed.get(row)).collect();
            assert_eq!(got, column);
        }
        for (packed, column) in read.iter().zip(columns) {
            for end in [0, rows / 2, rows] {
                let part = &column[..end];
                let sum = part.iter().fold(0u64, |sum, v| sum.wrapping_add(v.cast_unsigned()));
                let some = part.iter().filter(|v| **v != 0).count();
                assert_eq!(packed.sum_before(end), (sum, some));
                for wanted in [0..=0, -3..=5, i64::MIN..=i64::MAX, i64::MAX..=i64::MAX] {
                    let all = (0..end).filter(|row| wanted.contains(&column[*row]));
                    assert!(all.eq(packed.rows_in(wanted.clone(), end)), "{wanted:?}");
                }
            }
        }
        for cut in 0..out.len() {
            let mut reader = Reader::new(&out[..cut]);
            let cut = take_columns::<3>(&mut reader, rows);
            assert!(cut.is_err() || rows == 0);
        }
        out.len()
    }

    #[test]
    fn what_is_equal_or_counts_costs_no_bits() {
        assert_eq!(round_trip([&[0; 100], &[0; 100], &[0; 100]]), 1);
        let counting: Vec<i64> = (70..170).collect();
        assert_eq!(round_trip([&[5; 100], &counting, &[0; 100]]), 1 + 2 + 3);
        assert_eq!(round_trip([&[5], &[0], &[-1]]), 3);
        round_trip([&[i64::MIN, i64::MAX], &[0, -1], &[1, 1]]);
        round_trip([&[], &[], &[]]);
    }

    proptest! {
        #[test]
        fn any_columns_come_back(a in prop::collection::vec((any::<i64>(), any::<i32>()), 1..300), shift in 0..63u32) {
            let first: Vec<i64> = a.iter().map(|(v, _)| v >> shift).collect();
            let second: Vec<i64> = a.iter().map(|(_, v)| i64::from(*v)).collect();
            round_trip([&first, &second, &vec![7; a.len()]]);
        }
    }
}
