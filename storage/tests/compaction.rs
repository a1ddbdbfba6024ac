//! Merging: reads are the same before, during and after; steps are short; nothing is lost whatever comes in between.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{DB, clock, dump, open, options, put};
use stripchart_core::{Batch, ManualClock, Precision, Sink, TimeRange, Timestamp};
use stripchart_storage::vfs::sim::{Crash, SimVfs};
use stripchart_storage::{CompactProgress, Db, DbBuilder, PolicySpec, TagFilter};

const NOW: i64 = 1_767_225_600_000_000_000;
const SEC: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SEC;

/// A series a step.
fn slow() -> DbBuilder {
    options(&clock()).merge_step_values(1)
}

fn step(db: &Db, at: i64) -> Option<i64> {
    db.step(Timestamp::from_nanos(at)).at.map(Timestamp::nanos)
}

fn steps(db: &Db, count: usize) {
    for _ in 0..count {
        step(db, NOW);
    }
}

/// Four segments of thirty series, which are due to become one.
fn four_segments(vfs: &SimVfs, options: DbBuilder) -> Db {
    let db = open(vfs, options).unwrap();
    db.create_database(DB, None).unwrap();
    for round in 0..4 {
        for host in 0..30 {
            put(&db, &format!("h{host:02}"), NOW + round % 3, &[("v", round as f64)]).unwrap();
        }
        put(&db, &format!("only{round}"), NOW, &[(&format!("f{round}"), 1.0)]).unwrap();
        db.seal().unwrap();
    }
    db
}

#[test]
fn a_merge_goes_on_step_by_step_and_is_never_seen() {
    let vfs = SimVfs::new();
    let db = four_segments(&vfs, slow());
    let before = dump(&db);
    let mut steps = 0;
    while db.stats().segments > 1 {
        let due = step(&db, NOW);
        assert!(due == Some(NOW) || db.stats().segments == 1, "it wants to go on at once");
        assert_eq!(dump(&db), before, "step {steps}");
        steps += 1;
        assert!(steps < 100, "it comes to an end");
    }
    assert!(steps > 30, "a series a step: {steps}");
    assert_eq!(
        vfs.files().keys().filter(|path| path.to_string_lossy().contains(".seg")).count(),
        1
    );
}

#[test]
fn what_comes_in_between_is_kept() {
    let vfs = SimVfs::new();
    let db = four_segments(&vfs, slow());
    steps(&db, 10);
    // A delete of what has been copied already, and a newer value of it.
    let of = |host: &str| TagFilter::Equal { key: "host".into(), value: host.into() };
    db.delete(DB, None, None, &of("h00"), TimeRange::ALL).unwrap();
    db.delete(DB, None, None, &of("h29"), TimeRange::ALL).unwrap();
    put(&db, "h01", NOW, &[("v", 77.0)]).unwrap();
    db.seal().unwrap();
    let before = dump(&db);
    assert!(!before.iter().any(|line| line.contains("h00") || line.contains("h29")));
    assert!(before.contains(&format!("m,host=h01 {NOW} v=77.0")));
    for _ in 0..300 {
        step(&db, NOW);
        assert_eq!(dump(&db), before);
    }
    assert!(!vfs.files().keys().any(|path| path.extension().is_some_and(|e| e == "del")));
    drop(db);
    assert_eq!(dump(&open(&vfs, slow()).unwrap()), before);
}

#[test]
fn a_shard_that_is_dropped_takes_its_merge_with_it() {
    let vfs = SimVfs::new();
    let clock = clock();
    let db = four_segments(&vfs, options(&clock).merge_step_values(1));
    steps(&db, 5);
    db.drop_database(DB).unwrap();
    steps(&db, 5);
    assert_eq!(db.stats().segments, 0);
    assert_eq!(db.stats().last_error, None);
    assert!(!vfs.files().keys().any(|path| path.to_string_lossy().contains(".seg")));
}

