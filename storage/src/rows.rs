//! Rows of one series, as columns: what every source of rows yields, and how sources are merged.

use stripchart_core::{Bitmap, Column, FieldType, Values};

/// Rows in order of time. Columns stand in the order that the reader asked for and may be shorter than the rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Rows {
    pub(crate) timestamps: Vec<i64>,
    pub(crate) columns: Vec<Column>,
}

/// A field that a reader asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) field_type: FieldType,
}

impl Rows {
    /// No rows, a column for each field of `wanted`.
    pub(crate) fn empty(wanted: &[Wanted]) -> Self {
        Rows { timestamps: Vec::new(), columns: empty_columns(wanted) }
    }

    pub(crate) fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// The rows that have a value, none repeated in time, given rows in order of arrival.
    pub(crate) fn sorted(self, wanted: &[Wanted]) -> Rows {
        if self.timestamps.is_sorted_by(|a, b| a < b) {
            return self;
        }
        merge(std::slice::from_ref(&self), wanted)
    }

    /// Whether every row is known to have a value, because a column has one everywhere.
    pub(crate) fn is_dense(&self) -> bool {
        self.columns.iter().any(|c| c.validity().is_none() && c.len() == self.len())
    }

    /// Whether some column has a value in `row`.
    fn has_value(&self, row: usize) -> bool {
        self.columns.iter().any(|column| column.is_valid(row))
    }

    /// The rows that have a value, if some have none.
    pub(crate) fn with_values(&self) -> Option<Rows> {
        if self.is_dense() {
            return None;
        }
        let rows: Vec<usize> = (0..self.len()).filter(|row| self.has_value(*row)).collect();
        (rows.len() < self.len()).then(|| self.gather(&rows))
    }

    /// The rows `from..to`, whether they have values or not.
    pub(crate) fn range(&self, from: usize, to: usize) -> Rows {
        Rows {
            timestamps: self.timestamps[from..to].to_vec(),
            columns: self.columns.iter().map(|column| slice_column(column, from, to)).collect(),
        }
    }

    /// These rows, in this order.
    pub(crate) fn gather(&self, rows: &[usize]) -> Rows {
        Rows {
            timestamps: rows.iter().map(|row| self.timestamps[*row]).collect(),
            columns: self.columns.iter().map(|column| gather_column(column, rows)).collect(),
        }
    }

    /// The rows `from..to` that have a value, with columns as long as the rows.
    pub(crate) fn slice(&self, from: usize, to: usize, wanted: &[Wanted], out: &mut Rows) {
        for row in from..to {
            if self.has_value(row) {
                self.copy_row(row, wanted, out);
            }
        }
    }

    fn copy_row(&self, row: usize, wanted: &[Wanted], out: &mut Rows) {
        out.timestamps.push(self.timestamps[row]);
        for at in 0..wanted.len() {
            match self.columns[at].get(row) {
                Some(value) => out.columns[at].push(value),
                None => out.columns[at].push_null(),
            }
        }
    }
}

/// The rows `from..to` of a column, as far as it has them.
pub(crate) fn slice_column(column: &Column, from: usize, to: usize) -> Column {
    let to = to.min(column.len());
    let from = from.min(to);
    let values = match column.values() {
        Values::Float(v) => Values::Float(v[from..to].to_vec()),
        Values::Integer(v) => Values::Integer(v[from..to].to_vec()),
        Values::Unsigned(v) => Values::Unsigned(v[from..to].to_vec()),
        Values::Boolean(v) => Values::Boolean(v[from..to].to_vec()),
        Values::Time(v) => Values::Time(v[from..to].to_vec()),
        Values::String(v) => Values::String((from..to).filter_map(|row| v.get(row)).collect()),
    };
    match column.validity() {
        None => Column::new(&*column.name, values),
        Some(valid) => {
            let valid: Bitmap = (from..to).map(|row| valid.get(row)).collect();
            if valid.count_ones() == valid.len() {
                Column::new(&*column.name, values)
            } else {
                Column::with_validity(&*column.name, values, valid)
            }
        }
    }
}

