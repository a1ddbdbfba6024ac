//! What a sampler is told to do.

use std::sync::Arc;
use std::time::Duration;

use crate::who::MetricSets;
use crate::{MetricSet, Node, Roots, Sampler};

/// Shortest interval: below it the ticks of `/proc/stat`, of 10 ms, make every percentage noise.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Longest interval, a year: so that sums of instants and intervals stay within 64 bits.
const INTERVAL_MAX: Duration = Duration::from_secs(366 * 86_400);

/// File systems on disks; reported in `disk` unless told otherwise.
const DISK_FILESYSTEMS: [&str; 18] = [
    "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk", "hfsplus", "jfs",
    "nilfs2", "ntfs", "ntfs3", "reiserfs", "ufs", "vfat", "xfs", "zfs",
];

/// File systems of other hosts; reported likewise, but only ever asked by threads that may wait for them.
const NETWORK_FILESYSTEMS: [&str; 14] = [
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "fuse.glusterfs",
    "fuse.juicefs",
    "fuse.sshfs",
    "gfs2",
    "glusterfs",
    "lustre",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
];

/// How rows of containers are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Layout {
    /// Few measurements with many fields: `container_cpu`, `container_memory`, ...
    #[default]
    Wide,
    /// As cAdvisor's InfluxDB driver has it: a measurement for each value, `cpu_usage_total`, `memory_usage`, ..., with
    /// field `value` and tags `machine`, `container_name` and every label of the container.
    ///
    /// For dashboards made for it. It takes about eight times as many series, and whoever can create a container says
    /// how many tags there are.
    Cadvisor,
}

/// All settings, with their defaults.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) interval: Duration,
    pub(crate) roots: Roots,
    pub(crate) host_name: Option<String>,
    pub(crate) per_cpu: bool,
    pub(crate) cpu_times: bool,
    pub(crate) process_states_every: Option<Duration>,
    pub(crate) filesystem_types: Vec<String>,
    pub(crate) excluded_interfaces: Vec<String>,
    pub(crate) cgroups: bool,
    pub(crate) cgroups_max: usize,
    pub(crate) descriptors_max: Option<usize>,
    pub(crate) node: Option<Arc<Node>>,
    pub(crate) samples_kept: usize,
    pub(crate) layout: Layout,
    pub(crate) full_interval: Duration,
    pub(crate) idle_interval_max: Option<Duration>,
    pub(crate) container_per_cpu: bool,
    pub(crate) container_numa: bool,
    pub(crate) metrics: MetricSets,
    pub(crate) top_processes: usize,
    #[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
    pub(crate) container_envs: Vec<Box<str>>,
    #[cfg(feature = "docker")]
    pub(crate) docker_socket: Option<std::path::PathBuf>,
    #[cfg(feature = "containerd")]
    pub(crate) containerd_socket: Option<std::path::PathBuf>,
}

/// Sets up a [`Sampler`]; made by [`Sampler::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct SamplerBuilder(Settings);

impl Default for SamplerBuilder {
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        SamplerBuilder(Settings {
            interval: Duration::from_secs(10),
            roots: Roots::default(),
            host_name: None,
            per_cpu: true,
            cpu_times: false,
            process_states_every: Some(Duration::from_secs(60)),
            filesystem_types: owned(&[&DISK_FILESYSTEMS[..], &NETWORK_FILESYSTEMS].concat()),
            excluded_interfaces: owned(&["lo", "veth*"]),
            cgroups: true,
            cgroups_max: 4096,
            descriptors_max: None,
            node: None,
            samples_kept: 60,
            layout: Layout::default(),
            full_interval: Duration::from_secs(60),
            idle_interval_max: None,
            container_per_cpu: false,
            container_numa: false,
            metrics: MetricSets::default(),
            top_processes: 0,
            #[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
            container_envs: Vec::new(),
            #[cfg(feature = "docker")]
            docker_socket: None,
            #[cfg(feature = "containerd")]
            containerd_socket: None,
        })
    }
}

