//! The same host through prometheus-node-exporter: every metric that both have, beside what a sample says.
//!
//! The host does not stand still meanwhile, so that a sample is taken before the exporter is asked and one after; what the
//! exporter says must lie between the two, or beside them by no more than they differ.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

use stripchart_collector::Sampler;
use stripchart_core::{Batch, ValueRef};

const PROGRAM: &str = "prometheus-node-exporter";

/// The exporter, ended when this is dropped.
#[derive(Debug)]
struct Exporter {
    process: Child,
    address: String,
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Exporter {
    /// Starts it on a free port of loopback; the error says why that cannot be done.
    fn start() -> Result<Self, String> {
        let free = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = free.local_addr().map_err(|error| error.to_string())?.to_string();
        drop(free);
        let process = Command::new(PROGRAM)
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{PROGRAM}: {error}"))?;
        let mut exporter = Exporter { process, address };
        while TcpStream::connect(&exporter.address).is_err() {
            if let Ok(Some(status)) = exporter.process.try_wait() {
                return Err(format!("{PROGRAM} ended: {status}"));
            }
            std::thread::yield_now();
        }
        Ok(exporter)
    }

    /// Its metrics by name and sorted labels.
    fn metrics(&self) -> BTreeMap<String, f64> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let samples = body.lines().filter(|line| !line.starts_with('#'));
        samples
            .filter_map(|line| {
                let (name, value) = line.rsplit_once(' ')?;
                Some((name.to_owned(), value.parse().ok()?))
            })
            .collect()
    }
}

/// The values of a sample as `measurement,tags field`.
fn values(batch: &Batch) -> BTreeMap<String, f64> {
    let mut values = BTreeMap::new();
    for table in batch.tables() {
        for row in 0..table.row_count() {
            let entry = batch.series_entry(table.series()[row]);
            let key = entry.key();
            let tags: String = key
                .tags()
                .filter(|(name, _)| !["host", "mode", "type", "machine"].contains(name))
                .map(|(name, value)| format!(",{name}={value}"))
                .collect();
            for column in table.columns() {
                if let Some(value) = column.get(row).and_then(ValueRef::as_f64) {
                    let name = format!("{}{tags} {}", table.measurement(), column.name);
                    values.insert(name, value);
                }
            }
        }
    }
    values
}

fn label<'a>(metric: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = metric.split_once(&format!("{name}=\""))?;
    Some(rest.split_once('"')?.0)
}

/// Where a metric of the exporter is to be found in a sample, and what to multiply that with; `None` if it is one that
/// the exporter alone has.
fn ours(metric: &str) -> Option<(String, f64)> {
    let name = metric.split('{').next()?.strip_prefix("node_")?;
    let plain = |key: &str, field: &str| Some((format!("{key} {field}"), 1.0));
    if let Some(found) = by_prefix(metric, name) {
        return Some(found);
    }
    match name {
        "boot_time_seconds" => plain("kernel", "boot_time"),
        "context_switches_total" => plain("kernel", "context_switches"),
        "entropy_available_bits" => plain("kernel", "entropy_avail"),
        "entropy_pool_size_bits" => plain("kernel", "entropy_poolsize"),
        "filefd_allocated" => plain("linux_sysctl_fs", "file-nr"),
        "filefd_maximum" => plain("linux_sysctl_fs", "file-max"),
        "forks_total" => plain("kernel", "processes_forked"),
        "intr_total" => plain("kernel", "interrupts"),
        "load1" | "load5" | "load15" => plain("system", name),
        "procs_blocked" => plain("processes", "blocked"),
        "procs_running" => plain("processes", "running"),
        "nf_conntrack_entries" => plain("conntrack", "nf_conntrack_count"),
        "nf_conntrack_entries_limit" => plain("conntrack", "nf_conntrack_max"),
        "arp_entries" => plain(&format!("arp,interface={}", label(metric, "device")?), "entries"),
        "udp_queues" => {
            let field = format!("{}_bytes", label(metric, "queue")?);
            plain(&format!("udp_queues,ip={}", label(metric, "ip")?), &field)
        }
        "timex_tick_seconds" => Some(("timex tick_usec".to_owned(), 1e-6)),
        "timex_status" => plain("timex", "status"),
        "timex_sync_status" => plain("timex", "sync_status"),
        "timex_tai_offset_seconds" => plain("timex", "tai_offset_seconds"),
        "timex_loop_time_constant" => plain("timex", "loop_time_constant"),
        "timex_frequency_adjustment_ratio" => plain("timex", "frequency_ratio"),
        "timex_maxerror_seconds" => Some(("timex max_error_usec".to_owned(), 1e-6)),
        "timex_estimated_error_seconds" => Some(("timex estimated_error_usec".to_owned(), 1e-6)),
        "thermal_zone_temp" => {
            let zone = label(metric, "zone")?;
            plain(&format!("thermal_zone,zone={zone}"), "temp")
        }
        "cooling_device_cur_state" | "cooling_device_max_state" => {
            let key = format!("cooling_device,name={}", label(metric, "name")?);
            plain(&key, name.strip_prefix("cooling_device_")?)
        }
        "cpu_seconds_total" => {
            let key = format!("cpu,cpu=cpu{}", label(metric, "cpu")?);
            plain(&key, &format!("time_{}", label(metric, "mode")?))
        }
        "cpu_guest_seconds_total" => {
            let field = if label(metric, "mode")? == "user" { "guest" } else { "guest_nice" };
            plain(&format!("cpu,cpu=cpu{}", label(metric, "cpu")?), &format!("time_{field}"))
        }
        _ => None,
    }
}

