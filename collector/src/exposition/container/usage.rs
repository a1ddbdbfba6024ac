//! Processor, memory, pressure, processes.

use super::{Emit, LabelName, Metric, Seen, Value, counter, gauge};
use crate::node::{CpuSample, NumaMemory};
use crate::proc::Pressure;

const CPU: LabelName<'_> = LabelName::from_static("cpu");
const FAILURE_TYPE: LabelName<'_> = LabelName::from_static("failure_type");
const NODE: LabelName<'_> = LabelName::from_static("node");
const PAGE_SIZE: LabelName<'_> = LabelName::from_static("pagesize");
const SCOPE: LabelName<'_> = LabelName::from_static("scope");
const TYPE: LabelName<'_> = LabelName::from_static("type");
const ULIMIT: LabelName<'_> = LabelName::from_static("ulimit");

pub(super) const METRICS: &[Metric] = &[
    counter(
        "container_cpu_usage_seconds_total",
        "Processor time used, in seconds.",
        |seen, context, emit| cpu_usage(&seen.sample.cpu, context.per_cpu, emit),
    ),
    counter(
        "container_cpu_user_seconds_total",
        "Processor time used in programs, in seconds.",
        |seen, _, emit| emit.one(seen.sample.cpu.user_ns.map(Value::nanos)),
    ),
    counter(
        "container_cpu_system_seconds_total",
        "Processor time used in the kernel, in seconds.",
        |seen, _, emit| emit.one(seen.sample.cpu.system_ns.map(Value::nanos)),
    ),
    counter(
        "container_cpu_cfs_periods_total",
        "Periods in which the quota of processor time was enforced.",
        |seen, _, emit| emit.one(limited(seen, |cpu| cpu.periods)),
    ),
    counter(
        "container_cpu_cfs_throttled_periods_total",
        "Periods in which the quota of processor time was used up.",
        |seen, _, emit| emit.one(limited(seen, |cpu| cpu.throttled_periods)),
    ),
    counter(
        "container_cpu_cfs_throttled_seconds_total",
        "Time for which the container was throttled, in seconds.",
        |seen, _, emit| emit.one(limited(seen, |cpu| cpu.throttled_ns).map(Value::nanos)),
    ),
    counter(
        "container_cpu_cfs_burst_periods_total",
        "Periods in which more than the quota was used, out of what was saved up.",
        |seen, _, emit| emit.one(limited(seen, |cpu| cpu.bursts)),
    ),
    counter(
        "container_cpu_cfs_burst_seconds_total",
        "Processor time used beyond the quota, in seconds.",
        |seen, _, emit| emit.one(limited(seen, |cpu| cpu.burst_ns).map(Value::nanos)),
    ),
    counter(
        "container_cpu_schedstat_run_seconds_total",
        "Time that the container's processes ran on a processor, in seconds.",
        |seen, _, emit| emit.one(seen.sample.cpu.sched.map(|sched| Value::nanos(sched.run_ns))),
    ),
    counter(
        "container_cpu_schedstat_runqueue_seconds_total",
        "Time that the container's processes waited for a processor, in seconds.",
        |seen, _, emit| emit.one(seen.sample.cpu.sched.map(|sched| Value::nanos(sched.wait_ns))),
    ),
    counter(
        "container_cpu_schedstat_run_periods_total",
        "Times that a process of the container got a processor.",
        |seen, _, emit| emit.one(seen.sample.cpu.sched.map(|sched| sched.turns)),
    ),
    gauge("container_hugetlb_usage_bytes", "Huge pages in use, in bytes.", |seen, _, emit| {
        for pages in &seen.sample.hugetlb {
            emit.with(&[(PAGE_SIZE, &*pages.page_size)], Some(pages.usage));
        }
    }),
    gauge(
        "container_hugetlb_max_usage_bytes",
        "The most huge pages that were in use, in bytes.",
        |seen, _, emit| {
            for pages in &seen.sample.hugetlb {
                emit.with(&[(PAGE_SIZE, &*pages.page_size)], pages.peak);
            }
        },
    ),
    counter(
        "container_hugetlb_failcnt",
        "Times that the limit of huge pages was hit.",
        |seen, _, emit| {
            for pages in &seen.sample.hugetlb {
                emit.with(&[(PAGE_SIZE, &*pages.page_size)], Some(pages.failcnt));
            }
        },
    ),
    gauge("container_memory_cache", "Page cache, in bytes.", |seen, _, emit| {
        emit.one(seen.sample.memory.cache);
    }),
    gauge("container_memory_rss", "Anonymous memory, in bytes.", |seen, _, emit| {
        emit.one(seen.sample.memory.rss);
    }),
    gauge("container_memory_kernel_usage", "Memory of the kernel, in bytes.", |seen, _, emit| {
        emit.one(seen.sample.memory.kernel);
    }),
    gauge("container_memory_mapped_file", "Mapped files, in bytes.", |seen, _, emit| {
        emit.one(seen.sample.memory.mapped_file);
    }),
    gauge("container_memory_swap", "Swap in use, in bytes.", |seen, _, emit| {
        emit.one(seen.sample.memory.swap);
    }),
    counter(
        "container_memory_failcnt",
        "Times that the limit of memory was hit.",
        |seen, _, emit| emit.one(seen.sample.memory.failcnt),
    ),
    gauge(
        "container_memory_usage_bytes",
        "Memory in use, page cache included whenever it was touched last, in bytes.",
        |seen, _, emit| emit.one(seen.sample.memory.usage),
    ),
    gauge(
        "container_memory_max_usage_bytes",
        "The most memory that was in use, in bytes.",
        |seen, _, emit| emit.one(seen.sample.memory.peak),
    ),
    gauge(
        "container_memory_working_set_bytes",
        "Memory in use less the page cache that was not touched lately, in bytes.",
        |seen, _, emit| emit.one(seen.sample.memory.working_set),
    ),
    gauge(
        "container_memory_total_active_file_bytes",
        "Page cache that was touched lately, in bytes.",
        |seen, _, emit| emit.one(seen.sample.memory.active_file),
    ),
    gauge(
        "container_memory_total_inactive_file_bytes",
        "Page cache that was not touched lately, in bytes.",
        |seen, _, emit| emit.one(seen.sample.memory.inactive_file),
    ),
    counter("container_memory_failures_total", "Page faults.", |seen, _, emit| {
        let memory = &seen.sample.memory;
        let faults = [("pgfault", memory.page_faults), ("pgmajfault", memory.major_page_faults)];
        for scope in ["container", "hierarchy"] {
            for (kind, count) in faults {
                emit.with(&[(FAILURE_TYPE, kind), (SCOPE, scope)], count);
            }
        }
    }),
    counter(
        "container_memory_events_high_total",
        "Times that the container was throttled for memory above memory.high.",
        |seen, _, emit| emit.one(seen.sample.memory.events_high),
    ),
    counter(
        "container_memory_events_max_total",
        "Times that the container was about to go beyond memory.max.",
        |seen, _, emit| emit.one(seen.sample.memory.events_max),
    ),
    gauge(
        "container_memory_file_dirty_bytes",
        "Page cache that is yet to be written back, in bytes.",
        |seen, _, emit| emit.one(seen.sample.memory.dirty),
    ),
    gauge(
        "container_memory_file_writeback_bytes",
        "Page cache that is being written back, in bytes.",
        |seen, _, emit| emit.one(seen.sample.memory.writeback),
    ),
    counter("container_memory_pgscan_total", "Pages that reclaim looked at.", |seen, _, emit| {
        emit.one(seen.sample.memory.pages_scanned)
    }),
    counter("container_memory_pgsteal_total", "Pages that were reclaimed.", |seen, _, emit| {
        emit.one(seen.sample.memory.pages_stolen);
    }),
    counter(
        "container_memory_workingset_refault_file_total",
        "Pages of files that were read again after they had been given up.",
        |seen, _, emit| emit.one(seen.sample.memory.refaults_file),
    ),
    counter(
        "container_memory_workingset_refault_anon_total",
        "Anonymous pages that were read again after they had been given up.",
        |seen, _, emit| emit.one(seen.sample.memory.refaults_anon),
    ),
    gauge(
        "container_memory_migrate",
        "Whether pages move when the container's memory nodes change.",
        |seen, _, emit| emit.one(seen.sample.cpuset_memory_migrate),
    ),
    gauge("container_memory_numa_pages", "Pages on each memory node.", |seen, _, emit| {
        for node in &seen.sample.memory.numa {
            numa_pages(node, emit);
        }
    }),
    counter(
        "container_oom_events_total",
        "Processes of the container that were killed for want of memory.",
        |seen, _, emit| emit.one(seen.oom_kills()),
    ),
    counter(
        "container_pressure_cpu_waiting_seconds_total",
        "Time in which some task waited for a processor, in seconds.",
        |seen, _, emit| emit.one(waiting(seen.sample.cpu.pressure)),
    ),
    counter(
        "container_pressure_cpu_stalled_seconds_total",
        "Time in which all tasks waited for a processor, in seconds.",
        |seen, _, emit| emit.one(stalled(seen.sample.cpu.pressure)),
    ),
    counter(
        "container_pressure_memory_waiting_seconds_total",
        "Time in which some task waited for memory, in seconds.",
        |seen, _, emit| emit.one(waiting(seen.sample.memory.pressure)),
    ),
    counter(
        "container_pressure_memory_stalled_seconds_total",
        "Time in which all tasks waited for memory, in seconds.",
        |seen, _, emit| emit.one(stalled(seen.sample.memory.pressure)),
    ),
    counter(
        "container_pressure_io_waiting_seconds_total",
        "Time in which some task waited for I/O, in seconds.",
        |seen, _, emit| emit.one(waiting(seen.sample.io.pressure)),
    ),
    counter(
        "container_pressure_io_stalled_seconds_total",
        "Time in which all tasks waited for I/O, in seconds.",
        |seen, _, emit| emit.one(stalled(seen.sample.io.pressure)),
    ),
    gauge("container_processes", "Processes in the container.", |seen, _, emit| {
        emit.one(seen.sample.processes.as_ref().map(|all| all.processes));
    }),
    gauge("container_file_descriptors", "Open files of the container.", |seen, _, emit| {
        emit.one(seen.sample.processes.as_ref().map(|all| all.fds));
    }),
    gauge("container_sockets", "Open sockets of the container.", |seen, _, emit| {
        emit.one(seen.sample.processes.as_ref().map(|all| all.sockets));
    }),
    gauge("container_threads", "Threads in the container.", |seen, _, emit| {
        emit.one(seen.sample.pids.current);
    }),
    gauge(
        "container_threads_max",
        "Threads that the container may have; 0 is no limit.",
        |seen, _, emit| emit.one(seen.spec.has_pids.then(|| seen.spec.pids_limit.unwrap_or(0))),
    ),
    gauge(
        "container_ulimits_soft",
        "Limits in force for the container's first process; -1 is none.",
        |seen, _, emit| {
            let ulimits = seen.sample.processes.iter().flat_map(|all| &all.ulimits);
            for ulimit in ulimits {
                emit.with(&[(ULIMIT, ulimit.name)], Some(ulimit.soft));
            }
        },
    ),
];

