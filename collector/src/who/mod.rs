//! Who the cgroups are: containers, pods, services, with what their runtimes, the kubelet and their processes tell.
//!
//! A path tells an id ([`Identity`](crate::cgroup::Identity)); names, labels and images come out of files that container
//! runtimes and the kubelet leave, in this order:
//!
//! ```text
//! path of the cgroup --> id, pod's UID, runtime
//!   |- the runtime's own files       name, image, labels, pod, container, layer, log, times   (runtime)
//!   |- containerd's, if wanted       all labels, and the same                                 (containerd)
//!   |- Docker's socket, if wanted    the same                                                 (engine)
//!   '- names of the kubelet's logs   pod, namespace, container, restarts                      (logs)
//! ```
//!
//! Nothing here asks a daemon unless told to. All that is read from outside is bounded in size, and whatever is malformed
//! gives one warning and is passed over.

#[cfg(feature = "containerd")]
mod containerd;
mod directory;
mod disk;
#[cfg(feature = "docker")]
mod engine;
mod facts;
mod follow;
#[cfg(feature = "containerd")]
mod grpc;
mod kmsg;
pub(crate) mod life;
mod logs;
mod metric_set;
mod network;
mod process;
mod ps;
#[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
mod runtime;
mod scan;
#[cfg(any(feature = "containerd", feature = "docker"))]
mod socket;
mod sockets;
mod tasks;
mod top;
mod users;
mod walk;

use directory::{Directory, Known};
pub(crate) use follow::{Member, Round, Who, folder};
pub use metric_set::MetricSet;
pub(crate) use metric_set::MetricSets;
pub use ps::{Process, processes, processes_of};
pub(crate) use top::Top;
