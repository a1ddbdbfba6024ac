//! Texts of a column, many in one allocation.

use std::sync::Arc;

/// Many short texts in one.
///
/// ```text
/// plain   text  "webwebdbweb"        keyed   of    "web" "db"      shared, maybe by several columns
///         ends  3 6 8 11                     keys  0 0 1 0
/// ```
///
/// What repeats from row to row, as tags do, may be [keyed](Strings::keyed): a number for each row, and the texts once. Both read alike and
/// compare equal if they hold the same texts.
#[derive(Debug, Clone)]
pub struct Strings {
    texts: Texts,
}

#[derive(Debug, Clone)]
enum Texts {
    Plain {
        /// Where each ends in `text`; it begins where the one before ends.
        ends: Vec<u32>,
        text: String,
    },
    Keyed {
        keys: Vec<u32>,
        of: Arc<Strings>,
    },
}

impl Default for Strings {
    fn default() -> Self {
        Strings { texts: Texts::Plain { ends: Vec::new(), text: String::new() } }
    }
}

impl PartialEq for Strings {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Strings {}

impl Strings {
    /// For each of `keys` the text of that number in `of`.
    ///
    /// # Panics
    ///
    /// If `of` has no such text.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use stripchart_core::Strings;
    ///
    /// let roles: Arc<Strings> = Arc::new(["web", "db"].into_iter().collect());
    /// let of_rows = Strings::keyed(vec![0, 0, 1], roles);
    /// assert_eq!(of_rows.iter().collect::<Vec<_>>(), ["web", "web", "db"]);
    /// ```
    #[must_use]
    pub fn keyed(keys: Vec<u32>, of: Arc<Strings>) -> Self {
        let most = keys.iter().copied().max();
        assert!(most.is_none_or(|most| (most as usize) < of.len()), "a text for every key");
        Strings { texts: Texts::Keyed { keys, of } }
    }

    /// The number of each row's text and the texts, if they are [keyed](Strings::keyed). Equal texts may have several numbers.
    #[must_use]
    pub fn keys(&self) -> Option<(&[u32], &Arc<Strings>)> {
        match &self.texts {
            Texts::Plain { .. } => None,
            Texts::Keyed { keys, of } => Some((keys, of)),
        }
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.texts {
            Texts::Plain { ends, .. } => ends.len(),
            Texts::Keyed { keys, .. } => keys.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text at `row`.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        match &self.texts {
            Texts::Plain { ends, text } => {
                let end = *ends.get(row)?;
                let start = row.checked_sub(1).map_or(0, |before| ends[before]);
                text.get(start as usize..end as usize)
            }
            Texts::Keyed { keys, of } => of.get(*keys.get(row)? as usize),
        }
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|row| self.get(row))
    }

    /// Appends `text`. Texts that were keyed are no longer so.
    ///
    /// # Panics
    ///
    /// If the column would exceed 4 GiB of text.
    pub fn push(&mut self, text: &str) {
        let (ends, all) = self.plain();
        all.push_str(text);
        ends.push(end_of(all));
    }

    /// The texts to be appended to, one behind the other.
    fn plain(&mut self) -> (&mut Vec<u32>, &mut String) {
        if let Texts::Keyed { .. } = self.texts {
            *self = self.iter().collect();
        }
        match &mut self.texts {
            Texts::Plain { ends, text } => (ends, text),
            Texts::Keyed { .. } => unreachable!("just made plain"),
        }
    }

    /// Appends empty texts until there are `len`.
    pub(crate) fn pad(&mut self, len: usize) {
        let (ends, text) = self.plain();
        ends.resize(len, end_of(text));
    }

    /// Takes the last away.
    pub(crate) fn pop(&mut self) {
        match &mut self.texts {
            Texts::Plain { ends, text } => {
                ends.pop();
                text.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Texts::Keyed { keys, .. } => drop(keys.pop()),
        }
    }

    /// Takes all away, keeps the memory.
    pub(crate) fn clear(&mut self) {
        match &mut self.texts {
            Texts::Plain { ends, text } => {
                ends.clear();
                text.clear();
            }
            Texts::Keyed { .. } => *self = Strings::default(),
        }
    }
}

fn end_of(text: &str) -> u32 {
    u32::try_from(text.len()).expect("a column holds less than 4 GiB of text")
}

impl<'a> FromIterator<&'a str> for Strings {
    fn from_iter<I: IntoIterator<Item = &'a str>>(texts: I) -> Self {
        let mut strings = Strings::default();
        let (ends, all) = strings.plain();
        for text in texts {
            all.push_str(text);
            ends.push(end_of(all));
        }
        strings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed() -> Strings {
        let of: Strings = ["web", "", "db"].into_iter().collect();
        Strings::keyed(vec![2, 0, 0, 1], Arc::new(of))
    }

    #[test]
    fn keyed_texts_read_as_plain_ones_do() {
        let keyed = keyed();
        let plain: Strings = ["db", "web", "web", ""].into_iter().collect();
        assert_eq!(keyed, plain);
        assert_eq!((keyed.get(1), keyed.get(3), keyed.get(4)), (Some("web"), Some(""), None));
        assert_ne!(keyed, ["db", "web", "web", "x"].into_iter().collect());
        assert_ne!(keyed, ["db", "web", "web"].into_iter().collect());
    }

    #[test]
    fn what_is_appended_to_keyed_texts_makes_them_plain() {
        let mut texts = keyed();
        texts.push("new");
        texts.pad(6);
        assert!(texts.keys().is_none());
        assert_eq!(texts.iter().collect::<Vec<_>>(), ["db", "web", "web", "", "new", ""]);
        let mut texts = keyed();
        texts.pop();
        assert_eq!(texts.iter().collect::<Vec<_>>(), ["db", "web", "web"]);
        texts.clear();
        assert!(texts.is_empty());
    }

    #[test]
    #[should_panic(expected = "a text for every key")]
    fn a_key_without_text_is_refused() {
        let _ = Strings::keyed(vec![0, 1], Arc::new(["a"].into_iter().collect()));
    }
}
