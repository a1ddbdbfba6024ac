//! Which events are asked for.

use stripchart_core::Timestamp;

use super::request::{Query, parse_bool, parse_time};
use crate::node::{Event, EventKind};

/// Events given unless told otherwise.
const DEFAULT_MAX_EVENTS: usize = 10;

/// What a request for events asks for. What is badly typed counts as not given, as in cAdvisor.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    container: String,
    /// Whether those of containers below count.
    subcontainers: bool,
    created: bool,
    deleted: bool,
    oom: bool,
    oom_kill: bool,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    /// Only the newest so many.
    pub(super) max: usize,
    /// Whether those to come are wanted, instead of those that were.
    pub(super) stream: bool,
}

impl Wanted {
    pub(super) fn new(container: &str, query: &Query) -> Result<Self, String> {
        let is = |name: &str| query.get(name).and_then(parse_bool).unwrap_or(false);
        let all = is("all_events");
        let wanted = Wanted {
            container: container.to_owned(),
            subcontainers: is("subcontainers"),
            created: all || is("creation_events"),
            deleted: all || is("deletion_events"),
            oom: all || is("oom_events"),
            oom_kill: all || is("oom_kill_events"),
            start: query.get("start_time").and_then(parse_time),
            end: query.get("end_time").and_then(parse_time),
            max: query
                .get("max_events")
                .and_then(|max| max.parse().ok())
                .unwrap_or(DEFAULT_MAX_EVENTS),
            stream: is("stream"),
        };
        if wanted.stream && (wanted.start.is_some() || wanted.end.is_some()) {
            return Err("a stream of events has neither start_time nor end_time: they are for events that were".to_owned());
        }
        Ok(wanted)
    }

    /// Whether `event` is one of those.
    pub(super) fn takes(&self, event: &Event) -> bool {
        let kind = match event.kind {
            EventKind::Created => self.created,
            EventKind::Deleted { .. } => self.deleted,
            EventKind::Oom { .. } => self.oom,
            EventKind::OomKill { .. } => self.oom_kill,
        };
        let container = *event.container == *self.container
            || self.subcontainers && is_below(&event.container, &self.container);
        kind && container
            && self.start.is_none_or(|start| event.at >= start)
            && self.end.is_none_or(|end| event.at <= end)
    }
}

/// Whether `path` lies below `parent`, at any depth.
pub(super) fn is_below(path: &str, parent: &str) -> bool {
    let rest = path.strip_prefix(parent.trim_end_matches('/'));
    rest.and_then(|rest| rest.strip_prefix('/')).is_some_and(|rest| !rest.is_empty())
}

/// Whether `path` lies directly below `parent`.
pub(super) fn is_child(path: &str, parent: &str) -> bool {
    is_below(path, parent)
        && path
            .rsplit_once('/')
            .is_some_and(|(above, _)| above.trim_end_matches('/') == parent.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_lie_below_others_by_whole_names() {
        let cases = [
            ("/", "/", false, false),
            ("/a", "/", true, true),
            ("/a/b", "/", true, false),
            ("/a/b", "/a", true, true),
            ("/ab", "/a", false, false),
            ("/a", "/a", false, false),
            ("/a/b/c", "/a", true, false),
        ];
        for (path, parent, below, child) in cases {
            assert_eq!((is_below(path, parent), is_child(path, parent)), (below, child), "{path}");
        }
    }
}
