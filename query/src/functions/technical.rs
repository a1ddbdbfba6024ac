//! The functions of technical analysis: moving averages that weigh the recent more, and oscillators.
//!
//! | function | what it is |
//! | --- | --- |
//! | `exponential_moving_average` | EMA: `last + alpha * (value - last)` with `alpha = 2 / (period + 1)` |
//! | `double_exponential_moving_average` | `2 EMA - EMA(EMA)` |
//! | `triple_exponential_moving_average` | `3 EMA - 3 EMA(EMA) + EMA(EMA(EMA))` |
//! | `triple_exponential_derivative` | the change of `EMA(EMA(EMA))` in percent |
//! | `relative_strength_index` | rises as a share of all changes, in percent, both smoothed with `alpha = 1 / period` |
//! | `chande_momentum_oscillator` | rises less falls as a share of all changes, in percent, summed or smoothed |
//! | `kaufmans_efficiency_ratio` | the way made in `period` points as a share of the way gone |
//! | `kaufmans_adaptive_moving_average` | an EMA whose `alpha` follows the efficiency ratio |
//!
//! Each point gives a row once the *hold period* is over: as many points as the function needs to warm up, unless said
//! otherwise. Until an EMA has seen `period` points it is either the plain mean of them (warmup `simple`) or weighs them
//! by `alpha = 2 / (points + 2)` (`exponential`, the default).

use std::collections::VecDeque;

use stripchart_core::{FieldType, ValueRef};

use super::points::Points;

/// A function and its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Technical {
    pub indicator: Indicator,
    /// At least 1.
    pub period: usize,
    /// Points without a row; `None` for as many as the function takes to warm up.
    pub hold: Option<usize>,
    /// `None` is said of the Chande momentum oscillator alone, which then sums instead of smoothing.
    pub warmup: Option<Warmup>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Indicator {
    Average,
    DoubleAverage,
    TripleAverage,
    TripleDerivative,
    RelativeStrength,
    ChandeMomentum,
    EfficiencyRatio,
    AdaptiveAverage,
}

/// What an exponential moving average is before it has seen a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Warmup {
    Exponential,
    Simple,
}

impl Indicator {
    /// The function called `name`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "exponential_moving_average" => Indicator::Average,
            "double_exponential_moving_average" => Indicator::DoubleAverage,
            "triple_exponential_moving_average" => Indicator::TripleAverage,
            "triple_exponential_derivative" => Indicator::TripleDerivative,
            "relative_strength_index" => Indicator::RelativeStrength,
            "chande_momentum_oscillator" => Indicator::ChandeMomentum,
            "kaufmans_efficiency_ratio" => Indicator::EfficiencyRatio,
            "kaufmans_adaptive_moving_average" => Indicator::AdaptiveAverage,
            _ => return None,
        })
    }

    /// Whether its values are some average of the points', so that they have their unit.
    pub(crate) fn is_average(self) -> bool {
        matches!(
            self,
            Indicator::Average
                | Indicator::DoubleAverage
                | Indicator::TripleAverage
                | Indicator::AdaptiveAverage
        )
    }

    /// Its name with spaces, as InfluxDB's messages have it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Indicator::Average => "exponential moving average",
            Indicator::DoubleAverage => "double exponential moving average",
            Indicator::TripleAverage => "triple exponential moving average",
            Indicator::TripleDerivative => "triple exponential derivative",
            Indicator::RelativeStrength => "relative strength index",
            Indicator::ChandeMomentum => "chande momentum oscillator",
            Indicator::EfficiencyRatio => "kaufmans efficiency ratio",
            Indicator::AdaptiveAverage => "kaufmans adaptive moving average",
        }
    }
}

impl Technical {
    /// Points it takes until its values mean what they should.
    fn warm_count(self) -> usize {
        let exponential = self.warmup == Some(Warmup::Exponential);
        let before = self.period - 1;
        match self.indicator {
            Indicator::Average => before,
            Indicator::DoubleAverage if exponential => before,
            Indicator::DoubleAverage => before.saturating_mul(2),
            Indicator::TripleAverage if exponential => before,
            Indicator::TripleAverage => before.saturating_mul(3),
            Indicator::TripleDerivative if exponential => before.saturating_add(1),
            Indicator::TripleDerivative => before.saturating_mul(3).saturating_add(1),
            Indicator::ChandeMomentum if self.warmup.is_none() => before,
            _ => self.period,
        }
    }

