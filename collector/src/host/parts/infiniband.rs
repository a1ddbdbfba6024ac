//! `infiniband`: ports of InfiniBand, Omni-Path and RoCE devices.

use std::path::Path;

use super::{FileField, ROWS_MAX, add_files};
use crate::ParseError;
use crate::host::{Context, int};
use crate::text::{count, decimal};

/// Bytes of a word, in which ports count data.
const WORD_BYTES: u64 = 4;

const COUNTERS: [FileField; 21] = [
    ("VL15_dropped", "vl15_dropped", 1),
    ("excessive_buffer_overrun_errors", "excessive_buffer_overrun_errors", 1),
    ("link_downed", "link_downed", 1),
    ("link_error_recovery", "link_error_recovery", 1),
    ("local_link_integrity_errors", "local_link_integrity_errors", 1),
    ("multicast_rcv_packets", "multicast_packets_received", 1),
    ("multicast_xmit_packets", "multicast_packets_transmitted", 1),
    ("port_rcv_constraint_errors", "port_constraint_errors_received", 1),
    ("port_rcv_data", "port_data_received_bytes", WORD_BYTES),
    ("port_rcv_errors", "port_errors_received", 1),
    ("port_rcv_packets", "port_packets_received", 1),
    ("port_rcv_remote_physical_errors", "port_receive_remote_physical_errors", 1),
    ("port_rcv_switch_relay_errors", "port_receive_switch_relay_errors", 1),
    ("port_xmit_constraint_errors", "port_constraint_errors_transmitted", 1),
    ("port_xmit_data", "port_data_transmitted_bytes", WORD_BYTES),
    ("port_xmit_discards", "port_discards_transmitted", 1),
    ("port_xmit_packets", "port_packets_transmitted", 1),
    ("port_xmit_wait", "port_transmit_wait", 1),
    ("symbol_error", "symbol_error", 1),
    ("unicast_rcv_packets", "unicast_packets_received", 1),
    ("unicast_xmit_packets", "unicast_packets_transmitted", 1),
];

/// Reads the ports of the devices in `folder`.
pub(super) fn read(folder: &Path, cx: &mut Context<'_>) {
    for device in cx.attrs().names(folder).into_iter().take(ROWS_MAX) {
        let ports = folder.join(&device).join("ports");
        for port in cx.attrs().names(&ports).into_iter().take(ROWS_MAX) {
            let files = ports.join(&port);
            let tags = [("device", &*device), ("port", &port)];
            link(&files, &tags, cx);
            add_files(cx, "infiniband", &tags, &files.join("counters"), &COUNTERS);
        }
    }
}

/// How the link is.
fn link(files: &Path, tags: &[(&str, &str)], cx: &mut Context<'_>) {
    let mut attrs = cx.attrs();
    let state = attrs.parsed(&files.join("state"), id);
    let physical = attrs.parsed(&files.join("phys_state"), id);
    let rate = attrs.parsed(&files.join("rate"), bytes_per_second);
    if state.is_none() && physical.is_none() && rate.is_none() {
        return;
    }
    let Some(mut row) = cx.row("infiniband_link", tags) else { return };
    physical.into_iter().for_each(|id| row.field("physical_state_id", int(id)));
    rate.into_iter().for_each(|rate| row.field("rate_bytes_per_second", rate));
    state.into_iter().for_each(|id| row.field("state_id", int(id)));
}

/// The number in `4: ACTIVE`.
fn id(text: &[u8]) -> Result<u64, ParseError> {
    let number = text.split(|byte| *byte == b':').next().unwrap_or_default();
    count(number).ok_or_else(|| ParseError::new(1, "a number and its meaning", text.trim_ascii()))
}

/// Bytes per second of `2.5 Gb/sec (1X SDR)`.
fn bytes_per_second(text: &[u8]) -> Result<f64, ParseError> {
    let mut words = text.trim_ascii().split(|byte| *byte == b' ');
    let gigabits = words.next().and_then(decimal).filter(|_| words.next() == Some(b"Gb/sec"));
    let bytes = gigabits.map(|gigabits| gigabits * 1e9 / 8.0);
    bytes.ok_or_else(|| ParseError::new(1, "a number of Gb/sec", text.trim_ascii()))
}
