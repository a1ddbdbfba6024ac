//! The identity of a series: a measurement and its tags.
//!
//! A key is one string, `measurement NUL key NUL value NUL key NUL value`, tags sorted by key. One string, because it is
//! hashed, compared and stored far more often than it is taken apart; NUL, because no name may contain it and it sorts
//! before every other character, so that keys compare as (measurement, tags) do.

use std::borrow::Borrow;
use std::fmt;

/// Bytes that a key may have, as in InfluxDB.
pub const MAX_KEY_LEN: usize = 65_535;

/// Separates the parts of a key.
const SEPARATOR: char = '\0';

/// The key of a series, owned.
///
/// ```
/// use stripchart_core::SeriesKey;
/// let key = SeriesKey::new("cpu", [("host", "b"), ("core", "0"), ("rack", "")])?;
/// assert_eq!(key.as_ref().measurement(), "cpu");
/// assert_eq!(key.as_ref().tags().collect::<Vec<_>>(), [("core", "0"), ("host", "b")]); // sorted; empty = absent
/// assert_eq!(key.to_string(), "cpu,core=0,host=b");
/// # Ok::<(), stripchart_core::KeyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey(Box<str>);

impl SeriesKey {
    /// The key of `measurement` with `tags`, in any order; a tag with an empty value is no tag, as in InfluxDB.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if the measurement or a tag key is empty, a key occurs twice, a name contains NUL, or the whole is
    /// longer than [`MAX_KEY_LEN`].
    pub fn new<'a>(
        measurement: &str,
        tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, KeyError> {
        let mut text = String::new();
        encode(measurement, tags, &mut text)?;
        Ok(SeriesKey(text.into()))
    }

    /// Takes a text that is known to be a key, as whoever put one together from parts that were checked knows. Nothing is checked: a text
    /// that is none makes a key whose measurement and tags are anybody's guess.
    ///
    /// ```
    /// use stripchart_core::SeriesKey;
    /// let key = SeriesKey::new("cpu", [("host", "a")])?;
    /// assert_eq!(SeriesKey::trusted(key.as_ref().as_str()), key);
    /// # Ok::<(), stripchart_core::KeyError>(())
    /// ```
    #[must_use]
    pub fn trusted(text: impl Into<Box<str>>) -> Self {
        SeriesKey(text.into())
    }

    /// The same key, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> KeyRef<'_> {
        KeyRef(&self.0)
    }
}

impl Borrow<str> for SeriesKey {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<KeyRef<'_>> for SeriesKey {
    fn from(key: KeyRef<'_>) -> Self {
        SeriesKey(key.0.into())
    }
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

/// The key of a series, borrowed. Displays as line protocol writes it, escapes included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyRef<'a>(&'a str);

impl<'a> KeyRef<'a> {
    /// Takes a text that [`KeyRef::as_str`] once gave, checking that it is a key.
    ///
    /// # Errors
    ///
    /// [`KeyError`] if it is not: tags out of order count as a duplicate, a lone tag key as an empty value.
    pub fn parse(text: &'a str) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_LEN {
            return Err(KeyError::TooLong { len: text.len() });
        }
        let (measurement, mut rest) = match cut(text) {
            Some((measurement, tags)) => (measurement, Some(tags)),
            None => (text, None),
        };
        if measurement.is_empty() {
            return Err(KeyError::EmptyMeasurement);
        }
        let mut last = "";
        while let Some(tags) = rest {
            let (key, value) = match cut(tags) {
                Some((key, rest)) => (key, Some(rest)),
                None => (tags, None),
            };
            if key.is_empty() {
                return Err(KeyError::EmptyTagKey);
            }
            if key <= last {
                return Err(KeyError::DuplicateTag { key: key.to_owned() });
            }
            let (value, after) = match value.map(|value| (value, cut(value))) {
                Some((_, Some((value, after)))) => (value, Some(after)),
                Some((value, None)) => (value, None),
                None => ("", None),
            };
            if value.is_empty() {
                return Err(KeyError::EmptyTagValue { key: key.to_owned() });
            }
            last = key;
            rest = after;
        }
        Ok(KeyRef(text))
    }

    /// Takes a text that is known to be a key.
    pub(crate) const fn trusted(text: &'a str) -> Self {
        KeyRef(text)
    }

    /// The key as one string; equal keys have equal strings.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The measurement.
    #[must_use]
    pub fn measurement(self) -> &'a str {
        cut(self.0).map_or(self.0, |(measurement, _)| measurement)
    }

    /// The tags, sorted by key.
    #[must_use]
    pub fn tags(self) -> Tags<'a> {
        Tags(cut(self.0).map_or("", |(_, tags)| tags))
    }

    /// The value of tag `key`, if the series has it. Linear in the length of the key.
    #[must_use]
    pub fn tag(self, key: &str) -> Option<&'a str> {
        self.tags().find(|(k, _)| *k == key).map(|(_, value)| value)
    }
}

impl fmt::Display for KeyRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::line_protocol::write_key(*self, f)
    }
}

/// Iterates over the tags of a key in order.
#[derive(Debug, Clone)]
pub struct Tags<'a>(&'a str);

impl<'a> Iterator for Tags<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, rest) = cut(self.0)?;
        let (value, rest) = cut(rest).unwrap_or((rest, ""));
        self.0 = rest;
        Some((key, value))
    }
}

