//! `numa`, `hugepages_root`, `hugepages_per_node`, `temp`, `thermal_zone`, `cooling_device`, `linux_cpu`, `edac`,
//! `mdstat` and `net_link`: what drivers tell in sysfs. Read seldom, since some drivers ask the hardware.

use std::path::{Path, PathBuf};

use super::{Context, add_counts, int};
use crate::Roots;
use crate::attr::Attrs;
use crate::proc::MdStat;
use crate::sysfs::{NodeMemInfo, NumaStat};

/// Rows of one measurement at most.
const ROWS_MAX: usize = 4096;

#[derive(Debug)]
pub(crate) struct Hardware {
    system: PathBuf,
    class: PathBuf,
    huge_pages: PathBuf,
    mdstat: PathBuf,
    per_cpu: bool,
}

impl Hardware {
    pub(crate) fn new(roots: &Roots, per_cpu: bool) -> Self {
        Hardware {
            system: roots.sys.join("devices/system"),
            class: roots.sys.join("class"),
            huge_pages: roots.sys.join("kernel/mm/hugepages"),
            mdstat: roots.proc_file("mdstat"),
            per_cpu,
        }
    }

    pub(crate) fn collect_slow(&self, cx: &mut Context<'_>) {
        self.memory_nodes(cx);
        pools(cx, &self.huge_pages, "hugepages_root", None);
        self.sensors(cx);
        self.thermal_zones(cx);
        self.cooling_devices(cx);
        if self.per_cpu {
            self.frequencies(cx);
        }
        self.memory_errors(cx);
        self.arrays(cx);
        self.links(cx);
    }

    fn memory_nodes(&self, cx: &mut Context<'_>) {
        let folder = self.system.join("node");
        for number in cx.attrs().numbered(&folder, "node").into_iter().take(ROWS_MAX) {
            let folder = folder.join(format!("node{number}"));
            let mem = cx.attrs().parsed(&folder.join("meminfo"), NodeMemInfo::parse);
            let stat = cx.attrs().parsed(&folder.join("numastat"), NumaStat::parse);
            let tag = format!("node{number}");
            if let Some(mut row) = cx.row("numa", &[("node", &tag)]) {
                add_counts(
                    &mut row,
                    &node_counts(&mem.unwrap_or_default(), &stat.unwrap_or_default()),
                );
            }
            pools(cx, &folder.join("hugepages"), "hugepages_per_node", Some(&tag));
        }
    }

    /// Temperatures of `/sys/class/hwmon`, in thousandths of a degree.
    fn sensors(&self, cx: &mut Context<'_>) {
        let folder = self.class.join("hwmon");
        let mut rows = 0;
        for device in cx.attrs().names(&folder) {
            // Old drivers keep their files one folder deeper.
            let chip = [folder.join(&device), folder.join(&device).join("device")];
            let Some(chip) = chip.into_iter().find(|chip| chip.join("name").exists()) else {
                continue;
            };
            let name = cx.attrs().text(&chip.join("name")).unwrap_or_default();
            for file in cx.attrs().names(&chip) {
                let Some(sensor) = file.strip_suffix("_input") else { continue };
                if !sensor.starts_with("temp") || rows >= ROWS_MAX {
                    continue;
                }
                rows += usize::from(temperature(cx, &chip, &device, &name, sensor).is_some());
            }
        }
    }

    fn thermal_zones(&self, cx: &mut Context<'_>) {
        let folder = self.class.join("thermal");
        for number in cx.attrs().numbered(&folder, "thermal_zone").into_iter().take(ROWS_MAX) {
            let folder = folder.join(format!("thermal_zone{number}"));
            let kind = cx.attrs().text(&folder.join("type")).unwrap_or_default();
            let Some(temp) = cx.attrs().signed(&folder.join("temp")) else { continue };
            let zone = number.to_string();
            if let Some(mut row) = cx.row("thermal_zone", &[("type", &kind), ("zone", &zone)]) {
                row.field("temp", degrees(temp));
            }
        }
    }

