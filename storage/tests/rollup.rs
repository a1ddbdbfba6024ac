//! Rollups: what they hold, that reading through them answers as the rows do, and that nothing disturbs them.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::sync::Arc;

use common::{DB, clock, open, options};
use proptest::prelude::*;
use stripchart_core::{Batch, FieldType, ManualClock, Sink, TimeRange, Timestamp, ValueRef};
use stripchart_storage::vfs::sim::{Crash, SimVfs};
use stripchart_storage::{Aggregates, Db, DbError, Direction, Partials, PolicySpec, TagFilter};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const NOW: i64 = 1_767_225_600 * SECOND;

/// A database whose rows are kept for two hours, and rolled up per minute and hour.
fn rolled(vfs: &SimVfs, clock: &Arc<ManualClock>) -> Db {
    let db = open(vfs, options(clock)).unwrap();
    let spec = PolicySpec { duration_ns: Some(2 * HOUR), ..PolicySpec::named("raw") };
    db.create_database(DB, Some(spec)).unwrap();
    for (name, every_ns) in [("1m", MINUTE), ("1h", HOUR)] {
        db.create_retention_policy(DB, PolicySpec::named(name)).unwrap();
        db.create_rollup(DB, None, name, every_ns).unwrap();
    }
    db
}

fn put(db: &Db, host: &str, at: i64, value: i64) {
    let mut batch = Batch::new();
    let series = batch.series("m", [("host", host)]).unwrap();
    let row = batch.row(series, Timestamp::from_nanos(at));
    row.i64("v", value).f64("f", value as f64 / 4.0).str("s", &format!("text {value}"));
    db.writer(DB, None).unwrap().write(&batch).unwrap();
}

fn step(db: &Db, clock: &ManualClock) {
    db.seal().unwrap();
    db.step(stripchart_core::Clock::now(clock));
}

/// Rows of a policy as text.
fn rows(db: &Db, policy: &str, fields: &[&str]) -> Vec<String> {
    let view = db.view(DB, Some(policy)).unwrap();
    let mut out = Vec::new();
    for series in view.series("m", &TagFilter::All).unwrap() {
        for block in view.scan(&series, fields, TimeRange::ALL, Direction::Ascending) {
            let block = block.unwrap();
            for (row, at) in block.timestamps.iter().enumerate() {
                let value = |column: &stripchart_core::Column| match column.get(row) {
                    Some(ValueRef::String(text)) => text.to_owned(),
                    Some(value) => value.as_f64().map_or_else(String::new, |v| v.to_string()),
                    None => "-".to_owned(),
                };
                let values: Vec<_> = block.columns.iter().map(value).collect();
                out.push(format!("{} +{} {}", series.key(), (at - NOW) / SECOND, values.join(" ")));
            }
        }
    }
    out
}

#[test]
fn a_span_becomes_a_row_with_influxql_names() {
    let (vfs, clock) = (SimVfs::new(), clock());
    let db = rolled(&vfs, &clock);
    for (at, value) in [(0, 4), (20, 8), (59, 2), (60, 5), (150, 9)] {
        put(&db, "a", NOW + at * SECOND, value);
    }
    step(&db, &clock);
    let numbers = ["count_v", "min_v", "max_v", "sum_v", "first_v", "last_v", "sum_f"];
    let want = [
        "m,host=a +0 3 2 8 14 4 2 3.5",
        "m,host=a +60 1 5 5 5 5 5 1.25",
        "m,host=a +120 1 9 9 9 9 9 2.25",
    ];
    assert_eq!(rows(&db, "1m", &numbers), want);
    assert_eq!(rows(&db, "1h", &numbers), ["m,host=a +0 5 2 9 28 4 9 7"]);
    let texts = ["count_s", "first_s", "last_s", "sum_s"];
    assert_eq!(rows(&db, "1h", &texts), ["m,host=a +0 5 text 4 text 9 -"]);
}

