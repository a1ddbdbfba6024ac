//! A column that is being read out of a head.

use stripchart_core::{Bitmap, Column, FieldType, Strings, Values};

use super::keys::Numbered;

/// Values so far, and which rows have one.
#[derive(Debug)]
pub(super) struct Builder {
    values: Values,
    present: Option<Bitmap>,
}

impl Builder {
    /// A column without rows, with room for `most` if it is of numbers.
    pub(super) fn new(field_type: FieldType, most: usize) -> Self {
        let values = match field_type {
            FieldType::Float => Values::Float(Vec::with_capacity(most)),
            FieldType::Integer => Values::Integer(Vec::with_capacity(most)),
            FieldType::Unsigned => Values::Unsigned(Vec::with_capacity(most)),
            other => Values::empty(other),
        };
        Builder { values, present: None }
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Appends rows without a value until there are `len`.
    pub(super) fn pad(&mut self, len: usize) {
        let have = self.len();
        if have >= len {
            return;
        }
        let present = self.present.get_or_insert_with(|| Bitmap::filled(have, true));
        present.extend(len - have, false);
        match &mut self.values {
            Values::Float(v) => v.resize(len, 0.0),
            Values::Integer(v) | Values::Time(v) => v.resize(len, 0),
            Values::Unsigned(v) => v.resize(len, 0),
            Values::Boolean(v) => v.resize(len, false),
            Values::String(v) => (have..len).for_each(|_| v.push("")),
        }
    }

    fn added(&mut self, count: usize) {
        if let Some(present) = &mut self.present {
            present.extend(count, true);
        }
    }

    /// Appends values as words: the bits of a number, 0 or 1, the number of a text.
    pub(super) fn push_words(
        &mut self,
        words: impl ExactSizeIterator<Item = i64>,
        texts: &Numbered,
    ) {
        let count = words.len();
        match &mut self.values {
            Values::Integer(v) | Values::Time(v) => v.extend(words),
            Values::Unsigned(v) => v.extend(words.map(i64::cast_unsigned)),
            Values::Boolean(v) => v.extend(words.map(|word| word != 0)),
            Values::Float(v) => v.extend(words.map(|word| f64::from_bits(word.cast_unsigned()))),
            Values::String(v) => words.for_each(|word| v.push(texts.get(word.cast_unsigned()))),
        }
        self.added(count);
    }

    pub(super) fn push_floats(&mut self, floats: &[f64]) {
        if let Values::Float(v) = &mut self.values {
            v.extend_from_slice(floats);
            self.added(floats.len());
        }
    }

    pub(super) fn finish(self, name: &str) -> Column {
        match self.present {
            Some(present) => Column::with_validity(name, self.values, present),
            None => Column::new(name, self.values),
        }
    }
}

/// Writes the values of rows `from..to` of `column`, as words, into every `stride`th place of `words` from `first` on. Texts
/// are numbered; places of rows without a value get any number.
pub(super) fn spread(
    column: &Column,
    from: usize,
    to: usize,
    words: &mut [u64],
    (first, stride): (usize, usize),
    texts: &mut Numbered,
) {
    let to = to.min(column.len());
    if from >= to {
        return;
    }
    let slots = words.iter_mut().skip(first).step_by(stride);
    match column.values() {
        Values::Float(v) => {
            slots.zip(&v[from..to]).for_each(|(slot, value)| *slot = value.to_bits());
        }
        Values::Integer(v) | Values::Time(v) => {
            slots.zip(&v[from..to]).for_each(|(slot, value)| *slot = value.cast_unsigned());
        }
        Values::Unsigned(v) => slots.zip(&v[from..to]).for_each(|(slot, value)| *slot = *value),
        Values::Boolean(v) => {
            slots.zip(&v[from..to]).for_each(|(slot, value)| *slot = u64::from(*value));
        }
        Values::String(v) => spread_texts(v, column, from..to, slots, texts),
    }
}

/// Appends the values of some rows of a column, all of which have one, as words.
pub(super) fn push_words(
    column: &Column,
    rows: std::ops::Range<usize>,
    words: &mut Vec<u64>,
    texts: &mut Numbered,
) {
    match column.values() {
        Values::Float(v) => words.extend(v[rows].iter().map(|value| value.to_bits())),
        Values::Integer(v) | Values::Time(v) => {
            words.extend(v[rows].iter().map(|value| value.cast_unsigned()));
        }
        Values::Unsigned(v) => words.extend_from_slice(&v[rows]),
        Values::Boolean(v) => words.extend(v[rows].iter().map(|value| u64::from(*value))),
        Values::String(v) => {
            words.extend(rows.map(|row| u64::from(texts.number(v.get(row).unwrap_or_default()))));
        }
    }
}

fn spread_texts<'w>(
    texts: &Strings,
    column: &Column,
    rows: std::ops::Range<usize>,
    slots: impl Iterator<Item = &'w mut u64>,
    numbers: &mut Numbered,
) {
    for (row, slot) in rows.zip(slots) {
        if let Some(text) = texts.get(row).filter(|_| column.is_valid(row)) {
            *slot = u64::from(numbers.number(text));
        }
    }
}
