//! The files of the host beyond the oldest ones, good and bad, against their fixtures.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

#[path = "common/table.rs"]
mod table;

use stripchart_collector::proc::{
    CpuInfo, FileNr, Interrupts, IpVs, IpVsStats, IrqPressure, KStat, LabelledCounts, MdStat,
    NfConntrack, SchedStats, SockStat, SoftnetStat,
};
use stripchart_collector::sysfs::{CpuList, NodeMemInfo, NumaStat, Uevent};
use table::check;

#[test]
fn sockets_and_packets() {
    check(
        "sockstat",
        |text| SockStat::parse(text).map(|s| s.iter().filter(|one| one.2 > 0).count()),
        &[
            ("two-families", Ok(6)),
            ("bad-no-colon", Err("line 1: expected a protocol and a colon, found \"TCP\"")),
            ("bad-value", Err("line 1: expected a count, found \"x\"")),
        ],
    );
    check(
        "softnet_stat",
        |text| {
            let stat = SoftnetStat::parse(text)?;
            Ok(stat.iter().map(|c| (c.cpu, c.processed, c.backlog_len)).collect::<Vec<_>>())
        },
        &[
            ("v5.10-two-cpus", Ok(vec![(0, 0x0004_f49e, Some(3)), (1, 0x0007_30c8, Some(0))])),
            ("v2.6-nine-columns", Ok(vec![(0, 0x0001_5c73, None)])),
            (
                "bad-two-columns",
                Err("line 1: expected three hexadecimal numbers, found \"00015c73 00020e76\""),
            ),
            ("bad-not-hex", Err("line 1: expected a hexadecimal number, found \"0000000g\"")),
        ],
    );
    check(
        "nf_conntrack",
        |text| NfConntrack::parse(text).map(|s| (s.found, s.invalid, s.search_restart)),
        &[
            ("v5.10", Ok((Some(11), Some(3), Some(2)))),
            (
                "bad-fewer-values",
                Err("line 2: expected as many values as names, found end of line"),
            ),
            ("bad-empty", Err("line 1: expected a line of names, found end of file")),
        ],
    );
}

#[test]
fn counts_of_the_kernel() {
    check(
        "file_nr",
        |text| FileNr::parse(text).map(|files| (files.allocated, files.max)),
        &[
            ("three-counts", Ok((1024, 9000))),
            ("bad-two-counts", Err("line 1: expected a count, found end of line")),
        ],
    );
    check(
        "interrupts",
        |text| {
            let all = Interrupts::parse(text)?;
            let told = all.iter().filter(|one| one.total > 0);
            Ok(told.map(|one| (one.name.to_owned(), one.total)).collect::<Vec<_>>())
        },
        &[
            ("v6-two-cpus", Ok(vec![("24".to_owned(), 3), ("NMI".to_owned(), 3)])),
            ("softirqs", Ok(vec![("TIMER".to_owned(), 2_006_217)])),
            ("bad-heading", Err("line 1: expected a heading of processors, found \"24:\"")),
            ("bad-no-colon", Err("line 2: expected a name and a colon, found \"24\"")),
            ("bad-no-count", Err("line 2: expected a count, found \"x\"")),
        ],
    );
    check(
        "schedstat",
        |text| {
            let stats = SchedStats::parse(text)?;
            Ok(stats.iter().map(|c| (c.cpu, c.run_ns, c.wait_ns, c.timeslices)).collect::<Vec<_>>())
        },
        &[
            ("version-15", Ok(vec![(0, 700, 30, 4), (1, 500, 10, 2)])),
            ("bad-no-version", Err("line 1: expected a line \"version\", found \"cpu0 1 2\"")),
            ("bad-short", Err("line 2: expected a count, found end of line")),
        ],
    );
    check(
        "irq_pressure",
        |text| IrqPressure::parse(text).map(|p| (p.full.avg60, p.full.total_usec)),
        &[
            ("v6.1", Ok((0.02, 4711))),
            ("bad-some", Err("line 1: expected a line \"full\", found \"some\"")),
        ],
    );
}

