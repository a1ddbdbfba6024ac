//! Partial aggregates over buckets of time: what a fold adds up, and what a query combines.

use std::cmp::Ordering;
use std::fmt;
use std::ops::BitOr;

use stripchart_core::{FieldType, FieldValue, ValueRef};

/// A set of aggregates.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Aggregates(u8);

impl Aggregates {
    /// None.
    pub const NONE: Aggregates = Aggregates(0);
    /// How many values.
    pub const COUNT: Aggregates = Aggregates(1);
    /// Their sum; of numbers only.
    pub const SUM: Aggregates = Aggregates(2);
    /// The smallest; of numbers only.
    pub const MIN: Aggregates = Aggregates(4);
    /// The largest; of numbers only.
    pub const MAX: Aggregates = Aggregates(8);
    /// The earliest.
    pub const FIRST: Aggregates = Aggregates(16);
    /// The latest.
    pub const LAST: Aggregates = Aggregates(32);
    /// All six.
    pub const ALL: Aggregates = Aggregates(63);

    /// Whether all of `other` are in the set.
    #[must_use]
    pub const fn contains(self, other: Aggregates) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Aggregates {
    /// Those that are not in `other`.
    pub(crate) const fn without(self, other: Aggregates) -> Aggregates {
        Aggregates(self.0 & !other.0)
    }
}

impl BitOr for Aggregates {
    type Output = Aggregates;

    fn bitor(self, other: Aggregates) -> Aggregates {
        Aggregates(self.0 | other.0)
    }
}

impl fmt::Debug for Aggregates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = ["COUNT", "SUM", "MIN", "MAX", "FIRST", "LAST"];
        let set = names.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1);
        f.debug_set().entries(set.map(|(_, name)| name)).finish()
    }
}

/// A number of one of the three numeric field types.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A float.
    Float(f64),
    /// A signed integer.
    Integer(i64),
    /// An unsigned integer.
    Unsigned(u64),
}

impl Number {
    /// The number as a float, rounded where 53 bits do not hold it.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Number::Float(v) => v,
            Number::Integer(v) => v as f64,
            Number::Unsigned(v) => v as f64,
        }
    }

    /// The number, as a value.
    #[must_use]
    pub fn to_value(self) -> FieldValue {
        match self {
            Number::Float(v) => FieldValue::Float(v),
            Number::Integer(v) => FieldValue::Integer(v),
            Number::Unsigned(v) => FieldValue::Unsigned(v),
        }
    }

    /// The number that a value is; `None` if it is of another type.
    #[must_use]
    pub fn from_value(value: ValueRef<'_>) -> Option<Number> {
        match value {
            ValueRef::Float(v) => Some(Number::Float(v)),
            ValueRef::Integer(v) => Some(Number::Integer(v)),
            ValueRef::Unsigned(v) => Some(Number::Unsigned(v)),
            _ => None,
        }
    }

    /// Which comes first; a NaN comes after everything, numbers of two types by their value as floats.
    fn order(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => a.cmp(&b),
            (Number::Unsigned(a), Number::Unsigned(b)) => a.cmp(&b),
            (a, b) => {
                let (a, b) = (a.as_f64(), b.as_f64());
                a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
            }
        }
    }

    fn is_nan(self) -> bool {
        matches!(self, Number::Float(v) if v.is_nan())
    }
}

/// A sum that keeps what rounding took away (Neumaier's), or wraps for integers as InfluxDB's do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sum {
    Float { sum: f64, lost: f64 },
    Integer(i64),
    Unsigned(u64),
}

impl Sum {
    pub(crate) fn zero(field_type: FieldType) -> Self {
        match field_type {
            FieldType::Integer => Sum::Integer(0),
            FieldType::Unsigned => Sum::Unsigned(0),
            _ => Sum::Float { sum: 0.0, lost: 0.0 },
        }
    }

    /// A sum of one number.
    pub(crate) fn of(number: Number) -> Self {
        match number {
            Number::Float(sum) => Sum::Float { sum, lost: 0.0 },
            Number::Integer(sum) => Sum::Integer(sum),
            Number::Unsigned(sum) => Sum::Unsigned(sum),
        }
    }

    /// The sum of `count` equal numbers.
    pub(crate) fn of_equal(number: Number, count: usize) -> Self {
        let count = count as u64;
        match number {
            Number::Float(v) => {
                let sum = v * count as f64;
                let lost = v.mul_add(count as f64, -sum);
                Sum::Float { sum, lost: if lost.is_finite() { lost } else { 0.0 } }
            }
            Number::Integer(v) => Sum::Integer(v.wrapping_mul(count.cast_signed())),
            Number::Unsigned(v) => Sum::Unsigned(v.wrapping_mul(count)),
        }
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: Sum) {
        match other {
            Sum::Float { sum, lost } => {
                self.add(Number::Float(sum));
                if let Sum::Float { lost: all, .. } = self {
                    *all += lost;
                }
            }
            Sum::Integer(sum) => self.add(Number::Integer(sum)),
            Sum::Unsigned(sum) => self.add(Number::Unsigned(sum)),
        }
    }

