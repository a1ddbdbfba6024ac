//! What fuzz targets and the stable test of mutations have in common: plain functions of bytes.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "not part of the library; each user calls a part"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use stripchart_core::{Batch, ManualClock, Sink, TimeRange, Timestamp};
use stripchart_storage::vfs::sim::{Crash, SimVfs};
use stripchart_storage::{
    Aggregates, Db, DbBuilder, DbError, Direction, OpenError, Partials, ReadError, TagFilter,
};

const DB: &str = "d";
/// 2026-01-01.
const NOW: i64 = 1_767_225_600_000_000_000;

/// What a file is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Log,
    Segment,
    Catalog,
    Tombstone,
}

pub const KINDS: [Kind; 4] = [Kind::Log, Kind::Segment, Kind::Catalog, Kind::Tombstone];

impl Kind {
    pub fn is(self, path: &Path) -> bool {
        let extension = match self {
            Kind::Log => "log",
            Kind::Segment => "seg",
            Kind::Tombstone => "del",
            Kind::Catalog => return path.ends_with("catalog"),
        };
        path.extension().is_some_and(|found| found == extension)
    }
}

/// Numbers that look random and follow from a seed.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % n.max(1)
    }

    pub fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap()
    }

    pub fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }
}

fn options() -> DbBuilder {
    let clock = ManualClock::new(Timestamp::from_nanos(NOW));
    Db::builder().log_file_bytes(4096).clock(move || stripchart_core::Clock::now(&clock))
}

fn open(vfs: &SimVfs) -> Result<Db, OpenError> {
    options().vfs(Arc::new(vfs.clone())).open("/db")
}

/// Every value that was ever written: measurement and series, time, field, value.
type Cells = BTreeSet<(String, i64, String, String)>;

/// Writes rows of every type, in every shape that has a codec of its own.
fn write(db: &Db, n: i64, cells: &mut Cells) {
    let mut batch = Batch::new();
    for host in ["a", "b"] {
        let series = batch.series("m", [("host", host), ("zone", "eu")]).unwrap();
        for k in 0..12 {
            let at = NOW + n * 1000 + k * 10;
            let mut row = batch.row(series, Timestamp::from_nanos(at));
            let mix = (n * 31 + k).wrapping_mul(0x2545_f491_4f6c_dd1d);
            row.field("count", n * 12 + k);
            row.field("decimal", (n * 12 + k) as f64 / 100.0);
            row.field("any", f64::from_bits(mix.cast_unsigned()));
            row.field("wide", mix.cast_unsigned());
            row.field("same", 7.25);
            if k % 3 != 0 {
                row.field("flag", k % 2 == 0);
                row.field("text", if k % 3 == 1 { "up" } else { "a longer text of its own" });
            }
        }
    }
    let single = batch.series("single", []).unwrap();
    batch.row(single, Timestamp::from_nanos(NOW - n)).i64("v", n);
    remember(&batch, cells);
    db.writer(DB, None).unwrap().write(&batch).unwrap();
}

fn remember(batch: &Batch, cells: &mut Cells) {
    for table in batch.tables() {
        for row in 0..table.row_count() {
            let key = batch.series_entry(table.series()[row]).key().to_string();
            for column in table.columns() {
                if let Some(value) = column.get(row) {
                    let value = text_of(value);
                    cells.insert((
                        key.clone(),
                        table.timestamps()[row],
                        column.name.clone(),
                        value,
                    ));
                }
            }
        }
    }
}

/// A value as text, floats by their bits.
fn text_of(value: stripchart_core::ValueRef<'_>) -> String {
    match value {
        stripchart_core::ValueRef::Float(v) => format!("float {:x}", v.to_bits()),
        other => format!("{other:?}"),
    }
}

/// A database that has all kinds of files, and what was written to it.
static GOOD: LazyLock<(SimVfs, Cells)> = LazyLock::new(|| {
    let (vfs, mut cells) = (SimVfs::new(), Cells::new());
    let db = open(&vfs).unwrap();
    db.create_database(DB, None).unwrap();
    (0..4).for_each(|n| write(&db, n, &mut cells));
    db.seal().unwrap();
    let host = TagFilter::Equal { key: "host".into(), value: "a".into() };
    let range = TimeRange::new(Timestamp::from_nanos(NOW), Timestamp::from_nanos(NOW + 30));
    db.delete(DB, None, Some("m"), &host, range).unwrap();
    (4..8).for_each(|n| write(&db, n, &mut cells));
    db.seal().unwrap();
    (8..12).for_each(|n| write(&db, n, &mut cells));
    drop(db);
    (vfs, cells)
});

/// The files of a good database.
pub fn good_files() -> BTreeMap<PathBuf, Vec<u8>> {
    GOOD.0.files()
}

/// Opens a good database one file of which has other bytes, and reads everything; `again` takes the file that comes last.
pub fn open_with(kind: Kind, bytes: &[u8], again: bool) {
    let (good, cells) = &*GOOD;
    let vfs = good.after_crash(Crash::KeepAll);
    let mut files: Vec<PathBuf> = vfs.files().into_keys().filter(|path| kind.is(path)).collect();
    let Some(file) = (if again { files.pop() } else { files.into_iter().next() }) else { return };
    vfs.plant(&file, bytes.to_vec());
    let before = vfs.files();
    match open(&vfs) {
        Err(error) => {
            assert!(error.to_string().contains("/db"), "no file is named: {error}");
            let mut after = vfs.files();
            // Taking the lock makes its file.
            after.retain(|path, _| before.contains_key(path));
            assert_eq!(after, before, "refused, and the folder was changed");
        }
        Ok(db) => {
            read_all(&db, Some(cells));
            // What was found is to be merged, and read again.
            let _ = db.seal();
            let _ = db.compact(|_| ());
            read_all(&db, Some(cells));
        }
    }
}

