//! `linux_sysctl_fs`, `schedstat`, `interrupts`, `soft_interrupts`, `timex`, `uname` and the states of `processes`: what
//! the kernel tells of itself.

use super::{Context, add_counts, int};
use crate::Roots;
use crate::attr::Attrs;
use crate::file::HostFile;
use crate::proc::pid::PidStat;
use crate::proc::{FileNr, InodeNr, Interrupts, SchedStats};
use crate::sys::clock_discipline;

/// Rows of `interrupts` at most: a large host has thousands of sources, a few of which do anything.
const SOURCES_MAX: usize = 512;

/// Longest tag made of what the kernel says of a source.
const WORDS_BYTES_MAX: usize = 128;

#[derive(Debug)]
pub(crate) struct Kernel {
    roots: Roots,
    per_cpu: bool,
    file_nr: HostFile,
    inode_nr: HostFile,
    schedstat: HostFile,
}

impl Kernel {
    pub(crate) fn new(roots: &Roots, per_cpu: bool) -> Self {
        Kernel {
            roots: roots.clone(),
            per_cpu,
            file_nr: HostFile::new(roots.proc_file("sys/fs/file-nr")),
            inode_nr: HostFile::new(roots.proc_file("sys/fs/inode-nr")),
            schedstat: HostFile::new(roots.proc_file("schedstat")),
        }
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        self.open_files(cx);
        self.schedulers(cx);
    }

    /// What is long, or seldom changes.
    pub(crate) fn collect_slow(&mut self, cx: &mut Context<'_>) {
        self.interrupts(cx, "interrupts", "interrupts");
        self.interrupts(cx, "soft_interrupts", "softirqs");
        self.name(cx);
        clock(cx);
    }

    fn open_files(&mut self, cx: &mut Context<'_>) {
        let files = cx
            .warnings
            .read(&mut self.file_nr, cx.buffer)
            .and_then(|text| cx.warnings.parsed(self.file_nr.path(), FileNr::parse(text)));
        let inodes = cx
            .warnings
            .read_if_any(&mut self.inode_nr, cx.buffer)
            .and_then(|text| cx.warnings.parsed(self.inode_nr.path(), InodeNr::parse(text)));
        if files.is_none() && inodes.is_none() {
            return;
        }
        let Some(mut row) = cx.row("linux_sysctl_fs", &[]) else { return };
        add_counts(
            &mut row,
            &[
                ("file-max", files.map(|files| files.max)),
                ("file-nr", files.map(|files| files.allocated)),
                ("inode-free-nr", inodes.map(|inodes| inodes.free)),
                ("inode-nr", inodes.map(|inodes| inodes.allocated)),
            ],
        );
    }

    fn schedulers(&mut self, cx: &mut Context<'_>) {
        let Some(text) = cx.warnings.read_if_any(&mut self.schedstat, cx.buffer) else { return };
        let parsed = SchedStats::parse(text);
        let Some(stats) = cx.warnings.parsed(self.schedstat.path(), parsed) else { return };
        let (batch, at, host) = (&mut *cx.batch, cx.at, cx.host);
        let mut add = |name: &str, [run, wait, turns]: [u64; 3]| {
            let row = super::row(batch, at, host, "schedstat", &[("cpu", name)]);
            let Ok(mut row) = row else { return };
            row.field("run_nanoseconds", int(run));
            row.field("timeslices", int(turns));
            row.field("wait_nanoseconds", int(wait));
        };
        let (mut sum, mut name) = ([0_u64; 3], String::new());
        for cpu in stats.iter() {
            let one = [cpu.run_ns, cpu.wait_ns, cpu.timeslices];
            for (sum, one) in sum.iter_mut().zip(one) {
                *sum = sum.saturating_add(one);
            }
            if self.per_cpu {
                super::cpu_name(&mut name, cpu.cpu);
                add(&name, one);
            }
        }
        add("cpu-total", sum);
    }

