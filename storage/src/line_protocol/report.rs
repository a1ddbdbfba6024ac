//! What became of a body.

use std::fmt;

use super::error::{Fault, ParseError};
use super::line::RawLine;

/// Errors that a report keeps.
const ERRORS_KEPT: usize = 64;

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ParseReport {
    /// Points appended to the batch.
    pub rows: usize,
    /// What was wrong with the first 64 of the lines that were refused.
    pub errors: Vec<ParseError>,
    /// Lines refused.
    pub error_count: usize,
}

impl ParseReport {
    /// Whether no line was refused.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.error_count == 0
    }

    /// InfluxDB's sentences for the refused lines, one each, as its answer to a write has them; `None` if there are none.
    ///
    /// Where some points were good, InfluxDB puts `partial write: ` before and ` dropped=0` behind.
    #[must_use]
    pub fn influxdb_message(&self) -> Option<String> {
        let sentences: Vec<_> = self.errors.iter().map(ParseError::influxdb_message).collect();
        (!self.is_ok()).then(|| sentences.join("\n"))
    }

    #[cold]
    pub(super) fn refuse(&mut self, line: &RawLine<'_>, fault: Fault) {
        if self.errors.len() < ERRORS_KEPT {
            self.errors.push(ParseError::new(line.bytes, line.number, fault));
        }
        self.error_count += 1;
    }

    /// Counts a line that was refused.
    pub(super) fn add(&mut self, error: ParseError) {
        self.error_count += 1;
        if self.errors.len() < ERRORS_KEPT {
            self.errors.push(error);
        }
    }

    /// Adds what became of another part of the text, before which there are `lines`.
    pub(super) fn absorb(&mut self, part: ParseReport, lines: usize) {
        self.rows += part.rows;
        self.error_count += part.error_count;
        let room = ERRORS_KEPT.saturating_sub(self.errors.len());
        let errors = part.errors.into_iter().take(room);
        self.errors.extend(errors.map(|error| ParseError { line: error.line + lines, ..error }));
    }
}

impl fmt::Display for ParseReport {
    /// One line for each error kept, and one for how many were not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        match self.error_count - self.errors.len() {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}
