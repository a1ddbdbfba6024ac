//! Lines of charts: levels and rates out of a container's samples.

use stripchart_core::{Frame, Unit};

use super::build::{Grid, float};
use crate::node::{Container, ContainerSample, InterfaceSample};

/// A chart's line.
pub(super) struct Line<'a> {
    pub(super) chart: &'a str,
    pub(super) name: &'a str,
    pub(super) unit: Unit,
}

impl Line<'_> {
    /// A level at each sample; nothing if none has it.
    pub(super) fn level(
        &self,
        container: &Container,
        of: impl Fn(&ContainerSample) -> Option<u64>,
    ) -> Option<Frame> {
        let points = container.samples.iter().map(|sample| (sample, of(sample).map(float)));
        self.frame(points)
    }

    /// The rate per second of a counter between each sample and the one before. A counter that went back tells nothing of
    /// that time.
    pub(super) fn rate(
        &self,
        container: &Container,
        scale: f64,
        of: impl Fn(&ContainerSample) -> Option<u64>,
    ) -> Option<Frame> {
        let pairs = container.samples.iter().zip(container.samples.iter().skip(1));
        self.frame(
            pairs.map(|(before, sample)| {
                (sample, rate(before, sample, &of).map(|rate| rate * scale))
            }),
        )
    }

    fn frame<'s>(
        &self,
        points: impl Iterator<Item = (&'s ContainerSample, Option<f64>)>,
    ) -> Option<Frame> {
        let (times, values): (Vec<i64>, Vec<Option<f64>>) =
            points.map(|(sample, value)| (sample.at.nanos(), value)).unzip();
        values.iter().any(Option::is_some).then(|| {
            Grid::new("series", self.chart)
                .tag("series", self.name)
                .times(times)
                .numbers("value", self.unit, values)
                .done()
        })
    }
}

/// What `of` grew by in a second between two samples.
pub(super) fn rate(
    before: &ContainerSample,
    sample: &ContainerSample,
    of: impl Fn(&ContainerSample) -> Option<u64>,
) -> Option<f64> {
    let elapsed_ns = u64::try_from(sample.at.since(before.at)).ok().filter(|ns| *ns > 0)?;
    let grown = of(sample)?.checked_sub(of(before)?)?;
    Some(float(grown) * 1e9 / float(elapsed_ns))
}

/// Cores in use between the last two samples.
pub(super) fn cores_now(container: &Container) -> Option<f64> {
    let (before, sample) = container.samples.latest_two()?;
    Some(rate(before, sample, |sample| sample.cpu.usage_ns)? / 1e9)
}

/// A counter of the interface called `name`.
pub(super) fn of_interface<'a>(
    name: &'a str,
    of: impl Fn(&InterfaceSample) -> u64 + 'a,
) -> impl Fn(&ContainerSample) -> Option<u64> + 'a {
    move |sample| {
        let interfaces = &sample.network.as_ref()?.interfaces;
        interfaces.iter().find(|interface| *interface.name == *name).map(&of)
    }
}
