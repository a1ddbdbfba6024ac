//! Deleting rows, series and measurements.
//!
//! A delete writes a [tombstone](crate::tombstone) and is done; the rows go when their segments are written again, which
//! [`Db::step`](crate::Db::step) sees to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use stripchart_core::TimeRange;

use crate::catalog::{Catalog, Change, PolicyId};
use crate::db::{Db, Shared, Version};
use crate::maintain::Maintenance;
use crate::segment::Segment;
use crate::tombstone::{self, Deletes, KeySet, Mark, Selection, Tombstone};
use crate::view::{View, ViewInner};
use crate::{Cancel, DbError, ReadError, TagFilter};

/// What a delete did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Deleted {
    /// Series that had rows in the range, as far as the times of their first and last rows tell; a series that several policies
    /// have counts in each.
    pub series: u64,
}

impl Db {
    /// Deletes the rows inside `range` of the series that `filter` accepts: of `measurement` or of all, in one retention policy of
    /// `database` or in all of them.
    ///
    /// They are gone, durably, when this returns, whatever the [`SyncPolicy`](crate::SyncPolicy); a series without rows is listed no
    /// more. What is written meanwhile or later is there, also of the same series and times. The disk space is freed by
    /// [`Db::step`], when it comes to it.
    ///
    /// Costs a seal of what is in memory, a listing of the series and a small file; so delete many series with one filter rather
    /// than one by one. Fields keep their types: see [`Db::drop_measurement`].
    ///
    /// ```
    /// use stripchart_core::{Precision, TimeRange, Timestamp};
    /// use stripchart_storage::{Db, TagFilter};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path())?;
    /// db.create_database("demo", None)?;
    /// let body = b"cpu,host=a usage=1 60\ncpu,host=b usage=2 60";
    /// db.writer("demo", None)?.write_lines(body, Precision::Seconds, Timestamp::EPOCH)?;
    ///
    /// let of_a = TagFilter::Equal { key: "host".to_owned(), value: "a".to_owned() };
    /// let deleted = db.delete("demo", None, Some("cpu"), &of_a, TimeRange::ALL)?;
    /// assert_eq!(deleted.series, 1);
    /// let left = db.view("demo", None)?.series("cpu", &TagFilter::All)?;
    /// assert_eq!(left[0].key().tag("host"), Some("b"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DbError::DatabaseNotFound`], [`DbError::PolicyNotFound`], [`DbError::Closed`], or a failure of a file: nothing is deleted
    /// then, unless renaming or the last sync failed, after which the rows are gone now and may in part be back after a restart.
    pub fn delete(
        &self,
        database: &str,
        policy: Option<&str>,
        measurement: Option<&str>,
        filter: &TagFilter,
        range: TimeRange,
    ) -> Result<Deleted, DbError> {
        let policies = self.policies_of(database, policy)?;
        let what = What { policies, series: vec![(measurement, filter)], range };
        let mut work = self.shared.maintenance.lock();
        self.shared.delete(&mut work, &what)
    }

    /// Deletes the rows inside `range` of the series of several measurements, each with the filter that accepts them, in one retention policy
    /// of `database` or in all of them; all of it or, if it fails, nothing.
    ///
    /// Costs what one [`Db::delete`] does.
    ///
    /// # Errors
    ///
    /// As [`Db::delete`].
    pub fn delete_many(
        &self,
        database: &str,
        policy: Option<&str>,
        series: &[(String, TagFilter)],
        range: TimeRange,
    ) -> Result<Deleted, DbError> {
        let policies = self.policies_of(database, policy)?;
        let series = series.iter().map(|(name, filter)| (Some(name.as_str()), filter)).collect();
        let what = What { policies, series, range };
        let mut work = self.shared.maintenance.lock();
        self.shared.delete(&mut work, &what)
    }