/// Those that come in families.
fn by_prefix(metric: &str, name: &str) -> Option<(String, f64)> {
    let plain = |key: &str, field: &str| Some((format!("{key} {field}"), 1.0));
    if let Some(key) = name.strip_prefix("memory_") {
        return Some((format!("mem {}", memory(key)?), 1.0));
    }
    if let Some(key) = name.strip_prefix("vmstat_") {
        return plain("kernel_vmstat", key);
    }
    if let Some(key) = name.strip_prefix("netstat_") {
        let (protocol, counter) = key.split_once('_')?;
        let file = match protocol {
            "TcpExt" | "IpExt" => "netstat",
            protocol if protocol.ends_with('6') => "snmp6",
            _ => "snmp",
        };
        return plain(&format!("nstat,name={file}"), &format!("{protocol}{counter}"));
    }
    if let Some(key) = name.strip_prefix("nf_conntrack_stat_") {
        return plain("conntrack", key);
    }
    if let Some(key) = name.strip_prefix("sockstat_") {
        // The exporter has memory of buffers both in pages and in bytes, a sample in bytes.
        let key = match key {
            "TCP_mem" | "UDP_mem" => return None,
            key => {
                key.strip_suffix("_mem_bytes").map_or(key.to_owned(), |rest| format!("{rest}_mem"))
            }
        };
        return plain("sockstat", &key.to_lowercase());
    }
    if let Some(key) = name.strip_prefix("softnet_") {
        let key = key.strip_suffix("_total").unwrap_or(key);
        return plain(&format!("softnet,cpu=cpu{}", label(metric, "cpu")?), key);
    }
    if let Some(key) = name.strip_prefix("pressure_") {
        let (resource, kind) = key.split_once('_')?;
        let kind = if kind.starts_with("waiting") { "some" } else { "full" };
        return Some((format!("pressure,resource={resource} {kind}_total_usec"), 1e-6));
    }
    if let Some(key) = name.strip_prefix("disk_") {
        let (field, factor) = disk(key)?;
        return Some((format!("diskio,name={} {field}", label(metric, "device")?), factor));
    }
    if let Some(key) = name.strip_prefix("filesystem_") {
        let (field, device) = (filesystem(key)?, label(metric, "device")?);
        let device = device.strip_prefix("/dev/").unwrap_or(device);
        let (kind, path) = (label(metric, "fstype")?, label(metric, "mountpoint")?);
        return plain(&format!("disk,device={device},fstype={kind},path={path}"), field);
    }
    let key = name.strip_prefix("network_")?;
    let interface = label(metric, "device")?;
    if let Some((measurement, field, factor)) = network(key) {
        return Some((format!("{measurement},interface={interface} {field}"), factor));
    }
    None
}

