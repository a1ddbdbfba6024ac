//! One control group, in the collector's `container_...` names.

use stripchart_core::Unit;

use super::super::{Dashboard, Panel, PanelQuery, Variable};
use super::{host_variable, means, of_host, rate, values_of};

/// A question about the group, its series called after their columns.
fn of_group(select: &str, from: &str) -> PanelQuery {
    PanelQuery::new(of_host(select, from, "\"cgroup\" = '$cgroup'", "")).label("$col")
}

/// One cgroup: its variables are `host` and `cgroup`, the values of those tags.
#[must_use]
pub fn cgroup() -> Dashboard {
    // Nanoseconds of work in each microsecond are thousandths of a core.
    let by_mode = format!(
        "{}, {}, {}",
        means(&[("usage_millicores", "total")]),
        rate("user_nanoseconds_total", "1u", "user"),
        rate("system_nanoseconds_total", "1u", "system")
    );
    let limit = |field: &str, from: &str| of_group(&means(&[(field, "limit")]), from).dashed();
    let memory = means(&[
        ("usage_bytes", "usage"),
        ("working_set_bytes", "working set"),
        ("rss_bytes", "anonymous"),
        ("cache_bytes", "page cache"),
    ]);
    let charts = [
        Panel::time_series("cpu", "CPU")
            .description("Processor time taken.")
            .unit(Unit::Millicores)
            .query(of_group(&by_mode, "container_cpu"))
            .query(limit("limit_millicores", "container_cpu")),
        Panel::time_series("memory", "Memory")
            .description("The working set is what cannot be given up at once.")
            .unit(Unit::Bytes)
            .query(of_group(&memory, "container_memory"))
            .query(limit("limit_bytes", "container_memory")),
        Panel::time_series("io", "Disk")
            .description("Read above the line, written below it.")
            .unit(Unit::BytesPerSecond)
            .query(of_group(&means(&[("read_bytes_per_second", "read")]), "container_io"))
            .query(of_group(&means(&[("write_bytes_per_second", "written")]), "container_io").mirrored()),
        Panel::time_series("pids", "Processes and threads")
            .unit(Unit::Count)
            .query(of_group(&means(&[("current", "current")]), "container_pids"))
            .query(limit("limit", "container_pids")),
        Panel::time_series("pressure", "Pressure")
            .description("Share of the last ten seconds in which some task of the group waited for the resource.")
            .unit(Unit::Percent)
            .query(of_group(&means(&[("pressure_some_avg10", "cpu")]), "container_cpu"))
            .query(of_group(&means(&[("pressure_some_avg10", "memory")]), "container_memory"))
            .query(of_group(&means(&[("pressure_some_avg10", "io")]), "container_io")),
        Panel::time_series("throttling", "CPU throttling")
            .description("Time that tasks waited because the group's quota was used up, added up over tasks, for each second.")
            .unit(Unit::Ratio)
            .query(of_group(&rate("throttled_nanoseconds_total", "1ns", "throttled"), "container_cpu")),
    ];
    let groups = values_of("cgroup", "container_cpu", " WHERE \"host\" = '$host'");
    let dashboard = Dashboard::new("cgroup", "Control group")
        .variable(host_variable())
        .variable(Variable::new("cgroup", "Control group", groups));
    charts.into_iter().fold(dashboard, Dashboard::panel)
}
