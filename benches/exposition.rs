//! What a scrape costs: a node of a hundred containers as Prometheus' text, and as a kubelet's summary.
//!
//! `cargo bench -p benches --bench exposition`. The containers are cgroups of version 2, all copies of one that was
//! captured, sampled twice. Every row is the least CPU time of many runs; the first is a copy of the same text, which
//! tells how fast the machine is just now.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use benches::measure::cpu_time;
use stripchart_collector::exposition::{Document, Exposition, TextFormat};
use stripchart_collector::kubelet::KubeletApi;
use stripchart_collector::{Node, Roots, Sampler};
use stripchart_core::Timestamp;

const CONTAINERS: usize = 100;

/// The host of the collector's tests, and the container in it that is copied.
const TREE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../collector/tests/fixtures/trees/v2.tree");
const CAPTURED: &str = "/cri-containerd-1f1f";

fn main() -> Result<(), Box<dyn Error>> {
    // As a test, `cargo test --benches` runs it once, small.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let (containers, runs) = if quick { (3, 1) } else { (CONTAINERS, 300) };
    let folder = tempfile::tempdir()?;
    plant(folder.path(), containers)?;
    let node = Arc::new(Node::new());
    let sampler = Sampler::builder().roots(Roots::below(folder.path())).node(Arc::clone(&node));
    let mut sampler = sampler.build();
    for secs in [100, 110] {
        sampler.sample(Timestamp::from_secs(secs));
    }
    println!("{} containers", node.containers().len());

    let exposition = Exposition::new(Arc::clone(&node));
    let text = exposition.text(Document::Kubelet, TextFormat::Prometheus)?;
    row("copy of that text", runs, || black_box(&text).clone());
    for (name, document) in [
        ("/metrics", Document::Cadvisor),
        ("/metrics/cadvisor", Document::Kubelet),
        ("/metrics/resource", Document::Resource),
    ] {
        let write = || exposition.text(document, TextFormat::Prometheus).unwrap_or_default();
        row(name, runs, write);
    }
    let kubelet = KubeletApi::new(node);
    row("/stats/summary", runs, || kubelet.summary(Timestamp::from_secs(110)).to_json());
    Ok(())
}

/// Runs `work` and prints what it makes and takes at least.
fn row<T: AsRef<[u8]>>(name: &str, runs: usize, work: impl Fn() -> T) {
    let mut least = Duration::MAX;
    let mut bytes = 0;
    for _ in 0..runs {
        let began = cpu_time();
        let made = black_box(work());
        least = least.min(cpu_time() - began);
        bytes = made.as_ref().len();
    }
    #[expect(clippy::cast_precision_loss, reason = "for people to read")]
    let mb_per_sec = bytes as f64 / 1e6 / least.as_secs_f64().max(1e-9);
    println!(
        "{name:20} {bytes:>9} bytes {:>9.1} us {mb_per_sec:>8.0} MB/s",
        least.as_secs_f64() * 1e6
    );
}

/// Writes a host's files below `root`, with `count` copies of the captured container, each in a pod of its own.
fn plant(root: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    let tree = std::fs::read_to_string(TREE)?;
    for section in tree.split("== ").skip(1) {
        let (path, content) = section.split_once('\n').ok_or("a path and a text")?;
        if !path.contains("kubepods") {
            write(root, path, content)?;
        }
        let (true, Some((_, file))) = (path.contains(CAPTURED), path.rsplit_once('/')) else {
            continue;
        };
        for number in 0..count {
            let pods = "sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice";
            let pod = format!("kubepods-burstable-pod0a1b2c3d_1111_4222_8333_{number:012}.slice");
            let id = format!("{number:064x}");
            write(root, &format!("{pods}/{pod}/cri-containerd-{id}.scope/{file}"), content)?;
        }
    }
    Ok(())
}

fn write(root: &Path, path: &str, content: &str) -> Result<(), Box<dyn Error>> {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().ok_or("a folder")?)?;
    Ok(std::fs::write(path, content)?)
}
