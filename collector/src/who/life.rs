//! What happened to containers, written into the node's list of events.

use std::sync::Arc;

use stripchart_core::Timestamp;

use super::kmsg::OomKill;
use crate::Roots;
use crate::node::{About, EventKind, EventLog};

/// A cgroup appeared at `path`. Those that were there before the sampler are told of as well, each at the time when it was
/// made.
pub(crate) fn created(events: &EventLog, path: &Arc<str>, about: &About, now: Timestamp) {
    let at = about.created.unwrap_or(now);
    events.add(at, Arc::clone(path), EventKind::Created);
}

/// The cgroup at `path` is gone, or another one is in its place, which then appeared.
pub(crate) fn deleted(
    events: &EventLog,
    roots: &Roots,
    path: &Arc<str>,
    about: &About,
    now: Timestamp,
) {
    events.add(now, Arc::clone(path), EventKind::Deleted { exit_code: exit_code(roots, about) });
}

#[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
fn exit_code(roots: &Roots, about: &About) -> Option<i32> {
    super::runtime::exit_code(&roots.rootfs, about.container_id.as_deref()?, about.runtime)
}

/// Runtimes' files are JSON for the most part, which this build cannot read.
#[cfg(not(any(feature = "cadvisor", feature = "containerd", feature = "docker")))]
const fn exit_code(_: &Roots, _: &About) -> Option<i32> {
    None
}

/// A process was killed for want of memory. It happened at the record's time, or `now` if that makes no sense: the kernel's
/// log stands still while the host is suspended, `uptime_ns` does not.
pub(crate) fn oom_kill(events: &EventLog, kill: &OomKill, now: Timestamp, uptime_ns: Option<u64>) {
    const AGE_NS_MAX: u64 = 600_000_000_000;
    let age_ns = uptime_ns.and_then(|uptime| uptime.checked_sub(kill.at_usec.checked_mul(1000)?));
    let age_ns = age_ns.filter(|age| *age <= AGE_NS_MAX).and_then(|age| i64::try_from(age).ok());
    let at = now.saturating_sub(age_ns.unwrap_or(0));
    let (pid, process, constraint) = (kill.pid, &kill.process, &kill.constraint);
    if !kill.along {
        let kind = EventKind::Oom { pid, process: process.clone(), constraint: constraint.clone() };
        events.add(at, Arc::from(&*kill.limit), kind);
    }
    let kind = EventKind::OomKill { pid, process: process.clone(), constraint: constraint.clone() };
    events.add(at, Arc::from(&*kill.victim), kind);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_in_order_at_the_time_they_happened() {
        let events = EventLog::default();
        let (path, now) = (Arc::from("/a"), Timestamp::from_secs(1_000));
        let about = About { created: Some(Timestamp::from_secs(900)), ..About::default() };
        created(&events, &path, &about, now);
        let kill = OomKill {
            at_usec: 40_000_000,
            limit: "/a".into(),
            victim: "/a/b".into(),
            pid: 7,
            process: "x".into(),
            constraint: "CONSTRAINT_MEMCG".into(),
            along: false,
        };
        oom_kill(&events, &kill, now, Some(42_000_000_000));
        oom_kill(&events, &OomKill { along: true, ..kill }, now, Some(1));
        deleted(&events, &Roots::below("/no/such"), &path, &About::default(), now);
        let told: Vec<_> = events
            .since(0, |_| true)
            .into_iter()
            .map(|e| (e.at.nanos() / 1_000_000_000, e.container.to_string(), e.kind))
            .collect();
        let (process, constraint) = (Box::<str>::from("x"), Box::<str>::from("CONSTRAINT_MEMCG"));
        let oom =
            EventKind::Oom { pid: 7, process: process.clone(), constraint: constraint.clone() };
        let oom_kill = EventKind::OomKill { pid: 7, process, constraint };
        assert_eq!(
            told,
            [
                (900, "/a".to_owned(), EventKind::Created),
                (998, "/a".to_owned(), oom),
                (998, "/a/b".to_owned(), oom_kill.clone()),
                (1_000, "/a/b".to_owned(), oom_kill),
                (1_000, "/a".to_owned(), EventKind::Deleted { exit_code: None }),
            ]
        );
    }
}
