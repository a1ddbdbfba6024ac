//! The `SHOW` statements.
//!
//! They look at a database across its retention policies, as InfluxDB's do. Conditions may be about tags; what they
//! say of fields makes a series not be shown. A condition on time selects the series that have rows about that time.

mod cardinality;
mod diagnostics;
mod measurements;
pub(crate) mod stats;

use std::collections::{BTreeMap, BTreeSet};

use stripchart_core::{Column, FieldValue, Frame, KeyRef, Strings, Values};
use stripchart_storage::{Db, TagFilter, View};

use crate::ast::{BinaryOp, KeyCondition, MeasurementName, ShowClauses, Source, Statement};
use crate::plan::time::{TimeBounds, mentions_time, split_condition};
use crate::plan::{Condition, Node, Slot, matching, means_field};
use crate::{Engine, ExecuteOptions, QueryError, User};

/// Runs a `SHOW` statement.
pub(crate) fn run(
    engine: &Engine,
    statement: &Statement,
    options: &ExecuteOptions<'_>,
) -> Result<Vec<Frame>, QueryError> {
    let db = engine.db();
    let scope = |database: Option<&str>| Scope::new(db, database, options);
    let of = |clauses: &ShowClauses| scope(clauses.database.as_deref());
    // Some of them are queries, where what `FROM` names comes before what `ON` does.
    let queried = |clauses: &ShowClauses| {
        let named = clauses.from.iter().find_map(|source| match source {
            Source::Measurement(measurement) => measurement.database.as_deref(),
            Source::Subquery(_) => None,
        });
        scope(named.or(clauses.database.as_deref()))
    };
    match statement {
        Statement::ShowDatabases => Ok(vec![databases(db, options.user)]),
        Statement::ShowRetentionPolicies { database } => {
            retention_policies(db, database.as_deref().or(options.database))
        }
        Statement::ShowMeasurements { measurement, clauses } => {
            refuse_time(clauses, "SHOW MEASUREMENTS")?;
            match of(clauses) {
                // InfluxDB does not ask whether there is such a database.
                Err(QueryError::DatabaseNotFound { .. }) => Ok(Vec::new()),
                scope => measurements::show(&scope?, measurement.as_ref(), clauses),
            }
        }
        Statement::ShowTagKeys { key, clauses } => tag_keys(&of(clauses)?, key.as_ref(), clauses),
        Statement::ShowTagValues { key, clauses } => tag_values(&of(clauses)?, key, clauses),
        Statement::ShowFieldKeys { clauses } => field_keys(&queried(clauses)?, clauses),
        Statement::ShowSeries { clauses } => series(&queried(clauses)?, clauses),
        Statement::ShowCardinality { of: what, exact, clauses } => {
            match cardinality::checked(what, clauses).and_then(|()| queried(clauses)) {
                // InfluxDB's estimate does not ask whether there is such a database.
                Err(QueryError::DatabaseNotFound { .. })
                    if cardinality::is_estimated(what, *exact, clauses) =>
                {
                    Ok(cardinality::estimated(0))
                }
                scope => cardinality::show(&scope?, what, *exact, clauses),
            }
        }
        Statement::ShowStats { module } => stats::show(engine, module.as_deref()),
        Statement::ShowDiagnostics { module } => {
            Ok(diagnostics::show(module.as_deref(), options.now))
        }
        other => Err(QueryError::unsupported(verb(other))),
    }
}

/// The words of a statement that say what it does.
fn verb(statement: &Statement) -> String {
    let text = statement.to_string();
    let is_keyword = |word: &&str| {
        word.bytes().all(|b| b.is_ascii_uppercase())
            && !["FROM", "WHERE", "ON", "FOR", "TO", "WITH"].contains(word)
    };
    text.split(' ').take_while(is_keyword).collect::<Vec<_>>().join(" ")
}

/// What series are looked for: InfluxDB has a rule for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// Their keys: of all that may fulfil a condition.
    Keys,
    /// Their tags: of those alone whose tags fulfil it, whatever their fields are.
    Tags,
    /// How many there are: as their tags, but an order may be asked for, and is never fulfilled.
    Count,
    /// A condition on a tag that a series does not have is false, whatever it says.
    CountOfValues,
}

/// The database a statement is about.
#[derive(Debug)]
struct Scope<'a> {
    db: &'a Db,
    name: String,
    views: Vec<(String, View)>,
    options: &'a ExecuteOptions<'a>,
}

