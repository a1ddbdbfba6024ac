//! Room on the disk: writing stops before it is full, and begins again by itself.
//!
//! ```text
//! free   |------- wanted -------| x 1.25 |------------------------------>
//!        writes are refused here         and taken again from here on
//! ```
//!
//! What is wanted is room to seal what is in memory and for the log, so that nothing has to be given up half-way. Free space is looked
//! up once per MiB written or oftener, in every step, and at every write while there is too little. On entering this state a small file is
//! put by, which is given up when somebody deletes: freeing space takes some.
//!
//! Others may fill the disk to the last byte nevertheless, and the log then fails in the middle of a record. That is no reason to
//! refuse everything until the database is opened again, as after a failed sync: what was written before is as it was. The log is
//! *suspended*: once there is room its last file is written anew without the torn record, and another one begun, just as after a
//! crash. A folder on a full disk is opened so too.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::db::Shared;
use crate::ingest::Ingest;
use crate::vfs::Space;
use crate::{DbError, ReadError};

/// The file that is put by.
pub(crate) const RESERVE: &str = "reserve";
const RESERVE_BYTES: u64 = 1 << 20;
/// Bytes written between two looks at the free space; less when it comes near to what is wanted.
const LOOK_BYTES: u64 = 1 << 20;
/// What is wanted by default: so much, or a fiftieth of the volume if that is less.
const WANTED: u64 = 256 << 20;
const WANTED_PART: u64 = 50;
/// In no case is more wanted than this part of the volume, unless somebody says so.
const WANTED_AT_MOST: u64 = 4;
/// How often a step looks while there is too little.
const AGAIN_NS: i64 = 5_000_000_000;

/// What is known of the disk.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    full: AtomicBool,
    /// Bytes written since the last look, and at how many the next one is due.
    written: AtomicU64,
    look_at: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Free and wanted, when it was looked up last.
    found: (u64, u64),
    /// Whether the file is put by.
    reserved: bool,
}

