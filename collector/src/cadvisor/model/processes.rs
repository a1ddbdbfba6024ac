//! Processes.

use super::Subject;
use crate::cadvisor::json::Json;
use crate::node::ContainerSample;

/// `ProcessStats`, zeros where nothing is known.
pub(super) fn put(json: &mut Json, subject: &Subject<'_>, sample: &ContainerSample) {
    let processes = sample.processes.as_ref();
    json.object(|json| {
        json.put_u64("process_count", processes.map(|processes| processes.processes));
        json.put_u64("fd_count", processes.map(|processes| processes.fds));
        json.put_u64("socket_count", processes.map(|processes| processes.sockets));
        json.put_nonzero("threads_current", sample.pids.current);
        json.put_nonzero("threads_max", subject.container.spec.pids_limit);
        if let Some(processes) = processes.filter(|processes| !processes.ulimits.is_empty()) {
            json.key("ulimits").slice(&processes.ulimits, |json, ulimit| {
                json.object(|json| {
                    json.put_str("name", ulimit.name);
                    json.key("soft_limit").int(ulimit.soft);
                    json.key("hard_limit").int(ulimit.hard);
                });
            });
        }
    });
}

/// Whether anything of `ProcessStats` is known.
pub(super) fn are_known(sample: &ContainerSample) -> bool {
    sample.processes.is_some() || sample.pids.current.is_some()
}

/// Tasks by state, which only an interface tells that cgroups of version 2 do not have: zeros.
pub(super) fn put_no_tasks(json: &mut Json) {
    json.object(|json| {
        for state in ["nr_sleeping", "nr_running", "nr_stopped", "nr_uninterruptible", "nr_io_wait"]
        {
            json.put_u64(state, 0);
        }
    });
}
