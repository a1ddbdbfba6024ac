//! Which segments are merged, and when.
//!
//! - While a shard takes rows: segments of about one size (within a factor of four) that stand next to one another in rank become
//!   one, as soon as there are four; so a row is written again about once per factor of four, and a shard has a few segments of
//!   each size.
//! - Segments with rows that were deleted are written again without them.
//! - When a shard is over and nothing has come for a while, what it has becomes one segment, or several if it is larger than may be
//!   held in memory; and in it values are pressed harder, for they will be read seldom and never be merged again.
//!
//! One step does a bounded part of this and says when it wants to go on: it rests for as long as it has worked, unless segments
//! come faster than they are merged.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::PolicyId;
use crate::codec::Effort;
use crate::db::{Db, Shared, Version};
use crate::maintain::Maintenance;
use crate::merge::Job;
use crate::segment::Segment;
use crate::{DbError, ReadError};

/// Segments that are merged at least while a shard takes rows; fewer are left as they are.
const MIN_RUN: usize = 4;
/// Segments up to this size are of the smallest class.
const SMALLEST: u64 = 64 << 10;
/// How much larger than by [`DbBuilder::merge_bytes`](crate::DbBuilder::merge_bytes) the segments of a closed shard may be.
const CLOSED_FACTOR: u64 = 8;
/// For how long nothing may have come into a shard that is over, before it is made one segment.
const QUIET_NS: i64 = 600_000_000_000;
/// A large segment is left alone until what came later is at least this part of it.
const LATE_PART: u64 = 8;
/// Segments of a shard from which on merging takes no rest.
const URGENT: usize = 64;
/// How long merging rests after a failure to write.
const RETRY_NS: i64 = 10_000_000_000;

type Run = Vec<Arc<Segment>>;
/// What is to be merged, and how hard its values are pressed.
type Due = (Run, Effort);
type ShardKey = (PolicyId, (i64, i64));

/// What is going on.
#[derive(Debug, Default)]
pub(crate) struct Compaction {
    job: Option<Job>,
    /// Whether [`Db::compact`] is at it, so that steps leave segments alone.
    taken: bool,
    /// Not before this is anything merged.
    rest_until: Option<i64>,
    /// Of each shard its newest segment, and when that was first seen.
    newest: BTreeMap<ShardKey, (u64, i64)>,
}

/// How far [`Db::compact`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactProgress {
    /// Rows of segments that were written again so far.
    pub rows_done: u64,
    /// Rows of the segments that are to be written again, about: rows written twice count twice.
    pub rows: u64,
}

impl Db {
    /// Does at once what [`Db::step`] does in time: seals, merges the segments of every shard into one (or, where that would be larger
    /// than eight times [`merge_bytes`](crate::DbBuilder::merge_bytes), a few), leaves out what was deleted, and presses values as hard as
    /// is done with shards that are over.
    ///
    /// Others may read and write meanwhile. `progress` is called now and then. Takes memory for the blocks of one measurement of
    /// one such segment.
    ///
    /// ```
    /// use stripchart_core::{Precision, Timestamp};
    /// use stripchart_storage::Db;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path())?;
    /// db.create_database("demo", None)?;
    /// for body in ["cpu usage=1 60", "cpu usage=2 70"] {
    ///     let writer = db.writer("demo", None)?;
    ///     writer.write_lines(body.as_bytes(), Precision::Seconds, Timestamp::EPOCH)?;
    ///     db.seal()?;
    /// }
    /// db.compact(|progress| println!("{} of {} rows", progress.rows_done, progress.rows))?;
    /// assert_eq!(db.stats().segments, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A failure of a file, or a damaged one: the others have been compacted then.
    pub fn compact(&self, progress: impl FnMut(CompactProgress)) -> Result<(), DbError> {
        self.shared.compact(progress)
    }
}

