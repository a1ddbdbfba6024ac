//! Adding up a block straight from its bytes.
//!
//! Nearly all blocks of numbers are one frame (or decimals that are) with a value in every row. What is asked of them most, sums of ranges
//! and adding to others row by row, needs nothing of a block but that frame: taking the whole block apart into a value that can be
//! anything, and handing that around, costs as much as adding up a hundred rows. Whatever is unusual is declined, damage too: then
//! [`NumberBlock`](super::NumberBlock) decides.

use stripchart_core::FieldType;

use super::ALL_PRESENT;
use super::block::Scratch;
use super::byrow::TileRows;
use super::decimal::Scale;
use super::floats::{DECIMAL, decode_frame, show_decimals};
use super::frame::{FRAME, FRAME_MASK, Frame};
use super::ints::{Whole, frame_sums};
use crate::bytes::Reader;
use crate::partials::Sum;

/// What a block is, if it is usual.
struct Straight<'a> {
    /// Of floats, which are decimals.
    scale: Option<Scale>,
    frame: Frame<'a>,
}

impl<'a> Straight<'a> {
    #[inline(always)]
    fn read(bytes: &'a [u8], field_type: FieldType, rows: usize) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8().ok()? != ALL_PRESENT {
            return None;
        }
        let scale = match field_type {
            FieldType::Float if reader.u8().ok()? == DECIMAL => {
                Some(Scale::from_byte(reader.u8().ok()?)?)
            }
            FieldType::Integer | FieldType::Unsigned => None,
            _ => return None,
        };
        let id = reader.u8().ok().filter(|id| id & FRAME_MASK == FRAME)?;
        let frame = Frame::read(id, &mut reader, rows).ok()?;
        reader.end().ok()?;
        Some(Straight { scale, frame })
    }
}

/// Shows the sums of the rows between `marks`, as [`NumberBlock::sums`](super::NumberBlock::sums) does; `false`, and nothing shown, if the
/// block has to be taken apart for that.
pub(crate) fn straight_sums(
    bytes: &[u8],
    (field_type, rows): (FieldType, usize),
    marks: &[usize],
    scratch: &mut Scratch,
    mut show: impl FnMut(Sum),
) -> bool {
    let Some(Straight { scale, frame }) = Straight::read(bytes, field_type, rows) else {
        return false;
    };
    let sums = scratch.sums(marks.len());
    if let Some(scale) = scale {
        let Some(whole) = Whole::of(&frame, marks, sums) else { return false };
        show_decimals(scale, &whole, (marks, sums), show);
        return true;
    }
    if !frame_sums(&frame, marks, sums) {
        return false;
    }
    let signed = field_type == FieldType::Integer;
    for pair in sums.windows(2) {
        let sum = pair[1].wrapping_sub(pair[0]);
        show(if signed { Sum::Integer(sum) } else { Sum::Unsigned(sum.cast_unsigned()) });
    }
    true
}

/// Adds all rows to `into`, as [`NumberBlock::add_rows`](super::NumberBlock::add_rows) does; `false`, and nothing added, if the block has to
/// be taken apart for that.
pub(crate) fn straight_rows(
    bytes: &[u8],
    (field_type, rows): (FieldType, usize),
    into: &mut TileRows,
) -> bool {
    if field_type == FieldType::Unsigned {
        return false;
    }
    Straight::read(bytes, field_type, rows)
        .is_some_and(|Straight { scale, frame }| into.add_frame(scale, &frame))
}

/// Decodes all rows in place of what `into` held; `false`, and `into` holds anything, if the block has to be taken apart for that.
pub(crate) fn straight_ints(bytes: &[u8], rows: usize, into: &mut Vec<i64>) -> bool {
    let Some(Straight { frame, .. }) = Straight::read(bytes, FieldType::Integer, rows) else {
        return false;
    };
    into.resize(rows, 0);
    frame.decode(into);
    true
}

/// The same for decimals.
pub(crate) fn straight_floats(bytes: &[u8], rows: usize, into: &mut Vec<f64>) -> bool {
    let Some(Straight { scale: Some(scale), frame }) =
        Straight::read(bytes, FieldType::Float, rows)
    else {
        return false;
    };
    into.resize(rows, 0.0);
    decode_frame(scale, &frame, into);
    true
}

#[cfg(test)]
mod tests {
    use stripchart_core::{Column, Values};

    use super::*;
    use crate::codec::tests::shapes;
    use crate::codec::{Effort, NumberBlock, decode_column, encode_column_with};
    use crate::partials::Aggregates;

    fn check(values: Values, field_type: FieldType, seen: &mut usize) {
        let column = Column::new("c", values);
        let rows = column.len();
        for effort in [Effort::Quick, Effort::Hot, Effort::Cold] {
            let mut bytes = Vec::new();
            encode_column_with(&column, rows, effort, &mut bytes);
            let block = NumberBlock::parse(&bytes, field_type, rows).unwrap();
            for marks in [vec![0, rows], vec![3, 40, rows / 2, rows], vec![0, 0, 33, 1024, 2000]] {
                let (mut got, mut want) = (Vec::new(), Vec::new());
                let shape = (field_type, rows);
                let told = straight_sums(&bytes, shape, &marks, &mut Scratch::default(), |sum| {
                    got.push(sum);
                });
                if told {
                    assert!(block.sums(&marks, &mut Scratch::default(), |sum| want.push(sum)));
                }
                assert_eq!(got, want, "{effort:?} {marks:?}");
                *seen += usize::from(told);
            }
            let all = Aggregates::SUM | Aggregates::MIN | Aggregates::MAX;
            let new = || TileRows::new(field_type, rows, all);
            let (Some(mut got), Some(mut want)) = (new(), new()) else { continue };
            if straight_rows(&bytes, (field_type, rows), &mut got) {
                assert!(block.add_rows(&mut want));
                assert_eq!(format!("{got:?}"), format!("{want:?}"));
                *seen += 1;
            }
            let whole = decode_column(&mut Reader::new(&bytes), "c", field_type, rows).unwrap();
            let (mut ints, mut floats) = (vec![7; 3], vec![7.0; 2000]);
            match whole.values() {
                Values::Integer(want) if straight_ints(&bytes, rows, &mut ints) => {
                    assert_eq!(ints, *want);
                }
                Values::Float(want) if straight_floats(&bytes, rows, &mut floats) => {
                    assert!(
                        floats.iter().map(|v| v.to_bits()).eq(want.iter().map(|v| v.to_bits()))
                    );
                }
                _ => {}
            }
            for cut in 0..bytes.len() {
                let cut = &bytes[..cut];
                straight_sums(cut, (field_type, rows), &[0, 5], &mut Scratch::default(), |_| {});
            }
        }
    }

    #[test]
    fn what_is_added_up_straight_is_what_taking_apart_comes_to() {
        let mut seen = 0;
        for n in [9, 300, 1080] {
            for values in shapes(n) {
                check(Values::Integer(values.clone()), FieldType::Integer, &mut seen);
                let unsigned = values.iter().map(|v| v.cast_unsigned()).collect();
                check(Values::Unsigned(unsigned), FieldType::Unsigned, &mut seen);
                let decimals = values.iter().map(|v| (v % 100_000) as f64 / 100.0).collect();
                check(Values::Float(decimals), FieldType::Float, &mut seen);
            }
        }
        assert!(seen > 100, "{seen}");
    }
}
