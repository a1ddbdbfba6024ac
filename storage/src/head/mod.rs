//! The head: rows that are in the log and not yet in a segment, in memory.
//!
//! ```text
//! table    fields, layouts, times, tags          a measurement of a policy
//!  +- rounds   rows of series that report together, a column after the other; see `rounds`
//!  +- series   key, layout, bounds, its place in rounds
//!      +- tail      up to 32 rows, word by word  see `layout`; of series that come in no order
//!      +- blocks    32 rows each, packed         see `block`; the newest first, each names the one before
//! ```
//!
//! What is in rounds came after what is in the tail, and that after the blocks.
//!
//! Rows of a series stand in the order in which they arrived, so that adding one is a push whatever its time; a series whose
//! rows came in order of time says so, and is neither sorted nor merged when it is read. Every row carries the number of the
//! batch that brought it: a reader that took its snapshot at batch `n` leaves out what came later, and so sees whole
//! batches without a copy. Readers hold the lock for one series at a time.
//!
//! A tail begins with room for four rows and doubles as it fills. Where series are so many that tails of 32 rows would
//! take more than memory is for, fewer rows are packed.
//!
//! All series are behind one lock. Splitting them into lanes with a lock each would save writers little: what is done under the
//! lock is about a quarter of the way from bytes to the acknowledgement (parsing, half of it, needs no lock, and the log has
//! one order and so one lock in any case), so two writers wait for each other little and more are bound by the log.
//!
//! A head only grows. When it is sealed, an empty one takes its place, and the old one stays, unchanged, until the last
//! snapshot that refers to it is gone.

mod arena;
mod block;
mod build;
mod keys;
mod layout;
mod newest;
mod read;
mod rounds;

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::RwLock;
use stripchart_core::{Column, FieldType, KeyRef};

use self::arena::{Arena, At};
use self::block::{Packer, TimesList};
use self::build::spread;
use self::keys::{Keys, Numbered, TagIndex};
use self::layout::{FIXED, Layouts, set_present};
use self::rounds::{Arriving, FIELDS_MAX, Place, Rounds, Turn};
use crate::catalog::PolicyId;
use crate::frame::{Decimals, FRAME};

/// Rows in memory, shared between writers and readers.
#[derive(Debug)]
pub(crate) struct Head {
    /// Distinguishes this head from those before it, for the hints that are left in batches.
    pub(crate) generation: u32,
    pub(crate) inner: RwLock<HeadInner>,
    /// Behind a lock of its own, for it is brought up to date by readers. Taken before `inner`.
    tags: RwLock<TagIndex>,
}

#[derive(Debug, Default)]
pub(crate) struct HeadInner {
    tables: Vec<HeadTable>,
    table_by_name: HashMap<PolicyId, HashMap<Arc<str>, u32>>,
    keys: Keys,
    series: Vec<HeadSeries>,
    /// By series: the rounds it is in.
    places: Vec<Place>,
    rounds: Vec<Rounds>,
    free_rounds: Vec<u32>,
    /// About what they take.
    rounds_bytes: usize,
    /// Packed rows of all series.
    arena: Arena,
    /// Values of text fields.
    texts: Numbered,
    /// Words that tails have room for.
    tail_words: usize,
    /// About what series share takes: layouts, and where times are.
    shared_bytes: usize,
    /// The number of the latest batch; all its rows are in.
    pub(crate) batches: u32,
    pub(crate) rows: u64,
    /// About what the rows and series take.
    pub(crate) bytes: usize,
    /// What the batches take in the log.
    log_bytes: usize,
    scratch: Scratch,
}

/// The series of a measurement.
#[derive(Debug)]
pub(crate) struct HeadTable {
    pub(crate) policy: PolicyId,
    pub(crate) measurement: Arc<str>,
    pub(crate) fields: Vec<(Arc<str>, FieldType)>,
    field_by_name: HashMap<Arc<str>, [Option<u32>; FieldType::ALL.len()]>,
    decimals: Vec<Decimals>,
    series: Vec<u32>,
    layouts: Layouts,
    /// The layout of the rows that came last.
    last_layout: u32,
    times: TimesList,
    turn: Turn,
}

#[derive(Debug)]
struct HeadSeries {
    /// Rows that are not packed yet.
    tail: Vec<u64>,
    layout: u32,
    /// The newest block.
    block: At,
    /// The batch that brought the first row.
    first_batch: u32,
    /// Times of the earliest and the latest row; the other way round if there is none.
    bounds: (i64, i64),
    /// Whether each row is later than the one before.
    in_order: bool,
}

