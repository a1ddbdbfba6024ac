//! Samples on their way to a sink: columns per measurement, reused from round to round.
//!
//! ```text
//! Batch
//!  +- series   0 "cpu host=a"  1 "cpu host=b"  2 "mem host=a"     interned once, kept by clear()
//!  +- tables
//!      +- "cpu"  series      0   1   0   1
//!      |         timestamps  t1  t1  t2  t2
//!      |         usage_user  f64 f64 f64 f64
//!      |         usage_sys   f64  -  f64  -                        - = no value (validity bit 0)
//!      +- "mem"  series      2
//!                timestamps  t1
//!                used        i64
//! ```
//!
//! One row costs one series index, one timestamp and one push per field; names and tags are touched once per series.
//! Whoever passes the same series again and again keeps the [`BatchSeries`]; a sink keeps its own handle in the
//! series' [hint](SeriesEntry::hint), so that it need not hash the key again either. Whoever passes the same fields again
//! and again keeps a [`RowLayout`](crate::RowLayout), and no name is looked at any more.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::column::{Column, Values};
use crate::layout::{Layouts, Plans};
use crate::series::encode;
use crate::{FieldType, KeyError, KeyRef, Timestamp, ValueRef};

/// Rows of any number of measurements, as columns; see the [crate example](crate).
///
/// Memory grows to the largest round and stays; [`Batch::reset`] gives it back.
#[derive(Debug, Default)]
pub struct Batch {
    /// By the series' index; apart from each other, since a row needs the table, a sink the hint, and neither the key.
    keys: Vec<Arc<str>>,
    pub(crate) table_of: Vec<u32>,
    hints: Vec<AtomicU64>,
    series_by_key: HashMap<Arc<str>, u32>,
    pub(crate) tables: Vec<Table>,
    table_by_measurement: HashMap<Arc<str>, u32>,
    pub(crate) layouts: Layouts,
    pub(crate) rows: usize,
    pub(crate) padding: usize,
    /// Counts resets, so that a series of before is not taken for one of now.
    pub(crate) epoch: u32,
    identity: BatchIdentity,
    scratch: String,
}

/// Which batch, between which two [resets](Batch::reset): as long as it stays the same, so does the meaning of each
/// [`BatchSeries`] and [`RowLayout`](crate::RowLayout).
///
/// Whoever keeps those keeps this with them, and forgets them when the batch it is given is another.
///
/// ```
/// use stripchart_core::Batch;
///
/// let mut batch = Batch::new();
/// let before = batch.identity().clone();
/// batch.clear();
/// assert_eq!(batch.identity(), &before);
/// assert_ne!(Batch::new().identity(), &before);
/// batch.reset();
/// assert_ne!(batch.identity(), &before);
/// ```
#[derive(Debug, Clone, Default)]
pub struct BatchIdentity(Arc<()>);

impl PartialEq for BatchIdentity {
    fn eq(&self, other: &Self) -> bool {
        // The address is not given to another while somebody holds this one.
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for BatchIdentity {}

/// A series of one [`Batch`], valid until that batch is [reset](Batch::reset); clearing keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchSeries {
    pub(crate) index: u32,
    pub(crate) epoch: u32,
}

impl Batch {
    /// An empty batch. Allocates a few bytes, for its identity.
    #[must_use]
    pub fn new() -> Self {
        Batch::default()
    }

    /// What tells this batch from others, and from itself before the last [`Batch::reset`].
    #[must_use]
    pub const fn identity(&self) -> &BatchIdentity {
        &self.identity
    }

    /// The series of `measurement` with `tags` (any order, empty values ignored); entered if new.
    ///
    /// Costs one hash of the key; allocates for a new series only.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if they make no key; the batch is unchanged then.
    pub fn series<'a>(
        &mut self,
        measurement: &str,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<BatchSeries, KeyError> {
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        let series = encode(measurement, tags, &mut text).map(|()| self.intern(&text));
        self.scratch = text;
        series
    }

    /// The series of `key`; entered if new.
    pub fn series_of(&mut self, key: KeyRef<'_>) -> BatchSeries {
        self.intern(key.as_str())
    }

    fn intern(&mut self, text: &str) -> BatchSeries {
        let index = match self.series_by_key.get(text) {
            Some(index) => *index,
            None => self.enter(text),
        };
        BatchSeries { index, epoch: self.epoch }
    }

