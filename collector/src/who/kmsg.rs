//! `/dev/kmsg`: what the kernel says of processes that it killed for want of memory.
//!
//! Each read gives one record: priority, number, microseconds since boot and flags, a semicolon, the text, lines of keys.
//! Bytes that cannot be printed, and backslashes, are written as `\xNN`.
//!
//! Since 5.0 one line tells all; before, it takes three:
//!
//! ```text
//! 6,1042,98765432,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/a,mems_allowed=0,oom_memcg=/a,task_memcg=/a/b,task=java,pid=711,uid=0
//!
//! 4,901,98765432,-;java invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0
//! 6,930,98765432,-;Task in /a/b killed as a result of limit of /a
//! 3,935,98765432,-;Killed process 711 (java) total-vm:169144kB, anon-rss:2432kB
//! ```
//!
//! If it was not a limit but the host that ran out, `global_oom` stands in place of `oom_memcg=`, or the line `Task in` is
//! missing. Where a whole cgroup is killed (`memory.oom.group`), the first victim is told so and the others by lines
//! `Killed process` after `Tasks in /a are going to be killed due to memory.oom.group set`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use crate::file::open;
use crate::text::count;
use crate::warnings::Warnings;

/// Longest record, as the kernel has it; a shorter buffer is refused.
const RECORD_BYTES_MAX: usize = 8192;

/// Records taken in one sample: a flood of messages does not hold up the sampler.
const RECORDS_MAX: usize = 1024;

/// A process that was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OomKill {
    /// When, in microseconds since boot.
    pub(crate) at_usec: u64,
    /// The cgroup whose limit was hit; `/` if the host ran out.
    pub(crate) limit: Box<str>,
    /// The cgroup that the process was in.
    pub(crate) victim: Box<str>,
    pub(crate) pid: u32,
    pub(crate) process: Box<str>,
    /// Which limit, as `CONSTRAINT_MEMCG`.
    pub(crate) constraint: Box<str>,
    /// Whether it was killed along with another of its cgroup.
    pub(crate) along: bool,
}

/// The kernel's log, read from where it ended when it was opened.
#[derive(Debug)]
pub(crate) struct Kmsg {
    path: PathBuf,
    file: Option<File>,
    given_up: bool,
    reports: Reports,
    record: Vec<u8>,
}

impl Kmsg {
    /// The log at `path`, opened with the first look.
    pub(crate) fn new(path: PathBuf) -> Self {
        Kmsg { path, file: None, given_up: false, reports: Reports::default(), record: Vec::new() }
    }

