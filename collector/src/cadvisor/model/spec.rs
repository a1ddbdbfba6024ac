//! What a container may use.

use super::{Subject, put_texts};
use crate::cadvisor::json::Json;
use crate::node::{CpuSpec, MemorySpec};

/// How cgroups of version 1 say that there is no limit: the largest number of whole pages.
const V1_UNLIMITED: u64 = 0x7fff_ffff_ffff_f000;
/// How cAdvisor puts version 2's `max`.
const V2_UNLIMITED: u64 = u64::MAX;

/// Version 1 of the API.
pub(super) fn spec_v1(json: &mut Json, subject: &Subject<'_>) {
    let spec = &subject.container.spec;
    json.object(|json| {
        put_beginning(json, subject);
        put_limits(json, subject, true);
        json.put_bool("has_network", spec.has_network);
        put_processes(json, subject);
        json.put_bool("has_filesystem", spec.has_filesystem);
        json.put_bool("has_diskio", spec.has_io);
        json.put_bool("has_custom_metrics", false);
        json.put_nonempty("image", subject.container.about.image.as_deref().unwrap_or_default());
    });
}

/// Version 2.
pub(in crate::cadvisor) fn spec_v2(json: &mut Json, subject: &Subject<'_>) {
    let (spec, about) = (&subject.container.spec, &subject.container.about);
    json.object(|json| {
        put_times(json, subject);
        if !about.aliases.is_empty() {
            json.key("aliases").slice(&about.aliases, |json, alias| json.string(alias));
        }
        json.put_nonempty("namespace", subject.namespace());
        put_labels(json, subject);
        put_limits(json, subject, false);
        json.put_bool("has_custom_metrics", false);
        put_processes(json, subject);
        json.put_bool("has_network", spec.has_network);
        json.put_bool("has_filesystem", spec.has_filesystem);
        json.put_bool("has_diskio", spec.has_io);
        json.put_nonempty("image", about.image.as_deref().unwrap_or_default());
    });
}

fn put_beginning(json: &mut Json, subject: &Subject<'_>) {
    put_times(json, subject);
    put_labels(json, subject);
}

fn put_times(json: &mut Json, subject: &Subject<'_>) {
    let about = &subject.container.about;
    json.put_time("creation_time", about.created);
    json.put_time("start_time", about.started);
}

fn put_labels(json: &mut Json, subject: &Subject<'_>) {
    put_texts(json, "labels", &subject.container.about.labels);
    put_texts(json, "envs", &subject.container.about.envs);
}

/// From `has_cpu` to `has_hugetlb`. Version 2 leaves the quota out.
fn put_limits(json: &mut Json, subject: &Subject<'_>, quota: bool) {
    let spec = &subject.container.spec;
    json.put_bool("has_cpu", spec.cpu.is_some());
    json.key("cpu").object(|json| put_cpu(json, subject, spec.cpu.as_ref(), quota));
    json.put_bool("has_memory", spec.memory.is_some());
    json.key("memory").object(|json| {
        if let Some(memory) = &spec.memory {
            put_memory(json, subject, memory);
        }
    });
    json.put_bool("has_hugetlb", spec.has_hugetlb);
}

fn put_cpu(json: &mut Json, subject: &Subject<'_>, cpu: Option<&CpuSpec>, quota: bool) {
    json.put_u64("limit", cpu.map(|cpu| cpu.shares));
    json.put_u64("max_limit", 0);
    let Some(cpu) = cpu else { return };
    match (&*cpu.cpus, subject.machine.cores) {
        ("", 0) => {}
        ("", cores) => json.put_str("mask", &format!("0-{}", cores - 1)),
        (mask, _) => json.put_str("mask", mask),
    }
    if quota {
        json.put_nonzero("quota", cpu.quota_usec);
        json.put_nonzero("period", cpu.period_usec);
    }
}

fn put_memory(json: &mut Json, subject: &Subject<'_>, memory: &MemorySpec) {
    let unlimited = unlimited(subject);
    let [limit, swap_limit] = match subject.is_root() {
        // The root has no limit; cAdvisor gives what there is.
        true => [subject.machine.memory_bytes, subject.machine.swap_bytes],
        false => [memory.limit.unwrap_or(unlimited), memory.swap_limit.unwrap_or(unlimited)],
    };
    // A limit of nothing is what a controller that is not there says.
    json.put_nonzero("limit", if limit == 0 { subject.machine.memory_bytes } else { limit });
    json.put_nonzero("reservation", memory.reservation);
    json.put_nonzero("swap_limit", swap_limit);
}

/// How this container's kernel puts it that there is no limit: only version 2 has weights.
fn unlimited(subject: &Subject<'_>) -> u64 {
    match &subject.container.spec.cpu {
        Some(cpu) if cpu.weight.is_none() => V1_UNLIMITED,
        _ => V2_UNLIMITED,
    }
}

fn put_processes(json: &mut Json, subject: &Subject<'_>) {
    let spec = &subject.container.spec;
    json.put_bool("has_processes", spec.has_pids);
    json.key("processes").object(|json| json.put_nonzero("limit", spec.pids_limit));
}
