//! An embedded time-series database: line protocol in, columns out, nothing acknowledged lost.
//!
//! For programs that want to keep and query metrics without running a server: one folder, one process, no threads but those asked
//! for. Semantics are InfluxDB 1.x's: databases and retention policies; series identified by measurement and tags; rows of typed fields,
//! of which the last write wins, field by field.
//!
//! # The pieces
//!
//! | what | type |
//! | --- | --- |
//! | an open database: a cheap handle | [`Db`], opened with [`DbBuilder`]'s options |
//! | what exists in it | [`Catalog`], [`Database`], [`RetentionPolicy`] |
//! | writing | [`Writer`], a [`Sink`](stripchart_core::Sink) of batches and of line protocol |
//! | reading | [`View`], a snapshot; [`TagFilter`], [`Series`], [`SeriesScan`], [`RowBlock`] |
//! | aggregating where the data is | [`View::fold`], [`View::fold_many`] into [`Partials`]; [`View::last_values`], [`View::latest_rows`] |
//! | what there is, what it would cost, stopping it | [`View::series_count`], [`View::tag_values`], [`View::cost`], [`Cancel`] |
//! | reading beside another process | [`Sealed`] |
//! | taking out and putting in | [`Export`], [`Import`] |
//! | text form | [`line_protocol`] |
//! | files, real and simulated | [`vfs`] |
//!
//! # Example
//!
//! ```
//! use stripchart_core::{Batch, Sink, TimeRange, Timestamp};
//! use stripchart_storage::{Db, Direction, TagFilter};
//!
//! let folder = tempfile::tempdir()?;
//! let db = Db::open(folder.path())?;
//! db.create_database("demo", None)?;
//!
//! let mut batch = Batch::new();
//! let series = batch.series("cpu", [("host", "a")])?;
//! batch.row(series, Timestamp::from_secs(60)).f64("usage", 12.5);
//! db.writer("demo", None)?.write(&batch)?; // durable when it returns
//!
//! let view = db.view("demo", None)?;
//! let found = view.series("cpu", &TagFilter::All)?;
//! for block in view.scan(&found[0], &["usage"], TimeRange::ALL, Direction::Ascending) {
//!     assert_eq!(block?.columns[0].get_f64(0), Some(12.5));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! ```text
//! Writer -> plan -> log (one write, synced by policy) -> head (memory, packed) -> segments (sealed, mapped)
//!                                                          |                        |
//! View   <- scan, fold: pieces of both, merged by time  <--+------------------------+
//! ```
//!
//! A batch is one record of the log and one change of the head: it survives a crash, and is seen, whole or not at all. The head is
//! sealed by size and by age into a segment per policy and shard of time; small segments are merged; shards past their retention are
//! dropped whole. The formats are drawn in the modules that own them and in `docs/format`.
//!
//! # What is promised
//!
//! - A write that was acknowledged survives the end of the process, however it comes; with [`SyncPolicy::Always`], the default, a
//!   power cut too, if device and file system keep what they synced.
//! - What was deleted stays so: a [delete](Db::delete) is durable when it returns, and nothing that a crash leaves brings a row back.
//! - After a failed write or sync of the log nothing is acknowledged until the database has been opened again. For want of room writes
//!   are refused *before* the disk is full, and taken again by themselves once there is some ([`DbBuilder::min_free_bytes`]).
//! - Everything read from disk is checked against a checksum. Damage is an error that names file and offset, never a wrong number and
//!   never a panic. A file that is damaged is set aside, never deleted, and the rest is served: [`Db::health`] tells, [`Db::verify`]
//!   looks for it, [`DbBuilder::strict`] refuses instead. A folder that is not opened is left as it was. Folds and lent blocks compare
//!   the checksum of a block when it is read for the first time since its file was opened: of bytes that a device gets wrong later,
//!   scans, merging, export and [`Db::verify`] tell.
//! - No input panics. Nothing runs by itself: see [`Db::step`] and [`Db::spawn`].
//!
//! A segment that someone truncates while it is open, or that a failing device cannot read, is an error. Values are never read through
//! a map; the index is, behind a look at the length, which leaves a gap of microseconds that [`vfs::ReadMode`] describes and
//! [`vfs::ReadMode::Pread`] does not have.
//!
//! # Costs and limits
//!
//! A row costs one look-up of its series and a push per field, and one to three bytes per value for typical samples, in memory until it is
//! sealed and on disk then. Idle, an empty database takes well under a megabyte. A batch may have 16 million rows and 256 MiB in the log; a
//! series key 65 535 bytes. Deleting costs a small file, and writing the segments concerned again when [`Db::step`] comes to it. Merging
//! takes memory for the blocks of one measurement of one segment, at most eight times [`DbBuilder::merge_bytes`]; one step of it some
//! hundredths of a second. How much the folder may take, and how many series, measurements and fields there may be, is limited by
//! [`DbBuilder::max_disk_bytes`], [`DbBuilder::max_series`], [`DbBuilder::max_measurements`] and [`DbBuilder::max_fields`].
//!
//! # Features
//!
//! - `engine` (default): the database. Without it the crate is the [line-protocol parser](line_protocol) alone.
//! - `parquet`: [exports](Export) to Parquet files, and [imports](Import) of them; some twenty-five more crates.

