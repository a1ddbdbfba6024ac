//! From lines into a batch.
//!
//! Most lines are like those before them and take the [shortcut](super::shortcut). What that declines is read here, by the
//! grammar, with two shortcuts of its own that give what the grammar would give: the series by its [memo](super::memo), and a
//! field key by looking whether the key that stood in this place on the last line stands there again. The row is written
//! only when the whole line has been found good, and is the model of later lines then.

use std::borrow::Cow;

use stripchart_core::{
    Batch, BatchIdentity, BatchSeries, FieldType, KeyError, MAX_KEY_LEN, Precision, RowWriter,
    Timestamp,
};

use super::error::{Fault, Kind};
use super::grammar::{self, RawValue, Series};
use super::leaf;
use super::line::{Body, PLAIN, QUOTED, RawLine, STRING, fault_of, part, unescape};
use super::report::ParseReport;
use super::shortcut::{Shortcuts, Times};
use super::template;

/// Memory for remembered series, unless told otherwise.
const MEMO_BYTES: usize = 32 << 20;

/// Lines shorter than this cannot exceed [`MAX_KEY_LEN`] with series and field key.
const LONG_LINE: usize = MAX_KEY_LEN - 8;

/// Appends the points of `body` to `batch`; see [`LineParser::parse`], which is quicker the second time.
///
/// ```
/// use stripchart_core::{Batch, Precision, Timestamp};
/// use stripchart_storage::line_protocol::parse_lines;
///
/// let body = b"cpu,host=a user=1.5 60\ncpu,host=b user=\nmem,host=a used=7i";
/// let (mut batch, now) = (Batch::new(), Timestamp::from_secs(90));
/// let report = parse_lines(body, Precision::Minutes, now, &mut batch);
/// assert_eq!(report.rows, 2);
/// assert_eq!(report.errors[0].influxdb_message(), "unable to parse 'cpu,host=b user=': missing field value");
/// let times: Vec<_> = batch.tables().map(|table| table.timestamps()[0] / 1_000_000_000).collect();
/// assert_eq!(times, [3600, 60]); // 60 minutes; now, in whole minutes
/// ```
pub fn parse_lines(
    body: &[u8],
    precision: Precision,
    default_time: Timestamp,
    batch: &mut Batch,
) -> ParseReport {
    LineParser::new().parse(body, precision, default_time, batch)
}

/// Reads bodies, and remembers which `measurement,tags` text is which series.
///
/// Keep one for each source of bodies, with a batch that is [cleared](Batch::clear) rather than dropped: then a series'
/// tags are parsed when they first come and never again. Another batch, or one that was reset, does no harm.
///
/// ```
/// use stripchart_core::{Batch, Precision, Timestamp};
/// use stripchart_storage::line_protocol::LineParser;
///
/// let (mut parser, mut batch) = (LineParser::new(), Batch::new());
/// for second in 0..3 {
///     let body = format!("cpu,host=a,core=0 user={second}i {second}\n");
///     let report = parser.parse(body.as_bytes(), Precision::Seconds, Timestamp::EPOCH, &mut batch);
///     assert_eq!((report.rows, report.error_count), (1, 0));
///     // ... write the batch ...
///     batch.clear();
/// }
/// ```
#[derive(Debug)]
pub struct LineParser {
    shortcuts: Shortcuts,
    /// The batch to which what the shortcuts remember belongs.
    identity: Option<BatchIdentity>,
    grammar_alone: bool,
}

impl Default for LineParser {
    fn default() -> Self {
        LineParser::new()
    }
}

impl LineParser {
    /// A parser that spends up to 32 MiB on remembering series, about 150 000 of ten tags each.
    #[must_use]
    pub const fn new() -> Self {
        LineParser::with_memo_bytes(MEMO_BYTES)
    }

    /// A parser that spends up to `bytes` on remembering series; 0 to remember none. Allocates nothing yet.
    #[must_use]
    pub const fn with_memo_bytes(bytes: usize) -> Self {
        LineParser { shortcuts: Shortcuts::new(bytes), identity: None, grammar_alone: false }
    }

    /// The same without any shortcut: slow, and right by definition. For tests that compare the two.
    #[doc(hidden)]
    #[must_use]
    pub const fn grammar_alone() -> Self {
        LineParser { shortcuts: Shortcuts::new(0), identity: None, grammar_alone: true }
    }

    /// Bytes that the remembered series take now.
    #[must_use]
    pub const fn memo_bytes(&self) -> usize {
        self.shortcuts.memo.bytes()
    }

    /// Appends the points of `body` to `batch` and tells which lines it refused; those cost the others nothing.
    ///
    /// Timestamps are counted in `precision`. Points without one get `default_time`, rounded down to `precision`.
    pub fn parse(
        &mut self,
        body: &[u8],
        precision: Precision,
        default_time: Timestamp,
        batch: &mut Batch,
    ) -> ParseReport {
        self.parse_in_pieces(body, precision, default_time, batch, usize::MAX, &mut |_| true)
    }

