//! Which frame fits a block of integers best: exact sizes from histograms, then the bytes.

use super::bits::{bits_of, pack, put_bits};
use super::coded::Rest;
use super::frame::{
    BITMAP, DIVISOR, EXCEPTIONS, FRAME, LARGE, SMALL, SPAN_SHIFT, low_part, place_width, tiled_len,
};
use super::lanes;
use crate::bytes::{low_byte, put_len, put_varint, put_zigzag};

/// Residuals within so small a range are counted one by one.
const COUNTED: usize = 256;

/// How residuals are packed: `width` bits from `low` on, and how many do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    low: i64,
    width: u32,
    exceptions: usize,
    /// Of the high parts.
    high_width: u32,
    /// The residual that a bitmap stands for.
    common: Option<i64>,
    /// All it takes beside the head.
    bits: usize,
}

/// A frame that could be written.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    order: u8,
    base: i64,
    divisor: i64,
    first_step: i64,
    window: Window,
    /// Bit 1: all within 32 bits; bit 2: within 25.
    span: u8,
    residuals: Vec<i64>,
}

/// A block of values, taken apart in every way that is tried.
#[derive(Debug)]
pub(super) struct Parts {
    first: i64,
    divisor: i64,
    /// No two values are farther apart than 64 signed bits tell.
    exact: bool,
    /// From the first value, in units of the divisor; then the differences of those, and the differences of these; the last only
    /// where they may pay.
    orders: [Vec<i64>; 3],
    /// Smallest and range of each, those left out that an order does not have.
    ranges: [(i64, u64); 3],
}

impl Parts {
    /// `None` for fewer than three values.
    pub(super) fn of(values: &[i64]) -> Option<Parts> {
        let [first, _, _, ..] = *values else { return None };
        let (min, max) = values.iter().fold((first, first), |(a, b), v| (a.min(*v), b.max(*v)));
        let exact = max.checked_sub(min).is_some();
        let divisor = if exact { common_divisor(values, first) } else { 1 };
        let mut distances: Vec<i64> = values.iter().map(|v| v.wrapping_sub(first)).collect();
        if divisor > 1 {
            distances.iter_mut().for_each(|distance| *distance /= divisor);
        }
        let (mut before, mut step_before) = (0, 0);
        let (mut near, mut steady) = (Range::default(), Range::default());
        let mut steps = Vec::with_capacity(distances.len());
        for (at, distance) in distances.iter().enumerate() {
            let step = distance.wrapping_sub(before);
            steps.push(step);
            if at > 0 {
                near.add(step);
            }
            if at > 1 {
                steady.add(step.wrapping_sub(step_before));
            }
            (before, step_before) = (*distance, step);
        }
        let ranges = [range(&distances), near.get(), steady.get()];
        let seconds = if ranges[2].1 < ranges[1].1 { differences(&steps) } else { Vec::new() };
        Some(Parts { first, divisor, exact, orders: [distances, steps, seconds], ranges })
    }

    /// The ways that may pay: order, smallest and range of the residuals. Noise doubles with every difference, so an order that does not
    /// narrow the range does not pay, and values as they are only where they do not wander.
    fn orders(&self) -> impl Iterator<Item = (u8, (i64, u64))> {
        let ranges = self.ranges;
        [1u8, 0, 2].into_iter().map(move |order| (order, ranges[usize::from(order)])).filter(
            move |(order, range)| match order {
                0 => range.1 / 8 <= ranges[1].1,
                1 => true,
                _ => range.1 < ranges[1].1,
            },
        )
    }

    /// The best frame.
    pub(super) fn plan(&self) -> Option<Plan> {
        let (first, divisor, n) = (self.first, self.divisor, self.orders[0].len());
        let windows = self.orders().map(|(order, range)| {
            let skip = usize::from(order);
            (order, window(&self.orders[skip][skip..], n, range, skip))
        });
        let (order, window) = windows.min_by_key(|(_, window)| window.bits)?;
        let start = if order == 0 { window.low } else { 0 };
        let base = first.wrapping_add(divisor.wrapping_mul(start));
        let span = if self.exact { span(&self.orders[0], start, window.low) } else { 0 };
        let first_step = self.orders[1][1];
        let mut residuals = self.orders[usize::from(order)].clone();
        residuals[..usize::from(order)].fill(window.low);
        Some(Plan { order, base, divisor, first_step, window, span, residuals })
    }

    /// Appends the best entropy-coded block if it takes fewer than `most` bytes.
    pub(super) fn write_coded(&self, most: usize, out: &mut Vec<u8>) -> bool {
        let mut best = Vec::new();
        for (order, _) in self.orders() {
            let rest = Rest {
                order,
                base: self.first,
                divisor: self.divisor,
                first_step: self.orders[1][1],
                residuals: &self.orders[usize::from(order)],
            };
            let mut coded = Vec::new();
            let most = if best.is_empty() { most } else { best.len() };
            if rest.write(most, &mut coded) {
                best = coded;
            }
        }
        out.extend_from_slice(&best);
        !best.is_empty()
    }
}

