//! What a regular expression says of how a tag's value begins, so that an index can be asked for it.
//!
//! ```text
//! /^(web|db)$/   host = 'web' OR host = 'db'       what a dashboard makes of several values chosen in a list
//! /^web$/        host = 'web'
//! /^web/         host begins with "web"
//! /^web-[0-9]+/  host begins with "web-", and the expression is asked of those
//! ```
//!
//! Only what is plainly so is taken; of any other expression every value is asked.

use std::sync::Arc;

use regex::Regex;
use stripchart_storage::TagFilter;

/// Alternatives that are looked up one by one at most.
const MOST: usize = 256;

/// A filter that accepts the values of tag `key` that `regex` matches.
pub(super) fn filter(key: &str, regex: &Regex) -> TagFilter {
    match Beginning::of(regex.as_str()) {
        Some(Beginning::Whole(values)) => {
            any(values, |value| TagFilter::Equal { key: key.to_owned(), value })
        }
        Some(Beginning::Any(prefixes)) => {
            any(prefixes, |prefix| TagFilter::Prefix { key: key.to_owned(), prefix })
        }
        Some(Beginning::More(prefix)) => TagFilter::And(vec![
            TagFilter::Prefix { key: key.to_owned(), prefix },
            matches(key, regex),
        ]),
        None => matches(key, regex),
    }
}

fn any(texts: Vec<String>, filter: impl Fn(String) -> TagFilter) -> TagFilter {
    let mut all: Vec<TagFilter> = texts.into_iter().map(filter).collect();
    match all.pop() {
        Some(only) if all.is_empty() => only,
        last => TagFilter::Or(all.into_iter().chain(last).collect()),
    }
}

fn matches(key: &str, regex: &Regex) -> TagFilter {
    let regex = regex.clone();
    TagFilter::Matches { key: key.to_owned(), test: Arc::new(move |value| regex.is_match(value)) }
}

/// What an expression says.
#[derive(Debug, PartialEq)]
enum Beginning {
    /// It matches these and nothing else.
    Whole(Vec<String>),
    /// It matches what begins with one of these.
    Any(Vec<String>),
    /// What it matches begins with this, but not the other way round.
    More(String),
}

impl Beginning {
    fn of(pattern: &str) -> Option<Beginning> {
        let (literal, rest) = literal(pattern.strip_prefix('^')?);
        match rest {
            "" | ".*" => return Some(Beginning::Any(vec![literal])),
            "$" => return Some(Beginning::Whole(vec![literal])),
            _ => {}
        }
        if let Some((alternatives, rest)) = alternatives(rest) {
            let all = alternatives.into_iter().map(|text| format!("{literal}{text}")).collect();
            match rest {
                "" | ".*" => return Some(Beginning::Any(all)),
                "$" => return Some(Beginning::Whole(all)),
                _ => {}
            }
        }
        // Anything behind a bar need not begin so.
        if rest.contains('|') {
            return None;
        }
        let mut literal = literal;
        if rest.starts_with(['*', '?', '{']) {
            literal.pop(); // the last character may be missing
        }
        (!literal.is_empty()).then_some(Beginning::More(literal))
    }
}

/// The characters that stand for themselves, and what follows them.
fn literal(pattern: &str) -> (String, &str) {
    let (mut text, mut rest) = (String::new(), pattern);
    while let Some(character) = rest.chars().next() {
        let after = &rest[character.len_utf8()..];
        match character {
            '\\' => match after.chars().next() {
                Some(escaped) if escaped.is_ascii_punctuation() && !"<>".contains(escaped) => {
                    text.push(escaped);
                    rest = &after[1..];
                }
                _ => break,
            },
            '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => break,
            _ => {
                text.push(character);
                rest = after;
            }
        }
    }
    (text, rest)
}

/// `(a|b|c)` at the front, each standing for itself, and what follows.
fn alternatives(pattern: &str) -> Option<(Vec<String>, &str)> {
    let inner = pattern.strip_prefix('(')?;
    let mut rest = inner.strip_prefix("?:").unwrap_or(inner);
    let mut all = Vec::new();
    loop {
        let (text, after) = literal(rest);
        all.push(text);
        if let Some(after) = after.strip_prefix(')') {
            return (all.len() <= MOST).then_some((all, after));
        }
        rest = after.strip_prefix('|')?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use stripchart_core::SeriesKey;

    use super::*;

    fn whole<const N: usize>(texts: [&str; N]) -> Option<Beginning> {
        Some(Beginning::Whole(texts.map(str::to_owned).into()))
    }

    fn any<const N: usize>(texts: [&str; N]) -> Option<Beginning> {
        Some(Beginning::Any(texts.map(str::to_owned).into()))
    }

    fn more(text: &str) -> Option<Beginning> {
        Some(Beginning::More(text.to_owned()))
    }

    #[test]
    fn what_expressions_begin_with() {
        let cases = [
            ("^web$", whole(["web"])),
            ("^(web|db)$", whole(["web", "db"])),
            ("^(?:web|db)$", whole(["web", "db"])),
            (r"^(10\.0\.0\.1:9100|b)$", whole(["10.0.0.1:9100", "b"])),
            ("^web-(1|2)$", whole(["web-1", "web-2"])),
            ("^(|a)$", whole(["", "a"])),
            ("^web", any(["web"])),
            ("^web.*", any(["web"])),
            ("^(web|db)", any(["web", "db"])),
            ("^web-[0-9]+$", more("web-")),
            ("^web.*$", more("web")),
            ("^webs?$", more("web")),
            ("^webs+$", more("webs")),
            ("^web|db", None),
            ("^web$|^db$", None),
            ("^(web|d.)$", None),
            ("^(a|b)?c$", None),
            ("^a*", None),
            (".*", None),
            ("web$", None),
            ("(?i)^web$", None),
        ];
        for (pattern, want) in cases {
            assert_eq!(Beginning::of(pattern), want, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn the_filter_accepts_what_the_expression_matches(
            pattern in r"\^?(a|b|\\\.|-){0,3}(\(a\|b[b.]?\)|\(\|-\)|[?+*.]|\.\*|b\{0,2\}|\|a|\[ab\])?(a|b)?\$?",
            values in prop::collection::vec("[ab.-]{0,4}", 1..12),
        ) {
            let Ok(regex) = crate::re2::compile(&pattern) else { return Ok(()) };
            let filter = filter("k", &regex);
            for value in values {
                let tags = (!value.is_empty()).then_some(("k", value.as_str()));
                let key = SeriesKey::new("m", tags).unwrap();
                prop_assert_eq!(filter.accepts(key.as_ref()), regex.is_match(&value), "{} on {:?}", &pattern, &value);
            }
        }
    }
}
