//! Verification: finds every damage, and none where there is none.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{DB, clock, open, options, put};
use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
use stripchart_storage::vfs::sim::{Crash, SimVfs};
use stripchart_storage::{Db, OpenError, TagFilter, VerifyReport, verify_folder};

/// Segments with rows of every type, merged ones, a delete, and a log.
fn sample() -> SimVfs {
    let vfs = SimVfs::new();
    let db = open(&vfs, options(&clock())).unwrap();
    db.create_database(DB, None).unwrap();
    for round in 0..6i64 {
        let mut batch = Batch::new();
        for host in ["a", "b"] {
            let series = batch.series("m", [("host", host)]).unwrap();
            for at in 0..40 {
                let row = batch.row(series, Timestamp::from_nanos(round * 30 + at));
                row.f64("f", at as f64 / 8.0)
                    .i64("i", at * round)
                    .u64("u", 7)
                    .bool("b", at % 3 == 0);
                if at % 5 == 0 {
                    batch.row(series, Timestamp::from_nanos(round * 30 + at)).str("s", "text");
                }
            }
        }
        let series = batch.series("odd", []).unwrap();
        for (at, value) in
            [f64::NAN, -0.0, f64::INFINITY, f64::MIN, 1e300, 0.1].into_iter().enumerate()
        {
            batch.row(series, Timestamp::from_nanos(at as i64 + round)).f64("v", value);
        }
        db.writer(DB, None).unwrap().write(&batch).unwrap();
        if round < 5 {
            db.seal().unwrap();
        }
        if round == 3 {
            db.step(Timestamp::from_secs(1_767_225_600));
        }
    }
    let range = TimeRange::new(Timestamp::from_nanos(3), Timestamp::from_nanos(9));
    db.delete(DB, None, Some("m"), &TagFilter::All, range).unwrap();
    put(&db, "c", 5, &[("f", 1.0)]).unwrap();
    drop(db);
    vfs
}

fn verify(vfs: &SimVfs) -> Result<VerifyReport, OpenError> {
    Db::builder().vfs(Arc::new(vfs.clone())).verify_folder(Path::new("/db"), |_| {})
}

#[test]
fn a_whole_database_is_clean_and_counted() {
    let vfs = sample();
    let before = vfs.files();
    let report = verify(&vfs).unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
    assert!(report.segments >= 2 && report.values > 1000 && report.log_records >= 1, "{report:?}");
    assert_eq!(vfs.files(), before, "it changes nothing");
    let db = open(&vfs, options(&clock())).unwrap();
    let mut seen = Vec::new();
    let again = db.verify(|progress| seen.push(progress)).unwrap();
    assert!(again.is_clean(), "{:?}", again.problems);
    assert_eq!(again.rows, db.stats().segment_rows);
    assert_eq!(seen.len() as u64, again.files);
    assert!(seen.is_sorted_by_key(|progress| progress.bytes_done));
    assert!(seen.last().unwrap().bytes_done < seen[0].bytes);
}

/// What a verification of the folder with that file says.
fn with(vfs: &SimVfs, file: &Path, content: Vec<u8>) -> bool {
    let vfs = vfs.after_crash(Crash::KeepAll);
    vfs.plant(file, content);
    match verify(&vfs) {
        Ok(report) => report.is_clean(),
        Err(_) => false,
    }
}

#[test]
fn every_flipped_byte_and_every_cut_is_found() {
    let vfs = sample();
    let files: Vec<(PathBuf, Vec<u8>)> = vfs.files().into_iter().collect();
    let last_log = files.iter().rfind(|(path, _)| path.extension().is_some_and(|e| e == "log"));
    let last_log = last_log.unwrap().0.clone();
    for (file, content) in files.iter().filter(|(path, _)| !path.ends_with("LOCK")) {
        // An end of the log that was never finished is no damage.
        let last = *file == last_log;
        for at in (0..content.len()).step_by(if content.len() > 2000 { 3 } else { 1 }) {
            let mut damaged = content.clone();
            damaged[at] ^= 1 << (at % 8);
            assert!(last || !with(&vfs, file, damaged), "{}: flip at {at}", file.display());
            if at % 16 == 0 {
                let cut = content[..at].to_vec();
                assert!(last || !with(&vfs, file, cut), "{}: cut at {at}", file.display());
            }
        }
    }
}

#[test]
fn a_file_under_a_wrong_name_is_found() {
    let vfs = sample();
    let files = vfs.files();
    let (path, content) =
        files.iter().find(|(path, _)| path.extension().is_some_and(|e| e == "seg")).unwrap();
    assert!(!with(&vfs, &path.with_file_name("00000000000000ff.seg"), content.clone()));
    let moved = path.parent().unwrap().with_file_name("0_5").join(path.file_name().unwrap());
    assert!(!with(&vfs, &moved, content.clone()));
}

#[test]
fn what_is_found_is_known_to_health_from_then_on() {
    let vfs = sample();
    let files = vfs.files();
    let (path, content) =
        files.iter().find(|(path, _)| path.extension().is_some_and(|e| e == "seg")).unwrap();
    let mut damaged = content.clone();
    damaged[20] ^= 4;
    vfs.plant(path, damaged);
    let db = open(&vfs, options(&clock())).unwrap();
    assert!(!db.health().is_degraded());
    let report = db.verify(|_| {}).unwrap();
    assert_eq!(report.problems.len(), 1);
    assert_eq!(report.problems[0].path, *path);
    assert!(report.problems[0].to_string().contains("checksum"), "{}", report.problems[0]);
    assert_eq!(db.health().damaged.len(), 1);
}

#[test]
fn a_folder_in_use_can_be_verified_and_one_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = verify_folder(folder.path(), |_| {}).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    let db = Db::open(folder.path()).unwrap();
    db.create_database(DB, None).unwrap();
    put(&db, "a", 1, &[("v", 1.0)]).unwrap();
    db.seal().unwrap();
    put(&db, "a", 2, &[("v", 1.0)]).unwrap();
    let report = verify_folder(folder.path(), |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
    assert_eq!((report.segments, report.rows), (1, 1));
}