#[test]
fn a_closed_shard_becomes_one_segment_when_nothing_comes_any_more() {
    let vfs = SimVfs::new();
    let clock = ManualClock::new(Timestamp::from_nanos(NOW));
    let clock = std::sync::Arc::new(clock);
    let db = open(&vfs, options(&clock)).unwrap();
    let spec = PolicySpec { shard_duration_ns: Some(HOUR), ..PolicySpec::default() };
    db.create_database(DB, Some(spec)).unwrap();
    for at in 0..2 {
        put(&db, "a", NOW + at, &[("v", 1.0)]).unwrap();
        db.seal().unwrap();
    }
    let before = dump(&db);
    let due = step(&db, NOW).unwrap();
    assert!(due > NOW + HOUR, "not before the shard is over: {due}");
    assert_eq!(db.stats().segments, 2);
    step(&db, due - 1);
    assert_eq!(db.stats().segments, 2);
    step(&db, due);
    assert_eq!((db.stats().segments, dump(&db)), (1, before));
    // Late rows wait until nothing has come for a while.
    put(&db, "a", NOW + 5, &[("v", 2.0)]).unwrap();
    db.seal().unwrap();
    let due_late = step(&db, due + 1).unwrap();
    assert!(due_late > due + SEC, "{due_late}");
    assert_eq!(db.stats().segments, 2);
    step(&db, due_late);
    assert_eq!(db.stats().segments, 1);
    assert_eq!(dump(&db).len(), 3);
}

#[test]
fn everything_can_be_done_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let db = options(&clock()).merge_step_values(1000).open(folder.path()).unwrap();
    db.create_database(DB, None).unwrap();
    for round in 0..3 {
        let lines: String =
            (0..3000).map(|at| format!("m,host=h{} v={}i {at}\n", at % 7, at + round)).collect();
        let writer = db.writer(DB, None).unwrap();
        writer.write_lines(lines.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH).unwrap();
        db.seal().unwrap();
    }
    let range = TimeRange::new(Timestamp::EPOCH, Timestamp::from_nanos(100));
    db.delete(DB, None, Some("m"), &TagFilter::All, range).unwrap();
    let before = dump(&db);
    assert_eq!(before.len(), 2900);
    let mut seen: Vec<CompactProgress> = Vec::new();
    db.compact(|progress| seen.push(progress)).unwrap();
    assert_eq!((db.stats().segments, db.stats().segment_rows), (1, 2900));
    assert_eq!(dump(&db), before);
    assert!(seen.len() > 2 && seen.is_sorted_by_key(|progress| progress.rows_done), "{seen:?}");
    assert_eq!(seen.last().map(|p| (p.rows_done, p.rows)), Some((9000, 9000)));
    seen.clear();
    db.compact(|progress| seen.push(progress)).unwrap();
    assert!(seen.is_empty(), "there is nothing left to do");
    drop(db);
    assert_eq!(dump(&options(&clock()).open(folder.path()).unwrap()), before);
}

#[test]
fn a_crash_at_every_operation_of_a_merge_loses_nothing() {
    let base = SimVfs::new();
    drop(four_segments(&base, slow()));
    let base = base.after_crash(Crash::KeepAll);
    let want = dump(&open(&base.after_crash(Crash::KeepAll), slow()).unwrap());
    let work = |vfs: &SimVfs| {
        let Ok(db) = open(vfs, slow()) else { return };
        steps(&db, 60);
    };
    let whole = base.after_crash(Crash::KeepAll);
    work(&whole);
    for at in 0..whole.operations() {
        for for_ever in [true, false] {
            let vfs = base.after_crash(Crash::KeepAll);
            vfs.fail_at(at, for_ever);
            work(&vfs);
            for crash in Crash::ALL {
                let db = open(&vfs.after_crash(crash), slow()).unwrap();
                assert_eq!(dump(&db), want, "operation {at}, {crash:?}");
            }
        }
    }
}

#[test]
fn a_failure_to_write_is_tried_again_later_and_a_damaged_source_is_not() {
    let vfs = SimVfs::new();
    let db = four_segments(&vfs, options(&clock()));
    let before = dump(&db);
    // Creating the file of the merged segment fails.
    vfs.fail_at(vfs.operations() + 4, false);
    let due = step(&db, NOW).unwrap();
    assert!(db.stats().last_error.is_some());
    assert!(due > NOW, "not at once");
    assert_eq!((db.stats().segments, dump(&db)), (4, before.clone()));
    step(&db, due);
    assert_eq!((db.stats().segments, dump(&db)), (1, before));
}

#[test]
fn a_writer_is_not_held_up_by_a_merge_that_has_begun() {
    let vfs = SimVfs::new();
    let db = four_segments(&vfs, slow());
    steps(&db, 5);
    let mut batch = Batch::new();
    let series = batch.series("m", [("host", "new")]).unwrap();
    batch.row(series, Timestamp::from_nanos(NOW)).f64("v", 1.0);
    db.writer(DB, None).unwrap().write(&batch).unwrap();
    db.seal().unwrap();
    assert_eq!(db.stats().segments, 5);
    steps(&db, 100);
    assert_eq!(db.stats().segments, 2, "what came later is not part of it");
}
