//! Snapshots: a second folder with all that the first one has, at one moment; and the way back.
//!
//! Sealed files never change, so that a snapshot gives them a second name instead of copying them, where both folders are on one device:
//! it takes no space and milliseconds. What is in memory is sealed first. A snapshot is a database folder like any other: it may be
//! opened and written to, which does not touch the original, for files are only ever added and removed, never changed.
//!
//! The catalog is written last. Without it a folder is no database, so that a snapshot that was interrupted is not taken for one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::file::{self, Checkpoint};
use crate::db::{Db, Shared};
use crate::options::DbBuilder;
use crate::recover::{LOCK, SHARDS, create_folder, create_synced, list_or_nothing};
use crate::tombstone;
use crate::vfs::{ReadMode, SealedFile, Vfs};
use crate::{DbError, OpenError, ReadError, documents, log};

/// Bytes that are copied at a time.
const CHUNK: u64 = 1 << 20;

/// What [`Db::snapshot`] or [`restore`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SnapshotReport {
    /// Files of the new folder.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Of these bytes, those that were copied; the others are the same files under a second name, and take no space.
    pub bytes_copied: u64,
}

/// Makes folder `to` a database with all that is in folder `from`: a [snapshot](Db::snapshot), or a database that nobody has open.
///
/// `from` stays as it is. Files that never change are shared where both are on one device.
///
/// ```
/// use stripchart_core::{Precision, Timestamp};
/// use stripchart_storage::{Db, restore};
///
/// let folder = tempfile::tempdir()?;
/// let (live, backup, back) = (folder.path().join("a"), folder.path().join("b"), folder.path().join("c"));
/// let db = Db::open(&live)?;
/// db.create_database("demo", None)?;
/// db.writer("demo", None)?.write_lines(b"cpu usage=1", Precision::Seconds, Timestamp::EPOCH)?;
/// db.snapshot(&backup)?; // `db` may be written to meanwhile and afterwards
///
/// restore(&backup, &back)?;
/// assert_eq!(Db::open(&back)?.view("demo", None)?.measurements()?, ["cpu"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`OpenError::Locked`] if `from` is open, [`OpenError::Missing`] if it is no database, [`OpenError::File`] if `to` is not empty or a
/// file cannot be read or written. What was made of `to` then is no database.
pub fn restore(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<SnapshotReport, OpenError> {
    Db::builder().restore(from, to)
}

impl DbBuilder {
    /// [`restore`](crate::restore) with the file system of these options.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn restore(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
    ) -> Result<SnapshotReport, OpenError> {
        let (vfs, from, to) = (&*self.vfs, from.as_ref(), to.as_ref());
        let names = vfs.list(from).map_err(|e| ReadError::io(from, "list", e))?;
        if !names.iter().any(|name| name == file::NAME) {
            return Err(OpenError::Missing { path: from.to_owned() });
        }
        let path = from.join(LOCK);
        let _lock = if names.iter().any(|name| name == LOCK) {
            match vfs.lock(&path).map_err(|e| ReadError::io(&path, "lock", e))? {
                Ok(lock) => Some(lock),
                Err(pid) => return Err(OpenError::Locked { path: from.to_owned(), pid }),
            }
        } else {
            None
        };
        Ok(copy_folder(vfs, from, to)?)
    }
}

impl Db {
    /// Makes the folder `to`, which must be empty or missing, a database with all that was acknowledged before the call, and perhaps
    /// some of what is written meanwhile; others may go on reading and writing.
    ///
    /// Where `to` is on the same device, files get a second name and take no space until they are removed here; else they are copied.
    /// Files in quarantine are left out. See [`restore`] for the way back.
    ///
    /// # Errors
    ///
    /// [`DbError::File`] if `to` is not empty or a file cannot be read or written; what was made of `to` then is no database.
    /// [`DbError::ReadOnly`] and [`DbError::DiskFull`] if what is in memory cannot be sealed.
    pub fn snapshot(&self, to: impl AsRef<Path>) -> Result<SnapshotReport, DbError> {
        self.shared.snapshot(to.as_ref())
    }
}

impl Shared {
    fn snapshot(&self, to: &Path) -> Result<SnapshotReport, DbError> {
        let vfs = self.vfs();
        let mut target = Target::begin(vfs, to)?;
        let (version, catalog) = {
            let mut work = self.maintenance.lock();
            self.seal_holding(&mut work)?;
            (Arc::clone(&self.version.read()), self.catalog())
        };
        for segment in version.segments.values().flatten() {
            // Merged away in the meantime, it is still open.
            target.take(&self.root, &segment.path, Some(segment.file()))?;
        }
        for tombstone in version.tombstones.iter() {
            let bytes = tombstone.encode();
            let path = tombstone::path_of(Path::new(""), tombstone.rank);
            target.put(&path, &bytes)?;
        }
        target.take_documents(&self.root)?;
        // It has no log, and so begins to count anew.
        target.finish(&Checkpoint { catalog, sealed_seq: 0 })?;
        Ok(target.report)
    }
}

/// Copies what makes a database of a folder that nobody has open.
fn copy_folder(vfs: &dyn Vfs, from: &Path, to: &Path) -> Result<SnapshotReport, ReadError> {
    let checkpoint = file::read(vfs, from)?;
    let mut target = Target::begin(vfs, to)?;
    let shards = from.join(SHARDS);
    for policy in list_or_nothing(vfs, &shards)? {
        for shard in list_or_nothing(vfs, &shards.join(&policy))? {
            target.take_all(from, &Path::new(SHARDS).join(&policy).join(shard), "seg")?;
        }
    }
    target.take_all(from, Path::new(tombstone::FOLDER), "del")?;
    target.take_documents(from)?;
    for name in list_or_nothing(vfs, &from.join(log::FOLDER))? {
        // Whoever opens a folder writes the last file of its log anew, so none is shared.
        let path = Path::new(log::FOLDER).join(name);
        let bytes = vfs.read(&from.join(&path)).map_err(|e| ReadError::io(&path, "read", e))?;
        target.put(&path, &bytes)?;
    }
    target.finish(&checkpoint)?;
    Ok(target.report)
}

