//! Snapshots: consistent, complete, independent; and what comes back is what was there.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{DB, clock, dump, open, options, put};
use stripchart_core::{TimeRange, Timestamp};
use stripchart_storage::vfs::sim::{Crash, SimVfs};
use stripchart_storage::{Db, DbBuilder, OpenError, TagFilter, restore, verify_folder};

fn at(vfs: &SimVfs, folder: &str) -> Result<Db, OpenError> {
    options(&clock()).vfs(Arc::new(vfs.clone())).open(Path::new(folder))
}

fn builder(vfs: &SimVfs) -> DbBuilder {
    Db::builder().vfs(Arc::new(vfs.clone()))
}

/// Segments, a delete, and rows in memory.
fn sample(vfs: &SimVfs) -> Db {
    let db = open(vfs, options(&clock())).unwrap();
    db.create_database(DB, None).unwrap();
    for round in 0..3 {
        for host in ["a", "b", "c"] {
            put(&db, host, round, &[("v", 1.0)]).unwrap();
        }
        db.seal().unwrap();
    }
    let of = TagFilter::Equal { key: "host".into(), value: "a".into() };
    db.delete(DB, None, None, &of, TimeRange::ALL).unwrap();
    put(&db, "d", 9, &[("v", 1.0)]).unwrap();
    db
}

#[test]
fn a_snapshot_has_everything_and_lives_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (live, copy, back) = ["live", "copy", "back"].map(|name| folder.path().join(name)).into();
    let db = options(&clock()).open(&live).unwrap();
    db.create_database(DB, None).unwrap();
    for host in ["a", "b"] {
        (0..100).for_each(|at| drop(put(&db, host, at, &[("v", 1.0)]).unwrap()));
        db.seal().unwrap();
    }
    put(&db, "c", 1, &[("v", 1.0)]).unwrap();
    let before = dump(&db);
    let report = db.snapshot(&copy).unwrap();
    assert!(report.files >= 4 && report.bytes > report.bytes_copied, "{report:?}");
    assert!(verify_folder(&copy, |_| {}).unwrap().is_clean());
    let second = Db::open(&copy).unwrap();
    assert_eq!(dump(&second), before);
    // Each goes its own way.
    put(&second, "new", 1, &[("v", 2.0)]).unwrap();
    second.delete(DB, None, None, &TagFilter::All, TimeRange::ALL).unwrap();
    second.step(Timestamp::EPOCH);
    second.compact(|_| {}).unwrap();
    assert!(dump(&second).is_empty());
    assert_eq!(dump(&db), before);
    put(&db, "later", 1, &[("v", 1.0)]).unwrap();
    drop(second);
    db.close().unwrap();
    drop(db);
    assert_eq!(dump(&options(&clock()).open(&live).unwrap()).len(), before.len() + 1);
    // And back: of the closed database.
    restore(&live, &back).unwrap();
    assert_eq!(dump(&Db::open(&back).unwrap()).len(), before.len() + 1);
}

#[test]
fn a_folder_that_is_not_empty_is_refused_and_left_alone() {
    let vfs = SimVfs::new();
    let db = sample(&vfs);
    vfs.plant(Path::new("/there/thesis.txt"), b"years of work".to_vec());
    let error = db.snapshot(Path::new("/there")).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("not empty: it holds \"thesis.txt\""), "{error}: {source}");
    db.snapshot("/copy").unwrap();
    assert!(db.snapshot("/copy").is_err());
    let before = vfs.files();
    for (from, to) in [("/copy", "/there"), ("/copy", "/db"), ("/there", "/new"), ("/db", "/new")] {
        let error = builder(&vfs).restore(from, to).unwrap_err();
        if from == "/db" {
            assert!(matches!(error, OpenError::Locked { .. }), "{error}");
        }
    }
    assert_eq!(vfs.files(), before);
}

#[test]
fn a_snapshot_while_others_write_and_merge_is_one_moment() {
    let vfs = SimVfs::new();
    let db = sample(&vfs);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for n in 0..200 {
                // Two rows in one batch: both or none.
                let body = format!("pair,side=l v=1 {n}\npair,side=r v=1 {n}");
                let writer = db.writer(DB, None).unwrap();
                let precision = stripchart_core::Precision::Nanoseconds;
                writer.write_lines(body.as_bytes(), precision, Timestamp::EPOCH).unwrap();
                db.step(Timestamp::from_secs(1_767_225_600));
            }
        });
        for n in 0..10 {
            let folder = format!("/copy{n}");
            db.snapshot(&folder).unwrap();
            let rows = dump(&at(&vfs, &folder).unwrap());
            let side = |side| rows.iter().filter(|row| row.contains(side)).count();
            assert_eq!(side("side=l"), side("side=r"), "{n}");
            assert_eq!(rows.iter().filter(|row| row.starts_with("m,host=b")).count(), 3);
        }
        writer.join().unwrap();
    });
}

#[test]
fn an_interrupted_snapshot_is_no_database_and_harms_nothing() {
    let base = SimVfs::new();
    let want = dump(&sample(&base));
    let fresh = || {
        let vfs = base.after_crash(Crash::KeepAll);
        let db = open(&vfs, options(&clock())).unwrap();
        (vfs, db)
    };
    let (whole, db) = fresh();
    let from = whole.operations();
    db.snapshot("/copy").unwrap();
    for operation in from..whole.operations() {
        for for_ever in [true, false] {
            let (vfs, db) = fresh();
            vfs.fail_at(operation, for_ever);
            let done = db.snapshot("/copy").is_ok();
            drop(db);
            for crash in Crash::ALL {
                let vfs = vfs.after_crash(crash);
                let what = format!("operation {operation}, {crash:?}");
                assert_eq!(dump(&open(&vfs, options(&clock())).unwrap()), want, "{what}");
                let is_database = vfs.files().contains_key(Path::new("/copy/catalog"));
                if is_database {
                    assert_eq!(dump(&at(&vfs, "/copy").unwrap()), want, "{what}");
                }
                assert!(is_database || !done, "{what}");
            }
        }
    }
}

#[test]
fn a_restored_database_has_the_log_too() {
    let vfs = SimVfs::new();
    let db = sample(&vfs);
    let want = dump(&db);
    drop(db);
    let report = builder(&vfs).restore("/db", "/back").unwrap();
    assert!(report.bytes_copied < report.bytes);
    let back = at(&vfs, "/back").unwrap();
    assert_eq!(dump(&back), want);
    put(&back, "x", 1, &[("v", 1.0)]).unwrap();
    drop(back);
    assert_eq!(dump(&open(&vfs, options(&clock())).unwrap()), want);
}
