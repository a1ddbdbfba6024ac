//! Many series with the same timestamps, added up row by row before rows are put into buckets.
//!
//! A thousand series in buckets of a minute are a thousand times as many small ranges as buckets. Adding whole columns instead is one
//! loop per series that the compiler makes vector code of.

use std::sync::Arc;

use stripchart_core::FieldType;

use super::plan::Plan;
use crate::Partials;
use crate::codec::{Lanes, NumberBlock, Numbers, TileRows, straight_rows};
use crate::dispatch::{self, Kernel};
use crate::partials::{Aggregates, Number, Run, Sum};

/// Columns that are kept at a time; of as many fields at most.
pub(super) const COLUMNS: usize = 64;
/// Buckets with more rows on average are as quick by themselves.
const ROWS_A_BUCKET: usize = 64;

/// Sums, smallest and largest by row, of columns with one timestamp column.
#[derive(Debug)]
pub(super) struct RowSums {
    aggregates: Aggregates,
    columns: Vec<RowColumn>,
}

/// Segment, timestamp column and field.
type Key = (u32, u32, usize);

#[derive(Debug)]
struct RowColumn {
    key: Key,
    plan: Arc<Plan>,
    series: u64,
    rows: ByRow,
}

#[derive(Debug)]
enum ByRow {
    /// All blocks so far in the order that their tiles have.
    Tiles(TileRows),
    Integers(Lanes<i64>),
    Unsigned(Lanes<u64>),
    Floats(Lanes<f64>, Vec<f64>),
}

/// The values of a block as sums, smallest and largest of their rows.
fn copied<T: Copy>(values: &[T], aggregates: Aggregates) -> Lanes<T> {
    let copy = |which| if aggregates.contains(which) { values.to_vec() } else { Vec::new() };
    Lanes { sums: copy(Aggregates::SUM), min: copy(Aggregates::MIN), max: copy(Aggregates::MAX) }
}

/// Adding the rows of a block of integers, with the best instructions there are.
struct AddRows<'l, T, S, L> {
    lanes: &'l mut Lanes<T>,
    values: &'l [T],
    sum: S,
    less: L,
}

impl<T: Copy, S: Fn(T, T) -> T, L: Fn(T, T) -> bool> Kernel for AddRows<'_, T, S, L> {
    type Output = ();

    #[inline(always)]
    fn run(self, _: bool) {
        let AddRows { lanes, values, sum, less } = self;
        for (all, v) in lanes.sums.iter_mut().zip(values) {
            *all = sum(*all, *v);
        }
        for (a, v) in lanes.min.iter_mut().zip(values) {
            *a = if less(*v, *a) { *v } else { *a };
        }
        for (a, v) in lanes.max.iter_mut().zip(values) {
            *a = if less(*a, *v) { *v } else { *a };
        }
    }
}

impl RowSums {
    pub(super) const fn new(aggregates: Aggregates) -> Self {
        RowSums { aggregates, columns: Vec::new() }
    }

    /// Whether the column's buckets are small, and all that is asked for can be added up by row.
    pub(super) fn suits(plan: &Plan, aggregates: Aggregates) -> bool {
        let by_row = Aggregates::COUNT | Aggregates::SUM | Aggregates::MIN | Aggregates::MAX;
        aggregates.without(by_row) == Aggregates::NONE
            && plan.spans.len() * ROWS_A_BUCKET > plan.rows()
    }

    /// Adds a block of a value for each row of the plan without decoding it; `false` if that cannot be done, and then
    /// [`RowSums::add`] must follow.
    pub(super) fn add_block(
        &mut self,
        key: Key,
        plan: &Arc<Plan>,
        block: &NumberBlock<'_>,
        into: &mut Partials,
    ) -> bool {
        let at = self.columns.iter().rposition(|column| column.key == key);
        if let Some(column) = at.and_then(|at| self.columns.get_mut(at)) {
            let ByRow::Tiles(tiles) = &mut column.rows else { return false };
            let added = block.add_rows(tiles);
            column.series += u64::from(added);
            return added;
        }
        let tiles = TileRows::new(into.field_type(), plan.rows(), self.aggregates);
        let Some(mut tiles) = tiles.filter(|_| block.values() == plan.rows()) else { return false };
        let added = block.add_rows(&mut tiles);
        if added {
            self.put(key, plan, ByRow::Tiles(tiles), into);
        }
        added
    }

    /// The same for the bytes of a block, where others of the column were added before; `false` if it has to be taken apart.
    pub(super) fn add_bytes(&mut self, key: Key, bytes: &[u8], shape: (FieldType, usize)) -> bool {
        let at = self.columns.iter().rposition(|column| column.key == key);
        let Some(column) = at.and_then(|at| self.columns.get_mut(at)) else { return false };
        let ByRow::Tiles(tiles) = &mut column.rows else { return false };
        let added = straight_rows(bytes, shape, tiles);
        column.series += u64::from(added);
        added
    }

    /// Keeps the first rows of a column.
    fn put(&mut self, key: Key, plan: &Arc<Plan>, rows: ByRow, into: &mut Partials) {
        let same_field = |column: &RowColumn| column.key.2 == key.2;
        if self.columns.len() >= COLUMNS
            && let Some(oldest) = self.columns.iter().position(same_field)
        {
            self.columns.remove(oldest).flush(into);
        }
        self.columns.push(RowColumn { key, plan: Arc::clone(plan), series: 1, rows });
    }

