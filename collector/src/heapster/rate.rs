//! Counters become rates.

use std::borrow::Cow;
use std::collections::BTreeMap;

use stripchart_core::Timestamp;

use super::metric as m;
use super::{MetricBatch, MetricKey, MetricSet, MetricValue};

/// The counters that have a rate, with its name.
const RATES: [(&str, &str); 7] = [
    (m::CPU_USAGE, m::CPU_USAGE_RATE),
    (m::MEMORY_MAJOR_PAGE_FAULTS, m::MEMORY_MAJOR_PAGE_FAULTS_RATE),
    (m::MEMORY_PAGE_FAULTS, m::MEMORY_PAGE_FAULTS_RATE),
    (m::NETWORK_RX, m::NETWORK_RX_RATE),
    (m::NETWORK_RX_ERRORS, m::NETWORK_RX_ERRORS_RATE),
    (m::NETWORK_TX, m::NETWORK_TX_RATE),
    (m::NETWORK_TX_ERRORS, m::NETWORK_TX_ERRORS_RATE),
];

/// Adds rates: the growth of each counter since the batch before, by the kubelet's own times of measurement.
///
/// An object gets its rates if the batch before had it too, it was measured again since, and its counters began at the
/// same instant; so a restart costs the rates of one round. A counter that went down all the same gets none, where
/// Heapster stored a negative rate. `cpu/usage_rate` is a whole number of millicores, rounded down; the others are
/// floats per second.
///
/// A batch that is not later than the one before gets no rates and takes its place, so that a clock set back costs one
/// round.
#[derive(Debug, Default)]
pub struct RateCalculator {
    timestamp: Option<Timestamp>,
    before: BTreeMap<MetricKey, Counters>,
}

#[derive(Debug)]
struct Counters {
    start_time: Option<Timestamp>,
    scrape_time: Timestamp,
    values: [Option<i64>; RATES.len()],
}

impl RateCalculator {
    /// A calculator that has seen no batch.
    #[must_use]
    pub fn new() -> Self {
        RateCalculator::default()
    }

    /// Adds the rates to `batch` and keeps its counters for the next.
    pub fn process(&mut self, batch: &mut MetricBatch) {
        let later = self.timestamp.is_some_and(|before| batch.timestamp > before);
        let mut now = BTreeMap::new();
        for (key, set) in &mut batch.sets {
            let Some(counters) = Counters::of(set) else { continue };
            if let Some(before) = self.before.get(key).filter(|_| later) {
                add_rates(set, before, &counters);
            }
            now.insert(key.clone(), counters);
        }
        self.timestamp = Some(batch.timestamp);
        self.before = now;
    }
}

impl Counters {
    fn of(set: &MetricSet) -> Option<Self> {
        let scrape_time = set.scrape_time?;
        let values = RATES.map(|(counter, _)| set.get_integer(counter));
        Some(Counters { start_time: set.start_time, scrape_time, values })
    }
}

fn add_rates(set: &mut MetricSet, before: &Counters, now: &Counters) {
    let elapsed_ns = now.scrape_time.since(before.scrape_time);
    if elapsed_ns <= 0 || before.start_time != now.start_time {
        return;
    }
    for ((counter, rate), (old, new)) in RATES.iter().zip(before.values.iter().zip(now.values)) {
        let (Some(old), Some(new)) = (*old, new) else { continue };
        if let Some(growth) = new.checked_sub(old).filter(|growth| *growth >= 0) {
            set.values.insert(Cow::Borrowed(rate), rate_of(counter, growth, elapsed_ns));
        }
    }
}

