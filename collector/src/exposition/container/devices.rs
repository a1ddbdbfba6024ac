//! Block devices and file systems.
//!
//! A container has its own counters of a device from its cgroup; the root has those of the disk under each of its file
//! systems, too. Where both are known for one device, the cgroup's are taken.

use super::{Context, Emit, LabelName, Metric, Seen, Value, counter, gauge};
use crate::exposition::snapshot::distinct;
use crate::node::{DeviceIo, DiskCounters, FilesystemSample, IoCost};

const DEVICE: LabelName<'_> = LabelName::from_static("device");
const MAJOR: LabelName<'_> = LabelName::from_static("major");
const MINOR: LabelName<'_> = LabelName::from_static("minor");
const OPERATION: LabelName<'_> = LabelName::from_static("operation");

pub(super) const METRICS: &[Metric] = &[
    gauge("container_fs_inodes_free", "Inodes not in use.", |seen, _, emit| {
        for fs in distinct(&seen.sample.filesystems) {
            emit.with(&[(DEVICE, &*fs.device)], fs.inodes_free);
        }
    }),
    gauge("container_fs_inodes_total", "Inodes.", |seen, _, emit| {
        for fs in distinct(&seen.sample.filesystems) {
            // Without those free they are a count of the container's files.
            let all = fs.inodes.filter(|_| fs.inodes_free.is_some());
            emit.with(&[(DEVICE, &*fs.device)], all);
        }
    }),
    gauge(
        "container_fs_limit_bytes",
        "Bytes of the file system that the container may use.",
        |seen, _, emit| {
            for fs in distinct(&seen.sample.filesystems) {
                emit.with(&[(DEVICE, &*fs.device)], Some(fs.capacity));
            }
        },
    ),
    gauge(
        "container_fs_usage_bytes",
        "Bytes of the file system that the container uses.",
        |seen, _, emit| {
            for fs in distinct(&seen.sample.filesystems) {
                emit.with(&[(DEVICE, &*fs.device)], Some(fs.usage));
            }
        },
    ),
    counter("container_fs_reads_bytes_total", "Bytes read.", |seen, context, emit| {
        each_device(seen, context, emit, |io| io.read_bytes);
    }),
    counter("container_fs_reads_total", "Reads.", |seen, context, emit| {
        each_device(seen, context, emit, |io| io.reads);
        each_other_disk(seen, context, emit, |disk| disk.reads_completed);
    }),
    counter("container_fs_sector_reads_total", "Sectors read.", |seen, _, emit| {
        each_disk(seen, emit, |disk| disk.sectors_read.into());
    }),
    counter(
        "container_fs_reads_merged_total",
        "Reads that were merged with others.",
        |seen, _, emit| each_disk(seen, emit, |disk| disk.reads_merged.into()),
    ),
    counter(
        "container_fs_read_seconds_total",
        "Time that reads took, in seconds.",
        |seen, _, emit| each_disk(seen, emit, |disk| Value::millis(disk.read_ms)),
    ),
    counter("container_fs_writes_bytes_total", "Bytes written.", |seen, context, emit| {
        each_device(seen, context, emit, |io| io.write_bytes);
    }),
    counter("container_fs_writes_total", "Writes.", |seen, context, emit| {
        each_device(seen, context, emit, |io| io.writes);
        each_other_disk(seen, context, emit, |disk| disk.writes_completed);
    }),
    counter("container_fs_sector_writes_total", "Sectors written.", |seen, _, emit| {
        each_disk(seen, emit, |disk| disk.sectors_written.into());
    }),
    counter(
        "container_fs_writes_merged_total",
        "Writes that were merged with others.",
        |seen, _, emit| each_disk(seen, emit, |disk| disk.writes_merged.into()),
    ),
    counter(
        "container_fs_write_seconds_total",
        "Time that writes took, in seconds.",
        |seen, _, emit| each_disk(seen, emit, |disk| Value::millis(disk.write_ms)),
    ),
    gauge("container_fs_io_current", "Reads and writes under way.", |seen, _, emit| {
        each_disk(seen, emit, |disk| disk.io_in_progress.into());
    }),
    counter(
        "container_fs_io_time_seconds_total",
        "Time in which there was a read or write under way, in seconds.",
        |seen, _, emit| each_disk(seen, emit, |disk| Value::millis(disk.io_ms)),
    ),
    counter(
        "container_fs_io_time_weighted_seconds_total",
        "The same time, each second as often as there were reads and writes under way.",
        |seen, _, emit| each_disk(seen, emit, |disk| Value::millis(disk.weighted_io_ms)),
    ),
    counter(
        "container_fs_io_cost_usage_seconds_total",
        "Time of the device used, by the kernel's model of cost, in seconds.",
        |seen, context, emit| each_cost(seen, context, emit, |cost| cost.usage_usec),
    ),
    counter(
        "container_fs_io_cost_wait_seconds_total",
        "Time waited for the device, by the kernel's model of cost, in seconds.",
        |seen, context, emit| each_cost(seen, context, emit, |cost| cost.wait_usec),
    ),
    counter(
        "container_fs_io_cost_indebt_seconds_total",
        "Time in debt, by the kernel's model of cost, in seconds.",
        |seen, context, emit| each_cost(seen, context, emit, |cost| cost.indebt_usec),
    ),
    counter(
        "container_fs_io_cost_indelay_seconds_total",
        "Time delayed for debt, by the kernel's model of cost, in seconds.",
        |seen, context, emit| each_cost(seen, context, emit, |cost| cost.indelay_usec),
    ),
    counter(
        "container_blkio_device_usage_total",
        "Bytes moved to and from each device, by operation.",
        |seen, context, emit| {
            for io in &seen.sample.io.devices {
                operations(io, context, emit);
            }
        },
    ),
];

