//! One sample of a container, in the three shapes that the versions of the API give it.

use super::{Subject, cpu, filesystem, io, memory, network, processes};
use crate::cadvisor::json::Json;
use crate::node::{ContainerSample, NetworkSample};

/// Whether processor, memory and I/O of `sample` are known: by the container's limits, or because there are figures.
struct Has {
    cpu: bool,
    memory: bool,
    io: bool,
}

impl Has {
    fn of(subject: &Subject<'_>, sample: &ContainerSample) -> Has {
        let spec = &subject.container.spec;
        Has {
            cpu: spec.cpu.is_some() || sample.cpu.usage_ns.is_some(),
            memory: spec.memory.is_some() || sample.memory.usage.is_some(),
            io: spec.has_io || sample.io.known,
        }
    }
}

/// Version 1's `ContainerStats`.
pub(super) fn stats_v1(json: &mut Json, subject: &Subject<'_>, sample: &ContainerSample) {
    let has = Has::of(subject, sample);
    json.object(|json| {
        json.put_time("timestamp", Some(sample.at));
        if has.cpu {
            cpu::put(json.key("cpu"), &sample.cpu);
        }
        if has.io {
            io::put(json.key("diskio"), &sample.io, subject.machine);
        }
        if has.memory {
            memory::put(json.key("memory"), &sample.memory);
        }
        memory::put_hugetlb(json, &sample.hugetlb);
        if let Some(network) = &sample.network {
            network::put_v1(json.key("network"), network);
        }
        if !sample.filesystems.is_empty() {
            json.key("filesystem").slice(&sample.filesystems, filesystem::put_v1);
        }
        processes::put_no_tasks(json.key("task_stats"));
        if processes::are_known(sample) {
            processes::put(json.key("processes"), subject, sample);
        }
        json.key("resctrl").object(|_| ());
        json.key("cpuset")
            .object(|json| json.put_u64("memory_migrate", sample.cpuset_memory_migrate));
        json.put_nonzero("oom_events", sample.oom_kills);
        json.key("health").object(|json| json.put_str("status", ""));
    });
}

/// Version 2.0's `DeprecatedContainerStats`, in which everything stands whether it is known or not. `has_processes` and
/// `has_load` are never true there, so that a client takes the zeros beside them for what they are.
pub(in crate::cadvisor) fn stats_v2_0(
    json: &mut Json,
    subject: &Subject<'_>,
    (before, sample): (Option<&ContainerSample>, &ContainerSample),
) {
    let has = Has::of(subject, sample);
    let no_network = NetworkSample::default();
    json.object(|json| {
        json.put_time("timestamp", Some(sample.at));
        json.put_bool("has_cpu", has.cpu);
        cpu::put(json.key("cpu"), &sample.cpu);
        cpu::put_inst(json, before, sample);
        json.put_bool("has_diskio", has.io);
        io::put(json.key("diskio"), &sample.io, subject.machine);
        json.put_bool("has_memory", has.memory);
        memory::put(json.key("memory"), &sample.memory);
        json.put_bool("has_hugetlb", !sample.hugetlb.is_empty());
        memory::put_hugetlb(json, &sample.hugetlb);
        json.put_bool("has_network", sample.network.is_some());
        network::put_v2(json.key("network"), sample.network.as_ref().unwrap_or(&no_network));
        json.put_bool("has_processes", false);
        json.key("processes").object(|json| {
            for key in ["process_count", "fd_count", "socket_count"] {
                json.put_u64(key, 0);
            }
        });
        json.put_bool("has_filesystem", !sample.filesystems.is_empty());
        if !sample.filesystems.is_empty() {
            json.key("filesystem").slice(&sample.filesystems, filesystem::put_v1);
        }
        json.put_bool("has_load", false);
        processes::put_no_tasks(json.key("load_stats"));
        json.put_bool("has_custom_metrics", false);
        json.key("resctrl").object(|_| ());
    });
}

/// Version 2.1's `ContainerStats`.
pub(in crate::cadvisor) fn stats_v2_1(
    json: &mut Json,
    subject: &Subject<'_>,
    (before, sample): (Option<&ContainerSample>, &ContainerSample),
) {
    let has = Has::of(subject, sample);
    json.object(|json| {
        json.put_time("timestamp", Some(sample.at));
        if has.cpu {
            cpu::put(json.key("cpu"), &sample.cpu);
            cpu::put_inst(json, before, sample);
        }
        if has.io {
            io::put(json.key("diskio"), &sample.io, subject.machine);
        }
        if has.memory {
            memory::put(json.key("memory"), &sample.memory);
        }
        memory::put_hugetlb(json, &sample.hugetlb);
        if let Some(network) = &sample.network {
            network::put_v2(json.key("network"), network);
        }
        if processes::are_known(sample) {
            processes::put(json.key("processes"), subject, sample);
        }
        // What two of them use together would say nothing.
        if let [fs] = &*sample.filesystems {
            filesystem::put_v2_1(json.key("filesystem"), fs);
        }
        json.key("resctrl").object(|_| ());
    });
}

/// Version 2.1's `MachineStats`, of the root.
pub(in crate::cadvisor) fn machine_stats(
    json: &mut Json,
    subject: &Subject<'_>,
    (before, sample): (Option<&ContainerSample>, &ContainerSample),
) {
    let has = Has::of(subject, sample);
    json.object(|json| {
        json.put_time("timestamp", Some(sample.at));
        if has.cpu {
            cpu::put(json.key("cpu"), &sample.cpu);
            cpu::put_inst(json, before, sample);
        }
        if has.memory {
            memory::put(json.key("memory"), &sample.memory);
        }
        if let Some(network) = &sample.network {
            network::put_v2(json.key("network"), network);
        }
        if !sample.filesystems.is_empty() {
            json.key("filesystem").slice(&sample.filesystems, filesystem::put_machine);
        }
    });
}
