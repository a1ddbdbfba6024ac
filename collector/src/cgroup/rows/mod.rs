//! The rows of a cgroup.
//!
//! ```text
//! container_cpu, container_memory, container_io, container_pids, container_cgroup     one row each
//! container_io_device     one for each device     tag device      8:16
//! container_hugetlb       one for each size       tag page_size   2MB
//! container_io_scheduler  one for each device     tag device      8:16
//! container_rdma          one for each adapter    tag device      mlx5_0
//! container_misc          one for each resource   tag resource    sev
//! container_memory_numa   one for each node       tag node        0        if asked for
//! container_net           one for each interface  tag interface   eth0     of the container that reports its pod's network
//! container_netstat       one row                                          if asked for
//! container_disk          one row                                          where the layer is known
//! container_cpu_core      one for each processor  tag cpu         cpu0     version 1, if asked for
//! ```
//!
//! Or all of it as cAdvisor's InfluxDB driver writes it ([`cadvisor`]).
//!
//! A row costs one push for each field that has a value: series and layouts are entered in the batch once.

mod cadvisor;
mod fields;
mod table;
mod who;

use stripchart_core::{Batch, BatchSeries, FieldDescriptor, KeyError, RowLayout, Timestamp};

use super::Identity;
use super::read::Known;
use crate::Layout;
use crate::node::About;
use crate::rate::{delta, per_second};
use table::Table;

/// A usage beyond this many times what the processors can give is a fault of the clock or the counter.
const USAGE_MAX: f64 = 1.5;

/// What the rows of a cgroup are made of.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) known: Known,
    pub(crate) rates: Rates,
}

/// What is worked out from two samples.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rates {
    millicores: Option<f64>,
    cpu_percent: Option<f64>,
    read_bytes: Option<f64>,
    write_bytes: Option<f64>,
    reads: Option<f64>,
    writes: Option<f64>,
}

/// Running totals of the last rows.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    cpu_ns: Option<u64>,
    /// Bytes and requests, read and written.
    io: Option<[u64; 4]>,
}

impl Totals {
    fn of(known: &Known) -> Self {
        let io = &known.sample.io;
        Totals {
            cpu_ns: known.sample.cpu.usage_ns,
            io: io.known.then_some([io.read_bytes, io.write_bytes, io.reads, io.writes]),
        }
    }

    /// What came since `before`.
    fn rates(&self, before: &Totals, elapsed_ns: u64, cpus: usize) -> Rates {
        let rate =
            |before: Option<u64>, now: Option<u64>| per_second(delta(before?, now?)?, elapsed_ns);
        let io = |at: usize| rate(before.io.map(|io| io[at]), self.io.map(|io| io[at]));
        let max = cpus as f64 * 1000.0;
        // Nanoseconds of work in each second: a billion are one core.
        let millicores = rate(before.cpu_ns, self.cpu_ns)
            .map(|ns| ns / 1e6)
            .filter(|used| cpus == 0 || *used <= max * USAGE_MAX);
        Rates {
            millicores,
            cpu_percent: millicores.filter(|_| cpus > 0).map(|used| used / max * 100.0),
            read_bytes: io(0),
            write_bytes: io(1),
            reads: io(2),
            writes: io(3),
        }
    }
}

/// The layouts of all measurements in one batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layouts {
    cpu: RowLayout,
    core: RowLayout,
    memory: RowLayout,
    numa: RowLayout,
    io: RowLayout,
    device: RowLayout,
    scheduler: RowLayout,
    pids: RowLayout,
    cgroup: RowLayout,
    hugetlb: RowLayout,
    rdma: RowLayout,
    misc: RowLayout,
    value: RowLayout,
    net: RowLayout,
    sockets: RowLayout,
    disk: RowLayout,
}

impl Layouts {
    pub(crate) fn new(batch: &mut Batch) -> Self {
        Layouts {
            cpu: fields::CPU.layout(batch),
            core: fields::CORE.layout(batch),
            memory: fields::MEMORY.layout(batch),
            numa: fields::NUMA.layout(batch),
            io: fields::IO.layout(batch),
            device: fields::DEVICE.layout(batch),
            scheduler: fields::SCHEDULER.layout(batch),
            pids: fields::PIDS.layout(batch),
            cgroup: fields::CGROUP.layout(batch),
            hugetlb: fields::HUGETLB.layout(batch),
            rdma: fields::RDMA.layout(batch),
            misc: fields::MISC.layout(batch),
            value: cadvisor::layout(batch),
            net: who::NET.layout(batch),
            sockets: who::SOCKETS.layout(batch),
            disk: who::DISK.layout(batch),
        }
    }
}

/// What every field of a cgroup means.
pub(crate) fn descriptors() -> impl Iterator<Item = FieldDescriptor> {
    (fields::CPU.descriptors())
        .chain(fields::CORE.descriptors())
        .chain(fields::MEMORY.descriptors())
        .chain(fields::NUMA.descriptors())
        .chain(fields::SCHEDULER.descriptors())
        .chain(fields::IO.descriptors())
        .chain(fields::DEVICE.descriptors())
        .chain(fields::PIDS.descriptors())
        .chain(fields::CGROUP.descriptors())
        .chain(fields::HUGETLB.descriptors())
        .chain(fields::RDMA.descriptors())
        .chain(fields::MISC.descriptors())
        .chain(who::NET.descriptors())
        .chain(who::SOCKETS.descriptors())
        .chain(who::DISK.descriptors())
}

