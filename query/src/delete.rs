//! `DELETE`, `DROP SERIES`, `DROP MEASUREMENT`.
//!
//! A condition chooses series by their tags, and `DELETE` also a stretch of time. Where it depends on a field for some series, nothing
//! is deleted at all; InfluxDB then has deleted from some shards and not from others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stripchart_core::{Frame, KeyRef, TimeRange, Timestamp};
use stripchart_storage::{TagFilter, TagTest, View};

use crate::ast::{BinaryOp, Expr, MeasurementName, Source, Statement, VarRef};
use crate::plan::time::{TimeBounds, mentions_time, split_condition};
use crate::plan::{matching, means_field};
use crate::{Engine, ExecuteOptions, QueryError};

/// Runs a statement that deletes data; `None` if it is of another kind.
pub(crate) fn run(
    engine: &Engine,
    statement: &Statement,
    options: &ExecuteOptions<'_>,
) -> Result<Option<Vec<Frame>>, QueryError> {
    // The words that InfluxDB has for no name at all.
    let database = options.database.unwrap_or_default();
    match statement {
        Statement::Delete { from, condition } => {
            delete(engine, database, from, condition.as_ref(), options)?;
        }
        Statement::DropSeries { from, condition } => {
            if condition.as_ref().is_some_and(mentions_time) {
                return Err(QueryError::invalid(
                    "DROP SERIES doesn't support time in WHERE clause",
                ));
            }
            delete(engine, database, from, condition.as_ref(), options)?;
        }
        Statement::DropMeasurement { name } => {
            engine.db().drop_measurement(database, name).map_err(QueryError::from_db)?;
        }
        _ => return Ok(None),
    }
    Ok(Some(Vec::new()))
}

fn delete(
    engine: &Engine,
    database: &str,
    from: &[Source],
    condition: Option<&Expr>,
    options: &ExecuteOptions<'_>,
) -> Result<(), QueryError> {
    let db = engine.db();
    let not_found = || QueryError::DatabaseNotFound { name: database.to_owned() };
    let catalog = db.catalog();
    let policies = catalog.database(database).ok_or_else(not_found)?.policies();
    let mut views = Vec::new();
    for policy in policies {
        let view = db.view(database, Some(&policy.name)).map_err(QueryError::from_db)?;
        views.push(match options.cancel {
            Some(cancel) => view.cancelled_by(cancel),
            None => view,
        });
    }
    let (rest, bounds) = match condition {
        Some(condition) => split_condition(condition, options.now, None)?,
        None => (None, TimeBounds::default()),
    };
    let mut chosen = Vec::new();
    for name in measurements(&views, from)? {
        let filter = match &rest {
            None => TagFilter::All,
            Some(condition) => match filter(&views, &name, condition)? {
                Some(filter) => filter,
                None => return Err(fields_in_condition(engine, database)),
            },
        };
        chosen.push((name, filter));
    }
    db.delete_many(database, None, &chosen, range(bounds)).map_err(QueryError::from_db)?;
    Ok(())
}

/// InfluxDB names the first shard that refused.
fn fields_in_condition(engine: &Engine, database: &str) -> QueryError {
    let shards = engine.shards().unwrap_or_default();
    let first = shards.iter().filter(|(_, shard)| shard.database == database).map(|(id, _)| *id);
    QueryError::invalid(format!(
        "shard {}: fields not supported in WHERE clause during deletion",
        first.min().unwrap_or(1)
    ))
}

fn range(bounds: TimeBounds) -> TimeRange {
    let start = bounds.min.map_or(TimeRange::ALL.start, Timestamp::from_nanos);
    let after = |last: i64| Timestamp::from_nanos(last.saturating_add(1));
    TimeRange::new(start, bounds.max.map_or(TimeRange::ALL.end, after))
}

/// The measurements that `from` names, all if it is empty.
fn measurements(views: &[View], from: &[Source]) -> Result<BTreeSet<String>, QueryError> {
    let mut names = BTreeSet::new();
    for view in views {
        if from.is_empty() {
            names.extend(view.measurements().map_err(QueryError::storage)?);
        }
        for source in from {
            let Source::Measurement(measurement) = source else { continue };
            match &measurement.name {
                MeasurementName::Name(name) => {
                    names.insert(name.clone());
                }
                MeasurementName::Regex(regex) => names.extend(matching(view, regex)?),
            }
        }
    }
    Ok(names)
}

/// The filter that `condition` is for the series of a measurement; `None` if it depends on fields.
fn filter(
    views: &[View],
    measurement: &str,
    condition: &Expr,
) -> Result<Option<TagFilter>, QueryError> {
    let fields: BTreeSet<String> =
        views.iter().flat_map(|view| view.fields(measurement)).map(|field| field.name).collect();
    let sieve = Sieve::new(condition, &|v: &VarRef| means_field(v, fields.contains(&v.name)))?;
    if !sieve.any(&|leaf| matches!(leaf, Sieve::Field | Sieve::Same { .. })) {
        return Ok(Some(sieve.tag_filter()));
    }
    // Not for the index: series by series.
    let mut keys = BTreeSet::new();
    let mut accepted = BTreeMap::new();
    for view in views {
        for series in view.series(measurement, &TagFilter::All).map_err(QueryError::storage)? {
            keys.extend(series.key().tags().map(|(key, _)| key.to_owned()));
            match sieve.accepts(series.key()) {
                None => return Ok(None),
                Some(true) => {
                    accepted.insert(series.key().to_string(), series);
                }
                Some(false) => {}
            }
        }
    }
    let exactly = |key: KeyRef<'_>| {
        let value = |name: &str| key.tag(name).unwrap_or_default().to_owned();
        TagFilter::And(
            keys.iter()
                .map(|name| TagFilter::Equal { key: name.clone(), value: value(name) })
                .collect(),
        )
    };
    Ok(Some(TagFilter::Or(accepted.values().map(|series| exactly(series.key())).collect())))
}

