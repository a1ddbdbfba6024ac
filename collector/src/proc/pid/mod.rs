//! Files of a single process, `/proc/PID/...`, and of its network namespace, `/proc/PID/net/...`.

mod limits;
mod net_counters;
mod net_sockets;
mod schedstat;
mod stat;

pub use limits::{Limits, ResourceLimit};
pub use net_counters::net_counters;
pub use net_sockets::{Socket, TcpState};
pub use schedstat::Schedstat;
pub use stat::PidStat;
