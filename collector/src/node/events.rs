//! What happened to containers.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use stripchart_core::Timestamp;

/// Events kept: beyond it the oldest go.
const EVENTS_MAX: usize = 10_000;

/// Something that happened to a container.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// Counts all events from 1.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// The path of the cgroup.
    pub container: Arc<str>,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// The cgroup appeared.
    Created,
    /// The cgroup is gone.
    Deleted {
        /// The exit code of its first process, where known.
        exit_code: Option<i32>,
    },
    /// A limit of memory was hit in this cgroup, and something had to be killed.
    Oom {
        /// The process that was killed.
        pid: u32,
        /// Its name.
        process: Box<str>,
        /// Which limit, as the kernel names it: `CONSTRAINT_MEMCG` and others.
        constraint: Box<str>,
    },
    /// A process of this cgroup was killed for want of memory.
    OomKill {
        /// The process.
        pid: u32,
        /// Its name.
        process: Box<str>,
        /// Which limit.
        constraint: Box<str>,
    },
}

/// The latest events, in order; at most ten thousand.
#[derive(Debug, Default)]
pub struct EventLog {
    log: Mutex<Log>,
    added: Condvar,
}

#[derive(Debug, Default)]
struct Log {
    events: VecDeque<Event>,
    last: u64,
}

impl EventLog {
    /// Adds an event and wakes those who wait for one.
    pub(crate) fn add(&self, at: Timestamp, container: Arc<str>, kind: EventKind) {
        let mut log = self.log.lock();
        if log.events.len() >= EVENTS_MAX {
            log.events.pop_front();
        }
        log.last += 1;
        let number = log.last;
        log.events.push_back(Event { number, at, container, kind });
        self.added.notify_all();
    }

    /// The number of the latest event; 0 before the first.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.log.lock().last
    }

    /// The events after number `after` that `wanted` takes, oldest first.
    #[must_use]
    pub fn since(&self, after: u64, mut wanted: impl FnMut(&Event) -> bool) -> Vec<Event> {
        let log = self.log.lock();
        let known = log.events.iter().filter(|event| event.number > after);
        known.filter(|event| wanted(event)).cloned().collect()
    }

    /// Waits until there is an event after number `after`, or `timeout` has passed; answers whether there is one.
    pub fn wait(&self, after: u64, timeout: std::time::Duration) -> bool {
        let mut log = self.log.lock();
        if log.last <= after {
            self.added.wait_for(&mut log, timeout);
        }
        log.last > after
    }
}
