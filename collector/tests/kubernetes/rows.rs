//! Documents in, rows out.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use stripchart_collector::{ClusterSampler, SummarySource};
use stripchart_core::{NextDue, Unit};

use crate::{Recorder, constant, fixture, fixture_path, ten_past, tiny};

/// A source that gives one fixture after the other.
fn replay(names: &'static [&'static str]) -> SummarySource {
    let next = AtomicUsize::new(0);
    SummarySource::from_fn("replay", move |_| {
        Ok(fixture(names[next.fetch_add(1, Ordering::Relaxed)]))
    })
}

/// The rows of both birches.
fn birches() -> String {
    let sink = Recorder::default();
    let mut sampler = ClusterSampler::builder()
        .source(replay(&["birch-0.json", "birch-1.json"]))
        .build()
        .expect("a sampler");
    assert_eq!(sampler.step(ten_past(5), &sink), NextDue::at(ten_past(65)));
    assert_eq!(sampler.step(ten_past(64), &sink), NextDue::at(ten_past(65)), "not due yet");
    assert_eq!(sampler.step(ten_past(65), &sink), NextDue::at(ten_past(125)));
    assert_eq!(sampler.take_warnings(), []);
    let round = sampler.last_round().expect("a round");
    assert_eq!((round.timestamp, round.nodes, round.failed), (ten_past(60), 1, 0));
    sink.take()
}

#[test]
fn two_summaries_a_minute_apart_give_the_golden_rows() {
    let (got, path) = (birches(), fixture_path("birch.golden.lp"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &got).expect("written");
    }
    let want = std::fs::read_to_string(&path).expect("the golden file");
    for (number, (got, want)) in got.lines().zip(want.lines()).enumerate() {
        assert_eq!(got, want, "line {}", number + 1);
    }
    assert_eq!(got.lines().count(), want.lines().count());
}

/// The value of the only row of the second round that begins so.
fn value(rows: &str, series: &str) -> Option<String> {
    let mut found = rows.lines().filter_map(|row| {
        row.strip_prefix(series)?.strip_prefix(" value=")?.strip_suffix(" 1772359260000000000")
    });
    let value = found.next().map(str::to_owned);
    assert_eq!(found.next(), None, "{series} is not unique");
    value
}