fn memory(key: &str) -> Option<&'static str> {
    const KEYS: [(&str, &str); 51] = [
        ("Active_anon_bytes", "active_anon"),
        ("Active_bytes", "active"),
        ("Active_file_bytes", "active_file"),
        ("AnonHugePages_bytes", "anon_huge_pages"),
        ("AnonPages_bytes", "anon_pages"),
        ("Bounce_bytes", "bounce"),
        ("Buffers_bytes", "buffered"),
        ("CommitLimit_bytes", "commit_limit"),
        ("Committed_AS_bytes", "committed_as"),
        ("DirectMap1G_bytes", "direct_map_1g"),
        ("DirectMap2M_bytes", "direct_map_2m"),
        ("DirectMap4k_bytes", "direct_map_4k"),
        ("Dirty_bytes", "dirty"),
        ("FileHugePages_bytes", "file_huge_pages"),
        ("FilePmdMapped_bytes", "file_pmd_mapped"),
        ("HardwareCorrupted_bytes", "hardware_corrupted"),
        ("HugePages_Free", "huge_pages_free"),
        ("HugePages_Rsvd", "huge_pages_reserved"),
        ("HugePages_Surp", "huge_pages_surplus"),
        ("HugePages_Total", "huge_pages_total"),
        ("Hugepagesize_bytes", "huge_page_size"),
        ("Hugetlb_bytes", "hugetlb"),
        ("Inactive_anon_bytes", "inactive_anon"),
        ("Inactive_bytes", "inactive"),
        ("Inactive_file_bytes", "inactive_file"),
        ("KReclaimable_bytes", "k_reclaimable"),
        ("KernelStack_bytes", "kernel_stack"),
        ("Mapped_bytes", "mapped"),
        ("MemAvailable_bytes", "available"),
        ("MemFree_bytes", "free"),
        ("MemTotal_bytes", "total"),
        ("Mlocked_bytes", "mlocked"),
        ("NFS_Unstable_bytes", "nfs_unstable"),
        ("PageTables_bytes", "page_tables"),
        ("Percpu_bytes", "per_cpu"),
        ("SReclaimable_bytes", "sreclaimable"),
        ("SUnreclaim_bytes", "sunreclaim"),
        ("SecPageTables_bytes", "sec_page_tables"),
        ("ShmemHugePages_bytes", "shmem_huge_pages"),
        ("ShmemPmdMapped_bytes", "shmem_pmd_mapped"),
        ("Shmem_bytes", "shared"),
        ("Slab_bytes", "slab"),
        ("SwapCached_bytes", "swap_cached"),
        ("SwapFree_bytes", "swap_free"),
        ("SwapTotal_bytes", "swap_total"),
        ("Unevictable_bytes", "unevictable"),
        ("VmallocChunk_bytes", "vmalloc_chunk"),
        ("VmallocTotal_bytes", "vmalloc_total"),
        ("VmallocUsed_bytes", "vmalloc_used"),
        ("WritebackTmp_bytes", "write_back_tmp"),
        ("Writeback_bytes", "write_back"),
    ];
    KEYS.iter().find(|(theirs, _)| *theirs == key).map(|(_, ours)| *ours)
}

fn disk(key: &str) -> Option<(&'static str, f64)> {
    Some(match key {
        "discard_time_seconds_total" => ("discard_time", 1e-3),
        "discarded_sectors_total" => ("discard_bytes", 1.0 / 512.0),
        "discards_completed_total" => ("discards", 1.0),
        "discards_merged_total" => ("merged_discards", 1.0),
        "flush_requests_time_seconds_total" => ("flush_time", 1e-3),
        "flush_requests_total" => ("flushes", 1.0),
        "io_now" => ("iops_in_progress", 1.0),
        "io_time_seconds_total" => ("io_time", 1e-3),
        "io_time_weighted_seconds_total" => ("weighted_io_time", 1e-3),
        "read_bytes_total" => ("read_bytes", 1.0),
        "read_time_seconds_total" => ("read_time", 1e-3),
        "reads_completed_total" => ("reads", 1.0),
        "reads_merged_total" => ("merged_reads", 1.0),
        "write_time_seconds_total" => ("write_time", 1e-3),
        "writes_completed_total" => ("writes", 1.0),
        "writes_merged_total" => ("merged_writes", 1.0),
        "written_bytes_total" => ("write_bytes", 1.0),
        _ => return None,
    })
}

fn filesystem(key: &str) -> Option<&'static str> {
    Some(match key {
        "avail_bytes" => "free",
        "size_bytes" => "total",
        "files" => "inodes_total",
        "files_free" => "inodes_free",
        "device_error" => "device_error",
        _ => return None,
    })
}

