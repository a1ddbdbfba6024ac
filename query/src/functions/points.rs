//! Points on their way between functions.

use std::cmp::Ordering;

use stripchart_core::{Column, FieldType, ValueRef, Values};

/// Points of one series of an answer: instants, values (some possibly null) and, where a selector takes other fields
/// along, their values at the same point.
#[derive(Debug, Clone)]
pub(crate) struct Points {
    pub times: Vec<i64>,
    pub values: Column,
    pub aux: Vec<Column>,
}

impl Points {
    /// None yet, of values of `field_type` and with columns of `aux` types beside.
    pub(crate) fn new(field_type: FieldType, aux: &[FieldType]) -> Self {
        let column = |field_type: &FieldType| Column::new("", Values::empty(*field_type));
        Points {
            times: Vec::new(),
            values: column(&field_type),
            aux: aux.iter().map(column).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn field_type(&self) -> FieldType {
        self.values.values().field_type().unwrap_or(FieldType::Float)
    }

    /// Appends a point without companions.
    pub(crate) fn push(&mut self, at: i64, value: Option<ValueRef<'_>>) {
        self.times.push(at);
        push(&mut self.values, value);
        self.aux.iter_mut().for_each(Column::push_null);
    }

    /// Appends point `index` of `from`, at another instant.
    pub(crate) fn push_from(&mut self, at: i64, from: &Points, index: usize) {
        self.times.push(at);
        push(&mut self.values, from.values.get(index));
        for (to, from) in self.aux.iter_mut().zip(&from.aux) {
            push(to, from.get(index));
        }
    }

    /// The points in the opposite order.
    pub(crate) fn reversed(&self) -> Points {
        self.pick((0..self.len()).rev())
    }

    /// The points at `indexes`.
    pub(crate) fn pick(&self, indexes: impl Iterator<Item = usize>) -> Points {
        let aux: Vec<FieldType> = self
            .aux
            .iter()
            .map(|column| column.values().field_type().unwrap_or(FieldType::Float))
            .collect();
        let mut points = Points::new(self.field_type(), &aux);
        indexes.for_each(|index| points.push_from(self.times[index], self, index));
        points
    }

    /// A rough count of the bytes that `points` points of `columns` columns take.
    pub(crate) fn estimate_bytes(points: u64, columns: usize) -> u64 {
        points.saturating_mul(8 + 9 * (1 + u64::try_from(columns).unwrap_or(u64::MAX)))
    }
}

/// Appends `value`, cast to the column's type; null if that cannot be.
pub(crate) fn push(column: &mut Column, value: Option<ValueRef<'_>>) {
    let field_type = column.values().field_type().unwrap_or(FieldType::Float);
    match value.and_then(|value| cast(value, field_type)) {
        Some(value) => column.push(value),
        None => column.push_null(),
    }
}

/// What the number of `fill(number)` is in a column: no truth and no text is false and empty.
pub(crate) fn filled(number: ValueRef<'_>, to: FieldType) -> Option<ValueRef<'_>> {
    match (to, number) {
        (FieldType::Boolean, ValueRef::Boolean(_)) | (FieldType::String, ValueRef::String(_)) => {
            Some(number)
        }
        (FieldType::Boolean, _) => Some(ValueRef::Boolean(false)),
        (FieldType::String, _) => Some(ValueRef::String("")),
        _ => cast(number, to),
    }
}

/// `value` as one of `to`: numbers become one another, as Go converts them; nothing else changes its type.
pub(crate) fn cast(value: ValueRef<'_>, to: FieldType) -> Option<ValueRef<'_>> {
    if value.field_type() == Some(to) {
        return Some(value);
    }
    match to {
        FieldType::Float => value.as_f64().map(ValueRef::Float),
        FieldType::Integer => match value {
            ValueRef::Float(v) => Some(ValueRef::Integer(truncate(v))),
            ValueRef::Unsigned(v) => Some(ValueRef::Integer(v.cast_signed())),
            _ => None,
        },
        FieldType::Unsigned => match value {
            ValueRef::Float(v) => Some(ValueRef::Unsigned(truncate_unsigned(v))),
            ValueRef::Integer(v) => Some(ValueRef::Unsigned(v.cast_unsigned())),
            _ => None,
        },
        FieldType::Boolean | FieldType::String => None,
    }
}

/// Whether there are values of the one type that [`cast`] makes values of the other.
pub(crate) fn castable(from: FieldType, to: FieldType) -> bool {
    from == to || (from.is_numeric() && to.is_numeric())
}

/// Toward zero, saturating.
#[expect(clippy::cast_possible_truncation, reason = "`as` saturates, which is what is wanted")]
pub(crate) fn truncate(value: f64) -> i64 {
    value as i64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, which is what is wanted"
)]
fn truncate_unsigned(value: f64) -> u64 {
    value as u64
}

/// Orders two values of one type; NaN goes last, so that the order is total and sorting by it sound.
pub(crate) fn compare(a: ValueRef<'_>, b: ValueRef<'_>) -> Ordering {
    match (a, b) {
        (ValueRef::Integer(a), ValueRef::Integer(b)) => a.cmp(&b),
        (ValueRef::Unsigned(a), ValueRef::Unsigned(b)) => a.cmp(&b),
        (ValueRef::Boolean(a), ValueRef::Boolean(b)) => a.cmp(&b),
        (ValueRef::String(a), ValueRef::String(b)) => a.cmp(b),
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => compare_floats(a, b),
            _ => Ordering::Equal,
        },
    }
}

/// As [`compare`], of floats.
pub(crate) fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
