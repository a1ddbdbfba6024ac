//! `system` and `processes`, from `/proc/loadavg`, `/proc/uptime` and what `/proc/stat` counts.

use std::path::PathBuf;

use super::cpu::Threads;
use super::{Context, add_counts, int};
use crate::Roots;
use crate::file::HostFile;
use crate::proc::{LoadAvg, Uptime};
use crate::warnings::left_out;

#[derive(Debug)]
pub(crate) struct System {
    loadavg: HostFile,
    uptime: HostFile,
    proc: PathBuf,
}

impl System {
    pub(crate) fn new(roots: &Roots) -> Self {
        System {
            loadavg: HostFile::new(roots.proc_file("loadavg")),
            uptime: HostFile::new(roots.proc_file("uptime")),
            proc: roots.proc.clone(),
        }
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>, threads: &Threads) {
        let load = cx
            .warnings
            .read(&mut self.loadavg, cx.buffer)
            .and_then(|text| cx.warnings.parsed(self.loadavg.path(), LoadAvg::parse(text)));
        let uptime = cx
            .warnings
            .read(&mut self.uptime, cx.buffer)
            .and_then(|text| cx.warnings.parsed(self.uptime.path(), Uptime::parse(text)));
        #[expect(clippy::cast_possible_truncation, reason = "saturates in some 292 years")]
        #[expect(clippy::cast_sign_loss, reason = "the parser takes no negative number")]
        let nanos = |secs: f64| (secs * 1e9) as u64;
        cx.uptime_ns = uptime.map(|uptime| nanos(uptime.uptime_secs));
        let cpus = cx.cpus;
        if let Some(mut row) = cx.row("system", &[]) {
            if let Some(load) = &load {
                row.field("load1", load.load1);
                row.field("load15", load.load15);
                row.field("load5", load.load5);
            }
            if cpus > 0 {
                row.field("n_cpus", int(cpus as u64));
            }
            if let Some(uptime) = &uptime {
                #[expect(clippy::cast_possible_truncation, reason = "whole seconds; saturates")]
                row.field("uptime", uptime.uptime_secs as i64);
            }
        }
        let total = self.count_processes(cx);
        if let Some(mut row) = cx.row("processes", &[]) {
            add_counts(
                &mut row,
                &[
                    ("blocked", threads.blocked),
                    ("running", threads.running),
                    ("total", total),
                    ("total_threads", load.map(|load| load.threads)),
                ],
            );
        }
    }

    /// Counts the folders of processes. Their states would take reading a file in each; that is left to a source of
    /// its own.
    fn count_processes(&self, cx: &mut Context<'_>) -> Option<u64> {
        let entries = match std::fs::read_dir(&self.proc) {
            Ok(entries) => entries,
            Err(error) => {
                cx.warnings.warn(&self.proc, left_out(&error));
                return None;
            }
        };
        let is_process = |name: &std::ffi::OsStr| {
            name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit)
        };
        Some(entries.flatten().filter(|entry| is_process(&entry.file_name())).count() as u64)
    }
}
