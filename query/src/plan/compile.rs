//! Whether a select list makes sense, judged by its text alone, and in InfluxDB's words where it does not.

use crate::QueryError;
use crate::ast::{Call, Expr, Fill, Select, VarRef};
use crate::functions::{Indicator, MathFunction};
use crate::window::Windows;

use super::go_type;
use super::reduce::is_literal;

mod series;

/// What the select list turned out to hold.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    calls: usize,
    only_selectors: bool,
    has_plain_fields: bool,
    has_distinct: bool,
    top_or_bottom: Option<String>,
    fields: usize,
    limit: Option<u64>,
    has_target: bool,
    interval: Option<Windows>,
    /// Whether the interval is that of the outer query, so that it need not fit.
    inherited: bool,
    allow_wildcard: bool,
}

type Checked = Result<(), QueryError>;

fn error(message: impl Into<String>) -> Checked {
    Err(QueryError::invalid(message))
}

/// Checks the select list of `select`, which is reduced, and will have windows without points filled as `fill` says.
pub(crate) fn check(
    select: &Select,
    fill: Fill,
    interval: Option<Windows>,
    inherited: bool,
) -> Checked {
    let mut compiled = Compiled {
        only_selectors: true,
        limit: select.limit.filter(|limit| *limit > 0),
        has_target: select.target.is_some(),
        interval,
        inherited,
        ..Compiled::default()
    };
    for field in &select.fields {
        if !is_time(&field.expr) {
            compiled.fields += 1;
            compiled.allow_wildcard = true;
            compiled.expr(&field.expr)?;
        }
    }
    compiled.whole(fill)
}

/// Whether the expression is the bare column `time`.
pub(crate) fn is_time(expr: &Expr) -> bool {
    matches!(expr, Expr::Variable(VarRef { name, cast: None }) if name == "time")
}

impl Compiled {
    fn expr(&mut self, expr: &Expr) -> Checked {
        match expr {
            Expr::Variable(_) => {
                self.has_plain_fields = true;
                Ok(())
            }
            Expr::Wildcard(_) => {
                self.has_plain_fields = true;
                if !self.allow_wildcard {
                    return error("unable to use wildcard in a binary expression");
                }
                Ok(())
            }
            Expr::Regex(_) => {
                self.has_plain_fields = true;
                if !self.allow_wildcard {
                    return error("unable to use regex in a binary expression");
                }
                Ok(())
            }
            Expr::Call(call) => self.call(call),
            Expr::Distinct(_) => {
                self.calls += 1;
                self.distinct(1, true, false)
            }
            Expr::Binary(both) if is_literal(&both.left) && is_literal(&both.right) => {
                error("cannot perform a binary expression on two literals")
            }
            Expr::Binary(binary) => {
                self.allow_wildcard = false;
                for side in [&binary.left, &binary.right] {
                    if !is_literal(side) {
                        self.expr(side)?;
                    }
                }
                Ok(())
            }
            Expr::Paren(inner) => self.expr(inner),
            _ => error("field must contain at least one variable"),
        }
    }

    fn call(&mut self, call: &Call) -> Checked {
        if let Some(function) = MathFunction::from_name(&call.name) {
            return self.math(function, call);
        }
        self.calls += 1;
        match call.name.as_str() {
            "percentile" => self.percentile(call),
            "sample" => self.sample(call),
            "distinct" => {
                let plain = matches!(call.args.first(), Some(Expr::Variable(_)));
                self.distinct(call.args.len(), plain, false)
            }
            "top" | "bottom" => self.top_bottom(call),
            "derivative" | "non_negative_derivative" | "elapsed" => {
                self.arity(call, 1, 2)?;
                self.duration(call)?;
                self.transform(call)
            }
            "difference" | "non_negative_difference" | "cumulative_sum" => {
                if call.args.len() != 1 {
                    return error(format!(
                        "invalid number of arguments for {}, expected 1, got {}",
                        call.name,
                        call.args.len()
                    ));
                }
                self.transform(call)
            }
            "moving_average" => self.moving_average(call),
            "holt_winters" | "holt_winters_with_fit" => self.holt_winters(call),
            "integral" => {
                self.arity(call, 1, 2)?;
                match call.args.get(1) {
                    None | Some(Expr::Duration(_)) => {}
                    Some(_) => return error("second argument must be a duration"),
                }
                self.duration(call)?;
                self.only_selectors = false;
                self.symbol(&call.name, &call.args[0])
            }
            name => match Indicator::from_name(name) {
                Some(indicator) => self.technical(indicator, call),
                None => self.function(call),
            },
        }
    }

