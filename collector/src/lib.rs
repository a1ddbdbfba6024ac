//! Host, cgroup and Kubernetes metrics, collected cheaply in one process.
//!
//! A [`Sampler`] reads `/proc`, `/sys` and every cgroup of versions 1 and 2, and writes rows to any
//! [`Sink`](stripchart_core::Sink): a database, a forwarder, a terminal. It is driven by a caller or by one thread of its own.
//!
//! # Example
//!
//! ```no_run
//! use std::{sync::Arc, time::{Duration, SystemTime}};
//! use stripchart_collector::Sampler;
//! use stripchart_core::{Accepted, Batch, Sink, SinkError, Timestamp};
//!
//! struct Count;
//! impl Sink for Count {
//!     fn write(&self, batch: &Batch) -> Result<Accepted, SinkError> {
//!         println!("{} rows of {} measurements", batch.row_count(), batch.tables().count());
//!         Ok(Accepted { rows: batch.row_count(), rejected: Vec::new() })
//!     }
//! }
//!
//! let clock = || Timestamp::from(SystemTime::now());
//! let sampler = Sampler::builder().interval(Duration::from_secs(10)).build();
//! let guard = sampler.spawn(Arc::new(Count), Arc::new(clock))?;
//! std::thread::sleep(Duration::from_secs(60));
//! for warning in guard.take_warnings() {
//!     eprintln!("{warning}"); // "/proc/pressure/io: cannot be read (...); its metrics are left out"
//! }
//! drop(guard); // stops the thread
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! The parsers of kernel files are of use by themselves; they take bytes, know no path and allocate nothing for a value:
//!
//! ```
//! use stripchart_collector::cgroup::v2::{CpuMax, IoStat};
//!
//! assert_eq!(CpuMax::parse(b"50000 100000\n")?.limit_millicores(), Some(500.0));
//! let error = IoStat::parse(b"8:0 rbytes=4096\n8:16 rbytes=lots\n").unwrap_err();
//! assert_eq!(error.to_string(), "line 2: expected KEY=COUNT, found \"rbytes=lots\"");
//! # Ok::<(), stripchart_collector::ParseError>(())
//! ```
//!
//! # What is sampled
//!
//! | measurement | tags beside `host` | from |
//! | --- | --- | --- |
//! | `cpu`, `kernel` | `cpu` (`cpu-total`, `cpu0`, ...) | `/proc/stat`, `/proc/sys/kernel/random/entropy_avail` |
//! | `mem`, `swap`, `kernel_vmstat` | | `/proc/meminfo`, `/proc/vmstat` |
//! | `system`, `processes` | | `/proc/loadavg`, `/proc/uptime`, `/proc/stat` |
//! | `disk` | `path`, `device`, `fstype`, `mode` | `/proc/self/mountinfo`, statvfs |
//! | `diskio` | `name` | `/proc/diskstats` |
//! | `net` | `interface` | `/proc/net/dev` |
//! | `pressure` | `resource` (`cpu`, `memory`, `io`, `irq`) | `/proc/pressure` |
//! | `nstat` | `name` (`snmp`, `netstat`, `snmp6`) | `/proc/net/{snmp,netstat,snmp6}` |
//! | `sockstat` | | `/proc/net/{sockstat,sockstat6}` |
//! | `softnet`, `schedstat` | `cpu` | `/proc/net/softnet_stat`, `/proc/schedstat` |
//! | `conntrack`, `linux_sysctl_fs` | | `/proc/sys/net/netfilter`, `/proc/net/stat/nf_conntrack`, `/proc/sys/fs` |
//! | `arp`, `udp_queues`, `net_link` * | `interface`; `ip`; `interface` | `/proc/net/{arp,udp,udp6}`, `/sys/class/net` |
//! | `interrupts`, `soft_interrupts` * | `irq`, `type`, `device` | `/proc/interrupts`, `/proc/softirqs` |
//! | `numa`, `hugepages_per_node`, `hugepages_root` * | `node`, `size_kb` | `/sys/devices/system/node`, `/sys/kernel/mm/hugepages` |
//! | `temp`, `thermal_zone`, `cooling_device` * | `sensor`, `device`, `input`; `zone`, `type`; `name`, `type` | `/sys/class/{hwmon,thermal}` |
//! | `linux_cpu`, `edac`, `mdstat` * | `cpu`; `controller`; `Name`, `ActivityState` | `/sys/devices/system/{cpu,edac}`, `/proc/mdstat` |
//! | `bonding`, `bonding_slave` ** | `master`, `interface` | `/sys/class/net` |
//! | `nfs`, `nfs_requests`, `nfsd`, `nfsd_requests` ** | `proto`, `method` | `/proc/net/rpc/{nfs,nfsd}` |
//! | `ipvs`, `ipvs_backend` ** | `local_address`, `local_port`, `local_mark`, `proto`, `remote_address`, `remote_port` | `/proc/net/{ip_vs,ip_vs_stats}` |
//! | `power_supply`, `rapl` ** | `power_supply`, `type`; `zone`, `name` | `/sys/class/{power_supply,powercap}` |
//! | `nvme` ** | `device`, `model`, `serial`, `firmware_revision` | `/sys/class/nvme` |
//! | `infiniband`, `infiniband_link` ** | `device`, `port` | `/sys/class/infiniband` |
//! | `xfs`, `zfs` ** | `device` | `/sys/fs/xfs`, `/proc/spl/kstat/zfs/arcstats` |
//! | `btrfs`, `btrfs_allocation`, `btrfs_profile`, `btrfs_device`, `btrfs_device_errors` ** | `uuid`, `label`; `block_group_type`, `mode`; `device`; `devid` | `/sys/fs/btrfs` |
//! | `timex`, `uname` * | ; `sysname`, `release`, `version`, `machine` | adjtimex, `/proc/sys/kernel` |
//! | `container_cpu`, `container_memory`, `container_io`, `container_pids`, `container_cgroup` | `cgroup`, `container`, `container_id`, `namespace`, `pod`, `pod_uid`, `runtime`, `unit` | cgroup files |
//! | `container_io_device`, `container_io_scheduler`, `container_rdma` | those and `device` (`8:0`, `mlx5_0`) | the same |
//! | `container_hugetlb`, `container_misc` | those and `page_size`, `resource` | the same |
//! | `container_cpu_core`, `container_memory_numa`, if asked for | those and `cpu`, `node` | the same |
//! | `container_net` | those and `interface` | `/proc/PID/net/dev` of one container of each network namespace |
//! | `container_disk`; `container_netstat` if asked for | those | the layer and logs of a container; `/proc/PID/net/tcp`, ... |
//! | `process_top` if asked for | `order` (`cpu`, `memory`), `rank` | `/proc/PID/stat` |
//!
//! Those with two asterisks are of parts that most hosts lack: whether one is there is looked at once a minute, and one that
//! is not costs nothing else.
//!
//! Those with an asterisk or two are read every ten seconds at most, states of processes every minute
//! ([`SamplerBuilder::process_states`]): they are long, or ask hardware. [`machine::read`] tells what seldom changes.
//!
//! Names of the host's measurements and fields are Telegraf's where it has one. [`Sampler::descriptors`] has the unit and meaning of every
//! field. What differs from Telegraf:
//!
//! * `mem.used` is what is not available, so that shared memory counts as used (Telegraf's until 2025 took it for cache);
//! * `running` and `blocked` of `processes` count threads, since the kernel keeps both numbers; the other states count
//!   processes, take reading a file of each, and `blocked` ones of these are `uninterruptible`;
//! * `nstat` has the some hundred and forty counters that node_exporter and below show, not all of the kernel;
//! * `interrupts` counts over all processors, and has the first 512 sources that ever interrupted;
//! * devices and interfaces that were never used have no rows;
//! * `pressure` has one row for each resource, with fields `some_avg10` to `full_total_usec`.
//!
//! Of cgroups, totals include the cgroups below; I/O is summed over devices, those left out that stand upon others
//! (device mapper, RAID, loop). The root `/` has what the kernel keeps for it, which for version 2 is no memory; the host's
//! rows say it better. Under version 1 newer kernels count I/O only once a limit of I/O was set on the device.
//!
//! Who a container is, [`who`] finds out: names, pods, labels and images come from files that runtimes and the kubelet leave;
//! what is read of containers beyond their cgroups a [`MetricSet`] says.
//!
//! # Faults
//!
//! What is missing, forbidden or malformed leaves its fields out and gives one [`Warning`] with path and line, until it is
//! good again; files that depend on how the kernel was built, or on hardware, are absent without a word. A cgroup that vanishes while it is read has no rows in that sample. A total that went back, or leapt further
//! than the hardware can, gives no rate; no rate is ever negative ([`rate`]). Clocks may be set: rows follow the clock,
//! rates the host's uptime.
//!
//! # Costs and limits
//!
//! Files of the host are kept open; those of cgroups, too, up to a quarter of the process' limit of open files. In steady
//! state a busy cgroup costs a dozen reads, one that did nothing one or two (under version 2 three), and those below one
//! that did nothing none; nothing is allocated for it. Once a minute ([`SamplerBuilder::full_interval`]) each is read
//! whole, with its main limits; every fifth time with all else. Folders are asked by turns whether others came: what
//! appears beside others is found with the next sample, what appears below a folder that had none within ten seconds. At
//! most 4096 cgroups ([`SamplerBuilder::cgroups_max`]) and 16 MiB of a file are read.
//! A network file system whose server is gone blocks whoever asks how full it is, for ever: such are asked by threads that
//! live as long as there is something to ask, one for each that is stuck and eight in all. The sampler takes the answer
//! with the next sample, and tells once of a file system that gives none.
//!
//! # Features
//!
//! * `linux` (default): the sampler, with `libc`. Without it only the parsers, which build on any Unix.
//! * `kubernetes`: the kubelet's Summary model and Heapster's processing of it.
//! * `cadvisor`: what cAdvisor and the kubelet answer over HTTP about a node: the `exposition` for Prometheus; and names,
//!   labels and images out of the files of container runtimes.
//! * `docker`: names, labels and images through Docker's socket, where it is told to ([`SamplerBuilder`]'s `docker_socket`).
//! * `containerd`: all labels, restarts and images through containerd's socket, likewise (`containerd_socket`).
//! * `http`: fetching those documents from kubelets.
//!
//! Siblings: `stripchart-storage` keeps what is sampled, `stripchart-query` asks, `stripchart-render` draws.

