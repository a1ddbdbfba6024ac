//! Functions over fields of types that they do not take.
//!
//! InfluxDB finds out only when it sets about reading: over series that there are not, or in a subquery that nothing is asked of, such
//! a function passes.

use stripchart_core::FieldType;
use stripchart_storage::{FieldInfo, TagFilter, View};

use super::{Call, Plan, PlannedSource, Reference, ReferenceKind, TransformInput, means_field};
use crate::QueryError;
use crate::ast::{self, VarRef};
use crate::functions::{Reducer, castable};

/// Why a function is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) message: String,
    /// Whether InfluxDB sees it only where there is a series to be read.
    pub(super) needs_series: bool,
}

/// InfluxDB names the Go type of what the function was to go through.
pub(super) fn unsupported_type(planned: &Call, call: &ast::Call) -> String {
    let (words, found, wrapper) = match planned {
        Call::Transform { f, input } => match &**input {
            TransformInput::Call(inner @ Call::Reduce { f: Reducer::Distinct, .. }) => {
                (f.words(), inner.output(), "Interval")
            }
            TransformInput::Call(inner) => (f.words(), inner.output(), "Interrupt"),
            TransformInput::Field(field) => (f.words(), Some(field.kind.field_type()), "Interrupt"),
        },
        // The best of each combination of tags is looked for first.
        Call::Reduce { f: Reducer::Top(_) | Reducer::Bottom(_), tags, field }
            if !tags.is_empty() =>
        {
            match field.kind.field_type() {
                FieldType::String if call.name == "top" => {
                    ("max", Some(FieldType::String), "Interrupt")
                }
                FieldType::String => ("min", Some(FieldType::String), "Interrupt"),
                _ => (call.name.as_str(), Some(FieldType::Boolean), "ReduceBoolean"),
            }
        }
        _ => (call.name.as_str(), Some(planned.field().kind.field_type()), "Interrupt"),
    };
    let found = found.unwrap_or(FieldType::Float);
    format!("unsupported {words} iterator type: *query.{found}{wrapper}Iterator")
}

/// Why a subquery cannot be run, if the query around it asks for any of its columns or tags; InfluxDB runs no other.
pub(super) fn refused_inside(outer: &Plan, source: &PlannedSource) -> Option<String> {
    let PlannedSource::Subquery(inner) = source else { return None };
    let has = |name: &str| {
        inner.columns.iter().any(|column| column.name == name)
            || inner.dimensions.iter().any(|tag| tag == name)
    };
    let asked = outer.refs.iter().any(|reference| has(&reference.name))
        || outer.calls.iter().any(|call| has(&call.field().name));
    inner.refused.clone().filter(|_| asked)
}

/// Whether there is a series that `plan` has to read. InfluxDB sees only then that a function does not take a field's values; which
/// instants the series has rows at it does not ask, but in which shards.
pub(super) fn reads_a_series(plan: &Plan) -> Result<bool, QueryError> {
    if plan.series_limit.offset > 0 && plan.series_limit.limit.is_none() {
        return Ok(false);
    }
    for source in &plan.sources {
        let found = match source {
            PlannedSource::Subquery(_) => true,
            PlannedSource::Measurement { view, name, fields, .. } => {
                let has = |reference: &Reference| match reference.kind {
                    ReferenceKind::Field(to) => fields
                        .iter()
                        .any(|f| f.name == reference.name && castable(f.field_type, to)),
                    _ => false,
                };
                let read =
                    plan.refs.iter().any(has) || plan.calls.iter().any(|call| has(call.field()));
                read && reads_of(plan, view, name, fields)?
            }
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn reads_of(
    plan: &Plan,
    view: &View,
    name: &str,
    fields: &[FieldInfo],
) -> Result<bool, QueryError> {
    let is_tag = |variable: &VarRef| {
        !means_field(variable, fields.iter().any(|field| field.name == variable.name))
    };
    let filter = match &plan.condition {
        None => TagFilter::All,
        Some(condition) => condition.tag_filter(&|index| is_tag(&condition.refs[index])),
    };
    let week = 7 * 86_400_000_000_000;
    for series in view.series(name, &filter).map_err(QueryError::storage)? {
        let decided = plan.condition.as_ref().and_then(|condition| {
            condition.decided(&|index| {
                let variable = &condition.refs[index];
                is_tag(variable).then(|| Some(series.key().tag(&variable.name).unwrap_or("")))
            })
        });
        let near = view.time_bounds(&series).is_some_and(|(first, last)| {
            first.nanos() <= plan.last.saturating_add(week)
                && last.nanos() >= plan.start.saturating_sub(week)
        });
        if near && decided != Some(false) {
            return Ok(true);
        }
    }
    Ok(false)
}
