//! Frames: integers as small distances, packed.
//!
//! What varies little is left after taking away, in turn: the first value; a common divisor; the value before (or the step before);
//! the lowest of what is left. Values far from the others are exceptions, so that they do not widen the rest.
//!
//! ```text
//! u8        0b01SSBDOO   OO order: 0 values, 1 steps, 2 steps of steps; D has a divisor; B has a bitmap;
//!                        SS span: 0 any, 1 values lie within 32 bits of the base, 2 within 26 bits
//! zigzag    base         order 0: of what 0 stands for; else the first value
//! varint    divisor      if D
//! zigzag    first step   if order 2; this and all below in units of the divisor
//! zigzag    low          if order 1 or 2: what 0 stands for
//! u8        0bE0000000 + width
//! zigzag    common       if B: what stands where the bitmap has no bit, as distance from low
//! exceptions             if E: varint count; u8 width of their high parts; places, as many bits each as the number of values
//!                        needs; high parts (zigzag, less one)
//! bitmap                 if B: a bit for every value
//! values                 width bits each: those with a bit one after the other; or without bitmap as many tiles of 1024 as
//!                        there are whole ones, then tiles of 256 (see `lanes`), then the rest one after the other
//! ```
//!
//! The value of exception `i` is `width` bits in its place, and above them its high part, which may be negative. Of steps there are
//! as many as values: the first brings the base from one step before it, and is always 0.

use super::bits::{bits_of, get, mask, packed_len, unpack};
use super::lanes;
pub(super) use super::lanes::{GROUP, ROWS, Row, Tile, Word};
use crate::bytes::{Bad, Reader};
use crate::dispatch::{self, Kernel};

/// Set in the id of every frame, with [`FRAME_MASK`] clear.
pub(super) const FRAME: u8 = 0b0100_0000;
pub(super) const FRAME_MASK: u8 = 0b1100_0000;
pub(super) const ORDER: u8 = 0b11;
pub(super) const DIVISOR: u8 = 0b100;
pub(super) const BITMAP: u8 = 0b1000;
pub(super) const SPAN_SHIFT: u8 = 4;
pub(super) const EXCEPTIONS: u8 = 0b1000_0000;

/// Values of the two kinds of tiles.
pub(super) const LARGE: usize = 32 * ROWS;
pub(super) const SMALL: usize = 8 * ROWS;

/// How far from the base values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    Any,
    /// They fit 32 bits, signed, as does all that is computed modulo 2^32.
    Word,
    /// The sum of 32 differences of two of them fits 32 bits, too.
    Small,
}

/// A frame taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) n: usize,
    pub(super) order: u8,
    pub(super) span: Span,
    pub(super) base: i64,
    pub(super) divisor: i64,
    first_step: u64,
    pub(super) low: u64,
    pub(super) width: u32,
    pub(super) exceptions: Option<Exceptions<'a>>,
    /// The bitmap and the common distance.
    pub(super) bitmap: Option<(&'a [u8], u64)>,
    pub(super) packed: &'a [u8],
}

/// Exceptions that are read at a time.
pub(super) const SOME: usize = 64;

#[derive(Debug, Clone, Copy)]
pub(super) struct Exceptions<'a> {
    pub(super) count: usize,
    /// Places, high parts, and what follows them: words can be read past the end then.
    bytes: &'a [u8],
    /// Where the high parts begin.
    highs_at: usize,
    place_width: u8,
    high_width: u8,
}

impl Exceptions<'_> {
    /// Reads places and high parts from exception `from` on, as many as there is room for.
    #[inline(always)]
    pub(super) fn read(&self, from: usize, places: &mut [u64], highs: &mut [u64]) {
        let (place_width, high_width) =
            (usize::from(self.place_width), usize::from(self.high_width));
        unpack(self.bytes, from * place_width, u32::from(self.place_width), places);
        let bits = self.highs_at * 8 + from * high_width;
        unpack(self.bytes, bits, u32::from(self.high_width), highs);
        highs.iter_mut().for_each(|high| *high = high_of(*high));
    }
}

