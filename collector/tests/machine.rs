//! What is told of a machine, from trees of kernel files made here.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use common::{Host, secs};
use stripchart_collector::node::{CacheInfo, CoreInfo, HugePages, MachineInfo};
use stripchart_collector::{Roots, machine};

fn host() -> Host {
    Host::new(&[])
}

fn read(host: &Host) -> MachineInfo {
    let (machine, warnings) = machine::read(&Roots::below(host.path()), secs(7));
    assert_eq!(warnings, [], "no file is malformed");
    machine
}

/// A processor with its topology, below `/sys/devices/system/cpu` and in the folder of its node, if there are nodes.
fn add_cpu(host: &Host, node: Option<u32>, cpu: u32, core: i32, socket: i32) {
    let mut folders = vec![format!("sys/devices/system/cpu/cpu{cpu}/topology")];
    folders.extend(node.map(|n| format!("sys/devices/system/node/node{n}/cpu{cpu}/topology")));
    for folder in folders {
        host.write(&format!("{folder}/core_id"), &format!("{core}\n"));
        host.write(&format!("{folder}/physical_package_id"), &format!("{socket}\n"));
    }
}

fn add_cache(host: &Host, cpu: u32, index: u32, cache: (u32, &str, &str), shared: &str) {
    let folder = format!("sys/devices/system/cpu/cpu{cpu}/cache/index{index}");
    let (level, kind, size) = cache;
    host.write(&format!("{folder}/id"), "0\n");
    host.write(&format!("{folder}/level"), &format!("{level}\n"));
    host.write(&format!("{folder}/type"), &format!("{kind}\n"));
    host.write(&format!("{folder}/size"), &format!("{size}\n"));
    host.write(&format!("{folder}/shared_cpu_list"), &format!("{shared}\n"));
}

/// Two sockets with a node each, two cores of two threads each; processor 7 is switched off.
fn two_sockets() -> Host {
    let host = host();
    host.write("sys/devices/system/cpu/online", "0-6\n");
    for cpu in 0..8 {
        let (socket, core) = (cpu % 2, cpu / 2 % 2);
        add_cpu(&host, Some(socket), cpu, core as i32, socket as i32);
        let sibling = format!("{},{}", cpu % 4, cpu % 4 + 4);
        add_cache(&host, cpu, 0, (1, "Data", "32K"), &sibling);
        add_cache(&host, cpu, 2, (2, "Unified", "1024K"), &sibling);
        add_cache(&host, cpu, 3, (3, "Unified", "16M"), ["0,2,4,6", "1,3,5"][socket as usize]);
    }
    for node in 0..2 {
        let folder = format!("sys/devices/system/node/node{node}");
        let mem = format!("Node {node} MemTotal:  1000000 kB\nNode {node} MemFree:  1 kB\n");
        host.write(&format!("{folder}/meminfo"), &mem);
        host.write(&format!("{folder}/distance"), ["10 21\n", "21 10\n"][node]);
        host.write(&format!("{folder}/hugepages/hugepages-1048576kB/nr_hugepages"), "1\n");
        host.write(&format!("{folder}/hugepages/hugepages-2048kB/nr_hugepages"), "12\n");
    }
    host
}

#[test]
fn a_machine_with_two_sockets() {
    let host = two_sockets();
    let machine = read(&host);
    assert_eq!((machine.cores, machine.physical_cores, machine.sockets), (7, 4, 2));
    assert_eq!(machine.at, secs(7));
    let [first, second] = &machine.nodes[..] else { panic!("{:#?}", machine.nodes) };
    assert_eq!((first.id, first.memory_bytes), (0, 1_024_000_000));
    assert_eq!((&first.distances[..], &second.distances[..]), (&[10, 21][..], &[21, 10][..]));
    let pools = [(2048, 12), (1_048_576, 1)];
    for (pool, (size, pages)) in first.huge_pages.iter().zip(pools) {
        assert_eq!((pool.page_size_kib, pool.pages), (size, pages));
    }
    let threads: Vec<_> = first.cores.iter().map(|core| (core.id, core.threads.clone())).collect();
    assert_eq!(threads, [(0, vec![0, 4]), (1, vec![2, 6])]);
    let threads: Vec<_> = second.cores.iter().map(|core| core.threads.clone()).collect();
    assert_eq!(threads, [vec![1, 5], vec![3]], "processor 7 is switched off");
    let kinds = |caches: &[CacheInfo]| -> Vec<_> {
        caches.iter().map(|c| (c.level, c.size_bytes, c.kind.clone())).collect()
    };
    let own = [(1, 32 << 10, "Data".into()), (2, 1 << 20, "Unified".into())];
    assert_eq!(kinds(&first.cores[0].caches), own);
    assert_eq!(kinds(&first.caches), [(3, 16 << 20, "Unified".into())]);
    assert!(first.cores.iter().all(|core| core.uncore_caches.is_empty()));
}

