//! The rows of a cgroup.

use stripchart_core::{Batch, BatchSeries, KeyError, RowWriter, Timestamp};

use super::Identity;
use super::group::{CpuReading, IoReading, MemoryReading, PidsReading, Reading};
use crate::host::{add_counts, int, percent};
use crate::proc::Pressure;
use crate::rate::{delta, per_second};

/// A usage beyond this many times what the processors can give is a fault of the clock or the counter.
const USAGE_MAX: f64 = 1.5;

/// The series of a cgroup, entered in the batch once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupSeries {
    cpu: BatchSeries,
    memory: BatchSeries,
    io: BatchSeries,
    pids: BatchSeries,
}

impl GroupSeries {
    /// Enters the series of the cgroup at `path`.
    pub(crate) fn new(batch: &mut Batch, host: &str, path: &str) -> Result<Self, KeyError> {
        let identity = Identity::of(path);
        // An empty tag is none.
        let tags = [
            ("cgroup", path),
            ("container_id", identity.container_id.unwrap_or_default()),
            ("host", host),
            ("pod_uid", identity.pod_uid.as_deref().unwrap_or_default()),
            ("runtime", identity.runtime.map_or("", super::Runtime::name)),
            ("unit", identity.unit.unwrap_or_default()),
        ];
        Ok(GroupSeries {
            cpu: batch.series("container_cpu", tags)?,
            memory: batch.series("container_memory", tags)?,
            io: batch.series("container_io", tags)?,
            pids: batch.series("container_pids", tags)?,
        })
    }
}

/// What rates are worked out with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before<'a> {
    /// The reading of the sample before.
    pub(crate) reading: &'a Reading,
    /// Time since.
    pub(crate) elapsed_ns: u64,
}

/// Adds the rows of one cgroup.
pub(crate) fn add_rows(
    batch: &mut Batch,
    series: &GroupSeries,
    at: Timestamp,
    now: &Reading,
    before: Option<Before<'_>>,
    cpus: usize,
) {
    cpu_row(batch.row(series.cpu, at), &now.cpu, before, cpus);
    memory_row(batch.row(series.memory, at), &now.memory);
    io_row(batch.row(series.io, at), now, before);
    pids_row(batch.row(series.pids, at), &now.pids);
}

fn cpu_row(mut row: RowWriter<'_>, now: &CpuReading, before: Option<Before<'_>>, cpus: usize) {
    if let Some(limit) = now.limit_millicores {
        row.field("limit_millicores", limit);
    }
    add_pressure(&mut row, now.pressure.as_ref());
    add_counts(
        &mut row,
        &[
            ("periods_total", now.periods),
            ("system_nanoseconds_total", now.system_ns),
            ("throttled_nanoseconds_total", now.throttled_ns),
            ("throttled_periods_total", now.throttled_periods),
        ],
    );
    let millicores = before.and_then(|before| {
        // Nanoseconds of work in each second: a billion are one core.
        Some(rate(before, |reading| reading.cpu.usage_ns, now.usage_ns?)? / 1e6)
    });
    let max = cpus as f64 * 1000.0;
    if let Some(millicores) = millicores.filter(|used| cpus == 0 || *used <= max * USAGE_MAX) {
        row.field("usage_millicores", millicores);
        if cpus > 0 {
            row.field("usage_percent", millicores / max * 100.0);
        }
    }
    add_counts(
        &mut row,
        &[("usage_nanoseconds_total", now.usage_ns), ("user_nanoseconds_total", now.user_ns)],
    );
}

fn memory_row(mut row: RowWriter<'_>, now: &MemoryReading) {
    let Some(usage) = now.usage else { return };
    // As the kubelet and cAdvisor have it: what cannot be given up at once.
    let working_set = now.inactive_file.map(|inactive| usage.saturating_sub(inactive));
    add_counts(
        &mut row,
        &[
            ("active_file_bytes", now.active_file),
            ("cache_bytes", now.cache),
            ("dirty_bytes", now.dirty),
            ("high_hits_total", now.high_hits),
            ("inactive_file_bytes", now.inactive_file),
            ("kernel_bytes", now.kernel),
            ("limit_bytes", now.limit),
            ("limit_hits_total", now.limit_hits),
            ("major_page_faults_total", now.major_page_faults),
            ("mapped_file_bytes", now.mapped_file),
            ("oom_kills_total", now.oom_kills),
            ("page_faults_total", now.page_faults),
            ("peak_bytes", now.peak),
            ("rss_bytes", now.rss),
            ("shmem_bytes", now.shmem),
            ("swap_bytes", now.swap),
            ("usage_bytes", now.usage),
            ("working_set_bytes", working_set),
            ("writeback_bytes", now.writeback),
        ],
    );
    add_pressure(&mut row, now.pressure.as_ref());
    if let Some((working_set, limit)) = working_set.zip(now.limit) {
        row.field("working_set_percent", percent(working_set, limit));
    }
}

fn io_row(mut row: RowWriter<'_>, now: &Reading, before: Option<Before<'_>>) {
    add_pressure(&mut row, now.io_pressure.as_ref());
    let Some(io) = &now.io else { return };
    let mut add = |total: &str, per_second: &str, value: fn(&IoReading) -> u64| {
        if let Some(before) = before
            && let Some(rate) = rate(before, |was| was.io.as_ref().map(value), value(io))
        {
            row.field(per_second, rate);
        }
        row.field(total, int(value(io)));
    };
    add("read_bytes_total", "read_bytes_per_second", |io| io.read_bytes);
    add("reads_total", "reads_per_second", |io| io.reads);
    add("write_bytes_total", "write_bytes_per_second", |io| io.write_bytes);
    add("writes_total", "writes_per_second", |io| io.writes);
}

fn pids_row(mut row: RowWriter<'_>, now: &PidsReading) {
    add_counts(&mut row, &[("current", now.current), ("limit", now.limit), ("peak", now.peak)]);
}

fn rate(before: Before<'_>, total: impl Fn(&Reading) -> Option<u64>, now: u64) -> Option<f64> {
    per_second(delta(total(before.reading)?, now)?, before.elapsed_ns)
}

fn add_pressure(row: &mut RowWriter<'_>, pressure: Option<&Pressure>) {
    let Some(pressure) = pressure else { return };
    if let Some(full) = &pressure.full {
        row.field("pressure_full_avg10", full.avg10);
        row.field("pressure_full_total_usec", int(full.total_usec));
    }
    row.field("pressure_some_avg10", pressure.some.avg10);
    row.field("pressure_some_total_usec", int(pressure.some.total_usec));
}
