//! What a sampler does over time: faults, restarts, schedules, sinks.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use common::{Host, field, lines, secs, starting};
use stripchart_core::{
    Accepted, Batch, FieldDescriptor, ManualClock, NextDue, RejectReason, RejectedRow, Sink,
    SinkError, Timestamp,
};

const CRON: &str = "sys/fs/cgroup/system.slice/cron.service";

#[test]
fn the_first_sample_leaves_out_what_needs_two() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().build();
    let first = lines(sampler.sample(secs(100)));
    assert!(starting(&first, "cpu,").is_empty());
    let cron = "container_cpu,cgroup=/system.slice/cron.service";
    assert_eq!(field(&first, cron, "usage_millicores"), None);
    assert!(field(&first, cron, "usage_nanoseconds_total").is_some());
    let second = lines(sampler.sample(secs(110)));
    assert_eq!(field(&second, cron, "usage_millicores").as_deref(), Some("0"));
}

#[test]
fn a_missing_file_leaves_its_metrics_out_and_is_told_once() {
    let host = Host::new(&["host", "v2"]);
    host.remove_file("proc/meminfo");
    let mut sampler = host.sampler().build();
    let rows = lines(sampler.sample(secs(100)));
    assert!(starting(&rows, "mem,").is_empty());
    assert!(!starting(&rows, "system,").is_empty());
    sampler.sample(secs(110));
    let warnings = sampler.take_warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].path, host.path().join("proc/meminfo"));
    assert!(warnings[0].message.contains("its metrics are left out"), "{}", warnings[0]);
    host.change("host");
    assert_eq!(starting(&lines(sampler.sample(secs(120))), "mem,").len(), 1);
    assert_eq!((sampler.take_warnings().len(), sampler.stats().warnings), (0, 1));
}

#[test]
fn a_malformed_file_is_told_with_path_and_line() {
    let host = Host::new(&["host", "v2"]);
    host.write("proc/diskstats", "   8       0 sda 15 2 320 40\n");
    host.write(&format!("{CRON}/memory.stat"), "anon 1\nfile two\n");
    let mut sampler = host.sampler().build();
    let rows = lines(sampler.sample(secs(100)));
    assert!(starting(&rows, "diskio,").is_empty());
    let cron = "container_memory,cgroup=/system.slice/cron.service";
    assert_eq!(field(&rows, cron, "rss_bytes"), None);
    assert!(field(&rows, cron, "usage_bytes").is_some());
    let told: Vec<_> = sampler.take_warnings().iter().map(ToString::to_string).collect();
    let root = host.path().display();
    assert_eq!(
        told,
        [
            format!(
                "{root}/proc/diskstats: line 1: expected a count, found end of line; its metrics are left out"
            ),
            format!(
                "{root}/{CRON}/memory.stat: line 2: expected a count, found \"two\"; \
                 its metrics are left out (other cgroups' are not mentioned)"
            ),
        ]
    );
}

#[test]
fn a_host_without_cgroups_or_anything_is_sampled_all_the_same() {
    let host = Host::new(&[]);
    let mut sampler = host.sampler().host_name("bare").build();
    assert_eq!(lines(sampler.sample(secs(100))), [] as [&str; 0]);
    assert_eq!(sampler.host_name(), "bare");
    assert!(!sampler.take_warnings().is_empty());
    sampler.sample(secs(110));
    assert_eq!(sampler.take_warnings(), []);
}

#[test]
fn a_cgroup_that_is_removed_has_no_rows_and_one_that_comes_again_starts_anew() {
    let host = Host::new(&["host", "v2"]);
    let cron = "container_cpu,cgroup=/system.slice/cron.service";
    for descriptors in [0, 1000] {
        host.change("v2");
        host.write(&format!("{CRON}/cpu.stat"), "usage_usec 5000000\n");
        let mut sampler = host.sampler().descriptors_max(descriptors).build();
        sampler.sample(secs(100));
        host.remove_dir(CRON);
        assert!(starting(&lines(sampler.sample(secs(110))), cron).is_empty());
        host.write(&format!("{CRON}/cpu.stat"), "usage_usec 7000000\n");
        let again = lines(sampler.sample(secs(120)));
        assert_eq!(field(&again, cron, "usage_nanoseconds_total").as_deref(), Some("7000000000i"));
        assert_eq!(field(&again, cron, "usage_millicores"), None);
        host.write(&format!("{CRON}/cpu.stat"), "usage_usec 8000000\n");
        let later = lines(sampler.sample(secs(130)));
        assert_eq!(field(&later, cron, "usage_millicores").as_deref(), Some("100"));
        assert_eq!(sampler.take_warnings(), []);
    }
}

