//! The page of one container.

use stripchart_core::{Frame, Unit};

use super::build::{Grid, float, section, text_note};
use super::courses::{Line, cores_now, of_interface};
use super::{address, title_of};
use crate::cadvisor::events::is_below;
use crate::cadvisor::lookup;
use crate::cadvisor::model::{Containers, Subject};
use crate::cadvisor::request::Query;
use crate::cgroup::Runtime;
use crate::node::{Container, ContainerSample, FilesystemSample, InterfaceSample};
use crate::who::Process;

/// Processes in the table unless all are asked for.
const PROCESSES_SHOWN: usize = 25;
/// Lines of a chart of the busiest.
const BUSIEST: usize = 10;
/// Lines of the chart of processors.
const CORES_SHOWN: usize = 64;
/// Gauges of file systems.
const FILESYSTEM_GAUGES: usize = 5;
/// From here on a limit of memory is none.
const UNLIMITED: u64 = 1 << 62;

/// A container and what its page depends on.
pub(super) struct Shown<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) containers: &'a Containers,
    /// Of which runtime's pages this is one.
    pub(super) runtime: Option<Runtime>,
    pub(super) query: &'a Query,
}

impl Shown<'_> {
    pub(super) fn frames(&self, processes: Vec<Process>) -> Vec<Frame> {
        let mut frames = vec![self.crumbs()];
        let Some(latest) = self.subject.container.samples.latest() else {
            frames.push(text_note("No sample of this container was taken yet."));
            frames.extend(self.inside());
            return frames;
        };
        frames.push(self.gauges(latest));
        frames.extend(self.inside());
        frames.push(section("Isolation and limits"));
        frames.extend(self.limits());
        frames.extend(self.processor(latest));
        frames.extend(self.memory(latest));
        frames.extend(self.network(latest));
        frames.extend(self.io());
        frames.extend(filesystems(latest));
        frames.extend(self.busiest());
        frames.extend(self.processes(processes));
        frames
    }

    fn is_root(&self) -> bool {
        self.subject.path == "/"
    }

    fn crumbs(&self) -> Frame {
        let (mut names, mut targets) = (vec!["/".to_owned()], vec!["/containers/".to_owned()]);
        if let Some(runtime) = self.runtime {
            names.push(runtime.name().to_owned());
            targets.push(format!("/{}/", runtime.name()));
            names.push(title_of(&self.subject));
            targets.push(String::new());
        } else {
            let path = self.subject.path;
            let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
            for end in ends.filter(|end| *end > 1) {
                let above = path.get(..end).unwrap_or(path);
                names.push(above.rsplit('/').next().unwrap_or(above).to_owned());
                targets.push(address(above));
            }
        }
        Grid::new("crumbs", "").text("name", names).text("href", targets).done()
    }

    /// The containers directly below, and on the page of the root what else there is.
    fn inside(&self) -> Vec<Frame> {
        let subject = self.subject;
        let children: Vec<Subject<'_>> =
            lookup::children(self.containers, subject.machine, subject.path).collect();
        let mut frames = Vec::new();
        let runtimes =
            [("Docker containers", Runtime::Docker), ("Podman containers", Runtime::Podman)];
        let there = runtimes.into_iter().filter(|(_, runtime)| {
            self.is_root() && !lookup::of_runtime(self.containers, *runtime).is_empty()
        });
        let links: Vec<_> =
            there.map(|(name, runtime)| (name, format!("/{}/", runtime.name()))).collect();
        if !links.is_empty() {
            let names = links.iter().map(|(name, _)| *name);
            let targets = links.iter().map(|(_, target)| target);
            frames.push(Grid::new("links", "").text("name", names).text("href", targets).done());
        }
        if !children.is_empty() {
            frames.push(table_of("Subcontainers", &children));
        }
        frames
    }

    fn gauges(&self, latest: &ContainerSample) -> Frame {
        let subject = self.subject;
        let cores = float(latest.cpu.per_cpu_ns.len() as u64);
        let cores = cores.max(f64::from(subject.machine.cores)).max(1.0);
        let mut names = Vec::new();
        let (mut percents, mut texts) = (Vec::new(), Vec::new());
        let mut add = |name: String, percent: f64, text: String| {
            names.push(name);
            percents.push(Some(percent.clamp(0.0, 100.0)));
            texts.push(text);
        };
        if let Some(used) = cores_now(subject.container) {
            add("CPU".to_owned(), used / cores * 100.0, format!("{used:.2} of {cores} cores"));
        }
        if let Some(used) = latest.memory.usage {
            let of = self.memory_available();
            if of > 0 {
                let text = format!("{} of {}", bytes(used), bytes(of));
                add("Memory".to_owned(), float(used) / float(of) * 100.0, text);
            }
        }
        let share = |fs: &FilesystemSample| float(fs.usage) / float(fs.capacity);
        let mut fullest: Vec<_> = latest.filesystems.iter().filter(|fs| fs.capacity > 0).collect();
        fullest.sort_by(|a, b| share(b).total_cmp(&share(a)));
        for fs in fullest.into_iter().take(FILESYSTEM_GAUGES) {
            let name = if fs.mount_point.is_empty() { &fs.device } else { &fs.mount_point };
            let text = format!("{} of {}", bytes(fs.usage), bytes(fs.capacity));
            add(name.to_string(), float(fs.usage) / float(fs.capacity) * 100.0, text);
        }
        Grid::new("gauges", "Usage now")
            .text("name", names)
            .numbers("percent", Unit::Percent, percents)
            .text("text", texts)
            .done()
    }

    /// The smaller of limit and machine.
    fn memory_available(&self) -> u64 {
        let capacity = self.subject.machine.memory_bytes;
        let limit = self.subject.container.spec.memory.as_ref().and_then(|memory| memory.limit);
        match limit.filter(|limit| *limit > 0 && *limit < UNLIMITED && !self.is_root()) {
            Some(limit) if capacity == 0 => limit,
            Some(limit) => limit.min(capacity),
            None => capacity,
        }
    }

    fn limits(&self) -> Vec<Frame> {
        let (spec, about) = (&self.subject.container.spec, &self.subject.container.about);
        let mut frames = Vec::new();
        let mut put = |title: &str, facts: Vec<(&str, String)>| {
            if !facts.is_empty() {
                let names = facts.iter().map(|(name, _)| *name);
                let values = facts.iter().map(|(_, value)| value);
                frames.push(
                    Grid::new("facts", title).text("name", names).text("value", values).done(),
                );
            }
        };
        if let Some(cpu) = &spec.cpu {
            let mut facts = vec![("Shares", cpu.shares.to_string())];
            facts.extend(cpu.weight.map(|weight| ("Weight", weight.to_string())));
            let limit = cpu.quota_usec.zip(cpu.period_usec.filter(|period| *period > 0));
            let limit = limit.map(|(quota, period)| float(quota) / float(period));
            facts.push(("Limit", limit.map_or("none".to_owned(), |l| format!("{l:.2} cores"))));
            let mask = if cpu.cpus.is_empty() { "all" } else { &cpu.cpus };
            facts.push(("Allowed cores", mask.to_owned()));
            put("CPU", facts);
        }
        if let Some(memory) = &spec.memory {
            let limit = |limit: Option<u64>| match limit {
                Some(limit) if limit < UNLIMITED => bytes(limit),
                _ => "unlimited".to_owned(),
            };
            let mut facts = Vec::new();
            facts.extend(memory.reservation.map(|r| ("Reservation", limit(Some(r)))));
            facts.push(("Limit", limit(memory.limit)));
            facts.push(("Swap limit", limit(memory.swap_limit)));
            facts.extend(memory.high.map(|high| ("High", limit(Some(high)))));
            put("Memory", facts);
        }
        if spec.has_pids {
            let limit = spec.pids_limit.map_or("unlimited".to_owned(), |limit| limit.to_string());
            put("Processes", vec![("Limit", limit)]);
        }
        let mut facts = Vec::new();
        facts.extend(about.image.as_ref().map(|image| ("Image", image.to_string())));
        if let Some(pod) = &about.pod {
            facts.extend(
                pod.namespace.as_ref().map(|namespace| ("Namespace", namespace.to_string())),
            );
            facts.extend(pod.name.as_ref().map(|name| ("Pod", name.to_string())));
            facts.extend(pod.qos.map(|qos| ("Class", qos.to_owned())));
        }
        facts.extend(about.container_id.as_ref().map(|id| ("Id", id.to_string())));
        facts.extend(about.created.map(|at| ("Created", at.align_down(1_000_000_000).to_string())));
        facts.extend(about.restarts.map(|restarts| ("Restarts", restarts.to_string())));
        put("Identity", facts);
        frames
    }

    fn processor(&self, latest: &ContainerSample) -> Vec<Frame> {
        let container = self.subject.container;
        fn line<'n>(chart: &'n str, name: &'n str) -> Line<'n> {
            Line { chart, name, unit: Unit::Cores }
        }
        let mut frames = vec![section("CPU")];
        frames.extend(line("Total usage", "total").rate(container, 1e-9, |s| s.cpu.usage_ns));
        for core in 0..latest.cpu.per_cpu_ns.len().min(CORES_SHOWN) {
            let name = format!("core {core}");
            let of = |sample: &ContainerSample| sample.cpu.per_cpu_ns.get(core).copied();
            frames.extend(line("Usage per core", &name).rate(container, 1e-9, of));
        }
        frames.extend(line("Usage breakdown", "user").rate(container, 1e-9, |s| s.cpu.user_ns));
        frames.extend(line("Usage breakdown", "kernel").rate(container, 1e-9, |s| s.cpu.system_ns));
        if latest.cpu.throttled_ns.is_some_and(|ns| ns > 0) {
            let throttled = line("Throttled", "cores held back");
            frames.extend(throttled.rate(container, 1e-9, |s| s.cpu.throttled_ns));
        }
        unless_alone(frames)
    }

    fn memory(&self, latest: &ContainerSample) -> Vec<Frame> {
        let container = self.subject.container;
        let line = |name| Line { chart: "Memory", name, unit: Unit::Bytes };
        let mut frames = vec![section("Memory")];
        frames.extend(line("total").level(container, |s| s.memory.usage));
        frames.extend(line("hot (working set)").level(container, |s| s.memory.working_set));
        let of = self.memory_available();
        if let (Some(usage), Some(hot)) = (latest.memory.usage, latest.memory.working_set)
            && of > 0
        {
            let percent = float(usage) / float(of) * 100.0;
            let title = format!("{} of {} ({percent:.0}%)", bytes(usage), bytes(of));
            let parts = [Some(float(hot)), Some(float(usage.saturating_sub(hot)))];
            frames.push(
                Grid::new("stacks", &title)
                    .tag("total", &of.to_string())
                    .text("name", ["hot", "cold"])
                    .numbers("value", Unit::Bytes, parts)
                    .done(),
            );
        }
        unless_alone(frames)
    }

    fn network(&self, latest: &ContainerSample) -> Vec<Frame> {
        let interfaces = latest.network.as_ref().map_or(&[][..], |network| &network.interfaces);
        let Some(first) = interfaces.first() else { return Vec::new() };
        let wanted = self.query.get("interface");
        let chosen =
            interfaces.iter().find(|i| wanted == Some(&*i.name)).map_or(&*first.name, |i| &*i.name);
        let mut frames = vec![section("Network")];
        if interfaces.len() > 1 {
            frames.push(
                Grid::new("choice", "Interface")
                    .tag("parameter", "interface")
                    .tag("current", chosen)
                    .text("value", interfaces.iter().map(|interface| &interface.name))
                    .done(),
            );
        }
        type Of = fn(&InterfaceSample) -> u64;
        let lines: [(&str, &str, Unit, Of); 6] = [
            ("Throughput", "sent", Unit::BytesPerSecond, |i| i.tx_bytes),
            ("Throughput", "received", Unit::BytesPerSecond, |i| i.rx_bytes),
            ("Errors", "sending", Unit::CountPerSecond, |i| i.tx_errors),
            ("Errors", "receiving", Unit::CountPerSecond, |i| i.rx_errors),
            ("Errors", "dropped sending", Unit::CountPerSecond, |i| i.tx_dropped),
            ("Errors", "dropped receiving", Unit::CountPerSecond, |i| i.rx_dropped),
        ];
        for (chart, name, unit, of) in lines {
            let chart = format!("{chart} of {chosen}");
            let line = Line { chart: &chart, name, unit };
            frames.extend(line.rate(self.subject.container, 1.0, of_interface(chosen, of)));
        }
        frames
    }

    fn io(&self) -> Vec<Frame> {
        let container = self.subject.container;
        let line = |name| Line { chart: "Disk throughput", name, unit: Unit::BytesPerSecond };
        let known = |sample: &ContainerSample, bytes: u64| sample.io.known.then_some(bytes);
        let mut frames = vec![section("Disk")];
        frames.extend(line("read").rate(container, 1.0, |s| known(s, s.io.read_bytes)));
        frames.extend(line("written").rate(container, 1.0, |s| known(s, s.io.write_bytes)));
        unless_alone(frames)
    }

    /// The innermost containers below that use most: a slice uses what is inside it.
    fn busiest(&self) -> Vec<Frame> {
        let path = self.subject.path;
        let below: Vec<(&str, &Container)> = self
            .containers
            .iter()
            .filter(|(other, _)| is_below(other, path))
            .map(|(other, container)| (&**other, container))
            .collect();
        // In the order of paths what is inside one comes next but for names that sort between, as `/a-b` does between `/a`
        // and `/a/b`.
        let has_inside = |path: &str| {
            let inside = format!("{path}/");
            let at = below.partition_point(|(other, _)| *other < &*inside);
            below.get(at).is_some_and(|(other, _)| other.starts_with(&inside))
        };
        let leaves: Vec<_> = below.iter().filter(|(path, _)| !has_inside(path)).collect();
        let mut frames = vec![section("Busiest subcontainers")];
        let mut by_cpu: Vec<_> =
            leaves.iter().filter_map(|(path, c)| Some((cores_now(c)?, *path, *c))).collect();
        by_cpu.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, path, container) in by_cpu.into_iter().take(BUSIEST).filter(|(now, ..)| *now > 0.0)
        {
            let line = Line { chart: "Top CPU usage", name: path, unit: Unit::Cores };
            frames.extend(line.rate(container, 1e-9, |s| s.cpu.usage_ns));
        }
        let working_set = |c: &Container| c.samples.latest()?.memory.working_set;
        let mut by_memory: Vec<_> =
            leaves.iter().filter_map(|(path, c)| Some((working_set(c)?, *path, *c))).collect();
        by_memory.sort_by_key(|(bytes, ..)| std::cmp::Reverse(*bytes));
        for (_, path, container) in by_memory.into_iter().take(BUSIEST).filter(|(b, ..)| *b > 0) {
            let line = Line { chart: "Top memory usage", name: path, unit: Unit::Bytes };
            frames.extend(line.level(container, |s| s.memory.working_set));
        }
        unless_alone(frames)
    }

    fn processes(&self, mut processes: Vec<Process>) -> Vec<Frame> {
        if processes.is_empty() {
            return Vec::new();
        }
        processes.sort_by(|a, b| {
            b.percent_cpu.total_cmp(&a.percent_cpu).then(b.rss_bytes.cmp(&a.rss_bytes))
        });
        let all = processes.len();
        if self.query.get("rows") != Some("all") {
            processes.truncate(PROCESSES_SHOWN);
        }
        let number = |of: fn(&Process) -> f64| processes.iter().map(move |p| Some(of(p)));
        let text = |of: fn(&Process) -> &str| processes.iter().map(of);
        let count = |of: fn(&Process) -> u32| processes.iter().map(move |p| of(p).to_string());
        let mut table = Grid::new("table", "Processes by CPU")
            .tag("all", &all.to_string())
            .text("Command", text(|p| &p.command))
            .text("User", text(|p| &p.user))
            .text("PID", count(|p| p.pid))
            .text("PPID", count(|p| p.parent_pid))
            .text("Start", text(|p| &p.start_time))
            .numbers("CPU", Unit::Percent, number(|p| f64::from(p.percent_cpu)))
            .numbers("Memory", Unit::Percent, number(|p| f64::from(p.percent_memory)))
            .numbers("RSS", Unit::Bytes, number(|p| float(p.rss_bytes)))
            .numbers("Virtual", Unit::Bytes, number(|p| float(p.virtual_bytes)))
            .text("Status", text(|p| &p.status))
            .text("Running time", text(|p| &p.running_time))
            .text("PSR", count(|p| p.processor));
        if self.is_root() {
            table = table.text("Container", text(|p| &p.cgroup_path));
        }
        vec![section("Processes"), table.done()]
    }
}

