//! Which series a `measurement,tags` text stands for, remembered so that its tags are parsed once; and which comes after it.
//!
//! A writer sends the same series again and again, spelled the same way, and mostly in the same order:
//!
//! ```text
//! texts    cpu,host=a_cpu,host=b_mem,host=a_ ...          _ is the space that ends a series; escapes as they came
//! entries  0 { text, series, template, next: 1 }          template: what its fields looked like
//!          1 { text, series, template, next: 2 } ...      next: the entry that the line after it had
//! slots    [ hash, entry ] [ ] [ hash, entry ] ...        open addressing, at most half full
//! ```
//!
//! Where the order is that of the last round, the next entry's text is compared with the line, and that is all. Elsewhere
//! the text is hashed and looked up. A hash proves nothing: what is found is compared as well. So the memo can be wrong
//! about nothing; it can only miss. The series are those of one batch, and are forgotten when another comes.
//!
//! Memory is bounded. When there is no room a newcomer is refused; and when refusals have become twice as many as the
//! entries are, what was not used in all that time is forgotten. Thus a round of more series than fit keeps those it has,
//! where the least recently used would be thrown out just before they come again, and series that have ended make room.

use std::hint::black_box;

use stripchart_core::BatchSeries;

use super::template;

/// Bytes that a text may have to be remembered.
const TEXT_LEN_MAX: usize = 4096;

/// Places looked at for a hash.
const PROBES_MAX: usize = 32;

/// Slots of the first table; a power of two.
const SLOTS_MIN: usize = 64;

/// Texts whose memory is fetched at one time.
pub(super) const GROUP: usize = 24;

/// No entry.
pub(super) const NONE: u32 = u32::MAX;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Memo {
    texts: Vec<u8>,
    entries: Vec<Entry>,
    /// Hash in the high half, number of the entry from 1 in the low; 0 is an empty slot.
    slots: Vec<u64>,
    bytes_max: usize,
    /// How many were refused since the memo was last tidied.
    refused: usize,
}

/// What is known of a text.
#[derive(Debug)]
pub(super) struct Entry {
    start: u32,
    len: u32,
    /// The entry expected on the next line.
    pub(super) next: u32,
    pub(super) template: u32,
    pub(super) series: BatchSeries,
    /// Whether it was met since the memo was last tidied.
    pub(super) used: bool,
}

impl Memo {
    /// A memo of at most `bytes_max` bytes; allocates nothing yet.
    pub(super) const fn new(bytes_max: usize) -> Self {
        Memo { texts: Vec::new(), entries: Vec::new(), slots: Vec::new(), bytes_max, refused: 0 }
    }

    /// Bytes it takes.
    pub(super) const fn bytes(&self) -> usize {
        bytes_of(self.texts.capacity(), self.entries.capacity(), self.slots.capacity())
    }

    /// Forgets everything; keeps the memory.
    pub(super) fn clear(&mut self) {
        self.texts.clear();
        self.entries.clear();
        self.slots.fill(0);
        self.refused = 0;
    }

    /// The entry at `index`, if there is one.
    #[inline(always)]
    pub(super) fn entry(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries.get_mut(index as usize)
    }

    fn text(&self, entry: &Entry) -> Option<&[u8]> {
        self.texts.get(entry.start as usize..)?.get(..entry.len as usize)
    }

    /// Where the text of the entry at `index` ends, if it stands at `at`.
    #[inline(always)]
    pub(super) fn end_in(&self, index: u32, body: &[u8], at: usize) -> Option<usize> {
        let text = self.text(self.entries.get(index as usize)?)?;
        same(body.get(at..at + text.len())?, text).then_some(at + text.len())
    }

