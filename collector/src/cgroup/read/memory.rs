//! Memory.

use super::super::files::{FileId, GroupReader};
use super::super::v1::MemoryOomControl;
use super::super::v2::{MemoryEvents, SwapEvents};
use super::super::{v1, v2};
use super::{Machine, Versions, pressure, value};
use crate::node::{MemoryEventCounts, MemorySample, NumaMemory, NumaPages};

/// Bytes of the pages in which [`NumaMemory`] counts.
const PAGE_BYTES: u64 = 4096;

/// The kernel's own limit of memory nodes.
const NODES_MAX: u32 = 1024;

/// How much is in use.
pub(super) fn probe(reader: &mut GroupReader<'_>, versions: Versions, memory: &mut MemorySample) {
    let file = if versions.memory_v1 { FileId::V1MemoryUsage } else { FileId::MemoryCurrent };
    memory.usage = value(reader, file);
}

/// All else that is counted; of version 1 what a limit did if there may be one.
pub(super) fn rest(
    reader: &mut GroupReader<'_>,
    versions: Versions,
    memory: &mut MemorySample,
    limit: bool,
    machine: Machine<'_>,
) {
    if versions.memory_v1 {
        version_1(reader, memory, limit);
    } else {
        version_2(reader, memory, machine);
    }
    if versions.unified {
        memory.pressure = pressure(reader, FileId::MemoryPressure);
    }
    // As the kubelet and cAdvisor have it.
    memory.working_set =
        memory.usage.zip(memory.inactive_file).map(|(usage, idle)| usage.saturating_sub(idle));
}

fn version_1(reader: &mut GroupReader<'_>, memory: &mut MemorySample, limit: bool) {
    let stat = reader.get(FileId::V1MemoryStat, v1::MemoryStat::parse).unwrap_or_default();
    // Kernels before 2.6.34 and those told not to count what is below have no totals.
    memory.rss = stat.total_rss.or(stat.rss);
    memory.cache = stat.total_cache.or(stat.cache);
    memory.mapped_file = stat.total_mapped_file.or(stat.mapped_file);
    memory.swap = stat.total_swap.or(stat.swap);
    memory.page_faults = stat.total_pgfault.or(stat.pgfault);
    memory.major_page_faults = stat.total_pgmajfault.or(stat.pgmajfault);
    memory.shmem = stat.total_shmem;
    memory.dirty = stat.total_dirty;
    memory.writeback = stat.total_writeback;
    memory.active_anon = stat.total_active_anon;
    memory.inactive_anon = stat.total_inactive_anon;
    memory.active_file = stat.total_active_file;
    memory.inactive_file = stat.total_inactive_file;
    memory.unevictable = stat.total_unevictable;
    memory.anon_thp = stat.total_rss_huge;
    memory.refaults_file = stat.total_workingset_refault_file;
    memory.refaults_anon = stat.total_workingset_refault_anon;
    memory.peak = value(reader, FileId::V1MemoryMaxUsage);
    memory.kernel = value(reader, FileId::V1MemoryKernel);
    if limit {
        memory.failcnt = value(reader, FileId::V1MemoryFailcnt);
    }
    let control = reader.get(FileId::V1MemoryOomControl, MemoryOomControl::parse);
    memory.oom_kills = control.and_then(|control| control.oom_kill);
}

