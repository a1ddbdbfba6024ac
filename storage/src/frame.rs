//! Frames: up to 32 numbers packed at once, quickly, for what is short-lived: records of the log and rows in the head.
//!
//! ```text
//! integers   0..=64     distance from the smallest          zigzag min, n values of that many bits
//!            65..=129   steps, as distance from the         zigzag first, zigzag min step, n-1 values of (byte - 65) bits
//!                       smallest step
//! floats     0..=15     decimals: integers / 10^byte        integers
//!            255        bits as integers                    integers
//! sequence   0          runs of equal steps                 zigzag first, count, (zigzag step, length) each
//!            1          frames                              of 32 values, the last shorter
//! ```
//!
//! The first byte of each says which it is; how many values there are, the surroundings say. A width of 0 makes a constant, or
//! equal steps. Bits are packed lowest first. Arithmetic wraps around, so that no pair of values is too far apart.
//!
//! The segments' codecs make smaller blocks of more values; a frame is made in one pass over the values, and can be skipped
//! without being decoded.

use crate::bytes::{Bad, Reader, low_byte, put_len, put_zigzag};

/// Values that a frame may have.
pub(crate) const FRAME: usize = 32;

/// Where the ids of the second kind of integers begin.
const STEPS: u8 = 65;
/// Digits after the point that are tried.
const MAX_DIGITS: u8 = 15;
const BITS: u8 = 255;
/// Frames of a column for which no decimals are looked for after none were found.
const REST: u8 = 15;
/// Frames after which a column's digits are looked for anew, lest one long fraction makes all that follow longer.
const RENEW: u8 = 32;

const RUNS: u8 = 0;
const FRAMES: u8 = 1;

/// Bytes of the packed values of a frame, and room to read eight at once from everywhere.
type Buffer = [u8; FRAME * 8 + 8];

