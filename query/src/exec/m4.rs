//! Points for a chart: of each stretch of time the first, the last, the least and the greatest.

use std::ops::ControlFlow;

use stripchart_core::{Column, Frame, ValueRef, Values};
use stripchart_storage::{Aggregates, Partials};

use super::Each;
use super::groups::{self, Group};
use super::input::{Input, InputSource, Reader, Wanted};
use crate::QueryError;
use crate::limits::Budget;
use crate::plan::{Node, OutputColumn, Plan, Reference, ReferenceKind, Slot};

/// Hands to `each` a frame for every group and field of `plan`, which selects nothing but fields with numbers.
///
/// `edges` ascend strictly, one more than there are stretches.
pub(crate) fn m4(
    plan: &Plan,
    edges: &[i64],
    budget: &Budget<'_>,
    each: &mut Each<'_>,
) -> Result<ControlFlow<()>, QueryError> {
    let mut fields = Vec::with_capacity(plan.columns.len());
    for column in &plan.columns {
        fields.extend(field_of(column, plan)?.map(|field| (column, field)));
    }
    for Group { name, tag_values, inputs, .. } in groups::of(plan, budget)? {
        let tags: Vec<(String, String)> = plan.dimensions.iter().cloned().zip(tag_values).collect();
        for (column, field) in &fields {
            let partials = extremes(plan, field, &inputs, edges, budget)?;
            let Some((times, mut points)) = chosen(field, &partials) else { continue };
            points.name.clone_from(&column.name);
            points.unit = column.unit;
            let time = Column::new(plan.time_name.as_str(), Values::Time(times));
            let columns = vec![time, points];
            let frame =
                Frame { name: name.to_string(), tags: tags.clone(), columns, partial: false };
            if each(frame).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The field that a column is; `None` if no source has it.
fn field_of<'a>(
    column: &OutputColumn,
    plan: &'a Plan,
) -> Result<Option<&'a Reference>, QueryError> {
    let refused = || {
        QueryError::invalid(format!(
            "points for a chart are of fields with numbers, and \"{}\" is none",
            column.name
        ))
    };
    let Node::Slot(Slot::Ref(index)) = column.node else { return Err(refused()) };
    let field = &plan.refs[index];
    match field.kind {
        ReferenceKind::Field(field_type) if field_type.is_numeric() => Ok(Some(field)),
        ReferenceKind::Unknown => Ok(None),
        _ => Err(refused()),
    }
}

const WHAT: [Aggregates; 4] =
    [Aggregates::FIRST, Aggregates::MIN, Aggregates::MAX, Aggregates::LAST];

fn extremes(
    plan: &Plan,
    field: &Reference,
    inputs: &[Input],
    edges: &[i64],
    budget: &Budget<'_>,
) -> Result<Partials, QueryError> {
    let field_type = field.kind.field_type();
    let what = WHAT.into_iter().reduce(|all, one| all | one).unwrap_or(Aggregates::FIRST);
    let mut partials = Partials::new(field_type, edges.len() - 1, what);
    for input in inputs {
        budget.rows(0)?;
        match &input.source {
            InputSource::Stored { of, series }
                if !input.filtered
                    && input.field_type(&field.name).is_none_or(|own| own == field_type) =>
            {
                of.view
                    .fold(series, &field.name, edges, &mut partials)
                    .map_err(QueryError::storage)?;
            }
            _ => read(plan, field, input, edges, budget, &mut partials)?,
        }
    }
    Ok(partials)
}

/// What storage cannot do by itself: rows that must be tested, or are those of a subquery.
fn read(
    plan: &Plan,
    field: &Reference,
    input: &Input,
    edges: &[i64],
    budget: &Budget<'_>,
    partials: &mut Partials,
) -> Result<(), QueryError> {
    let wanted = Wanted {
        refs: [field.clone()].into(),
        condition: plan.condition.clone(),
        start: plan.start,
        last: plan.last,
        ascending: true,
        nulls: false,
        packed: None,
        limit: None,
    };
    let mut reader = Reader::new(input, &wanted);
    while reader.advance(budget)? {
        let bucket = edges.partition_point(|edge| *edge <= reader.time());
        if let (Some(bucket), Some(value)) = (bucket.checked_sub(1), reader.value(0))
            && bucket < partials.buckets()
        {
            partials.add(bucket, reader.time(), value);
        }
    }
    Ok(())
}

/// The points that were chosen, each once, in order of time.
fn chosen(field: &Reference, partials: &Partials) -> Option<(Vec<i64>, Column)> {
    let mut times = Vec::new();
    let mut column = Column::new("", Values::empty(field.kind.field_type()));
    for bucket in 0..partials.buckets() {
        let least = partials.min(bucket).map(|(value, at)| (value.to_value(), at));
        let greatest = partials.max(bucket).map(|(value, at)| (value.to_value(), at));
        let mut points: Vec<(ValueRef<'_>, i64)> = Vec::with_capacity(WHAT.len());
        let candidates = [
            partials.first(bucket),
            least.as_ref().map(|(value, at)| (value.as_ref(), *at)),
            greatest.as_ref().map(|(value, at)| (value.as_ref(), *at)),
            partials.last(bucket),
        ];
        for point in candidates.into_iter().flatten() {
            if !points.contains(&point) {
                points.push(point);
            }
        }
        points.sort_by_key(|(_, at)| *at);
        for (value, at) in points {
            times.push(at);
            column.push(value);
        }
    }
    (!times.is_empty()).then_some((times, column))
}
