//! Numbers with their units, as people read them: single values here, the labels of an axis in [`AxisFormat`].

use std::fmt::Write;

use stripchart_core::{Timestamp, Unit};

use crate::Zone;

/// What stands for a value that is missing. Never "0": that would be a measurement.
pub(crate) const MISSING: &str = "–";

const DECIMAL_PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
const BINARY_UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
/// Spans of time from a second down and up: seconds in one, and the name.
const SHORT_TIMES: [(f64, &str); 3] = [(1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms")];
const LONG_TIMES: [(f64, f64, &str); 3] =
    [(172_800.0, 86_400.0, "d"), (7_200.0, 3_600.0, "h"), (120.0, 60.0, "min")];

/// How the numbers of a unit are scaled and named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// As they are.
    Plain(&'static str),
    /// With prefixes k, M, G, … before the name.
    Decimal(&'static str),
    /// Bytes by 1024.
    Binary,
    /// Hundredths; the field is the power of ten that makes them so.
    Percent(i32),
    /// Time; the field is the power of ten of one in seconds.
    Time(i32),
    /// Cores; the field is the power of ten of one in cores.
    Cores(i32),
    Boolean,
    Date,
}

impl Family {
    pub(crate) fn of(unit: Unit) -> Self {
        match unit {
            Unit::Count => Family::Decimal(""),
            Unit::Bytes => Family::Binary,
            Unit::DecimalBytes => Family::Decimal("B"),
            Unit::Bits => Family::Decimal("bit"),
            Unit::BytesPerSecond => Family::Decimal("B/s"),
            Unit::BitsPerSecond => Family::Decimal("bit/s"),
            Unit::CountPerSecond => Family::Decimal("/s"),
            Unit::PacketsPerSecond => Family::Decimal("p/s"),
            Unit::Hertz => Family::Decimal("Hz"),
            Unit::Percent => Family::Percent(0),
            Unit::Ratio => Family::Percent(2),
            Unit::Nanoseconds => Family::Time(-9),
            Unit::Microseconds => Family::Time(-6),
            Unit::Milliseconds => Family::Time(-3),
            Unit::Seconds => Family::Time(0),
            Unit::Cores => Family::Cores(0),
            Unit::Millicores => Family::Cores(-3),
            Unit::Nanocores => Family::Cores(-9),
            Unit::Celsius => Family::Plain("°C"),
            Unit::Boolean => Family::Boolean,
            Unit::UnixSeconds => Family::Date,
            // Units that core learns later are plain numbers until this crate learns them too.
            _ => Family::Plain(""),
        }
    }

    /// Whether an axis of such numbers begins at zero, so that heights compare.
    pub(crate) const fn begins_at_zero(self) -> bool {
        !matches!(self, Family::Plain(_) | Family::Date)
    }
}

/// `value` times ten to the power of `exp`, by one correctly rounded operation where the power is exact.
pub(crate) fn times_power_of_ten(value: f64, exp: i32) -> f64 {
    if exp >= 0 { value * power_of_ten(exp) } else { value / power_of_ten(-exp) }
}

/// Ten to the power of `exp`, exact up to 22. The standard library leaves the last bits of its own to the platform.
fn power_of_ten(exp: i32) -> f64 {
    (0..exp.min(400)).fold(1.0, |power, _| power * 10.0)
}

/// A single value with its unit, to three significant digits: for legends, tables and stats.
///
/// Whole numbers that need no prefix keep all their digits. Missing values are for the caller: this prints `NaN`,
/// `∞` and `-∞`.
///
/// ```
/// use stripchart_core::Unit;
/// use stripchart_render::format_value;
/// assert_eq!(format_value(1536.0, Unit::Bytes), "1.50 KiB");
/// assert_eq!(format_value(999_950.0, Unit::BitsPerSecond), "1.00 Mbit/s");
/// assert_eq!(format_value(0.453, Unit::Ratio), "45.3%");
/// assert_eq!(format_value(250.0, Unit::Millicores), "250m");
/// ```
#[must_use]
pub fn format_value(value: f64, unit: Unit) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "-∞" }.to_owned();
    }
    match Family::of(unit) {
        Family::Plain(suffix) => with_suffix(&significant(value), suffix),
        Family::Decimal(name) => prefixed(value, 1000.0, |i| (DECIMAL_PREFIXES[i], name)),
        Family::Binary => prefixed(value, 1024.0, |i| ("", BINARY_UNITS[i])),
        Family::Percent(exp) => {
            let mut text = significant(nearly_whole(times_power_of_ten(value, exp)));
            text.push('%');
            text
        }
        Family::Time(exp) => time(times_power_of_ten(value, exp)),
        Family::Cores(exp) => {
            let cores = times_power_of_ten(value, exp);
            if cores != 0.0 && cores.abs() < 0.9995 {
                let mut text = significant(nearly_whole(cores * 1000.0));
                text.push('m');
                text
            } else {
                with_suffix(&significant(cores), if cores == 1.0 { "core" } else { "cores" })
            }
        }
        Family::Boolean if value == 0.0 => "no".to_owned(),
        Family::Boolean if value == 1.0 => "yes".to_owned(),
        Family::Boolean => significant(value),
        Family::Date => date(value),
    }
}

