//! Documents: small files that a layer above keeps with the data, such as users and continuous queries.
//!
//! ```text
//! FOLDER/documents/NAME.doc
//!
//! 0           8     10    12          12+n     16+n
//! +-----------+-----+-----+-----------+--------+
//! | "SCHARTDO"| ver | 0   | content   | crc32c |
//! |  magic    | u16 | u16 | n bytes   | of all |
//! +-----------+-----+-----+-----------+--------+
//! ```
//!
//! The database knows nothing of the content but that it is whole: a document is replaced by writing another file, syncing it, renaming it
//! and syncing the folder, so that a crash leaves the old one or the new one. They are read when first asked for, and kept in memory from
//! then on. A snapshot takes them along.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::bytes::{Bad, Reader};
use crate::db::{Db, Shared};
use crate::recover::{create_synced, list_or_nothing};
use crate::vfs::Vfs;
use crate::whole::{self, Written};
use crate::{DbError, ReadError};

/// The folder of the files.
pub(crate) const FOLDER: &str = "documents";
/// How their names end, without the dot.
pub(crate) const EXTENSION: &str = "doc";
/// How the name of one ends that is being written.
const TMP: &str = ".doc.tmp";

const MAGIC: &[u8; 8] = b"SCHARTDO";
const VERSION: u16 = 1;
const CONTENT_AT: usize = MAGIC.len() + 2 + 2;
const CRC_LEN: usize = 4;
const _: () = assert!(CONTENT_AT == 12, "the drawing above and docs/format/documents.md say 12");

/// Bytes that a name may have.
const MAX_NAME: usize = 64;

/// What has been read and written so far.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    /// `None`: there is no such file.
    known: BTreeMap<String, Option<Arc<[u8]>>>,
    /// Those of which it is not known whether they are on the device, for renaming or the last sync failed.
    unsure: BTreeSet<String>,
    /// The folder is there.
    folder: bool,
}

impl Db {
    /// The content of a document; `None` if nobody ever wrote one of that name.
    ///
    /// A name has letters, digits, `-` and `_`, at most 64 of them, in lower case. Reads the file once; later calls cost a lookup.
    ///
    /// ```
    /// use stripchart_storage::{Db, DbError};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path())?;
    /// assert_eq!(db.document("notes")?, None);
    /// db.change_document("notes", |old| {
    ///     assert_eq!(old, None);
    ///     Ok::<_, DbError>(Some(b"remember".to_vec()))
    /// })?;
    /// assert_eq!(db.document("notes")?.as_deref(), Some(&b"remember"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DbError::InvalidName`]; [`DbError::File`] if the file is damaged, unreadable, or of a newer release.
    pub fn document(&self, name: &str) -> Result<Option<Arc<[u8]>>, DbError> {
        check_name(name)?;
        Ok(self.shared.documents.lock().read(&self.shared, name)?)
    }

