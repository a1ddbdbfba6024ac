//! `/proc/net/ip_vs` and `/proc/net/ip_vs_stats`: the kernel's load balancer.
//!
//! ```text
//! IP Virtual Server version 1.2.1 (size=4096)             Total Incoming Outgoing         Incoming         Outgoing
//! Prot LocalAddress:Port Scheduler Flags                  Conns  Packets  Packets            Bytes            Bytes
//!   -> RemoteAddress:Port Forward Weight ActiveConn ...      2F       1F        0             51D8                0
//! TCP  C0A80016:0CEA wlc
//!   -> C0A85216:0CEA      Masq    100    248        2     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
//! FWM  00000007 wlc                                            4        3        0                2                0
//! ```
//!
//! Addresses and ports are hexadecimal, those of IPv6 in brackets; weights and connections are decimal; all totals are
//! hexadecimal. Services of kind `FWM` have a mark instead of an address.
//!
//! Kernel source: net/netfilter/ipvs/ip_vs_ctl.c.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ParseError;
use crate::text::{Fields, Line, Lines, hex};

/// What a service listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IpVsLocal {
    /// An address and a port.
    Address(IpAddr, u16),
    /// Packets that the firewall marked so.
    Mark(u32),
}

/// One server behind a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct IpVsBackend<'a> {
    /// `TCP`, `UDP`, `SCTP` or `FWM`.
    pub protocol: &'a str,
    /// What the service listens on.
    pub local: IpVsLocal,
    /// Address of the server.
    pub remote: IpAddr,
    /// Its port.
    pub remote_port: u16,
    /// Its share among those of the service; 0 for one that gets nothing new.
    pub weight: u64,
    /// Connections that are open.
    pub active: u64,
    /// Connections that are being closed, or of protocols without a beginning and an end.
    pub inactive: u64,
}

/// The list of services and servers.
#[derive(Debug, Clone, Copy)]
pub struct IpVs<'a>(&'a [u8]);

impl<'a> IpVs<'a> {
    /// Parses `/proc/net/ip_vs`.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the headings are missing, or a line is neither a service nor one of its servers.
    ///
    /// ```
    /// use stripchart_collector::proc::IpVs;
    /// let text = b"IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  \
    ///     -> RemoteAddress:Port Forward Weight ActiveConn InActConn\nTCP  0A000001:0050 rr\n  \
    ///     -> 0A000002:1F90      Masq    1      3          0\n";
    /// let list = IpVs::parse(text)?;
    /// let backend = list.iter().next().unwrap();
    /// assert_eq!((backend.remote.to_string(), backend.remote_port), ("10.0.0.2".to_owned(), 8080));
    /// assert_eq!((backend.weight, backend.active), (1, 3));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        let mut lines = Lines::new(text)?;
        for heading in [&b"IP Virtual Server"[..], b"Prot", b"->"] {
            let line = lines.next().ok_or_else(|| ParseError::at_end(1, "three headings"))?;
            if !line.text.starts_with(heading) {
                return Err(line.error("three headings", line.text));
            }
        }
        let mut service = None;
        for line in lines {
            entry(line, &mut service)?;
        }
        Ok(IpVs(text))
    }

    /// The servers of all services, in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = IpVsBackend<'a>> + use<'a> {
        let mut service = None;
        let lines = Lines::numbered(self.0, 1).skip(3);
        lines.filter_map(move |line| entry(line, &mut service).ok().flatten())
    }
}

/// A service: its protocol and what it listens on.
type Service<'a> = (&'a str, IpVsLocal);

/// Reads one line: a server of `service`, or another service, which takes its place.
fn entry<'a>(
    line: Line<'a>,
    service: &mut Option<Service<'a>>,
) -> Result<Option<IpVsBackend<'a>>, ParseError> {
    const SERVICE: &str = "a service before its servers";
    let mut fields = line.fields();
    let first = fields.str("a protocol")?;
    if first != "->" {
        *service = Some((first, local(first, &mut fields)?));
        return Ok(None);
    }
    let (protocol, local) = service.ok_or_else(|| line.error(SERVICE, line.text))?;
    let (remote, remote_port) = address(&mut fields)?;
    fields.word("a way to forward")?;
    Ok(Some(IpVsBackend {
        protocol,
        local,
        remote,
        remote_port,
        weight: fields.count("a weight")?,
        active: fields.count("a count of connections")?,
        inactive: fields.count("a count of connections")?,
    }))
}

fn local(protocol: &str, fields: &mut Fields<'_>) -> Result<IpVsLocal, ParseError> {
    const MARK: &str = "a hexadecimal mark";
    if protocol != "FWM" {
        return address(fields).map(|(address, port)| IpVsLocal::Address(address, port));
    }
    let word = fields.word(MARK)?;
    let mark = hex(word).and_then(|mark| u32::try_from(mark).ok());
    mark.map(IpVsLocal::Mark).ok_or_else(|| fields.error(MARK, word))
}

/// Reads `C0A80016:0CEA` or `[2620:...:0001]:0050`.
fn address(fields: &mut Fields<'_>) -> Result<(IpAddr, u16), ParseError> {
    const ADDRESS: &str = "an address and a port";
    let word = fields.str(ADDRESS)?;
    let read = || {
        let (address, port) = word.rsplit_once(':')?;
        let address = match address.strip_prefix('[') {
            Some(rest) => IpAddr::V6(rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?),
            None => {
                let bits = u32::try_from(hex(address.as_bytes())?).ok()?;
                IpAddr::V4(Ipv4Addr::from_bits(bits))
            }
        };
        Some((address, u16::try_from(hex(port.as_bytes())?).ok()?))
    };
    read().ok_or_else(|| fields.error(ADDRESS, word.as_bytes()))
}

/// Totals of all services since the load balancer was loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct IpVsStats {
    /// Connections.
    pub connections: u64,
    /// Packets of clients.
    pub incoming_packets: u64,
    /// Packets to clients, where they pass here.
    pub outgoing_packets: u64,
    /// Bytes of clients.
    pub incoming_bytes: u64,
    /// Bytes to clients.
    pub outgoing_bytes: u64,
}

impl IpVsStats {
    /// Parses `/proc/net/ip_vs_stats`.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if five hexadecimal numbers do not stand in the third line.
    ///
    /// ```
    /// use stripchart_collector::proc::IpVsStats;
    /// let stats = IpVsStats::parse(b" Total Incoming ...\n Conns Packets ...\n A 1F 0 51D8 0\n\n")?;
    /// assert_eq!((stats.connections, stats.incoming_bytes), (10, 0x51d8));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        const NUMBER: &str = "a hexadecimal number";
        let line = Lines::new(text)?.nth(2);
        let mut fields = line.ok_or_else(|| ParseError::at_end(3, "totals"))?.fields();
        let mut next = || {
            let word = fields.word(NUMBER)?;
            hex(word).ok_or_else(|| fields.error(NUMBER, word))
        };
        Ok(IpVsStats {
            connections: next()?,
            incoming_packets: next()?,
            outgoing_packets: next()?,
            incoming_bytes: next()?,
            outgoing_bytes: next()?,
        })
    }
}
