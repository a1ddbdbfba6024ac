//! A crash, or a failing operation, at every point of a workload: what was acknowledged is there, batches are whole.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{DB, clock, dump, open, options};
use stripchart_core::{Batch, Sink, Timestamp};
use stripchart_storage::vfs::sim::{Crash, SimVfs};
use stripchart_storage::{Db, DbBuilder, PolicySpec, SyncPolicy};

const NOW: i64 = 1_767_225_600_000_000_000;
const BATCHES: i64 = 14;

fn small(sync: SyncPolicy) -> DbBuilder {
    options(&clock()).sync(sync).log_file_bytes(4096)
}

/// Batch `n`: rows of three series at the time `n`, and one over and over at the same time.
fn write(db: &Db, n: i64) -> bool {
    let mut batch = Batch::new();
    for host in ["a", "b"] {
        let series = batch.series("m", [("host", host)]).unwrap();
        batch.row(series, Timestamp::from_nanos(NOW + n)).i64("n", n).str("s", "text");
    }
    let series = batch.series("same", []).unwrap();
    batch.row(series, Timestamp::from_nanos(NOW)).i64("n", n);
    db.writer(DB, None).is_ok_and(|writer| writer.write(&batch).is_ok())
}

/// Runs the workload until something fails: how many batches were acknowledged, and how many begun.
fn run(vfs: &SimVfs, sync: SyncPolicy) -> (i64, i64) {
    let Ok(db) = open(vfs, small(sync)) else { return (0, 0) };
    let spec = PolicySpec { duration_ns: Some(3_600_000_000_000), ..PolicySpec::default() };
    if db.create_database(DB, Some(spec)).is_err() {
        return (0, 0);
    }
    for n in 0..BATCHES {
        if !write(&db, n) {
            return (n, n + 1);
        }
        if n % 3 == 2 {
            let _ = db.seal();
        }
        if n == 11 {
            let _ = db.step(Timestamp::from_nanos(NOW));
        }
    }
    (BATCHES, BATCHES)
}

/// The batches that are in the database, which must be the first so and so many, whole.
fn batches(db: &Db) -> i64 {
    let lines = dump(db);
    let count = |prefix: &str| lines.iter().filter(|line| line.starts_with(prefix)).count() as i64;
    let n = count("m,host=a ");
    assert_eq!(n, count("m,host=b "), "a batch in part: {lines:#?}");
    for at in 0..n {
        assert!(lines.contains(&format!("m,host=a {} n={at}i s=\"text\"", NOW + at)), "{lines:#?}");
    }
    let same = (n > 0).then(|| format!("same {NOW} n={}i", n - 1));
    assert_eq!(
        lines.iter().find(|line| line.starts_with("same")),
        same.as_ref(),
        "the last write wins"
    );
    n
}

fn check(vfs: &SimVfs, sync: SyncPolicy, least: i64, most: i64, what: &str) {
    let db = open(vfs, small(sync)).unwrap_or_else(|error| panic!("{what}: {error}"));
    let found = batches(&db);
    assert!((least..=most).contains(&found), "{what}: {found} batches, not {least} to {most}");
    drop(db);
    let db = open(vfs, small(sync)).unwrap_or_else(|error| panic!("{what}, again: {error}"));
    assert_eq!(batches(&db), found, "{what}: opening twice");
    // What was recovered can be built on.
    if found > 0 {
        assert!(write(&db, found), "{what}");
        db.close().unwrap();
        drop(db);
        assert_eq!(batches(&open(vfs, small(sync)).unwrap()), found + 1, "{what}: after writing");
    }
}

/// Lets all operations from one on fail, then crashes.
fn crash_everywhere(sync: SyncPolicy) {
    let whole = SimVfs::new();
    assert_eq!(run(&whole, sync), (BATCHES, BATCHES));
    assert!(whole.operations() > 100);
    for at in 0..whole.operations() {
        let vfs = SimVfs::new();
        vfs.fail_at(at, true);
        let (acknowledged, begun) = run(&vfs, sync);
        for crash in Crash::ALL {
            // Without a sync before the acknowledgement only the end of the process alone keeps everything.
            let least = if sync == SyncPolicy::Always || crash == Crash::KeepAll {
                acknowledged
            } else {
                0
            };
            let what = format!("{sync:?}, operation {at}, {crash:?}");
            check(&vfs.after_crash(crash), sync, least, begun, &what);
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_in_a_crash() {
    crash_everywhere(SyncPolicy::Always);
}

#[test]
fn without_syncs_the_first_batches_remain() {
    crash_everywhere(SyncPolicy::Never);
}

#[test]
fn a_single_failing_operation_loses_nothing() {
    let whole = SimVfs::new();
    run(&whole, SyncPolicy::Always);
    for at in 0..whole.operations() {
        let vfs = SimVfs::new();
        vfs.fail_at(at, false);
        let (acknowledged, begun) = run(&vfs, SyncPolicy::Always);
        for crash in [Crash::DropUnsynced, Crash::KeepAll] {
            check(
                &vfs.after_crash(crash),
                SyncPolicy::Always,
                acknowledged,
                begun,
                &format!("operation {at}, {crash:?}"),
            );
        }
    }
}

#[test]
fn recovery_itself_may_be_interrupted() {
    let vfs = SimVfs::new();
    {
        let db = open(&vfs, small(SyncPolicy::Always)).unwrap();
        db.create_database(DB, None).unwrap();
        (0..4).for_each(|n| assert!(write(&db, n)));
        db.seal().unwrap();
        (4..8).for_each(|n| assert!(write(&db, n)));
    }
    let crashed = vfs.after_crash(Crash::KeepAll);
    let probe = crashed.after_crash(Crash::KeepAll);
    drop(open(&probe, small(SyncPolicy::Always)).unwrap());
    for at in 0..probe.operations() {
        for crash in Crash::ALL {
            let vfs = crashed.after_crash(Crash::KeepAll);
            vfs.fail_at(at, true);
            drop(open(&vfs, small(SyncPolicy::Always)));
            let what = format!("operation {at} of opening, {crash:?}");
            check(&vfs.after_crash(crash), SyncPolicy::Always, 8, 8, &what);
        }
    }
}

#[test]
fn after_a_failure_of_the_log_no_writes_are_taken_until_reopened() {
    let vfs = SimVfs::new();
    let db = open(&vfs, small(SyncPolicy::Always)).unwrap();
    db.create_database(DB, None).unwrap();
    assert!(write(&db, 0));
    vfs.fail_at(vfs.operations() + 1, false);
    assert!(!write(&db, 1), "the sync fails");
    assert!(!write(&db, 1), "and is not tried again");
    let reason = db.stats().read_only.unwrap();
    assert!(reason.contains("open the database again"), "{reason}");
    assert!(db.seal().is_err());
    assert!(!dump(&db).is_empty(), "reading goes on");
    drop(db);
    let db = open(&vfs, small(SyncPolicy::Always)).unwrap();
    assert!(write(&db, 2));
}