    /// Adds a value for each row of the plan. What is full goes to `into`, the field's.
    pub(super) fn add(
        &mut self,
        key: Key,
        plan: &Arc<Plan>,
        values: Numbers<'_>,
        into: &mut Partials,
    ) {
        let at = self.columns.iter().rposition(|column| column.key == key);
        let Some(column) = at.and_then(|at| self.columns.get_mut(at)) else {
            self.put(key, plan, ByRow::new(values, self.aggregates), into);
            return;
        };
        column.series += 1;
        column.rows.order();
        match (&mut column.rows, values) {
            (ByRow::Integers(lanes), Numbers::Integers(v)) => {
                dispatch::run(AddRows {
                    lanes,
                    values: v,
                    sum: i64::wrapping_add,
                    less: |a, b| a < b,
                });
            }
            (ByRow::Unsigned(lanes), Numbers::Unsigned(v)) => {
                dispatch::run(AddRows {
                    lanes,
                    values: v,
                    sum: u64::wrapping_add,
                    less: |a, b| a < b,
                });
            }
            (ByRow::Floats(lanes, lost), Numbers::Floats(v)) => add_floats(lanes, lost, v),
            // A field has one type.
            _ => column.series -= 1,
        }
    }

    /// Puts all rows into the buckets of `into`, by field, and forgets them.
    pub(super) fn flush(&mut self, into: &mut [Partials]) {
        for column in self.columns.drain(..) {
            if let Some(into) = into.get_mut(column.key.2) {
                column.flush(into);
            }
        }
    }
}

/// Adds with what rounding takes away kept beside (Knuth's two-sum); a NaN is smallest or largest only where there is nothing else.
fn add_floats(lanes: &mut Lanes<f64>, lost: &mut [f64], values: &[f64]) {
    for ((all, lost), v) in lanes.sums.iter_mut().zip(lost).zip(values) {
        let total = *all + v;
        let shadow = total - *all;
        let low = (*all - (total - shadow)) + (v - shadow);
        *lost += if low.is_finite() { low } else { 0.0 };
        *all = total;
    }
    let better = |have: f64, wins: bool| wins | have.is_nan();
    for (have, v) in lanes.min.iter_mut().zip(values) {
        *have = if better(*have, v < have) { *v } else { *have };
    }
    for (have, v) in lanes.max.iter_mut().zip(values) {
        *have = if better(*have, v > have) { *v } else { *have };
    }
}

impl ByRow {
    fn new(values: Numbers<'_>, aggregates: Aggregates) -> Self {
        match values {
            Numbers::Integers(v) => ByRow::Integers(copied(v, aggregates)),
            Numbers::Unsigned(v) => ByRow::Unsigned(copied(v, aggregates)),
            Numbers::Floats(v) => {
                let lanes = copied(v, aggregates);
                let lost = vec![0.0; lanes.sums.len()];
                ByRow::Floats(lanes, lost)
            }
        }
    }

    /// Each row in its place, from now on.
    fn order(&mut self) {
        if let ByRow::Tiles(tiles) = self {
            let tiles = std::mem::replace(tiles, TileRows::Integers(Lanes::default()));
            *self = match tiles.into_order() {
                TileRows::Integers(lanes) => ByRow::Integers(lanes),
                TileRows::Floats(lanes, lost) => ByRow::Floats(lanes, lost),
            };
        }
    }

    fn sum(&self, rows: std::ops::Range<usize>) -> Option<Sum> {
        match self {
            // Put in order before.
            ByRow::Tiles(_) => None,
            ByRow::Integers(lanes) => {
                let sums = lanes.sums.get(rows)?;
                Some(Sum::Integer(sums.iter().fold(0, |all, v| all.wrapping_add(*v))))
            }
            ByRow::Unsigned(lanes) => {
                let sums = lanes.sums.get(rows)?;
                Some(Sum::Unsigned(sums.iter().fold(0, |all, v| all.wrapping_add(*v))))
            }
            ByRow::Floats(lanes, lost) => {
                let mut all = Sum::Float { sum: 0.0, lost: 0.0 };
                let parts = lanes.sums.get(rows.clone())?.iter().zip(lost.get(rows)?);
                parts.for_each(|(sum, lost)| all.merge(Sum::Float { sum: *sum, lost: *lost }));
                Some(all)
            }
        }
    }

    fn number(&self, max: bool, row: usize) -> Option<Number> {
        fn of<T: Copy>(lanes: &Lanes<T>, max: bool, row: usize) -> Option<T> {
            (if max { &lanes.max } else { &lanes.min }).get(row).copied()
        }
        match self {
            ByRow::Tiles(_) => None,
            ByRow::Integers(lanes) => of(lanes, max, row).map(Number::Integer),
            ByRow::Unsigned(lanes) => of(lanes, max, row).map(Number::Unsigned),
            ByRow::Floats(lanes, _) => of(lanes, max, row).map(Number::Float),
        }
    }
}

impl RowColumn {
    fn flush(mut self, into: &mut Partials) {
        self.rows.order();
        for span in &self.plan.spans {
            let sum = self.rows.sum(span.from..span.to);
            let count = self.series * span.len() as u64;
            into.add_run(
                span.bucket,
                &Run { count, sum, min: None, max: None, first: None, last: None },
            );
            for row in span.from..span.to {
                let timed = |number| (number, self.plan.time(row));
                into.extremes(
                    span.bucket,
                    self.rows.number(false, row).map(timed),
                    self.rows.number(true, row).map(timed),
                );
            }
        }
    }
}
