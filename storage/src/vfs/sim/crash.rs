//! What is left after a crash.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Crash;
use super::state::{Change, Disk, File, Folder, Node, put};

/// The unit in which a device writes.
const SECTOR: usize = 512;

/// Numbers that look random and follow from a seed (splitmix64).
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of 0 to before `n`, which is above 0.
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap_or(0)
    }

    /// True `n` times of eight.
    fn chance(&mut self, n: u64) -> bool {
        self.below(8) < n
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }
}

/// The disk after the crash; everything in it is durable.
pub(super) fn survivors(disk: &Disk, crash: Crash, seed: u64) -> Disk {
    let mut maker = Maker::new(disk, crash, seed);
    let mut after = Disk::new();
    maker.folder(0, 0, &mut after);
    if crash == Crash::Misdirected {
        maker.misdirect(&mut after);
    }
    after
}

struct Maker<'a> {
    disk: &'a Disk,
    crash: Crash,
    random: Random,
    /// The operation up to which changes arrive, where they arrive in order.
    cut: u64,
    /// How many pieces of eight arrive, where they arrive in any order.
    kept: u64,
    /// Decides which entries arrive, where they arrive in any order.
    coin: u64,
}

impl<'a> Maker<'a> {
    fn new(disk: &'a Disk, crash: Crash, seed: u64) -> Maker<'a> {
        let mut random = Random::new(seed);
        // One of the changes that wait, or all of them: cuts elsewhere are no different.
        let mut waiting: Vec<u64> = disk.nodes.iter().flat_map(pending).collect();
        waiting.sort_unstable();
        waiting.dedup();
        waiting.push(u64::MAX);
        let cut = waiting[random.index(waiting.len())];
        let kept = [1, 4, 7][random.index(3)];
        let coin = random.next();
        Maker { disk, crash, random, cut, kept, coin }
    }

    /// Copies what survives of folder `from` into folder `to` of `after`.
    fn folder(&mut self, from: usize, to: usize, after: &mut Disk) {
        let disk = self.disk;
        let Node::Folder(folder) = &disk.nodes[from] else { return };
        let mut copied = BTreeMap::new();
        for (name, child) in self.entries(folder) {
            let at = after.nodes.len();
            match &disk.nodes[child] {
                Node::Folder(_) => {
                    after.nodes.push(Folder::node());
                    self.folder(child, at, after);
                }
                Node::File(file) => {
                    let content = self.content(file);
                    let (seen, synced) = (Arc::clone(&content), content);
                    after.nodes.push(Node::File(Arc::new(File {
                        seen,
                        synced,
                        ..File::default()
                    })));
                }
            }
            copied.insert(name, at);
        }
        let (seen, synced) = (copied.clone(), copied);
        after.nodes[to] = Node::Folder(Arc::new(Folder { seen, synced, pending: Vec::new() }));
    }

    fn entries(&mut self, folder: &Folder) -> BTreeMap<String, usize> {
        let mut entries = match self.crash {
            Crash::KeepAll | Crash::Zeros | Crash::Stale | Crash::Misdirected => {
                return folder.seen.clone();
            }
            _ => folder.synced.clone(),
        };
        let until = self.random.index(folder.pending.len() + 1);
        for (place, (number, entry)) in folder.pending.iter().enumerate() {
            let arrives = match self.crash {
                Crash::Prefix | Crash::Torn => *number <= self.cut,
                // Content in any order, entries in theirs.
                Crash::Reorder => place < until,
                // A move between two folders is one change of both.
                Crash::Entries => Random::new(number ^ self.coin).chance(4),
                _ => false,
            };
            if arrives {
                entry.apply(&mut entries);
            }
        }
        entries
    }

    fn content(&mut self, file: &File) -> Arc<Vec<u8>> {
        if self.crash == Crash::KeepAll || self.crash == Crash::Misdirected {
            return Arc::clone(&file.seen);
        }
        if self.crash == Crash::DropUnsynced || file.pending.is_empty() {
            return Arc::clone(&file.synced);
        }
        let mut content = Vec::clone(&file.synced);
        match self.crash {
            Crash::Prefix | Crash::Torn => self.in_order(file, &mut content),
            Crash::Reorder => self.in_any_order(file, &mut content),
            Crash::Zeros if file.synced.is_empty() && self.random.chance(2) => {}
            Crash::Zeros => self.replaced(file, &mut content, None),
            Crash::Stale => {
                let stale = self.stale();
                self.replaced(file, &mut content, Some(&stale));
            }
            _ if self.random.chance(4) => return Arc::clone(&file.seen),
            _ => {}
        }
        Arc::new(content)
    }

    /// Changes up to the cut; of the last one a part.
    fn in_order(&mut self, file: &File, content: &mut Vec<u8>) {
        for (number, change) in &file.pending {
            match change {
                change if *number < self.cut => change.apply(content),
                Change::Write { offset, bytes } if *number == self.cut => {
                    let until = self.random.index(bytes.len() + 1);
                    put(content, *offset, &bytes[..until]);
                    if self.crash == Crash::Torn {
                        self.tear(*offset, until, bytes, content);
                    }
                }
                _ => {}
            }
        }
    }

    /// Of a write to `offset`, cut after `until` of its bytes, garbles the sector of the cut. What the sector had before
    /// stays.
    fn tear(&mut self, offset: usize, until: usize, bytes: &[u8], content: &mut Vec<u8>) {
        let begin = ((offset + until) / SECTOR * SECTOR).max(offset) - offset;
        let end = ((offset + until) / SECTOR * SECTOR + SECTOR - offset).min(bytes.len());
        let kind = self.random.below(5);
        if kind == 0 {
            return content.truncate(offset + begin);
        }
        let mut piece = bytes[begin..end].to_vec();
        for byte in &mut piece {
            match kind {
                1 => {}
                2 => *byte = 0,
                3 => *byte = 0xff,
                _ if self.random.chance(4) => *byte = self.random.byte(),
                _ => {}
            }
        }
        put(content, offset + begin, &piece);
    }

    fn in_any_order(&mut self, file: &File, content: &mut Vec<u8>) {
        for (_, change) in &file.pending {
            match change {
                Change::Empty => change.apply(content),
                Change::Write { offset, bytes } => {
                    for (at, piece) in sectors(*offset, bytes) {
                        if self.random.chance(self.kept) {
                            put(content, at, piece);
                        }
                    }
                }
            }
        }
    }

    /// Every write arrives, with zeros or with what `stale` has at the same place instead of its bytes.
    fn replaced(&mut self, file: &File, content: &mut Vec<u8>, stale: Option<&[u8]>) {
        for (_, change) in &file.pending {
            match change {
                Change::Empty => change.apply(content),
                Change::Write { offset, bytes } => {
                    for (at, piece) in sectors(*offset, bytes) {
                        // Some pieces did arrive in time.
                        let arrived = stale.is_some() && self.random.chance(2);
                        let old = stale.and_then(|stale| stale.get(at..)).unwrap_or_default();
                        let old = old.iter().copied().chain(std::iter::repeat(0));
                        let other: Vec<u8> = old.take(piece.len()).collect();
                        put(content, at, if arrived { piece } else { &other });
                    }
                }
            }
        }
    }

    /// The content of a file that was removed, or else of one that is there.
    fn stale(&mut self) -> Arc<Vec<u8>> {
        let removed = &self.disk.removed;
        if !removed.is_empty() {
            return Arc::clone(&removed[self.random.index(removed.len())]);
        }
        let node = &self.disk.nodes[self.random.index(self.disk.nodes.len())];
        match node {
            Node::File(file) => Arc::clone(&file.seen),
            Node::Folder(_) => Arc::default(),
        }
    }

    /// Writes a sector of one file over another one, of that or another file; where it belonged zeros may be.
    fn misdirect(&mut self, after: &mut Disk) {
        let is_file =
            |node: &usize| matches!(&after.nodes[*node], Node::File(f) if !f.seen.is_empty());
        let files: Vec<usize> = (0..after.nodes.len()).filter(is_file).collect();
        if files.is_empty() {
            return;
        }
        let (from, to) =
            (files[self.random.index(files.len())], files[self.random.index(files.len())]);
        let (Node::File(source), Node::File(target)) = (&after.nodes[from], &after.nodes[to])
        else {
            return;
        };
        let at = self.random.index(source.seen.len()) / SECTOR * SECTOR;
        let piece = source.seen[at..source.seen.len().min(at + SECTOR)].to_vec();
        let onto = self.random.index(target.seen.len()) / SECTOR * SECTOR;
        let mut contents =
            BTreeMap::from([(from, source.seen.to_vec()), (to, target.seen.to_vec())]);
        if self.random.chance(4)
            && let Some(source) = contents.get_mut(&from)
        {
            source[at..at + piece.len()].fill(0);
        }
        if let Some(target) = contents.get_mut(&to) {
            // A device knows no file's end.
            let fits = piece.len().min(target.len() - onto);
            put(target, onto, &piece[..fits]);
        }
        for (node, content) in contents {
            after.nodes[node] = File::durable(content);
        }
    }
}

/// The numbers of the operations that are not durable.
fn pending(node: &Node) -> Vec<u64> {
    match node {
        Node::File(file) => file.pending.iter().map(|(number, _)| *number).collect(),
        Node::Folder(folder) => folder.pending.iter().map(|(number, _)| *number).collect(),
    }
}

/// The pieces of a write to `offset` that lie in one sector each.
fn sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let first = (SECTOR - offset % SECTOR).min(bytes.len());
    let (head, rest) = bytes.split_at(first);
    let pieces = std::iter::once((offset, head)).filter(|(_, piece)| !piece.is_empty());
    let rest = rest.chunks(SECTOR).enumerate();
    pieces.chain(rest.map(move |(n, piece)| (offset + first + n * SECTOR, piece)))
}
