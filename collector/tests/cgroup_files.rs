//! Every file of a cgroup that is parsed, good and bad, against its fixtures.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

#[path = "common/table.rs"]
mod table;

use stripchart_collector::cgroup::{Limit, NumberList, Value, v1, v2};
use table::check;

#[test]
fn files_with_one_number() {
    check(
        "cgroup_value",
        |text| Value::parse(text).map(|value| value.0),
        &[
            ("v6.18-v1-memory-usage", Ok(4_678_135_808)),
            ("v6.18-v1-failcnt", Ok(174)),
            ("bad-empty", Err("line 1: expected a count, found end of file")),
            ("bad-max", Err("line 1: expected a count, found \"max\"")),
            ("bad-garbage", Err("line 1: expected a count, found \"garbage\"")),
            ("bad-two-lines", Err("line 2: expected end of file, found \"2\"")),
            ("bad-cut", Err("line 1: expected a line end, found end of file")),
            ("bad-21-digits", Err("line 1: expected a count, found \"184467440737095516150\"")),
        ],
    );
}

#[test]
fn files_with_a_limit() {
    check(
        "cgroup_limit",
        Limit::parse,
        &[
            ("v6.18-v1-memory-limited", Ok(Limit::At(32 << 20))),
            ("v6.18-v1-memory-unlimited", Ok(Limit::Unlimited)),
            ("v6.18-v1-no-quota", Ok(Limit::Unlimited)),
            ("v6.18-v1-pids", Ok(Limit::At(64))),
            ("v1-64k-pages", Ok(Limit::Unlimited)),
            ("v2-max", Ok(Limit::Unlimited)),
            ("zero", Ok(Limit::At(0))),
            ("bad-minus-two", Err("line 1: expected a limit or \"max\", found \"-2\"")),
            ("bad-empty", Err("line 1: expected a limit or \"max\", found end of file")),
        ],
    );
}

#[test]
fn cpu_stat_of_version_1() {
    let read = |text: &[u8]| {
        let stat = v1::CpuStat::parse(text)?;
        Ok((stat.nr_periods, stat.nr_throttled, stat.throttled_time, stat.nr_bursts))
    };
    check(
        "v1_cpu_stat",
        read,
        &[
            ("v6.18-no-quota", Ok((Some(0), Some(0), Some(0), Some(0)))),
            ("v6.18-throttled", Ok((Some(6), Some(5), Some(435_818_987), Some(0)))),
            ("v3.10", Ok((Some(10), Some(2), Some(5000), None))),
            ("bad-negative", Err("line 2: expected a count, found \"-2\"")),
        ],
    );
}

#[test]
fn cpuacct_stat() {
    check(
        "v1_cpuacct_stat",
        |text| v1::CpuacctStat::parse(text).map(|stat| (stat.user, stat.system)),
        &[
            ("v6.18", Ok((Some(109_184), Some(12_716)))),
            ("bad-word", Err("line 2: expected a count, found \"many\"")),
        ],
    );
}

#[test]
fn memory_stat_of_version_1() {
    let read = |text: &[u8]| {
        let stat = v1::MemoryStat::parse(text)?;
        Ok((stat.total_rss, stat.total_inactive_file, stat.total_pgfault, stat.total_shmem))
    };
    check(
        "v1_memory_stat",
        read,
        &[
            (
                "v6.18-root",
                Ok((Some(43_892_736), Some(2_739_118_080), Some(38_810_110), Some(8_998_912))),
            ),
            ("v6.18-limited", Ok((Some(0), Some(90_112), Some(9159), Some(0)))),
            ("v3.10-without-hierarchy", Ok((Some(8192), Some(1024), Some(7), None))),
            ("bad-value", Err("line 3: expected a count, found end of line")),
        ],
    );
}

#[test]
fn memory_oom_control() {
    let read = |text: &[u8]| {
        let control = v1::MemoryOomControl::parse(text)?;
        Ok((control.oom_kill_disable, control.under_oom, control.oom_kill))
    };
    check(
        "v1_memory_oom_control",
        read,
        &[
            ("v6.18", Ok((Some(0), Some(0), Some(0)))),
            ("v6.18-killed", Ok((Some(0), Some(0), Some(1)))),
            ("v3.10", Ok((Some(1), Some(0), None))),
            ("bad-value", Err("line 2: expected a count, found \"no\"")),
        ],
    );
}

