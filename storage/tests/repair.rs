//! Damage: what is damaged is set aside and named, the rest is served.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::path::{Path, PathBuf};

use common::{DB, clock, dump, open, options, put};
use stripchart_core::Timestamp;
use stripchart_storage::vfs::sim::SimVfs;
use stripchart_storage::{Db, DbBuilder, OpenError, ReadError};

fn small() -> DbBuilder {
    options(&clock()).log_file_bytes(4096)
}

fn find(vfs: &SimVfs, part: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let files = vfs.files().into_iter();
    files.filter(|(path, _)| path.to_string_lossy().contains(part)).collect()
}

fn flip(vfs: &SimVfs, file: &(PathBuf, Vec<u8>), at: usize) {
    let mut content = file.1.clone();
    content[at] ^= 0x20;
    vfs.plant(&file.0, content);
}

fn database(vfs: &SimVfs) -> Db {
    let db = open(vfs, small()).unwrap();
    db.create_database(DB, None).unwrap();
    db
}

#[test]
fn a_segment_with_a_damaged_footer_is_set_aside_and_the_rest_is_served() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    for host in ["a", "b"] {
        put(&db, host, 1, &[("v", 1.0)]).unwrap();
        db.seal().unwrap();
    }
    drop(db);
    let segments = find(&vfs, "0000000000000001.seg");
    let (path, content) = &segments[0];
    flip(&vfs, &segments[0], content.len() - 50);
    let before = vfs.files();
    let error = open(&vfs, small().strict(true)).unwrap_err();
    assert!(matches!(&error, OpenError::File(ReadError::Corrupt { .. })), "{error}");
    assert_eq!(vfs.files(), before, "strict: nothing is touched");
    for round in 0..2 {
        let db = open(&vfs, small()).unwrap();
        assert_eq!(dump(&db), ["m,host=b 1 v=1.0"]);
        let health = db.health();
        assert!(health.is_degraded());
        let [file] = health.quarantined.as_slice() else { panic!("{health:?}") };
        assert!(file.path.starts_with("/db/quarantine"), "{file:?}");
        assert!(file.why.contains("checksum of the footer"), "{file:?}");
        assert!(file.why.contains(path.to_str().unwrap()), "it says where it was: {file:?}");
        assert_eq!(file.bytes, content.len() as u64);
        assert!(!find(&vfs, "shards").iter().any(|(found, _)| found == path), "{round}");
        // Its number is not used again.
        put(&db, "c", 1, &[("v", 1.0)]).unwrap();
        db.delete(DB, None, None, &by_host("c"), stripchart_core::TimeRange::ALL).unwrap();
        (0..9).for_each(|_| assert_ne!(db.step(Timestamp::EPOCH).at, Some(Timestamp::MIN)));
        assert!(!find(&vfs, "shards").iter().any(|(found, _)| found == path), "{round}");
    }
    find(&vfs, "quarantine").iter().for_each(|(path, _)| remove(&vfs, path));
    assert!(!open(&vfs, small()).unwrap().health().is_degraded(), "until somebody deletes it");
}

fn by_host(host: &str) -> stripchart_storage::TagFilter {
    stripchart_storage::TagFilter::Equal { key: "host".into(), value: host.into() }
}

fn remove(vfs: &SimVfs, path: &Path) {
    stripchart_storage::vfs::Vfs::remove_file(vfs, path).unwrap();
}

#[test]
fn a_damaged_block_is_an_error_where_it_is_read_and_its_segment_is_not_merged() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    for at in 0..4 {
        put(&db, "a", at, &[("v", 1.0)]).unwrap();
        db.seal().unwrap();
    }
    drop(db);
    // The first block is behind the header.
    flip(&vfs, &find(&vfs, "0000000000000002.seg")[0], 17);
    let db = open(&vfs, small()).unwrap();
    assert!(!db.health().is_degraded(), "nobody has looked");
    (0..9).for_each(|_| assert_ne!(db.step(Timestamp::EPOCH).at, Some(Timestamp::MIN)));
    let health = db.health();
    assert_eq!(health.damaged.len(), 1, "{health:?}");
    assert!(health.damaged[0].path.ends_with("0000000000000002.seg"));
    assert!(health.degraded[0].contains("checksum"), "{health:?}");
    assert_eq!(db.stats().segments, 4, "it is left as it is, and nothing is merged across it");
    let view = db.view(DB, None).unwrap();
    let range = stripchart_core::TimeRange::ALL;
    let refused = match view.series("m", &stripchart_storage::TagFilter::All) {
        Err(_) => true,
        Ok(found) => {
            view.scan(&found[0], &["v"], range, Default::default()).any(|rows| rows.is_err())
        }
    };
    assert!(refused, "what is damaged is not passed over in silence");
}

