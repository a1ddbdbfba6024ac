//! `SELECT` and its clauses.

use std::fmt::{self, Display as _};

use super::expr::{Expr, Regex};
use super::quote::{Ident, quote_string};

/// `SELECT fields [INTO target] FROM sources [WHERE condition] [GROUP BY dimensions] [fill(...)] [ORDER BY ...]
/// [LIMIT n] [OFFSET n] [SLIMIT n] [SOFFSET n] [tz('zone')]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Select {
    /// What is selected; at least one.
    pub fields: Vec<Field>,
    /// Where the answer is written.
    pub target: Option<Target>,
    /// What is read; at least one.
    pub from: Vec<Source>,
    /// Which rows, and which time.
    pub condition: Option<Expr>,
    /// What the rows are grouped by.
    pub group_by: Vec<Dimension>,
    /// What stands in windows without data.
    pub fill: Fill,
    /// The order of rows; of `time` alone, or without a name.
    pub order_by: Vec<SortField>,
    /// Rows per series at most; `LIMIT 0` is no limit and arrives here as `None`.
    pub limit: Option<u64>,
    /// Rows of each series that are skipped.
    pub offset: u64,
    /// Series at most; `SLIMIT 0` is no limit.
    pub slimit: Option<u64>,
    /// Series that are skipped.
    pub soffset: u64,
    /// The name of the zone in which windows are aligned and times printed, unchecked.
    pub time_zone: Option<String>,
}

impl Select {
    /// Whether rows come latest first.
    #[must_use]
    pub fn is_descending(&self) -> bool {
        self.order_by.first().is_some_and(|sort| !sort.ascending)
    }

    /// The arguments of the first `time(...)` in `GROUP BY`.
    #[must_use]
    pub fn time_dimension(&self) -> Option<&[Expr]> {
        self.group_by.iter().find_map(Dimension::as_time)
    }
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        fmt_list(f, &self.fields)?;
        if let Some(target) = &self.target {
            write!(f, " {target}")?;
        }
        if !self.from.is_empty() {
            f.write_str(" FROM ")?;
            fmt_list(f, &self.from)?;
        }
        if let Some(condition) = &self.condition {
            write!(f, " WHERE {condition}")?;
        }
        if !self.group_by.is_empty() {
            f.write_str(" GROUP BY ")?;
            fmt_list(f, &self.group_by)?;
        }
        self.fill.fmt(f)?;
        fmt_order_by(f, &self.order_by)?;
        fmt_limits(f, self.limit, self.offset, self.slimit, self.soffset)?;
        if let Some(zone) = &self.time_zone {
            write!(f, " TZ({})", quote_string(zone))?;
        }
        Ok(())
    }
}

/// One selected column: an expression and perhaps a name for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// What is computed.
    pub expr: Expr,
    /// What follows `AS`.
    pub alias: Option<String>,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)?;
        self.alias.as_ref().map_or(Ok(()), |alias| write!(f, " AS {}", Ident(alias)))
    }
}

/// What is read.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A measurement, or all whose names match.
    Measurement(Measurement),
    /// The answer of another query.
    Subquery(Box<Select>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Measurement(measurement) => measurement.fmt(f),
            Source::Subquery(select) => write!(f, "({select})"),
        }
    }
}

/// `m`, `"rp"."m"`, `"db"."rp"."m"`, `"db".."m"`, and each with a regex in the measurement's place.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Measurement {
    /// The database; without it, the request's.
    pub database: Option<String>,
    /// The retention policy; without it, the request's or the database's default.
    pub policy: Option<String>,
    /// The measurement itself.
    pub name: MeasurementName,
}

impl Measurement {
    /// A measurement by its name alone.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Measurement { database: None, policy: None, name: MeasurementName::Name(name.into()) }
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_qualifiers(f, self.database.as_deref(), self.policy.as_deref())?;
        self.name.fmt(f)
    }
}

/// A measurement's name, or a pattern for names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MeasurementName {
    /// This one.
    Name(String),
    /// All that match.
    Regex(Regex),
}

impl fmt::Display for MeasurementName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MeasurementName::Name(name) => Ident(name).fmt(f),
            MeasurementName::Regex(regex) => regex.fmt(f),
        }
    }
}

