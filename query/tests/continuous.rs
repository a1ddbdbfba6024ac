//! Continuous queries run when they are due, once for each window, whatever happens in between.

use std::path::Path;
use std::sync::Arc;

use stripchart_core::{ManualClock, Precision, Timestamp};
use stripchart_query::{
    Engine, ExecuteOptions, FormatOptions, Limits, QueryError, Tick, write_csv,
};
use stripchart_storage::Db;

const CREATE: &str = "CREATE CONTINUOUS QUERY c ON db BEGIN SELECT sum(v) AS s INTO out FROM m GROUP BY time(1m), h END";

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(seconds)
}

fn open(folder: &Path, now: i64) -> Engine {
    Engine::new(Db::builder().clock(move || at(now)).open(folder).expect("a database"))
}

fn ask(engine: &Engine, query: &str, now: i64) -> String {
    let options = ExecuteOptions::new(at(now)).database("db");
    let results = engine.query(query, &options).expect(query);
    let mut text = String::new();
    let format = FormatOptions { epoch: Some(Precision::Seconds), pretty: false };
    write_csv(&results, &format, &mut text);
    text.trim_end().to_owned()
}

fn load(engine: &Engine, lines: &str) {
    let writer = engine.db().writer("db", None).expect("a writer");
    let report = writer.write_lines(lines.as_bytes(), Precision::Seconds, at(0)).expect("writable");
    assert!(report.rejected.is_empty() && report.parse_errors.is_empty(), "{report:?}");
}

fn tick(engine: &Engine, now: i64) -> Tick {
    engine.tick(at(now), &Limits::default()).expect("readable")
}

/// Start and end of each run in seconds, and rows written.
fn runs(tick: &Tick) -> Vec<(i64, i64, u64)> {
    let seconds = |at: Timestamp| at.nanos() / 1_000_000_000;
    let one = |run: &stripchart_query::ContinuousRun| {
        assert!(run.error.is_none(), "{:?}", run.error);
        (seconds(run.start), seconds(run.end), run.written)
    };
    tick.runs.iter().map(one).collect()
}

#[test]
fn a_window_is_computed_when_it_has_ended_and_not_again() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), 0);
    assert_eq!(ask(&engine, &format!("CREATE DATABASE db; {CREATE}"), 0), "");
    let first = tick(&engine, 30);
    assert_eq!((runs(&first), first.next.at), (vec![], Some(at(60))));
    load(&engine, "m,h=a v=1 60\nm,h=a v=2 119\nm,h=b v=5 100\nm,h=a v=100 120");
    assert_eq!(runs(&tick(&engine, 119)), [(0, 60, 0)]);
    let second = tick(&engine, 121);
    assert_eq!((runs(&second), second.next.at), (vec![(60, 120, 2)], Some(at(180))));
    assert_eq!(runs(&tick(&engine, 150)), []);
    let want = "name,tags,time,s\nout,h=a,60,3\nout,h=b,60,5";
    let answer = ask(&engine, "SELECT s FROM out GROUP BY h", 150);
    assert_eq!(answer, want);
    assert_eq!(ask(&engine, "SHOW STATS FOR 'cq'", 150), "name,tags,queryFail,queryOk\ncq,,0,2");
}

#[test]
fn after_a_stop_every_window_in_between_is_computed() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), 0);
    ask(&engine, &format!("CREATE DATABASE db; {CREATE}"), 0);
    assert_eq!(runs(&tick(&engine, 60)), [(0, 60, 0)]);
    let lines: Vec<String> = (60..300).map(|second| format!("m,h=a v=1 {second}")).collect();
    load(&engine, &lines.join("\n"));
    drop(engine);

    let engine = open(folder.path(), 270);
    assert_eq!(runs(&tick(&engine, 270)), [(60, 240, 3)]);
    assert_eq!(runs(&tick(&engine, 271)), []);
    drop(engine);
    // Nothing is computed again that was.
    let engine = open(folder.path(), 299);
    assert_eq!(runs(&tick(&engine, 299)), []);
    let want = "name,tags,time,s\nout,,60,60\nout,,120,60\nout,,180,60";
    assert_eq!(ask(&engine, "SELECT s FROM out", 299), want);
}

#[test]
fn catching_up_with_a_long_time_takes_several_calls_that_are_due_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), 0);
    ask(&engine, &format!("CREATE DATABASE db; {CREATE}"), 0);
    tick(&engine, 60);
    let now = 2_500 * 60;
    load(&engine, "m,h=a v=1 3600\nm,h=a v=2 149999");
    let (mut calls, mut rows) = (0, 0);
    loop {
        let tick = tick(&engine, now);
        calls += 1;
        rows += runs(&tick).iter().map(|run| run.2).sum::<u64>();
        if tick.next.at > Some(at(now)) {
            break;
        }
    }
    assert_eq!((calls, rows), (3, 2));
}