    fn cooling_devices(&self, cx: &mut Context<'_>) {
        let folder = self.class.join("thermal");
        for number in cx.attrs().numbered(&folder, "cooling_device").into_iter().take(ROWS_MAX) {
            let folder = folder.join(format!("cooling_device{number}"));
            let kind = cx.attrs().text(&folder.join("type")).unwrap_or_default();
            let now = cx.attrs().signed(&folder.join("cur_state"));
            let max = cx.attrs().signed(&folder.join("max_state"));
            if now.is_none() && max.is_none() {
                continue;
            }
            let name = number.to_string();
            if let Some(mut row) = cx.row("cooling_device", &[("name", &name), ("type", &kind)]) {
                now.into_iter().for_each(|state| row.field("cur_state", state));
                max.into_iter().for_each(|state| row.field("max_state", state));
            }
        }
    }

    /// Frequencies in kHz, and how often heat slowed a processor.
    fn frequencies(&self, cx: &mut Context<'_>) {
        const FREQUENCIES: [&str; 5] = [
            "cpuinfo_max_freq",
            "cpuinfo_min_freq",
            "scaling_cur_freq",
            "scaling_max_freq",
            "scaling_min_freq",
        ];
        const THROTTLES: [(&str, &str); 2] = [
            ("core_throttle_count", "throttle_count"),
            ("package_throttle_count", "package_throttle_count"),
        ];
        let folder = self.system.join("cpu");
        for number in cx.attrs().numbered(&folder, "cpu").into_iter().take(ROWS_MAX) {
            let cpu = folder.join(format!("cpu{number}"));
            let mut values = [("", None); FREQUENCIES.len() + THROTTLES.len()];
            let mut attrs = cx.attrs();
            let frequencies = FREQUENCIES.iter().map(|name| ("cpufreq", *name, *name));
            let throttles = THROTTLES.iter().map(|(file, name)| ("thermal_throttle", *file, *name));
            for (slot, (below, file, name)) in values.iter_mut().zip(frequencies.chain(throttles)) {
                *slot = (name, attrs.count(&cpu.join(below).join(file)));
            }
            if values.iter().all(|(_, value)| value.is_none()) {
                continue;
            }
            if let Some(mut row) = cx.row("linux_cpu", &[("cpu", &number.to_string())]) {
                add_counts(&mut row, &values);
            }
        }
    }

    /// Errors of memory that were corrected or not, by controller.
    fn memory_errors(&self, cx: &mut Context<'_>) {
        const COUNTS: [(&str, &str); 4] = [
            ("ce_count", "correctable_errors"),
            ("ce_noinfo_count", "correctable_errors_noinfo"),
            ("ue_count", "uncorrectable_errors"),
            ("ue_noinfo_count", "uncorrectable_errors_noinfo"),
        ];
        let folder = self.system.join("edac/mc");
        for number in cx.attrs().numbered(&folder, "mc").into_iter().take(ROWS_MAX) {
            let name = format!("mc{number}");
            let controller = folder.join(&name);
            let counts =
                COUNTS.map(|(file, name)| (name, cx.attrs().count(&controller.join(file))));
            if counts.iter().all(|(_, count)| count.is_none()) {
                continue;
            }
            if let Some(mut row) = cx.row("edac", &[("controller", &name)]) {
                add_counts(&mut row, &counts);
            }
        }
    }

    fn arrays(&self, cx: &mut Context<'_>) {
        let mut attrs = Attrs::new(cx.buffer, cx.warnings);
        let (batch, at, host) = (&mut *cx.batch, cx.at, cx.host);
        attrs.parsed(&self.mdstat, |text| {
            for array in MdStat::parse(text)?.iter().take(ROWS_MAX) {
                let tags = [("ActivityState", array.state), ("Name", array.name)];
                let Ok(mut row) = super::row(batch, at, host, "mdstat", &tags) else { continue };
                row.field("BlocksSynced", int(array.blocks_synced));
                row.field("BlocksSyncedFinishTime", array.sync_finish_minutes);
                row.field("BlocksSyncedPct", array.synced_percent);
                row.field("BlocksSyncedSpeed", array.sync_kib_per_sec as f64);
                row.field("BlocksTotal", int(array.blocks));
                row.field("DisksActive", int(array.disks_active));
                row.field("DisksFailed", int(array.disks_failed));
                row.field("DisksSpare", int(array.disks_spare));
                row.field("DisksTotal", int(array.disks_total));
            }
            Ok(())
        });
    }

