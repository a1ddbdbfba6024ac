//! `softnet`, `conntrack`, `arp` and `udp_queues`: packets on their way through the kernel.

use std::path::PathBuf;

use super::{Context, add_counts, int};
use crate::Roots;
use crate::attr::Attrs;
use crate::file::HostFile;
use crate::proc::pid::Socket;
use crate::proc::{NfConntrack, SoftnetCpu, SoftnetStat};
use crate::text::{Lines, one_count};

/// Interfaces with neighbours that have rows at most.
const NEIGHBOURS_MAX: usize = 256;

#[derive(Debug)]
pub(crate) struct Packets {
    softnet: HostFile,
    per_cpu: bool,
    conntrack_count: HostFile,
    conntrack_max: HostFile,
    conntrack: HostFile,
    arp: PathBuf,
    udp: [(&'static str, PathBuf); 2],
}

impl Packets {
    pub(crate) fn new(roots: &Roots, per_cpu: bool) -> Self {
        let limit = |name: &str| HostFile::new(roots.proc_file("sys/net/netfilter").join(name));
        Packets {
            softnet: HostFile::new(roots.net_file("softnet_stat")),
            per_cpu,
            conntrack_count: limit("nf_conntrack_count"),
            conntrack_max: limit("nf_conntrack_max"),
            conntrack: HostFile::new(roots.net_file("stat/nf_conntrack")),
            arp: roots.net_file("arp"),
            udp: [("v4", roots.net_file("udp")), ("v6", roots.net_file("udp6"))],
        }
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        self.softnet(cx);
        self.conntrack(cx);
    }

    /// What may be long on a busy host, and is therefore read seldom.
    pub(crate) fn collect_slow(&mut self, cx: &mut Context<'_>) {
        self.neighbours(cx);
        for (ip, path) in &self.udp {
            let (mut received, mut to_send) = (0_u64, 0_u64);
            let mut attrs = Attrs::new(cx.buffer, cx.warnings);
            let read = attrs.parsed(path, |text| {
                // The first line is a heading.
                for line in Lines::new(text)?.skip(1) {
                    if let Some(socket) = Socket::from_line(line.number, line.text)? {
                        received = received.saturating_add(socket.rx_queue);
                        to_send = to_send.saturating_add(socket.tx_queue);
                    }
                }
                Ok(())
            });
            if read.is_none() {
                continue;
            }
            let Some(mut row) = cx.row("udp_queues", &[("ip", ip)]) else { continue };
            row.field("rx_bytes", int(received));
            row.field("tx_bytes", int(to_send));
        }
    }

    fn softnet(&mut self, cx: &mut Context<'_>) {
        let Some(text) = cx.warnings.read(&mut self.softnet, cx.buffer) else { return };
        let parsed = SoftnetStat::parse(text);
        let Some(stat) = cx.warnings.parsed(self.softnet.path(), parsed) else { return };
        let (batch, at, host) = (&mut *cx.batch, cx.at, cx.host);
        let mut add = |name: &str, cpu: &SoftnetCpu| {
            let row = super::row(batch, at, host, "softnet", &[("cpu", name)]);
            let Ok(mut row) = row else { return };
            row.field("dropped", int(cpu.dropped));
            row.field("processed", int(cpu.processed));
            row.field("times_squeezed", int(cpu.times_squeezed));
            add_counts(
                &mut row,
                &[
                    ("backlog_len", cpu.backlog_len),
                    ("flow_limit_count", cpu.flow_limit_count),
                    ("received_rps", cpu.received_rps),
                ],
            );
        };
        let mut sum = SoftnetCpu::default();
        let mut name = String::new();
        for cpu in stat.iter() {
            for (sum, one) in [
                (&mut sum.processed, cpu.processed),
                (&mut sum.dropped, cpu.dropped),
                (&mut sum.times_squeezed, cpu.times_squeezed),
            ] {
                *sum = sum.saturating_add(one);
            }
            for (sum, one) in [
                (&mut sum.received_rps, cpu.received_rps),
                (&mut sum.flow_limit_count, cpu.flow_limit_count),
                (&mut sum.backlog_len, cpu.backlog_len),
            ] {
                *sum = one.map(|one| sum.unwrap_or(0).saturating_add(one));
            }
            if self.per_cpu {
                super::cpu_name(&mut name, cpu.cpu);
                add(&name, &cpu);
            }
        }
        add("cpu-total", &sum);
    }

    fn conntrack(&mut self, cx: &mut Context<'_>) {
        let mut one = |file: &mut HostFile| {
            let text = cx.warnings.read_if_any(file, cx.buffer)?;
            cx.warnings.parsed(file.path(), one_count(text, "a count"))
        };
        let (count, max) = (one(&mut self.conntrack_count), one(&mut self.conntrack_max));
        let stat = cx
            .warnings
            .read_if_any(&mut self.conntrack, cx.buffer)
            .and_then(|text| cx.warnings.parsed(self.conntrack.path(), NfConntrack::parse(text)));
        if count.is_none() && max.is_none() && stat.is_none() {
            return;
        }
        let Some(mut row) = cx.row("conntrack", &[]) else { return };
        add_counts(&mut row, &[("nf_conntrack_count", count), ("nf_conntrack_max", max)]);
        let Some(stat) = stat else { return };
        add_counts(
            &mut row,
            &[
                ("drop", stat.drop),
                ("early_drop", stat.early_drop),
                ("found", stat.found),
                ("icmp_error", stat.icmp_error),
                ("ignore", stat.ignore),
                ("insert", stat.insert),
                ("insert_failed", stat.insert_failed),
                ("invalid", stat.invalid),
                ("search_restart", stat.search_restart),
            ],
        );
    }

    /// Counts the neighbours of each interface.
    fn neighbours(&self, cx: &mut Context<'_>) {
        let mut attrs = Attrs::new(cx.buffer, cx.warnings);
        let counted = attrs.parsed(&self.arp, |text| {
            let mut counts: Vec<(String, u64)> = Vec::new();
            for line in Lines::new(text)?.skip(1) {
                let mut fields = line.fields();
                let device = (0..6).try_fold("", |_, _| fields.str("six columns"))?;
                if device.contains(char::is_control) {
                    return Err(line.error("an interface", device.as_bytes()));
                }
                let full = counts.len() >= NEIGHBOURS_MAX;
                match counts.iter_mut().find(|(known, _)| known == device) {
                    Some((_, count)) => *count += 1,
                    None if !full => counts.push((device.to_owned(), 1)),
                    None => {}
                }
            }
            Ok(counts)
        });
        for (device, count) in counted.unwrap_or_default() {
            if let Some(mut row) = cx.row("arp", &[("interface", &device)]) {
                row.field("entries", int(count));
            }
        }
    }
}
