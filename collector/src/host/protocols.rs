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
}

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
        }
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        nstat(cx, &mut self.snmp, "snmp", &SNMP, &mut self.word);
        nstat(cx, &mut self.netstat, "netstat", &NETSTAT, &mut self.word);
        self.nstat6(cx);
        self.sockets(cx);
    }

    fn nstat6(&mut self, cx: &mut Context<'_>) {
        let Some(text) = cx.warnings.read_if_any(&mut self.snmp6, cx.buffer) else { return };
        let row = super::row(cx.batch, cx.at, cx.host, "nstat", &[("name", "snmp6")]);
        let Ok(mut row) = row else { return };
        let counters = flat(text, |name, value| {
            if let Some(name) = known(&NSTAT, name) {
                row.field(name, int(value));
            }
        });
        cx.warnings.parsed(self.snmp6.path(), counters);
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

/// Adds the row of a file whose counters stand in two lines for each protocol.
fn nstat(
    cx: &mut Context<'_>,
    file: &mut HostFile,
    tag: &str,
    protocols: &[&str],
    word: &mut String,
) {
    let Some(text) = cx.warnings.read(file, cx.buffer) else { return };
    let row = super::row(cx.batch, cx.at, cx.host, "nstat", &[("name", tag)]);
    let Ok(mut row) = row else { return };
    for protocol in protocols {
        let counters = net_counters(text, protocol, |name, value| {
            word.clear();
            word.push_str(protocol);
            word.push_str(name);
            if let Some(name) = known(&NSTAT, word) {
                row.field(name, value);
            }
        });
        if cx.warnings.parsed(file.path(), counters).is_none() {
            return;
        }
    }
}

/// The field `name`, if it is kept; fields are in order of name.
fn known(fields: &[crate::descriptors::Row], name: &str) -> Option<&'static str> {
    let at = fields.binary_search_by(|known| known.0.cmp(name)).ok()?;
    fields.get(at).map(|known| known.0)
}

/// Hands each line `NAME COUNT` of `text` to `each`.
fn flat(text: &[u8], mut each: impl FnMut(&str, u64)) -> Result<(), ParseError> {
    for line in Lines::new(text)? {
        let mut fields = line.fields();
        each(fields.str("a name")?, fields.count("a count")?);
    }
    Ok(())
}