    /// A row for each of `points` but those held back.
    pub(crate) fn run<'a>(
        self,
        points: impl Iterator<Item = (i64, ValueRef<'a>)>,
        out: &mut Points,
    ) {
        let hold = self.hold.unwrap_or_else(|| self.warm_count());
        let mut state = State::new(self);
        for (index, (at, value)) in points.enumerate() {
            let value = state.next(value.as_f64().unwrap_or_default());
            // Averages and the two momenta may well be infinite; of the others such values are left out.
            if index >= hold && !(self.leaves_out_infinities() && value.is_infinite()) {
                out.push(at, Some(ValueRef::Float(value)));
            }
        }
    }

    fn leaves_out_infinities(self) -> bool {
        matches!(
            self.indicator,
            Indicator::TripleDerivative | Indicator::EfficiencyRatio | Indicator::AdaptiveAverage
        )
    }

    /// The type of the answer over values of `field_type`.
    pub(crate) fn output(field_type: FieldType) -> Option<FieldType> {
        field_type.is_numeric().then_some(FieldType::Float)
    }
}

enum State {
    Average(Average),
    Double([Average; 2]),
    Triple([Average; 3]),
    Derivative([Average; 3], f64),
    Strength(Momentum),
    Smoothed(Momentum),
    Summed(Sums),
    Efficiency(Efficiency),
    Adaptive(Efficiency, f64),
}

impl State {
    fn new(f: Technical) -> State {
        let average = || Average::new(f.period, f.warmup);
        match f.indicator {
            Indicator::Average => State::Average(average()),
            Indicator::DoubleAverage => State::Double([average(), average()]),
            Indicator::TripleAverage => State::Triple([average(), average(), average()]),
            Indicator::TripleDerivative => {
                State::Derivative([average(), average(), average()], 0.0)
            }
            Indicator::RelativeStrength => State::Strength(Momentum::new(f)),
            Indicator::ChandeMomentum if f.warmup.is_some() => State::Smoothed(Momentum::new(f)),
            Indicator::ChandeMomentum => State::Summed(Sums::new(f.period)),
            Indicator::EfficiencyRatio => State::Efficiency(Efficiency::new(f.period)),
            Indicator::AdaptiveAverage => State::Adaptive(Efficiency::new(f.period), 0.0),
        }
    }

    fn next(&mut self, value: f64) -> f64 {
        match self {
            State::Average(average) => average.next(value),
            State::Double(averages) => {
                let [once, twice] = chain(averages, value);
                2.0 * once - twice
            }
            State::Triple(averages) => {
                let [once, twice, thrice] = chain(averages, value);
                3.0 * once - 3.0 * twice + thrice
            }
            State::Derivative(averages, last) => {
                let [_, _, thrice] = chain(averages, value);
                let rate = (thrice / *last - 1.0) * 100.0;
                *last = thrice;
                rate
            }
            State::Strength(momentum) => {
                let (up, down) = momentum.next(value);
                100.0 - 100.0 / (1.0 + up / down)
            }
            State::Smoothed(momentum) => {
                let (up, down) = momentum.next(value);
                100.0 * ((up - down) / (up + down))
            }
            State::Summed(sums) => sums.next(value),
            State::Efficiency(efficiency) => efficiency.next(value),
            State::Adaptive(efficiency, last) => {
                // Until there is a whole period the average is where the last point was.
                if !efficiency.is_warm() {
                    *last = efficiency.last();
                }
                let (fast, slow) = (2.0 / (2.0 + 1.0), 2.0 / (30.0 + 1.0));
                let alpha = (efficiency.next(value) * (fast - slow) + slow).powi(2);
                *last += alpha * (value - *last);
                *last
            }
        }
    }
}

