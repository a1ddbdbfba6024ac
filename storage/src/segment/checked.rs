//! Which blocks of a mapped segment had the right checksum when they were read first.
//!
//! A bit for every 256 bytes of the file: a block of at least as many begins in a stretch in which no other such block begins. Shorter blocks
//! are not remembered; checking them costs next to nothing. The bits take 1/2048 of the file, once a block was read.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Part;

/// Bytes that share a bit.
const STRETCH: u64 = 256;

#[derive(Debug, Default)]
pub(super) struct Checked {
    bits: OnceLock<Box<[AtomicU64]>>,
}

/// The bit of a block.
#[derive(Debug)]
pub(super) struct Seen<'c> {
    word: &'c AtomicU64,
    bit: u64,
}

impl Checked {
    /// The bit of a block of a file of `bytes` bytes; `None` if it has none.
    pub(super) fn at(&self, part: Part, bytes: u64) -> Option<Seen<'_>> {
        if u64::from(part.len) < STRETCH {
            return None;
        }
        let bits = self.bits.get_or_init(|| {
            let words = bytes.div_ceil(STRETCH * 64);
            (0..words).map(|_| AtomicU64::new(0)).collect()
        });
        let stretch = part.offset / STRETCH;
        let word = bits.get(usize::try_from(stretch / 64).ok()?)?;
        Some(Seen { word, bit: 1 << (stretch % 64) })
    }
}

impl Seen<'_> {
    pub(super) fn is_set(&self) -> bool {
        self.word.load(Ordering::Relaxed) & self.bit != 0
    }

    pub(super) fn set(&self) {
        self.word.fetch_or(self.bit, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_blocks_have_bits_of_their_own_and_short_ones_none() {
        let checked = Checked::default();
        let part = |offset, len| Part { offset, len, crc: 0 };
        let (first, second) = (part(300, 256), part(556, 400));
        checked.at(first, 2000).unwrap().set();
        assert!(checked.at(first, 2000).unwrap().is_set());
        assert!(!checked.at(second, 2000).unwrap().is_set());
        assert!(checked.at(part(300, 255), 2000).is_none());
        // A place past the end, as only damage tells.
        assert!(checked.at(part(u64::MAX, 300), 2000).is_none());
        assert!(checked.at(part(1 << 20, 300), 2000).is_none());
    }
}
