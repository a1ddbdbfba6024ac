//! Processes of a cgroup: how many, their open files and sockets, limits, and what the scheduler counts.

use std::collections::HashMap;
use std::fs::read_dir;
use std::path::Path;

use super::process::{self, ProcFiles};
use crate::file::Buffer;
use crate::node::{ProcessesSample, SchedStat, Ulimit};
use crate::proc::pid::{Limits, ResourceLimit, Schedstat};
use crate::warnings::Warnings;

/// Open files of all processes of a cgroup that are looked at in one sample; what is beyond is not counted.
const FDS_MAX: u64 = 262_144;

/// Name of the limit, of the kernel and of cAdvisor.
const OPEN_FILES: (&str, &str) = ("Max open files", "max_open_files");

/// What is remembered of the processes of a cgroup.
#[derive(Debug, Default)]
pub(crate) struct Member {
    /// What each process had when it was last seen.
    running: HashMap<u32, (u64, SchedStat)>,
    /// What those had that are gone.
    ended: SchedStat,
    samples: u64,
}

/// Looks at processes.
#[derive(Debug)]
pub(crate) struct Tasks {
    files: ProcFiles,
    pids: Vec<u32>,
}

impl Tasks {
    pub(crate) fn new(proc: &Path) -> Self {
        Tasks { files: ProcFiles::new(proc), pids: Vec::new() }
    }

    /// Lists the processes of the cgroup at `folder`, which the other functions are about.
    pub(crate) fn list(&mut self, folder: &Path, buffer: &mut Buffer) {
        process::processes(folder, buffer, &mut self.pids);
    }

    /// Counts the processes with their open files and sockets.
    ///
    /// Open files of processes that may not be looked into, or that end meanwhile, are not counted.
    pub(crate) fn count(
        &mut self,
        sample: &mut ProcessesSample,
        buffer: &mut Buffer,
        warnings: &mut Warnings,
    ) {
        sample.processes = self.pids.len() as u64;
        (sample.fds, sample.sockets) = (0, 0);
        for pid in &self.pids {
            let Ok(entries) = read_dir(self.files.path(*pid, "fd")) else { continue };
            for entry in entries.flatten() {
                if sample.fds >= FDS_MAX {
                    break;
                }
                sample.fds += 1;
                let link = std::fs::read_link(entry.path());
                let is_socket =
                    link.is_ok_and(|to| to.as_os_str().as_encoded_bytes().starts_with(b"socket"));
                sample.sockets += u64::from(is_socket);
            }
        }
        sample.ulimits.clear();
        if let Some(pid) = self.pids.first() {
            let limit = open_files_limit(&mut self.files, *pid, buffer, warnings);
            sample.ulimits.extend(limit);
        }
    }

    /// Sums up what the scheduler counts. The sum never falls: what a process had is kept when it is gone.
    pub(crate) fn sched(&mut self, member: &mut Member, buffer: &mut Buffer) -> SchedStat {
        member.samples += 1;
        let now = member.samples;
        for pid in &self.pids {
            let Ok(text) = self.files.read(*pid, "schedstat", buffer) else { continue };
            let Ok(stat) = Schedstat::parse(text) else { continue };
            let stat = SchedStat { run_ns: stat.run_ns, wait_ns: stat.wait_ns, turns: stat.turns };
            let before = member.running.insert(*pid, (now, stat));
            if let Some((_, before)) = before
                && before.turns > stat.turns
            {
                // Another process of the same number.
                add(&mut member.ended, before);
            }
        }
        let ended = &mut member.ended;
        member.running.retain(|_, (seen, stat)| {
            let there = *seen == now;
            if !there {
                add(ended, *stat);
            }
            there
        });
        let mut sum = member.ended;
        member.running.values().for_each(|(_, stat)| add(&mut sum, *stat));
        sum
    }
}

