//! Finding fields that follow from others.
//!
//! Rules are looked for in a group's first fields with the help of a few of its rows, and kept only if all rows obey them to the bit. The
//! rules of a table's fields are remembered, for what held in one group mostly holds in the next: there only its constants are taken anew.
//! Where nothing is found the search is left out in ever more groups, so that tables without such fields pay next to nothing.

use stripchart_core::{Column, Values};

use crate::codec::{Derived, Divisor, Numbers, Order, Rule};

/// Rows that a group must have to be searched.
const MIN_ROWS: usize = 64;
/// Rows that a rule is tried with before all are compared.
const SAMPLES: usize = 8;
/// A field that changes more seldom takes few bytes as it is, and is read sooner.
const MIN_CHANGES: usize = 8;
/// Groups that are left out between two searches at most.
const MAX_GAP: usize = 64;
/// Fields of a table that are looked at; a table of thousands would take too long.
const MAX_FIELDS: usize = 64;
/// Factors of parts: of one, of a hundred.
const FACTORS: [f64; 2] = [100.0, 1.0];
/// Up to here neighbouring integers are different floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What is known of the fields of a table.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    /// For each field the rule that held last, if one did.
    known: Vec<Option<Derived>>,
    groups: usize,
    next_search: usize,
    gap: usize,
}

/// A column of a group that may be derived or be derived from.
#[derive(Debug, Clone, Copy)]
struct Candidate<'c> {
    field: usize,
    numbers: Numbers<'c>,
    /// The rule, if it is derived.
    derived: Option<Derived>,
    sample: Sample,
    /// Whether not all of the sample is the same.
    moves: bool,
}

/// Some rows of a column: as bits, and as floats.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    words: [i64; SAMPLES],
    floats: [f64; SAMPLES],
}

impl Siblings {
    /// For each column of a group of `rows` rows the rule by which it follows from others, if it is worth it.
    pub(super) fn of(&mut self, columns: &[Column], rows: usize) -> Vec<Option<Derived>> {
        let mut found = vec![None; columns.len()];
        if rows < MIN_ROWS || columns.len() < 2 {
            return found;
        }
        self.known.resize(columns.len(), None);
        let searching = self.groups >= self.next_search;
        self.groups += 1;
        if !searching && self.known.iter().all(Option::is_none) {
            return found;
        }
        let mut candidates: Vec<Candidate<'_>> = Vec::new();
        let mut more = false;
        for field in in_order(columns) {
            let Some(numbers) = dense(&columns[field], rows) else { continue };
            let mut candidate = Candidate::new(field, numbers);
            if !varies(numbers) {
                candidates.push(candidate);
                continue;
            }
            let known = self.known[field].and_then(|known| refit(known, &candidate, &candidates));
            let rule = known.or_else(|| {
                let new = searching.then(|| search(&candidate, &candidates)).flatten();
                more |= new.is_some();
                new
            });
            candidate.derived = rule;
            found[field] = rule;
            if rule.is_some() {
                self.known[field] = rule;
            }
            candidates.push(candidate);
        }
        if searching {
            self.gap = if more { 1 } else { (self.gap * 2).clamp(1, MAX_GAP) };
            self.next_search = self.groups + self.gap - 1;
        }
        found
    }
}

/// The numbers of the fields to look at: integers before floats, which follow from them.
fn in_order(columns: &[Column]) -> impl Iterator<Item = usize> {
    let floats = |at: &usize| matches!(columns[*at].values(), Values::Float(_));
    let all = || 0..columns.len().min(MAX_FIELDS);
    all().filter(move |at| !floats(at)).chain(all().filter(floats))
}

/// The numbers of a column in which every row has one.
fn dense(column: &Column, rows: usize) -> Option<Numbers<'_>> {
    if column.validity().is_some() || column.len() != rows {
        return None;
    }
    match column.values() {
        Values::Float(v) => Some(Numbers::Floats(v)),
        Values::Integer(v) => Some(Numbers::Integers(v)),
        Values::Unsigned(v) => Some(Numbers::Unsigned(v)),
        _ => None,
    }
}

