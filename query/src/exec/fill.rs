//! What stands in windows without points.

use stripchart_core::{FieldType, FieldValue, ValueRef};

use crate::functions::{Points, cast, filled, truncate};
use crate::plan::FillMode;
use crate::window::Windows;

/// The windows that the answer must have rows for, in the order of the answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// The first window's start; `None` means the one of the first point.
    pub first: Option<i64>,
    /// The last window's start; `None` means the one of the last point.
    pub last: Option<i64>,
    pub windows: Windows,
    /// Whether time runs forward.
    pub ascending: bool,
}

impl Span {
    /// How many windows there are, given the points' own ends.
    pub(crate) fn count(&self, points: &Points) -> u64 {
        let (Some(first), Some(last)) = (points.times.first(), points.times.last()) else {
            return 0;
        };
        let (first, last) = (self.first.unwrap_or(*first), self.last.unwrap_or(*last));
        let span = (i128::from(last) - i128::from(first)).unsigned_abs();
        let steps = span / i128::from(self.windows.interval_ns).unsigned_abs();
        u64::try_from(steps.saturating_add(1)).unwrap_or(u64::MAX)
    }

    /// The window after the one that begins at `label`, in the order of the answer.
    fn next(&self, label: i64) -> i64 {
        if self.ascending { self.windows.end(label) } else { self.windows.previous(label) }
    }
}

/// `points` (at most one per window, in the order of `span`) with rows for the windows between. Without points there is
/// nothing to fill.
pub(crate) fn fill(points: &Points, mode: &FillMode, span: Span) -> Points {
    let (Some(first), Some(last)) = (points.times.first(), points.times.last()) else {
        return points.pick(0..0);
    };
    let mut out = points.pick(0..0);
    let (mut label, end) = (span.first.unwrap_or(*first), span.last.unwrap_or(*last));
    let mut next = 0;
    let mut previous: Option<usize> = None;
    let beyond = |label: i64| if span.ascending { label > end } else { label < end };
    while next < points.len() || !beyond(label) {
        let due = points
            .times
            .get(next)
            .is_some_and(|at| if span.ascending { *at <= label } else { *at >= label });
        if due {
            out.push_from(points.times[next], points, next);
            previous = Some(next);
            next += 1;
        } else {
            let value = filler(points, mode, previous, next, label, span.windows.interval_ns);
            out.push(label, value.as_ref().map(FieldValue::as_ref));
        }
        let after = span.next(label);
        if after == label {
            break; // the end of what 64 bits hold
        }
        label = after;
    }
    out
}

fn filler(
    points: &Points,
    mode: &FillMode,
    previous: Option<usize>,
    next: usize,
    label: i64,
    interval_ns: i64,
) -> Option<FieldValue> {
    let at = |index: usize| points.values.get(index);
    match mode {
        FillMode::None | FillMode::Null => None,
        FillMode::Value(value) => {
            filled(value.as_ref(), points.field_type()).and_then(ValueRef::to_field_value)
        }
        FillMode::Previous => at(previous?).and_then(ValueRef::to_field_value),
        FillMode::Linear => {
            let (before, after) = (previous?, Some(next).filter(|next| *next < points.len())?);
            let line = (at(before)?.as_f64()?, at(after)?.as_f64()?);
            // Counted in windows, as InfluxDB does: nanoseconds would round differently.
            let windows = |to: i64| (to / interval_ns - points.times[before] / interval_ns) as f64;
            let value = (line.1 - line.0) / windows(points.times[after]) * windows(label) + line.0;
            match points.field_type() {
                FieldType::Float => Some(FieldValue::Float(value)),
                FieldType::Integer => Some(FieldValue::Integer(truncate(value))),
                FieldType::Unsigned => cast(ValueRef::Float(value), FieldType::Unsigned)
                    .and_then(ValueRef::to_field_value),
                _ => None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(mode: &FillMode, ascending: bool) -> Vec<(i64, Option<f64>)> {
        let mut points = Points::new(FieldType::Float, &[]);
        for (at, value) in [(10, 1.0), (40, 7.0)] {
            points.push(at, Some(ValueRef::Float(value)));
        }
        let windows = Windows { interval_ns: 10, offset_ns: 0, zone: None };
        let (points, span) = if ascending {
            (points, Span { first: Some(0), last: Some(50), windows, ascending })
        } else {
            (points.reversed(), Span { first: Some(50), last: None, windows, ascending })
        };
        assert_eq!(span.count(&points), if ascending { 6 } else { 5 });
        let out = fill(&points, mode, span);
        (0..out.len()).map(|i| (out.times[i], out.values.get_f64(i))).collect()
    }

    #[test]
    fn gaps_are_filled_as_asked() {
        let values = |mode, up| run(&mode, up).into_iter().map(|r| r.1).collect::<Vec<_>>();
        let (one, seven) = (Some(1.0), Some(7.0));
        assert_eq!(values(FillMode::Null, true), [None, one, None, None, seven, None]);
        assert_eq!(values(FillMode::Previous, true), [None, one, one, one, seven, seven]);
        assert_eq!(values(FillMode::Linear, true), [None, one, Some(3.0), Some(5.0), seven, None]);
        let nine = FillMode::Value(FieldValue::Integer(9));
        let filled = Some(9.0);
        assert_eq!(values(nine, true), [filled, one, filled, filled, seven, filled]);
        assert_eq!(
            run(&FillMode::Previous, false),
            [(50, None), (40, seven), (30, seven), (20, seven), (10, one)]
        );
    }
}
