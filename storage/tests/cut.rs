//! Files that somebody cuts while they are open, mapped or not: an error wherever a reader is, and no signal.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::Path;

use common::{DB, clock, options};
use stripchart_core::{Batch, FieldType, Sink, TimeRange, Timestamp};
use stripchart_storage::vfs::ReadMode;
use stripchart_storage::{
    Aggregates, Db, Direction, FoldOptions, Partials, ReadError, Series, TagFilter, View,
};

const HOSTS: usize = 100;
const ROWS: i64 = 2500;

/// A sealed measurement of some hundred series, and one with a field of text.
fn fill(folder: &Path) {
    let db = options(&clock()).open(folder).unwrap();
    db.create_database(DB, None).unwrap();
    let writer = db.writer(DB, None).unwrap();
    let mut state = 7u64;
    for host in 0..HOSTS {
        let mut batch = Batch::new();
        let series = batch.series("m", [("host", &*format!("h{host}"))]).unwrap();
        let rows = if host == 0 { ROWS } else { 20 };
        for row in 0..rows {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at =
                Timestamp::from_nanos(row * 1_000_000_000 + i64::try_from(state % 1000).unwrap());
            batch
                .row(series, at)
                .i64("i", (state % 100_000).cast_signed())
                .str("s", &format!("{state}"));
        }
        writer.write(&batch).unwrap();
    }
    db.close().unwrap();
}

/// Cuts all segments to `len` bytes.
fn cut(folder: &Path, len: u64) {
    let (mut folders, mut cut) = (vec![folder.join("shards")], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                assert!(std::fs::metadata(&path).unwrap().len() > len);
                std::fs::File::options().write(true).open(path).unwrap().set_len(len).unwrap();
                cut += 1;
            }
        }
    }
    assert_eq!(cut, 1);
}

fn all(view: &View) -> Result<Vec<Series>, ReadError> {
    view.series("m", &TagFilter::All)
}

/// Every way to read, each of which touched everything before.
fn read_all(view: &View, series: &[Series]) -> Vec<(&'static str, Result<(), ReadError>)> {
    let scan = |direction| {
        for series in series {
            for block in view.scan(series, &["i", "s"], TimeRange::ALL, direction) {
                block?;
            }
        }
        Ok(())
    };
    let fold = |options| {
        let edges: Vec<i64> = (0..40).map(|n| n * 60_000_000_000).collect();
        view.fold_many(&[series], &["i"], &edges, Aggregates::ALL, options, |_, _| {})
    };
    let fold_one = || {
        let mut into = Partials::new(FieldType::Integer, 1, Aggregates::ALL);
        series.iter().try_for_each(|series| view.fold(series, "i", &[7, 1 << 60], &mut into))
    };
    vec![
        ("list", all(view).map(drop)),
        (
            "some",
            view.series("m", &TagFilter::Prefix { key: "host".into(), prefix: "h2".into() })
                .map(drop),
        ),
        ("tag keys", view.tag_keys("m").map(drop)),
        ("tag values", view.tag_values("m", "host").map(drop)),
        ("cost", view.cost(series, &["i"], TimeRange::ALL).map(drop)),
        ("up", scan(Direction::Ascending)),
        ("down", scan(Direction::Descending)),
        ("fold", fold(FoldOptions::new())),
        ("decode", fold(FoldOptions::new().statistics(false))),
        ("fold one", fold_one()),
        ("last values", view.last_values(series, "i", TimeRange::ALL).map(drop)),
        ("last texts", view.last_values(series, "s", TimeRange::ALL).map(drop)),
        ("latest rows", view.latest_rows(series, &["i"], TimeRange::ALL).map(drop)),
    ]
}

#[test]
fn a_file_that_is_cut_under_a_reader_is_an_error_wherever_it_is() {
    for mode in [ReadMode::Map, ReadMode::Pread] {
        for len in [0, 5000] {
            let folder = tempfile::tempdir().unwrap();
            fill(folder.path());
            let db = options(&clock()).read_mode(mode).open(folder.path()).unwrap();
            let view = db.view(DB, None).unwrap();
            let series = all(&view).unwrap();
            for (what, read) in read_all(&view, &series) {
                assert!(read.is_ok(), "{what}: {read:?}");
            }
            // One that has begun.
            let mut begun = view.scan(&series[0], &["i"], TimeRange::ALL, Direction::Ascending);
            assert_eq!(begun.next().unwrap().unwrap().timestamps.len(), 1024);
            cut(folder.path(), len);
            let mut rest = begun.collect::<Vec<_>>();
            assert!(rest.pop().unwrap().is_err(), "{mode:?} {len}: a scan that had begun");
            assert!(rest.len() < 2 && rest.iter().all(Result::is_ok));
            for (what, read) in read_all(&view, &series) {
                // What was read of the index is in memory where the file is not mapped.
                let from_memory = mode == ReadMode::Pread
                    && !["up", "down", "decode", "last texts"].contains(&what);
                match read {
                    Err(ReadError::Corrupt { path, .. }) => {
                        assert!(path.extension().is_some_and(|e| e == "seg"));
                    }
                    Ok(()) if from_memory => {}
                    other => panic!("{mode:?} {len} {what}: {other:?}"),
                }
            }
            assert!(db.health().is_degraded(), "{mode:?} {len}");
        }
    }
}

#[test]
fn a_file_that_is_cut_and_filled_with_zeros_is_an_error_or_read_right() {
    for mode in [ReadMode::Map, ReadMode::Pread] {
        let folder = tempfile::tempdir().unwrap();
        fill(folder.path());
        let db: Db = options(&clock()).read_mode(mode).open(folder.path()).unwrap();
        let view = db.view(DB, None).unwrap();
        let series = all(&view).unwrap();
        let paths = std::fs::read_dir(folder.path().join("shards")).unwrap();
        let mut folder = paths.last().unwrap().unwrap().path();
        while folder.is_dir() {
            folder = std::fs::read_dir(&folder).unwrap().last().unwrap().unwrap().path();
        }
        let file = std::fs::File::options().write(true).open(&folder).unwrap();
        let len = file.metadata().unwrap().len();
        file.set_len(0).unwrap();
        file.set_len(len).unwrap();
        for (what, read) in read_all(&view, &series) {
            if ["up", "down", "decode"].contains(&what) {
                assert!(read.is_err(), "{mode:?} {what}: zeros have no checksum");
            }
        }
    }
}