#[test]
fn its_own_conditions_on_time_do_not_count_and_others_do() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), 0);
    ask(
        &engine,
        "CREATE DATABASE db; CREATE CONTINUOUS QUERY c ON db RESAMPLE EVERY 30s FOR 2m BEGIN \
         SELECT count(v) INTO out FROM m WHERE (h = 'a' OR h = 'b') AND time > now() - 1s GROUP BY time(1m) END",
        0,
    );
    load(&engine, "m,h=a v=1 10\nm,h=b v=1 11\nm,h=c v=1 12\nm,h=a v=1 70");
    assert_eq!(runs(&tick(&engine, 91)), [(0, 120, 2)], "a window that goes on is computed too");
    let later = tick(&engine, 120);
    assert_eq!((runs(&later), later.next.at), (vec![(0, 120, 2)], Some(at(150))));
    let want = "name,tags,time,count\nout,,0,2\nout,,60,1";
    assert_eq!(ask(&engine, "SELECT count FROM out", 120), want);
}

#[test]
fn a_failure_is_told_and_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), 0);
    ask(&engine, &format!("CREATE DATABASE db; {CREATE}"), 0);
    load(&engine, "out s=\"text\" 0\nm,h=a v=1 61");
    assert_eq!(runs(&tick(&engine, 60)), [(0, 60, 0)]);
    let failed = tick(&engine, 120);
    let error = failed.runs[0].error.as_ref().expect("a conflict of types").to_string();
    assert!(error.starts_with("partial write: field type conflict"), "{error}");
    assert_eq!(failed.next.at, Some(at(180)));
    ask(&engine, "DROP MEASUREMENT out", 121);
    assert_eq!(runs(&tick(&engine, 180)), [(60, 180, 1)]);
    assert_eq!(ask(&engine, "SELECT s FROM out", 180), "name,tags,time,s\nout,,60,1");
}

#[test]
fn what_was_dropped_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), 0);
    ask(&engine, &format!("CREATE DATABASE db; {CREATE}"), 0);
    tick(&engine, 60);
    ask(&engine, "DROP CONTINUOUS QUERY c ON db", 61);
    let idle = tick(&engine, 600);
    assert!(idle.runs.is_empty() && idle.next.at.is_none());
    // A new one of that name begins anew, and so it does when its database went with it.
    ask(&engine, CREATE, 601);
    assert_eq!(runs(&tick(&engine, 660)), [(600, 660, 0)]);
    ask(&engine, "DROP DATABASE db", 661);
    assert!(tick(&engine, 720).runs.is_empty());
    ask(&engine, &format!("CREATE DATABASE db; {CREATE}"), 1200);
    assert_eq!(runs(&tick(&engine, 1260)), [(1200, 1260, 0)]);
}

#[test]
fn damage_is_told_by_whoever_needs_it_and_the_data_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), 0);
    ask(&engine, &format!("CREATE DATABASE db; {CREATE}"), 0);
    tick(&engine, 60);
    load(&engine, "m,h=a v=1 61");
    drop(engine);
    let path = folder.path().join("documents/query.doc");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&path, bytes).unwrap();

    let engine = open(folder.path(), 62);
    assert_eq!(ask(&engine, "SELECT v FROM m", 62), "name,tags,time,v\nm,,61,1");
    for query in ["SHOW CONTINUOUS QUERIES", "SHOW USERS", "DROP CONTINUOUS QUERY c ON db"] {
        let answer = ask(&engine, query, 62);
        assert!(answer.contains("query.doc") && answer.contains("checksum"), "{query}: {answer}");
    }
    assert!(engine.tick(at(120), &Limits::default()).is_err());
    assert!(engine.authenticate("x", "y").is_err());
}

#[test]
fn a_thread_runs_what_is_created_until_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(folder.path(), 0);
    let clock = Arc::new(ManualClock::new(at(0)));
    let (told, ticks) = std::sync::mpsc::channel();
    let each = move |tick: Result<Tick, QueryError>| {
        let _ = told.send(tick.expect("readable"));
    };
    let guard = engine.spawn_continuous(clock.clone(), Limits::default(), each).unwrap();
    assert!(ticks.recv().unwrap().next.at.is_none());
    ask(&engine, "CREATE DATABASE db", 0);
    load(&engine, "m,h=a v=1 10");
    clock.set(at(60));
    ask(&engine, CREATE, 60);
    assert_eq!(runs(&ticks.recv().unwrap()), [(0, 60, 1)]);
    drop(guard);
    assert!(ticks.recv().is_err(), "nobody ticks any more");
}
