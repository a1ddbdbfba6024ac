//! Processes, as `ps` would list them: read from `/proc` when somebody asks.
//!
//! `/proc/PID/stat` has most of it. The name of the process stands there in parentheses and may itself hold some, spaces
//! and ends of lines, so the numbers begin after the last closing one:
//!
//! ```text
//! 4711 (a (b) c) S 1 4711 4711 0 -1 4194560 ... 
//! ```

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use chrono::{DateTime, Datelike};
use stripchart_core::Timestamp;

use super::json::Json;
use crate::proc::Uptime;
use crate::{Roots, sys};

/// Processes looked at.
const PROCESSES_MAX: usize = 65_536;
/// Bytes of a file that are read.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Bytes of the list of users.
const USERS_BYTES_MAX: u64 = 1 << 20;
/// Open files of a process that are counted.
const FDS_MAX: usize = 100_000;
/// The file of whoever names users.
const USERS: &str = "etc/passwd";

/// A process.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Process {
    pub(super) user: String,
    pub(super) pid: u32,
    pub(super) parent_pid: u32,
    /// As `ps` tells: the hour of today, the day of this year, otherwise the year.
    pub(super) start_time: String,
    pub(super) percent_cpu: f64,
    pub(super) percent_memory: f64,
    pub(super) rss_bytes: u64,
    pub(super) virtual_bytes: u64,
    /// As `Ss`.
    pub(super) status: String,
    /// As `00:01:02`.
    pub(super) running_time: String,
    /// Empty but in lists of the root.
    pub(super) cgroup_path: String,
    pub(super) command: String,
    pub(super) fds: u64,
    pub(super) processor: u32,
}

impl Process {
    pub(super) fn write(&self, json: &mut Json) {
        json.object(|json| {
            json.put_str("user", &self.user);
            json.put_u64("pid", u64::from(self.pid));
            json.put_u64("parent_pid", u64::from(self.parent_pid));
            json.put_str("start_time", &self.start_time);
            json.key("percent_cpu").float(self.percent_cpu);
            json.key("percent_mem").float(self.percent_memory);
            json.put_u64("rss", self.rss_bytes);
            json.put_u64("virtual_size", self.virtual_bytes);
            json.put_str("status", &self.status);
            json.put_str("running_time", &self.running_time);
            json.put_str("cgroup_path", &self.cgroup_path);
            json.put_str("cmd", &self.command);
            json.put_u64("fd_count", self.fds);
            json.put_u64("psr", u64::from(self.processor));
        });
    }
}

/// What all processes are measured by.
struct Host {
    uptime_secs: f64,
    memory_bytes: u64,
    ticks_per_sec: u64,
    page_bytes: u64,
    now: Timestamp,
}

/// The processes of the cgroup at `path`, without those of cgroups below it; of `/` all there are. By pid.
pub(super) fn list(
    roots: &Roots,
    memory_bytes: u64,
    path: &str,
    now: Timestamp,
) -> Result<Vec<Process>, String> {
    let unreadable = |error: &dyn std::fmt::Display| format!("{}: {error}", roots.proc.display());
    let uptime = read(&roots.proc_file("uptime"), FILE_BYTES_MAX).unwrap_or_default();
    let host = Host {
        uptime_secs: Uptime::parse(&uptime).map_or(0.0, |uptime| uptime.uptime_secs),
        memory_bytes,
        ticks_per_sec: sys::clock_ticks_per_sec(),
        page_bytes: sys::page_size_bytes(),
        now,
    };
    let users = users(&read(&roots.rootfs.join(USERS), USERS_BYTES_MAX).unwrap_or_default());
    let entries = fs::read_dir(&roots.proc).map_err(|error| unreadable(&error))?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut pids: Vec<u32> = names.take(PROCESSES_MAX).collect();
    pids.sort_unstable();
    Ok(pids.iter().filter_map(|pid| host.process(roots, &users, *pid, path)).collect())
}