#[inline(always)]
const fn high_of(coded: u64) -> u64 {
    let zigzag = coded.wrapping_add(1);
    zigzag >> 1 ^ (zigzag & 1).wrapping_neg()
}

/// Bits of a place among `n`.
pub(super) fn place_width(n: usize) -> u32 {
    bits_of(n.saturating_sub(1) as u64)
}

/// Bytes of `n` packed values without bitmap.
pub(super) fn tiled_len(n: usize, width: u32) -> usize {
    let rest = n % SMALL;
    (n - rest) / 8 * width as usize + packed_len(rest, width)
}

impl<'a> Frame<'a> {
    /// Reads what follows `id`.
    #[inline]
    pub(super) fn read(id: u8, reader: &mut Reader<'a>, n: usize) -> Result<Frame<'a>, Bad> {
        let order = id & ORDER;
        let span = match id >> SPAN_SHIFT & 3 {
            0 => Span::Any,
            1 => Span::Word,
            2 => Span::Small,
            other => return reader.bad("a span of 0 to 2", other.to_string()),
        };
        if order > 2 {
            return reader.bad("an order of 0 to 2", order.to_string());
        }
        let base = reader.zigzag()?;
        let divisor = if id & DIVISOR != 0 { reader.varint()?.cast_signed() } else { 1 };
        let first_step = if order == 2 { reader.zigzag()?.cast_unsigned() } else { 0 };
        let low = if order > 0 { reader.zigzag()?.cast_unsigned() } else { 0 };
        let width = reader.u8()?;
        let has_exceptions = width & EXCEPTIONS != 0;
        let width = u32::from(width & !EXCEPTIONS);
        if width > 64 {
            return reader.bad("a width of at most 64 bits", width.to_string());
        }
        let common = if id & BITMAP != 0 { Some(reader.zigzag()?.cast_unsigned()) } else { None };
        let exceptions =
            if has_exceptions { Some(read_exceptions(reader, n, width)?) } else { None };
        let (bitmap, packed) = match common {
            Some(common) => {
                let bitmap = reader.take(n.div_ceil(8))?;
                let ones = (0..n.div_ceil(64)).map(|at| bitmap_word(bitmap, at, n).count_ones());
                let ones = ones.map(|ones| ones as usize).sum();
                (Some((bitmap, common)), reader.take(packed_len(ones, width))?)
            }
            None => (None, reader.take(tiled_len(n, width))?),
        };
        Ok(Frame {
            n,
            order,
            span,
            base,
            divisor,
            first_step,
            low,
            width,
            exceptions,
            bitmap,
            packed,
        })
    }
}

fn read_exceptions<'a>(
    reader: &mut Reader<'a>,
    n: usize,
    width: u32,
) -> Result<Exceptions<'a>, Bad> {
    if width == 64 {
        return reader.bad("no exceptions beside 64 bits", "some");
    }
    let count = reader.count(n)?;
    let high_width = reader.u8()?;
    if high_width > 64 {
        return reader.bad("high parts of at most 64 bits", high_width.to_string());
    }
    let place_width = place_width(n);
    let bytes = reader.ahead();
    let highs_at = packed_len(count, place_width);
    reader.take(highs_at)?;
    reader.take(packed_len(count, u32::from(high_width)))?;
    let place_width = crate::bytes::low_byte(u64::from(place_width));
    Ok(Exceptions { count, bytes, highs_at, place_width, high_width })
}

/// 64 bits of a bitmap; those past `n` are zero.
#[inline(always)]
fn bitmap_word(bitmap: &[u8], at: usize, n: usize) -> u64 {
    let bits = (n - at * 64).min(64);
    get(bitmap, at * 64, u32::try_from(bits).unwrap_or(64))
}

