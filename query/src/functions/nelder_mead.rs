//! The downhill simplex of Nelder and Mead: looks for the least value of a function without knowing its slope.
//!
//! Reflection by 1, expansion by 2, contraction by 1/2; when even a contraction does not help, everything moves half-way
//! toward the best corner. Only two of the corners are then evaluated anew, as InfluxDB does it: what is found must be
//! what it finds.

use crate::QueryError;

/// Rounds at most.
const ROUNDS: usize = 1000;

/// A function to be minimized; it may change its arguments, and the simplex goes on from them as changed.
pub(crate) type Function<'a> = dyn FnMut(&mut [f64]) -> f64 + 'a;

struct Simplex {
    corners: Vec<Vec<f64>>,
    values: Vec<f64>,
}

/// The least value found near `start`, and where; ends when the values at the corners spread less than `close`.
///
/// `go_on` is asked before every round.
pub(crate) fn minimize(
    start: &[f64],
    close: f64,
    f: &mut Function<'_>,
    go_on: &mut dyn FnMut() -> Result<(), QueryError>,
) -> Result<(f64, Vec<f64>), QueryError> {
    let mut simplex = Simplex::around(start);
    for (corner, value) in simplex.corners.iter_mut().zip(&mut simplex.values) {
        *value = f(corner);
    }
    for _ in 0..ROUNDS {
        go_on()?;
        simplex.round(f);
        if simplex.spread() < close {
            break;
        }
    }
    let best = simplex.best();
    let place = simplex.corners[best].clone();
    Ok((f(&mut simplex.corners[best]), place))
}

impl Simplex {
    /// One corner at `start`, the others around it at a distance of one.
    fn around(start: &[f64]) -> Simplex {
        let n = start.len() as f64;
        let far = ((n + 1.0).sqrt() - 1.0 + n) / (n * std::f64::consts::SQRT_2);
        let near = ((n + 1.0).sqrt() - 1.0) / (n * std::f64::consts::SQRT_2);
        let moved = |moved: usize| {
            let by = |index: usize| if index == moved { far } else { near };
            start.iter().enumerate().map(|(index, x)| by(index) + x).collect()
        };
        let corners = std::iter::once(start.to_vec()).chain((0..start.len()).map(moved));
        Simplex { corners: corners.collect(), values: vec![0.0; start.len() + 1] }
    }

    fn best(&self) -> usize {
        let smaller = |best: usize, index: usize| {
            if self.values[index] < self.values[best] { index } else { best }
        };
        (0..self.values.len()).fold(0, smaller)
    }

    fn worst(&self) -> usize {
        let greater = |worst: usize, index: usize| {
            if self.values[index] > self.values[worst] { index } else { worst }
        };
        (0..self.values.len()).fold(0, greater)
    }

    /// The greatest that is less than the worst, or the best if there is none.
    fn second(&self, best: usize, worst: usize) -> usize {
        let greater = |second: usize, index: usize| {
            let value = self.values[index];
            if value > self.values[second] && value < self.values[worst] { index } else { second }
        };
        (0..self.values.len()).fold(best, greater)
    }

    fn round(&mut self, f: &mut Function<'_>) {
        let (worst, best) = (self.worst(), self.best());
        let second = self.second(best, worst);
        let middle = self.middle(worst);
        let (at_best, at_second) = (self.values[best], self.values[second]);

        let mut reflected = combine(&middle, &self.corners[worst], |m, w| m + (m - w));
        let at_reflected = f(&mut reflected);
        if at_reflected < at_second && at_reflected >= at_best {
            self.replace(worst, &reflected, at_reflected);
        }
        if at_reflected < at_best {
            let mut expanded = combine(&middle, &reflected, |m, r| m + 2.0 * (r - m));
            let at_expanded = f(&mut expanded);
            if at_expanded < at_reflected {
                self.replace(worst, &expanded, at_expanded);
            } else {
                self.replace(worst, &reflected, at_reflected);
            }
        }
        // What was just replaced counts from here on.
        if at_reflected < self.values[second] {
            return;
        }
        let mut contracted = if at_reflected < self.values[worst] {
            combine(&middle, &reflected, |m, r| m + 0.5 * (r - m))
        } else {
            combine(&middle, &self.corners[worst], |m, w| m - 0.5 * (m - w))
        };
        let at_contracted = f(&mut contracted);
        if at_contracted < self.values[worst] {
            self.replace(worst, &contracted, at_contracted);
        } else {
            self.shrink(best);
            for index in [worst, second] {
                self.values[index] = f(&mut self.corners[index]);
            }
        }
    }

    /// The middle of all corners but the worst.
    fn middle(&self, worst: usize) -> Vec<f64> {
        let n = self.corners.len() - 1;
        let mut middle = vec![0.0; n];
        for (index, corner) in self.corners.iter().enumerate() {
            if index != worst {
                middle.iter_mut().zip(corner).for_each(|(sum, x)| *sum += x);
            }
        }
        middle.iter_mut().for_each(|sum| *sum /= n as f64);
        middle
    }

    fn replace(&mut self, index: usize, place: &[f64], value: f64) {
        self.corners[index].copy_from_slice(place);
        self.values[index] = value;
    }

    fn shrink(&mut self, best: usize) {
        let toward = self.corners[best].clone();
        for (index, corner) in self.corners.iter_mut().enumerate() {
            if index != best {
                corner.iter_mut().zip(&toward).for_each(|(x, to)| *x = to + (*x - to) / 2.0);
            }
        }
    }

    /// The standard deviation of the values at the corners; NaN where one is infinite, which is not close.
    fn spread(&self) -> f64 {
        let n = (self.values.len() - 1) as f64;
        let mean = self.values.iter().sum::<f64>() / (n + 1.0);
        self.values.iter().map(|value| (value - mean) * (value - mean) / n).sum::<f64>().sqrt()
    }
}

fn combine(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| f(*a, *b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bottom_of_a_curved_valley_is_found() {
        let mut valley =
            |x: &mut [f64]| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]) * (1.0 - x[0]);
        let (value, place) = minimize(&[-1.2, 1.0], 1e-5, &mut valley, &mut || Ok(())).unwrap();
        assert!(value < 1e-4, "{value}");
        assert!(place.iter().all(|x| (x - 1.0).abs() < 0.01), "{place:?}");
    }

    #[test]
    fn it_stops_when_told() {
        let mut rounds = 0;
        let mut go_on = || {
            rounds += 1;
            if rounds > 3 { Err(QueryError::Cancelled) } else { Ok(()) }
        };
        let found = minimize(&[1.0], 0.0, &mut |x| x[0], &mut go_on);
        assert!(found.is_err());
        assert_eq!(rounds, 4);
    }
}
