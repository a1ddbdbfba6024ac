//! `/sys/devices/system/cpu/online` and other lists of processors or memory nodes.
//!
//! ```text
//! 0-3,5,8-11
//! ```
//!
//! Numbers and ranges, both ends included, in ascending order; an empty line is an empty list.
//!
//! Kernel documentation: Documentation/admin-guide/cputopology.rst.

use crate::ParseError;
use crate::text::{Fields, Lines, count};

/// The list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CpuList(Vec<(u32, u32)>);

impl CpuList {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a piece between commas is neither a number nor an ascending range.
    ///
    /// ```
    /// use stripchart_collector::sysfs::CpuList;
    /// let online = CpuList::parse(b"0-2,5\n")?;
    /// assert_eq!((online.len(), online.contains(2), online.contains(3)), (4, true, false));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        const RANGE: &str = "a number or a range FIRST-LAST";
        let Some(line) = Lines::new(text)?.next() else { return Ok(CpuList::default()) };
        let number = |word: &[u8]| u32::try_from(count(word)?).ok();
        let range = |piece: &[u8]| match piece.iter().position(|byte| *byte == b'-') {
            Some(dash) => Some((number(&piece[..dash])?, number(&piece[dash + 1..])?)),
            None => number(piece).map(|one| (one, one)),
        };
        let word = Fields::new(line.number, line.text).word(RANGE)?;
        let mut ranges = Vec::new();
        for piece in word.split(|byte| *byte == b',') {
            match range(piece).filter(|(first, last)| first <= last) {
                Some(range) => ranges.push(range),
                None => return Err(line.error(RANGE, piece)),
            }
        }
        Ok(CpuList(ranges))
    }

    /// Whether `number` is in the list.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| u64::from(last - first) + 1).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
