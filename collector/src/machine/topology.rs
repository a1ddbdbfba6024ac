//! Memory nodes, cores, threads and caches.

use std::path::Path;

use crate::Roots;
use crate::attr::Attrs;
use crate::node::{CacheInfo, CoreInfo, HugePages, NumaNode};
use crate::proc::Processor;
use crate::sysfs::{CpuList, NodeMemInfo};

/// Caches of this level and below belong to a core.
const CORE_LEVEL_MAX: u32 = 2;

/// The memory nodes with their cores. Machines without NUMA in the kernel have one node for each socket, without memory;
/// `described` is what is left where sysfs tells nothing of processors.
pub(super) fn read(roots: &Roots, described: &[Processor], attrs: &mut Attrs<'_>) -> Vec<NumaNode> {
    let system = roots.sys.join("devices/system");
    let all = system.join("cpu");
    let online = attrs.parsed(&all.join("online"), CpuList::parse);
    let is_online = |cpu: u32| online.as_ref().is_none_or(|online| online.contains(cpu));
    let nodes = system.join("node");
    let mut found = Vec::new();
    for id in attrs.numbered(&nodes, "node") {
        let folder = nodes.join(format!("node{id}"));
        let mut node = NumaNode { id, ..NumaNode::default() };
        for cpu in attrs.numbered(&folder, "cpu").into_iter().filter(|cpu| is_online(*cpu)) {
            if let Some(place) = Place::read(&folder.join(format!("cpu{cpu}")), attrs) {
                place.add(cpu, &mut node.cores);
            }
        }
        add_caches(&mut node, &all, attrs);
        let mem = attrs.parsed(&folder.join("meminfo"), NodeMemInfo::parse);
        node.memory_bytes = mem.and_then(|mem| mem.mem_total).unwrap_or(0);
        node.huge_pages = huge_pages(&folder.join("hugepages"), attrs);
        let distances = attrs.text(&folder.join("distance")).unwrap_or_default();
        node.distances = distances.split_whitespace().filter_map(|d| d.parse().ok()).collect();
        found.push(node);
    }
    if found.is_empty() {
        found = by_socket(&all, is_online, attrs);
    }
    if found.iter().all(|node| node.cores.is_empty()) {
        add_described(&mut found, described);
    }
    found
}

/// Where a processor is.
#[derive(Debug, Clone, Copy)]
struct Place {
    core: u32,
    socket: u32,
    book: Option<u32>,
    drawer: Option<u32>,
}

impl Place {
    fn read(cpu: &Path, attrs: &mut Attrs<'_>) -> Option<Self> {
        let topology = cpu.join("topology");
        // Some virtual machines on arm say -1 where firmware tells nothing.
        let mut id = |name: &str| {
            let number = attrs.signed(&topology.join(name))?;
            Some(u32::try_from(number).ok())
        };
        Some(Place {
            core: id("core_id")?.unwrap_or(0),
            socket: id("physical_package_id").flatten().unwrap_or(0),
            book: id("book_id").flatten(),
            drawer: id("drawer_id").flatten(),
        })
    }

    /// Adds thread `cpu` to its core, which is new if this is its first.
    fn add(self, cpu: u32, cores: &mut Vec<CoreInfo>) {
        let same = |core: &&mut CoreInfo| {
            (core.id, core.socket, core.book, core.drawer)
                == (self.core, self.socket, self.book, self.drawer)
        };
        match cores.iter_mut().find(same) {
            Some(core) => core.threads.push(cpu),
            None => cores.push(CoreInfo {
                id: self.core,
                threads: vec![cpu],
                socket: self.socket,
                book: self.book,
                drawer: self.drawer,
                ..CoreInfo::default()
            }),
        }
    }
}

/// One node for each socket.
fn by_socket(all: &Path, is_online: impl Fn(u32) -> bool, attrs: &mut Attrs<'_>) -> Vec<NumaNode> {
    let mut nodes: Vec<NumaNode> = Vec::new();
    for cpu in attrs.numbered(all, "cpu").into_iter().filter(|cpu| is_online(*cpu)) {
        if let Some(place) = Place::read(&all.join(format!("cpu{cpu}")), attrs) {
            place.add(cpu, &mut node_of(&mut nodes, place.socket).cores);
        }
    }
    for node in &mut nodes {
        add_caches(node, all, attrs);
    }
    nodes
}

