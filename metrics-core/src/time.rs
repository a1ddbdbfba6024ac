//! Instants, ranges, precisions and durations, all in nanoseconds.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds in one second.
const NANOS_PER_SEC: i64 = 1_000_000_000;

/// An instant: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Covers the years 1677 to 2262. Displays as RFC 3339 in UTC with as many fractional digits as needed.
///
/// ```
/// use stripchart_core::Timestamp;
/// assert_eq!(Timestamp::from_nanos(1_500_000_000).to_string(), "1970-01-01T00:00:01.5Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest instant that InfluxDB lets a point carry.
    pub const MIN: Timestamp = Timestamp(i64::MIN + 2);
    /// The latest instant that InfluxDB lets a point carry.
    pub const MAX: Timestamp = Timestamp(i64::MAX - 1);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// From nanoseconds since the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Timestamp(nanos)
    }

    /// From milliseconds since the epoch, saturating.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Timestamp(millis.saturating_mul(1_000_000))
    }

    /// From whole seconds since the epoch, saturating.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Timestamp(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// This instant moved by `nanos`, staying within what 64 bits hold.
    #[must_use]
    pub const fn saturating_add(self, nanos: i64) -> Self {
        Timestamp(self.0.saturating_add(nanos))
    }

    /// This instant moved back by `nanos`, staying within what 64 bits hold.
    #[must_use]
    pub const fn saturating_sub(self, nanos: i64) -> Self {
        Timestamp(self.0.saturating_sub(nanos))
    }

    /// Nanoseconds from `earlier` to this instant; negative if it is later.
    #[must_use]
    pub const fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The latest multiple of `step_ns` since the epoch that is not after this instant.
    ///
    /// # Panics
    ///
    /// If `step_ns` is not positive.
    #[must_use]
    pub const fn align_down(self, step_ns: i64) -> Self {
        assert!(step_ns > 0, "a step must be positive");
        Timestamp(self.0.saturating_sub(self.0.rem_euclid(step_ns)))
    }
}

impl From<SystemTime> for Timestamp {
    /// Saturates outside the years that 64 bits of nanoseconds cover.
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp(i64::try_from(after.as_nanos()).unwrap_or(i64::MAX)),
            Err(before) => {
                Timestamp(i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |n| -n))
            }
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.div_euclid(NANOS_PER_SEC);
        let (year, month, day) = civil_from_days(secs.div_euclid(86_400));
        let (second, mut fraction) = (secs.rem_euclid(86_400), self.0.rem_euclid(NANOS_PER_SEC));
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if fraction != 0 {
            let mut digits = 9;
            while fraction % 10 == 0 {
                fraction /= 10;
                digits -= 1;
            }
            write!(f, ".{fraction:0digits$}")?;
        }
        f.write_str("Z")
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// Counts in eras of 400 years (146 097 days) that begin on the first of March, so that the leap day ends a year.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // from 0000-03-01
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + (month <= 2) as i64, month, day)
}

/// A half-open span of time: `start` belongs to it, `end` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// The first instant inside.
    pub start: Timestamp,
    /// The first instant after.
    pub end: Timestamp,
}

impl TimeRange {
    /// Every instant that a point may carry.
    pub const ALL: TimeRange = TimeRange { start: Timestamp(i64::MIN), end: Timestamp(i64::MAX) };

    /// From `start` (inside) to `end` (outside); empty unless `start < end`.
    #[must_use]
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        TimeRange { start, end }
    }

    /// Whether nothing lies inside.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// Whether `at` lies inside.
    #[must_use]
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether some instant lies in both.
    #[must_use]
    pub fn overlaps(self, other: TimeRange) -> bool {
        !self.intersect(other).is_empty()
    }

    /// What lies in both.
    #[must_use]
    pub fn intersect(self, other: TimeRange) -> TimeRange {
        TimeRange { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// Nanoseconds between the ends; 0 if empty, saturating.
    #[must_use]
    pub fn len_ns(self) -> i64 {
        self.end.since(self.start).max(0)
    }
}

impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

/// The unit in which the timestamps of a line-protocol body or of an answer are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// Nanoseconds, the default.
    #[default]
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
}

impl Precision {
    /// The `precision` or `epoch` parameter of InfluxDB 1.x.
    ///
    /// As there, whatever is not `u`, `µ`, `ms`, `s`, `m` or `h` counts as nanoseconds, misspellings included.
    #[must_use]
    pub fn from_influxdb(parameter: &str) -> Self {
        match parameter {
            "u" | "µ" => Precision::Microseconds,
            "ms" => Precision::Milliseconds,
            "s" => Precision::Seconds,
            "m" => Precision::Minutes,
            "h" => Precision::Hours,
            _ => Precision::Nanoseconds,
        }
    }

    /// Nanoseconds in one unit.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        match self {
            Precision::Nanoseconds => 1,
            Precision::Microseconds => 1_000,
            Precision::Milliseconds => 1_000_000,
            Precision::Seconds => NANOS_PER_SEC,
            Precision::Minutes => 60 * NANOS_PER_SEC,
            Precision::Hours => 3_600 * NANOS_PER_SEC,
        }
    }
}