#[test]
fn a_cgroup_that_loses_a_controller_is_left_out_once_and_comes_back_without() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().descriptors_max(0).build();
    let cron = "cgroup=/system.slice/cron.service";
    sampler.sample(secs(100));
    for entry in std::fs::read_dir(host.path().join(CRON)).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("memory.") {
            std::fs::remove_file(path).unwrap();
        }
    }
    let rows = lines(sampler.sample(secs(110)));
    assert!(!rows.iter().any(|row| row.contains(cron)), "half of it was read: {rows:#?}");
    let rows = lines(sampler.sample(secs(120)));
    assert!(starting(&rows, &format!("container_memory,{cron}")).is_empty());
    assert_eq!(starting(&rows, &format!("container_cpu,{cron}")).len(), 1);
    assert_eq!(sampler.take_warnings(), []);
}

#[test]
fn a_cgroup_replaced_between_two_samples_starts_anew() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().build();
    let cron = "container_cpu,cgroup=/system.slice/cron.service";
    sampler.sample(secs(100));
    // The old folder is kept elsewhere, so that the file system does not give its inode to the new one.
    std::fs::rename(host.path().join(CRON), host.path().join("old")).unwrap();
    host.write(&format!("{CRON}/cpu.stat"), "usage_usec 99000000000\n");
    let rows = lines(sampler.sample(secs(110)));
    assert_eq!(field(&rows, cron, "usage_nanoseconds_total").as_deref(), Some("99000000000000i"));
    assert_eq!(field(&rows, cron, "usage_millicores"), None);
}

#[test]
fn counters_that_restart_or_leap_give_no_rate() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().build();
    let cron = "container_cpu,cgroup=/system.slice/cron.service";
    let mut usage = |at: i64, usec: u64| {
        host.write(&format!("{CRON}/cpu.stat"), &format!("usage_usec {usec}\n"));
        field(&lines(sampler.sample(secs(at))), cron, "usage_millicores")
    };
    assert_eq!(usage(100, 10_000_000), None);
    assert_eq!(usage(110, 20_000_000).as_deref(), Some("1000"));
    assert_eq!(usage(120, 5_000_000), None); // restarted
    assert_eq!(usage(130, 10_000_000).as_deref(), Some("500"));
    assert_eq!(usage(140, 900_000_000), None); // 89 of two processors
}

#[test]
fn a_clock_that_is_set_does_not_change_rates() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().build();
    let cron = "container_cpu,cgroup=/system.slice/cron.service";
    let mut usage = |at: i64, uptime: u64, usec: u64| {
        host.write("proc/uptime", &format!("{uptime}.00 0.00\n"));
        host.write(&format!("{CRON}/cpu.stat"), &format!("usage_usec {usec}\n"));
        field(&lines(sampler.sample(secs(at))), cron, "usage_millicores")
    };
    assert_eq!(usage(10_000, 50, 1_000_000), None);
    assert_eq!(usage(10_010, 60, 2_000_000).as_deref(), Some("100"));
    assert_eq!(usage(13_620, 70, 3_000_000).as_deref(), Some("100")); // an hour forward
    assert_eq!(usage(30, 80, 4_000_000).as_deref(), Some("100")); // far back
}

#[test]
fn too_many_cgroups_are_left_out_with_a_warning() {
    let host = Host::new(&["host", "v2"]);
    for n in 0..50 {
        host.write(&format!("sys/fs/cgroup/many/{n}/cpu.stat"), "usage_usec 1\n");
    }
    let mut sampler = host.sampler().cgroups_max(20).build();
    sampler.sample(secs(100));
    sampler.sample(secs(110));
    assert!(sampler.stats().cgroups <= 20, "{}", sampler.stats().cgroups);
    let warnings = sampler.take_warnings();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].message, "has more than 20 cgroups; the others are left out");
}