impl<'a> Scope<'a> {
    fn new(
        db: &'a Db,
        database: Option<&str>,
        options: &'a ExecuteOptions<'a>,
    ) -> Result<Self, QueryError> {
        let name = database.or(options.database).filter(|name| !name.is_empty());
        let name = name.ok_or(QueryError::DatabaseRequired)?;
        let catalog = db.catalog();
        let database = catalog
            .database(name)
            .ok_or_else(|| QueryError::DatabaseNotFound { name: name.to_owned() })?;
        let mut views = Vec::new();
        for policy in database.policies() {
            let view = db.view(name, Some(&policy.name)).map_err(QueryError::from_db)?;
            let view = match options.cancel {
                Some(cancel) => view.cancelled_by(cancel),
                None => view,
            };
            views.push((policy.name.clone(), view));
        }
        Ok(Scope { db, name: name.to_owned(), views, options })
    }

    /// The measurements that `from` names, all if it names none, with the view that each is in.
    fn measurements(&self, from: &[Source]) -> Result<Vec<(&View, String)>, QueryError> {
        let mut found = Vec::new();
        for (policy, view) in &self.views {
            if from.is_empty() {
                let names = view.measurements().map_err(QueryError::storage)?;
                found.extend(names.into_iter().map(|name| (view, name)));
            }
            let mut named = BTreeSet::new();
            for source in from {
                let Source::Measurement(measurement) = source else { continue };
                if measurement.policy.as_ref().is_some_and(|wanted| wanted != policy) {
                    continue;
                }
                match &measurement.name {
                    MeasurementName::Name(name) => {
                        named.insert(name.clone());
                    }
                    MeasurementName::Regex(regex) => named.extend(matching(view, regex)?),
                }
            }
            found.extend(named.into_iter().map(|name| (view, name)));
        }
        Ok(found)
    }

    /// The condition without what it says of time, and that.
    fn condition(
        &self,
        clauses: &ShowClauses,
    ) -> Result<(Option<Condition>, TimeBounds), QueryError> {
        let Some(condition) = &clauses.condition else {
            return Ok((None, TimeBounds::default()));
        };
        let (rest, bounds) = split_condition(condition, self.options.now, None)?;
        Ok((rest.as_ref().map(Condition::new).transpose()?, bounds))
    }

    /// The times of the shards that `bounds` touch, both ends inside; `None` if there are no bounds. What is listed goes by shards,
    /// not by rows.
    fn shards(&self, bounds: TimeBounds) -> Option<Vec<(i64, i64)>> {
        if bounds == TimeBounds::default() {
            return None;
        }
        let (min, max) = (bounds.min.unwrap_or(i64::MIN), bounds.max.unwrap_or(i64::MAX));
        let shards = self.db.shards().into_iter().filter(|shard| shard.database == self.name);
        let times = shards.map(|shard| (shard.start_ns, shard.end_ns.saturating_sub(1)));
        Some(times.filter(|(first, last)| *last >= min && *first <= max).collect())
    }

