//! Asking file systems that may never answer.
//!
//! The server of a network file system can be gone, and a program that serves one from user space can be stuck; whoever
//! then asks how full it is waits for ever, and no signal but the end of the process frees him. So the sampling thread
//! never asks these itself:
//!
//! ```text
//! sample 1    ask /mnt/nfs --> queue --> worker: statvfs ......... answer
//! sample 2    take the answer, ask again                             |
//!             ^------------------------------------------------------+
//! ```
//!
//! A row is therefore what the file system said since the sample before. A worker lives while there is something to
//! ask, so that a host without such file systems has none. Of each mount one question at most is under way, hence one
//! worker at most is stuck in it; there are [`WORKERS_MAX`] in all, and once all of them are stuck the remaining guarded
//! mounts are not asked. A stuck worker ends when its mount answers or fails, whoever has forgotten it by then.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use stripchart_core::Timestamp;

use crate::sys::FilesystemUsage;

/// How many file systems may be stuck before the others that are guarded are no longer asked.
pub(crate) const WORKERS_MAX: usize = 8;

/// A mount that has not answered for this long is told of.
const PATIENCE_NS: i64 = 1_000_000_000;

type Answer = io::Result<FilesystemUsage>;
type Question = dyn Fn(&Path) -> Answer + Send + Sync;

/// What is known when a sample asks.
#[derive(Debug)]
pub(crate) enum Asked {
    /// What the mount answered since the sample before.
    Answered(Answer),
    /// The question is under way, which it may be.
    Waiting,
    /// It has been under way for so many nanoseconds, which is too long.
    Stuck(i64),
    /// Nobody is free to ask: so many other mounts are stuck.
    NoWorker(usize),
}

/// Asks mounts in threads of its own.
pub(crate) struct Guard {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    ask: Box<Question>,
}

#[derive(Debug, Default)]
struct State {
    mounts: HashMap<PathBuf, Slot>,
    /// Mounts in [`Slot::Queued`].
    queue: VecDeque<PathBuf>,
    workers: usize,
}

#[derive(Debug)]
enum Slot {
    Queued(Timestamp),
    Running(Timestamp),
    Answered(Answer),
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("state", &self.shared.state).finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard that asks by `ask`, which may take for ever.
    pub(crate) fn new(ask: impl Fn(&Path) -> Answer + Send + Sync + 'static) -> Self {
        let shared = Shared { state: Mutex::default(), ask: Box::new(ask) };
        Guard { shared: Arc::new(shared) }
    }

    /// Takes what the mount at `path` answered and asks again, if nothing is under way; never waits.
    pub(crate) fn ask(&self, path: &Path, now: Timestamp) -> Asked {
        let mut state = self.shared.state.lock();
        let stuck = state.busy();
        let found = match state.mounts.get_mut(path) {
            Some(Slot::Running(since)) => return waiting(now.since(*since), Asked::Stuck),
            Some(Slot::Queued(since)) => {
                let since = *since;
                self.employ(&mut state);
                return match stuck >= WORKERS_MAX {
                    true => waiting(now.since(since), |_| Asked::NoWorker(stuck)),
                    false => Asked::Waiting,
                };
            }
            Some(answered) => match std::mem::replace(answered, Slot::Queued(now)) {
                Slot::Answered(answer) => Asked::Answered(answer),
                Slot::Queued(_) | Slot::Running(_) => Asked::Waiting,
            },
            None => {
                state.mounts.insert(path.to_owned(), Slot::Queued(now));
                Asked::Waiting
            }
        };
        state.queue.push_back(path.to_owned());
        self.employ(&mut state);
        found
    }

    /// Forgets mounts that `keep` does not name; a question under way is remembered until it is answered, so that a
    /// mount that comes again does not hold two workers.
    pub(crate) fn retain(&self, keep: impl Fn(&Path) -> bool) {
        let mut state = self.shared.state.lock();
        state.mounts.retain(|path, slot| matches!(slot, Slot::Running(_)) || keep(path));
        state.queue.retain(|path| keep(path));
    }

