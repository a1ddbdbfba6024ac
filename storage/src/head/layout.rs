//! Which fields the rows of a series have, and in which order its words are.
//!
//! ```text
//! a row of a tail, words of 64 bits:
//! +-----------+--------------------+- - - - - - - -+--------+- -+
//! | timestamp | batch u32          | presence of   | value  |   |
//! |           | presence of 32 << 32| fields 33.. | 0      |   |
//! +-----------+--------------------+- - - - - - - -+--------+- -+
//! ```
//!
//! Series of one measurement that have the same fields share a layout, so that a series need not remember its own, and one
//! that has three fields of a hundred takes the room of three.

use hashbrown::HashMap;

/// Words before those of presence and values.
pub(super) const FIXED: usize = 2;
/// Fields whose presence the second word holds.
const INLINE: usize = 32;
/// Fields up to which a layout grows by what comes; with more, the rows that come next begin one of their own.
const GROWN: usize = 64;
/// The layout of a series that has had no row.
pub(super) const NONE: u32 = u32::MAX;

/// The fields of a series, by their numbers in the table.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) fields: Box<[u32]>,
    places: HashMap<u32, u32>,
}

impl Layout {
    fn new(fields: Box<[u32]>) -> Self {
        let places = fields.iter().copied().zip(0..).collect();
        Layout { fields, places }
    }

    /// Words of a row.
    pub(super) fn stride(&self) -> usize {
        self.values_at() + self.fields.len()
    }

    /// Where in a row the values begin.
    pub(super) fn values_at(&self) -> usize {
        FIXED + self.fields.len().saturating_sub(INLINE).div_ceil(64)
    }

    pub(super) fn place(&self, field: u32) -> Option<usize> {
        self.places.get(&field).map(|place| *place as usize)
    }
}

/// The word and the bit that say whether a row has the value at `place`.
const fn presence_at(place: usize) -> (usize, usize) {
    if place < INLINE {
        (1, 32 + place)
    } else {
        let place = place - INLINE;
        (FIXED + place / 64, place % 64)
    }
}

pub(super) fn set_present(row: &mut [u64], place: usize) {
    let (word, bit) = presence_at(place);
    row[word] |= 1 << bit;
}

pub(super) fn is_present(row: &[u64], place: usize) -> bool {
    let (word, bit) = presence_at(place);
    row[word] >> bit & 1 == 1
}

/// The batch that brought a row.
pub(super) fn batch_of(row: &[u64]) -> u32 {
    let [a, b, c, d, ..] = row[1].to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The layouts of a table.
#[derive(Debug, Default)]
pub(super) struct Layouts {
    all: Vec<Layout>,
    numbers: HashMap<Box<[u32]>, u32>,
    /// About what they take.
    pub(super) bytes: usize,
}

impl Layouts {
    pub(super) fn get(&self, layout: u32) -> Option<&Layout> {
        self.all.get(layout as usize)
    }

    pub(super) fn number(&mut self, fields: &[u32]) -> u32 {
        if let Some(number) = self.numbers.get(fields) {
            return *number;
        }
        let number = crate::rows::index(self.all.len());
        self.all.push(Layout::new(fields.into()));
        self.numbers.insert(fields.into(), number);
        self.bytes += 160 + fields.len() * 24;
        number
    }

    /// The layout for a series that has `layout` and gets a row with `fields`.
    pub(super) fn with(&mut self, layout: u32, fields: &[u32]) -> u32 {
        let Some(have) = self.get(layout) else { return self.number(fields) };
        let new: Vec<u32> =
            fields.iter().copied().filter(|field| have.place(*field).is_none()).collect();
        if new.is_empty() {
            return layout;
        }
        if have.fields.len() + new.len() > GROWN {
            return self.number(fields);
        }
        let union = [&have.fields[..], &new].concat();
        self.number(&union)
    }
}

/// The rows of `tail` in another layout, which has all the fields.
pub(super) fn widen(tail: &[u64], from: &Layout, to: &Layout) -> Option<Vec<u64>> {
    let places = from.fields.iter().map(|field| to.place(*field)).collect::<Option<Vec<_>>>()?;
    let mut out = Vec::with_capacity(tail.len() / from.stride() * to.stride());
    for row in tail.chunks_exact(from.stride()) {
        let start = out.len();
        out.resize(start + to.stride(), 0);
        let new = &mut out[start..];
        new[0] = row[0];
        new[1] = u64::from(batch_of(row));
        for (place, target) in places.iter().enumerate() {
            if is_present(row, place) {
                set_present(new, *target);
                new[to.values_at() + *target] = row[from.values_at() + place];
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_grow_by_what_comes_until_they_are_wide() {
        let mut layouts = Layouts::default();
        let a = layouts.with(NONE, &[3, 1]);
        assert_eq!(layouts.with(a, &[1]), a);
        let b = layouts.with(a, &[2, 1]);
        assert_eq!(&*layouts.get(b).unwrap().fields, [3, 1, 2]);
        assert_eq!(layouts.with(NONE, &[3, 1, 2]), b);
        let wide = layouts.with(b, &(10..80).collect::<Vec<_>>());
        assert_eq!(layouts.get(wide).unwrap().fields.len(), 70);
        assert_eq!(layouts.get(wide).unwrap().stride(), 2 + 1 + 70);
    }

    #[test]
    fn widened_rows_keep_their_values() {
        let (from, to) = (Layout::new([7, 8].into()), Layout::new((0..100).collect()));
        let mut tail = vec![0; 2 * from.stride()];
        for (n, row) in tail.chunks_exact_mut(from.stride()).enumerate() {
            (row[0], row[1]) = (5 + n as u64, 9);
            row[from.values_at() + 1] = 40 + n as u64;
            set_present(row, 1);
        }
        let wide = widen(&tail, &from, &to).unwrap();
        for (n, row) in wide.chunks_exact(to.stride()).enumerate() {
            assert_eq!((row[0], batch_of(row)), (5 + n as u64, 9));
            let present: Vec<usize> = (0..100).filter(|place| is_present(row, *place)).collect();
            assert_eq!(present, [8]);
            assert_eq!(row[to.values_at() + 8], 40 + n as u64);
        }
        assert!(widen(&tail, &to, &from).is_none());
    }
}
