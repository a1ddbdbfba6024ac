//! An entropy coder: tokens at the bits their frequency is worth, by table (asymmetric numeral systems).
//!
//! A state of `log` bits stands for all tokens still to come. Every state belongs to a token, to each as many of the `2^log` as the token
//! is frequent; decoding looks up the token of the state, and the next state: a base plus a few bits read. The encoder goes
//! backwards and writes the bits that the decoder reads forwards.
//!
//! Frequencies are stored roughly, as quarters of an octave: a frequency that is off by a tenth costs less than a hundredth of a
//! bit, and a block has few values to pay for its table. Both sides make the same table of them.

use super::bits::{bits_of, get};

/// Tokens there may be.
pub(super) const TOKENS: usize = 160;

/// Bits of states: from this on, four sizes.
pub(super) const LOG_MIN: u32 = 8;
pub(super) const LOG_MAX: u32 = LOG_MIN + 3;

/// What frequencies look like when stored: 0 for none, else one more than four times the binary logarithm.
const LEVELS: u8 = 49;

/// Frequency per level: `2^(n / 4)`, times 16 and rounded.
fn weight(level: u8) -> u64 {
    const QUARTERS: [u64; 4] = [16, 19, 23, 27];
    match level.checked_sub(1) {
        None => 0,
        Some(n) => QUARTERS[usize::from(n % 4)] << (n / 4),
    }
}

/// The level closest to `count` of `total`.
fn level(count: usize, total: usize) -> u8 {
    if count == 0 {
        return 0;
    }
    // Of 2^12 at most, so that levels are below `LEVELS`.
    let share = (count as u64 * (16 << 11)).div_ceil(total.max(1) as u64).max(16);
    (1..LEVELS).min_by_key(|level| weight(*level).abs_diff(share)).unwrap_or(1)
}

/// Bits, lowest first, as an encoder appends them.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    word: u128,
    bits: u32,
}

impl BitWriter {
    pub(super) fn put(&mut self, value: u64, width: u32) {
        self.word |= u128::from(value) << self.bits;
        self.bits += width;
        while self.bits >= 8 {
            self.bytes.push(self.word.to_le_bytes()[0]);
            self.word >>= 8;
            self.bits -= 8;
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.bits > 0 {
            self.bytes.push(self.word.to_le_bytes()[0]);
        }
        self.bytes
    }
}

/// Bits, read from the front; zeros past the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct BitReader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl BitReader<'_> {
    #[inline(always)]
    pub(super) fn take(&mut self, width: u32) -> u64 {
        let value = get(self.bytes, self.at, width);
        self.at += width as usize;
        value
    }
}

/// How frequent tokens are, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Levels {
    levels: Vec<u8>,
}

impl Levels {
    pub(super) fn of(counts: &[usize]) -> Levels {
        let total = counts.iter().sum();
        let len = counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        Levels { levels: counts[..len].iter().map(|count| level(*count, total)).collect() }
    }

    /// Number of tokens, then each level as its difference to the one before: zigzag in Rice's code with two low bits.
    pub(super) fn write(&self, out: &mut BitWriter) {
        out.put(self.levels.len() as u64, 8);
        let mut before = LEVELS / 2 + 12;
        for level in &self.levels {
            let step = i64::from(*level) - i64::from(before);
            let zigzag = (step << 1 ^ step >> 63).cast_unsigned();
            let high = u32::try_from(zigzag >> 2).unwrap_or(0);
            out.put((1 << high) - 1, high + 1);
            out.put(zigzag & 3, 2);
            before = *level;
        }
    }

    /// `None` if it is none that [`Levels::write`] writes.
    pub(super) fn read(from: &mut BitReader<'_>) -> Option<Levels> {
        let len = usize::try_from(from.take(8)).ok().filter(|len| (1..=TOKENS).contains(len))?;
        let mut levels = Vec::with_capacity(len);
        let mut before = i64::from(LEVELS / 2 + 12);
        for _ in 0..len {
            let high = from.take(48).trailing_ones();
            // The bits of the high part that were read too far.
            from.at -= 48 - (high as usize + 1).min(48);
            let zigzag = u64::from(high) << 2 | from.take(2);
            before += (zigzag >> 1).cast_signed() ^ -((zigzag & 1).cast_signed());
            levels.push(u8::try_from(before).ok().filter(|level| *level < LEVELS)?);
        }
        levels.iter().any(|level| *level > 0).then_some(Levels { levels })
    }

