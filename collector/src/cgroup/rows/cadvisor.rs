//! Rows as cAdvisor's InfluxDB driver writes them: a measurement for each value.
//!
//! ```text
//! cpu_usage_total,machine=node-a,container_name=web,LABEL=...  value=52500000000i
//! cpu_usage_per_cpu,...,instance=0                             value=...
//! memory_failure,...,failure_type=pgfault,scope=container      value=...
//! hugetlb_usage,...,page_size=2MB                              value=...
//! fs_usage,...,device=/dev/sda1,type=usage                     value=...
//! ```
//!
//! `container_name` is the container's first alias or else the path of its cgroup, and every label is a tag. What the
//! kernel does not tell has no row, where cAdvisor writes a zero. cAdvisor gives all four rows of `memory_failure` the tags
//! of the last, so that three of them are lost; here each has its own.

use stripchart_core::MetricKind::{Cumulative, Gauge};
use stripchart_core::{
    Batch, BatchSeries, FieldDescriptor, FieldType, KeyError, MetricKind, RowLayout, Timestamp,
    Unit,
};

use super::{Facts, Owner};
use crate::host::int;
use crate::node::ContainerSample;

/// Tags that are not a label's.
const RESERVED: [&str; 8] = [
    "machine",
    "container_name",
    "instance",
    "failure_type",
    "scope",
    "page_size",
    "device",
    "type",
];

/// A value of a container.
struct Value {
    measurement: &'static str,
    kind: MetricKind,
    unit: Unit,
    what: &'static str,
    get: fn(&ContainerSample) -> Option<u64>,
}

const fn value(
    measurement: &'static str,
    kind: MetricKind,
    unit: Unit,
    what: &'static str,
    get: fn(&ContainerSample) -> Option<u64>,
) -> Value {
    Value { measurement, kind, unit, what, get }
}

#[rustfmt::skip]
static VALUES: [Value; 17] = [
    value("cpu_usage_total", Cumulative, Unit::Nanoseconds, "processor time used", |s| s.cpu.usage_ns),
    value("cpu_usage_system", Cumulative, Unit::Nanoseconds, "processor time in the kernel", |s| s.cpu.system_ns),
    value("cpu_usage_user", Cumulative, Unit::Nanoseconds, "processor time in programs", |s| s.cpu.user_ns),
    value("rx_bytes", Cumulative, Unit::Bytes, "bytes received by the first interface", |s| Some(s.network.as_ref()?.interfaces.first()?.rx_bytes)),
    value("rx_errors", Cumulative, Unit::Count, "packets received with errors by the first interface", |s| Some(s.network.as_ref()?.interfaces.first()?.rx_errors)),
    value("tx_bytes", Cumulative, Unit::Bytes, "bytes sent by the first interface", |s| Some(s.network.as_ref()?.interfaces.first()?.tx_bytes)),
    value("tx_errors", Cumulative, Unit::Count, "packets that the first interface could not send", |s| Some(s.network.as_ref()?.interfaces.first()?.tx_errors)),
    value("memory_usage", Gauge, Unit::Bytes, "memory charged, page cache included", |s| s.memory.usage),
    value("memory_max_usage", Gauge, Unit::Bytes, "highest usage so far", |s| s.memory.peak),
    value("memory_cache", Gauge, Unit::Bytes, "page cache", |s| s.memory.cache),
    value("memory_rss", Gauge, Unit::Bytes, "memory of programs that no file backs", |s| s.memory.rss),
    value("memory_swap", Gauge, Unit::Bytes, "memory in swap", |s| s.memory.swap),
    value("memory_mapped_file", Gauge, Unit::Bytes, "files mapped by programs", |s| s.memory.mapped_file),
    value("memory_working_set", Gauge, Unit::Bytes, "usage without page cache not used lately", |s| s.memory.working_set),
    value("memory_total_active_file", Gauge, Unit::Bytes, "page cache used lately", |s| s.memory.active_file),
    value("memory_total_inactive_file", Gauge, Unit::Bytes, "page cache not used lately", |s| s.memory.inactive_file),
    value("memory_failcnt", Cumulative, Unit::Count, "times that usage reached the limit", |s| s.memory.failcnt),
];

#[rustfmt::skip]
const PARTS: [(&str, MetricKind, Unit, &str); 7] = [
    ("cpu_usage_per_cpu", Cumulative, Unit::Nanoseconds, "processor time used on one processor"),
    ("memory_failure", Cumulative, Unit::Count, "page faults by kind and scope"),
    ("hugetlb_usage", Gauge, Unit::Bytes, "huge pages in use"),
    ("hugetlb_max_usage", Gauge, Unit::Bytes, "most huge pages in use so far"),
    ("hugetlb_failcnt", Cumulative, Unit::Count, "times that the limit of huge pages was hit"),
    ("fs_usage", Gauge, Unit::Bytes, "space in use"),
    ("fs_limit", Gauge, Unit::Bytes, "space in all"),
];

/// What the values mean.
pub(crate) fn descriptors() -> impl Iterator<Item = FieldDescriptor> {
    let values = VALUES.iter().map(|value| (value.measurement, value.kind, value.unit, value.what));
    values.chain(PARTS).map(|(measurement, kind, unit, what)| {
        FieldDescriptor::new(measurement, "value", FieldType::Integer, kind, unit, what)
    })
}

/// The layout of all rows.
pub(crate) fn layout(batch: &mut Batch) -> RowLayout {
    batch.layout([("value", FieldType::Integer)])
}

