//! `/proc/PID/limits`: what a process may use.
//!
//! ```text
//! Limit                     Soft Limit           Hard Limit           Units
//! Max cpu time              unlimited            unlimited            seconds
//! Max open files            1024                 524288               files
//! ```
//!
//! Names hold single blanks; columns are two blanks or more apart. Limits without a unit end the line.

use crate::ParseError;
use crate::text::{Fields, Lines, count};

/// The file, to be asked for single limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits<'a>(&'a [u8]);

/// A limit; `None` is unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourceLimit {
    /// In force.
    pub soft: Option<u64>,
    /// How far `soft` may be raised.
    pub hard: Option<u64>,
}

impl<'a> Limits<'a> {
    /// Takes the file.
    #[must_use]
    pub const fn new(text: &'a [u8]) -> Self {
        Limits(text)
    }

    /// The limit called `name`, as `Max open files`; `None` if there is none of that name.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the text is cut short, or a limit is neither a count nor `unlimited`.
    ///
    /// ```
    /// use stripchart_collector::proc::pid::Limits;
    /// let limits = Limits::new(b"Limit  Soft Limit  Hard Limit  Units\nMax open files   1024   unlimited   files\n");
    /// let files = limits.get("Max open files")?.unwrap();
    /// assert_eq!((files.soft, files.hard), (Some(1024), None));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn get(&self, name: &str) -> Result<Option<ResourceLimit>, ParseError> {
        for line in Lines::new(self.0)? {
            let Some(rest) = line.text.strip_prefix(name.as_bytes()) else { continue };
            if !rest.starts_with(b"  ") {
                continue;
            }
            let mut fields = Fields::new(line.number, rest);
            return Ok(Some(ResourceLimit {
                soft: limit(&mut fields)?,
                hard: limit(&mut fields)?,
            }));
        }
        Ok(None)
    }
}

fn limit(fields: &mut Fields<'_>) -> Result<Option<u64>, ParseError> {
    const LIMIT: &str = "a count or \"unlimited\"";
    match fields.word(LIMIT)? {
        b"unlimited" => Ok(None),
        word => count(word).map(Some).ok_or_else(|| fields.error(LIMIT, word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_found_by_their_whole_name() {
        let text =
            b"Limit                     Soft Limit           Hard Limit           Units     \n\
            Max open files            1024                 524288               files     \n\
            Max open files and more   1                    2                    files     \n\
            Max nice priority         0                    0                    \n\
            Max cpu time              soon                 unlimited            seconds   \n";
        let limits = Limits::new(text);
        let files = limits.get("Max open files").unwrap().unwrap();
        assert_eq!((files.soft, files.hard), (Some(1024), Some(524_288)));
        assert_eq!(limits.get("Max nice priority").unwrap().unwrap().soft, Some(0));
        assert_eq!(limits.get("Max open").unwrap(), None);
        let error = limits.get("Max cpu time").unwrap_err().to_string();
        assert_eq!(error, "line 5: expected a count or \"unlimited\", found \"soon\"");
        assert!(Limits::new(b"Max open files  1").get("Max open files").is_err());
    }
}