/// Containers with what they use now.
pub(super) fn table_of(title: &str, subjects: &[Subject<'_>]) -> Frame {
    let memory = |subject: &Subject<'_>| {
        let latest = subject.container.samples.latest()?;
        latest.memory.working_set.map(float)
    };
    let name = |subject: &Subject<'_>| match title_of(subject) {
        path if *path == *subject.path => path.rsplit('/').next().unwrap_or(&path).to_owned(),
        name => name,
    };
    let processes = |subject: &Subject<'_>| subject.container.samples.latest()?.pids.current;
    let mut table = Grid::new("table", title)
        .tag("all", &subjects.len().to_string())
        .text("Name", subjects.iter().map(name))
        .text("href", subjects.iter().map(|subject| address(subject.path)))
        .numbers("CPU", Unit::Cores, subjects.iter().map(|s| cores_now(s.container)))
        .numbers("Working set", Unit::Bytes, subjects.iter().map(memory))
        .numbers("Tasks", Unit::Count, subjects.iter().map(|s| processes(s).map(float)));
    if subjects.iter().any(|subject| subject.container.about.image.is_some()) {
        let image =
            |s: &Subject<'_>| s.container.about.image.as_deref().unwrap_or_default().to_owned();
        table = table.text("Image", subjects.iter().map(image));
    }
    table.done()
}