    /// Adds a row for each source that ever interrupted.
    fn interrupts(&self, cx: &mut Context<'_>, measurement: &str, file: &str) {
        let path = self.roots.proc_file(file);
        let read = crate::file::open(&path).and_then(|file| cx.buffer.fill(&file, false));
        let text = match read {
            Ok(text) => text,
            Err(error) => return cx.warnings.warn(&path, crate::warnings::left_out(&error)),
        };
        let Some(sources) = cx.warnings.parsed(&path, Interrupts::parse(text)) else { return };
        let mut joined = String::new();
        for source in sources.iter().filter(|source| source.total > 0).take(SOURCES_MAX) {
            let words = cut(source.words);
            // Blanks in between make columns for the eye.
            joined.clear();
            for word in words.split_ascii_whitespace() {
                joined.push_str(if joined.is_empty() { "" } else { " " });
                joined.push_str(word);
            }
            let is_number = source.name.bytes().all(|byte| byte.is_ascii_digit());
            // Behind a number stand the controller and the devices; behind a name, an explanation that needs no tag.
            let (kind, device) = match joined.split_once(' ') {
                Some((kind, device)) if is_number => (kind, device),
                _ => ("", ""),
            };
            let tags = [("irq", source.name), ("type", kind), ("device", device)];
            let tags = if device.is_empty() { &tags[..1] } else { &tags[..] };
            let row = super::row(cx.batch, cx.at, cx.host, measurement, tags);
            if let Ok(mut row) = row {
                row.field("total", int(source.total));
            }
        }
    }

    /// The kernel's name, as tags of a row that says no more than that it is so.
    fn name(&self, cx: &mut Context<'_>) {
        let mut attrs = Attrs::new(cx.buffer, cx.warnings);
        let kernel = self.roots.proc_file("sys/kernel");
        let mut read = |name: &str| attrs.text(&kernel.join(name));
        let values = [
            ("machine", read("arch")),
            ("release", read("osrelease")),
            ("sysname", read("ostype")),
            ("version", read("version")),
        ];
        let tags: Vec<(&str, &str)> =
            values.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))).collect();
        if tags.is_empty() {
            return;
        }
        if let Some(mut row) = cx.row("uname", &tags) {
            row.field("info", 1_i64);
        }
    }

    /// Counts processes by state, reading a file of each.
    pub(crate) fn process_states(&self, cx: &mut Context<'_>) {
        let Ok(entries) = std::fs::read_dir(&self.roots.proc) else { return };
        let mut states = States::default();
        for entry in entries.flatten() {
            let name = entry.file_name();
            if !name.as_encoded_bytes().first().is_some_and(u8::is_ascii_digit) {
                continue;
            }
            // A process that ends meanwhile is not counted; who reads here is told nothing that he could mend.
            let file = crate::file::open(&entry.path().join("stat"));
            let text = file.and_then(|file| cx.buffer.fill(&file, true));
            if let Ok(Ok(stat)) = text.map(PidStat::parse) {
                states.add(stat.state);
            }
        }
        let Some(mut row) = cx.row("processes", &[]) else { return };
        for (name, count) in [
            ("dead", states.dead),
            ("idle", states.idle),
            ("parked", states.parked),
            ("sleeping", states.sleeping),
            ("stopped", states.stopped),
            ("uninterruptible", states.uninterruptible),
            ("unknown", states.unknown),
            ("zombies", states.zombies),
        ] {
            row.field(name, int(count));
        }
    }
}

/// Processes by state.
#[derive(Debug, Default)]
struct States {
    dead: u64,
    idle: u64,
    parked: u64,
    sleeping: u64,
    stopped: u64,
    uninterruptible: u64,
    unknown: u64,
    zombies: u64,
}

impl States {
    fn add(&mut self, state: u8) {
        let slot = match state {
            // Running ones are counted by `/proc/stat`, at the instant of the sample.
            b'R' => return,
            b'S' => &mut self.sleeping,
            b'D' => &mut self.uninterruptible,
            b'Z' => &mut self.zombies,
            b'T' | b't' => &mut self.stopped,
            b'I' => &mut self.idle,
            b'P' => &mut self.parked,
            b'X' | b'x' => &mut self.dead,
            _ => &mut self.unknown,
        };
        *slot += 1;
    }
}

/// At most so many bytes of `words`, whole characters.
fn cut(words: &str) -> &str {
    let mut end = words.len().min(WORDS_BYTES_MAX);
    while !words.is_char_boundary(end) {
        end -= 1;
    }
    &words[..end]
}

/// How well the clock is kept.
fn clock(cx: &mut Context<'_>) {
    let Ok(clock) = clock_discipline() else { return };
    let Some(mut row) = cx.row("timex", &[]) else { return };
    row.field("estimated_error_usec", clock.estimated_error_usec);
    row.field("frequency_ratio", clock.frequency_ratio);
    row.field("loop_time_constant", clock.loop_time_constant);
    row.field("max_error_usec", clock.max_error_usec);
    row.field("offset_nanoseconds", clock.offset_ns);
    row.field("status", clock.status);
    row.field("sync_status", i64::from(clock.is_synchronized));
    row.field("tai_offset_seconds", clock.tai_offset_secs);
    row.field("tick_usec", clock.tick_usec);
}
