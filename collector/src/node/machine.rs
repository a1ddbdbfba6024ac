//! What the machine is made of.

use stripchart_core::Timestamp;

/// The machine, as `/proc` and `/sys` describe it.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct MachineInfo {
    /// When it was looked at.
    pub at: Timestamp,
    /// Who made the processor, as `GenuineIntel`.
    pub vendor_id: Box<str>,
    /// Processors that are switched on, hardware threads each.
    pub cores: u32,
    /// Physical cores.
    pub physical_cores: u32,
    /// Sockets.
    pub sockets: u32,
    /// The highest frequency in kHz, 0 where unknown.
    pub cpu_frequency_khz: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Bytes of swap.
    pub swap_bytes: u64,
    /// Modules by type: (type, bytes, count).
    pub memory_by_type: Vec<(Box<str>, u64, u32)>,
    /// Huge pages of the whole machine.
    pub huge_pages: Vec<HugePages>,
    /// `/etc/machine-id`.
    pub machine_id: Box<str>,
    /// The firmware's id of the machine.
    pub system_uuid: Box<str>,
    /// Another one after each boot.
    pub boot_id: Box<str>,
    /// When it was booted.
    pub boot_time: Option<Timestamp>,
    /// The kernel's version, as `6.1.0-18-amd64`.
    pub kernel_version: Box<str>,
    /// The name of the system, as `Debian GNU/Linux 12 (bookworm)`.
    pub os_version: Box<str>,
    /// The host's name.
    pub host_name: Box<str>,
    /// Block devices.
    pub disks: Vec<BlockDevice>,
    /// Network interfaces of hardware.
    pub network_devices: Vec<NetworkDevice>,
    /// Memory nodes with their cores.
    pub nodes: Vec<NumaNode>,
}

/// A pool of huge pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HugePages {
    /// KiB of a page.
    pub page_size_kib: u64,
    /// Pages.
    pub pages: u64,
}

/// A block device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockDevice {
    /// As `sda`.
    pub name: Box<str>,
    /// Its number.
    pub major: u64,
    /// Its number.
    pub minor: u64,
    /// Bytes.
    pub size_bytes: u64,
    /// The I/O scheduler in use, as `mq-deadline`; `none` where there is none.
    pub scheduler: Box<str>,
}

/// A network interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetworkDevice {
    /// As `eth0`.
    pub name: Box<str>,
    /// Its address of the link layer.
    pub mac_address: Box<str>,
    /// Mbit/s; 0 where unknown, as of a link that is down.
    pub speed_mbits: i64,
    /// Bytes of the largest packet.
    pub mtu: i64,
}

/// A memory node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NumaNode {
    /// Its number.
    pub id: u32,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Its huge pages.
    pub huge_pages: Vec<HugePages>,
    /// Its cores.
    pub cores: Vec<CoreInfo>,
    /// Caches that the whole node shares.
    pub caches: Vec<CacheInfo>,
    /// Distances to all nodes, by number.
    pub distances: Vec<u64>,
}

/// A physical core.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CoreInfo {
    /// Its number in the socket.
    pub id: u32,
    /// Its hardware threads.
    pub threads: Vec<u32>,
    /// Its own caches.
    pub caches: Vec<CacheInfo>,
    /// Caches shared with other cores.
    pub uncore_caches: Vec<CacheInfo>,
    /// Its socket.
    pub socket: u32,
    /// Its book, of machines that have some.
    pub book: Option<u32>,
    /// Its drawer, of machines that have some.
    pub drawer: Option<u32>,
}

/// A cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheInfo {
    /// Its number.
    pub id: u32,
    /// Bytes.
    pub size_bytes: u64,
    /// `Data`, `Instruction` or `Unified`.
    pub kind: Box<str>,
    /// 1 is next to the core.
    pub level: u32,
}
