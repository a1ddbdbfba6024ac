//! What parts tell that most hosts lack: bonds, NFS, load balancing, power, fabrics.

use super::Row;
use stripchart_core::FieldType::{Float, Integer};
use stripchart_core::MetricKind::{Cumulative, Gauge};
use stripchart_core::Unit;

#[rustfmt::skip]
pub(super) const BONDING: [Row; 2] = [
    ("active", Integer, Gauge, Unit::Count, "interfaces of the bond whose link is up"),
    ("slaves", Integer, Gauge, Unit::Count, "interfaces of the bond"),
];

#[rustfmt::skip]
pub(super) const BONDING_SLAVE: [Row; 3] = [
    ("active", Integer, Gauge, Unit::Boolean, "1 if the bond sends through this interface alone"),
    ("link_failures", Integer, Cumulative, Unit::Count, "times that the link was lost"),
    ("up", Integer, Gauge, Unit::Boolean, "1 if the bond finds the link up"),
];

#[rustfmt::skip]
pub(super) const NFS: [Row; 7] = [
    ("connections", Integer, Cumulative, Unit::Count, "connections to servers over TCP"),
    ("packets", Integer, Cumulative, Unit::Count, "packets exchanged with servers"),
    ("rpc_authentication_refreshes", Integer, Cumulative, Unit::Count, "times that credentials were fetched anew"),
    ("rpc_retransmissions", Integer, Cumulative, Unit::Count, "calls sent again for want of an answer"),
    ("rpcs", Integer, Cumulative, Unit::Count, "calls of servers"),
    ("tcp_packets", Integer, Cumulative, Unit::Count, "packets exchanged over TCP"),
    ("udp_packets", Integer, Cumulative, Unit::Count, "packets exchanged over UDP"),
];

#[rustfmt::skip]
pub(super) const NFSD: [Row; 16] = [
    ("bad_auth_rpcs", Integer, Cumulative, Unit::Count, "calls refused for their credentials"),
    ("bad_clnt_rpcs", Integer, Cumulative, Unit::Count, "calls refused for their client"),
    ("bad_rpcs", Integer, Cumulative, Unit::Count, "calls that were malformed or refused"),
    ("connections", Integer, Cumulative, Unit::Count, "connections of clients over TCP"),
    ("disk_bytes_read", Integer, Cumulative, Unit::Bytes, "bytes read for clients"),
    ("disk_bytes_written", Integer, Cumulative, Unit::Bytes, "bytes written for clients"),
    ("file_handles_stale", Integer, Cumulative, Unit::Count, "calls for files that are gone"),
    ("packets", Integer, Cumulative, Unit::Count, "packets of clients"),
    ("reply_cache_hits", Integer, Cumulative, Unit::Count, "calls answered as before, having come twice"),
    ("reply_cache_misses", Integer, Cumulative, Unit::Count, "calls that may not be done twice, and came once"),
    ("reply_cache_nocache", Integer, Cumulative, Unit::Count, "calls that may be done twice"),
    ("rpc_errors", Integer, Cumulative, Unit::Count, "calls that failed before they were looked at"),
    ("server_rpcs", Integer, Cumulative, Unit::Count, "calls of clients"),
    ("server_threads", Integer, Gauge, Unit::Count, "threads that serve clients"),
    ("tcp_packets", Integer, Cumulative, Unit::Count, "packets of clients over TCP"),
    ("udp_packets", Integer, Cumulative, Unit::Count, "packets of clients over UDP"),
];

#[rustfmt::skip]
pub(super) const NFS_REQUESTS: [Row; 1] = [
    ("requests", Integer, Cumulative, Unit::Count, "requests of this method"),
];

#[rustfmt::skip]
pub(super) const IPVS: [Row; 5] = [
    ("connections", Integer, Cumulative, Unit::Count, "connections to all services"),
    ("incoming_bytes", Integer, Cumulative, Unit::Bytes, "bytes of clients"),
    ("incoming_packets", Integer, Cumulative, Unit::Count, "packets of clients"),
    ("outgoing_bytes", Integer, Cumulative, Unit::Bytes, "bytes to clients"),
    ("outgoing_packets", Integer, Cumulative, Unit::Count, "packets to clients"),
];

#[rustfmt::skip]
pub(super) const IPVS_BACKEND: [Row; 3] = [
    ("connections_active", Integer, Gauge, Unit::Count, "connections to the server that are open"),
    ("connections_inactive", Integer, Gauge, Unit::Count, "connections to the server that are being closed"),
    ("weight", Integer, Gauge, Unit::None, "share of the server; 0 if it gets nothing new"),
];

