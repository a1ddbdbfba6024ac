//! Sums of rows of a frame, straight from its packed bits.
//!
//! A frame's values are sums of what it packs, and so are sums of its values: no value has to exist for them. With `r` what is packed,
//! and steps adding up (order 1), the sum of the values before row `m` is
//!
//! ```text
//! sum of v[i], i < m   =   sum of (m - j) r[j], j < m   +   low m (m - 1) / 2
//! ```
//!
//! In a tile every lane is a run of 32 values. Two additions a row, for all lanes at once and never leaving registers, tell how far a
//! lane goes (`total`) and the sum of its values were it to begin at 0 (`inner`). A mark inside a lane costs the values of that lane
//! before it. Exceptions add what is above their packed bits times the rows from their place to the mark. All of it is arithmetic modulo
//! 2^64, in which order does not matter: every build, and decoding, comes to the same.

use super::bits::{mask, unpack};
use super::frame::{Frame, LARGE, SMALL, SOME, Span};
use super::lanes::{self, GROUP, ROWS, Row};
use crate::dispatch::{self, Kernel};

/// Bits up to which the sums of a lane fit 32: up to 32 x 33 / 2 values add up.
const NARROW: u32 = 22;

impl Frame<'_> {
    /// Whether [`Frame::sums`] can tell.
    pub(super) const fn has_sums(&self) -> bool {
        self.order <= 1 && self.bitmap.is_none()
    }

    /// Whether all values have at most 53 bits, and sums of 2^24 distances at most 63: sums are right, and not only modulo 2^64.
    pub(super) fn has_whole_sums(&self) -> bool {
        let farthest = self.base.unsigned_abs().saturating_add(self.divisor.unsigned_abs() << 31);
        self.span != Span::Any && self.divisor.unsigned_abs() < 1 << 22 && farthest < 1 << 53
    }

    /// For each of `marks`, which ascend, the sum of the distances (from the base, in units of the divisor) of the rows before it. `sums`
    /// has as many places.
    pub(super) fn sums(&self, marks: &[usize], sums: &mut [i64]) {
        dispatch::run(Sums { frame: self, marks, sums });
    }
}

struct Sums<'f, 'a> {
    frame: &'f Frame<'a>,
    marks: &'f [usize],
    sums: &'f mut [i64],
}

impl Kernel for Sums<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run(self, _: bool) {
        let Sums { frame, marks, sums } = self;
        let last = marks.last().map_or(0, |last| (*last).min(frame.n));
        let steps = frame.order == 1;
        let mut walk = Walk { steps, at: 0, value: 0, sum: 0, marks, sums: &mut *sums };
        let (mut packed, width) = (frame.packed, frame.width);
        while walk.at < last && frame.n - walk.at >= LARGE {
            let (tile, rest) = packed.split_at(LARGE / 8 * width as usize);
            packed = rest;
            walk.tile::<4>(tile, width);
        }
        while walk.at < last && frame.n - walk.at >= SMALL {
            let (tile, rest) = packed.split_at(SMALL / 8 * width as usize);
            packed = rest;
            walk.tile::<1>(tile, width);
        }
        let mut bit = 0;
        while walk.at < last {
            let mut rest = [0; SOME];
            let rest = &mut rest[..(last - walk.at).min(SOME)];
            unpack(packed, bit, width, rest);
            bit += rest.len() * width as usize;
            walk.values(rest);
        }
        walk.end();
        if steps && frame.low != 0 {
            for (mark, sum) in marks.iter().zip(sums.iter_mut()) {
                let rows = (*mark).min(frame.n) as u64;
                let steps = rows.wrapping_mul(rows.wrapping_sub(1)) / 2;
                *sum = sum.wrapping_add(frame.low.wrapping_mul(steps).cast_signed());
            }
        }
        exceptions(frame, marks, sums);
    }
}

