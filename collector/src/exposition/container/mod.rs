//! The families of containers, by cAdvisor's names.

mod devices;
mod network;
mod spec;
mod usage;

use stripchart_core::Timestamp;

use super::Value;
use super::base::Base;
use super::snapshot::{Devices, Seen, Snapshot};
use super::text::{ExpositionError, Family, Kind, LabelName, Labels, TextWriter};
use crate::node::MachineInfo;

/// A family and where its samples come from.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    /// Whether its samples may have the time of the container's sample: those of the spec never have.
    timed: bool,
    each: fn(&Seen, &Context<'_>, &mut Emit<'_, '_>),
}

type Each = fn(&Seen, &Context<'_>, &mut Emit<'_, '_>);

const fn counter(name: &'static str, help: &'static str, each: Each) -> Metric {
    Metric { name, kind: Kind::Counter, help, timed: true, each }
}

const fn gauge(name: &'static str, help: &'static str, each: Each) -> Metric {
    Metric { name, kind: Kind::Gauge, help, timed: true, each }
}

const fn fixed(name: &'static str, help: &'static str, each: Each) -> Metric {
    Metric { name, kind: Kind::Gauge, help, timed: false, each }
}

/// What a metric may want to know beside the container.
pub(super) struct Context<'a> {
    /// Unless nobody looked at it.
    machine: Option<&'a MachineInfo>,
    pub(super) devices: &'a Devices,
    /// Whether processor time is told for each processor where it is known.
    pub(super) per_cpu: bool,
}

impl Context<'_> {
    /// A value of the whole machine, for the root alone.
    fn of_machine(&self, seen: &Seen, value: fn(&MachineInfo) -> u64) -> Option<u64> {
        self.machine.filter(|_| seen.is_root()).map(value)
    }
}

/// Takes the samples of one container in one family.
pub(super) struct Emit<'e, 'w> {
    family: &'e mut Family<'w>,
    labels: &'e Labels,
    at: Option<Timestamp>,
}

impl Emit<'_, '_> {
    /// The one sample of the container, if its value is known.
    fn one(&mut self, value: Option<impl Into<Value>>) {
        self.with(&[], value);
    }

    /// A sample of several, if its value is known.
    fn with(&mut self, more: &[(LabelName<'_>, &str)], value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.family.write(self.labels, more, value.into(), self.at);
        }
    }
}

/// All families, in the order in which they are written.
pub(super) fn metrics() -> impl Iterator<Item = &'static Metric> {
    [spec::METRICS, usage::METRICS, devices::METRICS, network::METRICS].into_iter().flatten()
}

/// Writes all families of all containers of `snapshot`, with the time of each sample if `timed`.
pub(super) fn write(
    writer: &mut TextWriter,
    snapshot: &Snapshot,
    base: Base<'_>,
    per_cpu: bool,
    timed: bool,
) -> Result<(), ExpositionError> {
    let devices = Devices::of(snapshot);
    let machine = snapshot.machine_known().then_some(&*snapshot.machine);
    let context = Context { machine, devices: &devices, per_cpu };
    let labels = snapshot.containers.iter().map(|seen| base.labels(seen));
    let labels = labels.collect::<Result<Vec<Labels>, _>>()?;
    for metric in metrics() {
        let mut family = writer.family(metric.name, metric.kind, metric.help)?;
        for (seen, labels) in snapshot.containers.iter().zip(&labels) {
            let at = (timed && metric.timed).then_some(seen.sample.at);
            (metric.each)(seen, &context, &mut Emit { family: &mut family, labels, at });
        }
    }
    Ok(())
}
