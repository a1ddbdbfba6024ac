//! `/proc/cpuinfo`: the processors, as each architecture likes to describe them.
//!
//! ```text
//! processor       : 0                          processor       : 0
//! vendor_id       : GenuineIntel               BogoMIPS        : 108.00
//! cpu MHz         : 2593.906                   CPU implementer : 0x41
//! physical id     : 0                          CPU part        : 0xd08
//! core id         : 0
//!                                              (arm64)
//! (x86, a block for each processor)
//! ```
//!
//! Keys and values around a colon, a blank line between processors. `physical id` and `core id` on x86 only; the clock is
//! `cpu MHz`, `CPU MHz` (MIPS) or `clock` with `MHz` behind it (POWER), and arm has none.
//!
//! Kernel source: arch/*/kernel/{cpu/proc,setup,cpuinfo}.c; nothing documents it as an interface.

use crate::ParseError;
use crate::text::{Lines, count, decimal};

/// The whole file.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct CpuInfo<'a> {
    /// Who made the first processor, as `GenuineIntel`; letters, digits and `_` of it.
    pub vendor_id: Option<&'a str>,
    /// Clock of the first processor that has one.
    pub mhz: Option<f64>,
    text: &'a [u8],
}

/// One processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Processor {
    /// Its number.
    pub number: u32,
    /// Its socket, where told.
    pub physical_id: Option<u32>,
    /// Its core in that socket, where told.
    pub core_id: Option<u32>,
}

impl<'a> CpuInfo<'a> {
    /// Parses the file. Lines without a colon, and keys that are not kept, are passed over.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a number of a socket or core is none.
    ///
    /// ```
    /// use stripchart_collector::proc::CpuInfo;
    /// let info = CpuInfo::parse(b"processor : 0\nvendor_id : AuthenticAMD\nphysical id : 1\n\nprocessor : 1\n")?;
    /// assert_eq!((info.vendor_id, info.mhz, info.processors().count()), (Some("AuthenticAMD"), None, 2));
    /// assert_eq!(info.processors().next().unwrap().physical_id, Some(1));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        let mut info = CpuInfo { vendor_id: None, mhz: None, text };
        for line in Lines::new(text)? {
            let Some((key, value)) = pair(line.text) else { continue };
            match key {
                b"vendor_id" if info.vendor_id.is_none() => {
                    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                    let end = value.iter().position(|b| !is_word(b)).unwrap_or(value.len());
                    info.vendor_id = std::str::from_utf8(&value[..end]).ok();
                }
                b"cpu MHz" | b"CPU MHz" | b"clock" if info.mhz.is_none() => {
                    info.mhz = decimal(value.strip_suffix(b"MHz").unwrap_or(value));
                }
                b"physical id" | b"core id" if small(value).is_none() => {
                    return Err(line.error("a number of a socket or core", value));
                }
                _ => {}
            }
        }
        Ok(info)
    }

    /// The processors that are switched on, in the kernel's order.
    pub fn processors(&self) -> impl Iterator<Item = Processor> + use<'a> {
        let mut lines = Lines::numbered(self.text, 1).filter_map(|line| pair(line.text)).peekable();
        let is_start = |(key, value): (&[u8], &[u8])| match key {
            b"processor" => small(value),
            _ => None,
        };
        std::iter::from_fn(move || {
            let number = lines.by_ref().find_map(is_start)?;
            let mut processor = Processor { number, ..Processor::default() };
            while let Some((key, value)) = lines.next_if(|pair| is_start(*pair).is_none()) {
                match key {
                    b"physical id" => processor.physical_id = small(value),
                    b"core id" => processor.core_id = small(value),
                    _ => {}
                }
            }
            Some(processor)
        })
    }
}

/// What stands before and after the first colon.
fn pair(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    Some((line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()))
}

fn small(word: &[u8]) -> Option<u32> {
    u32::try_from(count(word)?).ok()
}
