//! The keys of a head's series, and which series have a tag value: as lean as a million series ask for.
//!
//! ```text
//! texts      keys one after the other, in chunks
//! key        chunk, place in it, length; table; place by hash    28 bytes a series
//! links      for each tag of each series: the series, and the    8 bytes a tag of a series
//!            link of the series before it with the same value
//! values     tag key -> value -> its last link, how many         36 bytes a value, with its place in a table
//! ```
//!
//! Tags are indexed when somebody asks for them: ingesting and replaying need none, and a million series take as long to index as
//! to enter.
//!
//! The text of a value is a part of the key of the first series that had it; nothing is stored twice.

use std::hash::BuildHasher;

use hashbrown::hash_table::{Entry, HashTable};
use hashbrown::{DefaultHashBuilder, HashMap};
use stripchart_core::KeyRef;

/// Bytes of a chunk; a key has 65 535 at most.
const CHUNK: usize = 256 << 10;
/// Parts of a table of keys that are filled one after the other: of a million keys one takes 70 KB. A power of two.
const PARTS: usize = 256;
/// The end of a chain.
const NONE: u32 = u32::MAX;

/// What a table keeps of a hash: enough to tell nearly all texts apart without a look at them, and to grow without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept(u32);

impl Kept {
    fn of(hash: u64) -> Self {
        let [.., a, b, c, d] = hash.to_le_bytes();
        Kept(u32::from_le_bytes([a, b, c, d]))
    }

    /// A hash as tables want it: its low bits choose the place, its high bits tell neighbours apart.
    fn spread(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// Texts that stay where they are, in chunks, so that growing copies none.
#[derive(Debug, Default)]
pub(super) struct Texts {
    chunks: Vec<String>,
    pub(super) bytes: usize,
}

/// A text.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextAt {
    chunk: u32,
    start: u32,
    len: u32,
}

impl Texts {
    pub(super) fn add(&mut self, text: &str) -> TextAt {
        if self.chunks.last().is_none_or(|chunk| chunk.len() + text.len() > CHUNK) {
            // The first grows as it must: most databases are small.
            let room = if self.chunks.is_empty() { text.len() } else { CHUNK.max(text.len()) };
            self.chunks.push(String::with_capacity(room));
        }
        let chunk = crate::rows::index(self.chunks.len() - 1);
        let last = &mut self.chunks[chunk as usize];
        let start = crate::rows::index(last.len());
        last.push_str(text);
        self.bytes += text.len();
        TextAt { chunk, start, len: crate::rows::index(text.len()) }
    }

    pub(super) fn get(&self, at: TextAt) -> &str {
        let (start, end) = (at.start as usize, at.start as usize + at.len as usize);
        self.chunks.get(at.chunk as usize).and_then(|chunk| chunk.get(start..end)).unwrap_or("")
    }
}

/// Numbers for texts: 0, 1, 2, ... in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Numbered {
    texts: Texts,
    places: Vec<TextAt>,
    numbers: HashTable<(Kept, u32)>,
    hasher: DefaultHashBuilder,
}

impl Numbered {
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let Numbered { texts, places, numbers, hasher } = self;
        let hash = Kept::of(hasher.hash_one(text));
        let same = |(kept, number): &(Kept, u32)| {
            *kept == hash && texts.get(places[*number as usize]) == text
        };
        if let Some((_, number)) = numbers.find(hash.spread(), same) {
            return *number;
        }
        let number = crate::rows::index(places.len());
        places.push(texts.add(text));
        numbers.insert_unique(hash.spread(), (hash, number), |(kept, _)| kept.spread());
        number
    }

    pub(super) fn get(&self, number: u64) -> &str {
        let at = usize::try_from(number).ok().and_then(|number| self.places.get(number));
        at.map_or("", |at| self.texts.get(*at))
    }

    pub(super) fn bytes(&self) -> usize {
        self.texts.bytes + self.places.len() * (size_of::<TextAt>() + 12)
    }
}

/// The keys, by series number.
#[derive(Debug, Default)]
pub(super) struct Keys {
    texts: Texts,
    places: Vec<TextAt>,
    /// Which tables the series are in.
    tables: Vec<u32>,
    /// Of the first `hashed` series.
    numbers: HashTable<(Kept, u32)>,
    hashed: usize,
    hasher: DefaultHashBuilder,
}

