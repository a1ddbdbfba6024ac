//! Which rows of a timestamp column fall into which bucket.

use std::sync::OnceLock;

use crate::ReadError;
use crate::segment::Segment;
use crate::segment::times::{Form, SharedTimes, Times};

/// Rows that fall into one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) bucket: usize,
    /// From this row to before that; at least one.
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Span {
    pub(super) const fn len(&self) -> usize {
        self.to - self.from
    }
}

/// A timestamp column, cut at the edges.
#[derive(Debug)]
pub(super) struct Plan {
    times: Times,
    /// The bucket that all rows are in.
    pub(super) whole: Option<usize>,
    /// Rows inside the range, in order.
    pub(super) spans: Vec<Span>,
    /// Where the spans, which follow one another, begin, and where the last ends.
    pub(super) marks: Vec<usize>,
    /// For each cell its bucket, `None` if it lies outside the range, and its rows; empty if a cell is in two buckets or there
    /// are none.
    pub(super) cells: Vec<(Option<usize>, usize)>,
    /// The times of the rows, where they have no equal steps and someone asked.
    stamps: OnceLock<SharedTimes>,
}

/// The bucket that `at` falls into. Of equal edges the last counts: an empty bucket takes nothing.
pub(super) fn bucket_of(edges: &[i64], at: i64) -> Option<usize> {
    let after = edges.partition_point(|edge| *edge <= at);
    (after < edges.len()).then(|| after.checked_sub(1)).flatten()
}

/// Cuts sorted times at the edges, those outside `range` left out.
pub(super) fn spans_of(times: &[i64], edges: &[i64], range: (i64, i64)) -> Vec<Span> {
    let first_at = |time: i64| times.partition_point(|at| *at < time);
    let bounds = times.first().zip(times.last()).map(|(a, b)| (*a, *b));
    cut(bounds, times.len(), first_at, edges, range)
}

/// The same, given the bounds of the times and which row is the first at or after one.
fn cut(
    bounds: Option<(i64, i64)>,
    rows: usize,
    first_at: impl Fn(i64) -> usize,
    edges: &[i64],
    (start, end): (i64, i64),
) -> Vec<Span> {
    let mut spans = Vec::new();
    let Some((first, last)) = bounds.filter(|(first, last)| *last >= start && *first < end) else {
        return spans;
    };
    let begin = first.max(start);
    let Some(mut bucket) = bucket_of(edges, begin) else { return spans };
    let mut from = if first >= start { 0 } else { first_at(start) };
    while from < rows && bucket + 1 < edges.len() {
        let edge = edges[bucket + 1];
        let to = if last < edge { rows } else { first_at(edge) };
        if to > from {
            spans.push(Span { bucket, from, to });
            from = to;
        }
        bucket += 1;
    }
    spans
}

impl Plan {
    pub(super) fn new(
        segment: &Segment,
        times: Times,
        edges: &[i64],
        range: (i64, i64),
    ) -> Result<Plan, ReadError> {
        let (first, last) = times.bounds;
        let mut plan = Plan {
            times,
            whole: None,
            spans: Vec::new(),
            marks: Vec::new(),
            cells: Vec::new(),
            stamps: OnceLock::new(),
        };
        plan.whole = bucket_of(edges, first).filter(|b| first >= range.0 && last < edges[b + 1]);
        if let Some(bucket) = plan.whole {
            plan.spans.push(Span { bucket, from: 0, to: times.rows });
            plan.marks = vec![0, times.rows];
            // Times of single rows are asked for by decoding, and not always by statistics.
            return Ok(plan);
        }
        plan.spans = match times.form {
            Form::Steps(step) => {
                let first_at = |time: i64| row_at(first, step, times.rows, time);
                cut(Some(times.bounds), times.rows, first_at, edges, range)
            }
            Form::Block(_) => spans_of(plan.stamps(segment)?, edges, range),
        };
        let begins = plan.spans.first().map(|span| span.from);
        plan.marks = begins.into_iter().chain(plan.spans.iter().map(|span| span.to)).collect();
        if let Some(cell_ns) = times.cell_ns() {
            let rows = match times.form {
                Form::Steps(_) => Times::cell_rows(&times.regular().unwrap_or_default(), cell_ns),
                Form::Block(_) => Times::cell_rows(plan.stamps(segment)?, cell_ns),
            };
            plan.cells = plan.cells_of(&rows);
        }
        Ok(plan)
    }

