//! Blocks of values: integers, and columns of any field type, as few bytes as a handful of codecs make of them.
//!
//! Used alike by log records, packed rows of the head and segments. Each run of values begins with the id of its codec; how
//! many values there are, the surrounding format says.
//!
//! ```text
//! integers   0  one value, n times                  zigzag
//!            1  equal steps                         zigzag first, zigzag step
//!            2  distance from the smallest          zigzag min, u8 width, n values of width bits
//!            3  steps, as distance from the         zigzag first, zigzag min step, u8 width, n-1 values of width bits
//!               smallest step
//! floats     0  bits                                n times u64
//!            1  decimals: integers / 10^e           u8 e, integers
//!            2  bits as integers                    integers
//! booleans   0  bitmap, lowest bit first
//! texts      0  dictionary                          count, texts, integers (indexes)
//! column     0  every row has a value               values
//!            1  some have                           bitmap of rows, values of those that have
//! ```
//!
//! Unsigned integers are stored as the signed ones of the same bits. Arithmetic wraps around, so that no pair of values is
//! too far apart.

mod aggregate;
mod bits;
mod block;
mod floats;
mod ints;
mod text;

use stripchart_core::{Bitmap, Column, FieldType, ValueRef, Values};

#[allow(unused_imports, reason = "segments are about to read with it")]
pub(crate) use self::aggregate::{Aggregate, aggregate_values};
use self::bits::{put_bits, take_bits};
#[allow(unused_imports, reason = "segments are about to read with it")]
pub(crate) use self::block::{Decoded, NumberBlock, Numbers, Scratch};
#[allow(unused_imports, reason = "segments are about to read with it")]
pub(crate) use self::floats::decode_floats_into;
use self::floats::{decode_floats, encode_floats};
#[allow(unused_imports, reason = "segments are about to read and write with them")]
pub(crate) use self::ints::{decode_ints, decode_ints_into, encode_ints, encode_ints_with};
pub(crate) use self::text::MAX_TEXT;
use self::text::{decode_texts, encode_texts};
use crate::bytes::{Bad, Reader, put_str, put_zigzag};

/// Values that a run may have; a record of the log has the longest runs.
pub(crate) const MAX_VALUES: usize = 1 << 24;

/// How much work an encoder does for fewer bytes.
#[allow(dead_code, reason = "segments are about to use them")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum Effort {
    /// Log records and packed rows of the head: few codecs, one or two passes; quick for a handful of values.
    #[default]
    Quick,
    /// Segments as they are sealed and merged: the smallest of all codecs that decode at memory speed.
    Hot,
    /// Segments that are merged for the last time: entropy coding too, slower to write and to read.
    Cold,
}

const BOOL_BITMAP: u8 = 0;

const ALL_PRESENT: u8 = 0;
const SOME_PRESENT: u8 = 1;

/// Appends the first `n` rows of `column`; rows past its end have no value.
pub(crate) fn encode_column(column: &Column, n: usize, out: &mut Vec<u8>) {
    encode_column_with(column, n, Effort::Quick, out);
}

/// Appends the first `n` rows of `column`, in as few bytes as `effort` finds; rows past its end have no value.
pub(crate) fn encode_column_with(column: &Column, n: usize, effort: Effort, out: &mut Vec<u8>) {
    // Nearly always; nothing is asked of single rows then.
    if column.validity().is_none() && column.len() == n {
        match column.values() {
            Values::Float(values) => {
                out.push(ALL_PRESENT);
                return encode_floats(values, effort, out);
            }
            Values::Integer(values) => {
                out.push(ALL_PRESENT);
                return encode_ints_with(values, effort, out);
            }
            _ => {}
        }
    }
    let all = (0..n).all(|row| column.is_valid(row));
    if all {
        out.push(ALL_PRESENT);
    } else {
        out.push(SOME_PRESENT);
        put_bits((0..n).map(|row| column.is_valid(row)), out);
    }
    let rows = || (0..n).filter(|row| column.is_valid(*row));
    match column.values() {
        Values::Float(v) => {
            encode_floats(&rows().map(|row| v[row]).collect::<Vec<_>>(), effort, out)
        }
        Values::Integer(v) | Values::Time(v) => {
            encode_ints_with(&rows().map(|row| v[row]).collect::<Vec<_>>(), effort, out);
        }
        Values::Unsigned(v) => {
            encode_ints_with(
                &rows().map(|row| v[row].cast_signed()).collect::<Vec<_>>(),
                effort,
                out,
            );
        }
        Values::Boolean(v) => {
            out.push(BOOL_BITMAP);
            put_bits(rows().map(|row| v[row]), out);
        }
        Values::String(v) => encode_texts(rows().filter_map(|row| v.get(row)), out),
    }
}

