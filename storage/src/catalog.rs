//! What exists: databases, retention policies, measurements and the types of their fields.
//!
//! A [`Catalog`] is an immutable snapshot; a change makes the next one out of it, sharing what stays. Changes are
//! records of the log like batches are, so that one sequence orders both; the file `catalog` is a checkpoint that is
//! written before log files are given up (see `docs/format/catalog.md`).

pub(crate) mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use stripchart_core::{FieldDescriptor, FieldType, MetricKind, Unit};

use crate::DbError;
use crate::rollup::Rollup;

const SECOND_NS: i64 = 1_000_000_000;
const HOUR_NS: i64 = 3_600_000_000_000;
const DAY_NS: i64 = 24 * HOUR_NS;
/// From the begin of the year 1 to that of 1970.
const YEAR_ONE_NS: i128 = 719_162 * DAY_NS as i128;

/// The name of the policy that a database is given when none is asked for, as in InfluxDB.
pub(crate) const AUTOGEN: &str = "autogen";

/// Identifies a retention policy for ever: never used again, whatever is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct PolicyId(pub(crate) u32);

/// A snapshot of the databases, their policies and their schemas.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Catalog {
    pub(crate) databases: BTreeMap<String, Database>,
    pub(crate) schemas: BTreeMap<PolicyId, Arc<Schema>>,
    pub(crate) next_policy: u32,
}

/// The measurements of a retention policy.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Schema {
    pub(crate) measurements: BTreeMap<Arc<str>, Arc<Measurement>>,
}

/// A measurement: the types of its fields, and what they mean.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Measurement {
    /// Types, fixed by the first value stored.
    pub(crate) fields: BTreeMap<Arc<str>, FieldType>,
    /// Meanings, whether the field has values yet or not.
    pub(crate) meanings: BTreeMap<Arc<str>, Meaning>,
}

/// What a field means.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meaning {
    pub(crate) kind: MetricKind,
    pub(crate) unit: Unit,
    pub(crate) description: String,
}

/// A database.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    pub(crate) name: String,
    pub(crate) policies: Vec<RetentionPolicy>,
}

/// How long the rows of a part of a database are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetentionPolicy {
    /// The name.
    pub name: String,
    /// How long rows are kept, in nanoseconds; `None` for ever.
    pub duration_ns: Option<i64>,
    /// The span of time whose rows are stored, and dropped, together; in nanoseconds.
    pub shard_duration_ns: i64,
    /// Kept because InfluxDB's statements name it; has no effect.
    pub replicas: u32,
    /// Whether writes and queries that name no policy mean this one.
    pub is_default: bool,
    /// What its rows are aggregated into.
    pub rollups: Vec<Rollup>,
    pub(crate) id: PolicyId,
}

/// A retention policy to be created. The default is InfluxDB's `autogen`: for ever, shards of seven days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicySpec {
    /// The name; `None` means `autogen`.
    pub name: Option<String>,
    /// How long rows are kept, in nanoseconds, at least an hour; `None` for ever.
    pub duration_ns: Option<i64>,
    /// Nanoseconds of a shard, at least an hour and at most `duration_ns`; `None` means by duration: an hour below two
    /// days, a day up to half a year, else seven days.
    pub shard_duration_ns: Option<i64>,
    /// `None` means 1.
    pub replicas: Option<u32>,
    /// Whether it becomes the database's default. The first policy of a database does so anyway.
    pub default: bool,
}

impl PolicySpec {
    /// The time span of a shard, in nanoseconds: the one asked for, or the one that suits the duration.
    #[must_use]
    pub fn effective_shard_duration_ns(&self) -> i64 {
        self.shard_duration_ns.unwrap_or_else(|| default_shard_duration_ns(self.duration_ns))
    }

    /// A policy called `name`, else as by default.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        PolicySpec { name: Some(name.into()), ..PolicySpec::default() }
    }
}

