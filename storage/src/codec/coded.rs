//! Integers with entropy coding: what a frame leaves, at the bits it is worth.
//!
//! For data that is written once more and then kept. Takes away what a frame does (see `frame`); what is left becomes a token, which
//! is coded by its frequency, and for large values bits beside it.
//!
//! ```text
//! u8        0b10LLSDOO   OO order, D has a divisor, S distances have signs, LL size of the states, less 8 bits
//! zigzag    base         the first value
//! varint    divisor      if D
//! zigzag    first step   if order 2; this and all below in units of the divisor
//! zigzag    centre       what is taken from the rest before it becomes a token: its smallest, or with signs its median
//! bits      levels of the tokens; two states; for each value bits of its own, then bits of the next state but one
//! ```
//!
//! A distance (zigzag if S) below 16 is its own token. Others have a token for their highest bit and the one below it; the bits below
//! these are written as they are. Values take turns with the two states, which a processor can follow side by side.

use super::bits::{bits_of, get, mask};
use super::tans::{
    BitReader, BitWriter, Encoder, LOG_MAX, LOG_MIN, Levels, Step, TOKENS, cost, decoder,
};
use crate::bytes::{Bad, Reader, low_byte, put_varint, put_zigzag};

/// Set in the id of coded integers, with the lower bit of [`CODED_MASK`] clear.
pub(super) const CODED: u8 = 0b1000_0000;
pub(super) const CODED_MASK: u8 = 0b1100_0000;
const ORDER: u8 = 0b11;
const DIVISOR: u8 = 0b100;
const SIGNED: u8 = 0b1000;
const LOG_SHIFT: u8 = 4;

/// Distances that are tokens themselves.
const DIRECT: u64 = 16;

/// The token of a distance, and how many bits follow it.
fn token(distance: u64) -> (u8, u32) {
    if distance < DIRECT {
        return (low_byte(distance), 0);
    }
    let top = bits_of(distance) - 1;
    let token = 16 + 2 * u64::from(top - 4) + (distance >> (top - 1) & 1);
    (low_byte(token), top - 1)
}

/// The smallest distance with that token, and how many bits follow.
#[inline(always)]
fn untoken(token: u8) -> (u64, u32) {
    if u64::from(token) < DIRECT {
        return (u64::from(token), 0);
    }
    // A table has no larger tokens, but a damaged one might.
    let top = (u32::from(token) - 16) / 2 + 4;
    let width = (top - 1).min(62);
    ((2 + u64::from(token & 1)) << width, width)
}

const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

#[inline(always)]
const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// What is left of a block, and how it would be coded.
pub(super) struct Rest<'v> {
    pub(super) order: u8,
    pub(super) base: i64,
    pub(super) divisor: i64,
    pub(super) first_step: i64,
    /// Of as many values as the block has; the first `order` do not count.
    pub(super) residuals: &'v [i64],
}

impl Rest<'_> {
    fn counted(&self) -> &[i64] {
        &self.residuals[usize::from(self.order)..]
    }

    /// Appends the block to `out` if that takes fewer than `most` bytes.
    pub(super) fn write(&self, most: usize, out: &mut Vec<u8>) -> bool {
        let residuals = self.counted();
        let mut sorted = residuals.to_vec();
        sorted.sort_unstable();
        let (Some(min), Some(median)) = (sorted.first(), sorted.get(sorted.len() / 2)) else {
            return false;
        };
        let options = [(true, *median), (false, *min)];
        let best = options.into_iter().map(|(signed, centre)| {
            let counts = self.counts(signed, centre);
            (counts.1, signed, centre, counts.0)
        });
        let Some((_, signed, centre, counts)) = best.min_by_key(|(bits, ..)| *bits) else {
            return false;
        };
        let levels = Levels::of(&counts);
        let logs = LOG_MIN..=LOG_MAX;
        let log = logs.filter_map(|log| Some((cost(&counts, &levels, log)?, log))).min();
        let Some(((_, log), encoder)) =
            log.and_then(|log| Some((log, Encoder::new(&levels, log.1)?)))
        else {
            return false;
        };
        let start = out.len();
        let divisor = if self.divisor > 1 { DIVISOR } else { 0 };
        let sign = if signed { SIGNED } else { 0 };
        let size = low_byte(u64::from(log - LOG_MIN)) << LOG_SHIFT;
        out.push(CODED | self.order | divisor | sign | size);
        put_zigzag(out, self.base);
        if self.divisor > 1 {
            put_varint(out, self.divisor.cast_unsigned());
        }
        if self.order == 2 {
            put_zigzag(out, self.first_step);
        }
        put_zigzag(out, centre);
        out.extend(self.bits(signed, centre, &levels, &encoder, log));
        if out.len() - start < most {
            return true;
        }
        out.truncate(start);
        false
    }

    /// How often there are which tokens, and roughly all their bits.
    fn counts(&self, signed: bool, centre: i64) -> ([usize; TOKENS], u64) {
        let mut counts = [0; TOKENS];
        let mut bits = 0;
        for residual in self.counted() {
            let (token, width) = token(distance(*residual, signed, centre));
            counts[usize::from(token)] += 1;
            bits += u64::from(width) * 256;
        }
        let levels = Levels::of(&counts);
        (counts, bits + cost(&counts, &levels, LOG_MAX).unwrap_or(u64::MAX >> 1))
    }

    fn bits(
        &self,
        signed: bool,
        centre: i64,
        levels: &Levels,
        encoder: &Encoder,
        log: u32,
    ) -> Vec<u8> {
        let residuals = self.counted();
        let mut stack = Vec::with_capacity(residuals.len());
        let mut states = [0; 2];
        for (at, residual) in residuals.iter().enumerate().rev() {
            let distance = distance(*residual, signed, centre);
            let (token, own) = token(distance);
            let (state, bits, width) = encoder.step(states[at % 2], token);
            states[at % 2] = state;
            stack.push((distance & mask(own), own, bits, width));
        }
        let mut out = BitWriter::default();
        levels.write(&mut out);
        states.iter().for_each(|state| out.put(u64::from(*state), log));
        for (own, own_width, bits, width) in stack.into_iter().rev() {
            out.put(own, own_width);
            out.put(bits, width);
        }
        out.finish()
    }
}

