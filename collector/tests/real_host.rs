//! This machine's own cgroups and network namespaces, where the rights allow.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::SystemTime;

use stripchart_collector::node::EventKind;
use stripchart_collector::{Node, Sampler, who};
use stripchart_core::Timestamp;

const UID: &str = "0a1b2c3d-1111-2222-3333-444455556666";

fn now() -> Timestamp {
    SystemTime::now().into()
}

/// A cgroup of this test's own, in one hierarchy; removed at the end with the processes in it.
struct Group {
    folder: PathBuf,
    children: Vec<Child>,
}

impl Group {
    /// Makes the cgroup `path` in the hierarchy that accounts for memory, or says why not.
    fn new(path: &str) -> Result<Self, String> {
        let unified = fs::exists("/sys/fs/cgroup/cgroup.controllers").unwrap_or(false);
        let root = if unified { "/sys/fs/cgroup" } else { "/sys/fs/cgroup/memory" };
        let folder = PathBuf::from(format!("{root}{path}"));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let group = Group { folder, children: Vec::new() };
        if !group.folder.join("cgroup.procs").exists() {
            return Err(format!("{} is no cgroup", group.folder.display()));
        }
        Ok(group)
    }

    fn write(&self, file: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(file);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Starts a shell in the cgroup; ready when this returns.
    fn run(&mut self, program: &[&str], script: &str) -> Result<u32, String> {
        let script = format!(
            "echo 0 > {}/cgroup.procs || exit 1; echo ready; {script}",
            self.folder.display()
        );
        let mut words = program.iter().copied().chain(["sh", "-c", &script]);
        let mut child = Command::new(words.next().unwrap())
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{program:?}: {error}"))?;
        let mut line = String::new();
        let _ = BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line);
        let pid = child.id();
        self.children.push(child);
        if line.trim() == "ready" {
            Ok(pid)
        } else {
            Err(format!("{program:?}: no right to do that"))
        }
    }

    fn path(&self) -> String {
        let folder = self.folder.to_str().unwrap();
        let path = folder.strip_prefix("/sys/fs/cgroup").unwrap();
        path.strip_prefix("/memory").unwrap_or(path).to_owned()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        // The kernel frees a cgroup a moment after its last process.
        for _ in 0..1000 {
            if fs::remove_dir(&self.folder).is_ok() {
                break;
            }
            std::thread::yield_now();
        }
        for above in self.folder.ancestors().skip(1).take(2) {
            let _ = fs::remove_dir(above);
        }
    }
}

fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

#[test]
fn a_real_container_reports_its_own_network_namespace_and_its_end() {
    let made = Group::new(&format!("/kubepods/pod{UID}-a/{}", id('a'))).and_then(|mut group| {
        let pid = group.run(&["unshare", "--net"], "exec sleep 1000")?;
        Ok((group, pid))
    });
    let (group, pid) = match made {
        Ok(made) => made,
        Err(why) => return println!("skipped: {why}"),
    };
    let path = group.path();
    let node = Arc::new(Node::new());
    let mut sampler = Sampler::builder().node(Arc::clone(&node)).build();
    for _ in 0..3 {
        sampler.sample(now());
    }
    {
        let containers = node.containers();
        let container = &containers[&*path];
        assert_eq!(container.about.container_id.as_deref(), Some(&*id('a')));
        assert!(!container.about.host_network);
        let network = container.samples.latest().unwrap().network.as_ref();
        let network = network.expect("its own namespace is reported");
        assert!(network.interfaces.iter().all(|interface| interface.rx_packets == 0));
        let host = containers["/"].samples.latest().unwrap().network.as_ref();
        assert!(host.is_some());
    }
    let processes = who::processes(&stripchart_collector::Roots::default(), now());
    let process = processes.iter().find(|process| process.pid == pid).unwrap();
    assert_eq!((&*process.command, process.parent_pid), ("sleep", std::process::id()));
    drop(group);
    sampler.sample(now());
    sampler.sample(now());
    let told = node.events().since(0, |event| *event.container == *path);
    assert_eq!(told[0].kind, EventKind::Created);
    assert_eq!(told.last().unwrap().kind, EventKind::Deleted { exit_code: None });
}

#[test]
fn a_real_oom_kill_is_an_event_of_its_cgroup() {
    let made = Group::new(&format!("/stripchart-oom-{}", std::process::id())).and_then(|group| {
        let limit = match group.write("memory.max", "16777216") {
            Ok(()) => group.write("memory.swap.max", "0").or(Ok(())),
            Err(_) => group.write("memory.limit_in_bytes", "16777216"),
        };
        limit.map(|()| group)
    });
    let mut group = match made {
        Ok(group) => group,
        Err(why) => return println!("skipped: {why}"),
    };
    if fs::File::open("/dev/kmsg").is_err() {
        return println!("skipped: /dev/kmsg cannot be read");
    }
    let path = group.path();
    let node = Arc::new(Node::new());
    let mut sampler = Sampler::builder().node(Arc::clone(&node)).build();
    sampler.sample(now());
    sampler.sample(now());
    // A shell that holds ever more text, until it is killed.
    let hog = "x=0123456789abcdef; while :; do x=$x$x; done";
    if let Err(why) = group.run(&["nice"], hog) {
        return println!("skipped: {why}");
    }
    let status = group.children[0].wait().unwrap();
    if std::os::unix::process::ExitStatusExt::signal(&status) != Some(9) {
        return println!("skipped: the shell ended by itself: {status}");
    }
    sampler.sample(now());
    let told = node
        .events()
        .since(0, |event| *event.container == *path && !matches!(event.kind, EventKind::Created));
    let kinds: Vec<_> = told.iter().map(|event| &event.kind).collect();
    assert!(matches!(kinds[..], [EventKind::Oom { .. }, EventKind::OomKill { .. }]), "{kinds:?}");
    let EventKind::OomKill { process, constraint, pid } = kinds[1] else { return };
    assert_eq!((&**process, &**constraint), ("sh", "CONSTRAINT_MEMCG"));
    assert_eq!(*pid, group.children[0].id());
    let latest = node.containers()[&*path].samples.latest().unwrap().oom_kills;
    assert_eq!(latest, Some(1));
}
