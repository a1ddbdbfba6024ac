//! Numbers: the common ones in one pass over their digits, the others by InfluxDB's rules and the standard library.

use super::error::{Fault, Kind};
use super::grammar::{Parsed, RawValue};
use super::leaf;

/// Digits that a signed integer always has room for.
const INTEGER_DIGITS: usize = 18;

/// Digits that a float holds exactly as an integer.
const FLOAT_DIGITS: usize = 15;

/// The powers of ten up to [`FLOAT_DIGITS`], all exact.
const POWERS_OF_TEN: [f64; FLOAT_DIGITS + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// ```text
/// integer  = [ "-" ] , digits , "i" ;
/// unsigned = digits , "u" ;
/// float    = [ "-" ] , ( digits , [ "." , [ digits ] ] | "." , digits ) , [ exponent ] ;
/// ```
#[inline]
pub(super) fn number(input: &[u8]) -> Parsed<'_, RawValue<'_>> {
    match common(input) {
        Some((len, value)) => Ok((&input[len..], value)),
        None => any(input),
    }
}

/// Integers of up to 18 digits and plain decimals of up to 15; `None` for everything else.
#[inline(always)]
pub(super) fn common(input: &[u8]) -> Option<(usize, RawValue<'_>)> {
    let negative = input.first() == Some(&b'-');
    let start = usize::from(negative);
    let (whole, mut mantissa) = digits(&input[start..], 0);
    let mut at = start + whole;
    match input.get(at) {
        Some(b'i') if (1..=INTEGER_DIGITS).contains(&whole) && ends(input, at + 1) => {
            let value = i64::try_from(mantissa).ok()?;
            return Some((at + 1, RawValue::Integer(if negative { -value } else { value })));
        }
        Some(b'.') => at += 1,
        None | Some(b',' | b' ') => {}
        Some(_) => return None,
    }
    let (fraction, all) = digits(&input[at..], mantissa);
    mantissa = all;
    if !(1..=FLOAT_DIGITS).contains(&(whole + fraction)) || !ends(input, at + fraction) {
        return None;
    }
    // Both are exact, so the quotient is rounded once: to the float nearest to the decimal.
    let value = mantissa as f64 / POWERS_OF_TEN[fraction];
    Some((at + fraction, RawValue::Float(if negative { -value } else { value })))
}

/// How many digits begin `input`, and the number they continue `number` to; meaningless when it overflows.
#[inline]
fn digits(input: &[u8], mut number: u64) -> (usize, u64) {
    let mut len = 0;
    while let Some(digit @ b'0'..=b'9') = input.get(len) {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        len += 1;
    }
    (len, number)
}

/// Whether a value may end at `at`.
#[inline]
fn ends(input: &[u8], at: usize) -> bool {
    matches!(input.get(at), None | Some(b',' | b' '))
}

#[cold]
fn any(input: &[u8]) -> Parsed<'_, RawValue<'_>> {
    let (token, rest) = input.split_at(leaf::value_len(input));
    match classify(token) {
        Ok(value) => Ok((rest, value)),
        Err(kind) => Err(Fault::cut(input, kind)),
    }
}

fn classify(token: &[u8]) -> Result<RawValue<'static>, Kind> {
    let text = std::str::from_utf8(token).map_err(|_| Kind::Number)?;
    let magnitude = token.strip_prefix(b"-").unwrap_or(token);
    match magnitude.split_last() {
        Some((b'i', digits)) if all_digits(digits) => {
            let parsed = text[..text.len() - 1].parse();
            parsed.map(RawValue::Integer).map_err(|_| Kind::IntegerRange)
        }
        Some((b'u', digits)) if all_digits(digits) && magnitude.len() == token.len() => {
            let parsed = text[..text.len() - 1].parse();
            parsed.map(RawValue::Unsigned).map_err(|_| Kind::UnsignedRange)
        }
        _ if may_be_float(magnitude) => match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(RawValue::Float(value)),
            _ => Err(Kind::Float),
        },
        _ => Err(Kind::Number),
    }
}

fn all_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Whether InfluxDB would call `text` a float, if perhaps an invalid one: at most one point, signs after an `e` only,
/// and something besides the point.
fn may_be_float(text: &[u8]) -> bool {
    let mut before = 0;
    let fits = text.iter().all(|byte| {
        let fits = match byte {
            b'0'..=b'9' | b'.' | b'e' | b'E' => true,
            b'+' | b'-' => matches!(before, b'e' | b'E'),
            _ => false,
        };
        before = *byte;
        fits
    });
    let points = memchr::memchr_iter(b'.', text).count();
    fits && points <= 1 && text.len() > points
}

/// `timestamp = [ "-" ] , digits ;` up to a space or the end.
pub(super) fn timestamp(input: &[u8]) -> Parsed<'_, i64> {
    let sign = usize::from(input.first() == Some(&b'-'));
    let (len, magnitude) = digits(&input[sign..], 0);
    let (token, rest) = input.split_at(sign + len);
    match rest.first() {
        None | Some(b' ') => {}
        Some(_) => return Err(Fault::cut(rest, Kind::Timestamp)),
    }
    let count = match i64::try_from(magnitude) {
        _ if len == 0 => return Err(Fault::cut(input, Kind::TimestampSign)),
        Ok(magnitude) if len <= INTEGER_DIGITS + 1 => {
            if sign == 1 {
                -magnitude
            } else {
                magnitude
            }
        }
        // Leading zeros, the one number without a positive twin, or too many digits.
        _ => match std::str::from_utf8(token).ok().and_then(|text| text.parse().ok()) {
            Some(count) => count,
            None => return Err(Fault::cut(input, Kind::TimestampRange)),
        },
    };
    Ok((rest, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_way_agrees_with_the_standard_library() {
        let mut state = 7_u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let (mantissa, places) = (state >> (14 + state % 40), (state >> 60) as usize);
            let digits = format!("{mantissa:0width$}", width = places + 1);
            let (whole, fraction) = digits.split_at(digits.len() - places);
            for text in [format!("{whole}.{fraction}"), format!("-{whole}.{fraction}")] {
                let (rest, value) = number(text.as_bytes()).unwrap();
                assert_eq!(rest, b"");
                let RawValue::Float(value) = value else { panic!("{text}: {value:?}") };
                assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
            }
        }
    }

    #[test]
    fn timestamps_at_the_edge_of_64_bits() {
        for text in
            ["0", "-1", "9223372036854775807", "-9223372036854775808", "-0000000000000000000000001"]
        {
            assert_eq!(timestamp(text.as_bytes()), Ok((&b""[..], text.parse().unwrap())), "{text}");
        }
        for text in ["9223372036854775808", "-9223372036854775809", "18446744073709551617"] {
            assert_eq!(
                timestamp(text.as_bytes()),
                Err(Fault::cut(text.as_bytes(), Kind::TimestampRange))
            );
        }
    }
}
