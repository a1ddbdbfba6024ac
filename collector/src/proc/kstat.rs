//! `/proc/spl/kstat/*/*`: counters of ZFS, in the form that it brought along from Solaris.
//!
//! ```text
//! 9 1 0x01 123 33456 6532534131 66187934535
//! name                            type data
//! hits                            4    8772612
//! arc_need_free                   3    -4096
//! ```
//!
//! A line about the table, a heading, then name, type and value: type 3 is a number that may be negative, 4 a count, others
//! are text.
//!
//! Source: module/os/linux/spl/spl-kstat.c of OpenZFS.

use crate::ParseError;
use crate::text::{Line, Lines, count};

/// The whole table.
#[derive(Debug, Clone, Copy)]
pub struct KStat<'a>(&'a [u8]);

impl<'a> KStat<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the heading is missing, or a name is no UTF-8, or a count is none.
    ///
    /// ```
    /// use stripchart_collector::proc::KStat;
    /// let table = KStat::parse(b"9 1 0x01 2 96 1 2\nname type data\nhits 4 12\nneed 3 -4\n")?;
    /// assert_eq!(table.iter().collect::<Vec<_>>(), [("hits", 12)]);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        const HEADING: &str = "a heading \"name type data\"";
        let mut lines = Lines::new(text)?.skip(1);
        let heading = lines.next().ok_or_else(|| ParseError::at_end(2, HEADING))?;
        if !heading.text.starts_with(b"name") {
            return Err(heading.error(HEADING, heading.text));
        }
        lines.try_for_each(|line| entry(line).map(drop))?;
        Ok(KStat(text))
    }

    /// The counts in the table's order; numbers below zero and text are passed over.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, u64)> + use<'a> {
        Lines::numbered(self.0, 1).skip(2).filter_map(|line| entry(line).ok().flatten())
    }
}

fn entry<'a>(line: Line<'a>) -> Result<Option<(&'a str, u64)>, ParseError> {
    let mut fields = line.fields();
    let (name, kind) = (fields.str("a name")?, fields.count("a type")?);
    let value = fields.word("a value")?;
    match (kind, count(value)) {
        (3 | 4, Some(count)) => Ok(Some((name, count))),
        (3, None) if value.strip_prefix(b"-").and_then(count).is_some() => Ok(None),
        (3 | 4, None) => Err(line.error("a count", value)),
        _ => Ok(None),
    }
}
