//! What a cgroup may use.

use super::super::NumberList;
use super::super::files::{FileId, GroupReader};
use super::super::v2::CpuMax;
use super::{Versions, limit, value};
use crate::node::{ContainerSample, ContainerSpec, CpuSpec, MemorySpec};

pub(super) fn read(
    reader: &mut GroupReader<'_>,
    versions: Versions,
    sample: &ContainerSample,
    spec: &mut ContainerSpec,
) {
    match sample.cpu.usage_ns {
        None => spec.cpu = None,
        Some(_) => cpu(reader, versions, spec.cpu.get_or_insert_default()),
    }
    match sample.memory.usage {
        None => spec.memory = None,
        Some(_) => memory(reader, versions, spec.memory.get_or_insert_default()),
    }
    spec.has_hugetlb = reader.present[super::Controller::Hugetlb as usize];
    spec.has_pids = sample.pids.current.is_some();
    spec.pids_limit = sample.pids.limit;
    spec.has_io = sample.io.known;
}

fn cpu(reader: &mut GroupReader<'_>, versions: Versions, cpu: &mut CpuSpec) {
    if versions.cpu_v1 {
        cpu.shares = value(reader, FileId::V1CpuShares).unwrap_or(0);
        cpu.weight = None;
        cpu.quota_usec = limit(reader, FileId::V1CfsQuota);
        cpu.period_usec = value(reader, FileId::V1CfsPeriod);
        cpu.burst_usec = value(reader, FileId::V1CfsBurst);
    } else {
        cpu.weight = value(reader, FileId::CpuWeight);
        cpu.shares = cpu.weight.map_or(0, shares_of);
        let max = reader.get(FileId::CpuMax, CpuMax::parse);
        cpu.quota_usec = max.and_then(|max| max.quota_usec.limited());
        cpu.period_usec = max.map(|max| max.period_usec);
        cpu.burst_usec = value(reader, FileId::CpuBurst);
    }
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

fn memory(reader: &mut GroupReader<'_>, versions: Versions, memory: &mut MemorySpec) {
    *memory = if versions.memory_v1 {
        MemorySpec {
            limit: limit(reader, FileId::V1MemoryLimit),
            swap_limit: limit(reader, FileId::V1MemorySwapLimit),
            reservation: limit(reader, FileId::V1MemorySoftLimit),
            ..MemorySpec::default()
        }
    } else {
        MemorySpec {
            limit: limit(reader, FileId::MemoryMax),
            swap_limit: limit(reader, FileId::MemorySwapMax),
            reservation: limit(reader, FileId::MemoryMin),
            high: limit(reader, FileId::MemoryHigh),
            low: limit(reader, FileId::MemoryLow),
            swap_high: limit(reader, FileId::MemorySwapHigh),
            zswap_limit: limit(reader, FileId::MemoryZswapMax),
        }
    };
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
