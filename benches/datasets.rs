//! The data that stores are held against each other with, by name.
//!
//! ```text
//! name            rows at scale 1      shape
//! cpu-ints        1000 hosts x 1080    ten integers, ten tags
//! cpu-floats      1000 hosts x 1080    ten two-decimal floats, ten tags
//! host            645 series x 1196    one float; as an exporter tells of a host, or a recording (below)
//! devops           100 hosts x 1080    nine tables, 101 fields in all
//! devops-jitter    100 hosts x 1080    the same; each host's clock off by up to 9 ms, anew each time
//! single-field   10000 series x 108    one two-decimal float
//! pods            1000 alive x 300     five tables of one integer; 30 rows a series, then new names
//! ```
//!
//! The environment variable [`HOST_DATA`] may name a file of line protocol that takes the place of `host`.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;

use crate::Rounds;
use crate::exporter::{Exporter, SCRAPES};
use crate::shapes::{Pods, SingleField};
use crate::tsbs::devops::Devops;
use crate::tsbs::{Hosts, Values};

/// Names a file of real data that is used instead of [`DataSet::Host`]'s generator.
pub const HOST_DATA: &str = "STRIPCHART_HOST_DATA";

/// Lines of a body, as loaders send them.
pub const BODY_LINES: usize = 5000;

const SEED: u64 = 123;
const JITTER_MS: usize = 9;

/// Data with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataSet {
    /// `cpu-ints`.
    CpuInts,
    /// `cpu-floats`.
    CpuFloats,
    /// `host`.
    Host,
    /// `devops`.
    Devops,
    /// `devops-jitter`.
    DevopsJitter,
    /// `single-field`.
    SingleField,
    /// `pods`.
    Pods,
}

impl DataSet {
    /// All of them.
    pub const ALL: [DataSet; 7] = [
        DataSet::CpuInts,
        DataSet::CpuFloats,
        DataSet::Host,
        DataSet::Devops,
        DataSet::DevopsJitter,
        DataSet::SingleField,
        DataSet::Pods,
    ];

    /// The name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            DataSet::CpuInts => "cpu-ints",
            DataSet::CpuFloats => "cpu-floats",
            DataSet::Host => "host",
            DataSet::Devops => "devops",
            DataSet::DevopsJitter => "devops-jitter",
            DataSet::SingleField => "single-field",
            DataSet::Pods => "pods",
        }
    }

    /// The rows, with `scale` times as many hosts (at least one) as the table above says.
    ///
    /// # Panics
    ///
    /// If [`HOST_DATA`] names a file that cannot be read.
    #[must_use]
    pub fn bodies(self, scale: f64) -> Bodies {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "counts of hosts are small"
        )]
        let hosts = |count: f64| (count * scale).ceil().max(1.0) as usize;
        let (source, rounds): (Box<dyn Rounds>, usize) = match self {
            DataSet::CpuInts => {
                (Box::new(Hosts::new(hosts(1000.0), SEED).written_as(Values::Integers)), 1080)
            }
            DataSet::CpuFloats => {
                (Box::new(Hosts::new(hosts(1000.0), SEED).written_as(Values::TwoDecimals)), 1080)
            }
            DataSet::Host => match std::env::var_os(HOST_DATA) {
                Some(path) => (Box::new(recording(&PathBuf::from(path))), 1),
                None => (Box::new(Exporter::new(SEED)), hosts(SCRAPES as f64).min(SCRAPES)),
            },
            DataSet::Devops => (Box::new(Devops::new(hosts(100.0), SEED)), 1080),
            DataSet::DevopsJitter => {
                (Box::new(Devops::new(hosts(100.0), SEED).with_jitter_ms(JITTER_MS)), 1080)
            }
            DataSet::SingleField => (Box::new(SingleField::new(hosts(1000.0), SEED)), 108),
            DataSet::Pods => (Box::new(Pods::new(hosts(1000.0), SEED)), 300),
        };
        Bodies::new(source, rounds, BODY_LINES)
    }
}

