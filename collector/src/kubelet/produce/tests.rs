//! What a reader of the summary sees.

use super::*;
use crate::exposition::fixture::{self, APP, AT, PAUSE, POD};
use crate::node::About;

const SECOND: i64 = 1_000_000_000;

fn api() -> KubeletApi {
    KubeletApi::new(Arc::new(fixture::node()))
}

fn get(api: &KubeletApi, path: &str) -> Response<Bytes> {
    let request = Request::get(path).body(Bytes::new()).unwrap();
    api.answer(&request, AT).expect("a path of the kubelet's")
}

#[test]
fn what_is_produced_reads_back_the_same() {
    for exact in [false, true] {
        let api = KubeletApi::builder(Arc::new(fixture::node())).exact_times(exact).build();
        for summary in [api.summary(AT), api.cpu_and_memory(AT)] {
            assert_eq!(Summary::parse(&summary.to_json()).unwrap(), summary);
        }
    }
    let empty = KubeletApi::new(Arc::new(Node::new())).summary(AT);
    assert_eq!(
        String::from_utf8(empty.to_json()).unwrap(),
        "{\"node\":{\"nodeName\":\"localhost\",\"startTime\":null},\"pods\":[]}"
    );
    assert_eq!(Summary::parse(&empty.to_json()).unwrap(), empty);
}

#[test]
fn the_node_is_the_root_and_the_machine() {
    let node = api().summary(AT).node;
    assert_eq!(node.node_name, "n1");
    assert_eq!(node.start_time, Some(AT.saturating_sub(3600 * SECOND)));
    let cpu = node.cpu.unwrap();
    assert_eq!(cpu.time, Some(AT));
    // 2.5 s of processor time in ten seconds.
    assert_eq!(cpu.usage_nano_cores, Some(250_000_000));
    assert_eq!(cpu.usage_core_nano_seconds, Some(3_500_000_000));
    let psi = cpu.psi.unwrap();
    assert_eq!((psi.some.total, psi.full.total, psi.some.avg10), (1_000_000, 500_000, 1.5));
    let memory = node.memory.unwrap();
    assert_eq!(memory.available_bytes, Some((1 << 34) - (1 << 23)));
    assert_eq!(node.swap.unwrap().swap_available_bytes, Some((1 << 30) - 4096));
    let network = node.network.unwrap();
    assert_eq!((&*network.default_interface.name, network.interfaces.len()), ("eth0", 2));
    assert_eq!(network.default_interface.rx_bytes, Some(1000));
    let fs = node.fs.unwrap();
    assert_eq!(
        (fs.used_bytes, fs.inodes_used, fs.available_bytes),
        (Some(600), Some(10), Some(350))
    );
    let image_fs = node.runtime.unwrap().image_fs.unwrap();
    assert_eq!((image_fs.capacity_bytes, image_fs.used_bytes), (Some(1000), None));
    let rlimit = node.rlimit.unwrap();
    assert_eq!((rlimit.maxpid, rlimit.curproc), (Some(100), Some(9)));
    let names: Vec<_> = node.system_containers.iter().map(|container| &*container.name).collect();
    assert_eq!(names, ["kubelet", "pods", "runtime"]);
    assert_eq!(node.system_containers[0].start_time, Some(AT.saturating_sub(600 * SECOND)));
}

#[test]
fn a_pod_is_its_cgroup_its_sandbox_and_its_containers() {
    let pods = api().summary(AT).pods;
    assert_eq!(pods.len(), 1);
    let pod = &pods[0];
    assert_eq!(
        (&*pod.pod_ref.name, &*pod.pod_ref.namespace, &*pod.pod_ref.uid),
        ("web-0", "shop", "aa")
    );
    assert_eq!(pod.start_time, Some(AT.saturating_sub(600 * SECOND)));
    assert_eq!(pod.cpu.as_ref().unwrap().usage_core_nano_seconds, Some(5_500_000_000));
    assert_eq!(pod.network.as_ref().unwrap().default_interface.rx_bytes, Some(1000));
    assert_eq!(pod.process_stats.as_ref().unwrap().process_count, Some(3));
    let names: Vec<_> = pod.containers.iter().map(|container| &*container.name).collect();
    assert_eq!(names, ["app"]);
    let app = &pod.containers[0];
    // Half a second is lost to whole seconds.
    assert_eq!(app.start_time, Some(AT.saturating_sub(500 * SECOND)));
    let memory = app.memory.as_ref().unwrap();
    assert_eq!(memory.available_bytes, Some((1 << 30) - (4 << 23)));
    let rootfs = app.rootfs.as_ref().unwrap();
    assert_eq!((rootfs.used_bytes, rootfs.capacity_bytes), (Some(50), Some(1000)));
    assert_eq!(app.logs.as_ref().unwrap().used_bytes, Some(20));
    let storage = pod.ephemeral_storage.as_ref().unwrap();
    assert_eq!((storage.used_bytes, storage.inodes_used), (Some(70), Some(9)));
    assert_eq!((storage.inodes, storage.inodes_free), (Some(50), Some(40)));
    assert_eq!(app.swap.as_ref().unwrap().swap_available_bytes, Some((1 << 29) - 4096));
}

