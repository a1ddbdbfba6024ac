//! From a panel's queries to the series it draws.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use stripchart_core::{Frame, FrameRequest};

use super::{Combine, Macros, Panel, PanelQuery, PanelRequest};
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

/// A series and whose it is: those of one subject look alike and stay together.
#[derive(Debug)]
struct Drawn {
    subject: String,
    series: Series<'static>,
}

/// Puts all queries of `panel`; one that fails does not keep the others from being drawn.
pub(super) fn run(panel: &Panel, request: &PanelRequest<'_>, macros: &Macros<'_>) -> Answers {
    let mut asked_all = Vec::with_capacity(panel.queries.len());
    let mut drawn = Vec::new();
    // What is sent belongs to what is received if the panel draws one below the other.
    let paired = panel.queries.iter().any(|query| query.mirrored);
    for query in &panel.queries {
        let database = if query.database.is_empty() { request.database } else { &query.database };
        let mut asked = Asked {
            database: database.to_owned(),
            statement: macros.expand(&query.statement),
            error: None,
        };
        let question = FrameRequest {
            database,
            retention_policy: None,
            statement: &asked.statement,
            now: request.now,
        };
        match request.source.frames(&question) {
            Ok(frames) => drawn.extend(series_of(query, &frames)),
            Err(error) if is_absence(&error.to_string()) => {}
            Err(error) => asked.error = Some(error.to_string()),
        }
        asked_all.push(asked);
    }
    if panel.hide_zero {
        drop_zero(&mut drawn);
    }
    if !paired {
        drawn.iter_mut().enumerate().for_each(|(index, one)| one.subject = format!("{index:06}"));
    }
    let left_out = keep_largest(&mut drawn, panel.max_series);
    Answers { series: placed(drawn, paired), asked: asked_all, left_out }
}

/// Whether an error only says that nothing was stored yet.
pub(crate) fn is_absence(error: &str) -> bool {
    error.contains("database not found")
        || error.contains("measurement not found")
        || error.contains("retention policy not found")
}

fn series_of(query: &PanelQuery, frames: &[Frame]) -> Vec<Drawn> {
    let label = LabelTemplate::new(&query.label);
    let mut each = Vec::new();
    for frame in frames {
        let Some(times) = frame.times() else { continue };
        for column in frame.columns.iter().filter(|c| c.values().field_type().is_some()) {
            let points = times.iter().enumerate().map(|(row, at)| (*at, column.get_f64(row)));
            let points: Vec<_> = points.collect();
            if points.iter().any(|(_, value)| value.is_some_and(f64::is_finite)) {
                each.push((frame, label.label(frame, &column.name), points));
            }
        }
    }
    let merge: Option<fn(f64, f64) -> f64> = match query.combine {
        Combine::Each => None,
        Combine::Sum => Some(|a, b| a + b),
        Combine::Max => Some(f64::max),
    };
    if let (Some(merge), false) = (merge, each.is_empty()) {
        let (frame, label, _) = each.swap_remove(0);
        each = vec![(frame, label, merged(frames, merge))];
    }
    let dress = |(frame, label, points): (&Frame, String, Vec<_>)| {
        let series = Series::from_points(label, points);
        let series = series.dashed(query.dashed).mirrored(query.mirrored);
        Drawn { subject: subject(query, frame), series }
    };
    each.into_iter().map(dress).collect()
}

/// Whose values a frame holds: its tags.
fn subject(query: &PanelQuery, frame: &Frame) -> String {
    if query.combine != Combine::Each {
        return String::new();
    }
    let tags = frame.tags.iter().map(|(key, value)| format!("{key}\0{value}\0"));
    tags.collect()
}

