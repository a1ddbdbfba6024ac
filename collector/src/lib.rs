//! Host, cgroup and Kubernetes metrics, collected cheaply in one process.

mod background;
mod descriptors;
mod error;
mod file;
#[cfg(feature = "kubernetes")]
pub mod heapster;
mod host;
#[cfg(feature = "kubernetes")]
pub mod kubelet;
pub mod proc;
pub mod rate;
mod root;
mod sampler;
mod schedule;
mod settings;
pub mod sys;
mod text;
mod warnings;

pub use background::SamplerGuard;
pub use error::{ParseError, Warning};
#[cfg(feature = "kubernetes")]
pub use heapster::{ClusterSampler, ClusterSamplerBuilder, ClusterSamplerGuard, ClusterWarning};
#[cfg(feature = "kubernetes")]
pub use kubelet::{Summary, SummarySource};
pub use root::Roots;
pub use sampler::{Sampler, SamplerStats};
pub use schedule::NextDue;
pub use settings::SamplerBuilder;