/// What to change of a retention policy; `None` leaves a property as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyChange {
    /// How long rows are kept, in nanoseconds; `Some(None)` for ever.
    pub duration_ns: Option<Option<i64>>,
    /// Nanoseconds of the shards to come; existing ones keep their bounds.
    pub shard_duration_ns: Option<i64>,
    /// See [`RetentionPolicy::replicas`].
    pub replicas: Option<u32>,
    /// Whether it becomes the database's default.
    pub default: bool,
}

/// A field of a measurement, as [`View::fields`](crate::View::fields) lists it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FieldInfo {
    /// The name.
    pub name: String,
    /// The type, fixed by the first value stored.
    pub field_type: FieldType,
    /// The unit, if [described](stripchart_core::Sink::describe).
    pub unit: Option<Unit>,
    /// The meaning, if described.
    pub description: Option<String>,
}

impl Catalog {
    /// The databases, sorted by name.
    pub fn databases(&self) -> impl Iterator<Item = &Database> {
        self.databases.values()
    }

    /// The databases, in the order in which they were created, as far as their policies tell: a database whose first policy was dropped
    /// counts from its oldest.
    #[must_use]
    pub fn databases_by_age(&self) -> Vec<&Database> {
        let mut databases: Vec<&Database> = self.databases.values().collect();
        databases.sort_by_key(|database| database.policies.iter().map(|policy| policy.id).min());
        databases
    }

