//! The head: rows that are in the log and not yet in a segment, in memory.
//!
//! Rows of a series stand in the order in which they arrived, so that adding one is a push whatever its time; whoever
//! reads sorts. Every row carries the number of the batch that brought it: a reader that took its snapshot at batch
//! `n` leaves out what came later, and so sees whole batches without a copy and without stopping writers.
//!
//! Every 32 rows of a series are packed with the codecs of the segments, so that an hour of rows takes little more memory
//! than it will take on disk.
//!
//! A head only grows. When it is sealed, an empty one takes its place, and the old one stays, unchanged, until the last
//! snapshot that refers to it is gone.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use stripchart_core::{Batch, Column, FieldType, KeyRef, Table, Values};

use crate::TagFilter;
use crate::catalog::PolicyId;
use crate::pack::{Packed, copy};
use crate::plan::{Plan, TablePlan};
use crate::rows::{Rows, Wanted, pad};

/// Rows in memory, shared between writers and readers.
#[derive(Debug)]
pub(crate) struct Head {
    /// Distinguishes this head from those before it, for the hints that are left in batches.
    pub(crate) generation: u32,
    pub(crate) inner: RwLock<HeadInner>,
}

#[derive(Debug, Default)]
pub(crate) struct HeadInner {
    tables: Vec<HeadTable>,
    table_by_name: HashMap<PolicyId, HashMap<Arc<str>, u32>>,
    series: Vec<HeadSeries>,
    /// The number of the latest batch; all its rows are in.
    pub(crate) batches: u32,
    pub(crate) rows: u64,
    /// About what the rows and series take.
    pub(crate) bytes: usize,
    /// For each row of the batch at hand, its place in its series' tail.
    scratch: Vec<u32>,
}

/// The series of a measurement.
#[derive(Debug)]
pub(crate) struct HeadTable {
    pub(crate) policy: PolicyId,
    pub(crate) measurement: Arc<str>,
    pub(crate) fields: Vec<(Arc<str>, FieldType)>,
    series: Vec<u32>,
    by_key: HashMap<Arc<str>, u32>,
    /// Tag key, tag value, the series that have both.
    postings: HashMap<Box<str>, HashMap<Box<str>, Vec<u32>>>,
}

#[derive(Debug)]
struct HeadSeries {
    key: Arc<str>,
    table: u32,
    /// Oldest first.
    packed: Vec<Packed>,
    /// The tail: what is not packed yet.
    timestamps: Vec<i64>,
    batches: Vec<u32>,
    /// One for each field of the table, as far as the tail has had them.
    columns: Vec<Column>,
    /// About what the tail takes.
    tail_bytes: usize,
}

/// About what a series takes beside its rows and its key.
const SERIES_BYTES: usize = 320;
/// Rows of a tail; then they are packed. More make reading the newest rows quicker and take more memory.
const TAIL_ROWS: usize = 32;
/// Rows that are packed together at most, however many a batch brings.
const PACKED_ROWS: usize = 1024;
/// What a row takes beside its values: time and batch.
const ROW_BYTES: usize = 12;

impl Head {
    pub(crate) fn new(generation: u32) -> Self {
        Head { generation, inner: RwLock::default() }
    }
}

impl HeadInner {
    pub(crate) fn series_count(&self) -> usize {
        self.series.len()
    }

    pub(crate) fn tables(&self) -> &[HeadTable] {
        &self.tables
    }

