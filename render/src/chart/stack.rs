//! Series on one common row of instants, and sums of them.

use std::ops::Range;

use super::prepare::Prepared;
use crate::decimate::{each_column, extremes};
use crate::scale::TimeScale;

/// All series on one ascending row of instants.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) times: Vec<i64>,
    /// For each series a value for each instant, NaN where it has none.
    pub(crate) values: Vec<Vec<f64>>,
    /// For each instant whether a line may run from it to the next.
    bridged: Vec<bool>,
}

impl Grid {
    /// Puts `series` on the instants of all of them. With `interpolate`, a series that has no point where another
    /// has one counts with the value that its line has there; without, it counts for nothing there.
    pub(crate) fn new(series: &[Prepared<'_>], interpolate: bool) -> Self {
        let times = union(series);
        let mut bridged = vec![false; times.len()];
        let values =
            series.iter().map(|one| place(one, &times, interpolate, &mut bridged)).collect();
        Grid { times, values, bridged }
    }

    /// Keeps of each column of pixels only the first, the last, and the rows where the sum of all series is smallest
    /// and largest: the same rows for all series, so that what stands upon one another still adds up.
    pub(crate) fn reduce(&mut self, x: &TimeScale) {
        let total = |row: usize| {
            self.values.iter().map(|values| values[row]).filter(|v| v.is_finite()).sum::<f64>()
        };
        let totals: Vec<f64> = (0..self.times.len()).map(total).collect();
        let (mut kept, mut bridged) = (Vec::new(), Vec::new());
        each_column(&self.times, x, |_, rows| {
            let mut chosen = extremes(&totals[rows.clone()]).to_vec();
            chosen.dedup();
            for index in chosen {
                // What happens between two rows of one column is too small to see.
                bridged.extend(bridged.len().checked_sub(1).map(|_| true).filter(|_| index != 0));
                kept.push(rows.start + index);
            }
            bridged.resize(kept.len(), self.bridged[rows.end - 1]);
        });
        let pick = |column: &[f64]| kept.iter().map(|row| column[*row]).collect();
        self.values = self.values.iter().map(|column| pick(column)).collect();
        self.times = kept.iter().map(|row| self.times[*row]).collect();
        self.bridged = bridged;
    }

    /// The runs of rows in which `series` has values and is not interrupted.
    pub(crate) fn runs(&self, series: usize) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (row, value) in self.values[series].iter().enumerate() {
            if !value.is_finite() {
                continue;
            }
            match runs.last_mut() {
                Some(run) if run.end == row && self.bridged[row - 1] => run.end = row + 1,
                _ => runs.push(row..row + 1),
            }
        }
        runs
    }

    /// Each series stacked upon those before it, mirrored ones downward from zero upon the mirrored ones before.
    pub(crate) fn stacked(&self, mirrored: &[bool]) -> Vec<Layer> {
        let mut tops = [vec![0.0; self.times.len()], vec![0.0; self.times.len()]];
        let layer = |(values, mirrored): (&Vec<f64>, &bool)| {
            let top = &mut tops[usize::from(*mirrored)];
            let low = top.clone();
            for (top, value) in top.iter_mut().zip(values).filter(|(_, value)| value.is_finite()) {
                *top += if *mirrored { -value } else { *value };
            }
            Layer { low, high: top.clone() }
        };
        self.values.iter().zip(mirrored).map(layer).collect()
    }

    /// Each series for itself, from zero.
    pub(crate) fn beside(&self, mirrored: &[bool]) -> Vec<Layer> {
        let layer = |(values, mirrored): (&Vec<f64>, &bool)| {
            let signed = |value: &f64| match (value.is_finite(), mirrored) {
                (false, _) => 0.0,
                (true, false) => *value,
                (true, true) => -value,
            };
            Layer { low: vec![0.0; values.len()], high: values.iter().map(signed).collect() }
        };
        self.values.iter().zip(mirrored).map(layer).collect()
    }
}

/// Where one series begins and ends, for each instant.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) low: Vec<f64>,
    pub(crate) high: Vec<f64>,
}

/// Smallest and largest end of all layers.
pub(crate) fn ends(layers: &[Layer]) -> Option<(f64, f64)> {
    let all = || layers.iter().flat_map(|layer| layer.low.iter().chain(&layer.high)).copied();
    Some((all().reduce(f64::min)?, all().reduce(f64::max)?))
}

