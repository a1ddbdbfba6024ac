//! The numbers of shards: `SHOW SHARDS`, `SHOW SHARD GROUPS`, `DROP SHARD`.
//!
//! To the storage a shard is a span of time of a policy. InfluxDB numbers them, and people drop them by number; so each gets the next number when it
//! is first seen here, and keeps it, in the records, for as long as it exists.

use std::collections::HashMap;

use chrono::DateTime;
use stripchart_core::{Column, Frame, Values};
use stripchart_storage::Shard;

use crate::ast::Statement;
use crate::records::ShardRecord;
use crate::show::texts;
use crate::{Engine, QueryError};

/// Runs a statement about shards; `None` if it is of another kind.
pub(crate) fn run(
    engine: &Engine,
    statement: &Statement,
) -> Result<Option<Vec<Frame>>, QueryError> {
    match statement {
        Statement::ShowShards => shards(engine).map(Some),
        Statement::ShowShardGroups => {
            let shards = engine.shards()?;
            let rows: Vec<_> = shards.iter().collect();
            let frame = groups(engine, Frame::new("shard groups"), &rows);
            Ok(Some(vec![frame]))
        }
        Statement::DropShard { id } => {
            // As in InfluxDB, one that is not there is no error.
            if let Some((_, shard)) = engine.shards()?.iter().find(|(number, _)| number == id) {
                let Shard { database, policy, start_ns, .. } = shard;
                let dropped = engine.db().drop_shard(database, policy, *start_ns);
                dropped.map_err(QueryError::from_db)?;
            }
            Ok(Some(Vec::new()))
        }
        _ => Ok(None),
    }
}

impl Engine {
    /// The shards there are and their numbers, those of new ones being given now.
    pub(crate) fn shards(&self) -> Result<Vec<(u64, Shard)>, QueryError> {
        let shards = self.db().shards();
        let records = self.records()?;
        let same = |record: &ShardRecord, shard: &Shard| {
            record.database == shard.database
                && record.policy == shard.policy
                && (record.start_ns, record.end_ns) == (shard.start_ns, shard.end_ns)
        };
        let all_known = shards.len() == records.shards.len()
            && shards.iter().zip(&records.shards).all(|(shard, record)| same(record, shard));
        if all_known {
            let ids = records.shards.iter().map(|record| record.id);
            return Ok(ids.zip(shards).collect());
        }
        self.change_records(|records| {
            let known: HashMap<_, u64> =
                records.shards.drain(..).map(|record| (place(&record), record.id)).collect();
            let mut last = records.last_shard;
            // In the order in which the storage lists them, so that the next look finds them so.
            records.shards = shards.iter().map(|shard| record(shard, &known, &mut last)).collect();
            records.last_shard = last;
            Ok(())
        })?;
        let records = self.records()?;
        let number = |shard: &Shard| records.shards.iter().find(|record| same(record, shard));
        Ok(shards.into_iter().filter_map(|shard| Some((number(&shard)?.id, shard))).collect())
    }
}

type Place = (String, String, i64, i64);

fn place(record: &ShardRecord) -> Place {
    (record.database.clone(), record.policy.clone(), record.start_ns, record.end_ns)
}

fn record(shard: &Shard, known: &HashMap<Place, u64>, last: &mut u64) -> ShardRecord {
    let mut record = ShardRecord {
        id: 0,
        database: shard.database.clone(),
        policy: shard.policy.clone(),
        start_ns: shard.start_ns,
        end_ns: shard.end_ns,
    };
    record.id = known.get(&place(&record)).copied().unwrap_or_else(|| {
        *last += 1;
        *last
    });
    record
}

/// One series per database, whether it has shards or not.
fn shards(engine: &Engine) -> Result<Vec<Frame>, QueryError> {
    let shards = engine.shards()?;
    let catalog = engine.db().catalog();
    let frames = catalog.databases_by_age().into_iter().map(|database| {
        let rows: Vec<_> =
            shards.iter().filter(|(_, shard)| shard.database == database.name()).collect();
        let mut frame = groups(engine, Frame::new(database.name()), &rows);
        frame.columns.insert(3, ids("shard_group", &rows));
        frame.column(texts("owners", rows.iter().map(|_| "")))
    });
    Ok(frames.collect())
}

fn ids(name: &str, rows: &[&(u64, Shard)]) -> Column {
    let ids = rows.iter().map(|(id, _)| i64::try_from(*id).unwrap_or(i64::MAX));
    Column::new(name, Values::Integer(ids.collect()))
}

fn groups(engine: &Engine, frame: Frame, rows: &[&(u64, Shard)]) -> Frame {
    let catalog = engine.db().catalog();
    let times = |of: &dyn Fn(&Shard) -> i64| -> Vec<String> {
        rows.iter().map(|(_, shard)| rfc3339(of(shard))).collect()
    };
    let kept = |shard: &Shard| {
        let policy = catalog.database(&shard.database).and_then(|d| d.policy(&shard.policy));
        policy.and_then(|policy| policy.duration_ns).unwrap_or(0)
    };
    let starts = times(&|shard| shard.start_ns);
    let ends = times(&|shard| shard.end_ns);
    let expiries = times(&|shard| shard.end_ns.saturating_add(kept(shard)));
    frame
        .column(ids("id", rows))
        .column(texts("database", rows.iter().map(|(_, shard)| shard.database.as_str())))
        .column(texts("retention_policy", rows.iter().map(|(_, shard)| shard.policy.as_str())))
        .column(texts("start_time", starts.iter().map(String::as_str)))
        .column(texts("end_time", ends.iter().map(String::as_str)))
        .column(texts("expiry_time", expiries.iter().map(String::as_str)))
}

/// To the second, as InfluxDB prints them here, whatever the request's epoch.
pub(crate) fn rfc3339(nanos: i64) -> String {
    DateTime::from_timestamp_nanos(nanos).format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
