//! Random writes, deletes, seals, merges and reopenings against a map: reads are identical, folds equal scans.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;

use common::{DB, clock, open, options};
use proptest::prelude::*;
use stripchart_core::{Batch, FieldType, Sink, TimeRange, Timestamp, ValueRef};
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::{Aggregates, Db, Direction, Partials, TagFilter};

const FIELDS: [&str; 3] = ["a", "b", "c"];
const HOSTS: [&str; 3] = ["x", "y", "z"];

/// host, time, field: value. Field `c` is of text, `b` of floats, `a` of integers.
type Model = BTreeMap<(usize, i64, usize), i64>;

#[derive(Debug, Clone)]
enum Step {
    /// Rows: host, time, values of the fields that it has.
    Write(Vec<(usize, i64, [Option<i64>; 3])>),
    /// Rows at a steady interval: host, from, how many.
    Series(usize, i64, i64),
    /// Host, or all of them; from a time to before another.
    Delete(Option<usize>, i64, i64),
    Seal,
    Maintain,
    Compact,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = prop::option::weighted(0.7, -50..50i64);
    let row = (0..3usize, 0..200i64, [value.clone(), value.clone(), value]);
    let step = prop_oneof![
        6 => prop::collection::vec(row, 1..20).prop_map(Step::Write),
        1 => (0..3usize, 0..200i64, 1..2500i64).prop_map(|(host, at, n)| Step::Series(host, at, n)),
        1 => (prop::option::of(0..3usize), 0..250i64, 0..100i64)
            .prop_map(|(host, at, n)| Step::Delete(host, at, at + n)),
        2 => Just(Step::Seal),
        1 => Just(Step::Maintain),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..25)
}

fn write(db: &Db, model: &mut Model, rows: &[(usize, i64, [Option<i64>; 3])]) {
    let mut batch = Batch::new();
    for (host, at, values) in rows {
        let series = batch.series("m", [("host", HOSTS[*host])]).unwrap();
        let mut row = batch.row(series, Timestamp::from_nanos(*at));
        for (field, value) in values.iter().enumerate() {
            let Some(value) = value else { continue };
            model.insert((*host, *at, field), *value);
            match field {
                0 => row.field("a", *value),
                1 => row.field("b", *value as f64 / 4.0),
                _ => row.field("c", format!("t{value}").as_str()),
            }
        }
    }
    db.writer(DB, None).unwrap().write(&batch).unwrap();
}

fn to_number(value: ValueRef<'_>) -> i64 {
    match value {
        ValueRef::Integer(v) => v,
        #[expect(clippy::cast_possible_truncation, reason = "quarters of small numbers")]
        ValueRef::Float(v) => (v * 4.0) as i64,
        ValueRef::String(v) => v[1..].parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

fn check(db: &Db, model: &Model, range: TimeRange, edges: &[i64]) {
    let view = db.view(DB, None).unwrap();
    let mut got = Model::new();
    let mut wanted = model.clone();
    wanted.retain(|(_, at, _), _| range.contains(Timestamp::from_nanos(*at)));
    for series in view.series("m", &TagFilter::All).unwrap() {
        let host = HOSTS.iter().position(|host| series.key().tag("host") == Some(host)).unwrap();
        let read = |direction| -> Vec<(i64, usize, i64)> {
            let mut cells = Vec::new();
            for block in view.scan(&series, &FIELDS, range, direction) {
                let block = block.unwrap();
                for (row, at) in block.timestamps.iter().enumerate() {
                    let values = block.columns.iter().enumerate();
                    let cell = |(f, c): (usize, &stripchart_core::Column)| {
                        Some((*at, f, to_number(c.get(row)?)))
                    };
                    cells.extend(values.filter_map(cell));
                }
            }
            cells
        };
        let up = read(Direction::Ascending);
        let mut down = read(Direction::Descending);
        down.sort_unstable();
        let mut sorted = up.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, down);
        assert!(up.is_sorted_by_key(|(at, ..)| *at));
        got.extend(up.iter().map(|(at, field, value)| ((host, *at, *field), *value)));
        for (field, field_type) in
            [(0, FieldType::Integer), (1, FieldType::Float), (2, FieldType::String)]
        {
            let mut folded = Partials::new(field_type, edges.len() - 1, Aggregates::ALL);
            view.fold(&series, FIELDS[field], edges, &mut folded).unwrap();
            let mut scanned = Partials::new(field_type, edges.len() - 1, Aggregates::ALL);
            for block in view.scan(&series, &[FIELDS[field]], TimeRange::ALL, Direction::Ascending)
            {
                let block = block.unwrap();
                for (row, at) in block.timestamps.iter().enumerate() {
                    let bucket = edges.windows(2).position(|edge| edge[0] <= *at && *at < edge[1]);
                    if let (Some(bucket), Some(value)) = (bucket, block.columns[0].get(row)) {
                        scanned.add(bucket, *at, value);
                    }
                }
            }
            for bucket in 0..edges.len() - 1 {
                assert_eq!(folded.count(bucket), scanned.count(bucket));
                assert_eq!(folded.sum(bucket), scanned.sum(bucket), "sums of quarters are exact");
                assert_eq!(
                    (folded.min(bucket), folded.max(bucket)),
                    (scanned.min(bucket), scanned.max(bucket))
                );
                assert_eq!(
                    (folded.first(bucket), folded.last(bucket)),
                    (scanned.first(bucket), scanned.last(bucket))
                );
            }
        }
    }
    assert_eq!(got, wanted);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reads_are_those_of_a_map(
        steps in steps(),
        range in (0..150i64, 0..3000i64),
        mut edges in prop::collection::vec(0..2800i64, 2..8),
    ) {
        edges.sort_unstable();
        let vfs = SimVfs::new();
        let options = || options(&clock()).log_file_bytes(4096);
        let mut db = open(&vfs, options()).unwrap();
        db.create_database(DB, None).unwrap();
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::Write(rows) => write(&db, &mut model, &rows),
                Step::Series(host, from, n) => {
                    let rows: Vec<_> = (0..n).map(|k| (host, from + k, [Some(k % 7), Some(k % 5), None])).collect();
                    write(&db, &mut model, &rows);
                }
                Step::Delete(host, from, to) => {
                    let filter = host.map_or(TagFilter::All, |host| TagFilter::Equal {
                        key: "host".into(),
                        value: HOSTS[host].into(),
                    });
                    let range = TimeRange::new(Timestamp::from_nanos(from), Timestamp::from_nanos(to));
                    db.delete(DB, None, Some("m"), &filter, range).unwrap();
                    model.retain(|(of, at, _), _| {
                        host.is_some_and(|host| host != *of) || !(from..to).contains(at)
                    });
                }
                Step::Seal => db.seal().unwrap(),
                Step::Compact => db.compact(|_| ()).unwrap(),
                Step::Maintain => drop(db.step(Timestamp::from_secs(1_767_225_600))),
                Step::Reopen => {
                    drop(db);
                    db = open(&vfs, options()).unwrap();
                }
            }
        }
        check(&db, &model, TimeRange::ALL, &edges);
        let range = TimeRange::new(Timestamp::from_nanos(range.0), Timestamp::from_nanos(range.1));
        check(&db, &model, range, &edges);
    }
}
