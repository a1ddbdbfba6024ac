//! One host, in Telegraf's names.

use stripchart_core::Unit;

use super::super::{Dashboard, Panel, PanelQuery, Stacking};
use super::{host_variable, means, of_host, rate};

/// Block devices that are parts of, or made of, others: counting them would count each byte twice.
const PARTS: &str =
    "^(loop|ram|zram|sr|fd|dm-|md)|^(sd|vd|xvd|hd)[a-z]+[0-9]+$|^(nvme|mmcblk).*p[0-9]+$";

/// Where processor time goes, but for idling; a processor that waits for a disk idles, too.
const CPU_BUSY: &str = r#"mean("usage_user") AS "user", mean("usage_system") AS "system", mean("usage_irq") + mean("usage_softirq") AS "interrupts", mean("usage_nice") AS "nice", mean("usage_steal") AS "steal", mean("usage_guest") + mean("usage_guest_nice") AS "guest""#;

/// Memory in three parts that make up the whole: what can be reclaimed is available but not free.
const MEMORY_PARTS: &str = r#"mean("used") AS "used", mean("available") - mean("free") AS "reclaimable", mean("free") AS "free""#;

/// One host: tiles named `tile-...`, then charts. Its variable `host` is the value of the tag of that name.
#[must_use]
pub fn host() -> Dashboard {
    let tiles = host_tiles().into_iter().chain(host_charts());
    let dashboard = Dashboard::new("host", "Host").variable(host_variable());
    tiles.fold(dashboard, Dashboard::panel)
}

fn host_tiles() -> [Panel; 6] {
    let network = format!("{}, {}", rate("bytes_recv", "1s", "rx"), rate("bytes_sent", "1s", "tx"));
    [
        Panel::stat("tile-cpu", "CPU")
            .unit(Unit::Percent)
            .bounds(0.0, 100.0)
            .thresholds(75.0, 90.0)
            .query(
                PanelQuery::new(of_host(CPU_BUSY, "cpu", "\"cpu\" = 'cpu-total'", ""))
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
            .hide_zero()
            .query(
                PanelQuery::new(of_host(&format!("{CPU_BUSY}, mean(\"usage_iowait\") AS \"iowait\""), "cpu", "\"cpu\" = 'cpu-total'", "")).label("$col"),
            ),
        Panel::time_series("memory", "Memory")
            .description("What is reclaimable, mostly cached files, is given back when programs need it.")
            .unit(Unit::Bytes)
            .stacking(Stacking::Normal)
            .query(
                PanelQuery::new(of_host(
                    MEMORY_PARTS,
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
            .zero_based()
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
            .query(
                PanelQuery::new(of_host(
                    &means(&[("total", "processes"), ("total_threads", "threads")]),
                    "processes",
                    "",
                    "",
                ))
                .label("$col"),
            ),
    ]
}
