//! All operations on files, as a trait: the real ones, and a file system in memory that can crash.
//!
//! Files are only ever appended to or replaced by renaming, never written in the middle; that is all the trait offers.

use std::borrow::Cow;
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use crate::map;

pub mod sim;

/// A file system, as far as the database needs one.
///
/// Errors are the operating system's; the database adds the path and the operation.
pub trait Vfs: Send + Sync + fmt::Debug {
    /// Names of the entries of a folder, in no order. [`io::ErrorKind::NotFound`] if there is no such folder.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// Creates a folder whose parent exists; no error if it exists.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    fn create_dir(&self, folder: &Path) -> io::Result<()>;

    /// The content of a file.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    fn read(&self, file: &Path) -> io::Result<Vec<u8>>;

    /// Creates a file to append to; an existing one is emptied.
    ///
    /// # Errors
    ///
    /// If it cannot be created.
    fn create(&self, file: &Path) -> io::Result<Arc<dyn AppendFile>>;

    /// Opens a file that will never change again, to read parts of it.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    fn open_sealed(&self, file: &Path, mode: ReadMode) -> io::Result<Arc<dyn SealedFile>>;

    /// Gives a file another name, replacing a file of that name at once.
    ///
    /// # Errors
    ///
    /// If it cannot be renamed.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    fn remove_file(&self, file: &Path) -> io::Result<()>;

    /// Removes a folder, which must be empty.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    fn remove_dir(&self, folder: &Path) -> io::Result<()>;

    /// Forces the entries of a folder to the device.
    ///
    /// # Errors
    ///
    /// If that failed; what was forced is unknown then.
    fn sync_dir(&self, folder: &Path) -> io::Result<()>;

    /// Gives a file that will never change again a second name.
    ///
    /// # Errors
    ///
    /// If it cannot be done, as between devices: [`io::ErrorKind::CrossesDevices`] or [`io::ErrorKind::Unsupported`], which is the
    /// default. Whoever asked copies the file then.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let _ = (from, to);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// How much room there is on the volume that a folder is on; `None`, the default, if that is not known.
    ///
    /// # Errors
    ///
    /// If the system refuses to tell.
    fn free_space(&self, folder: &Path) -> io::Result<Option<Space>> {
        let _ = folder;
        Ok(None)
    }

    /// Takes the lock of a folder, a file that is created if missing; `Err(pid)` if another process, whose id is in the
    /// file, has it.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    fn lock(&self, file: &Path) -> io::Result<Result<Box<dyn FolderLock>, Option<u32>>>;
}

/// Room on a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that this process may still use.
    pub free: u64,
    /// Bytes of the volume.
    pub total: u64,
}

/// A file that is being written.
pub trait AppendFile: Send + Sync + fmt::Debug {
    /// Appends `bytes`, all of them, with one system call where that is possible.
    ///
    /// # Errors
    ///
    /// If not all could be written; any part may have been then.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Forces content and length to the device.
    ///
    /// # Errors
    ///
    /// If that failed. What was written since the last success may be lost then, whatever a later call says.
    fn sync(&self) -> io::Result<()>;
}

/// A file that will never change again.
pub trait SealedFile: Send + Sync + fmt::Debug {
    /// Bytes.
    fn len(&self) -> u64;

    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `len` bytes from `offset` on, lent where the file is in memory: for what is small and looked at again and again.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the file is shorter, or if it cannot be read.
    fn read(&self, offset: u64, len: usize) -> io::Result<Cow<'_, [u8]>>;

    /// `len` bytes from `offset` on in place of what `into` held, copied, so that they stay whatever becomes of the file.
    ///
    /// Memory is taken for bytes inside the file only. After an error `into` holds anything.
    ///
    /// # Errors
    ///
    /// As [`SealedFile::read`].
    fn read_into(&self, offset: u64, len: usize, into: &mut Vec<u8>) -> io::Result<()> {
        let bytes = self.read(offset, len)?;
        into.clear();
        into.extend_from_slice(&bytes);
        Ok(())
    }

    /// Whether what [`SealedFile::read`] lent before may be touched again: a mapped file that someone cut is not to be. Asked
    /// whenever a reader begins, and every few series.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] if the file is shorter than it was.
    fn check(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A held lock, released when dropped.
pub trait FolderLock: Send + Sync + fmt::Debug {
    /// Leaves the id of this process in the file.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    fn sign(&mut self) -> io::Result<()>;
}

/// How sealed files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ReadMode {
    /// The index is mapped into memory, where the system can: keys, and what is known of the blocks. Values are read into memory.
    ///
    /// A file that somebody cuts, and a device that cannot be read, is an error: of values always, of the index because the length is
    /// looked at before it is touched and cold parts are populated first. Two gaps remain, in which the system ends the
    /// process with `SIGBUS`: a file that is cut within the microseconds, at most the time that looking through the keys of a
    /// measurement takes, between that look and the touch; and a device that fails under index pages that were read before and that
    /// memory pressure has dropped since.
    #[default]
    Map,
    /// Read piece by piece; what is read of the index is kept in memory. Has no gap. For file systems that do not map well, such
    /// as network file systems, and where others may write to the folder.
    Pread,
}

impl SealedFile for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Cow<'_, [u8]>> {
        let range =
            usize::try_from(offset).ok().and_then(|from| Some(from..from.checked_add(len)?));
        range
            .and_then(|range| self.get(range))
            .map(Cow::Borrowed)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

/// The file system of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealVfs;

impl Vfs for RealVfs {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = std::fs::read_dir(folder)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        let mut builder = std::fs::DirBuilder::new();
        // Nobody else may truncate what is mapped.
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
            other => other,
        }
    }

    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(file)
    }

    fn create(&self, file: &Path) -> io::Result<Arc<dyn AppendFile>> {
        let file = OpenOptions::new().append(true).create(true).open(file)?;
        file.set_len(0)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open_sealed(&self, file: &Path, mode: ReadMode) -> io::Result<Arc<dyn SealedFile>> {
        map::open(file, mode)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove_file(&self, file: &Path) -> io::Result<()> {
        std::fs::remove_file(file)
    }

    fn remove_dir(&self, folder: &Path) -> io::Result<()> {
        std::fs::remove_dir(folder)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        // Elsewhere folders cannot be opened, and renaming is journalled.
        if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::hard_link(from, to)
    }

    #[cfg(unix)]
    fn free_space(&self, folder: &Path) -> io::Result<Option<Space>> {
        let found = rustix::fs::statvfs(folder)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Some(Space { free: bytes(found.f_bavail), total: bytes(found.f_blocks) }))
    }

    fn lock(&self, path: &Path) -> io::Result<Result<Box<dyn FolderLock>, Option<u32>>> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Ok(Box::new(RealLock(file)))),
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // The message is better with the id and good without.
                let _ = file.read_to_string(&mut pid);
                Ok(Err(pid.trim().parse().ok()))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[derive(Debug)]
struct RealFile(File);

impl AppendFile for RealFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[derive(Debug)]
struct RealLock(File);

impl FolderLock for RealLock {
    fn sign(&mut self) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        writeln!(self.0, "{}", std::process::id())
    }
}
