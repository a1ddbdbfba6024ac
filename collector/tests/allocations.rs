//! A cgroup that is sampled again and again allocates nothing.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use std::sync::Arc;

use allocation_counter::measure;
use common::{Host, secs};
use stripchart_collector::Node;

/// Allocations of one sample in steady state of a host with `groups` cgroups that work and as many that do not.
fn allocations(tree: &str, folders: &[&str], groups: usize) -> u64 {
    let host = Host::new(&["host", tree]);
    let copy = |from: &str, to: &str| {
        for entry in std::fs::read_dir(host.path().join(from)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let text = std::fs::read_to_string(&path).unwrap();
                host.write(&format!("{to}/{}", path.file_name().unwrap().to_str().unwrap()), &text);
            }
        }
    };
    for folder in folders {
        for n in 0..groups {
            for kind in ["busy", "idle"] {
                copy(
                    &format!("{folder}/system.slice/cron.service"),
                    &format!("{folder}/more/{kind}-{n}"),
                );
            }
        }
    }
    let node = Arc::new(Node::new());
    let mut sampler = host
        .sampler()
        .node(Arc::clone(&node))
        .samples_kept(3)
        .full_interval(std::time::Duration::ZERO)
        .container_per_cpu(true)
        .container_numa(true)
        .build();
    let mut at = 100;
    let mut sample = || {
        for folder in folders {
            for n in 0..groups {
                let busy = format!("{folder}/more/busy-{n}");
                for (file, text) in [
                    ("cpu.stat", format!("usage_usec {at}\n")),
                    ("cpuacct.usage", format!("{at}\n")),
                    ("cpuacct.usage_percpu", format!("{at} {at}\n")),
                ] {
                    if host.path().join(&busy).join(file).exists() {
                        host.write(&format!("{busy}/{file}"), &text);
                    }
                }
            }
        }
        at += 10;
        let counted = measure(|| {
            sampler.sample(secs(at));
        });
        counted.count_total
    };
    for _ in 0..8 {
        sample();
    }
    let counts: Vec<u64> = (0..4).map(|_| sample()).collect();
    assert_eq!(node.containers().len(), usize::try_from(sampler.stats().cgroups).unwrap());
    *counts.iter().min().unwrap()
}

#[test]
fn cgroups_of_version_2_cost_no_allocation() {
    let folders = ["sys/fs/cgroup"];
    assert_eq!(allocations("v2", &folders, 40), allocations("v2", &folders, 1));
}

#[test]
fn cgroups_of_version_1_cost_no_allocation() {
    let folders =
        ["cpu,cpuacct", "memory", "blkio", "pids"].map(|name| format!("sys/fs/cgroup/{name}"));
    let folders: Vec<&str> = folders.iter().map(|folder| &**folder).collect();
    assert_eq!(allocations("v1", &folders, 40), allocations("v1", &folders, 1));
}
