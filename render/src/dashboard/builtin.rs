//! The dashboards that come with the suite, over the names its collector writes.
//!
//! Hosts speak in Telegraf's names, containers in names built alike, Kubernetes in Heapster's measurements, so data
//! that Telegraf or Heapster wrote draw just as well.
//!
//! Rates come from counters here and not in the collector: `non_negative_derivative(mean("counter"), 1s)` over the
//! bucket means gives the rate at any bucket width and survives a restarted counter. Derived per `1u`, a counter of
//! microseconds turns into the share of the time, which for processor time is cores.
//!
//! `fill(none)` throughout: a bucket without samples is no row, and the chart decides by the distance of points
//! whether that is a gap. `fill(null)` would tear lines apart wherever samples come less often than buckets.

use stripchart_core::Unit;

use super::{Dashboard, DrawStyle, Panel, PanelQuery, Stacking};

/// Block devices that are parts of, or made of, others: counting them would count each byte twice.
const PARTS: &str =
    "^(loop|ram|zram|sr|fd|dm-|md)|^(sd|vd|xvd|hd)[a-z]+[0-9]+$|^(nvme|mmcblk).*p[0-9]+$";

/// A statement over the samples of one host.
fn of_host(select: &str, from: &str, and: &str, by: &str) -> String {
    let and = if and.is_empty() { String::new() } else { format!("{and} AND ") };
    format!(
        r#"SELECT {select} FROM "{from}" WHERE {and}"host" = '$host' AND $timeFilter GROUP BY time($interval){by} fill(none)"#
    )
}