/// Whether values change often, and not by equal steps.
fn varies(numbers: Numbers<'_>) -> bool {
    fn often<T: Copy>(values: &[T], word: impl Fn(T) -> i64) -> bool {
        let steps = || values.windows(2).map(|pair| word(pair[1]).wrapping_sub(word(pair[0])));
        let first = steps().next();
        steps().filter(|step| *step != 0).count() * MIN_CHANGES >= values.len()
            && steps().any(|step| Some(step) != first)
    }
    match numbers {
        Numbers::Floats(v) => often(v, |v| v.to_bits().cast_signed()),
        Numbers::Integers(v) => often(v, |v| v),
        Numbers::Unsigned(v) => often(v, u64::cast_signed),
    }
}

impl Sample {
    fn of(numbers: Numbers<'_>) -> Sample {
        let mut sample = Sample::default();
        for at in 0..SAMPLES {
            let row = |len: usize| (len - 1) * at / (SAMPLES - 1);
            (sample.words[at], sample.floats[at]) = match numbers {
                Numbers::Floats(v) => (v[row(v.len())].to_bits().cast_signed(), v[row(v.len())]),
                Numbers::Integers(v) => (v[row(v.len())], v[row(v.len())] as f64),
                Numbers::Unsigned(v) => (v[row(v.len())].cast_signed(), v[row(v.len())] as f64),
            };
        }
        sample
    }

    /// How far the words are from the first.
    fn steps(&self) -> [i64; SAMPLES] {
        self.words.map(|word| word.wrapping_sub(self.words[0]))
    }
}

impl<'c> Candidate<'c> {
    fn new(field: usize, numbers: Numbers<'c>) -> Self {
        let sample = Sample::of(numbers);
        let moves = sample.words.iter().any(|word| *word != sample.words[0]);
        Candidate { field, numbers, derived: None, sample, moves }
    }

    fn is_float(&self) -> bool {
        matches!(self.numbers, Numbers::Floats(_))
    }

    /// The field and the multiples of it that this column is: itself, unless it is derived linearly.
    fn origin(&self) -> Option<(usize, i64, i64)> {
        match self.derived {
            None => Some((self.field, 1, 0)),
            Some(Derived { sibling, a, b, rule: Rule::Linear }) => Some((sibling, a, b)),
            Some(_) => None,
        }
    }
}

fn plain<'a, 'c>(others: &'a [Candidate<'c>], field: usize) -> Option<&'a Candidate<'c>> {
    others.iter().find(|other| other.field == field && other.derived.is_none())
}

/// Whether all rows of `of` are what `derived` makes of its siblings.
fn holds(derived: &Derived, of: &Candidate<'_>, others: &[Candidate<'_>]) -> bool {
    let Some(s) = plain(others, derived.sibling) else { return false };
    let t = match derived.second().map(|second| plain(others, second)) {
        Some(None) => return false,
        Some(Some(t)) => Some(t.numbers),
        None => None,
    };
    let mut words = Vec::new();
    derived.compute(s.numbers, t, &mut words);
    match of.numbers {
        Numbers::Floats(v) => {
            v.len() == words.len()
                && v.iter().zip(&words).all(|(v, word)| v.to_bits() == word.cast_unsigned())
        }
        Numbers::Integers(v) => v == words,
        Numbers::Unsigned(v) => {
            v.len() == words.len()
                && v.iter().zip(&words).all(|(v, word)| *v == word.cast_unsigned())
        }
    }
}

/// The same siblings as in the group before, with the constants of this one.
fn refit(known: Derived, of: &Candidate<'_>, others: &[Candidate<'_>]) -> Option<Derived> {
    let s = plain(others, known.sibling)?;
    let rule = match known.rule {
        Rule::Linear => linear(of, s),
        Rule::Sum { second, c } => {
            let t = plain(others, second)?;
            Some(sum(of, s, t, known.a, c))
        }
        Rule::Quotient { .. } if holds(&known, of, others) => return Some(known),
        Rule::Quotient { .. } => {
            // The column that was divided may be derived from the sibling, by a rule that was refitted already.
            let dividend = |other: &&Candidate<'_>| {
                other.origin().is_some_and(|(field, a, _)| field == known.sibling && a == known.a)
            };
            return others.iter().filter(dividend).find_map(|s| quotient(of, s, others));
        }
    };
    rule.filter(|rule| holds(rule, of, others))
}