impl Shared {
    /// Merges a little; when to go on.
    pub(crate) fn step_merge(&self, work: &mut Maintenance, now: i64) -> Option<i64> {
        if let Some(until) = work.compaction.rest_until.filter(|until| *until > now) {
            return Some(until);
        }
        if work.compaction.taken {
            return None;
        }
        let began = self.options.clock.now().nanos();
        let mut budget = self.options.merge_step_values;
        loop {
            if work.compaction.job.is_none() {
                let version = Arc::clone(&self.version.read());
                let (run, wake) = self.due(work, &version, now);
                let Some((run, effort)) = run else { return wake };
                let bytes = run.iter().map(|segment| segment.bytes).sum();
                // One alone is written again without what was deleted.
                if !self.has_room(bytes, run.len() == 1) {
                    let until = now.saturating_add(RETRY_NS);
                    work.compaction.rest_until = Some(until);
                    return Some(until);
                }
                match Job::begin(self, work, run.clone(), effort) {
                    Ok(job) => work.compaction.job = Some(job),
                    Err(error) => self.blame(work, &run, error, now),
                }
            }
            self.advance(work, &mut budget, now);
            work.compaction.rest_until = work.compaction.rest_until.filter(|until| *until > now);
            if let Some(until) = work.compaction.rest_until {
                return Some(until);
            }
            if budget == 0 {
                let worked = self.options.clock.now().nanos().saturating_sub(began).max(0);
                let rest = if self.is_behind() { 0 } else { worked };
                let until = now.saturating_add(worked).saturating_add(rest);
                work.compaction.rest_until = Some(until);
                return Some(until);
            }
        }
    }

    /// Goes on with the job at hand, if there is one.
    fn advance(&self, work: &mut Maintenance, budget: &mut u64, now: i64) {
        let Some(mut job) = work.compaction.job.take() else { return };
        if !job.is_wanted(&self.version.read()) {
            return;
        }
        let run = job.run().to_vec();
        let result = match job.advance(budget) {
            Ok(false) => {
                work.compaction.job = Some(job);
                return;
            }
            Ok(true) => self.finish(work, job),
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            self.blame(work, &run, error, now);
        }
    }

    /// Remembers why `run` could not be merged: a source that cannot be read is left alone from then on, whatever else it was is
    /// tried again later.
    fn blame(&self, work: &mut Maintenance, run: &[Arc<Segment>], error: ReadError, now: i64) {
        self.failed(&error);
        match run.iter().find(|segment| segment.path == error.path()) {
            Some(segment) => drop(work.unreadable.insert(segment.footer.id)),
            None => work.compaction.rest_until = Some(now.saturating_add(RETRY_NS)),
        }
    }

    /// Whether segments come faster than they are merged.
    fn is_behind(&self) -> bool {
        let version = Arc::clone(&self.version.read());
        shards(&version).values().any(|list| list.len() >= URGENT)
    }

    /// What to merge next, or when there may be something.
    fn due(
        &self,
        work: &mut Maintenance,
        version: &Version,
        now: i64,
    ) -> (Option<Due>, Option<i64>) {
        let shards = shards(version);
        let hot = shards.values().find_map(|list| hot(list, work, self.options.merge_bytes));
        if let Some(run) = hot {
            return (Some((run, Effort::Hot)), None);
        }
        match work.purge.next(version, &work.unreadable) {
            Ok(Some(segment)) => {
                let effort = segment.footer.effort.max(Effort::Hot);
                return (Some((vec![segment], effort)), None);
            }
            Ok(None) => {}
            Err((id, error)) => {
                self.failed(&error);
                work.unreadable.insert(id);
            }
        }
        self.closed(work, &shards, now)
    }

    /// Shards that are over: what to merge, or when the next is due.
    fn closed(
        &self,
        work: &mut Maintenance,
        shards: &BTreeMap<ShardKey, Run>,
        now: i64,
    ) -> (Option<Due>, Option<i64>) {
        work.compaction.newest.retain(|shard, _| shards.contains_key(shard));
        let mut wake = None;
        let done = |list: &Run| list.len() == 1 && list[0].footer.effort == Effort::Cold;
        for (shard, list) in shards.iter().filter(|(_, list)| !done(list)) {
            let newest = list.iter().map(|segment| segment.footer.id).max().unwrap_or_default();
            let seen = work.compaction.newest.entry(*shard).or_insert((newest, now));
            if seen.0 != newest {
                *seen = (newest, now);
            }
            let at = seen.1.max(shard.1.1).saturating_add(QUIET_NS);
            let runs = chunks(list, work, self.options.merge_bytes.saturating_mul(CLOSED_FACTOR));
            let worth = |run: &&Run| {
                let largest = run.iter().map(|segment| segment.bytes).max().unwrap_or(0);
                let all: u64 = run.iter().map(|segment| segment.bytes).sum();
                match run.as_slice() {
                    [only] => only.footer.effort != Effort::Cold,
                    _ => largest <= (all - largest).saturating_mul(LATE_PART),
                }
            };
            let Some(run) = runs.iter().find(worth) else { continue };
            if at <= now {
                return (Some((run.clone(), Effort::Cold)), None);
            }
            wake = Some(wake.map_or(at, |wake: i64| wake.min(at)));
        }
        (None, wake)
    }

