//! Sockets and counters of a network namespace, read when asked for.

use std::io::{self, Read};
use std::path::Path;

use super::process::ProcFiles;
use crate::ParseError;
use crate::file::{Buffer, open};
use crate::node::{NetworkSample, TcpStates, UdpSockets};
use crate::proc::pid::{Socket, TcpState, net_counters};
use crate::warnings::{Warnings, left_out};

/// How much of a list of sockets is read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Of a list longer than this, which is a million sockets, nothing is counted.
const LIST_BYTES_MAX: usize = 192 << 20;

/// Counters of TCP that are kept.
const COUNTERS_MAX: usize = 512;

/// Connections by state in the list at `path`; `None` if it cannot be read.
pub(crate) fn tcp(path: &Path, chunk: &mut Vec<u8>, warnings: &mut Warnings) -> Option<TcpStates> {
    let mut states = TcpStates::default();
    let read = each_socket(path, chunk, |socket| {
        let Some(state) = socket.tcp_state() else { return };
        let count = match state {
            TcpState::Established => &mut states.established,
            TcpState::SynSent => &mut states.syn_sent,
            TcpState::SynRecv => &mut states.syn_recv,
            TcpState::FinWait1 => &mut states.fin_wait1,
            TcpState::FinWait2 => &mut states.fin_wait2,
            TcpState::TimeWait => &mut states.time_wait,
            TcpState::Close => &mut states.close,
            TcpState::CloseWait => &mut states.close_wait,
            TcpState::LastAck => &mut states.last_ack,
            TcpState::Listen => &mut states.listen,
            TcpState::Closing => &mut states.closing,
        };
        *count += 1;
    });
    known(path, read, warnings).then_some(states)
}

/// Sockets in the list at `path`; `None` if it cannot be read.
pub(crate) fn udp(path: &Path, chunk: &mut Vec<u8>, warnings: &mut Warnings) -> Option<UdpSockets> {
    let mut sum = UdpSockets::default();
    let read = each_socket(path, chunk, |socket| {
        sum.listen += 1;
        sum.rx_queued = sum.rx_queued.saturating_add(socket.rx_queue);
        sum.tx_queued = sum.tx_queued.saturating_add(socket.tx_queue);
        sum.dropped = sum.dropped.saturating_add(socket.drops.unwrap_or(0));
    });
    known(path, read, warnings).then_some(sum)
}

/// Counters of TCP of the namespace of process `pid`, over those in `sample`.
pub(crate) fn tcp_counters(
    files: &mut ProcFiles,
    pid: u32,
    buffer: &mut Buffer,
    sample: &mut NetworkSample,
    warnings: &mut Warnings,
) {
    let mut sum = sample.tcp_ext.take();
    let mut filled = 0;
    for (name, protocol) in [("net/snmp", "Tcp"), ("net/netstat", "TcpExt")] {
        let Ok(text) = files.read(pid, name, buffer) else { continue };
        let parsed = net_counters(text, protocol, |name, value| {
            if filled >= COUNTERS_MAX {
                return;
            }
            let counters = &mut sum.get_or_insert_default().counters;
            match counters.get_mut(filled) {
                Some((known, place)) => {
                    if **known != *name {
                        *known = name.into();
                    }
                    *place = value;
                }
                None => counters.push((name.into(), value)),
            }
            filled += 1;
        });
        warnings.parsed(files.path(pid, name), parsed);
    }
    sample.tcp_ext = sum.filter(|_| filled > 0);
    if let Some(sum) = &mut sample.tcp_ext {
        sum.counters.truncate(filled);
    }
}

/// Why a list was not read to its end.
enum Fault {
    Io(io::Error),
    Parse(ParseError),
}

