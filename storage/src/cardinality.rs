//! How much there is: series, values of tags, and what a scan would cost.

use std::collections::BTreeSet;

use stripchart_core::TimeRange;

use crate::segment::PAGE;
use crate::view::{Series, View};
use crate::{ReadError, TagFilter};

/// What a scan or a fold would read at most; see [`View::cost`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Cost {
    /// Series that have rows inside the range.
    pub series: u64,
    /// Stored blocks of the fields.
    pub blocks: u64,
    /// Rows of those blocks; rows in memory are not counted.
    pub rows: u64,
    /// Bytes of those blocks.
    pub bytes: u64,
}

impl View {
    /// How many series `measurement` has.
    ///
    /// Costs nothing per series if one segment has all of them, as one that is merged does, and nothing of it was deleted; else
    /// the series are listed.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the index of a segment is unreadable.
    pub fn series_count(&self, measurement: &str) -> Result<u64, ReadError> {
        if let Some(table) = self.only_table(measurement)? {
            return Ok(table.table.series as u64);
        }
        Ok(self.series(measurement, &TagFilter::All)?.len() as u64)
    }

    /// A number that [`View::series_count`] is not below, series apart that come up while it is asked: of all sources the most that one
    /// of them has. Zero where some of the measurement was deleted.
    ///
    /// Costs nothing per series: what to ask first where a million would be too many.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the index of a segment is unreadable.
    pub fn series_at_least(&self, measurement: &str) -> Result<u64, ReadError> {
        let inner = self.inner();
        if inner.deletes.concern(measurement) {
            return Ok(0);
        }
        let mut most = 0;
        for segment in &inner.segments {
            if let Some((_, table)) = segment.table(measurement)? {
                most = most.max(table.table.series);
            }
        }
        for (head, _) in &inner.heads {
            let head = head.inner.read();
            let table = head.table_number(inner.policy, measurement);
            let series = table.and_then(|table| head.tables().get(table as usize));
            most = most.max(series.map_or(0, |table| head.series_in(table)));
        }
        Ok(most as u64)
    }

    /// The values that tag `key` has in the series of `measurement`, sorted; none if there is no such tag.
    ///
    /// Goes through dictionaries, not through series, unless some of the measurement was deleted.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the index of a segment is unreadable.
    pub fn tag_values(&self, measurement: &str, key: &str) -> Result<Vec<String>, ReadError> {
        let inner = self.inner();
        let mut values: BTreeSet<String> = BTreeSet::new();
        if inner.deletes.concern(measurement) {
            for series in self.series(measurement, &TagFilter::All)? {
                values.extend(series.key().tag(key).map(str::to_owned));
            }
            return Ok(values.into_iter().collect());
        }
        for segment in &inner.segments {
            let Some((_, table)) = segment.table(measurement)? else { continue };
            table.for_each_value(key, |value| {
                if !values.contains(value) {
                    values.insert(value.to_owned());
                }
            })?;
        }
        for (head, limit) in &inner.heads {
            head.select(inner.policy, measurement, &TagFilter::All, *limit, |series, _| {
                values.extend(series.tag(key).map(str::to_owned));
            });
        }
        Ok(values.into_iter().collect())
    }

    /// How many values tag `key` has in the series of `measurement`.
    ///
    /// Costs as [`View::series_count`] does.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the index of a segment is unreadable.
    pub fn tag_value_count(&self, measurement: &str, key: &str) -> Result<u64, ReadError> {
        if let Some(table) = self.only_table(measurement)? {
            return Ok(table.value_count(key) as u64);
        }
        Ok(self.tag_values(measurement, key)?.len() as u64)
    }

    /// The table of a measurement that all of its series are in, if there is one.
    fn only_table(
        &self,
        measurement: &str,
    ) -> Result<Option<crate::segment::select::TableView<'_>>, ReadError> {
        let inner = self.inner();
        let in_memory = inner.heads.iter().any(|(head, _)| {
            head.inner.read().measurements(inner.policy).any(|name| name == measurement)
        });
        if in_memory || inner.deletes.concern(measurement) {
            return Ok(None);
        }
        let mut only = None;
        for segment in &inner.segments {
            if let Some((_, table)) = segment.table(measurement)?
                && only.replace(table).is_some()
            {
                return Ok(None);
            }
        }
        Ok(only)
    }

    /// What reading `fields` of `series` inside `range` would touch in sealed files, before it is done.
    ///
    /// Looks at the description of each block, at no block. An answer from statistics costs less.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if the description of a block is unreadable.
    pub fn cost(
        &self,
        series: &[Series],
        fields: &[&str],
        range: TimeRange,
    ) -> Result<Cost, ReadError> {
        let mut cost = Cost::default();
        for series in series {
            let wanted: Vec<_> = fields.iter().map(|field| Self::wanted(series, field)).collect();
            let view = &series.view;
            view.cancel.check()?;
            let (start, end) = (range.start.nanos().max(view.horizon), range.end.nanos());
            let mut touched = self.time_bounds(series).is_some_and(|(first, last)| {
                first.nanos() < end && start <= last.nanos() && !series.inner.heads.is_empty()
            });
            for (segment, place, _) in series.inner.segments.iter() {
                let segment = &view.segments[*segment as usize];
                let table = segment.table_at(place.table as usize)?.table;
                for run in segment.runs(*place)? {
                    if run.bounds.1 < start || run.bounds.0 >= end {
                        continue;
                    }
                    touched = true;
                    let (page, group) = (run.group as usize / PAGE, run.group as usize % PAGE);
                    let fields = wanted.iter().filter_map(|w| table.field(&w.name, w.field_type));
                    let before = cost.blocks;
                    for field in fields {
                        let page = table.field_page(segment, field, page)?;
                        if page.values(group, run.group_rows as usize) > 0 {
                            cost.blocks += 1;
                            cost.bytes = cost.bytes.saturating_add(page.len(group));
                        }
                    }
                    if cost.blocks > before {
                        cost.rows += u64::from(run.rows);
                    }
                }
            }
            cost.series += u64::from(touched);
        }
        Ok(cost)
    }
}