#[test]
fn blkio_device() {
    let read = |text: &[u8]| Ok(v1::BlkioDevice::parse(text)?.iter().collect::<Vec<_>>());
    check(
        "v1_blkio_device",
        read,
        &[
            ("two-devices", Ok(vec![((8, 0), 2_441_480), ((8, 16), 96)])),
            ("empty", Ok(Vec::new())),
            ("bad-device", Err("line 1: expected a device number MAJOR:MINOR, found \"8-0\"")),
            ("bad-no-value", Err("line 1: expected a count, found end of line")),
            ("bad-cut", Err("line 2: expected a line end, found end of file")),
        ],
    );
}

#[test]
fn misc_limits() {
    let read = |text: &[u8]| {
        let limits = v2::MiscLimits::parse(text)?.iter();
        Ok(limits.map(|(name, limit)| (name.to_owned(), limit)).collect::<Vec<_>>())
    };
    let limits = vec![("res_a".to_owned(), Limit::Unlimited), ("res_b".to_owned(), Limit::At(10))];
    check(
        "v2_misc_limits",
        read,
        &[
            ("two-resources", Ok(limits)),
            ("empty", Ok(Vec::new())),
            ("bad-value", Err("line 1: expected a count or \"max\", found \"no\"")),
            ("bad-no-value", Err("line 1: expected a count or \"max\", found end of line")),
        ],
    );
}

#[test]
fn blkio_throttle() {
    let read = |text: &[u8]| {
        let entries = v1::BlkioThrottle::parse(text)?.iter();
        let reads = entries.filter(|entry| entry.operation == b"Read");
        Ok(reads.map(|entry| (entry.device, entry.value)).collect::<Vec<_>>())
    };
    check(
        "v1_blkio_throttle",
        read,
        &[
            ("v6.18-bytes", Ok(vec![((254, 0), 8_392_704)])),
            ("v6.18-requests", Ok(vec![((254, 0), 9)])),
            ("v6.18-root-empty", Ok(Vec::new())),
            ("two-devices", Ok(vec![((8, 0), 4096), ((253, 0), 4096)])),
            ("empty", Ok(Vec::new())),
            (
                "bad-device",
                Err("line 1: expected a device number MAJOR:MINOR or \"Total\", found \"8-0\""),
            ),
            ("bad-no-value", Err("line 1: expected a count, found end of line")),
            ("bad-cut", Err("line 2: expected a line end, found end of file")),
        ],
    );
}

#[test]
fn cpu_stat_of_version_2() {
    let read = |text: &[u8]| {
        let stat = v2::CpuStat::parse(text)?;
        Ok((stat.usage_usec, stat.nr_throttled, stat.throttled_usec))
    };
    check(
        "v2_cpu_stat",
        read,
        &[
            ("v6.18-no-controller", Ok((Some(1_211_742_131), None, None))),
            ("v6.1-throttled", Ok((Some(2_316_881), Some(114), Some(8_930_346)))),
            ("bad-no-usage", Err("line 1: expected a line \"usage_usec\", found end of file")),
            ("bad-negative", Err("line 1: expected a count, found \"-1\"")),
        ],
    );
}

#[test]
fn cpu_max() {
    check(
        "v2_cpu_max",
        |text| v2::CpuMax::parse(text).map(|max| max.limit_millicores()),
        &[
            ("half-a-core", Ok(Some(500.0))),
            ("unlimited", Ok(None)),
            ("bad-one-number", Err("line 1: expected a period in microseconds, found end of line")),
            ("bad-zero-period", Err("line 1: expected a period in microseconds, found \"0\"")),
            (
                "bad-empty",
                Err("line 1: expected a count of microseconds or \"max\", found end of file"),
            ),
        ],
    );
}

#[test]
fn memory_stat_of_version_2() {
    let read = |text: &[u8]| {
        let stat = v2::MemoryStat::parse(text)?;
        Ok((stat.anon, stat.file, stat.kernel, stat.inactive_file))
    };
    check(
        "v2_memory_stat",
        read,
        &[
            ("v6.1", Ok((Some(102_400), Some(2_121_728), Some(368_640), Some(2_101_248)))),
            ("bad-value", Err("line 2: expected a count, found \"many\"")),
            ("bad-cut", Err("line 2: expected a line end, found end of file")),
        ],
    );
}

#[test]
fn memory_events() {
    let read = |text: &[u8]| {
        let events = v2::MemoryEvents::parse(text)?;
        Ok((events.high, events.max, events.oom_kill))
    };
    check(
        "v2_memory_events",
        read,
        &[
            ("v6.1-killed", Ok((Some(0), Some(15_294), Some(2)))),
            ("v4.11-no-kills", Ok((Some(2), Some(17), None))),
            ("bad-value", Err("line 3: expected a count, found \"-1\"")),
        ],
    );
}