impl Host {
    /// One process, if it is there and in the cgroup at `path`.
    fn process(
        &self,
        roots: &Roots,
        users: &HashMap<u32, String>,
        pid: u32,
        path: &str,
    ) -> Option<Process> {
        let folder = roots.proc_file(&pid.to_string());
        let cgroup = cgroup_of(&read(&folder.join("cgroup"), FILE_BYTES_MAX)?)?;
        if path != "/" && cgroup != path {
            return None;
        }
        let mut process = self.parse(pid, &read(&folder.join("stat"), FILE_BYTES_MAX)?)?;
        let uid = uid_of(&read(&folder.join("status"), FILE_BYTES_MAX)?)?;
        process.user = users.get(&uid).cloned().unwrap_or_else(|| uid.to_string());
        if path == "/" {
            process.cgroup_path = cgroup;
        }
        let fds = fs::read_dir(folder.join("fd"));
        process.fds = fds.map_or(0, |fds| fds.take(FDS_MAX).count() as u64);
        Some(process)
    }

    /// `/proc/PID/stat`.
    fn parse(&self, pid: u32, stat: &[u8]) -> Option<Process> {
        let open = stat.iter().position(|byte| *byte == b'(')?;
        let close = stat.iter().rposition(|byte| *byte == b')')?;
        let command = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
        let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
        // The first of them is the third field of the kernel's documentation.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number.checked_sub(3)?).copied();
        let count = |number| field(number)?.parse::<i64>().ok();
        let unsigned = |number| count(number).and_then(|value| u64::try_from(value).ok());

        let ticks = unsigned(14)?.saturating_add(unsigned(15)?);
        let used_secs = ticks / self.ticks_per_sec;
        let started_secs = unsigned(22)? / self.ticks_per_sec;
        let rss_bytes = unsigned(24)?.saturating_mul(self.page_bytes);
        let age_secs = self.uptime_secs - seconds(started_secs);
        Some(Process {
            user: String::new(),
            pid,
            parent_pid: u32::try_from(count(4)?).unwrap_or(0),
            start_time: self.start_time(age_secs),
            percent_cpu: percent(seconds(ticks) / seconds(self.ticks_per_sec), age_secs),
            percent_memory: percent(seconds(rss_bytes), seconds(self.memory_bytes)),
            rss_bytes,
            virtual_bytes: unsigned(23)?,
            status: status(field(3)?, pid, count(6)?, count(8)?, count(5)?, count(19)?, count(20)?),
            running_time: running_time(used_secs),
            cgroup_path: String::new(),
            command,
            fds: 0,
            processor: unsigned(39).and_then(|cpu| u32::try_from(cpu).ok()).unwrap_or(0),
        })
    }

    fn start_time(&self, age_secs: f64) -> String {
        // A process is at most as old as the host, which fits by far.
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let age_ns = (age_secs * 1e9) as i64;
        let time = |at: Timestamp| DateTime::from_timestamp_nanos(at.nanos());
        let (started, now) = (time(self.now.saturating_sub(age_ns)), time(self.now));
        let text = if started.date_naive() == now.date_naive() {
            started.format("%H:%M")
        } else if started.year() == now.year() {
            started.format("%b%d")
        } else {
            started.format("%Y")
        };
        text.to_string()
    }
}

/// `ps`' letters: state, `<` and `N` for priorities, `s` for the leader of a session, `l` for threads, `+` for the
/// foreground of a terminal.
fn status(
    state: &str,
    pid: u32,
    session: i64,
    foreground: i64,
    group: i64,
    nice: i64,
    threads: i64,
) -> String {
    let mut letters = state.to_owned();
    let marks = [
        ('<', nice < 0),
        ('N', nice > 0),
        ('s', session == i64::from(pid)),
        ('l', threads > 1),
        ('+', foreground == group && group > 0),
    ];
    letters.extend(marks.into_iter().filter(|(_, holds)| *holds).map(|(letter, _)| letter));
    letters
}

/// `[days-]hours:minutes:seconds`.
fn running_time(secs: u64) -> String {
    let (days, hours, minutes) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60);
    let days = if days == 0 { String::new() } else { format!("{days}-") };
    format!("{days}{hours:02}:{minutes:02}:{:02}", secs % 60)
}

/// What `part` is of `whole`, to a tenth.
fn percent(part: f64, whole: f64) -> f64 {
    if whole <= 0.0 {
        return 0.0;
    }
    (part / whole * 1000.0).max(0.0).floor() / 10.0
}

