//! A thread that drives a sampler.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use stripchart_core::{Clock, Sink};

use crate::{Sampler, SamplerStats, Warning};

/// Warnings kept until someone takes them.
const WARNINGS_MAX: usize = 256;

/// A running sampler; stops when this is dropped.
///
/// Dropping waits for a sample that is being taken and its writing.
#[derive(Debug)]
pub struct SamplerGuard {
    /// `None` once stopping: that the channel is closed tells the thread.
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<Sampler>>,
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
        if let Some(wake) = &self.wake {
            // Fails only if the thread has ended, and then there is nobody to wake.
            let _ = wake.send(());
        }
    }

    /// Stops the thread and gives the sampler back; `None` if the thread ended by a panic, of the sink for instance.
    #[must_use]
    pub fn stop(mut self) -> Option<Sampler> {
        self.join()
    }

    fn join(&mut self) -> Option<Sampler> {
        self.wake = None;
        self.thread.take()?.join().ok()
    }
}

impl Drop for SamplerGuard {
    fn drop(&mut self) {
        self.join();
    }
}

pub(crate) fn spawn(
    sampler: Sampler,
    sink: Arc<dyn Sink>,
    clock: Arc<dyn Clock>,
) -> io::Result<SamplerGuard> {
    let (wake, woken) = channel();
    let shared = Arc::<Mutex<Shared>>::default();
    let told = Arc::clone(&shared);
    let thread = std::thread::Builder::new()
        .name("stripchart-sampler".to_owned())
        .spawn(move || run(sampler, &*sink, &*clock, &woken, &told))?;
    Ok(SamplerGuard { wake: Some(wake), thread: Some(thread), shared })
}

fn run(
    mut sampler: Sampler,
    sink: &dyn Sink,
    clock: &dyn Clock,
    woken: &Receiver<()>,
    told: &Mutex<Shared>,
) -> Sampler {
    loop {
        let now = clock.now();
        let samples = sampler.stats().samples;
        let due = sampler.step(now, sink).at.unwrap_or(now);
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
        let wait = Duration::from_nanos(u64::try_from(due.since(after)).unwrap_or(0));
        match woken.recv_timeout(wait.min(sampler.interval())) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return sampler,
        }
    }
}
