//! `SHOW ... CARDINALITY`. What InfluxDB estimates is counted here.

use std::collections::{BTreeMap, BTreeSet};

use stripchart_core::{Column, Frame, KeyRef, Values};

use super::{KeyTest, Purpose, Scope, page, refuse_time};
use crate::QueryError;
use crate::ast::{Cardinality, Expr, ShowClauses};

/// The bare statements whose answer is an estimate, under another heading.
pub(super) fn is_estimated(what: &Cardinality, exact: bool, clauses: &ShowClauses) -> bool {
    matches!(what, Cardinality::Series | Cardinality::Measurement)
        && !exact
        && clauses.from.is_empty()
        && clauses.condition.is_none()
        && clauses.group_by.is_empty()
        && clauses.limit.is_none()
        && clauses.offset == 0
}

/// An estimate.
pub(super) fn estimated(count: u64) -> Vec<Frame> {
    vec![single("cardinality estimation", count)]
}

/// Refuses what cannot be asked of any database.
pub(super) fn checked(what: &Cardinality, clauses: &ShowClauses) -> Result<(), QueryError> {
    let name = match what {
        Cardinality::Series => "SERIES EXACT",
        Cardinality::Measurement => "MEASUREMENT EXACT",
        Cardinality::TagKey => "TAG KEY EXACT",
        // Here InfluxDB leaves time in.
        Cardinality::TagValues(_) => return Ok(()),
        // InfluxDB leaves the word out here.
        Cardinality::FieldKey => "FIELD KEY",
    };
    refuse_time(clauses, &format!("SHOW {name} CARDINALITY"))
}

pub(super) fn show(
    scope: &Scope<'_>,
    what: &Cardinality,
    exact: bool,
    clauses: &ShowClauses,
) -> Result<Vec<Frame>, QueryError> {
    if is_estimated(what, exact, clauses) {
        return Ok(estimated(estimate(scope, what)?));
    }
    let groups = match what {
        Cardinality::Series => count(scope, clauses, Purpose::Count, |key, into| {
            into.insert(key.as_str().to_owned());
        })?,
        Cardinality::Measurement => {
            let found = count(scope, clauses, Purpose::Count, |key, into| {
                into.insert(key.measurement().to_owned());
            })?;
            // Under no name: one count, or one per group.
            let mut all = Groups::new();
            for ((_, tags), members) in found {
                all.entry((String::new(), tags)).or_default().extend(members);
            }
            all
        }
        Cardinality::TagKey => count(scope, clauses, Purpose::Count, |key, into| {
            into.extend(key.tags().map(|(key, _)| key.to_owned()));
        })?,
        Cardinality::TagValues(key) => {
            let test = KeyTest::new(key)?;
            count(scope, clauses, Purpose::CountOfValues, |series, into| {
                let tags = series.tags().filter(|(key, _)| test.accepts(key));
                // No key has a line feed, so that no two pairs are taken for one.
                into.extend(tags.map(|(key, value)| format!("{key}\n{value}")));
            })?
        }
        Cardinality::FieldKey => {
            let fields = super::collect_field_keys(scope, clauses)?;
            count(scope, clauses, Purpose::Count, |key, into| {
                let of_measurement = fields.get(key.measurement()).into_iter().flatten();
                into.extend(of_measurement.map(|(name, _)| name.clone()));
            })?
        }
    };
    Ok(frames(groups, clauses))
}

/// By measurement and grouped tags, what is counted.
type Groups = BTreeMap<(String, Vec<(String, String)>), BTreeSet<String>>;

/// Calls `each` with every series that the clauses select and with the set of its group.
fn count(
    scope: &Scope<'_>,
    clauses: &ShowClauses,
    purpose: Purpose,
    mut each: impl FnMut(KeyRef<'_>, &mut BTreeSet<String>),
) -> Result<Groups, QueryError> {
    let grouping = Grouping::new(scope, clauses)?;
    let mut found = Groups::new();
    scope.for_each_series(clauses, purpose, |key| {
        let place = (key.measurement().to_owned(), grouping.tags(key));
        each(key, found.entry(place).or_default());
    })?;
    Ok(found)
}

/// `GROUP BY`: the tags, of whichever measurement, sorted.
struct Grouping(BTreeSet<String>);

impl Grouping {
    fn new(scope: &Scope<'_>, clauses: &ShowClauses) -> Result<Self, QueryError> {
        let mut names = BTreeSet::new();
        for dimension in &clauses.group_by {
            match dimension.expr.unparenthesized() {
                Expr::Wildcard(_) => names.extend(Self::known(scope, clauses)?),
                Expr::Variable(tag) => {
                    names.insert(tag.name.clone());
                }
                Expr::Regex(regex) => {
                    let regex = regex.compile();
                    let regex = regex.map_err(|error| QueryError::invalid(error.to_string()))?;
                    let known = Self::known(scope, clauses)?.into_iter();
                    names.extend(known.filter(|key| regex.is_match(key)));
                }
                _ => return Err(QueryError::invalid("only time and tag dimensions allowed")),
            }
        }
        Ok(Grouping(names))
    }

    /// The tag keys of the measurements that are asked about.
    fn known(scope: &Scope<'_>, clauses: &ShowClauses) -> Result<BTreeSet<String>, QueryError> {
        let mut known = BTreeSet::new();
        for (view, name) in scope.measurements(&clauses.from)? {
            known.extend(view.tag_keys(&name).map_err(QueryError::storage)?);
        }
        Ok(known)
    }

    /// The tags that a series is grouped by, empty where it has none.
    fn tags(&self, series: KeyRef<'_>) -> Vec<(String, String)> {
        let value = |key: &String| series.tag(key).unwrap_or_default().to_owned();
        self.0.iter().map(|key| (key.clone(), value(key))).collect()
    }
}

fn frames(groups: Groups, clauses: &ShowClauses) -> Vec<Frame> {
    let groups = groups.into_iter().filter(|(_, members)| !members.is_empty());
    let frames = groups.filter_map(|((name, tags), members)| {
        // Limits are about the rows of a series, of which each has one.
        page([members.len()], clauses.limit, clauses.offset).first().map(|count| Frame {
            name,
            tags,
            ..single("count", *count as u64)
        })
    });
    frames.collect()
}

/// How many there are; without a look at each series where one policy has them all.
fn estimate(scope: &Scope<'_>, what: &Cardinality) -> Result<u64, QueryError> {
    let measurements = scope.measurements(&[])?;
    if let Cardinality::Measurement = what {
        let names: BTreeSet<String> = measurements.into_iter().map(|(_, name)| name).collect();
        return Ok(names.len() as u64);
    }
    if scope.views.len() == 1 {
        let counts = measurements.iter().map(|(view, name)| view.series_count(name));
        return counts.sum::<Result<u64, _>>().map_err(QueryError::storage);
    }
    let mut keys = BTreeSet::new();
    scope.for_each_series(&ShowClauses::default(), Purpose::Count, |key| {
        keys.insert(key.as_str().to_owned());
    })?;
    Ok(keys.len() as u64)
}

fn single(column: &str, count: u64) -> Frame {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    Frame::default().column(Column::new(column, Values::Integer(vec![count])))
}
