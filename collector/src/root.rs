//! Where the kernel's files are.

use std::path::{Path, PathBuf};

/// The folders under which the kernel's files are found.
///
/// A program on the host uses [`Roots::default`]. One in a container, to which the host's files are mounted, names those
/// mounts; a test names a tree of fixtures.
///
/// ```
/// use stripchart_collector::Roots;
/// let roots = Roots { proc: "/host/proc".into(), sys: "/host/sys".into(), rootfs: "/host".into() };
/// assert_eq!(roots.proc_file("net/dev").to_str(), Some("/host/proc/net/dev"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// Where procfs is, on a host `/proc`.
    pub proc: PathBuf,
    /// Where sysfs is, on a host `/sys`.
    pub sys: PathBuf,
    /// What stands for the host's `/`: the mount points that the kernel names, those of cgroup hierarchies among them,
    /// are looked for below it.
    pub rootfs: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Roots { proc: "/proc".into(), sys: "/sys".into(), rootfs: "/".into() }
    }
}

impl Roots {
    /// Roots that all lie below `rootfs`: its `proc`, its `sys`, itself.
    #[must_use]
    pub fn below(rootfs: impl AsRef<Path>) -> Self {
        let rootfs = rootfs.as_ref();
        Roots { proc: rootfs.join("proc"), sys: rootfs.join("sys"), rootfs: rootfs.to_owned() }
    }

    /// The path of `name` below procfs.
    #[must_use]
    pub fn proc_file(&self, name: &str) -> PathBuf {
        self.proc.join(name)
    }

    /// The path of a mount point that the kernel names, as seen from here.
    ///
    /// Mount points below `/sys` are looked for below [`Roots::sys`], so that giving `proc` and `sys` alone suffices
    /// for cgroups.
    #[must_use]
    pub fn mount_point(&self, path: &Path) -> PathBuf {
        if let Ok(inside) = path.strip_prefix("/sys") {
            return self.sys.join(inside);
        }
        self.rootfs.join(path.strip_prefix("/").unwrap_or(path))
    }
}

#[cfg(feature = "linux")]
impl Roots {
    /// The list of mounts.
    ///
    /// On a host one's own; in a container one's own mounts are not the host's, those of its first process are.
    pub(crate) fn mountinfo(&self) -> PathBuf {
        self.proc.join(self.observed_process()).join("mountinfo")
    }

    /// The list of network interfaces, of the same process.
    pub(crate) fn net_dev(&self) -> PathBuf {
        self.proc.join(self.observed_process()).join("net/dev")
    }

    /// The file `name` of that process' network namespace, as `snmp`.
    pub(crate) fn net_file(&self, name: &str) -> PathBuf {
        self.proc.join(self.observed_process()).join("net").join(name)
    }

    fn observed_process(&self) -> &'static str {
        if *self == Roots::default() { "self" } else { "1" }
    }
}
