//! A node filled by hand: a root, a pod with two containers, a container of Docker under version 1 of cgroups, services.

use std::sync::Arc;

use stripchart_core::Timestamp;

use crate::Node;
use crate::cgroup::Runtime;
use crate::node::{
    About, BlockDevice, CacheInfo, Container, ContainerSample, ContainerSpec, CoreInfo, CpuSpec,
    DeviceIo, DiskCounters, FilesystemSample, HugePages, HugetlbSample, InterfaceSample, IoCost,
    MachineInfo, MemorySpec, NetworkDevice, NetworkSample, NumaMemory, NumaNode, NumaPages, PodRef,
    ProcessesSample, TcpExtCounters, TcpStates, UdpSockets, Ulimit,
};
use crate::proc::{Pressure, PressureLine};

/// When the newest samples are of; those before are ten seconds older.
pub(super) const AT: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(super) const POD: &str = "/kubepods.slice/kubepods-podaa.slice";
pub(super) const APP: &str = "/kubepods.slice/kubepods-podaa.slice/cri-containerd-app.scope";
pub(super) const DOCKER: &str = "/system.slice/docker-web.scope";

const GIB: u64 = 1 << 30;

pub(super) fn node() -> Node {
    let node = Node::new();
    node.set_machine(machine());
    put(&node, "/", About::default(), 1);
    put(&node, "/kubepods.slice", About::default(), 2);
    put(&node, POD, About { pod: Some(pod()), ..About::default() }, 3);
    put(&node, APP, app(), 4);
    let pause = About { container_name: None, sandbox: true, ..app() };
    put(&node, &format!("{POD}/cri-containerd-pause.scope"), pause, 5);
    put(&node, DOCKER, docker(), 6);
    put(&node, "/system.slice", About::default(), 7);
    put(&node, "/system.slice/a<b>&.service", About::default(), 8);
    node
}

