//! What surrounds a statement: limits, chunks, batches of statements, units, time zones of results.

use std::ops::ControlFlow;
use std::sync::Arc;

use stripchart_core::{
    Batch, FieldDescriptor, FieldType, FrameRequest, FrameSource, ManualClock, MetricKind, Sink,
    Timestamp, Unit,
};
use stripchart_query::{Cancel, Deadline, Engine, ExecuteOptions, FormatOptions, write_json};
use stripchart_storage::Db;
use stripchart_storage::vfs::sim::SimVfs;

const NOW: Timestamp = Timestamp::from_secs(1000);

/// Hosts a and b, a row a second each from 0 to 99: `sent` counts bytes, `used` is bytes.
fn engine() -> Engine {
    let builder = Db::builder().clock(|| NOW).vfs(Arc::new(SimVfs::new()));
    let db = builder.open("/data").expect("a database");
    db.create_database("db", None).expect("a database");
    let writer = db.writer("db", None).expect("a writer");
    let described = |field, kind| {
        FieldDescriptor::new("net", field, FieldType::Integer, kind, Unit::Bytes, "bytes")
    };
    let fields = [described("sent", MetricKind::Cumulative), described("used", MetricKind::Gauge)];
    writer.describe(&fields).expect("descriptors are kept");
    let mut batch = Batch::new();
    for host in ["a", "b"] {
        let series = batch.series("net", [("host", host)]).expect("a key");
        for second in 0..100 {
            let at = Timestamp::from_secs(second);
            batch.row(series, at).i64("sent", second * 10).i64("used", second);
        }
    }
    writer.write(&batch).expect("writable");
    Engine::new(db)
}

fn options() -> ExecuteOptions<'static> {
    ExecuteOptions::new(NOW).database("db")
}