/// The same in cAdvisor's layout.
pub(crate) use cadvisor::descriptors as cadvisor_descriptors;

/// Whose rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub(crate) host: &'a str,
    /// The cgroup's path.
    pub(crate) path: &'a str,
    /// Who it is, where that is known.
    pub(crate) about: Option<&'a About>,
}

impl Owner<'_> {
    /// The series of `table`, with one more tag unless its name is empty.
    fn series<S>(
        self,
        batch: &mut Batch,
        table: &Table<S>,
        more: (&str, &str),
    ) -> Result<BatchSeries, KeyError> {
        let identity = Identity::of(self.path);
        // An empty tag is none.
        let pod = self.about.and_then(|about| about.pod.as_ref());
        let runtime = self.about.and_then(|about| about.runtime).or(identity.runtime);
        let tags = [
            ("cgroup", self.path),
            (
                "container",
                self.about.and_then(|about| about.container_name.as_deref()).unwrap_or_default(),
            ),
            ("container_id", identity.container_id.unwrap_or_default()),
            ("host", self.host),
            ("namespace", pod.and_then(|pod| pod.namespace.as_deref()).unwrap_or_default()),
            ("pod", pod.and_then(|pod| pod.name.as_deref()).unwrap_or_default()),
            ("pod_uid", identity.pod_uid.as_deref().unwrap_or_default()),
            ("runtime", runtime.map_or("", super::Runtime::name)),
            ("unit", identity.unit.unwrap_or_default()),
        ];
        batch.series(
            table.name,
            tags.into_iter().chain([more].into_iter().filter(|t| !t.1.is_empty())),
        )
    }
}

/// The series of a cgroup, entered in the batch once.
#[derive(Debug)]
pub(crate) enum GroupSeries {
    Wide(Box<WideSeries>),
    Cadvisor(cadvisor::ValueSeries),
}

/// Those of rows with a field for each value.
#[derive(Debug)]
pub(crate) struct WideSeries {
    cpu: BatchSeries,
    memory: BatchSeries,
    io: BatchSeries,
    pids: BatchSeries,
    cgroup: BatchSeries,
    /// Those that came up so far of each measurement with several rows.
    cores: Vec<BatchSeries>,
    nodes: Vec<(u32, BatchSeries)>,
    devices: Vec<((u32, u32), BatchSeries)>,
    scheduled: Vec<((u32, u32), BatchSeries)>,
    huge_pages: Vec<(Box<str>, BatchSeries)>,
    rdma: Vec<(Box<str>, BatchSeries)>,
    misc: Vec<(Box<str>, BatchSeries)>,
    interfaces: Vec<(Box<str>, BatchSeries)>,
    sockets: Option<BatchSeries>,
    disk: Option<BatchSeries>,
}

impl GroupSeries {
    /// Enters the series of the cgroup that `owner` names.
    pub(crate) fn new(
        batch: &mut Batch,
        owner: Owner<'_>,
        layout: Layout,
    ) -> Result<Self, KeyError> {
        Ok(match layout {
            Layout::Wide => GroupSeries::Wide(Box::new(WideSeries::new(batch, owner)?)),
            Layout::Cadvisor => GroupSeries::Cadvisor(cadvisor::ValueSeries::default()),
        })
    }
}

impl WideSeries {
    fn new(batch: &mut Batch, owner: Owner<'_>) -> Result<Self, KeyError> {
        const NONE: (&str, &str) = ("", "");
        Ok(WideSeries {
            cpu: owner.series(batch, &fields::CPU, NONE)?,
            memory: owner.series(batch, &fields::MEMORY, NONE)?,
            io: owner.series(batch, &fields::IO, NONE)?,
            pids: owner.series(batch, &fields::PIDS, NONE)?,
            cgroup: owner.series(batch, &fields::CGROUP, NONE)?,
            cores: Vec::new(),
            nodes: Vec::new(),
            devices: Vec::new(),
            scheduled: Vec::new(),
            huge_pages: Vec::new(),
            rdma: Vec::new(),
            misc: Vec::new(),
            interfaces: Vec::new(),
            sockets: None,
            disk: None,
        })
    }
}

/// What all rows of a sample have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Round {
    pub(crate) at: Timestamp,
    pub(crate) layouts: Layouts,
    /// Time since the rows before; `None` if those are not of the sample before.
    pub(crate) elapsed_ns: Option<u64>,
    /// Processors that are switched on; 0 where unknown.
    pub(crate) cpus: usize,
    /// Whether there are rows for each processor.
    pub(crate) cores: bool,
    /// Whether there are rows for each memory node.
    pub(crate) nodes: bool,
}

