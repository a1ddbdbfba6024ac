//! When to sample.

use std::time::Duration;

use stripchart_core::Timestamp;

/// Multiples of an interval since the epoch, of which those that were missed are skipped.
#[derive(Debug)]
pub(crate) struct Schedule {
    interval_ns: i64,
    /// How near the second tick may follow the first.
    nearest_ns: i64,
    due: Option<Timestamp>,
}

/// It is time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tick {
    /// The instant that the sample stands for.
    pub(crate) at: Timestamp,
    /// Ticks since the one before that nobody asked for in time.
    pub(crate) missed: u64,
}

impl Schedule {
    /// Every `interval`; the second tick follows the first by `nearest` at least, or a quarter of the interval if that is
    /// less: near enough that the first rates come soon, and far enough that they mean something.
    pub(crate) fn new(interval: Duration, nearest: Duration) -> Self {
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let interval_ns = nanos(interval).max(1);
        Schedule { interval_ns, nearest_ns: nanos(nearest).min(interval_ns / 4), due: None }
    }

    /// Says whether it is time, and if so plans the next tick.
    ///
    /// The first call is a tick at once, so that counters have a baseline early; the next is the coming multiple of the
    /// interval, or the one after if that is too near. A tick that comes late stands
    /// for the latest multiple that has passed; those before it were missed. If the clock was set back so that the next
    /// tick would be further away than that, it is planned anew: a clock never makes the sampler pause for longer than
    /// an interval and what was too near.
    pub(crate) fn tick(&mut self, now: Timestamp) -> Option<Tick> {
        let Some(due) = self.due else {
            self.due = Some(self.after(now));
            return Some(Tick { at: now, missed: 0 });
        };
        if now < due {
            if due.since(now) > self.interval_ns.saturating_add(self.nearest_ns) {
                self.due = Some(self.after(now));
            }
            return None;
        }
        let at = now.align_down(self.interval_ns);
        // A clock set forward looks like missed ticks, and for the history it is the same.
        let missed = u64::try_from(at.since(due) / self.interval_ns).unwrap_or(0);
        self.due = Some(at.saturating_add(self.interval_ns));
        Some(Tick { at, missed })
    }

    /// When the next tick is.
    pub(crate) fn next_due(&self, now: Timestamp) -> Timestamp {
        self.due.unwrap_or(now)
    }

    /// The coming multiple, or the one after if it is too near.
    fn after(&self, now: Timestamp) -> Timestamp {
        let next = now.align_down(self.interval_ns).saturating_add(self.interval_ns);
        if next.since(now) < self.nearest_ns {
            return next.saturating_add(self.interval_ns);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    /// When a schedule of 10 s is called; `(at, missed)`, or `None` if it is not time; when it is due next. All in ms.
    type Step = (i64, Option<(i64, u64)>, i64);

    fn check(steps: &[Step]) {
        let mut schedule = Schedule::new(Duration::from_secs(10), Duration::from_secs(1));
        for (now, want, due) in steps {
            let got =
                schedule.tick(ms(*now)).map(|tick| (tick.at.nanos() / 1_000_000, tick.missed));
            assert_eq!(got, *want, "at {now}");
            assert_eq!(schedule.next_due(ms(*now)), ms(*due), "after {now}");
        }
    }

    #[test]
    fn ticks_are_multiples_of_the_interval() {
        check(&[
            (103_000, Some((103_000, 0)), 110_000),
            (109_999, None, 110_000),
            (110_004, Some((110_000, 0)), 120_000),
            (120_000, Some((120_000, 0)), 130_000),
        ]);
    }

    #[test]
    fn the_second_tick_is_not_right_after_the_first() {
        check(&[(109_100, Some((109_100, 0)), 120_000), (110_000, None, 120_000)]);
        check(&[(108_000, Some((108_000, 0)), 110_000)]);
    }

    #[test]
    fn missed_ticks_are_skipped_and_counted() {
        check(&[
            (100_000, Some((100_000, 0)), 110_000),
            (119_000, Some((110_000, 0)), 120_000),
            (155_000, Some((150_000, 3)), 160_000),
        ]);
    }

    #[test]
    fn a_clock_set_back_does_not_stop_the_ticks() {
        check(&[
            (7_200_000, Some((7_200_000, 0)), 7_210_000),
            (3_600_000, None, 3_610_000),
            (3_610_000, Some((3_610_000, 0)), 3_620_000),
            // A little back is not worth a new plan.
            (3_609_000, None, 3_620_000),
            (-5_000, None, 0),
            (0, Some((0, 0)), 10_000),
        ]);
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        for now in [Timestamp::MIN, Timestamp::MAX, Timestamp::EPOCH] {
            let mut schedule = Schedule::new(Duration::from_secs(86_400), Duration::MAX);
            assert!(schedule.tick(now).is_some());
            schedule.tick(Timestamp::MAX);
            schedule.tick(Timestamp::MIN);
            schedule.tick(Timestamp::EPOCH);
        }
    }
}
