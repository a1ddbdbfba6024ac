//! Numbers and tables for people.

use std::io::{self, Write};

use stripchart_core::{DurationLiteral, Timestamp, Unit};
use stripchart_render::format_value;

pub(crate) fn bytes(count: u64) -> String {
    bytes_f64(count as f64)
}

pub(crate) fn bytes_f64(count: f64) -> String {
    format_value(count, Unit::Bytes)
}

/// Grouped by thousands.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `1 segment`, `2 segments`.
pub(crate) fn counted(number: u64, what: &str) -> String {
    let plural = match (number, what) {
        (1, _) | (_, "series") => "",
        _ => "s",
    };
    format!("{} {what}{plural}", count(number))
}

/// Bytes a value, if there are values.
pub(crate) fn per_value(bytes: u64, values: u64) -> Option<String> {
    (values > 0).then(|| format!("{:.2} B/value", bytes as f64 / values as f64))
}

pub(crate) fn time(nanos: i64) -> String {
    Timestamp::from_nanos(nanos).to_string()
}

pub(crate) fn duration(nanos: i64) -> String {
    DurationLiteral::from_nanos(nanos).to_string()
}

/// Prints rows as columns that line up; a column whose name begins with `>` to the right.
pub(crate) fn table(
    out: &mut impl Write,
    indent: &str,
    head: &[&str],
    rows: &[Vec<String>],
) -> io::Result<()> {
    let right: Vec<bool> = head.iter().map(|name| name.starts_with('>')).collect();
    let head: Vec<String> =
        head.iter().map(|name| name.trim_start_matches('>').to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in [&head].into_iter().chain(rows) {
        let mut line = indent.to_owned();
        for ((cell, width), right) in row.iter().zip(&widths).zip(&right) {
            let cell = if *right { format!("{cell:>width$}") } else { format!("{cell:<width$}") };
            line += &cell;
            line += "  ";
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
