//! Which container is which part of which pod.

use std::collections::BTreeMap;

use stripchart_core::Timestamp;

use super::snapshot::Seen;
use crate::node::PodRef;

/// A pod with its parts, as far as they are there.
#[derive(Debug)]
pub(crate) struct PodView<'a> {
    pub(crate) pod: &'a PodRef,
    /// The cgroup of the whole pod.
    pub(crate) whole: Option<&'a Seen>,
    /// The container that keeps its namespaces.
    pub(crate) sandbox: Option<&'a Seen>,
    /// The others by name, one of each.
    pub(crate) containers: Vec<(&'a str, &'a Seen)>,
}

impl<'a> PodView<'a> {
    /// All cgroups of it.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &'a Seen> {
        let containers = self.containers.iter().map(|(_, seen)| *seen);
        self.whole.into_iter().chain(self.sandbox).chain(containers)
    }

    /// When it was made, which is when the first of its parts was.
    pub(crate) fn created(&self) -> Option<Timestamp> {
        self.parts().filter_map(|seen| seen.about.created).min()
    }
}

#[derive(Default)]
struct Parts<'a> {
    whole: Option<&'a Seen>,
    sandbox: Option<&'a Seen>,
    containers: BTreeMap<&'a str, &'a Seen>,
    named: Option<&'a PodRef>,
}

/// The pods of `containers`, by namespace and name.
pub(crate) fn pods(containers: &[Seen]) -> Vec<PodView<'_>> {
    let mut by_uid: BTreeMap<&str, Parts<'_>> = BTreeMap::new();
    for seen in containers {
        let Some(pod) = &seen.about.pod else { continue };
        let parts = by_uid.entry(&pod.uid).or_default();
        if parts.named.is_none_or(|named| named.name.is_none()) {
            parts.named = Some(pod);
        }
        if seen.about.sandbox {
            keep(&mut parts.sandbox, seen);
        } else if let Some(name) = container_name(seen) {
            let known = parts.containers.entry(name).or_insert(seen);
            if replaces(known, seen) {
                *known = seen;
            }
        } else {
            keep(&mut parts.whole, seen);
        }
    }
    let views = by_uid.into_values().filter_map(|parts| {
        Some(PodView {
            pod: parts.named?,
            whole: parts.whole,
            sandbox: parts.sandbox,
            containers: parts.containers.into_iter().collect(),
        })
    });
    let mut views: Vec<PodView<'_>> = views.collect();
    views.sort_by_key(|view| (&view.pod.namespace, &view.pod.name));
    views
}

/// The name of a pod's container, its id where nobody told the name; `None` for what is not one.
fn container_name(seen: &Seen) -> Option<&str> {
    seen.about.container_name.as_deref().or(seen.about.container_id.as_deref())
}

fn keep<'a>(place: &mut Option<&'a Seen>, seen: &'a Seen) {
    match place {
        Some(known) if !replaces(known, seen) => {}
        _ => *place = Some(seen),
    }
}

/// Whether `new` stands for what `known` stood for: of one container the cgroup that holds the others, of several of one
/// name, as there are while one is restarted, the one that was made last.
fn replaces(known: &Seen, new: &Seen) -> bool {
    if known.about.container_id == new.about.container_id {
        return new.path.len() < known.path.len();
    }
    let made = |seen: &Seen| seen.about.started.max(seen.about.created);
    made(new) > made(known)
}
