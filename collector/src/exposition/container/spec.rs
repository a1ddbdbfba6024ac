//! Who a container is and what it may use.

use super::{Metric, fixed, gauge};

pub(super) const METRICS: &[Metric] = &[
    gauge(
        "container_last_seen",
        "When the container was sampled last, in seconds since 1970.",
        |seen, _, emit| emit.one(Some(seen.sample.at)),
    ),
    fixed(
        "container_creation_time_seconds",
        "When the container was created, in seconds since 1970.",
        |seen, _, emit| emit.one(seen.about.created),
    ),
    fixed(
        "container_start_time_seconds",
        "When the container was started, in seconds since 1970.",
        |seen, _, emit| emit.one(seen.about.started.or(seen.about.created)),
    ),
    fixed(
        "container_spec_cpu_period",
        "The period that the quota of processor time is for, in microseconds.",
        |seen, _, emit| emit.one(seen.spec.cpu.as_ref().and_then(|cpu| cpu.period_usec)),
    ),
    fixed(
        "container_spec_cpu_quota",
        "The processor time that the container may use in each period, in microseconds.",
        |seen, _, emit| emit.one(seen.spec.cpu.as_ref().and_then(|cpu| cpu.quota_usec)),
    ),
    fixed(
        "container_spec_cpu_shares",
        "The container's share of processor time against that of its siblings.",
        |seen, _, emit| emit.one(seen.spec.cpu.as_ref().map(|cpu| cpu.shares)),
    ),
    fixed(
        "container_spec_memory_limit_bytes",
        "The limit of the container's memory; 0 is none.",
        |seen, context, emit| {
            let whole = context.of_machine(seen, |machine| machine.memory_bytes);
            emit.one(whole.or(seen.spec.memory.as_ref().map(|memory| limit(memory.limit))));
        },
    ),
    fixed(
        "container_spec_memory_swap_limit_bytes",
        "The limit of the container's swap; 0 is none.",
        |seen, context, emit| {
            let whole = context.of_machine(seen, |machine| machine.swap_bytes);
            emit.one(whole.or(seen.spec.memory.as_ref().map(|memory| limit(memory.swap_limit))));
        },
    ),
    fixed(
        "container_spec_memory_reservation_limit_bytes",
        "The memory that is kept for the container; 0 is none.",
        |seen, _, emit| {
            emit.one(seen.spec.memory.as_ref().map(|memory| limit(memory.reservation)));
        },
    ),
];

/// 0 for no limit, for which old kernels have a number above 2^62.
fn limit(bytes: Option<u64>) -> u64 {
    bytes.filter(|bytes| *bytes <= 1 << 62).unwrap_or(0)
}
