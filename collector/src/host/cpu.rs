//! `cpu` and `kernel`, from `/proc/stat`.

use super::{Context, add_counts, percent};
use crate::file::HostFile;
use crate::proc::{CpuTimes, Stat};
use crate::{ParseError, Roots};

/// What `/proc/stat` tells about threads, for `processes`.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    pub(crate) running: Option<u64>,
    pub(crate) blocked: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Cpu {
    stat: HostFile,
    entropy: HostFile,
    pool: HostFile,
    per_cpu: bool,
    /// Seconds of a tick, if totals are wanted.
    tick_secs: Option<f64>,
    total: Option<CpuTimes>,
    /// The last times of each processor, by number, and the value of its tag.
    single: Vec<(u32, CpuTimes, String)>,
}

impl Cpu {
    pub(crate) fn new(roots: &Roots, per_cpu: bool, times: bool) -> Self {
        Cpu {
            stat: HostFile::new(roots.proc_file("stat")),
            entropy: HostFile::new(roots.proc_file("sys/kernel/random/entropy_avail")),
            pool: HostFile::new(roots.proc_file("sys/kernel/random/poolsize")),
            per_cpu,
            tick_secs: times.then(|| 1.0 / crate::sys::clock_ticks_per_sec() as f64),
            total: None,
            single: Vec::new(),
        }
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) -> Threads {
        let entropy = cx.warnings.read(&mut self.entropy, cx.buffer).and_then(|text| {
            let parsed = crate::text::one_count(text, "a count of bits");
            cx.warnings.parsed(self.entropy.path(), parsed)
        });
        let pool = cx.warnings.read_if_any(&mut self.pool, cx.buffer).and_then(|text| {
            let parsed = crate::text::one_count(text, "a count of bits");
            cx.warnings.parsed(self.pool.path(), parsed)
        });
        let Some(text) = cx.warnings.read(&mut self.stat, cx.buffer) else {
            return Threads::default();
        };
        let parsed: Result<_, ParseError> = Stat::parse(text);
        let Some(stat) = cx.warnings.parsed(self.stat.path(), parsed) else {
            return Threads::default();
        };
        // The buffer is lent to `stat`; rows go to the batch, beside it.
        let (batch, at, host) = (&mut *cx.batch, cx.at, cx.host);
        let tick_secs = self.tick_secs;
        let mut usage = |name: &str, before: Option<CpuTimes>, now: CpuTimes| {
            let usage = before.and_then(|before| Usage::between(&before, &now));
            if usage.is_none() && tick_secs.is_none() {
                return;
            }
            if let Ok(mut row) = super::row(batch, at, host, "cpu", &[("cpu", name)]) {
                let percentages = usage.iter().flat_map(Usage::fields);
                let times = tick_secs.iter().flat_map(|tick| times(&now, *tick));
                percentages.chain(times).for_each(|(name, value)| row.field(name, value));
            }
        };
        usage("cpu-total", self.total.replace(stat.cpu), stat.cpu);
        cx.cpus = 0;
        for (index, (number, times)) in stat.cpus().enumerate() {
            cx.cpus += 1;
            if self.per_cpu {
                let place = self.place_of(index, number);
                usage(&place.2, Some(place.1).filter(|t| *t != CpuTimes::default()), times);
                place.1 = times;
            }
        }
        self.single.truncate(cx.cpus);
        if let Ok(mut row) = super::row(batch, at, host, "kernel", &[]) {
            add_counts(
                &mut row,
                &[
                    ("boot_time", stat.btime),
                    ("context_switches", stat.ctxt),
                    ("entropy_avail", entropy),
                    ("entropy_poolsize", pool),
                    ("interrupts", stat.intr),
                    ("processes_forked", stat.processes),
                ],
            );
        }
        Threads { running: stat.procs_running, blocked: stat.procs_blocked }
    }

    /// Where processor `number`, which comes at `index` in the file, is kept. Processors come in order of number, so
    /// that after one was switched on or off the others are found again by moving entries.
    fn place_of(&mut self, index: usize, number: u32) -> &mut (u32, CpuTimes, String) {
        let known = self.single.get(index).is_some_and(|place| place.0 == number);
        if !known {
            match self.single.iter().position(|place| place.0 == number) {
                Some(at) => self.single.swap(index.min(at), at),
                None => {
                    let new = (number, CpuTimes::default(), format!("cpu{number}"));
                    self.single.insert(index.min(self.single.len()), new);
                }
            }
        }
        let last = self.single.len() - 1;
        &mut self.single[index.min(last)]
    }
}

/// How processor time was spent between two readings, in percent.
#[derive(Debug, PartialEq)]
struct Usage {
    times: CpuTimes,
    total: u64,
}

impl Usage {
    /// `None` if no time passed or the counters restarted.
    fn between(before: &CpuTimes, now: &CpuTimes) -> Option<Self> {
        // Some counters go back by a tick or two where the kernel's accounts are settled late: that counts as nothing.
        // If the sum went back, they were reset.
        if total(now) <= total(before) {
            return None;
        }
        let guest = now.guest.saturating_sub(before.guest);
        let guest_nice = now.guest_nice.saturating_sub(before.guest_nice);
        let times = CpuTimes {
            // The kernel counts guests' time as the host's programs', too; Telegraf takes it out again.
            user: now.user.saturating_sub(before.user).saturating_sub(guest),
            nice: now.nice.saturating_sub(before.nice).saturating_sub(guest_nice),
            system: now.system.saturating_sub(before.system),
            idle: now.idle.saturating_sub(before.idle),
            iowait: now.iowait.saturating_sub(before.iowait),
            irq: now.irq.saturating_sub(before.irq),
            softirq: now.softirq.saturating_sub(before.softirq),
            steal: now.steal.saturating_sub(before.steal),
            guest,
            guest_nice,
        };
        let total = total(&times).saturating_add(guest).saturating_add(guest_nice);
        (total > 0).then_some(Usage { times, total })
    }

    fn fields(&self) -> [(&'static str, f64); 11] {
        let t = &self.times;
        let part = |ticks| percent(ticks, self.total);
        [
            ("usage_active", part(self.total - t.idle)),
            ("usage_guest", part(t.guest)),
            ("usage_guest_nice", part(t.guest_nice)),
            ("usage_idle", part(t.idle)),
            ("usage_iowait", part(t.iowait)),
            ("usage_irq", part(t.irq)),
            ("usage_nice", part(t.nice)),
            ("usage_softirq", part(t.softirq)),
            ("usage_steal", part(t.steal)),
            ("usage_system", part(t.system)),
            ("usage_user", part(t.user)),
        ]
    }
}

/// Seconds spent in each way since boot; as the kernel and Telegraf count them, `user` and `nice` include guests.
fn times(t: &CpuTimes, tick_secs: f64) -> [(&'static str, f64); 10] {
    let secs = |ticks: u64| ticks as f64 * tick_secs;
    [
        ("time_guest", secs(t.guest)),
        ("time_guest_nice", secs(t.guest_nice)),
        ("time_idle", secs(t.idle)),
        ("time_iowait", secs(t.iowait)),
        ("time_irq", secs(t.irq)),
        ("time_nice", secs(t.nice)),
        ("time_softirq", secs(t.softirq)),
        ("time_steal", secs(t.steal)),
        ("time_system", secs(t.system)),
        ("time_user", secs(t.user)),
    ]
}

/// All ticks, guests' not counted apart.
fn total(t: &CpuTimes) -> u64 {
    [t.user, t.nice, t.system, t.idle, t.iowait, t.irq, t.softirq, t.steal]
        .into_iter()
        .fold(0, u64::saturating_add)
}