/// Which series have which tags, of the first so many series.
#[derive(Debug, Default)]
pub(super) struct TagIndex {
    /// By table, by tag key.
    tables: Vec<HashMap<Box<str>, TagValues>>,
    indexed: u32,
    links: Vec<Link>,
    hasher: DefaultHashBuilder,
}

/// A series that has a tag's value, and the one before it.
#[derive(Debug, Clone, Copy)]
struct Link {
    series: u32,
    before: u32,
}

/// The values of one tag key in one table.
#[derive(Debug, Default)]
struct TagValues {
    values: HashTable<TagValue>,
}

#[derive(Debug)]
struct TagValue {
    hash: Kept,
    text: TextAt,
    last: u32,
    count: u32,
}

impl Keys {
    pub(super) fn get(&self, series: u32) -> &str {
        self.places.get(series as usize).map_or("", |at| self.texts.get(*at))
    }

    /// The table that a series is in.
    pub(super) fn table_of(&self, series: u32) -> Option<u32> {
        self.tables.get(series as usize).copied()
    }

    /// About what all takes.
    pub(super) fn bytes(&self) -> usize {
        // Tags as though they were indexed, one value of each series its own.
        let tags = 2 * size_of::<Link>() + size_of::<TagValue>() * 3 / 2;
        let per_series = size_of::<TextAt>() + 4 + 3 * size_of::<(Kept, u32)>() / 2 + tags;
        self.texts.bytes + self.places.len() * per_series
    }

    /// Whether the series of `key` is in `table`.
    pub(super) fn has(&self, table: u32, key: &str) -> bool {
        debug_assert_eq!(self.hashed, self.places.len(), "all are hashed");
        let hash = Kept::of(self.hasher.hash_one((table, key)));
        let same = |(kept, series): &(Kept, u32)| {
            let at = *series as usize;
            *kept == hash && self.tables[at] == table && self.texts.get(self.places[at]) == key
        };
        self.numbers.find(hash.spread(), same).is_some()
    }

    /// Makes room for `more` series, so that growing moves nothing while they are entered.
    pub(super) fn reserve(&mut self, more: usize) {
        self.places.reserve(more);
        self.tables.reserve(more);
        self.numbers.reserve(more, |(kept, _)| kept.spread());
    }

    /// The number of the series of `key` in `table`, and whether it is entered just now.
    pub(super) fn enter(&mut self, table: u32, key: &str) -> (u32, bool) {
        debug_assert_eq!(self.hashed, self.places.len(), "all are hashed");
        let Keys { texts, places, tables, numbers, hashed, hasher } = self;
        let hash = Kept::of(hasher.hash_one((table, key)));
        let same = |(kept, series): &(Kept, u32)| {
            let at = *series as usize;
            *kept == hash && tables[at] == table && texts.get(places[at]) == key
        };
        match numbers.entry(hash.spread(), same, |(kept, _)| kept.spread()) {
            Entry::Occupied(known) => (known.get().1, false),
            Entry::Vacant(place) => {
                let series = crate::rows::index(places.len());
                place.insert((hash, series));
                places.push(texts.add(key));
                tables.push(table);
                *hashed += 1;
                (series, true)
            }
        }
    }

    /// Enters a series that is not there yet. It is not found before [`Keys::hash_all`].
    pub(super) fn append(&mut self, table: u32, key: &str) -> u32 {
        let series = crate::rows::index(self.places.len());
        self.places.push(self.texts.add(key));
        self.tables.push(table);
        series
    }

    /// Makes the series that were appended known; whether they were indeed all different, or else nobody can tell which is meant.
    ///
    /// Entered one by one, a million keys wait a million times for memory, for each goes to another end of a table of many
    /// megabytes. In the order of their places in it they do not.
    pub(super) fn hash_all(&mut self) -> bool {
        let Keys { texts, places, tables, numbers, hashed, hasher } = self;
        let from = std::mem::replace(hashed, places.len());
        numbers.reserve(places.len() - from, |(kept, _)| kept.spread());
        let hash =
            |series: usize| Kept::of(hasher.hash_one((tables[series], texts.get(places[series]))));
        let mut different = true;
        for part in in_parts(
            (from..places.len()).map(|at| (hash(at), crate::rows::index(at))),
            numbers.capacity(),
        ) {
            for (hash, series) in part {
                let at = series as usize;
                let same = |(kept, other): &(Kept, u32)| {
                    let other = *other as usize;
                    *kept == hash
                        && tables[other] == tables[at]
                        && texts.get(places[other]) == texts.get(places[at])
                };
                match numbers.entry(hash.spread(), same, |(kept, _)| kept.spread()) {
                    Entry::Occupied(_) => different = false,
                    Entry::Vacant(place) => {
                        place.insert((hash, series));
                    }
                }
            }
        }
        different
    }
}