#[test]
fn arrays() {
    // name, state, blocks, synced, devices: wanted, working, failed, spare
    type Seen = (String, &'static str, u64, u64, [u64; 4]);
    let seen = |name: &str, state, blocks, synced, disks| -> Seen {
        (name.to_owned(), state, blocks, synced, disks)
    };
    check(
        "mdstat",
        |text| {
            let arrays = MdStat::parse(text)?;
            let one = |a: stripchart_collector::proc::MdArray<'_>| {
                let disks = [a.disks_total, a.disks_active, a.disks_failed, a.disks_spare];
                seen(a.name, a.state, a.blocks, a.blocks_synced, disks)
            };
            Ok(arrays.iter().map(one).collect::<Vec<_>>())
        },
        &[
            (
                "four-arrays",
                Ok(vec![
                    seen("md0", "recovering", 195_310_144, 16_775_552, [2, 1, 1, 0]),
                    seen("md1", "inactive", 883_648, 883_648, [1, 0, 0, 1]),
                    seen("md2", "resyncing", 32, 0, [2, 2, 0, 0]),
                    seen("md3", "active", 5_855_267_840, 5_855_267_840, [3, 3, 0, 1]),
                ]),
            ),
            ("no-arrays", Ok(vec![])),
            ("bad-state", Err("line 2: expected \"active\" or \"inactive\", found \"broken\"")),
            ("bad-no-blocks", Err("line 3: expected a line COUNT blocks, found end of file")),
            ("bad-empty", Err("line 1: expected a line \"Personalities\", found end of file")),
        ],
    );
}

#[test]
fn processors_and_nodes() {
    check(
        "cpuinfo",
        |text| {
            let info = CpuInfo::parse(text)?;
            let cores = info.processors().map(|p| (p.number, p.physical_id, p.core_id)).collect();
            Ok((info.vendor_id.map(str::to_owned), info.mhz, cores))
        },
        &[
            (
                "x86-two-threads",
                Ok((
                    Some("GenuineIntel".to_owned()),
                    Some(2593.906),
                    vec![(0, Some(0), Some(0)), (1, Some(0), Some(0))],
                )),
            ),
            ("power", Ok((None, Some(3425.0), vec![(0, None, None)]))),
            ("bad-core", Err("line 2: expected a number of a socket or core, found \"x\"")),
        ],
    );
    check(
        "node_meminfo",
        |text| NodeMemInfo::parse(text).map(|m| (m.mem_total, m.huge_pages_total)),
        &[
            ("node-1", Ok((Some(2 << 20), Some(3)))),
            ("bad-no-total", Err("line 1: expected a line \"MemTotal:\", found end of file")),
            ("bad-no-node", Err("line 1: expected \"Node\", found \"MemTotal:\"")),
        ],
    );
    check(
        "numastat",
        |text| NumaStat::parse(text).map(|s| (s.numa_hit, s.other_node)),
        &[
            ("six-keys", Ok((Some(193), Some(3)))),
            ("bad-empty", Err("line 1: expected a key that is known, found end of file")),
            ("bad-value", Err("line 1: expected a count, found \"x\"")),
        ],
    );
    check(
        "cpu_list",
        |text| CpuList::parse(text).map(|list| (list.len(), list.contains(10), list.contains(4))),
        &[
            ("ranges", Ok((9, true, false))),
            ("empty-line", Ok((0, false, false))),
            ("bad-order", Err("line 1: expected a number or a range FIRST-LAST, found \"3-1\"")),
            ("bad-word", Err("line 1: expected a number or a range FIRST-LAST, found \"0-a\"")),
        ],
    );
}

