//! Processor time.

use crate::cadvisor::json::Json;
use crate::node::{ContainerSample, CpuSample};
use crate::proc::{Pressure, PressureLine};

/// `CpuStats`. What the kernel does not tell is 0: load averages of cgroups, for example, which cAdvisor asks of an
/// interface that cgroups of version 2 do not have.
pub(super) fn put(json: &mut Json, cpu: &CpuSample) {
    json.object(|json| {
        json.key("usage").object(|json| {
            json.put_u64("total", cpu.usage_ns);
            if !cpu.per_cpu_ns.is_empty() {
                json.key("per_cpu_usage").slice(&cpu.per_cpu_ns, |json, ns| json.int(*ns));
            }
            json.put_u64("user", cpu.user_ns);
            json.put_u64("system", cpu.system_ns);
        });
        json.key("cfs").object(|json| {
            json.put_u64("periods", cpu.periods);
            json.put_u64("throttled_periods", cpu.throttled_periods);
            json.put_u64("throttled_time", cpu.throttled_ns);
            json.put_u64("bursts_periods", cpu.bursts);
            json.put_u64("burst_time", cpu.burst_ns);
        });
        let sched = cpu.sched.unwrap_or_default();
        json.key("schedstat").object(|json| {
            json.put_u64("run_time", sched.run_ns);
            json.put_u64("runqueue_time", sched.wait_ns);
            json.put_u64("run_periods", sched.turns);
        });
        json.put_u64("load_average", 0);
        json.put_u64("load_d_average", 0);
        put_pressure(json, cpu.pressure.as_ref());
    });
}

/// `psi`, totals in the kernel's microseconds.
pub(super) fn put_pressure(json: &mut Json, pressure: Option<&Pressure>) {
    let full = pressure.and_then(|pressure| pressure.full).unwrap_or_default();
    let some = pressure.map(|pressure| pressure.some).unwrap_or_default();
    json.key("psi").object(|json| {
        json.key("full");
        put_line(json, &full);
        json.key("some");
        put_line(json, &some);
    });
}

fn put_line(json: &mut Json, line: &PressureLine) {
    json.object(|json| {
        json.put_u64("total", line.total_usec);
        json.key("avg10").float(line.avg10);
        json.key("avg60").float(line.avg60);
        json.key("avg300").float(line.avg300);
    });
}

/// `cpu_inst`: what was used between two samples, in billionths of a core. Left out where that is not known: of the first
/// sample, or when a counter or the clock went back, or processors came or went.
pub(super) fn put_inst(
    json: &mut Json,
    before: Option<&ContainerSample>,
    sample: &ContainerSample,
) {
    let Some(inst) = before.and_then(|before| Inst::between(before, sample)) else { return };
    json.key("cpu_inst").object(|json| {
        json.key("usage").object(|json| {
            json.put_u64("total", inst.total);
            if !inst.per_cpu.is_empty() {
                json.key("per_cpu_usage").slice(inst.per_cpu, |json, value| json.int(value));
            }
            json.put_u64("user", inst.user);
            json.put_u64("system", inst.system);
        });
    });
}

struct Inst {
    total: u64,
    per_cpu: Vec<u64>,
    user: u64,
    system: u64,
}

impl Inst {
    fn between(before: &ContainerSample, sample: &ContainerSample) -> Option<Inst> {
        let elapsed_ns = u64::try_from(sample.at.since(before.at)).ok().filter(|ns| *ns > 0)?;
        let (then, now) = (&before.cpu, &sample.cpu);
        if then.per_cpu_ns.len() != now.per_cpu_ns.len() {
            return None;
        }
        let rate = |then: Option<u64>, now: Option<u64>| {
            rate_of(then.unwrap_or(0), now.unwrap_or(0), elapsed_ns)
        };
        let cores = then.per_cpu_ns.iter().zip(&now.per_cpu_ns);
        Some(Inst {
            total: rate_of(then.usage_ns?, now.usage_ns?, elapsed_ns)?,
            per_cpu: cores
                .map(|(then, now)| rate_of(*then, *now, elapsed_ns))
                .collect::<Option<_>>()?,
            user: rate(then.user_ns, now.user_ns)?,
            system: rate(then.system_ns, now.system_ns)?,
        })
    }
}

/// Billionths of a core between two readings of a counter of nanoseconds; `None` if it went back.
pub(in crate::cadvisor) fn rate_of(then: u64, now: u64, elapsed_ns: u64) -> Option<u64> {
    let used = u128::from(now.checked_sub(then)?);
    u64::try_from(used * 1_000_000_000 / u128::from(elapsed_ns.max(1))).ok()
}
