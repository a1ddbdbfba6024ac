//! What happened to containers.

use crate::cadvisor::json::Json;
use crate::node::{Event, EventKind};

/// How cAdvisor puts an exit code that is not known.
const UNKNOWN_EXIT_CODE: i32 = -1;

/// An event.
pub(in crate::cadvisor) fn event(json: &mut Json, event: &Event) {
    json.object(|json| {
        json.put_str("container_name", &event.container);
        json.put_time("timestamp", Some(event.at));
        json.put_str("event_type", kind_name(&event.kind));
        json.key("event_data").object(|json| match &event.kind {
            EventKind::Created => {}
            EventKind::Deleted { exit_code } => {
                json.key("container_deletion").object(|json| {
                    json.key("exit_code").int(exit_code.unwrap_or(UNKNOWN_EXIT_CODE));
                });
            }
            EventKind::Oom { pid, process, constraint }
            | EventKind::OomKill { pid, process, constraint } => {
                json.key("oom").object(|json| {
                    json.put_u64("pid", u64::from(*pid));
                    json.put_str("process_name", process);
                    json.put_str("constraint", constraint);
                });
            }
        });
    });
}

const fn kind_name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Created => "containerCreation",
        EventKind::Deleted { .. } => "containerDeletion",
        EventKind::Oom { .. } => "oom",
        EventKind::OomKill { .. } => "oomKill",
    }
}
