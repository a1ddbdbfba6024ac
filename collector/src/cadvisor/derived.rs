//! `summary`: what a container used in the last minute, hour and day, as percentiles.
//!
//! A [`History`](crate::node::History) goes back some ten minutes, an hour takes more. So each container has an account
//! here: the samples of the minute under way, and one line for each of the last sixty minutes that are complete.
//! [`Summaries::observe`] takes what was sampled since it was called last. It is cheap, and nobody who does not ask for
//! summaries pays for it: neither the sampling loop nor the node know of it.
//!
//! Figures as cAdvisor's, among them that only sixty minutes are kept: the day is the same as the hour, told by its
//! `percent_complete`. More would cost each container 70 kB.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use stripchart_core::Timestamp;

use super::json::Json;
use super::model::cpu_rate_of;
use crate::Node;
use crate::node::ContainerSample;

/// Minutes kept.
const MINUTES_MAX: usize = 60;
/// Samples of a minute that are kept; ten a second.
const RAW_MAX: usize = 600;
/// A minute is complete when its samples lie further apart.
const MINUTE_NS: i64 = 60_000_000_000;
/// Two samples closer than this tell no rate.
const ELAPSED_NS_MIN: u64 = 10_000_000;

/// The accounts of all containers.
#[derive(Debug, Default)]
pub(super) struct Summaries(Mutex<BTreeMap<Arc<str>, Summary>>);

impl Summaries {
    /// Takes the samples that are new, and forgets containers that are gone.
    pub(super) fn observe(&self, node: &Node) {
        let mut summaries = self.0.lock();
        let containers = node.containers();
        summaries.retain(|path, _| containers.contains_key(path));
        for (path, container) in containers.iter() {
            let newest = container.samples.latest().map(|sample| sample.at);
            let summary = match summaries.get_mut(path) {
                Some(summary) if newest <= summary.latest_at() => continue,
                Some(summary) => summary,
                None => summaries.entry(Arc::clone(path)).or_default(),
            };
            let after = summary.latest_at();
            let new = container.samples.iter().filter(|sample| Some(sample.at) > after);
            new.for_each(|sample| summary.add(sample));
        }
    }

    /// Writes the account of the container at `path`; of one that has none yet, an empty one.
    pub(super) fn write(&self, json: &mut Json, path: &str, now: Timestamp) {
        let summaries = self.0.lock();
        match summaries.get(path) {
            Some(summary) => summary.write(json, now),
            None => Summary::default().write(json, now),
        }
    }
}

/// The account of one container.
#[derive(Debug, Default)]
struct Summary {
    /// The samples of the minute under way, the first of which ended the one before.
    raw: Vec<Raw>,
    minutes: VecDeque<Usage>,
    latest: Instant,
}

/// What of a sample counts.
#[derive(Debug, Clone, Copy)]
struct Raw {
    at: Timestamp,
    cpu_ns: Option<u64>,
    memory: Option<u64>,
}

/// Thousandths of a core and bytes, now.
#[derive(Debug, Clone, Copy, Default)]
struct Instant {
    cpu: u64,
    memory: u64,
}

/// A length of time.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    percent_complete: u64,
    cpu: Percentiles,
    memory: Percentiles,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Percentiles {
    present: bool,
    mean: u64,
    std: u64,
    max: u64,
    fifty: u64,
    ninety: u64,
    ninetyfive: u64,
    count: u64,
}

impl Summary {
    fn latest_at(&self) -> Option<Timestamp> {
        self.raw.last().map(|raw| raw.at)
    }

    fn add(&mut self, sample: &ContainerSample) {
        let raw =
            Raw { at: sample.at, cpu_ns: sample.cpu.usage_ns, memory: sample.memory.working_set };
        if let Some(before) = self.raw.last() {
            self.latest.cpu = millicores(before, &raw).unwrap_or(0);
        }
        self.latest.memory = raw.memory.unwrap_or(0);
        if self.raw.len() >= RAW_MAX {
            // The last is kept in step, so that its time is known.
            self.raw.pop();
        }
        self.raw.push(raw);
        let Some(first) = self.raw.first() else { return };
        if raw.at.since(first.at) > MINUTE_NS {
            if self.minutes.len() >= MINUTES_MAX {
                self.minutes.pop_front();
            }
            self.minutes.push_back(Usage::of_minute(&self.raw));
            self.raw.clear();
            self.raw.push(raw);
        }
    }