#[test]
fn rows_that_come_late_or_twice_change_their_span_only() {
    let (vfs, clock) = (SimVfs::new(), clock());
    let db = rolled(&vfs, &clock);
    for at in [0, 10, 70] {
        put(&db, "a", NOW + at * SECOND, 1);
    }
    step(&db, &clock);
    put(&db, "a", NOW + 10 * SECOND, 7);
    put(&db, "a", NOW + 20 * SECOND, 1);
    put(&db, "b", NOW, 3);
    step(&db, &clock);
    let want = ["m,host=a +0 3 9", "m,host=a +60 1 1", "m,host=b +0 1 3"];
    assert_eq!(rows(&db, "1m", &["count_v", "sum_v"]), want);
}

#[test]
fn history_outlives_the_rows_it_was_made_of() {
    let (vfs, clock) = (SimVfs::new(), clock());
    let db = rolled(&vfs, &clock);
    for minute in 0..60 {
        put(&db, "a", NOW + minute * MINUTE, minute);
    }
    step(&db, &clock);
    clock.set(Timestamp::from_nanos(NOW + 5 * HOUR));
    db.step(Timestamp::from_nanos(NOW + 5 * HOUR));
    put(&db, "a", NOW + 5 * HOUR, 1000);
    assert_eq!(rows(&db, "raw", &["v"]).len(), 1);
    let view = db.rolled_view(DB, None).unwrap();
    let series = &view.series("m", &TagFilter::All).unwrap()[0];
    let mut all = Partials::new(FieldType::Integer, 2, Aggregates::ALL);
    view.fold(series, "v", &[NOW, NOW + HOUR, NOW + 6 * HOUR], &mut all).unwrap();
    assert_eq!((all.count(0), all.sum(0).unwrap().as_f64()), (60, 1770.0));
    assert_eq!((all.count(1), all.sum(1).unwrap().as_f64()), (1, 1000.0));
    let parts = view.parts(series, "v", &[NOW, NOW + HOUR, NOW + 6 * HOUR]);
    let spans: Vec<_> = parts
        .iter()
        .map(|part| {
            let at = |t: Timestamp| (t.nanos() - NOW) / SECOND;
            (part.every_ns.map(|ns| ns / SECOND), at(part.range.start), at(part.range.end))
        })
        .collect();
    // The span that the newest row is in is not rolled up yet.
    let (h, m) = (3600, 60);
    let want = [(Some(h), 0, 5 * h), (Some(m), 5 * h + m, 6 * h), (None, 5 * h, 5 * h + m)];
    assert_eq!(spans, want);
}

#[test]
fn rollups_that_make_no_sense_are_refused() {
    let (vfs, clock) = (SimVfs::new(), clock());
    let db = rolled(&vfs, &clock);
    let refused = |from: Option<&str>, into: &str, every_ns| {
        db.create_rollup(DB, from, into, every_ns).unwrap_err().to_string()
    };
    assert_eq!(
        refused(None, "raw", HOUR),
        "invalid rollup: a policy cannot be rolled up into itself"
    );
    let again =
        "invalid rollup: rollups are not rolled up again: roll the first policy up into each";
    assert_eq!(refused(Some("1m"), "1h", HOUR), again);
    assert_eq!(refused(None, "1m", 0), "invalid rollup: the span must be at least a second");
    assert!(matches!(db.create_rollup(DB, None, "no", HOUR), Err(DbError::PolicyNotFound { .. })));
    db.create_rollup(DB, None, "1m", MINUTE).unwrap();
    db.drop_retention_policy(DB, "1h").unwrap();
    let names = |db: &Db| -> Vec<String> {
        let catalog = db.catalog();
        let policy = catalog.database(DB).unwrap().default_policy();
        policy.rollups.iter().map(|rollup| rollup.into.clone()).collect()
    };
    assert_eq!(names(&db), ["1m"]);
    drop(db);
    assert_eq!(names(&open(&vfs, options(&clock)).unwrap()), ["1m"]);
}