impl Plan {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let Window { low, width, exceptions, high_width, common, .. } = self.window;
        let divisor = if self.divisor > 1 { DIVISOR } else { 0 };
        let bitmap = if common.is_some() { BITMAP } else { 0 };
        out.push(FRAME | self.order | divisor | bitmap | self.span << SPAN_SHIFT);
        put_zigzag(out, self.base);
        if self.divisor > 1 {
            put_varint(out, self.divisor.cast_unsigned());
        }
        if self.order == 2 {
            put_zigzag(out, self.first_step);
        }
        if self.order > 0 {
            put_zigzag(out, low);
        }
        let flag = if exceptions > 0 { EXCEPTIONS } else { 0 };
        out.push(low_byte(u64::from(width)) | flag);
        if let Some(common) = common {
            put_zigzag(out, common.wrapping_sub(low));
        }
        if exceptions > 0 {
            self.put_exceptions(high_width, out);
        }
        if let Some(common) = common {
            put_bits(self.residuals.iter().map(|r| *r != common), out);
            let others = self.residuals.iter().filter(|r| **r != common);
            return pack(others.map(|r| low_part(r.wrapping_sub(low), width)), width, out);
        }
        let residuals = self.residuals.iter();
        let mut rest: Vec<u64> = residuals.map(|r| low_part(r.wrapping_sub(low), width)).collect();
        let mut at = 0;
        while rest.len() - at >= LARGE {
            lanes::pack::<4>(&rest[at..at + LARGE], width, out);
            at += LARGE;
        }
        while rest.len() - at >= SMALL {
            lanes::pack::<1>(&rest[at..at + SMALL], width, out);
            at += SMALL;
        }
        pack(rest.drain(at..), width, out);
    }

    fn put_exceptions(&self, high_width: u32, out: &mut Vec<u8>) {
        let Window { low, width, exceptions, common, .. } = self.window;
        let mut list = Vec::with_capacity(exceptions);
        for (place, residual) in self.residuals.iter().enumerate() {
            let high = high_part(residual.wrapping_sub(low), width);
            if high != 0 && Some(*residual) != common {
                list.push((place as u64, coded_high(high)));
            }
        }
        put_len(out, list.len());
        out.push(low_byte(u64::from(high_width)));
        pack(list.iter().map(|(place, _)| *place), place_width(self.residuals.len()), out);
        pack(list.iter().map(|(_, high)| *high), high_width, out);
    }
}

/// What is above the lowest `width` bits.
fn high_part(distance: i64, width: u32) -> i64 {
    if width >= 64 { 0 } else { distance >> width }
}

/// A high part that is not 0, as it is stored.
fn coded_high(high: i64) -> u64 {
    zigzag(high).wrapping_sub(1)
}

const fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

/// Values minus those before them; the first is kept.
fn differences(values: &[i64]) -> Vec<i64> {
    let mut before = 0;
    let step = |value: &i64| {
        let step = value.wrapping_sub(before);
        before = *value;
        step
    };
    values.iter().map(step).collect()
}

/// The smallest and the largest of some values.
struct Range(i64, i64);

impl Default for Range {
    fn default() -> Self {
        Range(i64::MAX, i64::MIN)
    }
}

impl Range {
    #[inline(always)]
    fn add(&mut self, value: i64) {
        self.0 = self.0.min(value);
        self.1 = self.1.max(value);
    }

    /// The smallest, and how far the largest is from it.
    fn get(&self) -> (i64, u64) {
        (self.0, self.1.wrapping_sub(self.0).cast_unsigned())
    }
}

/// The smallest, and how far the largest is from it.
fn range(values: &[i64]) -> (i64, u64) {
    let mut range = Range::default();
    values.iter().for_each(|value| range.add(*value));
    range.get()
}

fn common_divisor(values: &[i64], first: i64) -> i64 {
    let mut divisor = 0u64;
    for value in values {
        let (mut a, mut b) = (value.wrapping_sub(first).unsigned_abs(), divisor);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        divisor = a;
        if divisor == 1 {
            break;
        }
    }
    i64::try_from(divisor).unwrap_or(1).max(1)
}

/// How far the distances are from `start`, as a frame says it.
fn span(distances: &[i64], start: i64, low: i64) -> u8 {
    let far = distances.iter().map(|d| d.wrapping_sub(start).unsigned_abs()).max().unwrap_or(0);
    let far = far.max(low.wrapping_sub(start).unsigned_abs());
    match far {
        0..0x0100_0000 => 2,
        0x0100_0000..0x7fff_ffff => 1,
        _ => 0,
    }
}

/// The cheapest way to pack `residuals` in a block of `n` values.
fn window(residuals: &[i64], n: usize, range: (i64, u64), skipped: usize) -> Window {
    match usize::try_from(range.1) {
        Ok(range_len) if range_len < COUNTED => counted(residuals, n, range.0, range_len, skipped),
        _ => estimated(residuals, n, range),
    }
}

/// Residuals around a common one: sizes with and without a bitmap for it.
struct Sizes {
    n: usize,
    min: i64,
    range: u64,
    best: Window,
}

