//! From the path of a cgroup to who it is.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use stripchart_core::Timestamp;

#[cfg(feature = "containerd")]
use super::containerd::{Asked, Containerd};
#[cfg(feature = "docker")]
use super::engine::Engine;
use super::facts::Facts;
use super::logs::{self, Logs, PodName};
#[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
use super::runtime::{Mounts, Search};
#[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
use super::users::Users;
use crate::Roots;
use crate::cgroup::{Identity, Runtime};
use crate::node::{About, PodRef};
use crate::warnings::Warnings;

/// Pods that are remembered by name, so that the folder of a pod knows what its containers told.
const PODS_MAX: usize = 8_192;

/// Until something is known it is looked for again after 1 s, 2 s, 4 s and so on up to this.
const WAIT_NS_MAX: i64 = 300_000_000_000;

/// So often a container is looked for again of which only details are missing.
const DETAILS_TRIES_MAX: u32 = 5;

/// Looks up who cgroups are.
#[derive(Debug)]
pub(crate) struct Directory {
    roots: Roots,
    logs: Logs,
    /// By UID.
    pods: HashMap<Box<str>, PodName>,
    /// When the host was booted: no cgroup is older.
    booted: Option<Timestamp>,
    #[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
    runtimes: Runtimes,
}

/// What looking into the files of runtimes takes.
#[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
#[derive(Debug, Default)]
struct Runtimes {
    /// Names of variables of the environment that are wanted.
    envs: Vec<Box<str>>,
    users: Users,
    mounts: Mounts,
    #[cfg(feature = "docker")]
    engine: Option<Engine>,
    #[cfg(feature = "containerd")]
    containerd: Option<Containerd>,
}

/// What is known of a cgroup, kept by whoever follows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    about: Arc<About>,
    tries: u32,
    /// When to look again; `None` once all is known.
    again: Option<Timestamp>,
}

impl Known {
    /// Who it is, as far as known.
    pub(crate) const fn about(&self) -> &Arc<About> {
        &self.about
    }

    /// Notes that it uses the host's network, which its process tells where its runtime does not.
    pub(crate) fn mark_host_network(&mut self) {
        Arc::make_mut(&mut self.about).host_network = true;
    }
}

/// How much was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    All,
    /// Who it is, but not all there is to know.
    Some,
    /// The same, and the rest is known once a daemon answers.
    #[cfg(feature = "containerd")]
    Later,
    Nothing,
}

impl Directory {
    /// A directory of the host whose files `roots` names.
    pub(crate) fn new(roots: &Roots) -> Self {
        Directory {
            roots: roots.clone(),
            logs: Logs::default(),
            pods: HashMap::new(),
            booted: None,
            #[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
            runtimes: Runtimes::default(),
        }
    }

    /// Keeps the variables with these names of the environment of containers; none otherwise.
    #[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
    pub(crate) fn keep_envs(&mut self, names: &[Box<str>]) {
        self.runtimes.envs = names.to_vec();
    }

    /// Asks Docker through `socket` about what its files do not tell.
    #[cfg(feature = "docker")]
    pub(crate) fn ask_docker(&mut self, socket: &Path) {
        self.runtimes.engine = Some(Engine::new(socket));
    }

    /// Asks containerd through `socket` for labels, and for what its files do not tell.
    #[cfg(feature = "containerd")]
    pub(crate) fn ask_containerd(&mut self, socket: &Path) {
        self.runtimes.containerd = Some(Containerd::new(socket));
    }

    /// Before each round of lookups: the host was booted at `booted`.
    pub(crate) fn begin(&mut self, booted: Option<Timestamp>) {
        self.booted = booted.or(self.booted);
        #[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
        self.runtimes.mounts.forget();
        #[cfg(feature = "docker")]
        if let Some(engine) = &mut self.runtimes.engine {
            engine.begin();
        }
        #[cfg(feature = "containerd")]
        if let Some(containerd) = &mut self.runtimes.containerd {
            containerd.begin();
        }
    }

