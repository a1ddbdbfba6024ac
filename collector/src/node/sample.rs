//! What a container used.
//!
//! All are running totals or levels as the kernel has them; `None` is what the kernel does not tell, which is not zero.
//! Times are nanoseconds, pressures microseconds, sizes bytes, unless a name says otherwise.

use std::net::IpAddr;

use stripchart_core::Timestamp;

use crate::proc::Pressure;

/// All that was read of a container at one time.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct ContainerSample {
    /// When, by the clock, after its files were read.
    pub at: Timestamp,
    /// Processor.
    pub cpu: CpuSample,
    /// Memory.
    pub memory: MemorySample,
    /// Block devices.
    pub io: IoSample,
    /// Processes and threads, as the kernel counts them.
    pub pids: PidsSample,
    /// The cgroup itself.
    pub cgroup: CgroupSample,
    /// Processes, as `/proc` tells; `None` unless asked for.
    pub processes: Option<ProcessesSample>,
    /// Pages of huge sizes.
    pub hugetlb: Vec<HugetlbSample>,
    /// RDMA devices.
    pub rdma: Vec<RdmaSample>,
    /// Other countable resources.
    pub misc: Vec<MiscSample>,
    /// Its network namespace; `None` where that is another container's.
    pub network: Option<NetworkSample>,
    /// File systems: all of the host's for the root, its own layers for a container.
    pub filesystems: Vec<FilesystemSample>,
    /// OOM kills of its processes, by whichever way they are known.
    pub oom_kills: Option<u64>,
    /// Version 1: whether pages move when its memory nodes change.
    pub cpuset_memory_migrate: Option<u64>,
}

/// Processor.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct CpuSample {
    /// Time used.
    pub usage_ns: Option<u64>,
    /// Time used in programs.
    pub user_ns: Option<u64>,
    /// Time used in the kernel.
    pub system_ns: Option<u64>,
    /// Time used on each processor; version 1 and the root only.
    pub per_cpu_ns: Vec<u64>,
    /// Periods in which there was something to limit.
    pub periods: Option<u64>,
    /// Periods in which the limit was hit.
    pub throttled_periods: Option<u64>,
    /// Time that was waited because of the limit.
    pub throttled_ns: Option<u64>,
    /// Periods that spent what was saved up.
    pub bursts: Option<u64>,
    /// Time beyond the quota in such periods.
    pub burst_ns: Option<u64>,
    /// Time lost for want of a processor.
    pub pressure: Option<Pressure>,
    /// What the scheduler counts of its threads; `None` unless asked for.
    pub sched: Option<SchedStat>,
}

/// Of the scheduler, over all processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchedStat {
    /// Time on a processor.
    pub run_ns: u64,
    /// Time waiting for one.
    pub wait_ns: u64,
    /// Turns on a processor.
    pub turns: u64,
}

