//! `cpu.stat` of version 2: processor time of a cgroup, and what its quota did.
//!
//! ```text
//! usage_usec 48734867
//! user_usec 31664045
//! system_usec 17070821
//! nice_usec 0
//! nr_periods 0
//! nr_throttled 0
//! throttled_usec 0
//! nr_bursts 0
//! burst_usec 0
//! ```
//!
//! The first three are always there, the root included (5.8), `nice_usec` since 6.13; the others only with the `cpu`
//! controller, bursts since 5.14.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "CPU Interface Files".

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The whole file.
    pub struct CpuStat {
        /// Processor time, microseconds.
        usage_usec = b"usage_usec",
        /// The part of it in programs.
        user_usec = b"user_usec",
        /// The part of it in the kernel.
        system_usec = b"system_usec",
        /// Periods that passed while something wanted to run.
        nr_periods = b"nr_periods",
        /// Periods in which the quota was used up.
        nr_throttled = b"nr_throttled",
        /// Time that threads waited for the next period, microseconds.
        throttled_usec = b"throttled_usec",
        /// Periods in which more than the quota was used.
        nr_bursts = b"nr_bursts",
        /// Time used beyond the quota, microseconds.
        burst_usec = b"burst_usec",
    }
}

impl CpuStat {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a number is none or `usage_usec` is missing.
    ///
    /// ```
    /// use stripchart_collector::cgroup::v2::CpuStat;
    /// let stat = CpuStat::parse(b"usage_usec 12\nuser_usec 8\nsystem_usec 4\n")?;
    /// assert_eq!((stat.usage_usec, stat.nr_throttled), (Some(12), None));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut stat = CpuStat::default();
        flat_keyed(text, &mut stat)?;
        if stat.usage_usec.is_none() {
            return Err(ParseError::at_end(1, "a line \"usage_usec\""));
        }
        Ok(stat)
    }
}
