//! Eight bytes at a time: digits counted and converted, texts compared, without a loop over bytes.
//!
//! A word holds the first byte in its lowest bits. `b'0'` to `b'9'` have the digit in their low half, so that a word
//! of digits, zeros taken away, is a number in a strange base: pairs, then fours, then eights are joined by
//! multiplications that work on all of them at once.

const ZEROS: u64 = 0x3030_3030_3030_3030;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// What a byte below ten lacks to have its highest bit set by a carry.
const ABOVE_NINE: u64 = 0x7676_7676_7676_7676;

/// The powers of ten that a float holds exactly.
pub(super) const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

const SMALL_POWERS_OF_TEN: [u64; 9] =
    [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Digits that 64 bits have room for, whatever they are.
pub(super) const DIGITS_MAX: usize = 19;

/// The eight bytes at `at`; NUL stands for what is past the end.
#[inline(always)]
pub(super) fn word_at(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(word) => u64::from_le_bytes(*word),
        None => last_word(bytes, at),
    }
}

#[cold]
#[inline(never)]
fn last_word(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(word)
}

/// A word of which the digits that begin it are known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digits {
    /// The bytes; those that are digits without what makes them characters.
    bare: u64,
    /// The highest bit of each byte that is no digit; past the first such byte, unless that is ASCII, of some others too.
    others: u64,
}

impl Digits {
    #[inline(always)]
    pub(super) const fn of(word: u64) -> Self {
        let bare = word ^ ZEROS;
        // Below the first other byte nothing is carried from byte to byte.
        Digits { bare, others: (bare.wrapping_add(ABOVE_NINE) | bare) & HIGH_BITS }
    }

    /// How many digits begin the word.
    #[inline(always)]
    pub(super) const fn count(self) -> usize {
        (self.others.trailing_zeros() / 8) as usize
    }

    /// Where the second byte that is no digit stands, if the first is ASCII; 8 if there is none.
    #[inline(always)]
    pub(super) const fn second_other(self) -> usize {
        ((self.others & self.others.wrapping_sub(1)).trailing_zeros() / 8) as usize
    }

    /// The number that the first `count` digits spell, 1 to 8.
    #[inline(always)]
    pub(super) const fn number(self, count: usize) -> u64 {
        join(self.bare << (64 - 8 * count))
    }

    /// The number that the first `count` bytes spell, 2 to 8, when byte `at`, below `count`, is left out.
    #[inline(always)]
    pub(super) const fn number_without(self, at: usize, count: usize) -> u64 {
        let below = (1 << (8 * at)) - 1;
        join(((self.bare & below) | ((self.bare >> 8) & !below)) << (72 - 8 * count))
    }
}

/// The number whose eight digits are the bytes of `digits`, the lowest byte the highest digit.
#[inline(always)]
const fn join(digits: u64) -> u64 {
    const LOW_OF_FOUR: u64 = 0x0000_00FF_0000_00FF;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let high = (pairs & LOW_OF_FOUR).wrapping_mul(100 + (1_000_000 << 32));
    let low = ((pairs >> 16) & LOW_OF_FOUR).wrapping_mul(1 + (10_000 << 32));
    high.wrapping_add(low) >> 32
}

/// The digits at `at`: how many, and the number they continue `number` to. That is meaningless if there are, with those
/// of `number`, more than [`DIGITS_MAX`].
#[inline(always)]
pub(super) fn digits_at(bytes: &[u8], at: usize, mut number: u64) -> (usize, u64) {
    let mut len = 0;
    loop {
        let digits = Digits::of(word_at(bytes, at + len));
        let count = digits.count();
        if count == 0 {
            return (len, number);
        }
        number = number.wrapping_mul(SMALL_POWERS_OF_TEN[count]).wrapping_add(digits.number(count));
        len += count;
        if count < 8 {
            return (len, number);
        }
    }
}

