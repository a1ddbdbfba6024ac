//! What a cgroup may use.

use super::super::NumberList;
use super::super::files::{FileId, GroupReader};
use super::super::v2::CpuMax;
use super::{Versions, limit, value};
use crate::node::{ContainerSample, ContainerSpec, CpuSpec, MemorySpec};

/// Reads what is changed at times: how much processor time, memory and processes there may be.
pub(super) fn main(
    reader: &mut GroupReader<'_>,
    versions: Versions,
    sample: &mut ContainerSample,
    spec: &mut ContainerSpec,
) {
    match sample.cpu.usage_ns {
        None => spec.cpu = None,
        Some(_) => quota(reader, versions, spec.cpu.get_or_insert_default()),
    }
    match sample.memory.usage {
        None => spec.memory = None,
        Some(_) => {
            let file = if versions.memory_v1 { FileId::V1MemoryLimit } else { FileId::MemoryMax };
            spec.memory.get_or_insert_default().limit = limit(reader, file);
        }
    }
    let file = if versions.pids_v1 { FileId::V1PidsMax } else { FileId::PidsMax };
    sample.pids.limit = limit(reader, file);
    spec.pids_limit = sample.pids.limit;
    spec.has_hugetlb = reader.present[super::Controller::Hugetlb as usize];
    spec.has_pids = sample.pids.current.is_some();
    spec.has_io = sample.io.known;
}

/// Reads the rest.
pub(super) fn rest(reader: &mut GroupReader<'_>, versions: Versions, spec: &mut ContainerSpec) {
    if let Some(cpu) = &mut spec.cpu {
        weight(reader, versions, cpu);
        lists(reader, cpu);
    }
    if let Some(memory) = &mut spec.memory {
        other_limits(reader, versions, memory);
    }
}

fn quota(reader: &mut GroupReader<'_>, versions: Versions, cpu: &mut CpuSpec) {
    if versions.cpu_v1 {
        cpu.quota_usec = limit(reader, FileId::V1CfsQuota);
        cpu.period_usec = value(reader, FileId::V1CfsPeriod);
    } else {
        let max = reader.get(FileId::CpuMax, CpuMax::parse);
        cpu.quota_usec = max.and_then(|max| max.quota_usec.limited());
        cpu.period_usec = max.map(|max| max.period_usec);
    }
}

fn weight(reader: &mut GroupReader<'_>, versions: Versions, cpu: &mut CpuSpec) {
    if versions.cpu_v1 {
        cpu.shares = value(reader, FileId::V1CpuShares).unwrap_or(0);
        cpu.burst_usec = value(reader, FileId::V1CfsBurst);
    } else {
        cpu.weight = value(reader, FileId::CpuWeight);
        cpu.shares = cpu.weight.map_or(0, shares_of);
        cpu.burst_usec = value(reader, FileId::CpuBurst);
    }
}

/// Which processors and memory nodes.
fn lists(reader: &mut GroupReader<'_>, cpu: &mut CpuSpec) {
    for (v1, v2, to) in [
        (FileId::V1Cpus, FileId::Cpus, &mut cpu.cpus),
        (FileId::V1Mems, FileId::Mems, &mut cpu.mems),
    ] {
        let mut set = |text: &[u8]| {
            let list = NumberList::parse(text)?.as_str();
            if **to != *list {
                *to = list.into();
            }
            Ok(())
        };
        if reader.get(v1, &mut set).or_else(|| reader.get(v2, &mut set)).is_none() {
            *to = Box::default();
        }
    }
}

/// The shares of version 1 that a weight of version 2 comes to: 1 to 10000 stretched over 2 to 262144.
fn shares_of(weight: u64) -> u64 {
    2 + weight.saturating_sub(1).saturating_mul(262_142) / 9999
}

fn other_limits(reader: &mut GroupReader<'_>, versions: Versions, memory: &mut MemorySpec) {
    if versions.memory_v1 {
        memory.swap_limit = limit(reader, FileId::V1MemorySwapLimit);
        memory.reservation = limit(reader, FileId::V1MemorySoftLimit);
    } else {
        memory.swap_limit = limit(reader, FileId::MemorySwapMax);
        memory.reservation = limit(reader, FileId::MemoryMin);
        memory.high = limit(reader, FileId::MemoryHigh);
        memory.low = limit(reader, FileId::MemoryLow);
        memory.swap_high = limit(reader, FileId::MemorySwapHigh);
        memory.zswap_limit = limit(reader, FileId::MemoryZswapMax);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_come_to_shares() {
        for (weight, shares) in [(1, 2), (100, 2597), (10_000, 262_144), (0, 2)] {
            assert_eq!(shares_of(weight), shares, "{weight}");
        }
    }
}
