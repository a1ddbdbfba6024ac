//! A file system in memory that knows what would survive a power cut.
//!
//! For tests: of this crate, and of whoever embeds it. Every file has the content that readers see and the content that was
//! synced; every folder has the entries that readers see and those that were synced. [`SimVfs::after_crash`] makes the file
//! system that a machine would find when it comes up again.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{AppendFile, FolderLock, ReadMode, SealedFile, Vfs};

/// What a crash leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Crash {
    /// Nothing: neither content nor entries.
    DropUnsynced,
    /// Everything: the process died, the machine did not.
    KeepAll,
    /// All entries, and of the content not synced the first half.
    Torn,
    /// All entries and lengths, but zeros in place of content not synced.
    Zeros,
    /// Content but not entries: folders were not synced.
    DropEntries,
}

impl Crash {
    /// All ways.
    pub const ALL: [Crash; 5] =
        [Crash::DropUnsynced, Crash::KeepAll, Crash::Torn, Crash::Zeros, Crash::DropEntries];
}

/// A file system in memory. A handle: clones are the same file system.
#[derive(Debug, Clone, Default)]
pub struct SimVfs {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    nodes: Vec<Node>,
    /// Operations so far.
    operations: u64,
    /// The operation that fails, and whether all after it do too.
    fail: Option<(u64, bool)>,
    locked: BTreeSet<PathBuf>,
}

#[derive(Debug, Clone)]
enum Node {
    File { seen: Vec<u8>, synced: Vec<u8> },
    Folder { seen: BTreeMap<String, usize>, synced: BTreeMap<String, usize> },
}

impl Node {
    fn folder() -> Node {
        Node::Folder { seen: BTreeMap::new(), synced: BTreeMap::new() }
    }
}

impl SimVfs {
    /// An empty file system: a root folder and nothing in it.
    #[must_use]
    pub fn new() -> Self {
        let vfs = SimVfs::default();
        vfs.state.lock().nodes.push(Node::folder());
        vfs
    }

    /// Operations so far, those that failed included.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Lets the operation with number `operation` (counted from 0) fail, and all after it if `for_ever`. Of an append that
    /// fails half is written.
    pub fn fail_at(&self, operation: u64, for_ever: bool) {
        self.state.lock().fail = Some((operation, for_ever));
    }

    /// The file system that is found after a crash at this moment. Nothing is locked in it.
    #[must_use]
    pub fn after_crash(&self, crash: Crash) -> SimVfs {
        let state = self.state.lock();
        let after = SimVfs::new();
        let mut nodes = std::mem::take(&mut after.state.lock().nodes);
        copy(&state.nodes, 0, 0, &mut nodes, crash);
        after.state.lock().nodes = nodes;
        after
    }

    /// Every file with its content, by path.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state.lock();
        let mut files = BTreeMap::new();
        collect(&state.nodes, 0, Path::new("/"), &mut files);
        files
    }

    /// Replaces the content of a file, or makes one, its folders included; all of it durable.
    pub fn plant(&self, file: &Path, content: Vec<u8>) {
        let mut state = self.state.lock();
        let mut at = 0;
        let names = names(file);
        for (depth, name) in names.iter().enumerate() {
            let last = depth + 1 == names.len();
            let fresh = state.nodes.len();
            let Node::Folder { seen, synced } = &mut state.nodes[at] else { return };
            let child = *seen.entry(name.clone()).or_insert(fresh);
            synced.insert(name.clone(), child);
            if child == fresh {
                state.nodes.push(Node::folder());
            }
            if last {
                state.nodes[child] = Node::File { seen: content.clone(), synced: content.clone() };
            }
            at = child;
        }
    }

    fn operate<T>(&self, operation: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        if state.next_fails() {
            return Err(failure());
        }
        operation(&mut state)
    }
}

/// Copies what survives of folder `from` into folder `to` of `nodes`.
fn copy(old: &[Node], from: usize, to: usize, nodes: &mut Vec<Node>, crash: Crash) {
    let Node::Folder { seen, synced } = &old[from] else { return };
    let entries = match crash {
        Crash::DropUnsynced | Crash::DropEntries => synced,
        Crash::KeepAll | Crash::Torn | Crash::Zeros => seen,
    };
    for (name, child) in entries {
        let at = nodes.len();
        match &old[*child] {
            Node::Folder { .. } => {
                nodes.push(Node::folder());
                copy(old, *child, at, nodes, crash);
            }
            Node::File { seen, synced } => {
                let content = survivor(seen, synced, crash);
                nodes.push(Node::File { seen: content.clone(), synced: content });
            }
        }
        if let Node::Folder { seen, synced } = &mut nodes[to] {
            seen.insert(name.clone(), at);
            synced.insert(name.clone(), at);
        }
    }
}

fn survivor(seen: &[u8], synced: &[u8], crash: Crash) -> Vec<u8> {
    let kept = synced.len().min(seen.len());
    match crash {
        Crash::DropUnsynced => synced.to_vec(),
        Crash::KeepAll | Crash::DropEntries => seen.to_vec(),
        Crash::Torn => seen[..kept + (seen.len() - kept) / 2].to_vec(),
        Crash::Zeros => {
            let mut content = seen[..kept].to_vec();
            content.resize(seen.len(), 0);
            content
        }
    }
}

fn collect(nodes: &[Node], at: usize, path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    match &nodes[at] {
        Node::File { seen, .. } => drop(files.insert(path.to_owned(), seen.clone())),
        Node::Folder { seen, .. } => {
            for (name, child) in seen {
                collect(nodes, *child, &path.join(name), files);
            }
        }
    }
}

