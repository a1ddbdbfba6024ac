//! Running a planned `SELECT`.
//!
//! ```text
//! sources -> inputs (series whose tags fulfil the condition) -> groups (by measurement and tags grouped by)
//!   raw:       rows of a group merged in time -> chunks; newest rows alone from what is known of blocks;
//!              those that meet a condition found in one pass, if they are few
//!   functions: of many groups at once: storage's fold -> chunks
//!              else, per group and function: rows -> buckets or windows -> points -> filled
//!              points of all functions side by side -> chunks
//! ```
//!
//! An [`Execution`] is pulled: it works until it has a chunk, and does nothing until asked for the next. So an answer of
//! any length needs the memory of what is being worked on, a block of each series that is merged, or a group of the
//! answer. A subquery is run first; its frames are then inputs like any series.

mod aggregate;
mod columns;
mod fill;
mod filter;
mod fold;
mod groups;
mod input;
mod latest;
mod m4;
mod merge;
mod raw;
mod rollups;
mod rows;
mod swept;
mod table;
mod ways;

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use stripchart_core::{Column, Frame, Values};

pub(crate) use input::inclusive;
pub(crate) use m4::m4;
pub(crate) use ways::{Way, ways};

use aggregate::Scope;
use groups::Group;
use raw::RawRows;
use rows::align;
use swept::SweptRows;

use crate::QueryError;
use crate::functions::Points;
use crate::limits::Budget;
use crate::plan::Plan;
use crate::result::chunk::{Cells, Chunk, ColumnHead, Head};

/// Takes the frames of an answer one by one; says when it has enough.
pub(crate) type Each<'a> = dyn FnMut(Frame) -> ControlFlow<()> + 'a;

/// A planned `SELECT` being run.
#[derive(Debug)]
pub(crate) struct Execution<'c> {
    plan: Arc<Plan>,
    budget: Budget<'c>,
    /// Rows of a chunk at most.
    most: usize,
    heads: Heads,
    groups: VecDeque<Group>,
    raw: Option<Raw>,
    /// Chunks that were made together and wait to be asked for.
    ready: VecDeque<Chunk>,
    /// Memory in use before the first group.
    before: u64,
}

/// Rows of a group, as they are stored.
#[derive(Debug)]
enum Raw {
    Merged(Box<RawRows>),
    Swept(SweptRows),
}

/// What the heads of all series of an answer share.
#[derive(Debug)]
pub(crate) struct Heads {
    tag_keys: Arc<[String]>,
    columns: Arc<[ColumnHead]>,
}

impl Heads {
    fn of(plan: &Plan) -> Self {
        let time = ColumnHead { name: plan.time_name.clone(), unit: None };
        let columns = plan
            .columns
            .iter()
            .map(|column| ColumnHead { name: column.name.clone(), unit: column.unit });
        Heads {
            tag_keys: plan.dimensions.clone().into(),
            columns: std::iter::once(time).chain(columns).collect(),
        }
    }

    fn head(&self, name: &Arc<str>, tag_values: Vec<String>) -> Arc<Head> {
        Arc::new(Head {
            name: Arc::clone(name),
            tag_keys: Arc::clone(&self.tag_keys),
            tag_values,
            columns: Arc::clone(&self.columns),
        })
    }
}

impl<'c> Execution<'c> {
    /// Begins to run `plan`: finds its series and puts them into groups; chunks of raw rows will have at most `most` rows.
    pub(crate) fn new(
        plan: Arc<Plan>,
        budget: Budget<'c>,
        most: usize,
    ) -> Result<Self, QueryError> {
        let mut groups = VecDeque::new();
        if plan.start <= plan.last {
            groups = groups::of(&plan, &budget)?.into();
        }
        let heads = Heads::of(&plan);
        let before = budget.memory_used();
        let most = most.max(1);
        let (raw, ready) = (None, VecDeque::new());
        Ok(Execution { plan, budget, most, heads, groups, raw, ready, before })
    }

