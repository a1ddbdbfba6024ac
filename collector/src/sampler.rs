//! Sampling everything, again and again.

use std::sync::Arc;
use std::time::Duration;

use stripchart_core::{
    Accepted, Batch, Clock, FieldDescriptor, NextDue, Sink, SinkError, Timestamp, error_chain,
};

use crate::background::{self, SamplerGuard};
use crate::cgroup::Cgroups;
use crate::descriptors::DESCRIPTORS;
use crate::file::Buffer;
use crate::host::{Context, Host};
use crate::schedule::Schedule;
use crate::settings::{Layout, SamplerBuilder, Settings};
use crate::warnings::Warnings;
use crate::who::Top;
use crate::{Warning, file, machine, rate};

/// Series that a batch may hold beyond twice those with rows.
const SERIES_SLACK: usize = 1024;

/// How often it is looked what the machine is made of.
const MACHINE_EVERY: Duration = Duration::from_secs(300);

/// The first rates are over at least this long: whoever starts a sampler wants to see something soon.
const FIRST_RATES_OVER: Duration = Duration::from_secs(1);

/// Samples the host and its cgroups into one batch, which is reused, and hands that to a [`Sink`].
///
/// Nothing happens by itself: either a caller drives [`Sampler::step`] whenever it is due, or [`Sampler::spawn`] starts
/// a thread that does.
///
/// What cannot be read leaves its metrics out and gives one [`Warning`]; see [`Sampler::take_warnings`].
///
/// # Examples
///
/// ```no_run
/// use std::time::SystemTime;
/// use stripchart_collector::Sampler;
/// use stripchart_core::line_protocol;
///
/// let mut sampler = Sampler::builder().build();
/// let mut text = String::new();
/// line_protocol::write_batch(sampler.sample(SystemTime::now().into()), &mut text)?;
/// println!("{text}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Sampler {
    settings: Settings,
    schedule: Schedule,
    host_name: String,
    host: Host,
    cgroups: Option<Cgroups>,
    top: Top,
    machine: MachineLook,
    /// When the last sample was taken, by the clock and by the host's uptime in nanoseconds.
    last: Option<(Timestamp, Option<u64>)>,
    buffer: Buffer,
    batch: Batch,
    warnings: Warnings,
    stats: SamplerStats,
    described: bool,
}

/// What a sampler has done so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SamplerStats {
    /// Samples taken.
    pub samples: u64,
    /// Rows of those samples.
    pub rows: u64,
    /// The instant of the last one.
    pub last_sample: Option<Timestamp>,
    /// When cgroups were last read for the node alone, between samples.
    pub last_refresh: Option<Timestamp>,
    /// Ticks skipped because a sample took longer than the interval, or the caller came late.
    pub missed_ticks: u64,
    /// Cgroups in the last sample.
    pub cgroups: u64,
    /// Warnings given, see [`Sampler::take_warnings`].
    pub warnings: u64,
    /// Batches that the sink took nothing of. They are not offered again.
    pub sink_errors: u64,
    /// What the sink said the last time.
    pub last_sink_error: Option<String>,
    /// Rows that the sink refused out of batches that it took.
    pub rejected_rows: u64,
    /// Why it refused the last of them.
    pub last_rejection: Option<String>,
    /// How long the last sample and its writing took by the clock, in nanoseconds; known to a spawned sampler only.
    pub last_duration_ns: Option<u64>,
}

impl Sampler {
    /// A sampler of this host every ten seconds, to be set up otherwise where wanted.
    pub fn builder() -> SamplerBuilder {
        SamplerBuilder::default()
    }

