//! Files of version 2.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst. The `*.pressure` files are
//! [`crate::proc::Pressure`].

mod cgroup_events;
mod cgroup_stat;
mod cpu_max;
mod cpu_stat;
mod io_stat;
mod max_events;
mod memory_events;
mod memory_numa_stat;
mod memory_stat;
mod misc;
mod rdma;
mod swap_events;

pub use cgroup_events::CgroupEvents;
pub use cgroup_stat::CgroupStat;
pub use cpu_max::CpuMax;
pub use cpu_stat::CpuStat;
pub use io_stat::{IoStat, IoStatCost, IoStatDevice};
pub use max_events::MaxEvents;
pub use memory_events::MemoryEvents;
pub use memory_numa_stat::MemoryNumaStat;
pub use memory_stat::MemoryStat;
pub use misc::{Misc, MiscLimits};
pub use rdma::{Rdma, RdmaDevice};
pub use swap_events::SwapEvents;
