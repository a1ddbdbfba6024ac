//! Rows of a series, packed: a row of ten fields takes some ten bytes instead of a hundred.
//!
//! ```text
//! block      the block before it (6 bytes, see `arena`)
//!            times          varint: number in the table's list
//!            layout         varint
//!            kind           0 every row has every field of the layout
//!                           1 some have
//!            for each field of the layout:
//!              rows         varint, a bit for each row; of kind 1 only
//!              values       frame; left out if no row has one
//! times      timestamps     frame of integers
//!            batches        frame of integers
//! ```
//!
//! Blocks of different series that arrived together, as those of one scrape do, have the same times, which are stored once.
//! Rows stand in the order in which they arrived. Frames are those of [`crate::frame`]; texts and booleans are integers.

use stripchart_core::FieldType;

use super::arena::{Arena, At};
use super::build::Builder;
use super::keys::Numbered;
use super::layout::{Layout, batch_of, is_present};
use crate::bytes::{Bad, Reader, put_varint};
use crate::frame::{
    Decimals, FRAME, put_floats, put_ints, skip_floats, skip_ints, take_floats, take_ints,
};

const DENSE: u8 = 0;
const SPARSE: u8 = 1;

/// When the rows of blocks are, and which batches brought them.
#[derive(Debug)]
pub(super) struct Times {
    pub(super) bounds: (i64, i64),
    /// Of the first and the last row.
    pub(super) batches: (u32, u32),
    rows: u8,
    at: At,
}

/// The times of a table's blocks.
#[derive(Debug, Default)]
pub(super) struct TimesList {
    all: Vec<Times>,
    /// Those added last.
    last: Vec<(i64, u32)>,
}

/// Times, unpacked.
#[derive(Debug)]
pub(super) struct Unpacked {
    rows: usize,
    timestamps: [i64; FRAME],
    batches: [i64; FRAME],
}

impl Unpacked {
    pub(super) fn timestamps(&self) -> &[i64] {
        &self.timestamps[..self.rows]
    }

    /// Rows of the batches up to `limit`.
    pub(super) fn visible(&self, limit: u32) -> usize {
        self.batches[..self.rows].partition_point(|batch| *batch <= i64::from(limit))
    }
}

impl TimesList {
    /// The number for the times and batches of 1 to 32 rows.
    pub(super) fn number(
        &mut self,
        rows: impl ExactSizeIterator<Item = (i64, u32)> + Clone,
        arena: &mut Arena,
        scratch: &mut Vec<u8>,
    ) -> u32 {
        if self.last.len() == rows.len() && rows.clone().eq(self.last.iter().copied()) {
            return crate::rows::index(self.all.len() - 1);
        }
        self.last.clear();
        self.last.extend(rows);
        let mut ints = [0; FRAME];
        let ints = &mut ints[..self.last.len()];
        scratch.clear();
        ints.iter_mut().zip(&self.last).for_each(|(int, (at, _))| *int = *at);
        put_ints(ints, scratch);
        let bounds = ints.iter().fold((i64::MAX, i64::MIN), |(a, b), at| (a.min(*at), b.max(*at)));
        ints.iter_mut().zip(&self.last).for_each(|(int, (_, batch))| *int = i64::from(*batch));
        put_ints(ints, scratch);
        let batch = |row: Option<&(i64, u32)>| row.map_or(0, |(_, batch)| *batch);
        self.all.push(Times {
            bounds,
            batches: (batch(self.last.first()), batch(self.last.last())),
            rows: u8::try_from(self.last.len()).unwrap_or(0),
            at: arena.add(scratch),
        });
        crate::rows::index(self.all.len() - 1)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Times> {
        self.all.get(number as usize)
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.len() * size_of::<Times>() * 3 / 2
    }
}

impl Times {
    pub(super) fn unpack(&self, arena: &Arena) -> Result<Unpacked, Bad> {
        let mut out =
            Unpacked { rows: usize::from(self.rows), timestamps: [0; FRAME], batches: [0; FRAME] };
        let mut reader = Reader::new(arena.from(self.at));
        take_ints(&mut reader, out.rows, &mut out.timestamps)?;
        take_ints(&mut reader, out.rows, &mut out.batches)?;
        Ok(out)
    }
}

/// What packing needs beside the rows.
pub(super) struct Packer<'h> {
    pub(super) times: &'h mut TimesList,
    pub(super) arena: &'h mut Arena,
    /// By the table's field.
    pub(super) types: &'h [(std::sync::Arc<str>, FieldType)],
    pub(super) decimals: &'h mut [Decimals],
    pub(super) scratch: &'h mut Vec<u8>,
}