    pub(crate) fn new(settings: Settings) -> Self {
        let host_name = match &settings.host_name {
            Some(name) => name.clone(),
            None => host_name(&settings),
        };
        Sampler {
            schedule: Schedule::new(settings.interval, FIRST_RATES_OVER),
            host_name,
            host: Host::new(&settings.roots, &settings),
            cgroups: settings.cgroups.then(|| Cgroups::new(&settings)),
            top: Top::new(&settings.roots.proc, settings.top_processes),
            machine: MachineLook::default(),
            last: None,
            buffer: Buffer::default(),
            batch: Batch::new(),
            warnings: Warnings::default(),
            stats: SamplerStats::default(),
            described: false,
            settings,
        }
    }

    /// Every field that a sampler may write, with its unit and meaning.
    #[must_use]
    pub fn descriptors() -> &'static [FieldDescriptor] {
        &DESCRIPTORS
    }

    /// Takes a sample now, whether it is due or not; its rows have time `now`.
    ///
    /// Fields that need an earlier sample (percentages of processor time, rates) are left out of the first.
    pub fn sample(&mut self, now: Timestamp) -> &Batch {
        self.sample_at(now, now)
    }

    /// Takes a sample at `now`, the rows of which have time `at`.
    fn sample_at(&mut self, at: Timestamp, now: Timestamp) -> &Batch {
        self.clear_batch();
        let mut cx = Context {
            at,
            elapsed_ns: None,
            uptime_ns: None,
            host: &self.host_name,
            cpus: 0,
            buffer: &mut self.buffer,
            batch: &mut self.batch,
            warnings: &mut self.warnings,
        };
        self.host.collect(&mut cx);
        let last = self.last.replace((now, cx.uptime_ns));
        cx.elapsed_ns = last.and_then(|(then, uptime_ns)| {
            let by_uptime =
                cx.uptime_ns.zip(uptime_ns).and_then(|(now, then)| now.checked_sub(then));
            rate::elapsed_ns(u64::try_from(now.since(then)).ok(), by_uptime)
        });
        self.machine.look(&self.settings, now, cx.warnings);
        if let Some(cgroups) = &mut self.cgroups {
            cgroups.look(&mut cx, &mut self.host, now, false);
            cgroups.add_rows(&mut cx);
            self.stats.cgroups = cgroups.len() as u64;
        }
        self.top.collect(&mut cx, now);
        self.stats.samples += 1;
        self.stats.rows += self.batch.row_count() as u64;
        self.stats.last_sample = Some(at);
        self.stats.warnings = self.warnings.count();
        &self.batch
    }

    /// Reads the cgroups at `now` for the [node](SamplerBuilder::node) alone: all of them, idle ones included, without
    /// writing a row. For those who must answer with something fresher than the last sample; a spawned sampler does it for
    /// a [`SamplerHandle`](crate::SamplerHandle).
    ///
    /// Before the first sample this is one.
    pub fn refresh(&mut self, now: Timestamp) {
        if self.stats.samples == 0 {
            self.sample(now);
            return;
        }
        let Some(cgroups) = &mut self.cgroups else { return };
        let mut cx = Context {
            at: now,
            elapsed_ns: None,
            uptime_ns: None,
            host: &self.host_name,
            cpus: 0,
            buffer: &mut self.buffer,
            batch: &mut self.batch,
            warnings: &mut self.warnings,
        };
        cgroups.look(&mut cx, &mut self.host, now, true);
        self.stats.cgroups = cgroups.len() as u64;
        self.stats.last_refresh = Some(now);
        self.stats.warnings = self.warnings.count();
    }

    /// Empties the batch; forgets its series, too, once most of them are of cgroups and devices that are gone.
    fn clear_batch(&mut self) {
        if self.batch.series_count() > SERIES_SLACK + 2 * self.batch.row_count() {
            self.batch.reset();
            if let Some(cgroups) = &mut self.cgroups {
                cgroups.forget_series();
            }
        } else {
            self.batch.clear();
        }
    }

    /// Takes a sample and writes it to `sink` if it is time; answers when to call again.
    ///
    /// Samples are due at multiples of the interval since 1970, and the rows have that time; only the first is due at
    /// once. If the call comes more than an interval late, the ticks between are skipped and counted. A sample that the
    /// sink does not take is dropped and counted, and the next one goes on.
    pub fn step(&mut self, now: Timestamp, sink: &dyn Sink) -> NextDue {
        if let Some(tick) = self.schedule.tick(now) {
            self.stats.missed_ticks = self.stats.missed_ticks.saturating_add(tick.missed);
            if !self.described {
                match sink.describe(&self.descriptors_of_layout()) {
                    Ok(()) => self.described = true,
                    Err(error) => self.stats.sink_failed(&error),
                }
            }
            let written = sink.write(self.sample_at(tick.at, now));
            self.stats.wrote(written);
        }
        NextDue::at(self.schedule.next_due(now))
    }

    /// What the rows of this sampler's layout mean.
    fn descriptors_of_layout(&self) -> Vec<FieldDescriptor> {
        let other = match self.settings.layout {
            Layout::Wide => |described: &&FieldDescriptor| described.field == "value",
            Layout::Cadvisor => {
                |described: &&FieldDescriptor| described.measurement.starts_with("container_")
            }
        };
        DESCRIPTORS.iter().filter(|described| !other(described)).cloned().collect()
    }

    /// Starts a thread that samples whenever it is due, by `clock`, and writes to `sink`.
    ///
    /// # Errors
    ///
    /// What the system says if it cannot start a thread.
    pub fn spawn(
        self,
        sink: Arc<dyn Sink>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<SamplerGuard> {
        background::spawn(self, sink, clock)
    }

    /// Counters about the sampler itself.
    #[must_use]
    pub const fn stats(&self) -> &SamplerStats {
        &self.stats
    }

    pub(crate) const fn stats_mut(&mut self) -> &mut SamplerStats {
        &mut self.stats
    }

    /// Takes the warnings given since the last time, oldest first, at most 256. Each file is told of once, and again if
    /// it was good in between.
    #[must_use]
    pub fn take_warnings(&mut self) -> Vec<Warning> {
        self.warnings.take()
    }

    /// The time between samples.
    #[must_use]
    pub const fn interval(&self) -> std::time::Duration {
        self.settings.interval
    }

    /// The value of tag `host`.
    #[must_use]
    pub fn host_name(&self) -> &str {
        &self.host_name
    }
}

