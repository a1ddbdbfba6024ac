//! What rows are read from: stored series and the series of a subquery, alike.

use std::rc::Rc;
use std::sync::Arc;

use stripchart_core::{Column, FieldType, Frame, TimeRange, Timestamp, ValueRef};
use stripchart_storage::{Direction, FieldInfo, Series, SeriesScan, View};

use crate::QueryError;
use crate::functions::cast;
use crate::limits::Budget;
use crate::plan::{Condition, Reference, ReferenceKind, means_field};

/// A series of rows.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub source: InputSource,
    /// Whether each row must be tested; if not, the tags alone fulfil the condition.
    pub filtered: bool,
    /// Whether it holds the rows of functions in a subquery, which at one instant are in the order of the series' keys.
    pub ranked: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum InputSource {
    Stored { view: Arc<View>, series: Series, fields: Rc<[FieldInfo]> },
    Frame(Rc<Frame>),
}

impl Input {
    /// The value of tag `key`, empty without.
    pub(crate) fn tag(&self, key: &str) -> &str {
        match &self.source {
            InputSource::Stored { series, .. } => series.key().tag(key).unwrap_or(""),
            InputSource::Frame(frame) => frame.tag_value(key).unwrap_or(""),
        }
    }

    /// The type of field `name`, if the series may have it.
    pub(crate) fn field_type(&self, name: &str) -> Option<FieldType> {
        match &self.source {
            InputSource::Stored { fields, .. } => {
                fields.iter().find(|field| field.name == name).map(|field| field.field_type)
            }
            InputSource::Frame(frame) => frame.get(name)?.values().field_type(),
        }
    }

    /// The times of its first and last rows, both inside; it may reach further than its rows do.
    pub(crate) fn time_bounds(&self) -> Option<(i64, i64)> {
        match &self.source {
            InputSource::Stored { view, series, .. } => {
                view.time_bounds(series).map(|(first, last)| (first.nanos(), last.nanos()))
            }
            InputSource::Frame(frame) => {
                let times = frame.times()?;
                Some((*times.iter().min()?, *times.iter().max()?))
            }
        }
    }
}

/// What is read, of every input alike.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub refs: &'a [Reference],
    pub condition: Option<&'a Condition>,
    /// Both ends inside.
    pub start: i64,
    pub last: i64,
    pub ascending: bool,
    /// Whether the rows of a subquery count though all that is wanted of them is null. Stored rows never do.
    pub nulls: bool,
}

/// Where a value of the row is found.
#[derive(Debug, Clone)]
enum Cell {
    Column(usize, FieldType),
    Tag(String),
    Null,
}

/// Goes through the rows of an input that fulfil the condition and have at least one of the wanted fields.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    wanted: Wanted<'a>,
    filtered: bool,
    blocks: Blocks,
    times: Vec<i64>,
    columns: Vec<Column>,
    row: usize,
    cells: Vec<Cell>,
    condition_cells: Vec<Cell>,
}

#[derive(Debug)]
enum Blocks {
    Scan(Box<SeriesScan>),
    Frame(Option<Rc<Frame>>, Vec<String>),
}

impl<'a> Reader<'a> {
    /// Begins before the first row.
    pub(crate) fn new(input: &Input, wanted: Wanted<'a>) -> Self {
        let mut names: Vec<String> = Vec::new();
        let mut column = |name: &str, to: FieldType| {
            let index = names.iter().position(|known| known == name).unwrap_or_else(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
            Cell::Column(index, to)
        };
        let cells = wanted
            .refs
            .iter()
            .map(|reference| match reference.kind {
                ReferenceKind::Field(to) if input.field_type(&reference.name).is_some() => {
                    column(&reference.name, to)
                }
                ReferenceKind::Tag => match input.tag(&reference.name) {
                    "" => Cell::Null,
                    value => Cell::Tag(value.to_owned()),
                },
                _ => Cell::Null,
            })
            .collect();
        let condition = wanted.condition.filter(|_| input.filtered);
        let condition_cells = condition
            .map_or(&[][..], |condition| &condition.refs)
            .iter()
            .map(|variable| match input.field_type(&variable.name) {
                Some(own) if means_field(variable, true) => column(&variable.name, own),
                None if means_field(variable, false) => Cell::Null,
                _ => Cell::Tag(input.tag(&variable.name).to_owned()),
            })
            .collect();
        let blocks = Blocks::new(input, names, &wanted);
        Reader {
            wanted,
            filtered: input.filtered,
            blocks,
            times: Vec::new(),
            columns: Vec::new(),
            row: 0,
            cells,
            condition_cells,
        }
    }

    /// Goes to the next row; `false` at the end.
    pub(crate) fn advance(&mut self, budget: &Budget<'_>) -> Result<bool, QueryError> {
        if !self.times.is_empty() {
            self.row += 1;
        }
        loop {
            while self.row < self.times.len() {
                if self.row_counts() {
                    return Ok(true);
                }
                self.row += 1;
            }
            self.row = 0;
            self.times.clear();
            if !self.next_block(budget)? {
                return Ok(false);
            }
        }
    }

    fn next_block(&mut self, budget: &Budget<'_>) -> Result<bool, QueryError> {
        match &mut self.blocks {
            Blocks::Scan(scan) => match scan.next() {
                None => return Ok(false),
                Some(block) => {
                    let block = block.map_err(QueryError::storage)?;
                    self.times = block.timestamps;
                    self.columns = block.columns;
                }
            },
            Blocks::Frame(frame, names) => {
                let Some(frame) = frame.take() else { return Ok(false) };
                self.times = frame.times().unwrap_or_default().to_vec();
                self.columns = names.iter().filter_map(|name| frame.get(name).cloned()).collect();
            }
        }
        budget.rows(self.times.len())?;
        Ok(true)
    }

    fn row_counts(&self) -> bool {
        let of_subquery = matches!(self.blocks, Blocks::Frame(..));
        let has_field = || {
            self.cells.iter().any(
                |cell| matches!(cell, Cell::Column(index, _) if self.columns[*index].is_valid(self.row)),
            )
        };
        ((of_subquery && self.wanted.nulls) || has_field())
            && (!self.filtered
                || self.wanted.condition.is_none_or(|condition| {
                    condition.holds(|index| self.cell(self.condition_cells.get(index)?))
                }))
    }

    /// The row's time.
    pub(crate) fn time(&self) -> i64 {
        self.times.get(self.row).copied().unwrap_or_default()
    }

    /// The row's value of the wanted name `index`.
    pub(crate) fn value(&self, index: usize) -> Option<ValueRef<'_>> {
        self.cell(self.cells.get(index)?)
    }

    fn cell<'s>(&'s self, cell: &'s Cell) -> Option<ValueRef<'s>> {
        match cell {
            Cell::Column(index, to) => cast(self.columns.get(*index)?.get(self.row)?, *to),
            Cell::Tag(value) => Some(ValueRef::String(value)),
            Cell::Null => None,
        }
    }
}

impl Blocks {
    fn new(input: &Input, names: Vec<String>, wanted: &Wanted<'_>) -> Self {
        match &input.source {
            InputSource::Frame(frame) => Blocks::Frame(Some(Rc::clone(frame)), names),
            InputSource::Stored { view, series, .. } => {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let direction =
                    if wanted.ascending { Direction::Ascending } else { Direction::Descending };
                let range = TimeRange::new(
                    Timestamp::from_nanos(wanted.start),
                    Timestamp::from_nanos(wanted.last.saturating_add(1)),
                );
                Blocks::Scan(Box::new(view.scan(series, &names, range, direction)))
            }
        }
    }
}
