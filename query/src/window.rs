//! The windows of `GROUP BY time(interval, offset)`.

/// Windows of equal width, half-open, aligned to the epoch plus an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    /// Their width; positive.
    pub interval_ns: i64,
    /// How far they are moved from alignment with the epoch; within (-interval, interval).
    pub offset_ns: i64,
}

impl Windows {
    /// The start of the window that `at` lies in, or the least instant if that begins before it.
    pub(crate) fn start(self, at: i64) -> i64 {
        let (at, offset) = (i128::from(at), i128::from(self.offset_ns));
        let start = at - (at - offset).rem_euclid(i128::from(self.interval_ns));
        clamp(start)
    }

    /// How many windows begin from the one that begins at `first` to the one that `last` lies in.
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
    /// The instant that row 0 bears; the others follow at the interval.
    first_label: i64,
    interval_ns: i64,
}

impl Buckets {
    /// One bucket over everything in `start..=last`, whose row bears `label`.
    pub(crate) fn single(start: i64, last: i64, label: i64) -> Self {
        Buckets { edges: vec![start, last.saturating_add(1)], first_label: label, interval_ns: 0 }
    }

    /// The windows from the one of `start` to the one of `last`, cut to `start..=last`.
    pub(crate) fn windows(windows: Windows, start: i64, last: i64) -> Self {
        let first_label = windows.start(start);
        let count = windows.count(first_label, last);
        let mut edges = Vec::with_capacity(usize::try_from(count).unwrap_or(0).saturating_add(1));
        edges.push(start);
        let mut next = first_label.saturating_add(windows.interval_ns);
        for _ in 1..count {
            edges.push(next);
            next = next.saturating_add(windows.interval_ns);
        }
        edges.push(last.saturating_add(1));
        Buckets { edges, first_label, interval_ns: windows.interval_ns }
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
        let steps = i64::try_from(index).unwrap_or(i64::MAX);
        self.first_label.saturating_add(self.interval_ns.saturating_mul(steps))
    }

    /// The bucket in whose window `at` lies. Cut windows count whole: the rows of a subquery bear the starts of their
    /// windows, which may lie before the lower bound.
    pub(crate) fn find(&self, at: i64) -> Option<usize> {
        if self.interval_ns == 0 {
            return Some(0);
        }
        let passed = i128::from(at) - i128::from(self.first_label);
        let steps = passed.div_euclid(i128::from(self.interval_ns));
        usize::try_from(steps).ok().filter(|index| *index < self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Windows = Windows { interval_ns: 10, offset_ns: 0 };

    #[test]
    fn windows_are_aligned_to_the_epoch() {
        assert_eq!([0, 9, 10, -1, -10].map(|at| TEN.start(at)), [0, 0, 10, -10, -10]);
        let moved = Windows { interval_ns: 10, offset_ns: 5 };
        assert_eq!([4, 5, 14].map(|at| moved.start(at)), [-5, 5, 5]);
        assert_eq!(TEN.start(i64::MIN), i64::MIN);
        // A week of the epoch begins on a Thursday.
        let week = Windows { interval_ns: 7 * 86_400, offset_ns: 0 };
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
}