    /// Whether some token from `from` on occurs.
    pub(super) fn reach(&self, from: usize) -> bool {
        self.levels.iter().skip(from).any(|level| *level > 0)
    }

    /// Frequencies that add up to `2^log`, none of a token that occurs being 0.
    fn frequencies(&self, log: u32) -> Option<Vec<u32>> {
        let total: u64 = self.levels.iter().map(|level| weight(*level)).sum();
        let size = 1u64 << log;
        let mut left = size.cast_signed();
        let mut frequencies: Vec<u32> = Vec::with_capacity(self.levels.len());
        for level in &self.levels {
            let share = (weight(*level) * size + total / 2) / total.max(1);
            let share = if *level > 0 { share.max(1) } else { 0 };
            left -= share.cast_signed();
            frequencies.push(u32::try_from(share).ok()?);
        }
        // The most frequent one takes what rounding left; several where it is not frequent enough.
        while left != 0 {
            let (at, most) = frequencies
                .iter()
                .copied()
                .enumerate()
                .max_by_key(|(at, f)| (*f, usize::MAX - at))?;
            if most == 1 && left < 0 {
                return None;
            }
            // Down to half of it, at most.
            let change = left.max(-i64::from(most / 2));
            frequencies[at] = u32::try_from(i64::from(most) + change).ok()?;
            left -= change;
        }
        Some(frequencies)
    }
}

/// Bits that tokens of these counts take with these levels, in 1/256 bit; `None` if `log` is too small for them.
pub(super) fn cost(counts: &[usize], levels: &Levels, log: u32) -> Option<u64> {
    let frequencies = levels.frequencies(log)?;
    let bits = counts.iter().zip(&frequencies).filter(|(count, _)| **count > 0);
    let bits = bits.map(|(count, f)| *count as f64 * (f64::from(log) - f64::from(*f).log2()));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate")]
    let bits = (bits.sum::<f64>() * 256.0) as u64;
    Some(bits)
}

/// Bits up to the highest that is set, of a state and so of a number that is not 0.
#[inline(always)]
const fn bits_of_word(state: u32) -> u32 {
    u32::BITS - (state | 1).leading_zeros()
}

/// From one place of a token to the next: odd, so that all are reached.
const fn stride(log: u32) -> usize {
    let size = 1usize << log;
    (size >> 1) + (size >> 3) + 3
}

/// Which state belongs to which token: by strides that mix tokens well.
fn spread(frequencies: &[u32], log: u32) -> Vec<u8> {
    let (size, step) = (1usize << log, stride(log));
    let mut tokens = vec![0; size];
    let mut at = 0;
    for (token, frequency) in frequencies.iter().enumerate() {
        for _ in 0..*frequency {
            tokens[at] = u8::try_from(token).unwrap_or(u8::MAX);
            at = (at + step) % size;
        }
    }
    tokens
}

/// What a decoder does in a state, in 32 bits: so many that the table of a block stays near.
///
/// ```text
/// bits 0..12 what the next state is counted from, 12..16 how many bits to count, 16..24 the token, 24.. bits of the value itself
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Step(u32);

impl Step {
    #[inline(always)]
    fn new(base: u32, width: u32, token: u32, own: u32) -> Step {
        Step(base | width << 12 | token << 16 | own << 24)
    }

    #[inline(always)]
    pub(super) const fn base(self) -> usize {
        (self.0 & 0xfff) as usize
    }

    #[inline(always)]
    pub(super) const fn width(self) -> u32 {
        self.0 >> 12 & 0xf
    }

    #[inline(always)]
    pub(super) const fn token(self) -> usize {
        (self.0 >> 16 & 0xff) as usize
    }

    #[inline(always)]
    pub(super) const fn own(self) -> u32 {
        self.0 >> 24
    }
}

/// A table to decode with; the state is an index.
pub(super) type Steps = [Step; 1 << LOG_MAX];

