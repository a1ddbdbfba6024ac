//! Block devices.

use super::cpu::put_pressure;
use crate::cadvisor::json::Json;
use crate::node::{DeviceIo, IoCost, IoSample, MachineInfo, OperationCounts, SchedulerIo};

/// A figure of the cost model.
type Cost = fn(&IoCost) -> u64;

/// What a key of `stats` and its number are, sorted by key.
type Counts = [(&'static str, Option<u64>); 6];

/// `DiskIoStats`: each kind left out where no device has it.
pub(super) fn put(json: &mut Json, io: &IoSample, machine: &MachineInfo) {
    json.object(|json| {
        put_kind(json, "io_service_bytes", &io.devices, machine, |device| {
            let discarded = device.discard_bytes;
            let counts = counts(device, device.read_bytes, device.write_bytes, |p| p.0, discarded);
            Some((numbers(device), counts))
        });
        put_kind(json, "io_serviced", &io.devices, machine, |device| {
            let counts = counts(device, device.reads, device.writes, |p| p.1, device.discards);
            Some((numbers(device), counts))
        });
        put_scheduler(json, &io.scheduler, machine);
        let costs: [(&str, Cost); 4] = [
            ("io_cost_usage", |cost| cost.usage_usec),
            ("io_cost_wait", |cost| cost.wait_usec),
            ("io_cost_indebt", |cost| cost.indebt_usec),
            ("io_cost_indelay", |cost| cost.indelay_usec),
        ];
        for (key, of) in costs {
            put_kind(json, key, &io.devices, machine, |device| {
                Some((numbers(device), count(of(device.cost.as_ref()?))))
            });
        }
        put_pressure(json, io.pressure.as_ref());
    });
}

/// From `io_queued` to `io_time`.
fn put_scheduler(json: &mut Json, devices: &[SchedulerIo], machine: &MachineInfo) {
    let by_operation = |json: &mut Json, key, of: fn(&SchedulerIo) -> Option<OperationCounts>| {
        put_kind(json, key, devices, machine, |device| {
            Some(((device.major, device.minor), operations(of(device)?)))
        });
    };
    let plain = |json: &mut Json, key, of: fn(&SchedulerIo) -> Option<u64>| {
        put_kind(json, key, devices, machine, |device| {
            Some(((device.major, device.minor), count(of(device)?)))
        });
    };
    by_operation(json, "io_queued", |device| device.queued);
    plain(json, "sectors", |device| device.sectors);
    by_operation(json, "io_service_time", |device| device.service_ns);
    by_operation(json, "io_wait_time", |device| device.wait_ns);
    by_operation(json, "io_merged", |device| device.merged);
    plain(json, "io_time", |device| device.time_ms);
}

const fn numbers(device: &DeviceIo) -> (u32, u32) {
    (device.major, device.minor)
}

/// A number without an operation.
const fn count(count: u64) -> Counts {
    [("Count", Some(count)), ("", None), ("", None), ("", None), ("", None), ("", None)]
}

const fn operations(counts: OperationCounts) -> Counts {
    [
        ("Async", Some(counts.asynchronous)),
        ("Discard", counts.discard),
        ("Read", Some(counts.read)),
        ("Sync", Some(counts.sync)),
        ("Total", Some(counts.total)),
        ("Write", Some(counts.write)),
    ]
}

/// Version 1 of cgroups counts in more ways than reading and writing; of version 2 cAdvisor has these two only.
fn counts(
    device: &DeviceIo,
    read: u64,
    write: u64,
    of: impl Fn((u64, u64)) -> u64,
    discarded: Option<u64>,
) -> Counts {
    let total = device.total.map(&of);
    [
        ("Async", device.asynchronous.map(&of)),
        ("Discard", total.and(discarded)),
        ("Read", Some(read)),
        ("Sync", device.sync.map(&of)),
        ("Total", total),
        ("Write", Some(write)),
    ]
}

fn put_kind<D>(
    json: &mut Json,
    key: &str,
    devices: &[D],
    machine: &MachineInfo,
    counts: impl Fn(&D) -> Option<((u32, u32), Counts)>,
) {
    let mut devices = devices.iter().filter_map(counts).peekable();
    if devices.peek().is_none() {
        return;
    }
    json.key(key).slice(devices, |json, ((major, minor), counts)| {
        let (major, minor) = (u64::from(major), u64::from(minor));
        json.object(|json| {
            json.put_str("device", &device_name((major, minor), machine));
            json.put_u64("major", major);
            json.put_u64("minor", minor);
            json.key("stats").object(|json| {
                let known = counts.iter().filter_map(|(key, count)| Some((key, (*count)?)));
                known.for_each(|(key, count)| json.put_u64(key, count));
            });
        });
    });
}

/// `/dev/sda` by the machine's disks; empty for one that is none of them.
fn device_name(numbers: (u64, u64), machine: &MachineInfo) -> String {
    let disk = machine.disks.iter().find(|disk| (disk.major, disk.minor) == numbers);
    disk.map_or_else(String::new, |disk| format!("/dev/{}", disk.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_scheduler_counts_stands_between_requests_and_costs() {
        let counts = OperationCounts {
            read: 1,
            write: 2,
            sync: 2,
            asynchronous: 1,
            total: 3,
            discard: None,
        };
        let io = IoSample {
            devices: vec![DeviceIo { major: 8, read_bytes: 512, reads: 1, ..DeviceIo::default() }],
            scheduler: vec![SchedulerIo {
                major: 8,
                queued: Some(counts),
                sectors: Some(72),
                time_ms: Some(5),
                ..SchedulerIo::default()
            }],
            ..IoSample::default()
        };
        let mut json = Json::default();
        put(&mut json, &io, &MachineInfo::default());
        let device = r#""device":"","major":8,"minor":0"#;
        let by_operation = r#"{"Async":1,"Read":1,"Sync":2,"Total":3,"Write":2}"#;
        let expected = format!(
            "{{\"io_service_bytes\":[{{{device},\"stats\":{{\"Read\":512,\"Write\":0}}}}],\
             \"io_serviced\":[{{{device},\"stats\":{{\"Read\":1,\"Write\":0}}}}],\
             \"io_queued\":[{{{device},\"stats\":{by_operation}}}],\
             \"sectors\":[{{{device},\"stats\":{{\"Count\":72}}}}],\
             \"io_time\":[{{{device},\"stats\":{{\"Count\":5}}}}]"
        );
        let text = String::from_utf8(json.into_bytes()).unwrap();
        assert!(text.starts_with(&expected), "{text}");
    }
}