/// Takes bytes as changes of a file of a good database, three of them a change: where, and which byte comes there.
/// Opens it and reads everything, checksums ignored if the process has them so: decoders meet what no encoder writes.
pub fn changed(bytes: &[u8]) {
    let Some(([pick], changes)) = bytes.split_first_chunk() else { return };
    let vfs = GOOD.0.after_crash(Crash::KeepAll);
    let mut files = vfs.files();
    files.retain(|path, _| KINDS.iter().any(|kind| kind.is(path)));
    let n = usize::from(*pick) % files.len();
    let Some((path, mut content)) = files.into_iter().nth(n) else { return };
    for change in changes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % content.len();
        content[at] = change[2];
    }
    vfs.plant(&path, content);
    if let Ok(db) = open(&vfs) {
        read_all(&db, None);
    }
}

/// Reads everything in every way; what can be read was written, if that is known.
fn read_all(db: &Db, cells: Option<&Cells>) {
    match read_view(db, cells) {
        Ok(())
        | Err(
            DbError::File(_) | DbError::DatabaseNotFound { .. } | DbError::PolicyNotFound { .. },
        ) => {}
        Err(error) => panic!("{error}"),
    }
}

fn read_view(db: &Db, cells: Option<&Cells>) -> Result<(), DbError> {
    let view = db.view(DB, None)?;
    let found = |error: ReadError| DbError::File(error);
    for measurement in view.measurements().map_err(found)? {
        view.tag_keys(&measurement).map_err(found)?;
        let fields = view.fields(&measurement);
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        for series in view.series(&measurement, &TagFilter::All).map_err(found)? {
            for field in &fields {
                let mut partials = Partials::new(field.field_type, 3, Aggregates::ALL);
                let edges = [i64::MIN, NOW, NOW + 5000, i64::MAX];
                let _ = view.fold(&series, &field.name, &edges, &mut partials);
            }
            for direction in [Direction::Ascending, Direction::Descending] {
                for block in view.scan(&series, &names, TimeRange::ALL, direction) {
                    let Ok(block) = block else { continue };
                    for (row, at) in block.timestamps.iter().enumerate() {
                        for (name, column) in names.iter().zip(&block.columns) {
                            let Some(value) = column.get(row) else { continue };
                            let key = series.key().to_string();
                            let cell = (key, *at, (*name).to_owned(), text_of(value));
                            let known = cells.is_none_or(|cells| cells.contains(&cell));
                            assert!(known, "never written: {cell:?}");
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// Takes bytes as operations on a database, crashes among them, and compares it with a map.
pub fn operations(bytes: &[u8]) {
    let mut bytes = bytes.iter().copied();
    let mut vfs = SimVfs::new();
    let mut db = open(&vfs).unwrap();
    db.create_database(DB, None).unwrap();
    let mut model: BTreeMap<(u8, i64), i64> = BTreeMap::new();
    let mut n = 0;
    while let (Some(what), Some(a), Some(b)) = (bytes.next(), bytes.next(), bytes.next()) {
        match what % 12 {
            0..=5 => {
                let mut batch = Batch::new();
                for k in 0..i64::from(what / 12) + 1 {
                    let (host, at) = (a % 4, i64::from(b) + k);
                    let series = batch.series("m", [("h", host.to_string().as_str())]).unwrap();
                    batch.row(series, Timestamp::from_nanos(at)).i64("v", n);
                    model.insert((host, at), n);
                }
                n += 1;
                db.writer(DB, None).unwrap().write(&batch).unwrap();
            }
            6 => {
                let host = a % 4;
                let filter = TagFilter::Equal { key: "h".into(), value: host.to_string() };
                let (from, to) = (i64::from(b), i64::from(b) + i64::from(a));
                let range = TimeRange::new(Timestamp::from_nanos(from), Timestamp::from_nanos(to));
                db.delete(DB, None, Some("m"), &filter, range).unwrap();
                model.retain(|(h, at), _| !(*h == host && (from..to).contains(at)));
            }
            7 => db.seal().unwrap(),
            8 => drop(db.step(Timestamp::from_nanos(NOW + i64::from(a) * 1_000_000_000))),
            9 => db.compact(|_| ()).unwrap(),
            10 => {
                drop(db);
                db = open(&vfs).unwrap();
            }
            _ => {
                // Everything was synced before it was acknowledged.
                let crash = Crash::ALL[usize::from(a) % Crash::ALL.len()];
                let after = vfs.after_crash_seeded(crash, u64::from(b));
                drop(db);
                vfs = after;
                db = open(&vfs).unwrap();
            }
        }
    }
    let view = db.view(DB, None).unwrap();
    let mut found = BTreeMap::new();
    for series in view.series("m", &TagFilter::All).unwrap() {
        let host = series.key().tag("h").unwrap().parse().unwrap();
        for block in view.scan(&series, &["v"], TimeRange::ALL, Direction::Ascending) {
            let block = block.unwrap();
            for (row, at) in block.timestamps.iter().enumerate() {
                let Some(stripchart_core::ValueRef::Integer(v)) = block.columns[0].get(row) else {
                    panic!("a row without its value")
                };
                found.insert((host, *at), v);
            }
        }
    }
    assert_eq!(found, model);
}
