//! What is known of a cluster at one instant: a set of metrics per object.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use stripchart_core::Timestamp;

/// Keys of [labels](MetricSet::labels).
pub mod label {
    /// What sort of object: `cluster`, `ns`, `node`, `sys_container`, `pod` or `pod_container`.
    pub const TYPE: &str = "type";
    /// The node.
    pub const NODENAME: &str = "nodename";
    /// The namespace.
    pub const NAMESPACE_NAME: &str = "namespace_name";
    /// The identity of the namespace; not stored.
    pub const NAMESPACE_ID: &str = "namespace_id";
    /// The pod.
    pub const POD_NAME: &str = "pod_name";
    /// The identity of the pod; not stored.
    pub const POD_ID: &str = "pod_id";
    /// The container.
    pub const CONTAINER_NAME: &str = "container_name";
    /// The name of the node's host; not stored.
    pub const HOSTNAME: &str = "hostname";
    /// The identity of the node's host; not stored.
    pub const HOST_ID: &str = "host_id";
    /// Which file system: `/`, `logs` or `Volume:NAME`.
    pub const RESOURCE_ID: &str = "resource_id";
    /// The maker of an accelerator.
    pub const MAKE: &str = "make";
    /// The model of an accelerator.
    pub const MODEL: &str = "model";
    /// The identity of an accelerator.
    pub const ACCELERATOR_ID: &str = "accelerator_id";
    /// The cluster.
    pub const CLUSTER_NAME: &str = "cluster_name";
}

/// An object of the cluster. Displays as Heapster writes its keys.
///
/// ```
/// use stripchart_collector::heapster::MetricKey;
/// let key = MetricKey::pod_container("shop", "web-0", "app");
/// assert_eq!(key.to_string(), "namespace:shop/pod:web-0/container:app");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MetricKey {
    /// The cluster.
    Cluster,
    /// A namespace.
    Namespace {
        /// Its name.
        namespace: String,
    },
    /// A node.
    Node {
        /// Its name.
        node: String,
    },
    /// A daemon of a node, or all its pods together.
    SystemContainer {
        /// The node.
        node: String,
        /// The daemon.
        container: String,
    },
    /// A pod.
    Pod {
        /// Its namespace.
        namespace: String,
        /// Its name.
        pod: String,
    },
    /// A container of a pod.
    PodContainer {
        /// The pod's namespace.
        namespace: String,
        /// The pod.
        pod: String,
        /// The container.
        container: String,
    },
}

impl MetricKey {
    /// The key of a namespace.
    pub fn namespace(namespace: impl Into<String>) -> Self {
        MetricKey::Namespace { namespace: namespace.into() }
    }

    /// The key of a node.
    pub fn node(node: impl Into<String>) -> Self {
        MetricKey::Node { node: node.into() }
    }

    /// The key of a daemon on a node.
    pub fn system_container(node: impl Into<String>, container: impl Into<String>) -> Self {
        MetricKey::SystemContainer { node: node.into(), container: container.into() }
    }

    /// The key of a pod.
    pub fn pod(namespace: impl Into<String>, pod: impl Into<String>) -> Self {
        MetricKey::Pod { namespace: namespace.into(), pod: pod.into() }
    }

    /// The key of a container in a pod.
    pub fn pod_container(
        namespace: impl Into<String>,
        pod: impl Into<String>,
        container: impl Into<String>,
    ) -> Self {
        MetricKey::PodContainer {
            namespace: namespace.into(),
            pod: pod.into(),
            container: container.into(),
        }
    }

    /// The value of the label `type`.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            MetricKey::Cluster => "cluster",
            MetricKey::Namespace { .. } => "ns",
            MetricKey::Node { .. } => "node",
            MetricKey::SystemContainer { .. } => "sys_container",
            MetricKey::Pod { .. } => "pod",
            MetricKey::PodContainer { .. } => "pod_container",
        }
    }

    /// A set for this object, empty but for the labels that the key implies.
    #[must_use]
    pub fn empty_set(&self) -> MetricSet {
        let mut set = MetricSet::default();
        set.label(label::TYPE, self.type_name());
        match self {
            MetricKey::Cluster => {}
            MetricKey::Namespace { namespace } => set.label(label::NAMESPACE_NAME, namespace),
            MetricKey::Node { node } => set.label(label::NODENAME, node),
            MetricKey::SystemContainer { node, container } => {
                set.label(label::NODENAME, node);
                set.label(label::CONTAINER_NAME, container);
            }
            MetricKey::Pod { namespace, pod } => {
                set.label(label::NAMESPACE_NAME, namespace);
                set.label(label::POD_NAME, pod);
            }
            MetricKey::PodContainer { namespace, pod, container } => {
                set.label(label::NAMESPACE_NAME, namespace);
                set.label(label::POD_NAME, pod);
                set.label(label::CONTAINER_NAME, container);
            }
        }
        set
    }
}

impl fmt::Display for MetricKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetricKey::Cluster => f.write_str("cluster"),
            MetricKey::Namespace { namespace } => write!(f, "namespace:{namespace}"),
            MetricKey::Node { node } => write!(f, "node:{node}"),
            MetricKey::SystemContainer { node, container } => {
                write!(f, "node:{node}/container:{container}")
            }
            MetricKey::Pod { namespace, pod } => write!(f, "namespace:{namespace}/pod:{pod}"),
            MetricKey::PodContainer { namespace, pod, container } => {
                write!(f, "namespace:{namespace}/pod:{pod}/container:{container}")
            }
        }
    }
}

