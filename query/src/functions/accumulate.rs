//! Functions that need one look at each point, in any order.

use std::cmp::Ordering;

use stripchart_core::{FieldType, FieldValue, ValueRef};

use super::points::compare;

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    Sum,
    Mean,
    Min,
    Max,
    First,
    Last,
    Spread,
}

impl Aggregate {
    /// The type of the answer over values of `field_type`; `None` if the function does not take them.
    pub(crate) fn output(self, field_type: FieldType) -> Option<FieldType> {
        match self {
            Aggregate::Count => Some(FieldType::Integer),
            Aggregate::Mean => field_type.is_numeric().then_some(FieldType::Float),
            Aggregate::Sum | Aggregate::Spread => field_type.is_numeric().then_some(field_type),
            Aggregate::Min | Aggregate::Max => {
                (field_type != FieldType::String).then_some(field_type)
            }
            Aggregate::First | Aggregate::Last => Some(field_type),
        }
    }

    /// Whether storage comes to the same over values of `field_type`: it orders no truth values, and of first ones takes the greater.
    pub(crate) fn is_storages(self, field_type: FieldType) -> bool {
        match self {
            Aggregate::Min | Aggregate::Max => field_type.is_numeric(),
            Aggregate::First => field_type != FieldType::Boolean,
            _ => true,
        }
    }

    /// Whether the answer is one of the points.
    pub(crate) fn is_selector(self) -> bool {
        matches!(self, Aggregate::Min | Aggregate::Max | Aggregate::First | Aggregate::Last)
    }

    /// Whether `new` (value and time) takes the place of `old`.
    ///
    /// Equal extremes: the earlier point stays. Several first or last points at one instant: the greater value counts, but of first
    /// truth values the lesser.
    pub(crate) fn replaces(self, new: (ValueRef<'_>, i64), old: (ValueRef<'_>, i64)) -> bool {
        let (value, at) = (compare(new.0, old.0), new.1.cmp(&old.1));
        let rank = match self {
            Aggregate::Min => value.then(at),
            Aggregate::Max => value.reverse().then(at),
            Aggregate::First if matches!(new.0, ValueRef::Boolean(_)) => at.then(value),
            Aggregate::First => at.then(value.reverse()),
            _ => at.reverse().then(value.reverse()),
        };
        rank == Ordering::Less
    }
}

/// One answer in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accumulator {
    count: u64,
    sum: f64,
    /// What the float sum lost to rounding (Neumaier).
    lost: f64,
    /// The sum of integers, wrapping; of unsigned ones bit for bit the same.
    whole: i64,
    best: Option<Best>,
    /// The greatest, where `best` is the least (spread).
    greatest: Option<FieldValue>,
}

/// The point that a selector has chosen so far.
#[derive(Debug, Clone)]
pub(crate) struct Best {
    pub at: i64,
    pub value: FieldValue,
    /// The values taken along.
    pub aux: Vec<Option<FieldValue>>,
}

impl Accumulator {
    /// Takes a point in; `aux` is asked for the values to take along if the point is chosen.
    pub(crate) fn update(
        &mut self,
        f: Aggregate,
        at: i64,
        value: ValueRef<'_>,
        aux: impl FnOnce() -> Vec<Option<FieldValue>>,
    ) {
        self.count += 1;
        match f {
            Aggregate::Count => {}
            Aggregate::Sum | Aggregate::Mean => self.add(value),
            Aggregate::Spread => self.widen(value),
            _ => {
                let old = self.best.as_ref().map(|best| (best.value.as_ref(), best.at));
                if old.is_none_or(|old| f.replaces((value, at), old)) {
                    self.best = value.to_field_value().map(|value| Best { at, value, aux: aux() });
                }
            }
        }
    }

