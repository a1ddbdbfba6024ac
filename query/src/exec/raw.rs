//! A row per point: fields and tags as they are stored.
//!
//! Readers are merged in order of time, run by run; what a run has is copied column by column into the chunk. Only where
//! a column is computed, or depends on rows before, are rows built one by one.

use std::collections::VecDeque;
use std::sync::Arc;

use stripchart_core::Values;

use super::columns::{self, Builder, Plain};
use super::input::{Input, InputSource, Reader, Wanted};
use super::merge::{Merge, Run};
use super::rows::{Rows, State};
use crate::QueryError;
use crate::limits::Budget;
use crate::plan::{FillMode, Plan, Reference, ReferenceKind, Slot};
use crate::result::chunk::{Cells, Chunk, Head, TagTexts};

/// Text in a chunk, from which on the next begins.
const MAX_TEXT_BYTES: usize = 8 << 20;

/// The rows of one series of the answer, chunk by chunk.
#[derive(Debug)]
pub(super) struct RawRows {
    head: Arc<Head>,
    inputs: Vec<Input>,
    wanted: Wanted,
    merge: Merge,
    /// Parts of the time asked for that are read after this one, the next first.
    parts: VecDeque<(i64, i64)>,
    /// A row has been looked at that is not handed out yet.
    next: Option<Run>,
    started: bool,
    skip: u64,
    left: u64,
    layout: Layout,
}

/// How a row of the answer comes about.
#[derive(Debug)]
enum Layout {
    /// Every column is a field or a tag as it is.
    Plain { columns: Vec<Plain>, tags: Option<Arc<TagTexts>> },
    /// Some are computed; rows may depend on those before.
    Computed { state: Option<State> },
}

impl RawRows {
    /// The rows of `inputs`; `None` if there are none, since stored tags alone select nothing.
    pub(super) fn new(
        plan: &Plan,
        head: Arc<Head>,
        inputs: Vec<Input>,
        budget: &Budget<'_>,
    ) -> Option<RawRows> {
        let nested = inputs.iter().all(|input| matches!(input.source, InputSource::Frame(_)));
        let selects = |reference: &Reference| match reference.kind {
            ReferenceKind::Field(_) => true,
            ReferenceKind::Tag => nested,
            ReferenceKind::Unknown => false,
        };
        if !plan.refs.iter().any(selects) {
            return None;
        }
        let mut wanted = Wanted {
            refs: Arc::clone(&plan.refs),
            condition: plan.condition.clone(),
            start: plan.start.max(plan.read_start),
            last: plan.last.min(plan.read_last),
            ascending: plan.ascending,
            nulls: true,
            packed: packed(plan, inputs.len()),
            limit: most_rows(plan),
        };
        let mut parts = parts(&inputs, &wanted, budget);
        if let Some(first) = parts.pop_front() {
            (wanted.start, wanted.last) = first;
        }
        let merge = Merge::new(&inputs, &wanted, 0);
        let layout = Layout::of(plan, merge.readers());
        let (skip, left) = (plan.offset, plan.limit.unwrap_or(u64::MAX));
        let (next, started) = (None, false);
        Some(RawRows { head, inputs, wanted, merge, parts, next, started, skip, left, layout })
    }

    /// At most `most` rows; `None` at the end.
    pub(super) fn next(
        &mut self,
        plan: &Plan,
        most: usize,
        budget: &Budget<'_>,
    ) -> Result<Option<Chunk>, QueryError> {
        if !self.started {
            self.started = true;
            self.find_next(most, budget)?;
        }
        if self.next.is_none() {
            return Ok(None);
        }
        let mut chunk = match &mut self.layout {
            Layout::Plain { .. } => self.plain(most, budget)?,
            Layout::Computed { .. } => self.computed(plan, most, budget)?,
        };
        // Only now is it known whether the chunk is the last.
        chunk.partial = self.next.is_some();
        Ok(Some(chunk))
    }