/// Rows in several files of the log; their names, oldest first.
fn with_logs(vfs: &SimVfs) -> Vec<(PathBuf, Vec<u8>)> {
    let db = database(vfs);
    for at in 0..600 {
        put(&db, &format!("h{}", at % 3), at, &[("v", at as f64)]).unwrap();
    }
    drop(db);
    find(vfs, "/log/")
}

fn times(db: &Db) -> Vec<i64> {
    let mut times: Vec<i64> =
        dump(db).iter().map(|line| line.split(' ').nth(1).unwrap().parse().unwrap()).collect();
    times.sort_unstable();
    times
}

#[test]
fn what_follows_damage_of_the_log_in_later_files_is_kept() {
    let vfs = SimVfs::new();
    let logs = with_logs(&vfs);
    assert!(logs.len() > 3, "{}", logs.len());
    // In the middle of the second file.
    flip(&vfs, &logs[1], logs[1].1.len() / 2);
    let before = vfs.files();
    let error = open(&vfs, small().strict(true)).unwrap_err();
    assert!(error.to_string().contains("a valid record of the log"), "{error}");
    assert_eq!(vfs.files(), before);

    let db = open(&vfs, small()).unwrap();
    let found = times(&db);
    let gap = found.windows(2).filter(|pair| pair[0] + 1 != pair[1]).count();
    assert_eq!((found.first(), found.last(), gap), (Some(&0), Some(&599), 1), "{found:?}");
    let health = db.health();
    assert_eq!(health.quarantined.len(), 1, "{health:?}");
    assert!(health.quarantined[0].why.contains("a valid record"), "{health:?}");
    let copies = find(&vfs, "quarantine/log+");
    assert!(copies.iter().any(|(_, content)| *content == before[&logs[1].0]), "whole, as it was");
    drop(db);
    let db = open(&vfs, small().strict(true)).unwrap();
    assert_eq!(times(&db), found, "what remains is whole");
    put(&db, "new", 1000, &[("v", 1.0)]).unwrap();
    drop(db);
    assert_eq!(times(&open(&vfs, small()).unwrap()).last(), Some(&1000));
}

#[test]
fn a_missing_file_of_the_log_and_an_unreadable_header_are_noted() {
    let vfs = SimVfs::new();
    let logs = with_logs(&vfs);
    remove(&vfs, &logs[1].0);
    flip(&vfs, &logs[3], 3);
    assert!(open(&vfs, small().strict(true)).is_err());
    let db = open(&vfs, small()).unwrap();
    let found = times(&db);
    let gaps = found.windows(2).filter(|pair| pair[0] + 1 != pair[1]).count();
    assert!(gaps == 2 || *found.last().unwrap() < 599 && gaps == 1, "{found:?}");
    let health = db.health();
    assert_eq!(health.quarantined.len(), 2, "{health:?}");
    assert!(health.quarantined[0].why.contains("without a gap"), "{health:?}");
    drop(db);
    assert_eq!(times(&open(&vfs, small().strict(true)).unwrap()), found);
}

#[test]
fn the_whole_log_may_be_missing() {
    let vfs = SimVfs::new();
    let db = database(&vfs);
    put(&db, "a", 1, &[("v", 1.0)]).unwrap();
    db.seal().unwrap();
    put(&db, "a", 2, &[("v", 1.0)]).unwrap();
    drop(db);
    find(&vfs, "/log/").iter().for_each(|(path, _)| remove(&vfs, path));
    assert!(open(&vfs, small().strict(true)).is_err());
    let db = open(&vfs, small()).unwrap();
    assert_eq!(times(&db), [1]);
    assert!(db.health().is_degraded());
    put(&db, "a", 3, &[("v", 1.0)]).unwrap();
    drop(db);
    assert_eq!(times(&open(&vfs, small().strict(true)).unwrap()), [1, 3]);
}

