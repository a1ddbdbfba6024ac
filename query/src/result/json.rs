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
use std::ops::Range;
use std::sync::Arc;

use stripchart_core::{Bitmap, Column, Frame, Precision, Strings, Values};

use super::chunk::{Cells, Chunk, ColumnHead, Head, TagTexts};
use super::digits::{Instants, write_float, write_i64, write_u64};
use super::{FormatOptions, Message, StatementResult, same_series};
use crate::Zone;

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
    let mut json = Json::new(std::mem::take(out), pretty);
    json.open(b'{');
    json.key("error");
    json.string(error);
    json.close(b'}');
    json.raw(b"\n");
    *out = json.out;
}

/// Appends a text in quotes.
pub(crate) fn write_json_text(text: &str, out: &mut Vec<u8>) {
    let mut json = Json::new(std::mem::take(out), false);
    json.string(text);
    *out = json.out;
}

/// Writes a document of results piece by piece, so that the whole answer need never be in memory at once.
///
/// Per statement call [`JsonWriter::begin_result`], [`JsonWriter::frame`] for each frame, and
/// [`JsonWriter::end_result`]; at the end [`JsonWriter::finish`]. What was written is in the buffer when the writer is
/// gone. Whoever wants an answer as a stream of text takes an [`AnswerStream`](crate::AnswerStream).
#[derive(Debug)]
pub struct JsonWriter<'a> {
    text: JsonText,
    /// Where the text belongs; empty meanwhile.
    out: &'a mut Vec<u8>,
}

impl<'a> JsonWriter<'a> {
    /// Appends a document to `out`.
    pub fn new(options: &FormatOptions, out: &'a mut Vec<u8>) -> Self {
        JsonWriter { text: JsonText::new(options, std::mem::take(out)), out }
    }

    /// Begins the result of the statement at place `statement_id`, whose instants are written in `time_zone`, if not in
    /// UTC.
    pub fn begin_result(&mut self, statement_id: usize, time_zone: Option<Zone>) {
        self.text.begin_result(statement_id, time_zone);
    }

    /// Adds a frame to the result. It joins the one before if that was marked partial and is of the same series.
    pub fn frame(&mut self, frame: &Frame) {
        self.text.frame(frame);
    }

    /// Ends the result.
    pub fn end_result(&mut self, messages: &[Message], partial: bool, error: Option<&str>) {
        self.text.end_result(messages, partial, error);
    }

    /// Ends the document.
    pub fn finish(mut self) {
        self.text.finish();
    }
}

impl Drop for JsonWriter<'_> {
    fn drop(&mut self) {
        *self.out = std::mem::take(&mut self.text.json.out);
    }
}

/// The same over a buffer of its own, which may be drained at any time, and over chunks too.
#[derive(Debug)]
pub(crate) struct JsonText {
    json: Json,
    options: FormatOptions,
    any_result: bool,
    any_series: bool,
    /// The series whose `values` are still open.
    open: Option<Open>,
    open_values: bool,
    open_partial: bool,
    /// The column of frames whose texts are lists, written in JSON already.
    lists: Option<&'static str>,
    fragments: Fragments,
    /// The `columns` of the last chunk as text, and whose they are.
    columns: Option<(Arc<[ColumnHead]>, Vec<u8>)>,
}

/// A series that more rows may join.
#[derive(Debug)]
enum Open {
    /// Its head only, no rows.
    Frame(Frame),
    Head(Arc<Head>),
}

impl JsonText {
    /// Appends a document to `out`.
    pub(crate) fn new(options: &FormatOptions, out: Vec<u8>) -> Self {
        JsonText {
            json: Json::new(out, options.pretty),
            options: *options,
            any_result: false,
            any_series: false,
            open: None,
            open_values: false,
            open_partial: false,
            lists: None,
            fragments: Fragments::default(),
            columns: None,
        }
    }

