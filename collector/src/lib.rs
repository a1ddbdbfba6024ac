//! Being built.

#[cfg(feature = "kubernetes")]
pub mod heapster;
#[cfg(feature = "kubernetes")]
pub mod kubelet;

#[cfg(feature = "kubernetes")]
pub use heapster::{ClusterSampler, ClusterSamplerBuilder, ClusterSamplerGuard};
#[cfg(feature = "kubernetes")]
pub use kubelet::{Summary, SummarySource};
