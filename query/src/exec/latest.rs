//! The newest row of each series: `ORDER BY time DESC LIMIT 1`, the question of every overview.
//!
//! Storage knows the newest row from the descriptions of the newest blocks, mostly without decoding any. Rows of many series are
//! looked up together and lie in the same columns.

use std::collections::VecDeque;
use std::sync::Arc;

use stripchart_core::{Column, FieldType, ValueRef, Values};
use stripchart_storage::{LatestRows, Series};

use super::Heads;
use super::groups::Group;
use super::input::{InputSource, StoredSource, inclusive};
use crate::QueryError;
use crate::functions::castable;
use crate::limits::Budget;
use crate::plan::{FillMode, Node, Plan, Reference, ReferenceKind, Slot};
use crate::result::chunk::{Cells, CellsBuilder, Chunk, TagTexts};

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
    let names: Vec<&str> = plan.refs.iter().filter_map(|r| field_name(r, &of)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let latest = of.view.latest_rows(&series, &names, range).map_err(QueryError::storage)?;
    let mut places = vec![0; batch.len()];
    order.iter().enumerate().for_each(|(place, at)| places[*at] = place);
    let tags = tags_of(plan, &batch);
    let (cells, rows) = cells(plan, &of, &latest, &places, tags.as_ref().map(|(of, _)| &**of));
    let (cells, rows) = (Arc::new(cells), Arc::new(rows));
    let tags = tags.map(|(_, texts)| texts);
    let mut from = 0;
    for (number, group) in batch.into_iter().enumerate() {
        if rows.get(from).is_none_or(|row| *row as usize != number) {
            continue;
        }
        let head = heads.head(&group.name, group.tag_values);
        let (cells, series, tags) = (Arc::clone(&cells), Arc::clone(&rows), tags.clone());
        ready.push_back(Chunk { head, from, rows: 1, cells, series, tags, partial: false });
        from += 1;
    }
    Ok(())
}

/// The name of a field that is stored.
fn field_name<'r>(reference: &'r Reference, of: &StoredSource) -> Option<&'r str> {
    let is_field = matches!(reference.kind, ReferenceKind::Field(_))
        && of
            .field_type(&reference.name)
            .is_some_and(|own| castable(own, reference.kind.field_type()));
    is_field.then_some(reference.name.as_str())
}

/// A row for each group that has one, the time first, and the numbers of those groups. `places` tells where a group's row is in
/// `latest`, `tags` which names are tags.
fn cells(
    plan: &Plan,
    of: &StoredSource,
    latest: &LatestRows,
    places: &[usize],
    tags: Option<&[usize]>,
) -> (Vec<Cells>, Vec<u32>) {
    let found = |number: &usize| latest.timestamps[places[*number]];
    let groups: Vec<usize> = (0..places.len()).filter(|number| found(number).is_some()).collect();
    let times = groups.iter().filter_map(|number| Some(found(number)?.nanos())).collect();
    let mut cells = Vec::with_capacity(plan.columns.len() + 1);
    cells.push(Cells::Values(Values::Time(times), None));
    // Which of the columns read each name is.
    let mut next = 0;
    let read: Vec<Option<usize>> = plan
        .refs
        .iter()
        .map(|reference| {
            let place = field_name(reference, of).map(|_| next);
            next += usize::from(place.is_some());
            place
        })
        .collect();
    for column in &plan.columns {
        let Node::Slot(Slot::Ref(reference)) = column.node else { continue };
        if let Some(at) = tags.and_then(|tags| tags.iter().position(|tag| *tag == reference)) {
            cells.push(Cells::Tag(at));
            continue;
        }
        let values = read[reference].and_then(|at| latest.columns.get(at));
        let field_type = plan.refs[reference].kind.field_type();
        cells.push(chosen(values, groups.iter().map(|number| places[*number]), field_type));
    }
    let number = |group| u32::try_from(group).unwrap_or(u32::MAX);
    (cells, groups.into_iter().map(number).collect())
}

/// Rows of a column of what storage knows, as values of `field_type`.
fn chosen(
    column: Option<&Column>,
    rows: impl Iterator<Item = usize>,
    field_type: FieldType,
) -> Cells {
    let mut out = CellsBuilder::new(Values::empty(field_type));
    match column.map(|column| (column, column.values())) {
        Some((column, Values::Integer(values))) if field_type == FieldType::Integer => {
            let get = |row: usize| values.get(row).copied().filter(|_| column.is_valid(row));
            out.extend_integers(rows.map(get));
        }
        Some((column, Values::Float(values))) if field_type == FieldType::Float => {
            // What is not a number is null.
            let get = |row: usize| {
                let value = values.get(row).copied().filter(|value| !value.is_nan());
                value.filter(|_| column.is_valid(row))
            };
            out.extend_floats(rows.map(get));
        }
        _ => {
            for row in rows {
                let value = column.and_then(|column| column.get(row));
                out.push(value.filter(|value| !matches!(value, ValueRef::Float(v) if v.is_nan())));
            }
        }
    }
    out.finish()
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
    // Which of `tags` each tag of a key is: mostly what it was in the series before.
    let mut known: Vec<Option<usize>> = Vec::new();
    for group in batch {
        found.fill(None);
        // Once through the key, however many of its tags are wanted.
        let key = source(group).into_iter().flat_map(|(_, series)| series.key().tags());
        for (place, (key, value)) in key.enumerate() {
            let is_it = |at: &usize| tags.get(*at).is_some_and(|tag| plan.refs[*tag].name == key);
            let at = known.get(place).copied().flatten().filter(is_it);
            let at = at.or_else(|| (0..tags.len()).find(is_it));
            known.resize(known.len().max(place + 1), None);
            known[place] = at;
            if let Some(at) = at {
                found[at] = Some(value);
            }
        }
        found.iter().for_each(|text| texts.push(*text));
    }
    Some((tags, Arc::new(texts)))
}
