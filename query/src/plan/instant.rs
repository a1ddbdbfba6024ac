//! Instants written as texts, as Go's `time.Parse` reads them: `2006-01-02`, `2006-01-02 15:04:05.999999` and RFC 3339.

use chrono::{FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

use crate::QueryError;
use crate::zone::{Zone, instant};

/// Reads `2000-01-01`, `2000-01-01 10:00:00.5` or RFC 3339; `None` if the text does not even look like a date.
///
/// A date without a zone of its own is of `zone`.
pub(crate) fn parse_instant(text: &str, zone: Option<Zone>) -> Option<Result<i64, QueryError>> {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range).is_some_and(|part| part.bytes().all(|b| b.is_ascii_digit()))
    };
    let dashes = text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    if !(dashes && digits(0..4) && digits(5..7) && digits(8..10)) {
        return None;
    }
    let (date, clock) = text.split_at(10);
    let nanos = NaiveDate::parse_from_str(date, "%Y-%m-%d")
        .ok()
        .and_then(|date| nanos_of(date, clock, zone));
    Some(nanos.ok_or_else(|| QueryError::invalid("invalid timestamp string")))
}

/// What `clock`, which follows a date, makes of it.
fn nanos_of(date: NaiveDate, clock: &str, zone: Option<Zone>) -> Option<i64> {
    if let Some(clock) = clock.strip_prefix('T') {
        let (time, rest) = time_of_day(clock)?;
        let local = NaiveDateTime::new(date, time).and_local_timezone(offset(rest)?).single()?;
        return local.to_utc().timestamp_nanos_opt();
    }
    if clock.is_empty() {
        return instant(date.and_time(NaiveTime::MIN), zone);
    }
    let (time, rest) = time_of_day(clock.strip_prefix(' ')?.trim_start_matches(' '))?;
    if rest.is_empty() { instant(NaiveDateTime::new(date, time), zone) } else { None }
}

/// Hours, which may have one digit, minutes, seconds and up to nine digits of a fraction; with what follows them.
fn time_of_day(text: &str) -> Option<(NaiveTime, &str)> {
    let (hour, text) = number(text, 1..=2)?;
    let (minute, text) = number(text.strip_prefix(':')?, 2..=2)?;
    let (second, mut text) = number(text.strip_prefix(':')?, 2..=2)?;
    let mut nanos = 0;
    if let Some(after) = text.strip_prefix('.') {
        let (fraction, rest) = number(after, 1..=9)?;
        let count = u32::try_from(after.len() - rest.len()).ok()?;
        nanos = fraction * 10_u32.pow(9 - count);
        text = rest;
    }
    Some((NaiveTime::from_hms_nano_opt(hour, minute, second, nanos)?, text))
}

/// `Z` or `+07:00`.
fn offset(text: &str) -> Option<FixedOffset> {
    let (sign, text) = match text.as_bytes().first()? {
        b'Z' if text.len() == 1 => return FixedOffset::east_opt(0),
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, text) = number(text, 2..=2)?;
    let (minutes, text) = number(text.strip_prefix(':')?, 2..=2)?;
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    FixedOffset::east_opt(sign * seconds).filter(|_| text.is_empty() && minutes < 60)
}

/// As many digits as there are, and what follows them; `None` if there are not as many as are allowed, nine at the most.
fn number(text: &str, count: std::ops::RangeInclusive<usize>) -> Option<(u32, &str)> {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if count.contains(&end) { Some((digits.parse().ok()?, rest)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanos(text: &str) -> i64 {
        parse_instant(text, None).unwrap().unwrap()
    }

    #[test]
    fn dates_and_hours() {
        assert_eq!(nanos("2000-01-01"), 946_684_800_000_000_000);
        assert_eq!(nanos("2000-01-01 00:00:01.5"), 946_684_801_500_000_000);
        assert_eq!(nanos("2000-01-01  0:00:01"), 946_684_801_000_000_000);
        assert_eq!(nanos("2000-01-01T01:00:00.000000001+01:00"), 946_684_800_000_000_001);
        assert_eq!(nanos("1999-12-31T23:30:00-00:30"), 946_684_800_000_000_000);
        assert_eq!(nanos("2000-01-01T00:00:00Z"), 946_684_800_000_000_000);
        assert!(parse_instant("host-1", None).is_none());
        assert!(parse_instant("2000-1-01", None).is_none());
    }

    #[test]
    fn what_go_does_not_read_either() {
        for text in [
            "2000-01-01x",
            "2000-01-01 ",
            "2000-01-0102:00:00",
            "2000-01-01 02:00",
            "2000-01-01 02:00:0",
            "2000-01-01 02:00:60",
            "2000-01-01 24:00:00",
            "2000-01-01 02:00:00.",
            "2000-01-01 02:00:00.1234567890",
            "2000-01-01 02:00:00Z",
            "2000-01-01T02:00:00",
            "2000-01-01T02:00:00z",
            "2000-01-01T02:00:00+0200",
            "2000-01-01T02:00:00+02:60",
            "2000-02-30",
            "2000-01-01 ü",
        ] {
            assert!(parse_instant(text, None).unwrap().is_err(), "{text}");
        }
    }
}