/// Tells the node what the machine is made of, now and then.
#[derive(Debug, Default)]
struct MachineLook {
    looked: Option<Timestamp>,
}

impl MachineLook {
    fn look(&mut self, settings: &Settings, now: Timestamp, warnings: &mut Warnings) {
        let Some(node) = &settings.node else { return };
        let fresh =
            |then: Timestamp| u128::from(now.since(then).unsigned_abs()) < MACHINE_EVERY.as_nanos();
        if self.looked.is_some_and(fresh) {
            return;
        }
        self.looked = Some(now);
        let (machine, told) = machine::read(&settings.roots, now);
        for warning in told {
            warnings.warn(&warning.path, warning.message);
        }
        node.set_machine(machine);
    }
}

impl SamplerStats {
    fn wrote(&mut self, written: Result<Accepted, SinkError>) {
        match written {
            Ok(accepted) => {
                self.rejected_rows += accepted.rejected.len() as u64;
                if let Some(row) = accepted.rejected.last() {
                    self.last_rejection = Some(format!("{}: {}", row.measurement, row.reason));
                }
            }
            Err(error) => self.sink_failed(&error),
        }
    }

    fn sink_failed(&mut self, error: &SinkError) {
        self.sink_errors += 1;
        self.last_sink_error = Some(error_chain(error));
    }
}

/// What the kernel says the host is called.
fn host_name(settings: &Settings) -> String {
    let path = settings.roots.proc_file("sys/kernel/hostname");
    let mut buffer = Buffer::default();
    let name = file::open(&path)
        .and_then(|file| Ok(String::from_utf8_lossy(buffer.fill(&file, false)?).trim().to_owned()));
    name.ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}
