//! The clauses that the `SHOW` statements share.

use std::fmt;

use super::Statement;
use super::expr::{BinaryOp, Expr, Regex};
use super::quote::{Ident, quote_string};
use super::select::{
    Dimension, Measurement, MeasurementName, SortField, Source, fmt_limits, fmt_list, fmt_order_by,
};

/// What may follow a `SHOW` statement about the data; each statement's grammar admits some of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShowClauses {
    /// `ON db`; without it, the request's database.
    pub database: Option<String>,
    /// `FROM ...`: measurements and patterns, no subqueries.
    pub from: Vec<Source>,
    /// `WHERE ...`.
    pub condition: Option<Expr>,
    /// `GROUP BY ...`, of the cardinality statements alone.
    pub group_by: Vec<Dimension>,
    /// `ORDER BY ...`.
    pub order_by: Vec<SortField>,
    /// `LIMIT n`; `LIMIT 0` is no limit.
    pub limit: Option<u64>,
    /// `OFFSET n`.
    pub offset: u64,
    /// `SLIMIT n`, of `SHOW TAG KEYS` alone.
    pub slimit: Option<u64>,
    /// `SOFFSET n`, of `SHOW TAG KEYS` alone.
    pub soffset: u64,
}

impl ShowClauses {
    /// ` ON db`, if said: it comes before whatever is the statement's own.
    fn fmt_on(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.database.as_ref().map_or(Ok(()), |name| write!(f, " ON {}", Ident(name)))
    }

    fn fmt_from(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.from.is_empty() { "" } else { " FROM " })?;
        fmt_list(f, &self.from)
    }

    /// `WHERE` and everything after it.
    fn fmt_rest(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        if !self.group_by.is_empty() {
            f.write_str(" GROUP BY ")?;
            fmt_list(f, &self.group_by)?;
        }
        fmt_order_by(f, &self.order_by)?;
        fmt_limits(f, self.limit, self.offset, self.slimit, self.soffset)
    }
}

/// What a cardinality statement counts.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Cardinality {
    /// `SHOW SERIES CARDINALITY`.
    Series,
    /// `SHOW MEASUREMENT CARDINALITY`.
    Measurement,
    /// `SHOW TAG KEY CARDINALITY`.
    TagKey,
    /// `SHOW TAG VALUES CARDINALITY`, with its condition on the key.
    TagValues(KeyCondition),
    /// `SHOW FIELD KEY CARDINALITY`.
    FieldKey,
}

/// What follows `WITH KEY`: which tag keys are meant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum KeyCondition {
    /// `= key`
    Equal(String),
    /// `!= key`
    NotEqual(String),
    /// `=~ /pattern/`
    Matches(Regex),
    /// `!~ /pattern/`
    NotMatches(Regex),
    /// `IN (key, key)`
    In(Vec<String>),
}

impl fmt::Display for KeyCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyCondition::Equal(key) => write!(f, "{} {}", BinaryOp::Eq, Ident(key)),
            KeyCondition::NotEqual(key) => write!(f, "{} {}", BinaryOp::NotEq, Ident(key)),
            KeyCondition::Matches(regex) => write!(f, "{} {regex}", BinaryOp::Match),
            KeyCondition::NotMatches(regex) => write!(f, "{} {regex}", BinaryOp::NotMatch),
            KeyCondition::In(keys) => {
                f.write_str("IN (")?;
                fmt_list(f, &keys.iter().map(|key| Ident(key)).collect::<Vec<_>>())?;
                f.write_str(")")
            }
        }
    }
}

