//! All processes of the host.

use std::path::Path;

use super::process::{ProcFiles, ProcessId};
use crate::file::Buffer;
use crate::proc::pid::PidStat;
use crate::text::count;

/// Processes that are looked at: as many as the kernel allows by default on a large host.
const PROCESSES_MAX: usize = 262_144;

/// What is kept of a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scanned {
    pub(crate) id: ProcessId,
    /// Processor time, in ticks.
    pub(crate) ticks: u64,
    /// Resident pages.
    pub(crate) pages: u64,
}

/// Hands every process to `each`, in the order of their numbers; those that end meanwhile are passed over.
pub(crate) fn each_process(
    proc: &Path,
    files: &mut ProcFiles,
    buffer: &mut Buffer,
    mut each: impl FnMut(&PidStat<'_>),
) {
    let Ok(entries) = std::fs::read_dir(proc) else { return };
    for entry in entries.take(PROCESSES_MAX).flatten() {
        let pid = count(entry.file_name().as_encoded_bytes());
        let Some(pid) = pid.and_then(|pid| u32::try_from(pid).ok()) else { continue };
        let Ok(text) = files.read(pid, "stat", buffer) else { continue };
        if let Ok(stat) = PidStat::parse(text) {
            each(&stat);
        }
    }
}

impl Scanned {
    pub(crate) fn of(stat: &PidStat<'_>) -> Self {
        Scanned {
            id: ProcessId { pid: stat.pid, starttime: stat.starttime },
            ticks: stat.utime.saturating_add(stat.stime),
            pages: stat.rss,
        }
    }
}
