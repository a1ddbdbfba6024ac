//! A Kubernetes cluster, in Heapster's measurements.

use stripchart_core::Unit;

use super::super::{Dashboard, Panel, PanelQuery, Variable};
use super::values_of;

/// A statement over Heapster's measurement `from`, one series for each value of the tags `by`.
fn of_cluster(from: &str, kind: &str, and: &str, by: &str) -> PanelQuery {
    let and = if and.is_empty() { String::new() } else { format!("{and} AND ") };
    PanelQuery::new(format!(
        r#"SELECT mean("value") AS "value" FROM "{from}" WHERE "type" = '{kind}' AND {and}$timeFilter GROUP BY time($interval), {by} fill(none)"#
    ))
}

/// The whole of a Kubernetes cluster: four charts of totals, four with a line for each node.
///
/// Totals add up the nodes' means in each bucket. Heapster's own dashboards add up all samples that fall into one,
/// which doubles the total as soon as a bucket is two samples wide.
#[must_use]
pub fn cluster() -> Dashboard {
    let total =
        |from: &str, label: &str| of_cluster(from, "node", "", "\"nodename\"").label(label).sum();
    let each = |from: &str, label: &str| of_cluster(from, "node", "", "\"nodename\"").label(label);
    Dashboard::new("cluster", "Cluster")
        .panel(
            Panel::time_series("cpu", "Cluster CPU")
                .unit(Unit::Millicores)
                .query(total("cpu/usage_rate", "usage"))
                .query(total("cpu/request", "requested").dashed())
                .query(total("cpu/limit", "limit").dashed())
                .query(total("cpu/node_capacity", "capacity").dashed()),
        )
        .panel(
            Panel::time_series("memory", "Cluster memory")
                .unit(Unit::Bytes)
                .query(total("memory/usage", "usage"))
                .query(total("memory/working_set", "working set"))
                .query(total("memory/request", "requested").dashed())
                .query(total("memory/limit", "limit").dashed())
                .query(total("memory/node_capacity", "capacity").dashed()),
        )
        .panel(
            Panel::time_series("network", "Cluster network")
                .description("Received above the line, sent below it.")
                .unit(Unit::BytesPerSecond)
                .query(total("network/rx_rate", "received"))
                .query(total("network/tx_rate", "sent").mirrored()),
        )
        .panel(
            Panel::time_series("filesystem", "Cluster file systems")
                .unit(Unit::Bytes)
                .query(
                    of_cluster("filesystem/usage", "node", "", "\"nodename\", \"resource_id\"")
                        .label("usage")
                        .sum(),
                )
                .query(
                    of_cluster("filesystem/limit", "node", "", "\"nodename\", \"resource_id\"")
                        .label("size")
                        .sum()
                        .dashed(),
                ),
        )
        .panel(
            Panel::time_series("cpu-by-node", "CPU by node")
                .unit(Unit::Millicores)
                .query(each("cpu/usage_rate", "$tag_nodename")),
        )
        .panel(
            Panel::time_series("memory-by-node", "Memory by node")
                .description("Working set.")
                .unit(Unit::Bytes)
                .query(each("memory/working_set", "$tag_nodename")),
        )
        .panel(
            Panel::time_series("network-by-node", "Network by node")
                .description("Received above the line, sent below it.")
                .unit(Unit::BytesPerSecond)
                .query(each("network/rx_rate", "$tag_nodename rx"))
                .query(each("network/tx_rate", "$tag_nodename tx").mirrored()),
        )
        .panel(
            Panel::time_series("filesystem-by-node", "File systems by node")
                .unit(Unit::Bytes)
                .query(
                    of_cluster("filesystem/usage", "node", "", "\"nodename\", \"resource_id\"")
                        .label("$tag_nodename $tag_resource_id"),
                ),
        )
}

