//! Many blocks added up row by row, without bringing their values into order.
//!
//! Series of one measurement mostly have the same timestamps, and so blocks of as many rows. Sums, smallest and largest of each row are kept
//! where a tile has the row (see `lanes`), as wide as the machine is; only once, when all blocks have been added, they are put in order:
//!
//! ```text
//! place     tile 0: row 0 of all lanes, row 1 of all lanes, ...; tile 1; ...; what does not fill a tile, in order
//! ```

use stripchart_core::FieldType;

use super::decimal::Scale;
use super::floats::{FloatBlock, ToFloat, two_sum};
use super::frame::{Frame, FrameKernel, GROUP, LARGE, ROWS, Row, SMALL, Tile, Visitor, Word, walk};
use super::ints::IntBlock;
use super::lanes::{self, Group};
use crate::partials::Aggregates;

/// What is kept by row; empty if it is not asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Lanes<T> {
    pub(crate) sums: Vec<T>,
    pub(crate) min: Vec<T>,
    pub(crate) max: Vec<T>,
}

impl<T: Copy> Lanes<T> {
    /// Of `rows` rows without a value: `bounds` are larger and smaller than all.
    fn new(rows: usize, which: Aggregates, zero: T, bounds: (T, T)) -> Self {
        let all = |wanted, value| {
            if which.contains(wanted) { vec![value; rows] } else { Vec::new() }
        };
        Lanes {
            sums: all(Aggregates::SUM, zero),
            min: all(Aggregates::MIN, bounds.0),
            max: all(Aggregates::MAX, bounds.1),
        }
    }

    fn in_order(&self) -> Self {
        Lanes { sums: in_order(&self.sums), min: in_order(&self.min), max: in_order(&self.max) }
    }
}

/// What the places of tiles have, by row.
fn in_order<T: Copy>(places: &[T]) -> Vec<T> {
    let n = places.len();
    let (large, small) = (n - n % LARGE, n - n % SMALL);
    let place = |row: usize| {
        let (tile, lanes) = match row {
            row if row < large => (row - row % LARGE, LARGE / ROWS),
            row if row < small => (row - row % SMALL, SMALL / ROWS),
            row => return row,
        };
        tile + (row - tile) % ROWS * lanes + (row - tile) / ROWS
    };
    (0..n).filter_map(|row| places.get(place(row)).copied()).collect()
}

/// Rows of integers or floats, in the order of tiles.
#[derive(Debug, Clone)]
pub(crate) enum TileRows {
    Integers(Lanes<i64>),
    /// And what rounding took from the sums.
    Floats(Lanes<f64>, Vec<f64>),
}

impl TileRows {
    /// Rows without a value; `None` for types that have none of these.
    pub(crate) fn new(field_type: FieldType, rows: usize, which: Aggregates) -> Option<TileRows> {
        match field_type {
            FieldType::Integer => {
                Some(TileRows::Integers(Lanes::new(rows, which, 0, (i64::MAX, i64::MIN))))
            }
            FieldType::Float => {
                let bounds = (f64::INFINITY, f64::NEG_INFINITY);
                let lanes = Lanes::new(rows, which, 0.0, bounds);
                let lost = vec![0.0; lanes.sums.len()];
                Some(TileRows::Floats(lanes, lost))
            }
            _ => None,
        }
    }

    /// The same, each row in its place.
    pub(crate) fn into_order(self) -> TileRows {
        match self {
            TileRows::Integers(lanes) => TileRows::Integers(lanes.in_order()),
            TileRows::Floats(lanes, lost) => TileRows::Floats(lanes.in_order(), in_order(&lost)),
        }
    }

    /// Adds a block of as many rows; `false` if it has a form that this is not for.
    pub(super) fn add_ints(&mut self, ints: &IntBlock<'_>) -> bool {
        let IntBlock::Frame(frame) = ints else { return false };
        self.add_frame(None, frame)
    }

    /// The same for floats.
    pub(super) fn add_floats(&mut self, floats: &FloatBlock<'_>) -> bool {
        let FloatBlock::Decimal { scale, ints: IntBlock::Frame(frame), patches: None } = floats
        else {
            return false;
        };
        self.add_frame(Some(*scale), frame)
    }

    /// The same for a frame, of decimals if there is a scale.
    pub(super) fn add_frame(&mut self, scale: Option<Scale>, frame: &Frame<'_>) -> bool {
        if frame.bitmap.is_some() {
            return false;
        }
        match (self, scale) {
            (TileRows::Integers(lanes), None) if fits(lanes, frame.n) => {
                walk(frame, AddInts { base: frame.base, divisor: frame.divisor, lanes });
                true
            }
            (TileRows::Floats(lanes, lost), Some(scale)) if fits(lanes, frame.n) => {
                walk(frame, AddFloats { to: ToFloat::new(scale, frame), lanes, lost });
                true
            }
            _ => false,
        }
    }
}