    /// The same, but whenever the [padding](Batch::padding) of `batch` exceeds `max_padding`, it is given to `full`, which
    /// makes room and says whether to go on.
    pub(crate) fn parse_in_pieces(
        &mut self,
        body: &[u8],
        precision: Precision,
        default_time: Timestamp,
        batch: &mut Batch,
        max_padding: usize,
        full: &mut dyn FnMut(&mut Batch) -> bool,
    ) -> ParseReport {
        let mut report = ParseReport::default();
        let mut body = Body::new(body);
        let mut lines_before = LineCount::default();
        let mut times = Times::new(precision, default_time);
        let mut row = Row { slots: Vec::new(), template: None, grammar_alone: self.grammar_alone };
        self.belong_to(batch);
        self.shortcuts.begin_body();
        let mut at = 0;
        while at < body.bytes.len() {
            if let Some(next) = self.shortcuts.line(&mut body, at, &mut times, batch) {
                report.rows += 1;
                at = next;
            } else {
                let number = lines_before.number(body.bytes, at);
                let (line, next, _) = body.line_at(at, number);
                at = next;
                if !line.is_point() {
                    continue;
                }
                match self.line(line, &mut row, &times, batch) {
                    Ok(()) => report.rows += 1,
                    Err(fault) => {
                        report.refuse(&line, fault);
                        continue;
                    }
                }
            }
            if batch.padding() > max_padding {
                if !full(batch) {
                    break;
                }
                self.belong_to(batch);
                row.template = None;
            }
        }
        report
    }

    /// Forgets what was remembered of another batch.
    fn belong_to(&mut self, batch: &Batch) {
        if self.identity.as_ref() != Some(batch.identity()) {
            self.shortcuts.clear();
            self.identity = Some(batch.identity().clone());
        }
    }

    /// Reads a line by the grammar, and remembers it.
    fn line<'a>(
        &mut self,
        line: RawLine<'a>,
        row: &mut Row<'a>,
        times: &Times,
        batch: &mut Batch,
    ) -> Result<(), Fault> {
        let text = line.text()?;
        let bytes = text.as_bytes();
        let point = &bytes[leaf::blank_len(bytes)..];
        let series_len = leaf::series_len(point);
        let rest = &point[series_len..];
        // With the space that ends it.
        let raw =
            if rest.is_empty() || self.grammar_alone { None } else { point.get(..=series_len) };
        let known = raw.and_then(|raw| self.shortcuts.series(raw));
        let new = match known {
            Some(_) => None,
            None => Some(grammar::series(point).map_err(|error| fault_of(&error))?.1),
        };
        let rest = row.fields(text, &rest[leaf::blank_len(rest)..], series_len)?;
        let at = time(rest, times)?;
        // Only now is the line known to be good.
        let series = match (known, new) {
            (Some(series), _) => series,
            (None, Some(new)) => {
                enter(text, new, batch).map_err(|error| Fault::at(point, kind_of(&error)))?
            }
            (None, None) => return Err(Fault::at(point, Kind::EmptyMeasurement)),
        };
        row.write(text, series, at, batch);
        if let Some(raw) = raw {
            let template = match row.template {
                Some(template) => template,
                None => row.foretold().map_or(template::NONE, |fields| {
                    self.shortcuts.templates.learn(&fields, batch)
                }),
            };
            row.template = Some(template);
            self.shortcuts.learn(raw, series, template);
        }
        Ok(())
    }
}

/// Reads the timestamp that `input` may hold after the fields.
fn time(input: &[u8], times: &Times) -> Result<Timestamp, Fault> {
    let (_, count) = grammar::timestamp(input).map_err(|error| fault_of(&error))?;
    let Some(count) = count else { return Ok(times.default_time()) };
    times.at(count).ok_or_else(|| Fault::at(&input[leaf::blank_len(input)..], Kind::TimeRange))
}

/// Counts the lines of a body, as far as it was asked to.
#[derive(Debug, Default)]
struct LineCount {
    counted: usize,
    line_feeds: usize,
}

impl LineCount {
    /// The number, from 1, of the line that begins at `at`, which is never before where it was last asked about.
    fn number(&mut self, body: &[u8], at: usize) -> usize {
        self.line_feeds += memchr::memchr_iter(b'\n', &body[self.counted..at]).count();
        self.counted = at;
        self.line_feeds + 1
    }
}

/// Enters `series` into `batch`, escapes resolved.
fn enter(text: &str, series: Series<'_>, batch: &mut Batch) -> Result<BatchSeries, KeyError> {
    let measurement = unescape(part(text, series.measurement), QUOTED);
    let plain = |name| unescape(part(text, name), PLAIN);
    let tags: Vec<_> = series.tags().map(|(key, value)| (plain(key), plain(value))).collect();
    batch.series(&measurement, tags.iter().map(|(key, value)| (&**key, &**value)))
}

