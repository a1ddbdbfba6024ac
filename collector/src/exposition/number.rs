//! Numbers as the exposition formats spell them.

use stripchart_core::Timestamp;

/// Digits of `u64::MAX`.
const U64_DIGITS: usize = 20;

/// A value of a sample.
///
/// Both formats have floats only. Counts and decimals are written out digit by digit all the same: it is shorter than
/// their float, exact beyond 2^53, and readers round it once, as they would have to anyway.
///
/// ```
/// use stripchart_collector::exposition::{Kind, Labels, TextFormat, TextWriter, Value};
///
/// let mut writer = TextWriter::new(TextFormat::Prometheus);
/// let mut family = writer.family("busy_seconds_total", Kind::Counter, "Time spent.")?;
/// family.sample(&Labels::none(), &[], Value::nanos(1_500_000_000));
/// assert!(writer.finish().ends_with("\nbusy_seconds_total 1.5\n"));
/// # Ok::<(), stripchart_collector::exposition::ExpositionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A count.
    Count(u64),
    /// A count that may be negative.
    Integer(i64),
    /// `digits` / 10^`places`; places beyond 19 are taken for 19.
    Decimal {
        /// The digits, as one number.
        digits: u64,
        /// How many of them stand behind the point.
        places: u8,
    },
    /// Anything, infinities and NaN included.
    Float(f64),
}

impl Value {
    /// Seconds out of nanoseconds.
    #[must_use]
    pub const fn nanos(ns: u64) -> Self {
        Value::Decimal { digits: ns, places: 9 }
    }

    /// Seconds out of microseconds.
    #[must_use]
    pub const fn micros(usec: u64) -> Self {
        Value::Decimal { digits: usec, places: 6 }
    }

    /// Seconds out of milliseconds.
    #[must_use]
    pub const fn millis(ms: u64) -> Self {
        Value::Decimal { digits: ms, places: 3 }
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Value::Count(count)
    }
}

impl From<u32> for Value {
    fn from(count: u32) -> Self {
        Value::Count(u64::from(count))
    }
}

impl From<i64> for Value {
    fn from(count: i64) -> Self {
        Value::Integer(count)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<bool> for Value {
    /// 1 for true.
    fn from(value: bool) -> Self {
        Value::Count(u64::from(value))
    }
}

impl From<Timestamp> for Value {
    /// Seconds since 1970, to the millisecond.
    fn from(at: Timestamp) -> Self {
        let ms = at.nanos().div_euclid(1_000_000);
        u64::try_from(ms).map_or(Value::Integer(ms.div_euclid(1000)), Value::millis)
    }
}

/// Appends `value`.
pub(super) fn write_value(out: &mut String, value: Value) {
    match value {
        Value::Count(count) => write_count(out, count),
        Value::Integer(count) => {
            if count < 0 {
                out.push('-');
            }
            write_count(out, count.unsigned_abs());
        }
        Value::Decimal { digits, places } => write_decimal(out, digits, places),
        Value::Float(value) => write_float(out, value),
    }
}

fn write_count(out: &mut String, count: u64) {
    write_digits(out, count, 0);
}

/// Appends `count` with zeros before it up to `width` digits.
fn write_digits(out: &mut String, mut count: u64, width: usize) {
    let mut digits = [b'0'; U64_DIGITS];
    let mut at = U64_DIGITS;
    while at > 0 && (count > 0 || U64_DIGITS - at < width.max(1)) {
        at -= 1;
        // Below ten, so that nothing is lost.
        digits[at] = b'0' + u8::try_from(count % 10).unwrap_or(0);
        count /= 10;
    }
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

fn write_decimal(out: &mut String, digits: u64, places: u8) {
    let places = places.min(19);
    let unit = 10_u64.pow(u32::from(places));
    write_count(out, digits / unit);
    let fraction = digits % unit;
    if fraction > 0 {
        out.push('.');
        write_digits(out, fraction, usize::from(places));
        out.truncate(out.trim_end_matches('0').len());
    }
}

fn write_float(out: &mut String, value: f64) {
    use std::fmt::Write as _;
    let plain = value == 0.0 || (1e-5..1e15).contains(&value.abs());
    // Writing to a String does not fail.
    let _ = match value {
        value if value.is_nan() => out.write_str("NaN"),
        f64::INFINITY => out.write_str("+Inf"),
        f64::NEG_INFINITY => out.write_str("-Inf"),
        value if plain => write!(out, "{value}"),
        value => write!(out, "{value:e}"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: impl Into<Value>) -> String {
        let mut out = String::new();
        write_value(&mut out, value.into());
        out
    }

    #[test]
    fn numbers_are_short_and_exact() {
        assert_eq!(text(0_u64), "0");
        assert_eq!(text(u64::MAX), "18446744073709551615");
        assert_eq!(text(i64::MIN), "-9223372036854775808");
        assert_eq!(text(-1_i64), "-1");
        assert_eq!(text(Value::nanos(63_349_226_000)), "63.349226");
        assert_eq!(text(Value::nanos(7)), "0.000000007");
        assert_eq!(text(Value::nanos(2_000_000_000)), "2");
        assert_eq!(text(Value::nanos(100_000_000_000)), "100");
        assert_eq!(text(Value::millis(1_050)), "1.05");
        assert_eq!(text(Value::Decimal { digits: u64::MAX, places: 255 }), "1.8446744073709551615");
        assert_eq!(text(1.5), "1.5");
        assert_eq!(text(0.0), "0");
        assert_eq!(text(f64::NAN), "NaN");
        assert_eq!(text(f64::INFINITY), "+Inf");
        assert_eq!(text(f64::NEG_INFINITY), "-Inf");
        assert_eq!(text(1e300), "1e300");
        assert_eq!(text(1e-9), "1e-9");
    }

    #[test]
    fn decimals_read_back_as_the_nearest_float() {
        for ns in [1, 999_999_999, 1_000_000_001, 123_456_789_012_345, 9_007_199_254_740_993] {
            let read: f64 = text(Value::nanos(ns)).parse().unwrap();
            #[expect(clippy::cast_precision_loss, reason = "the value that a float has of it")]
            let near = ns as f64 / 1e9;
            assert!((read - near).abs() <= near * f64::EPSILON, "{ns}: {read} {near}");
        }
    }
}
