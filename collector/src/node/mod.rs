//! What is known of this node now: its containers with their latest samples, the machine, and what happened.
//!
//! A sampler fills a [`Node`] beside the rows it writes; whoever answers for the node reads it: cAdvisor's API, the
//! kubelet's summary, the exposition for Prometheus, a page. Neither waits for the other longer than a copy takes.
//!
//! ```text
//! Node -- containers, by the path of their cgroup
//!      |    |- about    who it is: names, labels, image, pod; seldom changes
//!      |    |- spec     its limits, looked at now and then
//!      |    '- samples  the last of them, oldest first, in places that are used again
//!      |- machine       processors, memory, disks, interfaces
//!      '- events        creations, deletions, OOM kills
//! ```
//!
//! A container in cAdvisor's sense is any cgroup, the root `/` included.

mod about;
mod events;
mod history;
mod machine;
mod refill;
mod sample;
mod spec;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use about::{About, PodRef};
pub use events::{Event, EventKind, EventLog};
pub use history::History;
pub use machine::{
    BlockDevice, CacheInfo, CoreInfo, HugePages, MachineInfo, NetworkDevice, NumaNode,
};
pub(crate) use refill::Refill;
pub use sample::{
    CgroupSample, ContainerSample, CpuSample, DeviceIo, DiskCounters, FilesystemSample,
    HugetlbSample, InterfaceSample, IoCost, IoSample, MemoryEventCounts, MemorySample, MiscSample,
    NetworkSample, NumaMemory, NumaPages, OperationCounts, PidsSample, ProcessesSample, RdmaSample,
    SchedStat, SchedulerIo, TcpExtCounters, TcpStates, UdpSockets, Ulimit,
};
pub use spec::{ContainerSpec, CpuSpec, MemorySpec};

/// A container that is there.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Container {
    /// Who it is.
    pub about: Arc<About>,
    /// What it may use.
    pub spec: ContainerSpec,
    /// What it used lately.
    pub samples: History,
}

/// All that is known of a node; shared between the sampler and those who ask.
#[derive(Debug, Default)]
pub struct Node {
    containers: RwLock<BTreeMap<Arc<str>, Container>>,
    machine: RwLock<Arc<MachineInfo>>,
    events: EventLog,
}

impl Node {
    /// Nothing known yet.
    #[must_use]
    pub fn new() -> Self {
        Node::default()
    }

    /// The containers by the path of their cgroup, `/` the first of them. While this is held no sample is taken: copy
    /// what is needed, or be done soon.
    pub fn containers(&self) -> RwLockReadGuard<'_, BTreeMap<Arc<str>, Container>> {
        self.containers.read()
    }

    /// The containers, to change them.
    pub(crate) fn containers_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<Arc<str>, Container>> {
        self.containers.write()
    }

    /// The machine as it was looked at last.
    #[must_use]
    pub fn machine(&self) -> Arc<MachineInfo> {
        Arc::clone(&self.machine.read())
    }

    /// Puts down what the machine is.
    pub(crate) fn set_machine(&self, machine: MachineInfo) {
        *self.machine.write() = Arc::new(machine);
    }

    /// What happened to containers.
    #[must_use]
    pub const fn events(&self) -> &EventLog {
        &self.events
    }
}
