//! Numbers: the common ones in one pass over their digits, the others by InfluxDB's rules and the standard library.

use super::error::{Fault, Kind};
use super::grammar::{Parsed, RawValue};
use super::leaf;
use super::word::{DIGITS_MAX, Digits, POWERS_OF_TEN, digits_at, word_at};

/// The powers of ten that 64 bits hold.
const TENS: [u64; 20] = {
    let mut tens = [1; 20];
    let mut at = 1;
    while at < tens.len() {
        tens[at] = tens[at - 1] * 10;
        at += 1;
    }
    tens
};

/// Up to here every integer is a float.
const EXACT_MAX: u64 = 1 << 53;

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

/// Signed integers of up to 19 digits and floats; `None` for everything else.
#[inline]
fn common(input: &[u8]) -> Option<(usize, RawValue<'_>)> {
    let (value, end) = match integer_at(input, 0) {
        Some((value, end)) if input.get(end) == Some(&b'i') => (RawValue::Integer(value), end + 1),
        _ => {
            let (value, end) = float_at(input, 0)?;
            (RawValue::Float(value), end)
        }
    };
    ends(input, end).then_some((end, value))
}

/// The integer at `at`, of up to 19 digits, and where it ends. What follows, an `i` to begin with, is not looked at.
#[inline(always)]
pub(super) fn integer_at(input: &[u8], at: usize) -> Option<(i64, usize)> {
    let negative = input.get(at) == Some(&b'-');
    let start = at + usize::from(negative);
    let first = Digits::of(word_at(input, start));
    let (len, magnitude) = match first.count() {
        0 => return None,
        count @ 1..8 => (count, first.number(count)),
        _ => digits_at(input, start, 0),
    };
    let magnitude = i64::try_from(magnitude).ok().filter(|_| len <= DIGITS_MAX)?;
    Some((if negative { -magnitude } else { magnitude }, start + len))
}

/// The float at `at`, finite, and where it ends. What follows is not looked at.
#[inline(always)]
pub(super) fn float_at(input: &[u8], at: usize) -> Option<(f64, usize)> {
    let negative = input.get(at) == Some(&b'-');
    let start = at + usize::from(negative);
    let word = word_at(input, start);
    let digits = Digits::of(word);
    let whole = digits.count();
    if whole == 8 {
        return long_float_at(input, at, start);
    }
    let byte = |at: usize| word.to_le_bytes()[at];
    let (magnitude, len) = match byte(whole) {
        b'.' => match digits.second_other() {
            8 => return long_float_at(input, at, start),
            1 => return None,
            end if byte(end) | 0x20 == b'e' => return long_float_at(input, at, start),
            end => {
                let mantissa = digits.number_without(whole, end);
                // Both are exact, so the quotient is rounded once: to the float nearest to the decimal.
                (mantissa as f64 / POWERS_OF_TEN[end - whole - 1], end)
            }
        },
        b'e' | b'E' => return long_float_at(input, at, start),
        _ if whole == 0 => return None,
        _ => (digits.number(whole) as f64, whole),
    };
    Some((if negative { -magnitude } else { magnitude }, start + len))
}

/// The float whose sign is at `at`, if it has one, and its digits at `start`: with an exponent, or of many digits.
#[inline(never)]
fn long_float_at(input: &[u8], at: usize, start: usize) -> Option<(f64, usize)> {
    let (whole, mut mantissa) = digits_at(input, start, 0);
    let (mut end, mut fraction) = (start + whole, 0);
    if input.get(end) == Some(&b'.') {
        (fraction, mantissa) = digits_at(input, end + 1, mantissa);
        end += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    let mut power = 0;
    if let Some(b'e' | b'E') = input.get(end) {
        let sign = input.get(end + 1);
        let exponent = end + 1 + usize::from(matches!(sign, Some(b'+' | b'-')));
        let (len, count) = digits_at(input, exponent, 0);
        if len == 0 {
            return None;
        }
        end = exponent + len;
        // What has more digits is not exact.
        power = if len <= 4 { i64::try_from(count).ok()? } else { i64::from(u16::MAX) };
        power = if sign == Some(&b'-') { -power } else { power };
    }
    let power = power.checked_sub_unsigned(fraction as u64)?;
    let ten = usize::try_from(power.unsigned_abs()).ok().filter(|_| whole + fraction <= DIGITS_MAX);
    let exact = ten.filter(|_| mantissa <= EXACT_MAX).and_then(|ten| POWERS_OF_TEN.get(ten));
    let magnitude = match (exact, ten.and_then(|ten| TENS.get(ten))) {
        // Both are exact, so the result is rounded once.
        (Some(ten), _) if power < 0 => mantissa as f64 / ten,
        (Some(ten), _) => mantissa as f64 * ten,
        (None, Some(ten)) if power < 0 => quotient(mantissa, *ten),
        (None, Some(ten)) => (u128::from(mantissa) * u128::from(*ten)) as f64,
        (None, None) => {
            let text = std::str::from_utf8(input.get(start..end)?).ok()?;
            text.parse().ok().filter(|value: &f64| value.is_finite())?
        }
    };
    Some((if start > at { -magnitude } else { magnitude }, end))
}

/// The float nearest to `dividend / divisor`, neither of them 0; to the even one of two.
fn quotient(dividend: u64, divisor: u64) -> f64 {
    let (up, down) = (dividend.leading_zeros(), divisor.leading_zeros());
    let (dividend, divisor) = (u128::from(dividend << up) << 62, u128::from(divisor << down));
    // 62 or 63 bits, so that there are more than a float has; that there is a rest is told by the last of them.
    let whole = dividend / divisor;
    let rest = u128::from(whole * divisor != dividend);
    let scale = 1023 + u64::from(down) - u64::from(up) - 62;
    (whole | rest) as f64 * f64::from_bits(scale << 52)
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
    let (len, magnitude) = digits_at(input, sign, 0);
    let (token, rest) = input.split_at(sign + len);
    match rest.first() {
        None | Some(b' ') => {}
        Some(_) => return Err(Fault::cut(rest, Kind::Timestamp)),
    }
    let count = match i64::try_from(magnitude) {
        _ if len == 0 => return Err(Fault::cut(input, Kind::TimestampSign)),
        Ok(magnitude) if len <= DIGITS_MAX => {
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
                let text = format!("{text}e{}", i64::try_from(state >> 20 & 0x3f).unwrap() - 32);
                let (rest, value) = number(text.as_bytes()).unwrap();
                assert_eq!(rest, b"");
                let RawValue::Float(value) = value else { panic!("{text}: {value:?}") };
                assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
            }
        }
    }

    #[test]
    fn long_numbers_are_rounded_as_the_standard_library_does() {
        let mut state = 1_u64;
        for _ in 0..50_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // Half-way between two floats, or next to that, once it is multiplied by a power of two.
            let half_way = (1 << 54 | (state & 0xffff) << 20 | 2)
                * [1, 5, 25, 125][(state >> 50 & 3) as usize];
            let mantissa = match state >> 57 & 3 {
                0 => half_way,
                1 => half_way + 1,
                2 => half_way - 1,
                _ => state | 1 << 63,
            };
            let power = state >> 59;
            for text in [
                format!("{mantissa}e-{power}"),
                format!("-{mantissa}e{power}"),
                format!("0.{mantissa}"),
                f64::from_bits(state).to_string(),
            ] {
                let Some((value, end)) = float_at(text.as_bytes(), 0) else { continue };
                assert_eq!(end, text.len());
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
