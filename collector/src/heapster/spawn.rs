//! The sampler on a thread of its own.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use stripchart_core::{Clock, Sink};

use super::report::{ClusterWarning, Report, Round};
use super::sampler::ClusterSampler;
use crate::driver::Driver;

/// The longest wait before the clock is looked at again: it may have been set, or the machine suspended.
const WAIT_NS_MAX: i64 = 5_000_000_000;
/// The shortest, lest a clock that stands still keep a processor busy.
const WAIT_NS_MIN: i64 = 1_000_000;

impl ClusterSampler {
    /// Starts a thread, `stripchart-k8s`, that steps this sampler by `clock` until the guard is dropped.
    ///
    /// # Errors
    ///
    /// What the system says if it cannot start a thread.
    pub fn spawn(
        self,
        sink: Arc<dyn Sink>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<ClusterSamplerGuard> {
        let report = Arc::clone(&self.report);
        report.stop.store(false, Ordering::Relaxed);
        let driver = Driver::spawn("stripchart-k8s", self, move |sampler| {
            let due = sampler.step(clock.now(), &*sink).at;
            let wait_ns = due.map_or(WAIT_NS_MAX, |due| due.since(clock.now()));
            Duration::from_nanos(wait_ns.clamp(WAIT_NS_MIN, WAIT_NS_MAX).unsigned_abs())
        })?;
        Ok(ClusterSamplerGuard { report, driver })
    }
}

/// A running sampler; stops when this is dropped.
///
/// Dropping waits for the fetches under way, thus at most for the fetch timeout, and for the write to the sink.
#[derive(Debug)]
pub struct ClusterSamplerGuard {
    report: Arc<Report>,
    driver: Driver<ClusterSampler>,
}

impl ClusterSamplerGuard {
    /// As [`ClusterSampler::take_warnings`].
    #[must_use]
    pub fn take_warnings(&self) -> Vec<ClusterWarning> {
        self.report.take_warnings()
    }

    /// As [`ClusterSampler::last_round`].
    #[must_use]
    pub fn last_round(&self) -> Option<Round> {
        self.report.last_round()
    }

    /// Makes the thread look at the clock at once: for those who set the clock themselves.
    pub fn wake(&self) {
        self.driver.wake();
    }

    /// Stops the thread and gives the sampler back; `None` if the thread ended by a panic, of the sink for instance.
    #[must_use]
    pub fn stop(mut self) -> Option<ClusterSampler> {
        self.join()
    }

    fn join(&mut self) -> Option<ClusterSampler> {
        self.report.stop.store(true, Ordering::Relaxed);
        let sampler = self.driver.stop();
        self.report.stop.store(false, Ordering::Relaxed);
        sampler
    }
}

impl Drop for ClusterSamplerGuard {
    fn drop(&mut self) {
        self.join();
    }
}
