//! Writing SVG: escaped text, fixed-point numbers, compact paths. Knows no charts.
//!
//! Lengths are integers, in tenths of a pixel where a pixel is too coarse; no float is ever formatted, which is both
//! what makes the output the same everywhere and what makes it fast.

use std::fmt::Write;

use crate::theme::{Role, Theme, Use, paint_attributes};

/// Appends SVG to a string.
#[derive(Debug)]
pub(crate) struct Svg<'o> {
    out: &'o mut String,
    theme: Theme,
}

impl<'o> Svg<'o> {
    pub(crate) fn new(out: &'o mut String, theme: Theme) -> Self {
        Svg { out, theme }
    }

    /// Markup. That it is part of the program is what keeps texts of users out of here.
    pub(crate) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Text of whatever origin, as content or inside a quoted attribute.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        escape(self.out, text);
        self
    }

    /// A whole number.
    pub(crate) fn int(&mut self, number: i32) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.out, "{number}");
        self
    }

    /// Tenths as a decimal number.
    pub(crate) fn tenths(&mut self, tenths: i32) -> &mut Self {
        if tenths % 10 == 0 {
            return self.int(tenths / 10);
        }
        let (whole, part) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
        let _ = write!(self.out, "{}{whole}.{part}", if tenths < 0 { "-" } else { "" });
        self
    }

    /// The attributes that fill with the colour of `role`.
    pub(crate) fn fill(&mut self, role: Role) -> &mut Self {
        paint_attributes(self.out, self.theme, Use::Fill, role);
        self
    }

    /// The attributes that outline with the colour of `role`.
    pub(crate) fn stroke(&mut self, role: Role) -> &mut Self {
        paint_attributes(self.out, self.theme, Use::Stroke, role);
        self
    }

    /// The attribute for a dash pattern of pixels times `scale`; nothing for a solid line.
    pub(crate) fn dash(&mut self, pattern: &[u16], scale: u16) -> &mut Self {
        if pattern.is_empty() {
            return self;
        }
        self.raw(" stroke-dasharray=\"");
        for (index, px) in pattern.iter().enumerate() {
            self.raw(if index == 0 { "" } else { " " }).int(i32::from(*px) * i32::from(scale));
        }
        self.raw("\"")
    }

    /// Whatever `write` appends: a style sheet.
    pub(crate) fn style(&mut self, write: fn(&mut String)) -> &mut Self {
        write(self.out);
        self
    }

    /// The attribute that holds a path; nothing of it is left if the path is empty.
    pub(crate) fn path_data(&mut self, path: &Path) -> &mut Self {
        self.raw(" d=\"");
        self.out.push_str(path.as_str());
        self.raw("\"")
    }
}

/// Appends `text` with the five characters escaped that mean something to XML, and without those that XML has no
/// place for: one such byte in a label would make the whole file unreadable.
pub(crate) fn escape(out: &mut String, text: &str) {
    let mut from = 0;
    for (at, c) in text.char_indices() {
        let replacement = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\'' => "&#39;",
            '\t' | '\n' | '\r' => " ",
            '\0'..='\x1f' | '\u{fffe}' | '\u{ffff}' => "",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(replacement);
        from = at + c.len_utf8();
    }
    out.push_str(&text[from..]);
}

/// The commands of a path, in whatever whole unit its group is scaled to.
///
/// Positions are given as they are and written as differences, which are short; since they are whole numbers, the
/// differences add up without error.
#[derive(Debug, Default)]
pub(crate) struct Path {
    /// ASCII only.
    bytes: Vec<u8>,
    at: (i32, i32),
    command: u8,
}

impl Path {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or("")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Begins a line at `to`.
    pub(crate) fn move_to(&mut self, to: (i32, i32)) {
        self.command = b'M';
        self.bytes.push(b'M');
        self.number(to.0, false);
        self.number(to.1, true);
        self.at = to;
    }

    /// A straight line to `to`; nothing if that is where the path is.
    pub(crate) fn line_to(&mut self, to: (i32, i32)) {
        let (dx, dy) = (to.0.saturating_sub(self.at.0), to.1.saturating_sub(self.at.1));
        match (dx, dy) {
            (0, 0) => {}
            (0, _) => {
                let again = self.switch(b'v');
                self.number(dy, again);
            }
            (_, 0) => {
                let again = self.switch(b'h');
                self.number(dx, again);
            }
            _ => {
                let again = self.switch(b'l');
                self.number(dx, again);
                self.number(dy, true);
            }
        }
        self.at = to;
    }

    /// Lines through all `points`, beginning at the first; a single point becomes a line of no length, which round
    /// caps make a dot.
    pub(crate) fn polyline(&mut self, points: &[(i32, i32)]) {
        let Some((first, rest)) = points.split_first() else { return };
        self.move_to(*first);
        if rest.iter().all(|point| point == first) {
            self.bytes.extend_from_slice(b"h0");
            self.command = b'h';
        }
        for point in rest {
            self.line_to(*point);
        }
    }

    /// A line back to where the last [`Path::move_to`] went.
    pub(crate) fn close(&mut self) {
        self.bytes.push(b'z');
        self.command = b'z';
    }

