//! Time zones as lists of offsets, and the calendar.

use stripchart_core::Timestamp;

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

/// A time zone: its name and its offset from UTC, with the instants where the offset changes.
///
/// It holds no database of zones: with the feature `chrono-tz` there is `Zone::named`, and an embedder that has another
/// one lists the transitions of the years it shows.
///
/// ```
/// use stripchart_render::Zone;
/// let kathmandu = Zone::fixed("Asia/Kathmandu", 5 * 3600 + 45 * 60);
/// assert_eq!(kathmandu.offset_text(0), "UTC+05:45");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    /// The offset before the first transition, seconds east of UTC.
    first: i32,
    /// Seconds since the epoch, and the offset from then on.
    transitions: Vec<(i64, i32)>,
}

impl Default for Zone {
    fn default() -> Self {
        Zone::utc()
    }
}

/// What instants a wall clock's reading may mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Local {
    One(i64),
    /// Skipped when clocks went forward; the first instant after.
    Skipped(i64),
    /// Shown twice when clocks went back.
    Two(i64, i64),
}

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Zone { name: "UTC".to_owned(), first: 0, transitions: Vec::new() }
    }

    /// A zone that never changes its clocks, `offset_secs` seconds east of UTC (clamped to a day either way).
    #[must_use]
    pub fn fixed(name: impl Into<String>, offset_secs: i32) -> Self {
        Zone::with_transitions(name, offset_secs, [])
    }

    /// A zone `first_offset_secs` east of UTC until the first of the `transitions`: seconds since the epoch, and the
    /// offset from then on. They may come in any order.
    #[must_use]
    pub fn with_transitions(
        name: impl Into<String>,
        first_offset_secs: i32,
        transitions: impl IntoIterator<Item = (i64, i32)>,
    ) -> Self {
        let clamp = |offset: i32| offset.clamp(-86_400, 86_400);
        let mut transitions: Vec<_> =
            transitions.into_iter().map(|(at, offset)| (at, clamp(offset))).collect();
        transitions.sort_unstable();
        Zone { name: name.into(), first: clamp(first_offset_secs), transitions }
    }

    /// The zone's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Seconds east of UTC at `unix_secs` seconds since the epoch.
    #[must_use]
    pub fn offset_at(&self, unix_secs: i64) -> i32 {
        let after = self.transitions.partition_point(|(at, _)| *at <= unix_secs);
        after.checked_sub(1).map_or(self.first, |last| self.transitions[last].1)
    }

    /// The offset at `unix_secs` as text: `UTC`, `UTC+05:45`.
    #[must_use]
    pub fn offset_text(&self, unix_secs: i64) -> String {
        let offset = self.offset_at(unix_secs);
        if offset == 0 {
            return "UTC".to_owned();
        }
        let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.unsigned_abs() / 60);
        format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// The wall clock at `at`, as seconds since 1970-01-01T00:00 on that clock.
    pub(crate) fn local(&self, unix_secs: i64) -> i64 {
        unix_secs.saturating_add(i64::from(self.offset_at(unix_secs)))
    }

    /// The instants when the wall clock shows `local`.
    pub(crate) fn instants(&self, local: i64) -> Local {
        let offsets = std::iter::once(self.first).chain(self.transitions.iter().map(|t| t.1));
        let mut found = [0i64; 2];
        let mut count = 0;
        for (index, offset) in offsets.enumerate() {
            let at = local.saturating_sub(i64::from(offset));
            let begins = index.checked_sub(1).map_or(i64::MIN, |i| self.transitions[i].0);
            let ends = self.transitions.get(index).map_or(i64::MAX, |next| next.0);
            if begins <= at && at < ends && count < 2 {
                found[count] = at;
                count += 1;
            }
        }
        match count {
            0 => Local::Skipped(self.skipped_until(local)),
            1 => Local::One(found[0]),
            _ => Local::Two(found[0], found[1]),
        }
    }

    /// The transition that jumped over `local`.
    fn skipped_until(&self, local: i64) -> i64 {
        let mut before = self.first;
        for &(at, offset) in &self.transitions {
            if local >= at.saturating_add(i64::from(before))
                && local < at.saturating_add(i64::from(offset))
            {
                return at;
            }
            before = offset;
        }
        local.saturating_sub(i64::from(before))
    }

    /// Date and hour on the wall clock at `at`.
    pub(crate) fn civil(&self, at: Timestamp) -> Civil {
        let secs = at.nanos().div_euclid(NANOS);
        Civil::of_local(self.local(secs), at.nanos().rem_euclid(NANOS))
    }

    /// The instant as `2026-11-22 12:30`, with seconds where they are not zero.
    #[must_use]
    pub fn format(&self, at: Timestamp) -> String {
        let c = self.civil(at);
        let mut text = format!("{} {:02}:{:02}", c.date(), c.hour, c.minute);
        if c.second != 0 {
            text.push_str(&format!(":{:02}", c.second));
        }
        text
    }
}

