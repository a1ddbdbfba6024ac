//! The parts that nodes, pods and containers have alike.

use stripchart_core::Timestamp;

use super::super::{
    ContainerStats, CpuStats, FsStats, InterfaceStats, IoStats, MemoryStats, NetworkStats, Psi,
    PsiData, SwapStats,
};
use crate::exposition::snapshot::{Seen, Snapshot};
use crate::node::{FilesystemSample, InterfaceSample};
use crate::proc::{Pressure, PressureLine};

/// The interface that stands for all, by name.
const DEFAULT_INTERFACE: &str = "eth0";

/// Limits above are none: version 1 has such numbers where there is no limit.
const LIMIT_MAX: u64 = 1 << 62;

/// What a document is made of, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) exact_times: bool,
    /// Whether processor, memory and swap are all that is wanted.
    pub(super) brief: bool,
}

impl Scope<'_> {
    /// A time as the document tells it.
    pub(super) fn time(&self, at: Timestamp) -> Option<Timestamp> {
        Some(if self.exact_times { at } else { at.align_down(1_000_000_000) })
    }

    /// `None` where nothing accounts for the processor.
    pub(super) fn cpu(&self, seen: &Seen) -> Option<CpuStats> {
        let cpu = &seen.sample.cpu;
        let psi = cpu.pressure.map(psi);
        (cpu.usage_ns.is_some() || psi.is_some()).then(|| CpuStats {
            time: self.time(seen.sample.at),
            usage_nano_cores: nano_cores(seen),
            usage_core_nano_seconds: cpu.usage_ns,
            psi,
        })
    }

    /// `None` where nothing accounts for memory.
    pub(super) fn memory(&self, seen: &Seen) -> Option<MemoryStats> {
        let memory = &seen.sample.memory;
        let psi = memory.pressure.map(psi);
        let known = memory.usage.or(memory.working_set).or(memory.rss).is_some();
        (known || psi.is_some()).then(|| MemoryStats {
            time: self.time(seen.sample.at),
            available_bytes: self
                .limit(seen)
                .and_then(|limit| Some(limit.saturating_sub(memory.working_set?))),
            usage_bytes: memory.usage,
            working_set_bytes: memory.working_set,
            rss_bytes: memory.rss,
            page_faults: memory.page_faults,
            major_page_faults: memory.major_page_faults,
            psi,
        })
    }

    /// The limit of memory; the machine's for the root.
    fn limit(&self, seen: &Seen) -> Option<u64> {
        let limit = match seen.is_root() {
            true => Some(self.snapshot.machine.memory_bytes),
            false => seen.spec.memory.as_ref()?.limit,
        };
        limit.filter(|limit| (1..=LIMIT_MAX).contains(limit))
    }

    /// `None` where nothing accounts for swap.
    pub(super) fn swap(&self, seen: &Seen) -> Option<SwapStats> {
        let used = seen.sample.memory.swap?;
        // Version 1 limits memory and swap together, which says nothing of swap alone. It has no weight.
        let alone = seen.spec.cpu.as_ref().is_some_and(|cpu| cpu.weight.is_some());
        let limit = match seen.is_root() {
            true => self.snapshot.machine_known().then_some(self.snapshot.machine.swap_bytes),
            false => {
                seen.spec.memory.as_ref().and_then(|memory| memory.swap_limit).filter(|_| alone)
            }
        };
        let limit = limit.filter(|limit| *limit <= LIMIT_MAX);
        Some(SwapStats {
            time: self.time(seen.sample.at),
            swap_available_bytes: limit.map(|limit| limit.saturating_sub(used)),
            swap_usage_bytes: Some(used),
        })
    }

    /// `None` where the kernel keeps no pressure of I/O.
    pub(super) fn io(&self, seen: &Seen) -> Option<IoStats> {
        let psi = psi(seen.sample.io.pressure?);
        Some(IoStats { time: self.time(seen.sample.at), psi: Some(psi) })
    }

    /// `None` where the network is another container's.
    pub(super) fn network(&self, seen: &Seen) -> Option<NetworkStats> {
        let network = seen.sample.network.as_ref()?;
        let interfaces: Vec<InterfaceStats> = network.interfaces.iter().map(interface).collect();
        let default = interfaces.iter().find(|interface| interface.name == DEFAULT_INTERFACE);
        Some(NetworkStats {
            time: self.time(seen.sample.at),
            default_interface: default.cloned().unwrap_or_default(),
            interfaces,
        })
    }

    /// `fs`, of which the thing described uses `used`; where that is known, the inodes in use are those of all.
    pub(super) fn fs(&self, fs: &FilesystemSample, used: Option<u64>, at: Timestamp) -> FsStats {
        FsStats {
            time: self.time(at),
            available_bytes: Some(fs.available),
            capacity_bytes: Some(fs.capacity),
            used_bytes: used,
            inodes_free: fs.inodes_free,
            inodes: fs.inodes,
            inodes_used: used
                .and(fs.inodes)
                .zip(fs.inodes_free)
                .map(|(all, free)| all.saturating_sub(free)),
        }
    }

    /// A daemon of the node, or all pods together.
    pub(super) fn system_container(&self, name: &str, seen: &Seen) -> ContainerStats {
        ContainerStats {
            name: name.to_owned(),
            start_time: seen.about.created.and_then(|at| self.time(at)),
            cpu: self.cpu(seen),
            memory: self.memory(seen),
            io: if self.brief { None } else { self.io(seen) },
            swap: self.swap(seen),
            ..ContainerStats::default()
        }
    }
}

/// Billionths of a core between the two latest samples; `None` when the total or the clock went back.
fn nano_cores(seen: &Seen) -> Option<u64> {
    let (at, before_ns) = seen.before?;
    let used = seen.sample.cpu.usage_ns?.checked_sub(before_ns)?;
    let elapsed = u64::try_from(seen.sample.at.since(at)).ok().filter(|ns| *ns > 0)?;
    u64::try_from(u128::from(used) * 1_000_000_000 / u128::from(elapsed)).ok()
}

fn psi(pressure: Pressure) -> Psi {
    let data = |line: PressureLine| PsiData {
        total: line.total_usec,
        avg10: line.avg10,
        avg60: line.avg60,
        avg300: line.avg300,
    };
    Psi { full: data(pressure.full.unwrap_or_default()), some: data(pressure.some) }
}

fn interface(sample: &InterfaceSample) -> InterfaceStats {
    InterfaceStats {
        name: sample.name.to_string(),
        rx_bytes: Some(sample.rx_bytes),
        rx_errors: Some(sample.rx_errors),
        tx_bytes: Some(sample.tx_bytes),
        tx_errors: Some(sample.tx_errors),
    }
}
