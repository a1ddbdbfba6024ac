//! The loop: fetch, process, encode, write; every resolution once.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use stripchart_core::{
    Batch, FieldDescriptor, FieldType, MetricKind, NextDue, Sink, Timestamp, Unit, error_chain,
};

use super::gather::{Outcome, Plan, SourceState};
use super::report::{ClusterWarning, Report, Round};
use super::{
    ClusterAggregator, MetricBatch, NamespaceAggregator, NodeAggregator, PodAggregator,
    RateCalculator, decode, encode, metric,
};
use crate::kubelet::{FetchLimits, Summary, SummarySource};
use crate::schedule::Schedule;

/// How long after the end of its interval a round runs at most, so that kubelets have measured by then.
///
/// A fifth of the resolution if that is less: under a quarter, the schedule never plans a second round for the
/// interval in which the first one ran.
const OFFSET_NS_MAX: i64 = 5_000_000_000;

/// Fetches the summaries of a cluster's nodes, processes them as Heapster did and writes the result to a sink.
///
/// Drive it with [`step`](ClusterSampler::step), or let [`spawn`](ClusterSampler::spawn) start a thread that does. Heapster
/// kept its measurements in a database called `k8s`; which one it is here, the sink decides.
///
/// # Time
///
/// The first step runs a round at once, the others run five seconds (a fifth of the resolution, if that is less) after
/// each multiple of the resolution. Rows carry that multiple. Rates need two rounds, so the first has none. Rounds
/// that were missed are not made up for.
///
/// # Failures
///
/// A source that fails or takes longer than the timeout leaves its node out of the round: no row, nothing repeated. It
/// is told once, as a [`ClusterWarning`], and again when it fails in another way or after it had recovered. Sources that failed
/// in the round before are asked after the others, and only until failures have used up about half the resolution. A
/// round that the sink refuses is lost.
///
/// # Example
///
/// ```
/// use stripchart_collector::{ClusterSampler, SummarySource};
/// use stripchart_core::{Accepted, Batch, NextDue, Sink, SinkError, Timestamp, line_protocol};
///
/// struct Print;
/// impl Sink for Print {
///     fn write(&self, batch: &Batch) -> Result<Accepted, SinkError> {
///         let mut text = String::new();
///         line_protocol::write_batch(batch, &mut text).expect("printable");
///         assert_eq!(text, "memory/usage,nodename=n1,type=node value=7i 60000000000\n");
///         Ok(Accepted { rows: batch.row_count(), rejected: Vec::new() })
///     }
/// }
///
/// let source = SummarySource::from_fn("n1", |_| {
///     Ok(br#"{"node": {"nodeName": "n1", "memory": {"usageBytes": 7}}, "pods": []}"#.to_vec())
/// });
/// let mut sampler = ClusterSampler::builder().source(source).build()?;
/// let due = sampler.step(Timestamp::from_secs(61), &Print);
/// assert_eq!(due, NextDue::at(Timestamp::from_secs(125))); // the next whole minute, and five seconds
/// assert!(sampler.take_warnings().is_empty());
/// # Ok::<(), stripchart_collector::heapster::ClusterConfigError>(())
/// ```
#[derive(Debug)]
pub struct ClusterSampler {
    sources: Vec<SourceState>,
    plan: Plan,
    resolution_ns: i64,
    schedule: Schedule,
    cluster_name: Option<String>,
    rates: RateCalculator,
    batch: Batch,
    /// The measurements that the sink was told the meaning of.
    described: BTreeSet<String>,
    rounds: u64,
    sink_warned: Option<String>,
    pub(super) report: Arc<Report>,
}

impl ClusterSampler {
    /// Begins to describe a sampler.
    #[must_use]
    pub fn builder() -> ClusterSamplerBuilder {
        ClusterSamplerBuilder::default()
    }

    /// Runs a round if one is due at `now`, and says when the next will be.
    ///
    /// Blocks while sources are fetched. What goes wrong is kept for [`ClusterSampler::take_warnings`].
    pub fn step(&mut self, now: Timestamp, sink: &dyn Sink) -> NextDue {
        let offset_ns = self.offset_ns();
        let shifted = now.saturating_sub(offset_ns);
        if let Some(tick) = self.schedule.tick(shifted) {
            let timestamp = if self.rounds == 0 { now } else { tick.at };
            self.round(timestamp.align_down(self.resolution_ns), now, sink);
        }
        NextDue::at(self.schedule.next_due(shifted).saturating_add(offset_ns))
    }

    /// The warnings since the last call, oldest first; at most the latest hundred.
    #[must_use]
    pub fn take_warnings(&self) -> Vec<ClusterWarning> {
        self.report.take_warnings()
    }

