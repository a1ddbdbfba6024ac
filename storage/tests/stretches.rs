//! Scans of a few rows: those of a range, the newest, the first so many; the same rows as a scan of all has.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{DB, clock, open, options};
use proptest::prelude::*;
use stripchart_core::{Batch, Column, FieldType, FieldValue, Sink, TimeRange, Timestamp};
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::{Db, Direction, Series, SeriesScan, TagFilter, View};

const FIELDS: [&str; 6] = ["b", "f", "i", "no", "s", "u"];

/// Rows of one series that are written together, and sealed afterwards.
#[derive(Debug, Clone)]
struct Write {
    start: i64,
    step: i64,
    rows: i64,
    jitter: bool,
    /// Of so many rows one has a field.
    sparse: i64,
    seal: bool,
    delete: Option<(i64, i64)>,
}

fn write(db: &Db, write: &Write, number: i64) {
    let mut batch = Batch::new();
    let series = batch.series("m", [("host", "a")]).unwrap();
    let other = batch.series("m", [("host", "b")]).unwrap();
    for row in 0..write.rows {
        let late = if write.jitter { row * row % 3 } else { 0 };
        let at = Timestamp::from_nanos(write.start + row * write.step + late);
        let value = number * 10_000 + row;
        let has = |field: i64| (row + field) % write.sparse == 0;
        let mut out = batch.row(series, at);
        let fields = [
            ("b", FieldValue::Boolean(row % 3 == 0)),
            ("f", FieldValue::Float(value as f64 / 100.0)),
            ("i", FieldValue::Integer(value)),
            ("s", FieldValue::String(format!("t{}", value % 7))),
            ("u", FieldValue::Unsigned(value.unsigned_abs())),
        ];
        for ((name, value), field) in fields.into_iter().zip(0..) {
            if has(field) {
                match value {
                    FieldValue::Boolean(v) => out.field(name, v),
                    FieldValue::Float(v) => out.field(name, v),
                    FieldValue::Integer(v) => out.field(name, v),
                    FieldValue::Unsigned(v) => out.field(name, v),
                    FieldValue::String(v) => out.field(name, v.as_str()),
                };
            }
        }
        drop(out);
        if row == 0 {
            batch.row(other, at).i64("i", row);
        }
    }
    db.writer(DB, None).unwrap().write(&batch).unwrap();
    if write.seal {
        db.seal().unwrap();
    }
    if let Some((from, len)) = write.delete {
        let range = TimeRange::new(Timestamp::from_nanos(from), Timestamp::from_nanos(from + len));
        let host = TagFilter::Equal { key: "host".into(), value: "a".into() };
        db.delete(DB, None, Some("m"), &host, range).unwrap();
    }
}

/// A line a row.
fn lines(scan: SeriesScan) -> Vec<String> {
    let mut lines = Vec::new();
    for block in scan {
        let block = block.unwrap();
        assert!(!block.timestamps.is_empty() && block.timestamps.len() <= 1024);
        for (row, at) in block.timestamps.iter().enumerate() {
            let cell = |column: &Column| format!("{:?}", column.get(row));
            assert!(block.columns.iter().all(|column| column.len() == block.timestamps.len()));
            let cells: Vec<String> = block.columns.iter().map(cell).collect();
            lines.push(format!("{at} {}", cells.join(" ")));
        }
    }
    lines
}

fn time_of(line: &str) -> i64 {
    line.split(' ').next().unwrap().parse().unwrap()
}

fn host(view: &View, name: &str) -> Option<Series> {
    let filter = TagFilter::Equal { key: "host".into(), value: name.into() };
    view.series("m", &filter).unwrap().into_iter().next()
}

