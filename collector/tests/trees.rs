//! Whole hosts, as trees of kernel files, against the rows that they should give.
//!
//! `UPDATE_GOLDEN=1` writes the rows anew, for the difference to be reviewed.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use common::{Host, lines, secs};
use stripchart_collector::Sampler;
use stripchart_core::{FieldType, ValueRef};

/// Samples the host of `trees` at 100 s, changes it, samples at 110 s, and compares the second sample; with descriptors
/// kept, with none, and with a few.
fn check(name: &str, trees: &[&str], later: &[&str], only: &str) {
    let sampled = |descriptors: usize| {
        let host = Host::new(trees);
        let mut sampler = host.sampler().descriptors_max(descriptors).build();
        sampler.sample(secs(100));
        later.iter().for_each(|tree| host.change(tree));
        let mut got = lines(sampler.sample(secs(110)));
        got.retain(|line| line.starts_with(only));
        assert_eq!(sampler.take_warnings(), [], "{name}");
        got.join("\n") + "\n"
    };
    let got = sampled(1000);
    assert_eq!(sampled(0), got, "{name}");
    assert_eq!(sampled(7), got, "{name}");
    let golden = format!("tests/fixtures/trees/{name}.golden.lp");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&golden, &got).unwrap();
    }
    let want = std::fs::read_to_string(&golden).unwrap();
    for (got, want) in got.lines().zip(want.lines()) {
        assert_eq!(got, want, "{name}");
    }
    assert_eq!(got, want, "{name}");
}

#[test]
fn a_host() {
    check("host", &["host", "v2"], &["host-10s-later"], "");
}

#[test]
fn cgroups_of_version_1() {
    check("v1", &["host", "v1"], &["host-10s-later", "v1-10s-later"], "container_");
}

#[test]
fn cgroups_of_version_2() {
    check("v2", &["host", "v2"], &["host-10s-later", "v2-10s-later"], "container_");
}

#[test]
fn cgroups_of_both_versions() {
    check("hybrid", &["host", "hybrid"], &["host-10s-later"], "container_");
}

#[test]
fn every_field_is_described_with_its_type() {
    for tree in ["v1", "v2", "hybrid"] {
        let host = Host::new(&["host", "parts", tree]);
        let mut sampler = host.sampler().build();
        sampler.sample(secs(100));
        host.change("host-10s-later");
        let batch = sampler.sample(secs(110));
        for table in batch.tables() {
            for column in table.columns() {
                let described = Sampler::descriptors()
                    .iter()
                    .find(|d| d.measurement == table.measurement() && d.field == column.name);
                let described = described.unwrap_or_else(|| {
                    panic!("{}.{} is described", table.measurement(), column.name)
                });
                assert_eq!(Some(described.field_type), column.values().field_type());
            }
        }
    }
}

#[test]
fn descriptions_are_distinct_and_typed_as_telegraf_does() {
    let mut names: Vec<_> =
        Sampler::descriptors().iter().map(|d| (&*d.measurement, &*d.field)).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for described in Sampler::descriptors() {
        let is_name = described.measurement == "process_top" && described.field == "name";
        let is_number = matches!(described.field_type, FieldType::Float | FieldType::Integer);
        assert!(is_number || is_name);
        assert!(!described.description.is_empty() && !described.description.ends_with('.'));
    }
}

#[test]
fn percentages_of_processor_time_add_up() {
    let host = Host::new(&["host", "v2"]);
    let mut sampler = host.sampler().build();
    sampler.sample(secs(100));
    host.change("host-10s-later");
    let batch = sampler.sample(secs(110));
    let cpu = batch.tables().find(|table| table.measurement() == "cpu").unwrap();
    assert_eq!(cpu.row_count(), 3);
    for row in 0..cpu.row_count() {
        let sum: f64 = cpu
            .columns()
            .iter()
            .filter(|column| column.name != "usage_active")
            .filter_map(|column| column.get(row).and_then(ValueRef::as_f64))
            .sum();
        assert!((sum - 100.0).abs() < 1e-9, "{sum}");
    }
}
