//! Rows of the answer out of values of slots.

use stripchart_core::{Column, FieldType, FieldValue, ValueRef, Values};

use crate::functions::{Points, cast};
use crate::plan::{FillMode, Place, Plan, ReferenceKind, Slot};

/// A column that takes whatever comes: its type is that of the first value, and becomes float where integers meet
/// floats. NaN is null.
#[derive(Debug, Default)]
pub(crate) struct ColumnBuilder {
    column: Option<Column>,
    /// Nulls before the first value.
    nulls: usize,
    /// Bytes of text.
    text_bytes: usize,
}

impl ColumnBuilder {
    pub(crate) fn push(&mut self, value: Option<ValueRef<'_>>) {
        let value = value.filter(|value| !matches!(value, ValueRef::Float(v) if v.is_nan()));
        let Some(value) = value else {
            match &mut self.column {
                Some(column) => column.push_null(),
                None => self.nulls += 1,
            }
            return;
        };
        if let ValueRef::String(text) = value {
            self.text_bytes += text.len();
        }
        let field_type = value.field_type().unwrap_or(FieldType::Float);
        let nulls = self.nulls;
        let column = self.column.get_or_insert_with(|| empty(field_type, nulls));
        let own = column.values().field_type();
        if own != Some(field_type) && own.is_some_and(FieldType::is_numeric) {
            if own != Some(FieldType::Float) && field_type == FieldType::Float {
                *column = widened(column);
            }
            let own = column.values().field_type().unwrap_or(FieldType::Float);
            match cast(value, own) {
                Some(value) => column.push(value),
                None => column.push_null(),
            }
        } else if own == Some(field_type) {
            column.push(value);
        } else {
            column.push_null();
        }
    }

    /// The column; `default` is its type if no value came.
    pub(crate) fn finish(self, default: FieldType) -> Column {
        self.column.unwrap_or_else(|| empty(default, self.nulls))
    }
}

fn empty(field_type: FieldType, nulls: usize) -> Column {
    let mut column = Column::new("", Values::empty(field_type));
    (0..nulls).for_each(|_| column.push_null());
    column
}

fn widened(column: &Column) -> Column {
    let mut floats = Column::new("", Values::empty(FieldType::Float));
    for row in 0..column.len() {
        match column.get_f64(row) {
            Some(value) => floats.push(ValueRef::Float(value)),
            None => floats.push_null(),
        }
    }
    floats
}

/// The rows of one series of the answer in the making.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    plan: &'a Plan,
    times: Vec<i64>,
    columns: Vec<ColumnBuilder>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let columns = plan.columns.iter().map(|_| ColumnBuilder::default()).collect();
        Rows { plan, times: Vec::new(), columns }
    }

    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Appends a row, given the values of the slots.
    pub(crate) fn push<'v>(&mut self, at: i64, value: impl Fn(Slot) -> Option<ValueRef<'v>>)
    where
        'a: 'v,
    {
        self.times.push(at);
        for (column, output) in self.columns.iter_mut().zip(&self.plan.columns) {
            column.push(output.node.evaluate(&value, Place::Columns));
        }
    }

    /// Bytes of text in the rows.
    pub(crate) fn text_bytes(&self) -> usize {
        self.columns.iter().map(|column| column.text_bytes).sum()
    }

    /// Times and columns of these rows.
    pub(crate) fn finish(self) -> (Vec<i64>, Vec<Column>) {
        let plan = self.plan;
        let columns = self.columns.into_iter().zip(&plan.columns).map(|(column, output)| {
            let field_type = crate::plan::node_type(&output.node, plan);
            column.finish(field_type)
        });
        (self.times, columns.collect())
    }
}