#[test]
fn opening_a_damaged_database_may_be_interrupted() {
    use stripchart_storage::vfs::sim::Crash;
    let vfs = SimVfs::new();
    let logs = with_logs(&vfs);
    flip(&vfs, &logs[1], logs[1].1.len() / 2);
    let probe = vfs.after_crash(Crash::KeepAll);
    let want = times(&open(&probe, small()).unwrap());
    let probe = vfs.after_crash(Crash::KeepAll);
    drop(open(&probe, small()));
    for at in 0..probe.operations() {
        for crash in [Crash::DropUnsynced, Crash::KeepAll] {
            let vfs = vfs.after_crash(Crash::KeepAll);
            vfs.fail_at(at, true);
            drop(open(&vfs, small()));
            let db = open(&vfs.after_crash(crash), small()).unwrap();
            assert_eq!(times(&db), want, "operation {at}, {crash:?}");
            assert!(db.health().is_degraded(), "operation {at}, {crash:?}");
        }
    }
}

/// Two series of 300 rows and two fields in one segment, and what a dump of it is.
fn one_segment(vfs: &SimVfs) -> ((PathBuf, Vec<u8>), Vec<String>) {
    let db = database(vfs);
    for host in ["a", "b"] {
        let mut batch = stripchart_core::Batch::new();
        let series = batch.series("m", [("host", host)]).unwrap();
        for at in 0..300i64 {
            let noise = (at.wrapping_mul(0x5851_F42D_4C95_7F2D) >> 7) % 100_000;
            let mut row = batch.row(series, Timestamp::from_nanos(at + at % 7));
            row.field("n", noise);
            row.field("v", (noise * 31 % 977) as f64 / 8.0);
        }
        stripchart_core::Sink::write(&db.writer(DB, None).unwrap(), &batch).unwrap();
    }
    db.seal().unwrap();
    let lines = dump(&db);
    drop(db);
    (find(vfs, ".seg").remove(0), lines)
}

#[test]
fn what_can_be_read_of_a_damaged_segment_takes_its_place() {
    let vfs = SimVfs::new();
    let (segment, good) = one_segment(&vfs);
    flip(&vfs, &segment, 20);
    let db = open(&vfs, small()).unwrap();
    let report = db.repair(|_| {}).unwrap();
    assert!(report.remaining.is_empty(), "{report:?}");
    let [repaired] = report.repaired.as_slice() else { panic!("{report:?}") };
    assert_eq!((&repaired.path, repaired.rows), (&segment.0, 600));
    // The first block: one field of one series.
    let [lost] = repaired.lost.as_slice() else { panic!("{repaired:?}") };
    assert_eq!(lost.to_string(), "field \"n\" of series m,host=a from 0 to 304");
    assert!(lost.why.contains("checksum"), "{lost:?}");
    let want: Vec<String> = good
        .iter()
        .map(|line| match line.split_once(" n=") {
            Some((key, values)) if line.starts_with("m,host=a") => {
                format!("{key} {}", values.split_once(' ').unwrap().1)
            }
            _ => line.clone(),
        })
        .collect();
    assert_eq!(dump(&db), want);
    assert!(db.verify(|_| {}).unwrap().is_clean(), "what is in use now is whole");
    assert_eq!(vfs.files()[&repaired.kept_at][20], segment.1[20] ^ 0x20, "kept as it was");
    let health = db.health();
    assert_eq!((health.quarantined.len(), health.damaged.len()), (1, 0), "{health:?}");
    drop(db);
    let db = open(&vfs, small().strict(true)).unwrap();
    assert_eq!(dump(&db), want);
    assert!(db.repair(|_| {}).unwrap().is_clean());
    // Restored by writing it again; what else was there stays.
    put(&db, "a", 0, &[("v", 9.5)]).unwrap();
    assert_eq!(dump(&db)[0], "m,host=a 0 v=9.5");
}

#[test]
fn wherever_a_segment_is_damaged_what_is_not_named_as_lost_is_there() {
    let vfs = SimVfs::new();
    let (segment, good) = one_segment(&vfs);
    let lines: std::collections::BTreeSet<&str> = good.iter().map(String::as_str).collect();
    let mut losses = std::collections::BTreeSet::new();
    for at in (16..segment.1.len() - 112).step_by(13) {
        let vfs = vfs.after_crash(stripchart_storage::vfs::sim::Crash::KeepAll);
        flip(&vfs, &segment, at);
        let db = open(&vfs, small()).unwrap();
        let report = db.repair(|_| {}).unwrap();
        let found = dump(&db);
        assert!(db.verify(|_| {}).unwrap().is_clean(), "{at}");
        if report.repaired.is_empty() {
            assert_eq!(found, good, "{at}");
            continue;
        }
        let lost = &report.repaired[0].lost;
        losses.insert(lost.iter().map(|lost| lost.to_string()).collect::<Vec<_>>());
        let is_lost = |key: &str, time: i64, field: &str| {
            lost.iter().any(|lost| {
                lost.series.as_ref().is_none_or(|series| series.to_string() == key)
                    && lost.field.as_ref().is_none_or(|name| name == field)
                    && (lost.times.0.nanos()..=lost.times.1.nanos()).contains(&time)
            })
        };
        // Every line that was there, without what is lost.
        let want: Vec<String> = good
            .iter()
            .filter_map(|line| {
                let mut words = line.split(' ');
                let (key, time) = (words.next()?, words.next()?);
                let at = time.parse().ok()?;
                let kept: Vec<&str> =
                    words.filter(|w| !is_lost(key, at, w.split('=').next().unwrap())).collect();
                (!kept.is_empty()).then(|| format!("{key} {time} {}", kept.join(" ")))
            })
            .collect();
        assert_eq!(found, want, "{at}: {lost:?}");
        assert!(want.len() < good.len() || found.iter().any(|line| !lines.contains(&**line)));
    }
    assert!(losses.len() > 5, "{losses:?}");
}

