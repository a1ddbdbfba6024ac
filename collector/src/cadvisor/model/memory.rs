//! Memory and pages of huge sizes.

use super::cpu::put_pressure;
use crate::cadvisor::json::Json;
use crate::node::{HugetlbSample, MemorySample, NumaMemory, NumaPages};

/// `MemoryStats`.
pub(super) fn put(json: &mut Json, memory: &MemorySample) {
    json.object(|json| {
        json.put_u64("usage", memory.usage);
        json.put_u64("max_usage", memory.peak);
        json.put_u64("cache", memory.cache);
        json.put_u64("rss", memory.rss);
        json.put_u64("swap", memory.swap);
        json.put_u64("mapped_file", memory.mapped_file);
        json.put_u64("working_set", memory.working_set);
        json.put_u64("total_active_file", memory.active_file);
        json.put_u64("total_inactive_file", memory.inactive_file);
        json.put_u64("file_dirty", memory.dirty);
        json.put_u64("file_writeback", memory.writeback);
        json.put_u64("pgscan", memory.pages_scanned);
        json.put_u64("pgsteal", memory.pages_stolen);
        json.put_u64("workingset_refault_file", memory.refaults_file);
        json.put_u64("workingset_refault_anon", memory.refaults_anon);
        json.put_u64("failcnt", memory.failcnt);
        json.put_u64("kernel", memory.kernel);
        put_faults(json, "container_data", memory, |node| &node.own);
        put_faults(json, "hierarchical_data", memory, |node| &node.hierarchical);
        put_pressure(json, memory.pressure.as_ref());
        json.key("events").object(|json| {
            json.put_u64("high", memory.events_high);
            json.put_u64("max", memory.events_max);
        });
    });
}

/// Faults, the same twice, as cAdvisor has them, and pages by memory node.
fn put_faults(
    json: &mut Json,
    key: &str,
    memory: &MemorySample,
    pages_of: impl Fn(&NumaMemory) -> &NumaPages,
) {
    json.key(key).object(|json| {
        json.put_u64("pgfault", memory.page_faults);
        json.put_u64("pgmajfault", memory.major_page_faults);
        json.key("numa_stats").object(|json| {
            put_nodes(json, "file", memory, |node| pages_of(node).file);
            put_nodes(json, "anon", memory, |node| pages_of(node).anon);
            put_nodes(json, "unevictable", memory, |node| pages_of(node).unevictable);
        });
    });
}

fn put_nodes(
    json: &mut Json,
    key: &str,
    memory: &MemorySample,
    pages: impl Fn(&NumaMemory) -> u64,
) {
    if memory.numa.is_empty() {
        return;
    }
    // Keys are in the order of texts: 10 comes before 2.
    let mut nodes: Vec<(String, u64)> =
        memory.numa.iter().map(|node| (node.node.to_string(), pages(node))).collect();
    nodes.sort();
    json.key(key).object(|json| nodes.iter().for_each(|(node, pages)| json.put_u64(node, *pages)));
}

/// `hugetlb`, left out where there is none.
pub(super) fn put_hugetlb(json: &mut Json, sizes: &[HugetlbSample]) {
    if sizes.is_empty() {
        return;
    }
    let mut sizes: Vec<&HugetlbSample> = sizes.iter().collect();
    sizes.sort_by(|a, b| a.page_size.cmp(&b.page_size));
    json.key("hugetlb").object(|json| {
        for size in sizes {
            json.key(&size.page_size).object(|json| {
                json.put_nonzero("usage", size.usage);
                json.put_nonzero("max_usage", size.peak);
                json.put_u64("failcnt", size.failcnt);
            });
        }
    });
}
