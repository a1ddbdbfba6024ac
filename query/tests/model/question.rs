//! Questions: what may be asked, as text and as what it means of time.

use proptest::prelude::*;

/// The tags of the series that rows belong to.
pub(crate) const SERIES: [&[(&str, &str)]; 4] =
    [&[], &[("h", "a")], &[("h", "a"), ("r", "x")], &[("h", "b"), ("r", "x")]];

/// 2000-04-01T12:00Z, a day before clocks are put forward in Los Angeles.
pub(crate) const EPOCH: i64 = 954_590_400;
const HALF_HOUR: i64 = 1_800;
/// 2000-04-02T10:00Z, when they are.
const CHANGE: i64 = 954_669_600;

/// What is computed of the field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Function {
    /// The field itself.
    Raw,
    /// One value a window.
    Aggregate(&'static str),
    /// Several: `distinct`, `top`, `bottom`.
    Several(&'static str, usize),
    /// A function of each value and those before it, over the field or over an aggregate of it.
    Transform { name: &'static str, n: usize, over: Option<&'static str> },
}

impl Function {
    pub(crate) fn text(&self, field: &str) -> String {
        match self {
            Function::Raw => field.to_owned(),
            Function::Aggregate("percentile") => format!("percentile({field}, 30)"),
            Function::Aggregate("count_distinct") => format!("count(distinct({field}))"),
            Function::Aggregate(name) => format!("{name}({field})"),
            Function::Several("distinct", _) => format!("distinct({field})"),
            Function::Several(name, n) => format!("{name}({field}, {n})"),
            Function::Transform { name, n, over } => {
                let of = match over {
                    None => field.to_owned(),
                    Some(aggregate) => Function::Aggregate(aggregate).text(field),
                };
                match *name {
                    "derivative" | "non_negative_derivative" => format!("{name}({of}, 10m)"),
                    "elapsed" => format!("{name}({of}, 1m)"),
                    "difference" | "non_negative_difference" | "cumulative_sum" => {
                        format!("{name}({of})")
                    }
                    "exponential_moving_average_simple" => {
                        format!("exponential_moving_average({of}, {n}, -1, 'simple')")
                    }
                    _ => format!("{name}({of}, {n})"),
                }
            }
        }
    }

    /// Whether the answer depends on the order of points at one instant, which the questions then do without.
    fn is_touchy(&self) -> bool {
        !matches!(self, Function::Aggregate(name) if *name != "integral")
    }
}

/// What is done to the function's values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Wrapper {
    None,
    Abs,
    Round,
    Twice,
    Halved,
    Rest,
}

#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) function: Function,
    pub(crate) field: &'static str,
    pub(crate) wrapper: Wrapper,
    pub(crate) by: Vec<&'static str>,
    /// Width and offset of windows, in seconds.
    pub(crate) interval: Option<(i64, i64)>,
    /// Whether windows go by the clocks of Los Angeles.
    pub(crate) zoned: bool,
    pub(crate) fill: &'static str,
    /// In seconds; the second outside.
    pub(crate) start: Option<i64>,
    pub(crate) end: i64,
    pub(crate) descending: bool,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
    /// Whether only rows count whose field `i` is greater than zero, so that every row must be looked at.
    pub(crate) positive: bool,
    pub(crate) host: Option<&'static str>,
}

/// When the row of `series` at half hour `at` is written: each series a second later, where ties would matter.
pub(crate) fn seconds(at: i64, series: usize, question: &Question) -> i64 {
    let apart = if question.function.is_touchy() { series as i64 } else { 0 };
    EPOCH + at * HALF_HOUR + apart
}

