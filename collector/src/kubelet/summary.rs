//! The document of `GET /stats/summary`.
//!
//! ```text
//! {"node": {"nodeName": "n1", "startTime": "...", "cpu": {...}, "memory": {...}, "io": {...}, "network": {...},
//!           "fs": {...}, "runtime": {"imageFs": {...}, "containerFs": {...}}, "rlimit": {...}, "swap": {...},
//!           "systemContainers": [{"name": "kubelet", "startTime": "...", "cpu": {...}, "memory": {...}}, ...]},
//!  "pods": [{"podRef": {"name": "web-0", "namespace": "shop", "uid": "..."}, "startTime": "...",
//!            "containers": [{"name": "app", "startTime": "...", "cpu": {...}, "memory": {...}, "io": {...},
//!                            "rootfs": {...}, "logs": {...}, "swap": {...}}, ...],
//!            "cpu": {...}, "memory": {...}, "io": {...}, "network": {...}, "swap": {...},
//!            "volume": [{"name": "data", ...}], "ephemeral-storage": {...}, "process_stats": {...}}, ...]}
//! ```
//!
//! Counts are unsigned 64-bit integers. Keys that are not listed here are skipped, so a newer kubelet stays readable.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use stripchart_core::Timestamp;

use super::{de, ser};

/// What a kubelet knows about its node.
///
/// ```
/// use stripchart_collector::Summary;
///
/// let summary = Summary::parse(
///     br#"{"node": {"nodeName": "n1", "startTime": "2026-01-31T12:00:00Z",
///                   "cpu": {"time": "2026-01-31T12:05:00Z", "usageCoreNanoSeconds": 7000}},
///          "pods": null}"#,
/// )?;
/// assert_eq!(summary.node.node_name, "n1");
/// assert_eq!(summary.node.cpu.and_then(|cpu| cpu.usage_core_nano_seconds), Some(7000));
/// assert!(summary.node.memory.is_none() && summary.pods.is_empty());
/// # Ok::<(), stripchart_collector::kubelet::SummaryError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The node itself.
    pub node: NodeStats,
    /// Its pods.
    #[serde(default, deserialize_with = "de::or_default")]
    pub pods: Vec<PodStats>,
}

impl Summary {
    /// Bytes that a document may have at most: 64 MiB, some thousand pods.
    pub const MAX_LEN: usize = 64 << 20;

    /// Reads a document.
    ///
    /// # Errors
    ///
    /// [`SummaryError`] if it is longer than [`Summary::MAX_LEN`], is no JSON, lacks something that every kubelet
    /// gives (node, names), or holds a value of another type than the API has there.
    pub fn parse(document: &[u8]) -> Result<Self, SummaryError> {
        if document.len() > Summary::MAX_LEN {
            return Err(SummaryError::TooLong { len: document.len() });
        }
        let summary: Summary = serde_json::from_slice(document)
            .map_err(|error| SummaryError::json(&error, document))?;
        if summary.node.node_name.is_empty() {
            return Err(SummaryError::NoNodeName);
        }
        Ok(summary)
    }

    /// The document, as short as it can be; what is `None` has no key.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Nothing in it can fail to be written: keys are texts, and memory takes all.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct NodeStats {
    /// Its name in the cluster.
    pub node_name: String,
    /// The daemons beside the pods: `kubelet`, `runtime`, `misc`, and `pods` for all pods together.
    #[serde(default, deserialize_with = "de::or_default", skip_serializing_if = "Vec::is_empty")]
    pub system_containers: Vec<ContainerStats>,
    /// When it booted.
    #[serde(default, deserialize_with = "de::time", serialize_with = "ser::time")]
    pub start_time: Option<Timestamp>,
    /// Processor use of everything on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuStats>,
    /// Memory use of everything on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryStats>,
    /// Pressure on its disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io: Option<IoStats>,
    /// Its interfaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkStats>,
    /// The file system that holds the kubelet's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fs: Option<FsStats>,
    /// The container runtime's file systems.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<RuntimeStats>,
    /// Process ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rlimit: Option<RlimitStats>,
    /// Swap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<SwapStats>,
}

/// A pod.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PodStats {
    /// Which.
    pub pod_ref: PodReference,
    /// When it was created; containers may have restarted since.
    #[serde(default, deserialize_with = "de::time", serialize_with = "ser::time")]
    pub start_time: Option<Timestamp>,
    /// Its containers; none while it starts.
    #[serde(default, deserialize_with = "de::or_default")]
    pub containers: Vec<ContainerStats>,
    /// Processor use of the whole pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuStats>,
    /// Memory use of the whole pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryStats>,
    /// Pressure on disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io: Option<IoStats>,
    /// The interfaces of its network namespace; absent if it uses the node's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkStats>,
    /// Its volumes.
    #[serde(default, deserialize_with = "de::or_default", skip_serializing_if = "Vec::is_empty")]
    pub volume: Vec<VolumeStats>,
    /// Local disk space that goes with the pod: writable layers, logs, volumes such as `emptyDir`.
    #[serde(rename = "ephemeral-storage", skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<FsStats>,
    /// Processes.
    #[serde(rename = "process_stats", skip_serializing_if = "Option::is_none")]
    pub process_stats: Option<ProcessStats>,
    /// Swap of the whole pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<SwapStats>,
}