/// Adds the processors that `/proc/cpuinfo` tells of, those of a socket to the node of its number: a processor of which no
/// core is told is a core by itself. What is known of memory stays.
fn add_described(nodes: &mut Vec<NumaNode>, described: &[Processor]) {
    for processor in described {
        let socket = processor.physical_id.unwrap_or(0);
        let core = processor.core_id.unwrap_or(processor.number);
        let place = Place { core, socket, book: None, drawer: None };
        place.add(processor.number, &mut node_of(nodes, socket).cores);
    }
}

fn node_of(nodes: &mut Vec<NumaNode>, id: u32) -> &mut NumaNode {
    let at = match nodes.iter().position(|node| node.id == id) {
        Some(at) => at,
        None => {
            nodes.push(NumaNode { id, ..NumaNode::default() });
            nodes.len() - 1
        }
    };
    &mut nodes[at]
}

/// Adds the caches: of the first two levels those that only the threads of one core share, beyond that those that the
/// whole node shares to the node, and others to each core that has part in them.
fn add_caches(node: &mut NumaNode, all: &Path, attrs: &mut Attrs<'_>) {
    let threads_of_node: usize = node.cores.iter().map(|core| core.threads.len()).sum();
    for core in &mut node.cores {
        let Some(first) = core.threads.first() else { continue };
        for (cache, shared_by) in caches(&all.join(format!("cpu{first}/cache")), attrs) {
            let list = match cache.level <= CORE_LEVEL_MAX {
                true if shared_by == core.threads.len() as u64 => &mut core.caches,
                true => continue,
                false if shared_by == threads_of_node as u64 => &mut node.caches,
                false => &mut core.uncore_caches,
            };
            if !list.contains(&cache) {
                list.push(cache);
            }
        }
    }
}

/// The caches of a processor, and how many processors share each.
fn caches(folder: &Path, attrs: &mut Attrs<'_>) -> Vec<(CacheInfo, u64)> {
    let mut caches = Vec::new();
    for index in attrs.numbered(folder, "index") {
        let folder = folder.join(format!("index{index}"));
        let small = |number: Option<u64>| number.and_then(|n| u32::try_from(n).ok());
        let Some(level) = small(attrs.count(&folder.join("level"))) else { continue };
        let size = attrs.text(&folder.join("size")).unwrap_or_default();
        let cache = CacheInfo {
            id: small(attrs.count(&folder.join("id"))).unwrap_or(0),
            size_bytes: size_bytes(&size).unwrap_or(0),
            kind: attrs.text(&folder.join("type")).unwrap_or_default().into(),
            level,
        };
        let shared = match attrs.parsed(&folder.join("shared_cpu_list"), CpuList::parse) {
            Some(list) => list.len(),
            None => mask_len(&attrs.text(&folder.join("shared_cpu_map")).unwrap_or_default()),
        };
        caches.push((cache, shared));
    }
    caches
}

/// How many bits are set in `00000000,0000000f`.
fn mask_len(mask: &str) -> u64 {
    mask.chars().filter_map(|c| c.to_digit(16)).map(|digit| u64::from(digit.count_ones())).sum()
}

/// Bytes of `32K` or `8M`.
fn size_bytes(text: &str) -> Option<u64> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 1 << 10),
        b'M' => (&text[..text.len() - 1], 1 << 20),
        b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    crate::text::count(digits.as_bytes())?.checked_mul(unit)
}

/// The pools below `folder`, of which each is a folder `hugepages-2048kB`, by size.
pub(super) fn huge_pages(folder: &Path, attrs: &mut Attrs<'_>) -> Vec<HugePages> {
    let mut pools = Vec::new();
    for name in attrs.names(folder) {
        let size = name.strip_prefix("hugepages-").and_then(|rest| rest.strip_suffix("kB"));
        let Some(page_size_kib) = size.and_then(|size| size.parse().ok()) else { continue };
        if let Some(pages) = attrs.count(&folder.join(&name).join("nr_hugepages")) {
            pools.push(HugePages { page_size_kib, pages });
        }
    }
    pools.sort_unstable_by_key(|pool| pool.page_size_kib);
    pools
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_masks_are_read() {
        let cases = [("32K", Some(32 << 10)), ("8M", Some(8 << 20)), ("7", Some(7)), ("", None)];
        for (text, want) in cases {
            assert_eq!(size_bytes(text), want, "{text}");
        }
        assert_eq!((size_bytes("18446744073709551615K"), size_bytes("KK")), (None, None));
        assert_eq!((mask_len("00000000,0000f00f"), mask_len("")), (8, 0));
    }
}
