//! File systems: those of the host, and the layers of a container.

use stripchart_core::Timestamp;

use super::Containers;
use crate::cadvisor::json::Json;
use crate::cgroup::Runtime;
use crate::node::{DiskCounters, FilesystemSample};

/// Version 1's `FsStats`.
pub(super) fn put_v1(json: &mut Json, fs: &FilesystemSample) {
    let disk = fs.disk.unwrap_or_default();
    json.object(|json| {
        json.put_nonempty("device", &fs.device);
        json.put_str("type", &fs.kind);
        json.put_u64("capacity", fs.capacity);
        json.put_u64("usage", fs.usage);
        json.put_u64("base_usage", fs.base_usage);
        json.put_u64("available", fs.available);
        json.put_bool("has_inodes", counts_inodes(fs));
        json.put_u64("inodes", fs.inodes);
        json.put_u64("inodes_free", fs.inodes_free);
        put_disk(json, &disk, ["read_time", "write_time", "io_time", "weighted_io_time"], 1);
    });
}

/// Of a container's layers the number of inodes is of those in use, which cAdvisor tells by saying that there are none.
fn counts_inodes(fs: &FilesystemSample) -> bool {
    fs.inodes.is_some() && !fs.mount_point.is_empty()
}

/// Times are milliseconds, of version 2 nanoseconds under another name.
fn put_disk(json: &mut Json, disk: &DiskCounters, times: [&str; 4], per_ms: u64) {
    let [read, write, io, weighted] = times;
    json.put_u64("reads_completed", disk.reads_completed);
    json.put_u64("reads_merged", disk.reads_merged);
    json.put_u64("sectors_read", disk.sectors_read);
    json.put_u64(read, disk.read_ms.saturating_mul(per_ms));
    json.put_u64("writes_completed", disk.writes_completed);
    json.put_u64("writes_merged", disk.writes_merged);
    json.put_u64("sectors_written", disk.sectors_written);
    json.put_u64(write, disk.write_ms.saturating_mul(per_ms));
    json.put_u64("io_in_progress", disk.io_in_progress);
    json.put_u64(io, disk.io_ms.saturating_mul(per_ms));
    json.put_u64(weighted, disk.weighted_io_ms.saturating_mul(per_ms));
}

/// Version 2.1's of a container. The third key has lost its way in cAdvisor, and clients follow it.
pub(super) fn put_v2_1(json: &mut Json, fs: &FilesystemSample) {
    json.object(|json| {
        json.put_u64("totalUsageBytes", fs.usage);
        json.put_u64("baseUsageBytes", fs.base_usage);
        if let Some(inodes) = fs.inodes {
            json.put_u64("containter_inode_usage", inodes);
        }
    });
}

/// Version 2.1's of the machine: the disk's counters are under the key `inline`, a slip of cAdvisor's that is kept.
pub(super) fn put_machine(json: &mut Json, fs: &FilesystemSample) {
    const NANOS_PER_MS: u64 = 1_000_000;
    let disk = fs.disk.unwrap_or_default();
    let times = ["read_duration", "write_duration", "io_duration", "weighted_io_duration"];
    json.object(|json| {
        json.put_str("device", &fs.device);
        json.put_str("type", &fs.kind);
        json.put_u64("capacity", fs.capacity);
        json.put_u64("usage", fs.usage);
        json.put_u64("available", fs.available);
        if let Some(free) = fs.inodes_free {
            json.put_u64("inodes_free", free);
        }
        json.key("inline").object(|json| put_disk(json, &disk, times, NANOS_PER_MS));
    });
}

/// Version 2's `FsInfo`.
pub(in crate::cadvisor) fn storage(
    json: &mut Json,
    at: Timestamp,
    fs: &FilesystemSample,
    labels: &[&str],
) {
    json.object(|json| {
        json.put_time("timestamp", Some(at));
        json.put_str("device", &fs.device);
        json.put_str("mountpoint", &fs.mount_point);
        json.put_u64("capacity", fs.capacity);
        json.put_u64("available", fs.available);
        json.put_u64("usage", fs.usage);
        json.key("labels").slice(labels, |json, label| json.string(label));
        if let Some(inodes) = fs.inodes {
            json.put_u64("inodes", inodes);
        }
        if let Some(free) = fs.inodes_free {
            json.put_u64("inodes_free", free);
        }
    });
}

/// Each device once, where it is mounted first.
pub(in crate::cadvisor) fn by_device(
    filesystems: &[FilesystemSample],
) -> impl Iterator<Item = &FilesystemSample> {
    let is_first = |at: usize, fs: &FilesystemSample| {
        filesystems.iter().take(at).all(|other| other.device != fs.device)
    };
    filesystems.iter().enumerate().filter(move |(at, fs)| is_first(*at, fs)).map(|(_, fs)| fs)
}

/// Where each runtime keeps its images, and what cAdvisor calls the file system with them.
const STORES: [(Runtime, &str, &str); 3] = [
    (Runtime::Docker, "docker-images", "/var/lib/docker"),
    (Runtime::Crio, "crio-images", "/var/lib/containers/storage"),
    (Runtime::Crio, "crio-containers", "/var/lib/containers/storage"),
];

/// The labels of each of `filesystems`, in their order: `root` is that of `/`; those of a runtime are told only where it
/// runs a container.
pub(in crate::cadvisor) fn labels_of(
    filesystems: &[FilesystemSample],
    containers: &Containers,
) -> Vec<Vec<&'static str>> {
    let mut labels = vec![Vec::new(); filesystems.len()];
    let holder_of = |folder: &str| {
        let holds = |fs: &&(usize, &FilesystemSample)| is_inside(folder, &fs.1.mount_point);
        let all: Vec<(usize, &FilesystemSample)> = filesystems.iter().enumerate().collect();
        all.iter().filter(holds).max_by_key(|(_, fs)| fs.mount_point.len()).map(|(at, _)| *at)
    };
    let runs = |runtime| containers.values().any(|c| c.about.runtime == Some(runtime));
    let stores = STORES.into_iter().filter(|(runtime, ..)| runs(*runtime));
    let wanted = std::iter::once(("root", "/")).chain(stores.map(|(_, label, at)| (label, at)));
    for (label, folder) in wanted {
        if let Some(labels) = holder_of(folder).and_then(|at| labels.get_mut(at)) {
            labels.push(label);
        }
    }
    labels
}

fn is_inside(folder: &str, mount_point: &str) -> bool {
    match folder.strip_prefix(mount_point.trim_end_matches('/')) {
        Some(rest) => !mount_point.is_empty() && (rest.is_empty() || rest.starts_with('/')),
        None => false,
    }
}