    /// Looks up the cgroup at `path`, whose folder is `folder`, unless `known` says that there is nothing to be found (or
    /// not yet again); answers whether `known` changed.
    ///
    /// Costs nothing once all is known.
    pub(crate) fn look(
        &mut self,
        path: &str,
        folder: &Path,
        known: &mut Option<Known>,
        now: Timestamp,
        warnings: &mut Warnings,
    ) -> bool {
        let tries = match known {
            None => 0,
            Some(Known { again: Some(again), tries, .. }) if now >= *again => *tries,
            Some(_) => return false,
        };
        let identity = Identity::of(path);
        let before = known.take();
        let created = before
            .as_ref()
            .and_then(|known| known.about.created)
            .or_else(|| created(folder, self.booted, now));
        let (mut about, found) = self.find(path, &identity, created, now, warnings);
        about.host_network |= before.as_ref().is_some_and(|known| known.about.host_network);
        let again = match found {
            Found::All => None,
            Found::Some if tries >= DETAILS_TRIES_MAX => None,
            _ => {
                let wait = 1_000_000_000_i64.saturating_mul(1 << tries.min(30));
                Some(now.saturating_add(wait.min(WAIT_NS_MAX)))
            }
        };
        let changed = before.as_ref().is_none_or(|before| *before.about != about);
        let about = match before {
            Some(before) if !changed => before.about,
            _ => Arc::new(about),
        };
        *known = Some(Known { about, tries: tries.saturating_add(1), again });
        changed
    }

    fn find(
        &mut self,
        path: &str,
        identity: &Identity<'_>,
        created: Option<Timestamp>,
        now: Timestamp,
        warnings: &mut Warnings,
    ) -> (About, Found) {
        let mut about = About {
            container_id: identity.container_id.map(Box::from),
            runtime: identity.runtime,
            unit: identity.unit.map(Box::from),
            sandbox: identity.sandbox,
            created,
            ..About::default()
        };
        let mut uid: Option<Box<str>> = identity.pod_uid.as_deref().map(Box::from);
        let mut pod: Option<PodName> = None;
        let mut found = Found::All;
        if let Some(id) = identity.container_id {
            let mut name = None;
            match self.facts_of(id, identity, now, warnings) {
                Some((facts, of_container)) => {
                    found = of_container;
                    // A static pod's cgroup has another UID than its mirror in the API; the cgroup's is kept.
                    uid = uid.or_else(|| facts.pod_uid.clone());
                    name = add_facts(&mut about, facts, &mut pod);
                }
                None => found = Found::Nothing,
            }
            about.aliases = aliases(path, id, about.runtime, name);
        }
        let Some(uid) = uid else { return (about, found) };
        let pod = match pod {
            Some(pod) => {
                if self.pods.len() >= PODS_MAX {
                    self.pods.clear();
                }
                self.pods.insert(uid.clone(), pod.clone());
                Some(pod)
            }
            None => self
                .pods
                .get(&uid)
                .or_else(|| self.logs.pod(&self.roots.rootfs, &uid, now))
                .cloned(),
        };
        let found = if pod.is_none() { Found::Nothing } else { found };
        let found = self.add_logs(&mut about, pod.as_ref(), &uid, found);
        let (name, namespace) = pod.map(|pod| (pod.name, pod.namespace)).unzip();
        about.pod = Some(PodRef { uid, name, namespace, qos: identity.qos });
        (about, found)
    }

    /// What the files of runtimes tell of a container, or else the names of the kubelet's files.
    fn facts_of(
        &mut self,
        id: &str,
        identity: &Identity<'_>,
        now: Timestamp,
        warnings: &mut Warnings,
    ) -> Option<(Facts, Found)> {
        if let Some((facts, found)) = self.ask_runtime(id, identity, now, warnings) {
            return Some((facts, found));
        }
        let container = self.logs.container(&self.roots.rootfs, id, now)?;
        let facts = Facts {
            container_name: Some(container.name.clone()),
            pod_name: Some(container.pod.name.clone()),
            pod_namespace: Some(container.pod.namespace.clone()),
            ..Facts::default()
        };
        Some((facts, Found::Some))
    }