#[cfg(feature = "linux")]
mod attr;
#[cfg(feature = "linux")]
mod background;
#[cfg(feature = "cadvisor")]
pub mod cadvisor;
pub mod cgroup;
#[cfg(feature = "linux")]
mod descriptors;
#[cfg(any(feature = "linux", feature = "kubernetes"))]
mod driver;
mod error;
#[cfg(feature = "cadvisor")]
pub mod exposition;
#[cfg(feature = "linux")]
mod file;
#[cfg(feature = "kubernetes")]
pub mod heapster;
#[cfg(feature = "linux")]
mod host;
#[cfg(any(feature = "kubernetes", feature = "cadvisor"))]
pub mod kubelet;
#[cfg(feature = "linux")]
pub mod machine;
#[cfg(feature = "linux")]
pub mod node;
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
pub mod sysfs;
mod text;
#[cfg(feature = "linux")]
mod warnings;
#[cfg(feature = "linux")]
pub mod who;

#[cfg(feature = "linux")]
pub use background::{SamplerGuard, SamplerHandle};
pub use error::{ParseError, Warning};
#[cfg(feature = "kubernetes")]
pub use heapster::{ClusterSampler, ClusterSamplerBuilder, ClusterSamplerGuard, ClusterWarning};
#[cfg(any(feature = "kubernetes", feature = "cadvisor"))]
pub use kubelet::{Summary, SummarySource};
#[cfg(feature = "linux")]
pub use node::Node;
pub use root::Roots;
#[cfg(feature = "linux")]
pub use sampler::{Sampler, SamplerStats};
#[cfg(feature = "linux")]
pub use settings::{Layout, SamplerBuilder};
#[cfg(feature = "linux")]
pub use who::MetricSet;
