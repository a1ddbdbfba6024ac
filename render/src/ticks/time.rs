//! The time axis: a ladder of steps that clocks and calendars have, aligned to the wall clock of a zone.

use stripchart_core::{TimeRange, Timestamp};

use crate::Zone;
use crate::zone::{Civil, Local, date_of_day, day_of_date};

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const DAY_SECS: i64 = 86_400;

/// Pixels that a label needs, and one with milliseconds.
const LABEL_PX: u32 = 80;
const LONG_LABEL_PX: u32 = 110;

/// How far apart ticks are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nanoseconds. Every zone of today is off UTC by a multiple of a quarter of an hour, so that multiples of up to
    /// that are the same on every clock.
    Exact(i64),
    /// Nanoseconds on the wall clock, counted from midnight.
    Wall(i64),
    /// Calendar days; weeks begin on Monday.
    Days(i64),
    Months(i64),
    Years(i64),
}

const LADDER: [Step; 45] = [
    Step::Exact(MS),
    Step::Exact(2 * MS),
    Step::Exact(5 * MS),
    Step::Exact(10 * MS),
    Step::Exact(20 * MS),
    Step::Exact(50 * MS),
    Step::Exact(100 * MS),
    Step::Exact(200 * MS),
    Step::Exact(500 * MS),
    Step::Exact(SECOND),
    Step::Exact(2 * SECOND),
    Step::Exact(5 * SECOND),
    Step::Exact(10 * SECOND),
    Step::Exact(15 * SECOND),
    Step::Exact(30 * SECOND),
    Step::Exact(MINUTE),
    Step::Exact(2 * MINUTE),
    Step::Exact(5 * MINUTE),
    Step::Exact(10 * MINUTE),
    Step::Exact(15 * MINUTE),
    Step::Wall(30 * MINUTE),
    Step::Wall(HOUR),
    Step::Wall(2 * HOUR),
    Step::Wall(3 * HOUR),
    Step::Wall(6 * HOUR),
    Step::Wall(12 * HOUR),
    Step::Days(1),
    Step::Days(2),
    Step::Days(7),
    Step::Months(1),
    Step::Months(3),
    Step::Months(6),
    Step::Years(1),
    Step::Years(2),
    Step::Years(5),
    Step::Years(10),
    Step::Years(20),
    Step::Years(50),
    Step::Years(100),
    Step::Years(200),
    Step::Years(500),
    Step::Years(1_000),
    Step::Years(2_000),
    Step::Years(5_000),
    Step::Years(10_000),
];

impl Step {
    /// Nanoseconds, of months and years on average.
    const fn about(self) -> i128 {
        match self {
            Step::Exact(nanos) | Step::Wall(nanos) => nanos as i128,
            Step::Days(days) => days as i128 * DAY as i128,
            Step::Months(months) => months as i128 * DAY as i128 * 146_097 / 4_800,
            Step::Years(years) => years as i128 * DAY as i128 * 146_097 / 400,
        }
    }

    const fn label_px(self) -> u32 {
        if self.about() < SECOND as i128 { LONG_LABEL_PX } else { LABEL_PX }
    }
}

/// A tick of the time axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimeTick {
    pub(crate) at: Timestamp,
    pub(crate) label: String,
    /// The second line: the date or the year, where it differs from that of the tick before.
    pub(crate) context: Option<String>,
}

/// The ticks of `range`, both ends included, on `width_px` pixels; none if the range is empty.
pub(crate) fn time_ticks(range: TimeRange, zone: &Zone, width_px: u32) -> Vec<TimeTick> {
    if range.is_empty() || width_px == 0 {
        return Vec::new();
    }
    let step = step(range, width_px);
    let mut instants = match step {
        Step::Exact(nanos) => exact(range, nanos),
        Step::Wall(nanos) => wall(range, zone, nanos / SECOND),
        Step::Days(_) | Step::Months(_) | Step::Years(_) => dates(range, zone, step),
    };
    instants.retain(|at| *at >= range.start && *at <= range.end);
    thin_out(&mut instants, step);
    labelled(&instants, zone, step)
}

