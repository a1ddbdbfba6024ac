//! A file system in memory that knows what would survive a power cut, and that fails on demand.
//!
//! For tests: of this crate, and of whoever embeds it. Every file has the content that readers see, the content that was
//! synced, and the changes in between, in order; every folder likewise with its entries. [`SimVfs::after_crash`] makes the
//! file system that a machine would find when it comes up again: the synced state plus whatever of the changes the
//! [way of crashing](Crash) lets through. [`SimVfs::keep_history`] keeps the state after every change, so that one run of a
//! workload serves for a crash at each of its operations.
//!
//! What is assumed of a device, and stated in `docs/RELIABILITY.md`: what a successful sync covered stays, and a write
//! that is interrupted damages no byte outside it. Nothing is assumed of the order in which unsynced changes arrive.
//!
//! Everything random is drawn from seeds that the caller gives, so that every failure can be had again.

mod crash;
mod state;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use self::state::Disk;
use super::{AppendFile, FolderLock, ReadMode, SealedFile, Space, Vfs};

/// What a crash leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Crash {
    /// Everything: the process died, the machine did not.
    KeepAll,
    /// Nothing: neither content nor entries.
    DropUnsynced,
    /// The changes up to some moment, in the order they were made; the last of them perhaps in part.
    Prefix,
    /// Any of the 512-byte pieces that were written, in any order; zeros where one is missing before another.
    Reorder,
    /// The changes up to some moment, of whose last write the last sector is old, new, zeros, ones, or a mixture.
    Torn,
    /// All entries and lengths, but zeros in place of content not synced; some files that were never synced are empty.
    Zeros,
    /// Any of the entries, each by itself; content with or without what was not synced, each file by itself.
    Entries,
    /// All entries and lengths, but in place of content not synced what files removed before had there.
    Stale,
    /// A sector that was written has gone elsewhere, over other content of this or another file. This is damage by a broken
    /// device, and against it no database can keep everything; it must only be noticed.
    Misdirected,
}

impl Crash {
    /// All ways that leave a good device: after each of them everything synced is there.
    pub const ALL: [Crash; 8] = [
        Crash::KeepAll,
        Crash::DropUnsynced,
        Crash::Prefix,
        Crash::Reorder,
        Crash::Torn,
        Crash::Zeros,
        Crash::Entries,
        Crash::Stale,
    ];

    /// All ways that a power cut takes, and the one of a broken device: the process that merely dies is left out.
    pub const POWER: [Crash; 8] = [
        Crash::DropUnsynced,
        Crash::Prefix,
        Crash::Reorder,
        Crash::Torn,
        Crash::Zeros,
        Crash::Entries,
        Crash::Stale,
        Crash::Misdirected,
    ];

    /// Whether the outcome depends on the seed.
    #[must_use]
    pub const fn is_random(self) -> bool {
        !matches!(self, Crash::KeepAll | Crash::DropUnsynced)
    }
}

/// How an operation fails.
///
/// A sync that fails, however, loses what was to be synced for good: readers see it, a later sync succeeds, and a power cut
/// takes it. That is what Linux does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// With an error of this kind; nothing was done.
    Error(io::ErrorKind),
    /// With an error of this kind; of an append, a part was written.
    Short(io::ErrorKind),
    /// Not at all, but of what was read one bit is wrong. Other operations are not affected.
    FlippedBit,
}

impl Fault {
    /// Those that every operation of a workload should be tried with.
    pub const ALL: [Fault; 7] = [
        Fault::Error(io::ErrorKind::Other),
        Fault::Error(io::ErrorKind::StorageFull),
        Fault::Error(io::ErrorKind::QuotaExceeded),
        Fault::Error(io::ErrorKind::Interrupted),
        Fault::Short(io::ErrorKind::Other),
        Fault::Short(io::ErrorKind::StorageFull),
        Fault::FlippedBit,
    ];
}

/// A file system in memory. A handle: clones are the same file system.
#[derive(Debug, Clone)]
pub struct SimVfs {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    disk: Disk,
    /// Operations so far; reads of sealed files are counted apart, for readers come and go as they please.
    operations: u64,
    reads: u64,
    fail: Option<Plan>,
    fail_reads: Option<Plan>,
    /// Bytes that all files together may have.
    capacity: Option<u64>,
    /// The number of operations after which the disk was so.
    history: Option<Vec<(u64, Disk)>>,
    locked: BTreeSet<PathBuf>,
}

/// The operation that fails, whether all after it do too, and how.
#[derive(Debug, Clone, Copy)]
struct Plan {
    at: u64,
    for_ever: bool,
    fault: Fault,
}

impl Plan {
    fn of(plan: Option<Plan>, number: u64) -> Option<Fault> {
        let plan = plan?;
        (number == plan.at || plan.for_ever && number > plan.at).then_some(plan.fault)
    }
}

impl Default for SimVfs {
    fn default() -> Self {
        SimVfs::new()
    }
}