    /// How the network interfaces are set up.
    fn links(&self, cx: &mut Context<'_>) {
        const NUMBERS: [&str; 7] = [
            "carrier",
            "carrier_changes",
            "carrier_down_count",
            "carrier_up_count",
            "mtu",
            "speed",
            "tx_queue_len",
        ];
        let folder = self.class.join("net");
        for name in cx.attrs().names(&folder).into_iter().take(ROWS_MAX) {
            // A list of bonds among the interfaces.
            if name == "bonding_masters" {
                continue;
            }
            let link = folder.join(&name);
            let state = cx.attrs().text(&link.join("operstate"));
            let numbers = NUMBERS.map(|name| (name, cx.attrs().signed(&link.join(name))));
            if state.is_none() && numbers.iter().all(|(_, number)| number.is_none()) {
                continue;
            }
            let Some(mut row) = cx.row("net_link", &[("interface", &name)]) else { continue };
            for (name, number) in numbers {
                number.into_iter().for_each(|number| row.field(name, number));
            }
            state.into_iter().for_each(|state| row.field("up", i64::from(state == "up")));
        }
    }
}

/// Thousandths of a degree as degrees.
fn degrees(thousandths: i64) -> f64 {
    thousandths as f64 / 1000.0
}

/// Adds the row of one sensor, named as gopsutil and Telegraf do: chip and label, in small letters, `_` for blanks.
fn temperature(
    cx: &mut Context<'_>,
    chip: &Path,
    device: &str,
    name: &str,
    sensor: &str,
) -> Option<()> {
    let mut read = |kind: &str| cx.attrs().signed(&chip.join(format!("{sensor}_{kind}")));
    let (now, high, critical) = (read("input")?, read("max"), read("crit"));
    let label = cx.attrs().text(&chip.join(format!("{sensor}_label"))).unwrap_or_default();
    let label = label.to_lowercase().split_whitespace().collect::<Vec<_>>().join("_");
    let tag = if label.is_empty() { name.to_owned() } else { format!("{name}_{label}") };
    // Two chips of a kind have the same names: the device tells them apart.
    let mut row = cx.row("temp", &[("device", device), ("input", sensor), ("sensor", &tag)])?;
    row.field("temp", degrees(now));
    high.into_iter().for_each(|high| row.field("high", degrees(high)));
    critical.into_iter().for_each(|critical| row.field("critical", degrees(critical)));
    Some(())
}

/// Adds a row for each pool of huge pages below `folder`.
fn pools(cx: &mut Context<'_>, folder: &Path, measurement: &str, node: Option<&str>) {
    const COUNTS: [(&str, &str); 5] = [
        ("free_hugepages", "free"),
        ("nr_hugepages", "total"),
        ("nr_overcommit_hugepages", "overcommit"),
        ("resv_hugepages", "reserved"),
        ("surplus_hugepages", "surplus"),
    ];
    for pool in cx.attrs().names(folder) {
        let size = pool.strip_prefix("hugepages-").and_then(|rest| rest.strip_suffix("kB"));
        let Some(size) = size else { continue };
        let pool = folder.join(&pool);
        let counts = COUNTS.map(|(file, name)| (name, cx.attrs().count(&pool.join(file))));
        let tags = [("size_kb", size), ("node", node.unwrap_or_default())];
        let tags = if node.is_some() { &tags[..] } else { &tags[..1] };
        if counts.iter().all(|(_, count)| count.is_none()) {
            continue;
        }
        if let Some(mut row) = cx.row(measurement, tags) {
            add_counts(&mut row, &counts);
        }
    }
}

fn node_counts(mem: &NodeMemInfo, stat: &NumaStat) -> [(&'static str, Option<u64>); 19] {
    [
        ("active", mem.active),
        ("anon_pages", mem.anon_pages),
        ("dirty", mem.dirty),
        ("file_pages", mem.file_pages),
        ("huge_pages_free", mem.huge_pages_free),
        ("huge_pages_total", mem.huge_pages_total),
        ("inactive", mem.inactive),
        ("interleave_hit", stat.interleave_hit),
        ("local_node", stat.local_node),
        ("mapped", mem.mapped),
        ("mem_free", mem.mem_free),
        ("mem_total", mem.mem_total),
        ("mem_used", mem.mem_used),
        ("numa_foreign", stat.numa_foreign),
        ("numa_hit", stat.numa_hit),
        ("numa_miss", stat.numa_miss),
        ("other_node", stat.other_node),
        ("shmem", mem.shmem),
        ("slab", mem.slab),
    ]
}