fn union(series: &[Prepared<'_>]) -> Vec<i64> {
    let Some((first, rest)) = series.split_first() else { return Vec::new() };
    let mut times = first.times.to_vec();
    for one in rest.iter().filter(|one| one.times != first.times) {
        times.extend_from_slice(&one.times);
    }
    // Stable sorting finds the runs that are in order already.
    times.sort();
    times.dedup();
    times
}

/// The values of `series` at `times`, marking in `bridged` where its lines run.
fn place(
    series: &Prepared<'_>,
    times: &[i64],
    interpolate: bool,
    bridged: &mut [bool],
) -> Vec<f64> {
    let mut out = vec![f64::NAN; times.len()];
    for rows in &series.segments {
        let mut to = 0;
        for row in rows.clone() {
            let (at, value) = (series.times[row], series.values[row]);
            let from = to;
            to += times[to..].partition_point(|time| *time < at);
            if row > rows.start {
                bridged[from..to].fill(true);
                if interpolate {
                    let (before, start) = (series.values[row - 1], series.times[row - 1]);
                    let span = at.abs_diff(start) as f64;
                    for between in from + 1..to {
                        let part = times[between].abs_diff(start) as f64 / span;
                        out[between] = before + (value - before) * part;
                    }
                }
            }
            if let Some(slot) = out.get_mut(to) {
                *slot = value;
            }
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "rows are ranges, also where there is one")]
mod tests {
    use super::*;
    use crate::chart::prepare::prepare;
    use crate::{MaxGap, NullPolicy, Series};
    use stripchart_core::{TimeRange, Timestamp};

    const NAN: f64 = f64::NAN;

    fn grid(series: &[Series<'_>], interpolate: bool) -> Grid {
        let prepared: Vec<_> =
            series.iter().map(|s| prepare(s, None, NullPolicy::Gap, MaxGap::Auto)).collect();
        Grid::new(&prepared, interpolate)
    }

    #[test]
    fn series_with_instants_of_their_own_meet_on_all_of_them() {
        let series = [
            Series::new("a", vec![0, 10, 20, 60, 70], vec![0.0, 10.0, 20.0, 60.0, 70.0]),
            Series::new("b", vec![5, 15, 25], vec![1.0, 1.0, NAN]),
        ];
        let got = grid(&series, true);
        assert_eq!(got.times, [0, 5, 10, 15, 20, 25, 60, 70]);
        assert_eq!(format!("{:?}", got.values[0]), "[0.0, 5.0, 10.0, 15.0, 20.0, NaN, 60.0, 70.0]");
        assert_eq!((got.runs(0), got.runs(1)), (vec![0..5, 6..8], vec![1..4]));
        let bars = grid(&series, false);
        assert_eq!(format!("{:?}", bars.values[1]), "[NaN, 1.0, NaN, 1.0, NaN, NaN, NaN, NaN]");
    }

    #[test]
    fn layers_add_up_and_mirrored_ones_go_down() {
        let one = |value: f64| Series::new("", vec![0, 10], vec![value, NAN]);
        let grid = grid(&[one(1.0), one(2.0), one(4.0), one(8.0)], true);
        let layers = grid.stacked(&[false, true, false, true]);
        let at = |index: usize| (layers[index].low[0], layers[index].high[0]);
        assert_eq!(
            [at(0), at(1), at(2), at(3)],
            [(0.0, 1.0), (0.0, -2.0), (1.0, 5.0), (-2.0, -10.0)]
        );
        assert_eq!(ends(&layers), Some((-10.0, 5.0)));
        assert_eq!(layers[3].high[1], 0.0);
    }

    #[test]
    fn what_is_kept_of_many_rows_is_the_same_for_all_series() {
        let times: Vec<i64> = (0..10_000).collect();
        let wave = |k: f64| times.iter().map(|t| (*t as f64 * k).sin() + 1.0).collect::<Vec<_>>();
        let series = [
            Series::new("a", times.clone(), wave(0.01)),
            Series::new("b", times.clone(), wave(0.37)),
        ];
        let mut grid = grid(&series, true);
        let range = TimeRange::new(Timestamp::from_nanos(0), Timestamp::from_nanos(10_000));
        let largest = |grid: &Grid| ends(&grid.stacked(&[false, false]));
        let before = largest(&grid);
        grid.reduce(&TimeScale::new(range, 0, 100));
        assert!(grid.times.len() <= 400 && grid.times.is_sorted());
        assert_eq!(largest(&grid), before);
        assert_eq!(grid.runs(0), [0..grid.times.len()]);
        assert_eq!(grid.bridged.len(), grid.times.len());
    }
}