/// Adds the rows of one cgroup. `before` is what the rows before told, and is brought up to date.
///
/// # Errors
///
/// If a tag makes no key; some rows may have been added then.
pub(crate) fn add_rows(
    batch: &mut Batch,
    round: &Round,
    owner: Owner<'_>,
    series: &mut GroupSeries,
    facts: &mut Facts,
    before: &mut Option<Totals>,
) -> Result<(), KeyError> {
    let series = match series {
        GroupSeries::Wide(series) => &mut **series,
        GroupSeries::Cadvisor(series) => {
            let layout = round.layouts.value;
            return cadvisor::add_rows(batch, layout, round.at, owner, series, facts);
        }
    };
    let totals = Totals::of(&facts.known);
    facts.rates = match (before.replace(totals), round.elapsed_ns) {
        (Some(before), Some(elapsed_ns)) => totals.rates(&before, elapsed_ns, round.cpus),
        _ => Rates::default(),
    };
    let (at, layouts) = (round.at, &round.layouts);
    fields::CPU.add(batch, series.cpu, layouts.cpu, at, facts);
    fields::MEMORY.add(batch, series.memory, layouts.memory, at, facts);
    fields::IO.add(batch, series.io, layouts.io, at, facts);
    fields::PIDS.add(batch, series.pids, layouts.pids, at, facts);
    fields::CGROUP.add(batch, series.cgroup, layouts.cgroup, at, facts);
    add_parts(batch, round, owner, series, facts)?;
    // That of the root is the host's, which has rows of its own.
    if owner.path == "/" {
        return Ok(());
    }
    who::add_rows(batch, round, owner, series, facts)
}

/// Adds the rows of which a cgroup has several.
fn add_parts(
    batch: &mut Batch,
    round: &Round,
    owner: Owner<'_>,
    series: &mut WideSeries,
    facts: &Facts,
) -> Result<(), KeyError> {
    let (sample, at, layouts) = (&facts.known.sample, round.at, &round.layouts);
    for device in &sample.io.devices {
        let key = (device.major, device.minor);
        let tag = || format!("{}:{}", key.0, key.1);
        let found = known(
            &mut series.devices,
            |known| *known == key,
            || Ok((key, owner.series(batch, &fields::DEVICE, ("device", &tag()))?)),
        )?;
        fields::DEVICE.add(batch, found, layouts.device, at, device);
    }
    for device in &sample.io.scheduler {
        let key = (device.major, device.minor);
        let tag = || format!("{}:{}", key.0, key.1);
        let found = known(
            &mut series.scheduled,
            |known| *known == key,
            || Ok((key, owner.series(batch, &fields::SCHEDULER, ("device", &tag()))?)),
        )?;
        fields::SCHEDULER.add(batch, found, layouts.scheduler, at, device);
    }
    for pages in &sample.hugetlb {
        let name = &pages.page_size;
        let found = known(
            &mut series.huge_pages,
            |known| known == name,
            || Ok((name.clone(), owner.series(batch, &fields::HUGETLB, ("page_size", name))?)),
        )?;
        fields::HUGETLB.add(batch, found, layouts.hugetlb, at, pages);
    }
    for device in &sample.rdma {
        let name = &device.device;
        let found = known(
            &mut series.rdma,
            |known| known == name,
            || Ok((name.clone(), owner.series(batch, &fields::RDMA, ("device", name))?)),
        )?;
        fields::RDMA.add(batch, found, layouts.rdma, at, device);
    }
    for resource in &sample.misc {
        let name = &resource.resource;
        let found = known(
            &mut series.misc,
            |known| known == name,
            || Ok((name.clone(), owner.series(batch, &fields::MISC, ("resource", name))?)),
        )?;
        fields::MISC.add(batch, found, layouts.misc, at, resource);
    }
    for node in sample.memory.numa.iter().filter(|_| round.nodes) {
        let number = node.node;
        let found = known(
            &mut series.nodes,
            |known| *known == number,
            || {
                let tag = number.to_string();
                Ok((number, owner.series(batch, &fields::NUMA, ("node", &tag))?))
            },
        )?;
        fields::NUMA.add(batch, found, layouts.numa, at, node);
    }
    for (number, ns) in sample.cpu.per_cpu_ns.iter().enumerate().filter(|_| round.cores) {
        if number >= series.cores.len() {
            let tag = format!("cpu{number}");
            series.cores.push(owner.series(batch, &fields::CORE, ("cpu", &tag))?);
        }
        fields::CORE.add(batch, series.cores[number], layouts.core, at, ns);
    }
    Ok(())
}

/// The series of the first in `list` that `is` the one wanted; made and entered if there is none.
fn known<K>(
    list: &mut Vec<(K, BatchSeries)>,
    is: impl Fn(&K) -> bool,
    make: impl FnOnce() -> Result<(K, BatchSeries), KeyError>,
) -> Result<BatchSeries, KeyError> {
    if let Some((_, series)) = list.iter().find(|(key, _)| is(key)) {
        return Ok(*series);
    }
    let made = make()?;
    let series = made.1;
    list.push(made);
    Ok(series)
}
