//! A column of values of one type, with the rows that have none marked.

use crate::{FieldType, Strings, Timestamp, Unit, ValueRef};

/// A named column: values of one type, some rows possibly without.
///
/// A column may be shorter than the table it stands in: the rows past its end have no value. That way a field that
/// only the first rows carry costs the others nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// What the numbers mean, where known.
    pub unit: Option<Unit>,
    values: Values,
    /// `None` while every row has a value.
    validity: Option<Bitmap>,
}

impl Column {
    /// A column of `values`, each row having one.
    #[must_use]
    pub fn new(name: impl Into<String>, values: Values) -> Self {
        Column { name: name.into(), unit: None, values, validity: None }
    }

    /// A column of `values`, of which those rows count whose bit is set.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    #[must_use]
    pub fn with_validity(name: impl Into<String>, values: Values, validity: Bitmap) -> Self {
        assert_eq!(values.len(), validity.len(), "a bit for every value");
        Column { name: name.into(), unit: None, values, validity: Some(validity) }
    }

    /// The same column with its unit set.
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = Some(unit);
        self
    }

    /// The values, including placeholders in rows without; see [`Column::is_valid`].
    #[must_use]
    pub const fn values(&self) -> &Values {
        &self.values
    }

    /// The values, taken out of the column.
    #[must_use]
    pub fn into_values(self) -> Values {
        self.values
    }

    /// Which rows have a value; `None` if all do.
    #[must_use]
    pub const fn validity(&self) -> Option<&Bitmap> {
        self.validity.as_ref()
    }

    /// Rows, those without a value included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `row` has a value; false past the end.
    #[must_use]
    pub fn is_valid(&self, row: usize) -> bool {
        row < self.len() && self.validity.as_ref().is_none_or(|bits| bits.get(row))
    }

    /// The value of `row`, if it has one.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<ValueRef<'_>> {
        self.is_valid(row).then(|| self.values.get(row)).flatten()
    }

    /// The number in `row` as a float, if there is one.
    #[must_use]
    pub fn get_f64(&self, row: usize) -> Option<f64> {
        self.get(row).and_then(ValueRef::as_f64)
    }

    /// Appends a row with `value`.
    ///
    /// # Panics
    ///
    /// If the value is not of the column's type.
    pub fn push(&mut self, value: ValueRef<'_>) {
        self.values.push(value);
        if let Some(bits) = &mut self.validity {
            bits.push(true);
        }
    }

    /// Appends a row without a value.
    pub fn push_null(&mut self) {
        self.pad(self.len() + 1);
    }

    /// The values, to be added to, if every row has one.
    #[inline(always)]
    pub(crate) fn dense(&mut self) -> Option<&mut Values> {
        if self.validity.is_none() { Some(&mut self.values) } else { None }
    }

    /// Sets `row`, which must be the last or beyond; rows in between get no value.
    pub(crate) fn set_last(&mut self, row: usize, value: ValueRef<'_>) {
        if self.len() > row {
            self.values.pop();
            if let Some(bits) = &mut self.validity {
                bits.truncate(row);
            }
        }
        self.pad(row);
        self.push(value);
    }

    /// Appends rows without a value until there are `len`.
    pub(crate) fn pad(&mut self, len: usize) {
        let have = self.len();
        if have < len {
            let bits = self.validity.get_or_insert_with(|| Bitmap::filled(have, true));
            bits.extend(len - have, false);
            self.values.pad(len);
        }
    }

    /// Drops the rows, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.validity = None;
    }
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Floats.
    Float(Vec<f64>),
    /// Signed integers.
    Integer(Vec<i64>),
    /// Unsigned integers.
    Unsigned(Vec<u64>),
    /// Booleans.
    Boolean(Vec<bool>),
    /// Texts.
    String(Strings),
    /// Instants, as nanoseconds since the epoch. In results only.
    Time(Vec<i64>),
}

impl Values {
    /// No values yet, of type `field_type`.
    #[must_use]
    pub fn empty(field_type: FieldType) -> Self {
        match field_type {
            FieldType::Float => Values::Float(Vec::new()),
            FieldType::Integer => Values::Integer(Vec::new()),
            FieldType::Unsigned => Values::Unsigned(Vec::new()),
            FieldType::Boolean => Values::Boolean(Vec::new()),
            FieldType::String => Values::String(Strings::default()),
        }
    }

    /// The field type; `None` for instants.
    #[must_use]
    pub const fn field_type(&self) -> Option<FieldType> {
        match self {
            Values::Float(_) => Some(FieldType::Float),
            Values::Integer(_) => Some(FieldType::Integer),
            Values::Unsigned(_) => Some(FieldType::Unsigned),
            Values::Boolean(_) => Some(FieldType::Boolean),
            Values::String(_) => Some(FieldType::String),
            Values::Time(_) => None,
        }
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Values::Float(v) => v.len(),
            Values::Integer(v) | Values::Time(v) => v.len(),
            Values::Unsigned(v) => v.len(),
            Values::Boolean(v) => v.len(),
            Values::String(v) => v.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `row`.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<ValueRef<'_>> {
        match self {
            Values::Float(v) => v.get(row).map(|v| ValueRef::Float(*v)),
            Values::Integer(v) => v.get(row).map(|v| ValueRef::Integer(*v)),
            Values::Unsigned(v) => v.get(row).map(|v| ValueRef::Unsigned(*v)),
            Values::Boolean(v) => v.get(row).map(|v| ValueRef::Boolean(*v)),
            Values::String(v) => v.get(row).map(ValueRef::String),
            Values::Time(v) => v.get(row).map(|v| ValueRef::Time(Timestamp::from_nanos(*v))),
        }
    }

