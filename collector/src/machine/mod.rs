//! Looking at the machine: what changes seldom or never.
//!
//! ```text
//! /proc/{cpuinfo,meminfo,stat,sys/kernel/*}, /etc/{machine-id,os-release}      who and how much
//! /sys/devices/system/node/nodeN --> cpuM/topology, cpuM/cache, meminfo, hugepages, distance
//!              (none of these: /sys/devices/system/cpu, by socket; none of those: /proc/cpuinfo)
//! /sys/block, /sys/class/net, /sys/devices/system/edac, /sys/kernel/mm/hugepages  what hangs on it
//! ```
//!
//! Reading it takes some ten files for each processor: once in minutes is often enough.

mod devices;
mod identity;
mod topology;

use std::collections::BTreeSet;

use stripchart_core::Timestamp;

pub(crate) use devices::NO_INTERFACES;

use crate::attr::Attrs;
use crate::file::Buffer;
use crate::node::MachineInfo;
use crate::proc::{CpuInfo, MemInfo, Stat};
use crate::warnings::Warnings;
use crate::{Roots, Warning};

/// Looks at the machine below `roots`; `now` is what [`MachineInfo::at`] will say.
///
/// What is not there stays empty or zero; what cannot be read or is malformed does too, and gives a warning with its path.
///
/// ```
/// use stripchart_collector::{Roots, machine};
/// let (machine, warnings) = machine::read(&Roots::default(), stripchart_core::Timestamp::from_secs(0));
/// println!("{} cores, {} bytes of memory", machine.cores, machine.memory_bytes);
/// warnings.iter().for_each(|warning| eprintln!("{warning}"));
/// ```
#[must_use]
pub fn read(roots: &Roots, now: Timestamp) -> (MachineInfo, Vec<Warning>) {
    let (mut buffer, mut warnings) = (Buffer::default(), Warnings::default());
    let mut attrs = Attrs::new(&mut buffer, &mut warnings);
    let mut machine = MachineInfo { at: now, ..MachineInfo::default() };
    processors(&mut machine, roots, &mut attrs);
    memory(&mut machine, roots, &mut attrs);
    identity::read(&mut machine, roots, &mut attrs);
    machine.disks = devices::disks(roots, &mut attrs);
    machine.network_devices = devices::network(roots, &mut attrs);
    (machine, warnings.take())
}

fn processors(machine: &mut MachineInfo, roots: &Roots, attrs: &mut Attrs<'_>) {
    let described = attrs.parsed(&roots.proc_file("cpuinfo"), |text| {
        let info = CpuInfo::parse(text)?;
        let vendor = info.vendor_id.unwrap_or_default().to_owned();
        Ok((vendor, info.mhz, info.processors().collect::<Vec<_>>()))
    });
    let (vendor, mhz, processors) = described.unwrap_or_default();
    machine.vendor_id = vendor.into();
    let highest = roots.sys.join("devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq");
    machine.cpu_frequency_khz = attrs.count(&highest).or(mhz.map(khz)).unwrap_or(0);
    machine.nodes = topology::read(roots, &processors, attrs);
    let threads: usize =
        machine.nodes.iter().flat_map(|node| &node.cores).map(|core| core.threads.len()).sum();
    let (mut cores, mut sockets) = (BTreeSet::new(), BTreeSet::new());
    for core in machine.nodes.iter().flat_map(|node| &node.cores) {
        // A core's number is its socket's business: two sockets both have a core 0.
        cores.insert((core.socket, core.book, core.drawer, core.id));
        sockets.insert((core.socket, core.book, core.drawer));
    }
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    machine.cores = number(threads);
    machine.physical_cores = number(cores.len());
    machine.sockets = number(sockets.len());
}

/// Megahertz as kilohertz.
fn khz(mhz: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    #[expect(clippy::cast_sign_loss, reason = "the parser takes no negative number")]
    let khz = (mhz * 1000.0).round() as u64;
    khz
}

fn memory(machine: &mut MachineInfo, roots: &Roots, attrs: &mut Attrs<'_>) {
    if let Some(mem) = attrs.parsed(&roots.proc_file("meminfo"), MemInfo::parse) {
        machine.memory_bytes = mem.mem_total.unwrap_or(0);
        machine.swap_bytes = mem.swap_total.unwrap_or(0);
    }
    machine.huge_pages = topology::huge_pages(&roots.sys.join("kernel/mm/hugepages"), attrs);
    machine.memory_by_type = devices::memory_modules(roots, attrs);
    let booted = attrs.parsed(&roots.proc_file("stat"), |text| Ok(Stat::parse(text)?.btime));
    let booted = booted.flatten().and_then(|secs| i64::try_from(secs).ok());
    machine.boot_time = booted.map(Timestamp::from_secs);
}
