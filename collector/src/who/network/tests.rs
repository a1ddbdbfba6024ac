use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};

use super::*;

const ALL: Wanted = Wanted { interfaces: true, tcp: true, udp: true, tcp_counters: true };
const DEFAULT: Wanted = Wanted { interfaces: true, tcp: false, udp: false, tcp_counters: false };

/// A `/proc` made of files, and cgroups in it.
struct Host {
    root: tempfile::TempDir,
    networks: Networks,
    buffer: Buffer,
    warnings: Warnings,
}

impl Host {
    fn new(wanted: Wanted) -> Self {
        let root = tempfile::tempdir().unwrap();
        let networks = Networks::new(root.path(), wanted, 10);
        Host { root, networks, buffer: Buffer::default(), warnings: Warnings::default() }
    }

    fn process(&self, pid: u32, start: u64, namespace: u64, eth0: u64) {
        let folder = self.root.path().join(pid.to_string());
        std::fs::create_dir_all(folder.join("ns")).unwrap();
        std::fs::create_dir_all(folder.join("net")).unwrap();
        let stat = format!("{pid} (x) S 1 7 7 0 -1 64 0 0 0 0 52 17 0 0 20 0 1 0 {start} 4096 5\n");
        std::fs::write(folder.join("stat"), stat).unwrap();
        let _ = std::fs::remove_file(folder.join("ns/net"));
        symlink(format!("net:[{namespace}]"), folder.join("ns/net")).unwrap();
        let line =
            |name: &str, bytes: u64| format!("{name}: {bytes} 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n");
        let dev = format!(
            "Inter-| Receive\n face |bytes\n{}{}{}{}",
            line("lo", 1),
            line("veth12", 1),
            line("Docker0", 1),
            line("eth0", eth0)
        );
        std::fs::write(folder.join("net/dev"), dev).unwrap();
    }

    fn group(&self, name: &str, pids: &str) -> std::path::PathBuf {
        let folder = self.root.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("cgroup.procs"), pids).unwrap();
        folder
    }

    /// Takes a sample of each; gives the bytes that each reports.
    fn sample(&mut self, askers: &mut [(Asker<'_>, Member)]) -> Vec<Option<u64>> {
        self.networks.begin();
        let mut found = Vec::new();
        for (asker, member) in askers {
            let mut sample = None;
            self.networks.read(*asker, member, &mut sample, &mut self.buffer, &mut self.warnings);
            found.push(sample.map(|sample: NetworkSample| {
                assert_eq!(sample.interfaces.len(), 1, "lo, veth and docker are left out");
                sample.interfaces[0].rx_bytes
            }));
        }
        found
    }
}

fn asker(number: u64, folder: &Path) -> Asker<'_> {
    Asker { number, folder, sandbox: false, in_pod: true, root: false }
}

#[test]
fn each_namespace_is_reported_once_by_the_sandbox_and_the_hosts_by_the_root() {
    let mut host = Host::new(DEFAULT);
    host.process(1, 1, 100, 1000);
    host.process(20, 5, 200, 2000);
    host.process(21, 6, 200, 2000);
    host.process(30, 7, 100, 1000);
    let folders = [
        host.group("root", "1\n"),
        host.group("app", "21\n"),
        host.group("pause", "20\n"),
        host.group("hostnet", "30\n"),
        host.group("empty", ""),
    ];
    let mut askers: Vec<_> = folders
        .iter()
        .enumerate()
        .map(|(n, folder)| (asker(n as u64, folder), Member::default()))
        .collect();
    askers[0].0.root = true;
    askers[2].0.sandbox = true;
    let want = [Some(1000), None, Some(2000), None, None];
    for round in 0..8 {
        assert_eq!(host.sample(&mut askers), want, "round {round}");
    }
    assert!(host.networks.is_on_host(&askers[3].1) && !host.networks.is_on_host(&askers[1].1));
    // When the sandbox is gone, another container of the pod takes over.
    let (asker, gone) = askers.remove(2);
    host.networks.forget(asker.number, gone);
    host.sample(&mut askers);
    host.sample(&mut askers);
    assert_eq!(host.sample(&mut askers)[1], Some(2000));
    assert!(host.warnings.take().is_empty());
}

#[test]
fn a_pod_without_a_known_sandbox_is_reported_by_one_of_its_containers_always_the_same() {
    let mut host = Host::new(DEFAULT);
    host.process(1, 1, 100, 1000);
    host.process(20, 5, 200, 2000);
    host.process(21, 6, 200, 2000);
    let folders = [host.group("a", "20\n"), host.group("b", "21\n")];
    let mut askers: Vec<_> = folders
        .iter()
        .enumerate()
        .map(|(n, folder)| (asker(n as u64, folder), Member::default()))
        .collect();
    assert_eq!(host.sample(&mut askers), [None, None], "its sandbox may yet come");
    for _ in 0..8 {
        assert_eq!(host.sample(&mut askers), [Some(2000), None]);
    }
}

