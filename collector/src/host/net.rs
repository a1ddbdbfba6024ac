//! `net`, from `/proc/net/dev`.

use super::{Context, int};
use crate::Roots;
use crate::file::HostFile;
use crate::machine::NO_INTERFACES;
use crate::node::InterfaceSample;
use crate::proc::{NetDev, NetDevInterface};

#[derive(Debug)]
pub(crate) struct Net {
    file: HostFile,
    excluded: Vec<String>,
    /// The interfaces of the root container, as they were last; refilled with each sample.
    last: Vec<InterfaceSample>,
}

impl Net {
    pub(crate) fn new(roots: &Roots, excluded: Vec<String>) -> Self {
        Net { file: HostFile::new(roots.net_dev()), excluded, last: Vec::new() }
    }

    /// The interfaces in the last sample, without loopback and those of containers.
    pub(crate) fn interfaces(&self) -> &[InterfaceSample] {
        &self.last
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        let mut kept = 0;
        self.read(cx, &mut kept);
        self.last.truncate(kept);
    }

    fn read(&mut self, cx: &mut Context<'_>, kept: &mut usize) {
        let Some(text) = cx.warnings.read(&mut self.file, cx.buffer) else { return };
        let parsed = NetDev::parse(text);
        let Some(interfaces) = cx.warnings.parsed(self.file.path(), parsed) else { return };
        for net in interfaces.iter() {
            if !is_of_a_container(net.name) {
                keep(&mut self.last, *kept, &net);
                *kept += 1;
            }
            // Interfaces that never carried a packet are down or placeholders.
            let unused = net.packets_recv == 0 && net.packets_sent == 0;
            if unused || self.excluded.iter().any(|pattern| matches(pattern, net.name)) {
                continue;
            }
            let row = super::row(cx.batch, cx.at, cx.host, "net", &[("interface", net.name)]);
            let Ok(mut row) = row else { continue };
            for (name, count) in [
                ("bytes_recv", net.bytes_recv),
                ("bytes_sent", net.bytes_sent),
                ("carrier_out", net.carrier_out),
                ("colls_out", net.colls_out),
                ("compressed_in", net.compressed_in),
                ("compressed_out", net.compressed_out),
                ("drop_in", net.drop_in),
                ("drop_out", net.drop_out),
                ("err_in", net.err_in),
                ("err_out", net.err_out),
                ("fifo_in", net.fifo_in),
                ("fifo_out", net.fifo_out),
                ("frame_in", net.frame_in),
                ("multicast_in", net.multicast_in),
                ("packets_recv", net.packets_recv),
                ("packets_sent", net.packets_sent),
            ] {
                row.field(name, int(count));
            }
        }
    }
}

/// Whether the interface is loopback or one that container runtimes make, by the beginning of its name.
fn is_of_a_container(name: &str) -> bool {
    NO_INTERFACES.iter().any(|prefix| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    })
}

/// Puts `net` at `index`, in the place of the interface that was there last, whose name is used again if it is the same.
fn keep(last: &mut Vec<InterfaceSample>, index: usize, net: &NetDevInterface<'_>) {
    if last.len() <= index {
        last.push(InterfaceSample::default());
    }
    let Some(place) = last.get_mut(index) else { return };
    if *place.name != *net.name {
        place.name = net.name.into();
    }
    place.rx_bytes = net.bytes_recv;
    place.rx_packets = net.packets_recv;
    place.rx_errors = net.err_in;
    place.rx_dropped = net.drop_in;
    place.tx_bytes = net.bytes_sent;
    place.tx_packets = net.packets_sent;
    place.tx_errors = net.err_out;
    place.tx_dropped = net.drop_out;
}

/// Whether `name` is `pattern`, or begins with it if it ends in `*`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}
