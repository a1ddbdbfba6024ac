//! Floats that were written as decimals: integers and a power of ten.
//!
//! Collectors round, counters come in units of a thousandth: most floats are `m / 10^e` for an integer `m` that says all. Some are
//! `m * 10^-e` instead, which is another float for one `m` in eight: a counter that was kept in milliseconds and multiplied by 0.001
//! has 309.90000000000003 where 309.9 is meant. So there are two ways back, and values that neither gives back bit for bit are
//! patched.

use super::MAX_VALUES;

/// The largest power of ten that is tried: more digits than a float has say nothing.
pub(super) const MAX_DIGITS: u8 = 18;

const POWERS: [f64; MAX_DIGITS as usize + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18,
];
const FRACTIONS: [f64; MAX_DIGITS as usize + 1] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14,
    1e-15, 1e-16, 1e-17, 1e-18,
];

/// The way from an integer to a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    digits: u8,
    multiply: bool,
}

/// Set in the byte of a scale that multiplies.
const MULTIPLY: u8 = 0b0010_0000;

impl Scale {
    pub(super) const fn to_byte(self) -> u8 {
        self.digits | if self.multiply { MULTIPLY } else { 0 }
    }

    pub(super) fn from_byte(byte: u8) -> Option<Scale> {
        let digits = byte & !MULTIPLY;
        (digits <= MAX_DIGITS).then_some(Scale { digits, multiply: byte & MULTIPLY != 0 })
    }

    /// The float that `int` stands for.
    #[inline(always)]
    pub(super) fn float(self, int: i64) -> f64 {
        self.apply(int as f64, false)
    }

    /// The float that an integer stands for that has been rounded to one already. `fused`: whether `mul_add` is an instruction.
    ///
    /// Division is the slowest thing here, and with a fused multiply and add there is none. For `y = 10^e` and `r` the float next
    /// to `1 / y`, `q = x * r` is within two units in the last place of `x / y`; then `x - q * y` is exact, for in units of
    /// the last place of `q` it is a small multiple of `5^e`, and adding its `r`-fold to `q` gives `x / y` but for 2^-52 units in
    /// the last place before the one rounding. A quotient by `5^e` is no closer than `5^-e / 2` units to where rounding turns: nearer
    /// would need an odd number of 54 bits times `5^e` next to `x`, both integers. With `5^15 < 2^35` that is far more than the error,
    /// so the result is the quotient correctly rounded: what `/` gives.
    #[inline(always)]
    pub(super) fn apply(self, x: f64, fused: bool) -> f64 {
        let at = usize::from(self.digits);
        if self.multiply {
            x * FRACTIONS[at]
        } else if fused && self.digits <= 15 {
            let (power, fraction) = (POWERS[at], 1.0 / POWERS[at]);
            let quotient = x * fraction;
            let rest = quotient.mul_add(-power, x);
            rest.mul_add(fraction, quotient)
        } else {
            x / POWERS[at]
        }
    }

    /// Power of ten and one by it, if [`Scale::apply`] divides by them in fused steps where the processor has such.
    pub(super) fn quotient(self) -> Option<(f64, f64)> {
        let power = POWERS[usize::from(self.digits)];
        (!self.multiply && self.digits <= 15).then_some((power, 1.0 / power))
    }

    /// What stands for a sum of integers of up to 53 bits: the float next to it, and next to what that is off by. Of one integer it is what
    /// [`Scale::float`] gives, and nothing more.
    pub(super) fn sum(self, int: i128) -> (f64, f64) {
        let at = usize::from(self.digits);
        // What 53 bits do not hold of an integer of a hundred.
        let high = float_of(int);
        let low = float_of(int - int_of(high));
        if self.multiply {
            let sum = high * FRACTIONS[at];
            (sum, high.mul_add(FRACTIONS[at], -sum) + low * FRACTIONS[at])
        } else {
            let sum = high / POWERS[at];
            (sum, ((-sum).mul_add(POWERS[at], high) + low) / POWERS[at])
        }
    }

    /// The integer that stands for `value`, if one does.
    fn int(self, value: f64) -> Option<i64> {
        let scaled = value * POWERS[usize::from(self.digits)];
        let hit = |int: i64| self.float(int).to_bits() == value.to_bits();
        if scaled.abs() < 4e15 {
            let int = rounded(scaled);
            return hit(int).then_some(int);
        }
        if scaled.abs() >= 9e18 || scaled.is_nan() {
            return None;
        }
        // Past 53 bits neighbouring integers are one float, and scaling may have ended at the next.
        let candidates = [scaled, scaled.next_up(), scaled.next_down()].map(truncated);
        candidates.into_iter().find(|int| hit(*int))
    }
}