    pub(crate) fn add(&mut self, value: Number) {
        match (self, value) {
            (Sum::Float { sum, lost }, Number::Float(v)) => {
                let total = *sum + v;
                let low =
                    if sum.abs() >= v.abs() { (*sum - total) + v } else { (v - total) + *sum };
                // Infinities leave NaN in the correction, which must not spoil the sum.
                if low.is_finite() {
                    *lost += low;
                }
                *sum = total;
            }
            (Sum::Integer(sum), Number::Integer(v)) => *sum = sum.wrapping_add(v),
            (Sum::Unsigned(sum), Number::Unsigned(v)) => *sum = sum.wrapping_add(v),
            _ => {}
        }
    }

    pub(crate) fn total(self) -> Number {
        match self {
            Sum::Float { sum, lost } => Number::Float(sum + lost),
            Sum::Integer(sum) => Number::Integer(sum),
            Sum::Unsigned(sum) => Number::Unsigned(sum),
        }
    }
}

/// What is known of a run of values without reading them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stats {
    pub(crate) count: u64,
    /// Sum, smallest and largest, the latter two with their earliest times; of numbers only.
    pub(crate) numeric: Option<NumericStats>,
    pub(crate) first: (FieldValue, i64),
    pub(crate) last: (FieldValue, i64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NumericStats {
    pub(crate) sum: Number,
    pub(crate) min: (Number, i64),
    pub(crate) max: (Number, i64),
}

/// What a run of numbers comes to; what is not asked for is absent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Run {
    pub(crate) count: u64,
    pub(crate) sum: Option<Sum>,
    /// The smallest and the largest, with their earliest times.
    pub(crate) min: Option<(Number, i64)>,
    pub(crate) max: Option<(Number, i64)>,
    pub(crate) first: Option<(Number, i64)>,
    pub(crate) last: Option<(Number, i64)>,
}

/// Partial aggregates of a field over buckets of time; several series may be folded into one.
///
/// Equal smallest or largest values: the earliest counts, then that of the series folded first. First or last values
/// at one time: the larger counts. A NaN is a smallest or largest value only where there is no other.
///
/// ```
/// use stripchart_core::{FieldType, ValueRef};
/// use stripchart_storage::{Aggregates, Number, Partials};
///
/// let mut partials = Partials::new(FieldType::Integer, 2, Aggregates::SUM | Aggregates::MAX);
/// partials.add(0, 10, ValueRef::Integer(3));
/// partials.add(0, 20, ValueRef::Integer(4));
/// assert_eq!(partials.sum(0), Some(Number::Integer(7)));
/// assert_eq!(partials.max(0), Some((Number::Integer(4), 20)));
/// assert_eq!(partials.sum(1), None);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Partials {
    field_type: FieldType,
    aggregates: Aggregates,
    counts: Vec<u64>,
    sums: Vec<Sum>,
    min: Vec<Option<(Number, i64)>>,
    max: Vec<Option<(Number, i64)>>,
    first: Vec<Option<(FieldValue, i64)>>,
    last: Vec<Option<(FieldValue, i64)>>,
}

impl Partials {
    /// Empty aggregates of a field of `field_type` over `buckets` buckets. Counts are kept in any case.
    #[must_use]
    pub fn new(field_type: FieldType, buckets: usize, aggregates: Aggregates) -> Self {
        let numeric = field_type.is_numeric();
        let len = |which| if aggregates.contains(which) { buckets } else { 0 };
        let numbers = |which| if numeric { len(which) } else { 0 };
        Partials {
            field_type,
            aggregates,
            counts: vec![0; buckets],
            sums: vec![Sum::zero(field_type); numbers(Aggregates::SUM)],
            min: vec![None; numbers(Aggregates::MIN)],
            max: vec![None; numbers(Aggregates::MAX)],
            first: vec![None; len(Aggregates::FIRST)],
            last: vec![None; len(Aggregates::LAST)],
        }
    }

    /// The type of the field.
    #[must_use]
    pub const fn field_type(&self) -> FieldType {
        self.field_type
    }

    /// Which aggregates are kept.
    #[must_use]
    pub const fn aggregates(&self) -> Aggregates {
        self.aggregates
    }

    /// Buckets.
    #[must_use]
    pub fn buckets(&self) -> usize {
        self.counts.len()
    }

