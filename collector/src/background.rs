//! A thread that drives a sampler.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use stripchart_core::{Clock, Sink, Timestamp};

use crate::driver::{Driver, Waker};
use crate::{Sampler, SamplerStats, Warning};

/// Warnings kept until someone takes them.
const WARNINGS_MAX: usize = 256;

/// A running sampler; stops when this is dropped.
///
/// Dropping waits for a sample that is being taken and its writing.
pub struct SamplerGuard {
    driver: Driver<Sampler>,
    shared: Arc<Mutex<Shared>>,
    fresh: Arc<Fresh>,
    clock: Arc<dyn Clock>,
}

/// Asks a running sampler for something fresh, or what it has done; made by [`SamplerGuard::handle`], may be cloned and given to any thread.
#[derive(Clone)]
pub struct SamplerHandle {
    waker: Waker,
    fresh: Arc<Fresh>,
    clock: Arc<dyn Clock>,
    shared: Arc<Mutex<Shared>>,
}

/// When cgroups were read last, and who wants it again.
#[derive(Debug, Default)]
struct Fresh {
    state: Mutex<FreshState>,
    read: Condvar,
}

#[derive(Debug, Default)]
struct FreshState {
    /// When they were read last.
    at: Option<Timestamp>,
    /// Turns of the thread that were begun, and the last of them in which they were read.
    begun: u64,
    done: u64,
    /// Somebody waits for them to be read.
    wanted: bool,
    /// The thread has ended.
    over: bool,
}

impl Fresh {
    /// A turn begins; answers whether somebody waits for it.
    fn begin(&self) -> bool {
        let mut state = self.state.lock();
        state.begun += 1;
        std::mem::take(&mut state.wanted)
    }

    /// In the turn that was begun last cgroups were read, at `now`.
    fn end(&self, now: Timestamp) {
        let mut state = self.state.lock();
        (state.at, state.done) = (Some(now), state.begun);
        self.read.notify_all();
    }
}

impl SamplerHandle {
    /// What the sampler has done so far.
    #[must_use]
    pub fn stats(&self) -> SamplerStats {
        self.shared.lock().stats.clone()
    }

    /// Sees to it that what the [node](crate::SamplerBuilder::node) knows of cgroups is at most `max_age` old, by the
    /// sampler's clock: if it is older the thread reads them at once, and this waits for that, at most `timeout`.
    ///
    /// Answers whether it is fresh. Requests that come while one is under way are met by the same reading or the one
    /// right after, so that many of them cost no more than reading all the time.
    pub fn refresh(&self, max_age: Duration, timeout: Duration) -> bool {
        let asked = self.clock.now();
        let max_age = i64::try_from(max_age.as_nanos()).unwrap_or(i64::MAX);
        let is_fresh = |state: &FreshState| {
            state.at.is_some_and(|at| (0..=max_age).contains(&asked.since(at)))
        };
        let mut state = self.fresh.state.lock();
        if is_fresh(&state) {
            return true;
        }
        // One that is under way may have read half of the cgroups already: the one after it counts in any case, even if
        // the clock was set back in between.
        let begun = state.begun;
        state.wanted = true;
        self.waker.wake();
        let met = |state: &FreshState| state.done > begun || is_fresh(state);
        let waits = |state: &mut FreshState| !met(state) && !state.over;
        self.fresh.read.wait_while_for(&mut state, waits, timeout);
        met(&state)
    }
}

impl fmt::Debug for SamplerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SamplerHandle").field("fresh", &self.fresh).finish_non_exhaustive()
    }
}

impl fmt::Debug for SamplerGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SamplerGuard").field("shared", &self.shared).finish_non_exhaustive()
    }
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

    /// What asks this sampler for something fresh, for others to keep.
    #[must_use]
    pub fn handle(&self) -> SamplerHandle {
        SamplerHandle {
            waker: self.driver.waker(),
            fresh: Arc::clone(&self.fresh),
            clock: Arc::clone(&self.clock),
            shared: Arc::clone(&self.shared),
        }
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
    let fresh = Arc::<Fresh>::default();
    let thread = Thread {
        sink,
        clock: Arc::clone(&clock),
        told: Arc::clone(&shared),
        fresh: Ending(Arc::clone(&fresh)),
    };
    let driver = Driver::spawn("stripchart-sampler", sampler, move |sampler| thread.turn(sampler))?;
    Ok(SamplerGuard { driver, shared, fresh, clock })
}

/// What the thread works with.
struct Thread {
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
    told: Arc<Mutex<Shared>>,
    fresh: Ending,
}

/// Tells those who wait when the thread ends, be it by a panic.
struct Ending(Arc<Fresh>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.state.lock().over = true;
        self.0.read.notify_all();
    }
}

impl Thread {
    /// Samples if it is time, tells what came of it, and says how long to wait.
    fn turn(&self, sampler: &mut Sampler) -> Duration {
        // Before the clock is looked at: who asks from now on wants to see what comes after.
        let wanted = self.fresh.0.begin();
        let now = self.clock.now();
        let samples = sampler.stats().samples;
        let due = sampler.step(now, &*self.sink).at;
        let sampled = sampler.stats().samples > samples;
        if wanted && !sampled {
            sampler.refresh(now);
        }
        let after = self.clock.now();
        if sampled {
            sampler.stats_mut().last_duration_ns = u64::try_from(after.since(now)).ok();
        }
        if sampled || wanted {
            self.tell(sampler, now);
        }
        // The wait is by another clock than the due time, one that cannot be set; looking again after an interval at the
        // latest keeps the two together.
        let wait =
            |due: Timestamp| Duration::from_nanos(u64::try_from(due.since(after)).unwrap_or(0));
        due.map_or(sampler.interval(), wait).min(sampler.interval())
    }

    /// Tells what was done, and that cgroups were read at `now`.
    fn tell(&self, sampler: &mut Sampler, now: Timestamp) {
        let warnings = sampler.take_warnings();
        let mut told = self.told.lock();
        told.stats = sampler.stats().clone();
        let room = WARNINGS_MAX - told.warnings.len();
        told.warnings.extend(warnings.into_iter().take(room));
        drop(told);
        self.fresh.0.end(now);
    }
}
