//! What the I/O schedulers BFQ and CFQ count of a cgroup of version 1, beyond bytes and requests.
//!
//! CFQ went with 5.0, and BFQ counts this in kernels that are built to debug it: few hosts have any of these files, and those that
//! have are not slowed by six more of them in every sample. They are looked at when a cgroup is read whole.

use super::super::files::{FileId, GroupReader};
use super::super::v1::{BlkioDevice, BlkioThrottle};
use crate::node::{IoSample, OperationCounts, SchedulerIo};

/// Devices of one cgroup that are kept apart.
const DEVICES_MAX: usize = 256;

/// Sums that have no operation, and where they go.
type Plain = (FileId, fn(&mut SchedulerIo) -> &mut Option<u64>);

/// Counts by operation, and where they go.
type ByOperation = (FileId, fn(&mut SchedulerIo) -> &mut Option<OperationCounts>);

/// The files of one scheduler.
struct Scheduler {
    plain: [Plain; 2],
    by_operation: [ByOperation; 4],
}

const SCHEDULERS: [Scheduler; 2] = [
    Scheduler {
        plain: [
            (FileId::V1BfqSectors, |io| &mut io.sectors),
            (FileId::V1BfqTime, |io| &mut io.time_ms),
        ],
        by_operation: [
            (FileId::V1BfqQueued, |io| &mut io.queued),
            (FileId::V1BfqServiceTime, |io| &mut io.service_ns),
            (FileId::V1BfqWaitTime, |io| &mut io.wait_ns),
            (FileId::V1BfqMerged, |io| &mut io.merged),
        ],
    },
    Scheduler {
        plain: [
            (FileId::V1CfqSectors, |io| &mut io.sectors),
            (FileId::V1CfqTime, |io| &mut io.time_ms),
        ],
        by_operation: [
            (FileId::V1CfqQueued, |io| &mut io.queued),
            (FileId::V1CfqServiceTime, |io| &mut io.service_ns),
            (FileId::V1CfqWaitTime, |io| &mut io.wait_ns),
            (FileId::V1CfqMerged, |io| &mut io.merged),
        ],
    },
];

/// Reads what the first scheduler that counts a device has.
pub(super) fn read(reader: &mut GroupReader<'_>, io: &mut IoSample) {
    let devices = &mut io.scheduler;
    devices.clear();
    for scheduler in &SCHEDULERS {
        for (file, place) in scheduler.plain {
            reader.get(file, |text| {
                for (number, value) in BlkioDevice::parse(text)?.iter() {
                    if let Some(device) = device_of(devices, number) {
                        *place(device) = Some(value);
                    }
                }
                Ok(())
            });
        }
        for (file, place) in scheduler.by_operation {
            reader.get(file, |text| {
                for entry in BlkioThrottle::parse(text)?.iter() {
                    let Some(device) = device_of(devices, entry.device) else { continue };
                    let counts = place(device).get_or_insert_default();
                    let slot = match entry.operation {
                        b"Read" => &mut counts.read,
                        b"Write" => &mut counts.write,
                        b"Sync" => &mut counts.sync,
                        b"Async" => &mut counts.asynchronous,
                        b"Total" => &mut counts.total,
                        b"Discard" => counts.discard.get_or_insert_default(),
                        _ => continue,
                    };
                    *slot = entry.value;
                }
                Ok(())
            });
        }
        if !devices.is_empty() {
            return;
        }
    }
}

/// The entry of a device, entered if new; `None` if it has no number that a device can have, or if there are too many.
fn device_of(
    devices: &mut Vec<SchedulerIo>,
    (major, minor): (u64, u64),
) -> Option<&mut SchedulerIo> {
    let (major, minor) = (u32::try_from(major).ok()?, u32::try_from(minor).ok()?);
    let known = devices.iter().position(|known| (known.major, known.minor) == (major, minor));
    let at = match known {
        Some(at) => at,
        None if devices.len() < DEVICES_MAX => {
            devices.push(SchedulerIo { major, minor, ..SchedulerIo::default() });
            devices.len() - 1
        }
        None => return None,
    };
    devices.get_mut(at)
}