#[test]
fn a_pod_without_a_cgroup_of_its_own_is_the_sum_of_its_containers() {
    let node = fixture::node();
    node.containers_mut().remove(POD);
    let about = About {
        container_id: Some("ef01".repeat(16).into()),
        container_name: Some("side".into()),
        ..fixture::app()
    };
    fixture::put(&node, &format!("{POD}/side"), about, 1);
    let pod = KubeletApi::new(Arc::new(node)).summary(AT).pods.remove(0);
    let cpu = pod.cpu.unwrap();
    assert_eq!(cpu.usage_core_nano_seconds, Some(6_500_000_000 + 3_500_000_000));
    assert_eq!(cpu.usage_nano_cores, Some(500_000_000));
    assert_eq!(pod.memory.unwrap().rss_bytes, Some(5 << 22));
}

#[test]
fn a_pod_on_the_hosts_network_has_none() {
    let node = fixture::node();
    let about = About { sandbox: true, container_name: None, host_network: true, ..fixture::app() };
    fixture::put(&node, PAUSE, about, 5);
    assert_eq!(KubeletApi::new(Arc::new(node)).summary(AT).pods[0].network, None);
}

#[test]
fn present_use_needs_two_samples_and_a_total_that_did_not_go_back() {
    let of = |samples: &[(i64, u64)]| {
        let node = fixture::node();
        {
            let mut containers = node.containers_mut();
            let app = containers.get_mut(APP).unwrap();
            app.samples = crate::node::History::with_capacity(4);
            for (at, ns) in samples {
                *app.samples.next_place() = fixture::sample(Timestamp::from_secs(*at), 0, *ns);
            }
        }
        let pod = KubeletApi::new(Arc::new(node)).summary(AT).pods.remove(0);
        pod.containers[0].cpu.as_ref().unwrap().usage_nano_cores
    };
    assert_eq!(of(&[(1, 5)]), None);
    assert_eq!(of(&[(1, 5), (3, 2_000_000_005)]), Some(1_000_000_000));
    assert_eq!(of(&[(1, 5), (2, 4)]), None);
    assert_eq!(of(&[(2, 5), (2, 9)]), None);
    assert_eq!(of(&[(3, 5), (2, 9)]), None);
    assert_eq!(of(&[(1, 0), (2, u64::MAX)]), Some(u64::MAX));
}

#[test]
fn a_limit_that_is_none_leaves_nothing_available() {
    let node = fixture::node();
    for limit in [None, Some(0), Some(9_223_372_036_854_771_712)] {
        let memory = crate::node::MemorySpec { limit, ..Default::default() };
        node.containers_mut().get_mut(APP).unwrap().spec.memory = Some(memory);
        let snapshot = Snapshot::of(&node);
        let scope = Scope { snapshot: &snapshot, exact_times: false, brief: false };
        let app = snapshot.containers.iter().find(|seen| &*seen.path == APP).unwrap();
        assert_eq!(scope.memory(app).unwrap().available_bytes, None, "{limit:?}");
    }
}

#[test]
fn options_are_paths_and_names() {
    let api = KubeletApi::builder(Arc::new(fixture::node()))
        .node_name("other")
        .system_container("runtime", fixture::DOCKER)
        .kubelet_folder("/run/kubelet")
        .image_folder("/mnt/images")
        .build();
    let node = api.summary(AT).node;
    assert_eq!(node.node_name, "other");
    assert_eq!(node.fs.unwrap().capacity_bytes, Some(10));
    assert_eq!(node.runtime.unwrap().image_fs.unwrap().capacity_bytes, Some(1000));
    let runtime = &node.system_containers[2];
    assert_eq!(runtime.cpu.as_ref().unwrap().usage_core_nano_seconds, Some(8_500_000_000));
}