fn step(range: TimeRange, width_px: u32) -> Step {
    let span = i128::from(range.end.nanos()) - i128::from(range.start.nanos());
    let fits =
        |step: &&Step| step.about() * i128::from(width_px) >= span * i128::from(step.label_px());
    *LADDER.iter().find(fits).unwrap_or(&LADDER[LADDER.len() - 1])
}

fn exact(range: TimeRange, nanos: i64) -> Vec<Timestamp> {
    let mut at = range.start.align_down(nanos);
    let mut ticks = Vec::new();
    while at <= range.end {
        ticks.push(at);
        let next = at.saturating_add(nanos);
        if next == at {
            break;
        }
        at = next;
    }
    ticks
}

/// Ticks every `secs` seconds of the wall clock.
fn wall(range: TimeRange, zone: &Zone, secs: i64) -> Vec<Timestamp> {
    let first = zone.local(range.start.nanos().div_euclid(SECOND));
    let last = zone.local(range.end.nanos().div_euclid(SECOND)).saturating_add(HOUR / SECOND);
    let mut local = first.div_euclid(DAY_SECS) * DAY_SECS;
    let mut ticks = Vec::new();
    while local <= last {
        match zone.instants(local) {
            Local::One(at) => ticks.push(Timestamp::from_secs(at)),
            // A reading that the clock never shows has no place on the axis.
            Local::Skipped(_) => {}
            Local::Two(first, second) => {
                ticks.push(Timestamp::from_secs(first));
                if secs <= HOUR / SECOND {
                    ticks.push(Timestamp::from_secs(second));
                }
            }
        }
        local += secs;
    }
    ticks.sort_unstable();
    ticks
}

/// Ticks at local midnight of calendar dates.
fn dates(range: TimeRange, zone: &Zone, step: Step) -> Vec<Timestamp> {
    let day_at = |at: Timestamp| zone.local(at.nanos().div_euclid(SECOND)).div_euclid(DAY_SECS);
    let (first, last) = (day_at(range.start), day_at(range.end));
    let (year, month, _) = date_of_day(first);
    let mut ticks = Vec::new();
    for index in 0.. {
        let day = match step {
            // Day 0 was a Thursday, so that weeks begin three days before a multiple of seven.
            Step::Days(7) => (first + 3).div_euclid(7) * 7 - 3 + index * 7,
            Step::Days(days) => (first.div_euclid(days) + index) * days,
            Step::Months(months) => {
                let count = (year * 12 + month - 1).div_euclid(months) + index;
                day_of_date(0, count * months + 1, 1)
            }
            Step::Years(years) => day_of_date((year.div_euclid(years) + index) * years, 1, 1),
            Step::Exact(_) | Step::Wall(_) => return ticks,
        };
        if day > last {
            return ticks;
        }
        // Some zones skip midnight: the day begins at its first instant.
        let at = match zone.instants(day * DAY_SECS) {
            Local::One(at) | Local::Skipped(at) | Local::Two(at, _) => at,
        };
        ticks.push(Timestamp::from_secs(at));
    }
    ticks
}

/// Drops ticks that a change of the clocks or a short month brought too close to the one before.
fn thin_out(ticks: &mut Vec<Timestamp>, step: Step) {
    let mut last = None::<Timestamp>;
    ticks.retain(|at| {
        let near = last.is_some_and(|last| i128::from(at.since(last)) * 10 < step.about() * 6);
        if !near {
            last = Some(*at);
        }
        !near
    });
}

fn labelled(ticks: &[Timestamp], zone: &Zone, step: Step) -> Vec<TimeTick> {
    let mut last = String::new();
    let tick = |at: &Timestamp| {
        let civil = zone.civil(*at);
        let context = context(&civil, step);
        let changed = context != last;
        last.clone_from(&context);
        TimeTick {
            at: *at,
            label: label(&civil, step),
            context: Some(context).filter(|text| changed && !text.is_empty()),
        }
    };
    ticks.iter().map(tick).collect()
}

