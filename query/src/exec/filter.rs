//! Conditions computed column by column.
//!
//! A condition is a tree. Its leaves that compare a column of numbers with a constant, which are most, become a loop over
//! the column; what tags decide is computed once; any other leaf is evaluated row by row. `AND` and `OR` then combine
//! bits, 64 rows at a time, where both sides are truth values (for others InfluxDB has rules of its own, and the node is
//! a leaf). What comes out is what evaluating row by row gives, which the tests hold it to.

use stripchart_core::{Bitmap, Column, FieldType, FieldValue, Strings, ValueRef, Values};
use stripchart_storage::{Compare, Direction, Number};

use crate::ast::BinaryOp;
use crate::functions::cast;
use crate::plan::{Condition, Node, Place, Slot};

/// Where a value of the row is found.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    /// The column's number, and the type that its values are to have.
    Column(usize, FieldType),
    Tag(Box<str>),
    Null,
}

/// A bit for each row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mask {
    words: Vec<u64>,
    len: usize,
}

impl Mask {
    pub(crate) fn none(len: usize) -> Self {
        Mask { words: vec![0; len.div_ceil(64)], len }
    }

    fn all(len: usize) -> Self {
        let mut mask = Mask { words: vec![u64::MAX; len.div_ceil(64)], len };
        mask.cut();
        mask
    }

    /// The bits past the end are zero.
    fn cut(&mut self) {
        if !self.len.is_multiple_of(64)
            && let Some(word) = self.words.last_mut()
        {
            *word &= u64::MAX >> (64 - self.len % 64);
        }
    }

    fn of(len: usize, test: impl Fn(usize) -> bool) -> Self {
        let mut mask = Mask::none(len);
        for (at, word) in mask.words.iter_mut().enumerate() {
            let from = at * 64;
            for bit in 0..64.min(len - from) {
                *word |= u64::from(test(from + bit)) << bit;
            }
        }
        mask
    }

    pub(crate) fn and(&mut self, other: &Mask) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    fn or(&mut self, other: &Mask) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    /// Sets the bits of rows in which `column` has a value.
    pub(crate) fn or_valid(&mut self, column: &Column) {
        let valid = Mask::valid(column, self.len);
        self.or(&valid);
    }

    fn valid(column: &Column, len: usize) -> Mask {
        let mut mask = match column.validity() {
            None => Mask::all(column.len().min(len)),
            Some(bits) => Mask { words: bits.words().to_vec(), len: bits.len() },
        };
        mask.words.resize(len.div_ceil(64), 0);
        mask.len = len;
        mask.cut();
        mask
    }

    pub(crate) fn is_full(&self) -> bool {
        self.count() == self.len
    }

    fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The rows whose bits are set, in order.
    pub(crate) fn rows(&self) -> Vec<usize> {
        let mut rows = Vec::with_capacity(self.count());
        for (at, word) in self.words.iter().enumerate() {
            let mut rest = *word;
            while rest != 0 {
                rows.push(at * 64 + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
        rows
    }
}

/// Truth for every row alike, or row by row.
enum Truth {
    Always(bool),
    Rows(Mask),
}

impl Condition {
    /// The rows that fulfil it; `None` if all do.
    pub(crate) fn select(
        &self,
        cells: &[Cell],
        columns: &[Column],
        rows: usize,
        place: Place,
    ) -> Option<Mask> {
        let over = Over { cells, columns, rows, place };
        match over.truth(self.node()) {
            Truth::Always(true) => None,
            Truth::Always(false) => Some(Mask::none(rows)),
            Truth::Rows(mask) => Some(mask),
        }
    }
}

/// The rows that a condition is computed over.
#[derive(Clone, Copy)]
struct Over<'a> {
    cells: &'a [Cell],
    columns: &'a [Column],
    rows: usize,
    place: Place,
}

impl<'a> Over<'a> {
    /// In which rows `node` comes to true.
    fn truth(self, node: &Node) -> Truth {
        if self.is_constant(node) {
            return Truth::Always(self.holds(node, 0));
        }
        if let Node::Binary(op @ (BinaryOp::And | BinaryOp::Or), left, right) = node
            && self.is_truth(left)
            && self.is_truth(right)
        {
            return self.combined(*op, left, right);
        }
        if let Node::Binary(op, left, right) = node {
            let compared = match (&**left, &**right) {
                (Node::Slot(Slot::Ref(index)), Node::Literal(value)) => {
                    self.compared(*op, *index, value)
                }
                (Node::Literal(value), Node::Slot(Slot::Ref(index))) => {
                    mirrored(*op).and_then(|op| self.compared(op, *index, value))
                }
                _ => None,
            };
            if let Some(mask) = compared {
                return Truth::Rows(mask);
            }
        }
        Truth::Rows(Mask::of(self.rows, |row| self.holds(node, row)))
    }

    fn combined(self, op: BinaryOp, left: &Node, right: &Node) -> Truth {
        let is_and = op == BinaryOp::And;
        match self.truth(left) {
            // `false AND` and `true OR` need no right side; of the others the right side is all.
            Truth::Always(value) if value != is_and => Truth::Always(value),
            Truth::Always(_) => self.truth(right),
            Truth::Rows(mut mask) => match self.truth(right) {
                Truth::Always(value) if value != is_and => Truth::Always(value),
                Truth::Always(_) => Truth::Rows(mask),
                Truth::Rows(other) if is_and => {
                    mask.and(&other);
                    Truth::Rows(mask)
                }
                Truth::Rows(other) => {
                    mask.or(&other);
                    Truth::Rows(mask)
                }
            },
        }
    }

    /// Whether it can only be true, false or null.
    fn is_truth(self, node: &Node) -> bool {
        match node {
            Node::Literal(FieldValue::Boolean(_)) => true,
            Node::Slot(Slot::Ref(index)) => {
                matches!(self.cells.get(*index), Some(Cell::Column(_, FieldType::Boolean)))
            }
            Node::Binary(op, ..) => matches!(
                op,
                BinaryOp::And
                    | BinaryOp::Or
                    | BinaryOp::Eq
                    | BinaryOp::NotEq
                    | BinaryOp::Less
                    | BinaryOp::LessEq
                    | BinaryOp::Greater
                    | BinaryOp::GreaterEq
                    | BinaryOp::Match
                    | BinaryOp::NotMatch
            ),
            _ => false,
        }
    }

    /// Whether it is the same in every row.
    fn is_constant(self, node: &Node) -> bool {
        match node {
            Node::Slot(Slot::Ref(index)) => {
                !matches!(self.cells.get(*index), Some(Cell::Column(..)))
            }
            Node::Slot(Slot::Call(_)) | Node::Literal(_) | Node::Null | Node::Regex(_) => true,
            Node::Binary(_, left, right) => self.is_constant(left) && self.is_constant(right),
            Node::Math(_, args) => args.iter().all(|arg| self.is_constant(arg)),
        }
    }

    /// Row by row.
    fn holds(self, node: &Node, row: usize) -> bool {
        node.evaluate(&|slot| self.value(slot, row), self.place) == Some(ValueRef::Boolean(true))
    }

    fn value(self, slot: Slot, row: usize) -> Option<ValueRef<'a>> {
        let Slot::Ref(index) = slot else { return None };
        match self.cells.get(index)? {
            Cell::Column(column, to) => cast(self.columns.get(*column)?.get(row)?, *to),
            Cell::Tag(value) => Some(ValueRef::String(value)),
            Cell::Null => None,
        }
    }

    /// `column op constant`, if it is one of numbers.
    fn compared(self, op: BinaryOp, index: usize, value: &FieldValue) -> Option<Mask> {
        let Cell::Column(column, to) = self.cells.get(index)? else { return None };
        let column = self.columns.get(*column)?;
        if column.values().field_type() != Some(*to) {
            return None;
        }
        let mut mask = match (column.values(), value) {
            (Values::Integer(v), FieldValue::Integer(to)) => loops(op, v, *to, self.rows)?,
            (Values::Integer(v), FieldValue::Float(to)) => {
                loops_by(op, v, *to, self.rows, |v| *v as f64)?
            }
            (Values::Float(v), FieldValue::Float(to)) => loops(op, v, *to, self.rows)?,
            (Values::Float(v), FieldValue::Integer(to)) => loops(op, v, *to as f64, self.rows)?,
            (Values::Unsigned(v), FieldValue::Unsigned(to)) => loops(op, v, *to, self.rows)?,
            _ => return None,
        };
        if column.validity().is_some() || column.len() < self.rows {
            mask.and(&Mask::valid(column, self.rows));
        }
        Some(mask)
    }
}

fn loops<T: PartialOrd + Copy>(op: BinaryOp, values: &[T], to: T, rows: usize) -> Option<Mask> {
    loops_by(op, values, to, rows, |v| *v)
}

/// One loop for each operator, so that none is chosen row by row.
fn loops_by<T, U: PartialOrd + Copy>(
    op: BinaryOp,
    values: &[T],
    to: U,
    rows: usize,
    as_u: impl Fn(&T) -> U + Copy,
) -> Option<Mask> {
    Some(match op {
        BinaryOp::Eq => bits(values, rows, |v| as_u(v) == to),
        BinaryOp::NotEq => bits(values, rows, |v| as_u(v) != to),
        BinaryOp::Less => bits(values, rows, |v| as_u(v) < to),
        BinaryOp::LessEq => bits(values, rows, |v| as_u(v) <= to),
        BinaryOp::Greater => bits(values, rows, |v| as_u(v) > to),
        BinaryOp::GreaterEq => bits(values, rows, |v| as_u(v) >= to),
        _ => return None,
    })
}

fn bits<T>(values: &[T], rows: usize, test: impl Fn(&T) -> bool) -> Mask {
    let mut mask = Mask::none(rows);
    for (word, values) in mask.words.iter_mut().zip(values.chunks(64)) {
        for (bit, value) in values.iter().enumerate() {
            *word |= u64::from(test(value)) << bit;
        }
    }
    mask.cut();
    mask
}

/// The comparison with its sides exchanged.
fn mirrored(op: BinaryOp) -> Option<BinaryOp> {
    Some(match op {
        BinaryOp::Eq | BinaryOp::NotEq => op,
        BinaryOp::Less => BinaryOp::Greater,
        BinaryOp::LessEq => BinaryOp::GreaterEq,
        BinaryOp::Greater => BinaryOp::Less,
        BinaryOp::GreaterEq => BinaryOp::LessEq,
        _ => return None,
    })
}

/// What every row that fulfils a condition has to meet: comparisons of a field with a number that are joined by `AND`. Each is told as
/// the number of the name, how it is compared, and with what. Storage answers them by statistics before it reads.
pub(super) fn demands(condition: &Condition, cells: &[Cell]) -> Vec<(usize, Compare, Number)> {
    let mut all = Vec::new();
    demands_of(condition.node(), cells, &mut all);
    all
}

fn demands_of(node: &Node, cells: &[Cell], all: &mut Vec<(usize, Compare, Number)>) {
    let Node::Binary(op, left, right) = node else { return };
    if *op == BinaryOp::And {
        // Of what is no truth value InfluxDB has rules of its own.
        if is_comparison(left) && is_comparison(right) {
            demands_of(left, cells, all);
            demands_of(right, cells, all);
        }
        return;
    }
    let (op, index, value) = match (&**left, &**right) {
        (Node::Slot(Slot::Ref(index)), Node::Literal(value)) => (Some(*op), *index, value),
        (Node::Literal(value), Node::Slot(Slot::Ref(index))) => (mirrored(*op), *index, value),
        _ => return,
    };
    let compare = match op {
        Some(BinaryOp::Eq) => Compare::Equal,
        Some(BinaryOp::NotEq) => Compare::NotEqual,
        Some(BinaryOp::Less) => Compare::Less,
        Some(BinaryOp::LessEq) => Compare::LessOrEqual,
        Some(BinaryOp::Greater) => Compare::Greater,
        Some(BinaryOp::GreaterEq) => Compare::GreaterOrEqual,
        _ => return,
    };
    let Some(Cell::Column(_, own)) = cells.get(index) else { return };
    let number = match (own, value) {
        (FieldType::Integer | FieldType::Float, FieldValue::Integer(v)) => Number::Integer(*v),
        (FieldType::Integer | FieldType::Float, FieldValue::Float(v)) => Number::Float(*v),
        (FieldType::Unsigned, FieldValue::Unsigned(v)) => Number::Unsigned(*v),
        _ => return,
    };
    all.push((index, compare, number));
}

/// The same, if a condition is nothing but such comparisons, so that what meets them fulfils it.
pub(super) fn demands_alone(
    condition: &Condition,
    cells: &[Cell],
) -> Option<Vec<(usize, Compare, Number)>> {
    fn leaves(node: &Node) -> usize {
        match node {
            Node::Binary(BinaryOp::And, left, right) => leaves(left) + leaves(right),
            _ => 1,
        }
    }
    let all = demands(condition, cells);
    // Storage counts what is not a number as unequal to all; here such a row has no value.
    let exact = all.iter().all(|(_, compare, _)| *compare != Compare::NotEqual);
    (exact && all.len() == leaves(condition.node())).then_some(all)
}

/// Whether a node compares, or joins what does.
fn is_comparison(node: &Node) -> bool {
    match node {
        Node::Binary(BinaryOp::And | BinaryOp::Or, left, right) => {
            is_comparison(left) && is_comparison(right)
        }
        Node::Binary(op, ..) => mirrored(*op).is_some() || op.is_regex(),
        _ => false,
    }
}

/// Whether every value of a column is a number.
pub(super) fn no_nan(column: &Column) -> bool {
    match column.values() {
        Values::Float(values) => !values.iter().any(|v| v.is_nan()),
        _ => true,
    }
}

/// Where a row is not there.
const ABSENT: usize = usize::MAX;

/// For each of the first of `times` its place in `block`, `ABSENT` where it is not there; and how many are known: those
/// up to the block's end. Both are in order of `direction`.
pub(super) fn places(times: &[i64], block: &[i64], direction: Direction) -> (Vec<usize>, usize) {
    let before = |a: i64, b: i64| match direction {
        Direction::Ascending => a < b,
        Direction::Descending => a > b,
    };
    let Some(end) = block.last() else { return (Vec::new(), 0) };
    let mut found = Vec::with_capacity(times.len().min(block.len()));
    let mut at = 0;
    for time in times {
        if before(*end, *time) {
            break;
        }
        while block.get(at).is_some_and(|here| before(*here, *time)) {
            at += 1;
        }
        found.push(if block.get(at) == Some(time) { at } else { ABSENT });
    }
    let known = found.len();
    (found, known)
}

/// These rows of a column, in this order; null where there is none.
pub(super) fn gather(column: &Column, rows: &[usize]) -> Column {
    let own = column.values().field_type();
    collect(std::iter::once((column, &rows.to_vec())), 0, own.unwrap_or(FieldType::Float))
}

/// Rows of several columns of a field one behind the other, and `missing` nulls behind them.
pub(super) fn collect<'a>(
    pieces: impl Iterator<Item = (&'a Column, &'a Vec<usize>)>,
    missing: usize,
    own: FieldType,
) -> Column {
    let mut values = Values::empty(own);
    let mut valid = Bitmap::default();
    for (column, rows) in pieces {
        extend(&mut values, column.values(), rows);
        match column.validity() {
            None if rows.iter().all(|row| *row < column.len()) => valid.extend(rows.len(), true),
            _ => rows.iter().for_each(|row| valid.push(column.is_valid(*row))),
        }
    }
    extend(&mut values, &Values::empty(own), &vec![ABSENT; missing]);
    valid.extend(missing, false);
    if valid.count_ones() == valid.len() {
        Column::new("", values)
    } else {
        Column::with_validity("", values, valid)
    }
}

