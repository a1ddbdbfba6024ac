//! The same question answered in two ways gives the same answer: by statistics and by decoding every row, whole and in
//! part, from descriptions of blocks and from the blocks.

mod common;

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use stripchart_core::{Batch, Column, Frame, Sink, Timestamp};
use stripchart_query::{Engine, ExecuteOptions};
use stripchart_storage::Db;
use stripchart_storage::vfs::sim::SimVfs;

const ROWS: i64 = 5000;
const NOW: Timestamp = Timestamp::from_secs(ROWS);

/// Three hosts, a row a second: `i` and `f` walk, `f` has gaps, `s` is a text now and then. Most of it is sealed, in blocks
/// that statistics describe; some rows came twice, late, or are still in memory. Host c begins late and ends early.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let builder = Db::builder().clock(|| NOW).vfs(Arc::new(SimVfs::new()));
        let db = builder.open("/data").expect("a database");
        db.create_database("db", None).expect("a database");
        write(&db, 0, ROWS - 300, 1);
        db.seal().expect("sealed");
        write(&db, 1700, 1790, 3);
        db.seal().expect("sealed");
        write(&db, ROWS - 300, ROWS, 1);
        Engine::new(db)
    })
}

fn write(db: &Db, from: i64, to: i64, times: i64) {
    let writer = db.writer("db", None).expect("a writer");
    let mut batch = Batch::new();
    for (number, host) in (0..).zip(["a", "b", "c"]) {
        let series = batch.series("m", [("host", host)]).expect("a key");
        for second in from..to {
            if host == "c" && !(1000..4000).contains(&second) {
                continue;
            }
            let walk = (second * 37 + number * 11).rem_euclid(101) * times - 20;
            let mut row = batch.row(series, Timestamp::from_secs(second));
            row.field("i", walk);
            if second % 7 != 3 {
                row.field("f", walk as f64 / 100.0 + second as f64);
            }
            if second % 400 == 0 {
                row.field("s", host);
            }
        }
    }
    writer.write(&batch).expect("writable");
}

fn frames(query: &str) -> Vec<Frame> {
    let options = ExecuteOptions::new(NOW).database("db");
    let mut results = engine().query(query, &options).expect("it parses");
    assert!(results[0].error.is_none(), "{query}: {:?}", results[0].error);
    std::mem::take(&mut results[0].frames)
}

/// Equal, but for the last bits of sums of floats.
fn same(a: &Column, b: &Column) -> bool {
    a.name == b.name
        && a.len() == b.len()
        && (0..a.len()).all(|row| match (a.get(row), b.get(row)) {
            (None, None) => true,
            (Some(a), Some(b)) => match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => a == b || (a - b).abs() <= 1e-12 * a.abs().max(b.abs()),
                _ => a == b,
            },
            _ => false,
        })
}

fn assert_same(a: &[Frame], b: &[Frame], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (a, b) in a.iter().zip(b) {
        assert_eq!((&a.name, &a.tags), (&b.name, &b.tags), "{what}");
        assert_eq!(a.columns.len(), b.columns.len(), "{what}");
        for (a, b) in a.columns.iter().zip(&b.columns) {
            assert!(same(a, b), "{what}: {a:?} and {b:?}");
        }
    }
}

#[derive(Debug, Clone)]
struct Question {
    calls: Vec<&'static str>,
    start: Option<i64>,
    end: i64,
    interval: Option<i64>,
    by_host: bool,
    fill: &'static str,
    descending: bool,
    limit: usize,
    offset: usize,
}

impl Question {
    fn text(&self, condition: &str, limited: bool) -> String {
        let mut text =
            format!("SELECT {} FROM m WHERE time < {}s", self.calls.join(", "), self.end);
        if let Some(start) = self.start {
            text += &format!(" AND time >= {start}s");
        }
        text += condition;
        let interval = self.interval.map(|seconds| format!("time({seconds}s)"));
        let dimensions: Vec<String> =
            interval.into_iter().chain(self.by_host.then(|| "host".to_owned())).collect();
        if !dimensions.is_empty() {
            text += &format!(" GROUP BY {}", dimensions.join(", "));
        }
        if self.interval.is_some() {
            text += &format!(" fill({})", self.fill);
        }
        if self.descending {
            text += " ORDER BY time DESC";
        }
        if limited {
            text += &format!(" LIMIT {} OFFSET {}", self.limit, self.offset);
        }
        text
    }
}

