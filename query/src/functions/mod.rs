//! The functions of InfluxQL, apart from where their input comes from.
//!
//! | module | computes | from |
//! | --- | --- | --- |
//! | `accumulate` | count, sum, mean, min, max, first, last, spread | points in any order, one at a time |
//! | `reduce` | median, mode, stddev, percentile, distinct, sample, top, bottom | the points of a window at once |
//! | `transform` | derivative, difference, elapsed, moving_average, cumulative_sum | points in order of time |
//! | `technical` | the moving averages and oscillators of technical analysis | points in order of time |
//! | `integral` | integral | points in order of time |
//! | `holt_winters` | holt_winters and holt_winters_with_fit, by `nelder_mead` | the rows of a function |
//! | `math` | abs, round, pow and the like | one row |

mod accumulate;
mod holt_winters;
mod integral;
mod math;
mod nelder_mead;
mod points;
mod reduce;
mod technical;
mod transform;

pub(crate) use accumulate::{Accumulator, Aggregate, mean, spread};
pub(crate) use holt_winters::HoltWinters;
pub(crate) use math::{MathFunction, binary, binary_in_condition};
pub(crate) use points::{Points, cast, castable, filled, push, truncate};
pub(crate) use reduce::{Reducer, reduce};
pub(crate) use technical::{Indicator, Technical, Warmup};
pub(crate) use transform::{Stretch, Transform, transform};
