//! The database: a handle, its administration, and the order in which things happen.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use stripchart_core::{NextDue, Timestamp};

use crate::background::{Background, Wake};
use crate::catalog::{Catalog, Change, PolicyChange, PolicyId, PolicySpec};
use crate::commit::Commit;
use crate::disk::Disk;
use crate::documents::Documents;
use crate::head::Head;
use crate::ingest::Ingest;
use crate::maintain::Maintenance;
use crate::options::DbBuilder;
use crate::quarantine;
use crate::recover;
use crate::segment::Segment;
use crate::tombstone::Tombstone;
use crate::vfs::{FolderLock, Vfs};
use crate::view::View;
use crate::writer::Scratch;
use crate::{DbError, OpenError, Writer};

/// An open database; see the [crate](crate) for an example.
///
/// A handle: cheap to clone, usable from several threads.
#[derive(Clone)]
pub struct Db {
    pub(crate) shared: Arc<Shared>,
}

/// What all handles share.
pub(crate) struct Shared {
    pub(crate) options: DbBuilder,
    pub(crate) root: PathBuf,
    /// Taken by whoever changes something; held while a batch goes to the log and to the head, so that both have one order.
    pub(crate) ingest: Mutex<Ingest>,
    pub(crate) catalog: RwLock<Arc<Catalog>>,
    pub(crate) version: RwLock<Arc<Version>>,
    pub(crate) commit: Commit,
    /// Held by whoever seals, merges or drops segments. Taken before `ingest`.
    pub(crate) maintenance: Mutex<Maintenance>,
    /// Threads that call `step` by themselves.
    pub(crate) drivers: AtomicUsize,
    pub(crate) wake: Wake,
    pub(crate) rows_written: AtomicU64,
    pub(crate) rows_rejected: AtomicU64,
    pub(crate) last_error: Mutex<Option<String>>,
    pub(crate) disk: Disk,
    /// Shards dropped because the files took too much.
    pub(crate) shards_dropped: AtomicU64,
    /// Kept between bodies of line protocol.
    pub(crate) lines: Mutex<Option<Box<Scratch>>>,
    pub(crate) documents: Mutex<Documents>,
    _lock: Box<dyn FolderLock>,
}

/// Where rows are.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// The head that takes writes.
    pub(crate) active: Arc<Head>,
    /// Heads that take no more and are not in segments yet, oldest first.
    pub(crate) frozen: Vec<Arc<Frozen>>,
    /// By policy, by rising rank.
    pub(crate) segments: Arc<BTreeMap<PolicyId, Vec<Arc<Segment>>>>,
    /// By rising rank.
    pub(crate) tombstones: Arc<Vec<Arc<Tombstone>>>,
}

/// A head that is to become segments.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) head: Arc<Head>,
    /// The last record of the log that it covers, and the catalog after that.
    pub(crate) last_seq: u64,
    pub(crate) catalog: Arc<Catalog>,
}

impl Db {
    /// Opens the database in folder `path` with default [options](DbBuilder); creates it if the folder is empty or
    /// missing.
    ///
    /// # Errors
    ///
    /// [`OpenError::Locked`] if it is open already, [`OpenError::Foreign`] if the folder holds something else,
    /// [`OpenError::File`] if a file is damaged or unreadable. An existing folder is as it was then.
    pub fn open(path: impl AsRef<Path>) -> Result<Db, OpenError> {
        Db::builder().open(path)
    }

    /// Options, to be opened with.
    #[must_use]
    pub fn builder() -> DbBuilder {
        DbBuilder::default()
    }

