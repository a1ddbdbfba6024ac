//! Lines of a body, borrowed: for whoever wants the parser and no batch.

use std::borrow::Cow;

use nom::Offset;
use stripchart_core::{FieldValue, ValueRef};

use super::error::{Fault, Kind, ParseError};
use super::grammar::{self, RawValue, Series, TagsOf};
use super::leaf;

/// The lines of `body` that hold a point, or should: blank lines and comments are left out.
///
/// Allocates for errors only, and for tag sets that are not in order.
///
/// ```
/// use stripchart_storage::line_protocol::{lines, Value};
///
/// let body = br#"
/// ## made by hand
/// disk,host=a,path=/mnt/my\ disk used=12i,label="the \"big\" one" 1700000000
/// "#;
/// let line = lines(body).next().unwrap()?;
/// assert_eq!(line.measurement(), "disk");
/// assert_eq!(line.tags().nth(1).unwrap(), ("path".into(), "/mnt/my disk".into()));
/// let fields: Vec<_> = line.fields().collect();
/// assert_eq!(fields[0], ("used".into(), Value::Integer(12)));
/// assert_eq!(fields[1], ("label".into(), Value::String("the \"big\" one".into())));
/// assert_eq!(line.timestamp(), Some(1_700_000_000));
/// # Ok::<(), stripchart_storage::line_protocol::ParseError>(())
/// ```
#[must_use]
pub fn lines(body: &[u8]) -> Lines<'_> {
    Lines { raw: RawLines::new(body) }
}

/// How many bytes at the front of `body` are whole lines: for whoever reads a long text in pieces and parses as much of
/// each as is complete. A line feed inside a string ends no line.
///
/// ```
/// use stripchart_storage::line_protocol::whole_lines_len;
///
/// assert_eq!(whole_lines_len(b"m v=1\nm text=\"two\nlines\"\nm v="), 25);
/// assert_eq!(whole_lines_len(b"m text=\"two\n"), 0);
/// ```
#[must_use]
pub fn whole_lines_len(body: &[u8]) -> usize {
    let mut whole = 0;
    loop {
        let end = whole + leaf::line_len(&body[whole..]).0;
        if end == body.len() {
            return whole;
        }
        whole = end + 1;
    }
}

/// Bytes of the first line of `body`, without the line feed that ends it; those of `body` if none does.
#[cfg(feature = "engine")]
pub(crate) fn first_line_len(body: &[u8]) -> usize {
    leaf::line_len(body).0
}

/// Iterates over the lines of a body; see [`lines`].
#[derive(Debug, Clone)]
pub struct Lines<'a> {
    raw: RawLines<'a>,
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<Line<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let raw = self.raw.next()?;
        Some(Line::parse(&raw).map_err(|fault| ParseError::new(raw.bytes, raw.number, fault)))
    }
}

/// A line that has been checked from end to end; its parts are taken out, and their escapes resolved, when asked for.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    number: usize,
    text: &'a str,
    series: Series<'a>,
    fields: &'a [u8],
    timestamp: Option<i64>,
}

impl<'a> Line<'a> {
    fn parse(raw: &RawLine<'a>) -> Result<Self, Fault> {
        let text = raw.text()?;
        let bytes = text.as_bytes();
        let point = || {
            let (rest, series) = grammar::series(&bytes[leaf::blank_len(bytes)..])?;
            let fields = &rest[leaf::blank_len(rest)..];
            let (rest, ()) = grammar::fields(fields, series.raw.len(), |_| ())?;
            let (_, timestamp) = grammar::timestamp(rest)?;
            Ok(Line { number: raw.number, text, series, fields, timestamp })
        };
        point().map_err(|error| fault_of(&error))
    }

    /// The line of the body on which the point begins, from 1.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.number
    }

    /// The line as it stands, without the line feed and carriage return that end it.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// The measurement.
    #[must_use]
    pub fn measurement(&self) -> Cow<'a, str> {
        unescape(part(self.text, self.series.measurement), QUOTED)
    }

    /// The tags, key and value, in the order of the line. No key occurs twice.
    #[must_use]
    pub fn tags(&self) -> LineTags<'a> {
        LineTags { text: self.text, tags: self.series.tags() }
    }

    /// The fields, key and value, in the order of the line. A key may occur twice: the last counts.
    #[must_use]
    pub const fn fields(&self) -> LineFields<'a> {
        LineFields { text: self.text, rest: self.fields }
    }

    /// The timestamp, if there is one, in the unit that the sender of the body means.
    #[must_use]
    pub const fn timestamp(&self) -> Option<i64> {
        self.timestamp
    }
}

/// Iterates over the tags of a line; see [`Line::tags`].
#[derive(Debug, Clone)]
pub struct LineTags<'a> {
    text: &'a str,
    tags: TagsOf<'a>,
}

impl<'a> Iterator for LineTags<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.tags.next()?;
        Some((unescape(part(self.text, key), PLAIN), unescape(part(self.text, value), PLAIN)))
    }
}

/// Iterates over the fields of a line; see [`Line::fields`].
#[derive(Debug, Clone)]
pub struct LineFields<'a> {
    text: &'a str,
    rest: &'a [u8],
}

impl<'a> Iterator for LineFields<'a> {
    type Item = (Cow<'a, str>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        // The line has been checked: what does not parse is the blank after the last field.
        let (rest, (key, value)) = grammar::field(self.rest).ok()?;
        self.rest = rest.strip_prefix(b",").unwrap_or_default();
        Some((unescape(part(self.text, key), QUOTED), Value::resolve(self.text, value)))
    }
}