/// The rule by which a column follows from those before it.
fn search(of: &Candidate<'_>, others: &[Candidate<'_>]) -> Option<Derived> {
    let same_type = |other: &&Candidate<'_>| {
        other.moves && other.derived.is_none() && other.is_float() == of.is_float()
    };
    for s in others.iter().filter(same_type) {
        let rule = if of.is_float() { copy(of, s) } else { linear(of, s) };
        if let Some(rule) = rule.filter(|rule| holds(rule, of, others)) {
            return Some(rule);
        }
    }
    if of.is_float() {
        return others.iter().filter(|s| s.moves).find_map(|s| quotient(of, s, others));
    }
    // Sums of two, and differences: what the first leaves must be the second but for a constant.
    let steps = of.sample.steps();
    let plain = || others.iter().filter(same_type);
    for s in plain() {
        let of_s = s.sample.steps();
        for t in plain().filter(|t| t.field != s.field) {
            let of_t = t.sample.steps();
            let left = |at: usize| steps[at].wrapping_sub(of_s[at]);
            let c = if (1..SAMPLES).all(|at| left(at) == of_t[at]) {
                1
            } else if (1..SAMPLES).all(|at| left(at) == of_t[at].wrapping_neg()) {
                -1
            } else {
                continue;
            };
            let rule = sum(of, s, t, 1, c);
            if holds(&rule, of, others) {
                return Some(rule);
            }
        }
    }
    None
}

/// The same bits.
fn copy(of: &Candidate<'_>, s: &Candidate<'_>) -> Option<Derived> {
    let same = of.sample.words == s.sample.words;
    same.then_some(Derived { sibling: s.field, a: 1, b: 0, rule: Rule::Linear })
}

/// `a*s + b`, as the sample has it.
fn linear(of: &Candidate<'_>, s: &Candidate<'_>) -> Option<Derived> {
    if of.is_float() {
        return copy(of, s);
    }
    let (steps, of_s) = (of.sample.steps(), s.sample.steps());
    let at = (1..SAMPLES).find(|at| of_s[*at] != 0)?;
    let a = steps[at].checked_div(of_s[at]).filter(|a| *a != 0)?;
    let holds = (1..SAMPLES).all(|at| of_s[at].wrapping_mul(a) == steps[at]);
    let b = of.sample.words[0].wrapping_sub(s.sample.words[0].wrapping_mul(a));
    holds.then_some(Derived { sibling: s.field, a, b, rule: Rule::Linear })
}

fn sum(of: &Candidate<'_>, s: &Candidate<'_>, t: &Candidate<'_>, a: i64, c: i64) -> Derived {
    let (s_first, t_first) = (s.sample.words[0].wrapping_mul(a), t.sample.words[0].wrapping_mul(c));
    let b = of.sample.words[0].wrapping_sub(s_first).wrapping_sub(t_first);
    Derived { sibling: s.field, a, b, rule: Rule::Sum { second: t.field, c } }
}

