//! Blocks of values: integers, and columns of any field type, as few bytes as a handful of codecs make of them.
//!
//! Used alike by log records, packed rows of the head and segments. Each run of values begins with the id of its codec; how
//! many values there are, the surrounding format says.
//!
//! ```text
//! integers   0  one value, n times                  zigzag
//!            1  equal steps                         zigzag first, zigzag step
//!            2  distance from the smallest          zigzag min, u8 width, n values of width bits
//!            3  steps, as distance from the         zigzag first, zigzag min step, u8 width, n-1 values of width bits
//!               smallest step
//! floats     0  bits                                n times u64
//!            1  decimals: integers / 10^e           u8 e, integers
//!            2  bits as integers                    integers
//! booleans   0  bitmap, lowest bit first
//! texts      0  dictionary                          count, texts, integers (indexes)
//! column     0  every row has a value               values
//!            1  some have                           bitmap of rows, values of those that have
//! ```
//!
//! Unsigned integers are stored as the signed ones of the same bits. Arithmetic wraps around, so that no pair of values is
//! too far apart.

use stripchart_core::{Bitmap, Column, FieldType, Strings, ValueRef, Values};

use crate::bytes::{Bad, Reader, low_byte, put_len, put_str, put_zigzag};

/// Values that a run may have; a record of the log has the longest runs.
pub(crate) const MAX_VALUES: usize = 1 << 24;

const INT_CONSTANT: u8 = 0;
const INT_STEPS: u8 = 1;
const INT_PACKED: u8 = 2;
const INT_DELTA: u8 = 3;

const FLOAT_RAW: u8 = 0;
const FLOAT_DECIMAL: u8 = 1;
const FLOAT_BITS: u8 = 2;

const BOOL_BITMAP: u8 = 0;
const TEXT_DICTIONARY: u8 = 0;

const ALL_PRESENT: u8 = 0;
const SOME_PRESENT: u8 = 1;

/// Digits after the point that the decimal codec tries.
const MAX_DIGITS: u8 = 9;
const POWERS: [f64; MAX_DIGITS as usize + 1] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Appends `values`, which may be none.
pub(crate) fn encode_ints(values: &[i64], out: &mut Vec<u8>) {
    let Some(first) = values.first().copied() else {
        out.push(INT_CONSTANT);
        return put_zigzag(out, 0);
    };
    let steps = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let (min_step, max_step) =
        steps.clone().fold((i64::MAX, i64::MIN), |(a, b), step| (a.min(step), b.max(step)));
    if values.len() == 1 || (min_step == 0 && max_step == 0) {
        out.push(INT_CONSTANT);
        return put_zigzag(out, first);
    }
    if min_step == max_step {
        out.push(INT_STEPS);
        put_zigzag(out, first);
        return put_zigzag(out, min_step);
    }
    let (min, max) = values.iter().fold((first, first), |(a, b), v| (a.min(*v), b.max(*v)));
    let (width, step_width) = (width_of(min, max), width_of(min_step, max_step));
    if step_width < width {
        out.push(INT_DELTA);
        put_zigzag(out, first);
        put_zigzag(out, min_step);
        pack(steps.map(|step| step.wrapping_sub(min_step).cast_unsigned()), step_width, out);
    } else {
        out.push(INT_PACKED);
        put_zigzag(out, min);
        pack(values.iter().map(|v| v.wrapping_sub(min).cast_unsigned()), width, out);
    }
}

/// Bits of the distance.
fn width_of(min: i64, max: i64) -> u8 {
    low_byte(u64::from(u64::BITS - max.wrapping_sub(min).cast_unsigned().leading_zeros()))
}

