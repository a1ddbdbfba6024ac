//! What is wrong with a query's text, and where.

use std::fmt;

/// Why a text is no InfluxQL.
///
/// Displays InfluxDB's message to the letter: `found X, expected FROM at line 1, char 15`. InfluxDB's `char` is one
/// too high at the end of the text after a bare word, and one too low for strings and regexes; [`offset`](Self::offset)
/// is exact.
///
/// ```
/// let text = "SELECT mean(v)\nFRO cpu";
/// let error = stripchart_query::parse_query(text).unwrap_err();
/// assert_eq!(error.to_string(), "found FRO, expected FROM at line 2, char 1");
/// assert_eq!(error.excerpt(text), "FRO cpu\n^");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    pub(super) message: String,
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) offset: usize,
}

impl ParseError {
    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The character in the line as InfluxDB counts, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// The byte at which the text stops making sense, counted from 0; the text's length if it ends too early.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The line in question out of `text`, the text that was parsed, with a caret under the place.
    ///
    /// Of a long line, the forty characters to either side.
    #[must_use]
    pub fn excerpt(&self, text: &str) -> String {
        const REACH: usize = 40;
        let (before, after) = text.split_at_checked(self.offset).unwrap_or((text, ""));
        let start = before.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let start =
            before[start..].char_indices().rev().nth(REACH - 1).map_or(start, |(at, _)| start + at);
        let line = after.split(['\n', '\r']).next().unwrap_or("");
        let end = line.char_indices().nth(REACH).map_or(line.len(), |(at, _)| at);
        let indent = before[start..].chars().count();
        format!("{}{}\n{:indent$}^", &before[start..], &line[..end], "")
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParseError {}
