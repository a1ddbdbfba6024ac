//! Files of version 2.
//!
//! Kernel documentation: Documentation/admin-guide/cgroup-v2.rst. The `*.pressure` files are
//! [`crate::proc::Pressure`].

mod cpu_max;
mod cpu_stat;
mod io_stat;
mod memory_events;
mod memory_stat;

pub use cpu_max::CpuMax;
#[cfg(feature = "linux")]
pub(crate) use cpu_max::millicores;
pub use cpu_stat::CpuStat;
pub use io_stat::{IoStat, IoStatDevice};
pub use memory_events::MemoryEvents;
pub use memory_stat::MemoryStat;
