//! `/proc/PID/net/tcp`, `tcp6`, `udp` and `udp6`: a line for each socket of the network namespace.
//!
//! ```text
//!   sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt   uid  timeout inode ref pointer drops
//!    0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 21338 2 ffff8880 0
//! ```
//!
//! Numbers are hexadecimal. Only UDP has `drops`, in the thirteenth column; a line of TCP has other columns there. There may
//! be a hundred thousand lines, so that they are parsed one by one as they are read.
//!
//! Kernel documentation: Documentation/networking/proc_net_tcp.rst.

use crate::ParseError;
use crate::text::{Fields, count};

/// A socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Socket {
    /// The state as the kernel numbers it; see [`Socket::tcp_state`].
    pub state: u8,
    /// Bytes that wait to be sent.
    pub tx_queue: u64,
    /// Bytes that wait to be taken.
    pub rx_queue: u64,
    /// Packets that were dropped; UDP only.
    pub drops: Option<u64>,
}

/// The state of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the states of RFC 9293, under their names")]
pub enum TcpState {
    Established,
    SynSent,
    SynRecv,
    FinWait1,
    FinWait2,
    TimeWait,
    Close,
    CloseWait,
    LastAck,
    Listen,
    Closing,
}

impl Socket {
    /// Parses line number `line` of the file; `None` for its header and for blank lines.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a column is missing or not hexadecimal.
    ///
    /// ```
    /// use stripchart_collector::proc::pid::{Socket, TcpState};
    /// let line = b" 0: 0100007F:1F90 00000000:0000 0A 00000002:00000001 00:00000000 00000000 0 0 21338 1";
    /// let socket = Socket::from_line(2, line)?.unwrap();
    /// assert_eq!(socket.tcp_state(), Some(TcpState::Listen));
    /// assert_eq!((socket.tx_queue, socket.rx_queue), (2, 1));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn from_line(line: usize, text: &[u8]) -> Result<Option<Self>, ParseError> {
        const STATE: &str = "a state in hexadecimal";
        const QUEUES: &str = "two queues in hexadecimal";
        let mut fields = Fields::new(line, text);
        match fields.next_field() {
            None | Some(b"sl") => return Ok(None),
            Some(_) => {}
        }
        fields.word("a local address")?;
        fields.word("a remote address")?;
        let word = fields.word(STATE)?;
        let state = hex(word).and_then(|state| u8::try_from(state).ok());
        let state = state.ok_or_else(|| fields.error(STATE, word))?;
        let word = fields.word(QUEUES)?;
        let (tx_queue, rx_queue) = queues(word).ok_or_else(|| fields.error(QUEUES, word))?;
        // timer, retransmits, uid, timeout, inode, references, pointer
        let drops = (0..7).try_for_each(|_| fields.next_field().map(|_| ()));
        let drops = drops.and_then(|()| fields.next_field()).and_then(count);
        Ok(Some(Socket { state, tx_queue, rx_queue, drops }))
    }

    /// The state of a TCP connection; `None` for numbers that no kernel has.
    #[must_use]
    pub const fn tcp_state(&self) -> Option<TcpState> {
        Some(match self.state {
            1 => TcpState::Established,
            2 => TcpState::SynSent,
            // 12 is a connection of which only the request is kept.
            3 | 12 => TcpState::SynRecv,
            4 => TcpState::FinWait1,
            5 => TcpState::FinWait2,
            6 => TcpState::TimeWait,
            7 => TcpState::Close,
            8 => TcpState::CloseWait,
            9 => TcpState::LastAck,
            10 => TcpState::Listen,
            11 => TcpState::Closing,
            _ => return None,
        })
    }
}

fn queues(word: &[u8]) -> Option<(u64, u64)> {
    let colon = word.iter().position(|byte| *byte == b':')?;
    Some((hex(&word[..colon])?, hex(&word[colon + 1..])?))
}

fn hex(word: &[u8]) -> Option<u64> {
    if word.is_empty() || !word.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_protocols() {
        let udp = b"  415: 00000000:14E9 00000000:0000 07 00000010:00000200 00:00000000 00000000   101        0 20941 2 0000000000000000 12";
        let socket = Socket::from_line(2, udp).unwrap().unwrap();
        assert_eq!((socket.tx_queue, socket.rx_queue, socket.drops), (16, 512, Some(12)));
        let header =
            b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid";
        assert_eq!(Socket::from_line(1, header).unwrap(), None);
        assert_eq!(Socket::from_line(3, b"   ").unwrap(), None);
    }

    #[test]
    fn what_is_not_hexadecimal_is_refused_with_its_line() {
        let cases = [
            ("0: a b", "line 9: expected a state in hexadecimal, found end of line"),
            ("0: a b zz 0:0", "line 9: expected a state in hexadecimal, found \"zz\""),
            ("0: a b 1FF 0:0", "line 9: expected a state in hexadecimal, found \"1FF\""),
            ("0: a b 01 00", "line 9: expected two queues in hexadecimal, found \"00\""),
            ("0: a b 01 +1:0", "line 9: expected two queues in hexadecimal, found \"+1:0\""),
        ];
        for (line, want) in cases {
            assert_eq!(Socket::from_line(9, line.as_bytes()).unwrap_err().to_string(), want);
        }
    }
}