impl Question {
    pub(crate) fn text(&self) -> String {
        let call = self.function.text(self.field);
        let selected = match self.wrapper {
            Wrapper::None => call,
            Wrapper::Abs => format!("abs({call})"),
            Wrapper::Round => format!("round({call})"),
            Wrapper::Twice => format!("{call} * 2"),
            Wrapper::Halved => format!("{call} / 2"),
            Wrapper::Rest => format!("{call} % 3"),
        };
        let mut text = format!("SELECT {selected} FROM m WHERE time < {}s", self.end);
        if let Some(start) = self.start {
            text += &format!(" AND time >= {start}s");
        }
        if self.positive {
            text += " AND i > 0";
        }
        if let Some(host) = self.host {
            text += &format!(" AND h = '{host}'");
        }
        let mut dimensions = Vec::new();
        if let Some((interval, offset)) = self.interval {
            dimensions.push(format!("time({interval}s, {offset}s)"));
        }
        dimensions.extend(self.by.iter().map(|key| (*key).to_owned()));
        if !dimensions.is_empty() {
            text += &format!(" GROUP BY {}", dimensions.join(", "));
        }
        if self.interval.is_some() {
            text += &format!(" fill({})", self.fill);
        }
        if self.descending {
            text += " ORDER BY time DESC";
        }
        if let Some(limit) = self.limit {
            text += &format!(" LIMIT {limit}");
            if self.offset > 0 {
                text += &format!(" OFFSET {}", self.offset);
            }
        }
        if self.zoned {
            text += " tz('America/Los_Angeles')";
        }
        text
    }

    /// The seconds that are read: a window more than asked for, where a function looks at the one before.
    pub(crate) fn read(&self) -> (Option<i64>, i64) {
        let looks_back = matches!(
            &self.function,
            Function::Transform { name, over: Some(_), .. } if *name != "cumulative_sum"
        );
        let more = if looks_back { self.interval.map_or(0, |interval| interval.0) } else { 0 };
        match self.descending {
            false => (self.start.map(|start| start - more), self.end),
            true => (self.start, self.end + more),
        }
    }

    /// The beginning of the window that a second lies in.
    pub(crate) fn window(&self, second: i64) -> i64 {
        let (width, offset) = self.interval.expect("windows");
        if !self.zoned {
            return (second - offset).div_euclid(width) * width + offset;
        }
        let local = (second + ahead(second)).div_euclid(width) * width;
        let shows = |second: &i64| second + ahead(*second) == local;
        [local + 8 * 3600, local + 7 * 3600].into_iter().find(shows).expect("clocks show it")
    }

    /// The beginning of the next window; in a zone those are six hours long at least, give or take one.
    pub(crate) fn window_after(&self, label: i64) -> i64 {
        let width = self.interval.expect("windows").0;
        if self.zoned { self.window(label + width + 2 * 3600) } else { label + width }
    }
}

/// Seconds by which clocks in Los Angeles are ahead of UTC.
fn ahead(second: i64) -> i64 {
    if second < CHANGE { -8 * 3600 } else { -7 * 3600 }
}

fn any_of<T: Clone + std::fmt::Debug + 'static>(items: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(items)
}

const BY: [&[&str]; 6] = [&[], &[], &["h"], &["r"], &["h", "r"], &["nosuch"]];
const NUMBERS: [&str; 3] = ["v", "i", "u"];
const ANY: [&str; 5] = ["v", "i", "u", "b", "s"];
const AGGREGATES: [&str; 7] =
    ["sum", "mean", "spread", "median", "stddev", "percentile", "integral"];
const OF_ANY: [&str; 5] = ["count", "count_distinct", "first", "last", "mode"];
const TRANSFORMS: [&str; 7] = [
    "derivative",
    "non_negative_derivative",
    "difference",
    "elapsed",
    "moving_average",
    "cumulative_sum",
    "non_negative_difference",
];
const TECHNICAL: [&str; 9] = [
    "exponential_moving_average",
    "exponential_moving_average_simple",
    "double_exponential_moving_average",
    "triple_exponential_moving_average",
    "triple_exponential_derivative",
    "relative_strength_index",
    "chande_momentum_oscillator",
    "kaufmans_efficiency_ratio",
    "kaufmans_adaptive_moving_average",
];

