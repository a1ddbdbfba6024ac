//! When a continuous query runs, and over which windows.

use crate::ast::{CreateContinuousQuery, Expr};
use crate::window::Windows;
use crate::zone::Zone;

/// Windows that are computed at once, at most: what catches up for a year by ten seconds does it in steps that end.
pub(super) const MAX_WINDOWS: i64 = 1_000;

/// What the text of a query says of times.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    windows: Windows,
    /// When it runs: at the begins of these.
    runs: Windows,
    /// How far back each run reaches.
    reach_ns: i64,
}

/// What a run computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Begin of the first window, and end of the last.
    pub start: i64,
    pub end: i64,
    /// Up to when the query has run afterwards.
    pub reached: i64,
    /// Whether there is more to catch up with.
    pub more: bool,
}

impl Schedule {
    /// `None` if the query has no windows, or of an unknown time zone: it never runs.
    pub(super) fn of(query: &CreateContinuousQuery) -> Option<Schedule> {
        let nanos = |expr: &Expr| match expr.unparenthesized() {
            Expr::Duration(duration) => Some(duration.nanos()),
            Expr::Integer(nanos) => Some(*nanos),
            _ => None,
        };
        let arguments = query.select.time_dimension()?;
        let interval = nanos(arguments.first()?).filter(|interval| *interval > 0)?;
        let offset = arguments.get(1).and_then(nanos).unwrap_or(0);
        let zone = query.select.time_zone.as_deref().map_or(Ok(None), Zone::find).ok()?;
        let given = |d: Option<stripchart_core::DurationLiteral>| {
            d.map(|duration| duration.nanos()).filter(|nanos| *nanos > 0)
        };
        let every = given(query.every).unwrap_or(interval);
        let windows =
            |interval_ns: i64| Windows { interval_ns, offset_ns: offset % interval_ns, zone };
        Some(Schedule {
            windows: windows(interval),
            runs: windows(every),
            reach_ns: given(query.resample_for).unwrap_or(interval.max(every)),
        })
    }

    /// What is to be computed at `now`, where the query has run up to `last` and its answers are kept from `horizon` on.
    ///
    /// Of a query that `fails` the latest windows: it must not be stuck for ever at one that cannot be computed.
    pub(super) fn due(
        self,
        last: Option<i64>,
        now: i64,
        horizon: i64,
        fails: bool,
    ) -> Option<Span> {
        let run = last.map_or(now, |last| self.runs.end(last));
        if run > now {
            return None;
        }
        let interval = self.windows.interval_ns;
        let since = run.saturating_add(interval).saturating_sub(self.reach_ns).saturating_sub(1);
        let mut start = self.windows.start(since);
        // Runs between the ends of windows compute the one that has begun, too.
        let ahead = interval - self.runs.interval_ns.min(interval);
        let end = self.windows.start(now.saturating_add(ahead));
        if start < horizon {
            start = self.windows.end(horizon);
        }
        // At least what two runs reach, so that each gets further than the one before.
        let most = MAX_WINDOWS.saturating_mul(interval).max(self.reach_ns.saturating_mul(2));
        if fails {
            start = start.max(self.windows.start(end.saturating_sub(most)));
        }
        if end <= start {
            return None;
        }
        let cut = self.windows.start(start.saturating_add(most));
        Some(match cut < end {
            true => Span { start, end: cut, reached: cut, more: true },
            false => Span { start, end, reached: self.runs.start(now), more: false },
        })
    }

    /// The last time at or before `now` at which it could have run.
    pub(super) fn begun(self, now: i64) -> i64 {
        self.runs.start(now)
    }

