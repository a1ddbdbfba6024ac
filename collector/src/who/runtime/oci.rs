//! `config.json`: the specification of a container in the terms of the Open Container Initiative.
//!
//! ```json
//! {"process": {"env": ["PATH=/bin"]}, "root": {"path": "rootfs"},
//!  "linux": {"namespaces": [{"type": "network", "path": "/proc/812/ns/net"}]},
//!  "annotations": {"io.kubernetes.cri.container-type": "container", "io.kubernetes.cri.sandbox-name": "web-0"}}
//! ```
//!
//! A container without a namespace of type `network` uses the host's. Annotations are whatever the runtime puts there:
//! containerd's begin with `io.kubernetes.cri.`, CRI-O's with `io.kubernetes.cri-o.`, the kubelet's own with
//! `io.kubernetes.container.` and `io.kubernetes.pod.`.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The parts of the specification that are of use here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    process: Option<Process>,
    root: Option<Root>,
    linux: Option<Linux>,
    annotations: Option<BTreeMap<Box<str>, Box<str>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Process {
    env: Option<Vec<Box<str>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Root {
    path: Box<str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Linux {
    namespaces: Option<Vec<Namespace>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Namespace {
    #[serde(rename = "type")]
    kind: Box<str>,
    path: Box<str>,
}

impl Spec {
    /// An annotation, unless it is empty.
    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        let value = self.annotations.as_ref()?.get(key)?;
        (!value.is_empty()).then_some(value)
    }

    /// Variables of the environment.
    pub(super) fn env(&self) -> impl Iterator<Item = &str> {
        let env = self.process.as_ref().and_then(|process| process.env.as_ref());
        env.into_iter().flatten().map(|variable| &**variable)
    }

    /// The folder of its root file system, which may be relative to that of the specification.
    pub(super) fn root(&self) -> Option<&str> {
        self.root.as_ref().map(|root| &*root.path).filter(|path| !path.is_empty())
    }

    /// Whether it has no network namespace of its own or another's. `None` where no namespaces are named at all.
    pub(super) fn is_on_host_network(&self) -> Option<bool> {
        let namespaces = self.linux.as_ref()?.namespaces.as_ref()?;
        Some(!namespaces.iter().any(|namespace| &*namespace.kind == "network"))
    }

    /// The namespace of network that it joins, if it makes none of its own.
    pub(super) fn joined_network(&self) -> Option<&str> {
        let namespaces = self.linux.as_ref()?.namespaces.as_ref()?;
        let network = namespaces.iter().find(|namespace| &*namespace.kind == "network")?;
        (!network.path.is_empty()).then_some(&network.path)
    }
}