/// The error of a single statement.
fn error(engine: &Engine, query: &str, options: &ExecuteOptions<'_>) -> String {
    let results = engine.query(query, options).expect("it parses");
    results[0].error.as_ref().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn the_first_failure_stops_the_statements_after_it() {
    let query = "SHOW DATABASES; SELECT used FROM nosuch..net; SHOW DATABASES; DROP DATABASE db";
    let engine = engine();
    let results = engine.query(query, &options()).expect("it parses");
    let errors: Vec<_> =
        results.iter().map(|r| r.error.as_ref().map(ToString::to_string)).collect();
    let not_executed = || Some("not executed".to_owned());
    assert_eq!(
        errors,
        [None, Some("database not found: nosuch".to_owned()), not_executed(), not_executed()]
    );
    assert!(engine.db().catalog().database("db").is_some());
    assert_eq!(
        error(&engine, "SELECT used FROM net", &ExecuteOptions::new(NOW)),
        "database name required"
    );
}

#[test]
fn limits_are_kept() {
    let engine = engine();
    let windows = "SELECT mean(used) FROM net WHERE time >= 0s AND time < 60s GROUP BY time(10s)";
    let mut limited = options();
    limited.limits.max_buckets = Some(5);
    assert_eq!(error(&engine, windows, &limited), "max-select-buckets limit exceeded: (6/5)");
    limited = options();
    limited.limits.max_series = Some(1);
    assert_eq!(error(&engine, windows, &limited), "max-select-series limit exceeded: (2/1)");
    limited = options();
    limited.limits.max_points = Some(150);
    let raw = "SELECT used FROM net";
    assert_eq!(error(&engine, raw, &limited), "max-select-point limit exceeed: (200/150)");
    limited = options();
    limited.limits.max_memory_bytes = Some(1000);
    let error = error(&engine, "SELECT median(used) FROM net", &limited);
    assert!(error.starts_with("the answer takes more than the 1000 bytes of memory"), "{error}");
}

#[test]
fn a_query_without_a_lower_bound_is_narrowed_to_the_allowed_windows() {
    let mut limited = options();
    limited.limits.max_buckets = Some(3);
    let query = "SELECT count(used) FROM net WHERE time < 100s GROUP BY time(10s)";
    let results = engine().query(query, &limited).expect("it parses");
    let times = results[0].frames[0].times().expect("times");
    assert_eq!(times.iter().map(|at| at / 1_000_000_000).collect::<Vec<_>>(), [70, 80, 90]);
}

#[test]
fn a_query_is_stopped() {
    let engine = engine();
    let cancel = Cancel::new();
    let clock = ManualClock::new(Timestamp::from_secs(10));
    let mut stoppable = options();
    stoppable.cancel = Some(&cancel);
    stoppable.deadline = Some(Deadline { at: Timestamp::from_secs(11), clock: &clock });
    let query = "SELECT used FROM net";
    assert_eq!(error(&engine, query, &stoppable), "");
    clock.set(Timestamp::from_secs(11));
    assert_eq!(error(&engine, query, &stoppable), "query-timeout limit exceeded");
    cancel.cancel();
    assert_eq!(error(&engine, query, &stoppable), "query interrupted");
}

#[test]
fn rows_come_in_chunks_that_join_again() {
    let engine = engine();
    let query = "SELECT used FROM net GROUP BY host";
    let mut chunked = options();
    chunked.chunk_rows = Some(40);
    let results = engine.query(query, &chunked).expect("it parses");
    let shape: Vec<_> = results[0].frames.iter().map(|f| (f.row_count(), f.partial)).collect();
    let one = [(40, true), (40, true), (20, false)];
    assert_eq!(shape, [one, one].concat());
    chunked.chunk_rows = Some(50);
    let even = engine.query(query, &chunked).expect("it parses");
    assert_eq!(
        even[0].frames.iter().map(|f| f.partial).collect::<Vec<_>>(),
        [true, false, true, false]
    );
    let whole = engine.query(query, &options()).expect("it parses");
    let text = |results| {
        let mut text = Vec::new();
        write_json(results, &FormatOptions::default(), &mut text);
        text
    };
    assert_eq!(text(&results), text(&whole));
}

#[test]
fn charts_ask_for_frames_and_learn_their_units() {
    let engine = engine();
    let ask = |statement: &str| {
        let request = FrameRequest { database: "db", retention_policy: None, statement, now: NOW };
        engine.frames(&request)
    };
    let frames =
        ask("SELECT max(used), derivative(max(sent), 1s), count(used), max(used) * 2 FROM net \
         WHERE time >= 0s AND time < 100s GROUP BY time(10s), host")
        .expect("an answer");
    let units: Vec<_> = frames[0].columns.iter().map(|column| column.unit).collect();
    assert_eq!(units, [None, Some(Unit::Bytes), Some(Unit::BytesPerSecond), None, None]);
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[1].get("derivative").and_then(|column| column.get_f64(3)), Some(10.0));
    let raw = ask("SELECT used FROM (SELECT used FROM net)").expect("an answer");
    assert_eq!(raw[0].columns[1].unit, Some(Unit::Bytes));
    assert!(ask("SELECT FROM net").is_err());
    let two = ask("SHOW DATABASES; SHOW DATABASES").map_err(|error| error.to_string());
    assert_eq!(two, Err("expected one statement, found 2".to_owned()));
}

#[test]
fn a_receiver_may_have_enough() {
    let engine = engine();
    let query =
        stripchart_query::parse_query("SELECT used FROM net GROUP BY host").expect("it parses");
    let mut frames = 0;
    let done = engine.run(&query.statements[0], &options(), &mut |_| {
        frames += 1;
        ControlFlow::Break(())
    });
    assert!(matches!((done, frames), (Ok(()), 1)));
}

#[cfg(feature = "chrono-tz")]
#[test]
fn instants_are_written_in_the_zone_of_the_statement() {
    let query = "SELECT max(used) FROM net tz('Asia/Kolkata')";
    let results = engine().query(query, &options()).expect("it parses");
    let mut text = Vec::new();
    write_json(&results, &FormatOptions::default(), &mut text);
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains(r#"[["1970-01-01T05:31:39+05:30",99]]"#), "{text}");
}
