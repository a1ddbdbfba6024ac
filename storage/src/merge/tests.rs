//! What is copied, what is not, and that nobody can tell.

use proptest::prelude::*;
use stripchart_core::{Batch, Sink, TimeRange, Timestamp, ValueRef};

use super::*;
use crate::{Aggregates, Db, Direction, Partials, SyncPolicy, TagFilter};

const TOTAL: i64 = 1 << 34;

fn open(folder: &std::path::Path) -> Db {
    let db = Db::builder().sync(SyncPolicy::Never).open(folder).unwrap();
    db.create_database("demo", None).unwrap();
    db
}

/// Rows of every type, with a field that follows from another, and one named `extra`.
fn write(db: &Db, host: &str, times: impl Iterator<Item = i64>, extra: Option<&str>) {
    let mut batch = Batch::new();
    let series = batch.series("m", [("host", host)]).unwrap();
    for at in times {
        let used = (at.wrapping_mul(6_364_136_223_846_793_005) >> 20).rem_euclid(TOTAL);
        let mut row = batch.row(series, Timestamp::from_nanos(at));
        row.field("free", TOTAL - used);
        row.field("percent", 100.0 * used as f64 / TOTAL as f64);
        row.field("used", used);
        row.field("walk", (at % 97) as f64 / 10.0);
        row.field("on", at % 100 < 50);
        row.field("unsigned", used.cast_unsigned());
        if at % 3 == 0 {
            row.field("state", if at % 2 == 0 { "up" } else { "down" });
        }
        if let Some(extra) = extra {
            row.field(extra, if at % 1000 == 1 { f64::NAN } else { at as f64 });
        }
    }
    db.writer("demo", None).unwrap().write(&batch).unwrap();
}

/// All rows, and sums by 500 rows of each numeric field.
fn content(db: &Db) -> Vec<String> {
    let view = db.view("demo", None).unwrap();
    let fields = view.fields("m");
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let edges: Vec<i64> = (0..20).map(|at| at * 500).collect();
    let mut lines = Vec::new();
    for series in view.series("m", &TagFilter::All).unwrap() {
        for block in view.scan(&series, &names, TimeRange::ALL, Direction::Ascending) {
            let block = block.unwrap();
            for (row, at) in block.timestamps.iter().enumerate() {
                let text = |value: ValueRef<'_>| match value {
                    ValueRef::Float(v) => format!("{:x}", v.to_bits()),
                    other => format!("{other:?}"),
                };
                let values: Vec<Option<String>> =
                    block.columns.iter().map(|column| column.get(row).map(text)).collect();
                lines.push(format!("{} {at} {values:?}", series.key()));
            }
        }
        for field in &fields {
            let mut partials = Partials::new(field.field_type, edges.len() - 1, Aggregates::ALL);
            view.fold(&series, &field.name, &edges, &mut partials).unwrap();
            for at in 0..edges.len() - 1 {
                let ends = (partials.first(at), partials.last(at));
                let extremes = (partials.min(at), partials.max(at));
                let count = partials.count(at);
                lines.push(format!("{} {at} {count} {ends:?} {extremes:?}", field.name));
            }
        }
    }
    lines
}

/// Merges all segments into one; rows of it, and how many of them were copied.
fn merge_all(db: &Db, effort: Effort) -> (u64, u64) {
    let before = content(db);
    let mut run: Vec<_> = db.shared.version.read().segments.values().flatten().cloned().collect();
    run.sort_by_key(|segment| segment.footer.rank);
    let mut work = db.shared.maintenance.lock();
    let mut job = Job::begin(&db.shared, &mut work, run, effort).unwrap();
    while !job.advance(&mut 1).unwrap() {}
    let counts = (job.rows, job.copied_rows);
    db.shared.finish(&mut work, job).unwrap();
    drop(work);
    let after = content(db);
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    assert_eq!(before.len(), after.len());
    let report = db.verify(|_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.problems);
    counts
}

#[test]
fn groups_that_stand_alone_are_copied() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    write(&db, "a", 0..2048, None);
    write(&db, "b", 0..300, None);
    write(&db, "short", 0..30, None);
    db.seal().unwrap();
    write(&db, "a", 3000..4500, Some("a_field_before_the_others"));
    write(&db, "c", 0..1024, Some("zz"));
    db.seal().unwrap();
    assert_eq!(merge_all(&db, Effort::Hot), (4902, 4872), "all but the short series");
    // Once more, with a rest that is too short to be left behind: the group after it is written anew.
    write(&db, "a", 5000..5100, None);
    db.seal().unwrap();
    assert_eq!(merge_all(&db, Effort::Hot).1, 4872);
    write(&db, "a", 6000..7024, None);
    db.seal().unwrap();
    assert_eq!(merge_all(&db, Effort::Hot), (6026, 4872), "the rest takes the next with it");
    assert_eq!(merge_all(&db, Effort::Cold), (6026, 0), "what is pressed harder is written anew");
    assert_eq!(merge_all(&db, Effort::Cold), (6026, 5996));
}

#[test]
fn what_late_rows_and_deletes_touch_is_written_anew_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path());
    for host in ["a", "b", "c"] {
        write(&db, host, (0..5120).map(|at| at * 2), None);
    }
    db.seal().unwrap();
    write(&db, "b", std::iter::once(3001), Some("late"));
    db.seal().unwrap();
    let host = |host: &str| TagFilter::Equal { key: "host".into(), value: host.into() };
    let range = TimeRange::new(Timestamp::from_nanos(2100), Timestamp::from_nanos(2101));
    db.delete("demo", None, None, &host("c"), range).unwrap();
    let (rows, copied) = merge_all(&db, Effort::Hot);
    assert_eq!((rows, rows - copied), (3 * 5120, 2 * 1024));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn merging_changes_nothing(
        sources in prop::collection::vec(prop::collection::vec(
            (0..3usize, 0..5000i64, 0..2500usize, 1..3i64, prop::option::of(0..2usize)), 1..4), 1..4),
        deletes in prop::collection::vec((0..8000i64, 0..500i64), 0..3),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        for source in &sources {
            for (host, start, rows, step, extra) in source {
                let times = (0i64..).take(*rows).map(|at| start + at * step);
                write(&db, ["a", "b", "c"][*host], times, extra.map(|at| ["a", "zz"][at]));
            }
            db.seal().unwrap();
        }
        for (start, len) in &deletes {
            let range = TimeRange::new(Timestamp::from_nanos(*start), Timestamp::from_nanos(start + len));
            db.delete("demo", None, None, &TagFilter::All, range).unwrap();
        }
        if db.stats().segments > 0 {
            merge_all(&db, Effort::Hot);
            let (rows, copied) = merge_all(&db, Effort::Hot);
            prop_assert!(copied <= rows);
        }
    }
}