    pub(crate) fn open_with(options: DbBuilder, path: &Path) -> Result<Db, OpenError> {
        let found = recover::open(&options, path)?;
        let now = options.clock.now().nanos();
        let (file, seq) = (Arc::clone(&found.log.file), found.log.next_seq - 1);
        let recovered = found.head.inner.read().rows > 0;
        let version = Version {
            active: Arc::new(found.head),
            frozen: Vec::new(),
            segments: Arc::new(found.segments),
            tombstones: Arc::new(found.tombstones),
        };
        let mut maintenance = Maintenance::new(found.next_segment, now);
        version.tombstones.iter().for_each(|tombstone| maintenance.purge.expect(tombstone));
        maintenance.purge.removed(found.folders);
        let shared = Shared {
            options,
            root: path.to_owned(),
            ingest: Mutex::new(Ingest::new(found.log, recovered.then_some(now))),
            catalog: RwLock::new(found.catalog),
            version: RwLock::new(Arc::new(version)),
            commit: Commit::new(file, seq),
            maintenance: Mutex::new(maintenance),
            drivers: AtomicUsize::new(0),
            wake: Wake::default(),
            rows_written: AtomicU64::new(0),
            rows_rejected: AtomicU64::new(0),
            last_error: Mutex::default(),
            disk: Disk::default(),
            shards_dropped: AtomicU64::new(0),
            lines: Mutex::default(),
            documents: Mutex::default(),
            _lock: found.lock,
        };
        let shared = Arc::new(shared);
        if found.seal {
            // If that fails the same is found, and done, at the next opening.
            let _ = shared.seal();
        }
        Ok(Db { shared })
    }

    /// What exists now.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        self.shared.catalog()
    }

    /// Creates database `name` with one retention policy, which becomes its default: `policy`, or `autogen`.
    ///
    /// As in InfluxDB, nothing happens if the database exists, unless a policy is named and its default differs.
    ///
    /// # Errors
    ///
    /// [`DbError::InvalidName`], [`DbError::InvalidDuration`], [`DbError::PolicyConflict`], or a failure of the log.
    pub fn create_database(&self, name: &str, policy: Option<PolicySpec>) -> Result<(), DbError> {
        self.shared.change(&Change::CreateDatabase { name: name.to_owned(), policy })
    }

    /// Drops database `name` and its data; nothing happens if there is none.
    ///
    /// # Errors
    ///
    /// A failure of the log.
    pub fn drop_database(&self, name: &str) -> Result<(), DbError> {
        self.shared.change(&Change::DropDatabase { name: name.to_owned() })
    }

    /// Creates a retention policy; nothing happens if an equal one exists.
    ///
    /// # Errors
    ///
    /// [`DbError::DatabaseNotFound`], [`DbError::PolicyExists`] if one of that name differs, [`DbError::InvalidName`],
    /// [`DbError::InvalidDuration`], or a failure of the log.
    pub fn create_retention_policy(&self, database: &str, spec: PolicySpec) -> Result<(), DbError> {
        self.shared.change(&Change::CreatePolicy { database: database.to_owned(), spec })
    }

    /// Changes a retention policy.
    ///
    /// # Errors
    ///
    /// [`DbError::DatabaseNotFound`], [`DbError::PolicyNotFound`], [`DbError::InvalidDuration`], or a failure of the log.
    pub fn alter_retention_policy(
        &self,
        database: &str,
        name: &str,
        change: PolicyChange,
    ) -> Result<(), DbError> {
        let (database, name) = (database.to_owned(), name.to_owned());
        self.shared.change(&Change::AlterPolicy { database, name, change })
    }

    /// Drops a retention policy and its data; nothing happens if there is none of that name. If it was the default, the
    /// oldest remaining becomes it.
    ///
    /// # Errors
    ///
    /// [`DbError::DatabaseNotFound`], [`DbError::LastPolicy`], or a failure of the log.
    pub fn drop_retention_policy(&self, database: &str, name: &str) -> Result<(), DbError> {
        let (database, name) = (database.to_owned(), name.to_owned());
        self.shared.change(&Change::DropPolicy { database, name })
    }

    /// Keeps the rows of `policy` of `database` (`None` means the default one), aggregated over spans of `every_ns`
    /// nanoseconds, in the policy called `into`; nothing happens if that is so already.
    ///
    /// Each field `f` becomes `count_f`, `min_f`, `max_f`, `sum_f`, `first_f` and `last_f`, as InfluxQL names them; fields
    /// that are no numbers have no `min_f`, `max_f` and `sum_f`. What exists is rolled up too. It is [`Db::step`] that does
    /// it, when rows have been sealed. A policy may be rolled up into several others; read through [`Db::rolled_view`].
    ///
    /// # Errors
    ///
    /// [`DbError::DatabaseNotFound`], [`DbError::PolicyNotFound`], [`DbError::InvalidRollup`], or a failure of the log.
    pub fn create_rollup(
        &self,
        database: &str,
        policy: Option<&str>,
        into: &str,
        every_ns: i64,
    ) -> Result<(), DbError> {
        self.shared.change(&Change::CreateRollup {
            database: database.to_owned(),
            policy: policy.map(str::to_owned),
            into: into.to_owned(),
            every_ns,
        })
    }

    /// Stops rolling `policy` of `database` up into `into`; what is there stays.
    ///
    /// # Errors
    ///
    /// [`DbError::DatabaseNotFound`], [`DbError::PolicyNotFound`], or a failure of the log.
    pub fn drop_rollup(
        &self,
        database: &str,
        policy: Option<&str>,
        into: &str,
    ) -> Result<(), DbError> {
        let (policy, into) = (policy.map(str::to_owned), into.to_owned());
        self.shared.change(&Change::DropRollup { database: database.to_owned(), policy, into })
    }

    /// A writer to a retention policy of `database`; `None` means the default one.
    ///
    /// # Errors
    ///
    /// [`DbError::DatabaseNotFound`], [`DbError::PolicyNotFound`].
    pub fn writer(&self, database: &str, policy: Option<&str>) -> Result<Writer, DbError> {
        let id = self.catalog().policy(database, policy)?.id;
        Ok(Writer::new(Arc::clone(&self.shared), id))
    }

    /// A consistent snapshot of a retention policy of `database`; `None` means the default one.
    ///
    /// # Errors
    ///
    /// [`DbError::DatabaseNotFound`], [`DbError::PolicyNotFound`].
    pub fn view(&self, database: &str, policy: Option<&str>) -> Result<View, DbError> {
        loop {
            let version = Arc::clone(&self.shared.version.read());
            let id = self.catalog().policy(database, policy)?.id;
            // The version before the catalog: fields of rows in the one are then in the other.
            let mut inner = version.view(id, Arc::default(), i64::MIN);
            inner.catalog = self.catalog();
            let policy = inner.catalog.policy(database, policy)?;
            inner.horizon = policy.horizon(self.shared.options.clock.now().nanos());
            // A measurement that was dropped in between would have rows and no fields.
            let unchanged = Arc::ptr_eq(&version, &self.shared.version.read());
            if unchanged && policy.id == id {
                return Ok(View::of(Arc::new(inner)));
            }
        }
    }
}

