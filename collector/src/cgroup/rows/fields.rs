//! The measurements of a cgroup and their fields.

use stripchart_core::Unit;

use super::Facts;
use super::table::{Table, float, level, pressure, total};
use crate::host::percent;
use crate::node::{
    CpuSpec, DeviceIo, HugetlbSample, MemorySpec, MiscSample, NumaMemory, RdmaSample, SchedulerIo,
};
use crate::proc::Pressure;

const fn cpu_pressure(facts: &Facts) -> Option<&Pressure> {
    facts.known.sample.cpu.pressure.as_ref()
}

const fn memory_pressure(facts: &Facts) -> Option<&Pressure> {
    facts.known.sample.memory.pressure.as_ref()
}

const fn io_pressure(facts: &Facts) -> Option<&Pressure> {
    facts.known.sample.io.pressure.as_ref()
}

const fn cpu_spec(facts: &Facts) -> Option<&CpuSpec> {
    facts.known.spec.cpu.as_ref()
}

const fn memory_spec(facts: &Facts) -> Option<&MemorySpec> {
    facts.known.spec.memory.as_ref()
}

#[rustfmt::skip]
pub(crate) static CPU: Table<Facts> = Table {
    name: "container_cpu",
    fields: &[
        &[
            total("burst_nanoseconds_total", Unit::Nanoseconds, "time used beyond the quota, out of what was saved up", |f| f.known.sample.cpu.burst_ns),
            total("burst_periods_total", Unit::Count, "periods in which more than the quota was used", |f| f.known.sample.cpu.bursts),
            float("limit_millicores", Unit::Millicores, "processor time that the cgroup may use; absent without limit", |f| {
                let spec = cpu_spec(f)?;
                Some(spec.quota_usec? as f64 * 1000.0 / spec.period_usec.filter(|period| *period > 0)? as f64)
            }),
            total("periods_total", Unit::Count, "periods of the quota in which something wanted to run", |f| f.known.sample.cpu.periods),
        ],
        pressure!(cpu_pressure),
        &[
            total("sched_run_nanoseconds_total", Unit::Nanoseconds, "processor time of its processes, as the scheduler counts it; if asked for", |f| Some(f.known.sample.cpu.sched?.run_ns)),
            total("sched_turns_total", Unit::Count, "turns of its processes on a processor; if asked for", |f| Some(f.known.sample.cpu.sched?.turns)),
            total("sched_wait_nanoseconds_total", Unit::Nanoseconds, "time that its processes waited for a processor; if asked for", |f| Some(f.known.sample.cpu.sched?.wait_ns)),
            level("shares", Unit::Count, "share of the processors among its siblings, in version 1's measure", |f| cpu_spec(f).map(|spec| spec.shares).filter(|shares| *shares > 0)),
            total("system_nanoseconds_total", Unit::Nanoseconds, "processor time in the kernel", |f| f.known.sample.cpu.system_ns),
            total("throttled_nanoseconds_total", Unit::Nanoseconds, "time that threads waited because the quota was used up", |f| f.known.sample.cpu.throttled_ns),
            total("throttled_periods_total", Unit::Count, "periods in which the quota was used up", |f| f.known.sample.cpu.throttled_periods),
            float("usage_millicores", Unit::Millicores, "processor time used since the sample before, for each second", |f| f.rates.millicores),
            total("usage_nanoseconds_total", Unit::Nanoseconds, "processor time used", |f| f.known.sample.cpu.usage_ns),
            float("usage_percent", Unit::Percent, "processor time used since the sample before, of what all processors have", |f| f.rates.cpu_percent),
            total("user_nanoseconds_total", Unit::Nanoseconds, "processor time in programs", |f| f.known.sample.cpu.user_ns),
            level("weight", Unit::Count, "share of the processors among its siblings, in version 2's measure", |f| cpu_spec(f)?.weight),
        ],
    ],
};

#[rustfmt::skip]
pub(crate) static CORE: Table<u64> = Table {
    name: "container_cpu_core",
    fields: &[&[
        total("usage_nanoseconds_total", Unit::Nanoseconds, "processor time used on one processor", |ns| Some(*ns)),
    ]],
};

