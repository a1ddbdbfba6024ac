//! What of containers is read beyond their cgroups.

/// Something of containers that is read or not, under the name that cAdvisor's options have for it.
///
/// ```
/// use stripchart_collector::{MetricSet, Sampler};
/// assert_eq!(MetricSet::from_name("advtcp"), Some(MetricSet::AdvTcp));
/// let sampler = Sampler::builder().metrics(MetricSet::Process, true).metrics(MetricSet::Disk, false).build();
/// # drop(sampler);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetricSet {
    /// `network`: bytes, packets, errors and drops of the interfaces of each network namespace. One read a sample for each
    /// namespace; default on.
    Network,
    /// `tcp`: connections by state, which takes a line of text for each connection, and the kernel searches its table of all
    /// connections of the host for each namespace: a millisecond and more; default off.
    Tcp,
    /// `udp`: sockets, as costly; default off.
    Udp,
    /// `advtcp`: counters of TCP, two files for each namespace; default off.
    AdvTcp,
    /// `sched`: what the scheduler counts, one file for each process; default off.
    Sched,
    /// `process`: processes with their open files and sockets, a link to be read for each file; default off.
    Process,
    /// `disk`: what a container keeps in its own layer and its logs. All its files are looked at, a thousand a second;
    /// default on. Of use only where the files of its runtime tell where the layer is.
    Disk,
    /// `oom_event`: OOM kills out of the kernel's log, as events of the [node](crate::SamplerBuilder::node); default on.
    OomEvent,
}

impl MetricSet {
    /// All of them.
    pub const ALL: [MetricSet; 8] = [
        MetricSet::Network,
        MetricSet::Tcp,
        MetricSet::Udp,
        MetricSet::AdvTcp,
        MetricSet::Sched,
        MetricSet::Process,
        MetricSet::Disk,
        MetricSet::OomEvent,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            MetricSet::Network => "network",
            MetricSet::Tcp => "tcp",
            MetricSet::Udp => "udp",
            MetricSet::AdvTcp => "advtcp",
            MetricSet::Sched => "sched",
            MetricSet::Process => "process",
            MetricSet::Disk => "disk",
            MetricSet::OomEvent => "oom_event",
        }
    }

    /// The one called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        MetricSet::ALL.into_iter().find(|set| set.name() == name)
    }
}

/// Which are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetricSets(u16);

impl Default for MetricSets {
    fn default() -> Self {
        let mut sets = MetricSets(0);
        for set in [MetricSet::Network, MetricSet::Disk, MetricSet::OomEvent] {
            sets.set(set, true);
        }
        sets
    }
}

impl MetricSets {
    pub(crate) const fn set(&mut self, set: MetricSet, wanted: bool) {
        let bit = 1 << (set as u16);
        self.0 = if wanted { self.0 | bit } else { self.0 & !bit };
    }

    pub(crate) const fn has(self, set: MetricSet) -> bool {
        self.0 & (1 << (set as u16)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_names_and_are_switched_one_by_one() {
        for set in MetricSet::ALL {
            assert_eq!(MetricSet::from_name(set.name()), Some(set));
            let mut sets = MetricSets::default();
            let before: Vec<_> = MetricSet::ALL.map(|other| sets.has(other)).to_vec();
            sets.set(set, !sets.has(set));
            let changed =
                MetricSet::ALL.iter().zip(before).filter(|(s, was)| sets.has(**s) != *was);
            assert_eq!(changed.map(|(s, _)| *s).collect::<Vec<_>>(), [set]);
        }
        assert_eq!(MetricSet::from_name("Network"), None);
    }
}