    fn enter(&mut self, text: &str) -> u32 {
        let measurement = text.split('\0').next().unwrap_or_default();
        let table = match self.table_by_measurement.get(measurement) {
            Some(table) => *table,
            None => {
                let (name, table) = (Arc::<str>::from(measurement), index_of(self.tables.len()));
                self.tables.push(Table::new(Arc::clone(&name)));
                self.table_by_measurement.insert(name, table);
                table
            }
        };
        let (key, index) = (Arc::<str>::from(text), index_of(self.keys.len()));
        self.keys.push(Arc::clone(&key));
        self.table_of.push(table);
        self.hints.push(AtomicU64::new(0));
        self.series_by_key.insert(key, index);
        index
    }

    /// The key of `series`; `None` if that is from before a [`Batch::reset`], or from another batch and unknown here.
    ///
    /// A series of another batch may be known here as something else: the key tells.
    #[must_use]
    pub fn key(&self, series: BatchSeries) -> Option<KeyRef<'_>> {
        let known = self.keys.get(series.index as usize).filter(|_| series.epoch == self.epoch)?;
        Some(KeyRef::trusted(known))
    }

    /// Begins a row of `series` at time `at`; its fields are added to what is returned.
    ///
    /// A row that is given no field is not added. Rows of one series at one time are merged by the sink, later
    /// fields winning, so their order matters.
    ///
    /// # Panics
    ///
    /// If `series` is from before a [`Batch::reset`], or from another batch and unknown here.
    pub fn row(&mut self, series: BatchSeries, at: Timestamp) -> RowWriter<'_> {
        assert_eq!(series.epoch, self.epoch, "a series is valid until its batch is reset");
        let table = &mut self.tables[self.table_of[series.index as usize] as usize];
        table.series.push(series.index);
        table.timestamps.push(at.nanos());
        self.rows += 1;
        RowWriter {
            table,
            rows: &mut self.rows,
            padding: &mut self.padding,
            expected: 0,
            fields: 0,
        }
    }

    /// Rows.
    #[must_use]
    pub const fn row_count(&self) -> usize {
        self.rows
    }

    /// Places that columns keep for rows without a value, of about eight bytes each.
    ///
    /// Rows of a measurement that have the same fields cost none. Where every row has a field of its own it is about the
    /// square of the rows, so whoever takes rows from strangers writes the batch out when this grows.
    #[must_use]
    pub const fn padding(&self) -> usize {
        self.padding
    }

    /// Columns entered since the last reset, whether they have values now or not.
    #[must_use]
    pub fn column_count(&self) -> usize {
        self.tables.iter().map(|table| table.columns.len()).sum()
    }

    /// Whether there is no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Series entered since the last reset, whether they have rows now or not.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.keys.len()
    }

    /// The measurements that have rows now.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(|table| table.row_count() > 0)
    }

    /// The series that a table's row refers to by `index`.
    ///
    /// # Panics
    ///
    /// If no table of this batch holds that index.
    #[inline]
    #[must_use]
    pub fn series_entry(&self, index: u32) -> SeriesEntry<'_> {
        SeriesEntry { key: &self.keys[index as usize], hint: &self.hints[index as usize] }
    }

    /// Drops the rows; keeps series, columns and memory for the next round.
    pub fn clear(&mut self) {
        self.tables.iter_mut().for_each(Table::clear);
        self.rows = 0;
        self.padding = 0;
    }

    /// Drops everything, so that series which will not come again cost no memory.
    pub fn reset(&mut self) {
        *self = Batch { epoch: self.epoch.wrapping_add(1), ..Batch::default() };
    }
}

pub(crate) fn index_of(len: usize) -> u32 {
    u32::try_from(len).expect("a batch holds fewer than 4 G series")
}

/// A series of a batch, as the sink sees it.
#[derive(Debug, Clone, Copy)]
pub struct SeriesEntry<'a> {
    /// Followed only when the key is asked for: most sinks know the series by their hint.
    key: &'a Arc<str>,
    hint: &'a AtomicU64,
}

