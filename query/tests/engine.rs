//! What surrounds a statement: limits, chunks, batches of statements, units, time zones of results.

use std::ops::ControlFlow;
use std::sync::Arc;

use stripchart_core::{
    Batch, FieldDescriptor, FieldType, FrameRequest, FrameSource, ManualClock, MetricKind, Sink,
    Timestamp, Unit, Values,
};
use stripchart_query::{
    Cancel, Deadline, Engine, ExecuteOptions, FormatOptions, parse_query, write_json,
};
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

/// Name, tags and rows of a series, as text.
type Told = (String, Vec<(String, String)>, Vec<String>);

fn row_of(columns: &[stripchart_core::Column], row: usize) -> String {
    let cell = |column: &stripchart_core::Column| format!("{}={:?}", column.name, column.get(row));
    columns.iter().map(cell).collect::<Vec<_>>().join(" ")
}

#[test]
fn series_that_share_columns_are_those_that_have_their_own() {
    let engine = engine();
    for query in [
        "SELECT mean(used), max(sent) FROM net GROUP BY time(10s), host",
        "SELECT * FROM net GROUP BY host ORDER BY time DESC LIMIT 1",
        "SELECT * FROM net WHERE used > 90",
        "SELECT used, host, nosuch FROM net GROUP BY host",
        "SELECT top(used, host, 2) FROM net",
        "SELECT derivative(mean(used)) FROM net WHERE time < 50s GROUP BY time(10s), host, none",
        "SELECT last(used) FROM net, /n.t/ GROUP BY host",
        "SELECT used FROM net WHERE host = 'nobody'",
        "SHOW TAG VALUES WITH KEY = host",
    ] {
        let statement = parse_query(query).expect("it parses").statements.remove(0);
        let gathered = engine.gather(statement, &options()).expect("an answer");
        let mut told: Vec<Told> = Vec::new();
        for frames in &gathered {
            for series in 0..frames.series_count() {
                let tag = |column: &stripchart_core::Column| {
                    let value = frames.tag_value(series, &column.name).expect("a text");
                    (column.name.clone(), value.to_owned())
                };
                let rows = frames.rows(series).map(|row| row_of(&frames.columns, row)).collect();
                told.push((frames.name.clone(), frames.tags.iter().map(tag).collect(), rows));
            }
        }
        let results = engine.query(query, &options()).expect("it parses");
        let alone: Vec<Told> = results[0]
            .frames
            .iter()
            .map(|frame| {
                let rows = (0..frame.row_count()).map(|row| row_of(&frame.columns, row)).collect();
                (frame.name.clone(), frame.tags.clone(), rows)
            })
            .collect();
        assert_eq!(told, alone, "{query}");
    }
    let nothing = parse_query("SELECT used FROM nosuch..net").expect("it parses");
    let refused = engine.gather(nothing.statements[0].clone(), &options());
    assert_eq!(refused.map_err(|e| e.to_string()), Err("database not found: nosuch".to_owned()));
}

#[test]
fn answers_about_many_series_come_in_few_columns() {
    let engine = engine();
    let mut batch = Batch::new();
    for host in ["z", "m", "b1"] {
        let series = batch.series("late", [("host", host)]).expect("a key");
        let at = batch.row(series, Timestamp::from_secs(20));
        at.i64("used", i64::from(host.as_bytes()[0]));
    }
    engine.db().writer("db", None).expect("a writer").write(&batch).expect("writable");
    engine.db().seal().expect("sealed");
    let stored = "SELECT first(used) FROM late GROUP BY host";
    let statement = parse_query(stored).expect("it parses").statements.remove(0);
    let all = engine.gather(statement, &options()).expect("an answer");
    let hosts: Vec<_> = (0..3).filter_map(|series| all[0].tag_value(series, "host")).collect();
    assert_eq!(hosts, ["b1", "m", "z"]);
    assert_eq!(all[0].get("first").map(|c| c.values()), Some(&Values::Integer(vec![98, 109, 122])));

    let query = "SELECT mean(used) FROM net WHERE time < 100s GROUP BY time(50s), host";
    let statement = parse_query(query).expect("it parses").statements.remove(0);
    let gathered = engine.gather(statement, &options()).expect("an answer");
    let [frames] = gathered.as_slice() else { panic!("{gathered:?}") };
    assert_eq!((frames.series_count(), frames.ends.as_slice()), (2, &[2, 4][..]));
    assert_eq!(frames.times(), Some(&[0, 50_000_000_000, 0, 50_000_000_000][..]));
    let options = ExecuteOptions { chunk_rows: Some(30), ..options() };
    let rows = parse_query("SELECT used FROM net WHERE host = 'a'").expect("it parses");
    let parts = engine.gather(rows.statements[0].clone(), &options).expect("an answer");
    let counts: Vec<_> = parts.iter().map(|part| (part.row_count(), part.partial)).collect();
    assert_eq!(counts, [(30, true), (30, true), (30, true), (10, false)]);
}

#[test]
fn a_tag_that_a_subquery_is_grouped_by_is_empty_where_a_series_has_none() {
    let engine = engine();
    let mut batch = Batch::new();
    for (tags, used) in [(vec![], 1), (vec![("host", "x")], 2)] {
        let series = batch.series("part", tags).expect("a key");
        batch.row(series, Timestamp::from_secs(used)).i64("used", used);
    }
    engine.db().writer("db", None).expect("a writer").write(&batch).expect("writable");
    let hosts = |query: &str| {
        let statement = parse_query(query).expect("it parses").statements.remove(0);
        let answer = engine.gather(statement, &options()).expect("an answer");
        let column = answer[0].get("host").expect("a column").clone();
        (0..2).map(|row| column.get(row).and_then(|v| v.as_str().map(str::to_owned))).collect()
    };
    let grouped: Vec<Option<String>> =
        hosts("SELECT used, host FROM (SELECT used FROM part GROUP BY host)");
    assert_eq!(grouped, [Some(String::new()), Some("x".to_owned())]);
    let selected: Vec<Option<String>> =
        hosts("SELECT used, host FROM (SELECT used, host FROM part)");
    assert_eq!(selected, [None, Some("x".to_owned())]);
}
