//! The record of a series in a segment: where its blocks are, and what is known of them.
//!
//! ```text
//! row groups   count, and for each: rows, first time (zigzag, from the last of the group before),
//!              last time (from the first), timestamps: offset, length, crc u32
//! fields       count, and for each: number within the table, bytes of its part below
//! parts        per field, for each group: 0 if no row has a value, else
//!                1, offset, length, crc u32, statistics
//! statistics   0, or: 1, count, first: time (from the group's first), value; last: time (back from the group's last), value;
//!              and for numbers: sum, smallest: time, value; largest: time, value
//! ```
//!
//! Unmarked numbers are varints. The parts come last, so that a reader of one field skips the others.

use stripchart_core::FieldType;

use super::Part;
use crate::bytes::{Bad, Reader, put_len, put_varint, put_zigzag};
use crate::codec::{put_value, take_value};
use crate::partials::{Number, NumericStats, Stats};

/// Longer texts are left out of the statistics, which are to be shorter than the block.
const MAX_STATS_TEXT: usize = 64;

/// Rows of one series that share blocks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    pub(crate) rows: usize,
    pub(crate) bounds: (i64, i64),
    pub(crate) timestamps: Part,
}

/// A block of values of one field in one group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) part: Part,
    pub(crate) stats: Option<Stats>,
}

/// The groups of a series, and for each field asked for its block in every group.
pub(crate) type Layout = (Vec<Group>, Vec<Vec<Option<Block>>>);

/// Appends the record of a series: its groups, and for each field its number and its block in every group.
pub(crate) fn encode(
    groups: &[Group],
    fields: &[(u32, FieldType, Vec<Option<Block>>)],
    out: &mut Vec<u8>,
) {
    put_len(out, groups.len());
    let mut before = 0i64;
    for group in groups {
        put_len(out, group.rows);
        put_zigzag(out, group.bounds.0.wrapping_sub(before));
        put_varint(out, group.bounds.1.wrapping_sub(group.bounds.0).cast_unsigned());
        put_part(group.timestamps, out);
        before = group.bounds.1;
    }
    put_len(out, fields.len());
    let mut parts = Vec::new();
    for (number, _, blocks) in fields {
        let start = parts.len();
        for (group, block) in groups.iter().zip(blocks) {
            match block {
                None => parts.push(0),
                Some(block) => put_block(group, block, &mut parts),
            }
        }
        put_varint(out, u64::from(*number));
        put_len(out, parts.len() - start);
    }
    out.append(&mut parts);
}

fn put_part(part: Part, out: &mut Vec<u8>) {
    put_varint(out, part.offset);
    put_varint(out, u64::from(part.len));
    out.extend(part.crc.to_le_bytes());
}

fn put_block(group: &Group, block: &Block, out: &mut Vec<u8>) {
    out.push(1);
    put_part(block.part, out);
    let short = |stats: &&Stats| {
        [&stats.first, &stats.last]
            .iter()
            .all(|(value, _)| value.as_ref().as_str().is_none_or(|t| t.len() <= MAX_STATS_TEXT))
    };
    let Some(stats) = block.stats.as_ref().filter(short) else { return out.push(0) };
    let (first, last) = group.bounds;
    let put_time =
        |at: i64, out: &mut Vec<u8>| put_varint(out, at.wrapping_sub(first).cast_unsigned());
    out.push(1);
    put_varint(out, stats.count);
    put_time(stats.first.1, out);
    put_value(stats.first.0.as_ref(), out);
    put_varint(out, last.wrapping_sub(stats.last.1).cast_unsigned());
    put_value(stats.last.0.as_ref(), out);
    if let Some(numeric) = &stats.numeric {
        put_value(numeric.sum.to_value().as_ref(), out);
        for (value, at) in [numeric.min, numeric.max] {
            put_time(at, out);
            put_value(value.to_value().as_ref(), out);
        }
    }
}