/// The nearest integer; `value` is within 2^52.
#[inline(always)]
fn rounded(value: f64) -> i64 {
    // Added to a float of this size, only the integer is left in its lowest bits.
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    (value + SHIFT).to_bits().cast_signed() - SHIFT.to_bits().cast_signed()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, and the caller checks what comes back"
)]
fn truncated(value: f64) -> i64 {
    value as i64
}

fn float_of(int: i128) -> f64 {
    // Nearly always, and far quicker.
    i64::try_from(int).map_or(int as f64, |int| int as f64)
}

#[expect(clippy::cast_possible_truncation, reason = "an integer that was made a float just now")]
fn int_of(value: f64) -> i128 {
    if value.abs() < 9e18 { i128::from(value as i64) } else { value as i128 }
}

/// Values as integers, and the places of those that are not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decimals {
    pub(super) scale: Scale,
    pub(super) ints: Vec<i64>,
    /// Ascending. Their integers are those of the values before them.
    pub(super) odd: Vec<usize>,
}

impl Decimals {
    /// The decimals that most of `values` are, if they are.
    pub(super) fn of(values: &[f64]) -> Option<Decimals> {
        debug_assert!(values.len() <= MAX_VALUES);
        let digits = digits_of(values)?;
        let divided = Self::with(values, Scale { digits, multiply: false });
        if digits == 0 || divided.odd.is_empty() {
            return Some(divided);
        }
        let multiplied = Self::with(values, Scale { digits, multiply: true });
        let best = if multiplied.odd.len() < divided.odd.len() { multiplied } else { divided };
        (best.odd.len() * 2 < values.len()).then_some(best)
    }

    /// The one value there is, `n` times.
    pub(super) fn repeat(mut self, n: usize) -> Decimals {
        let int = self.ints.first().copied().unwrap_or(0);
        self.ints = vec![int; n];
        self
    }

    /// As [`Decimals::of`], for the few values of a packed row: division only, none odd, no search but upwards from the first value.
    pub(super) fn quick(values: &[f64]) -> Option<Decimals> {
        const MOST: u8 = 9;
        let mut ints = Vec::with_capacity(values.len());
        let mut scale = Scale { digits: 0, multiply: false };
        while let Some(value) = values.get(ints.len()) {
            match scale.int(*value) {
                Some(int) => ints.push(int),
                None if scale.digits < MOST => {
                    scale.digits += 1;
                    ints.clear();
                }
                None => return None,
            }
        }
        Some(Decimals { scale, ints, odd: Vec::new() })
    }

    fn with(values: &[f64], scale: Scale) -> Decimals {
        if let Some(ints) = scale.small_ints(values) {
            return Decimals { scale, ints, odd: Vec::new() };
        }
        let mut ints: Vec<i64> = Vec::with_capacity(values.len());
        let mut odd = Vec::new();
        let mut last = None;
        for (at, value) in values.iter().enumerate() {
            let int = scale.int(*value);
            if int.is_none() {
                odd.push(at);
                // What it nearly is, if it is nearly something: little to patch then.
                let near = scale.near(*value);
                ints.push(near.or(last).unwrap_or(0));
                continue;
            }
            last = int;
            ints.push(int.unwrap_or(0));
        }
        Decimals { scale, ints, odd }
    }
}

impl Scale {
    /// The integers of all values, if all have one within 2^51: what nearly all blocks are, found without a look at single values.
    fn small_ints(self, values: &[f64]) -> Option<Vec<i64>> {
        const SHIFT: f64 = 6_755_399_441_055_744.0;
        const SMALL: f64 = 2_251_799_813_685_248.0;
        let power = POWERS[usize::from(self.digits)];
        let mut ints = vec![0; values.len()];
        for (values, ints) in values.chunks(64).zip(ints.chunks_mut(64)) {
            let mut wrong = 0;
            for (value, int) in values.iter().zip(ints) {
                let shifted = value * power + SHIFT;
                *int = shifted.to_bits().wrapping_sub(SHIFT.to_bits()).cast_signed();
                // The same integer, as a float, without a conversion; a NaN is not small either.
                let rounded = shifted - SHIFT;
                let small = rounded.abs() < SMALL;
                let back = self.apply(rounded, false);
                wrong |= (back.to_bits() ^ value.to_bits()) | u64::from(!small);
            }
            if wrong != 0 {
                return None;
            }
        }
        Some(ints)
    }

