//! A summary becomes metric sets.

use std::borrow::Cow;

use stripchart_core::Timestamp;

use super::metric as m;
use super::{LabeledMetric, MetricBatch, MetricKey, MetricSet, MetricValue, label};
use crate::kubelet::{
    Accelerator, ContainerStats, CpuStats, FsStats, MemoryStats, NetworkStats, NodeStats, PodStats,
    Summary, UserDefinedMetric,
};

/// The `resource_id` of a container's writable layer and of a node's file system.
const ROOT_FS: &str = "/";
/// The `resource_id` of a container's logs.
const LOGS_FS: &str = "logs";
/// What the `resource_id` of a volume begins with.
const VOLUME_PREFIX: &str = "Volume:";

/// Adds what `summary` says to `batch`; `now`, by the caller's clock, ends the uptimes.
///
/// Values that exceed a signed 64-bit integer are left out.
pub fn decode(summary: &Summary, now: Timestamp, batch: &mut MetricBatch) {
    let node = &summary.node;
    batch.insert_newest(MetricKey::node(&node.node_name), node_set(node, now));
    for container in &node.system_containers {
        let key = MetricKey::system_container(&node.node_name, system_name(&container.name));
        let set = container_set(&key, &node.node_name, container, now);
        batch.insert_newest(key, set);
    }
    for pod in &summary.pods {
        let reference = &pod.pod_ref;
        let pod_key = MetricKey::pod(&reference.namespace, &reference.name);
        batch.insert_newest(pod_key.clone(), pod_set(&pod_key, &node.node_name, pod, now));
        for container in &pod.containers {
            let key =
                MetricKey::pod_container(&reference.namespace, &reference.name, &container.name);
            let mut set = container_set(&key, &node.node_name, container, now);
            set.label(label::POD_ID, &reference.uid);
            batch.insert_newest(key, set);
        }
    }
}

/// Heapster's name for a daemon: two of them are called otherwise in the Summary API.
fn system_name(name: &str) -> &str {
    match name {
        "runtime" => "docker-daemon",
        "misc" => "system",
        other => other,
    }
}

fn node_set(node: &NodeStats, now: Timestamp) -> MetricSet {
    let mut set = MetricKey::node(&node.node_name).empty_set();
    set.start_time = node.start_time;
    set.scrape_time = scrape_time(node.cpu.as_ref(), node.memory.as_ref())
        .or(network_time(node.network.as_ref()));
    uptime(&mut set, now);
    cpu(&mut set, node.cpu.as_ref());
    memory(&mut set, node.memory.as_ref());
    network(&mut set, node.network.as_ref());
    if let Some(fs) = &node.fs {
        file_system(&mut set, ROOT_FS, fs);
        count(&mut set, m::EPHEMERAL_STORAGE_USAGE, fs.used_bytes);
    }
    set
}

fn pod_set(key: &MetricKey, node: &str, pod: &PodStats, now: Timestamp) -> MetricSet {
    let mut set = key.empty_set();
    set.label(label::NODENAME, node);
    set.label(label::POD_ID, &pod.pod_ref.uid);
    set.start_time = pod.start_time;
    // Heapster takes the network's time alone. A pod without a network of its own thereby has no rates of its own; its
    // processor rate is then the sum of its containers'.
    set.scrape_time = network_time(pod.network.as_ref());
    uptime(&mut set, now);
    cpu(&mut set, pod.cpu.as_ref());
    memory(&mut set, pod.memory.as_ref());
    network(&mut set, pod.network.as_ref());
    if let Some(fs) = &pod.ephemeral_storage {
        count(&mut set, m::EPHEMERAL_STORAGE_USAGE, fs.used_bytes);
    }
    for volume in &pod.volume {
        file_system(&mut set, &format!("{VOLUME_PREFIX}{}", volume.name), &volume.fs);
    }
    set
}

fn container_set(
    key: &MetricKey,
    node: &str,
    container: &ContainerStats,
    now: Timestamp,
) -> MetricSet {
    let mut set = key.empty_set();
    set.label(label::NODENAME, node);
    set.start_time = container.start_time;
    set.scrape_time = scrape_time(container.cpu.as_ref(), container.memory.as_ref());
    uptime(&mut set, now);
    cpu(&mut set, container.cpu.as_ref());
    memory(&mut set, container.memory.as_ref());
    container.accelerators.iter().for_each(|accelerator| accelerate(&mut set, accelerator));
    if let Some(fs) = &container.rootfs {
        file_system(&mut set, ROOT_FS, fs);
    }
    if let Some(fs) = &container.logs {
        file_system(&mut set, LOGS_FS, fs);
    }
    let used = |fs: &Option<FsStats>| fs.as_ref().and_then(|fs| fs.used_bytes);
    if let (Some(root), Some(logs)) = (used(&container.rootfs), used(&container.logs)) {
        count(&mut set, m::EPHEMERAL_STORAGE_USAGE, root.checked_add(logs));
    }
    container.user_defined_metrics.iter().for_each(|metric| custom(&mut set, metric));
    set
}

