//! The database: a handle, its administration, and the order in which things happen.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use stripchart_core::{Accepted, Batch, Timestamp};

use crate::background::Background;
use crate::catalog::{Catalog, Change, PolicyChange, PolicyId, PolicySpec};
use crate::head::Head;
use crate::options::{DbBuilder, SyncPolicy};
use crate::plan::Plan;
use crate::view::{View, ViewInner};
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
    /// Threads that call `step`.
    pub(crate) drivers: AtomicUsize,
}

/// What only one writer at a time has.
#[derive(Debug, Default)]
pub(crate) struct Ingest {
    closed: bool,
    slots: Vec<Option<u32>>,
}

/// Where rows are.
#[derive(Debug)]
pub(crate) struct Version {
    /// The head that takes writes.
    pub(crate) active: Arc<Head>,
}

/// When [`Db::step`] has something to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextDue {
    /// The instant; `None` if nothing is due before something is written.
    pub at: Option<Timestamp>,
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
        let shared = Shared {
            options,
            root: path.to_owned(),
            ingest: Mutex::default(),
            catalog: RwLock::default(),
            drivers: AtomicUsize::new(0),
            version: RwLock::new(Arc::new(Version { active: Arc::new(Head::new(1)) })),
        };
        Ok(Db { shared: Arc::new(shared) })
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
        // The version before the catalog: fields of rows in the one are then in the other.
        let version = Arc::clone(&self.shared.version.read());
        let limit = version.active.inner.read().batches;
        let catalog = self.catalog();
        let policy = catalog.policy(database, policy)?;
        let horizon = policy.horizon(self.shared.options.clock.now().nanos());
        let heads = vec![(Arc::clone(&version.active), limit)];
        Ok(View::new(ViewInner {
            policy: policy.id,
            horizon,
            heads,
            catalog: Arc::clone(&catalog),
        }))
    }
}

impl Db {
    /// Does the background work that is due at `now`: sync by interval, sealing by size and age, retention.
    ///
    /// Whoever embeds the database calls this when the answer says, or [`Db::spawn`]s a thread that does. Failures are
    /// kept in [`DbStats::last_error`], for there is nobody to be told.
    pub fn step(&self, now: Timestamp) -> NextDue {
        let _ = now;
        NextDue { at: None }
    }

    /// Starts one thread, named `stripchart-db`, that calls [`Db::step`] when something is due; it ends when the answer
    /// is dropped.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no thread.
    pub fn spawn(&self) -> std::io::Result<Background> {
        Background::spawn(self.clone())
    }

    /// Seals what is in memory and refuses writes from then on; reading goes on. Closing twice is no error.
    ///
    /// # Errors
    ///
    /// A failure of a file; what was acknowledged is in the log nevertheless.
    pub fn close(&self) -> Result<(), DbError> {
        self.shared.ingest.lock().closed = true;
        Ok(())
    }

    /// Figures about the database, at this moment.
    #[must_use]
    pub fn stats(&self) -> DbStats {
        DbStats::default()
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
}

impl Shared {
    /// Announces that somebody drives the background work, until the answer is dropped.
    pub(crate) fn driver(&self) -> Driven<'_> {
        self.drivers.fetch_add(1, Ordering::Relaxed);
        Driven(&self.drivers)
    }

    /// How long a driver may sleep at most.
    pub(crate) fn longest_nap(&self) -> Duration {
        match self.options.sync {
            SyncPolicy::Interval(interval) => interval,
            SyncPolicy::Always | SyncPolicy::Never => Duration::from_secs(60),
        }
    }
}

/// Somebody drives the background work.
pub(crate) struct Driven<'a>(&'a AtomicUsize);

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared {
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read())
    }

    pub(crate) fn change(&self, change: &Change) -> Result<(), DbError> {
        let ingest = self.ingest.lock();
        if ingest.closed {
            return Err(DbError::Closed);
        }
        if let Some(next) = self.catalog().after(change)? {
            *self.catalog.write() = Arc::new(next);
        }
        Ok(())
    }

    pub(crate) fn write(&self, policy: PolicyId, batch: &Batch) -> Result<Accepted, DbError> {
        let mut ingest = self.ingest.lock();
        if ingest.closed {
            return Err(DbError::Closed);
        }
        let catalog = self.catalog();
        let retention = catalog
            .policy_by_id(policy)
            .ok_or_else(|| DbError::PolicyNotFound { name: format!("#{policy}, dropped") })?;
        let horizon = retention.horizon(self.options.clock.now().nanos());
        let plan = Plan::new(&catalog, policy, batch, horizon);
        if let Some(next) = plan.catalog_after(&catalog, policy) {
            *self.catalog.write() = Arc::new(next);
        }
        let head = Arc::clone(&self.version.read().active);
        let mut slots = std::mem::take(&mut ingest.slots);
        slots.clear();
        let mut inner = head.inner.write();
        for (table, plan) in batch.tables().zip(&plan.tables) {
            inner.resolve(head.generation, policy, batch, table, plan, &mut slots);
        }
        inner.apply(policy, batch, &plan, &slots);
        drop(inner);
        ingest.slots = slots;
        Ok(Accepted { rows: plan.rows, rejected: plan.rejected })
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
