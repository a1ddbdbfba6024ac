//! Telling a [`Node`] what was read.

use std::collections::BTreeMap;
use std::sync::Arc;

use stripchart_core::Timestamp;

use super::Identity;
use super::source::Group;
use crate::Node;
use crate::node::{About, Container, EventKind, History, PodRef, Refill};

/// Brings a node up to date.
#[derive(Debug)]
pub(crate) struct Publisher {
    node: Arc<Node>,
    samples_kept: usize,
    /// Cgroups that vanished since the last time.
    gone: Vec<Arc<str>>,
    /// Whether the node was told anything yet.
    begun: bool,
}

impl Publisher {
    pub(crate) const fn new(node: Arc<Node>, samples_kept: usize) -> Self {
        Publisher { node, samples_kept, gone: Vec::new(), begun: false }
    }

    /// Notes that a cgroup vanished.
    pub(crate) fn vanished(&mut self, path: Arc<str>) {
        self.gone.push(path);
    }

    /// Puts down what was read of `groups` in this sample, all at once: whoever looks sees either all of the sample
    /// before or all of this one.
    pub(crate) fn publish(&mut self, groups: &mut BTreeMap<Arc<str>, Group>, now: Timestamp) {
        let mut containers = self.node.containers_mut();
        if !std::mem::replace(&mut self.begun, true) {
            // Of another sampler, which had it before.
            containers.retain(|path, _| groups.contains_key(path));
        }
        for path in self.gone.drain(..) {
            if containers.remove(&path).is_some() {
                self.node.events().add(now, path, EventKind::Deleted { exit_code: None });
            }
        }
        for (path, group) in groups.iter_mut().filter(|(_, group)| group.fresh && !group.known) {
            group.known = true;
            let container = Container {
                about: Arc::new(about(path)),
                spec: group.facts.known.spec.clone(),
                samples: History::with_capacity(self.samples_kept),
            };
            containers.insert(Arc::clone(path), container);
            self.node.events().add(now, Arc::clone(path), EventKind::Created);
        }
        // Both are in order of their paths, so that one walk finds all.
        let mut places = containers.iter_mut();
        for (path, group) in groups.iter().filter(|(_, group)| group.fresh) {
            let place = places.find(|(known, _)| Arc::ptr_eq(known, path) || known == &path);
            let Some((_, container)) = place else { break };
            if group.whole {
                container.spec.clone_from(&group.facts.known.spec);
            }
            container.samples.next_place().refill(&group.facts.known.sample);
        }
    }
}

/// What the path tells.
fn about(path: &str) -> About {
    let identity = Identity::of(path);
    About {
        container_id: identity.container_id.map(Into::into),
        runtime: identity.runtime,
        unit: identity.unit.map(Into::into),
        pod: identity.pod_uid.map(|uid| PodRef { uid: (*uid).into(), ..PodRef::default() }),
        ..About::default()
    }
}
