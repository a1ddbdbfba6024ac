//! `SHOW ... CARDINALITY`. What InfluxDB estimates is counted here.

use std::collections::{BTreeMap, BTreeSet};

use stripchart_core::{Column, Frame, Values};

use super::{Scope, collect_field_keys, collect_tag_keys, collect_tag_values, page, refuse_time};
use crate::QueryError;
use crate::ast::{Cardinality, ShowClauses};

pub(super) fn show(
    scope: &Scope<'_>,
    what: &Cardinality,
    exact: bool,
    clauses: &ShowClauses,
) -> Result<Vec<Frame>, QueryError> {
    let name = match what {
        Cardinality::Series => "SERIES",
        Cardinality::Measurement => "MEASUREMENT",
        Cardinality::TagKey => "TAG KEY",
        Cardinality::TagValues(_) => "TAG VALUES",
        Cardinality::FieldKey => "FIELD KEY",
    };
    refuse_time(clauses, &format!("SHOW {name} EXACT CARDINALITY"))?;
    // Only the bare statement is answered with an estimate, under another heading.
    let estimated = !exact && clauses.from.is_empty() && clauses.condition.is_none();
    Ok(match what {
        Cardinality::Series => {
            let series = series(scope, clauses)?;
            if estimated {
                let all = series.values().map(BTreeSet::len).sum();
                return Ok(vec![single("cardinality estimation", all)]);
            }
            per_measurement(series, clauses)
        }
        Cardinality::Measurement => {
            let count = series(scope, clauses)?.len();
            if estimated {
                return Ok(vec![single("cardinality estimation", count)]);
            }
            if count == 0 { Vec::new() } else { vec![single("count", count)] }
        }
        Cardinality::TagKey => per_measurement(collect_tag_keys(scope, None, clauses)?, clauses),
        Cardinality::FieldKey => per_measurement(collect_field_keys(scope, clauses)?, clauses),
        Cardinality::TagValues(key) => {
            per_measurement(collect_tag_values(scope, key, clauses, true)?, clauses)
        }
    })
}

fn series(
    scope: &Scope<'_>,
    clauses: &ShowClauses,
) -> Result<BTreeMap<String, BTreeSet<String>>, QueryError> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    scope.for_each_series(clauses, false, |key| {
        let of_measurement = found.entry(key.measurement().to_owned()).or_default();
        of_measurement.insert(key.as_str().to_owned());
    })?;
    Ok(found)
}

fn per_measurement<T>(found: BTreeMap<String, BTreeSet<T>>, clauses: &ShowClauses) -> Vec<Frame> {
    let frames = found.into_iter().filter_map(|(name, members)| {
        let counts = page([members.len()], clauses.limit, clauses.offset);
        counts.first().map(|count| Frame { name, ..single("count", *count) })
    });
    frames.collect()
}

fn single(column: &str, count: usize) -> Frame {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Frame::default().column(Column::new(column, Values::Integer(vec![count])))
}
