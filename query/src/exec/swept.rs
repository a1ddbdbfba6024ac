//! Rows of many series that meet a condition, found in one pass.
//!
//! Where few of the rows are wanted, merging the series means to set up a reader for each and to ask all of them for little.
//! Instead storage goes through the series once and shows what is left of each block; the rows are kept, brought into order, and
//! handed out:
//!
//! ```text
//! series a   t1 t4 t9 |                numbers of a row side by side    order: by time, then by the series' rank
//! series b   t2 t4    |  kept one ---> [a t1][a t4][a t9][b t2]... ---> 0 3 1 4 2
//! series c   t3       |  after another
//! ```
//!
//! What is kept is bounded: if more is found, the pass ends and the series are merged as others are, which needs no more than a
//! block of each.

use std::ops::ControlFlow;
use std::sync::Arc;

use stripchart_core::{Column, Values};
use stripchart_storage::{BlockRef, Condition as Demand, Series};

use super::columns::{self, Builder, Plain};
use super::filter::{self, Cell};
use super::groups::Group;
use super::input::{Input, InputSource, StoredSource, inclusive};
use super::merge;
use crate::QueryError;
use crate::limits::Budget;
use crate::plan::{Plan, ReferenceKind, means_field};
use crate::result::chunk::{Cells, Chunk, Head, TagTexts};

/// Series from which on one pass is worth it.
const MANY: usize = 16;
/// Bytes of rows that are kept at most.
const MOST_BYTES: u64 = 64 << 20;
/// Fields at most: a bit for each tells which a row has.
const MOST_FIELDS: usize = 64;

/// The rows of one series of the answer.
#[derive(Debug)]
pub(super) struct SweptRows {
    head: Arc<Head>,
    found: Found,
    /// The rows in the order of the answer, those before `next` handed out.
    order: Vec<u32>,
    next: usize,
    columns: Vec<Plain>,
    tags: Option<Arc<TagTexts>>,
}

/// Rows of all series, those of one after those of another.
#[derive(Debug)]
struct Found {
    /// The names whose numbers are kept.
    fields: Arc<[usize]>,
    times: Vec<i64>,
    series: Vec<u32>,
    /// The numbers of each row, as bits, in the order of `fields`.
    rows: Vec<u64>,
    /// A bit for each field that a row has; empty while all have all.
    present: Vec<u64>,
}

/// Whether the rows of a group are looked for in one pass.
pub(super) fn suits(plan: &Plan, group: &Group) -> bool {
    Question::new(plan, &group.inputs).is_some()
}

impl SweptRows {
    /// The rows of `inputs`; `None` if they have to be merged, since more is asked for than this does or too many rows meet the condition.
    pub(super) fn new(
        plan: &Plan,
        head: &Arc<Head>,
        inputs: &[Input],
        budget: &Budget<'_>,
    ) -> Result<Option<SweptRows>, QueryError> {
        let Some(question) = Question::new(plan, inputs) else { return Ok(None) };
        let Some((columns, tags)) = columns::plain(plan) else { return Ok(None) };
        let Some(found) = question.ask(plan, budget)? else { return Ok(None) };
        let ranks = &question.ranks;
        let turned = |time: i64| if plan.ascending { time } else { !time };
        let rows = u32::try_from(found.times.len()).unwrap_or(u32::MAX);
        let mut order: Vec<u32> = (0..rows).collect();
        order.sort_by_cached_key(|row| {
            let row = *row as usize;
            (turned(found.times[row]), ranks[found.series[row] as usize])
        });
        let text = |series: usize, index: usize| present_tag(&inputs[series], plan, index);
        let tags = columns::texts(&tags, inputs.len(), text);
        let (from, to) = super::limits_of(plan, order.len());
        order.truncate(to);
        Ok(Some(SweptRows { head: Arc::clone(head), found, order, next: from, columns, tags }))
    }

