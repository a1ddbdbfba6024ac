//! What the sampling loop does with each cgroup, once its files were read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stripchart_core::Timestamp;

use super::disk::Disk;
use super::kmsg::{Kmsg, OomKill};
use super::metric_set::MetricSets;
use super::network::{self, Asker, Networks};
use super::tasks::{self, Tasks};
use super::{Directory, Known, MetricSet, life};
use crate::file::Buffer;
use crate::node::{About, ContainerSample, ContainerSpec, EventLog};
use crate::settings::Settings;
use crate::sys::open_files_max;
use crate::warnings::Warnings;

/// Descriptors kept for files of networks unless that is more than a sixteenth of what the process may have.
const DESCRIPTORS_MAX: u64 = 1024;

/// So many visits each cgroup has in full, whatever happens in it.
const SETTLING: u32 = 3;

/// Cgroups whose OOM kills are remembered; beyond it all are forgotten.
const OOM_MAX: usize = 16_384;

/// Looks after who cgroups are, and what their processes and runtimes tell.
#[derive(Debug)]
pub(crate) struct Who {
    sets: MetricSets,
    directory: Directory,
    networks: Networks,
    tasks: Tasks,
    disk: Disk,
    kmsg: Kmsg,
    /// OOM kills out of the kernel's log, by the victim's cgroup.
    oom_kills: HashMap<Box<str>, u64>,
    /// Members met so far.
    members: u64,
}

/// What is remembered of a cgroup.
#[derive(Debug)]
pub(crate) struct Member {
    /// Tells it from all others.
    number: u64,
    folder: PathBuf,
    root: bool,
    known: Option<Known>,
    network: network::Member,
    sched: Option<Box<tasks::Member>>,
    visits: u32,
}

impl Member {
    /// Who it is; `None` until it was visited.
    pub(crate) fn about(&self) -> Option<&Arc<About>> {
        self.known.as_ref().map(Known::about)
    }
}

/// What all visits of a sample have in common.
pub(crate) struct Round<'a> {
    pub(crate) now: Timestamp,
    pub(crate) uptime_ns: Option<u64>,
    /// Nothing happened in the cgroup, nor in those that it shares a network with: what its processes did is as it was.
    pub(crate) quiet: bool,
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) warnings: &'a mut Warnings,
}

