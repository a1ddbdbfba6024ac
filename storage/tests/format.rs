//! Databases of every released format version open for ever.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};

use common::{DB, clock, dump, options};
use stripchart_core::{Batch, FieldDescriptor, FieldType, MetricKind, Sink, Timestamp, Unit};
use stripchart_storage::{Db, PolicySpec};

fn fixture(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(version)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What the fixture holds: rounds 0 and 1 in a segment, 2 in the log; every type, gaps, a late and a repeated row.
fn write_round(db: &Db, round: i64) {
    let mut batch = Batch::new();
    for host in ["a", "b"] {
        let series = batch.series("m", [("host", host), ("zone", "eu")]).unwrap();
        for n in 0..3 {
            let row = batch.row(series, Timestamp::from_secs(round * 100 + n * 10));
            let row = row.f64("f", n as f64 / 8.0 + 0.1).i64("i", -n).u64("u", u64::MAX);
            if n != 1 {
                row.bool("b", host == "a").str("s", "text, \"quoted\"");
            }
        }
    }
    let late = batch.series("late", []).unwrap();
    batch.row(late, Timestamp::from_secs(50 - round)).f64("v", f64::MIN_POSITIVE);
    batch.row(late, Timestamp::from_secs(60)).i64("n", round);
    db.writer(DB, None).unwrap().write(&batch).unwrap();
}

fn make(folder: &Path) {
    let db = options(&clock()).open(folder).unwrap();
    db.create_database(DB, Some(PolicySpec::named("kept"))).unwrap();
    let text = "a float";
    let field =
        FieldDescriptor::new("m", "f", FieldType::Float, MetricKind::Gauge, Unit::Percent, text);
    db.writer(DB, None).unwrap().describe(&[field]).unwrap();
    write_round(&db, 0);
    write_round(&db, 1);
    db.seal().unwrap();
    write_round(&db, 2);
}

#[test]
fn format_v2() {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture("format-v2"), folder.path());
    let now = tempfile::tempdir().unwrap();
    make(now.path());
    let want = dump(&options(&clock()).open(now.path()).unwrap());
    assert_eq!(want.len(), 2 * 9 + 4);
    for _ in 0..2 {
        let db = options(&clock()).open(folder.path()).unwrap();
        assert_eq!(dump(&db), want);
        let catalog = db.catalog();
        assert_eq!(catalog.database(DB).unwrap().default_policy().name, "kept");
        let fields = db.view(DB, None).unwrap().fields("m");
        let f = fields.iter().find(|field| field.name == "f").unwrap();
        assert_eq!((f.unit, f.description.as_deref()), (Some(Unit::Percent), Some("a float")));
        db.close().unwrap();
    }
}

/// Not a test: writes the fixture of the present version, once, when a version is released.
#[test]
#[ignore = "writes a fixture; set MAKE_FIXTURE to its name"]
fn make_fixture() {
    if let Ok(version) = std::env::var("MAKE_FIXTURE") {
        make(&fixture(&version));
    }
}
