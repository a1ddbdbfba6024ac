//! What goes on in the background: syncing, [sealing](crate::seal), merging, dropping what is past its retention.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use stripchart_core::{NextDue, Timestamp, error_chain};

use crate::catalog::{PolicyId, RetentionPolicy};
use crate::db::Shared;
use crate::options::SyncPolicy;
use crate::recover::{SHARDS, create_synced};
use crate::segment::Segment;
use crate::segment::write::SegmentWriter;
use crate::{ReadError, merge};

/// How long a failed seal is left alone.
const RETRY_NS: i64 = 10_000_000_000;

/// What whoever maintains knows.
#[derive(Debug)]
pub(crate) struct Maintenance {
    pub(crate) next_segment: u64,
    /// When the log was synced last by interval.
    last_sync: i64,
    /// Not before this is sealing tried again.
    retry_at: i64,
    /// Segments that could not be read, by id: not merged again.
    pub(crate) unreadable: BTreeSet<u64>,
}

impl Maintenance {
    pub(crate) fn new(next_segment: u64, now: i64) -> Self {
        let (retry_at, unreadable) = (i64::MIN, BTreeSet::new());
        Maintenance { next_segment, last_sync: now, retry_at, unreadable }
    }

    /// A number that no segment of this database has had.
    pub(crate) fn segment_id(&mut self) -> u64 {
        let id = self.next_segment;
        self.next_segment += 1;
        id
    }
}

impl Shared {
    /// See [`crate::Db::step`].
    pub(crate) fn step(&self, now: i64) -> NextDue {
        let sync_at = self.step_sync(now);
        let mut work = self.maintenance.lock();
        let mut seal_at = self.seal_at();
        if seal_at.is_some_and(|at| at <= now) && work.retry_at <= now {
            if let Err(error) = self.seal_holding(&mut work) {
                self.failed(&error);
                work.retry_at = now.saturating_add(RETRY_NS);
            }
            seal_at = self.seal_at();
        }
        seal_at = seal_at.map(|at| at.max(work.retry_at));
        // Before merging, which would make old rows look new, and before rows are dropped.
        if let Err(error) = self.roll_up(now) {
            self.failed(&error);
        }
        let drop_at = self.drop_expired(now);
        if let Err(error) = merge::merge_small(self, &mut work) {
            self.failed(&error);
        }
        drop(work);
        let at = [sync_at, seal_at, drop_at].into_iter().flatten().min();
        NextDue { at: at.map(Timestamp::from_nanos) }
    }

    pub(crate) fn failed(&self, error: &dyn std::error::Error) {
        *self.last_error.lock() = Some(error_chain(error));
    }

    /// Syncs by interval; when to do so next.
    fn step_sync(&self, now: i64) -> Option<i64> {
        let SyncPolicy::Interval(interval) = self.options.sync else { return None };
        let interval = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX);
        if !self.commit.is_dirty() {
            return None;
        }
        let mut work = self.maintenance.lock();
        let since = now.saturating_sub(work.last_sync);
        if since < interval && since >= 0 {
            return Some(work.last_sync.saturating_add(interval));
        }
        work.last_sync = now;
        drop(work);
        if let Err(error) = self.commit.sync_all() {
            self.failed(&error);
        }
        None
    }

    pub(crate) fn open_written(
        &self,
        writer: SegmentWriter<'_>,
    ) -> Result<Option<Segment>, ReadError> {
        let Some(path) = writer.finish()? else { return Ok(None) };
        Segment::open(self.vfs(), &path, self.options.read_mode).map(Some)
    }

    /// The folder of a shard, created if missing.
    pub(crate) fn shard_folder(
        &self,
        policy: PolicyId,
        (start, end): (i64, i64),
    ) -> Result<PathBuf, ReadError> {
        let shards = self.root.join(SHARDS);
        let of_policy = shards.join(policy.to_string());
        let folder = of_policy.join(format!("{start}_{end}"));
        create_synced(self.vfs(), &shards, &of_policy)?;
        create_synced(self.vfs(), &of_policy, &folder)?;
        Ok(folder)
    }

    /// Drops the shards that are past their policy's duration, and those of policies that are gone; when the next is due.
    fn drop_expired(&self, now: i64) -> Option<i64> {
        let catalog = self.catalog();
        let policies: BTreeMap<PolicyId, &RetentionPolicy> =
            catalog.policies().map(|policy| (policy.id, policy)).collect();
        let expires = |segment: &Segment| match policies.get(&segment.footer.policy) {
            None => Some(i64::MIN),
            Some(policy) => policy.duration_ns.map(|d| segment.footer.shard.1.saturating_add(d)),
        };
        let version = Arc::clone(&self.version.read());
        let all = || version.segments.values().flatten();
        let dead: Vec<&Arc<Segment>> =
            all().filter(|segment| expires(segment).is_some_and(|at| at <= now)).collect();
        if !dead.is_empty() {
            let ids: BTreeSet<u64> = dead.iter().map(|segment| segment.footer.id).collect();
            self.publish(|version| {
                for list in Arc::make_mut(&mut version.segments).values_mut() {
                    list.retain(|segment| !ids.contains(&segment.footer.id));
                }
            });
            dead.iter().for_each(|segment| self.remove_segment(segment));
        }
        all().filter_map(|segment| expires(segment)).filter(|at| *at > now).min()
    }

    /// Removes the file of a segment that is in no version any more, and its folders if they are empty.
    pub(crate) fn remove_segment(&self, segment: &Segment) {
        if let Err(error) = self.vfs().remove_file(&segment.path) {
            self.failed(&ReadError::io(&segment.path, "remove", error));
        }
        // Others may be in them.
        for folder in segment.path.ancestors().skip(1).take(2) {
            if self.vfs().remove_dir(folder).is_err() {
                break;
            }
        }
    }
}