/// Puts entries together that lie near each other in a table with room for `capacity`, which takes the low bits of a hash as place.
fn in_parts(
    entries: impl ExactSizeIterator<Item = (Kept, u32)>,
    capacity: usize,
) -> Vec<Vec<(Kept, u32)>> {
    let places = (capacity + 1).next_power_of_two();
    let shift = places.trailing_zeros().saturating_sub(PARTS.trailing_zeros());
    let each = entries.len() / PARTS;
    let mut parts: Vec<_> = (0..PARTS).map(|_| Vec::with_capacity(each + each / 4)).collect();
    for entry in entries {
        let place = usize::try_from(entry.0.spread() & (places as u64 - 1)).unwrap_or(0);
        parts[(place >> shift) % PARTS].push(entry);
    }
    parts
}

impl TagIndex {
    /// Whether a series of `keys` is not indexed yet.
    pub(super) fn is_behind(&self, keys: &Keys) -> bool {
        (self.indexed as usize) < keys.places.len()
    }

    /// Indexes up to `most` of the series that are not yet.
    pub(super) fn catch_up(&mut self, keys: &Keys, most: usize) {
        let from = self.indexed as usize;
        let places = keys.places.iter().zip(&keys.tables).skip(from);
        for (place, table) in places.take(most) {
            if let Ok(key) = KeyRef::parse(keys.texts.get(*place)) {
                self.add(keys, *table as usize, key, *place);
            }
            self.indexed += 1;
        }
    }

    fn add(&mut self, keys: &Keys, table: usize, key: KeyRef<'_>, place: TextAt) {
        let TagIndex { tables, links, hasher, .. } = self;
        if tables.len() <= table {
            tables.resize_with(table + 1, HashMap::default);
        }
        let tags = &mut tables[table];
        let texts = &keys.texts;
        // Where a tag's value stands in the key: after its key and the separators.
        let mut start = key.measurement().len() + 1;
        for (name, value) in key.tags() {
            start += name.len() + 1;
            let text = TextAt {
                start: place.start + crate::rows::index(start),
                len: crate::rows::index(value.len()),
                ..place
            };
            start += value.len() + 1;
            let link = crate::rows::index(links.len());
            if !tags.contains_key(name) {
                tags.insert(name.into(), TagValues::default());
            }
            let Some(TagValues { values: known }) = tags.get_mut(name) else { continue };
            let hash = Kept::of(hasher.hash_one(value));
            let same = |known: &TagValue| known.hash == hash && texts.get(known.text) == value;
            let before = match known.entry(hash.spread(), same, |known| known.hash.spread()) {
                Entry::Occupied(mut known) => {
                    known.get_mut().count += 1;
                    std::mem::replace(&mut known.get_mut().last, link)
                }
                Entry::Vacant(place) => {
                    place.insert(TagValue { hash, text, last: link, count: 1 });
                    NONE
                }
            };
            links.push(Link { series: self.indexed, before });
        }
    }

    /// The tag keys of a table, in no order.
    pub(super) fn tag_keys(&self, table: u32) -> impl Iterator<Item = &str> {
        self.tables.get(table as usize).into_iter().flat_map(|tags| tags.keys().map(|key| &**key))
    }

    /// How many values a tag has in a table.
    pub(super) fn values_of(&self, table: u32, key: &str) -> usize {
        let tags = self.tables.get(table as usize).and_then(|tags| tags.get(key));
        tags.map_or(0, |tags| tags.values.len())
    }

