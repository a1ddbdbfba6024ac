//! From lines into a batch.
//!
//! A line's parts are found by the grammar, with two shortcuts that give what the grammar would give: the series by its
//! [memo](super::memo), and a field key by looking whether the key that stood in this place on the last line stands
//! there again. The row is written only when the whole line has been found good.

use std::borrow::Cow;
use std::fmt;

use stripchart_core::{Batch, BatchSeries, KeyError, MAX_KEY_LEN, Precision, RowWriter, Timestamp};

use super::error::{Fault, Kind, ParseError};
use super::grammar::{self, RawValue, Series};
use super::leaf;
use super::line::{PLAIN, QUOTED, RawLine, RawLines, STRING, fault_of, part, unescape};
use super::memo::{self, Memo};
use super::number;

/// Errors that a report keeps.
const ERRORS_KEPT: usize = 64;

/// Memory for remembered series, unless told otherwise.
const MEMO_BYTES: usize = 8 << 20;

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
    memo: Memo,
}

impl Default for LineParser {
    fn default() -> Self {
        LineParser::new()
    }
}

impl LineParser {
    /// A parser that spends up to 8 MiB on remembering series, about 20 000 of ten tags each.
    #[must_use]
    pub const fn new() -> Self {
        LineParser::with_memo_bytes(MEMO_BYTES)
    }

    /// A parser that spends up to `bytes` on remembering series; 0 to remember none. Allocates nothing yet.
    #[must_use]
    pub const fn with_memo_bytes(bytes: usize) -> Self {
        LineParser { memo: Memo::new(bytes) }
    }

    /// Bytes that the remembered series take now.
    #[must_use]
    pub fn memo_bytes(&self) -> usize {
        self.memo.bytes()
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
        let mut row = Row {
            slots: Vec::new(),
            precision,
            default_time: default_time.align_down(precision.nanos()),
        };
        for line in RawLines::new(body) {
            match self.line(line, &mut row, batch) {
                Ok(()) => {
                    report.rows += 1;
                    if batch.padding() > max_padding && !full(batch) {
                        break;
                    }
                }
                Err(fault) => report.refuse(line, fault),
            }
        }
        report
    }

    fn line<'a>(
        &mut self,
        line: RawLine<'a>,
        row: &mut Row<'a>,
        batch: &mut Batch,
    ) -> Result<(), Fault> {
        let text = line.text()?;
        let bytes = text.as_bytes();
        let point = &bytes[leaf::blank_len(bytes)..];
        let raw = &point[..leaf::series_len(point)];
        let hash = memo::hash(raw);
        let rest = &point[raw.len()..];
        let known = if rest.is_empty() { None } else { self.memo.get(hash, raw, batch) };
        let new = match known {
            Some(_) => None,
            None => Some(grammar::series(point).map_err(|error| fault_of(&error))?.1),
        };
        let rest = row.fields(text, &rest[leaf::blank_len(rest)..], raw.len())?;
        let at = row.time(rest)?;
        // Only now is the line known to be good.
        let series = match (known, new) {
            (Some(series), _) => series,
            (None, Some(new)) => {
                let series =
                    enter(text, new, batch).map_err(|error| Fault::at(point, kind_of(&error)))?;
                self.memo.insert(hash, part(text, raw), series, batch);
                series
            }
            (None, None) => return Err(Fault::at(point, Kind::EmptyMeasurement)),
        };
        row.write(text, series, at, batch);
        Ok(())
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
    precision: Precision,
    default_time: Timestamp,
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
            && let Some(rest) = self.same_fields(input)
        {
            return Ok(rest);
        }
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
            match number::common(value) {
                Some((len, common)) => (rest, slot.value) = (&value[len..], common),
                None => (rest, slot.value) = grammar::field_value(value).ok()?,
            }
            match rest.first() {
                Some(b',') if index < last => rest = &rest[1..],
                None | Some(b' ') if index == last => {}
                _ => return None,
            }
        }
        Some(rest)
    }

    /// Reads the timestamp that `input` may hold after the fields.
    fn time(&self, input: &[u8]) -> Result<Timestamp, Fault> {
        let (_, count) = grammar::timestamp(input).map_err(|error| fault_of(&error))?;
        let Some(count) = count else { return Ok(self.default_time) };
        count
            .checked_mul(self.precision.nanos())
            .map(Timestamp::from_nanos)
            .filter(|at| (Timestamp::MIN..=Timestamp::MAX).contains(at))
            .ok_or_else(|| Fault::at(&input[leaf::blank_len(input)..], Kind::TimeRange))
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

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ParseReport {
    /// Points appended to the batch.
    pub rows: usize,
    /// What was wrong with the first 64 of the lines that were refused.
    pub errors: Vec<ParseError>,
    /// Lines refused.
    pub error_count: usize,
}

impl ParseReport {
    /// Whether no line was refused.
    #[must_use]
    pub const fn is_ok(&self) -> bool {
        self.error_count == 0
    }

    /// InfluxDB's sentences for the refused lines, one each, as its answer to a write has them; `None` if there are none.
    ///
    /// Where some points were good, InfluxDB puts `partial write: ` before and ` dropped=0` behind.
    #[must_use]
    pub fn influxdb_message(&self) -> Option<String> {
        let sentences: Vec<_> = self.errors.iter().map(ParseError::influxdb_message).collect();
        (!self.is_ok()).then(|| sentences.join("\n"))
    }

    #[cold]
    fn refuse(&mut self, line: RawLine<'_>, fault: Fault) {
        self.error_count += 1;
        if self.errors.len() < ERRORS_KEPT {
            self.errors.push(ParseError::new(line.bytes, line.number, fault));
        }
    }
}

impl fmt::Display for ParseReport {
    /// One line for each error kept, and one for how many were not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        match self.error_count - self.errors.len() {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}