#[test]
fn the_rows_hold_what_was_reckoned_by_hand() {
    let rows = birches();
    let cases: &[(&str, Option<&str>)] = &[
        // 24.72 s of core time in 60 s.
        ("cpu/usage_rate,nodename=birch,type=node", Some("412i")),
        ("network/rx_rate,nodename=birch,type=node", Some("10000")),
        ("network/tx_rate,nodename=birch,type=node", Some("1500")),
        ("network/tx_errors_rate,nodename=birch,type=node", Some("0")),
        ("memory/page_faults_rate,nodename=birch,type=node", Some("0.5")),
        ("uptime,nodename=birch,type=node", Some("14465000i")), // 4 h 1 min 5 s
        ("ephemeral_storage/usage,nodename=birch,type=node", Some("40000i")),
        ("filesystem/usage,nodename=birch,resource_id=/,type=node", Some("40000i")),
        ("filesystem/inodes_free,nodename=birch,resource_id=/,type=node", Some("900i")),
        // 1.8 s in 60 s; renamed daemons.
        ("cpu/usage_rate,container_name=kubelet,nodename=birch,type=sys_container", Some("30i")),
        (
            "memory/rss,container_name=docker-daemon,nodename=birch,type=sys_container",
            Some("60000000i"),
        ),
        ("memory/rss,container_name=system,nodename=birch,type=sys_container", Some("11000000i")),
        // The pod's own: 10.2 s in 60 s, measured by the network's time. What it received went down.
        ("cpu/usage_rate,namespace_name=shop,nodename=birch,pod_name=web-0,type=pod", Some("170i")),
        ("network/rx_rate,namespace_name=shop,nodename=birch,pod_name=web-0,type=pod", None),
        ("network/tx_rate,namespace_name=shop,nodename=birch,pod_name=web-0,type=pod", Some("25")),
        (
            "memory/usage,namespace_name=shop,nodename=birch,pod_name=web-0,type=pod",
            Some("440000000i"),
        ),
        (
            "ephemeral_storage/usage,namespace_name=shop,nodename=birch,pod_name=web-0,type=pod",
            Some("2500i"),
        ),
        (
            "filesystem/usage,namespace_name=shop,nodename=birch,pod_name=web-0,resource_id=Volume:cache,type=pod",
            Some("2000i"),
        ),
        // The newer of two: 9 s in 60 s.
        (
            "cpu/usage_rate,container_name=app,namespace_name=shop,nodename=birch,pod_name=web-0,type=pod_container",
            Some("150i"),
        ),
        (
            "ephemeral_storage/usage,container_name=app,namespace_name=shop,nodename=birch,pod_name=web-0,type=pod_container",
            Some("1500i"),
        ),
        (
            "filesystem/usage,container_name=app,namespace_name=shop,nodename=birch,pod_name=web-0,resource_id=logs,type=pod_container",
            Some("300i"),
        ),
        // Restarted in between; and the use of its logs is not known.
        (
            "cpu/usage_rate,container_name=cart,namespace_name=shop,nodename=birch,pod_name=web-0,type=pod_container",
            None,
        ),
        (
            "ephemeral_storage/usage,container_name=cart,namespace_name=shop,nodename=birch,pod_name=web-0,type=pod_container",
            None,
        ),
        // A pod in the node's network: the sum of its containers, 0.66 s in 60 s, not its own 0.69.
        (
            "cpu/usage_rate,namespace_name=kube-system,nodename=birch,pod_name=agent-x7k2p,type=pod",
            Some("11i"),
        ),
        (
            "memory/usage,namespace_name=kube-system,nodename=birch,pod_name=agent-x7k2p,type=pod",
            Some("51000000i"),
        ),
        ("uptime,namespace_name=shop,nodename=birch,pod_name=batch-9,type=pod", Some("67000i")),
        // Namespaces and cluster.
        ("cpu/usage_rate,namespace_name=shop,type=ns", Some("170i")),
        ("cpu/usage_rate,namespace_name=kube-system,type=ns", Some("11i")),
        ("cpu/usage_rate,type=cluster", Some("181i")),
        ("memory/usage,type=cluster", Some("491000000i")),
        ("memory/working_set,type=cluster", None),
        ("cpu/limit,type=cluster", None),
    ];
    for (series, want) in cases {
        assert_eq!(value(&rows, series).as_deref(), *want, "{series}");
    }
    assert!(!rows.contains("11111111-aaaa"), "pod identities are not stored");
}

#[test]
fn the_first_round_has_no_rates() {
    let sink = Recorder::default();
    let mut sampler = ClusterSampler::builder().source(replay(&["birch-0.json"])).build().unwrap();
    let _ = sampler.step(ten_past(5), &sink);
    assert!(!sink.take().contains("_rate,"));
}

#[test]
fn the_first_kubelets_come_through_too() {
    let sink = Recorder::default();
    let mut sampler = ClusterSampler::builder()
        .source(SummarySource::file(fixture_path("elm.json")))
        .cluster_name("lab")
        .build()
        .unwrap();
    let _ = sampler.step(ten_past(0), &sink);
    let rows = sink.take();
    for row in [
        "network/rx,cluster_name=lab,namespace_name=store,nodename=elm,pod_name=db-1,type=pod value=5i ",
        "accelerator/duty_cycle,accelerator_id=GPU-0,cluster_name=lab,container_name=db,make=acme,model=x1,\
         namespace_name=store,nodename=elm,pod_name=db-1,type=pod_container value=25i ",
        "custom/queue_length,cluster_name=lab,container_name=db,namespace_name=store,nodename=elm,pod_name=db-1,\
         type=pod_container value=12.5 ",
        // What the container published is summed into its pod.
        "custom/queue_length,cluster_name=lab,namespace_name=store,nodename=elm,pod_name=db-1,type=pod value=12.5 ",
    ] {
        assert_eq!(rows.matches(row).count(), 1, "{row}\n{rows}");
    }
    // A counter beyond 63 bits, a metric without a name and a container that never started leave nothing.
    assert!(!rows.contains("cpu/usage,cluster_name=lab,container_name=db"));
    assert!(!rows.contains("custom/,") && !rows.contains("pod_name=ended"));
}

