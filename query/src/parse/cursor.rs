//! The place in the text, and the parsers of single tokens.

use std::borrow::Cow;

use nom::combinator::{cut, opt};
use nom::error::ErrorKind;
use nom::sequence::preceded;
use nom::{Err, IResult, Parser};
use stripchart_core::DurationLiteral;

use super::MAX_NESTING;
use super::error::ParseError;
use super::lex::{self, Lexeme, Token};
use super::params::Params;
use crate::ast::Regex;

/// What a production gives: the place after it and a value, or why not.
///
/// `Err::Error` says that the production is not there, and another may be; `Err::Failure` that it is, and is wrong.
pub(super) type Parsed<'a, T> = IResult<Cursor<'a>, T, Fault<'a>>;

/// A place in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
    /// The whole text.
    text: &'a str,
    params: &'a Params,
    /// Parentheses, calls and subqueries around this place.
    nesting: usize,
    /// Whether InfluxDB's scanner has by now looked past the end of the text.
    past_end: bool,
}

impl<'a> Cursor<'a> {
    /// The byte offset.
    fn offset(self) -> usize {
        self.text.len() - self.rest.len()
    }

    /// What is left of the text.
    pub(super) fn rest(self) -> &'a str {
        self.rest
    }

    /// The place `bytes` further on.
    fn skip(self, bytes: usize) -> Self {
        Cursor { rest: &self.rest[bytes..], ..self }
    }

    /// The next place that is neither space nor comment.
    pub(super) fn skip_trivia(self) -> Self {
        let (rest, past_end) = lex::skip_trivia(self.rest);
        Cursor { rest, past_end: self.past_end || past_end, ..self }
    }

    /// Whether nothing but spaces and comments follows.
    pub(super) fn at_end(self) -> bool {
        self.skip_trivia().rest.is_empty()
    }

    /// The same place after InfluxDB has looked whether a regex begins here, which reads the end of the text if there is nothing else.
    pub(super) fn after_peek(self) -> Self {
        Cursor { past_end: self.past_end || self.at_end(), ..self }
    }

    /// The token right here, and the place after it.
    pub(super) fn token_here(self) -> (Cursor<'a>, Token<'a>) {
        let Lexeme { token, rest, past_end } = lex::token(self.rest, self.params);
        (Cursor { rest, past_end: self.past_end || past_end, ..self }, token)
    }

    /// The next token, and the place after it.
    pub(super) fn token(self) -> (Cursor<'a>, Token<'a>) {
        self.skip_trivia().token_here()
    }

    /// Why there is no value for `$name`.
    pub(super) fn param_fault(self, name: &str) -> String {
        use super::params::ParamValue;
        match self.params.get(name) {
            _ if name.is_empty() => "empty bound parameter".to_owned(),
            Some(ParamValue::Invalid(why)) => why.clone(),
            _ => format!("missing parameter: {name}"),
        }
    }

    /// Line and character of this place, both from 1.
    pub(super) fn place(self) -> (usize, usize) {
        self.position(&self.token_here().1)
    }

    /// Line and character as InfluxDB counts them, both from 1.
    fn position(self, token: &Token<'_>) -> (usize, usize) {
        let mut offset = self.offset();
        // Its scanner notes the place of a string or regex before having moved on to it, of a bad escape behind it.
        match token {
            Token::String(_) | Token::BadString(_) | Token::Regex(_) => {
                // One that a name ran into begins behind that.
                if let Token::BadString(_) = token {
                    offset += self.rest.find(['"', '\'']).unwrap_or(0);
                }
                offset = self.text[..offset].char_indices().next_back().map_or(0, |(at, _)| at);
            }
            Token::BadEscape(escape) => {
                let begins = escape.as_ptr().addr().checked_sub(self.text.as_ptr().addr());
                offset = begins.map_or(offset, |begins| begins + 1);
            }
            _ => {}
        }
        let before = &self.text[..offset];
        let breaks = before.replace("\r\n", "\n").replace('\r', "\n");
        let line = breaks.matches('\n').count() + 1;
        let column = breaks.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        let beyond = usize::from(self.past_end && *token == Token::End);
        (line, column + beyond)
    }
}

/// What is wrong, before it is put into words: most faults are forgotten when another production fits.
#[derive(Debug)]
pub(super) struct Fault<'a> {
    at: Cursor<'a>,
    what: What,
}

#[derive(Debug)]
enum What {
    /// `found X, expected A, B at line L, char C`
    Expected(Vec<&'static str>),
    /// The message followed by the place.
    Placed(String),
    /// The message alone.
    Plain(String),
}

impl Fault<'_> {
    fn into_error(self) -> ParseError {
        let at = self.at;
        let (_, token) = at.token_here();
        let (line, column) = match &self.what {
            // A regex is no token of the scanner's, yet its place is noted in the same way.
            What::Placed(_) if at.rest.starts_with('/') => at.position(&Token::Regex("".into())),
            _ => at.position(&token),
        };
        let place = format!("at line {line}, char {column}");
        let message = match self.what {
            What::Expected(list) => {
                format!("found {}, expected {} {place}", token.found(), list.join(", "))
            }
            What::Placed(message) => format!("{message} {place}"),
            What::Plain(message) => message,
        };
        ParseError { message, line, column, offset: at.offset() }
    }
}