    fn function(&mut self, call: &Call) -> Checked {
        match call.name.as_str() {
            "max" | "min" | "first" | "last" => {}
            "count" | "sum" | "mean" | "median" | "mode" | "stddev" | "spread" => {
                self.only_selectors = false;
            }
            name => return error(format!("undefined function {name}()")),
        }
        if call.args.len() != 1 {
            return error(format!(
                "invalid number of arguments for {}, expected 1, got {}",
                call.name,
                call.args.len()
            ));
        }
        match &call.args[0] {
            Expr::Call(inner) if call.name == "count" && inner.name == "distinct" => {
                let plain = matches!(inner.args.first(), Some(Expr::Variable(_)));
                self.distinct(inner.args.len(), plain, true)
            }
            Expr::Distinct(_) if call.name == "count" => self.distinct(1, true, true),
            argument => self.symbol(&call.name, argument),
        }
    }

    fn symbol(&mut self, function: &str, argument: &Expr) -> Checked {
        match argument {
            Expr::Variable(_) => Ok(()),
            Expr::Wildcard(_) if !self.allow_wildcard => {
                error(format!("unsupported expression with wildcard: {function}()"))
            }
            Expr::Regex(_) if !self.allow_wildcard => {
                error(format!("unsupported expression with regex field: {function}()"))
            }
            Expr::Wildcard(_) | Expr::Regex(_) => {
                self.only_selectors = false;
                Ok(())
            }
            _ => error(format!("expected field argument in {function}()")),
        }
    }

    fn arity(&self, call: &Call, min: usize, max: usize) -> Checked {
        let got = call.args.len();
        if (min..=max).contains(&got) {
            return Ok(());
        }
        error(format!(
            "invalid number of arguments for {}, expected at least {min} but no more than {max}, got {got}",
            call.name
        ))
    }

    fn duration(&self, call: &Call) -> Checked {
        match call.args.get(1) {
            None => Ok(()),
            Some(Expr::Duration(duration)) if duration.nanos() > 0 => Ok(()),
            Some(Expr::Duration(duration)) => {
                error(format!("duration argument must be positive, got {duration}"))
            }
            Some(other) => error(format!(
                "second argument to {} must be a duration, got {}",
                call.name,
                go_type(other)
            )),
        }
    }

    /// A function of neighbours, over a field or over another function.
    fn transform(&mut self, call: &Call) -> Checked {
        self.only_selectors = false;
        let nested = match &call.args[0] {
            Expr::Call(inner) => Some(inner.name.as_str()),
            Expr::Distinct(_) => Some("distinct"),
            _ => None,
        };
        match nested {
            Some(_) if self.interval.is_none() => {
                error(format!("{} aggregate requires a GROUP BY interval", call.name))
            }
            Some("distinct") => {
                let plain = match &call.args[0] {
                    Expr::Call(inner) => matches!(inner.args.first(), Some(Expr::Variable(_))),
                    _ => true,
                };
                self.distinct(1, plain, true)
            }
            Some(_) => self.expr(&call.args[0]),
            None if self.interval.is_some() && !self.inherited => {
                error(format!("aggregate function required inside the call to {}", call.name))
            }
            None => self.symbol(&call.name, &call.args[0]),
        }
    }

    fn moving_average(&mut self, call: &Call) -> Checked {
        if call.args.len() != 2 {
            return error(format!(
                "invalid number of arguments for moving_average, expected 2, got {}",
                call.args.len()
            ));
        }
        match &call.args[1] {
            Expr::Integer(n) if *n > 1 => self.transform(call),
            Expr::Integer(n) => {
                error(format!("moving_average window must be greater than 1, got {n}"))
            }
            other => error(format!(
                "second argument for moving_average must be an integer, got {}",
                go_type(other)
            )),
        }
    }

    fn percentile(&mut self, call: &Call) -> Checked {
        if call.args.len() != 2 {
            return error(format!(
                "invalid number of arguments for percentile, expected 2, got {}",
                call.args.len()
            ));
        }
        match call.args[1] {
            Expr::Integer(_) | Expr::Number(_) => self.symbol(&call.name, &call.args[0]),
            _ => error("expected float argument in percentile()"),
        }
    }