/// Reads the groups, and the blocks of those fields that are asked for, by number within the table.
pub(crate) fn decode(bytes: &[u8], wanted: &[Option<(u32, FieldType)>]) -> Result<Layout, Bad> {
    let mut reader = Reader::new(bytes);
    let count = reader.count(reader.rest())?;
    let mut groups = Vec::new();
    let mut before = 0i64;
    for _ in 0..count {
        let group = take_group(&mut reader, before)?;
        before = group.bounds.1;
        groups.push(group);
    }
    let count = reader.count(reader.rest())?;
    let mut lengths = Vec::new();
    for _ in 0..count {
        lengths.push((reader.varint()?, reader.count(bytes.len())?));
    }
    let mut blocks = vec![vec![None; groups.len()]; wanted.len()];
    for (number, len) in lengths {
        let at = reader.offset();
        let part = reader.take(len)?;
        for (wanted, blocks) in wanted.iter().zip(&mut blocks) {
            let Some((field, field_type)) = wanted else { continue };
            if u64::from(*field) == number {
                let mut part = Reader::new(part);
                let read = groups.iter().map(|group| take_block(&mut part, group, *field_type));
                *blocks = read
                    .collect::<Result<_, _>>()
                    .map_err(|bad| Bad { offset: at + bad.offset, ..bad })?;
            }
        }
    }
    Ok((groups, blocks))
}

fn take_group(reader: &mut Reader<'_>, before: i64) -> Result<Group, Bad> {
    let rows = reader.count(super::GROUP_ROWS)?;
    let first = before.wrapping_add(reader.zigzag()?);
    let last = first.wrapping_add(reader.varint()?.cast_signed());
    if rows == 0 || last < first {
        return reader
            .bad("a group of rows in order of time", format!("{rows} rows, {first} to {last}"));
    }
    Ok(Group { rows, bounds: (first, last), timestamps: take_part(reader)? })
}

fn take_part(reader: &mut Reader<'_>) -> Result<Part, Bad> {
    let offset = reader.varint()?;
    let len = reader.varint()?;
    let Ok(len) = u32::try_from(len) else {
        return reader.bad("a length of 32 bits", len.to_string());
    };
    Ok(Part { offset, len, crc: reader.u32()? })
}

fn take_block(
    reader: &mut Reader<'_>,
    group: &Group,
    field_type: FieldType,
) -> Result<Option<Block>, Bad> {
    match reader.u8()? {
        0 => return Ok(None),
        1 => {}
        other => return reader.bad("0 or 1 for a block", other.to_string()),
    }
    let part = take_part(reader)?;
    let stats = match reader.u8()? {
        0 => None,
        1 => Some(take_stats(reader, group, field_type)?),
        other => return reader.bad("0 or 1 for statistics", other.to_string()),
    };
    Ok(Some(Block { part, stats }))
}

fn take_stats(reader: &mut Reader<'_>, group: &Group, field_type: FieldType) -> Result<Stats, Bad> {
    let (start, end) = group.bounds;
    let time = |offset: u64| start.wrapping_add(offset.cast_signed());
    let count = reader.varint()?;
    let first_at = time(reader.varint()?);
    let first = take_owned(reader, field_type)?;
    let last_at = end.wrapping_sub(reader.varint()?.cast_signed());
    let last = take_owned(reader, field_type)?;
    let number = |reader: &mut Reader<'_>| {
        let value = take_value(reader, field_type)?;
        Number::from_value(value).map_or_else(|| reader.bad("a number", "another value"), Ok)
    };
    let numeric = if field_type.is_numeric() {
        let sum = number(reader)?;
        let min_at = time(reader.varint()?);
        let min = number(reader)?;
        let max_at = time(reader.varint()?);
        Some(NumericStats { sum, min: (min, min_at), max: (number(reader)?, max_at) })
    } else {
        None
    };
    Ok(Stats { count, numeric, first: (first, first_at), last: (last, last_at) })
}

fn take_owned(
    reader: &mut Reader<'_>,
    field_type: FieldType,
) -> Result<stripchart_core::FieldValue, Bad> {
    let value = take_value(reader, field_type)?;
    value.to_field_value().map_or_else(|| reader.bad("a value", "an instant"), Ok)
}
