//! `/proc/net/softnet_stat`: packets between the interrupt and the protocols, one line for each processor.
//!
//! ```text
//! 0004f49e 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000
//! 000730c8 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001
//! ```
//!
//! Hexadecimal: processed, dropped, times squeezed, five zeros, collisions, `received_rps` (2.6.35), `flow_limit_count`
//! (3.11), backlog length and processor (5.10). Before the last the processors are numbered by line, and those switched
//! off are missing.
//!
//! Kernel source: net/core/net-procfs.c.

use crate::ParseError;
use crate::text::{Line, Lines, hex};

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftnetStat<'a>(&'a [u8]);

/// One processor. All but the length of the queue are running totals, of 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SoftnetCpu {
    /// The processor.
    pub cpu: u32,
    /// Packets taken from a queue.
    pub processed: u64,
    /// Packets dropped because the queue was full.
    pub dropped: u64,
    /// Times that work was left when the budget was used up.
    pub times_squeezed: u64,
    /// Times this processor was woken to take packets of another (2.6.35).
    pub received_rps: Option<u64>,
    /// Times that the limit for a single flow was hit (3.11).
    pub flow_limit_count: Option<u64>,
    /// Packets in the queue now (5.10).
    pub backlog_len: Option<u64>,
}

impl<'a> SoftnetStat<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line has fewer than three hexadecimal numbers, or a word is none.
    ///
    /// ```
    /// use stripchart_collector::proc::SoftnetStat;
    /// let stat = SoftnetStat::parse(b"0000001f 00000000 00000002\n")?;
    /// let cpu = stat.iter().next().unwrap();
    /// assert_eq!((cpu.cpu, cpu.processed, cpu.times_squeezed, cpu.backlog_len), (0, 31, 2, None));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        for (index, line) in Lines::new(text)?.enumerate() {
            SoftnetCpu::from_line(index, line)?;
        }
        Ok(SoftnetStat(text))
    }

    /// The processors, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = SoftnetCpu> + use<'a> {
        Lines::numbered(self.0, 1)
            .enumerate()
            .filter_map(|(index, line)| SoftnetCpu::from_line(index, line).ok())
    }
}

impl SoftnetCpu {
    fn from_line(index: usize, line: Line<'_>) -> Result<Self, ParseError> {
        const NUMBER: &str = "a hexadecimal number";
        const COLUMNS: usize = 13;
        let mut numbers = [None; COLUMNS];
        let mut fields = line.fields();
        for number in &mut numbers {
            let Some(word) = fields.next_field() else { break };
            *number = Some(hex(word).ok_or_else(|| line.error(NUMBER, word))?);
        }
        let [Some(processed), Some(dropped), Some(times_squeezed), rest @ ..] = numbers else {
            return Err(line.error("three hexadecimal numbers", line.text));
        };
        let [.., received_rps, flow_limit_count, backlog_len, cpu] = rest;
        let cpu = cpu.unwrap_or(index as u64);
        Ok(SoftnetCpu {
            cpu: u32::try_from(cpu).map_err(|_| line.error("a processor number", line.text))?,
            processed,
            dropped,
            times_squeezed,
            received_rps,
            flow_limit_count,
            backlog_len,
        })
    }
}