/// A field value of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A float; always finite.
    Float(f64),
    /// A signed integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// True or false.
    Boolean(bool),
    /// Text.
    String(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// The value of `raw`, which is a part of `text`.
    fn resolve(text: &'a str, raw: RawValue<'a>) -> Self {
        match raw {
            RawValue::Float(value) => Value::Float(value),
            RawValue::Integer(value) => Value::Integer(value),
            RawValue::Unsigned(value) => Value::Unsigned(value),
            RawValue::Boolean(value) => Value::Boolean(value),
            RawValue::String(value) => Value::String(unescape(part(text, value), STRING)),
        }
    }

    /// The same value as the data model has it.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::Float(value) => ValueRef::Float(*value),
            Value::Integer(value) => ValueRef::Integer(*value),
            Value::Unsigned(value) => ValueRef::Unsigned(*value),
            Value::Boolean(value) => ValueRef::Boolean(*value),
            Value::String(value) => ValueRef::String(value),
        }
    }
}

impl From<Value<'_>> for FieldValue {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Float(value) => FieldValue::Float(value),
            Value::Integer(value) => FieldValue::Integer(value),
            Value::Unsigned(value) => FieldValue::Unsigned(value),
            Value::Boolean(value) => FieldValue::Boolean(value),
            Value::String(value) => FieldValue::String(value.into_owned()),
        }
    }
}

/// Cuts a body into lines, leaving out blank ones and comments.
#[derive(Debug, Clone)]
pub(super) struct RawLines<'a> {
    body: Body<'a>,
    at: usize,
    /// The line that begins at `at`, from 1.
    number: usize,
}

/// Lines, and whether they are text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body<'a> {
    pub(super) bytes: &'a [u8],
    /// The same as text, if all of it is UTF-8: then it is looked at only once. Not found out before somebody asks.
    text: Option<Option<&'a str>>,
}

/// A line, not looked at yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawLine<'a> {
    pub(super) bytes: &'a [u8],
    text: Option<&'a str>,
    pub(super) number: usize,
}

impl<'a> RawLines<'a> {
    pub(super) const fn new(body: &'a [u8]) -> Self {
        RawLines { body: Body::new(body), at: 0, number: 1 }
    }
}

impl<'a> Iterator for RawLines<'a> {
    type Item = RawLine<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawLine<'a>> {
        while self.at < self.body.bytes.len() {
            let number = self.number;
            let (line, next, inner_line_feeds) = self.body.line_at(self.at, number);
            self.at = next;
            self.number += 1 + inner_line_feeds;
            if line.is_point() {
                return Some(line);
            }
        }
        None
    }
}

impl<'a> Body<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Body { bytes, text: None }
    }

    /// The body as text, if all of it is UTF-8.
    #[inline]
    pub(super) fn text(&mut self) -> Option<&'a str> {
        *self.text.get_or_insert_with(|| std::str::from_utf8(self.bytes).ok())
    }

    /// The line `number` that begins at `at`, where the next begins, and how many line feeds are in its texts.
    #[inline]
    pub(super) fn line_at(&mut self, at: usize, number: usize) -> (RawLine<'a>, usize, usize) {
        let rest = &self.bytes[at..];
        let (len, inner_line_feeds) = leaf::line_len(rest);
        let bytes = rest[..len].strip_suffix(b"\r").unwrap_or(&rest[..len]);
        let text = self.text().and_then(|text| text.get(at..at + bytes.len()));
        let next = (at + len + 1).min(self.bytes.len());
        (RawLine { bytes, text, number }, next, inner_line_feeds)
    }
}

impl<'a> RawLine<'a> {
    /// Whether it holds a point, or should: it is neither blank nor a comment.
    #[inline]
    pub(super) fn is_point(&self) -> bool {
        !matches!(self.bytes[leaf::blank_len(self.bytes)..].first(), None | Some(b'#'))
    }

    /// The line as text.
    pub(super) fn text(&self) -> Result<&'a str, Fault> {
        if let Some(text) = self.text {
            return Ok(text);
        }
        std::str::from_utf8(self.bytes)
            .map_err(|error| Fault::at(&self.bytes[error.valid_up_to()..], Kind::Utf8))
    }
}

/// The fault in what nom passes up. No parser here asks for more input.
pub(super) fn fault_of(error: &nom::Err<Fault>) -> Fault {
    match error {
        nom::Err::Error(fault) | nom::Err::Failure(fault) => *fault,
        nom::Err::Incomplete(_) => Fault::at(&[], Kind::NoFields),
    }
}

/// `bytes`, a part of `text` cut at ASCII characters, as text.
#[inline]
pub(super) fn part<'a>(text: &'a str, bytes: &'a [u8]) -> &'a str {
    let start = text.as_bytes().offset(bytes);
    text.get(start..start + bytes.len()).unwrap_or_default()
}

/// What a backslash makes ordinary in tag keys and values.
pub(super) const PLAIN: &[u8] = b",= ";
/// What a backslash makes ordinary in measurements and field keys: the quote too, though it is ordinary there anyway.
pub(super) const QUOTED: &[u8] = b",= \"";
/// What a backslash makes ordinary in strings.
pub(super) const STRING: &[u8] = b"\"\\";

/// `text` with the backslashes before `special` characters taken out; others stand for themselves.
pub(super) fn unescape<'a>(text: &'a str, special: &[u8]) -> Cow<'a, str> {
    let Some(first) = memchr::memchr(b'\\', text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut plain = String::with_capacity(text.len());
    plain.push_str(&text[..first]);
    let mut rest = &text[first..];
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.as_bytes().first() {
            Some(next) if special.contains(next) => {
                plain.push(char::from(*next));
                rest = &rest[1..];
            }
            _ => plain.push('\\'),
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}
