//! Which series: a condition on tags.
//!
//! The database resolves it against its indexes and knows no regular expressions: whoever has some passes a function,
//! which is asked once per distinct value of the tag where an index has a dictionary.

use std::fmt;
use std::sync::Arc;

use stripchart_core::KeyRef;

/// A test of a tag's value.
pub type TagTest = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Tells whether the value of a tag passes a test: number of the test, key, test.
pub(crate) type Ask<'a> = dyn FnMut(usize, &str, &dyn Fn(&str) -> bool) -> bool + 'a;

/// A condition on the tags of a series. A tag that a series does not have equals the empty text, as in InfluxDB.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum TagFilter {
    /// Every series.
    #[default]
    All,
    /// The tag has this value.
    Equal {
        /// The tag's key.
        key: String,
        /// The value.
        value: String,
    },
    /// The tag has another value.
    NotEqual {
        /// The tag's key.
        key: String,
        /// The value.
        value: String,
    },
    /// The tag's value begins with this, which an index finds without looking at others.
    Prefix {
        /// The tag's key.
        key: String,
        /// What the value begins with; the empty text begins all, that of a missing tag too.
        prefix: String,
    },
    /// The tag's value passes the test.
    Matches {
        /// The tag's key.
        key: String,
        /// The test.
        test: TagTest,
    },
    /// The tag's value fails the test.
    NotMatches {
        /// The tag's key.
        key: String,
        /// The test.
        test: TagTest,
    },
    /// Every one of these holds; true if there are none.
    And(Vec<TagFilter>),
    /// One of these holds; false if there are none.
    Or(Vec<TagFilter>),
    /// This does not hold.
    Not(Box<TagFilter>),
}

impl TagFilter {
    /// Whether a series with this key is meant.
    #[must_use]
    pub fn accepts(&self, key: KeyRef<'_>) -> bool {
        self.evaluate(&mut |_, name, test| test(key.tag(name).unwrap_or("")))
    }

    /// Whether the filter holds, where `ask(leaf, key, test)` tells whether the tag's value passes a test; `leaf` is another
    /// number for each test of the filter.
    pub(crate) fn evaluate(&self, ask: &mut Ask<'_>) -> bool {
        let leaf = std::ptr::from_ref(self).addr();
        match self {
            TagFilter::All => true,
            TagFilter::Equal { key, value } => ask(leaf, key, &|v| v == value),
            TagFilter::NotEqual { key, value } => ask(leaf, key, &|v| v != value),
            TagFilter::Prefix { key, prefix } => ask(leaf, key, &|v| v.starts_with(&**prefix)),
            TagFilter::Matches { key, test } => ask(leaf, key, &**test),
            TagFilter::NotMatches { key, test } => !ask(leaf, key, &**test),
            TagFilter::And(all) => all.iter().all(|filter| filter.evaluate(ask)),
            TagFilter::Or(any) => any.iter().any(|filter| filter.evaluate(ask)),
            TagFilter::Not(filter) => !filter.evaluate(ask),
        }
    }

    /// The conditions `key = value`, value not empty, that every accepted series fulfils: an index can look them up.
    pub(crate) fn required(&self) -> Vec<(&str, &str)> {
        match self {
            TagFilter::Equal { key, value } if !value.is_empty() => vec![(key, value)],
            TagFilter::And(all) => all.iter().flat_map(TagFilter::required).collect(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Debug for TagFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TagFilter::All => f.write_str("All"),
            TagFilter::Equal { key, value } => write!(f, "{key:?} = {value:?}"),
            TagFilter::NotEqual { key, value } => write!(f, "{key:?} != {value:?}"),
            TagFilter::Prefix { key, prefix } => write!(f, "{key:?} begins with {prefix:?}"),
            TagFilter::Matches { key, .. } => write!(f, "{key:?} =~ ..."),
            TagFilter::NotMatches { key, .. } => write!(f, "{key:?} !~ ..."),
            TagFilter::And(all) => f.debug_tuple("And").field(all).finish(),
            TagFilter::Or(any) => f.debug_tuple("Or").field(any).finish(),
            TagFilter::Not(filter) => f.debug_tuple("Not").field(filter).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use stripchart_core::SeriesKey;

    use super::*;

    fn equal(key: &str, value: &str) -> TagFilter {
        TagFilter::Equal { key: key.into(), value: value.into() }
    }

    #[test]
    fn a_missing_tag_equals_the_empty_text() {
        let key = SeriesKey::new("cpu", [("host", "a")]).unwrap();
        let key = key.as_ref();
        assert!(equal("host", "a").accepts(key));
        assert!(equal("rack", "").accepts(key));
        let prefix =
            |key: &str, prefix: &str| TagFilter::Prefix { key: key.into(), prefix: prefix.into() };
        assert!(prefix("host", "a").accepts(key) && prefix("rack", "").accepts(key));
        assert!(!prefix("host", "ab").accepts(key) && !prefix("rack", "a").accepts(key));
        assert!(TagFilter::NotEqual { key: "rack".into(), value: "x".into() }.accepts(key));
        let empty = TagFilter::Matches { key: "rack".into(), test: Arc::new(str::is_empty) };
        assert!(empty.accepts(key));
        assert!(!TagFilter::Not(Box::new(empty)).accepts(key));
        assert!(!TagFilter::Or(vec![]).accepts(key));
        assert!(TagFilter::And(vec![]).accepts(key));
    }

    #[test]
    fn only_what_every_branch_needs_is_required() {
        let filter = TagFilter::And(vec![
            equal("host", "a"),
            TagFilter::Or(vec![equal("x", "1"), equal("x", "2")]),
            equal("rack", ""),
        ]);
        assert_eq!(filter.required(), [("host", "a")]);
    }
}
