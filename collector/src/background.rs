//! A thread that drives a sampler.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stripchart_core::{Clock, Sink, Timestamp};

use crate::driver::Driver;
use crate::{Sampler, SamplerStats, Warning};

/// Warnings kept until someone takes them.
const WARNINGS_MAX: usize = 256;

/// A running sampler; stops when this is dropped.
///
/// Dropping waits for a sample that is being taken and its writing.
#[derive(Debug)]
pub struct SamplerGuard {
    driver: Driver<Sampler>,
    shared: Arc<Mutex<Shared>>,
}

/// What the thread tells about itself.
#[derive(Debug, Default)]
struct Shared {
    stats: SamplerStats,
    warnings: Vec<Warning>,
}

impl SamplerGuard {
    /// What the sampler has done so far.
    #[must_use]
    pub fn stats(&self) -> SamplerStats {
        self.shared.lock().stats.clone()
    }

    /// Takes the warnings given since the last time, oldest first, at most 256.
    #[must_use]
    pub fn take_warnings(&self) -> Vec<Warning> {
        std::mem::take(&mut self.shared.lock().warnings)
    }

    /// Makes the thread look at the clock at once: for those who set the clock themselves.
    pub fn wake(&self) {
        self.driver.wake();
    }

    /// Stops the thread and gives the sampler back; `None` if the thread ended by a panic, of the sink for instance.
    #[must_use]
    pub fn stop(mut self) -> Option<Sampler> {
        self.driver.stop()
    }
}

pub(crate) fn spawn(
    sampler: Sampler,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
) -> io::Result<SamplerGuard> {
    let shared = Arc::<Mutex<Shared>>::default();
    let told = Arc::clone(&shared);
    let driver = Driver::spawn("stripchart-sampler", sampler, move |sampler| {
        turn(sampler, &*sink, &*clock, &told)
    })?;
    Ok(SamplerGuard { driver, shared })
}

/// Samples if it is time, tells what came of it, and says how long to wait.
fn turn(
    sampler: &mut Sampler,
    sink: &dyn Sink,
    clock: &dyn Clock,
    told: &Mutex<Shared>,
) -> Duration {
    let now = clock.now();
    let samples = sampler.stats().samples;
    let due = sampler.step(now, sink).at;
    let after = clock.now();
    if sampler.stats().samples > samples {
        sampler.stats_mut().last_duration_ns = u64::try_from(after.since(now)).ok();
        let warnings = sampler.take_warnings();
        let mut told = told.lock();
        told.stats = sampler.stats().clone();
        let room = WARNINGS_MAX - told.warnings.len();
        told.warnings.extend(warnings.into_iter().take(room));
    }
    // The wait is by another clock than the due time, one that cannot be set; looking again after an interval at the
    // latest keeps the two together.
    let wait = |due: Timestamp| Duration::from_nanos(u64::try_from(due.since(after)).unwrap_or(0));
    due.map_or(sampler.interval(), wait).min(sampler.interval())
}
