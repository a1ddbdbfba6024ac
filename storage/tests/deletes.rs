//! Deletes: what is deleted is gone from every reading, for good, and nothing else is.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{DB, clock, dump, open, options, put};
use proptest::prelude::*;
use stripchart_core::{Batch, FieldType, Sink, TimeRange, Timestamp, ValueRef};
use stripchart_storage::vfs::sim::{Crash, SimVfs};
use stripchart_storage::{
    Aggregates, Db, DbBuilder, DbError, Direction, Partials, PolicySpec, SyncPolicy, TagFilter,
};

/// Merging is done a series a step, so that everything comes in between.
fn slow() -> DbBuilder {
    options(&clock()).merge_step_values(1)
}

fn database(vfs: &SimVfs) -> Db {
    let db = open(vfs, slow()).unwrap();
    db.create_database(DB, None).unwrap();
    db
}

fn host(name: &str) -> TagFilter {
    TagFilter::Equal { key: "host".to_owned(), value: name.to_owned() }
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange::new(Timestamp::from_nanos(from), Timestamp::from_nanos(to))
}

fn tombstones(vfs: &SimVfs) -> usize {
    vfs.files().keys().filter(|path| path.extension().is_some_and(|e| e == "del")).count()
}

fn step(db: &Db) {
    for _ in 0..100 {
        db.step(Timestamp::from_secs(1_767_225_600));
    }
    assert_eq!(db.stats().last_error, None);
}

/// The database as it would be read by somebody who never deleted what was deleted: dumped before and after everything that
/// must change nothing.
fn check(vfs: &SimVfs, db: Db, want: &[&str]) -> Db {
    assert_eq!(dump(&db), want, "at once");
    step(&db);
    assert_eq!(dump(&db), want, "after maintenance");
    drop(db);
    let db = open(vfs, options(&clock())).unwrap();
    assert_eq!(dump(&db), want, "opened again");
    db
}

#[test]
fn a_series_is_deleted_and_may_be_written_again() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    for name in ["a", "b"] {
        (1..4).for_each(|at| drop(put(&db, name, at, &[("v", 1.0)]).unwrap()));
    }
    let deleted = db.delete(DB, None, Some("m"), &host("a"), TimeRange::ALL).unwrap();
    assert_eq!(deleted.series, 1);
    let rest = ["m,host=b 1 v=1.0", "m,host=b 2 v=1.0", "m,host=b 3 v=1.0"];
    let db = check(&vfs, db, &rest);
    assert_eq!(tombstones(&vfs), 0, "nothing is left for it to hide");
    let view = db.view(DB, None).unwrap();
    assert_eq!(view.series("m", &TagFilter::All).unwrap().len(), 1);
    put(&db, "a", 2, &[("v", 5.0)]).unwrap();
    db.delete(DB, None, Some("m"), &host("b"), range(2, 3)).unwrap();
    check(&vfs, db, &["m,host=a 2 v=5.0", "m,host=b 1 v=1.0", "m,host=b 3 v=1.0"]);
}

#[test]
fn what_was_written_before_is_hidden_and_what_came_later_is_not() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    for round in 0..6 {
        put(&db, "a", round, &[("v", 0.5)]).unwrap();
        put(&db, "a", 100, &[("v", f64::from(u32::try_from(round).unwrap()))]).unwrap();
        db.seal().unwrap();
        if round == 2 {
            db.delete(DB, None, None, &TagFilter::All, range(1, 101)).unwrap();
        }
    }
    let want = ["0 v=0.5", "3 v=0.5", "4 v=0.5", "5 v=0.5", "100 v=5.0"];
    let want: Vec<String> = want.iter().map(|row| format!("m,host=a {row}")).collect();
    check(&vfs, db, &want.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn what_is_empty_is_listed_no_more() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    for at in [10, 20, 30] {
        put(&db, "a", at, &[("v", 1.0)]).unwrap();
    }
    // First and last row, then the one between.
    db.delete(DB, None, Some("m"), &TagFilter::All, range(10, 11)).unwrap();
    db.delete(DB, None, Some("m"), &TagFilter::All, range(30, 31)).unwrap();
    let view = db.view(DB, None).unwrap();
    let series = view.series("m", &TagFilter::All).unwrap();
    let bounds = view.time_bounds(&series[0]).unwrap();
    assert!(bounds.0.nanos() <= 20 && bounds.1.nanos() >= 20, "{bounds:?}");
    db.delete(DB, None, Some("m"), &TagFilter::All, range(20, 21)).unwrap();
    for _ in 0..2 {
        let view = db.view(DB, None).unwrap();
        assert!(view.series("m", &TagFilter::All).unwrap().is_empty());
        assert!(view.measurements().unwrap().is_empty());
        assert!(view.tag_keys("m").unwrap().is_empty());
        step(&db);
    }
    assert_eq!(db.stats().segments, 0, "the file of a segment without rows is removed");
    assert_eq!(series.len(), 1, "an older view has what it had");
}