const POWERS: [f64; MAX_DIGITS as usize + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Appends a frame of `values`, 1 to 32 of them.
pub(crate) fn put_ints(values: &[i64], out: &mut Vec<u8>) {
    let first = values.first().copied().unwrap_or(0);
    let (mut min, mut max, mut last) = (first, first, first);
    let (mut min_step, mut max_step) = (i64::MAX, i64::MIN);
    for value in values.iter().skip(1) {
        let step = value.wrapping_sub(last);
        last = *value;
        min = min.min(*value);
        max = max.max(*value);
        min_step = min_step.min(step);
        max_step = max_step.max(step);
    }
    let (width, step_width) = (width_of(min, max), width_of(min_step, max_step));
    let n = values.len();
    let plain = n * width as usize + 8 * zigzag_len(min);
    let steps =
        n.saturating_sub(1) * step_width as usize + 8 * (zigzag_len(first) + zigzag_len(min_step));
    let mut buffer: Buffer = [0; FRAME * 8 + 8];
    let len = if n > 1 && steps < plain {
        out.push(low_byte(u64::from(step_width)) + STEPS);
        put_zigzag(out, first);
        put_zigzag(out, min_step);
        let mut last = first;
        let step = |value: &i64| {
            let step = value.wrapping_sub(std::mem::replace(&mut last, *value));
            step.wrapping_sub(min_step).cast_unsigned()
        };
        pack(values[1..].iter().map(step), step_width, &mut buffer)
    } else {
        out.push(low_byte(u64::from(width)));
        put_zigzag(out, min);
        pack(values.iter().map(|v| v.wrapping_sub(min).cast_unsigned()), width, &mut buffer)
    };
    out.extend_from_slice(&buffer[..len]);
}

/// Bits of the distance; 64 for the limits in reverse order, which no values have.
fn width_of(min: i64, max: i64) -> u32 {
    u64::BITS - max.wrapping_sub(min).cast_unsigned().leading_zeros()
}

/// Bytes of a zigzag coded varint.
fn zigzag_len(value: i64) -> usize {
    let bits = u64::BITS - (value << 1 ^ value >> 63).cast_unsigned().leading_zeros();
    (bits as usize).div_ceil(7).max(1)
}

/// Packs `values`, `width` bits each; how many bytes that are.
#[inline]
fn pack(values: impl Iterator<Item = u64>, width: u32, buffer: &mut Buffer) -> usize {
    if width == 0 {
        return 0;
    }
    let (mut word, mut bits, mut at) = (0u64, 0, 0);
    for value in values {
        word |= value << bits;
        bits += width;
        if bits >= u64::BITS {
            buffer[at..at + 8].copy_from_slice(&word.to_le_bytes());
            at += 8;
            bits -= u64::BITS;
            word = if bits == 0 { 0 } else { value >> (width - bits) };
        }
    }
    buffer[at..at + 8].copy_from_slice(&word.to_le_bytes());
    at + bits.div_ceil(8) as usize
}

/// Reads a frame of `n` values.
///
/// `n` is at most 32; what is returned has that many.
pub(crate) fn take_ints<'b>(
    reader: &mut Reader<'_>,
    n: usize,
    out: &'b mut [i64; FRAME],
) -> Result<&'b [i64], Bad> {
    let out = &mut out[..n];
    let mut buffer: Buffer = [0; FRAME * 8 + 8];
    let id = reader.u8()?;
    match id {
        0..STEPS => {
            let min = reader.zigzag()?;
            take_packed(reader, n, id, &mut buffer)?;
            unpack(&buffer, id, out.iter_mut(), |slot, value| {
                *slot = min.wrapping_add(value.cast_signed());
            });
        }
        STEPS..=129 => {
            let (first, min_step) = (reader.zigzag()?, reader.zigzag()?);
            take_packed(reader, n.saturating_sub(1), id - STEPS, &mut buffer)?;
            let mut at = first;
            if let Some((slot, rest)) = out.split_first_mut() {
                *slot = first;
                unpack(&buffer, id - STEPS, rest.iter_mut(), |slot, step| {
                    at = at.wrapping_add(min_step).wrapping_add(step.cast_signed());
                    *slot = at;
                });
            }
        }
        other => return reader.bad("a frame of integers", other.to_string()),
    }
    Ok(out)
}

fn packed_len(n: usize, width: u8) -> usize {
    (n * usize::from(width)).div_ceil(8)
}

fn take_packed(
    reader: &mut Reader<'_>,
    n: usize,
    width: u8,
    buffer: &mut Buffer,
) -> Result<(), Bad> {
    let bytes = reader.take(packed_len(n, width))?;
    buffer[..bytes.len()].copy_from_slice(bytes);
    Ok(())
}

/// Gives each of `slots` the next value.
#[inline]
fn unpack<'a>(
    buffer: &Buffer,
    width: u8,
    slots: impl Iterator<Item = &'a mut i64>,
    mut put: impl FnMut(&mut i64, u64),
) {
    let width = usize::from(width);
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    let word = |at: usize| {
        let bytes = buffer.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        u64::from_le_bytes(bytes.unwrap_or_default())
    };
    if width <= 57 {
        // From whatever bit they begin at, they end in the same eight bytes.
        for (index, slot) in slots.enumerate() {
            let bit = index * width;
            put(slot, word(bit / 8) >> (bit % 8) & mask);
        }
    } else {
        for (index, slot) in slots.enumerate() {
            let bit = index * width;
            let (low, high) = (word(bit / 64 * 8), word(bit / 64 * 8 + 8));
            let both = u128::from(high) << 64 | u128::from(low);
            #[expect(clippy::cast_possible_truncation, reason = "the mask keeps 64 bits at most")]
            put(slot, (both >> (bit % 64)) as u64 & mask);
        }
    }
}

