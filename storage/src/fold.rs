//! Aggregating one field of one series over buckets, by statistics where they suffice.

use crate::rows::{Rows, Wanted};
use crate::scan::{clusters, load_cluster};
use crate::view::{Series, ViewInner};
use crate::{Partials, ReadError};

/// See [`View::fold`](crate::View::fold).
pub(crate) fn fold(
    view: &ViewInner,
    series: &Series,
    wanted: Wanted,
    edges: &[i64],
    into: &mut Partials,
) -> Result<(), ReadError> {
    let (Some(first), Some(end)) = (edges.first(), edges.last()) else { return Ok(()) };
    let start = (*first).max(view.horizon);
    let wanted = [wanted];
    for cluster in clusters(view, series, &wanted, start, *end)? {
        let rows = load_cluster(cluster, &wanted, (start, *end))?;
        add_rows(&rows, edges, into);
    }
    Ok(())
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