#[test]
fn filters_are_resolved_when_deleting_and_all_policies_are_meant() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    db.create_retention_policy(DB, PolicySpec::named("second")).unwrap();
    for policy in [None, Some("second")] {
        let mut batch = Batch::new();
        for n in 0..40 {
            let series = batch.series("m", [("host", format!("h{n}").as_str())]).unwrap();
            batch.row(series, Timestamp::from_nanos(n)).f64("v", 1.0);
        }
        db.writer(DB, policy).unwrap().write(&batch).unwrap();
    }
    let odd = TagFilter::Matches {
        key: "host".to_owned(),
        test: Arc::new(|value| value.ends_with(['1', '3', '5', '7', '9'])),
    };
    let deleted = db.delete(DB, None, None, &odd, TimeRange::ALL).unwrap();
    assert_eq!(deleted.series, 40, "twenty in each policy");
    let deleted = db.delete(DB, Some("second"), None, &host("h2"), TimeRange::ALL).unwrap();
    assert_eq!(deleted.series, 1);
    for round in 0..2 {
        let count = |policy| {
            let view = db.view(DB, policy).unwrap();
            view.series("m", &TagFilter::All).unwrap().len()
        };
        assert_eq!((count(None), count(Some("second"))), (20, 19), "round {round}");
        step(&db);
    }
}

#[test]
fn a_dropped_measurement_may_have_other_types() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    put(&db, "a", 1, &[("v", 1.0)]).unwrap();
    db.drop_measurement(DB, "m").unwrap();
    assert!(db.view(DB, None).unwrap().fields("m").is_empty());
    let write = |db: &Db| {
        let mut batch = Batch::new();
        let series = batch.series("m", [("host", "a")]).unwrap();
        batch.row(series, Timestamp::from_nanos(1)).str("v", "text");
        db.writer(DB, None).unwrap().write(&batch).unwrap()
    };
    assert_eq!(write(&db).rejected, []);
    let db = check(&vfs, db, &["m,host=a 1 v=\"text\""]);
    db.drop_measurement(DB, "nothing").unwrap();
    drop(db);
    // Also if the types were only ever in the log.
    let vfs = SimVfs::new();
    let db = database(&vfs);
    put(&db, "a", 1, &[("v", 1.0)]).unwrap();
    db.drop_measurement(DB, "m").unwrap();
    drop(db);
    let db = open(&vfs.after_crash(Crash::DropUnsynced), options(&clock())).unwrap();
    assert_eq!(write(&db).rejected, []);
}

#[test]
fn what_cannot_be_deleted_says_why() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    put(&db, "a", 1, &[("v", 1.0)]).unwrap();
    let all = TimeRange::ALL;
    let none = db.delete("none", None, None, &TagFilter::All, all).unwrap_err();
    assert!(matches!(none, DbError::DatabaseNotFound { .. }), "{none}");
    let none = db.delete(DB, Some("none"), None, &TagFilter::All, all).unwrap_err();
    assert!(matches!(none, DbError::PolicyNotFound { .. }), "{none}");
    let nothing = db.delete(DB, None, Some("other"), &TagFilter::All, all).unwrap();
    let empty = db.delete(DB, None, None, &TagFilter::All, range(5, 5)).unwrap();
    assert_eq!((nothing.series, empty.series, tombstones(&vfs)), (0, 0, 0));
    db.close().unwrap();
    let closed = db.delete(DB, None, None, &TagFilter::All, all).unwrap_err();
    assert!(matches!(closed, DbError::Closed), "{closed}");
    assert_eq!(dump(&db), ["m,host=a 1 v=1.0"]);
}

