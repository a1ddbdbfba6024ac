//! `cpuset.cpus`, `cpuset.mems` and the like: numbers of processors or memory nodes.
//!
//! ```text
//! 0-3,7
//! ```
//!
//! Numbers and spans of them between commas; an empty line where there are none, which for version 2's settings means
//! all that the cgroup above has.
//!
//! Kernel documentation: Documentation/admin-guide/cputopology.rst and cgroup-v2.rst, "Cpuset Interface Files".

use crate::ParseError;
use crate::text::{Lines, count};

/// A list of processors or memory nodes, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberList<'a>(&'a str);

impl<'a> NumberList<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if there is anything but numbers and spans.
    ///
    /// ```
    /// use stripchart_collector::cgroup::NumberList;
    /// let list = NumberList::parse(b"0-3,7\n")?;
    /// assert_eq!((list.as_str(), list.len()), ("0-3,7", 5));
    /// assert!(NumberList::parse(b"\n")?.is_empty());
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        const RANGE: &str = "a number or a range FIRST-LAST";
        let mut lines = Lines::new(text)?;
        let Some(line) = lines.next() else { return Ok(NumberList("")) };
        if let Some(bad) = line.text.split(|byte| *byte == b',').find(|part| span(part).is_none()) {
            return Err(line.error(RANGE, bad));
        }
        if let Some(more) = lines.next() {
            return Err(more.error("end of file", more.text));
        }
        // Digits, commas and hyphens only.
        Ok(NumberList(std::str::from_utf8(line.text).unwrap_or_default()))
    }

    /// As the kernel wrote it.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        numbers_in(self.spans())
    }

    /// The first and the last number of each span; of a number by itself twice that.
    pub(crate) fn spans(self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        self.0.split(',').filter_map(|part| span(part.as_bytes()))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How many numbers there are in spans that do not overlap.
pub(crate) fn numbers_in(spans: impl Iterator<Item = (u64, u64)>) -> u64 {
    spans.fold(0, |sum, (from, to)| sum.saturating_add((to - from).saturating_add(1)))
}

/// A number, or two with a hyphen between, the second not less.
fn span(part: &[u8]) -> Option<(u64, u64)> {
    let hyphen = part.iter().position(|byte| *byte == b'-');
    let (from, to) = hyphen.map_or((part, part), |at| (&part[..at], &part[at + 1..]));
    let (from, to) = (count(from)?, count(to)?);
    (from <= to).then_some((from, to))
}