impl<'a> SeriesEntry<'a> {
    /// The key.
    #[inline]
    #[must_use]
    pub fn key(self) -> KeyRef<'a> {
        KeyRef::trusted(self.key)
    }

    /// What a sink left with [`SeriesEntry::set_hint`] when it saw this series last; 0 if nothing.
    ///
    /// Nothing says which sink left it: whoever uses it must check that it leads to this [key](SeriesEntry::key).
    #[inline]
    #[must_use]
    pub fn hint(self) -> u64 {
        self.hint.load(Ordering::Relaxed)
    }

    /// Leaves a hint for the next write of this series.
    #[inline]
    pub fn set_hint(self, hint: u64) {
        self.hint.store(hint, Ordering::Relaxed);
    }
}

/// The rows of one measurement.
#[derive(Debug)]
pub struct Table {
    measurement: Arc<str>,
    pub(crate) series: Vec<u32>,
    pub(crate) timestamps: Vec<i64>,
    pub(crate) columns: Vec<Column>,
    pub(crate) plans: Plans,
    /// Which column holds a field, by type; looked at only when a row's fields come in another order than the last's.
    column_by_name: HashMap<String, [Option<u32>; FieldType::ALL.len()]>,
}

impl Table {
    fn new(measurement: Arc<str>) -> Self {
        Table {
            measurement,
            series: Vec::new(),
            timestamps: Vec::new(),
            columns: Vec::new(),
            plans: Plans::default(),
            column_by_name: HashMap::new(),
        }
    }

    /// The measurement.
    #[must_use]
    pub fn measurement(&self) -> &str {
        &self.measurement
    }

    /// Rows.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.timestamps.len()
    }

    /// For each row its series, to be looked up with [`Batch::series_entry`].
    #[must_use]
    pub fn series(&self) -> &[u32] {
        &self.series
    }

    /// For each row its time, nanoseconds since the epoch.
    #[must_use]
    pub fn timestamps(&self) -> &[i64] {
        &self.timestamps
    }

    /// The field columns, each at most as long as the table. A field that came with values of several types has a
    /// column for each; a row has a value in at most one of them unless it named the field twice. Columns that no
    /// row of this round filled are empty.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn clear(&mut self) {
        self.series.clear();
        self.timestamps.clear();
        self.columns.iter_mut().for_each(Column::clear);
    }

    pub(crate) fn column(&mut self, name: &str, field_type: FieldType) -> usize {
        let slots = match self.column_by_name.get_mut(name) {
            Some(slots) => slots,
            None => self.column_by_name.entry(name.to_owned()).or_default(),
        };
        let slot = &mut slots[field_type as usize];
        let index = *slot.get_or_insert(index_of(self.columns.len())) as usize;
        if index == self.columns.len() {
            self.columns.push(Column::new(name, Values::empty(field_type)));
        }
        index
    }
}

/// Adds fields to the row that [`Batch::row`] began.
#[derive(Debug)]
pub struct RowWriter<'a> {
    table: &'a mut Table,
    rows: &'a mut usize,
    padding: &'a mut usize,
    /// The column that comes next if this row's fields come in the order of the last row's.
    expected: usize,
    fields: usize,
}

impl RowWriter<'_> {
    /// Adds field `name`; given twice, the later value counts.
    ///
    /// # Panics
    ///
    /// If `value` is an instant, which no field is.
    pub fn field<'v>(&mut self, name: &str, value: impl Into<ValueRef<'v>>) {
        let value = value.into();
        let field_type = value.field_type().expect("a field is no instant");
        let column = match self.table.columns.get(self.expected) {
            Some(column)
                if column.name == name && column.values().field_type() == Some(field_type) =>
            {
                self.expected
            }
            _ => self.table.column(name, field_type),
        };
        let row = self.table.timestamps.len() - 1;
        let column_ref = &mut self.table.columns[column];
        *self.padding += row.saturating_sub(column_ref.len());
        column_ref.set_last(row, value);
        self.expected = column + 1;
        self.fields += 1;
    }

    fn chain<'v>(mut self, name: &str, value: impl Into<ValueRef<'v>>) -> Self {
        self.field(name, value);
        self
    }

    /// Adds a float.
    pub fn f64(self, name: &str, value: f64) -> Self {
        self.chain(name, value)
    }

    /// Adds a signed integer.
    pub fn i64(self, name: &str, value: i64) -> Self {
        self.chain(name, value)
    }

    /// Adds an unsigned integer.
    pub fn u64(self, name: &str, value: u64) -> Self {
        self.chain(name, value)
    }

    /// Adds a boolean.
    pub fn bool(self, name: &str, value: bool) -> Self {
        self.chain(name, value)
    }

    /// Adds a text.
    pub fn str(self, name: &str, value: &str) -> Self {
        self.chain(name, value)
    }

    /// Whether no field was added yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields == 0
    }
}

