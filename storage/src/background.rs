//! A thread that drives [`Db::step`], for whoever has none.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::Db;

/// The longest the thread sleeps, so that a changed clock or policy is noticed.
const MAX_NAP: Duration = Duration::from_secs(60);
/// The shortest, so that a failing disk is not asked in a tight loop.
const MIN_NAP: Duration = Duration::from_millis(10);

/// A running thread that does a database's background work; stopped and joined when this is dropped.
#[must_use = "dropping it stops the thread"]
pub struct Background {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    pub(crate) fn spawn(db: Db) -> io::Result<Background> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let signal = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("stripchart-db".to_owned())
            .spawn(move || run(&db, &signal))?;
        Ok(Background { stop, thread: Some(thread) })
    }
}

fn run(db: &Db, (stop, wake): &(Mutex<bool>, Condvar)) {
    let _driven = db.shared.driver();
    loop {
        let now = db.shared.options.clock.now();
        let due = db.step(now);
        let nap = due.at.map_or(MAX_NAP, |at| {
            Duration::from_nanos(u64::try_from(at.since(now)).unwrap_or(0)).clamp(MIN_NAP, MAX_NAP)
        });
        let mut stopped = stop.lock();
        if !*stopped {
            wake.wait_for(&mut stopped, nap.min(db.shared.longest_nap()));
        }
        if *stopped {
            return;
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        *self.stop.0.lock() = true;
        self.stop.1.notify_all();
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