    /// The next run, at most `most` rows, past what is skipped and up to what is left.
    fn find_next(&mut self, most: usize, budget: &Budget<'_>) -> Result<(), QueryError> {
        self.next = None;
        while self.left > 0 {
            let Some(run) = self.merge.next_run(most.max(1), budget)? else {
                let Some(part) = self.parts.pop_front() else { break };
                (self.wanted.start, self.wanted.last) = part;
                self.merge = Merge::new(&self.inputs, &self.wanted, 0);
                continue;
            };
            let rows = run.to - run.from;
            let skipped = rows.min(usize::try_from(self.skip).unwrap_or(usize::MAX));
            self.skip -= skipped as u64;
            if skipped == rows {
                continue;
            }
            let kept = (rows - skipped).min(usize::try_from(self.left).unwrap_or(usize::MAX));
            self.left -= kept as u64;
            let from = run.from + skipped;
            self.next = Some(Run { from, to: from + kept, ..run });
            break;
        }
        Ok(())
    }

    fn plain(&mut self, most: usize, budget: &Budget<'_>) -> Result<Chunk, QueryError> {
        let mut times = Vec::with_capacity(most.min(1024));
        let mut series = Vec::with_capacity(most.min(1024));
        let mut text_bytes = 0;
        let Layout::Plain { columns, tags } = &self.layout else {
            return Ok(empty(&self.head));
        };
        let (columns, tags) = (columns.clone(), tags.clone());
        let mut builders: Vec<Builder> =
            columns.iter().map(|column| Builder::new(*column)).collect();
        let mut packed = Packed::new(self.wanted.packed.clone());
        while let Some(run) = self.next
            && times.len() < most
            && text_bytes < MAX_TEXT_BYTES
        {
            let reader = &self.merge.readers()[run.reader];
            let before = reader.row();
            let ahead = reader.times_ahead();
            times.extend_from_slice(&ahead[run.from - before..run.to - before]);
            if tags.is_some() {
                let number = u32::try_from(run.reader).unwrap_or(u32::MAX);
                series.resize(series.len() + (run.to - run.from), number);
            }
            match reader.packed(run.from, run.to) {
                Some(rows) => packed.rows.extend_from_slice(rows),
                None => {
                    packed.unpack(&mut builders);
                    for builder in &mut builders {
                        text_bytes += builder.extend(reader, run.from, run.to);
                    }
                }
            }
            self.find_next(most - times.len().min(most - 1), budget)?;
        }
        packed.unpack(&mut builders);
        let rows = times.len();
        let mut cells = vec![Cells::Values(Values::Time(times), None)];
        cells.extend(builders.into_iter().map(Builder::finish));
        let (head, from, partial) = (Arc::clone(&self.head), 0, false);
        let (cells, series) = (Arc::new(cells), Arc::new(series));
        Ok(Chunk { head, from, rows, cells, series, tags, partial })
    }

    fn computed(
        &mut self,
        plan: &Plan,
        most: usize,
        budget: &Budget<'_>,
    ) -> Result<Chunk, QueryError> {
        let mut rows = Rows::new(plan);
        while let Some(run) = self.next
            && rows.len() < most
            && rows.text_bytes() < MAX_TEXT_BYTES
        {
            let reader = &self.merge.readers()[run.reader];
            let Layout::Computed { state } = &mut self.layout else { break };
            let before = reader.row();
            for at in run.from..run.to {
                let time = reader.times_ahead()[at - before];
                push(&mut rows, (time, at), reader, plan, state.as_mut());
            }
            self.find_next(most - rows.len().min(most - 1), budget)?;
        }
        let (times, columns) = rows.finish();
        Ok(super::chunk(&self.head, times, columns))
    }
}

fn empty(head: &Arc<Head>) -> Chunk {
    super::chunk(head, Vec::new(), Vec::new())
}

fn push(
    rows: &mut Rows<'_>,
    (time, at): (i64, usize),
    reader: &Reader,
    plan: &Plan,
    state: Option<&mut State>,
) {
    let Some(state) = state else {
        rows.push(time, |slot| match slot {
            Slot::Ref(index) => reader.value_at(index, at),
            Slot::Call(_) => None,
        });
        return;
    };
    for (index, reference) in plan.refs.iter().enumerate() {
        let value = reader.value_at(index, at);
        state.set(Slot::Ref(index), value, reference.kind.field_type());
    }
    rows.push(time, |slot| state.get(slot));
}

