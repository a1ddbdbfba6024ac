//! What the kernel and drivers tell of the machine and of themselves.

use super::Row;
use stripchart_core::FieldType::{Float, Integer};
use stripchart_core::MetricKind::{Cumulative, Gauge};
use stripchart_core::Unit;

#[rustfmt::skip]
pub(super) const LINUX_SYSCTL_FS: [Row; 4] = [
    ("file-max", Integer, Gauge, Unit::Count, "files that can be open"),
    ("file-nr", Integer, Gauge, Unit::Count, "files that are open"),
    ("inode-free-nr", Integer, Gauge, Unit::Count, "inodes in memory that are not in use"),
    ("inode-nr", Integer, Gauge, Unit::Count, "inodes in memory"),
];

#[rustfmt::skip]
pub(super) const SCHEDSTAT: [Row; 3] = [
    ("run_nanoseconds", Integer, Cumulative, Unit::Nanoseconds, "time that threads ran"),
    ("timeslices", Integer, Cumulative, Unit::Count, "turns that threads were given"),
    ("wait_nanoseconds", Integer, Cumulative, Unit::Nanoseconds, "time that threads waited for the processor"),
];

#[rustfmt::skip]
pub(super) const INTERRUPTS: [Row; 1] = [
    ("total", Integer, Cumulative, Unit::Count, "interrupts from this source on all processors"),
];

#[rustfmt::skip]
pub(super) const SOFT_INTERRUPTS: [Row; 1] = [
    ("total", Integer, Cumulative, Unit::Count, "soft interrupts of this kind on all processors"),
];

#[rustfmt::skip]
pub(super) const TIMEX: [Row; 9] = [
    ("estimated_error_usec", Integer, Gauge, Unit::Microseconds, "what the clock is thought to be wrong by"),
    ("frequency_ratio", Float, Gauge, Unit::Ratio, "frequency of the clock, 1 being uncorrected"),
    ("loop_time_constant", Integer, Gauge, Unit::None, "how slowly corrections follow, in powers of two"),
    ("max_error_usec", Integer, Gauge, Unit::Microseconds, "what the clock may be wrong by"),
    ("offset_nanoseconds", Integer, Gauge, Unit::Nanoseconds, "what the clock is being corrected by"),
    ("status", Integer, Gauge, Unit::None, "bits STA_* of the kernel"),
    ("sync_status", Integer, Gauge, Unit::Boolean, "1 if something keeps the clock"),
    ("tai_offset_seconds", Integer, Gauge, Unit::Seconds, "atomic time less UTC"),
    ("tick_usec", Integer, Gauge, Unit::Microseconds, "time between ticks"),
];

#[rustfmt::skip]
pub(super) const UNAME: [Row; 1] = [
    ("info", Integer, Gauge, Unit::None, "1; the kernel's name is in the tags"),
];

#[rustfmt::skip]
pub(super) const NUMA: [Row; 19] = [
    ("active", Integer, Gauge, Unit::Bytes, "memory used lately"),
    ("anon_pages", Integer, Gauge, Unit::Bytes, "memory of programs that no file backs"),
    ("dirty", Integer, Gauge, Unit::Bytes, "page cache that waits to be written"),
    ("file_pages", Integer, Gauge, Unit::Bytes, "page cache"),
    ("huge_pages_free", Integer, Gauge, Unit::Count, "huge pages that are free"),
    ("huge_pages_total", Integer, Gauge, Unit::Count, "huge pages in the pool"),
    ("inactive", Integer, Gauge, Unit::Bytes, "memory not used lately"),
    ("interleave_hit", Integer, Cumulative, Unit::Count, "pages interleaved as was wanted"),
    ("local_node", Integer, Cumulative, Unit::Count, "pages allocated by programs of the node"),
    ("mapped", Integer, Gauge, Unit::Bytes, "files mapped by programs"),
    ("mem_free", Integer, Gauge, Unit::Bytes, "memory that nobody uses"),
    ("mem_total", Integer, Gauge, Unit::Bytes, "memory of the node"),
    ("mem_used", Integer, Gauge, Unit::Bytes, "memory in use"),
    ("numa_foreign", Integer, Cumulative, Unit::Count, "pages wanted on the node and allocated on another"),
    ("numa_hit", Integer, Cumulative, Unit::Count, "pages allocated on the node as was wanted"),
    ("numa_miss", Integer, Cumulative, Unit::Count, "pages allocated on the node although another was wanted"),
    ("other_node", Integer, Cumulative, Unit::Count, "pages allocated by programs of other nodes"),
    ("shmem", Integer, Gauge, Unit::Bytes, "shared memory and tmpfs"),
    ("slab", Integer, Gauge, Unit::Bytes, "the kernel's own structures"),
];

