//! Damaged, foreign and newer folders: refused with a message and left alone, or read right; never a panic.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::Path;

use common::{DB, clock, dump, open, options};
use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
use stripchart_storage::vfs::sim::{Crash, SimVfs};
use stripchart_storage::{
    Aggregates, Db, DbError, Direction, OpenError, Partials, ReadError, TagFilter,
};

/// A database with a segment, a log and one row of every type in both.
fn sample() -> SimVfs {
    let vfs = SimVfs::new();
    let db = open(&vfs, options(&clock())).unwrap();
    db.create_database(DB, None).unwrap();
    for n in 0..4i64 {
        let mut batch = Batch::new();
        let series = batch.series("m", [("host", "a")]).unwrap();
        for at in 0..5 {
            let row = batch.row(series, Timestamp::from_nanos(n * 10 + at));
            row.f64("f", 0.5).i64("i", n).u64("u", 7).bool("b", true).str("s", "text");
        }
        db.writer(DB, None).unwrap().write(&batch).unwrap();
        if n == 1 {
            db.seal().unwrap();
        }
    }
    drop(db);
    vfs
}

/// Reads everything; what can be read must be right.
fn read_all(db: &Db, good: &[String]) -> Result<usize, ReadError> {
    let view = match db.view(DB, None) {
        Ok(view) => view,
        Err(DbError::File(error)) => return Err(error),
        Err(error) => panic!("{error}"),
    };
    let mut rows = 0;
    for measurement in view.measurements()? {
        view.tag_keys(&measurement)?;
        for series in view.series(&measurement, &TagFilter::All)? {
            for field in view.fields(&measurement) {
                let mut partials = Partials::new(field.field_type, 2, Aggregates::ALL);
                view.fold(&series, &field.name, &[0, 20, 100], &mut partials)?;
            }
            for block in view.scan(&series, &["i"], TimeRange::ALL, Direction::Ascending) {
                let block = block?;
                for (row, at) in block.timestamps.iter().enumerate() {
                    let value = block.columns[0].get_f64(row).unwrap();
                    let want = format!(" {at} b=true f=0.5 i={value}i");
                    assert!(good.iter().any(|line| line.contains(&want)), "{want}");
                    rows += 1;
                }
            }
        }
    }
    Ok(rows)
}

fn try_damaged(original: &SimVfs, file: &Path, content: Vec<u8>, good: &[String], what: &str) {
    for strict in [true, false] {
        try_opening(original, file, &content, good, strict, what);
    }
}

fn try_opening(
    original: &SimVfs,
    file: &Path,
    content: &[u8],
    good: &[String],
    strict: bool,
    what: &str,
) {
    let vfs = original.after_crash(Crash::KeepAll);
    vfs.plant(file, content.to_vec());
    let before = vfs.files();
    match open(&vfs, options(&clock()).strict(strict)) {
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("/db/"), "{what}: the message names the file: {text}");
            assert_eq!(vfs.files(), before, "{what}: the folder must be as it was");
        }
        Ok(db) => {
            // The log's last batches may be taken for a torn end; of what is older nothing may be missing unnoticed.
            let is_log = file.extension().is_some_and(|extension| extension == "log");
            match read_all(&db, good) {
                Ok(rows) if is_log => assert!(rows >= 10, "{what}: {rows}"),
                Ok(20) => {}
                Ok(rows) => {
                    assert!(!strict, "{what}: {rows}");
                    let health = db.health();
                    assert!(health.is_degraded(), "{what}: {rows} rows, and nobody is told");
                    assert_eq!(health.quarantined.len(), 1, "{what}");
                    drop(db);
                    let db = open(&vfs, options(&clock()).strict(true)).unwrap();
                    assert!(db.health().is_degraded(), "{what}: it is not forgotten");
                }
                Err(_) => assert!(db.health().is_degraded(), "{what}"),
            }
        }
    }
}