/// The units of a duration literal, longest first, with their nanoseconds.
const DURATION_UNITS: [(&str, i64); 9] = [
    ("w", 7 * 86_400 * NANOS_PER_SEC),
    ("d", 86_400 * NANOS_PER_SEC),
    ("h", 3_600 * NANOS_PER_SEC),
    ("m", 60 * NANOS_PER_SEC),
    ("s", NANOS_PER_SEC),
    ("ms", 1_000_000),
    ("u", 1_000),
    ("µ", 1_000),
    ("ns", 1),
];

/// A duration as InfluxQL writes it: `10s`, `1h30m`, `7d`.
///
/// Displays in the largest unit that divides it, as InfluxQL's canonical text does.
///
/// ```
/// use stripchart_core::DurationLiteral;
/// let d: DurationLiteral = "1h30m".parse()?;
/// assert_eq!(d.nanos(), 5_400_000_000_000);
/// assert_eq!(d.to_string(), "90m");
/// # Ok::<(), stripchart_core::DurationError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DurationLiteral(i64);

impl DurationLiteral {
    /// From nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        DurationLiteral(nanos)
    }

    /// Nanoseconds.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// As the standard library's type; zero if negative.
    #[must_use]
    pub fn to_std(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }
}

impl std::str::FromStr for DurationLiteral {
    type Err = DurationError;

    /// Parses one or more of `<count><unit>`, units `ns u µ ms s m h d w`.
    ///
    /// # Errors
    ///
    /// [`DurationError`], with the byte offset, if the text is not of that form or the sum exceeds 64 bits.
    fn from_str(text: &str) -> Result<Self, DurationError> {
        let error =
            |offset: usize, expected| DurationError { offset, expected, found: text.to_owned() };
        if text.is_empty() {
            return Err(error(0, "a count and a unit, as in 10s"));
        }
        let (mut total, mut rest) = (0i64, text);
        while !rest.is_empty() {
            let at = text.len() - rest.len();
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let count =
                rest[..digits].parse::<i64>().map_err(|_| error(at, "a count of up to 64 bits"))?;
            rest = &rest[digits..];
            let (unit, nanos) = DURATION_UNITS
                .iter()
                .filter(|(unit, _)| rest.starts_with(unit))
                .max_by_key(|(unit, _)| unit.len())
                .ok_or_else(|| {
                    error(at + digits, "one of the units ns, u, µ, ms, s, m, h, d, w")
                })?;
            rest = &rest[unit.len()..];
            total = count
                .checked_mul(*nanos)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(|| error(at, "a duration of up to 64 bits of nanoseconds"))?;
        }
        Ok(DurationLiteral(total))
    }
}

impl fmt::Display for DurationLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let (unit, nanos) =
            DURATION_UNITS.iter().find(|(_, nanos)| self.0 % nanos == 0).unwrap_or(&("ns", 1));
        write!(f, "{}{unit}", self.0 / nanos)
    }
}

/// Why a text is no duration literal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationError {
    /// Byte offset into the text.
    offset: usize,
    expected: &'static str,
    found: String,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "duration {:?}, character {}: expected {}",
            self.found,
            self.offset + 1,
            self.expected
        )
    }
}

impl std::error::Error for DurationError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_print_as_rfc_3339() {
        let cases = [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (1_795_305_600_000_000_000, "2026-11-22T00:00:00Z"),
            (1_500_000_000_120_000_000, "2017-07-14T02:40:00.12Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        ];
        for (nanos, want) in cases {
            assert_eq!(Timestamp::from_nanos(nanos).to_string(), want);
        }
    }

    #[test]
    fn durations_parse_and_print_canonically() {
        let cases = [
            ("10s", "10s"),
            ("3600s", "1h"),
            ("7d", "1w"),
            ("1h30m", "90m"),
            ("5µ", "5u"),
            ("1ms", "1ms"),
            ("0h", "0s"),
        ];
        for (text, want) in cases {
            assert_eq!(
                text.parse::<DurationLiteral>().map(|d| d.to_string()),
                Ok(want.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn broken_durations_say_where() {
        let cases = [
            ("", "duration \"\", character 1: expected a count and a unit, as in 10s"),
            (
                "10",
                "duration \"10\", character 3: expected one of the units ns, u, µ, ms, s, m, h, d, w",
            ),
            ("1hx", "duration \"1hx\", character 3: expected a count of up to 64 bits"),
            (
                "99999999999w",
                "duration \"99999999999w\", character 1: expected a duration of up to 64 bits of nanoseconds",
            ),
        ];
        for (text, want) in cases {
            assert_eq!(text.parse::<DurationLiteral>().unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn ranges_are_half_open() {
        let range = TimeRange::new(Timestamp::from_nanos(10), Timestamp::from_nanos(20));
        assert!(range.contains(Timestamp::from_nanos(10)));
        assert!(!range.contains(Timestamp::from_nanos(20)));
        assert!(
            !range.overlaps(TimeRange::new(Timestamp::from_nanos(20), Timestamp::from_nanos(30)))
        );
        assert!(TimeRange::ALL.contains(Timestamp::MAX) && TimeRange::ALL.contains(Timestamp::MIN));
    }

    #[test]
    fn alignment_goes_down_before_the_epoch_too() {
        assert_eq!(Timestamp::from_nanos(-1).align_down(10), Timestamp::from_nanos(-10));
        assert_eq!(Timestamp::from_nanos(19).align_down(10), Timestamp::from_nanos(10));
    }
}