    fn compact(&self, mut progress: impl FnMut(CompactProgress)) -> Result<(), DbError> {
        self.seal()?;
        // What merging makes look new, and tombstones that go, must have been seen.
        self.roll_up(self.options.clock.now().nanos())?;
        let _alone = Alone::new(self);
        let limit = self.options.merge_bytes.saturating_mul(CLOSED_FACTOR);
        let mut runs = self.all_runs(&mut self.maintenance.lock(), limit)?;
        let rows = runs.iter().flatten().map(|segment| segment.footer.rows).sum();
        let (mut rows_done, mut failed) = (0, None);
        runs.reverse();
        while let Some(run) = runs.pop() {
            match self.compact_run(&run, |of_run| {
                progress(CompactProgress { rows_done: rows_done + of_run, rows });
            }) {
                Ok(()) => {}
                Err(error) => failed = Some(error),
            }
            rows_done += run.iter().map(|segment| segment.footer.rows).sum::<u64>();
            progress(CompactProgress { rows_done, rows });
        }
        self.drop_tombstones(&mut self.maintenance.lock())?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Everything that would be merged if there were no hurry and no wait.
    fn all_runs(&self, work: &mut Maintenance, limit: u64) -> Result<Vec<Run>, ReadError> {
        let version = Arc::clone(&self.version.read());
        let mut runs = Vec::new();
        for list in shards(&version).values() {
            for run in chunks(list, work, limit) {
                let mut due = run.len() > 1 || run[0].footer.effort != Effort::Cold;
                for segment in &run {
                    for tombstone in version.tombstones.iter() {
                        due = due || tombstone.touches(segment)?;
                    }
                }
                runs.extend(due.then_some(run));
            }
        }
        Ok(runs)
    }

    /// Merges `run`, if all of it is still there, with pauses in which others may seal.
    fn compact_run(&self, run: &Run, mut progress: impl FnMut(u64)) -> Result<(), ReadError> {
        let mut work = self.maintenance.lock();
        let mut job = Job::begin(self, &mut work, run.clone(), Effort::Cold)?;
        drop(work);
        loop {
            let mut work = self.maintenance.lock();
            if !job.is_wanted(&self.version.read()) {
                return Ok(());
            }
            let mut budget = self.options.merge_step_values;
            if job.advance(&mut budget)? {
                return self.finish(&mut work, job);
            }
            drop(work);
            progress(job.rows());
        }
    }
}

/// Keeps steps from merging, until it is dropped.
pub(crate) struct Alone<'a>(&'a Shared);

impl<'a> Alone<'a> {
    pub(crate) fn new(shared: &'a Shared) -> Self {
        let mut work = shared.maintenance.lock();
        // What a step has begun is begun anew.
        work.compaction.job = None;
        work.compaction.taken = true;
        Alone(shared)
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.0.maintenance.lock().compaction.taken = false;
    }
}

/// The segments of each shard, by rising rank.
fn shards(version: &Version) -> BTreeMap<ShardKey, Run> {
    let mut shards: BTreeMap<ShardKey, Run> = BTreeMap::new();
    for segment in version.segments.values().flatten() {
        let shard = (segment.footer.policy, segment.footer.shard);
        shards.entry(shard).or_default().push(Arc::clone(segment));
    }
    shards
}

/// Segments of a shard that takes rows to be merged into one.
fn hot(list: &[Arc<Segment>], work: &Maintenance, merge_bytes: u64) -> Option<Run> {
    let limit = merge_bytes.max(SMALLEST);
    let mut class = SMALLEST;
    while class <= limit {
        let small = |segment: &Arc<Segment>| segment.bytes <= class && work.may_merge(segment);
        for run in list.chunk_by(|a, b| small(a) == small(b)).filter(|run| small(&run[0])) {
            let mut total = 0;
            let fits = |segment: &&Arc<Segment>| {
                total += segment.bytes;
                total <= limit
            };
            let run: Run = run.iter().take_while(fits).map(Arc::clone).collect();
            if run.len() >= MIN_RUN {
                return Some(run);
            }
        }
        class = class.saturating_mul(4);
    }
    None
}

/// The segments of a shard, those that may be merged in runs of up to `limit` bytes; no run goes across one that may not.
fn chunks(list: &[Arc<Segment>], work: &Maintenance, limit: u64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut total = 0;
    let mut open = false;
    for segment in list {
        if !work.may_merge(segment) {
            open = false;
            continue;
        }
        total += segment.bytes;
        match runs.last_mut() {
            Some(run) if open && total <= limit => run.push(Arc::clone(segment)),
            _ => {
                runs.push(vec![Arc::clone(segment)]);
                (total, open) = (segment.bytes, true);
            }
        }
    }
    runs
}
