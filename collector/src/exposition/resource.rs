//! What the kubelet has for autoscalers: processor and memory of the node, its pods and their containers.

use super::Value;
use super::role::{PodView, pods};
use super::snapshot::{Seen, Snapshot};
use super::text::{ExpositionError, Kind, Labels, TextWriter};

/// A family: name, kind, help, and the value that a cgroup has for it.
type Metric = (&'static str, Kind, &'static str, fn(&Seen) -> Option<Value>);

const NODE: &[Metric] = &[
    (
        "node_cpu_usage_seconds_total",
        Kind::Counter,
        "Processor time used on the node, in seconds.",
        cpu,
    ),
    ("node_memory_working_set_bytes", Kind::Gauge, "Working set of the node.", working_set),
    ("node_swap_usage_bytes", Kind::Gauge, "Swap in use on the node.", swap),
];

const CONTAINER: &[Metric] = &[
    (
        "container_cpu_usage_seconds_total",
        Kind::Counter,
        "Processor time used by the container, in seconds.",
        cpu,
    ),
    (
        "container_memory_working_set_bytes",
        Kind::Gauge,
        "Working set of the container.",
        working_set,
    ),
    ("container_swap_usage_bytes", Kind::Gauge, "Swap in use by the container.", swap),
    (
        "container_swap_limit_bytes",
        Kind::Gauge,
        "Swap that the container may use; there is none without a limit.",
        |seen| Some(seen.spec.memory.as_ref()?.swap_limit?.into()),
    ),
];

const POD: &[Metric] = &[
    (
        "pod_cpu_usage_seconds_total",
        Kind::Counter,
        "Processor time used by the pod, in seconds.",
        cpu,
    ),
    ("pod_memory_working_set_bytes", Kind::Gauge, "Working set of the pod.", working_set),
    ("pod_swap_usage_bytes", Kind::Gauge, "Swap in use by the pod.", swap),
];

fn cpu(seen: &Seen) -> Option<Value> {
    seen.sample.cpu.usage_ns.map(Value::nanos)
}

fn working_set(seen: &Seen) -> Option<Value> {
    seen.sample.memory.working_set.map(Value::Count)
}

fn swap(seen: &Seen) -> Option<Value> {
    seen.sample.memory.swap.map(Value::Count)
}

/// Writes the families of `snapshot`, with the time of each sample if `timed`.
pub(super) fn write(
    writer: &mut TextWriter,
    snapshot: &Snapshot,
    timed: bool,
) -> Result<(), ExpositionError> {
    let root = snapshot.root();
    let nodes: Vec<(Labels, &Seen)> = root.iter().map(|seen| (Labels::none(), *seen)).collect();
    family(writer, NODE, &nodes, timed)?;
    let pods = latest(pods(&snapshot.containers));
    let containers = of_containers(&pods)?;
    family(writer, CONTAINER, &containers, timed)?;
    let mut starts = writer.family(
        "container_start_time_seconds",
        Kind::Gauge,
        "When the container was started, in seconds since 1970.",
    )?;
    for (labels, seen) in &containers {
        if let Some(at) = seen.about.started.or(seen.about.created) {
            starts.sample(labels, &[], at);
        }
    }
    family(writer, POD, &of_pods(&pods)?, timed)?;
    writer
        .family("resource_scrape_error", Kind::Gauge, "1 if the node could not be looked at.")?
        .sample(&Labels::none(), &[], root.is_none());
    Ok(())
}

fn family(
    writer: &mut TextWriter,
    metrics: &[Metric],
    rows: &[(Labels, &Seen)],
    timed: bool,
) -> Result<(), ExpositionError> {
    for (name, kind, help, value) in metrics {
        let mut family = writer.family(name, *kind, help)?;
        for (labels, seen) in rows {
            if let Some(value) = value(seen) {
                family.write(labels, &[], value, timed.then_some(seen.sample.at));
            }
        }
    }
    Ok(())
}

/// Of pods that have one name, as there are while one takes another's place, the one that was made last.
fn latest(pods: Vec<PodView<'_>>) -> Vec<PodView<'_>> {
    let mut latest: Vec<PodView<'_>> = Vec::with_capacity(pods.len());
    for view in pods {
        match latest.last_mut().filter(|last| name(last).is_some() && name(last) == name(&view)) {
            Some(last) if view.created() > last.created() => *last = view,
            Some(_) => {}
            None => latest.push(view),
        }
    }
    latest
}

/// Namespace and name; those without are nobody's to scale.
fn name<'a>(view: &PodView<'a>) -> Option<[(&'static str, &'a str); 2]> {
    Some([("namespace", view.pod.namespace.as_deref()?), ("pod", view.pod.name.as_deref()?)])
}

fn of_containers<'a>(pods: &[PodView<'a>]) -> Result<Vec<(Labels, &'a Seen)>, ExpositionError> {
    let mut rows = Vec::new();
    for view in pods {
        let Some(pod) = name(view) else { continue };
        for (container, seen) in &view.containers {
            let labels = Labels::new([("container", *container)].into_iter().chain(pod))?;
            rows.push((labels, *seen));
        }
    }
    Ok(rows)
}

fn of_pods<'a>(pods: &[PodView<'a>]) -> Result<Vec<(Labels, &'a Seen)>, ExpositionError> {
    let named = pods.iter().filter_map(|view| Some((name(view)?, view.whole?)));
    named.map(|(name, seen)| Ok((Labels::new(name)?, seen))).collect()
}