/// `s` as a part of a constant, or of another column.
fn quotient(of: &Candidate<'_>, s: &Candidate<'_>, others: &[Candidate<'_>]) -> Option<Derived> {
    let (sibling, a, b) = s.origin()?;
    let usable = |at: &usize| {
        let (value, x) = (of.sample.floats[*at], s.sample.floats[*at]);
        value != 0.0 && x != 0.0 && value.is_finite() && x.is_finite()
    };
    let first = (0..SAMPLES).find(usable)?;
    for factor in FACTORS {
        let whole = |at: usize| (s.sample.floats[at] * factor / of.sample.floats[at]).round();
        let divisor = whole(first);
        if !(1.0..EXACT).contains(&divisor.abs()) {
            continue;
        }
        let near = |at: usize, divisor: f64| {
            let (value, x) = (of.sample.floats[at], s.sample.floats[at]);
            (x * factor / divisor - value).abs() <= value.abs() * 4.0 * f64::EPSILON
        };
        let constant =
            (0..SAMPLES).all(|at| near(at, divisor)).then_some(Divisor::Constant(divisor));
        let by = |t: &&Candidate<'_>| {
            t.derived.is_none() && (0..SAMPLES).all(|at| near(at, t.sample.floats[at]))
        };
        let by_sibling = || others.iter().find(by).map(|t| Divisor::Sibling(t.field));
        let Some(divisor) = constant.or_else(by_sibling) else { continue };
        for order in [Order::MultiplyFirst, Order::DivideFirst] {
            let rule = Rule::Quotient { factor, divisor, order };
            let derived = Derived { sibling, a, b, rule };
            if holds(&derived, of, others) {
                return Some(derived);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Walks with wide steps, which no codec makes small.
    fn walk(seed: i64, rows: usize) -> Vec<i64> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()) | 1;
        let mut value = 1i64 << 33;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            value += (state >> 34) % 100_000_000;
            value.abs()
        };
        (0..rows).map(|_| next()).collect()
    }

    fn ints(values: Vec<i64>) -> Column {
        Column::new("", Values::Integer(values))
    }

    fn floats(values: impl Iterator<Item = f64>) -> Column {
        Column::new("", Values::Float(values.collect()))
    }

    const TOTAL: i64 = 1 << 34;

    /// What a memory plug-in reports of one host, by order of names.
    fn memory(seed: i64, rows: usize, total: i64) -> Vec<Column> {
        let used = walk(seed, rows);
        let percent = |of: &[i64]| {
            let of = of.to_vec();
            floats(of.into_iter().map(move |v| 100.0 * v as f64 / total as f64))
        };
        let available: Vec<i64> = used.iter().map(|used| total - used).collect();
        vec![
            ints(available.clone()),
            percent(&available),
            ints(available),
            ints(vec![total; rows]),
            ints(used.clone()),
            percent(&used),
        ]
    }

    fn check(columns: &[Column], found: &[Option<Derived>]) {
        let numbers = |at: usize| dense(&columns[at], columns[at].len()).unwrap();
        for (column, derived) in columns.iter().zip(found) {
            let Some(derived) = derived else { continue };
            for sibling in [Some(derived.sibling), derived.second()].into_iter().flatten() {
                assert_eq!(found[sibling], None, "siblings are not derived themselves");
            }
            let mut words = Vec::new();
            derived.compute(numbers(derived.sibling), derived.second().map(numbers), &mut words);
            let want: Vec<i64> = match column.values() {
                Values::Float(v) => v.iter().map(|v| v.to_bits().cast_signed()).collect(),
                Values::Integer(v) => v.clone(),
                Values::Unsigned(v) => v.iter().map(|v| v.cast_signed()).collect(),
                _ => unreachable!("only numbers are derived"),
            };
            assert_eq!(words, want);
        }
    }

    #[test]
    fn memory_is_one_column_and_five_rules() {
        let mut siblings = Siblings::default();
        for (seed, total) in [(1, TOTAL), (2, TOTAL / 2 + 12_345), (3, TOTAL)] {
            let columns = memory(seed, 1024, total);
            let found = siblings.of(&columns, 1024);
            let derived: Vec<bool> = found.iter().map(Option::is_some).collect();
            assert_eq!(derived, [false, true, true, false, true, true], "{found:?}");
            check(&columns, &found);
        }
    }

    #[test]
    fn sums_and_differences_of_two_are_found_and_parts_of_what_varies() {
        let (sent, received) = (walk(5, 500), walk(6, 500));
        let both: Vec<i64> = sent.iter().zip(&received).map(|(a, b)| a + b).collect();
        let part = floats(sent.iter().zip(&both).map(|(a, b)| *a as f64 / *b as f64));
        let columns = [ints(both), ints(received), ints(sent), part];
        let found = Siblings::default().of(&columns, 500);
        assert!(matches!(found[2], Some(Derived { rule: Rule::Sum { .. }, .. })), "{found:?}");
        check(&columns, &found);
        let columns = [columns[0].clone(), columns[2].clone(), columns[3].clone()];
        let found = Siblings::default().of(&columns, 500);
        let by_sibling = Some(Rule::Quotient {
            factor: 1.0,
            divisor: Divisor::Sibling(0),
            order: Order::MultiplyFirst,
        });
        assert_eq!(found[2].map(|derived| derived.rule), by_sibling);
        check(&columns, &found);
    }

    #[test]
    fn what_does_not_hold_in_every_row_does_not_count() {
        for row in [0, 1, 77, 500, 1023] {
            let mut columns = memory(9, 1024, TOTAL);
            let Values::Integer(mut free) = columns[2].values().clone() else { unreachable!() };
            free[row] += 1;
            columns[2] = ints(free);
            let found = Siblings::default().of(&columns, 1024);
            assert_eq!(found[2], None, "row {row}");
            assert!(found[4].is_some());
            check(&columns, &found);
        }
        // Nor does what holds only because a value is missing.
        let mut columns = memory(9, 1024, TOTAL);
        let Values::Integer(mut free) = columns[2].values().clone() else { unreachable!() };
        free.truncate(1000);
        columns[2] = ints(free);
        assert_eq!(Siblings::default().of(&columns, 1024)[2], None);
    }

    #[test]
    fn what_is_cheap_anyway_stays_what_it_is() {
        let counter = ints((0..1024).collect());
        let twice = ints((0..1024).map(|v| v * 2).collect());
        let saturated = ints((0..1024).map(|v: i64| v.min(100)).collect());
        let columns = [counter, twice, saturated.clone(), saturated];
        assert_eq!(Siblings::default().of(&columns, 1024), [None; 4]);
    }

    #[test]
    fn fruitless_searches_become_rare_and_what_held_is_tried_in_each_group() {
        let mut siblings = Siblings::default();
        let strangers: Vec<Column> = (0..6).map(|seed| ints(walk(seed, 100))).collect();
        for _ in 0..1000 {
            assert_eq!(siblings.of(&strangers, 100), [None; 6]);
        }
        assert_eq!(siblings.gap, MAX_GAP);
        let mut siblings = Siblings::default();
        siblings.of(&memory(1, 100, TOTAL), 100);
        for seed in 0..100 {
            let columns = memory(seed, 100, TOTAL);
            assert_eq!(siblings.of(&columns, 100).iter().flatten().count(), 4);
            let found = siblings.of(&strangers, 100);
            assert_eq!(found, [None; 6]);
        }
    }

    proptest! {
        #[test]
        fn whatever_is_found_gives_back_every_bit(
            values in prop::collection::vec((any::<i64>(), any::<u64>(), -5..5i64), 64..200), b in any::<i64>()
        ) {
            let x: Vec<i64> = values.iter().map(|v| v.0).collect();
            let odd = values.iter().map(|v| f64::from_bits(v.1));
            let small = |v: &(i64, u64, i64)| v.2;
            let columns = [
                ints(x.clone()),
                ints(x.iter().map(|x| x.wrapping_mul(3).wrapping_add(b)).collect()),
                ints(values.iter().map(small).collect()),
                floats(values.iter().map(|v| v.2 as f64 / 3.0)),
                floats(odd.clone()),
                floats(odd),
                floats(x.iter().map(|x| *x as f64)),
                Column::new("", Values::Unsigned(x.iter().map(|x| b.wrapping_sub(*x).cast_unsigned()).collect())),
            ];
            let mut siblings = Siblings::default();
            for _ in 0..2 {
                let found = siblings.of(&columns, values.len());
                check(&columns, &found);
                prop_assert!(found[7].is_some() && found[5].is_some(), "{:?}", found);
            }
        }
    }
}