    /// Replaces a document by what `change` makes of it; it stays as it is if that gives `None`. No other change of any document happens
    /// in between, so `change` must not call this itself.
    ///
    /// The new content is durable when this returns, whatever the [`SyncPolicy`](crate::SyncPolicy). Costs two syncs: meant for what
    /// changes rarely.
    ///
    /// # Errors
    ///
    /// What `change` gives; [`DbError::InvalidName`], [`DbError::Closed`], or [`DbError::File`]. The document is as it was then, unless
    /// renaming or the last sync failed, after which either may be found.
    pub fn change_document<E: From<DbError>>(
        &self,
        name: &str,
        change: impl FnOnce(Option<&[u8]>) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(), E> {
        check_name(name)?;
        let shared = &self.shared;
        if shared.ingest.lock().closed {
            return Err(DbError::Closed.into());
        }
        let mut documents = shared.documents.lock();
        let old = documents.read(shared, name).map_err(DbError::from)?;
        let new = match change(old.as_deref())? {
            Some(new) => Arc::from(new),
            // What is perhaps not durable must not be taken for settled.
            None => match old.filter(|_| documents.unsure.contains(name)) {
                Some(old) => old,
                None => return Ok(()),
            },
        };
        Ok(documents.write(shared, name, new).map_err(DbError::from)?)
    }
}

impl Documents {
    fn read(&mut self, shared: &Shared, name: &str) -> Result<Option<Arc<[u8]>>, ReadError> {
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        let path = path_of(&shared.root, name);
        let content = match shared.vfs().read(&path) {
            Ok(bytes) => Some(Arc::from(decode(&path, &bytes)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(ReadError::io(&path, "read", error)),
        };
        self.known.insert(name.to_owned(), content.clone());
        Ok(content)
    }

    fn write(&mut self, shared: &Shared, name: &str, content: Arc<[u8]>) -> Result<(), ReadError> {
        let (vfs, folder) = (shared.vfs(), shared.root.join(FOLDER));
        if !self.folder {
            create_synced(vfs, &shared.root, &folder)?;
            self.folder = true;
        }
        let (tmp, path) = (folder.join(format!("{name}{TMP}")), path_of(&shared.root, name));
        let written = whole::write(vfs, &tmp, &path, &encode(&content))?;
        self.known.insert(name.to_owned(), Some(content));
        match written {
            Written::Durable => {
                self.unsure.remove(name);
                Ok(())
            }
            Written::Unsure(error) => {
                // What the folder holds now decides what is true.
                self.known.remove(name);
                self.unsure.insert(name.to_owned());
                Err(error)
            }
        }
    }
}

fn check_name(name: &str) -> Result<(), DbError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(allowed) {
        return Err(DbError::InvalidName { name: name.to_owned() });
    }
    Ok(())
}

fn path_of(root: &Path, name: &str) -> PathBuf {
    root.join(FOLDER).join(format!("{name}.{EXTENSION}"))
}

fn encode(content: &[u8]) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend([0, 0]);
    out.extend(content);
    out.extend(crc32c::crc32c(&out).to_le_bytes());
    out
}

/// The content of the file at `path`.
pub(crate) fn decode<'b>(path: &Path, bytes: &'b [u8]) -> Result<&'b [u8], ReadError> {
    let bad = |bad: Bad| ReadError::corrupt(path, bad.offset as u64, bad.expected, bad.found);
    let mut reader = Reader::new(bytes);
    if reader.take(MAGIC.len()).map_err(bad)? != MAGIC {
        return Err(ReadError::corrupt(path, 0, "the magic SCHARTDO of a document", "other bytes"));
    }
    let version = reader.u16().map_err(bad)?;
    ReadError::check_version(path, version, VERSION..=VERSION)?;
    let Some(end) = bytes.len().checked_sub(CRC_LEN).filter(|end| *end >= CONTENT_AT) else {
        return Err(ReadError::corrupt(path, 0, "at least 16 bytes", bytes.len().to_string()));
    };
    let stored = Reader::new(&bytes[end..]).u32().map_err(bad)?;
    if stored != crc32c::crc32c(&bytes[..end]) {
        let found = format!("{stored:08x}");
        return Err(ReadError::corrupt(path, end as u64, "the checksum of the file", found));
    }
    Ok(&bytes[CONTENT_AT..end])
}

/// The paths of the documents in database folder `root`.
pub(crate) fn paths(vfs: &dyn Vfs, root: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let folder = root.join(FOLDER);
    let paths = list_or_nothing(vfs, &folder)?.into_iter().map(|name| folder.join(name));
    Ok(paths.filter(|path| path.extension().is_some_and(|found| found == EXTENSION)).collect())
}

/// What interrupted writing left.
pub(crate) fn leftovers(vfs: &dyn Vfs, root: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let folder = root.join(FOLDER);
    let names = list_or_nothing(vfs, &folder)?;
    Ok(names.iter().filter(|name| name.ends_with(TMP)).map(|name| folder.join(name)).collect())
}

#[cfg(test)]
mod tests;