/// Memory.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct MemorySample {
    /// In use, page cache included.
    pub usage: Option<u64>,
    /// The most that was in use.
    pub peak: Option<u64>,
    /// `usage` less `inactive_file`, never below zero: what cannot be given up at once.
    pub working_set: Option<u64>,
    /// Anonymous memory (`anon`, `total_rss`).
    pub rss: Option<u64>,
    /// Page cache (`file`, `total_cache`).
    pub cache: Option<u64>,
    /// Shared memory and tmpfs.
    pub shmem: Option<u64>,
    /// Mapped files.
    pub mapped_file: Option<u64>,
    /// Page cache that waits to be written.
    pub dirty: Option<u64>,
    /// Page cache that is being written.
    pub writeback: Option<u64>,
    /// Anonymous memory used lately.
    pub active_anon: Option<u64>,
    /// Anonymous memory not used lately.
    pub inactive_anon: Option<u64>,
    /// Page cache used lately.
    pub active_file: Option<u64>,
    /// Page cache not used lately.
    pub inactive_file: Option<u64>,
    /// Memory that cannot be given up.
    pub unevictable: Option<u64>,
    /// The kernel's.
    pub kernel: Option<u64>,
    /// The kernel's stacks.
    pub kernel_stack: Option<u64>,
    /// Page tables.
    pub page_tables: Option<u64>,
    /// Buffers of sockets.
    pub sock: Option<u64>,
    /// The kernel's structures.
    pub slab: Option<u64>,
    /// Those of them that can be given up.
    pub slab_reclaimable: Option<u64>,
    /// Transparent huge pages of anonymous memory.
    pub anon_thp: Option<u64>,
    /// In swap.
    pub swap: Option<u64>,
    /// The most that was in swap.
    pub swap_peak: Option<u64>,
    /// Swapped out, compressed, in memory.
    pub zswap: Option<u64>,
    /// The same before it was compressed.
    pub zswapped: Option<u64>,
    /// Page faults.
    pub page_faults: Option<u64>,
    /// Those that had to read.
    pub major_page_faults: Option<u64>,
    /// Pages looked at by reclaim.
    pub pages_scanned: Option<u64>,
    /// Pages reclaimed.
    pub pages_stolen: Option<u64>,
    /// Pages of files read again soon after they were given up.
    pub refaults_file: Option<u64>,
    /// Anonymous pages read again soon after they were swapped out.
    pub refaults_anon: Option<u64>,
    /// Times that the limit was hit and nothing could be reclaimed; version 1.
    pub failcnt: Option<u64>,
    /// `memory.events`: reclaim although below `memory.low`.
    pub events_low: Option<u64>,
    /// `memory.events`: throttled above `memory.high`.
    pub events_high: Option<u64>,
    /// `memory.events`: about to go above `memory.max`.
    pub events_max: Option<u64>,
    /// `memory.events`: nothing could be reclaimed.
    pub events_oom: Option<u64>,
    /// Processes killed (`oom_kill`), of this cgroup and those below it.
    pub oom_kills: Option<u64>,
    /// `memory.events.local`: what befell this cgroup alone.
    pub local_events: MemoryEventCounts,
    /// Times that swap was about to go above its limit (`max` of `memory.swap.events`).
    pub swap_events_max: Option<u64>,
    /// Times that nothing could be swapped out (`fail` of `memory.swap.events`).
    pub swap_events_fail: Option<u64>,
    /// Pages on each memory node.
    pub numa: Vec<NumaMemory>,
    /// Time lost for want of memory.
    pub pressure: Option<Pressure>,
}

/// How often limits were met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryEventCounts {
    /// Reclaim although below `memory.low`.
    pub low: Option<u64>,
    /// Throttled above `memory.high`.
    pub high: Option<u64>,
    /// About to go above `memory.max`.
    pub max: Option<u64>,
    /// Nothing could be reclaimed.
    pub oom: Option<u64>,
    /// Processes killed.
    pub oom_kill: Option<u64>,
}

/// Memory on one node, in pages of 4 KiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NumaMemory {
    /// The node.
    pub node: u32,
    /// The cgroup's own.
    pub own: NumaPages,
    /// With those of the cgroups below.
    pub hierarchical: NumaPages,
}

/// Pages by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NumaPages {
    /// Of files.
    pub file: u64,
    /// Anonymous.
    pub anon: u64,
    /// That cannot be given up.
    pub unevictable: u64,
}

/// Block devices.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct IoSample {
    /// Each device that was used.
    pub devices: Vec<DeviceIo>,
    /// Time lost for want of I/O.
    pub pressure: Option<Pressure>,
    /// Whether the totals below are known (a controller accounts for I/O).
    pub known: bool,
    /// Totals over devices that do not stand upon others.
    pub read_bytes: u64,
    /// See `read_bytes`.
    pub write_bytes: u64,
    /// See `read_bytes`.
    pub reads: u64,
    /// See `read_bytes`.
    pub writes: u64,
    /// Version 1: what the I/O schedulers BFQ and CFQ count, for each device; empty where neither does.
    pub scheduler: Vec<SchedulerIo>,
}

