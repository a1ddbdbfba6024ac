//! What reading cost: how much was answered from what is known of blocks, and how much had to be decoded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts what is read from a view; cloned, handed to it by [`View::counted_by`](crate::View::counted_by), and read from any thread.
///
/// ```
/// use stripchart_core::{Batch, Sink, Timestamp};
/// use stripchart_storage::{Aggregates, Db, FoldOptions, Reads, TagFilter};
///
/// let folder = tempfile::tempdir()?;
/// let db = Db::open(folder.path())?;
/// db.create_database("demo", None)?;
/// let mut batch = Batch::new();
/// let series = batch.series("cpu", [("host", "a")])?;
/// for second in 0..100 {
///     batch.row(series, Timestamp::from_secs(second)).i64("n", second * second);
/// }
/// db.writer("demo", None)?.write(&batch)?;
/// db.seal()?;
///
/// let reads = Reads::new();
/// let view = db.view("demo", None)?.counted_by(&reads);
/// let series = view.series("cpu", &TagFilter::All)?;
/// let sum = |edges: &[i64]| {
///     view.fold_many(&[&series], &["n"], edges, Aggregates::SUM, FoldOptions::new(), |_, _| {})
/// };
/// sum(&[0, i64::MAX])?;
/// assert_eq!((reads.blocks_described(), reads.blocks_decoded()), (1, 0));
/// sum(&[7_000_000_000, 9_000_000_000])?;
/// assert_eq!((reads.blocks_described(), reads.blocks_decoded()), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Reads(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    described: AtomicU64,
    decoded: AtomicU64,
    skipped: AtomicU64,
    bytes: AtomicU64,
    rows: AtomicU64,
}

impl Reads {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Reads::default()
    }

    /// Blocks of a field that folds answered from their description, none of it decoded.
    #[must_use]
    pub fn blocks_described(&self) -> u64 {
        self.0.described.load(Ordering::Relaxed)
    }

    /// Blocks of a field that folds and [`View::for_each_block`](crate::View::for_each_block) decoded.
    #[must_use]
    pub fn blocks_decoded(&self) -> u64 {
        self.0.decoded.load(Ordering::Relaxed)
    }

    /// Blocks of a field that were not read, because their statistics show that no row meets a condition.
    #[must_use]
    pub fn blocks_skipped(&self) -> u64 {
        self.0.skipped.load(Ordering::Relaxed)
    }

    /// Bytes of the blocks that were decoded, as far as [`Reads::blocks_decoded`] counts them.
    #[must_use]
    pub fn bytes_decoded(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Rows that scans yielded.
    #[must_use]
    pub fn rows_scanned(&self) -> u64 {
        self.0.rows.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, of: &FoldReads) {
        self.0.described.fetch_add(of.described, Ordering::Relaxed);
        self.0.decoded.fetch_add(of.decoded, Ordering::Relaxed);
        self.0.skipped.fetch_add(of.skipped, Ordering::Relaxed);
        self.0.bytes.fetch_add(of.bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_skipped(&self, blocks: usize) {
        self.0.skipped.fetch_add(blocks as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_rows(&self, rows: usize) {
        self.0.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }
}

/// What a reader has read so far: counted by itself, since a block takes less time than a counter that others may look at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FoldReads {
    pub(crate) described: u64,
    pub(crate) decoded: u64,
    pub(crate) skipped: u64,
    pub(crate) bytes: u64,
}
