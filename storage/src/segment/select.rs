//! Which series of a table: conditions on tags, resolved over dictionaries and columns of numbers where they lie.
//!
//! A test is asked once per distinct value of its key, whatever number of series has it. What is left per series is looking up a
//! bit by the number of its value. Conditions `key = value` narrow the series first: by halving where the values ascend with
//! the series, or where the key has its series in order; else by one pass over packed numbers. So do beginnings of values, which are
//! neighbours in a dictionary, and one of several. Where that leaves few series, tests are asked of these alone.

use std::ops::{Range, RangeInclusive};

use stripchart_core::{KeyRef, MAX_KEY_LEN, SeriesKey};

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

/// Series whose tags are looked up one by one.
const FEW: usize = 4;

/// Appends a tag to a key, unless it has no value.
fn put_tag(name: &str, value: &str, key: &mut String) {
    if !value.is_empty() {
        key.push('\0');
        key.push_str(name);
        key.push('\0');
        key.push_str(value);
    }
}

/// Numbers of values, 0 for none.
#[derive(Debug)]
enum Values {
    Bits(Vec<u64>),
    Between(RangeInclusive<i64>),
}

impl Values {
    fn contains(&self, value: i64) -> bool {
        match self {
            Values::Between(range) => range.contains(&value),
            Values::Bits(bits) => usize::try_from(value)
                .is_ok_and(|v| bits.get(v / 64).is_some_and(|word| word >> (v % 64) & 1 == 1)),
        }
    }

    fn none(values: usize) -> Vec<u64> {
        vec![0; values.div_ceil(64) + 1]
    }
}

