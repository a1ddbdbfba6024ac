//! Sealing: from memory into segments.
//!
//! A new log file is begun and a new head takes its place; the old head's rows are written to segments, one per policy and
//! shard; a checkpoint of the catalog says that the log is covered up to there; then the covered files go. Whatever is
//! interrupted in between is done again after opening, from the log, with the same outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stripchart_core::KeyRef;

use crate::catalog::file::{self, Checkpoint};
use crate::catalog::{PolicyId, RetentionPolicy};
use crate::codec::Effort;
use crate::db::{Frozen, Shared};
use crate::head::{Head, HeadInner, HeadTable};
use crate::maintain::{Garbage, Maintenance};
use crate::rows::Wanted;
use crate::segment::Segment;
use crate::segment::write::{Identity, SegmentWriter};
use crate::{DbError, ReadError};

impl Shared {
    /// When the head is to be sealed.
    pub(crate) fn seal_at(&self) -> Option<i64> {
        let version = Arc::clone(&self.version.read());
        if !version.frozen.is_empty()
            || version.active.inner.read().fill(self.options.head_bytes) >= 100
        {
            return Some(i64::MIN);
        }
        let since = self.ingest.lock().head_since?;
        let age = i64::try_from(self.options.seal_age.as_nanos()).unwrap_or(i64::MAX);
        // A shard that is over gets its rows soon, so that one seal does not write many shards.
        let shortest = self.catalog().policies().map(|policy| policy.shard_duration_ns).min();
        let border = shortest
            .map(|shard| since.saturating_sub(since.rem_euclid(shard)).saturating_add(shard));
        Some(since.saturating_add(age).min(border.unwrap_or(i64::MAX)))
    }

    /// Makes segments of everything in memory.
    pub(crate) fn seal(&self) -> Result<(), DbError> {
        self.seal_if(|| true)
    }

    /// The same if `due` once nobody else is at it: of writers that find memory full together, one seals.
    pub(crate) fn seal_if(&self, due: impl FnOnce() -> bool) -> Result<(), DbError> {
        let mut work = self.maintenance.lock();
        if !due() {
            return Ok(());
        }
        self.seal_holding(&mut work).inspect_err(|error| self.failed(error))
    }

    pub(crate) fn seal_holding(&self, work: &mut Maintenance) -> Result<(), DbError> {
        // What the head has and the log perhaps has not must not become durable behind its back.
        self.commit.check()?;
        // What could not be sealed before comes first: while that fails, the active head is left to fill up, and writes are
        // refused when it has. Were it frozen too, memory would have no bound.
        self.seal_all_frozen(work)?;
        self.freeze()?;
        self.seal_all_frozen(work)
    }

    fn seal_all_frozen(&self, work: &mut Maintenance) -> Result<(), DbError> {
        loop {
            let version = Arc::clone(&self.version.read());
            let Some(frozen) = version.frozen.first() else { return Ok(()) };
            self.seal_frozen(work, frozen)?;
        }
    }

    /// Puts an empty head in the place of the active one, if that or the log has something.
    fn freeze(&self) -> Result<(), DbError> {
        let mut ingest = self.ingest.lock();
        self.resume_log(&mut ingest)?;
        let first = ingest.log.files.front().map(|file| file.first_seq);
        if first == Some(ingest.log.next_seq) {
            return Ok(());
        }
        self.rotate(&mut ingest)?;
        let last_seq = ingest.log.next_seq - 1;
        if self.version.read().frozen.last().is_some_and(|frozen| frozen.last_seq == last_seq) {
            return Ok(());
        }
        let catalog = self.catalog();
        self.publish(|version| {
            let fresh = Arc::new(Head::new(version.active.generation.wrapping_add(1)));
            let head = std::mem::replace(&mut version.active, fresh);
            version.frozen.push(Arc::new(Frozen { head, last_seq, catalog }));
        });
        ingest.head_since = None;
        Ok(())
    }

