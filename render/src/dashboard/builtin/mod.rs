//! The dashboards that come with the suite, over the names its collector writes.
//!
//! Hosts speak in Telegraf's names, containers in names built alike, Kubernetes in Heapster's measurements, so data
//! that Telegraf or Heapster wrote draw just as well.
//!
//! Rates come from counters here and not in the collector: `non_negative_derivative(mean("counter"), 1s)` over the
//! bucket means gives the rate at any bucket width and survives a restarted counter. Derived per `1ns`, a counter of
//! nanoseconds turns into the share of the time, which for processor time is cores.
//!
//! `fill(none)` throughout: a bucket without samples is no row, and the chart decides by the distance of points
//! whether that is a gap. `fill(null)` would tear lines apart wherever samples come less often than buckets.

use super::Variable;

mod cgroup;
mod cluster;
mod host;

pub use cgroup::cgroup;
pub use cluster::{cluster, namespace, node, pod};
pub use host::host;

/// The values of a tag in `from`, further restricted by `and`.
fn values_of(tag: &str, from: &str, and: &str) -> String {
    format!(r#"SHOW TAG VALUES FROM "{from}" WITH KEY = "{tag}"{and}"#)
}

/// The host; asked of `system`, which every host writes.
fn host_variable() -> Variable {
    Variable::new("host", "Host", values_of("host", "system", ""))
}

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