/// What is before and behind the first separator.
///
/// The parts of a key are a few bytes each: a search that has to be set up costs more than it finds.
fn cut(text: &str) -> Option<(&str, &str)> {
    let at = separator_at(text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The place of the first NUL byte, eight bytes at a time.
fn separator_at(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // Only a byte that is zero, or one behind it, borrows into its highest bit; the first is right.
        let zeros = word.wrapping_sub(ONES) & !word & HIGHS;
        if zeros != 0 {
            return Some(at * 8 + (zeros.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|byte| *byte == 0).map(|at| words.len() * 8 + at)
}

/// Appends the key of `measurement` and `tags` to `out`; on an error `out` is as it was.
pub(crate) fn encode<'a>(
    measurement: &str,
    tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    out: &mut String,
) -> Result<(), KeyError> {
    let start = out.len();
    encode_parts(measurement, tags, out).inspect_err(|_| out.truncate(start))?;
    let len = out.len() - start;
    if len > MAX_KEY_LEN {
        out.truncate(start);
        return Err(KeyError::TooLong { len });
    }
    Ok(())
}

fn encode_parts<'a>(
    measurement: &str,
    tags: impl IntoIterator<Item = (&'a str, &'a str)>,
    out: &mut String,
) -> Result<(), KeyError> {
    if measurement.is_empty() {
        return Err(KeyError::EmptyMeasurement);
    }
    check_nul(measurement)?;
    out.push_str(measurement);
    let mut tags = tags.into_iter();
    // Most callers give tags in order and few of them: sort on the stack when they fit.
    let mut few = [("", ""); 16];
    let mut count = 0;
    for tag in tags.by_ref().take(few.len()) {
        few[count] = tag;
        count += 1;
    }
    match tags.next() {
        None => encode_tags(&mut few[..count], out),
        Some(next) => {
            let mut all: Vec<_> = few.into_iter().chain([next]).chain(tags).collect();
            encode_tags(&mut all, out)
        }
    }
}

fn encode_tags(tags: &mut [(&str, &str)], out: &mut String) -> Result<(), KeyError> {
    tags.sort_unstable();
    if let Some(pair) = tags.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(KeyError::DuplicateTag { key: pair[0].0.to_owned() });
    }
    for (key, value) in tags.iter() {
        if key.is_empty() {
            return Err(KeyError::EmptyTagKey);
        }
        check_nul(key)?;
        check_nul(value)?;
        if !value.is_empty() {
            out.extend([SEPARATOR]);
            out.push_str(key);
            out.extend([SEPARATOR]);
            out.push_str(value);
        }
    }
    Ok(())
}

fn check_nul(name: &str) -> Result<(), KeyError> {
    if name.contains(SEPARATOR) {
        return Err(KeyError::Nul { name: name.to_owned() });
    }
    Ok(())
}

/// Why a measurement and tags make no series key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The measurement is the empty string.
    EmptyMeasurement,
    /// A tag key is the empty string.
    EmptyTagKey,
    /// A stored key has a tag without a value.
    EmptyTagValue {
        /// The tag's key.
        key: String,
    },
    /// A tag key occurs twice.
    DuplicateTag {
        /// The tag's key.
        key: String,
    },
    /// A name contains the NUL character.
    Nul {
        /// The name.
        name: String,
    },
    /// The whole is longer than [`MAX_KEY_LEN`].
    TooLong {
        /// Its bytes.
        len: usize,
    },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyError::EmptyMeasurement => {
                f.write_str("expected a measurement, found an empty name")
            }
            KeyError::EmptyTagKey => f.write_str("expected a tag key, found an empty name"),
            KeyError::EmptyTagValue { key } => {
                write!(f, "expected a value for tag {key:?}, found none")
            }
            KeyError::DuplicateTag { key } => write!(f, "tag {key:?} occurs twice"),
            KeyError::Nul { name } => write!(f, "name {name:?} contains the NUL character"),
            KeyError::TooLong { len } => {
                write!(f, "max key length exceeded: {len} > {MAX_KEY_LEN}")
            }
        }
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_be_taken_apart_again() {
        let key = SeriesKey::new("disk io", [("path", "/a=b"), ("dev", "sd,a")]).unwrap();
        let borrowed = KeyRef::parse(key.as_ref().as_str()).unwrap();
        assert_eq!(borrowed.measurement(), "disk io");
        assert_eq!(borrowed.tags().collect::<Vec<_>>(), [("dev", "sd,a"), ("path", "/a=b")]);
        assert_eq!(borrowed.tag("path"), Some("/a=b"));
        assert_eq!(borrowed.tag("pat"), None);
        assert_eq!(key.to_string(), r"disk\ io,dev=sd\,a,path=/a\=b");
    }

    #[test]
    fn twenty_tags_are_sorted_too() {
        let names: Vec<String> = (0..20).rev().map(|n| format!("k{n:02}")).collect();
        let key = SeriesKey::new("m", names.iter().map(|n| (n.as_str(), "v"))).unwrap();
        assert!(key.as_ref().tags().map(|(k, _)| k).is_sorted());
        assert_eq!(key.as_ref().tags().count(), 20);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let no_tags: [(&str, &str); 0] = [];
        assert_eq!(SeriesKey::new("", no_tags), Err(KeyError::EmptyMeasurement));
        assert_eq!(SeriesKey::new("m", [("", "x")]), Err(KeyError::EmptyTagKey));
        assert_eq!(
            SeriesKey::new("m", [("a", "1"), ("a", "2")]),
            Err(KeyError::DuplicateTag { key: "a".into() })
        );
        assert_eq!(
            SeriesKey::new("m", [("a", "x\0y")]),
            Err(KeyError::Nul { name: "x\0y".into() })
        );
        let long = "x".repeat(70_000);
        assert_eq!(SeriesKey::new(&long, no_tags), Err(KeyError::TooLong { len: 70_000 }));
        for broken in
            ["", "m\0", "m\0k", "m\0k\0", "m\0b\x001\0a\x001", "m\0a\x001\0a\x002", "m\0\0v"]
        {
            assert!(KeyRef::parse(broken).is_err(), "{broken:?}");
        }
    }
}
