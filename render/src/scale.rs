//! From instants and values to positions, in tenths of a pixel.

use stripchart_core::TimeRange;

/// Positions beyond this many tenths off the drawing are as good as this: it keeps sums within 32 bits.
const FAR_WHOLE: i32 = 1_000_000;
const FAR: f64 = FAR_WHOLE as f64;

/// The nearest whole number, within `FAR`; halves go up.
pub(crate) fn round(value: f64) -> i32 {
    // Cutting off what follows the point is one instruction, rounding is a call; so the numbers are made positive.
    #[expect(clippy::cast_possible_truncation, reason = "clamped to far less than 32 bits")]
    let above = (value.clamp(-FAR, FAR) + (FAR + 0.5)) as i32;
    above - FAR_WHOLE
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
    span: u64,
    left: u32,
    width: u32,
    tenths_per_nano: f64,
}

impl TimeScale {
    pub(crate) fn new(range: TimeRange, left: u32, width: u32) -> Self {
        let start = range.start.nanos();
        let span = if range.is_empty() { 1 } else { range.end.nanos().abs_diff(start) };
        let tenths_per_nano = f64::from(width) * 10.0 / span as f64;
        TimeScale { start, span, left, width: width.max(1), tenths_per_nano }
    }

    /// Where `at` is, in tenths of a pixel.
    pub(crate) fn x(&self, at: i64) -> i32 {
        let nanos = at.abs_diff(self.start) as f64;
        let since = if at < self.start { -nanos } else { nanos };
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

    /// The column that `at` falls into: the first for what is before it, the last for what is after.
    pub(crate) fn column(&self, at: i64) -> u32 {
        let (since, width) = (at.abs_diff(self.start), u64::from(self.width));
        if at <= self.start {
            return 0;
        }
        // 64 bits hold the product up to about half a year of nanoseconds on 1 000 columns.
        let column = match since.checked_mul(width) {
            Some(product) => product / self.span,
            None => {
                let column = u128::from(since) * u128::from(width) / u128::from(self.span);
                u64::try_from(column).unwrap_or(u64::MAX)
            }
        };
        u32::try_from(column).unwrap_or(u32::MAX).min(self.width - 1)
    }

    /// The first instant that belongs to `column` or a later one.
    pub(crate) fn column_start(&self, column: u32) -> i64 {
        let (column, width) = (u64::from(column), u64::from(self.width));
        let nanos = match column.checked_mul(self.span) {
            Some(product) => product.div_ceil(width),
            None => {
                let nanos =
                    (u128::from(column) * u128::from(self.span)).div_ceil(u128::from(width));
                u64::try_from(nanos).unwrap_or(u64::MAX)
            }
        };
        self.start.saturating_add_unsigned(nanos)
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
        assert_eq!((scale.column(i64::MIN), scale.column(200), scale.column(i64::MAX)), (0, 9, 9));
        assert_eq!((scale.column_start(0), scale.column_start(1)), (100, 110));
        assert_eq!(scale.column_x(0), 505);
        let scale = ValueScale::new(-1.0, 1.0, 10, 100);
        assert_eq!((scale.y(1.0), scale.y(0.0), scale.y(-1.0)), (100, 600, 1100));
        assert_eq!((scale.y(1e300), scale.y(-1e300)), (-1_000_000, 1_000_000));
    }

    proptest! {
        #[test]
        fn a_column_begins_with_its_first_instant(
            ends in [any::<i64>(), any::<i64>()], near in any::<bool>(), width in 1u32..5000, column in 0u32..5000,
        ) {
            let [start, end] = ends;
            let end = if near { start.saturating_add(end % 1_000_000_000_000) } else { end };
            // With less than a nanosecond a column, columns begin together.
            prop_assume!(column < width && end > start && end.abs_diff(start) >= u64::from(width));
            let range = TimeRange::new(Timestamp::from_nanos(start), Timestamp::from_nanos(end));
            let scale = TimeScale::new(range, 0, width);
            let first = scale.column_start(column);
            prop_assert_eq!(scale.column(first), column);
            prop_assert!(column == 0 || scale.column(first - 1) < column);
        }
    }
}
