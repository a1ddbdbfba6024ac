//! How a page's address names an instant: `now-1h`, RFC 3339, or milliseconds since 1970.

use std::fmt;

use stripchart_core::{TimeRange, Timestamp};

const MS: i64 = 1_000_000;
const SEC: i64 = 1_000 * MS;
const DAY: i64 = 86_400 * SEC;

/// An instant, absolute or relative to now.
///
/// ```
/// use stripchart_core::Timestamp;
/// use stripchart_render::dashboard::TimeSpec;
/// let now = Timestamp::from_secs(7200);
/// assert_eq!("now-1h".parse::<TimeSpec>()?.resolve(now), Timestamp::from_secs(3600));
/// assert_eq!("1970-01-01T00:00:30Z".parse::<TimeSpec>()?.resolve(now), Timestamp::from_secs(30));
/// assert_eq!("30000".parse::<TimeSpec>()?.resolve(now), Timestamp::from_secs(30));
/// # Ok::<(), stripchart_render::dashboard::TimeSpecError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSpec {
    /// This many nanoseconds before (negative) or after now.
    Now(i64),
    /// A fixed instant.
    At(Timestamp),
}

impl TimeSpec {
    /// The instant meant, with `now` for now.
    #[must_use]
    pub fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            TimeSpec::Now(offset) => now.saturating_add(offset),
            TimeSpec::At(at) => at,
        }
    }

    /// Whether it moves with the clock.
    #[must_use]
    pub const fn is_relative(self) -> bool {
        matches!(self, TimeSpec::Now(_))
    }
}

/// As an address takes it: `now`, `now-90s`, or milliseconds since 1970.
impl fmt::Display for TimeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeSpec::Now(0) => f.write_str("now"),
            TimeSpec::Now(offset) => {
                let sign = if *offset < 0 { '-' } else { '+' };
                let offset = stripchart_core::DurationLiteral::from_nanos(offset.saturating_abs());
                write!(f, "now{sign}{offset}")
            }
            TimeSpec::At(at) => write!(f, "{}", at.nanos().div_euclid(MS)),
        }
    }
}

/// Why a text names no instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeSpecError {
    /// The text.
    pub found: String,
}

impl fmt::Display for TimeSpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected an instant such as now-1h, 2026-01-31T12:00:00Z or milliseconds since 1970, found {:?}",
            self.found
        )
    }
}

impl std::error::Error for TimeSpecError {}

impl std::str::FromStr for TimeSpec {
    type Err = TimeSpecError;

    /// Understands `now`, `now-<duration>`, `now+<duration>`, RFC 3339 (also with a blank for the `T`, without
    /// seconds, without a zone, which means UTC, or the date alone) and whole milliseconds since 1970.
    ///
    /// Durations are InfluxQL's, and Grafana's `M` (30 days) and `y` (365 days).
    ///
    /// # Errors
    ///
    /// [`TimeSpecError`] for anything else, dates that no calendar has included.
    fn from_str(text: &str) -> Result<Self, TimeSpecError> {
        let text = text.trim();
        relative(text)
            .map(TimeSpec::Now)
            .or_else(|| text.parse().ok().map(|ms| TimeSpec::At(Timestamp::from_millis(ms))))
            .or_else(|| rfc3339(text).map(TimeSpec::At))
            .ok_or_else(|| TimeSpecError { found: text.chars().take(60).collect() })
    }
}

fn relative(text: &str) -> Option<i64> {
    let rest = text.strip_prefix("now")?;
    if rest.is_empty() {
        return Some(0);
    }
    let sign = match rest.as_bytes()[0] {
        b'-' => -1,
        b'+' => 1,
        _ => return None,
    };
    let amount = &rest[1..];
    let long =
        amount.strip_suffix('M').map(|n| (n, 30)).or(amount.strip_suffix('y').map(|n| (n, 365)));
    let nanos = match long {
        Some((count, days)) => count.parse::<u32>().ok().map(i64::from)?.checked_mul(days * DAY)?,
        None => amount.parse::<stripchart_core::DurationLiteral>().ok()?.nanos(),
    };
    Some(sign * nanos)
}

/// `YYYY-MM-DD[(T| )HH:MM[:SS[.fraction]]][Z|(+|-)HH:MM]`.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let (year, month, day) = (digits(date, 0, 4)?, digits(date, 5, 2)?, digits(date, 8, 2)?);
    let dashes = date.as_bytes()[4] == b'-' && date.as_bytes()[7] == b'-';
    if !dashes || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let midnight = days_from_civil(year, month, day).checked_mul(DAY)?;
    if rest.is_empty() {
        return Some(Timestamp::from_nanos(midnight));
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (clock, zone) = split_zone(rest)?;
    midnight.checked_add(time_of_day(clock)?)?.checked_sub(zone).map(Timestamp::from_nanos)
}

