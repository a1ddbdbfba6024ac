//! The processes of the host that use most.
//!
//! Rows `process_top` have the tags `order` (`cpu` or `memory`) and `rank` (1 and on), and the process is in the fields: so
//! there are as many series as ranks, however many processes come and go. A tag with the process' number would make a new
//! series for each, and one with its name several rows of one series where there are several of a name.
//!
//! All processes have to be looked at for it, about 10 us each; so it is off unless asked for, and done every ten seconds at
//! most.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use stripchart_core::Timestamp;

use super::process::{ProcFiles, ProcessId};
use super::scan::each_process;
use crate::host::{Context, int};
use crate::proc::pid::PidStat;
use crate::rate;
use crate::sys::{clock_ticks_per_sec, page_size_bytes};

/// The time between two looks, at least.
const EVERY_NS: i64 = 10_000_000_000;

/// Bytes of a process' name that are kept; those of programs have 15.
const NAME_BYTES: usize = 24;

/// A process that uses more than this many times what its host has is a fault of the clock.
const USAGE_MAX: f64 = 1.5;

/// Finds those processes.
#[derive(Debug)]
pub(crate) struct Top {
    proc: PathBuf,
    files: ProcFiles,
    count: usize,
    /// When it looked last, by the clock and the host's uptime.
    last: Option<(Timestamp, Option<u64>)>,
    /// Processor time of each process at that time.
    before: HashMap<ProcessId, u64>,
    found: Vec<Found>,
}

#[derive(Debug, Clone, Copy)]
struct Found {
    id: ProcessId,
    /// Ticks since the last look.
    ticks: u64,
    pages: u64,
    name: [u8; NAME_BYTES],
}

impl Found {
    fn of(stat: &PidStat<'_>, ticks: u64) -> Self {
        let mut name = [0; NAME_BYTES];
        let len = stat.comm.len().min(NAME_BYTES);
        name[..len].copy_from_slice(&stat.comm[..len]);
        let id = ProcessId { pid: stat.pid, starttime: stat.starttime };
        Found { id, ticks, pages: stat.rss, name }
    }

    fn name(&self) -> std::borrow::Cow<'_, str> {
        let len = self.name.iter().position(|byte| *byte == 0).unwrap_or(NAME_BYTES);
        String::from_utf8_lossy(&self.name[..len])
    }
}

impl Top {
    /// Finds `count` processes by processor time and as many by memory.
    pub(crate) fn new(proc: &Path, count: usize) -> Self {
        Top {
            proc: proc.to_owned(),
            files: ProcFiles::new(proc),
            count,
            last: None,
            before: HashMap::new(),
            found: Vec::new(),
        }
    }

    /// Adds rows if it is time; by processor time with the second look.
    pub(crate) fn collect(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        let due = self.last.is_none_or(|(last, _)| !(0..EVERY_NS).contains(&now.since(last)));
        if self.count == 0 || !due {
            return;
        }
        let last = self.last.replace((now, cx.uptime_ns));
        let elapsed_ns = last.and_then(|(then, uptime_ns)| {
            let by_uptime =
                cx.uptime_ns.zip(uptime_ns).and_then(|(now, then)| now.checked_sub(then));
            rate::elapsed_ns(u64::try_from(now.since(then)).ok(), by_uptime)
        });
        self.look(cx);
        if let Some(elapsed_ns) = elapsed_ns {
            self.found.sort_unstable_by_key(|found| (Reverse(found.ticks), found.id.pid));
            self.add_rows(cx, "cpu", Some(elapsed_ns));
        }
        self.found.sort_unstable_by_key(|found| (Reverse(found.pages), found.id.pid));
        self.add_rows(cx, "memory", elapsed_ns);
    }

    fn look(&mut self, cx: &mut Context<'_>) {
        self.found.clear();
        let mut now = HashMap::with_capacity(self.before.len());
        let (before, found) = (&self.before, &mut self.found);
        each_process(&self.proc, &mut self.files, cx.buffer, |stat| {
            let id = ProcessId { pid: stat.pid, starttime: stat.starttime };
            let ticks = stat.utime.saturating_add(stat.stime);
            now.insert(id, ticks);
            // One that was not there has used all it has since.
            let since = ticks.saturating_sub(before.get(&id).copied().unwrap_or(0));
            found.push(Found::of(stat, since));
        });
        self.before = now;
    }

