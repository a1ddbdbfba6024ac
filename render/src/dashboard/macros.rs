//! Macros in a panel's statement: `$timeFilter`, `$interval`, `$host`.
//!
//! A value that stands for a variable often comes out of a page's address, so anyone who sends someone a link chooses
//! it. What it turns into therefore depends on where in the statement it stands, and can never leave that place:
//!
//! | stands in | example | becomes |
//! | --- | --- | --- |
//! | a regular expression | `=~ /^$host$/` | the value with its operators and slashes escaped; `(a\|b)` for several, `.*` for all |
//! | a string | `= '$host'` | the value with quotes and backslashes escaped |
//! | a quoted name | `"$field"` | likewise |
//! | bare | `LIMIT $count`, `FROM $measurement` | digits, letters and `_` as they are, anything else as a quoted name |
//! | a comment | `-- $host` | left as it is |
//!
//! The names are `$name`, `${name}`, `${name:format}`, `[[name]]`. Where several known names fit, the longest counts;
//! a `$` before no known name stays, and so does the one that ends a regular expression: `/^$host$/`.

use std::borrow::Cow;
use std::fmt::Write as _;

use stripchart_core::{DurationLiteral, TimeRange};

/// What is chosen for a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableValue {
    /// Everything: matches any text in a regular expression.
    All,
    /// These; none at all counts as [`VariableValue::All`]. Only a regular expression takes several, elsewhere the
    /// first counts.
    Some(Vec<String>),
}

impl VariableValue {
    /// One text.
    #[must_use]
    pub fn one(value: impl Into<String>) -> Self {
        VariableValue::Some(vec![value.into()])
    }

    /// The texts; empty for all.
    #[must_use]
    pub fn values(&self) -> &[String] {
        match self {
            VariableValue::All => &[],
            VariableValue::Some(values) => values,
        }
    }
}

/// The meaning of the macros in one drawing of a panel.
#[derive(Debug, Clone, Copy)]
pub struct Macros<'a> {
    /// What `$timeFilter` selects, half-open.
    pub range: TimeRange,
    /// What `$interval` is, in nanoseconds.
    pub interval_ns: i64,
    /// The variables by name.
    pub variables: &'a [(String, VariableValue)],
}

/// Names that need no variable; `__` is how newer Grafana spells them.
const BUILTINS: [&str; 8] = [
    "timeFilter",
    "__timeFilter",
    "interval",
    "__interval",
    "interval_ms",
    "__interval_ms",
    "__from",
    "__to",
];

impl Macros<'_> {
    /// `statement` with every macro replaced; in one pass, so a value is never taken for a macro itself.
    ///
    /// ```
    /// use stripchart_core::{TimeRange, Timestamp};
    /// use stripchart_render::dashboard::{Macros, VariableValue};
    /// let variables = [("host".to_owned(), VariableValue::one("node.1"))];
    /// let range = TimeRange::new(Timestamp::from_secs(60), Timestamp::from_secs(120));
    /// let macros = Macros { range, interval_ns: 10_000_000_000, variables: &variables };
    /// assert_eq!(
    ///     macros.expand("SELECT mean(v) FROM m WHERE h =~ /^$host$/ AND $timeFilter GROUP BY time($interval)"),
    ///     r"SELECT mean(v) FROM m WHERE h =~ /^node\.1$/ AND time >= 60000ms AND time < 120000ms GROUP BY time(10s)",
    /// );
    /// ```
    #[must_use]
    pub fn expand(&self, statement: &str) -> String {
        let mut out = String::with_capacity(statement.len() + 64);
        let mut place = Place::Bare;
        let mut rest = statement;
        // The part of `statement` before `rest`, for what came before a slash.
        while let Some(c) = rest.chars().next() {
            if place != Place::Comment
                && let Some(found) = self.macro_at(rest)
            {
                self.write_value(&mut out, &found, place);
                rest = &rest[found.len..];
                continue;
            }
            let before = &statement[..statement.len() - rest.len()];
            let (taken, next) = step(place, before, rest, c);
            out.push_str(&rest[..taken]);
            rest = &rest[taken..];
            place = next;
        }
        out
    }

    /// `text` with the variables in it named, for titles: the values as they are, several joined with commas.
    #[must_use]
    pub fn expand_title(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some(found) = self.macro_at(rest)
                && let Some(value) = self.variable(found.name)
            {
                match value.values() {
                    [] => out.push_str("all"),
                    values => out.push_str(&values.join(", ")),
                }
                rest = &rest[found.len..];
                continue;
            }
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
        out
    }

    fn variable(&self, name: &str) -> Option<&VariableValue> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The macro that `text` begins with.
    fn macro_at<'t>(&self, text: &'t str) -> Option<Found<'t>> {
        for (open, close) in [("${", "}"), ("[[", "]]")] {
            let Some(inner) = text.strip_prefix(open) else { continue };
            let end = inner.find(close)?;
            let (name, format) = inner[..end].split_once(':').unwrap_or((&inner[..end], ""));
            let known = BUILTINS.contains(&name) || self.variable(name).is_some();
            return known.then_some(Found { name, format, len: open.len() + end + close.len() });
        }
        let after = text.strip_prefix('$')?;
        let names = self.variables.iter().map(|(name, _)| name.as_str()).chain(BUILTINS);
        let len = names.filter(|n| !n.is_empty() && after.starts_with(n)).map(str::len).max()?;
        Some(Found { name: &after[..len], format: "", len: 1 + len })
    }

    fn write_value(&self, out: &mut String, found: &Found<'_>, place: Place) {
        // A variable may bear a built-in's name; the author's meaning goes first.
        let Some(value) = self.variable(found.name) else {
            return self.write_builtin(out, found.name);
        };
        match (found.format, place) {
            ("regex", _) | (_, Place::Regex) => out.push_str(&regex_of(value)),
            (_, Place::Text) => push_escaped(out, first(value), '\''),
            (_, Place::Name) => push_escaped(out, first(value), '"'),
            (_, Place::Bare | Place::Comment) => push_bare(out, first(value)),
        }
    }

    fn write_builtin(&self, out: &mut String, name: &str) {
        const MS: i64 = 1_000_000;
        let (start, end) = (self.range.start.nanos(), self.range.end.nanos());
        let (start_ms, end_ms) = (start.div_euclid(MS), end.div_euclid(MS));
        // Writing to a String does not fail.
        let _ = match name.trim_start_matches('_') {
            "timeFilter" if start % MS == 0 && end % MS == 0 => {
                write!(out, "time >= {start_ms}ms AND time < {end_ms}ms")
            }
            "timeFilter" => write!(out, "time >= {start} AND time < {end}"),
            "interval" => write!(out, "{}", DurationLiteral::from_nanos(self.interval_ns)),
            "interval_ms" => write!(out, "{}", self.interval_ns / MS),
            "from" => write!(out, "{start_ms}"),
            _ => write!(out, "{end_ms}"),
        };
    }
}