/// The rows of several functions side by side: those of one instant share a row, and where a function has none its
/// column holds what `fill` says. `None` if there is no row.
pub(crate) fn align(plan: &Plan, mut calls: Vec<Points>) -> Option<(Vec<i64>, Vec<Column>)> {
    if calls.iter().all(|points| points.len() == 0) {
        return None;
    }
    if let [points] = calls.as_mut_slice()
        && let Some(columns) = ready_made(plan, points)
    {
        return Some((std::mem::take(&mut points.times), columns));
    }
    let mut rows = Rows::new(plan);
    let mut next = vec![0; calls.len()];
    let mut state = State::new(plan);
    while let Some(at) = next_time(&calls, &next, plan.ascending) {
        for (index, points) in calls.iter().enumerate() {
            let here = points.times.get(next[index]) == Some(&at);
            let row = next[index];
            let value = points.values.get(row).filter(|_| here);
            // What no series has is not filled with a number.
            if value.is_some() || plan.calls[index].is_count() || has_field(plan, index) {
                state.set(Slot::Call(index), value, points.field_type());
            }
            for (aux, column) in points.aux.iter().enumerate() {
                let field_type = column.values().field_type().unwrap_or(FieldType::Float);
                state.set(Slot::Ref(aux), column.get(row).filter(|_| here), field_type);
            }
            next[index] += usize::from(here);
        }
        rows.push(at, |slot| state.get(slot));
    }
    Some(rows.finish())
}

fn next_time(calls: &[Points], next: &[usize], ascending: bool) -> Option<i64> {
    let times =
        calls.iter().zip(next).filter_map(|(points, next)| points.times.get(*next).copied());
    if ascending { times.min() } else { times.max() }
}

/// Whether the field of a function is one that some source has.
fn has_field(plan: &Plan, call: usize) -> bool {
    plan.calls[call].field().kind != ReferenceKind::Unknown
}

/// The columns of a single function, where each is the function's values or its companions' as they are.
fn ready_made(plan: &Plan, points: &Points) -> Option<Vec<Column>> {
    if matches!(plan.fill, FillMode::Value(_) | FillMode::Previous) {
        return None;
    }
    let column = |node: &crate::plan::Node| match node {
        crate::plan::Node::Slot(Slot::Call(_)) => Some(&points.values),
        crate::plan::Node::Slot(Slot::Ref(index)) => points.aux.get(*index),
        _ => None,
    };
    let is_plain = |column: &&Column| match column.values() {
        Values::Float(values) => !values.iter().any(|v| v.is_nan()),
        _ => true,
    };
    plan.columns.iter().map(|output| column(&output.node).filter(is_plain).cloned()).collect()
}

/// The values of the slots from row to row: with `fill(previous)` what is missing stays as it was, with `fill(number)`
/// it is that number.
#[derive(Debug)]
pub(crate) struct State {
    fill: FillMode,
    refs: Vec<Option<FieldValue>>,
    calls: Vec<Option<FieldValue>>,
}

impl State {
    pub(crate) fn new(plan: &Plan) -> Self {
        State {
            fill: plan.fill.clone(),
            refs: vec![None; plan.refs.len()],
            calls: vec![None; plan.calls.len()],
        }
    }

    pub(crate) fn set(&mut self, slot: Slot, value: Option<ValueRef<'_>>, field_type: FieldType) {
        let place = match slot {
            Slot::Ref(index) => self.refs.get_mut(index),
            Slot::Call(index) => self.calls.get_mut(index),
        };
        let Some(place) = place else { return };
        *place = match (value, &self.fill) {
            (Some(value), _) => value.to_field_value(),
            (None, FillMode::Previous) => return,
            (None, FillMode::Value(number)) => {
                cast(number.as_ref(), field_type).and_then(ValueRef::to_field_value)
            }
            (None, _) => None,
        };
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<ValueRef<'_>> {
        match slot {
            Slot::Ref(index) => self.refs.get(index)?.as_ref().map(FieldValue::as_ref),
            Slot::Call(index) => self.calls.get(index)?.as_ref().map(FieldValue::as_ref),
        }
    }
}