/// The grammar's word for what a key refuses. The grammar has refused it before: this is for completeness.
fn kind_of(error: &KeyError) -> Kind {
    match error {
        KeyError::TooLong { len } => {
            Kind::SeriesTooLong { len: u32::try_from(*len).unwrap_or(u32::MAX) }
        }
        KeyError::DuplicateTag { .. } => Kind::DuplicateTag,
        KeyError::Nul { .. } => Kind::NulInName,
        KeyError::EmptyTagKey => Kind::EmptyTagKey,
        KeyError::EmptyTagValue { .. } => Kind::EmptyTagValue,
        _ => Kind::EmptyMeasurement,
    }
}

/// The row being read; between rows, what the last one looked like.
struct Row<'a> {
    slots: Vec<Slot<'a>>,
    /// The template of lines that look like the last one; `None` while nobody has asked for it.
    template: Option<u32>,
    grammar_alone: bool,
}

/// A field of the row.
struct Slot<'a> {
    /// The key as it stands.
    key: &'a str,
    /// Whether it contains a backslash.
    escaped: bool,
    /// Whether a later field has the same key, and so counts instead.
    shadowed: bool,
    value: RawValue<'a>,
}

impl Slot<'_> {
    fn name(&self) -> Cow<'_, str> {
        if self.escaped { unescape(self.key, QUOTED) } else { Cow::Borrowed(self.key) }
    }
}

impl<'a> Row<'a> {
    /// Reads the fields that begin `input`; gives what follows them.
    fn fields(
        &mut self,
        text: &'a str,
        input: &'a [u8],
        series_len: usize,
    ) -> Result<&'a [u8], Fault> {
        if text.len() < LONG_LINE
            && !self.grammar_alone
            && let Some(rest) = self.same_fields(input)
        {
            return Ok(rest);
        }
        self.template = None;
        let slots = &mut self.slots;
        slots.clear();
        let (rest, ()) = grammar::fields(input, series_len, |(key, value)| {
            let key = part(text, key);
            slots.push(Slot { key, escaped: key.contains('\\'), shadowed: false, value });
        })
        .map_err(|error| {
            slots.clear(); // the next line must not take a part of this one for its model
            fault_of(&error)
        })?;
        shadow(slots);
        Ok(rest)
    }

    /// Reads the fields that begin `input` if they have the last line's keys, in the same order; `None` if not, or if
    /// there is anything wrong with them.
    ///
    /// A key of the last line that is followed by `=` here is the key here: it has no delimiter in it, and does not end
    /// in a backslash, or it would not have been a key there.
    #[inline]
    fn same_fields(&mut self, input: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = input;
        let last = self.slots.len().checked_sub(1)?;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let value = rest.strip_prefix(slot.key.as_bytes())?.strip_prefix(b"=")?;
            let of = slot.value.field_type();
            (rest, slot.value) = grammar::field_value(value).ok()?;
            if slot.value.field_type() != of {
                self.template = None;
            }
            match rest.first() {
                Some(b',') if index < last => rest = &rest[1..],
                None | Some(b' ') if index == last => {}
                _ => return None,
            }
        }
        Some(rest)
    }

    /// Names and types, if they can serve as a template.
    fn foretold(&self) -> Option<Vec<(&'a str, FieldType)>> {
        let plain = |slot: &Slot<'a>| {
            let plain = !slot.escaped && !slot.shadowed;
            plain.then(|| (slot.key, slot.value.field_type()))
        };
        self.slots.iter().map(plain).collect()
    }

    fn write(&self, text: &'a str, series: BatchSeries, at: Timestamp, batch: &mut Batch) {
        let mut row = batch.row(series, at);
        for slot in self.slots.iter().filter(|slot| !slot.shadowed) {
            if slot.escaped {
                slot.value.add_to(&mut row, &slot.name(), text);
            } else {
                slot.value.add_to(&mut row, slot.key, text);
            }
        }
    }
}

impl RawValue<'_> {
    /// Adds the value, a part of `text`, to `row` as field `name`.
    #[inline]
    fn add_to(&self, row: &mut RowWriter<'_>, name: &str, text: &str) {
        // By reference: to copy the value would be to wait until its parts, just written, can be read as a whole.
        match self {
            RawValue::Float(value) => row.field(name, *value),
            RawValue::Integer(value) => row.field(name, *value),
            RawValue::Unsigned(value) => row.field(name, *value),
            RawValue::Boolean(value) => row.field(name, *value),
            RawValue::String(value) => row.field(name, &*unescape(part(text, value), STRING)),
        }
    }
}

/// Marks the fields whose key comes again. The batch would take the later value of one type, but keep both of two.
fn shadow(slots: &mut [Slot<'_>]) {
    /// Up to so many, comparing each with each is quicker than sorting.
    const FEW: usize = 24;
    let mut twice = Vec::new();
    if slots.len() <= FEW && slots.iter().all(|slot| !slot.escaped) {
        for (index, slot) in slots.iter().enumerate() {
            if slots[index + 1..].iter().any(|later| later.key == slot.key) {
                twice.push(index);
            }
        }
    } else {
        let mut order: Vec<(Cow<'_, str>, usize)> =
            slots.iter().enumerate().map(|(index, slot)| (slot.name(), index)).collect();
        order.sort_unstable();
        twice.extend(order.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].1));
    }
    for index in twice {
        slots[index].shadowed = true;
    }
}
