//! Rows whose fields are known beforehand.
//!
//! Most writers send rows of a few shapes: `cpu` always has its ten fields, in one order, of the types they have. To
//! name every field of every row is to have each name compared again. A [`RowLayout`] names them once:
//!
//! ```text
//! layout 0: usage_user i64, usage_system i64, ...        known to the batch, whatever the measurement
//!
//! table "cpu"  plan for layout 0: columns 0, 1, 2, ...   made when the table first has a row of that layout
//! table "mem"  plan for layout 3: columns 0, 2
//! ```
//!
//! A row then is the values alone, in the layout's order, each pushed to the column that the plan names.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use crate::batch::{BatchSeries, Table, index_of};
use crate::column::{Column, Values};
use crate::{Batch, FieldType, Timestamp, ValueRef};

/// The fields that rows of one [`Batch`] have in common: names and types, in order. Valid until that batch is
/// [reset](Batch::reset); clearing keeps it.
///
/// ```
/// use stripchart_core::{Batch, FieldType, Timestamp};
///
/// let mut batch = Batch::new();
/// let cpu = batch.series("cpu", [("host", "a")])?;
/// let layout = batch.layout([("user", FieldType::Float), ("switches", FieldType::Integer)]);
/// for second in 0..3 {
///     batch.row_with(cpu, layout, Timestamp::from_secs(second)).f64(12.5).i64(second * 1000);
/// }
/// let table = batch.tables().next().unwrap();
/// assert_eq!((table.row_count(), table.columns()[1].name.as_str()), (3, "switches"));
/// # Ok::<(), stripchart_core::KeyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowLayout {
    index: u32,
    epoch: u32,
}

/// Names and types, in order.
type Fields = Box<[(Box<str>, FieldType)]>;

/// The layouts of a batch.
#[derive(Debug, Default)]
pub(crate) struct Layouts {
    fields: Vec<Fields>,
    by_text: HashMap<Box<str>, u32>,
}

impl Layouts {
    fn intern(&mut self, fields: &[(&str, FieldType)]) -> u32 {
        let mut text = String::new();
        for (name, field_type) in fields {
            // With its length before it a name may contain anything.
            write!(text, "{}:{name}{}", name.len(), *field_type as u8).expect("a String takes all");
        }
        if let Some(index) = self.by_text.get(text.as_str()) {
            return *index;
        }
        let mut names = HashSet::new();
        for (name, _) in fields {
            assert!(names.insert(name), "field {name:?} is in the layout twice");
        }
        let index = index_of(self.fields.len());
        self.fields.push(fields.iter().map(|(name, of)| (Box::from(*name), *of)).collect());
        self.by_text.insert(text.into(), index);
        index
    }
}

/// Where the layouts' fields are in a table.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    plans: Vec<Plan>,
    /// The one used last.
    last: usize,
}

#[derive(Debug)]
struct Plan {
    layout: u32,
    /// For each field its column.
    columns: Box<[u32]>,
}

impl Table {
    /// Makes the plan of `layout` the last used.
    #[inline(never)]
    fn turn_to(&mut self, layout: u32, layouts: &Layouts) {
        let known = self.plans.plans.iter().position(|plan| plan.layout == layout);
        self.plans.last = known.unwrap_or_else(|| {
            let fields = layouts.fields[layout as usize].iter();
            let columns = fields.map(|(name, of)| index_of(self.column(name, *of))).collect();
            self.plans.plans.push(Plan { layout, columns });
            self.plans.plans.len() - 1
        });
    }
}

impl Batch {
    /// The layout with these fields, each with its type; entered if new.
    ///
    /// Costs a hash of all names: to be kept, not to be asked for every row.
    ///
    /// # Panics
    ///
    /// If a name occurs twice.
    pub fn layout<'a>(
        &mut self,
        fields: impl IntoIterator<Item = (&'a str, FieldType)>,
    ) -> RowLayout {
        let fields: Vec<_> = fields.into_iter().collect();
        RowLayout { index: self.layouts.intern(&fields), epoch: self.epoch }
    }

