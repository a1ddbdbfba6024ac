//! `diskio`, from `/proc/diskstats`.

use super::{Context, int};
use crate::Roots;
use crate::file::HostFile;
use crate::proc::DiskStats;

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
}

impl DiskIo {
    pub(crate) fn new(roots: &Roots) -> Self {
        DiskIo {
            file: HostFile::new(roots.proc_file("diskstats")),
            stacked: StackedDevices::default(),
        }
    }

    pub(crate) const fn stacked(&self) -> &StackedDevices {
        &self.stacked
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        let Some(text) = cx.warnings.read(&mut self.file, cx.buffer) else { return };
        let parsed = DiskStats::parse(text);
        let Some(disks) = cx.warnings.parsed(self.file.path(), parsed) else { return };
        self.stacked.0.clear();
        for disk in disks.iter() {
            if STACKED.iter().any(|prefix| disk.name.starts_with(prefix)) {
                self.stacked.0.push((disk.major, disk.minor));
            }
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
        }
    }
}