fn known(path: &Path, read: Result<(), Fault>, warnings: &mut Warnings) -> bool {
    match read {
        Ok(()) => {
            warnings.good(path);
            return true;
        }
        // The process is gone, or there is no IPv6.
        Err(Fault::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
        Err(Fault::Io(error)) => warnings.warn(path, left_out(&error)),
        Err(Fault::Parse(error)) => {
            warnings.warn(path, format!("{error}; its metrics are left out"));
        }
    }
    false
}

/// Hands each socket of the list at `path` to `each`, reading it piece by piece.
fn each_socket(
    path: &Path,
    chunk: &mut Vec<u8>,
    mut each: impl FnMut(Socket),
) -> Result<(), Fault> {
    let mut file = open(path).map_err(Fault::Io)?;
    chunk.resize(CHUNK_BYTES, 0);
    let (mut filled, mut line, mut total) = (0, 0, 0);
    loop {
        let read = match file.read(&mut chunk[filled..]) {
            Ok(0) if filled == 0 => return Ok(()),
            Ok(0) => return Err(Fault::Parse(ParseError::at_end(line + 1, "a line end"))),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Fault::Io(error)),
        };
        filled += read;
        total += read;
        let end = memchr::memrchr(b'\n', &chunk[..filled]).map_or(0, |at| at + 1);
        if total > LIST_BYTES_MAX || (end == 0 && filled == chunk.len()) {
            let what = "longer than any list of sockets, or a line of it is";
            return Err(Fault::Io(io::Error::new(io::ErrorKind::InvalidData, what)));
        }
        for text in chunk[..end].split_inclusive(|byte| *byte == b'\n') {
            line += 1;
            if let Some(socket) = Socket::from_line(line, text).map_err(Fault::Parse)? {
                each(socket);
            }
        }
        chunk.copy_within(end..filled, 0);
        filled -= end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "  sl  local_address rem_address   st tx_queue:rx_queue\n";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn socket(state: &str) -> String {
        format!(
            "   0: 0100007F:1F90 00000000:0000 {state} 00000001:00000002 00:00000000 00000000 0 0 1 1 0 3\n"
        )
    }

    #[test]
    fn connections_are_counted_by_state_however_long_the_list_is() {
        let mut text = HEADER.to_owned();
        for n in 0..5_000 {
            text.push_str(&socket(["01", "06", "0A", "0C"][n % 4]));
        }
        let (file, mut chunk, mut warnings) = (file(&text), Vec::new(), Warnings::default());
        let states = tcp(file.path(), &mut chunk, &mut warnings).unwrap();
        assert_eq!((states.established, states.time_wait, states.listen), (1250, 1250, 1250));
        assert_eq!((states.syn_recv, chunk.len()), (1250, CHUNK_BYTES));
        let sum = udp(file.path(), &mut chunk, &mut warnings).unwrap();
        assert_eq!(
            (sum.listen, sum.tx_queued, sum.rx_queued, sum.dropped),
            (5000, 5000, 10_000, 15_000)
        );
        assert!(warnings.take().is_empty());
    }

    #[test]
    fn a_malformed_list_gives_one_warning_with_its_line_and_no_counts() {
        let cut = format!("{HEADER}{}   1: 0100", socket("01"));
        let bad = format!("{HEADER}{}0: a b zz 0:0\n", socket("01"));
        let endless = "x".repeat(CHUNK_BYTES + 1);
        for (text, want) in [
            (&cut, "line 3: expected a line end"),
            (&bad, "line 3: expected a state"),
            (&endless, "longer than any list"),
        ] {
            let (file, mut warnings) = (file(text), Warnings::default());
            assert_eq!(tcp(file.path(), &mut Vec::new(), &mut warnings), None);
            assert_eq!(tcp(file.path(), &mut Vec::new(), &mut warnings), None);
            let told = warnings.take();
            assert_eq!(told.len(), 1);
            assert!(told[0].to_string().contains(want), "{}", told[0]);
        }
        let mut warnings = Warnings::default();
        assert_eq!(tcp(Path::new("/no/such"), &mut Vec::new(), &mut warnings), None);
        assert!(warnings.take().is_empty(), "no IPv6 is no fault");
    }
}
