//! What the names of the kubelet's log files tell.
//!
//! ```text
//! /var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log
//! /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log       a link to the other
//! ```
//!
//! Names of pods and namespaces hold no `_`. The folders are listed when somebody asks for a name that is not known and
//! they have changed since.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use stripchart_core::Timestamp;

/// Names that are remembered of each folder; a node has at most some hundreds of pods.
const NAMES_MAX: usize = 16_384;

/// Files of a container's folder that are looked at.
const LOGS_MAX: usize = 1_000;

/// A folder that changed this short a time ago may have changed again unseen: its time stands still for some milliseconds.
const SETTLED_AFTER_NS: i64 = 1_000_000_000;

const PODS: &str = "/var/log/pods";
const CONTAINERS: &str = "/var/log/containers";

/// The names of log files.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    pods: Listing<PodName>,
    containers: Listing<ContainerName>,
}

/// A pod, as the kubelet names its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PodName {
    pub(crate) namespace: Box<str>,
    pub(crate) name: Box<str>,
}

/// A container, as the kubelet names its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerName {
    pub(crate) pod: PodName,
    pub(crate) name: Box<str>,
}

impl Logs {
    /// The pod with `uid`.
    pub(crate) fn pod(&mut self, rootfs: &Path, uid: &str, now: Timestamp) -> Option<&PodName> {
        self.pods.get(&at(rootfs, PODS), uid, now, pod_name)
    }

    /// The container with `id`.
    pub(crate) fn container(
        &mut self,
        rootfs: &Path,
        id: &str,
        now: Timestamp,
    ) -> Option<&ContainerName> {
        self.containers.get(&at(rootfs, CONTAINERS), id, now, container_name)
    }
}

/// The folder, on the host, with the logs of a container; `None` if a name cannot be part of a path.
pub(crate) fn folder(pod: &PodName, uid: &str, container: &str) -> Option<String> {
    let names = [&*pod.namespace, &*pod.name, uid, container];
    if names.iter().any(|name| name.is_empty() || name.contains(['/', '\0']) || *name == "..") {
        return None;
    }
    Some(format!("{PODS}/{}_{}_{uid}/{container}", pod.namespace, pod.name))
}

/// How often the container was restarted whose logs are in `folder` of the host: the highest number of a file, since old
/// ones are removed. `None` while there is no file.
pub(crate) fn restarts(rootfs: &Path, folder: &str) -> Option<u32> {
    let entries = std::fs::read_dir(at(rootfs, folder)).ok()?.take(LOGS_MAX).flatten();
    entries
        .filter_map(|entry| {
            // A rotated one is `3.log.20260501-100000` or that with `.gz`.
            entry.file_name().to_str()?.split_once(".log")?.0.parse().ok()
        })
        .max()
}

fn at(rootfs: &Path, path: &str) -> PathBuf {
    rootfs.join(path.trim_start_matches('/'))
}

fn pod_name(file: &str) -> Option<(&str, PodName)> {
    let mut parts = file.split('_');
    let (namespace, name, uid) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || [namespace, name, uid].contains(&"") {
        return None;
    }
    Some((uid, PodName { namespace: namespace.into(), name: name.into() }))
}

fn container_name(file: &str) -> Option<(&str, ContainerName)> {
    let (names, id) = file.strip_suffix(".log")?.rsplit_once('-')?;
    let mut parts = names.split('_');
    let (pod, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || [pod, namespace, name, id].contains(&"") {
        return None;
    }
    let pod = PodName { namespace: namespace.into(), name: pod.into() };
    Some((id, ContainerName { pod, name: name.into() }))
}

/// A folder's names by the key that they hold.
#[derive(Debug)]
struct Listing<T> {
    modified: Option<Timestamp>,
    by_key: HashMap<Box<str>, T>,
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Listing { modified: None, by_key: HashMap::new() }
    }
}

impl<T> Listing<T> {
    fn get(
        &mut self,
        folder: &Path,
        key: &str,
        now: Timestamp,
        parse: fn(&str) -> Option<(&str, T)>,
    ) -> Option<&T> {
        if !self.by_key.contains_key(key) {
            self.refresh(folder, now, parse);
        }
        self.by_key.get(key)
    }

    fn refresh(&mut self, folder: &Path, now: Timestamp, parse: fn(&str) -> Option<(&str, T)>) {
        let Ok(modified) = std::fs::metadata(folder).and_then(|metadata| metadata.modified())
        else {
            self.by_key.clear();
            return;
        };
        let modified = Timestamp::from(modified);
        if self.modified == Some(modified) {
            return;
        }
        let settled = now.since(modified).unsigned_abs() > SETTLED_AFTER_NS.unsigned_abs();
        self.modified = settled.then_some(modified);
        self.by_key.clear();
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.take(NAMES_MAX).flatten() {
            if let Some((key, value)) = entry.file_name().to_str().and_then(parse) {
                self.by_key.insert(key.into(), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const UID: &str = "0a1b2c3d-1111-2222-3333-444455556666";

    fn now() -> Timestamp {
        Timestamp::from(std::time::SystemTime::now())
    }

    #[test]
    fn names_of_files_tell_pod_and_container() {
        let root = tempfile::tempdir().unwrap();
        let log = root.path().join(format!("var/log/pods/shop_web-0_{UID}/app"));
        std::fs::create_dir_all(&log).unwrap();
        for file in ["0.log", "2.log", "10.log.20260501-100000.gz", "notes.txt", "x.log"] {
            std::fs::write(log.join(file), "").unwrap();
        }
        let containers = root.path().join("var/log/containers");
        std::fs::create_dir_all(&containers).unwrap();
        std::fs::write(containers.join(format!("web-0_shop_side-car-{ID}.log")), "").unwrap();
        std::fs::write(containers.join("what_ever.log"), "").unwrap();
        let mut logs = Logs::default();
        let pod = logs.pod(root.path(), UID, now()).unwrap().clone();
        assert_eq!((&*pod.namespace, &*pod.name), ("shop", "web-0"));
        let container = logs.container(root.path(), ID, now()).unwrap();
        assert_eq!((&container.pod, &*container.name), (&pod, "side-car"));
        let folder = folder(&pod, UID, "app").unwrap();
        assert_eq!(folder, format!("/var/log/pods/shop_web-0_{UID}/app"));
        assert_eq!(restarts(root.path(), &folder), Some(10));
        assert_eq!(restarts(root.path(), "/var/log/pods/none"), None);
    }

    #[test]
    fn a_pod_that_comes_later_is_found_and_no_folder_is_no_fault() {
        let root = tempfile::tempdir().unwrap();
        let mut logs = Logs::default();
        assert_eq!(logs.pod(root.path(), UID, now()), None);
        std::fs::create_dir_all(root.path().join("var/log/pods/a_b_other")).unwrap();
        assert_eq!(logs.pod(root.path(), UID, now()), None);
        std::fs::create_dir_all(root.path().join(format!("var/log/pods/shop_web-0_{UID}")))
            .unwrap();
        assert!(logs.pod(root.path(), UID, now()).is_some());
    }

    #[test]
    fn names_that_lead_elsewhere_make_no_path() {
        let pod = |namespace: &str| PodName { namespace: namespace.into(), name: "web".into() };
        assert_eq!(folder(&pod("../../etc"), UID, "app"), None);
        assert_eq!(folder(&pod("shop"), UID, ".."), None);
        assert!(folder(&pod("shop"), UID, "a").is_some());
    }
}
