//! Windows out of rollups: a policy's rows that were aggregated before, where that gives the same answer.
//!
//! It does for count, sum, mean, min, max and spread in windows whose edges are the rollup's, and for first and last of a
//! single series; the times of the points it no longer knows, so that a selector without windows is not asked here. What
//! the rollup does not cover, the newest rows and cut windows at both ends, storage reads from the policy itself.

use std::collections::HashMap;
use std::sync::Arc;

use stripchart_storage::{Partials, RolledSeries, RolledView, Series, TagFilter};

use crate::QueryError;
use crate::functions::Aggregate;
use crate::plan::{Call, Plan};

/// Spans of a rollup that a query must reach over, for the rollup to be worth looking at: block by block, rows are read
/// fast.
const WORTH_SPANS: i64 = 64;

/// The series of a measurement and their rollups.
#[derive(Debug)]
pub(crate) struct Rollups {
    view: Arc<RolledView>,
    series: HashMap<Box<str>, RolledSeries>,
}

/// Whether rollups may answer `plan`.
pub(super) fn suit(plan: &Plan) -> bool {
    let aggregate = |call: &Call| matches!(call, Call::Aggregate { .. });
    plan.windows.is_some_and(|windows| windows.zone.is_none())
        && plan.refs.is_empty()
        && plan.calls.iter().all(aggregate)
}

impl Rollups {
    pub(super) fn new(
        view: &Arc<RolledView>,
        measurement: &str,
        filter: &TagFilter,
    ) -> Result<Rollups, QueryError> {
        let found = view.series(measurement, filter).map_err(QueryError::storage)?;
        let series = found.into_iter().map(|series| (series.key().as_str().into(), series));
        Ok(Rollups { view: Arc::clone(view), series: series.collect() })
    }

    /// The parts of what `edges` bound that come from rollups: their spans in nanoseconds, and from when to when, both
    /// inside.
    pub(super) fn parts(
        &self,
        series: &Series,
        field: &str,
        edges: &[i64],
    ) -> Vec<(i64, (i64, i64))> {
        let Some(rolled) = self.series.get(series.key().as_str()) else { return Vec::new() };
        let parts = self.view.parts(rolled, field, edges).into_iter().filter_map(|part| {
            let (start, end) = (part.range.start.nanos(), part.range.end.nanos());
            let every_ns = part.every_ns?;
            (end.saturating_sub(start) / every_ns >= WORTH_SPANS)
                .then_some((every_ns, (start, end - 1)))
        });
        parts.collect()
    }

    /// Whether rollups are worth it for a group.
    pub(super) fn serve(
        &self,
        group: &[Series],
        calls: &[(Aggregate, usize)],
        field: &str,
        edges: &[i64],
    ) -> bool {
        let ends = |f| matches!(f, Aggregate::First | Aggregate::Last);
        let Some(first) = group.first() else { return false };
        (group.len() == 1 || !calls.iter().any(|(f, _)| ends(*f)))
            && !self.parts(first, field, edges).is_empty()
    }

    /// Adds the values of `field` of a series; `false` if it is not known here.
    pub(super) fn fold(
        &self,
        series: &Series,
        field: &str,
        edges: &[i64],
        into: &mut Partials,
    ) -> Result<bool, QueryError> {
        let Some(rolled) = self.series.get(series.key().as_str()) else { return Ok(false) };
        self.view.fold(rolled, field, edges, into).map_err(QueryError::storage)?;
        Ok(true)
    }
}
