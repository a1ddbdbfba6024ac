//! What a user sees: rows come back, whatever happened to them in between.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{DB, clock, dump, open, options, put};
use stripchart_core::{
    Batch, FieldDescriptor, FieldType, MetricKind, RejectReason, Sink, SinkError, TimeRange,
    Timestamp, Unit,
};
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::vfs::{AppendFile, FolderLock, ReadMode, SealedFile, Vfs};
use stripchart_storage::{
    Aggregates, Db, DbError, Direction, Number, OpenError, Partials, PolicySpec, SyncPolicy,
    TagFilter,
};

const NOW: i64 = 1_767_225_600_000_000_000;
const SEC: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SEC;

fn database() -> (SimVfs, Db) {
    let vfs = SimVfs::new();
    let db = open(&vfs, options(&clock())).unwrap();
    db.create_database(DB, None).unwrap();
    (vfs, db)
}

#[test]
fn rows_survive_reopening_from_the_log_and_from_segments() {
    let (vfs, db) = database();
    put(&db, "a", 10, &[("x", 1.5), ("y", 2.0)]).unwrap();
    put(&db, "b", 10, &[("x", 3.0)]).unwrap();
    put(&db, "a", 20, &[("y", f64::INFINITY)]).unwrap();
    let want = ["m,host=a 10 x=1.5 y=2.0", "m,host=a 20 y=inf", "m,host=b 10 x=3.0"];
    assert_eq!(dump(&db), want);
    drop(db);
    let db = open(&vfs, options(&clock())).unwrap();
    assert_eq!(dump(&db), want);
    assert_eq!(db.stats().segments, 0);
    db.seal().unwrap();
    assert_eq!(dump(&db), want);
    assert_eq!((db.stats().segments, db.stats().head_rows, db.stats().segment_rows), (1, 0, 3));
    db.close().unwrap();
    assert!(matches!(put(&db, "a", 30, &[("x", 1.0)]), Err(SinkError::Closed)));
    drop(db);
    let db = open(&vfs, options(&clock())).unwrap();
    assert_eq!(dump(&db), want);
    assert_eq!(db.stats().head_rows, 0);
}

#[test]
fn every_type_comes_back_from_a_segment() {
    for mode in [ReadMode::Map, ReadMode::Pread] {
        let folder = tempfile::tempdir().unwrap();
        let db = options(&clock()).read_mode(mode).open(folder.path()).unwrap();
        db.create_database(DB, None).unwrap();
        let mut batch = Batch::new();
        let series = batch.series("m", []).unwrap();
        for n in 0..3000u32 {
            let at = Timestamp::from_nanos(NOW + i64::from(n) * SEC);
            let row = batch.row(series, at).f64("f", f64::from(n) / 7.0).i64("i", -i64::from(n));
            let row = row.u64("u", u64::MAX - u64::from(n)).bool("b", n % 2 == 0);
            if n % 3 == 0 {
                row.str("s", if n % 2 == 0 { "even" } else { "odd, \"quoted\"" });
            }
        }
        assert_eq!(db.writer(DB, None).unwrap().write(&batch).unwrap().rows, 3000);
        let before = dump(&db);
        db.close().unwrap();
        drop(db);
        let db = options(&clock()).read_mode(mode).open(folder.path()).unwrap();
        assert!(dump(&db) == before && before.len() == 3000);
        assert!(db.stats().segment_bytes < 60_000, "{:?}", db.stats());
    }
}

#[test]
fn a_view_does_not_change() {
    let (_, db) = database();
    put(&db, "a", 10, &[("x", 1.0)]).unwrap();
    let view = db.view(DB, None).unwrap();
    let series = view.series("m", &TagFilter::All).unwrap();
    put(&db, "a", 10, &[("x", 2.0)]).unwrap();
    put(&db, "b", 10, &[("x", 2.0)]).unwrap();
    db.seal().unwrap();
    put(&db, "a", 20, &[("x", 3.0)]).unwrap();
    let read = || {
        let blocks = view.scan(&series[0], &["x"], TimeRange::ALL, Direction::Ascending);
        blocks
            .map(|block| block.unwrap())
            .map(|b| (b.timestamps.clone(), b.columns[0].get_f64(0)))
            .collect::<Vec<_>>()
    };
    assert_eq!(read(), [(vec![10], Some(1.0))]);
    assert_eq!(view.series("m", &TagFilter::All).unwrap().len(), 1);
    assert_eq!(dump(&db), ["m,host=a 10 x=2.0", "m,host=a 20 x=3.0", "m,host=b 10 x=2.0"]);
}

