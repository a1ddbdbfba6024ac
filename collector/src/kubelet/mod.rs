//! The kubelet's Summary API: its document as types, and where to get it from.
//!
//! Every kubelet answers `GET /stats/summary` with the state of its node: the node itself, the daemons beside the
//! pods, and each pod with its containers and volumes. [`Summary::parse`] reads the documents of all releases since
//! the API began; what a release does not know is `None`. [`SummarySource`] fetches one. With the feature `cadvisor`,
//! `KubeletApi` answers for a kubelet out of a `Node`.
//!
//! | since about | what came |
//! | --- | --- |
//! | 1.3 (2016) | cpu, memory, network, file systems, volumes, `userDefinedMetrics` |
//! | 1.7 to 1.11 | inodes, process ids, `ephemeral-storage`, cpu and memory of pods |
//! | 1.28 | `swap` |
//! | 1.29 | `containerFs` |
//! | 1.33 | pressure (`psi`) of cpu, memory and io |

mod de;
#[cfg(feature = "cadvisor")]
mod produce;
mod ser;
mod source;
mod summary;

#[cfg(feature = "cadvisor")]
pub use produce::{KubeletApi, KubeletApiBuilder};
pub use source::{FetchError, FetchLimits, SourceTextError, SummarySource};
pub use summary::{
    Accelerator, ContainerStats, CpuStats, FsStats, InterfaceStats, IoStats, MemoryStats,
    NetworkStats, NodeStats, PodReference, PodStats, ProcessStats, Psi, PsiData, PvcReference,
    RlimitStats, RuntimeStats, Summary, SummaryError, SwapStats, UserDefinedMetric, VolumeStats,
};
