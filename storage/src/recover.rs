//! Opening a folder: look, read, and only then change anything.
//!
//! ```text
//! FOLDER/LOCK                          held while the database is open; holds the process id
//! FOLDER/catalog                       checkpoint of the catalog; its presence makes the folder a database
//! FOLDER/log/NNNNNNNNNNNNNNNN.log      the log, from the first record that no segment covers
//! FOLDER/shards/POLICY/START_END/NNNNNNNNNNNNNNNN.seg
//! FOLDER/tombstones/NNNNNNNNNNNNNNNN.del   what was deleted and is in segments still
//! FOLDER/documents/NAME.doc                what a layer above keeps; read when asked for
//! FOLDER/quarantine/                      what is damaged
//! ```
//!
//! All that can be refused is refused before the first change, so that a folder which is not opened is as it was. Recovery
//! can be interrupted anywhere and begun again: replaying a record twice, or one whose rows are in a segment already, writes
//! the same values over themselves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::file::{self, Checkpoint};
use crate::catalog::{Catalog, PolicyId};
use crate::disk::{RESERVE, is_full};
use crate::documents;
use crate::head::Head;
use crate::health::is_damage;
use crate::log::{self, Log, LogFile};
use crate::options::DbBuilder;
use crate::quarantine::{self, Damage, Keep};
use crate::segment::{SUFFIX, Segment};
use crate::tombstone::{self, Tombstone};
use crate::vfs::{FolderLock, Vfs};
use crate::{OpenError, ReadError};

/// The file whose lock is taken.
pub(crate) const LOCK: &str = "LOCK";
/// The folder of the segments.
pub(crate) const SHARDS: &str = "shards";

/// What opening found.
pub(crate) struct Recovered {
    pub(crate) lock: Box<dyn FolderLock>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) head: Head,
    pub(crate) segments: BTreeMap<PolicyId, Vec<Arc<Segment>>>,
    pub(crate) tombstones: Vec<Arc<Tombstone>>,
    /// All folders that segments are in or were in lately.
    pub(crate) folders: Vec<PathBuf>,
    pub(crate) log: Log,
    pub(crate) next_segment: u64,
    /// Whether the log has gaps: it is to be sealed, so that what remains of it is whole.
    pub(crate) seal: bool,
}

/// Opens or creates the database in `root`.
pub(crate) fn open(options: &DbBuilder, root: &Path) -> Result<Recovered, OpenError> {
    let vfs = &*options.vfs;
    let names = match vfs.list(root) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(ReadError::io(root, "list", error).into()),
    };
    let exists = check_folder(root, &names)?;
    if exists {
        file::read(vfs, root)?;
    } else {
        create_folder(vfs, root)?;
    }
    let mut lock = take_lock(vfs, root)?;
    if !exists {
        file::write(vfs, root, &Checkpoint::default())?.durable()?;
    }
    // Again: whoever held the lock until now may have replaced it.
    let checkpoint = file::read(vfs, root)?;
    let mut found = Found::new(checkpoint, options.strict);
    found.remove.extend(names.iter().filter(|name| *name == RESERVE).map(|name| root.join(name)));
    found.read_log(vfs, &root.join(log::FOLDER))?;
    found.read_segments(options, &root.join(SHARDS))?;
    found.read_tombstones(vfs, root)?;
    found.remove.extend(documents::leftovers(vfs, root)?);
    // From here on nothing is refused any more.
    for damage in &found.damage {
        match quarantine::set_aside(vfs, root, damage) {
            // The next opening does it.
            Err(error) if is_full(&error) => {}
            done => done?,
        }
    }
    for folder in [log::FOLDER, SHARDS] {
        // On a full disk even what exists may be refused.
        if names.iter().any(|name| name == folder) {
            vfs.sync_dir(root).map_err(|e| ReadError::io(root, "sync", e))?;
        } else {
            create_synced(vfs, root, &root.join(folder))?;
        }
    }
    let log = found.begin_log(vfs, &root.join(log::FOLDER))?;
    for path in &found.remove {
        match vfs.remove_file(path) {
            // A temporary file whose name was used again in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(|e| ReadError::io(path, "remove", e))?,
        }
    }
    match lock.sign().map_err(|e| ReadError::io(&root.join(LOCK), "write", e)) {
        // Only a message is poorer for it.
        Err(error) if is_full(&error) => {}
        signed => signed?,
    }
    for segments in found.segments.values_mut() {
        segments.sort_by_key(|segment| (segment.footer.rank, segment.footer.id));
    }
    Ok(Recovered {
        lock,
        catalog: found.catalog,
        head: found.head,
        segments: found.segments,
        tombstones: found.tombstones,
        folders: found.folders,
        log,
        next_segment: found.next_segment,
        seal: found.damage.iter().any(|damage| damage.keep != Keep::File),
    })
}