    /// Deletes a measurement: its rows in all retention policies of `database`, and what is known of its fields, which may have
    /// other types from then on. Nothing happens if there is none of that name.
    ///
    /// Should somebody write to it meanwhile, it keeps its fields: they are in use.
    ///
    /// # Errors
    ///
    /// As [`Db::delete`]; and [`DbError::ReadOnly`] if the change could not be logged: the rows are gone then, and the types are
    /// still fixed.
    pub fn drop_measurement(&self, database: &str, name: &str) -> Result<Deleted, DbError> {
        let policies = self.policies_of(database, None)?;
        let series = vec![(Some(name), &TagFilter::All)];
        let what = What { policies: policies.clone(), series, range: TimeRange::ALL };
        let mut work = self.shared.maintenance.lock();
        let deleted = self.shared.delete(&mut work, &what)?;
        let change = Change::DropMeasurement { policies: policies.clone(), name: name.to_owned() };
        self.shared.change_if(&change, || {
            let used = policies.iter().any(|policy| self.shared.has_series(*policy, name));
            !used
        })?;
        Ok(deleted)
    }

    fn policies_of(&self, database: &str, policy: Option<&str>) -> Result<Vec<PolicyId>, DbError> {
        let catalog = self.catalog();
        if policy.is_some() {
            return Ok(vec![catalog.policy(database, policy)?.id]);
        }
        let found = catalog.database(database);
        let found = found.ok_or_else(|| DbError::DatabaseNotFound { name: database.to_owned() })?;
        Ok(found.policies().iter().map(|policy| policy.id).collect())
    }
}

/// What is to be deleted.
struct What<'a> {
    policies: Vec<PolicyId>,
    /// Measurements, `None` for all, and which series of them.
    series: Vec<(Option<&'a str>, &'a TagFilter)>,
    range: TimeRange,
}

impl Shared {
    fn delete(&self, work: &mut Maintenance, what: &What<'_>) -> Result<Deleted, DbError> {
        if self.ingest.lock().closed {
            return Err(DbError::Closed);
        }
        if what.range.is_empty() {
            return Ok(Deleted::default());
        }
        self.give_up_reserve();
        self.seal_holding(work)?;
        let version = Arc::clone(&self.version.read());
        let (mut marks, mut series) = (Vec::new(), 0);
        for policy in &what.policies {
            // All that a rollup has of a measurement need not be all that the rolled up policy has.
            let whole = self.catalog().policies().all(|policy| policy.rollups.is_empty());
            for of in &what.series {
                series += resolve(&version, *policy, *of, what.range, whole, &mut marks)?;
            }
        }
        self.follow_rollups(what, &mut marks);
        self.bury(work, marks)?;
        Ok(Deleted { series })
    }

    /// Deletes all rows of a policy inside `range`.
    pub(crate) fn delete_range(
        &self,
        work: &mut Maintenance,
        policy: PolicyId,
        range: TimeRange,
    ) -> Result<Deleted, DbError> {
        let policies = vec![policy];
        self.delete(work, &What { policies, series: vec![(None, &TagFilter::All)], range })
    }

    /// A row of a rollup stands at the begin of its span, so that a delete may take it though rows of its span stay. Marking the
    /// same times in the policy that was rolled up has the span written again.
    fn follow_rollups(&self, what: &What<'_>, marks: &mut Vec<Mark>) {
        let catalog = self.catalog();
        let mut more = Vec::new();
        for database in catalog.databases() {
            for source in database.policies() {
                let into = source.rollups.iter().filter_map(|r| Some(database.policy(&r.into)?.id));
                let into: Vec<PolicyId> = into.collect();
                let of_rollups = marks.iter().filter(|mark| into.contains(&mark.policy));
                if what.policies.contains(&source.id) {
                    more.extend(of_rollups.map(|mark| Mark { policy: source.id, ..mark.clone() }));
                }
            }
        }
        marks.extend(more);
    }

    /// Hides what `marks` name of all that is in segments.
    fn bury(&self, work: &mut Maintenance, marks: Vec<Mark>) -> Result<(), DbError> {
        self.settle(work)?;
        if marks.is_empty() {
            return Ok(());
        }
        let tombstone = Arc::new(Tombstone { rank: work.segment_id(), marks });
        let written = tombstone::write(self.vfs(), &self.root, &tombstone)?;
        work.purge.expect(&tombstone);
        let shown = Arc::clone(&tombstone);
        self.publish(|version| Arc::make_mut(&mut version.tombstones).push(shown));
        self.wake.notify();
        written.durable().map_err(|error| {
            work.purge.unsure.push(tombstone);
            error.into()
        })
    }

