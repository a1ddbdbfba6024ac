//! Reading a folder without opening it: what is sealed, beside a writer that may go on.
//!
//! A [`Db`](crate::Db) holds the folder's lock, so another process cannot have a second one. Segments however never change, and the file
//! `catalog` is replaced at once; whoever reads only those needs no lock and disturbs nobody. What he must bear is that
//! segments appear (by sealing) and vanish (by merging and retention) while he looks:
//!
//! ```text
//! read catalog -> list folders -> open segments -> list again -> read catalog again
//!      ^                                                                |
//!      +--- again, if a file had vanished, or the second look differs --+
//! ```
//!
//! When both looks agree, nothing came or went between them, so that the segments opened are those of one instant. From
//! then on they are held open, and stay readable when the writer removes them.

mod measure;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use self::measure::MeasurementInfo;
use crate::catalog::file;
use crate::catalog::{Catalog, PolicyId};
use crate::options::DbBuilder;
use crate::recover::{SHARDS, list_or_nothing};
use crate::segment::{SUFFIX, Segment};
use crate::tombstone::{self, Deletes, Tombstone};
use crate::vfs::{ReadMode, Vfs};
use crate::view::{View, ViewInner};
use crate::{DbError, OpenError, Quarantined, ReadError, documents, log, quarantine};

/// Looks that are taken before giving up. Each takes longer than a writer needs to replace a file, so that two or three do
/// in practice.
const LOOKS: usize = 1000;

/// The sealed part of a database, read without its lock, beside the process that writes it.
///
/// What is still in that process's memory, and so only in the log, is not in it: at most the rows of the last
/// [`seal_age`](DbBuilder::seal_age). The files of a database that was closed hold everything.
///
/// ```
/// use stripchart_core::{Precision, Timestamp};
/// use stripchart_storage::{Db, Sealed};
///
/// let folder = tempfile::tempdir()?;
/// let db = Db::open(folder.path())?;
/// db.create_database("demo", None)?;
/// db.writer("demo", None)?.write_lines(b"cpu usage=1", Precision::Seconds, Timestamp::EPOCH)?;
/// db.seal()?;
/// db.writer("demo", None)?.write_lines(b"mem used=2", Precision::Seconds, Timestamp::EPOCH)?;
///
/// let sealed = Sealed::open(folder.path())?; // `db` is still open
/// assert_eq!(sealed.view("demo", None)?.measurements()?, ["cpu"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Sealed {
    options: DbBuilder,
    root: PathBuf,
    catalog: Arc<Catalog>,
    sealed_seq: u64,
    /// By policy, by rising rank.
    segments: BTreeMap<PolicyId, Vec<Arc<Segment>>>,
    tombstones: Vec<Arc<Tombstone>>,
    damaged: Vec<Arc<ReadError>>,
}

/// A sealed file of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentInfo {
    /// The file.
    pub path: PathBuf,
    /// Its number.
    pub id: u64,
    /// The database that its rows belong to.
    pub database: String,
    /// The retention policy.
    pub policy: String,
    /// The span of time of its shard, nanoseconds: from the first, to before the second.
    pub shard: (i64, i64),
    /// Times of the first and of the last row, nanoseconds, both inside.
    pub bounds: (i64, i64),
    /// Series.
    pub series: u64,
    /// Rows, counted per series and time.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// A file of the log, as it was when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogFileInfo {
    /// The file.
    pub path: PathBuf,
    /// Bytes of it.
    pub bytes: u64,
    /// Numbers of the first and of the last record, both inside; `None` if it has none.
    pub records: Option<(u64, u64)>,
    /// Bytes after the last record: of one that is just being written, or whose writing was interrupted.
    pub torn_bytes: u64,
    /// What is wrong with it, if something is.
    pub damage: Option<String>,
}

/// What a file in a database folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// The checkpoint of the catalog.
    Catalog,
    /// Records that are perhaps in no segment yet.
    Log,
    /// Sealed rows.
    Segment,
    /// What was deleted and is in segments still.
    Tombstone,
    /// What a layer above keeps; see [`Db::document`](crate::Db::document).
    Document,
    /// The mark of the process that has the folder open.
    Lock,
    /// Files that were found damaged and put aside.
    Quarantine,
    /// Files being written, or left behind by a writing that was interrupted.
    Temporary,
    /// Anything else.
    Other,
}

