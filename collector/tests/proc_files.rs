//! Every file of procfs that is parsed, good and bad, against its fixtures.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

#[path = "common/table.rs"]
mod table;

use stripchart_collector::ParseError;
use stripchart_collector::proc::{
    DiskStats, LoadAvg, MemInfo, MountInfo, NetDev, Pressure, Stat, Uptime, VmStat,
};
use table::check;

#[test]
fn stat() {
    // user, steal, guest, processors, context switches
    type Seen = (u64, u64, u64, Vec<u32>, Option<u64>);
    let read = |text: &[u8]| {
        let stat = Stat::parse(text)?;
        let cpus = stat.cpus().map(|(number, _)| number).collect();
        Ok::<Seen, ParseError>((stat.cpu.user, stat.cpu.steal, stat.cpu.guest, cpus, stat.ctxt))
    };
    check(
        "stat",
        read,
        &[
            ("v6.18-two-cpus", Ok((92_867, 923, 0, vec![0, 1], Some(1_984_741)))),
            ("v2.6.32-nine-columns", Ok((100, 3, 4, vec![0], Some(12345)))),
            ("processor-switched-off", Ok((30, 0, 0, vec![0, 2, 3], Some(5)))),
            ("blank-lines-and-crlf", Ok((1, 0, 0, vec![0], None))),
            ("bad-empty", Err("line 1: expected a line \"cpu\", found end of file")),
            ("bad-no-total", Err("line 2: expected a line \"cpu\", found end of file")),
            ("bad-negative", Err("line 1: expected a count of ticks, found \"-3\"")),
            ("bad-cut-in-a-number", Err("line 3: expected a line end, found end of file")),
            (
                "bad-21-digits",
                Err("line 1: expected a count of ticks, found \"184467440737095516160\""),
            ),
            ("bad-nul", Err("line 1: expected a count of ticks, found \"4\\0\"")),
            (
                "bad-cpu-name",
                Err("line 2: expected \"cpu\" and a processor number, found \"cpux\""),
            ),
            ("bad-three-columns", Err("line 1: expected a count of ticks, found end of line")),
            ("bad-key-without-value", Err("line 2: expected a count, found end of line")),
        ],
    );
}

#[test]
fn meminfo() {
    let read = |text: &[u8]| {
        let mem = MemInfo::parse(text)?;
        Ok((
            mem.mem_total,
            mem.mem_available,
            mem.s_reclaimable,
            mem.high_free,
            mem.huge_pages_total,
        ))
    };
    check(
        "meminfo",
        read,
        &[
            (
                "v6.18",
                Ok((Some(25_276_514_304), Some(24_733_605_888), Some(289_615_872), None, Some(0))),
            ),
            ("v3.10-no-estimate", Ok((Some(1 << 30), None, Some(25 << 20), None, None))),
            ("v4.19-32-bit", Ok((Some(2_115_080_192), None, None, Some(27_693_056), None))),
            ("bad-empty", Err("line 1: expected a line \"MemTotal:\", found end of file")),
            ("bad-no-free", Err("line 1: expected a line \"MemFree:\", found end of file")),
            ("bad-unit", Err("line 1: expected \"kB\", found \"MB\"")),
            ("bad-no-number", Err("line 1: expected a count, found \"kB\"")),
            (
                "bad-too-large",
                Err(
                    "line 1: expected less than 16 EiB, found \"MemTotal: 18446744073709551615 kB\"",
                ),
            ),
            ("bad-cut", Err("line 2: expected a line end, found end of file")),
        ],
    );
}

#[test]
fn vmstat() {
    let read = |text: &[u8]| {
        let vm = VmStat::parse(text)?;
        Ok((vm.pgfault, vm.pswpout, vm.oom_kill))
    };
    check(
        "vmstat",
        read,
        &[
            ("v6.18", Ok((Some(38_812_292), Some(0), Some(0)))),
            ("v3.10", Ok((Some(300), Some(2), None))),
            ("bad-value", Err("line 2: expected a count, found \"x\"")),
            ("bad-cut", Err("line 2: expected a line end, found end of file")),
        ],
    );
}

