//! Who a container is.

use std::collections::BTreeMap;

use stripchart_core::Timestamp;

use crate::cgroup::Runtime;

/// Who a container is, as far as its path and its runtime's files tell. Never changes; a container that is another is
/// told by another [`About`].
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct About {
    /// The id that its runtime gave it, usually 64 hexadecimal digits.
    pub container_id: Option<Box<str>>,
    /// Other names of it, as cAdvisor has them: the runtime's name and the id, in the order of that runtime's handler.
    pub aliases: Vec<Box<str>>,
    /// What runs it.
    pub runtime: Option<Runtime>,
    /// The image it was made of, as its runtime names it.
    pub image: Option<Box<str>>,
    /// Labels of the container.
    pub labels: BTreeMap<Box<str>, Box<str>>,
    /// Variables of its environment that are wanted by name.
    pub envs: BTreeMap<Box<str>, Box<str>>,
    /// The pod that it is, or is a part of; what is known of it.
    pub pod: Option<PodRef>,
    /// The name of the container within its pod, as `app`. `None` for the pod itself and for its sandbox.
    pub container_name: Option<Box<str>>,
    /// Whether it is the container that keeps the pod's namespaces (`pause`).
    pub sandbox: bool,
    /// The systemd unit that it is, where it is neither pod nor container.
    pub unit: Option<Box<str>>,
    /// When it was made: its runtime's word, otherwise the age of its cgroup.
    pub created: Option<Timestamp>,
    /// When its first process started, where known.
    pub started: Option<Timestamp>,
    /// How often it was restarted under this name, as far as its runtime tells.
    pub restarts: Option<u32>,
    /// Whether it shares the network namespace of the host.
    pub host_network: bool,
    /// The folder with what it wrote to its root file system, where known.
    pub writable_layer: Option<Box<str>>,
    /// The folder or file with its logs, where known.
    pub log_path: Option<Box<str>>,
}

/// A pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PodRef {
    /// Its UID, with dashes; of a static pod the hash of its file.
    pub uid: Box<str>,
    /// Its name; `None` where no file of the runtime or kubelet told it.
    pub name: Option<Box<str>>,
    /// Its namespace; known when the name is.
    pub namespace: Option<Box<str>>,
    /// `guaranteed`, `burstable` or `besteffort`.
    pub qos: Option<&'static str>,
}
