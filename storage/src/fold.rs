//! Aggregating one field of one series over buckets, by statistics where they suffice.

use crate::partials::Stats;
use crate::rows::{Rows, Wanted};
use crate::scan::{Piece, PieceRows, clusters, load_cluster};
use crate::segment::directory::Block;
use crate::view::Series;
use crate::{Partials, ReadError};

/// See [`View::fold`](crate::View::fold).
pub(crate) fn fold(
    series: &Series,
    wanted: Wanted,
    edges: &[i64],
    into: &mut Partials,
) -> Result<(), ReadError> {
    let (Some(first), Some(end)) = (edges.first(), edges.last()) else { return Ok(()) };
    let start = (*first).max(series.view.horizon);
    let wanted = [wanted];
    for cluster in clusters(series, &wanted, start, *end)? {
        if let Some((bucket, stats)) = by_stats(&cluster, edges, start) {
            into.add_stats(bucket, stats);
            continue;
        }
        let rows = load_cluster(cluster, &wanted, (start, *end))?;
        add_rows(&rows, edges, into);
    }
    Ok(())
}

/// The bucket that a cluster falls into as a whole, and its statistics, if it is one block that has them.
fn by_stats<'a>(cluster: &'a [Piece], edges: &[i64], start: i64) -> Option<(usize, &'a Stats)> {
    let [Piece { bounds: (first, last), rows: PieceRows::Sealed { blocks, .. }, .. }] = cluster
    else {
        return None;
    };
    let [Some(Block { stats: Some(stats), .. })] = blocks.as_slice() else { return None };
    let bucket = bucket_of(edges, *first)?;
    (*first >= start && *last < edges[bucket + 1]).then_some((bucket, stats))
}

/// The bucket that `at` falls into. Of equal edges the last counts: an empty bucket takes nothing.
fn bucket_of(edges: &[i64], at: i64) -> Option<usize> {
    let after = edges.partition_point(|edge| *edge <= at);
    (after < edges.len()).then(|| after.checked_sub(1)).flatten()
}

fn add_rows(rows: &Rows, edges: &[i64], into: &mut Partials) {
    let mut bucket = 0..0;
    let mut index = 0;
    for (row, at) in rows.timestamps.iter().enumerate() {
        if !bucket.contains(at) {
            let Some(found) = bucket_of(edges, *at) else { continue };
            (index, bucket) = (found, edges[found]..edges[found + 1]);
        }
        if let Some(value) = rows.columns[0].get(row) {
            into.add(index, *at, value);
        }
    }
}
