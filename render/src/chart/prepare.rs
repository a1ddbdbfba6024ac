//! From a series as it was given to what can be drawn: sorted, cut to the range, divided where it has gaps.

use std::borrow::Cow;
use std::ops::Range;

use crate::{MaxGap, NullPolicy, Series};

/// Distances between points that the median is taken of, at most.
const SAMPLES: usize = 255;
/// Medians that may pass between two points of one line.
const MEDIANS: i64 = 3;

/// A series ready to be drawn.
#[derive(Debug, Clone)]
pub(crate) struct Prepared<'s> {
    /// Ascending.
    pub(crate) times: Cow<'s, [i64]>,
    /// Finite within the segments.
    pub(crate) values: Cow<'s, [f64]>,
    /// Rows that one line connects; in order, none empty.
    pub(crate) segments: Vec<Range<usize>>,
    pub(crate) summary: Summary,
}

/// What the values amount to, those left out that are not finite.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Summary {
    pub(crate) count: usize,
    pub(crate) min: Option<f64>,
    pub(crate) mean: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) last: Option<f64>,
}

/// Prepares `series`, of which only what lies in `window` counts, both ends included.
pub(crate) fn prepare<'s>(
    series: &'s Series<'_>,
    window: Option<(i64, i64)>,
    policy: NullPolicy,
    max_gap: MaxGap,
) -> Prepared<'s> {
    let (mut times, mut values, limit) = sorted(series);
    if let Some((first, last)) = window {
        let from = times.partition_point(|at| *at < first);
        let to = times.partition_point(|at| *at <= last).max(from);
        times = cut(times, from..to);
        values = cut(values, from..to);
    }
    let summary = summarize(&values);
    let gap = match (policy, max_gap) {
        (NullPolicy::Connect, MaxGap::Auto) | (_, MaxGap::Unlimited) => u64::MAX,
        (_, MaxGap::Nanos(nanos)) => u64::try_from(nanos).unwrap_or(0),
        (_, MaxGap::Auto) => {
            median_step(&times).map_or(u64::MAX, |step| step.saturating_mul(MEDIANS.unsigned_abs()))
        }
    };
    if summary.count < values.len() {
        match policy {
            NullPolicy::Gap => {}
            NullPolicy::Connect => {
                let rows = || times.iter().zip(values.iter()).filter(|(_, v)| v.is_finite());
                let (new_times, new_values) =
                    rows().map(|(at, v)| (*at, *v)).unzip::<_, _, Vec<_>, Vec<_>>();
                (times, values) = (new_times.into(), new_values.into());
            }
            NullPolicy::Zero => {
                let zeroed = values.iter().map(|v| if v.is_finite() { *v } else { 0.0 });
                values = zeroed.collect::<Vec<_>>().into();
            }
        }
    }
    let filled = policy != NullPolicy::Gap || summary.count == values.len();
    let segments = match filled {
        // Leaving values out brings neighbours further apart than they were.
        true if limit <= gap && policy != NullPolicy::Connect => whole(times.len()),
        true => by_time(&times, gap),
        false => by_value_and_time(&times, &values, gap),
    };
    Prepared { times, values, segments, summary }
}

/// The columns of `series`, of equal length and in order of time, and what no step between neighbours exceeds.
fn sorted<'s>(series: &'s Series<'_>) -> (Cow<'s, [i64]>, Cow<'s, [f64]>, u64) {
    let len = series.times.len().min(series.values.len());
    let (times, values) = (&series.times[..len], &series.values[..len]);
    let limit = limit_of_steps(times);
    // A step back is seen as one of more than 2^63 nanoseconds; so are steps of more than 292 years.
    if limit <= i64::MAX.unsigned_abs() || times.is_sorted() {
        return (times.into(), values.into(), limit);
    }
    let mut rows: Vec<_> = times.iter().copied().zip(values.iter().copied()).collect();
    rows.sort_by_key(|(at, _)| *at);
    let (times, values): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
    let limit = limit_of_steps(&times);
    (times.into(), values.into(), limit)
}

/// What no step from one of the `times` to the next exceeds: all the bits that any of them has. That is less than
/// twice the longest, and unlike the longest it takes no comparison for every point.
fn limit_of_steps(times: &[i64]) -> u64 {
    let steps = times.iter().zip(times.get(1..).unwrap_or_default());
    steps.fold(0, |bits, (at, next)| bits | next.wrapping_sub(*at).cast_unsigned())
}

fn whole(len: usize) -> Vec<Range<usize>> {
    if len == 0 { Vec::new() } else { std::iter::once(0..len).collect() }
}

