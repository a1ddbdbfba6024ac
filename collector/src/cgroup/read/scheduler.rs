//! What the I/O schedulers BFQ and CFQ count of a cgroup of version 1, beyond bytes and requests.
//!
//! CFQ went with 5.0, and BFQ counts this in kernels that are built to debug it: few hosts have any of these files, and those that
//! have are not slowed by six more of them in every sample. They are looked at when a cgroup is read whole.

use super::super::files::{FileId, GroupReader};
use super::super::v1::{BlkioDevice, BlkioThrottle};
use super::io::device_of;
use crate::node::{IoSample, OperationCounts, SchedulerIo};

/// What the files of a scheduler that have one count for each device tell.
const PLAIN: [fn(&mut SchedulerIo) -> &mut Option<u64>; 2] =
    [|io| &mut io.sectors, |io| &mut io.time_ms];

/// What those tell that have a count for each kind of operation.
const BY_OPERATION: [fn(&mut SchedulerIo) -> &mut Option<OperationCounts>; 4] =
    [|io| &mut io.queued, |io| &mut io.service_ns, |io| &mut io.wait_ns, |io| &mut io.merged];

/// The files of each scheduler, in the order of [`PLAIN`] and [`BY_OPERATION`].
const SCHEDULERS: [([FileId; 2], [FileId; 4]); 2] = [
    (
        [FileId::V1BfqSectors, FileId::V1BfqTime],
        [FileId::V1BfqQueued, FileId::V1BfqServiceTime, FileId::V1BfqWaitTime, FileId::V1BfqMerged],
    ),
    (
        [FileId::V1CfqSectors, FileId::V1CfqTime],
        [FileId::V1CfqQueued, FileId::V1CfqServiceTime, FileId::V1CfqWaitTime, FileId::V1CfqMerged],
    ),
];

/// Reads what the first scheduler that counts a device has.
pub(super) fn read(reader: &mut GroupReader<'_>, io: &mut IoSample) {
    let devices = &mut io.scheduler;
    devices.clear();
    for (plain, by_operation) in SCHEDULERS {
        for (file, place) in plain.into_iter().zip(PLAIN) {
            reader.get(file, |text| {
                for (number, value) in BlkioDevice::parse(text)?.iter() {
                    if let Some(device) = scheduled(devices, number) {
                        *place(device) = Some(value);
                    }
                }
                Ok(())
            });
        }
        for (file, place) in by_operation.into_iter().zip(BY_OPERATION) {
            reader.get(file, |text| {
                for entry in BlkioThrottle::parse(text)?.iter() {
                    if let Some(device) = scheduled(devices, entry.device) {
                        let counts = place(device).get_or_insert_default();
                        count(counts, entry.operation, entry.value);
                    }
                }
                Ok(())
            });
        }
        if !devices.is_empty() {
            return;
        }
    }
}

fn count(counts: &mut OperationCounts, operation: &[u8], value: u64) {
    match operation {
        b"Read" => counts.read = value,
        b"Write" => counts.write = value,
        b"Sync" => counts.sync = value,
        b"Async" => counts.asynchronous = value,
        b"Total" => counts.total = value,
        b"Discard" => counts.discard = Some(value),
        _ => {}
    }
}

fn scheduled(devices: &mut Vec<SchedulerIo>, numbers: (u64, u64)) -> Option<&mut SchedulerIo> {
    let new = |(major, minor)| SchedulerIo { major, minor, ..SchedulerIo::default() };
    device_of(devices, numbers, true, |known| (known.major, known.minor), new)
}
