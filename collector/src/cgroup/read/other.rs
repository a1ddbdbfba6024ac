//! What is looked at now and then: huge pages, adapters, other resources, the cgroup itself.

use std::path::Path;

use super::super::files::{FileAt, FileId, GroupReader, Keep, Reader, UNIFIED};
use super::super::v2::{CgroupEvents, CgroupStat, MaxEvents, Misc, MiscLimits, Rdma};
use super::super::{Controller, Limit, Value};
use super::{Machine, Versions, memory, value};
use crate::Roots;
use crate::node::{ContainerSample, HugetlbSample, MiscSample, RdmaSample};

/// Adapters or other resources of a cgroup that are looked at; no machine has as many.
const PARTS_MAX: usize = 256;

/// The files of one size of huge pages.
#[derive(Debug, Clone)]
pub(crate) struct HugePageFiles {
    size: Box<str>,
    /// Version 1: usage, peak, failcnt, and the same of reservations; limit.
    v1: [FileAt; 7],
    /// Version 2: usage, events, reservations, limit.
    v2: [FileAt; 4],
}

impl HugePageFiles {
    /// Finds the sizes that this machine has, smallest first.
    pub(crate) fn find(roots: &Roots, reader: &mut Reader) -> Vec<Self> {
        let folder = roots.sys.join("kernel/mm/hugepages");
        sizes(&folder).into_iter().map(|kib| HugePageFiles::of(kib, reader)).collect()
    }

    fn of(kib: u64, reader: &mut Reader) -> Self {
        let size = size_name(kib);
        let mut v1 =
            |file: &str| reader.add(Controller::Hugetlb as usize, format!("hugetlb.{size}.{file}"));
        let v1 = [
            v1("usage_in_bytes"),
            v1("max_usage_in_bytes"),
            v1("failcnt"),
            v1("rsvd.usage_in_bytes"),
            v1("rsvd.max_usage_in_bytes"),
            v1("rsvd.failcnt"),
            v1("limit_in_bytes"),
        ];
        let mut v2 = |file: &str| reader.add(UNIFIED, format!("hugetlb.{size}.{file}"));
        let v2 = [v2("current"), v2("events"), v2("rsvd.current"), v2("max")];
        HugePageFiles { size: size.into(), v1, v2 }
    }
}

/// KiB of the sizes in `folder`, which has a folder `hugepages-2048kB` for each.
fn sizes(folder: &Path) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let kib = |name: &str| name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok();
    let names = entries.flatten().filter_map(|entry| kib(entry.file_name().to_str()?));
    // No machine has more than a handful.
    let mut sizes: Vec<u64> = names.take(16).collect();
    sizes.sort_unstable();
    sizes
}

/// As the kernel names its files: `64KB`, `2MB`, `1GB`.
fn size_name(kib: u64) -> String {
    match kib {
        1_048_576.. => format!("{}GB", kib >> 20),
        1024.. => format!("{}MB", kib >> 10),
        _ => format!("{kib}KB"),
    }
}

/// Reads events that are rare, and the state of the cgroup.
pub(super) fn events(
    reader: &mut GroupReader<'_>,
    versions: Versions,
    sample: &mut ContainerSample,
) {
    memory::events(reader, versions, &mut sample.memory);
    let [peak, events] = match versions.pids_v1 {
        true => [FileId::V1PidsPeak, FileId::V1PidsEvents],
        false => [FileId::PidsPeak, FileId::PidsEvents],
    };
    sample.pids.peak = value(reader, peak);
    sample.pids.refused = reader.get(events, MaxEvents::parse).and_then(|events| events.max);
    if versions.unified {
        let events = reader.get(FileId::CgroupEvents, CgroupEvents::parse).unwrap_or_default();
        sample.cgroup.populated = events.populated.map(|populated| populated != 0);
        sample.cgroup.frozen = events.frozen.map(|frozen| frozen != 0);
    }
}

/// Reads the rest.
pub(super) fn read(
    reader: &mut GroupReader<'_>,
    versions: Versions,
    sample: &mut ContainerSample,
    machine: Machine<'_>,
) {
    memory::numa(reader, versions, &mut sample.memory, machine);
    hugetlb(reader, sample, machine);
    hugetlb_limits(reader, sample, machine);
    rdma(reader, sample);
    misc(reader, sample);
    sample.cpuset_memory_migrate = value(reader, FileId::V1MemoryMigrate);
    if versions.unified {
        let stat = reader.get(FileId::CgroupStat, CgroupStat::parse).unwrap_or_default();
        sample.cgroup.descendants = stat.nr_descendants;
        sample.cgroup.dying_descendants = stat.nr_dying_descendants;
    }
}

/// Whether the cgroup had huge pages when they were looked at last. Few have, and those are looked at each time.
pub(super) fn has_huge_pages(sample: &ContainerSample) -> bool {
    sample.hugetlb.iter().any(|pages| pages.usage > 0 || pages.reserved.is_some_and(|r| r > 0))
}

