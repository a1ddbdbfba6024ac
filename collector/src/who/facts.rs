//! What is told of a container, from whichever source.

use std::collections::BTreeMap;

use stripchart_core::Timestamp;

use crate::cgroup::Runtime;

/// What a runtime tells of a container.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) runtime: Option<Runtime>,
    /// As its runtime calls it.
    pub(crate) name: Option<Box<str>>,
    pub(crate) image: Option<Box<str>>,
    pub(crate) labels: BTreeMap<Box<str>, Box<str>>,
    pub(crate) envs: BTreeMap<Box<str>, Box<str>>,
    pub(crate) pod_uid: Option<Box<str>>,
    pub(crate) pod_name: Option<Box<str>>,
    pub(crate) pod_namespace: Option<Box<str>>,
    pub(crate) container_name: Option<Box<str>>,
    pub(crate) sandbox: bool,
    pub(crate) created: Option<Timestamp>,
    pub(crate) started: Option<Timestamp>,
    pub(crate) restarts: Option<u32>,
    pub(crate) host_network: bool,
    pub(crate) writable_layer: Option<Box<str>>,
    pub(crate) log_path: Option<Box<str>>,
}