    /// Hands each kill since the last time to `each`; the first time that which is to come begins. Never waits. If the log
    /// may not be read, warns once and is silent from then on.
    pub(crate) fn look(&mut self, warnings: &mut Warnings, mut each: impl FnMut(OomKill)) {
        if self.given_up {
            return;
        }
        let Some(file) = &mut self.file else {
            match open_at_end(&self.path) {
                Ok(file) => self.file = Some(file),
                Err(error) => {
                    self.given_up = true;
                    if error.kind() != io::ErrorKind::NotFound {
                        let message =
                            format!("cannot be read ({error}); OOM kills are counted, not told");
                        warnings.warn(&self.path, message);
                    }
                }
            }
            return;
        };
        self.record.resize(RECORD_BYTES_MAX, 0);
        for _ in 0..RECORDS_MAX {
            match file.read(&mut self.record) {
                Ok(0) => break,
                Ok(len) => {
                    if let Some((at_usec, text)) = message(&self.record[..len])
                        && let Some(kill) = self.reports.line(at_usec, &text)
                    {
                        each(kill);
                    }
                }
                // What was to be read next has been overwritten; the next read goes on with the oldest that is left.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    }
}

fn open_at_end(path: &std::path::Path) -> io::Result<File> {
    let mut file = open(path)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

/// The time and the text of a record; `None` if it is malformed.
fn message(record: &[u8]) -> Option<(u64, Box<str>)> {
    let semicolon = memchr::memchr(b';', record)?;
    let (header, text) = (&record[..semicolon], &record[semicolon + 1..]);
    let at_usec = count(header.split(|byte| *byte == b',').nth(2)?)?;
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    Some((at_usec, unescape(&text[..end])))
}

/// Replaces `\xNN`.
fn unescape(text: &[u8]) -> Box<str> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match escaped(rest) {
            Some(byte) => {
                plain.push(byte);
                rest = &rest[4..];
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&plain).into()
}

/// The byte that `text` begins with, if it is written as `\xNN`.
fn escaped(text: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(text.strip_prefix(b"\\x")?.get(..2)?).ok()?;
    // A sign would be taken, too.
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| are_digits)
}

/// Puts together what several lines tell.
#[derive(Debug, Default)]
struct Reports {
    open: Option<Report>,
}

/// A report that has begun.
#[derive(Debug)]
enum Report {
    /// Before 5.0: whose limit, whose process, where it was a limit.
    Old(Option<(Box<str>, Box<str>)>),
    /// One of the cgroup was killed, told in full; the others may follow. The flag: that they do was announced.
    Told { kill: OomKill, group: bool },
}

impl Reports {
    /// Takes a line; gives the kill that it completes.
    fn line(&mut self, at_usec: u64, text: &str) -> Option<OomKill> {
        if let Some(told) = text.strip_prefix("oom-kill:") {
            let kill = told_in_one(at_usec, told)?;
            self.open = Some(Report::Told { kill: kill.clone(), group: false });
            return Some(kill);
        }
        if text.contains(" invoked oom-killer:") {
            self.open = Some(Report::Old(None));
            return None;
        }
        let report = self.open.as_mut()?;
        match report {
            Report::Old(memcg) => {
                if let Some(paths) = text.strip_prefix("Task in ") {
                    let (victim, limit) = paths.split_once(" killed as a result of limit of ")?;
                    *memcg = Some((limit.into(), victim.into()));
                    return None;
                }
                let (pid, process) = killed(text)?;
                let constraint =
                    if memcg.is_some() { "CONSTRAINT_MEMCG" } else { "CONSTRAINT_NONE" };
                let root = || (Box::from("/"), Box::from("/"));
                let (limit, victim) = memcg.take().unwrap_or_else(root);
                self.open = None;
                let constraint = constraint.into();
                Some(OomKill { at_usec, limit, victim, pid, process, constraint, along: false })
            }
            Report::Told { kill, group } => {
                if text.ends_with("are going to be killed due to memory.oom.group set") {
                    *group = true;
                    return None;
                }
                let (pid, process) = killed(text)?;
                (*group && pid != kill.pid).then(|| OomKill {
                    at_usec,
                    pid,
                    process,
                    along: true,
                    ..kill.clone()
                })
            }
        }
    }
}

/// What follows `oom-kill:`. Lists of nodes hold commas, names of cgroups and processes may: it is the keys that separate.
fn told_in_one(at_usec: u64, told: &str) -> Option<OomKill> {
    let (constraint, rest) = told.strip_prefix("constraint=")?.split_once(',')?;
    let (before_task, rest) = rest.split_once(",task_memcg=")?;
    let limit = match before_task.split_once(",oom_memcg=") {
        Some((_, limit)) => limit,
        None => "/",
    };
    let (victim, rest) = rest.split_once(",task=")?;
    let (process, rest) = rest.rsplit_once(",pid=")?;
    let pid = rest.split(',').next()?.trim().parse().ok()?;
    Some(OomKill {
        at_usec,
        limit: limit.into(),
        victim: victim.into(),
        pid,
        process: process.into(),
        constraint: constraint.into(),
        along: false,
    })
}

/// The process in `Memory cgroup out of memory: Killed process 711 (java) total-vm:...`; old kernels have commas and the
/// user's number in between.
fn killed(text: &str) -> Option<(u32, Box<str>)> {
    let (_, rest) = text.split_once("Killed process ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let pid = rest[..digits].parse().ok()?;
    let open = rest.find('(')?;
    let end = rest.find(" total-vm:").unwrap_or(rest.len());
    let close = rest.get(..end)?.rfind(')')?;
    Some((pid, rest.get(open + 1..close)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kills(lines: &[&str]) -> Vec<(String, String, u32, String, String, bool)> {
        let mut reports = Reports::default();
        lines
            .iter()
            .filter_map(|line| reports.line(5, line))
            .map(|k| {
                let text = |text: &str| text.to_owned();
                (
                    text(&k.limit),
                    text(&k.victim),
                    k.pid,
                    text(&k.process),
                    text(&k.constraint),
                    k.along,
                )
            })
            .collect()
    }

    fn kill(
        limit: &str,
        victim: &str,
        pid: u32,
        process: &str,
        constraint: &str,
        along: bool,
    ) -> (String, String, u32, String, String, bool) {
        (limit.into(), victim.into(), pid, process.into(), constraint.into(), along)
    }

    #[test]
    fn one_line_tells_all_since_5_0() {
        let lines = [
            "java invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=986",
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=0-2,4,cpuset=/x,mems_allowed=0,2-3,oom_memcg=/kubepods/pod1,task_memcg=/kubepods/pod1/a,b,task=ja,va (x),pid=39079,uid=107",
            "Memory cgroup out of memory: Killed process 39079 (ja,va (x)) total-vm:4457263kB, anon-rss:1kB",
            "oom_reaper: reaped process 39079 (java), now anon-rss:0kB",
        ];
        let want = kill(
            "/kubepods/pod1",
            "/kubepods/pod1/a,b",
            39079,
            "ja,va (x)",
            "CONSTRAINT_MEMCG",
            false,
        );
        assert_eq!(kills(&lines), [want]);
    }

    #[test]
    fn if_the_host_runs_out_the_limit_is_the_roots() {
        let line = "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/a,task=x,pid=    7,uid=    0";
        assert_eq!(kills(&[line]), [kill("/", "/a", 7, "x", "CONSTRAINT_NONE", false)]);
    }

    #[test]
    fn before_5_0_three_lines_tell_and_lines_between_do_not_disturb() {
        let lines = [
            "mal-80 invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0",
            " [<ffffffff8169c418>] page_fault+0x28/0x30",
            "Task in /1/2 killed as a result of limit of /1",
            "memory: usage 102400kB, limit 102400kB, failcnt 181",
            "Memory cgroup out of memory: Kill process 2376 (mal-80) score 960 or sacrifice child",
            "Killed process 2376 (mal-80) total-vm:169144kB, anon-rss:2432kB",
            "Killed process 9 (not of a report) total-vm:1kB",
            "java invoked oom-killer: gfp_mask=0xd0",
            "Killed process 215701, UID 679, (java) total-vm:11017300kB",
        ];
        let want = [
            kill("/1", "/1/2", 2376, "mal-80", "CONSTRAINT_MEMCG", false),
            kill("/", "/", 215_701, "java", "CONSTRAINT_NONE", false),
        ];
        assert_eq!(kills(&lines), want);
    }

    #[test]
    fn a_cgroup_that_is_killed_whole_gives_each_of_its_processes() {
        let lines = [
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/g,task_memcg=/g,task=a,pid=1,uid=0",
            "Memory cgroup out of memory: Killed process 1 (a) total-vm:1kB",
            "Tasks in /g are going to be killed due to memory.oom.group set",
            "Memory cgroup out of memory: Killed process 1 (a) total-vm:1kB",
            "Memory cgroup out of memory: Killed process 2 (b) total-vm:1kB",
        ];
        let memcg = "CONSTRAINT_MEMCG";
        assert_eq!(
            kills(&lines),
            [kill("/g", "/g", 1, "a", memcg, false), kill("/g", "/g", 2, "b", memcg, true)]
        );
    }

    #[test]
    fn malformed_lines_tell_nothing() {
        for line in [
            "oom-kill:",
            "oom-kill:constraint=X",
            "oom-kill:constraint=X,task_memcg=/a,task=b,pid=99999999999,uid=0",
            "Killed process",
            "Task in",
        ] {
            assert_eq!(kills(&["a invoked oom-killer: x", line]), [], "{line}");
        }
    }

    #[test]
    fn records_have_a_time_and_escapes() {
        let record = b"6,1042,98765432,-,caller=T1;unit\\x5cx2da \\xc3\\xa9 \\xzz\n SUBSYSTEM=x\n";
        let (at_usec, text) = message(record).unwrap();
        assert_eq!((at_usec, &*text), (98_765_432, "unit\\x2da \u{e9} \\xzz"));
        assert_eq!(message(b"6,1042;x"), None);
        assert_eq!(message(b""), None);
    }

    #[test]
    fn the_real_log_is_read_without_waiting_and_a_missing_one_is_silence() {
        let mut warnings = Warnings::default();
        let mut log = Kmsg::new("/no/such/kmsg".into());
        log.look(&mut warnings, |_| {});
        assert!(warnings.take().is_empty());
        let mut log = Kmsg::new("/dev/kmsg".into());
        log.look(&mut warnings, |_| {});
        if log.given_up {
            println!("skipped: /dev/kmsg cannot be read: {:?}", warnings.take());
            return;
        }
        log.look(&mut warnings, |_| {});
        assert!(warnings.take().is_empty());
    }
}