#[rustfmt::skip]
pub(crate) static MEMORY: Table<Facts> = Table {
    name: "container_memory",
    fields: &[
        &[
            level("active_anon_bytes", Unit::Bytes, "memory of programs used lately", |f| f.known.sample.memory.active_anon),
            level("active_file_bytes", Unit::Bytes, "page cache used lately", |f| f.known.sample.memory.active_file),
            level("anon_huge_bytes", Unit::Bytes, "memory of programs in transparent huge pages", |f| f.known.sample.memory.anon_thp),
            level("cache_bytes", Unit::Bytes, "page cache, shared memory included", |f| f.known.sample.memory.cache),
            level("dirty_bytes", Unit::Bytes, "page cache that waits to be written to disk", |f| f.known.sample.memory.dirty),
            total("high_hits_total", Unit::Count, "times that processes were slowed because usage was above memory.high", |f| f.known.sample.memory.events_high),
            level("high_limit_bytes", Unit::Bytes, "usage above which processes are slowed (memory.high); absent without limit", |f| memory_spec(f)?.high),
            level("inactive_anon_bytes", Unit::Bytes, "memory of programs not used lately", |f| f.known.sample.memory.inactive_anon),
            level("inactive_file_bytes", Unit::Bytes, "page cache not used lately", |f| f.known.sample.memory.inactive_file),
            level("kernel_bytes", Unit::Bytes, "memory that the kernel uses for the cgroup", |f| f.known.sample.memory.kernel),
            level("kernel_stack_bytes", Unit::Bytes, "the kernel's stacks", |f| f.known.sample.memory.kernel_stack),
            level("limit_bytes", Unit::Bytes, "memory that the cgroup may use; absent without limit", |f| memory_spec(f)?.limit),
            total("limit_hits_total", Unit::Count, "times that usage reached the limit", |f| f.known.sample.memory.failcnt.or(f.known.sample.memory.events_max)),
            total("local_oom_kills_total", Unit::Count, "processes of this very cgroup killed for want of memory", |f| f.known.sample.memory.local_events.oom_kill),
            total("local_oom_total", Unit::Count, "times that this very cgroup's limit left an allocation without memory", |f| f.known.sample.memory.local_events.oom),
            total("low_hits_total", Unit::Count, "times that memory was reclaimed although usage was below memory.low", |f| f.known.sample.memory.events_low),
            total("major_page_faults_total", Unit::Count, "page faults that had to read from disk", |f| f.known.sample.memory.major_page_faults),
            level("mapped_file_bytes", Unit::Bytes, "files mapped by programs", |f| f.known.sample.memory.mapped_file),
            total("oom_kills_total", Unit::Count, "processes killed for want of memory", |f| f.known.sample.memory.oom_kills),
            total("oom_total", Unit::Count, "times that an allocation was about to fail", |f| f.known.sample.memory.events_oom),
            total("page_faults_total", Unit::Count, "page faults", |f| f.known.sample.memory.page_faults),
            level("page_tables_bytes", Unit::Bytes, "page tables", |f| f.known.sample.memory.page_tables),
            total("pages_scanned_total", Unit::Count, "pages looked at by reclaim", |f| f.known.sample.memory.pages_scanned),
            total("pages_stolen_total", Unit::Count, "pages reclaimed", |f| f.known.sample.memory.pages_stolen),
            level("peak_bytes", Unit::Bytes, "highest usage so far", |f| f.known.sample.memory.peak),
        ],
        pressure!(memory_pressure),
        &[
            total("refaults_anon_total", Unit::Count, "pages of programs read again soon after they were swapped out", |f| f.known.sample.memory.refaults_anon),
            total("refaults_file_total", Unit::Count, "pages of files read again soon after they were given up", |f| f.known.sample.memory.refaults_file),
            level("reservation_bytes", Unit::Bytes, "memory that is left to the cgroup; absent without", |f| memory_spec(f)?.reservation),
            level("rss_bytes", Unit::Bytes, "memory of programs that no file backs", |f| f.known.sample.memory.rss),
            level("shmem_bytes", Unit::Bytes, "shared memory and tmpfs", |f| f.known.sample.memory.shmem),
            level("slab_bytes", Unit::Bytes, "the kernel's own structures", |f| f.known.sample.memory.slab),
            level("slab_reclaimable_bytes", Unit::Bytes, "the kernel's own structures that can be given up", |f| f.known.sample.memory.slab_reclaimable),
            level("sock_bytes", Unit::Bytes, "buffers of sockets", |f| f.known.sample.memory.sock),
            level("swap_bytes", Unit::Bytes, "memory in swap", |f| f.known.sample.memory.swap),
            total("swap_fails_total", Unit::Count, "times that nothing could be swapped out, for the limit or for want of swap", |f| f.known.sample.memory.swap_events_fail),
            level("swap_limit_bytes", Unit::Bytes, "swap that the cgroup may use, under version 1 memory and swap together; absent without limit", |f| memory_spec(f)?.swap_limit),
            total("swap_limit_hits_total", Unit::Count, "times that swap was about to exceed its limit", |f| f.known.sample.memory.swap_events_max),
            level("swap_peak_bytes", Unit::Bytes, "highest swap so far", |f| f.known.sample.memory.swap_peak),
            level("unevictable_bytes", Unit::Bytes, "memory that cannot be given up", |f| f.known.sample.memory.unevictable),
            level("usage_bytes", Unit::Bytes, "memory that is charged to the cgroup, page cache included", |f| f.known.sample.memory.usage),
            level("working_set_bytes", Unit::Bytes, "usage without page cache not used lately: what cannot be given up at once", |f| f.known.sample.memory.working_set),
            float("working_set_percent", Unit::Percent, "working set, of the limit; absent without limit", |f| Some(percent(f.known.sample.memory.working_set?, memory_spec(f)?.limit?))),
            level("writeback_bytes", Unit::Bytes, "page cache being written to disk", |f| f.known.sample.memory.writeback),
            level("zswap_bytes", Unit::Bytes, "memory swapped out, compressed, in memory", |f| f.known.sample.memory.zswap),
            level("zswapped_bytes", Unit::Bytes, "memory swapped out into memory, before it was compressed", |f| f.known.sample.memory.zswapped),
        ],
    ],
};