fn add(sum: &mut SchedStat, stat: SchedStat) {
    sum.run_ns = sum.run_ns.saturating_add(stat.run_ns);
    sum.wait_ns = sum.wait_ns.saturating_add(stat.wait_ns);
    sum.turns = sum.turns.saturating_add(stat.turns);
}

fn open_files_limit(
    files: &mut ProcFiles,
    pid: u32,
    buffer: &mut Buffer,
    warnings: &mut Warnings,
) -> Option<Ulimit> {
    let text = files.read(pid, "limits", buffer).ok()?;
    let limit = Limits::new(text).get(OPEN_FILES.0);
    let ResourceLimit { soft, hard } = warnings.parsed(files.path(pid, "limits"), limit)??;
    let signed =
        |limit: Option<u64>| limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    Some(Ulimit { name: OPEN_FILES.1, soft: signed(soft), hard: signed(hard) })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Host {
        root: tempfile::TempDir,
        tasks: Tasks,
        buffer: Buffer,
    }

    impl Host {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let tasks = Tasks::new(root.path());
            Host { root, tasks, buffer: Buffer::default() }
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        fn sched(&mut self, member: &mut Member, pids: &str) -> (u64, u64, u64) {
            self.write("group/cgroup.procs", pids);
            self.tasks.list(&self.root.path().join("group"), &mut self.buffer);
            let sum = self.tasks.sched(member, &mut self.buffer);
            (sum.run_ns, sum.wait_ns, sum.turns)
        }
    }

    #[test]
    fn processes_files_and_sockets_are_counted() {
        let mut host = Host::new();
        for (pid, links) in
            [(7, &["socket:[1]", "/dev/null", "pipe:[3]"][..]), (8, &["socket:[2]"])]
        {
            host.write(
                &format!("{pid}/limits"),
                "Limit\nMax open files   1024   unlimited   files\n",
            );
            std::fs::create_dir(host.root.path().join(format!("{pid}/fd"))).unwrap();
            for (n, link) in links.iter().enumerate() {
                let path = host.root.path().join(format!("{pid}/fd/{n}"));
                std::os::unix::fs::symlink(link, path).unwrap();
            }
        }
        host.write("group/cgroup.procs", "7\n8\n9\n");
        host.tasks.list(&host.root.path().join("group"), &mut host.buffer);
        let (mut sample, mut warnings) = (ProcessesSample::default(), Warnings::default());
        host.tasks.count(&mut sample, &mut host.buffer, &mut warnings);
        assert_eq!((sample.processes, sample.fds, sample.sockets), (3, 4, 2));
        assert_eq!(sample.ulimits, [Ulimit { name: "max_open_files", soft: 1024, hard: -1 }]);
        // A cgroup that has become empty has nothing.
        host.write("group/cgroup.procs", "");
        host.tasks.list(&host.root.path().join("group"), &mut host.buffer);
        host.tasks.count(&mut sample, &mut host.buffer, &mut warnings);
        assert_eq!(sample, ProcessesSample::default());
        assert!(warnings.take().is_empty());
    }

    #[test]
    fn the_schedulers_sum_never_falls() {
        let mut host = Host::new();
        let mut member = Member::default();
        host.write("7/schedstat", "100 10 1\n");
        host.write("8/schedstat", "50 5 5\n");
        assert_eq!(host.sched(&mut member, "7\n8\n"), (150, 15, 6));
        host.write("7/schedstat", "110 10 2\n");
        assert_eq!(host.sched(&mut member, "7\n"), (160, 15, 7), "8 is gone and counts on");
        host.write("7/schedstat", "1 1 1\n");
        assert_eq!(host.sched(&mut member, "7\n"), (161, 16, 8), "another process is 7 now");
        assert_eq!(host.sched(&mut member, ""), (161, 16, 8));
        host.write("9/schedstat", "what\n");
        assert_eq!(host.sched(&mut member, "9\n10\n"), (161, 16, 8));
    }
}