    /// Values in `bucket`.
    #[must_use]
    pub fn count(&self, bucket: usize) -> u64 {
        self.counts.get(bucket).copied().unwrap_or(0)
    }

    /// Their sum; `None` if there are none or sums are not kept. Integers wrap around.
    #[must_use]
    pub fn sum(&self, bucket: usize) -> Option<Number> {
        let sum = self.sums.get(bucket)?;
        (self.count(bucket) > 0).then(|| sum.total())
    }

    /// The smallest value and its time in nanoseconds.
    #[must_use]
    pub fn min(&self, bucket: usize) -> Option<(Number, i64)> {
        *self.min.get(bucket)?
    }

    /// The largest value and its time in nanoseconds.
    #[must_use]
    pub fn max(&self, bucket: usize) -> Option<(Number, i64)> {
        *self.max.get(bucket)?
    }

    /// The earliest value and its time in nanoseconds.
    #[must_use]
    pub fn first(&self, bucket: usize) -> Option<(ValueRef<'_>, i64)> {
        self.first.get(bucket)?.as_ref().map(|(value, at)| (value.as_ref(), *at))
    }

    /// The latest value and its time in nanoseconds.
    #[must_use]
    pub fn last(&self, bucket: usize) -> Option<(ValueRef<'_>, i64)> {
        self.last.get(bucket)?.as_ref().map(|(value, at)| (value.as_ref(), *at))
    }

    /// Adds one value at time `at` (nanoseconds). A value of another type than the field's is left out.
    ///
    /// # Panics
    ///
    /// If there is no such bucket.
    pub fn add(&mut self, bucket: usize, at: i64, value: ValueRef<'_>) {
        if value.field_type() != Some(self.field_type) {
            return;
        }
        self.counts[bucket] += 1;
        if let Some(number) = Number::from_value(value) {
            if let Some(sum) = self.sums.get_mut(bucket) {
                sum.add(number);
            }
            self.extremes(bucket, Some((number, at)), Some((number, at)));
        }
        self.ends(bucket, (value, at), (value, at));
    }

    /// Adds a run of values by what is known of it.
    pub(crate) fn add_stats(&mut self, bucket: usize, stats: &Stats) {
        self.counts[bucket] += stats.count;
        if let Some(numeric) = &stats.numeric {
            if let Some(sum) = self.sums.get_mut(bucket) {
                sum.add(numeric.sum);
            }
            self.extremes(bucket, Some(numeric.min), Some(numeric.max));
        }
        let (first, last) = (&stats.first, &stats.last);
        self.ends(bucket, (first.0.as_ref(), first.1), (last.0.as_ref(), last.1));
    }

    /// Adds a run of numbers by what it comes to.
    #[inline]
    pub(crate) fn add_run(&mut self, bucket: usize, run: &Run) {
        self.counts[bucket] += run.count;
        if let (Some(sum), Some(more)) = (self.sums.get_mut(bucket), run.sum) {
            sum.merge(more);
        }
        self.extremes(bucket, run.min, run.max);
        if let (Some(have), Some((value, at))) = (self.first.get_mut(bucket), run.first) {
            let value = value.to_value();
            if wins(have.as_ref(), (value.as_ref(), at), Ordering::Less) {
                *have = Some((value, at));
            }
        }
        if let (Some(have), Some((value, at))) = (self.last.get_mut(bucket), run.last) {
            let value = value.to_value();
            if wins(have.as_ref(), (value.as_ref(), at), Ordering::Greater) {
                *have = Some((value, at));
            }
        }
    }

    /// Adds values by their number and sum.
    pub(crate) fn add_sum(&mut self, bucket: usize, count: u64, sum: Sum) {
        self.counts[bucket] += count;
        if let Some(all) = self.sums.get_mut(bucket) {
            all.merge(sum);
        }
    }

    /// Adds values of which only the number is asked for.
    pub(crate) fn add_count(&mut self, bucket: usize, count: u64) {
        self.counts[bucket] += count;
    }

    /// The same field type, buckets and aggregates, and no values.
    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.sums.fill(Sum::zero(self.field_type));
        self.min.fill(None);
        self.max.fill(None);
        self.first.fill(None);
        self.last.fill(None);
    }

    /// Adds a smallest and a largest number with their times.
    pub(crate) fn extremes(
        &mut self,
        bucket: usize,
        low: Option<(Number, i64)>,
        high: Option<(Number, i64)>,
    ) {
        if let (Some(min), Some(low)) = (self.min.get_mut(bucket), low) {
            replace(min, low, Ordering::Less);
        }
        if let (Some(max), Some(high)) = (self.max.get_mut(bucket), high) {
            replace(max, high, Ordering::Greater);
        }
    }

    fn ends(&mut self, bucket: usize, first: (ValueRef<'_>, i64), last: (ValueRef<'_>, i64)) {
        if let Some(have) = self.first.get_mut(bucket)
            && wins(have.as_ref(), first, Ordering::Less)
        {
            *have = owned(first);
        }
        if let Some(have) = self.last.get_mut(bucket)
            && wins(have.as_ref(), last, Ordering::Greater)
        {
            *have = owned(last);
        }
    }
}

