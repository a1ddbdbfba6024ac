//! A table of processes, as `ps` has it.

use std::path::Path;
use std::time::Duration;

use stripchart_core::Timestamp;

use super::process::ProcFiles;
use super::scan::each_process;
use super::users::Users;
use crate::Roots;
use crate::file::{Buffer, open};
use crate::proc::pid::PidStat;
use crate::proc::{MemInfo, Stat, Uptime};
use crate::sys::{clock_ticks_per_sec, page_size_bytes};
use crate::text::{Fields, Lines, count};

/// A process of the host.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Process {
    /// The user whose rights it has; the number where the user has no name in `/etc/passwd`.
    pub user: Box<str>,
    /// Its number.
    pub pid: u32,
    /// Its parent's.
    pub parent_pid: u32,
    /// When it started, to 10 ms.
    pub started: Timestamp,
    /// The same as `ps` writes it: `14:05` within a day, `Nov22` within the year, else `2025`; UTC.
    pub start_time: Box<str>,
    /// Percent of one processor, over its whole life.
    pub percent_cpu: f32,
    /// Percent of the host's memory.
    pub percent_memory: f32,
    /// Bytes of memory.
    pub rss_bytes: u64,
    /// Bytes of virtual memory.
    pub virtual_bytes: u64,
    /// The state's letter with those of `ps`: `<` and `N` of priority, `s` leads a session, `l` has threads, `+` in the
    /// foreground.
    pub status: Box<str>,
    /// Processor time as `[DD-]HH:MM:SS`.
    pub running_time: Box<str>,
    /// Its cgroup: of version 1 that of the processor's controller.
    pub cgroup_path: Box<str>,
    /// Its name.
    pub command: Box<str>,
    /// Open files, as far as they may be seen.
    pub fd_count: u64,
    /// The processor it ran on last.
    pub processor: u32,
}

/// The processes of the host whose files `roots` names, at `now`, in the order of their numbers. Threads of the kernel are
/// among them.
///
/// Reads four files and a folder of each, about 0.1 ms; meant for somebody who looks. Processes that end meanwhile are left
/// out, and what may not be read is empty or zero.
///
/// ```
/// use std::time::SystemTime;
/// use stripchart_collector::{Roots, who};
///
/// let processes = who::processes(&Roots::default(), SystemTime::now().into());
/// let this = processes.iter().find(|process| process.pid == std::process::id()).unwrap();
/// assert!(this.rss_bytes > 0 && this.parent_pid > 0);
/// ```
#[must_use]
pub fn processes(roots: &Roots, now: Timestamp) -> Vec<Process> {
    list(roots, now, |_| true)
}

/// The processes of which `wanted` takes the cgroup's path.
#[must_use]
pub fn processes_of(
    roots: &Roots,
    now: Timestamp,
    wanted: impl FnMut(&str) -> bool,
) -> Vec<Process> {
    list(roots, now, wanted)
}

fn list(roots: &Roots, now: Timestamp, mut wanted: impl FnMut(&str) -> bool) -> Vec<Process> {
    let host = HostFacts::read(roots, now);
    let (mut files, mut details) = (ProcFiles::new(&roots.proc), ProcFiles::new(&roots.proc));
    let (mut buffer, mut more) = (Buffer::default(), Buffer::default());
    let mut users = Users::default();
    let mut processes = Vec::new();
    each_process(&roots.proc, &mut files, &mut buffer, |stat| {
        let cgroup = details.read(stat.pid, "cgroup", &mut more).ok().and_then(cgroup_path);
        let cgroup = cgroup.unwrap_or_default();
        if !wanted(&cgroup) {
            return;
        }
        let user = details.read(stat.pid, "status", &mut more).ok().and_then(effective_user);
        let user = match user {
            None => Box::from("?"),
            Some(id) => match users.get(&roots.rootfs, id) {
                Some(user) => user.name.clone(),
                None => id.to_string().into(),
            },
        };
        let entries = std::fs::read_dir(details.path(stat.pid, "fd"));
        let fd_count = entries.map_or(0, |entries| entries.count() as u64);
        processes.push(host.process(stat, user, cgroup, fd_count, now));
    });
    processes.sort_unstable_by_key(|process| process.pid);
    processes
}

/// What is the same for all processes.
#[derive(Debug)]
struct HostFacts {
    ticks_per_sec: u64,
    page_bytes: u64,
    memory_bytes: u64,
    booted: Timestamp,
}

