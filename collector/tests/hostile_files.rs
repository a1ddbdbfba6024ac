//! No file makes a parser panic, and none that is cut short is read as if it were whole.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::fs;
use std::path::{Path, PathBuf};

use stripchart_collector::ParseError;
use stripchart_collector::cgroup::{Identity, Limit, NumberList, Value, v1, v2};
use stripchart_collector::proc::{
    CpuInfo, DiskStats, FileNr, Interrupts, IpVs, IpVsStats, IrqPressure, KStat, LabelledCounts,
    LoadAvg, MdStat, MemInfo, MountInfo, NetDev, NfConntrack, Pressure, SchedStats, SockStat,
    SoftnetStat, Stat, Uptime, VmStat,
};
use stripchart_collector::sysfs::{CpuList, NodeMemInfo, NumaStat, Uevent};

type Parser = (&'static str, fn(&[u8]) -> Result<(), ParseError>);

/// Every parser, by the folder of its fixtures; those that hand out rows are made to.
const PARSERS: [Parser; 50] = [
    ("labelled_counts", |text| {
        LabelledCounts::parse(text).map(|stat| stat.of("rpc").for_each(drop))
    }),
    ("ip_vs", |text| IpVs::parse(text).map(|list| list.iter().for_each(drop))),
    ("ip_vs_stats", |text| IpVsStats::parse(text).map(drop)),
    ("kstat", |text| KStat::parse(text).map(|table| table.iter().for_each(drop))),
    ("uevent", |text| Uevent::parse(text).map(|event| _ = event.get("POWER_SUPPLY_NAME"))),
    ("sockstat", |text| SockStat::parse(text).map(|stat| stat.iter().for_each(drop))),
    ("softnet_stat", |text| SoftnetStat::parse(text).map(|stat| stat.iter().for_each(drop))),
    ("nf_conntrack", |text| NfConntrack::parse(text).map(drop)),
    ("file_nr", |text| FileNr::parse(text).map(drop)),
    ("interrupts", |text| Interrupts::parse(text).map(|all| all.iter().for_each(drop))),
    ("schedstat", |text| SchedStats::parse(text).map(|stats| stats.iter().for_each(drop))),
    ("mdstat", |text| MdStat::parse(text).map(|stat| stat.iter().for_each(drop))),
    ("cpuinfo", |text| CpuInfo::parse(text).map(|info| info.processors().for_each(drop))),
    ("node_meminfo", |text| NodeMemInfo::parse(text).map(drop)),
    ("numastat", |text| NumaStat::parse(text).map(drop)),
    ("cpu_list", |text| CpuList::parse(text).map(drop)),
    ("irq_pressure", |text| IrqPressure::parse(text).map(drop)),
    ("stat", |text| Stat::parse(text).map(|stat| stat.cpus().for_each(drop))),
    ("meminfo", |text| MemInfo::parse(text).map(drop)),
    ("vmstat", |text| VmStat::parse(text).map(drop)),
    ("loadavg", |text| LoadAvg::parse(text).map(drop)),
    ("uptime", |text| Uptime::parse(text).map(drop)),
    ("diskstats", |text| DiskStats::parse(text).map(|disks| disks.iter().for_each(drop))),
    ("net_dev", |text| NetDev::parse(text).map(|net| net.iter().for_each(drop))),
    ("pressure", |text| Pressure::parse(text).map(drop)),
    ("mountinfo", |text| MountInfo::parse(text).map(|mounts| mounts.iter().for_each(drop))),
    ("cgroup_value", |text| Value::parse(text).map(drop)),
    ("cgroup_limit", |text| Limit::parse(text).map(drop)),
    ("v1_cpu_stat", |text| v1::CpuStat::parse(text).map(drop)),
    ("v1_cpuacct_stat", |text| v1::CpuacctStat::parse(text).map(drop)),
    ("v1_memory_stat", |text| v1::MemoryStat::parse(text).map(drop)),
    ("v1_memory_oom_control", |text| v1::MemoryOomControl::parse(text).map(drop)),
    ("v1_blkio_throttle", |text| v1::BlkioThrottle::parse(text).map(|io| io.iter().for_each(drop))),
    ("v1_blkio_device", |text| v1::BlkioDevice::parse(text).map(|io| io.iter().for_each(drop))),
    ("v2_misc_limits", |text| v2::MiscLimits::parse(text).map(|all| all.iter().for_each(drop))),
    ("v2_cpu_stat", |text| v2::CpuStat::parse(text).map(drop)),
    ("v2_cpu_max", |text| v2::CpuMax::parse(text).map(drop)),
    ("v2_memory_stat", |text| v2::MemoryStat::parse(text).map(drop)),
    ("v2_memory_events", |text| v2::MemoryEvents::parse(text).map(drop)),
    ("v1_memory_numa_stat", |text| {
        v1::MemoryNumaStat::parse(text).map(|stat| stat.iter().for_each(drop))
    }),
    ("v1_cpuacct_usage_percpu", |text| {
        v1::CpuacctUsagePercpu::parse(text).map(|usage| usage.iter().for_each(drop))
    }),
    ("v2_memory_numa_stat", |text| {
        v2::MemoryNumaStat::parse(text).map(|stat| stat.iter().for_each(drop))
    }),
    ("v2_misc", |text| v2::Misc::parse(text).map(|misc| misc.iter().for_each(drop))),
    ("v2_rdma", |text| v2::Rdma::parse(text).map(|rdma| rdma.iter().for_each(drop))),
    ("v2_cgroup_stat", |text| v2::CgroupStat::parse(text).map(drop)),
    ("v2_cgroup_events", |text| v2::CgroupEvents::parse(text).map(drop)),
    ("v2_max_events", |text| v2::MaxEvents::parse(text).map(drop)),
    ("v2_swap_events", |text| v2::SwapEvents::parse(text).map(drop)),
    ("number_list", |text| NumberList::parse(text).map(|list| list.len()).map(|_| ())),
    ("v2_io_stat", |text| v2::IoStat::parse(text).map(|io| io.iter().for_each(drop))),
];

fn fixtures(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new("tests/fixtures").join(kind);
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_file_cut_anywhere_but_at_a_line_end_is_refused() {
    for (kind, parse) in PARSERS {
        for path in fixtures(kind) {
            let text = fs::read(&path).unwrap();
            for end in 1..text.len() {
                if text[end - 1] != b'\n' {
                    assert!(parse(&text[..end]).is_err(), "{} cut at {end}", path.display());
                } else {
                    let _ = parse(&text[..end]);
                }
            }
        }
    }
}

#[test]
fn no_byte_in_place_of_another_makes_a_parser_panic() {
    for (kind, parse) in PARSERS {
        for path in fixtures(kind) {
            let mut text = fs::read(&path).unwrap();
            for at in 0..text.len().min(600) {
                let was = text[at];
                for byte in [0, b'\n', b' ', b'-', b':', b'=', b'9', b'\\', 0xff] {
                    text[at] = byte;
                    let _ = parse(&text);
                }
                text[at] = was;
            }
        }
    }
}

#[test]
fn every_parser_stands_every_file() {
    for (_, parse) in PARSERS {
        for (kind, _) in PARSERS {
            for path in fixtures(kind) {
                let _ = parse(&fs::read(path).unwrap());
            }
        }
    }
}

#[test]
fn huge_hosts_are_read() {
    let mut stat = String::from("cpu  1 2 3 4 5 6 7 8 9 10\n");
    for cpu in (0..8192).filter(|cpu| cpu % 7 != 3) {
        stat.push_str(&format!("cpu{cpu} 1 2 3 4 5 6 7 8 9 10\n"));
    }
    stat.push_str(&format!("intr 5{}\nctxt 1\n", " 0".repeat(100_000)));
    let stat = Stat::parse(stat.as_bytes()).unwrap();
    assert_eq!((stat.cpus().count(), stat.intr, stat.ctxt), (7022, Some(5), Some(1)));

    let mounts: String = (0..10_000)
        .map(|n| format!("{n} 1 0:{n} / /run/mount/{n} rw,relatime shared:{n} - tmpfs tmpfs rw\n"))
        .collect();
    assert_eq!(MountInfo::parse(mounts.as_bytes()).unwrap().iter().count(), 10_000);
}

#[test]
fn no_path_makes_the_identity_panic() {
    let id = "0f".repeat(32);
    let pieces = [
        "",
        "/",
        "pod",
        "kubepods",
        "-pod",
        ".slice",
        ".scope",
        "é",
        ":",
        "container",
        "crio-",
        &id,
    ];
    for a in pieces {
        for b in pieces {
            for c in pieces {
                let _ = Identity::of(&format!("/{a}{b}/{c}{a}"));
                let _ = Identity::of(&format!("{a}{b}{c}"));
            }
        }
    }
}
