//! `/proc/sys/fs/file-nr` and `/proc/sys/fs/inode-nr`: open files and inodes of the whole host.
//!
//! ```text
//! 1024    0       9223372036854775807
//! ```
//!
//! `file-nr`: allocated handles, free ones among them (0 since 2.6), the limit. `inode-nr`: allocated inodes, free ones.
//!
//! Kernel documentation: Documentation/admin-guide/sysctl/fs.rst.

use crate::ParseError;
use crate::text::Lines;

/// File handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileNr {
    /// Allocated.
    pub allocated: u64,
    /// How many there may be.
    pub max: u64,
}

impl FileNr {
    /// Parses `file-nr`.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if there are not three counts.
    ///
    /// ```
    /// use stripchart_collector::proc::FileNr;
    /// let files = FileNr::parse(b"1024\t0\t9000\n")?;
    /// assert_eq!((files.allocated, files.max), (1024, 9000));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let [allocated, _, max] = counts(text)?;
        Ok(FileNr { allocated, max })
    }
}

/// Inodes in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InodeNr {
    /// Allocated.
    pub allocated: u64,
    /// Those not in use.
    pub free: u64,
}

impl InodeNr {
    /// Parses `inode-nr`.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if there are not two counts.
    ///
    /// ```
    /// use stripchart_collector::proc::InodeNr;
    /// assert_eq!(InodeNr::parse(b"512\t7\n")?.free, 7);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let [allocated, free] = counts(text)?;
        Ok(InodeNr { allocated, free })
    }
}

fn counts<const N: usize>(text: &[u8]) -> Result<[u64; N], ParseError> {
    let line = Lines::new(text)?.next().ok_or_else(|| ParseError::at_end(1, "a count"))?;
    let mut fields = line.fields();
    let mut counts = [0; N];
    for count in &mut counts {
        *count = fields.count("a count")?;
    }
    Ok(counts)
}
