//! Reading the document.

use stripchart_collector::Summary;
use stripchart_collector::heapster::{
    ClusterAggregator, MetricBatch, NamespaceAggregator, PodAggregator, RateCalculator, decode,
    encode,
};
use stripchart_collector::kubelet::Psi;
use stripchart_core::{Batch, Timestamp};

use crate::{TEN, fixture, ten_past};

#[test]
fn a_current_kubelets_document_is_read_whole() {
    let summary = Summary::parse(&fixture("birch-0.json")).unwrap();
    let node = &summary.node;
    assert_eq!(node.start_time, Some(Timestamp::from_secs(TEN - 4 * 3600)));
    let cpu = node.cpu.as_ref().unwrap();
    assert_eq!(
        (cpu.usage_nano_cores, cpu.usage_core_nano_seconds),
        (Some(412_000_000), Some(5_000_000_000_000))
    );
    let pressure = |psi: &Option<Psi>| {
        let psi = psi.as_ref().unwrap();
        (psi.full.total, psi.some.total, psi.some.avg10, psi.some.avg60, psi.some.avg300)
    };
    assert_eq!(pressure(&cpu.psi), (1000, 2000, 0.5, 1.0, 1.5));
    assert_eq!(pressure(&node.io.as_ref().unwrap().psi).0, 77);
    let memory = node.memory.as_ref().unwrap();
    assert_eq!(memory.available_bytes, Some(6_000_000_000));
    assert_eq!(memory.major_page_faults, Some(40));
    let network = node.network.as_ref().unwrap();
    assert_eq!(network.time, Some(Timestamp::from_secs(TEN)));
    assert_eq!(
        (network.default_interface.name.as_str(), network.default_interface.tx_errors),
        ("eth0", Some(3))
    );
    assert_eq!(network.interfaces.iter().map(|i| &*i.name).collect::<Vec<_>>(), ["eth0", "cni0"]);
    let runtime = node.runtime.as_ref().unwrap();
    let used = [&node.fs, &runtime.image_fs, &runtime.container_fs]
        .map(|fs| fs.as_ref().unwrap().used_bytes);
    assert_eq!(used, [Some(40_000), Some(9_000), Some(120)]);
    assert_eq!(node.rlimit.as_ref().unwrap().curproc, Some(612));
    assert_eq!(node.swap.as_ref().unwrap().swap_available_bytes, Some(2_000_000));

    let [web, agent, young] = &summary.pods[..] else { panic!("three pods") };
    assert_eq!((web.pod_ref.name.as_str(), web.pod_ref.namespace.as_str()), ("web-0", "shop"));
    assert_eq!(web.containers.iter().map(|c| &*c.name).collect::<Vec<_>>(), ["app", "app", "cart"]);
    assert_eq!(web.volume[0].name, "cache");
    assert_eq!(web.volume[0].fs.capacity_bytes, Some(50_000));
    assert_eq!(web.volume[0].pvc_ref.as_ref().unwrap().name, "cache-web-0");
    assert_eq!(web.ephemeral_storage.as_ref().unwrap().inodes_used, Some(100));
    assert_eq!(web.process_stats.as_ref().unwrap().process_count, Some(9));
    assert!(agent.network.is_none());
    assert!(young.containers.is_empty());
}

#[test]
fn the_first_kubelets_document_is_read_too() {
    let summary = Summary::parse(&fixture("elm.json")).unwrap();
    let network = summary.node.network.as_ref().unwrap();
    assert_eq!(
        (network.default_interface.name.as_str(), network.default_interface.rx_bytes),
        ("", Some(1))
    );
    assert!(summary.node.system_containers[0].user_defined_metrics.is_empty());
    let db = &summary.pods[0].containers[0];
    assert_eq!(db.cpu.as_ref().unwrap().usage_nano_cores, None);
    assert_eq!(db.accelerators[0].duty_cycle, Some(25));
    let metric = &db.user_defined_metrics[0];
    assert_eq!(
        (metric.kind.as_str(), metric.units.as_str(), metric.value),
        ("gauge", "jobs", Some(12.5))
    );
    assert_eq!(metric.labels["q"], "a");
    let ended = &summary.pods[1];
    assert_eq!(ended.start_time, None);
    assert_eq!(ended.containers[0].start_time, None, "the year 1 is Go's way of saying never");
}

