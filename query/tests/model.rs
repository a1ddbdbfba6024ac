//! Random points and questions, answered by the engine and by a model that is slow and plain. Some of the points are still
//! in memory when asked for, others in segments, overlapping in time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use stripchart_core::{Batch, Frame, Sink, Timestamp};
use stripchart_query::{Engine, ExecuteOptions};
use stripchart_storage::Db;
use stripchart_storage::vfs::sim::SimVfs;

const SECOND: i64 = 1_000_000_000;

/// A stored row: series, time in seconds, values of the fields `v` (float) and `i` (integer).
#[derive(Debug, Clone)]
struct Row {
    series: usize,
    at: i64,
    v: Option<i32>,
    i: Option<i32>,
}

/// The tags of the series that rows belong to.
const SERIES: [&[(&str, &str)]; 4] =
    [&[], &[("h", "a")], &[("h", "a"), ("r", "x")], &[("h", "b"), ("r", "x")]];

#[derive(Debug, Clone)]
struct Question {
    function: &'static str,
    field: &'static str,
    by_tag: Option<&'static str>,
    interval: Option<(i64, i64)>,
    fill: &'static str,
    start: Option<i64>,
    end: i64,
    descending: bool,
    /// A condition on the field `i`, which makes every row be looked at.
    filtered: bool,
    host: Option<&'static str>,
}

impl Question {
    fn text(&self) -> String {
        let call = match self.function {
            "distinct" => format!("count(distinct({}))", self.field),
            function => format!("{function}({})", self.field),
        };
        let mut text = format!("SELECT {call} FROM m WHERE time < {}s", self.end);
        if let Some(start) = self.start {
            text += &format!(" AND time >= {start}s");
        }
        if self.filtered {
            text += " AND i > 0";
        }
        if let Some(host) = self.host {
            text += &format!(" AND h = '{host}'");
        }
        let mut dimensions = Vec::new();
        if let Some((interval, offset)) = self.interval {
            dimensions.push(format!("time({interval}s, {offset}s)"));
        }
        dimensions.extend(self.by_tag.map(str::to_owned));
        if !dimensions.is_empty() {
            text += &format!(" GROUP BY {}", dimensions.join(", "));
        }
        if self.interval.is_some() {
            text += &format!(" fill({})", self.fill);
        }
        text + if self.descending { " ORDER BY time DESC" } else { "" }
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let value = || proptest::option::of(-5..20_i32);
    let row = (0..SERIES.len(), -20..60_i64, value(), value()).prop_map(|(series, at, v, i)| Row {
        series,
        at,
        v,
        i,
    });
    proptest::collection::vec(row, 0..60)
}

fn question() -> impl Strategy<Value = Question> {
    let function = proptest::sample::select(
        &[
            "count", "sum", "mean", "min", "max", "first", "last", "spread", "median", "stddev",
            "distinct",
        ][..],
    );
    let shape = (
        proptest::sample::select(&["v", "i"][..]),
        proptest::option::of(proptest::sample::select(&["h", "r", "nosuch"][..])),
        proptest::option::of((5..30_i64, -4..5_i64)),
        proptest::sample::select(&["null", "none", "previous", "7"][..]),
    );
    let bounds = (proptest::option::of(-25..40_i64), 0..70_i64, any::<bool>());
    let condition =
        (any::<bool>(), proptest::option::of(proptest::sample::select(&["a", "b"][..])));
    (function, shape, bounds, condition).prop_map(|(function, shape, bounds, condition)| Question {
        function,
        field: shape.0,
        by_tag: shape.1,
        interval: shape.2,
        fill: shape.3,
        start: bounds.0,
        end: bounds.1,
        descending: bounds.2,
        filtered: condition.0,
        host: condition.1,
    })
}

fn tag(series: usize, key: &str) -> &'static str {
    SERIES[series].iter().find(|(k, _)| *k == key).map_or("", |(_, value)| value)
}

/// A row of the answer: the tag grouped by, the time in seconds, the value.
type Answer = Vec<(String, i64, Option<f64>)>;

/// The model's answer.
fn expected(rows: &[Row], question: &Question) -> Answer {
    let mut stored: BTreeMap<(usize, i64), (Option<i32>, Option<i32>)> = BTreeMap::new();
    for row in rows {
        let place = stored.entry((row.series, row.at)).or_default();
        *place = (row.v.or(place.0), row.i.or(place.1));
    }
    let mut groups: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for ((series, at), (v, i)) in stored {
        let value =
            if question.field == "v" { v.map(|v| f64::from(v) / 2.0) } else { i.map(f64::from) };
        let kept = at < question.end
            && question.start.is_none_or(|start| at >= start)
            && (!question.filtered || i.is_some_and(|i| i > 0))
            && question.host.is_none_or(|host| tag(series, "h") == host);
        if let Some(value) = value.filter(|_| kept) {
            let group = question.by_tag.map_or("", |key| tag(series, key));
            groups.entry(group.to_owned()).or_default().push((at, value));
        }
    }
    let mut answer = Vec::new();
    for (group, mut points) in groups {
        points.sort_by_key(|point| point.0);
        let rows = series_rows(&points, question);
        answer.extend(rows.into_iter().map(|(at, value)| (group.clone(), at, value)));
    }
    if question.descending {
        // Series and rows are both turned round; what fills from "before" was computed for that already.
        answer.sort_by(|a, b| b.0.cmp(&a.0).then(b.1.cmp(&a.1)));
    }
    answer
}

