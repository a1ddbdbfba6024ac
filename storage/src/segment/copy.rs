//! Groups of rows that merging copies as they are: blocks, checksums, and what is known of them.
//!
//! Where one source alone has rows, none of them deleted, and its blocks are pressed as hard as the new ones shall be, decoding and encoding
//! would bring back the same bytes. A block that follows from siblings names them by number, and a table of more fields has other
//! numbers: only such a block, a dozen bytes, is written anew.

use std::collections::HashMap;

use super::derive::BlockAt;
use super::page::{NewBlock, Stored};
use super::select::TableView;
use super::{PAGE, Part, Run, Segment};
use crate::ReadError;
use crate::codec::Derived;
use crate::rows::{Wanted, index as u32_of};

/// A group of rows of one series.
#[derive(Debug)]
pub(crate) struct Copied {
    pub(crate) timestamps: Vec<i64>,
    /// For each field of the new table its block, empty if it needs none.
    pub(super) blocks: Vec<(NewBlock, Vec<u8>)>,
}

impl Segment {
    /// The blocks of a group that one series has alone, for a table with the fields `wanted`. Checks their checksums, but does not
    /// decode them.
    pub(crate) fn copy_run(&self, run: &Run, wanted: &[Wanted]) -> Result<Copied, ReadError> {
        let TableView { table, .. } = self.table_at(run.table as usize)?;
        let timestamps = self.decode_times(&self.times(run.times)?)?;
        let cells = super::build::cells_of(&timestamps);
        let (rows, group) = (run.group_rows as usize, run.group as usize);
        let new: HashMap<usize, usize> = (0..)
            .zip(wanted)
            .filter_map(|(at, w)| Some((table.field(&w.name, w.field_type)?, at)))
            .collect();
        let mut blocks = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let Some(field) = table.field(&wanted.name, wanted.field_type) else {
                let nothing = NewBlock { rows: u32_of(rows), ..NewBlock::default() };
                blocks.push((nothing, Vec::new()));
                continue;
            };
            let page = table.field_page(self, field, group / PAGE)?;
            let bad = |bad| self.bad(0, bad);
            let stored = page.stored(group % PAGE, rows).map_err(bad)?;
            let mut block = page.described(group % PAGE, rows, &cells).map_err(bad)?;
            let mut bytes = Vec::new();
            if let Stored::Block(part) = stored {
                let at = BlockAt { table, group, rows, part };
                bytes = self.copied_block(&at, |field| new.get(&field).copied())?;
                (block.len, block.crc) = (u32_of(bytes.len()), crc32c::crc32c(&bytes));
            }
            blocks.push((block, bytes));
        }
        Ok(Copied { timestamps, blocks })
    }

    fn copied_block(
        &self,
        at: &BlockAt<'_>,
        number: impl Fn(usize) -> Option<usize>,
    ) -> Result<Vec<u8>, ReadError> {
        let Part { offset, .. } = at.part;
        let bytes = self.part(at.part, "a block of values")?;
        if !Derived::is(&bytes) {
            return Ok(bytes);
        }
        let derived =
            Derived::read(&bytes, at.table.fields.len()).map_err(|bad| self.bad(offset, bad))?;
        let Some(derived) = derived.renumbered(number) else {
            return self.corrupt(offset, "siblings among the fields of the table", "others");
        };
        let mut bytes = Vec::new();
        derived.write(&mut bytes);
        Ok(bytes)
    }
}