impl HostFacts {
    fn read(roots: &Roots, now: Timestamp) -> Self {
        let mut buffer = Buffer::default();
        let mut booted = None;
        if let Ok(text) = read(&roots.proc_file("stat"), &mut buffer)
            && let Ok(stat) = Stat::parse(text)
        {
            let secs = stat.btime.and_then(|secs| i64::try_from(secs).ok());
            booted = secs.map(Timestamp::from_secs);
        }
        // To 10 ms, where `btime` has seconds.
        if let Ok(text) = read(&roots.proc_file("uptime"), &mut buffer)
            && let Ok(uptime) = Uptime::parse(text)
            && let Ok(up) = Duration::try_from_secs_f64(uptime.uptime_secs)
            && let Ok(nanos) = i64::try_from(up.as_nanos())
        {
            booted = Some(now.saturating_sub(nanos));
        }
        let memory = read(&roots.proc_file("meminfo"), &mut buffer)
            .ok()
            .and_then(|text| MemInfo::parse(text).ok()?.mem_total);
        HostFacts {
            ticks_per_sec: clock_ticks_per_sec(),
            page_bytes: page_size_bytes(),
            memory_bytes: memory.unwrap_or(0),
            booted: booted.unwrap_or(Timestamp::EPOCH),
        }
    }

    fn process(
        &self,
        stat: &PidStat<'_>,
        user: Box<str>,
        cgroup_path: Box<str>,
        fd_count: u64,
        now: Timestamp,
    ) -> Process {
        let start_ns = stat.starttime.saturating_mul(1_000_000_000 / self.ticks_per_sec);
        let started = self.booted.saturating_add(i64::try_from(start_ns).unwrap_or(i64::MAX));
        let rss_bytes = stat.rss.saturating_mul(self.page_bytes);
        let ticks = stat.utime.saturating_add(stat.stime);
        let secs = ticks / self.ticks_per_sec;
        let lived_ns = now.since(started).max(0);
        let used_ns = ticks as f64 * 1e9 / self.ticks_per_sec as f64;
        Process {
            user,
            pid: stat.pid,
            parent_pid: stat.ppid,
            started,
            start_time: start_time(started, now),
            percent_cpu: tenths(used_ns, lived_ns as f64),
            percent_memory: tenths(rss_bytes as f64, self.memory_bytes as f64),
            rss_bytes,
            virtual_bytes: stat.vsize,
            status: status(stat),
            running_time: running_time(secs),
            cgroup_path,
            command: String::from_utf8_lossy(stat.comm).into(),
            fd_count,
            processor: stat.processor.unwrap_or(0),
        }
    }
}

fn read<'b>(path: &Path, buffer: &'b mut Buffer) -> std::io::Result<&'b [u8]> {
    buffer.fill(&open(path)?, false)
}

/// `part` in percent of `whole`, to a tenth.
#[expect(clippy::cast_possible_truncation, reason = "a percentage to a tenth needs no more digits")]
fn tenths(part: f64, whole: f64) -> f32 {
    if whole <= 0.0 {
        return 0.0;
    }
    ((part / whole * 1000.0).floor() / 10.0) as f32
}

/// The path of the cgroup in `/proc/PID/cgroup`.
///
/// ```text
/// 2:cpu,cpuacct:/docker/0a1b
/// 0::/system.slice/cron.service
/// ```
fn cgroup_path(text: &[u8]) -> Option<Box<str>> {
    let mut unified = None;
    for line in Lines::new(text).ok()? {
        let mut parts = line.text.splitn(3, |byte| *byte == b':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        if controllers.split(|byte| *byte == b',').any(|controller| controller == b"cpu") {
            return Some(String::from_utf8_lossy(path).into());
        }
        if controllers.is_empty() {
            unified = Some(path);
        }
    }
    unified.map(|path| String::from_utf8_lossy(path).into())
}

/// The second number of `Uid:` in `/proc/PID/status`: real, effective, saved, of the file system.
fn effective_user(text: &[u8]) -> Option<u32> {
    let line = Lines::new(text).ok()?.find_map(|line| line.text.strip_prefix(b"Uid:"))?;
    let mut fields = Fields::new(0, line);
    fields.next_field()?;
    u32::try_from(count(fields.next_field()?)?).ok()
}

fn status(stat: &PidStat<'_>) -> Box<str> {
    let mut status = String::from(char::from(stat.state));
    let flags = [
        ('<', stat.nice < 0),
        ('N', stat.nice > 0),
        ('s', stat.session == i64::from(stat.pid)),
        ('l', stat.num_threads > 1),
        ('+', stat.tpgid == stat.pgrp && stat.tpgid > 0),
    ];
    status.extend(flags.iter().filter(|(_, set)| *set).map(|(flag, _)| *flag));
    status.into()
}

