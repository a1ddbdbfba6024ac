//! Interfaces and sockets of a container's network namespace.

use super::{Emit, LabelName, Metric, Seen, counter, gauge};
use crate::node::{InterfaceSample, NetworkSample, TcpStates, UdpSockets};

const INTERFACE: LabelName<'_> = LabelName::from_static("interface");
const TCP_STATE: LabelName<'_> = LabelName::from_static("tcp_state");
const UDP_STATE: LabelName<'_> = LabelName::from_static("udp_state");

pub(super) const METRICS: &[Metric] = &[
    counter("container_network_receive_bytes_total", "Bytes received.", |seen, _, emit| {
        each(seen, emit, |interface| interface.rx_bytes);
    }),
    counter("container_network_receive_packets_total", "Packets received.", |seen, _, emit| {
        each(seen, emit, |interface| interface.rx_packets);
    }),
    counter(
        "container_network_receive_packets_dropped_total",
        "Packets dropped while receiving.",
        |seen, _, emit| each(seen, emit, |interface| interface.rx_dropped),
    ),
    counter(
        "container_network_receive_errors_total",
        "Errors while receiving.",
        |seen, _, emit| each(seen, emit, |interface| interface.rx_errors),
    ),
    counter("container_network_transmit_bytes_total", "Bytes sent.", |seen, _, emit| {
        each(seen, emit, |interface| interface.tx_bytes);
    }),
    counter("container_network_transmit_packets_total", "Packets sent.", |seen, _, emit| {
        each(seen, emit, |interface| interface.tx_packets);
    }),
    counter(
        "container_network_transmit_packets_dropped_total",
        "Packets dropped while sending.",
        |seen, _, emit| each(seen, emit, |interface| interface.tx_dropped),
    ),
    counter("container_network_transmit_errors_total", "Errors while sending.", |seen, _, emit| {
        each(seen, emit, |interface| interface.tx_errors);
    }),
    gauge(
        "container_network_tcp_usage_total",
        "TCP connections over IPv4 by state.",
        |seen, _, emit| tcp(own(seen).and_then(|network| network.tcp), emit),
    ),
    gauge(
        "container_network_tcp6_usage_total",
        "TCP connections over IPv6 by state.",
        |seen, _, emit| tcp(own(seen).and_then(|network| network.tcp6), emit),
    ),
    gauge(
        "container_network_udp_usage_total",
        "UDP sockets over IPv4, and bytes and packets in their queues.",
        |seen, _, emit| udp(own(seen).and_then(|network| network.udp), emit),
    ),
    gauge(
        "container_network_udp6_usage_total",
        "UDP sockets over IPv6, and bytes and packets in their queues.",
        |seen, _, emit| udp(own(seen).and_then(|network| network.udp6), emit),
    ),
    gauge(
        "container_network_advance_tcp_stats_total",
        "The kernel's counters of TCP.",
        |seen, _, emit| {
            let Some(tcp) = own(seen).and_then(|network| network.tcp_ext.as_ref()) else { return };
            let mut state = String::new();
            for (name, value) in &tcp.counters {
                state.clear();
                state.extend(name.chars().map(|c| c.to_ascii_lowercase()));
                emit.with(&[(TCP_STATE, &state)], Some(*value));
            }
        },
    ),
];

/// The network that is the container's own: on the host's, containers would repeat the node's traffic each.
fn own(seen: &Seen) -> Option<&NetworkSample> {
    seen.sample.network.as_ref().filter(|_| !seen.repeats_host_network())
}

fn each(seen: &Seen, emit: &mut Emit<'_, '_>, value: fn(&InterfaceSample) -> u64) {
    for interface in own(seen).iter().flat_map(|network| &network.interfaces) {
        emit.with(&[(INTERFACE, &*interface.name)], Some(value(interface)));
    }
}

fn tcp(states: Option<TcpStates>, emit: &mut Emit<'_, '_>) {
    let Some(states) = states else { return };
    let counts = [
        ("established", states.established),
        ("synsent", states.syn_sent),
        ("synrecv", states.syn_recv),
        ("finwait1", states.fin_wait1),
        ("finwait2", states.fin_wait2),
        ("timewait", states.time_wait),
        ("close", states.close),
        ("closewait", states.close_wait),
        ("lastack", states.last_ack),
        ("listen", states.listen),
        ("closing", states.closing),
    ];
    for (state, count) in counts {
        emit.with(&[(TCP_STATE, state)], Some(count));
    }
}

fn udp(sockets: Option<UdpSockets>, emit: &mut Emit<'_, '_>) {
    let Some(sockets) = sockets else { return };
    let counts = [
        ("listen", sockets.listen),
        ("dropped", sockets.dropped),
        ("rxqueued", sockets.rx_queued),
        ("txqueued", sockets.tx_queued),
    ];
    for (state, count) in counts {
        emit.with(&[(UDP_STATE, state)], Some(count));
    }
}