#[test]
fn late_and_repeated_rows_are_merged_field_by_field() {
    let (_, db) = database();
    for (at, fields) in [(30, [("x", 1.0)]), (10, [("x", 2.0)]), (20, [("y", 3.0)])] {
        put(&db, "a", at, &fields).unwrap();
        db.seal().unwrap();
    }
    put(&db, "a", 10, &[("y", 9.0)]).unwrap();
    db.seal().unwrap();
    put(&db, "a", 10, &[("x", 7.0)]).unwrap();
    let want = ["m,host=a 10 x=7.0 y=9.0", "m,host=a 20 y=3.0", "m,host=a 30 x=1.0"];
    assert_eq!(dump(&db), want);
    let view = db.view(DB, None).unwrap();
    let series = &view.series("m", &TagFilter::All).unwrap()[0];
    let down = view.scan(series, &["y", "none"], TimeRange::ALL, Direction::Descending);
    let times: Vec<i64> = down.flat_map(|block| block.unwrap().timestamps).collect();
    assert_eq!(times, [20, 10]);
    // Four small segments become one.
    db.step(Timestamp::from_nanos(NOW));
    assert_eq!(db.stats().segments, 1);
    assert_eq!(dump(&db), want);
}

#[test]
fn the_same_database_twice_is_refused_with_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path()).unwrap();
    let error = Db::open(folder.path()).unwrap_err();
    assert!(
        matches!(error, OpenError::Locked { pid: Some(pid), .. } if pid == std::process::id()),
        "{error:?}"
    );
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    drop(db);
    Db::open(folder.path()).unwrap();
}

#[test]
fn what_is_past_its_retention_is_refused_invisible_and_dropped() {
    let vfs = SimVfs::new();
    let clock = clock();
    let db = open(&vfs, options(&clock)).unwrap();
    let spec = PolicySpec { duration_ns: Some(2 * HOUR), ..PolicySpec::default() };
    db.create_database(DB, Some(spec)).unwrap();
    put(&db, "a", NOW - HOUR, &[("x", 1.0)]).unwrap();
    put(&db, "a", NOW, &[("x", 2.0)]).unwrap();
    let refused = put(&db, "a", NOW - 3 * HOUR, &[("x", 2.0)]).unwrap();
    assert_eq!(refused.rejected[0].reason, RejectReason::BeyondRetention);
    db.seal().unwrap();
    assert_eq!(db.stats().segments, 2);
    clock.advance(HOUR + 1);
    assert_eq!(dump(&db).len(), 1);
    clock.advance(HOUR - 1);
    let due = db.step(Timestamp::from_nanos(NOW + 2 * HOUR));
    assert_eq!(db.stats().segments, 1);
    // Before the other one is dropped it is written again in fewer bytes, its shard being over.
    let due = due.at.unwrap();
    assert!(due > Timestamp::from_nanos(NOW + 2 * HOUR), "{due:?}");
    let due = db.step(due).at;
    assert_eq!(due, Some(Timestamp::from_nanos(NOW + 3 * HOUR)));
    assert_eq!(dump(&db).len(), 1);
    clock.advance(HOUR);
    db.step(Timestamp::from_nanos(NOW + 3 * HOUR));
    assert_eq!(db.stats().segments, 0);
    assert_eq!(
        vfs.files().keys().filter(|path| path.extension().is_some_and(|e| e == "seg")).count(),
        0
    );
}

#[test]
fn dropped_databases_stay_dropped() {
    let (vfs, db) = database();
    put(&db, "a", 1, &[("x", 1.0)]).unwrap();
    db.seal().unwrap();
    put(&db, "a", 2, &[("x", 1.0)]).unwrap();
    let writer = db.writer(DB, None).unwrap();
    db.drop_database(DB).unwrap();
    db.drop_database(DB).unwrap();
    assert!(matches!(db.view(DB, None), Err(DbError::DatabaseNotFound { .. })));
    assert!(writer.write(&Batch::new()).is_err());
    drop(writer);
    db.create_database(DB, None).unwrap();
    assert!(dump(&db).is_empty());
    drop(db);
    let db = open(&vfs, options(&clock())).unwrap();
    assert!(dump(&db).is_empty());
    assert_eq!(db.stats().segments, 0);
}

