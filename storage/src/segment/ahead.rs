//! Blocks in memory of the reader's own: never where the file is mapped.
//!
//! Bytes of a mapped file can go away while they are looked at, and the system answers with a signal. Values are read into memory
//! instead, where an error is an error. A call for each of many small blocks would cost as much as decoding it, so a
//! reader that goes from block to block, as those of a field lie, reads some ahead:
//!
//! ```text
//! file      ...|block|block|block|block|block|block|block|...
//! 1st read     [-----]
//! 2nd                [-------------------------------]         it begins where the first ended: 32 KiB
//! ```
//!
//! The checksum of a block is compared when it is read for the first time since its segment was opened, which is noted by a bit. Whatever
//! looks at files for their own sake (`verify`, merging, export) compares it every time, as reading single rows does.

use super::page::Compared;
use super::{Part, Segment};
use crate::ReadError;

/// Bytes that are read ahead at most.
const WINDOW: u32 = 32 << 10;
/// Bytes for which reading ahead is not worth its copying.
const LEAST: u32 = 2 << 10;
/// Bytes between two blocks of a reader that goes on: other blocks may lie between those of a field.
const GAP: u64 = 4 << 10;

/// A reader's place in a file, and some bytes from there on.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    bytes: Vec<u8>,
    /// Where they are in the file.
    from: u64,
    /// Where the block read last ended.
    next: u64,
    window: u32,
}

impl Ahead {
    /// Reads up to `window` bytes ahead, as many as suit one of several readers.
    pub(crate) fn new(window: u32) -> Self {
        let window = if window < LEAST { 0 } else { window.min(WINDOW) };
        Ahead { window, ..Ahead::default() }
    }

    /// The bytes of a block, which have its checksum unless they had it before. All blocks asked for are of one segment.
    pub(crate) fn block(
        &mut self,
        segment: &Segment,
        part: Part,
        compared: Compared<'_>,
    ) -> Result<&[u8], ReadError> {
        let end = part.offset.saturating_add(u64::from(part.len));
        let known = self.from..=self.from.saturating_add(self.bytes.len() as u64);
        if !(known.contains(&part.offset) && known.contains(&end)) {
            self.fill(segment, part)?;
        }
        self.next = end;
        let at = usize::try_from(part.offset - self.from).unwrap_or(usize::MAX);
        let bytes = self.bytes.get(at..).and_then(|rest| rest.get(..part.len as usize));
        let bytes = bytes.unwrap_or_default();
        if !compared.already() {
            segment.checked(part, bytes, "a block of values")?;
            compared.note();
        }
        Ok(bytes)
    }

    fn fill(&mut self, segment: &Segment, part: Part) -> Result<(), ReadError> {
        let goes_on = self.next > 0 && (self.next..=self.next + GAP).contains(&part.offset);
        let rest = u32::try_from(segment.bytes.saturating_sub(part.offset)).unwrap_or(u32::MAX);
        let window = Part { len: self.window.min(rest), ..part };
        self.from = part.offset;
        // What lies behind the block may be unreadable where the block is not.
        if goes_on && part.len < window.len && segment.read_part(window, &mut self.bytes).is_ok() {
            return Ok(());
        }
        let copied = segment.read_part(part, &mut self.bytes);
        copied.inspect_err(|_| self.bytes.clear()).map_err(|error| segment.noted(error))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::segment::tests::segment_of;

    #[test]
    fn blocks_are_those_of_the_file_in_whatever_order() {
        let content: Vec<u8> =
            (0..200_000u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        let segment = segment_of(Arc::new(content.clone()));
        for window in [0, 3000, u32::MAX] {
            check(&content, &segment, Ahead::new(window));
        }
    }

    fn check(content: &[u8], segment: &Segment, mut ahead: Ahead) {
        let part = |offset: usize, len: usize| Part {
            offset: offset as u64,
            len: u32::try_from(len).unwrap(),
            crc: crc32c::crc32c(&content[offset..offset + len]),
        };
        // One after the other with small gaps, back, far, beyond the window, at the end.
        let mut places: Vec<(usize, usize)> = (0..300).map(|n| (n * 410 + n % 7, 400)).collect();
        places.extend([
            (5, 10),
            (190_000, 500),
            (190_500, 9_500),
            (100, 60_000),
            (60_100, 1),
            (199_999, 1),
        ]);
        for (offset, len) in places {
            let got = ahead.block(segment, part(offset, len), Compared::default()).unwrap();
            assert!(got == &content[offset..offset + len], "{offset} {len}");
        }
        let wrong = Part { crc: 1, ..part(10, 10) };
        let mut block = |part| ahead.block(segment, part, Compared::default()).map(<[u8]>::to_vec);
        assert!(matches!(block(wrong), Err(ReadError::Corrupt { .. })));
        let outside = Part { offset: 199_999, len: 2, crc: 0 };
        assert!(matches!(block(outside), Err(ReadError::Corrupt { .. })));
        assert!(block(part(10, 10)).is_ok(), "an error leaves nothing behind");
        let far = Part { offset: u64::MAX, len: u32::MAX, crc: 0 };
        assert!(block(far).is_err());
    }

    #[test]
    fn a_checksum_is_compared_until_it_was_right_once() {
        let content = vec![5; 100];
        let segment = segment_of(Arc::new(content.clone()));
        let right = Part { offset: 10, len: 20, crc: crc32c::crc32c(&content[10..30]) };
        let wrong = Part { crc: right.crc ^ 1, ..right };
        let (bits, mut ahead) = (AtomicU64::new(0), Ahead::new(0));
        let (this, other) = (Compared::new(&bits, 67), Compared::new(&bits, 4));
        for _ in 0..2 {
            // What was wrong is looked at again.
            assert!(matches!(ahead.block(&segment, wrong, this), Err(ReadError::Corrupt { .. })));
        }
        assert_eq!(ahead.block(&segment, right, this).unwrap(), &content[10..30]);
        assert!(ahead.block(&segment, wrong, this).is_ok(), "not compared any more");
        assert!(ahead.block(&segment, wrong, other).is_err(), "another block");
        assert_eq!(bits.into_inner(), 1 << 3);
    }
}
