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

use super::bits::{bits_of, get, mask, word};
use super::tans::{
    BitReader, BitWriter, Encoder, LOG_MAX, LOG_MIN, Levels, Step, Steps, TOKENS, cost, decoder,
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
const fn untoken(token: u8) -> (u64, u32) {
    if (token as u64) < DIRECT {
        return (token as u64, 0);
    }
    // A table has no larger tokens, but a damaged one might.
    let top = (token as u32 - 16) / 2 + 4;
    let width = if top > 63 { 62 } else { top - 1 };
    ((2 + (token & 1) as u64) << width, width)
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
    let mut steps = [Step::default(); 1 << LOG_MAX];
    let levels = Levels::read(&mut bits)
        .filter(|levels| decoder(levels, log, |token| untoken(token).1, &mut steps).is_some());
    let Some(levels) = levels else {
        return reader.bad("frequencies of tokens", "others");
    };
    let mut values = vec![0; n];
    let skip = usize::from(order).min(n);
    let walk = Walk { steps: &steps, log, long: levels.reach(LONG_TOKENS) };
    let rest = &mut values[skip..];
    // Steps are added up as they are read: waiting for the next state leaves time for it.
    let signed = id & SIGNED != 0;
    match (signed, order) {
        (true, 1) => walk.read(&mut bits, sum_of(|d| unzigzag(d).wrapping_add(centre)), rest),
        (false, 1) => walk.read(&mut bits, sum_of(|d| d.cast_signed().wrapping_add(centre)), rest),
        (true, _) => walk.read(&mut bits, |d| unzigzag(d).wrapping_add(centre), rest),
        (false, _) => walk.read(&mut bits, |d| d.cast_signed().wrapping_add(centre), rest),
    }
    reader.take(bits.at.div_ceil(8))?;
    if order == 2 && n > 1 {
        values[1] = first_step;
        add_up(&mut values[1..]);
        add_up(&mut values);
    }
    for value in &mut values {
        *value = base.wrapping_add(value.wrapping_mul(divisor));
    }
    Ok(values)
}

/// What `value` gives, added up.
#[inline(always)]
fn sum_of(value: impl Fn(u64) -> i64) -> impl FnMut(u64) -> i64 {
    let mut sum = 0i64;
    move |distance| {
        sum = sum.wrapping_add(value(distance));
        sum
    }
}

fn add_up(values: &mut [i64]) {
    let mut sum = 0i64;
    for value in values {
        sum = sum.wrapping_add(*value);
        *value = sum;
    }
}

/// From this token on, a value's own bits and those of a state may be more than an unaligned word has.
const LONG_TOKENS: usize = 16 + 2 * 40;

/// The smallest distance of each token.
const LOWS: [u64; 256] = {
    let mut lows = [0; 256];
    let mut token = 0u8;
    loop {
        lows[token as usize] = untoken(token).0;
        if token == u8::MAX {
            break lows;
        }
        token += 1;
    }
};

/// A way through the states.
struct Walk<'s> {
    steps: &'s Steps,
    log: u32,
    /// Whether some token has so many bits of its own that they are read apart from those of the state.
    long: bool,
}

impl Walk<'_> {
    /// Reads a distance for each place of `out`, and puts there what `value` makes of it.
    #[inline(always)]
    fn read(&self, bits: &mut BitReader<'_>, mut value: impl FnMut(u64) -> i64, out: &mut [i64]) {
        let mut state = || usize::try_from(bits.take(self.log)).unwrap_or(0);
        let (mut even, mut odd) = (state(), state());
        let mut at = bits.at;
        let (pairs, last) = out.as_chunks_mut::<2>();
        for [first, second] in pairs {
            *first = value(self.next(bits.bytes, &mut at, &mut even));
            *second = value(self.next(bits.bytes, &mut at, &mut odd));
        }
        for last in last {
            *last = value(self.next(bits.bytes, &mut at, &mut even));
        }
        bits.at = at;
    }

    /// The distance of a state, and the state after it.
    #[inline(always)]
    fn next(&self, bytes: &[u8], at: &mut usize, state: &mut usize) -> u64 {
        // Never more than a table has, but for damage.
        let step = self.steps[*state & (self.steps.len() - 1)];
        let (own, width) = (step.own(), step.width());
        let (value, rest) = if self.long {
            (get(bytes, *at, own), get(bytes, *at + own as usize, width))
        } else {
            let both = word(bytes, *at / 8) >> (*at % 8);
            (both & mask(own), both >> own & mask(width))
        };
        *at += (own + width) as usize;
        *state = step.base() + usize::try_from(rest).unwrap_or(0);
        LOWS[step.token()] | value
    }
}