impl SimVfs {
    /// An empty file system: a root folder and nothing in it.
    #[must_use]
    pub fn new() -> Self {
        SimVfs::of(Disk::new())
    }

    fn of(disk: Disk) -> Self {
        SimVfs { state: Arc::new(Mutex::new(State { disk, ..State::default() })) }
    }

    /// Operations so far, those that failed included. Reads of parts of sealed files do not count.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Reads of parts of sealed files so far.
    #[must_use]
    pub fn sealed_reads(&self) -> u64 {
        self.state.lock().reads
    }

    /// Lets the operation with number `operation` (counted from 0) fail, and all after it if `for_ever`. Of an append that
    /// fails half is written.
    pub fn fail_at(&self, operation: u64, for_ever: bool) {
        self.inject(operation, for_ever, Fault::Short(io::ErrorKind::Other));
    }

    /// The same in a way of one's choice.
    pub fn inject(&self, operation: u64, for_ever: bool, fault: Fault) {
        self.state.lock().fail = Some(Plan { at: operation, for_ever, fault });
    }

    /// Lets the read of a part of a sealed file with number `read` (counted from 0) fail, and all after it if `for_ever`.
    pub fn inject_read(&self, read: u64, for_ever: bool, fault: Fault) {
        self.state.lock().fail_reads = Some(Plan { at: read, for_ever, fault });
    }

    /// Whether a read of a part of a sealed file may fail yet.
    #[must_use]
    pub fn is_failing_reads(&self) -> bool {
        let state = self.state.lock();
        state.fail_reads.is_some_and(|plan| plan.for_ever || state.reads <= plan.at)
    }

    /// Lets everything succeed again.
    pub fn heal(&self) {
        let mut state = self.state.lock();
        (state.fail, state.fail_reads) = (None, None);
    }

    /// Bytes that all files together may have from now on; `None` for no limit. An append that does not fit writes what
    /// does and fails with [`io::ErrorKind::StorageFull`], as does whatever makes an entry on a full disk.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state.lock().capacity = bytes;
    }

    /// Bytes that all files together have.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.state.lock().disk.used_bytes()
    }

    /// Keeps the state after every change from now on, for [`SimVfs::moments`].
    pub fn keep_history(&self) {
        let mut state = self.state.lock();
        let now = (state.operations, state.disk.clone());
        state.history = Some(vec![now]);
    }

    /// The file system as it was when history began and after each change since, with the number of operations so far.
    /// Nothing is locked in them, and nothing fails.
    #[must_use]
    pub fn moments(&self) -> Vec<(u64, SimVfs)> {
        let state = self.state.lock();
        let moments = state.history.iter().flatten();
        moments.map(|(operations, disk)| (*operations, SimVfs::of(disk.clone()))).collect()
    }

    /// The file system that is found after a crash at this moment, with seed 0. Nothing is locked in it.
    #[must_use]
    pub fn after_crash(&self, crash: Crash) -> SimVfs {
        self.after_crash_seeded(crash, 0)
    }

    /// The same; `seed` decides what the [way of crashing](Crash) leaves open.
    #[must_use]
    pub fn after_crash_seeded(&self, crash: Crash, seed: u64) -> SimVfs {
        SimVfs::of(crash::survivors(&self.state.lock().disk, crash, seed))
    }

    /// Every file with its content, by path.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let each = |path: &Path, content: &[u8]| {
            files.insert(path.to_owned(), content.to_vec());
        };
        self.state.lock().disk.for_each_file(each);
        files
    }

    /// A number that is the same for file systems whose entries and contents are the same.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.state.lock().disk.fingerprint()
    }

    /// Replaces the content of a file, or makes one, its folders included; all of it durable.
    pub fn plant(&self, file: &Path, content: Vec<u8>) {
        self.state.lock().disk.plant(file, content);
    }

    fn operate<T>(&self, operation: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state.lock();
        match state.next_fault() {
            Some(Fault::Error(kind) | Fault::Short(kind)) => Err(failure(kind)),
            Some(Fault::FlippedBit) | None => operation(&mut state.disk),
        }
    }

    /// The same with an operation that changes something.
    fn change<T>(&self, operation: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        let result = self.operate(operation);
        self.state.lock().remember();
        result
    }

    /// The same with one that takes room for an entry.
    fn enter<T>(&self, operation: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        let full = self.state.lock().room() == Some(0);
        self.change(
            |disk| if full { Err(failure(io::ErrorKind::StorageFull)) } else { operation(disk) },
        )
    }
}

impl State {
    /// Counts an operation; whether it is to fail.
    fn next_fault(&mut self) -> Option<Fault> {
        let number = self.operations;
        self.operations += 1;
        self.disk.now = self.operations;
        Plan::of(self.fail, number)
    }

    fn remember(&mut self) {
        if let Some(history) = &mut self.history {
            history.push((self.operations, self.disk.clone()));
        }
    }

    /// Bytes that fit yet; `None` if any do.
    fn room(&self) -> Option<u64> {
        Some(self.capacity?.saturating_sub(self.disk.used_bytes()))
    }
}

