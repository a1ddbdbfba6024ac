//! `SLIMIT` and `SOFFSET`: how many series of an answer are kept.
//!
//! InfluxDB applies them where stored rows are read, to the series that the outermost query is grouped into: a subquery's own grouping does
//! not count, and what queries around it say is added to what it says itself.

use std::sync::Arc;

use super::{Plan, PlannedSource};

/// Which series are kept, of each measurement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SeriesLimit {
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
    /// The tags whose values tell series apart; sorted.
    pub(crate) by: Vec<String>,
}

impl SeriesLimit {
    /// Whether all are kept.
    pub(crate) fn is_none(&self) -> bool {
        self.limit.is_none() && self.offset == 0
    }

    /// Which are kept of those that are counted from 0; an offset without a limit leaves nothing.
    pub(crate) fn kept(&self) -> std::ops::Range<u64> {
        self.offset..self.offset.saturating_add(self.limit.unwrap_or(0))
    }
}

/// Moves the limits of the outermost query, which is grouped by what its limit is counted by, to where stored rows are read.
pub(super) fn hand_down(plan: &mut Plan) {
    let of = plan.series_limit.clone();
    if !plan.sources.iter().any(|source| matches!(source, PlannedSource::Measurement { .. })) {
        plan.series_limit = SeriesLimit::default();
    }
    for source in &mut plan.sources {
        let PlannedSource::Subquery(inner) = source else { continue };
        // Whoever has just planned it has it alone.
        let Some(inner) = Arc::get_mut(inner) else { continue };
        let own = &mut inner.series_limit;
        own.limit = match (own.limit, of.limit) {
            (Some(own), Some(outer)) => Some(own.saturating_add(outer)),
            (own, outer) => own.or(outer),
        };
        own.offset = own.offset.saturating_add(of.offset);
        own.by.clone_from(&of.by);
        hand_down(inner);
    }
}
