//! The disk: what happens before it is full, when it is, and after; and how much of it may be used.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::sync::Arc;

use common::{DB, clock, dump, open, options, put};
use stripchart_core::{ManualClock, SinkError, TimeRange, Timestamp};
use stripchart_storage::vfs::sim::{Crash, SimVfs};
use stripchart_storage::{Db, DbBuilder, DbError, PolicySpec, TagFilter};

const NOW: i64 = 1_767_225_600_000_000_000;
const HOUR: i64 = 3_600_000_000_000;

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

fn small() -> DbBuilder {
    options(&clock()).log_file_bytes(4096).min_free_bytes(64 << 10)
}

fn database(vfs: &SimVfs, options: DbBuilder) -> Db {
    let db = open(vfs, options).unwrap();
    db.create_database(DB, None).unwrap();
    db
}

/// So many bytes are free.
fn leave(vfs: &SimVfs, bytes: u64) {
    vfs.set_capacity(Some(vfs.used_bytes() + bytes));
}

/// Rows until one is refused: how many were taken, and why not more.
fn fill(db: &Db, from: i64) -> (i64, SinkError) {
    for n in 0.. {
        let host = format!("h{n}{}", "x".repeat(200));
        if let Err(error) = put(db, &host, from + n, &[("v", 1.0)]) {
            return (n, error);
        }
    }
    unreachable!("the disk is finite")
}

#[test]
fn writes_stop_before_the_disk_is_full_and_go_on_by_themselves() {
    let vfs = SimVfs::new();
    let db = database(&vfs, small());
    put(&db, "a", 1, &[("v", 1.0)]).unwrap();
    leave(&vfs, 8 << 20);
    let (taken, error) = fill(&db, 0);
    assert!(taken > 100, "{taken}");
    let text = error.to_string();
    assert!(
        matches!(error, SinkError::ReadOnly { .. }) && text.contains("the disk is full"),
        "{text}"
    );
    assert!(db.stats().read_only.is_some_and(|why| why.contains(" are to be")));
    assert!(db.health().is_degraded());
    let free =
        || stripchart_storage::vfs::Vfs::free_space(&vfs, "/db".as_ref()).unwrap().unwrap().free;
    assert!(free() > 0, "there is room left for sealing");
    // Reading and deleting go on.
    let rows = dump(&db).len();
    assert_eq!(rows as i64, taken + 1);
    let of = TagFilter::Equal { key: "host".into(), value: "a".into() };
    db.delete(DB, None, None, &of, TimeRange::ALL).unwrap();
    assert_eq!(dump(&db).len(), rows - 1);
    db.seal().unwrap();
    // A little more than wanted is not enough, lest it begins and ceases all the time.
    leave(&vfs, 66 << 10);
    assert!(put(&db, "b", 1, &[("v", 1.0)]).is_err());
    assert_eq!(db.step(at(NOW)).at, Some(at(NOW + 5_000_000_000)), "it looks again");
    leave(&vfs, 90 << 10);
    put(&db, "b", 1, &[("v", 1.0)]).unwrap();
    assert_eq!(db.stats().read_only, None);
    assert!(!vfs.files().contains_key(std::path::Path::new("/db/reserve")));
    drop(db);
    assert_eq!(dump(&open(&vfs, small()).unwrap()).len(), rows);
}

#[test]
fn a_disk_that_others_fill_to_the_last_byte_is_survived_without_opening_again() {
    for free in [0, 1, 10, 30, 100, 1000, 5000] {
        let vfs = SimVfs::new();
        let db = database(&vfs, small().min_free_bytes(0));
        put(&db, "a", 1, &[("v", 1.0)]).unwrap();
        leave(&vfs, free);
        let (taken, _) = fill(&db, 10);
        let rows = dump(&db);
        assert_eq!(rows.len() as i64, taken + 1, "what is acknowledged is there, and nothing else");
        assert!(put(&db, "b", 1, &[("v", 1.0)]).is_err());
        // A crash at this moment.
        for crash in Crash::ALL {
            let after = vfs.after_crash(crash);
            assert_eq!(dump(&open(&after, small()).unwrap()), rows, "{free}, {crash:?}");
        }
        vfs.set_capacity(None);
        put(&db, "b", 1, &[("v", 1.0)]).unwrap();
        assert_eq!(db.stats().read_only, None, "{free}");
        db.seal().unwrap();
        put(&db, "b", 2, &[("v", 1.0)]).unwrap();
        assert_eq!(dump(&db).len(), rows.len() + 2);
        for crash in Crash::ALL {
            let after = open(&vfs.after_crash(crash), small()).unwrap();
            assert_eq!(dump(&after), dump(&db), "{free}, {crash:?}");
        }
    }
}

