//! Numbers and instants as decimal digits, without the formatting machinery, which costs more than the rest of an
//! answer's row.

use std::io::Write;

use stripchart_core::Timestamp;

use crate::Zone;

const NANOS_PER_SEC: i64 = 1_000_000_000;
const SECS_PER_DAY: i64 = 86_400;

/// `00` to `99`, one behind the other.
const PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut value = 0;
    let mut at = 0;
    while at < 200 {
        pairs[at] = b'0' + value / 10;
        pairs[at + 1] = b'0' + value % 10;
        value += 1;
        at += 2;
    }
    pairs
};

/// The two digits of a number below 100.
fn pair(value: u64) -> [u8; 2] {
    let at = usize::try_from(value % 100).unwrap_or(0) * 2;
    [PAIRS[at], PAIRS[at + 1]]
}

/// Appends `value` in decimal.
#[inline]
pub(super) fn write_i64(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    write_u64(value.unsigned_abs(), out);
}

/// Appends `value` in decimal.
#[inline]
pub(super) fn write_u64(value: u64, out: &mut Vec<u8>) {
    if value < 10 {
        return out.push(digit(value));
    }
    if value < 100 {
        return out.extend_from_slice(&pair(value));
    }
    write_long(value, out);
}

fn write_long(value: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value;
    while rest >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&pair(rest));
        rest /= 100;
    }
    if rest >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&pair(rest));
    } else {
        at -= 1;
        digits[at] = digit(rest);
    }
    out.extend_from_slice(&digits[at..]);
}

fn digit(value: u64) -> u8 {
    b'0' + u8::try_from(value).unwrap_or(0)
}

/// Appends `value` as Go's `encoding/json` does: the fewest digits that read back the same, with an exponent below 1e-6
/// and from 1e21 on; what JSON cannot say, NaN and infinities, as null.
pub(super) fn write_float(value: f64, out: &mut Vec<u8>) {
    let magnitude = value.abs();
    if !value.is_finite() {
        out.extend_from_slice(b"null");
    } else if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                // A vector takes every write.
                let _ = write!(out, "{digits}e+{exponent}");
            }
            _ => out.extend_from_slice(text.as_bytes()),
        }
    } else {
        write_plain_float(value, out);
    }
}

/// Appends `value` with the fewest digits that read back the same, and never an exponent.
pub(super) fn write_plain_float(value: f64, out: &mut Vec<u8>) {
    let whole = crate::functions::truncate(value);
    // Whole numbers are frequent, and six times as fast this way.
    if value.abs() < 1e15 && whole as f64 == value && (whole != 0 || value.is_sign_positive()) {
        return write_i64(whole, out);
    }
    if value.is_finite() {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        if !text.contains('e') {
            out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes());
            return;
        }
    }
    let _ = write!(out, "{value}");
}

/// Writes instants as RFC 3339; keeps the date of the last, since the next is mostly of the same day.
#[derive(Debug)]
pub(super) struct Instants {
    /// Whose clocks are shown; UTC's without.
    zone: Option<Zone>,
    /// The day, counted from the epoch, and its text up to the `T`.
    last: Option<(i64, Vec<u8>)>,
    /// The instant written last, and its text: rows of many series often bear the same.
    same: Option<(i64, Vec<u8>)>,
}

impl Instants {
    pub(super) fn new(zone: Option<Zone>) -> Self {
        Instants { zone, last: None, same: None }
    }

    /// Appends the instant `nanos` after the epoch, as [`Timestamp`] displays it.
    pub(super) fn write(&mut self, nanos: i64, out: &mut Vec<u8>) {
        if let Some((same, text)) = &self.same
            && *same == nanos
        {
            return out.extend_from_slice(text);
        }
        let start = out.len();
        self.write_anew(nanos, out);
        let (same, text) = self.same.get_or_insert_with(|| (nanos, Vec::with_capacity(40)));
        *same = nanos;
        text.clear();
        text.extend_from_slice(&out[start..]);
    }

