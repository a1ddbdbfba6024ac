//! Runs of floats: which codec, and both directions.

use super::bits::{get, pack, packed_len};
use super::decimal::{Decimals, Scale};
use super::frame::{Frame, FrameKernel, GROUP, ROWS, Row, Tile, Visitor, Word, place_width, walk};
use super::ints::{IntBlock, Whole, encode_ints_with};
use super::lanes::{self, Group};
use super::{Effort, MAX_VALUES};
use crate::bytes::{Bad, Reader, put_len, put_zigzag};
use crate::partials::Sum;

pub(super) const RAW: u8 = 0;
pub(super) const DECIMAL: u8 = 1;
pub(super) const BITS: u8 = 2;
pub(super) const PATCHED: u8 = 3;

/// Appends `values`, which may be none.
pub(super) fn encode_floats(values: &[f64], effort: Effort, out: &mut Vec<u8>) {
    let start = out.len();
    // Constants are told by their bits: what looks like an integer too large for 53 bits may have no decimal at all.
    let same = values.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits());
    let decimals = match effort {
        Effort::Quick => Decimals::quick(values),
        _ if same => Decimals::of(&values[..values.len().min(1)]).map(|d| d.repeat(values.len())),
        _ => Decimals::of(values),
    };
    if let Some(decimals) = decimals {
        put_decimals(values, &decimals, effort, out);
        // Where many are odd, decimals are mostly not what they are: values that are held for a while, say.
        let few_odd = decimals.odd.len() * 16 <= values.len();
        if effort == Effort::Quick || same || few_odd && out.len() - start < values.len() * 5 {
            return;
        }
    }
    let bits: Vec<i64> = values.iter().map(|v| v.to_bits().cast_signed()).collect();
    let mut coded = vec![BITS];
    encode_ints_with(&bits, effort, &mut coded);
    let decimals = out.len() - start;
    if decimals > 0 && decimals <= coded.len().min(1 + values.len() * 8) {
        return;
    }
    out.truncate(start);
    if coded.len() < values.len() * 8 {
        return out.append(&mut coded);
    }
    out.push(RAW);
    values.iter().for_each(|v| out.extend(v.to_bits().to_le_bytes()));
}

fn put_decimals(values: &[f64], decimals: &Decimals, effort: Effort, out: &mut Vec<u8>) {
    let Decimals { scale, ints, odd } = decimals;
    out.push(if odd.is_empty() { DECIMAL } else { PATCHED });
    out.push(scale.to_byte());
    encode_ints_with(ints, effort, out);
    if odd.is_empty() {
        return;
    }
    put_len(out, odd.len());
    pack(odd.iter().map(|place| *place as u64), place_width(values.len()), out);
    for place in odd {
        let near = scale.float(ints[*place]).to_bits();
        put_zigzag(out, values[*place].to_bits().wrapping_sub(near).cast_signed());
    }
}

/// A run of floats taken apart.
#[derive(Debug, Clone)]
pub(super) enum FloatBlock<'a> {
    Raw(&'a [u8]),
    Bits(IntBlock<'a>),
    Decimal { scale: Scale, ints: IntBlock<'a>, patches: Option<Patches<'a>> },
}

/// Values that are not what their integers stand for.
#[derive(Debug, Clone)]
pub(super) struct Patches<'a> {
    n: usize,
    count: usize,
    places: &'a [u8],
    away: Reader<'a>,
}

