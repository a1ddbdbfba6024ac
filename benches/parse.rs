//! Reading line protocol: this suite's parser against the crate `influxdb-line-protocol`, in one run.
//!
//! ```text
//! cpu ints           rows of ten tags in no order and ten integers, 1000 hosts
//! cpu ints, sorted   the same, tags in order
//! cpu floats         the same with two-decimal floats
//! cpu longs          the same with floats of all their digits
//! shapes             two measurements of four shapes in turn, with texts and booleans among the values
//! devops             the nine tables of the suite's largest use case
//! host               rows of one float, many measurements, few tags, some with escapes, as exporters write them
//! host file          true ones: the file that STRIPCHART_HOST_DATA names, if it does
//! 100 k fixed        the first row with 100 000 hosts, which come in the same order every round
//! 100 k shuffled     the same in another order every round
//! ```
//!
//! `columns` parses into a batch, as a database needs it, by a parser that has seen the series. `cold` is one that never has.
//! `lines` lends the parts of each line, which is what the rival does, and all it does.
//!
//! All take turns, and what is printed is the best of several turns, in time on the processor: the machine's moods fall
//! on each alike, and its other tasks on none. Filters are
//! taken from the command line (`cargo bench --bench parse -- host`); `--test` runs everything once and measures nothing.

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::Rounds;
use benches::datasets::HOST_DATA;
use benches::exporter::Exporter;
use benches::measure::cpu_time;
use benches::tsbs::devops::Devops;
use benches::tsbs::{Hosts, Random, START_NS, Values};
use stripchart_core::{Batch, Precision, Timestamp};
use stripchart_storage::line_protocol::{LineParser, lines, parse_lines};

/// Time for a row of the table, shared by all who take turns.
const TIME: Duration = Duration::from_secs(6);
const TURNS_MIN: usize = 3;

/// Bytes given to the parser at one time; a small body would be in a nearer cache than one from a network is.
const BODY: usize = 1 << 20;

/// A text, cut at lines into bodies.
struct Text {
    name: &'static str,
    /// What the batch parser is to reach, as a multiple of the rival.
    bar: Option<f64>,
    rounds: Vec<Vec<String>>,
    lines: usize,
}

impl Text {
    /// `rounds` are parsed in turns, all by the same parser; the rival gets the first.
    fn new(name: &'static str, bar: Option<f64>, rounds: Vec<String>) -> Self {
        let lines = rounds[0].lines().count();
        let rounds = rounds.into_iter().map(|text| bodies(&text)).collect();
        Text { name, bar, rounds, lines }
    }
}

fn bodies(text: &str) -> Vec<String> {
    let mut bodies = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if bodies.last().is_some_and(|body| body.len() + line.len() > BODY) {
            bodies.push(String::new());
        }
        bodies.last_mut().expect("there is always one").push_str(line);
    }
    bodies
}

/// The text with the tags of every line in order.
fn with_sorted_tags(text: &str) -> String {
    let mut sorted = String::with_capacity(text.len());
    for line in text.lines() {
        let (series, rest) = line.split_once(' ').expect("the generator writes lines");
        let mut tags: Vec<&str> = series.split(',').collect();
        tags[1..].sort_unstable();
        sorted.extend([&tags.join(","), " ", rest, "\n"]);
    }
    sorted
}

/// The text with other numbers: floats that need 16 or 17 digits.
fn with_long_floats(text: &str, random: &mut Random) -> String {
    let mut long = String::new();
    for line in text.lines() {
        let mut parts = line.split(' ');
        let (series, fields, time) = (parts.next(), parts.next(), parts.next());
        long.push_str(series.expect("a series"));
        for (index, field) in fields.expect("fields").split(',').enumerate() {
            let name = field.split('=').next().expect("a name");
            let separator = if index == 0 { ' ' } else { ',' };
            long.push_str(&format!("{separator}{name}={}", random.unit() * 100.0));
        }
        long.extend([" ", time.expect("a timestamp"), "\n"]);
    }
    long
}

/// The text of `rounds` rounds.
fn rounds_of(source: &mut impl Rounds, rounds: usize) -> String {
    let mut text = String::new();
    (0..rounds).for_each(|_| source.round(&mut text));
    text
}

/// Rows of several shapes in turn, with values of all types.
fn shapes(hosts: usize, rounds: usize) -> String {
    let mut random = Random::new(5);
    let mut text = String::new();
    for round in 0..rounds {
        for host in 0..hosts {
            let time = START_NS + i64::try_from(round).expect("few rounds") * 10_000_000_000;
            let [a, b, c] = [random.below(1 << 30), random.below(10_000), random.below(100)];
            text.push_str(&format!(
                "mem,host=host_{host},region=eu total={a}u,used={b}i,used_percent={c}.5,swap=true {time}\n\
                 system,host=host_{host} load1={c}.25,load5={b}.5,n_users={c}i {time}\n\
                 system,host=host_{host} uptime={a}i {time}\n\
                 system,host=host_{host} uptime_format=\"{c} days, {b}:07\" {time}\n"
            ));
        }
    }
    text
}

fn shuffled(text: &str, random: &mut Random) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    for at in (1..lines.len()).rev() {
        lines.swap(at, random.below(at + 1));
    }
    lines.concat()
}