    /// Writes again what an earlier delete could not make durable. Its rows are gone for readers, so that deleting them once more
    /// finds nothing to do, and would be acknowledged though they come back after a power cut.
    fn settle(&self, work: &mut Maintenance) -> Result<(), DbError> {
        while let Some(tombstone) = work.purge.unsure.last() {
            tombstone::write(self.vfs(), &self.root, tombstone)?.durable()?;
            work.purge.unsure.pop();
        }
        Ok(())
    }

    /// The same, of all that has been written.
    pub(crate) fn seal_and_bury(&self, marks: Vec<Mark>) -> Result<(), DbError> {
        if marks.is_empty() {
            return Ok(());
        }
        let mut work = self.maintenance.lock();
        self.seal_holding(&mut work)?;
        self.bury(&mut work, marks)
    }

    /// Whether a policy has series of `measurement` now.
    fn has_series(&self, policy: PolicyId, measurement: &str) -> bool {
        let version = Arc::clone(&self.version.read());
        let view = View::of(Arc::new(version.view(policy, self.catalog(), i64::MIN)));
        // What cannot be read may be something.
        !view.series(measurement, &TagFilter::All).is_ok_and(|series| series.is_empty())
    }
}

/// The marks for one policy; how many series they are about. If `whole`, all series of a measurement may be marked as such.
fn resolve(
    version: &Version,
    policy: PolicyId,
    (measurement, filter): (Option<&str>, &TagFilter),
    range: TimeRange,
    whole: bool,
    marks: &mut Vec<Mark>,
) -> Result<u64, ReadError> {
    let inner = ViewInner {
        heads: Vec::new(),
        ..version.view(policy, Arc::new(Catalog::default()), i64::MIN)
    };
    let view = View::of(Arc::new(inner));
    let measurements = match measurement {
        Some(name) => vec![name.to_owned()],
        None => view.measurements()?,
    };
    let mut count = 0;
    for measurement in measurements {
        let found = view.series(&measurement, filter)?;
        let in_range = found.iter().filter(|series| {
            let bounds = view.time_bounds(series);
            bounds.is_some_and(|(first, last)| first < range.end && range.start <= last)
        });
        let keys: Vec<&str> = in_range.map(|series| series.key().as_str()).collect();
        if keys.is_empty() {
            continue;
        }
        count += keys.len() as u64;
        let all = match filter {
            TagFilter::All => true,
            _ => whole && keys.len() == view.series(&measurement, &TagFilter::All)?.len(),
        };
        let series = if all { Selection::All } else { Selection::Keys(KeySet::new(keys)) };
        let span = (range.start.nanos(), range.end.nanos());
        marks.push(Mark { policy, measurement, range: span, series });
    }
    Ok(count)
}

/// What is left to be done about tombstones, so that they can go.
#[derive(Debug, Default)]
pub(crate) struct Purge {
    /// By rank of the tombstone the segments that have rows of it still; `None`: not looked for yet.
    pending: BTreeMap<u64, Option<BTreeSet<u64>>>,
    /// Folders of removed segments, whose entries may be back after a power cut.
    unsynced: BTreeSet<PathBuf>,
    /// Tombstones that are perhaps not on the disk, for renaming or the last sync failed.
    unsure: Vec<Arc<Tombstone>>,
}

impl Purge {
    /// A tombstone whose segments are to be looked for.
    pub(crate) fn expect(&mut self, tombstone: &Tombstone) {
        self.pending.insert(tombstone.rank, None);
    }

    /// A segment was removed from one of these.
    pub(crate) fn removed(&mut self, folders: impl IntoIterator<Item = PathBuf>) {
        self.unsynced.extend(folders);
    }

    /// `merged`, if there is something left, has the rows of segments `replaced`; those that the tombstones `applied` hide are not
    /// in it.
    pub(crate) fn rewritten(&mut self, replaced: &[u64], merged: Option<u64>, applied: &[u64]) {
        for (rank, pending) in &mut self.pending {
            let Some(pending) = pending else { continue };
            let mut held = false;
            for id in replaced {
                held |= pending.remove(id);
            }
            if held && !applied.contains(rank) {
                pending.extend(merged);
            }
        }
    }

