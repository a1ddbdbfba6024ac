//! `holt_winters` and `holt_winters_with_fit`: a series goes on as its level, trend and season have it.
//!
//! The method is the damped one of Holt and Winters, multiplicative in its season. With smoothing factors `alpha`,
//! `beta`, `gamma` and damping `phi`, from level `l`, trend `b` and season `s` follow, step by step,
//!
//! ```text
//! l' = alpha * y / s  + (1 - alpha) * (l + phi * b)
//! b' = beta * (l' - l) + (1 - beta) * phi * b
//! s' = gamma * y / (l + phi * b) + (1 - gamma) * s
//! y' = (l' + (phi + phi^1 + ... + phi^(t-1)) * b') * s       where y is the forecast of the step before
//! ```
//!
//! The factors and the first level, trend and season are those with the least squared error that the downhill simplex
//! of Nelder and Mead finds from sixteen starts. Forecasts depend on how it walks, so it takes InfluxDB's steps, and so
//! does the season, whose places in the ring are InfluxDB's and not a textbook's; a candidate's season is also left as
//! its forecast ended, which the simplex then goes on from.

use stripchart_core::{FieldType, ValueRef};

use super::nelder_mead::minimize;
use super::points::Points;
use crate::QueryError;

/// What is forecast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HoltWinters {
    /// Points to be forecast.
    pub count: usize,
    /// Points in a season; there is none with fewer than two.
    pub season: usize,
    /// Whether the rows begin with what the series would have been.
    pub with_fit: bool,
    /// The distance of the points.
    pub interval_ns: i64,
}

/// Asks for memory, and whether to go on.
pub(crate) type Ask<'a> = dyn FnMut(u64) -> Result<(), QueryError> + 'a;

/// Where the parameters are found: the four factors, level, trend, then the season.
const LEVEL: usize = 4;
const TREND: usize = 5;
const SEASON: usize = 6;

/// The factors that the search begins with, in all combinations: 0.3, and 0.4 more.
const STARTS: [f64; 2] = [0.3, 0.3 + 0.4];
/// The spread of errors in the simplex at which it has found its place.
const CLOSE: f64 = 1e-4;

impl HoltWinters {
    /// The forecast of `points`; none if there are too few of them or time runs backwards.
    pub(crate) fn forecast(self, points: &Points, ask: &mut Ask<'_>) -> Result<Points, QueryError> {
        let mut out = Points::new(FieldType::Float, &[]);
        let valid: Vec<(i64, f64)> = (0..points.len())
            .filter_map(|i| Some((points.times[i], points.values.get(i)?.as_f64()?)))
            .collect();
        let season = if self.season < 2 { 0 } else { self.season };
        let (Some(first), Some(last)) = (valid.first(), valid.last()) else { return Ok(out) };
        let steps = self.slot(last.0).saturating_sub(self.slot(first.0));
        let Some(len) = usize::try_from(steps).ok().filter(|steps| *steps > 0) else {
            return Ok(out);
        };
        if valid.len() < season {
            return Ok(out);
        }
        let parameters = bytes(SEASON.saturating_add(season));
        let simplex = parameters.saturating_mul(parameters / 8 + 1);
        ask(bytes(len)
            .saturating_add(bytes(self.count).saturating_mul(4))
            .saturating_add(simplex))?;

        let series = Series { values: self.equidistant(&valid, len + 1), season };
        let mut best = series.fit(ask)?;
        let mut forecast = Vec::with_capacity(series.values.len() + self.count);
        series.forecast(self.count, &mut best, &mut forecast);
        let (skipped, base) = if self.with_fit {
            (0, first.0)
        } else {
            (series.values.len(), last.0.saturating_add(self.interval_ns))
        };
        for (step, value) in forecast.into_iter().skip(skipped).enumerate() {
            let step = i64::try_from(step).unwrap_or(i64::MAX);
            let at = base.saturating_add(self.interval_ns.saturating_mul(step));
            if !value.is_nan() {
                out.push(at, Some(ValueRef::Float(value)));
            }
        }
        Ok(out)
    }