    fn seal_frozen(&self, work: &mut Maintenance, frozen: &Frozen) -> Result<(), DbError> {
        let segments = self.write_segments(work, &frozen.head)?;
        let checkpoint =
            Checkpoint { catalog: Arc::clone(&frozen.catalog), sealed_seq: frozen.last_seq };
        let written = match file::write(self.vfs(), &self.root, &checkpoint) {
            Ok(written) => written,
            Err(error) => {
                self.discard(work, &segments);
                return Err(error.into());
            }
        };
        self.publish(|version| {
            version.frozen.remove(0);
            let all = Arc::make_mut(&mut version.segments);
            for segment in segments {
                let list = all.entry(segment.footer.policy).or_default();
                list.push(Arc::new(segment));
                list.sort_by_key(|segment| (segment.footer.rank, segment.footer.id));
            }
        });
        // Otherwise the log stays until a later checkpoint covers it; so do the segments, to which this one may refer.
        written.durable()?;
        self.ingest.lock().log.forget(self.vfs(), frozen.last_seq)?;
        Ok(())
    }

    /// Removes segments that nobody refers to, now or later; their rows come again from the log.
    fn discard(&self, work: &mut Maintenance, segments: &[Segment]) {
        work.garbage.extend(segments.iter().map(Garbage::of));
        self.remove_garbage(work);
    }

    fn write_segments(
        &self,
        work: &mut Maintenance,
        head: &Head,
    ) -> Result<Vec<Segment>, ReadError> {
        let head = head.inner.read();
        let catalog = self.catalog();
        let mut tables: BTreeMap<PolicyId, Vec<&HeadTable>> = BTreeMap::new();
        for table in head.tables() {
            tables.entry(table.policy).or_default().push(table);
        }
        let mut written = Vec::new();
        for (id, mut tables) in tables {
            // Rows of a policy that was dropped are dropped.
            let Some(policy) = catalog.policy_by_id(id) else { continue };
            tables.sort_by_key(|table| Arc::clone(&table.measurement));
            for shard in shards_of(&head, &tables, policy) {
                match self.write_segment(work, &head, &tables, policy, shard) {
                    Ok(segment) => written.extend(segment),
                    Err(error) => {
                        self.discard(work, &written);
                        return Err(error);
                    }
                }
            }
        }
        Ok(written)
    }

    fn write_segment(
        &self,
        work: &mut Maintenance,
        head: &HeadInner,
        tables: &[&HeadTable],
        policy: &RetentionPolicy,
        shard: (i64, i64),
    ) -> Result<Option<Segment>, ReadError> {
        let id = work.segment_id();
        let folder = self.shard_folder(policy.id, shard)?;
        let identity = Identity {
            policy: policy.id,
            shard,
            rank: id,
            id,
            level: 0,
            effort: Effort::Hot,
            replaces: Vec::new(),
        };
        let mut writer = SegmentWriter::create(&self.options.vfs, &folder, identity)?;
        for table in tables {
            let mut wanted: Vec<Wanted> = table
                .fields
                .iter()
                .map(|(name, field_type)| Wanted {
                    name: name.to_string(),
                    field_type: *field_type,
                })
                .collect();
            wanted.sort_by(|a, b| a.name.cmp(&b.name));
            writer.table(&table.measurement, wanted.clone())?;
            let mut series: Vec<_> = head.table_series(table).collect();
            series.sort_unstable();
            for (key, slot) in series {
                let Ok(key) = KeyRef::parse(key) else { continue };
                writer.series(key, &head.read(slot, u32::MAX, &wanted, shard.0, shard.1));
            }
        }
        self.open_written(work, writer, Garbage::new(&folder, id))
    }
}

/// The shards that rows of `tables` fall into.
pub(crate) fn shards_of(
    head: &HeadInner,
    tables: &[&HeadTable],
    policy: &RetentionPolicy,
) -> BTreeSet<(i64, i64)> {
    let mut shards = BTreeSet::new();
    let mut last = 0..0;
    for table in tables {
        for (_, slot) in head.table_series(table) {
            let Some((first, end)) = head.bounds(slot, u32::MAX) else { continue };
            let shard = policy.shard_of(first);
            if end < shard.1 {
                // Nearly always.
                shards.insert(shard);
                continue;
            }
            head.times(slot, |at| {
                if !last.contains(&at) {
                    let shard = policy.shard_of(at);
                    last = shard.0..shard.1;
                    shards.insert(shard);
                }
            });
        }
    }
    shards
}
