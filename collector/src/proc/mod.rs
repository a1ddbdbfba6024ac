//! The files of procfs: one module, one type and one `parse` for each.
//!
//! Parsers take the bytes of the file and borrow from them. They ask for what the oldest supported kernel (3.10) writes;
//! what came later is an `Option`, and keys or columns that a newer kernel adds are passed over.

mod cpuinfo;
mod diskstats;
mod loadavg;
mod meminfo;
mod mountinfo;
mod net_dev;
pub mod pid;
mod pressure;
mod stat;
mod uptime;
mod vmstat;

pub use cpuinfo::{CpuInfo, Processor};
pub use diskstats::{DiskStat, DiskStats};
pub use loadavg::LoadAvg;
pub use meminfo::MemInfo;
#[cfg(any(feature = "cadvisor", feature = "docker"))]
pub(crate) use mountinfo::unescape;
pub use mountinfo::{Mount, MountInfo};
pub use net_dev::{NetDev, NetDevInterface};
pub use pressure::{Pressure, PressureLine};
pub use stat::{CpuTimes, Stat};
pub use uptime::Uptime;
pub use vmstat::VmStat;
