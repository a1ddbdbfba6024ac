//! From running totals to what came since, and how fast.
//!
//! The rules, so that no rate is ever negative or absurd:
//!
//! * A total that is smaller than before was **reset** (its source restarted): nothing is known about the time between,
//!   and the new value is the next baseline.
//! * A total that was close below 2^64 and is close above 0 has **wrapped**, and the difference counts.
//! * If the **clock** stood still or went back between two samples, there is no rate; the later sample is the next
//!   baseline.

use stripchart_core::Timestamp;

/// A total is taken to have wrapped, rather than been reset, if it was above three quarters of the range and is now
/// below one quarter.
const QUARTER: u64 = 1 << 62;

/// Nanoseconds of a second.
pub(crate) const NANOS_PER_SEC: f64 = 1e9;

/// What came between two readings of a total; `None` if it was reset in between.
///
/// ```
/// use stripchart_collector::rate::delta;
/// assert_eq!(delta(100, 130), Some(30));
/// assert_eq!(delta(100, 5), None); // restarted
/// assert_eq!(delta(u64::MAX - 1, 8), Some(10)); // wrapped
/// ```
#[must_use]
pub const fn delta(before: u64, now: u64) -> Option<u64> {
    if now >= before {
        return Some(now - before);
    }
    if before >= 3 * QUARTER && now < QUARTER {
        return Some(now.wrapping_sub(before));
    }
    None
}

/// A total seen over time.
///
/// ```
/// use stripchart_collector::rate::Rate;
/// use stripchart_core::Timestamp;
/// let mut bytes = Rate::default();
/// assert_eq!(bytes.update(Timestamp::from_secs(10), 5_000), None); // a first reading says nothing
/// assert_eq!(bytes.update(Timestamp::from_secs(20), 6_000), Some(100.0));
/// assert_eq!(bytes.update(Timestamp::from_secs(30), 0), None); // reset
/// assert_eq!(bytes.update(Timestamp::from_secs(40), 10), Some(1.0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate {
    last: Option<(Timestamp, u64)>,
}

impl Rate {
    /// Takes the reading `total` of instant `at`; answers how much came for each second since the last reading.
    pub fn update(&mut self, at: Timestamp, total: u64) -> Option<f64> {
        let (before_at, before) = self.last.replace((at, total))?;
        let elapsed_ns = u64::try_from(at.since(before_at)).ok()?;
        per_second(delta(before, total)?, elapsed_ns)
    }

    /// Forgets the last reading.
    pub fn reset(&mut self) {
        self.last = None;
    }
}

/// `delta` in `elapsed_ns` as so many a second; `None` if no time passed.
pub(crate) fn per_second(delta: u64, elapsed_ns: u64) -> Option<f64> {
    // Both are far below 2^53 for any interval that is sampled; beyond that the last digits are of no interest.
    (elapsed_ns > 0).then(|| delta as f64 * NANOS_PER_SEC / elapsed_ns as f64)
}

/// How much time passed between two samples, by two witnesses: the clock, which may be set, and the host's uptime, which
/// goes in steps of 10 ms. Where they differ by more than such steps explain, the clock was set, and the other is right.
///
/// ```
/// use stripchart_collector::rate::elapsed_ns;
/// let sec = 1_000_000_000;
/// assert_eq!(elapsed_ns(Some(10 * sec + 3), Some(10 * sec)), Some(10 * sec + 3));
/// assert_eq!(elapsed_ns(Some(3610 * sec), Some(10 * sec)), Some(10 * sec)); // set forward by an hour
/// assert_eq!(elapsed_ns(None, Some(10 * sec)), Some(10 * sec)); // set back
/// assert_eq!(elapsed_ns(Some(10 * sec), None), Some(10 * sec)); // no uptime to be read
/// ```
#[must_use]
pub fn elapsed_ns(by_clock: Option<u64>, by_uptime: Option<u64>) -> Option<u64> {
    const STEP_NS: u64 = 10_000_000;
    match (by_clock.filter(|ns| *ns > 0), by_uptime.filter(|ns| *ns > 0)) {
        (Some(clock), Some(uptime)) => {
            let tolerated = 2 * STEP_NS + uptime / 50;
            Some(if clock.abs_diff(uptime) > tolerated { uptime } else { clock })
        }
        (clock, uptime) => clock.or(uptime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_reset_or_wrap() {
        let cases: &[(u64, u64, Option<u64>)] = &[
            (0, 0, Some(0)),
            (5, 7, Some(2)),
            (7, 5, None),
            (u64::MAX, 0, Some(1)),
            (u64::MAX - 9, 90, Some(100)),
            (1 << 62, 3, None),
            (u64::MAX, QUARTER, None),
            (u32::MAX as u64, 3, None), // a 64-bit total that restarted, not a 32-bit one that wrapped
        ];
        for (before, now, want) in cases {
            assert_eq!(delta(*before, *now), *want, "{before} then {now}");
        }
    }

    #[test]
    fn no_rate_without_time() {
        let mut rate = Rate::default();
        let at = Timestamp::from_secs;
        assert_eq!(rate.update(at(100), 10), None);
        assert_eq!(rate.update(at(100), 20), None);
        assert_eq!(rate.update(at(50), 30), None); // the clock was set back
        assert_eq!(rate.update(at(60), 40), Some(1.0));
        rate.reset();
        assert_eq!(rate.update(at(70), 50), None);
    }
}
