//! From a panel's queries to the series it draws.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use stripchart_core::{Frame, FrameRequest};

use super::{Combine, DrawContext, Macros, Panel, PanelQuery};
use crate::{LabelTemplate, Series};

/// A question as it was put, so that a reader can see it and repeat it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The database.
    pub database: String,
    /// The statement, macros replaced.
    pub statement: String,
    /// The source's own words, if it could not answer.
    pub error: Option<String>,
}

/// What a panel's queries came to.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) series: Vec<Series<'static>>,
    pub(super) asked: Vec<Asked>,
    /// Series left out to keep the picture readable.
    pub(super) left_out: usize,
}

/// Puts all queries of `panel`; one that fails does not keep the others from being drawn.
pub(super) fn run(panel: &Panel, context: &DrawContext<'_>, macros: &Macros<'_>) -> Answers {
    let mut answers = Answers::default();
    for query in &panel.queries {
        let database = if query.database.is_empty() { context.database } else { &query.database };
        let mut asked = Asked {
            database: database.to_owned(),
            statement: macros.expand(&query.statement),
            error: None,
        };
        let request = FrameRequest {
            database,
            retention_policy: None,
            statement: &asked.statement,
            now: context.now,
        };
        match context.source.frames(&request) {
            Ok(frames) => answers.series.extend(series_of(query, &frames)),
            Err(error) if is_absence(&error.to_string()) => {}
            Err(error) => asked.error = Some(error.to_string()),
        }
        answers.asked.push(asked);
    }
    if panel.hide_zero {
        let is_zero = |series: &Series<'_>| series.values.iter().all(|v| *v == 0.0 || v.is_nan());
        // All zero is an answer, too.
        if !answers.series.iter().all(is_zero) {
            answers.series.retain(|series| !is_zero(series));
        }
    }
    answers.left_out = keep_largest(&mut answers.series, panel.max_series);
    answers
}

/// Whether an error only says that nothing was stored yet.
pub(crate) fn is_absence(error: &str) -> bool {
    error.contains("database not found")
        || error.contains("measurement not found")
        || error.contains("retention policy not found")
}

fn series_of(query: &PanelQuery, frames: &[Frame]) -> Vec<Series<'static>> {
    let label = LabelTemplate::new(&query.label);
    let mut each = Vec::new();
    for frame in frames {
        let Some(times) = frame.times() else { continue };
        for column in frame.columns.iter().filter(|c| c.values().field_type().is_some()) {
            let points = times.iter().enumerate().map(|(row, at)| (*at, column.get_f64(row)));
            let points: Vec<_> = points.collect();
            if points.iter().any(|(_, value)| value.is_some_and(f64::is_finite)) {
                each.push((label.label(frame, &column.name), points));
            }
        }
    }
    let merge: Option<fn(f64, f64) -> f64> = match query.combine {
        Combine::Each => None,
        Combine::Sum => Some(|a, b| a + b),
        Combine::Max => Some(f64::max),
    };
    if let (Some(merge), false) = (merge, each.is_empty()) {
        each = vec![(each.swap_remove(0).0, merged(frames, merge))];
    }
    let dress = |(label, points)| {
        Series::from_points(label, points).dashed(query.dashed).mirrored(query.mirrored)
    };
    each.into_iter().map(dress).collect()
}

/// At each instant the numbers of all columns of all frames, made one.
pub(crate) fn merged(frames: &[Frame], merge: fn(f64, f64) -> f64) -> Vec<(i64, Option<f64>)> {
    let mut points: BTreeMap<i64, Option<f64>> = BTreeMap::new();
    for frame in frames {
        for (row, at) in frame.times().unwrap_or_default().iter().enumerate() {
            let point = points.entry(*at).or_default();
            let numbers = frame.columns.iter().filter(|c| c.values().field_type().is_some());
            for value in numbers.filter_map(|column| column.get_f64(row)) {
                *point = Some(point.map_or(value, |so_far| merge(so_far, value)));
            }
        }
    }
    points.into_iter().collect()
}

/// Drops all but the `keep` series with the largest means, the order of those kept unchanged.
fn keep_largest(series: &mut Vec<Series<'static>>, keep: usize) -> usize {
    let Some(excess) = series.len().checked_sub(keep).filter(|excess| *excess > 0) else {
        return 0;
    };
    let mut order: Vec<usize> = (0..series.len()).collect();
    let means: Vec<f64> = series.iter().map(mean).collect();
    order.sort_by(|a, b| {
        means[*b].partial_cmp(&means[*a]).unwrap_or(Ordering::Equal).then(a.cmp(b))
    });
    let kept = &mut order[..keep];
    kept.sort_unstable();
    let mut index = 0;
    series.retain(|_| {
        index += 1;
        kept.binary_search(&(index - 1)).is_ok()
    });
    excess
}

fn mean(series: &Series<'_>) -> f64 {
    let finite = series.values.iter().filter(|value| value.is_finite());
    let (count, sum) = finite.fold((0u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    if count == 0 { f64::NEG_INFINITY } else { sum / f64::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stripchart_core::{Column, Values};

    fn frame(host: &str, times: Vec<i64>, values: Vec<f64>) -> Frame {
        Frame::new("m")
            .tag("host", host)
            .column(Column::new("time", Values::Time(times)))
            .column(Column::new("v", Values::Float(values)))
    }

    #[test]
    fn sums_count_what_is_there() {
        let mut gap = Column::new("v", Values::Float(vec![5.0]));
        gap.push_null();
        let with_gap =
            Frame::new("m").column(Column::new("time", Values::Time(vec![10, 30]))).column(gap);
        let frames = [frame("a", vec![0, 10], vec![1.0, 2.0]), with_gap];
        assert_eq!(merged(&frames, |a, b| a + b), [(0, Some(1.0)), (10, Some(7.0)), (30, None)]);
        assert_eq!(merged(&frames, f64::max), [(0, Some(1.0)), (10, Some(5.0)), (30, None)]);
    }

    #[test]
    fn the_largest_series_stay_in_their_order() {
        let frames: Vec<_> = [("a", 2.0), ("b", 9.0), ("c", 1.0), ("d", 5.0)]
            .map(|(host, v)| frame(host, vec![0], vec![v]))
            .into();
        let mut series = series_of(&PanelQuery::new("").label("$tag_host"), &frames);
        assert_eq!(keep_largest(&mut series, 2), 2);
        assert_eq!(series.iter().map(Series::label).collect::<Vec<_>>(), ["b", "d"]);
        assert_eq!(keep_largest(&mut series, 2), 0);
    }

    #[test]
    fn columns_without_numbers_are_no_series() {
        let mut column = Column::new("v", Values::Float(vec![]));
        column.push_null();
        let empty =
            Frame::new("m").column(Column::new("time", Values::Time(vec![1]))).column(column);
        assert!(series_of(&PanelQuery::new(""), &[empty]).is_empty());
        assert!(series_of(&PanelQuery::new("").sum(), &[]).is_empty());
    }
}
