//! A few rows of a block, for readers that want no more of it.
//!
//! What a frame packs in lanes is unpacked whole, which vector units do at memory speed; turning lanes into natural order and writing a
//! thousand values nobody asked for is what costs, and that is left out. Runs that are packed one after the other are entered
//! where the rows begin; entropy coding is left where they end.
//!
//! ```text
//! block      |presence| values ........................................|
//! rows a..b                        |-----|
//! decoded               order 0: a..b   steps: 0..b   tiles: those that a..b touches are kept, all are added up
//! ```

use std::ops::Range;

use stripchart_core::{Bitmap, Column, FieldType, Strings, Values};

use super::bits::{get, unpack};
use super::coded::{self, CODED, CODED_MASK};
use super::decimal::Scale;
use super::flags::{flag, take_flags};
use super::floats::{BITS, DECIMAL, PATCHED, Patches, RAW};
use super::frame::{Frame, FrameKernel, GROUP, ROWS, Row, Tile, Visitor, Word, walk};
use super::ints::IntBlock;
use super::{ALL_PRESENT, BOOL_BITMAP, MAX_TEXT, MAX_VALUES, SOME_PRESENT, text};
use crate::bytes::{Bad, Reader};

/// Reads the rows `rows` of a column of `n` rows, as `encode_column` wrote it; `rows` end at `n` at most.
///
/// Gives what decoding the column and taking those rows of it does, and refuses no block that is read whole.
pub(crate) fn decode_column_rows(
    reader: &mut Reader<'_>,
    name: &str,
    field_type: FieldType,
    n: usize,
    rows: Range<usize>,
) -> Result<Column, Bad> {
    if n > MAX_VALUES || rows.end > n || rows.start > rows.end {
        return reader.bad("rows of the block", format!("{rows:?} of {n}"));
    }
    let present = match reader.u8()? {
        ALL_PRESENT => {
            let values = values_of(reader, field_type, n, rows)?;
            return Ok(Column::new(name, values));
        }
        id => take_flags(SOME_PRESENT, id, reader, n)?,
    };
    let present = &*present;
    let (before, inside) = (ones(present, 0..rows.start), ones(present, rows.clone()));
    let total = before + inside + ones(present, rows.end..n);
    let values = values_of(reader, field_type, total, before..before + inside)?;
    if inside == rows.len() {
        return Ok(Column::new(name, values));
    }
    let valid: Bitmap = rows.map(|row| flag(present, row)).collect();
    let mut next = 0;
    let places: Vec<usize> = (0..valid.len())
        .map(|row| {
            let place = if valid.get(row) { next } else { usize::MAX };
            next += usize::from(valid.get(row));
            place
        })
        .collect();
    Ok(Column::with_validity(name, crate::rows::gather_values(&values, &places), valid))
}

/// How many bits are set.
fn ones(bits: &[u8], range: Range<usize>) -> usize {
    let (mut at, mut count) = (range.start, 0);
    while at < range.end {
        let width = (range.end - at).min(56);
        count += get(bits, at, u32::try_from(width).unwrap_or(56)).count_ones() as usize;
        at += width;
    }
    count
}

fn values_of(
    reader: &mut Reader<'_>,
    field_type: FieldType,
    n: usize,
    at: Range<usize>,
) -> Result<Values, Bad> {
    Ok(match field_type {
        FieldType::Float => Values::Float(floats_of(reader, n, at)?),
        FieldType::Integer => Values::Integer(last_ints_of(reader, n, at)?),
        FieldType::Unsigned => {
            let values = last_ints_of(reader, n, at)?;
            Values::Unsigned(values.into_iter().map(i64::cast_unsigned).collect())
        }
        FieldType::Boolean => {
            let id = reader.u8()?;
            let bits = take_flags(BOOL_BITMAP, id, reader, n)?;
            Values::Boolean(at.map(|at| flag(&bits, at)).collect())
        }
        FieldType::String => Values::String(texts_of(reader, n, at)?),
    })
}

fn texts_of(reader: &mut Reader<'_>, n: usize, at: Range<usize>) -> Result<Strings, Bad> {
    let list = text::dictionary(reader)?;
    let mut strings = Strings::default();
    let mut total = 0;
    for index in last_ints_of(reader, n, at)? {
        let text = usize::try_from(index).ok().and_then(|index| list.get(index));
        let Some(text) = text else {
            return reader.bad("an index into the dictionary", index.to_string());
        };
        total += text.len();
        if total > MAX_TEXT {
            return reader.bad("less text", format!("{total} bytes"));
        }
        strings.push(text);
    }
    Ok(strings)
}

/// Integers that nothing follows: what is entropy coded is left where the rows end.
fn last_ints_of(reader: &mut Reader<'_>, n: usize, at: Range<usize>) -> Result<Vec<i64>, Bad> {
    match reader.ahead().first() {
        Some(id) if id & CODED_MASK == CODED && n <= MAX_VALUES => {
            let id = reader.u8()?;
            let mut values = coded::decode(id, reader, at.end.min(n))?;
            values.drain(..at.start.min(values.len()));
            Ok(values)
        }
        _ => Ok(ints_of(&IntBlock::read(reader, n)?, at)),
    }
}