    /// Begins a row of `series` at time `at`, whose fields are those of `layout`: their values are added to what is
    /// returned, in the layout's order.
    ///
    /// Fields at the end that are given no value have none; a row without any is not added. Otherwise as
    /// [`Batch::row`]; rows of both kinds may follow each other.
    ///
    /// # Panics
    ///
    /// If `series` or `layout` is from before a [`Batch::reset`], or from another batch and unknown here.
    #[inline]
    pub fn row_with(
        &mut self,
        series: BatchSeries,
        layout: RowLayout,
        at: Timestamp,
    ) -> LayoutRow<'_> {
        assert!(
            series.epoch == self.epoch && layout.epoch == self.epoch,
            "series and layout are valid until their batch is reset"
        );
        let table = &mut self.tables[self.table_of[series.index as usize] as usize];
        if table.plans.plans.get(table.plans.last).is_none_or(|plan| plan.layout != layout.index) {
            table.turn_to(layout.index, &self.layouts);
        }
        let row = table.timestamps.len();
        table.series.push(series.index);
        table.timestamps.push(at.nanos());
        self.rows += 1;
        LayoutRow {
            plan: table.plans.plans[table.plans.last].columns.iter(),
            columns: &mut table.columns,
            series: &mut table.series,
            timestamps: &mut table.timestamps,
            rows: &mut self.rows,
            padding: &mut self.padding,
            row,
            is_empty: true,
        }
    }
}

/// Takes the values of the row that [`Batch::row_with`] began, one for each field of its layout, in order.
///
/// # Panics
///
/// Every method that adds a value panics if the next field of the layout is of another type, or if there is none.
#[derive(Debug)]
pub struct LayoutRow<'a> {
    /// The columns of the fields that are left.
    plan: std::slice::Iter<'a, u32>,
    columns: &'a mut [Column],
    series: &'a mut Vec<u32>,
    timestamps: &'a mut Vec<i64>,
    rows: &'a mut usize,
    padding: &'a mut usize,
    row: usize,
    is_empty: bool,
}

/// A method that adds a value of one type: by a push where the column has a value in every row before.
macro_rules! add {
    ($name:ident, $variant:ident, $value:ty, $what:literal) => {
        #[doc = $what]
        #[inline]
        pub fn $name(&mut self, value: $value) -> &mut Self {
            let next = self.next();
            self.is_empty = false;
            let column = &mut self.columns[next as usize];
            match column.dense() {
                Some(Values::$variant(values)) if values.len() == self.row => values.push(value),
                _ => Self::put(column, self.row, ValueRef::$variant(value), self.padding),
            }
            self
        }
    };
}

impl LayoutRow<'_> {
    /// The column of the next field.
    #[inline(always)]
    fn next(&mut self) -> u32 {
        match self.plan.next() {
            Some(column) => *column,
            None => panic!("every field of the layout has its value already"),
        }
    }

    /// Adds a value to a column that does not take it by a mere push.
    #[inline(never)]
    fn put(column: &mut Column, row: usize, value: ValueRef<'_>, padding: &mut usize) {
        *padding += row.saturating_sub(column.len());
        column.set_last(row, value);
    }

    add!(f64, Float, f64, "Adds a float.");
    add!(i64, Integer, i64, "Adds a signed integer.");
    add!(u64, Unsigned, u64, "Adds an unsigned integer.");
    add!(bool, Boolean, bool, "Adds a boolean.");

    /// Adds floats, for as many fields.
    #[inline]
    pub fn f64s(&mut self, values: impl IntoIterator<Item = f64>) -> &mut Self {
        for value in values {
            self.f64(value);
        }
        self
    }

    /// Adds signed integers, for as many fields.
    #[inline]
    pub fn i64s(&mut self, values: impl IntoIterator<Item = i64>) -> &mut Self {
        for value in values {
            self.i64(value);
        }
        self
    }

    /// Adds a text.
    #[inline]
    pub fn str(&mut self, value: &str) -> &mut Self {
        self.value(ValueRef::String(value))
    }

    /// Adds a value of whichever type.
    pub fn value<'v>(&mut self, value: impl Into<ValueRef<'v>>) -> &mut Self {
        let next = self.next();
        self.is_empty = false;
        Self::put(&mut self.columns[next as usize], self.row, value.into(), self.padding);
        self
    }

    /// Leaves the next field without a value.
    ///
    /// # Panics
    ///
    /// If the layout has no further field.
    pub fn skip(&mut self) -> &mut Self {
        self.next();
        self
    }

    /// Whether no value was added yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.is_empty
    }
}

