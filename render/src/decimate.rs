//! Fewer points for the same picture.
//!
//! Of all points in one column of pixels, the first, the last, the lowest and the highest decide which pixels a line
//! colours: from column to column it runs from the last point of one to the first of the next, and within a column
//! it covers everything between the lowest and the highest. Leaving out the others therefore changes no pixel of a
//! line drawn without anti-aliasing (M4: Jugel, Jerzak, Hackenbroich, Markl, 2014).

use crate::scale::{TimeScale, ValueScale};

/// Points per column up to which nothing is gained by leaving some out.
pub(crate) const WORTHWHILE: usize = 4;

/// Appends to `out` where the points are, all of which must be finite except inside a column: reduced to four a column if `reduce`, each of
/// them in the middle of its column; otherwise one by one.
pub(crate) fn trace(
    times: &[i64],
    values: &[f64],
    reduce: bool,
    x: &TimeScale,
    y: &ValueScale,
    out: &mut Vec<(i32, i32)>,
) {
    if !reduce {
        out.extend(times.iter().zip(values).map(|(at, value)| (x.x(*at), y.y(*value))));
        return;
    }
    each_column(times, x, |column, rows| {
        let at = x.column_x(column);
        let (mut last, values) = (None, &values[rows]);
        for index in extremes(values) {
            if last != Some(index) {
                out.push((at, y.y(values[index])));
            }
            last = Some(index);
        }
    });
}

/// Calls `visit` for every column that has points, with the rows that fall into it. What is before the first column
/// counts to it, what is after the last to the last.
pub(crate) fn each_column(
    times: &[i64],
    x: &TimeScale,
    mut visit: impl FnMut(u32, std::ops::Range<usize>),
) {
    let last = x.columns() - 1;
    let (mut row, mut guess) = (0, 1);
    // The column of the row at hand, as far as it is known without a division, and where the next one begins.
    let (mut column, mut limit) = (0, i64::MIN);
    while let Some(at) = times.get(row) {
        if *at >= limit {
            column = x.column(*at);
            limit = x.column_start(column + 1);
        }
        let end =
            if column == last { times.len() } else { row + before(&times[row..], limit, guess) };
        visit(column, row..end);
        (guess, row) = (end - row, end);
        if column < last {
            column += 1;
            limit = x.column_start(column + 1);
        }
    }
}

/// How many of the ascending `times` are before `limit`, at least one; quick if it is about as many as `guess`.
fn before(times: &[i64], limit: i64, guess: usize) -> usize {
    for count in [guess, guess + 1, guess.saturating_sub(1)] {
        let fits = count > 0 && count <= times.len() && times[count - 1] < limit;
        if fits && times.get(count).is_none_or(|next| *next >= limit) {
            return count;
        }
    }
    let mut reach = 1;
    while reach < times.len() && times[reach] < limit {
        reach *= 2;
    }
    let from = reach / 2;
    let window = &times[from..times.len().min(reach)];
    (from + window.partition_point(|at| *at < limit)).max(1)
}

/// The rows of the first, lowest, highest and last value, in the order of rows; of equals the first.
pub(crate) fn extremes(values: &[f64]) -> [usize; 4] {
    let (low, high) = lowest_and_highest(values);
    [0, low.min(high), low.max(high), values.len().saturating_sub(1)]
}

/// Columns of fewer values are not worth the lanes.
const FEW: usize = 64;

fn lowest_and_highest(values: &[f64]) -> (usize, usize) {
    if values.len() < FEW {
        let (mut low, mut high) = (0, 0);
        for (index, value) in values.iter().enumerate() {
            low = if *value < values[low] { index } else { low };
            high = if *value > values[high] { index } else { high };
        }
        return (low, high);
    }
    // The values first, in lanes that the compiler can keep in one register; then where they are.
    const LANES: usize = 8;
    let Some(first) = values.first() else { return (0, 0) };
    let (mut low, mut high) = ([*first; LANES], [*first; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            low[lane] = if chunk[lane] < low[lane] { chunk[lane] } else { low[lane] };
            high[lane] = if chunk[lane] > high[lane] { chunk[lane] } else { high[lane] };
        }
    }
    let (mut lowest, mut highest) = (*first, *first);
    for value in low.iter().chain(&high).chain(rest) {
        lowest = if *value < lowest { *value } else { lowest };
        highest = if *value > highest { *value } else { highest };
    }
    let find = |wanted: f64| values.iter().position(|value| *value == wanted).unwrap_or(0);
    (find(lowest), find(highest))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;
    use stripchart_core::{TimeRange, Timestamp};

    /// The pixels that Bresenham's algorithm colours for a line through `points`.
    fn raster(points: &[(i32, i32)]) -> BTreeSet<(i32, i32)> {
        let mut pixels: BTreeSet<_> = points.first().copied().into_iter().collect();
        for pair in points.windows(2) {
            let ((mut x, mut y), to) = (pair[0], pair[1]);
            let (dx, dy) = ((to.0 - x).abs(), -(to.1 - y).abs());
            let (sx, sy) = ((to.0 - x).signum(), (to.1 - y).signum());
            let mut error = dx + dy;
            while (x, y) != to {
                let twice = 2 * error;
                if twice >= dy {
                    error += dy;
                    x += sx;
                }
                if twice <= dx {
                    error += dx;
                    y += sy;
                }
                pixels.insert((x, y));
            }
        }
        pixels
    }

    fn pixels(points: &[(i32, i32)]) -> Vec<(i32, i32)> {
        points.iter().map(|(x, y)| (x.div_euclid(10), y.div_euclid(10))).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn leaving_points_out_changes_no_pixel(
            steps in prop::collection::vec((0i64..40, prop_oneof![-1e3..1e3, Just(0.0), Just(-5e4), Just(5e4)]), 1..3000),
            width in 1u32..200,
            spare in 0i64..1000,
        ) {
            let mut at = 0;
            let times: Vec<i64> = steps.iter().map(|(step, _)| { at += step; at }).collect();
            let values: Vec<f64> = steps.iter().map(|(_, value)| *value).collect();
            let range = TimeRange::new(Timestamp::from_nanos(0), Timestamp::from_nanos(at + 1 + spare));
            let x = TimeScale::new(range, 7, width);
            let y = ValueScale::new(-5e4, 5e4, 3, 90);
            let mut full = Vec::new();
            for (at, value) in times.iter().zip(&values) {
                full.push((x.column_x(x.column(*at)), y.y(*value)));
            }
            let mut reduced = Vec::new();
            trace(&times, &values, true, &x, &y, &mut reduced);
            prop_assert!(reduced.len() <= 4 * width as usize);
            prop_assert_eq!(raster(&pixels(&reduced)), raster(&pixels(&full)));
        }

        #[test]
        fn the_extremes_are_found_wherever_they_are(values in prop::collection::vec(-9i32..9, 1..200)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let (low, high) = lowest_and_highest(&values);
            let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
            let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(Some(low), values.iter().position(|v| *v == lowest));
            prop_assert_eq!(Some(high), values.iter().position(|v| *v == highest));
        }
    }

    #[test]
    fn points_outside_belong_to_the_columns_at_the_edges() {
        let range = TimeRange::new(Timestamp::from_nanos(100), Timestamp::from_nanos(200));
        let x = TimeScale::new(range, 0, 10);
        let mut seen = Vec::new();
        each_column(&[i64::MIN, 99, 100, 109, 110, 199, 200, i64::MAX], &x, |column, rows| {
            seen.push((column, rows));
        });
        assert_eq!(seen, [(0, 0..4), (1, 4..5), (9, 5..8)]);
    }
}
