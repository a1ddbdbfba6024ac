//! `/proc/pressure/{cpu,memory,io}` and a cgroup's `*.pressure`: time lost for want of a resource.
//!
//! ```text
//! some avg10=0.02 avg60=0.34 avg300=0.18 total=5277943
//! full avg10=0.00 avg60=0.00 avg300=0.00 total=0
//! ```
//!
//! `some`: at least one thread waited; `full`: all that were not idle waited. Averages are percent of the last 10, 60
//! and 300 seconds, `total` is microseconds. Since 4.20, where built in and not switched off (`psi=0` makes reading
//! fail with EOPNOTSUPP). The host's `cpu` file has a `full` line since 5.13, which is always zero.
//!
//! Kernel documentation: Documentation/accounting/psi.rst.

use crate::ParseError;
use crate::text::{Fields, Lines, count, decimal};

/// The whole file.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Pressure {
    /// At least one thread waited.
    pub some: PressureLine,
    /// All threads that were not idle waited.
    pub full: Option<PressureLine>,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct PressureLine {
    /// Percent of the last 10 seconds.
    pub avg10: f64,
    /// Percent of the last 60 seconds.
    pub avg60: f64,
    /// Percent of the last 300 seconds.
    pub avg300: f64,
    /// Microseconds since boot, or since the cgroup exists.
    pub total_usec: u64,
}

impl Pressure {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if there is no `some` line, a line is neither `some` nor `full`, or a value is missing or no number.
    ///
    /// ```
    /// use stripchart_collector::proc::Pressure;
    /// let p = Pressure::parse(b"some avg10=0.02 avg60=0.34 avg300=0.18 total=5277943\n")?;
    /// assert_eq!((p.some.avg10, p.some.total_usec, p.full), (0.02, 5277943, None));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        let (mut some, mut full) = (None, None);
        let mut lines = Lines::new(text)?;
        for line in lines.by_ref() {
            let mut fields = line.fields();
            let slot = match fields.word("\"some\" or \"full\"")? {
                b"some" => &mut some,
                b"full" => &mut full,
                other => return Err(line.error("\"some\" or \"full\"", other)),
            };
            *slot = Some(PressureLine::from_fields(fields)?);
        }
        match some {
            Some(some) => Ok(Pressure { some, full }),
            None => Err(ParseError::at_end(lines.last_number(), "a line \"some\"")),
        }
    }
}

/// `/proc/pressure/irq`: time that threads lost to interrupts (6.1), which has a line `full` and no other.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct IrqPressure {
    /// All threads that were not idle waited, since the processor they ran on was taken from them.
    pub full: PressureLine,
}

impl IrqPressure {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the first line is not `full`, or a value is missing or no number.
    ///
    /// ```
    /// use stripchart_collector::proc::IrqPressure;
    /// let p = IrqPressure::parse(b"full avg10=0.01 avg60=0.00 avg300=0.00 total=77\n")?;
    /// assert_eq!((p.full.avg10, p.full.total_usec), (0.01, 77));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        const FULL: &str = "a line \"full\"";
        let line = Lines::new(text)?.next().ok_or_else(|| ParseError::at_end(1, FULL))?;
        let mut fields = line.fields();
        match fields.word(FULL)? {
            b"full" => Ok(IrqPressure { full: PressureLine::from_fields(fields)? }),
            other => Err(line.error(FULL, other)),
        }
    }
}

impl PressureLine {
    fn from_fields(mut fields: Fields<'_>) -> Result<Self, ParseError> {
        Ok(PressureLine {
            avg10: percent(&mut fields, b"avg10=", "avg10=PERCENT")?,
            avg60: percent(&mut fields, b"avg60=", "avg60=PERCENT")?,
            avg300: percent(&mut fields, b"avg300=", "avg300=PERCENT")?,
            total_usec: {
                const TOTAL: &str = "total=MICROSECONDS";
                let word = fields.word(TOTAL)?;
                word.strip_prefix(b"total=")
                    .and_then(count)
                    .ok_or_else(|| fields.error(TOTAL, word))?
            },
        })
    }
}

fn percent(
    fields: &mut Fields<'_>,
    prefix: &[u8],
    expected: &'static str,
) -> Result<f64, ParseError> {
    let word = fields.word(expected)?;
    word.strip_prefix(prefix).and_then(decimal).ok_or_else(|| fields.error(expected, word))
}
