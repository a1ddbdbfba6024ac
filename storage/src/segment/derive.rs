//! Reading blocks that are computed from their siblings: see [`crate::codec::Derived`].
//!
//! Whoever reads a field need not know whether it is one of these: the blocks of its siblings in the same group of rows are read, checked and
//! decoded, then the values are computed. Damage of a sibling is damage of what is derived from it.

use std::ops::Range;

use stripchart_core::{Column, FieldType, Values};

use super::page::Stored;
use super::table::Table;
use super::{PAGE, Part, Segment};
use crate::ReadError;
use crate::bytes::{Bad, Reader};
use crate::codec::{
    Derived, NumberBlock, Numbers, decode_column, decode_column_rows, straight_floats,
    straight_ints,
};
use crate::rows::Wanted;

/// Where a block of a field is: the group of rows, and how many these are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockAt<'t> {
    pub(crate) table: &'t Table,
    pub(crate) group: usize,
    pub(crate) rows: usize,
    pub(crate) part: Part,
}

impl Segment {
    /// Takes a block of numbers apart, given its `bytes`.
    pub(crate) fn number_block<'b>(
        &self,
        at: &BlockAt<'_>,
        bytes: &'b [u8],
        field_type: FieldType,
    ) -> Result<NumberBlock<'b>, ReadError> {
        if Derived::is(bytes) {
            let words = self.derived(at, bytes, field_type, 0..at.rows)?;
            return Ok(NumberBlock::known(field_type, words));
        }
        NumberBlock::parse(bytes, field_type, at.rows).map_err(|bad| self.bad(at.part.offset, bad))
    }

    /// Reads a block and decodes some rows of it.
    pub(super) fn block_column(
        &self,
        at: &BlockAt<'_>,
        wanted: &Wanted,
        rows: Range<usize>,
    ) -> Result<Column, ReadError> {
        let bytes = self.part(at.part, "a block of values")?;
        self.column_of(at, &bytes, wanted, rows)
    }

    /// Decodes some rows of a block, given its `bytes`.
    pub(crate) fn column_of(
        &self,
        at: &BlockAt<'_>,
        bytes: &[u8],
        wanted: &Wanted,
        rows: Range<usize>,
    ) -> Result<Column, ReadError> {
        if !Derived::is(bytes) {
            return decode(bytes, &wanted.name, wanted.field_type, at.rows, rows)
                .map_err(|bad| self.bad(at.part.offset, bad));
        }
        let words = self.derived(at, bytes, wanted.field_type, rows)?;
        let values = match wanted.field_type {
            FieldType::Float => {
                Values::Float(words.iter().map(|v| f64::from_bits(v.cast_unsigned())).collect())
            }
            FieldType::Unsigned => {
                Values::Unsigned(words.into_iter().map(i64::cast_unsigned).collect())
            }
            _ => Values::Integer(words),
        };
        Ok(Column::new(&*wanted.name, values))
    }

    /// The values of some rows of a derived block, by their bits.
    fn derived(
        &self,
        at: &BlockAt<'_>,
        bytes: &[u8],
        field_type: FieldType,
        rows: Range<usize>,
    ) -> Result<Vec<i64>, ReadError> {
        let offset = at.part.offset;
        if !field_type.is_numeric() {
            return self.corrupt(offset, "a block of no numbers", "a derived one");
        }
        let derived =
            Derived::read(bytes, at.table.fields.len()).map_err(|b| self.bad(offset, b))?;
        let first = self.sibling(at, derived.sibling, rows.clone())?;
        let second = match derived.second() {
            None => None,
            Some(number) => Some(self.sibling(at, number, rows.clone())?),
        };
        let mut words = Vec::new();
        match (numbers(&first), second.as_ref().map(numbers)) {
            (Some(s), None) => derived.compute(s, None, &mut words),
            (Some(s), Some(Some(t))) => derived.compute(s, Some(t), &mut words),
            _ => {}
        }
        if words.len() != rows.len() {
            let found = format!("{} of {}", words.len(), rows.len());
            return self.corrupt(offset, "siblings with a number in every row", found);
        }
        Ok(words)
    }

    /// The values of some rows of field number `field` in the same group.
    fn sibling(
        &self,
        at: &BlockAt<'_>,
        field: usize,
        rows: Range<usize>,
    ) -> Result<Values, ReadError> {
        let refuse = |found: String| {
            self.corrupt(
                at.part.offset,
                "a sibling with a number in every row, not derived itself",
                found,
            )
        };
        let Some((_, field_type)) = at.table.fields.get(field) else {
            return refuse(format!("field {field} of {}", at.table.fields.len()));
        };
        let page = at.table.field_page(self, field, at.group / PAGE)?;
        let stored =
            page.stored(at.group % PAGE, at.rows).map_err(|bad| self.bad(at.part.offset, bad))?;
        let part = match stored {
            Stored::Nothing => return refuse(format!("field {field} without values")),
            Stored::Constant(number) => return Ok(super::repeat(number, rows.len())),
            Stored::Block(part) => part,
        };
        let bytes = self.part(part, "a block of values")?;
        if Derived::is(&bytes) || !field_type.is_numeric() {
            return refuse(format!("field {field}"));
        }
        let column = decode(&bytes, "", *field_type, at.rows, rows)
            .map_err(|bad| self.bad(part.offset, bad))?;
        if column.validity().is_some() {
            return refuse(format!("field {field} with gaps"));
        }
        Ok(column.values().clone())
    }
}

fn decode(
    bytes: &[u8],
    name: &str,
    field_type: FieldType,
    n: usize,
    rows: Range<usize>,
) -> Result<Column, Bad> {
    let mut reader = Reader::new(bytes);
    if rows == (0..n) {
        let (mut ints, mut floats) = (Vec::new(), Vec::new());
        if field_type == FieldType::Integer && straight_ints(bytes, n, &mut ints) {
            return Ok(Column::new(name, Values::Integer(ints)));
        }
        if field_type == FieldType::Float && straight_floats(bytes, n, &mut floats) {
            return Ok(Column::new(name, Values::Float(floats)));
        }
        decode_column(&mut reader, name, field_type, n)
    } else {
        decode_column_rows(&mut reader, name, field_type, n, rows)
    }
}

fn numbers(values: &Values) -> Option<Numbers<'_>> {
    match values {
        Values::Float(v) => Some(Numbers::Floats(v)),
        Values::Integer(v) => Some(Numbers::Integers(v)),
        Values::Unsigned(v) => Some(Numbers::Unsigned(v)),
        _ => None,
    }
}