#[test]
fn a_cache_that_some_cores_share_is_told_with_each_of_them() {
    let host = two_sockets();
    for cpu in [0, 2, 4, 6] {
        add_cache(&host, cpu, 3, (3, "Unified", "8M"), ["0,4", "2,6"][cpu as usize / 2 % 2]);
    }
    let node = &read(&host).nodes[0];
    assert!(node.caches.is_empty());
    assert!(node.cores.iter().all(|core| core.uncore_caches[0].size_bytes == 8 << 20));
}

#[test]
fn two_sockets_without_nodes() {
    let host = host();
    host.write("sys/devices/system/cpu/online", "0-4,6-7\n");
    for cpu in 0..8 {
        let (socket, core) = (cpu / 2 % 2, cpu % 2);
        add_cpu(&host, None, cpu, core as i32, socket as i32);
        add_cache(&host, cpu, 0, (1, "Data", "48K"), &format!("{},{}", cpu % 4, cpu % 4 + 4));
        add_cache(&host, cpu, 3, (3, "Unified", "24M"), ["0-1,4", "2-3,6-7"][socket as usize]);
    }
    let machine = read(&host);
    assert_eq!((machine.cores, machine.physical_cores, machine.sockets), (7, 4, 2));
    let [first, second] = &machine.nodes[..] else { panic!("{:#?}", machine.nodes) };
    assert_eq!((first.id, second.id), (0, 1), "one for each socket");
    let threads = |cores: &[CoreInfo]| -> Vec<_> {
        cores.iter().map(|core| (core.id, core.socket, core.threads.clone())).collect()
    };
    assert_eq!(threads(&first.cores), [(0, 0, vec![0, 4]), (1, 0, vec![1])]);
    assert_eq!(threads(&second.cores), [(0, 1, vec![2, 6]), (1, 1, vec![3, 7])]);
    for node in [first, second] {
        assert_eq!((node.memory_bytes, node.caches.len()), (0, 1));
        assert_eq!(node.caches[0].size_bytes, 24 << 20);
        assert!(node.huge_pages.is_empty() && node.distances.is_empty());
    }
}

#[test]
fn a_processor_of_which_no_socket_is_told_is_in_the_first() {
    let host = host();
    add_cpu(&host, None, 0, 0, 0);
    host.write("sys/devices/system/cpu/cpu1/topology/core_id", "1\n");
    // A processor that is switched off has no topology.
    host.write("sys/devices/system/cpu/cpu2/online", "0\n");
    let machine = read(&host);
    assert_eq!((machine.cores, machine.physical_cores, machine.sockets), (2, 2, 1));
}

#[test]
fn a_small_board_with_arm_processors() {
    let host = host();
    host.write(
        "proc/cpuinfo",
        &"processor\t: 0\nBogoMIPS\t: 108.00\nCPU part\t: 0xd08\n\n".repeat(4),
    );
    host.write("sys/devices/system/cpu/online", "0-3\n");
    (0..4).for_each(|cpu| add_cpu(&host, None, cpu, cpu as i32, -1));
    host.write("proc/device-tree/vm,uuid", "5ac5-77\0");
    let machine = read(&host);
    assert_eq!((machine.cores, machine.physical_cores, machine.sockets), (4, 4, 1));
    assert_eq!((machine.nodes.len(), machine.nodes[0].memory_bytes), (1, 0));
    assert_eq!((&*machine.vendor_id, machine.cpu_frequency_khz), ("", 0));
    assert_eq!(&*machine.system_uuid, "5ac5-77");
}

#[test]
fn a_socket_with_many_nodes() {
    let host = host();
    for cpu in 0..256 {
        add_cpu(&host, Some(cpu / 16), cpu, cpu as i32, 0);
    }
    let machine = read(&host);
    assert_eq!((machine.cores, machine.physical_cores, machine.sockets), (256, 256, 1));
    assert_eq!(machine.nodes.iter().map(|n| n.id).collect::<Vec<_>>(), (0..16).collect::<Vec<_>>());
    assert_eq!(machine.nodes[15].cores[0].threads, [240]);
}