#[test]
fn parts_that_most_hosts_lack() {
    check(
        "labelled_counts",
        |text| {
            let stat = LabelledCounts::parse(text)?;
            Ok(["rpc", "th", "no"].map(|label| stat.of(label).collect::<Vec<_>>()))
        },
        &[
            ("nfsd", Ok([vec![184, 2, 1, 1, 0], vec![8, 0], vec![]])),
            ("crlf", Ok([vec![1, 2], vec![8], vec![]])),
            ("bad-empty", Err("line 1: expected a label and counts, found end of file")),
            ("bad-21-digits", Err("line 2: expected a count, found \"184467440737095516160\"")),
            ("bad-two-points", Err("line 1: expected a count, found \"0.0.0\"")),
            ("bad-negative", Err("line 1: expected a count, found \"-1\"")),
        ],
    );
    check(
        "kstat",
        |text| {
            let table = KStat::parse(text)?;
            Ok(table.iter().map(|(name, value)| (name.to_owned(), value)).collect::<Vec<_>>())
        },
        &[
            (
                "arcstats",
                Ok(vec![
                    ("hits".to_owned(), 8_772_612),
                    ("misses".to_owned(), 604_635),
                    ("c_max".to_owned(), 8 << 30),
                    ("size".to_owned(), 1_603_939_792),
                ]),
            ),
            (
                "bad-no-heading",
                Err("line 2: expected a heading \"name type data\", found \"hits 4 1\""),
            ),
            ("bad-count", Err("line 3: expected a count, found \"-1\"")),
            ("bad-no-value", Err("line 3: expected a value, found end of line")),
            ("bad-empty", Err("line 2: expected a heading \"name type data\", found end of file")),
        ],
    );
    check(
        "uevent",
        |text| {
            let event = Uevent::parse(text)?;
            let get = |key| event.get(key).map(str::to_owned);
            Ok([get("POWER_SUPPLY_CAPACITY"), get("POWER_SUPPLY_MODEL_NAME"), get("CAPACITY")])
        },
        &[
            ("battery", Ok([Some("85".to_owned()), Some("two words".to_owned()), None])),
            ("bad-no-value", Err("line 2: expected KEY=VALUE, found \"B\"")),
            ("bad-nul", Err("line 1: expected KEY=VALUE, found \"A=\\0\"")),
            ("bad-cut", Err("line 2: expected a line end, found end of file")),
        ],
    );
}

#[test]
fn the_load_balancer() {
    check(
        "ip_vs",
        |text| {
            let list = IpVs::parse(text)?;
            Ok(list.iter().map(|b| (b.remote.to_string(), b.active)).collect::<Vec<_>>())
        },
        &[
            (
                "two-families-and-a-mark",
                Ok(vec![
                    ("10.10.0.5".to_owned(), 12),
                    ("10.10.0.6".to_owned(), 0),
                    ("2001:db8::14".to_owned(), 0),
                    ("10.10.0.7".to_owned(), 4),
                ]),
            ),
            ("no-service", Ok(vec![])),
            (
                "bad-no-headings",
                Err("line 1: expected three headings, found \"TCP  0A600001:01BB rr\""),
            ),
            (
                "bad-server-first",
                Err(
                    "line 4: expected a service before its servers, found \"-> 0A0A0005:192B      Masq    1      12         3\"",
                ),
            ),
            (
                "bad-address",
                Err("line 4: expected an address and a port, found \"0A60000101:01BB\""),
            ),
            ("bad-port", Err("line 4: expected an address and a port, found \"0A600001:F01BB\"")),
            ("bad-mark", Err("line 4: expected a hexadecimal mark, found \"x\"")),
            ("bad-weight", Err("line 5: expected a weight, found \"-1\"")),
            ("bad-empty", Err("line 1: expected three headings, found end of file")),
        ],
    );
    check(
        "ip_vs_stats",
        |text| IpVsStats::parse(text).map(|s| (s.connections, s.incoming_bytes)),
        &[
            ("five-totals", Ok((42, 0x10_000f))),
            ("bad-four-totals", Err("line 3: expected a hexadecimal number, found end of line")),
            ("bad-empty", Err("line 3: expected totals, found end of file")),
            ("bad-not-hex", Err("line 3: expected a hexadecimal number, found \"G\"")),
        ],
    );
}
