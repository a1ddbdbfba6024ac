//! The grammar of a line, one function per production.
//!
//! ```text
//! line         = blanks , ( point | comment | nothing ) , [ CR ] ;
//! comment      = "#" , { any byte } ;
//! point        = series , blanks , fields , blanks , [ timestamp , { space } ] ;
//! series       = measurement , { "," , tag } , space ;
//! measurement  = byte - "," , { escaped | byte - ( "," | space ) } ;
//! tag          = tag key , "=" , tag value ;
//! tag key      = ( escaped | byte - special ) , { escaped | byte - special } ;
//! tag value    = ( escaped | byte - ( "," | space ) ) , { escaped | byte - special } ;
//! fields       = field , { "," , field } ;
//! field        = field key , "=" , field value ;
//! field key    = tag key ;
//! field value  = string | integer | unsigned | float | boolean ;
//! string       = '"' , { "\" , any byte | any byte - ( '"' | "\" ) } , '"' ;
//! integer      = [ "-" ] , digits , "i" ;
//! unsigned     = digits , "u" ;
//! float        = [ "-" ] , ( digits , [ "." , [ digits ] ] | "." , digits ) , [ exponent ] ;
//! exponent     = ( "e" | "E" ) , [ "+" | "-" ] , digits ;
//! boolean      = "t" | "T" | "true" | "True" | "TRUE" | "f" | "F" | "false" | "False" | "FALSE" ;
//! timestamp    = [ "-" ] , digits ;
//! digits       = digit , { digit } ;
//! blanks       = { space | TAB | NUL } ;            (* at least one between the parts of a point: a space ends each *)
//! special      = "," | "=" | space ;
//! escaped      = "\" , special ;                    (* the backslash may itself be an escaped byte: "\\," is one name *)
//! byte         = any byte - ( LF | NUL ) ;          (* LF may stand in strings alone, NUL in strings and blanks *)
//! ```
//!
//! Nothing is parsed twice: every choice is made by looking at one byte, and where that byte is wrong the parse is
//! given up ([`nom::Err::Failure`]). Names and strings come out as they stand, escapes unresolved.

use nom::character::complete::char;
use nom::multi::fold_many0;
use nom::sequence::{preceded, separated_pair};
use nom::{IResult, Offset, Parser};
use stripchart_core::MAX_KEY_LEN;

use super::error::{Fault, Kind};
use super::leaf;

/// What a production leaves and gives, or where it stopped.
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, Fault>;

/// Measurement and tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Series<'a> {
    /// All of it.
    pub(super) raw: &'a [u8],
    pub(super) measurement: &'a [u8],
    /// What follows the measurement: nothing, or a comma and the tags.
    pub(super) tags: &'a [u8],
}

/// A field value; a text as it stands between its quotes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum RawValue<'a> {
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean(bool),
    String(&'a [u8]),
}

/// Key and value, escapes unresolved.
pub(super) type RawTag<'a> = (&'a [u8], &'a [u8]);
/// Key and value, escapes unresolved.
pub(super) type RawField<'a> = (&'a [u8], RawValue<'a>);

/// What InfluxDB adds to the lengths of series and field key when it looks whether they fit: that of a separator.
const FIELD_SEPARATOR_LEN: usize = 4;

/// `series = measurement , { "," , tag } , space ;` the space is left.
pub(super) fn series(input: &[u8]) -> Parsed<'_, Series<'_>> {
    let (tags, measurement) = measurement(input)?;
    let each_tag = preceded(char(','), tag);
    let (rest, keys) = fold_many0(each_tag, Keys::default, Keys::and).parse_complete(tags)?;
    if rest.is_empty() {
        return Err(Fault::cut(rest, Kind::NoFields));
    }
    let (raw, tags) = (&input[..input.len() - rest.len()], &tags[..tags.len() - rest.len()]);
    let series = Series { raw, measurement, tags };
    if let Some(key) = keys.twice(series) {
        return Err(Fault::cut(&input[input.offset(key)..], Kind::DuplicateTag));
    }
    check_len(raw.len(), input)?;
    Ok((rest, series))
}

/// `measurement = byte - "," , { escaped | byte - ( "," | space ) } ;`
fn measurement(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (name, rest) = input.split_at(leaf::measurement_len(input));
    match rest.first() {
        Some(0) => Err(Fault::cut(rest, Kind::NulInName)),
        _ if name.is_empty() => Err(Fault::cut(input, Kind::EmptyMeasurement)),
        _ => Ok((rest, name)),
    }
}