    /// Makes `command` the current one; whether it was already, in which case its letter need not be repeated.
    fn switch(&mut self, command: u8) -> bool {
        let same = self.command == command;
        if !same {
            self.command = command;
            self.bytes.push(command);
        }
        same
    }

    /// Appends a number, with a space before it where it would run into the one before.
    fn number(&mut self, number: i32, after_number: bool) {
        let size = number.unsigned_abs();
        let Some([a, b, c, digits]) = SMALL.get(size as usize).copied() else {
            return self.large_number(number, after_number);
        };
        // How long a number is cannot be foreseen, so nothing here branches on it: a fixed length is appended, and
        // what is not needed is dropped again.
        let first = usize::from(number < 0 || after_number);
        let mut text = [if number < 0 { b'-' } else { b' ' }; 4];
        text[first] = a;
        text[first + 1] = b;
        text[(first + 2).min(3)] = c;
        self.bytes.extend_from_slice(&text);
        self.bytes.truncate(self.bytes.len() - text.len() + first + usize::from(digits));
    }

    #[cold]
    fn large_number(&mut self, number: i32, after_number: bool) {
        let space = if after_number && number >= 0 { " " } else { "" };
        // Writing to a vector cannot fail.
        let _ = std::io::Write::write_fmt(&mut self.bytes, format_args!("{space}{number}"));
    }
}

/// The digits of the numbers below a thousand, from the left, and how many there are.
static SMALL: [[u8; 4]; 1000] = {
    let mut table = [[0; 4]; 1000];
    let (mut number, [mut hundreds, mut tens, mut ones]) = (0usize, [0u8; 3]);
    while number < table.len() {
        table[number] = match number {
            0..10 => [b'0' + ones, 0, 0, 1],
            10..100 => [b'0' + tens, b'0' + ones, 0, 2],
            _ => [b'0' + hundreds, b'0' + tens, b'0' + ones, 3],
        };
        number += 1;
        ones += 1;
        if ones == 10 {
            (tens, ones) = (tens + 1, 0);
        }
        if tens == 10 {
            (hundreds, tens) = (hundreds + 1, 0);
        }
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_escaped_and_what_xml_forbids_is_dropped() {
        let mut out = String::new();
        escape(&mut out, "<a href=\"x\">'&'\0\x08\x1b\u{ffff}\tb\u{85}</a>");
        assert_eq!(out, "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39; b\u{85}&lt;/a&gt;");
    }

    #[test]
    fn tenths_have_at_most_one_decimal() {
        let mut out = String::new();
        let mut svg = Svg::new(&mut out, Theme::Light);
        for tenths in [0, 5, -5, 10, -123, i32::MIN, i32::MAX] {
            svg.tenths(tenths).raw(" ");
        }
        assert_eq!(out, "0 0.5 -0.5 1 -12.3 -214748364.8 214748364.7 ");
    }

    #[test]
    fn paths_are_relative_and_short() {
        let mut path = Path::default();
        path.polyline(&[
            (10, 20),
            (15, 18),
            (20, 18),
            (20, 18),
            (20, 30),
            (20, 25),
            (21, 26),
            (22, 28),
        ]);
        path.close();
        path.polyline(&[(1, -1)]);
        assert_eq!(path.as_str(), "M10 20l5-2h5v12-5l1 1 1 2zM1-1h0");
    }

    #[test]
    fn numbers_of_every_length_are_written() {
        let mut path = Path::default();
        for number in
            [0, 7, 10, 42, 99, 100, 999, 1000, 123_456, i32::MAX, -1, -999, -1000, i32::MIN]
        {
            path.number(number, true);
        }
        let want = " 0 7 10 42 99 100 999 1000 123456 2147483647-1-999-1000-2147483648";
        assert_eq!(path.as_str(), want);
    }

    /// Follows a path, as a viewer would.
    fn follow(data: &str) -> Vec<(i32, i32)> {
        let (mut at, mut command, mut numbers) = ((0, 0), ' ', Vec::new());
        let mut points = Vec::new();
        let mut chars = data.chars().peekable();
        while let Some(c) = chars.next() {
            if c.is_ascii_alphabetic() {
                command = c;
                continue;
            }
            let mut text = String::from(c);
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                text.push(digit);
            }
            numbers.push(text.trim().parse::<i32>().unwrap());
            at = match (command, numbers.as_slice()) {
                ('M', [x, y]) => (*x, *y),
                ('l', [dx, dy]) => (at.0 + dx, at.1 + dy),
                ('h', [dx]) => (at.0 + dx, at.1),
                ('v', [dy]) => (at.0, at.1 + dy),
                _ => continue,
            };
            numbers.clear();
            points.push(at);
        }
        points
    }

    proptest! {
        #[test]
        fn a_path_read_back_has_the_points_it_was_made_of(
            points in prop::collection::vec((-9999i32..9999, -999i32..999), 2..50),
        ) {
            let mut path = Path::default();
            path.polyline(&points);
            let mut got = follow(path.as_str());
            let mut want = points;
            got.dedup();
            want.dedup();
            prop_assert_eq!(got, want);
        }
    }
}
