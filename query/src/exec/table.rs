//! The rows of many groups, one behind the other in the same columns.
//!
//! Groups have few rows where windows are long, and there are thousands of them: a column of its own for each would cost more than what
//! is in it.

use stripchart_core::{FieldType, FieldValue, ValueRef, Values};
use stripchart_storage::{Number, Partials};

use super::aggregate::folded;
use crate::functions::{Aggregate, filled};
use crate::plan::FillMode;
use crate::result::chunk::{Cells, CellsBuilder};

/// Columns in the making, the time first.
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: Vec<CellsBuilder>,
}

impl Table {
    /// Begins a group, whose rows bear these times; gives the place of the first.
    pub(super) fn begin(&mut self, times: impl Iterator<Item = i64>) -> usize {
        if self.columns.is_empty() {
            self.columns.push(CellsBuilder::new(Values::Time(Vec::new())));
        }
        let column = &mut self.columns[0];
        let from = column.len();
        times.for_each(|at| column.push_time(at));
        from
    }

    /// Adds what a function comes to in `rows`, each a bucket or none, to column `at`, which is the same function's in every group.
    pub(super) fn add(
        &mut self,
        at: usize,
        f: Aggregate,
        partials: &Partials,
        rows: &[Option<usize>],
        fill: &FillMode,
        windowed: bool,
    ) {
        let to = f.output(partials.field_type()).unwrap_or(FieldType::Float);
        // The first group fills the columns in order.
        if self.columns.len() <= at + 1 {
            self.columns.push(CellsBuilder::new(Values::empty(to)));
        }
        let Some(column) = self.columns.get_mut(at + 1) else { return };
        let zero = FieldValue::Integer(0);
        let missing = match fill {
            FillMode::Value(value) => Some(value),
            FillMode::Null if windowed && f == Aggregate::Count && any(partials) => Some(&zero),
            _ => None,
        };
        let missing = missing.and_then(|value| filled(value.as_ref(), to));
        match (f, to) {
            (Aggregate::Count, _) => {
                let missing = missing.and_then(integer);
                let count = |bucket| {
                    let count = i64::try_from(partials.count(bucket)).unwrap_or(i64::MAX);
                    Some(count).filter(|count| *count > 0)
                };
                column.extend_integers(rows.iter().map(|row| row.and_then(count).or(missing)));
            }
            (Aggregate::Mean, _) => {
                let missing = missing.and_then(ValueRef::as_f64);
                let mean = |bucket| {
                    let mean = partials.sum(bucket)?.as_f64() / partials.count(bucket) as f64;
                    Some(mean).filter(|mean| !mean.is_nan())
                };
                column.extend_floats(rows.iter().map(|row| row.and_then(mean).or(missing)));
            }
            (Aggregate::Min | Aggregate::Max | Aggregate::Sum, FieldType::Float) => {
                let missing = missing.and_then(ValueRef::as_f64);
                let get = |bucket| match number(f, partials, bucket)? {
                    Number::Float(v) if !v.is_nan() => Some(v),
                    _ => None,
                };
                column.extend_floats(rows.iter().map(|row| row.and_then(get).or(missing)));
            }
            (Aggregate::Min | Aggregate::Max | Aggregate::Sum, FieldType::Integer) => {
                let missing = missing.and_then(integer);
                let get = |bucket| match number(f, partials, bucket)? {
                    Number::Integer(v) => Some(v),
                    _ => None,
                };
                column.extend_integers(rows.iter().map(|row| row.and_then(get).or(missing)));
            }
            _ => any_values(column, f, partials, rows, missing),
        }
    }

    /// The columns.
    pub(super) fn finish(self) -> Vec<Cells> {
        self.columns.into_iter().map(CellsBuilder::finish).collect()
    }
}

/// The same for values of any type.
fn any_values(
    column: &mut CellsBuilder,
    f: Aggregate,
    partials: &Partials,
    rows: &[Option<usize>],
    missing: Option<ValueRef<'_>>,
) {
    for bucket in rows {
        let found = bucket.and_then(|bucket| folded(f, partials, bucket));
        let value = found.as_ref().map(|(_, value)| value.as_ref()).or(missing);
        column.push(value.filter(|value| !matches!(value, ValueRef::Float(v) if v.is_nan())));
    }
}

fn integer(value: ValueRef<'_>) -> Option<i64> {
    match value {
        ValueRef::Integer(v) => Some(v),
        _ => None,
    }
}

fn any(partials: &Partials) -> bool {
    (0..partials.buckets()).any(|bucket| partials.count(bucket) > 0)
}

fn number(f: Aggregate, partials: &Partials, bucket: usize) -> Option<Number> {
    match f {
        Aggregate::Min => partials.min(bucket).map(|(number, _)| number),
        Aggregate::Max => partials.max(bucket).map(|(number, _)| number),
        _ => partials.sum(bucket),
    }
}
