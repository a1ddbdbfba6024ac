//! Names and strings as InfluxQL text.

use std::fmt;

/// InfluxQL's keywords, sorted: as a name, each needs quotes.
///
/// `fill`, `time`, `now` and `tz` are ordinary names that the grammar treats specially in their places.
#[rustfmt::skip]
pub(crate) const KEYWORDS: &[&str] = &[
    "ALL", "ALTER", "ANALYZE", "AND", "ANY", "AS", "ASC", "BEGIN", "BY", "CARDINALITY", "CONTINUOUS", "CREATE",
    "DATABASE", "DATABASES", "DEFAULT", "DELETE", "DESC", "DESTINATIONS", "DIAGNOSTICS", "DISTINCT", "DROP",
    "DURATION", "END", "EVERY", "EXACT", "EXPLAIN", "FALSE", "FIELD", "FOR", "FROM", "GRANT", "GRANTS", "GROUP",
    "GROUPS", "IN", "INF", "INSERT", "INTO", "KEY", "KEYS", "KILL", "LIMIT", "MEASUREMENT", "MEASUREMENTS", "NAME",
    "OFFSET", "ON", "OR", "ORDER", "PASSWORD", "POLICIES", "POLICY", "PRIVILEGES", "QUERIES", "QUERY", "READ",
    "REPLICATION", "RESAMPLE", "RETENTION", "REVOKE", "SELECT", "SERIES", "SET", "SHARD", "SHARDS", "SHOW", "SLIMIT",
    "SOFFSET", "STATS", "SUBSCRIPTION", "SUBSCRIPTIONS", "TAG", "TO", "TRUE", "USER", "USERS", "VALUES", "WHERE",
    "WITH", "WRITE",
];

/// The keyword that `word` is, in whatever case, spelled in upper case.
pub(crate) fn keyword(word: &str) -> Option<&'static str> {
    KEYWORDS
        .binary_search_by(|keyword| {
            keyword.bytes().cmp(word.bytes().map(|byte| byte.to_ascii_uppercase()))
        })
        .ok()
        .map(|index| KEYWORDS[index])
}

/// Whether `character` may stand in an unquoted name; a digit may not begin one.
pub(crate) fn is_ident_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// A name as InfluxQL text: as it is where it can be, otherwise in double quotes.
///
/// ```
/// use stripchart_query::ast::Ident;
/// assert_eq!(Ident("usage_idle").to_string(), "usage_idle");
/// assert_eq!(Ident("cpu/usage_rate").to_string(), "\"cpu/usage_rate\"");
/// assert_eq!(Ident("default").to_string(), "\"default\"");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ident<'a>(pub &'a str);

impl Ident<'_> {
    /// Whether the name has to be quoted.
    #[must_use]
    pub fn needs_quotes(self) -> bool {
        self.0.is_empty()
            || self.0.starts_with(|first: char| first.is_ascii_digit())
            || !self.0.chars().all(is_ident_char)
            || keyword(self.0).is_some()
    }
}

impl fmt::Display for Ident<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.needs_quotes() { write_quoted(f, self.0, '"') } else { f.write_str(self.0) }
    }
}

/// A dotted name: every part but the last in quotes, an empty part in the middle left out.
///
/// ```
/// assert_eq!(stripchart_query::ast::quote_ident(&["telegraf", "", "cpu"]), "\"telegraf\"..cpu");
/// ```
#[must_use]
pub fn quote_ident(parts: &[&str]) -> String {
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        let (first, last) = (index == 0, index + 1 == parts.len());
        if !first {
            text.push('.');
        }
        if (!last && !part.is_empty()) || ((first || last) && Ident(part).needs_quotes()) {
            // Writing to a string cannot fail.
            let _ = write_quoted(&mut text, part, '"');
        } else {
            text.push_str(part);
        }
    }
    text
}

/// A string literal: `'it\'s'`.
///
/// ```
/// assert_eq!(stripchart_query::ast::quote_string("it's"), r"'it\'s'");
/// ```
#[must_use]
pub fn quote_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    // Writing to a string cannot fail.
    let _ = write_quoted(&mut quoted, text, '\'');
    quoted
}

fn write_quoted(out: &mut impl fmt::Write, text: &str, quote: char) -> fmt::Result {
    out.write_char(quote)?;
    for character in text.chars() {
        match character {
            '\n' => out.write_str("\\n")?,
            '\\' => out.write_str("\\\\")?,
            _ if character == quote => {
                out.write_char('\\')?;
                out.write_char(quote)?;
            }
            _ => out.write_char(character)?,
        }
    }
    out.write_char(quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted_and_found_in_any_case() {
        assert!(KEYWORDS.is_sorted());
        assert_eq!(keyword("sElEcT"), Some("SELECT"));
        assert_eq!(keyword("selec"), None);
        assert_eq!(keyword(""), None);
    }

    #[test]
    fn dotted_names() {
        let cases: [(&[&str], &str); 6] = [
            (&[""], r#""""#),
            (&["foo", "bar"], r#""foo".bar"#),
            (&["foo", "", "bar"], r#""foo"..bar"#),
            (&["foo.bar", "baz"], r#""foo.bar".baz"#),
            (&["foo.bar", "rp", "baz"], r#""foo.bar"."rp".baz"#),
            (&["foo.bar", "rp", "1baz"], r#""foo.bar"."rp"."1baz""#),
        ];
        for (parts, want) in cases {
            assert_eq!(quote_ident(parts), want);
        }
    }

    #[test]
    fn strings_escape_quotes_backslashes_and_line_breaks() {
        assert_eq!(quote_string("a'b\\c\nd\"e"), r#"'a\'b\\c\nd"e'"#);
        assert_eq!(Ident("a\"b\nc").to_string(), r#""a\"b\nc""#);
    }
}
