//! The newest row of each series: `ORDER BY time DESC LIMIT 1`, the question of every overview.
//!
//! Storage knows the last value of a field from the description of the newest block, mostly without decoding it. The
//! newest row has the latest of those times, and the fields whose last value is of that time.

use std::collections::VecDeque;
use std::sync::Arc;

use stripchart_core::{FieldType, FieldValue, Timestamp, ValueRef, Values};
use stripchart_storage::Series;

use super::Heads;
use super::groups::Group;
use super::input::{InputSource, StoredSource, inclusive};
use crate::QueryError;
use crate::functions::push;
use crate::limits::Budget;
use crate::plan::{FillMode, Node, Plan, ReferenceKind, Slot};
use crate::result::chunk::{Cells, Chunk, TagTexts};

/// Groups whose rows are looked up together.
const GROUPS: usize = 1024;

/// Whether the answer about a group is the newest row of one stored series, as it is.
pub(super) fn suits(plan: &Plan, group: &Group) -> bool {
    let depends = matches!(plan.fill, FillMode::Previous | FillMode::Value(_));
    let plain = |node: &Node| matches!(node, Node::Slot(Slot::Ref(_)));
    !plan.ascending
        && plan.limit == Some(1)
        && plan.offset == 0
        && plan.calls.is_empty()
        && !depends
        && plan.columns.iter().all(|column| plain(&column.node))
        && source(group).is_some()
}

fn source(group: &Group) -> Option<(&Arc<StoredSource>, &Series)> {
    match group.inputs.as_slice() {
        [input] if !input.filtered => match &input.source {
            InputSource::Stored { of, series } => Some((of, series)),
            InputSource::Frame(_) => None,
        },
        _ => None,
    }
}

/// A field's last value in each series.
type Last = Vec<Option<(FieldValue, Timestamp)>>;

/// Makes chunks of the first groups, those that suit and are of one source, and takes them off `groups`.
pub(super) fn next(
    plan: &Plan,
    budget: &Budget<'_>,
    heads: &Heads,
    groups: &mut VecDeque<Group>,
    ready: &mut VecDeque<Chunk>,
) -> Result<(), QueryError> {
    let Some(of) = groups.front().and_then(source).map(|(of, _)| Arc::clone(of)) else {
        return Ok(());
    };
    let same = |group: &&Group| source(group).is_some_and(|(other, _)| Arc::ptr_eq(other, &of));
    let count = groups.iter().take(GROUPS).take_while(same).count();
    let batch: Vec<Group> = groups.drain(..count).collect();
    budget.rows(batch.len())?;
    // As they lie, since neighbours share what describes them.
    let mut order: Vec<usize> = (0..batch.len()).collect();
    order.sort_by_key(|at| batch[*at].place);
    let series: Vec<Series> = order
        .iter()
        .filter_map(|at| source(&batch[*at]))
        .map(|(_, series)| series.clone())
        .collect();
    let range = inclusive(plan.start.max(plan.read_start), plan.last.min(plan.read_last));
    let mut fields: Vec<Option<Last>> = Vec::with_capacity(plan.refs.len());
    for reference in plan.refs.iter() {
        let is_field = matches!(reference.kind, ReferenceKind::Field(_))
            && of.field_type(&reference.name).is_some();
        let last = is_field.then(|| of.view.last_values(&series, &reference.name, range));
        fields.push(last.transpose().map_err(QueryError::storage)?);
        budget.rows(0)?;
    }
    let mut places = vec![0; batch.len()];
    order.iter().enumerate().for_each(|(place, at)| places[*at] = place);
    let tags = tags_of(plan, &batch);
    for (number, group) in batch.into_iter().enumerate() {
        let value = |reference: usize| fields[reference].as_ref()?[places[number]].as_ref();
        let newest = (0..fields.len()).filter_map(|at| value(at).map(|(_, at)| *at)).max();
        let Some(newest) = newest else { continue };
        let mut cells = vec![Cells::Values(Values::Time(vec![newest.nanos()]), None)];
        for column in &plan.columns {
            let Node::Slot(Slot::Ref(reference)) = column.node else { continue };
            cells.push(match (plan.refs[reference].kind, &tags) {
                (ReferenceKind::Tag, Some((of, _))) => {
                    Cells::Tag(of.iter().position(|tag| *tag == reference).unwrap_or(0))
                }
                (kind, _) => {
                    let here = value(reference).filter(|(_, at)| *at == newest);
                    cell(kind.field_type(), here.map(|(value, _)| value.as_ref()))
                }
            });
        }
        let head = heads.head(&group.name, group.tag_values);
        let series = u32::try_from(number).unwrap_or(u32::MAX);
        let tags = tags.as_ref().map(|(_, texts)| Arc::clone(texts));
        let partial = false;
        ready.push_back(Chunk { head, rows: 1, cells, series: vec![series], tags, partial });
    }
    Ok(())
}

/// A column of one row. What is not a number is null.
fn cell(to: FieldType, value: Option<ValueRef<'_>>) -> Cells {
    let value = value.filter(|value| !matches!(value, ValueRef::Float(v) if v.is_nan()));
    match (to, value) {
        (FieldType::Integer, Some(ValueRef::Integer(v))) => {
            return Cells::Values(Values::Integer(vec![v]), None);
        }
        (FieldType::Float, Some(ValueRef::Float(v))) => {
            return Cells::Values(Values::Float(vec![v]), None);
        }
        _ => {}
    }
    let mut column = stripchart_core::Column::new("", Values::empty(to));
    push(&mut column, value);
    Cells::of(column)
}

/// Which of the names selected are tags, and their texts; `None` if none is.
fn tags_of(plan: &Plan, batch: &[Group]) -> Option<(Vec<usize>, Arc<TagTexts>)> {
    let is_tag = |at: &usize| plan.refs[*at].kind == ReferenceKind::Tag;
    let tags: Vec<usize> = (0..plan.refs.len()).filter(is_tag).collect();
    if tags.is_empty() {
        return None;
    }
    let mut texts = TagTexts::new(tags.len());
    let mut found: Vec<Option<&str>> = vec![None; tags.len()];
    for group in batch {
        found.fill(None);
        // Once through the key, however many of its tags are wanted.
        for (key, value) in source(group).into_iter().flat_map(|(_, series)| series.key().tags()) {
            if let Some(at) = tags.iter().position(|tag| plan.refs[*tag].name == key) {
                found[at] = Some(value);
            }
        }
        found.iter().for_each(|text| texts.push(*text));
    }
    Some((tags, Arc::new(texts)))
}