    /// When it runs next after one at `now`, or, if it is not due yet, next.
    pub(super) fn next(self, last: Option<i64>, now: i64) -> i64 {
        last.map_or(i64::MIN, |last| self.runs.end(last)).max(self.runs.end(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::Statement;

    const MINUTE: i64 = 60_000_000_000;

    fn schedule(resample: &str, time: &str) -> Schedule {
        let text = format!(
            "CREATE CONTINUOUS QUERY c ON d {resample} BEGIN SELECT max(v) INTO x FROM m GROUP BY {time} END"
        );
        match crate::parse_statement(&text) {
            Ok(Statement::CreateContinuousQuery(query)) => Schedule::of(&query).unwrap(),
            other => panic!("{text}: {other:?}"),
        }
    }

    /// Minutes; `now` in tenths of them.
    fn due(schedule: Schedule, last: Option<i64>, now: i64) -> Option<(i64, i64)> {
        let now = now * (MINUTE / 10);
        let span = schedule.due(last.map(|last| last * MINUTE), now, i64::MIN, false)?;
        Some((span.start / MINUTE, span.end / MINUTE))
    }

    #[test]
    fn each_window_is_computed_when_it_has_ended() {
        let ten = schedule("", "time(10m)");
        assert_eq!(due(ten, Some(720), 7299), None);
        assert_eq!(due(ten, Some(720), 7300), Some((720, 730)));
        assert_eq!(due(ten, Some(720), 7315), Some((720, 730)));
        assert_eq!(due(ten, Some(720), 9070), Some((720, 900)), "after a stop");
        assert_eq!(due(ten, None, 7250), None, "a new one waits for the end of a window");
        assert_eq!(due(ten, None, 7300), Some((720, 730)));
        assert_eq!(ten.next(Some(720 * MINUTE), 725 * MINUTE), 730 * MINUTE);
        assert_eq!(due(schedule("", "time(10m, 3m)"), Some(723), 7340), Some((723, 733)));
    }

    #[test]
    fn resampling_runs_more_often_or_reaches_further_back() {
        let often = schedule("RESAMPLE EVERY 1m", "time(10m)");
        assert_eq!(due(often, Some(722), 7230), Some((720, 730)));
        assert_eq!(due(often, Some(729), 7300), Some((720, 730)));
        assert_eq!(due(often, Some(730), 7310), Some((730, 740)));
        let back = schedule("RESAMPLE FOR 30m", "time(10m)");
        assert_eq!(due(back, Some(720), 7300), Some((700, 730)));
        assert_eq!(due(back, None, 7250), Some((700, 720)));
        let seldom = schedule("RESAMPLE EVERY 1h", "time(10m)");
        assert_eq!(due(seldom, Some(720), 7790), None);
        assert_eq!(due(seldom, Some(720), 7800), Some((720, 780)));
    }

    #[test]
    fn catching_up_is_done_in_slices_and_not_beyond_what_is_kept() {
        let one = schedule("", "time(1m)");
        let (mut last, mut windows, mut slices) = (0, 0, 0);
        while let Some(span) = one.due(Some(last), 2_500 * MINUTE, i64::MIN, false) {
            assert_eq!(span.start, last);
            assert_eq!(span.more, span.end < 2_500 * MINUTE);
            windows += (span.end - span.start) / MINUTE;
            (last, slices) = (span.reached, slices + 1);
        }
        assert_eq!((last / MINUTE, windows, slices), (2_500, 2_500, 3));
        let seldom = schedule("RESAMPLE EVERY 1w", "time(1m)");
        let (mut last, mut slices) = (0, 0);
        while let Some(span) = seldom.due(Some(last), 100_000 * MINUTE, i64::MIN, false) {
            assert!(span.reached > last);
            (last, slices) = (span.reached, slices + 1);
        }
        assert!(slices < 10, "{slices}");
        let kept = one.due(Some(0), 50 * MINUTE, 20 * MINUTE + 1, false).unwrap();
        assert_eq!((kept.start / MINUTE, kept.end / MINUTE), (21, 50));
        let failing = one.due(Some(0), 2_500 * MINUTE, i64::MIN, true).unwrap();
        assert_eq!((failing.start / MINUTE, failing.more), (1_500, false));
    }
}
