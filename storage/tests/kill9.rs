//! A process that writes is killed, with `SIGKILL`, at a random moment, again and again: every point that it said was
//! written is there.
//!
//! By itself this takes twenty rounds; `STRIPCHART_KILL9_ROUNDS=n` takes `n`. One of ten is killed while it opens, one of five
//! while everything is sealed and compacted all the time.
//!
//! The writing process is this test again, with the folder in its environment. It prints a line after each
//! acknowledgement; what has come through the pipe has been acknowledged.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "helpers of tests")]
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::DB;
use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
use stripchart_storage::{Db, Direction, SyncPolicy, TagFilter};

/// Rounds in one folder: later ones would only read longer.
const FOLDER_ROUNDS: u64 = 25;
/// As many as `acknowledged` has places.
const WRITERS: u64 = 4;
const ROWS: i64 = 7;
const FOLDER: &str = "STRIPCHART_KILL9_FOLDER";
const ROUND: &str = "STRIPCHART_KILL9_ROUND";

fn open(folder: &Path, round: u64) -> Db {
    let sync = match round % 3 {
        0 => SyncPolicy::Always,
        1 => SyncPolicy::Interval(Duration::from_millis(5)),
        _ => SyncPolicy::Never,
    };
    // Small, so that files are begun, sealed and merged all the time.
    let options = Db::builder().sync(sync).head_bytes(64 << 10).log_file_bytes(8 << 10);
    options.merge_bytes(256 << 10).open(folder).expect("the database opens")
}

fn value(writer: u64, n: i64, row: i64) -> i64 {
    n * 1000 + row * 10 + i64::try_from(writer).unwrap()
}

/// Batches that are there, from the first on, all whole.
fn batches(db: &Db, writer: u64) -> i64 {
    let view = db.view(DB, None).unwrap();
    let host = TagFilter::Equal { key: "writer".into(), value: writer.to_string() };
    let mut rows = 0;
    for series in view.series("m", &host).unwrap() {
        for block in view.scan(&series, &["v"], TimeRange::ALL, Direction::Ascending) {
            let block = block.unwrap();
            for (at, got) in block.timestamps.iter().enumerate() {
                let (n, row) = (rows / ROWS, rows % ROWS);
                assert_eq!(*got, n * ROWS + row, "a row is missing");
                assert_eq!(block.columns[0].get(at), Some(value(writer, n, row).into()));
                rows += 1;
            }
        }
    }
    assert_eq!(rows % ROWS, 0, "a batch in part");
    rows / ROWS
}

/// Not a test: the process that is killed.
#[test]
#[ignore = "run by the test below"]
fn child() {
    let (Ok(folder), Ok(round)) = (std::env::var(FOLDER), std::env::var(ROUND)) else { return };
    std::io::stdout().write_all(b"\nopening\n").unwrap();
    let db = open(Path::new(&folder), round.parse().unwrap());
    db.create_database(DB, None).unwrap();
    let _background = db.spawn().unwrap();
    std::thread::scope(|scope| {
        if round.ends_with(['3', '7']) {
            scope.spawn(|| {
                loop {
                    db.seal().unwrap();
                    db.compact(|_| ()).unwrap();
                }
            });
        }
        for writer in 0..WRITERS {
            let db = &db;
            scope.spawn(move || {
                let mut batch = Batch::new();
                let tag = writer.to_string();
                let series = batch.series("m", [("writer", tag.as_str())]).unwrap();
                let sink = db.writer(DB, None).unwrap();
                for n in batches(db, writer).. {
                    batch.clear();
                    for row in 0..ROWS {
                        let at = Timestamp::from_nanos(n * ROWS + row);
                        batch.row(series, at).i64("v", value(writer, n, row));
                    }
                    assert_eq!(sink.write(&batch).unwrap().rows, usize::try_from(ROWS).unwrap());
                    // One call, so that lines of two writers do not mix.
                    std::io::stdout()
                        .write_all(format!("\nack {writer} {n}\n").as_bytes())
                        .unwrap();
                }
            });
        }
    });
}

#[test]
fn every_acknowledged_point_survives_kill_9() {
    let rounds = std::env::var("STRIPCHART_KILL9_ROUNDS").ok().and_then(|n| n.parse().ok());
    let rounds: u64 = rounds.unwrap_or(20);
    let mut folder = tempfile::tempdir().unwrap();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let (mut acknowledged, mut total) = ([-1i64; WRITERS as usize], 0u64);
    for round in 0..rounds {
        if round > 0 && round % FOLDER_ROUNDS == 0 {
            folder = tempfile::tempdir().unwrap();
            acknowledged = [-1; WRITERS as usize];
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        // Some while opening, most while writing.
        let after = if random.is_multiple_of(10) { 0 } else { random % 400 };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child", "--nocapture", "--test-threads", "1"])
            .env(FOLDER, folder.path())
            .env(ROUND, round.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut seen = 0;
        for line in lines {
            if after == 0 && line == "opening" {
                child.kill().unwrap();
            }
            let Some(ack) = line.strip_prefix("ack ") else { continue };
            // The last line may be cut.
            let Some((writer, n)) = ack.split_once(' ') else { continue };
            let (Ok(writer), Ok(n)) = (writer.parse::<usize>(), n.parse::<i64>()) else { continue };
            // A cut number is smaller than the whole one, and so claims less.
            acknowledged[writer] = acknowledged[writer].max(n);
            (seen, total) = (seen + 1, total + 1);
            if seen == after {
                child.kill().unwrap();
            }
        }
        let status = child.wait().unwrap();
        assert!(!status.success(), "round {round}: it was to be killed");
        let db = open(folder.path(), round);
        assert!(!db.health().is_degraded(), "round {round}: {:?}", db.health());
        for (writer, last) in (0..WRITERS).zip(acknowledged) {
            if last >= 0 {
                let found = batches(&db, writer);
                assert!(
                    found > last,
                    "round {round}, writer {writer}: {found} batches, {last} acknowledged"
                );
            }
        }
    }
    println!("kill -9: {rounds} rounds, {total} acknowledgements, none lost");
    assert!(total > rounds * 20, "it did write: {total}");
}