#[test]
fn another_process_of_the_same_number_is_not_taken_for_the_first() {
    let mut host = Host::new(DEFAULT);
    host.process(1, 1, 100, 1000);
    host.process(20, 5, 200, 2000);
    let folder = host.group("a", "20\n");
    let mut askers = [(Asker { in_pod: false, ..asker(0, &folder) }, Member::default())];
    assert_eq!(host.sample(&mut askers), [Some(2000)]);
    // The container is gone from there, and its number now that of a process elsewhere.
    host.process(20, 77, 300, 9000);
    std::fs::remove_file(folder.join("cgroup.procs")).unwrap();
    let seen: Vec<_> = (0..7).map(|_| host.sample(&mut askers)[0]).collect();
    assert_eq!(seen[6], None, "{seen:?}");
    assert_eq!(host.networks.descriptors_left, 10, "nothing is kept open");
}

#[test]
fn a_container_is_stood_for_by_its_oldest_process_also_in_a_folder_below() {
    let mut host = Host::new(DEFAULT);
    host.process(1, 1, 100, 1000);
    host.process(40, 90, 201, 1);
    host.process(50, 10, 202, 5000);
    let folder = host.group("a", "");
    host.group("a/container", "40\n50\n0\nx\n");
    let mut askers = [(Asker { in_pod: false, ..asker(0, &folder) }, Member::default())];
    assert_eq!(host.sample(&mut askers), [Some(5000)]);
}

#[test]
fn without_descriptors_files_are_opened_each_time() {
    let mut host = Host::new(DEFAULT);
    host.networks.descriptors_left = 0;
    host.process(1, 1, 100, 1000);
    host.process(20, 5, 200, 2000);
    let folder = host.group("a", "20\n");
    let mut askers = [(Asker { in_pod: false, ..asker(0, &folder) }, Member::default())];
    assert_eq!(host.sample(&mut askers), [Some(2000)]);
    host.process(20, 5, 200, 2001);
    assert_eq!(host.sample(&mut askers), [Some(2001)]);
}

#[test]
fn malformed_counters_leave_the_network_out_and_warn_once() {
    let mut host = Host::new(ALL);
    host.process(1, 1, 100, 1000);
    let net = host.root.path().join("1/net");
    std::fs::write(net.join("dev"), "Inter-|\n face |\n eth0: 1 2 x\n").unwrap();
    std::fs::write(net.join("snmp"), "Tcp: MaxConn InSegs\nTcp: -1 5\n").unwrap();
    std::fs::write(net.join("netstat"), "TcpExt: TW\nTcpExt: 3\n").unwrap();
    std::fs::write(net.join("tcp"), "sl\n0: a b 0A 0:0\n").unwrap();
    let folder = host.group("root", "");
    let mut member = Member::default();
    let mut sample = None;
    for _ in 0..3 {
        host.networks.begin();
        let asker = Asker { root: true, ..asker(0, &folder) };
        host.networks.read(asker, &mut member, &mut sample, &mut host.buffer, &mut host.warnings);
    }
    let sample = sample.unwrap();
    assert!(sample.interfaces.is_empty());
    assert_eq!((sample.tcp.unwrap().listen, sample.tcp6, sample.udp), (1, None, None));
    let counters = sample.tcp_ext.unwrap().counters;
    assert_eq!(counters, [("MaxConn".into(), -1), ("InSegs".into(), 5), ("TW".into(), 3)]);
    assert_eq!(host.warnings.take().len(), 1);
}

/// Ends a process when a test does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_real_namespace_has_its_own_counters() {
    let spawned = Command::new("unshare")
        .args(["--net", "sh", "-c", "echo ready; exec sleep 100"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = spawned else {
        println!("skipped: unshare is not there");
        return;
    };
    let mut child = Running(child);
    let mut ready = [0; 5];
    let out = child.0.stdout.as_mut().unwrap();
    if std::io::Read::read_exact(out, &mut ready).is_err() {
        println!("skipped: no right to make a network namespace");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("cgroup.procs"), format!("{}\n", child.0.id())).unwrap();
    let mut networks = Networks::new(Path::new("/proc"), ALL, 10);
    let (mut buffer, mut warnings) = (Buffer::default(), Warnings::default());
    let (mut inside, mut host) = (Member::default(), Member::default());
    let (mut inside_sample, mut host_sample) = (None, None);
    networks.begin();
    let of_child = Asker { in_pod: false, ..asker(1, root.path()) };
    networks.read(of_child, &mut inside, &mut inside_sample, &mut buffer, &mut warnings);
    let of_host = Asker { root: true, ..asker(0, Path::new("/")) };
    networks.read(of_host, &mut host, &mut host_sample, &mut buffer, &mut warnings);
    assert_ne!(inside.namespace, host.namespace);
    let sample = inside_sample.unwrap();
    assert!(sample.interfaces.iter().all(|interface| interface.rx_bytes == 0), "{sample:?}");
    assert_eq!(sample.tcp.unwrap(), crate::node::TcpStates::default());
    assert!(sample.tcp_ext.unwrap().counters.len() > 50);
    assert!(host_sample.is_some());
    assert!(warnings.take().is_empty());
}
