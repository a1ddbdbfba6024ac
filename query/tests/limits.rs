//! Questions that would cost more than a host process has: each is refused in words, before or soon after it begins, and
//! none of what InfluxDB answers as it is installed is refused.

use std::sync::Arc;

use stripchart_core::{Batch, Sink, Timestamp};
use stripchart_query::{Engine, ExecuteOptions, Limits, StreamOptions, parse_query};
use stripchart_storage::Db;
use stripchart_storage::vfs::sim::SimVfs;

/// 2027.
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// `hosts` hosts with `rows` rows each, a second apart, from the epoch on.
fn engine(hosts: usize, rows: i64) -> Engine {
    let builder = Db::builder().clock(|| NOW).vfs(Arc::new(SimVfs::new()));
    let db = builder.open("/data").expect("a database");
    db.create_database("db", None).expect("a database");
    let writer = db.writer("db", None).expect("a writer");
    let mut batch = Batch::new();
    for host in 0..hosts {
        let series = batch.series("m", [("host", format!("h{host:05}").as_str())]).expect("a key");
        for second in 0..rows {
            batch.row(series, Timestamp::from_secs(second)).i64("v", second).f64("f", 0.5);
        }
    }
    writer.write(&batch).expect("writable");
    db.seal().expect("sealed");
    Engine::new(db)
}

fn error(engine: &Engine, query: &str, limits: &Limits) -> String {
    let mut options = ExecuteOptions::new(NOW).database("db");
    options.limits = limits.clone();
    match engine.query(query, &options) {
        Err(error) => error.to_string(),
        Ok(results) => results[0].error.as_ref().map_or_else(String::new, ToString::to_string),
    }
}

#[test]
fn windows_are_counted_before_they_are_made() {
    let engine = engine(1, 10);
    let all = "SELECT mean(v) FROM m GROUP BY time(10s)";
    let text = error(&engine, all, &Limits::default());
    assert!(text.contains("bytes of memory that a query may use"), "{text}");
    let filled = "SELECT mean(v) FROM m WHERE time >= 0s GROUP BY time(1s) fill(0)";
    let text = error(&engine, filled, &Limits::default());
    assert!(text.contains("bytes of memory that a query may use"), "{text}");
    let few = Limits { max_buckets: Some(1000), ..Limits::default() };
    let bounded = "SELECT mean(v) FROM m WHERE time >= 0s AND time < 2000s GROUP BY time(1s)";
    assert_eq!(error(&engine, bounded, &few), "max-select-buckets limit exceeded: (2000/1000)");
    // Where only some are asked for, only those are made.
    for order in ["", " ORDER BY time DESC"] {
        let first = format!("SELECT mean(v) FROM m GROUP BY time(10s){order} LIMIT 3");
        assert_eq!(error(&engine, &first, &Limits::default()), "");
    }
    assert_eq!(
        error(&engine, "SELECT mean(v) FROM m GROUP BY time(10s) fill(none)", &Limits::default()),
        ""
    );
}

#[test]
fn series_and_points_are_limited_in_influxdbs_words() {
    let engine = engine(200, 20);
    let series = Limits { max_series: Some(100), ..Limits::default() };
    for query in ["SELECT v FROM m", "SELECT max(v) FROM m", "SELECT v FROM m WHERE f > 0"] {
        assert_eq!(error(&engine, query, &series), "max-select-series limit exceeded: (200/100)");
    }
    assert_eq!(error(&engine, "SELECT v FROM m WHERE host = 'h00007'", &series), "");
    let points = Limits { max_points: Some(1000), ..Limits::default() };
    for query in ["SELECT v FROM m", "SELECT max(v) FROM m", "SELECT median(v) FROM m"] {
        let text = error(&engine, query, &points);
        assert!(text.starts_with("max-select-point limit exceeed: ("), "{text}");
        assert!(text.ends_with("/1000)"), "{text}");
    }
}

