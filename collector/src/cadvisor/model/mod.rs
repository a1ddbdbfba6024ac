//! What cAdvisor's API answers with, written straight from a node's samples.
//!
//! One file holds one part of the model; the order of the keys is that of cAdvisor's structures, which clients may
//! compare by the byte. A number that the kernel does not tell is 0, as there, or its key is left out where cAdvisor
//! leaves it out.

mod cpu;
mod events;
mod filesystem;
mod io;
mod machine;
mod memory;
mod network;
mod processes;
mod spec;
mod stats;

use std::collections::BTreeMap;
use std::sync::Arc;

use stripchart_core::Timestamp;

use super::json::Json;
use crate::node::{Container, ContainerSample, MachineInfo};

pub(super) use cpu::rate_of as cpu_rate_of;
pub(super) use events::event;
pub(super) use filesystem::{labels_of, storage};
pub(super) use machine::{attributes, machine};
pub(super) use spec::spec_v2;
pub(super) use stats::{machine_stats, stats_v2_0, stats_v2_1};

/// A container to write, and what it stands among.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) path: &'a str,
    pub(super) container: &'a Container,
    pub(super) machine: &'a MachineInfo,
}

/// Which samples are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// At most so many, the newest; `None` is all.
    pub(super) count: Option<usize>,
    /// None before it.
    pub(super) start: Option<Timestamp>,
    /// None after it.
    pub(super) end: Option<Timestamp>,
}

impl Window {
    /// The newest `count`.
    pub(super) const fn newest(count: Option<usize>) -> Self {
        Window { count, start: None, end: None }
    }
}

impl<'a> Subject<'a> {
    fn is_root(&self) -> bool {
        self.path == "/"
    }

    /// The samples inside `window`, oldest first, each with the one before it.
    pub(super) fn samples(
        &self,
        window: Window,
    ) -> impl Iterator<Item = (Option<&'a ContainerSample>, &'a ContainerSample)> {
        let samples = &self.container.samples;
        let inside = move |sample: &&ContainerSample| {
            window.start.is_none_or(|start| sample.at >= start)
                && window.end.is_none_or(|end| sample.at <= end)
        };
        let matching = samples.iter().filter(inside).count();
        let skipped = window.count.map_or(0, |count| matching.saturating_sub(count));
        let before = std::iter::once(None).chain(samples.iter().map(Some));
        let pairs = before.zip(samples.iter());
        pairs.filter(move |(_, sample)| inside(sample)).skip(skipped)
    }

    /// The runtime's name, as cAdvisor's namespace of aliases; empty without one.
    pub(super) fn namespace(&self) -> &'static str {
        self.container.about.runtime.map_or("", |runtime| runtime.name())
    }

    fn write_reference(&self, json: &mut Json) {
        let about = &self.container.about;
        json.put_nonempty("id", about.container_id.as_deref().unwrap_or_default());
        json.put_str("name", self.path);
        if !about.aliases.is_empty() {
            json.key("aliases").slice(&about.aliases, |json, alias| json.string(alias));
        }
        json.put_nonempty("namespace", self.namespace());
    }

    /// Version 1's ContainerInfo. `inside` are the containers directly below.
    pub(super) fn write_info(
        &self,
        json: &mut Json,
        inside: impl IntoIterator<Item = Subject<'a>>,
        window: Window,
    ) {
        json.object(|json| {
            self.write_reference(json);
            let mut inside = inside.into_iter().peekable();
            if inside.peek().is_some() {
                json.key("subcontainers").slice(inside, |json, child| {
                    json.object(|json| child.write_reference(json));
                });
            }
            json.key("spec");
            spec::spec_v1(json, self);
            let mut samples = self.samples(window).peekable();
            if samples.peek().is_some() {
                json.key("stats")
                    .slice(samples, |json, (_, sample)| stats::stats_v1(json, self, sample));
            }
        });
    }
}

/// A map of texts, left out where it is empty.
fn put_texts(json: &mut Json, key: &str, texts: &BTreeMap<Box<str>, Box<str>>) {
    if !texts.is_empty() {
        json.key(key).object(|json| texts.iter().for_each(|(key, text)| json.put_str(key, text)));
    }
}

/// The containers of a node by path, as it hands them out.
pub(super) type Containers = BTreeMap<Arc<str>, Container>;
