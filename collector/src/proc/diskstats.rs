//! `/proc/diskstats`: what each block device did since boot.
//!
//! ```text
//!  254       0 vda 64919 21904 4274562 11152 20881 19060 2082520 8982 0 5124 20733 7947 5 654344 558 2999 40
//!  254       1 vda1 52 0 4168 9 1 0 1 0 0 12 9
//! ```
//!
//! Major, minor, name; reads: completed, merged, sectors, ms; writes: completed, merged, sectors, ms; in progress, ms
//! busy, ms weighted by requests; discards: completed, merged, sectors, ms (4.18); flushes: completed, ms (5.5). A sector
//! is 512 bytes whatever the device's own is.
//!
//! Kernel documentation: Documentation/admin-guide/iostats.rst.

use crate::ParseError;
use crate::text::{Line, Lines};

/// Bytes of a sector in this file.
const SECTOR_BYTES: u64 = 512;

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskStats<'a>(&'a [u8]);

/// One device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskStat<'a> {
    /// Major device number.
    pub major: u64,
    /// Minor device number.
    pub minor: u64,
    /// Name, as below `/dev`.
    pub name: &'a str,
    /// Reads completed.
    pub reads: u64,
    /// Reads merged with others before they were queued.
    pub merged_reads: u64,
    /// Bytes read.
    pub read_bytes: u64,
    /// Milliseconds that reads took, added up.
    pub read_time_ms: u64,
    /// Writes completed.
    pub writes: u64,
    /// Writes merged with others before they were queued.
    pub merged_writes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Milliseconds that writes took, added up.
    pub write_time_ms: u64,
    /// Requests in progress: the only level here, all else only grows.
    pub iops_in_progress: u64,
    /// Milliseconds with at least one request in progress.
    pub io_time_ms: u64,
    /// Milliseconds with requests in progress, times their number.
    pub weighted_io_time_ms: u64,
    /// Discards completed (4.18).
    pub discards: Option<u64>,
    /// Discards merged with others before they were queued (4.18).
    pub merged_discards: Option<u64>,
    /// Bytes discarded (4.18).
    pub discard_bytes: Option<u64>,
    /// Milliseconds that discards took, added up (4.18).
    pub discard_time_ms: Option<u64>,
    /// Flushes completed (5.5).
    pub flushes: Option<u64>,
    /// Milliseconds that flushes took, added up (5.5).
    pub flush_time_ms: Option<u64>,
}

impl<'a> DiskStats<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line has fewer than fourteen fields or a number is none.
    ///
    /// ```
    /// use stripchart_collector::proc::DiskStats;
    /// let disks = DiskStats::parse(b" 8 0 sda 7 0 16 3 2 0 8 1 0 4 4\n")?;
    /// let sda = disks.iter().next().unwrap();
    /// assert_eq!((sda.name, sda.reads, sda.read_bytes), ("sda", 7, 8192));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        for line in Lines::new(text)? {
            DiskStat::from_line(line)?;
        }
        Ok(DiskStats(text))
    }

    /// The devices, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = DiskStat<'a>> + use<'a> {
        Lines::numbered(self.0, 1).filter_map(|line| DiskStat::from_line(line).ok())
    }
}

impl<'a> DiskStat<'a> {
    fn from_line(line: Line<'a>) -> Result<Self, ParseError> {
        const COUNT: &str = "a count";
        let mut fields = line.fields();
        let mut disk = DiskStat {
            major: fields.count("a major device number")?,
            minor: fields.count("a minor device number")?,
            name: fields.str("a device name")?,
            reads: fields.count(COUNT)?,
            merged_reads: fields.count(COUNT)?,
            read_bytes: fields.count(COUNT)?,
            read_time_ms: fields.count(COUNT)?,
            writes: fields.count(COUNT)?,
            merged_writes: fields.count(COUNT)?,
            write_bytes: fields.count(COUNT)?,
            write_time_ms: fields.count(COUNT)?,
            iops_in_progress: fields.count(COUNT)?,
            io_time_ms: fields.count(COUNT)?,
            weighted_io_time_ms: fields.count(COUNT)?,
            discards: fields.count_if_any(COUNT)?,
            merged_discards: fields.count_if_any(COUNT)?,
            discard_bytes: fields.count_if_any(COUNT)?,
            discard_time_ms: fields.count_if_any(COUNT)?,
            flushes: fields.count_if_any(COUNT)?,
            flush_time_ms: fields.count_if_any(COUNT)?,
        };
        let discarded = disk.discard_bytes.iter_mut();
        for sectors in [&mut disk.read_bytes, &mut disk.write_bytes].into_iter().chain(discarded) {
            *sectors = sectors
                .checked_mul(SECTOR_BYTES)
                .ok_or_else(|| line.error("less than 2^55 sectors", line.text))?;
        }
        Ok(disk)
    }
}
