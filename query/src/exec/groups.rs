//! Which series are read, and which of them make one series of the answer.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use stripchart_core::TimeRange;
use stripchart_storage::TagFilter;

use super::Execution;
use super::input::{Input, InputSource, StoredSource, inclusive};
use super::rollups::{self, Rollups};
use crate::QueryError;
use crate::limits::Budget;
use crate::plan::{Plan, PlannedSource, means_field};

/// Series that make one series of the answer.
#[derive(Debug)]
pub(super) struct Group {
    pub name: Arc<str>,
    /// The values of the tags grouped by.
    pub tag_values: Vec<String>,
    pub inputs: Vec<Input>,
    /// The place of its first series among all, in the order in which they are stored: reading goes by it.
    pub place: usize,
}

/// A rough count of the bytes that a series takes while it is looked at, its key aside.
const INPUT_BYTES: u64 = 400;

/// The groups of `plan`, in the order of the answer.
pub(super) fn of(plan: &Plan, budget: &Budget<'_>) -> Result<Vec<Group>, QueryError> {
    let mut inputs: Vec<(Arc<str>, Input)> = Vec::new();
    for source in &plan.sources {
        match source {
            PlannedSource::Measurement { name, .. } => {
                let found = stored(plan, source, budget)?;
                budget.series(found.len())?;
                let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
                budget.memory(count.saturating_mul(INPUT_BYTES))?;
                let name: Arc<str> = name.as_str().into();
                inputs.extend(found.into_iter().map(|input| (Arc::clone(&name), input)));
            }
            PlannedSource::Subquery(inner) => {
                let filtered = plan.condition.is_some();
                let ranked = !inner.calls.is_empty();
                let inner = Execution::new(Arc::clone(inner), budget.clone(), usize::MAX)?;
                let mut held = 0;
                let _ = inner.for_each(&mut |frame| {
                    let columns = u64::try_from(frame.columns.len()).unwrap_or(u64::MAX);
                    let rows = u64::try_from(frame.row_count()).unwrap_or(u64::MAX);
                    held += rows.saturating_mul(columns).saturating_mul(8);
                    let name = frame.name.as_str().into();
                    let source = InputSource::Frame(Arc::new(frame));
                    inputs.push((name, Input { source, filtered, ranked }));
                    ControlFlow::Continue(())
                })?;
                budget.memory(held)?;
            }
        }
    }
    let mut groups = grouped(plan, inputs);
    limit_series(plan, &mut groups);
    if !plan.ascending {
        groups.reverse();
    }
    Ok(groups)
}

/// The groups that the series of one measurement make, by name and then by tags.
pub(super) fn of_measurement(
    plan: &Plan,
    source: &PlannedSource,
    budget: &Budget<'_>,
) -> Result<Vec<Group>, QueryError> {
    let PlannedSource::Measurement { name, .. } = source else { return Ok(Vec::new()) };
    let name: Arc<str> = name.as_str().into();
    let found = stored(plan, source, budget)?;
    budget.series(found.len())?;
    let inputs = found.into_iter().map(|input| (Arc::clone(&name), input)).collect();
    let mut groups = grouped(plan, inputs);
    limit_series(plan, &mut groups);
    Ok(groups)
}

/// Puts inputs of one name and tags together, by name and then by tags; within a group they stay as they come.
fn grouped(plan: &Plan, inputs: Vec<(Arc<str>, Input)>) -> Vec<Group> {
    let width = plan.dimensions.len();
    let mut values: Vec<&str> = Vec::with_capacity(inputs.len() * width);
    for (_, input) in &inputs {
        values.extend(plan.dimensions.iter().map(|tag| input.tag(tag)));
    }
    let key = |at: usize| (&*inputs[at].0, &values[at * width..(at + 1) * width]);
    let one_name = inputs.windows(2).all(|two| Arc::ptr_eq(&two[0].0, &two[1].0));
    let mut order: Vec<(u128, usize)> = (0..inputs.len())
        .map(|at| (values.get(at * width).map_or(0, |value| beginning(value)), at))
        .collect();
    let same = |a: &(u128, usize), b: &(u128, usize)| a.0 == b.0 && key(a.1) == key(b.1);
    if one_name && width == 1 {
        order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| values[a.1].cmp(values[b.1])));
    } else if width > 0 || !one_name {
        order.sort_by(|a, b| key(a.1).cmp(&key(b.1)));
    }
    let mut groups: Vec<Group> = Vec::with_capacity(order.len());
    let mut of_group: Vec<usize> = Vec::with_capacity(order.len());
    for same in order.chunk_by(same) {
        let first = same[0].1;
        let tag_values = key(first).1.iter().map(|value| (*value).to_owned()).collect();
        let name = Arc::clone(&inputs[first].0);
        of_group.push(same.len());
        groups.push(Group {
            name,
            tag_values,
            inputs: Vec::with_capacity(same.len()),
            place: first,
        });
    }
    let mut inputs: Vec<Option<Input>> = inputs.into_iter().map(|(_, input)| Some(input)).collect();
    let mut order = order.into_iter();
    for (group, count) in groups.iter_mut().zip(of_group) {
        group.inputs.extend(order.by_ref().take(count).filter_map(|(_, at)| inputs[at].take()));
    }
    groups
}

