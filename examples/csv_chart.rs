//! Draws a chart of a CSV file as an SVG file.
//!
//! ```text
//! cargo run --example csv_chart                                          a built-in sample
//! cargo run --example csv_chart -- load.csv load.svg --title Load
//! cargo run --example csv_chart -- mem.csv --kind area --unit bytes --size 1000x400
//! ```
//!
//! The first line names the columns. The first column is the time: RFC 3339 (`2026-11-22T12:00:00Z`) or a number
//! counted from 1970 in `--precision`. Every other column becomes a series; an empty field is a gap.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use chrono::DateTime;
use clap::{Parser, ValueEnum};
use stripchart_core::{Precision, Unit};
use stripchart_render::{Chart, ChartKind, Series, Theme};

/// Draw a chart of a CSV file as an SVG file.
///
/// The first line names the columns; the first column is the time, as RFC 3339 or as a number counted from 1970; every
/// other column is a series, whose empty fields are gaps.
#[derive(Parser)]
struct Arguments {
    /// The CSV file; without one, a built-in sample is drawn.
    input: Option<PathBuf>,
    /// The SVG file; if not given, it is called like the CSV file.
    output: Option<PathBuf>,
    /// The title; if not given, the file's name.
    #[arg(long)]
    title: Option<String>,
    /// How to draw.
    #[arg(long, value_enum, default_value_t = Kind::Line)]
    kind: Kind,
    /// What the numbers mean, by Grafana's name: bytes, percent, Bps, bps, s, ms, short, none, ...
    #[arg(long, default_value = "none", value_parser = unit)]
    unit: Unit,
    /// Width and height in pixels.
    #[arg(long, default_value = "800x300", value_parser = size)]
    size: (u32, u32),
    /// Light or dark; auto follows the reader's system.
    #[arg(long, value_enum, default_value_t = Colours::Auto)]
    theme: Colours,
    /// What numbers in the time column count: s, ms, u or ns.
    #[arg(long, default_value = "s", value_parser = precision)]
    precision: Precision,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Line,
    Step,
    Area,
    Bar,
}

#[derive(Clone, Copy, ValueEnum)]
enum Colours {
    Auto,
    Light,
    Dark,
}

fn unit(text: &str) -> Result<Unit, String> {
    let known = || Unit::all().map(Unit::id).collect::<Vec<_>>().join(", ");
    Unit::from_id(text).ok_or_else(|| format!("expected one of {}", known()))
}

fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once('x');
    let sides = sides.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides.ok_or_else(|| "expected width and height, as in 800x300".to_owned())
}

fn precision(text: &str) -> Result<Precision, String> {
    match text {
        "s" | "ms" | "u" | "ns" => Ok(Precision::from_influxdb(text)),
        _ => Err("expected s, ms, u or ns".to_owned()),
    }
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(done) => {
            println!("{done}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("csv_chart: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Draws the chart; says what was written where.
fn run(arguments: Arguments) -> Result<String, String> {
    let (name, text) = match &arguments.input {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            (path.clone(), text.map_err(|error| format!("{}: {error}", path.display()))?)
        }
        None => (std::env::temp_dir().join("stripchart-sample.csv"), sample()),
    };
    let table = Table::parse(&text, arguments.precision)
        .map_err(|error| format!("{}: {error}", name.display()))?;
    let title = arguments.title.clone().unwrap_or_else(|| {
        name.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
    });
    let kind = match arguments.kind {
        Kind::Line => ChartKind::Line,
        Kind::Step => ChartKind::Step,
        Kind::Area => ChartKind::Area,
        Kind::Bar => ChartKind::Bar,
    };
    let theme = match arguments.theme {
        Colours::Auto => Theme::Auto,
        Colours::Light => Theme::Light,
        Colours::Dark => Theme::Dark,
    };
    let mut chart = Chart::new(kind, title)
        .unit(arguments.unit)
        .size(arguments.size.0, arguments.size.1)
        .theme(theme);
    for (label, values) in &table.columns {
        chart = chart.series(Series::new(label.clone(), &*table.times, &**values));
    }
    let (svg, output) =
        (chart.to_svg(), arguments.output.unwrap_or_else(|| name.with_extension("svg")));
    std::fs::write(&output, &svg).map_err(|error| format!("{}: {error}", output.display()))?;
    Ok(format!(
        "{}: {} series, {} rows, {} bytes",
        output.display(),
        table.columns.len(),
        table.times.len(),
        svg.len()
    ))
}

/// A CSV file by columns; what is missing is NaN.
struct Table {
    times: Vec<i64>,
    columns: Vec<(String, Vec<f64>)>,
}

impl Table {
    fn parse(text: &str, precision: Precision) -> Result<Self, String> {
        let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
        let (line, head) =
            lines.next().ok_or("expected a line with column names, found nothing")?;
        let head = fields(head).map_err(|error| format!("line {line}: {error}"))?;
        if head.len() < 2 {
            return Err(format!("line {line}: expected a time column and at least one more"));
        }
        let mut table = Table {
            times: Vec::new(),
            columns: head.into_iter().skip(1).map(|name| (name, Vec::new())).collect(),
        };
        for (line, row) in lines {
            table.push(row, precision).map_err(|error| format!("line {line}: {error}"))?;
        }
        Ok(table)
    }

    fn push(&mut self, row: &str, precision: Precision) -> Result<(), String> {
        let row = fields(row)?;
        let wanted = self.columns.len() + 1;
        if row.len() != wanted {
            return Err(format!(
                "expected {wanted} fields as in the first line, found {}",
                row.len()
            ));
        }
        let at = instant(&row[0], precision)?;
        for ((name, values), field) in self.columns.iter_mut().zip(&row[1..]) {
            let number = match field.trim() {
                "" => f64::NAN,
                text => text.parse().map_err(|_| {
                    format!("column {name:?}: expected a number or nothing, found {text:?}")
                })?,
            };
            values.push(number);
        }
        self.times.push(at);
        Ok(())
    }
}

/// Nanoseconds since 1970.
fn instant(text: &str, precision: Precision) -> Result<i64, String> {
    let text = text.trim();
    if let Ok(count) = text.parse::<i64>() {
        let nanos = count.checked_mul(precision.nanos());
        return nanos
            .ok_or_else(|| format!("expected a time between 1677 and 2262, found {text:?}"));
    }
    let date = DateTime::parse_from_rfc3339(text).ok().and_then(|date| date.timestamp_nanos_opt());
    date.ok_or_else(|| {
        format!("expected a time as in 2026-11-22T12:00:00Z or a whole number, found {text:?}")
    })
}

/// The fields of a line: parted by commas, in double quotes where they hold commas, quotes doubled within.
fn fields(line: &str) -> Result<Vec<String>, String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(field) = fields.last_mut() else { break };
        match character {
            '"' if quoted && characters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if quoted || field.trim().is_empty() => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            _ => field.push(character),
        }
    }
    if quoted { Err("a quoted field does not end".to_owned()) } else { Ok(fields) }
}

/// Two hours of an invented day, with a gap.
fn sample() -> String {
    let mut text = "time,requests,errors\n".to_owned();
    for minute in 0..120i32 {
        let at = 1_795_348_800 + i64::from(minute) * 60;
        let wave = (f64::from(minute) * 0.08 + 0.5).sin();
        let ripple = f64::from((minute * 37) % 11);
        // Writing to a String cannot fail.
        let _ = match minute {
            60..68 => writeln!(text, "{at},,"),
            _ => writeln!(text, "{at},{:.1},{:.1}", 120.0 + 60.0 * wave + ripple, ripple * 0.8),
        };
    }
    text
}