/// Passes over a frame of `n` integers.
pub(crate) fn skip_ints(reader: &mut Reader<'_>, n: usize) -> Result<(), Bad> {
    let id = reader.u8()?;
    reader.varint()?;
    match id {
        0..STEPS => reader.take(packed_len(n, id))?,
        STEPS..=129 => {
            reader.varint()?;
            reader.take(packed_len(n.saturating_sub(1), id - STEPS))?
        }
        other => return reader.bad("a frame of integers", other.to_string()),
    };
    Ok(())
}

/// What is known of a column of floats from the frames before.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Decimals {
    /// Digits after the point that served last.
    digits: u8,
    /// Frames that are written as bits without a trial.
    rest: u8,
    /// Frames since the digits were looked for.
    age: u8,
}

/// Appends a frame of `values`, 1 to 32 of them.
pub(crate) fn put_floats(values: &[f64], known: &mut Decimals, out: &mut Vec<u8>) {
    let mut ints = [0; FRAME];
    let ints = &mut ints[..values.len()];
    match known.convert(values, ints) {
        Some(digits) => out.push(digits),
        None => {
            out.push(BITS);
            for (int, value) in ints.iter_mut().zip(values) {
                *int = value.to_bits().cast_signed();
            }
        }
    }
    put_ints(ints, out);
}

impl Decimals {
    /// The digits with which `ints` have become all of the values, to the bit.
    fn convert(&mut self, values: &[f64], ints: &mut [i64]) -> Option<u8> {
        if self.rest > 0 {
            self.rest -= 1;
            return None;
        }
        self.age += 1;
        if self.age < RENEW && scale(values, self.digits, ints) {
            return Some(self.digits);
        }
        self.age = 0;
        for digits in 0..=MAX_DIGITS {
            if scale(values, digits, ints) {
                self.digits = digits;
                return Some(digits);
            }
        }
        self.rest = REST;
        None
    }
}

/// Makes integers of values times ten to the power of `digits`; false if one does not come back from that.
fn scale(values: &[f64], digits: u8, ints: &mut [i64]) -> bool {
    /// Added to a number below 2^51, it leaves the nearest integer in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let power = POWERS[usize::from(digits)];
    // A group at a time, so that what does not fit is found soon and nothing is asked of single values.
    for (values, ints) in values.chunks(8).zip(ints.chunks_mut(8)) {
        let mut wrong = 0;
        for (value, int) in values.iter().zip(ints) {
            let rounded = value * power + ROUND;
            *int = rounded.to_bits().wrapping_sub(ROUND.to_bits()).cast_signed();
            // Whatever the steps before made of it (a NaN, a number too large): what comes back to the bit is right.
            wrong |= (*int as f64 / power).to_bits() ^ value.to_bits();
        }
        if wrong != 0 {
            return false;
        }
    }
    true
}

/// Reads a frame of `n` floats, at most 32.
pub(crate) fn take_floats<'b>(
    reader: &mut Reader<'_>,
    n: usize,
    out: &'b mut [f64; FRAME],
) -> Result<&'b [f64], Bad> {
    let digits = reader.u8()?;
    let mut ints = [0; FRAME];
    let out = &mut out[..n];
    if digits == BITS {
        for (slot, int) in out.iter_mut().zip(take_ints(reader, n, &mut ints)?) {
            *slot = f64::from_bits(int.cast_unsigned());
        }
        return Ok(out);
    }
    let Some(power) = POWERS.get(usize::from(digits)) else {
        return reader.bad("a frame of floats", digits.to_string());
    };
    for (slot, int) in out.iter_mut().zip(take_ints(reader, n, &mut ints)?) {
        *slot = *int as f64 / power;
    }
    Ok(out)
}

/// Passes over a frame of `n` floats.
pub(crate) fn skip_floats(reader: &mut Reader<'_>, n: usize) -> Result<(), Bad> {
    reader.u8()?;
    skip_ints(reader, n)
}