#[test]
fn every_cut_and_every_flipped_byte_is_noticed_or_harmless() {
    let vfs = sample();
    let good = dump(&open(&vfs, options(&clock())).unwrap());
    assert_eq!(good.len(), 20);
    // As opening found it, not as it left it.
    let vfs = sample();
    for (file, content) in vfs.files() {
        if file.ends_with("LOCK") {
            continue;
        }
        for at in 0..content.len() {
            let what = format!("{}: {at}", file.display());
            try_damaged(&vfs, &file, content[..at].to_vec(), &good, &format!("{what} cut"));
            for bits in [0x01, 0x80, 0xff] {
                let mut damaged = content.clone();
                damaged[at] ^= bits;
                try_damaged(&vfs, &file, damaged, &good, &format!("{what} ^ {bits:#x}"));
            }
        }
    }
}

/// A database with several files of the log, and segments.
fn long_sample() -> SimVfs {
    let vfs = SimVfs::new();
    let db = open(&vfs, options(&clock()).log_file_bytes(4096)).unwrap();
    db.create_database(DB, None).unwrap();
    for n in 0..60i64 {
        let mut batch = Batch::new();
        let series = batch.series("m", [("host", "a")]).unwrap();
        let text: String = (0..200)
            .map(|k| char::from(b'a' + u8::try_from((k * 7 + n * n) % 26).unwrap()))
            .collect();
        batch.row(series, Timestamp::from_nanos(n)).i64("i", n).str("s", &text);
        db.writer(DB, None).unwrap().write(&batch).unwrap();
        if n == 9 || n == 19 {
            db.seal().unwrap();
        }
    }
    drop(db);
    vfs
}

#[test]
fn a_missing_file_is_noticed() {
    let vfs = long_sample();
    let is_log = |path: &&Path| path.extension().is_some_and(|e| e == "log");
    let files = vfs.files();
    let logs: Vec<&Path> = files.keys().map(|path| path.as_path()).filter(is_log).collect();
    assert!(logs.len() >= 3, "several files of the log are wanted: {logs:?}");
    for missing in files.keys() {
        let without = SimVfs::new();
        for (file, content) in files.iter().filter(|(file, _)| *file != missing) {
            without.plant(file, content.clone());
        }
        let what = missing.display();
        match open(&without, options(&clock())) {
            Err(OpenError::File(ReadError::Corrupt { .. })) => {}
            Err(error) => panic!("{what}: {error}"),
            Ok(db) => {
                // The last file of the log may never have been there. A segment that is gone as a whole is told by nothing:
                // each names what it replaces, none what is beside it.
                let is_segment = missing.extension().is_some_and(|e| e == "seg");
                let silent = missing.ends_with("LOCK") || is_segment;
                let last = logs.last() == Some(&missing.as_path());
                let told = silent || last || db.health().is_degraded();
                assert!(told, "{what}: opened without it, with {} rows", dump(&db).len());
            }
        }
    }
}

#[test]
fn another_format_is_refused_and_named() {
    let remedies = [(99, "open it with a newer release"), (1, "export it with the release")];
    for (version, remedy) in remedies {
        let vfs = sample();
        let files = vfs.files();
        let found = files.into_iter().find(|(path, _)| path.ends_with("catalog"));
        let (file, mut content) = found.unwrap();
        content[8] = version;
        vfs.plant(&file, content);
        let before = vfs.files();
        let error = open(&vfs, options(&clock())).unwrap_err();
        let OpenError::File(ReadError::Version { found, .. }) = &error else { panic!("{error}") };
        assert_eq!(*found, u16::from(version));
        assert!(error.to_string().contains(remedy), "{error}");
        assert_eq!(vfs.files(), before);
    }
}

#[test]
fn a_foreign_folder_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let error = Db::open(folder.path()).unwrap_err();
    assert!(
        matches!(&error, OpenError::Foreign { found, .. } if found == "thesis.txt"),
        "{error:?}"
    );
    assert!(error.to_string().contains("name another folder"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let file = folder.path().join("thesis.txt");
    assert!(Db::open(&file).is_err());
    assert_eq!(std::fs::read_to_string(file).unwrap(), "years of work");
}

#[test]
fn a_missing_folder_is_created_with_those_above_it() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b/c");
    drop(Db::open(&deep).unwrap());
    assert!(deep.join("catalog").is_file());
}