/// Which pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PodReference {
    /// Its name, unique in its namespace.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its identity: a pod created anew under the same name has another.
    #[serde(default, deserialize_with = "de::or_default")]
    pub uid: String,
}

/// A container, or a daemon of the node.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ContainerStats {
    /// Its name, unique in its pod.
    pub name: String,
    /// When it started.
    #[serde(default, deserialize_with = "de::time", serialize_with = "ser::time")]
    pub start_time: Option<Timestamp>,
    /// Processor use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuStats>,
    /// Memory use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryStats>,
    /// Pressure on disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io: Option<IoStats>,
    /// Accelerators attached; no longer filled by kubelets since 1.25.
    #[serde(default, deserialize_with = "de::or_default", skip_serializing_if = "Vec::is_empty")]
    pub accelerators: Vec<Accelerator>,
    /// Its writable layer; capacity and available are those of the file system below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rootfs: Option<FsStats>,
    /// Its logs; capacity and available are those of the file system below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs: Option<FsStats>,
    /// What it published about itself; an API of kubelets before 1.10 or so.
    #[serde(default, deserialize_with = "de::or_default", skip_serializing_if = "Vec::is_empty")]
    pub user_defined_metrics: Vec<UserDefinedMetric>,
    /// Swap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<SwapStats>,
}

/// Processor use.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CpuStats {
    /// When it was measured.
    #[serde(default, deserialize_with = "de::time", serialize_with = "ser::time")]
    pub time: Option<Timestamp>,
    /// Present use in billionths of a core, averaged over some seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_nano_cores: Option<u64>,
    /// Core time used since the start, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_core_nano_seconds: Option<u64>,
    /// Time spent waiting for a processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Psi>,
}

/// Memory use.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct MemoryStats {
    /// When it was measured.
    #[serde(default, deserialize_with = "de::time", serialize_with = "ser::time")]
    pub time: Option<Timestamp>,
    /// Limit less working set, in bytes; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_bytes: Option<u64>,
    /// All memory in use, page cache included, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_bytes: Option<u64>,
    /// Memory in use less the page cache not touched lately, in bytes: what the kubelet evicts by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub working_set_bytes: Option<u64>,
    /// Anonymous memory, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss_bytes: Option<u64>,
    /// Page faults since the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_faults: Option<u64>,
    /// Page faults since the start that had to read from a disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub major_page_faults: Option<u64>,
    /// Time spent waiting for memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Psi>,
}

/// Disk use; so far its pressure alone.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct IoStats {
    /// When it was measured.
    #[serde(default, deserialize_with = "de::time", serialize_with = "ser::time")]
    pub time: Option<Timestamp>,
    /// Time spent waiting for disks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psi: Option<Psi>,
}

/// Pressure stall information of one resource.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Psi {
    /// All tasks waited at once.
    #[serde(default, deserialize_with = "de::or_default")]
    pub full: PsiData,
    /// At least one task waited.
    #[serde(default, deserialize_with = "de::or_default")]
    pub some: PsiData,
}

/// One line of pressure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PsiData {
    /// Time waited since the start, in microseconds as the kernel counts it.
    #[serde(default, deserialize_with = "de::or_default")]
    pub total: u64,
    /// Percent of the last 10 seconds.
    #[serde(default, deserialize_with = "de::or_default", serialize_with = "ser::float")]
    pub avg10: f64,
    /// Percent of the last 60 seconds.
    #[serde(default, deserialize_with = "de::or_default", serialize_with = "ser::float")]
    pub avg60: f64,
    /// Percent of the last 300 seconds.
    #[serde(default, deserialize_with = "de::or_default", serialize_with = "ser::float")]
    pub avg300: f64,
}

/// Swap use.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SwapStats {
    /// When it was measured.
    #[serde(default, deserialize_with = "de::time", serialize_with = "ser::time")]
    pub time: Option<Timestamp>,
    /// Bytes still available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap_available_bytes: Option<u64>,
    /// Bytes used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap_usage_bytes: Option<u64>,
}

/// Network use: the default interface, and all of them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct NetworkStats {
    /// When it was measured.
    #[serde(default, deserialize_with = "de::time", serialize_with = "ser::time")]
    pub time: Option<Timestamp>,
    /// The interface `eth0`; nameless and without counters where there is none. Old kubelets give no name.
    #[serde(flatten)]
    pub default_interface: InterfaceStats,
    /// All interfaces.
    #[serde(default, deserialize_with = "de::or_default", skip_serializing_if = "Vec::is_empty")]
    pub interfaces: Vec<InterfaceStats>,
}