#[test]
fn each_measurement_is_described_once() {
    let sink = Recorder::default();
    let mut sampler = ClusterSampler::builder()
        .source(replay(&["birch-0.json", "birch-1.json", "birch-1.json"]))
        .source(constant("elm", fixture("elm.json")))
        .build()
        .unwrap();
    for secs in [5, 65, 125] {
        let _ = sampler.step(ten_past(secs), &sink);
    }
    let described = sink.described.lock();
    let unit = |name: &str| {
        let mut found = described.iter().filter(|field| field.measurement == name);
        let unit = found.next().map(|field| field.unit);
        assert_eq!(found.next(), None, "{name} twice");
        unit
    };
    assert_eq!(unit("cpu/usage_rate"), Some(Unit::Millicores));
    assert_eq!(unit("memory/usage"), Some(Unit::Bytes));
    assert_eq!(unit("custom/queue_length"), Some(Unit::None));
    assert_eq!(unit("cpu/limit"), None, "never written");
}

#[test]
fn rounds_stand_for_multiples_of_the_resolution() {
    let sink = Recorder::default();
    let mut sampler = ClusterSampler::builder()
        .source(constant("a", tiny("a", 1)))
        .resolution(Duration::from_secs(10))
        .build()
        .unwrap();
    // (step at, stamped, due next), in seconds past ten.
    let steps = [
        (13, Some(10), 22),
        (22, Some(20), 32),
        (31, None, 32),
        (32, Some(30), 42),
        (71, Some(60), 72), // late: those missed are not made up for
        (72, Some(70), 82),
        (-3600, None, -3588), // the clock was set back an hour
        (-3588, Some(-3590), -3578),
    ];
    for (at, stamped, due) in steps {
        assert_eq!(sampler.step(ten_past(at), &sink), NextDue::at(ten_past(due)), "at {at}");
        let want = stamped.map(|secs| {
            format!("memory/usage,nodename=a,type=node value=1i {}\n", ten_past(secs).nanos())
        });
        assert_eq!(sink.take(), want.unwrap_or_default(), "at {at}");
    }
}

#[test]
fn pods_that_are_gone_are_forgotten() {
    let round = AtomicUsize::new(0);
    let source = SummarySource::from_fn("churn", move |_| {
        let round = round.fetch_add(1, Ordering::Relaxed);
        let pods: Vec<_> = (0..50)
            .map(|pod| {
                format!(r#"{{"podRef": {{"name": "p{round}-{pod}", "namespace": "s"}}, "memory": {{"rssBytes": 1}}}}"#)
            })
            .collect();
        Ok(format!(r#"{{"node": {{"nodeName": "n"}}, "pods": [{}]}}"#, pods.join(",")).into_bytes())
    });
    struct SeriesSeen(AtomicUsize);
    impl stripchart_core::Sink for SeriesSeen {
        fn write(
            &self,
            batch: &stripchart_core::Batch,
        ) -> Result<stripchart_core::Accepted, stripchart_core::SinkError> {
            self.0.fetch_max(batch.series_count(), Ordering::Relaxed);
            Ok(stripchart_core::Accepted { rows: batch.row_count(), rejected: Vec::new() })
        }
    }
    let sink = SeriesSeen(AtomicUsize::new(0));
    let mut sampler = ClusterSampler::builder().source(source).build().unwrap();
    for round in 0..200 {
        let _ = sampler.step(ten_past(60 * round + 5), &sink);
    }
    let most = sink.0.load(Ordering::Relaxed);
    assert!((1000..1200).contains(&most), "{most}");
}
