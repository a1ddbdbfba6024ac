//! `SHOW STATS`: figures by module, those of InfluxDB's that exist here and, in `storage`, the database's own.

use std::collections::BTreeMap;

use stripchart_core::{Column, Frame, Values};
use stripchart_storage::Db;

use crate::{Engine, QueryError};

/// The modules called `wanted`, or all.
pub(crate) fn show(engine: &Engine, wanted: Option<&str>) -> Result<Vec<Frame>, QueryError> {
    let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted == name);
    let mut frames = Vec::new();
    if is_wanted("queryExecutor") {
        let (active, executed, finished) = engine.registry().counts();
        let of = [
            ("queriesActive", active),
            ("queriesExecuted", executed),
            ("queriesFinished", finished),
        ];
        frames.push(row("queryExecutor", &[], &of));
    }
    let db = engine.db();
    if is_wanted("database") {
        for database in db.catalog().databases_by_age() {
            let (measurements, series) = counts(db, database.name())?;
            let of = [("numMeasurements", measurements), ("numSeries", series)];
            frames.push(row("database", &[("database", database.name())], &of));
        }
    }
    if is_wanted("shard") {
        for (id, shard) in engine.shards()? {
            let id = id.to_string();
            let tags = [
                ("database", shard.database.as_str()),
                ("engine", "stripchart"),
                ("id", id.as_str()),
                ("retentionPolicy", shard.policy.as_str()),
            ];
            let of = [("diskBytes", shard.bytes), ("segments", shard.segments)];
            frames.push(row("shard", &tags, &of));
        }
    }
    let stats = db.stats();
    if is_wanted("write") {
        let all = stats.rows_written.saturating_add(stats.rows_rejected);
        let of = [("pointReq", all), ("writeDrop", stats.rows_rejected)];
        frames.push(row("write", &[], &of));
    }
    if is_wanted("storage") {
        let of = [
            ("diskBytes", stats.disk_bytes),
            ("headBytes", stats.head_bytes),
            ("headRows", stats.head_rows),
            ("headSeries", stats.head_series),
            ("logBytes", stats.log_bytes),
            ("logFiles", stats.log_files),
            ("segmentBytes", stats.segment_bytes),
            ("segmentRows", stats.segment_rows),
            ("segments", stats.segments),
            ("syncs", stats.syncs),
            ("tombstones", stats.tombstones),
        ];
        frames.push(row("storage", &[], &of));
    }
    if is_wanted("subscriber") {
        let of = [("createFailures", 0), ("pointsWritten", 0), ("writeFailures", 0)];
        frames.push(row("subscriber", &[], &of));
    }
    if is_wanted("cq") {
        let (ok, failed) = engine.continuous_counts().get();
        frames.push(row("cq", &[], &[("queryFail", failed), ("queryOk", ok)]));
    }
    Ok(frames)
}

fn row(name: &str, tags: &[(&str, &str)], figures: &[(&str, u64)]) -> Frame {
    let tags: BTreeMap<String, String> =
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let frame = Frame { tags: tags.into_iter().collect(), ..Frame::new(name) };
    figures.iter().fold(frame, |frame, (name, figure)| {
        let figure = i64::try_from(*figure).unwrap_or(i64::MAX);
        frame.column(Column::new(*name, Values::Integer(vec![figure])))
    })
}

/// Measurements and series of a database; those of several policies count in each.
fn counts(db: &Db, database: &str) -> Result<(u64, u64), QueryError> {
    let catalog = db.catalog();
    let (mut measurements, mut series) = (0, 0);
    for policy in catalog.database(database).into_iter().flat_map(|db| db.policies()) {
        let view = db.view(database, Some(&policy.name)).map_err(QueryError::from_db)?;
        for name in view.measurements().map_err(QueryError::storage)? {
            measurements += 1;
            series += view.series_count(&name).map_err(QueryError::storage)?;
        }
    }
    Ok((measurements, series))
}