/// `INTO ...`: where an answer is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// The database; without it, the request's.
    pub database: Option<String>,
    /// The retention policy; without it, the database's default.
    pub policy: Option<String>,
    /// The measurement; `None` is `:MEASUREMENT`, the one that was read.
    pub measurement: Option<String>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("INTO ")?;
        fmt_qualifiers(f, self.database.as_deref(), self.policy.as_deref())?;
        match &self.measurement {
            Some(name) => Ident(name).fmt(f),
            None => f.write_str(":MEASUREMENT"),
        }
    }
}

/// One item of `GROUP BY`: a tag ([`Expr::Variable`]), `*` ([`Expr::Wildcard`]), a pattern for tags ([`Expr::Regex`])
/// or `time(interval[, offset])` ([`Expr::Call`]). The grammar admits any expression; the planner refuses the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// The item.
    pub expr: Expr,
}

impl Dimension {
    /// The arguments, if the item is a call of `time`.
    #[must_use]
    pub fn as_time(&self) -> Option<&[Expr]> {
        match self.expr.unparenthesized() {
            Expr::Call(call) if call.name == "time" => Some(&call.args),
            _ => None,
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

/// What stands in windows without data.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Fill {
    /// Nulls (for `count`, zeros). Also what holds without a `fill`.
    #[default]
    Null,
    /// Nothing: such windows are left out.
    None,
    /// The last value before.
    Previous,
    /// A straight line between the neighbours.
    Linear,
    /// A whole number.
    Integer(i64),
    /// A number with a decimal point.
    Number(f64),
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fill::Null => Ok(()),
            Fill::None => f.write_str(" fill(none)"),
            Fill::Previous => f.write_str(" fill(previous)"),
            Fill::Linear => f.write_str(" fill(linear)"),
            Fill::Integer(value) => write!(f, " fill({value})"),
            // With a point even if whole, so that it is read as a float again.
            Fill::Number(value) if value.fract() == 0.0 => write!(f, " fill({value:.1})"),
            Fill::Number(value) => write!(f, " fill({value})"),
        }
    }
}

/// One item of `ORDER BY`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SortField {
    /// The column; `None` if only a direction was given.
    pub name: Option<String>,
    /// Smallest first.
    pub ascending: bool,
}

impl fmt::Display for SortField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{} ", Ident(name))?;
        }
        f.write_str(if self.ascending { "ASC" } else { "DESC" })
    }
}

/// `a, b, c`.
pub(super) fn fmt_list(f: &mut fmt::Formatter<'_>, items: &[impl fmt::Display]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        f.write_str(if index > 0 { ", " } else { "" })?;
        item.fmt(f)?;
    }
    Ok(())
}

/// ` ORDER BY ...`, if there is any.
pub(super) fn fmt_order_by(f: &mut fmt::Formatter<'_>, order_by: &[SortField]) -> fmt::Result {
    if !order_by.is_empty() {
        f.write_str(" ORDER BY ")?;
    }
    fmt_list(f, order_by)
}

/// ` LIMIT n OFFSET n SLIMIT n SOFFSET n`, each if it says anything.
pub(super) fn fmt_limits(
    f: &mut fmt::Formatter<'_>,
    limit: Option<u64>,
    offset: u64,
    slimit: Option<u64>,
    soffset: u64,
) -> fmt::Result {
    let clauses = [
        ("LIMIT", limit.unwrap_or(0)),
        ("OFFSET", offset),
        ("SLIMIT", slimit.unwrap_or(0)),
        ("SOFFSET", soffset),
    ];
    for (keyword, count) in clauses.into_iter().filter(|(_, count)| *count > 0) {
        write!(f, " {keyword} {count}")?;
    }
    Ok(())
}

/// `DELETE` and `DROP SERIES` with what follows.
pub(super) fn fmt_from_where(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    from: &[Source],
    condition: Option<&Expr>,
) -> fmt::Result {
    f.write_str(what)?;
    if !from.is_empty() {
        f.write_str(" FROM ")?;
        fmt_list(f, from)?;
    }
    condition.map_or(Ok(()), |condition| write!(f, " WHERE {condition}"))
}

/// `db.rp.`, `rp.`, `db..` or nothing.
fn fmt_qualifiers(
    f: &mut fmt::Formatter<'_>,
    database: Option<&str>,
    policy: Option<&str>,
) -> fmt::Result {
    if let Some(database) = database {
        write!(f, "{}.", Ident(database))?;
    }
    if let Some(policy) = policy {
        Ident(policy).fmt(f)?;
    }
    f.write_str(if database.is_some() || policy.is_some() { "." } else { "" })
}