/// A row of the table: its name, and what makes its text.
type Maker = (&'static str, Box<dyn Fn() -> Option<Text>>);

fn texts(hosts: usize) -> Vec<Maker> {
    let rounds = 20;
    let cpu = move |values| Hosts::new(hosts, 123).rounds(rounds, values);
    let many = move || Hosts::new(hosts * 100, 9).rounds(1, Values::Integers);
    let one = |name, bar, text| Some(Text::new(name, bar, vec![text]));
    vec![
        ("cpu ints", Box::new(move || one("cpu ints", Some(12.0), cpu(Values::Integers)))),
        (
            "cpu ints, sorted",
            Box::new(move || {
                one("cpu ints, sorted", Some(12.0), with_sorted_tags(&cpu(Values::Integers)))
            }),
        ),
        ("cpu floats", Box::new(move || one("cpu floats", Some(10.0), cpu(Values::TwoDecimals)))),
        (
            "cpu longs",
            Box::new(move || {
                let text = cpu(Values::Integers);
                one("cpu longs", None, with_long_floats(&text, &mut Random::new(3)))
            }),
        ),
        ("shapes", Box::new(move || one("shapes", None, shapes(hosts, rounds)))),
        (
            "devops",
            Box::new(move || {
                one("devops", None, rounds_of(&mut Devops::new(hosts / 10, 7), rounds))
            }),
        ),
        (
            "host",
            Box::new(move || {
                one("host", Some(10.0), rounds_of(&mut Exporter::new(1), hosts / 20 + 1))
            }),
        ),
        (
            "host file",
            Box::new(move || {
                let path = std::env::var_os(HOST_DATA)?;
                let text = std::fs::read_to_string(path).expect("the file can be read");
                one("host file", Some(10.0), text)
            }),
        ),
        ("100 k fixed", Box::new(move || one("100 k fixed", Some(12.0), many()))),
        (
            "100 k shuffled",
            Box::new(move || {
                let (text, mut random) = (many(), Random::new(1));
                let rounds = (0..3).map(|_| shuffled(&text, &mut random)).collect();
                Some(Text::new("100 k shuffled", Some(5.0), rounds))
            }),
        ),
    ]
}

/// Parses a round into columns.
fn columns(parser: &mut LineParser, batch: &mut Batch, round: &[String]) -> usize {
    let mut rows = 0;
    for body in round {
        batch.clear();
        rows += parser.parse(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH, batch).rows;
        black_box(&batch);
    }
    rows
}

fn cold(round: &[String]) -> usize {
    let mut rows = 0;
    for body in round {
        let mut batch = Batch::new();
        rows +=
            parse_lines(body.as_bytes(), Precision::Nanoseconds, Timestamp::EPOCH, &mut batch).rows;
    }
    rows
}

fn borrowed(round: &[String]) -> usize {
    let mut rows = 0;
    for line in round.iter().flat_map(|body| lines(body.as_bytes())) {
        let line = line.expect("the generator writes lines");
        line.tags().for_each(|tag| drop(black_box(tag)));
        line.fields().for_each(|field| drop(black_box(field)));
        black_box((line.measurement(), line.timestamp()));
        rows += 1;
    }
    rows
}

fn rival(round: &[String]) -> usize {
    let mut rows = 0;
    for line in round.iter().flat_map(|body| influxdb_line_protocol::parse_lines(body)) {
        black_box(line.expect("the generator writes lines"));
        rows += 1;
    }
    rows
}

/// The best time of each contender: columns, cold, lines, rival.
fn race(text: &Text, time: Duration) -> [Duration; 4] {
    let (mut parser, mut batch) = (LineParser::new(), Batch::new());
    let mut best = [Duration::MAX; 4];
    assert_eq!(columns(&mut parser, &mut batch, &text.rounds[0]), text.lines);
    let (begin, mut turn) = (Instant::now(), 0);
    while turn == 0 || begin.elapsed() < time || (turn < TURNS_MIN && !time.is_zero()) {
        let round = &text.rounds[turn % text.rounds.len()];
        let mut run = |index: usize, rows: &mut dyn FnMut() -> usize| {
            let start = cpu_time();
            let rows = rows();
            best[index] = best[index].min(cpu_time() - start);
            assert_eq!(rows, text.lines);
        };
        // What is quick has more turns, so that the slow do not decide what is in the caches.
        for round in text.rounds.iter().chain(&text.rounds) {
            run(0, &mut || columns(&mut parser, &mut batch, round));
        }
        run(1, &mut || cold(round));
        run(2, &mut || borrowed(round));
        run(3, &mut || rival(round));
        turn += 1;
    }
    best
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let test = arguments.iter().any(|argument| argument == "--test");
    let filters: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let (hosts, time) = if test { (20, Duration::ZERO) } else { (1000, TIME) };
    println!(
        "{:18} {:>8} {:>12} {:>12} {:>12} {:>12}   {:>6} {:>6}   bar",
        "GB/s (ns a row)", "rows", "columns", "cold", "lines", "rival", "ratio", "lines"
    );
    for (name, text) in texts(hosts) {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(filter.as_str())) {
            continue;
        }
        let Some(text) = text() else { continue };
        let best = race(&text, time);
        let bytes: usize = text.rounds[0].iter().map(String::len).sum();
        print!("{:18} {:8}", text.name, text.lines);
        for time in best {
            let per_row = time.as_secs_f64() * 1e9 / text.lines as f64;
            print!(" {:5.2} ({per_row:4.0})", bytes as f64 / time.as_secs_f64() / 1e9);
        }
        let ratio = |index: usize| best[3].as_secs_f64() / best[index].as_secs_f64();
        let bar = text.bar.map_or(String::new(), |bar| format!("{bar}"));
        println!("   {:6.1} {:6.1}   {bar}", ratio(0), ratio(2));
    }
}