#[test]
fn loadavg() {
    let read = |text: &[u8]| {
        let load = LoadAvg::parse(text)?;
        Ok((load.load1, load.load15, load.running, load.threads))
    };
    check(
        "loadavg",
        read,
        &[
            ("v6.18", Ok((4.36, 2.08, 3, 98))),
            ("busy", Ok((312.5, 1.99, 97, 12043))),
            ("bad-empty", Err("line 1: expected load averages, found end of file")),
            ("bad-two-averages", Err("line 1: expected a load average, found end of line")),
            ("bad-comma", Err("line 1: expected a load average, found \"0,50\"")),
            ("bad-threads", Err("line 1: expected running threads/all threads, found \"195\"")),
            ("bad-not-a-number", Err("line 1: expected a load average, found \"nan\"")),
        ],
    );
}

#[test]
fn uptime() {
    check(
        "uptime",
        |text| Uptime::parse(text).map(|up| (up.uptime_secs, up.idle_secs)),
        &[
            ("v6.18", Ok((3217.03, 5201.21))),
            ("bad-empty", Err("line 1: expected a number of seconds, found end of file")),
            ("bad-one-number", Err("line 1: expected a number of seconds, found end of line")),
            ("bad-negative", Err("line 1: expected a number of seconds, found \"-1.00\"")),
        ],
    );
}

#[test]
fn diskstats() {
    // name, reads, bytes written, in progress
    type Seen = Vec<(String, u64, u64, u64)>;
    let seen = |rows: &[(&str, u64, u64, u64)]| -> Seen {
        rows.iter().map(|(name, a, b, c)| ((*name).to_owned(), *a, *b, *c)).collect()
    };
    let read = |text: &[u8]| {
        let disks = DiskStats::parse(text)?;
        let rows = disks.iter().filter(|disk| disk.reads > 0);
        Ok::<Seen, ParseError>(
            rows.map(|d| (d.name.to_owned(), d.reads, d.write_bytes, d.iops_in_progress)).collect(),
        )
    };
    check(
        "diskstats",
        read,
        &[
            ("v6.18-loop-and-virtio", Ok(seen(&[("vda", 155_643, 6_818_775_040, 1)]))),
            (
                "v3.10-fourteen-columns",
                Ok(seen(&[("sda", 15, 32768, 0), ("sda1", 5, 0, 0), ("dm-0", 15, 32768, 0)])),
            ),
            ("v4.18-discards", Ok(seen(&[("sda", 15, 32768, 3)]))),
            ("empty", Ok(Vec::new())),
            ("bad-short-line", Err("line 2: expected a count, found end of line")),
            ("bad-negative-in-progress", Err("line 1: expected a count, found \"-1\"")),
            (
                "bad-sectors",
                Err("line 1: expected less than 2^55 sectors, \
                     found \"8       0 sda 15 2 36028797018963968 40 7 1 64 9 0 44 49\""),
            ),
            ("bad-name", Err("line 1: expected a device name, found \"\u{fffd}\u{fffd}\"")),
        ],
    );
}