/// Which row of a measurement, where there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    Whole,
    Processor(usize),
    Failure(&'static str, &'static str),
    PageSize(&'a str),
    Device(&'a str, &'static str),
}

/// The series of a container, in the order in which their rows are written.
#[derive(Debug, Default)]
pub(crate) struct ValueSeries(Vec<Entered>);

#[derive(Debug)]
struct Entered {
    measurement: &'static str,
    /// What a [`Part`] has: a number, a name, two words.
    number: usize,
    name: Box<str>,
    words: (&'static str, &'static str),
    series: BatchSeries,
}

impl Part<'_> {
    const fn number(&self) -> usize {
        if let Part::Processor(number) = self { *number } else { 0 }
    }

    const fn name(&self) -> &str {
        match self {
            Part::PageSize(name) | Part::Device(name, _) => name,
            _ => "",
        }
    }

    const fn words(&self) -> (&'static str, &'static str) {
        match self {
            Part::Failure(kind, scope) => (kind, scope),
            Part::Device(_, kind) => (kind, ""),
            _ => ("", ""),
        }
    }
}

impl Entered {
    fn is(&self, measurement: &str, part: &Part<'_>) -> bool {
        self.measurement == measurement
            && self.number == part.number()
            && self.words == part.words()
            && *self.name == *part.name()
    }
}

/// Writes the rows of one container.
struct Writer<'a, 'b> {
    batch: &'a mut Batch,
    layout: RowLayout,
    at: Timestamp,
    owner: Owner<'b>,
    known: &'a mut ValueSeries,
    /// The series that comes next if the rows are those of the sample before.
    next: usize,
}

impl Writer<'_, '_> {
    fn row(
        &mut self,
        measurement: &'static str,
        part: Part<'_>,
        value: Option<u64>,
    ) -> Result<(), KeyError> {
        let Some(value) = value else { return Ok(()) };
        let is = |entered: &Entered| entered.is(measurement, &part);
        let expected = self.known.0.get(self.next).is_some_and(is).then_some(self.next);
        let at = match expected.or_else(|| self.known.0.iter().position(is)) {
            Some(at) => at,
            None => {
                let series = series(self.batch, self.owner, measurement, part)?;
                self.known.0.push(Entered {
                    measurement,
                    number: part.number(),
                    name: part.name().into(),
                    words: part.words(),
                    series,
                });
                self.known.0.len() - 1
            }
        };
        self.next = at + 1;
        self.batch.row_with(self.known.0[at].series, self.layout, self.at).i64(int(value));
        Ok(())
    }
}

/// Enters a series.
fn series(
    batch: &mut Batch,
    owner: Owner<'_>,
    measurement: &str,
    part: Part<'_>,
) -> Result<BatchSeries, KeyError> {
    let alias = owner.about.and_then(|about| about.aliases.first());
    let name = alias.map_or(owner.path, |alias| alias);
    let number;
    let more = match part {
        Part::Whole => [("", ""); 2],
        Part::Processor(processor) => {
            number = processor.to_string();
            [("instance", &*number), ("", "")]
        }
        Part::Failure(kind, scope) => [("failure_type", kind), ("scope", scope)],
        Part::PageSize(size) => [("page_size", size), ("", "")],
        Part::Device(device, kind) => [("device", device), ("type", kind)],
    };
    let labels = owner.about.into_iter().flat_map(|about| &about.labels);
    let labels = labels
        .map(|(key, value)| (&**key, &**value))
        .filter(|(key, _)| !key.is_empty() && !RESERVED.contains(key));
    let own = [("machine", owner.host), ("container_name", name)];
    let more = more.into_iter().filter(|(key, _)| !key.is_empty());
    batch.series(measurement, own.into_iter().chain(more).chain(labels))
}

/// Adds the rows of a container.
///
/// # Errors
///
/// If a tag makes no key; the rows before it have been added then.
pub(crate) fn add_rows(
    batch: &mut Batch,
    layout: RowLayout,
    at: Timestamp,
    owner: Owner<'_>,
    known: &mut ValueSeries,
    facts: &Facts,
) -> Result<(), KeyError> {
    let sample = &facts.known.sample;
    let mut writer = Writer { batch, layout, at, owner, known, next: 0 };
    for value in &VALUES {
        writer.row(value.measurement, Part::Whole, (value.get)(sample))?;
    }
    for (number, ns) in sample.cpu.per_cpu_ns.iter().enumerate() {
        writer.row("cpu_usage_per_cpu", Part::Processor(number), Some(*ns))?;
    }
    let memory = &sample.memory;
    for (kind, count) in [("pgfault", memory.page_faults), ("pgmajfault", memory.major_page_faults)]
    {
        for scope in ["container", "hierarchical"] {
            writer.row("memory_failure", Part::Failure(kind, scope), count)?;
        }
    }
    for pages in &sample.hugetlb {
        let part = Part::PageSize(&pages.page_size);
        writer.row("hugetlb_usage", part, Some(pages.usage))?;
        writer.row("hugetlb_max_usage", part, pages.peak)?;
        writer.row("hugetlb_failcnt", part, Some(pages.failcnt))?;
    }
    for filesystem in &sample.filesystems {
        let device = &*filesystem.device;
        writer.row("fs_usage", Part::Device(device, "usage"), Some(filesystem.usage))?;
        writer.row("fs_limit", Part::Device(device, "limit"), Some(filesystem.capacity))?;
    }
    Ok(())
}
