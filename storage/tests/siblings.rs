//! Fields that are stored as what they follow from: nobody who reads can tell, but for the size.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{DB, clock, dump, open, options};
use stripchart_core::{Batch, Sink, TimeRange, Timestamp, ValueRef};
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::{Aggregates, Db, DbError, Direction, Partials, Sealed, TagFilter};

const SEC: i64 = 1_000_000_000;
const TOTAL: i64 = 17_179_869_184;
const ROWS: i64 = 1500;

/// Memory in use: no two rows have anything in common.
fn used(host: i64, row: i64) -> i64 {
    let mixed = (row * 7 + host).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(host);
    (mixed ^ mixed >> 29).rem_euclid(TOTAL)
}

/// Writes rows; those that `odd` names have a `free` that is not what is left.
fn write(db: &Db, hosts: i64, rows: std::ops::Range<i64>, odd: impl Fn(i64) -> bool) {
    for host in 0..hosts {
        let mut batch = Batch::new();
        let series = batch.series("mem", [("host", format!("h{host:02}").as_str())]).unwrap();
        for at in rows.clone() {
            let used = used(host, at);
            let free = TOTAL - used + i64::from(odd(at));
            let mut row = batch.row(series, Timestamp::from_nanos(at * SEC));
            row.field("free", free);
            row.field("total", TOTAL);
            row.field("used", used);
            row.field("used_percent", 100.0 * used as f64 / TOTAL as f64);
        }
        db.writer(DB, None).unwrap().write(&batch).unwrap();
    }
}

fn database(vfs: &SimVfs) -> Db {
    let db = open(vfs, options(&clock())).unwrap();
    db.create_database(DB, None).unwrap();
    db
}

fn segment_bytes(vfs: &SimVfs) -> usize {
    let files = vfs.files();
    let segments = files.iter().filter(|(path, _)| path.to_string_lossy().ends_with(".seg"));
    segments.map(|(_, bytes)| bytes.len()).sum()
}

/// What each field alone has: its rows, and its sums by 100 seconds.
fn field_by_field(db: &Db) -> Vec<String> {
    let view = db.view(DB, None).unwrap();
    let mut lines = Vec::new();
    let edges: Vec<i64> = (0..=ROWS / 100).map(|at| at * 100 * SEC).collect();
    for series in view.series("mem", &TagFilter::All).unwrap() {
        for field in view.fields("mem") {
            for block in view.scan(&series, &[&field.name], TimeRange::ALL, Direction::Descending) {
                let block = block.unwrap();
                for (row, at) in block.timestamps.iter().enumerate() {
                    lines.push(format!("{} {at} {:?}", field.name, block.columns[0].get(row)));
                }
            }
            // A few rows from the middle, of several blocks too.
            for (start, end) in [(3, 4), (700, 731), (1000, 1100)] {
                let range = TimeRange::new(
                    Timestamp::from_nanos(start * SEC),
                    Timestamp::from_nanos(end * SEC),
                );
                for block in view.scan(&series, &[&field.name], range, Direction::Ascending) {
                    let block = block.unwrap();
                    for (row, at) in block.timestamps.iter().enumerate() {
                        lines.push(format!("{} {at} {:?}", field.name, block.columns[0].get(row)));
                    }
                }
            }
            let mut partials = Partials::new(field.field_type, edges.len() - 1, Aggregates::ALL);
            view.fold(&series, &field.name, &edges, &mut partials).unwrap();
            for bucket in 0..edges.len() - 1 {
                let (count, sum) = (partials.count(bucket), partials.sum(bucket));
                lines.push(format!("{} {count} {sum:?} {:?}", field.name, partials.max(bucket)));
            }
        }
    }
    lines
}

#[test]
fn derived_fields_take_no_room_and_read_as_they_were_written() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    write(&db, 3, 0..ROWS, |_| false);
    let rows = dump(&db);
    assert!(rows[0].contains("free=") && rows[0].contains("used_percent="), "{}", rows[0]);
    let fields = field_by_field(&db);
    for step in ["sealed", "compacted"] {
        if step == "sealed" {
            db.seal().unwrap()
        } else {
            db.compact(|_| {}).unwrap()
        }
        // One column in four has to be stored.
        let all = usize::try_from(ROWS * 3 * 5).unwrap();
        assert!(segment_bytes(&vfs) < all, "{step}: {}", segment_bytes(&vfs));
        assert_eq!(dump(&db), rows, "{step}");
        assert_eq!(field_by_field(&db), fields, "{step}");
        let report = db.verify(|_| {}).unwrap();
        assert!(report.is_clean(), "{step}: {:?}", report.problems);
    }
}