    /// At most `most` rows; `None` at the end.
    pub(super) fn next(&mut self, most: usize) -> Option<Chunk> {
        let chosen = self.order.get(self.next..).filter(|rows| !rows.is_empty())?;
        let chosen = &chosen[..chosen.len().min(most.max(1))];
        let found = &self.found;
        let times = chosen.iter().map(|row| found.times[*row as usize]).collect();
        let mut cells = vec![Cells::Values(Values::Time(times), None)];
        for column in &self.columns {
            let mut builder = Builder::new(*column);
            match *column {
                Plain::Tag(_) => {}
                Plain::Null => builder.nulls(chosen.len()),
                Plain::Field(index, _) => found.extend(&mut builder, index, chosen),
            }
            cells.push(builder.finish());
        }
        let series = match self.tags {
            Some(_) => chosen.iter().map(|row| found.series[*row as usize]).collect(),
            None => Vec::new(),
        };
        let rows = chosen.len();
        self.next += rows;
        Some(Chunk {
            head: Arc::clone(&self.head),
            from: 0,
            rows,
            cells: Arc::new(cells),
            series: Arc::new(series),
            tags: self.tags.clone(),
            partial: self.next < self.order.len(),
        })
    }
}

/// The text of a wanted name, if it is a tag that the series has.
fn present_tag<'i>(input: &'i Input, plan: &Plan, index: usize) -> Option<&'i str> {
    let reference = plan.refs.get(index).filter(|of| of.kind == ReferenceKind::Tag)?;
    Some(input.tag(&reference.name)).filter(|text| !text.is_empty())
}

/// What storage is asked.
struct Question<'i> {
    of: &'i StoredSource,
    series: Vec<Series>,
    fields: Arc<[usize]>,
    names: Vec<&'i str>,
    demands: Vec<Demand>,
    /// Of each series what decides between it and others at equal times.
    ranks: Vec<u32>,
}

impl<'i> Question<'i> {
    /// `None` if it is another one than storage can answer.
    fn new(plan: &'i Plan, inputs: &'i [Input]) -> Option<Self> {
        let condition = plan.condition.as_ref()?;
        // Who takes few rows is served sooner by looking at few.
        if inputs.len() < MANY || plan.limit.is_some() {
            return None;
        }
        let InputSource::Stored { of, .. } = &inputs[0].source else { return None };
        let mut series = Vec::with_capacity(inputs.len());
        for input in inputs {
            match &input.source {
                InputSource::Stored { of: its, series: own } if Arc::ptr_eq(its, of) => {
                    series.push(own.clone());
                }
                _ => return None,
            }
        }
        let fields = columns::numbers(plan).filter(|f| (1..=MOST_FIELDS).contains(&f.len()))?;
        let own_type = |at: &usize| {
            let reference = &plan.refs[*at];
            of.field_type(&reference.name) == Some(reference.kind.field_type())
        };
        let cells = condition.refs.iter().map(|variable| {
            let own = of.field_type(&variable.name);
            let field = own.filter(|_| means_field(variable, true));
            field.map_or(Cell::Null, |own| Cell::Column(0, own))
        });
        let demands = filter::demands_alone(condition, &cells.collect::<Vec<Cell>>())?;
        let named = |(index, compare, number): (usize, _, _)| {
            Some(Demand::new(&*condition.refs.get(index)?.name, compare, number))
        };
        let demands = demands.into_iter().map(named).collect::<Option<Vec<_>>>()?;
        if !fields.iter().all(own_type) || !inputs.iter().all(|input| input.filtered) {
            return None;
        }
        let deciders = merge::deciders(&plan.refs, 0);
        if !merge::tags_only(&plan.refs, &deciders) {
            return None;
        }
        let text = |series: usize, index| present_tag(&inputs[series], plan, index);
        let (ranks, distinct) = merge::ranks(inputs.len(), &deciders, plan.ascending, text)?;
        let names = fields.iter().map(|at| &*plan.refs[*at].name).collect();
        // Equals have an order of their own.
        (distinct == inputs.len()).then_some(Question { of, series, fields, names, demands, ranks })
    }

