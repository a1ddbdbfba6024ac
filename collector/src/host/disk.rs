//! `disk`: how full the mounted file systems are, from `/proc/self/mountinfo` and statvfs.
//!
//! File systems that lie on a disk of this host are asked by the sampling thread, all others through the [`Guard`]; and
//! so is one that took longer than [`SLOW`] once, and whatever is mounted below a guarded one, the path to which leads
//! through it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stripchart_core::Timestamp;

use super::guard::{Asked, Guard};
use super::{Context, int, percent};
use crate::Roots;
use crate::file::HostFile;
use crate::node::{DiskCounters, FilesystemSample};
use crate::proc::{Mount, MountInfo};
use crate::sys::{FilesystemUsage, statvfs};
use crate::warnings::{Warnings, left_out};

/// File systems that answer from what the kernel has at hand.
const LOCAL: [&str; 27] = [
    "bcachefs",
    "btrfs",
    "devtmpfs",
    "erofs",
    "exfat",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "hfsplus",
    "hugetlbfs",
    "iso9660",
    "jfs",
    "nilfs2",
    "ntfs3",
    "overlay",
    "ramfs",
    "reiserfs",
    "rootfs",
    "squashfs",
    "tmpfs",
    "udf",
    "ufs",
    "vfat",
    "xfs",
    "zfs",
    "zonefs",
];

/// File systems that the root container has beside those reported in `disk`.
const OF_THE_ROOT: [&str; 3] = ["overlay", "squashfs", "tmpfs"];

/// File systems of the root container at most: each container of the host brings an overlay and a tmpfs.
const FILESYSTEMS_MAX: usize = 1024;

/// A local file system that takes longer than this is guarded from then on.
const SLOW: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Disk {
    mountinfo: HostFile,
    roots: Roots,
    types: Vec<String>,
    /// The text that `mounts` was made of: parsed anew only when something was mounted.
    text: Vec<u8>,
    version: u64,
    mounts: Vec<Mounted>,
    /// File systems of the root container that have no rows.
    others: Vec<Mounted>,
    guard: Guard,
}

/// A mounted file system that is asked.
#[derive(Debug)]
struct Mounted {
    device_number: (u64, u64),
    /// Where it is from here.
    seen_at: PathBuf,
    path: String,
    source: String,
    fs_type: String,
    mode: &'static str,
    guarded: bool,
    /// What it answered in the last sample.
    usage: Option<FilesystemUsage>,
}

impl Disk {
    pub(crate) fn new(roots: &Roots, types: Vec<String>) -> Self {
        Disk {
            mountinfo: HostFile::new(roots.mountinfo()),
            roots: roots.clone(),
            types,
            text: Vec::new(),
            version: 0,
            mounts: Vec::new(),
            others: Vec::new(),
            guard: Guard::new(statvfs),
        }
    }

    /// Counts the changes of the list of mounts.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// The list of mounts as it was last; `None` before it could be read.
    pub(crate) fn mounts(&self) -> Option<MountInfo<'_>> {
        (self.version > 0).then(|| MountInfo::parse(&self.text).ok()).flatten()
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        let Some(text) = cx.warnings.read(&mut self.mountinfo, cx.buffer) else { return };
        if self.text != text {
            let parsed = MountInfo::parse(text);
            let Some(mounts) = cx.warnings.parsed(self.mountinfo.path(), parsed) else { return };
            let was = std::mem::take(&mut self.mounts);
            (self.mounts, self.others) = chosen(&mounts, &self.types, &self.roots);
            for new in &mut self.mounts {
                new.guarded |= was.iter().any(|old| old.guarded && old.is(new));
            }
            let asked: Vec<&Path> =
                self.mounts.iter().chain(&self.others).map(|one| &*one.seen_at).collect();
            self.guard.retain(|path| asked.contains(&path));
            self.text.clear();
            self.text.extend_from_slice(text);
            self.version += 1;
        }
        for mounted in &mut self.mounts {
            let asked = mounted.ask(&self.guard, cx.at);
            let failed = matches!(asked, Asked::Answered(Err(_)));
            mounted.settle(asked, cx.warnings);
            let tags = [
                ("path", &*mounted.path),
                ("device", mounted.device()),
                ("fstype", &*mounted.fs_type),
                ("mode", mounted.mode),
            ];
            if mounted.usage.is_none() && !failed {
                continue;
            }
            let Some(mut row) = cx.row("disk", &tags) else { continue };
            row.field("device_error", i64::from(failed));
            let Some(usage) = mounted.usage else { continue };
            let used = usage.total_bytes.saturating_sub(usage.free_bytes);
            let inodes_used = usage.inodes_total.saturating_sub(usage.inodes_free);
            row.field("free", int(usage.available_bytes));
            row.field("inodes_free", int(usage.inodes_free));
            row.field("inodes_total", int(usage.inodes_total));
            row.field("inodes_used", int(inodes_used));
            row.field("inodes_used_percent", percent(inodes_used, usage.inodes_total));
            row.field("total", int(usage.total_bytes));
            row.field("used", int(used));
            // Of what programs may use: what is reserved for root is neither used nor free. As `df` and Telegraf.
            row.field("used_percent", percent(used, used.saturating_add(usage.available_bytes)));
        }
    }

    /// Puts the file systems of the root container into `out`: those of the last sample, and those in memory or layered
    /// upon others, which are asked here. `disk` knows the counters of a device by number.
    pub(crate) fn filesystems(
        &mut self,
        at: Timestamp,
        warnings: &mut Warnings,
        disk: impl Fn((u64, u64)) -> Option<DiskCounters>,
        out: &mut Vec<FilesystemSample>,
    ) {
        out.clear();
        for mounted in &mut self.others {
            let asked = mounted.ask(&self.guard, at);
            mounted.settle(asked, warnings);
        }
        for mounted in self.mounts.iter().chain(&self.others) {
            if let Some(usage) = mounted.usage {
                out.push(mounted.sample(&usage, disk(mounted.device_number)));
            }
        }
    }
}

