//! What is wrong with a line: in the parser's two words, and in the reader's many.
//!
//! The grammar reports a [`Fault`], 16 bytes that cost nothing to pass up through the combinators. Only when the line
//! has been given up is it turned into a [`ParseError`], which looks at the line again to say where, what was expected
//! and what was found.

use std::fmt;

/// Bytes of a line that a [`ParseError`] quotes at most.
const TEXT_LEN_MAX: usize = 4096;

/// Characters of what was found that a [`ParseError`] quotes at most.
const FOUND_LEN_MAX: usize = 40;

/// Where the grammar stopped, and why.
///
/// The place is counted from the end of the line, because that is what every parser knows: the length of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) remaining: usize,
}

const _: () = assert!(size_of::<Fault>() <= 16, "a fault is passed up through every combinator");

impl Fault {
    /// A fault at the beginning of `input`, which must reach to the end of the line.
    pub(super) const fn at(input: &[u8], kind: Kind) -> Self {
        Fault { kind, remaining: input.len() }
    }

    /// The same, final: no other branch of the grammar is to be tried.
    pub(super) const fn cut(input: &[u8], kind: Kind) -> nom::Err<Self> {
        nom::Err::Failure(Fault::at(input, kind))
    }
}

impl nom::error::ParseError<&[u8]> for Fault {
    /// Faults of nom's own parsers. The grammar uses them only where it has looked ahead, or says better itself.
    fn from_error_kind(input: &[u8], _: nom::error::ErrorKind) -> Self {
        Fault::at(input, Kind::FieldWithoutValue)
    }

    fn append(_: &[u8], _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }
}

/// Why the grammar stopped; finer than [`Reason`], which says it in InfluxDB's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    EmptyMeasurement,
    NoFields,
    EmptyTagKey,
    TagWithoutValue,
    EmptyTagValue,
    TagWithTwoValues,
    DuplicateTag,
    SeriesTooLong { len: u32 },
    EmptyFieldKey,
    FieldWithoutValue,
    EmptyFieldValue,
    AfterString,
    OpenString,
    Number,
    IntegerRange,
    UnsignedRange,
    Float,
    Boolean,
    Timestamp,
    TimestampSign,
    TimestampRange,
    TimeRange,
    AfterTimestamp,
    NulInName,
    Utf8,
    LineTooLong { max: u32 },
}

impl Kind {
    const fn expected(self) -> &'static str {
        match self {
            Kind::EmptyMeasurement => "a measurement",
            Kind::NoFields => "a space and a field",
            Kind::EmptyTagKey => "a tag key",
            Kind::TagWithoutValue => "'=' and a tag value",
            Kind::EmptyTagValue => "a tag value",
            Kind::TagWithTwoValues => "',' or a space; '=' in a tag value is written '\\='",
            Kind::DuplicateTag => "a tag key not given before",
            Kind::SeriesTooLong { .. } => "measurement, tags and field key of at most 65535 bytes",
            Kind::EmptyFieldKey => "a field key",
            Kind::FieldWithoutValue => "'=' and a field value",
            Kind::EmptyFieldValue => "a field value",
            Kind::AfterString => "',' or a space after the string",
            Kind::OpenString => "a closing '\"'",
            Kind::Number => "a number: 1.5, 1i or 1u",
            Kind::IntegerRange => "an integer of 64 bits",
            Kind::UnsignedRange => "an unsigned integer of 64 bits",
            Kind::Float => "a float of 64 bits",
            Kind::Boolean => {
                "a number, a string in double quotes, or t, T, true, True, TRUE, f, F, false, False, FALSE"
            }
            Kind::Timestamp | Kind::TimestampSign => "an integer timestamp",
            Kind::TimestampRange => "a timestamp of 64 bits",
            Kind::TimeRange => "a time between the years 1677 and 2262; is the precision right?",
            Kind::AfterTimestamp => "the end of the line",
            Kind::NulInName => "a name without the NUL character",
            Kind::Utf8 => "UTF-8",
            Kind::LineTooLong { .. } => "the end of the line",
        }
    }

    /// In InfluxDB's words, where `token` is the number in question.
    fn reason(self, token: &str) -> Reason {
        let token = || clip(token, FOUND_LEN_MAX);
        match self {
            Kind::EmptyMeasurement => Reason::MissingMeasurement,
            Kind::NoFields => Reason::MissingFields,
            Kind::EmptyTagKey => Reason::MissingTagKey,
            Kind::TagWithoutValue | Kind::EmptyTagValue => Reason::MissingTagValue,
            Kind::TagWithTwoValues => Reason::InvalidTagFormat,
            Kind::DuplicateTag => Reason::DuplicateTags,
            Kind::SeriesTooLong { len } => Reason::KeyTooLong { len },
            Kind::EmptyFieldKey => Reason::MissingFieldKey,
            Kind::FieldWithoutValue | Kind::AfterString => Reason::InvalidFieldFormat,
            Kind::EmptyFieldValue => Reason::MissingFieldValue,
            Kind::OpenString => Reason::UnbalancedQuotes,
            Kind::Number => Reason::InvalidNumber,
            Kind::IntegerRange => {
                Reason::IntegerOutOfRange { number: token().trim_end_matches('i').to_owned() }
            }
            Kind::UnsignedRange => {
                Reason::UnsignedOutOfRange { number: token().trim_end_matches('u').to_owned() }
            }
            Kind::Float => Reason::InvalidFloat,
            Kind::Boolean => Reason::InvalidBoolean,
            Kind::Timestamp => Reason::BadTimestamp,
            Kind::TimestampSign => Reason::TimestampWithoutDigits { number: token() },
            Kind::TimestampRange => Reason::TimestampOutOfRange { number: token() },
            Kind::TimeRange => Reason::TimeOutsideRange,
            Kind::AfterTimestamp => Reason::TextAfterTimestamp,
            Kind::NulInName => Reason::NulInName,
            Kind::Utf8 => Reason::InvalidUtf8,
            Kind::LineTooLong { max } => Reason::LineTooLong { max },
        }
    }
}

