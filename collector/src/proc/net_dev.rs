//! `/proc/net/dev`: what each network interface did since it exists.
//!
//! ```text
//! Inter-|   Receive                                                |  Transmit
//!  face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
//!     lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
//!   eth0: 185489972    4646    0    0    0     0          0         0   277778    2541    0    0    0     0       0          0
//! ```
//!
//! Old kernels leave no blank between the colon and a long number. The interfaces are those of the reader's network
//! namespace. A name may itself hold colons (`eth0:1`), so the last one before the numbers separates.
//!
//! Kernel source: net/core/net-procfs.c.

use crate::ParseError;
use crate::text::{Fields, Line, Lines};

/// Lines above the first interface.
const HEADER_LINES: usize = 2;

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetDev<'a>(&'a [u8]);

/// One interface. All are running totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetDevInterface<'a> {
    /// Name.
    pub name: &'a str,
    /// Bytes received.
    pub bytes_recv: u64,
    /// Packets received.
    pub packets_recv: u64,
    /// Packets received with errors.
    pub err_in: u64,
    /// Packets received and dropped.
    pub drop_in: u64,
    /// Packets received and lost for want of room in a queue of the device.
    pub fifo_in: u64,
    /// Packets received with a broken frame.
    pub frame_in: u64,
    /// Compressed packets received.
    pub compressed_in: u64,
    /// Multicast packets received.
    pub multicast_in: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Packets sent.
    pub packets_sent: u64,
    /// Packets that could not be sent for errors.
    pub err_out: u64,
    /// Packets dropped instead of sent.
    pub drop_out: u64,
    /// Packets that could not be sent for want of room in a queue of the device; 0 where the kernel does not tell.
    pub fifo_out: u64,
    /// Collisions on the way out; 0 where the kernel does not tell.
    pub colls_out: u64,
    /// Packets lost because the carrier was; 0 where the kernel does not tell.
    pub carrier_out: u64,
    /// Compressed packets sent; 0 where the kernel does not tell.
    pub compressed_out: u64,
}

impl<'a> NetDev<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the two header lines are missing, or an interface's line has fewer than twelve numbers or one
    /// that is none.
    ///
    /// ```
    /// use stripchart_collector::proc::NetDev;
    /// let text = b"Inter-| Receive\n face |bytes\n  eth0:1234 5 0 0 0 0 0 0 77 6 0 0 0 0 0 0\n";
    /// let eth0 = NetDev::parse(text)?.iter().next().unwrap();
    /// assert_eq!((eth0.name, eth0.bytes_recv, eth0.bytes_sent), ("eth0", 1234, 77));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        let mut lines = Lines::new(text)?;
        for _ in 0..HEADER_LINES {
            let end = lines.last_number() + 1;
            let line = lines.next().ok_or_else(|| ParseError::at_end(end, "a header line"))?;
            if !line.text.contains(&b'|') {
                return Err(line.error("a header line", line.text));
            }
        }
        for line in lines {
            NetDevInterface::from_line(line)?;
        }
        Ok(NetDev(text))
    }

    /// The interfaces, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = NetDevInterface<'a>> + use<'a> {
        Lines::numbered(self.0, 1)
            .skip(HEADER_LINES)
            .filter_map(|line| NetDevInterface::from_line(line).ok())
    }
}

impl<'a> NetDevInterface<'a> {
    fn from_line(line: Line<'a>) -> Result<Self, ParseError> {
        const COUNT: &str = "a count";
        const NAME: &str = "an interface name and a colon";
        let colon = memchr::memrchr(b':', line.text).ok_or_else(|| line.error(NAME, line.text))?;
        let (name, numbers) = (&line.text[..colon], &line.text[colon + 1..]);
        let name = std::str::from_utf8(name).map_err(|_| line.error(NAME, name))?;
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(line.error(NAME, line.text));
        }
        let mut fields = Fields::new(line.number, numbers);
        let mut counts = [0; 12];
        for count in &mut counts {
            *count = fields.count(COUNT)?;
        }
        let [bytes_recv, packets_recv, err_in, drop_in, rest @ ..] = counts;
        let [fifo_in, frame_in, compressed_in, multicast_in, rest @ ..] = rest;
        let [bytes_sent, packets_sent, err_out, drop_out] = rest;
        let mut more = [0; 4];
        for count in &mut more {
            *count = fields.count_if_any(COUNT)?.unwrap_or(0);
        }
        let [fifo_out, colls_out, carrier_out, compressed_out] = more;
        Ok(NetDevInterface {
            name,
            bytes_recv,
            packets_recv,
            err_in,
            drop_in,
            fifo_in,
            frame_in,
            compressed_in,
            multicast_in,
            bytes_sent,
            packets_sent,
            err_out,
            drop_out,
            fifo_out,
            colls_out,
            carrier_out,
            compressed_out,
        })
    }
}
