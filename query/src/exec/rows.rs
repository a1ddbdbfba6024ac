//! Rows of the answer out of values of slots.

use stripchart_core::{Column, FieldType, FieldValue, Frame, ValueRef, Values};

use crate::functions::{Points, cast};
use crate::plan::{FillMode, Plan, Slot};

/// Bytes of text in a column of a frame, from which on the next frame begins. Columns hold less than 4 GiB, a value
/// less than one.
const MAX_TEXT_BYTES: usize = 1 << 31;

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

    /// The column under its name; `default` is its type if no value came.
    pub(crate) fn finish(self, name: &str, default: FieldType) -> Column {
        let mut column = self.column.unwrap_or_else(|| empty(default, self.nulls));
        name.clone_into(&mut column.name);
        column
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

    /// A rough count of the bytes that the rows take.
    pub(crate) fn estimate_bytes(&self) -> u64 {
        let rows = u64::try_from(self.len()).unwrap_or(u64::MAX);
        let texts: usize = self.columns.iter().map(|column| column.text_bytes).sum();
        Points::estimate_bytes(rows, self.columns.len())
            .saturating_add(u64::try_from(texts).unwrap_or(u64::MAX))
    }

    /// Whether a column has as much text as it should have; it cannot hold twice as much.
    pub(crate) fn is_full(&self) -> bool {
        self.columns.iter().any(|column| column.text_bytes >= MAX_TEXT_BYTES)
    }

    /// Appends a row, given the values of the slots.
    pub(crate) fn push<'v>(&mut self, at: i64, value: impl Fn(Slot) -> Option<ValueRef<'v>>)
    where
        'a: 'v,
    {
        self.times.push(at);
        for (column, output) in self.columns.iter_mut().zip(&self.plan.columns) {
            column.push(output.node.evaluate(&value, false));
        }
    }

    /// The frame of these rows.
    pub(crate) fn finish(self, name: &str, tags: &[(String, String)]) -> Frame {
        let plan = self.plan;
        let columns = self.columns.into_iter().zip(&plan.columns).map(|(column, output)| {
            let field_type = crate::plan::node_type(&output.node, plan);
            let mut column = column.finish(&output.name, field_type);
            column.unit = output.unit;
            column
        });
        frame(plan, name, tags, self.times, columns.collect())
    }
}

fn frame(
    plan: &Plan,
    name: &str,
    tags: &[(String, String)],
    times: Vec<i64>,
    columns: Vec<Column>,
) -> Frame {
    let time = Column::new(plan.time_name.as_str(), Values::Time(times));
    let columns = [time].into_iter().chain(columns).collect();
    Frame { name: name.to_owned(), tags: tags.to_vec(), columns, partial: false }
}

/// The rows of several functions side by side: those of one instant share a row, and where a function has none its
/// column holds what `fill` says.
pub(crate) fn align(
    plan: &Plan,
    name: &str,
    tags: &[(String, String)],
    mut calls: Vec<Points>,
) -> Option<Frame> {
    if calls.iter().all(|points| points.len() == 0) {
        return None;
    }
    if let [points] = calls.as_mut_slice()
        && let Some(columns) = ready_made(plan, points)
    {
        return Some(frame(plan, name, tags, std::mem::take(&mut points.times), columns));
    }
    let mut rows = Rows::new(plan);
    let mut next = vec![0; calls.len()];
    let mut state = State::new(plan);
    while let Some(at) = next_time(&calls, &next, plan.ascending) {
        for (index, points) in calls.iter().enumerate() {
            let here = points.times.get(next[index]) == Some(&at);
            let row = next[index];
            let value = points.values.get(row).filter(|_| here);
            state.set(Slot::Call(index), value, points.field_type());
            for (aux, column) in points.aux.iter().enumerate() {
                let field_type = column.values().field_type().unwrap_or(FieldType::Float);
                state.set(Slot::Ref(aux), column.get(row).filter(|_| here), field_type);
            }
            next[index] += usize::from(here);
        }
        rows.push(at, |slot| state.get(slot));
    }
    Some(rows.finish(name, tags))
}

fn next_time(calls: &[Points], next: &[usize], ascending: bool) -> Option<i64> {
    let times =
        calls.iter().zip(next).filter_map(|(points, next)| points.times.get(*next).copied());
    if ascending { times.min() } else { times.max() }
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
    plan.columns
        .iter()
        .map(|output| {
            let mut column = column(&output.node).filter(is_plain)?.clone();
            output.name.clone_into(&mut column.name);
            column.unit = output.unit;
            Some(column)
        })
        .collect()
}

/// The values of the slots from row to row: with `fill(previous)` what is missing stays as it was, with `fill(number)`
/// it is that number.
#[derive(Debug)]
pub(crate) struct State<'a> {
    fill: &'a FillMode,
    refs: Vec<Option<FieldValue>>,
    calls: Vec<Option<FieldValue>>,
}

impl<'a> State<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        State {
            fill: &plan.fill,
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
        *place = match (value, self.fill) {
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
