//! Sums, smallest and largest of decoded values, row ranges at a time.
//!
//! Written so that the compiler makes vector code of them: several sums side by side, comparisons without branches. Float sums are
//! compensated in every lane (Knuth's two-sum), so they come out as a sum in order with Neumaier's correction does.

use std::ops::Range;

use stripchart_core::Values;

use crate::partials::{Aggregates, Number, Sum};

/// What a run of values adds up to. Rows count from the first of the block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Aggregate {
    /// How many values.
    pub(crate) count: usize,
    /// Their sum; zero unless it was asked for.
    pub(crate) sum: Sum,
    /// The smallest and its earliest row; `None` without values, or unless it was asked for.
    pub(crate) min: Option<(Number, usize)>,
    /// The largest and its earliest row.
    pub(crate) max: Option<(Number, usize)>,
}

/// Sums that are kept side by side.
const LANES: usize = 8;

/// Adds up a range of `values`, if they are numbers; rows count from the start of the range.
pub(crate) fn aggregate_values(
    values: &Values,
    range: Range<usize>,
    which: Aggregates,
) -> Option<Aggregate> {
    Some(match values {
        Values::Float(v) => of_floats(v.get(range)?, which),
        Values::Integer(v) => of_ints(v.get(range)?, which),
        Values::Unsigned(v) => of_uints(v.get(range)?, which),
        _ => return None,
    })
}

pub(super) fn of_ints(values: &[i64], which: Aggregates) -> Aggregate {
    let sum = if which.contains(Aggregates::SUM) {
        values.iter().fold(0i64, |sum, v| sum.wrapping_add(*v))
    } else {
        0
    };
    Aggregate {
        count: values.len(),
        sum: Sum::Integer(sum),
        min: extreme(values, which.contains(Aggregates::MIN), |a, b| a < b).map(integer),
        max: extreme(values, which.contains(Aggregates::MAX), |a, b| a > b).map(integer),
    }
}

pub(super) fn of_uints(values: &[u64], which: Aggregates) -> Aggregate {
    let sum = if which.contains(Aggregates::SUM) {
        values.iter().fold(0u64, |sum, v| sum.wrapping_add(*v))
    } else {
        0
    };
    let unsigned = |(value, row)| (Number::Unsigned(value), row);
    Aggregate {
        count: values.len(),
        sum: Sum::Unsigned(sum),
        min: extreme(values, which.contains(Aggregates::MIN), |a, b| a < b).map(unsigned),
        max: extreme(values, which.contains(Aggregates::MAX), |a, b| a > b).map(unsigned),
    }
}

pub(super) fn of_floats(values: &[f64], which: Aggregates) -> Aggregate {
    let sum = if which.contains(Aggregates::SUM) {
        sum_floats(values)
    } else {
        Sum::Float { sum: 0.0, lost: 0.0 }
    };
    Aggregate {
        count: values.len(),
        sum,
        min: extreme_float(values, which.contains(Aggregates::MIN), f64::INFINITY, |a, b| a < b),
        max: extreme_float(values, which.contains(Aggregates::MAX), f64::NEG_INFINITY, |a, b| {
            a > b
        }),
    }
}

fn integer((value, row): (i64, usize)) -> (Number, usize) {
    (Number::Integer(value), row)
}

/// The value that is `better` than all others, and where it stands first.
fn extreme<T: Copy + PartialEq>(
    values: &[T],
    wanted: bool,
    better: impl Fn(T, T) -> bool,
) -> Option<(T, usize)> {
    let first = *values.first().filter(|_| wanted)?;
    let mut best = [first; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (best, value) in best.iter_mut().zip(chunk) {
            *best = if better(*value, *best) { *value } else { *best };
        }
    }
    let best = best.iter().chain(rest).fold(first, |a, b| if better(*b, a) { *b } else { a });
    let row = values.iter().position(|value| *value == best)?;
    Some((best, row))
}

/// As [`extreme`]; a NaN counts only where there is nothing else.
fn extreme_float(
    values: &[f64],
    wanted: bool,
    worst: f64,
    better: impl Fn(f64, f64) -> bool,
) -> Option<(Number, usize)> {
    let first = *values.first().filter(|_| wanted)?;
    let mut best = [worst; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (best, value) in best.iter_mut().zip(chunk) {
            *best = if better(*value, *best) { *value } else { *best };
        }
    }
    let best = best.iter().chain(rest).fold(worst, |a, b| if better(*b, a) { *b } else { a });
    // The value as it stands in its row: -0.0 and 0.0 are equal.
    match values.iter().position(|value| *value == best) {
        Some(row) => Some((Number::Float(values[row]), row)),
        None => Some((Number::Float(first), 0)),
    }
}