/// One interface; counters since it came up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InterfaceStats {
    /// Its name.
    #[serde(default, deserialize_with = "de::or_default")]
    pub name: String,
    /// Bytes received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rx_bytes: Option<u64>,
    /// Errors while receiving.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rx_errors: Option<u64>,
    /// Bytes sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_bytes: Option<u64>,
    /// Errors while sending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tx_errors: Option<u64>,
}

/// Use of a file system or of a part of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct FsStats {
    /// When it was measured.
    #[serde(default, deserialize_with = "de::time", serialize_with = "ser::time")]
    pub time: Option<Timestamp>,
    /// Bytes free, of the whole file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_bytes: Option<u64>,
    /// Bytes in all, of the whole file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_bytes: Option<u64>,
    /// Bytes used by what is described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_bytes: Option<u64>,
    /// Inodes free, of the whole file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inodes_free: Option<u64>,
    /// Inodes in all, of the whole file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inodes: Option<u64>,
    /// Inodes used by what is described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inodes_used: Option<u64>,
}

/// A volume of a pod, measured about once a minute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct VolumeStats {
    /// Its use.
    #[serde(flatten)]
    pub fs: FsStats,
    /// Its name in the pod.
    #[serde(default, deserialize_with = "de::or_default")]
    pub name: String,
    /// The claim behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pvc_ref: Option<PvcReference>,
}

/// A persistent volume claim.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct PvcReference {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

/// The container runtime's file systems.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RuntimeStats {
    /// Where images are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_fs: Option<FsStats>,
    /// Where containers are stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_fs: Option<FsStats>,
}

/// Process ids of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct RlimitStats {
    /// When it was measured.
    #[serde(default, deserialize_with = "de::time", serialize_with = "ser::time")]
    pub time: Option<Timestamp>,
    /// The highest there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maxpid: Option<i64>,
    /// Processes there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curproc: Option<i64>,
}

/// Processes of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ProcessStats {
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_count: Option<u64>,
}

/// An accelerator attached to a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Accelerator {
    /// Its maker.
    #[serde(default, deserialize_with = "de::or_default")]
    pub make: String,
    /// Its model.
    #[serde(default, deserialize_with = "de::or_default")]
    pub model: String,
    /// Its identity.
    #[serde(default, deserialize_with = "de::or_default")]
    pub id: String,
    /// Bytes of memory it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_total: Option<u64>,
    /// Bytes of its memory in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_used: Option<u64>,
    /// Percent of the sampling period in which it worked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duty_cycle: Option<u64>,
}

/// What a container published about itself.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct UserDefinedMetric {
    /// Its name.
    pub name: String,
    /// `gauge`, `cumulative` or `delta`.
    #[serde(rename = "type", default, deserialize_with = "de::or_default")]
    pub kind: String,
    /// Its unit, as text.
    #[serde(default, deserialize_with = "de::or_default")]
    pub units: String,
    /// Its labels.
    #[serde(
        default,
        deserialize_with = "de::or_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: BTreeMap<String, String>,
    /// When it was measured.
    #[serde(default, deserialize_with = "de::time", serialize_with = "ser::time")]
    pub time: Option<Timestamp>,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// Why a text is no summary.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SummaryError {
    /// The document has more bytes than [`Summary::MAX_LEN`].
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// The document is no JSON, or not that of a summary.
    Json {
        /// Line, from 1.
        line: usize,
        /// Column, from 1; 0 before the first character of a line.
        column: usize,
        /// What was expected and found.
        problem: String,
        /// How the document begins: kubelets and proxies answer errors in plain text.
        begins: String,
    },
    /// The node has no name.
    NoNodeName,
}

impl SummaryError {
    fn json(error: &serde_json::Error, document: &[u8]) -> Self {
        // serde_json appends the position, which is told apart here.
        let text = error.to_string();
        let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem);
        let begins = document[..document.len().min(60)].trim_ascii();
        SummaryError::Json {
            line: error.line(),
            column: error.column(),
            problem: problem.to_owned(),
            begins: String::from_utf8_lossy(begins).into_owned(),
        }
    }
}

impl fmt::Display for SummaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SummaryError::TooLong { len } => {
                write!(f, "expected at most {} bytes, found {len}", Summary::MAX_LEN)
            }
            SummaryError::Json { line, column, problem, begins } => write!(
                f,
                "line {line}, column {column}: {problem}; no kubelet summary, it begins {begins:?}"
            ),
            SummaryError::NoNodeName => {
                f.write_str("node.nodeName: expected a name, found an empty text")
            }
        }
    }
}

impl std::error::Error for SummaryError {}
