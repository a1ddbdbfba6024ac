//! `cpu.max`: how much processor time a cgroup may use.
//!
//! ```text
//! 50000 100000
//! ```
//!
//! Microseconds, or `max`, in each period of so many microseconds.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst, "CPU Interface Files".

use crate::ParseError;
use crate::cgroup::Limit;
use crate::text::Lines;

/// The whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CpuMax {
    /// Microseconds of processor time in each period.
    pub quota_usec: Limit,
    /// Microseconds of a period.
    pub period_usec: u64,
}

impl CpuMax {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if one of the two is missing or no number, or the period is 0.
    ///
    /// ```
    /// use stripchart_collector::cgroup::v2::CpuMax;
    /// assert_eq!(CpuMax::parse(b"50000 100000\n")?.limit_millicores(), Some(500.0));
    /// assert_eq!(CpuMax::parse(b"max 100000\n")?.limit_millicores(), None);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        const QUOTA: &str = "a count of microseconds or \"max\"";
        const PERIOD: &str = "a period in microseconds";
        let line = Lines::new(text)?.next().ok_or_else(|| ParseError::at_end(1, QUOTA))?;
        let mut fields = line.fields();
        let word = fields.word(QUOTA)?;
        let quota_usec = Limit::of_word(word).ok_or_else(|| line.error(QUOTA, word))?;
        match fields.count(PERIOD)? {
            0 => Err(line.error(PERIOD, b"0")),
            period_usec => Ok(CpuMax { quota_usec, period_usec }),
        }
    }

    /// The limit in thousandths of a core, if there is one.
    #[must_use]
    pub fn limit_millicores(&self) -> Option<f64> {
        let quota_usec = self.quota_usec.limited().filter(|_| self.period_usec > 0)?;
        Some(quota_usec as f64 * 1000.0 / self.period_usec as f64)
    }
}