/// Splits `12:00:00+01:00` into the hour and the zone's nanoseconds ahead of UTC.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = text.rfind(['+', '-', ' ']) else { return Some((text, 0)) };
    let (clock, zone) = text.split_at(at);
    let minutes = digits(zone, 1, 2)? * 60 + digits(zone, 4, 2)?;
    // A `+` that nobody percent-encoded arrives as a blank.
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    (zone.len() == 6 && zone.as_bytes()[3] == b':').then_some((clock, sign * minutes * 60 * SEC))
}

/// Nanoseconds of `HH:MM[:SS[.fraction]]`.
fn time_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = (digits(text, 0, 2)?, digits(text, 3, 2)?);
    if text.as_bytes()[2] != b':' || hour > 23 || minute > 59 {
        return None;
    }
    let whole = (hour * 3_600 + minute * 60) * SEC;
    let rest = text.get(5..)?;
    if rest.is_empty() {
        return Some(whole);
    }
    let second = digits(rest.strip_prefix(':')?, 0, 2)?;
    let fraction = match rest.get(3..)? {
        "" => 0,
        fraction => {
            let shown = fraction.strip_prefix('.').filter(|f| (1..=9).contains(&f.len()))?;
            digits(shown, 0, shown.len())? * 10i64.pow(9 - u32::try_from(shown.len()).ok()?)
        }
    };
    (second <= 59).then_some(whole + second * SEC + fraction)
}

fn digits(text: &str, at: usize, len: usize) -> Option<i64> {
    let part = text.get(at..at + len)?;
    part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten()
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + is_leap(year) as i64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last.
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month_from_march + 2) / 5 + day - 1 - 719_468
}

/// A span between two such instants: what a page's `from` and `to` say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RangeSpec {
    /// The beginning.
    pub from: TimeSpec,
    /// The end.
    pub to: TimeSpec,
}

impl RangeSpec {
    /// The last `nanos` up to now.
    #[must_use]
    pub const fn last(nanos: i64) -> Self {
        RangeSpec { from: TimeSpec::Now(-nanos), to: TimeSpec::Now(0) }
    }

    /// The instants meant; `None` if the beginning is not before the end.
    #[must_use]
    pub fn resolve(self, now: Timestamp) -> Option<TimeRange> {
        let range = TimeRange::new(self.from.resolve(now), self.to.resolve(now));
        (!range.is_empty()).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_as_addresses_name_them() {
        const NOW: i64 = 1_700_000_000;
        let cases: &[(&str, Option<i64>)] = &[
            ("now", Some(NOW * SEC)),
            ("now-15m", Some((NOW - 900) * SEC)),
            ("now-1h30m", Some((NOW - 5_400) * SEC)),
            ("now+1s", Some((NOW + 1) * SEC)),
            ("now-1M", Some((NOW - 30 * 86_400) * SEC)),
            ("now-1y", Some((NOW - 365 * 86_400) * SEC)),
            ("now-", None),
            ("now1h", None),
            ("now-99999999999999999999h", None),
            ("nöw", None),
            ("1500", Some(1_500 * MS)),
            ("-1500", Some(-1_500 * MS)),
            ("2023-11-14T22:13:20Z", Some(NOW * SEC)),
            ("2023-11-14 22:13:20", Some(NOW * SEC)),
            ("2023-11-14T22:13", Some((NOW - 20) * SEC)),
            ("2023-11-14", Some(1_699_920_000 * SEC)),
            ("2023-11-14T23:13:20.25+01:00", Some(NOW * SEC + 250 * MS)),
            ("2023-11-14T23:13:20 01:00", Some(NOW * SEC)),
            ("2023-11-14T17:13:20-05:00", Some(NOW * SEC)),
            ("2024-02-29", Some(1_709_164_800 * SEC)),
            ("1969-12-31T23:59:59Z", Some(-SEC)),
            ("2023-02-29", None),
            ("2023-13-01", None),
            ("2023-00-10", None),
            ("2023-11-14T24:00", None),
            ("2023-11-14T22:13:60Z", None),
            ("2023-11-14T22:13:20.Z", None),
            ("2023-11-14T22:13:20.1234567890Z", None),
            ("9999-01-01", None),
            ("", None),
            ("x", None),
            ("2023-11-1é", None),
        ];
        for (text, want) in cases {
            let got = text.parse::<TimeSpec>().ok();
            let got = got.map(|spec| spec.resolve(Timestamp::from_secs(NOW)).nanos());
            assert_eq!(got, *want, "{text:?}");
        }
    }

    #[test]
    fn what_is_displayed_parses_back() {
        for text in ["now", "now-90m", "now-7d", "now+5s", "1700000000123"] {
            let spec: TimeSpec = text.parse().unwrap();
            assert_eq!(spec.to_string().parse::<TimeSpec>().unwrap(), spec, "{text}");
        }
    }

    #[test]
    fn a_range_runs_forward() {
        let now = Timestamp::from_secs(1_000);
        assert!(RangeSpec { from: TimeSpec::Now(0), to: TimeSpec::Now(0) }.resolve(now).is_none());
        assert_eq!(RangeSpec::last(SEC).resolve(now).unwrap().len_ns(), SEC);
    }
}