impl<'a> nom::error::ParseError<Cursor<'a>> for Fault<'a> {
    fn from_error_kind(at: Cursor<'a>, _: ErrorKind) -> Self {
        Fault { at, what: What::Expected(Vec::new()) }
    }

    fn append(_: Cursor<'a>, _: ErrorKind, other: Self) -> Self {
        other
    }

    /// Of two productions neither of which is there, what either expected is named.
    fn or(mut self, other: Self) -> Self {
        match (&mut self.what, other.what) {
            (What::Expected(mine), What::Expected(theirs)) => {
                mine.extend(theirs);
                self
            }
            (_, what) => Fault { at: other.at, what },
        }
    }
}

/// Runs `parser` over the whole `text` and words its fault.
pub(super) fn finish<'a, T>(
    text: &'a str,
    params: &'a Params,
    mut parser: impl FnMut(Cursor<'a>) -> Parsed<'a, T>,
) -> Result<T, ParseError> {
    let start = Cursor { rest: text, text, params, nesting: 0, past_end: false };
    match parser(start) {
        Ok((_, value)) => Ok(value),
        Err(Err::Error(fault) | Err::Failure(fault)) => Err(fault.into_error()),
        // Only streaming parsers ask for more.
        Err(Err::Incomplete(_)) => {
            Err(Fault { at: start, what: What::Expected(vec!["more"]) }.into_error())
        }
    }
}

