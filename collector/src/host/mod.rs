//! The host's own metrics, under Telegraf's names.

mod cpu;
mod disk;
mod diskio;
mod guard;
mod hardware;
mod kernel;
mod mem;
mod net;
mod packets;
mod parts;
mod pressure;
mod protocols;
mod system;

use std::fmt::Write as _;
use std::time::Duration;

use stripchart_core::{Batch, KeyError, RowWriter, Timestamp};

use crate::Roots;
use crate::attr::Attrs;
use crate::file::Buffer;
use crate::node::ContainerSample;
use crate::proc::MountInfo;
use crate::settings::Settings;
use crate::warnings::Warnings;

pub(crate) use diskio::StackedDevices;

/// What a source needs to add its rows.
pub(crate) struct Context<'a> {
    /// The instant of this sample's rows.
    pub(crate) at: Timestamp,
    /// Time since the sample before; `None` for the first, and until the host's sources have run.
    pub(crate) elapsed_ns: Option<u64>,
    /// How long the host has been up, as far as known.
    pub(crate) uptime_ns: Option<u64>,
    /// The value of tag `host`.
    pub(crate) host: &'a str,
    /// Processors that are switched on, as far as known.
    pub(crate) cpus: usize,
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) batch: &'a mut Batch,
    pub(crate) warnings: &'a mut Warnings,
}

impl Context<'_> {
    /// A reader of small files.
    pub(crate) const fn attrs(&mut self) -> Attrs<'_> {
        Attrs::new(self.buffer, self.warnings)
    }

    /// Begins a row; `None` if the tags make no key, which a NUL or a very long name in a tag can bring about.
    pub(crate) fn row(
        &mut self,
        measurement: &str,
        tags: &[(&str, &str)],
    ) -> Option<RowWriter<'_>> {
        row(self.batch, self.at, self.host, measurement, tags).ok()
    }
}

/// Begins a row of `measurement` with `tags` and the host's name.
fn row<'b>(
    batch: &'b mut Batch,
    at: Timestamp,
    host: &str,
    measurement: &str,
    tags: &[(&str, &str)],
) -> Result<RowWriter<'b>, KeyError> {
    let series = batch.series(measurement, tags.iter().copied().chain([("host", host)]))?;
    Ok(batch.row(series, at))
}

/// A count as the signed integer that Telegraf's fields are; those beyond 2^63 stay there.
pub(crate) fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// `part` in percent of `whole`; 0 of nothing is 0.
pub(crate) fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 }
}

/// Adds the counts that are known.
pub(crate) fn add_counts(row: &mut RowWriter<'_>, counts: &[(&str, Option<u64>)]) {
    for (name, count) in counts {
        if let Some(count) = count {
            row.field(name, int(*count));
        }
    }
}

/// All sources of the host.
#[derive(Debug)]
pub(crate) struct Host {
    cpu: cpu::Cpu,
    mem: mem::Mem,
    system: system::System,
    disk: disk::Disk,
    diskio: diskio::DiskIo,
    net: net::Net,
    pressure: pressure::Pressures,
    protocols: protocols::Protocols,
    packets: packets::Packets,
    kernel: kernel::Kernel,
    hardware: hardware::Hardware,
    parts: parts::Parts,
    slow: Cycle,
    states: Option<Cycle>,
}

/// How often what is long or seldom changes is read, at most.
const SLOW: Duration = Duration::from_secs(10);

/// Says when something is due that is not due with every sample: in the first sample of each span of so many
/// nanoseconds since 1970, so that after a clock was set either way it is due at once.
#[derive(Debug)]
struct Cycle {
    span_ns: i64,
    last: Option<Timestamp>,
}

impl Cycle {
    fn new(span: Duration) -> Self {
        Cycle { span_ns: i64::try_from(span.as_nanos()).unwrap_or(i64::MAX).max(1), last: None }
    }

    fn is_due(&mut self, at: Timestamp) -> bool {
        let now = Some(at.align_down(self.span_ns));
        std::mem::replace(&mut self.last, now) != now
    }
}

/// Makes `name` the tag of processor `number`.
fn cpu_name(name: &mut String, number: u32) {
    name.clear();
    // Writing to a string cannot fail.
    let _ = write!(name, "cpu{number}");
}

impl Host {
    pub(crate) fn new(roots: &Roots, settings: &Settings) -> Self {
        Host {
            cpu: cpu::Cpu::new(roots, settings.per_cpu, settings.cpu_times),
            mem: mem::Mem::new(roots),
            system: system::System::new(roots),
            disk: disk::Disk::new(roots, settings.filesystem_types.clone()),
            diskio: diskio::DiskIo::new(roots),
            net: net::Net::new(roots, settings.excluded_interfaces.clone()),
            pressure: pressure::Pressures::new(roots),
            protocols: protocols::Protocols::new(roots),
            packets: packets::Packets::new(roots, settings.per_cpu),
            kernel: kernel::Kernel::new(roots, settings.per_cpu),
            hardware: hardware::Hardware::new(roots, settings.per_cpu),
            parts: parts::Parts::new(roots),
            slow: Cycle::new(SLOW),
            states: settings.process_states_every.map(Cycle::new),
        }
    }

    pub(crate) fn collect(&mut self, cx: &mut Context<'_>) {
        let threads = self.cpu.collect(cx);
        self.mem.collect(cx);
        self.system.collect(cx, &threads);
        self.disk.collect(cx);
        self.diskio.collect(cx);
        self.net.collect(cx);
        self.pressure.collect(cx);
        self.protocols.collect(cx);
        self.packets.collect(cx);
        self.kernel.collect(cx);
        if self.slow.is_due(cx.at) {
            self.packets.collect_slow(cx);
            self.kernel.collect_slow(cx);
            self.hardware.collect_slow(cx);
            self.parts.collect_slow(cx);
        }
        if self.states.as_mut().is_some_and(|cycle| cycle.is_due(cx.at)) {
            self.kernel.process_states(cx);
        }
    }

    /// Puts the host's network and file systems into `sample`, that of the root container: what the last sample read,
    /// and beside it file systems in memory and overlays, which are asked here. `at` is the sample's time.
    pub(crate) fn fill_root(
        &mut self,
        at: Timestamp,
        warnings: &mut Warnings,
        sample: &mut ContainerSample,
    ) {
        let network = sample.network.get_or_insert_default();
        network.interfaces.clear();
        network.interfaces.extend_from_slice(self.net.interfaces());
        let diskio = &self.diskio;
        self.disk.filesystems(
            at,
            warnings,
            |number| diskio.counters(number),
            &mut sample.filesystems,
        );
    }

    /// Counts the changes of the list of mounts.
    pub(crate) const fn mounts_version(&self) -> u64 {
        self.disk.version()
    }

    /// The list of mounts; `None` while it cannot be read.
    pub(crate) fn mounts(&self) -> Option<MountInfo<'_>> {
        self.disk.mounts()
    }

    /// Block devices that stand upon others.
    pub(crate) const fn stacked_devices(&self) -> &StackedDevices {
        self.diskio.stacked()
    }
}
