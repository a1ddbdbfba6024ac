//! Runs of integers.

use super::bits::{pack, unpack, width_of};
use super::{Effort, MAX_VALUES};
use crate::bytes::{Bad, Reader, put_zigzag};

const INT_CONSTANT: u8 = 0;
const INT_STEPS: u8 = 1;
const INT_PACKED: u8 = 2;
const INT_DELTA: u8 = 3;

/// Appends `values`, which may be none.
pub(crate) fn encode_ints(values: &[i64], out: &mut Vec<u8>) {
    encode_ints_with(values, Effort::Quick, out);
}

/// Appends `values`, which may be none, in as few bytes as `effort` finds.
pub(crate) fn encode_ints_with(values: &[i64], _effort: Effort, out: &mut Vec<u8>) {
    encode_quick(values, out);
}

fn encode_quick(values: &[i64], out: &mut Vec<u8>) {
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

/// Reads `n` integers.
pub(crate) fn decode_ints(reader: &mut Reader<'_>, n: usize) -> Result<Vec<i64>, Bad> {
    let mut values = Vec::new();
    decode_ints_into(reader, n, &mut values)?;
    Ok(values)
}

/// Reads `n` integers in place of what `into` held; its memory is used again. After an error it holds nothing of use.
pub(crate) fn decode_ints_into(
    reader: &mut Reader<'_>,
    n: usize,
    into: &mut Vec<i64>,
) -> Result<(), Bad> {
    into.clear();
    into.extend(decode_old(reader, n)?);
    Ok(())
}

/// Whether the run that `reader` stands at is a single value, or equal steps: first and step.
pub(super) fn peek_steps(mut reader: Reader<'_>) -> Option<(i64, i64)> {
    match reader.u8().ok()? {
        INT_CONSTANT => Some((reader.zigzag().ok()?, 0)),
        INT_STEPS => Some((reader.zigzag().ok()?, reader.zigzag().ok()?)),
        _ => None,
    }
}

fn decode_old(reader: &mut Reader<'_>, n: usize) -> Result<Vec<i64>, Bad> {
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
