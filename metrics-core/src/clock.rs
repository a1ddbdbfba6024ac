//! The hour, passed in.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::Timestamp;

/// Tells the time of day.
///
/// Any function that returns a [`Timestamp`] is a clock; the system's is
/// `|| Timestamp::from(SystemTime::now())`.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

impl<F: Fn() -> Timestamp + Send + Sync> Clock for F {
    fn now(&self) -> Timestamp {
        self()
    }
}

/// When a `step` of background work wants to be called next.
///
/// Earlier calls do no harm; what later ones cost, the step's documentation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NextDue {
    /// The instant; `None` if nothing is due before something else happens, a write for instance.
    pub at: Option<Timestamp>,
}

impl NextDue {
    /// Due at `at`.
    pub const fn at(at: Timestamp) -> Self {
        NextDue { at: Some(at) }
    }

    /// Not due by itself.
    pub const fn idle() -> Self {
        NextDue { at: None }
    }
}

/// A clock that stands still until it is set; for tests and replays.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        ManualClock(AtomicI64::new(now.nanos()))
    }

    /// Sets the clock, forwards or back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.nanos(), Ordering::SeqCst);
    }

    /// Moves the clock by `nanos`.
    pub fn advance(&self, nanos: i64) {
        self.0.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.0.load(Ordering::SeqCst))
    }
}