fn distance(residual: i64, signed: bool, centre: i64) -> u64 {
    let distance = residual.wrapping_sub(centre);
    if signed { zigzag(distance) } else { distance.cast_unsigned() }
}

/// Reads what follows `id`: `n` values.
pub(super) fn decode(id: u8, reader: &mut Reader<'_>, n: usize) -> Result<Vec<i64>, Bad> {
    let order = id & ORDER;
    if order > 2 {
        return reader.bad("an order of 0 to 2", order.to_string());
    }
    let base = reader.zigzag()?;
    let divisor = if id & DIVISOR != 0 { reader.varint()?.cast_signed() } else { 1 };
    let first_step = if order == 2 { reader.zigzag()? } else { 0 };
    let centre = reader.zigzag()?;
    let mut bits = BitReader { bytes: reader.ahead(), at: 0 };
    let log = LOG_MIN + u32::from(id >> LOG_SHIFT & 3);
    let Some(steps) = Levels::read(&mut bits).and_then(|levels| decoder(&levels, log)) else {
        return reader.bad("frequencies of tokens", "others");
    };
    let mut values = vec![0; n];
    let skip = usize::from(order).min(n);
    distances(&steps, log, &mut bits, &mut values[skip..]);
    reader.take(bits.at.div_ceil(8))?;
    let signed = id & SIGNED != 0;
    for value in &mut values[skip..] {
        let distance = if signed { unzigzag(value.cast_unsigned()) } else { *value };
        *value = distance.wrapping_add(centre);
    }
    if order == 2 && n > 1 {
        values[1] = first_step;
        add_up(&mut values[1..]);
    }
    if order > 0 {
        add_up(&mut values);
    }
    for value in &mut values {
        *value = base.wrapping_add(value.wrapping_mul(divisor));
    }
    Ok(values)
}

fn add_up(values: &mut [i64]) {
    let mut sum = 0i64;
    for value in values {
        sum = sum.wrapping_add(*value);
        *value = sum;
    }
}

/// Reads a distance for each place of `out`.
fn distances(steps: &[Step], log: u32, bits: &mut BitReader<'_>, out: &mut [i64]) {
    let mut states = [bits.take(log), bits.take(log)].map(|s| u16::try_from(s).unwrap_or(0));
    let mut at = bits.at;
    for (turn, out) in out.iter_mut().enumerate() {
        let state = &mut states[turn % 2];
        let step = steps.get(usize::from(*state)).copied().unwrap_or_default();
        let (low, own) = untoken(step.token);
        let width = u32::from(step.width);
        let value = if own + width <= 56 {
            let both = get(bits.bytes, at, own + width);
            *state = step.base.wrapping_add(low_two(both >> own));
            both & mask(own)
        } else {
            *state = step.base.wrapping_add(low_two(get(bits.bytes, at + own as usize, width)));
            get(bits.bytes, at, own)
        };
        at += (own + width) as usize;
        *out = (low | value).cast_signed();
    }
    bits.at = at;
}

#[inline(always)]
const fn low_two(value: u64) -> u16 {
    let [a, b, ..] = value.to_le_bytes();
    u16::from_le_bytes([a, b])
}