fn network(key: &str) -> Option<(&'static str, &'static str, f64)> {
    Some(match key {
        "receive_bytes_total" => ("net", "bytes_recv", 1.0),
        "receive_compressed_total" => ("net", "compressed_in", 1.0),
        "receive_drop_total" => ("net", "drop_in", 1.0),
        "receive_errs_total" => ("net", "err_in", 1.0),
        "receive_fifo_total" => ("net", "fifo_in", 1.0),
        "receive_frame_total" => ("net", "frame_in", 1.0),
        "receive_multicast_total" => ("net", "multicast_in", 1.0),
        "receive_packets_total" => ("net", "packets_recv", 1.0),
        "transmit_bytes_total" => ("net", "bytes_sent", 1.0),
        "transmit_carrier_total" => ("net", "carrier_out", 1.0),
        "transmit_colls_total" => ("net", "colls_out", 1.0),
        "transmit_compressed_total" => ("net", "compressed_out", 1.0),
        "transmit_drop_total" => ("net", "drop_out", 1.0),
        "transmit_errs_total" => ("net", "err_out", 1.0),
        "transmit_fifo_total" => ("net", "fifo_out", 1.0),
        "transmit_packets_total" => ("net", "packets_sent", 1.0),
        "carrier" => ("net_link", "carrier", 1.0),
        "carrier_changes_total" => ("net_link", "carrier_changes", 1.0),
        "carrier_down_changes_total" => ("net_link", "carrier_down_count", 1.0),
        "carrier_up_changes_total" => ("net_link", "carrier_up_count", 1.0),
        "mtu_bytes" => ("net_link", "mtu", 1.0),
        "speed_bytes" => ("net_link", "speed", 125_000.0),
        "transmit_queue_length" => ("net_link", "tx_queue_len", 1.0),
        "up" => ("net_link", "up", 1.0),
        _ => return None,
    })
}

/// What may lie between two looks at a value that lies still otherwise: levels that breathe by themselves.
fn slack(key: &str, value: f64) -> f64 {
    if key.ends_with("TcpCurrEstab") {
        // The question itself is a connection, and others come and go.
        return 64.0;
    }
    match key.split([' ', ',']).next().unwrap_or_default() {
        // Pages come and go with every process; load averages are rounded to hundredths.
        "mem" => (64 << 20) as f64,
        "disk" => (64 << 20) as f64,
        "linux_sysctl_fs" => 512.0,
        "processes" => 64.0,
        "system" => 0.5,
        "sockstat" => (1 << 20) as f64,
        "net_link" | "kernel_vmstat" | "cpu" | "pressure" => 1e-6 + value.abs() * 1e-9,
        _ => 1e-9 + value.abs() * 1e-9,
    }
}

#[test]
fn every_metric_that_both_have_has_the_same_value() {
    let exporter = match Exporter::start() {
        Ok(exporter) => exporter,
        Err(why) => return eprintln!("skipped: {why}"),
    };
    let sample = || {
        let mut sampler =
            Sampler::builder().cgroups(false).cpu_times(true).excluded_interfaces([""]).build();
        let now = SystemTime::now().into();
        values(sampler.sample(now))
    };
    let before = sample();
    let theirs = exporter.metrics();
    let after = sample();
    let (mut compared, mut wrong, mut missing) = (0, Vec::new(), Vec::new());
    for (metric, value) in &theirs {
        let Some((key, factor)) = ours(metric) else { continue };
        let (Some(low), Some(high)) = (before.get(&key), after.get(&key)) else {
            missing.push(format!("{metric} = {value}: no {key:?}"));
            continue;
        };
        compared += 1;
        let (low, high) = (low.min(*high) * factor, high.max(*low) * factor);
        let slack = slack(&key, *value) + (high - low);
        if *value < low - slack || *value > high + slack {
            wrong.push(format!("{metric} = {value}, {key:?} = {low} to {high}"));
        }
    }
    assert_eq!(wrong, [] as [&str; 0]);
    // Devices and interfaces that were never used, and file systems that are no disks, have no rows here.
    missing.retain(|line| {
        let unused = line.contains("= 0: no \"diskio") || line.contains("= 0: no \"net,");
        !unused && !line.contains("no \"disk,")
    });
    assert_eq!(missing, [] as [&str; 0]);
    assert!(compared > 150, "{compared} metrics were compared");
    println!("{compared} of {} metrics are the same", theirs.len());
}
