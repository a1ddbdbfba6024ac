//! Conditions on values: which rows have one that is large enough, and which blocks cannot have any.

use stripchart_core::{Column, Values};

use crate::partials::Number;
use crate::rows::{Rows, Wanted, gather_column};
use crate::view::{Series, View};

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compare {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

/// A condition on the value that a row has of a numeric field.
///
/// A row without a value of the field does not meet it, nor does any row if the field is of texts or booleans. Numbers of one type are
/// compared exactly; those of two types as floats, as InfluxQL does. With a NaN only [`Compare::NotEqual`] is true.
///
/// ```
/// use stripchart_storage::{Compare, Condition, Number};
///
/// let busy = Condition::new("usage_user", Compare::Greater, Number::Float(90.0));
/// assert!(busy.holds(Number::Integer(91)) && !busy.holds(Number::Float(f64::NAN)));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    field: String,
    compare: Compare,
    value: Number,
}

impl Condition {
    /// That `field` compares as `compare` says with `value`.
    #[must_use]
    pub fn new(field: impl Into<String>, compare: Compare, value: Number) -> Self {
        Condition { field: field.into(), compare, value }
    }

    /// The field.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// How its value is compared.
    #[must_use]
    pub const fn compare(&self) -> Compare {
        self.compare
    }

    /// What it is compared with.
    #[must_use]
    pub const fn value(&self) -> Number {
        self.value
    }

    /// Whether a number meets it.
    #[must_use]
    pub fn holds(&self, number: Number) -> bool {
        Test { field: 0, compare: self.compare, value: self.value }.holds(number)
    }
}

/// A condition on a field of those that are read.
#[derive(Debug, Clone, Copy)]
struct Test {
    field: usize,
    compare: Compare,
    value: Number,
}

impl Test {
    fn holds(&self, number: Number) -> bool {
        match (number, self.value) {
            (Number::Integer(a), Number::Integer(b)) => self.compare.holds(a, b),
            (Number::Unsigned(a), Number::Unsigned(b)) => self.compare.holds(a, b),
            (a, b) => self.compare.holds(a.as_f64(), b.as_f64()),
        }
    }

    /// Whether a block whose numbers reach from `min` to `max`, NaNs apart, may have one that meets it.
    fn may_hold(&self, min: Number, max: Number) -> bool {
        match self.compare {
            Compare::Less | Compare::LessOrEqual => self.holds(min),
            Compare::Greater | Compare::GreaterOrEqual => self.holds(max),
            Compare::Equal => {
                let reaches = |compare, number| Test { compare, ..*self }.holds(number);
                reaches(Compare::LessOrEqual, min) && reaches(Compare::GreaterOrEqual, max)
            }
            // A NaN meets it, and statistics do not tell of those.
            Compare::NotEqual => true,
        }
    }

    /// Leaves of `rows` those whose value meets it.
    fn retain(&self, column: &Column, rows: &mut Vec<usize>) {
        if let Some(valid) = column.validity() {
            rows.retain(|row| valid.get(*row));
        }
        match (column.values(), self.value) {
            (Values::Integer(v), Number::Integer(b)) => self.compare.retain(v, b, rows),
            (Values::Unsigned(v), Number::Unsigned(b)) => self.compare.retain(v, b, rows),
            (Values::Float(v), b) => self.compare.retain(v, b.as_f64(), rows),
            (Values::Integer(_) | Values::Unsigned(_), _) => {
                let number = |row| column.get(row).and_then(Number::from_value);
                rows.retain(|row| number(*row).is_some_and(|number| self.holds(number)));
            }
            _ => rows.clear(),
        }
    }
}

impl Compare {
    fn holds<T: PartialOrd>(self, a: T, b: T) -> bool {
        match self {
            Compare::Less => a < b,
            Compare::LessOrEqual => a <= b,
            Compare::Equal => a == b,
            Compare::NotEqual => a != b,
            Compare::GreaterOrEqual => a >= b,
            Compare::Greater => a > b,
        }
    }

    fn retain<T: PartialOrd + Copy>(self, values: &[T], to: T, rows: &mut Vec<usize>) {
        match self {
            Compare::Less => retain(values, rows, |v| v < to),
            Compare::LessOrEqual => retain(values, rows, |v| v <= to),
            Compare::Equal => retain(values, rows, |v| v == to),
            Compare::NotEqual => retain(values, rows, |v| v != to),
            Compare::GreaterOrEqual => retain(values, rows, |v| v >= to),
            Compare::Greater => retain(values, rows, |v| v > to),
        }
    }
}

