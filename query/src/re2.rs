//! InfluxDB's regular expressions (RE2 as the Go language has it) in terms of the `regex` crate.
//!
//! The two dialects are siblings, both linear in time. They differ in details that this module smooths: Go's `\d`,
//! `\w`, `\s` and `\b` know ASCII only, Go has `\Q...\E`, takes `\<` for `<`, and in a bracketed class knows no nested
//! class and no set operators.

use regex::{Error, Regex, RegexBuilder};

/// A compiled pattern takes at most this many bytes; the `regex` crate's own default, named so that it stays.
const SIZE_LIMIT_BYTES: usize = 10 << 20;

/// Compiles a pattern in Go's dialect.
pub(crate) fn compile(pattern: &str) -> Result<Regex, Error> {
    RegexBuilder::new(&translate(pattern)).size_limit(SIZE_LIMIT_BYTES).build()
}

/// What is wrong with `pattern`, in Go's words where they are known.
pub(crate) fn message(error: &Error, pattern: &str) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or("").trim_start_matches("error: ");
    let reason = match last {
        "unclosed group" => "missing closing )",
        "unopened group" => "unexpected )",
        "unclosed character class" => "missing closing ]",
        "repetition operator missing expression" => "missing argument to repetition operator",
        "incomplete escape sequence, reached end of pattern prematurely" => {
            "trailing backslash at end of expression"
        }
        other => other,
    };
    // Of a class that never ends Go shows what begins with it.
    let at = if reason == "missing closing ]" { open_class(pattern).unwrap_or(0) } else { 0 };
    format!("error parsing regexp: {reason}: `{}`", pattern.get(at..).unwrap_or(pattern))
}

/// Where the class begins that never ends.
fn open_class(pattern: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(character) = pattern.get(at..)?.chars().next() {
        let rest = &pattern[at..];
        let after = match character {
            '\\' => translate_escape(rest, false, &mut String::new()),
            '[' => {
                let mut class = String::new();
                let after = translate_class(rest, &mut class);
                if after.is_empty() && !class.ends_with(']') {
                    return Some(at);
                }
                after
            }
            _ => &rest[character.len_utf8()..],
        };
        at = pattern.len() - after.len();
    }
    None
}

/// Rewrites Go's dialect into the `regex` crate's. A pattern that is wrong in Go stays wrong.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(character) = rest.chars().next() {
        rest = match character {
            '\\' => translate_escape(rest, false, &mut out),
            '[' => translate_class(rest, &mut out),
            _ => {
                out.push(character);
                &rest[character.len_utf8()..]
            }
        };
    }
    out
}

/// Takes an escape from the front of `rest` and returns what follows it.
fn translate_escape<'a>(rest: &'a str, in_class: bool, out: &mut String) -> &'a str {
    let Some(escaped) = rest[1..].chars().next() else {
        out.push('\\'); // an error in both dialects
        return "";
    };
    let after = &rest[1 + escaped.len_utf8()..];
    match escaped {
        'Q' if !in_class => {
            let (literal, after) = after.split_once("\\E").unwrap_or((after, ""));
            out.push_str(&regex::escape(literal));
            return after;
        }
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.push_str(r"[\t\n\f\r ]"),
        'S' => out.push_str(r"[^\t\n\f\r ]"),
        'b' if !in_class => out.push_str(r"(?-u:\b)"),
        '<' | '>' => out.push(escaped),
        _ => {
            out.push('\\');
            out.push(escaped);
        }
    }
    after
}

/// Takes a bracketed class from the front of `rest` and returns what follows it.
fn translate_class<'a>(rest: &'a str, out: &mut String) -> &'a str {
    out.push('[');
    let mut rest = &rest[1..];
    if let Some(after) = rest.strip_prefix('^') {
        out.push('^');
        rest = after;
    }
    // A bracket that comes first is a member.
    if let Some(after) = rest.strip_prefix(']') {
        out.push_str(r"\]");
        rest = after;
    }
    while let Some(character) = rest.chars().next() {
        if let Some(end) = rest.strip_prefix("[:").and_then(|name| name.find(":]")) {
            let (class, after) = rest.split_at(end + 4);
            out.push_str(class);
            rest = after;
            continue;
        }
        let after = &rest[character.len_utf8()..];
        rest = match character {
            ']' => {
                out.push(']');
                return after;
            }
            '\\' => translate_escape(rest, true, out),
            '[' | '&' | '~' => {
                out.push('\\');
                out.push(character);
                after
            }
            _ => {
                out.push(character);
                after
            }
        };
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_go_does() {
        let cases = [
            (r"^server.*", "server01", true),
            (r"^server.*", "a server01", false),
            (r"http\:\/\/www\.example\.com", "http://www.example.com/x", true),
            (r"^\d+$", "12", true),
            (r"^\d+$", "\u{0661}", false), // an Arabic digit
            (r"^[\d.]+$", "1.2", true),
            (r"^[^\d]+$", "ab", true),
            (r"^\w$", "\u{e9}", false),
            (r"[[a]b", "[b", true),
            (r"^[]a]$", "]", true),
            (r"^[^]a]$", "]", false),
            (r"^[a&&b]$", "&", true),
            (r"^[[:alpha:]]$", "x", true),
            (r"^\<a\>$", "<a>", true),
            (r"^\Qa.b\E.$", "a.bc", true),
            (r"^\Qa.b\E.$", "axbc", false),
            (r"(?i)^cpu$", "CPU", true),
            (r"\bcpu\b", "my cpu here", true),
            ("", "anything", true),
        ];
        for (pattern, text, want) in cases {
            let regex = compile(pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
            assert_eq!(regex.is_match(text), want, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in ["(", "a**b(", "[a", "\\", "(?<=a)b", r"\1", "x{1001}{1001}", "+"] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
