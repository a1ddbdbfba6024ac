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

#[cfg(feature = "containerd")]
impl Facts {
    /// These, and what only `others` tell.
    pub(crate) fn or(mut self, mut others: Facts) -> Facts {
        others.labels.append(&mut self.labels);
        others.envs.append(&mut self.envs);
        Facts {
            runtime: self.runtime.or(others.runtime),
            name: self.name.or(others.name),
            image: self.image.or(others.image),
            labels: others.labels,
            envs: others.envs,
            pod_uid: self.pod_uid.or(others.pod_uid),
            pod_name: self.pod_name.or(others.pod_name),
            pod_namespace: self.pod_namespace.or(others.pod_namespace),
            container_name: self.container_name.or(others.container_name),
            sandbox: self.sandbox || others.sandbox,
            created: self.created.or(others.created),
            started: self.started.or(others.started),
            restarts: self.restarts.or(others.restarts),
            host_network: self.host_network || others.host_network,
            writable_layer: self.writable_layer.or(others.writable_layer),
            log_path: self.log_path.or(others.log_path),
        }
    }
}