/// What an I/O scheduler counts of one block device, the cgroups below included.
///
/// Looked at when the cgroup is read whole, once a minute by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SchedulerIo {
    /// The device's number.
    pub major: u32,
    /// The device's number.
    pub minor: u32,
    /// Requests that wait.
    pub queued: Option<OperationCounts>,
    /// Sectors of 512 bytes, read and written.
    pub sectors: Option<u64>,
    /// Nanoseconds from handing requests to the device until they were done.
    pub service_ns: Option<OperationCounts>,
    /// Nanoseconds that requests waited.
    pub wait_ns: Option<OperationCounts>,
    /// Requests that were joined to others.
    pub merged: Option<OperationCounts>,
    /// Milliseconds of the device's time.
    pub time_ms: Option<u64>,
}

/// A count by kind of operation: each is either read, write or discard, and either sync or async.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the kernel's names")]
pub struct OperationCounts {
    pub read: u64,
    pub write: u64,
    pub sync: u64,
    pub asynchronous: u64,
    pub total: u64,
    /// Since 4.18.
    pub discard: Option<u64>,
}

/// One block device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceIo {
    /// Its number.
    pub major: u32,
    /// Its number.
    pub minor: u32,
    /// Bytes read.
    pub read_bytes: u64,
    /// Bytes written.
    pub write_bytes: u64,
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Bytes discarded; version 2, and version 1 since 4.18.
    pub discard_bytes: Option<u64>,
    /// Discards; version 2, and version 1 since 4.18.
    pub discards: Option<u64>,
    /// Version 1: (bytes, requests) counted as `Sync`, `Async` and `Total`.
    pub sync: Option<(u64, u64)>,
    /// See `sync`.
    pub asynchronous: Option<(u64, u64)>,
    /// See `sync`.
    pub total: Option<(u64, u64)>,
    /// What the cost model makes of it; version 2 where it is on.
    pub cost: Option<IoCost>,
}

/// The cost model's account of a device, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct IoCost {
    /// Device time used.
    pub usage_usec: u64,
    /// Time waited.
    pub wait_usec: u64,
    /// Time in debt.
    pub indebt_usec: u64,
    /// Time delayed for debt.
    pub indelay_usec: u64,
}

/// Processes and threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PidsSample {
    /// How many there are.
    pub current: Option<u64>,
    /// How many there were at most.
    pub peak: Option<u64>,
    /// How many there may be; `None` is no limit.
    pub limit: Option<u64>,
    /// Forks that the limit refused (`pids.events`).
    pub refused: Option<u64>,
}

/// The cgroup itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CgroupSample {
    /// Cgroups below it; version 2.
    pub descendants: Option<u64>,
    /// Cgroups below it that were removed and still hold memory; version 2.
    pub dying_descendants: Option<u64>,
    /// Whether there is a process in it or below it; version 2.
    pub populated: Option<bool>,
    /// Whether its processes are stopped by the freezer; version 2.
    pub frozen: Option<bool>,
}

/// Processes, from `/proc`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessesSample {
    /// Processes.
    pub processes: u64,
    /// Open files of all of them, as far as they may be seen.
    pub fds: u64,
    /// Those that are sockets.
    pub sockets: u64,
    /// Limits of the first process.
    pub ulimits: Vec<Ulimit>,
}

/// A limit of a process; -1 is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ulimit {
    /// As `max_open_files`.
    pub name: &'static str,
    /// The limit in force.
    pub soft: i64,
    /// How far it may be raised.
    pub hard: i64,
}

/// Pages of one huge size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HugetlbSample {
    /// As `2MB`.
    pub page_size: Box<str>,
    /// Bytes in use.
    pub usage: u64,
    /// The most that was in use; version 1.
    pub peak: Option<u64>,
    /// Times the limit was hit.
    pub failcnt: u64,
    /// Bytes reserved, used or not; `None` where the kernel does not count that (before 5.7).
    pub reserved: Option<u64>,
    /// The most that was reserved; version 1.
    pub reserved_peak: Option<u64>,
    /// Times the limit of reservations was hit; version 1.
    pub reserved_failcnt: Option<u64>,
    /// Bytes that may be used; `None` is no limit. Looked at now and then.
    pub limit: Option<u64>,
}

/// An RDMA device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RdmaSample {
    /// As `mlx5_0`.
    pub device: Box<str>,
    /// Handles of the adapter.
    pub hca_handles: u64,
    /// Objects of the adapter.
    pub hca_objects: u64,
    /// Handles that there may be; `None` is no limit.
    pub hca_handles_limit: Option<u64>,
    /// Objects that there may be; `None` is no limit.
    pub hca_objects_limit: Option<u64>,
}

