//! Containers are summed into pods, pods into namespaces and nodes, namespaces into the cluster.

use std::collections::BTreeMap;

use super::metric as m;
use super::{MetricBatch, MetricKey, MetricSet, label};

/// What namespaces and the cluster sum.
const USAGE_AND_SPEC: [&str; 6] = [
    m::CPU_LIMIT,
    m::CPU_REQUEST,
    m::CPU_USAGE_RATE,
    m::MEMORY_LIMIT,
    m::MEMORY_REQUEST,
    m::MEMORY_USAGE,
];

/// What nodes sum; their use they know themselves.
const SPEC: [&str; 6] = [
    m::CPU_LIMIT,
    m::CPU_REQUEST,
    m::EPHEMERAL_STORAGE_LIMIT,
    m::EPHEMERAL_STORAGE_REQUEST,
    m::MEMORY_LIMIT,
    m::MEMORY_REQUEST,
];

/// Gives each pod the sum of its containers in every metric that is no running total and that the pod lacks.
///
/// The kubelet's own figure of a pod thus wins over the sum. A pod that is missing is created, with its containers'
/// namespace, pod, node and identity. Metrics that come in several (file systems) are not summed.
#[derive(Debug, Default, Clone, Copy)]
pub struct PodAggregator;

impl PodAggregator {
    /// Adds to the pods of `batch`.
    pub fn process(self, batch: &mut MetricBatch) {
        let mut sums: BTreeMap<MetricKey, MetricSet> = BTreeMap::new();
        for (key, container) in &batch.sets {
            let MetricKey::PodContainer { namespace, pod, .. } = key else { continue };
            let sum =
                sums.entry(MetricKey::pod(namespace, pod)).or_insert_with(|| pod_of(container));
            for (name, value) in &container.values {
                if !m::is_cumulative(name) {
                    sum.add(name.clone(), *value);
                }
            }
        }
        for (key, sum) in sums {
            let pod = batch.sets.entry(key).or_insert_with_key(|key| MetricSet {
                labels: sum.labels.into_iter().chain(key.empty_set().labels).collect(),
                ..MetricSet::default()
            });
            for (name, value) in sum.values {
                pod.values.entry(name).or_insert(value);
            }
        }
    }
}

/// A set with what a container's labels say about its pod beyond its name.
fn pod_of(container: &MetricSet) -> MetricSet {
    let mut pod = MetricSet::default();
    for key in
        [label::NODENAME, label::HOSTNAME, label::HOST_ID, label::NAMESPACE_ID, label::POD_ID]
    {
        if let Some(value) = container.labels.get(key) {
            pod.label(key, value);
        }
    }
    pod
}

/// Gives each namespace the sums of its pods: use, requests and limits of processor and memory.
#[derive(Debug, Default, Clone, Copy)]
pub struct NamespaceAggregator;

impl NamespaceAggregator {
    /// Adds the namespaces to `batch`.
    pub fn process(self, batch: &mut MetricBatch) {
        sum_up(batch, &USAGE_AND_SPEC, |key, _| match key {
            MetricKey::Pod { namespace, .. } => Some(MetricKey::namespace(namespace)),
            _ => None,
        });
    }
}

/// Gives each node the sums of its pods' requests and limits.
#[derive(Debug, Default, Clone, Copy)]
pub struct NodeAggregator;

impl NodeAggregator {
    /// Adds to the nodes of `batch`; nodes that it lacks are not created.
    pub fn process(self, batch: &mut MetricBatch) {
        let nodes: std::collections::BTreeSet<String> = batch
            .sets
            .keys()
            .filter_map(|key| match key {
                MetricKey::Node { node } => Some(node.clone()),
                _ => None,
            })
            .collect();
        sum_up(batch, &SPEC, |key, pod| match key {
            MetricKey::Pod { .. } => {
                let node = pod.labels.get(label::NODENAME)?;
                nodes.contains(node).then(|| MetricKey::node(node))
            }
            _ => None,
        });
    }
}

