//! What goes on in the background: syncing, [sealing](crate::seal), merging, dropping what is past its retention.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use stripchart_core::{NextDue, Timestamp, error_chain};

use crate::catalog::{PolicyId, RetentionPolicy};
use crate::compact::Compaction;
use crate::db::Shared;
use crate::delete::Purge;
use crate::disk::{allocated, folder_bytes};
use crate::options::SyncPolicy;
use crate::recover::{SHARDS, create_synced};
use crate::segment::write::SegmentWriter;
use crate::segment::{Segment, file_name};
use crate::{ReadError, documents, quarantine, tombstone};

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
    /// What keeps tombstones from going.
    pub(crate) purge: Purge,
    pub(crate) compaction: Compaction,
    /// What is to be removed yet.
    pub(crate) garbage: Vec<Garbage>,
}

/// The file of a segment that is in no version, or no more.
///
/// While there is one no tombstone goes: found again at the next opening, it would bring back what was deleted.
#[derive(Debug)]
pub(crate) struct Garbage {
    id: u64,
    path: PathBuf,
}

impl Garbage {
    pub(crate) fn new(folder: &Path, id: u64) -> Self {
        Garbage { id, path: folder.join(file_name(id)) }
    }

    pub(crate) fn of(segment: &Segment) -> Self {
        Garbage { id: segment.footer.id, path: segment.path.clone() }
    }
}

impl Maintenance {
    pub(crate) fn new(next_segment: u64, now: i64) -> Self {
        Maintenance {
            next_segment,
            last_sync: now,
            retry_at: i64::MIN,
            unreadable: BTreeSet::new(),
            purge: Purge::default(),
            compaction: Compaction::default(),
            garbage: Vec::new(),
        }
    }

    /// Whether a segment may be merged: it can be read, and no file that it replaces is left.
    pub(crate) fn may_merge(&self, segment: &Segment) -> bool {
        !self.unreadable.contains(&segment.footer.id)
            && !self.garbage.iter().any(|old| segment.footer.replaces.contains(&old.id))
    }

    /// A number that no segment of this database has had, nor a tombstone.
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
        let disk_at = self.step_disk(now);
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
        drop(work);
        // Before merging, which would make old rows look new, and before rows are dropped. Nothing is held: it writes.
        if let Err(error) = self.roll_up(now) {
            self.failed(&error);
        }
        let mut work = self.maintenance.lock();
        self.remove_garbage(&mut work);
        let drop_at = self.drop_expired(&mut work, now);
        self.drop_oldest(&mut work);
        let merge_at = self.step_merge(&mut work, now);
        if let Err(error) = self.drop_tombstones(&mut work) {
            self.failed(&error);
        }
        drop(work);
        let at = [sync_at, disk_at, seal_at, drop_at, merge_at].into_iter().flatten().min();
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

    /// Finishes a segment and opens it; if that fails, `garbage` is what may be left of it.
    pub(crate) fn open_written(
        &self,
        work: &mut Maintenance,
        writer: SegmentWriter,
        garbage: Garbage,
    ) -> Result<Option<Segment>, ReadError> {
        let open = |path: PathBuf| Segment::open(self.vfs(), &path, self.options.read_mode);
        writer.finish().and_then(|path| path.map(open).transpose()).inspect_err(|_| {
            work.garbage.push(garbage);
            self.remove_garbage(work);
        })
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
    fn drop_expired(&self, work: &mut Maintenance, now: i64) -> Option<i64> {
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
            let dead: Vec<Arc<Segment>> = dead.into_iter().cloned().collect();
            self.replace_segments(work, &dead, None);
        }
        all().filter_map(|segment| expires(segment)).filter(|at| *at > now).min()
    }

    /// Bytes that all files take.
    pub(crate) fn disk_bytes(&self) -> u64 {
        let version = Arc::clone(&self.version.read());
        let segments = version.segments.values().flatten();
        let mut bytes: u64 = segments.map(|segment| allocated(segment.bytes)).sum();
        bytes += self.ingest.lock().log.files.iter().map(|file| allocated(file.bytes)).sum::<u64>();
        let folders = ["", tombstone::FOLDER, quarantine::FOLDER, documents::FOLDER];
        for folder in folders.map(Path::new) {
            bytes += folder_bytes(self.vfs(), &self.root.join(folder));
        }
        bytes
    }

    /// Drops shards, the oldest first, while the files take more than they may.
    fn drop_oldest(&self, work: &mut Maintenance) {
        let Some(most) = self.options.max_disk_bytes else { return };
        let mut bytes = self.disk_bytes();
        while bytes > most {
            let version = Arc::clone(&self.version.read());
            let mut shards: BTreeMap<(i64, i64, PolicyId), Vec<Arc<Segment>>> = BTreeMap::new();
            for (policy, list) in version.segments.iter() {
                let newest = list.iter().map(|segment| segment.footer.shard).max();
                for segment in list.iter().filter(|segment| Some(segment.footer.shard) != newest) {
                    let (start, end) = segment.footer.shard;
                    shards.entry((end, start, *policy)).or_default().push(Arc::clone(segment));
                }
            }
            let Some((_, oldest)) = shards.pop_first() else { return };
            let freed = oldest.iter().map(|segment| allocated(segment.bytes)).sum();
            bytes = bytes.saturating_sub(freed);
            self.replace_segments(work, &oldest, None);
            self.shards_dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Puts `new`, if any, in the place of `old`, whose files are removed.
    pub(crate) fn replace_segments(
        &self,
        work: &mut Maintenance,
        old: &[Arc<Segment>],
        new: Option<&Arc<Segment>>,
    ) {
        let ids: BTreeSet<u64> = old.iter().map(|segment| segment.footer.id).collect();
        self.publish(|version| {
            let segments = Arc::make_mut(&mut version.segments);
            for list in segments.values_mut() {
                list.retain(|segment| !ids.contains(&segment.footer.id));
            }
            if let Some(new) = new {
                let list = segments.entry(new.footer.policy).or_default();
                list.push(Arc::clone(new));
                list.sort_by_key(|segment| (segment.footer.rank, segment.footer.id));
            }
            segments.retain(|_, list| !list.is_empty());
        });
        work.garbage.extend(old.iter().map(|segment| Garbage::of(segment)));
        self.remove_garbage(work);
    }

    /// Removes the files of segments that are in no version any more, and their folders if they are empty.
    pub(crate) fn remove_garbage(&self, work: &mut Maintenance) {
        for garbage in std::mem::take(&mut work.garbage) {
            match self.vfs().remove_file(&garbage.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    self.failed(&ReadError::io(&garbage.path, "remove", error));
                    work.garbage.push(garbage);
                    continue;
                }
                _ => {}
            }
            let folders = garbage.path.ancestors().skip(1);
            work.purge.removed(folders.clone().take(3).map(Path::to_owned));
            // Others may be in them.
            for folder in folders.take(2) {
                if self.vfs().remove_dir(folder).is_err() {
                    break;
                }
            }
        }
    }
}
