//! A sampled host, as Prometheus and a reader of summaries see it.

#![cfg(feature = "cadvisor")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;
#[path = "common/promtool.rs"]
mod promtool;

use std::sync::Arc;

use common::{Host, secs};
use stripchart_collector::exposition::{Document, Exposition, TextFormat, Times, sampler_families};
use stripchart_collector::kubelet::KubeletApi;
use stripchart_collector::{Node, Summary};

const DOCUMENTS: [Document; 3] = [Document::Cadvisor, Document::Kubelet, Document::Resource];

/// The node that two samples of the host of `trees` fill.
fn node(trees: &[&str], later: &[&str]) -> Arc<Node> {
    let host = Host::new(trees);
    let node = Arc::new(Node::new());
    let mut sampler = host.sampler().node(Arc::clone(&node)).build();
    sampler.sample(secs(100));
    later.iter().for_each(|tree| host.change(tree));
    sampler.sample(secs(110));
    node
}

fn hosts() -> [(&'static str, Arc<Node>); 3] {
    [
        ("v1", node(&["host", "v1"], &["host-10s-later", "v1-10s-later"])),
        ("v2", node(&["host", "v2"], &["host-10s-later", "v2-10s-later"])),
        ("hybrid", node(&["host", "hybrid"], &["host-10s-later"])),
    ]
}

#[test]
fn promtool_dislikes_nothing_but_names_of_cadvisors() {
    for (name, node) in hosts() {
        let stats = stripchart_collector::Sampler::builder().build().stats().clone();
        let exposition = Exposition::builder(node)
            .times(Times::Always)
            .topology(true)
            .families(move |writer| sampler_families(writer, &stats))
            .build();
        for document in DOCUMENTS {
            let text = exposition.text(document, TextFormat::Prometheus).unwrap();
            let Some(complaints) = promtool::complaints(&text) else { return };
            assert_eq!(complaints, <[String; 0]>::default(), "{name} {document:?}");
        }
    }
}

#[test]
fn a_sampled_host_has_what_its_files_say() {
    for (name, node) in hosts() {
        let exposition = Exposition::new(Arc::clone(&node));
        let text = exposition.text(Document::Cadvisor, TextFormat::Prometheus).unwrap();
        for family in [
            "container_cpu_usage_seconds_total",
            "container_memory_working_set_bytes",
            "container_spec_cpu_shares",
        ] {
            let samples = text.lines().filter(|line| line.starts_with(family)).count();
            assert!(samples > 0, "{name}: {family}\n{text}");
        }
        let service =
            "container_last_seen{id=\"/system.slice/cron.service\",image=\"\",name=\"\"} 110\n";
        assert!(text.contains(service), "{name}: {text}");
    }
}

#[test]
fn a_sampled_hosts_summary_reads_back_the_same() {
    for (name, node) in hosts() {
        let summary = KubeletApi::builder(node).node_name(name).build().summary(secs(110));
        assert_eq!(Summary::parse(&summary.to_json()).unwrap(), summary, "{name}");
        assert!(summary.node.cpu.is_some(), "{name}");
    }
}