#[test]
fn io_stat() {
    // device, bytes read, bytes written, writes
    let read = |text: &[u8]| {
        let devices = v2::IoStat::parse(text)?.iter();
        Ok(devices.map(|d| (d.device, d.rbytes, d.wbytes, d.wios)).collect::<Vec<_>>())
    };
    check(
        "v2_io_stat",
        read,
        &[
            ("v6.1", Ok(vec![((259, 0), 5_120, 77_594_624, 177)])),
            (
                "two-devices-with-costs",
                Ok(vec![
                    ((8, 16), 1_459_200, 314_773_504, 353),
                    ((253, 0), 1_459_200, 314_773_504, 353),
                ]),
            ),
            ("device-without-numbers", Ok(vec![((8, 0), 10, 20, 2)])),
            ("two-devices-in-a-line", Ok(vec![((8, 0), 10, 20, 2), ((9, 0), 5, 0, 0)])),
            ("empty", Ok(Vec::new())),
            ("bad-device", Err("line 1: expected a device number MAJOR:MINOR, found \"sda\"")),
            (
                "bad-no-device",
                Err("line 1: expected a device number MAJOR:MINOR, found \"rbytes=10\""),
            ),
            ("bad-number", Err("line 1: expected KEY=COUNT, found \"rbytes=ten\"")),
            ("bad-negative", Err("line 1: expected KEY=COUNT, found \"wbytes=-20\"")),
        ],
    );
}

#[test]
fn memory_numa_stat_of_version_1() {
    // key, node, pages; without totals, which are sums of the others
    let read = |text: &[u8]| {
        let entries = v1::MemoryNumaStat::parse(text)?.iter();
        let name = |key: &[u8]| String::from_utf8_lossy(key).into_owned();
        let kept = entries.filter(|(key, ..)| !key.ends_with(b"total"));
        Ok(kept.map(|(key, node, pages)| (name(key), node, pages)).collect::<Vec<_>>())
    };
    let entry = |key: &str, node, pages| (key.to_owned(), node, pages);
    check(
        "v1_memory_numa_stat",
        read,
        &[
            (
                "v6.18",
                Ok(vec![
                    entry("file", 0, 690),
                    entry("anon", 0, 374),
                    entry("unevictable", 0, 5_775),
                    entry("hierarchical_file", 0, 2_615_252),
                    entry("hierarchical_anon", 0, 1_141_898),
                    entry("hierarchical_unevictable", 0, 5_775),
                ]),
            ),
            (
                "v3.10-two-nodes",
                Ok(vec![
                    entry("file", 0, 30),
                    entry("file", 1, 10),
                    entry("anon", 0, 20),
                    entry("anon", 1, 10),
                    entry("unevictable", 0, 0),
                    entry("unevictable", 1, 0),
                ]),
            ),
            ("vendor-lines", Ok(vec![entry("anon", 0, 20), entry("anon", 1, 10)])),
            ("empty", Ok(Vec::new())),
            ("bad-count", Err("line 1: expected NODE=COUNT, as N0=12, found \"N1=ten\"")),
            ("bad-node", Err("line 1: expected NODE=COUNT, as N0=12, found \"M0=20\"")),
            ("bad-cut", Err("line 1: expected a line end, found end of file")),
        ],
    );
}

#[test]
fn cpuacct_usage_percpu() {
    check(
        "v1_cpuacct_usage_percpu",
        |text| Ok(v1::CpuacctUsagePercpu::parse(text)?.iter().collect::<Vec<_>>()),
        &[
            ("v6.18", Ok(vec![27_841_831_389_664, 29_115_425_715_440])),
            ("bad-empty", Err("line 1: expected a count of nanoseconds, found end of file")),
            ("bad-word", Err("line 1: expected a count of nanoseconds, found \"x\"")),
            ("bad-two-lines", Err("line 2: expected end of file, found \"14\"")),
        ],
    );
}

#[test]
fn memory_numa_stat_of_version_2() {
    // Bytes of anonymous memory and of files, by node.
    let read = |text: &[u8]| {
        let stat = v2::MemoryNumaStat::parse(text)?;
        let of = |wanted: &[u8]| {
            stat.iter().filter(|(key, ..)| *key == wanted).map(|e| e.2).collect::<Vec<_>>()
        };
        Ok((of(b"anon"), of(b"file")))
    };
    check(
        "v2_memory_numa_stat",
        read,
        &[
            ("two-nodes", Ok((vec![1_761_280, 0], vec![5_316_608, 4096]))),
            ("empty", Ok((Vec::new(), Vec::new()))),
            ("bad-no-count", Err("line 2: expected NODE=COUNT, as N0=12, found \"N0\"")),
            ("bad-node", Err("line 1: expected NODE=COUNT, as N0=12, found \"N99999999999=12\"")),
        ],
    );
}

