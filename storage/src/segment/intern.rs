//! Texts by number, in the order in which they came: a million of them in little more than their bytes.

use std::hash::{BuildHasher, RandomState};

/// Distinct texts, one behind the other, and a table of their numbers by hash.
#[derive(Debug, Default)]
pub(super) struct Interner {
    text: String,
    ends: Vec<u32>,
    /// Number + 1 of the text in each place; 0 where there is none. A power of two, at least a third of it empty.
    slots: Vec<u32>,
    hasher: RandomState,
    /// The number given last: neighbours in order often have the same value.
    last: u32,
}

impl Interner {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.text[start..self.ends[number] as usize]
    }

    fn slot(&self, text: &str) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the low bits serve")]
        let mut slot = self.hasher.hash_one(text) as usize;
        loop {
            slot &= self.slots.len() - 1;
            match self.slots[slot].checked_sub(1) {
                Some(number) if self.get(number as usize) != text => slot += 1,
                _ => return slot,
            }
        }
    }

    /// The number of a text, a new one if it is new.
    pub(super) fn intern(&mut self, text: &str) -> u32 {
        if !self.ends.is_empty() && self.get(self.last as usize) == text {
            return self.last;
        }
        if self.ends.len() * 3 >= self.slots.len() * 2 {
            self.slots = vec![0; (self.slots.len() * 2).max(16)];
            for number in 0..self.ends.len() {
                let slot = self.slot(self.get(number));
                self.slots[slot] = crate::rows::index(number + 1);
            }
        }
        let slot = self.slot(text);
        if self.slots[slot] == 0 {
            self.text.push_str(text);
            self.ends.push(crate::rows::index(self.text.len()));
            self.slots[slot] = crate::rows::index(self.ends.len());
        }
        self.last = self.slots[slot] - 1;
        self.last
    }

    /// The numbers in the order of their texts.
    pub(super) fn sorted(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..crate::rows::index(self.len())).collect();
        numbers.sort_unstable_by_key(|number| self.get(*number as usize));
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number() {
        let mut interner = Interner::default();
        for round in 0..3 {
            for n in 0..1000u32 {
                assert_eq!(interner.intern(&format!("t{n}")), n, "{round}");
            }
        }
        assert_eq!(interner.len(), 1000);
        assert!(interner.sorted().iter().map(|n| interner.get(*n as usize)).is_sorted());
        assert_eq!(interner.get(7), "t7");
    }
}