impl Mounted {
    fn new(mount: &Mount<'_>, path: &str, roots: &Roots) -> Self {
        let source = mount.source.to_string_lossy();
        Mounted {
            device_number: mount.device,
            seen_at: roots.mount_point(&mount.mount_point),
            path: path.to_owned(),
            source: source.into_owned(),
            fs_type: mount.fs_type.to_owned(),
            mode: if mount.is_read_only() { "ro" } else { "rw" },
            guarded: !LOCAL.contains(&mount.fs_type),
            usage: None,
        }
    }

    /// The source as Telegraf names it.
    fn device(&self) -> &str {
        self.source.strip_prefix("/dev/").unwrap_or(&self.source)
    }

    /// Whether this and `other` are the same file system at the same place.
    fn is(&self, other: &Mounted) -> bool {
        self.device_number == other.device_number && self.path == other.path
    }

    fn ask(&mut self, guard: &Guard, at: Timestamp) -> Asked {
        if self.guarded {
            return guard.ask(&self.seen_at, at);
        }
        let before = Instant::now();
        let answer = statvfs(&self.seen_at);
        self.guarded = before.elapsed() > SLOW;
        Asked::Answered(answer)
    }

    /// Keeps what was answered; warns of what was not.
    fn settle(&mut self, asked: Asked, warnings: &mut Warnings) {
        self.usage = None;
        match asked {
            Asked::Answered(Ok(usage)) => {
                warnings.good(&self.seen_at);
                self.usage = Some(usage);
            }
            Asked::Answered(Err(error)) => warnings.warn(&self.seen_at, left_out(&error)),
            Asked::Waiting => {}
            Asked::Stuck(nanos) => {
                let secs = nanos / 1_000_000_000;
                let message = format!(
                    "the file system has not answered for {secs} s; its metrics are left out until it does"
                );
                warnings.warn(&self.seen_at, message);
            }
            Asked::NoWorker(stuck) => {
                let message = format!(
                    "not asked while {stuck} others do not answer; its metrics are left out"
                );
                warnings.warn(&self.seen_at, message);
            }
        }
    }

    fn sample(&self, usage: &FilesystemUsage, disk: Option<DiskCounters>) -> FilesystemSample {
        let number = |part: u64| u32::try_from(part).unwrap_or(u32::MAX);
        let (major, minor) = self.device_number;
        let device = match &*self.fs_type {
            // These have no device, and dozens of them one source.
            "tmpfs" => self.path.clone(),
            "overlay" => format!("{}_{major}-{minor}", self.source),
            _ => self.source.clone(),
        };
        FilesystemSample {
            device: device.into(),
            kind: (*self.fs_type).into(),
            mount_point: (*self.path).into(),
            major: number(major),
            minor: number(minor),
            capacity: usage.total_bytes,
            usage: usage.total_bytes.saturating_sub(usage.free_bytes),
            base_usage: 0,
            available: usage.available_bytes,
            inodes: Some(usage.inodes_total),
            inodes_free: Some(usage.inodes_free),
            disk,
        }
    }
}

/// The file systems to report, those of the types wanted and the one at `/`, each once, at its shortest path; and those
/// that the root container has beside them.
fn chosen(mounts: &MountInfo<'_>, types: &[String], roots: &Roots) -> (Vec<Mounted>, Vec<Mounted>) {
    let mut chosen: Vec<Mounted> = Vec::new();
    let mut others: Vec<Mounted> = Vec::new();
    let mut guarded: Vec<PathBuf> = Vec::new();
    for mount in mounts.iter() {
        let is_root = &*mount.mount_point == Path::new("/");
        let reported = is_root || types.iter().any(|known| known == mount.fs_type);
        let of_the_root = OF_THE_ROOT.contains(&mount.fs_type);
        // What may hang can be in the way to others, whether it is asked itself or not.
        let may_hang = !LOCAL.contains(&mount.fs_type) && !is_of_the_kernel(mount.fs_type);
        if may_hang && !is_root {
            guarded.push(mount.mount_point.clone().into_owned());
        }
        let Some(path) = mount.mount_point.to_str().filter(|_| reported || of_the_root) else {
            continue;
        };
        let mut new = Mounted::new(&mount, path, roots);
        new.guarded |= guarded.iter().any(|above| mount.mount_point.starts_with(above));
        let list = if reported { &mut chosen } else { &mut others };
        // Of several mounts at one place only the last is to be seen.
        if let Some(same) = list.iter_mut().find(|old| old.path == new.path) {
            *same = new;
            continue;
        }
        let full = list.len() >= FILESYSTEMS_MAX && !is_root;
        match list.iter_mut().find(|old| old.device_number == new.device_number) {
            Some(same) if same.path.len() > new.path.len() => *same = new,
            Some(_) => {}
            None if full => {}
            None => list.push(new),
        }
    }
    (chosen, others)
}

/// Whether a file system of this type holds no files but what the kernel shows of itself.
fn is_of_the_kernel(fs_type: &str) -> bool {
    const KERNEL: [&str; 16] = [
        "autofs",
        "binfmt_misc",
        "bpf",
        "cgroup",
        "cgroup2",
        "configfs",
        "debugfs",
        "devpts",
        "efivarfs",
        "fusectl",
        "mqueue",
        "nsfs",
        "proc",
        "pstore",
        "sysfs",
        "tracefs",
    ];
    KERNEL.contains(&fs_type) || fs_type == "securityfs"
}
