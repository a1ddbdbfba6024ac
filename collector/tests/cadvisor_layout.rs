//! Rows as cAdvisor's InfluxDB driver writes them.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use common::{Host, field, lines, secs, starting};
use stripchart_collector::{Layout, Sampler};
use stripchart_core::ValueRef;

#[test]
fn each_value_is_a_measurement_of_its_own() {
    let host = Host::new(&["host", "v1"]);
    let docker = "sys/fs/cgroup/cpu,cpuacct/docker";
    host.write(&format!("{docker}/cpuacct.usage_percpu"), "20000000000 30000000000 \n");
    let mut sampler = host.sampler().layout(Layout::Cadvisor).build();
    sampler.sample(secs(100));
    let rows = lines(sampler.sample(secs(110)));
    let of = |measurement: &str| {
        let start = format!("{measurement},container_name=/docker,");
        starting(&rows, &start).iter().map(|row| (*row).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        of("cpu_usage_total"),
        ["cpu_usage_total,container_name=/docker,machine=node-a value=50000000000i 110000000000"]
    );
    assert_eq!(of("memory_working_set").len(), 1);
    assert_eq!(
        of("cpu_usage_per_cpu"),
        [
            "cpu_usage_per_cpu,container_name=/docker,instance=0,machine=node-a value=20000000000i 110000000000",
            "cpu_usage_per_cpu,container_name=/docker,instance=1,machine=node-a value=30000000000i 110000000000",
        ]
    );
    let failures = of("memory_failure");
    assert_eq!(failures.len(), 4, "{failures:?}");
    for (kind, scope, want) in [
        ("pgfault", "container", "700i"),
        ("pgfault", "hierarchical", "700i"),
        ("pgmajfault", "container", "7i"),
        ("pgmajfault", "hierarchical", "7i"),
    ] {
        let start = format!(
            "memory_failure,container_name=/docker,failure_type={kind},machine=node-a,scope={scope}"
        );
        assert_eq!(field(&rows, &start, "value").as_deref(), Some(want), "{kind} {scope}");
    }
    assert!(starting(&rows, "container_").is_empty());
    // The host's rows are as ever.
    assert_eq!(starting(&rows, "mem,").len(), 1);
}

#[test]
fn what_the_kernel_does_not_tell_has_no_row() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().layout(Layout::Cadvisor).build();
    let rows = lines(sampler.sample(secs(100)));
    assert!(!starting(&rows, "memory_usage,").is_empty());
    assert!(starting(&rows, "memory_failcnt,").is_empty());
    assert!(starting(&rows, "cpu_usage_per_cpu,").is_empty());
}

#[test]
fn every_value_is_described() {
    let host = Host::new(&["host", "v1"]);
    let mut sampler = host.sampler().layout(Layout::Cadvisor).build();
    let batch = sampler.sample(secs(100));
    for table in batch.tables() {
        let Some(column) = table.columns().iter().find(|column| column.name == "value") else {
            continue;
        };
        let described = Sampler::descriptors()
            .iter()
            .find(|d| d.measurement == table.measurement() && d.field == "value");
        assert_eq!(
            described.map(|d| d.field_type),
            column.get(0).and_then(ValueRef::field_type),
            "{}",
            table.measurement()
        );
    }
}
