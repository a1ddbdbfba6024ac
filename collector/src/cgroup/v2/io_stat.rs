//! `io.stat`: I/O of a cgroup by device.
//!
//! ```text
//! 8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0
//! 8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021
//! ```
//!
//! Bytes and requests read, written and discarded; the cgroups below are included. With the cost model switched on more
//! keys follow, microseconds (since 6.1): `cost.usage`, `cost.wait`, `cost.indebt`, `cost.indelay`, and at the root
//! `cost.vrate`. Some kernels write a device without any key, and then either end the line or go on
//! with the next device in the same line.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "IO Interface Files".

use crate::ParseError;
use crate::text::{Fields, Lines, count, device_number};

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoStat<'a>(&'a [u8]);

/// One device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct IoStatDevice {
    /// Device number, major and minor.
    pub device: (u64, u64),
    /// Bytes read.
    pub rbytes: u64,
    /// Bytes written.
    pub wbytes: u64,
    /// Reads.
    pub rios: u64,
    /// Writes.
    pub wios: u64,
    /// Bytes discarded.
    pub dbytes: u64,
    /// Discards.
    pub dios: u64,
    /// What the cost model makes of it, where it is switched on.
    pub cost: Option<IoStatCost>,
}

/// The cost model's account of one device, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct IoStatCost {
    /// Device time used.
    pub usage_usec: u64,
    /// Time waited.
    pub wait_usec: u64,
    /// Time in debt.
    pub indebt_usec: u64,
    /// Time delayed for debt.
    pub indelay_usec: u64,
}

impl<'a> IoStat<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line does not begin with a device number, or a number is none.
    ///
    /// ```
    /// use stripchart_collector::cgroup::v2::IoStat;
    /// let io = IoStat::parse(b"7:0 8:0 rbytes=4096 wbytes=0 rios=1 wios=0\n")?;
    /// let devices: Vec<_> = io.iter().map(|entry| (entry.device, entry.rbytes)).collect();
    /// assert_eq!(devices, [((8, 0), 4096)]);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        for line in Lines::new(text)? {
            let mut fields = line.fields();
            while next_device(&mut fields)?.is_some() {}
        }
        Ok(IoStat(text))
    }

    /// The devices that have any number.
    pub fn iter(&self) -> impl Iterator<Item = IoStatDevice> + use<'a> {
        Lines::numbered(self.0, 1).flat_map(|line| {
            let mut fields = line.fields();
            std::iter::from_fn(move || next_device(&mut fields).ok().flatten())
        })
    }
}

/// Reads up to the end of the next device's numbers; `None` if no device with any is left in the line.
fn next_device(fields: &mut Fields<'_>) -> Result<Option<IoStatDevice>, ParseError> {
    const DEVICE: &str = "a device number MAJOR:MINOR";
    let mut found: Option<IoStatDevice> = None;
    let mut number = None;
    loop {
        let ahead = *fields;
        let Some(word) = fields.next_field() else { return Ok(found) };
        let Some(equals) = word.iter().position(|byte| *byte == b'=') else {
            if found.is_some() {
                // The next device: for the next call.
                *fields = ahead;
                return Ok(found);
            }
            number = Some(device_number(word).ok_or_else(|| fields.error(DEVICE, word))?);
            continue;
        };
        let number = number.ok_or_else(|| fields.error(DEVICE, word))?;
        let entry = found.get_or_insert(IoStatDevice { device: number, ..Default::default() });
        let slot = match &word[..equals] {
            b"rbytes" => &mut entry.rbytes,
            b"wbytes" => &mut entry.wbytes,
            b"rios" => &mut entry.rios,
            b"wios" => &mut entry.wios,
            b"dbytes" => &mut entry.dbytes,
            b"dios" => &mut entry.dios,
            b"cost.usage" => &mut entry.cost.get_or_insert_default().usage_usec,
            b"cost.wait" => &mut entry.cost.get_or_insert_default().wait_usec,
            b"cost.indebt" => &mut entry.cost.get_or_insert_default().indebt_usec,
            b"cost.indelay" => &mut entry.cost.get_or_insert_default().indelay_usec,
            _ => continue,
        };
        *slot = count(&word[equals + 1..]).ok_or_else(|| fields.error("KEY=COUNT", word))?;
    }
}