impl Drop for LayoutRow<'_> {
    /// Ends the row; takes it back if it has no value.
    #[inline]
    fn drop(&mut self) {
        if self.is_empty {
            self.series.pop();
            self.timestamps.pop();
            *self.rows -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [(&str, FieldType); 5] = [
        ("f", FieldType::Float),
        ("i", FieldType::Integer),
        ("u", FieldType::Unsigned),
        ("b", FieldType::Boolean),
        ("s", FieldType::String),
    ];

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// Series, time and values of every row of every table.
    fn rows(batch: &Batch) -> Vec<(String, i64, Vec<String>)> {
        let row = |table: &Table, row: usize| {
            let entry = batch.series_entry(table.series()[row]).key().to_string();
            let values = table
                .columns()
                .iter()
                .filter_map(|column| Some(format!("{}={:?}", column.name, column.get(row)?)));
            (entry, table.timestamps()[row], values.collect())
        };
        batch
            .tables()
            .flat_map(|table| (0..table.row_count()).map(move |n| row(table, n)))
            .collect()
    }

    #[test]
    fn a_row_by_its_layout_is_the_row_by_its_names() {
        let (mut quick, mut named) = (Batch::new(), Batch::new());
        for round in 0..3 {
            for measurement in ["m", "n"] {
                for n in 0..4_i64 {
                    let (float, bits) = (n as f64 / 2.0, n.cast_unsigned());
                    let series = named.series(measurement, []).unwrap();
                    named
                        .row(series, at(n))
                        .f64("f", float)
                        .i64("i", n)
                        .u64("u", bits)
                        .bool("b", true)
                        .str("s", "x");
                    named.row(series, at(n)).i64("i", 7);
                    named.row(series, at(n)).str("s", "y").f64("f", 0.5);

                    let series = quick.series(measurement, []).unwrap();
                    let all = quick.layout(FIELDS);
                    quick
                        .row_with(series, all, at(n))
                        .f64(float)
                        .i64(n)
                        .u64(bits)
                        .bool(true)
                        .str("x");
                    quick.row_with(series, all, at(n)).skip().i64s([7]).skip();
                    let two = quick.layout([FIELDS[4], FIELDS[0]]);
                    quick.row_with(series, two, at(n)).value("y").value(0.5);
                    assert!(quick.row_with(series, two, at(n)).is_empty());
                    assert!(quick.row_with(series, all, at(n)).skip().is_empty());
                }
            }
            assert_eq!(rows(&quick), rows(&named), "round {round}");
            assert_eq!(quick.row_count(), named.row_count());
            assert_eq!(quick.padding(), named.padding());
            (if round == 0 { Batch::clear } else { Batch::reset })(&mut quick);
            (if round == 0 { Batch::clear } else { Batch::reset })(&mut named);
        }
    }

    #[test]
    fn layouts_are_told_apart_by_names_types_and_order() {
        let mut batch = Batch::new();
        let of = |batch: &mut Batch, fields: &[(&'static str, FieldType)]| {
            batch.layout(fields.iter().copied())
        };
        let [f, i] = [FieldType::Float, FieldType::Integer];
        let distinct = [
            of(&mut batch, &[("a", f), ("b", f)]),
            of(&mut batch, &[("b", f), ("a", f)]),
            of(&mut batch, &[("a", f), ("b", i)]),
            of(&mut batch, &[("a", f)]),
            of(&mut batch, &[("ab", f)]),
            of(&mut batch, &[]),
        ];
        assert_eq!(HashSet::from(distinct).len(), distinct.len());
        assert_eq!(of(&mut batch, &[("a", f), ("b", f)]), distinct[0]);
    }

    #[test]
    #[should_panic(expected = "takes no")]
    fn a_value_of_another_type_is_refused() {
        let mut batch = Batch::new();
        let (series, layout) = (batch.series("m", []).unwrap(), batch.layout([FIELDS[0]]));
        batch.row_with(series, layout, at(1)).i64(1);
    }

    #[test]
    #[should_panic(expected = "has its value already")]
    fn a_value_too_many_is_refused() {
        let mut batch = Batch::new();
        let (series, layout) = (batch.series("m", []).unwrap(), batch.layout([FIELDS[0]]));
        batch.row_with(series, layout, at(1)).f64(1.0).f64(2.0);
    }

    #[test]
    #[should_panic(expected = "in the layout twice")]
    fn a_name_twice_is_refused() {
        Batch::new().layout([("a", FieldType::Float), ("a", FieldType::Integer)]);
    }

    #[test]
    #[should_panic(expected = "valid until their batch is reset")]
    fn a_layout_of_before_a_reset_is_refused() {
        let mut batch = Batch::new();
        let layout = batch.layout([FIELDS[0]]);
        batch.reset();
        let series = batch.series("m", []).unwrap();
        batch.row_with(series, layout, at(1)).f64(1.0);
    }
}