/// Rows of one table on their way in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming<'a> {
    /// For each row the number of its series, see [`HeadInner::enter`].
    pub(crate) series: &'a [u32],
    pub(crate) timestamps: &'a [i64],
    /// Rows past the end of a column have no value.
    pub(crate) columns: &'a [&'a Column],
}

#[derive(Debug, Default)]
struct Scratch {
    packed: Vec<u8>,
    words: Vec<u64>,
    fields: Vec<u32>,
}

/// About what a series takes beside its rows, its key and its tags.
const SERIES_BYTES: usize = (size_of::<HeadSeries>() + size_of::<Place>()) * 3 / 2 + 16;
/// What a series may take in rows beyond the limit of the head: were there none, so many series that have a few rows each would
/// be sealed over and over.
const ROOM_PER_SERIES: usize = 256;
/// Bytes of the log that are replayed in a fraction of a second: a head that takes more is full, unless `head_bytes` is larger.
const LOG_BYTES: usize = 48 << 20;
/// Bytes that tails of all series may take before they are packed sooner.
const TAILS_BYTES: usize = 8 << 20;
/// Rows of a tail that are packed at the soonest.
const FEWEST_ROWS: usize = 8;
/// Rows that a new tail has room for.
const FIRST_ROWS: usize = 4;

impl Head {
    pub(crate) fn new(generation: u32) -> Self {
        Head { generation, inner: RwLock::default(), tags: RwLock::default() }
    }
}

impl HeadInner {
    pub(crate) fn series_count(&self) -> usize {
        self.series.len()
    }

    pub(crate) fn tables(&self) -> &[HeadTable] {
        &self.tables
    }

    /// What part the rows take of `limit`, or of what may have to be replayed, in hundredths: 100 and more is full.
    pub(crate) fn fill(&self, limit: usize) -> usize {
        let series = self.series.len();
        let rows = self.bytes.saturating_sub(self.keys.bytes() + series * SERIES_BYTES);
        let room = limit.saturating_add(series * ROOM_PER_SERIES);
        let memory = rows.saturating_mul(100) / room.max(1);
        let log = self.log_bytes.saturating_mul(100) / LOG_BYTES.max(limit);
        memory.max(log)
    }

    /// The batch at hand takes `bytes` in the log.
    pub(crate) fn logged(&mut self, bytes: usize) {
        self.log_bytes += bytes;
    }

    /// The number of the table of `measurement`, entered if new.
    pub(crate) fn table(&mut self, policy: PolicyId, measurement: &str) -> u32 {
        let names = self.table_by_name.entry(policy).or_default();
        if let Some(table) = names.get(measurement) {
            return *table;
        }
        let name: Arc<str> = measurement.into();
        let table = crate::rows::index(self.tables.len());
        names.insert(Arc::clone(&name), table);
        self.tables.push(HeadTable {
            policy,
            measurement: name,
            fields: Vec::new(),
            field_by_name: HashMap::new(),
            decimals: Vec::new(),
            series: Vec::new(),
            layouts: Layouts::default(),
            last_layout: layout::NONE,
            times: TimesList::default(),
            turn: Turn::default(),
        });
        table
    }

    /// The table that a series is in.
    pub(crate) fn table_of(&self, series: u32) -> Option<u32> {
        self.keys.table_of(series)
    }

    /// The series of `table` that a hint means, if it was left by the head of this `generation`.
    pub(crate) fn hinted(&self, generation: u32, table: u32, hint: u64) -> Option<u32> {
        let [a, b, c, d, ..] = hint.to_le_bytes();
        let number = u32::from_le_bytes([a, b, c, d]).checked_sub(1)?;
        let ours = hint >> 32 == u64::from(generation) && self.table_of(number) == Some(table);
        ours.then_some(number)
    }

    /// The key of a series.
    pub(crate) fn key(&self, series: u32) -> &str {
        self.keys.get(series)
    }

    /// Makes room for so many series in all.
    pub(crate) fn reserve(&mut self, series: usize) {
        let more = series.saturating_sub(self.series.len());
        self.keys.reserve(more);
        self.places.reserve(more);
        self.series.reserve(more);
    }

    /// The number of the series of `key` in `table`; entered if new.
    pub(crate) fn enter(&mut self, table: u32, key: KeyRef<'_>) -> u32 {
        let (number, new) = self.keys.enter(table, key.as_str());
        if new {
            self.begin_series(table, number);
        }
        number
    }

    /// Enters a series that is not there yet; it is found by its key after [`HeadInner::hash_appended`] only.
    pub(crate) fn append(&mut self, table: u32, key: KeyRef<'_>) -> u32 {
        let number = self.keys.append(table, key.as_str());
        self.begin_series(table, number);
        number
    }

