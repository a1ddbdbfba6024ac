//! Files that hold a single number: `memory.current`, `memory.usage_in_bytes`, `cpuacct.usage`, `pids.max` and so on.
//!
//! ```text
//! 183578624
//! ```
//!
//! Where the number is a limit, version 2 writes `max` for none; version 1 writes -1 (`cpu.cfs_quota_us`), or for memory
//! the largest multiple of the page size below 2^63.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "Conventions".

use crate::ParseError;
use crate::text::{Lines, count, one_count};

/// A number that is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value(pub u64);

impl Value {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if it holds anything else than one number.
    ///
    /// ```
    /// use stripchart_collector::cgroup::Value;
    /// assert_eq!(Value::parse(b"183578624\n")?, Value(183578624));
    /// assert!(Value::parse(b"max\n").is_err());
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        one_count(text, "a count").map(Value)
    }
}

/// A number that is a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// There is none.
    Unlimited,
    /// This much.
    At(u64),
}

/// From here on a number is version 1's way to say that memory has no limit: 2^63 less a page, whatever its size.
const UNLIMITED_FROM: u64 = 1 << 62;

impl Limit {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if it holds anything else than `max`, -1 or one number.
    ///
    /// ```
    /// use stripchart_collector::cgroup::Limit;
    /// assert_eq!(Limit::parse(b"1048576\n")?, Limit::At(1048576));
    /// assert_eq!(Limit::parse(b"max\n")?, Limit::Unlimited);
    /// assert_eq!(Limit::parse(b"9223372036854771712\n")?, Limit::Unlimited);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        const EXPECTED: &str = "a limit or \"max\"";
        let mut lines = Lines::new(text)?;
        let line = lines.next().ok_or_else(|| ParseError::at_end(1, EXPECTED))?;
        let limit = Self::of_word(line.text).ok_or_else(|| line.error(EXPECTED, line.text))?;
        match lines.next() {
            None => Ok(limit),
            Some(more) => Err(more.error("end of file", more.text)),
        }
    }

    /// The limit that `word` spells.
    pub(crate) fn of_word(word: &[u8]) -> Option<Self> {
        match word {
            b"max" | b"-1" => Some(Limit::Unlimited),
            digits => match count(digits)? {
                UNLIMITED_FROM.. => Some(Limit::Unlimited),
                limit => Some(Limit::At(limit)),
            },
        }
    }

    /// The limit as a number, if there is one.
    #[must_use]
    pub const fn limited(self) -> Option<u64> {
        match self {
            Limit::Unlimited => None,
            Limit::At(limit) => Some(limit),
        }
    }
}
