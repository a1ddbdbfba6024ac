//! What a sampler tells a node.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{Host, secs};
use stripchart_collector::node::{Container, EventKind};
use stripchart_collector::{Node, Sampler};
use stripchart_core::{Accepted, Batch, Clock, ManualClock, Sink, SinkError, Timestamp};

const CRON: &str = "sys/fs/cgroup/system.slice/cron.service";
const CRON_PATH: &str = "/system.slice/cron.service";

/// A host, a node, and a sampler that fills it.
fn sampled(trees: &[&str]) -> (Host, Arc<Node>, Sampler) {
    let host = Host::new(trees);
    let node = Arc::new(Node::new());
    let sampler = host.sampler().node(Arc::clone(&node)).samples_kept(3).build();
    (host, node, sampler)
}

fn of<T>(node: &Node, path: &str, look: impl FnOnce(&Container) -> T) -> T {
    look(node.containers().get(path).expect(path))
}

#[test]
fn every_cgroup_is_a_container_the_root_included() {
    let (_host, node, mut sampler) = sampled(&["host", "v2"]);
    sampler.sample(secs(100));
    let containers = node.containers();
    assert_eq!(containers.keys().next().map(|path| &**path), Some("/"));
    assert_eq!(containers.len() as u64, sampler.stats().cgroups);
    let root = containers["/"].samples.latest().unwrap();
    // Version 2 has no usage of the root: what programs and page cache have.
    assert_eq!(root.memory.usage, Some(774_144 + 8_003_584));
    assert_eq!(root.memory.working_set, Some(774_144 + 8_003_584 - 2_101_248));
    assert_eq!((root.at, root.cpu.usage_ns), (secs(100), Some(18_164_000_000)));
}

#[test]
fn samples_are_kept_oldest_first_and_only_so_many() {
    let (host, node, mut sampler) = sampled(&["host", "v2"]);
    for n in 0..5 {
        host.write(&format!("{CRON}/cpu.stat"), &format!("usage_usec {n}\n"));
        sampler.sample(secs(100 + n * 10));
    }
    let usages = of(&node, CRON_PATH, |container| {
        assert!(container.samples.latest_two().is_some());
        container.samples.iter().map(|s| (s.at, s.cpu.usage_ns)).collect::<Vec<_>>()
    });
    assert_eq!(usages, [2, 3, 4].map(|n: i64| (secs(100 + n * 10), Some(n.unsigned_abs() * 1000))));
}

#[test]
fn containers_that_come_and_go_are_events() {
    let (host, node, mut sampler) = sampled(&["host", "v2"]);
    sampler.sample(secs(100));
    let after = node.events().last();
    host.write("sys/fs/cgroup/job/cpu.stat", "usage_usec 1\n");
    sampler.sample(secs(110));
    assert!(node.containers().contains_key("/job"));
    host.remove_dir("sys/fs/cgroup/job");
    sampler.sample(secs(120));
    assert!(!node.containers().contains_key("/job"));
    let events = node.events().since(after, |_| true);
    let told: Vec<_> = events.iter().map(|e| (&*e.container, e.at, e.kind.clone())).collect();
    let deleted = EventKind::Deleted { exit_code: None };
    assert_eq!(told, [("/job", secs(110), EventKind::Created), ("/job", secs(120), deleted)]);
}

#[test]
fn a_container_replaced_by_another_of_its_name_has_no_samples_of_that() {
    let (host, node, mut sampler) = sampled(&["host", "v2"]);
    sampler.sample(secs(100));
    std::fs::rename(host.path().join(CRON), host.path().join("old")).unwrap();
    host.write(&format!("{CRON}/cpu.stat"), "usage_usec 7\n");
    sampler.sample(secs(110));
    assert_eq!(of(&node, CRON_PATH, |container| container.samples.len()), 1);
}

#[test]
fn limits_are_known_and_followed() {
    let (host, node, mut sampler) = sampled(&["host", "v2"]);
    host.write(&format!("{CRON}/cpu.weight"), "100\n");
    host.write(&format!("{CRON}/cpu.max"), "50000 100000\n");
    host.write(&format!("{CRON}/cpuset.cpus.effective"), "0-1\n");
    host.write(&format!("{CRON}/memory.max"), "1048576\n");
    host.write(&format!("{CRON}/memory.high"), "max\n");
    host.write(&format!("{CRON}/pids.max"), "77\n");
    sampler.sample(secs(100));
    let spec = of(&node, CRON_PATH, |container| container.spec.clone());
    let (cpu, memory) = (spec.cpu.unwrap(), spec.memory.unwrap());
    assert_eq!((cpu.shares, cpu.weight, cpu.quota_usec), (2597, Some(100), Some(50_000)));
    assert_eq!((cpu.period_usec, &*cpu.cpus), (Some(100_000), "0-1"));
    assert_eq!((memory.limit, memory.high, spec.pids_limit), (Some(1 << 20), None, Some(77)));
    host.write(&format!("{CRON}/memory.max"), "2097152\n");
    let limit = |node: &Node| of(node, CRON_PATH, |c| c.spec.memory.as_ref().unwrap().limit);
    assert!((11..=16).any(|n| {
        sampler.sample(secs(n * 10));
        limit(&node) == Some(2 << 20)
    }));
}

