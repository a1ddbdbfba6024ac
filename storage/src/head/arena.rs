//! Packed bytes, one after the other in chunks: nothing is moved when more come.

/// Bytes of a chunk; what is larger gets one of its own.
const CHUNK: usize = 64 << 10;

#[derive(Debug, Default)]
pub(super) struct Arena {
    chunks: Vec<Vec<u8>>,
    /// Bytes in use.
    pub(super) bytes: usize,
}

/// Where bytes begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    chunk: u32,
    start: u16,
}

impl At {
    /// Before the first.
    pub(super) const NONE: At = At { chunk: u32::MAX, start: 0 };
    /// Bytes that [`At::put`] takes.
    pub(super) const LEN: usize = 6;

    pub(super) fn put(self, out: &mut Vec<u8>) {
        out.extend(self.chunk.to_le_bytes());
        out.extend(self.start.to_le_bytes());
    }

    pub(super) fn take(bytes: &[u8]) -> Option<At> {
        let (chunk, rest) = bytes.split_first_chunk()?;
        let start = rest.first_chunk()?;
        Some(At { chunk: u32::from_le_bytes(*chunk), start: u16::from_le_bytes(*start) })
    }
}

impl Arena {
    pub(super) fn add(&mut self, bytes: &[u8]) -> At {
        let fits = |chunk: &Vec<u8>| {
            chunk.len() + bytes.len() <= CHUNK && u16::try_from(chunk.len()).is_ok()
        };
        if !self.chunks.last().is_some_and(fits) {
            // The first grows as it must: most databases are small.
            let room = if self.chunks.is_empty() { bytes.len() } else { CHUNK.max(bytes.len()) };
            self.chunks.push(Vec::with_capacity(room));
        }
        let chunk = crate::rows::index(self.chunks.len() - 1);
        let last = &mut self.chunks[chunk as usize];
        let start = u16::try_from(last.len()).unwrap_or(0);
        last.extend_from_slice(bytes);
        self.bytes += bytes.len();
        At { chunk, start }
    }

    /// What begins at `at`, and more behind it.
    pub(super) fn from(&self, at: At) -> &[u8] {
        let chunk = self.chunks.get(at.chunk as usize);
        chunk.and_then(|chunk| chunk.get(usize::from(at.start)..)).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_stays_where_it_is() {
        let mut arena = Arena::default();
        let pieces: Vec<Vec<u8>> = (0..400usize)
            .map(|n| vec![u8::try_from(n % 251).unwrap(); if n == 200 { 200_000 } else { n * 3 }])
            .collect();
        let places: Vec<At> = pieces.iter().map(|piece| arena.add(piece)).collect();
        for (piece, at) in pieces.iter().zip(places) {
            assert!(arena.from(at).starts_with(piece));
            let mut out = Vec::new();
            at.put(&mut out);
            assert_eq!((out.len(), At::take(&out)), (At::LEN, Some(at)));
        }
        assert!(arena.from(At::NONE).is_empty());
    }
}
