//! Docker's own description of a container, which it writes when anything about it changes.
//!
//! ```text
//! /var/lib/docker/containers/ID/config.v2.json                     name, image, labels, state, restarts, log
//!                               hostconfig.json                    network mode
//!                 image/overlay2/layerdb/mounts/ID/mount-id        MOUNT, the name of the layer it writes to
//!                 overlay2/MOUNT/diff                              that layer
//! ```
//!
//! ```json
//! {"State":{"Running":true,"Pid":713,"ExitCode":0,"StartedAt":"2026-05-01T10:00:00.5Z"},"ID":"0a1b...",
//!  "Created":"2026-05-01T09:59:59.9Z","Config":{"Image":"nginx:1","Env":["A=b"],"Labels":{"tier":"web"}},
//!  "LogPath":"/var/lib/docker/containers/0a1b.../0a1b...-json.log","Name":"/web","Driver":"overlay2","RestartCount":2}
//! ```
//!
//! What its socket answers about a container has the same fields and a few more.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{FILE_BYTES_MAX, Facts, Search, Shape, containerd, instant, is_file_name, some};
use crate::cgroup::Runtime;

const LABEL_RESTARTS: &str = "annotation.io.kubernetes.container.restartCount";

/// A container as Docker describes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Inspected {
    created: Box<str>,
    config: Option<Config>,
    state: Option<State>,
    name: Box<str>,
    driver: Box<str>,
    restart_count: u32,
    log_path: Box<str>,
    host_config: Option<HostConfig>,
    graph_driver: Option<GraphDriver>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Config {
    image: Box<str>,
    labels: Option<BTreeMap<Box<str>, Box<str>>>,
    env: Option<Vec<Box<str>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct State {
    running: bool,
    exit_code: i32,
    started_at: Box<str>,
}

/// `hostconfig.json`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HostConfig {
    network_mode: Box<str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct GraphDriver {
    data: Option<BTreeMap<Box<str>, Box<str>>>,
}

impl Inspected {
    /// What this tells; of the environment the variables that `search` wants.
    pub(crate) fn into_facts(self, search: &Search<'_>) -> Facts {
        let Config { image, labels, env } = self.config.unwrap_or_default();
        let labels = labels.unwrap_or_default();
        let label = |key: &str| labels.get(key).filter(|value| !value.is_empty()).cloned();
        let sandbox = label("io.kubernetes.docker.type").as_deref() == Some("podsandbox");
        let restarts = label(LABEL_RESTARTS).and_then(|count| count.parse().ok());
        let upper = self.graph_driver.and_then(|driver| driver.data?.remove("UpperDir"));
        Facts {
            runtime: Some(Runtime::Docker),
            name: some(self.name.trim_start_matches('/')),
            image: some(image),
            envs: search.wanted(env.iter().flatten().map(|variable| &**variable)),
            pod_uid: label("io.kubernetes.pod.uid"),
            pod_name: label("io.kubernetes.pod.name"),
            pod_namespace: label("io.kubernetes.pod.namespace"),
            container_name: label("io.kubernetes.container.name").filter(|_| !sandbox),
            sandbox,
            created: instant(&self.created),
            started: self.state.and_then(|state| instant(&state.started_at)),
            restarts: restarts.or(Some(self.restart_count)),
            host_network: self.host_config.is_some_and(|host| &*host.network_mode == "host"),
            writable_layer: upper.and_then(some),
            log_path: label("io.kubernetes.container.logpath").or(some(self.log_path)),
            labels,
        }
    }
}

/// Where Docker keeps its files.
fn folders(search: &Search<'_>) -> Vec<String> {
    let mut folders = match search.home.and_then(Path::to_str) {
        Some(home) => vec![format!("{home}/.local/share/docker")],
        None => Vec::new(),
    };
    folders.extend(HOST_FOLDERS.map(str::to_owned));
    folders
}

const HOST_FOLDERS: [&str; 2] = ["/var/lib/docker", "/var/snap/docker/common/var-lib-docker"];

pub(super) fn find(search: &mut Search<'_>) -> Option<Facts> {
    for folder in folders(search) {
        let container = search.at(&format!("{folder}/containers/{}", search.id));
        let document: Option<Inspected> =
            search.json(&container.join("config.v2.json"), Shape::Object);
        let Some(mut inspected) = document else { continue };
        inspected.host_config = search.json(&container.join("hostconfig.json"), Shape::Object);
        let layer = layer(search, &folder, &inspected.driver);
        let mut facts = inspected.into_facts(search);
        facts.writable_layer = layer;
        return Some(facts);
    }
    None
}

/// The folder that the container writes to.
fn layer(search: &mut Search<'_>, folder: &str, driver: &str) -> Option<Box<str>> {
    if is_file_name(driver) {
        let id = search.id;
        let file = search.at(&format!("{folder}/image/{driver}/layerdb/mounts/{id}/mount-id"));
        if let Ok(mount) = super::read(&file, 4096)
            && let Ok(mount) = std::str::from_utf8(&mount)
            && is_file_name(mount.trim())
        {
            let mount = mount.trim();
            return Some(match driver {
                "aufs" => format!("{folder}/aufs/diff/{mount}").into(),
                "btrfs" => format!("{folder}/btrfs/subvolumes/{mount}").into(),
                "vfs" => format!("{folder}/vfs/dir/{mount}").into(),
                driver => format!("{folder}/{driver}/{mount}/diff").into(),
            });
        }
    }
    containerd::layer_of_docker(search)
}

/// The exit code that Docker noted when the container ended; `None` once its files are removed.
pub(super) fn exit_code(rootfs: &Path, id: &str) -> Option<i32> {
    for folder in HOST_FOLDERS {
        let folder = rootfs.join(folder.trim_start_matches('/')).join("containers").join(id);
        let Ok(text) = super::read(&folder.join("config.v2.json"), FILE_BYTES_MAX) else {
            continue;
        };
        let state = serde_json::from_slice::<Inspected>(&text).ok()?.state?;
        return (!state.running).then_some(state.exit_code);
    }
    None
}
