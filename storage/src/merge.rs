//! Merging the small segments of a shard, so that their number stays small.
//!
//! Segments of about one size (within a factor of four) that stand next to one another in rank become one; so a row is
//! written again about once per factor of four, and a shard has a few segments of each size. The new segment names those it
//! replaces: should a crash leave them behind, opening removes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stripchart_core::FieldType;

use crate::catalog::{Catalog, PolicyId};
use crate::codec::Effort;
use crate::db::Shared;
use crate::maintain::{Garbage, Maintenance};
use crate::rows::{Rows, Wanted};
use crate::scan::{clusters, load_cluster};
use crate::segment::Segment;
use crate::segment::write::{Identity, SegmentWriter};
use crate::tombstone::Deletes;
use crate::view::{View, ViewInner};
use crate::{Cancel, ReadError, TagFilter};

/// Segments that are merged at least; fewer are left as they are.
const MIN_RUN: usize = 4;
/// Segments up to this size are of the smallest class.
const SMALLEST: u64 = 64 << 10;

/// Merges what is due.
pub(crate) fn merge_small(shared: &Shared, work: &mut Maintenance) -> Result<(), ReadError> {
    loop {
        let version = Arc::clone(&shared.version.read());
        let mut run =
            version.segments.values().find_map(|list| due(list, work, shared.options.merge_bytes));
        if run.is_none() {
            match work.purge.next(&version, &work.unreadable) {
                Ok(segment) => run = segment.map(|segment| vec![segment]),
                Err((id, error)) => {
                    work.unreadable.insert(id);
                    return Err(error);
                }
            }
        }
        let Some(run) = run else { return Ok(()) };
        if let Err(error) = merge(shared, work, &run) {
            // Whatever is wrong with them, it will be wrong the next time.
            work.unreadable.extend(run.iter().map(|segment| segment.footer.id));
            return Err(error);
        }
    }
}

/// Segments of one policy to be merged into one.
fn due(list: &[Arc<Segment>], work: &Maintenance, merge_bytes: u64) -> Option<Vec<Arc<Segment>>> {
    let mut shards: BTreeMap<(i64, i64), Vec<&Arc<Segment>>> = BTreeMap::new();
    for segment in list {
        shards.entry(segment.footer.shard).or_default().push(segment);
    }
    for segments in shards.values() {
        let mut class = SMALLEST;
        while class <= merge_bytes.max(SMALLEST) {
            let small = |segment: &&Arc<Segment>| segment.bytes <= class && work.may_merge(segment);
            for run in segments.chunk_by(|a, b| small(a) == small(b)).filter(|run| small(&run[0])) {
                let mut total = 0;
                let fits = |segment: &&&Arc<Segment>| {
                    total += segment.bytes;
                    total <= merge_bytes.max(SMALLEST)
                };
                let run: Vec<_> =
                    run.iter().take_while(fits).map(|segment| Arc::clone(segment)).collect();
                if run.len() >= MIN_RUN {
                    return Some(run);
                }
            }
            class *= 4;
        }
    }
    None
}

fn merge(shared: &Shared, work: &mut Maintenance, run: &[Arc<Segment>]) -> Result<(), ReadError> {
    let Some(newest) = run.last() else { return Ok(()) };
    let (policy, shard) = (newest.footer.policy, newest.footer.shard);
    let id = work.segment_id();
    let identity = Identity {
        policy,
        shard,
        rank: newest.footer.rank,
        id,
        level: run.iter().map(|segment| segment.footer.level).max().unwrap_or(0).saturating_add(1),
        effort: Effort::Hot,
        replaces: run.iter().map(|segment| segment.footer.id).collect(),
    };
    let folder = shared.shard_folder(policy, shard)?;
    let mut writer = SegmentWriter::create(shared.vfs(), &folder, identity)?;
    let tombstones = Arc::clone(&shared.version.read().tombstones);
    copy_rows(run, Deletes::of(&tombstones, policy), policy, &mut writer)?;
    // None if all of it was deleted.
    let merged = shared.open_written(work, writer, Garbage::new(&folder, id))?.map(Arc::new);
    shared.replace_segments(work, run, merged.as_ref());
    let replaced: Vec<u64> = run.iter().map(|segment| segment.footer.id).collect();
    let applied: Vec<u64> = tombstones.iter().map(|tombstone| tombstone.rank).collect();
    work.purge.rewritten(&replaced, merged.map(|segment| segment.footer.id), &applied);
    Ok(())
}

/// Writes the rows of all `run`, merged.
fn copy_rows(
    run: &[Arc<Segment>],
    deletes: Deletes,
    policy: PolicyId,
    writer: &mut SegmentWriter<'_>,
) -> Result<(), ReadError> {
    let inner = Arc::new(ViewInner {
        policy,
        catalog: Arc::new(Catalog::default()),
        heads: Vec::new(),
        segments: run.to_vec(),
        deletes,
        cancel: Cancel::new(),
        horizon: i64::MIN,
    });
    let view = View::of(inner);
    for measurement in view.measurements()? {
        let wanted = fields_of(run, &measurement)?;
        writer.table(&measurement, wanted.clone())?;
        for series in view.series(&measurement, &TagFilter::All)? {
            let all = (i64::MIN, i64::MAX);
            let mut rows = Rows::empty(&wanted);
            for cluster in clusters(&series, &wanted, all.0, all.1)? {
                let more = load_cluster(cluster, &wanted, all)?;
                more.slice(0, more.len(), &wanted, &mut rows);
            }
            writer.series(series.key(), &rows);
        }
    }
    Ok(())
}

/// The fields that any of the segments has of a measurement, sorted.
fn fields_of(run: &[Arc<Segment>], measurement: &str) -> Result<Vec<Wanted>, ReadError> {
    let mut fields: BTreeSet<(String, FieldType)> = BTreeSet::new();
    for segment in run {
        fields.extend(segment.fields(measurement)?);
    }
    Ok(fields.into_iter().map(|(name, field_type)| Wanted { name, field_type }).collect())
}