/// These rows of a column, in this order; those past its end have no value.
pub(crate) fn gather_column(column: &Column, rows: &[usize]) -> Column {
    let values = gather_values(column.values(), rows);
    let len = column.len();
    if column.validity().is_none() && rows.iter().all(|row| *row < len) {
        return Column::new(&*column.name, values);
    }
    let valid: Bitmap = rows.iter().map(|row| column.is_valid(*row)).collect();
    if valid.count_ones() == valid.len() {
        Column::new(&*column.name, values)
    } else {
        Column::with_validity(&*column.name, values, valid)
    }
}

/// The same in place of what `into` held, of the same type.
pub(crate) fn gather_into(column: &Column, rows: &[usize], into: &mut Column) {
    fn gather<T: Copy>(values: &[T], rows: &[usize], into: &mut Vec<T>) {
        into.clear();
        into.extend(rows.iter().filter_map(|row| values.get(*row)));
    }
    let dense = column.validity().is_none() && rows.last().is_none_or(|row| *row < column.len());
    let done = dense
        && rows.is_sorted()
        && refill(into, |into| {
            match (column.values(), into) {
                (Values::Float(from), Values::Float(into)) => gather(from, rows, into),
                (Values::Integer(from), Values::Integer(into)) => gather(from, rows, into),
                (Values::Unsigned(from), Values::Unsigned(into)) => gather(from, rows, into),
                _ => return false,
            }
            true
        });
    if !done {
        *into = gather_column(column, rows);
    }
}

/// Puts other values into a column, in the memory of those it has; every row has one. Returns what `put` does.
pub(crate) fn refill(column: &mut Column, put: impl FnOnce(&mut Values) -> bool) -> bool {
    let none = Column::new(String::new(), Values::Float(Vec::new()));
    let mut old = std::mem::replace(column, none);
    let (name, unit) = (std::mem::take(&mut old.name), old.unit.take());
    let mut values = old.into_values();
    let done = put(&mut values);
    *column = Column::new(name, values);
    column.unit = unit;
    done
}

/// The values of these rows, in this order; anything for those past the end.
pub(crate) fn gather_values(values: &Values, rows: &[usize]) -> Values {
    fn gather<T: Copy + Default>(values: &[T], rows: &[usize]) -> Vec<T> {
        rows.iter().map(|row| values.get(*row).copied().unwrap_or_default()).collect()
    }
    match values {
        Values::Float(v) => Values::Float(gather(v, rows)),
        Values::Integer(v) => Values::Integer(gather(v, rows)),
        Values::Unsigned(v) => Values::Unsigned(gather(v, rows)),
        Values::Boolean(v) => Values::Boolean(gather(v, rows)),
        Values::Time(v) => Values::Time(gather(v, rows)),
        Values::String(v) => {
            Values::String(rows.iter().map(|row| v.get(*row).unwrap_or_default()).collect())
        }
    }
}

/// A column that grows by parts of others.
#[derive(Debug)]
pub(crate) struct ColumnBuilder {
    values: Values,
    valid: Bitmap,
}

impl ColumnBuilder {
    pub(crate) fn new(field_type: FieldType) -> Self {
        ColumnBuilder { values: Values::empty(field_type), valid: Bitmap::default() }
    }

    /// Appends the first `rows` rows of a column of the same type; those past its end have no value.
    pub(crate) fn extend(&mut self, column: &Column, rows: usize) {
        fn extend<T: Copy + Default>(into: &mut Vec<T>, from: &[T], rows: usize) {
            into.extend_from_slice(&from[..rows.min(from.len())]);
            into.resize(into.len() + rows - rows.min(from.len()), T::default());
        }
        match (&mut self.values, column.values()) {
            (Values::Float(into), Values::Float(from)) => extend(into, from, rows),
            (Values::Integer(into), Values::Integer(from)) => extend(into, from, rows),
            (Values::Unsigned(into), Values::Unsigned(from)) => extend(into, from, rows),
            (Values::Boolean(into), Values::Boolean(from)) => extend(into, from, rows),
            (Values::Time(into), Values::Time(from)) => extend(into, from, rows),
            (Values::String(into), Values::String(from)) => {
                (0..rows).for_each(|row| into.push(from.get(row).unwrap_or_default()));
            }
            // A column of another type has none of these values.
            (values, _) => {
                let none =
                    Column::new("", Values::empty(values.field_type().unwrap_or(FieldType::Float)));
                return self.extend(&none, rows);
            }
        }
        let have = rows.min(column.len());
        match column.validity() {
            None => self.valid.extend(have, true),
            Some(bits) => (0..have).for_each(|row| self.valid.push(bits.get(row))),
        }
        self.valid.extend(rows - have, false);
    }