    /// What the last round did.
    #[must_use]
    pub fn last_round(&self) -> Option<Round> {
        self.report.last_round()
    }

    /// The time between rounds.
    #[must_use]
    pub fn resolution(&self) -> Duration {
        Duration::from_nanos(self.resolution_ns.unsigned_abs())
    }

    fn offset_ns(&self) -> i64 {
        OFFSET_NS_MAX.min(self.resolution_ns / 5)
    }

    fn round(&mut self, timestamp: Timestamp, now: Timestamp, sink: &dyn Sink) {
        self.rounds += 1;
        let outcomes = self.plan.gather(self.rounds, &mut self.sources, &self.report.stop);
        if self.report.stop.load(Ordering::Relaxed) {
            // Half a cluster would make sums that look like a collapse.
            return;
        }
        let mut round = Round::new(timestamp, outcomes.len());
        let summaries = self.sort_out(outcomes, now, &mut round);
        let mut metrics = MetricBatch::new(timestamp);
        summaries.iter().for_each(|summary| decode(summary, now, &mut metrics));
        self.process(&mut metrics);
        self.write(&metrics, now, &mut round, sink);
        *self.report.round.lock() = Some(round);
    }

    /// Counts what became of the sources, warns of what went wrong, and keeps one summary for each node.
    fn sort_out(
        &mut self,
        outcomes: Vec<Outcome>,
        now: Timestamp,
        round: &mut Round,
    ) -> Vec<Summary> {
        let mut summaries: Vec<Summary> = Vec::new();
        let mut source_of: BTreeMap<String, usize> = BTreeMap::new();
        for (index, outcome) in outcomes.into_iter().enumerate() {
            let problem = match outcome {
                Outcome::Fetched(summary) => {
                    let name = &summary.node.node_name;
                    match source_of.get(name) {
                        None => {
                            source_of.insert(name.clone(), index);
                            summaries.push(*summary);
                            None
                        }
                        Some(first) => {
                            let first = self.sources[*first].source.name();
                            Some(format!(
                                "node {name:?} came from {first} already, so this one is left out"
                            ))
                        }
                    }
                }
                Outcome::Failed(error) => Some(error_chain(&error)),
                Outcome::NotAsked => {
                    round.not_asked += 1;
                    continue;
                }
            };
            round.failed += usize::from(problem.is_some());
            let SourceState { source, warned, .. } = &mut self.sources[index];
            self.report.note(source.name(), now, problem, warned);
        }
        round.nodes = summaries.len();
        summaries
    }

    fn process(&mut self, metrics: &mut MetricBatch) {
        self.rates.process(metrics);
        PodAggregator.process(metrics);
        NamespaceAggregator.process(metrics);
        NodeAggregator.process(metrics);
        ClusterAggregator.process(metrics);
    }

    fn write(&mut self, metrics: &MetricBatch, now: Timestamp, round: &mut Round, sink: &dyn Sink) {
        // Pods come and go: without this the batch would remember all that ever were.
        if self.batch.series_count() > 2 * self.batch.row_count() + 1000 {
            self.batch.reset();
        } else {
            self.batch.clear();
        }
        let encoded = encode(metrics, self.cluster_name.as_deref(), &mut self.batch);
        (round.rows, round.left_out) = (encoded.rows, encoded.left_out);
        if self.batch.is_empty() {
            return;
        }
        let mut problem = encoded.error.map(|error| format!("rows were left out: {error}"));
        if let Err(error) = self.describe(sink) {
            problem = Some(error_chain(&error));
        }
        match sink.write(&self.batch) {
            Ok(accepted) => {
                round.written = true;
                round.rejected = accepted.rejected.len();
                if let Some(first) = accepted.rejected.first() {
                    problem = Some(format!(
                        "{} rows were rejected, the first of {:?}: {}",
                        accepted.rejected.len(),
                        first.measurement,
                        first.reason
                    ));
                }
            }
            Err(error) => problem = Some(error_chain(&error)),
        }
        self.report.note("sink", now, problem, &mut self.sink_warned);
    }

    /// Tells the sink what the measurements of this round mean, each once.
    fn describe(&mut self, sink: &dyn Sink) -> Result<(), stripchart_core::SinkError> {
        let new: Vec<FieldDescriptor> = self
            .batch
            .tables()
            .map(|table| table.measurement())
            .filter(|name| !self.described.contains(*name))
            .map(|name| metric::descriptor(name).cloned().unwrap_or_else(|| custom(name)))
            .collect();
        if !new.is_empty() {
            sink.describe(&new)?;
            self.described.extend(new.into_iter().map(|metric| metric.measurement.into_owned()));
        }
        Ok(())
    }
}