#[test]
fn types_units_and_descriptions_are_kept() {
    let (vfs, db) = database();
    let text = "time in user mode";
    let field =
        FieldDescriptor::new("m", "x", FieldType::Float, MetricKind::Gauge, Unit::Percent, text);
    db.writer(DB, None).unwrap().describe(&[field]).unwrap();
    assert!(db.view(DB, None).unwrap().fields("m").is_empty(), "no value yet");
    put(&db, "a", 1, &[("x", 1.0)]).unwrap();
    drop(db);
    for _ in 0..2 {
        let db = open(&vfs, options(&clock())).unwrap();
        let fields = db.view(DB, None).unwrap().fields("m");
        assert_eq!(fields.len(), 1);
        assert_eq!(
            (fields[0].unit, fields[0].description.as_deref()),
            (Some(Unit::Percent), Some(text))
        );
        db.close().unwrap();
    }
}

#[test]
fn a_type_is_fixed_across_reopening() {
    let (vfs, db) = database();
    put(&db, "a", 1, &[("x", 1.0)]).unwrap();
    drop(db);
    for _ in 0..2 {
        let db = open(&vfs, options(&clock())).unwrap();
        let mut batch = Batch::new();
        let series = batch.series("m", []).unwrap();
        batch.row(series, Timestamp::from_secs(1)).i64("x", 1);
        let answer = db.writer(DB, None).unwrap().write(&batch).unwrap();
        assert_eq!(answer.rows, 0);
        assert!(matches!(answer.rejected[0].reason, RejectReason::FieldType { .. }));
        db.close().unwrap();
    }
}

#[test]
fn memory_stays_bounded_without_a_driver() {
    let vfs = SimVfs::new();
    let small = options(&clock()).head_bytes(64 << 10).log_file_bytes(16 << 10);
    let db = open(&vfs, small).unwrap();
    db.create_database(DB, None).unwrap();
    let mut batch = Batch::new();
    let series = batch.series("m", []).unwrap();
    let writer = db.writer(DB, None).unwrap();
    for round in 0..200i64 {
        batch.clear();
        for n in 0..100 {
            batch.row(series, Timestamp::from_nanos(round * 100 + n)).i64("x", n * n).f64("y", 0.1);
        }
        writer.write(&batch).unwrap();
        let stats = db.stats();
        assert!(stats.head_bytes < 140 << 10 && stats.log_bytes < 300 << 10, "{stats:?}");
    }
    assert_eq!(dump(&db).len(), 20_000);
    db.step(Timestamp::from_nanos(NOW));
    assert!(db.stats().segments < 8, "{:?}", db.stats());
    assert_eq!(dump(&db).len(), 20_000);
}

#[test]
fn age_seals_and_intervals_sync() {
    let vfs = SimVfs::new();
    let clock = clock();
    let interval = SyncPolicy::Interval(Duration::from_secs(1));
    let db = open(&vfs, options(&clock).sync(interval).seal_age(Duration::from_secs(60))).unwrap();
    db.create_database(DB, None).unwrap();
    put(&db, "a", 1, &[("x", 1.0)]).unwrap();
    let synced = db.stats().syncs;
    put(&db, "a", 2, &[("x", 1.0)]).unwrap();
    assert_eq!(db.stats().syncs, synced);
    clock.advance(2 * SEC);
    let due = db.step(Timestamp::from_nanos(NOW + 2 * SEC));
    assert_eq!(db.stats().syncs, synced + 1);
    assert_eq!(due.at, Some(Timestamp::from_nanos(NOW + 60 * SEC)));
    clock.set(Timestamp::from_nanos(NOW + 60 * SEC));
    db.step(Timestamp::from_nanos(NOW + 60 * SEC));
    assert_eq!((db.stats().head_rows, db.stats().segments), (0, 1));
}

#[test]
fn a_spawned_thread_syncs_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::builder().head_bytes(64 << 10).open(folder.path()).unwrap();
    db.create_database(DB, None).unwrap();
    let background = db.spawn().unwrap();
    for n in 0..2000 {
        put(&db, "a", n, &[("x", 1.0)]).unwrap();
    }
    drop(background);
    assert_eq!(dump(&db).len(), 2000);
}

#[test]
fn writers_share_syncs() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path()).unwrap();
    db.create_database(DB, None).unwrap();
    std::thread::scope(|scope| {
        for host in ["a", "b", "c", "d"] {
            let db = &db;
            scope.spawn(move || {
                for n in 0..100 {
                    put(db, host, n, &[("x", 1.0)]).unwrap();
                }
            });
        }
    });
    assert_eq!(dump(&db).len(), 400);
}

