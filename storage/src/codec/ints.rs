//! Runs of integers: which codec, and both directions.

use super::bits::{pack_with_width, take_packed, unpack, width_of};
use super::coded::{self, CODED, CODED_MASK};
use super::frame::{FRAME, FRAME_MASK, Frame};
use super::plan::Parts;
use super::{Effort, MAX_VALUES};
use crate::bytes::{Bad, Reader, put_zigzag};

const CONSTANT: u8 = 0;
const STEPS: u8 = 1;
const PACKED: u8 = 2;
const DELTA: u8 = 3;

/// Fewer values are not worth the choice among frames.
const FEW: usize = 8;

/// Appends `values`, which may be none.
pub(crate) fn encode_ints(values: &[i64], out: &mut Vec<u8>) {
    encode_ints_with(values, Effort::Quick, out);
}

/// Appends `values`, which may be none, in as few bytes as `effort` finds.
pub(crate) fn encode_ints_with(values: &[i64], effort: Effort, out: &mut Vec<u8>) {
    let Some(first) = values.first().copied() else {
        out.push(CONSTANT);
        return put_zigzag(out, 0);
    };
    let steps = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let (min_step, max_step) =
        steps.clone().fold((i64::MAX, i64::MIN), |(a, b), step| (a.min(step), b.max(step)));
    if values.len() == 1 || (min_step == 0 && max_step == 0) {
        out.push(CONSTANT);
        return put_zigzag(out, first);
    }
    if min_step == max_step {
        out.push(STEPS);
        put_zigzag(out, first);
        return put_zigzag(out, min_step);
    }
    if effort != Effort::Quick
        && values.len() >= FEW
        && let Some(parts) = Parts::of(values)
        && let Some(plan) = parts.plan()
    {
        let start = out.len();
        plan.write(out);
        let frame = out.split_off(start);
        // Slower to read: for a gain that is worth it.
        let most = frame.len() - frame.len() / 50;
        if effort != Effort::Cold || !parts.write_coded(most, out) {
            out.extend(frame);
        }
        return;
    }
    let (min, max) = values.iter().fold((first, first), |(a, b), v| (a.min(*v), b.max(*v)));
    let (width, step_width) = (width_of(min, max), width_of(min_step, max_step));
    if step_width < width {
        out.push(DELTA);
        put_zigzag(out, first);
        put_zigzag(out, min_step);
        let steps = steps.map(|step| step.wrapping_sub(min_step).cast_unsigned());
        pack_with_width(steps, step_width, out);
    } else {
        out.push(PACKED);
        put_zigzag(out, min);
        let distances = values.iter().map(|v| v.wrapping_sub(min).cast_unsigned());
        pack_with_width(distances, width, out);
    }
}

/// A run of integers taken apart.
#[derive(Debug, Clone)]
pub(super) enum IntBlock<'a> {
    Steps {
        n: usize,
        first: i64,
        step: i64,
    },
    Packed {
        n: usize,
        min: i64,
        width: u32,
        packed: &'a [u8],
    },
    Delta {
        n: usize,
        first: i64,
        min_step: i64,
        width: u32,
        packed: &'a [u8],
    },
    Frame(Frame<'a>),
    /// Entropy coding tells its end only when it is decoded, so it is decoded when it is read.
    Known(Vec<i64>),
}