#[test]
fn a_folder_on_a_full_disk_is_opened_and_can_be_read() {
    for torn in [false, true] {
        let vfs = SimVfs::new();
        let db = database(&vfs, small());
        for at in 0..30 {
            put(&db, "a", at, &[("v", 1.0)]).unwrap();
            if at == 9 {
                db.seal().unwrap();
            }
        }
        let rows = dump(&db);
        drop(db);
        let vfs = vfs.after_crash(Crash::KeepAll);
        if torn {
            let log =
                vfs.files().into_iter().rfind(|(path, _)| path.to_string_lossy().contains("/log/"));
            let (path, mut content) = log.unwrap();
            content.extend([1, 2, 3]);
            vfs.plant(&path, content);
        }
        leave(&vfs, 0);
        let db = open(&vfs, small()).unwrap();
        assert_eq!(dump(&db), rows);
        assert!(put(&db, "a", 99, &[("v", 1.0)]).is_err());
        assert!(matches!(db.seal(), Err(DbError::DiskFull { .. })));
        db.step(at(NOW));
        assert!(db.health().is_degraded());
        leave(&vfs, 1 << 20);
        put(&db, "a", 99, &[("v", 1.0)]).unwrap();
        drop(db);
        assert_eq!(dump(&open(&vfs, small()).unwrap()).len(), rows.len() + 1, "{torn}");
    }
}

#[test]
fn without_room_nothing_is_merged_and_nothing_is_lost() {
    let vfs = SimVfs::new();
    let db = database(&vfs, small());
    for round in 0..4 {
        for host in 0..20 {
            put(&db, &format!("h{host}"), round, &[("v", 1.5)]).unwrap();
        }
        db.seal().unwrap();
    }
    let rows = dump(&db);
    leave(&vfs, 1 << 10);
    for _ in 0..3 {
        db.step(at(NOW));
    }
    assert_eq!((db.stats().segments, db.stats().last_error), (4, None));
    assert_eq!(dump(&db), rows);
    vfs.set_capacity(None);
    db.step(at(NOW + HOUR));
    assert_eq!((db.stats().segments, dump(&db)), (1, rows));
}

#[test]
fn the_oldest_shards_go_when_the_files_take_more_than_they_may() {
    let vfs = SimVfs::new();
    let clock = Arc::new(ManualClock::new(at(NOW)));
    let db = open(&vfs, options(&clock).max_disk_bytes(Some(60 << 10))).unwrap();
    let spec = PolicySpec { shard_duration_ns: Some(HOUR), ..PolicySpec::default() };
    db.create_database(DB, Some(spec.clone())).unwrap();
    let other = PolicySpec { name: Some("other".into()), ..spec };
    db.create_retention_policy(DB, other).unwrap();
    let write = |policy, hour: i64| {
        let mut batch = stripchart_core::Batch::new();
        for host in 0..800 {
            let series = batch.series("m", [("host", format!("{hour}-{host}").as_str())]).unwrap();
            batch.row(series, at(NOW + hour * HOUR)).f64("v", f64::from(host).sqrt());
        }
        stripchart_core::Sink::write(&db.writer(DB, policy).unwrap(), &batch).unwrap();
        db.seal().unwrap();
        db.step(at(NOW));
    };
    // One old shard, the only one of its policy.
    write(Some("other"), -100);
    for hour in 0..12 {
        write(None, hour);
        let stats = db.stats();
        assert!(stats.disk_bytes <= 60 << 10, "{stats:?}");
        assert_eq!(stats.max_disk_bytes, Some(60 << 10));
    }
    assert!(db.stats().shards_dropped > 3);
    let first = |policy| {
        let view = db.view(DB, policy).unwrap();
        let series = view.series("m", &TagFilter::All).unwrap();
        series.iter().filter_map(|series| view.time_bounds(series)).min().unwrap().0
    };
    assert!(first(None) > at(NOW + 3 * HOUR), "the oldest went first");
    assert_eq!(first(Some("other")), at(NOW - 100 * HOUR), "the newest of a policy stays");
    assert_eq!(db.stats().last_error, None);
}
