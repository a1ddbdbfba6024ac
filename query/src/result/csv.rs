//! InfluxDB's CSV.
//!
//! Each row begins with the series' name and tags; a header stands before the first row, and again, after a blank line,
//! where another statement or other columns follow.

use std::ops::Range;
use std::sync::Arc;

use stripchart_core::{Frame, Precision, Values};

use super::chunk::{Cells, Chunk, Head};
use super::digits::{write_i64, write_plain_float, write_u64};
use super::{FormatOptions, StatementResult};

/// Appends `results` to `out` as CSV: instants as integers (nanoseconds unless `options.epoch` says otherwise),
/// nothing where there is no value. If a statement failed its error is all that is written.
pub fn write_csv(results: &[StatementResult], options: &FormatOptions, out: &mut String) {
    let mut text = CsvText::new(options);
    if let Some(error) = results.iter().find_map(|result| result.error.as_ref()) {
        text.error(&error.to_string());
    } else {
        for result in results {
            text.begin_result();
            result.frames.iter().for_each(|frame| text.frame(frame));
        }
    }
    // Every part of it is text.
    out.push_str(&String::from_utf8_lossy(text.out()));
}

/// Writes CSV piece by piece into a buffer of its own, which may be drained at any time.
#[derive(Debug)]
pub(crate) struct CsvText {
    out: Vec<u8>,
    epoch: Precision,
    /// Whether nothing was written yet.
    first: bool,
    /// The names of the columns that the last header has, if it is of this result.
    header: Option<Vec<String>>,
    /// The series whose name and tags `prefix` are.
    series: Option<Arc<Head>>,
    prefix: Vec<u8>,
}

impl CsvText {
    pub(crate) fn new(options: &FormatOptions) -> Self {
        CsvText {
            out: Vec::new(),
            epoch: options.epoch.unwrap_or_default(),
            first: true,
            header: None,
            series: None,
            prefix: Vec::new(),
        }
    }

    /// What was written so far, to be taken from.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    pub(crate) fn begin_result(&mut self) {
        self.header = None;
    }

    pub(crate) fn frame(&mut self, frame: &Frame) {
        self.rows_of(frame, 0..frame.row_count());
    }

    /// Writes some rows of a frame.
    pub(crate) fn rows_of(&mut self, frame: &Frame, rows: Range<usize>) {
        self.header(frame.columns.iter().map(|column| column.name.as_str()));
        self.series = None;
        let tags = frame.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        self.begin_series(&frame.name, tags);
        for row in rows {
            self.out.extend_from_slice(&self.prefix);
            for column in &frame.columns {
                self.out.push(b',');
                if column.is_valid(row) {
                    self.value(column.values(), row);
                }
            }
            self.out.push(b'\n');
        }
    }

    /// As [`CsvText::rows_of`].
    pub(crate) fn chunk(&mut self, chunk: &Chunk, rows: Range<usize>) {
        let head = &chunk.head;
        self.header(head.columns.iter().map(|column| column.name.as_str()));
        if !self.series.as_ref().is_some_and(|series| Arc::ptr_eq(series, head)) {
            self.begin_series(&head.name, head.tags());
            self.series = Some(Arc::clone(head));
        }
        for row in chunk.from + rows.start..chunk.from + rows.end {
            self.out.extend_from_slice(&self.prefix);
            for cells in chunk.cells.iter() {
                self.out.push(b',');
                match cells {
                    Cells::Values(values, valid) => {
                        if valid.as_ref().is_none_or(|bits| bits.get(row)) {
                            self.value(values, row);
                        }
                    }
                    Cells::Tag(tag) => {
                        let series = chunk.series.get(row).copied().unwrap_or_default();
                        let text = chunk.tags.as_ref().and_then(|tags| tags.get(series, *tag));
                        field(text.unwrap_or_default(), &mut self.out);
                    }
                }
            }
            self.out.push(b'\n');
        }
    }

    /// A statement that failed.
    pub(crate) fn error(&mut self, error: &str) {
        if !self.first {
            self.out.push(b'\n');
        }
        self.first = false;
        self.header = None;
        self.out.extend_from_slice(b"error\n");
        field(error, &mut self.out);
        self.out.push(b'\n');
    }

    /// Writes the header, unless the rows before were under the same.
    fn header<'n>(&mut self, names: impl Iterator<Item = &'n str> + Clone) {
        if self
            .header
            .as_ref()
            .is_some_and(|last| names.clone().eq(last.iter().map(String::as_str)))
        {
            return;
        }
        if !self.first {
            self.out.push(b'\n');
        }
        self.first = false;
        self.out.extend_from_slice(b"name,tags");
        for name in names.clone() {
            self.out.push(b',');
            field(name, &mut self.out);
        }
        self.out.push(b'\n');
        self.header = Some(names.map(str::to_owned).collect());
    }

    fn begin_series<'t>(&mut self, name: &str, tags: impl Iterator<Item = (&'t str, &'t str)>) {
        self.prefix.clear();
        field(name, &mut self.prefix);
        self.prefix.push(b',');
        let tags: Vec<String> = tags.map(|(key, value)| format!("{key}={value}")).collect();
        field(&tags.join(","), &mut self.prefix);
    }

    fn value(&mut self, values: &Values, row: usize) {
        let out = &mut self.out;
        match values {
            Values::Float(v) => v.get(row).iter().for_each(|v| write_plain_float(**v, out)),
            Values::Integer(v) => v.get(row).iter().for_each(|v| write_i64(**v, out)),
            Values::Unsigned(v) => v.get(row).iter().for_each(|v| write_u64(**v, out)),
            Values::Boolean(v) => v
                .get(row)
                .iter()
                .for_each(|v| out.extend_from_slice(if **v { b"true" } else { b"false" })),
            Values::Time(v) => {
                v.get(row).iter().for_each(|v| write_i64(**v / self.epoch.nanos(), out));
            }
            Values::String(v) => field(v.get(row).unwrap_or_default(), out),
        }
    }
}

/// Writes a field, in quotes where it needs them.
fn field(text: &str, out: &mut Vec<u8>) {
    if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use stripchart_core::Column;

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
