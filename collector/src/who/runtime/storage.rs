//! The store that CRI-O and podman share.
//!
//! ```text
//! /var/lib/containers/storage/overlay-containers/containers.json            all containers: id, names, layer, created
//!                                                volatile-containers.json   those that are removed when they end
//!                                                ID/userdata/config.json    the specification
//!                             overlay/LAYER/diff                            what the container writes to
//! /run/containers/storage/overlay-containers/ID/userdata/pidfile            written when it was started
//! ```
//!
//! ```json
//! [{"id": "0a1b...", "names": ["web"], "image": "5d0d...", "layer": "67b0...", "created": "2026-05-01T09:59:59.9Z",
//!   "metadata": "{\"image-name\":\"docker.io/library/nginx:1\",\"name\":\"web\"}"}]
//! ```
//!
//! CRI-O puts all that the kubelet told it into the specification's annotations. Podman puts nothing there but that it
//! made the container; its labels are in its database alone. A user's store is in `.local/share/containers` at home.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::oci::Spec;
use super::{Facts, Search, Shape, instant, is_file_name, modified, some};
use crate::cgroup::Runtime;

const RESTARTS: &str = "io.kubernetes.container.restartCount";

/// An entry of `containers.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    id: Box<str>,
    names: Option<Vec<Box<str>>>,
    layer: Box<str>,
    created: Box<str>,
    /// JSON in a string.
    metadata: Box<str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    #[serde(rename = "image-name")]
    image_name: Box<str>,
    name: Box<str>,
    attempt: Option<u32>,
}

pub(super) fn find(search: &mut Search<'_>) -> Option<Facts> {
    let mut stores = vec!["/var/lib/containers/storage".to_owned()];
    if let Some(home) = search.home.and_then(Path::to_str) {
        stores.insert(0, format!("{home}/.local/share/containers/storage"));
    }
    stores.into_iter().find_map(|store| find_in(search, &store))
}

fn find_in(search: &mut Search<'_>, store: &str) -> Option<Facts> {
    let containers = format!("{store}/overlay-containers");
    let id = search.id;
    let path = search.at(&format!("{containers}/{id}/userdata/config.json"));
    let spec: Option<Spec> = search.json(&path, Shape::Object);
    let mut facts = spec.as_ref().map(|spec| of_spec(search, spec));
    // The list has all containers and is long where there are many; CRI-O's specification tells what it does.
    let is_whole = |facts: &Facts| facts.name.is_some() && facts.writable_layer.is_some();
    if !facts.as_ref().is_some_and(is_whole) {
        let entry = ["containers.json", "volatile-containers.json"].iter().find_map(|list| {
            let path = search.at(&format!("{containers}/{list}"));
            let list: Vec<Entry> = search.json(&path, Shape::List)?;
            list.into_iter().find(|entry| &*entry.id == id)
        });
        if let Some(entry) = entry {
            let facts = facts.get_or_insert_with(|| of_spec(search, &Spec::default()));
            add_entry(facts, entry, store);
        }
    }
    let mut facts = facts?;
    let run = format!("/run/containers/storage/overlay-containers/{id}/userdata/pidfile");
    facts.started = modified(&search.at(&run));
    Some(facts)
}

fn of_spec(search: &Search<'_>, spec: &Spec) -> Facts {
    let crio = |key: &str| spec.annotation(&format!("io.kubernetes.cri-o.{key}"));
    let json = |text: Option<&str>| text.and_then(|text| serde_json::from_str(text).ok());
    let labels: BTreeMap<Box<str>, Box<str>> = json(crio("Labels")).unwrap_or_default();
    let label = |key: &str| {
        let own = spec.annotation(key).map(Box::from);
        own.or_else(|| labels.get(key).filter(|value| !value.is_empty()).cloned())
    };
    let is_crio =
        spec.annotation("io.container.manager") == Some("cri-o") || crio("Name").is_some();
    let sandbox = crio("ContainerType") == Some("sandbox");
    let metadata: Metadata =
        crio("Metadata").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let restarts = spec.annotation(RESTARTS).and_then(|count| count.parse().ok());
    let mount = crio("MountPoint").or(spec.root());
    Facts {
        runtime: Some(if is_crio { Runtime::Crio } else { Runtime::Podman }),
        name: crio("Name").map(Box::from),
        image: crio("ImageName").or(crio("Image")).map(Box::from),
        envs: search.wanted(spec.env()),
        pod_uid: label("io.kubernetes.pod.uid"),
        pod_name: label("io.kubernetes.pod.name").or_else(|| crio("KubeName").map(Box::from)),
        pod_namespace: label("io.kubernetes.pod.namespace")
            .or_else(|| crio("Namespace").map(Box::from)),
        container_name: label("io.kubernetes.container.name").filter(|_| !sandbox),
        sandbox,
        created: crio("Created").and_then(instant),
        restarts: restarts.or(metadata.attempt.filter(|_| !sandbox)),
        host_network: crio("HostNetwork") == Some("true")
            || spec.is_on_host_network().unwrap_or(false),
        writable_layer: mount
            .and_then(|mount| mount.strip_suffix("/merged"))
            .map(|layer| format!("{layer}/diff").into()),
        log_path: crio("LogPath").map(Box::from),
        labels,
        ..Facts::default()
    }
}

fn add_entry(facts: &mut Facts, entry: Entry, store: &str) {
    let metadata: Metadata = serde_json::from_str(&entry.metadata).unwrap_or_default();
    let name = entry.names.and_then(|names| names.into_iter().next());
    facts.name = facts.name.take().or(name).or_else(|| some(metadata.name));
    facts.image = facts.image.take().or_else(|| some(metadata.image_name));
    facts.created = facts.created.or_else(|| instant(&entry.created));
    if facts.writable_layer.is_none() && is_file_name(&entry.layer) {
        facts.writable_layer = Some(format!("{store}/overlay/{}/diff", entry.layer).into());
    }
}

/// The exit code that the container's watcher left in `folder`; `None` once it is removed.
pub(super) fn exit_code(rootfs: &Path, folder: &str, id: &str) -> Option<i32> {
    let text = super::read(&rootfs.join(folder).join(id), 64).ok()?;
    std::str::from_utf8(&text).ok()?.trim().parse().ok()
}
