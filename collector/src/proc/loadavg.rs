//! `/proc/loadavg`: how many threads run or wait.
//!
//! ```text
//! 0.00 0.02 0.00 1/95 8808
//! ```
//!
//! Averages over 1, 5 and 15 minutes of threads that run, wait for a processor or wait uninterruptibly; threads that
//! run or wait for a processor now / all threads; the process id given out last.
//!
//! Kernel documentation: Documentation/filesystems/proc.rst, table 1-5.

use crate::ParseError;
use crate::text::{Lines, count};

/// The whole file.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct LoadAvg {
    /// Average over one minute.
    pub load1: f64,
    /// Average over five minutes.
    pub load5: f64,
    /// Average over fifteen minutes.
    pub load15: f64,
    /// Threads that run or wait for a processor.
    pub running: u64,
    /// All threads.
    pub threads: u64,
}

impl LoadAvg {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if one of the first four fields is missing or no number.
    ///
    /// ```
    /// use stripchart_collector::proc::LoadAvg;
    /// let load = LoadAvg::parse(b"0.50 0.02 0.00 1/95 8808\n")?;
    /// assert_eq!((load.load1, load.threads), (0.5, 95));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        const LOAD: &str = "a load average";
        const RATIO: &str = "running threads/all threads";
        let line =
            Lines::new(text)?.next().ok_or_else(|| ParseError::at_end(1, "load averages"))?;
        let mut fields = line.fields();
        let [load1, load5, load15] =
            [fields.decimal(LOAD)?, fields.decimal(LOAD)?, fields.decimal(LOAD)?];
        let word = fields.word(RATIO)?;
        let slash = word.iter().position(|byte| *byte == b'/');
        let (running, threads) = slash
            .and_then(|at| Some((count(&word[..at])?, count(&word[at + 1..])?)))
            .ok_or_else(|| line.error(RATIO, word))?;
        Ok(LoadAvg { load1, load5, load15, running, threads })
    }
}