    /// The number of the interval nearest to `at`, counted from the epoch.
    fn slot(self, at: i64) -> i64 {
        at / self.interval_ns + i64::from(at % self.interval_ns > self.interval_ns / 2)
    }

    /// One value for each interval, the first where there are several, NaN where there are none.
    fn equidistant(self, points: &[(i64, f64)], len: usize) -> Vec<f64> {
        let mut values = Vec::with_capacity(len);
        let first = points.first().map_or(0, |point| self.slot(point.0));
        for (at, value) in points {
            let place = usize::try_from(self.slot(*at).saturating_sub(first)).unwrap_or(0);
            if place >= values.len() {
                values.resize(place, f64::NAN);
                values.push(*value);
            }
        }
        values
    }
}

fn bytes(numbers: usize) -> u64 {
    u64::try_from(numbers).unwrap_or(u64::MAX).saturating_mul(8)
}

/// A series to which parameters are fitted.
struct Series {
    /// At least two.
    values: Vec<f64>,
    /// Zero without.
    season: usize,
}

impl Series {
    /// The parameters with the least error.
    fn fit(&self, ask: &mut Ask<'_>) -> Result<Vec<f64>, QueryError> {
        let mut start = self.start();
        let mut best: Option<(f64, Vec<f64>)> = None;
        let mut forecast = Vec::with_capacity(self.values.len());
        for combination in 0..16_usize {
            for (index, factor) in start.iter_mut().take(LEVEL).enumerate() {
                *factor = STARTS[combination >> (3 - index) & 1];
            }
            let mut error = |parameters: &mut [f64]| self.error(parameters, &mut forecast);
            let found = minimize(&start, CLOSE, &mut error, &mut || ask(0))?;
            if best.as_ref().is_none_or(|best| found.0 < best.0) {
                best = Some(found);
            }
        }
        Ok(best.map(|best| best.1).unwrap_or(start))
    }

    /// A first guess of level, trend and season.
    fn start(&self) -> Vec<f64> {
        let (values, season) = (&self.values, self.season);
        let mut start = vec![0.0; SEASON + season];
        let known = |value: f64| if value.is_nan() { 0.0 } else { value };
        if season == 0 {
            start[LEVEL] = 0.5 * values[0];
            start[TREND] = known(0.5 * (values[1] - values[0]));
            return start;
        }
        let width = season as f64;
        let level = values.iter().take(season).map(|value| known(1.0 / width * value)).sum();
        let rises = values.iter().zip(values.iter().skip(season)).take(season);
        start[LEVEL] = level;
        start[TREND] = rises.map(|(a, b)| known(1.0 / (width * width) * (b - a))).sum();
        for (share, value) in start[SEASON..].iter_mut().zip(values) {
            *share = if value.is_nan() { 0.0 } else { value / level };
        }
        start
    }

    /// The squared error of what `parameters` forecast of the values that are known.
    fn error(&self, parameters: &mut [f64], forecast: &mut Vec<f64>) -> f64 {
        self.forecast(0, parameters, forecast);
        let mut sum = 0.0;
        for (known, told) in self.values.iter().zip(forecast.iter()) {
            if known.is_nan() {
                continue;
            }
            if told.is_nan() {
                return f64::INFINITY;
            }
            let error = told - known;
            sum += error * error;
        }
        sum
    }

