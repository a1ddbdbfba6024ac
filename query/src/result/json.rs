//! InfluxDB's JSON, byte for byte as Go's `encoding/json` writes it.
//!
//! ```text
//! {"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","mean"],
//!   "values":[["1970-01-01T00:00:00Z",1.5]]}],"messages":[..],"partial":true,"error":".."}]}
//! ```
//!
//! Keys come in that order and only where there is something to say. Numbers are the shortest that read back the
//! same, with an exponent below 1e-6 and from 1e21 on. In strings `<`, `>` and `&` are escaped, since Go expects its
//! JSON to be pasted into HTML.

use std::io::Write;

use stripchart_core::{Column, Frame, Precision, Values};

use super::digits::{Instants, write_i64};
use crate::Zone;

use super::{FormatOptions, Message, StatementResult, same_series};

/// Writes `results` as one document with a line feed at its end.
///
/// ```
/// use stripchart_core::{Column, Frame, Values};
/// use stripchart_query::{FormatOptions, StatementResult, write_json};
/// let frame = Frame::new("cpu")
///     .column(Column::new("time", Values::Time(vec![0])))
///     .column(Column::new("mean", Values::Float(vec![1.5])));
/// let result = StatementResult { frames: vec![frame], ..StatementResult::default() };
/// let mut text = Vec::new();
/// write_json(&[result], &FormatOptions::default(), &mut text);
/// assert_eq!(
///     String::from_utf8(text)?,
///     r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","mean"],"values":[["1970-01-01T00:00:00Z",1.5]]}]}]}"#.to_owned() + "\n"
/// );
/// # Ok::<(), std::string::FromUtf8Error>(())
/// ```
pub fn write_json(results: &[StatementResult], options: &FormatOptions, out: &mut Vec<u8>) {
    let mut writer = JsonWriter::new(options, out);
    for result in results {
        writer.begin_result(result.statement_id, result.time_zone);
        for frame in &result.frames {
            writer.frame(frame);
        }
        let error = result.error.as_ref().map(ToString::to_string);
        writer.end_result(&result.messages, result.partial, error.as_deref());
    }
    writer.finish();
}

/// Writes the document of a request that failed as a whole: `{"error":".."}` and a line feed.
pub fn write_error(error: &str, pretty: bool, out: &mut Vec<u8>) {
    let mut json = Json::new(out, pretty);
    json.open(b'{');
    json.key("error");
    json.string(error);
    json.close(b'}');
    out.push(b'\n');
}

/// Writes a document of results piece by piece, so that the whole answer need never be in memory at once.
///
/// Per statement call [`JsonWriter::begin_result`], [`JsonWriter::frame`] for each frame, and
/// [`JsonWriter::end_result`]; at the end [`JsonWriter::finish`]. The buffer may be drained in between.
#[derive(Debug)]
pub struct JsonWriter<'a> {
    json: Json<'a>,
    options: FormatOptions,
    any_result: bool,
    any_frame: bool,
    /// The frame whose `values` are still open: its head only, no rows.
    open: Option<Frame>,
    open_values: bool,
    open_partial: bool,
}

impl<'a> JsonWriter<'a> {
    /// Appends a document to `out`.
    pub fn new(options: &FormatOptions, out: &'a mut Vec<u8>) -> Self {
        JsonWriter {
            json: Json::new(out, options.pretty),
            options: *options,
            any_result: false,
            any_frame: false,
            open: None,
            open_values: false,
            open_partial: false,
        }
    }

    /// Begins the result of the statement at place `statement_id`, whose instants are written in `time_zone`, if not in
    /// UTC.
    pub fn begin_result(&mut self, statement_id: usize, time_zone: Option<Zone>) {
        self.json.instants = Instants::new(time_zone);
        if !self.any_result {
            self.json.open(b'{');
            self.json.key("results");
            self.json.open(b'[');
            self.any_result = true;
        }
        self.json.item();
        self.json.open(b'{');
        self.json.key("statement_id");
        self.json.display(statement_id);
        self.any_frame = false;
    }

    /// Adds a frame to the result. It joins the one before if that was marked partial and is of the same series.
    pub fn frame(&mut self, frame: &Frame) {
        let joins =
            self.open_partial && self.open.as_ref().is_some_and(|open| same_series(open, frame));
        if !joins {
            self.close_frame();
            self.open_frame(frame);
        }
        self.rows(frame);
        self.open_partial = frame.partial;
    }

    /// Ends the result.
    pub fn end_result(&mut self, messages: &[Message], partial: bool, error: Option<&str>) {
        self.close_frame();
        if self.any_frame {
            self.json.close(b']');
        }
        if !messages.is_empty() {
            self.json.key("messages");
            self.json.open(b'[');
            for message in messages {
                self.json.item();
                self.json.open(b'{');
                self.json.key("level");
                self.json.string(&message.level);
                self.json.key("text");
                self.json.string(&message.text);
                self.json.close(b'}');
            }
            self.json.close(b']');
        }
        if partial {
            self.json.key("partial");
            self.json.raw(b"true");
        }
        if let Some(error) = error {
            self.json.key("error");
            self.json.string(error);
        }
        self.json.close(b'}');
    }