#[test]
fn deleted_rows_stay_deleted_in_what_is_repaired() {
    let vfs = SimVfs::new();
    let (segment, good) = one_segment(&vfs);
    let db = open(&vfs, small()).unwrap();
    let all = stripchart_core::TimeRange::ALL;
    db.delete(DB, None, None, &by_host("b"), all).unwrap();
    drop(db);
    // The last block of values.
    flip(&vfs, &segment, 20);
    let db = open(&vfs, small()).unwrap();
    assert_eq!(db.repair(|_| {}).unwrap().repaired.len(), 1);
    assert!(dump(&db).iter().all(|line| line.starts_with("m,host=a")));
    assert_eq!(dump(&db).len(), good.len() / 2);
    (0..9).for_each(|_| assert_ne!(db.step(Timestamp::EPOCH).at, Some(Timestamp::MIN)));
    assert_eq!(dump(&db).len(), good.len() / 2);
    drop(db);
    assert_eq!(dump(&open(&vfs, small()).unwrap()).len(), good.len() / 2);
}

#[test]
fn a_repair_may_be_interrupted_anywhere() {
    use stripchart_storage::vfs::sim::Crash;
    let vfs = SimVfs::new();
    let (segment, _) = one_segment(&vfs);
    flip(&vfs, &segment, 20);
    let probe = vfs.after_crash(Crash::KeepAll);
    let db = open(&probe, small()).unwrap();
    let before = probe.operations();
    db.repair(|_| {}).unwrap();
    let want = dump(&db);
    let operations = probe.operations();
    assert!(operations > before + 8, "{before} to {operations}");
    for at in before..operations {
        for crash in [Crash::DropUnsynced, Crash::KeepAll] {
            let vfs = vfs.after_crash(Crash::KeepAll);
            let db = open(&vfs, small()).unwrap();
            vfs.fail_at(at, true);
            drop(db.repair(|_| {}));
            drop(db);
            let vfs = vfs.after_crash(crash);
            let db = open(&vfs, small()).unwrap();
            db.repair(|_| {}).unwrap();
            assert_eq!(dump(&db), want, "operation {at}, {crash:?}");
            assert!(db.verify(|_| {}).unwrap().is_clean());
            let kept = find(&vfs, "quarantine/shards").into_iter();
            let kept: Vec<_> =
                kept.filter(|(path, _)| path.extension().unwrap() == "seg").collect();
            assert_eq!(kept.len(), 1, "operation {at}, {crash:?}");
            assert_eq!(kept[0].1.len(), segment.1.len(), "operation {at}, {crash:?}");
        }
    }
}

#[test]
fn what_there_is_no_room_to_repair_is_left_as_it_is_and_named() {
    let vfs = SimVfs::new();
    let (segment, _) = one_segment(&vfs);
    flip(&vfs, &segment, 20);
    let db = open(&vfs, small()).unwrap();
    let before = vfs.files();
    vfs.set_capacity(Some(vfs.used_bytes() + 100));
    let report = db.repair(|_| {}).unwrap();
    let [left] = report.remaining.as_slice() else { panic!("{report:?}") };
    assert!(left.what.contains("not repaired: that takes up to"), "{left}");
    assert!(left.what.ends_with("100 are free"), "{left}");
    assert!(report.repaired.is_empty() && vfs.files() == before);
    vfs.set_capacity(None);
    let report = db.repair(|_| {}).unwrap();
    assert_eq!((report.repaired.len(), report.remaining.len()), (1, 0));
}