    /// What was written so far, to be taken from.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.json.out
    }

    pub(crate) fn begin_result(&mut self, statement_id: usize, time_zone: Option<Zone>) {
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
        self.any_series = false;
        self.lists = None;
    }

    /// Says that of the result just begun the texts of column `name` are lists, written in JSON already.
    pub(crate) fn lists(&mut self, name: &'static str) {
        self.lists = Some(name);
    }

    pub(crate) fn frame(&mut self, frame: &Frame) {
        self.rows_of(frame, 0..frame.row_count(), frame.partial);
    }

    /// Writes some rows of a frame; `partial` if more of the series follow.
    pub(crate) fn rows_of(&mut self, frame: &Frame, rows: Range<usize>, partial: bool) {
        let joins = self.open_partial
            && matches!(&self.open, Some(Open::Frame(open)) if same_series(open, frame));
        if !joins {
            self.close_series();
            let tags = frame.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            let names = frame.columns.iter().map(|column| column.name.as_str());
            self.open_series(&frame.name, tags);
            self.column_names(names);
            let columns =
                frame.columns.iter().map(|c| Column::new(&*c.name, Values::Float(Vec::new())));
            self.open = Some(Open::Frame(Frame {
                name: frame.name.clone(),
                tags: frame.tags.clone(),
                columns: columns.collect(),
                partial: false,
            }));
        }
        let pieces: Vec<Piece<'_>> = frame
            .columns
            .iter()
            .map(|column| match column.values() {
                Values::String(lists) if self.lists == Some(&*column.name) => Piece::Lists(lists),
                values => Piece::Values(values, column.validity()),
            })
            .collect();
        self.rows(rows, &pieces, &[]);
        self.open_partial = partial;
    }

    /// As [`JsonText::rows_of`].
    pub(crate) fn chunk(&mut self, chunk: &Chunk, rows: Range<usize>, partial: bool) {
        let joins = self.open_partial
            && matches!(&self.open, Some(Open::Head(open)) if Arc::ptr_eq(open, &chunk.head) || *open == chunk.head);
        if !joins {
            self.close_series();
            let head = &chunk.head;
            self.open_series(&head.name, head.tags());
            self.columns_of(&head.columns);
            self.open = Some(Open::Head(Arc::clone(head)));
        }
        let pieces = self.pieces(chunk);
        self.rows(chunk.from + rows.start..chunk.from + rows.end, &pieces, &chunk.series);
        self.open_partial = partial;
    }

    /// How each column is written; neighbouring tags as one piece of text.
    fn pieces<'c>(&mut self, chunk: &'c Chunk) -> Vec<Piece<'c>> {
        self.fragments.look_at(chunk.tags.as_ref());
        let mut pieces: Vec<Piece<'c>> = Vec::with_capacity(chunk.cells.len());
        for cells in chunk.cells.iter() {
            match cells {
                Cells::Values(values, valid) => pieces.push(Piece::Values(values, valid.as_ref())),
                Cells::Tag(tag) => match pieces.last_mut() {
                    Some(Piece::Tags(tags)) if !self.json.pretty => tags.push(*tag),
                    _ => pieces.push(Piece::Tags(vec![*tag])),
                },
            }
        }
        pieces
    }

    pub(crate) fn end_result(&mut self, messages: &[Message], partial: bool, error: Option<&str>) {
        self.close_series();
        let json = &mut self.json;
        if self.any_series {
            json.close(b']');
        }
        if !messages.is_empty() {
            json.key("messages");
            json.open(b'[');
            for message in messages {
                json.item();
                json.open(b'{');
                json.key("level");
                json.string(&message.level);
                json.key("text");
                json.string(&message.text);
                json.close(b'}');
            }
            json.close(b']');
        }
        if partial {
            json.key("partial");
            json.raw(b"true");
        }
        if let Some(error) = error {
            json.key("error");
            json.string(error);
        }
        json.close(b'}');
    }

    pub(crate) fn finish(&mut self) {
        if self.any_result {
            self.json.close(b']');
        } else {
            self.json.open(b'{');
        }
        self.json.close(b'}');
        self.json.raw(b"\n");
        self.json.empty = true;
        self.any_result = false;
    }

    fn open_series<'t>(&mut self, name: &str, tags: impl Iterator<Item = (&'t str, &'t str)>) {
        let json = &mut self.json;
        if !self.any_series {
            json.key("series");
            json.open(b'[');
            self.any_series = true;
        }
        json.item();
        json.open(b'{');
        if !name.is_empty() {
            json.key("name");
            json.string(name);
        }
        let mut tags = tags.peekable();
        if tags.peek().is_some() {
            json.key("tags");
            json.open(b'{');
            for (key, value) in tags {
                json.item();
                json.string(key);
                json.colon();
                json.string(value);
            }
            json.close(b'}');
        }
        self.open_values = false;
    }

    fn column_names<'t>(&mut self, names: impl Iterator<Item = &'t str>) {
        let json = &mut self.json;
        json.key("columns");
        json.open(b'[');
        for name in names {
            json.item();
            json.string(name);
        }
        json.close(b']');
    }

    /// The names of a chunk's columns. An answer may have a thousand series of one row and the same columns, whose names are
    /// then most of it: they are written once and copied.
    fn columns_of(&mut self, columns: &Arc<[ColumnHead]>) {
        // Without a name and tags before it, no comma comes first.
        let usual = !self.json.empty;
        match &self.columns {
            Some((of, text)) if usual && Arc::ptr_eq(of, columns) => self.json.raw(text),
            _ => {
                let start = self.json.out.len();
                self.column_names(columns.iter().map(|column| column.name.as_str()));
                self.columns =
                    usual.then(|| (Arc::clone(columns), self.json.out[start..].to_vec()));
            }
        }
    }

    fn rows(&mut self, rows: Range<usize>, pieces: &[Piece<'_>], series: &[u32]) {
        if !rows.is_empty() && !self.open_values {
            self.json.key("values");
            self.json.open(b'[');
            self.open_values = true;
        }
        let (json, epoch) = (&mut self.json, self.options.epoch);
        for row in rows {
            json.item();
            json.open(b'[');
            for (number, piece) in pieces.iter().enumerate() {
                json.item();
                match piece {
                    Piece::Values(values, valid) => {
                        let valid = valid.is_none_or(|bits| bits.get(row));
                        json.value(values, valid, row, epoch);
                    }
                    Piece::Lists(lists) => json.raw(lists.get(row).unwrap_or("null").as_bytes()),
                    Piece::Tags(tags) => {
                        let of = series.get(row).copied().unwrap_or_default();
                        self.fragments.write(number, of, tags, json);
                    }
                }
            }
            json.close(b']');
        }
    }

    fn close_series(&mut self) {
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

/// What stands beside the others in a row.
#[derive(Debug)]
enum Piece<'a> {
    Values(&'a Values, Option<&'a Bitmap>),
    /// What is JSON already.
    Lists(&'a Strings),
    /// Tags of the row's series, one after the other.
    Tags(Vec<usize>),
}

/// Bytes of text of tags that are kept.
const FRAGMENT_BYTES: usize = 4 << 20;

/// The text of the tags of a series, written once and copied for each of its rows.
#[derive(Debug, Default)]
struct Fragments {
    tags: Option<Arc<TagTexts>>,
    text: Vec<u8>,
    /// By the number of the piece, and in it of the series: where its text begins and ends; 0 to 0 if it has none yet.
    places: Vec<Vec<(u32, u32)>>,
}

impl Fragments {
    fn look_at(&mut self, tags: Option<&Arc<TagTexts>>) {
        let same = match (&self.tags, tags) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        if !same || self.text.len() > FRAGMENT_BYTES {
            self.text.clear();
            self.places.clear();
            self.tags = tags.cloned();
        }
    }

    fn write(&mut self, piece: usize, series: u32, tags: &[usize], json: &mut Json) {
        let Some(texts) = &self.tags else { return };
        if self.places.len() <= piece {
            self.places.resize_with(piece + 1, Vec::new);
        }
        let places = &mut self.places[piece];
        let at = series as usize;
        if places.len() <= at {
            places.resize(at + 1, (0, 0));
        }
        let (from, to) = places[at];
        if to > from {
            json.out.extend_from_slice(&self.text[from as usize..to as usize]);
            return;
        }
        let start = json.out.len();
        for (number, tag) in tags.iter().enumerate() {
            if number > 0 {
                json.out.push(b',');
            }
            match texts.get(series, *tag) {
                Some(text) => json.string(text),
                None => json.raw(b"null"),
            }
        }
        let from = self.text.len();
        self.text.extend_from_slice(&json.out[start..]);
        if let (Ok(from), Ok(to)) = (u32::try_from(from), u32::try_from(self.text.len())) {
            places[at] = (from, to);
        }
    }
}

/// Puts commas, and in the pretty form line feeds and indents.
#[derive(Debug)]
struct Json {
    out: Vec<u8>,
    pretty: bool,
    depth: usize,
    /// Whether the innermost object or array has nothing in it yet.
    empty: bool,
    instants: Instants,
}

impl Json {
    fn new(out: Vec<u8>, pretty: bool) -> Self {
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

    fn value(&mut self, values: &Values, valid: bool, row: usize, epoch: Option<Precision>) {
        if !valid {
            return self.raw(b"null");
        }
        match values {
            Values::Float(v) => match v.get(row) {
                Some(v) => write_float(*v, &mut self.out),
                None => self.raw(b"null"),
            },
            Values::Integer(v) => match v.get(row) {
                Some(v) => write_i64(*v, &mut self.out),
                None => self.raw(b"null"),
            },
            Values::Unsigned(v) => match v.get(row) {
                Some(v) => write_u64(*v, &mut self.out),
                None => self.raw(b"null"),
            },
            Values::Boolean(v) => match v.get(row) {
                Some(v) => self.raw(if *v { b"true" } else { b"false" }),
                None => self.raw(b"null"),
            },
            Values::String(v) => match v.get(row) {
                Some(v) => self.string(v),
                None => self.raw(b"null"),
            },
            Values::Time(v) => match (v.get(row), epoch) {
                (None, _) => self.raw(b"null"),
                (Some(at), None) => {
                    self.out.push(b'"');
                    self.instants.write(*at, &mut self.out);
                    self.out.push(b'"');
                }
                (Some(at), Some(unit)) => write_i64(*at / unit.nanos(), &mut self.out),
            },
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push(b'"');
        let bytes = text.as_bytes();
        let mut done = 0;
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            // U+2028 and U+2029 are e2 80 a8 and e2 80 a9.
            let line_end =
                || *byte == 0xe2 && matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xa8 | 0xa9]));
            if !NEEDS_LOOK[usize::from(*byte)] || (*byte == 0xe2 && !line_end()) {
                at += 1;
                continue;
            }
            self.out.extend_from_slice(&bytes[done..at]);
            match byte {
                b'"' => self.raw(b"\\\""),
                b'\\' => self.raw(b"\\\\"),
                b'\n' => self.raw(b"\\n"),
                b'\r' => self.raw(b"\\r"),
                b'\t' => self.raw(b"\\t"),
                0xe2 => {
                    let last = bytes[at + 2] - 0xa0;
                    self.display(format_args!("\\u202{last:x}"));
                    at += 2;
                }
                c => self.display(format_args!("\\u{c:04x}")),
            }
            at += 1;
            done = at;
        }
        self.out.extend_from_slice(&bytes[done..]);
        self.out.push(b'"');
    }
}

/// Bytes that may have to be escaped: control characters, quotes, backslashes, what HTML minds, and the first byte of two
/// line ends that JavaScript minds.
const NEEDS_LOOK: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'&' as usize] = true;
    table[0xe2] = true;
    table
};

#[cfg(test)]
mod tests;
