//! The windows of `GROUP BY time(interval, offset)`.

use crate::zone::Zone;

/// Windows of equal width, half-open, aligned to the epoch plus an offset.
///
/// In a time zone they are aligned to what local clocks show, so that a day is a day; the windows in which clocks are
/// changed are then longer or shorter by the change, unless they are no longer than it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    /// Their width; positive.
    pub interval_ns: i64,
    /// How far they are moved from alignment with the epoch; within (-interval, interval).
    pub offset_ns: i64,
    pub zone: Option<Zone>,
}

impl Windows {
    /// The start of the window that `at` lies in, or the least instant if that begins before it.
    pub(crate) fn start(self, at: i64) -> i64 {
        match self.zone {
            None => {
                let (at, offset) = (i128::from(at), i128::from(self.offset_ns));
                clamp(at - (at - offset).rem_euclid(i128::from(self.interval_ns)))
            }
            Some(zone) => self.local_bounds(at, zone).0,
        }
    }

    /// Where the window that `at` lies in ends, and the next begins.
    pub(crate) fn end(self, at: i64) -> i64 {
        match self.zone {
            None => self.start(at).saturating_add(self.interval_ns),
            Some(zone) => self.local_bounds(at, zone).1,
        }
    }

    /// The start of the window before that of `at`.
    pub(crate) fn previous(self, at: i64) -> i64 {
        self.start(self.start(at).saturating_sub(1))
    }

    /// As InfluxDB reckons: cut by the clock that `at` goes by, then move each end that another clock goes by.
    fn local_bounds(self, at: i64, zone: Zone) -> (i64, i64) {
        let at = at.saturating_sub(self.offset_ns);
        let ahead = zone.offset_ns(at);
        let passed = at.saturating_add(ahead).rem_euclid(self.interval_ns);
        let mut start = at.saturating_sub(passed).saturating_add(self.offset_ns);
        let moved = ahead - zone.offset_ns(start);
        if moved != 0 && moved.abs() < self.interval_ns {
            start = start.saturating_add(moved);
        }
        let left = self.interval_ns - passed;
        let mut end = at.saturating_add(left).saturating_add(self.offset_ns);
        let ahead_after = zone.offset_ns(end);
        let moved = ahead - ahead_after;
        if moved != 0 && moved.abs() < self.interval_ns {
            let after = end.saturating_add(moved);
            // Where clocks skip time, the window that begins with the change is cut, not this one.
            if moved > 0 || zone.offset_ns(after) == ahead_after {
                end = after;
            }
        }
        (start, end)
    }

    /// How many windows begin from the one that begins at `first` to the one that `last` lies in; in a time zone one
    /// more or less where clocks are changed.
    pub(crate) fn count(self, first: i64, last: i64) -> u64 {
        let span = i128::from(self.start(last)) - i128::from(first);
        u64::try_from(span / i128::from(self.interval_ns) + 1).unwrap_or(0)
    }
}

fn clamp(at: i128) -> i64 {
    i64::try_from(at.clamp(i128::from(i64::MIN), i128::from(i64::MAX))).unwrap_or_default()
}

/// The stretches of time over which one answer row each is computed.
#[derive(Debug, Clone)]
pub(crate) struct Buckets {
    /// `edges[i]..edges[i + 1]` is what row `i` is computed from. Ascending, one more than there are rows.
    edges: Vec<i64>,
    /// The instant that row 0 bears; the others bear their edge.
    first_label: i64,
    /// The width of the buckets, where all have the same; 0 if there is only one.
    interval_ns: Option<i64>,
}

impl Buckets {
    /// One bucket over everything in `start..=last`, whose row bears `label`.
    pub(crate) fn single(start: i64, last: i64, label: i64) -> Self {
        let edges = vec![start, last.saturating_add(1)];
        Buckets { edges, first_label: label, interval_ns: Some(0) }
    }