/// The first bytes of a text as a number: texts whose numbers differ are ordered as these are. Names of hosts share their
/// beginnings, so eight bytes would not tell many apart.
fn beginning(text: &str) -> u128 {
    let mut bytes = [0; 16];
    let len = text.len().min(bytes.len());
    bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
    u128::from_le_bytes(bytes).swap_bytes()
}

/// `SLIMIT` and `SOFFSET`, of each measurement.
fn limit_series(plan: &Plan, groups: &mut Vec<Group>) {
    if plan.series_limit.is_none() {
        return;
    }
    let by = &plan.series_limit.by;
    let counted: Vec<bool> = plan.dimensions.iter().map(|tag| by.contains(tag)).collect();
    let key = |group: &Group| {
        let values = group.tag_values.iter().zip(&counted).filter(|(_, counted)| **counted);
        let values: Vec<String> = values.map(|(value, _)| value.clone()).collect();
        (Arc::clone(&group.name), values)
    };
    let mut seen: BTreeMap<(Arc<str>, Vec<String>), u64> =
        groups.iter().map(|group| (key(group), 0)).collect();
    let (mut name, mut next) = (None, 0);
    for ((of, _), place) in &mut seen {
        if name != Some(of) {
            (name, next) = (Some(of), 0);
        }
        *place = next;
        next += 1;
    }
    groups.retain(|group| {
        seen.get(&key(group)).is_some_and(|place| plan.series_limit.kept().contains(place))
    });
}

/// What may be read: what was asked for, and a window more on either side for functions that look at the one before.
fn range_read(plan: &Plan) -> TimeRange {
    let margin = plan.windows.as_ref().map_or(0, |windows| windows.interval_ns);
    inclusive(plan.start.saturating_sub(margin), plan.last.saturating_add(margin))
}

/// The series of a measurement whose tags do not already rule them out.
fn stored(
    plan: &Plan,
    source: &PlannedSource,
    budget: &Budget<'_>,
) -> Result<Vec<Input>, QueryError> {
    let PlannedSource::Measurement { view, name, fields, rolled } = source else {
        return Ok(Vec::new());
    };
    if fields.is_empty() {
        return Ok(Vec::new());
    }
    let has_field = |name: &str| fields.iter().any(|field| field.name == name);
    let filter = match &plan.condition {
        None => TagFilter::All,
        Some(condition) => condition.tag_filter(&|index| {
            let variable = &condition.refs[index];
            !means_field(variable, has_field(&variable.name))
        }),
    };
    let mut view = view.within(range_read(plan));
    if let Some(cancel) = budget.cancel() {
        view = view.cancelled_by(cancel);
    }
    if matches!(filter, TagFilter::All) {
        // Counting mostly costs less than listing what is too much anyway.
        let least = view.series_at_least(name).map_err(QueryError::storage)?;
        budget.memory_expected(least.saturating_mul(INPUT_BYTES))?;
        if budget.limits().max_series.is_some() {
            budget.series_expected(least)?;
            budget.series_expected(view.series_count(name).map_err(QueryError::storage)?)?;
        }
    }
    let found = view.series(name, &filter).map_err(QueryError::storage)?;
    let rolled = match rolled {
        Some(rolled) if rollups::suit(plan) => Some(Rollups::new(rolled, name, &filter)?),
        _ => None,
    };
    let of = Arc::new(StoredSource { view, fields: fields.clone(), rolled });
    let mut inputs = Vec::with_capacity(found.len());
    for series in found {
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
        let source = InputSource::Stored { of: Arc::clone(&of), series };
        inputs.push(Input { source, filtered: decided.is_none(), ranked: false });
    }
    Ok(inputs)
}