    /// The integer whose float is a few units in the last place away.
    fn near(self, value: f64) -> Option<i64> {
        let scaled = value * POWERS[usize::from(self.digits)];
        if scaled.is_nan() || scaled.abs() >= 4e15 {
            return None;
        }
        let int = rounded(scaled);
        let away = self.float(int).to_bits().abs_diff(value.to_bits());
        (away < 8).then_some(int)
    }
}

/// Digits after the point that nearly all of some values have at most.
fn digits_of(values: &[f64]) -> Option<u8> {
    let mut counts = [0usize; MAX_DIGITS as usize + 1];
    let mut tried = 0;
    for value in values.iter().step_by((values.len() / 40).max(1)) {
        tried += 1;
        if let Some(digits) = digits_of_one(*value) {
            counts[usize::from(digits)] += 1;
        }
    }
    // Rather a digit too many than an exception in ten.
    let odd = tried - counts.iter().sum::<usize>();
    let mut beyond = odd;
    let mut digits = MAX_DIGITS;
    while digits > 0 && (beyond + counts[usize::from(digits)]) * 10 <= tried {
        beyond += counts[usize::from(digits)];
        digits -= 1;
    }
    (odd * 2 < tried || tried == 0).then_some(digits)
}

fn digits_of_one(value: f64) -> Option<u8> {
    (0..=MAX_DIGITS).find(|digits| {
        let scale = |multiply| Scale { digits: *digits, multiply };
        scale(false).int(value).is_some() || scale(true).int(value).is_some()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counters_in_milliseconds_are_multiplied() {
        let values: Vec<f64> = (0..500).map(|n| f64::from(309_900 + n * 7) * 0.001).collect();
        let decimals = Decimals::of(&values).unwrap();
        assert_eq!(decimals.scale, Scale { digits: 3, multiply: true });
        assert_eq!((decimals.ints[0], decimals.odd.len()), (309_900, 0));
        let values: Vec<f64> = (0..500).map(|n| f64::from(n) / 100.0).collect();
        assert_eq!(Decimals::of(&values).unwrap().scale, Scale { digits: 2, multiply: false });
    }

    #[test]
    fn long_mantissas_and_huge_integers_are_decimals() {
        let values = [1.795_337_175_427_317_9e9, 1.795_337_175_527_318e9];
        assert!(Decimals::of(&values).unwrap().odd.is_empty());
        let values = [9_007_199_254_740_994.0, 4e18, -3e18];
        assert!(Decimals::of(&values).unwrap().odd.is_empty());
        assert_eq!(Decimals::of(&[f64::NAN, f64::INFINITY, -0.0]), None);
    }

    #[test]
    fn sums_are_decimals_and_what_rounding_took_away() {
        let scale = |digits, multiply| Scale { digits, multiply };
        assert_eq!(scale(0, false).sum((1 << 63) - 1), (2f64.powi(63), -1.0));
        assert_eq!(scale(0, false).sum((1 << 100) + 1), (2f64.powi(100), 1.0));
        assert_eq!(scale(2, false).sum(0), (0.0, 0.0));
        // A tenth of three, and how far the float is below it.
        let (sum, lost) = scale(1, false).sum(3);
        assert_eq!((sum, sum + lost), (0.3, 0.3));
        assert!((1.1e-17..1.12e-17).contains(&lost), "{lost}");
    }

    #[test]
    fn what_is_odd_among_decimals_is_listed() {
        let mut values: Vec<f64> = (0..100).map(|n| f64::from(n) / 10.0).collect();
        values[3] = f64::NAN;
        values[50] = values[50].next_up();
        let decimals = Decimals::of(&values).unwrap();
        assert_eq!(decimals.odd, [3, 50]);
        assert_eq!((decimals.ints[3], decimals.ints[50]), (2, 50));
    }

    proptest! {
        #[test]
        fn fused_division_is_division(int in any::<i64>(), shift in 0..64u32, digits in 0..=MAX_DIGITS) {
            let scale = Scale { digits, multiply: false };
            let x = (int >> shift) as f64;
            prop_assert_eq!(scale.apply(x, true).to_bits(), scale.apply(x, false).to_bits());
        }

        #[test]
        fn a_sum_of_one_is_the_value(int in -(1i64 << 53)..1 << 53, shift in 0..53u32, digits in 0..=MAX_DIGITS, multiply: bool) {
            let scale = Scale { digits, multiply };
            let (sum, lost) = scale.sum(i128::from(int >> shift));
            prop_assert_eq!(sum + lost, scale.float(int >> shift));
        }
    }
}