fn running_time(secs: u64) -> Box<str> {
    let (days, hours, minutes, secs) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60, secs % 60);
    match days {
        0 => format!("{hours:02}:{minutes:02}:{secs:02}").into(),
        days => format!("{days:02}-{hours:02}:{minutes:02}:{secs:02}").into(),
    }
}

/// When a process started, the shorter the longer ago.
fn start_time(started: Timestamp, now: Timestamp) -> Box<str> {
    const DAY_NS: i64 = 86_400_000_000_000;
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // `2026-05-01T09:59:59...`, of fixed places.
    let (started_text, now_text) = (started.to_string(), now.to_string());
    let part = |from, to| started_text.get(from..to).unwrap_or_default();
    if now.since(started) < DAY_NS {
        return part(11, 16).into();
    }
    if started_text.get(..4) != now_text.get(..4) {
        return part(0, 4).into();
    }
    let month =
        part(5, 7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    format!("{}{}", month.unwrap_or(&""), part(8, 10)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host of which these files are under `/`.
    fn host(files: &[(&str, &str)]) -> (tempfile::TempDir, Roots) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let roots = Roots::below(root.path());
        (root, roots)
    }

    #[test]
    fn a_process_has_the_columns_of_ps() {
        let (_root, roots) = host(&[
            ("etc/passwd", "ann:x:1000:1000::/home/ann:/bin/sh\n"),
            ("proc/uptime", "100000.00 1.00\n"),
            (
                "proc/meminfo",
                "MemTotal:       81920 kB\nMemFree: 1 kB\nBuffers: 0 kB\nCached: 0 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
            ),
            (
                "proc/77/stat",
                "77 (a (b)\nc) S 1 77 77 5 77 0 0 0 0 0 9000 1000 0 0 20 -5 3 0 9000000 4096000 2048 0 0 0 0 0 0 0 0 0 0 0 0 0 17 3 0\n",
            ),
            ("proc/77/status", "Name:\ta\nUid:\t0\t1000\t0\t0\n"),
            ("proc/77/cgroup", "3:memory:/m\n2:cpu,cpuacct:/docker/x\n0::/u\n"),
            ("proc/77/fd/0", ""),
            ("proc/77/fd/1", ""),
            ("proc/8/stat", "8 (kthreadd) I 2 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0\n"),
            ("proc/9/stat", "not a process\n"),
            ("proc/self/stat", "77 (self) S 1 77 77 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 0 0 0\n"),
        ]);
        let now = Timestamp::from_secs(1_777_629_600); // 2026-05-01T10:00:00
        let all = processes(&roots, now);
        assert_eq!(all.iter().map(|process| process.pid).collect::<Vec<_>>(), [8, 77]);
        let (thread, process) = (&all[0], &all[1]);
        assert_eq!((&*thread.user, &*thread.status, &*thread.cgroup_path), ("?", "I", ""));
        assert_eq!((&*process.user, process.parent_pid, &*process.command), ("ann", 1, "a (b)\nc"));
        assert_eq!((&*process.status, &*process.running_time), ("S<sl+", "00:01:40"));
        assert_eq!(
            (process.rss_bytes, process.virtual_bytes),
            (2048 * page_size_bytes(), 4_096_000)
        );
        assert_eq!(
            (&*process.cgroup_path, process.fd_count, process.processor),
            ("/docker/x", 2, 3)
        );
        // 100 s of processor time in the 10000 s since it started.
        assert_eq!((process.percent_cpu, &*process.start_time), (1.0, "07:13"));
        if page_size_bytes() == 4096 {
            assert_eq!(process.percent_memory, 10.0);
        }
        let of_docker = processes_of(&roots, now, |cgroup| cgroup.starts_with("/docker/"));
        assert_eq!(of_docker, all[1..]);
    }

    #[test]
    fn times_are_the_shorter_the_longer_ago() {
        let now = Timestamp::from_secs(1_777_629_600);
        let ago = |secs: i64| start_time(Timestamp::from_secs(1_777_629_600 - secs), now);
        assert_eq!([&*ago(60), &*ago(86_400), &*ago(200 * 86_400)], ["09:59", "Apr30", "2025"]);
        assert_eq!(&*running_time(3 * 86_400 + 7_384), "03-02:03:04");
        assert_eq!(&*running_time(59), "00:00:59");
    }

    #[test]
    fn this_process_is_among_those_of_the_real_host() {
        let now = Timestamp::from(std::time::SystemTime::now());
        let all = processes(&Roots::default(), now);
        let this = all.iter().find(|process| process.pid == std::process::id()).unwrap();
        assert!(this.fd_count > 2 && this.rss_bytes > 100_000 && !this.user.is_empty());
        assert!(now.since(this.started) < 3_600_000_000_000);
    }
}
