//! Small files of sysfs and procfs that hold one value, and the folders they lie in.
//!
//! Which of them exist depends on drivers: one that is not there, or whose device says that it has nothing to tell, is
//! absent without a word. What cannot be read for another reason, or holds something else than it should, gives a warning.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use crate::ParseError;
use crate::file::{Buffer, open};
use crate::text::count;
use crate::warnings::{Warnings, left_out};

/// Entries of a folder looked at; no machine has more devices of a kind.
const ENTRIES_MAX: usize = 16_384;

/// Reads such files.
#[derive(Debug)]
pub(crate) struct Attrs<'a> {
    buffer: &'a mut Buffer,
    warnings: &'a mut Warnings,
}

impl<'a> Attrs<'a> {
    pub(crate) const fn new(buffer: &'a mut Buffer, warnings: &'a mut Warnings) -> Self {
        Attrs { buffer, warnings }
    }

    /// The whole file at `path`; `None` if it is absent or cannot be read.
    pub(crate) fn file(&mut self, path: &Path) -> Option<&[u8]> {
        match open(path).and_then(|file| self.buffer.fill(&file, false)) {
            Ok(text) => Some(text),
            Err(error) => {
                if !is_absent(&error) {
                    self.warnings.warn(path, left_out(&error));
                }
                None
            }
        }
    }

    /// What `parse` makes of the file at `path`.
    pub(crate) fn parsed<T>(
        &mut self,
        path: &Path,
        parse: impl FnOnce(&[u8]) -> Result<T, ParseError>,
    ) -> Option<T> {
        let parsed = parse(self.file(path)?);
        self.warnings.parsed(path, parsed)
    }

    /// The text of the file at `path`, of as many lines as there are.
    pub(crate) fn document(&mut self, path: &Path) -> Option<String> {
        self.file(path).map(|text| String::from_utf8_lossy(text).into_owned())
    }

    /// The one line of the file at `path` without blanks, line ends and NULs around it, which files of the device tree end
    /// with; `None` if nothing is left.
    pub(crate) fn text(&mut self, path: &Path) -> Option<String> {
        let text = self.parsed(path, |text| {
            let text = String::from_utf8_lossy(text);
            let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
            match text.contains(char::is_control) {
                false => Ok(text.to_owned()),
                true => Err(ParseError::new(1, "one line of text", text.as_bytes())),
            }
        });
        text.filter(|text| !text.is_empty())
    }

    /// The count in the file at `path`.
    pub(crate) fn count(&mut self, path: &Path) -> Option<u64> {
        self.parsed(path, |text| number(text, "a count", count))
    }

    /// The number in the file at `path`, which may be negative.
    pub(crate) fn signed(&mut self, path: &Path) -> Option<i64> {
        self.parsed(path, |text| number(text, "a number", signed))
    }

    /// The names in `folder` in order, numbers in them by value; none if the folder is not there.
    pub(crate) fn names(&mut self, folder: &Path) -> Vec<String> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                if !is_absent(&error) {
                    self.warnings.warn(folder, left_out(&error));
                }
                return Vec::new();
            }
        };
        let name = |name: &OsStr| name.to_str().map(str::to_owned);
        let mut names: Vec<String> = entries
            .take(ENTRIES_MAX)
            .flatten()
            .filter_map(|entry| name(&entry.file_name()))
            .collect();
        names.sort_unstable_by(|a, b| natural(a).cmp(&natural(b)));
        names
    }

    /// The numbers `N` of the entries `prefixN` of `folder`, in order.
    pub(crate) fn numbered(&mut self, folder: &Path, prefix: &str) -> Vec<u32> {
        let number = |name: &String| count(name.strip_prefix(prefix)?.as_bytes());
        let names = self.names(folder);
        let numbers = names.iter().filter_map(number);
        let mut numbers: Vec<u32> = numbers.filter_map(|n| u32::try_from(n).ok()).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// Whether `error` says that there is nothing, rather than that something is wrong: no file, no such device behind it,
/// no value at the moment (the speed of a link that is down, the temperature of a sensor that sleeps).
fn is_absent(error: &io::Error) -> bool {
    const NOTHING: [i32; 8] = [
        libc::EINVAL,
        libc::ENODATA,
        libc::ENXIO,
        libc::ENODEV,
        libc::EOPNOTSUPP,
        libc::EAGAIN,
        libc::ENOTDIR,
        libc::ETIMEDOUT,
    ];
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error().is_some_and(|code| NOTHING.contains(&code))
}

/// Parses a file of one line that holds one number.
fn number<T>(
    text: &[u8],
    expected: &'static str,
    read: impl FnOnce(&[u8]) -> Option<T>,
) -> Result<T, ParseError> {
    let word = text.trim_ascii();
    if word.is_empty() {
        return Err(ParseError::at_end(1, expected));
    }
    read(word).ok_or_else(|| ParseError::new(1, expected, word))
}

fn signed(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"-") {
        Some(digits) => 0_i64.checked_sub_unsigned(count(digits)?),
        None => i64::try_from(count(word)?).ok(),
    }
}

/// A name as a key that puts `temp2` before `temp10`: what precedes its last number, and that number.
fn natural(name: &str) -> (&str, u64, &str) {
    let start = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    (&name[..start], count(&name.as_bytes()[start..]).unwrap_or(0), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_absent_ones_are_silent_and_bad_ones_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let (mut buffer, mut warnings) = (Buffer::default(), Warnings::default());
        let mut attrs = Attrs::new(&mut buffer, &mut warnings);
        let at = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        assert_eq!(attrs.signed(&at("temp10", "-12500\n")), Some(-12_500));
        assert_eq!(attrs.signed(&at("lowest", "-9223372036854775808")), Some(i64::MIN));
        assert_eq!(attrs.count(&at("temp2", "7")), Some(7));
        assert_eq!(attrs.text(&at("id", "4c4c\0")), Some("4c4c".to_owned()));
        assert_eq!(attrs.text(&at("blank", "\n")), None);
        assert_eq!(attrs.count(Path::new("/no/such")), None);
        assert_eq!(attrs.names(folder.path()), ["blank", "id", "lowest", "temp2", "temp10"]);
        assert_eq!(attrs.numbered(folder.path(), "temp"), [2, 10]);
        assert_eq!(attrs.count(&at("bad", "12 cm\n")), None);
        assert_eq!(attrs.signed(&at("empty", "")), None);
        let told: Vec<_> = warnings.take().iter().map(|w| w.message.clone()).collect();
        assert_eq!(
            told,
            [
                "line 1: expected a count, found \"12 cm\"; its metrics are left out",
                "line 1: expected a number, found end of file; its metrics are left out",
            ]
        );
    }
}