/// One node of a cluster and the pods on it: its variable is `nodename`.
#[must_use]
pub fn node() -> Dashboard {
    let of_node = |from: &str, label: &str| {
        of_cluster(from, "node", "\"nodename\" = '$nodename'", "\"nodename\"").label(label)
    };
    let pods = |from: &str, label: &str| {
        of_cluster(from, "pod", "\"nodename\" = '$nodename'", "\"namespace_name\", \"pod_name\"")
            .label(label)
    };
    Dashboard::new("node", "Node $nodename")
        .variable(Variable::new("nodename", "Node", values_of("nodename", "uptime", "")))
        .panel(
            Panel::time_series("cpu", "CPU of $nodename")
                .unit(Unit::Millicores)
                .query(of_node("cpu/usage_rate", "usage"))
                .query(of_node("cpu/request", "requested").dashed())
                .query(of_node("cpu/limit", "limit").dashed()),
        )
        .panel(
            Panel::time_series("memory", "Memory of $nodename")
                .unit(Unit::Bytes)
                .query(of_node("memory/usage", "usage"))
                .query(of_node("memory/working_set", "working set"))
                .query(of_node("memory/request", "requested").dashed())
                .query(of_node("memory/limit", "limit").dashed()),
        )
        .panel(
            Panel::time_series("network", "Network of $nodename")
                .description("Received above the line, sent below it.")
                .unit(Unit::BytesPerSecond)
                .query(of_node("network/rx_rate", "received"))
                .query(of_node("network/tx_rate", "sent").mirrored()),
        )
        .panel(
            Panel::time_series("filesystem", "File systems of $nodename")
                .unit(Unit::Bytes)
                .query(
                    of_cluster(
                        "filesystem/usage",
                        "node",
                        "\"nodename\" = '$nodename'",
                        "\"resource_id\"",
                    )
                    .label("$tag_resource_id used"),
                )
                .query(
                    of_cluster(
                        "filesystem/limit",
                        "node",
                        "\"nodename\" = '$nodename'",
                        "\"resource_id\"",
                    )
                    .label("$tag_resource_id size")
                    .dashed(),
                ),
        )
        .panel(
            Panel::time_series("pods-cpu", "CPU by pod on $nodename")
                .unit(Unit::Millicores)
                .max_series(8)
                .query(pods("cpu/usage_rate", "$tag_pod_name")),
        )
        .panel(
            Panel::time_series("pods-memory", "Memory by pod on $nodename")
                .description("Working set.")
                .unit(Unit::Bytes)
                .max_series(8)
                .query(pods("memory/working_set", "$tag_pod_name")),
        )
}

fn namespace_variable() -> Variable {
    Variable::new("namespace", "Namespace", values_of("namespace_name", "uptime", ""))
}

/// The pods of a namespace: its variable is `namespace`; given [`VariableValue::All`](crate::dashboard::VariableValue::All), of
/// all namespaces.
#[must_use]
pub fn namespace() -> Dashboard {
    let pods = |from: &str, label: &str| {
        of_cluster(
            from,
            "pod",
            "\"namespace_name\" =~ /^$namespace$/",
            "\"namespace_name\", \"pod_name\"",
        )
        .label(label)
    };
    Dashboard::new("namespace", "Pods in $namespace")
        .variable(namespace_variable().include_all())
        .panel(
            Panel::time_series("cpu", "CPU by pod")
                .unit(Unit::Millicores)
                .max_series(8)
                .query(pods("cpu/usage_rate", "$tag_pod_name")),
        )
        .panel(
            Panel::time_series("memory", "Memory by pod")
                .description("Working set.")
                .unit(Unit::Bytes)
                .max_series(8)
                .query(pods("memory/working_set", "$tag_pod_name")),
        )
        .panel(
            Panel::time_series("network", "Network by pod")
                .description("Received above the line, sent below it.")
                .unit(Unit::BytesPerSecond)
                .max_series(10)
                .query(pods("network/rx_rate", "$tag_pod_name rx"))
                .query(pods("network/tx_rate", "$tag_pod_name tx").mirrored()),
        )
}

/// One pod: its variables are `namespace` and `pod`.
#[must_use]
pub fn pod() -> Dashboard {
    const POD: &str = "\"namespace_name\" = '$namespace' AND \"pod_name\" = '$pod'";
    let containers = |from: &str, label: &str| {
        of_cluster(from, "pod_container", POD, "\"container_name\"").label(label)
    };
    let whole = |from: &str, label: &str| of_cluster(from, "pod", POD, "\"pod_name\"").label(label);
    Dashboard::new("pod", "Pod $pod")
        .variable(namespace_variable())
        .variable(Variable::new(
            "pod",
            "Pod",
            values_of("pod_name", "uptime", " WHERE \"namespace_name\" = '$namespace'"),
        ))
        .panel(
            Panel::time_series("cpu", "CPU of $pod")
                .unit(Unit::Millicores)
                .query(containers("cpu/usage_rate", "$tag_container_name"))
                .query(containers("cpu/request", "$tag_container_name requested").dashed())
                .query(containers("cpu/limit", "$tag_container_name limit").dashed()),
        )
        .panel(
            Panel::time_series("memory", "Memory of $pod")
                .unit(Unit::Bytes)
                .query(containers("memory/working_set", "$tag_container_name working set"))
                .query(containers("memory/usage", "$tag_container_name usage"))
                .query(containers("memory/limit", "$tag_container_name limit").dashed()),
        )
        .panel(
            Panel::time_series("network", "Network of $pod")
                .description("Received above the line, sent below it.")
                .unit(Unit::BytesPerSecond)
                .query(whole("network/rx_rate", "received"))
                .query(whole("network/tx_rate", "sent").mirrored()),
        )
        .panel(
            Panel::time_series("filesystem", "File systems of $pod")
                .unit(Unit::Bytes)
                .query(
                    of_cluster(
                        "filesystem/usage",
                        "pod_container",
                        POD,
                        "\"container_name\", \"resource_id\"",
                    )
                    .label("$tag_container_name $tag_resource_id"),
                )
                .query(
                    of_cluster("filesystem/usage", "pod", POD, "\"resource_id\"")
                        .label("$tag_resource_id"),
                ),
        )
}
