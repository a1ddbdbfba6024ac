//! What sampling cgroups costs: beside reading the same files and nothing else, beside a rival, and as a whole agent.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use benches::measure::{Spent, anonymous_bytes};
use stripchart_collector::{MetricSet, Node, Sampler, SamplerBuilder};
use stripchart_core::{Sink, Timestamp};

use crate::groups::{Groups, Shape};
use crate::{Bar, Bars, CHILD, Outcome, open};

/// What a busy cgroup of version 1 is read of.
const FILES: [(&str, &str); 12] = [
    ("cpuacct", "cpuacct.usage"),
    ("memory", "memory.usage_in_bytes"),
    ("cpuacct", "cpuacct.stat"),
    ("cpu", "cpu.stat"),
    ("memory", "memory.stat"),
    ("memory", "memory.max_usage_in_bytes"),
    ("memory", "memory.kmem.usage_in_bytes"),
    ("memory", "memory.failcnt"),
    ("memory", "memory.oom_control"),
    ("pids", "pids.current"),
    ("blkio", "blkio.throttle.io_service_bytes_recursive"),
    ("blkio", "blkio.throttle.io_serviced_recursive"),
];

/// And with a node, which has the time on each processor.
const PER_CPU: (&str, &str) = ("cpuacct", "cpuacct.usage_percpu");

const GROUPS: usize = 300;

/// One sampler against reading alone.
struct Case {
    what: &'static str,
    shape: Shape,
    /// Groups with a process that works between samples; all if as many as there are.
    working: usize,
    node: bool,
    most: f64,
}

const CASES: [Case; 5] = [
    Case { what: "all busy", shape: Shape::Flat, working: GROUPS, node: false, most: 1.15 },
    Case {
        what: "all busy, and a node",
        shape: Shape::Flat,
        working: GROUPS,
        node: true,
        most: 1.15,
    },
    Case {
        what: "80 % idle, in one folder",
        shape: Shape::Flat,
        working: GROUPS / 5,
        node: false,
        most: 0.35,
    },
    Case {
        what: "80 % idle, in pods",
        shape: Shape::Pods,
        working: GROUPS / 15,
        node: false,
        most: 0.35,
    },
    Case {
        what: "80 % idle, in pods, and a node",
        shape: Shape::Pods,
        working: GROUPS / 15,
        node: true,
        most: 0.35,
    },
];

pub(crate) fn measure(bars: &Bars) -> Outcome {
    for case in &CASES {
        if !against_reading(bars, case)? {
            println!(
                "| sampling cgroups | skipped: no cgroups of version 1 can be made here | | |"
            );
            return Ok(());
        }
    }
    against_rival(bars)?;
    for (what, groups, interval, most) in [
        ("an agent with store, 100 containers at 1 s", "100", "1", 1.0),
        ("an agent with store, 1000 containers at 10 s", "1000", "10", 0.7),
    ] {
        agent(bars, what, groups, interval, most)?;
    }
    Ok(())
}

fn second(at: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + at)
}

/// A sampler every second that reads what [`FILES`] names, and no networks.
fn sampler() -> SamplerBuilder {
    let builder = Sampler::builder().interval(Duration::from_secs(1)).descriptors_max(9000);
    builder.metrics(MetricSet::Network, false).metrics(MetricSet::OomEvent, false)
}

/// The median of what was measured.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// CPU time of `work` in microseconds.
fn cpu_us(work: impl FnOnce()) -> f64 {
    let mut spent = Spent::default();
    spent.on(work);
    spent.cpu.as_secs_f64() * 1e6
}

/// CPU time of a sample in microseconds.
fn took(sampler: &mut Sampler, at: Timestamp) -> f64 {
    cpu_us(|| {
        sampler.sample(at);
    })
}

fn against_reading(bars: &Bars, case: &Case) -> Outcome<bool> {
    let Some(mut groups) = Groups::new(GROUPS, case.working, case.shape)? else {
        return Ok(false);
    };
    let mut files = FILES.to_vec();
    files.extend(case.node.then_some(PER_CPU));
    let files = groups.files(&files)?;
    let mut buffer = vec![0; 16 << 10];
    let mut host = sampler().cgroups(false).build();
    let mut sampler = match case.node {
        true => sampler().node(Arc::new(Node::new())).build(),
        false => sampler().build(),
    };
    let rounds = if bars.quick { 3 } else { 180 };
    let (mut floor, mut ours) = (Vec::new(), Vec::new());
    for at in 0..rounds + 5 {
        groups.work(case.working)?;
        let read = cpu_us(|| {
            for file in &files {
                // One that fails would be too cheap, and shows as a ratio that is none.
                let _ = file.read_at(&mut buffer, 0);
            }
        });
        let of_host = took(&mut host, second(at));
        let of_all = took(&mut sampler, second(at));
        if at >= 5 {
            floor.push(read);
            ours.push(of_all - of_host);
        }
    }
    let (floor, ours) = (median(floor), median(ours));
    let also = format!(
        "{:.1} us a cgroup, reading alone {:.1}; medians, the host's share taken off",
        ours / GROUPS as f64,
        floor / GROUPS as f64
    );
    let what = format!("sample of 300 cgroups beside pread of their files, {}", case.what);
    bars.row(&what, ours / floor, Bar::AtMost(case.most), "x", &also);
    Ok(true)
}

