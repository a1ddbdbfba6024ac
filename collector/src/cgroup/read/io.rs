//! Block devices.

use super::super::files::{FileId, GroupReader, Keep};
use super::super::v1::BlkioThrottle;
use super::super::v2::{IoStat, IoStatCost};
use super::Machine;
use crate::ParseError;
use crate::node::{DeviceIo, IoCost, IoSample};

/// Which files of version 1 count the I/O of a cgroup.
///
/// Several do, and which of them count depends on kernel and scheduler: those of throttling count whatever the
/// scheduler, those of BFQ and CFQ (the latter until 5.0) only what passes through them. Those without cgroups below are
/// for kernels before 4.13. Of all the first that has a device counts; looked for again now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct IoSource(usize);

/// Devices of one cgroup that are kept apart; what is beyond is left out, so that a file that is none of the kernel's costs
/// neither memory nor time.
const DEVICES_MAX: usize = 1024;

/// In order of preference: bytes, requests.
const SOURCES: [(FileId, FileId); 4] = [
    (FileId::V1IoBytes, FileId::V1Ios),
    (FileId::V1BfqIoBytes, FileId::V1BfqIos),
    (FileId::V1CfqIoBytes, FileId::V1CfqIos),
    (FileId::V1OwnIoBytes, FileId::V1OwnIos),
];

pub(super) fn version_1(
    reader: &mut GroupReader<'_>,
    io: &mut IoSample,
    source: &mut IoSource,
    choose: bool,
    machine: Machine<'_>,
) {
    io.known = from(reader, io, source.0, Keep::Busy);
    if choose && io.devices.is_empty() {
        let others = (0..SOURCES.len()).filter(|at| *at != source.0);
        // Where none has a device the first that is there will do.
        let (mut used, mut there) = (None, None);
        for (at, has_device) in others.filter_map(|at| Some((at, has_device(reader, at)?))) {
            there.get_or_insert(at);
            if has_device {
                used.get_or_insert(at);
                break;
            }
        }
        if let Some(at) = used.or(there.filter(|_| !io.known)) {
            *source = IoSource(at);
            io.known = from(reader, io, at, Keep::Busy);
        }
    }
    add_up(io, machine);
}

/// Whether source `at` has a device that was used; `None` if it is not there.
fn has_device(reader: &mut GroupReader<'_>, at: usize) -> Option<bool> {
    let used = |text: &[u8]| Ok(BlkioThrottle::parse(text)?.iter().any(|entry| entry.value > 0));
    reader.get_as(SOURCES[at].0, Keep::Never, used)
}

/// Reads the devices out of source `at`; answers whether it is there.
fn from(reader: &mut GroupReader<'_>, io: &mut IoSample, at: usize, keep: Keep) -> bool {
    let (bytes, requests) = SOURCES[at];
    let devices = &mut io.devices;
    devices.clear();
    let known = reader.get_as(bytes, keep, |text| add(text, devices, true)).is_some();
    // Bytes without requests are of no less use.
    reader.get_as(requests, keep, |text| add(text, devices, false));
    known
}

/// Adds the entries of one file to `devices`.
fn add(text: &[u8], devices: &mut Vec<DeviceIo>, bytes: bool) -> Result<(), ParseError> {
    for entry in BlkioThrottle::parse(text)?.iter() {
        let (value, number) = (entry.value, entry.device);
        // A device that was never used has lines of zeros.
        let Some(device) = device_io(devices, number, value > 0) else { continue };
        let pair = |pair: &mut Option<(u64, u64)>| {
            let pair = pair.get_or_insert_default();
            *(if bytes { &mut pair.0 } else { &mut pair.1 }) = value;
        };
        match (entry.operation, bytes) {
            (b"Read", true) => device.read_bytes = value,
            (b"Read", false) => device.reads = value,
            (b"Write", true) => device.write_bytes = value,
            (b"Write", false) => device.writes = value,
            (b"Discard", true) => device.discard_bytes = Some(value),
            (b"Discard", false) => device.discards = Some(value),
            (b"Sync", _) => pair(&mut device.sync),
            (b"Async", _) => pair(&mut device.asynchronous),
            (b"Total", _) => pair(&mut device.total),
            _ => {}
        }
    }
    Ok(())
}

fn device_io(
    devices: &mut Vec<DeviceIo>,
    numbers: (u64, u64),
    wanted: bool,
) -> Option<&mut DeviceIo> {
    let new = |(major, minor)| DeviceIo { major, minor, ..DeviceIo::default() };
    device_of(devices, numbers, wanted, |known| (known.major, known.minor), new)
}

/// The entry of the device, made by `new` if there is none and it is `wanted`; `None` otherwise, or if it has no number that a device
/// can have.
pub(super) fn device_of<D>(
    devices: &mut Vec<D>,
    (major, minor): (u64, u64),
    wanted: bool,
    numbers: impl Fn(&D) -> (u32, u32),
    new: impl Fn((u32, u32)) -> D,
) -> Option<&mut D> {
    let device = (u32::try_from(major).ok()?, u32::try_from(minor).ok()?);
    let at = match devices.iter().rposition(|known| numbers(known) == device) {
        Some(at) => at,
        None if wanted && devices.len() < DEVICES_MAX => {
            devices.push(new(device));
            devices.len() - 1
        }
        None => return None,
    };
    devices.get_mut(at)
}

pub(super) fn version_2(reader: &mut GroupReader<'_>, io: &mut IoSample, machine: Machine<'_>) {
    let devices = &mut io.devices;
    devices.clear();
    let read = reader.get(FileId::IoStat, |text| {
        for entry in IoStat::parse(text)?.iter() {
            let counts =
                [entry.rbytes, entry.wbytes, entry.rios, entry.wios, entry.dbytes, entry.dios];
            let used = counts != [0; 6];
            // A device that is listed twice counts once: with what is said of it last.
            let Some(device) = device_io(devices, entry.device, used) else { continue };
            *device = DeviceIo {
                major: device.major,
                minor: device.minor,
                read_bytes: entry.rbytes,
                write_bytes: entry.wbytes,
                reads: entry.rios,
                writes: entry.wios,
                discard_bytes: Some(entry.dbytes),
                discards: Some(entry.dios),
                cost: entry.cost.map(cost),
                ..DeviceIo::default()
            };
        }
        Ok(())
    });
    io.known = read.is_some();
    add_up(io, machine);
}

const fn cost(cost: IoStatCost) -> IoCost {
    IoCost {
        usage_usec: cost.usage_usec,
        wait_usec: cost.wait_usec,
        indebt_usec: cost.indebt_usec,
        indelay_usec: cost.indelay_usec,
    }
}

/// Adds up the devices that do not hand on to others.
fn add_up(io: &mut IoSample, machine: Machine<'_>) {
    (io.read_bytes, io.write_bytes, io.reads, io.writes) = (0, 0, 0, 0);
    for device in &io.devices {
        if machine.stacked.contains((device.major.into(), device.minor.into())) {
            continue;
        }
        for (sum, value) in [
            (&mut io.read_bytes, device.read_bytes),
            (&mut io.write_bytes, device.write_bytes),
            (&mut io.reads, device.reads),
            (&mut io.writes, device.writes),
        ] {
            *sum = sum.saturating_add(value);
        }
    }
}
