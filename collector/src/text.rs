//! The small grammar that all kernel files share: lines of fields between blanks, most of them counts.
//!
//! Everything here borrows from the text and allocates only for errors. A text must end with a line end, as the kernel
//! writes it: a file cut short in the middle of a number would otherwise be read as a smaller number.

use memchr::memchr;

use crate::ParseError;

/// Iterates over the lines that are not blank.
#[derive(Debug, Clone)]
pub(crate) struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

/// One line, without its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    pub(crate) number: usize,
    pub(crate) text: &'a [u8],
}

impl<'a> Lines<'a> {
    /// The lines of `text`, the first of which has `first_number`.
    pub(crate) const fn numbered(text: &'a [u8], first_number: usize) -> Self {
        Lines { rest: text, number: first_number - 1 }
    }

    /// The lines of the whole file `text`.
    ///
    /// # Errors
    ///
    /// If the text is cut short: it ends without a line end.
    pub(crate) fn new(text: &'a [u8]) -> Result<Self, ParseError> {
        match text.last() {
            None | Some(b'\n') => Ok(Lines { rest: text, number: 0 }),
            Some(_) => {
                let line = 1 + memchr::memchr_iter(b'\n', text).count();
                Err(ParseError::at_end(line, "a line end"))
            }
        }
    }

    /// The number of the line given out last.
    pub(crate) const fn last_number(&self) -> usize {
        self.number
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let end = memchr(b'\n', self.rest).unwrap_or(self.rest.len());
            let text = self.rest[..end].trim_ascii();
            self.rest = self.rest.get(end + 1..).unwrap_or_default();
            self.number += 1;
            if !text.is_empty() {
                return Some(Line { number: self.number, text });
            }
        }
    }
}

impl<'a> Line<'a> {
    /// The fields of this line.
    pub(crate) const fn fields(self) -> Fields<'a> {
        Fields { line: self.number, rest: self.text }
    }

    /// An error about this line.
    pub(crate) fn error(self, expected: &'static str, found: &[u8]) -> ParseError {
        ParseError::new(self.number, expected, found)
    }
}

/// The fields of a line, from left to right.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    line: usize,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Fields of `text`, errors about which name `line`.
    pub(crate) const fn new(line: usize, text: &'a [u8]) -> Self {
        Fields { line, rest: text }
    }

    /// The next field, if there is one.
    pub(crate) fn next_field(&mut self) -> Option<&'a [u8]> {
        let text = self.rest.trim_ascii_start();
        if text.is_empty() {
            return None;
        }
        let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
        let (field, rest) = text.split_at(end);
        self.rest = rest;
        Some(field)
    }

    /// The next field, which must be there.
    pub(crate) fn word(&mut self, expected: &'static str) -> Result<&'a [u8], ParseError> {
        self.next_field().ok_or_else(|| self.error(expected, b""))
    }

    /// The next field, which must be there and be UTF-8.
    pub(crate) fn str(&mut self, expected: &'static str) -> Result<&'a str, ParseError> {
        let word = self.word(expected)?;
        std::str::from_utf8(word).map_err(|_| self.error(expected, word))
    }

    /// The next field, which must be a count.
    pub(crate) fn count(&mut self, expected: &'static str) -> Result<u64, ParseError> {
        let word = self.word(expected)?;
        count(word).ok_or_else(|| self.error(expected, word))
    }

    /// The next field as a count; `None` at the end of the line.
    pub(crate) fn count_if_any(
        &mut self,
        expected: &'static str,
    ) -> Result<Option<u64>, ParseError> {
        match self.next_field() {
            None => Ok(None),
            Some(word) => count(word).map(Some).ok_or_else(|| self.error(expected, word)),
        }
    }

    /// The next field, which must be a decimal number such as `0.25`, not negative.
    pub(crate) fn decimal(&mut self, expected: &'static str) -> Result<f64, ParseError> {
        let word = self.word(expected)?;
        decimal(word).ok_or_else(|| self.error(expected, word))
    }

    /// What is left of the line.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// An error about this line.
    pub(crate) fn error(&self, expected: &'static str, found: &[u8]) -> ParseError {
        ParseError::new(self.line, expected, found)
    }
}

/// The number that `digits` spell in base ten; `None` if they are none or exceed 64 bits.
pub(crate) fn count(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(value)
}

/// The number that `digits` spell in base sixteen; `None` if they are none or exceed 64 bits.
pub(crate) fn hex(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, digit| {
        Some(value << 4 | u64::from(char::from(*digit).to_digit(16)?))
    })
}

