//! `diskio`, from `/proc/diskstats`.

use super::{Context, add_counts, int};
use crate::Roots;
use crate::file::HostFile;
use crate::node::DiskCounters;
use crate::proc::{DiskStat, DiskStats};

/// Bytes of a sector in the kernel's counters.
const SECTOR_BYTES: u64 = 512;

/// Names of devices that hand their requests on to others: device mapper, RAID, loop, multipath, DRBD, bcache.
const STACKED: [&str; 6] = ["dm-", "md", "loop", "nbd", "drbd", "bcache"];

/// Device numbers of block devices that stand upon others, so that a sum over devices need not count a byte twice.
#[derive(Debug, Default)]
pub(crate) struct StackedDevices(Vec<(u64, u64)>);

impl StackedDevices {
    pub(crate) fn contains(&self, device: (u64, u64)) -> bool {
        self.0.contains(&device)
    }
}

#[derive(Debug)]
pub(crate) struct DiskIo {
    file: HostFile,
    stacked: StackedDevices,
    /// Counters of every device by its number, as they were last; refilled with each sample.
    counters: Vec<((u64, u64), DiskCounters)>,
}

impl DiskIo {
    pub(crate) fn new(roots: &Roots) -> Self {
        DiskIo {
            file: HostFile::new(roots.proc_file("diskstats")),
            stacked: StackedDevices::default(),
            counters: Vec::new(),
        }
    }

    pub(crate) const fn stacked(&self) -> &StackedDevices {
        &self.stacked
    }

    /// The counters of the device with `number` in the last sample.
    pub(crate) fn counters(&self, number: (u64, u64)) -> Option<DiskCounters> {
        self.counters.iter().find(|(known, _)| *known == number).map(|(_, counters)| *counters)
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        self.counters.clear();
        let Some(text) = cx.warnings.read(&mut self.file, cx.buffer) else { return };
        let parsed = DiskStats::parse(text);
        let Some(disks) = cx.warnings.parsed(self.file.path(), parsed) else { return };
        self.stacked.0.clear();
        for disk in disks.iter() {
            if STACKED.iter().any(|prefix| disk.name.starts_with(prefix)) {
                self.stacked.0.push((disk.major, disk.minor));
            }
            self.counters.push(((disk.major, disk.minor), counters(&disk)));
            // A host has dozens of loop and RAM devices that were never used.
            if disk.reads == 0 && disk.writes == 0 && disk.iops_in_progress == 0 {
                continue;
            }
            let row = super::row(cx.batch, cx.at, cx.host, "diskio", &[("name", disk.name)]);
            let Ok(mut row) = row else { continue };
            for (name, count) in [
                ("io_time", disk.io_time_ms),
                ("iops_in_progress", disk.iops_in_progress),
                ("merged_reads", disk.merged_reads),
                ("merged_writes", disk.merged_writes),
                ("read_bytes", disk.read_bytes),
                ("read_time", disk.read_time_ms),
                ("reads", disk.reads),
                ("weighted_io_time", disk.weighted_io_time_ms),
                ("write_bytes", disk.write_bytes),
                ("write_time", disk.write_time_ms),
                ("writes", disk.writes),
            ] {
                row.field(name, int(count));
            }
            add_counts(
                &mut row,
                &[
                    ("discard_bytes", disk.discard_bytes),
                    ("discard_time", disk.discard_time_ms),
                    ("discards", disk.discards),
                    ("flush_time", disk.flush_time_ms),
                    ("flushes", disk.flushes),
                    ("merged_discards", disk.merged_discards),
                ],
            );
        }
    }
}

fn counters(disk: &DiskStat<'_>) -> DiskCounters {
    DiskCounters {
        reads_completed: disk.reads,
        reads_merged: disk.merged_reads,
        sectors_read: disk.read_bytes / SECTOR_BYTES,
        read_ms: disk.read_time_ms,
        writes_completed: disk.writes,
        writes_merged: disk.merged_writes,
        sectors_written: disk.write_bytes / SECTOR_BYTES,
        write_ms: disk.write_time_ms,
        io_in_progress: disk.iops_in_progress,
        io_ms: disk.io_time_ms,
        weighted_io_ms: disk.weighted_io_time_ms,
    }
}
