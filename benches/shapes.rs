//! Rows of other shapes than the suite's: one field a row, and series that live for minutes.

use std::fmt::Write;

use crate::Rounds;
use crate::tsbs::{INTERVAL_NS, Random, START_NS};

/// Rows of one two-decimal float, as exporters and Heapster write them.
///
/// ```text
/// metric_3,host=host_17 value=48.25 1451606400000000000
/// ```
#[derive(Debug, Clone)]
pub struct SingleField {
    random: Random,
    /// `metric_3,host=host_17 value=` and the value.
    series: Vec<(String, f64)>,
    time_ns: i64,
}

impl SingleField {
    /// Ten metrics of each of `hosts` hosts; the same for the same seed.
    #[must_use]
    pub fn new(hosts: usize, seed: u64) -> Self {
        let series = (0..hosts * 10)
            .map(|at| (format!("metric_{},host=host_{} value=", at % 10, at / 10), 50.0))
            .collect();
        SingleField { random: Random::new(seed), series, time_ns: START_NS }
    }
}

impl Rounds for SingleField {
    fn round(&mut self, out: &mut String) {
        for (series, value) in &mut self.series {
            *value = (*value + self.random.normal()).clamp(0.0, 100.0);
            writeln!(out, "{series}{value:.2} {}", self.time_ns).expect("a String takes all text");
        }
        self.time_ns += INTERVAL_NS;
    }
}

/// Very many series of one integer, made without keeping anything about each: for measuring what a store keeps.
///
/// ```text
/// requests,pod=pod-000017,zone=z1 value=1042i 1451606400000000000
/// ```
#[derive(Debug, Clone)]
pub struct ManySeries {
    count: usize,
    round: u64,
    next: usize,
}

impl ManySeries {
    /// `count` series.
    #[must_use]
    pub const fn new(count: usize) -> Self {
        ManySeries { count, round: 0, next: 0 }
    }

    /// Appends the next `rows` rows; after the last series comes the first again, ten seconds later.
    ///
    /// Unlike a round it never asks for more memory than those rows take.
    pub fn rows(&mut self, rows: usize, out: &mut String) {
        for _ in 0..rows {
            self.row(out);
        }
    }

    fn row(&mut self, out: &mut String) {
        let at = self.next;
        // A counter whose steps are 0 to 15, told from its place alone.
        let steps = Random::new(at as u64 ^ (self.round << 32)).next() >> 60;
        let value = at as u64 % 1000 + self.round * 8 + steps;
        let time_ns = START_NS + self.round.cast_signed() * INTERVAL_NS;
        writeln!(out, "requests,pod=pod-{at:06},zone=z{} value={value}i {time_ns}", at % 7)
            .expect("a String takes all text");
        self.next += 1;
        if self.next == self.count {
            self.next = 0;
            self.round += 1;
        }
    }
}

impl Rounds for ManySeries {
    fn round(&mut self, out: &mut String) {
        self.rows(self.count, out);
    }
}

/// How many rows each series of [`Pods`] has.
pub const POD_ROWS: usize = 30;

/// What Heapster stored of a pod, and how it moves.
const POD_METRICS: [(&str, f64, f64); 5] = [
    ("cpu/usage_rate", 40.0, 8.0),
    ("memory/usage", 60_000_000.0, 400_000.0),
    ("memory/working_set", 50_000_000.0, 200_000.0),
    ("network/rx_rate", 2000.0, 300.0),
    ("network/tx_rate", 1500.0, 200.0),
];

/// Pods that live for [`POD_ROWS`] rows and are replaced by others of new names, in Heapster's tables of one `value`.
///
/// ```text
/// cpu/usage_rate,namespace_name=team-3,nodename=node-04,pod_id=4d1c...,pod_name=job-3-001042-x7k2p,type=pod value=38i ...
/// ```
///
/// Not all are replaced together: a thirtieth of them ends with every round.
#[derive(Debug, Clone)]
pub struct Pods {
    random: Random,
    pods: Vec<Pod>,
    /// How many there were so far.
    named: usize,
    time_ns: i64,
}

