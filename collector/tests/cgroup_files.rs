//! Every file of a cgroup that is parsed, good and bad, against its fixtures.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

#[path = "common/table.rs"]
mod table;

use stripchart_collector::cgroup::{Limit, Value, v1, v2};
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