#[test]
fn statistics_and_decoding_agree() {
    let (_, db) = database();
    let mut batch = Batch::new();
    let series = batch.series("m", []).unwrap();
    for n in 0..5000i64 {
        batch.row(series, Timestamp::from_nanos(n * 10)).i64("x", n % 97 - 40).str("s", "t");
    }
    db.writer(DB, None).unwrap().write(&batch).unwrap();
    let edges: Vec<i64> = (0..12).map(|n| n * 5000).collect();
    let fold = |field: &str, field_type| {
        let view = db.view(DB, None).unwrap();
        let series = &view.series("m", &TagFilter::All).unwrap()[0];
        let mut partials = Partials::new(field_type, edges.len() - 1, Aggregates::ALL);
        view.fold(series, field, &edges, &mut partials).unwrap();
        partials
    };
    let before = (fold("x", FieldType::Integer), fold("s", FieldType::String));
    db.seal().unwrap();
    assert_eq!((fold("x", FieldType::Integer), fold("s", FieldType::String)), before);
    assert_eq!((before.0.count(9), before.0.count(10)), (500, 0));
    assert_eq!(before.0.min(0), Some((Number::Integer(-40), 0)));
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = Db::builder().head_bytes(1).open(folder.path()).unwrap_err();
    assert_eq!(error.to_string(), "option head_bytes: expected at least 65536, found 1");
    let error =
        Db::builder().sync(SyncPolicy::Interval(Duration::ZERO)).open(folder.path()).unwrap_err();
    assert!(matches!(error, OpenError::Option { name: "sync", .. }));
}

#[test]
fn a_view_stays_through_packing_and_sealing() {
    let (_, db) = database();
    (0..10).for_each(|n| drop(put(&db, "a", n, &[("x", 1.0)]).unwrap()));
    let view = db.view(DB, None).unwrap();
    let series = &view.series("m", &TagFilter::All).unwrap()[0];
    let count = || {
        let blocks = view.scan(series, &["x"], TimeRange::ALL, Direction::Ascending);
        blocks.map(|block| block.unwrap().timestamps.len()).sum::<usize>()
    };
    (10..200).for_each(|n| drop(put(&db, "a", n, &[("x", 2.0)]).unwrap()));
    assert_eq!(count(), 10);
    db.seal().unwrap();
    (0..200).for_each(|n| drop(put(&db, "a", n, &[("x", 3.0)]).unwrap()));
    assert_eq!(count(), 10);
    assert_eq!(dump(&db).len(), 200);
    let range = |from, to| TimeRange::new(Timestamp::from_nanos(from), Timestamp::from_nanos(to));
    let sealed = db.view(DB, None).unwrap().within(range(500, 600));
    assert_eq!(sealed.series("m", &TagFilter::All).unwrap().len(), 1, "the head is always in");
}

#[test]
fn batches_are_seen_whole() {
    let folder = tempfile::tempdir().unwrap();
    let db =
        Db::builder().sync(SyncPolicy::Never).head_bytes(64 << 10).open(folder.path()).unwrap();
    db.create_database(DB, None).unwrap();
    let (start, done) = (std::sync::Barrier::new(2), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut batch = Batch::new();
            start.wait();
            for n in 0..3000 {
                batch.clear();
                for host in ["a", "b", "c"] {
                    let series = batch.series("m", [("host", host)]).unwrap();
                    batch.row(series, Timestamp::from_nanos(n)).i64("n", n);
                }
                db.writer(DB, None).unwrap().write(&batch).unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        start.wait();
        while !done.load(Ordering::SeqCst) {
            let view = db.view(DB, None).unwrap();
            let rows: Vec<usize> = view
                .series("m", &TagFilter::All)
                .unwrap()
                .iter()
                .map(|series| {
                    let blocks = view.scan(series, &["n"], TimeRange::ALL, Direction::Ascending);
                    blocks.map(|block| block.unwrap().timestamps.len()).sum()
                })
                .collect();
            assert!(rows.is_empty() || rows == [rows[0]; 3], "{rows:?}");
        }
    });
    assert_eq!(dump(&db).len(), 9000);
}

/// A file system that takes no segments.
#[derive(Debug, Clone)]
struct NoSegments {
    inner: SimVfs,
    full: Arc<AtomicBool>,
}