/// Whether the folder is a database; an error if it is something else.
fn check_folder(root: &Path, names: &[String]) -> Result<bool, OpenError> {
    if names.iter().any(|name| name == file::NAME) {
        return Ok(true);
    }
    // What an interrupted creation leaves.
    let ours = [LOCK, file::TMP_NAME];
    match names.iter().find(|name| !ours.contains(&name.as_str())) {
        None => Ok(false),
        Some(name)
            if [log::FOLDER, SHARDS].contains(&name.as_str())
                && names.iter().any(|n| n == LOCK) =>
        {
            let path = root.join(file::NAME);
            Err(ReadError::corrupt(&path, 0, "the catalog of the database", "no such file").into())
        }
        Some(name) => Err(OpenError::Foreign { path: root.to_owned(), found: name.clone() }),
    }
}

/// Creates the folder and those it is in.
pub(crate) fn create_folder(vfs: &dyn Vfs, root: &Path) -> Result<(), ReadError> {
    match vfs.create_dir(root) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match root.parent() {
            Some(parent) if parent != Path::new("") => {
                create_folder(vfs, parent)?;
                vfs.create_dir(root).map_err(|e| ReadError::io(root, "create", e))
            }
            _ => Err(ReadError::io(root, "create", error)),
        },
        Err(error) => Err(ReadError::io(root, "create", error)),
    }?;
    let parent = root.parent().filter(|parent| *parent != Path::new(""));
    parent
        .map_or(Ok(()), |parent| vfs.sync_dir(parent).map_err(|e| ReadError::io(parent, "sync", e)))
}

/// Creates `folder` in `parent`, durably.
pub(crate) fn create_synced(vfs: &dyn Vfs, parent: &Path, folder: &Path) -> Result<(), ReadError> {
    vfs.create_dir(folder).map_err(|e| ReadError::io(folder, "create", e))?;
    vfs.sync_dir(parent).map_err(|e| ReadError::io(parent, "sync", e))
}

fn take_lock(vfs: &dyn Vfs, root: &Path) -> Result<Box<dyn FolderLock>, OpenError> {
    let path = root.join(LOCK);
    match vfs.lock(&path).map_err(|e| ReadError::io(&path, "lock", e))? {
        Ok(lock) => Ok(lock),
        Err(pid) => Err(OpenError::Locked { path: root.to_owned(), pid }),
    }
}

/// What has been read so far.
pub(crate) struct Found {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) sealed_seq: u64,
    pub(crate) head: Head,
    pub(crate) files: VecDeque<LogFile>,
    pub(crate) next_number: u64,
    pub(crate) next_seq: u64,
    /// The last file of the log: its number and its valid bytes, to be written anew.
    pub(crate) rewrite: Option<(u64, Vec<u8>)>,
    pub(crate) segments: BTreeMap<PolicyId, Vec<Arc<Segment>>>,
    tombstones: Vec<Arc<Tombstone>>,
    folders: Vec<PathBuf>,
    pub(crate) next_segment: u64,
    /// Left behind by whatever was interrupted.
    pub(crate) remove: Vec<PathBuf>,
    /// Whether damage is an error.
    strict: bool,
    /// Whether the file of the log that was read last was whole.
    pub(crate) log_is_whole: bool,
    pub(crate) damage: Vec<Damage>,
}

impl Found {
    fn new(checkpoint: Checkpoint, strict: bool) -> Self {
        Found {
            strict,
            log_is_whole: true,
            damage: Vec::new(),
            catalog: checkpoint.catalog,
            sealed_seq: checkpoint.sealed_seq,
            head: Head::new(1),
            files: VecDeque::new(),
            next_number: 1,
            next_seq: checkpoint.sealed_seq + 1,
            rewrite: None,
            segments: BTreeMap::new(),
            tombstones: Vec::new(),
            folders: Vec::new(),
            next_segment: 1,
            remove: Vec::new(),
        }
    }

