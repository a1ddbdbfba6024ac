//! Where an axis has its ticks, and what stands beside them.
//!
//! For a chart that is redrawn every few seconds steadiness counts for more than the nicest possible labels: the
//! rules here depend on little and jump seldom.

mod time;
mod value;

pub(crate) use time::{TimeTick, time_ticks};
pub(crate) use value::{Bounds, ValueAxis, value_axis};