fn against_rival(bars: &Bars) -> Outcome {
    let count = if bars.quick { 30 } else { GROUPS };
    let Some(mut groups) = Groups::new(count, count, Shape::Flat)? else { return Ok(()) };
    let paths: Vec<String> = groups.relative().collect();
    let (mut host, mut sampler) = (sampler().cgroups(false).build(), sampler().build());
    let (mut rival, mut ours) = (Vec::new(), Vec::new());
    for at in 0..if bars.quick { 3 } else { 25 } {
        groups.work(count)?;
        let read = cpu_us(|| paths.iter().for_each(|path| rival_reads(path)));
        let of_host = took(&mut host, second(at));
        let of_all = took(&mut sampler, second(at));
        if at > 0 {
            rival.push(read);
            ours.push(of_all - of_host);
        }
    }
    let (rival, ours) = (median(rival), median(ours));
    let each = rival / count as f64;
    let also = format!("cgroups-rs {each:.0} us a cgroup, us {:.0}", ours / count as f64);
    bars.row("the same by the crate cgroups-rs", rival / ours, Bar::AtLeast(3.0), "x", &also);
    Ok(())
}

/// What the rival has of the same.
fn rival_reads(path: &str) {
    use cgroups_rs::blkio::BlkIoController;
    use cgroups_rs::cpu::CpuController;
    use cgroups_rs::cpuacct::CpuAcctController;
    use cgroups_rs::memory::MemController;
    use cgroups_rs::pid::PidController;
    let group = cgroups_rs::Cgroup::load(cgroups_rs::hierarchies::auto(), path);
    let cpuacct = group.controller_of::<CpuAcctController>().map(CpuAcctController::cpuacct);
    let cpu = group.controller_of::<CpuController>().map(CpuController::cpu);
    let memory = group.controller_of::<MemController>().map(MemController::memory_stat);
    let io = group.controller_of::<BlkIoController>().map(BlkIoController::blkio);
    let pids = group.controller_of::<PidController>().map(|pids| pids.get_pid_current().ok());
    std::hint::black_box((cpuacct, cpu, memory, io, pids));
}

/// An agent in a process of its own: its share of a core, and its anonymous memory.
fn agent(bars: &Bars, what: &str, groups: &str, interval: &str, most: f64) -> Outcome {
    let folder = tempfile::tempdir()?;
    let rounds = if bars.quick { "3" } else { "100" };
    let mut command = Command::new(std::env::current_exe()?);
    command.args([CHILD, "agent", groups, interval, rounds]).arg(folder.path());
    let said = command.output()?;
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).into());
    }
    let said = String::from_utf8(said.stdout)?;
    let mut numbers = said.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().ok_or("expected three numbers");
    let (percent, memory, rows) = (next()??, next()??, next()??);
    let also = format!("{rows:.0} rows a sample, a fifth of the containers busy");
    bars.row(what, percent, Bar::AtMost(most), "% of a core", &also);
    if interval == "1" {
        bars.row(&format!("{what}: anonymous memory"), memory, Bar::AtMost(25.0), "MiB", "");
    }
    Ok(())
}

/// Samples, writes and maintains as full_stack does, by a clock that jumps from tick to tick.
pub(crate) fn agent_child(groups: &str, interval: &str, rounds: &str, folder: &Path) -> Outcome {
    let (count, interval): (usize, u64) = (groups.parse()?, interval.parse()?);
    let rounds: i64 = rounds.parse()?;
    let mut groups = Groups::new(count, count / 5, Shape::Flat)?.ok_or("no cgroups can be made")?;
    let (db, writer) = open(folder)?;
    let node = Arc::new(Node::new());
    let mut sampler = Sampler::builder().interval(Duration::from_secs(interval)).node(node).build();
    let mut spent = Vec::new();
    let mut rows = 0;
    for round in 0..rounds + 5 {
        groups.work(count)?;
        let at = second(round * i64::try_from(interval)?);
        let took = cpu_us(|| {
            let batch = sampler.sample(at);
            rows = batch.row_count();
            let written = writer.write(batch);
            assert!(written.is_ok(), "the store takes what is sampled");
            db.step(at);
        });
        if round >= 5 {
            spent.push(took);
        }
    }
    let mean = spent.iter().sum::<f64>() / spent.len() as f64;
    let memory = anonymous_bytes() as f64 / 1_048_576.0;
    println!("{} {memory} {rows}", mean / (interval as f64 * 1e6) * 100.0);
    drop(groups);
    db.close()?;
    Ok(())
}