/// A date and hour on a wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    pub(crate) month: i64,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
    pub(crate) nanos: i64,
}

impl Civil {
    fn of_local(local: i64, nanos: i64) -> Self {
        let (year, month, day) = date_of_day(local.div_euclid(DAY));
        let second = local.rem_euclid(DAY);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        Civil { year, month, day, hour, minute, second: second % 60, nanos }
    }

    pub(crate) fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Year, month and day of a day counted from 1970-01-01.
pub(crate) const fn date_of_day(days: i64) -> (i64, i64, i64) {
    // Years that begin on the first of March end with the leap day, in eras of 400 years or 146 097 days.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let january_first = (month >= 10) as i64;
    (year + era * 400 + january_first, month + 3 - 12 * january_first, day)
}

/// The day, counted from 1970-01-01, of a date; months beyond 1..=12 run into the years around.
pub(crate) const fn day_of_date(year: i64, month: i64, day: i64) -> i64 {
    let months = year * 12 + month - 1 - 2; // from March of year 0
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree_over_centuries() {
        for day in (-200_000..200_000).step_by(17) {
            let (y, m, d) = date_of_day(day);
            assert_eq!(day_of_date(y, m, d), day);
        }
        assert_eq!(date_of_day(0), (1970, 1, 1));
        assert_eq!(day_of_date(2024, 2, 29), day_of_date(2024, 3, 1) - 1);
        assert_eq!(day_of_date(2025, 13, 1), day_of_date(2026, 1, 1));
        assert_eq!(day_of_date(2026, 0, 1), day_of_date(2025, 12, 1));
    }

    #[test]
    fn a_clock_that_goes_forward_skips_and_one_that_goes_back_repeats() {
        // Europe/Berlin, 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC.
        let (spring, autumn) = (1_774_746_000, 1_792_890_000);
        let berlin =
            Zone::with_transitions("Europe/Berlin", 3600, [(autumn, 3600), (spring, 7200)]);
        assert_eq!(berlin.offset_text(spring - 1), "UTC+01:00");
        assert_eq!(berlin.offset_text(spring), "UTC+02:00");
        assert_eq!(berlin.instants(spring + 3600 + 1800), Local::Skipped(spring));
        assert_eq!(berlin.instants(autumn + 3600 + 1800), Local::Two(autumn - 1800, autumn + 1800));
        assert_eq!(berlin.instants(autumn), Local::One(autumn - 7200));
        assert_eq!(berlin.format(Timestamp::from_secs(spring)), "2026-03-29 03:00");
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let zone = Zone::fixed("far east", i32::MAX);
        assert_eq!(zone.offset_text(0), "UTC+24:00");
        for at in [i64::MIN, -1, 0, i64::MAX] {
            let _ = (zone.format(Timestamp::from_nanos(at)), zone.instants(at), zone.local(at));
        }
    }
}