fn fits<T>(lanes: &Lanes<T>, n: usize) -> bool {
    [&lanes.sums, &lanes.min, &lanes.max].iter().all(|kept| kept.is_empty() || kept.len() == n)
}

/// Brings each place of `kept` together with the value of its row.
#[inline(always)]
fn each<T: Word, V: Copy, const G: usize>(
    kept: &mut [V],
    at: usize,
    (tile, starts): (&Tile<T, G>, &Row<T, G>),
    value: impl Fn(Group<T>) -> Group<V>,
    together: impl Fn(V, V) -> V,
) {
    let Some(kept) = kept.get_mut(at..at + G * GROUP * ROWS) else { return };
    let (kept, _) = kept.as_chunks_mut::<GROUP>();
    let (kept, _) = kept.as_chunks_mut::<G>();
    for (row, kept) in tile.iter().zip(kept) {
        for group in 0..G {
            let values = value(lanes::add(row[group], starts[group]));
            kept[group] = lanes::zip(kept[group], values, &together);
        }
    }
}

struct AddInts<'l> {
    base: i64,
    divisor: i64,
    lanes: &'l mut Lanes<i64>,
}

impl FrameKernel for AddInts<'_> {}

impl AddInts<'_> {
    #[inline(always)]
    fn all<T: Word, const G: usize>(
        &mut self,
        at: usize,
        tile: (&Tile<T, G>, &Row<T, G>),
        value: impl Fn(Group<T>) -> Group<i64>,
    ) {
        let Lanes { sums, min, max } = &mut *self.lanes;
        each(sums, at, tile, &value, i64::wrapping_add);
        each(min, at, tile, &value, |a, b| if b < a { b } else { a });
        each(max, at, tile, &value, |a, b| if b > a { b } else { a });
    }
}

impl Visitor for AddInts<'_> {
    #[inline(always)]
    fn tile<T: Word, const G: usize>(
        &mut self,
        at: usize,
        tile: &mut Tile<T, G>,
        starts: &Row<T, G>,
    ) {
        let (base, divisor) = (self.base, self.divisor);
        if divisor == 1 {
            self.all(at, (tile, starts), |v| lanes::map(v, |v| base.wrapping_add(v.widen())));
        } else {
            let value = |v: T| base.wrapping_add(v.widen().wrapping_mul(divisor));
            self.all(at, (tile, starts), |v| lanes::map(v, value));
        }
    }

    #[inline(always)]
    fn rest(&mut self, at: usize, distances: &[u64]) {
        let (base, divisor) = (self.base, self.divisor);
        let value = |d: &u64| base.wrapping_add(d.cast_signed().wrapping_mul(divisor));
        let Lanes { sums, min, max } = &mut *self.lanes;
        for (kept, d) in sums.iter_mut().skip(at).zip(distances) {
            *kept = kept.wrapping_add(value(d));
        }
        for (kept, d) in min.iter_mut().skip(at).zip(distances) {
            *kept = value(d).min(*kept);
        }
        for (kept, d) in max.iter_mut().skip(at).zip(distances) {
            *kept = value(d).max(*kept);
        }
    }
}

struct AddFloats<'l> {
    to: ToFloat,
    lanes: &'l mut Lanes<f64>,
    lost: &'l mut [f64],
}

impl FrameKernel for AddFloats<'_> {
    #[inline(always)]
    fn fused(&mut self, fused: bool) {
        self.to.fused = fused;
    }
}

impl Visitor for AddFloats<'_> {
    #[inline(always)]
    fn tile<T: Word, const G: usize>(
        &mut self,
        at: usize,
        tile: &mut Tile<T, G>,
        starts: &Row<T, G>,
    ) {
        let to = self.to;
        let Lanes { sums, min, max } = &mut *self.lanes;
        // Decimals are numbers, never NaN, and of zeros only the positive one. Loops are written out: a closure that calls `floats` may end
        // up as a function of its own, compiled for every processor.
        for (kept, less) in [(min, true), (max, false)] {
            let Some(kept) = kept.get_mut(at..at + G * GROUP * ROWS) else { continue };
            let (kept, _) = kept.as_chunks_mut::<GROUP>();
            for (at, kept) in kept.iter_mut().enumerate() {
                let values = to.floats(lanes::add(tile[at / G % ROWS][at % G], starts[at % G]));
                *kept = if less {
                    lanes::zip(*kept, values, |a, b| if b < a { b } else { a })
                } else {
                    lanes::zip(*kept, values, |a, b| if b > a { b } else { a })
                };
            }
        }
        let range = at..at + G * GROUP * ROWS;
        let (Some(sums), Some(lost)) = (sums.get_mut(range.clone()), self.lost.get_mut(range))
        else {
            return;
        };
        let (sums, _) = sums.as_chunks_mut::<GROUP>();
        let (lost, _) = lost.as_chunks_mut::<GROUP>();
        for (at, (sums, lost)) in sums.iter_mut().zip(lost).enumerate() {
            let (row, group) = (at / G % ROWS, at % G);
            two_sum(sums, lost, to.floats(lanes::add(tile[row][group], starts[group])));
        }
    }

    #[inline(always)]
    fn rest(&mut self, at: usize, distances: &[u64]) {
        let to = self.to;
        let Lanes { sums, min, max } = &mut *self.lanes;
        for ((sum, lost), d) in sums.iter_mut().zip(&mut *self.lost).skip(at).zip(distances) {
            let (mut sums, mut losts) = ([*sum; GROUP], [*lost; GROUP]);
            two_sum(&mut sums, &mut losts, [to.float(*d); GROUP]);
            (*sum, *lost) = (sums[0], losts[0]);
        }
        for (kept, d) in min.iter_mut().skip(at).zip(distances) {
            let value = to.float(*d);
            *kept = if value < *kept { value } else { *kept };
        }
        for (kept, d) in max.iter_mut().skip(at).zip(distances) {
            let value = to.float(*d);
            *kept = if value > *kept { value } else { *kept };
        }
    }
}