/// Adds a container with two samples.
pub(super) fn put(node: &Node, path: &str, about: About, seed: u64) {
    let spec = spec(path == DOCKER);
    let mut container = Container { about: Arc::new(about), spec, ..Container::default() };
    for (secs, more) in [(10, 0), (0, 2_500_000_000)] {
        let at = AT.saturating_sub(secs * 1_000_000_000);
        *container.samples.next_place() = sample(path, at, seed, more);
    }
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

fn app() -> About {
    About {
        container_id: Some("0123".repeat(16).into()),
        aliases: vec!["0123".repeat(16).into(), "app-alias".into()],
        runtime: Some(Runtime::Containerd),
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
        aliases: vec!["web".into(), "4567".repeat(16).into()],
        runtime: Some(Runtime::Docker),
        image: Some("nginx:<latest>".into()),
        labels: [("app.team".into(), "a\\b\nc".into()), ("b".into(), "é&".into())].into(),
        envs: [("ZONE".into(), "eu".into())].into(),
        created: Some(AT.saturating_sub(60_000_000_000)),
        ..About::default()
    }
}

fn spec(version_1: bool) -> ContainerSpec {
    let cpu = CpuSpec {
        shares: 1024,
        weight: (!version_1).then_some(39),
        quota_usec: (!version_1).then_some(50_000),
        period_usec: Some(100_000),
        cpus: if version_1 { "0-1" } else { "" }.into(),
        ..CpuSpec::default()
    };
    let memory = MemorySpec { limit: (!version_1).then_some(GIB), ..MemorySpec::default() };
    ContainerSpec {
        cpu: Some(cpu),
        memory: Some(memory),
        has_hugetlb: version_1,
        has_pids: true,
        pids_limit: (!version_1).then_some(100),
        has_network: true,
        has_filesystem: true,
        has_io: true,
    }
}

/// A sample; `more` is processor time used since the first one.
fn sample(path: &str, at: Timestamp, seed: u64, more: u64) -> ContainerSample {
    let version_1 = path == DOCKER;
    let mut sample = ContainerSample { at, oom_kills: Some(seed % 2), ..Default::default() };
    let cpu = &mut sample.cpu;
    cpu.usage_ns = Some(seed * 1_000_000_000 + more);
    cpu.user_ns = Some(seed * 600_000_000 + more / 2);
    cpu.system_ns = Some(seed * 400_000_000 + more / 2);
    (cpu.periods, cpu.throttled_periods) = (Some(40), Some(4));
    (cpu.throttled_ns, cpu.bursts, cpu.burst_ns) = (Some(1_500_000_000), Some(2), Some(5_000));
    let memory = &mut sample.memory;
    (memory.usage, memory.peak, memory.working_set) =
        (Some(seed << 24), Some(seed << 25), Some(seed << 23));
    (memory.rss, memory.cache, memory.mapped_file, memory.swap) =
        (Some(11), Some(12), Some(13), Some(14));
    (memory.active_file, memory.inactive_file) = (Some(15), Some(16));
    (memory.page_faults, memory.major_page_faults) = (Some(17), Some(18));
    let mut device = DeviceIo {
        major: 8,
        read_bytes: 4096,
        write_bytes: 8192,
        reads: 1,
        writes: 2,
        ..Default::default()
    };
    if version_1 {
        cpu.per_cpu_ns = vec![seed * 500_000_000 + more, seed * 500_000_000];
        (memory.failcnt, memory.kernel) = (Some(19), Some(20));
        let pages = NumaPages { file: 1, anon: 2, unevictable: 3 };
        memory.numa =
            [0, 2, 10].map(|node| NumaMemory { node, own: pages, hierarchical: pages }).into();
        (device.sync, device.asynchronous, device.total) =
            (Some((12, 1)), Some((0, 0)), Some((12288, 3)));
        sample.hugetlb =
            vec![HugetlbSample { page_size: "2MB".into(), peak: Some(1), ..Default::default() }];
    } else {
        let line = PressureLine { avg10: 1.5, avg60: 0.0, avg300: 0.25, total_usec: 7 };
        cpu.pressure =
            Some(Pressure { some: line, full: Some(PressureLine { total_usec: 3, ..line }) });
        (memory.dirty, memory.writeback) = (Some(21), Some(22));
        (memory.events_high, memory.events_max) = (Some(25), Some(26));
        device.discard_bytes = Some(512);
        device.cost = Some(IoCost { usage_usec: 1, wait_usec: 2, indebt_usec: 3, indelay_usec: 4 });
    }
    sample.io.devices = vec![device];
    (sample.io.known, sample.io.read_bytes, sample.io.write_bytes) = (true, 4096, 8192);
    sample.pids.current = Some(9);
    let ulimits = vec![Ulimit { name: "max_open_files", soft: 1024, hard: -1 }];
    sample.processes = Some(ProcessesSample { processes: 3, fds: 30, sockets: 5, ulimits });
    sample.network = (path != APP).then(|| network(more));
    sample.filesystems = if path == "/" { filesystems() } else { vec![layer()] };
    sample
}

fn network(more: u64) -> NetworkSample {
    let interface = |name: &str, bytes: u64| InterfaceSample {
        name: name.into(),
        rx_bytes: bytes + more,
        rx_packets: 2,
        tx_bytes: bytes / 2 + more,
        tx_packets: 1,
        ..Default::default()
    };
    NetworkSample {
        interfaces: vec![interface("eth0", 1000), interface("ens3", 100)],
        tcp: Some(TcpStates { established: 4, ..Default::default() }),
        udp: Some(UdpSockets { listen: 1, rx_queued: 2, tx_queued: 3, ..Default::default() }),
        tcp_ext: Some(Box::new(TcpExtCounters {
            counters: vec![("MaxConn".into(), -1), ("PAWSEstab".into(), 5), ("Newer".into(), 6)],
        })),
        ..Default::default()
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
        usage: 950,
        available: 50,
        inodes: Some(50),
        inodes_free: Some(40),
        disk: Some(DiskCounters { reads_completed: 5, read_ms: 1500, ..Default::default() }),
        ..Default::default()
    };
    // The same device mounted a second time, and one that is no disk.
    let again = FilesystemSample { mount_point: "/mnt".into(), ..root.clone() };
    let (device, kind, mount_point) = ("tmpfs".into(), "tmpfs".into(), "/run".into());
    let tmpfs = FilesystemSample {
        device,
        kind,
        mount_point,
        capacity: 10,
        usage: 1,
        ..Default::default()
    };
    vec![root, again, tmpfs]
}

/// A container's own layer, and its logs.
fn layer() -> FilesystemSample {
    FilesystemSample {
        device: "/dev/sda1".into(),
        kind: "ext4".into(),
        capacity: 1000,
        usage: 70,
        base_usage: 50,
        available: 350,
        inodes: Some(12),
        ..Default::default()
    }
}

fn machine() -> MachineInfo {
    let cache = |level| CacheInfo { id: 0, size_bytes: 32 << 10, kind: "Data".into(), level };
    MachineInfo {
        at: AT,
        vendor_id: "GenuineIntel".into(),
        cores: 4,
        physical_cores: 2,
        sockets: 1,
        cpu_frequency_khz: 2_400_080,
        memory_bytes: 16 * GIB,
        swap_bytes: GIB,
        memory_by_type: vec![("DDR4".into(), 16 * GIB, 2)],
        huge_pages: vec![HugePages { page_size_kib: 2048, pages: 0 }],
        machine_id: "machine".into(),
        system_uuid: "uuid".into(),
        boot_id: "boot".into(),
        kernel_version: "6.1.0".into(),
        os_version: "Debian".into(),
        host_name: "n1".into(),
        disks: vec![BlockDevice {
            name: "sda".into(),
            major: 8,
            minor: 0,
            size_bytes: 2000,
            scheduler: "mq-deadline".into(),
        }],
        network_devices: vec![NetworkDevice {
            name: "eth0".into(),
            mac_address: "00:11:22:33:44:55".into(),
            speed_mbits: -1,
            mtu: 1500,
        }],
        nodes: vec![NumaNode {
            memory_bytes: 16 * GIB,
            cores: vec![CoreInfo {
                threads: vec![0, 1],
                caches: vec![cache(1)],
                ..Default::default()
            }],
            caches: vec![cache(3)],
            distances: vec![10],
            ..Default::default()
        }],
        ..Default::default()
    }
}
