//! Databases and retention policies.

use stripchart_core::{DurationLiteral, Frame};
use stripchart_storage::{DbError, PolicyChange, PolicySpec};

use crate::ast::{AlterRetentionPolicy, CreateRetentionPolicy, DatabasePolicy, Statement};
use crate::{Engine, QueryError};

/// Runs a statement that changes the catalog; `None` if it is of another kind.
pub(crate) fn run(
    engine: &Engine,
    statement: &Statement,
) -> Result<Option<Vec<Frame>>, QueryError> {
    let db = engine.db();
    let done = match statement {
        Statement::CreateDatabase { name, policy } => {
            check_name(name)?;
            let policy = policy.as_ref().map(database_policy).transpose()?;
            db.create_database(name, policy)
        }
        Statement::DropDatabase { name } => db.drop_database(name),
        Statement::CreateRetentionPolicy(create) => {
            let spec = create_spec(create)?;
            // Creating a policy again is fine, making it the default that way is not.
            let catalog = db.catalog();
            let existing =
                catalog.database(&create.database).and_then(|db| db.policy(&create.name));
            if create.default && existing.is_some_and(|policy| !policy.is_default) {
                return Err(QueryError::from_db(DbError::PolicyConflict));
            }
            db.create_retention_policy(&create.database, spec)
        }
        Statement::AlterRetentionPolicy(alter) => {
            db.alter_retention_policy(&alter.database, &alter.name, change(alter))
        }
        Statement::DropRetentionPolicy { name, database } => {
            // As in InfluxDB, where there is nothing to drop there is nothing wrong.
            match db.catalog().database(database) {
                None => Ok(()),
                Some(_) => db.drop_retention_policy(database, name),
            }
        }
        _ => return Ok(None),
    };
    done.map_err(QueryError::from_db)?;
    if matches!(statement, Statement::DropDatabase { .. } | Statement::DropRetentionPolicy { .. }) {
        forget_dropped(engine)?;
    }
    Ok(Some(Vec::new()))
}

/// Rights, continuous queries and subscriptions go with what they are about.
fn forget_dropped(engine: &Engine) -> Result<(), QueryError> {
    let mut pruned = (*engine.records()?).clone();
    pruned.prune(&engine.db().catalog());
    if pruned == *engine.records()? {
        return Ok(());
    }
    engine.change_records(|records| {
        records.prune(&engine.db().catalog());
        Ok(())
    })
}

/// InfluxDB's rule: printable, no slashes, neither `.` nor `..`.
fn check_name(name: &str) -> Result<(), QueryError> {
    let refused = name.is_empty()
        || matches!(name, "." | "..")
        || name.contains(['/', '\\'])
        || name.chars().any(char::is_control);
    if refused { Err(QueryError::invalid("invalid name")) } else { Ok(()) }
}

/// Nanoseconds, or `None` for ever.
fn finite(duration: DurationLiteral) -> Option<i64> {
    Some(duration.nanos()).filter(|nanos| *nanos > 0)
}

/// Shards shorter than an hour last an hour.
fn shard(duration: Option<DurationLiteral>) -> Option<i64> {
    duration.and_then(finite).map(|nanos| nanos.max(3_600_000_000_000))
}

fn database_policy(policy: &DatabasePolicy) -> Result<PolicySpec, QueryError> {
    if let Some(name) = &policy.name {
        check_name(name)?;
    }
    Ok(PolicySpec {
        name: policy.name.clone(),
        duration_ns: policy.duration.and_then(finite),
        shard_duration_ns: shard(policy.shard_duration),
        replicas: policy.replication,
        default: true,
    })
}

fn create_spec(create: &CreateRetentionPolicy) -> Result<PolicySpec, QueryError> {
    check_name(&create.name)?;
    Ok(PolicySpec {
        name: Some(create.name.clone()),
        duration_ns: finite(create.duration),
        shard_duration_ns: shard(create.shard_duration),
        replicas: Some(create.replication),
        default: create.default,
    })
}

fn change(alter: &AlterRetentionPolicy) -> PolicyChange {
    PolicyChange {
        duration_ns: alter.duration.map(finite),
        shard_duration_ns: shard(alter.shard_duration),
        replicas: alter.replication,
        default: alter.default,
    }
}