/// Without a branch for each row: which rows are left is anybody's guess, the processor's too.
fn retain<T: Copy>(values: &[T], rows: &mut Vec<usize>, holds: impl Fn(T) -> bool) {
    let mut kept = 0;
    for at in 0..rows.len() {
        let row = rows[at];
        rows[kept] = row;
        kept += usize::from(values.get(row).is_some_and(|value| holds(*value)));
    }
    rows.truncate(kept);
}

/// The conditions of a reader, all of which a row has to meet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tests {
    tests: Vec<Test>,
}

impl Tests {
    pub(crate) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Adds a condition; its field is read, too, if it is not among `wanted`.
    pub(crate) fn add(&mut self, condition: &Condition, series: &Series, wanted: &mut Vec<Wanted>) {
        let Condition { field, compare, value } = condition;
        let known = wanted.iter().position(|w| w.name == *field);
        let field = known.unwrap_or_else(|| {
            wanted.push(View::wanted(series, field));
            wanted.len() - 1
        });
        self.tests.push(Test { field, compare: *compare, value: *value });
    }

    pub(crate) fn len(&self) -> usize {
        self.tests.len()
    }

    /// The field that condition number `at` is on.
    pub(crate) fn field(&self, at: usize) -> usize {
        self.tests[at].field
    }

    /// Whether a block may have a number that meets condition number `at`, given its smallest and largest.
    pub(crate) fn may_hold(&self, at: usize, min: Number, max: Number) -> bool {
        self.tests[at].may_hold(min, max)
    }

    /// Leaves of `rows` those whose values in the column of condition number `at` meet it.
    pub(crate) fn retain(&self, at: usize, column: &Column, rows: &mut Vec<usize>) {
        self.tests[at].retain(column, rows);
    }

    /// The rows that meet all conditions, with the first `shown` columns, as far as those rows have a value in them.
    pub(crate) fn narrowed(&self, mut rows: Rows, shown: usize) -> Rows {
        let mut left: Vec<usize> = (0..rows.len()).collect();
        for test in &self.tests {
            test.retain(&rows.columns[test.field], &mut left);
        }
        rows.columns.truncate(shown);
        if left.len() < rows.len() {
            rows = Rows {
                timestamps: left.iter().map(|row| rows.timestamps[*row]).collect(),
                columns: rows.columns.iter().map(|column| gather_column(column, &left)).collect(),
            };
        }
        rows.with_values().unwrap_or(rows)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Compare; 6] = [
        Compare::Less,
        Compare::LessOrEqual,
        Compare::Equal,
        Compare::NotEqual,
        Compare::GreaterOrEqual,
        Compare::Greater,
    ];

    fn number() -> impl Strategy<Value = Number> {
        prop_oneof![
            (-5..5i64).prop_map(Number::Integer),
            (0..5u64).prop_map(Number::Unsigned),
            (-9..9i32).prop_map(|v| Number::Float(f64::from(v) / 2.0)),
            Just(Number::Float(f64::NAN)),
            Just(Number::Integer(i64::MAX)),
        ]
    }

    proptest! {
        #[test]
        fn what_is_left_meets_the_condition_and_no_block_of_it_was_skipped(
            values in prop::collection::vec((-5..5i64, any::<bool>()), 1..40), value in number(), of in 0..3usize
        ) {
            let mut column = Column::new("c", Values::empty(stripchart_core::FieldType::ALL[of]));
            let mut numbers = Vec::new();
            for (value, present) in values {
                let number = match of {
                    0 => Number::Float(value as f64 / 2.0),
                    1 => Number::Integer(value),
                    _ => Number::Unsigned(value.unsigned_abs()),
                };
                if present { column.push(number.to_value().as_ref()) } else { column.push_null() }
                numbers.push(present.then_some(number));
            }
            for compare in ALL {
                let test = Test { field: 0, compare, value };
                let mut rows = (0..numbers.len()).collect();
                test.retain(&column, &mut rows);
                let holds = |row: &usize| numbers[*row].is_some_and(|number| test.holds(number));
                prop_assert_eq!(&rows, &(0..numbers.len()).filter(holds).collect::<Vec<_>>());
                let there = numbers.iter().flatten();
                let order = |a: &&Number, b: &&Number| a.as_f64().total_cmp(&b.as_f64());
                if let (Some(min), Some(max)) = (there.clone().min_by(order), there.max_by(order)) {
                    prop_assert!(rows.is_empty() || test.may_hold(*min, *max), "{:?}", compare);
                }
            }
        }
    }
}
