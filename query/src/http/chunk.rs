//! Frames cut into pieces of a given number of rows.

use std::ops::Range;

use stripchart_core::{Bitmap, Column, Frame, Values};

/// Hands `frame` over in pieces of at most `rows` rows, all but the last marked partial.
pub(super) fn pieces(frame: Frame, rows: usize, mut each: impl FnMut(Frame)) {
    let count = frame.row_count();
    if count <= rows {
        return each(frame);
    }
    for start in (0..count).step_by(rows) {
        let end = (start + rows).min(count);
        each(Frame {
            name: frame.name.clone(),
            tags: frame.tags.clone(),
            columns: frame.columns.iter().map(|column| part(column, start..end)).collect(),
            partial: end < count || frame.partial,
        });
    }
}

/// The rows of `column` in `range`, as far as there are any.
fn part(column: &Column, range: Range<usize>) -> Column {
    let range = range.start.min(column.len())..range.end.min(column.len());
    let values = match column.values() {
        Values::Float(values) => Values::Float(values[range.clone()].to_vec()),
        Values::Integer(values) => Values::Integer(values[range.clone()].to_vec()),
        Values::Unsigned(values) => Values::Unsigned(values[range.clone()].to_vec()),
        Values::Boolean(values) => Values::Boolean(values[range.clone()].to_vec()),
        Values::Time(values) => Values::Time(values[range.clone()].to_vec()),
        Values::String(texts) => {
            Values::String(range.clone().map(|row| texts.get(row).unwrap_or_default()).collect())
        }
    };
    let mut part = match column.validity() {
        None => Column::new(column.name.as_str(), values),
        Some(validity) => {
            let mut bits = Bitmap::default();
            range.for_each(|row| bits.push(validity.get(row)));
            Column::with_validity(column.name.as_str(), values, bits)
        }
    };
    part.unit = column.unit;
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_hold_every_row_once() {
        let mut sparse = Column::new("v", Values::Float(Vec::new()));
        sparse.push(1.0.into());
        sparse.push_null();
        sparse.push(3.0.into());
        let frame = Frame::new("m")
            .tag("h", "a")
            .column(Column::new("time", Values::Time(vec![1, 2, 3, 4, 5])))
            .column(sparse) // shorter than the frame
            .column(Column::new(
                "s",
                Values::String(["a", "b", "c", "d", "e"].into_iter().collect()),
            ));
        let mut got = Vec::new();
        pieces(frame.clone(), 2, |piece| got.push(piece));
        let times: Vec<_> = got.iter().map(|piece| piece.times().unwrap().to_vec()).collect();
        assert_eq!(times, [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(got.iter().map(|piece| piece.partial).collect::<Vec<_>>(), [true, true, false]);
        let floats = |piece: &Frame| [piece.columns[1].get_f64(0), piece.columns[1].get_f64(1)];
        let floats: Vec<_> = got.iter().map(floats).collect();
        assert_eq!(floats, [[Some(1.0), None], [Some(3.0), None], [None, None]]);
        assert_eq!(got[2].columns[2].get(0), Some("e".into()));
        assert!(got.iter().all(|piece| piece.tag_value("h") == Some("a")));

        let mut whole = Vec::new();
        pieces(frame.clone(), 5, |piece| whole.push(piece));
        assert_eq!(whole, [frame]);
    }
}