    /// The rows; `None` if they are too many.
    fn ask(&self, plan: &Plan, budget: &Budget<'_>) -> Result<Option<Found>, QueryError> {
        let limits = budget.limits();
        let free = limits
            .max_memory_bytes
            .map_or(u64::MAX, |most| most.saturating_sub(budget.memory_used()) / 4);
        let most_bytes = MOST_BYTES.min(free);
        let start = plan.start.max(plan.read_start);
        let range = inclusive(start, plan.last.min(plan.read_last));
        let mut found = Found::new(Arc::clone(&self.fields));
        let (mut stopped, mut too_many) = (Ok(()), false);
        let each = |number: usize, block: BlockRef<'_>| {
            stopped = budget.rows(0);
            found.push(number, block);
            too_many = found.bytes() > most_bytes;
            if stopped.is_err() || too_many {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let view = &self.of.view;
        let done = view.for_each_block(&self.series, &self.names, range, &self.demands, each);
        done.map_err(QueryError::storage)?;
        stopped?;
        if too_many {
            return Ok(None);
        }
        budget.rows(found.times.len())?;
        budget.memory(found.bytes())?;
        Ok(Some(found))
    }
}

impl Found {
    fn new(fields: Arc<[usize]>) -> Self {
        Found {
            fields,
            times: Vec::new(),
            series: Vec::new(),
            rows: Vec::new(),
            present: Vec::new(),
        }
    }

    /// Counted with what it takes to bring them into order.
    fn bytes(&self) -> u64 {
        let row = 8 * (self.fields.len() + 1) + 4 + 8 + 24;
        u64::try_from(self.times.len() * row).unwrap_or(u64::MAX)
    }

    /// Keeps the rows of a block.
    fn push(&mut self, series: usize, block: BlockRef<'_>) {
        let (before, width) = (self.times.len(), self.fields.len());
        let rows = block.timestamps.len();
        self.times.extend_from_slice(block.timestamps);
        let number = u32::try_from(series).unwrap_or(u32::MAX);
        self.series.resize(before + rows, number);
        self.rows.resize((before + rows) * width, 0);
        let all = u64::MAX >> (64 - width.clamp(1, 64));
        if !self.present.is_empty() {
            self.present.resize(before + rows, all);
        }
        for (at, column) in block.columns.iter().enumerate().take(width) {
            let places = self.rows[before * width..].iter_mut().skip(at).step_by(width);
            match column.values() {
                Values::Float(v) => places.zip(v).for_each(|(place, v)| *place = v.to_bits()),
                Values::Integer(v) => {
                    places.zip(v).for_each(|(place, v)| *place = v.cast_unsigned())
                }
                Values::Unsigned(v) => places.zip(v).for_each(|(place, v)| *place = *v),
                // Of other types no field is asked for so.
                _ => {}
            }
            if column.validity().is_some() || !filter::no_nan(column) {
                self.present.resize(before + rows, all);
                self.clear_absent(column, at, before);
            }
        }
    }

    /// Marks the rows from `before` on that have no number in a column.
    fn clear_absent(&mut self, column: &Column, at: usize, before: usize) {
        let is_nan = |row| match column.values() {
            Values::Float(v) => v.get(row).is_none_or(|v: &f64| v.is_nan()),
            _ => false,
        };
        for (row, present) in self.present[before..].iter_mut().enumerate() {
            if column.validity().is_some_and(|valid| !valid.get(row)) || is_nan(row) {
                *present &= !(1 << at);
            }
        }
    }

    /// Appends what these rows have of a name.
    fn extend(&self, builder: &mut Builder, index: usize, rows: &[u32]) {
        let Some(at) = self.fields.iter().position(|field| *field == index) else {
            return builder.nulls(rows.len());
        };
        let width = self.fields.len();
        let bits = |row: &u32| self.rows[*row as usize * width + at];
        if self.present.is_empty() {
            return builder.extend_bits(rows.len(), rows.iter().map(bits));
        }
        let some = |row: &u32| (self.present[*row as usize] >> at & 1 == 1).then(|| bits(row));
        builder.extend_some(rows.iter().map(some));
    }
}
