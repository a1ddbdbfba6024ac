//! InfluxDB's CSV.
//!
//! Each row begins with the series' name and tags; a header stands before the first row, and again, after a blank line,
//! where another statement or other columns follow.

use std::fmt::Write;

use stripchart_core::{Column, Frame, Precision, Values};

use super::{FormatOptions, StatementResult};

/// Appends `results` to `out` as CSV: instants as integers (nanoseconds unless `options.epoch` says otherwise),
/// nothing where there is no value. If a statement failed its error is all that is written.
pub fn write_csv(results: &[StatementResult], options: &FormatOptions, out: &mut String) {
    if let Some(error) = results.iter().find_map(|result| result.error.as_ref()) {
        out.push_str("error\n");
        field(&error.to_string(), out);
        out.push('\n');
        return;
    }
    let mut first = true;
    for result in results {
        let mut last: Option<&Frame> = None;
        for frame in &result.frames {
            let same = last.is_some_and(|last| names(last).eq(names(frame)));
            if !same {
                if !first {
                    out.push('\n');
                }
                header(frame, out);
                first = false;
            }
            rows(frame, options.epoch.unwrap_or_default(), out);
            last = Some(frame);
        }
    }
}

fn names(frame: &Frame) -> impl Iterator<Item = &str> {
    frame.columns.iter().map(|column| column.name.as_str())
}

fn header(frame: &Frame, out: &mut String) {
    out.push_str("name,tags");
    for name in names(frame) {
        out.push(',');
        field(name, out);
    }
    out.push('\n');
}

fn rows(frame: &Frame, epoch: Precision, out: &mut String) {
    let tags: Vec<String> =
        frame.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let tags = tags.join(",");
    for row in 0..frame.row_count() {
        field(&frame.name, out);
        out.push(',');
        field(&tags, out);
        for column in &frame.columns {
            out.push(',');
            value(column, row, epoch, out);
        }
        out.push('\n');
    }
}

fn value(column: &Column, row: usize, epoch: Precision, out: &mut String) {
    if !column.is_valid(row) {
        return;
    }
    // A string takes every write.
    let _ = match column.values() {
        Values::Float(v) => write!(out, "{}", v[row]),
        Values::Integer(v) => write!(out, "{}", v[row]),
        Values::Unsigned(v) => write!(out, "{}", v[row]),
        Values::Boolean(v) => write!(out, "{}", v[row]),
        Values::Time(v) => write!(out, "{}", v[row] / epoch.nanos()),
        Values::String(v) => {
            field(v.get(row).unwrap_or_default(), out);
            Ok(())
        }
    };
}

/// Writes a field, in quotes where it needs them.
fn field(text: &str, out: &mut String) {
    if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') {
        out.push('"');
        out.push_str(&text.replace('"', "\"\""));
        out.push('"');
    } else {
        out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QueryError;

    fn frame(name: &str, column: &str) -> Frame {
        Frame::new(name)
            .tag("a", "1")
            .tag("b", "2")
            .column(Column::new("time", Values::Time(vec![10])))
            .column(Column::new(column, Values::Float(vec![1.5])))
    }

    #[test]
    fn headers_come_again_when_columns_change() {
        let result = StatementResult {
            frames: vec![frame("cpu", "v"), frame("mem", "v"), frame("x,y", "w")],
            ..StatementResult::default()
        };
        let mut out = String::new();
        write_csv(&[result], &FormatOptions::default(), &mut out);
        assert_eq!(
            out,
            "name,tags,time,v\ncpu,\"a=1,b=2\",10,1.5\nmem,\"a=1,b=2\",10,1.5\n\nname,tags,time,w\n\"x,y\",\"a=1,b=2\",10,1.5\n"
        );
    }

    #[test]
    fn an_error_is_all_there_is() {
        let results = [StatementResult::failed(0, QueryError::DatabaseRequired)];
        let mut out = String::new();
        write_csv(&results, &FormatOptions::default(), &mut out);
        assert_eq!(out, "error\ndatabase name required\n");
    }
}