fn extend(into: &mut Values, from: &Values, rows: &[usize]) {
    fn take<T: Copy + Default>(into: &mut Vec<T>, from: &[T], rows: &[usize]) {
        into.extend(rows.iter().map(|row| from.get(*row).copied().unwrap_or_default()));
    }
    fn texts(into: &mut Strings, from: &Strings, rows: &[usize]) {
        rows.iter().for_each(|row| into.push(from.get(*row).unwrap_or_default()));
    }
    match (into, from) {
        (Values::Float(into), Values::Float(from)) => take(into, from, rows),
        (Values::Integer(into), Values::Integer(from)) => take(into, from, rows),
        (Values::Unsigned(into), Values::Unsigned(from)) => take(into, from, rows),
        (Values::Boolean(into), Values::Boolean(from)) => take(into, from, rows),
        (Values::String(into), Values::String(from)) => texts(into, from, rows),
        // A block's columns are of the field's type.
        (into, _) => {
            let own = into.field_type().unwrap_or(FieldType::Float);
            extend(into, &Values::empty(own), &vec![ABSENT; rows.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Condition;

    /// `i` (integer), `f` (float), `b` (boolean), `s` (text), some values missing; tag `host` is `a`.
    fn table(rows: &[[Option<i8>; 4]]) -> Vec<Column> {
        let types = [FieldType::Integer, FieldType::Float, FieldType::Boolean, FieldType::String];
        let mut columns: Vec<Column> =
            types.iter().map(|t| Column::new("", Values::empty(*t))).collect();
        for row in rows {
            for (at, value) in row.iter().enumerate() {
                let text = value.map(|v| v.to_string());
                let value = value.map(|v| match at {
                    0 => ValueRef::Integer(v.into()),
                    1 => ValueRef::Float(f64::from(v) / 2.0),
                    2 => ValueRef::Boolean(v > 0),
                    _ => ValueRef::String(text.as_deref().unwrap_or_default()),
                });
                match value {
                    Some(value) => columns[at].push(value),
                    None => columns[at].push_null(),
                }
            }
        }
        columns
    }

    const LEAVES: [&str; 14] = [
        "i > 1",
        "i != 2",
        "2 <= i",
        "i >= 0.5",
        "f < 1",
        "f = 0.5",
        "f != i",
        "i + 1 > f",
        "b = true",
        "b",
        "s = '1'",
        "s =~ /[12]/",
        "host = 'a'",
        "missing > 1",
    ];

    proptest! {
        #[test]
        fn columns_give_what_rows_give(
            rows in prop::collection::vec(prop::array::uniform4(prop::option::of(-3..4i8)), 0..150),
            leaves in prop::collection::vec((0..LEAVES.len(), any::<bool>()), 1..5),
        ) {
            let columns = table(&rows);
            let mut text = LEAVES[leaves[0].0].to_owned();
            for (leaf, and) in &leaves[1..] {
                let joint = if *and { "AND" } else { "OR" };
                text = format!("({text} {joint} {})", LEAVES[*leaf]);
            }
            let condition = Condition::new(&crate::parse_expr(&text).unwrap()).unwrap();
            let cells: Vec<Cell> = condition.refs.iter().map(|variable| match variable.name.as_str() {
                "i" => Cell::Column(0, FieldType::Integer),
                "f" => Cell::Column(1, FieldType::Float),
                "b" => Cell::Column(2, FieldType::Boolean),
                "s" => Cell::Column(3, FieldType::String),
                "host" => Cell::Tag("a".into()),
                _ => Cell::Null,
            }).collect();
            let place = Place::StoredRows;
            let over = Over { cells: &cells, columns: &columns, rows: rows.len(), place };
            let want: Vec<usize> = (0..rows.len())
                .filter(|row| condition.holds(|index| over.value(Slot::Ref(index), *row)))
                .collect();
            let got = condition.select(&cells, &columns, rows.len(), place);
            let got = got.map_or_else(|| (0..rows.len()).collect(), |mask| mask.rows());
            prop_assert_eq!(got, want, "{}", text);
        }

        #[test]
        fn rows_are_found_by_their_times(
            times in prop::collection::btree_set(0..40i64, 0..20),
            block in prop::collection::btree_set(0..40i64, 0..20),
            descending in any::<bool>(),
        ) {
            let (mut times, mut block): (Vec<i64>, Vec<i64>) =
                (times.into_iter().collect(), block.into_iter().collect());
            let mut direction = Direction::Ascending;
            if descending {
                times.reverse();
                block.reverse();
                direction = Direction::Descending;
            }
            let (found, known) = places(&times, &block, direction);
            prop_assert_eq!(found.len(), known);
            for (time, place) in times.iter().zip(&found) {
                let want = block.iter().position(|at| at == time).unwrap_or(ABSENT);
                prop_assert_eq!(*place, want);
            }
            for time in &times[known..] {
                prop_assert!(!block.contains(time));
            }
        }
    }
}