/// The next token is none of `list`.
pub(super) fn expected<'a>(at: Cursor<'a>, list: &[&'static str]) -> Err<Fault<'a>> {
    Err::Error(Fault { at: at.skip_trivia(), what: What::Expected(list.to_vec()) })
}

/// The token right here is none of `list`.
pub(super) fn expected_here<'a>(at: Cursor<'a>, list: &[&'static str]) -> Err<Fault<'a>> {
    Err::Error(Fault { at, what: What::Expected(list.to_vec()) })
}

/// `message at line L, char C`, of the next token.
pub(super) fn placed(at: Cursor<'_>, message: impl Into<String>) -> Err<Fault<'_>> {
    Err::Failure(Fault { at: at.skip_trivia(), what: What::Placed(message.into()) })
}

/// `message` alone; the place is known, yet not part of InfluxDB's text.
pub(super) fn plain(at: Cursor<'_>, message: impl Into<String>) -> Err<Fault<'_>> {
    Err::Failure(Fault { at: at.skip_trivia(), what: What::Plain(message.into()) })
}

/// `"WORD"`
pub(super) fn keyword<'a>(word: &'static str) -> impl FnMut(Cursor<'a>) -> Parsed<'a, ()> {
    move |i| match i.token() {
        (rest, Token::Keyword(found)) if found == word => Ok((rest, ())),
        _ => Err(expected(i, &[word])),
    }
}

/// An operator or a punctuation mark.
pub(super) fn symbol<'a>(mark: &'static str) -> impl FnMut(Cursor<'a>) -> Parsed<'a, ()> {
    move |i| match i.token() {
        (rest, Token::Symbol(found)) if found == mark => Ok((rest, ())),
        _ => Err(expected(i, &[mark])),
    }
}

/// An operator or a punctuation mark that follows without a space.
pub(super) fn symbol_here<'a>(mark: &'static str) -> impl FnMut(Cursor<'a>) -> Parsed<'a, ()> {
    move |i| match i.token_here() {
        (rest, Token::Symbol(found)) if found == mark => Ok((rest, ())),
        _ => Err(expected_here(i, &[mark])),
    }
}

/// `[ "WORD" parser ]`: once the word is there, the rest has to be.
pub(super) fn clause<'a, T>(
    word: &'static str,
    parser: impl Parser<Cursor<'a>, Output = T, Error = Fault<'a>>,
) -> impl Parser<Cursor<'a>, Output = Option<T>, Error = Fault<'a>> {
    opt(preceded(keyword(word), cut(parser)))
}

/// `parser { "," parser }`
pub(super) fn list<'a, T>(
    mut parser: impl FnMut(Cursor<'a>) -> Parsed<'a, T>,
) -> impl FnMut(Cursor<'a>) -> Parsed<'a, Vec<T>> {
    move |i| {
        let (mut i, first) = parser(i)?;
        let mut items = vec![first];
        while let (rest, Some(())) = opt(symbol(",")).parse(i)? {
            let (rest, item) = cut(&mut parser).parse(rest)?;
            items.push(item);
            i = rest;
        }
        Ok((i, items))
    }
}

/// Runs `parser` one level deeper, if there is one.
pub(super) fn nested<'a, T>(
    i: Cursor<'a>,
    parser: impl FnOnce(Cursor<'a>) -> Parsed<'a, T>,
) -> Parsed<'a, T> {
    if i.nesting >= MAX_NESTING {
        return Err(placed(i, format!("nested more than {MAX_NESTING} levels deep")));
    }
    let (rest, value) = parser(Cursor { nesting: i.nesting + 1, ..i })?;
    Ok((Cursor { nesting: i.nesting, ..rest }, value))
}

/// As `cut` around the parser that gave `result`, but without a frame on the stack while it runs: for what recurses.
pub(super) fn commit<'a, T>(result: Parsed<'a, T>) -> Parsed<'a, T> {
    result.map_err(|error| match error {
        Err::Error(fault) => Err::Failure(fault),
        other => other,
    })
}

/// `ident`
pub(super) fn ident(i: Cursor<'_>) -> Parsed<'_, String> {
    match i.token() {
        (rest, Token::Ident(name)) => Ok((rest, name.into_owned())),
        _ => Err(expected(i, &["identifier"])),
    }
}

/// `string`
pub(super) fn string(i: Cursor<'_>) -> Parsed<'_, String> {
    match i.token() {
        (rest, Token::String(text)) => Ok((rest, text.into_owned())),
        _ => Err(expected(i, &["string"])),
    }
}

/// `integer`, of up to 64 bits.
pub(super) fn unsigned(i: Cursor<'_>) -> Parsed<'_, u64> {
    let (rest, text) = integer_text(i)?;
    let value = text.parse().map_err(|_| placed(i, out_of_range("ParseUint", &text)))?;
    Ok((rest, value))
}

/// `integer`, from 1 to 2^31 - 1: the number of replicas.
pub(super) fn replicas(i: Cursor<'_>) -> Parsed<'_, u32> {
    const MAX: u32 = i32::MAX.unsigned_abs();
    let (rest, text) = integer_text(i)?;
    let value: i64 = text.parse().map_err(|_| placed(i, out_of_range("Atoi", &text)))?;
    match u32::try_from(value) {
        Ok(replicas @ 1..=MAX) => Ok((rest, replicas)),
        _ => Err(placed(i, format!("invalid value {value}: must be 1 <= n <= {MAX}"))),
    }
}

/// `integer`, for `LIMIT` and its kin; beyond 63 bits it is as good as no limit.
pub(super) fn count<'a>(i: Cursor<'a>) -> Parsed<'a, u64> {
    let (rest, text) = integer_text(i)?;
    // Only a parameter can be negative.
    if text.starts_with('-') {
        return Err(placed(i, "LIMIT must be >= 0"));
    }
    Ok((rest, text.parse().unwrap_or(u64::MAX)))
}

fn integer_text(i: Cursor<'_>) -> Parsed<'_, Cow<'_, str>> {
    match i.token() {
        (rest, Token::Integer(text)) => Ok((rest, text)),
        _ => Err(expected(i, &["integer"])),
    }
}

/// Go's words for a number that does not fit.
fn out_of_range(function: &str, text: &str) -> String {
    format!("strconv.{function}: parsing \"{text}\": value out of range")
}

/// `duration | "INF"`; the latter is zero.
pub(super) fn duration_or_inf(i: Cursor<'_>) -> Parsed<'_, DurationLiteral> {
    match opt(keyword("INF")).parse(i)? {
        (rest, Some(())) => Ok((rest, DurationLiteral::default())),
        (_, None) => duration(i),
    }
}

/// `duration`
pub(super) fn duration(i: Cursor<'_>) -> Parsed<'_, DurationLiteral> {
    match i.token() {
        (rest, Token::Duration(text)) => {
            Ok((rest, lex::duration_value(&text).map_err(|message| placed(i, message))?))
        }
        _ => Err(expected(i, &["duration"])),
    }
}

/// `regex`, checked to be one.
pub(super) fn regex(i: Cursor<'_>) -> Parsed<'_, Regex> {
    let i = i.skip_trivia();
    let (rest, pattern) = match i.rest.bytes().next() {
        Some(b'/') => {
            let (rest, pattern) = lex::regex(i.rest).map_err(|_| placed(i, "bad regex: "))?;
            (i.skip(i.rest.len() - rest.len()), pattern)
        }
        Some(b'$') => match i.token_here() {
            (rest, Token::Regex(pattern)) => (rest, pattern.into_owned()),
            _ => return Err(expected_here(i, &["regex"])),
        },
        _ => return Err(expected_here(i, &["regex"])),
    };
    let regex = Regex::new(pattern);
    match regex.compile() {
        Ok(_) => Ok((rest, regex)),
        Err(error) => Err(placed(i, crate::re2::message(&error, regex.pattern()))),
    }
}
