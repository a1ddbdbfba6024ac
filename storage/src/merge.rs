//! Merging segments into one, a little at a time.
//!
//! A [`Job`] reads its sources side by side, series by series, and writes the rows that are left of each: of rows written twice the
//! later one, of deleted ones none. It can be left at any series and gone on with later, so that nobody waits for a large merge.
//! The new segment names those it replaces, and they are removed once it is durable: should a crash leave some of them, opening
//! removes them.
//!
//! In memory are the blocks of the measurement at hand, as the segment will have them, and the rows of one series.

mod cursor;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use stripchart_core::FieldType;

pub(crate) use self::cursor::Keys;
use crate::catalog::Catalog;
use crate::codec::Effort;
use crate::db::{Shared, Version};
use crate::maintain::{Garbage, Maintenance};
use crate::rows::{Rows, Wanted};
use crate::scan::{clusters, load_cluster};
use crate::segment::Segment;
use crate::segment::write::{Identity, SegmentWriter};
use crate::tombstone::Deletes;
use crate::view::{Series, ViewInner};
use crate::{Cancel, ReadError};

/// How many times as long it takes to write a value so that it takes the fewest bytes.
const COLD_COST: u64 = 4;

/// A merge that has begun.
pub(crate) struct Job {
    /// By rising rank.
    run: Vec<Arc<Segment>>,
    id: u64,
    folder: PathBuf,
    writer: SegmentWriter,
    /// What the sources are read through.
    view: Arc<ViewInner>,
    effort: Effort,
    /// Ranks of the tombstones whose rows are left out.
    applied: Vec<u64>,
    tables: std::vec::IntoIter<String>,
    table: Option<(Vec<Wanted>, Keys)>,
    rows: u64,
}

impl Job {
    /// Begins to merge `run`, segments of one shard that stand next to one another in rank; one alone is written again.
    pub(crate) fn begin(
        shared: &Shared,
        work: &mut Maintenance,
        run: Vec<Arc<Segment>>,
        effort: Effort,
    ) -> Result<Job, ReadError> {
        let (mut rank, mut policy, mut shard, mut level) = Default::default();
        let (mut replaces, mut names) = (Vec::new(), BTreeSet::new());
        for segment in &run {
            let footer = &segment.footer;
            (rank, policy, shard) = (footer.rank, footer.policy, footer.shard);
            level = footer.level.max(level);
            replaces.push(footer.id);
            names.extend(segment.root()?.measurements().map(str::to_owned));
        }
        let tombstones = Arc::clone(&shared.version.read().tombstones);
        let view = ViewInner {
            policy,
            catalog: Arc::new(Catalog::default()),
            heads: Vec::new(),
            segments: run.clone(),
            deletes: Deletes::of(&tombstones, policy),
            cancel: Cancel::new(),
            horizon: i64::MIN,
        };
        let id = work.segment_id();
        let folder = shared.shard_folder(policy, shard)?;
        let level = level.saturating_add(1);
        let identity = Identity { policy, shard, rank, id, level, effort, replaces };
        let writer = SegmentWriter::create(&shared.options.vfs, &folder, identity)?;
        Ok(Job {
            run,
            id,
            folder,
            writer,
            view: Arc::new(view),
            effort,
            applied: tombstones.iter().map(|tombstone| tombstone.rank).collect(),
            tables: names.into_iter().collect::<Vec<_>>().into_iter(),
            table: None,
            rows: 0,
        })
    }

    /// The sources.
    pub(crate) fn run(&self) -> &[Arc<Segment>] {
        &self.run
    }

    /// Rows written so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether all sources are still there: a shard may be dropped meanwhile.
    pub(crate) fn is_wanted(&self, version: &Version) -> bool {
        let list = version.segments.get(&self.view.policy);
        let there = |source: &Arc<Segment>| {
            list.is_some_and(|list| list.iter().any(|segment| Arc::ptr_eq(segment, source)))
        };
        self.run.iter().all(there)
    }

    /// Goes on until about `budget` values have been copied, and takes them off it; whether that was all.
    pub(crate) fn advance(&mut self, budget: &mut u64) -> Result<bool, ReadError> {
        while *budget > 0 {
            let Some((wanted, keys)) = &mut self.table else {
                let Some(name) = self.tables.next() else { return Ok(true) };
                let wanted = fields_of(&self.run, &name)?;
                self.writer.table(&name, wanted.clone())?;
                self.table = Some((wanted, Keys::new(&self.run, &name)?));
                continue;
            };
            let Some((key, places)) = keys.next()? else {
                self.table = None;
                continue;
            };
            let series = Series::of(&self.view, key, places);
            let rows = rows_of(&series, wanted)?;
            self.writer.series(series.key(), &rows);
            self.rows += rows.len() as u64;
            // A series costs something even if it has few values.
            let cost = (rows.len() * wanted.len()).max(64) as u64;
            let cost = if self.effort == Effort::Cold { cost * COLD_COST } else { cost };
            *budget = budget.saturating_sub(cost);
        }
        Ok(false)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.id).finish_non_exhaustive()
    }
}

/// All rows of a series, merged.
fn rows_of(series: &Series, wanted: &[Wanted]) -> Result<Rows, ReadError> {
    let all = (i64::MIN, i64::MAX);
    let mut rows = Rows::empty(wanted);
    for cluster in clusters(series, wanted, all.0, all.1)? {
        let more = load_cluster(cluster, wanted, all)?;
        more.slice(0, more.len(), wanted, &mut rows);
    }
    Ok(rows)
}

/// The fields that any of the segments has of a measurement, sorted.
pub(crate) fn fields_of(run: &[Arc<Segment>], measurement: &str) -> Result<Vec<Wanted>, ReadError> {
    let mut fields: BTreeSet<(String, FieldType)> = BTreeSet::new();
    for segment in run {
        fields.extend(segment.fields(measurement)?);
    }
    Ok(fields.into_iter().map(|(name, field_type)| Wanted { name, field_type }).collect())
}

impl Shared {
    /// Makes the new segment durable and puts it in the place of its sources.
    pub(crate) fn finish(&self, work: &mut Maintenance, job: Job) -> Result<(), ReadError> {
        let Job { run, id, folder, writer, applied, .. } = job;
        // None if all of it was deleted.
        let merged = self.open_written(work, writer, Garbage::new(&folder, id))?.map(Arc::new);
        self.replace_segments(work, &run, merged.as_ref());
        let replaced: Vec<u64> = run.iter().map(|segment| segment.footer.id).collect();
        work.purge.rewritten(&replaced, merged.map(|segment| segment.footer.id), &applied);
        Ok(())
    }
}