#[cfg(test)]
mod tests {
    use stripchart_core::{Column, Values};

    use super::*;
    use crate::codec::tests::shapes;
    use crate::codec::{Effort, NumberBlock, encode_column_with};

    const ALL: [Aggregates; 3] = [Aggregates::SUM, Aggregates::MIN, Aggregates::MAX];

    fn coded(values: Values) -> Vec<u8> {
        let mut out = Vec::new();
        let n = values.len();
        encode_column_with(&Column::new("", values), n, Effort::Hot, &mut out);
        out
    }

    #[test]
    fn integers_are_added_row_by_row() {
        for n in [100, 256, 300, 1024, 1080, 1500, 2400] {
            for which in ALL.into_iter().chain([ALL[0] | ALL[1] | ALL[2]]) {
                let mut rows = TileRows::new(FieldType::Integer, n, which).unwrap();
                let mut want = Lanes::new(n, which, 0i64, (i64::MAX, i64::MIN));
                let mut added = 0;
                for values in shapes(n) {
                    let bytes = coded(Values::Integer(values.clone()));
                    let block = NumberBlock::parse(&bytes, FieldType::Integer, n).unwrap();
                    if !block.add_rows(&mut rows) {
                        continue;
                    }
                    added += 1;
                    want.sums.iter_mut().zip(&values).for_each(|(a, b)| *a = a.wrapping_add(*b));
                    want.min.iter_mut().zip(&values).for_each(|(a, b)| *a = *b.min(a));
                    want.max.iter_mut().zip(&values).for_each(|(a, b)| *a = *b.max(a));
                }
                assert!(added > 3, "{added} of {n} rows");
                match rows.into_order() {
                    TileRows::Integers(got) => assert!(got == want, "{n} {which:?}"),
                    TileRows::Floats(..) => panic!("integers"),
                }
            }
        }
    }

    #[test]
    fn decimals_are_added_row_by_row() {
        for n in [100, 256, 1080, 1500] {
            let which = ALL[0] | ALL[1] | ALL[2];
            let mut rows = TileRows::new(FieldType::Float, n, which).unwrap();
            let mut all: Vec<Vec<f64>> = Vec::new();
            for values in shapes(n) {
                let values: Vec<f64> =
                    values.iter().map(|v| (v % 100_000) as f64 / 100.0).collect();
                let bytes = coded(Values::Float(values.clone()));
                let block = NumberBlock::parse(&bytes, FieldType::Float, n).unwrap();
                if block.add_rows(&mut rows) {
                    all.push(values);
                }
            }
            assert!(all.len() > 3, "{} of {n} rows", all.len());
            let TileRows::Floats(got, lost) = rows.into_order() else { panic!("floats") };
            for row in 0..n {
                let column = || all.iter().map(|values| values[row]);
                let mut sum = crate::partials::Sum::Float { sum: 0.0, lost: 0.0 };
                column().for_each(|v| sum.add(crate::Number::Float(v)));
                assert_eq!(sum.total(), crate::Number::Float(got.sums[row] + lost[row]));
                assert_eq!(got.min[row], column().fold(f64::INFINITY, f64::min));
                assert_eq!(got.max[row], column().fold(f64::NEG_INFINITY, f64::max));
            }
        }
    }

    #[test]
    fn blocks_of_another_length_are_refused() {
        let bytes = coded(Values::Integer((0..300).map(|n| n * n % 1000).collect()));
        let block = NumberBlock::parse(&bytes, FieldType::Integer, 300).unwrap();
        for (field_type, rows, added) in [
            (FieldType::Integer, 300, true),
            (FieldType::Integer, 299, false),
            (FieldType::Float, 300, false),
        ] {
            let mut rows = TileRows::new(field_type, rows, Aggregates::MAX).unwrap();
            assert_eq!(block.add_rows(&mut rows), added);
        }
        assert!(TileRows::new(FieldType::Unsigned, 3, Aggregates::MAX).is_none());
    }
}
