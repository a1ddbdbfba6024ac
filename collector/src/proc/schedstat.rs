//! `/proc/schedstat`: how long threads ran and waited, by processor.
//!
//! ```text
//! version 15
//! timestamp 15819019232
//! cpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 2045936778163 343796328169361 4767485306
//! domain0 00000000,00000003 212499247 210112015 1861015 1860405436 536440 369895 32599 210079416 ...
//! ```
//!
//! After a processor's name: yields, an old zero, schedules, those that went idle, wakeups, local wakeups, nanoseconds run,
//! nanoseconds waited, timeslices. Where the kernel was built with CONFIG_SCHEDSTATS.
//!
//! Kernel documentation: Documentation/scheduler/sched-stats.rst.

use crate::ParseError;
use crate::text::{Line, Lines, count};

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchedStats<'a>(&'a [u8]);

/// One processor, running totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchedCpu {
    /// The processor.
    pub cpu: u32,
    /// Nanoseconds that threads ran.
    pub run_ns: u64,
    /// Nanoseconds that threads waited for the processor.
    pub wait_ns: u64,
    /// Turns that threads were given.
    pub timeslices: u64,
}

impl<'a> SchedStats<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the first line is not `version`, or the line of a processor has no number in its name or fewer than nine counts.
    ///
    /// ```
    /// use stripchart_collector::proc::SchedStats;
    /// let cpu = SchedStats::parse(b"version 15\ncpu1 0 0 0 0 0 0 700 30 4\n")?.iter().next().unwrap();
    /// assert_eq!((cpu.cpu, cpu.run_ns, cpu.wait_ns, cpu.timeslices), (1, 700, 30, 4));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        const VERSION: &str = "a line \"version\"";
        let mut lines = Lines::new(text)?;
        let first = lines.next().ok_or_else(|| ParseError::at_end(1, VERSION))?;
        if !first.text.starts_with(b"version") {
            return Err(first.error(VERSION, first.text));
        }
        for line in lines.filter(is_cpu) {
            SchedCpu::from_line(line)?;
        }
        Ok(SchedStats(text))
    }

    /// The processors, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = SchedCpu> + use<'a> {
        Lines::numbered(self.0, 1).filter(is_cpu).filter_map(|line| SchedCpu::from_line(line).ok())
    }
}

fn is_cpu(line: &Line<'_>) -> bool {
    line.text.starts_with(b"cpu")
}

impl SchedCpu {
    fn from_line(line: Line<'_>) -> Result<Self, ParseError> {
        const NAME: &str = "\"cpu\" and a processor number";
        let mut fields = line.fields();
        let word = fields.word(NAME)?;
        let number = word.strip_prefix(b"cpu").and_then(count);
        let cpu = number
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| line.error(NAME, word))?;
        let mut counts = [0; 9];
        for slot in &mut counts {
            *slot = fields.count("a count")?;
        }
        let [.., run_ns, wait_ns, timeslices] = counts;
        Ok(SchedCpu { cpu, run_ns, wait_ns, timeslices })
    }
}