/// Appends the width and then `values`, `width` bits each, lowest first.
fn pack(values: impl Iterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    out.push(width);
    let (mut word, mut bits) = (0u128, 0);
    for value in values {
        word |= u128::from(value) << bits;
        bits += u32::from(width);
        if bits >= u64::BITS {
            out.extend_from_slice(&word.to_le_bytes()[..8]);
            word >>= u64::BITS;
            bits -= u64::BITS;
        }
    }
    out.extend_from_slice(&word.to_le_bytes()[..bits.div_ceil(8) as usize]);
}

/// Reads `n` integers.
pub(crate) fn decode_ints(reader: &mut Reader<'_>, n: usize) -> Result<Vec<i64>, Bad> {
    if n > MAX_VALUES {
        return reader.bad("fewer values", n.to_string());
    }
    match reader.u8()? {
        INT_CONSTANT => Ok(vec![reader.zigzag()?; n]),
        INT_STEPS => {
            let (first, step) = (reader.zigzag()?, reader.zigzag()?);
            Ok(accumulate(first, n, std::iter::repeat(step)))
        }
        INT_PACKED => {
            let min = reader.zigzag()?;
            let values = unpack(reader, n)?;
            Ok(values.into_iter().map(|v| min.wrapping_add(v.cast_signed())).collect())
        }
        INT_DELTA => {
            let (first, min_step) = (reader.zigzag()?, reader.zigzag()?);
            let steps = unpack(reader, n.saturating_sub(1))?;
            let steps = steps.into_iter().map(|s| min_step.wrapping_add(s.cast_signed()));
            Ok(accumulate(first, n, steps))
        }
        other => reader.bad("an integer codec", other.to_string()),
    }
}

fn accumulate(first: i64, n: usize, steps: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut at = first;
    let mut values = Vec::with_capacity(n);
    if n > 0 {
        values.push(first);
    }
    for step in steps.take(n.saturating_sub(1)) {
        at = at.wrapping_add(step);
        values.push(at);
    }
    values
}

fn unpack(reader: &mut Reader<'_>, n: usize) -> Result<Vec<u64>, Bad> {
    let width = u32::from(reader.u8()?);
    if width > 64 {
        return reader.bad("a width of at most 64 bits", width.to_string());
    }
    let bytes = reader.take((n * width as usize).div_ceil(8))?;
    let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
    let mut values = Vec::with_capacity(n);
    let (mut word, mut bits, mut bytes) = (0u128, 0, bytes.iter());
    for _ in 0..n {
        while bits < width {
            word |= u128::from(bytes.next().copied().unwrap_or(0)) << bits;
            bits += 8;
        }
        #[expect(clippy::cast_possible_truncation, reason = "the mask keeps 64 bits at most")]
        values.push(word as u64 & mask);
        word >>= width;
        bits -= width;
    }
    Ok(values)
}

fn encode_floats(values: &[f64], out: &mut Vec<u8>) {
    if let Some((digits, ints)) = decimals(values) {
        out.extend([FLOAT_DECIMAL, digits]);
        return encode_ints(&ints, out);
    }
    let bits: Vec<i64> = values.iter().map(|v| v.to_bits().cast_signed()).collect();
    let mut coded = vec![FLOAT_BITS];
    encode_ints(&bits, &mut coded);
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

fn decode_floats(reader: &mut Reader<'_>, n: usize) -> Result<Vec<f64>, Bad> {
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

fn put_bits(bits: impl Iterator<Item = bool>, out: &mut Vec<u8>) {
    let (mut byte, mut at) = (0u8, 0);
    for bit in bits {
        byte |= u8::from(bit) << at;
        at += 1;
        if at == 8 {
            out.push(byte);
            (byte, at) = (0, 0);
        }
    }
    if at > 0 {
        out.push(byte);
    }
}

fn take_bits<'a>(
    reader: &mut Reader<'a>,
    n: usize,
) -> Result<impl Iterator<Item = bool> + use<'a>, Bad> {
    let bytes = reader.take(n.div_ceil(8))?;
    Ok((0..n).map(|at| bytes[at / 8] >> (at % 8) & 1 == 1))
}