/// `mean("usage_user") AS "user", ...` for every pair of field and name.
fn means(fields: &[(&str, &str)]) -> String {
    let each = fields.iter().map(|(field, name)| format!(r#"mean("{field}") AS "{name}""#));
    each.collect::<Vec<_>>().join(", ")
}

/// The growth of a counter per `per`, called `name`.
fn rate(field: &str, per: &str, name: &str) -> String {
    format!(r#"non_negative_derivative(mean("{field}"), {per}) AS "{name}""#)
}

const CPU_MODES: [(&str, &str); 7] = [
    ("usage_user", "user"),
    ("usage_system", "system"),
    ("usage_iowait", "iowait"),
    ("usage_nice", "nice"),
    ("usage_softirq", "softirq"),
    ("usage_irq", "irq"),
    ("usage_steal", "steal"),
];

/// One host: tiles named `tile-...`, then charts. Its variable `host` is the value of the tag of that name.
#[must_use]
pub fn host() -> Dashboard {
    let tiles = host_tiles().into_iter().chain(host_charts());
    tiles.fold(Dashboard::new("host", "Host"), Dashboard::panel)
}

fn host_tiles() -> [Panel; 6] {
    let network = format!("{}, {}", rate("bytes_recv", "1s", "rx"), rate("bytes_sent", "1s", "tx"));
    [
        Panel::stat("tile-cpu", "CPU")
            .unit(Unit::Percent)
            .bounds(0.0, 100.0)
            .thresholds(75.0, 90.0)
            .query(
                PanelQuery::new(of_host(&means(&CPU_MODES), "cpu", "\"cpu\" = 'cpu-total'", ""))
                    .label("busy")
                    .sum(),
            ),
        Panel::stat("tile-memory", "Memory")
            .unit(Unit::Percent)
            .bounds(0.0, 100.0)
            .thresholds(80.0, 92.0)
            .query(
                PanelQuery::new(of_host(&means(&[("used_percent", "used")]), "mem", "", ""))
                    .label("used"),
            ),
        Panel::stat("tile-disk", "Disk /")
            .unit(Unit::Percent)
            .bounds(0.0, 100.0)
            .thresholds(80.0, 92.0)
            .query(
                PanelQuery::new(of_host(
                    &means(&[("used_percent", "used")]),
                    "disk",
                    "\"path\" = '/'",
                    "",
                ))
                .label("used"),
            ),
        Panel::stat("tile-network", "Network").unit(Unit::BytesPerSecond).query(
            PanelQuery::new(of_host(&network, "net", "\"interface\" != 'lo'", ", \"interface\""))
                .label("in and out")
                .sum(),
        ),
        Panel::stat("tile-load", "Load").unit(Unit::None).query(
            PanelQuery::new(of_host(&means(&[("load1", "load1")]), "system", "", ""))
                .label("1 min"),
        ),
        Panel::stat("tile-pressure", "Pressure").unit(Unit::Percent).thresholds(10.0, 40.0).query(
            PanelQuery::new(of_host(
                &means(&[("some_avg10", "some")]),
                "pressure",
                "",
                ", \"resource\"",
            ))
            .label("largest of cpu, memory, io")
            .largest(),
        ),
    ]
}

fn host_charts() -> [Panel; 8] {
    [
        Panel::time_series("cpu", "CPU by mode")
            .description("Share of all processors' time; idle is the rest up to 100 %.")
            .unit(Unit::Percent)
            .bounds(0.0, 100.0)
            .stacking(Stacking::Normal)
            .query(
                PanelQuery::new(of_host(&means(&CPU_MODES), "cpu", "\"cpu\" = 'cpu-total'", "")).label("$col"),
            ),
        Panel::time_series("memory", "Memory")
            .description("What is cached or buffered is given back when programs need it.")
            .unit(Unit::Bytes)
            .stacking(Stacking::Normal)
            .query(
                PanelQuery::new(of_host(
                    &means(&[("used", "used"), ("cached", "cached"), ("buffered", "buffered"), ("free", "free")]),
                    "mem",
                    "",
                    "",
                ))
                .label("$col"),
            ),
        Panel::time_series("network", "Network")
            .description("Received above the line, sent below it; loopback left out.")
            .unit(Unit::BytesPerSecond)
            .query(
                PanelQuery::new(of_host(
                    &rate("bytes_recv", "1s", "rx"),
                    "net",
                    "\"interface\" != 'lo'",
                    ", \"interface\"",
                ))
                .label("$tag_interface rx"),
            )
            .query(
                PanelQuery::new(of_host(
                    &rate("bytes_sent", "1s", "tx"),
                    "net",
                    "\"interface\" != 'lo'",
                    ", \"interface\"",
                ))
                .label("$tag_interface tx")
                .mirrored(),
            ),
        Panel::time_series("diskio", "Disk throughput")
            .description("Read above the line, written below it; partitions left out, since their disk counts them.")
            .unit(Unit::BytesPerSecond)
            .query(
                PanelQuery::new(of_host(
                    &rate("read_bytes", "1s", "read"),
                    "diskio",
                    &format!("\"name\" !~ /{PARTS}/"),
                    ", \"name\"",
                ))
                .label("$tag_name read"),
            )
            .query(
                PanelQuery::new(of_host(
                    &rate("write_bytes", "1s", "write"),
                    "diskio",
                    &format!("\"name\" !~ /{PARTS}/"),
                    ", \"name\"",
                ))
                .label("$tag_name write")
                .mirrored(),
            ),
        Panel::time_series("pressure", "Pressure")
            .description("Share of the last ten seconds in which some task waited for the resource.")
            .unit(Unit::Percent)
            .query(
                PanelQuery::new(of_host(&means(&[("some_avg10", "some")]), "pressure", "", ", \"resource\""))
                    .label("$tag_resource"),
            ),
        Panel::time_series("load", "Load average")
            .description("Tasks that run or wait, averaged over 1, 5 and 15 minutes.")
            .query(
                PanelQuery::new(of_host(
                    &means(&[("load1", "1 min"), ("load5", "5 min"), ("load15", "15 min")]),
                    "system",
                    "",
                    "",
                ))
                .label("$col"),
            ),
        Panel::time_series("disk", "File systems")
            .description("Share of the space in use, for each mount point.")
            .unit(Unit::Percent)
            .bounds(0.0, 100.0)
            .query(
                PanelQuery::new(of_host(&means(&[("used_percent", "used")]), "disk", "", ", \"path\""))
                    .label("$tag_path"),
            ),
        Panel::time_series("processes", "Processes")
            .unit(Unit::Count)
            .draw_style(DrawStyle::Line)
            .query(
                PanelQuery::new(of_host(
                    &means(&[("running", "running"), ("blocked", "blocked"), ("sleeping", "sleeping")]),
                    "processes",
                    "",
                    "",
                ))
                .label("$col"),
            ),
    ]
}

/// One cgroup: its variables are `host` and `cgroup`, the values of those tags.
#[must_use]
pub fn cgroup() -> Dashboard {
    let of_group = |select: &str, from: &str, by: &str| {
        PanelQuery::new(of_host(select, from, "\"cgroup\" = '$cgroup'", by)).label("$col")
    };
    Dashboard::new("cgroup", "Control group")
        .panel(
            Panel::time_series("cpu", "CPU")
                .description("Processor time taken, in cores.")
                .unit(Unit::Cores)
                .stacking(Stacking::Normal)
                .query(of_group(
                    &format!("{}, {}", rate("user_usec", "1u", "user"), rate("system_usec", "1u", "system")),
                    "container_cpu",
                    "",
                )),
        )
        .panel(
            Panel::time_series("memory", "Memory")
                .description("Working set: in use and not reclaimable at once.")
                .unit(Unit::Bytes)
                .query(of_group(
                    &means(&[
                        ("working_set", "working set"),
                        ("usage", "usage"),
                        ("rss", "anonymous"),
                        ("cache", "page cache"),
                    ]),
                    "container_memory",
                    "",
                )),
        )
        .panel(
            Panel::time_series("io", "Disk")
                .description("Read above the line, written below it.")
                .unit(Unit::BytesPerSecond)
                .query(of_group(&rate("read_bytes", "1s", "read"), "container_io", ", \"device\"").label("$tag_device read"))
                .query(
                    of_group(&rate("write_bytes", "1s", "write"), "container_io", ", \"device\"")
                        .label("$tag_device write")
                        .mirrored(),
                ),
        )
        .panel(
            Panel::time_series("pids", "Processes and threads")
                .unit(Unit::Count)
                .query(of_group(&means(&[("current", "current")]), "container_pids", "")),
        )
        .panel(
            Panel::time_series("throttling", "CPU throttling")
                .description("Time that tasks waited because the group had used up its processor time, in seconds per second.")
                .unit(Unit::Ratio)
                .query(of_group(&rate("throttled_usec", "1u", "throttled"), "container_cpu", "")),
        )
}

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

/// The pods of a namespace: its variable is `namespace`; given [`VariableValue::All`](super::VariableValue::All), of
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
