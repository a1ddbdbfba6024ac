//! Queries written in Rust: they print as InfluxQL, parse back, and are answered as the text is. Points for charts are those
//! that a walk over all points chooses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use stripchart_core::{Batch, Frame, Sink, TimeRange, Timestamp};
use stripchart_query::build::{
    Fill, Query, call, count, derivative, field, max, mean, moving_average, percentile, sum, tag,
    top,
};
use stripchart_query::{Engine, ExecuteOptions, QueryError, parse_query};
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::{Db, TagFilter};

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn database() -> Db {
    let builder = Db::builder().clock(|| at(100_000)).vfs(Arc::new(SimVfs::new()));
    let db = builder.open("/data").expect("a database");
    db.create_database("db", None).expect("a database");
    db
}

fn write(db: &Db, points: &[(&str, i64, i64)]) {
    let mut batch = Batch::new();
    for (host, seconds, value) in points {
        let series = batch.series("m", [("h", *host)]).expect("a key");
        let mut row = batch.row(series, at(*seconds));
        row.field("v", *value as f64 / 4.0);
        row.field("i", *value);
        row.field("s", "text");
    }
    db.writer("db", None).expect("a writer").write(&batch).expect("writable");
}

fn options() -> ExecuteOptions<'static> {
    ExecuteOptions::new(at(100_000)).database("db")
}

/// One of each thing that can be said.
fn queries() -> Vec<(Query, &'static str)> {
    let range = TimeRange::new(at(0), at(60));
    vec![
        (Query::from("m").field("v"), "SELECT v FROM m"),
        (
            Query::from("m")
                .field(mean("v"))
                .range(range)
                .group_by_time(10 * SECOND)
                .fill(Fill::None),
            "SELECT mean(v) FROM m WHERE time >= '1970-01-01T00:00:00Z' AND time < '1970-01-01T00:01:00Z' \
             GROUP BY time(10s) fill(none)",
        ),
        (
            Query::from("m")
                .field((max("v") - 1.5) * 2)
                .field(count("i").alias("n"))
                .group_by_tag("h"),
            "SELECT (max(v) - 1.500) * 2, count(i) AS n FROM m GROUP BY h",
        ),
        (
            Query::from("m").field(sum("v") / (sum("i") - (sum("i") - 1))),
            "SELECT sum(v) / (sum(i) - (sum(i) - 1)) FROM m",
        ),
        (
            Query::from("m")
                .field("v")
                .where_tag_in("h", ["a", "b"])
                .filter(field("i").at_least(3).and(field("v").is_not(2.5)))
                .limit(3)
                .offset(1),
            "SELECT v FROM m WHERE (h::tag = 'a' OR h::tag = 'b') AND i >= 3 AND v != 2.500 LIMIT 3 OFFSET 1",
        ),
        (
            Query::from("m")
                .field("i")
                .where_tag_matches("h", "^a/")
                .filter(tag("h").is_not("it's")),
            r"SELECT i FROM m WHERE h::tag =~ /^a\// AND h::tag != 'it\'s'",
        ),
        (Query::from("m").field("v").where_tag_in::<&str>("h", []), "SELECT v FROM m WHERE false"),
        (
            Query::from("m").field(top("v", 2)).field("i").descending(),
            "SELECT top(v, 2), i FROM m ORDER BY time DESC",
        ),
        (
            Query::from("m")
                .field(derivative(mean("v"), SECOND))
                .since(at(10))
                .until(at(50))
                .group_by_time_offset(10 * SECOND, 5 * SECOND)
                .group_by_all_tags()
                .fill(Fill::Number(0.5)),
            "SELECT derivative(mean(v), 1s) FROM m WHERE time >= '1970-01-01T00:00:10Z' AND \
             time < '1970-01-01T00:00:50Z' GROUP BY time(10s, 5s), * fill(0.5)",
        ),
        (
            Query::from_query(Query::from("m").field(max("v").alias("x")).group_by_tag("h"))
                .field(percentile("x", 50.0)),
            "SELECT percentile(x, 50.000) FROM (SELECT max(v) AS x FROM m GROUP BY h)",
        ),
        (
            Query::from("m")
                .and_from("odd name")
                .database("db")
                .policy("autogen")
                .all_fields()
                .series_limit(1)
                .group_by_tag("h"),
            "SELECT * FROM db.autogen.m, db.autogen.\"odd name\" GROUP BY h SLIMIT 1",
        ),
        (
            Query::from_matching("^m$").field(moving_average("i", 2)),
            "SELECT moving_average(i, 2) FROM /^m$/",
        ),
        (
            Query::from("m").field(call("ABS", [field("i") - 9])).time_zone("UTC"),
            "SELECT abs(i - 9) FROM m TZ('UTC')",
        ),
    ]
}