    /// Makes the series known that were appended; `false` if one of them was there already.
    pub(crate) fn hash_appended(&mut self) -> bool {
        self.keys.hash_all()
    }

    fn begin_series(&mut self, table: u32, number: u32) {
        self.tables[table as usize].series.push(number);
        self.places.push(Place::NONE);
        self.series.push(HeadSeries {
            tail: Vec::new(),
            layout: layout::NONE,
            block: At::NONE,
            first_batch: u32::MAX,
            bounds: (i64::MAX, i64::MIN),
            in_order: true,
        });
    }

    /// Begins a batch; [`HeadInner::end_batch`] makes what is added until then visible.
    pub(crate) fn begin_batch(&self) -> u32 {
        self.batches + 1
    }

    pub(crate) fn end_batch(&mut self, number: u32) {
        self.batches = number;
        self.bytes = self.keys.bytes()
            + self.series.len() * SERIES_BYTES
            + self.tail_words * size_of::<u64>()
            + self.rounds_bytes
            + self.arena.bytes
            + self.texts.bytes()
            + self.shared_bytes;
    }

    /// Adds rows of batch `number` to `table`.
    pub(crate) fn add(&mut self, table: u32, rows: Incoming<'_>, number: u32) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let of = &mut self.tables[table as usize];
        let columns: Vec<(&Column, u32)> = rows
            .columns
            .iter()
            .filter_map(|column| Some((*column, column.values().field_type()?)))
            .enumerate()
            .map(|(at, (column, field_type))| (column, of.field(at, &column.name, field_type)))
            .collect();
        scratch.fields.clear();
        scratch.fields.extend(columns.iter().map(|(_, field)| *field));
        let shared = of.shared_bytes();
        let full = match of.layouts.get(of.last_layout) {
            Some(last) if *last.fields == *scratch.fields => of.last_layout,
            _ => of.layouts.number(&scratch.fields),
        };
        of.last_layout = full;
        let stride = of.layouts.get(full).map_or(FIXED, layout::Layout::stride);
        let full = (full, words_of_tail(self.series.len(), stride));
        let n = rows.timestamps.len();
        let whole = |(column, _): &(&Column, u32)| column.validity().is_none() && column.len() >= n;
        let in_rounds = (1..=FIELDS_MAX).contains(&columns.len()) && columns.iter().all(whole);
        let new = Arriving { table, layout: full.0, rows, columns: &columns, batch: number };
        let mut from = 0;
        while from < n {
            if in_rounds {
                let taken = self.add_in_rounds(&new, from);
                if taken > 0 {
                    from += taken;
                    continue;
                }
            }
            let to = n.min(from + FRAME);
            self.leave_rounds(&rows.series[from..to]);
            scratch.words.clear();
            scratch.words.resize(FRAME * columns.len(), 0);
            let stride = columns.len();
            for (at, (column, _)) in columns.iter().enumerate() {
                spread(column, from, to, &mut scratch.words, (at, stride), &mut self.texts);
            }
            let chunk = Chunk { table, rows, range: from..to, columns: &columns, full, number };
            self.add_chunk(&chunk, &scratch.words, &mut scratch.packed);
            from = to;
        }
        self.shared_bytes += self.tables[table as usize].shared_bytes() - shared;
        self.rows += n as u64;
        self.scratch = scratch;
    }

    fn add_chunk(&mut self, chunk: &Chunk<'_>, words: &[u64], packed: &mut Vec<u8>) {
        let width = chunk.columns.len();
        let dense = chunk
            .columns
            .iter()
            .all(|(column, _)| column.validity().is_none() && column.len() >= chunk.range.end);
        let all_series = self.series.len();
        let (mut put, series) = self.put(chunk.table, packed);
        for (at, row) in chunk.range.clone().enumerate() {
            let series = &mut series[chunk.rows.series[row] as usize];
            let words = &words[at * width..][..width];
            let time = chunk.rows.timestamps[row];
            series.note(time, chunk.number);
            if dense && series.layout == chunk.full.0 {
                series.push_full(time, chunk.number, words, put.tail_words);
                if series.tail.len() >= chunk.full.1 {
                    put.pack(series);
                }
                continue;
            }
            let fields = |at: &usize| chunk.columns[*at].0.is_valid(row);
            let present: Vec<usize> = (0..width).filter(fields).collect();
            put.row(series, chunk, &present, time, words);
            let Some(layout) = put.table.layouts.get(series.layout) else { continue };
            if series.tail.len() >= words_of_tail(all_series, layout.stride()) {
                put.pack(series);
            }
        }
    }
}