/// Another countable resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MiscSample {
    /// As `sev_asids`.
    pub resource: Box<str>,
    /// In use.
    pub current: u64,
    /// How much there may be; `None` is no limit.
    pub limit: Option<u64>,
    /// Times the limit was hit.
    pub refused: Option<u64>,
}

/// A network namespace.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct NetworkSample {
    /// Its interfaces, without loopback, in the kernel's order.
    pub interfaces: Vec<InterfaceSample>,
    /// TCP connections by state; `None` unless asked for.
    pub tcp: Option<TcpStates>,
    /// The same of IPv6.
    pub tcp6: Option<TcpStates>,
    /// UDP sockets; `None` unless asked for.
    pub udp: Option<UdpSockets>,
    /// The same of IPv6.
    pub udp6: Option<UdpSockets>,
    /// Counters of TCP; `None` unless asked for.
    pub tcp_ext: Option<Box<TcpExtCounters>>,
    /// Addresses of the namespace, where known.
    pub addresses: Vec<IpAddr>,
}

/// An interface. All are running totals.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterfaceSample {
    /// As `eth0`.
    pub name: Box<str>,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets received with errors.
    pub rx_errors: u64,
    /// Packets received and dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets that could not be sent for errors.
    pub tx_errors: u64,
    /// Packets dropped instead of sent.
    pub tx_dropped: u64,
}

/// Connections of TCP by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the states of RFC 9293, under their names")]
pub struct TcpStates {
    pub established: u64,
    pub syn_sent: u64,
    pub syn_recv: u64,
    pub fin_wait1: u64,
    pub fin_wait2: u64,
    pub time_wait: u64,
    pub close: u64,
    pub close_wait: u64,
    pub last_ack: u64,
    pub listen: u64,
    pub closing: u64,
}

/// Sockets of UDP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct UdpSockets {
    /// Sockets.
    pub listen: u64,
    /// Packets dropped for want of room.
    pub dropped: u64,
    /// Bytes received that wait to be taken.
    pub rx_queued: u64,
    /// Bytes that wait to be sent.
    pub tx_queued: u64,
}

/// Counters of TCP, `Tcp` of `/proc/PID/net/snmp` and `TcpExt` of `/proc/PID/net/netstat`: the kernel's name and value,
/// in the kernel's order. `MaxConn` may be -1, which is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TcpExtCounters {
    /// Name and value.
    pub counters: Vec<(Box<str>, i64)>,
}

/// A file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilesystemSample {
    /// The device, as `/dev/sda1`, or the name of a file system without one.
    pub device: Box<str>,
    /// `ext4`, `overlay`, ...
    pub kind: Box<str>,
    /// Where it is mounted; empty for a container's layers.
    pub mount_point: Box<str>,
    /// The device's number.
    pub major: u32,
    /// The device's number.
    pub minor: u32,
    /// Bytes in all.
    pub capacity: u64,
    /// Bytes in use: of the whole file system for the root, of its own layer and logs for a container.
    pub usage: u64,
    /// Bytes of the container's own layer; 0 for the root.
    pub base_usage: u64,
    /// Bytes that a program without privilege may still use.
    pub available: u64,
    /// Inodes in all, where the file system counts them.
    pub inodes: Option<u64>,
    /// Inodes not in use, where it counts them.
    pub inodes_free: Option<u64>,
    /// Counters of the disk under it, by [`crate::proc::DiskStats`]' names; `None` where there is none.
    pub disk: Option<DiskCounters>,
}

/// Counters of a disk since boot; times are milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the kernel's names, Documentation/admin-guide/iostats.rst")]
pub struct DiskCounters {
    pub reads_completed: u64,
    pub reads_merged: u64,
    pub sectors_read: u64,
    pub read_ms: u64,
    pub writes_completed: u64,
    pub writes_merged: u64,
    pub sectors_written: u64,
    pub write_ms: u64,
    pub io_in_progress: u64,
    pub io_ms: u64,
    pub weighted_io_ms: u64,
}
