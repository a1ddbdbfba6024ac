//! Functions that need all points of a window at once.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;

use stripchart_core::{FieldType, ValueRef, Values};

use super::points::{Points, compare, compare_floats};

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reducer {
    Median,
    Mode,
    Stddev,
    Percentile(f64),
    Distinct,
    CountDistinct,
    Sample(usize),
    Top(usize),
    Bottom(usize),
}

impl Reducer {
    /// The type of the answer over values of `field_type`; `None` if the function does not take them.
    pub(crate) fn output(self, field_type: FieldType) -> Option<FieldType> {
        let numeric = field_type.is_numeric();
        match self {
            Reducer::Median | Reducer::Stddev => numeric.then_some(FieldType::Float),
            Reducer::Percentile(_) | Reducer::Top(_) | Reducer::Bottom(_) => {
                numeric.then_some(field_type)
            }
            Reducer::CountDistinct => Some(FieldType::Integer),
            Reducer::Mode | Reducer::Distinct | Reducer::Sample(_) => Some(field_type),
        }
    }

    /// Whether the answer is some of the points.
    pub(crate) fn is_selector(self) -> bool {
        matches!(
            self,
            Reducer::Percentile(_) | Reducer::Sample(_) | Reducer::Top(_) | Reducer::Bottom(_)
        )
    }

    /// Whether the rows keep the instants of the points even under `GROUP BY time`.
    pub(crate) fn keeps_times(self) -> bool {
        matches!(self, Reducer::Sample(_) | Reducer::Top(_) | Reducer::Bottom(_))
    }
}

/// Appends the answer over the points in `range` (not empty, in order of time, forward or backward) to `out`; a row that
/// is none of the points bears `label`. Several rows are in order of time forward, whichever way the points are.
pub(crate) fn reduce(
    f: Reducer,
    points: &Points,
    range: Range<usize>,
    label: i64,
    out: &mut Points,
) {
    match f {
        Reducer::Median => out.push(label, median(points, range)),
        Reducer::Stddev => out.push(label, stddev(points, range)),
        Reducer::Mode => {
            let index = mode(points, range);
            out.push(label, index.and_then(|index| points.values.get(index)));
        }
        Reducer::Percentile(percent) => {
            if let Some(index) = percentile(points, range, percent) {
                out.push_from(points.times[index], points, index);
            }
        }
        Reducer::Distinct => {
            for index in distinct(points, range) {
                out.push(label, points.values.get(index));
            }
        }
        Reducer::CountDistinct => {
            let count = i64::try_from(distinct(points, range).len()).unwrap_or(i64::MAX);
            out.push(label, Some(ValueRef::Integer(count)));
        }
        Reducer::Sample(n) => chosen(points, sample(points, range, n), out),
        Reducer::Top(n) => chosen(points, extremes(points, range, n, Ordering::Greater), out),
        Reducer::Bottom(n) => chosen(points, extremes(points, range, n, Ordering::Less), out),
    }
}

fn chosen(points: &Points, indexes: Vec<usize>, out: &mut Points) {
    for index in indexes {
        out.push_from(points.times[index], points, index);
    }
}

fn value(points: &Points, index: usize) -> ValueRef<'_> {
    points.values.get(index).unwrap_or(ValueRef::Boolean(false))
}

/// The places of the points, by value; equal ones stay as they are.
fn sorted(points: &Points, range: Range<usize>) -> Vec<usize> {
    let mut order: Vec<usize> = range.collect();
    match points.values.values() {
        Values::Float(v) => order.sort_by(|a, b| compare_floats(v[*a], v[*b])),
        Values::Integer(v) => order.sort_by_key(|index| v[*index]),
        _ => order.sort_by(|a, b| compare(value(points, *a), value(points, *b))),
    }
    order
}

fn median(points: &Points, range: Range<usize>) -> Option<ValueRef<'static>> {
    let order = sorted(points, range);
    let middle = order.len() / 2;
    if order.len() % 2 == 1 {
        return value(points, order[middle]).as_f64().map(ValueRef::Float);
    }
    let (low, high) = (value(points, order[middle - 1]), value(points, order[middle]));
    let span = super::binary(crate::ast::BinaryOp::Sub, Some(high), Some(low))?.as_f64()?;
    Some(ValueRef::Float(low.as_f64()? + span / 2.0))
}

