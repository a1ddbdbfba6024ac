//! Reading a cgroup: versions 1 and 2 brought to the same terms.
//!
//! ```text
//! every sample    processor time and memory in use: 2 reads         did anything happen?
//!                 version 2: I/O, too, which comes late
//! if so           all else that is counted: some 10 reads
//! now and then    limits, huge pages, memory nodes, adapters: opened, read and closed
//! ```
//!
//! A sample is written over the one before, in its memory: whatever is not read keeps its value, which is right as long as
//! nothing happened in the cgroup. If the cgroup vanishes while it is read, the sample is half old and half new and is of no
//! use: [`read`] says so, and nobody looks at it.

mod cpu;
mod io;
mod memory;
mod other;
mod spec;

use super::files::{FileId, GroupReader, UNIFIED};
use super::{Controller, Limit, Value};
use crate::host::StackedDevices;
use crate::node::{ContainerSample, ContainerSpec};
use crate::proc::Pressure;

pub(crate) use io::IoSource;
pub(crate) use other::HugePageFiles;

/// How thoroughly to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What cannot have changed while the cgroup used no processor time and its memory is as it was is left as it is,
    /// limits in any case.
    Changes,
    /// Everything.
    All,
}

/// What stays the same for all cgroups of a sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine<'a> {
    pub(crate) ticks_per_sec: u64,
    pub(crate) stacked: &'a StackedDevices,
    /// Files of each size of huge pages.
    pub(crate) huge_pages: &'a [HugePageFiles],
    /// Whether the time on each processor is wanted.
    pub(crate) per_cpu: bool,
    /// Whether the memory on each node is wanted.
    pub(crate) numa: bool,
    /// Bytes of swap in use, for the root of version 2, which has no account of it.
    pub(crate) swap_used: Option<u64>,
}

/// What is known of a cgroup, overwritten by each reading.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) sample: ContainerSample,
    pub(crate) spec: ContainerSpec,
    pub(crate) io_source: IoSource,
}

/// Which version accounts for what.
#[derive(Debug, Clone, Copy)]
struct Versions {
    cpu_v1: bool,
    memory_v1: bool,
    io_v1: bool,
    pids_v1: bool,
    unified: bool,
}

impl Versions {
    fn of(reader: &GroupReader<'_>) -> Self {
        let has = |controller: Controller| reader.present[controller as usize];
        Versions {
            cpu_v1: has(Controller::Cpuacct) || has(Controller::Cpu),
            memory_v1: has(Controller::Memory),
            io_v1: has(Controller::Blkio),
            pids_v1: has(Controller::Pids),
            unified: reader.present[UNIFIED],
        }
    }
}

/// What came of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The cgroup vanished meanwhile.
    Gone,
    /// Nothing happened since the reading before.
    Quiet,
    /// Something did, or may have.
    Busy,
}

/// Reads a cgroup over what is known of it from before.
pub(crate) fn read(
    reader: &mut GroupReader<'_>,
    known: &mut Known,
    depth: Depth,
    machine: Machine<'_>,
) -> Outcome {
    let versions = Versions::of(reader);
    let Known { sample, spec, io_source } = known;
    let before = (sample.cpu.usage_ns, sample.memory.usage);
    cpu::probe(reader, versions, &mut sample.cpu);
    memory::probe(reader, versions, &mut sample.memory);
    // Without an account of its processor time nothing tells that a cgroup did nothing.
    let same =
        sample.cpu.usage_ns.is_some() && before == (sample.cpu.usage_ns, sample.memory.usage);
    let quiet = same && !is_pressed(sample);
    let all = depth == Depth::All;
    if !quiet || all {
        cpu::rest(reader, versions, &mut sample.cpu, machine);
        memory::rest(reader, versions, &mut sample.memory, machine);
        sample.oom_kills = sample.memory.oom_kills;
        let file = if versions.pids_v1 { FileId::V1PidsCurrent } else { FileId::PidsCurrent };
        sample.pids.current = value(reader, file);
        if versions.unified {
            sample.pids.peak = value(reader, FileId::PidsPeak);
            sample.io.pressure = pressure(reader, FileId::IoPressure);
        }
        if !all && other::has_huge_pages(sample) {
            other::hugetlb(reader, sample, machine);
        }
    }
    if !versions.io_v1 {
        // What the cgroup wrote goes to disk later, by threads of the kernel, and is counted then: always read.
        io::version_2(reader, &mut sample.io, machine);
    } else if (!quiet || all) && reader.name != "/" {
        // Version 1 does not throttle its root, and so does not count there either: its zeros are not true.
        io::version_1(reader, &mut sample.io, io_source, all, machine);
    }
    if all {
        other::read(reader, versions, sample, machine);
        spec::read(reader, versions, sample, spec);
    }
    match (reader.gone, quiet) {
        (true, _) => Outcome::Gone,
        (false, true) => Outcome::Quiet,
        (false, false) => Outcome::Busy,
    }
}

/// Whether an average was above zero, so that it may fall by itself.
fn is_pressed(was: &ContainerSample) -> bool {
    [&was.cpu.pressure, &was.memory.pressure, &was.io.pressure]
        .into_iter()
        .flatten()
        .any(|pressure| pressure.some.avg10 > 0.0 || pressure.some.avg60 > 0.0)
}

fn value(reader: &mut GroupReader<'_>, id: FileId) -> Option<u64> {
    reader.get(id, Value::parse).map(|value| value.0)
}

fn limit(reader: &mut GroupReader<'_>, id: FileId) -> Option<u64> {
    reader.get(id, Limit::parse).and_then(Limit::limited)
}

fn pressure(reader: &mut GroupReader<'_>, id: FileId) -> Option<Pressure> {
    reader.get(id, Pressure::parse)
}
