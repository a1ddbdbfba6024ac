//! The process that stands for a container: one of its own, the same as long as it lives.

use std::io;
use std::path::{Path, PathBuf};

use crate::file::{Buffer, open};
use crate::proc::pid::PidStat;
use crate::text::{Lines, count};

/// Processes of a cgroup that are looked at; the kernel allows four million in all.
pub(crate) const PROCESSES_MAX: usize = 65_536;

/// A process, told from a later one of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProcessId {
    pub(crate) pid: u32,
    /// When it started, in ticks since boot.
    pub(crate) starttime: u64,
}

/// Reads files of processes, in memory that is used again.
#[derive(Debug)]
pub(crate) struct ProcFiles {
    proc: PathBuf,
    path: PathBuf,
}

impl ProcFiles {
    pub(crate) fn new(proc: &Path) -> Self {
        ProcFiles { proc: proc.to_owned(), path: PathBuf::new() }
    }

    /// The path of file `name` of process `pid`.
    pub(crate) fn path(&mut self, pid: u32, name: &str) -> &Path {
        use std::fmt::Write as _;
        let path = self.path.as_mut_os_string();
        path.clear();
        path.push(&self.proc);
        // Into a string of the operating system nothing else is written without memory of its own.
        let _ = write!(path, "/{pid}/{name}");
        &self.path
    }

    /// Reads file `name` of process `pid`.
    pub(crate) fn read<'b>(
        &mut self,
        pid: u32,
        name: &str,
        buffer: &'b mut Buffer,
    ) -> io::Result<&'b [u8]> {
        let file = open(self.path(pid, name))?;
        buffer.fill(&file, false)
    }

    /// Process `pid` as it is now; `None` if there is none.
    pub(crate) fn identify(&mut self, pid: u32, buffer: &mut Buffer) -> Option<ProcessId> {
        let text = self.read(pid, "stat", buffer).ok()?;
        let stat = PidStat::parse(text).ok()?;
        // One that is dead already has no files left but the exit code.
        (stat.state != b'Z' && stat.state != b'X')
            .then_some(ProcessId { pid, starttime: stat.starttime })
    }

    /// The number of the network namespace of process `pid`; `None` if it may not be known.
    pub(crate) fn network_namespace(&mut self, pid: u32) -> Option<u64> {
        let link = std::fs::read_link(self.path(pid, "ns/net")).ok()?;
        let digits = link.to_str()?.strip_prefix("net:[")?.strip_suffix(']')?;
        count(digits.as_bytes())
    }
}

/// The processes of the cgroup at `folder`, into `pids`. Podman and newer CRI-O put those of a container into a folder
/// `container` in its cgroup.
pub(crate) fn processes(folder: &Path, buffer: &mut Buffer, pids: &mut Vec<u32>) {
    pids.clear();
    for path in [folder.join("cgroup.procs"), folder.join("container/cgroup.procs")] {
        let Ok(file) = open(&path) else { continue };
        let Ok(text) = buffer.fill(&file, false) else { continue };
        let Ok(lines) = Lines::new(text) else { continue };
        let numbers = lines.filter_map(|line| u32::try_from(count(line.text)?).ok());
        // A process of another namespace is shown as 0.
        pids.extend(numbers.filter(|pid| *pid != 0).take(PROCESSES_MAX));
        if !pids.is_empty() {
            return;
        }
    }
}

/// Chooses the process that stands for a cgroup: the oldest, since a container's first process outlives the others.
pub(crate) fn oldest(
    files: &mut ProcFiles,
    pids: &[u32],
    buffer: &mut Buffer,
) -> Option<ProcessId> {
    /// Enough to find the first one: numbers go up until they wrap.
    const LOOKED_AT_MAX: usize = 16;
    let mut lowest: Vec<u32> = pids.to_vec();
    lowest.sort_unstable();
    lowest.truncate(LOOKED_AT_MAX);
    let found = lowest.into_iter().filter_map(|pid| files.identify(pid, buffer));
    found.min_by_key(|process| (process.starttime, process.pid))
}
