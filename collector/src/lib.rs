//! Host, cgroup and Kubernetes metrics, collected cheaply in one process.

#[cfg(feature = "linux")]
mod background;
pub mod cgroup;
#[cfg(feature = "linux")]
mod descriptors;
mod error;
#[cfg(feature = "linux")]
mod file;
#[cfg(feature = "kubernetes")]
pub mod heapster;
#[cfg(feature = "linux")]
mod host;
#[cfg(feature = "kubernetes")]
pub mod kubelet;
pub mod proc;
pub mod rate;
mod root;
#[cfg(feature = "linux")]
mod sampler;
#[cfg(any(feature = "linux", feature = "kubernetes"))]
mod schedule;
#[cfg(feature = "linux")]
mod settings;
#[cfg(feature = "linux")]
pub mod sys;
mod text;
#[cfg(feature = "linux")]
mod warnings;

#[cfg(feature = "linux")]
pub use background::SamplerGuard;
pub use error::{ParseError, Warning};
#[cfg(feature = "kubernetes")]
pub use heapster::{ClusterSampler, ClusterSamplerBuilder, ClusterSamplerGuard, ClusterWarning};
#[cfg(feature = "kubernetes")]
pub use kubelet::{Summary, SummarySource};
pub use root::Roots;
#[cfg(feature = "linux")]
pub use sampler::{Sampler, SamplerStats};
#[cfg(any(feature = "linux", feature = "kubernetes"))]
pub use schedule::NextDue;
#[cfg(feature = "linux")]
pub use settings::SamplerBuilder;