fn scrape_time(cpu: Option<&CpuStats>, memory: Option<&MemoryStats>) -> Option<Timestamp> {
    cpu.and_then(|cpu| cpu.time).or(memory.and_then(|memory| memory.time))
}

fn network_time(network: Option<&NetworkStats>) -> Option<Timestamp> {
    network.and_then(|network| network.time)
}

fn uptime(set: &mut MetricSet, now: Timestamp) {
    if let Some(start) = set.start_time {
        // What started a moment ahead of our clock has been up for no time.
        set.integer(m::UPTIME, now.since(start).max(0) / 1_000_000);
    }
}

fn cpu(set: &mut MetricSet, cpu: Option<&CpuStats>) {
    count(set, m::CPU_USAGE, cpu.and_then(|cpu| cpu.usage_core_nano_seconds));
}

fn memory(set: &mut MetricSet, memory: Option<&MemoryStats>) {
    let Some(memory) = memory else { return };
    count(set, m::MEMORY_USAGE, memory.usage_bytes);
    count(set, m::MEMORY_WORKING_SET, memory.working_set_bytes);
    count(set, m::MEMORY_RSS, memory.rss_bytes);
    count(set, m::MEMORY_PAGE_FAULTS, memory.page_faults);
    count(set, m::MEMORY_MAJOR_PAGE_FAULTS, memory.major_page_faults);
}

fn network(set: &mut MetricSet, network: Option<&NetworkStats>) {
    let Some(NetworkStats { default_interface: interface, .. }) = network else { return };
    count(set, m::NETWORK_RX, interface.rx_bytes);
    count(set, m::NETWORK_RX_ERRORS, interface.rx_errors);
    count(set, m::NETWORK_TX, interface.tx_bytes);
    count(set, m::NETWORK_TX_ERRORS, interface.tx_errors);
}

fn file_system(set: &mut MetricSet, resource_id: &str, fs: &FsStats) {
    let labels = [(label::RESOURCE_ID, resource_id)];
    labeled(set, m::FILESYSTEM_USAGE, &labels, fs.used_bytes);
    labeled(set, m::FILESYSTEM_LIMIT, &labels, fs.capacity_bytes);
    labeled(set, m::FILESYSTEM_AVAILABLE, &labels, fs.available_bytes);
    labeled(set, m::FILESYSTEM_INODES, &labels, fs.inodes);
    labeled(set, m::FILESYSTEM_INODES_FREE, &labels, fs.inodes_free);
}

fn accelerate(set: &mut MetricSet, accelerator: &Accelerator) {
    let labels = [
        (label::MAKE, accelerator.make.as_str()),
        (label::MODEL, &accelerator.model),
        (label::ACCELERATOR_ID, &accelerator.id),
    ];
    labeled(set, m::ACCELERATOR_MEMORY_TOTAL, &labels, accelerator.memory_total);
    labeled(set, m::ACCELERATOR_MEMORY_USED, &labels, accelerator.memory_used);
    labeled(set, m::ACCELERATOR_DUTY_CYCLE, &labels, accelerator.duty_cycle);
}

fn custom(set: &mut MetricSet, metric: &UserDefinedMetric) {
    if let Some(value) = metric.value.filter(|_| !metric.name.is_empty()) {
        set.float(format!("{}{}", m::CUSTOM_PREFIX, metric.name), value);
    }
}

fn count(set: &mut MetricSet, name: &'static str, value: Option<u64>) {
    if let Some(value) = value.and_then(|value| i64::try_from(value).ok()) {
        set.integer(name, value);
    }
}

fn labeled(
    set: &mut MetricSet,
    name: &'static str,
    labels: &[(&'static str, &str)],
    value: Option<u64>,
) {
    if let Some(value) = value.and_then(|value| i64::try_from(value).ok()) {
        set.labeled.push(LabeledMetric {
            name: Cow::Borrowed(name),
            labels: labels.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
            value: MetricValue::Integer(value),
        });
    }
}
