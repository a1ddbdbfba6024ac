//! `/proc/PID/stat`: a process in one line.
//!
//! ```text
//! 711 (java (x) y) S 1 711 711 0 -1 4194560 1200 0 3 0 52 17 0 0 20 0 31 0 98765 4564123648 20480 18446744073709551615 ... 3 0 0
//! ```
//!
//! The name may hold blanks, parentheses and, on old kernels, line ends: it ends with the last parenthesis of the file. Of
//! the fields after it, counted from 3 as the manual does, these are kept: state 3, parent 4, group 5, session 6,
//! terminal's group 8, user time 14, system time 15, nice 19, threads 20, start 22, virtual size 23, resident pages 24,
//! processor 39.
//!
//! Kernel documentation: Documentation/filesystems/proc.rst, table 1-4.

use crate::ParseError;
use crate::text::{Fields, count};

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PidStat<'a> {
    /// Its number.
    pub pid: u32,
    /// Its name, at most 15 bytes for a program's; threads of the kernel have longer ones.
    pub comm: &'a [u8],
    /// One letter: `R` runs, `S` sleeps, `D` waits for I/O, `Z` is dead, `T` stopped, `I` idle, and others.
    pub state: u8,
    /// The number of its parent.
    pub ppid: u32,
    /// The number of its group.
    pub pgrp: i64,
    /// The number of its session.
    pub session: i64,
    /// The number of the group in the foreground of its terminal; -1 without one.
    pub tpgid: i64,
    /// Processor time in programs, in ticks.
    pub utime: u64,
    /// Processor time in the kernel, in ticks.
    pub stime: u64,
    /// From -20 to 19; higher gives way.
    pub nice: i64,
    /// Threads.
    pub num_threads: u64,
    /// When it started, in ticks since boot: with `pid` it tells it from a later one of the same number.
    pub starttime: u64,
    /// Bytes of virtual memory.
    pub vsize: u64,
    /// Resident pages.
    pub rss: u64,
    /// The processor it ran on last.
    pub processor: Option<u32>,
}

impl<'a> PidStat<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the name is not in parentheses, or a field is missing or no number.
    ///
    /// ```
    /// use stripchart_collector::proc::pid::PidStat;
    /// let text = b"7 (a) b) S 1 7 7 0 -1 64 0 0 0 0 52 17 0 0 20 0 1 0 987 4096 5 0\n";
    /// let stat = PidStat::parse(text)?;
    /// assert_eq!((stat.comm, stat.state, stat.starttime), (&b"a) b"[..], b'S', 987));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        const NAME: &str = "PID (NAME)";
        let error = || ParseError::new(1, NAME, text.trim_ascii());
        let open = memchr::memchr(b'(', text).ok_or_else(error)?;
        let close = memchr::memrchr(b')', text).filter(|at| *at > open).ok_or_else(error)?;
        let pid = count(text[..open].trim_ascii()).ok_or_else(error)?;
        let mut fields = Fields::new(1, &text[close + 1..]);
        let state = fields.word("a state")?[0];
        // Position 0 is field 4.
        let mut numbers = [0_i64; 21];
        for number in &mut numbers {
            *number = signed(&mut fields)?;
        }
        let processor = (25..39)
            .try_for_each(|_| fields.next_field().map(|_| ()))
            .and_then(|()| fields.next_field())
            .and_then(count)
            .and_then(|processor| u32::try_from(processor).ok());
        let at = |field: usize| numbers[field - 4];
        let unsigned = |field: usize| u64::try_from(at(field)).unwrap_or(0);
        Ok(PidStat {
            pid: u32::try_from(pid).map_err(|_| error())?,
            comm: &text[open + 1..close],
            state,
            ppid: u32::try_from(at(4)).unwrap_or(0),
            pgrp: at(5),
            session: at(6),
            tpgid: at(8),
            utime: unsigned(14),
            stime: unsigned(15),
            nice: at(19),
            num_threads: unsigned(20),
            starttime: unsigned(22),
            vsize: unsigned(23),
            rss: unsigned(24),
            processor,
        })
    }
}

/// The next field as a number; those beyond 63 bits stay there.
fn signed(fields: &mut Fields<'_>) -> Result<i64, ParseError> {
    const NUMBER: &str = "a number";
    let word = fields.word(NUMBER)?;
    let (negative, digits) = match word.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let value = count(digits).ok_or_else(|| fields.error(NUMBER, word))?;
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_anything() {
        let rest = "R 1 2 3 0 -1 64 0 0 0 0 52 17 0 0 20 -5 1 0 987 4096 5 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 3 0 0\n";
        for name in ["sh", "", "a b", ") R 9 (", "tail\nhead", "(((", "\u{e9}", "\0"] {
            let text = format!("7 ({name}) {rest}");
            let stat = PidStat::parse(text.as_bytes()).unwrap();
            assert_eq!(stat.comm, name.as_bytes());
            assert_eq!(
                (stat.pid, stat.ppid, stat.pgrp, stat.session, stat.tpgid),
                (7, 1, 2, 3, -1)
            );
            assert_eq!((stat.utime, stat.stime, stat.nice, stat.num_threads), (52, 17, -5, 1));
            assert_eq!(
                (stat.starttime, stat.vsize, stat.rss, stat.processor),
                (987, 4096, 5, Some(3))
            );
        }
    }

    #[test]
    fn what_is_cut_or_no_number_is_refused_and_never_panics() {
        let text = b"7 (a) S 1 7 7 0 -1 64 0 0 0 0 52 17 0 0 20 0 1 0 987 4096 5";
        for end in 0..text.len() - 1 {
            assert!(PidStat::parse(&text[..end]).is_err(), "{end}");
        }
        assert_eq!(PidStat::parse(text).unwrap().processor, None);
        for bad in [
            "x (a) S 1",
            "99999999999 (a) S 1 7 7 0 -1 64 0 0 0 0 52 17 0 0 20 0 1 0 987 4096 5",
            ")(",
            "7 (a) S 1 x",
        ] {
            assert!(PidStat::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
