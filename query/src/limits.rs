//! What a query may use, and how it is stopped.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stripchart_core::{Clock, Timestamp};
use stripchart_storage::Cancel;

use crate::QueryError;

/// What one statement may use. `None` is no limit.
///
/// The default limits memory alone, since InfluxDB's defaults refuse nothing and neither should these; the memory that
/// an answer takes is what brings a host process down. Set the others where strangers ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Series read. InfluxDB's `max-select-series`.
    pub max_series: Option<u64>,
    /// Rows read. InfluxDB's `max-select-point`.
    pub max_points: Option<u64>,
    /// Windows of `GROUP BY time`, in each series of the answer. InfluxDB's `max-select-buckets`: with it a query
    /// without a lower bound of time begins this many windows before its upper bound.
    pub max_buckets: Option<u64>,
    /// Bytes of intermediate results and of the answer held at once, by estimate.
    pub max_memory_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_series: None,
            max_points: None,
            max_buckets: None,
            max_memory_bytes: Some(1 << 30),
        }
    }
}

/// A time at which a query is stopped, and the clock that tells when it is reached.
#[derive(Clone, Copy)]
pub struct Deadline<'a> {
    /// When.
    pub at: Timestamp,
    /// Asked once per block of rows.
    pub clock: &'a dyn Clock,
}

impl fmt::Debug for Deadline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").field("at", &self.at).finish_non_exhaustive()
    }
}

/// When a statement is stopped, and by whose clock.
#[derive(Clone)]
pub(crate) enum Until<'a> {
    Lent(Deadline<'a>),
    Shared(Timestamp, Arc<dyn Clock>),
}

impl Until<'_> {
    fn has_come(&self) -> bool {
        match self {
            Until::Lent(deadline) => deadline.clock.now() >= deadline.at,
            Until::Shared(at, clock) => clock.now() >= *at,
        }
    }
}

impl fmt::Debug for Until<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Until::Lent(deadline) => deadline.fmt(f),
            Until::Shared(at, _) => f.debug_struct("Until").field("at", at).finish_non_exhaustive(),
        }
    }
}

/// What a statement may use, and has used so far. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Budget<'a> {
    limits: Limits,
    cancel: Option<Cancel>,
    until: Option<Until<'a>>,
    used: Arc<Used>,
}

#[derive(Debug, Default)]
struct Used {
    points: AtomicU64,
    memory: AtomicU64,
    series: AtomicU64,
}

impl<'a> Budget<'a> {
    pub(crate) fn new(limits: &Limits, cancel: Option<&Cancel>, until: Option<Until<'a>>) -> Self {
        Budget { limits: limits.clone(), cancel: cancel.cloned(), until, used: Arc::default() }
    }

    /// The limits.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The flag that ends it.
    pub(crate) fn cancel(&self) -> Option<&Cancel> {
        self.cancel.as_ref()
    }

    /// Counts rows read, and looks whether it is time to stop.
    pub(crate) fn rows(&self, rows: usize) -> Result<(), QueryError> {
        if self.cancel.as_ref().is_some_and(Cancel::is_cancelled) {
            return Err(QueryError::Cancelled);
        }
        if self.until.as_ref().is_some_and(Until::has_come) {
            return Err(QueryError::Deadline);
        }
        let found = add(&self.used.points, rows);
        match self.limits.max_points {
            Some(limit) if found > limit => Err(QueryError::Points { found, limit }),
            _ => Ok(()),
        }
    }

    pub(crate) fn series(&self, series: usize) -> Result<(), QueryError> {
        let found = add(&self.used.series, series);
        match self.limits.max_series {
            Some(limit) if found > limit => Err(QueryError::Series { found, limit }),
            _ => Ok(()),
        }
    }

    /// Looks whether `series` more would be too many, without counting them. What is listed may be fewer: only those
    /// that have rows in the range of time.
    pub(crate) fn series_expected(&self, series: u64) -> Result<(), QueryError> {
        let found = self.used.series.load(Ordering::Relaxed).saturating_add(series);
        match self.limits.max_series {
            Some(limit) if found > limit => Err(QueryError::Series { found, limit }),
            _ => Ok(()),
        }
    }

    /// Asks for memory; what is asked for is returned by [`Budget::give_back`] or [`Budget::release`].
    pub(crate) fn memory(&self, bytes: u64) -> Result<(), QueryError> {
        let found = self.memory_used().saturating_add(bytes);
        match self.limits.max_memory_bytes {
            Some(limit) if found > limit => Err(QueryError::Memory { found, limit }),
            _ => {
                self.release(found);
                Ok(())
            }
        }
    }

    /// Looks whether `bytes` more would be too many, without asking for them.
    pub(crate) fn memory_expected(&self, bytes: u64) -> Result<(), QueryError> {
        let found = self.memory_used().saturating_add(bytes);
        match self.limits.max_memory_bytes {
            Some(limit) if found > limit => Err(QueryError::Memory { found, limit }),
            _ => Ok(()),
        }
    }

    /// Gives `bytes` back.
    pub(crate) fn give_back(&self, bytes: u64) {
        self.release(self.memory_used().saturating_sub(bytes));
    }

    pub(crate) fn memory_used(&self) -> u64 {
        self.used.memory.load(Ordering::Relaxed)
    }

    /// Gives memory back, down to what was used before.
    pub(crate) fn release(&self, before: u64) {
        self.used.memory.store(before, Ordering::Relaxed);
    }
}

/// One thread adds; only whoever looks on is elsewhere.
fn add(counter: &AtomicU64, count: usize) -> u64 {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let found = counter.load(Ordering::Relaxed).saturating_add(count);
    counter.store(found, Ordering::Relaxed);
    found
}

#[cfg(test)]
mod tests {
    use stripchart_core::ManualClock;

    use super::*;

    #[test]
    fn each_limit_stops_the_query() {
        let limits = Limits {
            max_series: Some(2),
            max_points: Some(10),
            max_buckets: None,
            max_memory_bytes: Some(100),
        };
        let clock = ManualClock::new(Timestamp::from_secs(5));
        let cancel = Cancel::new();
        let deadline = Deadline { at: Timestamp::from_secs(6), clock: &clock };
        let budget = Budget::new(&limits, Some(&cancel), Some(Until::Lent(deadline)));
        assert!(budget.rows(10).is_ok());
        let error = budget.rows(1).unwrap_err().to_string();
        assert_eq!(error, "max-select-point limit exceeed: (11/10)");
        assert!(budget.memory(60).is_ok());
        assert!(matches!(budget.memory(60), Err(QueryError::Memory { found: 120, limit: 100 })));
        budget.release(0);
        assert!(budget.memory(60).is_ok());
        assert!(budget.series(2).is_ok());
        assert!(matches!(budget.series(1), Err(QueryError::Series { .. })));
        clock.advance(1_000_000_000);
        assert!(matches!(budget.rows(0), Err(QueryError::Deadline)));
        cancel.cancel();
        assert!(matches!(budget.rows(0), Err(QueryError::Cancelled)));
    }
}
