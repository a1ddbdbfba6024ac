//! The value axis: its ends, its ticks, their labels.

use stripchart_core::Unit;

use crate::units::{AxisFormat, Family, Step, times_power_of_ten};

/// Pixels of height for each wanted step.
const STEP_PX: u32 = 45;
/// Beyond this size values are drawn at the edge: the arithmetic below needs room above.
const LARGEST: f64 = 1e300;
/// Ends closer than this are one value.
const SMALLEST_SPAN: f64 = 1e-290;

const MINUTE_STEPS: [f64; 6] = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0];
const HOUR_STEPS: [f64; 5] = [1.0, 2.0, 3.0, 6.0, 12.0];

/// The caller's wishes for the ends of the axis.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) soft_min: Option<f64>,
    pub(crate) soft_max: Option<f64>,
}

/// A value axis, ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValueAxis {
    pub(crate) lo: f64,
    pub(crate) hi: f64,
    /// From the bottom up.
    pub(crate) ticks: Vec<(f64, String)>,
}

/// The axis for `data` (smallest and largest value; none where there are no values) on `height_px` pixels.
///
/// `from_zero` asks for a baseline where the unit does not ask for it anyway; `unsigned` labels what lies below
/// zero without its sign, for charts that mirror.
pub(crate) fn value_axis(
    unit: Unit,
    data: Option<(f64, f64)>,
    bounds: Bounds,
    from_zero: bool,
    unsigned: bool,
    height_px: u32,
) -> ValueAxis {
    let (mut lo, mut hi) = domain(unit, data, bounds, from_zero);
    let wanted = f64::from((height_px / STEP_PX).clamp(2, 8));
    let mut step = step(unit, lo, hi, wanted);
    // A wider axis may ask for a wider step, which asks for a wider axis.
    for _ in 0..10 {
        let ends = (
            bounds.min.map_or((lo / step.size()).floor(), |_| f64::NAN),
            bounds.max.map_or((hi / step.size()).ceil(), |_| f64::NAN),
        );
        let new_lo = if ends.0.is_nan() { lo } else { step.at(ends.0).min(lo) };
        let new_hi = if ends.1.is_nan() { hi } else { step.at(ends.1).max(hi) };
        if (new_lo, new_hi) == (lo, hi) {
            break;
        }
        (lo, hi) = (new_lo, new_hi);
        step = self::step(unit, lo, hi, wanted);
    }
    let format = AxisFormat::new(unit, lo.abs().max(hi.abs()), step);
    // A hair of tolerance: the quotient of an exact end may be off by a rounding.
    let (first, last) = ((lo / step.size() - 1e-9).ceil(), (hi / step.size() + 1e-9).floor());
    let mut ticks = Vec::new();
    let mut index = first;
    while index <= last && ticks.len() < 64 {
        let value = step.at(index);
        ticks.push((value, format.label(if unsigned { value.abs() } else { value })));
        index += 1.0;
    }
    ValueAxis { lo, hi, ticks }
}

/// The ends of the axis before they are moved to ticks.
fn domain(unit: Unit, data: Option<(f64, f64)>, bounds: Bounds, from_zero: bool) -> (f64, f64) {
    let family = Family::of(unit);
    let finite = |bound: Option<f64>| bound.filter(|v| v.is_finite());
    let (mut lo, mut hi) = data.unwrap_or((0.0, 1.0));
    if let Some(soft) = finite(bounds.soft_min) {
        lo = lo.min(soft);
    }
    if let Some(soft) = finite(bounds.soft_max) {
        hi = hi.max(soft);
    }
    (lo, hi) = (lo.clamp(-LARGEST, LARGEST), hi.clamp(-LARGEST, LARGEST));
    let baseline = |(lo, hi): (f64, f64)| {
        if from_zero || family.begins_at_zero() { (lo.min(0.0), hi.max(0.0)) } else { (lo, hi) }
    };
    (lo, hi) = baseline((lo, hi));
    let whole = match family {
        Family::Percent(exp) => times_power_of_ten(100.0, -exp),
        Family::Boolean => 1.0,
        _ => f64::INFINITY,
    };
    // More than half of a whole is shown as part of the whole; yes and no have both.
    let near = hi > whole / 2.0 || family == Family::Boolean;
    if near && hi <= whole {
        hi = whole;
    }
    if let Some(min) = finite(bounds.min) {
        lo = min.clamp(-LARGEST, LARGEST);
        hi = hi.max(lo);
    }
    if let Some(max) = finite(bounds.max) {
        hi = max.clamp(-LARGEST, LARGEST);
        lo = lo.min(hi);
    }
    widened(lo, hi)
}