    /// How many series of a table have a tag, and a place in the chain of them.
    pub(super) fn having(&self, keys: &Keys, table: u32, key: &str, value: &str) -> (u32, Chain) {
        let tags = self.tables.get(table as usize).and_then(|tags| tags.get(key));
        let hash = Kept::of(self.hasher.hash_one(value));
        let same = |known: &TagValue| known.hash == hash && keys.texts.get(known.text) == value;
        let found = tags.and_then(|tags| tags.values.find(hash.spread(), same));
        found.map_or((0, Chain(NONE)), |known| (known.count, Chain(known.last)))
    }

    /// The series that `chain` stands at; the chain moves on to the one entered before.
    pub(super) fn next(&self, chain: &mut Chain) -> Option<u32> {
        let link = self.links.get(chain.0 as usize)?;
        chain.0 = link.before;
        Some(link.series)
    }
}

/// A place among the series that have a value of a tag, the last entered first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain(u32);

#[cfg(test)]
mod tests {
    use stripchart_core::SeriesKey;

    use super::*;

    #[test]
    fn keys_are_found_and_so_are_the_series_of_a_value() {
        let (mut keys, mut index) = (Keys::default(), TagIndex::default());
        let key = |n: usize| {
            let (host, zone) = (format!("h{n}"), format!("z{}", n % 7));
            SeriesKey::new("cpu", [("host", host.as_str()), ("zone", zone.as_str())]).unwrap()
        };
        for n in 0..20_000 {
            let key = key(n);
            assert_eq!(keys.enter(3, key.as_ref().as_str()), (crate::rows::index(n), true));
            if n % 1000 == 7 {
                index.catch_up(&keys, 500);
            }
        }
        assert!(index.is_behind(&keys));
        index.catch_up(&keys, usize::MAX);
        assert!(!index.is_behind(&keys));
        for n in [0, 1, 9_999, 19_999] {
            let text = key(n);
            let text = text.as_ref().as_str();
            assert_eq!(keys.enter(3, text), (crate::rows::index(n), false));
            assert_eq!(keys.get(crate::rows::index(n)), text);
        }
        let series = |name: &str, value: &str| {
            let (count, mut chain) = index.having(&keys, 3, name, value);
            let found: Vec<u32> = std::iter::from_fn(|| index.next(&mut chain)).collect();
            assert_eq!(found.len(), count as usize);
            found
        };
        assert_eq!(series("host", "h77"), [77]);
        assert_eq!(series("host", "h"), [0; 0]);
        assert_eq!(series("rack", "h77"), [0; 0]);
        let third = series("zone", "z3");
        assert!(third.len() == 2857 && third.iter().all(|n| n % 7 == 3));
        assert_eq!(index.tag_keys(3).count(), 2);
        assert_eq!(index.tag_keys(2).count(), 0);
        assert_eq!((index.values_of(3, "zone"), index.values_of(3, "host")), (7, 20_000));
        assert_eq!((index.values_of(3, "rack"), index.values_of(2, "zone")), (0, 0));
        assert!(keys.bytes() < 20_000 * 140, "{}", keys.bytes());
        assert_eq!(keys.enter(2, key(0).as_ref().as_str()), (20_000, true), "another table");
    }

    #[test]
    fn what_is_appended_is_found_once_it_is_hashed() {
        for count in [0, 1, 300, 20_000] {
            let mut keys = Keys::default();
            assert_eq!(keys.enter(0, "first"), (0, true));
            for n in 0..count {
                assert_eq!(keys.append(n % 2, &format!("cpu,host=h{}", n / 2)), n + 1);
            }
            assert!(keys.hash_all() && keys.hash_all());
            for n in 0..count {
                assert_eq!(keys.enter(n % 2, &format!("cpu,host=h{}", n / 2)), (n + 1, false));
            }
            assert!(!keys.has(2, "cpu,host=h0"));
            assert_eq!(keys.enter(2, "cpu,host=h0"), (count + 1, true));
            keys.append(0, "first");
            assert!(!keys.hash_all(), "one twice");
        }
    }

    #[test]
    fn texts_are_numbered_in_order() {
        let mut texts = Numbered::default();
        let numbers: Vec<u32> = ["a", "b", "a", "", "b"].map(|text| texts.number(text)).to_vec();
        assert_eq!(numbers, [0, 1, 0, 2, 1]);
        assert_eq!((texts.get(1), texts.get(2), texts.get(9)), ("b", "", ""));
    }
}