fn encode_texts<'a>(texts: impl Iterator<Item = &'a str>, out: &mut Vec<u8>) {
    let mut known = std::collections::HashMap::new();
    let mut list = Vec::new();
    let mut indexes = Vec::new();
    for text in texts {
        let index = *known.entry(text).or_insert_with(|| {
            list.push(text);
            i64::from(crate::rows::index(list.len() - 1))
        });
        indexes.push(index);
    }
    out.push(TEXT_DICTIONARY);
    put_len(out, list.len());
    list.iter().for_each(|text| put_str(out, text));
    encode_ints(&indexes, out);
}

fn decode_texts(reader: &mut Reader<'_>, n: usize) -> Result<Strings, Bad> {
    match reader.u8()? {
        TEXT_DICTIONARY => {}
        other => return reader.bad("a text codec", other.to_string()),
    }
    let count = reader.count(reader.rest())?;
    let list = (0..count).map(|_| reader.str()).collect::<Result<Vec<_>, _>>()?;
    let mut strings = Strings::default();
    let mut total = 0;
    for index in decode_ints(reader, n)? {
        let text = usize::try_from(index).ok().and_then(|index| list.get(index));
        let Some(text) = text else {
            return reader.bad("an index into the dictionary", index.to_string());
        };
        // A short block may claim a long text over and over.
        total += text.len();
        if total > MAX_TEXT {
            return reader.bad("less text", format!("{total} bytes"));
        }
        strings.push(text);
    }
    Ok(strings)
}

/// Bytes of text that a run may have.
pub(crate) const MAX_TEXT: usize = 1 << 30;

/// Appends the first `n` rows of `column`; rows past its end have no value.
pub(crate) fn encode_column(column: &Column, n: usize, out: &mut Vec<u8>) {
    // Nearly always; nothing is asked of single rows then.
    if column.validity().is_none() && column.len() == n {
        match column.values() {
            Values::Float(values) => {
                out.push(ALL_PRESENT);
                return encode_floats(values, out);
            }
            Values::Integer(values) => {
                out.push(ALL_PRESENT);
                return encode_ints(values, out);
            }
            _ => {}
        }
    }
    let all = (0..n).all(|row| column.is_valid(row));
    if all {
        out.push(ALL_PRESENT);
    } else {
        out.push(SOME_PRESENT);
        put_bits((0..n).map(|row| column.is_valid(row)), out);
    }
    let rows = || (0..n).filter(|row| column.is_valid(*row));
    match column.values() {
        Values::Float(v) => encode_floats(&rows().map(|row| v[row]).collect::<Vec<_>>(), out),
        Values::Integer(v) | Values::Time(v) => {
            encode_ints(&rows().map(|row| v[row]).collect::<Vec<_>>(), out);
        }
        Values::Unsigned(v) => {
            encode_ints(&rows().map(|row| v[row].cast_signed()).collect::<Vec<_>>(), out);
        }
        Values::Boolean(v) => {
            out.push(BOOL_BITMAP);
            put_bits(rows().map(|row| v[row]), out);
        }
        Values::String(v) => encode_texts(rows().filter_map(|row| v.get(row)), out),
    }
}

/// Reads a column of `n` rows.
pub(crate) fn decode_column(
    reader: &mut Reader<'_>,
    name: &str,
    field_type: FieldType,
    n: usize,
) -> Result<Column, Bad> {
    if n > MAX_VALUES {
        return reader.bad("fewer rows", n.to_string());
    }
    let present: Option<Bitmap> = match reader.u8()? {
        ALL_PRESENT => None,
        SOME_PRESENT => Some(take_bits(reader, n)?.collect()),
        other => return reader.bad("0 or 1 for presence", other.to_string()),
    };
    let values = decode_values(reader, field_type, present.as_ref().map_or(n, Bitmap::count_ones))?;
    let Some(present) = present else { return Ok(Column::new(name, values)) };
    let mut column = Column::new(name, Values::empty(field_type));
    let mut next = 0;
    for row in 0..n {
        let value = present.get(row).then(|| values.get(next)).flatten();
        match value {
            Some(value) => {
                column.push(value);
                next += 1;
            }
            None => column.push_null(),
        }
    }
    Ok(column)
}