/// Values `at` of a block, which has as many.
fn ints_of(block: &IntBlock<'_>, at: Range<usize>) -> Vec<i64> {
    let mut out = vec![0; at.len()];
    match *block {
        IntBlock::Known(ref values) => {
            if let Some(values) = values.get(at) {
                out.copy_from_slice(values);
            }
        }
        IntBlock::Steps { first, step, .. } => {
            for (value, at) in out.iter_mut().zip(at) {
                *value = first.wrapping_add(step.wrapping_mul(at as i64));
            }
        }
        IntBlock::Packed { min, width, packed, .. } => {
            let mut distances = vec![0; at.len()];
            unpack(packed, at.start * width as usize, width, &mut distances);
            for (value, distance) in out.iter_mut().zip(distances) {
                *value = min.wrapping_add(distance.cast_signed());
            }
        }
        IntBlock::Delta { first, min_step, width, packed, .. } => {
            let mut steps = vec![0; at.end.saturating_sub(1)];
            unpack(packed, 0, width, &mut steps);
            let mut value = first;
            for index in 0..at.end {
                if let Some(step) = index.checked_sub(1).and_then(|before| steps.get(before)) {
                    value = value.wrapping_add(min_step).wrapping_add(step.cast_signed());
                }
                if let Some(out) = index.checked_sub(at.start).and_then(|at| out.get_mut(at)) {
                    *out = value;
                }
            }
        }
        IntBlock::Frame(ref frame) => {
            walk(frame, Stretch::new(frame, at.start, &mut out));
        }
    }
    out
}

fn floats_of(reader: &mut Reader<'_>, n: usize, at: Range<usize>) -> Result<Vec<f64>, Bad> {
    if n > MAX_VALUES {
        return reader.bad("fewer values", n.to_string());
    }
    let codec = reader.u8()?;
    if codec == RAW {
        let (words, _) = reader.take(n * 8)?.as_chunks::<8>();
        let words = words.get(at).unwrap_or_default();
        return Ok(words.iter().map(|word| f64::from_bits(u64::from_le_bytes(*word))).collect());
    }
    if codec == BITS {
        let bits = last_ints_of(reader, n, at)?;
        return Ok(bits.into_iter().map(|v| f64::from_bits(v.cast_unsigned())).collect());
    }
    if codec != DECIMAL && codec != PATCHED {
        return reader.bad("a float codec", codec.to_string());
    }
    let byte = reader.u8()?;
    let Some(scale) = Scale::from_byte(byte) else {
        return reader.bad("at most 18 digits", byte.to_string());
    };
    let floats = |ints: Vec<i64>| ints.into_iter().map(|int| scale.float(int)).collect();
    if codec == DECIMAL {
        return last_ints_of(reader, n, at).map(floats);
    }
    let ints = IntBlock::read(reader, n)?;
    let patches = Patches::read(reader, n)?;
    let from = at.start;
    let mut floats: Vec<f64> = floats(ints_of(&ints, at));
    patches.apply(from, &mut floats);
    Ok(floats)
}

/// Keeps some values of a frame.
struct Stretch<'o> {
    base: i64,
    divisor: i64,
    from: usize,
    out: &'o mut [i64],
}

impl<'o> Stretch<'o> {
    fn new(frame: &Frame<'_>, from: usize, out: &'o mut [i64]) -> Self {
        Stretch { base: frame.base, divisor: frame.divisor, from, out }
    }

    /// Which of `len` values from `at` on are kept, counted from `at`, and their places.
    #[inline(always)]
    fn meet(&mut self, at: usize, len: usize) -> Option<(Range<usize>, &mut [i64])> {
        let (from, to) = (self.from.max(at), (self.from + self.out.len()).min(at + len));
        if from >= to {
            return None;
        }
        let out = self.out.get_mut(from - self.from..to - self.from)?;
        Some((from - at..to - at, out))
    }
}

impl FrameKernel for Stretch<'_> {}

