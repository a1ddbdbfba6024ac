//! Telling a [`Node`] what was read.

use std::collections::BTreeMap;
use std::sync::Arc;

use stripchart_core::Timestamp;

use super::source::Group;
use crate::node::{About, Container, EventLog, History, Refill};
use crate::who::life;
use crate::{Node, Roots};

/// Brings a node up to date.
#[derive(Debug)]
pub(crate) struct Publisher {
    node: Arc<Node>,
    roots: Roots,
    samples_kept: usize,
    /// Cgroups that vanished since the last time.
    gone: Vec<Arc<str>>,
    /// Whether the node was told anything yet.
    begun: bool,
}

impl Publisher {
    pub(crate) const fn new(node: Arc<Node>, roots: Roots, samples_kept: usize) -> Self {
        Publisher { node, roots, samples_kept, gone: Vec::new(), begun: false }
    }

    /// What the node has of what happened.
    pub(crate) fn events(&self) -> &EventLog {
        self.node.events()
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
            if let Some(container) = containers.remove(&path) {
                life::deleted(self.node.events(), &self.roots, &path, &container.about, now);
            }
        }
        for (path, group) in groups.iter_mut().filter(|(_, group)| group.fresh && !group.known) {
            group.known = true;
            group.renamed = false;
            let about = about(group);
            let container = Container {
                about: Arc::clone(&about),
                spec: group.facts.known.spec.clone(),
                samples: History::with_capacity(self.samples_kept),
            };
            containers.insert(Arc::clone(path), container);
            life::created(self.node.events(), path, &about, now);
        }
        // Both are in order of their paths, so that one walk finds all.
        let mut places = containers.iter_mut();
        for (path, group) in groups.iter_mut().filter(|(_, group)| group.fresh) {
            let place = places.find(|(known, _)| Arc::ptr_eq(known, path) || known == &path);
            let Some((_, container)) = place else { break };
            let renamed = std::mem::take(&mut group.renamed);
            if renamed {
                container.about = about(group);
            }
            if group.whole || renamed {
                container.spec.clone_from(&group.facts.known.spec);
            }
            container.samples.next_place().refill(&group.facts.known.sample);
        }
    }
}

/// Who `group` is.
fn about(group: &Group) -> Arc<About> {
    group.who.as_ref().and_then(|who| who.about()).map(Arc::clone).unwrap_or_default()
}