    /// Calls `each` with every series that the clauses select, measurement by measurement.
    fn for_each_series(
        &self,
        clauses: &ShowClauses,
        purpose: Purpose,
        mut each: impl FnMut(KeyRef<'_>),
    ) -> Result<(), QueryError> {
        let (mut condition, bounds) = self.condition(clauses)?;
        if let (Some(condition), Purpose::Keys | Purpose::Tags) = (&condition, purpose) {
            refuse_order(condition.node())?;
            // InfluxDB has no better word for it.
            if let (Purpose::Tags, Node::Literal(FieldValue::Boolean(value))) =
                (purpose, condition.node())
            {
                let text = format!("&influxql.BooleanLiteral{{Val:{value}}}");
                return Err(QueryError::invalid(text));
            }
        }
        // To InfluxDB the values of tags that it counts are points of the epoch.
        let counts = bounds.min.is_none_or(|min| min <= 0) && bounds.max.is_none_or(|max| max >= 0);
        if purpose == Purpose::CountOfValues && !counts {
            return Ok(());
        }
        let shards = self.shards(bounds);
        let measurements = self.measurements(&clauses.from)?;
        let counted = matches!(purpose, Purpose::Count | Purpose::CountOfValues);
        // Counting is a question to all at once, where a name that is a field of one is a field of each.
        if let (Some(condition), true) = (&mut condition, counted) {
            condition.mean_fields(|field| {
                measurements
                    .iter()
                    .any(|(view, name)| view.fields(name).iter().any(|f| f.name == field))
            });
        }
        for (view, name) in measurements {
            let fields = view.fields(&name);
            let has_field = |name: &str| fields.iter().any(|field| field.name == name);
            for series in view.series(&name, &TagFilter::All).map_err(QueryError::storage)? {
                let key = series.key();
                let chosen = condition.as_ref().is_none_or(|condition| {
                    let tag = |index: usize| {
                        let variable = &condition.refs[index];
                        let is_tag = !means_field(variable, has_field(&variable.name));
                        let value = key.tag(&variable.name);
                        let missing = (purpose != Purpose::CountOfValues).then_some("");
                        is_tag.then_some(value.or(missing))
                    };
                    match purpose {
                        Purpose::Keys => may_fulfil(condition.node(), &tag),
                        _ => condition.decided(&tag) == Some(true),
                    }
                });
                if chosen && overlaps(view, &series, shards.as_deref()) {
                    each(key);
                }
            }
        }
        Ok(())
    }
}

/// Conditions of lists know no order, and no arithmetic.
fn refuse_order(node: &Node) -> Result<(), QueryError> {
    use BinaryOp::{And, Eq, NotEq, Or};
    match node {
        Node::Binary(op, ..) if !matches!(op, And | Or | Eq | NotEq) && !op.is_regex() => {
            Err(QueryError::invalid("invalid tag comparison operator"))
        }
        Node::Binary(_, left, right) => {
            refuse_order(left)?;
            refuse_order(right)
        }
        Node::Math(_, args) => args.iter().try_for_each(refuse_order),
        _ => Ok(()),
    }
}

/// Whether the rows of a series may fulfil a condition, as far as its tags tell: what compares a tag with a text or a pattern decides,
/// what is about fields, or compares with anything else, every series may fulfil. `tag` gives `None` for what is a field.
fn may_fulfil<'a>(node: &Node, tag: &impl Fn(usize) -> Option<Option<&'a str>>) -> bool {
    let (op, left, right) = match node {
        Node::Binary(op, left, right) => (*op, &**left, &**right),
        Node::Literal(FieldValue::Boolean(value)) => return *value,
        _ => return true,
    };
    let compared = |index: &usize, other: &Node| {
        let Some(value) = tag(*index) else { return true };
        let value = value.unwrap_or("");
        match other {
            Node::Literal(FieldValue::String(text)) => (value == text) == (op == BinaryOp::Eq),
            Node::Regex(regex) => regex.is_match(value) == (op == BinaryOp::Match),
            // Two tags are equal only if a series has both.
            Node::Slot(Slot::Ref(other)) => match tag(*other) {
                Some(other) if op == BinaryOp::Eq => !value.is_empty() && other == Some(value),
                Some(other) => other.unwrap_or("") != value,
                None => true,
            },
            _ => true,
        }
    };
    match (op, left, right) {
        (BinaryOp::And, ..) => may_fulfil(left, tag) && may_fulfil(right, tag),
        (BinaryOp::Or, ..) => may_fulfil(left, tag) || may_fulfil(right, tag),
        (_, Node::Slot(Slot::Ref(index)), other) | (_, other, Node::Slot(Slot::Ref(index))) => {
            compared(index, other)
        }
        _ => true,
    }
}

fn overlaps(
    view: &View,
    series: &stripchart_storage::Series,
    shards: Option<&[(i64, i64)]>,
) -> bool {
    let Some(shards) = shards else { return true };
    view.time_bounds(series).is_some_and(|(first, last)| {
        shards.iter().any(|(from, to)| last.nanos() >= *from && first.nanos() <= *to)
    })
}

/// A column of texts.
pub(crate) fn texts<'t>(name: &str, texts: impl IntoIterator<Item = &'t str>) -> Column {
    Column::new(name, Values::String(Strings::from_iter(texts)))
}

/// `rows` after `OFFSET`, at most `LIMIT` of them.
fn page<T>(rows: impl IntoIterator<Item = T>, limit: Option<u64>, offset: u64) -> Vec<T> {
    let limit = limit.filter(|limit| *limit > 0);
    let count = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let offset = usize::try_from(offset).unwrap_or(usize::MAX);
    rows.into_iter().skip(offset).take(count).collect()
}

/// Those that the user may read or write.
fn databases(db: &Db, user: Option<&User>) -> Frame {
    let catalog = db.catalog();
    let names = catalog.databases_by_age().into_iter().map(|database| database.name());
    let visible = |name: &&str| {
        user.is_none_or(|user| user.is_admin() || user.may_read(name) || user.may_write(name))
    };
    Frame::new("databases").column(texts("name", names.filter(visible)))
}