    fn write(&self, json: &mut Json, now: Timestamp) {
        json.object(|json| {
            json.put_time("timestamp", Some(now));
            json.key("latest_usage").object(|json| {
                json.put_u64("cpu", self.latest.cpu);
                json.put_u64("memory", self.latest.memory);
            });
            let minute = self.minutes.back().copied().unwrap_or_default();
            for (key, usage) in [
                ("minute_usage", minute),
                ("hour_usage", Usage::of_minutes(&self.minutes, 60)),
                ("day_usage", Usage::of_minutes(&self.minutes, 60 * 24)),
            ] {
                json.key(key).object(|json| usage.put(json));
            }
        });
    }
}

/// Thousandths of a core between two samples; `None` where there is no telling.
fn millicores(before: &Raw, after: &Raw) -> Option<u64> {
    let elapsed_ns = u64::try_from(after.at.since(before.at)).ok()?;
    if elapsed_ns < ELAPSED_NS_MIN {
        return None;
    }
    Some(cpu_rate_of(before.cpu_ns?, after.cpu_ns?, elapsed_ns)? / 1_000_000)
}

impl Usage {
    fn of_minute(raw: &[Raw]) -> Usage {
        let cpu = raw.windows(2).filter_map(|pair| millicores(&pair[0], &pair[1])).collect();
        let memory = raw.iter().filter_map(|raw| raw.memory).collect();
        Usage { percent_complete: 100, cpu: Percentiles::of(cpu), memory: Percentiles::of(memory) }
    }

    /// Of `minutes`, where `wanted` would be all.
    fn of_minutes(minutes: &VecDeque<Usage>, wanted: u64) -> Usage {
        if minutes.is_empty() {
            return Usage::default();
        }
        Usage {
            percent_complete: (minutes.len() as u64 * 100 / wanted).min(100),
            cpu: Percentiles::of_percentiles(minutes.iter().map(|minute| &minute.cpu)),
            memory: Percentiles::of_percentiles(minutes.iter().map(|minute| &minute.memory)),
        }
    }

    fn put(&self, json: &mut Json) {
        json.put_u64("percent_complete", self.percent_complete);
        for (key, percentiles) in [("cpu", &self.cpu), ("memory", &self.memory)] {
            json.key(key).object(|json| percentiles.put(json));
        }
    }
}

impl Percentiles {
    fn of(mut values: Vec<u64>) -> Percentiles {
        values.sort_unstable();
        let Some(max) = values.last().copied() else { return Percentiles::default() };
        let count = values.len() as u64;
        let mean = values.iter().map(|value| u128::from(*value)).sum::<u128>() / u128::from(count);
        let mean = u64::try_from(mean).unwrap_or(u64::MAX);
        Percentiles {
            present: true,
            mean,
            std: deviation(&values, mean),
            max,
            fifty: percentile(&values, 50),
            ninety: percentile(&values, 90),
            ninetyfive: percentile(&values, 95),
            count,
        }
    }

    /// Of minutes: the mean of their means, the greatest of their greatest, percentiles of their 90th ones.
    fn of_percentiles<'a>(minutes: impl Iterator<Item = &'a Percentiles>) -> Percentiles {
        let minutes: Vec<&Percentiles> = minutes.filter(|minute| minute.present).collect();
        let means = Percentiles::of(minutes.iter().map(|minute| minute.mean).collect());
        let nineties = Percentiles::of(minutes.iter().map(|minute| minute.ninety).collect());
        let max = minutes.iter().map(|minute| minute.max).max().unwrap_or(0);
        Percentiles { mean: means.mean, std: means.std, max, ..nineties }
    }

    fn put(&self, json: &mut Json) {
        json.put_bool("present", self.present);
        json.put_u64("mean", self.mean);
        json.put_u64("std", self.std);
        json.put_u64("max", self.max);
        json.put_u64("fifty", self.fifty);
        json.put_u64("ninety", self.ninety);
        json.put_u64("ninetyfive", self.ninetyfive);
        json.put_u64("count", self.count);
    }
}