impl Visitor for Stretch<'_> {
    #[inline(always)]
    fn tile<T: Word, const G: usize>(
        &mut self,
        at: usize,
        tile: &mut Tile<T, G>,
        starts: &Row<T, G>,
    ) {
        let (base, divisor) = (self.base, self.divisor);
        let Some((range, out)) = self.meet(at, G * GROUP * ROWS) else { return };
        let starts = starts.as_flattened();
        for (out, at) in out.iter_mut().zip(range) {
            let (row, lane) = (at % ROWS, at / ROWS);
            let start = starts.get(lane).copied().unwrap_or_default();
            let value = tile[row].as_flattened().get(lane).copied().unwrap_or_default();
            *out = base.wrapping_add(value.add(start).widen().wrapping_mul(divisor));
        }
    }

    #[inline(always)]
    fn rest(&mut self, at: usize, distances: &[u64]) {
        let (base, divisor) = (self.base, self.divisor);
        let Some((range, out)) = self.meet(at, distances.len()) else { return };
        for (out, distance) in out.iter_mut().zip(distances.get(range).unwrap_or_default()) {
            *out = base.wrapping_add(distance.cast_signed().wrapping_mul(divisor));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::tests::shapes;
    use crate::codec::{Effort, decode_column, encode_column_with};
    use crate::rows::slice_column;

    /// Every stretch of the block reads as the same stretch of the whole.
    fn check(column: &Column, rows: usize, ranges: &[Range<usize>]) {
        let field_type = column.values().field_type().unwrap();
        for effort in [Effort::Quick, Effort::Hot, Effort::Cold] {
            let mut bytes = Vec::new();
            encode_column_with(column, rows, effort, &mut bytes);
            let whole = decode_column(&mut Reader::new(&bytes), "c", field_type, rows).unwrap();
            for range in ranges {
                let mut reader = Reader::new(&bytes);
                let got =
                    decode_column_rows(&mut reader, "c", field_type, rows, range.clone()).unwrap();
                let want = slice_column(&whole, range.start, range.end);
                assert_eq!(got.len(), range.len());
                for row in 0..range.len() {
                    let bits = |c: &Column| match c.get(row) {
                        Some(stripchart_core::ValueRef::Float(v)) => format!("{:x}", v.to_bits()),
                        other => format!("{other:?}"),
                    };
                    assert_eq!(bits(&got), bits(&want), "{effort:?} {range:?} row {row}");
                }
            }
        }
    }

    fn ranges(rows: usize) -> Vec<Range<usize>> {
        let mut ends: Vec<usize> = [0, 1, 31, 32, 63, 255, 256, 300, 1023, 1024, 1025, 1100, 1279]
            .into_iter()
            .filter(|at| *at < rows)
            .collect();
        ends.extend([rows.saturating_sub(1), rows]);
        let mut all: Vec<Range<usize>> = ends.windows(2).map(|pair| pair[0]..pair[1]).collect();
        all.extend(ends.iter().map(|at| *at..rows));
        all.extend(ends.iter().map(|at| 0..*at));
        all.extend(ends.iter().filter(|at| **at < rows).map(|at| *at..*at + 1));
        all
    }

    #[test]
    fn any_rows_of_integers_of_every_shape() {
        for rows in [1, 7, 300, 1080, 1500] {
            for values in shapes(rows) {
                let rows = values.len();
                check(&Column::new("c", Values::Integer(values.clone())), rows, &ranges(rows));
                let unsigned = values.iter().map(|v| v.cast_unsigned()).collect();
                check(&Column::new("c", Values::Unsigned(unsigned)), rows, &ranges(rows)[..4]);
                let floats = values.iter().map(|v| *v as f64 / 100.0).collect();
                check(&Column::new("c", Values::Float(floats)), rows, &ranges(rows));
            }
        }
    }

    #[test]
    fn any_rows_of_floats_that_are_no_decimals_and_of_patched_ones() {
        let odd = |row: usize| match row % 97 {
            3 => f64::NAN,
            5 => -0.0,
            7 => f64::INFINITY,
            _ => row as f64 * 0.001,
        };
        let floats: Vec<f64> = (0..1080).map(odd).collect();
        check(&Column::new("c", Values::Float(floats)), 1080, &ranges(1080));
        let random = |row: usize| f64::from_bits((row as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let floats: Vec<f64> = (0..1080).map(random).collect();
        check(&Column::new("c", Values::Float(floats)), 1080, &ranges(1080));
    }

    proptest! {
        #[test]
        fn any_rows_with_gaps(
            values in prop::collection::vec(prop::option::of(-50..50i64), 1..400), from in 0..400usize, len in 0..400usize
        ) {
            let rows = values.len();
            let from = from.min(rows);
            let range = from..rows.min(from + len);
            for field_type in FieldType::ALL {
                let mut column = Column::new("c", Values::empty(field_type));
                for value in &values {
                    let Some(value) = value else { column.push_null(); continue };
                    match field_type {
                        FieldType::Float => column.push((*value as f64 / 10.0).into()),
                        FieldType::Integer => column.push((*value).into()),
                        FieldType::Unsigned => column.push(value.unsigned_abs().into()),
                        FieldType::Boolean => column.push((*value > 0).into()),
                        FieldType::String => column.push(format!("t{}", value / 9).as_str().into()),
                    }
                }
                check(&column, rows, std::slice::from_ref(&range));
            }
        }

        #[test]
        fn damaged_blocks_are_errors_or_values(
            values in prop::collection::vec(-5000..5000i64, 300), at in any::<usize>(), bit in 0..8u8, cut in any::<bool>()
        ) {
            for effort in [Effort::Hot, Effort::Cold] {
                for column in [
                    Column::new("c", Values::Integer(values.clone())),
                    Column::new("c", Values::Float(values.iter().map(|v| *v as f64 * 0.01).collect())),
                ] {
                    let mut bytes = Vec::new();
                    encode_column_with(&column, 300, effort, &mut bytes);
                    let at = at % bytes.len();
                    if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
                    let field_type = column.values().field_type().unwrap();
                    if let Ok(got) = decode_column_rows(&mut Reader::new(&bytes), "c", field_type, 300, 100..120) {
                        prop_assert_eq!(got.len(), 20);
                    }
                }
            }
        }
    }
}