    /// The next chunk; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Chunk>, QueryError> {
        loop {
            if let Some(chunk) = self.ready.pop_front() {
                return Ok(Some(chunk));
            }
            if let Some(raw) = &mut self.raw {
                let chunk = match raw {
                    Raw::Merged(rows) => rows.next(&self.plan, self.most, &self.budget)?,
                    Raw::Swept(rows) => rows.next(self.most),
                };
                if let Some(chunk) = chunk {
                    return Ok(Some(chunk));
                }
                self.raw = None;
            }
            self.budget.release(self.before);
            self.budget.rows(0)?;
            let Some(group) = self.groups.pop_front() else { return Ok(None) };
            if latest::suits(&self.plan, &group) {
                self.groups.push_front(group);
                let (groups, ready) = (&mut self.groups, &mut self.ready);
                latest::next(&self.plan, &self.budget, &self.heads, groups, ready)?;
            } else if self.plan.calls.is_empty() {
                let head = self.heads.head(&group.name, group.tag_values);
                self.raw = match SweptRows::new(&self.plan, &head, &group.inputs, &self.budget)? {
                    Some(rows) => Some(Raw::Swept(rows)),
                    None => RawRows::new(&self.plan, head, group.inputs, &self.budget)
                        .map(|rows| Raw::Merged(Box::new(rows))),
                };
            } else if fold::suits(&self.plan, &group) {
                self.groups.push_front(group);
                fold::next(
                    &self.plan,
                    &self.budget,
                    &self.heads,
                    &mut self.groups,
                    &mut self.ready,
                )?;
            } else {
                self.functions(group)?;
            }
        }
    }

    /// A row per window, or per point that a function chooses.
    fn functions(&mut self, group: Group) -> Result<(), QueryError> {
        let plan = &*self.plan;
        let scope = Scope {
            plan,
            budget: &self.budget,
            inputs: &group.inputs,
            start: plan.start,
            last: plan.last,
            selector: plan.is_selector(),
        };
        let mut calls = Vec::with_capacity(plan.calls.len());
        for call in &plan.calls {
            calls.push(limited(plan, scope.points(call)?));
        }
        if let Some((times, columns)) = align(plan, calls) {
            let head = self.heads.head(&group.name, group.tag_values);
            self.ready.push_back(chunk(&head, times, columns));
        }
        Ok(())
    }

    /// Hands the frames of the answer to `each` until that says to stop.
    pub(crate) fn for_each(mut self, each: &mut Each<'_>) -> Result<ControlFlow<()>, QueryError> {
        while let Some(chunk) = self.next()? {
            if each(chunk.into_frame()).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A chunk of these columns.
fn chunk(head: &Arc<Head>, times: Vec<i64>, columns: Vec<Column>) -> Chunk {
    let rows = times.len();
    let mut cells = Vec::with_capacity(columns.len() + 1);
    cells.push(Cells::Values(Values::Time(times), None));
    cells.extend(columns.into_iter().map(Cells::of));
    Chunk {
        head: Arc::clone(head),
        from: 0,
        rows,
        cells: Arc::new(cells),
        series: Arc::default(),
        tags: None,
        partial: false,
    }
}

/// `LIMIT` and `OFFSET`, which apply to each function by itself.
fn limited(plan: &Plan, points: Points) -> Points {
    if plan.limit.is_none() && plan.offset == 0 {
        return points;
    }
    let (from, to) = limits_of(plan, points.len());
    points.pick(from..to)
}

/// The rows that `LIMIT` and `OFFSET` leave of so many.
fn limits_of(plan: &Plan, rows: usize) -> (usize, usize) {
    let from = usize::try_from(plan.offset).unwrap_or(usize::MAX);
    let count = plan.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let to = from.saturating_add(count).min(rows);
    (from.min(to), to)
}