/// host, time: value.
type Model = BTreeMap<(usize, i64), i64>;

const HOSTS: [&str; 3] = ["x", "y", "z"];

#[derive(Debug, Clone)]
enum Step {
    /// Rows at a steady interval: host, from, how many, value.
    Write(usize, i64, i64, i64),
    /// Hosts, from, how long.
    Delete(Vec<usize>, i64, i64),
    DropMeasurement,
    Seal,
    Maintain,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => (0..3usize, 0..100i64, 1..40i64, -50..50i64)
            .prop_map(|(host, at, n, value)| Step::Write(host, at, n, value)),
        1 => (0..3usize, 0..100i64, 1000..2500i64, -50..50i64)
            .prop_map(|(host, at, n, value)| Step::Write(host, at, n, value)),
        3 => (prop::collection::vec(0..3usize, 1..3), 0..120i64, 1..80i64)
            .prop_map(|(hosts, from, len)| Step::Delete(hosts, from, len)),
        1 => (prop::collection::vec(0..3usize, 1..4), 0..1000i64, 1..2000i64)
            .prop_map(|(hosts, from, len)| Step::Delete(hosts, from, len)),
        1 => Just(Step::DropMeasurement),
        3 => Just(Step::Seal),
        2 => Just(Step::Maintain),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..25)
}

fn apply(vfs: &SimVfs, mut db: Db, model: &mut Model, step: &Step) -> Db {
    match step {
        Step::Write(host, from, count, value) => {
            let mut batch = Batch::new();
            let series = batch.series("m", [("host", HOSTS[*host])]).unwrap();
            for at in *from..from + count {
                batch.row(series, Timestamp::from_nanos(at)).i64("v", value + at % 3);
                model.insert((*host, at), value + at % 3);
            }
            db.writer(DB, None).unwrap().write(&batch).unwrap();
        }
        Step::Delete(hosts, from, len) => {
            let any = hosts.iter().map(|at| host(HOSTS[*at])).collect();
            let span = range(*from, from + len);
            db.delete(DB, None, Some("m"), &TagFilter::Or(any), span).unwrap();
            model.retain(|(host, at), _| {
                !hosts.contains(host) || !span.contains(Timestamp::from_nanos(*at))
            });
        }
        Step::DropMeasurement => {
            db.drop_measurement(DB, "m").unwrap();
            model.clear();
        }
        Step::Seal => db.seal().unwrap(),
        Step::Maintain => drop(db.step(Timestamp::from_secs(1_767_225_600))),
        Step::Reopen => {
            drop(db);
            db = open(vfs, slow()).unwrap();
        }
    }
    db
}

/// Reads by listing, by scan and by fold agree with the model.
fn compare(db: &Db, model: &Model) {
    let view = db.view(DB, None).unwrap();
    let found = view.series("m", &TagFilter::All).unwrap();
    let names: Vec<&str> = found.iter().map(|series| series.key().tag("host").unwrap()).collect();
    let mut want: Vec<&str> = model.keys().map(|(host, _)| HOSTS[*host]).collect();
    want.dedup();
    assert_eq!(names, want);
    assert_eq!(view.measurements().unwrap().is_empty(), want.is_empty());
    for series in &found {
        let at = HOSTS.iter().position(|name| Some(*name) == series.key().tag("host")).unwrap();
        let want: Vec<(i64, i64)> = model
            .iter()
            .filter(|((host, _), _)| *host == at)
            .map(|((_, at), v)| (*at, *v))
            .collect();
        let mut got = Vec::new();
        for block in view.scan(series, &["v"], TimeRange::ALL, Direction::Ascending) {
            let block = block.unwrap();
            for (row, at) in block.timestamps.iter().enumerate() {
                let Some(ValueRef::Integer(value)) = block.columns[0].get(row) else { panic!() };
                got.push((*at, value));
            }
        }
        assert_eq!(got, want);
        let edges = [0, 50, 1000, i64::MAX];
        let mut partials = Partials::new(FieldType::Integer, 3, Aggregates::ALL);
        view.fold(series, "v", &edges, &mut partials).unwrap();
        for bucket in 0..3 {
            let inside =
                want.iter().filter(|(at, _)| (edges[bucket]..edges[bucket + 1]).contains(at));
            assert_eq!(partials.count(bucket), inside.count() as u64);
        }
    }
}