/// What is done with the distances from the base, in units of the divisor.
pub(super) trait Visitor {
    /// A tile; `starts` are still to be added to each lane. `at` is the index of its first value.
    fn tile<T: Word, const G: usize>(
        &mut self,
        at: usize,
        tile: &mut Tile<T, G>,
        starts: &Row<T, G>,
    );
    /// Some values in order.
    fn rest(&mut self, at: usize, distances: &[u64]);
}

/// Shows all distances to `visitor`, computed with the best instructions of the processor.
pub(super) fn walk<V: Visitor + FrameKernel>(frame: &Frame<'_>, visitor: V) -> V {
    dispatch::run(Walk { frame, visitor })
}

/// A visitor that is told whether `f64::mul_add` is an instruction.
pub(super) trait FrameKernel {
    fn fused(&mut self, _: bool) {}
}

struct Walk<'f, 'a, V> {
    frame: &'f Frame<'a>,
    visitor: V,
}

impl<V: Visitor + FrameKernel> Kernel for Walk<'_, '_, V> {
    type Output = V;

    #[inline(always)]
    fn run(mut self, fused: bool) -> V {
        self.visitor.fused(fused);
        if self.frame.bitmap.is_some() {
            State::<u64>::new(self.frame).walk_bitmap(&mut self.visitor);
        } else if self.frame.span == Span::Any {
            State::<u64>::new(self.frame).walk(&mut self.visitor);
        } else {
            State::<u32>::new(self.frame).walk(&mut self.visitor);
        }
        self.visitor
    }
}

/// Where a walk is.
struct State<'f, 'a, T> {
    frame: &'f Frame<'a>,
    at: usize,
    /// The last value, and the last step.
    value: T,
    step: T,
    /// Exceptions passed.
    passed: usize,
    /// The place of the next exception; past all values if there is none.
    place: usize,
    /// Exceptions that were read: places and high parts.
    places: [u64; SOME],
    highs: [u64; SOME],
}

impl<'f, 'a, T: Word> State<'f, 'a, T> {
    #[inline(always)]
    fn new(frame: &'f Frame<'a>) -> Self {
        let (low, first) = (frame.low, frame.first_step);
        let (value, step) = match frame.order {
            1 => (low.wrapping_neg(), 0),
            _ => (low.wrapping_sub(first), first.wrapping_sub(low.wrapping_mul(2))),
        };
        let mut state = State {
            frame,
            at: 0,
            value: T::of(value),
            step: T::of(step),
            passed: 0,
            place: usize::MAX,
            places: [0; SOME],
            highs: [0; SOME],
        };
        state.next_place();
        state
    }

    /// Finds the next exception after those passed.
    #[inline(always)]
    fn next_place(&mut self) {
        let left = match &self.frame.exceptions {
            Some(list) if list.count > self.passed => {
                let left = (list.count - self.passed).min(SOME);
                if self.passed.is_multiple_of(SOME) {
                    list.read(self.passed, &mut self.places[..left], &mut self.highs[..left]);
                }
                left
            }
            _ => 0,
        };
        self.place = match left {
            0 => usize::MAX,
            _ => usize::try_from(self.places[self.passed % SOME]).unwrap_or(usize::MAX),
        };
    }

    #[inline(always)]
    fn walk(&mut self, visitor: &mut impl Visitor) {
        let mut packed = self.frame.packed;
        packed = self.tiles::<4>(packed, visitor);
        packed = self.tiles::<1>(packed, visitor);
        if self.at == self.frame.n {
            return;
        }
        let mut rest = [0; SMALL];
        let rest = &mut rest[..self.frame.n - self.at];
        unpack(packed, 0, self.frame.width, rest);
        self.in_order(rest, visitor);
    }