/// Adds what exceptions have above their packed bits.
#[inline(always)]
fn exceptions(frame: &Frame<'_>, marks: &[usize], sums: &mut [i64]) {
    let Some(list) = &frame.exceptions else { return };
    let (mut highs, mut placed) = (0u64, 0u64);
    let mut marks = marks.iter().map(|mark| (*mark).min(frame.n) as u64).zip(sums);
    let Some(mut next) = marks.next() else { return };
    // Of a sum of steps each counts once for every row from its place on.
    let above = |mark: u64, highs: u64, placed: u64| match frame.order {
        0 => highs << frame.width,
        _ => mark.wrapping_mul(highs).wrapping_sub(placed) << frame.width,
    };
    let (mut places, mut parts) = ([0; SOME], [0; SOME]);
    let mut read = 0;
    while read < list.count {
        let some = (list.count - read).min(SOME);
        list.read(read, &mut places[..some], &mut parts[..some]);
        while next.0 <= places[0] {
            *next.1 = next.1.wrapping_add(above(next.0, highs, placed).cast_signed());
            match marks.next() {
                Some(mark) => next = mark,
                None => return,
            }
        }
        if next.0 > places[some - 1] {
            // Mostly no mark lies among them.
            parts[some..].fill(0);
            let (sum, weighted) = add_up(&places, &parts);
            highs = highs.wrapping_add(sum);
            placed = placed.wrapping_add(weighted);
            read += some;
            continue;
        }
        for (place, high) in places.iter().zip(&parts).take(some) {
            while next.0 <= *place {
                *next.1 = next.1.wrapping_add(above(next.0, highs, placed).cast_signed());
                match marks.next() {
                    Some(mark) => next = mark,
                    None => return,
                }
            }
            highs = highs.wrapping_add(*high);
            placed = placed.wrapping_add(high.wrapping_mul(*place));
        }
        read += some;
    }
    for (mark, sum) in std::iter::once(next).chain(marks) {
        *sum = sum.wrapping_add(above(mark, highs, placed).cast_signed());
    }
}

/// The sum of what some exceptions have above their bits, and that of the same times their places.
#[inline(always)]
fn add_up(places: &[u64; SOME], highs: &[u64; SOME]) -> (u64, u64) {
    let (mut sums, mut weighted) = ([0u64; GROUP], [0u64; GROUP]);
    let (places, _) = places.as_chunks::<GROUP>();
    let (highs, _) = highs.as_chunks::<GROUP>();
    for (places, highs) in places.iter().zip(highs) {
        sums = lanes::add(sums, *highs);
        let product = lanes::zip(*places, *highs, |place: u64, high: u64| place.wrapping_mul(high));
        weighted = lanes::add(weighted, product);
    }
    let all = |parts: [u64; GROUP]| parts.iter().fold(0u64, |all, part| all.wrapping_add(*part));
    (all(sums), all(weighted))
}

/// Where a walk over the packed bits is.
struct Walk<'m> {
    /// Whether what is packed are steps.
    steps: bool,
    at: usize,
    /// What the steps so far add up to.
    value: u64,
    /// The sum of the rows so far.
    sum: u64,
    /// Marks that were not reached, and where their sums go.
    marks: &'m [usize],
    sums: &'m mut [i64],
}