/// A value of every device that the container's cgroup has counters of.
fn each_device(
    seen: &Seen,
    context: &Context<'_>,
    emit: &mut Emit<'_, '_>,
    value: fn(&DeviceIo) -> u64,
) {
    for io in &seen.sample.io.devices {
        emit.with(&[(DEVICE, context.devices.name(io.major, io.minor))], Some(value(io)));
    }
}

fn each_cost(
    seen: &Seen,
    context: &Context<'_>,
    emit: &mut Emit<'_, '_>,
    value: fn(&IoCost) -> u64,
) {
    for io in &seen.sample.io.devices {
        let cost = io.cost.as_ref().map(|cost| Value::micros(value(cost)));
        emit.with(&[(DEVICE, context.devices.name(io.major, io.minor))], cost);
    }
}

/// A value of the disk under every file system, where there is one.
fn each_disk(seen: &Seen, emit: &mut Emit<'_, '_>, value: fn(&DiskCounters) -> Value) {
    for fs in distinct(&seen.sample.filesystems) {
        emit.with(&[(DEVICE, &*fs.device)], fs.disk.as_ref().map(value));
    }
}

/// The same without disks that the container's cgroup has counters of.
fn each_other_disk(
    seen: &Seen,
    context: &Context<'_>,
    emit: &mut Emit<'_, '_>,
    value: fn(&DiskCounters) -> u64,
) {
    let devices = &seen.sample.io.devices;
    let own = |fs: &&FilesystemSample| {
        devices.iter().any(|io| context.devices.name(io.major, io.minor) == &*fs.device)
    };
    for fs in distinct(&seen.sample.filesystems).filter(|fs| !own(fs)) {
        emit.with(&[(DEVICE, &*fs.device)], fs.disk.as_ref().map(value));
    }
}

/// Bytes by operation. Of version 2 only reads and writes: a sum over operations is taken for traffic there, which
/// discards are not.
fn operations(io: &DeviceIo, context: &Context<'_>, emit: &mut Emit<'_, '_>) {
    let operations = [
        ("Async", io.asynchronous.map(|(bytes, _)| bytes)),
        ("Discard", io.total.and(io.discard_bytes)),
        ("Read", Some(io.read_bytes)),
        ("Sync", io.sync.map(|(bytes, _)| bytes)),
        ("Total", io.total.map(|(bytes, _)| bytes)),
        ("Write", Some(io.write_bytes)),
    ];
    let (mut major, mut minor) = (String::new(), String::new());
    crate::exposition::number::write_value(&mut major, io.major.into());
    crate::exposition::number::write_value(&mut minor, io.minor.into());
    let device = context.devices.name(io.major, io.minor);
    for (operation, bytes) in operations {
        let labels = [(DEVICE, device), (MAJOR, &*major), (MINOR, &*minor), (OPERATION, operation)];
        emit.with(&labels, bytes);
    }
}
