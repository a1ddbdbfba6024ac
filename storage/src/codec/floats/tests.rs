//! Floats that are no decimals: how the codecs here compare with codes of XORs, which others use for them.

use super::*;

/// A generator of numbers in 0..1.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / 9_007_199_254_740_992.0
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.next()).sum::<f64>() - 6.0
    }

    fn walk(&mut self, start: f64, step: f64) -> Vec<f64> {
        let mut value = start;
        let mut next = || {
            value += self.normal() * step;
            value
        };
        (0..1024).map(|_| next()).collect()
    }
}

/// Bytes of XORs of neighbours: what differs, without zeros before and behind it; the place of what differs is told only where it
/// does not lie in that of the value before.
fn gorilla(values: &[f64]) -> usize {
    let (mut bits, mut window) = (64u32, (u32::MAX, 0u32));
    for pair in values.windows(2) {
        let xor = pair[0].to_bits() ^ pair[1].to_bits();
        if xor == 0 {
            bits += 1;
            continue;
        }
        let (lead, trail) = (xor.leading_zeros().min(31), xor.trailing_zeros());
        if window.0 <= lead && window.1 <= trail {
            bits += 2 + 64 - window.0 - window.1;
        } else {
            bits += 2 + 5 + 6 + 64 - lead - trail;
            window = (lead, trail);
        }
    }
    bits.div_ceil(8) as usize
}

/// The same with classes of leading zeros, and the zeros behind cut off only where there are many.
fn chimp(values: &[f64]) -> usize {
    let class = |zeros: u32| [0, 8, 12, 16, 18, 20, 22, 24].into_iter().rfind(|z| *z <= zeros);
    let (mut bits, mut last) = (64u32, u32::MAX);
    for pair in values.windows(2) {
        let xor = pair[0].to_bits() ^ pair[1].to_bits();
        let lead = class(xor.leading_zeros()).unwrap_or(0);
        bits += match xor {
            0 => 2,
            _ if xor.trailing_zeros() > 6 => 2 + 3 + 6 + 64 - lead - xor.trailing_zeros(),
            _ if lead == last => 2 + 64 - lead,
            _ => 2 + 3 + 64 - lead,
        };
        last = if xor == 0 || xor.trailing_zeros() > 6 { u32::MAX } else { lead };
    }
    bits.div_ceil(8) as usize
}

#[test]
fn codes_of_xors_would_be_no_smaller() {
    let mut random = Random(7);
    let n = |f: &mut dyn FnMut(usize) -> f64| (0..1024).map(f).collect::<Vec<f64>>();
    let used = random.walk(8e9, 1e8);
    let total = random.walk(2e10, 1e9);
    // To the digits of single precision.
    let cut = |v: &f64| f64::from_bits(v.to_bits() >> 29 << 29);
    let sets: Vec<(&str, Vec<f64>)> = vec![
        ("walk", random.walk(100.0, 1.0)),
        ("slow walk", random.walk(1000.0, 1e-3)),
        ("around zero", random.walk(0.0, 1.0)),
        ("uniform", n(&mut |_| random.next())),
        ("uniform 0..100", n(&mut |_| random.next() * 100.0)),
        ("sine", n(&mut |at| (at as f64 / 50.0).sin())),
        ("high sine", n(&mut |at| 1000.0 + (at as f64 / 50.0).sin())),
        ("percent", used.iter().map(|v| 100.0 * v.round() / 17_179_869_184.0).collect()),
        ("ratio", used.iter().zip(&total).map(|(a, b)| a.round() / b.round()).collect()),
        ("sevenths", n(&mut |at| (at * at % 997) as f64 / 7.0)),
        ("single precision", random.walk(20.0, 0.1).iter().map(cut).collect()),
        ("exponential", n(&mut |_| -random.next().ln() * 10.0)),
        ("magnitudes", n(&mut |_| (random.normal() * 20.0).exp())),
        ("held", {
            let values = random.walk(50.0, 1.0);
            n(&mut |at| values[at / 5])
        }),
        ("some of twenty", n(&mut |_| (random.next() * 20.0).floor().sqrt())),
        ("mostly zero", n(&mut |_| if random.next() < 0.95 { 0.0 } else { random.next() })),
    ];
    let mut totals = [0; 3];
    for (what, values) in sets {
        let bytes = |effort| {
            let mut out = Vec::new();
            encode_floats(&values, effort, &mut out);
            let decoded = decode_floats(&mut Reader::new(&out), values.len()).unwrap();
            assert!(decoded.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
            out.len()
        };
        let (hot, cold) = (bytes(Effort::Hot), bytes(Effort::Cold));
        let xor = gorilla(&values).min(chimp(&values));
        // What changes its sign and its magnitude all the time is no narrow range of integers; merging makes up for it.
        assert!(hot <= xor + xor / 5, "{what}: {hot} bytes where XORs take {xor}");
        assert!(cold <= xor + xor / 20, "{what}: {cold} bytes where XORs take {xor}");
        totals = [totals[0] + hot, totals[1] + cold, totals[2] + xor];
    }
    let [hot, cold, xor] = totals;
    assert!(hot < xor && cold < xor - xor / 20, "{hot} and {cold} bytes where XORs take {xor}");
}
