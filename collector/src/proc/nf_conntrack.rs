//! `/proc/net/stat/nf_conntrack`: what connection tracking did, one line for each processor.
//!
//! ```text
//! entries  clashres found new invalid ignore delete chainlength insert insert_failed drop early_drop icmp_error ...
//! 00000021  00000000 00000000 00000000 00000003 00000000 00000000 00000000 00000000 00000000 00000000 00000000 ...
//! ```
//!
//! Names, then hexadecimal values. Names changed (`searched` became `clashres`, `delete_list` `chainlength`), so that
//! values are found by name. `entries` is the same in each line.
//!
//! Kernel source: net/netfilter/nf_conntrack_standalone.c.

use crate::ParseError;
use crate::text::{Keyed, Lines, hex, keyed_counts};

keyed_counts! {
    /// Sums over processors of the names that are kept.
    pub struct NfConntrack {
        /// Lookups that found an entry.
        found = b"found",
        /// Packets that cannot be tracked.
        invalid = b"invalid",
        /// Packets of a connection that was already decided on.
        ignore = b"ignore",
        /// Entries inserted.
        insert = b"insert",
        /// Entries that could not be inserted, mostly because the same is there.
        insert_failed = b"insert_failed",
        /// Packets dropped because the table was full or memory was short.
        drop = b"drop",
        /// Entries dropped to make room for new ones.
        early_drop = b"early_drop",
        /// Packets of ICMP errors that belong to no entry.
        icmp_error = b"icmp_error",
        /// Lookups that had to be started again.
        search_restart = b"search_restart",
    }
}

impl NfConntrack {
    /// Parses the file. Names that are missing are `None`.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if there is no line of names, or a line has fewer values than names or one that is none, or no name is
    /// known.
    ///
    /// ```
    /// use stripchart_collector::proc::NfConntrack;
    /// let stat = NfConntrack::parse(b"entries found drop\n00000002 0000000a 00000001\n00000002 00000001 00000000\n")?;
    /// assert_eq!((stat.found, stat.drop, stat.insert), (Some(11), Some(1), None));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        const NUMBER: &str = "a hexadecimal number";
        let mut lines = Lines::new(text)?;
        let names = lines.next().ok_or_else(|| ParseError::at_end(1, "a line of names"))?;
        let mut stat = NfConntrack::default();
        for line in lines {
            let (mut names, mut values) = (names.fields(), line.fields());
            while let Some(name) = names.next_field() {
                let word = values.word("as many values as names")?;
                let value = hex(word).ok_or_else(|| line.error(NUMBER, word))?;
                if let Some(slot) = stat.slot(name) {
                    *slot = Some(slot.unwrap_or(0).saturating_add(value));
                }
            }
        }
        match stat == NfConntrack::default() {
            false => Ok(stat),
            true => Err(ParseError::at_end(2, "values under names that are known")),
        }
    }
}
