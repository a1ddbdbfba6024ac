//! Pods and their containers.

use stripchart_core::Timestamp;

use super::super::{
    ContainerStats, CpuStats, FsStats, MemoryStats, PodReference, PodStats, ProcessStats, SwapStats,
};
use super::stats::Scope;
use crate::exposition::role::PodView;
use crate::exposition::snapshot::Seen;
use crate::node::FilesystemSample;

/// What the document says of `view`.
pub(super) fn stats(view: &PodView<'_>, scope: &Scope<'_>) -> PodStats {
    let containers: Vec<ContainerStats> =
        view.containers.iter().map(|(name, seen)| container(name, seen, scope)).collect();
    // Where the pod has no cgroup of its own, it is the sum of its containers.
    let whole = |of: &dyn Fn(&Seen) -> bool| view.whole.filter(|seen| of(seen));
    let mut pod = PodStats {
        pod_ref: reference(view),
        start_time: view.created().and_then(|at| scope.time(at)),
        cpu: match whole(&|seen| seen.sample.cpu.usage_ns.is_some()) {
            Some(seen) => scope.cpu(seen),
            None => sum_cpu(&containers),
        },
        memory: match whole(&|seen| seen.sample.memory.usage.is_some()) {
            Some(seen) => scope.memory(seen),
            None => sum_memory(&containers),
        },
        swap: match whole(&|seen| seen.sample.memory.swap.is_some()) {
            Some(seen) => scope.swap(seen),
            None => sum_swap(&containers),
        },
        containers,
        ..PodStats::default()
    };
    if scope.brief {
        return pod;
    }
    pod.io = view.whole.and_then(|seen| scope.io(seen));
    pod.network = network(view).and_then(|seen| scope.network(seen));
    pod.ephemeral_storage = ephemeral_storage(view, scope);
    pod.process_stats = processes(view).map(|count| ProcessStats { process_count: Some(count) });
    pod
}

/// A pod that nobody told the name of goes by its UID.
fn reference(view: &PodView<'_>) -> PodReference {
    let pod = view.pod;
    PodReference {
        name: pod.name.as_deref().unwrap_or(&pod.uid).to_owned(),
        namespace: pod.namespace.as_deref().unwrap_or_default().to_owned(),
        uid: pod.uid.to_string(),
    }
}

fn container(name: &str, seen: &Seen, scope: &Scope<'_>) -> ContainerStats {
    let started = seen.about.started.or(seen.about.created);
    let mut stats = ContainerStats {
        start_time: started.and_then(|at| scope.time(at)),
        ..scope.system_container(name, seen)
    };
    if let (Some(fs), false) = (layer(seen), scope.brief) {
        let at = seen.sample.at;
        stats.rootfs = Some(share(fs, fs.base_usage, at, scope));
        stats.logs = Some(share(fs, fs.usage.saturating_sub(fs.base_usage), at, scope));
    }
    stats
}

/// What is known of the container's own layer and logs.
fn layer(seen: &Seen) -> Option<&FilesystemSample> {
    seen.sample.filesystems.first()
}

/// `used` bytes of the file system that `layer` is on. What the layer's sample does not say of it, the root's does.
fn share(layer: &FilesystemSample, used: u64, at: Timestamp, scope: &Scope<'_>) -> FsStats {
    let root = scope.snapshot.root();
    let of_root =
        root.and_then(|root| root.sample.filesystems.iter().find(|fs| fs.device == layer.device));
    let below = of_root.unwrap_or(layer);
    let mut stats = scope.fs(below, Some(used), at);
    // The inodes that the container uses are not those of all, nor those in all.
    stats.inodes_used = None;
    stats.inodes = stats.inodes.filter(|_| stats.inodes_free.is_some());
    if below.capacity == 0 {
        (stats.capacity_bytes, stats.available_bytes) = (None, None);
    }
    stats
}

fn ephemeral_storage(view: &PodView<'_>, scope: &Scope<'_>) -> Option<FsStats> {
    let layers = || view.containers.iter().filter_map(|(_, seen)| Some((layer(seen)?, *seen)));
    let (first, seen) = layers().next()?;
    let used = layers().map(|(fs, _)| fs.usage).fold(0, u64::saturating_add);
    // A layer's sample counts the inodes in use, of layer and logs.
    let inodes = layers().filter_map(|(fs, _)| fs.inodes.filter(|_| fs.inodes_free.is_none()));
    let inodes_used = inodes.reduce(u64::saturating_add);
    Some(FsStats { inodes_used, ..share(first, used, seen.sample.at, scope) })
}

/// The part of the pod that has its network, which is none where it uses the host's.
fn network<'a>(view: &PodView<'a>) -> Option<&'a Seen> {
    if view.parts().any(|seen| seen.about.host_network) {
        return None;
    }
    let sandbox_first = view.sandbox.into_iter().chain(view.parts());
    sandbox_first.into_iter().find(|seen| seen.sample.network.is_some())
}

fn processes(view: &PodView<'_>) -> Option<u64> {
    let count = |seen: &Seen| Some(seen.sample.processes.as_ref()?.processes);
    // The cgroup of a pod holds no process itself; what is counted there are those below.
    let whole = view.whole.and_then(count).filter(|count| *count > 0);
    whole.or_else(|| {
        let parts = view.sandbox.into_iter().chain(view.containers.iter().map(|(_, seen)| *seen));
        parts.filter_map(count).reduce(u64::saturating_add)
    })
}

fn sum(values: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    values.flatten().reduce(u64::saturating_add)
}

fn sum_cpu(containers: &[ContainerStats]) -> Option<CpuStats> {
    let all = || containers.iter().filter_map(|container| container.cpu.as_ref());
    all().next().map(|_| CpuStats {
        time: all().filter_map(|cpu| cpu.time).max(),
        usage_nano_cores: sum(all().map(|cpu| cpu.usage_nano_cores)),
        usage_core_nano_seconds: sum(all().map(|cpu| cpu.usage_core_nano_seconds)),
        psi: None,
    })
}

fn sum_memory(containers: &[ContainerStats]) -> Option<MemoryStats> {
    let all = || containers.iter().filter_map(|container| container.memory.as_ref());
    all().next().map(|_| MemoryStats {
        time: all().filter_map(|memory| memory.time).max(),
        available_bytes: None,
        usage_bytes: sum(all().map(|memory| memory.usage_bytes)),
        working_set_bytes: sum(all().map(|memory| memory.working_set_bytes)),
        rss_bytes: sum(all().map(|memory| memory.rss_bytes)),
        page_faults: sum(all().map(|memory| memory.page_faults)),
        major_page_faults: sum(all().map(|memory| memory.major_page_faults)),
        psi: None,
    })
}

fn sum_swap(containers: &[ContainerStats]) -> Option<SwapStats> {
    let all = || containers.iter().filter_map(|container| container.swap.as_ref());
    all().next().map(|_| SwapStats {
        time: all().filter_map(|swap| swap.time).max(),
        swap_available_bytes: None,
        swap_usage_bytes: sum(all().map(|swap| swap.swap_usage_bytes)),
    })
}