#[test]
fn whatever_may_be_unset_may_be_null() {
    let summary = Summary::parse(
        br#"{"node": {"nodeName": "n", "systemContainers": null, "startTime": null, "cpu": null, "memory": null,
             "io": null, "network": {"time": null, "name": null, "rxBytes": null, "interfaces": null}, "fs": null,
             "runtime": {"imageFs": null}, "rlimit": null, "swap": null, "new-in-1.99": {"a": [1, {}]}},
             "pods": [{"podRef": {"name": "p", "namespace": "s", "uid": null}, "startTime": null, "containers": null,
             "volume": null, "ephemeral-storage": null, "process_stats": {"process_count": null},
             "cpu": {"time": null, "usageCoreNanoSeconds": null, "psi": {"full": null, "some": {"total": null}}}}]}"#,
    )
    .unwrap();
    assert!(summary.node.cpu.is_none() && summary.node.network.is_some());
    assert_eq!(summary.pods[0].pod_ref.uid, "");
}

#[test]
fn what_is_no_summary_is_refused_with_the_place() {
    let cases: &[(&str, &str)] = &[
        ("", "line 1, column 0: EOF while parsing a value; no kubelet summary, it begins \"\""),
        (
            "Unauthorized",
            "line 1, column 1: expected value; no kubelet summary, it begins \"Unauthorized\"",
        ),
        ("{}", "line 1, column 2: missing field `node`; no kubelet summary, it begins \"{}\""),
        (r#"{"node": {"nodeName": ""}}"#, "node.nodeName: expected a name, found an empty text"),
        (
            "{\"node\": {\"nodeName\": \"n\",\n  \"cpu\": {\"usageNanoCores\": -5}}}",
            "line 2, column 30: invalid value: integer `-5`, expected u64; no kubelet summary, \
             it begins \"{\\\"node\\\": {\\\"nodeName\\\": \\\"n\\\",\\n  \\\"cpu\\\": {\\\"usageNanoCores\\\": -5}}}\"",
        ),
    ];
    for (text, want) in cases {
        assert_eq!(Summary::parse(text.as_bytes()).unwrap_err().to_string(), *want, "{text}");
    }
}

#[test]
fn a_broken_time_is_named() {
    let text = r#"{"node": {"nodeName": "n", "startTime": "yesterday"}}"#;
    let error = Summary::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "line 1, column 51: invalid value: string \"yesterday\", expected a time as in \"2026-01-31T12:00:00Z\""
        ),
        "{error}"
    );
}

#[test]
fn every_truncation_is_an_error_and_no_flipped_byte_a_panic() {
    let document = fixture("elm.json");
    let end = document.trim_ascii_end().len();
    for len in 0..end {
        assert!(Summary::parse(&document[..len]).is_err(), "{len} bytes");
    }
    let mut flipped = document.clone();
    for at in 0..document.len() {
        for bit in [1, 4, 128] {
            flipped[at] ^= bit;
            if let Ok(summary) = Summary::parse(&flipped) {
                process(&summary);
            }
            flipped[at] = document[at];
        }
    }
}

/// What a sampler does with a summary, twice, as if it were of two rounds.
fn process(summary: &Summary) {
    let mut rates = RateCalculator::new();
    for round in 0..2 {
        let mut batch = MetricBatch::new(ten_past(60 * round));
        decode(summary, ten_past(60 * round), &mut batch);
        rates.process(&mut batch);
        PodAggregator.process(&mut batch);
        NamespaceAggregator.process(&mut batch);
        ClusterAggregator.process(&mut batch);
        encode(&batch, None, &mut Batch::new());
    }
}

#[test]
fn too_deep_and_too_long_are_refused() {
    let deep = format!(r#"{{"x": {}"#, "[".repeat(100_000));
    assert!(Summary::parse(deep.as_bytes()).is_err());
    let long = vec![b' '; Summary::MAX_LEN + 1];
    assert_eq!(
        Summary::parse(&long).unwrap_err().to_string(),
        "expected at most 67108864 bytes, found 67108865"
    );
}
