//! `net`, from `/proc/net/dev`.

use super::{Context, int};
use crate::Roots;
use crate::file::HostFile;
use crate::proc::NetDev;

#[derive(Debug)]
pub(crate) struct Net {
    file: HostFile,
    excluded: Vec<String>,
}

impl Net {
    pub(crate) fn new(roots: &Roots, excluded: Vec<String>) -> Self {
        Net { file: HostFile::new(roots.net_dev()), excluded }
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        let Some(text) = cx.warnings.read(&mut self.file, cx.buffer) else { return };
        let parsed = NetDev::parse(text);
        let Some(interfaces) = cx.warnings.parsed(self.file.path(), parsed) else { return };
        for net in interfaces.iter() {
            // Interfaces that never carried a packet are down or placeholders.
            let unused = net.packets_recv == 0 && net.packets_sent == 0;
            if unused || self.excluded.iter().any(|pattern| matches(pattern, net.name)) {
                continue;
            }
            let row = super::row(cx.batch, cx.at, cx.host, "net", &[("interface", net.name)]);
            let Ok(mut row) = row else { continue };
            for (name, count) in [
                ("bytes_recv", net.bytes_recv),
                ("bytes_sent", net.bytes_sent),
                ("drop_in", net.drop_in),
                ("drop_out", net.drop_out),
                ("err_in", net.err_in),
                ("err_out", net.err_out),
                ("packets_recv", net.packets_recv),
                ("packets_sent", net.packets_sent),
            ] {
                row.field(name, int(count));
            }
        }
    }
}

/// Whether `name` is `pattern`, or begins with it if it ends in `*`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    }
}