    #[inline(always)]
    fn tiles<'b, const G: usize>(
        &mut self,
        mut packed: &'b [u8],
        visitor: &mut impl Visitor,
    ) -> &'b [u8] {
        if self.frame.n - self.at < G * GROUP * ROWS {
            return packed;
        }
        let mut tile = [[[T::default(); GROUP]; G]; ROWS];
        while self.frame.n - self.at >= G * GROUP * ROWS {
            let (bytes, rest) = packed.split_at(4 * G * GROUP * self.frame.width as usize);
            packed = rest;
            let end = self.at + G * GROUP * ROWS;
            if self.frame.order == 1 && self.place >= end && self.frame.width <= 32 {
                let low = T::of(self.frame.low);
                let totals = lanes::unpack_steps::<T, G>(bytes, self.frame.width, low, &mut tile);
                let (starts, value) = lanes::starts(&totals, self.value);
                self.value = value;
                visitor.tile::<T, G>(self.at, &mut tile, &starts);
                self.at = end;
                continue;
            }
            lanes::unpack::<T, G>(bytes, self.frame.width, &mut tile);
            if self.place < end {
                self.patch(end, |at, high| {
                    let place = &mut tile[at % ROWS].as_flattened_mut()[at / ROWS];
                    *place = place.add(T::of(high));
                });
            }
            let starts = self.integrate(&mut tile);
            visitor.tile::<T, G>(self.at, &mut tile, &starts);
            self.at = end;
        }
        packed
    }

    /// Hands out the exceptions before `end`: place, counted from `at`, and what to add.
    #[inline(always)]
    fn patch(&mut self, end: usize, mut put: impl FnMut(usize, u64)) {
        while self.place < end {
            // Places that do not ascend are damage; they change nothing before `at`.
            if let Some(at) = self.place.checked_sub(self.at) {
                put(at, self.highs[self.passed % SOME] << self.frame.width);
            }
            self.passed += 1;
            self.next_place();
        }
    }

    #[inline(always)]
    fn integrate<const G: usize>(&mut self, tile: &mut Tile<T, G>) -> Row<T, G> {
        let low = T::of(self.frame.low);
        if self.frame.order == 0 {
            return [[T::default(); GROUP]; G];
        }
        let mut totals = lanes::add_up(tile, low);
        if self.frame.order == 2 {
            let (starts, step) = lanes::starts(&totals, self.step);
            self.step = step;
            lanes::raise(tile, &starts);
            totals = lanes::add_up(tile, T::default());
        }
        let (starts, value) = lanes::starts(&totals, self.value);
        self.value = value;
        starts
    }

    /// What follows one after the other: adds up, and shows.
    #[inline(always)]
    fn in_order(&mut self, distances: &mut [u64], visitor: &mut impl Visitor) {
        if self.place < self.at + distances.len() {
            self.patch(self.at + distances.len(), |at, high| {
                distances[at] = distances[at].wrapping_add(high);
            });
        }
        let low = self.frame.low;
        let mut value = self.value.widen().cast_unsigned();
        let mut step = self.step.widen().cast_unsigned();
        match self.frame.order {
            0 => {}
            1 => {
                for distance in &mut *distances {
                    value = value.wrapping_add(low).wrapping_add(*distance);
                    *distance = value;
                }
            }
            _ => {
                for distance in &mut *distances {
                    step = step.wrapping_add(low).wrapping_add(*distance);
                    value = value.wrapping_add(step);
                    *distance = value;
                }
            }
        }
        (self.value, self.step) = (T::of(value), T::of(step));
        visitor.rest(self.at, distances);
        self.at += distances.len();
    }

    #[inline(always)]
    fn walk_bitmap(&mut self, visitor: &mut impl Visitor) {
        let Some((bitmap, common)) = self.frame.bitmap else { return };
        let (n, width) = (self.frame.n, self.frame.width);
        let (mut bit, mut coded, mut distances) = (0, [0; 65], [0; 64]);
        for at in 0..n.div_ceil(64) {
            let mut word = bitmap_word(bitmap, at, n);
            let ones = word.count_ones() as usize;
            unpack(self.frame.packed, bit, width, &mut coded[..ones]);
            bit += ones * width as usize;
            let (mut next, len) = (0, (n - at * 64).min(64));
            for distance in &mut distances[..len] {
                let coded = coded[next % 65];
                let has = word & 1;
                *distance = if has == 1 { coded } else { common };
                next += if has == 1 { 1 } else { 0 };
                word >>= 1;
            }
            self.in_order(&mut distances[..len], visitor);
        }
    }
}

