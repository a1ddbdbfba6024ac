//! The functions of technical analysis by their definitions.

/// The values of function `name` with period `n`, one for each of `values`, and how many of the first are held back; `None`
/// if the function is another.
pub(crate) fn values(name: &str, n: usize, values: &[f64]) -> Option<(usize, Vec<f64>)> {
    let usual = 2.0 / (n as f64 + 1.0);
    let average = |values: &[f64], simple| averages(values, n, usual, simple);
    Some(match name {
        "exponential_moving_average" => (n - 1, average(values, false)),
        "exponential_moving_average_simple" => (n - 1, average(values, true)),
        "double_exponential_moving_average" => {
            let once = average(values, false);
            let twice = average(&once, false);
            (n - 1, combined(&[&once, &twice], |v| 2.0 * v[0] - v[1]))
        }
        "triple_exponential_moving_average" => {
            let once = average(values, false);
            let twice = average(&once, false);
            let thrice = average(&twice, false);
            (n - 1, combined(&[&once, &twice, &thrice], |v| 3.0 * v[0] - 3.0 * v[1] + v[2]))
        }
        "triple_exponential_derivative" => {
            let thrice = average(&average(&average(values, false), false), false);
            let before = std::iter::once(0.0).chain(thrice.iter().copied());
            let rates = thrice.iter().zip(before).map(|(now, before)| (now / before - 1.0) * 100.0);
            (n, rates.collect())
        }
        "relative_strength_index" => {
            let (up, down) = changes(values, 0.0);
            let slow = 1.0 / n as f64;
            let up = averages(&up, n + 1, slow, false);
            let down = averages(&down, n + 1, slow, false);
            (n, combined(&[&up, &down], |v| 100.0 - 100.0 / (1.0 + v[0] / v[1])))
        }
        "chande_momentum_oscillator" => {
            let first = values.first().copied().unwrap_or_default();
            let (up, down) = changes(values, first);
            let of = |changes: &[f64], index: usize| -> f64 {
                changes[(index + 1).saturating_sub(n)..=index].iter().sum()
            };
            let shares = (0..values.len()).map(|index| {
                let (up, down) = (of(&up, index), of(&down, index));
                if up + down == 0.0 { 0.0 } else { 100.0 * (up - down) / (up + down) }
            });
            (n - 1, shares.collect())
        }
        "kaufmans_efficiency_ratio" => (n, efficiency(values, n)),
        "kaufmans_adaptive_moving_average" => {
            let efficiency = efficiency(values, n);
            let mut averages: Vec<f64> = values.to_vec();
            for index in n..values.len() {
                let before = if index == n { values[index - 1] } else { averages[index - 1] };
                let alpha = efficiency[index] * (2.0 / 3.0 - 2.0 / 31.0) + 2.0 / 31.0;
                averages[index] = before + alpha * alpha * (values[index] - before);
            }
            (n, averages)
        }
        _ => return None,
    })
}

fn combined(columns: &[&[f64]], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let row = |index: usize| columns.iter().map(|column| column[index]).collect::<Vec<f64>>();
    (0..columns[0].len()).map(|index| f(&row(index))).collect()
}

fn averages(values: &[f64], n: usize, alpha: f64, simple: bool) -> Vec<f64> {
    let mut averages: Vec<f64> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        let average = match averages.last() {
            None => *value,
            Some(_) if index < n && simple => {
                values[..=index].iter().sum::<f64>() / (index as f64 + 1.0)
            }
            Some(last) if index < n => last + (value - last) * 2.0 / (index as f64 + 2.0),
            Some(last) => last + (value - last) * alpha,
        };
        averages.push(average);
    }
    averages
}

/// How much each value rose and fell, the first from `before`.
fn changes(values: &[f64], before: f64) -> (Vec<f64>, Vec<f64>) {
    let earlier = std::iter::once(before).chain(values.iter().copied());
    let change =
        |(now, before): (&f64, f64)| (f64::max(now - before, 0.0), f64::max(before - now, 0.0));
    values.iter().zip(earlier).map(change).unzip()
}

fn efficiency(values: &[f64], n: usize) -> Vec<f64> {
    let of = |index: usize| {
        if index < n {
            return 0.0;
        }
        let way = (values[index] - values[index - n]).abs();
        let gone: f64 = (index - n + 1..=index).map(|i| (values[i] - values[i - 1]).abs()).sum();
        if way == 0.0 || gone == 0.0 { 0.0 } else { way / gone }
    };
    (0..values.len()).map(of).collect()
}
