//! What a sampler is told to do.

use std::time::Duration;

use crate::{Roots, Sampler};

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

/// All settings, with their defaults.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) interval: Duration,
    pub(crate) roots: Roots,
    pub(crate) host_name: Option<String>,
    pub(crate) per_cpu: bool,
    pub(crate) filesystem_types: Vec<String>,
    pub(crate) excluded_interfaces: Vec<String>,
    pub(crate) cgroups: bool,
    pub(crate) cgroups_max: usize,
    pub(crate) descriptors_max: Option<usize>,
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
            filesystem_types: owned(&[&DISK_FILESYSTEMS[..], &NETWORK_FILESYSTEMS].concat()),
            excluded_interfaces: owned(&["lo", "veth*"]),
            cgroups: true,
            cgroups_max: 4096,
            descriptors_max: None,
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

    /// Whether `cpu` has a row for each processor beside `cpu-total`; default yes.
    pub fn per_cpu(mut self, wanted: bool) -> Self {
        self.0.per_cpu = wanted;
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

    /// The sampler. Opens nothing yet: what is missing shows as warnings with the first sample.
    #[must_use]
    pub fn build(self) -> Sampler {
        Sampler::new(self.0)
    }
}
