//! Telling once what is wrong.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use crate::file::{Buffer, HostFile};
use crate::{ParseError, Warning};

/// Warnings kept until someone takes them; the oldest go first.
const KEPT_MAX: usize = 256;

/// Causes remembered as told; beyond that all are forgotten and may be told again.
const TOLD_MAX: usize = 4096;

/// Collects warnings, one for each file until that file is good again.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    kept: VecDeque<Warning>,
    told: HashSet<PathBuf>,
    count: u64,
}

impl Warnings {
    /// Warns about `path`, unless that was done and it has not been good since.
    pub(crate) fn warn(&mut self, path: &Path, message: impl Into<String>) {
        if self.told.contains(path) {
            return;
        }
        if self.told.len() >= TOLD_MAX {
            self.told.clear();
        }
        self.told.insert(path.to_owned());
        if self.kept.len() >= KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(Warning::new(path, message));
        self.count += 1;
    }

    /// Notes that `path` is good, so that its next fault is told.
    pub(crate) fn good(&mut self, path: &Path) {
        if !self.told.is_empty() {
            self.told.remove(path);
        }
    }

    /// Reads `file`; warns and gives nothing if that fails.
    pub(crate) fn read<'b>(
        &mut self,
        file: &mut HostFile,
        buffer: &'b mut Buffer,
    ) -> Option<&'b [u8]> {
        match file.read(buffer) {
            Ok(text) => Some(text),
            Err(error) => {
                self.warn(file.path(), left_out(&error));
                None
            }
        }
    }

    /// Reads `file` as [`Warnings::read`] does, but says nothing if there is no such file: many depend on how the kernel
    /// was built.
    pub(crate) fn read_if_any<'b>(
        &mut self,
        file: &mut HostFile,
        buffer: &'b mut Buffer,
    ) -> Option<&'b [u8]> {
        match file.read(buffer) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.warn(file.path(), left_out(&error));
                None
            }
        }
    }

    /// Gives what was parsed out of the file at `path`; warns and gives nothing if it could not be.
    pub(crate) fn parsed<T>(&mut self, path: &Path, parsed: Result<T, ParseError>) -> Option<T> {
        match parsed {
            Ok(parsed) => {
                self.good(path);
                Some(parsed)
            }
            Err(error) => {
                self.warn(path, format!("{error}; its metrics are left out"));
                None
            }
        }
    }

    /// Takes the warnings given since the last time.
    pub(crate) fn take(&mut self) -> Vec<Warning> {
        self.kept.drain(..).collect()
    }

    /// Warnings given so far, those since taken or dropped included.
    pub(crate) const fn count(&self) -> u64 {
        self.count
    }
}

/// What to say about a file that could not be read.
pub(crate) fn left_out(error: &io::Error) -> String {
    format!("cannot be read ({error}); its metrics are left out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_once_and_again_after_it_was_gone() {
        let mut warnings = Warnings::default();
        let path = Path::new("/proc/stat");
        warnings.warn(path, "bad");
        warnings.warn(path, "bad");
        assert_eq!(warnings.take().len(), 1);
        warnings.good(path);
        warnings.warn(path, "bad again");
        let taken = warnings.take();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].to_string(), "/proc/stat: bad again");
        assert_eq!(warnings.count(), 2);
    }

    #[test]
    fn memory_is_bounded() {
        let mut warnings = Warnings::default();
        for n in 0..10_000 {
            warnings.warn(Path::new(&format!("/{n}")), "bad");
        }
        assert!(warnings.told.len() <= TOLD_MAX);
        assert_eq!(warnings.take().len(), KEPT_MAX);
    }
}