    /// The entry of `text`, whose hash is `hash`; [`NONE`] if it is not known.
    #[inline]
    pub(super) fn find(&self, hash: u32, text: &[u8]) -> u32 {
        for slot in self.probe(hash) {
            let (found, index) = split(self.slots[slot]);
            if index == NONE {
                break;
            }
            let entry = self.entries.get(index as usize).filter(|_| found == hash);
            if entry.is_some_and(|entry| self.text(entry) == Some(text)) {
                return index;
            }
        }
        NONE
    }

    /// Loads what [`Memo::find`] will look at for these hashes, of all of them at once, so that none waits for another.
    pub(super) fn warm(&self, hashes: &[u32]) {
        let mut indices = [NONE; GROUP];
        for (index, hash) in indices.iter_mut().zip(hashes) {
            if let Some(slot) = self.probe(*hash).next() {
                *index = split(self.slots[slot]).1;
            }
        }
        let mut texts = [(0, 0); GROUP];
        for (text, index) in texts.iter_mut().zip(indices) {
            if let Some(entry) = self.entries.get(index as usize) {
                *text = (entry.start as usize, entry.len as usize);
            }
        }
        let mut sum = 0;
        for (start, len) in texts {
            let text = self.texts.get(start..start + len).unwrap_or_default();
            sum = text.iter().step_by(64).chain(text.last()).fold(sum, |sum, byte| sum ^ byte);
        }
        black_box(sum);
    }

    /// Remembers that `text`, which is not known and whose hash is `hash`, stands for `series`; gives the entry, or
    /// [`NONE`] if there is no room.
    pub(super) fn insert(&mut self, hash: u32, text: &[u8], series: BatchSeries) -> u32 {
        if text.len() > TEXT_LEN_MAX {
            return NONE;
        }
        if !self.make_room(text.len()) {
            self.refused += 1;
            if self.refused < 2 * self.entries.len().max(SLOTS_MIN) {
                return NONE;
            }
            self.tidy();
            if !self.make_room(text.len()) {
                return NONE;
            }
        }
        let (Ok(start), Ok(len), Ok(index)) = (
            u32::try_from(self.texts.len()),
            u32::try_from(text.len()),
            u32::try_from(self.entries.len()),
        ) else {
            return NONE;
        };
        if !self.enter(hash, index) {
            return NONE;
        }
        self.texts.extend_from_slice(text);
        // What comes next when it comes for the first time will probably come next again.
        self.entries.push(Entry {
            start,
            len,
            next: index + 1,
            template: template::NONE,
            series,
            used: true,
        });
        index
    }

    /// Puts the entry into a slot; fails if too many others have hashes alike.
    fn enter(&mut self, hash: u32, index: u32) -> bool {
        let Some(slot) = self.probe(hash).find(|slot| self.slots[*slot] == 0) else { return false };
        self.slots[slot] = u64::from(hash) << 32 | u64::from(index + 1);
        true
    }

