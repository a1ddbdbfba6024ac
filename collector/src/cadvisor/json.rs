//! A writer of JSON that gives the bytes that Go's `encoding/json` gives, as clients of cAdvisor know them.
//!
//! Straight into a buffer, without a tree in between: a node of a thousand containers answers with some fifty megabytes.
//!
//! | value | as |
//! | --- | --- |
//! | text | `<`, `>` and `&` as `\u003c`, `\u003e`, `\u0026`; U+2028 and U+2029 likewise; control characters as `\u0001`, but `\b`, `\f`, `\n`, `\r`, `\t` |
//! | time | RFC 3339 in UTC, as many digits of a second as are not zero; an unknown one is the year 1 |
//! | number with a fraction | the fewest digits that read back the same; with an exponent below 1e-6 and from 1e21 on |
//!
//! Keys are written in the order in which they are asked for; whoever writes a map brings them sorted.

use std::io::Write as _;

use stripchart_core::Timestamp;

/// How a time that is not known is written: Go's zero time.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// JSON so far.
#[derive(Debug, Default)]
pub(crate) struct Json {
    out: Vec<u8>,
    /// Whether something stands before the next key or element that a comma must part it from.
    comma: bool,
}

impl Json {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Json::default()
    }

    /// What was written.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// What was written since this was called last; more may follow.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Bytes that [`Json::take`] would give.
    pub(crate) const fn len(&self) -> usize {
        self.out.len()
    }

    /// Begins an object or array that is closed later, by [`Json::close`].
    pub(crate) fn open(&mut self, bracket: u8) {
        self.before_value();
        self.out.push(bracket);
        self.comma = false;
    }

    /// Ends what was [opened](Json::open).
    pub(crate) fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.comma = true;
    }

    /// Between documents: ends a line.
    pub(crate) fn end_line(&mut self) {
        self.out.push(b'\n');
        self.comma = false;
    }

    fn before_value(&mut self) {
        if self.comma {
            self.out.push(b',');
        }
        self.comma = true;
    }

    /// A key; its value comes next.
    pub(crate) fn key(&mut self, key: &str) -> &mut Self {
        self.string(key);
        self.out.push(b':');
        self.comma = false;
        self
    }

    /// An object, filled by `fill`.
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Json)) {
        self.nested([b'{', b'}'], fill);
    }

    /// An array, filled by `fill`.
    pub(crate) fn array(&mut self, fill: impl FnOnce(&mut Json)) {
        self.nested([b'[', b']'], fill);
    }

    fn nested(&mut self, [open, close]: [u8; 2], fill: impl FnOnce(&mut Json)) {
        self.open(open);
        fill(self);
        self.close(close);
    }

    /// An array of what `each` writes for every item; `null` if there is none, as Go writes a slice that was never made.
    pub(crate) fn slice<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut each: impl FnMut(&mut Json, T),
    ) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return self.null();
        }
        self.array(|json| items.for_each(|item| each(json, item)));
    }

    /// `null`.
    pub(crate) fn null(&mut self) {
        self.before_value();
        self.out.extend_from_slice(b"null");
    }

    /// `true` or `false`.
    pub(crate) fn bool(&mut self, value: bool) {
        self.before_value();
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A whole number.
    pub(crate) fn int(&mut self, value: impl Into<i128>) {
        self.before_value();
        let value = value.into();
        // Almost all fit 64 bits, and those are written many times as fast. Writing to memory cannot fail.
        let _ = match u64::try_from(value) {
            Ok(small) => write!(self.out, "{small}"),
            Err(_) => write!(self.out, "{value}"),
        };
    }

    /// A number with a fraction. What JSON has no number for is 0; Go refuses the whole document then.
    pub(crate) fn float(&mut self, value: f64) {
        self.before_value();
        let value = if value.is_finite() { value } else { 0.0 };
        let magnitude = value.abs();
        // Writing to memory cannot fail.
        let _ = match magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
            false => write!(self.out, "{value}"),
            true => self.write_exponent(value),
        };
    }

    /// The same of 32 bits, whose fewest digits are fewer.
    pub(crate) fn float32(&mut self, value: f32) {
        // Between those of an f32 and of the f64 with the same digits there is no difference in this form.
        self.float(value.to_string().parse().unwrap_or(0.0));
    }

    /// `1e-07`'s leading zero is left out by Go's JSON, which `{:e}` never writes; its plus sign is kept.
    fn write_exponent(&mut self, value: f64) -> std::io::Result<()> {
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => {
                write!(self.out, "{mantissa}e+{exponent}")
            }
            _ => self.out.write_all(text.as_bytes()),
        }
    }

    /// A time; the year 1 where it is not known.
    pub(crate) fn time(&mut self, at: Option<Timestamp>) {
        self.before_value();
        let _ = match at {
            Some(at) => write!(self.out, "\"{at}\""),
            None => write!(self.out, "\"{ZERO_TIME}\""),
        };
    }

    /// A text.
    pub(crate) fn string(&mut self, text: &str) {
        self.before_value();
        self.out.push(b'"');
        let bytes = text.as_bytes();
        let mut copied = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let (escape, len): (&[u8], usize) = match byte {
                b'"' => (b"\\\"", 1),
                b'\\' => (b"\\\\", 1),
                b'\n' => (b"\\n", 1),
                b'\r' => (b"\\r", 1),
                b'\t' => (b"\\t", 1),
                0x08 => (b"\\b", 1),
                0x0c => (b"\\f", 1),
                b'<' => (b"\\u003c", 1),
                b'>' => (b"\\u003e", 1),
                b'&' => (b"\\u0026", 1),
                0..0x20 => (b"", 1),
                0xe2 if bytes[at..].starts_with("\u{2028}".as_bytes()) => (b"\\u2028", 3),
                0xe2 if bytes[at..].starts_with("\u{2029}".as_bytes()) => (b"\\u2029", 3),
                _ => continue,
            };
            self.out.extend_from_slice(&bytes[copied..at]);
            match escape {
                b"" => {
                    let _ = write!(self.out, "\\u{byte:04x}");
                }
                escape => self.out.extend_from_slice(escape),
            }
            copied = at + len;
        }
        self.out.extend_from_slice(&bytes[copied..]);
        self.out.push(b'"');
    }

    // What follows are members of an object: a key with its value.

    /// A number, 0 where it is not known.
    pub(crate) fn put_u64(&mut self, key: &str, value: impl Into<Option<u64>>) {
        self.key(key).int(value.into().unwrap_or(0));
    }

    /// A number, left out where it is 0 or not known.
    pub(crate) fn put_nonzero(&mut self, key: &str, value: impl Into<Option<u64>>) {
        if let Some(value) = value.into().filter(|value| *value != 0) {
            self.key(key).int(value);
        }
    }

    /// A text.
    pub(crate) fn put_str(&mut self, key: &str, value: &str) {
        self.key(key).string(value);
    }

    /// A text, left out where it is empty.
    pub(crate) fn put_nonempty(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.put_str(key, value);
        }
    }

    /// `true` or `false`.
    pub(crate) fn put_bool(&mut self, key: &str, value: bool) {
        self.key(key).bool(value);
    }

    /// A time.
    pub(crate) fn put_time(&mut self, key: &str, at: Option<Timestamp>) {
        self.key(key).time(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Json)) -> String {
        let mut json = Json::new();
        write(&mut json);
        String::from_utf8(json.into_bytes()).unwrap()
    }

    #[test]
    fn texts_are_escaped_as_go_does() {
        let cases = [
            ("plain", r#""plain""#),
            ("a<b>&\"c\\", r#""a\u003cb\u003e\u0026\"c\\""#),
            ("\n\r\t\u{8}\u{c}\u{1}\u{1f}\u{7f}", "\"\\n\\r\\t\\b\\f\\u0001\\u001f\u{7f}\""),
            ("\u{2028}x\u{2029}\u{2030}é", "\"\\u2028x\\u2029\u{2030}é\""),
            ("", r#""""#),
        ];
        for (text, want) in cases {
            assert_eq!(written(|json| json.string(text)), want);
        }
    }

    #[test]
    fn numbers_are_written_as_go_does() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (100.0, "100"),
            (1e-6, "0.000001"),
            (9.9e-7, "9.9e-7"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.5e300, "-1.5e+300"),
            (f64::NAN, "0"),
        ];
        for (value, want) in cases {
            assert_eq!(written(|json| json.float(value)), want);
        }
        assert_eq!(written(|json| json.int(u64::MAX)), "18446744073709551615");
        assert_eq!(written(|json| json.int(i64::MIN)), "-9223372036854775808");
        assert_eq!(written(|json| json.int(0u64)), "0");
        assert_eq!(written(|json| json.int(-1i64)), "-1");
    }

    #[test]
    fn times_lose_their_trailing_zeros_and_an_unknown_one_is_the_year_one() {
        let cases = [
            (None, "\"0001-01-01T00:00:00Z\""),
            (Some(1_700_000_000_000_000_000), "\"2023-11-14T22:13:20Z\""),
            (Some(1_700_000_000_120_000_000), "\"2023-11-14T22:13:20.12Z\""),
            (Some(1_700_000_000_000_000_001), "\"2023-11-14T22:13:20.000000001Z\""),
        ];
        for (nanos, want) in cases {
            assert_eq!(written(|json| json.time(nanos.map(Timestamp::from_nanos))), want);
        }
    }

    #[test]
    fn commas_stand_between_and_what_is_nothing_is_null() {
        let text = written(|json| {
            json.object(|json| {
                json.put_str("a", "");
                json.put_nonempty("b", "");
                json.put_nonzero("c", 0);
                json.key("d").array(|json| (1..3i64).for_each(|i| json.int(i)));
                json.key("e").object(|_| ());
                json.key("f").slice(std::iter::empty::<u64>(), |json, v| json.int(v));
                json.key("g").array(|_| ());
                json.put_bool("h", true);
            });
        });
        assert_eq!(text, r#"{"a":"","d":[1,2],"e":{},"f":null,"g":[],"h":true}"#);
    }
}