    /// Appends `value`.
    ///
    /// # Panics
    ///
    /// If it is of another type.
    pub fn push(&mut self, value: ValueRef<'_>) {
        match (self, value) {
            (Values::Float(v), ValueRef::Float(value)) => v.push(value),
            (Values::Integer(v), ValueRef::Integer(value)) => v.push(value),
            (Values::Unsigned(v), ValueRef::Unsigned(value)) => v.push(value),
            (Values::Boolean(v), ValueRef::Boolean(value)) => v.push(value),
            (Values::String(v), ValueRef::String(value)) => v.push(value),
            (Values::Time(v), ValueRef::Time(value)) => v.push(value.nanos()),
            (values, value) => panic!("a column of {:?} takes no {value:?}", values.field_type()),
        }
    }

    fn pop(&mut self) {
        match self {
            Values::Float(v) => drop(v.pop()),
            Values::Integer(v) | Values::Time(v) => drop(v.pop()),
            Values::Unsigned(v) => drop(v.pop()),
            Values::Boolean(v) => drop(v.pop()),
            Values::String(v) => v.pop(),
        }
    }

    fn pad(&mut self, len: usize) {
        match self {
            Values::Float(v) => v.resize(len, 0.0),
            Values::Integer(v) | Values::Time(v) => v.resize(len, 0),
            Values::Unsigned(v) => v.resize(len, 0),
            Values::Boolean(v) => v.resize(len, false),
            Values::String(v) => v.pad(len),
        }
    }

    fn clear(&mut self) {
        match self {
            Values::Float(v) => v.clear(),
            Values::Integer(v) | Values::Time(v) => v.clear(),
            Values::Unsigned(v) => v.clear(),
            Values::Boolean(v) => v.clear(),
            Values::String(v) => v.clear(),
        }
    }
}

/// A bit for each row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bitmap {
    /// Bits past `len` are zero.
    words: Vec<u64>,
    len: usize,
}

impl Bitmap {
    /// `len` bits, all `value`.
    #[must_use]
    pub fn filled(len: usize, value: bool) -> Self {
        let mut bits = Bitmap::default();
        bits.extend(len, value);
        bits
    }

    /// Bits.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bits, lowest first, 64 to a word; bits past the end are zero.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The bit at `index`; false past the end.
    #[must_use]
    pub fn get(&self, index: usize) -> bool {
        self.words.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// How many bits are set.
    #[must_use]
    pub fn count_ones(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Appends a bit.
    pub fn push(&mut self, value: bool) {
        if self.len.is_multiple_of(64) {
            self.words.push(0);
        }
        if let Some(word) = self.words.last_mut() {
            *word |= u64::from(value) << (self.len % 64);
        }
        self.len += 1;
    }

    /// Appends `count` bits of `value`.
    pub fn extend(&mut self, count: usize, value: bool) {
        let (old, new) = (self.len, self.len + count);
        self.words.resize(new.div_ceil(64), if value { u64::MAX } else { 0 });
        if value && !old.is_multiple_of(64) {
            self.words[old / 64] |= u64::MAX << (old % 64);
        }
        self.len = new;
        self.mask_tail();
    }

    /// Drops the bits from `len` on.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.words.truncate(len.div_ceil(64));
            self.len = len;
            self.mask_tail();
        }
    }

    fn mask_tail(&mut self) {
        if !self.len.is_multiple_of(64)
            && let Some(word) = self.words.last_mut()
        {
            *word &= u64::MAX >> (64 - self.len % 64);
        }
    }
}

impl FromIterator<bool> for Bitmap {
    fn from_iter<I: IntoIterator<Item = bool>>(bits: I) -> Self {
        let mut bitmap = Bitmap::default();
        bits.into_iter().for_each(|bit| bitmap.push(bit));
        bitmap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_agree_with_a_vector_of_bools() {
        let mut bits = Bitmap::default();
        let mut want = Vec::new();
        for (count, value) in
            [(3, true), (61, false), (64, true), (1, false), (70, true), (130, false)]
        {
            bits.extend(count, value);
            want.resize(want.len() + count, value);
            bits.push(!value);
            want.push(!value);
        }
        for len in [want.len(), 200, 129, 128, 64, 63, 1, 0] {
            bits.truncate(len);
            want.truncate(len);
            assert_eq!(bits, want.iter().copied().collect(), "{len}");
            assert_eq!(bits.count_ones(), want.iter().filter(|bit| **bit).count());
            assert!(!bits.get(len));
        }
    }

    #[test]
    fn gaps_are_marked_when_they_appear() {
        let mut column = Column::new("v", Values::empty(FieldType::String));
        column.set_last(0, "a".into());
        assert!(column.validity().is_none());
        column.set_last(3, "b".into());
        column.set_last(3, "c".into());
        let got: Vec<_> = (0..5).map(|row| column.get(row).and_then(ValueRef::as_str)).collect();
        assert_eq!(got, [Some("a"), None, None, Some("c"), None]);
    }
}