impl fmt::Display for DataSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DataSet {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        DataSet::ALL.into_iter().find(|set| set.name() == name).ok_or_else(|| {
            let names = DataSet::ALL.map(DataSet::name).join(", ");
            format!("data set: expected one of {names}, found {name:?}")
        })
    }
}

/// A file that is one round.
fn recording(path: &std::path::Path) -> impl Rounds + use<> {
    let text = fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{HOST_DATA}={}: {error}", path.display()));
    move |out: &mut String| out.push_str(&text)
}

/// Rows in bodies of so many lines; the last may have fewer.
#[expect(missing_debug_implementations, reason = "a source is a closure")]
pub struct Bodies {
    source: Box<dyn Rounds>,
    rounds_left: usize,
    lines: usize,
    text: String,
    /// Where what was not yet handed out begins.
    at: usize,
}

impl Bodies {
    /// `rounds` rounds of `source`, cut into bodies of `lines` lines.
    #[must_use]
    pub fn new(source: Box<dyn Rounds>, rounds: usize, lines: usize) -> Self {
        Bodies { source, rounds_left: rounds, lines, text: String::new(), at: 0 }
    }

    /// The next body; `None` after the last.
    pub fn next_body(&mut self) -> Option<&str> {
        loop {
            let rest = &self.text[self.at..];
            let whole = memchr::memchr_iter(b'\n', rest.as_bytes()).nth(self.lines - 1);
            let end = match whole {
                Some(newline) => self.at + newline + 1,
                None if self.rounds_left > 0 => {
                    self.refill();
                    continue;
                }
                None if rest.is_empty() => return None,
                None => self.text.len(),
            };
            let from = std::mem::replace(&mut self.at, end);
            return Some(&self.text[from..end]);
        }
    }

    fn refill(&mut self) {
        self.text.drain(..std::mem::take(&mut self.at));
        self.source.round(&mut self.text);
        self.rounds_left -= 1;
    }
}

/// Rows, and field values, of a body.
#[must_use]
pub fn rows_and_values(body: &str) -> (usize, usize) {
    let mut counted = (0, 0);
    for line in body.lines() {
        let fields = field_part(line.as_bytes());
        counted.0 += 1;
        counted.1 += 1 + memchr::memchr_iter(b',', fields).count();
    }
    counted
}

/// What is between the first space that no backslash precedes and the next; the generators write no strings.
fn field_part(line: &[u8]) -> &[u8] {
    let start = memchr::memchr_iter(b' ', line).find(|at| *at > 0 && line[at - 1] != b'\\');
    let rest = &line[start.map_or(line.len(), |at| at + 1)..];
    &rest[..memchr::memchr(b' ', rest).unwrap_or(rest.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_as_many_lines_as_asked_for_and_lose_none() {
        let mut bodies = Bodies::new(Box::new(SingleField::new(1, 123)), 7, 25); // 70 rows
        let mut text = String::new();
        let mut lengths = Vec::new();
        while let Some(body) = bodies.next_body() {
            lengths.push(body.lines().count());
            text.push_str(body);
        }
        assert_eq!(lengths, [25, 25, 20]);
        let (mut whole, mut source) = (String::new(), SingleField::new(1, 123));
        (0..7).for_each(|_| source.round(&mut whole));
        assert_eq!(text, whole);
    }

    #[test]
    fn every_set_has_rows_and_is_found_by_its_name() {
        for set in DataSet::ALL {
            assert_eq!(set.name().parse(), Ok(set));
            let mut bodies = set.bodies(0.001);
            let body = bodies.next_body().expect("it has rows");
            let (rows, values) = rows_and_values(body);
            assert!(rows > 0 && values >= rows, "{set}: {rows} rows, {values} values");
        }
        assert!("cpu".parse::<DataSet>().unwrap_err().contains("found \"cpu\""));
    }

    #[test]
    fn values_are_counted_past_escaped_spaces() {
        let body = "a,b=c\\ d e=1,f=2 5\ncpu g=3\n";
        assert_eq!(rows_and_values(body), (2, 3));
    }
}
