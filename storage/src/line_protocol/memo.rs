//! Which series a `measurement,tags` text stands for, remembered so that its tags are parsed once.
//!
//! A writer sends the same series again and again, spelled the same way. The memo is a cache of fixed associativity:
//!
//! ```text
//! hash of the text  -->  set of 4 places, each empty or { hash, text, key of the series, handle in the batch, used }
//! ```
//!
//! A hit costs one hash and two comparisons: that of the text, because a hash proves nothing, and that of the series'
//! key with what the batch has under the handle, because the batch may have been reset, or be another one. So the
//! memo can be wrong about nothing; it can only miss.
//!
//! Memory is bounded: the table doubles while a set is full and it is allowed to; after that a place is taken over from a text that
//! was not used since the last time somebody wanted its place. A round of more series than fit thus keeps a part of
//! them, where the least recently used would be thrown out just before it comes again.

use stripchart_core::{Batch, BatchSeries};

/// Places that a hash leads to.
const WAYS: usize = 4;

/// Places of the first table.
const PLACES_MIN: usize = 64;

/// Bytes that a text and its key may have together to be remembered.
const ENTRY_LEN_MAX: usize = 4096;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Memo {
    /// Sets of [`WAYS`] places; a power of two.
    places: Vec<Option<Entry>>,
    /// Of all texts and keys.
    text_bytes: usize,
    bytes_max: usize,
    /// Where the search for texts to forget goes on, when there is room for places but not for text.
    hand: usize,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    used: bool,
    series: BatchSeries,
    /// The text as it came, then the series' key.
    text: Box<str>,
    raw_len: u32,
}

impl Entry {
    fn raw(&self) -> &[u8] {
        &self.text.as_bytes()[..self.raw_len as usize]
    }

    fn key(&self) -> &[u8] {
        &self.text.as_bytes()[self.raw_len as usize..]
    }
}

impl Memo {
    /// A memo of at most `bytes_max` bytes; allocates nothing yet.
    pub(super) const fn new(bytes_max: usize) -> Self {
        Memo { places: Vec::new(), text_bytes: 0, bytes_max, hand: 0 }
    }

    /// Bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<Option<Entry>>() + self.text_bytes
    }

    /// The series that `raw`, whose hash is `hash`, stands for in `batch`, if that is remembered.
    #[inline]
    pub(super) fn get(&mut self, hash: u64, raw: &[u8], batch: &Batch) -> Option<BatchSeries> {
        let set = self.set_of(hash)?;
        let entry = self.places[set..set + WAYS]
            .iter_mut()
            .flatten()
            .find(|entry| entry.hash == hash && entry.raw() == raw)?;
        let key = batch.key(entry.series)?;
        if key.as_str().as_bytes() != entry.key() {
            return None;
        }
        entry.used = true;
        Some(entry.series)
    }

    /// Remembers that `raw`, whose hash is `hash`, stands for `series` of `batch`; forgets others for it if it must.
    pub(super) fn insert(&mut self, hash: u64, raw: &str, series: BatchSeries, batch: &Batch) {
        let Some(key) = batch.key(series) else { return };
        let len = raw.len() + key.as_str().len();
        let Ok(raw_len) = u32::try_from(raw.len()) else { return };
        if len > ENTRY_LEN_MAX {
            return;
        }
        let Some(place) = self.place_for(hash, raw.as_bytes()) else { return };
        if !self.make_room(len) {
            return;
        }
        let text = [raw, key.as_str()].concat().into_boxed_str();
        self.forget(place);
        self.text_bytes += len;
        self.places[place] = Some(Entry { hash, used: false, series, text, raw_len });
    }

    /// Makes room for a text of `len` bytes; looks at a few places only, so it may fail.
    fn make_room(&mut self, len: usize) -> bool {
        for _ in 0..2 * WAYS {
            if self.bytes() + len <= self.bytes_max {
                return true;
            }
            self.hand = (self.hand + 1) % self.places.len().max(1);
            self.yield_place(self.hand);
        }
        self.bytes() + len <= self.bytes_max
    }

    /// Doubles the table, unless it would take more than half the memory that is allowed, or more than is left.
    fn grow(&mut self) {
        let count = (self.places.len() * 2).max(PLACES_MIN);
        let bytes = count * size_of::<Option<Entry>>();
        if bytes > self.bytes_max / 2 || bytes + self.text_bytes > self.bytes_max {
            return;
        }
        let mut places = Vec::new();
        places.resize_with(count, || None);
        let old = std::mem::replace(&mut self.places, places);
        self.text_bytes = 0;
        for entry in old.into_iter().flatten() {
            let Some(set) = self.set_of(entry.hash) else { continue };
            if let Some(place) = (set..set + WAYS).find(|place| self.places[*place].is_none()) {
                self.text_bytes += entry.text.len();
                self.places[place] = Some(entry);
            }
        }
    }

    /// Where `raw` goes: in its own place, an empty one, or that of a text not used lately.
    fn place_for(&mut self, hash: u64, raw: &[u8]) -> Option<usize> {
        let free = |memo: &Self| {
            let set = memo.set_of(hash)?;
            let entry = |place: &usize| memo.places[*place].as_ref();
            (set..set + WAYS)
                .find(|place| entry(place).is_some_and(|entry| entry.raw() == raw))
                .or_else(|| (set..set + WAYS).find(|place| entry(place).is_none()))
        };
        if free(self).is_none() {
            self.grow();
        }
        free(self).or_else(|| {
            let set = self.set_of(hash)?;
            (set..set + WAYS).find(|place| self.yield_place(*place))
        })
    }

    /// Forgets the text at `place` unless it was used since this was last asked.
    fn yield_place(&mut self, place: usize) -> bool {
        match &mut self.places[place] {
            Some(entry) if entry.used => {
                entry.used = false;
                false
            }
            _ => {
                self.forget(place);
                true
            }
        }
    }

    fn forget(&mut self, place: usize) {
        if let Some(entry) = self.places[place].take() {
            self.text_bytes -= entry.text.len();
        }
    }

    /// The first place of the set that `hash` leads to; `None` while there is no table.
    #[inline]
    fn set_of(&self, hash: u64) -> Option<usize> {
        let mask = self.places.len().checked_sub(1)?;
        // Truncation is harmless: any bits of the hash will do.
        #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
        let place = hash as usize & mask;
        Some(place & !(WAYS - 1))
    }
}

