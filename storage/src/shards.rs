//! Shards, as something that can be listed and dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stripchart_core::{TimeRange, Timestamp};

use crate::DbError;
use crate::catalog::PolicyId;
use crate::db::{Db, Shared};
use crate::seal::shards_of;

/// A span of time of a retention policy in which there are rows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shard {
    /// The database.
    pub database: String,
    /// The retention policy.
    pub policy: String,
    /// The first instant of the span, in nanoseconds since the epoch.
    pub start_ns: i64,
    /// The first instant after it.
    pub end_ns: i64,
    /// Files that its sealed rows are in; none if all are in memory still.
    pub segments: u64,
    /// Bytes of those.
    pub bytes: u64,
}

impl Db {
    /// The shards that have rows, sorted by database (the oldest first), policy (likewise) and time.
    ///
    /// One whose rows were all deleted is listed until [`Db::step`] has come to it. Costs a look at each series in memory.
    ///
    /// ```
    /// use stripchart_core::{Precision, Timestamp};
    /// use stripchart_storage::Db;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path())?;
    /// db.create_database("demo", None)?;
    /// db.writer("demo", None)?.write_lines(b"cpu usage=1 60", Precision::Seconds, Timestamp::EPOCH)?;
    ///
    /// let shards = db.shards();
    /// let week = 7 * 24 * 3_600_000_000_000;
    /// assert_eq!(shards[0].end_ns - shards[0].start_ns, week);
    /// db.drop_shard("demo", "autogen", shards[0].start_ns)?;
    /// assert!(db.shards().is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn shards(&self) -> Vec<Shard> {
        let version = Arc::clone(&self.shared.version.read());
        let catalog = self.catalog();
        let mut found: BTreeMap<(PolicyId, i64, i64), (u64, u64)> = BTreeMap::new();
        for segment in version.segments.values().flatten() {
            let (start, end) = segment.footer.shard;
            let (segments, bytes) = found.entry((segment.footer.policy, start, end)).or_default();
            *segments += 1;
            *bytes += segment.bytes;
        }
        let heads = version.frozen.iter().map(|frozen| &frozen.head).chain([&version.active]);
        for head in heads {
            let head = head.inner.read();
            for policy in catalog.policies() {
                let tables: Vec<_> =
                    head.tables().iter().filter(|table| table.policy == policy.id).collect();
                for (start, end) in shards_of(&head, &tables, policy) {
                    found.entry((policy.id, start, end)).or_default();
                }
            }
        }
        let mut shards = Vec::new();
        for database in catalog.databases_by_age() {
            let mut policies: Vec<_> = database.policies().iter().collect();
            policies.sort_by_key(|policy| policy.id);
            for policy in policies {
                let of_policy = found.range((policy.id, i64::MIN, i64::MIN)..);
                for ((_, start, end), (segments, bytes)) in
                    of_policy.take_while(|((id, ..), _)| *id == policy.id)
                {
                    shards.push(Shard {
                        database: database.name().to_owned(),
                        policy: policy.name.clone(),
                        start_ns: *start,
                        end_ns: *end,
                        segments: *segments,
                        bytes: *bytes,
                    });
                }
            }
        }
        shards
    }

    /// Drops the shard of `policy` of `database` that begins at `start_ns`, and its files, at once; nothing happens if there is none.
    ///
    /// # Errors
    ///
    /// As [`Db::delete`].
    pub fn drop_shard(&self, database: &str, policy: &str, start_ns: i64) -> Result<(), DbError> {
        let id = self.catalog().policy(database, Some(policy))?.id;
        let ends: BTreeSet<i64> = self
            .shards()
            .iter()
            .filter(|s| s.database == database && s.policy == policy && s.start_ns == start_ns)
            .map(|shard| shard.end_ns)
            .collect();
        ends.into_iter().try_for_each(|end_ns| self.shared.drop_shard(id, (start_ns, end_ns)))
    }
}

impl Shared {
    /// The rows first, so that they are gone durably; the files then go without further care.
    fn drop_shard(&self, policy: PolicyId, shard: (i64, i64)) -> Result<(), DbError> {
        let range = TimeRange::new(Timestamp::from_nanos(shard.0), Timestamp::from_nanos(shard.1));
        let mut work = self.maintenance.lock();
        self.delete_range(&mut work, policy, range)?;
        let version = Arc::clone(&self.version.read());
        let of_policy = version.segments.get(&policy).into_iter().flatten();
        let dead: Vec<_> =
            of_policy.filter(|segment| segment.footer.shard == shard).cloned().collect();
        self.replace_segments(&mut work, &dead, None);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use stripchart_core::Precision;

    use super::*;
    use crate::TagFilter;

    const DAY: i64 = 24 * 3_600_000_000_000;

    fn seconds(db: &Db, policy: &str, lines: &str) {
        let writer = db.writer("d", Some(policy)).unwrap();
        writer.write_lines(lines.as_bytes(), Precision::Seconds, Timestamp::EPOCH).unwrap();
    }

    #[test]
    fn shards_of_a_week_begin_on_mondays_and_are_dropped_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path()).unwrap();
        db.create_database("d", None).unwrap();
        seconds(
            &db,
            "autogen",
            "m,h=a v=1 0\nm,h=a v=2 345599\nm,h=a v=3 345600\nm,h=b v=3 345601",
        );
        let spans = |db: &Db| -> Vec<_> {
            db.shards().iter().map(|s| (s.start_ns / DAY, s.end_ns / DAY, s.segments)).collect()
        };
        // 1970-01-01 was a Thursday.
        assert_eq!(spans(&db), [(-3, 4, 0), (4, 11, 0)]);
        db.seal().unwrap();
        assert_eq!(spans(&db), [(-3, 4, 1), (4, 11, 1)]);
        seconds(&db, "autogen", "m,h=c v=1 5");
        assert_eq!(db.shards().len(), 2);

        db.drop_shard("d", "autogen", -2 * DAY).unwrap();
        assert_eq!(db.shards().len(), 2, "none begins there");
        db.drop_shard("d", "autogen", -3 * DAY).unwrap();
        let left = |db: &Db| -> Vec<String> {
            let series = db.view("d", None).unwrap().series("m", &TagFilter::All).unwrap();
            series.iter().map(|series| series.key().to_string()).collect()
        };
        assert_eq!(left(&db), ["m,h=a", "m,h=b"]);
        assert_eq!(spans(&db), [(4, 11, 1)]);
        // What is written later is there.
        seconds(&db, "autogen", "m,h=d v=1 7");
        drop(db);
        let db = Db::open(folder.path()).unwrap();
        assert_eq!(left(&db), ["m,h=a", "m,h=b", "m,h=d"]);
        assert_eq!(db.shards().len(), 2);
        let unknown = db.drop_shard("d", "nope", 0).unwrap_err();
        assert_eq!(unknown.to_string(), "retention policy not found: nope");
    }

    #[test]
    fn shards_come_in_the_order_in_which_databases_and_policies_were_created() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path()).unwrap();
        for name in ["z", "a", "d"] {
            db.create_database(name, None).unwrap();
            let writer = db.writer(name, None).unwrap();
            writer.write_lines(b"m v=1 5", Precision::Seconds, Timestamp::EPOCH).unwrap();
        }
        db.create_retention_policy("d", crate::PolicySpec::named("0")).unwrap();
        seconds(&db, "0", "m v=1 5");
        let found: Vec<String> = db
            .shards()
            .iter()
            .map(|shard| format!("{}.{}", shard.database, shard.policy))
            .collect();
        assert_eq!(found, ["z.autogen", "a.autogen", "d.autogen", "d.0"]);
    }
}