/// Fills a table for states of `log` bits; `own` tells how many bits of its own a token has.
pub(super) fn decoder(
    levels: &Levels,
    log: u32,
    own: impl Fn(u8) -> u32,
    steps: &mut Steps,
) -> Option<()> {
    let frequencies = levels.frequencies(log)?;
    let size = 1usize << log;
    let steps = steps.get_mut(..size)?;
    // What each token has in all its states; then where it comes to in the order of states.
    let (mut same, mut next) = ([0u32; 256], [0u32; 256]);
    let (step, mut at) = (stride(log), 0);
    for (token, frequency) in frequencies.iter().enumerate() {
        let number = u8::try_from(token).ok()?;
        same[token & 0xff] = Step::new(0, 0, u32::from(number), own(number)).0;
        next[token & 0xff] = *frequency;
        for _ in 0..*frequency {
            // Frequencies add up to `size`, so that every place is reached once.
            if let Some(place) = steps.get_mut(at & (size - 1)) {
                *place = Step(u32::from(number));
            }
            at += step;
        }
    }
    for place in steps {
        let token = (place.0 & 0xff) as usize;
        let state = next[token];
        next[token] = state + 1;
        let width = log + 1 - bits_of_word(state);
        // Below `size` after the subtraction, as a state is.
        let base = (state << width).wrapping_sub(1 << log) & 0xfff;
        *place = Step(same[token] | base | width << 12);
    }
    Some(())
}

/// A table to encode with.
#[derive(Debug)]
pub(super) struct Encoder {
    log: u32,
    frequencies: Vec<u32>,
    /// For each token its states, in the order of their numbers; tokens one after the other.
    states: Vec<u16>,
    first: Vec<usize>,
}

impl Encoder {
    pub(super) fn new(levels: &Levels, log: u32) -> Option<Encoder> {
        let frequencies = levels.frequencies(log)?;
        let mut first = Vec::with_capacity(frequencies.len());
        let mut sum = 0;
        for frequency in &frequencies {
            first.push(sum);
            sum += *frequency as usize;
        }
        let mut next = first.clone();
        let mut states = vec![0; sum];
        for (state, token) in spread(&frequencies, log).into_iter().enumerate() {
            states[next[usize::from(token)]] = u16::try_from(state).ok()?;
            next[usize::from(token)] += 1;
        }
        Some(Encoder { log, frequencies, states, first })
    }

    /// Puts `token` before what `state` stands for: the new state, and the bits that lead back.
    pub(super) fn step(&self, state: u16, token: u8) -> (u16, u64, u32) {
        let token = usize::from(token);
        let (full, frequency) = (u32::from(state) + (1 << self.log), self.frequencies[token]);
        let mut width = bits_of(u64::from(full)) - bits_of(u64::from(frequency));
        if full >> width < frequency {
            width -= 1;
        }
        let bits = u64::from(full) & ((1 << width) - 1);
        let at = self.first[token] + ((full >> width) - frequency) as usize;
        (self.states[at], bits, width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_at_the_bits_they_are_worth() {
        let shapes: [&[usize]; 6] = [
            &[1000],
            &[400, 250, 240, 60, 50, 9, 8, 0, 1],
            &[1, 0, 0, 900, 1],
            &[3; 100],
            &[0, 1, 1],
            &[1; TOKENS],
        ];
        for counts in shapes {
            let tokens: Vec<u8> = (0..counts.iter().copied().max().unwrap())
                .flat_map(|round| (0..counts.len()).filter(move |t| counts[*t] > round))
                .map(|token| u8::try_from(token).unwrap())
                .collect();
            for log in LOG_MIN..=LOG_MAX {
                let levels = Levels::of(counts);
                let mut writer = BitWriter::default();
                levels.write(&mut writer);
                let bytes = writer.finish();
                let mut reader = BitReader { bytes: &bytes, at: 0 };
                assert_eq!(Levels::read(&mut reader), Some(levels.clone()));
                let encoder = Encoder::new(&levels, log).unwrap();
                let mut steps = [Step::default(); 1 << LOG_MAX];
                decoder(&levels, log, u32::from, &mut steps).unwrap();
                let (mut state, mut stack, mut bits) = (0, Vec::new(), 0);
                for token in tokens.iter().rev() {
                    let (next, value, width) = encoder.step(state, *token);
                    stack.push((value, width));
                    bits += u64::from(width);
                    state = next;
                }
                let worth = cost(counts, &levels, log).unwrap() / 256;
                assert!(bits <= worth + worth / 50 + 30, "{bits} {worth} {counts:?}");
                for token in &tokens {
                    let step = steps[usize::from(state)];
                    assert_eq!(step.token(), usize::from(*token));
                    assert_eq!(step.own(), u32::from(*token));
                    let (value, width) = stack.pop().unwrap();
                    assert_eq!(step.width(), width);
                    state = u16::try_from(step.base() + usize::try_from(value).unwrap()).unwrap();
                }
            }
        }
    }
}
