//! `blkio.sectors_recursive` and `blkio.time_recursive`, and the same of BFQ: a count for each device.
//!
//! ```text
//! 8:0 2441480
//! 8:16 96
//! ```
//!
//! Sectors of 512 bytes, or milliseconds of the device's time. CFQ had them until 5.0; BFQ has them where the kernel is built to
//! debug it (`CONFIG_BFQ_CGROUP_DEBUG`). A cgroup without I/O has an empty file.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v1/blkio-controller.rst.

use crate::ParseError;
use crate::text::{Line, Lines, device_number};

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlkioDevice<'a>(&'a [u8]);

impl<'a> BlkioDevice<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line is not a device and a count.
    ///
    /// ```
    /// use stripchart_collector::cgroup::v1::BlkioDevice;
    /// let sectors = BlkioDevice::parse(b"8:0 2441480\n8:16 96\n")?;
    /// assert_eq!(sectors.iter().last(), Some(((8, 16), 96)));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        for line in Lines::new(text)? {
            count(line)?;
        }
        Ok(BlkioDevice(text))
    }

    /// Devices, major and minor, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = ((u64, u64), u64)> + use<'a> {
        Lines::numbered(self.0, 1).filter_map(|line| count(line).ok())
    }
}

fn count(line: Line<'_>) -> Result<((u64, u64), u64), ParseError> {
    const DEVICE: &str = "a device number MAJOR:MINOR";
    let mut fields = line.fields();
    let word = fields.word(DEVICE)?;
    let device = device_number(word).ok_or_else(|| line.error(DEVICE, word))?;
    Ok((device, fields.count("a count")?))
}