impl Vfs for NoSegments {
    fn create(&self, file: &Path) -> io::Result<Arc<dyn AppendFile>> {
        let segment = file.to_string_lossy().ends_with(".seg.tmp");
        if segment && self.full.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.create(file)
    }
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.inner.list(folder)
    }
    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        self.inner.create_dir(folder)
    }
    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        self.inner.read(file)
    }
    fn open_sealed(&self, file: &Path, mode: ReadMode) -> io::Result<Arc<dyn SealedFile>> {
        self.inner.open_sealed(file, mode)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.inner.rename(from, to)
    }
    fn remove_file(&self, file: &Path) -> io::Result<()> {
        self.inner.remove_file(file)
    }
    fn remove_dir(&self, folder: &Path) -> io::Result<()> {
        self.inner.remove_dir(folder)
    }
    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.inner.sync_dir(folder)
    }
    fn lock(&self, file: &Path) -> io::Result<Result<Box<dyn FolderLock>, Option<u32>>> {
        self.inner.lock(file)
    }
}

#[test]
fn where_segments_cannot_be_written_memory_stays_bounded_and_nothing_is_lost() {
    let vfs = NoSegments { inner: SimVfs::new(), full: Arc::new(AtomicBool::new(true)) };
    let db = open(&vfs, options(&clock()).head_bytes(64 << 10)).unwrap();
    db.create_database(DB, None).unwrap();
    let mut written = 0;
    let reason = loop {
        let mut batch = Batch::new();
        let series = batch.series("m", []).unwrap();
        for n in 0..100u64 {
            let at = Timestamp::from_nanos(written + n.cast_signed());
            batch.row(series, at).u64("x", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        match db.writer(DB, None).unwrap().write(&batch) {
            Ok(_) => written += 100,
            Err(SinkError::ReadOnly { reason }) => break reason,
            Err(error) => panic!("{error}"),
        }
        assert!(db.stats().head_bytes < 300 << 10, "{:?}", db.stats());
    };
    assert!(reason.contains("memory is full") && reason.contains("cannot create"), "{reason}");
    let rows = |db: &Db| i64::try_from(dump(db).len()).unwrap();
    assert_eq!(rows(&db), written, "reading goes on");
    vfs.full.store(false, Ordering::SeqCst);
    put(&db, "a", 1, &[("y", 1.0)]).unwrap();
    assert_eq!(rows(&db), written + 1);
    assert!(db.stats().segments > 0);
}

#[test]
fn the_first_and_the_last_instant_are_instants_too() {
    let (vfs, db) = database();
    let ends = [Timestamp::MIN.nanos(), Timestamp::MAX.nanos()];
    for at in ends.into_iter().chain([0, -1, i64::MIN / 2]) {
        put(&db, "a", at, &[("x", 1.0)]).unwrap();
    }
    let before = dump(&db);
    assert_eq!(before.len(), 5);
    for _ in 0..5 {
        put(&db, "a", ends[0], &[("x", 1.0)]).unwrap();
        put(&db, "a", ends[1], &[("x", 1.0)]).unwrap();
        db.seal().unwrap();
        assert_eq!(dump(&db), before);
    }
    db.step(Timestamp::from_nanos(NOW));
    drop(db);
    let db = open(&vfs, options(&clock())).unwrap();
    assert_eq!(dump(&db), before);
    let view = db.view(DB, None).unwrap();
    let series = &view.series("m", &TagFilter::All).unwrap()[0];
    assert_eq!(view.time_bounds(series), Some((Timestamp::MIN, Timestamp::MAX)));
    let mut partials = Partials::new(FieldType::Float, 1, Aggregates::COUNT);
    view.fold(series, "x", &[i64::MIN, i64::MAX], &mut partials).unwrap();
    assert_eq!(partials.count(0), 5);
}

#[test]
fn a_body_of_many_different_fields_is_stored_whole() {
    let folder = tempfile::tempdir().unwrap();
    let db = Db::open(folder.path()).unwrap();
    db.create_database("d", None).unwrap();
    let lines: Vec<_> = (0..4000).map(|n| format!("m f{n}={n}i {n}")).collect();
    let writer = db.writer("d", None).unwrap();
    let report = writer.write_lines(
        lines.join("\n").as_bytes(),
        stripchart_core::Precision::Nanoseconds,
        Timestamp::EPOCH,
    );
    assert_eq!(report.map(|report| report.rows).unwrap(), 4000);
    let view = db.view("d", None).unwrap();
    assert_eq!(view.fields("m").len(), 4000);
    let series = view.series("m", &TagFilter::All).unwrap();
    for n in [0, 1, 2895, 3999] {
        let field = format!("f{n}");
        let mut blocks = view.scan(&series[0], &[&field], TimeRange::ALL, Direction::Ascending);
        let block = blocks.next().unwrap().unwrap();
        assert_eq!((block.timestamps, block.columns[0].get(0)), (vec![n], Some(n.into())));
    }
}