/// Gives the cluster the sums of its namespaces. What runs outside of pods is thus not in them.
#[derive(Debug, Default, Clone, Copy)]
pub struct ClusterAggregator;

impl ClusterAggregator {
    /// Adds the cluster to `batch`, if it has a namespace.
    pub fn process(self, batch: &mut MetricBatch) {
        sum_up(batch, &USAGE_AND_SPEC, |key, _| {
            matches!(key, MetricKey::Namespace { .. }).then_some(MetricKey::Cluster)
        });
    }
}

/// Adds metrics `names` of each set to the set that `parent` names for it.
fn sum_up(
    batch: &mut MetricBatch,
    names: &[&'static str],
    parent: impl Fn(&MetricKey, &MetricSet) -> Option<MetricKey>,
) {
    let mut sums: BTreeMap<MetricKey, MetricSet> = BTreeMap::new();
    for (key, set) in &batch.sets {
        let Some(parent) = parent(key, set) else { continue };
        let sum = sums.entry(parent).or_default();
        for name in names {
            if let Some((name, value)) = set.values.get_key_value(*name) {
                sum.add(name.clone(), *value);
            }
        }
    }
    for (key, sum) in sums {
        let parent = batch.entry(key);
        sum.values.iter().for_each(|(name, value)| parent.add(name.clone(), *value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heapster::MetricValue;

    fn batch(sets: &[(MetricKey, &[(&'static str, i64)])]) -> MetricBatch {
        let mut batch = MetricBatch::default();
        for (key, values) in sets {
            let set = batch.entry(key.clone());
            values.iter().for_each(|(name, value)| set.integer(*name, *value));
            if matches!(key, MetricKey::Pod { .. } | MetricKey::PodContainer { .. }) {
                set.label(label::NODENAME, "n1");
            }
        }
        batch
    }

    fn values(batch: &MetricBatch, key: &MetricKey) -> Vec<(String, i64)> {
        let set = &batch.sets[key];
        set.values.keys().map(|name| (name.to_string(), set.get_integer(name).unwrap())).collect()
    }

    fn want(values: &[(&str, i64)]) -> Vec<(String, i64)> {
        values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn a_pod_gets_the_sum_of_what_it_lacks() {
        let pod = MetricKey::pod("a", "p");
        let mut batch = batch(&[
            (pod.clone(), &[(m::MEMORY_USAGE, 1000), (m::UPTIME, 5)]),
            (
                MetricKey::pod_container("a", "p", "x"),
                &[
                    (m::CPU_USAGE, 7),
                    (m::CPU_USAGE_RATE, 30),
                    (m::MEMORY_USAGE, 400),
                    (m::MEMORY_RSS, 10),
                    (m::UPTIME, 9),
                    (m::RESTART_COUNT, 2),
                ],
            ),
            (
                MetricKey::pod_container("a", "p", "y"),
                &[(m::CPU_USAGE_RATE, 12), (m::MEMORY_USAGE, 500)],
            ),
            (MetricKey::pod_container("b", "p", "x"), &[(m::CPU_USAGE_RATE, 1)]),
        ]);
        PodAggregator.process(&mut batch);
        // Its own memory/usage stays; running totals are not summed.
        let sums =
            [(m::CPU_USAGE_RATE, 42), (m::MEMORY_RSS, 10), (m::MEMORY_USAGE, 1000), (m::UPTIME, 5)];
        assert_eq!(values(&batch, &pod), want(&sums));
        assert_eq!(batch.sets[&pod].labels[label::POD_NAME], "p");
    }

    #[test]
    fn a_missing_pod_is_created_on_its_containers_node() {
        let mut batch = batch(&[(MetricKey::pod_container("a", "p", "x"), &[(m::MEMORY_RSS, 3)])]);
        PodAggregator.process(&mut batch);
        let pod = &batch.sets[&MetricKey::pod("a", "p")];
        let labels: Vec<_> = pod.labels.iter().map(|(k, v)| (&**k, v.as_str())).collect();
        assert_eq!(
            labels,
            [("namespace_name", "a"), ("nodename", "n1"), ("pod_name", "p"), ("type", "pod")]
        );
        assert_eq!(pod.get_integer(m::MEMORY_RSS), Some(3));
    }

    #[test]
    fn custom_metrics_are_summed_and_types_not_mixed() {
        let mut batch = batch(&[
            (MetricKey::pod_container("a", "p", "x"), &[]),
            (MetricKey::pod_container("a", "p", "y"), &[]),
        ]);
        batch.entry(MetricKey::pod_container("a", "p", "x")).float("custom/q", 1.5);
        batch.entry(MetricKey::pod_container("a", "p", "y")).float("custom/q", 2.0);
        batch.entry(MetricKey::pod_container("a", "p", "x")).float("custom/r", 1.0);
        batch.entry(MetricKey::pod_container("a", "p", "y")).integer("custom/r", 1);
        PodAggregator.process(&mut batch);
        let pod = &batch.sets[&MetricKey::pod("a", "p")];
        assert_eq!(pod.values["custom/q"], MetricValue::Float(3.5));
        assert_eq!(pod.values["custom/r"], MetricValue::Float(1.0));
    }

    #[test]
    fn namespaces_sum_pods_and_the_cluster_sums_namespaces() {
        let mut batch = batch(&[
            (MetricKey::node("n1"), &[(m::CPU_USAGE_RATE, 900), (m::MEMORY_USAGE, 9000)]),
            (MetricKey::pod("a", "p"), &[(m::CPU_USAGE_RATE, 10), (m::MEMORY_USAGE, 100)]),
            (MetricKey::pod("a", "q"), &[(m::MEMORY_USAGE, 50), (m::MEMORY_WORKING_SET, 40)]),
            (MetricKey::pod("b", "p"), &[(m::CPU_USAGE_RATE, 5), (m::CPU_LIMIT, 200)]),
            (MetricKey::pod_container("a", "p", "x"), &[(m::CPU_USAGE_RATE, 10)]),
        ]);
        NamespaceAggregator.process(&mut batch);
        ClusterAggregator.process(&mut batch);
        let cases: [(MetricKey, &[(&str, i64)]); 3] = [
            (MetricKey::namespace("a"), &[(m::CPU_USAGE_RATE, 10), (m::MEMORY_USAGE, 150)]),
            (MetricKey::namespace("b"), &[(m::CPU_LIMIT, 200), (m::CPU_USAGE_RATE, 5)]),
            (
                MetricKey::Cluster,
                &[(m::CPU_LIMIT, 200), (m::CPU_USAGE_RATE, 15), (m::MEMORY_USAGE, 150)],
            ),
        ];
        for (key, sums) in cases {
            assert_eq!(values(&batch, &key), want(sums), "{key}");
        }
        assert_eq!(batch.sets[&MetricKey::namespace("a")].labels[label::NAMESPACE_NAME], "a");
    }

    #[test]
    fn nodes_sum_requests_and_limits_only() {
        let mut batch = batch(&[
            (MetricKey::node("n1"), &[(m::CPU_USAGE_RATE, 900)]),
            (MetricKey::pod("a", "p"), &[(m::CPU_USAGE_RATE, 10), (m::CPU_REQUEST, 100)]),
            (MetricKey::pod("b", "q"), &[(m::CPU_REQUEST, 50), (m::MEMORY_LIMIT, 7)]),
            (MetricKey::pod("b", "elsewhere"), &[(m::CPU_REQUEST, 1)]),
        ]);
        batch.entry(MetricKey::pod("b", "elsewhere")).label(label::NODENAME, "n2");
        NodeAggregator.process(&mut batch);
        let sums = [(m::CPU_REQUEST, 150), (m::CPU_USAGE_RATE, 900), (m::MEMORY_LIMIT, 7)];
        assert_eq!(values(&batch, &MetricKey::node("n1")), want(&sums));
        assert!(!batch.sets.contains_key(&MetricKey::node("n2")));
    }
}
