//! Reading the rows of one series from all places where some are.
//!
//! Every place yields pieces: blocks of segments, and what a head has inside the range. Pieces that overlap in time form
//! a cluster and are decoded together and merged; a piece that overlaps none is a cluster by itself, which in practice
//! almost all are. So memory is bounded by the largest cluster, and a reader that stops early decodes no more than it
//! has seen.

use std::collections::VecDeque;
use std::sync::Arc;
use stripchart_core::Column;

use crate::ReadError;
use crate::cancel::Cancel;
use crate::rows::{Rows, Wanted, merge, pad};
use crate::segment::{Run, Segment};
use crate::view::Series;

/// Heads rank above segments.
const HEAD_RANK: u32 = u32::MAX / 2;

/// Rows that a block of a scan has at most.
pub(crate) const BLOCK_ROWS: usize = 1024;

/// In which order a scan yields rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Earliest first.
    #[default]
    Ascending,
    /// Latest first.
    Descending,
}

/// Rows of one series.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RowBlock {
    /// For each row its time, nanoseconds since the epoch; strictly ascending, or descending if the scan was asked so.
    pub timestamps: Vec<i64>,
    /// The fields in the order asked for, each as long as the timestamps.
    pub columns: Vec<Column>,
}

/// A run of rows in time order, somewhere.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Times of the first and the last row, both inside.
    pub(crate) bounds: (i64, i64),
    /// Later writes have higher ranks.
    pub(crate) rank: u32,
    pub(crate) rows: PieceRows,
}

#[derive(Debug)]
pub(crate) enum PieceRows {
    /// Read already.
    Loaded(Rows),
    /// A run of rows of a segment.
    Sealed { segment: Arc<Segment>, run: Run },
}

impl Piece {
    /// Rows that were read already; `None` if there are none.
    fn loaded(rows: Rows, rank: u32) -> Option<Piece> {
        let bounds = (*rows.timestamps.first()?, *rows.timestamps.last()?);
        Some(Piece { bounds, rank, rows: PieceRows::Loaded(rows) })
    }

    pub(crate) fn load(self, wanted: &[Wanted]) -> Result<Rows, ReadError> {
        match self.rows {
            PieceRows::Loaded(rows) => Ok(rows),
            PieceRows::Sealed { segment, run } => segment.load(&run, wanted),
        }
    }
}

/// The pieces of `series` that touch `start..end`, those that overlap together, in order of time; within a cluster in
/// order of rank.
pub(crate) fn clusters(
    series: &Series,
    wanted: &[Wanted],
    start: i64,
    end: i64,
) -> Result<VecDeque<Vec<Piece>>, ReadError> {
    let mut pieces = pieces(series, wanted, start, end)?;
    pieces.sort_by_key(|piece| piece.bounds);
    let mut clusters: VecDeque<Vec<Piece>> = VecDeque::new();
    let mut last = i64::MIN;
    for piece in pieces {
        let (begins, ends) = piece.bounds;
        match clusters.back_mut() {
            Some(cluster) if begins <= last => cluster.push(piece),
            _ => clusters.push_back(vec![piece]),
        }
        last = last.max(ends);
    }
    clusters.iter_mut().for_each(|cluster| cluster.sort_by_key(|piece| piece.rank));
    Ok(clusters)
}

/// Every place where rows of `series` inside `start..end` are, and none of them is deleted: what is partly deleted is read and
/// filtered here.
fn pieces(
    series: &Series,
    wanted: &[Wanted],
    start: i64,
    end: i64,
) -> Result<Vec<Piece>, ReadError> {
    let view = &series.view;
    let mut pieces = Vec::new();
    for (at, number, bounds) in &series.inner.segments {
        let segment = &view.segments[*at as usize];
        if bounds.1 < start || bounds.0 >= end {
            continue;
        }
        let deleted = view.deletes.ranges(series.key(), segment.footer.rank);
        for run in segment.runs(*number)? {
            let bounds = run.bounds;
            let outside = bounds.1 < start || bounds.0 >= end;
            if outside || deleted.cover(bounds) || !segment.has_values(&run, wanted)? {
                continue;
            }
            if deleted.touch(bounds) {
                // Statistics would count what is deleted.
                let rows = deleted.remove_from(segment.load(&run, wanted)?, wanted);
                pieces.extend(Piece::loaded(rows, *at));
                continue;
            }
            let rows = PieceRows::Sealed { segment: Arc::clone(segment), run };
            pieces.push(Piece { bounds, rank: *at, rows });
        }
    }
    for (at, slot) in &series.inner.heads {
        let (head, limit) = &view.heads[*at as usize];
        let rows = head.inner.read().read(*slot, *limit, wanted, start, end);
        pieces.extend(Piece::loaded(rows, HEAD_RANK + at));
    }
    Ok(pieces)
}

