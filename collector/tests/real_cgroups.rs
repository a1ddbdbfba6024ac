//! Cgroups of version 1 that are made for the purpose: throttled, killed, and made and removed by the thousand.
//!
//! Needs root and the hierarchies of version 1; says so and passes where they are not.

#![cfg(feature = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use common::secs;
use stripchart_collector::node::ContainerSample;
use stripchart_collector::{Node, Roots, Sampler};
use tempfile::TempDir;

const CONTROLLERS: [&str; 5] = ["cpu", "cpuacct", "memory", "blkio", "pids"];

/// One after another: one of them looks at the memory of this process.
static ALONE: Mutex<()> = Mutex::new(());

/// A folder in each hierarchy, and a sampler to which those are the roots.
struct Hierarchies {
    name: String,
    proc: TempDir,
}

impl Hierarchies {
    /// `None` where they cannot be made, which is said.
    fn new(what: &str) -> Option<Self> {
        let made = Hierarchies {
            name: format!("stripchart-{what}-{}", std::process::id()),
            proc: TempDir::new().unwrap(),
        };
        let mut mounts = String::new();
        for (n, controller) in CONTROLLERS.iter().enumerate() {
            let folder = made.folder(controller);
            if let Err(error) = fs::create_dir(&folder) {
                println!("skipped: {} cannot be made ({error})", folder.display());
                return None;
            }
            let folder = folder.display();
            mounts += &format!("{n} 1 0:{n} / {folder} rw - cgroup cgroup rw,{controller}\n");
        }
        fs::create_dir(made.proc.path().join("1")).unwrap();
        fs::write(made.proc.path().join("1/mountinfo"), mounts).unwrap();
        Some(made)
    }

    fn folder(&self, controller: &str) -> PathBuf {
        Path::new("/sys/fs/cgroup").join(controller).join(&self.name)
    }

    /// Makes group `name` in all hierarchies.
    fn make(&self, name: &str) {
        for controller in CONTROLLERS {
            fs::create_dir(self.folder(controller).join(name)).unwrap();
        }
    }

    fn remove(&self, name: &str) {
        for controller in CONTROLLERS {
            remove_group(&self.folder(controller).join(name));
        }
    }

    fn set(&self, controller: &str, file: &str, value: &str) {
        fs::write(self.folder(controller).join(file), value).unwrap();
    }

    fn sampler(&self, node: &Arc<Node>) -> Sampler {
        let proc = self.proc.path().to_owned();
        let roots = Roots { proc, sys: "/sys".into(), rootfs: "/".into() };
        Sampler::builder().roots(roots).host_name("here").node(Arc::clone(node)).build()
    }

    /// Runs `script` in a shell in group `name`.
    fn run(&self, name: &str, script: &str) {
        let enter = CONTROLLERS.map(|controller| {
            format!("echo $$ > {}/{name}/cgroup.procs; ", self.folder(controller).display())
        });
        Command::new("sh").args(["-c", &(enter.concat() + script)]).output().unwrap();
    }
}

/// Removes a group. The kernel may hold one for a moment longer than its last process.
fn remove_group(folder: &Path) {
    for _ in 0..10_000 {
        match fs::remove_dir(folder) {
            Ok(()) => return,
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                std::thread::yield_now();
            }
            Err(_) => return,
        }
    }
}

impl Drop for Hierarchies {
    fn drop(&mut self) {
        for controller in CONTROLLERS {
            let folder = self.folder(controller);
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    remove_group(&entry.path());
                }
            }
            remove_group(&folder);
        }
    }
}

fn latest(node: &Node, path: &str) -> ContainerSample {
    node.containers().get(path).expect(path).samples.latest().unwrap().clone()
}