fn failure(kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, "simulated failure")
}

/// Turns over one bit of `bytes`, which one depends on `number`.
fn flip(bytes: &mut [u8], number: u64) {
    let len = bytes.len() as u64;
    if len > 0 {
        let at = crash::Random::new(number).below(len * 8);
        if let Some(byte) = usize::try_from(at / 8).ok().and_then(|at| bytes.get_mut(at)) {
            *byte ^= 1 << (at % 8);
        }
    }
}

impl Vfs for SimVfs {
    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.operate(|disk| disk.list(folder))
    }

    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        self.enter(|disk| disk.create_dir(folder))
    }

    fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.state.lock();
        let (number, fault) = (state.operations, state.next_fault());
        let mut content = match fault {
            Some(Fault::Error(kind) | Fault::Short(kind)) => return Err(failure(kind)),
            _ => state.disk.content(file)?.to_vec(),
        };
        if fault == Some(Fault::FlippedBit) {
            flip(&mut content, number);
        }
        Ok(content)
    }

    fn create(&self, file: &Path) -> io::Result<Arc<dyn AppendFile>> {
        let node = self.enter(|disk| disk.create(file))?;
        Ok(Arc::new(SimFile { vfs: self.clone(), node }))
    }

    fn open_sealed(&self, file: &Path, _: ReadMode) -> io::Result<Arc<dyn SealedFile>> {
        let content = self.operate(|disk| disk.content(file))?;
        Ok(Arc::new(SimSealed { vfs: self.clone(), content }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(|disk| disk.rename(from, to))
    }

    fn remove_file(&self, file: &Path) -> io::Result<()> {
        self.change(|disk| disk.remove_file(file))
    }

    fn remove_dir(&self, folder: &Path) -> io::Result<()> {
        self.change(|disk| disk.remove_dir(folder))
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.change(|disk| disk.sync_dir(folder))
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.enter(|disk| disk.hard_link(from, to))
    }

    fn free_space(&self, _: &Path) -> io::Result<Option<Space>> {
        let state = self.state.lock();
        let Some(free) = state.room() else { return Ok(None) };
        Ok(Some(Space { free, total: state.capacity.unwrap_or(free) }))
    }

    fn lock(&self, file: &Path) -> io::Result<Result<Box<dyn FolderLock>, Option<u32>>> {
        self.change(
            |disk| if disk.find(file).is_err() { disk.create(file).map(drop) } else { Ok(()) },
        )?;
        if !self.state.lock().locked.insert(file.to_owned()) {
            return Ok(Err(Some(std::process::id())));
        }
        Ok(Ok(Box::new(SimLock { vfs: self.clone(), path: file.to_owned() })))
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
        let number = state.operations;
        let (mut fits, mut error) = (bytes.len(), None);
        match state.next_fault() {
            Some(Fault::Error(kind)) => (fits, error) = (0, Some(kind)),
            // Any part, the first time half: a device stops where it likes.
            Some(Fault::Short(kind)) => {
                let parts = [fits / 2, fits.saturating_sub(1), fits.min(1), fits / 3];
                (fits, error) = (parts[usize::try_from(number % 4).unwrap_or(0)], Some(kind));
            }
            Some(Fault::FlippedBit) | None => {}
        }
        if let Some(room) = state.room().and_then(|room| usize::try_from(room).ok())
            && room < fits
        {
            (fits, error) = (room, Some(io::ErrorKind::StorageFull));
        }
        if fits > 0 {
            state.disk.change_node(self.node, |file| file.append(&bytes[..fits]));
        }
        state.remember();
        error.map_or(Ok(()), |kind| Err(failure(kind)))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.vfs.state.lock();
        let fault = state.next_fault();
        let result = match fault {
            Some(Fault::Error(kind) | Fault::Short(kind)) => {
                // The kernel marks the pages clean and forgets that they never arrived.
                state.disk.change_node(self.node, |file| file.pending.clear());
                Err(failure(kind))
            }
            Some(Fault::FlippedBit) | None => {
                state.disk.change_node(self.node, |file| file.sync());
                Ok(())
            }
        };
        state.remember();
        result
    }
}

/// A file that will not change, as it was when it was opened.
#[derive(Debug)]
struct SimSealed {
    vfs: SimVfs,
    content: Arc<Vec<u8>>,
}

impl SealedFile for SimSealed {
    fn len(&self) -> u64 {
        self.content.len() as u64
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Cow<'_, [u8]>> {
        let (number, fault) = {
            let mut state = self.vfs.state.lock();
            let number = state.reads;
            state.reads += 1;
            (number, Plan::of(state.fail_reads, number))
        };
        let mut bytes = SealedFile::read(&*self.content, offset, len)?;
        match fault {
            Some(Fault::Error(kind) | Fault::Short(kind)) => return Err(failure(kind)),
            Some(Fault::FlippedBit) => flip(bytes.to_mut(), number),
            None => {}
        }
        Ok(bytes)
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
