//! The files of sysfs that hold more than one value: one module, one type and one `parse` for each.

mod cpu_list;
mod node_meminfo;
mod numastat;
mod uevent;

pub use cpu_list::CpuList;
pub use node_meminfo::NodeMemInfo;
pub use numastat::NumaStat;
pub use uevent::Uevent;
