//! Running a planned `SELECT`.
//!
//! ```text
//! sources -> inputs (series whose tags fulfil the condition) -> groups (by measurement and tags grouped by)
//!   raw:       rows of a group merged in time -> columns -> frame
//!   functions: per function: storage's fold, or rows -> buckets or windows -> points -> filled
//!              points of all functions side by side -> columns -> frame
//! ```
//!
//! A group is finished before the next begins, so memory holds one group of the answer besides what the receiver
//! keeps. A subquery is run first; its frames are then inputs like any series.

mod aggregate;
mod fill;
mod input;
mod m4;
mod merge;
mod raw;
mod rows;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;

use stripchart_core::{Frame, TimeRange, Timestamp};

pub(crate) use m4::m4;

use aggregate::Scope;
use input::{Input, InputSource};
use rows::align;

use crate::QueryError;
use crate::functions::Points;
use crate::limits::Budget;
use crate::plan::{Plan, PlannedSource, means_field};

/// Takes the frames of an answer one by one; says when it has enough.
pub(crate) type Each<'a> = dyn FnMut(Frame) -> ControlFlow<()> + 'a;

/// Series that make one series of the answer.
#[derive(Debug, Default)]
struct Group {
    inputs: Vec<Input>,
}

/// One series of the answer, to be computed.
#[derive(Debug, Clone, Copy)]
struct Series<'a> {
    plan: &'a Plan,
    budget: &'a Budget<'a>,
    name: &'a str,
    tags: &'a [(String, String)],
    inputs: &'a [Input],
}

/// Runs `plan`; raw rows come in frames of at most `chunk_rows`.
pub(crate) fn run(
    plan: &Plan,
    budget: &Budget<'_>,
    chunk_rows: Option<usize>,
    each: &mut Each<'_>,
) -> Result<ControlFlow<()>, QueryError> {
    if plan.start > plan.last {
        return Ok(ControlFlow::Continue(()));
    }
    let groups = groups(plan, budget)?;
    let mut order: Vec<_> = groups.into_iter().collect();
    if !plan.ascending {
        order.reverse();
    }
    for ((name, values), group) in order {
        let tags: Vec<(String, String)> = plan.dimensions.iter().cloned().zip(values).collect();
        let series = Series { plan, budget, name: &name, tags: &tags, inputs: &group.inputs };
        let before = budget.memory_used();
        let flow = if plan.calls.is_empty() {
            raw::run(&series, chunk_rows, each)?
        } else {
            match functions(&series)? {
                Some(frame) => each(frame),
                None => ControlFlow::Continue(()),
            }
        };
        budget.release(before);
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}

type Groups = BTreeMap<(String, Vec<String>), Group>;

fn groups(plan: &Plan, budget: &Budget<'_>) -> Result<Groups, QueryError> {
    let mut groups = Groups::new();
    let mut add = |name: &str, input: Input| {
        let values = plan.dimensions.iter().map(|tag| input.tag(tag).to_owned()).collect();
        groups.entry((name.to_owned(), values)).or_default().inputs.push(input);
    };
    for source in &plan.sources {
        match source {
            PlannedSource::Measurement { .. } => {
                let found = stored(plan, source)?;
                budget.series(found.len())?;
                for (name, input) in found {
                    add(&name, input);
                }
            }
            PlannedSource::Subquery(inner) => {
                let filtered = plan.condition.is_some();
                let _ = run(inner, budget, None, &mut |frame| {
                    let name = frame.name.clone();
                    let source = InputSource::Frame(Rc::new(frame));
                    add(&name, Input { source, filtered, ranked: !inner.calls.is_empty() });
                    ControlFlow::Continue(())
                })?;
            }
        }
    }
    limit_series(plan, &mut groups);
    Ok(groups)
}

/// `SLIMIT` and `SOFFSET`, which InfluxDB applies to each measurement; an offset without a limit leaves nothing.
fn limit_series(plan: &Plan, groups: &mut Groups) {
    if plan.slimit.is_none() && plan.soffset == 0 {
        return;
    }
    let (from, count) = (plan.soffset, plan.slimit.unwrap_or(0));
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    groups.retain(|(name, _), _| {
        let place = seen.entry(name.clone()).or_insert(0);
        let kept = (from..from.saturating_add(count)).contains(place);
        *place += 1;
        kept
    });
}

/// What may be read: what was asked for, and a window more on either side for functions that look at the one before.
fn range_read(plan: &Plan) -> TimeRange {
    let margin = plan.windows.as_ref().map_or(0, |windows| windows.interval_ns);
    TimeRange::new(
        Timestamp::from_nanos(plan.start.saturating_sub(margin)),
        Timestamp::from_nanos(plan.last.saturating_add(margin).saturating_add(1)),
    )
}

/// The series of a measurement whose tags do not already rule them out.
fn stored(plan: &Plan, source: &PlannedSource) -> Result<Vec<(String, Input)>, QueryError> {
    let PlannedSource::Measurement { view, name, fields } = source else {
        return Ok(Vec::new());
    };
    if fields.is_empty() {
        return Ok(Vec::new());
    }
    let shared: Rc<[_]> = fields.clone().into();
    let has_field = |name: &str| fields.iter().any(|field| field.name == name);
    let filter = match &plan.condition {
        None => stripchart_storage::TagFilter::All,
        Some(condition) => condition.tag_filter(&|index| {
            let variable = &condition.refs[index];
            !means_field(variable, has_field(&variable.name))
        }),
    };
    let view = Arc::new(view.within(range_read(plan)));
    let mut inputs = Vec::new();
    for series in view.series(name, &filter).map_err(QueryError::storage)? {
        let decided = match &plan.condition {
            None => Some(true),
            Some(condition) => condition.decided(&|index| {
                let variable = &condition.refs[index];
                let is_tag = !means_field(variable, has_field(&variable.name));
                is_tag.then(|| Some(series.key().tag(&variable.name).unwrap_or("")))
            }),
        };
        if decided == Some(false) {
            continue;
        }
        let fields = Rc::clone(&shared);
        let source = InputSource::Stored { view: Arc::clone(&view), series, fields };
        let input = Input { source, filtered: decided.is_none(), ranked: false };
        inputs.push((name.clone(), input));
    }
    Ok(inputs)
}

/// A row per window, or per point that a function chooses.
fn functions(series: &Series<'_>) -> Result<Option<Frame>, QueryError> {
    let plan = series.plan;
    let scope = Scope {
        plan,
        budget: series.budget,
        inputs: series.inputs,
        start: plan.start,
        last: plan.last,
        selector: plan.is_selector(),
    };
    let mut calls = Vec::with_capacity(plan.calls.len());
    for call in &plan.calls {
        calls.push(limited(plan, scope.points(call)?));
    }
    Ok(align(plan, series.name, series.tags, calls))
}

/// `LIMIT` and `OFFSET`, which apply to each function by itself.
fn limited(plan: &Plan, points: Points) -> Points {
    if plan.limit.is_none() && plan.offset == 0 {
        return points;
    }
    let from = usize::try_from(plan.offset).unwrap_or(usize::MAX);
    let count = plan.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let to = from.saturating_add(count).min(points.len());
    points.pick(from.min(to)..to)
}
