//! `memory.numa_stat` of version 2: where a cgroup's memory is, by memory node.
//!
//! ```text
//! anon N0=1761280 N1=0
//! file N0=5316608 N1=4096
//! ...
//! unevictable N0=0 N1=0
//! workingset_refault_anon N0=0 N1=0
//! ```
//!
//! Bytes, but for the counts of `workingset_*`; the cgroups below are included. Since 5.9.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "Memory Interface Files".

use crate::ParseError;
use crate::cgroup::v1::node_counts;
use crate::text::Lines;

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryNumaStat<'a>(&'a [u8]);

impl<'a> MemoryNumaStat<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line is not a key with `NODE=BYTES` for each node.
    ///
    /// ```
    /// use stripchart_collector::cgroup::v2::MemoryNumaStat;
    /// let stat = MemoryNumaStat::parse(b"anon N0=8192 N1=4096\nfile N0=0 N1=0\n")?;
    /// assert_eq!(stat.iter().nth(1), Some((&b"anon"[..], 1, 4096)));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        for line in Lines::new(text)? {
            let mut fields = line.fields();
            fields.word("a key")?;
            for count in node_counts(fields) {
                count?;
            }
        }
        Ok(MemoryNumaStat(text))
    }

    /// Key, node and bytes, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], u32, u64)> + use<'a> {
        Lines::numbered(self.0, 1).flat_map(|line| {
            let mut fields = line.fields();
            let key = fields.next_field().unwrap_or_default();
            node_counts(fields).flatten().map(move |(node, bytes)| (key, node, bytes))
        })
    }
}
