//! The terminals of the grammar, as plain searches over bytes: finding the end of a name, a text, a number, a line.
//!
//! None of them looks at a byte more than a fixed number of times, whatever the input.

use memchr::{memchr, memchr2};

/// Bytes at the beginning of `input` that count as blank: space, tab and, as in InfluxDB, NUL.
pub(super) fn blank_len(input: &[u8]) -> usize {
    input.iter().position(|byte| !matches!(byte, b' ' | b'\t' | 0)).unwrap_or(input.len())
}

/// Whether the byte at `at` is escaped: a backslash stands before it, itself escaped or not.
fn is_escaped(input: &[u8], at: usize) -> bool {
    at > 0 && input[at - 1] == b'\\'
}

/// Where the measurement at the beginning of `input` ends: at a comma or space that is not escaped, or at NUL.
pub(super) fn measurement_len(input: &[u8]) -> usize {
    unescaped(input, |rest| find_any(rest, [b',', b' ', 0]))
}

/// Where the key or tag value at the beginning of `input` ends: at a comma, `=` or space that is not escaped, or at NUL.
pub(super) fn name_len(input: &[u8]) -> usize {
    unescaped(input, |rest| find_any(rest, [b',', b'=', b' ', 0]))
}

/// Where measurement and tags at the beginning of `input` end: at a space that is not escaped.
pub(super) fn series_len(input: &[u8]) -> usize {
    unescaped(input, |rest| memchr(b' ', rest))
}

/// Where the unquoted value at the beginning of `input` ends: at a comma or space.
pub(super) fn value_len(input: &[u8]) -> usize {
    memchr2(b',', b' ', input).unwrap_or(input.len())
}

#[inline]
fn unescaped(input: &[u8], find: impl Fn(&[u8]) -> Option<usize>) -> usize {
    let mut from = 0;
    while let Some(at) = find(&input[from..]) {
        if input[from + at] == 0 || !is_escaped(input, from + at) {
            return from + at;
        }
        from += at + 1;
    }
    input.len()
}

/// The first byte of `input` that is one of `stops`.
///
/// Looks at eight bytes at a time: names have about ten, too few for `memchr` to make up for its beginning.
#[inline]
fn find_any<const N: usize>(input: &[u8], stops: [u8; N]) -> Option<usize> {
    const LOW: u64 = u64::MAX / 255;
    const HIGH: u64 = LOW << 7;
    let (words, tail) = input.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The highest bit of a byte is set where it equals a stop; above the first such byte it may be set wrongly.
        let found = stops.iter().fold(0, |found, stop| {
            let differs = word ^ (LOW * u64::from(*stop));
            found | (differs.wrapping_sub(LOW) & !differs & HIGH)
        });
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let at = tail.iter().position(|byte| stops.contains(byte))?;
    Some(input.len() - tail.len() + at)
}

/// Where the text at the beginning of `input`, whose opening quote is past, has its closing quote.
pub(super) fn string_len(input: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', input.get(from..)?)?;
        if input[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Where the line at the beginning of `body` ends: at the first line feed that is not inside a text. And how many line
/// feeds there are inside texts before.
///
/// A text begins with a quote after the `=` of a field. A backslash does not hide a line feed elsewhere, so that a
/// broken line takes no whole one with it; InfluxDB joins the two.
#[inline]
pub(super) fn line_len(body: &[u8]) -> (usize, usize) {
    match memchr2(b'\n', b'"', body) {
        None => (body.len(), 0),
        Some(at) if body[at] == b'\n' => (at, 0),
        Some(_) => {
            let len = quoted_line_len(body);
            (len, memchr::memchr_iter(b'\n', &body[..len]).count())
        }
    }
}

fn quoted_line_len(body: &[u8]) -> usize {
    let start = blank_len(body);
    let end = memchr(b'\n', body).unwrap_or(body.len());
    if body[start..].first() == Some(&b'#') {
        return end;
    }
    // Quotes before the fields are ordinary characters.
    let mut from = start + series_len(&body[start..end.max(start)]);
    while let Some(at) = memchr2(b'\n', b'"', &body[from..]).map(|at| from + at) {
        if body[at] == b'\n' {
            return at;
        }
        from = at + 1;
        let opens = at > 0 && body[at - 1] == b'=' && !is_escaped(body, at - 1);
        if opens {
            match string_len(&body[from..]) {
                Some(len) => from += len + 1,
                None => return body.len(),
            }
        }
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_influxdb_ends_them() {
        let first = |body: &str| body[..line_len(body.as_bytes()).0].to_owned();
        for (body, want) in [
            ("", ""),
            ("a v=1", "a v=1"),
            ("a v=1\nb", "a v=1"),
            ("a v=\"x\ny\" 1\nb", "a v=\"x\ny\" 1"),
            ("a v=\"x\\\"\ny\" 1\nb", "a v=\"x\\\"\ny\" 1"),
            ("a v=\"x\\\\\"\nb", "a v=\"x\\\\\""),
            ("a,t=\"x v=1\nb", "a,t=\"x v=1"),
            ("a,\"t\"=\"x v=1\nb", "a,\"t\"=\"x v=1"),
            ("a,t=\\ \"x v=\"\n\"\nb", "a,t=\\ \"x v=\"\n\""),
            ("a \"k=1\nb", "a \"k=1"),
            ("a k\\=\"=1\nb", "a k\\=\"=1"),
            ("a v=\"x\nb v=1\n", "a v=\"x\nb v=1\n"),
            ("# v=\"\nb v=1\n", "# v=\""),
            ("  # v=\"\nb v=1\n", "  # v=\""),
            ("a v=1\\\nb", "a v=1\\"),
            (" \n\"", " "),
            ("\"\n", "\""),
            ("\0\n=\"", "\0"),
            ("a\n=\"", "a"),
        ] {
            assert_eq!(first(body), want, "{body:?}");
        }
    }

    #[test]
    fn stops_are_found_wherever_they_stand() {
        let stops = [b',', b'=', b' ', 0];
        for len in 0..40 {
            for at in 0..=len {
                for (stop, other) in stops.into_iter().zip([b'-', b'<', b'!', 1]) {
                    let mut input = vec![0x80; len];
                    input[..at].fill(other);
                    input.extend([0xff, b'\\']);
                    assert_eq!(find_any(&input, stops), None);
                    input[at] = stop;
                    assert_eq!(find_any(&input, stops), Some(at), "{len} {at} {stop}");
                }
            }
        }
    }

    #[test]
    fn a_backslash_escapes_what_follows_even_after_another() {
        assert_eq!(name_len(br"a\\=b=c"), 5);
        assert_eq!(name_len(br"=b"), 0);
        assert_eq!(name_len(br"\=b"), 3);
        assert_eq!(measurement_len(br"a=b\,c,d"), 6);
        assert_eq!(string_len(br#"a\"b"c"#), Some(4));
        assert_eq!(string_len(br#"a\"#), None);
        assert_eq!(string_len(br#"a\""#), None);
    }
}
