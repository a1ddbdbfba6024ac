//! From instants and values to positions, in tenths of a pixel.

use stripchart_core::TimeRange;

/// Positions beyond this many tenths off the drawing are as good as this: it keeps sums within 32 bits.
const FAR: f64 = 1e6;

/// The nearest whole number, within [`FAR`].
pub(crate) fn round(value: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to far less than 32 bits")]
    let whole = value.clamp(-FAR, FAR).round() as i32;
    whole
}

/// Lengths in tenths from pixels.
pub(crate) fn tenths(px: u32) -> i32 {
    i32::try_from(px).unwrap_or(i32::MAX / 10).saturating_mul(10)
}

/// Where instants are: `range` on `width` columns of a pixel from `left`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeScale {
    start: i64,
    /// Nanoseconds, at least 1.
    span: i128,
    left: u32,
    width: u32,
    tenths_per_nano: f64,
}

impl TimeScale {
    pub(crate) fn new(range: TimeRange, left: u32, width: u32) -> Self {
        let start = range.start.nanos();
        let span = (i128::from(range.end.nanos()) - i128::from(start)).max(1);
        let tenths_per_nano = f64::from(width) * 10.0 / span as f64;
        TimeScale { start, span, left, width, tenths_per_nano }
    }

    /// Where `at` is, in tenths of a pixel.
    pub(crate) fn x(&self, at: i64) -> i32 {
        let since = match at.checked_sub(self.start) {
            Some(nanos) => nanos as f64,
            None => (i128::from(at) - i128::from(self.start)) as f64,
        };
        tenths(self.left).saturating_add(round(since * self.tenths_per_nano))
    }

    /// How long `nanos` are, in tenths of a pixel.
    pub(crate) fn length(&self, nanos: u64) -> i32 {
        round(nanos as f64 * self.tenths_per_nano)
    }

    /// How many columns there are.
    pub(crate) fn columns(&self) -> u32 {
        self.width
    }

    /// The column that `at` falls into, at or beyond the edges if it is outside.
    pub(crate) fn column(&self, at: i64) -> i128 {
        ((i128::from(at) - i128::from(self.start)) * i128::from(self.width)).div_euclid(self.span)
    }

    /// The first instant that belongs to `column` or a later one.
    pub(crate) fn column_start(&self, column: u32) -> i64 {
        let nanos = (i128::from(column) * self.span + i128::from(self.width.max(1)) - 1)
            .div_euclid(i128::from(self.width.max(1)));
        i64::try_from(i128::from(self.start) + nanos).unwrap_or(i64::MAX)
    }

    /// The middle of `column`, in tenths of a pixel.
    pub(crate) fn column_x(&self, column: u32) -> i32 {
        tenths(self.left + column) + 5
    }
}

/// Where values are: `lo` at the bottom of `height` pixels below `top`, `hi` at the top.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ValueScale {
    lo: f64,
    bottom: f64,
    tenths_per_one: f64,
    /// -1 for values drawn downward.
    sign: f64,
}

impl ValueScale {
    pub(crate) fn new(lo: f64, hi: f64, top: u32, height: u32) -> Self {
        let tenths_per_one = f64::from(height) * 10.0 / (hi - lo);
        ValueScale { lo, bottom: f64::from(top + height) * 10.0, tenths_per_one, sign: 1.0 }
    }

    /// The same with values drawn from zero the other way.
    pub(crate) fn mirrored(mut self) -> Self {
        self.sign = -self.sign;
        self
    }

    /// Where `value` is, in tenths of a pixel.
    pub(crate) fn y(&self, value: f64) -> i32 {
        round(self.bottom - (value * self.sign - self.lo) * self.tenths_per_one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use stripchart_core::Timestamp;

    #[test]
    fn ends_are_at_the_edges() {
        let range = TimeRange::new(Timestamp::from_nanos(100), Timestamp::from_nanos(200));
        let scale = TimeScale::new(range, 50, 10);
        assert_eq!((scale.x(100), scale.x(200), scale.x(105)), (500, 600, 505));
        assert_eq!((scale.column(100), scale.column(109), scale.column(110)), (0, 0, 1));
        assert_eq!((scale.column_start(0), scale.column_start(1)), (100, 110));
        assert_eq!(scale.column_x(0), 505);
        let scale = ValueScale::new(-1.0, 1.0, 10, 100);
        assert_eq!((scale.y(1.0), scale.y(0.0), scale.y(-1.0)), (100, 600, 1100));
        assert_eq!((scale.y(1e300), scale.y(-1e300)), (-1_000_000, 1_000_000));
    }

    proptest! {
        #[test]
        fn a_column_begins_with_its_first_instant(
            start in any::<i64>(), end in any::<i64>(), width in 1u32..5000, column in 0u32..5000,
        ) {
            prop_assume!(start < end && column < width);
            let range = TimeRange::new(Timestamp::from_nanos(start), Timestamp::from_nanos(end));
            let scale = TimeScale::new(range, 0, width);
            let first = scale.column_start(column);
            prop_assert!(scale.column(first) >= i128::from(column));
            prop_assert!(first == i64::MIN || scale.column(first - 1) < i128::from(column));
        }
    }
}