/// A short text to be looked for again and again.
#[derive(Debug)]
pub(super) struct Pattern {
    text: Box<[u8]>,
    words: [u64; Pattern::WORDS],
    masks: [u64; Pattern::WORDS],
}

impl Pattern {
    const WORDS: usize = 4;

    pub(super) fn new(text: &[u8]) -> Self {
        let (mut words, mut masks) = ([0; Self::WORDS], [0; Self::WORDS]);
        for (index, chunk) in text.chunks(8).take(Self::WORDS).enumerate() {
            words[index] = word_at(chunk, 0);
            masks[index] = u64::MAX >> (64 - 8 * chunk.len());
        }
        Pattern { text: text.into(), words, masks }
    }

    /// Where it ends, if it stands at `at`.
    #[inline(always)]
    pub(super) fn end_in(&self, bytes: &[u8], at: usize) -> Option<usize> {
        let len = self.text.len();
        let window = bytes.get(at..).and_then(|rest| rest.first_chunk::<{ 8 * Self::WORDS }>());
        let differs = match window {
            Some(window) if len <= 8 * Self::WORDS => {
                let (found, _) = window.as_chunks::<8>();
                let differs =
                    |at: usize| (u64::from_le_bytes(found[at]) ^ self.words[at]) & self.masks[at];
                let first = differs(0) | differs(1);
                let all = if len <= 16 { first } else { first | differs(2) | differs(3) };
                all != 0
            }
            _ => bytes.get(at..at + len) != Some(&self.text),
        };
        if differs { None } else { Some(at + len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_counted_and_converted_whatever_follows() {
        for follows in [0, b'/', b':', b'.', b'i', b' ', 0x7f, 0x80, 0xba, 0xff] {
            for count in 0..=22 {
                let text: Vec<u8> = (0..count).map(|n| b'0' + (n * 7 + 3) % 10).collect();
                let want = std::str::from_utf8(&text).unwrap().parse::<u128>().unwrap_or(0);
                for behind in [0, 1, 7, 8, 20] {
                    let mut bytes = text.clone();
                    bytes.extend(std::iter::repeat_n(follows, behind));
                    let (len, number) = digits_at(&bytes, 0, 0);
                    assert_eq!(len, text.len());
                    assert!(len > DIGITS_MAX || u128::from(number) == want, "{number} {want}");
                }
            }
        }
    }

    #[test]
    fn a_byte_can_be_left_out() {
        for text in ["1.2,    ", "12.34567", ".5 99999", "0.000001", "123456.,", "9.9.9.9."] {
            let digits = Digits::of(word_at(text.as_bytes(), 0));
            let (at, end) = (digits.count(), digits.second_other());
            assert_eq!((at, text.find('.')), (text.find('.').unwrap(), Some(at)));
            let want: String = text[..end].chars().filter(|c| *c != '.').collect();
            assert_eq!(digits.number_without(at, end), want.parse::<u64>().unwrap(), "{text}");
        }
    }

    #[test]
    fn patterns_are_found_where_they_stand_and_nowhere_else() {
        for len in 1..80_usize {
            let text: Vec<u8> = (0..len).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
            let pattern = Pattern::new(&text);
            for behind in [0, 3, 40] {
                let mut bytes = b"xyz".to_vec();
                bytes.extend(&text);
                bytes.extend(std::iter::repeat_n(0xff, behind));
                assert_eq!(pattern.end_in(&bytes, 3), Some(3 + len));
                assert_eq!(pattern.end_in(&bytes, 2), None);
                assert_eq!(pattern.end_in(&bytes, bytes.len() + 9), None);
                for at in 3..3 + len {
                    bytes[at] ^= 0x20;
                    assert_eq!(pattern.end_in(&bytes, 3), None, "{len} {at}");
                    bytes[at] ^= 0x20;
                }
                assert_eq!(pattern.end_in(&bytes[..2 + len], 3), None);
            }
        }
    }
}