/// Reads a column of `n` rows.
pub(crate) fn decode_column(
    reader: &mut Reader<'_>,
    name: &str,
    field_type: FieldType,
    n: usize,
) -> Result<Column, Bad> {
    if n > MAX_VALUES {
        return reader.bad("fewer rows", n.to_string());
    }
    let present: Option<Bitmap> = match reader.u8()? {
        ALL_PRESENT => None,
        SOME_PRESENT => Some(take_bits(reader, n)?.collect()),
        other => return reader.bad("0 or 1 for presence", other.to_string()),
    };
    let values = decode_values(reader, field_type, present.as_ref().map_or(n, Bitmap::count_ones))?;
    let Some(present) = present else { return Ok(Column::new(name, values)) };
    let mut column = Column::new(name, Values::empty(field_type));
    let mut next = 0;
    for row in 0..n {
        let value = present.get(row).then(|| values.get(next)).flatten();
        match value {
            Some(value) => {
                column.push(value);
                next += 1;
            }
            None => column.push_null(),
        }
    }
    Ok(column)
}

fn decode_values(reader: &mut Reader<'_>, field_type: FieldType, n: usize) -> Result<Values, Bad> {
    Ok(match field_type {
        FieldType::Float => Values::Float(decode_floats(reader, n)?),
        FieldType::Integer => Values::Integer(decode_ints(reader, n)?),
        FieldType::Unsigned => {
            let values = decode_ints(reader, n)?;
            Values::Unsigned(values.into_iter().map(i64::cast_unsigned).collect())
        }
        FieldType::Boolean => match reader.u8()? {
            BOOL_BITMAP => Values::Boolean(take_bits(reader, n)?.collect()),
            other => return reader.bad("a boolean codec", other.to_string()),
        },
        FieldType::String => Values::String(decode_texts(reader, n)?),
    })
}

/// Appends one value; its type is known to the reader.
pub(crate) fn put_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Float(v) => out.extend(v.to_bits().to_le_bytes()),
        ValueRef::Integer(v) => put_zigzag(out, v),
        ValueRef::Unsigned(v) => put_zigzag(out, v.cast_signed()),
        ValueRef::Boolean(v) => out.push(u8::from(v)),
        ValueRef::String(v) => put_str(out, v),
        ValueRef::Time(at) => put_zigzag(out, at.nanos()),
    }
}

pub(crate) fn take_value<'a>(
    reader: &mut Reader<'a>,
    field_type: FieldType,
) -> Result<ValueRef<'a>, Bad> {
    Ok(match field_type {
        FieldType::Float => ValueRef::Float(f64::from_bits(reader.u64()?)),
        FieldType::Integer => ValueRef::Integer(reader.zigzag()?),
        FieldType::Unsigned => ValueRef::Unsigned(reader.zigzag()?.cast_unsigned()),
        FieldType::Boolean => ValueRef::Boolean(reader.u8()? != 0),
        FieldType::String => ValueRef::String(reader.str()?),
    })
}

/// The number that stands for a field type in every file.
pub(crate) const fn type_id(field_type: FieldType) -> u8 {
    match field_type {
        FieldType::Float => 0,
        FieldType::Integer => 1,
        FieldType::Unsigned => 2,
        FieldType::Boolean => 3,
        FieldType::String => 4,
    }
}