#[test]
fn folders_are_on_the_nearest_mount_above() {
    let fs =
        |mount: &str| FilesystemSample { mount_point: mount.into(), ..FilesystemSample::default() };
    let all = ["/", "", "/var", "/var/lib/kube", "/var/lib/kubelet/pods/x"].map(fs);
    let holding = |folder| holding(&all, folder).map(|fs| &*fs.mount_point);
    assert_eq!(holding("/var/lib/kubelet"), Some("/var"));
    assert_eq!(holding("/var"), Some("/var"));
    assert_eq!(holding("/varied"), Some("/"));
    assert_eq!(super::holding(&all[1..2], "/var"), None);
}

#[test]
fn paths_and_methods() {
    let api = api();
    let brief = get(&api, "/stats/summary/?x=1&only_cpu_and_memory=true");
    assert_eq!(brief.headers()["content-type"], "application/json");
    let brief = Summary::parse(brief.body()).unwrap();
    assert!(brief.node.network.is_none() && brief.node.fs.is_none() && brief.node.rlimit.is_none());
    let pod = &brief.pods[0];
    assert!(pod.cpu.is_some() && pod.memory.is_some() && pod.swap.is_some());
    assert!(pod.io.is_none() && pod.network.is_none() && pod.ephemeral_storage.is_none());
    assert!(pod.containers[0].io.is_none() && pod.containers[0].rootfs.is_none());
    assert!(
        Summary::parse(get(&api, "/stats/summary?only_cpu_and_memory=1").body())
            .unwrap()
            .node
            .fs
            .is_some()
    );

    let answer = |method, path| {
        let request = Request::builder().method(method).uri(path).body(Bytes::new()).unwrap();
        api.answer(&request, AT)
    };
    assert!(answer("GET", "/stats").is_none());
    assert!(answer("GET", "/stats/summary/x").is_none());
    assert_eq!(answer("POST", "/stats/summary").unwrap().status(), 405);
    let head = answer("HEAD", "/stats/summary").unwrap();
    assert!(head.body().is_empty() && head.headers()["content-length"] != "0");
}

/// Values of a kubelet that are not known here; `docs/cadvisor.md` says why.
const LEFT_OUT: [&str; 6] = [
    "node.runtime.containerFs.inodesUsed",
    "node.runtime.containerFs.usedBytes",
    "node.runtime.imageFs.inodesUsed",
    "node.runtime.imageFs.usedBytes",
    "pods[].containers[].logs.inodesUsed",
    "pods[].containers[].rootfs.inodesUsed",
];

#[test]
fn every_value_that_a_kubelet_has_is_there() {
    fn walk(value: &serde_json::Value, path: &str, found: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Object(members) => members.iter().for_each(|(key, value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(value, &path, found);
            }),
            serde_json::Value::Array(items) => {
                items.iter().for_each(|item| walk(item, &format!("{path}[]"), found));
            }
            _ => assert!(found.insert(path.to_owned()) || path.contains("[]"), "{path} twice"),
        }
    }
    let mut found = std::collections::BTreeSet::new();
    walk(&serde_json::from_slice(&api().summary(AT).to_json()).unwrap(), "", &mut found);
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/exposition/summary_1_34");
    let list = std::fs::read_to_string(list).unwrap();
    let mut missing: Vec<&str> = list.lines().filter(|path| !path.starts_with('#')).collect();
    missing.retain(|path| !found.contains(*path) && !path.starts_with("pods[].volume[]"));
    assert_eq!(missing, LEFT_OUT);
}

#[test]
fn documents_of_kubelets_are_written_as_they_were_read() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kubelet");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(summary) = Summary::parse(&std::fs::read(&path).unwrap()) else { continue };
        assert_eq!(Summary::parse(&summary.to_json()).unwrap(), summary, "{path:?}");
        read += 1;
    }
    assert!(read > 0);
}

/// Heapster's round over the document: rows of the node, the pod, its container and the system containers.
#[cfg(feature = "kubernetes")]
#[test]
fn heapster_takes_it_for_a_kubelets() {
    use crate::heapster::{MetricBatch, decode};
    let mut batch = MetricBatch::new(AT);
    let document = get(&api(), "/stats/summary");
    decode(&Summary::parse(document.body()).unwrap(), AT, &mut batch);
    let text = format!("{batch:?}");
    for want in ["web-0", "\"app\"", "shop", "n1", "kubelet", "cpu/usage", "memory/working_set"] {
        assert!(text.contains(want), "{want}: {text}");
    }
}