/// Why a line was refused. Displays in InfluxDB's words, where InfluxDB has any.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The line begins with a comma.
    MissingMeasurement,
    /// The line ends after the series.
    MissingFields,
    /// A comma after measurement or tag is followed by no key.
    MissingTagKey,
    /// A tag key is followed by no `=`, or that by nothing.
    MissingTagValue,
    /// A tag value contains a `=` that is not escaped.
    InvalidTagFormat,
    /// A tag key occurs twice.
    DuplicateTags,
    /// Measurement, tags and field key are too long together.
    KeyTooLong {
        /// Bytes that they have, as InfluxDB counts them.
        len: u32,
    },
    /// A `=` among the fields has no key before it.
    MissingFieldKey,
    /// A `=` among the fields has no value after it.
    MissingFieldValue,
    /// A field has no `=`, or something follows the closing quote of its text.
    InvalidFieldFormat,
    /// A text has no closing quote, or one too many.
    UnbalancedQuotes,
    /// A value begins as a number but is none.
    InvalidNumber,
    /// An integer does not fit in 64 bits.
    IntegerOutOfRange {
        /// Its digits.
        number: String,
    },
    /// An unsigned integer does not fit in 64 bits.
    UnsignedOutOfRange {
        /// Its digits.
        number: String,
    },
    /// A float does not fit in 64 bits, or its exponent has no digits.
    InvalidFloat,
    /// A value is neither number nor text nor a spelling of true or false.
    InvalidBoolean,
    /// The timestamp is not an integer.
    BadTimestamp,
    /// The timestamp is a lone `-`.
    TimestampWithoutDigits {
        /// What stands there.
        number: String,
    },
    /// The timestamp does not fit in 64 bits.
    TimestampOutOfRange {
        /// Its digits.
        number: String,
    },
    /// The timestamp, counted in the precision of the body, lies outside the years that nanoseconds of 64 bits cover.
    TimeOutsideRange,
    /// Something follows the timestamp.
    TextAfterTimestamp,
    /// A name contains the NUL character, which InfluxDB would take.
    NulInName,
    /// The line is not UTF-8, which InfluxDB would take.
    InvalidUtf8,
    /// More of the line than may be kept came without its end, to a [`LineFeeder`](super::LineFeeder).
    LineTooLong {
        /// Bytes that may be kept.
        max: u32,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::MissingMeasurement => f.write_str("missing measurement"),
            Reason::MissingFields => f.write_str("missing fields"),
            Reason::MissingTagKey => f.write_str("missing tag key"),
            Reason::MissingTagValue => f.write_str("missing tag value"),
            Reason::InvalidTagFormat => f.write_str("invalid tag format"),
            Reason::DuplicateTags => f.write_str("duplicate tags"),
            Reason::KeyTooLong { len } => {
                write!(f, "max key length exceeded: {len} > {}", stripchart_core::MAX_KEY_LEN)
            }
            Reason::MissingFieldKey => f.write_str("missing field key"),
            Reason::MissingFieldValue => f.write_str("missing field value"),
            Reason::InvalidFieldFormat => f.write_str("invalid field format"),
            Reason::UnbalancedQuotes => f.write_str("unbalanced quotes"),
            Reason::InvalidNumber => f.write_str("invalid number"),
            Reason::IntegerOutOfRange { number } => write!(
                f,
                "unable to parse integer {number}: strconv.ParseInt: parsing \"{number}\": value out of range"
            ),
            Reason::UnsignedOutOfRange { number } => write!(
                f,
                "unable to parse unsigned {number}: strconv.ParseUint: parsing \"{number}\": value out of range"
            ),
            Reason::InvalidFloat => f.write_str("invalid float"),
            Reason::InvalidBoolean => f.write_str("invalid boolean"),
            Reason::BadTimestamp => f.write_str("bad timestamp"),
            Reason::TimestampWithoutDigits { number } => {
                write!(f, "strconv.ParseInt: parsing \"{number}\": invalid syntax")
            }
            Reason::TimestampOutOfRange { number } => {
                write!(f, "strconv.ParseInt: parsing \"{number}\": value out of range")
            }
            Reason::TimeOutsideRange => {
                f.write_str("time outside range -9223372036854775806 - 9223372036854775806")
            }
            Reason::TextAfterTimestamp => f.write_str("point is invalid"),
            Reason::NulInName => f.write_str("name contains the NUL character"),
            Reason::InvalidUtf8 => f.write_str("invalid UTF-8"),
            Reason::LineTooLong { max } => write!(f, "line of more than {max} bytes"),
        }
    }
}

