//! Blocks of values: integers, and columns of any field type, as few bytes as a handful of codecs make of them.
//!
//! Used alike by log records, packed rows of the head and segments. Each run of values begins with the id of its codec; how
//! many values there are, the surrounding format says.
//!
//! ```text
//! integers   0            one value, n times              zigzag
//!            1            equal steps                     zigzag first, zigzag step
//!            2            distance from the smallest      zigzag min, u8 width, n values of width bits
//!            3            steps, as distance from the     zigzag first, zigzag min step, u8 width, n-1 values of width bits
//!                         smallest step
//!            0b01......   frame                           see `frame`
//!            0b10......   entropy coded                   see `coded`
//! floats     0            bits                            n times u64
//!            1            decimals                        u8 scale, integers
//!            2            bits as integers                integers
//!            3            decimals, some patched          u8 scale, integers, varint count, places (see `frame`), and for each how
//!                                                         far its bits are from those of the decimal: zigzag
//! booleans   0, 3 to 5    flags                           see `flags`
//! texts      0            dictionary                      count, texts, integers (indexes)
//! column     0            every row has a value           values
//!            1, 3 to 5    some have                       which rows (see `flags`), values of those that have
//!            2            computed from other fields      see `derived`; in segments only
//! ```
//!
//! A scale is the digits after the point, 0 to 18, and in bit 5 whether to multiply by `10^-digits` rather than divide by `10^digits`.
//!
//! How hard an encoder looks is its [`Effort`]; a decoder reads all there is. Whole runs of 1024 and 256 values in a frame are packed
//! for vector units (see `lanes`), any rest one value after the other, so a run of any length is one block: cutting 1080 rows into
//! 1024 and 56 gains nothing and costs a second head.
//!
//! Unsigned integers are stored as the signed ones of the same bits. Arithmetic wraps around, so that no pair of values is
//! too far apart.

mod aggregate;
mod bits;
mod block;
mod byrow;
mod coded;
mod decimal;
mod derived;
mod flags;
mod floats;
mod frame;
mod ints;
mod lanes;
mod plan;
mod range;
mod straight;
mod sums;
mod tans;
mod text;

use stripchart_core::{Bitmap, Column, FieldType, Values};

#[allow(
    unused_imports,
    reason = "what aggregating returns; used by name only where it is passed on"
)]
pub(crate) use self::aggregate::{Aggregate, aggregate_values};
pub(crate) use self::bits::pack;
pub(crate) use self::block::{NumberBlock, Numbers, Scratch};
pub(crate) use self::byrow::{Lanes, TileRows};
pub(crate) use self::derived::{Derived, Divisor, Order, Rule};
use self::flags::{flag, put_flags, take_flags};
use self::floats::{decode_floats, encode_floats};
#[allow(
    unused_imports,
    reason = "which of them a module needs changes with the log and the head"
)]
pub(crate) use self::ints::{decode_ints, decode_ints_into, encode_ints, encode_ints_with};
pub(crate) use self::range::decode_column_rows;
pub(crate) use self::straight::{straight_floats, straight_ints, straight_rows, straight_sums};
pub(crate) use self::text::MAX_TEXT;
use self::text::{decode_texts, encode_texts};
use crate::bytes::{Bad, Reader};

/// Values that a run may have; a record of the log has the longest runs.
pub(crate) const MAX_VALUES: usize = 1 << 24;

/// How much work an encoder does for fewer bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
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
        let present = (0..n).map(|row| column.is_valid(row));
        put_flags(SOME_PRESENT, present, n, effort, out);
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
            let values: Vec<bool> = rows().map(|row| v[row]).collect();
            put_flags(BOOL_BITMAP, values.iter().copied(), values.len(), effort, out);
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
        id => {
            let bits = take_flags(SOME_PRESENT, id, reader, n)?;
            Some((0..n).map(|row| flag(&bits, row)).collect())
        }
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
        FieldType::Boolean => {
            let id = reader.u8()?;
            let bits = take_flags(BOOL_BITMAP, id, reader, n)?;
            Values::Boolean((0..n).map(|row| flag(&bits, row)).collect())
        }
        FieldType::String => Values::String(decode_texts(reader, n)?),
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
mod tests;
