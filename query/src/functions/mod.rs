//! The functions of InfluxQL, apart from where their input comes from.
//!
//! | module | computes | from |
//! | --- | --- | --- |
//! | `accumulate` | count, sum, mean, min, max, first, last, spread | points in any order, one at a time |
//! | `reduce` | median, mode, stddev, percentile, distinct, integral, sample, top, bottom | the points of a window at once |
//! | `transform` | derivative, difference, elapsed, moving_average, cumulative_sum | points in order of time |
//! | `math` | abs, round, pow and the like | one row |

mod accumulate;
mod math;
mod points;
mod reduce;
mod transform;

pub(crate) use accumulate::{Accumulator, Aggregate, mean, spread};
pub(crate) use math::{MathFunction, binary, binary_in_condition};
pub(crate) use points::{Points, cast, push, truncate};
pub(crate) use reduce::{Reducer, reduce};
pub(crate) use transform::{Transform, transform};