/// It used to find nothing left to delete the second time, and say so, while the tombstone was not on the disk.
#[test]
fn a_delete_that_failed_and_is_tried_again_is_durable() {
    let whole = SimVfs::new();
    let before = put_one(&whole).1;
    for at in before.. {
        let vfs = SimVfs::new();
        let (db, _) = put_one(&vfs);
        vfs.fail_at(at, false);
        let delete = || db.delete(DB, None, Some("m"), &TagFilter::All, TimeRange::ALL);
        if delete().is_ok() {
            if vfs.operations() <= at {
                return;
            }
        } else if db.stats().read_only.is_none() {
            delete().unwrap();
        } else {
            continue;
        }
        let cut = vfs.after_crash(Crash::DropUnsynced);
        let rows = dump(&open(&cut, slow()).unwrap());
        assert_eq!(rows, Vec::<String>::new(), "operation {at}");
    }
}

/// A database with a row, and the operations that it took.
fn put_one(vfs: &SimVfs) -> (Db, u64) {
    let db = database(vfs);
    put(&db, "a", 1, &[("v", 1.0)]).unwrap();
    let operations = vfs.operations();
    (db, operations)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn reads_equal_a_map_of_rows(steps in steps()) {
        let vfs = SimVfs::new();
        let mut db = database(&vfs);
        let mut model = Model::new();
        for step in &steps {
            db = apply(&vfs, db, &mut model, step);
            compare(&db, &model);
        }
        db.seal().unwrap();
        for _ in 0..60 {
            db.step(Timestamp::from_secs(1_767_225_600));
        }
        compare(&db, &model);
        prop_assert_eq!(tombstones(&vfs), 0, "all was purged");
        let db = { drop(db); open(&vfs, options(&clock())).unwrap() };
        compare(&db, &model);
    }
}

// A crash at every operation of a workload with deletes.

fn small(sync: SyncPolicy) -> DbBuilder {
    options(&clock()).sync(sync).log_file_bytes(4096).merge_step_values(64)
}

/// Operations that change what is read; `None` for those that must not.
type Operation = (bool, fn(&Db) -> Result<(), String>);

const WORKLOAD: &[Operation] = &[
    (true, |db| db.create_database(DB, None).map_err(|e| e.to_string())),
    (true, |db| write(db, "a", 1)),
    (true, |db| write(db, "b", 2)),
    (true, |db| delete(db, "a", range(0, 3))),
    (true, |db| write(db, "a", 3)),
    (false, |db| db.seal().map_err(|e| e.to_string())),
    (true, |db| write(db, "a", 4)),
    (true, |db| delete(db, "a", TimeRange::ALL)),
    (true, |db| write(db, "a", 5)),
    (false, maintain),
    (true, |db| write(db, "c", 6)),
    (true, |db| delete(db, "b", range(1, 2))),
    (false, |db| db.seal().map_err(|e| e.to_string())),
    (true, |db| db.drop_measurement(DB, "m").map(drop).map_err(|e| e.to_string())),
    (false, maintain),
    (true, |db| write(db, "b", 7)),
    (false, maintain),
    (true, |db| write(db, "a", 8)),
    (false, maintain),
    (false, maintain),
    (false, maintain),
    (true, |db| write(db, "c", 9)),
];

fn write(db: &Db, host: &str, n: i64) -> Result<(), String> {
    let mut batch = Batch::new();
    let series = batch.series("m", [("host", host)]).unwrap();
    for at in 0..3 {
        batch.row(series, Timestamp::from_nanos(at)).i64("n", n);
    }
    let writer = db.writer(DB, None).map_err(|e| e.to_string())?;
    writer.write(&batch).map(drop).map_err(|e| e.to_string())
}