#[test]
fn cgroups_that_come_and_go_do_not_fill_the_memory() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().build();
    let mut most = 0;
    for round in 0..40 {
        for n in 0..20 {
            host.write(&format!("sys/fs/cgroup/jobs/{round}-{n}/cpu.stat"), "usage_usec 1\n");
        }
        most = most.max(sampler.sample(secs(100 + round)).series_count());
        host.remove_dir("sys/fs/cgroup/jobs");
    }
    assert!(most < 2000, "{most} series of 800 cgroups that are gone");
    assert_eq!(sampler.take_warnings(), []);
}

#[test]
fn a_limit_set_later_is_seen_within_a_few_samples() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().build();
    let cron = "container_memory,cgroup=/system.slice/cron.service";
    let mut limit = |at: i64| field(&lines(sampler.sample(secs(at))), cron, "limit_bytes");
    assert_eq!(limit(100), None);
    host.write(&format!("{CRON}/memory.max"), "1048576\n");
    assert!((11..=16).any(|n| limit(n * 10).as_deref() == Some("1048576i")));
}

#[test]
fn a_cgroup_that_does_nothing_is_read_again_once_it_does_something() {
    let cron = "container_memory,cgroup=/system.slice/cron.service";
    let stat = |faults: u64| format!("anon 4096\ninactive_file 0\npgfault {faults}\n");
    // With processor time standing still the faults may be those of before, for a while.
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().build();
    let mut faults = |at: i64| field(&lines(sampler.sample(secs(at))), cron, "page_faults_total");
    host.write(&format!("{CRON}/memory.stat"), &stat(1));
    assert_eq!(faults(100).as_deref(), Some("1i"));
    host.write(&format!("{CRON}/memory.stat"), &stat(2));
    host.write(&format!("{CRON}/cpu.stat"), "usage_usec 9999999\n");
    assert_eq!(faults(110).as_deref(), Some("2i"));
    host.write(&format!("{CRON}/memory.stat"), &stat(3));
    assert!((12..=17).any(|n| faults(n * 10).as_deref() == Some("3i")));
}

#[test]
fn a_cgroup_without_account_of_processor_time_is_always_read() {
    let host = Host::new(&["host", "hybrid"]);
    let mut sampler = host.sampler().build();
    let only = "container_memory,cgroup=/only-in-memory";
    let mut rss = |at: i64, bytes: u64| {
        let text = format!("total_rss {bytes}\ntotal_cache 0\n");
        host.write("sys/fs/cgroup/memory/only-in-memory/memory.stat", &text);
        field(&lines(sampler.sample(secs(at))), only, "rss_bytes")
    };
    for (at, n) in (100..).zip(0..9) {
        assert_eq!(rss(at, n * 4096), Some(format!("{}i", n * 4096)));
    }
}

#[test]
fn interfaces_file_systems_and_processors_can_be_chosen() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host
        .sampler()
        .excluded_interfaces(["eth*"])
        .filesystem_types(["none"])
        .per_cpu(false)
        .cgroups(false)
        .build();
    sampler.sample(secs(100));
    host.change("host-10s-later");
    let rows = lines(sampler.sample(secs(110)));
    let net: Vec<_> =
        starting(&rows, "net,").iter().map(|l| l.split(' ').next().unwrap()).collect();
    assert_eq!(net, ["net,host=node-a,interface=lo", "net,host=node-a,interface=veth12"]);
    assert_eq!(starting(&rows, "cpu,").len(), 1);
    assert!(starting(&rows, "container_").is_empty());
}

/// Counts, and answers as told.
#[derive(Debug, Default)]
struct Counting {
    described: AtomicUsize,
    written: AtomicUsize,
    fail: bool,
}

impl Sink for Counting {
    fn write(&self, batch: &Batch) -> Result<Accepted, SinkError> {
        self.written.fetch_add(1, Ordering::SeqCst);
        if self.fail {
            return Err(SinkError::Other { what: "disk".into(), source: "full".into() });
        }
        let rejected = RejectedRow {
            measurement: "cpu".into(),
            row: 0,
            reason: RejectReason::BeyondRetention,
        };
        Ok(Accepted { rows: batch.row_count() - 1, rejected: vec![rejected] })
    }

