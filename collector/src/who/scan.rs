//! All processes of the host.

use std::path::Path;

use super::process::ProcFiles;
use crate::file::Buffer;
use crate::proc::pid::PidStat;
use crate::text::count;

/// Processes that are looked at: as many as the kernel allows by default on a large host.
const PROCESSES_MAX: usize = 262_144;

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