/// As a number with a fraction; beyond 2^53 it is rounded.
#[expect(clippy::cast_precision_loss, reason = "percentages of it have three digits")]
const fn seconds(whole: u64) -> f64 {
    whole as f64
}

/// The cgroup of `/proc/PID/cgroup`: of version 1 where processor time is accounted for, otherwise version 2's.
fn cgroup_of(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let lines = || {
        text.lines().filter_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.split_once(':')
        })
    };
    let of = |wanted: &str| {
        lines().find(|(controllers, _)| controllers.split(',').any(|c| c == wanted))
    };
    let (_, path) = of("cpu").or_else(|| of("memory")).or_else(|| of(""))?;
    Some(path.to_owned())
}

/// The effective user of `/proc/PID/status`.
fn uid_of(text: &[u8]) -> Option<u32> {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Names by number.
fn users(text: &[u8]) -> HashMap<u32, String> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
    });
    let mut users = HashMap::new();
    for (uid, name) in lines {
        users.entry(uid).or_insert(name);
    }
    users
}

/// The beginning of a file; `None` if it is not to be had, as that of a process that has gone.
fn read(path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
    let file = crate::file::open(path).ok()?;
    let mut text = Vec::new();
    file.take(bytes_max).read_to_end(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4711 (a (b)\n c) S 1 4711 4711 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 3 0 1000 \
        1048576 256 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0";

    #[test]
    fn a_process_is_listed_as_ps_does() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("proc/4711/fd")).unwrap();
        fs::create_dir_all(root.join("proc/12")).unwrap(); // on its way out: no file is left
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nwww:x:33:33::/:/bin/sh\n").unwrap();
        fs::write(root.join("proc/uptime"), "110.00 1.0\n").unwrap();
        fs::write(root.join("proc/4711/stat"), STAT).unwrap();
        fs::write(root.join("proc/4711/status"), "Name:\ta\nUid:\t0\t33\t0\t0\n").unwrap();
        fs::write(root.join("proc/4711/fd/0"), "").unwrap();
        let cgroup = "5:cpuset:/z\n4:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/c\n";
        fs::write(root.join("proc/4711/cgroup"), cgroup).unwrap();

        let roots = Roots::below(root);
        let now = Timestamp::from_secs(1_700_000_000);
        let page = sys::page_size_bytes();
        let all = list(&roots, page * 1024, "/", now).unwrap();
        let [process] = &*all else { panic!("{all:?}") };
        let expected = Process {
            user: "www".to_owned(),
            pid: 4711,
            parent_pid: 1,
            start_time: "22:11".to_owned(),
            percent_cpu: 2.0,
            percent_memory: 25.0,
            rss_bytes: 256 * page,
            virtual_bytes: 1_048_576,
            status: "Ssl".to_owned(),
            running_time: "00:00:02".to_owned(),
            cgroup_path: "/a".to_owned(),
            command: "a (b)\n c".to_owned(),
            fds: 1,
            processor: 1,
        };
        assert_eq!(*process, expected);
        assert_eq!(list(&roots, 1, "/a", now).unwrap()[0].cgroup_path, "");
        assert!(list(&roots, 1, "/c", now).unwrap().is_empty());
    }

    #[test]
    fn broken_files_are_no_process() {
        let host = Host {
            uptime_secs: 1.0,
            memory_bytes: 0,
            ticks_per_sec: 100,
            page_bytes: 4096,
            now: Timestamp::EPOCH,
        };
        for stat in ["", "1", "1 (a", "1 )a( S", "1 (a) S 1", "1 (a) S 1 1 1 0 -1 0 0 0 0 0 -5"] {
            assert!(host.parse(1, stat.as_bytes()).is_none(), "{stat}");
        }
        for cut in 0..STAT.len() {
            let _ = host.parse(1, &STAT.as_bytes()[..cut]);
        }
    }

    #[test]
    fn times_of_processors_have_days() {
        assert_eq!(running_time(59), "00:00:59");
        assert_eq!(running_time(90_061), "1-01:01:01");
    }
}