    /// Opens all segments by their footers.
    fn read_segments(&mut self, options: &DbBuilder, shards: &Path) -> Result<(), ReadError> {
        let vfs = &*options.vfs;
        let mut all = Vec::new();
        self.folders.push(shards.to_owned());
        for policy in list_or_nothing(vfs, shards)? {
            let policy = shards.join(policy);
            self.folders.push(policy.clone());
            for shard in list_or_nothing(vfs, &policy)? {
                let folder = policy.join(shard);
                let names = list_or_nothing(vfs, &folder)?;
                self.remove.extend(temporary(&folder, &names));
                self.folders.push(folder.clone());
                for name in names.iter().filter(|name| name.ends_with(SUFFIX)) {
                    let path = folder.join(name);
                    match Segment::open(vfs, &path, options.read_mode) {
                        Ok(segment) => all.push(segment),
                        Err(error) => {
                            // Its number is not to be used again.
                            let id = u64::from_str_radix(name.trim_end_matches(SUFFIX), 16);
                            self.next_segment = self.next_segment.max(id.unwrap_or(0) + 1);
                            self.damaged(&path, error, Keep::File)?;
                        }
                    }
                }
            }
        }
        let replaced: BTreeSet<u64> =
            all.iter().flat_map(|segment| segment.footer.replaces.iter().copied()).collect();
        for segment in all {
            let Segment { footer, path, .. } = &segment;
            self.next_segment = self.next_segment.max(footer.id + 1);
            if replaced.contains(&footer.id) || self.catalog.policy_by_id(footer.policy).is_none() {
                self.remove.push(path.clone());
            } else {
                self.segments.entry(footer.policy).or_default().push(Arc::new(segment));
            }
        }
        Ok(())
    }

    /// Notes that a file is damaged. Strict, that is an error.
    pub(crate) fn damaged(
        &mut self,
        path: &Path,
        error: ReadError,
        keep: Keep,
    ) -> Result<(), ReadError> {
        if self.strict || !is_damage(&error) {
            return Err(error);
        }
        let why = stripchart_core::error_chain(&error);
        self.damage.push(Damage { path: path.to_owned(), why, keep });
        Ok(())
    }

    fn read_tombstones(&mut self, vfs: &dyn Vfs, root: &Path) -> Result<(), ReadError> {
        self.tombstones = tombstone::read_all(vfs, root, &mut self.remove)?;
        // What is sealed from now on ranks above what was deleted before.
        let last = self.tombstones.last().map_or(0, |tombstone| tombstone.rank);
        self.next_segment = self.next_segment.max(last + 1);
        Ok(())
    }

    /// Makes what was read durable, and begins a new file; later, if there is no room.
    fn begin_log(&mut self, vfs: &dyn Vfs, folder: &Path) -> Result<Log, ReadError> {
        let files = self.files.clone();
        let rewritten = match self.rewrite.take() {
            Some((number, valid)) => log::rewrite(vfs, folder, number, &valid),
            None => Ok(()),
        };
        let begun = rewritten
            .and_then(|()| Log::begin(vfs, folder, files, self.next_number, self.next_seq));
        match begun {
            Err(error) if is_full(&error) => {
                let files = std::mem::take(&mut self.files);
                Ok(Log::without_room(folder, files, self.next_number, self.next_seq))
            }
            begun => begun,
        }
    }
}

pub(crate) fn list_or_nothing(vfs: &dyn Vfs, folder: &Path) -> Result<Vec<String>, ReadError> {
    match vfs.list(folder) {
        Ok(mut names) => {
            names.sort_unstable();
            Ok(names)
        }
        // A plain file among the folders is none of ours.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(ReadError::io(folder, "list", error)),
    }
}

pub(crate) fn temporary(folder: &Path, names: &[String]) -> impl Iterator<Item = PathBuf> {
    let ends = |name: &&String| name.ends_with(".log.tmp") || name.ends_with(".seg.tmp");
    let found: Vec<PathBuf> = names.iter().filter(ends).map(|name| folder.join(name)).collect();
    found.into_iter()
}