/// A function, a field that it takes, and whether its values are numbers.
fn function() -> impl Strategy<Value = (Function, &'static str, bool)> {
    let numeric = any_of(&NUMBERS);
    let over = || proptest::option::of(any_of(&["sum", "max", "count", "first"]));
    let signed = || any_of(&["v", "i"]);
    prop_oneof![
        1 => any_of(&ANY).prop_map(|field| (Function::Raw, field, false)),
        4 => (any_of(&AGGREGATES), numeric).prop_map(|(name, field)| {
            // Whole numbers have an integral of their own kind.
            let field = if name == "integral" { "v" } else { field };
            (Function::Aggregate(name), field, true)
        }),
        2 => (any_of(&["min", "max"]), any_of(&["v", "i", "u", "b"]))
            .prop_map(|(name, field)| (Function::Aggregate(name), field, field != "b")),
        3 => (any_of(&OF_ANY), any_of(&ANY)).prop_map(|(name, field)| {
            let numbers = name.starts_with("count") || NUMBERS.contains(&field);
            (Function::Aggregate(name), field, numbers)
        }),
        1 => any_of(&ANY).prop_map(|field| (Function::Several("distinct", 0), field, false)),
        2 => (any_of(&["top", "bottom"]), 1..4_usize, any_of(&NUMBERS))
            .prop_map(|(name, n, field)| (Function::Several(name, n), field, true)),
        3 => (any_of(&TRANSFORMS), 2..4_usize, over(), signed())
            .prop_map(|(name, n, over, field)| (Function::Transform { name, n, over }, field, true)),
        3 => (any_of(&TECHNICAL), 2..5_usize, over(), signed())
            .prop_map(|(name, n, over, field)| (Function::Transform { name, n, over }, field, true)),
    ]
}

pub(crate) fn question() -> impl Strategy<Value = Question> {
    let wrapper = any_of(&[
        Wrapper::None,
        Wrapper::None,
        Wrapper::Abs,
        Wrapper::Round,
        Wrapper::Twice,
        Wrapper::Halved,
        Wrapper::Rest,
    ]);
    let interval =
        proptest::option::weighted(0.7, (2..40_i64, -4..5_i64, any::<bool>(), 0..3_usize));
    let by = any_of(&BY);
    let bounds = (proptest::option::weighted(0.6, -30..60_i64), 0..130_i64);
    let rows = (any::<bool>(), proptest::option::weighted(0.3, 1..6_usize), 0..4_usize);
    let conditions = (any::<bool>(), proptest::option::weighted(0.3, any_of(&["a", "b"])));
    let fill = any_of(&["null", "none", "previous", "7", "linear"]);
    let parts = (function(), wrapper, (by, interval), fill, bounds, rows, conditions);
    parts.prop_map(
        |((function, field, numbers), wrapper, (by, windows), fill, bounds, rows, conditions)| {
            let nests = matches!(function, Function::Transform { over: Some(_), .. });
            let alone = matches!(function, Function::Raw | Function::Transform { over: None, .. })
                || function == Function::Aggregate("integral");
            // A function of a function has windows, one of neighbours or the field itself has none.
            let windows = if nests { windows.or(Some((4, 0, false, 0))) } else { windows };
            let windows = windows.filter(|_| !alone);
            let zoned = cfg!(feature = "chrono-tz") && windows.is_some_and(|windows| windows.2);
            let interval = windows.map(|(width, offset, _, days)| match zoned {
                true => ([6, 12, 24][days] * 3600, 0),
                false => (width * HALF_HOUR, offset % width * HALF_HOUR),
            });
            // What goes upward is asked for upward: an integral downward is another thing.
            let descending = rows.0 && function != Function::Aggregate("integral");
            Question {
                wrapper: if numbers { wrapper } else { Wrapper::None },
                field,
                by: by.to_vec(),
                interval,
                zoned,
                // Lines are drawn by counting windows of equal width.
                fill: if zoned && fill == "linear" { "null" } else { fill },
                start: bounds.0.map(|start| EPOCH + start * HALF_HOUR),
                end: EPOCH + bounds.1 * HALF_HOUR,
                descending,
                // No more may be chosen than are let through.
                limit: match function {
                    Function::Several(_, n) => rows.1.map(|limit| limit.max(n)),
                    _ => rows.1,
                },
                offset: if rows.1.is_some() { rows.2 } else { 0 },
                positive: conditions.0,
                host: conditions.1,
                function,
            }
        },
    )
}
