//! Functions of each point and those before it.

use std::collections::VecDeque;

use stripchart_core::{FieldType, FieldValue, ValueRef};

use super::holt_winters::{Ask, HoltWinters};
use super::integral::integral;
use super::points::Points;
use super::technical::Technical;
use crate::QueryError;
use crate::ast::BinaryOp;
use crate::window::Windows;

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transform {
    Derivative { unit_ns: i64, non_negative: bool },
    Difference { non_negative: bool },
    Elapsed { unit_ns: i64 },
    MovingAverage(usize),
    CumulativeSum,
    Technical(Technical),
    Integral { unit_ns: i64 },
    HoltWinters(HoltWinters),
}

/// Where the points lie that a function is to be computed over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    pub windows: Option<Windows>,
    /// The bounds of time, both inside.
    pub start: i64,
    pub last: i64,
    /// Whether time runs forward.
    pub ascending: bool,
}

impl Transform {
    /// What it is called where its argument is refused.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Transform::Derivative { .. } => "derivative",
            Transform::Difference { .. } => "difference",
            // InfluxDB's message of a forecast says so.
            Transform::Elapsed { .. } | Transform::HoltWinters(_) => "elapsed",
            Transform::MovingAverage(_) => "moving average",
            Transform::CumulativeSum => "cumulative sum",
            Transform::Technical(f) => f.indicator.words(),
            Transform::Integral { .. } => "integral",
        }
    }

    /// How many windows before those asked for the function may have to see.
    pub(crate) fn reaches_back(self) -> usize {
        match self {
            Transform::MovingAverage(n) => n,
            Transform::Technical(f) => f.period,
            Transform::Integral { .. } | Transform::HoltWinters(_) => 0,
            _ => 1,
        }
    }

    /// Whether a window more is computed, so that the first row has something before it.
    pub(crate) fn looks_back(self) -> bool {
        !matches!(
            self,
            Transform::CumulativeSum | Transform::Integral { .. } | Transform::HoltWinters(_)
        )
    }

    /// The type of the answer over values of `field_type`; `None` if the function does not take them.
    pub(crate) fn output(self, field_type: FieldType) -> Option<FieldType> {
        match self {
            Transform::Elapsed { .. } => Some(FieldType::Integer),
            Transform::Derivative { .. }
            | Transform::MovingAverage(_)
            | Transform::Integral { .. } => field_type.is_numeric().then_some(FieldType::Float),
            Transform::Technical(_) => Technical::output(field_type),
            Transform::HoltWinters(_) => {
                let takes = matches!(field_type, FieldType::Float | FieldType::Integer);
                takes.then_some(FieldType::Float)
            }
            Transform::Difference { .. } | Transform::CumulativeSum => {
                field_type.is_numeric().then_some(field_type)
            }
        }
    }
}

/// The answer over `points`, which are in order of time, ascending or not. Null points are passed over.
///
/// `ask` is asked for memory beyond that of the answer, and whether to go on.
pub(crate) fn transform(
    f: Transform,
    points: &Points,
    stretch: Stretch,
    ask: &mut Ask<'_>,
) -> Result<Points, QueryError> {
    let output = f.output(points.field_type()).unwrap_or(FieldType::Float);
    let mut out = Points::new(output, &[]);
    let valid = (0..points.len()).filter_map(|i| Some((points.times[i], points.values.get(i)?)));
    match f {
        Transform::Derivative { unit_ns, non_negative } => pairs(valid, |before, now| {
            let rise = difference(now.1, before.1)?.as_ref().as_f64()?;
            let elapsed = now.0.saturating_sub(before.0);
            let elapsed = if stretch.ascending { elapsed } else { elapsed.saturating_neg() };
            if non_negative && rise < 0.0 {
                return None;
            }
            let slope = if elapsed > 0 { rise / (elapsed as f64 / unit_ns as f64) } else { 0.0 };
            out.push(now.0, Some(ValueRef::Float(slope)));
            Some(())
        }),
        Transform::Difference { non_negative } => pairs(valid, |before, now| {
            let rise = difference(now.1, before.1)?;
            let negative = match rise {
                FieldValue::Float(v) => v < 0.0,
                FieldValue::Integer(v) => v < 0,
                _ => false,
            };
            if !(non_negative && negative) {
                out.push(now.0, Some(rise.as_ref()));
            }
            Some(())
        }),
        Transform::Elapsed { unit_ns } => {
            let mut before = None;
            for (at, _) in valid {
                if let Some(before) = before.replace(at) {
                    let elapsed = at.saturating_sub(before) / unit_ns;
                    out.push(at, Some(ValueRef::Integer(elapsed)));
                }
            }
        }
        Transform::MovingAverage(n) => moving_average(valid, n, &mut out),
        Transform::CumulativeSum => cumulative_sum(valid, &mut out),
        Transform::Technical(f) => f.run(valid, &mut out),
        Transform::Integral { unit_ns } => {
            let whole = points.field_type() != FieldType::Float;
            integral(valid, unit_ns, stretch, whole, &mut out);
        }
        Transform::HoltWinters(f) => return f.forecast(points, ask),
    }
    Ok(out)
}

