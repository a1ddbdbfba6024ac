//! Who containers are, through the whole sampler: rows, node and events.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use std::os::unix::fs::symlink;
use std::sync::Arc;

use common::{Host, field, lines, secs, starting};
use stripchart_collector::node::{Container, EventKind};
use stripchart_collector::{MetricSet, Node, Sampler};

const ID: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const SANDBOX: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";
const UID: &str = "0a1b2c3d-1111-2222-3333-444455556666";
const POD: &str = "/kubepods/burstable/podUID";

fn filled(text: &str) -> String {
    text.replace("SANDBOX", SANDBOX).replace("UID", UID).replace("ID", ID)
}

/// A host with a pod of version 2: its sandbox, which has process 20, and a container, which has 21.
fn host_with_pod() -> Host {
    let host = Host::new(&["host", "v2"]);
    for (folder, pid) in [("", ""), ("/SANDBOX", "20\n"), ("/ID", "21\n")] {
        let folder = filled(&format!("sys/fs/cgroup{POD}{folder}"));
        host.write(&format!("{folder}/cgroup.procs"), pid);
        host.write(&format!("{folder}/cpu.stat"), "usage_usec 1000\n");
        host.write(&format!("{folder}/memory.current"), "4096\n");
        host.write(&format!("{folder}/pids.current"), "1\n");
    }
    for (pid, namespace) in [(1, 100), (20, 200), (21, 200)] {
        process(&host, pid, namespace);
    }
    let log = format!("var/log/pods/shop_web-0_{UID}/app");
    host.write(&format!("{log}/2.log"), "hello");
    host.write(&format!("var/log/containers/web-0_shop_app-{ID}.log"), "");
    host
}

fn process(host: &Host, pid: u32, namespace: u32) {
    let stat = format!("{pid} (x) S 1 7 7 0 -1 64 0 0 0 0 52 17 0 0 20 0 1 0 9 4096 5\n");
    host.write(&format!("proc/{pid}/stat"), &stat);
    let net = format!(
        "Inter-| Receive\n face |bytes\n    lo: 7 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n  eth0: {} 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n",
        pid * 1000
    );
    host.write(&format!("proc/{pid}/net/dev"), &net);
    host.write(&format!("proc/{pid}/ns/x"), "");
    symlink(format!("net:[{namespace}]"), host.path().join(format!("proc/{pid}/ns/net"))).unwrap();
}

fn of<T>(node: &Node, path: &str, look: impl FnOnce(&Container) -> T) -> T {
    look(node.containers().get(&*filled(path)).expect(path))
}

#[test]
fn rows_and_node_name_pod_and_container_and_the_network_is_told_once() {
    let host = host_with_pod();
    let node = Arc::new(Node::new());
    let mut sampler = host.sampler().node(Arc::clone(&node)).build();
    sampler.sample(secs(100));
    let rows = lines(sampler.sample(secs(110)));
    let start = format!("container_cpu,cgroup={},", filled(&format!("{POD}/ID")));
    let row = starting(&rows, &start)[0];
    for tag in ["container=app", "namespace=shop", "pod=web-0", &format!("pod_uid={UID}")] {
        assert!(
            row.contains(&format!(",{tag},")) || row.contains(&format!(",{tag} ")),
            "{tag}: {row}"
        );
    }
    // No runtime tells which the sandbox is: one of them reports, the other does not, and the root leaves it to `net`.
    let net = starting(&rows, "container_net,");
    assert_eq!(net.len(), 1, "{net:#?}");
    assert!(net[0].contains(",interface=eth0,"));
    let bytes = field(&rows, "container_net,", "bytes_recv").unwrap();
    assert!(["20000i", "21000i"].contains(&&*bytes), "{bytes}");
    of(&node, &format!("{POD}/ID"), |container| {
        let about = &container.about;
        assert_eq!(about.container_name.as_deref(), Some("app"));
        assert_eq!((about.restarts, about.host_network), (Some(2), false));
        let pod = about.pod.as_ref().unwrap();
        assert_eq!((pod.name.as_deref(), pod.qos), (Some("web-0"), Some("burstable")));
    });
    of(&node, POD, |pod| {
        assert_eq!(pod.about.pod.as_ref().unwrap().namespace.as_deref(), Some("shop"));
    });
    let reporting = |path: &str| of(&node, path, |c| c.samples.latest().unwrap().network.is_some());
    let [root, sandbox, app] =
        ["/", &format!("{POD}/SANDBOX"), &format!("{POD}/ID")].map(reporting);
    assert!(root && (sandbox != app));
    assert_eq!(sampler.take_warnings(), []);
}