fn version_2(reader: &mut GroupReader<'_>, memory: &mut MemorySample, machine: Machine<'_>) {
    let stat = reader.get(FileId::MemoryStat, v2::MemoryStat::parse).unwrap_or_default();
    memory.rss = stat.anon;
    memory.cache = stat.file;
    memory.shmem = stat.shmem;
    memory.mapped_file = stat.file_mapped;
    memory.dirty = stat.file_dirty;
    memory.writeback = stat.file_writeback;
    memory.active_anon = stat.active_anon;
    memory.inactive_anon = stat.inactive_anon;
    memory.active_file = stat.active_file;
    memory.inactive_file = stat.inactive_file;
    memory.unevictable = stat.unevictable;
    memory.kernel = stat.kernel;
    memory.kernel_stack = stat.kernel_stack;
    memory.page_tables = stat.pagetables;
    memory.sock = stat.sock;
    memory.slab = stat.slab;
    memory.slab_reclaimable = stat.slab_reclaimable;
    memory.anon_thp = stat.anon_thp;
    memory.zswap = stat.zswap;
    memory.zswapped = stat.zswapped;
    memory.page_faults = stat.pgfault;
    memory.major_page_faults = stat.pgmajfault;
    memory.pages_scanned = stat.pgscan;
    memory.pages_stolen = stat.pgsteal;
    memory.refaults_file = stat.workingset_refault_file;
    memory.refaults_anon = stat.workingset_refault_anon;
    if reader.name == "/" {
        // The root has no account of what it uses. The kubelet and cAdvisor take this instead.
        memory.usage = stat.anon.zip(stat.file).map(|(anon, file)| anon.saturating_add(file));
        memory.swap = machine.swap_used;
        return;
    }
    memory.peak = value(reader, FileId::MemoryPeak);
    memory.swap = value(reader, FileId::MemorySwapCurrent);
    let events = reader.get(FileId::MemoryEvents, MemoryEvents::parse).unwrap_or_default();
    memory.events_low = events.low;
    memory.events_high = events.high;
    memory.events_max = events.max;
    memory.events_oom = events.oom;
    memory.oom_kills = events.oom_kill;
    let local = reader.get(FileId::MemoryEventsLocal, MemoryEvents::parse).unwrap_or_default();
    memory.local_events = MemoryEventCounts {
        low: local.low,
        high: local.high,
        max: local.max,
        oom: local.oom,
        oom_kill: local.oom_kill,
    };
}

/// Events of swap.
pub(super) fn events(reader: &mut GroupReader<'_>, versions: Versions, memory: &mut MemorySample) {
    if !versions.memory_v1 {
        memory.swap_peak = value(reader, FileId::MemorySwapPeak);
        let events = reader.get(FileId::MemorySwapEvents, SwapEvents::parse).unwrap_or_default();
        memory.swap_events_max = events.max;
        memory.swap_events_fail = events.fail;
    }
}

/// What is on which memory node.
pub(super) fn numa(
    reader: &mut GroupReader<'_>,
    versions: Versions,
    memory: &mut MemorySample,
    machine: Machine<'_>,
) {
    if !machine.numa {
        return;
    }
    let nodes = &mut memory.numa;
    nodes.clear();
    if versions.memory_v1 {
        reader.get(FileId::V1MemoryNuma, |text| {
            for (key, node, pages) in v1::MemoryNumaStat::parse(text)?.iter() {
                if node >= NODES_MAX {
                    continue;
                }
                let (place, kind) = match key.strip_prefix(b"hierarchical_") {
                    Some(kind) => (&mut node_of(nodes, node).hierarchical, kind),
                    None => (&mut node_of(nodes, node).own, key),
                };
                set_pages(place, kind, pages);
            }
            Ok(())
        });
    } else {
        reader.get(FileId::MemoryNuma, |text| {
            for (key, node, bytes) in v2::MemoryNumaStat::parse(text)?.iter() {
                if node >= NODES_MAX {
                    continue;
                }
                set_pages(&mut node_of(nodes, node).hierarchical, key, bytes / PAGE_BYTES);
            }
            Ok(())
        });
    }
}

fn set_pages(place: &mut NumaPages, kind: &[u8], pages: u64) {
    match kind {
        b"file" => place.file = pages,
        b"anon" => place.anon = pages,
        b"unevictable" => place.unevictable = pages,
        _ => {}
    }
}

/// The entry of `node`, entered if new. Nodes come in order, so that looking from the end finds most at once.
fn node_of(nodes: &mut Vec<NumaMemory>, node: u32) -> &mut NumaMemory {
    let at = nodes.iter().rposition(|known| known.node == node).unwrap_or_else(|| {
        nodes.push(NumaMemory { node, ..NumaMemory::default() });
        nodes.len() - 1
    });
    &mut nodes[at]
}