    /// As many values as are known and `count` more. Factors are brought into their bounds, and the season is left as
    /// it is at the end.
    fn forecast(&self, count: usize, parameters: &mut [f64], out: &mut Vec<f64>) {
        let (first, season) = parameters.split_at_mut(SEASON);
        for factor in &mut first[..LEVEL] {
            *factor = factor.clamp(0.0, 1.0);
        }
        let (alpha, beta, gamma, phi) = (first[0], first[1], first[2], first[3]);
        let (mut level, mut trend) = (first[LEVEL], first[TREND]);
        let (mut damping, mut value) = (phi, self.values[0]);
        out.clear();
        out.push(value);
        let width = season.len();
        for (step, exponent) in (1..self.values.len().saturating_add(count)).zip(1_u64..) {
            let place = (2 * step - 2).checked_rem(width);
            let share = place.map_or(1.0, |place| season[place]);
            let next_share = place.map_or(1.0, |place| season[(place + step % width) % width]);
            let expected = level + phi * trend;
            let new_level = alpha * (value / share) + (1.0 - alpha) * expected;
            let new_trend = beta * (new_level - level) + (1.0 - beta) * phi * trend;
            let new_share = gamma * (value / expected) + (1.0 - gamma) * share;
            value = (new_level + damping * new_trend) * next_share;
            (level, trend) = (new_level, new_trend);
            damping += phi.powf(exponent as f64);
            if let Some(place) = place {
                season[place] = new_share;
            }
            out.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(f: HoltWinters, values: &[(i64, f64)]) -> Vec<(i64, f64)> {
        let mut points = Points::new(FieldType::Float, &[]);
        for (at, value) in values {
            points.push(*at, Some(ValueRef::Float(*value)));
        }
        let out = f.forecast(&points, &mut |_| Ok(())).unwrap();
        (0..out.len()).map(|i| (out.times[i], out.values.get_f64(i).unwrap())).collect()
    }

    const PLAIN: HoltWinters =
        HoltWinters { count: 2, season: 0, with_fit: false, interval_ns: 10 };

    fn close(got: &[(i64, f64)], want: &[(i64, f64)]) {
        assert_eq!(got.len(), want.len(), "{got:?}");
        for (got, want) in got.iter().zip(want) {
            assert!(got.0 == want.0 && (got.1 - want.1).abs() < 1e-6, "{got:?} and {want:?}");
        }
    }

    /// What an InfluxDB answered of the same points.
    #[test]
    fn forecasts_are_those_of_influxdb() {
        let values = [(10, 2.0), (20, 4.0), (30, 4.0), (40, 7.0), (60, 1.0)];
        close(&run(PLAIN, &values), &[(70, 4.051_199_181), (80, 4.048_984_487)]);
        let fit = HoltWinters { with_fit: true, ..PLAIN };
        close(
            &run(fit, &values),
            &[
                (10, 2.0),
                (20, 3.612_373_598),
                (30, 4.199_636_508),
                (40, 4.128_513_833),
                (50, 4.077_479_597),
                (60, 4.057_894_307),
                (70, 4.051_199_181),
                (80, 4.048_984_487),
            ],
        );
        let seasonal = HoltWinters { season: 2, with_fit: true, ..PLAIN };
        let values = [(0, 2.0), (10, 4.0), (20, 7.0), (30, 1.0)];
        close(
            &run(seasonal, &values),
            &[
                (0, 2.0),
                (10, 3.999_427_538),
                (20, 6.998_364_617),
                (30, 1.002_322_907),
                (40, -3.850_850_424),
                (50, -66.136_931_112),
            ],
        );
    }

    #[test]
    fn too_few_points_forecast_nothing() {
        assert_eq!(run(PLAIN, &[]), []);
        assert_eq!(run(PLAIN, &[(10, 1.0)]), []);
        assert_eq!(run(PLAIN, &[(20, 1.0), (10, 2.0)]), []); // backwards
        let seasonal = HoltWinters { season: 4, ..PLAIN };
        assert_eq!(run(seasonal, &[(10, 1.0), (20, 2.0), (30, 3.0)]), []);
    }

    #[test]
    fn memory_and_time_are_asked_for() {
        let mut points = Points::new(FieldType::Float, &[]);
        for at in [0, 10, i64::MAX / 2] {
            points.push(at, Some(ValueRef::Float(1.0)));
        }
        let mut asked = 0;
        let refused = PLAIN.forecast(&points, &mut |bytes| {
            asked = bytes;
            Err(QueryError::Cancelled)
        });
        assert!(refused.is_err());
        assert!(asked > 1 << 40);
    }
}