/// The average of `value`, the average of that, and so on. One that warms up simply hands its values through to all
/// that follow until it is warm.
fn chain<const N: usize>(averages: &mut [Average; N], value: f64) -> [f64; N] {
    let mut value = value;
    let mut feeds = true;
    averages.each_mut().map(|average| {
        if feeds {
            value = average.next(value);
            feeds = average.is_warm() || average.warmup == Some(Warmup::Exponential);
        }
        value
    })
}

/// An exponential moving average.
struct Average {
    period: usize,
    warmup: Option<Warmup>,
    alpha: f64,
    last: f64,
    /// Points seen, up to a period.
    count: usize,
}

impl Average {
    fn new(period: usize, warmup: Option<Warmup>) -> Average {
        let alpha = 2.0 / (period as f64 + 1.0);
        Average { period, warmup, alpha, last: 0.0, count: 0 }
    }

    fn is_warm(&self) -> bool {
        self.count == self.period
    }

    fn next(&mut self, value: f64) -> f64 {
        let seen = self.count as f64;
        self.last = if self.count == 0 {
            value
        } else if self.is_warm() {
            (value - self.last) * self.alpha + self.last
        } else if self.warmup == Some(Warmup::Simple) {
            (self.last * seen + value) / (seen + 1.0)
        } else {
            (value - self.last) * (2.0 / (seen + 2.0)) + self.last
        };
        self.count = self.period.min(self.count + 1);
        self.last
    }
}

/// Rises and falls, smoothed. The first point has risen or fallen from zero.
struct Momentum {
    up: Average,
    down: Average,
    last: f64,
}

impl Momentum {
    fn new(f: Technical) -> Momentum {
        let average = || {
            let period = f.period.saturating_add(1);
            Average { alpha: 1.0 / f.period as f64, ..Average::new(period, f.warmup) }
        };
        Momentum { up: average(), down: average(), last: 0.0 }
    }

    fn next(&mut self, value: f64) -> (f64, f64) {
        let rise = if value > self.last { value - self.last } else { 0.0 };
        let fall = if value < self.last { self.last - value } else { 0.0 };
        self.last = value;
        (self.up.next(rise), self.down.next(fall))
    }
}

/// Rises and falls of the last `period` points, summed.
struct Sums {
    period: usize,
    up: f64,
    down: f64,
    /// The latest points with what they had risen, at most one fewer than a period.
    changes: VecDeque<f64>,
    last: Option<f64>,
}

impl Sums {
    fn new(period: usize) -> Sums {
        Sums { period, up: 0.0, down: 0.0, changes: VecDeque::new(), last: None }
    }

    fn next(&mut self, value: f64) -> f64 {
        let change = self.last.replace(value).map_or(0.0, |last| value - last);
        if change > 0.0 {
            self.up += change;
        } else {
            self.down -= change;
        }
        let all = self.up + self.down;
        let share = if self.up != 0.0 || self.down != 0.0 {
            100.0 * ((self.up - self.down) / all)
        } else {
            0.0
        };
        self.changes.push_back(change);
        if self.changes.len() >= self.period {
            let oldest = self.changes.pop_front().unwrap_or_default();
            if oldest > 0.0 {
                self.up -= oldest;
            } else {
                self.down += oldest;
            }
        }
        share
    }
}

/// Kaufman's ratio; what was before the first point counts as zero.
struct Efficiency {
    period: usize,
    /// The latest points, at most a period, with how far each was from the one before.
    points: VecDeque<(f64, f64)>,
    gone: f64,
    /// Points seen, up to one more than a period.
    count: usize,
}

impl Efficiency {
    fn new(period: usize) -> Efficiency {
        Efficiency { period, points: VecDeque::new(), gone: 0.0, count: 0 }
    }

    fn is_warm(&self) -> bool {
        self.count > self.period
    }

    /// The last point.
    fn last(&self) -> f64 {
        self.points.back().map_or(0.0, |point| point.0)
    }

