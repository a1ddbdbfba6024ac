//! Real cgroups of version 1, some of them with a process that works when told to.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::{CHILD, Outcome};

const ROOT: &str = "/sys/fs/cgroup";
const CONTROLLERS: [&str; 5] = ["cpu", "cpuacct", "memory", "blkio", "pids"];

/// How they lie in one another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// All in one folder.
    Flat,
    /// Pods of three: the pod, what keeps its namespaces, and a container.
    Pods,
}

/// Cgroups that are removed when this is dropped.
pub(crate) struct Groups {
    folder: String,
    names: Vec<String>,
    workers: Vec<Child>,
}

impl Groups {
    /// Makes `count` of them, `working` of which get a process, from the first on; `None` if this machine or user has no
    /// cgroups of version 1 to make.
    pub(crate) fn new(count: usize, working: usize, shape: Shape) -> Outcome<Option<Self>> {
        let folder = format!("stripchart-bars-{}", std::process::id());
        let mut groups = Groups { folder, names: Vec::new(), workers: Vec::new() };
        if CONTROLLERS.iter().any(|of| fs::create_dir(groups.path(of, "")).is_err()) {
            return Ok(None);
        }
        for n in 0..count {
            let name = match shape {
                Shape::Flat => format!("{n:064x}"),
                Shape::Pods if n % 3 == 0 => format!("pod{:08x}", n / 3),
                Shape::Pods => format!("pod{:08x}/{n:064x}", n / 3),
            };
            for controller in CONTROLLERS {
                fs::create_dir(groups.path(controller, &name))?;
            }
            if n % 2 == 0 {
                fs::write(groups.path("memory", &name).join("memory.limit_in_bytes"), "67108864")?;
                fs::write(groups.path("cpu", &name).join("cpu.cfs_quota_us"), "50000")?;
            }
            groups.names.push(name);
        }
        // A pod's own group holds no process: it works as one of its containers does.
        let hosts = groups.names.iter().filter(|name| shape == Shape::Flat || name.contains('/'));
        let hosts: Vec<String> = hosts.take(working).cloned().collect();
        for name in hosts {
            let mut command = Command::new(std::env::current_exe()?);
            command.args([CHILD, "worker"]).stdin(Stdio::piped()).stdout(Stdio::piped());
            let child = command.spawn()?;
            for controller in CONTROLLERS {
                let procs = groups.path(controller, &name).join("cgroup.procs");
                fs::write(procs, child.id().to_string())?;
            }
            groups.workers.push(child);
        }
        groups.work(usize::MAX)?;
        Ok(Some(groups))
    }

    fn path(&self, controller: &str, name: &str) -> PathBuf {
        Path::new(ROOT).join(controller).join(&self.folder).join(name)
    }

    /// The file of every group, `(controller, file)`.
    pub(crate) fn files(&self, files: &[(&str, &str)]) -> Outcome<Vec<fs::File>> {
        let mut open = Vec::new();
        for name in &self.names {
            for (controller, file) in files {
                open.push(fs::File::open(self.path(controller, name).join(file))?);
            }
        }
        Ok(open)
    }

    /// The groups' paths below the root of any hierarchy.
    pub(crate) fn relative(&self) -> impl Iterator<Item = String> {
        self.names.iter().map(|name| format!("{}/{name}", self.folder))
    }

    /// Lets the first `count` processes do a little: use some memory, give it back at times.
    pub(crate) fn work(&mut self, count: usize) -> Outcome {
        let count = count.min(self.workers.len());
        let workers = &mut self.workers[..count];
        for worker in workers.iter_mut() {
            worker.stdin.as_mut().ok_or("no input")?.write_all(b"x")?;
        }
        for worker in workers {
            worker.stdout.as_mut().ok_or("no output")?.read_exact(&mut [0])?;
        }
        Ok(())
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        for mut worker in self.workers.drain(..) {
            drop(worker.stdin.take());
            // One that is gone already is as good.
            let _ = worker.wait();
        }
        let names = self.names.iter().rev().map(String::as_str).chain([""]);
        for name in names {
            for controller in CONTROLLERS {
                // The kernel may hold a group for a moment longer than its last process.
                let path = self.path(controller, name);
                let _ = (0..1000).find(|_| {
                    let removed = fs::remove_dir(&path).is_ok() || !path.exists();
                    if !removed {
                        std::thread::yield_now();
                    }
                    removed
                });
            }
        }
    }
}

/// What such a process does until its input ends.
pub(crate) fn worker() -> Outcome {
    let (mut input, mut output) = (std::io::stdin(), std::io::stdout());
    let (mut round, mut kept) = (0_u64, Vec::new());
    while input.read_exact(&mut [0]).is_ok() {
        round += 1;
        kept.push(vec![1_u8; 256 << 10]);
        if round.is_multiple_of(8) {
            kept.clear();
        }
        output.write_all(b"y")?;
        output.flush()?;
    }
    Ok(())
}