#[derive(Debug, Clone)]
enum Op {
    Put { host: u8, second: i64, value: i64 },
    Seal,
    Step,
    Reopen,
    Crash,
    Delete { host: u8, second: i64, seconds: i64, everywhere: bool },
    Compact,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (0..2u8, 0..900i64, -5..50i64)
            .prop_map(|(host, second, value)| Op::Put { host, second, value }),
        1 => Just(Op::Seal),
        2 => Just(Op::Step),
        1 => Just(Op::Reopen),
        1 => Just(Op::Crash),
        1 => (0..3u8, 0..900i64, 1..300i64, any::<bool>()).prop_map(
            |(host, second, seconds, everywhere)| Op::Delete { host, second, seconds, everywhere }
        ),
        1 => Just(Op::Compact),
    ]
}

/// Counts, sums and the values of smallest, largest, first and last.
fn answer(partials: &Partials) -> Vec<String> {
    let buckets = 0..partials.buckets();
    let each = buckets.map(|at| {
        let number = |of: Option<(stripchart_storage::Number, i64)>| of.map(|(value, _)| value);
        let (min, max) = (number(partials.min(at)), number(partials.max(at)));
        let end = |of: Option<(ValueRef<'_>, i64)>| of.map(|(value, _)| format!("{value:?}"));
        let (first, last) = (end(partials.first(at)), end(partials.last(at)));
        format!("{} {:?} {min:?} {max:?} {first:?} {last:?}", partials.count(at), partials.sum(at))
    });
    each.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_through_rollups_answers_as_the_rows_do(
        ops in prop::collection::vec(op(), 1..120),
        start in 0..200i64,
        width in prop::sample::select(vec![60i64, 120, 300, 7]),
    ) {
        let (mut vfs, clock) = (SimVfs::new(), clock());
        let mut db = rolled(&vfs, &clock);
        for op in ops {
            match op {
                Op::Put { host, second, value } => {
                    put(&db, &host.to_string(), NOW + second * SECOND, value);
                }
                Op::Seal => db.seal().unwrap(),
                Op::Step => step(&db, &clock),
                Op::Reopen => {
                    drop(db);
                    db = open(&vfs, options(&clock)).unwrap();
                }
                Op::Delete { host, second, seconds, everywhere } => {
                    let filter = match host {
                        2 => TagFilter::All,
                        host => TagFilter::Equal { key: "host".into(), value: host.to_string() },
                    };
                    let at = |second| Timestamp::from_nanos(NOW + second * SECOND);
                    let range = TimeRange { start: at(second), end: at(second + seconds) };
                    let policy = (!everywhere).then_some("raw");
                    db.delete(DB, policy, Some("m"), &filter, range).unwrap();
                }
                Op::Compact => db.compact(|_| {}).unwrap(),
                Op::Crash => {
                    drop(db);
                    vfs = vfs.after_crash(Crash::DropUnsynced);
                    db = open(&vfs, options(&clock)).unwrap();
                }
            }
        }
        let mut edges = vec![NOW + start * SECOND];
        let first = (start / width + 1) * width;
        edges.extend((0..5).map(|n| NOW + (first + n * width) * SECOND));
        edges.push(NOW + 800 * SECOND);
        edges.sort_unstable();
        let raw = db.view(DB, None).unwrap();
        let through = db.rolled_view(DB, None).unwrap();
        let (a, b) = (raw.series("m", &TagFilter::All).unwrap(), through.series("m", &TagFilter::All).unwrap());
        // A series that is deleted may be in the rollups still; it has no values then.
        for b in &b {
            let a = a.iter().find(|a| a.key() == b.key());
            let Some(a) = a else {
                let mut got = Partials::new(FieldType::Integer, edges.len() - 1, Aggregates::ALL);
                through.fold(b, "v", &edges, &mut got).unwrap();
                prop_assert_eq!((0..got.buckets()).map(|at| got.count(at)).sum::<u64>(), 0);
                continue;
            };
            for (field, field_type) in [("v", FieldType::Integer), ("f", FieldType::Float), ("s", FieldType::String)] {
                let new = || Partials::new(field_type, edges.len() - 1, Aggregates::ALL);
                let (mut want, mut got) = (new(), new());
                raw.fold(a, field, &edges, &mut want).unwrap();
                through.fold(b, field, &edges, &mut got).unwrap();
                prop_assert_eq!(answer(&want), answer(&got), "{} {}", a.key(), field);
            }
        }
    }
}
