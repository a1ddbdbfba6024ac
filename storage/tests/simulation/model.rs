//! What the database should hold: actions, the rows that each prefix of them leaves, and all rows of a database as lines.

use std::collections::{BTreeMap, BTreeSet};

use stripchart_core::{
    Batch, FieldType, FieldValue, SeriesKey, Sink, TimeRange, Timestamp, ValueRef,
};
use stripchart_storage::{
    Db, Direction, PolicyChange, PolicySpec, ReadError, RetentionPolicy, TagFilter,
};

/// Something whose effect is to survive, whole or not at all.
#[derive(Debug, Clone)]
pub enum Action {
    /// A batch, to a policy of a database or to its default one.
    Write {
        database: &'static str,
        policy: Option<&'static str>,
        rows: Vec<Row>,
    },
    CreateDatabase(&'static str, PolicySpec),
    DropDatabase(&'static str),
    CreatePolicy(&'static str, PolicySpec),
    AlterPolicy(&'static str, &'static str, PolicyChange),
    DropPolicy(&'static str, &'static str),
    /// Of the series with a tag, or of all; from a time to before another.
    Delete {
        database: &'static str,
        measurement: Option<&'static str>,
        tag: Option<(&'static str, &'static str)>,
        range: (i64, i64),
    },
    DropMeasurement(&'static str, &'static str),
}

#[derive(Debug, Clone)]
pub struct Row {
    pub key: SeriesKey,
    pub at: i64,
    pub fields: Vec<(&'static str, FieldValue)>,
}

/// A row of `measurement` with tags.
pub fn row(measurement: &str, tags: &[(&str, &str)], at: i64) -> Row {
    let key = SeriesKey::new(measurement, tags.iter().copied()).unwrap();
    Row { key, at, fields: Vec::new() }
}

impl Row {
    pub fn with(mut self, field: &'static str, value: impl Into<FieldValue>) -> Row {
        self.fields.push((field, value.into()));
        self
    }
}

impl Action {
    /// Does it; the answer says what went wrong. `rows` is how many rows a write is to accept.
    pub fn run(&self, db: &Db, rows: usize) -> Result<(), String> {
        let text = |error: stripchart_storage::DbError| error.to_string();
        match self {
            Action::Write { database, policy, rows: wanted } => {
                let mut batch = Batch::new();
                for row in wanted {
                    let series = batch.series_of(row.key.as_ref());
                    let mut out = batch.row(series, Timestamp::from_nanos(row.at));
                    row.fields.iter().for_each(|(name, value)| out.field(name, value.as_ref()));
                }
                let writer = db.writer(database, *policy).map_err(text)?;
                let accepted = writer.write(&batch).map_err(|error| error.to_string())?;
                assert_eq!(accepted.rows, rows, "rows accepted; {:?}", accepted.rejected);
                Ok(())
            }
            Action::CreateDatabase(name, spec) => {
                db.create_database(name, Some(spec.clone())).map_err(text)
            }
            Action::DropDatabase(name) => db.drop_database(name).map_err(text),
            Action::CreatePolicy(database, spec) => {
                db.create_retention_policy(database, spec.clone()).map_err(text)
            }
            Action::AlterPolicy(database, name, change) => {
                db.alter_retention_policy(database, name, change.clone()).map_err(text)
            }
            Action::DropPolicy(database, name) => {
                db.drop_retention_policy(database, name).map_err(text)
            }
            Action::Delete { database, measurement, tag, range } => {
                let filter = tag.map_or(TagFilter::All, |(key, value)| TagFilter::Equal {
                    key: key.into(),
                    value: value.into(),
                });
                let range =
                    TimeRange::new(Timestamp::from_nanos(range.0), Timestamp::from_nanos(range.1));
                db.delete(database, None, *measurement, &filter, range).map(drop).map_err(text)
            }
            Action::DropMeasurement(database, name) => {
                db.drop_measurement(database, name).map(drop).map_err(text)
            }
        }
    }
}

/// Rows of a series by time.
type Rows = BTreeMap<i64, BTreeMap<&'static str, FieldValue>>;

#[derive(Debug, Clone)]
struct Policy {
    duration_ns: Option<i64>,
    shard_ns: i64,
    is_default: bool,
    types: BTreeMap<(String, &'static str), FieldType>,
    series: BTreeMap<SeriesKey, Rows>,
}

/// What should be there.
#[derive(Debug, Clone, Default)]
pub struct Model {
    databases: BTreeMap<&'static str, BTreeMap<String, Policy>>,
}

/// A line that is expected, unless the row is too old.
#[derive(Debug, Clone)]
pub struct Expected {
    pub text: String,
    /// The time of the row and how long it is kept, where that matters.
    kept: Option<(i64, i64)>,
}

impl Expected {
    pub fn is_due(&self, now: i64) -> bool {
        self.kept.is_none_or(|(at, duration)| at >= now - duration)
    }
}

impl Model {
    /// Makes the change; how many rows are accepted.
    pub fn apply(&mut self, action: &Action, now: i64) -> usize {
        match action {
            Action::Write { database, policy, rows } => {
                let policies = self.databases.get_mut(database).unwrap();
                let policy = match policy {
                    Some(name) => policies.get_mut(*name),
                    None => policies.values_mut().find(|policy| policy.is_default),
                };
                policy.unwrap().write(rows, now)
            }
            Action::CreateDatabase(name, spec) => {
                self.databases.entry(name).or_default();
                self.create_policy(name, spec, true)
            }
            Action::DropDatabase(name) => {
                self.databases.remove(name);
                0
            }
            Action::CreatePolicy(database, spec) => {
                self.create_policy(database, spec, spec.default)
            }
            Action::AlterPolicy(database, name, change) => {
                let policy = self.databases.get_mut(database).unwrap().get_mut(*name).unwrap();
                policy.duration_ns = change.duration_ns.unwrap_or(policy.duration_ns);
                policy.shard_ns = change.shard_duration_ns.unwrap_or(policy.shard_ns);
                0
            }
            Action::DropPolicy(database, name) => {
                self.databases.get_mut(database).unwrap().remove(*name);
                0
            }
            Action::Delete { database, measurement, tag, range } => {
                for policy in self.databases.get_mut(database).unwrap().values_mut() {
                    for (key, rows) in &mut policy.series {
                        let key = key.as_ref();
                        let hit = measurement.is_none_or(|name| key.measurement() == name)
                            && tag.is_none_or(|(name, value)| key.tag(name) == Some(value));
                        rows.retain(|at, _| !(hit && range.0 <= *at && *at < range.1));
                    }
                }
                0
            }
            Action::DropMeasurement(database, name) => {
                for policy in self.databases.get_mut(database).unwrap().values_mut() {
                    policy.series.retain(|key, _| key.as_ref().measurement() != *name);
                    policy.types.retain(|(measurement, _), _| measurement != name);
                }
                0
            }
        }
    }

    fn create_policy(&mut self, database: &str, spec: &PolicySpec, is_default: bool) -> usize {
        let policies = self.databases.get_mut(database).unwrap();
        if is_default {
            policies.values_mut().for_each(|policy| policy.is_default = false);
        }
        let policy = Policy {
            duration_ns: spec.duration_ns,
            shard_ns: spec.effective_shard_duration_ns(),
            is_default,
            types: BTreeMap::new(),
            series: BTreeMap::new(),
        };
        policies.insert(spec.name.clone().unwrap_or_else(|| "autogen".into()), policy);
        0
    }

    /// All lines, as [`dump`] gives them.
    pub fn lines(&self) -> Vec<Expected> {
        let always = |text| Expected { text, kept: None };
        let mut lines = Vec::new();
        for (database, policies) in &self.databases {
            lines.push(always(format!("database {database}")));
            for (name, policy) in policies {
                let Policy { duration_ns, shard_ns, is_default, .. } = policy;
                lines.push(always(policy_line(
                    database,
                    name,
                    *duration_ns,
                    *shard_ns,
                    *is_default,
                )));
                for (key, rows) in &policy.series {
                    for (at, fields) in rows {
                        let fields = fields.iter().map(|(name, value)| (*name, value.as_ref()));
                        let text = row_line(database, name, key, *at, fields);
                        lines.push(Expected { text, kept: duration_ns.map(|d| (*at, d)) });
                    }
                }
            }
        }
        lines.sort_by(|a, b| a.text.cmp(&b.text));
        lines
    }

    /// Every value of every field, to be remembered as one that may be read.
    pub fn cells(&self, into: &mut BTreeSet<String>) {
        for (database, policies) in &self.databases {
            for (name, policy) in policies {
                for (key, rows) in &policy.series {
                    for (at, fields) in rows {
                        for (field, value) in fields {
                            let cell = [(*field, value.as_ref())];
                            into.insert(row_line(database, name, key, *at, cell.into_iter()));
                        }
                    }
                }
            }
        }
    }
}

impl Policy {
    fn write(&mut self, rows: &[Row], now: i64) -> usize {
        let mut accepted = 0;
        for row in rows {
            if self.duration_ns.is_some_and(|duration| row.at < now - duration) {
                continue;
            }
            let measurement = row.key.as_ref().measurement().to_owned();
            let conflict = row.fields.iter().any(|(field, value)| {
                let of = (measurement.clone(), *field);
                *self.types.entry(of).or_insert(value.field_type()) != value.field_type()
            });
            // The conflicting rows of the workloads have this one field.
            if conflict {
                continue;
            }
            accepted += 1;
            let cells = self.series.entry(row.key.clone()).or_default().entry(row.at).or_default();
            cells.extend(row.fields.iter().cloned());
        }
        accepted
    }
}

fn policy_line(
    database: &str,
    name: &str,
    duration_ns: Option<i64>,
    shard_ns: i64,
    is_default: bool,
) -> String {
    format!("database {database} policy {name} {duration_ns:?} {shard_ns} {is_default}")
}

fn row_line<'a>(
    database: &str,
    policy: &str,
    key: &SeriesKey,
    at: i64,
    fields: impl Iterator<Item = (&'a str, ValueRef<'a>)>,
) -> String {
    use std::fmt::Write;
    let mut line = format!("{database}.{policy} {key} {at}");
    for (name, value) in fields {
        match value {
            ValueRef::Float(v) => write!(line, " {name}={:x}f", v.to_bits()),
            ValueRef::Integer(v) => write!(line, " {name}={v}i"),
            ValueRef::Unsigned(v) => write!(line, " {name}={v}u"),
            ValueRef::Boolean(v) => write!(line, " {name}={v}"),
            ValueRef::String(v) => write!(line, " {name}={v:?}"),
            ValueRef::Time(v) => write!(line, " {name}={v}"),
        }
        .unwrap();
    }
    line
}

/// What reading everything gave.
#[derive(Debug, Default)]
pub struct Dump {
    /// Sorted.
    pub lines: Vec<String>,
    /// Every value by itself, if asked for.
    pub cells: Vec<String>,
    pub errors: Vec<ReadError>,
}

/// Reads everything.
pub fn dump(db: &Db, cells: bool) -> Dump {
    let mut out = Dump::default();
    for database in db.catalog().databases() {
        let name = database.name();
        out.lines.push(format!("database {name}"));
        for policy in database.policies() {
            let RetentionPolicy { duration_ns, shard_duration_ns, is_default, .. } = policy;
            let line =
                policy_line(name, &policy.name, *duration_ns, *shard_duration_ns, *is_default);
            out.lines.push(line);
            if let Err(error) = dump_policy(db, name, &policy.name, cells, &mut out) {
                out.errors.push(error);
            }
        }
    }
    out.lines.sort_unstable();
    out
}

fn dump_policy(
    db: &Db,
    database: &str,
    policy: &str,
    cells: bool,
    out: &mut Dump,
) -> Result<(), ReadError> {
    let view = db.view(database, Some(policy)).expect("it is in the catalog");
    for measurement in view.measurements()? {
        let fields = view.fields(&measurement);
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        for series in view.series(&measurement, &TagFilter::All)? {
            let key = SeriesKey::from(series.key());
            let mut last = None;
            for block in view.scan(&series, &names, TimeRange::ALL, Direction::Ascending) {
                let block = match block {
                    Ok(block) => block,
                    Err(error) => {
                        out.errors.push(error);
                        continue;
                    }
                };
                assert!((1..=1024).contains(&block.timestamps.len()));
                for (row, at) in block.timestamps.iter().enumerate() {
                    assert!(last < Some(*at), "rows must ascend");
                    last = Some(*at);
                    let columns = names.iter().zip(&block.columns);
                    let values =
                        columns.filter_map(|(name, column)| Some((*name, column.get(row)?)));
                    if cells {
                        let each = values.clone().map(|cell| {
                            row_line(database, policy, &key, *at, std::iter::once(cell))
                        });
                        out.cells.extend(each);
                    }
                    out.lines.push(row_line(database, policy, &key, *at, values));
                }
            }
        }
    }
    Ok(())
}
