//! The collector's own figures.

use super::text::{ExpositionError, Kind, Labels, TextWriter};
use super::{Value, text::Family};
use crate::SamplerStats;

/// Writes what a sampler has done so far, as families `stripchart_sampler_...`. For
/// [`ExpositionBuilder::families`](super::ExpositionBuilder::families).
///
/// ```
/// use stripchart_collector::exposition::{TextFormat, TextWriter, sampler_families};
///
/// let sampler = stripchart_collector::Sampler::builder().build();
/// let mut writer = TextWriter::new(TextFormat::Prometheus);
/// sampler_families(&mut writer, &sampler.stats())?;
/// assert!(writer.finish().contains("\nstripchart_sampler_samples_total 0\n"));
/// # Ok::<(), stripchart_collector::exposition::ExpositionError>(())
/// ```
///
/// # Errors
///
/// [`ExpositionError::RepeatedFamily`] when called a second time for one exposition.
pub fn sampler_families(
    writer: &mut TextWriter,
    stats: &SamplerStats,
) -> Result<(), ExpositionError> {
    let counters = [
        ("stripchart_sampler_samples_total", "Samples taken.", stats.samples),
        ("stripchart_sampler_rows_total", "Rows of those samples.", stats.rows),
        (
            "stripchart_sampler_missed_ticks_total",
            "Samples that came too late to be taken.",
            stats.missed_ticks,
        ),
        ("stripchart_sampler_warnings_total", "Warnings given.", stats.warnings),
        ("stripchart_sampler_sink_errors_total", "Batches that were not taken.", stats.sink_errors),
        (
            "stripchart_sampler_rejected_rows_total",
            "Rows that were not taken.",
            stats.rejected_rows,
        ),
    ];
    for (name, help, count) in counters {
        one(&mut writer.family(name, Kind::Counter, help)?, Some(count));
    }
    let help = "Cgroups in the last sample.";
    one(&mut writer.family("stripchart_sampler_cgroups", Kind::Gauge, help)?, Some(stats.cgroups));
    let help = "When the last sample was taken, in seconds since 1970.";
    one(
        &mut writer.family("stripchart_sampler_last_sample_seconds", Kind::Gauge, help)?,
        stats.last_sample,
    );
    let help = "How long the last sample and its writing took, in seconds.";
    one(
        &mut writer.family("stripchart_sampler_last_duration_seconds", Kind::Gauge, help)?,
        stats.last_duration_ns.map(Value::nanos),
    );
    Ok(())
}

fn one(family: &mut Family<'_>, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        family.sample(&Labels::none(), &[], value);
    }
}
