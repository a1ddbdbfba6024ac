//! Zones by their names in the IANA database, as the crate `chrono-tz` carries it.

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;

use crate::Zone;

/// The years whose changes of the clocks are listed: 1970 to 2100.
const FIRST: i64 = 0;
const LAST: i64 = 4_102_444_800;
/// Seconds between two looks. Clocks that changed twice within a week would be missed; none has since 1970.
const STRIDE: i64 = 7 * 86_400;

impl Zone {
    /// The zone called `name` in the IANA database (`Europe/Berlin`), with the changes of its clocks from 1970 to 2100;
    /// `None` if there is no such zone. Needs the feature `chrono-tz`.
    ///
    /// Looks through those years for changes, which takes some tenths of a millisecond: keep the zone.
    ///
    /// ```
    /// use stripchart_render::Zone;
    /// let berlin = Zone::named("Europe/Berlin").expect("a known zone");
    /// assert_eq!(berlin.offset_text(1_795_348_800), "UTC+01:00"); // 2026-11-22
    /// assert_eq!(berlin.offset_text(1_783_296_000), "UTC+02:00"); // 2026-07-06
    /// assert!(Zone::named("Europe/Atlantis").is_none());
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let zone: Tz = name.parse().ok()?;
        let mut before = offset(zone, FIRST);
        let first = before;
        let mut transitions = Vec::new();
        let mut at = FIRST;
        while at < LAST {
            let next = at + STRIDE;
            let after = offset(zone, next);
            if after != before {
                transitions.push((change(zone, at, next), after));
                before = after;
            }
            at = next;
        }
        Some(Zone::with_transitions(zone.name(), first, transitions))
    }
}

/// Seconds east of UTC at `unix_secs`.
fn offset(zone: Tz, unix_secs: i64) -> i32 {
    let at = DateTime::from_timestamp(unix_secs, 0).unwrap_or_default();
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
}

/// The second at which the offset that holds at `from` ends, before `to`.
fn change(zone: Tz, mut from: i64, mut to: i64) -> i64 {
    let before = offset(zone, from);
    while to - from > 1 {
        let middle = from + (to - from) / 2;
        if offset(zone, middle) == before {
            from = middle;
        } else {
            to = middle;
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_found_to_the_second() {
        // Zone, an instant at which its clocks change, the offsets before and after.
        let cases = [
            ("Europe/Berlin", 1_774_746_000, "UTC+01:00", "UTC+02:00"),
            ("Europe/Berlin", 1_792_890_000, "UTC+02:00", "UTC+01:00"),
            ("America/Sao_Paulo", 1_541_300_400, "UTC-03:00", "UTC-02:00"),
            ("Australia/Lord_Howe", 1_791_041_400, "UTC+10:30", "UTC+11:00"),
            ("Africa/Casablanca", 1_771_120_800, "UTC+01:00", "UTC"),
        ];
        for (name, at, before, after) in cases {
            let zone = Zone::named(name).unwrap();
            assert_eq!(
                (&*zone.offset_text(at - 1), &*zone.offset_text(at)),
                (before, after),
                "{name}"
            );
        }
        assert_eq!(Zone::named("Asia/Kathmandu").unwrap().offset_text(LAST), "UTC+05:45");
        assert_eq!(Zone::named("UTC").unwrap(), Zone::utc());
    }
}
