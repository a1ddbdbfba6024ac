//! What a container may use.

/// Limits and requests as its cgroup has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerSpec {
    /// `None` where no controller accounts for the processor.
    pub cpu: Option<CpuSpec>,
    /// `None` where none accounts for memory.
    pub memory: Option<MemorySpec>,
    /// Whether pages of huge sizes are accounted for (never true under version 2, as cAdvisor has it).
    pub has_hugetlb: bool,
    /// Whether processes are accounted for.
    pub has_pids: bool,
    /// How many processes and threads it may have; `None` is no limit.
    pub pids_limit: Option<u64>,
    /// Whether its network is known here.
    pub has_network: bool,
    /// Whether file systems are accounted for.
    pub has_filesystem: bool,
    /// Whether I/O is accounted for.
    pub has_io: bool,
}

/// Limits of the processor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CpuSpec {
    /// Version 1's shares, or those that version 2's weight comes to (2 + (weight - 1) * 262142 / 9999).
    pub shares: u64,
    /// Version 2's weight, 1 to 10000; `None` under version 1.
    pub weight: Option<u64>,
    /// Microseconds of processor time in each period; `None` is no limit.
    pub quota_usec: Option<u64>,
    /// The period in microseconds.
    pub period_usec: Option<u64>,
    /// Microseconds saved up that may be spent beyond the quota at once.
    pub burst_usec: Option<u64>,
    /// The processors it may run on, as `0-3,7`; empty where the cgroup does not say, which is all.
    pub cpus: Box<str>,
    /// The memory nodes it may use, as `0-1`; empty where the cgroup does not say.
    pub mems: Box<str>,
}

/// Limits of memory, in bytes; `None` is no limit (`max`), or not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemorySpec {
    /// `memory.max`, `memory.limit_in_bytes`.
    pub limit: Option<u64>,
    /// `memory.swap.max`; version 1's `memory.memsw.limit_in_bytes`, which is of memory and swap together.
    pub swap_limit: Option<u64>,
    /// `memory.min`; version 1's `memory.soft_limit_in_bytes`.
    pub reservation: Option<u64>,
    /// `memory.high`; version 2 only.
    pub high: Option<u64>,
    /// `memory.low`; version 2 only.
    pub low: Option<u64>,
    /// `memory.swap.high`; version 2 only.
    pub swap_high: Option<u64>,
    /// `memory.zswap.max`; version 2 only.
    pub zswap_limit: Option<u64>,
}
