//! The time zones of `tz()`.

use chrono::NaiveDateTime;
#[cfg(feature = "chrono-tz")]
use chrono::{DateTime, Offset, TimeZone};

use crate::QueryError;

const NANOS_PER_SEC: i64 = 1_000_000_000;

/// A time zone other than UTC, by its name in the IANA database, such as `Europe/Berlin`.
///
/// Without the feature `chrono-tz` there are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Zone(Inner);

#[cfg(feature = "chrono-tz")]
type Inner = chrono_tz::Tz;
#[cfg(not(feature = "chrono-tz"))]
type Inner = std::convert::Infallible;

impl Zone {
    /// The zone called `name`; `None` for UTC.
    ///
    /// # Errors
    ///
    /// [`QueryError`] if there is no such zone, or the crate was built without zones.
    pub fn find(name: &str) -> Result<Option<Self>, QueryError> {
        if ["UTC", "Etc/UTC", "GMT", "Etc/GMT", ""].contains(&name) {
            return Ok(None);
        }
        Self::named(name).map(Some)
    }

    #[cfg(feature = "chrono-tz")]
    fn named(name: &str) -> Result<Self, QueryError> {
        let zone = name
            .parse()
            .map_err(|_| QueryError::invalid(format!("unable to find time zone {name}")))?;
        Ok(Zone(zone))
    }

    #[cfg(not(feature = "chrono-tz"))]
    fn named(name: &str) -> Result<Self, QueryError> {
        Err(QueryError::unsupported(format!("tz('{name}') without the feature chrono-tz")))
    }

    /// Nanoseconds by which local clocks are ahead of UTC at the instant `at`.
    #[cfg(feature = "chrono-tz")]
    pub(crate) fn offset_ns(self, at: i64) -> i64 {
        let utc = DateTime::from_timestamp_nanos(at).naive_utc();
        let offset = self.0.offset_from_utc_datetime(&utc).fix();
        i64::from(offset.local_minus_utc()) * NANOS_PER_SEC
    }

    #[cfg(not(feature = "chrono-tz"))]
    pub(crate) fn offset_ns(self, _at: i64) -> i64 {
        match self.0 {}
    }
}

/// The instant at which clocks in `zone` show `local`: the earlier if they do so twice; if they skip it, the instant
/// that it would be had they not been put forward yet.
pub(crate) fn instant(local: NaiveDateTime, zone: Option<Zone>) -> Option<i64> {
    let as_utc = local.and_utc().timestamp_nanos_opt()?;
    let Some(zone) = zone else { return Some(as_utc) };
    // Before and after a change that lies within a day of it.
    let day = 86_400 * NANOS_PER_SEC;
    let before = as_utc.checked_sub(zone.offset_ns(as_utc.saturating_sub(day)))?;
    let after = as_utc.checked_sub(zone.offset_ns(as_utc.saturating_add(day)))?;
    let shows = |at: i64| at.checked_add(zone.offset_ns(at)) == Some(as_utc);
    if shows(before) || !shows(after) { Some(before) } else { Some(after) }
}

#[cfg(all(test, feature = "chrono-tz"))]
mod tests {
    use super::*;

    #[test]
    fn local_times_are_found_around_a_change() {
        let zone = Zone::find("America/Los_Angeles").unwrap();
        let cases = [
            ("2000-01-01T00:00:00", "2000-01-01T08:00:00Z"),
            ("2000-06-01T00:00:00", "2000-06-01T07:00:00Z"),
            ("2000-04-02T01:59:59", "2000-04-02T09:59:59Z"),
            ("2000-04-02T02:30:00", "2000-04-02T10:30:00Z"), // skipped
            ("2000-04-02T03:00:00", "2000-04-02T10:00:00Z"),
            ("2000-10-29T01:30:00", "2000-10-29T08:30:00Z"), // twice
            ("2000-10-29T02:00:00", "2000-10-29T10:00:00Z"),
        ];
        for (local, want) in cases {
            let local = local.parse().unwrap();
            let got = stripchart_core::Timestamp::from_nanos(instant(local, zone).unwrap());
            assert_eq!(got.to_string(), want);
        }
        assert_eq!(Zone::find("UTC").unwrap(), None);
        let error = Zone::find("Mars/Olympus").unwrap_err().to_string();
        assert_eq!(error, "unable to find time zone Mars/Olympus");
    }
}