    fn describe(&self, fields: &[FieldDescriptor]) -> Result<(), SinkError> {
        assert!(!fields.is_empty());
        self.described.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn steps_sample_when_due_and_count_what_was_missed() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().interval(Duration::from_secs(10)).build();
    let sink = Counting::default();
    let mut step = |at: i64| {
        let due = sampler.step(secs(at), &sink);
        (due, sampler.stats().samples, sampler.stats().last_sample, sampler.stats().missed_ticks)
    };
    assert_eq!(step(103), (NextDue::at(secs(110)), 1, Some(secs(103)), 0));
    assert_eq!(step(105), (NextDue::at(secs(110)), 1, Some(secs(103)), 0));
    assert_eq!(step(112), (NextDue::at(secs(120)), 2, Some(secs(110)), 0));
    assert_eq!(step(145), (NextDue::at(secs(150)), 3, Some(secs(140)), 2));
    assert_eq!(sampler.stats().rejected_rows, 3);
    let reason = "cpu: points beyond retention policy";
    assert_eq!(sampler.stats().last_rejection.as_deref(), Some(reason));
    assert_eq!(sink.described.load(Ordering::SeqCst), 1);
    assert_eq!(sink.written.load(Ordering::SeqCst), 3);
}

#[test]
fn a_failing_sink_is_counted_and_the_sampler_goes_on() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().build();
    let sink = Counting { fail: true, ..Counting::default() };
    let _ = sampler.step(secs(100), &sink);
    let _ = sampler.step(secs(110), &sink);
    assert_eq!((sampler.stats().samples, sampler.stats().sink_errors), (2, 2));
    assert_eq!(sampler.stats().last_sink_error.as_deref(), Some("disk: full"));
}

/// Sends the time of each batch's first row.
#[derive(Debug)]
struct Sending(std::sync::Mutex<Sender<Timestamp>>);

impl Sink for Sending {
    fn write(&self, batch: &Batch) -> Result<Accepted, SinkError> {
        let first = batch.tables().next().unwrap().timestamps()[0];
        self.0.lock().unwrap().send(Timestamp::from_nanos(first)).unwrap();
        Ok(Accepted { rows: batch.row_count(), rejected: Vec::new() })
    }
}

fn sending() -> (Arc<Sending>, Receiver<Timestamp>) {
    let (sender, receiver) = channel();
    (Arc::new(Sending(sender.into())), receiver)
}

#[test]
fn a_thread_samples_by_the_clock_and_stops_when_told() {
    let host = Host::new(&["host", "v2"]);
    let (sink, sampled) = sending();
    let clock = Arc::new(ManualClock::new(secs(103)));
    // So long that only the clock below makes anything due.
    let sampler = host.sampler().interval(Duration::from_secs(3600)).build();
    let guard = sampler.spawn(sink, clock.clone()).unwrap();
    assert_eq!(sampled.recv().unwrap(), secs(103));
    for hour in 1..4 {
        clock.set(secs(hour * 3600 + 1));
        guard.wake();
        assert_eq!(sampled.recv().unwrap(), secs(hour * 3600));
    }
    let sampler = guard.stop().unwrap();
    assert_eq!((sampler.stats().samples, sampler.stats().missed_ticks), (4, 0));
    assert_eq!(sampler.stats().last_duration_ns, Some(0));
    assert!(sampled.recv().is_err(), "the sink went with the thread");
}

#[test]
fn dropping_the_guard_stops_the_thread_and_tells_warnings_before() {
    let host = Host::new(&["host", "v2"]);
    host.remove_file("proc/loadavg");
    let (sink, sampled) = sending();
    let clock = Arc::new(ManualClock::new(secs(100)));
    let guard =
        host.sampler().interval(Duration::from_secs(3600)).build().spawn(sink, clock.clone());
    let guard = guard.unwrap();
    sampled.recv().unwrap();
    clock.set(secs(3600));
    guard.wake();
    sampled.recv().unwrap(); // by now what the first sample told is shared
    assert_eq!(guard.take_warnings().len(), 1);
    assert!(guard.stats().samples >= 1);
    drop(guard);
    assert!(sampled.recv().is_err());
}
