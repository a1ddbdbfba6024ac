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
use crate::cgroup::{NumberList, numbers_in};

/// The list, kept; [`NumberList`] borrows the file's text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CpuList(Vec<(u64, u64)>);

impl CpuList {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a piece between commas is neither a number nor an ascending range, or there is another line.
    ///
    /// ```
    /// use stripchart_collector::sysfs::CpuList;
    /// let online = CpuList::parse(b"0-2,5\n")?;
    /// assert_eq!((online.len(), online.contains(2), online.contains(3)), (4, true, false));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        Ok(CpuList(NumberList::parse(text)?.spans().collect()))
    }

    /// Whether `number` is in the list.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&u64::from(number)))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        numbers_in(self.0.iter().copied())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