/// The rows of one input that can come to the answer.
fn most_rows(plan: &Plan) -> Option<usize> {
    usize::try_from(plan.limit?.saturating_add(plan.offset)).ok()
}

/// Series from which on the numbers of a row are kept side by side.
const MANY: usize = 16;

/// The names that are fields, if rows may be read packed: every column as it is, all fields numbers, many series.
fn packed(plan: &Plan, inputs: usize) -> Option<Arc<[usize]>> {
    if inputs < MANY {
        return None;
    }
    columns::numbers(plan)
}

/// Rows whose numbers lie side by side, before they are put into columns.
struct Packed {
    fields: Option<Arc<[usize]>>,
    rows: Vec<u64>,
}

impl Packed {
    fn new(fields: Option<Arc<[usize]>>) -> Self {
        Packed { fields, rows: Vec::new() }
    }

    /// Puts the rows gathered so far into the columns.
    fn unpack(&mut self, builders: &mut [Builder]) {
        let fields = self.fields.as_deref().unwrap_or_default();
        let width = fields.len();
        if self.rows.is_empty() || width == 0 {
            return;
        }
        let count = self.rows.len() / width;
        for builder in builders {
            match builder.column {
                Plain::Tag(_) => {}
                Plain::Null => builder.nulls(count),
                Plain::Field(index, _) => {
                    let Some(at) = fields.iter().position(|field| *field == index) else {
                        builder.nulls(count);
                        continue;
                    };
                    builder.extend_bits(count, self.rows.iter().skip(at).step_by(width).copied());
                }
            }
        }
        self.rows.clear();
    }
}

/// Rows that a series may hold while it is merged: those of a block.
const BLOCK_ROWS: u64 = 1024;

/// The parts of time that are read one after the other, in the order of the answer: one, unless there are so many series
/// that a block of each would be more than the memory allowed. Then blocks are read more than once, each time in part.
fn parts(inputs: &[Input], wanted: &Wanted, budget: &Budget<'_>) -> VecDeque<(i64, i64)> {
    let whole = VecDeque::from([(wanted.start, wanted.last)]);
    let Some(limit) = budget.limits().max_memory_bytes else { return whole };
    let columns = wanted.refs.len() + wanted.condition.as_ref().map_or(0, |c| c.refs.len()) + 1;
    let series = u64::try_from(inputs.len()).unwrap_or(u64::MAX);
    let width = u64::try_from(columns).unwrap_or(u64::MAX).saturating_mul(8);
    let needed = series.saturating_mul(width).saturating_mul(BLOCK_ROWS);
    let allowed = (limit.saturating_sub(budget.memory_used()) / 2).max(1);
    let bounds = inputs.iter().filter_map(Input::time_bounds);
    let bounds = bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let Some((first, last)) = bounds.filter(|_| needed > allowed && inputs.len() > 1) else {
        return whole;
    };
    let (first, last) = (first.max(wanted.start), last.min(wanted.last));
    let count = (needed / allowed + 1).min(BLOCK_ROWS);
    let step = i64::try_from(last.abs_diff(first) / count).unwrap_or(i64::MAX).max(1);
    let mut parts = VecDeque::new();
    let mut from = first;
    while from <= last {
        let to = from.saturating_add(step).min(last);
        parts.push_back((from, to));
        from = to.saturating_add(1);
    }
    if !wanted.ascending {
        parts = parts.into_iter().rev().collect();
    }
    parts
}

impl Layout {
    fn of(plan: &Plan, readers: &[Reader]) -> Layout {
        let Some((columns, tags)) = columns::plain(plan) else {
            let depends = matches!(plan.fill, FillMode::Previous | FillMode::Value(_));
            return Layout::Computed { state: depends.then(|| State::new(plan)) };
        };
        let text = |series: usize, index| readers[series].tag(index);
        Layout::Plain { columns, tags: columns::texts(&tags, readers.len(), text) }
    }
}