#[test]
fn a_refresh_tells_the_node_and_writes_no_row() {
    let (host, node, mut sampler) = sampled(&["host", "v2"]);
    sampler.sample(secs(100));
    host.write(&format!("{CRON}/cpu.stat"), "usage_usec 1000000\n");
    sampler.sample(secs(110));
    host.write(&format!("{CRON}/cpu.stat"), "usage_usec 1500000\n");
    sampler.refresh(secs(115));
    let latest = of(&node, CRON_PATH, |container| {
        let latest = container.samples.latest().unwrap();
        (latest.at, latest.cpu.usage_ns)
    });
    assert_eq!(latest, (secs(115), Some(1_500_000_000)));
    assert_eq!((sampler.stats().samples, sampler.stats().last_refresh), (2, Some(secs(115))));
    // Rates of rows go from row to row, whatever was looked at in between.
    host.write(&format!("{CRON}/cpu.stat"), "usage_usec 2000000\n");
    let rows = common::lines(sampler.sample(secs(120)));
    let cron = "container_cpu,cgroup=/system.slice/cron.service";
    assert_eq!(common::field(&rows, cron, "usage_millicores").as_deref(), Some("100"));
}

#[test]
fn idle_containers_are_looked_at_less_often_if_so_wanted() {
    let host = Host::new(&["host", "v2"]);
    let node = Arc::new(Node::new());
    let mut sampler = host
        .sampler()
        .node(Arc::clone(&node))
        .full_interval(Duration::from_secs(3600))
        .idle_interval_max(Duration::from_secs(80))
        .build();
    let at = |node: &Node| of(node, CRON_PATH, |c| c.samples.latest().unwrap().at);
    for n in 0..40 {
        sampler.sample(secs(100 + n * 10));
    }
    let kept = of(&node, CRON_PATH, |container| container.samples.len());
    assert!((8..=14).contains(&kept), "{kept}");
    // A refresh looks at all of them, and one that works is looked at each time.
    sampler.refresh(secs(600));
    assert_eq!(at(&node), secs(600));
    for n in 1..5 {
        host.write(&format!("{CRON}/cpu.stat"), &format!("usage_usec {n}000000\n"));
        sampler.refresh(secs(600 + n));
    }
    sampler.sample(secs(610));
    assert_eq!(at(&node), secs(610));
}

/// Takes all.
#[derive(Debug)]
struct Taking;

impl Sink for Taking {
    fn write(&self, batch: &Batch) -> Result<Accepted, SinkError> {
        Ok(Accepted { rows: batch.row_count(), rejected: Vec::new() })
    }
}

#[test]
fn whoever_asks_a_running_sampler_gets_something_fresh() {
    let (_host, node, sampler) = sampled(&["host", "v2"]);
    let clock = Arc::new(ManualClock::new(secs(103)));
    let guard = sampler.spawn(Arc::new(Taking), clock.clone()).unwrap();
    let handle = guard.handle();
    let long = Duration::from_secs(60);
    assert!(handle.refresh(Duration::ZERO, long));
    let at = |node: &Node| of(node, "/", |c| c.samples.latest().unwrap().at);
    assert_eq!(at(&node), secs(103));
    clock.set(secs(105));
    assert!(handle.refresh(Duration::from_secs(5), long));
    assert_eq!(at(&node), secs(103), "two seconds are fresh enough");
    assert!(handle.refresh(Duration::from_secs(1), long));
    assert_eq!(at(&node), secs(105));
    clock.set(secs(50));
    assert!(handle.refresh(Duration::from_secs(1), long), "also after the clock was set back");
    assert_eq!(at(&node), clock.now());
    let _ = guard.stop();
    clock.set(Timestamp::from_secs(200));
    assert!(!handle.refresh(Duration::ZERO, long), "nobody reads any more, and nobody waits");
}
