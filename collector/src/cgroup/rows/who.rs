//! Rows of what processes and runtimes tell of a container.

use stripchart_core::{Batch, KeyError, Unit};

use super::table::{Table, level, total};
use super::{Facts, Owner, Round, WideSeries, known};
use crate::node::{FilesystemSample, InterfaceSample, NetworkSample, TcpStates};

#[rustfmt::skip]
pub(super) static NET: Table<InterfaceSample> = Table {
    name: "container_net",
    fields: &[&[
        total("bytes_recv", Unit::Bytes, "bytes received", |i| Some(i.rx_bytes)),
        total("bytes_sent", Unit::Bytes, "bytes sent", |i| Some(i.tx_bytes)),
        total("drop_in", Unit::Count, "packets received and dropped", |i| Some(i.rx_dropped)),
        total("drop_out", Unit::Count, "packets dropped instead of sent", |i| Some(i.tx_dropped)),
        total("err_in", Unit::Count, "packets received with errors", |i| Some(i.rx_errors)),
        total("err_out", Unit::Count, "packets that could not be sent for errors", |i| Some(i.tx_errors)),
        total("packets_recv", Unit::Count, "packets received", |i| Some(i.rx_packets)),
        total("packets_sent", Unit::Count, "packets sent", |i| Some(i.tx_packets)),
    ]],
};

/// Connections in a state, of both versions of IP.
fn connections(network: &NetworkSample, get: fn(&TcpStates) -> u64) -> Option<u64> {
    let of_v6 = network.tcp6.as_ref().map_or(0, get);
    Some(get(network.tcp.as_ref()?) + of_v6)
}

#[rustfmt::skip]
pub(super) static SOCKETS: Table<NetworkSample> = Table {
    name: "container_netstat",
    fields: &[&[
        level("tcp_close", Unit::Count, "TCP sockets that are closed", |n| connections(n, |s| s.close)),
        level("tcp_close_wait", Unit::Count, "TCP connections that the other side closed", |n| connections(n, |s| s.close_wait)),
        level("tcp_closing", Unit::Count, "TCP connections that both sides are closing", |n| connections(n, |s| s.closing)),
        level("tcp_established", Unit::Count, "TCP connections", |n| connections(n, |s| s.established)),
        level("tcp_fin_wait1", Unit::Count, "TCP connections closed here and not yet acknowledged", |n| connections(n, |s| s.fin_wait1)),
        level("tcp_fin_wait2", Unit::Count, "TCP connections closed here and not yet by the other side", |n| connections(n, |s| s.fin_wait2)),
        level("tcp_last_ack", Unit::Count, "TCP connections that wait for the last acknowledgement", |n| connections(n, |s| s.last_ack)),
        level("tcp_listen", Unit::Count, "TCP sockets that wait for connections", |n| connections(n, |s| s.listen)),
        level("tcp_syn_recv", Unit::Count, "TCP connections that the other side is opening", |n| connections(n, |s| s.syn_recv)),
        level("tcp_syn_sent", Unit::Count, "TCP connections that are being opened here", |n| connections(n, |s| s.syn_sent)),
        level("tcp_time_wait", Unit::Count, "TCP connections that were closed lately", |n| connections(n, |s| s.time_wait)),
        total("udp_dropped", Unit::Count, "packets dropped by the UDP sockets that are open", |n| Some(n.udp.as_ref()?.dropped + n.udp6.map_or(0, |s| s.dropped))),
        level("udp_socket", Unit::Count, "UDP sockets", |n| Some(n.udp.as_ref()?.listen + n.udp6.map_or(0, |s| s.listen))),
    ]],
};

#[rustfmt::skip]
pub(super) static DISK: Table<FilesystemSample> = Table {
    name: "container_disk",
    fields: &[&[
        level("inodes_used", Unit::Count, "files, folders and links in its layer and logs", |d| d.inodes),
        level("layer_bytes", Unit::Bytes, "what it wrote to its root file system", |d| Some(d.base_usage)),
        level("logs_bytes", Unit::Bytes, "its logs", |d| Some(d.usage.saturating_sub(d.base_usage))),
        level("used", Unit::Bytes, "layer and logs together", |d| Some(d.usage)),
    ]],
};

/// Adds the rows of one container.
pub(super) fn add_rows(
    batch: &mut Batch,
    round: &Round,
    owner: Owner<'_>,
    series: &mut WideSeries,
    facts: &Facts,
) -> Result<(), KeyError> {
    const NONE: (&str, &str) = ("", "");
    let (sample, at, layouts) = (&facts.known.sample, round.at, &round.layouts);
    for interface in sample.network.iter().flat_map(|network| &network.interfaces) {
        let name = &interface.name;
        let found = known(
            &mut series.interfaces,
            |known| known == name,
            || Ok((name.clone(), owner.series(batch, &NET, ("interface", name))?)),
        )?;
        NET.add(batch, found, layouts.net, at, interface);
    }
    let asked = |network: &&NetworkSample| network.tcp.is_some() || network.udp.is_some();
    if let Some(network) = sample.network.as_ref().filter(asked) {
        let found = match series.sockets {
            Some(found) => found,
            None => *series.sockets.insert(owner.series(batch, &SOCKETS, NONE)?),
        };
        SOCKETS.add(batch, found, layouts.sockets, at, network);
    }
    if let Some(filesystem) = sample.filesystems.first() {
        let found = match series.disk {
            Some(found) => found,
            None => *series.disk.insert(owner.series(batch, &DISK, NONE)?),
        };
        DISK.add(batch, found, layouts.disk, at, filesystem);
    }
    Ok(())
}