impl HeadInner {
    /// What adds to the series of a table, and the series.
    fn put<'a>(
        &'a mut self,
        table: u32,
        packed: &'a mut Vec<u8>,
    ) -> (Put<'a>, &'a mut [HeadSeries]) {
        let HeadInner { tables, series, arena, tail_words, .. } = self;
        (Put { table: &mut tables[table as usize], arena, packed, tail_words }, series)
    }
}

/// Words at which a tail is packed.
fn words_of_tail(series: usize, stride: usize) -> usize {
    let rows = TAILS_BYTES / (series * stride * size_of::<u64>()).max(1);
    rows.clamp(FEWEST_ROWS, FRAME) * stride
}

/// Up to 32 rows of a batch.
struct Chunk<'a> {
    table: u32,
    rows: Incoming<'a>,
    range: std::ops::Range<usize>,
    /// With the number that the table has for each.
    columns: &'a [(&'a Column, u32)],
    /// The layout of all these fields, and the words at which a tail of it is packed.
    full: (u32, usize),
    /// The batch.
    number: u32,
}

impl HeadSeries {
    /// Adds a row that has all the fields of the series' layout, and in its order.
    fn push_full(&mut self, time: i64, batch: u32, words: &[u64], tail_words: &mut usize) {
        let presence = words.len().saturating_sub(32).div_ceil(64);
        self.make_room(FIXED + presence + words.len(), tail_words);
        let inline = (1u64 << words.len().min(32)) - 1;
        self.tail.extend_from_slice(&[time.cast_unsigned(), inline << 32 | u64::from(batch)]);
        for at in 0..presence {
            let bits = (words.len() - 32 - at * 64).min(64);
            self.tail.push(u64::MAX >> (64 - bits));
        }
        self.tail.extend_from_slice(words);
    }

    fn make_room(&mut self, stride: usize, tail_words: &mut usize) {
        let have = self.tail.capacity();
        if self.tail.len() + stride > have {
            let rows = (self.tail.len() / stride).max(FIRST_ROWS);
            self.tail.reserve_exact(rows * stride);
            *tail_words += self.tail.capacity() - have;
        }
    }

    fn note(&mut self, time: i64, batch: u32) {
        self.in_order &= time > self.bounds.1 || self.first_batch == u32::MAX;
        self.first_batch = self.first_batch.min(batch);
        self.bounds = (self.bounds.0.min(time), self.bounds.1.max(time));
    }
}

/// Times that blocks have in common, and what they make known of a series.
struct BlockTimes {
    number: u32,
    rows: usize,
    first_batch: u32,
    first: i64,
    bounds: (i64, i64),
    ascending: bool,
}

/// What adding to a series takes beside it.
struct Put<'a> {
    table: &'a mut HeadTable,
    arena: &'a mut Arena,
    packed: &'a mut Vec<u8>,
    tail_words: &'a mut usize,
}

