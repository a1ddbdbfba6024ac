//! Block devices.

use super::cpu::put_pressure;
use crate::cadvisor::json::Json;
use crate::node::{DeviceIo, IoCost, IoSample, MachineInfo};

/// A figure of the cost model.
type Cost = fn(&IoCost) -> u64;

/// What a key of `stats` and its number are, sorted by key.
type Counts = [(&'static str, Option<u64>); 6];

/// `DiskIoStats`: each kind left out where no device has it.
pub(super) fn put(json: &mut Json, io: &IoSample, machine: &MachineInfo) {
    json.object(|json| {
        put_kind(json, "io_service_bytes", io, machine, |device| {
            Some(counts(
                device,
                device.read_bytes,
                device.write_bytes,
                |pair| pair.0,
                |device| device.discard_bytes,
            ))
        });
        put_kind(json, "io_serviced", io, machine, |device| {
            Some(counts(
                device,
                device.reads,
                device.writes,
                |pair| pair.1,
                |device| device.discards,
            ))
        });
        let costs: [(&str, Cost); 4] = [
            ("io_cost_usage", |cost| cost.usage_usec),
            ("io_cost_wait", |cost| cost.wait_usec),
            ("io_cost_indebt", |cost| cost.indebt_usec),
            ("io_cost_indelay", |cost| cost.indelay_usec),
        ];
        for (key, of) in costs {
            put_kind(json, key, io, machine, |device| {
                let count = Some(of(device.cost.as_ref()?));
                Some([("Count", count), ("", None), ("", None), ("", None), ("", None), ("", None)])
            });
        }
        put_pressure(json, io.pressure.as_ref());
    });
}

/// Version 1 of cgroups counts in more ways than reading and writing; of version 2 cAdvisor has these two only.
fn counts(
    device: &DeviceIo,
    read: u64,
    write: u64,
    of: impl Fn((u64, u64)) -> u64,
    discarded: impl Fn(&DeviceIo) -> Option<u64>,
) -> Counts {
    let total = device.total.map(&of);
    [
        ("Async", device.asynchronous.map(&of)),
        ("Discard", total.and(discarded(device))),
        ("Read", Some(read)),
        ("Sync", device.sync.map(&of)),
        ("Total", total),
        ("Write", Some(write)),
    ]
}

fn put_kind(
    json: &mut Json,
    key: &str,
    io: &IoSample,
    machine: &MachineInfo,
    counts: impl Fn(&DeviceIo) -> Option<Counts>,
) {
    let devices = io.devices.iter().filter_map(|device| Some((device, counts(device)?)));
    let mut devices = devices.peekable();
    if devices.peek().is_none() {
        return;
    }
    json.key(key).slice(devices, |json, (device, counts)| {
        json.object(|json| {
            json.put_str("device", &device_name(device, machine));
            json.put_u64("major", u64::from(device.major));
            json.put_u64("minor", u64::from(device.minor));
            json.key("stats").object(|json| {
                let known = counts.iter().filter_map(|(key, count)| Some((key, (*count)?)));
                known.for_each(|(key, count)| json.put_u64(key, count));
            });
        });
    });
}

/// `/dev/sda` by the machine's disks; empty for one that is none of them.
fn device_name(device: &DeviceIo, machine: &MachineInfo) -> String {
    let numbers = (u64::from(device.major), u64::from(device.minor));
    let disk = machine.disks.iter().find(|disk| (disk.major, disk.minor) == numbers);
    disk.map_or_else(String::new, |disk| format!("/dev/{}", disk.name))
}
