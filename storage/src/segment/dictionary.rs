//! Dictionaries: sorted texts, each by what it shares with the one before.
//!
//! ```text
//! restarts   ceil(texts / 16) x u32: where each run of 16 begins, from the end of this array
//! texts      the first of a run:  length, bytes
//!            the others:          bytes shared with the one before, length of the rest, the rest
//! ```
//!
//! Lengths are varints. A text is found by halving over the runs, and reached by its number with at most 15 steps.

use std::cmp::Ordering;

use crate::bytes::{Bad, Reader, put_len};

/// Texts of a run.
const RUN: usize = 16;

/// A dictionary, where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dictionary<'a> {
    texts: usize,
    restarts: &'a [u8],
    bytes: &'a [u8],
}

fn bad<T>(expected: &'static str, found: impl Into<String>) -> Result<T, Bad> {
    Err(Bad { offset: 0, expected, found: found.into() })
}

impl<'a> Dictionary<'a> {
    pub(crate) fn new(bytes: &'a [u8], texts: usize) -> Result<Self, Bad> {
        let len = texts.div_ceil(RUN).saturating_mul(4);
        match bytes.split_at_checked(len) {
            Some((restarts, bytes)) => Ok(Dictionary { texts, restarts, bytes }),
            None => bad("a dictionary", format!("{} bytes for {texts} texts", bytes.len())),
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.texts
    }

    fn run(&self, run: usize) -> Result<Reader<'a>, Bad> {
        let at = Reader::new(self.restarts.get(run * 4..).unwrap_or_default()).u32()?;
        match self.bytes.get(at as usize..) {
            Some(bytes) => Ok(Reader::new(bytes)),
            None => bad("a run inside the dictionary", at.to_string()),
        }
    }

    fn run_len(&self, run: usize) -> usize {
        RUN.min(self.texts.saturating_sub(run * RUN))
    }

    /// The first text of a run.
    fn head(&self, run: usize) -> Result<&'a [u8], Bad> {
        let mut reader = self.run(run)?;
        let len = reader.count(reader.rest())?;
        reader.take(len)
    }

    /// Calls `each` with the texts of a run; stops when it says so.
    fn walk(
        &self,
        run: usize,
        text: &mut Vec<u8>,
        mut each: impl FnMut(usize, &[u8]) -> Result<bool, Bad>,
    ) -> Result<(), Bad> {
        let mut reader = self.run(run)?;
        text.clear();
        for at in 0..self.run_len(run) {
            let shared = if at == 0 { 0 } else { reader.count(text.len())? };
            let len = reader.count(reader.rest())?;
            text.truncate(shared);
            text.extend_from_slice(reader.take(len)?);
            if !each(run * RUN + at, text)? {
                break;
            }
        }
        Ok(())
    }

    /// The number of a text.
    pub(crate) fn find(&self, wanted: &str) -> Result<Option<usize>, Bad> {
        let wanted = wanted.as_bytes();
        let (mut low, mut high) = (0, self.texts.div_ceil(RUN));
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.head(middle)? <= wanted { low = middle + 1 } else { high = middle }
        }
        let Some(run) = low.checked_sub(1) else { return Ok(None) };
        let mut found = None;
        self.walk(run, &mut Vec::new(), |number, text| {
            let order = text.cmp(wanted);
            if order == Ordering::Equal {
                found = Some(number);
            }
            Ok(order == Ordering::Less)
        })?;
        Ok(found)
    }

    /// How many texts come before the first that is not `before`; those that are come first.
    pub(crate) fn partition_point(&self, before: impl Fn(&[u8]) -> bool) -> Result<usize, Bad> {
        let (mut low, mut high) = (0, self.texts.div_ceil(RUN));
        while low < high {
            let middle = usize::midpoint(low, high);
            if before(self.head(middle)?) { low = middle + 1 } else { high = middle }
        }
        let Some(run) = low.checked_sub(1) else { return Ok(0) };
        let mut end = run * RUN;
        self.walk(run, &mut Vec::new(), |number, text| {
            let passed = before(text);
            if passed {
                end = number + 1;
            }
            Ok(passed)
        })?;
        Ok(end)
    }

    /// Appends text number `number` to `out`.
    pub(crate) fn text(&self, number: usize, out: &mut String) -> Result<(), Bad> {
        if number >= self.texts {
            return bad("a text of the dictionary", format!("number {number}"));
        }
        let mut text = Vec::new();
        self.walk(number / RUN, &mut text, |at, _| Ok(at < number))?;
        out.push_str(utf8(&text)?);
        Ok(())
    }

    /// Calls `each` with every text and its number, in order.
    pub(crate) fn for_each(
        &self,
        mut each: impl FnMut(usize, &str) -> Result<(), Bad>,
    ) -> Result<(), Bad> {
        let mut text = Vec::new();
        for run in 0..self.texts.div_ceil(RUN) {
            self.walk(run, &mut text, |number, text| {
                each(number, utf8(text)?)?;
                Ok(true)
            })?;
        }
        Ok(())
    }
}

