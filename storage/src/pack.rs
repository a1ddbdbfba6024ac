//! Rows of a series in the head, packed: a row of ten fields takes some ten bytes instead of a hundred.
//!
//! ```text
//! timestamps   integers
//! batches      integers
//! columns      count, and for each: bytes of it, 0 if no row has a value; then the columns one after the other
//! ```
//!
//! Rows stand in the order in which they arrived.

use stripchart_core::Column;

use crate::bytes::{Bad, Reader, put_len};
use crate::codec::{decode_column, decode_ints, encode_column, encode_ints};
use crate::rows::{Rows, Wanted, pad};

/// Packed rows.
#[derive(Debug)]
pub(crate) struct Packed {
    bounds: (i64, i64),
    /// Numbers of the batches that brought the first and the last row.
    batches: (u32, u32),
    rows: u32,
    bytes: Box<[u8]>,
}

impl Packed {
    /// Packs the rows that `timestamps` has, at least one; columns may be shorter.
    pub(crate) fn new(timestamps: &[i64], batches: &[u32], columns: &[Column]) -> Packed {
        let mut bytes = Vec::new();
        encode_ints(timestamps, &mut bytes);
        encode_ints(&batches.iter().copied().map(i64::from).collect::<Vec<_>>(), &mut bytes);
        let mut coded = Vec::new();
        put_len(&mut bytes, columns.len());
        for column in columns {
            let start = coded.len();
            if (0..column.len()).any(|row| column.is_valid(row)) {
                encode_column(column, timestamps.len(), &mut coded);
            }
            put_len(&mut bytes, coded.len() - start);
        }
        bytes.append(&mut coded);
        let fold = |f: fn(i64, i64) -> i64| timestamps.iter().copied().reduce(f).unwrap_or(0);
        Packed {
            bounds: (fold(i64::min), fold(i64::max)),
            batches: (batches.first().copied().unwrap_or(0), batches.last().copied().unwrap_or(0)),
            rows: crate::rows::index(timestamps.len()),
            bytes: bytes.into(),
        }
    }

    /// What it takes in memory.
    pub(crate) fn size(&self) -> usize {
        size_of::<Packed>() + self.bytes.len() + 16
    }

    /// Times of the first and last row, if some row is of the batches up to `limit`; may reach further than those.
    pub(crate) fn bounds(&self, limit: u32) -> Option<(i64, i64)> {
        (self.batches.0 <= limit).then_some(self.bounds)
    }

    pub(crate) fn times(&self) -> Vec<i64> {
        // What this module packed it can unpack; the error is for bytes from elsewhere.
        decode_ints(&mut Reader::new(&self.bytes), self.rows as usize).unwrap_or_default()
    }

    /// Appends the rows from `start` to before `end`, of the batches up to `limit`. `fields` are the places of what is
    /// wanted among the columns.
    pub(crate) fn read(
        &self,
        limit: u32,
        (start, end): (i64, i64),
        wanted: &[Wanted],
        fields: &[Option<usize>],
        out: &mut Rows,
    ) {
        if self.batches.0 <= limit && self.bounds.0 < end && self.bounds.1 >= start {
            let read = self.try_read(limit, (start, end), wanted, fields, out);
            debug_assert!(read.is_ok(), "packed by this module: {read:?}");
        }
    }

    fn try_read(
        &self,
        limit: u32,
        (start, end): (i64, i64),
        wanted: &[Wanted],
        fields: &[Option<usize>],
        out: &mut Rows,
    ) -> Result<(), Bad> {
        let n = self.rows as usize;
        let mut reader = Reader::new(&self.bytes);
        let timestamps = decode_ints(&mut reader, n)?;
        let batches = decode_ints(&mut reader, n)?;
        let visible = batches.partition_point(|batch| *batch <= i64::from(limit));
        let rows: Vec<usize> =
            (0..visible).filter(|row| (start..end).contains(&timestamps[*row])).collect();
        let lengths = (0..reader.count(self.bytes.len())?)
            .map(|_| reader.count(self.bytes.len()))
            .collect::<Result<Vec<_>, _>>()?;
        let coded =
            lengths.into_iter().map(|len| reader.take(len)).collect::<Result<Vec<_>, _>>()?;
        let base = out.timestamps.len();
        for ((want, field), column) in wanted.iter().zip(fields).zip(&mut out.columns) {
            let coded = field.and_then(|field| coded.get(field)).filter(|bytes| !bytes.is_empty());
            let Some(bytes) = coded else { continue };
            let from = decode_column(&mut Reader::new(bytes), "", want.field_type, n)?;
            copy(&from, &rows, base, column);
        }
        out.timestamps.extend(rows.iter().map(|row| timestamps[*row]));
        Ok(())
    }
}

/// Appends the values of `rows` of a column to another one, whose rows end at `base`.
pub(crate) fn copy(from: &Column, rows: &[usize], base: usize, to: &mut Column) {
    for (at, row) in rows.iter().enumerate() {
        if let Some(value) = from.get(*row) {
            pad(to, base + at);
            to.push(value);
        }
    }
}