#[rustfmt::skip]
pub(super) const HUGEPAGES: [Row; 5] = [
    ("free", Integer, Gauge, Unit::Count, "pages that are free"),
    ("overcommit", Integer, Gauge, Unit::Count, "pages that may be made beyond the pool"),
    ("reserved", Integer, Gauge, Unit::Count, "free pages that are promised"),
    ("surplus", Integer, Gauge, Unit::Count, "pages made beyond the pool"),
    ("total", Integer, Gauge, Unit::Count, "pages in the pool"),
];

#[rustfmt::skip]
pub(super) const TEMP: [Row; 3] = [
    ("critical", Float, Gauge, Unit::Celsius, "temperature at which the hardware takes harm"),
    ("high", Float, Gauge, Unit::Celsius, "temperature that is thought high"),
    ("temp", Float, Gauge, Unit::Celsius, "temperature"),
];

#[rustfmt::skip]
pub(super) const THERMAL_ZONE: [Row; 1] = [
    ("temp", Float, Gauge, Unit::Celsius, "temperature"),
];

#[rustfmt::skip]
pub(super) const COOLING_DEVICE: [Row; 2] = [
    ("cur_state", Integer, Gauge, Unit::None, "how much it cools, in steps of its own"),
    ("max_state", Integer, Gauge, Unit::None, "how much it can cool"),
];

#[rustfmt::skip]
pub(super) const LINUX_CPU: [Row; 7] = [
    ("cpuinfo_max_freq", Integer, Gauge, Unit::None, "highest frequency of the hardware in kHz"),
    ("cpuinfo_min_freq", Integer, Gauge, Unit::None, "lowest frequency of the hardware in kHz"),
    ("package_throttle_count", Integer, Cumulative, Unit::Count, "times that heat slowed the whole package"),
    ("scaling_cur_freq", Integer, Gauge, Unit::None, "frequency in kHz"),
    ("scaling_max_freq", Integer, Gauge, Unit::None, "highest frequency allowed in kHz"),
    ("scaling_min_freq", Integer, Gauge, Unit::None, "lowest frequency allowed in kHz"),
    ("throttle_count", Integer, Cumulative, Unit::Count, "times that heat slowed the core"),
];

#[rustfmt::skip]
pub(super) const EDAC: [Row; 4] = [
    ("correctable_errors", Integer, Cumulative, Unit::Count, "errors of memory that were corrected"),
    ("correctable_errors_noinfo", Integer, Cumulative, Unit::Count, "those whose place is not known"),
    ("uncorrectable_errors", Integer, Cumulative, Unit::Count, "errors of memory that were not corrected"),
    ("uncorrectable_errors_noinfo", Integer, Cumulative, Unit::Count, "those whose place is not known"),
];

#[rustfmt::skip]
pub(super) const MDSTAT: [Row; 9] = [
    ("BlocksSynced", Integer, Gauge, Unit::Count, "blocks of 1 KiB dealt with by what is going on"),
    ("BlocksSyncedFinishTime", Float, Gauge, Unit::None, "minutes until it is done"),
    ("BlocksSyncedPct", Float, Gauge, Unit::Percent, "part of the blocks dealt with"),
    ("BlocksSyncedSpeed", Float, Gauge, Unit::None, "KiB dealt with each second"),
    ("BlocksTotal", Integer, Gauge, Unit::Count, "blocks of 1 KiB"),
    ("DisksActive", Integer, Gauge, Unit::Count, "devices that work"),
    ("DisksFailed", Integer, Gauge, Unit::Count, "devices that failed"),
    ("DisksSpare", Integer, Gauge, Unit::Count, "devices that wait to take the place of another"),
    ("DisksTotal", Integer, Gauge, Unit::Count, "devices that there should be"),
];