    /// The database called `name`.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases.get(name)
    }

    /// The policy called `policy`, or the default one, of database `name`.
    pub(crate) fn policy(
        &self,
        name: &str,
        policy: Option<&str>,
    ) -> Result<&RetentionPolicy, DbError> {
        let database = self
            .database(name)
            .ok_or_else(|| DbError::DatabaseNotFound { name: name.to_owned() })?;
        match policy {
            None => Ok(database.default_policy()),
            Some(policy) => database
                .policy(policy)
                .ok_or_else(|| DbError::PolicyNotFound { name: policy.to_owned() }),
        }
    }

    pub(crate) fn policy_by_id(&self, id: PolicyId) -> Option<&RetentionPolicy> {
        self.policies().find(|policy| policy.id == id)
    }

    pub(crate) fn policies(&self) -> impl Iterator<Item = &RetentionPolicy> {
        self.databases.values().flat_map(|database| &database.policies)
    }

    pub(crate) fn measurement(&self, policy: PolicyId, name: &str) -> Option<&Measurement> {
        Some(self.schemas.get(&policy)?.measurements.get(name)?)
    }

    pub(crate) fn field_type(
        &self,
        policy: PolicyId,
        measurement: &str,
        field: &str,
    ) -> Option<FieldType> {
        self.measurement(policy, measurement)?.fields.get(field).copied()
    }

    fn measurement_mut(&mut self, policy: PolicyId, name: &str) -> &mut Measurement {
        let schema = Arc::make_mut(self.schemas.entry(policy).or_default());
        Arc::make_mut(schema.measurements.entry(name.into()).or_default())
    }

    /// Fixes the type of a field that has none yet.
    pub(crate) fn add_field(
        &mut self,
        policy: PolicyId,
        measurement: &str,
        field: &str,
        field_type: FieldType,
    ) {
        self.measurement_mut(policy, measurement).fields.entry(field.into()).or_insert(field_type);
    }

    /// The catalog after `change`, or `None` if that changes nothing.
    pub(crate) fn after(&self, change: &Change) -> Result<Option<Catalog>, DbError> {
        let mut next = self.clone();
        match change {
            Change::CreateDatabase { name, policy } => {
                next.create_database(name, policy.as_ref())?
            }
            Change::DropDatabase { name } => {
                if let Some(database) = next.databases.remove(name) {
                    database.policies.iter().for_each(|p| drop(next.schemas.remove(&p.id)));
                }
            }
            Change::CreatePolicy { database, spec } => next.create_policy(database, spec)?,
            Change::AlterPolicy { database, name, change } => {
                next.alter_policy(database, name, change)?;
            }
            Change::DropPolicy { database, name } => next.drop_policy(database, name)?,
            Change::Describe { policy, fields } => next.describe(*policy, fields),
            Change::CreateRollup { database, policy, into, every_ns } => {
                next.create_rollup(database, policy.as_deref(), into, *every_ns)?;
            }
            Change::DropRollup { database, policy, into } => {
                next.drop_rollup(database, policy.as_deref(), into)?;
            }
            Change::RolledUp { policy, into, rank } => next.rolled_up(*policy, into, *rank),
            Change::DropMeasurement { policies, name } => {
                for policy in policies {
                    if let Some(schema) = next.schemas.get_mut(policy) {
                        Arc::make_mut(schema).measurements.remove(name.as_str());
                    }
                }
            }
        }
        Ok((next != *self).then_some(next))
    }

    fn create_database(&mut self, name: &str, spec: Option<&PolicySpec>) -> Result<(), DbError> {
        check_name(name)?;
        let policy =
            build_policy(spec.unwrap_or(&PolicySpec::default()), PolicyId(self.next_policy))?;
        if let Some(database) = self.databases.get(name) {
            let same = spec.is_none() || database.default_policy().same_as(&policy);
            return if same { Ok(()) } else { Err(DbError::PolicyConflict) };
        }
        self.next_policy += 1;
        let policies = vec![RetentionPolicy { is_default: true, ..policy }];
        self.databases.insert(name.to_owned(), Database { name: name.to_owned(), policies });
        Ok(())
    }

    fn database_mut(&mut self, name: &str) -> Result<&mut Database, DbError> {
        self.databases
            .get_mut(name)
            .ok_or_else(|| DbError::DatabaseNotFound { name: name.to_owned() })
    }

    fn create_policy(&mut self, database: &str, spec: &PolicySpec) -> Result<(), DbError> {
        let policy = build_policy(spec, PolicyId(self.next_policy))?;
        let database = self.database_mut(database)?;
        if let Some(existing) = database.policy(&policy.name) {
            let same = existing.same_as(&policy) && (existing.is_default || !spec.default);
            return if same { Ok(()) } else { Err(DbError::PolicyExists { name: policy.name }) };
        }
        let name = policy.name.clone();
        database.policies.push(policy);
        if spec.default {
            database.make_default(&name);
        }
        self.next_policy += 1;
        Ok(())
    }

    fn alter_policy(
        &mut self,
        database: &str,
        name: &str,
        change: &PolicyChange,
    ) -> Result<(), DbError> {
        let database = self.database_mut(database)?;
        let policy = database
            .policies
            .iter_mut()
            .find(|policy| policy.name == name)
            .ok_or_else(|| DbError::PolicyNotFound { name: name.to_owned() })?;
        if let Some(duration_ns) = change.duration_ns {
            policy.duration_ns = duration_ns;
        }
        if let Some(shard_duration_ns) = change.shard_duration_ns {
            policy.shard_duration_ns = shard_duration_ns;
        }
        if let Some(replicas) = change.replicas {
            policy.replicas = replicas;
        }
        check_durations(policy.duration_ns, policy.shard_duration_ns)?;
        if change.default {
            database.make_default(name);
        }
        Ok(())
    }

    fn drop_policy(&mut self, database: &str, name: &str) -> Result<(), DbError> {
        let database = self.database_mut(database)?;
        let Some(at) = database.policies.iter().position(|policy| policy.name == name) else {
            return Ok(());
        };
        if database.policies.len() == 1 {
            return Err(DbError::LastPolicy { name: name.to_owned() });
        }
        let policy = database.policies.remove(at);
        database.policies.iter_mut().for_each(|p| p.rollups.retain(|rollup| rollup.into != name));
        database.policies[0].is_default |= policy.is_default;
        self.schemas.remove(&policy.id);
        Ok(())
    }

    /// The policy called `name`, or the default one.
    fn policy_mut(
        &mut self,
        database: &str,
        name: Option<&str>,
    ) -> Result<&mut RetentionPolicy, DbError> {
        let id = self.policy(database, name)?.id;
        let missing = || DbError::PolicyNotFound { name: name.unwrap_or_default().to_owned() };
        self.policy_by_id_mut(id).ok_or_else(missing)
    }

    fn policy_by_id_mut(&mut self, id: PolicyId) -> Option<&mut RetentionPolicy> {
        let mut policies = self.databases.values_mut().flat_map(|database| &mut database.policies);
        policies.find(|policy| policy.id == id)
    }

    fn create_rollup(
        &mut self,
        database: &str,
        source: Option<&str>,
        into: &str,
        every_ns: i64,
    ) -> Result<(), DbError> {
        let invalid = |reason| Err(DbError::InvalidRollup { reason });
        if every_ns < SECOND_NS {
            return invalid("the span must be at least a second");
        }
        let target = self.policy(database, Some(into))?.id;
        let source = self.policy(database, source)?.id;
        if source == target {
            return invalid("a policy cannot be rolled up into itself");
        }
        let name_of = |id| self.policy_by_id(id).map(|policy| policy.name.as_str());
        let receives = |name: Option<&str>| {
            let all = self.database(database).into_iter().flat_map(Database::policies);
            all.flat_map(|p| &p.rollups).any(|rollup| Some(rollup.into.as_str()) == name)
        };
        let gives = |id| self.policy_by_id(id).is_some_and(|policy| !policy.rollups.is_empty());
        if receives(name_of(source)) || gives(target) {
            return invalid("rollups are not rolled up again: roll the first policy up into each");
        }
        let Some(source) = self.policy_by_id_mut(source) else { return Ok(()) };
        match source.rollups.iter().find(|rollup| rollup.into == into) {
            Some(rollup) if rollup.every_ns == every_ns => Ok(()),
            Some(_) => invalid("the policy is rolled up into that one already, by another span"),
            None => {
                source.rollups.push(Rollup::new(into, every_ns));
                Ok(())
            }
        }
    }

    fn drop_rollup(
        &mut self,
        database: &str,
        source: Option<&str>,
        into: &str,
    ) -> Result<(), DbError> {
        self.policy_mut(database, source)?.rollups.retain(|rollup| rollup.into != into);
        Ok(())
    }

    fn rolled_up(&mut self, policy: PolicyId, into: &str, rank: u64) {
        let rollups = self.policy_by_id_mut(policy).into_iter().flat_map(|p| &mut p.rollups);
        for rollup in rollups.filter(|rollup| rollup.into == into) {
            rollup.rank = rollup.rank.max(rank);
        }
    }

    fn describe(&mut self, policy: PolicyId, fields: &[FieldDescriptor]) {
        for field in fields {
            let meaning = Meaning {
                kind: field.kind,
                unit: field.unit,
                description: field.description.clone().into_owned(),
            };
            let measurement = self.measurement_mut(policy, &field.measurement);
            measurement.meanings.insert((*field.field).into(), meaning);
        }
    }
}

