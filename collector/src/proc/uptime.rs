//! `/proc/uptime`: how long the host has been up.
//!
//! ```text
//! 1250.87 2446.58
//! ```
//!
//! Seconds since boot, suspension included; seconds that all processors together were idle.
//!
//! Kernel documentation: Documentation/filesystems/proc.rst, table 1-5.

use crate::ParseError;
use crate::text::Lines;

/// The whole file.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Uptime {
    /// Seconds since boot.
    pub uptime_secs: f64,
    /// Seconds of idleness, all processors added up.
    pub idle_secs: f64,
}

impl Uptime {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a number is missing or none.
    ///
    /// ```
    /// use stripchart_collector::proc::Uptime;
    /// assert_eq!(Uptime::parse(b"1250.87 2446.58\n")?.uptime_secs, 1250.87);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        const SECONDS: &str = "a number of seconds";
        let line = Lines::new(text)?.next().ok_or_else(|| ParseError::at_end(1, SECONDS))?;
        let mut fields = line.fields();
        Ok(Uptime { uptime_secs: fields.decimal(SECONDS)?, idle_secs: fields.decimal(SECONDS)? })
    }
}