#[test]
fn texts_that_are_made_to_cost_are_refused_or_harmless() {
    let engine = engine(3, 5);
    let nested = format!("SELECT {}v{} FROM m", "(".repeat(10_000), ")".repeat(10_000));
    let condition =
        format!("SELECT v FROM m WHERE {}v > 1{}", "(".repeat(10_000), ")".repeat(10_000));
    let subqueries =
        format!("SELECT v FROM {}m{}", "(SELECT v FROM ".repeat(5_000), ")".repeat(5_000));
    for text in [nested, condition, subqueries] {
        let error = error(&engine, &text, &Limits::default());
        assert!(error.len() < 300 && error.contains("nest"), "{error}");
    }
    for bomb in ["((a{900}){900}){900}", "(x+x+)+y{1000}{1000}", "\\pL{500}{500}"] {
        for query in [
            format!("SELECT v FROM m WHERE host =~ /{bomb}/"),
            format!("SELECT /{bomb}/ FROM m"),
            format!("SELECT v FROM /{bomb}/"),
        ] {
            assert!(!error(&engine, &query, &Limits::default()).is_empty(), "{query}");
        }
    }
    // Backtracking would not come back from this.
    let slow = "SELECT v FROM m WHERE host =~ /^(h+)+(0+)+(0*)*x$/";
    assert_eq!(error(&engine, slow, &Limits::default()), "");
}

#[test]
fn an_answer_may_be_far_larger_than_the_memory_it_is_made_in() {
    let (hosts, rows) = (60, 2000);
    let engine = engine(hosts, rows);
    // A block of each series would be 1.4 MB, the rows are 2.9 MB.
    let limits = Limits { max_memory_bytes: Some(400_000), ..Limits::default() };
    for order in ["", " ORDER BY time DESC"] {
        let mut options = StreamOptions::new(NOW).database("db");
        options.limits = limits.clone();
        options.text.epoch = Some(stripchart_core::Precision::Seconds);
        let query = parse_query(&format!("SELECT v, f FROM m{order}")).expect("it parses");
        let bytes: Vec<u8> = engine.stream(query, options).flatten().collect();
        let text = String::from_utf8(bytes).expect("text");
        assert!(!text.contains("error"), "{}", &text[text.len() - 300..]);
        let times: Vec<i64> =
            text.split('[').filter_map(|row| row.split_once(',')?.0.parse().ok()).collect();
        assert_eq!(times.len() as i64, hosts as i64 * rows);
        assert!(if order.is_empty() { times.is_sorted() } else { times.iter().rev().is_sorted() });
    }
    let text = error(&engine, "SELECT median(v) FROM m", &limits);
    assert!(text.contains("more than the 400000 bytes"), "{text}");
}

/// The figure that `EXPLAIN ANALYZE` tells of `what`.
fn told(engine: &Engine, query: &str, what: &str) -> u64 {
    let options = ExecuteOptions::new(NOW).database("db");
    let results = engine.query(&format!("EXPLAIN ANALYZE {query}"), &options).expect("it parses");
    let column = &results[0].frames[0].columns[0];
    let mut lines = (0..column.len()).filter_map(|row| column.get(row)?.as_str());
    let figure = lines.find_map(|line| line.trim().strip_prefix(what)?.strip_prefix(": "));
    figure.and_then(|figure| figure.parse().ok()).expect("such a line")
}

#[test]
fn blocks_without_a_row_that_is_asked_for_are_not_read() {
    let engine = engine(10, 500);
    for (query, rows, skipped) in [
        ("SELECT * FROM m WHERE v > 1000", 0, 10),
        ("SELECT * FROM m WHERE v >= 499 AND f < 1", 10, 0),
        ("SELECT * FROM m WHERE 499 < v", 0, 10),
        ("SELECT v FROM m WHERE v < 3 AND v > 400", 0, 0),
        ("SELECT v FROM m WHERE v < 0 AND host = 'h00003'", 0, 1),
        ("SELECT v FROM m WHERE f = 0.25", 0, 10),
        // Either side may hold.
        ("SELECT v FROM m WHERE v > 1000 OR f = 0.5", 5000, 0),
        ("SELECT v FROM m WHERE v > 1000 OR v = 7", 10, 0),
    ] {
        assert_eq!(told(&engine, query, "rows"), rows, "{query}");
        assert_eq!(told(&engine, query, "blocks_skipped"), skipped, "{query}");
    }
}
