//! Reading a head: which series there are, and their rows.

use stripchart_core::{FieldType, KeyRef};

use super::arena::At;
use super::block::{Block, Target, Unpacked};
use super::build::Builder;
use super::keys::Chain;
use super::layout::{self, batch_of, is_present};
use super::rounds::Rounds;
use super::{Head, HeadInner, HeadSeries, HeadTable};
use crate::TagFilter;
use crate::bytes::Bad;
use crate::catalog::PolicyId;
use crate::frame::FRAME;
use crate::rows::{Rows, Wanted};

/// Series that are looked at before writers get a turn.
const STEP: usize = 1024;

/// Where to go on among the series of a table.
enum Candidates {
    All(usize),
    Having(Chain),
}

impl Head {
    /// Calls `each` with key and number of the series of `measurement` that `filter` accepts and that have rows of the batches up
    /// to `limit`; in no order. Writers get their turn in between.
    pub(crate) fn select(
        &self,
        policy: PolicyId,
        measurement: &str,
        filter: &TagFilter,
        limit: u32,
        mut each: impl FnMut(KeyRef<'_>, u32),
    ) {
        let required = filter.required();
        if !required.is_empty() {
            self.index();
        }
        let tags = self.tags.read();
        let Some(table) = self.inner.read().find_table(policy, measurement) else { return };
        let mut candidates = Candidates::All(0);
        let mut fewest = u32::MAX;
        for (key, value) in required {
            let (count, chain) = tags.having(&self.inner.read().keys, table, key, value);
            if count < fewest {
                (fewest, candidates) = (count, Candidates::Having(chain));
            }
        }
        loop {
            let inner = self.inner.read();
            for _ in 0..STEP {
                let next = match &mut candidates {
                    Candidates::Having(chain) => tags.next(chain),
                    Candidates::All(at) => {
                        *at += 1;
                        inner.tables[table as usize].series.get(*at - 1).copied()
                    }
                };
                let Some(number) = next else { return };
                let Ok(key) = KeyRef::parse(inner.keys.get(number)) else { continue };
                if inner.bounds(number, limit).is_some() && filter.accepts(key) {
                    each(key, number);
                }
            }
        }
    }
}

impl Head {
    /// Indexes the tags of series that have come since the last time. Writers get their turn in between.
    fn index(&self) {
        if !self.tags.read().is_behind(&self.inner.read().keys) {
            return;
        }
        let mut tags = self.tags.write();
        while tags.is_behind(&self.inner.read().keys) {
            tags.catch_up(&self.inner.read().keys, STEP);
        }
    }

    /// How many values tag `key` has in the series of a table, and whether `value` is one of them. `inner` is this head's own.
    pub(crate) fn tag_value(
        &self,
        inner: &HeadInner,
        table: u32,
        key: &str,
        value: &str,
    ) -> (usize, bool) {
        if self.tags.read().is_behind(&inner.keys) {
            self.tags.write().catch_up(&inner.keys, usize::MAX);
        }
        let tags = self.tags.read();
        (tags.values_of(table, key), tags.having(&inner.keys, table, key, value).0 > 0)
    }

    /// The tag keys of the series of `measurement`, in no order.
    pub(crate) fn tag_keys(&self, policy: PolicyId, measurement: &str) -> Vec<String> {
        self.index();
        let tags = self.tags.read();
        let table = self.inner.read().find_table(policy, measurement);
        table.into_iter().flat_map(|table| tags.tag_keys(table).map(str::to_owned)).collect()
    }
}

impl HeadInner {
    /// The number of the table of `measurement`.
    fn find_table(&self, policy: PolicyId, measurement: &str) -> Option<u32> {
        self.table_by_name.get(&policy)?.get(measurement).copied()
    }

    /// Measurements of a policy that have series.
    pub(crate) fn measurements(&self, policy: PolicyId) -> impl Iterator<Item = &str> {
        let names = self.table_by_name.get(&policy).into_iter().flatten();
        names
            .filter(|(_, at)| !self.tables[**at as usize].series.is_empty())
            .map(|(name, _)| &**name)
    }