impl SamplerBuilder {
    /// Time between samples, which are taken at its multiples since 1970; default 10 s, at least 10 ms, at most a year.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.0.interval = interval.clamp(INTERVAL_MIN, INTERVAL_MAX);
        self
    }

    /// Where the kernel's files are; default those of this host.
    pub fn roots(mut self, roots: Roots) -> Self {
        self.0.roots = roots;
        self
    }

    /// The value of tag `host`; default what `/proc/sys/kernel/hostname` says, or `localhost`.
    pub fn host_name(mut self, name: impl Into<String>) -> Self {
        self.0.host_name = Some(name.into());
        self
    }

    /// Whether `cpu`, `softnet` and `schedstat` have a row for each processor beside `cpu-total`, and whether there is
    /// `linux_cpu`; default yes.
    pub fn per_cpu(mut self, wanted: bool) -> Self {
        self.0.per_cpu = wanted;
        self
    }

    /// Whether `cpu` has the running totals `time_user` and so on beside percentages; default no, as Telegraf.
    pub fn cpu_times(mut self, wanted: bool) -> Self {
        self.0.cpu_times = wanted;
        self
    }

    /// How often processes are counted by state, which reads a file of each; `None` for never; default each minute.
    pub fn process_states(mut self, every: Option<Duration>) -> Self {
        self.0.process_states_every = every;
        self
    }

    /// Types of file systems reported in `disk`; default those that lie on a disk or come from another host. The one
    /// mounted at `/` is always reported.
    ///
    /// A file system that does not lie on a disk of this host is asked by a thread of its own, and its row is what it
    /// answered since the sample before. One that never answers holds that thread, of which there are at most eight, and
    /// gives one warning; the sampler goes on.
    pub fn filesystem_types<S: Into<String>>(mut self, types: impl IntoIterator<Item = S>) -> Self {
        self.0.filesystem_types = types.into_iter().map(Into::into).collect();
        self
    }

    /// Network interfaces left out of `net`, a trailing `*` standing for anything; default `lo` and `veth*`.
    pub fn excluded_interfaces<S: Into<String>>(
        mut self,
        patterns: impl IntoIterator<Item = S>,
    ) -> Self {
        self.0.excluded_interfaces = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Whether cgroups are sampled; default yes.
    pub fn cgroups(mut self, wanted: bool) -> Self {
        self.0.cgroups = wanted;
        self
    }

    /// How many cgroups are sampled at most; default 4096. What is beyond is left out, with a warning.
    pub fn cgroups_max(mut self, count: usize) -> Self {
        self.0.cgroups_max = count;
        self
    }

    /// How many files of cgroups are kept open at most; default a quarter of this process' limit, at most 16384.
    ///
    /// A kept file is read with one system call, others are opened, read and closed, which costs about four times the
    /// processor time. A cgroup has about a dozen files.
    pub fn descriptors_max(mut self, count: usize) -> Self {
        self.0.descriptors_max = Some(count);
        self
    }

    /// Keeps `node` up to date beside the rows: containers with their limits and latest samples, and what happened to them.
    ///
    /// A node belongs to one sampler at a time. It is filled once for each sample, in one go.
    pub fn node(mut self, node: Arc<Node>) -> Self {
        self.0.node = Some(node);
        self
    }

    /// How many samples of each container [`SamplerBuilder::node`] keeps; default 60, at least one.
    ///
    /// A sample is about two kilobytes.
    pub fn samples_kept(mut self, count: usize) -> Self {
        self.0.samples_kept = count.max(1);
        self
    }

    /// How rows of containers are laid out; default [`Layout::Wide`]. Rows of the host are the same in both.
    pub const fn layout(mut self, layout: Layout) -> Self {
        self.0.layout = layout;
        self
    }

    /// How often limits of processor time, memory and processes are looked at, and how often cgroups are read in full in
    /// which nothing happens; default a minute. What seldom changes (weights, other limits, huge pages, memory nodes) is
    /// looked at every fifth time.
    ///
    /// In between a cgroup that used no processor time, and whose memory is as it was, costs two reads instead of a dozen.
    /// Cgroups have their turns in different samples.
    pub fn full_interval(mut self, interval: Duration) -> Self {
        self.0.full_interval = interval;
        self
    }

    /// Lets cgroups in which nothing happens be looked at less and less often, down to once in this time; default as often
    /// as the others.
    ///
    /// In the samples between they have no rows, and nothing new in the [node](SamplerBuilder::node). Once something
    /// happened they are looked at in each sample again.
    pub fn idle_interval_max(mut self, interval: Duration) -> Self {
        self.0.idle_interval_max = Some(interval);
        self
    }

    /// Whether there are rows `container_cpu_core` with the time on each processor, where version 1 accounts for it;
    /// default no, since there are as many as cgroups times processors.
    pub fn container_per_cpu(mut self, wanted: bool) -> Self {
        self.0.container_per_cpu = wanted;
        self
    }

    /// Whether the memory of cgroups on each memory node is read, and rows `container_memory_numa` are written; default no.
    pub fn container_numa(mut self, wanted: bool) -> Self {
        self.0.container_numa = wanted;
        self
    }

    /// Whether `set` is read of containers; [`MetricSet`] says what is by default.
    pub const fn metrics(mut self, set: MetricSet, wanted: bool) -> Self {
        self.0.metrics.set(set, wanted);
        self
    }

    /// How many processes of the host are told in rows `process_top`, of those that use most processor time and of those
    /// that use most memory; default none, at most 100.
    ///
    /// All processes are looked at for it, every ten seconds at most, which takes about 10 us for each of them.
    pub fn top_processes(mut self, count: usize) -> Self {
        self.0.top_processes = count.min(100);
        self
    }

    /// Variables of the environment of containers, by name, that the [node](SamplerBuilder::node) has; default none, since
    /// secrets are often passed so. Read out of the files of container runtimes.
    #[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
    pub fn container_envs<S: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.0.container_envs = names.into_iter().map(Into::into).collect();
        self
    }

    /// Asks Docker through its socket, as `/var/run/docker.sock`, about containers of which its files tell nothing;
    /// default not. A daemon that does not answer within a second is left alone for a minute.
    #[cfg(feature = "docker")]
    pub fn docker_socket(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.0.docker_socket = Some(path.into());
        self
    }

    /// Asks containerd through its socket, as `/run/containerd/containerd.sock` or, with k3s,
    /// `/run/k3s/containerd/containerd.sock`, for the labels of containers, which are in no file, and for what its files do
    /// not tell; default not. A daemon that does not answer within a second is left alone for a minute.
    #[cfg(feature = "containerd")]
    pub fn containerd_socket(mut self, path: impl Into<std::path::PathBuf>) -> Self {
        self.0.containerd_socket = Some(path.into());
        self
    }

    /// The sampler. Opens nothing yet: what is missing shows as warnings with the first sample.
    #[must_use]
    pub fn build(self) -> Sampler {
        Sampler::new(self.0)
    }
}
