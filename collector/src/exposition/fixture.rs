//! A node filled by hand, for tests: a root, the cgroups of a pod with two containers, a container of Docker, two services.

use std::sync::Arc;

use stripchart_core::Timestamp;

use crate::Node;
use crate::node::{
    About, BlockDevice, CacheInfo, Container, ContainerSample, ContainerSpec, CoreInfo, CpuSpec,
    DeviceIo, DiskCounters, FilesystemSample, HugePages, HugetlbSample, InterfaceSample, IoCost,
    MachineInfo, MemorySpec, NetworkSample, NumaMemory, NumaNode, NumaPages, PodRef,
    ProcessesSample, SchedStat, TcpExtCounters, TcpStates, UdpSockets, Ulimit,
};
use crate::proc::{Pressure, PressureLine};

/// When the newest samples are of; those before are ten seconds older.
pub(crate) const AT: Timestamp = Timestamp::from_secs(1_700_000_000);

pub(crate) const POD: &str = "/kubepods.slice/kubepods-podaa.slice";
pub(crate) const APP: &str = "/kubepods.slice/kubepods-podaa.slice/cri-containerd-app.scope";
pub(crate) const PAUSE: &str = "/kubepods.slice/kubepods-podaa.slice/cri-containerd-pause.scope";
pub(crate) const DOCKER: &str = "/system.slice/docker-web.scope";

pub(crate) fn node() -> Node {
    let node = Node::new();
    node.set_machine(machine());
    put(&node, "/", About::default(), 1);
    let pods = About { created: Some(AT.saturating_sub(600_000_000_000)), ..About::default() };
    put(&node, "/kubepods.slice", pods.clone(), 2);
    put(&node, POD, About { pod: Some(pod()), ..pods.clone() }, 3);
    put(&node, APP, app(), 4);
    put(&node, PAUSE, About { container_name: None, sandbox: true, ..app() }, 5);
    put(&node, DOCKER, docker(), 6);
    put(&node, "/system.slice/kubelet.service", pods.clone(), 7);
    put(&node, "/system.slice/containerd.service", pods, 8);
    node
}

/// Adds a container with two samples.
pub(crate) fn put(node: &Node, path: &str, about: About, seed: u64) {
    let mut container = Container { about: Arc::new(about), spec: spec(), ..Container::default() };
    let (earlier, mut latest) =
        (sample(AT.saturating_sub(10_000_000_000), seed, 0), sample(AT, seed, 2_500_000_000));
    match path {
        "/" | PAUSE | DOCKER => {}
        // The sandbox has the pod's network, a container layers of its own.
        APP => (latest.network, latest.filesystems) = (None, vec![layer()]),
        _ => (latest.network, latest.filesystems) = (None, Vec::new()),
    }
    *container.samples.next_place() = earlier;
    *container.samples.next_place() = latest;
    node.containers_mut().insert(path.into(), container);
}

fn pod() -> PodRef {
    PodRef {
        uid: "aa".into(),
        name: Some("web-0".into()),
        namespace: Some("shop".into()),
        qos: Some("burstable"),
    }
}

pub(crate) fn app() -> About {
    About {
        container_id: Some("0123".repeat(16).into()),
        aliases: vec!["app-alias".into(), "0123".into()],
        image: Some("registry/app:1".into()),
        pod: Some(pod()),
        container_name: Some("app".into()),
        created: Some(AT.saturating_sub(500_000_000_000)),
        started: Some(AT.saturating_sub(499_500_000_000)),
        ..About::default()
    }
}

fn docker() -> About {
    About {
        container_id: Some("4567".repeat(16).into()),
        aliases: vec!["web".into()],
        image: Some("nginx:\"latest\"".into()),
        labels: [("app.team", "a\\b\nc"), ("secret", "s")]
            .map(|(k, v)| (k.into(), v.into()))
            .into(),
        envs: [("ZONE", "eu")].map(|(k, v)| (k.into(), v.into())).into(),
        created: Some(AT.saturating_sub(60_000_000_000)),
        ..About::default()
    }
}

fn spec() -> ContainerSpec {
    ContainerSpec {
        cpu: Some(CpuSpec {
            shares: 1024,
            weight: Some(100),
            quota_usec: Some(50_000),
            period_usec: Some(100_000),
            ..CpuSpec::default()
        }),
        memory: Some(MemorySpec {
            limit: Some(1 << 30),
            swap_limit: Some(1 << 29),
            reservation: None,
            high: None,
            low: None,
            ..MemorySpec::default()
        }),
        has_pids: true,
        pids_limit: Some(100),
        ..ContainerSpec::default()
    }
}

fn pressure(total_usec: u64) -> Option<Pressure> {
    let line = PressureLine { avg10: 1.5, avg60: 0.0, avg300: 0.25, total_usec };
    Some(Pressure { some: line, full: Some(PressureLine { total_usec: total_usec / 2, ..line }) })
}