/// At each instant the numbers of all columns of all frames, made one.
fn merged(frames: &[Frame], merge: fn(f64, f64) -> f64) -> Vec<(i64, Option<f64>)> {
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

/// Drops the series that are zero throughout, unless all are: that is an answer, too.
fn drop_zero(drawn: &mut Vec<Drawn>) {
    let is_zero = |one: &Drawn| one.series.values.iter().all(|v| *v == 0.0 || v.is_nan());
    if !drawn.iter().all(is_zero) {
        drawn.retain(|one| !is_zero(one));
    }
}

/// Drops the subjects with the smallest means until at most `keep` series are left, or one subject.
///
/// Gives the number of series dropped. The order of the others stays.
fn keep_largest(drawn: &mut Vec<Drawn>, keep: usize) -> usize {
    let before = drawn.len();
    if before <= keep {
        return 0;
    }
    let mut subjects: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for one in drawn.iter() {
        let (largest, count) = subjects.entry(&one.subject).or_insert((f64::NEG_INFINITY, 0));
        *largest = largest.max(mean(&one.series));
        *count += 1;
    }
    let mut ranked: Vec<_> = subjects.into_iter().collect();
    ranked.sort_by(|(_, a), (_, b)| b.0.partial_cmp(&a.0).unwrap_or(Ordering::Equal));
    let mut room = keep;
    let mut kept: Vec<String> = Vec::new();
    for (subject, (_, count)) in ranked {
        if count > room && !kept.is_empty() {
            break;
        }
        room = room.saturating_sub(count);
        kept.push(subject.to_owned());
    }
    drawn.retain(|one| kept.contains(&one.subject));
    before - drawn.len()
}

fn mean(series: &Series<'_>) -> f64 {
    let finite = series.values.iter().filter(|value| value.is_finite());
    let (count, sum) = finite.fold((0u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    if count == 0 { f64::NEG_INFINITY } else { sum / f64::from(count) }
}

/// The series, in panels of pairs those of one subject in the same colour; unless there is but one.
fn placed(drawn: Vec<Drawn>, paired: bool) -> Vec<Series<'static>> {
    let mut subjects: Vec<String> = Vec::new();
    let paired = paired && drawn.iter().any(|one| one.subject != drawn[0].subject);
    let mut place = |one: Drawn| {
        if !paired {
            return one.series;
        }
        let known = subjects.iter().position(|subject| *subject == one.subject);
        let place = known.unwrap_or_else(|| {
            subjects.push(one.subject);
            subjects.len() - 1
        });
        one.series.place(place)
    };
    drawn.into_iter().map(&mut place).collect()
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

    fn labels(drawn: &[Drawn]) -> Vec<&str> {
        drawn.iter().map(|one| one.series.label()).collect()
    }

    #[test]
    fn merging_takes_what_is_there() {
        let mut gap = Column::new("v", Values::Float(vec![5.0]));
        gap.push_null();
        let with_gap =
            Frame::new("m").column(Column::new("time", Values::Time(vec![10, 30]))).column(gap);
        let frames = [frame("a", vec![0, 10], vec![1.0, 2.0]), with_gap];
        assert_eq!(merged(&frames, |a, b| a + b), [(0, Some(1.0)), (10, Some(7.0)), (30, None)]);
        assert_eq!(merged(&frames, f64::max), [(0, Some(1.0)), (10, Some(5.0)), (30, None)]);
    }

    #[test]
    fn the_largest_stay_in_their_order_and_pairs_stay_together() {
        let frames: Vec<_> = [("a", 2.0), ("b", 9.0), ("c", 0.0), ("d", 5.0)]
            .map(|(host, v)| frame(host, vec![0], vec![v]))
            .into();
        let received = PanelQuery::new("").label("$tag_host rx");
        let sent = PanelQuery::new("").label("$tag_host tx").mirrored();
        let all = || {
            let mut drawn = series_of(&received, &frames);
            drawn.extend(series_of(&sent, &frames[..2]));
            drawn
        };
        let mut drawn = all();
        assert_eq!(keep_largest(&mut drawn, 3), 3);
        assert_eq!(labels(&drawn), ["b rx", "d rx", "b tx"]);
        let mut drawn = all();
        assert_eq!(keep_largest(&mut drawn, 1), 4);
        assert_eq!(labels(&drawn), ["b rx", "b tx"]);
        assert_eq!(placed(drawn, true).iter().map(|s| s.place).collect::<Vec<_>>(), [None; 2]);
        let mut drawn = all();
        assert_eq!(keep_largest(&mut drawn, 4), 3);
        let places: Vec<_> = placed(drawn, true).iter().map(|series| series.place).collect();
        assert_eq!(places, [Some(0), Some(1), Some(0)]);
        let mut drawn = all();
        assert_eq!(keep_largest(&mut drawn, 6), 0);
        drop_zero(&mut drawn);
        assert_eq!(labels(&drawn), ["a rx", "b rx", "d rx", "a tx", "b tx"]);
    }

    #[test]
    fn zeros_alone_are_shown() {
        let mut drawn = series_of(&PanelQuery::new(""), &[frame("a", vec![0], vec![0.0])]);
        drop_zero(&mut drawn);
        assert_eq!(drawn.len(), 1);
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
