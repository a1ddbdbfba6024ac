//! How a measurement would be read, for whoever wants to know beforehand.

use stripchart_storage::Series;

use super::groups::{self, Group};
use super::input::InputSource;
use super::{fold, latest, swept};
use crate::QueryError;
use crate::limits::Budget;
use crate::plan::{Plan, PlannedSource};

/// How the rows of an answer come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Fold,
    Rollups,
    Newest,
    OnePass,
    Merge,
    Points,
}

/// What is read of a measurement.
#[derive(Debug)]
pub(crate) struct Ways {
    pub series: Vec<Series>,
    pub groups: usize,
    /// Series whose rows must be tested one by one.
    pub filtered: usize,
    /// The fields that are read.
    pub fields: Vec<String>,
    pub way: Way,
    /// Spans of time that are read from rollups: nanoseconds of theirs, and from when to when.
    pub rollups: Vec<(i64, (i64, i64))>,
}

/// Looks up the series of a measurement and says how they would be read.
pub(crate) fn ways(
    plan: &Plan,
    source: &PlannedSource,
    budget: &Budget<'_>,
) -> Result<Ways, QueryError> {
    let groups = groups::of_measurement(plan, source, budget)?;
    let inputs = || groups.iter().flat_map(|group| &group.inputs);
    let series = inputs().filter_map(|input| match &input.source {
        InputSource::Stored { series, .. } => Some(series.clone()),
        InputSource::Frame(_) => None,
    });
    let mut fields: Vec<String> = plan.calls.iter().map(|call| call.field().name.clone()).collect();
    fields.extend(plan.refs.iter().map(|reference| reference.name.clone()));
    fields
        .extend(plan.condition.iter().flat_map(|c| &c.refs).map(|variable| variable.name.clone()));
    fields.sort();
    fields.dedup();
    let all = |suits: fn(&Plan, &Group) -> bool| groups.iter().all(|group| suits(plan, group));
    let rollups = fold::rollups(plan, &groups);
    let way = match plan.calls.is_empty() {
        true if !groups.is_empty() && all(latest::suits) => Way::Newest,
        true if all(swept::suits) => Way::OnePass,
        true => Way::Merge,
        false if !rollups.is_empty() => Way::Rollups,
        false if all(fold::suits) => Way::Fold,
        false => Way::Points,
    };
    Ok(Ways {
        series: series.collect(),
        groups: groups.len(),
        filtered: inputs().filter(|input| input.filtered).count(),
        fields,
        way,
        rollups,
    })
}
