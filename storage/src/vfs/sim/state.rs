//! Files and folders: what is seen, what is durable, and the changes in between.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

/// Contents of removed files that are kept, for their sectors may turn up again.
const REMEMBERED: usize = 16;

/// All files and folders.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    pub(super) nodes: Vec<Node>,
    /// What files had that were removed, replaced or emptied, newest last.
    pub(super) removed: Vec<Arc<Vec<u8>>>,
    /// The number of the operation at hand, for the order of changes.
    pub(super) now: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    File(Arc<File>),
    Folder(Arc<Folder>),
}

#[derive(Debug, Clone, Default)]
pub(super) struct File {
    pub(super) seen: Arc<Vec<u8>>,
    pub(super) synced: Arc<Vec<u8>>,
    /// Since the last sync, oldest first, each with the number of its operation.
    pub(super) pending: Vec<(u64, Change)>,
    /// The number of the operation at hand.
    pub(super) now: u64,
}

/// A change of a file's content.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Empty,
    Write { offset: usize, bytes: Arc<[u8]> },
}

#[derive(Debug, Clone, Default)]
pub(super) struct Folder {
    pub(super) seen: BTreeMap<String, usize>,
    pub(super) synced: BTreeMap<String, usize>,
    pub(super) pending: Vec<(u64, Entry)>,
}

/// A change of a folder's entries; one is durable or not as a whole.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Put(String, usize),
    Remove(String),
    Move(String, String, usize),
}

impl Entry {
    pub(super) fn apply(&self, entries: &mut BTreeMap<String, usize>) {
        match self {
            Entry::Put(name, node) => drop(entries.insert(name.clone(), *node)),
            Entry::Remove(name) => drop(entries.remove(name)),
            Entry::Move(from, to, node) => {
                entries.remove(from);
                entries.insert(to.clone(), *node);
            }
        }
    }
}

impl Change {
    /// Makes the change to `content`; a gap before it becomes zeros.
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Change::Empty => content.clear(),
            Change::Write { offset, bytes } => put(content, *offset, bytes),
        }
    }
}

/// Writes `bytes` at `offset`; a gap before it becomes zeros.
pub(super) fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

impl File {
    /// One whose content is durable.
    pub(super) fn durable(content: Vec<u8>) -> Node {
        let seen = Arc::new(content);
        Node::File(Arc::new(File { synced: Arc::clone(&seen), seen, ..File::default() }))
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        let offset = self.seen.len();
        self.pending.push((self.now, Change::Write { offset, bytes: bytes.into() }));
        Arc::make_mut(&mut self.seen).extend_from_slice(bytes);
    }

    pub(super) fn sync(&mut self) {
        let synced = Arc::make_mut(&mut self.synced);
        self.pending.drain(..).for_each(|(_, change)| change.apply(synced));
    }
}

impl Folder {
    pub(super) fn node() -> Node {
        Node::Folder(Arc::default())
    }

    fn change(&mut self, now: u64, entry: Entry) {
        entry.apply(&mut self.seen);
        self.pending.push((now, entry));
    }
}

fn names(path: &Path) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    })
}

