//! Making the log durable: writers that wait at the same time share one sync, led by one of them.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::vfs::AppendFile;
use crate::{DbError, ReadError};

/// What is written and what is synced.
#[derive(Debug)]
pub(crate) struct Commit {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    file: Arc<dyn AppendFile>,
    /// Numbers of the last record written, and of the last one that is durable.
    written: u64,
    synced: u64,
    /// Whether somebody is syncing.
    syncing: bool,
    syncs: u64,
    /// Why nothing more is written: what a failed write or sync left on the device is unknown, and asking again would not
    /// tell (the kernel reports an error once and forgets the pages). Opening the database again finds out.
    failed: Option<String>,
}

impl Commit {
    pub(crate) fn new(file: Arc<dyn AppendFile>, seq: u64) -> Self {
        let state =
            State { file, written: seq, synced: seq, syncing: false, syncs: 0, failed: None };
        Commit { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The last record that is known to be durable.
    pub(crate) fn durable(&self) -> u64 {
        self.state.lock().synced
    }

    /// Record `seq` has been written.
    pub(crate) fn wrote(&self, seq: u64) {
        self.state.lock().written = seq;
    }

    /// Everything up to `seq` is durable, and what follows goes to `file`.
    pub(crate) fn rotated(&self, file: &Arc<dyn AppendFile>, seq: u64) {
        let mut state = self.state.lock();
        state.file = Arc::clone(file);
        state.synced = state.synced.max(seq);
        state.syncs += 1;
        drop(state);
        self.changed.notify_all();
    }

    /// Returns when record `seq` is durable.
    pub(crate) fn wait(&self, seq: u64) -> Result<(), DbError> {
        let mut state = self.state.lock();
        loop {
            // What is durable stays so, whatever failed later.
            if state.synced >= seq {
                return Ok(());
            }
            if let Some(reason) = &state.failed {
                return Err(DbError::ReadOnly { reason: reason.clone() });
            }
            if state.syncing {
                self.changed.wait(&mut state);
                continue;
            }
            state.syncing = true;
            let (file, target) = (Arc::clone(&state.file), state.written);
            drop(state);
            let result = file.sync();
            state = self.state.lock();
            state.syncing = false;
            match result {
                Ok(()) => {
                    state.synced = state.synced.max(target);
                    state.syncs += 1;
                }
                Err(error) => {
                    state.failed.get_or_insert_with(|| reason("sync", &error));
                }
            }
            self.changed.notify_all();
        }
    }

    /// Makes everything written durable.
    pub(crate) fn sync_all(&self) -> Result<(), DbError> {
        let written = self.state.lock().written;
        self.wait(written)
    }

    pub(crate) fn is_dirty(&self) -> bool {
        let state = self.state.lock();
        state.failed.is_none() && state.synced < state.written
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// Refuses all writes from now on, because of `error`.
    pub(crate) fn poison(&self, error: &ReadError) -> DbError {
        let reason = reason("write", error);
        let mut state = self.state.lock();
        let reason = state.failed.get_or_insert(reason).clone();
        drop(state);
        self.changed.notify_all();
        DbError::ReadOnly { reason }
    }

    /// Why no writes are taken, if so.
    pub(crate) fn failure(&self) -> Option<String> {
        self.state.lock().failed.clone()
    }

    pub(crate) fn check(&self) -> Result<(), DbError> {
        match self.failure() {
            None => Ok(()),
            Some(reason) => Err(DbError::ReadOnly { reason }),
        }
    }
}

fn reason(what: &str, error: &dyn std::error::Error) -> String {
    let error = stripchart_core::error_chain(error);
    format!("the log failed at a {what} ({error}); open the database again once the cause is gone")
}
