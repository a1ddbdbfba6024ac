//! Whether all is well, and if not, what is wrong.

use std::path::PathBuf;
use std::sync::Arc;

use crate::ReadError;
use crate::db::{Db, Shared};
use crate::quarantine::{self, Quarantined};

/// What is wrong with a database, if anything; see [`Db::health`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Health {
    /// What does not work as it should, a sentence each, the gravest first; nothing if all is well.
    pub degraded: Vec<String>,
    /// Files that were set aside because they are damaged. They stay until somebody deletes them, and with them the database counts
    /// as degraded: what they held is missing.
    pub quarantined: Vec<Quarantined>,
    /// Files in use of which a part was found to be damaged since the database was opened. The rest of them is served; what touches
    /// the damaged part is an error.
    pub damaged: Vec<Damaged>,
}

/// A file in use of which a part is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damaged {
    /// The file.
    pub path: PathBuf,
    /// What was found first.
    pub why: String,
}

impl Health {
    /// Whether something is wrong.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        !self.degraded.is_empty()
    }
}

impl Db {
    /// Whether all is well: writes taken, every file whole.
    ///
    /// Damage that nobody has come across is found by [`Db::verify`]. Lists the folder `quarantine`; otherwise cheap.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let db = stripchart_storage::Db::open(folder.path())?;
    /// assert!(!db.health().is_degraded());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        self.shared.health()
    }
}

impl Shared {
    fn health(&self) -> Health {
        let mut degraded: Vec<String> = self.commit.failure().into_iter().collect();
        degraded.extend(self.disk.reason());
        let quarantined = match quarantine::list(self.vfs(), &self.root) {
            Ok(found) => found,
            Err(error) => {
                degraded.push(stripchart_core::error_chain(&error));
                Vec::new()
            }
        };
        for file in &quarantined {
            let name = file.path.file_name().unwrap_or_default().to_string_lossy();
            degraded.push(format!("{name} is damaged and in quarantine: {}", file.why));
        }
        let damaged = self.damaged();
        degraded.extend(damaged.iter().map(|file| format!("damage was found: {}", file.why)));
        Health { degraded, quarantined, damaged }
    }

    /// Segments in use of which a part was found to be damaged.
    pub(crate) fn damaged(&self) -> Vec<Damaged> {
        let version = Arc::clone(&self.version.read());
        let segments = version.segments.values().flatten();
        let damaged = segments.filter_map(|segment| {
            let why = segment.damage()?.to_owned();
            Some(Damaged { path: segment.path.clone(), why })
        });
        damaged.collect()
    }
}

/// Whether an error says that a file is damaged, rather than that something went wrong this time.
pub(crate) fn is_damage(error: &ReadError) -> bool {
    match error {
        ReadError::Corrupt { .. } => true,
        // EIO: the device cannot read it back.
        ReadError::Io { source, .. } => cfg!(unix) && source.raw_os_error() == Some(5),
        ReadError::Version { .. } | ReadError::Cancelled => false,
    }
}