fn cut<T: Clone>(column: Cow<'_, [T]>, rows: Range<usize>) -> Cow<'_, [T]> {
    match column {
        Cow::Borrowed(all) => Cow::Borrowed(&all[rows]),
        Cow::Owned(mut all) => {
            all.truncate(rows.end);
            all.drain(..rows.start);
            Cow::Owned(all)
        }
    }
}

/// What `values` amount to. Almost always all of them are finite, and this runs over every point of every chart:
/// so they are taken to be, and looked at again if it turns out that they are not.
fn summarize(values: &[f64]) -> Summary {
    const LANES: usize = 8;
    let (chunks, rest) = values.as_chunks::<LANES>();
    let (mut low, mut high) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let (mut sum, mut odd) = ([0.0f64; LANES], [0.0f64; LANES]);
    for chunk in chunks {
        for lane in 0..LANES {
            let value = chunk[lane];
            low[lane] = if value < low[lane] { value } else { low[lane] };
            high[lane] = if value > high[lane] { value } else { high[lane] };
            sum[lane] += value;
            // Zero, unless the value is not finite.
            odd[lane] += value * 0.0;
        }
    }
    if odd.iter().sum::<f64>() != 0.0 || !rest.iter().all(|value| value.is_finite()) {
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        return summarize(&finite);
    }
    let Some(last) = values.last() else { return Summary::default() };
    let count = values.len() as f64;
    let mut mean = (sum.iter().sum::<f64>() + rest.iter().sum::<f64>()) / count;
    if !mean.is_finite() {
        mean = values.iter().map(|value| value / count).sum();
    }
    Summary {
        count: values.len(),
        min: low.iter().chain(rest).copied().reduce(f64::min),
        mean: Some(mean),
        max: high.iter().chain(rest).copied().reduce(f64::max),
        last: Some(*last),
    }
}

/// The median distance between neighbours, of as many as are worth looking at; none below two points.
pub(crate) fn median_step(times: &[i64]) -> Option<u64> {
    let pairs = times.len().checked_sub(1).filter(|pairs| *pairs > 0)?;
    let stride = pairs.div_ceil(SAMPLES);
    let mut steps: Vec<u64> = (0..pairs)
        .step_by(stride)
        .map(|row| times[row + 1].abs_diff(times[row]))
        .filter(|step| *step > 0)
        .collect();
    let middle = steps.len() / 2;
    (!steps.is_empty()).then(|| *steps.select_nth_unstable(middle).1)
}

/// Divides where more than `gap` passes.
fn by_time(times: &[i64], gap: u64) -> Vec<Range<usize>> {
    let mut segments = Vec::new();
    let Some(last) = times.len().checked_sub(1) else { return segments };
    let mut from = 0;
    for row in 0..last {
        if times[row + 1].abs_diff(times[row]) > gap {
            segments.push(from..row + 1);
            from = row + 1;
        }
    }
    segments.push(from..times.len());
    segments
}

/// Divides where more than `gap` passes or values are missing.
fn by_value_and_time(times: &[i64], values: &[f64], gap: u64) -> Vec<Range<usize>> {
    let mut segments: Vec<Range<usize>> = Vec::new();
    for (row, value) in values.iter().enumerate() {
        if !value.is_finite() {
            continue;
        }
        match segments.last_mut() {
            Some(last) if last.end == row && times[row].abs_diff(times[row - 1]) <= gap => {
                last.end = row + 1;
            }
            _ => segments.push(row..row + 1),
        }
    }
    segments
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "rows are ranges, also where there is one")]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn segments(
        times: &[i64],
        values: &[f64],
        policy: NullPolicy,
        gap: MaxGap,
    ) -> Vec<Range<usize>> {
        prepare(&Series::new("", times, values), None, policy, gap).segments
    }

    #[test]
    fn missing_values_and_long_waits_divide_a_line() {
        let times = [0, 10, 20, 30, 40, 90, 100, 110];
        let values = [1.0, 2.0, NAN, 4.0, f64::INFINITY, 6.0, 7.0, 8.0];
        let cases = [
            (NullPolicy::Gap, MaxGap::Auto, vec![0..2, 3..4, 5..8]),
            (NullPolicy::Gap, MaxGap::Unlimited, vec![0..2, 3..4, 5..8]),
            (NullPolicy::Zero, MaxGap::Auto, vec![0..5, 5..8]),
            (NullPolicy::Zero, MaxGap::Nanos(50), vec![0..8]),
            (NullPolicy::Connect, MaxGap::Auto, vec![0..6]),
            (NullPolicy::Connect, MaxGap::Nanos(20), vec![0..3, 3..6]),
        ];
        for (policy, gap, want) in cases {
            assert_eq!(segments(&times, &values, policy, gap), want, "{policy:?} {gap:?}");
        }
        assert_eq!(segments(&[], &[], NullPolicy::Gap, MaxGap::Auto), []);
        assert_eq!(segments(&[5], &[NAN], NullPolicy::Gap, MaxGap::Auto), []);
        assert_eq!(segments(&[5], &[1.0], NullPolicy::Gap, MaxGap::Auto), [0..1]);
    }

    #[test]
    fn gaps_are_found_wherever_they_are() {
        for missing in 1..20 {
            let times: Vec<i64> =
                (0..20).map(|i| i * 10 + if i < missing { 0 } else { 100 }).collect();
            let values = vec![1.0; 20];
            let (at, got) = (
                usize::try_from(missing).unwrap(),
                segments(&times, &values, NullPolicy::Gap, MaxGap::Auto),
            );
            assert_eq!(got, [0..at, at..20], "{missing}");
        }
    }

    #[test]
    fn instants_out_of_order_are_sorted_and_cut_to_the_range() {
        let series = Series::new("", vec![30, 10, 20, 0, 40], vec![3.0, 1.0, 2.0, 0.0, 4.0]);
        let got = prepare(&series, Some((10, 30)), NullPolicy::Gap, MaxGap::Auto);
        assert_eq!((&*got.times, &*got.values), (&[10, 20, 30][..], &[1.0, 2.0, 3.0][..]));
        let none = prepare(&series, Some((31, 5)), NullPolicy::Gap, MaxGap::Auto);
        assert!(none.segments.is_empty() && none.summary == Summary::default());
    }

    #[test]
    fn summaries_leave_out_what_is_missing() {
        let values: Vec<f64> =
            (0..21).map(|i| if i % 5 == 0 { NAN } else { f64::from(i) }).collect();
        let got = summarize(&values);
        assert_eq!(
            got,
            Summary {
                count: 16,
                min: Some(1.0),
                mean: Some(10.0),
                max: Some(19.0),
                last: Some(19.0)
            }
        );
        assert_eq!(summarize(&[f64::MAX, f64::MAX]).mean, Some(f64::MAX));
    }
}