/// A condition, as far as series can tell whether they fulfil it.
enum Sieve {
    Known(bool),
    Tag {
        key: String,
        test: TagTest,
    },
    /// Two tags that are equal, or not.
    Same {
        left: String,
        right: String,
        equal: bool,
    },
    And(Vec<Sieve>),
    Or(Vec<Sieve>),
    /// Something that rows have to be asked.
    Field,
}

impl Sieve {
    fn new(expr: &Expr, is_field: &dyn Fn(&VarRef) -> bool) -> Result<Self, QueryError> {
        Ok(match expr {
            Expr::Paren(inner) => Sieve::new(inner, is_field)?,
            Expr::Boolean(known) => Sieve::Known(*known),
            Expr::Binary(binary) => match (binary.op, &binary.left, &binary.right) {
                (BinaryOp::And, left, right) => {
                    Sieve::And(vec![Sieve::new(left, is_field)?, Sieve::new(right, is_field)?])
                }
                (BinaryOp::Or, left, right) => {
                    Sieve::Or(vec![Sieve::new(left, is_field)?, Sieve::new(right, is_field)?])
                }
                (op, Expr::Variable(tag), other) | (op, other, Expr::Variable(tag)) => {
                    comparison(op, tag, other, is_field)?
                }
                _ => Sieve::Field,
            },
            _ => Sieve::Field,
        })
    }

    fn any(&self, test: &dyn Fn(&Sieve) -> bool) -> bool {
        match self {
            Sieve::And(parts) | Sieve::Or(parts) => parts.iter().any(|part| part.any(test)),
            leaf => test(leaf),
        }
    }

    /// Whether a series fulfils it; `None` if rows have to be asked.
    fn accepts(&self, series: KeyRef<'_>) -> Option<bool> {
        let value = |key: &str| series.tag(key).unwrap_or_default();
        match self {
            Sieve::Known(known) => Some(*known),
            Sieve::Tag { key, test } => Some(test(value(key))),
            // Equal only if the series has both.
            Sieve::Same { left, right, equal } => {
                let (left, right) = (value(left), value(right));
                Some((left == right && !left.is_empty()) == *equal)
            }
            Sieve::And(parts) => decide(parts, series, false),
            Sieve::Or(parts) => decide(parts, series, true),
            Sieve::Field => None,
        }
    }

    /// The same for the index, which knows no fields.
    fn tag_filter(&self) -> TagFilter {
        match self {
            Sieve::Known(true) => TagFilter::All,
            Sieve::Known(false) | Sieve::Field | Sieve::Same { .. } => TagFilter::Or(Vec::new()),
            Sieve::Tag { key, test } => {
                TagFilter::Matches { key: key.clone(), test: Arc::clone(test) }
            }
            Sieve::And(parts) => TagFilter::And(parts.iter().map(Sieve::tag_filter).collect()),
            Sieve::Or(parts) => TagFilter::Or(parts.iter().map(Sieve::tag_filter).collect()),
        }
    }
}

/// One part that is `decisive` decides; else all have to be known.
fn decide(parts: &[Sieve], series: KeyRef<'_>, decisive: bool) -> Option<bool> {
    let mut unknown = false;
    for part in parts {
        match part.accepts(series) {
            Some(found) if found == decisive => return Some(decisive),
            Some(_) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(!decisive)
}

fn comparison(
    op: BinaryOp,
    tag: &VarRef,
    other: &Expr,
    is_field: &dyn Fn(&VarRef) -> bool,
) -> Result<Sieve, QueryError> {
    if is_field(tag) {
        return Ok(Sieve::Field);
    }
    let key = tag.name.clone();
    Ok(match (op, other) {
        (BinaryOp::Eq | BinaryOp::NotEq, Expr::String(wanted)) => {
            let (wanted, equal) = (wanted.clone(), op == BinaryOp::Eq);
            Sieve::Tag { key, test: Arc::new(move |value| (value == wanted) == equal) }
        }
        (BinaryOp::Match | BinaryOp::NotMatch, Expr::Regex(regex)) => {
            let regex = regex.compile().map_err(|e| QueryError::invalid(e.to_string()))?;
            let matches = op == BinaryOp::Match;
            Sieve::Tag { key, test: Arc::new(move |value| regex.is_match(value) == matches) }
        }
        (BinaryOp::Eq | BinaryOp::NotEq, Expr::Variable(right)) if !is_field(right) => {
            Sieve::Same { left: key, right: right.name.clone(), equal: op == BinaryOp::Eq }
        }
        // Tags have no order.
        (_, Expr::String(_)) => Sieve::Known(false),
        _ => Sieve::Field,
    })
}