    /// Ends the document.
    pub fn finish(mut self) {
        if self.any_result {
            self.json.close(b']');
        } else {
            self.json.open(b'{');
        }
        self.json.close(b'}');
        self.json.raw(b"\n");
    }

    fn open_frame(&mut self, frame: &Frame) {
        let json = &mut self.json;
        if !self.any_frame {
            json.key("series");
            json.open(b'[');
            self.any_frame = true;
        }
        json.item();
        json.open(b'{');
        if !frame.name.is_empty() {
            json.key("name");
            json.string(&frame.name);
        }
        if !frame.tags.is_empty() {
            json.key("tags");
            json.open(b'{');
            for (key, value) in &frame.tags {
                json.item();
                json.string(key);
                json.colon();
                json.string(value);
            }
            json.close(b'}');
        }
        json.key("columns");
        json.open(b'[');
        for column in &frame.columns {
            json.item();
            json.string(&column.name);
        }
        json.close(b']');
        let columns = frame
            .columns
            .iter()
            .map(|c| Column::new(c.name.as_str(), Values::Float(Vec::new())))
            .collect();
        self.open = Some(Frame {
            name: frame.name.clone(),
            tags: frame.tags.clone(),
            columns,
            partial: false,
        });
        self.open_values = false;
    }

    fn rows(&mut self, frame: &Frame) {
        let rows = frame.row_count();
        if rows > 0 && !self.open_values {
            self.json.key("values");
            self.json.open(b'[');
            self.open_values = true;
        }
        for row in 0..rows {
            self.json.item();
            self.json.open(b'[');
            for column in &frame.columns {
                self.json.item();
                self.json.value(column, row, self.options.epoch);
            }
            self.json.close(b']');
        }
    }

    fn close_frame(&mut self) {
        if self.open.take().is_none() {
            return;
        }
        if self.open_values {
            self.json.close(b']');
        }
        if self.open_partial {
            self.json.key("partial");
            self.json.raw(b"true");
        }
        self.json.close(b'}');
        self.open_partial = false;
    }
}

/// Puts commas, and in the pretty form line feeds and indents.
#[derive(Debug)]
struct Json<'a> {
    out: &'a mut Vec<u8>,
    pretty: bool,
    depth: usize,
    /// Whether the innermost object or array has nothing in it yet.
    empty: bool,
    instants: Instants,
}

impl<'a> Json<'a> {
    fn new(out: &'a mut Vec<u8>, pretty: bool) -> Self {
        Json { out, pretty, depth: 0, empty: true, instants: Instants::new(None) }
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.depth += 1;
        self.empty = true;
    }

    fn close(&mut self, bracket: u8) {
        self.depth = self.depth.saturating_sub(1);
        if !self.empty {
            self.line();
        }
        self.out.push(bracket);
        self.empty = false;
    }

    fn item(&mut self) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.line();
    }

    fn line(&mut self) {
        if self.pretty {
            self.out.push(b'\n');
            self.out.extend(std::iter::repeat_n(b' ', 4 * self.depth));
        }
    }

    fn key(&mut self, key: &str) {
        self.item();
        self.string(key);
        self.colon();
    }

    fn colon(&mut self) {
        self.raw(if self.pretty { b": " } else { b":" });
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        // A vector takes every write.
        let _ = write!(self.out, "{value}");
    }

    fn value(&mut self, column: &Column, row: usize, epoch: Option<Precision>) {
        if !column.is_valid(row) {
            return self.raw(b"null");
        }
        match column.values() {
            Values::Float(v) => self.float(v[row]),
            Values::Integer(v) => write_i64(v[row], self.out),
            Values::Unsigned(v) => self.display(v[row]),
            Values::Boolean(v) => self.raw(if v[row] { b"true" } else { b"false" }),
            Values::String(v) => self.string(v.get(row).unwrap_or_default()),
            Values::Time(v) => match epoch {
                None => {
                    self.out.push(b'"');
                    self.instants.write(v[row], self.out);
                    self.out.push(b'"');
                }
                Some(unit) => write_i64(v[row] / unit.nanos(), self.out),
            },
        }
    }

    /// As Go does; NaN and infinities, which JSON cannot say, become null.
    fn float(&mut self, value: f64) {
        let magnitude = value.abs();
        let whole = crate::functions::truncate(value);
        if magnitude < 1e15 && whole as f64 == value && (whole != 0 || value.is_sign_positive()) {
            write_i64(whole, self.out); // whole numbers are frequent, and six times as fast this way
        } else if !value.is_finite() {
            self.raw(b"null");
        } else if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
            let text = format!("{value:e}");
            match text.split_once('e') {
                Some((digits, exponent)) if !exponent.starts_with('-') => {
                    self.display(format_args!("{digits}e+{exponent}"));
                }
                _ => self.raw(text.as_bytes()),
            }
        } else {
            self.display(value);
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push(b'"');
        let mut rest = text;
        while let Some(at) = rest.find(needs_escape) {
            self.out.extend_from_slice(&rest.as_bytes()[..at]);
            let c = rest[at..].chars().next().unwrap_or_default();
            match c {
                '"' => self.raw(b"\\\""),
                '\\' => self.raw(b"\\\\"),
                '\n' => self.raw(b"\\n"),
                '\r' => self.raw(b"\\r"),
                '\t' => self.raw(b"\\t"),
                c => self.display(format_args!("\\u{:04x}", u32::from(c))),
            }
            rest = &rest[at + c.len_utf8()..];
        }
        self.out.extend_from_slice(rest.as_bytes());
        self.out.push(b'"');
    }
}