impl<'a> FloatBlock<'a> {
    #[inline]
    pub(super) fn read(reader: &mut Reader<'a>, n: usize) -> Result<FloatBlock<'a>, Bad> {
        if n > MAX_VALUES {
            return reader.bad("fewer values", n.to_string());
        }
        let codec = reader.u8()?;
        match codec {
            RAW => Ok(FloatBlock::Raw(reader.take(n * 8)?)),
            BITS => Ok(FloatBlock::Bits(IntBlock::read(reader, n)?)),
            DECIMAL | PATCHED => {
                let byte = reader.u8()?;
                let Some(scale) = Scale::from_byte(byte) else {
                    return reader.bad("at most 18 digits", byte.to_string());
                };
                let ints = IntBlock::read(reader, n)?;
                let patches = if codec == PATCHED { Some(Patches::read(reader, n)?) } else { None };
                Ok(FloatBlock::Decimal { scale, ints, patches })
            }
            other => reader.bad("a float codec", other.to_string()),
        }
    }

    /// The value that all are, if the codec says so.
    #[allow(dead_code, reason = "for `NumberBlock`")]
    pub(super) fn constant(&self) -> Option<f64> {
        let (ints, float): (_, &dyn Fn(i64) -> f64) = match self {
            FloatBlock::Bits(ints) => (ints, &|bits| f64::from_bits(bits.cast_unsigned())),
            FloatBlock::Decimal { scale, ints, patches: None } => (ints, &|int| scale.float(int)),
            _ => return None,
        };
        let (first, step) = ints.steps()?;
        (step == 0).then(|| float(first))
    }

    /// Decodes `n` values in place of what `into` held.
    pub(super) fn decode_into(&self, n: usize, into: &mut Vec<f64>) {
        // What is there already is overwritten: no need to clear it.
        into.resize(n, 0.0);
        match self {
            FloatBlock::Raw(bytes) => {
                let (chunks, _) = bytes.as_chunks::<8>();
                for (value, bytes) in into.iter_mut().zip(chunks) {
                    *value = f64::from_bits(u64::from_le_bytes(*bytes));
                }
            }
            FloatBlock::Bits(ints) => ints.for_each(|at, bits| {
                for (value, bits) in into[at..].iter_mut().zip(bits) {
                    *value = f64::from_bits(bits.cast_unsigned());
                }
            }),
            FloatBlock::Decimal { scale, ints, patches } => {
                decode_decimals(*scale, ints, into);
                if let Some(patches) = patches {
                    patches.apply(0, into);
                }
            }
        }
    }

    /// The sums of the rows between `marks`, which ascend, one fewer than marks, where they take no decoding to natural order.
    ///
    /// They are sums of the decimals that stand for the values, exact but for one rounding, and so as far from the sum of the values as
    /// those are from their decimals: what statistics have. `sums` is memory to compute in.
    pub(super) fn sums(
        &self,
        marks: &[usize],
        sums: &mut [i64],
        mut show: impl FnMut(Sum),
    ) -> bool {
        let FloatBlock::Decimal { scale, ints, patches: None } = self else { return false };
        let Some(whole) = ints.whole_sums(marks, sums) else { return false };
        show_decimals(*scale, &whole, (marks, sums), &mut show);
        true
    }
}

/// Shows the sums of decimals, given those of their integers before each mark.
pub(super) fn show_decimals(
    scale: Scale,
    whole: &Whole,
    (marks, sums): (&[usize], &[i64]),
    mut show: impl FnMut(Sum),
) {
    for (marks, sums) in marks.windows(2).zip(sums.windows(2)) {
        let (sum, lost) = scale.sum(whole.between((marks[0], marks[1]), (sums[0], sums[1])));
        show(Sum::Float { sum, lost });
    }
}

impl<'a> Patches<'a> {
    pub(super) fn read(reader: &mut Reader<'a>, n: usize) -> Result<Patches<'a>, Bad> {
        let count = reader.count(n)?;
        let places = reader.take(packed_len(count, place_width(n)))?;
        let away = reader.clone();
        for _ in 0..count {
            reader.zigzag()?;
        }
        Ok(Patches { n, count, places, away })
    }

    /// Mends `values`, of which the first stands at `from` in the block.
    pub(super) fn apply(&self, from: usize, values: &mut [f64]) {
        let (width, mut away) = (place_width(self.n), self.away.clone());
        for index in 0..self.count {
            let place = get(self.places, index * width as usize, width);
            let away = away.zigzag().unwrap_or(0).cast_unsigned();
            let at = usize::try_from(place).ok().and_then(|at| at.checked_sub(from));
            if let Some(value) = at.and_then(|at| values.get_mut(at)) {
                *value = f64::from_bits(value.to_bits().wrapping_add(away));
            }
        }
    }
}

/// Decodes decimals that are a frame, as many as `into` has places.
pub(super) fn decode_frame(scale: Scale, frame: &Frame<'_>, into: &mut [f64]) {
    walk(frame, NaturalFloats { to: ToFloat::new(scale, frame), out: into });
}

fn decode_decimals(scale: Scale, ints: &IntBlock<'_>, into: &mut [f64]) {
    match ints {
        IntBlock::Frame(frame) => decode_frame(scale, frame, into),
        ints => ints.for_each(|at, ints| {
            for (value, int) in into[at..].iter_mut().zip(ints) {
                *value = scale.float(*int);
            }
        }),
    }
}

/// From distances of a frame to floats.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToFloat {
    scale: Scale,
    base: i64,
    divisor: i64,
    /// Base and products are integers that floats hold, so they can be added as floats: there are instructions for that on more
    /// processors than there are for large integers.
    exact: bool,
    /// The power of ten that fused multiplications divide by, and one by it, if they may.
    quotient: Option<(f64, f64)>,
    pub(super) fused: bool,
}

impl ToFloat {
    pub(super) fn new(scale: Scale, frame: &Frame<'_>) -> Self {
        let (base, divisor) = (frame.base, frame.divisor);
        let exact =
            frame.is_narrow() && base.unsigned_abs() < 1 << 51 && (0..1 << 20).contains(&divisor);
        ToFloat { scale, base, divisor, exact, quotient: scale.quotient(), fused: false }
    }

