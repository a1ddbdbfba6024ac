//! What the files of container runtimes tell, read without asking a daemon.
//!
//! | runtime | file | tells |
//! | --- | --- | --- |
//! | Docker | `/var/lib/docker/containers/ID/config.v2.json`, `hostconfig.json` | name, image, labels, state, log, restarts |
//! | containerd | `/run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json` | annotations of the kubelet: pod, container, image |
//! | CRI-O, podman | `/var/lib/containers/storage/overlay-containers/ID/userdata/config.json`, `containers.json` | the same, labels, name, layer |
//!
//! Each has other places, too: of k3s, microk8s and k0s, of snaps, and of users without privileges. A file that is not
//! there says nothing; one that is malformed gives a warning and says nothing.

mod containerd;
mod docker;
mod mounts;
mod oci;
mod storage;
#[cfg(feature = "containerd")]
mod told;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use serde::de::DeserializeOwned;
use stripchart_core::Timestamp;

use super::facts::Facts;
use crate::Roots;
use crate::cgroup::{Identity, Runtime};
use crate::file::open;
use crate::warnings::{Warnings, left_out};

#[cfg(feature = "docker")]
pub(crate) use docker::Inspected;
pub(crate) use mounts::Mounts;
#[cfg(feature = "containerd")]
pub(crate) use told::Told;

/// A container's own file is larger than this only if something is wrong with it; real ones have up to 100 KiB.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The list of all containers of a store; about 2 KiB for each.
const LIST_BYTES_MAX: u64 = 16 << 20;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Of one container.
    Object,
    /// Of all containers of a store.
    List,
}

impl Shape {
    const fn bytes_max(self) -> u64 {
        match self {
            Shape::Object => FILE_BYTES_MAX,
            Shape::List => LIST_BYTES_MAX,
        }
    }
}

/// Where to look, and what for.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    pub(crate) roots: &'a Roots,
    pub(crate) id: &'a str,
    pub(crate) identity: &'a Identity<'a>,
    /// The home of the user whose container it is, if it is one of a user.
    pub(crate) home: Option<&'a Path>,
    /// Names of variables of the environment that are wanted.
    pub(crate) envs: &'a [Box<str>],
    pub(crate) mounts: &'a mut Mounts,
    pub(crate) warnings: &'a mut Warnings,
}

impl Search<'_> {
    /// Where `path` of the host is.
    fn at(&self, path: &str) -> PathBuf {
        self.roots.rootfs.join(path.trim_start_matches('/'))
    }

    /// What the files tell; `None` if there are none.
    pub(crate) fn find(&mut self) -> Option<Facts> {
        match self.identity.runtime {
            Some(Runtime::Docker) => docker::find(self),
            Some(Runtime::Containerd) => containerd::find(self),
            Some(Runtime::Crio | Runtime::Podman) => storage::find(self),
            None => containerd::find(self)
                .or_else(|| docker::find(self))
                .or_else(|| storage::find(self)),
        }
    }

    /// The document at `path`; `None` if there is none, or it is malformed, which gives a warning.
    fn json<T: DeserializeOwned>(&mut self, path: &Path, shape: Shape) -> Option<T> {
        let text = match read(path, shape.bytes_max()) {
            Ok(text) => text,
            Err(error) => {
                if !is_absent(&error) {
                    self.warnings.warn(path, left_out(&error));
                }
                return None;
            }
        };
        let parsed = match text.trim_ascii_start().first() {
            // It would be taken for the fields of an object in order.
            Some(b'[') if shape == Shape::Object => Err("found a list".to_owned()),
            _ => serde_json::from_slice(&text).map_err(|error| error.to_string()),
        };
        match parsed {
            Ok(document) => {
                self.warnings.good(path);
                Some(document)
            }
            Err(error) => {
                let message = format!(
                    "expected the description of containers: {error}; names and labels are left out"
                );
                self.warnings.warn(path, message);
                None
            }
        }
    }

    /// Those of `variables` (`NAME=value`) that are wanted.
    fn wanted<'v>(
        &self,
        variables: impl IntoIterator<Item = &'v str>,
    ) -> BTreeMap<Box<str>, Box<str>> {
        if self.envs.is_empty() {
            return BTreeMap::new();
        }
        let pairs = variables.into_iter().filter_map(|variable| variable.split_once('='));
        pairs
            .filter(|(name, _)| self.envs.iter().any(|wanted| **wanted == **name))
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }
}

/// The exit code of the first process of container `id`, where its runtime left it in a file.
pub(crate) fn exit_code(rootfs: &Path, id: &str, runtime: Option<Runtime>) -> Option<i32> {
    match runtime {
        Some(Runtime::Docker) => docker::exit_code(rootfs, id),
        Some(Runtime::Crio) => storage::exit_code(rootfs, "run/crio/exits", id),
        Some(Runtime::Podman) => storage::exit_code(rootfs, "run/libpod/exits", id),
        // containerd keeps it in the memory of the container's shim.
        Some(Runtime::Containerd) | None => None,
    }
}

/// Reads a file of at most `bytes_max` bytes, never waiting for a pipe.
fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    read_to(&file, bytes_max)
}

fn read_to(file: &File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut text)?;
    if text.len() as u64 > bytes_max {
        let what = format!("larger than {} MiB", bytes_max >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    Ok(text)
}

/// Whether the file is simply not there, be it that a folder on the way to it is none.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// When the file at `path` was written last.
fn modified(path: &Path) -> Option<Timestamp> {
    let time = std::fs::metadata(path).ok()?.modified().ok()?;
    Some(Timestamp::from(time))
}

/// An instant as Go writes it; `None` for Go's zero, which is before 1970 by two thousand years.
fn instant(text: &str) -> Option<Timestamp> {
    let instant = DateTime::parse_from_rfc3339(text).ok()?;
    instant.timestamp_nanos_opt().filter(|nanos| *nanos > 0).map(Timestamp::from_nanos)
}

/// Whether `name` may be a part of a path that is put together.
fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
}

/// The text unless it is empty.
fn some(text: impl Into<Box<str>>) -> Option<Box<str>> {
    let text = text.into();
    (!text.is_empty()).then_some(text)
}