    /// The table of `measurement`, entered if new.
    fn table(&mut self, policy: PolicyId, measurement: &str) -> u32 {
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
            series: Vec::new(),
            by_key: HashMap::new(),
            postings: HashMap::new(),
        });
        table
    }

    fn find_table(&self, policy: PolicyId, measurement: &str) -> Option<&HeadTable> {
        let table = *self.table_by_name.get(&policy)?.get(measurement)?;
        self.tables.get(table as usize)
    }

    /// The place of the series that the rows of `plan` belong to, by their index in the batch; entered if new.
    ///
    /// `generation` is this head's.
    pub(crate) fn resolve(
        &mut self,
        generation: u32,
        policy: PolicyId,
        batch: &Batch,
        table: &Table,
        plan: &TablePlan,
        slots: &mut Vec<Option<u32>>,
    ) {
        let at = self.table(policy, table.measurement());
        slots.resize(batch.series_count(), None);
        for (_, series) in plan.kept(table.series()) {
            let slot = &mut slots[*series as usize];
            if slot.is_none() {
                let entry = batch.series_entry(*series);
                let found = self
                    .hinted(generation, entry.hint(), at, entry.key())
                    .unwrap_or_else(|| self.enter(at, entry.key()));
                entry.set_hint((u64::from(generation) << 32) | (u64::from(found) + 1));
                *slot = Some(found);
            }
        }
    }

    /// The series that a hint leads to, if it leads to the right one: other sinks leave hints too.
    fn hinted(&self, generation: u32, hint: u64, table: u32, key: KeyRef<'_>) -> Option<u32> {
        if hint >> 32 != u64::from(generation) {
            return None;
        }
        let slot = u32::try_from(hint & u64::from(u32::MAX)).ok()?.checked_sub(1)?;
        let series = self.series.get(slot as usize)?;
        (series.table == table && *series.key == *key.as_str()).then_some(slot)
    }

    fn enter(&mut self, at: u32, key: KeyRef<'_>) -> u32 {
        let table = &mut self.tables[at as usize];
        if let Some(slot) = table.by_key.get(key.as_str()) {
            return *slot;
        }
        let slot = crate::rows::index(self.series.len());
        let text: Arc<str> = key.as_str().into();
        table.by_key.insert(Arc::clone(&text), slot);
        table.series.push(slot);
        for (name, value) in key.tags() {
            let values = table.postings.entry(name.into()).or_default();
            values.entry(value.into()).or_default().push(slot);
        }
        self.bytes += SERIES_BYTES + 3 * text.len();
        self.series.push(HeadSeries {
            key: text,
            table: at,
            packed: Vec::new(),
            timestamps: Vec::new(),
            batches: Vec::new(),
            columns: Vec::new(),
            tail_bytes: 0,
        });
        slot
    }

    /// Adds the rows of a batch, whose series have been resolved to `slots`, and makes them visible.
    pub(crate) fn apply(
        &mut self,
        policy: PolicyId,
        batch: &Batch,
        plan: &Plan,
        slots: &[Option<u32>],
    ) {
        let number = self.batches + 1;
        for (table, plan) in batch.tables().zip(&plan.tables) {
            self.apply_table(policy, table, plan, slots, number);
        }
        self.batches = number;
    }

    fn apply_table(
        &mut self,
        policy: PolicyId,
        table: &Table,
        plan: &TablePlan,
        slots: &[Option<u32>],
        number: u32,
    ) {
        let at = self.table(policy, table.measurement()) as usize;
        let mut places = std::mem::take(&mut self.scratch);
        places.clear();
        for (row, series) in plan.kept(table.series()) {
            let Some(slot) = slots[*series as usize] else { continue };
            let series = &mut self.series[slot as usize];
            places.push(crate::rows::index(series.timestamps.len()));
            series.timestamps.push(table.timestamps()[row]);
            series.batches.push(number);
            series.tail_bytes += ROW_BYTES;
        }
        self.rows += places.len() as u64;
        self.bytes += places.len() * ROW_BYTES;
        for column in &plan.columns {
            let column = &table.columns()[*column];
            let Some(field_type) = column.values().field_type() else { continue };
            let field = self.tables[at].field(&column.name, field_type);
            for ((row, series), place) in plan.kept(table.series()).zip(&places) {
                let (Some(slot), Some(value)) = (slots[*series as usize], column.get(row)) else {
                    continue;
                };
                let bytes = 8 + value.as_str().map_or(0, str::len);
                self.bytes += bytes;
                let series = &mut self.series[slot as usize];
                series.tail_bytes += bytes;
                let column = series.column(field, &self.tables[at].fields);
                pad(column, *place as usize);
                column.push(value);
            }
        }
        self.scratch = places;
        for (_, series) in plan.kept(table.series()) {
            let Some(slot) = slots[*series as usize] else { continue };
            let series = &mut self.series[slot as usize];
            if series.timestamps.len() >= TAIL_ROWS {
                let (freed, packed) = series.pack();
                self.bytes = self.bytes.saturating_sub(freed) + packed;
            }
        }
    }

    /// The series of `measurement` that `filter` accepts, in no order: key and place.
    pub(crate) fn series(
        &self,
        policy: PolicyId,
        measurement: &str,
        filter: &TagFilter,
    ) -> Vec<(Arc<str>, u32)> {
        let Some(table) = self.find_table(policy, measurement) else { return Vec::new() };
        let required = filter.required();
        let postings = required.iter().map(|(key, value)| {
            table.postings.get(*key).and_then(|values| values.get(*value)).map_or(&[][..], |v| v)
        });
        let candidates = postings.min_by_key(|list| list.len()).unwrap_or(&table.series);
        let accepted = candidates.iter().filter_map(|slot| {
            let key = &self.series[*slot as usize].key;
            let parsed = KeyRef::parse(key).ok()?;
            filter.accepts(parsed).then(|| (Arc::clone(key), *slot))
        });
        accepted.collect()
    }

    /// Measurements of a policy that have series.
    pub(crate) fn measurements(&self, policy: PolicyId) -> impl Iterator<Item = &str> {
        let names = self.table_by_name.get(&policy).into_iter().flatten();
        names
            .filter(|(_, at)| !self.tables[**at as usize].series.is_empty())
            .map(|(name, _)| &**name)
    }

    pub(crate) fn tag_keys(
        &self,
        policy: PolicyId,
        measurement: &str,
    ) -> impl Iterator<Item = &str> {
        self.find_table(policy, measurement)
            .into_iter()
            .flat_map(|t| t.postings.keys().map(|k| &**k))
    }

    /// The series of a table: key and place.
    pub(crate) fn table_series(&self, table: &HeadTable) -> impl Iterator<Item = (&Arc<str>, u32)> {
        table.series.iter().map(|slot| (&self.series[*slot as usize].key, *slot))
    }

    /// Calls `each` with the time of every row of a series.
    pub(crate) fn times(&self, slot: u32, mut each: impl FnMut(i64)) {
        let series = &self.series[slot as usize];
        series.packed.iter().flat_map(Packed::times).for_each(&mut each);
        series.timestamps.iter().copied().for_each(each);
    }

    /// First and last time of a series, if it has rows of the batches up to `limit`; may reach further than those.
    pub(crate) fn bounds(&self, slot: u32, limit: u32) -> Option<(i64, i64)> {
        let series = &self.series[slot as usize];
        let packed = series.packed.iter().filter_map(|packed| packed.bounds(limit));
        let tail = series.timestamps[..series.visible(limit)].iter().map(|at| (*at, *at));
        packed.chain(tail).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    /// The rows of a series from `start` to before `end`, of the batches up to `limit`; sorted and merged.
    pub(crate) fn read(
        &self,
        slot: u32,
        limit: u32,
        wanted: &[Wanted],
        start: i64,
        end: i64,
    ) -> Rows {
        let series = &self.series[slot as usize];
        let fields = &self.tables[series.table as usize].fields;
        let place = |want: &Wanted| {
            fields.iter().position(|(name, t)| **name == *want.name && *t == want.field_type)
        };
        let places: Vec<_> = wanted.iter().map(place).collect();
        let mut out = Rows::empty(wanted);
        for packed in &series.packed {
            packed.read(limit, (start, end), wanted, &places, &mut out);
        }
        let base = out.len();
        let rows: Vec<usize> = (0..series.visible(limit))
            .filter(|row| (start..end).contains(&series.timestamps[*row]))
            .collect();
        for (place, column) in places.iter().zip(&mut out.columns) {
            if let Some(from) = place.and_then(|at| series.columns.get(at)) {
                copy(from, &rows, base, column);
            }
        }
        out.timestamps.extend(rows.iter().map(|row| series.timestamps[*row]));
        out.sorted(wanted)
    }
}