impl Drop for RowWriter<'_> {
    /// Ends the row; takes it back if it has no field.
    fn drop(&mut self) {
        if self.fields == 0 {
            self.table.series.pop();
            self.table.timestamps.pop();
            *self.rows -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn rows_become_columns() {
        let mut batch = Batch::new();
        let a = batch.series("cpu", [("host", "a")]).unwrap();
        let b = batch.series("cpu", [("host", "b")]).unwrap();
        batch.row(a, at(1)).f64("user", 1.0).f64("system", 2.0);
        batch.row(b, at(1)).f64("user", 3.0);
        batch.row(a, at(2)).f64("system", 5.0).f64("user", 4.0);
        let table = batch.tables().next().unwrap();
        assert_eq!(
            (table.measurement(), table.series(), table.row_count()),
            ("cpu", &[0, 1, 0][..], 3)
        );
        let column =
            |n: usize| (0..3).map(|row| table.columns()[n].get_f64(row)).collect::<Vec<_>>();
        assert_eq!(column(0), [Some(1.0), Some(3.0), Some(4.0)]);
        assert_eq!(column(1), [Some(2.0), None, Some(5.0)]);
        assert_eq!(batch.series_entry(1).key().to_string(), "cpu,host=b");
    }

    #[test]
    fn a_row_without_fields_is_none() {
        let mut batch = Batch::new();
        let series = batch.series("cpu", []).unwrap();
        batch.row(series, at(1));
        assert!(batch.is_empty());
        assert_eq!(batch.tables().count(), 0);
    }

    #[test]
    fn a_field_given_twice_counts_once_and_types_stay_apart() {
        let mut batch = Batch::new();
        let series = batch.series("m", []).unwrap();
        batch.row(series, at(1)).i64("v", 1).i64("v", 2);
        batch.row(series, at(2)).str("v", "x");
        let table = batch.tables().next().unwrap();
        let types: Vec<_> =
            table.columns().iter().map(|c| (c.values().field_type(), c.len())).collect();
        assert_eq!(types, [(Some(FieldType::Integer), 1), (Some(FieldType::String), 2)]);
        assert_eq!(table.columns()[0].get(0), Some(ValueRef::Integer(2)));
        assert_eq!(table.columns()[1].get(0), None);
    }

    #[test]
    fn clearing_keeps_the_series() {
        let mut batch = Batch::new();
        let series = batch.series("m", [("a", "b")]).unwrap();
        batch.row(series, at(1)).i64("v", 1);
        batch.series_entry(0).set_hint(7);
        batch.clear();
        assert_eq!((batch.row_count(), batch.series_count()), (0, 1));
        assert_eq!(batch.series("m", [("a", "b")]).unwrap(), series);
        batch.row(series, at(2)).i64("v", 2);
        assert_eq!(batch.series_entry(0).hint(), 7);
        assert_eq!(batch.tables().next().unwrap().columns()[0].get(0), Some(ValueRef::Integer(2)));
    }

    #[test]
    fn padding_counts_the_places_of_rows_without_a_value() {
        let mut batch = Batch::new();
        let series = batch.series("m", []).unwrap();
        for n in 0..4 {
            batch.row(series, at(n)).i64(&format!("f{n}"), n).i64("same", n);
        }
        assert_eq!((batch.padding(), batch.column_count()), (1 + 2 + 3, 5));
        batch.clear();
        assert_eq!((batch.padding(), batch.column_count()), (0, 5));
        batch.reset();
        assert_eq!(batch.column_count(), 0);
    }

    #[test]
    #[should_panic(expected = "valid until its batch is reset")]
    fn a_series_of_before_a_reset_is_refused() {
        let mut batch = Batch::new();
        let series = batch.series("m", []).unwrap();
        batch.reset();
        batch.row(series, at(1)).i64("v", 1);
    }
}
