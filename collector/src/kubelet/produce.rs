//! A kubelet's summary, produced out of what is known of this node.
//!
//! | part | from |
//! | --- | --- |
//! | `node` | the root `/`, the machine, the file systems that hold the kubelet's and the runtime's folders |
//! | `systemContainers` | the services of the kubelet and the runtime, the cgroup of all pods |
//! | `pods` | the pod's own cgroup, its sandbox (network), its containers |
//!
//! Rules are the kubelet's: present use is worked out between the two latest samples, what is available is the limit less
//! the working set, the default interface is the one that is called `eth0`. What is not known has no key.

mod pod;
mod stats;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use stripchart_core::Timestamp;

use super::{ContainerStats, NodeStats, RlimitStats, RuntimeStats, Summary};
use crate::Node;
use crate::exposition::role::pods;
use crate::exposition::snapshot::{Seen, Snapshot};
use crate::exposition::{not_allowed, reply};
use crate::node::FilesystemSample;
use stats::Scope;

/// Where kubelets keep what they have of pods.
const KUBELET_FOLDER: &str = "/var/lib/kubelet";

/// Where container runtimes keep images; the first that is a file system of its own counts.
const IMAGE_FOLDERS: [&str; 3] =
    ["/var/lib/containerd", "/var/lib/docker", "/var/lib/containers/storage"];

/// Services that run containers, the likelier one first.
const RUNTIMES: [&str; 4] =
    ["containerd.service", "crio.service", "docker.service", "podman.service"];

/// Answers `GET /stats/summary` as a kubelet does. Make one and share it.
///
/// ```
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use http::Request;
/// use stripchart_collector::kubelet::{KubeletApi, Summary};
/// use stripchart_collector::Node;
/// use stripchart_core::Timestamp;
///
/// let node = Arc::new(Node::new()); // the same that a sampler fills
/// let kubelet = KubeletApi::builder(node).node_name("n1").build();
/// let request = Request::get("/stats/summary").body(Bytes::new())?;
/// let response = kubelet.answer(&request, Timestamp::EPOCH).expect("a path of the kubelet's");
/// assert_eq!(Summary::parse(response.body())?.node.node_name, "n1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct KubeletApi {
    node: Arc<Node>,
    node_name: Option<String>,
    exact_times: bool,
    kubelet_folder: String,
    image_folder: Option<String>,
    system_containers: BTreeMap<String, String>,
}

impl fmt::Debug for KubeletApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KubeletApi")
            .field("node_name", &self.node_name)
            .field("exact_times", &self.exact_times)
            .field("kubelet_folder", &self.kubelet_folder)
            .field("image_folder", &self.image_folder)
            .field("system_containers", &self.system_containers)
            .finish_non_exhaustive()
    }
}

/// Options of a [`KubeletApi`].
#[derive(Debug)]
pub struct KubeletApiBuilder {
    inner: KubeletApi,
}

impl KubeletApiBuilder {
    /// The node's name in its cluster; by default its host name.
    #[must_use]
    pub fn node_name(mut self, name: impl Into<String>) -> Self {
        self.inner.node_name = Some(name.into());
        self
    }

    /// Tells times to the nanosecond. By default they are whole seconds as a kubelet's, which every client reads, but
    /// which leave rates worked out over them wrong by up to a second of the time between.
    #[must_use]
    pub fn exact_times(mut self, wanted: bool) -> Self {
        self.inner.exact_times = wanted;
        self
    }

    /// The folder whose file system is the node's; by default `/var/lib/kubelet`, wherever that is mounted.
    #[must_use]
    pub fn kubelet_folder(mut self, path: impl Into<String>) -> Self {
        self.inner.kubelet_folder = path.into();
        self
    }

    /// The folder whose file system is that of images; by default containerd's, Docker's or CRI-O's, the first that has
    /// one of its own, otherwise that of the first.
    #[must_use]
    pub fn image_folder(mut self, path: impl Into<String>) -> Self {
        self.inner.image_folder = Some(path.into());
        self
    }

    /// Tells the cgroup at `path` as system container `name`: `kubelet`, `runtime`, `misc`, `pods`, or any other. Those that
    /// are not given are looked for: services called `kubelet`, `containerd`, `crio`, `docker` or `podman`, and `kubepods`.
    #[must_use]
    pub fn system_container(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.inner.system_containers.insert(name.into(), path.into());
        self
    }

    /// The finished thing.
    #[must_use]
    pub fn build(self) -> KubeletApi {
        self.inner
    }
}

impl KubeletApi {
    /// Tells what is known of `node`, with default options.
    #[must_use]
    pub fn new(node: Arc<Node>) -> Self {
        KubeletApi {
            node,
            node_name: None,
            exact_times: false,
            kubelet_folder: KUBELET_FOLDER.to_owned(),
            image_folder: None,
            system_containers: BTreeMap::new(),
        }
    }

    /// The same with options.
    #[must_use]
    pub fn builder(node: Arc<Node>) -> KubeletApiBuilder {
        KubeletApiBuilder { inner: KubeletApi::new(node) }
    }

