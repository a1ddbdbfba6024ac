//! Names, types and labels beside those of cAdvisor and of a kubelet.

use super::*;

/// What neither has a source for here; `docs/cadvisor.md` says why.
const LEFT_OUT: [&str; 14] = [
    "container_cpu_load_average_10s",
    "container_cpu_load_d_average_10s",
    "container_health_state",
    "container_llc_occupancy_bytes",
    "container_memory_bandwidth_bytes",
    "container_memory_bandwidth_local_bytes",
    "container_perf_events_scaling_ratio",
    "container_perf_events_total",
    "container_perf_uncore_events_scaling_ratio",
    "container_perf_uncore_events_total",
    "container_referenced_bytes",
    "container_tasks_state",
    "machine_nvm_avg_power_budget_watts",
    "machine_nvm_capacity",
];

/// Compares `path` with the list in `file`: name, type and label names on each line.
fn compare(path: &str, file: &str) {
    let exposition = Exposition::builder(Arc::new(fixture::node())).topology(true).build();
    let ours = parsed(&exposition, path);
    let list = format!("{}/tests/fixtures/exposition/{file}", env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(list).unwrap();
    let mut compared = 0;
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (name, kind) = (words.next().unwrap(), words.next().unwrap());
        let labels: Vec<&str> = words.next().map_or(Vec::new(), |all| all.split(',').collect());
        if LEFT_OUT.contains(&name) {
            assert!(ours.families.iter().all(|family| family.name != name), "{name} is here");
            continue;
        }
        let family = ours.family(name);
        assert_eq!(family.kind, kind, "{name}");
        for sample in &family.samples {
            let names: Vec<&str> = sample.labels.iter().map(|(name, _)| &**name).collect();
            assert_eq!(names, labels, "{name}");
        }
        compared += 1;
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn the_kubelets_metrics_are_here_with_their_types_and_labels() {
    compare("/metrics/cadvisor", "kubelet_1_34");
}

#[test]
fn cadvisors_metrics_are_here_with_their_types_and_labels() {
    compare("/metrics", "cadvisor");
}

#[test]
fn every_metric_is_in_the_paper() {
    let paper = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cadvisor.md");
    let Ok(paper) = std::fs::read_to_string(paper) else {
        println!("skipped: docs/cadvisor.md is not part of the package");
        return;
    };
    for metric in container::metrics().map(|metric| metric.name).chain(LEFT_OUT) {
        assert!(paper.contains(metric), "{metric}");
    }
    let exposition = Exposition::builder(Arc::new(fixture::node())).topology(true).build();
    for path in ["/metrics", "/metrics/resource"] {
        for family in parsed(&exposition, path).families {
            assert!(paper.contains(&family.name), "{}", family.name);
        }
    }
}
