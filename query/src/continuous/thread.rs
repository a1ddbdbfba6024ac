//! A thread that calls [`Engine::tick`], for whoever has none of his own.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use stripchart_core::{Clock, Timestamp};

use super::Tick;
use crate::{Engine, Limits, QueryError};

/// How long it sleeps at most: clocks are set, and what failed is tried again.
const LONGEST: Duration = Duration::from_secs(60);

/// Tells the thread that something has changed.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: Mutex<u64>,
    changed: Condvar,
}

impl Bell {
    pub(super) fn ring(&self) {
        *self.rung.lock() += 1;
        self.changed.notify_all();
    }

    fn rung(&self) -> u64 {
        *self.rung.lock()
    }

    /// Returns when it has been rung since it was `before`, or after `longest`.
    fn wait(&self, before: u64, longest: Duration) {
        let mut rung = self.rung.lock();
        if *rung == before {
            self.changed.wait_for(&mut rung, longest);
        }
    }
}

/// A running thread; dropping this stops and joins it, after the query that it is at.
pub struct ContinuousGuard {
    engine: Engine,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for ContinuousGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinuousGuard").finish_non_exhaustive()
    }
}

impl Drop for ContinuousGuard {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.engine.continuous_counts().bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Engine {
    /// Starts one thread, named `stripchart-cq`, that calls [`Engine::tick`] when it is due, and when a continuous query is created; it
    /// ends when the answer is dropped. `each` is told what every call gave.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no thread.
    pub fn spawn_continuous(
        &self,
        clock: Arc<dyn Clock>,
        limits: Limits,
        mut each: impl FnMut(Result<Tick, QueryError>) + Send + 'static,
    ) -> io::Result<ContinuousGuard> {
        let stop = Arc::new(AtomicBool::new(false));
        let (engine, stopped) = (self.clone(), Arc::clone(&stop));
        let run = move || {
            let bell = &engine.continuous_counts().bell;
            loop {
                let before = bell.rung();
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                let tick = engine.tick(clock.now(), &limits);
                let next = tick.as_ref().ok().and_then(|tick| tick.next.at);
                each(tick);
                bell.wait(before, until(next, clock.now()));
            }
        };
        let thread = std::thread::Builder::new().name("stripchart-cq".to_owned()).spawn(run)?;
        Ok(ContinuousGuard { engine: self.clone(), stop, thread: Some(thread) })
    }
}

fn until(next: Option<Timestamp>, now: Timestamp) -> Duration {
    let left = next.map(|at| at.nanos().saturating_sub(now.nanos()).max(0));
    let left = left.and_then(|nanos| u64::try_from(nanos).ok()).map(Duration::from_nanos);
    left.map_or(LONGEST, |left| left.min(LONGEST))
}
