//! Tokens.
//!
//! ```text
//! space   = " " | tab | line break
//! comment = "--" to the end of the line | "/*" to the next "*/"
//! ident   = ( letter | "_" ) { letter | digit | "_" } | '"' text '"'
//! string  = "'" text "'"                  text: any but a line break; escapes \n \\ \" \'
//! integer = digit { digit }
//! number  = integer "." { digit } | "." integer
//! duration = integer unit { unit | digit }  unit: a letter or "µ"; whether it makes sense shows later
//! param   = "$" ident
//! regex   = "/" any but a line break; escape \/ "/"
//! ```
//!
//! No exponent: `1e5` is read as a duration, and refused as one, as in InfluxDB.

use std::borrow::Cow;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_until, take_while, take_while1};
use nom::character::complete::{char, one_of, satisfy};
use nom::combinator::{opt, peek, recognize, value};
use nom::multi::many0_count;
use nom::sequence::{pair, preceded, terminated};
use nom::{IResult, Parser};
use stripchart_core::DurationLiteral;

use super::params::Params;
use crate::ast::{is_ident_char, keyword};

/// What a lexer gives: a rest and a token's text, or a failure without a word; the words are the grammar's.
type Lexed<'a, T> = IResult<&'a str, T, ()>;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token<'a> {
    /// The end of the text.
    End,
    /// A character that begins no token, or nothing, for a comment without an end.
    Illegal(&'a str),
    /// A string or quoted name without an end, up to where it broke off.
    BadString(Cow<'a, str>),
    /// An escape that there is not, as it stands.
    BadEscape(&'a str),
    /// A name, quoted or not.
    Ident(Cow<'a, str>),
    /// A keyword, in upper case.
    Keyword(&'static str),
    /// A string's content.
    String(Cow<'a, str>),
    /// A number with a point.
    Number(Cow<'a, str>),
    /// A whole number.
    Integer(Cow<'a, str>),
    /// What looks like a duration.
    Duration(Cow<'a, str>),
    /// A regex's pattern; only parameters make this one, see [`regex`].
    Regex(Cow<'a, str>),
    /// A parameter without a value: its name.
    Param(Cow<'a, str>),
    /// An operator or a punctuation mark.
    Symbol(&'static str),
}

impl Token<'_> {
    /// The token in InfluxDB's messages: its text, or what kind it is if that is empty.
    pub(super) fn found(&self) -> String {
        let (text, kind) = match self {
            Token::End => ("EOF", ""),
            Token::Illegal(text) => (*text, "ILLEGAL"),
            Token::BadString(text) => (&**text, "BADSTRING"),
            Token::BadEscape(text) => (*text, "BADESCAPE"),
            Token::Ident(text) => (&**text, "IDENT"),
            Token::Keyword(text) | Token::Symbol(text) => (*text, ""),
            Token::String(text) => (&**text, "STRING"),
            Token::Number(text) | Token::Integer(text) | Token::Duration(text) => (&**text, ""),
            Token::Regex(text) => (&**text, "REGEX"),
            Token::Param(name) => return format!("${name}"),
        };
        if text.is_empty() { kind.to_owned() } else { text.to_owned() }
    }

    /// Whether InfluxDB's scanner looks past the token's end: at the end of the text it then counts one column more.
    fn looks_past_its_end(&self, text: &str) -> bool {
        match self {
            Token::Keyword(_) | Token::Ident(_) | Token::Param(_) => !text.ends_with('"'),
            _ => false,
        }
    }
}

/// A token with what follows it.
#[derive(Debug)]
pub(super) struct Lexeme<'a> {
    pub(super) token: Token<'a>,
    pub(super) rest: &'a str,
    /// See [`Token::looks_past_its_end`].
    pub(super) past_end: bool,
}

/// Skips spaces and comments; also tells whether the last of them ran into the end of the text.
pub(super) fn skip_trivia(text: &str) -> (&str, bool) {
    let mut rest = text;
    loop {
        let (after, _) = spaces(rest).unwrap_or((rest, ""));
        let Ok((after, block)) = comment(after) else {
            return (after, after.is_empty() && after.len() < rest.len());
        };
        rest = after;
        if rest.is_empty() {
            return (rest, !block);
        }
    }
}

/// Reads the token at the beginning of `text`, which is neither space nor comment.
pub(super) fn token<'a>(text: &'a str, params: &'a Params) -> Lexeme<'a> {
    let Some(first) = text.chars().next() else {
        return Lexeme { token: Token::End, rest: text, past_end: false };
    };
    let (rest, mut token) = alt((word, number, string, quoted, param, symbol))
        .parse(text)
        .unwrap_or_else(|_: nom::Err<()>| illegal(text, first));
    let past_end = rest.is_empty() && token.looks_past_its_end(text);
    if let Token::Param(name) = &token
        && let Some(value) = params.get(name).and_then(|value| value.token())
    {
        token = value;
    }
    Lexeme { token, rest, past_end }
}

/// The character that begins nothing; for a comment without an end, everything.
fn illegal(text: &str, first: char) -> (&str, Token<'_>) {
    if text.starts_with("/*") {
        return ("", Token::Illegal(""));
    }
    let (character, rest) = text.split_at(first.len_utf8());
    (rest, Token::Illegal(character))
}

fn spaces(text: &str) -> Lexed<'_, &str> {
    take_while1(|c| matches!(c, ' ' | '\t' | '\n' | '\r')).parse(text)
}

/// Whether it was one of the kind that has an end of its own.
fn comment(text: &str) -> Lexed<'_, bool> {
    alt((
        value(false, (tag("--"), take_while(|c| c != '\n' && c != '\r'))),
        value(true, (tag("/*"), take_until("*/"), tag("*/"))),
    ))
    .parse(text)
}

fn bare(text: &str) -> Lexed<'_, &str> {
    recognize(pair(satisfy(|c| c.is_ascii_alphabetic() || c == '_'), take_while(is_ident_char)))
        .parse(text)
}

/// A quotation mark right behind a name begins another one, and InfluxDB's scanner then forgets the first.
fn word(text: &str) -> Lexed<'_, Token<'_>> {
    alt((preceded(pair(bare, peek(char('"'))), quoted), plain_word)).parse(text)
}

fn plain_word(text: &str) -> Lexed<'_, Token<'_>> {
    bare.map(|word| keyword(word).map_or(Token::Ident(Cow::Borrowed(word)), Token::Keyword))
        .parse(text)
}

fn digits(text: &str) -> Lexed<'_, &str> {
    take_while1(|c: char| c.is_ascii_digit()).parse(text)
}

fn is_unit(character: char) -> bool {
    character.is_ascii_alphabetic() || character == 'µ'
}

fn number(text: &str) -> Lexed<'_, Token<'_>> {
    let digits0 = || take_while(|c: char| c.is_ascii_digit());
    let unit = (take_while1(is_unit), take_while(|c: char| is_unit(c) || c.is_ascii_digit()));
    alt((
        recognize((digits, char('.'), digits0()))
            .map(|t: &str| Token::Number(Cow::Borrowed(t.strip_suffix('.').unwrap_or(t)))),
        recognize((char('.'), digits)).map(|t| Token::Number(Cow::Borrowed(t))),
        recognize((digits, unit)).map(|t| Token::Duration(Cow::Borrowed(t))),
        digits.map(|t| Token::Integer(Cow::Borrowed(t))),
    ))
    .parse(text)
}

fn string(text: &str) -> Lexed<'_, Token<'_>> {
    preceded(char('\''), |t| delimited_text(t, '\'', Token::String)).parse(text)
}

fn quoted(text: &str) -> Lexed<'_, Token<'_>> {
    preceded(char('"'), |t| delimited_text(t, '"', Token::Ident)).parse(text)
}

fn param(text: &str) -> Lexed<'_, Token<'_>> {
    let empty = |rest| Ok((rest, Token::Param(Cow::Borrowed(""))));
    let bare_name = bare.map(|name| Token::Param(Cow::Borrowed(name)));
    let quoted_name = preceded(char('"'), |t| delimited_text(t, '"', Token::Param));
    preceded(char('$'), alt((bare_name, quoted_name, empty))).parse(text)
}

/// The inside of a string up to `end`, escapes resolved; borrowed where there are none.
fn delimited_text<'a>(
    text: &'a str,
    end: char,
    make: impl Fn(Cow<'a, str>) -> Token<'a>,
) -> Lexed<'a, Token<'a>> {
    let mut content = Cow::Borrowed("");
    let mut rest = text;
    loop {
        let stop = rest.find([end, '\\', '\n', '\r']).unwrap_or(rest.len());
        let (plain, after) = rest.split_at(stop);
        if content.is_empty() {
            content = Cow::Borrowed(plain);
        } else {
            content.to_mut().push_str(plain);
        }
        let mut characters = after.chars();
        match characters.next() {
            Some(c) if c == end => return Ok((characters.as_str(), make(content))),
            Some('\\') => {
                let escaped = match characters.next() {
                    Some('n') => '\n',
                    Some(c @ ('\\' | '"' | '\'')) => c,
                    _ => {
                        let len = after.len() - characters.as_str().len();
                        return Ok((characters.as_str(), Token::BadEscape(&after[..len])));
                    }
                };
                content.to_mut().push(escaped);
                rest = characters.as_str();
            }
            _ => return Ok((after, Token::BadString(content))),
        }
    }
}

fn symbol(text: &str) -> Lexed<'_, Token<'_>> {
    /// The longer ones first where one begins another; `<>` is another way to write `!=`.
    const SYMBOLS: [(&str, &str); 24] = [
        ("=~", "=~"),
        ("!~", "!~"),
        ("!=", "!="),
        ("<>", "!="),
        ("<=", "<="),
        (">=", ">="),
        ("::", "::"),
        ("+", "+"),
        ("-", "-"),
        ("*", "*"),
        ("/", "/"),
        ("%", "%"),
        ("&", "&"),
        ("|", "|"),
        ("^", "^"),
        ("=", "="),
        ("<", "<"),
        (">", ">"),
        ("(", "("),
        (")", ")"),
        (",", ","),
        (":", ":"),
        (";", ";"),
        (".", "."),
    ];
    let open_comment = text.starts_with("/*"); // one that ends has been skipped
    let found = SYMBOLS.iter().find(|(written, _)| text.starts_with(written) && !open_comment);
    let (written, meant) = found.ok_or(nom::Err::Error(()))?;
    Ok((&text[written.len()..], Token::Symbol(meant)))
}

/// A regex literal at the beginning of `text`: its pattern, `\/` taken as `/` and every other escape kept.
///
/// A backslash before a backslash is passed on alone, as in InfluxDB, so `\\/` does not end the literal either.
pub(super) fn regex(text: &str) -> Lexed<'_, String> {
    let plain = take_while1(|c| !matches!(c, '/' | '\\' | '\n' | '\r'));
    let piece = || alt((tag("\\/"), tag("\\")));
    let body = recognize(many0_count(alt((plain, piece()))));
    terminated(preceded(char('/'), body), char('/'))
        .map(|body: &str| body.replace("\\/", "/"))
        .parse(text)
}

/// The value of a duration's text.
///
/// `Err` is InfluxDB's message.
pub(super) fn duration_value(text: &str) -> Result<DurationLiteral, String> {
    const NANOS: [(&str, i64); 9] = [
        ("ns", 1),
        ("ms", 1_000_000),
        ("u", 1_000),
        ("µ", 1_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
        ("w", 604_800_000_000_000),
    ];
    let invalid = || "invalid duration".to_owned();
    let (mut rest, sign) = opt(one_of::<_, _, ()>("-")).parse(text).map_err(|_| invalid())?;
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut total = 0i64;
    while !rest.is_empty() {
        let (after, count) = digits(rest).map_err(|_| invalid())?;
        let (unit, nanos) =
            NANOS.iter().find(|(unit, _)| after.starts_with(unit)).ok_or_else(invalid)?;
        let count: i64 = count.parse().map_err(|_| invalid())?;
        let overflow =
            || format!("overflowed duration {count}{unit}: choose a smaller duration or INF");
        let part = count.checked_mul(*nanos).ok_or_else(overflow)?;
        total = total.checked_add(part).ok_or_else(overflow)?;
        rest = &after[unit.len()..];
    }
    Ok(DurationLiteral::from_nanos(if sign.is_some() { -total } else { total }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token<'_>> {
        let params = Box::leak(Box::new(Params::new()));
        let mut tokens = Vec::new();
        let mut rest = skip_trivia(text).0;
        while !rest.is_empty() {
            let lexeme = token(rest, params);
            assert!(lexeme.rest.len() < rest.len(), "{text:?} stands still at {rest:?}");
            tokens.push(lexeme.token);
            rest = skip_trivia(lexeme.rest).0;
        }
        tokens
    }

    #[test]
    fn words_numbers_and_marks() {
        let ident = |s: &'static str| Token::Ident(s.into());
        let cases = [
            ("select Foo_1", vec![Token::Keyword("SELECT"), ident("Foo_1")]),
            (r#""a \"b\" \\ \n""#, vec![ident("a \"b\" \\ \n")]),
            ("'it''s'", vec![Token::String("it".into()), Token::String("s".into())]),
            ("10.5h", vec![Token::Number("10.5".into()), ident("h")]),
            ("10h5m", vec![Token::Duration("10h5m".into())]),
            ("1e5", vec![Token::Duration("1e5".into())]),
            ("5µ", vec![Token::Duration("5µ".into())]),
            ("100. .5", vec![Token::Number("100".into()), Token::Number(".5".into())]),
            ("FROM\"a b\"c", vec![ident("a b"), ident("c")]),
            ("x\"open", vec![Token::BadString("open".into())]),
            ("a.b", vec![ident("a"), Token::Symbol("."), ident("b")]),
            ("<>!=<=<", ["!=", "!=", "<=", "<"].map(Token::Symbol).to_vec()),
            ("$x $\"y z\"", vec![Token::Param("x".into()), Token::Param("y z".into())]),
            ("a--b\nc/*d\n*/e", vec![ident("a"), ident("c"), ident("e")]),
            ("a /* b", vec![ident("a"), Token::Illegal("")]),
            ("#é", vec![Token::Illegal("#"), Token::Illegal("é")]),
            ("'open", vec![Token::BadString("open".into())]),
            (r"'a\x'", vec![Token::BadEscape(r"\x"), Token::BadString("".into())]),
        ];
        for (text, want) in cases {
            assert_eq!(tokens(text), want, "{text}");
        }
    }

    #[test]
    fn regexes_keep_every_escape_but_the_slashes() {
        let cases = [
            (r"/a\/b/ c", Ok((r" c", r"a/b"))),
            (r"/\d\.\//", Ok(("", r"\d\./"))),
            ("//", Ok(("", ""))),
            ("/a", Err(())),
            ("/a\nb/", Err(())),
        ];
        for (text, want) in cases {
            let got = regex(text).map_err(|_| ());
            let want = want.map(|(rest, pattern)| (rest, pattern.to_owned()));
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn durations() {
        let second = 1_000_000_000;
        let cases = [
            ("15ms", Ok(15_000_000)),
            ("2w", Ok(1_209_600 * second)),
            ("30ms3000u", Ok(33_000_000)),
            ("-5m30s", Ok(-330 * second)),
            ("7ns", Ok(7)),
            ("", Err("invalid duration")),
            ("-", Err("invalid duration")),
            ("3", Err("invalid duration")),
            ("w", Err("invalid duration")),
            ("1.2w", Err("invalid duration")),
            ("10n", Err("invalid duration")),
            ("99999999999999999999s", Err("invalid duration")),
            ("20000w", Err("overflowed duration 20000w: choose a smaller duration or INF")),
        ];
        for (text, want) in cases {
            let got = duration_value(text).map(DurationLiteral::nanos);
            assert_eq!(got, want.map_err(str::to_owned), "{text}");
        }
    }
}