fn utf8(text: &[u8]) -> Result<&str, Bad> {
    std::str::from_utf8(text).or_else(|_| bad("UTF-8 text", "other bytes"))
}

/// Appends a dictionary of sorted `texts`.
pub(super) fn put_dictionary<'t>(texts: impl ExactSizeIterator<Item = &'t str>, out: &mut Vec<u8>) {
    let (mut restarts, mut bytes) = (Vec::with_capacity(texts.len() / 4), Vec::new());
    let mut before = "";
    for (number, text) in texts.enumerate() {
        let shared = if number.is_multiple_of(RUN) {
            restarts.extend(crate::rows::index(bytes.len()).to_le_bytes());
            0
        } else {
            let pairs = before.bytes().zip(text.bytes());
            let shared = pairs.take_while(|(a, b)| a == b).count();
            put_len(&mut bytes, shared);
            shared
        };
        put_len(&mut bytes, text.len() - shared);
        bytes.extend_from_slice(&text.as_bytes()[shared..]);
        before = text;
    }
    out.append(&mut restarts);
    out.append(&mut bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(count: usize) -> (Vec<String>, Vec<u8>) {
        let mut texts: Vec<String> = (0..count).map(|n| format!("hóst_{n}")).collect();
        texts.sort();
        let mut bytes = Vec::new();
        put_dictionary(texts.iter().map(String::as_str), &mut bytes);
        (texts, bytes)
    }

    #[test]
    fn texts_are_found_and_come_back_by_number() {
        for count in [0, 1, 15, 16, 17, 1000] {
            let (texts, bytes) = sample(count);
            let dictionary = Dictionary::new(&bytes, count).unwrap();
            for (number, text) in texts.iter().enumerate() {
                let mut out = String::new();
                dictionary.text(number, &mut out).unwrap();
                assert_eq!(&out, text);
                assert_eq!(dictionary.find(text), Ok(Some(number)));
                assert_eq!(dictionary.find(&format!("{text}x")), Ok(None));
            }
            let mut seen = Vec::new();
            dictionary
                .for_each(|_, text| {
                    seen.push(text.to_owned());
                    Ok(())
                })
                .unwrap();
            assert_eq!(seen, texts);
            assert_eq!(dictionary.find(""), Ok(None));
            for wanted in ["", "hóst_1", "hóst_55", "hóst_9999", "z"] {
                let want = texts.partition_point(|text| text.as_str() < wanted);
                assert_eq!(dictionary.partition_point(|text| text < wanted.as_bytes()), Ok(want));
            }
            assert!(dictionary.text(count, &mut String::new()).is_err());
        }
        let (texts, bytes) = sample(1000);
        let plain: usize = texts.iter().map(String::len).sum();
        assert!(bytes.len() * 2 < plain, "{} of {plain}", bytes.len());
    }

    #[test]
    fn cut_and_flipped_dictionaries_never_panic() {
        let (_, bytes) = sample(40);
        let read = |bytes: &[u8]| {
            let dictionary = Dictionary::new(bytes, 40)?;
            dictionary.find("hóst_7")?;
            dictionary.partition_point(|text| text < "hóst_7".as_bytes())?;
            dictionary.for_each(|_, _| Ok(()))
        };
        for at in 0..bytes.len() {
            assert!(read(&bytes[..at]).is_err());
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let _ = read(&flipped);
            }
        }
    }
}