fn needs_escape(c: char) -> bool {
    matches!(c, '\0'..='\x1f' | '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use stripchart_core::{Bitmap, Strings};

    use super::*;
    use crate::QueryError;

    fn json(results: &[StatementResult], options: &FormatOptions) -> String {
        let mut out = Vec::new();
        write_json(results, options, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn frame() -> Frame {
        Frame::new("cpu")
            .tag("host", "a")
            .column(Column::new("time", Values::Time(vec![0, 1_500_000_000])))
            .column(Column::with_validity(
                "v",
                Values::Float(vec![1.0, 0.0]),
                [true, false].into_iter().collect::<Bitmap>(),
            ))
            .column(Column::new("s", Values::String(Strings::from_iter(["x<y", "\"\u{1}\n"]))))
    }

    fn result(frames: Vec<Frame>) -> StatementResult {
        StatementResult { frames, ..StatementResult::default() }
    }

    #[test]
    fn a_series_with_tags_nulls_and_escapes() {
        assert_eq!(
            json(&[result(vec![frame()])], &FormatOptions::default()),
            concat!(
                r#"{"results":[{"statement_id":0,"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","v","s"],"#,
                r#""values":[["1970-01-01T00:00:00Z",1,"x\u003cy"],["1970-01-01T00:00:01.5Z",null,"\"\u0001\n"]]}]}]}"#,
                "\n"
            )
        );
    }

    #[test]
    fn epochs_divide_toward_zero() {
        let options = FormatOptions { epoch: Some(Precision::Seconds), ..FormatOptions::default() };
        let times = Frame::new("m").column(Column::new("time", Values::Time(vec![-1_500_000_000])));
        assert!(json(&[result(vec![times])], &options).contains("[[-1]]"));
    }

    #[test]
    fn floats_are_written_as_go_writes_them() {
        let cases = [
            (1.0, "1"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (1e-6, "0.000001"),
            (9.99e-7, "9.99e-7"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (f64::NAN, "null"),
        ];
        for (value, want) in cases {
            let mut out = Vec::new();
            Json::new(&mut out, false).float(value);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn partial_frames_of_one_series_join() {
        let mut first = frame();
        first.partial = true;
        let text = json(&[result(vec![first.clone(), frame()])], &FormatOptions::default());
        assert_eq!(text.matches("\"columns\"").count(), 1, "{text}");
        assert!(!text.contains("partial"));
        let text = json(&[result(vec![first])], &FormatOptions::default());
        assert!(text.contains("]],\"partial\":true}"), "{text}");
    }

    #[test]
    fn errors_messages_and_nothing_at_all() {
        let mut failed = StatementResult::failed(1, QueryError::DatabaseRequired);
        failed.messages.push(Message::warning("careful"));
        let text = json(&[StatementResult::default(), failed], &FormatOptions::default());
        assert_eq!(
            text,
            concat!(
                r#"{"results":[{"statement_id":0},{"statement_id":1,"messages":[{"level":"warning","text":"careful"}],"#,
                r#""error":"database name required"}]}"#,
                "\n"
            )
        );
        assert_eq!(json(&[], &FormatOptions::default()), "{}\n");
        let mut out = Vec::new();
        write_error("a & b", false, &mut out);
        assert_eq!(out, b"{\"error\":\"a \\u0026 b\"}\n");
    }

    #[test]
    fn pretty_is_indented_by_four() {
        let options = FormatOptions { pretty: true, ..FormatOptions::default() };
        let frame = Frame::new("m").column(Column::new("time", Values::Time(vec![0])));
        let want = r#"{
    "results": [
        {
            "statement_id": 0,
            "series": [
                {
                    "name": "m",
                    "columns": [
                        "time"
                    ],
                    "values": [
                        [
                            "1970-01-01T00:00:00Z"
                        ]
                    ]
                }
            ]
        }
    ]
}
"#;
        assert_eq!(json(&[result(vec![frame])], &options), want);
    }
}