/// Threads, cores and sockets that are told of `cpus` processors, each with core and socket, of which `online` are on.
fn counts(cpus: u32, online: &str, place: impl Fn(u32) -> (i32, i32)) -> (u32, u32, u32) {
    let host = host();
    host.write("sys/devices/system/cpu/online", online);
    for cpu in 0..cpus {
        let (core, socket) = place(cpu);
        add_cpu(&host, None, cpu, core, socket);
    }
    let machine = read(&host);
    (machine.cores, machine.physical_cores, machine.sockets)
}

#[test]
fn machines_of_many_shapes_without_memory_nodes() {
    let number = |cpu: u32| i32::try_from(cpu).unwrap();
    let epyc = |cpu| (number(cpu % 24), 0);
    assert_eq!(counts(48, "0-47\n", epyc), (48, 24, 1), "two threads a core");
    // Of each core one thread at least is left.
    assert_eq!(counts(48, "0-23,27-40,42,44,46-47\n", epyc), (42, 24, 1));
    assert_eq!(counts(48, "0-22,25-46\n", epyc), (45, 23, 1), "both threads of a core are off");
    assert_eq!(counts(24, "0-10,12,14,20-23\n", |cpu| (number(cpu), 0)), (17, 17, 1));
    let xeon = |cpu| (number(cpu / 2 % 12), number(cpu % 2));
    assert_eq!(counts(48, "0-47\n", xeon), (48, 24, 2), "cores of two sockets have one number");
    assert_eq!(counts(48, "0,2,4\n", xeon), (3, 3, 1), "a socket that is off is none");
    assert_eq!(counts(32, "0-31\n", |cpu| (number(cpu / 2), number(cpu % 2))), (32, 32, 2));
    assert_eq!(counts(4, "0-1,3\n", |cpu| (number(cpu), 60)), (3, 3, 1), "sockets count from 60");
    let many = |cpu| (number(cpu / 2), number(cpu / 2));
    assert_eq!(counts(32, "0-31\n", many), (32, 16, 16), "a socket for each core");
}

#[test]
fn memory_of_the_nodes_is_told_where_their_processors_are_not() {
    let host = two_sockets();
    for cpu in 0..8 {
        let node = format!("sys/devices/system/node/node{}/cpu{cpu}/topology", cpu % 2);
        std::fs::remove_dir_all(host.path().join(node)).unwrap();
    }
    let block = |n| format!("processor : {n}\nphysical id : {}\ncore id : {}\n\n", n % 2, n / 2);
    host.write("proc/cpuinfo", &(0..4).map(block).collect::<String>());
    let machine = read(&host);
    assert_eq!((machine.cores, machine.physical_cores, machine.sockets), (4, 4, 2));
    for (node, cpus) in machine.nodes.iter().zip([[0, 2], [1, 3]]) {
        assert_eq!((node.memory_bytes, node.huge_pages.len()), (1_024_000_000, 2));
        let threads: Vec<_> = node.cores.iter().flat_map(|core| core.threads.clone()).collect();
        assert_eq!(threads, cpus);
    }
}

#[test]
fn processors_are_taken_from_cpuinfo_where_sysfs_tells_nothing() {
    let host = host();
    let block = |n, socket, core| {
        format!(
            "processor : {n}\nvendor_id : IBM/S390\ncpu MHz : 2593.906\nphysical id : {socket}\ncore id : {core}\n\n"
        )
    };
    let text: String = [(0, 0, 0), (1, 0, 0), (2, 0, 1), (3, 1, 0)]
        .map(|(n, socket, core)| block(n, socket, core))
        .concat();
    host.write("proc/cpuinfo", &text);
    let machine = read(&host);
    assert_eq!((machine.cores, machine.physical_cores, machine.sockets), (4, 3, 2));
    assert_eq!((&*machine.vendor_id, machine.cpu_frequency_khz), ("IBM", 2_593_906));
}

