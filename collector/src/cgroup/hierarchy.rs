//! Where cgroup hierarchies are mounted.
//!
//! Version 2 has one tree with all controllers, usually at `/sys/fs/cgroup`. Version 1 has a tree for each controller or
//! for a few together (`cpu,cpuacct`). A hybrid host has both: trees of version 1 for its controllers and a tree of
//! version 2 without them, usually at `/sys/fs/cgroup/unified`, for systemd and for pressure. A host in transition may
//! give some controllers to one and some to the other. So the place of each controller is found on its own, out of the
//! list of mounts.

use std::path::{Path, PathBuf};

use crate::Roots;
use crate::proc::{Mount, MountInfo};

/// A controller of version 1 that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Controller {
    /// Shares, quotas, throttling.
    Cpu,
    /// Processor time used.
    Cpuacct,
    /// Memory.
    Memory,
    /// I/O of block devices.
    Blkio,
    /// Number of processes and threads.
    Pids,
    /// Which processors and memory nodes.
    Cpuset,
    /// Pages of huge sizes.
    Hugetlb,
    /// Resources of RDMA adapters.
    Rdma,
    /// Other countable resources.
    Misc,
}

impl Controller {
    /// All of them.
    pub const ALL: [Controller; 9] = [
        Controller::Cpu,
        Controller::Cpuacct,
        Controller::Memory,
        Controller::Blkio,
        Controller::Pids,
        Controller::Cpuset,
        Controller::Hugetlb,
        Controller::Rdma,
        Controller::Misc,
    ];

    /// The kernel's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Controller::Cpu => "cpu",
            Controller::Cpuacct => "cpuacct",
            Controller::Memory => "memory",
            Controller::Blkio => "blkio",
            Controller::Pids => "pids",
            Controller::Cpuset => "cpuset",
            Controller::Hugetlb => "hugetlb",
            Controller::Rdma => "rdma",
            Controller::Misc => "misc",
        }
    }
}

/// Where the hierarchies are, as paths that can be opened from here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Hierarchies {
    /// The tree of version 2.
    pub unified: Option<PathBuf>,
    /// The trees of version 1, by controller, in the order of [`Controller::ALL`].
    v1: [Option<PathBuf>; Controller::ALL.len()],
}

impl Hierarchies {
    /// Finds the hierarchies among `mounts`.
    ///
    /// Of several mounts of one hierarchy the first that shows all of it counts, else the first.
    ///
    /// ```
    /// use stripchart_collector::{Roots, cgroup::{Controller, Hierarchies}, proc::MountInfo};
    /// let mounts = MountInfo::parse(
    ///     b"33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
    ///       41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
    /// )?;
    /// let found = Hierarchies::find(&mounts, &Roots::default());
    /// assert_eq!(found.unified.as_deref(), Some("/sys/fs/cgroup/unified".as_ref()));
    /// assert_eq!(found.v1(Controller::Cpuacct), Some("/sys/fs/cgroup/cpu,cpuacct".as_ref()));
    /// assert_eq!(found.v1(Controller::Memory), None);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    #[must_use]
    pub fn find(mounts: &MountInfo<'_>, roots: &Roots) -> Self {
        let first = |wanted: &dyn Fn(&Mount<'_>) -> bool| {
            let mut found: Option<Mount<'_>> = None;
            for mount in mounts.iter().filter(wanted) {
                if &*mount.root == Path::new("/") {
                    return Some(roots.mount_point(&mount.mount_point));
                }
                found.get_or_insert(mount);
            }
            found.map(|mount| roots.mount_point(&mount.mount_point))
        };
        Hierarchies {
            unified: first(&|mount| mount.fs_type == "cgroup2"),
            v1: Controller::ALL.map(|controller| {
                first(&|mount| {
                    mount.fs_type == "cgroup" && mount.has_super_option(controller.name())
                })
            }),
        }
    }

    /// The tree of version 1 that holds `controller`.
    #[must_use]
    pub fn v1(&self, controller: Controller) -> Option<&Path> {
        self.v1[controller as usize].as_deref()
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Hierarchies::default()
    }
}
