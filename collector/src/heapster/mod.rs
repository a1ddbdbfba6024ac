//! Heapster's work: summaries of kubelets in, its measurements about cluster, namespaces, nodes, pods and containers out.
//!
//! ```text
//! Summary --decode--> MetricBatch --RateCalculator--PodAggregator--NamespaceAggregator
//!                                  --NodeAggregator--ClusterAggregator--> MetricBatch --encode--> stripchart_core::Batch
//! ```
//!
//! [`ClusterSampler`] does all of it, round after round; the steps are public for those who want to put their own between.
//!
//! # What is stored
//!
//! One measurement per metric, named as Heapster names it (`cpu/usage_rate`), with one field `value`; tags say what it is
//! of. The instant is that of the round, a multiple of the resolution, not that of the kubelet's measurement.
//!
//! | tag | on | meaning |
//! | --- | --- | --- |
//! | `type` | all | `cluster`, `ns`, `node`, `sys_container`, `pod`, `pod_container` |
//! | `nodename` | nodes and what runs on them | the node |
//! | `namespace_name` | namespaces, pods, containers of pods | the namespace |
//! | `pod_name` | pods and their containers | the pod |
//! | `container_name` | containers | the container or daemon |
//! | `resource_id` | file systems | `/`, `logs` or `Volume:NAME` |
//! | `make`, `model`, `accelerator_id` | accelerators | which one |
//! | `cluster_name` | all, if the caller gave one | the cluster |
//!
//! # What differs from Heapster
//!
//! - Requests and limits (`cpu/request`, `memory/limit`, ...), node capacities, restart counts, user labels and image
//!   names come from the API server, which is not asked: these measurements and tags are absent, so queries for them
//!   answer empty. Heapster would store 0 for a container without a limit. The aggregators pass them on if an embedder
//!   adds them to a [`MetricBatch`].
//! - A counter that went down gives no rate for that round, where Heapster stored a negative one.
//! - A pod that two nodes report, or a container that one reports twice, is taken from where it started last; equal
//!   starts, from the later document.
//! - A pod that is known through its containers only keeps their `nodename`.
//! - There is no tag `cluster_name` unless asked for; Heapster's default is `default`.

mod aggregate;
mod decode;
mod encode;
mod gather;
pub mod metric;
mod rate;
mod report;
mod sampler;
mod set;
mod spawn;

pub use aggregate::{ClusterAggregator, NamespaceAggregator, NodeAggregator, PodAggregator};
pub use decode::decode;
pub use encode::{Encoded, encode};
pub use rate::RateCalculator;
pub use report::{ClusterWarning, Round};
pub use sampler::{ClusterConfigError, ClusterSampler, ClusterSamplerBuilder};
pub use set::{LabeledMetric, MetricBatch, MetricKey, MetricSet, MetricValue, label};
pub use spawn::ClusterSamplerGuard;
