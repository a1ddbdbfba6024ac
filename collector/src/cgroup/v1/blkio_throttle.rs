//! `blkio.throttle.io_service_bytes` and `blkio.throttle.io_serviced`, and the same with `_recursive`: I/O of a cgroup.
//!
//! ```text
//! 254:0 Read 4104192
//! 254:0 Write 1048576
//! 254:0 Sync 5152768
//! 254:0 Async 0
//! 254:0 Discard 0
//! 254:0 Total 5152768
//! Total 5152768
//! ```
//!
//! Bytes or requests by device (major:minor) and kind; every request is either read, write or discard, and either sync or
//! async. `Discard` since 4.18; `_recursive`, which includes the cgroups below, since 4.13. A cgroup without I/O has the last line only.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v1/blkio-controller.rst.

use crate::ParseError;
use crate::text::{Line, Lines, device_number};

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlkioThrottle<'a>(&'a [u8]);

/// One device and kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlkioEntry<'a> {
    /// Device number, major and minor.
    pub device: (u64, u64),
    /// `Read`, `Write`, `Sync`, `Async`, `Discard` or `Total`.
    pub operation: &'a [u8],
    /// Bytes or requests.
    pub value: u64,
}

impl<'a> BlkioThrottle<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line is neither of a device nor the total.
    ///
    /// ```
    /// use stripchart_collector::cgroup::v1::BlkioThrottle;
    /// let io = BlkioThrottle::parse(b"8:0 Read 4096\n8:0 Total 4096\nTotal 4096\n")?;
    /// assert_eq!(io.iter().next().map(|entry| (entry.device, entry.value)), Some(((8, 0), 4096)));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        for line in Lines::new(text)? {
            entry(line)?;
        }
        Ok(BlkioThrottle(text))
    }

    /// The devices' entries, without the total over all of them.
    pub fn iter(&self) -> impl Iterator<Item = BlkioEntry<'a>> + use<'a> {
        Lines::numbered(self.0, 1).filter_map(|line| entry(line).ok().flatten())
    }
}

/// The entry of `line`; `None` for the total.
fn entry(line: Line<'_>) -> Result<Option<BlkioEntry<'_>>, ParseError> {
    const DEVICE: &str = "a device number MAJOR:MINOR or \"Total\"";
    const COUNT: &str = "a count";
    let mut fields = line.fields();
    let first = fields.word(DEVICE)?;
    if first == b"Total" {
        fields.count(COUNT)?;
        return Ok(None);
    }
    let device = device_number(first).ok_or_else(|| line.error(DEVICE, first))?;
    let operation = fields.word("a kind of operation")?;
    Ok(Some(BlkioEntry { device, operation, value: fields.count(COUNT)? }))
}