#[rustfmt::skip]
pub(crate) static NUMA: Table<NumaMemory> = Table {
    name: "container_memory_numa",
    fields: &[&[
        level("anon_pages", Unit::Count, "anonymous pages of 4 KiB on the node, of the cgroup and those below", |n| Some(n.hierarchical.anon)),
        level("file_pages", Unit::Count, "pages of files on the node, of the cgroup and those below", |n| Some(n.hierarchical.file)),
        level("own_anon_pages", Unit::Count, "anonymous pages on the node, of the cgroup alone; version 1", |n| Some(n.own.anon)),
        level("own_file_pages", Unit::Count, "pages of files on the node, of the cgroup alone; version 1", |n| Some(n.own.file)),
        level("own_unevictable_pages", Unit::Count, "pages on the node that cannot be given up, of the cgroup alone; version 1", |n| Some(n.own.unevictable)),
        level("unevictable_pages", Unit::Count, "pages on the node that cannot be given up, of the cgroup and those below", |n| Some(n.hierarchical.unevictable)),
    ]],
};

#[rustfmt::skip]
pub(crate) static IO: Table<Facts> = Table {
    name: "container_io",
    fields: &[
        pressure!(io_pressure),
        &[
            float("read_bytes_per_second", Unit::BytesPerSecond, "bytes read since the sample before, for each second", |f| f.rates.read_bytes),
            total("read_bytes_total", Unit::Bytes, "bytes read from disks", |f| f.known.sample.io.known.then_some(f.known.sample.io.read_bytes)),
            float("reads_per_second", Unit::CountPerSecond, "reads since the sample before, for each second", |f| f.rates.reads),
            total("reads_total", Unit::Count, "reads", |f| f.known.sample.io.known.then_some(f.known.sample.io.reads)),
            float("write_bytes_per_second", Unit::BytesPerSecond, "bytes written since the sample before, for each second", |f| f.rates.write_bytes),
            total("write_bytes_total", Unit::Bytes, "bytes written to disks", |f| f.known.sample.io.known.then_some(f.known.sample.io.write_bytes)),
            float("writes_per_second", Unit::CountPerSecond, "writes since the sample before, for each second", |f| f.rates.writes),
            total("writes_total", Unit::Count, "writes", |f| f.known.sample.io.known.then_some(f.known.sample.io.writes)),
        ],
    ],
};

#[rustfmt::skip]
pub(crate) static DEVICE: Table<DeviceIo> = Table {
    name: "container_io_device",
    fields: &[&[
        total("cost_indebt_usec", Unit::Microseconds, "time in debt to the cost model", |d| Some(d.cost?.indebt_usec)),
        total("cost_indelay_usec", Unit::Microseconds, "time delayed for debt to the cost model", |d| Some(d.cost?.indelay_usec)),
        total("cost_usage_usec", Unit::Microseconds, "device time used, by the cost model", |d| Some(d.cost?.usage_usec)),
        total("cost_wait_usec", Unit::Microseconds, "time waited because of the cost model", |d| Some(d.cost?.wait_usec)),
        total("discard_bytes_total", Unit::Bytes, "bytes discarded", |d| d.discard_bytes),
        total("discards_total", Unit::Count, "discards", |d| d.discards),
        total("read_bytes_total", Unit::Bytes, "bytes read from the device", |d| Some(d.read_bytes)),
        total("reads_total", Unit::Count, "reads", |d| Some(d.reads)),
        total("write_bytes_total", Unit::Bytes, "bytes written to the device", |d| Some(d.write_bytes)),
        total("writes_total", Unit::Count, "writes", |d| Some(d.writes)),
    ]],
};