    fn write_anew(&mut self, nanos: i64, out: &mut Vec<u8>) {
        let ahead = self.zone.map_or(0, |zone| zone.offset_ns(nanos));
        let nanos = nanos.saturating_add(ahead);
        let seconds = nanos.div_euclid(NANOS_PER_SEC);
        let day = seconds.div_euclid(SECS_PER_DAY);
        match &self.last {
            Some((last, text)) if *last == day => out.extend_from_slice(text),
            _ => {
                let start = out.len();
                // A vector takes every write.
                let _ = write!(out, "{}", Timestamp::from_nanos(nanos));
                let length = out[start..].iter().position(|byte| *byte == b'T').unwrap_or(0) + 1;
                out.truncate(start + length);
                self.last = Some((day, out[start..].to_vec()));
            }
        }
        let second = seconds.rem_euclid(SECS_PER_DAY).unsigned_abs();
        let two = pair;
        let (h, m, s) = (two(second / 3600), two(second / 60 % 60), two(second % 60));
        out.extend_from_slice(&[h[0], h[1], b':', m[0], m[1], b':', s[0], s[1]]);
        let mut fraction = nanos.rem_euclid(NANOS_PER_SEC).unsigned_abs();
        if fraction != 0 {
            let mut digits = [b'0'; 9];
            for place in digits.iter_mut().rev() {
                *place = digit(fraction % 10);
                fraction /= 10;
            }
            let length = 9 - digits.iter().rev().take_while(|place| **place == b'0').count();
            out.push(b'.');
            out.extend_from_slice(&digits[..length]);
        }
        if ahead == 0 {
            out.push(b'Z');
            return;
        }
        let minutes = (ahead / 60 / NANOS_PER_SEC).unsigned_abs();
        let (h, m) = (two(minutes / 60), two(minutes % 60));
        let sign = if ahead < 0 { b'-' } else { b'+' };
        out.extend_from_slice(&[sign, h[0], h[1], b':', m[0], m[1]]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_as_display_writes_them(values in proptest::collection::vec(any::<i64>(), 1..4)) {
            let mut instants = Instants::new(None);
            for value in values.into_iter().chain([0, -1, i64::MIN, i64::MAX, 1_500_000_000]) {
                for value in [value, value / 1000 * 1000, value.wrapping_add(1)] {
                    let (mut number, mut instant) = (Vec::new(), Vec::new());
                    write_i64(value, &mut number);
                    instants.write(value, &mut instant);
                    let mut again = Vec::new();
                    instants.write(value, &mut again);
                    prop_assert_eq!(&instant, &again);
                    prop_assert_eq!(String::from_utf8_lossy(&number), value.to_string());
                    let want = Timestamp::from_nanos(value).to_string();
                    prop_assert_eq!(String::from_utf8_lossy(&instant), want);
                }
            }
        }
    }

    proptest! {
        /// Display takes the farther of two equally short texts where the value lies just between; Go the one whose last
        /// digit is even.
        #[test]
        fn floats_are_as_short_as_display_writes_them(bits in any::<u64>(), small in -1e6..1e6f64) {
            for value in [f64::from_bits(bits), small, small * 1e-9, small * 1e12, -0.0, 0.1] {
                let mut text = Vec::new();
                write_plain_float(value, &mut text);
                let (text, display) = (String::from_utf8_lossy(&text), value.to_string());
                prop_assert_eq!(text.len(), display.len(), "{} and {}", text, display);
                let read: f64 = text.parse().unwrap();
                prop_assert!(read == value || (read.is_nan() && value.is_nan()), "{}", text);
                prop_assert_eq!(read.is_sign_negative(), value.is_sign_negative() && !value.is_nan());
            }
        }
    }

    #[test]
    fn a_tie_goes_to_the_even_digit() {
        let mut text = Vec::new();
        write_plain_float(-2_110_949_925_079_203.25, &mut text);
        assert_eq!(text, b"-2110949925079203.2");
    }
}