impl HeadTable {
    fn field(&mut self, name: &str, field_type: FieldType) -> usize {
        let found = self.fields.iter().position(|(n, t)| **n == *name && *t == field_type);
        found.unwrap_or_else(|| {
            self.fields.push((name.into(), field_type));
            self.fields.len() - 1
        })
    }
}

impl HeadSeries {
    fn column(&mut self, field: usize, fields: &[(Arc<str>, FieldType)]) -> &mut Column {
        while self.columns.len() <= field {
            let field_type = fields[self.columns.len()].1;
            self.columns.push(Column::new("", Values::empty(field_type)));
        }
        &mut self.columns[field]
    }

    /// Packs the tail: the bytes that it took, and those that it takes now.
    fn pack(&mut self) -> (usize, usize) {
        let mut size = 0;
        for from in (0..self.timestamps.len()).step_by(PACKED_ROWS) {
            let to = self.timestamps.len().min(from + PACKED_ROWS);
            let packed = if from == 0 && to == self.timestamps.len() {
                Packed::new(&self.timestamps, &self.batches, &self.columns)
            } else {
                let columns: Vec<Column> =
                    self.columns.iter().map(|column| part(column, from, to)).collect();
                Packed::new(&self.timestamps[from..to], &self.batches[from..to], &columns)
            };
            size += packed.size();
            self.packed.push(packed);
        }
        // After a large batch the memory goes back; usually it is for as many rows as come next.
        if self.timestamps.capacity() > TAIL_ROWS {
            (self.timestamps, self.batches) = (Vec::new(), Vec::new());
        }
        self.timestamps.clear();
        self.batches.clear();
        self.columns.clear();
        (std::mem::take(&mut self.tail_bytes), size)
    }

    /// Rows of the tail of the batches up to `limit`.
    fn visible(&self, limit: u32) -> usize {
        self.batches.partition_point(|batch| *batch <= limit)
    }
}

/// The rows from `from` to before `to` of a column.
fn part(column: &Column, from: usize, to: usize) -> Column {
    let field_type = column.values().field_type().unwrap_or(FieldType::Float);
    let mut out = Column::new("", Values::empty(field_type));
    let rows: Vec<usize> = (from..to.min(column.len())).collect();
    copy(column, &rows, 0, &mut out);
    out
}