    fn cells_of(&self, starts: &[usize]) -> Vec<(Option<usize>, usize)> {
        let mut cells = Vec::with_capacity(starts.len() + 1);
        let mut from = 0;
        for to in starts.iter().copied().chain([self.times.rows]) {
            let meets = |span: &&Span| span.from < to && from < span.to;
            let bucket = match self.spans.iter().find(meets) {
                None => None,
                Some(span) if span.from <= from && to <= span.to => Some(span.bucket),
                Some(_) => return Vec::new(),
            };
            cells.push((bucket, to - from));
            from = to;
        }
        cells
    }

    fn stamps(&self, segment: &Segment) -> Result<&SharedTimes, ReadError> {
        if let Some(stamps) = self.stamps.get() {
            return Ok(stamps);
        }
        let stamps = segment.shared_times(&self.times)?;
        Ok(self.stamps.get_or_init(|| stamps))
    }

    /// The time of a row.
    pub(super) fn time_of(&self, segment: &Segment, row: usize) -> Result<i64, ReadError> {
        match self.times.form {
            Form::Block(_) if row == 0 => Ok(self.times.bounds.0),
            Form::Block(_) if row + 1 == self.times.rows => Ok(self.times.bounds.1),
            Form::Block(_) => {
                self.stamps(segment)?;
                Ok(self.time(row))
            }
            Form::Steps(_) => Ok(self.time(row)),
        }
    }

    /// The time of a row, where the times were looked at before.
    #[inline]
    pub(super) fn time(&self, row: usize) -> i64 {
        match (self.times.form, self.stamps.get()) {
            (Form::Steps(step), _) => {
                self.times.bounds.0.wrapping_add(step.wrapping_mul(row as i64))
            }
            (Form::Block(_), Some(stamps)) => stamps.get(row).copied().unwrap_or_default(),
            (Form::Block(_), None) => self.times.bounds.0,
        }
    }

    /// Sees to it that [`Plan::time`] knows all rows.
    pub(super) fn know_times(&self, segment: &Segment) -> Result<(), ReadError> {
        if let Form::Block(_) = self.times.form {
            self.stamps(segment)?;
        }
        Ok(())
    }

    /// Rows of the column.
    pub(super) const fn rows(&self) -> usize {
        self.times.rows
    }
}

/// The first of `rows` equal steps that is at `time` or later.
fn row_at(first: i64, step: i64, rows: usize, time: i64) -> usize {
    if time <= first {
        return 0;
    }
    if step <= 0 {
        return rows;
    }
    let distance = time.abs_diff(first);
    let row = distance.div_ceil(step.cast_unsigned());
    usize::try_from(row).unwrap_or(rows).min(rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn spans_put_every_row_where_its_bucket_is(
            mut times in prop::collection::btree_set(-50..150i64, 0..60), edges in prop::collection::vec(-60..160i64, 1..12), start in -60..160i64
        ) {
            let mut edges = edges;
            edges.sort_unstable();
            let times: Vec<i64> = std::mem::take(&mut times).into_iter().collect();
            let range = (edges[0].max(start), edges[edges.len() - 1]);
            let mut want: Vec<(usize, i64)> = Vec::new();
            for at in &times {
                if *at >= range.0 && *at < range.1 && let Some(bucket) = bucket_of(&edges, *at) {
                    want.push((bucket, *at));
                }
            }
            let got: Vec<(usize, i64)> = spans_of(&times, &edges, range).iter()
                .flat_map(|span| times[span.from..span.to].iter().map(|at| (span.bucket, *at))).collect();
            prop_assert_eq!(got, want);
        }

        #[test]
        fn equal_steps_are_found_as_if_listed(first in -100..100i64, step in 1..30i64, rows in 1..40usize, time in -200..2000i64) {
            let times: Vec<i64> = (0..rows).map(|row| first + step * row as i64).collect();
            prop_assert_eq!(row_at(first, step, rows, time), times.partition_point(|at| *at < time));
        }
    }
}