fn filesystems(latest: &ContainerSample) -> Vec<Frame> {
    let known = || latest.filesystems.iter().filter(|fs| fs.capacity > 0);
    if known().next().is_none() {
        return Vec::new();
    }
    let name = |fs: &FilesystemSample| match (&*fs.mount_point, &*fs.device) {
        ("", device) => device.to_owned(),
        (mount_point, device) => format!("{mount_point} ({device})"),
    };
    let text = |fs: &FilesystemSample| {
        let percent = float(fs.usage) / float(fs.capacity) * 100.0;
        format!("{} of {} ({percent:.0}%)", bytes(fs.usage), bytes(fs.capacity))
    };
    let bars = Grid::new("bars", "File systems")
        .text("name", known().map(name))
        .numbers("used", Unit::Bytes, known().map(|fs| Some(float(fs.usage))))
        .numbers("capacity", Unit::Bytes, known().map(|fs| Some(float(fs.capacity))))
        .text("text", known().map(text));
    vec![section("File systems"), bars.done()]
}

/// A heading with nothing below it is left out.
fn unless_alone(frames: Vec<Frame>) -> Vec<Frame> {
    if frames.len() == 1 { Vec::new() } else { frames }
}

/// Bytes as people read them, in powers of 1024.
fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let (mut value, mut unit) = (float(count) / 1024.0, 0);
    // At 1023.95 it would be written as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_in_powers_of_1024() {
        let cases = [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (u64::MAX, "16.0 EiB")];
        for (count, want) in cases {
            assert_eq!(bytes(count), want);
        }
        assert_eq!(bytes(1_048_575), "1.0 MiB");
    }
}