    /// The windows from the one of `start` to the one of `last`, cut to `start..=last`.
    pub(crate) fn windows(windows: Windows, start: i64, last: i64) -> Self {
        let first_label = windows.start(start);
        let count = windows.count(first_label, last);
        let mut edges = Vec::with_capacity(usize::try_from(count).unwrap_or(0).saturating_add(2));
        edges.push(start);
        let mut next = windows.end(start);
        while next <= last {
            edges.push(next);
            next = windows.end(next);
        }
        edges.push(last.saturating_add(1));
        let interval_ns = windows.zone.is_none().then_some(windows.interval_ns);
        Buckets { edges, first_label, interval_ns }
    }

    /// Their edges, for storage's fold.
    pub(crate) fn edges(&self) -> &[i64] {
        &self.edges
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.edges.len() - 1
    }

    /// The instant that row `index` bears.
    pub(crate) fn label(&self, index: usize) -> i64 {
        if index == 0 { self.first_label } else { self.edges[index] }
    }

    /// The bucket in whose window `at` lies. Cut windows count whole: the rows of a subquery bear the starts of their
    /// windows, which may lie before the lower bound.
    pub(crate) fn find(&self, at: i64) -> Option<usize> {
        let index = match self.interval_ns {
            Some(0) => return Some(0),
            Some(interval) => {
                let passed = i128::from(at) - i128::from(self.first_label);
                usize::try_from(passed.div_euclid(i128::from(interval))).ok()?
            }
            None if at < self.first_label => return None,
            None => self.edges[1..self.len()].partition_point(|edge| *edge <= at),
        };
        Some(index).filter(|index| *index < self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Windows = Windows { interval_ns: 10, offset_ns: 0, zone: None };

    #[test]
    fn windows_are_aligned_to_the_epoch() {
        assert_eq!([0, 9, 10, -1, -10].map(|at| TEN.start(at)), [0, 0, 10, -10, -10]);
        let moved = Windows { offset_ns: 5, ..TEN };
        assert_eq!([4, 5, 14].map(|at| moved.start(at)), [-5, 5, 5]);
        assert_eq!(TEN.start(i64::MIN), i64::MIN);
        assert_eq!((TEN.end(10), TEN.previous(10)), (20, 0));
        // A week of the epoch begins on a Thursday.
        let week = Windows { interval_ns: 7 * 86_400, ..TEN };
        assert_eq!(week.start(4 * 86_400), 0);
    }

    #[test]
    fn the_first_window_is_cut_and_labelled_by_its_start() {
        let buckets = Buckets::windows(TEN, 5, 21);
        assert_eq!(buckets.edges(), [5, 10, 20, 22]);
        assert_eq!([0, 1, 2].map(|i| buckets.label(i)), [0, 10, 20]);
        assert_eq!(
            [-1, 0, 5, 10, 22, 30].map(|at| buckets.find(at)),
            [None, Some(0), Some(0), Some(1), Some(2), None]
        );
    }

    #[test]
    fn one_bucket_holds_everything() {
        let buckets = Buckets::single(i64::MIN, i64::MAX - 1, 0);
        assert_eq!((buckets.len(), buckets.label(0), buckets.find(3)), (1, 0, Some(0)));
    }

    #[cfg(feature = "chrono-tz")]
    #[test]
    fn local_days_are_as_long_as_clocks_make_them() {
        let hour = 3_600_000_000_000;
        let zone = Zone::find("America/Los_Angeles").unwrap();
        let days = Windows { interval_ns: 24 * hour, offset_ns: 0, zone };
        let start = 954_576_000_000_000_000; // 2000-04-01T08:00Z, midnight
        let buckets = Buckets::windows(days, start, start + 72 * hour);
        let widths: Vec<i64> = buckets.edges().windows(2).map(|e| (e[1] - e[0]) / hour).collect();
        assert_eq!(widths[..3], [24, 23, 24]);
        assert_eq!(buckets.find(start + 46 * hour), Some(1));
        assert_eq!(buckets.find(start + 47 * hour), Some(2));
        assert_eq!(days.previous(start + 47 * hour), start + 24 * hour);
    }
}