/// A change of the catalog that somebody asked for; fields that appear in batches are no such change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    CreateDatabase {
        name: String,
        policy: Option<PolicySpec>,
    },
    DropDatabase {
        name: String,
    },
    CreatePolicy {
        database: String,
        spec: PolicySpec,
    },
    AlterPolicy {
        database: String,
        name: String,
        change: PolicyChange,
    },
    DropPolicy {
        database: String,
        name: String,
    },
    Describe {
        policy: PolicyId,
        fields: Vec<FieldDescriptor>,
    },
    CreateRollup {
        database: String,
        policy: Option<String>,
        into: String,
        every_ns: i64,
    },
    DropRollup {
        database: String,
        policy: Option<String>,
        into: String,
    },
    /// The segments of `policy` up to `rank` are rolled up into the policy called `into`.
    RolledUp {
        policy: PolicyId,
        into: String,
        rank: u64,
    },
    /// Forgets the fields of a measurement.
    DropMeasurement {
        policies: Vec<PolicyId>,
        name: String,
    },
}

impl Database {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The retention policies, oldest first.
    #[must_use]
    pub fn policies(&self) -> &[RetentionPolicy] {
        &self.policies
    }

    /// The policy called `name`.
    #[must_use]
    pub fn policy(&self, name: &str) -> Option<&RetentionPolicy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// The policy that writes and queries mean which name none.
    ///
    /// # Panics
    ///
    /// Never: a database has a policy from the beginning, and the last one cannot be dropped.
    #[must_use]
    pub fn default_policy(&self) -> &RetentionPolicy {
        self.policies.iter().find(|policy| policy.is_default).unwrap_or(&self.policies[0])
    }