fn sum_floats(values: &[f64]) -> Sum {
    let mut sums = [0.0f64; LANES];
    let mut lost = [0.0f64; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let (sum, value) = (sums[lane], chunk[lane]);
            let total = sum + value;
            let shadow = total - sum;
            lost[lane] += (sum - (total - shadow)) + (value - shadow);
            sums[lane] = total;
        }
    }
    let mut all = Sum::Float { sum: 0.0, lost: lost.iter().sum() };
    sums.iter().chain(rest).for_each(|value| all.add(Number::Float(*value)));
    match all {
        Sum::Float { sum, lost } if sum.is_finite() && lost.is_finite() => all,
        // Infinities and NaN spoil what was lost: once more in order.
        _ => {
            let mut all = Sum::Float { sum: 0.0, lost: 0.0 };
            values.iter().for_each(|value| all.add(Number::Float(*value)));
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(values: &[f64]) -> Aggregate {
        let mut all = Aggregate {
            count: values.len(),
            sum: Sum::Float { sum: 0.0, lost: 0.0 },
            min: None,
            max: None,
        };
        for (row, value) in values.iter().enumerate() {
            all.sum.add(Number::Float(*value));
            let beats = |have: Option<(Number, usize)>, less: bool| match have {
                None => true,
                Some((Number::Float(old), _)) if old.is_nan() => !value.is_nan(),
                Some((Number::Float(old), _)) => {
                    if less {
                        *value < old
                    } else {
                        *value > old
                    }
                }
                Some(_) => false,
            };
            if beats(all.min, true) {
                all.min = Some((Number::Float(*value), row));
            }
            if beats(all.max, false) {
                all.max = Some((Number::Float(*value), row));
            }
        }
        all
    }

    fn same(a: Option<(Number, usize)>, b: Option<(Number, usize)>) -> bool {
        match (a, b) {
            (Some((Number::Float(a), i)), Some((Number::Float(b), j))) => {
                i == j && (a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
            }
            (a, b) => a == b,
        }
    }

    #[test]
    fn odd_floats_are_aggregated_as_one_by_one() {
        let odd =
            [f64::NAN, 0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, 1e308, -1e308, 5e-324, 1.0];
        for len in 0..40 {
            for shift in 0..odd.len() {
                let values: Vec<f64> =
                    (0..len).map(|at| odd[(at * (shift + 1) + shift) % odd.len()]).collect();
                let (got, want) = (of_floats(&values, Aggregates::ALL), naive(&values));
                assert!(same(got.min, want.min) && same(got.max, want.max), "{values:?}");
                match (got.sum.total(), want.sum.total()) {
                    (Number::Float(a), Number::Float(b)) => {
                        assert!(a == b || (a.is_nan() && b.is_nan()), "{values:?}: {a} {b}");
                    }
                    _ => panic!("floats"),
                }
            }
        }
        assert_eq!(
            of_floats(&[f64::NAN, f64::NAN], Aggregates::MIN).min.map(|(_, row)| row),
            Some(0)
        );
    }

    proptest! {
        #[test]
        fn sums_are_as_exact_as_in_order(values in prop::collection::vec(-1e12..1e12f64, 0..300)) {
            let (got, want) = (of_floats(&values, Aggregates::ALL), naive(&values));
            prop_assert_eq!(got.sum.total(), want.sum.total());
            prop_assert_eq!((got.min, got.max), (want.min, want.max));
        }

        #[test]
        fn integers_keep_the_earliest_extreme(values in prop::collection::vec(-3..3i64, 1..100)) {
            let got = of_ints(&values, Aggregates::ALL);
            let min = values.iter().enumerate().min_by_key(|(_, v)| **v).unwrap();
            let max = values.iter().enumerate().rev().max_by_key(|(_, v)| **v).unwrap();
            prop_assert_eq!(got.min, Some((Number::Integer(*min.1), min.0)));
            prop_assert_eq!(got.max, Some((Number::Integer(*max.1), max.0)));
            prop_assert_eq!(got.sum, Sum::Integer(values.iter().sum()));
        }
    }
}
