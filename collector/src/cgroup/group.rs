//! One cgroup: what is read of it, with version 1 and 2 brought to the same terms.

use super::files::{FileId, Files, GroupReader, UNIFIED};
use super::v1::{BlkioThrottle, CpuacctStat, MemoryOomControl};
use super::v2::{CpuMax, IoStat, MemoryEvents};
use super::{Controller, Limit, Value, v1, v2};
use crate::ParseError;
use crate::host::StackedDevices;
use crate::proc::Pressure;

/// What was read, all running totals and levels.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    pub(crate) cpu: CpuReading,
    pub(crate) memory: MemoryReading,
    pub(crate) io: Option<IoReading>,
    pub(crate) io_pressure: Option<Pressure>,
    pub(crate) pids: PidsReading,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CpuReading {
    pub(crate) usage_ns: Option<u64>,
    pub(crate) user_ns: Option<u64>,
    pub(crate) system_ns: Option<u64>,
    pub(crate) periods: Option<u64>,
    pub(crate) throttled_periods: Option<u64>,
    pub(crate) throttled_ns: Option<u64>,
    pub(crate) limit_millicores: Option<f64>,
    pub(crate) pressure: Option<Pressure>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MemoryReading {
    pub(crate) usage: Option<u64>,
    pub(crate) limit: Option<u64>,
    pub(crate) peak: Option<u64>,
    pub(crate) rss: Option<u64>,
    pub(crate) cache: Option<u64>,
    pub(crate) shmem: Option<u64>,
    pub(crate) mapped_file: Option<u64>,
    pub(crate) dirty: Option<u64>,
    pub(crate) writeback: Option<u64>,
    pub(crate) active_file: Option<u64>,
    pub(crate) inactive_file: Option<u64>,
    pub(crate) kernel: Option<u64>,
    pub(crate) swap: Option<u64>,
    pub(crate) page_faults: Option<u64>,
    pub(crate) major_page_faults: Option<u64>,
    pub(crate) limit_hits: Option<u64>,
    pub(crate) high_hits: Option<u64>,
    pub(crate) oom_kills: Option<u64>,
    pub(crate) pressure: Option<Pressure>,
}

/// Sums over the devices that do not hand on to others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct IoReading {
    pub(crate) read_bytes: u64,
    pub(crate) write_bytes: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PidsReading {
    pub(crate) current: Option<u64>,
    pub(crate) limit: Option<u64>,
    pub(crate) peak: Option<u64>,
}

/// How thoroughly to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What cannot have changed while the cgroup used no processor time and its memory is as it was is taken from the
    /// reading before, limits in any case.
    Changes,
    /// Everything.
    All,
}

/// What stays the same for all cgroups of a sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine<'a> {
    pub(crate) ticks_per_sec: u64,
    pub(crate) stacked: &'a StackedDevices,
}

/// Reads a cgroup; `None` if it vanished meanwhile. `before` is the last reading.
pub(crate) fn read(
    reader: &mut GroupReader<'_>,
    before: Option<&Reading>,
    depth: Depth,
    machine: Machine<'_>,
) -> Option<Reading> {
    let mut now = Reading::default();
    let (was, all) = match before {
        Some(was) if depth == Depth::Changes => (was, false),
        _ => (&Reading::default(), true),
    };
    let has_v1 =
        |reader: &GroupReader<'_>, controller: Controller| reader.present[controller as usize];
    let cpu_v1 = has_v1(reader, Controller::Cpuacct) || has_v1(reader, Controller::Cpu);
    let memory_v1 = has_v1(reader, Controller::Memory);
    // First what tells whether anything happened.
    if cpu_v1 {
        now.cpu.usage_ns = value(reader, FileId::V1CpuacctUsage);
    } else {
        cpu_v2(reader, &mut now.cpu);
    }
    let usage = if memory_v1 { FileId::V1MemoryUsage } else { FileId::MemoryCurrent };
    now.memory.usage = value(reader, usage);
    // Without an account of its processor time nothing tells that a cgroup did nothing.
    let quiet = !all
        && now.cpu.usage_ns.is_some()
        && now.cpu.usage_ns == was.cpu.usage_ns
        && now.memory.usage == was.memory.usage
        && !is_pressed(was);
    if !has_v1(reader, Controller::Blkio) {
        // What the cgroup wrote goes to disk later, by threads of the kernel, and is counted then: always read.
        now.io = reader.get(FileId::IoStat, |text| io_v2(text, machine));
    } else if quiet {
        now.io = was.io; // version 1 does not count that
    } else if reader.name != "/" {
        // Version 1 does not throttle its root, and so does not count there either: its zeros are not true.
        now.io = io_v1(reader, machine);
    }
    let pids_v1 = has_v1(reader, Controller::Pids);
    if quiet {
        (now.cpu, now.memory, now.io_pressure) = (was.cpu, was.memory, was.io_pressure);
        now.pids.current = was.pids.current;
    } else {
        let file = if pids_v1 { FileId::V1PidsCurrent } else { FileId::PidsCurrent };
        now.pids.current = value(reader, file);
        if cpu_v1 {
            cpu_v1_rest(reader, &mut now.cpu, machine);
        }
        if memory_v1 {
            memory_v1_rest(reader, &mut now.memory)
        } else {
            memory_v2_rest(reader, &mut now.memory)
        }
        pressures(reader, &mut now);
    }
    if all {
        limits(reader, &mut now, cpu_v1, memory_v1, pids_v1);
    } else {
        now.cpu.limit_millicores = was.cpu.limit_millicores;
        now.memory.limit = was.memory.limit;
        (now.pids.limit, now.pids.peak) = (was.pids.limit, was.pids.peak);
    }
    (!reader.gone).then_some(now)
}