/// The ends, moved apart if they are as good as one value.
fn widened(lo: f64, hi: f64) -> (f64, f64) {
    let size = lo.abs().max(hi.abs());
    if hi - lo > (size * 1e-12).max(SMALLEST_SPAN) {
        return (lo, hi);
    }
    if size <= SMALLEST_SPAN {
        return (0.0, 1.0);
    }
    (lo - size * 0.1, hi + size * 0.1)
}

/// The step that cuts `lo..hi` into about `wanted` pieces.
fn step(unit: Unit, lo: f64, hi: f64, wanted: f64) -> Step {
    let raw = (hi - lo) / wanted;
    let top = lo.abs().max(hi.abs());
    match Family::of(unit) {
        Family::Binary => binary(raw),
        Family::Boolean if top <= 1.0 => Step::Whole(1.0),
        Family::Time(exp) => {
            let second = times_power_of_ten(1.0, -exp);
            match top / second {
                secs if secs >= 172_800.0 => days(raw, second * 86_400.0),
                secs if secs >= 7_200.0 => of_ladder(raw, second * 3_600.0, &HOUR_STEPS),
                secs if secs >= 120.0 => of_ladder(raw, second * 60.0, &MINUTE_STEPS),
                _ => decimal(raw),
            }
        }
        _ => decimal(raw),
    }
}

/// 1, 2 or 5 times a power of ten, whichever is nearest to `raw` by ratio.
fn decimal(raw: f64) -> Step {
    let mut exp = floor_log10(raw);
    let part = times_power_of_ten(raw, -exp);
    let digit = match part {
        _ if part >= 50f64.sqrt() => {
            exp += 1;
            1
        }
        _ if part >= 10f64.sqrt() => 5,
        _ if part >= 2f64.sqrt() => 2,
        _ => 1,
    };
    Step::Decimal { digit, exp }
}

/// A power of two, at least one.
fn binary(raw: f64) -> Step {
    let mut size = 1.0;
    while raw / size >= 2f64.sqrt() {
        size *= 2.0;
    }
    Step::Whole(size)
}

fn of_ladder(raw: f64, one: f64, ladder: &[f64]) -> Step {
    let fits = ladder.iter().find(|count| **count * one >= raw * 0.75);
    Step::Whole(fits.or(ladder.last()).copied().unwrap_or(1.0) * one)
}

/// Whole days, in steps of 1, 2 or 5 times a power of ten.
fn days(raw: f64, day: f64) -> Step {
    let step = decimal((raw / day).max(1.0));
    Step::Whole(step.size() * day)
}

