//! Charts over time as SVG, and pages that hold them: deterministic to the byte, without fonts, without JavaScript.
//!
//! A chart is text made of numbers. Nothing here reads a file, a clock or a locale, asks the system for a font, or
//! formats a float on the way, so that the same data give the same bytes on every machine: they can be cached,
//! compared, and kept as golden files.
//!
//! # The pieces
//!
//! | what | type |
//! | --- | --- |
//! | lines, steps, areas, bars over time | [`Chart`], [`ChartKind`] |
//! | one number with its recent course | [`Stat`] |
//! | what is drawn: borrowed or owned columns | [`Series`], or [`Frame`](stripchart_core::Frame)s with a [`LabelTemplate`] |
//! | missing values, time without points | [`NullPolicy`], [`MaxGap`] |
//! | marks at values that mean something | [`Threshold`], [`Level`] |
//! | light and dark | [`Theme`], [`stylesheet`], [`PALETTE`] |
//! | the zone of the time axis | [`Zone`] |
//! | the table beside a chart | [`Chart::legend_rows`], [`format_value`] |
//! | charts with the queries that fill them, as data | [`dashboard`] |
//!
//! # Example
//!
//! ```
//! use stripchart_core::{Column, Frame, TimeRange, Timestamp, Unit, Values};
//! use stripchart_render::{Chart, LabelTemplate, Level, Threshold};
//!
//! // What a query returns: a frame for each host.
//! let minutes: Vec<i64> = (0..30).map(|i| i * 60_000_000_000).collect();
//! let usage: Vec<f64> = (0..30).map(|i| f64::from(i * 37 % 50)).collect();
//! let frames = [Frame::new("cpu")
//!     .tag("host", "node-a")
//!     .column(Column::new("time", Values::Time(minutes)))
//!     .column(Column::new("mean", Values::Float(usage)).unit(Unit::Percent))];
//!
//! let svg = Chart::line("CPU usage")
//!     .range(TimeRange::new(Timestamp::EPOCH, Timestamp::from_secs(1800)))
//!     .size(800, 300)
//!     .frames(&frames, &LabelTemplate::new("$tag_host"))
//!     .threshold(Threshold::new(80.0, Level::Warning, "busy"))
//!     .to_svg();
//! assert!(svg.starts_with("<svg ") && svg.contains("node-a"));
//! ```
//!
//! # What to rely on
//!
//! - **What is missing looks missing.** A value that is not finite, and time without points, is a gap, never a line to
//!   zero and never a bridge, unless asked for.
//! - **Every peak is there.** A line of more points than four a column of pixels is reduced to the first, lowest,
//!   highest and last of each column. Drawn without anti-aliasing that changes no pixel.
//! - **No text is markup.** Labels are escaped and rid of what XML has no place for; colours and ids are never text of
//!   the caller's. A chart holds no script, no link, and loads nothing.
//! - **No input panics.** Huge and tiny values, one point, none, a width of nothing: something sensible is drawn.
//! - **Everybody can read it.** Title and description are read out to those who cannot see; colours are told apart by
//!   the colour-blind, and dash patterns change where colours come round again.
//!
//! # Costs and limits
//!
//! Ten thousand points with axes, title and legend take some 50 µs and 13 kB; a million 1.5 ms and 16 kB. Stacked areas
//! cost a few passes more. Widths of text are estimated from a table, so that labels may stand a pixel or two from where
//! a browser with its font would put them. One value axis, linear; charts up to 16 384 pixels a side.
//!
//! # Features
//!
//! All are off by default; without any, the data model is the only dependency.
//!
//! - `html`: whole pages, see the module `page`.
//! - `chrono-tz`: `Zone::named`, time zones by their names.
//!
//! # Siblings
//!
//! `stripchart-core` is the model that this crate draws; `stripchart-query` answers questions with the frames drawn here.

mod chart;
mod color;
pub mod dashboard;
mod decimate;
mod label;
#[cfg(feature = "html")]
pub mod page;
mod scale;
mod series;
mod svg;
mod text;
mod theme;
mod ticks;
mod units;
mod zone;
#[cfg(feature = "chrono-tz")]
mod zone_names;

pub use chart::{Chart, ChartKind, Legend, Level, Stat, Threshold};
pub use color::Color;
pub use label::LabelTemplate;
pub use series::{LegendRow, MaxGap, NullPolicy, Series};
pub use theme::{PALETTE, Paint, Theme, stylesheet};
pub use units::format_value;
pub use zone::Zone;
