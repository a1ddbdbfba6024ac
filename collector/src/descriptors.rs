//! What every field means.
//!
//! In order of measurement as a sample has them, and of field. A test holds this table against what is sampled.

use std::sync::LazyLock;

use stripchart_core::FieldType::{Float, Integer};
use stripchart_core::MetricKind::{Cumulative, Gauge};
use stripchart_core::{FieldDescriptor, FieldType, MetricKind, Unit};

type Row = (&'static str, FieldType, MetricKind, Unit, &'static str);

#[rustfmt::skip]
const CPU: [Row; 11] = [
    ("usage_active", Float, Gauge, Unit::Percent, "processor time spent on anything but idleness"),
    ("usage_guest", Float, Gauge, Unit::Percent, "processor time spent running virtual machines"),
    ("usage_guest_nice", Float, Gauge, Unit::Percent, "processor time spent running virtual machines of low priority"),
    ("usage_idle", Float, Gauge, Unit::Percent, "processor time with nothing to do"),
    ("usage_iowait", Float, Gauge, Unit::Percent, "processor time with nothing to do while a thread waited for I/O"),
    ("usage_irq", Float, Gauge, Unit::Percent, "processor time spent in interrupts"),
    ("usage_nice", Float, Gauge, Unit::Percent, "processor time spent in programs of low priority, virtual machines left out"),
    ("usage_softirq", Float, Gauge, Unit::Percent, "processor time spent in soft interrupts"),
    ("usage_steal", Float, Gauge, Unit::Percent, "processor time that the hypervisor gave to others"),
    ("usage_system", Float, Gauge, Unit::Percent, "processor time spent in the kernel"),
    ("usage_user", Float, Gauge, Unit::Percent, "processor time spent in programs, virtual machines left out"),
];

#[rustfmt::skip]
const KERNEL: [Row; 5] = [
    ("boot_time", Integer, Gauge, Unit::UnixSeconds, "when the host was booted"),
    ("context_switches", Integer, Cumulative, Unit::Count, "context switches since boot"),
    ("entropy_avail", Integer, Gauge, Unit::Bits, "entropy that the random number generator has at hand"),
    ("interrupts", Integer, Cumulative, Unit::Count, "interrupts since boot"),
    ("processes_forked", Integer, Cumulative, Unit::Count, "processes and threads created since boot"),
];

#[rustfmt::skip]
const KERNEL_VMSTAT: [Row; 11] = [
    ("oom_kill", Integer, Cumulative, Unit::Count, "processes killed for want of memory"),
    ("pgfault", Integer, Cumulative, Unit::Count, "page faults"),
    ("pgmajfault", Integer, Cumulative, Unit::Count, "page faults that had to read from disk"),
    ("pgpgin", Integer, Cumulative, Unit::Count, "KiB read from block devices"),
    ("pgpgout", Integer, Cumulative, Unit::Count, "KiB written to block devices"),
    ("pgscan_direct", Integer, Cumulative, Unit::Count, "pages looked at by programs that had to reclaim memory themselves"),
    ("pgscan_kswapd", Integer, Cumulative, Unit::Count, "pages looked at by the reclaim in the background"),
    ("pgsteal_direct", Integer, Cumulative, Unit::Count, "pages that programs reclaimed themselves"),
    ("pgsteal_kswapd", Integer, Cumulative, Unit::Count, "pages reclaimed in the background"),
    ("pswpin", Integer, Cumulative, Unit::Count, "pages swapped in"),
    ("pswpout", Integer, Cumulative, Unit::Count, "pages swapped out"),
];

