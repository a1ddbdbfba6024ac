//! `ipvs` and `ipvs_backend`: the kernel's load balancer, which kube-proxy may use.

use std::path::Path;

use super::ROWS_MAX;
use crate::host::{self, Context, int};
use crate::proc::{IpVs, IpVsBackend, IpVsLocal, IpVsStats};

/// Reads the list at `path`, and the totals beside it.
pub(super) fn read(path: &Path, cx: &mut Context<'_>) {
    let totals = path.with_file_name("ip_vs_stats");
    if let Some(stats) = cx.attrs().parsed(&totals, IpVsStats::parse)
        && let Some(mut row) = cx.row("ipvs", &[])
    {
        row.field("connections", int(stats.connections));
        row.field("incoming_bytes", int(stats.incoming_bytes));
        row.field("incoming_packets", int(stats.incoming_packets));
        row.field("outgoing_bytes", int(stats.outgoing_bytes));
        row.field("outgoing_packets", int(stats.outgoing_packets));
    }
    let mut attrs = crate::attr::Attrs::new(cx.buffer, cx.warnings);
    let (batch, at, name) = (&mut *cx.batch, cx.at, cx.host);
    attrs.parsed(path, |text| {
        for backend in IpVs::parse(text)?.iter().take(ROWS_MAX) {
            let [address, port, mark] = local(&backend);
            let (remote, remote_port) =
                (backend.remote.to_string(), backend.remote_port.to_string());
            let tags = [
                ("local_address", &*address),
                ("local_mark", &mark),
                ("local_port", &port),
                ("proto", backend.protocol),
                ("remote_address", &remote),
                ("remote_port", &remote_port),
            ];
            let Ok(mut row) = host::row(batch, at, name, "ipvs_backend", &tags) else { continue };
            row.field("connections_active", int(backend.active));
            row.field("connections_inactive", int(backend.inactive));
            row.field("weight", int(backend.weight));
        }
        Ok(())
    });
}

/// Address, port and mark of the service, of which those are empty that it has not.
fn local(backend: &IpVsBackend<'_>) -> [String; 3] {
    match backend.local {
        IpVsLocal::Address(address, port) => [address.to_string(), port.to_string(), String::new()],
        IpVsLocal::Mark(mark) => [String::new(), String::new(), format!("{mark:08x}")],
    }
}