impl Put<'_> {
    /// Adds a row that has only the columns `present`, or another layout than its series.
    fn row(
        &mut self,
        series: &mut HeadSeries,
        chunk: &Chunk<'_>,
        present: &[usize],
        time: i64,
        words: &[u64],
    ) {
        let has = |series: &HeadSeries, layouts: &Layouts| {
            layouts.get(series.layout).is_some_and(|layout| {
                present.iter().all(|at| layout.place(chunk.columns[*at].1).is_some())
            })
        };
        if !has(series, &self.table.layouts) {
            let fields: Vec<u32> = present.iter().map(|at| chunk.columns[*at].1).collect();
            self.relay(series, &fields);
        }
        let Some(layout) = self.table.layouts.get(series.layout) else { return };
        series.make_room(layout.stride(), self.tail_words);
        let start = series.tail.len();
        series.tail.resize(start + layout.stride(), 0);
        let row = &mut series.tail[start..];
        (row[0], row[1]) = (time.cast_unsigned(), u64::from(chunk.number));
        for at in present {
            if let Some(place) = layout.place(chunk.columns[*at].1) {
                set_present(row, place);
                row[layout.values_at() + place] = words[*at];
            }
        }
    }

    /// Gives a series a layout that has `fields`.
    fn relay(&mut self, series: &mut HeadSeries, fields: &[u32]) {
        let next = self.table.layouts.with(series.layout, fields);
        if !series.tail.is_empty()
            && let (Some(from), Some(to)) =
                (self.table.layouts.get(series.layout), self.table.layouts.get(next))
        {
            match layout::widen(&series.tail, from, to) {
                Some(tail) => {
                    *self.tail_words += tail.capacity();
                    *self.tail_words -= series.tail.capacity();
                    series.tail = tail;
                }
                None => self.pack(series),
            }
        }
        series.layout = next;
    }

    /// Enters the times and batches of 1 to 32 rows.
    fn times(&mut self, rows: &[(i64, u32)]) -> BlockTimes {
        let number = self.table.times.number(rows.iter().copied(), self.arena, self.packed);
        let times = rows.iter().map(|(time, _)| *time);
        BlockTimes {
            number,
            rows: rows.len(),
            first_batch: rows.first().map_or(u32::MAX, |(_, batch)| *batch),
            first: rows.first().map_or(i64::MAX, |(time, _)| *time),
            bounds: times.clone().fold((i64::MAX, i64::MIN), |(a, b), t| (a.min(t), b.max(t))),
            ascending: times.is_sorted_by(|a, b| a < b),
        }
    }

    /// Gives a series a block of rows that have all fields of `layout`; `words` are those of each field.
    fn block(
        &mut self,
        series: &mut HeadSeries,
        times: &BlockTimes,
        layout: u32,
        words: &[[i64; FRAME]],
    ) {
        if !series.tail.is_empty() {
            self.pack(series);
        }
        let HeadTable { fields, decimals, layouts, times: list, .. } = &mut *self.table;
        let Some(of) = layouts.get(layout) else { return };
        let (arena, scratch) = (&mut *self.arena, &mut *self.packed);
        let mut packer = Packer { times: list, arena, types: fields, decimals, scratch };
        series.block =
            packer.pack_words(words, times.rows, (of, layout), times.number, series.block);
        let later = series.first_batch == u32::MAX || times.first > series.bounds.1;
        series.in_order &= times.ascending && later;
        series.first_batch = series.first_batch.min(times.first_batch);
        let (first, last) = times.bounds;
        series.bounds = (series.bounds.0.min(first), series.bounds.1.max(last));
    }

    /// Adds a row that has all fields of `layout`.
    fn full_row(
        &mut self,
        series: &mut HeadSeries,
        layout: u32,
        (time, batch): (i64, u32),
        words: &[u64],
        all_series: usize,
    ) {
        if series.layout != layout {
            if !series.tail.is_empty() {
                self.pack(series);
            }
            series.layout = layout;
        }
        series.note(time, batch);
        series.push_full(time, batch, words, self.tail_words);
        let stride = self.table.layouts.get(layout).map_or(FIXED, layout::Layout::stride);
        if series.tail.len() >= words_of_tail(all_series, stride) {
            self.pack(series);
        }
    }

    /// Packs the tail.
    fn pack(&mut self, series: &mut HeadSeries) {
        let HeadTable { fields, decimals, layouts, times, .. } = &mut *self.table;
        let Some(layout) = layouts.get(series.layout) else { return };
        let (arena, scratch) = (&mut *self.arena, &mut *self.packed);
        let mut packer = Packer { times, arena, types: fields, decimals, scratch };
        // A tail may have more than a frame takes, if so many series came that fewer were to be packed.
        for rows in series.tail.chunks(FRAME * layout.stride()) {
            series.block = packer.pack(rows, layout, series.layout, series.block);
        }
        series.tail.clear();
        // What grew for a wide layout is not kept for a narrow one.
        if series.tail.capacity() > FRAME * layout.stride() {
            *self.tail_words -= series.tail.capacity();
            series.tail = Vec::new();
        }
    }
}

impl HeadTable {
    fn shared_bytes(&self) -> usize {
        self.times.bytes() + self.layouts.bytes
    }

    /// The number of a field, the `place`th of the rows at hand; entered if new.
    fn field(&mut self, place: usize, name: &str, field_type: FieldType) -> u32 {
        // Nearly always it has come in this place before.
        let last = self.layouts.get(self.last_layout).and_then(|last| last.fields.get(place));
        if let Some(last) = last
            && self
                .fields
                .get(*last as usize)
                .is_some_and(|(n, t)| *t == field_type && **n == *name)
        {
            return *last;
        }
        let at = usize::from(crate::codec::type_id(field_type));
        if let Some(Some(number)) = self.field_by_name.get(name).map(|numbers| numbers[at]) {
            return number;
        }
        let number = crate::rows::index(self.fields.len());
        let name: Arc<str> = name.into();
        self.field_by_name.entry(Arc::clone(&name)).or_default()[at] = Some(number);
        self.fields.push((name, field_type));
        self.decimals.push(Decimals::default());
        number
    }
}

#[cfg(test)]
mod tests;