    #[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
    fn ask_runtime(
        &mut self,
        id: &str,
        identity: &Identity<'_>,
        #[cfg_attr(
            not(any(feature = "containerd", feature = "docker")),
            expect(unused_variables, reason = "for the sockets")
        )]
        now: Timestamp,
        warnings: &mut Warnings,
    ) -> Option<(Facts, Found)> {
        let runtimes = &mut self.runtimes;
        let user = identity.user.and_then(|user| runtimes.users.get(&self.roots.rootfs, user));
        let home = user.map(|user| &*user.home);
        let (envs, mounts) = (&*runtimes.envs, &mut runtimes.mounts);
        let mut search = Search { roots: &self.roots, id, identity, home, envs, mounts, warnings };
        let found = search.find().map(|facts| (facts, Found::All));
        #[cfg(feature = "containerd")]
        let found = match &mut runtimes.containerd {
            Some(daemon) if may_be_containerds(identity, found.as_ref().map(|(f, _)| f)) => {
                match (daemon.ask(&mut search, now), found) {
                    (Asked::Told(told), Some((facts, _))) => Some((told.or(facts), Found::All)),
                    (Asked::Told(told), None) => Some((*told, Found::All)),
                    (Asked::Later, Some((facts, _))) => Some((facts, Found::Later)),
                    (_, found) => found,
                }
            }
            _ => found,
        };
        if found.is_some() {
            return found;
        }
        #[cfg(feature = "docker")]
        if matches!(identity.runtime, None | Some(Runtime::Docker))
            && let Some(engine) = &mut runtimes.engine
        {
            let (facts, all) = engine.ask(&mut search, now)?;
            return Some((facts, if all { Found::All } else { Found::Some }));
        }
        None
    }

    /// Runtimes' files are JSON, which this build cannot read.
    #[cfg(not(any(feature = "cadvisor", feature = "containerd", feature = "docker")))]
    #[expect(clippy::unused_self, reason = "what the other build has")]
    fn ask_runtime(
        &self,
        _: &str,
        _: &Identity<'_>,
        _: Timestamp,
        _: &mut Warnings,
    ) -> Option<(Facts, Found)> {
        None
    }

    /// Adds the folder of the logs and the restarts that are seen there.
    fn add_logs(&self, about: &mut About, pod: Option<&PodName>, uid: &str, found: Found) -> Found {
        let Some((pod, container)) = pod.zip(about.container_name.as_deref()) else { return found };
        let Some(folder) = logs::folder(pod, uid, container) else { return found };
        if !self.roots.rootfs.join(folder.trim_start_matches('/')).is_dir() {
            return found;
        }
        if about.restarts.is_none() {
            about.restarts = logs::restarts(&self.roots.rootfs, &folder);
        }
        about.log_path = Some(folder.into());
        match (found, about.restarts) {
            // The kubelet makes the folder first and the runtime the file later.
            (Found::All, None) => Found::Some,
            (found, _) => found,
        }
    }
}

/// Whether containerd is to be asked about a container of which files tell `facts`. Of Docker's own containers those tell
/// more.
#[cfg(feature = "containerd")]
fn may_be_containerds(identity: &Identity<'_>, facts: Option<&Facts>) -> bool {
    match facts {
        Some(facts) => facts.runtime == Some(Runtime::Containerd),
        None => !matches!(identity.runtime, Some(Runtime::Crio | Runtime::Podman)),
    }
}

/// The names that cAdvisor's handler of the runtime gives a container.
fn aliases(
    path: &str,
    id: &str,
    runtime: Option<Runtime>,
    name: Option<Box<str>>,
) -> Vec<Box<str>> {
    match runtime {
        Some(Runtime::Containerd) => vec![id.into(), path.into()],
        Some(_) => name.into_iter().chain([id.into()]).collect(),
        None => Vec::new(),
    }
}

/// Brings together what the path and what the runtime tell; gives the runtime's name.
fn add_facts(about: &mut About, facts: Facts, pod: &mut Option<PodName>) -> Option<Box<str>> {
    about.runtime = facts.runtime.or(about.runtime);
    about.image = facts.image;
    about.labels = facts.labels;
    about.envs = facts.envs;
    about.container_name = facts.container_name;
    about.sandbox |= facts.sandbox;
    about.created = facts.created.or(about.created);
    about.started = facts.started;
    about.restarts = facts.restarts;
    about.host_network = facts.host_network;
    about.writable_layer = facts.writable_layer;
    about.log_path = facts.log_path;
    let names = facts.pod_name.zip(facts.pod_namespace);
    *pod = names.map(|(name, namespace)| PodName { namespace, name });
    facts.name
}

/// When the cgroup with `folder` was made, as far as the folder tells: the kernel gives its files the time at which they
/// were first looked at since they left its cache, so that the earliest of several is nearest to the truth.
fn created(folder: &Path, booted: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let files =
        [folder.to_path_buf(), folder.join("cgroup.clone_children"), folder.join("cgroup.events")];
    let times = files.iter().filter_map(|path| {
        let modified = std::fs::metadata(path).ok()?.modified().ok()?;
        Some(Timestamp::from(modified))
    });
    let earliest = times.min()?;
    Some(earliest.max(booted.unwrap_or(earliest)).min(now))
}

#[cfg(test)]
mod tests;