    pub(crate) fn finish(self) -> Column {
        if self.valid.count_ones() == self.valid.len() {
            Column::new("", self.values)
        } else {
            Column::with_validity("", self.values, self.valid)
        }
    }
}

pub(crate) fn empty_columns(wanted: &[Wanted]) -> Vec<Column> {
    wanted.iter().map(|w| Column::new(w.name.as_str(), Values::empty(w.field_type))).collect()
}

/// Pads `column` with rows without a value until it has `len`.
pub(crate) fn pad(column: &mut Column, len: usize) {
    while column.len() < len {
        column.push_null();
    }
}

/// The rows of all `sources`, one for each time; where several have a value of a field, that of the last source, and
/// in it of the last row, counts.
pub(crate) fn merge(sources: &[Rows], wanted: &[Wanted]) -> Rows {
    let mut order: Vec<(i64, u32, u32)> = Vec::with_capacity(sources.iter().map(Rows::len).sum());
    for (source, rows) in sources.iter().enumerate() {
        for (row, at) in rows.timestamps.iter().enumerate() {
            order.push((*at, index(source), index(row)));
        }
    }
    order.sort_unstable();
    let mut out = Rows::empty(wanted);
    for same in order.chunk_by(|a, b| a.0 == b.0) {
        out.timestamps.push(same[0].0);
        for (at, column) in out.columns.iter_mut().enumerate() {
            let value = same.iter().rev().find_map(|(_, source, row)| {
                sources[*source as usize].columns[at].get(*row as usize)
            });
            match value {
                Some(value) => column.push(value),
                None => column.push_null(),
            }
        }
    }
    out
}

/// A position within one read, which memory keeps far below 4 G.
pub(crate) fn index(at: usize) -> u32 {
    u32::try_from(at).expect("fewer than 4 G rows are held at once")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(times: &[i64], a: &[Option<i64>], b: &[Option<i64>]) -> Rows {
        let column = |values: &[Option<i64>]| {
            let mut column = Column::new("", Values::empty(FieldType::Integer));
            values.iter().for_each(|v| match v {
                Some(v) => column.push((*v).into()),
                None => column.push_null(),
            });
            column
        };
        Rows { timestamps: times.to_vec(), columns: vec![column(a), column(b)] }
    }

    fn wanted() -> Vec<Wanted> {
        ["a", "b"].map(|n| Wanted { name: n.into(), field_type: FieldType::Integer }).to_vec()
    }

    #[test]
    fn the_last_write_wins_field_by_field() {
        let old = rows(&[1, 2, 3], &[Some(1), Some(2), None], &[Some(10), None, Some(30)]);
        let new = rows(&[2, 3], &[Some(20), Some(3)], &[Some(200)]);
        let got = merge(&[old, new], &wanted());
        assert_eq!(got.timestamps, [1, 2, 3]);
        let get = |c: usize| (0..3).map(|r| got.columns[c].get_f64(r)).collect::<Vec<_>>();
        assert_eq!(get(0), [Some(1.0), Some(20.0), Some(3.0)]);
        assert_eq!(get(1), [Some(10.0), Some(200.0), Some(30.0)]);
    }

    #[test]
    fn rows_of_one_source_are_sorted_and_merged_in_order_of_arrival() {
        let got = rows(&[5, 1, 5], &[Some(1), Some(2), Some(3)], &[Some(9)]).sorted(&wanted());
        assert_eq!(got.timestamps, [1, 5]);
        assert_eq!(got.columns[0].get_f64(1), Some(3.0));
        assert_eq!(got.columns[1].get_f64(1), Some(9.0));
    }
}
