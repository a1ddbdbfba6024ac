//! Every file of the host that is read, broken in every way that was thought of: the others are read as if nothing were
//! wrong, one warning names the file, and nothing panics or waits.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Host, lines, secs, starting};
use stripchart_collector::{Sampler, Warning};

/// A file, whether its absence is worth a warning, and the measurements that have something from it.
type Source = (&'static str, bool, &'static [&'static str]);

const SOURCES: [Source; 66] = [
    ("proc/stat", true, &["cpu", "kernel", "processes", "system"]),
    ("proc/sys/kernel/random/entropy_avail", true, &["kernel"]),
    ("proc/sys/kernel/random/poolsize", false, &["kernel"]),
    ("proc/meminfo", true, &["mem", "swap"]),
    ("proc/vmstat", true, &["swap", "kernel_vmstat"]),
    ("proc/loadavg", true, &["system", "processes"]),
    ("proc/uptime", true, &["system"]),
    ("proc/diskstats", true, &["diskio"]),
    ("proc/1/mountinfo", true, &["disk"]),
    ("proc/1/net/dev", true, &["net"]),
    ("proc/pressure/cpu", true, &["pressure"]),
    ("proc/pressure/memory", true, &["pressure"]),
    ("proc/pressure/io", true, &["pressure"]),
    ("proc/pressure/irq", false, &["pressure"]),
    ("proc/1/net/snmp", true, &["nstat"]),
    ("proc/1/net/netstat", true, &["nstat"]),
    ("proc/1/net/snmp6", false, &["nstat"]),
    ("proc/1/net/sockstat", true, &["sockstat"]),
    ("proc/1/net/sockstat6", false, &["sockstat"]),
    ("proc/1/net/softnet_stat", true, &["softnet"]),
    ("proc/1/net/stat/nf_conntrack", false, &["conntrack"]),
    ("proc/sys/net/netfilter/nf_conntrack_count", false, &["conntrack"]),
    ("proc/sys/net/netfilter/nf_conntrack_max", false, &["conntrack"]),
    ("proc/1/net/arp", false, &["arp"]),
    ("proc/1/net/udp", false, &["udp_queues"]),
    ("proc/sys/fs/file-nr", true, &["linux_sysctl_fs"]),
    ("proc/sys/fs/inode-nr", false, &["linux_sysctl_fs"]),
    ("proc/schedstat", false, &["schedstat"]),
    ("proc/interrupts", true, &["interrupts"]),
    ("proc/softirqs", true, &["soft_interrupts"]),
    ("proc/mdstat", false, &["mdstat"]),
    ("proc/sys/kernel/osrelease", false, &["uname"]),
    ("sys/devices/system/node/node0/meminfo", false, &["numa"]),
    ("sys/devices/system/node/node0/numastat", false, &["numa"]),
    ("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", false, &["hugepages_root"]),
    ("sys/devices/system/edac/mc/mc0/ce_count", false, &["edac"]),
    ("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", false, &["linux_cpu"]),
    ("sys/class/hwmon/hwmon0/temp1_input", false, &["temp"]),
    ("sys/class/hwmon/hwmon0/temp1_label", false, &["temp"]),
    ("sys/class/thermal/thermal_zone0/temp", false, &["thermal_zone"]),
    ("sys/class/net/eth0/mtu", false, &["net_link"]),
    ("sys/class/net/bonding_masters", false, &["bonding", "bonding_slave"]),
    ("sys/class/net/bond0/bonding/slaves", false, &["bonding", "bonding_slave"]),
    ("sys/class/net/eth0/bonding_slave/mii_status", false, &["bonding", "bonding_slave"]),
    ("sys/class/net/eth0/bonding_slave/link_failure_count", false, &["bonding_slave"]),
    ("proc/1/net/rpc/nfs", false, &["nfs", "nfs_requests"]),
    ("proc/1/net/rpc/nfsd", false, &["nfsd", "nfsd_requests"]),
    ("proc/1/net/ip_vs", false, &["ipvs", "ipvs_backend"]),
    ("proc/1/net/ip_vs_stats", false, &["ipvs"]),
    ("sys/class/power_supply/BAT0/uevent", false, &["power_supply"]),
    ("sys/class/power_supply/BAT0/type", false, &["power_supply"]),
    ("sys/class/powercap/intel-rapl:0/energy_uj", false, &["rapl"]),
    ("sys/class/powercap/intel-rapl:0/name", false, &["rapl"]),
    ("sys/class/nvme/nvme0/model", false, &["nvme"]),
    ("sys/class/nvme/nvme0/state", false, &["nvme"]),
    ("sys/class/infiniband/mlx5_0/ports/1/state", false, &["infiniband_link"]),
    ("sys/class/infiniband/mlx5_0/ports/1/rate", false, &["infiniband_link"]),
    ("sys/class/infiniband/mlx5_0/ports/1/counters/port_rcv_data", false, &["infiniband"]),
    ("sys/fs/xfs/sda1/stats/stats", false, &["xfs"]),
    ("sys/fs/btrfs/1b2c-77/label", false, &["btrfs"]),
    ("sys/fs/btrfs/1b2c-77/allocation/global_rsv_size", false, &["btrfs"]),
    ("sys/fs/btrfs/1b2c-77/allocation/data/bytes_used", false, &["btrfs_allocation"]),
    ("sys/fs/btrfs/1b2c-77/allocation/data/raid1/total_bytes", false, &["btrfs_profile"]),
    ("sys/fs/btrfs/1b2c-77/devices/sdb/size", false, &["btrfs_device"]),
    ("sys/fs/btrfs/1b2c-77/devinfo/1/error_stats", false, &["btrfs_device_errors"]),
    ("proc/spl/kstat/zfs/arcstats", false, &["zfs"]),
];

/// A way to break the file at a path that has a content.
type Break = (&'static str, fn(&Path, &str));

const BREAKS: [Break; 17] = [
    ("empty", |path, _| put(path, "")),
    ("a blank line", |path, _| put(path, "\n")),
    ("NULs", |path, text| put(path, text.replace(|c: char| c.is_ascii_digit(), "\0"))),
    ("NULs only", |path, _| put(path, "\0".repeat(4096))),
    ("no UTF-8", |path, _| put(path, b"\xff\xfe \xff: \xff\xff\n".repeat(9))),
    ("CRLF", |path, text| put(path, text.replace('\n', "\r\n"))),
    ("no line end", |path, text| put(path, text.trim_end())),
    ("cut in the middle", |path, text| put(path, text[..text.len() / 2].trim_end())),
    ("24 digits", |path, text| put(path, digits(text, "184467440737095516159999"))),
    ("all ones", |path, text| put(path, digits(text, "18446744073709551615"))),
    ("negative", |path, text| put(path, digits(text, "-1"))),
    ("words", |path, text| put(path, digits(text, "max"))),
    ("one long line", |path, text| put(path, text.replace('\n', " ").repeat(500) + "\n")),
    ("absent", |path, _| fs::remove_file(path).unwrap()),
    ("a folder", |path, _| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }),
    ("a link to itself", |path, _| {
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink(path, path).unwrap();
    }),
    ("a GiB of nothing", |path, _| {
        fs::File::options().write(true).open(path).unwrap().set_len(1 << 30).unwrap();
    }),
];

fn put(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
}

/// `text` with each run of digits that stands for itself replaced.
fn digits(text: &str, by: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive([' ', '\t', '\n']) {
        let number = word.trim_end();
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        match is_number {
            true => out.push_str(&word.replace(number, by)),
            false => out.push_str(word),
        }
    }
    out
}

fn host() -> Host {
    let host = Host::new(&["host", "parts"]);
    host.write("proc/1/mountinfo", "27 1 259:1 / / rw,relatime - ext4 /dev/nvme0n1p1 rw\n");
    host
}

fn sampler(host: &Host) -> Sampler {
    // Totals show in the first sample what percentages show in the second.
    host.sampler().cgroups(false).cpu_times(true).build()
}

/// The rows of a first sample, and the warnings of two.
fn sampled(host: &Host) -> (Vec<String>, Vec<Warning>) {
    let mut sampler = sampler(host);
    let rows = lines(sampler.sample(secs(100)));
    sampler.sample(secs(110));
    (rows, sampler.take_warnings())
}

/// Those rows that are of none of `measurements`.
fn others(rows: &[String], measurements: &[&str]) -> Vec<String> {
    let of = |row: &String| row.split([',', ' ']).next().unwrap().to_owned();
    rows.iter().filter(|row| !measurements.contains(&&*of(row))).cloned().collect()
}

/// Checks one broken file; gives the rows.
fn check(host: &Host, healthy: &[String], source: &Source, case: &str) -> Vec<String> {
    let (path, required, measurements) = source;
    let (rows, warnings) = sampled(host);
    assert_eq!(others(&rows, measurements), others(healthy, measurements), "{path}: {case}");
    assert!(warnings.len() <= 1, "{path}: {case}: {warnings:?}");
    for warning in &warnings {
        assert_eq!(warning.path, host.path().join(path), "{case}: {warning}");
        let says_where = warning.message.starts_with("line ");
        assert!(says_where || warning.message.starts_with("cannot be read ("), "{case}: {warning}");
    }
    if case == "absent" {
        assert_eq!(warnings.len(), usize::from(*required), "{path}: {warnings:?}");
    }
    // Nothing is what an empty list says; and columns behind those that are known are what a newer kernel adds.
    let silent = ["absent", "empty", "a blank line", "one long line"].contains(&case);
    if rows.len() < healthy.len() && !silent {
        assert_eq!(warnings.len(), 1, "{path}: {case}: rows are missing and nobody says why");
    }
    rows
}

#[test]
fn a_broken_file_takes_its_own_metrics_with_it_and_no_others() {
    let host = host();
    let (healthy, warnings) = sampled(&host);
    assert_eq!(warnings, []);
    let mut cases = 0;
    for source in &SOURCES {
        let path = host.path().join(source.0);
        let text = fs::read_to_string(&path).unwrap();
        for (case, break_it) in &BREAKS {
            break_it(&path, &text);
            let rows = check(&host, &healthy, source, case);
            // As the kernel would write it but for the line ends: nothing is lost.
            if *case == "CRLF" {
                assert_eq!(rows, healthy, "{}", source.0);
            }
            if path.is_dir() {
                fs::remove_dir(&path).unwrap();
            } else {
                let _ = fs::remove_file(&path);
            }
            put(&path, &text);
            cases += 1;
        }
    }
    assert_eq!(sampled(&host).0, healthy, "all is good again");
    assert_eq!(cases, SOURCES.len() * BREAKS.len());
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
    let host = host();
    let (healthy, _) = sampled(&host);
    for source in &SOURCES {
        let path = host.path().join(source.0);
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        match Command::new("mkfifo").arg(&path).status() {
            Ok(status) if status.success() => {}
            other => return eprintln!("skipped: mkfifo: {other:?}"),
        }
        check(&host, &healthy, source, "a pipe");
        fs::remove_file(&path).unwrap();
        put(&path, &text);
    }
}

#[test]
fn a_folder_that_leads_back_to_itself_is_not_followed() {
    let host = host();
    let (healthy, _) = sampled(&host);
    for folder in [
        "sys/class/hwmon",
        "sys/class/thermal",
        "sys/devices/system/node",
        "sys/devices/system/cpu",
        "sys/devices/system/edac/mc",
        "sys/kernel/mm/hugepages",
        "sys/class/power_supply",
        "sys/class/powercap",
        "sys/class/infiniband",
        "sys/class/infiniband/mlx5_0/ports",
        "sys/fs/btrfs",
    ] {
        let folder = host.path().join(folder);
        for name in ["hwmon7", "thermal_zone7", "node7", "cpu7", "mc7", "hugepages-7kB", "zone:7"] {
            std::os::unix::fs::symlink(&folder, folder.join(name)).unwrap();
        }
    }
    let (rows, warnings) = sampled(&host);
    assert_eq!(others(&rows, &["numa"]), others(&healthy, &["numa"]));
    assert_eq!(warnings, []);
}

#[test]
fn processors_that_are_missing_leave_gaps_in_numbers_and_in_nothing_else() {
    let host = host();
    let cpus: Vec<u32> = (0..4096).filter(|cpu| cpu % 5 != 3).collect();
    let mut stat = "cpu  1 2 3 4 5 6 7 8 9 10\n".to_owned();
    let (mut heading, mut counts, mut softnet) = (String::new(), String::new(), String::new());
    for cpu in &cpus {
        stat.push_str(&format!("cpu{cpu} 1 2 3 4 5 6 7 8 0 0\n"));
        heading.push_str(&format!(" CPU{cpu}"));
        counts.push_str(" 2");
        softnet.push_str(&format!("{} {cpu:08x}\n", ["00000001"; 12].join(" ")));
    }
    host.write("proc/stat", &format!("{stat}intr 5\nctxt 1\n"));
    host.write(
        "proc/interrupts",
        &format!("{heading}\n 24:{counts} IO-APIC 5-edge disk\nERR: 1\n"),
    );
    host.write("proc/softirqs", &format!("{heading}\nTIMER:{counts}\n"));
    host.write("proc/1/net/softnet_stat", &softnet);
    let (rows, warnings) = sampled(&host);
    assert_eq!(warnings, []);
    assert_eq!(starting(&rows, "cpu,").len(), cpus.len() + 1);
    assert_eq!(starting(&rows, "softnet,").len(), cpus.len() + 1);
    assert!(starting(&rows, "softnet,cpu=cpu3,").is_empty());
    assert_eq!(starting(&rows, "softnet,cpu=cpu4094,").len(), 1);
    let total = 2 * cpus.len();
    for (start, want) in [("interrupts,device=5-edge\\ disk,", total), ("soft_interrupts,", total)]
    {
        assert!(starting(&rows, start)[0].contains(&format!("total={want}i")), "{start}");
    }
}

#[test]
fn interrupts_without_end_have_rows_up_to_a_bound() {
    let host = host();
    let many: String =
        (0..100_000).map(|n| format!("{n}: 1 PCI-MSIX {n}-edge device-{n}\n")).collect();
    host.write("proc/interrupts", &format!("  CPU0\n{many}"));
    let (rows, warnings) = sampled(&host);
    assert_eq!(warnings, []);
    assert_eq!(starting(&rows, "interrupts,").len(), 512);
}

#[test]
fn ten_thousand_mounts_are_read() {
    let host = host();
    let mounts: String = (0..10_000)
        .map(|n| format!("{n} 1 0:{n} / /no/{n} rw - tmpfs tmpfs{n} rw\n"))
        .chain(["99999 1 259:1 / / rw - ext4 /dev/sda1 rw\n".to_owned()])
        .collect();
    host.write("proc/1/mountinfo", &mounts);
    let mut sampler = sampler(&host);
    let batch = sampler.sample(secs(100));
    let disks = batch.tables().find(|table| table.measurement() == "disk").unwrap();
    assert_eq!(disks.row_count(), 1);
    assert_eq!(sampler.take_warnings(), []);
}

#[test]
fn devices_told_twice_are_no_trouble() {
    let host = host();
    let twice = |path: &str, from: usize| {
        let text = fs::read_to_string(host.path().join(path)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        host.write(path, &format!("{text}{}\n", lines[from..].join("\n")));
    };
    twice("proc/diskstats", 0);
    twice("proc/1/net/dev", 2);
    twice("proc/1/net/softnet_stat", 0);
    twice("proc/1/net/snmp", 0);
    twice("proc/stat", 0);
    twice("proc/mdstat", 1);
    let (rows, warnings) = sampled(&host);
    assert_eq!(warnings, []);
    assert_eq!(starting(&rows, "diskio,host=node-a,name=sda").len(), 2);
}