    #[inline(always)]
    pub(super) fn float<T: Word>(self, distance: T) -> f64 {
        let int = if self.exact {
            self.base as f64 + distance.to_f64() * self.divisor as f64
        } else {
            self.base.wrapping_add(distance.widen().wrapping_mul(self.divisor)) as f64
        };
        self.scale.apply(int, self.fused)
    }

    /// The same for eight: what decimals mostly are step by step in all of them, since the compiler makes vector code of nothing that
    /// branches for each; the rest written out, as [`lanes::map`] is.
    #[inline(always)]
    pub(super) fn floats<T: Word>(self, distances: Group<T>) -> Group<f64> {
        if let (true, true, Some((power, fraction))) = (self.exact, self.fused, self.quotient) {
            let (base, divisor) = (self.base as f64, self.divisor as f64);
            let x = lanes::map(distances, |distance: T| distance.to_f64());
            let x = lanes::map(x, |x: f64| x * divisor);
            let x = lanes::map(x, |x: f64| base + x);
            let quotient = lanes::map(x, |x: f64| x * fraction);
            let rest = lanes::zip(quotient, x, |quotient: f64, x: f64| quotient.mul_add(-power, x));
            return lanes::zip(rest, quotient, |rest: f64, quotient: f64| {
                rest.mul_add(fraction, quotient)
            });
        }
        let [a, b, c, d, e, f, g, h] = distances;
        [
            self.float(a),
            self.float(b),
            self.float(c),
            self.float(d),
            self.float(e),
            self.float(f),
            self.float(g),
            self.float(h),
        ]
    }
}

struct NaturalFloats<'o> {
    to: ToFloat,
    out: &'o mut [f64],
}

impl FrameKernel for NaturalFloats<'_> {
    #[inline(always)]
    fn fused(&mut self, fused: bool) {
        self.to.fused = fused;
    }
}

impl Visitor for NaturalFloats<'_> {
    #[inline(always)]
    fn tile<T: Word, const G: usize>(
        &mut self,
        at: usize,
        tile: &mut Tile<T, G>,
        starts: &Row<T, G>,
    ) {
        let Some(out) = self.out.get_mut(at..at + G * GROUP * ROWS) else { return };
        let (out, _) = out.as_chunks_mut::<8>();
        let to = self.to;
        for (group, starts) in starts.iter().enumerate() {
            for row in (0..ROWS).step_by(8) {
                let square = lanes::square(tile, group, row);
                for (lane, (values, start)) in square.into_iter().zip(*starts).enumerate() {
                    if let Some(out) = out.get_mut(((group * GROUP + lane) * ROWS + row) / 8) {
                        *out = to.floats(lanes::add(values, [start; GROUP]));
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn rest(&mut self, at: usize, distances: &[u64]) {
        let Some(out) = self.out.get_mut(at..at + distances.len()) else { return };
        for (out, distance) in out.iter_mut().zip(distances) {
            *out = self.to.float(*distance);
        }
    }
}

/// Knuth's sum of two, eight at a time: what rounding takes away is exact.
#[inline(always)]
pub(super) fn two_sum(sums: &mut Group<f64>, lost: &mut Group<f64>, values: Group<f64>) {
    let totals = lanes::zip(*sums, values, |sum, value| sum + value);
    let shadows = lanes::zip(totals, *sums, |total, sum| total - sum);
    let low = lanes::zip(*sums, lanes::zip(totals, shadows, |t, s| t - s), |sum, s| sum - s);
    let high = lanes::zip(values, shadows, |value, shadow| value - shadow);
    *lost = lanes::zip(*lost, lanes::zip(low, high, |a, b| a + b), |lost, more| lost + more);
    *sums = totals;
}

/// Reads `n` floats.
pub(super) fn decode_floats(reader: &mut Reader<'_>, n: usize) -> Result<Vec<f64>, Bad> {
    let mut values = Vec::new();
    decode_floats_into(reader, n, &mut values)?;
    Ok(values)
}

/// Reads `n` floats in place of what `into` held; its memory is used again. After an error it holds what it held.
pub(crate) fn decode_floats_into(
    reader: &mut Reader<'_>,
    n: usize,
    into: &mut Vec<f64>,
) -> Result<(), Bad> {
    FloatBlock::read(reader, n)?.decode_into(n, into);
    Ok(())
}

#[cfg(test)]
mod tests;
