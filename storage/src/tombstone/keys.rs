//! A sorted set of series keys, as small in memory as on disk.
//!
//! Keys of one measurement differ in their ends mostly, so each is stored as the number of bytes that it shares with the one before
//! it, and the rest. Every sixteenth is stored whole: a look-up is a binary search among those and a short walk.
//!
//! ```text
//! count   varint
//! keys    for each: bytes shared with the key before (varint, 0 for every sixteenth), rest (text)
//! ```

use crate::bytes::{Bad, Reader, put_len, put_varint};

/// How often a key is stored whole.
const EVERY: usize = 16;

/// Keys in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct KeySet {
    len: usize,
    bytes: Vec<u8>,
    /// Where each key that is stored whole begins.
    whole: Vec<u32>,
}

impl KeySet {
    /// The set of `keys`, in any order.
    pub(crate) fn new(mut keys: Vec<&str>) -> Self {
        keys.sort_unstable();
        keys.dedup();
        let mut set = KeySet::default();
        let mut before = "";
        for key in keys {
            set.push(before, key);
            before = key;
        }
        set
    }

    fn push(&mut self, before: &str, key: &str) {
        let mut shared = 0;
        if self.len.is_multiple_of(EVERY) {
            self.whole.push(crate::rows::index(self.bytes.len()));
        } else {
            shared = before.bytes().zip(key.bytes()).take_while(|(a, b)| a == b).count();
        }
        put_len(&mut self.bytes, shared);
        put_len(&mut self.bytes, key.len() - shared);
        self.bytes.extend_from_slice(&key.as_bytes()[shared..]);
        self.len += 1;
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        // The last run whose first key is not above the one sought.
        let run = self.whole.partition_point(|at| {
            let mut first = Vec::new();
            step(&mut Reader::new(&self.bytes[*at as usize..]), &mut first).is_ok()
                && first.as_slice() <= key.as_bytes()
        });
        let Some(at) = run.checked_sub(1).and_then(|run| self.whole.get(run)) else { return false };
        let mut reader = Reader::new(&self.bytes[*at as usize..]);
        let mut current = Vec::new();
        for _ in 0..EVERY {
            if reader.rest() == 0 || step(&mut reader, &mut current).is_err() {
                return false;
            }
            match current.as_slice().cmp(key.as_bytes()) {
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Greater => return false,
                std::cmp::Ordering::Less => {}
            }
        }
        false
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.len as u64);
        put_len(out, self.bytes.len());
        out.extend_from_slice(&self.bytes);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Bad> {
        let len = reader.count(reader.rest())?;
        let size = reader.count(reader.rest())?;
        let bytes = reader.take(size)?;
        let mut keys = Reader::new(bytes);
        let mut whole = Vec::new();
        let (mut before, mut current) = (Vec::new(), Vec::new());
        for at in 0..len {
            if at % EVERY == 0 {
                whole.push(crate::rows::index(keys.offset()));
                current.clear();
            }
            step(&mut keys, &mut current)?;
            if std::str::from_utf8(&current).is_err() || at > 0 && current <= before {
                return reader.bad("ascending keys in UTF-8", "others");
            }
            before.clone_from(&current);
        }
        keys.end()?;
        Ok(KeySet { len, bytes: bytes.to_vec(), whole })
    }
}

/// Reads the next key over the one before it.
fn step(reader: &mut Reader<'_>, key: &mut Vec<u8>) -> Result<(), Bad> {
    let shared = reader.count(key.len())?;
    key.truncate(shared);
    let rest = reader.count(reader.rest())?;
    key.extend_from_slice(reader.take(rest)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_what_was_put_in_and_nothing_else(
            keys in prop::collection::btree_set("[ab]{0,6}", 0..80),
            others in prop::collection::vec("[abc]{0,6}", 0..40),
        ) {
            let set = KeySet::new(keys.iter().map(String::as_str).collect());
            let mut bytes = Vec::new();
            set.encode(&mut bytes);
            let back = KeySet::decode(&mut Reader::new(&bytes)).unwrap();
            prop_assert_eq!(&back, &set);
            let known: BTreeSet<&String> = keys.iter().collect();
            for key in keys.iter().chain(&others) {
                prop_assert_eq!(back.contains(key), known.contains(key), "{}", key);
            }
        }
    }

    #[test]
    fn damage_is_an_error_or_another_set() {
        let names: Vec<String> = (0..40).map(|n| format!("cpu\0host\0h{n}")).collect();
        let set = KeySet::new(names.iter().map(String::as_str).collect());
        let mut bytes = Vec::new();
        set.encode(&mut bytes);
        for at in 0..bytes.len() {
            assert!(KeySet::decode(&mut Reader::new(&bytes[..at])).is_err());
            for bits in [1, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= bits;
                if let Ok(set) = KeySet::decode(&mut Reader::new(&damaged)) {
                    let _ = set.contains("cpu\0host\0h7");
                }
            }
        }
    }
}