impl Sizes {
    fn new(n: usize, min: i64, range: u64) -> Self {
        let width = bits_of(range);
        let bits = tiled_len(n, width) * 8;
        let best = Window { low: min, width, exceptions: 0, high_width: 0, common: None, bits };
        Sizes { n, min, range, best }
    }

    /// Considers `width` bits from `low` on, which do not hold `exceptions`; with a bitmap, `coded` values are packed.
    fn try_window(
        &mut self,
        low: i64,
        width: u32,
        exceptions: usize,
        bitmap: Option<(i64, usize)>,
    ) {
        let packed = match bitmap {
            Some((_, coded)) => self.n + coded * width as usize + 8,
            None => self.n * width as usize,
        };
        if packed >= self.best.bits {
            return;
        }
        let below = high_part(self.min.wrapping_sub(low), width);
        let max = self.min.wrapping_add(self.range.cast_signed());
        let above = high_part(max.wrapping_sub(low), width);
        let highs = [below, above].into_iter().filter(|high| *high != 0);
        let high_width = highs.map(|high| bits_of(coded_high(high))).max().unwrap_or(0);
        let each = (place_width(self.n) + high_width) as usize;
        let listed = if exceptions > 0 { 24 + exceptions * each } else { 0 };
        let bits = packed + listed;
        // Bitmaps decode at a third of the speed: only for a gain that is worth it.
        let handicap = if bitmap.is_some() { bits / 10 } else { 0 };
        if bits + handicap < self.best.bits {
            let common = bitmap.map(|(common, _)| common);
            self.best = Window { low, width, exceptions, high_width, common, bits };
        }
    }
}

/// All windows, by counting each residual.
fn counted(residuals: &[i64], n: usize, min: i64, range: usize, skipped: usize) -> Window {
    let mut counts = [0u32; COUNTED];
    for residual in residuals {
        let at = usize::try_from(residual.wrapping_sub(min)).unwrap_or(0);
        counts[at % COUNTED] += 1;
    }
    let counts = &counts[..=range];
    let mut sizes = Sizes::new(n, min, range as u64);
    let total = residuals.len();
    let sweep = |sizes: &mut Sizes, counts: &[u32], total: usize, common: Option<i64>| {
        let bitmap = common.map(|common| (common, total + skipped));
        for width in 0..=bits_of(range as u64) {
            let len = 1usize << width;
            let mut inside: usize = counts.iter().take(len).map(|c| *c as usize).sum();
            let (mut most, mut low) = (inside, 0);
            for at in 1..counts.len().saturating_sub(len) + 1 {
                inside += counts.get(at + len - 1).map_or(0, |c| *c as usize);
                inside -= counts[at - 1] as usize;
                if inside > most {
                    (most, low) = (inside, at);
                }
            }
            sizes.try_window(min.wrapping_add(low as i64), width, total - most, bitmap);
        }
    };
    sweep(&mut sizes, counts, total, None);
    let common = counts.iter().enumerate().max_by_key(|(_, count)| **count);
    if let Some((at, count)) = common
        && *count as usize * 4 > n
    {
        let mut others = counts.to_vec();
        others[at] = 0;
        let value = min.wrapping_add(at as i64);
        sweep(&mut sizes, &others, total - *count as usize, Some(value));
    }
    sizes.best
}

/// Windows around the middle and at the low end, by how many bits each residual needs from there.
fn estimated(residuals: &[i64], n: usize, (min, range): (i64, u64)) -> Window {
    if range >= 1 << 62 {
        // Distances from the middle might not fit 64 signed bits.
        return Sizes::new(n, min, range).best;
    }
    let middle = middle(residuals);
    let (mut around, mut above) = ([0usize; 65], [0usize; 65]);
    let mut common = 0;
    for residual in residuals {
        let distance = residual.wrapping_sub(middle);
        common += usize::from(distance == 0);
        around[bits_of(zigzag(distance)) as usize] += 1;
        above[bits_of(residual.wrapping_sub(min).cast_unsigned()) as usize] += 1;
    }
    let mut sizes = Sizes::new(n, min, range);
    let dominant = common * 4 > n;
    let coded = n - common;
    // One bit more than the range tells the two sides of the middle apart.
    let full = bits_of(range);
    let (mut far_around, mut far_above) = (around[full as usize + 1..].iter().sum(), 0);
    for width in (0..full).rev() {
        far_around += around[width as usize + 1];
        far_above += above[width as usize + 1];
        let half = if width == 0 { 0 } else { 1i64 << (width - 1) };
        let low = middle.wrapping_sub(half);
        sizes.try_window(low, width, far_around, None);
        sizes.try_window(min, width, far_above, None);
        if dominant {
            sizes.try_window(low, width, far_around, Some((middle, coded)));
        }
    }
    sizes.best
}

/// The median of some.
fn middle(residuals: &[i64]) -> i64 {
    let mut some: Vec<i64> =
        residuals.iter().step_by((residuals.len() / 31).max(1)).copied().collect();
    let half = some.len() / 2;
    if some.is_empty() { 0 } else { *some.select_nth_unstable(half).1 }
}
