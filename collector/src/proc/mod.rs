//! The files of procfs: one module, one type and one `parse` for each.
//!
//! Parsers take the bytes of the file and borrow from them. They ask for what the oldest supported kernel (3.10) writes;
//! what came later is an `Option`, and keys or columns that a newer kernel adds are passed over.

mod cpuinfo;
mod diskstats;
mod file_nr;
mod interrupts;
mod ip_vs;
mod kstat;
mod labelled_counts;
mod loadavg;
mod mdstat;
mod meminfo;
mod mountinfo;
mod net_dev;
mod nf_conntrack;
pub mod pid;
mod pressure;
mod schedstat;
mod sockstat;
mod softnet_stat;
mod stat;
mod uptime;
mod vmstat;

pub use cpuinfo::{CpuInfo, Processor};
pub use diskstats::{DiskStat, DiskStats};
pub use file_nr::{FileNr, InodeNr};
pub use interrupts::{Interrupt, Interrupts};
pub use ip_vs::{IpVs, IpVsBackend, IpVsLocal, IpVsStats};
pub use kstat::KStat;
pub use labelled_counts::LabelledCounts;
pub use loadavg::LoadAvg;
pub use mdstat::{MdArray, MdStat};
pub use meminfo::MemInfo;
#[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
pub(crate) use mountinfo::unescape;
pub use mountinfo::{Mount, MountInfo};
pub use net_dev::{NetDev, NetDevInterface};
pub use nf_conntrack::NfConntrack;
pub use pressure::{IrqPressure, Pressure, PressureLine};
pub use schedstat::{SchedCpu, SchedStats};
pub use sockstat::SockStat;
pub use softnet_stat::{SoftnetCpu, SoftnetStat};
pub use stat::{CpuTimes, Stat};
pub use uptime::Uptime;
pub use vmstat::VmStat;