#[test]
fn queries_print_as_influxql_and_are_answered_alike() {
    let db = database();
    write(&db, &[("a", 1, 7), ("a", 12, 3), ("b", 12, 9), ("a/", 30, 2), ("b", 44, 5)]);
    let engine = Engine::new(db);
    for (query, text) in queries() {
        assert_eq!(query.to_string(), text);
        // The parser may nest a chain of one kind otherwise, which prints the same.
        assert_eq!(parse_query(text).expect(text).to_string(), text);
        let frames = engine.fetch(&query, &options()).expect(text);
        let answer = engine.query(text, &options()).expect(text).remove(0);
        assert!(answer.error.is_none(), "{text}: {:?}", answer.error);
        assert_eq!(frames, answer.frames, "{text}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_the_same_words() {
    let engine = Engine::new(database());
    let refused = |query: Query| engine.fetch(&query, &options()).expect_err("refused").to_string();
    assert_eq!(refused(Query::from("m")), "at least 1 non-time field must be queried");
    let interval = Query::from("m").field("v").group_by_time(SECOND);
    assert_eq!(refused(interval), "GROUP BY requires at least one aggregate function");
    let write = Query::from("m").field("v").write_into("n");
    let written = engine.fetch(&write, &options()).expect("written");
    assert_eq!(written[0].get("written").and_then(|column| column.get_f64(0)), Some(0.0));
}

#[test]
fn points_for_charts_are_of_plain_fields_with_numbers() {
    let db = database();
    write(&db, &[("a", 1, 7)]);
    let engine = Engine::new(db);
    let range = TimeRange::new(at(0), at(60));
    let refused = |query: Query| {
        let error = engine.m4(&query.m4(range, 10), &options()).expect_err("refused");
        assert!(matches!(error, QueryError::Invalid { .. }), "{error}");
        error.to_string()
    };
    let of_plain = "points for a chart are of plain fields, without ";
    let windows = Query::from("m").field(mean("v")).group_by_time(SECOND);
    assert_eq!(refused(windows), format!("{of_plain}GROUP BY time"));
    assert_eq!(
        refused(Query::from("m").field("v").limit(1)),
        format!("{of_plain}LIMIT and OFFSET")
    );
    let numbers = "points for a chart are of fields with numbers, and ";
    assert_eq!(refused(Query::from("m").field(mean("v"))), format!("{numbers}\"mean\" is none"));
    assert_eq!(refused(Query::from("m").field("s")), format!("{numbers}\"s\" is none"));
    let none = engine.m4(&Query::from("m").field("nosuch").m4(range, 10), &options());
    assert_eq!(none.expect("nothing"), []);
    let wide = Query::from("m").field("v").m4(range, usize::MAX);
    assert!(matches!(engine.m4(&wide, &options()), Err(QueryError::Memory { .. })));
    let narrow = Query::from("m").field("v").m4(TimeRange::new(at(5), at(5)), 10);
    assert_eq!(engine.m4(&narrow, &options()).expect("nothing"), []);
}

/// The points of each host that a walk over all of them keeps: seconds and quarters.
fn walked(
    points: &BTreeMap<(&'static str, i64), i64>,
    (start, end): (i64, i64),
    columns: i64,
    positive: bool,
) -> Vec<(String, Vec<(i64, i64)>)> {
    let mut hosts: BTreeMap<&str, Vec<(i64, i64)>> = BTreeMap::new();
    for ((host, second), value) in points {
        if (start..end).contains(second) && (!positive || *value > 0) {
            hosts.entry(host).or_default().push((*second, *value));
        }
    }
    let column = |second: i64| {
        let edge =
            |index: i64| start * 1_000_000_000 + (end - start) * 1_000_000_000 * index / columns;
        (0..columns).rfind(|index| edge(*index) <= second * 1_000_000_000).expect("a column")
    };
    let chosen = |points: Vec<(i64, i64)>| {
        let mut kept = Vec::new();
        for index in 0..columns {
            let inside: Vec<_> =
                points.iter().copied().filter(|point| column(point.0) == index).collect();
            let extreme = |sign: i64| inside.iter().min_by_key(|point| (sign * point.1, point.0));
            let mut wanted: Vec<(i64, i64)> =
                [inside.first(), extreme(1), extreme(-1), inside.last()]
                    .into_iter()
                    .flatten()
                    .copied()
                    .collect();
            wanted.sort_unstable();
            wanted.dedup();
            kept.extend(wanted);
        }
        kept
    };
    hosts.into_iter().map(|(host, points)| (host.to_owned(), chosen(points))).collect()
}

fn drawn(frames: &[Frame]) -> Vec<(String, Vec<(i64, i64)>)> {
    let points = |frame: &Frame| {
        let times = frame.times().expect("times").iter().map(|at| at / 1_000_000_000);
        let column = frame.get("v").expect("the field");
        let quarters =
            (0..column.len()).map(|row| (column.get_f64(row).expect("a value") * 4.0) as i64);
        times.zip(quarters).collect()
    };
    frames
        .iter()
        .map(|frame| (frame.tag_value("h").expect("a tag").to_owned(), points(frame)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn points_for_charts_are_those_that_a_walk_chooses(
        batches in proptest::collection::vec(
            (proptest::collection::vec((0..2_usize, 0..3000_i64, -50..50_i64), 0..400), 0..3_u8), 1..4),
        bounds in (0..3000_i64, 1..3000_i64),
        columns in 1..40_i64,
        positive in any::<bool>(),
        deleted in 0..3000_i64,
    ) {
        let db = database();
        let mut stored = BTreeMap::new();
        for (batch, (points, then)) in batches.iter().enumerate() {
            let points: Vec<(&'static str, i64, i64)> =
                points.iter().map(|(host, second, value)| (["a", "b"][*host], *second, *value)).collect();
            write(&db, &points);
            stored.extend(points.iter().map(|(host, second, value)| ((*host, *second), *value)));
            if *then > 0 {
                db.seal().expect("sealed");
            }
            if *then > 1 {
                let _ = db.step(at(200_000 + 100_000 * batch as i64));
            }
        }
        let range = TimeRange::new(at(deleted), at(deleted + 100));
        let only_a = TagFilter::Equal { key: "h".into(), value: "a".into() };
        db.delete("db", None, Some("m"), &only_a, range).expect("deleted");
        stored.retain(|(host, second), _| *host != "a" || !(deleted..deleted + 100).contains(second));

        let (start, end) = (bounds.0, bounds.0 + bounds.1);
        let mut query = Query::from("m").field("v").group_by_tag("h");
        if positive {
            query = query.filter(field("i").greater_than(0));
        }
        let chart = query.m4(TimeRange::new(at(start), at(end)), columns as usize);
        let frames = Engine::new(db).m4(&chart, &options()).expect("points");
        prop_assert_eq!(drawn(&frames), walked(&stored, (start, end), columns, positive), "{}", chart);
    }
}