/// Whether an average was above zero, so that it may fall by itself.
fn is_pressed(was: &Reading) -> bool {
    [was.cpu.pressure, was.memory.pressure, was.io_pressure]
        .iter()
        .flatten()
        .any(|pressure| pressure.some.avg10 > 0.0)
}

fn value(reader: &mut GroupReader<'_>, id: FileId) -> Option<u64> {
    reader.get(id, Value::parse).map(|value| value.0)
}

fn limit(reader: &mut GroupReader<'_>, id: FileId) -> Option<Limit> {
    reader.get(id, Limit::parse)
}

fn cpu_v1_rest(reader: &mut GroupReader<'_>, cpu: &mut CpuReading, machine: Machine<'_>) {
    let ns = |ticks: u64| ticks.saturating_mul(1_000_000_000 / machine.ticks_per_sec);
    if let Some(stat) = reader.get(FileId::V1CpuacctStat, CpuacctStat::parse) {
        cpu.user_ns = stat.user.map(ns);
        cpu.system_ns = stat.system.map(ns);
    }
    if let Some(stat) = reader.get(FileId::V1CpuStat, v1::CpuStat::parse) {
        cpu.periods = stat.nr_periods;
        cpu.throttled_periods = stat.nr_throttled;
        cpu.throttled_ns = stat.throttled_time;
    }
}

fn cpu_v2(reader: &mut GroupReader<'_>, cpu: &mut CpuReading) {
    let Some(stat) = reader.get(FileId::CpuStat, v2::CpuStat::parse) else { return };
    let ns = |usec: u64| usec.saturating_mul(1000);
    cpu.usage_ns = stat.usage_usec.map(ns);
    cpu.user_ns = stat.user_usec.map(ns);
    cpu.system_ns = stat.system_usec.map(ns);
    cpu.periods = stat.nr_periods;
    cpu.throttled_periods = stat.nr_throttled;
    cpu.throttled_ns = stat.throttled_usec.map(ns);
}

fn memory_v1_rest(reader: &mut GroupReader<'_>, memory: &mut MemoryReading) {
    if let Some(stat) = reader.get(FileId::V1MemoryStat, v1::MemoryStat::parse) {
        memory.rss = stat.total_rss;
        memory.cache = stat.total_cache;
        memory.shmem = stat.total_shmem;
        memory.mapped_file = stat.total_mapped_file;
        memory.dirty = stat.total_dirty;
        memory.writeback = stat.total_writeback;
        memory.active_file = stat.total_active_file;
        memory.inactive_file = stat.total_inactive_file;
        memory.swap = stat.total_swap;
        memory.page_faults = stat.total_pgfault;
        memory.major_page_faults = stat.total_pgmajfault;
    }
    memory.peak = value(reader, FileId::V1MemoryMaxUsage);
    memory.kernel = value(reader, FileId::V1MemoryKernel);
    memory.limit_hits = value(reader, FileId::V1MemoryFailcnt);
    memory.oom_kills = reader
        .get(FileId::V1MemoryOomControl, MemoryOomControl::parse)
        .and_then(|control| control.oom_kill);
}