    /// The slots in which an entry with `hash` may be, in order.
    #[inline(always)]
    fn probe(&self, hash: u32) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len().wrapping_sub(1);
        let count = PROBES_MAX.min(self.slots.len());
        (0..count).map(move |step| (hash as usize).wrapping_add(step) & mask)
    }

    /// Makes room for an entry with a text of `len` bytes, if there may be more.
    fn make_room(&mut self, len: usize) -> bool {
        let (texts, entries) = (self.texts.len() + len, self.entries.len() + 1);
        let slots = if 2 * entries > self.slots.len() {
            SLOTS_MIN.max(2 * self.slots.len())
        } else {
            self.slots.len()
        };
        // Twice as much if it may be, or an eighth more.
        for part in [1, 8] {
            let grown = |have: usize, need: usize, least: usize| {
                if need > have { need.max(have + have / part).max(least / part) } else { have }
            };
            let text_capacity = grown(self.texts.capacity(), texts, 4096);
            let entry_capacity = grown(self.entries.capacity(), entries, 32);
            if bytes_of(text_capacity, entry_capacity, slots) > self.bytes_max
                || u32::try_from(text_capacity).is_err()
            {
                continue;
            }
            self.texts.reserve_exact(text_capacity - self.texts.len());
            self.entries.reserve_exact(entry_capacity - self.entries.len());
            if slots > self.slots.len() {
                self.slots = vec![0; slots];
                self.enter_all();
            }
            return true;
        }
        false
    }

    /// Forgets what was not used since this was last done, unless that is little.
    fn tidy(&mut self) {
        self.refused = 0;
        let used = self.entries.iter().filter(|entry| entry.used).count();
        let forget = used <= self.entries.len() / 4 * 3;
        let (mut index, mut end) = (0, 0);
        let texts = &mut self.texts;
        self.entries.retain_mut(|entry| {
            let keep = entry.used || !forget;
            if keep {
                let (start, len) = (entry.start as usize, entry.len as usize);
                texts.copy_within(start..start + len, end as usize);
                index += 1;
                (entry.start, entry.used) = (end, false);
                if forget {
                    entry.next = index;
                }
                end += entry.len;
            }
            keep
        });
        self.texts.truncate(end as usize);
        if forget {
            self.slots.fill(0);
            self.enter_all();
        }
    }

    fn enter_all(&mut self) {
        for index in 0..self.entries.len() {
            let text = self.text(&self.entries[index]).unwrap_or_default();
            let hash = hash(text);
            if let Ok(index) = u32::try_from(index) {
                self.enter(hash, index);
            }
        }
    }
}

/// Whether two texts of one length are the same; word by word where to call for it would take longer.
#[inline(always)]
fn same(a: &[u8], b: &[u8]) -> bool {
    const SHORT: std::ops::RangeInclusive<usize> = 8..=48;
    if !SHORT.contains(&b.len()) || a.len() != b.len() {
        return a == b;
    }
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    let last = a.last_chunk::<8>() == b.last_chunk::<8>();
    let differs = words
        .fold(0, |differs, (a, b)| differs | (u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b)));
    differs == 0 && last
}

/// Hash and entry of a slot.
#[inline(always)]
const fn split(slot: u64) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "one half each")]
    let (hash, number) = ((slot >> 32) as u32, slot as u32);
    (hash, number.wrapping_sub(1))
}

const fn bytes_of(texts: usize, entries: usize, slots: usize) -> usize {
    texts + entries * size_of::<Entry>() + slots * size_of::<u64>()
}

/// Odd constants with no pattern in their bits.
const SEEDS: [u64; 4] =
    [0x9E37_79B9_7F4A_7C15, 0xD1B5_4A32_D192_ED03, 0x8CB9_2BA7_2F3D_8DD7, 0xA24B_AED4_963E_E407];

/// A hash of `bytes` that is quick on some hundred of them: words are multiplied to 128 bits and folded, in two lanes.
///
/// Whoever knows it can make texts collide; all that gets them is that they are not remembered.
#[inline]
pub(super) fn hash(bytes: &[u8]) -> u32 {
    let word = |words: &[[u8; 8]], at: usize| u64::from_le_bytes(words[at]);
    let (blocks, tail) = bytes.as_chunks::<32>();
    let (mut left, mut right) = (SEEDS[0] ^ bytes.len() as u64, SEEDS[3]);
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        left = fold(word(words, 0) ^ left, word(words, 1) ^ SEEDS[1]);
        right = fold(word(words, 2) ^ right, word(words, 3) ^ SEEDS[2]);
    }
    if !tail.is_empty() {
        let mut last = [0; 32];
        last[..tail.len()].copy_from_slice(tail);
        let (words, _) = last.as_chunks::<8>();
        left = fold(word(words, 0) ^ left, word(words, 1) ^ SEEDS[1]);
        right = fold(word(words, 2) ^ right, word(words, 3) ^ SEEDS[2]);
    }
    split(fold(left ^ SEEDS[2], right ^ SEEDS[1])).0
}

#[inline(always)]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
    let (low, high) = (product as u64, (product >> 64) as u64);
    low ^ high
}

