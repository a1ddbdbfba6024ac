//! `/proc/stat`: what the processors did since boot.
//!
//! ```text
//! cpu  3171 0 1648 251004 392 0 68 473 0 0
//! cpu0 1357 0 754 125881 105 0 18 265 0 0
//! cpu1 1814 0 893 125122 286 0 50 208 0 0
//! intr 249604 0 0 0 33 1 83839 0 1826 ...
//! ctxt 429280
//! btime 1795342702
//! processes 9343
//! procs_running 3
//! procs_blocked 0
//! softirq 172840 0 16419 4 3903 83839 0 40 38805 0 29830
//! ```
//!
//! Columns: user nice system idle iowait irq softirq steal (2.6.11) guest (2.6.24) `guest_nice` (2.6.33), in ticks of
//! 1/100 s. `user` includes `guest`, `nice` includes `guest_nice`. Lines of processors that are switched off are
//! missing, so the numbers may have gaps. `iowait` and `idle` may fall by a few ticks.
//!
//! Kernel documentation: Documentation/filesystems/proc.rst, section 1.7.

use crate::ParseError;
use crate::text::{Fields, Line, Lines, count};

/// The whole file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat<'a> {
    /// All processors together.
    pub cpu: CpuTimes,
    /// Interrupts since boot.
    pub intr: Option<u64>,
    /// Context switches since boot.
    pub ctxt: Option<u64>,
    /// When the host was booted, seconds since 1970.
    pub btime: Option<u64>,
    /// Processes and threads created since boot.
    pub processes: Option<u64>,
    /// Threads that run or wait for a processor.
    pub procs_running: Option<u64>,
    /// Threads that wait for I/O without being interruptible.
    pub procs_blocked: Option<u64>,
    /// The lines of the single processors, and the number of the first.
    cpu_lines: (&'a [u8], usize),
}

/// Time that one or all processors spent, in ticks (see [`crate::sys::clock_ticks_per_sec`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CpuTimes {
    /// In programs, guests included.
    pub user: u64,
    /// In programs of low priority, guests of low priority included.
    pub nice: u64,
    /// In the kernel.
    pub system: u64,
    /// With nothing to do.
    pub idle: u64,
    /// With nothing to do while a thread of this processor waited for I/O.
    pub iowait: u64,
    /// In interrupts.
    pub irq: u64,
    /// In soft interrupts.
    pub softirq: u64,
    /// Waiting while the hypervisor ran somebody else.
    pub steal: u64,
    /// Running a guest's processor.
    pub guest: u64,
    /// Running a low-priority guest's processor.
    pub guest_nice: u64,
}

impl<'a> Stat<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the `cpu` line is missing or a number is none.
    ///
    /// ```
    /// use stripchart_collector::proc::Stat;
    /// let stat = Stat::parse(b"cpu  10 0 5 80 1 0 0 4\ncpu0 10 0 5 80 1 0 0 4\nctxt 77\n")?;
    /// assert_eq!((stat.cpu.steal, stat.ctxt, stat.cpus().count()), (4, Some(77), 1));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        let mut lines = Lines::new(text)?;
        let mut total = None;
        let mut stat = Stat {
            cpu: CpuTimes::default(),
            intr: None,
            ctxt: None,
            btime: None,
            processes: None,
            procs_running: None,
            procs_blocked: None,
            cpu_lines: (&[], 1),
        };
        let (mut first, mut end) = (None, 0);
        for line in lines.by_ref() {
            let mut fields = line.fields();
            let slot = match fields.word("a key")? {
                b"cpu" => {
                    total = Some(CpuTimes::from_fields(fields)?);
                    continue;
                }
                key if key.starts_with(b"cpu") => {
                    CpuTimes::numbered(line)?;
                    let at = offset_of(text, line.text);
                    first.get_or_insert((at, line.number));
                    end = at + line.text.len();
                    continue;
                }
                b"intr" => &mut stat.intr,
                b"ctxt" => &mut stat.ctxt,
                b"btime" => &mut stat.btime,
                b"processes" => &mut stat.processes,
                b"procs_running" => &mut stat.procs_running,
                b"procs_blocked" => &mut stat.procs_blocked,
                _ => continue,
            };
            *slot = Some(fields.count("a count")?);
        }
        let Some(total) = total else {
            return Err(ParseError::at_end(lines.last_number(), "a line \"cpu\""));
        };
        if let Some((start, number)) = first {
            stat.cpu_lines = (&text[start..end], number);
        }
        Ok(Stat { cpu: total, ..stat })
    }

    /// The processors that are switched on: number and times.
    pub fn cpus(&self) -> impl Iterator<Item = (u32, CpuTimes)> + 'a {
        let (text, number) = self.cpu_lines;
        // Other lines between those of processors are passed over, and so is what `parse` would have refused.
        Lines::numbered(text, number).filter_map(|line| CpuTimes::numbered(line).ok())
    }
}

/// Where `part`, a piece of `text`, begins in it.
fn offset_of(text: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - text.as_ptr().addr()
}

impl CpuTimes {
    fn numbered(line: Line<'_>) -> Result<(u32, CpuTimes), ParseError> {
        const EXPECTED: &str = "\"cpu\" and a processor number";
        let mut fields = line.fields();
        let key = fields.word(EXPECTED)?;
        let number = key
            .strip_prefix(b"cpu")
            .and_then(count)
            .and_then(|number| u32::try_from(number).ok())
            .ok_or_else(|| line.error(EXPECTED, key))?;
        Ok((number, CpuTimes::from_fields(fields)?))
    }

    fn from_fields(mut fields: Fields<'_>) -> Result<Self, ParseError> {
        const TICKS: &str = "a count of ticks";
        let mut times = CpuTimes {
            user: fields.count(TICKS)?,
            nice: fields.count(TICKS)?,
            system: fields.count(TICKS)?,
            idle: fields.count(TICKS)?,
            ..CpuTimes::default()
        };
        for slot in [
            &mut times.iowait,
            &mut times.irq,
            &mut times.softirq,
            &mut times.steal,
            &mut times.guest,
            &mut times.guest_nice,
        ] {
            *slot = fields.count_if_any(TICKS)?.unwrap_or(0);
        }
        Ok(times)
    }
}
