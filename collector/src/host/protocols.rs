//! `nstat` and `sockstat`: counters of protocols and their sockets, from `/proc/net/{snmp,netstat,snmp6,sockstat,sockstat6}`.
//!
//! The kernel has some three hundred counters; kept are those that node_exporter and below show, see
//! [`crate::descriptors::NSTAT`], whose names are protocol and counter written as one word, as Telegraf has them.

use super::{Context, int};
use crate::ParseError;
use crate::Roots;
use crate::descriptors::{NSTAT, SOCKSTAT};
use crate::file::HostFile;
use crate::proc::SockStat;
use crate::proc::pid::net_counters;
use crate::text::Lines;

/// Protocols of `snmp` and of `netstat` with counters that are kept.
const SNMP: [&str; 5] = ["Ip", "Icmp", "Tcp", "Udp", "UdpLite"];
const NETSTAT: [&str; 2] = ["TcpExt", "IpExt"];

#[derive(Debug)]
pub(crate) struct Protocols {
    snmp: HostFile,
    netstat: HostFile,
    snmp6: HostFile,
    sockstat: HostFile,
    sockstat6: HostFile,
    page_size_bytes: u64,
    /// What is joined to one word.
    word: String,
    /// Counters of the file at hand.
    kept: Vec<Kept>,
}

/// A counter that is kept: the field and its value.
type Kept = (&'static str, i64);

impl Protocols {
    pub(crate) fn new(roots: &Roots) -> Self {
        let file = |name| HostFile::new(roots.net_file(name));
        Protocols {
            snmp: file("snmp"),
            netstat: file("netstat"),
            snmp6: file("snmp6"),
            sockstat: file("sockstat"),
            sockstat6: file("sockstat6"),
            page_size_bytes: crate::sys::page_size_bytes(),
            word: String::new(),
            kept: Vec::new(),
        }
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        let Protocols { snmp, netstat, snmp6, word, kept, .. } = self;
        let mut protocols = |text: &[u8], protocols: &[&str], kept: &mut Vec<Kept>| {
            protocols.iter().try_for_each(|protocol| {
                net_counters(text, protocol, |name, value| {
                    word.clear();
                    word.push_str(protocol);
                    word.push_str(name);
                    kept.extend(known(word).map(|name| (name, value)));
                })
            })
        };
        nstat(cx, (snmp, "snmp"), kept, |text, kept| protocols(text, &SNMP, kept));
        nstat(cx, (netstat, "netstat"), kept, |text, kept| protocols(text, &NETSTAT, kept));
        nstat(cx, (snmp6, "snmp6"), kept, |text, kept| {
            for line in Lines::new(text)? {
                let mut fields = line.fields();
                let name = fields.str("a name")?;
                let value = fields.count("a count")?;
                kept.extend(known(name).map(|name| (name, int(value))));
            }
            Ok(())
        });
        self.sockets(cx);
    }

    fn sockets(&mut self, cx: &mut Context<'_>) {
        let mut values = [None; SOCKSTAT.len()];
        for (file, optional) in [(&mut self.sockstat, false), (&mut self.sockstat6, true)] {
            let text = match optional {
                false => cx.warnings.read(file, cx.buffer),
                true => cx.warnings.read_if_any(file, cx.buffer),
            };
            let Some(text) = text else { continue };
            let Some(stat) = cx.warnings.parsed(file.path(), SockStat::parse(text)) else {
                continue;
            };
            for (protocol, name, value) in stat.iter() {
                self.word.clear();
                self.word.push_str(protocol);
                self.word.make_ascii_lowercase();
                self.word.push('_');
                self.word.push_str(name);
                let at = SOCKSTAT.binary_search_by(|known| known.0.cmp(&self.word));
                // What the kernel counts in pages is told in bytes, as `memory` of fragments always was.
                let pages = name == "mem";
                let value = if pages { value.saturating_mul(self.page_size_bytes) } else { value };
                if let Ok(at) = at {
                    values[at] = Some(value);
                }
            }
        }
        if values.iter().all(Option::is_none) {
            return;
        }
        let Some(mut row) = cx.row("sockstat", &[]) else { return };
        for (known, value) in SOCKSTAT.iter().zip(values) {
            if let Some(value) = value {
                row.field(known.0, int(value));
            }
        }
    }
}

/// Adds the row of one file with the counters that `read` keeps of it.
fn nstat(
    cx: &mut Context<'_>,
    (file, tag): (&mut HostFile, &str),
    kept: &mut Vec<Kept>,
    read: impl FnOnce(&[u8], &mut Vec<Kept>) -> Result<(), ParseError>,
) {
    // A host without IPv6 has no such file.
    let text = match tag {
        "snmp6" => cx.warnings.read_if_any(file, cx.buffer),
        _ => cx.warnings.read(file, cx.buffer),
    };
    let Some(text) = text else { return };
    kept.clear();
    let parsed = read(text, kept).and_then(|()| match kept.is_empty() {
        false => Ok(()),
        true => Err(ParseError::at_end(1, "a counter that is known")),
    });
    // Those before a fault are good.
    cx.warnings.parsed(file.path(), parsed);
    if kept.is_empty() {
        return;
    }
    let Some(mut row) = cx.row("nstat", &[("name", tag)]) else { return };
    kept.iter().for_each(|(name, value)| row.field(name, *value));
}

/// The field `name`, if it is kept; fields are in order of name.
fn known(name: &str) -> Option<&'static str> {
    let at = NSTAT.binary_search_by(|known| known.0.cmp(name)).ok()?;
    NSTAT.get(at).map(|known| known.0)
}
