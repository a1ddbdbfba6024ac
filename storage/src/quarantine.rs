//! Files that are damaged: set aside, never deleted, and named to whoever asks.
//!
//! ```text
//! FOLDER/quarantine/shards+POLICY+START_END+NNNNNNNNNNNNNNNN.seg    where it was, with + for /
//!                                                                   (or a link to it, if a repair has put what can be read in its place)
//! FOLDER/quarantine/log+NNNNNNNNNNNNNNNN.log                        a copy: what can be read of the original is in use
//! FOLDER/quarantine/NAME.why                                        text: what is wrong with it
//! ```
//!
//! Nothing in this folder is ever read as data. Who has looked into it may delete it.

use std::path::{Path, PathBuf};

use crate::ReadError;
use crate::recover::{create_synced, list_or_nothing};
use crate::vfs::{ReadMode, Vfs};
use crate::whole;

/// The folder.
pub(crate) const FOLDER: &str = "quarantine";
const WHY: &str = ".why";

/// A file that was set aside because it is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quarantined {
    /// Where it is now; of a file that is missing, where it would be.
    pub path: PathBuf,
    /// Bytes of it.
    pub bytes: u64,
    /// What is wrong with it; empty if that was not written down.
    pub why: String,
}

/// A file that was found to be damaged while the folder was opened.
#[derive(Debug)]
pub(crate) struct Damage {
    pub(crate) path: PathBuf,
    pub(crate) why: String,
    pub(crate) keep: Keep,
}

/// What is kept of a damaged file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// It is moved.
    File,
    /// It is copied: part of the original is in use.
    Copy,
    /// It is not there any more; only that is written down.
    Nothing,
}

/// Sets `damage` aside, durably. A copy that is there already is left as it is.
pub(crate) fn set_aside(vfs: &dyn Vfs, root: &Path, damage: &Damage) -> Result<(), ReadError> {
    let folder = root.join(FOLDER);
    create_synced(vfs, root, &folder)?;
    let name = name_of(root, &damage.path);
    let names = list_or_nothing(vfs, &folder)?;
    if damage.keep != Keep::File && names.contains(&format!("{name}{WHY}")) {
        return Ok(());
    }
    let taken = |name: &String| names.contains(name);
    let free = (2..).map(|n| format!("{name}.{n}"));
    let Some(name) = std::iter::once(name.clone()).chain(free).find(|name| !taken(name)) else {
        return Ok(());
    };
    // The reason first: a file without one would be a riddle.
    let path = folder.join(&name);
    let why = folder.join(format!("{name}{WHY}"));
    whole::write(vfs, &folder.join("why.tmp"), &why, damage.why.as_bytes())?.durable()?;
    match damage.keep {
        Keep::File => {}
        Keep::Copy => {
            let from = &damage.path;
            let bytes = vfs.read(from).map_err(|e| ReadError::io(from, "read", e))?;
            return whole::write(vfs, &folder.join("copy.tmp"), &path, &bytes)?.durable();
        }
        Keep::Nothing => return Ok(()),
    }
    vfs.rename(&damage.path, &path).map_err(|e| ReadError::io(&damage.path, "rename", e))?;
    vfs.sync_dir(&folder).map_err(|e| ReadError::io(&folder, "sync", e))?;
    let from = damage.path.parent().unwrap_or(root);
    vfs.sync_dir(from).map_err(|e| ReadError::io(from, "sync", e))
}

/// Keeps a segment that is about to be replaced by what can be read of it, durably: where it will be found. Costs no room where the file system
/// has links, and does not read what perhaps cannot be read.
pub(crate) fn keep(
    vfs: &dyn Vfs,
    root: &Path,
    from: &Path,
    why: &str,
) -> Result<PathBuf, ReadError> {
    let folder = root.join(FOLDER);
    create_synced(vfs, root, &folder)?;
    let name = name_of(root, from);
    let path = folder.join(&name);
    // Numbers of segments are not used again: a repair that was interrupted has kept it already.
    if list_or_nothing(vfs, &folder)?.contains(&name) {
        return Ok(path);
    }
    let reason = folder.join(format!("{name}{WHY}"));
    whole::write(vfs, &folder.join("why.tmp"), &reason, why.as_bytes())?.durable()?;
    if vfs.hard_link(from, &path).is_ok() {
        vfs.sync_dir(&folder).map_err(|e| ReadError::io(&folder, "sync", e))?;
        return Ok(path);
    }
    let bytes = vfs.read(from).map_err(|e| ReadError::io(from, "read", e))?;
    whole::write(vfs, &folder.join("copy.tmp"), &path, &bytes)?.durable()?;
    Ok(path)
}

/// What a file is called in quarantine.
fn name_of(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("+")
}

pub(crate) fn len(vfs: &dyn Vfs, path: &Path) -> std::io::Result<u64> {
    Ok(vfs.open_sealed(path, ReadMode::Pread)?.len())
}

/// What is in quarantine, sorted by name.
pub(crate) fn list(vfs: &dyn Vfs, root: &Path) -> Result<Vec<Quarantined>, ReadError> {
    let folder = root.join(FOLDER);
    let mut found = Vec::new();
    let names = list_or_nothing(vfs, &folder)?;
    for name in &names {
        // A reason alone stands for a file that is missing.
        let file = name.strip_suffix(WHY).unwrap_or(name);
        let is_reason = file.len() < name.len();
        if is_reason && names.iter().any(|name| name == file) || name.ends_with(".tmp") {
            continue;
        }
        let path = folder.join(file);
        // Neither is worth failing for.
        let bytes = if is_reason { Ok(0) } else { len(vfs, &path) }.unwrap_or(0);
        let why = vfs.read(&folder.join(format!("{file}{WHY}"))).unwrap_or_default();
        let why = String::from_utf8_lossy(&why).into_owned();
        found.push(Quarantined { path, bytes, why });
    }
    Ok(found)
}