pub(crate) fn take_type(reader: &mut Reader<'_>) -> Result<FieldType, Bad> {
    let id = reader.u8()?;
    let found = FieldType::ALL.into_iter().find(|field_type| type_id(*field_type) == id);
    found.map_or_else(|| reader.bad("a field type", id.to_string()), Ok)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use stripchart_core::Strings;

    use super::*;

    fn round_trip_ints(values: &[i64]) -> usize {
        let mut out = Vec::new();
        encode_ints(values, &mut out);
        let mut reader = Reader::new(&out);
        assert_eq!(decode_ints(&mut reader, values.len()).unwrap(), values);
        assert_eq!(reader.rest(), 0);
        out.len()
    }

    fn floats(values: &[f64]) -> Column {
        Column::new("f", Values::Float(values.to_vec()))
    }

    fn round_trip(column: &Column, n: usize) -> usize {
        let mut out = Vec::new();
        encode_column(column, n, &mut out);
        let mut reader = Reader::new(&out);
        let field_type = column.values().field_type().unwrap();
        let got = decode_column(&mut reader, &column.name, field_type, n).unwrap();
        assert_eq!(reader.rest(), 0);
        for row in 0..n {
            match (column.get(row), got.get(row)) {
                (Some(ValueRef::Float(a)), Some(ValueRef::Float(b))) => {
                    assert_eq!(a.to_bits(), b.to_bits());
                }
                (a, b) => assert_eq!(a, b, "{row}"),
            }
        }
        for cut in 0..out.len() {
            assert!(
                decode_column(&mut Reader::new(&out[..cut]), "", field_type, n).is_err(),
                "{cut}"
            );
        }
        out.len()
    }

    #[test]
    fn integers_choose_the_short_form() {
        assert_eq!(round_trip_ints(&[]), 2);
        assert_eq!(round_trip_ints(&[7; 1000]), 2);
        assert_eq!(round_trip_ints(&[5]), 2);
        assert!(round_trip_ints(&(0..1000).map(|n| n * 10_000_000_000).collect::<Vec<_>>()) < 10);
        // 1000 steps of either 9, 10 or 11: two bits each.
        let jitter: Vec<i64> = (0..1000).map(|n| n * 10 + n % 2).collect();
        assert!(round_trip_ints(&jitter) < 270);
        round_trip_ints(&[i64::MIN, i64::MAX, 0, -1, i64::MIN]);
        round_trip_ints(&[i64::MAX, i64::MIN]);
    }

    #[test]
    fn a_small_block_is_these_bytes() {
        let mut out = Vec::new();
        encode_ints(&[10, 11, 13, 14], &mut out);
        assert_eq!(out, [3, 20, 2, 1, 0b010]);
        out.clear();
        encode_column(&floats(&[0.5, 1.5]), 3, &mut out);
        assert_eq!(out, [SOME_PRESENT, 0b011, 1, 1, 1, 10, 20]);
    }

    #[test]
    fn floats_come_back_bit_for_bit() {
        let odd = [
            f64::NAN,
            -0.0,
            f64::INFINITY,
            f64::MIN_POSITIVE,
            1e300,
            f64::from_bits(0x7ff8_0000_0000_0001),
        ];
        round_trip(&floats(&odd), odd.len());
        assert!(round_trip(&floats(&[f64::NAN; 100]), 100) < 20);
        let percent: Vec<f64> = (0..1000).map(|n| f64::from(n % 37) / 10.0).collect();
        assert!(round_trip(&floats(&percent), 1000) < 900);
    }

    #[test]
    fn every_type_comes_back_with_its_gaps() {
        let texts: Strings = ["a", "", "a", "ü"].into_iter().collect();
        round_trip(&Column::new("s", Values::String(texts)), 6);
        round_trip(&Column::new("b", Values::Boolean(vec![true, false, true])), 3);
        round_trip(&Column::new("u", Values::Unsigned(vec![u64::MAX, 0, 5])), 4);
        let mut gaps = Column::new("i", Values::empty(FieldType::Integer));
        for n in 0..100i64 {
            if n % 3 == 0 { gaps.push(n.into()) } else { gaps.push_null() }
        }
        round_trip(&gaps, 120);
        round_trip(&Column::new("none", Values::empty(FieldType::Float)), 5);
    }

    proptest! {
        #[test]
        fn any_integers(values in prop::collection::vec(any::<i64>(), 0..200), shift in 0..64u32) {
            let values: Vec<i64> = values.into_iter().map(|v| v >> shift).collect();
            round_trip_ints(&values);
        }

        #[test]
        fn any_floats(bits in prop::collection::vec(any::<u64>(), 0..50)) {
            let values: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
            round_trip(&floats(&values), values.len());
        }

        #[test]
        fn any_bytes_are_refused_or_decoded(bytes in prop::collection::vec(any::<u8>(), 0..80), n in 0..300usize) {
            for field_type in FieldType::ALL {
                if let Ok(column) = decode_column(&mut Reader::new(&bytes), "", field_type, n) {
                    prop_assert_eq!(column.len(), n);
                }
            }
        }
    }
}
