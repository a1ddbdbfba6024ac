//! `/proc/net/sockstat` and `/proc/net/sockstat6`: sockets by protocol.
//!
//! ```text
//! sockets: used 15
//! TCP: inuse 1 orphan 0 tw 2 alloc 1 mem 156
//! UDP: inuse 0 mem 0
//! UDPLITE: inuse 0
//! RAW: inuse 0
//! FRAG: inuse 0 memory 0
//! ```
//!
//! A protocol, then names and values in turn; those of IPv6 are called `TCP6` and so on and have `inuse` alone, `FRAG6`
//! also `memory`. `mem` is pages. `used` counts the sockets of all protocols, of every namespace; `orphan`, `alloc` and
//! `mem` are the host's, too, the others those of the reader's network namespace.
//!
//! Kernel source: net/ipv4/proc.c, net/ipv6/proc.c.

use crate::ParseError;
use crate::text::Lines;

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SockStat<'a>(&'a [u8]);

impl<'a> SockStat<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line does not begin with a protocol and a colon, or a name has no count.
    ///
    /// ```
    /// use stripchart_collector::proc::SockStat;
    /// let stat = SockStat::parse(b"TCP: inuse 4 orphan 0\nUDP: inuse 1\n")?;
    /// let all: Vec<_> = stat.iter().collect();
    /// assert_eq!(all, [("TCP", "inuse", 4), ("TCP", "orphan", 0), ("UDP", "inuse", 1)]);
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        const PROTOCOL: &str = "a protocol and a colon";
        for line in Lines::new(text)? {
            let mut fields = line.fields();
            let word = fields.str(PROTOCOL)?;
            if !word.ends_with(':') {
                return Err(line.error(PROTOCOL, word.as_bytes()));
            }
            while let Some(name) = fields.next_field() {
                std::str::from_utf8(name).map_err(|_| line.error("a name", name))?;
                fields.count("a count")?;
            }
        }
        Ok(SockStat(text))
    }

    /// Protocol, name and value of each number, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str, u64)> + use<'a> {
        Lines::numbered(self.0, 1).flat_map(|line| {
            let mut fields = line.fields();
            let protocol = fields.str("").ok().and_then(|word| word.strip_suffix(':'));
            std::iter::from_fn(move || {
                Some((protocol?, fields.str("").ok()?, fields.count("").ok()?))
            })
        })
    }
}