/// `tag = tag key , "=" , tag value ;`
pub(super) fn tag(input: &[u8]) -> Parsed<'_, RawTag<'_>> {
    separated_pair(tag_key, char('='), tag_value).parse_complete(input)
}

/// `tag key = ( escaped | byte - special ) , { escaped | byte - special } ;`
fn tag_key(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (name, rest) = input.split_at(leaf::name_len(input));
    match rest.first() {
        Some(0) => Err(Fault::cut(rest, Kind::NulInName)),
        _ if name.is_empty() => Err(Fault::cut(input, Kind::EmptyTagKey)),
        Some(b'=') => Ok((rest, name)),
        _ => Err(Fault::cut(rest, Kind::TagWithoutValue)),
    }
}

/// `tag value = ( escaped | byte - ( "," | space ) ) , { escaped | byte - special } ;`
///
/// That a `=` may come first is InfluxDB's rule.
fn tag_value(input: &[u8]) -> Parsed<'_, &[u8]> {
    let first = usize::from(input.first() == Some(&b'='));
    let (name, rest) = input.split_at(first + leaf::name_len(&input[first..]));
    match rest.first() {
        Some(0) => Err(Fault::cut(rest, Kind::NulInName)),
        Some(b'=') => Err(Fault::cut(rest, Kind::TagWithTwoValues)),
        _ if name.is_empty() => Err(Fault::cut(input, Kind::EmptyTagValue)),
        _ => Ok((rest, name)),
    }
}

/// `fields = field , { "," , field } ;` each is given to `each`; `series_len` bytes come before them.
///
/// Goes on after a field without `=`, because InfluxDB reports that one only where it finds nothing else.
pub(super) fn fields<'a>(
    input: &'a [u8],
    series_len: usize,
    mut each: impl FnMut(RawField<'a>),
) -> Parsed<'a, ()> {
    let (mut rest, mut incomplete, mut too_long) = (input, Ok(()), Ok(()));
    loop {
        match field(rest) {
            Ok((after, field)) => {
                too_long = too_long.and_then(|()| {
                    check_len(series_len + FIELD_SEPARATOR_LEN + field.0.len(), rest)
                });
                each(field);
                rest = after;
            }
            Err(nom::Err::Failure(fault)) if fault.kind == Kind::FieldWithoutValue => {
                rest = &rest[rest.len() - fault.remaining..];
                incomplete = incomplete.and(Err(nom::Err::Failure(fault)));
            }
            Err(other) => return Err(other),
        }
        match rest {
            [b',', next @ ..] => rest = next,
            _ => return incomplete.and(too_long).map(|()| (rest, ())),
        }
    }
}

/// `field = field key , "=" , field value ;`
pub(super) fn field(input: &[u8]) -> Parsed<'_, RawField<'_>> {
    separated_pair(field_key, char('='), field_value).parse_complete(input)
}

/// `field key = tag key ;`
fn field_key(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (name, rest) = input.split_at(leaf::name_len(input));
    match rest.first() {
        Some(0) => Err(Fault::cut(rest, Kind::NulInName)),
        Some(b'=') if name.is_empty() => Err(Fault::cut(input, Kind::EmptyFieldKey)),
        Some(b'=') => Ok((rest, name)),
        _ => Err(Fault::cut(rest, Kind::FieldWithoutValue)),
    }
}

/// `field value = string | integer | unsigned | float | boolean ;` up to a comma, a space or the end.
#[inline]
pub(super) fn field_value(input: &[u8]) -> Parsed<'_, RawValue<'_>> {
    match input.first() {
        Some(b'0'..=b'9' | b'.' | b'-' | b'N' | b'n') => super::number::number(input),
        Some(b'"') => string(input),
        None | Some(b',' | b' ') => Err(Fault::cut(input, Kind::EmptyFieldValue)),
        Some(_) => boolean(input),
    }
}