fn memory_v2_rest(reader: &mut GroupReader<'_>, memory: &mut MemoryReading) {
    if memory.usage.is_none() {
        return; // the root, which has no usage of its own, or no controller
    }
    if let Some(stat) = reader.get(FileId::MemoryStat, v2::MemoryStat::parse) {
        memory.rss = stat.anon;
        memory.cache = stat.file;
        memory.shmem = stat.shmem;
        memory.mapped_file = stat.file_mapped;
        memory.dirty = stat.file_dirty;
        memory.writeback = stat.file_writeback;
        memory.active_file = stat.active_file;
        memory.inactive_file = stat.inactive_file;
        memory.kernel = stat.kernel;
        memory.page_faults = stat.pgfault;
        memory.major_page_faults = stat.pgmajfault;
    }
    memory.peak = value(reader, FileId::MemoryPeak);
    memory.swap = value(reader, FileId::MemorySwapCurrent);
    if let Some(events) = reader.get(FileId::MemoryEvents, MemoryEvents::parse) {
        memory.limit_hits = events.max;
        memory.high_hits = events.high;
        memory.oom_kills = events.oom_kill;
    }
}

fn pressures(reader: &mut GroupReader<'_>, now: &mut Reading) {
    if reader.present[UNIFIED] {
        now.cpu.pressure = reader.get(FileId::CpuPressure, Pressure::parse);
        now.memory.pressure = reader.get(FileId::MemoryPressure, Pressure::parse);
        now.io_pressure = reader.get(FileId::IoPressure, Pressure::parse);
    }
}

fn limits(
    reader: &mut GroupReader<'_>,
    now: &mut Reading,
    cpu_v1: bool,
    memory_v1: bool,
    pids_v1: bool,
) {
    now.cpu.limit_millicores = if cpu_v1 {
        let quota = limit(reader, FileId::V1CfsQuota);
        let period = value(reader, FileId::V1CfsPeriod);
        quota.zip(period).and_then(|(quota, period)| v2::millicores(quota, period))
    } else {
        reader.get(FileId::CpuMax, CpuMax::parse).and_then(|max| max.limit_millicores())
    };
    let file = if memory_v1 { FileId::V1MemoryLimit } else { FileId::MemoryMax };
    now.memory.limit = limit(reader, file).and_then(Limit::limited);
    let file = if pids_v1 { FileId::V1PidsMax } else { FileId::PidsMax };
    now.pids.limit = limit(reader, file).and_then(Limit::limited);
    now.pids.peak = value(reader, FileId::PidsPeak);
}

fn io_v1(reader: &mut GroupReader<'_>, machine: Machine<'_>) -> Option<IoReading> {
    let mut either = |recursive: FileId, own: FileId| {
        let sum = |text: &[u8]| io_sum_v1(text, machine);
        reader.get(recursive, sum).or_else(|| reader.get(own, sum))
    };
    let (read_bytes, write_bytes) = either(FileId::V1IoBytesRecursive, FileId::V1IoBytes)?;
    let (reads, writes) = either(FileId::V1IosRecursive, FileId::V1Ios)?;
    Some(IoReading { read_bytes, write_bytes, reads, writes })
}

/// What was read and written.
fn io_sum_v1(text: &[u8], machine: Machine<'_>) -> Result<(u64, u64), ParseError> {
    let (mut read, mut written) = (0_u64, 0_u64);
    for entry in BlkioThrottle::parse(text)?.iter() {
        let sum = match entry.operation {
            b"Read" => &mut read,
            b"Write" => &mut written,
            _ => continue,
        };
        if !machine.stacked.contains(entry.device) {
            *sum = sum.saturating_add(entry.value);
        }
    }
    Ok((read, written))
}

fn io_v2(text: &[u8], machine: Machine<'_>) -> Result<IoReading, ParseError> {
    let mut sum = IoReading::default();
    for device in IoStat::parse(text)?.iter() {
        if !machine.stacked.contains(device.device) {
            sum.read_bytes = sum.read_bytes.saturating_add(device.rbytes);
            sum.write_bytes = sum.write_bytes.saturating_add(device.wbytes);
            sum.reads = sum.reads.saturating_add(device.rios);
            sum.writes = sum.writes.saturating_add(device.wios);
        }
    }
    Ok(sum)
}

/// A cgroup that is being followed.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) files: Files,
    /// For each place the inode of its folder there; 0 where it has none.
    pub(crate) inodes: [u64; super::files::PLACES],
    /// Added to the number of a sample, tells whether the cgroup is read whole in it.
    pub(crate) turn: u64,
    pub(crate) last: Option<Reading>,
    /// The number of the sample that `last` is of.
    pub(crate) sampled: u64,
    pub(crate) series: Option<super::fields::GroupSeries>,
}

impl Group {
    pub(crate) fn new(inodes: [u64; super::files::PLACES], turn: u64) -> Self {
        Group { files: Files::default(), inodes, turn, last: None, sampled: 0, series: None }
    }
}
