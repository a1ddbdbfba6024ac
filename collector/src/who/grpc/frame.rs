//! Frames of HTTP/2.
//!
//! ```text
//! 0        3      4       5                 9
//! +--------+------+-------+-----------------+- - - - -+
//! | length | kind | flags | 0 | stream      | payload |
//! | u24    | u8   | u8    |   | u31         |         |
//! +--------+------+-------+-----------------+- - - - -+
//! ```
//!
//! All integers are big-endian, as everywhere on the wire. A payload that is padded begins with a byte that says how many
//! bytes at its end do not count; one of headers may have five bytes of priority after that.

use std::io::{self, Read};

use super::super::socket::malformed;

/// Bytes before the payload.
const HEAD_LEN: usize = 9;

/// Longest payload: what both sides have to take, and more has to be allowed first.
pub(super) const PAYLOAD_MAX: usize = 16_384;

/// What a frame is.
pub(super) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// Flags; the same bit of different kinds means different things.
pub(super) mod flag {
    pub(crate) const END_STREAM: u8 = 0x1;
    pub(crate) const ACK: u8 = 0x1;
    pub(crate) const END_HEADERS: u8 = 0x4;
    pub(crate) const PADDED: u8 = 0x8;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// A frame that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The payload without padding, and of headers without priority.
    pub(super) fn content(&self) -> io::Result<&'a [u8]> {
        const PADDED: &str = "padding within its frame";
        let mut content = self.payload;
        let mut padding = 0;
        if self.has(flag::PADDED) {
            let (count, rest) = content.split_first().ok_or_else(|| malformed(PADDED))?;
            (padding, content) = (usize::from(*count), rest);
        }
        if self.kind == kind::HEADERS && self.has(flag::PRIORITY) {
            content = content.get(5..).ok_or_else(|| malformed("five bytes of priority"))?;
        }
        let end = content.len().checked_sub(padding).ok_or_else(|| malformed(PADDED))?;
        Ok(&content[..end])
    }

    /// The integer at `at` of the payload; 0 where there is none, which only those ask whose meaning is for people.
    pub(super) fn number_at(&self, at: usize) -> u32 {
        let bytes = self.payload.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, |bytes: [u8; 4]| {
            bytes.into_iter().fold(0, |sum, byte| sum << 8 | u32::from(byte))
        })
    }
}

/// Reads frames, in memory that is used again.
#[derive(Debug, Default)]
pub(super) struct Frames {
    payload: Vec<u8>,
}

impl Frames {
    /// The next frame.
    ///
    /// # Errors
    ///
    /// Those of `from`; `UnexpectedEof` where the connection ends, and `InvalidData` where the frame is longer than was
    /// allowed.
    pub(super) fn read(&mut self, from: &mut impl Read) -> io::Result<Frame<'_>> {
        let mut head = [0; HEAD_LEN];
        from.read_exact(&mut head).map_err(named)?;
        let length = head[..3].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        if length > PAYLOAD_MAX {
            return Err(malformed(format!(
                "a frame of at most {PAYLOAD_MAX} bytes, found one of {length}"
            )));
        }
        self.payload.resize(length, 0);
        from.read_exact(&mut self.payload).map_err(named)?;
        let stream = head[5..].iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
        let stream = stream & super::NUMBER;
        Ok(Frame { kind: head[3], flags: head[4], stream, payload: &self.payload })
    }
}

fn named(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::UnexpectedEof {
        return error;
    }
    io::Error::new(error.kind(), "expected a frame, found the end of the connection")
}

/// Adds a frame to `out`.
///
/// # Panics
///
/// If the payload is longer than [`PAYLOAD_MAX`]: what is sent is made here.
pub(super) fn write(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    assert!(payload.len() <= PAYLOAD_MAX, "a question is short");
    let [.., high, low] = bytes_of(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(&[0, high, low, kind, flags]);
    out.extend_from_slice(&bytes_of(stream));
    out.extend_from_slice(payload);
}

/// `number` as it goes over the wire, highest byte first.
#[expect(clippy::big_endian_bytes, reason = "the protocol says so; no file is written")]
pub(super) const fn bytes_of(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out, kind, flags, stream, payload);
        out
    }

    #[test]
    fn a_frame_is_read_as_it_was_written() {
        let bytes = written(kind::DATA, flag::END_STREAM, 3, b"abc");
        assert_eq!(bytes, [0, 0, 3, 0, 1, 0, 0, 0, 3, b'a', b'b', b'c']);
        let mut frames = Frames::default();
        let frame = frames.read(&mut &bytes[..]).unwrap();
        assert_eq!(frame, Frame { kind: 0, flags: 1, stream: 3, payload: b"abc" });
        // The reserved bit says nothing.
        let mut marked = bytes.clone();
        marked[5] = 0x80;
        assert_eq!(frames.read(&mut &marked[..]).unwrap().stream, 3);
        for cut in 0..bytes.len() {
            let error = frames.read(&mut &bytes[..cut]).unwrap_err();
            assert!(error.to_string().ends_with("found the end of the connection"), "{error}");
        }
        let error = frames.read(&mut &[0, 0x40, 1, 0, 0, 0, 0, 0, 0][..]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a frame of at most 16384 bytes, found one of 16385"
        );
    }

    #[test]
    fn padding_and_priority_do_not_count() {
        let of = |kind, flags, payload: &[u8]| {
            Frame { kind, flags, stream: 1, payload }.content().map(<[u8]>::to_vec).ok()
        };
        assert_eq!(of(kind::DATA, flag::PADDED, b"\x02ab--").as_deref(), Some(&b"ab"[..]));
        assert_eq!(of(kind::DATA, flag::PADDED, b"\x02--").as_deref(), Some(&b""[..]));
        assert_eq!(of(kind::DATA, flag::PADDED, b"\x03--"), None);
        assert_eq!(of(kind::DATA, flag::PADDED, b""), None);
        let both = flag::PADDED | flag::PRIORITY;
        assert_eq!(of(kind::HEADERS, both, b"\x01PPPPPab-").as_deref(), Some(&b"ab"[..]));
        assert_eq!(of(kind::HEADERS, flag::PRIORITY, b"PPPP"), None);
    }
}