/// The rows of a cluster inside `start..end`, merged.
pub(crate) fn load_cluster(
    mut cluster: Vec<Piece>,
    wanted: &[Wanted],
    (start, end): (i64, i64),
) -> Result<Rows, ReadError> {
    let mut rows = match (cluster.pop(), cluster.is_empty()) {
        (Some(only), true) => only.load(wanted)?,
        (last, _) => {
            let all = cluster.into_iter().chain(last).map(|piece| piece.load(wanted));
            merge(&all.collect::<Result<Vec<_>, _>>()?, wanted)
        }
    };
    let from = rows.timestamps.partition_point(|at| *at < start);
    let to = rows.timestamps.partition_point(|at| *at < end).max(from);
    if (from, to) != (0, rows.len()) {
        rows = rows.range(from, to);
    }
    if let Some(fewer) = rows.with_values() {
        rows = fewer;
    }
    let len = rows.len();
    rows.columns.iter_mut().for_each(|column| pad(column, len));
    Ok(rows)
}

/// The rows of one series, block by block.
///
/// After an error the scan is over.
#[derive(Debug)]
pub struct SeriesScan {
    wanted: Vec<Wanted>,
    range: (i64, i64),
    direction: Direction,
    clusters: VecDeque<Vec<Piece>>,
    /// Rows of a cluster that are left to yield, and how many of them have been.
    rows: Rows,
    done: usize,
    failed: Option<ReadError>,
    cancel: Cancel,
}

impl SeriesScan {
    pub(crate) fn new(
        series: &Series,
        wanted: Vec<Wanted>,
        start: i64,
        end: i64,
        direction: Direction,
    ) -> Self {
        let (clusters, failed) = match clusters(series, &wanted, start, end) {
            Ok(clusters) => (clusters, None),
            Err(error) => (VecDeque::new(), Some(error)),
        };
        let rows = Rows::empty(&wanted);
        let cancel = series.view.cancel.clone();
        SeriesScan {
            wanted,
            range: (start, end),
            direction,
            clusters,
            rows,
            done: 0,
            failed,
            cancel,
        }
    }

    fn advance(&mut self) -> Result<Option<RowBlock>, ReadError> {
        while self.done == self.rows.len() {
            let next = match self.direction {
                Direction::Ascending => self.clusters.pop_front(),
                Direction::Descending => self.clusters.pop_back(),
            };
            let Some(cluster) = next else { return Ok(None) };
            self.cancel.check()?;
            self.rows = load_cluster(cluster, &self.wanted, self.range)?;
            self.done = 0;
        }
        Ok(Some(self.block()))
    }

    fn block(&mut self) -> RowBlock {
        let (len, from) = (self.rows.len(), self.done);
        let to = len.min(from + BLOCK_ROWS);
        self.done = to;
        let out = match self.direction {
            // The usual cluster is a block.
            Direction::Ascending if from == 0 && to == len => {
                self.done = 0;
                std::mem::replace(&mut self.rows, Rows::empty(&self.wanted))
            }
            Direction::Ascending => self.rows.range(from, to),
            Direction::Descending => {
                let rows: Vec<usize> = (len - to..len - from).rev().collect();
                self.rows.gather(&rows)
            }
        };
        RowBlock { timestamps: out.timestamps, columns: out.columns }
    }
}

impl Iterator for SeriesScan {
    type Item = Result<RowBlock, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = match self.failed.take() {
            Some(error) => Err(error),
            None => self.advance(),
        };
        if result.is_err() {
            self.clusters.clear();
            self.rows = Rows::default();
            self.done = 0;
        }
        result.transpose()
    }
}