/// Whether `new` counts rather than what is there, being earlier or later as `order` says; at one time the larger counts.
fn wins(have: Option<&(FieldValue, i64)>, new: (ValueRef<'_>, i64), order: Ordering) -> bool {
    have.is_none_or(|(value, at)| match new.1.cmp(at) {
        Ordering::Equal => larger(new.0, value.as_ref()),
        other => other == order,
    })
}

/// Puts `new` in place of `have` if it compares as `order` to it, or equal but earlier.
fn replace(have: &mut Option<(Number, i64)>, new: (Number, i64), order: Ordering) {
    let better = match have {
        None => true,
        Some((value, _)) if value.is_nan() != new.0.is_nan() => value.is_nan(),
        Some((value, at)) => match new.0.order(*value) {
            Ordering::Equal => new.1 < *at,
            other => other == order,
        },
    };
    if better {
        *have = Some(new);
    }
}

fn larger(a: ValueRef<'_>, b: ValueRef<'_>) -> bool {
    match (a, b) {
        (ValueRef::Boolean(a), ValueRef::Boolean(b)) => a & !b,
        (ValueRef::String(a), ValueRef::String(b)) => a > b,
        (a, b) => match (Number::from_value(a), Number::from_value(b)) {
            (Some(a), Some(b)) => a.order(b) == Ordering::Greater,
            _ => false,
        },
    }
}

fn owned((value, at): (ValueRef<'_>, i64)) -> Option<(FieldValue, i64)> {
    Some((value.to_field_value()?, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_follow_the_rules() {
        let mut p = Partials::new(FieldType::Float, 1, Aggregates::ALL);
        for (at, v) in [(20, 1.0), (10, 1.0), (30, f64::NAN), (30, 2.0), (30, 1.5), (10, 3.0)] {
            p.add(0, at, v.into());
        }
        assert_eq!(p.min(0), Some((Number::Float(1.0), 10)));
        assert_eq!(p.max(0), Some((Number::Float(3.0), 10)));
        assert_eq!(p.first(0), Some((ValueRef::Float(3.0), 10)));
        assert_eq!(p.last(0).map(|(_, at)| at), Some(30));
        assert_eq!(p.count(0), 6);
    }

    #[test]
    fn floats_are_summed_with_compensation_and_integers_wrap() {
        let mut p = Partials::new(FieldType::Float, 1, Aggregates::SUM);
        for v in [1e100, 1.0, -1e100] {
            p.add(0, 0, v.into());
        }
        assert_eq!(p.sum(0), Some(Number::Float(1.0)));
        let mut p = Partials::new(FieldType::Integer, 1, Aggregates::SUM);
        p.add(0, 0, i64::MAX.into());
        p.add(0, 0, 1i64.into());
        assert_eq!(p.sum(0), Some(Number::Integer(i64::MIN)));
    }

    #[test]
    fn runs_add_up_like_their_values() {
        let values = [(1, 5i64), (2, -3), (3, 9), (4, -3)];
        let number = |at: usize| Some((Number::Integer(values[at].1), values[at].0));
        let run = Run {
            count: 4,
            sum: Some(Sum::Integer(8)),
            min: number(1),
            max: number(2),
            first: number(0),
            last: number(3),
        };
        let mut by_run = Partials::new(FieldType::Integer, 1, Aggregates::ALL);
        by_run.add_run(0, &run);
        let mut by_value = Partials::new(FieldType::Integer, 1, Aggregates::ALL);
        values.iter().for_each(|(t, v)| by_value.add(0, *t, (*v).into()));
        assert_eq!(by_run, by_value);
        by_run.clear();
        assert_eq!(by_run, Partials::new(FieldType::Integer, 1, Aggregates::ALL));
    }

    #[test]
    fn texts_have_ends_but_no_sum() {
        let mut p = Partials::new(FieldType::String, 1, Aggregates::ALL);
        p.add(0, 1, "b".into());
        p.add(0, 1, "a".into());
        assert_eq!(p.last(0), Some((ValueRef::String("b"), 1)));
        assert_eq!((p.sum(0), p.min(0), p.count(0)), (None, None, 2));
    }
}