/// The number that `text` spells: digits, possibly a point and digits.
pub(crate) fn decimal(text: &[u8]) -> Option<f64> {
    if !text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The device number that `word` spells, as `MAJOR:MINOR`.
pub(crate) fn device_number(word: &[u8]) -> Option<(u64, u64)> {
    let colon = word.iter().position(|byte| *byte == b':')?;
    Some((count(&word[..colon])?, count(&word[colon + 1..])?))
}

/// Parses a file that holds one count and nothing else.
pub(crate) fn one_count(text: &[u8], expected: &'static str) -> Result<u64, ParseError> {
    let mut lines = Lines::new(text)?;
    let line = lines.next().ok_or_else(|| ParseError::at_end(1, expected))?;
    let value = count(line.text).ok_or_else(|| line.error(expected, line.text))?;
    match lines.next() {
        None => Ok(value),
        Some(more) => Err(more.error("end of file", more.text)),
    }
}

/// A struct with a field for each key of a kernel file that is kept; declared by [`keyed_counts`].
pub(crate) trait Keyed {
    /// The field of `key`, if it is kept.
    fn slot(&mut self, key: &[u8]) -> Option<&mut Option<u64>>;
}

/// Parses a file of `key value` lines. Values of keys that are not kept are not looked at.
pub(crate) fn flat_keyed(text: &[u8], into: &mut impl Keyed) -> Result<(), ParseError> {
    for line in Lines::new(text)? {
        let mut fields = line.fields();
        if let Some(slot) = into.slot(fields.word("a key")?) {
            *slot = Some(fields.count("a count")?);
        }
    }
    Ok(())
}

/// Declares a struct of optional counts, one for each key of a kernel file, and a method that finds a key's field.
macro_rules! keyed_counts {
    (
        $(#[$meta:meta])*
        pub struct $name:ident { $( $(#[$doc:meta])* $field:ident = $key:literal, )* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name { $( $(#[$doc])* pub $field: Option<u64>, )* }

        impl $crate::text::Keyed for $name {
            fn slot(&mut self, key: &[u8]) -> Option<&mut Option<u64>> {
                match key {
                    $( $key => Some(&mut self.$field), )*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use keyed_counts;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_digits_that_fit() {
        let cases: &[(&str, Option<u64>)] = &[
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("007", Some(7)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("max", None),
        ];
        for (text, want) in cases {
            assert_eq!(count(text.as_bytes()), *want, "{text}");
        }
    }

    #[test]
    fn decimals_are_digits_and_a_point() {
        for (text, want) in [
            ("0.25", Some(0.25)),
            ("7", Some(7.0)),
            ("1e3", None),
            ("-1", None),
            ("", None),
            (".", None),
            ("1.2.3", None),
        ] {
            assert_eq!(decimal(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn a_text_cut_in_the_middle_of_a_line_is_refused() {
        let error = Lines::new(b"a 1\nb 12").unwrap_err();
        assert_eq!(error.to_string(), "line 2: expected a line end, found end of file");
    }

    #[test]
    fn blank_lines_and_carriage_returns_are_passed_over_but_counted() {
        let lines: Vec<_> =
            Lines::new(b"\n\na 1\r\n  \nb\n").unwrap().map(|l| (l.number, l.text)).collect();
        assert_eq!(lines, [(3, &b"a 1"[..]), (5, b"b")]);
    }
}