fn retention_policies(db: &Db, database: Option<&str>) -> Result<Vec<Frame>, QueryError> {
    let name = database.filter(|name| !name.is_empty()).ok_or(QueryError::DatabaseRequired)?;
    let catalog = db.catalog();
    let database = catalog
        .database(name)
        .ok_or_else(|| QueryError::DatabaseNotFound { name: name.to_owned() })?;
    let policies = database.policies();
    let durations: Vec<String> =
        policies.iter().map(|p| go_duration(p.duration_ns.unwrap_or(0))).collect();
    let shards: Vec<String> = policies.iter().map(|p| go_duration(p.shard_duration_ns)).collect();
    Ok(vec![
        Frame::default()
            .column(texts("name", policies.iter().map(|p| p.name.as_str())))
            .column(texts("duration", durations.iter().map(String::as_str)))
            .column(texts("shardGroupDuration", shards.iter().map(String::as_str)))
            .column(Column::new(
                "replicaN",
                Values::Integer(policies.iter().map(|p| i64::from(p.replicas)).collect()),
            ))
            .column(Column::new(
                "default",
                Values::Boolean(policies.iter().map(|p| p.is_default).collect()),
            )),
    ])
}

/// As Go prints durations: `168h0m0s`, `1m30s`, `1.5ms`, `0s`.
pub(crate) fn go_duration(nanos: i64) -> String {
    const SECOND: i64 = 1_000_000_000;
    let scaled = |unit: i64, name: &str| format!("{}{name}", nanos as f64 / unit as f64);
    if nanos != 0 && nanos.abs() < SECOND {
        return match nanos.abs() {
            1..1_000 => format!("{nanos}ns"),
            1_000..1_000_000 => scaled(1_000, "µs"),
            _ => scaled(1_000_000, "ms"),
        };
    }
    let (hours, minutes) = (nanos / (3600 * SECOND), nanos / (60 * SECOND) % 60);
    let rest = nanos % (60 * SECOND);
    let rest = if rest % SECOND == 0 {
        format!("{}s", rest / SECOND)
    } else {
        format!("{}s", rest as f64 / 1e9)
    };
    match (hours, minutes) {
        (0, 0) => rest,
        (0, minutes) => format!("{minutes}m{rest}"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
    }
}

/// A pattern of keys, ready to match.
enum KeyTest {
    Equal(String),
    NotEqual(String),
    Matches(regex::Regex),
    NotMatches(regex::Regex),
    In(Vec<String>),
}

impl KeyTest {
    fn new(key: &KeyCondition) -> Result<Self, QueryError> {
        let compile = |regex: &crate::ast::Regex| {
            regex.compile().map_err(|error| QueryError::invalid(error.to_string()))
        };
        Ok(match key {
            KeyCondition::Equal(key) => KeyTest::Equal(key.clone()),
            KeyCondition::NotEqual(key) => KeyTest::NotEqual(key.clone()),
            KeyCondition::Matches(regex) => KeyTest::Matches(compile(regex)?),
            KeyCondition::NotMatches(regex) => KeyTest::NotMatches(compile(regex)?),
            KeyCondition::In(keys) => KeyTest::In(keys.clone()),
        })
    }

    fn accepts(&self, key: &str) -> bool {
        match self {
            KeyTest::Equal(wanted) => key == wanted,
            KeyTest::NotEqual(wanted) => key != wanted,
            KeyTest::Matches(regex) => regex.is_match(key),
            KeyTest::NotMatches(regex) => !regex.is_match(key),
            KeyTest::In(keys) => keys.iter().any(|wanted| wanted == key),
        }
    }
}

type ByMeasurement<T> = BTreeMap<String, BTreeSet<T>>;

fn collect_tag_keys(
    scope: &Scope<'_>,
    key: Option<&KeyCondition>,
    clauses: &ShowClauses,
) -> Result<ByMeasurement<String>, QueryError> {
    let test = key.map(KeyTest::new).transpose()?;
    let mut found = ByMeasurement::new();
    scope.for_each_series(clauses, Purpose::Tags, |series| {
        let keys = series.tags().map(|(key, _)| key);
        let keys = keys.filter(|key| test.as_ref().is_none_or(|test| test.accepts(key)));
        let mut keys = keys.peekable();
        if keys.peek().is_some() {
            let of_measurement = found.entry(series.measurement().to_owned()).or_default();
            of_measurement.extend(keys.map(str::to_owned));
        }
    })?;
    Ok(found)
}

fn tag_keys(
    scope: &Scope<'_>,
    key: Option<&KeyCondition>,
    clauses: &ShowClauses,
) -> Result<Vec<Frame>, QueryError> {
    let found = collect_tag_keys(scope, key, clauses)?;
    // Of series InfluxDB takes a limit and lists all.
    Ok(found
        .into_iter()
        .filter_map(|(name, keys)| {
            let keys = page(&keys, clauses.limit, clauses.offset);
            (!keys.is_empty()).then(|| {
                Frame::new(name).column(texts("tagKey", keys.into_iter().map(String::as_str)))
            })
        })
        .collect())
}

fn collect_tag_values(
    scope: &Scope<'_>,
    key: &KeyCondition,
    clauses: &ShowClauses,
) -> Result<ByMeasurement<(String, String)>, QueryError> {
    let test = KeyTest::new(key)?;
    let mut found = ByMeasurement::new();
    scope.for_each_series(clauses, Purpose::Tags, |series| {
        for (key, value) in series.tags().filter(|(key, _)| test.accepts(key)) {
            let of_measurement = match found.get_mut(series.measurement()) {
                Some(known) => known,
                None => found.entry(series.measurement().to_owned()).or_default(),
            };
            of_measurement.insert((key.to_owned(), value.to_owned()));
        }
    })?;
    Ok(found)
}

fn tag_values(
    scope: &Scope<'_>,
    key: &KeyCondition,
    clauses: &ShowClauses,
) -> Result<Vec<Frame>, QueryError> {
    let found = collect_tag_values(scope, key, clauses)?;
    Ok(found
        .into_iter()
        .filter_map(|(name, pairs)| {
            let pairs = page(&pairs, clauses.limit, clauses.offset);
            (!pairs.is_empty()).then(|| {
                Frame::new(name)
                    .column(texts("key", pairs.iter().map(|(key, _)| key.as_str())))
                    .column(texts("value", pairs.iter().map(|(_, value)| value.as_str())))
            })
        })
        .collect())
}

fn collect_field_keys(
    scope: &Scope<'_>,
    clauses: &ShowClauses,
) -> Result<ByMeasurement<(String, String)>, QueryError> {
    let mut found = ByMeasurement::new();
    for (view, name) in scope.measurements(&clauses.from)? {
        let fields = view.fields(&name);
        if !fields.is_empty() {
            let of_measurement: &mut BTreeSet<_> = found.entry(name).or_default();
            of_measurement
                .extend(fields.into_iter().map(|f| (f.name, f.field_type.name().to_owned())));
        }
    }
    Ok(found)
}

fn field_keys(scope: &Scope<'_>, clauses: &ShowClauses) -> Result<Vec<Frame>, QueryError> {
    let found = collect_field_keys(scope, clauses)?;
    Ok(found
        .into_iter()
        .filter_map(|(name, fields)| {
            let fields = page(&fields, clauses.limit, clauses.offset);
            (!fields.is_empty()).then(|| {
                Frame::new(name)
                    .column(texts("fieldKey", fields.iter().map(|(key, _)| key.as_str())))
                    .column(texts("fieldType", fields.iter().map(|(_, t)| t.as_str())))
            })
        })
        .collect())
}

fn series(scope: &Scope<'_>, clauses: &ShowClauses) -> Result<Vec<Frame>, QueryError> {
    let mut keys = BTreeSet::new();
    scope.for_each_series(clauses, Purpose::Keys, |key| {
        keys.insert(key.to_string());
    })?;
    let keys = page(&keys, clauses.limit, clauses.offset);
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Frame::default().column(texts("key", keys.into_iter().map(String::as_str)))])
}

/// The error of a statement whose condition may not be about time.
fn refuse_time(clauses: &ShowClauses, statement: &str) -> Result<(), QueryError> {
    match &clauses.condition {
        Some(condition) if mentions_time(condition) => {
            Err(QueryError::invalid(format!("{statement} doesn't support time in WHERE clause")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        let cases = [
            (0, "0s"),
            (604_800_000_000_000, "168h0m0s"),
            (90_000_000_000, "1m30s"),
            (3_660_500_000_000, "1h1m0.5s"),
            (999, "999ns"),
            (1_500, "1.5µs"),
            (250_000_000, "250ms"),
        ];
        for (nanos, want) in cases {
            assert_eq!(go_duration(nanos), want);
        }
    }
}