    fn sample(&mut self, call: &Call) -> Checked {
        if call.args.len() != 2 {
            return error(format!(
                "invalid number of arguments for sample, expected 2, got {}",
                call.args.len()
            ));
        }
        match call.args[1] {
            Expr::Integer(n) if n > 0 => self.symbol(&call.name, &call.args[0]),
            Expr::Integer(n) => error(format!("sample window must be greater than 1, got {n}")),
            _ => error("expected integer argument in sample()"),
        }
    }

    fn distinct(&mut self, args: usize, plain: bool, nested: bool) -> Checked {
        match args {
            0 => return error("distinct function requires at least one argument"),
            1 => {}
            _ => return error("distinct function can only have one argument"),
        }
        if !plain {
            return error("expected field argument in distinct()");
        }
        self.has_distinct |= !nested;
        self.only_selectors = false;
        Ok(())
    }

    fn top_bottom(&mut self, call: &Call) -> Checked {
        let name = &call.name;
        if let Some(other) = &self.top_or_bottom {
            return error(format!(
                "selector function {other}() cannot be combined with other functions"
            ));
        }
        let [field, tags @ .., limit] = call.args.as_slice() else {
            return error(format!(
                "invalid number of arguments for {name}, expected at least 2, got {}",
                call.args.len()
            ));
        };
        match limit {
            Expr::Integer(n) if *n <= 0 => {
                return error(format!("limit ({n}) in {name} function must be at least 1"));
            }
            Expr::Integer(n) => {
                if let Some(limit) = self.limit
                    && u64::try_from(*n).is_ok_and(|n| n > limit)
                {
                    return error(format!(
                        "limit ({n}) in {name} function can not be larger than the LIMIT ({limit}) in the select statement"
                    ));
                }
            }
            other => {
                return error(format!(
                    "expected integer as last argument in {name}(), found {other}"
                ));
            }
        }
        if !matches!(field, Expr::Variable(_)) {
            return error(format!(
                "expected first argument to be a field in {name}(), found {field}"
            ));
        }
        if let Some(other) = tags.iter().find(|tag| !matches!(tag, Expr::Variable(_))) {
            return error(format!("only fields or tags are allowed in {name}(), found {other}"));
        }
        self.has_plain_fields |= !tags.is_empty() && !self.has_target;
        self.top_or_bottom = Some(name.clone());
        Ok(())
    }

    fn math(&mut self, function: MathFunction, call: &Call) -> Checked {
        let (expected, got) = (function.arity(), call.args.len());
        if expected != got {
            return error(format!(
                "invalid number of arguments for {}, expected {expected}, got {got}",
                call.name
            ));
        }
        // A pattern counts as constant here, though it would stand for fields.
        if call.args.iter().all(|arg| is_literal(arg) || matches!(arg, Expr::Regex(_))) {
            return error("field must contain at least one variable");
        }
        call.args.iter().filter(|arg| !is_literal(arg)).try_for_each(|arg| self.expr(arg))
    }

    /// Whether the fields go together.
    fn whole(&self, fill: Fill) -> Checked {
        if self.fields == 0 {
            return error("at least 1 non-time field must be queried");
        }
        if let Some(name) = &self.top_or_bottom
            && self.calls > 1
        {
            return error(format!(
                "selector function {name}() cannot be combined with other functions"
            ));
        }
        if self.calls == 0 {
            match fill {
                Fill::None => return error("fill(none) must be used with a function"),
                Fill::Linear => return error("fill(linear) must be used with a function"),
                _ => {}
            }
            if self.interval.is_some() && !self.inherited {
                return error("GROUP BY requires at least one aggregate function");
            }
        }
        if self.has_distinct && (self.calls != 1 || self.has_plain_fields) {
            return error(
                "aggregate function distinct() cannot be combined with other functions or fields",
            );
        }
        if self.has_plain_fields && !self.only_selectors {
            return error("mixing aggregate and non-aggregate queries is not supported");
        }
        if self.has_plain_fields && self.calls > 1 {
            return error(
                "mixing multiple selector functions with tags or fields is not supported",
            );
        }
        Ok(())
    }
}