/// A file in a database folder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileInfo {
    /// Its path from the folder on.
    pub path: PathBuf,
    /// What it is for.
    pub kind: FileKind,
    /// Its length.
    pub bytes: u64,
}

impl Sealed {
    /// Reads the catalog and opens the segments of the database in folder `path`, without its lock and without changing
    /// anything.
    ///
    /// Costs a look at the end of every segment. A damaged segment is no error here, but of the [view](Sealed::view) that
    /// would miss it; see [`Sealed::damaged`].
    ///
    /// # Errors
    ///
    /// [`OpenError::Missing`] if the folder is no database, [`OpenError::File`] if a file is unreadable or was written by a
    /// newer release.
    pub fn open(path: impl AsRef<Path>) -> Result<Sealed, OpenError> {
        DbBuilder::default().open_sealed(path)
    }

    /// What existed when the database sealed last.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog)
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The number of the last record of the log whose rows are sealed; later ones are not seen here.
    #[must_use]
    pub const fn sealed_seq(&self) -> u64 {
        self.sealed_seq
    }

    /// The segments whose end was damaged, so that nothing is known of them.
    #[must_use]
    pub fn damaged(&self) -> &[Arc<ReadError>] {
        &self.damaged
    }

    /// The sealed rows of a retention policy of `database`; `None` means the default one. Rows past their retention are
    /// not shown, as in [`Db::view`](crate::Db::view).
    ///
    /// # Errors
    ///
    /// [`DbError::DatabaseNotFound`], [`DbError::PolicyNotFound`]; [`DbError::File`] if a segment that may hold rows of it is
    /// damaged.
    pub fn view(&self, database: &str, policy: Option<&str>) -> Result<View, DbError> {
        let id = self.catalog.policy(database, policy)?.id;
        let folder = self.root.join(SHARDS).join(id.to_string());
        let inside = |error: &&Arc<ReadError>| error.path().starts_with(&folder);
        if let Some(error) = self.damaged.iter().find(inside) {
            let found = error.to_string();
            return Err(ReadError::corrupt(error.path(), 0, "a segment", found).into());
        }
        self.view_of_undamaged(database, policy)
    }

    /// The same, without the rows of segments that are damaged.
    ///
    /// # Errors
    ///
    /// [`DbError::DatabaseNotFound`], [`DbError::PolicyNotFound`].
    pub fn view_of_undamaged(&self, database: &str, policy: Option<&str>) -> Result<View, DbError> {
        let policy = self.catalog.policy(database, policy)?;
        Ok(View::of(Arc::new(ViewInner {
            policy: policy.id,
            horizon: policy.horizon(self.options.clock.now().nanos()),
            heads: Vec::new(),
            segments: self.segments.get(&policy.id).cloned().unwrap_or_default(),
            deletes: Deletes::of(&self.tombstones, policy.id),
            cancel: crate::Cancel::new(),
            reads: None,
            catalog: Arc::clone(&self.catalog),
        })))
    }

    /// The segments, by database, policy and time.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let mut all = Vec::new();
        for database in self.catalog.databases() {
            for policy in database.policies() {
                let from = all.len();
                for segment in self.segments.get(&policy.id).into_iter().flatten() {
                    all.push(segment_info(segment, database.name(), &policy.name));
                }
                all[from..].sort_by_key(|info: &SegmentInfo| (info.shard, info.bounds, info.id));
            }
        }
        all
    }

    /// Looks at the files of the log: which records are in them. Nothing is cut or removed.
    ///
    /// # Errors
    ///
    /// If a file cannot be read. Damage is no error but stated of the file.
    pub fn log_files(&self) -> Result<Vec<LogFileInfo>, ReadError> {
        let vfs = &*self.options.vfs;
        let folder = self.root.join(log::FOLDER);
        let numbers = log::numbers(&list_or_nothing(vfs, &folder)?);
        let mut infos = Vec::new();
        for (at, number) in numbers.iter().enumerate() {
            let path = log::path_of(&folder, *number);
            match vfs.read(&path) {
                // The writer has sealed what is in it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(ReadError::io(&path, "read", error)),
                Ok(bytes) => {
                    infos.push(log_file_info(path, *number, &bytes, at + 1 == numbers.len()));
                }
            }
        }
        Ok(infos)
    }

    /// The files that were set aside because they are damaged.
    ///
    /// # Errors
    ///
    /// If the folder that they are in cannot be read.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, ReadError> {
        quarantine::list(&*self.options.vfs, &self.root)
    }

    /// The files in the folder and their sizes, by path, those that are none of the database's too.
    ///
    /// # Errors
    ///
    /// If a folder cannot be read.
    pub fn files(&self) -> Result<Vec<FileInfo>, ReadError> {
        let mut found = Vec::new();
        walk(&*self.options.vfs, &self.root, Path::new(""), &mut found)?;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }
}