pub(super) fn hugetlb(
    reader: &mut GroupReader<'_>,
    sample: &mut ContainerSample,
    machine: Machine<'_>,
) {
    let keep = if has_huge_pages(sample) { Keep::Busy } else { Keep::Never };
    let mut found = 0;
    for pages in machine.huge_pages {
        let mut get = |at: FileAt| reader.get_as(at, keep, Value::parse).map(|value| value.0);
        let (usage, peak, failcnt, reserved, reserved_peak, reserved_failcnt);
        if let Some(used) = get(pages.v1[0]) {
            usage = used;
            (peak, failcnt) = (get(pages.v1[1]), get(pages.v1[2]));
            (reserved, reserved_peak) = (get(pages.v1[3]), get(pages.v1[4]));
            reserved_failcnt = get(pages.v1[5]);
        } else if let Some(used) = get(pages.v2[0]) {
            usage = used;
            reserved = get(pages.v2[2]);
            let events = reader.get_as(pages.v2[1], keep, MaxEvents::parse);
            failcnt = events.and_then(|events| events.max);
            (peak, reserved_peak, reserved_failcnt) = (None, None, None);
        } else {
            continue;
        }
        let failcnt = failcnt.unwrap_or(0);
        let place: &mut HugetlbSample = place_at(&mut sample.hugetlb, found);
        if *place.page_size != *pages.size {
            place.page_size.clone_from(&pages.size);
            place.limit = None;
        }
        (place.usage, place.peak, place.failcnt) = (usage, peak, failcnt);
        (place.reserved, place.reserved_peak) = (reserved, reserved_peak);
        place.reserved_failcnt = reserved_failcnt;
        found += 1;
    }
    sample.hugetlb.truncate(found);
}

/// Limits change rarely: they are not looked at in every sample.
fn hugetlb_limits(
    reader: &mut GroupReader<'_>,
    sample: &mut ContainerSample,
    machine: Machine<'_>,
) {
    for place in &mut sample.hugetlb {
        let files = machine.huge_pages.iter().find(|pages| *pages.size == *place.page_size);
        let Some(files) = files else { continue };
        let limit = [files.v1[6], files.v2[3]]
            .into_iter()
            .find_map(|at| reader.get_as(at, Keep::Never, Limit::parse));
        place.limit = limit.and_then(Limit::limited);
    }
}

fn rdma(reader: &mut GroupReader<'_>, sample: &mut ContainerSample) {
    let devices = &mut sample.rdma;
    let mut found = 0;
    for (current, limits) in [(FileId::V1Rdma, FileId::V1RdmaMax), (FileId::Rdma, FileId::RdmaMax)]
    {
        reader.get(current, |text| {
            for device in Rdma::parse(text)?.iter().take(PARTS_MAX) {
                let place: &mut RdmaSample = place_at(devices, found);
                set_name(&mut place.device, device.device);
                place.hca_handles = device.hca_handle.limited().unwrap_or(u64::MAX);
                place.hca_objects = device.hca_object.limited().unwrap_or(u64::MAX);
                (place.hca_handles_limit, place.hca_objects_limit) = (None, None);
                found += 1;
            }
            Ok(())
        });
        reader.get(limits, |text| {
            for limit in Rdma::parse(text)?.iter().take(PARTS_MAX) {
                let known =
                    devices.iter_mut().take(found).find(|known| *known.device == *limit.device);
                if let Some(known) = known {
                    known.hca_handles_limit = limit.hca_handle.limited();
                    known.hca_objects_limit = limit.hca_object.limited();
                }
            }
            Ok(())
        });
    }
    devices.truncate(found);
}

fn misc(reader: &mut GroupReader<'_>, sample: &mut ContainerSample) {
    let resources = &mut sample.misc;
    let mut found = 0;
    for (current, limits, events) in [
        (FileId::V1Misc, FileId::V1MiscMax, FileId::V1MiscEvents),
        (FileId::Misc, FileId::MiscMax, FileId::MiscEvents),
    ] {
        reader.get(current, |text| {
            for (name, count) in Misc::parse(text)?.iter().take(PARTS_MAX) {
                let place: &mut MiscSample = place_at(resources, found);
                set_name(&mut place.resource, name);
                (place.current, place.limit, place.refused) = (count, None, None);
                found += 1;
            }
            Ok(())
        });
        reader.get(limits, |text| {
            for (name, limit) in MiscLimits::parse(text)?.iter().take(PARTS_MAX) {
                let known = resources.iter_mut().take(found).find(|known| *known.resource == *name);
                if let Some(known) = known {
                    known.limit = limit.limited();
                }
            }
            Ok(())
        });
        reader.get(events, |text| {
            for (name, count) in Misc::parse(text)?.iter().take(PARTS_MAX) {
                let Some(name) = name.strip_suffix(".max") else { continue };
                let known = resources.iter_mut().take(found).find(|known| *known.resource == *name);
                if let Some(known) = known {
                    known.refused = Some(count);
                }
            }
            Ok(())
        });
    }
    resources.truncate(found);
}

/// Element `at` of `list`, which is entered if it is the next.
fn place_at<T: Default>(list: &mut Vec<T>, at: usize) -> &mut T {
    if list.len() <= at {
        list.push(T::default());
    }
    &mut list[at]
}

fn set_name(to: &mut Box<str>, name: &str) {
    if **to != *name {
        *to = name.into();
    }
}
