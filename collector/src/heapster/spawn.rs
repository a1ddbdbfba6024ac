//! The sampler on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use stripchart_core::{Clock, Sink};

use super::report::{Report, Round, Warning};
use super::sampler::ClusterSampler;

/// The longest wait before the clock is looked at again: it may have been set, or the machine suspended.
const WAIT_NS_MAX: i64 = 5_000_000_000;
/// The shortest, lest a clock that stands still keep a processor busy.
const WAIT_NS_MIN: i64 = 1_000_000;

impl ClusterSampler {
    /// Starts a thread, `stripchart-k8s`, that steps this sampler by `clock` until the guard is dropped.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn spawn(
        mut self,
        sink: Arc<dyn Sink>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<ClusterSamplerGuard> {
        let (stop, stopped) = mpsc::channel::<()>();
        let report = Arc::clone(&self.report);
        let thread = thread::Builder::new().name("stripchart-k8s".to_owned()).spawn(move || {
            loop {
                let due = self.step(clock.now(), &*sink);
                let wait_ns = due.since(clock.now()).clamp(WAIT_NS_MIN, WAIT_NS_MAX);
                let wait = Duration::from_nanos(wait_ns.unsigned_abs());
                if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
        })?;
        Ok(ClusterSamplerGuard { report, stop: Some(stop), thread: Some(thread) })
    }
}

/// Stops and joins the thread of a [`ClusterSampler`] when dropped.
///
/// That takes as long as the fetches under way, thus at most the fetch timeout, and the write to the sink.
#[derive(Debug)]
pub struct ClusterSamplerGuard {
    report: Arc<Report>,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ClusterSamplerGuard {
    /// As [`ClusterSampler::take_warnings`].
    #[must_use]
    pub fn take_warnings(&self) -> Vec<Warning> {
        self.report.take_warnings()
    }

    /// As [`ClusterSampler::last_round`].
    #[must_use]
    pub fn last_round(&self) -> Option<Round> {
        self.report.last_round()
    }

    /// Whether the thread still runs; it ends early only if a source's function or the sink panicked.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Drop for ClusterSamplerGuard {
    fn drop(&mut self) {
        self.report.stop.store(true, Ordering::Relaxed);
        self.stop = None; // wakes the thread
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed by the standard library's hook; there is nothing to add in a drop.
            let _ = thread.join();
        }
    }
}