/// `string = '"' , { "\" , any byte | any byte - ( '"' | "\" ) } , '"' ;`
fn string(input: &[u8]) -> Parsed<'_, RawValue<'_>> {
    let (inside, _) = char('"').parse_complete(input)?;
    let Some(len) = leaf::string_len(inside) else {
        return Err(Fault::cut(input, Kind::OpenString));
    };
    let (text, rest) = (&inside[..len], &inside[len + 1..]);
    match rest.first() {
        None | Some(b',' | b' ') => Ok((rest, RawValue::String(text))),
        Some(_) => Err(Fault::cut(rest, after_string(rest))),
    }
}

/// What is wrong with a string that `rest` follows: quotes that do not pair, or else text that may not stand there.
fn after_string(rest: &[u8]) -> Kind {
    let mut rest = rest;
    while let Some(at) = memchr::memchr2(b'"', b' ', rest) {
        if rest[at] == b' ' {
            break;
        }
        match leaf::string_len(&rest[at + 1..]) {
            None => return Kind::OpenString,
            Some(len) => rest = &rest[at + 1 + len + 1..],
        }
    }
    Kind::AfterString
}

/// `boolean = "t" | "T" | "true" | "True" | "TRUE" | "f" | "F" | "false" | "False" | "FALSE" ;`
fn boolean(input: &[u8]) -> Parsed<'_, RawValue<'_>> {
    let (token, rest) = input.split_at(leaf::value_len(input));
    match token {
        b"t" | b"T" | b"true" | b"True" | b"TRUE" => Ok((rest, RawValue::Boolean(true))),
        b"f" | b"F" | b"false" | b"False" | b"FALSE" => Ok((rest, RawValue::Boolean(false))),
        _ => Err(Fault::cut(input, Kind::Boolean)),
    }
}

/// `blanks , [ timestamp , { space } ]` up to the end of the line; without the multiplication by the precision.
pub(super) fn timestamp(input: &[u8]) -> Parsed<'_, Option<i64>> {
    let input = &input[leaf::blank_len(input)..];
    if input.is_empty() {
        return Ok((input, None));
    }
    let (rest, count) = super::number::timestamp(input)?;
    match rest.iter().position(|byte| *byte != b' ') {
        None => Ok((&rest[rest.len()..], Some(count))),
        Some(at) => Err(Fault::cut(&rest[at..], Kind::AfterTimestamp)),
    }
}

fn check_len(len: usize, at: &[u8]) -> Result<(), nom::Err<Fault>> {
    if len <= MAX_KEY_LEN {
        return Ok(());
    }
    Err(Fault::cut(at, Kind::SeriesTooLong { len: u32::try_from(len).unwrap_or(u32::MAX) }))
}

impl<'a> Series<'a> {
    /// The tags as they stand.
    pub(super) fn tags(self) -> TagsOf<'a> {
        TagsOf(self.tags)
    }
}

/// Tag keys that have been read, so that none is taken twice.
///
/// They are compared as they stand: every character has one spelling in a tag key.
#[derive(Default)]
struct Keys<'a> {
    first: [&'a [u8]; 16],
    count: usize,
    descend: bool,
}

impl<'a> Keys<'a> {
    fn and(mut self, (key, _): RawTag<'a>) -> Self {
        let last = self.count.checked_sub(1).and_then(|last| self.first.get(last));
        self.descend |= self.count > 0 && last.is_none_or(|last| *last >= key);
        if let Some(slot) = self.first.get_mut(self.count) {
            *slot = key;
        }
        self.count += 1;
        self
    }

    /// A key that occurred before in `series`, if there is one.
    fn twice(&self, series: Series<'a>) -> Option<&'a [u8]> {
        if !self.descend {
            return None;
        }
        if let Some(keys) = self.first.get(..self.count) {
            return (1..keys.len()).find(|at| keys[..*at].contains(&keys[*at])).map(|at| keys[at]);
        }
        let mut keys: Vec<&[u8]> = series.tags().map(|(key, _)| key).collect();
        keys.sort_unstable_by_key(|key| (*key, series.raw.offset(key)));
        keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[1])
    }
}

/// Iterates over tags that the grammar has accepted.
#[derive(Debug, Clone)]
pub(super) struct TagsOf<'a>(&'a [u8]);

impl<'a> Iterator for TagsOf<'a> {
    type Item = RawTag<'a>;

    fn next(&mut self) -> Option<RawTag<'a>> {
        let (rest, tag) = preceded(char(','), tag).parse_complete(self.0).ok()?;
        self.0 = rest;
        Some(tag)
    }
}