/// Of the sample, with n - 1. For a single point it is NaN, which the answer shows as null but `fill` does not fill.
fn stddev(points: &Points, range: Range<usize>) -> Option<ValueRef<'static>> {
    if range.len() < 2 {
        return Some(ValueRef::Float(f64::NAN));
    }
    let numbers =
        || range.clone().filter_map(|index| value(points, index).as_f64()).filter(|v| !v.is_nan());
    let (mut count, mut mean) = (0.0, 0.0);
    for number in numbers() {
        count += 1.0;
        mean += (number - mean) / count;
    }
    let squares: f64 = numbers().map(|number| (number - mean) * (number - mean)).sum();
    let spread = if count > 1.0 { (squares / (count - 1.0)).sqrt() } else { f64::NAN };
    Some(ValueRef::Float(spread))
}

/// The place of the most frequent value.
///
/// InfluxDB walks the sorted values and lets a run win when it gets longer than the longest before, or as long and not
/// begun later; the first value of a run does not count toward winning, save for the very first. Same here.
fn mode(points: &Points, range: Range<usize>) -> Option<usize> {
    if let Values::Boolean(_) = points.values.values() {
        return boolean_mode(points, range);
    }
    let order = sorted(points, range);
    let first = *order.first()?;
    let (mut most, mut run) = ((first, 0, points.times[first]), (first, 0, points.times[first]));
    for index in order {
        if compare(value(points, index), value(points, run.0)).is_ne() {
            run = (index, 1, points.times[index]);
            continue;
        }
        run.1 += 1;
        if most.1 > run.1 || (most.1 == run.1 && run.2 > most.2) {
            continue;
        }
        most = (run.0, run.1, points.times[index]);
    }
    Some(most.0)
}

/// The place of a truth value that is at least as frequent as the other; of `true` if both are.
fn boolean_mode(points: &Points, range: Range<usize>) -> Option<usize> {
    let holds = |index: &usize| value(points, *index) == ValueRef::Boolean(true);
    let yes = range.clone().filter(holds).count();
    let wanted = yes >= range.len() - yes;
    range.into_iter().find(|index| holds(index) == wanted)
}

/// The nearest rank; none below the first or past the last.
fn percentile(points: &Points, range: Range<usize>, percent: f64) -> Option<usize> {
    let order = sorted(points, range);
    let rank = (order.len() as f64 * percent / 100.0 + 0.5).floor() - 1.0;
    let rank = usize::try_from(super::points::truncate(rank)).ok()?;
    order.get(rank).copied()
}

/// The places of the first of each value, in order of time, then of value.
fn distinct(points: &Points, range: Range<usize>) -> Vec<usize> {
    let mut seen = HashSet::new();
    let mut firsts: Vec<usize> =
        range.filter(|index| seen.insert(Key::of(value(points, *index)))).collect();
    firsts.sort_by(|a, b| {
        points.times[*a].cmp(&points.times[*b]).then(compare(value(points, *a), value(points, *b)))
    });
    firsts
}

/// A value that can be hashed.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Bits(u64),
    Text(&'a str),
}

impl<'a> Key<'a> {
    fn of(value: ValueRef<'a>) -> Self {
        match value {
            // Adding zero makes one zero of the two.
            ValueRef::Float(v) => Key::Bits((v + 0.0).to_bits()),
            ValueRef::Integer(v) => Key::Bits(v.cast_unsigned()),
            ValueRef::Unsigned(v) => Key::Bits(v),
            ValueRef::Boolean(v) => Key::Bits(u64::from(v)),
            ValueRef::Time(v) => Key::Bits(v.nanos().cast_unsigned()),
            ValueRef::String(v) => Key::Text(v),
        }
    }
}