    /// Starts a worker if more waits than there are workers about to look for something, and there may be another.
    fn employ(&self, state: &mut State) {
        let free = state.workers.saturating_sub(state.busy());
        if state.workers >= WORKERS_MAX || state.queue.len() <= free {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let started = std::thread::Builder::new()
            .name("stripchart-statvfs".to_owned())
            .spawn(move || shared.work());
        // Without a thread the question stays queued and is told of as such.
        state.workers += usize::from(started.is_ok());
    }
}

impl State {
    /// Questions that a worker has asked and that are not answered.
    fn busy(&self) -> usize {
        self.mounts.values().filter(|slot| matches!(slot, Slot::Running(_))).count()
    }
}

/// How a question that has been under way for `nanos` is to be seen.
fn waiting(nanos: i64, too_long: impl Fn(i64) -> Asked) -> Asked {
    if nanos >= PATIENCE_NS { too_long(nanos) } else { Asked::Waiting }
}

impl Shared {
    /// Asks what waits, until nothing does.
    fn work(&self) {
        loop {
            let path = {
                let mut state = self.state.lock();
                let Some(path) = state.queue.pop_front() else {
                    state.workers -= 1;
                    return;
                };
                if let Some(slot) = state.mounts.get_mut(&path)
                    && let Slot::Queued(since) = *slot
                {
                    *slot = Slot::Running(since);
                }
                path
            };
            let answer = (self.ask)(&path);
            if let Some(slot) = self.state.lock().mounts.get_mut(&path) {
                *slot = Slot::Answered(answer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Mounts whose name begins with `stuck` answer when told to; the others at once.
    fn guard() -> (Guard, Receiver<PathBuf>, Sender<()>) {
        let (asked, seen) = channel();
        let (free, freed) = channel::<()>();
        let freed = Mutex::new(freed);
        let guard = Guard::new(move |path| {
            asked.send(path.to_owned()).unwrap();
            if path.to_string_lossy().starts_with("stuck") {
                freed.lock().recv().unwrap();
            }
            Ok(FilesystemUsage { total_bytes: 7, ..FilesystemUsage::default() })
        });
        (guard, seen, free)
    }

    fn workers(guard: &Guard) -> usize {
        guard.shared.state.lock().workers
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    /// Asks until there is an answer: when a thread is done is the system's to say.
    fn answer(guard: &Guard, path: &str) -> FilesystemUsage {
        loop {
            match guard.ask(Path::new(path), at(0)) {
                Asked::Answered(answer) => return answer.unwrap(),
                _ => std::thread::yield_now(),
            }
        }
    }

    #[test]
    fn an_answer_comes_with_a_later_question() {
        let (guard, _seen, _free) = guard();
        assert!(matches!(guard.ask(Path::new("a"), at(0)), Asked::Waiting));
        assert_eq!(answer(&guard, "a").total_bytes, 7);
    }

    #[test]
    fn a_stuck_mount_holds_one_worker_and_the_others_go_on() {
        let (guard, seen, free) = guard();
        assert!(matches!(guard.ask(Path::new("stuck"), at(0)), Asked::Waiting));
        assert_eq!(seen.recv().unwrap(), Path::new("stuck"));
        for secs in 1..100 {
            let asked = guard.ask(Path::new("stuck"), at(secs));
            assert!(matches!(asked, Asked::Stuck(ns) if ns == secs * 1_000_000_000), "{asked:?}");
        }
        assert_eq!(answer(&guard, "b").total_bytes, 7);
        assert!(workers(&guard) <= 2);
        free.send(()).unwrap();
        assert_eq!(answer(&guard, "stuck").total_bytes, 7);
    }

    #[test]
    fn workers_are_few_however_many_mounts_are_stuck_and_end_when_there_is_nothing_to_ask() {
        let (guard, seen, free) = guard();
        let paths: Vec<_> = (0..50).map(|n| PathBuf::from(format!("stuck{n}"))).collect();
        for secs in 0..3 {
            for path in &paths {
                guard.ask(path, at(secs));
            }
        }
        for _ in 0..WORKERS_MAX {
            seen.recv().unwrap();
        }
        assert_eq!(workers(&guard), WORKERS_MAX);
        let last = guard.ask(&paths[49], at(9));
        assert!(matches!(last, Asked::NoWorker(WORKERS_MAX)), "{last:?}");
        // They are unmounted: what was not yet asked is forgotten, what is stuck is not asked a second time.
        guard.retain(|_| false);
        assert_eq!(guard.shared.state.lock().mounts.len(), WORKERS_MAX);
        for path in &paths[..WORKERS_MAX] {
            assert!(matches!(guard.ask(path, at(10)), Asked::Stuck(_)));
        }
        (0..WORKERS_MAX).for_each(|_| free.send(()).unwrap());
        while workers(&guard) > 0 {
            std::thread::yield_now();
        }
        assert!(seen.try_recv().is_err(), "nothing else was asked");
    }
}