fn label(c: &Civil, step: Step) -> String {
    match step {
        Step::Exact(nanos) if nanos < SECOND && c.nanos != 0 => format!(".{:03}", c.nanos / MS),
        Step::Exact(nanos) if nanos < MINUTE => {
            format!("{:02}:{:02}:{:02}", c.hour, c.minute, c.second)
        }
        Step::Exact(_) | Step::Wall(_) => format!("{:02}:{:02}", c.hour, c.minute),
        Step::Days(_) => format!("{:02}-{:02}", c.month, c.day),
        Step::Months(_) => format!("{:04}-{:02}", c.year, c.month),
        Step::Years(_) => format!("{:04}", c.year),
    }
}

fn context(c: &Civil, step: Step) -> String {
    match step {
        Step::Exact(nanos) if nanos < SECOND => {
            format!("{} {:02}:{:02}:{:02}", c.date(), c.hour, c.minute, c.second)
        }
        Step::Exact(_) | Step::Wall(_) => c.date(),
        Step::Days(_) => format!("{:04}", c.year),
        Step::Months(_) | Step::Years(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: i64, secs: i64) -> TimeRange {
        TimeRange::new(Timestamp::from_secs(start), Timestamp::from_secs(start + secs))
    }

    fn shown(range: TimeRange, zone: &Zone, width: u32) -> Vec<String> {
        let text = |tick: TimeTick| match tick.context {
            Some(context) => format!("{}/{context}", tick.label),
            None => tick.label,
        };
        time_ticks(range, zone, width).into_iter().map(text).collect()
    }

    #[test]
    fn steps_for_usual_spans_on_wide_and_narrow_charts() {
        let (minute, hour, day) = (60, 3600, 86_400);
        let cases = [
            (minute, Step::Exact(10 * SECOND), Step::Exact(15 * SECOND)),
            (5 * minute, Step::Exact(MINUTE), Step::Exact(2 * MINUTE)),
            (30 * minute, Step::Exact(5 * MINUTE), Step::Exact(10 * MINUTE)),
            (hour, Step::Exact(10 * MINUTE), Step::Exact(15 * MINUTE)),
            (6 * hour, Step::Wall(HOUR), Step::Wall(2 * HOUR)),
            (day, Step::Wall(3 * HOUR), Step::Wall(6 * HOUR)),
            (7 * day, Step::Days(1), Step::Days(2)),
            (30 * day, Step::Days(7), Step::Months(1)),
        ];
        for (secs, wide, narrow) in cases {
            let range = range(0, secs);
            assert_eq!((step(range, 740), step(range, 340)), (wide, narrow), "{secs} s");
        }
    }

    #[test]
    fn labels_name_the_date_once() {
        // 2026-11-22T23:40:00Z
        let start = 1_795_390_800;
        assert_eq!(
            shown(range(start, 1800), &Zone::utc(), 740),
            ["23:40/2026-11-22", "23:45", "23:50", "23:55", "00:00/2026-11-23", "00:05", "00:10"]
        );
        let milliseconds = TimeRange::new(
            Timestamp::from_millis(start * 1000 + 900),
            Timestamp::from_millis(start * 1000 + 1200),
        );
        assert_eq!(
            shown(milliseconds, &Zone::utc(), 400),
            [".900/2026-11-22 23:40:00", "23:40:01/2026-11-22 23:40:01", ".100", ".200"]
        );
        assert_eq!(
            shown(range(start, 3 * 86_400), &Zone::utc(), 340),
            ["11-23/2026", "11-24", "11-25"]
        );
    }

    #[test]
    fn steps_of_days_weeks_months_and_years_follow_the_calendar() {
        let (year_end, day) = (1_798_502_400, 86_400); // 2026-12-29
        assert_eq!(
            shown(range(year_end, 6 * day), &Zone::utc(), 740),
            ["12-29/2026", "12-30", "12-31", "01-01/2027", "01-02", "01-03", "01-04"]
        );
        // Mondays.
        assert_eq!(
            shown(range(year_end, 30 * day), &Zone::utc(), 740),
            ["01-04/2027", "01-11", "01-18", "01-25"]
        );
        // A leap February: 2024-02-28 and on.
        assert_eq!(
            shown(range(1_709_078_400, 3 * day), &Zone::utc(), 340),
            ["02-28/2024", "02-29", "03-01", "03-02"]
        );
        assert_eq!(
            shown(range(year_end, 200 * day), &Zone::utc(), 740),
            ["2027-01", "2027-02", "2027-03", "2027-04", "2027-05", "2027-06", "2027-07"]
        );
        assert_eq!(
            shown(range(0, 20 * 366 * day), &Zone::utc(), 740),
            ["1970", "1975", "1980", "1985", "1990"]
        );
    }

    #[test]
    fn hours_in_a_zone_with_an_odd_offset_are_its_own() {
        let kathmandu = Zone::fixed("Asia/Kathmandu", 20_700);
        assert_eq!(
            shown(range(1_795_305_600, 6 * 3600), &kathmandu, 740),
            ["06:00/2026-11-22", "07:00", "08:00", "09:00", "10:00", "11:00"]
        );
    }

    #[test]
    fn the_hour_that_is_skipped_has_no_tick_and_the_hour_that_repeats_has_two() {
        let (spring, autumn) = (1_774_746_000, 1_792_890_000);
        let berlin =
            Zone::with_transitions("Europe/Berlin", 3600, [(spring, 7200), (autumn, 3600)]);
        assert_eq!(
            shown(range(spring - 2 * 3600, 4 * 3600), &berlin, 400),
            ["00:00/2026-03-29", "01:00", "03:00", "04:00", "05:00"]
        );
        assert_eq!(
            shown(range(autumn - 3 * 3600, 5 * 3600), &berlin, 400),
            ["00:00/2026-10-25", "01:00", "02:00", "02:00", "03:00", "04:00"]
        );
        // At three hours' distance the repeated hour is one tick only.
        assert_eq!(
            shown(range(autumn - 3 * 3600, 24 * 3600), &berlin, 740),
            ["00:00/2026-10-25", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"]
        );
    }

    #[test]
    fn a_day_that_begins_at_one_has_its_tick_there() {
        // America/Sao_Paulo, 2018-11-04: clocks went from 00:00 to 01:00, at 03:00 UTC.
        let zone = Zone::with_transitions("America/Sao_Paulo", -10_800, [(1_541_300_400, -7_200)]);
        let ticks = time_ticks(range(1_541_300_400 - 86_400, 3 * 86_400), &zone, 400);
        let at: Vec<_> = ticks.iter().map(|tick| tick.at.nanos() / SECOND).collect();
        assert_eq!(at[..2], [1_541_300_400 - 86_400, 1_541_300_400]);
        assert_eq!(ticks[1].label, "11-04");
    }

    #[test]
    fn clocks_that_change_by_half_an_hour() {
        // Australia/Lord_Howe, 2026-10-04 02:00 goes to 02:30: 2026-10-03T15:30Z.
        let change = 1_791_041_400;
        let zone = Zone::with_transitions("Australia/Lord_Howe", 37_800, [(change, 39_600)]);
        assert_eq!(
            shown(range(change - 5_400, 3 * 3600), &zone, 600),
            ["00:30/2026-10-04", "01:00", "01:30", "02:30", "03:00", "03:30", "04:00"]
        );
    }

    #[test]
    fn no_range_panics_or_has_too_many_ticks() {
        let ends = [i64::MIN, -1, 0, 1, 1_795_390_800_000_000_000, i64::MAX];
        for start in ends {
            for end in ends {
                for width in [0, 1, 100, 16_384] {
                    let range =
                        TimeRange::new(Timestamp::from_nanos(start), Timestamp::from_nanos(end));
                    for zone in [Zone::utc(), Zone::fixed("x", -86_400)] {
                        assert!(time_ticks(range, &zone, width).len() <= 300);
                    }
                }
            }
        }
    }
}