fn rate_of(counter: &str, growth: i64, elapsed_ns: i64) -> MetricValue {
    if counter == m::CPU_USAGE {
        let millicores = 1000 * i128::from(growth) / i128::from(elapsed_ns);
        return MetricValue::Integer(i64::try_from(millicores).unwrap_or(i64::MAX));
    }
    MetricValue::Float(growth as f64 * 1e9 / elapsed_ns as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object that started at second `start`, measured at second `scrape`.
    fn set(start: i64, scrape: Option<i64>, counters: &[(&'static str, i64)]) -> MetricSet {
        let mut set = MetricSet {
            start_time: Some(Timestamp::from_secs(start)),
            scrape_time: scrape.map(Timestamp::from_secs),
            ..MetricSet::default()
        };
        counters.iter().for_each(|(name, value)| set.integer(*name, *value));
        set
    }

    fn batch(at: i64, set: MetricSet) -> MetricBatch {
        let mut batch = MetricBatch::new(Timestamp::from_secs(at));
        batch.sets.insert(MetricKey::node("n"), set);
        batch
    }

    /// The rates that the second of two batches gets, 60 s after the first.
    fn rates(before: MetricSet, now: MetricSet) -> Vec<(String, MetricValue)> {
        let mut calculator = RateCalculator::new();
        calculator.process(&mut batch(60, before));
        let mut second = batch(120, now);
        calculator.process(&mut second);
        second.sets[&MetricKey::node("n")]
            .values
            .iter()
            .filter(|(name, _)| name.ends_with("_rate"))
            .map(|(name, value)| (name.to_string(), *value))
            .collect()
    }

    #[test]
    fn rates_are_growth_by_the_kubelets_time() {
        let all = |cpu, faults, rx| {
            [
                (m::CPU_USAGE, cpu),
                (m::MEMORY_PAGE_FAULTS, faults),
                (m::MEMORY_MAJOR_PAGE_FAULTS, 7),
                (m::NETWORK_RX, rx),
                (m::NETWORK_RX_ERRORS, 1),
                (m::NETWORK_TX, rx / 2),
                (m::NETWORK_TX_ERRORS, 0),
            ]
        };
        // 50 s between the measurements: 12.345 s of core time are 246.9 millicores.
        let before = set(0, Some(55), &all(1_000_000_000, 100, 1000));
        let now = set(0, Some(105), &all(13_345_000_000, 225, 3000));
        let want = [
            (m::CPU_USAGE_RATE, MetricValue::Integer(246)),
            (m::MEMORY_MAJOR_PAGE_FAULTS_RATE, MetricValue::Float(0.0)),
            (m::MEMORY_PAGE_FAULTS_RATE, MetricValue::Float(2.5)),
            (m::NETWORK_RX_ERRORS_RATE, MetricValue::Float(0.0)),
            (m::NETWORK_RX_RATE, MetricValue::Float(40.0)),
            (m::NETWORK_TX_ERRORS_RATE, MetricValue::Float(0.0)),
            (m::NETWORK_TX_RATE, MetricValue::Float(20.0)),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        assert_eq!(rates(before, now), want);
    }

    #[test]
    fn no_rate_where_it_would_be_wrong() {
        let one = |start, scrape, cpu| set(start, scrape, &[(m::CPU_USAGE, cpu)]);
        let before = || one(0, Some(55), 5_000);
        let cases = [
            ("restarted", before(), one(50, Some(105), 6_000)),
            ("measured at the same instant", before(), one(0, Some(55), 6_000)),
            ("measured earlier", before(), one(0, Some(54), 6_000)),
            ("not measured before", one(0, None, 1), one(0, Some(105), 6_000)),
            ("not measured now", before(), one(0, None, 6_000)),
            ("went down", before(), one(0, Some(105), 4_999)),
            ("counter new", set(0, Some(55), &[]), one(0, Some(105), 6_000)),
        ];
        for (case, before, now) in cases {
            assert_eq!(rates(before, now), [], "{case}");
        }
    }

    #[test]
    fn one_counter_that_went_down_leaves_the_others_their_rates() {
        let before = set(0, Some(0), &[(m::CPU_USAGE, 9), (m::NETWORK_RX, 0)]);
        let now = set(0, Some(10), &[(m::CPU_USAGE, 8), (m::NETWORK_RX, 10)]);
        assert_eq!(rates(before, now), [(m::NETWORK_RX_RATE.to_owned(), MetricValue::Float(1.0))]);
    }

    #[test]
    fn extreme_counters_do_not_overflow() {
        let before = set(0, Some(0), &[(m::CPU_USAGE, 0), (m::NETWORK_RX, i64::MIN)]);
        let now = set(0, Some(1), &[(m::CPU_USAGE, i64::MAX), (m::NETWORK_RX, i64::MAX)]);
        let want = MetricValue::Integer(9_223_372_036_854); // i64::MAX * 1000 / 1e9
        assert_eq!(rates(before, now), [(m::CPU_USAGE_RATE.to_owned(), want)]);
    }

    #[test]
    fn a_batch_that_is_not_later_gets_no_rates_but_is_the_next_base() {
        let one = |scrape, rx| set(0, Some(scrape), &[(m::NETWORK_RX, rx)]);
        let rate = |batch: &MetricBatch| {
            batch.sets[&MetricKey::node("n")].values.get(m::NETWORK_RX_RATE).copied()
        };
        let mut calculator = RateCalculator::new();
        calculator.process(&mut batch(600, one(590, 0)));
        let mut back = batch(60, one(600, 100));
        calculator.process(&mut back);
        assert_eq!(rate(&back), None);
        let mut next = batch(120, one(660, 700));
        calculator.process(&mut next);
        assert_eq!(rate(&next), Some(MetricValue::Float(10.0)));
    }

    #[test]
    fn an_object_that_was_away_for_a_round_has_no_rate_when_it_comes_back() {
        let one = |scrape| set(0, Some(scrape), &[(m::NETWORK_RX, scrape)]);
        let mut calculator = RateCalculator::new();
        calculator.process(&mut batch(60, one(60)));
        calculator.process(&mut MetricBatch::new(Timestamp::from_secs(120)));
        let mut third = batch(180, one(180));
        calculator.process(&mut third);
        assert!(!third.sets[&MetricKey::node("n")].values.contains_key(m::NETWORK_RX_RATE));
    }
}
