//! Which series of a table: conditions on tags, resolved over dictionaries and columns of numbers where they lie.
//!
//! A test is asked once per distinct value of its key, whatever number of series has it. What is left per series is looking up a
//! bit by the number of its value. Conditions `key = value` narrow the series first: by halving where the values ascend with
//! the series, or where the key has its series in order.

use stripchart_core::{KeyRef, SeriesKey};

use super::Segment;
use super::dictionary::Dictionary;
use super::packed::Packed;
use super::root::Root;
use super::table::{KeyColumn, Table};
use crate::bytes::Bad;
use crate::{ReadError, TagFilter};

/// A table, and the segment it is in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TableView<'s> {
    pub(crate) segment: &'s Segment,
    pub(crate) root: &'s Root,
    pub(crate) name: &'s str,
    pub(crate) table: &'s Table,
}

/// Numbers of values, 0 for none.
#[derive(Debug)]
enum Values {
    Bits(Vec<u64>),
    One(i64),
}

impl Values {
    fn contains(&self, value: i64) -> bool {
        match self {
            Values::One(one) => *one == value,
            Values::Bits(bits) => usize::try_from(value)
                .is_ok_and(|v| bits.get(v / 64).is_some_and(|word| word >> (v % 64) & 1 == 1)),
        }
    }

    fn none(values: usize) -> Vec<u64> {
        vec![0; values.div_ceil(64) + 1]
    }
}

