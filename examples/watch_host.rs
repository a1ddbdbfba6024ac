//! Watches this host in the terminal: processors, memory, disks, network and the busiest cgroups.
//!
//! ```text
//! cargo run --release --example watch_host                        every two seconds, until Ctrl-C
//! cargo run --example watch_host -- --interval 1s --count 3       three times
//! ```
//!
//! The sampler fills a batch, which is columns for a database; here it is read row by row, as any sink may. Levels are
//! shown as they are, and running totals (bytes of disks and interfaces) go through [`Rate`].

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::thread::sleep;
use std::time::SystemTime;

use clap::Parser;
use stripchart_collector::Sampler;
use stripchart_collector::rate::Rate;
use stripchart_core::{Batch, Column, DurationLiteral, KeyRef, Table, Timestamp};

/// Watch this host: processors, memory, disks, network and the busiest cgroups.
#[derive(Parser)]
struct Arguments {
    /// Time between samples, as InfluxQL writes it: 2s, 500ms, 1m.
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    interval: DurationLiteral,
    /// Stop after so many samples.
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
    /// Cgroups to show, busiest first.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    top: usize,
}

fn main() -> std::io::Result<()> {
    let arguments = Arguments::parse();
    let interval = arguments.interval.to_std();
    let mut sampler = Sampler::builder().interval(interval).build();
    let mut view = View { top: arguments.top, rates: HashMap::new(), text: String::new() };
    let clear = if std::io::stdout().is_terminal() { "\x1b[H\x1b[2J" } else { "" };

    // The first sample is the baseline of everything that is shown as a rate.
    view.draw(sampler.sample(now()), now());
    let mut shown = 0;
    while arguments.count.is_none_or(|count| shown < count) {
        sleep(interval.max(sampler.interval()));
        let at = now();
        view.draw(sampler.sample(at), at);
        let warnings = sampler.take_warnings();
        for warning in &warnings {
            view.line(format_args!("warning: {warning}"));
        }
        let mut out = std::io::stdout().lock();
        match write!(out, "{clear}{}", view.text).and_then(|()| out.flush()) {
            // Whoever read this has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
        shown += 1;
    }
    Ok(())
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

/// The text to show, and what it takes to work out rates.
struct View {
    top: usize,
    /// Of series and field.
    rates: HashMap<(String, &'static str), Rate>,
    text: String,
}

/// One row of a batch.
#[derive(Clone, Copy)]
struct Row<'a> {
    table: &'a Table,
    key: KeyRef<'a>,
    index: usize,
}

impl Row<'_> {
    /// The number in `field`; `None` if the row has none.
    fn get(&self, field: &str) -> Option<f64> {
        let has = |column: &&Column| column.name == field && column.is_valid(self.index);
        self.table.columns().iter().find(has)?.get_f64(self.index)
    }

    /// The number in `field`, or 0.
    fn level(&self, field: &str) -> f64 {
        self.get(field).unwrap_or(0.0)
    }
}

/// The rows of `measurement`.
fn rows<'a>(batch: &'a Batch, measurement: &'a str) -> impl Iterator<Item = Row<'a>> {
    batch.tables().filter(move |table| table.measurement() == measurement).flat_map(|table| {
        table.series().iter().enumerate().map(|(index, series)| Row {
            table,
            key: batch.series_entry(*series).key(),
            index,
        })
    })
}

impl View {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    /// How much a second running total `field` of `row` grows.
    fn rate(&mut self, row: Row<'_>, field: &'static str, at: Timestamp) -> f64 {
        let Some(total) = row.get(field) else { return 0.0 };
        let rate = self.rates.entry((row.key.as_str().to_owned(), field)).or_default();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        rate.update(at, total as u64).unwrap_or(0.0)
    }

    fn draw(&mut self, batch: &Batch, at: Timestamp) {
        self.text.clear();
        self.system(batch, at);
        self.disks(batch, at);
        self.network(batch, at);
        self.cgroups(batch);
    }

    fn system(&mut self, batch: &Batch, at: Timestamp) {
        for row in rows(batch, "system") {
            self.line(format_args!(
                "{}  {}  up {}  load {:.2} {:.2} {:.2}\n",
                row.key.tag("host").unwrap_or_default(),
                at.align_down(1_000_000_000),
                span(row.level("uptime")),
                row.level("load1"),
                row.level("load5"),
                row.level("load15"),
            ));
        }
        for row in rows(batch, "cpu").filter(|row| row.key.tag("cpu") == Some("cpu-total")) {
            self.line(format_args!(
                "cpu     {}  user {:.1}  system {:.1}  iowait {:.1}  steal {:.1}",
                bar(row.level("usage_active")),
                row.level("usage_user"),
                row.level("usage_system"),
                row.level("usage_iowait"),
                row.level("usage_steal"),
            ));
        }
        for (name, measurement) in [("memory", "mem"), ("swap", "swap")] {
            for row in rows(batch, measurement).filter(|row| row.level("total") > 0.0) {
                self.line(format_args!(
                    "{name:<7} {}  {} of {}",
                    bar(row.level("used_percent")),
                    bytes(row.level("used")),
                    bytes(row.level("total")),
                ));
            }
        }
        for row in rows(batch, "pressure") {
            self.line(format_args!(
                "waiting {}  for {}",
                bar(row.level("some_avg10")),
                row.key.tag("resource").unwrap_or_default(),
            ));
        }
    }

    fn disks(&mut self, batch: &Batch, at: Timestamp) {
        self.line(format_args!("\n{:<28}{:>12}{:>12}{:>8}", "FILE SYSTEM", "USED", "SIZE", "%"));
        for row in rows(batch, "disk") {
            self.line(format_args!(
                "{:<28}{:>12}{:>12}{:>8.1}",
                row.key.tag("path").unwrap_or_default(),
                bytes(row.level("used")),
                bytes(row.level("total")),
                row.level("used_percent"),
            ));
        }
        self.line(format_args!("\n{:<28}{:>12}{:>12}{:>8}", "DISK", "READ/s", "WRITE/s", "BUSY %"));
        for row in rows(batch, "diskio") {
            let [read, write] =
                ["read_bytes", "write_bytes"].map(|field| self.rate(row, field, at));
            let busy = self.rate(row, "io_time", at) / 10.0;
            self.line(format_args!(
                "{:<28}{:>12}{:>12}{busy:>8.1}",
                row.key.tag("name").unwrap_or_default(),
                bytes(read),
                bytes(write),
            ));
        }
    }

    fn network(&mut self, batch: &Batch, at: Timestamp) {
        self.line(format_args!("\n{:<28}{:>12}{:>12}", "INTERFACE", "IN/s", "OUT/s"));
        for row in rows(batch, "net") {
            let [received, sent] =
                ["bytes_recv", "bytes_sent"].map(|field| self.rate(row, field, at));
            self.line(format_args!(
                "{:<28}{:>12}{:>12}",
                row.key.tag("interface").unwrap_or_default(),
                bytes(received),
                bytes(sent),
            ));
        }
    }

    /// The cgroups that use most processor time, then most memory.
    fn cgroups(&mut self, batch: &Batch) {
        let mut groups: HashMap<&str, [Option<f64>; 4]> = HashMap::new();
        for (measurement, field, slot) in [
            ("container_cpu", "usage_millicores", 0),
            ("container_memory", "working_set_bytes", 1),
            ("container_memory", "limit_bytes", 2),
            ("container_pids", "current", 3),
        ] {
            for row in rows(batch, measurement) {
                let cgroup = row.key.tag("cgroup").unwrap_or_default();
                groups.entry(cgroup).or_default()[slot] = row.get(field);
            }
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        let order = |values: &[Option<f64>; 4]| [0, 1].map(|slot| values[slot].unwrap_or(-1.0));
        groups.sort_by(|(a_name, a), (b_name, b)| {
            let by_use = order(b).partial_cmp(&order(a)).unwrap_or(std::cmp::Ordering::Equal);
            by_use.then_with(|| a_name.cmp(b_name))
        });
        self.line(format_args!(
            "\n{:<52}{:>11}{:>12}{:>12}{:>7}",
            "CGROUP", "MILLICORES", "MEMORY", "LIMIT", "PIDS"
        ));
        for (cgroup, [cpu, memory, limit, pids]) in groups.iter().take(self.top) {
            self.line(format_args!(
                "{:<52}{:>11}{:>12}{:>12}{:>7}",
                ending(cgroup, 50),
                number(*cpu),
                memory.map_or_else(String::new, bytes),
                limit.map_or_else(String::new, bytes),
                number(*pids),
            ));
        }
    }
}

/// A percentage as a bar of twenty signs.
fn bar(percent: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 20")]
    let filled = (percent.clamp(0.0, 100.0) / 5.0).round() as usize;
    format!("[{:<20}] {percent:>5.1} %", "#".repeat(filled))
}

/// A size in powers of 1024.
fn bytes(size: f64) -> String {
    let mut size = size;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        if size < 1000.0 {
            let digits = usize::from(size < 100.0 && unit != "B");
            return format!("{size:.digits$} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.1} PiB")
}

/// A time in its two largest units.
fn span(seconds: f64) -> String {
    let minutes = (seconds / 60.0).floor();
    let (hours, days) = ((minutes / 60.0).floor(), (minutes / 1440.0).floor());
    if days >= 1.0 {
        format!("{days}d {}h", hours % 24.0)
    } else {
        format!("{hours}h {}m", minutes % 60.0)
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.0}"))
}

/// The last `len` characters of `text`, which tell more of a path than the first.
fn ending(text: &str, len: usize) -> String {
    let count = text.chars().count();
    if count <= len {
        return text.to_owned();
    }
    format!("..{}", text.chars().skip(count - (len - 2)).collect::<String>())
}
