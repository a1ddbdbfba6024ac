//! Processor time.

use super::super::files::{FileId, GroupReader};
use super::super::v1::{CpuacctStat, CpuacctUsagePercpu};
use super::super::{v1, v2};
use super::{Machine, Versions, pressure, value};
use crate::node::CpuSample;

/// Nanoseconds of a microsecond.
const NS_PER_USEC: u64 = 1000;

/// The most processors that a kernel can be built for.
const CPUS_MAX: usize = 8192;

/// How much was used; of version 2 all that is in the same file.
pub(super) fn probe(reader: &mut GroupReader<'_>, versions: Versions, cpu: &mut CpuSample) {
    if versions.cpu_v1 {
        cpu.usage_ns = value(reader, FileId::V1CpuacctUsage);
        return;
    }
    let stat = reader.get(FileId::CpuStat, v2::CpuStat::parse).unwrap_or_default();
    let ns = |usec: u64| usec.saturating_mul(NS_PER_USEC);
    cpu.usage_ns = stat.usage_usec.map(ns);
    cpu.user_ns = stat.user_usec.map(ns);
    cpu.system_ns = stat.system_usec.map(ns);
    cpu.periods = stat.nr_periods;
    cpu.throttled_periods = stat.nr_throttled;
    cpu.throttled_ns = stat.throttled_usec.map(ns);
    cpu.bursts = stat.nr_bursts;
    cpu.burst_ns = stat.burst_usec.map(ns);
}

/// All else; of version 1 what a quota did if there may be one.
pub(super) fn rest(
    reader: &mut GroupReader<'_>,
    versions: Versions,
    cpu: &mut CpuSample,
    quota: bool,
    machine: Machine<'_>,
) {
    if versions.unified {
        cpu.pressure = pressure(reader, FileId::CpuPressure);
    }
    if !versions.cpu_v1 {
        return;
    }
    let ns = |ticks: u64| ticks.saturating_mul(1_000_000_000 / machine.ticks_per_sec);
    let stat = reader.get(FileId::V1CpuacctStat, CpuacctStat::parse).unwrap_or_default();
    cpu.user_ns = stat.user.map(ns);
    cpu.system_ns = stat.system.map(ns);
    if quota {
        let stat = reader.get(FileId::V1CpuStat, v1::CpuStat::parse).unwrap_or_default();
        cpu.periods = stat.nr_periods;
        cpu.throttled_periods = stat.nr_throttled;
        cpu.throttled_ns = stat.throttled_time;
        cpu.bursts = stat.nr_bursts;
        cpu.burst_ns = stat.burst_time;
    }
    if machine.per_cpu {
        let per_cpu = &mut cpu.per_cpu_ns;
        per_cpu.clear();
        reader.get(FileId::V1CpuacctPercpu, |text| {
            per_cpu.extend(CpuacctUsagePercpu::parse(text)?.iter().take(CPUS_MAX));
            Ok(())
        });
    }
}