/// A macro at the beginning of a text.
struct Found<'t> {
    name: &'t str,
    format: &'t str,
    /// Bytes it takes.
    len: usize,
}

/// What kind of token the reading stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Bare,
    Text,
    Name,
    Regex,
    Comment,
}

/// How many bytes to copy from `rest`, which begins with `c`, and where the reading stands after them.
fn step(place: Place, before: &str, rest: &str, c: char) -> (usize, Place) {
    let one = c.len_utf8();
    match (place, c) {
        (Place::Bare, '\'') => (one, Place::Text),
        (Place::Bare, '"') => (one, Place::Name),
        (Place::Bare, '-') if rest.starts_with("--") => (2, Place::Comment),
        (Place::Bare, '/') if rest.starts_with("/*") => {
            (rest.find("*/").map_or(rest.len(), |at| at + 2), Place::Bare)
        }
        (Place::Bare, '/') if regex_may_begin(before) => (one, Place::Regex),
        (Place::Comment, '\n') | (Place::Text, '\'') | (Place::Name, '"') | (Place::Regex, '/') => {
            (one, Place::Bare)
        }
        (Place::Text | Place::Name | Place::Regex, '\\') => {
            (one + rest[one..].chars().next().map_or(0, char::len_utf8), place)
        }
        _ => (one, place),
    }
}

/// Whether a slash after `before` opens a regular expression; elsewhere it divides.
fn regex_may_begin(before: &str) -> bool {
    let before = before.trim_end();
    if before.ends_with(['~', ',', '(', '=']) {
        return true;
    }
    let start =
        before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    before.get(start..).is_some_and(|word| {
        ["from", "by", "select", "measurement"].iter().any(|known| word.eq_ignore_ascii_case(known))
    })
}

fn first(value: &VariableValue) -> &str {
    value.values().first().map_or(".*", String::as_str)
}

/// A regular expression that matches just `value`, to stand between slashes.
fn regex_of(value: &VariableValue) -> Cow<'_, str> {
    match value.values() {
        [] => Cow::Borrowed(".*"),
        [one] => Cow::Owned(escape_regex(one)),
        many => {
            let escaped: Vec<String> = many.iter().map(|text| escape_regex(text)).collect();
            Cow::Owned(format!("({})", escaped.join("|")))
        }
    }
}