    fn make_default(&mut self, name: &str) {
        self.policies.iter_mut().for_each(|policy| policy.is_default = policy.name == name);
    }
}

impl RetentionPolicy {
    /// Whether durations and replicas are equal too.
    fn same_as(&self, other: &RetentionPolicy) -> bool {
        self.name == other.name
            && self.duration_ns == other.duration_ns
            && self.shard_duration_ns == other.shard_duration_ns
            && self.replicas == other.replicas
    }

    /// The shard, from start to before end, that `at` falls into.
    ///
    /// As InfluxDB, it counts from the begin of the year 1, a Monday: shards of a week begin on Mondays.
    pub(crate) fn shard_of(&self, at: i64) -> (i64, i64) {
        let duration = i128::from(self.shard_duration_ns);
        let into = (i128::from(at) + YEAR_ONE_NS).rem_euclid(duration);
        // Less than the duration.
        let start = at.saturating_sub(i64::try_from(into).unwrap_or(0));
        (start, start.saturating_add(self.shard_duration_ns))
    }

    /// The oldest instant that is kept at time `now`.
    pub(crate) fn horizon(&self, now: i64) -> i64 {
        self.duration_ns.map_or(i64::MIN, |duration| now.saturating_sub(duration))
    }
}

fn build_policy(spec: &PolicySpec, id: PolicyId) -> Result<RetentionPolicy, DbError> {
    let name = spec.name.clone().unwrap_or_else(|| AUTOGEN.to_owned());
    check_name(&name)?;
    let shard_duration_ns = spec.effective_shard_duration_ns();
    check_durations(spec.duration_ns, shard_duration_ns)?;
    Ok(RetentionPolicy {
        name,
        duration_ns: spec.duration_ns,
        shard_duration_ns,
        replicas: spec.replicas.unwrap_or(1),
        is_default: false,
        rollups: Vec::new(),
        id,
    })
}

/// InfluxDB's rule.
fn default_shard_duration_ns(duration_ns: Option<i64>) -> i64 {
    match duration_ns {
        Some(duration) if duration < 2 * DAY_NS => HOUR_NS,
        Some(duration) if duration <= 180 * DAY_NS => DAY_NS,
        _ => 7 * DAY_NS,
    }
}

fn check_durations(duration_ns: Option<i64>, shard_duration_ns: i64) -> Result<(), DbError> {
    let invalid = |reason| Err(DbError::InvalidDuration { reason });
    if duration_ns.is_some_and(|duration| duration < HOUR_NS) {
        return invalid("retention policy duration must be at least 1h0m0s");
    }
    if shard_duration_ns < HOUR_NS {
        return invalid("shard duration must be at least 1h0m0s");
    }
    if duration_ns.is_some_and(|duration| duration < shard_duration_ns) {
        return invalid("retention policy duration must be greater than the shard duration");
    }
    Ok(())
}

/// InfluxDB's rule: printable, no path.
fn check_name(name: &str) -> Result<(), DbError> {
    let bad = name.is_empty()
        || name == "."
        || name == ".."
        || name.len() > 255
        || name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'));
    if bad { Err(DbError::InvalidName { name: name.to_owned() }) } else { Ok(()) }
}

impl fmt::Display for PolicyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