#[test]
fn who_the_machine_is_and_what_hangs_on_it() {
    let host = host();
    for (path, text) in [
        ("proc/meminfo", "MemTotal: 2048 kB\nMemFree: 1024 kB\nSwapTotal: 512 kB\n"),
        ("proc/stat", "cpu 1 2 3 4\nbtime 1700000000\n"),
        ("proc/sys/kernel/random/boot_id", "b0-07\n"),
        ("proc/sys/kernel/osrelease", "6.1.0-18-amd64\n"),
        ("proc/sys/kernel/hostname", "node-a\n"),
        ("etc/machine-id", "3c4d\n"),
        ("etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n"),
        ("sys/class/dmi/id/product_uuid", "4c4c4544\n"),
        ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "3900000\n"),
        ("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "3\n"),
        ("sys/devices/system/edac/mc/mc0/dimm0/dimm_mem_type", "Unbuffered-DDR4\n"),
        ("sys/devices/system/edac/mc/mc0/dimm0/size", "4096\n"),
        ("sys/devices/system/edac/mc/mc1/dimm3/dimm_mem_type", "Unbuffered-DDR4\n"),
        ("sys/devices/system/edac/mc/mc1/dimm3/size", "4096\n"),
        ("sys/devices/system/edac/mc/mc1/dimm_of_nothing/dimm_mem_type", "Fake\n"),
        ("sys/block/sda/dev", "8:0\n"),
        ("sys/block/sda/size", "2048\n"),
        ("sys/block/sda/queue/scheduler", "none [mq-deadline] kyber\n"),
        ("sys/block/nvme0c0n1/dev", "259:1\n"),
        ("sys/block/nvme0c0n1/hidden", "1\n"),
        ("sys/block/loop0/dev", "7:0\n"),
        ("sys/block/vda/dev", "254:0\n"),
        ("sys/block/vda/size", "8\n"),
        ("sys/class/net/eth0/address", "52:54:00:12:34:56\n"),
        ("sys/class/net/eth0/mtu", "1500\n"),
        ("sys/class/net/eth0/speed", "10000\n"),
        ("sys/class/net/eth1/mtu", "9000\n"),
        ("sys/class/net/eth1/speed", "-1\n"),
        ("sys/class/net/veth12/mtu", "1500\n"),
        ("sys/class/net/lo/mtu", "65536\n"),
        ("sys/class/net/bonding_masters", "\n"),
    ] {
        host.write(path, text);
    }
    let machine = read(&host);
    assert_eq!((machine.memory_bytes, machine.swap_bytes), (2 << 20, 512 << 10));
    assert_eq!(machine.boot_time, Some(secs(1_700_000_000)));
    let texts = [
        (&machine.boot_id, "b0-07"),
        (&machine.kernel_version, "6.1.0-18-amd64"),
        (&machine.host_name, "node-a"),
        (&machine.machine_id, "3c4d"),
        (&machine.os_version, "Debian GNU/Linux 12 (bookworm)"),
        (&machine.system_uuid, "4c4c4544"),
    ];
    texts.iter().for_each(|(got, want)| assert_eq!(&***got, *want));
    assert_eq!(machine.cpu_frequency_khz, 3_900_000);
    let pools: Vec<_> = machine
        .huge_pages
        .iter()
        .map(|HugePages { page_size_kib, pages, .. }| (*page_size_kib, *pages))
        .collect();
    assert_eq!(pools, [(2048, 3)]);
    assert_eq!(machine.memory_by_type, [("Unbuffered-DDR4".into(), 8 << 30, 2)]);
    let disks: Vec<_> = machine
        .disks
        .iter()
        .map(|d| (&*d.name, d.major, d.minor, d.size_bytes, &*d.scheduler))
        .collect();
    assert_eq!(disks, [("sda", 8, 0, 1 << 20, "mq-deadline"), ("vda", 254, 0, 4096, "none")]);
    let net: Vec<_> = machine
        .network_devices
        .iter()
        .map(|n| (&*n.name, &*n.mac_address, n.speed_mbits, n.mtu))
        .collect();
    assert_eq!(net, [("eth0", "52:54:00:12:34:56", 10_000, 1500), ("eth1", "", 0, 9000)]);
}

#[test]
fn nothing_at_all_is_a_machine_without_anything() {
    let machine = read(&host());
    assert_eq!((machine.cores, machine.memory_bytes, machine.nodes.len()), (0, 0, 0));
    assert_eq!(&*machine.os_version, "Linux");
}

#[test]
fn a_malformed_file_is_told_and_the_rest_is_there() {
    let host = two_sockets();
    host.write("sys/devices/system/node/node1/meminfo", "Node 1 MemTotal: lots kB\n");
    let (machine, warnings) = machine::read(&Roots::below(host.path()), secs(7));
    assert_eq!((machine.nodes[0].memory_bytes, machine.nodes[1].memory_bytes), (1_024_000_000, 0));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].path, host.path().join("sys/devices/system/node/node1/meminfo"));
    assert!(warnings[0].message.starts_with("line 1: expected a count, found \"lots\""));
}