#[test]
fn a_container_on_the_hosts_network_is_marked_and_has_no_rows_of_it() {
    let host = host_with_pod();
    for pid in [20, 21] {
        std::fs::remove_file(host.path().join(format!("proc/{pid}/ns/net"))).unwrap();
        symlink("net:[100]", host.path().join(format!("proc/{pid}/ns/net"))).unwrap();
    }
    let node = Arc::new(Node::new());
    let mut sampler = host.sampler().node(Arc::clone(&node)).build();
    for at in [100, 110, 120] {
        let rows = lines(sampler.sample(secs(at)));
        assert_eq!(starting(&rows, "container_net,"), [""; 0]);
    }
    of(&node, &format!("{POD}/ID"), |container| {
        assert!(container.about.host_network);
        assert_eq!(container.samples.latest().unwrap().network, None);
    });
}

#[test]
fn what_costs_more_is_read_when_asked_for() {
    let host = host_with_pod();
    host.write("proc/21/limits", "Limit\nMax open files   1024   4096   files\n");
    host.write("proc/21/schedstat", "500 60 7\n");
    host.write("proc/21/net/tcp", "sl\n0: a b 01 0:0\n1: a b 0A 0:0\n");
    host.write("proc/21/net/tcp6", "sl\n0: a b 01 0:0\n");
    host.write("proc/21/net/snmp", "Tcp: InSegs\nTcp: 5\n");
    host.write("proc/21/fd/x", "");
    // Alone in its pod, it reports.
    host.remove_dir(&filled(&format!("sys/fs/cgroup{POD}/SANDBOX")));
    let start = format!("cgroup={},", filled(&format!("{POD}/ID")));
    let asked = |wanted: bool| {
        let node = Arc::new(Node::new());
        let mut builder = host.sampler().node(Arc::clone(&node));
        for set in [MetricSet::Tcp, MetricSet::AdvTcp, MetricSet::Sched, MetricSet::Process] {
            builder = builder.metrics(set, wanted);
        }
        let mut sampler: Sampler = builder.build();
        sampler.sample(secs(100));
        let rows = lines(sampler.sample(secs(110)));
        assert_eq!(sampler.take_warnings(), []);
        (node, rows)
    };
    let (_, rows) = asked(false);
    assert_eq!(starting(&rows, "container_netstat,"), [""; 0]);
    assert_eq!(field(&rows, &format!("container_pids,{start}"), "open_files"), None);
    let (node, rows) = asked(true);
    let get = |table: &str, name: &str| field(&rows, &format!("{table},{start}"), name);
    assert_eq!(get("container_netstat", "tcp_established").as_deref(), Some("2i"));
    assert_eq!(get("container_netstat", "tcp_listen").as_deref(), Some("1i"));
    assert_eq!(get("container_pids", "open_files").as_deref(), Some("1i"));
    assert_eq!(get("container_cpu", "sched_run_nanoseconds_total").as_deref(), Some("500i"));
    of(&node, &format!("{POD}/ID"), |container| {
        let sample = container.samples.latest().unwrap();
        assert_eq!(sample.processes.as_ref().unwrap().ulimits[0].hard, 4096);
        let counters = &sample.network.as_ref().unwrap().tcp_ext.as_ref().unwrap().counters;
        assert_eq!(counters[..], [("InSegs".into(), 5)]);
        assert!(container.spec.has_network);
    });
}

#[test]
fn what_happened_is_told_in_order_with_the_time_of_the_runtime() {
    let host = host_with_pod();
    let node = Arc::new(Node::new());
    let mut sampler = host.sampler().node(Arc::clone(&node)).build();
    sampler.sample(secs(100));
    let path = filled(&format!("{POD}/ID"));
    let after = node.events().last();
    // Another container in its place, between two samples.
    let folder = host.path().join(format!("sys/fs/cgroup{path}"));
    std::fs::rename(&folder, host.path().join("gone")).unwrap();
    host.write(&format!("sys/fs/cgroup{path}/cpu.stat"), "usage_usec 5\n");
    for at in [110, 120, 130] {
        sampler.sample(secs(at));
    }
    let events = node.events().since(after, |event| *event.container == *path);
    let kinds: Vec<_> = events.iter().map(|event| event.kind.clone()).collect();
    assert_eq!(kinds, [EventKind::Deleted { exit_code: None }, EventKind::Created]);
    of(&node, &format!("{POD}/ID"), |container| {
        assert!(container.samples.iter().all(|sample| sample.cpu.usage_ns == Some(5_000)));
    });
}