#[test]
fn misc() {
    let read = |text: &[u8]| {
        let entries = v2::Misc::parse(text)?.iter();
        Ok(entries.map(|(name, count)| (name.to_owned(), count)).collect::<Vec<_>>())
    };
    let entry = |name: &str, count| (name.to_owned(), count);
    check(
        "v2_misc",
        read,
        &[
            ("current", Ok(vec![entry("sev", 3), entry("sev_es", 0)])),
            ("events", Ok(vec![entry("sev.max", 7), entry("sev_es.max", 0)])),
            ("empty", Ok(Vec::new())),
            ("bad-max", Err("line 1: expected a count, found \"max\"")),
            ("bad-no-count", Err("line 1: expected a count, found end of line")),
        ],
    );
}

#[test]
fn rdma() {
    let read = |text: &[u8]| {
        let devices = v2::Rdma::parse(text)?.iter();
        let one = |d: v2::RdmaDevice<'_>| (d.device.to_owned(), d.hca_handle, d.hca_object);
        Ok(devices.map(one).collect::<Vec<_>>())
    };
    check(
        "v2_rdma",
        read,
        &[
            (
                "two-devices",
                Ok(vec![
                    ("mlx5_0".to_owned(), Limit::At(10), Limit::At(20)),
                    ("mlx5_1".to_owned(), Limit::At(1), Limit::Unlimited),
                ]),
            ),
            ("empty", Ok(Vec::new())),
            ("bad-no-count", Err("line 1: expected KEY=COUNT or KEY=max, found \"hca_handle\"")),
            ("bad-negative", Err("line 1: expected KEY=COUNT or KEY=max, found \"hca_handle=-3\"")),
        ],
    );
}

#[test]
fn cgroup_stat_and_events() {
    check(
        "v2_cgroup_stat",
        |text| {
            v2::CgroupStat::parse(text).map(|stat| (stat.nr_descendants, stat.nr_dying_descendants))
        },
        &[
            ("v6.18", Ok((Some(0), Some(0)))),
            ("v4.14", Ok((Some(12), Some(3)))),
            ("bad-word", Err("line 1: expected a count, found \"lots\"")),
        ],
    );
    check(
        "v2_cgroup_events",
        |text| v2::CgroupEvents::parse(text).map(|events| (events.populated, events.frozen)),
        &[
            ("v5.2", Ok((Some(1), Some(0)))),
            ("v4.5-no-freezer", Ok((Some(0), None))),
            ("bad-word", Err("line 1: expected a count, found \"yes\"")),
        ],
    );
}

#[test]
fn events_of_limits() {
    check(
        "v2_max_events",
        |text| v2::MaxEvents::parse(text).map(|events| events.max),
        &[
            ("v4.11", Ok(Some(42))),
            ("empty", Ok(None)),
            ("bad-20-digits", Err("line 1: expected a count, found \"99999999999999999999\"")),
        ],
    );
    check(
        "v2_swap_events",
        |text| v2::SwapEvents::parse(text).map(|events| (events.high, events.max, events.fail)),
        &[
            ("v5.8", Ok((Some(0), Some(3), Some(4)))),
            ("v4.18-no-high", Ok((None, Some(3), Some(4)))),
            ("bad-no-count", Err("line 2: expected a count, found end of line")),
        ],
    );
}

#[test]
fn lists_of_processors() {
    const BAD: &str = "line 1: expected a number or a range FIRST-LAST, found ";
    let [order, comma, blank] =
        ["\"3-1\"", "end of line", "\"0-3 7\""].map(|found| format!("{BAD}{found}"));
    check(
        "number_list",
        |text| NumberList::parse(text).map(|list| (list.as_str().to_owned(), list.len())),
        &[
            ("spans", Ok(("0-3,7,16-31".to_owned(), 21))),
            ("one", Ok(("5".to_owned(), 1))),
            ("empty-line", Ok((String::new(), 0))),
            ("empty", Ok((String::new(), 0))),
            ("bad-order", Err(&order)),
            ("bad-comma", Err(&comma)),
            ("bad-blank", Err(&blank)),
            ("bad-two-lines", Err("line 2: expected end of file, found \"7\"")),
        ],
    );
}
