//! How a database is opened.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use stripchart_core::{Clock, Timestamp};

use crate::limits::Limits;
use crate::vfs::{ReadMode, RealVfs, Vfs};
use crate::{Db, OpenError};

/// When what was written is forced to the device.
///
/// Whatever the policy, a write is handed to the operating system before it is acknowledged: no end of the process
/// alone, `kill -9` included, loses anything acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncPolicy {
    /// Before every acknowledgement; writers that wait at the same time share one sync. A power cut loses nothing
    /// acknowledged.
    #[default]
    Always,
    /// Every so often, by [`Db::step`] or, without a driver, by the writer that finds it due. A power cut or a crash of
    /// the operating system loses at most what was acknowledged in that time.
    Interval(Duration),
    /// When the head is sealed. For tests and data that can be fetched again.
    Never,
}

/// Options of a database; every one has a default.
///
/// ```
/// use std::time::Duration;
/// use stripchart_storage::{Db, SyncPolicy};
///
/// let folder = tempfile::tempdir()?;
/// let db = Db::builder()
///     .sync(SyncPolicy::Interval(Duration::from_secs(1)))
///     .head_bytes(8 << 20)
///     .open(folder.path())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct DbBuilder {
    pub(crate) sync: SyncPolicy,
    pub(crate) head_bytes: usize,
    pub(crate) seal_age: Duration,
    pub(crate) log_file_bytes: u64,
    pub(crate) merge_bytes: u64,
    pub(crate) merge_step_values: u64,
    pub(crate) read_mode: ReadMode,
    pub(crate) strict: bool,
    pub(crate) min_free_bytes: Option<u64>,
    pub(crate) max_disk_bytes: Option<u64>,
    pub(crate) limits: Limits,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vfs: Arc<dyn Vfs>,
}

impl Default for DbBuilder {
    fn default() -> Self {
        DbBuilder {
            sync: SyncPolicy::Always,
            head_bytes: 32 << 20,
            seal_age: Duration::from_secs(3600),
            log_file_bytes: 4 << 20,
            merge_bytes: 8 << 20,
            merge_step_values: 2 << 20,
            read_mode: ReadMode::default(),
            strict: false,
            min_free_bytes: None,
            max_disk_bytes: None,
            limits: Limits::default(),
            vfs: Arc::new(RealVfs),
            clock: Arc::new(|| Timestamp::from(SystemTime::now())),
        }
    }
}

impl DbBuilder {
    /// When what was written is forced to the device; default [`SyncPolicy::Always`].
    #[must_use]
    pub fn sync(mut self, sync: SyncPolicy) -> Self {
        self.sync = sync;
        self
    }

    /// About how many bytes of rows are held in memory before they are sealed into a segment; default 32 MiB, at least
    /// 64 KiB.
    #[must_use]
    pub fn head_bytes(mut self, head_bytes: usize) -> Self {
        self.head_bytes = head_bytes;
        self
    }

    /// After how long rows are sealed however few there are; default one hour, at least a second.
    ///
    /// Bounds how much of the log is read when the database is opened after a crash.
    #[must_use]
    pub fn seal_age(mut self, seal_age: Duration) -> Self {
        self.seal_age = seal_age;
        self
    }

    /// At what size a new file of the log is begun; default 4 MiB, at least 4 KiB.
    #[must_use]
    pub fn log_file_bytes(mut self, log_file_bytes: u64) -> Self {
        self.log_file_bytes = log_file_bytes;
        self
    }

    /// Up to what size segments of a shard that takes rows are merged into one; default 8 MiB. Those of a shard that is over are
    /// merged up to eight times that.
    ///
    /// Merging takes memory for the blocks of one measurement of what is written: at most as much as that.
    #[must_use]
    pub fn merge_bytes(mut self, merge_bytes: u64) -> Self {
        self.merge_bytes = merge_bytes;
        self
    }

    /// About how many values one [`Db::step`] merges; default 2 Mi, which takes some hundredths of a second.
    ///
    /// After such a step merging rests for as long as it took.
    #[must_use]
    pub fn merge_step_values(mut self, merge_step_values: u64) -> Self {
        self.merge_step_values = merge_step_values.max(1);
        self
    }

    /// How segments are read; default [`ReadMode::Map`].
    #[must_use]
    pub fn read_mode(mut self, read_mode: ReadMode) -> Self {
        self.read_mode = read_mode;
        self
    }