/// Time of each processor that was used, otherwise of all.
fn cpu_usage(cpu: &CpuSample, per_cpu: bool, emit: &mut Emit<'_, '_>) {
    if !per_cpu || cpu.per_cpu_ns.is_empty() {
        emit.with(&[(CPU, "total")], cpu.usage_ns.map(Value::nanos));
        return;
    }
    for (number, ns) in cpu.per_cpu_ns.iter().enumerate().filter(|(_, ns)| **ns > 0) {
        let mut place = [0; 8];
        emit.with(&[(CPU, cpu_name(number, &mut place))], Some(Value::nanos(*ns)));
    }
}

/// `cpu00` and so on, made in `place`.
fn cpu_name(number: usize, place: &mut [u8; 8]) -> &str {
    *place = *b"cpu00000";
    let (mut rest, mut at) = (number % 100_000, place.len());
    while rest > 0 && at > 3 {
        at -= 1;
        place[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    // Two digits at least, right behind the letters.
    let digits = (8 - at).max(2);
    place.copy_within(8 - digits.., 3);
    std::str::from_utf8(&place[..3 + digits]).unwrap_or("cpu")
}

/// A value that there is for containers with a quota only.
fn limited(seen: &Seen, value: fn(&CpuSample) -> Option<u64>) -> Option<u64> {
    seen.spec.cpu.as_ref()?.quota_usec?;
    value(&seen.sample.cpu)
}

fn numa_pages(node: &NumaMemory, emit: &mut Emit<'_, '_>) {
    let mut number = String::new();
    crate::exposition::number::write_value(&mut number, node.node.into());
    for (scope, pages) in [("container", &node.own), ("hierarchy", &node.hierarchical)] {
        let kinds =
            [("file", pages.file), ("anon", pages.anon), ("unevictable", pages.unevictable)];
        for (kind, count) in kinds {
            emit.with(&[(NODE, &*number), (SCOPE, scope), (TYPE, kind)], Some(count));
        }
    }
}

fn waiting(pressure: Option<Pressure>) -> Option<Value> {
    Some(Value::micros(pressure?.some.total_usec))
}

fn stalled(pressure: Option<Pressure>) -> Option<Value> {
    Some(Value::micros(pressure?.full?.total_usec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_numbered_with_two_digits_at_least() {
        let name = |number| cpu_name(number, &mut [0; 8]).to_owned();
        assert_eq!(name(0), "cpu00");
        assert_eq!(name(7), "cpu07");
        assert_eq!(name(42), "cpu42");
        assert_eq!(name(4095), "cpu4095");
        assert_eq!(name(99_999), "cpu99999");
    }
}
