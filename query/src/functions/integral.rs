//! `integral`: the area under the straight lines between points.
//!
//! With windows, a line that crosses from one into another is cut at the end of the first; what is left of it belongs to
//! the window of its other end, also where windows lie between. Two oddities of InfluxDB's are kept, since whoever moves
//! from there compares: of whole numbers, the piece after the cut is as high as the cut at its far end and as the point
//! before at its near end, and rows bear the lower bound of time where those of floats bear the epoch; and read
//! backwards areas are negative and windows bear their ends.

use stripchart_core::ValueRef;

use super::points::Points;
use super::transform::Stretch;

/// Where a row begins and ends, in the order in which points come.
#[derive(Clone, Copy)]
struct Window {
    start: i64,
    end: i64,
}

/// Appends the areas to `out`, in units of value times `unit_ns`.
pub(super) fn integral<'a>(
    points: impl Iterator<Item = (i64, ValueRef<'a>)>,
    unit_ns: i64,
    stretch: Stretch,
    whole: bool,
    out: &mut Points,
) {
    let mut points = points.filter_map(|(at, value)| Some((at, value.as_f64()?)));
    let Some(mut last) = points.next() else { return };
    let mut window = window_of(last.0, stretch, whole);
    let mut area = 0.0;
    for point in points {
        let mut height = point.1;
        if last.0 == point.0 {
            last = point;
            continue;
        }
        if is_beyond(point.0, window, stretch, whole) {
            if last.0 != window.end {
                let cut = on_line(window.end, last, point);
                area += trapezoid(last, (window.end, cut), unit_ns);
                if whole {
                    height = cut;
                    last.0 = window.end;
                } else {
                    last = (window.end, cut);
                }
            }
            out.push(window.start, Some(ValueRef::Float(area)));
            window = window_of(point.0, stretch, whole);
            area = 0.0;
        }
        area += trapezoid(last, (point.0, height), unit_ns);
        last = point;
    }
    if last.0 != window.start {
        out.push(window.start, Some(ValueRef::Float(area)));
    }
}

fn window_of(at: i64, stretch: Stretch, whole: bool) -> Window {
    let (low, high) = match stretch.windows {
        Some(windows) => (windows.start(at), windows.end(at)),
        None if whole => (stretch.start, stretch.last.saturating_add(1)),
        None => (0, 0),
    };
    let (start, end) = if stretch.ascending { (low, high) } else { (high, low) };
    let unbounded = whole && start == crate::plan::time::MIN_TIME;
    Window { start: if unbounded { 0 } else { start }, end }
}

fn is_beyond(at: i64, window: Window, stretch: Stretch, whole: bool) -> bool {
    if stretch.windows.is_none() && !whole {
        return false;
    }
    if stretch.ascending { at >= window.end } else { at <= window.end }
}

fn on_line(at: i64, from: (i64, f64), to: (i64, f64)) -> f64 {
    let slope = (to.1 - from.1) / (to.0.saturating_sub(from.0)) as f64;
    from.1 + at.saturating_sub(from.0) as f64 * slope
}

fn trapezoid(from: (i64, f64), to: (i64, f64), unit_ns: i64) -> f64 {
    0.5 * (to.1 + from.1) * (to.0.saturating_sub(from.0) as f64 / unit_ns as f64)
}

#[cfg(test)]
mod tests {
    use stripchart_core::FieldType;

    use super::*;
    use crate::window::Windows;

    const POINTS: [(i64, i64); 5] = [(10, 1), (20, 5), (30, 2), (45, 9), (61, -3)];
    const ALL: Stretch = Stretch { windows: None, start: 5, last: 70, ascending: true };

    fn run(whole: bool, stretch: Stretch) -> Vec<(i64, f64)> {
        let mut points: Vec<(i64, ValueRef<'_>)> = POINTS
            .iter()
            .map(|(at, v)| {
                (*at, if whole { ValueRef::Integer(*v) } else { ValueRef::Float(*v as f64) })
            })
            .collect();
        if !stretch.ascending {
            points.reverse();
        }
        let mut out = Points::new(FieldType::Float, &[]);
        integral(points.into_iter(), 1, stretch, whole, &mut out);
        (0..out.len())
            .map(|i| (out.times[i], (out.values.get_f64(i).unwrap() * 1e4).round() / 1e4))
            .collect()
    }

    #[test]
    fn areas_are_cut_at_windows() {
        let windows = Some(Windows { interval_ns: 20, offset_ns: 0, zone: None });
        let cut = Stretch { windows, ..ALL };
        assert_eq!(run(false, cut), [(0, 30.0), (20, 78.3333), (40, 89.7917), (60, -2.625)]);
        // As InfluxDB has it of whole numbers.
        assert_eq!(run(true, cut), [(0, 30.0), (20, 78.3333), (40, 72.2917), (60, 3.375)]);
        let backwards = Stretch { ascending: false, ..cut };
        assert_eq!(
            run(true, backwards),
            [(80, 2.625), (60, 0.2083), (40, -113.3333), (40, 0.0), (20, -30.0)]
        );
    }

    #[test]
    fn without_windows_there_is_one_row() {
        assert_eq!(run(false, ALL), [(0, 195.5)]);
        assert_eq!(run(true, ALL), [(5, 195.5)]);
        let backwards = Stretch { ascending: false, ..ALL };
        assert_eq!(run(false, backwards), [(0, -195.5)]);
        assert_eq!(run(true, backwards), [(71, -195.5)]);
    }
}
