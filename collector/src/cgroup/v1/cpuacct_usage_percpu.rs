//! `cpuacct.usage_percpu`: processor time of a cgroup on each processor.
//!
//! ```text
//! 19184512341 20193338112
//! ```
//!
//! Nanoseconds, for every processor that there could be, those switched off included.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v1/cpuacct.rst.

use crate::ParseError;
use crate::text::Lines;

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuacctUsagePercpu<'a>(&'a [u8]);

impl<'a> CpuacctUsagePercpu<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if there is no number, or anything but numbers.
    ///
    /// ```
    /// use stripchart_collector::cgroup::v1::CpuacctUsagePercpu;
    /// let usage = CpuacctUsagePercpu::parse(b"12 34 \n")?;
    /// assert_eq!(usage.iter().collect::<Vec<_>>(), [12, 34]);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        const EXPECTED: &str = "a count of nanoseconds";
        let mut lines = Lines::new(text)?;
        let line = lines.next().ok_or_else(|| ParseError::at_end(1, EXPECTED))?;
        let mut fields = line.fields();
        while fields.count_if_any(EXPECTED)?.is_some() {}
        match lines.next() {
            None => Ok(CpuacctUsagePercpu(line.text)),
            Some(more) => Err(more.error("end of file", more.text)),
        }
    }

    /// Nanoseconds, by processor.
    pub fn iter(&self) -> impl Iterator<Item = u64> + use<'a> {
        let mut fields = crate::text::Fields::new(1, self.0);
        std::iter::from_fn(move || fields.count_if_any("").ok().flatten())
    }
}