fn names(path: &Path) -> Vec<String> {
    let parts = path.components().filter_map(|part| match part {
        std::path::Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    parts.collect()
}

fn failure() -> io::Error {
    io::Error::other("simulated failure")
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl State {
    /// Counts an operation; whether it is to fail.
    fn next_fails(&mut self) -> bool {
        let number = self.operations;
        self.operations += 1;
        self.fail.is_some_and(|(at, ever)| number == at || ever && number > at)
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let mut at = 0;
        for name in names(path) {
            let Node::Folder { seen, .. } = &self.nodes[at] else {
                return Err(io::ErrorKind::NotADirectory.into());
            };
            at = *seen.get(&name).ok_or_else(not_found)?;
        }
        Ok(at)
    }

    /// The entries of the folder that `path` is in, and its name there.
    fn parent(&mut self, path: &Path) -> io::Result<(&mut BTreeMap<String, usize>, String)> {
        let at = self.find(path.parent().unwrap_or(Path::new("")))?;
        let name = names(path).pop().ok_or(io::ErrorKind::InvalidInput)?;
        match &mut self.nodes[at] {
            Node::Folder { seen, .. } => Ok((seen, name)),
            Node::File { .. } => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn content(&self, path: &Path) -> io::Result<Vec<u8>> {
        match &self.nodes[self.find(path)?] {
            Node::File { seen, .. } => Ok(seen.clone()),
            Node::Folder { .. } => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn insert(&mut self, path: &Path, node: Node) -> io::Result<usize> {
        let fresh = self.nodes.len();
        let (entries, name) = self.parent(path)?;
        entries.insert(name, fresh);
        self.nodes.push(node);
        Ok(fresh)
    }
}

impl Vfs for SimVfs {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.operate(|state| match &state.nodes[state.find(folder)?] {
            Node::Folder { seen, .. } => Ok(seen.keys().cloned().collect()),
            Node::File { .. } => Err(io::ErrorKind::NotADirectory.into()),
        })
    }

    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        self.operate(|state| {
            if state.find(folder).is_err() {
                state.insert(folder, Node::folder())?;
            }
            Ok(())
        })
    }

    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        self.operate(|state| state.content(file))
    }

    fn create(&self, file: &Path) -> io::Result<Arc<dyn AppendFile>> {
        self.operate(|state| {
            let node = match state.find(file) {
                Ok(node) => {
                    if let Node::File { seen, .. } = &mut state.nodes[node] {
                        seen.clear();
                    }
                    node
                }
                Err(_) => {
                    state.insert(file, Node::File { seen: Vec::new(), synced: Vec::new() })?
                }
            };
            Ok(Arc::new(SimFile { vfs: self.clone(), node }) as Arc<dyn AppendFile>)
        })
    }

    fn open_sealed(&self, file: &Path, _: ReadMode) -> io::Result<Arc<dyn SealedFile>> {
        self.operate(|state| Ok(Arc::new(state.content(file)?) as Arc<dyn SealedFile>))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate(|state| {
            let (entries, name) = state.parent(from)?;
            let node = entries.remove(&name).ok_or_else(not_found)?;
            let (entries, name) = state.parent(to)?;
            entries.insert(name, node);
            Ok(())
        })
    }

    fn remove_file(&self, file: &Path) -> io::Result<()> {
        self.operate(|state| {
            let (entries, name) = state.parent(file)?;
            entries.remove(&name).map(drop).ok_or_else(not_found)
        })
    }

    fn remove_dir(&self, folder: &Path) -> io::Result<()> {
        self.operate(|state| {
            match &state.nodes[state.find(folder)?] {
                Node::Folder { seen, .. } if seen.is_empty() => {}
                _ => return Err(io::ErrorKind::DirectoryNotEmpty.into()),
            }
            let (entries, name) = state.parent(folder)?;
            entries.remove(&name).map(drop).ok_or_else(not_found)
        })
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.operate(|state| {
            let at = state.find(folder)?;
            match &mut state.nodes[at] {
                Node::Folder { seen, synced } => synced.clone_from(seen),
                Node::File { .. } => return Err(io::ErrorKind::NotADirectory.into()),
            }
            Ok(())
        })
    }

    fn lock(&self, file: &Path) -> io::Result<Result<Box<dyn FolderLock>, Option<u32>>> {
        self.operate(|state| {
            if state.find(file).is_err() {
                state.insert(file, Node::File { seen: Vec::new(), synced: Vec::new() })?;
            }
            if !state.locked.insert(file.to_owned()) {
                return Ok(Err(Some(std::process::id())));
            }
            let lock = SimLock { vfs: self.clone(), path: file.to_owned() };
            Ok(Ok(Box::new(lock) as Box<dyn FolderLock>))
        })
    }
}

#[derive(Debug)]
struct SimFile {
    vfs: SimVfs,
    node: usize,
}

impl AppendFile for SimFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.vfs.state.lock();
        // One that fails has written a part: the worst that a device does.
        let fails = state.next_fails();
        let written = if fails { &bytes[..bytes.len() / 2] } else { bytes };
        if let Node::File { seen, .. } = &mut state.nodes[self.node] {
            seen.extend_from_slice(written);
        }
        if fails { Err(failure()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        self.vfs.operate(|state| {
            if let Node::File { seen, synced } = &mut state.nodes[self.node] {
                synced.clone_from(seen);
            }
            Ok(())
        })
    }
}

#[derive(Debug)]
struct SimLock {
    vfs: SimVfs,
    path: PathBuf,
}

impl FolderLock for SimLock {
    fn sign(&mut self) -> io::Result<()> {
        self.vfs.operate(|_| Ok(()))
    }
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.vfs.state.lock().locked.remove(&self.path);
    }
}