/// `n` places drawn without replacement, in order of time. The draw is the same every time, so that an answer can be repeated.
fn sample(points: &Points, range: Range<usize>, n: usize) -> Vec<usize> {
    let mut kept: Vec<usize> = range.clone().take(n).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for (seen, index) in range.enumerate().skip(n) {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bound = u64::try_from(seen + 1).unwrap_or(u64::MAX);
        if let Ok(slot) = usize::try_from(state % bound)
            && slot < n
        {
            kept[slot] = index;
        }
    }
    kept.sort_unstable();
    kept.sort_by(|a, b| {
        points.times[*a].cmp(&points.times[*b]).then(compare(value(points, *a), value(points, *b)))
    });
    kept
}

/// The places of the `n` most extreme points, in order of time, the more extreme first at one instant. Equal values:
/// the earlier are kept.
fn extremes(points: &Points, range: Range<usize>, n: usize, wanted: Ordering) -> Vec<usize> {
    let rank = |a: &usize, b: &usize| {
        let order = compare(value(points, *a), value(points, *b));
        if wanted == Ordering::Greater { order.reverse() } else { order }
    };
    let mut order: Vec<usize> = range.collect();
    order.sort_by(|a, b| rank(a, b).then(points.times[*a].cmp(&points.times[*b])));
    order.truncate(n);
    order.sort_by_key(|index| points.times[*index]);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(f: Reducer, values: &[(i64, f64)]) -> Vec<(i64, Option<f64>)> {
        let mut points = Points::new(FieldType::Float, &[]);
        for (at, value) in values {
            points.push(*at, Some(ValueRef::Float(*value)));
        }
        let mut out = Points::new(f.output(FieldType::Float).unwrap(), &[]);
        reduce(f, &points, 0..points.len(), 100, &mut out);
        (0..out.len()).map(|i| (out.times[i], out.values.get_f64(i))).collect()
    }

    const POINTS: [(i64, f64); 6] = [(1, 2.0), (2, 4.0), (3, 4.0), (4, 5.0), (5, 5.0), (6, 9.0)];

    #[test]
    fn one_row_a_window() {
        let cases = [
            (Reducer::Median, Some(4.5)),
            (Reducer::Mode, Some(4.0)),
            (Reducer::Stddev, Some(2.316_606_713_852_541)),
            (Reducer::CountDistinct, Some(4.0)),
        ];
        for (f, want) in cases {
            assert_eq!(run(f, &POINTS), [(100, want)], "{f:?}");
        }
        assert!(run(Reducer::Stddev, &POINTS[..1])[0].1.is_some_and(f64::is_nan));
    }

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let cases = [(0.0, None), (8.0, None), (9.0, Some((1, 2.0))), (50.0, Some((3, 4.0)))];
        let cases = cases.into_iter().chain([(100.0, Some((6, 9.0))), (150.0, None)]);
        for (percent, want) in cases {
            let got = run(Reducer::Percentile(percent), &POINTS);
            assert_eq!(got, want.map(|(at, v)| (at, Some(v))).into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn several_rows_a_window() {
        let at = |rows: Vec<(i64, Option<f64>)>| rows.into_iter().map(|r| r.0).collect::<Vec<_>>();
        assert_eq!(at(run(Reducer::Top(3), &POINTS)), [4, 5, 6]);
        assert_eq!(at(run(Reducer::Bottom(2), &POINTS)), [1, 2]);
        assert_eq!(at(run(Reducer::Top(1), &[(1, 5.0), (2, 5.0)])), [1]);
        let same_time = run(Reducer::Top(2), &[(1, 1.0), (1, 3.0), (1, 2.0)]);
        assert_eq!(same_time, [(1, Some(3.0)), (1, Some(2.0))]);
        let distinct = run(Reducer::Distinct, &[(1, 9.0), (2, 1.0), (2, 0.5), (3, 9.0)]);
        assert_eq!(
            distinct.iter().map(|r| r.1).collect::<Vec<_>>(),
            [Some(9.0), Some(0.5), Some(1.0)]
        );
        assert_eq!(run(Reducer::Sample(10), &POINTS).len(), 6);
        assert_eq!(run(Reducer::Sample(2), &POINTS).len(), 2);
    }
}
