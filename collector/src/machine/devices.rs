//! What hangs on the machine: disks, interfaces, modules of memory.

use crate::Roots;
use crate::attr::Attrs;
use crate::node::{BlockDevice, NetworkDevice};
use crate::text::device_number;

/// Block devices that are no hardware, by the beginning of their names.
const NO_DISKS: [&str; 3] = ["loop", "ram", "sr"];

/// Interfaces of containers and the host's own, likewise.
pub(crate) const NO_INTERFACES: [&str; 4] = ["lo", "veth", "docker", "nerdctl"];

/// Bytes of a sector in `size`, whatever the device's own is.
const SECTOR_BYTES: u64 = 512;

/// Megabytes of a module, as its driver counts them.
const MIB: u64 = 1 << 20;

/// The disks of `/sys/block`, partitions not among them.
pub(super) fn disks(roots: &Roots, attrs: &mut Attrs<'_>) -> Vec<BlockDevice> {
    let folder = roots.sys.join("block");
    let mut disks = Vec::new();
    for name in attrs.names(&folder) {
        let disk = folder.join(&name);
        if NO_DISKS.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        // The paths of an NVMe device that the multipath layer stands upon.
        if attrs.text(&disk.join("hidden")).is_some_and(|text| text == "1") {
            continue;
        }
        let number = attrs.text(&disk.join("dev")).and_then(|text| device_number(text.as_bytes()));
        let Some((major, minor)) = number else { continue };
        let sectors = attrs.count(&disk.join("size")).unwrap_or(0);
        let schedulers = attrs.text(&disk.join("queue/scheduler")).unwrap_or_default();
        disks.push(BlockDevice {
            name: name.into(),
            major,
            minor,
            size_bytes: sectors.saturating_mul(SECTOR_BYTES),
            scheduler: chosen(&schedulers).unwrap_or("none").into(),
        });
    }
    disks
}

/// The one in brackets of `none [mq-deadline] kyber`.
fn chosen(schedulers: &str) -> Option<&str> {
    let (_, rest) = schedulers.split_once('[')?;
    Some(rest.split_once(']')?.0)
}

/// The interfaces of `/sys/class/net` that are neither loopback nor a container's.
pub(super) fn network(roots: &Roots, attrs: &mut Attrs<'_>) -> Vec<NetworkDevice> {
    let folder = roots.sys.join("class/net");
    let mut devices = Vec::new();
    for name in attrs.names(&folder) {
        let device = folder.join(&name);
        if NO_INTERFACES.iter().any(|prefix| name.starts_with(prefix)) || !device.is_dir() {
            continue;
        }
        // -1 is a speed that the driver does not know, and a link that is down has none.
        let speed = attrs.signed(&device.join("speed")).unwrap_or(0).max(0);
        devices.push(NetworkDevice {
            mac_address: attrs.text(&device.join("address")).unwrap_or_default().into(),
            mtu: attrs.signed(&device.join("mtu")).unwrap_or(0),
            speed_mbits: speed,
            name: name.into(),
        });
    }
    devices
}

/// Modules of memory by type, from the drivers for error correction: (type, bytes, count).
pub(super) fn memory_modules(roots: &Roots, attrs: &mut Attrs<'_>) -> Vec<(Box<str>, u64, u32)> {
    let controllers = roots.sys.join("devices/system/edac/mc");
    let mut by_type: Vec<(Box<str>, u64, u32)> = Vec::new();
    for controller in attrs.numbered(&controllers, "mc") {
        let controller = controllers.join(format!("mc{controller}"));
        for module in attrs.numbered(&controller, "dimm") {
            let module = controller.join(format!("dimm{module}"));
            let Some(kind) = attrs.text(&module.join("dimm_mem_type")) else { continue };
            let bytes = attrs.count(&module.join("size")).unwrap_or(0).saturating_mul(MIB);
            match by_type.iter_mut().find(|(known, ..)| **known == *kind) {
                Some((_, sum, count)) => {
                    *sum = sum.saturating_add(bytes);
                    *count += 1;
                }
                None => by_type.push((kind.into(), bytes, 1)),
            }
        }
    }
    by_type
}
