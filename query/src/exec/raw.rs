//! A row per point: fields and tags as they are stored.
//!
//! Readers are merged in order of time, run by run; what a run has is copied column by column into the chunk. Only where
//! a column is computed, or depends on rows before, are rows built one by one.

use std::collections::VecDeque;
use std::sync::Arc;

use stripchart_core::{Bitmap, FieldType, Strings, ValueRef, Values};

use super::input::{Input, Reader, Wanted};
use super::merge::{Merge, Run};
use super::rows::{Rows, State};
use crate::QueryError;
use crate::functions::cast;
use crate::limits::Budget;
use crate::plan::{FillMode, Node, Plan, ReferenceKind, Slot};
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

/// A column of the answer.
#[derive(Debug, Clone, Copy)]
enum Plain {
    /// The values of this wanted name, of this type.
    Field(usize, FieldType),
    /// This one of the series' tags.
    Tag(usize),
    /// Nothing at all.
    Null,
}

impl RawRows {
    /// The rows of `inputs`; `None` if there are none, since tags alone select nothing.
    pub(super) fn new(
        plan: &Plan,
        head: Arc<Head>,
        inputs: Vec<Input>,
        budget: &Budget<'_>,
    ) -> Option<RawRows> {
        if !plan.refs.iter().any(|reference| matches!(reference.kind, ReferenceKind::Field(_))) {
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
    let plain = |node: &Node| matches!(node, Node::Slot(Slot::Ref(_)));
    let numbers = |kind| match kind {
        ReferenceKind::Field(to) => to.is_numeric(),
        ReferenceKind::Tag | ReferenceKind::Unknown => true,
    };
    let depends = matches!(plan.fill, FillMode::Previous | FillMode::Value(_));
    let suits = inputs >= MANY
        && !depends
        && plan.columns.iter().all(|column| plain(&column.node))
        && plan.refs.iter().all(|reference| numbers(reference.kind));
    suits.then(|| {
        let is_field = |at: &usize| matches!(plan.refs[*at].kind, ReferenceKind::Field(_));
        (0..plan.refs.len()).filter(is_field).collect()
    })
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
        let depends = matches!(plan.fill, FillMode::Previous | FillMode::Value(_));
        let plain = |node: &Node| matches!(node, Node::Slot(Slot::Ref(_)));
        if depends || !plan.columns.iter().all(|column| plain(&column.node)) {
            return Layout::Computed { state: depends.then(|| State::new(plan)) };
        }
        let mut tags: Vec<usize> = Vec::new();
        let columns = plan.columns.iter().map(|column| {
            let Node::Slot(Slot::Ref(index)) = column.node else { return Plain::Null };
            match plan.refs[index].kind {
                ReferenceKind::Field(to) => Plain::Field(index, to),
                ReferenceKind::Unknown => Plain::Null,
                ReferenceKind::Tag => {
                    let at = tags.iter().position(|known| *known == index);
                    Plain::Tag(at.unwrap_or_else(|| {
                        tags.push(index);
                        tags.len() - 1
                    }))
                }
            }
        });
        let columns = columns.collect();
        let texts = (!tags.is_empty()).then(|| {
            let mut texts = TagTexts::new(tags.len());
            for reader in readers {
                tags.iter().for_each(|index| texts.push(reader.tag(*index)));
            }
            Arc::new(texts)
        });
        Layout::Plain { columns, tags: texts }
    }
}

/// A column of a chunk in the making.
#[derive(Debug)]
struct Builder {
    column: Plain,
    values: Values,
    valid: Option<Bitmap>,
}

impl Builder {
    fn new(column: Plain) -> Self {
        let field_type = match column {
            Plain::Field(_, to) => to,
            _ => FieldType::Float,
        };
        Builder { column, values: Values::empty(field_type), valid: None }
    }

    /// Appends rows of a reader's block; the bytes of text are returned.
    fn extend(&mut self, reader: &Reader, from: usize, to: usize) -> usize {
        let Plain::Field(index, wanted) = self.column else {
            if matches!(self.column, Plain::Null) {
                self.nulls(to - from);
            }
            return 0;
        };
        let Some((column, _)) = reader.column(index) else {
            self.nulls(to - from);
            return 0;
        };
        if column.validity().is_some() {
            return self.one_by_one(reader, index, from..to);
        }
        let copied = match (&mut self.values, column.values()) {
            (Values::Float(into), Values::Float(v)) if wanted == FieldType::Float => {
                let v = v.get(from..to).filter(|v| !v.iter().any(|v| v.is_nan()));
                copy(v, into)
            }
            (Values::Integer(into), Values::Integer(v)) => copy(v.get(from..to), into),
            (Values::Unsigned(into), Values::Unsigned(v)) => copy(v.get(from..to), into),
            (Values::Boolean(into), Values::Boolean(v)) => copy(v.get(from..to), into),
            _ => false,
        };
        if !copied {
            return self.one_by_one(reader, index, from..to);
        }
        if let Some(valid) = &mut self.valid {
            valid.extend(to - from, true);
        }
        0
    }

    /// Appends numbers by their bits.
    fn extend_bits(&mut self, count: usize, bits: impl Iterator<Item = u64>) {
        match &mut self.values {
            Values::Float(into) => into.extend(bits.map(f64::from_bits)),
            Values::Integer(into) => into.extend(bits.map(u64::cast_signed)),
            Values::Unsigned(into) => into.extend(bits),
            _ => return self.nulls(count),
        }
        self.valid.iter_mut().for_each(|valid| valid.extend(count, true));
    }

    fn one_by_one(&mut self, reader: &Reader, index: usize, rows: std::ops::Range<usize>) -> usize {
        let mut text_bytes = 0;
        for row in rows {
            let value = reader.value_at(index, row);
            // As in every answer, what is not a number is null.
            match value.filter(|value| !matches!(value, ValueRef::Float(v) if v.is_nan())) {
                None => self.nulls(1),
                Some(value) => {
                    let own = self.values.field_type().unwrap_or(FieldType::Float);
                    if let ValueRef::String(text) = value {
                        text_bytes += text.len();
                    }
                    match cast(value, own) {
                        None => self.nulls(1),
                        Some(value) => {
                            self.values.push(value);
                            if let Some(valid) = &mut self.valid {
                                valid.push(true);
                            }
                        }
                    }
                }
            }
        }
        text_bytes
    }

    fn nulls(&mut self, count: usize) {
        let have = self.values.len();
        self.valid.get_or_insert_with(|| Bitmap::filled(have, true)).extend(count, false);
        let len = have + count;
        match &mut self.values {
            Values::Float(v) => v.resize(len, 0.0),
            Values::Integer(v) | Values::Time(v) => v.resize(len, 0),
            Values::Unsigned(v) => v.resize(len, 0),
            Values::Boolean(v) => v.resize(len, false),
            Values::String(v) => push_empty(v, count),
        }
    }

    fn finish(self) -> Cells {
        match self.column {
            Plain::Tag(tag) => Cells::Tag(tag),
            _ => Cells::Values(self.values, self.valid),
        }
    }
}

/// Rows of many series that are merged come one by one: then a call to copy is more than the copy.
const FEW: usize = 4;

#[inline]
fn copy<T: Copy>(from: Option<&[T]>, into: &mut Vec<T>) -> bool {
    match from {
        Some(rows) if rows.len() <= FEW => rows.iter().for_each(|value| into.push(*value)),
        Some(rows) => into.extend_from_slice(rows),
        None => return false,
    }
    true
}

fn push_empty(texts: &mut Strings, count: usize) {
    (0..count).for_each(|_| texts.push(""));
}
