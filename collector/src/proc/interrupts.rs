//! `/proc/interrupts` and `/proc/softirqs`: interrupts by source and processor.
//!
//! ```text
//!            CPU0       CPU1
//!  24:          1          0  IO-APIC   5-edge      ACPI:Ged
//!  29:          0      83839  PCI-MSIX-0000:00:03.0   1-edge      virtio2-input.0
//! NMI:          0          0   Non-maskable interrupts
//! ERR:          0
//! ```
//!
//! A heading with the processors that are switched on; then a name, a count for each of them (fewer for `ERR` and `MIS`,
//! which are the host's), and words on the controller and the devices. `softirqs` has no words behind the counts.
//!
//! Kernel documentation: Documentation/filesystems/proc.rst, section 1.2.

use crate::ParseError;
use crate::text::{Line, Lines, count};

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interrupts<'a> {
    text: &'a [u8],
    cpus: usize,
}

/// One source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interrupt<'a> {
    /// A number, or a name as `NMI`, `TIMER`.
    pub name: &'a str,
    /// Interrupts since boot, on all processors.
    pub total: u64,
    /// What the kernel says of it: controller and devices of a number, an explanation of a name; possibly nothing.
    pub words: &'a str,
}

impl<'a> Interrupts<'a> {
    /// Parses either file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if there is no heading, or a line lacks its name and colon or its first count, or is not UTF-8.
    ///
    /// ```
    /// use stripchart_collector::proc::Interrupts;
    /// let text = b"      CPU0 CPU1\n 24:   1    2  IO-APIC 5-edge ACPI:Ged\nERR:   0\n";
    /// let first = Interrupts::parse(text)?.iter().next().unwrap();
    /// assert_eq!((first.name, first.total, first.words), ("24", 3, "IO-APIC 5-edge ACPI:Ged"));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        const HEADING: &str = "a heading of processors";
        let mut lines = Lines::new(text)?;
        let heading = lines.next().ok_or_else(|| ParseError::at_end(1, HEADING))?;
        let mut fields = heading.fields();
        let mut cpus = 0;
        while let Some(word) = fields.next_field() {
            if !word.starts_with(b"CPU") {
                return Err(heading.error(HEADING, word));
            }
            cpus += 1;
        }
        for line in lines {
            Interrupt::from_line(line, cpus)?;
        }
        Ok(Interrupts { text, cpus })
    }

    /// The sources, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = Interrupt<'a>> + use<'a> {
        let cpus = self.cpus;
        Lines::numbered(self.text, 1)
            .skip(1)
            .filter_map(move |line| Interrupt::from_line(line, cpus).ok())
    }
}

impl<'a> Interrupt<'a> {
    fn from_line(line: Line<'a>, cpus: usize) -> Result<Self, ParseError> {
        const NAME: &str = "a name and a colon";
        let mut fields = line.fields();
        let word = fields.str(NAME)?;
        let name = word.strip_suffix(':').ok_or_else(|| line.error(NAME, word.as_bytes()))?;
        let mut total = fields.count("a count")?;
        // A number that follows fewer counts than there are processors cannot be told from a count; no line has one.
        for _ in 1..cpus {
            let mut ahead = fields;
            let Some(one) = ahead.next_field().and_then(count) else { break };
            total = total.saturating_add(one);
            fields = ahead;
        }
        let words = fields.rest().trim_ascii();
        let words = std::str::from_utf8(words).map_err(|_| line.error("UTF-8", words))?;
        Ok(Interrupt { name, total, words })
    }
}