/// [`format_value`], or a dash for what is missing.
pub(crate) fn format_or_dash(value: Option<f64>, unit: Unit) -> String {
    value.map_or_else(|| MISSING.to_owned(), |value| format_value(value, unit))
}

fn date(secs: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, and the ends of time are shown as such"
    )]
    let secs = secs as i64;
    Zone::utc().format(Timestamp::from_secs(secs))
}

/// `value`, or the whole number that it misses by no more than a multiplication's rounding.
fn nearly_whole(value: f64) -> f64 {
    let whole = value.round();
    if (value - whole).abs() <= whole.abs() * 1e-14 { whole } else { value }
}

fn with_suffix(number: &str, suffix: &str) -> String {
    if suffix.is_empty() { number.to_owned() } else { format!("{number} {suffix}") }
}

/// Three significant digits of a number that stands alone; whole numbers in full.
fn significant(value: f64) -> String {
    let size = value.abs();
    if size >= 1e15 || (size > 0.0 && size < 1e-6) {
        return format!("{value:.2e}");
    }
    if value == value.trunc() {
        return fixed(value, 0);
    }
    if size < 0.095 {
        // Two significant digits, without the zeros that rounding leaves at the end.
        let mut decimals = 2;
        while times_power_of_ten(size, decimals) < 9.5 {
            decimals += 1;
        }
        let text = fixed(value, usize::try_from(decimals).unwrap_or(8));
        return text.trim_end_matches('0').to_owned();
    }
    fixed(value, decimals_of(size))
}

/// Decimals that leave three significant digits, after rounding.
fn decimals_of(size: f64) -> usize {
    match size {
        _ if size >= 99.95 => 0,
        _ if size >= 9.995 => 1,
        _ => 2,
    }
}

/// `value` with so many decimals; never "-0".
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| matches!(b, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    }
}

/// `value` divided by `base` until it is smaller, also once it is rounded.
fn prefixed(value: f64, base: f64, name: impl Fn(usize) -> (&'static str, &'static str)) -> String {
    let (mut scaled, mut index) = (value, 0);
    while scaled.abs() >= base && index + 1 < DECIMAL_PREFIXES.len() {
        scaled /= base;
        index += 1;
    }
    // What three digits round up to the base belongs to the next prefix: 999.6 is 1.00 k.
    let exact = index == 0 && scaled == scaled.trunc();
    if !exact && scaled.abs() >= base - 0.5 && index + 1 < DECIMAL_PREFIXES.len() {
        scaled /= base;
        index += 1;
    }
    let number = if index == 0 || scaled.abs() >= 1e6 {
        significant(scaled)
    } else {
        fixed(scaled, decimals_of(scaled.abs()))
    };
    let (prefix, name) = name(index);
    with_suffix(&number, &format!("{prefix}{name}"))
}

fn time(secs: f64) -> String {
    let size = secs.abs();
    let (one, name) = time_scale(size);
    // 1e-3 is not exact, so dividing by it would be off; a power of ten is.
    let scaled = nearly_whole(if one < 1.0 { secs * (1.0 / one).round() } else { secs / one });
    with_suffix(&significant(scaled), name)
}

/// The seconds in one of the span that suits `size` seconds, and its name.
fn time_scale(size: f64) -> (f64, &'static str) {
    if let Some((_, one, name)) = LONG_TIMES.iter().find(|(from, ..)| size >= *from) {
        return (*one, name);
    }
    if size >= 1.0 || size == 0.0 {
        return (1.0, "s");
    }
    let fits = SHORT_TIMES.iter().rev().find(|(one, _)| size >= *one);
    *fits.unwrap_or(&SHORT_TIMES[0])
}