/// `text` so that it matches itself in a regular expression between slashes.
fn escape_regex(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str(r"\n"),
            '\r' => out.push_str(r"\r"),
            '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$'
            | '/' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// `text` as it stands between two `quote`s.
fn push_escaped(out: &mut String, text: &str, quote: char) {
    for c in text.chars() {
        match c {
            '\n' => out.push_str(r"\n"),
            c if c == quote || c == '\\' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
}

fn push_bare(out: &mut String, text: &str) {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain {
        out.push_str(text);
    } else {
        out.push('"');
        push_escaped(out, text, '"');
        out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stripchart_core::Timestamp;

    fn expand(statement: &str, variables: &[(&str, &[&str])]) -> String {
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, values)| {
                let values = values.iter().map(|&value| value.to_owned()).collect();
                ((*name).to_owned(), VariableValue::Some(values))
            })
            .collect();
        let range = TimeRange::new(Timestamp::from_millis(1), Timestamp::from_millis(2));
        Macros { range, interval_ns: 60_000_000_000, variables: &variables }.expand(statement)
    }

    #[test]
    fn built_in_names() {
        let cases = [
            ("$timeFilter", "time >= 1ms AND time < 2ms"),
            ("$__timeFilter", "time >= 1ms AND time < 2ms"),
            ("time($interval)", "time(1m)"),
            ("time($__interval)", "time(1m)"),
            ("time([[interval]])", "time(1m)"),
            ("time(${__interval})", "time(1m)"),
            ("$__interval_ms", "60000"),
            ("$__from..$__to", "1..2"),
        ];
        for (statement, want) in cases {
            assert_eq!(expand(statement, &[]), want, "{statement}");
        }
    }

    #[test]
    fn the_longest_known_name_counts_and_unknown_ones_stay() {
        let variables: &[(&str, &[&str])] = &[("node", &["a"]), ("nodename", &["b"]), ("", &["c"])];
        let cases = [
            ("= '$nodename'", "= 'b'"),
            ("= '$node'", "= 'a'"),
            ("= '$nodes'", "= 'as'"),
            ("= '$other $ 5'", "= '$other $ 5'"),
            ("= '${other} ${node'", "= '${other} ${node'"),
            ("= '[[other]] [[node]] ${node} ${node:csv}'", "= '[[other]] a a a'"),
            ("=~ /$nodename$/", "=~ /b$/"),
            ("=~ /^$node$/ AND x = '$'", "=~ /^a$/ AND x = '$'"),
        ];
        for (statement, want) in cases {
            assert_eq!(expand(statement, variables), want, "{statement}");
        }
    }

    #[test]
    fn a_value_never_leaves_its_place() {
        let hostile = r#"a/b.*'"\) OR 1"#;
        let cases = [
            ("x =~ /^$v$/", r#"x =~ /^a\/b\.\*'"\\\) OR 1$/"#),
            ("FROM /$v/", r#"FROM /a\/b\.\*'"\\\) OR 1/"#),
            ("x = '$v'", r#"x = 'a/b.*\'"\\) OR 1'"#),
            ("\"$v\"", r#""a/b.*'\"\\) OR 1""#),
            ("LIMIT $v", r#"LIMIT "a/b.*'\"\\) OR 1""#),
            ("v / 2 + '$v'", r#"v / 2 + 'a/b.*\'"\\) OR 1'"#),
            ("(v)/$v", r#"(v)/"a/b.*'\"\\) OR 1""#),
            ("1 -- $v\n", "1 -- $v\n"),
            ("1 /* $v */", "1 /* $v */"),
        ];
        for (statement, want) in cases {
            assert_eq!(expand(statement, &[("v", &[hostile])]), want, "{statement}");
        }
    }

    #[test]
    fn escapes_of_the_statement_itself_do_not_end_a_token() {
        let v: &[(&str, &[&str])] = &[("v", &["'/"])];
        assert_eq!(expand(r"a = 'it\'s $v'", v), r"a = 'it\'s \'/'");
        assert_eq!(expand(r"a =~ /x\/$v/", v), r"a =~ /x\/'\//");
        assert_eq!(expand(r"a = 'open \", v), r"a = 'open \");
    }

    #[test]
    fn several_values_and_all() {
        let two: &[(&str, &[&str])] = &[("v", &["a.b", "c"])];
        assert_eq!(expand("=~ /^$v$/", two), r"=~ /^(a\.b|c)$/");
        assert_eq!(expand("= '$v'", two), "= 'a.b'");
        assert_eq!(expand("=~ /^$v$/", &[("v", &[])]), "=~ /^.*$/");
    }

    #[test]
    fn values_are_not_expanded_again() {
        let v: &[(&str, &[&str])] = &[("a", &["$b"]), ("b", &["x"])];
        assert_eq!(expand("'$a'", v), "'$b'");
    }

    #[test]
    fn plain_words_stand_bare() {
        assert_eq!(expand("LIMIT $n", &[("n", &["10"])]), "LIMIT 10");
        assert_eq!(expand("FROM $n", &[("n", &["cpu/x"])]), "FROM \"cpu/x\"");
        assert_eq!(expand("FROM $n", &[("n", &[""])]), "FROM \"\"");
    }
}