    fn add(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::Integer(v) => self.whole = self.whole.wrapping_add(v),
            ValueRef::Unsigned(v) => self.whole = self.whole.wrapping_add(v.cast_signed()),
            ValueRef::Float(v) => {
                let sum = self.sum + v;
                self.lost += if self.sum.abs() >= v.abs() {
                    (self.sum - sum) + v
                } else {
                    (v - sum) + self.sum
                };
                self.sum = sum;
            }
            _ => {}
        }
    }

    fn widen(&mut self, value: ValueRef<'_>) {
        if self.best.as_ref().is_none_or(|best| compare(value, best.value.as_ref()).is_lt()) {
            self.best = value.to_field_value().map(|value| Best { at: 0, value, aux: Vec::new() });
        }
        if self.greatest.as_ref().is_none_or(|greatest| compare(value, greatest.as_ref()).is_gt()) {
            self.greatest = value.to_field_value();
        }
    }

    /// Whether any point was taken in.
    pub(crate) fn has_points(&self) -> bool {
        self.count > 0
    }

    /// The point chosen, for a selector.
    pub(crate) fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// The answer over values of `field_type`; `None` without points.
    pub(crate) fn value(&self, f: Aggregate, field_type: FieldType) -> Option<FieldValue> {
        if self.count == 0 {
            return None;
        }
        match f {
            Aggregate::Count => i64::try_from(self.count).ok().map(FieldValue::Integer),
            Aggregate::Sum => Some(self.sum(field_type)),
            Aggregate::Mean => mean(&self.sum(field_type), self.count),
            Aggregate::Spread => {
                spread(self.best.as_ref()?.value.as_ref(), self.greatest.as_ref()?.as_ref())
            }
            _ => self.best.as_ref().map(|best| best.value.clone()),
        }
    }

    fn sum(&self, field_type: FieldType) -> FieldValue {
        match field_type {
            FieldType::Integer => FieldValue::Integer(self.whole),
            FieldType::Unsigned => FieldValue::Unsigned(self.whole.cast_unsigned()),
            // Infinities leave NaN in what was lost.
            _ if self.sum.is_finite() => FieldValue::Float(self.sum + self.lost),
            _ => FieldValue::Float(self.sum),
        }
    }
}

/// The mean out of a sum.
pub(crate) fn mean(sum: &FieldValue, count: u64) -> Option<FieldValue> {
    sum.as_ref().as_f64().map(|sum| FieldValue::Float(sum / count as f64))
}

/// Greatest minus least, in their own type.
pub(crate) fn spread(least: ValueRef<'_>, greatest: ValueRef<'_>) -> Option<FieldValue> {
    super::binary(crate::ast::BinaryOp::Sub, Some(greatest), Some(least))
        .and_then(ValueRef::to_field_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(f: Aggregate, points: &[(i64, f64)]) -> (Option<FieldValue>, Option<i64>) {
        let mut accumulator = Accumulator::default();
        for (at, value) in points {
            accumulator.update(f, *at, ValueRef::Float(*value), Vec::new);
        }
        (accumulator.value(f, FieldType::Float), accumulator.best().map(|best| best.at))
    }

    #[test]
    fn ties_go_to_the_earlier_extreme_and_the_greater_end() {
        let points = [(2, 5.0), (1, 5.0), (3, 1.0), (4, 1.0), (4, 2.0), (1, 4.0)];
        assert_eq!(run(Aggregate::Max, &points), (Some(FieldValue::Float(5.0)), Some(1)));
        assert_eq!(run(Aggregate::Min, &points), (Some(FieldValue::Float(1.0)), Some(3)));
        assert_eq!(run(Aggregate::First, &points).0, Some(FieldValue::Float(5.0)));
        assert_eq!(run(Aggregate::Last, &points).0, Some(FieldValue::Float(2.0)));
    }

    #[test]
    fn sums_keep_what_rounding_loses_and_integers_wrap() {
        let points = [(1, 1e100), (2, 1.0), (3, -1e100)];
        assert_eq!(run(Aggregate::Sum, &points).0, Some(FieldValue::Float(1.0)));
        let mut accumulator = Accumulator::default();
        for value in [i64::MAX, 1] {
            accumulator.update(Aggregate::Sum, 0, ValueRef::Integer(value), Vec::new);
        }
        assert_eq!(
            accumulator.value(Aggregate::Sum, FieldType::Integer),
            Some(FieldValue::Integer(i64::MIN))
        );
        assert_eq!(run(Aggregate::Mean, &[(1, 1.0), (2, 2.0)]).0, Some(FieldValue::Float(1.5)));
        assert_eq!(run(Aggregate::Spread, &[(1, 1.0), (2, -2.0)]).0, Some(FieldValue::Float(3.0)));
        assert_eq!(run(Aggregate::Count, &[]).0, None);
    }
}