/// Writes values in their order.
struct Natural<'o> {
    base: i64,
    divisor: i64,
    out: &'o mut [i64],
}

impl FrameKernel for Natural<'_> {}

impl Visitor for Natural<'_> {
    #[inline(always)]
    fn tile<T: Word, const G: usize>(
        &mut self,
        at: usize,
        tile: &mut Tile<T, G>,
        starts: &Row<T, G>,
    ) {
        let (base, divisor) = (self.base, self.divisor);
        let Some(out) = self.out.get_mut(at..at + G * GROUP * ROWS) else { return };
        let (out, _) = out.as_chunks_mut::<8>();
        for (group, starts) in starts.iter().enumerate() {
            for row in (0..ROWS).step_by(8) {
                let square = lanes::square(tile, group, row);
                for (lane, (values, start)) in square.into_iter().zip(*starts).enumerate() {
                    let Some(out) = out.get_mut(((group * GROUP + lane) * ROWS + row) / 8) else {
                        continue;
                    };
                    *out = if divisor == 1 {
                        lanes::map(values, |value| base.wrapping_add(value.add(start).widen()))
                    } else {
                        let product = |value: T| value.add(start).widen().wrapping_mul(divisor);
                        lanes::map(values, |value| base.wrapping_add(product(value)))
                    };
                }
            }
        }
    }

    #[inline(always)]
    fn rest(&mut self, at: usize, distances: &[u64]) {
        let Some(out) = self.out.get_mut(at..at + distances.len()) else { return };
        for (out, distance) in out.iter_mut().zip(distances) {
            *out = self.base.wrapping_add(distance.cast_signed().wrapping_mul(self.divisor));
        }
    }
}

impl Frame<'_> {
    /// Decodes into `out`, which has a place for every value.
    pub(super) fn decode(&self, out: &mut [i64]) {
        walk(self, Natural { base: self.base, divisor: self.divisor, out });
    }

    /// Whether the distances fit 32 bits.
    pub(super) fn is_narrow(&self) -> bool {
        self.span != Span::Any && self.bitmap.is_none()
    }
}

/// The mask of the packed part, for the encoder.
pub(super) const fn low_part(distance: i64, width: u32) -> u64 {
    distance.cast_unsigned() & mask(width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::tests::shapes;
    use crate::codec::{Effort, encode_ints_with};

    /// Writes values into memory of its own.
    struct Own {
        base: i64,
        divisor: i64,
        values: Vec<i64>,
    }

    impl FrameKernel for Own {}

    impl Visitor for Own {
        #[inline(always)]
        fn tile<T: Word, const G: usize>(
            &mut self,
            at: usize,
            tile: &mut Tile<T, G>,
            starts: &Row<T, G>,
        ) {
            let out = &mut self.values;
            Natural { base: self.base, divisor: self.divisor, out }.tile(at, tile, starts);
        }

        #[inline(always)]
        fn rest(&mut self, at: usize, distances: &[u64]) {
            let out = &mut self.values;
            Natural { base: self.base, divisor: self.divisor, out }.rest(at, distances);
        }
    }

    #[test]
    fn all_processors_see_the_same() {
        for values in shapes(1500) {
            let mut out = Vec::new();
            encode_ints_with(&values, Effort::Hot, &mut out);
            let mut reader = Reader::new(&out);
            let id = reader.u8().unwrap();
            if id & FRAME_MASK != FRAME {
                continue;
            }
            let frame = Frame::read(id, &mut reader, values.len()).unwrap();
            let visitor =
                || Own { base: frame.base, divisor: frame.divisor, values: vec![0; values.len()] };
            for own in dispatch::run_each(|| Walk { frame: &frame, visitor: visitor() }) {
                assert!(own.values == values, "{frame:?}");
            }
        }
    }
}
