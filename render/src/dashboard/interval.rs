//! The width of a chart's time buckets: a fixed ladder, so that the same view asks the same question.
//!
//! A range divided by the pixels it is drawn on gives an arbitrary width; taken through the ladder, neighbouring
//! ranges share buckets and bucket borders, answers can be cached, and a picture does not tremble when it is
//! refreshed. The ladder is Grafana's, so that an imported dashboard draws what it drew there.

use stripchart_core::{TimeRange, Timestamp};

const MS: i64 = 1_000_000;
const SEC: i64 = 1_000 * MS;
const MIN: i64 = 60 * SEC;
const HOUR: i64 = 60 * MIN;
const DAY: i64 = 24 * HOUR;

/// `(limit, value)`: a raw width below `limit` becomes `value`. The first row whose limit is above counts.
const LADDER: [(i64, i64); 29] = [
    (10 * MS, MS),
    (15 * MS, 10 * MS),
    (35 * MS, 20 * MS),
    (75 * MS, 50 * MS),
    (150 * MS, 100 * MS),
    (350 * MS, 200 * MS),
    (750 * MS, 500 * MS),
    (1_500 * MS, SEC),
    (3_500 * MS, 2 * SEC),
    (7_500 * MS, 5 * SEC),
    (12_500 * MS, 10 * SEC),
    (17_500 * MS, 15 * SEC),
    (25 * SEC, 20 * SEC),
    (45 * SEC, 30 * SEC),
    (90 * SEC, MIN),
    (210 * SEC, 2 * MIN),
    (450 * SEC, 5 * MIN),
    (750 * SEC, 10 * MIN),
    (1_050 * SEC, 15 * MIN),
    (1_500 * SEC, 20 * MIN),
    (45 * MIN, 30 * MIN),
    (90 * MIN, HOUR),
    (150 * MIN, 2 * HOUR),
    (270 * MIN, 3 * HOUR),
    (9 * HOUR, 6 * HOUR),
    (DAY, 12 * HOUR),
    (7 * DAY, DAY),
    (21 * DAY, 7 * DAY),
    (42 * DAY, 30 * DAY),
];

/// Above the last limit of the ladder.
const YEAR: i64 = 365 * DAY;

/// Nanoseconds in a bucket when `range` is drawn with about `max_points` points from samples `min_interval_ns` apart.
///
/// Never narrower than the samples lie apart, and a whole multiple of that distance: otherwise buckets would hold
/// one sample and two in turn, which makes a rate jump where the counter did not. `max_points` of 0 counts as 1, a
/// `min_interval_ns` below a millisecond as one.
///
/// ```
/// use stripchart_core::{TimeRange, Timestamp};
/// use stripchart_render::dashboard::bucket_interval_ns;
/// let hour = TimeRange::new(Timestamp::from_secs(0), Timestamp::from_secs(3600));
/// assert_eq!(bucket_interval_ns(hour, 800, 1), 5_000_000_000);
/// assert_eq!(bucket_interval_ns(hour, 800, 10_000_000_000), 10_000_000_000);
/// ```
#[must_use]
pub fn bucket_interval_ns(range: TimeRange, max_points: u32, min_interval_ns: i64) -> i64 {
    let raw = range.len_ns() / i64::from(max_points.max(1));
    let step = LADDER.iter().find(|(limit, _)| raw < *limit).map_or(YEAR, |(_, value)| *value);
    let min = min_interval_ns.max(MS);
    let multiple = step.saturating_add(min - 1) / min;
    multiple.max(1).saturating_mul(min)
}

/// `range` widened to multiples of `interval_ns` since the epoch, so that the outermost buckets are whole.
///
/// # Panics
///
/// If `interval_ns` is not positive.
#[must_use]
pub fn snap(range: TimeRange, interval_ns: i64) -> TimeRange {
    let start = range.start.align_down(interval_ns);
    let end = range.end.align_down(interval_ns);
    let end = if end < range.end { end.saturating_add(interval_ns) } else { end };
    TimeRange::new(start.max(Timestamp::MIN), end.min(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(secs: i64) -> TimeRange {
        TimeRange::new(Timestamp::EPOCH, Timestamp::from_secs(secs))
    }

    #[test]
    fn ranges_on_eight_hundred_pixels() {
        let cases = [
            (60, SEC / 10),
            (1_800, 2 * SEC),
            (3_600, 5 * SEC),
            (6 * 3_600, 30 * SEC),
            (86_400, 2 * MIN),
            (7 * 86_400, 15 * MIN),
            (30 * 86_400, HOUR),
            (365 * 86_400, 12 * HOUR),
            (80 * 365 * 86_400, 30 * DAY),
            (100 * 365 * 86_400, YEAR),
        ];
        for (secs, want) in cases {
            assert_eq!(bucket_interval_ns(range(secs), 800, 1), want, "{secs} s");
        }
    }

    #[test]
    fn the_ladder_ascends() {
        for pair in LADDER.windows(2) {
            assert!(pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1, "{pair:?}");
        }
        for (limit, value) in LADDER {
            assert!(value < limit);
        }
    }

    #[test]
    fn buckets_are_whole_multiples_of_the_distance_between_samples() {
        let cases = [(3_600, 10, 10), (10_800, 10, 20), (10_800, 7, 21), (60, 3_600, 3_600)];
        for (secs, min, want) in cases {
            assert_eq!(bucket_interval_ns(range(secs), 800, min * SEC), want * SEC, "{secs} {min}");
        }
        assert_eq!(bucket_interval_ns(range(0), 0, -5), MS);
    }

    #[test]
    fn snapping_widens_and_never_shrinks() {
        let snapped =
            snap(TimeRange::new(Timestamp::from_secs(13), Timestamp::from_secs(60)), 10 * SEC);
        assert_eq!(snapped, TimeRange::new(Timestamp::from_secs(10), Timestamp::from_secs(60)));
        let snapped =
            snap(TimeRange::new(Timestamp::from_secs(-13), Timestamp::from_secs(61)), 10 * SEC);
        assert_eq!(snapped, TimeRange::new(Timestamp::from_secs(-20), Timestamp::from_secs(70)));
        assert_eq!(snap(TimeRange::ALL, 7 * SEC).end, Timestamp::MAX);
    }
}