/// A sample with everything in it; `more` is processor time used since the first one.
pub(crate) fn sample(at: Timestamp, seed: u64, more: u64) -> ContainerSample {
    let mut sample = ContainerSample { at, oom_kills: Some(seed), ..ContainerSample::default() };
    let cpu = &mut sample.cpu;
    cpu.usage_ns = Some(seed * 1_000_000_000 + more);
    (cpu.user_ns, cpu.system_ns) = (Some(seed * 600_000_000), Some(seed * 400_000_000));
    (cpu.periods, cpu.throttled_periods) = (Some(40), Some(4));
    (cpu.throttled_ns, cpu.bursts, cpu.burst_ns) = (Some(1_500_000_000), Some(2), Some(5_000));
    cpu.pressure = pressure(seed * 1_000_000);
    cpu.sched = Some(SchedStat { run_ns: 5, wait_ns: 6, turns: 7 });
    let memory = &mut sample.memory;
    (memory.usage, memory.peak) = (Some(seed << 24), Some(seed << 25));
    (memory.working_set, memory.rss) = (Some(seed << 23), Some(seed << 22));
    (memory.cache, memory.mapped_file, memory.kernel) = (Some(11), Some(12), Some(13));
    (memory.swap, memory.failcnt) = (Some(4096), Some(14));
    (memory.active_file, memory.inactive_file) = (Some(15), Some(16));
    (memory.page_faults, memory.major_page_faults) = (Some(17), Some(18));
    (memory.dirty, memory.writeback) = (Some(19), Some(20));
    (memory.pages_scanned, memory.pages_stolen) = (Some(21), Some(22));
    (memory.refaults_file, memory.refaults_anon) = (Some(23), Some(24));
    (memory.events_high, memory.events_max) = (Some(25), Some(26));
    memory.pressure = pressure(0);
    let pages = NumaPages { file: 1, anon: 2, unevictable: 3 };
    memory.numa = vec![NumaMemory { node: 0, own: pages, hierarchical: pages }];
    sample.io.pressure = pressure(3);
    sample.io.devices = vec![DeviceIo {
        major: 8,
        minor: 0,
        read_bytes: 4096,
        write_bytes: 8192,
        reads: 1,
        writes: 2,
        discard_bytes: Some(512),
        discards: Some(1),
        cost: Some(IoCost { usage_usec: 1, wait_usec: 2, indebt_usec: 3, indelay_usec: 4 }),
        ..DeviceIo::default()
    }];
    (sample.pids.current, sample.cpuset_memory_migrate) = (Some(9), Some(0));
    let ulimits = vec![Ulimit { name: "max_open_files", soft: 1024, hard: -1 }];
    sample.processes = Some(ProcessesSample { processes: 3, fds: 30, sockets: 5, ulimits });
    let page_size = "2MB".into();
    sample.hugetlb =
        vec![HugetlbSample { page_size, usage: 0, peak: Some(1), ..HugetlbSample::default() }];
    sample.network = Some(network());
    sample.filesystems = filesystems();
    sample
}

fn network() -> NetworkSample {
    let interface = |name: &str, bytes| InterfaceSample {
        name: name.into(),
        rx_bytes: bytes,
        rx_packets: 2,
        tx_bytes: bytes / 2,
        tx_packets: 1,
        ..InterfaceSample::default()
    };
    NetworkSample {
        interfaces: vec![interface("ens3", 100), interface("eth0", 1000)],
        tcp: Some(TcpStates { established: 4, ..TcpStates::default() }),
        tcp6: Some(TcpStates::default()),
        udp: Some(UdpSockets { listen: 1, ..UdpSockets::default() }),
        udp6: Some(UdpSockets::default()),
        tcp_ext: Some(Box::new(TcpExtCounters { counters: vec![("MaxConn".into(), -1)] })),
        addresses: Vec::new(),
    }
}

fn filesystems() -> Vec<FilesystemSample> {
    let root = FilesystemSample {
        device: "/dev/sda1".into(),
        kind: "ext4".into(),
        mount_point: "/".into(),
        major: 8,
        minor: 1,
        capacity: 1000,
        usage: 600,
        available: 350,
        inodes: Some(50),
        inodes_free: Some(40),
        disk: Some(DiskCounters { reads_completed: 5, read_ms: 1500, ..DiskCounters::default() }),
        ..FilesystemSample::default()
    };
    // The same device mounted a second time, and one that is no disk.
    let again = FilesystemSample { mount_point: "/mnt".into(), ..root.clone() };
    let device = "tmpfs".into();
    let tmpfs = FilesystemSample {
        device,
        mount_point: "/run".into(),
        capacity: 10,
        ..FilesystemSample::default()
    };
    vec![root, again, tmpfs]
}

/// A container's own layer, and its logs.
fn layer() -> FilesystemSample {
    FilesystemSample {
        device: "/dev/sda1".into(),
        capacity: 1000,
        usage: 70,
        base_usage: 50,
        available: 350,
        inodes: Some(9),
        ..FilesystemSample::default()
    }
}

fn machine() -> MachineInfo {
    let cache = |level| CacheInfo { id: 0, size_bytes: 32 << 10, kind: "Data".into(), level };
    let huge_pages = vec![HugePages { page_size_kib: 2048, pages: 0 }];
    MachineInfo {
        cores: 4,
        physical_cores: 2,
        sockets: 1,
        memory_bytes: 1 << 34,
        swap_bytes: 1 << 30,
        memory_by_type: vec![("DDR4".into(), 1 << 34, 2)],
        machine_id: "machine".into(),
        system_uuid: "uuid".into(),
        boot_id: "boot".into(),
        boot_time: Some(AT.saturating_sub(3_600_000_000_000)),
        kernel_version: "6.1.0".into(),
        os_version: "Debian".into(),
        host_name: "n1".into(),
        disks: vec![BlockDevice { name: "sda".into(), major: 8, ..BlockDevice::default() }],
        nodes: vec![NumaNode {
            memory_bytes: 1 << 34,
            huge_pages,
            cores: vec![CoreInfo {
                threads: vec![0, 1],
                caches: vec![cache(1)],
                uncore_caches: vec![cache(3)],
                book: Some(0),
                drawer: Some(0),
                ..CoreInfo::default()
            }],
            caches: vec![cache(3)],
            distances: vec![10],
            ..NumaNode::default()
        }],
        ..MachineInfo::default()
    }
}