/// Series that a filter leaves, in order.
#[derive(Debug)]
struct Narrowed {
    series: Vec<usize>,
    /// Whether it accepts all of them.
    exact: bool,
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
            Some(number) => Ok(Plan::Leaf(self.column(key)?, Values::Between(number..=number))),
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
            TagFilter::Prefix { prefix, .. } if prefix.is_empty() => Plan::Always(true),
            TagFilter::Prefix { key, prefix } => match self.key(key) {
                None => Plan::Always(false),
                Some(key) => {
                    let numbers = self.beginning(key, prefix)?;
                    Plan::Leaf(self.column(key)?, Values::Between(numbers))
                }
            },
            TagFilter::Matches { key, test } => self.leaf(key, &**test)?,
            TagFilter::NotMatches { key, test } => not(self.leaf(key, &**test)?),
            TagFilter::And(filters) => Plan::And(all(filters)?),
            TagFilter::Or(filters) => Plan::Or(all(filters)?),
            TagFilter::Not(filter) => not(self.plan(filter)?),
        })
    }

    /// The numbers of the values that begin with `prefix`.
    fn beginning(&self, key: &KeyColumn, prefix: &str) -> Result<RangeInclusive<i64>, ReadError> {
        let (dictionary, prefix) = (self.dictionary(key)?, prefix.as_bytes());
        let bad = |bad| self.bad(bad);
        let from = dictionary.partition_point(|text| text < prefix).map_err(bad)?;
        let to = dictionary.partition_point(|text| text < prefix || text.starts_with(prefix));
        let number = |at: usize| i64::try_from(at).unwrap_or(i64::MAX);
        // Numbers begin at 1.
        Ok(number(from + 1)..=number(to.map_err(bad)?))
    }

    /// The series that `filter` accepts, or some more, in order; `None` if it cannot be told without looking at all.
    fn narrow(&self, filter: &TagFilter) -> Result<Option<Narrowed>, ReadError> {
        let exactly = |series| Ok(Some(Narrowed { series, exact: true }));
        match filter {
            TagFilter::Equal { key, value } if !value.is_empty() => {
                let Some(key) = self.key(key) else { return exactly(Vec::new()) };
                match self.number(key, value)? {
                    Some(number) => self.having(key, number..=number),
                    None => exactly(Vec::new()),
                }
            }
            TagFilter::Prefix { key, prefix } if !prefix.is_empty() => match self.key(key) {
                Some(key) => self.having(key, self.beginning(key, prefix)?),
                None => exactly(Vec::new()),
            },
            TagFilter::And(filters) => {
                let mut best: Option<Narrowed> = None;
                for filter in filters {
                    if let Some(found) = self.narrow(filter)?
                        && best.as_ref().is_none_or(|best| found.series.len() < best.series.len())
                    {
                        best = Some(found);
                    }
                }
                let only = filters.len() == 1;
                Ok(best.map(|best| Narrowed { exact: best.exact && only, ..best }))
            }
            TagFilter::Or(filters) if !filters.is_empty() => {
                let mut all = Narrowed { series: Vec::new(), exact: true };
                for filter in filters {
                    let Some(found) = self.narrow(filter)? else { return Ok(None) };
                    all.exact &= found.exact;
                    all.series.extend(found.series);
                }
                all.series.sort_unstable();
                all.series.dedup();
                Ok(Some(all))
            }
            _ => Ok(None),
        }
    }

    /// The series whose value of a key has one of these numbers.
    fn having(
        &self,
        key: &'s KeyColumn,
        numbers: RangeInclusive<i64>,
    ) -> Result<Option<Narrowed>, ReadError> {
        let column = self.column(key)?;
        if column.constant().is_some_and(|number| numbers.contains(&number)) {
            return Ok(None);
        }
        let order = self.table.order(self.segment, key)?;
        if order.is_none() && !key.ascending {
            let series = column.rows_in(numbers, self.table.series);
            return Ok(Some(Narrowed { series, exact: true }));
        }
        let series = |at: usize| match order {
            None => at,
            Some(order) => usize::try_from(order.get(at)).unwrap_or(usize::MAX),
        };
        let first = |from: i64| {
            let (mut low, mut high) = (0, self.table.series);
            while low < high {
                let middle = usize::midpoint(low, high);
                if column.get(series(middle)) < from { low = middle + 1 } else { high = middle }
            }
            low
        };
        let found = (first(*numbers.start())..first(numbers.end().saturating_add(1))).map(series);
        let mut found: Vec<usize> = found.filter(|at| *at < self.table.series).collect();
        found.sort_unstable();
        Ok(Some(Narrowed { series: found, exact: true }))
    }

    /// How many values the tests of a filter would be asked about.
    fn asked(&self, filter: &TagFilter) -> usize {
        match filter {
            TagFilter::Matches { key, .. } | TagFilter::NotMatches { key, .. } => {
                self.value_count(key)
            }
            TagFilter::And(filters) | TagFilter::Or(filters) => {
                filters.iter().map(|filter| self.asked(filter)).sum()
            }
            TagFilter::Not(filter) => self.asked(filter),
            _ => 0,
        }
    }

    /// The numbers of the series that `filter` accepts, in order of their keys.
    pub(crate) fn select(&self, filter: &TagFilter) -> Result<Vec<usize>, ReadError> {
        let Some(Narrowed { mut series, exact }) = self.narrow(filter)? else {
            let plan = self.plan(filter)?;
            return Ok((0..self.table.series).filter(|series| plan.accepts(*series)).collect());
        };
        if exact || series.is_empty() {
            return Ok(series);
        }
        if self.asked(filter) > series.len() {
            // Fewer keys than values.
            let keys = self.keys(&series)?;
            let accepted = keys.iter().map(|key| filter.accepts(key.as_ref()));
            let mut accepted = accepted.collect::<Vec<bool>>().into_iter();
            series.retain(|_| accepted.next().unwrap_or_default());
            return Ok(series);
        }
        let plan = self.plan(filter)?;
        series.retain(|series| plan.accepts(*series));
        Ok(series)
    }

    /// The keys of `series`, which are in order.
    pub(crate) fn keys(&self, series: &[usize]) -> Result<Vec<SeriesKey>, ReadError> {
        let mut names: Vec<(&str, &KeyColumn)> =
            self.table.keys.iter().map(|key| (self.root.key_name(key.key), key)).collect();
        // In a key the tags stand sorted.
        names.sort_unstable_by_key(|(name, _)| *name);
        if series.len() <= FEW {
            return self.few_keys(&names, series);
        }
        self.check_names(&names)?;
        let mut columns = Vec::with_capacity(names.len());
        for (name, key) in names {
            // With what separates it from what comes before and after.
            columns.push((format!("\0{name}\0"), self.texts(key, series)?));
        }
        let mut text = String::new();
        let mut keys = Vec::with_capacity(series.len());
        for at in 0..series.len() {
            text.clear();
            text.push_str(self.name);
            for (name, values) in &columns {
                let value = values.get(at);
                if !value.is_empty() {
                    text.push_str(name);
                    text.push_str(value);
                }
            }
            if text.len() > MAX_KEY_LEN {
                return self.not_a_key(format!("{} bytes", text.len()));
            }
            keys.push(SeriesKey::trusted(text.as_str()));
        }
        Ok(keys)
    }

    /// That the names of a table make keys: what is the same for all series is looked at once.
    fn check_names(&self, names: &[(&str, &KeyColumn)]) -> Result<(), ReadError> {
        let ascend = names.is_sorted_by(|a, b| a.0 < b.0);
        let wrong = |name: &str| name.is_empty() || name.contains('\0');
        if !ascend || wrong(self.name) || names.iter().any(|(name, _)| wrong(name)) {
            return self.not_a_key(format!("measurement {:?} with such tag keys", self.name));
        }
        Ok(())
    }

    fn not_a_key<T>(&self, found: String) -> Result<T, ReadError> {
        self.table.damaged(self.segment, "the key of a series", found)
    }

    /// The same, reaching for each value by itself.
    fn few_keys(
        &self,
        names: &[(&str, &'s KeyColumn)],
        series: &[usize],
    ) -> Result<Vec<SeriesKey>, ReadError> {
        let mut tags = Vec::with_capacity(names.len());
        for (name, key) in names {
            tags.push((*name, self.column(key)?, self.dictionary(key)?));
        }
        let (mut text, mut value, mut keys) = (String::new(), String::new(), Vec::new());
        for series in series {
            text.clear();
            text.push_str(self.name);
            for (name, column, dictionary) in &tags {
                let number = column.get(*series);
                if number != 0 {
                    let number = usize::try_from(number - 1).unwrap_or(usize::MAX);
                    value.clear();
                    dictionary.text(number, &mut value).map_err(|bad| self.bad(bad))?;
                    put_tag(name, &value, &mut text);
                }
            }
            keys.push(self.parsed(&text)?);
        }
        Ok(keys)
    }

    fn parsed(&self, text: &str) -> Result<SeriesKey, ReadError> {
        match KeyRef::parse(text) {
            Ok(key) => Ok(key.into()),
            Err(error) => self.not_a_key(error.to_string()),
        }
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
        if texts.text.contains('\0') {
            return self
                .not_a_key(format!("a value of {:?} with NUL", self.root.key_name(key.key)));
        }
        for number in numbers {
            match usize::try_from(number) {
                Ok(number) if number < texts.places.len() => {
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
    /// Where each is.
    places: Vec<Range<usize>>,
    chosen: Vec<u32>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.places.push(start..self.text.len());
    }

    fn get(&self, at: usize) -> &str {
        &self.text[self.places[self.chosen[at] as usize].clone()]
    }
}