    /// The number of the table of `measurement`.
    pub(crate) fn table_number(&self, policy: PolicyId, measurement: &str) -> Option<u32> {
        self.table_by_name.get(&policy)?.get(measurement).copied()
    }

    /// Whether the series of `key` is in `table`.
    pub(crate) fn has_series(&self, table: u32, key: KeyRef<'_>) -> bool {
        self.keys.has(table, key.as_str())
    }

    /// How many series a table has.
    pub(crate) fn series_in(&self, table: &HeadTable) -> usize {
        table.series.len()
    }

    /// The series of a table: key and number.
    pub(crate) fn table_series(&self, table: &HeadTable) -> impl Iterator<Item = (&str, u32)> {
        table.series.iter().map(|number| (self.keys.get(*number), *number))
    }

    /// Calls `each` with the time of every row of a series.
    pub(crate) fn times(&self, number: u32, mut each: impl FnMut(i64)) {
        let Some((series, table)) = self.series_of(number) else { return };
        for at in self.blocks(series) {
            let times = Block::new(&self.arena, at).ok().and_then(|b| table.times.get(b.times));
            if let Some(Ok(times)) = times.map(|times| times.unpack(&self.arena)) {
                times.timestamps().iter().copied().for_each(&mut each);
            }
        }
        tail(series, table).for_each(|row| each(row[0].cast_signed()));
        if let Some((rounds, index)) = self.rounds_of(number) {
            let rows = rounds.visible(index, u32::MAX);
            (0..rows).for_each(|round| each(rounds.time(index, round)));
        }
    }

    /// The rounds that a series is in, and its place there.
    pub(super) fn rounds_of(&self, number: u32) -> Option<(&Rounds, usize)> {
        let place = self.places.get(number as usize)?;
        Some((self.rounds.get(place.rounds as usize)?, place.index as usize))
    }

    /// Times of the earliest and the latest row of a series, if it has rows of the batches up to `limit`; may reach further
    /// than those.
    pub(crate) fn bounds(&self, number: u32, limit: u32) -> Option<(i64, i64)> {
        let series = self.series.get(number as usize)?;
        let packed = (series.first_batch <= limit && series.bounds.0 <= series.bounds.1)
            .then_some(series.bounds);
        let in_rounds = self.rounds_of(number).filter(|(of, index)| of.visible(*index, limit) > 0);
        let Some((rounds, _)) = in_rounds else { return packed };
        let (first, last) = rounds.bounds();
        Some(packed.map_or((first, last), |(a, b)| (a.min(first), b.max(last))))
    }

    pub(super) fn series_of(&self, number: u32) -> Option<(&HeadSeries, &HeadTable)> {
        let series = self.series.get(number as usize)?;
        Some((series, self.tables.get(self.keys.table_of(number)? as usize)?))
    }

    /// The blocks of a series, oldest first.
    fn blocks(&self, series: &HeadSeries) -> Vec<At> {
        let mut blocks = Vec::new();
        let mut at = series.block;
        while at != At::NONE {
            blocks.push(at);
            at = Block::new(&self.arena, at).map_or(At::NONE, |block| block.before);
        }
        blocks.reverse();
        blocks
    }

    /// The blocks of a series that may have rows from `start` to before `end`, oldest first. Of a series whose rows came in
    /// order none is looked at that lies before those: who asks for what is newest does not pay for the rest.
    fn blocks_inside(
        &self,
        series: &HeadSeries,
        table: &HeadTable,
        start: i64,
        end: i64,
    ) -> Vec<At> {
        let mut blocks = Vec::new();
        let mut at = series.block;
        while at != At::NONE {
            let Ok(block) = Block::new(&self.arena, at) else { break };
            let (first, last) = table.times.get(block.times).map_or((end, end), |t| t.bounds);
            if series.in_order && last < start {
                break;
            }
            if first < end && start <= last {
                blocks.push(at);
            }
            at = block.before;
        }
        blocks.reverse();
        blocks
    }

