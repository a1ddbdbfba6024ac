//! Writing a small file whole: under another name, synced, renamed, its folder synced.
//!
//! A failure is one of two kinds, and who mistakes one for the other loses data: until the renaming nothing has happened; from
//! then on the file may be there, now or after a power cut, and everything that it refers to must be left alone.

use std::path::Path;

use crate::ReadError;
use crate::vfs::Vfs;

/// What became of a file that was written.
#[derive(Debug)]
#[must_use]
pub(crate) enum Written {
    /// It is on the device under its name.
    Durable,
    /// It may be there, or not: renaming it or syncing its folder failed.
    Unsure(ReadError),
}

impl Written {
    /// An error if it is not known to be durable.
    pub(crate) fn durable(self) -> Result<(), ReadError> {
        match self {
            Written::Durable => Ok(()),
            Written::Unsure(error) => Err(error),
        }
    }
}

/// Puts `bytes` into `path` by way of `tmp` in the same folder. After an `Err` the file is as it was.
pub(crate) fn write(
    vfs: &dyn Vfs,
    tmp: &Path,
    path: &Path,
    bytes: &[u8],
) -> Result<Written, ReadError> {
    let put = || {
        let file = vfs.create(tmp).map_err(|e| ReadError::io(tmp, "create", e))?;
        file.append(bytes).map_err(|e| ReadError::io(tmp, "write", e))?;
        file.sync().map_err(|e| ReadError::io(tmp, "sync", e))
    };
    put().inspect_err(|_| drop(vfs.remove_file(tmp)))?;
    if let Err(error) = vfs.rename(tmp, path) {
        return Ok(Written::Unsure(ReadError::io(tmp, "rename", error)));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(match vfs.sync_dir(folder) {
        Ok(()) => Written::Durable,
        Err(error) => Written::Unsure(ReadError::io(folder, "sync", error)),
    })
}
