//! The invariants, on what a crash has left.
//!
//! | | |
//! | --- | --- |
//! | I1 | everything acknowledged, as far as the sync policy promises, is there and equal |
//! | I2 | what is there is what the first so many actions leave: nothing is missing before something present |
//! | I3 | a batch is there whole or not at all |
//! | I4 | nothing is there that was not written |
//! | I5 | looking up by tag finds what reading everything finds, and folding equals scanning |
//! | I6 | opening again changes nothing |
//! | I7 | the database takes writes, and they survive the next crash |
//! | I8 | what was dropped, and what was beyond its retention, stays away |
//! | I9 | every file is sound: nothing is unreadable, nothing is left over |
//!
//! I1 to I4 and I8 are one comparison: the rows, databases and policies found must equal what the model says of some number
//! of actions, at least those promised and at most those begun.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
use stripchart_storage::vfs::sim::{Crash, SimVfs};
use stripchart_storage::{Aggregates, Db, Direction, Partials, SyncPolicy, TagFilter};

use crate::model::{Dump, dump};
use crate::run::{Script, open};

/// The database of the rows that show that writing goes on.
const PROBE: &str = "probe";

/// What was checked.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub images: u64,
    /// Different ones, which were opened.
    pub opened: u64,
    /// Crashes during the recovery of one.
    pub nested: u64,
    /// Damaged ones, by what came of it.
    pub refused: u64,
    pub reported: u64,
    pub shortened: u64,
    pub right: u64,
}

/// Checks images of one workload, the same one only once.
pub struct Checker<'a> {
    script: &'a Script,
    /// How many actions an image was found to have, by fingerprint and time.
    known: HashMap<(u64, i64), usize>,
    pub counts: Counts,
}

/// An image, and what it must have.
#[derive(Debug, Clone, Copy)]
pub struct Due<'a> {
    /// For the message of a failure: how to have it again.
    pub what: &'a str,
    /// Actions that it has at least and at most.
    pub least: usize,
    pub most: usize,
    pub now: i64,
    /// Rows that segments have at most, where no seal has failed before.
    pub rows: Option<u64>,
}

