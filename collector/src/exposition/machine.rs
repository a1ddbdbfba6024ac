//! The families of the machine, by cAdvisor's names.

use super::Value;
use super::text::{ExpositionError, Kind, LabelName, Labels, TextWriter};
use crate::node::{CacheInfo, MachineInfo};

const CORE: LabelName<'_> = LabelName::from_static("core_id");
const LEVEL: LabelName<'_> = LabelName::from_static("level");
const NODE: LabelName<'_> = LabelName::from_static("node_id");
const PAGE_SIZE: LabelName<'_> = LabelName::from_static("page_size");
const TARGET: LabelName<'_> = LabelName::from_static("target_node_id");
const THREAD: LabelName<'_> = LabelName::from_static("thread_id");
const TYPE: LabelName<'_> = LabelName::from_static("type");

/// Writes what `machine` is, unless nobody looked yet, which is an error of this scrape.
pub(super) fn write(
    writer: &mut TextWriter,
    machine: &MachineInfo,
    versions: [&str; 2],
    topology: bool,
) -> Result<(), ExpositionError> {
    let known = machine.cores > 0;
    let [version, revision] = versions;
    let labels = Labels::new([
        ("cadvisorRevision", revision),
        ("cadvisorVersion", version),
        ("dockerVersion", ""),
        ("kernelVersion", &*machine.kernel_version),
        ("osVersion", &*machine.os_version),
    ])?;
    writer
        .family(
            "cadvisor_version_info",
            Kind::Gauge,
            "1, with the versions of kernel, system and exporter as labels.",
        )?
        .sample(&labels, &[], 1_u64);
    writer
        .family("machine_scrape_error", Kind::Gauge, "1 if the machine could not be looked at.")?
        .sample(&Labels::none(), &[], !known);
    if !known {
        return Ok(());
    }
    let labels = Labels::new([
        ("boot_id", &*machine.boot_id),
        ("machine_id", &*machine.machine_id),
        ("system_uuid", &*machine.system_uuid),
    ])?;
    counts(writer, machine, &labels)?;
    modules(writer, machine, &labels)?;
    if topology {
        nodes(writer, machine, &labels)?;
        caches(writer, machine, &labels)?;
    }
    Ok(())
}

fn counts(
    writer: &mut TextWriter,
    machine: &MachineInfo,
    labels: &Labels,
) -> Result<(), ExpositionError> {
    let cores = || machine.nodes.iter().flat_map(|node| &node.cores);
    // How many different ones; none where the machine has no such thing.
    let count = |of: fn(&crate::node::CoreInfo) -> Option<u32>| {
        let mut numbers: Vec<u32> = cores().filter_map(of).collect();
        numbers.sort_unstable();
        numbers.dedup();
        u64::try_from(numbers.len()).ok().filter(|count| *count > 0)
    };
    let levels = [
        ("machine_cpu_cores", "Hardware threads.", Some(u64::from(machine.cores))),
        ("machine_cpu_physical_cores", "Cores.", Some(u64::from(machine.physical_cores))),
        ("machine_cpu_sockets", "Sockets.", Some(u64::from(machine.sockets))),
        ("machine_cpu_books", "Books.", count(|core| core.book)),
        ("machine_cpu_drawers", "Drawers.", count(|core| core.drawer)),
        ("machine_memory_bytes", "Memory of the machine.", Some(machine.memory_bytes)),
        ("machine_swap_bytes", "Swap of the machine.", Some(machine.swap_bytes)),
    ];
    for (name, help, value) in levels {
        if let Some(value) = value {
            writer.family(name, Kind::Gauge, help)?.sample(labels, &[], value);
        }
    }
    Ok(())
}

fn modules(
    writer: &mut TextWriter,
    machine: &MachineInfo,
    labels: &Labels,
) -> Result<(), ExpositionError> {
    let help = "Memory modules by type.";
    let mut family = writer.family("machine_dimm_count", Kind::Gauge, help)?;
    for (kind, _, count) in &machine.memory_by_type {
        family.sample(labels, &[(TYPE, &**kind)], *count);
    }
    let help = "Bytes of memory modules by type.";
    let mut family = writer.family("machine_dimm_capacity_bytes", Kind::Gauge, help)?;
    for (kind, bytes, _) in &machine.memory_by_type {
        family.sample(labels, &[(TYPE, &**kind)], *bytes);
    }
    Ok(())
}

fn nodes(
    writer: &mut TextWriter,
    machine: &MachineInfo,
    labels: &Labels,
) -> Result<(), ExpositionError> {
    let help = "Bytes of memory of each node.";
    let mut family = writer.family("machine_node_memory_capacity_bytes", Kind::Gauge, help)?;
    for node in &machine.nodes {
        family.sample(labels, &[(NODE, &node.id.to_string())], node.memory_bytes);
    }
    let help = "Huge pages of each node.";
    let mut family = writer.family("machine_node_hugepages_count", Kind::Gauge, help)?;
    for node in &machine.nodes {
        let id = node.id.to_string();
        for pool in &node.huge_pages {
            let size = pool.page_size_kib.to_string();
            family.sample(labels, &[(NODE, &id), (PAGE_SIZE, &size)], pool.pages);
        }
    }
    let help = "Distance from each node to each.";
    let mut family = writer.family("machine_node_distance", Kind::Gauge, help)?;
    for node in &machine.nodes {
        let id = node.id.to_string();
        for (target, distance) in node.distances.iter().enumerate() {
            family.sample(labels, &[(NODE, &id), (TARGET, &target.to_string())], *distance);
        }
    }
    let help = "Hardware threads of the core that each thread is of.";
    let mut family = writer.family("machine_thread_siblings_count", Kind::Gauge, help)?;
    for node in &machine.nodes {
        let id = node.id.to_string();
        for core in &node.cores {
            let core_id = core.id.to_string();
            let siblings = u64::try_from(core.threads.len()).unwrap_or(0);
            for thread in &core.threads {
                let thread = thread.to_string();
                let more = [(NODE, &*id), (CORE, &*core_id), (THREAD, &*thread)];
                family.sample(labels, &more, siblings);
            }
        }
    }
    Ok(())
}

fn caches(
    writer: &mut TextWriter,
    machine: &MachineInfo,
    labels: &Labels,
) -> Result<(), ExpositionError> {
    let help = "Bytes of each cache of processors.";
    let mut family = writer.family("machine_cpu_cache_capacity_bytes", Kind::Gauge, help)?;
    for node in &machine.nodes {
        let id = node.id.to_string();
        let mut each = |core: &str, caches: &[CacheInfo]| {
            for (at, cache) in caches.iter().enumerate() {
                let same =
                    |other: &CacheInfo| other.level == cache.level && other.kind == cache.kind;
                if caches[..at].iter().any(same) {
                    continue; // a second one of the kind has no label to tell it by
                }
                let level = cache.level.to_string();
                let more = [(NODE, &*id), (CORE, core), (LEVEL, &*level), (TYPE, &*cache.kind)];
                family.sample(labels, &more, Value::Count(cache.size_bytes));
            }
        };
        each("", &node.caches);
        for core in &node.cores {
            let all: Vec<CacheInfo> =
                core.caches.iter().chain(&core.uncore_caches).cloned().collect();
            each(&core.id.to_string(), &all);
        }
    }
    Ok(())
}