/// Odd constants with no pattern in their bits.
const SEEDS: [u64; 3] = [0x9E37_79B9_7F4A_7C15, 0xD1B5_4A32_D192_ED03, 0x8CB9_2BA7_2F3D_8DD7];

/// A hash of `bytes` that is quick on some hundred of them: two lanes of eight bytes, multiplied to 128 bits and folded.
///
/// Whoever knows it can make texts collide; all that gets them is a place in the same set.
#[inline]
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
        let (low, high) = (product as u64, (product >> 64) as u64);
        low ^ high
    };
    let (blocks, tail) = bytes.as_chunks::<16>();
    let mut state = SEEDS[0] ^ bytes.len() as u64;
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        state = fold(u64::from_le_bytes(words[0]) ^ state, u64::from_le_bytes(words[1]) ^ SEEDS[1]);
    }
    let mut last = [0; 16];
    last[..tail.len()].copy_from_slice(tail);
    let (words, _) = last.as_chunks::<8>();
    state = fold(u64::from_le_bytes(words[0]) ^ state, u64::from_le_bytes(words[1]) ^ SEEDS[2]);
    fold(state, SEEDS[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remember(memo: &mut Memo, batch: &mut Batch, raw: &str) -> BatchSeries {
        let series = batch.series(raw, []).unwrap();
        memo.insert(hash(raw.as_bytes()), raw, series, batch);
        series
    }

    fn recall(memo: &mut Memo, batch: &Batch, raw: &str) -> Option<BatchSeries> {
        memo.get(hash(raw.as_bytes()), raw.as_bytes(), batch)
    }

    #[test]
    fn what_was_remembered_is_recalled_while_the_table_grows() {
        let (mut memo, mut batch) = (Memo::new(1 << 20), Batch::new());
        let names: Vec<String> = (0..1000).map(|n| format!("series-{n}")).collect();
        let series: Vec<_> =
            names.iter().map(|name| remember(&mut memo, &mut batch, name)).collect();
        let hits = names.iter().zip(&series).filter(|(name, series)| {
            match recall(&mut memo, &batch, name) {
                Some(got) => {
                    assert_eq!(got, **series);
                    true
                }
                None => false,
            }
        });
        assert!(
            hits.count() > 900,
            "few sets of four overflow while the table is at most half full"
        );
    }

    #[test]
    fn a_batch_that_was_reset_or_is_another_gets_no_series_of_before() {
        let (mut memo, mut batch) = (Memo::new(1 << 20), Batch::new());
        let series = remember(&mut memo, &mut batch, "a");
        batch.clear();
        assert_eq!(recall(&mut memo, &batch, "a"), Some(series));

        let mut other = Batch::new();
        assert_eq!(recall(&mut memo, &other, "a"), None, "it has no series");
        other.series("b", []).unwrap();
        assert_eq!(recall(&mut memo, &other, "a"), None, "its first series is another");
        let mut twin = Batch::new();
        let first = twin.series("a", []).unwrap();
        assert_eq!(recall(&mut memo, &twin, "a"), Some(first), "right, if by luck");

        batch.reset();
        batch.series("a", []).unwrap();
        assert_eq!(recall(&mut memo, &batch, "a"), None, "the handle is from before");
    }

    #[test]
    fn texts_with_one_hash_are_told_apart() {
        let (mut memo, mut batch) = (Memo::new(1 << 20), Batch::new());
        let a = batch.series("a", []).unwrap();
        memo.insert(1, "a", a, &batch);
        assert_eq!(memo.get(1, b"b", &batch), None);
        assert_eq!(memo.get(1, b"a", &batch), Some(a));
    }

    #[test]
    fn memory_stays_within_its_bound() {
        for bytes_max in [0, 1000, 20_000, 100_000] {
            let (mut memo, mut batch) = (Memo::new(bytes_max), Batch::new());
            for n in 0..20_000_u32 {
                let name = format!("{n}-{}", "x".repeat(n as usize % 300));
                remember(&mut memo, &mut batch, &name);
                assert!(memo.bytes() <= bytes_max, "{} > {bytes_max}", memo.bytes());
            }
            assert_eq!(
                memo.text_bytes,
                memo.places.iter().flatten().map(|e| e.text.len()).sum::<usize>()
            );
            let entries = memo.places.iter().flatten().count();
            assert!(bytes_max < 20_000 || entries > 20, "{entries} entries in {bytes_max}");
        }
    }

    #[test]
    fn more_series_than_fit_still_hit_in_part() {
        let (mut memo, mut batch) = (Memo::new(100_000), Batch::new());
        let names: Vec<String> =
            (0..3000).map(|n| format!("cpu,host=host_{n:05},region=eu")).collect();
        let mut hits = 0;
        for _ in 0..10 {
            for name in &names {
                match recall(&mut memo, &batch, name) {
                    Some(_) => hits += 1,
                    None => drop(remember(&mut memo, &mut batch, name)),
                }
            }
        }
        assert!(hits > 1000, "{hits} hits of 30000");
    }
}