/// How the labels of one value axis are written: one unit and one number of decimals for all of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AxisFormat {
    scale: Scale,
    decimals: usize,
    suffix: String,
    /// Whether zero stands without its suffix.
    bare_zero: bool,
    family: Family,
}

/// What a value is divided by.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    Exp10(i32),
    Divide(f64),
}

/// How far apart ticks are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    /// `digit` times ten to the power of `exp`.
    Decimal { digit: i32, exp: i32 },
    /// So many, a number without fraction or a power of two.
    Whole(f64),
}

impl Step {
    /// The distance.
    pub(crate) fn size(self) -> f64 {
        self.at(1.0)
    }

    /// The `index`th multiple, exact where the decimal notation is: three tenths are 3 / 10, not 3 times 0.1.
    pub(crate) fn at(self, index: f64) -> f64 {
        match self {
            Step::Decimal { digit, exp } => times_power_of_ten(index * f64::from(digit), exp),
            Step::Whole(size) => index * size,
        }
    }
}

impl AxisFormat {
    /// For ticks `step` apart, none larger in size than `top`.
    pub(crate) fn new(unit: Unit, top: f64, step: Step) -> Self {
        let family = Family::of(unit);
        let (scale, suffix) = match family {
            Family::Plain("") | Family::Date | Family::Boolean => (Scale::Exp10(0), String::new()),
            Family::Plain(name) => (Scale::Exp10(0), format!(" {name}")),
            Family::Percent(exp) => (Scale::Exp10(exp), "%".to_owned()),
            Family::Decimal(name) => decimal_scale(name, top),
            Family::Binary => binary_scale(top, step.size()),
            Family::Time(exp) => time_axis_scale(exp, top),
            Family::Cores(exp) if times_power_of_ten(top, exp) < 1.0 => {
                (Scale::Exp10(exp + 3), "m".to_owned())
            }
            Family::Cores(exp) => (Scale::Exp10(exp), " cores".to_owned()),
        };
        let decimals = decimals(scale, step);
        let bare_zero = !matches!(family, Family::Plain(_) | Family::Percent(_));
        AxisFormat { scale, decimals, suffix, bare_zero, family }
    }

    /// The label of the tick at `value`.
    pub(crate) fn label(&self, value: f64) -> String {
        if self.family == Family::Boolean && (value == 0.0 || value == 1.0) {
            return if value == 0.0 { "no" } else { "yes" }.to_owned();
        }
        if self.family == Family::Date {
            return date(value);
        }
        if value == 0.0 && self.bare_zero {
            return "0".to_owned();
        }
        let scaled = match self.scale {
            Scale::Exp10(exp) => times_power_of_ten(value, exp),
            Scale::Divide(by) => value / by,
        };
        let mut text = if scaled.abs() >= 1e15 || self.decimals > 12 {
            format!("{scaled:.3e}")
        } else {
            fixed(scaled, self.decimals)
        };
        let _ = write!(text, "{}", self.suffix);
        text
    }
}

/// Decimals that tell ticks apart.
fn decimals(scale: Scale, step: Step) -> usize {
    match (scale, step) {
        (Scale::Exp10(shift), Step::Decimal { exp, .. }) => {
            usize::try_from(-(exp + shift)).unwrap_or(0)
        }
        (scale, step) => {
            let by = if let Scale::Divide(by) = scale { by } else { 1.0 };
            match step.size() / by {
                part if part >= 1.0 && part == part.trunc() => 0,
                part if part >= 0.5 => 1,
                _ => 2,
            }
        }
    }
}

fn decimal_scale(name: &str, top: f64) -> (Scale, String) {
    let (mut exp, mut prefix) = (0, "");
    for larger in &DECIMAL_PREFIXES[1..] {
        if top < power_of_ten(exp + 3) {
            break;
        }
        (exp, prefix) = (exp + 3, larger);
    }
    let space = if prefix.is_empty() && name.is_empty() { "" } else { " " };
    (Scale::Exp10(-exp), format!("{space}{prefix}{name}"))
}

