//! Being built.

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

pub use chart::{Chart, ChartKind, Legend, Level, Stat, Threshold};
pub use color::Color;
pub use label::LabelTemplate;
pub use series::{LegendRow, MaxGap, NullPolicy, Series};
pub use theme::{PALETTE, Paint, Theme, stylesheet};
pub use units::format_value;
pub use zone::Zone;