fn series_rows(points: &[(i64, f64)], question: &Question) -> Vec<(i64, Option<f64>)> {
    let Some((interval, offset)) = question.interval else {
        let (at, value) = reduce(points, question);
        let selects = matches!(question.function, "min" | "max" | "first" | "last");
        return vec![(if selects { at } else { question.start.unwrap_or(0) }, value)];
    };
    let window = |at: i64| (at - offset).div_euclid(interval) * interval + offset;
    let first = window(question.start.unwrap_or(points[0].0));
    let last = window(question.end - 1);
    let mut rows = Vec::new();
    let mut label = first;
    while label <= last {
        let inside: Vec<_> =
            points.iter().copied().filter(|(at, _)| window(*at) == label).collect();
        rows.push((label, (!inside.is_empty()).then(|| reduce(&inside, question).1)));
        label += interval;
    }
    if question.descending {
        rows.reverse();
    }
    let mut previous = None;
    let filled = rows.into_iter().filter_map(|(label, value)| {
        let value = match value {
            Some(value) => {
                // A null that a function computed is not filled: it is a number that is none.
                previous = value;
                Some(value)
            }
            None => match question.fill {
                "none" => None,
                "previous" => Some(previous),
                "7" => Some(Some(7.0)),
                _ if matches!(question.function, "count" | "distinct") => Some(Some(0.0)),
                _ => Some(None),
            },
        };
        value.map(|value| (label, value))
    });
    filled.collect()
}

/// The time of the point selected, and the value.
fn reduce(points: &[(i64, f64)], question: &Question) -> (i64, Option<f64>) {
    let values = || points.iter().map(|point| point.1);
    let count = points.len() as f64;
    let mean = values().sum::<f64>() / count;
    let mut sorted: Vec<f64> = values().collect();
    sorted.sort_by(f64::total_cmp);
    let (least, greatest) = (sorted[0], sorted[sorted.len() - 1]);
    let at_of = |value: f64| points.iter().find(|point| point.1 == value).map_or(0, |p| p.0);
    let at_time = |time: i64| {
        let same = points.iter().filter(|point| point.0 == time).map(|point| point.1);
        same.fold(f64::MIN, f64::max)
    };
    let (first, last) = (points[0].0, points[points.len() - 1].0);
    let middle = sorted.len() / 2;
    match question.function {
        "count" => (0, Some(count)),
        "sum" => (0, Some(values().sum())),
        "mean" => (0, Some(mean)),
        "spread" => (0, Some(greatest - least)),
        "min" => (at_of(least), Some(least)),
        "max" => (at_of(greatest), Some(greatest)),
        "first" => (first, Some(at_time(first))),
        "last" => (last, Some(at_time(last))),
        "median" if sorted.len() % 2 == 1 => (0, Some(sorted[middle])),
        "median" => (0, Some(f64::midpoint(sorted[middle - 1], sorted[middle]))),
        "stddev" if points.len() < 2 => (0, None),
        "stddev" => {
            let squares: f64 = values().map(|value| (value - mean).powi(2)).sum();
            (0, Some((squares / (count - 1.0)).sqrt()))
        }
        "distinct" => {
            let distinct: BTreeSet<_> = values().map(f64::to_bits).collect();
            (0, Some(distinct.len() as f64))
        }
        other => panic!("no model of {other}"),
    }
}

fn actual(rows: &[Row], seals: u8, question: &Question) -> Answer {
    let clock = || Timestamp::from_secs(1000);
    let builder = Db::builder().clock(clock).vfs(Arc::new(SimVfs::new()));
    let db = builder.open("/data").expect("a database");
    db.create_database("db", None).expect("a database");
    let writer = db.writer("db", None).expect("a writer");
    for (round, rows) in rows.chunks(7).enumerate() {
        let mut batch = Batch::new();
        for row in rows {
            let tags = SERIES[row.series].iter().copied();
            let series = batch.series("m", tags).expect("a key");
            let mut writer = batch.row(series, Timestamp::from_secs(row.at));
            if let Some(v) = row.v {
                writer.field("v", f64::from(v) / 2.0);
            }
            if let Some(i) = row.i {
                writer.field("i", i64::from(i));
            }
        }
        writer.write(&batch).expect("writable");
        if seals >> (round % 8) & 1 == 1 {
            let later = 1000 + 7200 * (i64::try_from(round).expect("few rounds") + 1);
            let _ = db.step(Timestamp::from_secs(later)); // rows older than an hour are sealed
        }
    }
    let options = ExecuteOptions::new(Timestamp::from_secs(1000)).database("db");
    let mut results = Engine::new(db).query(&question.text(), &options).expect("it parses");
    let result = results.remove(0);
    assert!(result.error.is_none(), "{:?}", result.error);
    result.frames.iter().flat_map(|frame| answer_rows(frame, question)).collect()
}

fn answer_rows(frame: &Frame, question: &Question) -> Answer {
    let group = question.by_tag.and_then(|key| frame.tag_value(key)).unwrap_or("");
    let times = frame.times().expect("a time column");
    let rows = times.iter().enumerate();
    rows.map(|(row, at)| (group.to_owned(), at / SECOND, frame.columns[1].get_f64(row))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_answers_as_the_model_does(
        rows in rows(), seals in any::<u8>(), question in question()
    ) {
        let (want, got) = (expected(&rows, &question), actual(&rows, seals, &question));
        let same = want.len() == got.len() && want.iter().zip(&got).all(|(a, b)| {
            a.0 == b.0 && a.1 == b.1 && match (a.2, b.2) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
                (a, b) => a == b,
            }
        });
        prop_assert!(same, "{}, sealed after {seals:b}\nmodel:  {want:?}\nengine: {got:?}", question.text());
    }
}