/// A number; its type is fixed for each metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricValue {
    /// Integer metrics.
    Integer(i64),
    /// Float metrics.
    Float(f64),
}

impl MetricValue {
    /// The sum of both, staying within 64 bits; `None` if they are of different types.
    #[must_use]
    pub fn sum(self, other: MetricValue) -> Option<MetricValue> {
        match (self, other) {
            (MetricValue::Integer(a), MetricValue::Integer(b)) => {
                Some(MetricValue::Integer(a.saturating_add(b)))
            }
            (MetricValue::Float(a), MetricValue::Float(b)) => Some(MetricValue::Float(a + b)),
            _ => None,
        }
    }
}

/// A metric that an object has several of, told apart by labels.
#[derive(Debug, Clone, PartialEq)]
pub struct LabeledMetric {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What tells it from the others.
    pub labels: Vec<(&'static str, String)>,
    /// Its value.
    pub value: MetricValue,
}

/// What is known of one object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricSet {
    /// When its counters began.
    pub start_time: Option<Timestamp>,
    /// When it was measured, by the kubelet's clock.
    pub scrape_time: Option<Timestamp>,
    /// Its metrics.
    pub values: BTreeMap<Cow<'static, str>, MetricValue>,
    /// What it is; see [`label`].
    pub labels: BTreeMap<Cow<'static, str>, String>,
    /// Its metrics that come in several.
    pub labeled: Vec<LabeledMetric>,
}

impl MetricSet {
    /// Sets a label.
    pub fn label(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        self.labels.insert(key.into(), value.into());
    }

    /// Sets an integer metric.
    pub fn integer(&mut self, name: impl Into<Cow<'static, str>>, value: i64) {
        self.values.insert(name.into(), MetricValue::Integer(value));
    }

    /// Sets a float metric.
    pub fn float(&mut self, name: impl Into<Cow<'static, str>>, value: f64) {
        self.values.insert(name.into(), MetricValue::Float(value));
    }

    /// An integer metric, if it is there.
    #[must_use]
    pub fn get_integer(&self, name: &str) -> Option<i64> {
        match self.values.get(name) {
            Some(MetricValue::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// Adds `value` to a metric; sets it where it is absent, leaves it where its type is another.
    pub(super) fn add(&mut self, name: Cow<'static, str>, value: MetricValue) {
        match self.values.get_mut(&name) {
            Some(sum) => *sum = sum.sum(value).unwrap_or(*sum),
            None => {
                self.values.insert(name, value);
            }
        }
    }
}

/// What is known of a cluster in one round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetricBatch {
    /// The instant that the round stands for.
    pub timestamp: Timestamp,
    /// A set per object.
    pub sets: BTreeMap<MetricKey, MetricSet>,
}

impl MetricBatch {
    /// An empty batch.
    #[must_use]
    pub fn new(timestamp: Timestamp) -> Self {
        MetricBatch { timestamp, ..MetricBatch::default() }
    }

    /// Enters `set`, unless there is one for this object that started later.
    ///
    /// A kubelet may list the container that ran before under the same name, and two kubelets the pod that moved.
    pub fn insert_newest(&mut self, key: MetricKey, set: MetricSet) {
        match self.sets.entry(key) {
            Entry::Occupied(mut entry) => {
                if set.start_time >= entry.get().start_time {
                    entry.insert(set);
                }
            }
            Entry::Vacant(entry) => {
                entry.insert(set);
            }
        }
    }

    /// The set of an object, created with the labels that the key implies where it is missing.
    pub fn entry(&mut self, key: MetricKey) -> &mut MetricSet {
        self.sets.entry(key).or_insert_with_key(MetricKey::empty_set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_print_as_heapster_writes_them() {
        let cases = [
            (MetricKey::Cluster, "cluster", "cluster"),
            (MetricKey::namespace("a"), "namespace:a", "ns"),
            (MetricKey::node("n"), "node:n", "node"),
            (
                MetricKey::system_container("n", "kubelet"),
                "node:n/container:kubelet",
                "sys_container",
            ),
            (MetricKey::pod("a", "p"), "namespace:a/pod:p", "pod"),
            (
                MetricKey::pod_container("a", "p", "c"),
                "namespace:a/pod:p/container:c",
                "pod_container",
            ),
        ];
        for (key, text, type_name) in cases {
            assert_eq!((key.to_string().as_str(), key.type_name()), (text, type_name));
            assert_eq!(key.empty_set().labels[label::TYPE], type_name);
        }
    }

    #[test]
    fn the_set_that_started_last_stays() {
        let started = |secs: Option<i64>, rss| {
            let mut set =
                MetricSet { start_time: secs.map(Timestamp::from_secs), ..MetricSet::default() };
            set.integer("memory/rss", rss);
            set
        };
        let mut batch = MetricBatch::default();
        let key = MetricKey::pod("a", "p");
        for (start, rss, want) in
            [(None, 1, 1), (Some(20), 2, 2), (Some(10), 3, 2), (Some(20), 4, 4)]
        {
            batch.insert_newest(key.clone(), started(start, rss));
            assert_eq!(batch.sets[&key].get_integer("memory/rss"), Some(want));
        }
    }

    #[test]
    fn sums_keep_their_type() {
        use MetricValue::{Float, Integer};
        assert_eq!(Integer(1).sum(Integer(2)), Some(Integer(3)));
        assert_eq!(Integer(i64::MAX).sum(Integer(1)), Some(Integer(i64::MAX)));
        assert_eq!(Float(0.5).sum(Float(1.0)), Some(Float(1.5)));
        assert_eq!(Float(0.5).sum(Integer(1)), None);
    }
}
