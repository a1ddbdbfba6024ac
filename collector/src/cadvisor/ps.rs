//! Processes, as `ps` lists them: read from `/proc` when somebody asks.

use stripchart_core::Timestamp;

use super::json::Json;
use crate::Roots;
use crate::who::{Process, processes, processes_of};

/// The processes of the cgroup at `path`, without those of cgroups below it; of `/` all there are.
pub(super) fn list(roots: &Roots, path: &str, now: Timestamp) -> Vec<Process> {
    match path {
        "/" => processes(roots, now),
        _ => processes_of(roots, now, |cgroup| cgroup == path),
    }
}

/// Writes `ProcessInfo`; which cgroup it is in is told in lists of the root.
pub(super) fn write(json: &mut Json, process: &Process, with_cgroup: bool) {
    json.object(|json| {
        json.put_str("user", &process.user);
        json.put_u64("pid", u64::from(process.pid));
        json.put_u64("parent_pid", u64::from(process.parent_pid));
        json.put_str("start_time", &process.start_time);
        json.key("percent_cpu").float32(process.percent_cpu);
        json.key("percent_mem").float32(process.percent_memory);
        json.put_u64("rss", process.rss_bytes);
        json.put_u64("virtual_size", process.virtual_bytes);
        json.put_str("status", &process.status);
        json.put_str("running_time", &process.running_time);
        json.put_str("cgroup_path", if with_cgroup { &process.cgroup_path } else { "" });
        json.put_str("cmd", &process.command);
        json.put_u64("fd_count", process.fd_count);
        json.put_u64("psr", u64::from(process.processor));
    });
}
