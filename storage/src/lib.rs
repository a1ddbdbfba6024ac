//! An embedded time-series database: line protocol in, columns out, nothing acknowledged lost.
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
//! db.writer("demo", None)?.write(&batch)?; // in the log when it returns
//!
//! let view = db.view("demo", None)?;
//! let found = view.series("cpu", &TagFilter::All)?;
//! for block in view.scan(&found[0], &["usage"], TimeRange::ALL, Direction::Ascending) {
//!     assert_eq!(block?.columns[0].get_f64(0), Some(12.5));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "engine")]
mod background;
#[cfg(feature = "engine")]
mod bytes;
#[cfg(feature = "engine")]
mod catalog;
#[cfg(feature = "engine")]
mod codec;
#[cfg(feature = "engine")]
mod commit;
#[cfg(feature = "engine")]
mod db;
#[cfg(feature = "engine")]
mod error;
#[cfg(feature = "engine")]
mod filter;
#[cfg(feature = "engine")]
mod fold;
#[cfg(feature = "engine")]
mod head;
#[cfg(feature = "engine")]
mod ingest;
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
#[cfg(feature = "engine")]
mod pack;
#[cfg(feature = "engine")]
mod partials;
#[cfg(feature = "engine")]
mod plan;
#[cfg(feature = "engine")]
mod record;
#[cfg(feature = "engine")]
mod recover;
#[cfg(feature = "engine")]
mod rows;
#[cfg(feature = "engine")]
mod scan;
#[cfg(feature = "engine")]
mod segment;
#[cfg(feature = "engine")]
pub mod vfs;
#[cfg(feature = "engine")]
mod view;
#[cfg(feature = "engine")]
mod writer;

#[cfg(feature = "engine")]
pub use crate::{
    background::Background,
    catalog::{Catalog, Database, FieldInfo, PolicyChange, PolicySpec, RetentionPolicy},
    db::{Db, DbStats, NextDue},
    error::{DbError, OpenError, ReadError},
    filter::{TagFilter, TagTest},
    options::{DbBuilder, SyncPolicy},
    partials::{Aggregates, Number, Partials},
    scan::{Direction, RowBlock, SeriesScan},
    view::{Series, SeriesId, View},
    writer::{LinesReport, Writer},
};