/// Appends any number of integers: short where they rise by equal steps for long, as the series and times of a batch do.
pub(crate) fn put_sequence(values: &[i64], out: &mut Vec<u8>) {
    let start = out.len();
    out.push(RUNS);
    put_zigzag(out, values.first().copied().unwrap_or(0));
    let steps = || values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let (mut runs, mut last) = (0, None);
    for step in steps() {
        runs += usize::from(last != Some(step));
        last = Some(step);
    }
    if runs * 8 > values.len() + 16 {
        out.truncate(start);
        out.push(FRAMES);
        values.chunks(FRAME).for_each(|frame| put_ints(frame, out));
        return;
    }
    put_len(out, runs);
    let mut steps = steps();
    let mut next = steps.next();
    while let Some(step) = next {
        let mut len = 1;
        next = steps.find(|other| {
            let same = *other == step;
            len += usize::from(same);
            !same
        });
        put_zigzag(out, step);
        put_len(out, len);
    }
}

/// Reads `n` integers.
pub(crate) fn take_sequence(reader: &mut Reader<'_>, n: usize) -> Result<Vec<i64>, Bad> {
    let mut values = Vec::new();
    match reader.u8()? {
        RUNS => {
            let mut at = reader.zigzag()?;
            let runs = reader.count(n)?;
            values.reserve_exact(n);
            if n > 0 {
                values.push(at);
            }
            for _ in 0..runs {
                let step = reader.zigzag()?;
                let len = reader.count(n - values.len())?;
                values.extend((0..len).map(|_| {
                    at = at.wrapping_add(step);
                    at
                }));
            }
            if values.len() != n {
                return reader.bad("runs of all values", format!("{} of {n}", values.len()));
            }
        }
        FRAMES => {
            // A frame takes two bytes at least.
            values.reserve(n.min(reader.rest() / 2 * FRAME));
            let mut frame = [0; FRAME];
            for from in (0..n).step_by(FRAME) {
                values.extend_from_slice(take_ints(reader, FRAME.min(n - from), &mut frame)?);
            }
        }
        other => return reader.bad("a sequence of integers", other.to_string()),
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ints(values: &[i64]) -> Vec<u8> {
        let mut out = Vec::new();
        put_ints(values, &mut out);
        let mut back = [0; FRAME];
        let mut reader = Reader::new(&out);
        assert_eq!(take_ints(&mut reader, values.len(), &mut back).unwrap(), values);
        assert_eq!(reader.rest(), 0);
        let mut reader = Reader::new(&out);
        skip_ints(&mut reader, values.len()).unwrap();
        assert_eq!(reader.rest(), 0);
        out
    }

    fn floats(values: &[f64], known: &mut Decimals) -> Vec<u8> {
        let mut out = Vec::new();
        put_floats(values, known, &mut out);
        let mut back = [0.0; FRAME];
        let mut reader = Reader::new(&out);
        let got = take_floats(&mut reader, values.len(), &mut back).unwrap();
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(got), bits(values));
        assert_eq!(reader.rest(), 0);
        let mut reader = Reader::new(&out);
        skip_floats(&mut reader, values.len()).unwrap();
        assert_eq!(reader.rest(), 0);
        out
    }

    #[test]
    fn small_frames_are_as_drawn() {
        assert_eq!(ints(&[5; 32]), [0, 10]);
        assert_eq!(ints(&[7]), [0, 14]);
        assert_eq!(ints(&[1000, 1010, 1020]), [65, 0xd0, 0x0f, 20]);
        assert_eq!(ints(&[3, 1, 2, 4]), [2, 2, 0b1101_0010]);
        assert_eq!(floats(&[0.5, 1.5, 2.5], &mut Decimals::default()), [1, 65, 10, 20]);
        assert_eq!(floats(&[f64::NAN], &mut Decimals::default())[0], BITS);
    }

    #[test]
    fn decimals_are_found_kept_and_found_anew() {
        let mut known = Decimals::default();
        assert_eq!(floats(&[1.25, 3.0, 99.99], &mut known)[0], 2);
        assert_eq!(floats(&[1.0, 2.0], &mut known)[0], 2, "the column's digits");
        assert_eq!(floats(&[0.123_456_789], &mut known)[0], 9);
        let after: Vec<u8> = (0..40).map(|_| floats(&[1.5], &mut known)[0]).collect();
        assert!(after[0] == 9 && after[39] == 1, "{after:?}");
        let odd = 0.1 + 0.2 + 1e-17 * std::f64::consts::PI;
        for value in [odd.sqrt(), -0.0, f64::INFINITY, f64::MIN_POSITIVE, f64::MAX, 1e300, 9e15] {
            floats(&[value, 1.5], &mut Decimals::default());
            floats(&[value], &mut known);
        }
    }

    #[test]
    fn extremes_come_back() {
        ints(&[i64::MIN, i64::MAX]);
        ints(&[i64::MAX, i64::MIN, 0, -1, 1]);
        ints(&[i64::MIN; 32]);
        for width in 0..64u32 {
            let top = 1i64.wrapping_shl(width);
            let values: Vec<i64> = (0..32).map(|n| if n % 3 == 0 { top } else { n }).collect();
            (1..=32).for_each(|len| drop(ints(&values[..len])));
        }
    }

    fn sequence(values: &[i64]) -> usize {
        let mut out = Vec::new();
        put_sequence(values, &mut out);
        let mut reader = Reader::new(&out);
        assert_eq!(take_sequence(&mut reader, values.len()).unwrap(), values);
        assert_eq!(reader.rest(), 0);
        for cut in 0..out.len() {
            assert!(take_sequence(&mut Reader::new(&out[..cut]), values.len()).is_err(), "{cut}");
        }
        out.len()
    }

    #[test]
    fn sequences_are_short_where_steps_repeat() {
        let rounds: Vec<i64> = (0..5).flat_map(|_| 0..1000).collect();
        assert!(sequence(&rounds) < 48);
        assert_eq!(sequence(&[]), 3);
        assert_eq!(sequence(&[7]), 3);
        let mixed: Vec<i64> = (0..1000).map(|n| n * 7919 % 1000).collect();
        assert!(sequence(&mixed) < 1500);
        sequence(&[i64::MIN, i64::MAX, 0]);
    }

    proptest! {
        #[test]
        fn all_numbers_come_back(
            base: i64,
            values in prop::collection::vec((any::<i64>(), 0..64u32), 1..=32),
        ) {
            let values: Vec<i64> =
                values.iter().map(|(v, shift)| base.wrapping_add(v >> shift)).collect();
            ints(&values);
            sequence(&values);
        }

        #[test]
        fn all_floats_come_back(values in prop::collection::vec(any::<u64>(), 1..=32), digits in 0..20i32) {
            let bits: Vec<f64> = values.iter().map(|v| f64::from_bits(*v)).collect();
            floats(&bits, &mut Decimals::default());
            let decimals: Vec<f64> =
                values.iter().map(|v| (v >> 20).cast_signed() as f64 / 10f64.powi(digits)).collect();
            floats(&decimals, &mut Decimals::default());
        }

        #[test]
        fn any_bytes_are_an_error_or_numbers(bytes in prop::collection::vec(any::<u8>(), 0..80), n in 0..=32usize) {
            let (mut ints, mut floats) = ([0; FRAME], [0.0; FRAME]);
            let a = take_ints(&mut Reader::new(&bytes), n, &mut ints).is_ok();
            prop_assert_eq!(a, skip_ints(&mut Reader::new(&bytes), n).is_ok());
            let b = take_floats(&mut Reader::new(&bytes), n, &mut floats).is_ok();
            prop_assert!(!b || skip_floats(&mut Reader::new(&bytes), n).is_ok());
            let _ = take_sequence(&mut Reader::new(&bytes), n * 1000);
        }
    }
}
