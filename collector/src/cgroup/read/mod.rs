//! Reading a cgroup: versions 1 and 2 brought to the same terms.
//!
//! ```text
//! every sample    processor time and memory in use: 2 reads         did anything happen?
//!                 version 2: I/O, too, which comes late
//! if so           all else that is counted: some 10 reads
//! now and then    that in any case, and the limits that are changed at times; of busy cgroups rare events, too
//! seldom          weights, other limits, huge pages, memory nodes, adapters
//! ```
//!
//! What is read seldom is opened, read and closed, which costs five times as much. Under version 1 what only a limit can
//! bring about is read where there is one: throttling, and failures to get memory.
//!
//! A sample is written over the one before, in its memory: whatever is not read keeps its value, which is right as long as
//! nothing happened in the cgroup. If the cgroup vanishes while it is read, the sample is half old and half new and is of no
//! use: [`read`] says so, and nobody looks at it.

mod cpu;
mod io;
mod memory;
mod other;
mod scheduler;
mod spec;

use super::files::{FileId, GroupReader, UNIFIED};
use super::{Controller, Limit, Value};
use crate::host::StackedDevices;
use crate::node::{ContainerSample, ContainerSpec};
use crate::proc::Pressure;

pub(crate) use io::IoSource;
pub(crate) use other::HugePageFiles;

/// How thoroughly to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// Only whether the cgroup used processor time. Memory may be given up without that, so not for long.
    Time,
    /// What cannot have changed while the cgroup used no processor time and its memory is as it was is left as it is,
    /// limits in any case.
    Changes,
    /// All that is counted, and the main limits; events that are rare, if anything happened.
    Counts,
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

/// Reads a cgroup over what is known of it from before; `active` tells whether anything happened in it lately.
pub(crate) fn read(
    reader: &mut GroupReader<'_>,
    known: &mut Known,
    depth: Depth,
    active: bool,
    machine: Machine<'_>,
) -> Outcome {
    let versions = Versions::of(reader);
    let Known { sample, spec, io_source } = known;
    let before = (sample.cpu.usage_ns, sample.memory.usage);
    cpu::probe(reader, versions, &mut sample.cpu);
    // Without an account of its processor time nothing tells that a cgroup did nothing.
    let idle = sample.cpu.usage_ns.is_some() && before.0 == sample.cpu.usage_ns;
    if depth > Depth::Time || !idle {
        memory::probe(reader, versions, &mut sample.memory);
    }
    let quiet = idle && before.1 == sample.memory.usage && !is_pressed(sample);
    let counts = !quiet || depth >= Depth::Counts;
    if counts {
        let whole = depth >= Depth::Counts;
        let limited = |limit: Option<u64>| whole || limit.is_some();
        let quota = limited(spec.cpu.as_ref().and_then(|cpu| cpu.quota_usec));
        cpu::rest(reader, versions, &mut sample.cpu, quota, machine);
        let limit = limited(spec.memory.as_ref().and_then(|memory| memory.limit));
        memory::rest(reader, versions, &mut sample.memory, limit, machine);
        sample.oom_kills = sample.memory.oom_kills;
        let file = if versions.pids_v1 { FileId::V1PidsCurrent } else { FileId::PidsCurrent };
        sample.pids.current = value(reader, file);
        if !versions.pids_v1 {
            sample.pids.peak = value(reader, FileId::PidsPeak);
        }
        if versions.unified {
            sample.io.pressure = pressure(reader, FileId::IoPressure);
        }
        if depth < Depth::All && other::has_huge_pages(sample) {
            other::hugetlb(reader, sample, machine);
        }
    }
    let written = (sample.io.read_bytes, sample.io.write_bytes);
    if !versions.io_v1 {
        // What the cgroup wrote goes to disk later, by threads of the kernel, and is counted then: always read.
        io::version_2(reader, &mut sample.io, machine);
    } else if counts && reader.name != "/" {
        // Version 1 does not throttle its root, and so does not count there either: its zeros are not true.
        io::version_1(reader, &mut sample.io, io_source, depth == Depth::All, machine);
    }
    if depth >= Depth::Counts {
        if versions.io_v1 {
            scheduler::read(reader, &mut sample.io);
        }
        spec::main(reader, versions, sample, spec);
        if active || depth == Depth::All {
            other::events(reader, versions, sample);
        }
    }
    if depth == Depth::All {
        other::read(reader, versions, sample, machine);
        spec::rest(reader, versions, spec);
    }
    let still = quiet && written == (sample.io.read_bytes, sample.io.write_bytes);
    match (reader.gone, still) {
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