impl<'a> IntBlock<'a> {
    #[inline]
    pub(super) fn read(reader: &mut Reader<'a>, n: usize) -> Result<IntBlock<'a>, Bad> {
        if n > MAX_VALUES {
            return reader.bad("fewer values", n.to_string());
        }
        match reader.u8()? {
            CONSTANT => Ok(IntBlock::Steps { n, first: reader.zigzag()?, step: 0 }),
            STEPS => Ok(IntBlock::Steps { n, first: reader.zigzag()?, step: reader.zigzag()? }),
            PACKED => {
                let min = reader.zigzag()?;
                let (width, packed) = take_packed(reader, n)?;
                Ok(IntBlock::Packed { n, min, width, packed })
            }
            DELTA => {
                let (first, min_step) = (reader.zigzag()?, reader.zigzag()?);
                let (width, packed) = take_packed(reader, n.saturating_sub(1))?;
                Ok(IntBlock::Delta { n, first, min_step, width, packed })
            }
            id if id & FRAME_MASK == FRAME => Ok(IntBlock::Frame(Frame::read(id, reader, n)?)),
            id if id & CODED_MASK == CODED => Ok(IntBlock::Known(coded::decode(id, reader, n)?)),
            other => reader.bad("an integer codec", other.to_string()),
        }
    }

    /// First value and step, if all are equally far from one to the next.
    #[allow(dead_code, reason = "for `NumberBlock`")]
    pub(super) fn steps(&self) -> Option<(i64, i64)> {
        match self {
            IntBlock::Steps { first, step, .. } => Some((*first, *step)),
            _ => None,
        }
    }

    fn len(&self) -> usize {
        match self {
            IntBlock::Steps { n, .. }
            | IntBlock::Packed { n, .. }
            | IntBlock::Delta { n, .. }
            | IntBlock::Frame(Frame { n, .. }) => *n,
            IntBlock::Known(values) => values.len(),
        }
    }

    /// Decodes in place of what `into` held.
    pub(super) fn decode_into(&self, into: &mut Vec<i64>) {
        // What is there already is overwritten: no need to clear it.
        into.resize(self.len(), 0);
        match *self {
            IntBlock::Known(ref values) => into.copy_from_slice(values),
            IntBlock::Steps { mut first, step, .. } => {
                for value in into {
                    *value = first;
                    first = first.wrapping_add(step);
                }
            }
            IntBlock::Packed { min, width, packed, .. } => {
                for_each_unpacked(packed, width, into, |value, distance| {
                    *value = min.wrapping_add(distance);
                });
            }
            IntBlock::Delta { first, min_step, width, packed, .. } => {
                let Some((value, into)) = into.split_first_mut() else { return };
                *value = first;
                let mut at = first;
                for_each_unpacked(packed, width, into, |value, distance| {
                    at = at.wrapping_add(min_step).wrapping_add(distance);
                    *value = at;
                });
            }
            IntBlock::Frame(ref frame) => frame.decode(into),
        }
    }

    /// Shows all values in order, some at a time: the index of the first, and the values.
    pub(super) fn for_each(&self, mut show: impl FnMut(usize, &[i64])) {
        if let IntBlock::Known(values) = self {
            return show(0, values);
        }
        let mut values = Vec::new();
        self.decode_into(&mut values);
        show(0, &values);
    }

    /// For each of `marks`, which ascend, the sum of the values before it, where that takes no decoding to natural order. Sums wrap around.
    /// `sums` has as many places.
    pub(super) fn sums(&self, marks: &[usize], sums: &mut [i64]) -> bool {
        match self {
            IntBlock::Frame(frame) => return frame_sums(frame, marks, sums),
            IntBlock::Steps { n, first, step } => {
                let value = |rows: i64, _| {
                    let steps = rows.wrapping_mul(rows.wrapping_sub(1)) / 2;
                    first.wrapping_mul(rows).wrapping_add(step.wrapping_mul(steps))
                };
                each_mark(marks, sums, *n, value);
            }
            IntBlock::Known(values) => {
                let (mut sum, mut from) = (0i64, 0);
                for (mark, place) in marks.iter().zip(sums) {
                    let rows = values.get(from..(*mark).min(values.len())).unwrap_or_default();
                    sum = rows.iter().fold(sum, |sum, value| sum.wrapping_add(*value));
                    *place = sum;
                    from = (*mark).max(from);
                }
            }
            _ => return false,
        }
        true
    }

    /// The same with all digits; `None` where one might be missing, or a value might have more than 53 bits.
    pub(super) fn whole_sums(&self, marks: &[usize], sums: &mut [i64]) -> Option<Whole> {
        match self {
            IntBlock::Frame(frame) => Whole::of(frame, marks, sums),
            IntBlock::Steps { n, first, step: 0 } if first.unsigned_abs() < 1 << 53 => {
                sums.fill(0);
                Some(Whole { rows: *n, base: *first, divisor: 1 })
            }
            IntBlock::Known(values) => {
                let bits = values.iter().fold(0, |bits, value| bits | (value ^ value >> 63));
                let room = bits >> 53 == 0
                    && bits.leading_zeros() >= values.len().checked_ilog2().unwrap_or(0) + 2;
                (room && self.sums(marks, sums)).then_some(Whole {
                    rows: values.len(),
                    base: 0,
                    divisor: 1,
                })
            }
            _ => None,
        }
    }
}

/// From a sum of distances that did not wrap around to that of the values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole {
    rows: usize,
    base: i64,
    divisor: i64,
}