/// A filter with its tests answered.
#[derive(Debug)]
enum Plan<'s> {
    Always(bool),
    Leaf(Packed<'s>, Values),
    And(Vec<Plan<'s>>),
    Or(Vec<Plan<'s>>),
    Not(Box<Plan<'s>>),
}

impl Plan<'_> {
    fn accepts(&self, series: usize) -> bool {
        match self {
            Plan::Always(answer) => *answer,
            Plan::Leaf(column, values) => values.contains(column.get(series)),
            Plan::And(all) => all.iter().all(|plan| plan.accepts(series)),
            Plan::Or(any) => any.iter().any(|plan| plan.accepts(series)),
            Plan::Not(plan) => !plan.accepts(series),
        }
    }
}

impl<'s> TableView<'s> {
    fn key(&self, name: &str) -> Option<&'s KeyColumn> {
        self.table.keys.iter().find(|key| self.root.key_name(key.key) == name)
    }

    fn column(&self, key: &'s KeyColumn) -> Result<Packed<'s>, ReadError> {
        self.table.values(self.segment, key)
    }

    fn dictionary(&self, key: &KeyColumn) -> Result<Dictionary<'s>, ReadError> {
        self.root.dictionary(self.segment, key.key)
    }

    fn bad(&self, bad: Bad) -> ReadError {
        self.segment.bad(self.segment.footer.root.offset, bad)
    }

    /// The number of a value + 1.
    fn number(&self, key: &KeyColumn, value: &str) -> Result<Option<i64>, ReadError> {
        let found = self.dictionary(key)?.find(value).map_err(|bad| self.bad(bad))?;
        Ok(found.and_then(|number| i64::try_from(number + 1).ok()))
    }

    /// Which numbers occur in the table.
    fn occurring(&self, key: &'s KeyColumn) -> Result<Vec<u64>, ReadError> {
        let dictionary = self.dictionary(key)?;
        let column = self.column(key)?;
        let mut bits = Values::none(dictionary.len() + 1);
        let mut last = -1;
        for series in 0..self.table.series {
            let value = column.get(series);
            if value != last {
                let at = usize::try_from(value).unwrap_or(usize::MAX);
                match bits.get_mut(at / 64) {
                    Some(word) if at <= dictionary.len() => *word |= 1 << (at % 64),
                    _ => {
                        return self.table.damaged(
                            self.segment,
                            "the number of a tag value",
                            value.to_string(),
                        );
                    }
                }
                last = value;
            }
        }
        Ok(bits)
    }

    /// Calls `each` with the values of a key that occur in the table, in order.
    pub(crate) fn for_each_value(
        &self,
        key: &str,
        mut each: impl FnMut(&str),
    ) -> Result<(), ReadError> {
        let Some(key) = self.key(key) else { return Ok(()) };
        let occurring = Values::Bits(self.occurring(key)?);
        self.walk(key, |number, value| {
            if occurring.contains(number) {
                each(value);
            }
        })
    }

    fn walk(&self, key: &KeyColumn, mut each: impl FnMut(i64, &str)) -> Result<(), ReadError> {
        let mut number = 0;
        let walked = self.dictionary(key)?.for_each(|_, value| {
            number += 1;
            each(number, value);
            Ok(())
        });
        walked.map_err(|bad| self.bad(bad))
    }

    /// How many values of a key occur in the table.
    pub(crate) fn value_count(&self, key: &str) -> usize {
        self.key(key).map_or(0, |key| key.distinct)
    }

    /// The tag keys of the table.
    pub(crate) fn tag_keys(&self) -> impl Iterator<Item = &'s str> {
        self.table.keys.iter().map(|key| self.root.key_name(key.key))
    }

    fn leaf(&self, key: &str, test: &dyn Fn(&str) -> bool) -> Result<Plan<'s>, ReadError> {
        let Some(key) = self.key(key) else { return Ok(Plan::Always(test(""))) };
        let occurring = Values::Bits(self.occurring(key)?);
        let mut passed = Values::none(self.dictionary(key)?.len() + 1);
        let mut pass = |number: i64, value: &str| {
            if occurring.contains(number) && test(value) {
                let at = usize::try_from(number).unwrap_or_default();
                passed[at / 64] |= 1 << (at % 64);
            }
        };
        pass(0, "");
        self.walk(key, pass)?;
        Ok(Plan::Leaf(self.column(key)?, Values::Bits(passed)))
    }

    fn equal(&self, name: &str, value: &str) -> Result<Plan<'s>, ReadError> {
        let Some(key) = self.key(name) else { return Ok(Plan::Always(value.is_empty())) };
        let number = if value.is_empty() { Some(0) } else { self.number(key, value)? };
        match number {
            Some(number) => Ok(Plan::Leaf(self.column(key)?, Values::One(number))),
            None => Ok(Plan::Always(false)),
        }
    }

    fn plan(&self, filter: &TagFilter) -> Result<Plan<'s>, ReadError> {
        let all = |filters: &[TagFilter]| {
            filters.iter().map(|f| self.plan(f)).collect::<Result<Vec<_>, _>>()
        };
        let not = |plan| Plan::Not(Box::new(plan));
        Ok(match filter {
            TagFilter::All => Plan::Always(true),
            TagFilter::Equal { key, value } => self.equal(key, value)?,
            TagFilter::NotEqual { key, value } => not(self.equal(key, value)?),
            TagFilter::Matches { key, test } => self.leaf(key, &**test)?,
            TagFilter::NotMatches { key, test } => not(self.leaf(key, &**test)?),
            TagFilter::And(filters) => Plan::And(all(filters)?),
            TagFilter::Or(filters) => Plan::Or(all(filters)?),
            TagFilter::Not(filter) => not(self.plan(filter)?),
        })
    }

    /// The series that have a value, if they can be found without looking at all.
    fn narrowed(&self, name: &str, value: &str) -> Result<Option<Vec<usize>>, ReadError> {
        let Some(key) = self.key(name) else { return Ok(Some(Vec::new())) };
        let Some(number) = self.number(key, value)? else { return Ok(Some(Vec::new())) };
        let column = self.column(key)?;
        if column.constant().is_some() {
            return Ok(None);
        }
        let series = |order: Option<Packed<'_>>, at: usize| match order {
            None => at,
            Some(order) => usize::try_from(order.get(at)).unwrap_or(usize::MAX),
        };
        let order = self.table.order(self.segment, key)?;
        if order.is_none() && !key.ascending {
            return Ok(None);
        }
        let first = |from: i64| {
            let (mut low, mut high) = (0, self.table.series);
            while low < high {
                let middle = usize::midpoint(low, high);
                let value = column.get(series(order, middle));
                if value < from { low = middle + 1 } else { high = middle }
            }
            low
        };
        let found = (first(number)..first(number + 1)).map(|at| series(order, at));
        Ok(Some(found.filter(|series| *series < self.table.series).collect()))
    }

    /// The numbers of the series that `filter` accepts, in order of their keys.
    pub(crate) fn select(&self, filter: &TagFilter) -> Result<Vec<usize>, ReadError> {
        let mut narrowed: Option<Vec<usize>> = None;
        for (key, value) in filter.required() {
            if let Some(found) = self.narrowed(key, value)?
                && narrowed.as_ref().is_none_or(|best| found.len() < best.len())
            {
                narrowed = Some(found);
            }
        }
        if narrowed.as_ref().is_some_and(Vec::is_empty) {
            return Ok(Vec::new());
        }
        let plan = self.plan(filter)?;
        Ok(match narrowed {
            Some(series) => series.into_iter().filter(|series| plan.accepts(*series)).collect(),
            None => (0..self.table.series).filter(|series| plan.accepts(*series)).collect(),
        })
    }

    /// The keys of `series`, which are in order.
    pub(crate) fn keys(&self, series: &[usize]) -> Result<Vec<SeriesKey>, ReadError> {
        let mut columns = Vec::new();
        for key in &self.table.keys {
            columns.push((self.root.key_name(key.key), self.texts(key, series)?));
        }
        // In a key the tags stand sorted.
        columns.sort_unstable_by_key(|(name, _)| *name);
        let mut text = String::new();
        let mut keys = Vec::with_capacity(series.len());
        for at in 0..series.len() {
            text.clear();
            text.push_str(self.name);
            for (name, values) in &columns {
                let value = values.get(at);
                if !value.is_empty() {
                    text.push('\0');
                    text.push_str(name);
                    text.push('\0');
                    text.push_str(value);
                }
            }
            match KeyRef::parse(&text) {
                Ok(key) => keys.push(key.into()),
                Err(error) => {
                    return self.table.damaged(
                        self.segment,
                        "the key of a series",
                        error.to_string(),
                    );
                }
            }
        }
        Ok(keys)
    }

    /// The value of a key for each of `series`.
    fn texts(&self, key: &'s KeyColumn, series: &[usize]) -> Result<Texts, ReadError> {
        let column = self.column(key)?;
        let dictionary = self.dictionary(key)?;
        let mut texts = Texts::default();
        texts.push("");
        let mut numbers: Vec<i64> = series.iter().map(|series| column.get(*series)).collect();
        // For a few, only what they have; else the whole dictionary, which is quicker than reaching into it.
        if series.len() * 16 < dictionary.len() {
            let mut known: Vec<i64> = numbers.iter().copied().filter(|n| *n > 0).collect();
            known.sort_unstable();
            known.dedup();
            let mut text = String::new();
            for number in &known {
                text.clear();
                let number = usize::try_from(*number - 1).unwrap_or(usize::MAX);
                dictionary.text(number, &mut text).map_err(|bad| self.bad(bad))?;
                texts.push(&text);
            }
            for number in &mut numbers {
                let at = known.binary_search(number).map_or(0, |at| at + 1);
                *number = i64::try_from(at).unwrap_or_default();
            }
        } else {
            self.walk(key, |_, value| texts.push(value))?;
        }
        for number in numbers {
            match usize::try_from(number) {
                Ok(number) if number < texts.ends.len() => {
                    texts.chosen.push(crate::rows::index(number))
                }
                _ => {
                    return self.table.damaged(
                        self.segment,
                        "the number of a tag value",
                        number.to_string(),
                    );
                }
            }
        }
        Ok(texts)
    }
}

/// Texts, and which of them each series has.
#[derive(Debug, Default)]
struct Texts {
    text: String,
    ends: Vec<usize>,
    chosen: Vec<u32>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(self.text.len());
    }

    fn get(&self, at: usize) -> &str {
        let number = self.chosen[at] as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[number]]
    }
}