    fn next(&mut self, value: f64) -> f64 {
        let step = (value - self.last()).abs();
        let full = self.points.len() == self.period;
        let oldest = if full { self.points.pop_front() } else { None };
        let (from, oldest_step) = oldest.unwrap_or_default();
        self.gone -= oldest_step;
        self.gone += step;
        self.points.push_back((value, step));
        self.count = self.period.saturating_add(1).min(self.count + 1);
        let way = (value - from).abs();
        if way == 0.0 || self.gone == 0.0 { 0.0 } else { way / self.gone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fifteen steps up and fourteen down, by which such functions are commonly checked.
    const MOUNTAIN: [f64; 29] = [
        1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 14.0,
        13.0, 12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0,
    ];

    fn run(
        indicator: Indicator,
        period: usize,
        hold: Option<usize>,
        warmup: Option<Warmup>,
    ) -> Vec<(i64, f64)> {
        let f = Technical { indicator, period, hold, warmup };
        let mut out = Points::new(FieldType::Float, &[]);
        f.run((0..).zip(MOUNTAIN.iter().map(|v| ValueRef::Float(*v))), &mut out);
        (0..out.len()).map(|i| (out.times[i], out.values.get_f64(i).unwrap_or(f64::NAN))).collect()
    }

    fn close(got: &[(i64, f64)], first: i64, want: &[f64]) {
        for (step, want) in want.iter().enumerate() {
            let at = first + i64::try_from(step).unwrap();
            assert!(got[step].0 == at && (got[step].1 - want).abs() < 1e-7, "{got:?}");
        }
    }

    #[test]
    fn averages_follow() {
        let simple = Some(Warmup::Simple);
        let got = run(Indicator::Average, 10, None, simple);
        assert_eq!(got.len(), 20);
        close(&got, 9, &[5.5, 6.5, 7.5, 8.5, 9.5, 10.5, 11.136_363_636, 11.475_206_612]);
        // A straight line is followed without delay once it is bent twice.
        let got = run(Indicator::DoubleAverage, 4, None, simple);
        close(&got, 6, &[7.0, 8.0, 9.0, 10.0]);
        let got = run(Indicator::TripleAverage, 4, None, simple);
        close(&got, 9, &[10.0, 11.0, 12.0, 13.0]);
        let exponential = Some(Warmup::Exponential);
        let got = run(Indicator::Average, 2, Some(0), exponential);
        close(&got, 0, &[1.0, 1.0 + 2.0 / 3.0, 2.555_555_556]);
        assert_eq!(run(Indicator::DoubleAverage, 4, None, exponential)[0].0, 3);
        assert_eq!(run(Indicator::TripleAverage, 4, None, exponential)[0].0, 3);
    }

    #[test]
    fn momenta_turn_at_the_summit() {
        let simple = Some(Warmup::Simple);
        let got = run(Indicator::RelativeStrength, 10, None, simple);
        assert_eq!(got.len(), 19);
        close(&got, 10, &[100.0, 100.0, 100.0, 100.0, 100.0, 90.0, 81.0, 72.9, 65.61]);
        let got = run(Indicator::ChandeMomentum, 10, None, simple);
        close(&got, 10, &[100.0, 100.0, 100.0, 100.0, 100.0, 80.0, 62.0, 45.8]);
        let got = run(Indicator::ChandeMomentum, 10, None, None);
        close(&got, 9, &[100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 80.0, 60.0, 40.0]);
        let got = run(Indicator::TripleDerivative, 4, None, simple);
        close(&got, 10, &[18.181_818_182, 15.384_615_385, 13.333_333_333, 11.764_705_882]);
        // The first has nothing before it: infinite, and left out.
        assert_eq!(run(Indicator::TripleDerivative, 1, Some(0), simple)[0], (1, 100.0));
    }

    #[test]
    fn the_adaptive_one_goes_by_efficiency() {
        let got = run(Indicator::EfficiencyRatio, 10, None, None);
        close(&got, 10, &[1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2, 0.0, 0.2]);
        let got = run(Indicator::AdaptiveAverage, 10, None, None);
        close(&got, 10, &[10.444_444_444, 11.135_802_469, 11.964_334_705, 12.869_074_836]);
        assert_eq!(run(Indicator::EfficiencyRatio, 10, Some(0), None)[0], (0, 1.0));
    }
}
