//! Merging segments into one, a little at a time.
//!
//! A [`Job`] reads its sources side by side, series by series, and writes the rows that are left of each: of rows written twice the
//! later one, of deleted ones none. It can be left at any series and gone on with later, so that nobody waits for a large merge.
//! The new segment names those it replaces, and they are removed once it is durable: should a crash leave some of them, opening
//! removes them.
//!
//! Groups of rows that one source alone has, pressed as hard as the new segment shall be, are copied with their checksums: a delete, or rows
//! that came late, cost what they touch, and not all that was merged before.
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
use crate::rows::{ColumnBuilder, Rows, Wanted};
use crate::scan::{Piece, PieceRows, clusters, load_cluster};
use crate::segment::copy::Copied;
use crate::segment::write::{Identity, PartOfSeries, SHORT_ROWS, SegmentWriter};
use crate::segment::{GROUP_ROWS, Run, Segment};
use crate::tombstone::Deletes;
use crate::view::{Series, ViewInner};
use crate::{Cancel, ReadError};

/// How many times as long it takes to write a value so that it takes the fewest bytes.
const COLD_COST: u64 = 4;
/// How many values are copied in the time that one takes to be written.
const COPIES: u64 = 16;

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
    /// Of these, rows whose blocks were copied.
    copied_rows: u64,
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
            reads: None,
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
            copied_rows: 0,
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
            let parts = parts_of(&series, wanted, self.effort)?;
            let as_written: Vec<PartOfSeries<'_>> = parts.iter().map(Part::as_written).collect();
            self.writer.series_of_parts(series.key(), &as_written)?;
            let (mut rows, mut copied) = (0, 0);
            for part in &parts {
                match part {
                    Part::Rows(part) => rows += part.len(),
                    Part::Copied(part) => copied += part.timestamps.len(),
                }
            }
            self.rows += (rows + copied) as u64;
            self.copied_rows += copied as u64;
            let cost = (rows * wanted.len()) as u64;
            let cost = if self.effort == Effort::Cold { cost * COLD_COST } else { cost };
            let cost = cost + (copied * wanted.len()) as u64 / COPIES;
            // A series costs something even if it has few values.
            *budget = budget.saturating_sub(cost.max(64));
        }
        Ok(false)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Some rows of a series, in order of time.
enum Part {
    Rows(Rows),
    Copied(Copied),
}

impl Part {
    fn as_written(&self) -> PartOfSeries<'_> {
        match self {
            Part::Rows(rows) => PartOfSeries::Rows(rows),
            Part::Copied(copied) => PartOfSeries::Copied(copied),
        }
    }
}

/// All rows of a series, merged: groups that can be copied, and between them what has to be encoded.
fn parts_of(series: &Series, wanted: &[Wanted], effort: Effort) -> Result<Vec<Part>, ReadError> {
    let all = (i64::MIN, i64::MAX);
    let (mut parts, mut pending) = (Vec::new(), Pending::default());
    let mut clusters = clusters(series, wanted, all.0, all.1)?;
    while let Some(cluster) = clusters.pop_front() {
        match copyable(&cluster, effort) {
            Some((segment, run)) if pending.may_end(run, clusters.is_empty()) => {
                parts.extend(pending.take(wanted).map(Part::Rows));
                parts.push(Part::Copied(segment.copy_run(run, wanted)?));
            }
            _ => pending.push(load_cluster(cluster, wanted, all)?),
        }
    }
    parts.extend(pending.take(wanted).map(Part::Rows));
    Ok(parts)
}

/// The run that a cluster is, if nothing else has rows in it, nothing of it is deleted, it has its blocks for itself, and these are pressed hard
/// enough.
fn copyable(cluster: &[Piece], effort: Effort) -> Option<(&Segment, &Run)> {
    let [Piece { rows: PieceRows::Sealed { segment, run }, .. }] = cluster else { return None };
    (run.alone() && segment.footer.effort >= effort).then_some((segment, run))
}

/// Rows that were read and wait for more.
#[derive(Default)]
struct Pending {
    rows: Vec<Rows>,
    len: usize,
}

impl Pending {
    fn push(&mut self, rows: Rows) {
        self.len += rows.len();
        self.rows.push(rows);
    }

    /// Whether what waits may become groups of its own so that `run` can be copied; not if either were a small block that many merges would
    /// leave behind them.
    fn may_end(&self, run: &Run, is_last: bool) -> bool {
        let rows = run.rows as usize;
        let enough = rows >= GROUP_ROWS;
        match self.len % GROUP_ROWS {
            0 if self.len == 0 => enough || is_last && rows >= SHORT_ROWS,
            rest => enough && (rest == 0 || rest >= GROUP_ROWS / 2 || self.len > GROUP_ROWS),
        }
    }

    /// All of it, one behind the other.
    fn take(&mut self, wanted: &[Wanted]) -> Option<Rows> {
        self.len = 0;
        let mut rows = std::mem::take(&mut self.rows);
        if rows.len() < 2 {
            return rows.pop();
        }
        let timestamps = rows.iter().flat_map(|rows| &rows.timestamps).copied().collect();
        let columns = wanted.iter().enumerate().map(|(at, wanted)| {
            let mut column = ColumnBuilder::new(wanted.field_type);
            rows.iter().for_each(|rows| column.extend(&rows.columns[at], rows.len()));
            column.finish()
        });
        Some(Rows { timestamps, columns: columns.collect() })
    }
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

#[cfg(test)]
mod tests;
