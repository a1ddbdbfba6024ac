//! `cpu.stat` of version 1: what its quota did to a cgroup.
//!
//! ```text
//! nr_periods 1201
//! nr_throttled 17
//! throttled_time 804211930
//! nr_bursts 0
//! burst_time 0
//! ```
//!
//! Times are nanoseconds. `nr_bursts` and `burst_time` since 5.14. All are zero without a quota.
//!
//! Kernel documentation: Documentation/scheduler/sched-bwc.rst.

use crate::ParseError;
use crate::text::{flat_keyed, keyed_counts};

keyed_counts! {
    /// The whole file.
    pub struct CpuStat {
        /// Periods that passed while something wanted to run.
        nr_periods = b"nr_periods",
        /// Periods in which the quota was used up.
        nr_throttled = b"nr_throttled",
        /// Time that threads waited for the next period, nanoseconds.
        throttled_time = b"throttled_time",
        /// Periods in which more than the quota was used.
        nr_bursts = b"nr_bursts",
        /// Time used beyond the quota, nanoseconds.
        burst_time = b"burst_time",
    }
}

impl CpuStat {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a number is none.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let mut stat = CpuStat::default();
        flat_keyed(text, &mut stat)?;
        Ok(stat)
    }
}