impl Who {
    pub(crate) fn new(settings: &Settings) -> Self {
        let (roots, sets) = (&settings.roots, settings.metrics);
        #[cfg_attr(
            not(any(feature = "cadvisor", feature = "containerd", feature = "docker")),
            expect(unused_mut, reason = "for runtimes")
        )]
        let mut directory = Directory::new(roots);
        #[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
        directory.keep_envs(&settings.container_envs);
        #[cfg(feature = "docker")]
        if let Some(socket) = &settings.docker_socket {
            directory.ask_docker(socket);
        }
        #[cfg(feature = "containerd")]
        if let Some(socket) = &settings.containerd_socket {
            directory.ask_containerd(socket);
        }
        let wanted = network::Wanted {
            interfaces: sets.has(MetricSet::Network),
            tcp: sets.has(MetricSet::Tcp),
            udp: sets.has(MetricSet::Udp),
            tcp_counters: sets.has(MetricSet::AdvTcp),
        };
        let descriptors = usize::try_from(DESCRIPTORS_MAX.min(open_files_max() / 16)).unwrap_or(0);
        let descriptors = settings.descriptors_max.map_or(descriptors, |max| max.min(descriptors));
        Who {
            sets,
            directory,
            networks: Networks::new(&roots.proc, wanted, descriptors),
            tasks: Tasks::new(&roots.proc),
            disk: Disk::new(roots),
            kmsg: Kmsg::new(roots.rootfs.join("dev/kmsg")),
            oom_kills: HashMap::new(),
            members: 0,
        }
    }

    /// Begins a sample: looks what the kernel has to say, and goes on summing up what is on disk.
    pub(crate) fn begin(&mut self, round: &mut Round<'_>, events: Option<&EventLog>) {
        let since_boot = round.uptime_ns.and_then(|up| i64::try_from(up).ok());
        self.directory.begin(since_boot.map(|up| round.now.saturating_sub(up)));
        self.networks.begin();
        if self.sets.has(MetricSet::Disk) {
            self.disk.step(round.now, round.warnings);
        }
        if let Some(events) = events.filter(|_| self.sets.has(MetricSet::OomEvent)) {
            let oom_kills = &mut self.oom_kills;
            self.kmsg.look(round.warnings, |kill| {
                count(oom_kills, &kill);
                life::oom_kill(events, &kill, round.now, round.uptime_ns);
            });
        }
    }

    /// A cgroup appeared, with its folder in one of the hierarchies.
    pub(crate) fn member(&mut self, path: &str, folder: PathBuf) -> Member {
        self.members += 1;
        Member {
            number: self.members,
            folder,
            root: path == "/",
            known: None,
            network: network::Member::default(),
            sched: None,
            visits: 0,
        }
    }

    /// The cgroup of `member` is gone.
    pub(crate) fn forget(&mut self, member: Member) {
        self.networks.forget(member.number, member.network);
        self.disk.remove(member.number);
    }

    /// Adds to `sample` and `spec` of the cgroup at `path` what its processes and its runtime tell; answers whether it
    /// is known otherwise than before who it is or what is accounted for.
    pub(crate) fn visit(
        &mut self,
        member: &mut Member,
        path: &str,
        sample: &mut ContainerSample,
        spec: &mut ContainerSpec,
        round: &mut Round<'_>,
    ) -> bool {
        let mut changed =
            self.directory.look(path, &member.folder, &mut member.known, round.now, round.warnings);
        let Some(about) = member.about().cloned() else { return changed };
        member.visits = member.visits.saturating_add(1);
        // Who reports the network of a pod is settled with the second visit.
        let quiet = round.quiet && member.visits > SETTLING;
        if changed && self.sets.has(MetricSet::Disk) {
            self.disk.set(member.number, &about, round.now);
        }
        let is_container = about.container_id.is_some();
        if (is_container || member.root) && !quiet {
            changed |= self.network(member, &about, sample, round);
            changed |= set(&mut spec.has_network, sample.network.is_some());
        }
        let of_processes = [MetricSet::Process, MetricSet::Sched];
        if of_processes.iter().any(|set| self.sets.has(*set)) && !quiet {
            self.processes(member, sample, round);
        }
        if is_container {
            let found = self.disk.found(member.number);
            changed |= set(&mut spec.has_filesystem, found.is_some());
            if sample.filesystems.first() != found {
                sample.filesystems.clear();
                sample.filesystems.extend(found.cloned());
            }
        }
        sample.oom_kills = sample.memory.oom_kills.or_else(|| self.oom_kills.get(path).copied());
        changed
    }

    fn network(
        &mut self,
        member: &mut Member,
        about: &About,
        sample: &mut ContainerSample,
        round: &mut Round<'_>,
    ) -> bool {
        const SETS: [MetricSet; 4] =
            [MetricSet::Network, MetricSet::Tcp, MetricSet::Udp, MetricSet::AdvTcp];
        if !SETS.iter().any(|set| self.sets.has(*set)) {
            return false;
        }
        let asker = Asker {
            number: member.number,
            folder: &member.folder,
            sandbox: about.sandbox,
            in_pod: about.pod.is_some(),
            root: member.root,
        };
        let (buffer, warnings) = (&mut *round.buffer, &mut *round.warnings);
        self.networks.read(asker, &mut member.network, &mut sample.network, buffer, warnings);
        let on_host = !member.root && self.networks.is_on_host(&member.network);
        match &mut member.known {
            Some(known) if on_host && !about.host_network => {
                known.mark_host_network();
                true
            }
            _ => false,
        }
    }

    fn processes(
        &mut self,
        member: &mut Member,
        sample: &mut ContainerSample,
        round: &mut Round<'_>,
    ) {
        self.tasks.list(&member.folder, round.buffer);
        if self.sets.has(MetricSet::Process) {
            let counts = sample.processes.get_or_insert_default();
            self.tasks.count(counts, round.buffer, round.warnings);
        }
        if self.sets.has(MetricSet::Sched) {
            let sched = member.sched.get_or_insert_default();
            sample.cpu.sched = Some(self.tasks.sched(sched, round.buffer));
        }
    }
}

/// Sets `flag`; answers whether it was otherwise.
fn set(flag: &mut bool, to: bool) -> bool {
    std::mem::replace(flag, to) != to
}

fn count(oom_kills: &mut HashMap<Box<str>, u64>, kill: &OomKill) {
    if oom_kills.len() >= OOM_MAX {
        oom_kills.clear();
    }
    match oom_kills.get_mut(&kill.victim) {
        Some(count) => *count += 1,
        None => {
            oom_kills.insert(kill.victim.clone(), 1);
        }
    }
}

/// The folder of the cgroup called `name` in the hierarchy with `root`.
pub(crate) fn folder(root: &Path, name: &str) -> PathBuf {
    let mut folder = root.to_owned();
    // Bit by bit, since an absolute path would replace the root.
    folder.extend(name.split('/').filter(|part| !part.is_empty()));
    folder
}