impl DbBuilder {
    /// As [`Sealed::open`], with the file system, read mode and clock of these options.
    ///
    /// # Errors
    ///
    /// See there.
    pub fn open_sealed(&self, path: impl AsRef<Path>) -> Result<Sealed, OpenError> {
        let root = path.as_ref();
        check_folder(&*self.vfs, root)?;
        let mut vanished = None;
        for _ in 0..LOOKS {
            match look(self, root) {
                Ok(Some(sealed)) => return Ok(sealed),
                Ok(None) => {}
                Err(ReadError::Io { path, op, source })
                    if source.kind() == io::ErrorKind::NotFound
                        && path.starts_with(root.join(SHARDS)) =>
                {
                    vanished = Some(ReadError::Io { path, op, source });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(vanished.unwrap_or_else(|| changing(root)).into())
    }
}

fn changing(root: &Path) -> ReadError {
    let reason = format!("the files changed during each of {LOOKS} looks");
    ReadError::io(root, "list", io::Error::new(io::ErrorKind::ResourceBusy, reason))
}

/// That a folder is a database.
pub(crate) fn check_folder(vfs: &dyn Vfs, root: &Path) -> Result<(), OpenError> {
    let names = vfs.list(root).map_err(|error| ReadError::io(root, "list", error))?;
    if names.iter().any(|name| name == file::NAME) {
        return Ok(());
    }
    Err(OpenError::Missing { path: root.to_owned() })
}

/// The files as they are now; `None` if that changed meanwhile.
fn look(options: &DbBuilder, root: &Path) -> Result<Option<Sealed>, ReadError> {
    let vfs = &*options.vfs;
    let checkpoint = file::read(vfs, root)?;
    let paths = sealed_paths(vfs, root)?;
    let (mut all, mut damaged) = (Vec::new(), Vec::new());
    for path in paths.iter().filter(|path| path.to_string_lossy().ends_with(SUFFIX)) {
        match Segment::open(vfs, path, options.read_mode) {
            Ok(segment) => all.push(Arc::new(segment)),
            Err(error @ ReadError::Corrupt { .. }) => damaged.push(Arc::new(error)),
            Err(error) => return Err(error),
        }
    }
    let tombstones = tombstone::read_all(vfs, root, &mut Vec::new())?;
    if sealed_paths(vfs, root)? != paths
        || file::read(vfs, root)?.sealed_seq != checkpoint.sealed_seq
    {
        return Ok(None);
    }
    let replaced: BTreeSet<u64> =
        all.iter().flat_map(|segment| segment.footer.replaces.iter().copied()).collect();
    let mut segments: BTreeMap<PolicyId, Vec<Arc<Segment>>> = BTreeMap::new();
    for segment in all {
        let policy = segment.footer.policy;
        if !replaced.contains(&segment.footer.id)
            && checkpoint.catalog.policy_by_id(policy).is_some()
        {
            segments.entry(policy).or_default().push(segment);
        }
    }
    for list in segments.values_mut() {
        list.sort_by_key(|segment| (segment.footer.rank, segment.footer.id));
    }
    Ok(Some(Sealed {
        options: options.clone(),
        root: root.to_owned(),
        catalog: checkpoint.catalog,
        sealed_seq: checkpoint.sealed_seq,
        segments,
        tombstones,
        damaged,
    }))
}

/// Segments and tombstones.
fn sealed_paths(vfs: &dyn Vfs, root: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let shards = root.join(SHARDS);
    let mut paths = Vec::new();
    for policy in list_or_nothing(vfs, &shards)? {
        let policy = shards.join(policy);
        for shard in list_or_nothing(vfs, &policy)? {
            let folder = policy.join(shard);
            let names = list_or_nothing(vfs, &folder)?;
            let segments = names.iter().filter(|name| name.ends_with(SUFFIX));
            paths.extend(segments.map(|name| folder.join(name)));
        }
    }
    let folder = root.join(tombstone::FOLDER);
    let names = list_or_nothing(vfs, &folder)?;
    let tombstones = names.iter().filter(|name| name.ends_with(tombstone::SUFFIX));
    paths.extend(tombstones.map(|name| folder.join(name)));
    Ok(paths)
}

fn segment_info(segment: &Segment, database: &str, policy: &str) -> SegmentInfo {
    SegmentInfo {
        path: segment.path.clone(),
        id: segment.footer.id,
        database: database.to_owned(),
        policy: policy.to_owned(),
        shard: segment.footer.shard,
        bounds: segment.footer.bounds,
        series: segment.footer.series.into(),
        rows: segment.footer.rows,
        bytes: segment.bytes,
    }
}

fn log_file_info(path: PathBuf, number: u64, bytes: &[u8], last: bool) -> LogFileInfo {
    let len = bytes.len() as u64;
    let (records, torn_bytes, damage) = match log::scan(&path, number, bytes, last) {
        Ok(found) => {
            let count = found.records.len() as u64;
            let range =
                found.first_seq.filter(|_| count > 0).map(|first| (first, first + count - 1));
            (range, len - found.valid as u64, None)
        }
        Err(error) => (None, 0, Some(error.to_string())),
    };
    LogFileInfo { path, bytes: len, records, torn_bytes, damage }
}

/// Adds the files below `root`/`folder`.
fn walk(
    vfs: &dyn Vfs,
    root: &Path,
    folder: &Path,
    found: &mut Vec<FileInfo>,
) -> Result<(), ReadError> {
    /// No folder of a database lies deeper; what does was put there by somebody else.
    const DEPTH: usize = 8;
    if folder.components().count() > DEPTH {
        return Ok(());
    }
    for name in list_or_nothing(vfs, &root.join(folder))? {
        let path = folder.join(name);
        let whole = root.join(&path);
        match vfs.list(&whole) {
            Ok(_) => walk(vfs, root, &path, found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => match vfs.open_sealed(&whole, ReadMode::Pread) {
                Ok(file) => found.push(FileInfo { kind: kind_of(&path), bytes: file.len(), path }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(ReadError::io(&whole, "open", error)),
            },
        }
    }
    Ok(())
}

fn kind_of(path: &Path) -> FileKind {
    let text = path.to_string_lossy();
    let is = |name: &str| path == Path::new(name);
    match path.components().next() {
        _ if text.ends_with(".tmp") => FileKind::Temporary,
        _ if is(file::NAME) => FileKind::Catalog,
        _ if is(crate::recover::LOCK) => FileKind::Lock,
        Some(first) if first.as_os_str() == log::FOLDER && text.ends_with(".log") => FileKind::Log,
        Some(first) if first.as_os_str() == SHARDS && text.ends_with(SUFFIX) => FileKind::Segment,
        Some(first) if first.as_os_str() == tombstone::FOLDER => FileKind::Tombstone,
        Some(first) if first.as_os_str() == documents::FOLDER => FileKind::Document,
        Some(first) if first.as_os_str() == quarantine::FOLDER => FileKind::Quarantine,
        _ => FileKind::Other,
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let segments: usize = self.segments.values().map(Vec::len).sum();
        f.debug_struct("Sealed")
            .field("root", &self.root)
            .field("sealed_seq", &self.sealed_seq)
            .field("segments", &segments)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use stripchart_core::{Batch, Sink, TimeRange, Timestamp};

    use super::*;
    use crate::{Db, Direction, SyncPolicy, TagFilter};

    fn write(db: &Db, second: i64) {
        let mut batch = Batch::new();
        for host in ["a", "b"] {
            let series = batch.series("cpu", [("host", host)]).unwrap();
            batch.row(series, Timestamp::from_secs(second)).i64("n", second);
        }
        db.writer("demo", None).unwrap().write(&batch).unwrap();
    }

    fn open(folder: &Path) -> Db {
        let db = Db::builder().sync(SyncPolicy::Never).open(folder).unwrap();
        db.create_database("demo", None).unwrap();
        db
    }

    /// The seconds that a view has of series `a`.
    fn seconds(view: &View) -> Vec<i64> {
        let mut found = Vec::new();
        for series in view.series("cpu", &TagFilter::All).unwrap().iter().take(1) {
            for block in view.scan(series, &["n"], TimeRange::ALL, Direction::Ascending) {
                found.extend(block.unwrap().timestamps.iter().map(|at| at / 1_000_000_000));
            }
        }
        found
    }

    #[test]
    fn what_is_sealed_is_seen_beside_the_open_database() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        write(&db, 1);
        let before = Sealed::open(folder.path()).unwrap();
        assert_eq!(before.catalog().databases().count(), 0, "nothing was sealed yet");
        assert_eq!(before.log_files().unwrap()[0].records, Some((1, 2)), "the database, the batch");
        db.seal().unwrap();
        write(&db, 2);
        let sealed = Sealed::open(folder.path()).unwrap();
        assert_eq!(seconds(&sealed.view("demo", None).unwrap()), [1]);
        assert_eq!(seconds(&db.view("demo", None).unwrap()), [1, 2]);
        let segments = sealed.segments();
        assert_eq!(segments.len(), 1);
        assert_eq!((segments[0].rows, segments[0].series, &*segments[0].database), (2, 2, "demo"));
        assert_eq!(segments[0].bounds, (1_000_000_000, 1_000_000_000));
        let cpu = &sealed.measurements("demo", None).unwrap()[0];
        assert_eq!((&*cpu.name, cpu.series, cpu.rows, cpu.values), ("cpu", 2, 2, 2));
        assert!(cpu.value_bytes < segments[0].bytes, "{cpu:?}");
        let kinds: Vec<FileKind> = sealed.files().unwrap().iter().map(|file| file.kind).collect();
        for kind in [FileKind::Catalog, FileKind::Lock, FileKind::Log, FileKind::Segment] {
            assert!(kinds.contains(&kind), "{kind:?} in {kinds:?}");
        }
        assert_eq!(sealed.sealed_seq(), 2);
        assert!(matches!(sealed.view("other", None), Err(DbError::DatabaseNotFound { .. })));
    }

    #[test]
    fn every_look_beside_a_busy_writer_is_of_one_instant() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        write(&db, 0);
        db.seal().unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for second in 1..120 {
                    write(&db, second);
                    db.seal().unwrap();
                    db.step(Timestamp::from_secs(second)); // merges: segments vanish
                }
                done.store(true, Ordering::Relaxed);
            });
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let sealed = Sealed::open(folder.path()).unwrap();
                let found = seconds(&sealed.view("demo", None).unwrap());
                let whole: Vec<i64> = (0..).take(found.len()).collect();
                assert_eq!(found, whole, "a segment was missed");
                assert!(found.len() >= last, "{} after {last}", found.len());
                last = found.len();
            }
        });
        let sealed = Sealed::open(folder.path()).unwrap();
        assert_eq!(seconds(&sealed.view("demo", None).unwrap()).len(), 120);
    }

    #[test]
    fn what_was_opened_stays_readable_when_the_writer_removes_it() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        write(&db, 1);
        db.seal().unwrap();
        let sealed = Sealed::open(folder.path()).unwrap();
        let view = sealed.view("demo", None).unwrap();
        db.drop_database("demo").unwrap();
        db.step(Timestamp::from_secs(10));
        assert_eq!(seconds(&view), [1]);
    }

    #[test]
    fn a_damaged_segment_is_named_and_no_row_is_missed_silently() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path());
        write(&db, 1);
        db.seal().unwrap();
        let path = Sealed::open(folder.path()).unwrap().segments()[0].path.clone();
        let mut bytes = std::fs::read(&path).unwrap();
        let end = bytes.len();
        bytes[end - 40] ^= 1;
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        let sealed = Sealed::open(folder.path()).unwrap();
        assert_eq!(sealed.damaged().len(), 1);
        let error = sealed.view("demo", None).unwrap_err();
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
        assert_eq!(seconds(&sealed.view_of_undamaged("demo", None).unwrap()), [0; 0]);
    }

    #[test]
    fn a_folder_that_is_no_database_is_said_to_be_none_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Sealed::open(folder.path()), Err(OpenError::Missing { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let missing = folder.path().join("missing");
        let error = Sealed::open(&missing).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
        assert!(!missing.exists());
    }

    #[test]
    fn a_torn_record_of_the_log_is_counted_and_left() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()));
        let path = Sealed::open(folder.path()).unwrap().log_files().unwrap()[0].path.clone();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend([7; 9]);
        std::fs::write(&path, &bytes).unwrap();
        let info = Sealed::open(folder.path()).unwrap().log_files().unwrap().remove(0);
        assert_eq!((info.records, info.torn_bytes, info.damage), (Some((1, 1)), 9, None));
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }
}