    /// Answers `request` if its path is `/stats/summary`, with or without a slash at the end. `now` is the time of day.
    /// `only_cpu_and_memory=true` in the query leaves out all but processor, memory and swap.
    #[must_use]
    pub fn answer(&self, request: &Request<Bytes>, now: Timestamp) -> Option<Response<Bytes>> {
        let path = request.uri().path();
        if path.strip_suffix('/').unwrap_or(path) != "/stats/summary" {
            return None;
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Some(not_allowed());
        }
        let mut options = request.uri().query().unwrap_or_default().split('&');
        let summary = match options.any(|option| option == "only_cpu_and_memory=true") {
            true => self.cpu_and_memory(now),
            false => self.summary(now),
        };
        Some(reply(request, StatusCode::OK, "application/json", summary.to_json().into()))
    }

    /// The whole document.
    #[must_use]
    pub fn summary(&self, now: Timestamp) -> Summary {
        self.produce(now, false)
    }

    /// The same with processor, memory and swap alone.
    #[must_use]
    pub fn cpu_and_memory(&self, now: Timestamp) -> Summary {
        self.produce(now, true)
    }

    fn produce(&self, now: Timestamp, brief: bool) -> Summary {
        let snapshot = Snapshot::of(&self.node);
        let scope = Scope { exact_times: self.exact_times, brief, snapshot: &snapshot };
        let pods = pods(&snapshot.containers);
        Summary {
            node: self.node_stats(&scope, now),
            pods: pods.iter().map(|view| pod::stats(view, &scope)).collect(),
        }
    }

    fn node_stats(&self, scope: &Scope<'_>, now: Timestamp) -> NodeStats {
        let machine = &scope.snapshot.machine;
        let name = self.node_name.as_deref().unwrap_or(&machine.host_name);
        let mut node = NodeStats {
            // A summary without a name is none.
            node_name: if name.is_empty() { "localhost" } else { name }.to_owned(),
            system_containers: self.system_containers(scope),
            start_time: machine.boot_time.and_then(|at| scope.time(at)),
            ..NodeStats::default()
        };
        let Some(root) = scope.snapshot.root() else { return node };
        node.cpu = scope.cpu(root);
        node.memory = scope.memory(root);
        node.swap = scope.swap(root);
        if scope.brief {
            return node;
        }
        node.io = scope.io(root);
        node.network = scope.network(root);
        let at = root.sample.at;
        let all = &root.sample.filesystems;
        node.fs = holding(all, &self.kubelet_folder).map(|fs| scope.fs(fs, Some(fs.usage), at));
        // What of it images use is not known, so that it has no `usedBytes`.
        node.runtime = self.image_fs(all).map(|fs| RuntimeStats {
            image_fs: Some(scope.fs(fs, None, at)),
            container_fs: Some(scope.fs(fs, None, at)),
        });
        let counts = (root.spec.pids_limit, root.sample.pids.current);
        let (maxpid, curproc) = (counts.0.and_then(signed), counts.1.and_then(signed));
        node.rlimit = (maxpid.is_some() || curproc.is_some()).then(|| RlimitStats {
            time: scope.time(now),
            maxpid,
            curproc,
        });
        node
    }

    fn image_fs<'a>(&self, all: &'a [FilesystemSample]) -> Option<&'a FilesystemSample> {
        if let Some(folder) = &self.image_folder {
            return holding(all, folder);
        }
        let own = IMAGE_FOLDERS.iter().filter_map(|folder| holding(all, folder));
        let mut own = own.filter(|fs| &*fs.mount_point != "/");
        own.next().or_else(|| holding(all, IMAGE_FOLDERS[0]))
    }

    fn system_containers(&self, scope: &Scope<'_>) -> Vec<ContainerStats> {
        let containers = &scope.snapshot.containers;
        let mut found: BTreeMap<&str, &Seen> = BTreeMap::new();
        for (name, path) in &self.system_containers {
            found.extend(
                containers.iter().find(|seen| *seen.path == **path).map(|seen| (&**name, seen)),
            );
        }
        let given = |name: &str| self.system_containers.contains_key(name);
        let looked_for: [(&str, &[&str]); 3] = [
            ("kubelet", &["kubelet.service"]),
            ("runtime", &RUNTIMES),
            ("pods", &["kubepods.slice", "kubepods", "kubelet-kubepods.slice"]),
        ];
        for (name, ends) in looked_for.into_iter().filter(|(name, _)| !given(name)) {
            let cgroup = ends.iter().find_map(|end| outermost(containers, end));
            found.extend(cgroup.map(|seen| (name, seen)));
        }
        found.into_iter().map(|(name, seen)| scope.system_container(name, seen)).collect()
    }
}

/// The cgroup of the shortest path that ends with `name`.
fn outermost<'a>(containers: &'a [Seen], name: &str) -> Option<&'a Seen> {
    let named = containers.iter().filter(|seen| seen.path.rsplit('/').next() == Some(name));
    named.min_by_key(|seen| seen.path.len())
}

/// The file system that holds `folder`: the one mounted nearest above it.
fn holding<'a>(all: &'a [FilesystemSample], folder: &str) -> Option<&'a FilesystemSample> {
    let above = |fs: &&FilesystemSample| {
        let mount = fs.mount_point.trim_end_matches('/');
        let rest = folder.strip_prefix(mount);
        !fs.mount_point.is_empty()
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // Of several mounted at one place the last hides the others.
    all.iter().filter(above).max_by_key(|fs| fs.mount_point.len())
}

fn signed(count: u64) -> Option<i64> {
    i64::try_from(count).ok()
}
