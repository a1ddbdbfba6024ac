//! `/validate/`: what of this node can be watched.

use std::fmt::Write as _;

use super::VERSION;
use crate::node::{ContainerSpec, MachineInfo};
use crate::{Node, Roots};

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Supported,
    Recommended,
    Unsupported,
    Unknown,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Level::Supported => "Supported",
            Level::Recommended => "Recommended",
            Level::Unsupported => "Unsupported",
            Level::Unknown => "Unknown",
        }
    }
}

/// The oldest kernel that is known to do, and the one that has all: pressure of cgroups.
const KERNEL_MIN: (u32, u32) = (3, 10);
const KERNEL_WANTED: (u32, u32) = (4, 20);

/// The whole text.
pub(super) fn report(node: &Node, roots: &Roots) -> String {
    let machine = node.machine();
    let containers = node.containers();
    let mut out =
        format!("stripchart version: {VERSION}\n\nOS version: {}\n\n", machine.os_version);
    put(&mut out, "Kernel version", kernel(&machine));
    let root = containers.get("/").map(|root| &root.spec);
    put(&mut out, "Cgroup setup", controllers(root));
    put(&mut out, "Cgroup mount setup", mounts(roots));
    let runtimes: std::collections::BTreeSet<&str> =
        containers.values().filter_map(|c| Some(c.about.runtime?.name())).collect();
    let runtimes: Vec<&str> = runtimes.into_iter().collect();
    put(
        &mut out,
        "Container runtimes",
        match runtimes.is_empty() {
            true => (Level::Unknown, "no container of any is running".to_owned()),
            false => {
                (Level::Supported, format!("containers are running of {}", runtimes.join(", ")))
            }
        },
    );
    put(&mut out, "Block device setup", schedulers(&machine));
    put(
        &mut out,
        "Containers",
        match containers.len() {
            0 => (Level::Unknown, "nothing was sampled yet".to_owned()),
            count => (Level::Supported, format!("{count} cgroups are watched")),
        },
    );
    out
}

fn put(out: &mut String, title: &str, (level, why): (Level, String)) {
    let _ = write!(out, "{title}: {}\n\t{}\n\n", level.name(), why.replace('\n', "\n\t"));
}

fn kernel(machine: &MachineInfo) -> (Level, String) {
    let release = &machine.kernel_version;
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
    let (Some(Some(major)), Some(Some(minor))) = (numbers.next(), numbers.next()) else {
        return (Level::Unknown, format!("the kernel's release is {release:?}"));
    };
    let level = match (major, minor) {
        version if version < KERNEL_MIN => Level::Unsupported,
        version if version < KERNEL_WANTED => Level::Supported,
        _ => Level::Recommended,
    };
    let (want_major, want_minor) = KERNEL_WANTED;
    (
        level,
        format!(
            "Kernel version is {release}. Versions >= {want_major}.{want_minor} tell pressure, too."
        ),
    )
}

fn controllers(root: Option<&ContainerSpec>) -> (Level, String) {
    let Some(spec) = root else {
        return (Level::Unknown, "the root was not sampled yet".to_owned());
    };
    let known = [
        ("cpu", spec.cpu.is_some()),
        ("memory", spec.memory.is_some()),
        ("io", spec.has_io),
        ("pids", spec.has_pids),
    ];
    let list = |wanted: bool| {
        let names: Vec<&str> =
            known.iter().filter(|(_, has)| *has == wanted).map(|(n, _)| *n).collect();
        names.join(", ")
    };
    let level = match known {
        [(_, true), (_, true), (_, true), (_, true)] => Level::Recommended,
        [(_, true), (_, true), ..] => Level::Supported,
        _ => Level::Unsupported,
    };
    let missing = list(false);
    let missing =
        if missing.is_empty() { String::new() } else { format!("\nNot accounted for: {missing}.") };
    (level, format!("Accounted for: {}.{missing}", list(true)))
}

fn mounts(roots: &Roots) -> (Level, String) {
    let folder = roots.sys.join("fs/cgroup");
    let at = folder.display();
    if folder.join("cgroup.controllers").exists() {
        return (Level::Recommended, format!("Version 2 is mounted at {at}."));
    }
    match folder.is_dir() {
        true => (Level::Supported, format!("Version 1 is mounted below {at}.")),
        false => (Level::Unknown, format!("There is no folder {at}.")),
    }
}

fn schedulers(machine: &MachineInfo) -> (Level, String) {
    if machine.disks.is_empty() {
        return (Level::Unknown, "no disk is known".to_owned());
    }
    let lines: Vec<String> = machine
        .disks
        .iter()
        .map(|disk| format!("Disk {:?} Scheduler type {:?}.", disk.name, disk.scheduler))
        .collect();
    // Without a scheduler that weighs, the weights of cgroups do nothing; usage is told all the same.
    let weighs = machine.disks.iter().any(|disk| matches!(&*disk.scheduler, "bfq" | "cfq"));
    (if weighs { Level::Recommended } else { Level::Supported }, lines.join("\n"))
}
