//! A copy of what a node knows, so that whoever writes it out keeps no sampler waiting.

use std::collections::BTreeMap;
use std::sync::Arc;

use stripchart_core::Timestamp;

use crate::Node;
use crate::node::{About, ContainerSample, ContainerSpec, FilesystemSample, MachineInfo};

/// A container as it was when the copy was made.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The path of its cgroup.
    pub(crate) path: Arc<str>,
    pub(crate) about: Arc<About>,
    pub(crate) spec: ContainerSpec,
    /// The latest.
    pub(crate) sample: ContainerSample,
    /// Of the one before: when, and processor time used.
    pub(crate) before: Option<(Timestamp, u64)>,
}

impl Seen {
    pub(crate) fn is_root(&self) -> bool {
        &*self.path == "/"
    }

    /// Kills for want of memory, by whichever way they are known.
    pub(crate) fn oom_kills(&self) -> Option<u64> {
        self.sample.oom_kills.or(self.sample.memory.oom_kills)
    }

    /// Whether its network is the host's, seen once more.
    pub(crate) fn repeats_host_network(&self) -> bool {
        self.about.host_network && !self.is_root()
    }
}

/// All containers that have a sample, by path, and the machine.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) machine: Arc<MachineInfo>,
    pub(crate) containers: Vec<Seen>,
}

impl Snapshot {
    pub(crate) fn of(node: &Node) -> Self {
        let machine = node.machine();
        let containers = node.containers();
        let seen = containers.iter().filter_map(|(path, container)| {
            let sample = container.samples.latest()?.clone();
            let before = container.samples.latest_two();
            let before = before.and_then(|(before, _)| Some((before.at, before.cpu.usage_ns?)));
            Some(Seen {
                path: Arc::clone(path),
                about: Arc::clone(&container.about),
                spec: container.spec.clone(),
                sample,
                before,
            })
        });
        let containers = seen.collect();
        Snapshot { machine, containers }
    }

    /// Whether anybody looked at the machine.
    pub(crate) fn machine_known(&self) -> bool {
        self.machine.cores > 0
    }

    /// The root's, if there is one.
    pub(crate) fn root(&self) -> Option<&Seen> {
        self.containers.iter().find(|seen| seen.is_root())
    }
}

/// Names of block devices by number.
#[derive(Debug, Default)]
pub(crate) struct Devices {
    names: BTreeMap<(u64, u64), Box<str>>,
}

impl Devices {
    /// The names that the machine, otherwise the file systems have for every device of `snapshot`; of one that neither
    /// knows, its number.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let mut names: BTreeMap<(u64, u64), Box<str>> = BTreeMap::new();
        for disk in &snapshot.machine.disks {
            names.insert((disk.major, disk.minor), format!("/dev/{}", disk.name).into());
        }
        let samples = || snapshot.containers.iter().map(|seen| &seen.sample);
        for fs in samples().flat_map(|sample| &sample.filesystems) {
            let number = (u64::from(fs.major), u64::from(fs.minor));
            if number != (0, 0) && fs.device.starts_with("/dev/") {
                names.entry(number).or_insert_with(|| fs.device.clone());
            }
        }
        for io in samples().flat_map(|sample| &sample.io.devices) {
            let number = (u64::from(io.major), u64::from(io.minor));
            names.entry(number).or_insert_with(|| format!("{}:{}", io.major, io.minor).into());
        }
        Devices { names }
    }

    /// The name of `major`:`minor`.
    pub(crate) fn name(&self, major: u32, minor: u32) -> &str {
        self.names.get(&(u64::from(major), u64::from(minor))).map_or("", |name| name)
    }
}

/// The file systems of `list`, each device once: a file system mounted at several places is one all the same.
pub(crate) fn distinct(list: &[FilesystemSample]) -> impl Iterator<Item = &FilesystemSample> {
    list.iter().enumerate().filter_map(|(at, fs)| {
        let known = list[..at].iter().any(|earlier| earlier.device == fs.device);
        (!known).then_some(fs)
    })
}