impl Walk<'_> {
    #[inline(always)]
    fn next_mark(&self) -> usize {
        self.marks.first().copied().unwrap_or(usize::MAX)
    }

    /// Answers the first mark, `more` being what its rows past `at` add.
    #[inline(always)]
    fn put(&mut self, more: u64) {
        if let Some((place, rest)) = std::mem::take(&mut self.sums).split_first_mut() {
            *place = self.sum.wrapping_add(more).cast_signed();
            self.sums = rest;
        }
        self.marks = self.marks.get(1..).unwrap_or_default();
    }

    /// Those who ask for what is past the end get all.
    #[inline(always)]
    fn end(&mut self) {
        while !self.marks.is_empty() {
            self.put(0);
        }
    }

    #[inline(always)]
    fn tile<const G: usize>(&mut self, packed: &[u8], width: u32) {
        let (words, _) = packed.as_chunks::<{ 4 * GROUP }>();
        let (mut totals, mut inner) = ([[0; GROUP]; G], [[0; GROUP]; G]);
        if width <= NARROW {
            narrow(words, width, &mut totals, &mut inner);
        } else {
            wide(words, width.min(32), 0, &mut totals, &mut inner);
            if width > 32 {
                let high = words.get(ROWS * G..).unwrap_or_default();
                wide(high, width - 32, 32, &mut totals, &mut inner);
            }
        }
        let (totals, inner) = (totals.as_flattened(), inner.as_flattened());
        let rows = totals.len() * ROWS;
        while self.next_mark() <= self.at {
            self.put(0);
        }
        if self.next_mark() >= self.at + rows {
            return self.pass(totals, inner);
        }
        for (lane, (total, inner)) in totals.iter().zip(inner).enumerate() {
            while self.next_mark() < self.at + ROWS {
                let rows = self.next_mark() - self.at;
                let more = self.part(rows, |row| value::<G>(packed, width, lane, row));
                self.put(more);
            }
            if self.steps {
                let begin = self.value.wrapping_mul(ROWS as u64);
                self.sum = self.sum.wrapping_add(begin.wrapping_add(*inner));
                self.value = self.value.wrapping_add(*total);
            } else {
                self.sum = self.sum.wrapping_add(*total);
            }
            self.at += ROWS;
        }
    }

    /// Takes all lanes of a tile at once: what a lane adds up to counts for every row of those after it.
    #[inline(always)]
    fn pass(&mut self, totals: &[u64], inner: &[u64]) {
        let rows = totals.len() * ROWS;
        let all = totals.iter().fold(0u64, |all, total| all.wrapping_add(*total));
        if self.steps {
            let mut sum = self.value.wrapping_mul(rows as u64);
            for (lane, (total, inner)) in totals.iter().zip(inner).enumerate() {
                let after = (rows - ROWS * (lane + 1)) as u64;
                sum = sum.wrapping_add(total.wrapping_mul(after).wrapping_add(*inner));
            }
            self.sum = self.sum.wrapping_add(sum);
            self.value = self.value.wrapping_add(all);
        } else {
            self.sum = self.sum.wrapping_add(all);
        }
        self.at += rows;
    }

    /// What the next few rows add to the sum.
    #[inline(always)]
    fn part(&self, rows: usize, packed: impl Fn(usize) -> u64) -> u64 {
        let (mut value, mut sum) = (self.value, 0u64);
        for row in 0..rows {
            let packed = packed(row);
            value = if self.steps { value.wrapping_add(packed) } else { packed };
            sum = sum.wrapping_add(value);
        }
        sum
    }

    /// What follows one after the other.
    #[inline(always)]
    fn values(&mut self, mut packed: &[u64]) {
        while self.next_mark() <= self.at {
            self.put(0);
        }
        if self.next_mark() >= self.at + packed.len() {
            return self.pass_values(packed);
        }
        loop {
            let (some, rest) = packed.split_at((self.next_mark() - self.at).min(packed.len()));
            if self.steps {
                for step in some {
                    self.value = self.value.wrapping_add(*step);
                    self.sum = self.sum.wrapping_add(self.value);
                }
            } else {
                self.sum = some.iter().fold(self.sum, |sum, value| sum.wrapping_add(*value));
            }
            self.at += some.len();
            if self.next_mark() != self.at {
                return;
            }
            self.put(0);
            packed = rest;
        }
    }
}

impl Walk<'_> {
    /// Takes values that no mark lies among: a step counts for its own row and every one after it.
    #[inline(always)]
    fn pass_values(&mut self, packed: &[u64]) {
        let rows = packed.len() as u64;
        let total = packed.iter().fold(0u64, |all, value| all.wrapping_add(*value));
        if self.steps {
            let weighted = (0u64..).zip(packed).fold(0u64, |all, (row, step)| {
                all.wrapping_add(step.wrapping_mul(rows.wrapping_sub(row)))
            });
            self.sum = self.sum.wrapping_add(self.value.wrapping_mul(rows)).wrapping_add(weighted);
            self.value = self.value.wrapping_add(total);
        } else {
            self.sum = self.sum.wrapping_add(total);
        }
        self.at += packed.len();
    }
}

/// What is packed in a row of a lane.
#[inline(always)]
fn value<const G: usize>(packed: &[u8], width: u32, lane: usize, row: usize) -> u64 {
    let plane = |bytes: &[u8], width: u32| {
        let (words, _) = bytes.as_chunks::<4>();
        let bit = row * width as usize;
        let word = |at: usize| {
            let word = words.get(at * G * GROUP + lane).copied().unwrap_or_default();
            u64::from(u32::from_le_bytes(word))
        };
        (word(bit / 32) | word(bit / 32 + 1) << 32) >> (bit % 32) & mask(width)
    };
    let low = plane(packed, width.min(32));
    match width.checked_sub(32) {
        Some(above) if above > 0 => {
            let high = packed.get(4 * ROWS * G * GROUP..).unwrap_or_default();
            low | plane(high, above) << 32
        }
        _ => low,
    }
}