fn decode_values(reader: &mut Reader<'_>, field_type: FieldType, n: usize) -> Result<Values, Bad> {
    Ok(match field_type {
        FieldType::Float => Values::Float(decode_floats(reader, n)?),
        FieldType::Integer => Values::Integer(decode_ints(reader, n)?),
        FieldType::Unsigned => {
            let values = decode_ints(reader, n)?;
            Values::Unsigned(values.into_iter().map(i64::cast_unsigned).collect())
        }
        FieldType::Boolean => match reader.u8()? {
            BOOL_BITMAP => Values::Boolean(take_bits(reader, n)?.collect()),
            other => return reader.bad("a boolean codec", other.to_string()),
        },
        FieldType::String => Values::String(decode_texts(reader, n)?),
    })
}

/// Appends one value; its type is known to the reader.
pub(crate) fn put_value(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Float(v) => out.extend(v.to_bits().to_le_bytes()),
        ValueRef::Integer(v) => put_zigzag(out, v),
        ValueRef::Unsigned(v) => put_zigzag(out, v.cast_signed()),
        ValueRef::Boolean(v) => out.push(u8::from(v)),
        ValueRef::String(v) => put_str(out, v),
        ValueRef::Time(at) => put_zigzag(out, at.nanos()),
    }
}

pub(crate) fn take_value<'a>(
    reader: &mut Reader<'a>,
    field_type: FieldType,
) -> Result<ValueRef<'a>, Bad> {
    Ok(match field_type {
        FieldType::Float => ValueRef::Float(f64::from_bits(reader.u64()?)),
        FieldType::Integer => ValueRef::Integer(reader.zigzag()?),
        FieldType::Unsigned => ValueRef::Unsigned(reader.zigzag()?.cast_unsigned()),
        FieldType::Boolean => ValueRef::Boolean(reader.u8()? != 0),
        FieldType::String => ValueRef::String(reader.str()?),
    })
}

/// The number that stands for a field type in every file.
pub(crate) const fn type_id(field_type: FieldType) -> u8 {
    match field_type {
        FieldType::Float => 0,
        FieldType::Integer => 1,
        FieldType::Unsigned => 2,
        FieldType::Boolean => 3,
        FieldType::String => 4,
    }
}