#[test]
fn net_dev() {
    // name, bytes received, bytes sent, dropped on the way out
    type Seen = Vec<(String, u64, u64, u64)>;
    let seen = |rows: &[(&str, u64, u64, u64)]| -> Seen {
        rows.iter().map(|(name, a, b, c)| ((*name).to_owned(), *a, *b, *c)).collect()
    };
    let read = |text: &[u8]| {
        let net = NetDev::parse(text)?;
        let rows = net.iter().filter(|net| net.bytes_recv > 0);
        Ok::<Seen, ParseError>(
            rows.map(|n| (n.name.to_owned(), n.bytes_recv, n.bytes_sent, n.drop_out)).collect(),
        )
    };
    check(
        "net_dev",
        read,
        &[
            (
                "v6.18",
                Ok(seen(&[("lo", 158_494_100, 158_494_100, 0), ("eth0", 277_852_923, 783_668, 0)])),
            ),
            (
                "no-blank-after-colon",
                Ok(seen(&[("eth0", 4_294_967_296, 1024, 4), ("eth0:1", 5, 6, 0)])),
            ),
            ("no-interface", Ok(Vec::new())),
            ("bad-empty", Err("line 1: expected a header line, found end of file")),
            (
                "bad-no-header",
                Err("line 1: expected a header line, \
                     found \"eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\""),
            ),
            (
                "bad-no-colon",
                Err("line 3: expected an interface name and a colon, \
                     found \"eth0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\""),
            ),
            ("bad-short", Err("line 3: expected a count, found end of line")),
            ("bad-cut", Err("line 3: expected a line end, found end of file")),
        ],
    );
}

#[test]
fn pressure() {
    let read = |text: &[u8]| {
        let pressure = Pressure::parse(text)?;
        Ok((pressure.some.avg10, pressure.some.total_usec, pressure.full.map(|f| f.total_usec)))
    };
    check(
        "pressure",
        read,
        &[
            ("v6.18-cpu", Ok((13.01, 332_938_115, Some(0)))),
            ("v6.18-memory", Ok((0.0, 0, Some(0)))),
            ("v4.20-cpu-without-full", Ok((1.5, 5_277_943, None))),
            ("bad-empty", Err("line 1: expected a line \"some\", found end of file")),
            ("bad-full-only", Err("line 1: expected a line \"some\", found end of file")),
            ("bad-order", Err("line 1: expected avg10=PERCENT, found \"avg60=0.02\"")),
            ("bad-total", Err("line 1: expected total=MICROSECONDS, found \"total=-5\"")),
            ("bad-word", Err("line 1: expected \"some\" or \"full\", found \"most\"")),
            ("bad-cut", Err("line 1: expected a line end, found end of file")),
        ],
    );
}

#[test]
fn mountinfo() {
    // mount point, type, source, whether read-only
    type Seen = Vec<(String, String, String, bool)>;
    let seen = |rows: &[(&str, &str, &str, bool)]| -> Seen {
        rows.iter().map(|(a, b, c, d)| ((*a).into(), (*b).into(), (*c).into(), *d)).collect()
    };
    let read = |text: &[u8]| {
        let mounts = MountInfo::parse(text)?;
        let rows = mounts.iter().skip(mounts.iter().count().saturating_sub(4));
        Ok::<Seen, ParseError>(
            rows.map(|mount| {
                let path = mount.mount_point.to_str().unwrap().to_owned();
                let source = mount.source.to_str().unwrap().to_owned();
                (path, mount.fs_type.to_owned(), source, mount.is_read_only())
            })
            .collect(),
        )
    };
    check(
        "mountinfo",
        read,
        &[
            (
                "hybrid",
                Ok(seen(&[
                    ("/sys/fs/cgroup/unified", "cgroup2", "cgroup2", false),
                    ("/sys/fs/cgroup/systemd", "cgroup", "cgroup", false),
                    ("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "cgroup", false),
                    ("/sys/fs/cgroup/memory", "cgroup", "cgroup", false),
                ])),
            ),
            (
                "odd-paths",
                Ok(seen(&[
                    ("/mnt/with blank\ttab\\backslash", "ext4", "/dev/sda1", true),
                    ("/mnt/empty-source", "tmpfs", "", false),
                    ("/mnt/blank-in-source", "fuse.x", "some thing", false),
                    ("/mnt/odd\\8escape", "ext4", "/dev/x", false),
                ])),
            ),
            ("bad-no-dash", Err("line 1: expected \"-\", found end of line")),
            ("bad-device", Err("line 1: expected a device number MAJOR:MINOR, found \"254\"")),
            (
                "bad-short",
                Err("line 1: expected a source and file system options, found end of line"),
            ),
            ("bad-cut", Err("line 1: expected a line end, found end of file")),
        ],
    );
}