#[rustfmt::skip]
const MEM: [Row; 34] = [
    ("active", Integer, Gauge, Unit::Bytes, "memory used lately"),
    ("available", Integer, Gauge, Unit::Bytes, "memory that programs could get without swapping"),
    ("available_percent", Float, Gauge, Unit::Percent, "memory that programs could get without swapping"),
    ("buffered", Integer, Gauge, Unit::Bytes, "buffers of block devices"),
    ("cached", Integer, Gauge, Unit::Bytes, "page cache and kernel structures that can be given up"),
    ("commit_limit", Integer, Gauge, Unit::Bytes, "memory that may be promised under strict overcommit"),
    ("committed_as", Integer, Gauge, Unit::Bytes, "memory that has been promised to programs"),
    ("dirty", Integer, Gauge, Unit::Bytes, "page cache that waits to be written to disk"),
    ("free", Integer, Gauge, Unit::Bytes, "memory that nobody uses for anything"),
    ("high_free", Integer, Gauge, Unit::Bytes, "unused high memory of a 32-bit kernel"),
    ("high_total", Integer, Gauge, Unit::Bytes, "high memory of a 32-bit kernel"),
    ("huge_page_size", Integer, Gauge, Unit::Bytes, "size of a huge page"),
    ("huge_pages_free", Integer, Gauge, Unit::Count, "huge pages in the pool that are free"),
    ("huge_pages_total", Integer, Gauge, Unit::Count, "huge pages in the pool"),
    ("inactive", Integer, Gauge, Unit::Bytes, "memory not used lately"),
    ("low_free", Integer, Gauge, Unit::Bytes, "unused low memory of a 32-bit kernel"),
    ("low_total", Integer, Gauge, Unit::Bytes, "low memory of a 32-bit kernel"),
    ("mapped", Integer, Gauge, Unit::Bytes, "files mapped by programs"),
    ("page_tables", Integer, Gauge, Unit::Bytes, "page tables"),
    ("shared", Integer, Gauge, Unit::Bytes, "shared memory and tmpfs"),
    ("slab", Integer, Gauge, Unit::Bytes, "the kernel's own structures"),
    ("sreclaimable", Integer, Gauge, Unit::Bytes, "the kernel's own structures that can be given up"),
    ("sunreclaim", Integer, Gauge, Unit::Bytes, "the kernel's own structures that cannot be given up"),
    ("swap_cached", Integer, Gauge, Unit::Bytes, "memory that is in swap and in memory both"),
    ("swap_free", Integer, Gauge, Unit::Bytes, "unused swap space"),
    ("swap_total", Integer, Gauge, Unit::Bytes, "swap space"),
    ("total", Integer, Gauge, Unit::Bytes, "memory that the kernel manages"),
    ("used", Integer, Gauge, Unit::Bytes, "memory that programs could not get without swapping"),
    ("used_percent", Float, Gauge, Unit::Percent, "memory that programs could not get without swapping"),
    ("vmalloc_chunk", Integer, Gauge, Unit::Bytes, "largest free piece of the address space of vmalloc"),
    ("vmalloc_total", Integer, Gauge, Unit::Bytes, "address space of vmalloc"),
    ("vmalloc_used", Integer, Gauge, Unit::Bytes, "address space of vmalloc in use"),
    ("write_back", Integer, Gauge, Unit::Bytes, "page cache being written to disk"),
    ("write_back_tmp", Integer, Gauge, Unit::Bytes, "temporary buffers of FUSE for writing back"),
];

#[rustfmt::skip]
const SWAP: [Row; 6] = [
    ("free", Integer, Gauge, Unit::Bytes, "unused swap space"),
    ("in", Integer, Cumulative, Unit::Bytes, "memory swapped in since boot"),
    ("out", Integer, Cumulative, Unit::Bytes, "memory swapped out since boot"),
    ("total", Integer, Gauge, Unit::Bytes, "swap space"),
    ("used", Integer, Gauge, Unit::Bytes, "used swap space"),
    ("used_percent", Float, Gauge, Unit::Percent, "used swap space"),
];

#[rustfmt::skip]
const SYSTEM: [Row; 5] = [
    ("load1", Float, Gauge, Unit::None, "threads that run or wait, average over one minute"),
    ("load15", Float, Gauge, Unit::None, "threads that run or wait, average over fifteen minutes"),
    ("load5", Float, Gauge, Unit::None, "threads that run or wait, average over five minutes"),
    ("n_cpus", Integer, Gauge, Unit::Count, "processors that are switched on"),
    ("uptime", Integer, Gauge, Unit::Seconds, "time since boot"),
];

#[rustfmt::skip]
const PROCESSES: [Row; 4] = [
    ("blocked", Integer, Gauge, Unit::Count, "threads that wait for I/O without being interruptible"),
    ("running", Integer, Gauge, Unit::Count, "threads that run or wait for a processor"),
    ("total", Integer, Gauge, Unit::Count, "processes"),
    ("total_threads", Integer, Gauge, Unit::Count, "threads"),
];

#[rustfmt::skip]
const DISK: [Row; 9] = [
    ("device_error", Integer, Gauge, Unit::Boolean, "1 if the file system could not say how full it is, else 0"),
    ("free", Integer, Gauge, Unit::Bytes, "space that programs may still use"),
    ("inodes_free", Integer, Gauge, Unit::Count, "files that can still be created"),
    ("inodes_total", Integer, Gauge, Unit::Count, "files that there can be"),
    ("inodes_used", Integer, Gauge, Unit::Count, "files that there are"),
    ("inodes_used_percent", Float, Gauge, Unit::Percent, "files that there are, of those that there can be"),
    ("total", Integer, Gauge, Unit::Bytes, "size of the file system"),
    ("used", Integer, Gauge, Unit::Bytes, "space in use"),
    ("used_percent", Float, Gauge, Unit::Percent, "space in use, of what programs may use"),
];

