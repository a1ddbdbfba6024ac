//! What can go wrong: opening, administering, reading.

use std::error::Error;
use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Why a file of the database could not be read or written.
///
/// Every variant about a file names it; that about content carries the byte offset too, so that
/// `xxd -s OFFSET -l 64 FILE` shows the bytes in question.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The operating system refused an operation.
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was asked for: `open`, `read`, `sync`, ...
        op: &'static str,
        /// Its answer.
        source: io::Error,
    },
    /// The bytes are not what the format asks for.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What the format asks for.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The file is of a format version that this release does not read: of a newer release, or of none that was published.
    Version {
        /// The file.
        path: PathBuf,
        /// Its format version.
        found: u16,
        /// The oldest that this release reads.
        oldest: u16,
        /// The newest that this release reads.
        newest: u16,
    },
    /// The reader threw the switch, see [`Cancel`](crate::Cancel).
    Cancelled,
}

impl ReadError {
    /// An error unless this release reads files of version `found`.
    pub(crate) fn check_version(
        path: &Path,
        found: u16,
        read: RangeInclusive<u16>,
    ) -> Result<(), ReadError> {
        let (oldest, newest) = (*read.start(), *read.end());
        if read.contains(&found) {
            return Ok(());
        }
        Err(ReadError::Version { path: path.to_owned(), found, oldest, newest })
    }

    /// The file or folder in question; empty for what was cancelled.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            ReadError::Io { path, .. }
            | ReadError::Corrupt { path, .. }
            | ReadError::Version { path, .. } => path,
            ReadError::Cancelled => Path::new(""),
        }
    }

    pub(crate) fn io(path: &Path, op: &'static str, source: io::Error) -> Self {
        ReadError::Io { path: path.to_owned(), op, source }
    }

    pub(crate) fn corrupt(
        path: &Path,
        offset: u64,
        expected: &'static str,
        found: impl Into<String>,
    ) -> Self {
        ReadError::Corrupt { path: path.to_owned(), offset, expected, found: found.into() }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Cancelled => f.write_str("reading was cancelled"),
            ReadError::Io { path, op, .. } => write!(f, "{}: cannot {op}", path.display()),
            ReadError::Corrupt { path, offset, expected, found } => {
                write!(f, "{}: offset {offset}: expected {expected}, found {found}", path.display())
            }
            ReadError::Version { path, found, oldest, newest: _ } if found < oldest => write!(
                f,
                "{}: format version {found} is older than {oldest}, the oldest this release reads; \
                 export it with the release that wrote it",
                path.display()
            ),
            ReadError::Version { path, found, newest, .. } => write!(
                f,
                "{}: format version {found} is newer than {newest}, the newest this release reads; \
                 open it with a newer release",
                path.display()
            ),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ReadError::Io { source, .. } => Some(source),
            ReadError::Corrupt { .. } | ReadError::Version { .. } | ReadError::Cancelled => None,
        }
    }
}

/// Why a database could not be opened. The folder is as it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another handle of this one, has the folder open.
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process that says it holds the lock, if it could be read.
        pid: Option<u32>,
    },
    /// The folder holds files, and they are not a database's.
    Foreign {
        /// The folder.
        path: PathBuf,
        /// One of the entries.
        found: String,
    },
    /// No database is in the folder, and none was to be created.
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A file could not be read or is damaged.
    File(ReadError),
    /// An option makes no sense.
    Option {
        /// Which.
        name: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it was.
        found: String,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Locked { path, pid: Some(pid) } => write!(
                f,
                "{}: the database is open in process {pid}; stop that process or use another folder",
                path.display()
            ),
            OpenError::Locked { path, pid: None } => write!(
                f,
                "{}: the database is open in another process; stop it or use another folder",
                path.display()
            ),
            OpenError::Foreign { path, found } => write!(
                f,
                "{}: expected an empty folder or a stripchart database, found {found:?}; \
                 nothing was changed; name another folder",
                path.display()
            ),
            OpenError::Missing { path } => {
                write!(
                    f,
                    "{}: expected a stripchart database, found no file \"catalog\"",
                    path.display()
                )
            }
            OpenError::File(error) => match error {
                ReadError::Corrupt { .. } => {
                    write!(f, "{error}; nothing was changed; restore the folder from a backup")
                }
                _ => error.fmt(f),
            },
            OpenError::Option { name, expected, found } => {
                write!(f, "option {name}: expected {expected}, found {found}")
            }
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            OpenError::File(error) => error.source(),
            _ => None,
        }
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        OpenError::File(error)
    }
}

/// Why the database refused an operation. Texts about databases and policies are InfluxDB's.
#[derive(Debug)]
#[non_exhaustive]
pub enum DbError {
    /// There is no such database.
    DatabaseNotFound {
        /// The name asked for.
        name: String,
    },
    /// The database has no such retention policy.
    PolicyNotFound {
        /// The name asked for.
        name: String,
    },
    /// A retention policy of that name exists and differs.
    PolicyExists {
        /// The name.
        name: String,
    },
    /// The database exists, and its default policy differs from the one asked for.
    PolicyConflict,
    /// The only retention policy of a database cannot be dropped; drop the database.
    LastPolicy {
        /// The name.
        name: String,
    },
    /// A name that no database or policy may have.
    InvalidName {
        /// The name.
        name: String,
    },
    /// A duration that no policy may have.
    InvalidDuration {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A rollup that cannot be.
    InvalidRollup {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No writes are taken until the database is opened again.
    ReadOnly {
        /// Why.
        reason: String,
    },
    /// There is too little room on the disk to write. Reading and deleting go on, and so does writing, without further ado, once
    /// there is a quarter more than is wanted.
    DiskFull {
        /// Bytes that are free on the volume, as far as that is known.
        free: u64,
        /// Bytes that are to be free.
        wanted: u64,
    },
    /// A batch too large for one record of the log; split it.
    TooLarge {
        /// The bytes it would take.
        bytes: usize,
        /// The bytes a record may take.
        max: usize,
    },
    /// The database was closed.
    Closed,
    /// A file could not be written or read.
    File(ReadError),
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DbError::DatabaseNotFound { name } => write!(f, "database not found: {name}"),
            DbError::PolicyNotFound { name } => write!(f, "retention policy not found: {name}"),
            DbError::PolicyExists { .. } => f.write_str("retention policy already exists"),
            DbError::PolicyConflict => {
                f.write_str("retention policy conflicts with an existing policy")
            }
            DbError::LastPolicy { name } => {
                write!(
                    f,
                    "retention policy {name} is the only one of its database; drop the database"
                )
            }
            DbError::InvalidName { name } => write!(f, "invalid name: {name:?}"),
            DbError::InvalidDuration { reason } => f.write_str(reason),
            DbError::InvalidRollup { reason } => write!(f, "invalid rollup: {reason}"),
            DbError::ReadOnly { reason } => write!(f, "no writes are taken: {reason}"),
            DbError::DiskFull { free, wanted } => write!(
                f,
                "the disk is full: {free} bytes are free, {wanted} are to be; free or delete something, \
                 writing goes on by itself"
            ),
            DbError::TooLarge { bytes, max } => {
                write!(
                    f,
                    "the batch takes {bytes} bytes, more than the {max} of a record; split it"
                )
            }
            DbError::Closed => f.write_str("the database is closed"),
            DbError::File(error) => error.fmt(f),
        }
    }
}

impl Error for DbError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            DbError::File(error) => error.source(),
            _ => None,
        }
    }
}

impl From<ReadError> for DbError {
    fn from(error: ReadError) -> Self {
        DbError::File(error)
    }
}