#[derive(Debug, Clone)]
struct Pod {
    tags: String,
    values: [f64; POD_METRICS.len()],
    rows_left: usize,
}

impl Pods {
    /// `alive` pods at a time; the same for the same seed.
    #[must_use]
    pub fn new(alive: usize, seed: u64) -> Self {
        let mut pods =
            Pods { random: Random::new(seed), pods: Vec::new(), named: 0, time_ns: START_NS };
        for at in 0..alive {
            let pod = pods.name_one();
            // The first ones have lived already, so that their ends are spread.
            pods.pods.push(Pod { rows_left: 1 + at % POD_ROWS, ..pod });
        }
        pods
    }

    /// How many series there are after so many rounds.
    #[must_use]
    pub const fn series(&self) -> usize {
        self.named * POD_METRICS.len()
    }

    fn name_one(&mut self) -> Pod {
        let random = &mut self.random;
        let (id, suffix) = (random.next(), random.next() % 36_u64.pow(5));
        let (team, node) = (random.below(8), random.below(20));
        let tags = format!(
            "namespace_name=team-{team},nodename=node-{node:02},pod_id={:08x}-{:04x}-4{:03x}-a{:03x}-{:012x},\
             pod_name=job-{team}-{:06}-{suffix:05x},type=pod",
            id >> 32,
            (id >> 16) & 0xFFFF,
            (id >> 4) & 0xFFF,
            id & 0xFFF,
            random.next() >> 16,
            self.named,
        );
        let values = POD_METRICS.map(|(_, start, _)| start * (0.5 + random.unit()));
        self.named += 1;
        Pod { tags, values, rows_left: POD_ROWS }
    }
}

impl Rounds for Pods {
    fn round(&mut self, out: &mut String) {
        for at in 0..self.pods.len() {
            if self.pods[at].rows_left == 0 {
                self.pods[at] = self.name_one();
            }
            let pod = &mut self.pods[at];
            pod.rows_left -= 1;
            for ((name, _, deviation), value) in POD_METRICS.iter().zip(&mut pod.values) {
                *value = self.random.normal().mul_add(*deviation, *value).max(0.0);
                let (tags, value, time_ns) = (&pod.tags, value.trunc(), self.time_ns);
                writeln!(out, "{name},{tags} value={value}i {time_ns}")
                    .expect("a String takes all text");
            }
        }
        self.time_ns += INTERVAL_NS;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn pods_live_for_thirty_rows_and_no_name_comes_back() {
        let mut pods = Pods::new(60, 7);
        let mut text = String::new();
        (0..90).for_each(|_| pods.round(&mut text));
        assert_eq!(text.lines().count(), 60 * 90 * POD_METRICS.len());
        let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
        for row in text.lines() {
            *rows.entry(row.split_once(' ').unwrap().0).or_default() += 1;
        }
        assert_eq!(rows.len(), pods.series());
        let whole = rows.values().filter(|count| **count == POD_ROWS).count();
        assert!(rows.values().all(|count| *count <= POD_ROWS) && whole > rows.len() / 2);
    }

    #[test]
    fn many_series_come_round_by_round() {
        let (mut rounds, mut rows) = (String::new(), String::new());
        let mut many = ManySeries::new(10);
        many.round(&mut rounds);
        many.round(&mut rounds);
        ManySeries::new(10).rows(20, &mut rows);
        assert_eq!(rounds, rows);
        assert!(rows.lines().nth(10).unwrap().ends_with(" 1451606410000000000"), "{rows}");
    }

    #[test]
    fn single_fields_are_written_with_two_decimals() {
        let mut text = String::new();
        SingleField::new(2, 123).round(&mut text);
        let first = text.lines().next().unwrap();
        let value = first.strip_prefix("metric_0,host=host_0 value=").unwrap();
        assert_eq!(value.split_once(' ').unwrap().0.split_once('.').unwrap().1.len(), 2, "{first}");
        assert_eq!(text.lines().count(), 20);
    }
}
