//! A thread that drives [`Db::step`](crate::Db::step), for whoever has none.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::db::Shared;
use crate::options::SyncPolicy;

/// The longest the thread sleeps, so that a changed clock is noticed.
const MAX_NAP: Duration = Duration::from_secs(60);
/// The shortest, so that a failing disk is not asked in a tight loop.
const MIN_NAP: Duration = Duration::from_millis(10);

/// How much the thread steps back behind others of the host, as `nice` counts: sealing and merging may wait where a question may not.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Wakes threads that wait for something to do.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    /// Whether something came up since a thread looked last.
    called: Mutex<bool>,
    changed: Condvar,
}

impl Wake {
    pub(crate) fn notify(&self) {
        *self.called.lock() = true;
        self.changed.notify_all();
    }

    fn wait(&self, nap: Duration) {
        let mut called = self.called.lock();
        if !*called {
            self.changed.wait_for(&mut called, nap);
        }
        *called = false;
    }
}

/// A running thread that does a database's background work; stopped and joined when this is dropped.
///
/// It keeps the database open.
#[must_use = "dropping it stops the thread"]
pub struct Background {
    stop: Arc<AtomicBool>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(crate) fn spawn(shared: Arc<Shared>) -> io::Result<Background> {
        let stop = Arc::new(AtomicBool::new(false));
        let (signal, of_thread) = (Arc::clone(&stop), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("stripchart-db".to_owned())
            .spawn(move || run(&of_thread, &signal))?;
        Ok(Background { stop, shared, thread: Some(thread) })
    }
}

fn run(shared: &Shared, stop: &AtomicBool) {
    // Of this thread alone, as Linux understands it. Where it is forbidden nothing is lost.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICENESS);
    let _driven = Driven::new(&shared.drivers);
    while !stop.load(Ordering::SeqCst) {
        let now = shared.options.clock.now().nanos();
        let due = shared.step(now);
        let nap = due.at.map_or(MAX_NAP, |at| {
            Duration::from_nanos(u64::try_from(at.nanos().saturating_sub(now)).unwrap_or(0))
        });
        // What is written while it sleeps is due after an interval, whatever was due before.
        let most = match shared.options.sync {
            SyncPolicy::Interval(interval) => MAX_NAP.min(interval),
            SyncPolicy::Always | SyncPolicy::Never => MAX_NAP,
        };
        shared.wake.wait(nap.min(most).max(MIN_NAP));
    }
}

/// Somebody drives the background work, until this is dropped.
struct Driven<'a>(&'a AtomicUsize);

impl<'a> Driven<'a> {
    fn new(drivers: &'a AtomicUsize) -> Self {
        drivers.fetch_add(1, Ordering::Relaxed);
        Driven(drivers)
    }
}

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.shared.wake.notify();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by the panic hook.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}