#[test]
fn throttling_kills_and_limits_are_as_the_kernel_says() {
    let _alone = ALONE.lock().unwrap();
    let Some(host) = Hierarchies::new("limits") else { return };
    host.make("slow");
    host.make("small");
    host.set("cpu", "slow/cpu.cfs_period_us", "10000");
    host.set("cpu", "slow/cpu.cfs_quota_us", "1000");
    host.set("pids", "slow/pids.max", "17");
    host.set("memory", "small/memory.limit_in_bytes", "33554432");
    let node = Arc::new(Node::new());
    let mut sampler = host.sampler(&node);
    sampler.sample(secs(100));
    let before = latest(&node, "/slow");
    assert_eq!((before.cpu.usage_ns, before.cpu.throttled_periods), (Some(0), Some(0)));
    host.run("slow", "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done");
    // A line without an end, which has to be in memory as a whole.
    host.run("small", "head -c 100000000 /dev/zero | tail");
    sampler.sample(secs(110));

    let slow = latest(&node, "/slow");
    assert!(slow.cpu.throttled_periods > Some(0), "{:?}", slow.cpu);
    assert!(slow.cpu.throttled_ns > Some(0) && slow.cpu.periods >= slow.cpu.throttled_periods);
    let read = |controller: &str, file: &str| {
        let text = fs::read_to_string(host.folder(controller).join(file)).unwrap();
        text.trim().parse::<u64>().unwrap()
    };
    assert_eq!(slow.cpu.usage_ns, Some(read("cpuacct", "slow/cpuacct.usage")));
    assert_eq!(slow.cpu.per_cpu_ns.iter().sum::<u64>(), slow.cpu.usage_ns.unwrap());
    assert_eq!(slow.pids.limit, Some(17));

    let small = latest(&node, "/small");
    // Mostly one; a second one if the reader asks for memory before what the killed had is free.
    let control = fs::read_to_string(host.folder("memory").join("small/memory.oom_control"));
    let kills =
        control.unwrap().lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok());
    assert!(small.oom_kills >= Some(1) && small.oom_kills == kills, "{:?}", small.memory);
    assert!(small.memory.failcnt > Some(0) && small.memory.peak == Some(32 << 20));
    assert_eq!(small.memory.failcnt, Some(read("memory", "small/memory.failcnt")));
    let spec = node.containers()["/small"].spec.clone();
    assert_eq!(spec.memory.unwrap().limit, Some(32 << 20));
    assert_eq!(sampler.take_warnings().iter().filter(|w| is_of_cgroups(w)).count(), 0);
}

/// Whether `warning` is not merely of a file of `/proc` that the test has none of.
fn is_of_cgroups(warning: &stripchart_collector::Warning) -> bool {
    warning.path.starts_with("/sys/fs/cgroup")
}

fn anonymous_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn five_thousand_that_come_and_go_leave_nothing_behind() {
    const GROUPS: usize = 5000;
    const AT_ONCE: usize = 50;
    let _alone = ALONE.lock().unwrap();
    let Some(host) = Hierarchies::new("churn") else { return };
    let node = Arc::new(Node::new());
    let mut sampler = host.sampler(&node);
    let done = AtomicBool::new(false);
    let (mut samples, mut most, mut memory) = (0_i64, 0, Vec::new());
    std::thread::scope(|scope| {
        // While this thread samples the other makes groups and removes them, whatever is being read.
        scope.spawn(|| {
            for n in 0..GROUPS + AT_ONCE {
                if n < GROUPS {
                    host.make(&format!("job-{n}"));
                }
                if let Some(old) = n.checked_sub(AT_ONCE) {
                    host.remove(&format!("job-{old}"));
                }
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            samples += 1;
            sampler.sample(secs(samples));
            most = most.max(node.containers().len());
            memory.push(anonymous_bytes());
        }
    });
    sampler.sample(secs(samples + 1));
    sampler.sample(secs(samples + 2));
    assert_eq!(node.containers().keys().map(|path| &**path).collect::<Vec<_>>(), ["/"]);
    assert_eq!(sampler.stats().cgroups, 1);
    assert!(most <= AT_ONCE + 2 + AT_ONCE, "{most} containers at once");
    let warnings = sampler.take_warnings();
    let of_cgroups: Vec<_> = warnings.iter().filter(|w| is_of_cgroups(w)).collect();
    assert_eq!(of_cgroups.len(), 0, "{of_cgroups:?}");
    assert!(node.events().last() > 0);
    // What is there after a quarter of the time is enough for the rest, but for what the allocator keeps.
    let (early, late) = (&memory[..memory.len() / 4], &memory[memory.len() / 4..]);
    if let (Some(early), Some(late)) = (early.iter().max(), late.iter().max()) {
        assert!(*late < early + (6 << 20), "{early} bytes, later {late}");
    }
    println!(
        "{samples} samples, at most {most} containers, {memory:?} bytes",
        memory = memory.last()
    );
}