fn binary_scale(top: f64, step: f64) -> (Scale, String) {
    let (mut one, mut index) = (1.0, 0);
    while index + 1 < BINARY_UNITS.len() && top >= one * 1024.0 && step >= one * 256.0 {
        one *= 1024.0;
        index += 1;
    }
    (Scale::Divide(one), format!(" {}", BINARY_UNITS[index]))
}

/// For a unit of which one is ten to the power of `exp` seconds.
fn time_axis_scale(exp: i32, top: f64) -> (Scale, String) {
    let (one, name) = time_scale(times_power_of_ten(top, exp));
    let suffix = format!(" {name}");
    match name {
        "ns" => (Scale::Exp10(exp + 9), suffix),
        "µs" => (Scale::Exp10(exp + 6), suffix),
        "ms" => (Scale::Exp10(exp + 3), suffix),
        "s" => (Scale::Exp10(exp), suffix),
        _ => (Scale::Divide(times_power_of_ten(one, -exp)), suffix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_values() {
        let cases: &[(f64, Unit, &str)] = &[
            (0.0, Unit::Bytes, "0 B"),
            (1023.0, Unit::Bytes, "1023 B"),
            (1024.0, Unit::Bytes, "1.00 KiB"),
            (1536.0, Unit::Bytes, "1.50 KiB"),
            (1_048_575.0, Unit::Bytes, "1.00 MiB"),
            (1023.96 * 1024.0, Unit::Bytes, "1.00 MiB"),
            (5.5 * 1_073_741_824.0, Unit::Bytes, "5.50 GiB"),
            (-2048.0, Unit::Bytes, "-2.00 KiB"),
            (9_223_372_036_854_775_808.0, Unit::Bytes, "8.00 EiB"),
            (1e300, Unit::Bytes, "8.67e281 EiB"),
            (999.0, Unit::BitsPerSecond, "999 bit/s"),
            (999.6, Unit::BitsPerSecond, "1.00 kbit/s"),
            (12_345.0, Unit::BitsPerSecond, "12.3 kbit/s"),
            (999_950.0, Unit::BitsPerSecond, "1.00 Mbit/s"),
            (99.96, Unit::Count, "100"),
            (1_234_567.0, Unit::Count, "1.23 M"),
            (1_234_567.0, Unit::None, "1234567"),
            (0.42, Unit::None, "0.42"),
            (0.0456, Unit::None, "0.046"),
            (0.01, Unit::None, "0.01"),
            (-0.001, Unit::None, "-0.001"),
            (1.234e-9, Unit::None, "1.23e-9"),
            (1e300, Unit::None, "1.00e300"),
            (-0.0, Unit::None, "0"),
            (45.0, Unit::Percent, "45%"),
            (0.07, Unit::Ratio, "7%"),
            (0.453, Unit::Ratio, "45.3%"),
            (0.25, Unit::Cores, "250m"),
            (1.5, Unit::Cores, "1.50 cores"),
            (250.0, Unit::Millicores, "250m"),
            (1.5e9, Unit::Nanocores, "1.50 cores"),
            (0.0, Unit::Millicores, "0 cores"),
            (0.000_25, Unit::Seconds, "250 µs"),
            (12.0, Unit::Milliseconds, "12 ms"),
            (1500.0, Unit::Milliseconds, "1.50 s"),
            (90.0, Unit::Seconds, "90 s"),
            (150.0, Unit::Seconds, "2.50 min"),
            (259_200.0, Unit::Seconds, "3 d"),
            (3e-10, Unit::Seconds, "0.30 ns"),
            (36.6, Unit::Celsius, "36.6 °C"),
            (1.0, Unit::Boolean, "yes"),
            (1_795_350_600.0, Unit::UnixSeconds, "2026-11-22 12:30"),
            (f64::NAN, Unit::Bytes, "NaN"),
            (f64::NEG_INFINITY, Unit::Bytes, "-∞"),
        ];
        for (value, unit, want) in cases {
            assert_eq!(format_value(*value, *unit), *want, "{value} {unit:?}");
        }
        assert_eq!(format_or_dash(None, Unit::Bytes), "–");
    }

    #[test]
    fn no_value_of_any_unit_panics() {
        for unit in Unit::all() {
            for value in
                [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -0.0, 1e15, 0.999_999, 1023.5]
            {
                assert!(!format_value(value, unit).is_empty());
            }
        }
    }
}
