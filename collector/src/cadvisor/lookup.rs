//! Containers by the names that clients know them by.

use std::sync::Arc;

use super::events::{is_below, is_child};
use super::model::{Containers, Subject};
use super::request::{IdType, Options};
use crate::cgroup::Runtime;
use crate::node::{Container, FilesystemSample, MachineInfo};

/// The host's file systems as they were sampled last.
pub(super) fn host_filesystems(containers: &Containers) -> &[FilesystemSample] {
    let latest = containers.get("/").and_then(|root| root.samples.latest());
    latest.map_or(&[], |sample| &sample.filesystems)
}

/// The path and container called `path`.
pub(super) fn by_path<'a>(
    containers: &'a Containers,
    path: &str,
) -> Result<(&'a Arc<str>, &'a Container), String> {
    containers.get_key_value(path).ok_or_else(|| format!("unknown container {path:?}"))
}

/// The containers directly below `path`.
pub(super) fn children<'a>(
    containers: &'a Containers,
    machine: &'a MachineInfo,
    path: &str,
) -> impl Iterator<Item = Subject<'a>> {
    containers
        .iter()
        .filter(move |(child, _)| is_child(child, path))
        .map(|(path, container)| Subject { path, container, machine })
}

/// `path` and all below it; the error says that there is none.
pub(super) fn with_descendants(
    containers: &Containers,
    path: &str,
) -> Result<Vec<Arc<str>>, String> {
    by_path(containers, path)?;
    let inside = |other: &&Arc<str>| ***other == *path || is_below(other, path);
    Ok(containers.keys().filter(inside).cloned().collect())
}

/// All containers of `runtime`.
pub(super) fn of_runtime(containers: &Containers, runtime: Runtime) -> Vec<Arc<str>> {
    let of = containers.iter().filter(|(_, container)| container.about.runtime == Some(runtime));
    of.map(|(path, _)| Arc::clone(path)).collect()
}

/// The one container of `runtime` called `name`: by one of its names, its id, or the beginning of its id that no other
/// shares.
pub(super) fn by_name(
    containers: &Containers,
    runtime: Runtime,
    name: &str,
) -> Result<Arc<str>, String> {
    let name = name.trim_matches('/');
    let of = || containers.iter().filter(|(_, container)| container.about.runtime == Some(runtime));
    let is_called = |container: &Container| {
        let about = &container.about;
        about.container_id.as_deref() == Some(name)
            || about.aliases.iter().any(|alias| **alias == *name)
    };
    if let Some((path, _)) = of().find(|(_, container)| is_called(container)) {
        return Ok(Arc::clone(path));
    }
    let begins = |container: &Container| {
        container.about.container_id.as_deref().is_some_and(|id| id.starts_with(name))
    };
    let mut beginning = of().filter(|(_, container)| !name.is_empty() && begins(container));
    match (beginning.next(), beginning.next()) {
        (Some((path, _)), None) => Ok(Arc::clone(path)),
        (Some(_), Some(_)) => {
            let runtime = runtime.name();
            Err(format!(
                "unable to find container in {runtime} namespace: {name:?} is the beginning of several ids"
            ))
        }
        (None, _) => Err(format!("unable to find {} container {name:?}", runtime.name())),
    }
}

/// What a request to version 2 is about, in the order of paths.
pub(super) fn requested(
    containers: &Containers,
    name: &str,
    options: &Options,
) -> Result<Vec<Arc<str>>, String> {
    let runtime = match options.id_type {
        IdType::Name => {
            let path = super::request::container_name(name);
            return match options.recursive {
                true => with_descendants(containers, &path),
                false => Ok(vec![Arc::clone(by_path(containers, &path)?.0)]),
            };
        }
        IdType::Docker => Runtime::Docker,
        IdType::Podman => Runtime::Podman,
    };
    let name = name.trim_matches('/');
    match (options.recursive, name.is_empty()) {
        (true, true) => Ok(of_runtime(containers, runtime)),
        (true, false) => Err(format!(
            "invalid request for {} container {name:?} with subcontainers: only / has some",
            runtime.name()
        )),
        (false, _) => Ok(vec![by_name(containers, runtime, name)?]),
    }
}
