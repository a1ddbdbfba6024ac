//! `memory.numa_stat` of version 1: where a cgroup's memory is, by memory node.
//!
//! ```text
//! total=6811 N0=6811
//! file=670 N0=670
//! anon=374 N0=374
//! unevictable=5767 N0=5767
//! hierarchical_total=3850315 N0=3850315
//! ...
//! ```
//!
//! Pages; lines `hierarchical_...` (since 4.1) include the cgroups below. Some vendors' kernels add lines of other forms,
//! which are passed over.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v1/memory.rst, section 5.6.

use crate::ParseError;
use crate::text::{Fields, Lines, count};

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryNumaStat<'a>(&'a [u8]);

/// Keys of lines that are read.
const KEYS: [&[u8]; 8] = [
    b"total",
    b"file",
    b"anon",
    b"unevictable",
    b"hierarchical_total",
    b"hierarchical_file",
    b"hierarchical_anon",
    b"hierarchical_unevictable",
];

impl<'a> MemoryNumaStat<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line with one of the keys above is not `KEY=PAGES` and `NODE=PAGES` for each node.
    ///
    /// ```
    /// use stripchart_collector::cgroup::v1::MemoryNumaStat;
    /// let stat = MemoryNumaStat::parse(b"total=7 N0=5 N1=2\nanon=3 N0=2 N1=1\n")?;
    /// assert_eq!(stat.iter().last(), Some((&b"anon"[..], 1, 1)));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        for line in Lines::new(text)? {
            let mut fields = line.fields();
            let word = fields.word("KEY=PAGES")?;
            if key_of(word).is_none() {
                continue;
            }
            for count in node_counts(fields) {
                count?;
            }
        }
        Ok(MemoryNumaStat(text))
    }

    /// Key, node and pages, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], u32, u64)> + use<'a> {
        Lines::numbered(self.0, 1)
            .filter_map(|line| {
                let mut fields = line.fields();
                Some((key_of(fields.next_field()?)?, fields))
            })
            .flat_map(|(key, fields)| {
                node_counts(fields).flatten().map(move |(node, pages)| (key, node, pages))
            })
    }
}

/// The key of `KEY=PAGES`, if it is one that is read.
fn key_of(word: &[u8]) -> Option<&[u8]> {
    let equals = word.iter().position(|byte| *byte == b'=')?;
    let (key, total) = (&word[..equals], &word[equals + 1..]);
    (KEYS.contains(&key) && count(total).is_some()).then_some(key)
}

/// The fields `N0=1 N1=2` of a line, as node and count.
pub(crate) fn node_counts(
    mut fields: Fields<'_>,
) -> impl Iterator<Item = Result<(u32, u64), ParseError>> {
    const EXPECTED: &str = "NODE=COUNT, as N0=12";
    std::iter::from_fn(move || {
        let word = fields.next_field()?;
        let split = || {
            let word = word.strip_prefix(b"N")?;
            let equals = word.iter().position(|byte| *byte == b'=')?;
            let node = u32::try_from(count(&word[..equals])?).ok()?;
            Some((node, count(&word[equals + 1..])?))
        };
        Some(split().ok_or_else(|| fields.error(EXPECTED, word)))
    })
}
