//! What can be wrong with a kernel file.

use std::error::Error;
use std::fmt;
#[cfg(feature = "linux")]
use std::path::Path;
use std::path::PathBuf;

/// Longest piece of a file that an error quotes, in bytes.
const QUOTED_BYTES_MAX: usize = 60;

/// A kernel file whose text is not what its documentation says.
///
/// Parsers know no paths; whoever opened the file adds it, as [`Warning`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: usize,
    /// What should have stood there.
    pub expected: &'static str,
    /// What did: a piece of the line, `end of line` or `end of file`.
    pub found: String,
}

impl ParseError {
    /// An error at `line`, quoting the beginning of `found`.
    pub(crate) fn new(line: usize, expected: &'static str, found: &[u8]) -> Self {
        if found.is_empty() {
            return ParseError { line, expected, found: "end of line".to_owned() };
        }
        let cut = &found[..found.len().min(QUOTED_BYTES_MAX)];
        let more = if cut.len() < found.len() { "..." } else { "" };
        ParseError { line, expected, found: format!("{:?}{more}", String::from_utf8_lossy(cut)) }
    }

    /// An error at the end of a text whose last line is `line`.
    pub(crate) fn at_end(line: usize, expected: &'static str) -> Self {
        ParseError { line: line.max(1), expected, found: "end of file".to_owned() }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: expected {}, found {}", self.line, self.expected, self.found)
    }
}

impl Error for ParseError {}

/// Something that left metrics out, told once.
///
/// A library does not log: the sampler collects these and its caller prints, counts or drops them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// The file or folder concerned.
    pub path: PathBuf,
    /// What is wrong with it and what is left out for it.
    pub message: String,
}

#[cfg(feature = "linux")]
impl Warning {
    /// A warning about `path`.
    pub(crate) fn new(path: &Path, message: impl Into<String>) -> Self {
        Warning { path: path.to_owned(), message: message.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}