impl<'a> Checker<'a> {
    pub fn new(script: &'a Script) -> Checker<'a> {
        Checker { script, known: HashMap::new(), counts: Counts::default() }
    }

    /// Checks all invariants; `nested` lets recovery crash too, from a seed.
    pub fn check(&mut self, image: &SimVfs, due: Due<'_>, nested: Option<u64>) -> usize {
        self.counts.images += 1;
        let place = (image.fingerprint(), due.now);
        if let Some(&n) = self.known.get(&place) {
            let Due { least, most, .. } = due;
            // The state is known; for equal outcomes of several numbers this is asked of the largest.
            if !(least..=most).contains(&n) {
                let db = self.open(image, due, "known");
                self.find(&db, due, "known");
            }
            return n;
        }
        self.counts.opened += 1;
        let untouched = image.after_crash(Crash::KeepAll);
        let n = self.check_new(image, due);
        self.known.insert(place, n);
        if let Some(seed) = nested {
            self.interrupt(&untouched, due, n, seed);
        }
        n
    }

    fn open(&self, image: &SimVfs, due: Due<'_>, when: &str) -> Db {
        let options = self.script.options(due.now).sync(SyncPolicy::Always);
        let files = || image.files().into_iter().map(|(path, bytes)| (path, bytes.len()));
        open(image, options).unwrap_or_else(|error| {
            let cause = stripchart_core::error_chain(&error);
            panic!(
                "{}: {when}: I1: it does not open: {cause}; {:#?}",
                due.what,
                files().collect::<Vec<_>>()
            )
        })
    }

    /// I1 to I4, I8, and that everything can be read.
    fn find(&self, db: &Db, due: Due<'_>, when: &str) -> (usize, Dump) {
        let Due { what, least, most, now, .. } = due;
        let found = dump(db, false);
        assert!(found.errors.is_empty(), "{what}: {when}: I9: unreadable: {:?}", found.errors);
        let health = db.health();
        assert!(!health.is_degraded(), "{what}: {when}: I9: taken for damaged: {health:?}");
        let Some(n) = self.script.prefix(&found.lines, now, least, most) else {
            let other = self.script.prefix(&found.lines, now, 0, usize::MAX);
            let (low, high) = (
                self.script.difference(&found.lines, now, least),
                self.script.difference(&found.lines, now, most),
            );
            let invariant = match other {
                Some(n) if n < least => "I1",
                Some(_) => "I4",
                None => "I2, I3 or I8",
            };
            panic!(
                "{what}: {when}: {invariant}: the outcome of {other:?} actions, not of {least} to {most}\n{low}\n{high}"
            );
        };
        (n, found)
    }

    fn check_new(&self, image: &SimVfs, due: Due<'_>) -> usize {
        let what = due.what;
        let db = self.open(image, due, "first");
        let (n, found) = self.find(&db, due, "first");
        self.check_index(&db, due);
        let report = db.verify(|_| ()).unwrap();
        assert!(report.is_clean(), "{what}: I9: {:?}", report.problems);
        let rows = db.stats().segment_rows;
        if let Some(most) = due.rows.filter(|most| rows > *most) {
            panic!(
                "{what}: I9: {rows} rows in segments of {most} written: sources beside their result"
            );
        }
        drop(db);
        let left: Vec<_> = image.files().into_keys().filter(|path| is_left(path)).collect();
        assert!(left.is_empty(), "{what}: I9: left over: {left:?}");
        let exactly = Due { least: n, most: n, ..due };
        let db = self.open(image, due, "again");
        let again = dump(&db, false);
        if again.lines != found.lines {
            let difference = self.script.difference(&again.lines, due.now, n);
            panic!("{what}: I6: opening again finds something else\n{difference}");
        }
        probe(&db, due.now).unwrap_or_else(|error| panic!("{what}: I7: a write: {error}"));
        let cut = image.after_crash(Crash::DropUnsynced);
        drop(db);
        let db = self.open(&cut, exactly, "after a write and a power cut");
        let mut kept = dump(&db, false);
        let before = kept.lines.len();
        kept.lines.retain(|line| !line.contains(PROBE));
        assert_eq!(before - kept.lines.len(), 3, "{what}: I7: a write did not survive");
        if kept.lines != found.lines {
            let difference = self.script.difference(&kept.lines, due.now, n);
            panic!("{what}: I7: writing lost something else\n{difference}");
        }
        n
    }

    /// I5, for the series that comes first after a place that depends on the image.
    fn check_index(&self, db: &Db, due: Due<'_>) {
        let what = due.what;
        let catalog = db.catalog();
        let policies = catalog.databases().flat_map(|database| {
            database.policies().iter().map(|policy| (database.name(), policy.name.as_str()))
        });
        for (database, policy) in policies {
            let view = db.view(database, Some(policy)).unwrap();
            let Some(measurement) = view.measurements().unwrap().pop() else { continue };
            let all = view.series(&measurement, &TagFilter::All).unwrap();
            let Some(series) = all.get(all.len() / 2) else { continue };
            for (key, value) in series.key().tags() {
                let filter = TagFilter::Equal { key: key.into(), value: value.into() };
                let found: Vec<String> = view
                    .series(&measurement, &filter)
                    .unwrap()
                    .iter()
                    .map(|series| series.key().to_string())
                    .collect();
                let wanted = all.iter().filter(|series| series.key().tag(key) == Some(value));
                let wanted: Vec<String> = wanted.map(|series| series.key().to_string()).collect();
                assert_eq!(found, wanted, "{what}: I5: {measurement}, {key}={value}");
            }
            for field in view.fields(&measurement) {
                let edges = [i64::MIN, due.now, i64::MAX];
                let mut folded = Partials::new(field.field_type, 2, Aggregates::ALL);
                view.fold(series, &field.name, &edges, &mut folded).unwrap();
                let mut scanned = Partials::new(field.field_type, 2, Aggregates::ALL);
                let name = [field.name.as_str()];
                for block in view.scan(series, &name, TimeRange::ALL, Direction::Descending) {
                    let block = block.unwrap();
                    for (row, at) in block.timestamps.iter().enumerate() {
                        if let Some(value) = block.columns[0].get(row) {
                            scanned.add(usize::from(*at >= due.now), *at, value);
                        }
                    }
                }
                for bucket in 0..2 {
                    let of = |p: &Partials| {
                        (p.count(bucket), p.first(bucket).map(|v| v.1), p.last(bucket).map(|v| v.1))
                    };
                    assert_eq!(
                        of(&folded),
                        of(&scanned),
                        "{what}: I5: {measurement}.{}",
                        field.name
                    );
                }
            }
        }
    }

    /// Crashes at every change that opening makes: what was found must be found again.
    fn interrupt(&mut self, image: &SimVfs, due: Due<'_>, n: usize, seed: u64) {
        image.keep_history();
        drop(self.open(image, due, "nested"));
        let moments = image.moments();
        for (at, (_, moment)) in moments.iter().enumerate() {
            let crash = Crash::ALL[(seed as usize).wrapping_add(at * 5) % Crash::ALL.len()];
            let nested = moment.after_crash_seeded(crash, seed);
            self.counts.nested += 1;
            let place = (nested.fingerprint(), due.now);
            let what = format!("{}, then change {at} of opening, {crash:?} seed {seed}", due.what);
            let exactly = Due { what: &what, least: n, most: n, ..due };
            if self.known.get(&place) == Some(&n) {
                continue;
            }
            // Its first opening is compared; the rest was checked at the same image without the crash.
            let db = self.open(&nested, exactly, "first");
            self.find(&db, exactly, "first");
            drop(db);
            self.known.insert(place, n);
        }
    }

    /// A damaged image: an error, or nothing but what was written; what is missing is missing from the end of the log.
    pub fn check_damaged(&mut self, image: &SimVfs, healthy: &SimVfs, due: Due<'_>) {
        let Due { what, least, most, now, .. } = due;
        self.counts.images += 1;
        let (files, whole) = (image.files(), healthy.files());
        let vfs = Arc::new(image.clone());
        let verified = self.script.options(now).vfs(vfs).verify_folder("/db", |_| ());
        let is_clean = verified.is_ok_and(|report| report.is_clean());
        let db = match open(image, self.script.options(now)) {
            Err(error) => {
                assert!(error.to_string().contains("/db"), "{what}: no file is named: {error}");
                assert_eq!(image.files(), files, "{what}: refused, and the folder was changed");
                self.counts.refused += 1;
                return;
            }
            Ok(db) => db,
        };
        let found = dump(&db, true);
        for cell in &found.cells {
            assert!(self.script.cells.contains(cell), "{what}: never written: {cell}");
        }
        if !found.errors.is_empty() || db.health().is_degraded() {
            assert!(!is_clean, "{what}: I9: damage that verifying did not see: {:?}", found.errors);
            self.counts.reported += 1;
        } else if self.script.prefix(&found.lines, now, least, most).is_some() {
            self.counts.right += 1;
        } else {
            let names = differing(&whole, &files);
            let shorter = self.script.prefix(&found.lines, now, 0, most);
            assert!(
                shorter.is_some() && names.iter().all(|path| may_shorten(path, &whole, &files)),
                "{what}: rows are missing, and nobody says so; damaged: {names:?}\n{}",
                self.script.difference(&found.lines, now, least)
            );
            self.counts.shortened += 1;
        }
    }
}

/// Writes a row to a database of its own: three lines.
pub fn probe(db: &Db, now: i64) -> Result<(), String> {
    db.create_database(PROBE, None).map_err(|error| error.to_string())?;
    let mut batch = Batch::new();
    let series = batch.series("probe", [("k", "v")]).unwrap();
    batch.row(series, Timestamp::from_nanos(now)).i64("n", 1);
    let writer = db.writer(PROBE, None).map_err(|error| error.to_string())?;
    writer.write(&batch).map(drop).map_err(|error| error.to_string())
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn differing<'a>(whole: &'a Files, files: &Files) -> Vec<&'a Path> {
    let differs = |(path, bytes): &(&PathBuf, &Vec<u8>)| files.get(*path) != Some(*bytes);
    whole.iter().filter(differs).map(|(path, _)| path.as_path()).collect()
}