impl Disk {
    pub(super) fn new() -> Disk {
        Disk { nodes: vec![Folder::node()], ..Disk::default() }
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<usize> {
        let mut at = 0;
        for name in names(path) {
            at = *self.folder(at)?.seen.get(&*name).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(at)
    }

    fn folder(&self, node: usize) -> io::Result<&Folder> {
        match &self.nodes[node] {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// The folder that `path` is in, and its name there.
    fn parent(&self, path: &Path) -> io::Result<(usize, String)> {
        let at = self.find(path.parent().unwrap_or(Path::new("")))?;
        self.folder(at)?;
        let name = names(path).last().ok_or(io::ErrorKind::InvalidInput)?.into_owned();
        Ok((at, name))
    }

    fn enter(&mut self, folder: usize, entry: Entry) {
        let now = self.now;
        if let Node::Folder(folder) = &mut self.nodes[folder] {
            Arc::make_mut(folder).change(now, entry);
        }
    }

    /// Keeps the content of a file that is about to go.
    fn bury(&mut self, node: usize) {
        if let Node::File(file) = &self.nodes[node]
            && !file.seen.is_empty()
        {
            if self.removed.len() == REMEMBERED {
                self.removed.remove(0);
            }
            self.removed.push(Arc::clone(&file.seen));
        }
    }

    pub(super) fn change_node(&mut self, node: usize, change: impl FnOnce(&mut File)) {
        let now = self.now;
        if let Node::File(file) = &mut self.nodes[node] {
            let file = Arc::make_mut(file);
            file.now = now;
            change(file);
        }
    }

    pub(super) fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        Ok(self.folder(self.find(folder)?)?.seen.keys().cloned().collect())
    }

    pub(super) fn content(&self, path: &Path) -> io::Result<Arc<Vec<u8>>> {
        match &self.nodes[self.find(path)?] {
            Node::File(file) => Ok(Arc::clone(&file.seen)),
            Node::Folder(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        if self.find(path).is_ok() {
            return Ok(());
        }
        let (folder, name) = self.parent(path)?;
        self.nodes.push(Folder::node());
        self.enter(folder, Entry::Put(name, self.nodes.len() - 1));
        Ok(())
    }

    /// An empty file at `path`: its node.
    pub(super) fn create(&mut self, path: &Path) -> io::Result<usize> {
        if let Ok(node) = self.find(path) {
            if let Node::Folder(_) = &self.nodes[node] {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            self.bury(node);
            self.change_node(node, |file| {
                file.seen = Arc::default();
                file.pending.push((file.now, Change::Empty));
            });
            return Ok(node);
        }
        let (folder, name) = self.parent(path)?;
        self.nodes.push(Node::File(Arc::default()));
        let node = self.nodes.len() - 1;
        self.enter(folder, Entry::Put(name, node));
        Ok(node)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from)?;
        let ((old, before), (new, after)) = (self.parent(from)?, self.parent(to)?);
        if let Ok(replaced) = self.find(to) {
            self.bury(replaced);
        }
        if old == new {
            self.enter(old, Entry::Move(before, after, node));
        } else {
            self.enter(new, Entry::Put(after, node));
            self.enter(old, Entry::Remove(before));
        }
        Ok(())
    }

    /// A second entry for the same file.
    pub(super) fn hard_link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if self.find(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = self.find(from)?;
        let (folder, name) = self.parent(to)?;
        self.enter(folder, Entry::Put(name, node));
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        let node = self.find(path)?;
        if let Node::Folder(_) = &self.nodes[node] {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.bury(node);
        let (folder, name) = self.parent(path)?;
        self.enter(folder, Entry::Remove(name));
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        if !self.folder(self.find(path)?)?.seen.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let (folder, name) = self.parent(path)?;
        self.enter(folder, Entry::Remove(name));
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let at = self.find(path)?;
        let done: Vec<u64> = self.folder(at)?.pending.iter().map(|(number, _)| *number).collect();
        // A move between folders is one change of both: journals keep it whole.
        for node in &mut self.nodes {
            let Node::Folder(folder) = node else { continue };
            if folder.pending.iter().any(|(number, _)| done.contains(number)) {
                let folder = Arc::make_mut(folder);
                let (durable, waiting) =
                    folder.pending.drain(..).partition(|(number, _)| done.contains(number));
                folder.pending = waiting;
                let durable: Vec<(u64, Entry)> = durable;
                durable.iter().for_each(|(_, entry)| entry.apply(&mut folder.synced));
            }
        }
        Ok(())
    }

    pub(super) fn plant(&mut self, path: &Path, content: Vec<u8>) {
        let parts: Vec<String> = names(path).map(std::borrow::Cow::into_owned).collect();
        let (mut at, mut content) = (0, Some(content));
        for (depth, name) in parts.iter().enumerate() {
            let fresh = self.nodes.len();
            let Node::Folder(folder) = &mut self.nodes[at] else { return };
            let folder = Arc::make_mut(folder);
            let child = *folder.seen.entry(name.clone()).or_insert(fresh);
            folder.synced.insert(name.clone(), child);
            if child == fresh {
                self.nodes.push(Folder::node());
            }
            if depth + 1 == parts.len() {
                self.nodes[child] = File::durable(content.take().unwrap_or_default());
            }
            at = child;
        }
    }

    pub(super) fn used_bytes(&self) -> u64 {
        let mut used = 0;
        self.for_each_file(|_, content| used += content.len() as u64);
        used
    }

    pub(super) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash_folder(0, &mut hasher);
        hasher.finish()
    }

    fn hash_folder(&self, node: usize, hasher: &mut DefaultHasher) {
        let Node::Folder(folder) = &self.nodes[node] else { return };
        folder.seen.len().hash(hasher);
        for (name, child) in &folder.seen {
            name.hash(hasher);
            match &self.nodes[*child] {
                Node::File(file) => file.seen.hash(hasher),
                Node::Folder(_) => self.hash_folder(*child, hasher),
            }
        }
    }

    pub(super) fn for_each_file(&self, mut each: impl FnMut(&Path, &[u8])) {
        self.visit(0, Path::new("/"), &mut each);
    }

    fn visit(&self, node: usize, path: &Path, each: &mut impl FnMut(&Path, &[u8])) {
        match &self.nodes[node] {
            Node::File(file) => each(path, &file.seen),
            Node::Folder(folder) => {
                for (name, child) in &folder.seen {
                    self.visit(*child, &path.join(name), each);
                }
            }
        }
    }
}
