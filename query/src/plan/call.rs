//! Which function a call means.

use crate::QueryError;
use crate::ast::{self, Expr};
use crate::functions::{Aggregate, HoltWinters, Indicator, Reducer, Technical, Transform, Warmup};
use crate::window::Windows;

/// A function that looks once at each point, in any order.
pub(super) fn aggregate_of(name: &str) -> Option<Aggregate> {
    Some(match name {
        "count" => Aggregate::Count,
        "sum" => Aggregate::Sum,
        "mean" => Aggregate::Mean,
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        "first" => Aggregate::First,
        "last" => Aggregate::Last,
        "spread" => Aggregate::Spread,
        _ => return None,
    })
}

/// A function of all points of a window at once.
pub(super) fn reducer_of(call: &ast::Call) -> Result<Reducer, QueryError> {
    let count = || match call.args.last() {
        Some(Expr::Integer(n)) => usize::try_from(*n).unwrap_or(0),
        _ => 0,
    };
    Ok(match call.name.as_str() {
        "median" => Reducer::Median,
        "mode" => Reducer::Mode,
        "stddev" => Reducer::Stddev,
        "distinct" => Reducer::Distinct,
        "percentile" => Reducer::Percentile(match call.args.get(1) {
            Some(Expr::Number(percent)) => *percent,
            Some(Expr::Integer(percent)) => *percent as f64,
            _ => return Err(QueryError::invalid("expected float argument in percentile()")),
        }),
        "sample" => Reducer::Sample(count()),
        "top" => Reducer::Top(count()),
        "bottom" => Reducer::Bottom(count()),
        name => return Err(QueryError::invalid(format!("undefined function {name}()"))),
    })
}

const NANOS_PER_SEC: i64 = 1_000_000_000;

fn unit_argument(call: &ast::Call, default: i64) -> i64 {
    match call.args.get(1) {
        Some(Expr::Duration(duration)) => duration.nanos(),
        _ => default,
    }
}

/// A function of each point and those before it, if `call` is one.
pub(super) fn transform_of(call: &ast::Call, windows: Option<Windows>) -> Option<Transform> {
    // The derivative of an aggregate is per window unless it says otherwise.
    let per = match (call.args.first(), windows) {
        (Some(Expr::Call(_)), Some(windows)) => windows.interval_ns,
        _ => NANOS_PER_SEC,
    };
    let number = |index: usize| match call.args.get(index) {
        Some(Expr::Integer(n)) => usize::try_from(*n).ok(),
        _ => None,
    };
    Some(match call.name.as_str() {
        "derivative" => {
            Transform::Derivative { unit_ns: unit_argument(call, per), non_negative: false }
        }
        "non_negative_derivative" => {
            Transform::Derivative { unit_ns: unit_argument(call, per), non_negative: true }
        }
        "difference" => Transform::Difference { non_negative: false },
        "non_negative_difference" => Transform::Difference { non_negative: true },
        "elapsed" => Transform::Elapsed { unit_ns: unit_argument(call, 1) },
        "moving_average" => Transform::MovingAverage(number(1).unwrap_or(1)),
        "cumulative_sum" => Transform::CumulativeSum,
        "integral" => Transform::Integral { unit_ns: unit_argument(call, NANOS_PER_SEC) },
        "holt_winters" | "holt_winters_with_fit" => Transform::HoltWinters(HoltWinters {
            count: number(1).unwrap_or(0),
            season: number(2).unwrap_or(0),
            with_fit: call.name == "holt_winters_with_fit",
            interval_ns: windows?.interval_ns,
        }),
        name => {
            let indicator = Indicator::from_name(name)?;
            Transform::Technical(Technical {
                indicator,
                period: number(1).unwrap_or(1).max(1),
                hold: number(2), // -1 means the default, as does its absence
                warmup: warmup(indicator, call.args.get(3)),
            })
        }
    })
}

fn warmup(indicator: Indicator, argument: Option<&Expr>) -> Option<Warmup> {
    match argument {
        Some(Expr::String(warmup)) if warmup == "simple" => Some(Warmup::Simple),
        Some(Expr::String(warmup)) if warmup == "none" => None,
        None if indicator == Indicator::ChandeMomentum => None,
        _ => Some(Warmup::Exponential),
    }
}