#[test]
fn rows_that_come_later_and_break_the_rule_are_kept_as_they_are() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    write(&db, 2, 0..ROWS, |_| false);
    db.seal().unwrap();
    // Late rows, and some written over.
    write(&db, 1, 700..720, |at| at % 3 == 0);
    let mut batch = Batch::new();
    let series = batch.series("mem", [("host", "h01")]).unwrap();
    batch.row(series, Timestamp::from_nanos(5 * SEC + 1)).i64("used", 4);
    db.writer(DB, None).unwrap().write(&batch).unwrap();
    let rows = dump(&db);
    db.seal().unwrap();
    assert_eq!(dump(&db), rows);
    db.delete(
        DB,
        None,
        None,
        &TagFilter::All,
        TimeRange::new(Timestamp::from_nanos(100 * SEC), Timestamp::from_nanos(200 * SEC)),
    )
    .unwrap();
    let rows: Vec<String> = rows
        .into_iter()
        .filter(|line| {
            let at: i64 = line.split(' ').nth(1).unwrap().parse().unwrap();
            !(100 * SEC..200 * SEC).contains(&at)
        })
        .collect();
    assert_eq!(dump(&db), rows);
    db.compact(|_| {}).unwrap();
    assert_eq!(dump(&db), rows);
    assert!(db.verify(|_| {}).unwrap().is_clean());
}

#[test]
fn short_series_that_share_blocks_may_be_derived_too() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    write(&db, 30, 0..40, |_| false);
    let (rows, fields) = (dump(&db), field_by_field(&db));
    db.seal().unwrap();
    assert_eq!(dump(&db), rows);
    assert_eq!(field_by_field(&db), fields);
    assert!(segment_bytes(&vfs) < 30 * 40 * 6, "{}", segment_bytes(&vfs));
}

#[test]
fn a_damaged_field_takes_those_derived_from_it_with_it_and_no_others() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    write(&db, 1, 0..1000, |_| false);
    db.seal().unwrap();
    let good = dump(&db);
    drop(db);
    let (path, original) =
        vfs.files().into_iter().find(|(path, _)| path.to_string_lossy().ends_with(".seg")).unwrap();
    let mut outcomes = [0; 3];
    for at in (16..original.len() - 112).step_by(13) {
        let mut bytes = original.to_vec();
        bytes[at] ^= 0x10;
        vfs.plant(&path, bytes);
        let db = match open(&vfs, options(&clock())) {
            Ok(db) => db,
            Err(error) => panic!("{at}: {error}"),
        };
        let Ok(view) = db.view(DB, None) else { continue };
        let Ok(series) = view.series("mem", &TagFilter::All) else { continue };
        let Some(series) = series.first() else { continue };
        let read = |field: &str| -> Result<Vec<String>, String> {
            let mut found = Vec::new();
            for block in view.scan(series, &[field], TimeRange::ALL, Direction::Ascending) {
                let block = block.map_err(|error| error.to_string())?;
                for row in 0..block.timestamps.len() {
                    found.push(match block.columns[0].get(row) {
                        Some(ValueRef::Integer(v)) => format!(" {field}={v}i"),
                        Some(ValueRef::Float(v)) => format!(" {field}={v:?}"),
                        other => panic!("{other:?}"),
                    });
                }
            }
            Ok(found)
        };
        let results = ["free", "used", "used_percent", "total"].map(|field| (field, read(field)));
        for (field, result) in &results {
            if let Ok(values) = result {
                assert_eq!(values.len(), good.len(), "{at}: {field}");
                for (value, line) in values.iter().zip(&good) {
                    assert!(line.contains(value), "{at}: {field}: {value} in {line}");
                }
            }
        }
        let failed = results.iter().filter(|(_, result)| result.is_err()).count();
        outcomes[match failed {
            0 => 0,
            3 => 1,
            _ => 2,
        }] += 1;
    }
    assert!(outcomes[1] > 100, "most of the file is the one block that is stored: {outcomes:?}");
}

#[test]
fn what_fields_take_is_told_field_by_field() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path()).unwrap();
    db.create_database(DB, None).unwrap();
    write(&db, 2, 0..ROWS, |_| false);
    db.seal().unwrap();
    let sealed = Sealed::open(folder.path()).unwrap();
    let mem = &sealed.measurements(DB, None).unwrap()[0];
    assert_eq!(mem.values, 2 * 4 * u64::try_from(ROWS).unwrap());
    assert!(mem.value_bytes < mem.values * 2, "{mem:?}");
    assert!(!matches!(db.close(), Err(DbError::File(_))));
}