    /// A segment that has rows of a tombstone and may be read.
    pub(crate) fn next(
        &mut self,
        version: &Version,
        unreadable: &BTreeSet<u64>,
    ) -> Result<Option<Arc<Segment>>, (u64, ReadError)> {
        let segments = || version.segments.values().flatten();
        for tombstone in version.tombstones.iter() {
            let pending = self.pending.entry(tombstone.rank).or_default();
            if pending.is_none() {
                let mut found = BTreeSet::new();
                for segment in segments() {
                    let id = segment.footer.id;
                    // One that cannot be read keeps its tombstones.
                    let holds = unreadable.contains(&id)
                        || tombstone.touches(segment).map_err(|error| (id, error))?;
                    if holds {
                        found.insert(id);
                    }
                }
                *pending = Some(found);
            }
            let due = |segment: &&Arc<Segment>| {
                let id = segment.footer.id;
                !unreadable.contains(&id) && pending.as_ref().is_some_and(|ids| ids.contains(&id))
            };
            if let Some(segment) = segments().find(due) {
                return Ok(Some(Arc::clone(segment)));
            }
        }
        Ok(None)
    }
}

impl Shared {
    /// Removes the tombstones that hide nothing any more.
    pub(crate) fn drop_tombstones(&self, work: &mut Maintenance) -> Result<(), ReadError> {
        let version = Arc::clone(&self.version.read());
        let exist: BTreeSet<u64> =
            version.segments.values().flatten().map(|segment| segment.footer.id).collect();
        let mut done = BTreeSet::new();
        for (rank, pending) in &mut work.purge.pending {
            let Some(pending) = pending else { continue };
            pending.retain(|id| exist.contains(id));
            if pending.is_empty() {
                done.insert(*rank);
            }
        }
        let catalog = self.catalog();
        // Rollups have to learn of it first.
        let awaited = |tombstone: &Tombstone| {
            tombstone.marks.iter().any(|mark| {
                let policy = catalog.policy_by_id(mark.policy);
                policy.is_some_and(|p| p.rollups.iter().any(|r| r.rank < tombstone.rank))
            })
        };
        for tombstone in version.tombstones.iter().filter(|tombstone| awaited(tombstone)) {
            done.remove(&tombstone.rank);
        }
        if done.is_empty() || !work.garbage.is_empty() {
            return Ok(());
        }
        // Were a removed segment back after a power cut and the tombstone not, so would be what was deleted.
        while let Some(folder) = work.purge.unsynced.first().cloned() {
            match self.vfs().sync_dir(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ReadError::io(&folder, "sync", error));
                }
                // A folder that is gone itself: the one above it is in the set too.
                _ => drop(work.purge.unsynced.remove(&folder)),
            }
        }
        work.purge.unsure.retain(|tombstone| !done.contains(&tombstone.rank));
        self.publish(|version| {
            let kept = version.tombstones.iter().filter(|t| !done.contains(&t.rank));
            version.tombstones = Arc::new(kept.cloned().collect());
        });
        for rank in done {
            let path = tombstone::path_of(&self.root, rank);
            match self.vfs().remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ReadError::io(&path, "remove", error));
                }
                _ => drop(work.purge.pending.remove(&rank)),
            }
        }
        Ok(())
    }
}

impl Version {
    /// What a reader of a policy sees.
    pub(crate) fn view(&self, policy: PolicyId, catalog: Arc<Catalog>, horizon: i64) -> ViewInner {
        let limit = self.active.inner.read().batches;
        let frozen = self.frozen.iter().map(|frozen| (Arc::clone(&frozen.head), u32::MAX));
        let heads = frozen.chain([(Arc::clone(&self.active), limit)]).collect();
        let segments = self.segments.get(&policy).cloned().unwrap_or_default();
        let deletes = Deletes::of(&self.tombstones, policy);
        let cancel = Cancel::new();
        ViewInner { policy, horizon, heads, segments, deletes, cancel, reads: None, catalog }
    }
}