fn questions() -> impl Strategy<Value = Question> {
    let calls = [
        "count(i)",
        "sum(i)",
        "mean(f)",
        "min(i)",
        "max(f)",
        "first(i)",
        "last(f)",
        "spread(i)",
        "sum(f)",
        "count(f)",
        "max(i) - min(i)",
        "last(s)",
        "mean(i)",
    ];
    let interval = prop::option::of(prop::sample::select(vec![7, 60, 1024, 3600]));
    let fill = prop::sample::select(vec!["null", "none", "0", "previous", "linear"]);
    (
        prop::sample::subsequence(calls.to_vec(), 1..4),
        prop::option::of(-10..ROWS),
        1..ROWS + 50,
        interval,
        any::<bool>(),
        fill,
        any::<bool>(),
        (1..40usize, 0..30usize),
    )
        .prop_map(
            |(calls, start, end, interval, by_host, fill, descending, (limit, offset))| Question {
                calls,
                start,
                end,
                interval,
                by_host,
                fill,
                descending,
                limit,
                offset,
            },
        )
}

/// Rows `from..to` of a frame.
fn part(frame: &Frame, from: usize, to: usize) -> Option<Frame> {
    let rows = frame.row_count();
    let (from, to) = (from.min(rows), to.min(rows));
    let cut = |column: &Column| {
        let mut part = column.clone();
        part = Column::new(
            part.name,
            stripchart_core::Values::empty(
                column.values().field_type().unwrap_or(stripchart_core::FieldType::Integer),
            ),
        );
        for row in from..to {
            match column.get(row) {
                Some(stripchart_core::ValueRef::Time(at)) => part.push(at.nanos().into()),
                Some(value) => part.push(value),
                None => part.push_null(),
            }
        }
        part
    };
    (from < to).then(|| Frame {
        columns: frame.columns.iter().map(cut).collect(),
        ..Frame { columns: Vec::new(), ..frame.clone() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// A condition that every row fulfils, and that only looking at it tells, keeps storage from answering by itself.
    #[test]
    fn statistics_and_rows_agree(question in questions()) {
        let folded = question.text("", false);
        let decoded = question.text(" AND (i > -1000000 OR f > -1000000)", false);
        assert_same(&frames(&folded), &frames(&decoded), &folded);
    }

    /// What a limit spares is what it would have cut off. Of several functions each is limited by itself.
    #[test]
    fn a_limit_leaves_what_is_in_it(question in questions()) {
        let question = Question { calls: question.calls[..1].to_vec(), ..question };
        let (whole, limited) = (question.text("", false), question.text("", true));
        let whole = frames(&whole);
        let to = question.offset + question.limit;
        let want: Vec<Frame> =
            whole.iter().filter_map(|frame| part(frame, question.offset, to)).collect();
        let got = frames(&limited);
        let got: Vec<Frame> = got.iter().filter_map(|frame| part(frame, 0, usize::MAX)).collect();
        assert_same(&got, &want, &limited);
    }

    #[test]
    fn newest_rows_are_those_that_reading_them_all_finds(
        end in 1..ROWS + 50,
        columns in prop::sample::subsequence(vec!["i", "f", "s", "host"], 1..5),
    ) {
        let columns = columns.join(", ");
        let text = |limit| {
            format!("SELECT {columns} FROM m WHERE time < {end}s GROUP BY host ORDER BY time DESC LIMIT {limit}")
        };
        let (one, two) = (frames(&text(1)), frames(&text(2)));
        let cut = |frames: &[Frame]| -> Vec<Frame> {
            frames.iter().filter_map(|frame| part(frame, 0, 1)).collect()
        };
        assert_same(&cut(&one), &cut(&two), &text(1));
        prop_assert!(one.iter().all(|frame| frame.row_count() == 1));
    }

    /// Other fields are read only where the condition holds: the same rows as those of all, picked by hand.
    #[test]
    fn a_condition_picks_rows(least in -30..90i64, descending in any::<bool>(), start in 0..ROWS) {
        let order = if descending { " ORDER BY time DESC" } else { "" };
        let bounds = format!("time >= {start}s AND time < {}s", start + 700);
        let picked = frames(&format!("SELECT f, s FROM m WHERE i > {least} AND {bounds} GROUP BY host{order}"));
        let all = frames(&format!("SELECT i, f, s FROM m WHERE {bounds} GROUP BY host{order}"));
        let mut want = Vec::new();
        for frame in &all {
            for row in 0..frame.row_count() {
                let value = |at: usize| frame.columns[at].get(row).map(|v| format!("{v:?}"));
                let counts = frame.columns[1].get_f64(row).is_some_and(|i| i > least as f64);
                if counts && (value(2).is_some() || value(3).is_some()) {
                    want.push((frame.tags.clone(), value(0), value(2), value(3)));
                }
            }
        }
        let mut got = Vec::new();
        for frame in &picked {
            for row in 0..frame.row_count() {
                let value = |at: usize| frame.columns[at].get(row).map(|v| format!("{v:?}"));
                got.push((frame.tags.clone(), value(0), value(1), value(2)));
            }
        }
        prop_assert_eq!(got, want);
    }
}

/// The lines of an explanation.
fn explained(engine: &Engine, query: &str) -> Vec<String> {
    common::explained(engine, query, NOW)
}

#[test]
fn an_explanation_says_what_is_read_and_how() {
    let mean =
        "SELECT mean(f) FROM m WHERE host = 'a' AND time >= 0s AND time < 100s GROUP BY time(10s)";
    let lines = explained(engine(), &format!("EXPLAIN {mean}"));
    let want = [
        "EXPRESSION: mean(f)",
        "TIME: from 1970-01-01T00:00:00Z to 1970-01-01T00:01:39.999999999Z",
        "WINDOW: 10s",
        "NUMBER OF WINDOWS: 10",
        "MEASUREMENT: m",
        "NUMBER OF SHARDS: 1",
        "SHARDS PRUNED: 0",
    ];
    assert_eq!(lines[..7], want);
    assert_eq!(lines[8..11], ["NUMBER OF SERIES: 1", "SERIES PRUNED: 2", "NUMBER OF GROUPS: 1"]);
    assert!(lines.iter().any(|line| line.starts_with("READ BY: storage's fold")), "{lines:?}");
    let ways = [
        ("SELECT * FROM m GROUP BY host ORDER BY time DESC LIMIT 1", "READ BY: the newest row"),
        ("SELECT f FROM m WHERE i > 3", "READ BY: rows, merged"),
        ("SELECT median(f) FROM m", "READ BY: points of each function"),
        ("SELECT max(mean) FROM (SELECT mean(f) FROM m GROUP BY host)", "SUBQUERY"),
    ];
    for (query, want) in ways {
        let lines = explained(engine(), &format!("EXPLAIN {query}"));
        assert!(lines.iter().any(|line| line.starts_with(want)), "{query}: {lines:?}");
    }
}

#[test]
fn an_analysis_says_what_came_from_statistics_and_what_was_decoded() {
    let value = |lines: &[String], what: &str| -> u64 {
        let line = lines.iter().find_map(|line| line.strip_prefix(what)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("{what} in {lines:?}")).parse().expect("a number")
    };
    let all = "EXPLAIN ANALYZE SELECT count(i) FROM m WHERE host = 'c'";
    let lines = explained(engine(), all);
    assert_eq!(value(&lines, "rows"), 1);
    assert!(value(&lines, "blocks_from_statistics") > 0, "{lines:?}");
    let part =
        "EXPLAIN ANALYZE SELECT max(i) FROM m WHERE host = 'a' AND time >= 500s AND time < 510s";
    let lines = explained(engine(), part);
    assert!(value(&lines, "blocks_decoded") > 0, "{lines:?}");
    let rows = "EXPLAIN ANALYZE SELECT i FROM m WHERE host = 'a' AND time < 30s";
    let lines = explained(engine(), rows);
    assert_eq!((value(&lines, "rows"), value(&lines, "rows_read")), (30, 30));
}

#[test]
fn rollups_answer_what_they_can_and_say_so() {
    let minute = 60_000_000_000;
    let build = |rollup: bool| {
        let builder = Db::builder().clock(|| NOW).vfs(Arc::new(SimVfs::new()));
        let db = builder.open("/data").expect("a database");
        db.create_database("db", None).expect("a database");
        if rollup {
            let policy = stripchart_storage::PolicySpec::named("minutes");
            db.create_retention_policy("db", policy).expect("a policy");
            db.create_rollup("db", None, "minutes", minute).expect("a rollup");
        }
        write(&db, 0, ROWS, 1);
        db.seal().expect("sealed");
        db.step(NOW);
        Engine::new(db)
    };
    let (plain, rolled) = (build(false), build(true));
    let ask = |engine: &Engine, query: &str| {
        let options = ExecuteOptions::new(NOW).database("db");
        let mut results = engine.query(query, &options).expect("it parses");
        assert!(results[0].error.is_none(), "{query}: {:?}", results[0].error);
        std::mem::take(&mut results[0].frames)
    };
    let bounds = "time >= 30s AND time < 4990s";
    let queries = [
        format!("SELECT count(i), mean(f), min(i), max(f) FROM m WHERE {bounds} GROUP BY time(2m)"),
        format!(
            "SELECT first(i), last(f), spread(i) FROM m WHERE {bounds} GROUP BY time(5m), host"
        ),
        format!("SELECT sum(i) FROM m WHERE {bounds} AND host = 'b' GROUP BY time(1m) fill(none)"),
    ];
    for query in queries {
        assert_same(&ask(&rolled, &query), &ask(&plain, &query), &query);
        let lines = explained(&rolled, &format!("EXPLAIN {query}"));
        assert!(lines.iter().any(|line| line.starts_with("ROLLUP: 1m0s, from")), "{lines:?}");
    }
    // Where the answer would not be the same they are left alone.
    for query in [
        format!("SELECT first(i) FROM m WHERE {bounds} GROUP BY time(2m)"),
        format!("SELECT mean(i) FROM m WHERE {bounds} GROUP BY time(90s)"),
        format!("SELECT max(i) FROM m WHERE {bounds}"),
    ] {
        assert_same(&ask(&rolled, &query), &ask(&plain, &query), &query);
        let lines = explained(&rolled, &format!("EXPLAIN {query}"));
        assert!(!lines.iter().any(|line| line.starts_with("ROLLUP")), "{query}: {lines:?}");
    }
}

/// Where texts of fields decide between rows at one instant, their order depends on the rows before them. It used to depend
/// on how many of those were read together, too.
#[test]
fn rows_at_one_instant_come_in_one_order_whatever_blocks_they_are_in() {
    let first = "m,h=a s=\"x\" 89\nm s=\"x\" 89\nm,h=b,r=x s=\"x\" 67";
    let more = "m,h=a,r=x s=\"x\" 89\nm,h=b,r=x s=\"x\" 72";
    let ask = |apart: bool| {
        let builder = Db::builder().clock(|| NOW).vfs(Arc::new(SimVfs::new()));
        let db = builder.open("/data").expect("a database");
        db.create_database("db", None).expect("a database");
        for lines in [first, more] {
            let writer = db.writer("db", None).expect("a writer");
            let precision = stripchart_core::Precision::Seconds;
            let report = writer.write_lines(lines.as_bytes(), precision, NOW).expect("writable");
            assert!(report.parse_errors.is_empty());
            if apart {
                db.seal().expect("sealed");
            }
        }
        let options = ExecuteOptions::new(NOW).database("db");
        let mut results = Engine::new(db).query("SELECT * FROM m", &options).expect("it parses");
        std::mem::take(&mut results[0].frames)
    };
    assert_eq!(ask(false), ask(true));
}