    /// The rows of a series from `start` to before `end`, of the batches up to `limit`; sorted and merged.
    pub(crate) fn read(
        &self,
        number: u32,
        limit: u32,
        wanted: &[Wanted],
        start: i64,
        end: i64,
    ) -> Rows {
        let Some((series, table)) = self.series_of(number) else { return Rows::empty(wanted) };
        let mut fields: Vec<Option<u32>> =
            wanted.iter().map(|want| table.find_field(want)).collect();
        // One that is asked for again is read once.
        let again: Vec<(usize, usize)> = (1..fields.len())
            .filter_map(|at| {
                let first = fields[..at].iter().position(|f| f.is_some() && *f == fields[at])?;
                Some((at, first))
            })
            .collect();
        again.iter().for_each(|(at, _)| fields[*at] = None);
        let blocks = self.blocks_inside(series, table, start, end);
        let in_rounds = self
            .rounds_of(number)
            .map(|(rounds, index)| (rounds, index, rounds.visible(index, limit)))
            .filter(|(.., rows)| *rows > 0);
        let most = blocks.len() * FRAME
            + tail(series, table).len()
            + in_rounds.map_or(0, |(.., rows)| rows);
        let mut reading = Reading {
            head: self,
            table,
            limit,
            range: (start, end),
            fields,
            targets: (layout::NONE, Vec::new()),
            timestamps: Vec::with_capacity(most),
            columns: wanted.iter().map(|want| Builder::new(want.field_type, most)).collect(),
        };
        for at in blocks {
            let read = reading.block(at);
            debug_assert!(read.is_ok(), "packed by this process: {read:?}");
        }
        reading.tail(series);
        let mut in_order = series.in_order;
        if let Some((rounds, index, rows)) = in_rounds {
            in_order &= reading.rounds(rounds, index, rows, series.bounds.1);
        }
        let columns = reading.columns.into_iter().zip(wanted);
        let mut rows = Rows {
            timestamps: reading.timestamps,
            columns: columns.map(|(column, want)| column.finish(&want.name)).collect(),
        };
        again.into_iter().for_each(|(at, first)| rows.columns[at] = rows.columns[first].clone());
        if in_order { rows } else { rows.sorted(wanted) }
    }
}

impl HeadTable {
    fn find_field(&self, want: &Wanted) -> Option<u32> {
        let at = usize::from(crate::codec::type_id(want.field_type));
        self.field_by_name.get(&*want.name).and_then(|numbers| numbers[at])
    }
}

/// The rows of a series that are not packed.
pub(super) fn tail<'h>(
    series: &'h HeadSeries,
    table: &HeadTable,
) -> impl ExactSizeIterator<Item = &'h [u64]> {
    let stride = table.layouts.get(series.layout).map_or(1, layout::Layout::stride);
    series.tail.chunks_exact(stride)
}

/// Rows that are being read.
struct Reading<'h> {
    head: &'h HeadInner,
    table: &'h HeadTable,
    limit: u32,
    range: (i64, i64),
    /// The table's number of each field that is wanted, if it has it.
    fields: Vec<Option<u32>>,
    /// For the layout met last what becomes of its fields.
    targets: (u32, Vec<Target>),
    timestamps: Vec<i64>,
    columns: Vec<Builder>,
}