/// A folder that becomes a database.
struct Target<'a> {
    vfs: &'a dyn Vfs,
    root: &'a Path,
    /// Folders made so far, those above others first.
    folders: Vec<PathBuf>,
    report: SnapshotReport,
}

impl<'a> Target<'a> {
    fn begin(vfs: &'a dyn Vfs, root: &'a Path) -> Result<Self, ReadError> {
        let names = list_or_nothing(vfs, root)?;
        if let Some(name) = names.first() {
            let found = format!("the folder is not empty: it holds {name:?}");
            let error = io::Error::new(io::ErrorKind::DirectoryNotEmpty, found);
            return Err(ReadError::io(root, "fill", error));
        }
        create_folder(vfs, root)?;
        Ok(Target { vfs, root, folders: Vec::new(), report: SnapshotReport::default() })
    }

    /// The folder that `path`, from the root on, is in; made if missing.
    fn folder_of(&mut self, path: &Path) -> Result<(), ReadError> {
        let mut folders: Vec<&Path> = path.ancestors().skip(1).collect();
        // Without the root itself.
        folders.pop();
        for folder in folders.into_iter().rev() {
            let folder = self.root.join(folder);
            if !self.folders.contains(&folder) {
                create_synced(self.vfs, folder.parent().unwrap_or(self.root), &folder)?;
                self.folders.push(folder);
            }
        }
        Ok(())
    }

    /// Takes the file `path`, which never changes, from database folder `from`: links it, or copies it, from `open` if it is open.
    fn take(
        &mut self,
        from: &Path,
        path: &Path,
        open: Option<&dyn SealedFile>,
    ) -> Result<(), ReadError> {
        let relative = path.strip_prefix(from).unwrap_or(path);
        self.folder_of(relative)?;
        let to = self.root.join(relative);
        if self.vfs.hard_link(path, &to).is_ok() {
            let opened = self.vfs.open_sealed(&to, ReadMode::Pread);
            self.report.files += 1;
            self.report.bytes +=
                open.map_or_else(|| opened.map_or(0, |file| file.len()), |f| f.len());
            return Ok(());
        }
        let fresh;
        let file = match open {
            Some(file) => file,
            None => {
                let opened = self.vfs.open_sealed(path, ReadMode::Pread);
                fresh = opened.map_err(|e| ReadError::io(path, "open", e))?;
                &*fresh
            }
        };
        self.copy(path, file, &to)
    }

    fn copy(&mut self, from: &Path, file: &dyn SealedFile, to: &Path) -> Result<(), ReadError> {
        let out = self.vfs.create(to).map_err(|e| ReadError::io(to, "create", e))?;
        let mut offset = 0;
        while offset < file.len() {
            let len = CHUNK.min(file.len() - offset);
            let part = file.read(offset, usize::try_from(len).unwrap_or(0));
            let part = part.map_err(|e| ReadError::io(from, "read", e))?;
            out.append(&part).map_err(|e| ReadError::io(to, "write", e))?;
            offset += len;
        }
        out.sync().map_err(|e| ReadError::io(to, "sync", e))?;
        self.count(file.len());
        Ok(())
    }

    fn count(&mut self, copied: u64) {
        self.report.files += 1;
        self.report.bytes += copied;
        self.report.bytes_copied += copied;
    }

    /// Writes the file `path`, from the root on.
    fn put(&mut self, path: &Path, bytes: &[u8]) -> Result<(), ReadError> {
        self.folder_of(path)?;
        let to = self.root.join(path);
        let put = || {
            let file = self.vfs.create(&to)?;
            file.append(bytes)?;
            file.sync()
        };
        put().map_err(|e| ReadError::io(&to, "write", e))?;
        self.count(bytes.len() as u64);
        Ok(())
    }

    /// Takes the files of `folder`, from the root on, whose names end in `.extension`.
    fn take_all(&mut self, from: &Path, folder: &Path, extension: &str) -> Result<(), ReadError> {
        let whole = from.join(folder);
        for name in list_or_nothing(self.vfs, &whole)? {
            let path = whole.join(name);
            if path.extension().is_some_and(|found| found == extension) {
                self.take(from, &path, None)?;
            }
        }
        Ok(())
    }

    /// Takes the documents: they are replaced whole, never changed, so that they too may be linked.
    fn take_documents(&mut self, from: &Path) -> Result<(), ReadError> {
        self.take_all(from, Path::new(documents::FOLDER), documents::EXTENSION)
    }

    /// Makes all durable, then the folder a database.
    fn finish(&mut self, checkpoint: &Checkpoint) -> Result<(), ReadError> {
        for folder in self.folders.iter().rev().map(PathBuf::as_path).chain([self.root]) {
            self.vfs.sync_dir(folder).map_err(|e| ReadError::io(folder, "sync", e))?;
        }
        file::write(self.vfs, self.root, checkpoint)?.durable()?;
        let path = self.root.join(file::NAME);
        self.count(crate::quarantine::len(self.vfs, &path).unwrap_or(0));
        Ok(())
    }
}
