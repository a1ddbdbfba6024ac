//! Decoded numbers into buckets, where every row has one.
//!
//! Buckets of a few rows are what charts ask for; what each costs beside its rows counts. So here everything has one type, and a
//! bucket is touched once.

use super::plan::Plan;
use crate::Partials;
use crate::codec::Numbers;
use crate::partials::{Aggregates, Number, Run, Sum};

/// Rows of a bucket up to which a plain loop is quickest.
const FEW: usize = 48;

/// Whether all buckets are small, and [`add`] is for them.
pub(super) fn suits(plan: &Plan) -> bool {
    plan.spans.len() * FEW > plan.rows()
}

/// Adds a value for each row of the plan.
pub(super) fn add(values: Numbers<'_>, plan: &Plan, aggregates: Aggregates, into: &mut Partials) {
    match values {
        Numbers::Integers(v) => {
            let sum = |v: &[i64]| Sum::Integer(v.iter().fold(0, |a, b| a.wrapping_add(*b)));
            each(v, plan, aggregates, Number::Integer, sum, |a, b| a < b, into);
        }
        Numbers::Unsigned(v) => {
            let sum = |v: &[u64]| Sum::Unsigned(v.iter().fold(0, |a, b| a.wrapping_add(*b)));
            each(v, plan, aggregates, Number::Unsigned, sum, |a, b| a < b, into);
        }
        Numbers::Floats(v) => {
            let sum = |v: &[f64]| {
                let mut all = Sum::Float { sum: 0.0, lost: 0.0 };
                v.iter().for_each(|v| all.add(Number::Float(*v)));
                all
            };
            // Whatever is no NaN comes before a NaN.
            let floats = [
                |a: f64, b: f64| (a < b) | (b.is_nan() & !a.is_nan()),
                |a: f64, b| (a > b) | (b.is_nan() & !a.is_nan()),
            ];
            add_runs(v, plan, aggregates, Number::Float, sum, floats[0], floats[1], into);
        }
    }
}

fn each<T: Copy>(
    values: &[T],
    plan: &Plan,
    aggregates: Aggregates,
    number: impl Fn(T) -> Number,
    sum: impl Fn(&[T]) -> Sum,
    less: impl Fn(T, T) -> bool,
    into: &mut Partials,
) {
    add_runs(values, plan, aggregates, number, sum, &less, |a, b| less(b, a), into);
}

/// The first row whose value is better than all others.
#[inline]
fn best<T: Copy>(rows: &[T], better: impl Fn(T, T) -> bool) -> usize {
    let (mut at, mut best) = (0, rows[0]);
    for (row, value) in rows.iter().enumerate().skip(1) {
        if better(*value, best) {
            (at, best) = (row, *value);
        }
    }
    at
}

#[expect(
    clippy::too_many_arguments,
    reason = "what a type is like, which the compiler is to see through"
)]
#[inline]
fn add_runs<T: Copy>(
    values: &[T],
    plan: &Plan,
    aggregates: Aggregates,
    number: impl Fn(T) -> Number,
    sum: impl Fn(&[T]) -> Sum,
    less: impl Fn(T, T) -> bool,
    more: impl Fn(T, T) -> bool,
    into: &mut Partials,
) {
    let wants = |which| aggregates.contains(which);
    let (sums, mins, maxs) =
        (wants(Aggregates::SUM), wants(Aggregates::MIN), wants(Aggregates::MAX));
    let (firsts, lasts) = (wants(Aggregates::FIRST), wants(Aggregates::LAST));
    for span in &plan.spans {
        let Some(rows) = values.get(span.from..span.to) else { return };
        let timed = |row: usize| (number(values[row]), plan.time(row));
        let run = Run {
            count: rows.len() as u64,
            sum: sums.then(|| sum(rows)),
            min: mins.then(|| timed(span.from + best(rows, &less))),
            max: maxs.then(|| timed(span.from + best(rows, &more))),
            first: firsts.then(|| timed(span.from)),
            last: lasts.then(|| timed(span.to - 1)),
        };
        into.add_run(span.bucket, &run);
    }
}
