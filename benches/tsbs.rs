//! Rows shaped like those of the Time Series Benchmark Suite's `cpu-only` use case, made from a seed.
//!
//! ```text
//! cpu,hostname=host_0,region=eu-west-1,datacenter=eu-west-1c,rack=87,os=Ubuntu16.10,arch=x64,team=NYC,service=18,\
//!     service_version=1,service_environment=production usage_user=58i,usage_system=2i,... 1451606400000000000
//! ```
//!
//! Ten tags, not in order; ten fields that each walk at random between 0 and 100; a row for each host every ten
//! seconds from 2016-01-01 on. The shape is the suite's, the numbers are not: its generator is another.

use std::fmt::Write;

use crate::Rounds;

pub mod devops;

/// 2016-01-01T00:00:00Z, where the suite begins.
pub const START_NS: i64 = 1_451_606_400_000_000_000;

/// Between two rows of a host.
pub const INTERVAL_NS: i64 = 10_000_000_000;

/// The fields of `cpu`, in the suite's order.
pub const FIELDS: [&str; 10] = [
    "usage_user",
    "usage_system",
    "usage_idle",
    "usage_nice",
    "usage_iowait",
    "usage_irq",
    "usage_softirq",
    "usage_steal",
    "usage_guest",
    "usage_guest_nice",
];

/// Regions and the letters of their data centres.
const REGIONS: [(&str, &str); 9] = [
    ("us-east-1", "abce"),
    ("us-west-1", "ab"),
    ("us-west-2", "abc"),
    ("eu-west-1", "abc"),
    ("eu-central-1", "ab"),
    ("ap-southeast-1", "ab"),
    ("ap-southeast-2", "ab"),
    ("ap-northeast-1", "ac"),
    ("sa-east-1", "abc"),
];

/// How the values of the fields are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// `58i`, as the suite does today.
    Integers,
    /// `58.13`, as collectors do.
    TwoDecimals,
}

/// A source of pseudo-random numbers that is the same on every machine (xorshift64*).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers that belong to `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        // Zero would stay zero; neighbouring seeds should not begin alike.
        Random((seed ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9) | 1)
    }

    /// Evenly from 0 to 2^64 - 1.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Evenly from 0 to `bound` - 1.
    ///
    /// # Panics
    ///
    /// If `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("less than a usize")
    }

    /// Evenly from 0 (inside) to 1 (outside).
    pub const fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normally around 0, with deviation 1.
    pub fn normal(&mut self) -> f64 {
        let (radius, turn) = (1.0 - self.unit(), self.unit());
        (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * turn).cos()
    }

    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// Hosts that report together.
#[derive(Debug, Clone)]
pub struct Hosts {
    random: Random,
    hosts: Vec<Host>,
    time_ns: i64,
    jitter: Jitter,
}

/// How far the clocks of hosts are from the full interval.
///
/// Draws from numbers of its own, so that the values are the same with it and without.
#[derive(Debug, Clone)]
pub(crate) struct Jitter {
    random: Random,
    most_ms: usize,
}

impl Jitter {
    /// None at all.
    pub(crate) const fn new(seed: u64) -> Self {
        Jitter { random: Random::new(seed ^ 0x6A17_7E12), most_ms: 0 }
    }

    /// How late the next scrape of a host is: 0 to `most_ms` milliseconds, inclusive.
    pub(crate) fn next_ns(&mut self) -> i64 {
        let late_ms = if self.most_ms == 0 { 0 } else { self.random.below(self.most_ms + 1) };
        i64::try_from(late_ms).expect("few milliseconds") * 1_000_000
    }
}

#[derive(Debug, Clone)]
struct Host {
    /// `cpu` and the tags, as a line begins.
    series: String,
    state: [f64; FIELDS.len()],
}

impl Hosts {
    /// `count` hosts at [`START_NS`]; the same for the same seed.
    #[must_use]
    pub fn new(count: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let hosts = (0..count).map(|index| Host::new(index, &mut random)).collect();
        Hosts { random, hosts, time_ns: START_NS, jitter: Jitter::new(seed) }
    }

    /// The same hosts, each of them up to `most_ms` milliseconds late, every time anew.
    #[must_use]
    pub const fn with_jitter_ms(mut self, most_ms: usize) -> Self {
        self.jitter.most_ms = most_ms;
        self
    }

    /// Puts the hosts in another order, in which they report from then on.
    pub fn shuffle(&mut self) {
        for at in (1..self.hosts.len()).rev() {
            self.hosts.swap(at, self.random.below(at + 1));
        }
    }

    /// The rounds of [`Hosts::round`], all written as `values`.
    #[must_use]
    pub fn written_as(mut self, values: Values) -> impl Rounds {
        move |out: &mut String| self.round(values, out)
    }

