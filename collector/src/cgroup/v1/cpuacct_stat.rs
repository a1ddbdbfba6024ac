//! `cpuacct.stat`: processor time of a cgroup, in programs and in the kernel.
//!
//! ```text
//! user 3259
//! system 1757
//! ```
//!
//! In ticks of 1/100 s ([`crate::sys::clock_ticks_per_sec`]). `cpuacct.usage` has the sum in nanoseconds.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v1/cpuacct.rst.

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The whole file.
    pub struct CpuacctStat {
        /// Ticks in programs.
        user = b"user",
        /// Ticks in the kernel.
        system = b"system",
    }
}

impl CpuacctStat {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a number is none.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut stat = CpuacctStat::default();
        flat_keyed(text, &mut stat)?;
        Ok(stat)
    }
}