#[rustfmt::skip]
pub(crate) static SCHEDULER: Table<SchedulerIo> = Table {
    name: "container_io_scheduler",
    fields: &[&[
        total("device_time_milliseconds_total", Unit::Milliseconds, "time of the device that the scheduler gave", |s| s.time_ms),
        total("merged_total", Unit::Count, "requests that were joined to others", |s| Some(s.merged?.total)),
        level("queued", Unit::Count, "requests that wait", |s| Some(s.queued?.total)),
        total("sectors_total", Unit::Count, "sectors of 512 bytes read and written", |s| s.sectors),
        total("service_nanoseconds_total", Unit::Nanoseconds, "time that the device worked on requests", |s| Some(s.service_ns?.total)),
        total("wait_nanoseconds_total", Unit::Nanoseconds, "time that requests waited for the scheduler", |s| Some(s.wait_ns?.total)),
    ]],
};

#[rustfmt::skip]
pub(crate) static PIDS: Table<Facts> = Table {
    name: "container_pids",
    fields: &[&[
        level("current", Unit::Count, "processes and threads", |f| f.known.sample.pids.current),
        level("limit", Unit::Count, "processes and threads that there may be; absent without limit", |f| f.known.sample.pids.limit),
        total("limit_hits_total", Unit::Count, "processes and threads that the limit did not let begin", |f| f.known.sample.pids.refused),
        level("open_files", Unit::Count, "open files of its processes; if asked for", |f| Some(f.known.sample.processes.as_ref()?.fds)),
        level("peak", Unit::Count, "highest number of processes and threads so far", |f| f.known.sample.pids.peak),
        level("processes", Unit::Count, "processes, threads not counted; if asked for", |f| Some(f.known.sample.processes.as_ref()?.processes)),
        level("sockets", Unit::Count, "open sockets of its processes; if asked for", |f| Some(f.known.sample.processes.as_ref()?.sockets)),
    ]],
};

#[rustfmt::skip]
pub(crate) static CGROUP: Table<Facts> = Table {
    name: "container_cgroup",
    fields: &[&[
        level("descendants", Unit::Count, "cgroups below", |f| f.known.sample.cgroup.descendants),
        level("dying_descendants", Unit::Count, "cgroups below that were removed and still hold memory", |f| f.known.sample.cgroup.dying_descendants),
        level("frozen", Unit::Boolean, "1 if the processes are stopped by the freezer", |f| f.known.sample.cgroup.frozen.map(u64::from)),
        level("populated", Unit::Boolean, "1 if there is a process in the cgroup or below it", |f| f.known.sample.cgroup.populated.map(u64::from)),
    ]],
};

#[rustfmt::skip]
pub(crate) static HUGETLB: Table<HugetlbSample> = Table {
    name: "container_hugetlb",
    fields: &[&[
        level("limit_bytes", Unit::Bytes, "huge pages that may be used; absent without limit", |h| h.limit),
        total("limit_hits_total", Unit::Count, "times that the limit was hit", |h| Some(h.failcnt)),
        level("peak_bytes", Unit::Bytes, "highest usage so far", |h| h.peak),
        level("reserved_bytes", Unit::Bytes, "huge pages reserved, used or not", |h| h.reserved),
        total("reserved_limit_hits_total", Unit::Count, "times that the limit of reservations was hit", |h| h.reserved_failcnt),
        level("reserved_peak_bytes", Unit::Bytes, "highest reservation so far", |h| h.reserved_peak),
        level("usage_bytes", Unit::Bytes, "huge pages in use", |h| Some(h.usage)),
    ]],
};

#[rustfmt::skip]
pub(crate) static RDMA: Table<RdmaSample> = Table {
    name: "container_rdma",
    fields: &[&[
        level("hca_handles", Unit::Count, "handles of the adapter", |r| Some(r.hca_handles)),
        level("hca_handles_limit", Unit::Count, "handles that there may be; absent without limit", |r| r.hca_handles_limit),
        level("hca_objects", Unit::Count, "objects of the adapter", |r| Some(r.hca_objects)),
        level("hca_objects_limit", Unit::Count, "objects that there may be; absent without limit", |r| r.hca_objects_limit),
    ]],
};

#[rustfmt::skip]
pub(crate) static MISC: Table<MiscSample> = Table {
    name: "container_misc",
    fields: &[&[
        level("current", Unit::Count, "how much of the resource is in use", |m| Some(m.current)),
        level("limit", Unit::Count, "how much of the resource there may be; absent without limit", |m| m.limit),
        total("limit_hits_total", Unit::Count, "times that the limit was hit", |m| m.refused),
    ]],
};