impl Disk {
    /// So many bytes were written.
    pub(crate) fn wrote(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn look_at(&self) -> u64 {
        self.look_at.load(Ordering::Relaxed)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    fn error(&self) -> DbError {
        let (free, wanted) = self.state.lock().found;
        DbError::DiskFull { free, wanted }
    }

    /// Why no writes are taken, if so.
    pub(crate) fn reason(&self) -> Option<String> {
        self.is_full().then(|| self.error().to_string())
    }
}

/// Whether an error says that there is no room on the disk, and that what was written before is as it was.
pub(crate) fn is_full(error: &ReadError) -> bool {
    match error {
        ReadError::Io { op, source, .. } => {
            let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
            // After a failed sync nobody knows what there is.
            *op != "sync" && kinds.contains(&source.kind())
        }
        _ => false,
    }
}

impl Shared {
    /// An error unless there is room to write.
    pub(crate) fn check_room(&self, ingest: &mut Ingest) -> Result<(), DbError> {
        let due = self.disk.written.load(Ordering::Relaxed) >= self.disk.look_at();
        if due || self.disk.is_full() { self.look(ingest) } else { Ok(()) }
    }

    /// Looks how much is free, and begins or ceases to take writes.
    fn look(&self, ingest: &mut Ingest) -> Result<(), DbError> {
        self.disk.written.store(0, Ordering::Relaxed);
        // A system that does not tell is asked by writing.
        let space = self.vfs().free_space(&self.root).ok().flatten();
        let enough = match space {
            None => {
                self.disk.look_at.store(LOOK_BYTES, Ordering::Relaxed);
                true
            }
            Some(space) => {
                let wanted = self.wanted(space);
                let least = if self.disk.is_full() { wanted + wanted / 4 } else { wanted };
                self.disk.state.lock().found = (space.free, wanted);
                // What is in memory grows too, several times as fast where there are many series.
                let left = space.free.saturating_sub(wanted) / 16;
                self.disk.look_at.store(LOOK_BYTES.min(left), Ordering::Relaxed);
                space.free >= least
            }
        };
        if !enough {
            self.disk.full.store(true, Ordering::Relaxed);
            self.put_by();
            return Err(self.disk.error());
        }
        self.resume_log(ingest)?;
        self.disk.full.store(false, Ordering::Relaxed);
        self.give_up_reserve();
        Ok(())
    }

    fn wanted(&self, space: Space) -> u64 {
        let least = self.needed();
        match self.options.min_free_bytes {
            Some(0) => return 0,
            Some(wanted) => return wanted.max(least),
            None => {}
        }
        WANTED.min(space.total / WANTED_PART).max(least).min(space.total / WANTED_AT_MOST)
    }

    /// What sealing and the log take.
    fn needed(&self) -> u64 {
        let head = self.version.read().active.inner.read().bytes as u64;
        self.options.log_file_bytes.saturating_mul(2).saturating_add(head)
    }

    /// The same in a step; when to look again.
    pub(crate) fn step_disk(&self, now: i64) -> Option<i64> {
        let mut ingest = self.ingest.lock();
        let _ = self.look(&mut ingest);
        self.disk.is_full().then(|| now.saturating_add(AGAIN_NS))
    }

    /// Whether there is room to write `bytes`, and some to spare; what frees space in the end may have nearly all there is.
    pub(crate) fn has_room(&self, bytes: u64, frees: bool) -> bool {
        match self.vfs().free_space(&self.root) {
            Ok(Some(space)) => {
                let spare = if frees { RESERVE_BYTES } else { self.wanted(space) };
                space.free >= bytes.saturating_add(spare)
            }
            _ => true,
        }
    }

    /// The log could not be written: for want of room, which may change, or for any other reason, which is for good.
    pub(crate) fn log_failed(&self, ingest: &mut Ingest, error: &ReadError) -> DbError {
        if !is_full(error) {
            return self.commit.poison(error);
        }
        ingest.log.suspend();
        self.disk.full.store(true, Ordering::Relaxed);
        // Not what is free, but the best that is known.
        if let Ok(Some(space)) = self.vfs().free_space(&self.root) {
            self.disk.state.lock().found = (space.free, self.wanted(space));
        }
        self.disk.error()
    }

    /// Goes on with a log that was suspended.
    pub(crate) fn resume_log(&self, ingest: &mut Ingest) -> Result<(), DbError> {
        if !ingest.log.is_suspended() {
            return Ok(());
        }
        if let Err(error) = ingest.log.resume(self.vfs()) {
            self.disk.full.store(true, Ordering::Relaxed);
            return Err(if is_full(&error) { self.disk.error() } else { error.into() });
        }
        ingest.resumed();
        self.commit.rotated(&ingest.log.file, ingest.log.next_seq - 1);
        Ok(())
    }

    /// Makes a file that can be given up later, if there is room for one.
    fn put_by(&self) {
        let mut state = self.disk.state.lock();
        if state.reserved || state.found.0 < RESERVE_BYTES + self.needed() {
            return;
        }
        let path = self.root.join(RESERVE);
        let zeros = vec![0; usize::try_from(RESERVE_BYTES).unwrap_or(0)];
        let put = || self.vfs().create(&path)?.append(&zeros);
        state.reserved = true;
        if put().is_err() {
            drop(state);
            self.give_up_reserve();
        }
    }

    /// Gives that file up, for somebody who frees space.
    pub(crate) fn give_up_reserve(&self) {
        let mut state = self.disk.state.lock();
        if state.reserved {
            // If it stays, opening removes it.
            let _ = self.vfs().remove_file(&self.root.join(RESERVE));
            state.reserved = false;
        }
    }
}

/// Bytes that a file takes on the disk: whole blocks.
pub(crate) const fn allocated(bytes: u64) -> u64 {
    bytes.div_ceil(4096) * 4096
}

/// The number of bytes that the files directly in `folder` take.
pub(crate) fn folder_bytes(vfs: &dyn crate::vfs::Vfs, folder: &Path) -> u64 {
    let names = crate::recover::list_or_nothing(vfs, folder).unwrap_or_default();
    let len = |name: &String| {
        let file = vfs.open_sealed(&folder.join(name), crate::vfs::ReadMode::Pread);
        allocated(file.map_or(0, |file| file.len()))
    };
    names.iter().map(len).sum()
}