    fn add_rows(&self, cx: &mut Context<'_>, order: &str, elapsed_ns: Option<u64>) {
        let ticks_per_sec = clock_ticks_per_sec() as f64;
        let max = if cx.cpus == 0 { f64::INFINITY } else { cx.cpus as f64 * 100.0 * USAGE_MAX };
        for (rank, found) in self.found.iter().take(self.count).enumerate() {
            let usage = elapsed_ns
                .map(|ns| found.ticks as f64 / ticks_per_sec / (ns as f64 / 1e9) * 100.0)
                .filter(|usage| *usage <= max);
            let rank = (rank + 1).to_string();
            let Some(mut row) = cx.row("process_top", &[("order", order), ("rank", &rank)]) else {
                continue;
            };
            if let Some(usage) = usage {
                row.field("cpu_usage", usage);
            }
            row.field("memory_rss", int(found.pages.saturating_mul(page_size_bytes())));
            row.field("name", &*found.name());
            row.field("pid", i64::from(found.id.pid));
        }
    }
}

#[cfg(test)]
mod tests {
    use stripchart_core::{Batch, line_protocol};

    use super::*;
    use crate::file::Buffer;
    use crate::warnings::Warnings;

    /// Rows of the look at `secs`, without their time.
    fn look(top: &mut Top, secs: i64) -> Vec<String> {
        let (mut batch, mut buffer) = (Batch::new(), Buffer::default());
        let mut warnings = Warnings::default();
        let now = Timestamp::from_secs(secs);
        let mut cx = Context {
            at: now,
            elapsed_ns: None,
            uptime_ns: None,
            host: "h",
            cpus: 2,
            buffer: &mut buffer,
            batch: &mut batch,
            warnings: &mut warnings,
        };
        top.collect(&mut cx, now);
        let mut text = String::new();
        line_protocol::write_batch(&batch, &mut text).unwrap();
        text.lines()
            .map(|line| line.rsplit_once(' ').unwrap().0.replace("process_top,host=h,", ""))
            .collect()
    }

    fn process(proc: &Path, pid: u32, name: &str, start: u64, ticks: u64, pages: u64) {
        std::fs::create_dir_all(proc.join(pid.to_string())).unwrap();
        let stat = format!(
            "{pid} ({name}) S 1 7 7 0 -1 64 0 0 0 0 {ticks} 0 0 0 20 0 1 0 {start} 4096 {pages}\n"
        );
        std::fs::write(proc.join(format!("{pid}/stat")), stat).unwrap();
    }

    #[test]
    fn the_first_of_each_order_are_told_by_rank_and_numbers_used_again_are_other_processes() {
        let proc = tempfile::tempdir().unwrap();
        let mut top = Top::new(proc.path(), 2);
        process(proc.path(), 1, "init", 1, 9_000, 5);
        process(proc.path(), 2, "my (db)", 2, 100, 7);
        process(proc.path(), 3, "web", 3, 50, 1);
        let page = page_size_bytes();
        let first = look(&mut top, 100);
        assert_eq!(
            first,
            [
                format!("order=memory,rank=1 memory_rss={}i,name=\"my (db)\",pid=2i", 7 * page),
                format!("order=memory,rank=2 memory_rss={}i,name=\"init\",pid=1i", 5 * page),
            ]
        );
        assert_eq!(look(&mut top, 105), [""; 0], "not yet");
        process(proc.path(), 2, "my (db)", 2, 600, 7);
        // Another 3, which has used less than the one before.
        process(proc.path(), 3, "new", 77, 20, 1);
        let second = look(&mut top, 110);
        let ticks = clock_ticks_per_sec();
        if ticks == 100 {
            assert_eq!(
                second[0],
                format!(
                    "order=cpu,rank=1 cpu_usage=50,memory_rss={}i,name=\"my (db)\",pid=2i",
                    7 * page
                )
            );
            assert_eq!(
                second[1],
                format!("order=cpu,rank=2 cpu_usage=2,memory_rss={page}i,name=\"new\",pid=3i")
            );
        }
        assert_eq!(second.len(), 4);
        // 300 % of two processors is none that was used.
        process(proc.path(), 2, "my (db)", 2, 100_000, 7);
        assert!(!look(&mut top, 120)[0].contains("cpu_usage"));
        // A clock that was set back does not stop it.
        assert!(!look(&mut top, 50).is_empty());
    }
}
