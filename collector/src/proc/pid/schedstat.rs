//! `/proc/PID/schedstat`: what the scheduler counts of a process' first thread.
//!
//! ```text
//! 12345678 901234 567
//! ```
//!
//! Nanoseconds on a processor, nanoseconds waiting for one, turns. All zero on kernels without `CONFIG_SCHED_INFO`.
//!
//! Kernel documentation: Documentation/scheduler/sched-stats.rst.

use crate::ParseError;
use crate::text::Lines;

/// The file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedstat {
    /// Nanoseconds on a processor.
    pub run_ns: u64,
    /// Nanoseconds waiting for one.
    pub wait_ns: u64,
    /// Turns on a processor.
    pub turns: u64,
}

impl Schedstat {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] unless it begins with three counts.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        const COUNTS: &str = "three counts";
        let line = Lines::new(text)?.next().ok_or_else(|| ParseError::at_end(1, COUNTS))?;
        let mut fields = line.fields();
        Ok(Schedstat {
            run_ns: fields.count(COUNTS)?,
            wait_ns: fields.count(COUNTS)?,
            turns: fields.count(COUNTS)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_counts() {
        let stat = Schedstat::parse(b"12 3 4\n").unwrap();
        assert_eq!((stat.run_ns, stat.wait_ns, stat.turns), (12, 3, 4));
        for bad in ["", "1 2\n", "1 2 x\n", "1 2 3"] {
            assert!(Schedstat::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