fn writes() -> impl Strategy<Value = Vec<Write>> {
    let one = (
        0..6000i64,
        1..9i64,
        prop_oneof![1..40i64, 900..1700i64],
        any::<bool>(),
        prop_oneof![Just(1i64), Just(1), 2..5i64],
        any::<bool>(),
        prop::option::weighted(0.2, (0..6000i64, 1..3000i64)),
    );
    let write = one.prop_map(|(start, step, rows, jitter, sparse, seal, delete)| Write {
        start,
        step,
        rows,
        jitter,
        sparse,
        seal,
        delete,
    });
    prop::collection::vec(write, 1..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn a_part_of_a_scan_is_that_part_of_the_whole(
        writes in writes(), compact: bool, ranges in prop::collection::vec((0..9000i64, 0..4000i64, 1..2000usize), 1..8),
        fields in prop::sample::subsequence(FIELDS.to_vec(), 0..=FIELDS.len())
    ) {
        let db = open(&SimVfs::new(), options(&clock())).unwrap();
        db.create_database(DB, None).unwrap();
        writes.iter().zip(0..).for_each(|(w, number)| write(&db, w, number));
        if compact {
            db.compact(|_| {}).unwrap();
        }
        let view = db.view(DB, None).unwrap();
        let Some(series) = host(&view, "a") else { return Ok(()) };
        let whole = lines(view.scan(&series, &fields, TimeRange::ALL, Direction::Ascending));
        let ends = whole.iter().map(|line| time_of(line)).flat_map(|at| [at, at + 1]).step_by(97);
        let exact = ends.map(|at| (at, 1, 1));
        for (start, len, limit) in ranges.into_iter().chain(exact).chain([(i64::MIN / 2, i64::MAX / 2 + 9000, 1)]) {
            let end = start.saturating_add(len);
            let range = TimeRange::new(Timestamp::from_nanos(start), Timestamp::from_nanos(end));
            let mut want: Vec<String> =
                whole.iter().filter(|line| (start..end).contains(&time_of(line))).cloned().collect();
            for direction in [Direction::Ascending, Direction::Descending] {
                let scan = || view.scan(&series, &fields, range, direction);
                prop_assert_eq!(&lines(scan()), &want, "{:?} {:?}", range, direction);
                for limit in [0, 1, 2, limit] {
                    let got = lines(scan().limit(limit));
                    prop_assert_eq!(&got[..], &want[..limit.min(want.len())], "{:?} {:?} {}", range, direction, limit);
                }
                want.reverse();
            }
            let rows = view.latest_rows(std::slice::from_ref(&series), &fields, range).unwrap();
            let newest = want.last().filter(|_| !fields.is_empty());
            prop_assert_eq!(rows.timestamps[0].map(Timestamp::nanos), newest.map(|line| time_of(line)));
            let cells: Vec<String> = rows.columns.iter().map(|column| format!("{:?}", column.get(0))).collect();
            if let Some(line) = newest {
                prop_assert_eq!(format!("{} {}", time_of(line), cells.join(" ")), line.clone());
            }
        }
    }
}

#[test]
fn the_newest_rows_of_many_series_come_in_their_order() {
    let db = open(&SimVfs::new(), options(&clock())).unwrap();
    db.create_database(DB, None).unwrap();
    let writer = db.writer(DB, None).unwrap();
    let mut batch = Batch::new();
    for host in 0..300i64 {
        let series = batch.series("m", [("host", &*format!("h{host:03}"))]).unwrap();
        for row in 0..if host % 3 == 0 { 5 } else { 1500 } {
            batch
                .row(series, Timestamp::from_nanos(row * 10 + host % 2))
                .i64("i", host * row)
                .f64("f", row as f64);
        }
    }
    writer.write(&batch).unwrap();
    let check = |db: &Db, newer: i64| {
        let view = db.view(DB, None).unwrap();
        let series = view.series("m", &TagFilter::All).unwrap();
        let rows = view.latest_rows(&series, &["f", "no", "i"], TimeRange::ALL).unwrap();
        assert_eq!((rows.timestamps.len(), rows.columns.len()), (300, 3));
        for host in 0..300 {
            let last = if host % 3 == 0 { 4 } else { 1499 };
            let (at, f, i) = if host < newer {
                (90_000, None, Some(-7.0))
            } else {
                (last * 10 + host % 2, Some(last as f64), Some((host * last) as f64))
            };
            let row = usize::try_from(host).unwrap();
            assert_eq!(rows.timestamps[row], Some(Timestamp::from_nanos(at)), "{host}");
            let got = rows.columns.iter().map(|c| c.get_f64(row)).collect::<Vec<_>>();
            assert_eq!(got, [f, None, i], "{host}");
        }
        let early = TimeRange::new(Timestamp::from_nanos(1), Timestamp::from_nanos(10));
        let rows = view.latest_rows(&series, &["i"], early).unwrap();
        assert_eq!(rows.timestamps[1], Some(Timestamp::from_nanos(1)));
        assert_eq!((rows.timestamps[0], rows.columns[0].get(0)), (None, None));
        assert_eq!(rows.columns[0].values().field_type(), Some(FieldType::Integer));
    };
    check(&db, 0);
    db.seal().unwrap();
    check(&db, 0);
    let mut batch = Batch::new();
    for host in 0..100 {
        let series = batch.series("m", [("host", &*format!("h{host:03}"))]).unwrap();
        batch.row(series, Timestamp::from_nanos(90_000)).i64("i", -7);
    }
    writer.write(&batch).unwrap();
    check(&db, 100);
    let view = db.view(DB, None).unwrap();
    let none = view.latest_rows(&[], &["i"], TimeRange::ALL).unwrap();
    assert!(none.timestamps.is_empty());
}

#[test]
fn a_wide_table_is_read_in_blocks_of_few_rows() {
    let db = open(&SimVfs::new(), options(&clock())).unwrap();
    db.create_database(DB, None).unwrap();
    let names: Vec<String> = (0..3000).map(|n| format!("f{n:04}")).collect();
    let mut batch = Batch::new();
    let series = batch.series("m", [("host", "a")]).unwrap();
    for row in 0..700 {
        let mut out = batch.row(series, Timestamp::from_nanos(row));
        // Not all rows have all fields.
        names.iter().skip(usize::from(row % 2 == 1)).step_by(7).for_each(|name| {
            out.field(name, row);
        });
    }
    db.writer(DB, None).unwrap().write(&batch).unwrap();
    db.seal().unwrap();
    let view = db.view(DB, None).unwrap();
    let series = host(&view, "a").unwrap();
    let fields: Vec<&str> = names.iter().map(String::as_str).collect();
    for direction in [Direction::Ascending, Direction::Descending] {
        let mut seen = 0;
        for block in view.scan(&series, &fields, TimeRange::ALL, direction) {
            let block = block.unwrap();
            let rows = block.timestamps.len();
            assert!(rows * fields.len() <= 1 << 20, "{rows} rows");
            for (row, at) in block.timestamps.iter().enumerate() {
                assert_eq!(*at, if direction == Direction::Ascending { seen } else { 699 - seen });
                let place = usize::try_from(at % 2).unwrap();
                assert_eq!(block.columns[place].get_f64(row), Some(*at as f64));
                assert_eq!(block.columns[place + 2].get(row), None);
                seen += 1;
            }
        }
        assert_eq!(seen, 700);
    }
}
