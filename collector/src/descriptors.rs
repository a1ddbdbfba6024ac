//! What every field means.
//!
//! In order of measurement as a sample has them, and of field. A test holds this table against what is sampled.

mod filesystems;
mod machine;
mod network;
mod parts;

use std::sync::LazyLock;

use stripchart_core::FieldType::{Float, Integer};
use stripchart_core::MetricKind::{Cumulative, Gauge};
use stripchart_core::{FieldDescriptor, FieldType, MetricKind, Unit};

pub(crate) use filesystems::{XFS, ZFS};
pub(crate) use network::{NSTAT, SOCKSTAT};

/// Field, type, kind, unit and meaning.
pub(crate) type Row = (&'static str, FieldType, MetricKind, Unit, &'static str);

#[rustfmt::skip]
const CPU: [Row; 21] = [
    ("time_guest", Float, Cumulative, Unit::Seconds, "processor time running virtual machines since boot"),
    ("time_guest_nice", Float, Cumulative, Unit::Seconds, "processor time running virtual machines of low priority since boot"),
    ("time_idle", Float, Cumulative, Unit::Seconds, "processor time with nothing to do since boot"),
    ("time_iowait", Float, Cumulative, Unit::Seconds, "processor time with nothing to do while a thread waited for I/O since boot"),
    ("time_irq", Float, Cumulative, Unit::Seconds, "processor time in interrupts since boot"),
    ("time_nice", Float, Cumulative, Unit::Seconds, "processor time in programs of low priority since boot"),
    ("time_softirq", Float, Cumulative, Unit::Seconds, "processor time in soft interrupts since boot"),
    ("time_steal", Float, Cumulative, Unit::Seconds, "processor time given by the hypervisor to others since boot"),
    ("time_system", Float, Cumulative, Unit::Seconds, "processor time in the kernel since boot"),
    ("time_user", Float, Cumulative, Unit::Seconds, "processor time in programs since boot"),
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
const KERNEL: [Row; 6] = [
    ("boot_time", Integer, Gauge, Unit::UnixSeconds, "when the host was booted"),
    ("context_switches", Integer, Cumulative, Unit::Count, "context switches since boot"),
    ("entropy_avail", Integer, Gauge, Unit::Bits, "entropy that the random number generator has at hand"),
    ("entropy_poolsize", Integer, Gauge, Unit::Bits, "entropy that the random number generator holds at most"),
    ("interrupts", Integer, Cumulative, Unit::Count, "interrupts since boot"),
    ("processes_forked", Integer, Cumulative, Unit::Count, "processes and threads created since boot"),
];

#[rustfmt::skip]
const KERNEL_VMSTAT: [Row; 50] = [
    ("allocstall_dma", Integer, Cumulative, Unit::Count, "times that a program had to reclaim for low memory"),
    ("allocstall_movable", Integer, Cumulative, Unit::Count, "times that a program had to reclaim for memory that can be moved"),
    ("allocstall_normal", Integer, Cumulative, Unit::Count, "times that a program had to reclaim for memory"),
    ("compact_fail", Integer, Cumulative, Unit::Count, "times that memory could not be made contiguous"),
    ("compact_stall", Integer, Cumulative, Unit::Count, "times that a program waited for memory to be made contiguous"),
    ("compact_success", Integer, Cumulative, Unit::Count, "times that memory was made contiguous"),
    ("drop_pagecache", Integer, Cumulative, Unit::Count, "times that someone dropped the page cache"),
    ("drop_slab", Integer, Cumulative, Unit::Count, "times that someone dropped structures of the kernel"),
    ("kswapd_high_wmark_hit_quickly", Integer, Cumulative, Unit::Count, "times that the background reclaim was done at once"),
    ("numa_foreign", Integer, Cumulative, Unit::Count, "pages wanted on one node and allocated on another"),
    ("numa_hit", Integer, Cumulative, Unit::Count, "pages allocated on the node that was wanted"),
    ("numa_local", Integer, Cumulative, Unit::Count, "pages allocated on the program's node"),
    ("numa_miss", Integer, Cumulative, Unit::Count, "pages allocated on a node that was not wanted"),
    ("numa_other", Integer, Cumulative, Unit::Count, "pages allocated on another than the program's node"),
    ("numa_pages_migrated", Integer, Cumulative, Unit::Count, "pages moved to another node"),
    ("oom_kill", Integer, Cumulative, Unit::Count, "processes killed for want of memory"),
    ("pageoutrun", Integer, Cumulative, Unit::Count, "times that the background reclaim ran"),
    ("pgactivate", Integer, Cumulative, Unit::Count, "pages moved to those used lately"),
    ("pgdeactivate", Integer, Cumulative, Unit::Count, "pages moved to those not used lately"),
    ("pgfault", Integer, Cumulative, Unit::Count, "page faults"),
    ("pgfree", Integer, Cumulative, Unit::Count, "pages freed"),
    ("pgmajfault", Integer, Cumulative, Unit::Count, "page faults that had to read from disk"),
    ("pgmigrate_fail", Integer, Cumulative, Unit::Count, "pages that could not be moved"),
    ("pgmigrate_success", Integer, Cumulative, Unit::Count, "pages moved"),
    ("pgpgin", Integer, Cumulative, Unit::Count, "KiB read from block devices"),
    ("pgpgout", Integer, Cumulative, Unit::Count, "KiB written to block devices"),
    ("pgrefill", Integer, Cumulative, Unit::Count, "pages looked at among those used lately"),
    ("pgscan_direct", Integer, Cumulative, Unit::Count, "pages looked at by programs that had to reclaim memory themselves"),
    ("pgscan_khugepaged", Integer, Cumulative, Unit::Count, "pages looked at while huge pages were made"),
    ("pgscan_kswapd", Integer, Cumulative, Unit::Count, "pages looked at by the reclaim in the background"),
    ("pgsteal_direct", Integer, Cumulative, Unit::Count, "pages that programs reclaimed themselves"),
    ("pgsteal_khugepaged", Integer, Cumulative, Unit::Count, "pages reclaimed while huge pages were made"),
    ("pgsteal_kswapd", Integer, Cumulative, Unit::Count, "pages reclaimed in the background"),
    ("pswpin", Integer, Cumulative, Unit::Count, "pages swapped in"),
    ("pswpout", Integer, Cumulative, Unit::Count, "pages swapped out"),
    ("slabs_scanned", Integer, Cumulative, Unit::Count, "structures of the kernel looked at by reclaim"),
    ("swap_ra", Integer, Cumulative, Unit::Count, "pages read from swap ahead"),
    ("swap_ra_hit", Integer, Cumulative, Unit::Count, "those that were used"),
    ("thp_collapse_alloc", Integer, Cumulative, Unit::Count, "huge pages made of small ones"),
    ("thp_fault_alloc", Integer, Cumulative, Unit::Count, "huge pages given at a fault"),
    ("thp_fault_fallback", Integer, Cumulative, Unit::Count, "faults that got small pages for want of a huge one"),
    ("thp_split_page", Integer, Cumulative, Unit::Count, "huge pages taken apart"),
    ("unevictable_pgs_scanned", Integer, Cumulative, Unit::Count, "pages looked at that cannot be reclaimed"),
    ("workingset_activate_anon", Integer, Cumulative, Unit::Count, "anonymous pages that were read again and used lately before"),
    ("workingset_activate_file", Integer, Cumulative, Unit::Count, "pages of files that were read again and used lately before"),
    ("workingset_nodereclaim", Integer, Cumulative, Unit::Count, "times that shadows of pages were given up"),
    ("workingset_refault_anon", Integer, Cumulative, Unit::Count, "anonymous pages read again soon after they were given up"),
    ("workingset_refault_file", Integer, Cumulative, Unit::Count, "pages of files read again soon after they were given up"),
    ("zswpin", Integer, Cumulative, Unit::Count, "pages read from compressed swap"),
    ("zswpout", Integer, Cumulative, Unit::Count, "pages written to compressed swap"),
];

#[rustfmt::skip]
const MEM: [Row; 63] = [
    ("active", Integer, Gauge, Unit::Bytes, "memory used lately"),
    ("active_anon", Integer, Gauge, Unit::Bytes, "memory of programs used lately"),
    ("active_file", Integer, Gauge, Unit::Bytes, "page cache used lately"),
    ("anon_huge_pages", Integer, Gauge, Unit::Bytes, "transparent huge pages of programs"),
    ("anon_pages", Integer, Gauge, Unit::Bytes, "memory of programs that no file backs"),
    ("available", Integer, Gauge, Unit::Bytes, "memory that programs could get without swapping"),
    ("available_percent", Float, Gauge, Unit::Percent, "memory that programs could get without swapping"),
    ("bounce", Integer, Gauge, Unit::Bytes, "memory that stands in for memory that a device cannot reach"),
    ("buffered", Integer, Gauge, Unit::Bytes, "buffers of block devices"),
    ("cached", Integer, Gauge, Unit::Bytes, "page cache and kernel structures that can be given up"),
    ("cma_free", Integer, Gauge, Unit::Bytes, "unused memory kept for large contiguous requests"),
    ("cma_total", Integer, Gauge, Unit::Bytes, "memory kept for large contiguous requests"),
    ("commit_limit", Integer, Gauge, Unit::Bytes, "memory that may be promised under strict overcommit"),
    ("committed_as", Integer, Gauge, Unit::Bytes, "memory that has been promised to programs"),
    ("direct_map_1g", Integer, Gauge, Unit::Bytes, "kernel's map of memory in pages of 1 GiB"),
    ("direct_map_2m", Integer, Gauge, Unit::Bytes, "kernel's map of memory in pages of 2 MiB"),
    ("direct_map_4k", Integer, Gauge, Unit::Bytes, "kernel's map of memory in pages of 4 KiB"),
    ("dirty", Integer, Gauge, Unit::Bytes, "page cache that waits to be written to disk"),
    ("file_huge_pages", Integer, Gauge, Unit::Bytes, "transparent huge pages of files"),
    ("file_pmd_mapped", Integer, Gauge, Unit::Bytes, "those mapped by programs as such"),
    ("free", Integer, Gauge, Unit::Bytes, "memory that nobody uses for anything"),
    ("hardware_corrupted", Integer, Gauge, Unit::Bytes, "memory that the hardware found faulty"),
    ("high_free", Integer, Gauge, Unit::Bytes, "unused high memory of a 32-bit kernel"),
    ("high_total", Integer, Gauge, Unit::Bytes, "high memory of a 32-bit kernel"),
    ("huge_page_size", Integer, Gauge, Unit::Bytes, "size of a huge page"),
    ("huge_pages_free", Integer, Gauge, Unit::Count, "huge pages in the pool that are free"),
    ("huge_pages_reserved", Integer, Gauge, Unit::Count, "huge pages that are promised"),
    ("huge_pages_surplus", Integer, Gauge, Unit::Count, "huge pages beyond the pool"),
    ("huge_pages_total", Integer, Gauge, Unit::Count, "huge pages in the pool"),
    ("hugetlb", Integer, Gauge, Unit::Bytes, "memory in huge pages of all sizes"),
    ("inactive", Integer, Gauge, Unit::Bytes, "memory not used lately"),
    ("inactive_anon", Integer, Gauge, Unit::Bytes, "memory of programs not used lately"),
    ("inactive_file", Integer, Gauge, Unit::Bytes, "page cache not used lately"),
    ("k_reclaimable", Integer, Gauge, Unit::Bytes, "memory of the kernel that it can give up"),
    ("kernel_stack", Integer, Gauge, Unit::Bytes, "stacks of threads inside the kernel"),
    ("low_free", Integer, Gauge, Unit::Bytes, "unused low memory of a 32-bit kernel"),
    ("low_total", Integer, Gauge, Unit::Bytes, "low memory of a 32-bit kernel"),
    ("mapped", Integer, Gauge, Unit::Bytes, "files mapped by programs"),
    ("mlocked", Integer, Gauge, Unit::Bytes, "memory locked by programs"),
    ("nfs_unstable", Integer, Gauge, Unit::Bytes, "written to a server and not yet on its disk"),
    ("page_tables", Integer, Gauge, Unit::Bytes, "page tables"),
    ("per_cpu", Integer, Gauge, Unit::Bytes, "memory of structures kept for each processor"),
    ("sec_page_tables", Integer, Gauge, Unit::Bytes, "page tables of virtual machines and devices"),
    ("shared", Integer, Gauge, Unit::Bytes, "shared memory and tmpfs"),
    ("shmem_huge_pages", Integer, Gauge, Unit::Bytes, "transparent huge pages of shared memory"),
    ("shmem_pmd_mapped", Integer, Gauge, Unit::Bytes, "those mapped by programs as such"),
    ("slab", Integer, Gauge, Unit::Bytes, "the kernel's own structures"),
    ("sreclaimable", Integer, Gauge, Unit::Bytes, "the kernel's own structures that can be given up"),
    ("sunreclaim", Integer, Gauge, Unit::Bytes, "the kernel's own structures that cannot be given up"),
    ("swap_cached", Integer, Gauge, Unit::Bytes, "memory that is in swap and in memory both"),
    ("swap_free", Integer, Gauge, Unit::Bytes, "unused swap space"),
    ("swap_total", Integer, Gauge, Unit::Bytes, "swap space"),
    ("total", Integer, Gauge, Unit::Bytes, "memory that the kernel manages"),
    ("unevictable", Integer, Gauge, Unit::Bytes, "memory that cannot be reclaimed"),
    ("used", Integer, Gauge, Unit::Bytes, "memory that programs could not get without swapping"),
    ("used_percent", Float, Gauge, Unit::Percent, "memory that programs could not get without swapping"),
    ("vmalloc_chunk", Integer, Gauge, Unit::Bytes, "largest free piece of the address space of vmalloc"),
    ("vmalloc_total", Integer, Gauge, Unit::Bytes, "address space of vmalloc"),
    ("vmalloc_used", Integer, Gauge, Unit::Bytes, "address space of vmalloc in use"),
    ("write_back", Integer, Gauge, Unit::Bytes, "page cache being written to disk"),
    ("write_back_tmp", Integer, Gauge, Unit::Bytes, "temporary buffers of FUSE for writing back"),
    ("zswap", Integer, Gauge, Unit::Bytes, "compressed swap cache"),
    ("zswapped", Integer, Gauge, Unit::Bytes, "what it would be uncompressed"),
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
const PROCESSES: [Row; 12] = [
    ("blocked", Integer, Gauge, Unit::Count, "threads that wait for I/O without being interruptible"),
    ("dead", Integer, Gauge, Unit::Count, "processes that are gone but for their entry"),
    ("idle", Integer, Gauge, Unit::Count, "threads of the kernel with nothing to do"),
    ("parked", Integer, Gauge, Unit::Count, "threads of the kernel that are parked"),
    ("running", Integer, Gauge, Unit::Count, "threads that run or wait for a processor"),
    ("sleeping", Integer, Gauge, Unit::Count, "processes that wait"),
    ("stopped", Integer, Gauge, Unit::Count, "processes that are stopped or traced"),
    ("total", Integer, Gauge, Unit::Count, "processes"),
    ("total_threads", Integer, Gauge, Unit::Count, "threads"),
    ("uninterruptible", Integer, Gauge, Unit::Count, "processes that wait without being interruptible"),
    ("unknown", Integer, Gauge, Unit::Count, "processes in a state that is not known here"),
    ("zombies", Integer, Gauge, Unit::Count, "processes that ended and were not waited for"),
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
const DISKIO: [Row; 17] = [
    ("discard_bytes", Integer, Cumulative, Unit::Bytes, "bytes discarded"),
    ("discard_time", Integer, Cumulative, Unit::Milliseconds, "time that discards took, added up"),
    ("discards", Integer, Cumulative, Unit::Count, "discards completed"),
    ("flush_time", Integer, Cumulative, Unit::Milliseconds, "time that flushes took, added up"),
    ("flushes", Integer, Cumulative, Unit::Count, "flushes completed"),
    ("io_time", Integer, Cumulative, Unit::Milliseconds, "time with at least one request in progress"),
    ("iops_in_progress", Integer, Gauge, Unit::Count, "requests in progress"),
    ("merged_discards", Integer, Cumulative, Unit::Count, "discards merged with others"),
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
const NET: [Row; 16] = [
    ("bytes_recv", Integer, Cumulative, Unit::Bytes, "bytes received"),
    ("bytes_sent", Integer, Cumulative, Unit::Bytes, "bytes sent"),
    ("carrier_out", Integer, Cumulative, Unit::Count, "packets lost because the carrier was"),
    ("colls_out", Integer, Cumulative, Unit::Count, "collisions on the way out"),
    ("compressed_in", Integer, Cumulative, Unit::Count, "compressed packets received"),
    ("compressed_out", Integer, Cumulative, Unit::Count, "compressed packets sent"),
    ("drop_in", Integer, Cumulative, Unit::Count, "packets received and dropped"),
    ("drop_out", Integer, Cumulative, Unit::Count, "packets dropped instead of sent"),
    ("err_in", Integer, Cumulative, Unit::Count, "packets received with errors"),
    ("err_out", Integer, Cumulative, Unit::Count, "packets that could not be sent for errors"),
    ("fifo_in", Integer, Cumulative, Unit::Count, "packets received and lost for want of room in the device"),
    ("fifo_out", Integer, Cumulative, Unit::Count, "packets not sent for want of room in the device"),
    ("frame_in", Integer, Cumulative, Unit::Count, "packets received with a broken frame"),
    ("multicast_in", Integer, Cumulative, Unit::Count, "multicast packets received"),
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
const MEASUREMENTS: [(&str, &[Row]); 54] = [
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
    ("linux_sysctl_fs", &machine::LINUX_SYSCTL_FS),
    ("schedstat", &machine::SCHEDSTAT),
    ("interrupts", &machine::INTERRUPTS),
    ("soft_interrupts", &machine::SOFT_INTERRUPTS),
    ("timex", &machine::TIMEX),
    ("uname", &machine::UNAME),
    ("numa", &machine::NUMA),
    ("hugepages_root", &machine::HUGEPAGES),
    ("hugepages_per_node", &machine::HUGEPAGES),
    ("temp", &machine::TEMP),
    ("thermal_zone", &machine::THERMAL_ZONE),
    ("cooling_device", &machine::COOLING_DEVICE),
    ("linux_cpu", &machine::LINUX_CPU),
    ("edac", &machine::EDAC),
    ("mdstat", &machine::MDSTAT),
    ("nstat", &network::NSTAT),
    ("sockstat", &network::SOCKSTAT),
    ("softnet", &network::SOFTNET),
    ("conntrack", &network::CONNTRACK),
    ("arp", &network::ARP),
    ("udp_queues", &network::UDP_QUEUES),
    ("net_link", &network::NET_LINK),
    ("bonding", &parts::BONDING),
    ("bonding_slave", &parts::BONDING_SLAVE),
    ("nfs", &parts::NFS),
    ("nfs_requests", &parts::NFS_REQUESTS),
    ("nfsd", &parts::NFSD),
    ("nfsd_requests", &parts::NFS_REQUESTS),
    ("ipvs", &parts::IPVS),
    ("ipvs_backend", &parts::IPVS_BACKEND),
    ("power_supply", &parts::POWER_SUPPLY),
    ("rapl", &parts::RAPL),
    ("nvme", &parts::NVME),
    ("infiniband", &parts::INFINIBAND),
    ("infiniband_link", &parts::INFINIBAND_LINK),
    ("xfs", &filesystems::XFS),
    ("zfs", &filesystems::ZFS),
    ("btrfs", &filesystems::BTRFS),
    ("btrfs_allocation", &filesystems::BTRFS_ALLOCATION),
    ("btrfs_profile", &filesystems::BTRFS_PROFILE),
    ("btrfs_device", &filesystems::BTRFS_DEVICE),
    ("btrfs_device_errors", &filesystems::BTRFS_DEVICE_ERRORS),
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