/// Whether damage in a file may be taken for a torn end: in the last file of the log, if no whole record behind the first damaged one
/// says that that one was on the device. See `docs/format/log.md`.
fn may_shorten(path: &Path, whole: &Files, files: &Files) -> bool {
    let is_log = |path: &&PathBuf| path.extension().is_some_and(|e| e == "log");
    if whole.keys().rfind(is_log).is_none_or(|last| last != path) {
        return !is_log(&&path.to_owned()) && (path.ends_with("LOCK") || is_left(path));
    }
    let (before, after) = (&whole[path], &files[path]);
    let is_whole = |place: &Range<usize>| before.get(place.clone()) == after.get(place.clone());
    let records = records(before);
    if !is_whole(&(0..LOG_HEADER.min(before.len()))) {
        return records.is_empty();
    }
    let Some(damaged) = records.iter().find(|record| !is_whole(&record.place)) else { return true };
    let behind = records.iter().filter(|record| record.number > damaged.number);
    !behind
        .filter(|record| is_whole(&record.place))
        .any(|record| damaged.number < record.number - u64::from(record.unknown))
}

const LOG_HEADER: usize = 36;
/// Bytes of a record beside its payload.
const RECORD_HEADER: usize = 21;

/// A record of the log.
struct LogRecord {
    place: Range<usize>,
    number: u64,
    /// How many of those before it were not known to be on the device.
    unknown: u32,
}

/// The records of a file of the log that is not damaged.
fn records(bytes: &[u8]) -> Vec<LogRecord> {
    let mut records = Vec::new();
    let mut at = LOG_HEADER;
    while let Some(header) = bytes.get(at..at + RECORD_HEADER) {
        let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
        let number = u64::from(word(8)) | u64::from(word(12)) << 32;
        let end = at + RECORD_HEADER + word(0) as usize;
        records.push(LogRecord { place: at..end, number, unknown: word(16) });
        at = end;
    }
    records
}

/// Whether a file is one that was being written. That of the catalog is always the same one, and harmless.
fn is_left(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "tmp") && !path.ends_with("catalog.tmp")
}