#[cfg(any(feature = "cadvisor", feature = "containerd", feature = "docker"))]
#[test]
fn a_docker_container_has_name_image_disk_usage_and_an_exit_code() {
    let host = Host::new(&["host", "v2"]);
    let config = |running: bool| {
        format!(
            r#"{{"Name":"/web","Config":{{"Image":"nginx:1","Labels":{{"tier":"web"}},"Env":["A=b"]}},"Driver":"overlay2",
                "Created":"1970-01-01T00:00:50Z","LogPath":"/var/lib/docker/containers/{ID}/{ID}-json.log",
                "State":{{"Running":{running},"ExitCode":3,"StartedAt":"1970-01-01T00:00:51Z"}}}}"#
        )
    };
    let docker = format!("var/lib/docker/containers/{ID}");
    host.write(&format!("{docker}/config.v2.json"), &config(true));
    host.write(&format!("{docker}/{ID}-json.log"), &"x".repeat(10_000));
    host.write(&format!("var/lib/docker/image/overlay2/layerdb/mounts/{ID}/mount-id"), "m1");
    host.write("var/lib/docker/overlay2/m1/diff/file", &"x".repeat(100_000));
    let scope = format!("sys/fs/cgroup/system.slice/docker-{ID}.scope");
    host.write(&format!("{scope}/cpu.stat"), "usage_usec 1000\n");
    let path = format!("/system.slice/docker-{ID}.scope");
    let node = Arc::new(Node::new());
    let mut sampler = host.sampler().node(Arc::clone(&node)).container_envs(["A"]).build();
    sampler.sample(secs(100));
    let rows = lines(sampler.sample(secs(110)));
    of(&node, &path, |container| {
        let about = &container.about;
        assert_eq!((&*about.aliases[0], about.image.as_deref()), ("web", Some("nginx:1")));
        assert_eq!((&*about.labels["tier"], &*about.envs["A"]), ("web", "b"));
        assert_eq!((about.created, about.started), (Some(secs(50)), Some(secs(51))));
        let filesystem = &container.samples.latest().unwrap().filesystems[0];
        assert!(filesystem.base_usage >= 100_000 && filesystem.usage > filesystem.base_usage);
        assert!(!container.spec.has_network);
    });
    let used = field(&rows, "container_disk,", "layer_bytes").unwrap();
    assert!(used.trim_end_matches('i').parse::<u64>().unwrap() >= 100_000);
    let created = node.events().since(0, |event| *event.container == *path);
    assert_eq!((created[0].at, &created[0].kind), (secs(50), &EventKind::Created));
    // It ends, Docker notes why, and the cgroup goes away.
    host.write(&format!("{docker}/config.v2.json"), &config(false));
    host.remove_dir(&scope);
    sampler.sample(secs(120));
    sampler.sample(secs(130));
    let ended = node.events().since(created[0].number, |event| *event.container == *path);
    assert_eq!(ended[0].kind, EventKind::Deleted { exit_code: Some(3) });
    assert_eq!(sampler.take_warnings(), []);
}

#[test]
fn the_processes_that_use_most_are_told_if_asked_for() {
    let host = host_with_pod();
    let mut sampler = host.sampler().top_processes(2).build();
    let rows = lines(sampler.sample(secs(100)));
    let top = starting(&rows, "process_top,");
    assert_eq!(top.len(), 2, "{top:#?}");
    assert!(top[0].contains("order=memory,rank=1 ") && top[0].contains("name=\"x\",pid=1i"));
    assert_eq!(starting(&lines(host.sampler().build().sample(secs(100))), "process_top,"), [""; 0]);
}

/// Allocations of one sample in steady state, of a host with a pod the network of which is read or not.
fn allocations(network: bool) -> u64 {
    let host = host_with_pod();
    host.write("proc/21/net/snmp", "Tcp: MaxConn InSegs\nTcp: -1 5\n");
    host.remove_dir(&filled(&format!("sys/fs/cgroup{POD}/SANDBOX")));
    let node = Arc::new(Node::new());
    let mut sampler = host
        .sampler()
        .node(Arc::clone(&node))
        .samples_kept(3)
        .full_interval(std::time::Duration::ZERO)
        .metrics(MetricSet::Disk, false)
        .metrics(MetricSet::Network, network)
        .metrics(MetricSet::AdvTcp, network)
        .build();
    let mut at = 100;
    let mut sample = || {
        at += 10;
        let counted = allocation_counter::measure(|| {
            sampler.sample(secs(at));
        });
        counted.count_total
    };
    for _ in 0..20 {
        sample();
    }
    // What is looked at now and then takes memory for a moment.
    let least = (0..10).map(|_| sample()).min().unwrap();
    of(&node, &format!("{POD}/ID"), |container| {
        let reported = container.samples.latest().unwrap().network.as_ref();
        assert_eq!(reported.is_some(), network);
        if let Some(reported) = reported {
            assert_eq!(reported.interfaces[0].rx_bytes, 21_000);
            assert_eq!(reported.tcp_ext.as_ref().unwrap().counters.len(), 2);
        }
    });
    least
}

#[test]
fn in_steady_state_networks_cost_no_allocation() {
    assert_eq!(allocations(true), allocations(false));
}