#[rustfmt::skip]
const DISKIO: [Row; 11] = [
    ("io_time", Integer, Cumulative, Unit::Milliseconds, "time with at least one request in progress"),
    ("iops_in_progress", Integer, Gauge, Unit::Count, "requests in progress"),
    ("merged_reads", Integer, Cumulative, Unit::Count, "reads merged with others"),
    ("merged_writes", Integer, Cumulative, Unit::Count, "writes merged with others"),
    ("read_bytes", Integer, Cumulative, Unit::Bytes, "bytes read"),
    ("read_time", Integer, Cumulative, Unit::Milliseconds, "time that reads took, added up"),
    ("reads", Integer, Cumulative, Unit::Count, "reads completed"),
    ("weighted_io_time", Integer, Cumulative, Unit::Milliseconds, "time with requests in progress, times their number"),
    ("write_bytes", Integer, Cumulative, Unit::Bytes, "bytes written"),
    ("write_time", Integer, Cumulative, Unit::Milliseconds, "time that writes took, added up"),
    ("writes", Integer, Cumulative, Unit::Count, "writes completed"),
];

#[rustfmt::skip]
const NET: [Row; 8] = [
    ("bytes_recv", Integer, Cumulative, Unit::Bytes, "bytes received"),
    ("bytes_sent", Integer, Cumulative, Unit::Bytes, "bytes sent"),
    ("drop_in", Integer, Cumulative, Unit::Count, "packets received and dropped"),
    ("drop_out", Integer, Cumulative, Unit::Count, "packets dropped instead of sent"),
    ("err_in", Integer, Cumulative, Unit::Count, "packets received with errors"),
    ("err_out", Integer, Cumulative, Unit::Count, "packets that could not be sent for errors"),
    ("packets_recv", Integer, Cumulative, Unit::Count, "packets received"),
    ("packets_sent", Integer, Cumulative, Unit::Count, "packets sent"),
];

#[rustfmt::skip]
const PRESSURE: [Row; 8] = [
    ("full_avg10", Float, Gauge, Unit::Percent, "time in which all threads that were not idle waited for the resource, of the last 10 seconds"),
    ("full_avg300", Float, Gauge, Unit::Percent, "time in which all threads that were not idle waited for the resource, of the last 300 seconds"),
    ("full_avg60", Float, Gauge, Unit::Percent, "time in which all threads that were not idle waited for the resource, of the last 60 seconds"),
    ("full_total_usec", Integer, Cumulative, Unit::Microseconds, "time in which all threads that were not idle waited for the resource"),
    ("some_avg10", Float, Gauge, Unit::Percent, "time in which at least one thread waited for the resource, of the last 10 seconds"),
    ("some_avg300", Float, Gauge, Unit::Percent, "time in which at least one thread waited for the resource, of the last 300 seconds"),
    ("some_avg60", Float, Gauge, Unit::Percent, "time in which at least one thread waited for the resource, of the last 60 seconds"),
    ("some_total_usec", Integer, Cumulative, Unit::Microseconds, "time in which at least one thread waited for the resource"),
];

#[rustfmt::skip]
const PROCESS_TOP: [Row; 4] = [
    ("cpu_usage", Float, Gauge, Unit::Percent, "processor time used since the look before, of one processor"),
    ("memory_rss", Integer, Gauge, Unit::Bytes, "memory that the process has"),
    ("name", FieldType::String, Gauge, Unit::None, "the process' name"),
    ("pid", Integer, Gauge, Unit::None, "the process' number"),
];

/// Every measurement of the host with its fields; those of cgroups are beside their rows.
const MEASUREMENTS: [(&str, &[Row]); 12] = [
    ("cpu", &CPU),
    ("kernel", &KERNEL),
    ("kernel_vmstat", &KERNEL_VMSTAT),
    ("mem", &MEM),
    ("swap", &SWAP),
    ("system", &SYSTEM),
    ("processes", &PROCESSES),
    ("disk", &DISK),
    ("diskio", &DISKIO),
    ("net", &NET),
    ("pressure", &PRESSURE),
    ("process_top", &PROCESS_TOP),
];

/// Every field that a sampler may write.
pub(crate) static DESCRIPTORS: LazyLock<Vec<FieldDescriptor>> = LazyLock::new(|| {
    let one = |measurement: &'static str, row: &Row| {
        let (field, field_type, kind, unit, description) = *row;
        FieldDescriptor::new(measurement, field, field_type, kind, unit, description)
    };
    let host = MEASUREMENTS.iter().flat_map(|(name, rows)| rows.iter().map(|row| one(name, row)));
    host.chain(crate::cgroup::descriptors()).chain(crate::cgroup::cadvisor_descriptors()).collect()
});