    /// Appends a row of each host to `out`, then lets [`INTERVAL_NS`] pass.
    pub fn round(&mut self, values: Values, out: &mut String) {
        for host in &mut self.hosts {
            host.write_row(values, self.time_ns + self.jitter.next_ns(), out);
            host.tick(&mut self.random);
        }
        self.time_ns += INTERVAL_NS;
    }

    /// The text of `rounds` rounds.
    #[must_use]
    pub fn rounds(&mut self, rounds: usize, values: Values) -> String {
        let mut out = String::new();
        for _ in 0..rounds {
            self.round(values, &mut out);
        }
        out
    }
}

impl Host {
    fn new(index: usize, random: &mut Random) -> Self {
        let series = format!("cpu,{}", host_tags(index, random));
        Host { series, state: std::array::from_fn(|_| random.unit() * 100.0) }
    }

    fn tick(&mut self, random: &mut Random) {
        for state in &mut self.state {
            *state = (*state + random.normal()).clamp(0.0, 100.0);
        }
    }

    fn write_row(&self, values: Values, time_ns: i64, out: &mut String) {
        out.push_str(&self.series);
        let mut separator = ' ';
        for (name, state) in FIELDS.iter().zip(self.state) {
            let written = match values {
                Values::Integers => write!(out, "{separator}{name}={}i", state.trunc()),
                Values::TwoDecimals => {
                    write!(out, "{separator}{name}={}", (state * 100.0).round() / 100.0)
                }
            };
            written.expect("a String takes all text");
            separator = ',';
        }
        writeln!(out, " {time_ns}").expect("a String takes all text");
    }
}

/// The ten tags of a host, in the suite's order, which is not the sorted one.
pub(crate) fn host_tags(index: usize, random: &mut Random) -> String {
    let (region, centres) = REGIONS[random.below(REGIONS.len())];
    let centre = &centres[random.below(centres.len())..][..1];
    format!(
        "hostname=host_{index},region={region},datacenter={region}{centre},rack={},os={},arch={},team={},\
         service={},service_version={},service_environment={}",
        random.below(100),
        random.pick(&["Ubuntu16.10", "Ubuntu16.04LTS", "Ubuntu15.10"]),
        random.pick(&["x64", "x86"]),
        random.pick(&["SF", "NYC", "LON", "CHI"]),
        random.below(20),
        random.below(2),
        random.pick(&["production", "staging", "test"]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_look_like_the_suites_and_depend_on_the_seed_alone() {
        let text = Hosts::new(50, 123).rounds(20, Values::Integers);
        assert_eq!(text, Hosts::new(50, 123).rounds(20, Values::Integers));
        assert_ne!(text, Hosts::new(50, 124).rounds(20, Values::Integers));
        assert_eq!(text.lines().count(), 1000);
        let row_len = text.len() / 1000;
        assert!((320..370).contains(&row_len), "{row_len}");
        let first = text.lines().next().unwrap();
        assert!(first.starts_with("cpu,hostname=host_0,region="), "{first}");
        assert!(first.ends_with("i 1451606400000000000"), "{first}");
        assert!(text.lines().nth(50).unwrap().ends_with("i 1451606410000000000"));
    }

    #[test]
    fn jitter_moves_the_clock_by_milliseconds_and_nothing_else() {
        let exact = Hosts::new(20, 123).rounds(10, Values::Integers);
        let late = Hosts::new(20, 123).with_jitter_ms(9).rounds(10, Values::Integers);
        let mut seen = std::collections::BTreeSet::new();
        for (exact, late) in exact.lines().zip(late.lines()) {
            let (exact, late) = (exact.rsplit_once(' ').unwrap(), late.rsplit_once(' ').unwrap());
            assert_eq!(exact.0, late.0);
            seen.insert(late.1.parse::<i64>().unwrap() - exact.1.parse::<i64>().unwrap());
        }
        assert_eq!(seen, (0..10).map(|ms| ms * 1_000_000).collect());
    }

    #[test]
    fn shuffled_hosts_report_in_another_order_and_none_is_lost() {
        let mut hosts = Hosts::new(100, 123);
        hosts.shuffle();
        let text = hosts.rounds(1, Values::Integers);
        let names: Vec<&str> = text.lines().map(|row| row.split(',').nth(1).unwrap()).collect();
        assert_ne!(names[..2], ["hostname=host_0", "hostname=host_1"]);
        let distinct: std::collections::BTreeSet<_> = names.into_iter().collect();
        assert_eq!(distinct.len(), 100);
    }

    #[test]
    fn normal_numbers_are_normal() {
        let mut random = Random::new(1);
        let numbers: Vec<f64> = (0..10_000).map(|_| random.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / 1e4;
        let variance = numbers.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