/// A line that was refused. Displays as InfluxDB's sentence, then the position:
///
/// ```
/// use stripchart_storage::line_protocol::lines;
/// let error = lines(b"cpu user=1\ncpu,host=a user=").nth(1).unwrap().unwrap_err();
/// assert_eq!((error.line, error.column), (2, 17));
/// assert_eq!(
///     error.to_string(),
///     "unable to parse 'cpu,host=a user=': missing field value \
///      (line 2, column 17: expected a field value, found the end of the line)"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseError {
    /// The line of the body, from 1; a text with line feeds in it makes a point span several.
    pub line: usize,
    /// The byte of that line, from 1, where it went wrong.
    pub column: usize,
    /// The line without blanks before it, cut after 4096 bytes; what is not UTF-8 replaced by U+FFFD.
    pub text: String,
    /// What is wrong.
    pub reason: Reason,
    /// What should have stood there.
    pub expected: &'static str,
    /// What stands there instead.
    pub found: String,
}

impl ParseError {
    /// The error for `fault` in `line`, which begins at the body's line `number` (from 1).
    #[cold]
    pub(super) fn new(line: &[u8], number: usize, fault: Fault) -> Self {
        let offset = line.len().saturating_sub(fault.remaining);
        let before = &line[..offset];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        let text = &line[super::leaf::blank_len(line)..];
        ParseError {
            line: number + memchr::memchr_iter(b'\n', before).count(),
            column: offset - line_start + 1,
            text: clip(
                &String::from_utf8_lossy(&text[..text.len().min(TEXT_LEN_MAX * 2)]),
                TEXT_LEN_MAX,
            ),
            reason: fault.kind.reason(&String::from_utf8_lossy(number_at(&line[offset..]))),
            expected: fault.kind.expected(),
            found: found(&line[offset..]),
        }
    }

    /// InfluxDB's sentence alone: `unable to parse 'LINE': missing fields`.
    #[must_use]
    pub fn influxdb_message(&self) -> String {
        format!("unable to parse '{}': {}", self.text, self.reason)
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unable to parse '{}': {} (line {}, column {}: expected {}, found {})",
            self.text, self.reason, self.line, self.column, self.expected, self.found
        )
    }
}

impl std::error::Error for ParseError {}

/// The number at the beginning of `rest`, whose range is in question.
fn number_at(rest: &[u8]) -> &[u8] {
    &rest[..memchr::memchr3(b',', b' ', b'\n', rest).unwrap_or(rest.len())]
}

/// Says what stands at the beginning of `rest`: up to the next delimiter, and at least one character.
fn found(rest: &[u8]) -> String {
    let Some(first) = rest.first() else { return "the end of the line".to_owned() };
    match first {
        b' ' => return "a space".to_owned(),
        b'\n' => return "a line feed".to_owned(),
        _ => {}
    }
    let len =
        rest[1..].iter().position(|byte| b", =\n".contains(byte)).map_or(rest.len(), |at| at + 1);
    let token = String::from_utf8_lossy(&rest[..len.min(FOUND_LEN_MAX * 4)]);
    let mut quoted = String::from("'");
    for character in clip(&token, FOUND_LEN_MAX).chars() {
        if character.is_control() {
            quoted.extend(character.escape_debug());
        } else {
            quoted.push(character);
        }
    }
    quoted + "'"
}

/// `text`, cut before the character that would exceed `len_max` bytes.
fn clip(text: &str, len_max: usize) -> String {
    if text.len() <= len_max {
        return text.to_owned();
    }
    let mut end = len_max;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &text[..end])
}
