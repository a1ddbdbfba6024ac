//! What storage, queries and the collector are to reach, measured, one line each: `cargo bench --bench bars`, or `-- NAME...` for some.
//!
//! ```text
//! ingest   values a second of one core, from bytes to acknowledged, sealed and merged; and what is on disk then
//! log      bytes of the log a row
//! memory   the most anonymous memory while ingesting; a process of its own each
//! open     a million series, closed cleanly; and after kill -9 with a full log
//! read     one row at random, the last value of 1000 series, scanning and adding up
//! query    InfluxQL in process: the query types of the Time Series Benchmark Suite
//! refusals how soon a query that would cost too much is refused
//! collect  sampling 300 cgroups of version 1, made for it (root only); an agent with 100 and with 1000 containers
//! sync     what `always` costs beside `interval`, and beside a bare fdatasync
//! ```
//!
//! Prints Markdown rows: what, measured, to reach, whether it was; before each group how fast the machine is just then
//! ([`yardstick`]). Rates are by CPU time of the process, all threads
//! counted, unless it says otherwise; the best of three, since what disturbs only ever adds. Only the public interface
//! of the crates is used. What needs a server beside it is in `benches/race/run`, what needs a rival parser in
//! `cargo bench --bench parse`.
//!
//! In a debug build, and as `cargo bench -- --test`, it runs with little data and says nothing of bars.

mod collector;
mod groups;
mod ingest;
mod memory;
mod open;
mod query;
mod read;
mod sync;
mod yardstick;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use stripchart_core::Timestamp;
use stripchart_storage::{Db, DbBuilder, SyncPolicy, Writer};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Measures some bars.
type Group = fn(&Bars) -> Outcome;

const GROUPS: [(&str, Group); 9] = [
    ("ingest", ingest::measure),
    ("log", ingest::measure_log),
    ("memory", memory::measure),
    ("open", open::measure),
    ("read", read::measure),
    ("query", query::measure),
    ("refusals", query::refusals),
    ("collect", collector::measure),
    ("sync", sync::measure),
];

/// The first argument of a child process, before what it shall do.
const CHILD: &str = "--child";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [CHILD, "memory", what, scale, folder] => memory::child(what, scale, Path::new(folder)),
        [CHILD, "worker"] => groups::worker(),
        [CHILD, "agent", groups, interval, rounds, folder] => {
            collector::agent_child(groups, interval, rounds, Path::new(folder))
        }
        [CHILD, "open", what, scale, folder] => open::child(what, scale, Path::new(folder)),
        _ => run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bars: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Outcome {
    let quick = cfg!(debug_assertions) || arguments.contains(&"--test");
    let names: Vec<&str> =
        arguments.iter().copied().filter(|name| !name.starts_with("--")).collect();
    let bars = Bars { scale: if quick { 0.01 } else { 1.0 }, quick };
    let chosen: Vec<&(&str, Group)> = GROUPS
        .iter()
        .filter(|(name, _)| names.is_empty() || names.iter().any(|asked| name.contains(asked)))
        .collect();
    if chosen.is_empty() {
        return Ok(());
    }
    println!("| what | measured | to reach | |\n| --- | ---: | ---: | --- |");
    for (name, measure) in chosen {
        yardstick::tell(&bars, name);
        measure(&bars)?;
    }
    Ok(())
}

/// How much is measured, and where it is told.
struct Bars {
    /// Times as many hosts.
    scale: f64,
    /// Whether it is only a trial.
    quick: bool,
}

/// Which side of a bar is the good one.
#[derive(Clone, Copy)]
enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

impl Bars {
    /// How often the same is measured.
    const fn repeats(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// Prints a line: `measured` in `unit` against `bar`, and what else is worth knowing.
    fn row(&self, what: &str, measured: f64, bar: Bar, unit: &str, also: &str) {
        let (sign, bound) = match bar {
            Bar::AtLeast(bound) => ("≥", bound),
            Bar::AtMost(bound) => ("≤", bound),
        };
        let reached = match bar {
            _ if self.quick => "not judged: a trial".to_owned(),
            Bar::AtLeast(bound) if measured >= bound => "reached".to_owned(),
            Bar::AtMost(bound) if measured <= bound => "reached".to_owned(),
            _ => format!("**not reached**: {:.2} of it", measured / bound),
        };
        let also = if also.is_empty() { String::new() } else { format!(" ({also})") };
        println!(
            "| {what}{also} | {} {unit} | {sign} {} {unit} | {reached} |",
            digits(measured),
            digits(bound)
        );
    }

    /// Prints a line that no bar judges.
    fn told(&self, what: &str, measured: f64, unit: &str, also: &str) {
        println!("| {what} ({also}) | {} {unit} | | |", digits(measured));
    }
}

/// Three digits that count.
fn digits(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A database in `folder` with a writer to it, as most measurements want it: forced to the device every second.
fn open(folder: &Path) -> Outcome<(Db, Writer)> {
    open_with(Db::builder().sync(SyncPolicy::Interval(Duration::from_secs(1))), folder)
}

fn open_with(builder: DbBuilder, folder: &Path) -> Outcome<(Db, Writer)> {
    let db = builder.open(folder)?;
    db.create_database("bars", None)?;
    let writer = db.writer("bars", None)?;
    Ok((db, writer))
}

fn now() -> Timestamp {
    Timestamp::from(std::time::SystemTime::now())
}

/// Does what background work comes due in the next five minutes, as if they passed.
fn settle(db: &Db) {
    let mut at = now().nanos();
    let end = at + 300_000_000_000;
    while let Some(next) = db.step(Timestamp::from_nanos(at)).at.filter(|next| next.nanos() <= end)
    {
        at = next.nanos().max(at + 1_000_000);
    }
}
