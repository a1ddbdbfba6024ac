//! Files of version 1.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v1/.

mod blkio_device;
mod blkio_throttle;
mod cpu_stat;
mod cpuacct_stat;
mod cpuacct_usage_percpu;
mod memory_numa_stat;
mod memory_oom_control;
mod memory_stat;

pub use blkio_device::BlkioDevice;
pub use blkio_throttle::{BlkioEntry, BlkioThrottle};
pub use cpu_stat::CpuStat;
pub use cpuacct_stat::CpuacctStat;
pub use cpuacct_usage_percpu::CpuacctUsagePercpu;
pub use memory_numa_stat::MemoryNumaStat;
pub(crate) use memory_numa_stat::node_counts;
pub use memory_oom_control::MemoryOomControl;
pub use memory_stat::MemoryStat;
