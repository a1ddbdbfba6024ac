//! containerd's bundles: a folder for each container that runs, with its specification.
//!
//! ```text
//! /run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json   the specification, written when it was made
//!                                                         init.pid      written when it was started
//!                                                         rootfs        where its root file system is mounted
//! ```
//!
//! `k8s.io` is the kubelet's namespace, `moby` Docker's, `default` that of `ctr` and `nerdctl`. Of a pod's container the
//! kubelet's annotations tell the pod, the container and the image; labels are in containerd's database alone, but for
//! those that follow from the annotations.

use std::path::{Path, PathBuf};

use super::oci::Spec;
use super::{Facts, Search, Shape, is_file_name, modified, some};
use crate::cgroup::Runtime;

/// Where containerd keeps what runs: its own place, k3s' and rke2's, k0s', microk8s', Docker's own containerd.
const STATES: [&str; 5] = [
    "/run/containerd",
    "/run/k3s/containerd",
    "/run/k0s/containerd",
    "/var/snap/microk8s/common/run/containerd",
    "/run/docker/containerd/daemon",
];

const TASKS: [&str; 2] = ["io.containerd.runtime.v2.task", "io.containerd.runtime.v1.linux"];

/// The namespace of Docker's containers, of which Docker's own files tell more.
const MOBY: &str = "moby";

/// Bundles of the container, as paths of the host; more than one of the same id is not met.
fn bundle(search: &Search<'_>, id: &str, namespaces: &[&str]) -> Option<String> {
    for state in STATES {
        for task in TASKS {
            for namespace in namespaces {
                let bundle = format!("{state}/{task}/{namespace}/{id}");
                if search.at(&bundle).is_dir() {
                    return Some(bundle);
                }
            }
        }
    }
    None
}

pub(super) fn find(search: &mut Search<'_>) -> Option<Facts> {
    let bundle = bundle(search, search.id, &["k8s.io", "default"])?;
    let path = search.at(&bundle).join("config.json");
    let spec: Spec = search.json(&path, Shape::Object)?;
    let mut facts = Facts {
        created: modified(&path),
        started: modified(&search.at(&bundle).join("init.pid")),
        host_network: is_on_host_network(search, &spec),
        writable_layer: layer(search, &bundle, &spec),
        ..of_spec(search, &spec)
    };
    labels(&mut facts);
    Some(facts)
}

/// What the specification tells by itself, wherever it is from.
pub(super) fn of_spec(search: &Search<'_>, spec: &Spec) -> Facts {
    let cri = |key: &str| cri(spec, key).map(Box::from);
    let mut facts = Facts {
        runtime: Some(Runtime::Containerd),
        name: spec.annotation("nerdctl/name").map(Box::from),
        image: cri("image-name"),
        envs: search.wanted(spec.env()),
        pod_uid: cri("sandbox-uid"),
        pod_name: cri("sandbox-name"),
        pod_namespace: cri("sandbox-namespace"),
        sandbox: cri("container-type").as_deref() == Some("sandbox"),
        ..Facts::default()
    };
    if !facts.sandbox {
        facts.container_name = cri("container-name");
    }
    facts.log_path = match facts.sandbox {
        true => cri("sandbox-log-directory"),
        false => spec
            .annotation("nerdctl/log-uri")
            .and_then(|uri| uri.strip_prefix("file://"))
            .map(Box::from),
    };
    facts
}

/// An annotation of those that containerd makes for the kubelet.
fn cri<'a>(spec: &'a Spec, key: &str) -> Option<&'a str> {
    spec.annotation(&format!("io.kubernetes.cri.{key}"))
}

/// The labels that the kubelet and containerd give every container of a pod.
fn labels(facts: &mut Facts) {
    if facts.pod_name.is_none() {
        return;
    }
    let kind = if facts.sandbox { "sandbox" } else { "container" };
    let labels = [
        ("io.cri-containerd.kind", some(kind)),
        ("io.kubernetes.container.name", facts.container_name.clone()),
        ("io.kubernetes.pod.name", facts.pod_name.clone()),
        ("io.kubernetes.pod.namespace", facts.pod_namespace.clone()),
        ("io.kubernetes.pod.uid", facts.pod_uid.clone()),
    ];
    for (label, value) in labels {
        if let Some(value) = value {
            facts.labels.insert(label.into(), value);
        }
    }
}

/// A container of a pod joins the network namespace of the sandbox's process, whichever that is; so it is the sandbox's
/// specification that tells.
fn is_on_host_network(search: &mut Search<'_>, spec: &Spec) -> bool {
    if let Some(on_host) = spec.is_on_host_network()
        && on_host
    {
        return true;
    }
    let joins = spec.joined_network().is_some_and(|path| path.starts_with("/proc/"));
    let sandbox_id = cri(spec, "sandbox-id");
    let Some(sandbox_id) = sandbox_id.filter(|id| joins && is_file_name(id) && *id != search.id)
    else {
        return false;
    };
    let Some(bundle) = bundle(search, sandbox_id, &["k8s.io"]) else { return false };
    let path = search.at(&bundle).join("config.json");
    let sandbox: Option<Spec> = search.json(&path, Shape::Object);
    sandbox.and_then(|sandbox| sandbox.is_on_host_network()).unwrap_or(false)
}

/// The folder written to by the overlay mounted as the root file system.
fn layer(search: &mut Search<'_>, bundle: &str, spec: &Spec) -> Option<Box<str>> {
    let root = spec.root().unwrap_or("rootfs");
    // Joining an absolute path gives that path.
    let mount_point: PathBuf = Path::new(bundle).join(root);
    search.mounts.upper(search.roots, &mount_point).map(Box::from)
}

/// The folder that Docker's container writes to where containerd keeps its layers.
pub(super) fn layer_of_docker(search: &mut Search<'_>) -> Option<Box<str>> {
    let bundle = bundle(search, search.id, &[MOBY])?;
    let path = search.at(&bundle).join("config.json");
    let spec: Spec = search.json(&path, Shape::Object)?;
    layer(search, &bundle, &spec)
}
