//! Reading blocks that are computed from their siblings: see [`crate::codec::Derived`].
//!
//! Whoever reads a field need not know whether it is one of these: the blocks of its siblings in the same group of rows are read, checked and
//! decoded, then the values are computed. Damage of a sibling is damage of what is derived from it.

use stripchart_core::{Column, FieldType, Values};

use super::page::Stored;
use super::table::Table;
use super::{PAGE, Part, Segment};
use crate::ReadError;
use crate::bytes::Reader;
use crate::codec::{Derived, NumberBlock, Numbers, Scratch, decode_column};
use crate::partials::Number;
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
            return Ok(NumberBlock::known(field_type, self.derived(at, bytes, field_type)?));
        }
        NumberBlock::parse(bytes, field_type, at.rows).map_err(|bad| self.bad(at.part.offset, bad))
    }

    /// Reads and decodes a block.
    pub(super) fn block_column(
        &self,
        at: &BlockAt<'_>,
        wanted: &Wanted,
    ) -> Result<Column, ReadError> {
        let bytes = self.part(at.part, "a block of values")?;
        if !Derived::is(&bytes) {
            let mut reader = Reader::new(&bytes);
            return decode_column(&mut reader, &wanted.name, wanted.field_type, at.rows)
                .map_err(|bad| self.bad(at.part.offset, bad));
        }
        let words = self.derived(at, &bytes, wanted.field_type)?;
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

    /// The values of a derived block, by their bits.
    fn derived(
        &self,
        at: &BlockAt<'_>,
        bytes: &[u8],
        field_type: FieldType,
    ) -> Result<Vec<i64>, ReadError> {
        let offset = at.part.offset;
        if !field_type.is_numeric() {
            return self.corrupt(offset, "a block of no numbers", "a derived one");
        }
        let derived =
            Derived::read(bytes, at.table.fields.len()).map_err(|b| self.bad(offset, b))?;
        let (mut first, mut second) = (Scratch::default(), Scratch::default());
        let mut words = Vec::new();
        self.sibling(at, derived.sibling, &mut first, |s| match derived.second() {
            None => {
                derived.compute(s, None, &mut words);
                Ok(())
            }
            Some(number) => self.sibling(at, number, &mut second, |t| {
                derived.compute(s, Some(t), &mut words);
                Ok(())
            }),
        })?;
        Ok(words)
    }

    /// Shows the values of field number `field` in the same group.
    fn sibling(
        &self,
        at: &BlockAt<'_>,
        field: usize,
        scratch: &mut Scratch,
        show: impl FnOnce(Numbers<'_>) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
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
        let field_type = *field_type;
        let page = at.table.field_page(self, field, at.group / PAGE)?;
        let stored =
            page.stored(at.group % PAGE, at.rows).map_err(|bad| self.bad(at.part.offset, bad))?;
        match stored {
            Stored::Nothing => refuse(format!("field {field} without values")),
            Stored::Constant(Number::Float(v)) => show(Numbers::Floats(&vec![v; at.rows])),
            Stored::Constant(Number::Integer(v)) => show(Numbers::Integers(&vec![v; at.rows])),
            Stored::Constant(Number::Unsigned(v)) => show(Numbers::Unsigned(&vec![v; at.rows])),
            Stored::Block(part) => {
                let bytes = self.part(part, "a block of values")?;
                if Derived::is(&bytes) || !field_type.is_numeric() {
                    return refuse(format!("field {field}"));
                }
                let bad = |bad| self.bad(part.offset, bad);
                let block = NumberBlock::parse(&bytes, field_type, at.rows).map_err(bad)?;
                if block.values() < at.rows {
                    return refuse(format!("field {field} with {} of {}", block.values(), at.rows));
                }
                show(block.decode_into(scratch).map_err(bad)?.numbers())
            }
        }
    }
}
