//! One control group, in the collector's `container_...` names.

use stripchart_core::Unit;

use super::super::{Dashboard, Panel, PanelQuery, Stacking};
use super::{means, of_host, rate};

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