#[rustfmt::skip]
pub(super) const POWER_SUPPLY: [Row; 21] = [
    ("capacity", Integer, Gauge, Unit::Percent, "charge left"),
    ("charge_ampere", Float, Gauge, Unit::None, "charge left in ampere-hours"),
    ("charge_full_ampere", Float, Gauge, Unit::None, "charge when full in ampere-hours"),
    ("charge_full_design_ampere", Float, Gauge, Unit::None, "charge when full and new in ampere-hours"),
    ("current_ampere", Float, Gauge, Unit::None, "current in amperes"),
    ("current_max_ampere", Float, Gauge, Unit::None, "highest current in amperes"),
    ("cyclecount", Integer, Cumulative, Unit::Count, "times that it was charged"),
    ("discharging", Integer, Gauge, Unit::Boolean, "1 if it is being used up"),
    ("energy_full_design_watthour", Float, Gauge, Unit::None, "energy when full and new in watt-hours"),
    ("energy_full_watthour", Float, Gauge, Unit::None, "energy when full in watt-hours"),
    ("energy_watthour", Float, Gauge, Unit::None, "energy left in watt-hours"),
    ("online", Integer, Gauge, Unit::None, "0 without power, 1 with it, 2 if it could give more"),
    ("power_watt", Float, Gauge, Unit::None, "power in watts"),
    ("present", Integer, Gauge, Unit::Boolean, "1 if it is there"),
    ("temp_ambient_celsius", Float, Gauge, Unit::Celsius, "temperature around it"),
    ("temp_celsius", Float, Gauge, Unit::Celsius, "temperature"),
    ("time_to_empty_seconds", Integer, Gauge, Unit::Seconds, "time until it is empty"),
    ("time_to_full_seconds", Integer, Gauge, Unit::Seconds, "time until it is full"),
    ("voltage_max_design_volt", Float, Gauge, Unit::None, "highest voltage by design in volts"),
    ("voltage_min_design_volt", Float, Gauge, Unit::None, "lowest voltage by design in volts"),
    ("voltage_volt", Float, Gauge, Unit::None, "voltage in volts"),
];

#[rustfmt::skip]
pub(super) const RAPL: [Row; 2] = [
    ("joules", Float, Cumulative, Unit::None, "energy used in joules; begins again at zero beyond the highest"),
    ("max_joules", Float, Gauge, Unit::None, "highest value of the meter in joules"),
];

#[rustfmt::skip]
pub(super) const NVME: [Row; 2] = [
    ("info", Integer, Gauge, Unit::None, "1; what the controller is stands in the tags"),
    ("live", Integer, Gauge, Unit::Boolean, "1 if the controller works"),
];

#[rustfmt::skip]
pub(super) const INFINIBAND_LINK: [Row; 3] = [
    ("physical_state_id", Integer, Gauge, Unit::None, "state of the wire: 3 is disabled, 5 is up"),
    ("rate_bytes_per_second", Float, Gauge, Unit::BytesPerSecond, "speed of the link"),
    ("state_id", Integer, Gauge, Unit::None, "state of the port: 1 is down, 4 is active"),
];

#[rustfmt::skip]
pub(super) const INFINIBAND: [Row; 21] = [
    ("excessive_buffer_overrun_errors", Integer, Cumulative, Unit::Count, "times that buffers overran again and again"),
    ("link_downed", Integer, Cumulative, Unit::Count, "times that the link failed and did not recover"),
    ("link_error_recovery", Integer, Cumulative, Unit::Count, "times that the link failed and recovered"),
    ("local_link_integrity_errors", Integer, Cumulative, Unit::Count, "times that errors of the link were too many"),
    ("multicast_packets_received", Integer, Cumulative, Unit::Count, "multicast packets received"),
    ("multicast_packets_transmitted", Integer, Cumulative, Unit::Count, "multicast packets sent"),
    ("port_constraint_errors_received", Integer, Cumulative, Unit::Count, "packets received that the port may not take"),
    ("port_constraint_errors_transmitted", Integer, Cumulative, Unit::Count, "packets not sent because the port may not"),
    ("port_data_received_bytes", Integer, Cumulative, Unit::Bytes, "bytes received"),
    ("port_data_transmitted_bytes", Integer, Cumulative, Unit::Bytes, "bytes sent"),
    ("port_discards_transmitted", Integer, Cumulative, Unit::Count, "packets dropped instead of sent"),
    ("port_errors_received", Integer, Cumulative, Unit::Count, "packets received with errors"),
    ("port_packets_received", Integer, Cumulative, Unit::Count, "packets received"),
    ("port_packets_transmitted", Integer, Cumulative, Unit::Count, "packets sent"),
    ("port_receive_remote_physical_errors", Integer, Cumulative, Unit::Count, "packets received that were marked bad on their way"),
    ("port_receive_switch_relay_errors", Integer, Cumulative, Unit::Count, "packets received that could not be passed on"),
    ("port_transmit_wait", Integer, Cumulative, Unit::Count, "ticks with something to send and no leave to"),
    ("symbol_error", Integer, Cumulative, Unit::Count, "small errors of the wire"),
    ("unicast_packets_received", Integer, Cumulative, Unit::Count, "unicast packets received"),
    ("unicast_packets_transmitted", Integer, Cumulative, Unit::Count, "unicast packets sent"),
    ("vl15_dropped", Integer, Cumulative, Unit::Count, "packets of the management dropped for want of room"),
];
