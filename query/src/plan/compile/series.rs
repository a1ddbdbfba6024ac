//! The arguments of functions over a whole series: those of technical analysis, and forecasts.

use super::{Checked, Compiled, error};
use crate::ast::{Call, Expr};
use crate::functions::Indicator;

impl Compiled {
    /// `name(field or function, period [, hold period [, warmup type]])`, Kaufman's without the last.
    pub(super) fn technical(&mut self, indicator: Indicator, call: &Call) -> Checked {
        let name = &call.name;
        let kaufmans = matches!(indicator, Indicator::EfficiencyRatio | Indicator::AdaptiveAverage);
        self.arity(call, 2, if kaufmans { 3 } else { 4 })?;
        match call.args.get(1) {
            Some(Expr::Integer(period)) if *period >= 1 => {}
            Some(Expr::Integer(_)) => {
                return error(format!("{name} period must be greater than or equal to 1"));
            }
            _ => return error(format!("{name} period must be an integer")),
        }
        let least = i64::from(indicator == Indicator::TripleDerivative);
        match call.args.get(2) {
            None => {}
            Some(Expr::Integer(hold)) if *hold >= least || *hold == -1 => {}
            Some(Expr::Integer(_)) => {
                return error(format!(
                    "{name} hold period must be greater than or equal to {least}"
                ));
            }
            Some(_) => return error(format!("{name} hold period must be an integer")),
        }
        let sums = indicator == Indicator::ChandeMomentum;
        match call.args.get(3) {
            None => {}
            Some(Expr::String(warmup)) if warmup == "exponential" || warmup == "simple" => {}
            Some(Expr::String(warmup)) if sums && warmup == "none" => {}
            Some(Expr::String(_)) => {
                let none = if sums { "'none' " } else { "" };
                return error(format!(
                    "{name} warmup type must be one of: {none}'exponential' 'simple'"
                ));
            }
            Some(_) => return error(format!("{name} warmup type must be a string")),
        }
        self.only_selectors = false;
        match &call.args[0] {
            Expr::Call(_) if self.interval.is_none() => {
                error(format!("{name} aggregate requires a GROUP BY interval"))
            }
            nested @ Expr::Call(_) => self.expr(nested),
            _ if self.interval.is_some() && !self.inherited => {
                error(format!("aggregate function required inside the call to {name}"))
            }
            argument => self.symbol(name, argument),
        }
    }

    /// `name(function, points, season)`.
    pub(super) fn holt_winters(&mut self, call: &Call) -> Checked {
        let name = &call.name;
        let [function, points, season] = call.args.as_slice() else {
            return error(format!(
                "invalid number of arguments for {name}, expected 3, got {}",
                call.args.len()
            ));
        };
        match points {
            Expr::Integer(points) if *points > 0 => {}
            Expr::Integer(points) => {
                return error(format!("second arg to {name} must be greater than 0, got {points}"));
            }
            _ => return error(format!("expected integer argument as second arg in {name}")),
        }
        match season {
            Expr::Integer(season) if *season >= 0 => {}
            Expr::Integer(season) => {
                return error(format!("third arg to {name} cannot be negative, got {season}"));
            }
            _ => return error(format!("expected integer argument as third arg in {name}")),
        }
        self.only_selectors = false;
        match function {
            Expr::Call(_) if self.interval.is_none() => {
                error(format!("{name} aggregate requires a GROUP BY interval"))
            }
            Expr::Call(inner) if inner.name == "distinct" => {
                let plain = matches!(inner.args.first(), Some(Expr::Variable(_)));
                self.distinct(inner.args.len(), plain, true)
            }
            Expr::Call(_) => self.expr(function),
            _ => error(format!("must use aggregate function with {name}")),
        }
    }
}