/// For each of `marks` the sum of a frame's values before it; `false` if that takes decoding.
pub(super) fn frame_sums(frame: &Frame<'_>, marks: &[usize], sums: &mut [i64]) -> bool {
    if !frame.has_sums() {
        return false;
    }
    frame.sums(marks, sums);
    let value = |rows: i64, sum: i64| {
        frame.base.wrapping_mul(rows).wrapping_add(sum.wrapping_mul(frame.divisor))
    };
    each_mark(marks, sums, frame.n, value);
    true
}

impl Whole {
    /// For each of `marks` the sum of a frame's distances before it, with all digits.
    pub(super) fn of(frame: &Frame<'_>, marks: &[usize], sums: &mut [i64]) -> Option<Whole> {
        if !(frame.has_sums() && frame.has_whole_sums()) {
            return None;
        }
        frame.sums(marks, sums);
        Some(Whole { rows: frame.n, base: frame.base, divisor: frame.divisor })
    }

    /// The sum of the rows between two marks, given the sums of distances before them.
    pub(super) fn between(&self, marks: (usize, usize), sums: (i64, i64)) -> i128 {
        let rows = marks.1.min(self.rows).saturating_sub(marks.0) as u64;
        let distances = i128::from(sums.1) - i128::from(sums.0);
        i128::from(self.base) * i128::from(rows) + i128::from(self.divisor) * distances
    }
}

/// Puts in the place of each sum what `value` makes of it and the number of rows.
fn each_mark(marks: &[usize], sums: &mut [i64], n: usize, value: impl Fn(i64, i64) -> i64) {
    for (mark, sum) in marks.iter().zip(sums) {
        *sum = value(i64::try_from((*mark).min(n)).unwrap_or(i64::MAX), *sum);
    }
}

fn for_each_unpacked(
    packed: &[u8],
    width: u32,
    into: &mut [i64],
    mut put: impl FnMut(&mut i64, i64),
) {
    let (mut bit, mut distances) = (0, [0; 64]);
    for values in into.chunks_mut(64) {
        let distances = &mut distances[..values.len()];
        unpack(packed, bit, width, distances);
        bit += 64 * width as usize;
        for (value, distance) in values.iter_mut().zip(distances) {
            put(value, distance.cast_signed());
        }
    }
}

/// Reads `n` integers.
pub(crate) fn decode_ints(reader: &mut Reader<'_>, n: usize) -> Result<Vec<i64>, Bad> {
    let mut values = Vec::new();
    decode_ints_into(reader, n, &mut values)?;
    Ok(values)
}

/// Reads `n` integers in place of what `into` held; its memory is used again. After an error it holds what it held.
pub(crate) fn decode_ints_into(
    reader: &mut Reader<'_>,
    n: usize,
    into: &mut Vec<i64>,
) -> Result<(), Bad> {
    IntBlock::read(reader, n)?.decode_into(into);
    Ok(())
}
