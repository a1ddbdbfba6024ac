//! What the engine itself keeps with the data: users and their rights, continuous queries, subscriptions, the numbers of shards.
//!
//! Two documents of the database hold it, as text (see `records/format.rs` and `docs/format/query.md`): `query`, which people change, and
//! `query-runs`, which tells up to when continuous queries have run and changes whenever one runs. They are apart so that damage to the one that is
//! written all the time is not damage to the users.
//!
//! The database has the documents in memory; what is kept here is what they say, decoded, for as long as the database gives out the same bytes. So
//! several engines over one database agree.

pub(crate) mod format;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use stripchart_storage::{Catalog, Db};

use crate::QueryError;
use crate::ast::{CreateContinuousQuery, Privilege, SubscriptionMode};

/// The document that people change.
const DOCUMENT: &str = "query";
/// The document of the last runs.
const RUNS_DOCUMENT: &str = "query-runs";

/// What people have set.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Records {
    /// In the order of their creation.
    pub users: Vec<UserRecord>,
    /// In the order of their creation; each names its database.
    pub continuous: Vec<Arc<CreateContinuousQuery>>,
    pub subscriptions: Vec<SubscriptionRecord>,
    pub shards: Vec<ShardRecord>,
    /// The largest number that a shard has ever had.
    pub last_shard: u64,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserRecord {
    pub name: String,
    pub admin: bool,
    /// A bcrypt hash.
    pub hash: String,
    /// By database; `None` where all rights were taken away again, which InfluxDB still lists.
    pub grants: BTreeMap<String, Option<Privilege>>,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubscriptionRecord {
    pub database: String,
    pub policy: String,
    pub name: String,
    pub mode: SubscriptionMode,
    pub destinations: Vec<String>,
}

/// The number of a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardRecord {
    pub id: u64,
    pub database: String,
    pub policy: String,
    pub start_ns: i64,
    pub end_ns: i64,
}

/// Up to when each continuous query has run, by database and name; nanoseconds.
pub(crate) type Runs = BTreeMap<(String, String), i64>;

impl Records {
    pub(crate) fn user(&self, name: &str) -> Option<&UserRecord> {
        self.users.iter().find(|user| user.name == name)
    }

    pub(crate) fn user_mut(&mut self, name: &str) -> Result<&mut UserRecord, QueryError> {
        let found = self.users.iter_mut().find(|user| user.name == name);
        found.ok_or_else(|| QueryError::invalid("user not found"))
    }

    /// Takes out what belongs to databases and policies that are not there any more.
    pub(crate) fn prune(&mut self, catalog: &Catalog) {
        let is_there = |name: &str| catalog.database(name).is_some();
        for user in &mut self.users {
            user.grants.retain(|database, _| is_there(database));
        }
        self.continuous.retain(|query| is_there(&query.database));
        self.subscriptions.retain(|subscription| {
            let database = catalog.database(&subscription.database);
            database.is_some_and(|database| database.policy(&subscription.policy).is_some())
        });
    }
}

/// The documents, decoded.
#[derive(Debug, Default)]
pub(crate) struct Store {
    records: Mutex<Option<Decoded<Records>>>,
    runs: Mutex<Option<Decoded<Runs>>>,
}

/// A document and what it says.
#[derive(Debug, Clone)]
struct Decoded<T> {
    bytes: Arc<[u8]>,
    value: Arc<T>,
}

impl Store {
    /// What people have set, as it is now.
    pub(crate) fn records(&self, db: &Db) -> Result<Arc<Records>, QueryError> {
        read(db, DOCUMENT, &self.records, format::decode)
    }

    /// Up to when continuous queries have run.
    pub(crate) fn runs(&self, db: &Db) -> Result<Arc<Runs>, QueryError> {
        read(db, RUNS_DOCUMENT, &self.runs, format::decode_runs)
    }

    /// Changes what people have set, durably, unless `change` refuses.
    pub(crate) fn change<T>(
        &self,
        db: &Db,
        change: impl FnOnce(&mut Records) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        let mut answer = None;
        db.change_document(DOCUMENT, |old| -> Result<_, QueryError> {
            let old = old.map_or(Ok(Records::default()), format::decode)?;
            let mut new = old.clone();
            answer = Some(change(&mut new)?);
            Ok((new != old).then(|| format::encode(&new)))
        })?;
        // It was called, or refused to be.
        answer.ok_or(QueryError::NotExecuted)
    }

    /// Changes up to when continuous queries have run, durably.
    pub(crate) fn change_runs(
        &self,
        db: &Db,
        change: impl FnOnce(&mut Runs),
    ) -> Result<(), QueryError> {
        db.change_document(RUNS_DOCUMENT, |old| -> Result<_, QueryError> {
            let old = old.map_or(Ok(Runs::default()), format::decode_runs)?;
            let mut new = old.clone();
            change(&mut new);
            Ok((new != old).then(|| format::encode_runs(&new)))
        })
    }
}

fn read<T: Default>(
    db: &Db,
    document: &str,
    cache: &Mutex<Option<Decoded<T>>>,
    decode: impl FnOnce(&[u8]) -> Result<T, format::Damage>,
) -> Result<Arc<T>, QueryError> {
    let Some(bytes) = db.document(document).map_err(QueryError::from_db)? else {
        return Ok(Arc::default());
    };
    let mut cache = cache.lock();
    if let Some(decoded) = &*cache
        && Arc::ptr_eq(&decoded.bytes, &bytes)
    {
        return Ok(Arc::clone(&decoded.value));
    }
    let value = Arc::new(decode(&bytes)?);
    *cache = Some(Decoded { bytes, value: Arc::clone(&value) });
    Ok(value)
}