#[cfg(test)]
mod tests {
    use stripchart_core::Batch;

    use super::*;

    fn remember(memo: &mut Memo, batch: &mut Batch, text: &str) -> u32 {
        let series = batch.series(text, []).unwrap();
        memo.insert(hash(text.as_bytes()), text.as_bytes(), series)
    }

    fn recall(memo: &mut Memo, text: &str) -> Option<BatchSeries> {
        let index = memo.find(hash(text.as_bytes()), text.as_bytes());
        memo.entry(index).map(|entry| {
            entry.used = true;
            entry.series
        })
    }

    #[test]
    fn what_was_remembered_is_recalled_while_the_table_grows() {
        let (mut memo, mut batch) = (Memo::new(1 << 20), Batch::new());
        let names: Vec<String> = (0..5000).map(|n| format!("series-{n}")).collect();
        for name in &names {
            assert_eq!(recall(&mut memo, name), None);
            assert_ne!(remember(&mut memo, &mut batch, name), NONE);
        }
        for (index, name) in (0..).zip(&names) {
            assert_eq!(recall(&mut memo, name), Some(batch.series(name, []).unwrap()));
            assert_eq!(
                memo.end_in(index, format!("--{name}--").as_bytes(), 2),
                Some(2 + name.len())
            );
            assert_eq!(memo.end_in(index, name.as_bytes(), 1), None);
        }
        memo.clear();
        assert_eq!(recall(&mut memo, &names[0]), None);
    }

    #[test]
    fn texts_with_one_hash_are_told_apart() {
        let (mut memo, mut batch) = (Memo::new(1 << 20), Batch::new());
        let names: Vec<String> = (0..PROBES_MAX).map(|n| n.to_string()).collect();
        for (index, name) in (0..).zip(&names) {
            let series = batch.series(name, []).unwrap();
            assert_eq!(memo.insert(1, name.as_bytes(), series), index);
        }
        for (index, name) in (0..).zip(&names) {
            assert_eq!(memo.find(1, name.as_bytes()), index);
        }
        assert_eq!(memo.find(1, b"another"), NONE);
    }

    #[test]
    fn memory_stays_within_its_bound() {
        for bytes_max in [0, 1000, 20_000, 100_000, 1_000_000] {
            let (mut memo, mut batch) = (Memo::new(bytes_max), Batch::new());
            for n in 0..20_000_u32 {
                let name = format!("{n}-{}", "x".repeat(n as usize % 300));
                remember(&mut memo, &mut batch, &name);
                assert!(memo.bytes() <= bytes_max, "{} > {bytes_max}", memo.bytes());
            }
            let texts: usize = memo.entries.iter().map(|entry| entry.len as usize).sum();
            assert_eq!(memo.texts.len(), texts);
            let least = if bytes_max < 20_000 { 0 } else { bytes_max / 3 };
            assert!(texts >= least, "{texts} bytes of text in {bytes_max}");
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
                match recall(&mut memo, name) {
                    Some(_) => hits += 1,
                    None => drop(remember(&mut memo, &mut batch, name)),
                }
            }
        }
        assert!(hits > 9000, "{hits} hits of 30000");
    }

    #[test]
    fn series_that_have_ended_make_room_for_others() {
        let (mut memo, mut batch) = (Memo::new(100_000), Batch::new());
        let mut last_round = 0;
        // A tenth of the series ends every round, and others begin.
        for round in 0..200 {
            last_round = 0;
            for n in 0..500 {
                let name = format!("cpu,host=host_{}", round * 50 + n);
                match recall(&mut memo, &name) {
                    Some(series) => {
                        assert_eq!(series, batch.series(&name, []).unwrap());
                        last_round += 1;
                    }
                    None => drop(remember(&mut memo, &mut batch, &name)),
                }
            }
        }
        assert!(last_round > 200, "{last_round} hits of 500 in the last round");
    }
}