/// What is known of a metric that a container published about itself.
fn custom(name: &str) -> FieldDescriptor {
    FieldDescriptor {
        measurement: name.to_owned().into(),
        field: metric::VALUE_FIELD.into(),
        field_type: FieldType::Float,
        kind: MetricKind::Gauge,
        unit: Unit::None,
        description: "published by the containers themselves".into(),
    }
}

/// Describes a [`ClusterSampler`].
#[derive(Debug)]
pub struct ClusterSamplerBuilder {
    sources: Vec<SummarySource>,
    resolution: Duration,
    limits: FetchLimits,
    concurrency: usize,
    cluster_name: Option<String>,
}

impl Default for ClusterSamplerBuilder {
    fn default() -> Self {
        ClusterSamplerBuilder {
            sources: Vec::new(),
            resolution: Duration::from_secs(60),
            limits: FetchLimits::default(),
            concurrency: 1,
            cluster_name: None,
        }
    }
}

impl ClusterSamplerBuilder {
    /// Adds a source.
    #[must_use]
    pub fn source(mut self, source: SummarySource) -> Self {
        self.sources.push(source);
        self
    }

    /// Adds sources.
    #[must_use]
    pub fn sources(mut self, sources: impl IntoIterator<Item = SummarySource>) -> Self {
        self.sources.extend(sources);
        self
    }

    /// Time from round to round; a second or more, 60 seconds unless set. Kubelets measure about every ten seconds.
    #[must_use]
    pub const fn resolution(mut self, resolution: Duration) -> Self {
        self.resolution = resolution;
        self
    }

    /// How long one fetch may take; 5 seconds unless set. Stopping a spawned sampler may take as long.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// Bytes that a document may have; [`Summary::MAX_LEN`] unless set, which is also the most.
    #[must_use]
    pub const fn max_document_bytes(mut self, max_bytes: usize) -> Self {
        self.limits.max_bytes = max_bytes;
        self
    }

    /// Threads that fetch at a time; 1, the one that steps, unless set. More live for the time of one round's fetches,
    /// and are worth it from a dozen nodes on.
    #[must_use]
    pub const fn concurrency(mut self, threads: usize) -> Self {
        self.concurrency = threads;
        self
    }

    /// A value for the tag `cluster_name` on every row; no such tag unless set.
    #[must_use]
    pub fn cluster_name(mut self, name: impl Into<String>) -> Self {
        self.cluster_name = Some(name.into());
        self
    }

    /// Checks the description and makes the sampler. Fetches nothing yet.
    ///
    /// # Errors
    ///
    /// [`ClusterConfigError`] if there is no source or a value is out of its range.
    pub fn build(self) -> Result<ClusterSampler, ClusterConfigError> {
        if self.sources.is_empty() {
            return Err(ClusterConfigError::NoSource);
        }
        let resolution_ns = i64::try_from(self.resolution.as_nanos())
            .ok()
            .filter(|_| self.resolution >= Duration::from_secs(1))
            .ok_or(ClusterConfigError::Resolution { found: self.resolution })?;
        if self.limits.timeout.is_zero() {
            return Err(ClusterConfigError::Timeout);
        }
        let concurrency = self.concurrency.max(1);
        // Fetches that time out may use half the resolution, on each thread; but a few must always be tried.
        let affordable = self.resolution.as_millis() / 2 / self.limits.timeout.as_millis().max(1);
        let failures_max = usize::try_from(affordable).unwrap_or(usize::MAX).max(4);
        Ok(ClusterSampler {
            sources: self.sources.into_iter().map(SourceState::new).collect(),
            plan: Plan {
                limits: self.limits,
                concurrency,
                failures_max: failures_max.saturating_mul(concurrency),
            },
            resolution_ns,
            schedule: Schedule::new(self.resolution, Duration::MAX),
            cluster_name: self.cluster_name,
            rates: RateCalculator::new(),
            batch: Batch::new(),
            described: BTreeSet::new(),
            rounds: 0,
            sink_warned: None,
            report: Arc::new(Report {
                stop: AtomicBool::new(false),
                round: Mutex::new(None),
                warnings: Mutex::default(),
            }),
        })
    }
}

/// Why a description makes no sampler.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClusterConfigError {
    /// There is no source.
    NoSource,
    /// The resolution is out of range.
    Resolution {
        /// It.
        found: Duration,
    },
    /// The timeout is zero.
    Timeout,
}

impl fmt::Display for ClusterConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterConfigError::NoSource => {
                f.write_str("expected at least one source of summaries, found none")
            }
            ClusterConfigError::Resolution { found } => {
                write!(f, "resolution: expected one second to 292 years, found {found:?}")
            }
            ClusterConfigError::Timeout => f.write_str("timeout: expected more than zero, found 0"),
        }
    }
}

impl Error for ClusterConfigError {}