impl Db {
    /// Does the background work that is due at `now`: sync by interval, sealing by size and age, merging, retention.
    ///
    /// Whoever embeds the database calls this when the answer says, or [`Db::spawn`]s a thread that does. Without either a
    /// write seals when memory is full, and data past its retention is invisible but stays on disk. Failures are kept in
    /// [`DbStats::last_error`], for there is nobody to be told, and tried again at the next step. What is written after
    /// the answer may be due earlier: under [`SyncPolicy::Interval`](crate::SyncPolicy::Interval) within the interval.
    pub fn step(&self, now: Timestamp) -> NextDue {
        self.shared.step(now.nanos())
    }

    /// Starts one thread, named `stripchart-db`, that calls [`Db::step`] when something is due; it ends when the answer
    /// is dropped. On Linux it lets others of the host go first (`nice` 10).
    ///
    /// # Errors
    ///
    /// The system's, if it gives no thread.
    pub fn spawn(&self) -> std::io::Result<Background> {
        Background::spawn(Arc::clone(&self.shared))
    }

    /// Seals what is in memory and refuses writes from then on; reading goes on. Closing twice is no error.
    ///
    /// # Errors
    ///
    /// A failure of a file; what was acknowledged is in the log nevertheless.
    pub fn close(&self) -> Result<(), DbError> {
        self.shared.ingest.lock().closed = true;
        self.shared.commit.sync_all()?;
        self.shared.seal()
    }

    /// Forces what was acknowledged to the device, whatever the [`SyncPolicy`](crate::SyncPolicy): for whoever is about to rely on it.
    ///
    /// # Errors
    ///
    /// [`DbError::ReadOnly`] if that fails, or has failed before.
    pub fn sync(&self) -> Result<(), DbError> {
        self.shared.commit.sync_all()
    }