/// The deviation of a sample, whole.
fn deviation(values: &[u64], mean: u64) -> u64 {
    let Some(others) = values.len().checked_sub(1).filter(|others| *others > 0) else { return 0 };
    let square = |value: &u64| {
        let off = u128::from(value.abs_diff(mean));
        off.saturating_mul(off)
    };
    let sum = values.iter().map(square).fold(0u128, u128::saturating_add);
    u64::try_from((sum / others as u128).isqrt()).unwrap_or(u64::MAX)
}

/// The value below which `percent` of the sorted `values` lie, between two of them in proportion.
fn percentile(values: &[u64], percent: u64) -> u64 {
    let count = values.len() as u64;
    let (rank, hundredths) = (percent * (count + 1) / 100, percent * (count + 1) % 100);
    let at = |rank: u64| {
        let index = usize::try_from(rank.clamp(1, count.max(1)) - 1).unwrap_or(usize::MAX);
        values.get(index).copied().unwrap_or(0)
    };
    let here = at(rank);
    if rank <= 1 || rank >= count {
        return here;
    }
    let more = u128::from(at(rank + 1) - here) * u128::from(hundredths) / 100;
    here.saturating_add(u64::try_from(more).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_values() {
        let tens: Vec<u64> = (1..=10).map(|i| i * 10).collect();
        let found = Percentiles::of(tens);
        assert_eq!((found.mean, found.max, found.count), (55, 100, 10));
        assert_eq!((found.fifty, found.ninety, found.ninetyfive), (55, 99, 100));
        assert_eq!(found.std, 30);
        let one = Percentiles::of(vec![7]);
        assert_eq!((one.fifty, one.ninetyfive, one.std), (7, 7, 0));
        assert!(!Percentiles::of(Vec::new()).present);
    }

    fn sample(secs: i64, cpu_ns: u64, memory: u64) -> ContainerSample {
        let mut sample = ContainerSample { at: Timestamp::from_secs(secs), ..Default::default() };
        sample.cpu.usage_ns = Some(cpu_ns);
        sample.memory.working_set = Some(memory);
        sample
    }

    #[test]
    fn a_minute_is_complete_with_the_first_sample_after_it() {
        let mut summary = Summary::default();
        for i in 0..=6u64 {
            summary.add(&sample(i64::try_from(i * 10).unwrap(), i * 5_000_000_000, 100 + i));
        }
        assert!(summary.minutes.is_empty());
        assert_eq!((summary.latest.cpu, summary.latest.memory), (500, 106));
        summary.add(&sample(70, 35_000_000_000, 107));
        let minute = summary.minutes[0];
        assert_eq!((minute.cpu.mean, minute.cpu.count, minute.memory.max), (500, 7, 107));
        assert_eq!(summary.raw.len(), 1);

        // A counter that goes back tells nothing of that time.
        summary.add(&sample(80, 1, 1));
        assert_eq!(summary.latest.cpu, 0);
    }

    #[test]
    fn an_hour_is_made_of_minutes_and_no_more_are_kept() {
        let mut summary = Summary::default();
        for i in 0..70 * 7i64 {
            let memory = if i < 200 { 1 } else { 50 };
            summary.add(&sample(i * 10, 0, memory));
        }
        assert_eq!(summary.minutes.len(), 60);
        let hour = Usage::of_minutes(&summary.minutes, 60);
        assert_eq!((hour.percent_complete, hour.memory.max, hour.memory.ninety), (100, 50, 50));
        assert_eq!(Usage::of_minutes(&summary.minutes, 1440).percent_complete, 4);
    }

    #[test]
    fn samples_in_quick_succession_take_no_more_memory() {
        let mut summary = Summary::default();
        for i in 0..5000i64 {
            let mut sample = sample(0, 0, 1);
            sample.at = Timestamp::from_millis(i * 10);
            summary.add(&sample);
        }
        assert_eq!(summary.raw.len(), RAW_MAX);
    }
}