#[cfg(feature = "engine")]
mod background;
#[cfg(feature = "engine")]
mod blocks;
#[cfg(feature = "engine")]
mod bytes;
#[cfg(feature = "engine")]
mod cancel;
#[cfg(feature = "engine")]
mod cardinality;
#[cfg(feature = "engine")]
mod catalog;
#[cfg(feature = "engine")]
mod codec;
#[cfg(feature = "engine")]
mod commit;
#[cfg(feature = "engine")]
mod compact;
#[cfg(feature = "engine")]
mod condition;
#[cfg(feature = "engine")]
mod crc;
#[cfg(feature = "engine")]
mod db;
#[cfg(feature = "engine")]
mod definition;
#[cfg(feature = "engine")]
mod delete;
#[cfg(feature = "engine")]
mod disk;
#[cfg(feature = "engine")]
mod dispatch;
#[cfg(feature = "engine")]
mod documents;
#[cfg(feature = "engine")]
mod error;
#[cfg(feature = "engine")]
mod export;
#[cfg(feature = "engine")]
mod filter;
#[cfg(feature = "engine")]
mod fold;
#[cfg(feature = "engine")]
mod frame;
#[cfg(feature = "engine")]
mod head;
#[cfg(feature = "engine")]
mod health;
#[cfg(feature = "engine")]
mod import;
#[cfg(feature = "engine")]
mod ingest;
#[cfg(feature = "engine")]
mod latest;
#[cfg(feature = "engine")]
mod limits;
pub mod line_protocol;
#[cfg(feature = "engine")]
mod log;
#[cfg(feature = "engine")]
mod maintain;
#[cfg(feature = "engine")]
mod map;
#[cfg(feature = "engine")]
mod merge;
#[cfg(feature = "engine")]
mod options;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "engine")]
mod partials;
#[cfg(feature = "engine")]
mod plan;
#[cfg(feature = "engine")]
mod quarantine;
#[cfg(feature = "engine")]
mod reads;
#[cfg(feature = "engine")]
mod record;
#[cfg(feature = "engine")]
mod recover;
#[cfg(feature = "engine")]
mod remembered;
#[cfg(feature = "engine")]
mod repair;
#[cfg(feature = "engine")]
mod replay;
#[cfg(feature = "engine")]
mod rolled;
#[cfg(feature = "engine")]
mod rollup;
#[cfg(feature = "engine")]
mod rows;
#[cfg(feature = "engine")]
mod scan;
#[cfg(feature = "engine")]
mod seal;
#[cfg(feature = "engine")]
mod sealed;
#[cfg(feature = "engine")]
mod segment;
#[cfg(feature = "engine")]
mod shards;
#[cfg(feature = "engine")]
mod snapshot;
#[cfg(feature = "engine")]
mod spans;
#[cfg(feature = "engine")]
mod tombstone;
#[cfg(feature = "engine")]
mod touch;
#[cfg(feature = "engine")]
mod verify;
#[cfg(feature = "engine")]
pub mod vfs;
#[cfg(feature = "engine")]
mod view;
#[cfg(feature = "engine")]
mod whole;
#[cfg(feature = "engine")]
mod writer;

#[cfg(feature = "engine")]
pub use crate::{
    background::Background,
    blocks::BlockRef,
    cancel::Cancel,
    cardinality::Cost,
    catalog::{Catalog, Database, FieldInfo, PolicyChange, PolicySpec, RetentionPolicy},
    compact::CompactProgress,
    condition::{Compare, Condition},
    db::{Db, DbStats},
    delete::Deleted,
    error::{DbError, OpenError, ReadError},
    export::{Export, ExportBlock, ExportError, ExportReport, Progress, Source},
    filter::{TagFilter, TagTest},
    fold::FoldOptions,
    health::{Damaged, Health},
    import::{Import, ImportError, ImportReport, Refused},
    latest::LatestRows,
    options::{DbBuilder, SyncPolicy},
    partials::{Aggregates, Number, Partials},
    quarantine::Quarantined,
    reads::Reads,
    repair::{Lost, RepairReport, Repaired},
    rolled::{RolledPart, RolledSeries, RolledView},
    rollup::Rollup,
    scan::{Direction, RowBlock, SeriesScan},
    sealed::{FileInfo, FileKind, LogFileInfo, MeasurementInfo, Sealed, SegmentInfo},
    shards::Shard,
    snapshot::{SnapshotReport, restore},
    touch::{Touched, TouchedShard},
    verify::{Problem, VerifyProgress, VerifyReport, verify_folder},
    view::{Series, SeriesId, View},
    writer::{LinesReport, Writer},
};

#[cfg(all(fuzzing, feature = "engine"))]
pub use crc::ignore_checksums;

/// Compiles the README's example.
#[cfg(all(doctest, feature = "engine"))]
#[doc = include_str!("../README.md")]
struct Readme;