impl Statement {
    /// The text of a `SHOW` statement; `None` for any other.
    pub(super) fn fmt_show(&self, f: &mut fmt::Formatter<'_>) -> Option<fmt::Result> {
        let result = match self {
            Statement::ShowDatabases => f.write_str("SHOW DATABASES"),
            Statement::ShowQueries => f.write_str("SHOW QUERIES"),
            Statement::ShowUsers => f.write_str("SHOW USERS"),
            Statement::ShowContinuousQueries => f.write_str("SHOW CONTINUOUS QUERIES"),
            Statement::ShowShards => f.write_str("SHOW SHARDS"),
            Statement::ShowShardGroups => f.write_str("SHOW SHARD GROUPS"),
            Statement::ShowSubscriptions => f.write_str("SHOW SUBSCRIPTIONS"),
            Statement::ShowGrants { user } => write!(f, "SHOW GRANTS FOR {}", Ident(user)),
            Statement::ShowStats { module } => fmt_module(f, "SHOW STATS", module.as_deref()),
            Statement::ShowDiagnostics { module } => {
                fmt_module(f, "SHOW DIAGNOSTICS", module.as_deref())
            }
            Statement::ShowRetentionPolicies { database: None } => {
                f.write_str("SHOW RETENTION POLICIES")
            }
            Statement::ShowRetentionPolicies { database: Some(name) } => {
                write!(f, "SHOW RETENTION POLICIES ON {}", Ident(name))
            }
            Statement::ShowMeasurements { measurement, clauses } => {
                fmt_measurements(f, measurement.as_ref(), clauses)
            }
            Statement::ShowTagKeys { key, clauses } => {
                fmt_keyed(f, "SHOW TAG KEYS", key.as_ref(), clauses)
            }
            Statement::ShowTagValues { key, clauses } => {
                fmt_keyed(f, "SHOW TAG VALUES", Some(key), clauses)
            }
            Statement::ShowFieldKeys { clauses } => fmt_keyed(f, "SHOW FIELD KEYS", None, clauses),
            Statement::ShowSeries { clauses } => fmt_keyed(f, "SHOW SERIES", None, clauses),
            Statement::ShowCardinality { of, exact, clauses } => {
                fmt_cardinality(f, of, *exact, clauses)
            }
            _ => return None,
        };
        Some(result)
    }
}

fn fmt_module(f: &mut fmt::Formatter<'_>, what: &str, module: Option<&str>) -> fmt::Result {
    f.write_str(what)?;
    module.map_or(Ok(()), |module| write!(f, " FOR {}", quote_string(module)))
}

fn fmt_measurements(
    f: &mut fmt::Formatter<'_>,
    measurement: Option<&Measurement>,
    clauses: &ShowClauses,
) -> fmt::Result {
    f.write_str("SHOW MEASUREMENTS")?;
    clauses.fmt_on(f)?;
    if let Some(measurement) = measurement {
        let op = match measurement.name {
            MeasurementName::Name(_) => BinaryOp::Eq,
            MeasurementName::Regex(_) => BinaryOp::Match,
        };
        write!(f, " WITH MEASUREMENT {op} {measurement}")?;
    }
    clauses.fmt_rest(f)
}

fn fmt_keyed(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    key: Option<&KeyCondition>,
    clauses: &ShowClauses,
) -> fmt::Result {
    f.write_str(what)?;
    clauses.fmt_on(f)?;
    clauses.fmt_from(f)?;
    if let Some(key) = key {
        write!(f, " WITH KEY {key}")?;
    }
    clauses.fmt_rest(f)
}

fn fmt_cardinality(
    f: &mut fmt::Formatter<'_>,
    of: &Cardinality,
    exact: bool,
    clauses: &ShowClauses,
) -> fmt::Result {
    let (what, key) = match of {
        Cardinality::Series => ("SERIES", None),
        Cardinality::Measurement => ("MEASUREMENT", None),
        Cardinality::TagKey => ("TAG KEY", None),
        Cardinality::TagValues(key) => ("TAG VALUES", Some(key)),
        Cardinality::FieldKey => ("FIELD KEY", None),
    };
    write!(f, "SHOW {what} {}CARDINALITY", if exact { "EXACT " } else { "" })?;
    fmt_keyed(f, "", key, clauses)
}
