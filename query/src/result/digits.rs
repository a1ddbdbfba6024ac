//! Integers and instants as decimal digits, without the formatting machinery, which costs more than the rest of an
//! answer's row.

use std::io::Write;

use stripchart_core::Timestamp;

use crate::Zone;

const NANOS_PER_SEC: i64 = 1_000_000_000;
const SECS_PER_DAY: i64 = 86_400;

/// Appends `value` in decimal.
pub(super) fn write_i64(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = digit(rest % 10);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn digit(value: u64) -> u8 {
    b'0' + u8::try_from(value).unwrap_or(0)
}

/// Writes instants as RFC 3339; keeps the date of the last, since the next is mostly of the same day.
#[derive(Debug)]
pub(super) struct Instants {
    /// Whose clocks are shown; UTC's without.
    zone: Option<Zone>,
    /// The day, counted from the epoch, and its text up to the `T`.
    last: Option<(i64, Vec<u8>)>,
}

impl Instants {
    pub(super) fn new(zone: Option<Zone>) -> Self {
        Instants { zone, last: None }
    }

    /// Appends the instant `nanos` after the epoch, as [`Timestamp`] displays it.
    pub(super) fn write(&mut self, nanos: i64, out: &mut Vec<u8>) {
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
        let two = |value: u64| [digit(value / 10), digit(value % 10)];
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
                    prop_assert_eq!(String::from_utf8_lossy(&number), value.to_string());
                    let want = Timestamp::from_nanos(value).to_string();
                    prop_assert_eq!(String::from_utf8_lossy(&instant), want);
                }
            }
        }
    }
}