pub(crate) fn take_type(reader: &mut Reader<'_>) -> Result<FieldType, Bad> {
    let id = reader.u8()?;
    let found = FieldType::ALL.into_iter().find(|field_type| type_id(*field_type) == id);
    found.map_or_else(|| reader.bad("a field type", id.to_string()), Ok)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn round_trip_ints(values: &[i64]) -> usize {
        let mut out = Vec::new();
        encode_ints(values, &mut out);
        let mut reader = Reader::new(&out);
        assert_eq!(decode_ints(&mut reader, values.len()).unwrap(), values);
        assert_eq!(reader.rest(), 0);
        out.len()
    }

    fn floats(values: &[f64]) -> Column {
        Column::new("f", Values::Float(values.to_vec()))
    }

    fn round_trip(column: &Column, n: usize) -> usize {
        let mut out = Vec::new();
        encode_column(column, n, &mut out);
        let mut reader = Reader::new(&out);
        let field_type = column.values().field_type().unwrap();
        let got = decode_column(&mut reader, &column.name, field_type, n).unwrap();
        assert_eq!(reader.rest(), 0);
        for row in 0..n {
            match (column.get(row), got.get(row)) {
                (Some(ValueRef::Float(a)), Some(ValueRef::Float(b))) => {
                    assert_eq!(a.to_bits(), b.to_bits());
                }
                (a, b) => assert_eq!(a, b, "{row}"),
            }
        }
        for cut in 0..out.len() {
            assert!(
                decode_column(&mut Reader::new(&out[..cut]), "", field_type, n).is_err(),
                "{cut}"
            );
        }
        out.len()
    }

    #[test]
    fn integers_choose_the_short_form() {
        assert_eq!(round_trip_ints(&[]), 2);
        assert_eq!(round_trip_ints(&[7; 1000]), 2);
        assert_eq!(round_trip_ints(&[5]), 2);
        assert!(round_trip_ints(&(0..1000).map(|n| n * 10_000_000_000).collect::<Vec<_>>()) < 10);
        // 1000 steps of either 9, 10 or 11: two bits each.
        let jitter: Vec<i64> = (0..1000).map(|n| n * 10 + n % 2).collect();
        assert!(round_trip_ints(&jitter) < 270);
        round_trip_ints(&[i64::MIN, i64::MAX, 0, -1, i64::MIN]);
        round_trip_ints(&[i64::MAX, i64::MIN]);
    }

    #[test]
    fn a_small_block_is_these_bytes() {
        let mut out = Vec::new();
        encode_ints(&[10, 11, 13, 14], &mut out);
        assert_eq!(out, [INT_DELTA, 20, 2, 1, 0b010]);
        out.clear();
        encode_column(&floats(&[0.5, 1.5]), 3, &mut out);
        assert_eq!(out, [SOME_PRESENT, 0b011, FLOAT_DECIMAL, 1, INT_STEPS, 10, 20]);
    }

    #[test]
    fn floats_come_back_bit_for_bit() {
        let odd = [
            f64::NAN,
            -0.0,
            f64::INFINITY,
            f64::MIN_POSITIVE,
            1e300,
            f64::from_bits(0x7ff8_0000_0000_0001),
        ];
        round_trip(&floats(&odd), odd.len());
        assert!(round_trip(&floats(&[f64::NAN; 100]), 100) < 20);
        let percent: Vec<f64> = (0..1000).map(|n| f64::from(n % 37) / 10.0).collect();
        assert!(round_trip(&floats(&percent), 1000) < 900);
    }

    #[test]
    fn every_type_comes_back_with_its_gaps() {
        let texts: Strings = ["a", "", "a", "ü"].into_iter().collect();
        round_trip(&Column::new("s", Values::String(texts)), 6);
        round_trip(&Column::new("b", Values::Boolean(vec![true, false, true])), 3);
        round_trip(&Column::new("u", Values::Unsigned(vec![u64::MAX, 0, 5])), 4);
        let mut gaps = Column::new("i", Values::empty(FieldType::Integer));
        for n in 0..100i64 {
            if n % 3 == 0 { gaps.push(n.into()) } else { gaps.push_null() }
        }
        round_trip(&gaps, 120);
        round_trip(&Column::new("none", Values::empty(FieldType::Float)), 5);
    }

    proptest! {
        #[test]
        fn any_integers(values in prop::collection::vec(any::<i64>(), 0..200), shift in 0..64u32) {
            let values: Vec<i64> = values.into_iter().map(|v| v >> shift).collect();
            round_trip_ints(&values);
        }

        #[test]
        fn any_floats(bits in prop::collection::vec(any::<u64>(), 0..50)) {
            let values: Vec<f64> = bits.into_iter().map(f64::from_bits).collect();
            round_trip(&floats(&values), values.len());
        }

        #[test]
        fn any_bytes_are_refused_or_decoded(bytes in prop::collection::vec(any::<u8>(), 0..80), n in 0..300usize) {
            for field_type in FieldType::ALL {
                if let Ok(column) = decode_column(&mut Reader::new(&bytes), "", field_type, n) {
                    prop_assert_eq!(column.len(), n);
                }
            }
        }
    }
}
