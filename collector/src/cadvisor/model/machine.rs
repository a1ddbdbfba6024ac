//! The machine.

use stripchart_core::Timestamp;

use super::filesystem::by_device;
use crate::cadvisor::VERSION;
use crate::cadvisor::json::Json;
use crate::node::{CacheInfo, CoreInfo, FilesystemSample, HugePages, MachineInfo, NumaNode};

/// `MachineInfo`, with the host's file systems as they were sampled last.
pub(in crate::cadvisor) fn machine(
    json: &mut Json,
    machine: &MachineInfo,
    filesystems: &[FilesystemSample],
) {
    json.object(|json| {
        json.put_time("timestamp", Some(machine.at).filter(|at| *at != Timestamp::EPOCH));
        json.put_str("vendor_id", &machine.vendor_id);
        json.put_u64("num_cores", u64::from(machine.cores));
        json.put_u64("num_physical_cores", u64::from(machine.physical_cores));
        json.put_u64("num_sockets", u64::from(machine.sockets));
        json.put_nonzero("num_books", distinct(machine, |core| core.book));
        json.put_nonzero("num_drawers", distinct(machine, |core| core.drawer));
        json.put_u64("cpu_frequency_khz", machine.cpu_frequency_khz);
        json.put_u64("memory_capacity", machine.memory_bytes);
        json.put_u64("swap_capacity", machine.swap_bytes);
        json.key("memory_by_type").object(|json| {
            let mut kinds: Vec<_> = machine.memory_by_type.iter().collect();
            kinds.sort();
            for (kind, bytes, count) in kinds {
                json.key(kind).object(|json| {
                    json.put_u64("capacity", *bytes);
                    json.put_u64("dimm_count", u64::from(*count));
                });
            }
        });
        json.key("nvm").object(|json| {
            json.put_u64("memory_mode_capacity", 0);
            // The space is cAdvisor's.
            json.put_u64("app direct_mode_capacity", 0);
            json.put_u64("avg_power_budget", 0);
        });
        put_huge_pages(json, &machine.huge_pages);
        json.put_str("machine_id", &machine.machine_id);
        json.put_str("system_uuid", &machine.system_uuid);
        json.put_str("boot_id", &machine.boot_id);
        put_devices(json, machine, filesystems);
        put_cloud(json);
    });
}

/// Version 2's `Attributes`.
pub(in crate::cadvisor) fn attributes(
    json: &mut Json,
    machine: &MachineInfo,
    filesystems: &[FilesystemSample],
) {
    json.object(|json| {
        json.put_str("kernel_version", &machine.kernel_version);
        json.put_str("container_os_version", &machine.os_version);
        // Asking Docker is not this crate's way.
        json.put_str("docker_version", "");
        json.put_str("docker_api_version", "");
        json.put_str("cadvisor_version", VERSION);
        json.put_u64("num_cores", u64::from(machine.cores));
        json.put_u64("cpu_frequency_khz", machine.cpu_frequency_khz);
        json.put_u64("memory_capacity", machine.memory_bytes);
        json.put_str("machine_id", &machine.machine_id);
        json.put_str("system_uuid", &machine.system_uuid);
        put_huge_pages(json, &machine.huge_pages);
        put_devices(json, machine, filesystems);
        put_cloud(json);
    });
}

/// How many different ones the cores name; 0 where they name none.
fn distinct(machine: &MachineInfo, of: impl Fn(&CoreInfo) -> Option<u32>) -> u64 {
    let cores = machine.nodes.iter().flat_map(|node| &node.cores);
    let named: std::collections::BTreeSet<u32> = cores.filter_map(of).collect();
    named.len() as u64
}

fn put_huge_pages(json: &mut Json, pools: &[HugePages]) {
    json.key("hugepages").slice(pools, |json, pool| {
        json.object(|json| {
            json.put_u64("page_size", pool.page_size_kib);
            json.put_u64("num_pages", pool.pages);
        });
    });
}

/// From `filesystems` to `topology`.
fn put_devices(json: &mut Json, machine: &MachineInfo, filesystems: &[FilesystemSample]) {
    json.key("filesystems").slice(by_device(filesystems), |json, fs| {
        json.object(|json| {
            json.put_str("device", &fs.device);
            json.put_u64("capacity", fs.capacity);
            json.put_str("type", &fs.kind);
            json.put_u64("inodes", fs.inodes);
            json.put_bool("has_inodes", fs.inodes.is_some());
        });
    });
    json.key("disk_map").object(|json| {
        let numbered = machine.disks.iter().map(|d| (format!("{}:{}", d.major, d.minor), d));
        let mut disks: Vec<_> = numbered.collect();
        disks.sort_by(|a, b| a.0.cmp(&b.0));
        for (numbers, disk) in disks {
            json.key(&numbers).object(|json| {
                json.put_str("name", &disk.name);
                json.put_u64("major", disk.major);
                json.put_u64("minor", disk.minor);
                json.put_u64("size", disk.size_bytes);
                json.put_str("scheduler", &disk.scheduler);
            });
        }
    });
    json.key("network_devices").slice(&machine.network_devices, |json, device| {
        json.object(|json| {
            json.put_str("name", &device.name);
            json.put_str("mac_address", &device.mac_address);
            json.key("speed").int(device.speed_mbits);
            json.key("mtu").int(device.mtu);
        });
    });
    json.key("topology").slice(&machine.nodes, put_node);
}

fn put_node(json: &mut Json, node: &NumaNode) {
    json.object(|json| {
        json.put_u64("node_id", u64::from(node.id));
        json.put_u64("memory", node.memory_bytes);
        put_huge_pages(json, &node.huge_pages);
        json.key("cores").slice(&node.cores, put_core);
        put_caches(json, "caches", &node.caches);
        json.key("distances").slice(&node.distances, |json, distance| json.int(*distance));
    });
}

fn put_core(json: &mut Json, core: &CoreInfo) {
    json.object(|json| {
        json.put_u64("core_id", u64::from(core.id));
        json.key("thread_ids").slice(&core.threads, |json, thread| json.int(*thread));
        put_caches(json, "caches", &core.caches);
        put_caches(json, "uncore_caches", &core.uncore_caches);
        json.put_u64("socket_id", u64::from(core.socket));
        if let Some(book) = core.book {
            json.put_nonempty("book_id", &book.to_string());
        }
        if let Some(drawer) = core.drawer {
            json.put_nonempty("drawer_id", &drawer.to_string());
        }
    });
}

fn put_caches(json: &mut Json, key: &str, caches: &[CacheInfo]) {
    json.key(key).slice(caches, |json, cache| {
        json.object(|json| {
            json.put_u64("id", u64::from(cache.id));
            json.put_u64("size", cache.size_bytes);
            json.put_str("type", &cache.kind);
            json.put_u64("level", u64::from(cache.level));
        });
    });
}

/// cAdvisor no longer finds out whose machine it is.
fn put_cloud(json: &mut Json) {
    json.put_str("cloud_provider", "Unknown");
    json.put_str("instance_type", "Unknown");
    json.put_str("instance_id", "");
}
