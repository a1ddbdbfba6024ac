//! Going through the series of a table: what neighbours have in common is looked up once.

use super::packed::Packed;
use super::root::Root;
use super::select::TableView;
use super::table::{Group, GroupPage, Table};
use super::times::Times;
use super::{PAGE, Run, Segment};
use crate::ReadError;
use crate::rows::index as u32_of;

/// Series between two looks at whether the file is still whole.
const SERIES_A_CHECK: u32 = 64;

/// A place in a table.
#[derive(Debug)]
pub(crate) struct Cursor<'s> {
    pub(crate) segment: &'s Segment,
    pub(crate) table: &'s Table,
    root: &'s Root,
    number: u32,
    /// The group after that of the series asked for last: likely the next series' first.
    next: usize,
    /// Series asked for.
    asked: u32,
    groups: Option<(usize, GroupPage<'s>)>,
    /// The groups with an even and with an odd number that were looked at last: each is asked for three times, for its series, for the
    /// one before and for the one after.
    known: [Option<(usize, Group)>; 2],
    runs: Option<(usize, Packed<'s>)>,
    times: Option<(usize, Times)>,
}

impl<'s> Cursor<'s> {
    pub(crate) fn new(segment: &'s Segment, number: u32) -> Result<Cursor<'s>, ReadError> {
        segment.check()?;
        let TableView { table, root, .. } = segment.table_at(number as usize)?;
        let (next, asked) = (0, 0);
        Ok(Cursor {
            segment,
            table,
            root,
            number,
            next,
            asked,
            groups: None,
            known: [None; 2],
            runs: None,
            times: None,
        })
    }

    fn group(&mut self, at: usize) -> Result<Group, ReadError> {
        if let Some((number, group)) = self.known[at % 2]
            && number == at
        {
            return Ok(group);
        }
        let page = match self.groups {
            Some((number, page)) if number == at / PAGE => page,
            _ => {
                let page = self.table.group_page(self.segment, at / PAGE)?;
                self.groups = Some((at / PAGE, page));
                page
            }
        };
        let group = self.table.group_of(self.segment, &page, at)?;
        self.known[at % 2] = Some((at, group));
        Ok(group)
    }

    fn run_times(&mut self, run: usize) -> Result<(usize, Times), ReadError> {
        let page = match self.runs {
            Some((number, page)) if number == run / PAGE => page,
            _ => {
                let page = self.table.run_page(self.segment, run / PAGE)?;
                self.runs = Some((run / PAGE, page));
                page
            }
        };
        let number = page.get(run % PAGE);
        let Ok(number) = usize::try_from(number) else {
            let found = number.to_string();
            return self.table.damaged(self.segment, "the number of a timestamp column", found);
        };
        if let Some((last, times)) = self.times
            && last == number
        {
            return Ok((number, times));
        }
        let times = self.root.times(self.segment, number)?;
        self.times = Some((number, times));
        Ok((number, times))
    }

    /// The first group of a series.
    fn first_group(&mut self, series: usize) -> Result<usize, ReadError> {
        self.asked = self.asked.wrapping_add(1);
        if self.asked.is_multiple_of(SERIES_A_CHECK) {
            self.segment.check()?;
        }
        let has =
            |group: Group| (group.first_series..group.first_series + group.runs).contains(&series);
        // The group of the series before may hold this one too.
        for at in [self.next.wrapping_sub(1), self.next] {
            if at < self.table.groups && has(self.group(at)?) {
                let first = at == 0 || {
                    let before = self.group(at - 1)?;
                    before.first_series + before.runs <= series
                };
                if first {
                    return Ok(at);
                }
            }
        }
        self.table.groups_of(self.segment, series).map(|groups| groups.start)
    }

    /// Appends the runs of a series, in order of time.
    pub(crate) fn runs(&mut self, series: usize, out: &mut Vec<Run>) -> Result<(), ReadError> {
        let mut at = self.first_group(series)?;
        loop {
            let group = self.group(at)?;
            let Some(place) = series.checked_sub(group.first_series).filter(|p| *p < group.runs)
            else {
                break;
            };
            out.push(self.run(at, &group, place)?);
            at += 1;
            // Groups of several series have all rows of each of them.
            if at >= self.table.groups || group.runs > 1 {
                break;
            }
        }
        self.next = at;
        Ok(())
    }

    /// The last run of a series.
    pub(crate) fn last_run(&mut self, series: usize) -> Result<Run, ReadError> {
        let mut at = self.first_group(series)?;
        let mut group = self.group(at)?;
        if group.runs == 1
            && at + 1 < self.table.groups
            && self.group(at + 1)?.first_series == series
        {
            at = self.table.groups_of(self.segment, series)?.end - 1;
            group = self.group(at)?;
        }
        self.next = at + 1;
        let place = series.saturating_sub(group.first_series);
        self.run(at, &group, place)
    }

    /// Run number `place` of a group.
    fn run(&mut self, at: usize, group: &Group, place: usize) -> Result<Run, ReadError> {
        let mut from = 0;
        for before in 0..place {
            from += self.run_times(group.first_run + before)?.1.rows;
        }
        let (number, times) = self.run_times(group.first_run + place)?;
        let fits = if group.runs == 1 {
            times.rows == group.rows
        } else {
            from + times.rows < group.rows
                || (from + times.rows == group.rows && place + 1 == group.runs)
        };
        if !fits {
            let found = format!("{} rows in a group of {}", times.rows, group.rows);
            return self.table.damaged(self.segment, "as many rows as the group has", found);
        }
        Ok(Run {
            table: self.number,
            group: u32_of(at),
            from: u32_of(from),
            group_rows: u32_of(group.rows),
            times: u32_of(number),
            rows: u32_of(times.rows),
            bounds: times.bounds,
        })
    }

    /// Times of the first and the last row of a series.
    pub(crate) fn bounds(&mut self, series: usize) -> Result<(i64, i64), ReadError> {
        let first = self.first_group(series)?;
        let group = self.group(first)?;
        let place = series.saturating_sub(group.first_series);
        let (_, times) = self.run_times(group.first_run + place)?;
        let mut bounds = times.bounds;
        let mut last = first;
        // Mostly there is one group.
        if group.runs == 1
            && last + 1 < self.table.groups
            && self.group(last + 1)?.first_series == series
        {
            last = self.table.groups_of(self.segment, series)?.end - 1;
            let group = self.group(last)?;
            bounds.1 = self.run_times(group.first_run)?.1.bounds.1;
        }
        self.next = last + 1;
        if bounds.0 > bounds.1 {
            return self.table.damaged(
                self.segment,
                "rows in order of time",
                format!("{bounds:?}"),
            );
        }
        Ok(bounds)
    }
}