impl Reading<'_> {
    fn block(&mut self, at: At) -> Result<(), Bad> {
        let block = Block::new(&self.head.arena, at)?;
        let Some(times) = self.table.times.get(block.times) else { return Ok(()) };
        let (start, end) = self.range;
        if times.batches.0 > self.limit || times.bounds.0 >= end || times.bounds.1 < start {
            return Ok(());
        }
        let inside =
            times.batches.1 <= self.limit && times.bounds.0 >= start && times.bounds.1 < end;
        let times = times.unpack(&self.head.arena)?;
        let rows = self.select(&times, inside);
        if rows == 0 {
            return Ok(());
        }
        self.aim(block.layout);
        let base = self.timestamps.len();
        if inside {
            self.timestamps.extend_from_slice(times.timestamps());
        } else {
            let chosen = times.timestamps().iter().enumerate();
            let chosen = chosen.filter(|(row, _)| rows >> row & 1 == 1);
            self.timestamps.extend(chosen.map(|(_, at)| *at));
        }
        block.read(&times, rows, base, &self.targets.1, &mut self.columns, &self.head.texts)
    }

    /// A bit for each row that is wanted.
    fn select(&self, times: &Unpacked, inside: bool) -> u32 {
        let visible = if inside { times.timestamps().len() } else { times.visible(self.limit) };
        let mut rows = 0;
        for (bit, at) in times.timestamps()[..visible].iter().enumerate() {
            rows |= u32::from((self.range.0..self.range.1).contains(at)) << bit;
        }
        rows
    }

    /// Finds out what becomes of the fields of `layout`.
    fn aim(&mut self, layout: u32) {
        if self.targets.0 == layout {
            return;
        }
        let fields = self.table.layouts.get(layout).map_or(&[][..], |layout| &layout.fields);
        let target = |field: &u32| Target {
            column: self.fields.iter().position(|wanted| *wanted == Some(*field)),
            float: self.table.fields[*field as usize].1 == FieldType::Float,
        };
        self.targets = (layout, fields.iter().map(target).collect());
    }

    /// Adds the first `rows` rows of the series at `index`; whether they are in order, all after `before`.
    fn rounds(&mut self, rounds: &Rounds, index: usize, rows: usize, before: i64) -> bool {
        let Some(layout) = self.table.layouts.get(rounds.layout) else { return true };
        let times: Vec<i64> = (0..rows).map(|round| rounds.time(index, round)).collect();
        let in_order = times[0] > before && times.is_sorted_by(|a, b| a < b);
        let inside = |at: &i64| (self.range.0..self.range.1).contains(at);
        let base = self.timestamps.len();
        let all = times.iter().all(inside);
        self.timestamps.extend(times.iter().copied().filter(inside));
        if self.timestamps.len() == base {
            return in_order;
        }
        let places = self.fields.iter().map(|field| field.and_then(|field| layout.place(field)));
        for (place, column) in places.zip(&mut self.columns) {
            let Some(place) = place else { continue };
            let words = rounds.words(index, place, rows);
            column.pad(base);
            if all {
                column.push_words(words, &self.head.texts);
                continue;
            }
            let chosen: Vec<i64> =
                words.zip(&times).filter(|(_, at)| inside(at)).map(|(word, _)| word).collect();
            column.push_words(chosen.into_iter(), &self.head.texts);
        }
        in_order
    }

    fn tail(&mut self, series: &HeadSeries) {
        let Some(layout) = self.table.layouts.get(series.layout) else { return };
        let visible = tail(series, self.table).take_while(|row| batch_of(row) <= self.limit);
        let range = self.range.0..self.range.1;
        let rows: Vec<&[u64]> =
            visible.filter(|row| range.contains(&row[0].cast_signed())).collect();
        let base = self.timestamps.len();
        self.timestamps.extend(rows.iter().map(|row| row[0].cast_signed()));
        let places = self.fields.iter().map(|field| field.and_then(|field| layout.place(field)));
        for (place, column) in places.zip(&mut self.columns) {
            let Some(place) = place else { continue };
            let at = layout.values_at() + place;
            if rows.iter().all(|row| is_present(row, place)) {
                column.pad(base);
                column.push_words(rows.iter().map(|row| row[at].cast_signed()), &self.head.texts);
                continue;
            }
            for (row, words) in rows.iter().enumerate().filter(|(_, row)| is_present(row, place)) {
                column.pad(base + row);
                column.push_words([words[at].cast_signed()].into_iter(), &self.head.texts);
            }
        }
    }
}