fn delete(db: &Db, name: &str, range: TimeRange) -> Result<(), String> {
    db.delete(DB, None, Some("m"), &host(name), range).map(drop).map_err(|e| e.to_string())
}

fn maintain(db: &Db) -> Result<(), String> {
    for _ in 0..3 {
        db.step(Timestamp::from_secs(1_767_225_600));
    }
    Ok(())
}

/// Runs the workload until something that changes the data fails: how many such operations were done.
fn run(vfs: &SimVfs, sync: SyncPolicy, mut each: impl FnMut(&Db)) -> usize {
    let Ok(db) = open(vfs, small(sync)) else { return 0 };
    let mut done = 0;
    for (changes, operation) in WORKLOAD {
        match operation(&db) {
            Err(_) if *changes => break,
            _ => {}
        }
        if *changes {
            done += 1;
            each(&db);
        }
    }
    done
}

fn crash_everywhere(sync: SyncPolicy, for_ever: bool) {
    let whole = SimVfs::new();
    let mut states = vec![Vec::new()];
    let all = run(&whole, sync, |db| states.push(dump(db)));
    assert_eq!(all + 1, states.len());
    assert_eq!(tombstones(&whole), 0, "the workload gets as far as purging");
    for at in 0..whole.operations() {
        let vfs = SimVfs::new();
        vfs.fail_at(at, for_ever);
        let done = run(&vfs, sync, |_| {});
        for crash in Crash::ALL {
            let what = format!("{sync:?}, operation {at}, {crash:?}");
            let after = vfs.after_crash(crash);
            let open = || open(&after, small(sync)).unwrap_or_else(|e| panic!("{what}: {e}"));
            let db = open();
            let found = dump(&db);
            let durable = sync == SyncPolicy::Always || crash == Crash::KeepAll;
            let least = if durable { done } else { 0 };
            let possible = &states[least..states.len().min(done + 2)];
            assert!(possible.contains(&found), "{what}: {found:?} is none of {possible:?}");
            (0..4).for_each(|_| maintain(&db).unwrap());
            assert_eq!(dump(&db), found, "{what}: after maintenance");
            drop(db);
            assert_eq!(dump(&open()), found, "{what}: opened again");
        }
    }
}

#[test]
fn nothing_deleted_comes_back_in_a_crash() {
    crash_everywhere(SyncPolicy::Always, true);
}

#[test]
fn without_syncs_a_crash_leaves_a_prefix() {
    crash_everywhere(SyncPolicy::Never, true);
}

#[test]
fn a_single_failing_operation_brings_nothing_back() {
    crash_everywhere(SyncPolicy::Always, false);
}

#[test]
fn a_batch_in_a_record_that_is_replayed_again_stays_deleted() {
    // The log is still there although what it holds was sealed and deleted: its removal was undone by the power cut.
    let vfs = SimVfs::new();
    let db = database(&vfs);
    put(&db, "a", 1, &[("v", 1.0)]).unwrap();
    let log: Vec<_> = vfs
        .files()
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|e| e == "log"))
        .collect();
    db.delete(DB, None, None, &TagFilter::All, TimeRange::ALL).unwrap();
    drop(db);
    log.into_iter().for_each(|(path, content)| vfs.plant(&path, content));
    let db = open(&vfs, options(&clock())).unwrap();
    assert!(dump(&db).is_empty());
}

#[test]
fn a_damaged_tombstone_is_never_ignored() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    put(&db, "a", 1, &[("v", 1.0)]).unwrap();
    put(&db, "b", 1, &[("v", 1.0)]).unwrap();
    db.delete(DB, None, None, &host("a"), TimeRange::ALL).unwrap();
    drop(db);
    let file =
        vfs.files().into_iter().find(|(path, _)| path.extension().is_some_and(|e| e == "del"));
    let (path, mut content) = file.unwrap();
    content[30] ^= 1;
    vfs.plant(&path, content);
    let error = open(&vfs, options(&clock())).unwrap_err().to_string();
    assert!(error.contains(".del: offset"), "{error}");
}