impl Packer<'_> {
    /// Packs the rows of `tail`, 1 to 32; `before` is the series' block before this one.
    pub(super) fn pack(&mut self, tail: &[u64], layout: &Layout, number: u32, before: At) -> At {
        let stride = layout.stride();
        let rows = tail.chunks_exact(stride);
        let times = rows.clone().map(|row| (row[0].cast_signed(), batch_of(row)));
        let times = self.times.number(times, self.arena, self.scratch);
        self.begin(before, times, number);
        let fields = layout.fields.len();
        // Every word of presence is alike in every row, and the first one full.
        let dense = fields <= 32 && rows.clone().all(|row| row[1] >> 32 == (1u64 << fields) - 1);
        self.scratch.push(if dense { DENSE } else { SPARSE });
        let mut words = [0i64; FRAME];
        for (place, field) in layout.fields.iter().enumerate() {
            let at = layout.values_at() + place;
            let mut count = 0;
            if dense {
                for (word, row) in words.iter_mut().zip(rows.clone()) {
                    *word = row[at].cast_signed();
                }
                count = rows.len();
            } else {
                let mut present = 0u64;
                for (bit, row) in rows.clone().enumerate() {
                    if is_present(row, place) {
                        present |= 1 << bit;
                        words[count] = row[at].cast_signed();
                        count += 1;
                    }
                }
                put_varint(self.scratch, present);
            }
            self.put_values(*field as usize, &words[..count]);
        }
        self.arena.add(self.scratch)
    }

    /// Packs `rows` rows that have every field of the layout; `words` has those of each.
    pub(super) fn pack_words(
        &mut self,
        words: &[[i64; FRAME]],
        rows: usize,
        (layout, number): (&Layout, u32),
        times: u32,
        before: At,
    ) -> At {
        self.begin(before, times, number);
        self.scratch.push(DENSE);
        for (field, words) in layout.fields.iter().zip(words) {
            self.put_values(*field as usize, &words[..rows]);
        }
        self.arena.add(self.scratch)
    }

    fn begin(&mut self, before: At, times: u32, layout: u32) {
        self.scratch.clear();
        before.put(self.scratch);
        put_varint(self.scratch, u64::from(times));
        put_varint(self.scratch, u64::from(layout));
    }

    fn put_values(&mut self, field: usize, words: &[i64]) {
        if words.is_empty() {
            return;
        }
        if self.types[field].1 != FieldType::Float {
            return put_ints(words, self.scratch);
        }
        let mut floats = [0.0; FRAME];
        for (float, word) in floats.iter_mut().zip(words) {
            *float = f64::from_bits(word.cast_unsigned());
        }
        put_floats(&floats[..words.len()], &mut self.decimals[field], self.scratch);
    }
}

/// What becomes of a field's values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    /// The column that they go to, if they are wanted.
    pub(super) column: Option<usize>,
    pub(super) float: bool,
}

/// The beginning of a block.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) before: At,
    pub(super) times: u32,
    pub(super) layout: u32,
    reader: Reader<'a>,
}

impl<'a> Block<'a> {
    pub(super) fn new(arena: &'a Arena, at: At) -> Result<Self, Bad> {
        let mut reader = Reader::new(arena.from(at));
        let before = reader.take(At::LEN)?;
        let Some(before) = At::take(before) else { return reader.bad("a block", "none") };
        let mut number = || {
            let number = reader.varint()?;
            u32::try_from(number).or_else(|_| reader.bad("a number of 32 bits", "a larger one"))
        };
        let (times, layout) = (number()?, number()?);
        Ok(Block { before, times, layout, reader })
    }

    /// Appends the values of the rows `from..to` whose bits are set in `rows` to `columns`, whose rows end at `base`. `targets`
    /// says for each field of the layout what becomes of it.
    pub(super) fn read(
        mut self,
        times: &Unpacked,
        rows: u32,
        base: usize,
        targets: &[Target],
        columns: &mut [Builder],
        texts: &Numbered,
    ) -> Result<(), Bad> {
        let sparse = self.reader.u8()? == SPARSE;
        let all = u32::MAX >> (FRAME - times.rows.clamp(1, FRAME));
        for target in targets {
            let present = if sparse { self.reader.varint()? } else { u64::from(all) };
            let Ok(present) = u32::try_from(present) else {
                return self.reader.bad("a bit for each row", present.to_string());
            };
            let count = present.count_ones() as usize;
            match (target.column, target.float) {
                _ if count == 0 => {}
                (None, true) => skip_floats(&mut self.reader, count)?,
                (None, false) => skip_ints(&mut self.reader, count)?,
                (Some(column), float) => {
                    let selection = Selection { present, rows, all: all & rows == all, base };
                    let column = &mut columns[column];
                    if float {
                        let mut frame = [0.0; FRAME];
                        let values = take_floats(&mut self.reader, count, &mut frame)?;
                        selection.push(column, values, Builder::push_floats);
                    } else {
                        let mut frame = [0; FRAME];
                        let values = take_ints(&mut self.reader, count, &mut frame)?;
                        selection.push(column, values, |column, some| {
                            column.push_words(some.iter().copied(), texts);
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

/// Which rows of a block go where.
struct Selection {
    /// Rows that have a value.
    present: u32,
    /// Rows that are wanted, and whether those are all.
    rows: u32,
    all: bool,
    base: usize,
}

impl Selection {
    fn push<T: Copy>(&self, column: &mut Builder, values: &[T], add: impl Fn(&mut Builder, &[T])) {
        if self.all && self.present & self.rows == self.rows {
            column.pad(self.base);
            return add(column, values);
        }
        let (mut bits, mut values) = (self.present, values.iter());
        while bits != 0 {
            let row = bits.trailing_zeros();
            bits &= bits - 1;
            let Some(value) = values.next() else { return };
            if self.rows >> row & 1 == 1 {
                let place = (self.rows & ((1 << row) - 1)).count_ones() as usize;
                column.pad(self.base + place);
                add(column, &[*value]);
            }
        }
    }
}
