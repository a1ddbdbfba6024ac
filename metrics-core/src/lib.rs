//! The data model in which the crates of the stripchart suite meet.
//!
//! A collector, a database, a query engine and a renderer that know nothing of one another still have to agree on
//! what a sample is. This crate is that agreement and nothing more: it does no I/O, starts no thread, reads no clock
//! and depends on nothing.
//!
//! # The pieces
//!
//! | what | type | in short |
//! | --- | --- | --- |
//! | identity of a series | [`SeriesKey`], [`KeyRef`] | measurement and sorted tags in one string |
//! | a value | [`FieldValue`], [`ValueRef`], [`FieldType`] | f64, i64, u64, bool or string |
//! | time | [`Timestamp`], [`TimeRange`], [`Precision`], [`DurationLiteral`] | nanoseconds since 1970, UTC; half-open ranges |
//! | samples on their way in | [`Batch`], [`Sink`], [`Accepted`] | columns per measurement, reused without allocation |
//! | results on their way out | [`Frame`], [`Frames`], [`FrameSource`] | one result series, or many, as columns |
//! | what a number means | [`Unit`], [`FieldDescriptor`], [`MetricKind`] | so that a chart knows its axis |
//! | the hour | [`Clock`], [`ManualClock`], [`NextDue`] | passed in, never asked of the system here |
//! | text form | [`line_protocol`] | the writer for InfluxDB's line protocol |
//!
//! # Example
//!
//! ```
//! use stripchart_core::{Batch, Timestamp, line_protocol};
//!
//! let mut batch = Batch::new();
//! let series = batch.series("cpu", [("host", "node-a"), ("cpu", "cpu-total")])?;
//! batch.row(series, Timestamp::from_secs(60)).f64("usage_user", 12.5).f64("usage_system", 3.0);
//!
//! let mut text = String::new();
//! line_protocol::write_batch(&batch, &mut text)?;
//! assert_eq!(text, "cpu,cpu=cpu-total,host=node-a usage_user=12.5,usage_system=3 60000000000\n");
//!
//! batch.clear(); // drops the rows, keeps the series and the columns: the next round allocates nothing
//! assert!(batch.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Costs and limits
//!
//! Adding a row to a [`Batch`] costs one push per field; looking a series up by its tags costs one hash of the key,
//! which a caller avoids by keeping the [`BatchSeries`] it was given, and each field one comparison of its name, which a
//! caller avoids by keeping a [`RowLayout`]. A series key has at most
//! [`MAX_KEY_LEN`] bytes and no NUL character.

mod batch;
mod clock;
mod column;
mod descriptor;
mod frame;
mod frames;
mod layout;
pub mod line_protocol;
mod report;
mod series;
mod sink;
mod source;
mod strings;
mod time;
mod unit;
mod value;

pub use batch::{Batch, BatchIdentity, BatchSeries, RowWriter, SeriesEntry, Table};
pub use clock::{Clock, ManualClock, NextDue};
pub use column::{Bitmap, Column, Values};
pub use descriptor::{FieldDescriptor, MetricKind};
pub use frame::Frame;
pub use frames::Frames;
pub use layout::{LayoutRow, RowLayout};
pub use report::error_chain;
pub use series::{KeyError, KeyRef, MAX_KEY_LEN, SeriesKey, Tags};
pub use sink::{Accepted, RejectReason, RejectedRow, Sink, SinkError};
pub use source::{FrameRequest, FrameSource, SourceError};
pub use strings::Strings;
pub use time::{DurationError, DurationLiteral, Precision, TimeRange, Timestamp};
pub use unit::Unit;
pub use value::{FieldType, FieldValue, ValueRef};