fn floor_log10(value: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a logarithm of a finite float is within ±324"
    )]
    let exp = value.log10().floor() as i32;
    // The logarithm is not exactly rounded on every machine; powers of ten up to 22 are.
    match times_power_of_ten(value, -exp) {
        part if part >= 10.0 => exp + 1,
        part if part < 1.0 => exp - 1,
        _ => exp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1_048_576.0;
    const GIB: f64 = 1024.0 * MIB;

    /// First, second and last label, and how many there are.
    fn labels(unit: Unit, lo: f64, hi: f64, steps: u32) -> (String, usize) {
        let axis =
            value_axis(unit, Some((lo, hi)), Bounds::default(), false, false, steps * STEP_PX);
        let labels: Vec<_> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        let ends = [labels[0], labels[1], labels[labels.len() - 1]];
        (ends.join(", "), labels.len())
    }

    #[test]
    fn decimal_binary_and_other_axes() {
        let cases: &[(Unit, f64, f64, u32, &str, usize)] = &[
            (Unit::None, 0.0, 97.0, 5, "0, 20, 100", 6),
            (Unit::None, 0.0, 1.0, 5, "0.0, 0.2, 1.0", 6),
            (Unit::None, 0.0, 0.3, 5, "0.00, 0.05, 0.30", 7),
            (Unit::None, 0.13, 0.87, 5, "0.0, 0.2, 1.0", 6),
            (Unit::None, -3.0, 7.0, 5, "-4, -2, 8", 7),
            (Unit::None, 0.0, 1_234_567.0, 5, "0, 200000, 1400000", 8),
            (Unit::None, 99.2, 99.9, 4, "99.2, 99.4, 100.0", 5),
            (Unit::Bytes, 0.0, 1.5 * GIB, 5, "0, 0.25 GiB, 1.50 GiB", 7),
            (Unit::Bytes, 0.0, 700.0 * MIB, 5, "0, 128 MiB, 768 MiB", 7),
            (Unit::Bytes, 0.0, 3000.0, 5, "0, 0.5 KiB, 3.0 KiB", 7),
            (Unit::Bytes, 0.0, 64.0 * GIB, 6, "0, 8 GiB, 64 GiB", 9),
            (Unit::Bytes, 0.0, 5.0, 5, "0, 1 B, 5 B", 6),
            (Unit::BitsPerSecond, 0.0, 1_234_567.0, 5, "0, 0.2 Mbit/s, 1.4 Mbit/s", 8),
            (Unit::Count, 0.0, 4_200.0, 4, "0, 1 k, 5 k", 6),
            (Unit::Percent, 12.0, 61.0, 5, "0%, 20%, 100%", 6),
            (Unit::Percent, 12.0, 31.0, 5, "0%, 5%, 35%", 8),
            (Unit::Ratio, 0.0, 0.93, 5, "0%, 20%, 100%", 6),
            (Unit::Ratio, 0.0, 0.012, 5, "0.0%, 0.2%, 1.2%", 7),
            (Unit::Cores, 0.0, 0.8, 4, "0, 200m, 800m", 5),
            (Unit::Millicores, 0.0, 3100.0, 5, "0, 0.5 cores, 3.5 cores", 8),
            (Unit::Seconds, 0.0, 0.0042, 4, "0, 1 ms, 5 ms", 6),
            (Unit::Seconds, 0.0, 0.000_9, 4, "0, 0.2 ms, 1.0 ms", 6),
            (Unit::Milliseconds, 0.0, 900_000.0, 5, "0, 5 min, 15 min", 4),
            (Unit::Seconds, 0.0, 36_000.0, 5, "0, 2 h, 10 h", 6),
            (Unit::Seconds, 0.0, 2_000_000.0, 5, "0, 5 d, 25 d", 6),
            (Unit::Boolean, 0.0, 1.0, 5, "no, yes, yes", 2),
            (Unit::Celsius, 41.0, 48.0, 4, "40 °C, 42 °C, 48 °C", 5),
        ];
        for (unit, lo, hi, steps, want, count) in cases {
            let got = labels(*unit, *lo, *hi, *steps);
            assert_eq!(got, (want.to_string(), *count), "{unit:?} {lo} {hi} {steps}");
        }
    }

    #[test]
    fn one_value_and_none_have_an_axis_too() {
        let axis = |data| value_axis(Unit::None, data, Bounds::default(), false, false, 240);
        assert_eq!((axis(None).lo, axis(None).hi), (0.0, 1.0));
        assert_eq!((axis(Some((0.0, 0.0))).lo, axis(Some((0.0, 0.0))).hi), (0.0, 1.0));
        let five = axis(Some((5.0, 5.0)));
        assert!(five.lo <= 4.5 && five.hi >= 5.5 && five.lo > 0.0, "{five:?}");
    }

    #[test]
    fn hard_ends_win_and_soft_ends_widen() {
        let bounds = Bounds { min: Some(10.0), max: Some(93.0), ..Bounds::default() };
        let axis = value_axis(Unit::Bytes, Some((0.0, 1e9)), bounds, true, false, 240);
        assert_eq!((axis.lo, axis.hi), (10.0, 93.0));
        let bounds = Bounds { soft_min: Some(-1.0), soft_max: Some(1.0), ..Bounds::default() };
        let axis = value_axis(Unit::None, Some((0.0, 5.0)), bounds, false, false, 240);
        assert_eq!((axis.lo, axis.hi), (-1.0, 5.0));
    }

    #[test]
    fn what_is_below_zero_in_a_mirrored_chart_has_no_sign() {
        let bounds = Bounds::default();
        let axis = value_axis(Unit::None, Some((-4.0, 4.0)), bounds, true, true, 180);
        let labels: Vec<_> = axis.ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["4", "2", "0", "2", "4"]);
    }

    #[test]
    fn the_largest_and_smallest_floats_have_ticks() {
        let sizes = [f64::MAX, f64::MIN, 1e300, -1e300, 1e16, 5e-324, 1e-300, 1e-9, 0.0];
        for unit in Unit::all() {
            for lo in sizes {
                for hi in sizes.into_iter().filter(|hi| *hi >= lo) {
                    for min in [None, Some(f64::NAN), Some(7.0)] {
                        let bounds = Bounds { min, ..Bounds::default() };
                        let axis = value_axis(unit, Some((lo, hi)), bounds, false, false, 200);
                        assert!(axis.lo < axis.hi, "{unit:?} {lo} {hi}: {axis:?}");
                        assert!(axis.ticks.len() < 20, "{unit:?} {lo} {hi}: {axis:?}");
                        assert!(axis.ticks.iter().all(|(_, label)| label.len() < 40), "{axis:?}");
                    }
                }
            }
        }
    }
}
