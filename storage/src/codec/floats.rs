//! Runs of floats.

use super::Effort;
use super::ints::{IntBlock, decode_ints, encode_ints_with};
use crate::bytes::{Bad, Reader};

const FLOAT_RAW: u8 = 0;
const FLOAT_DECIMAL: u8 = 1;
const FLOAT_BITS: u8 = 2;

/// Digits after the point that the decimal codec tries.
const MAX_DIGITS: u8 = 9;
const POWERS: [f64; MAX_DIGITS as usize + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Appends `values`, which may be none.
pub(super) fn encode_floats(values: &[f64], effort: Effort, out: &mut Vec<u8>) {
    if let Some((digits, ints)) = decimals(values) {
        out.extend([FLOAT_DECIMAL, digits]);
        return encode_ints_with(&ints, effort, out);
    }
    let bits: Vec<i64> = values.iter().map(|v| v.to_bits().cast_signed()).collect();
    let mut coded = vec![FLOAT_BITS];
    encode_ints_with(&bits, effort, &mut coded);
    if coded.len() < values.len() * 8 {
        return out.append(&mut coded);
    }
    out.push(FLOAT_RAW);
    values.iter().for_each(|v| out.extend(v.to_bits().to_le_bytes()));
}

/// The values as integers over a power of ten, if that gives back every bit.
fn decimals(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut digits = 0;
    let mut ints = Vec::with_capacity(values.len());
    'digits: loop {
        ints.clear();
        for value in values {
            match decimal(*value, digits) {
                Some(int) => ints.push(int),
                None if digits < MAX_DIGITS => {
                    digits += 1;
                    continue 'digits;
                }
                None => return None,
            }
        }
        return Some((digits, ints));
    }
}

fn decimal(value: f64, digits: u8) -> Option<i64> {
    let power = POWERS[usize::from(digits)];
    let scaled = (value * power).round();
    // Beyond 53 bits neighbouring integers are one float.
    if scaled.abs() >= 9e15 || !scaled.is_finite() {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked to be far inside")]
    let int = scaled as i64;
    (from_decimal(int, power).to_bits() == value.to_bits()).then_some(int)
}

fn from_decimal(int: i64, power: f64) -> f64 {
    int as f64 / power
}

/// Reads `n` floats in place of what `into` held.
pub(crate) fn decode_floats_into(
    reader: &mut Reader<'_>,
    n: usize,
    into: &mut Vec<f64>,
) -> Result<(), Bad> {
    into.clear();
    into.extend(decode_floats(reader, n)?);
    Ok(())
}

/// The value that all `n` are, if the codec says so.
pub(super) fn peek_constant(mut reader: Reader<'_>) -> Option<f64> {
    let codec = reader.u8().ok()?;
    let power = match codec {
        FLOAT_DECIMAL => *POWERS.get(usize::from(reader.u8().ok()?))?,
        FLOAT_BITS => 1.0,
        _ => return None,
    };
    let (value, step) = IntBlock::read(&mut reader, 1).ok()?.steps()?;
    (step == 0).then(|| match codec {
        FLOAT_BITS => f64::from_bits(value.cast_unsigned()),
        _ => from_decimal(value, power),
    })
}

pub(super) fn decode_floats(reader: &mut Reader<'_>, n: usize) -> Result<Vec<f64>, Bad> {
    match reader.u8()? {
        FLOAT_RAW => {
            let bytes = reader.take(n * 8)?;
            let (values, _) = bytes.as_chunks::<8>();
            Ok(values.iter().map(|b| f64::from_bits(u64::from_le_bytes(*b))).collect())
        }
        FLOAT_DECIMAL => {
            let digits = reader.u8()?;
            let Some(power) = POWERS.get(usize::from(digits)) else {
                return reader.bad("at most 9 digits", digits.to_string());
            };
            let ints = decode_ints(reader, n)?;
            Ok(ints.into_iter().map(|int| from_decimal(int, *power)).collect())
        }
        FLOAT_BITS => {
            let bits = decode_ints(reader, n)?;
            Ok(bits.into_iter().map(|bits| f64::from_bits(bits.cast_unsigned())).collect())
        }
        other => reader.bad("a float codec", other.to_string()),
    }
}