/// Calls `each` with neighbours; of points at one instant only the first counts.
fn pairs<'a>(
    points: impl Iterator<Item = (i64, ValueRef<'a>)>,
    mut each: impl FnMut((i64, ValueRef<'a>), (i64, ValueRef<'a>)) -> Option<()>,
) {
    let mut last: Option<(i64, ValueRef<'a>)> = None;
    for point in points {
        match last {
            Some(before) if before.0 == point.0 => continue,
            Some(before) => {
                each(before, point);
            }
            None => {}
        }
        last = Some(point);
    }
}

fn difference(now: ValueRef<'_>, before: ValueRef<'_>) -> Option<FieldValue> {
    super::binary(BinaryOp::Sub, Some(now), Some(before)).and_then(ValueRef::to_field_value)
}

fn moving_average<'a>(
    points: impl Iterator<Item = (i64, ValueRef<'a>)>,
    n: usize,
    out: &mut Points,
) {
    let mut window = VecDeque::with_capacity(n.min(1024));
    // Whole numbers are added as such, and wrap.
    let (mut sum, mut whole) = (0.0, 0i64);
    for (at, value) in points {
        let integer = match value {
            ValueRef::Integer(v) => Some(v),
            ValueRef::Unsigned(v) => Some(v.cast_signed()),
            _ => None,
        };
        let float = value.as_f64().unwrap_or_default();
        if window.len() == n {
            let (float, integer) = window.pop_front().unwrap_or_default();
            sum -= float;
            whole = whole.wrapping_sub(integer);
        }
        window.push_back((float, integer.unwrap_or_default()));
        sum += float;
        whole = whole.wrapping_add(integer.unwrap_or_default());
        if window.len() == n {
            let sum = match value {
                ValueRef::Integer(_) => whole as f64,
                ValueRef::Unsigned(_) => whole.cast_unsigned() as f64,
                _ => sum,
            };
            out.push(at, Some(ValueRef::Float(sum / n as f64)));
        }
    }
}

fn cumulative_sum<'a>(points: impl Iterator<Item = (i64, ValueRef<'a>)>, out: &mut Points) {
    let mut sum: Option<FieldValue> = None;
    for (at, value) in points {
        let next = match &sum {
            None => value.to_field_value(),
            Some(sum) => super::binary(BinaryOp::Add, Some(sum.as_ref()), Some(value))
                .and_then(ValueRef::to_field_value),
        };
        out.push(at, next.as_ref().map(FieldValue::as_ref));
        sum = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(f: Transform, values: &[(i64, i64)]) -> Vec<(i64, f64)> {
        let mut points = Points::new(FieldType::Integer, &[]);
        for (at, value) in values {
            points.push(*at, Some(ValueRef::Integer(*value)));
        }
        let ascending = values.is_sorted_by_key(|point| point.0);
        let stretch = Stretch { windows: None, start: 0, last: 100, ascending };
        let out = transform(f, &points, stretch, &mut |_| Ok(())).unwrap();
        (0..out.len()).map(|i| (out.times[i], out.values.get_f64(i).unwrap())).collect()
    }

    const POINTS: [(i64, i64); 5] = [(0, 10), (10, 15), (10, 99), (20, 10), (40, 20)];

    #[test]
    fn neighbours_are_compared() {
        let derivative = |non_negative| Transform::Derivative { unit_ns: 10, non_negative };
        assert_eq!(run(derivative(false), &POINTS), [(10, 5.0), (20, -5.0), (40, 5.0)]);
        assert_eq!(run(derivative(true), &POINTS), [(10, 5.0), (40, 5.0)]);
        let difference = |non_negative| Transform::Difference { non_negative };
        assert_eq!(run(difference(false), &POINTS), [(10, 5.0), (20, -5.0), (40, 10.0)]);
        assert_eq!(run(difference(true), &POINTS), [(10, 5.0), (40, 10.0)]);
        let elapsed = run(Transform::Elapsed { unit_ns: 1 }, &POINTS);
        assert_eq!(elapsed, [(10, 10.0), (10, 0.0), (20, 10.0), (40, 20.0)]);
        // Read backwards, InfluxDB's derivative changes its sign.
        assert_eq!(run(derivative(false), &[(10, 15), (0, 10)]), [(0, -5.0)]);
    }

    #[test]
    fn sums_run() {
        let points = [(0, 1), (1, 2), (2, 6)];
        assert_eq!(run(Transform::CumulativeSum, &points), [(0, 1.0), (1, 3.0), (2, 9.0)]);
        assert_eq!(run(Transform::MovingAverage(2), &points), [(1, 1.5), (2, 4.0)]);
        assert_eq!(run(Transform::MovingAverage(4), &points), []);
    }
}