/// Totals and inner sums of the lanes of a tile of few bits.
#[inline(always)]
fn narrow<const G: usize>(
    words: &[[u8; 4 * GROUP]],
    width: u32,
    totals: &mut Row<u64, G>,
    inner: &mut Row<u64, G>,
) {
    let (mut total, mut sum) = ([[0u32; GROUP]; G], [[0u32; GROUP]; G]);
    lanes::unpack_plane::<G>(words, width, |_, group, packed| {
        total[group] = lanes::add(total[group], packed);
        sum[group] = lanes::add(sum[group], total[group]);
    });
    for group in 0..G {
        totals[group] = lanes::map(total[group], u64::from);
        inner[group] = lanes::map(sum[group], u64::from);
    }
}

/// The same of any bits, `shift` bits up.
#[inline(always)]
fn wide<const G: usize>(
    words: &[[u8; 4 * GROUP]],
    width: u32,
    shift: u32,
    totals: &mut Row<u64, G>,
    inner: &mut Row<u64, G>,
) {
    let (mut total, mut sum) = ([[0u64; GROUP]; G], [[0u64; GROUP]; G]);
    lanes::unpack_plane::<G>(words, width, |_, group, packed| {
        total[group] = lanes::add(total[group], lanes::map(packed, u64::from));
        sum[group] = lanes::add(sum[group], total[group]);
    });
    for group in 0..G {
        let shifted = lanes::map(total[group], |total| total << shift);
        totals[group] = lanes::add(totals[group], shifted);
        let shifted = lanes::map(sum[group], |sum| sum << shift);
        inner[group] = lanes::add(inner[group], shifted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Reader;
    use crate::codec::frame::{FRAME, FRAME_MASK};
    use crate::codec::tests::shapes;
    use crate::codec::{Effort, encode_ints_with};

    /// Sums of the rows before each mark, value by value.
    fn plain(values: &[i64], marks: &[usize]) -> Vec<i64> {
        let before = |mark: &usize| values[..(*mark).min(values.len())].iter();
        marks.iter().map(|mark| before(mark).fold(0i64, |sum, v| sum.wrapping_add(*v))).collect()
    }

    #[test]
    fn sums_before_marks_are_those_of_the_values_on_all_processors() {
        let mut seen = [0; 2];
        for n in [9, 100, 256, 300, 1023, 1080, 1500, 2500] {
            for values in shapes(n) {
                let mut out = Vec::new();
                encode_ints_with(&values, Effort::Hot, &mut out);
                let mut reader = Reader::new(&out);
                let id = reader.u8().unwrap();
                if id & FRAME_MASK != FRAME {
                    continue;
                }
                let frame = Frame::read(id, &mut reader, n).unwrap();
                if !frame.has_sums() {
                    continue;
                }
                seen[usize::from(frame.exceptions.is_some())] += 1;
                for marks in [
                    vec![n],
                    vec![0, n],
                    vec![0, 0, 1, 31, 32, 33, 64, 65, 65, 255, 256, 257, n + 7],
                    (0..n + 40).step_by(97).collect(),
                    (0..=n).collect(),
                    vec![n / 2],
                    vec![],
                ] {
                    let mut marks = marks;
                    marks.sort_unstable();
                    let want = plain(&values, &marks);
                    let build = |kernel: &dyn Fn(&mut [i64])| {
                        let mut sums = vec![77; marks.len()];
                        kernel(&mut sums);
                        let value = |(sum, mark): (&i64, &usize)| {
                            let rows = i64::try_from((*mark).min(n)).unwrap();
                            frame
                                .base
                                .wrapping_mul(rows)
                                .wrapping_add(sum.wrapping_mul(frame.divisor))
                        };
                        sums.iter().zip(&marks).map(value).collect::<Vec<_>>()
                    };
                    assert_eq!(
                        build(&|sums| frame.sums(&marks, sums)),
                        want,
                        "{frame:?} {marks:?}"
                    );
                    let portable = |sums: &mut [i64]| {
                        dispatch::portable(Sums { frame: &frame, marks: &marks, sums });
                    };
                    assert_eq!(build(&portable), want, "{frame:?} {marks:?}");
                }
            }
        }
        assert!(seen.iter().all(|frames| *frames > 5), "{seen:?}");
    }
}