    /// Below how many free bytes on the volume writes are refused with [`DbError::DiskFull`](crate::DbError::DiskFull); 0 never
    /// refuses any before the disk is full.
    ///
    /// Default: 256 MiB, or a fiftieth of the volume if that is less, at most a quarter of the volume. In any case at least what sealing
    /// and the log take: two of its files, and what is in memory.
    #[must_use]
    pub fn min_free_bytes(mut self, min_free_bytes: u64) -> Self {
        self.min_free_bytes = Some(min_free_bytes);
        self
    }

    /// How many bytes all files of the database may take, counted in blocks of 4 KiB; default no limit.
    ///
    /// What is over it is dropped by [`Db::step`], the oldest shard of all policies first; the newest shard of a policy is never
    /// dropped, so that it may be exceeded for a while. Files in quarantine count, and are not dropped.
    #[must_use]
    pub fn max_disk_bytes(mut self, max_disk_bytes: Option<u64>) -> Self {
        self.max_disk_bytes = max_disk_bytes;
        self
    }

    /// How many series of one database may have rows in memory at a time, that is, since they were sealed; default ten million.
    ///
    /// A series takes memory only while it has rows there, so that this bounds what a flood of new ones may take. Rows of more are
    /// refused, see [`Accepted`](stripchart_core::Accepted); those of series that are there already are not.
    #[must_use]
    pub fn max_series(mut self, max_series: usize) -> Self {
        self.limits.series = max_series;
        self
    }

    /// How many measurements a database may have, counted in each of its policies; default a million. Rows of more are refused.
    #[must_use]
    pub fn max_measurements(mut self, max_measurements: usize) -> Self {
        self.limits.measurements = max_measurements;
        self
    }

    /// How many fields a measurement may have; default a million. Rows with more are refused.
    #[must_use]
    pub fn max_fields(mut self, max_fields: usize) -> Self {
        self.limits.fields = max_fields;
        self
    }

    /// How many values a tag may have in the series of one measurement that have rows in memory, see [`DbBuilder::max_series`]; default
    /// ten million, that is, no more than there may be series. InfluxDB's default is 100 000.
    ///
    /// A row of a new series with a value beyond is refused, and named with measurement, tag and value; what has rows in memory is
    /// always written.
    #[must_use]
    pub fn max_values_per_tag(mut self, max_values_per_tag: usize) -> Self {
        self.limits.values_per_tag = max_values_per_tag;
        self
    }

    /// Whether a database with a damaged file is refused; default no.
    ///
    /// By default a segment that cannot be opened is moved to the folder `quarantine`, a damaged file of the log is copied there, and
    /// the rest is served; [`Db::health`] says what is missing. Strict, opening is an error and the folder is left as it was. In
    /// both cases a damaged catalog or tombstone is an error: without them the rest would be misread.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// The file system; default the machine's.
    #[must_use]
    pub fn vfs(mut self, vfs: Arc<dyn Vfs>) -> Self {
        self.vfs = vfs;
        self
    }

    /// Where the database learns what time it is: for retention and for the age of the head. Default: the system's clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Opens the database in folder `path`; creates it if the folder is empty or missing.
    ///
    /// # Errors
    ///
    /// See [`Db::open`]; [`OpenError::Option`] if an option makes no sense.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Db, OpenError> {
        self.check()?;
        Db::open_with(self, path.as_ref())
    }

    fn check(&self) -> Result<(), OpenError> {
        let refuse = |name, expected, found: &dyn fmt::Debug| {
            Err(OpenError::Option { name, expected, found: format!("{found:?}") })
        };
        if self.head_bytes < 64 << 10 {
            return refuse("head_bytes", "at least 65536", &self.head_bytes);
        }
        if self.seal_age < Duration::from_secs(1) {
            return refuse("seal_age", "at least 1 s", &self.seal_age);
        }
        if self.log_file_bytes < 4 << 10 {
            return refuse("log_file_bytes", "at least 4096", &self.log_file_bytes);
        }
        match self.sync {
            SyncPolicy::Interval(interval) if interval.is_zero() => {
                refuse("sync", "an interval above zero (or SyncPolicy::Always)", &interval)
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for DbBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DbBuilder")
            .field("sync", &self.sync)
            .field("head_bytes", &self.head_bytes)
            .field("seal_age", &self.seal_age)
            .field("log_file_bytes", &self.log_file_bytes)
            .finish_non_exhaustive()
    }
}