    /// Seals what is in memory: afterwards it is in segments, and the log is empty.
    ///
    /// Nobody needs to call this; it is for tests, and before a copy of the folder is made.
    ///
    /// # Errors
    ///
    /// A failure of a file; what was acknowledged is in the log nevertheless.
    pub fn seal(&self) -> Result<(), DbError> {
        self.shared.seal()
    }

    /// Figures about the database, at this moment.
    #[must_use]
    pub fn stats(&self) -> DbStats {
        let shared = &self.shared;
        let (log_files, log_bytes) = {
            let ingest = shared.ingest.lock();
            let files = &ingest.log.files;
            (files.len() as u64, files.iter().map(|file| file.bytes).sum())
        };
        let mut stats = DbStats {
            log_files,
            log_bytes,
            syncs: shared.commit.syncs(),
            rows_written: shared.rows_written.load(Ordering::Relaxed),
            rows_rejected: shared.rows_rejected.load(Ordering::Relaxed),
            read_only: shared.commit.failure().or_else(|| shared.disk.reason()),
            last_error: shared.last_error.lock().clone(),
            ..DbStats::default()
        };
        stats.disk_bytes = shared.disk_bytes();
        stats.max_disk_bytes = shared.options.max_disk_bytes;
        stats.shards_dropped = shared.shards_dropped.load(Ordering::Relaxed);
        stats.quarantined =
            quarantine::list(shared.vfs(), &shared.root).map_or(0, |files| files.len() as u64);
        stats.damaged = shared.damaged().len() as u64;
        let version = Arc::clone(&shared.version.read());
        stats.tombstones = version.tombstones.len() as u64;
        let heads = version.frozen.iter().map(|frozen| &frozen.head).chain([&version.active]);
        for head in heads {
            let head = head.inner.read();
            stats.head_rows += head.rows;
            stats.head_series += head.series_count() as u64;
            stats.head_bytes += head.bytes as u64;
        }
        for segment in version.segments.values().flatten() {
            stats.segments += 1;
            stats.segment_rows += segment.footer.rows;
            stats.segment_bytes += segment.bytes;
        }
        stats
    }
}

/// Figures about a database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DbStats {
    /// Rows in memory.
    pub head_rows: u64,
    /// Series in memory.
    pub head_series: u64,
    /// About the bytes that those take.
    pub head_bytes: u64,
    /// Segment files.
    pub segments: u64,
    /// Rows in them, counted per series and time; those written twice may count twice.
    pub segment_rows: u64,
    /// Bytes of them.
    pub segment_bytes: u64,
    /// Files of the log.
    pub log_files: u64,
    /// Bytes of them.
    pub log_bytes: u64,
    /// Times that the log was forced to the device since the database was opened.
    pub syncs: u64,
    /// Rows written since the database was opened.
    pub rows_written: u64,
    /// Rows, or fields of rows, refused since the database was opened.
    pub rows_rejected: u64,
    /// Why no writes are taken, if so.
    pub read_only: Option<String>,
    /// What went wrong last in the background.
    pub last_error: Option<String>,
    /// Bytes that all files of the folder take, in blocks of 4 KiB.
    pub disk_bytes: u64,
    /// How many they may take.
    pub max_disk_bytes: Option<u64>,
    /// Shards dropped since the database was opened, because they took more.
    pub shards_dropped: u64,
    /// Deletes whose rows are not purged yet.
    pub tombstones: u64,
    /// Files that were set aside because they are damaged; see [`Db::health`].
    pub quarantined: u64,
    /// Segments in use of which a part was found to be damaged.
    pub damaged: u64,
}

impl Shared {
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read())
    }

    pub(crate) fn vfs(&self) -> &dyn Vfs {
        &*self.options.vfs
    }

    /// Puts another version in the place of the present one.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut Version)) {
        let mut version = self.version.write();
        let mut next = Version::clone(&version);
        change(&mut next);
        *version = Arc::new(next);
    }
}

impl Drop for Shared {
    /// Best effort: what was acknowledged has reached the system, and this brings it to the device.
    fn drop(&mut self) {
        let _ = self.commit.sync_all();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("root", &self.root).finish_non_exhaustive()
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("root", &self.shared.root).finish_non_exhaustive()
    }
}
