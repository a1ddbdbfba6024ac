//! What rows are read from: stored series and the series of a subquery, alike.
//!
//! Rows come in blocks. Where a condition looks at fields, those are read first and the condition is computed column by
//! column; only where rows are left are the other fields read, and only the rows that are left are kept.

use std::sync::Arc;

use stripchart_core::{Column, FieldType, Frame, TimeRange, Timestamp, ValueRef, Values};
use stripchart_storage::{Compare, Direction, FieldInfo, Number, Series, SeriesScan, View};

use super::filter::{self, Cell};
use super::rollups::Rollups;
use crate::QueryError;
use crate::ast::{DataType, VarRef};
use crate::functions::{cast, castable};
use crate::limits::Budget;
use crate::plan::{Condition, Place, Reference, ReferenceKind, means_field};

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
    Stored { of: Arc<StoredSource>, series: Series },
    Frame(Arc<Frame>),
}

/// What the stored series of a measurement have in common.
#[derive(Debug)]
pub(crate) struct StoredSource {
    pub view: View,
    pub fields: Vec<FieldInfo>,
    /// The same series with their rollups, where those may be used.
    pub rolled: Option<Rollups>,
}

impl StoredSource {
    pub(crate) fn field_type(&self, name: &str) -> Option<FieldType> {
        self.fields.iter().find(|field| field.name == name).map(|field| field.field_type)
    }
}

impl Input {
    /// The value of tag `key`, empty without.
    pub(crate) fn tag(&self, key: &str) -> &str {
        match &self.source {
            InputSource::Stored { series, .. } => series.key().tag(key).unwrap_or(""),
            InputSource::Frame(frame) => frame.tag_value(key).unwrap_or(""),
        }
    }

    /// The value of tag `key` in a column: what a series does not have is null there, and empty where a subquery was grouped by it.
    pub(crate) fn tag_cell(&self, key: &str) -> Option<&str> {
        match &self.source {
            InputSource::Stored { series, .. } => {
                series.key().tag(key).filter(|value| !value.is_empty())
            }
            InputSource::Frame(frame) => frame.tag_value(key),
        }
    }

    /// The type of field `name`, if the series may have it.
    pub(crate) fn field_type(&self, name: &str) -> Option<FieldType> {
        match &self.source {
            InputSource::Stored { of, .. } => of.field_type(name),
            InputSource::Frame(frame) => frame.get(name)?.values().field_type(),
        }
    }

    /// The times of its first and last rows, both inside; it may reach further than its rows do.
    pub(crate) fn time_bounds(&self) -> Option<(i64, i64)> {
        match &self.source {
            InputSource::Stored { of, series } => {
                of.view.time_bounds(series).map(|(first, last)| (first.nanos(), last.nanos()))
            }
            InputSource::Frame(frame) => {
                let times = frame.times()?;
                Some((*times.iter().min()?, *times.iter().max()?))
            }
        }
    }
}

/// What is read, of every input alike.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub refs: Arc<[Reference]>,
    pub condition: Option<Arc<Condition>>,
    /// Both ends inside.
    pub start: i64,
    pub last: i64,
    pub ascending: bool,
    /// Whether the rows of a subquery count though all that is wanted of them is null. Stored rows never do.
    pub nulls: bool,
    /// The names that are fields, all of them numbers, where rows are asked for by [`Reader::packed`].
    pub packed: Option<Arc<[usize]>>,
    /// How many rows of an input are looked at in all.
    pub limit: Option<usize>,
}

/// Goes through the rows of an input that fulfil the condition and have at least one of the wanted fields.
#[derive(Debug)]
pub(crate) struct Reader {
    condition: Option<Arc<Condition>>,
    place: Place,
    blocks: Blocks,
    /// The rows of the block that count.
    times: Vec<i64>,
    columns: Vec<Column>,
    row: usize,
    cells: Vec<Cell>,
    condition_cells: Vec<Cell>,
    /// Whether rows count that have none of the wanted fields.
    nulls: bool,
    /// Bytes that the block is counted with.
    held: u64,
    /// The names whose numbers lie row by row in `rows`, if they do.
    fields: Option<Arc<[usize]>>,
    /// The bits of the block's numbers, those of a row side by side.
    rows: Vec<u64>,
}

#[derive(Debug)]
enum Blocks {
    Scan {
        scan: Box<SeriesScan>,
        /// What is read besides, where rows are left.
        rest: Option<Box<Rest>>,
    },
    Frame(Option<Arc<Frame>>, Vec<String>),
}

/// What a field must be compared with a number.
type Demand = (String, Compare, Number);

/// Fields that are read only where the condition holds.
#[derive(Debug)]
struct Rest {
    of: Arc<StoredSource>,
    series: Series,
    names: Vec<String>,
    direction: Direction,
}

/// The columns that are read, each once.
#[derive(Debug, Default)]
struct Names(Vec<String>);

impl Names {
    fn column(&mut self, name: &str, to: FieldType) -> Cell {
        let index = self.0.iter().position(|known| known == name).unwrap_or_else(|| {
            self.0.push(name.to_owned());
            self.0.len() - 1
        });
        Cell::Column(index, to)
    }
}

impl Reader {
    /// Begins before the first row.
    pub(crate) fn new(input: &Input, wanted: &Wanted) -> Self {
        let mut names = Names::default();
        let condition = wanted.condition.as_ref().filter(|_| input.filtered);
        let cast_of = |variable: &VarRef| variable.cast.and_then(DataType::value_type);
        let condition_cells = condition
            .map_or(&[][..], |condition| &condition.refs)
            .iter()
            .map(|variable| match input.field_type(&variable.name) {
                Some(own) if means_field(variable, true) => match cast_of(variable) {
                    Some(to) if castable(own, to) => names.column(&variable.name, to),
                    Some(_) => Cell::Null,
                    None => names.column(&variable.name, own),
                },
                None if means_field(variable, false) => Cell::Null,
                _ => Cell::Tag(input.tag(&variable.name).into()),
            })
            .collect::<Vec<Cell>>();
        let demands = condition.map_or_else(Vec::new, |condition| {
            // Storage compares what is stored.
            if condition.refs.iter().any(|variable| cast_of(variable).is_some()) {
                return Vec::new();
            }
            let of = filter::demands(condition, &condition_cells);
            let named = |(index, compare, number)| {
                let variable: &VarRef = condition.refs.get(index)?;
                Some((variable.name.clone(), compare, number))
            };
            of.into_iter().filter_map(named).collect()
        });
        let place = match input.source {
            InputSource::Stored { .. } => Place::StoredRows,
            InputSource::Frame(_) => Place::RowsOfSubquery,
        };
        let tested: usize = match condition {
            Some(condition) if needs_a_value(condition, &condition_cells, place) => names.0.len(),
            _ => 0,
        };
        let tag =
            |key: &str| input.tag_cell(key).map_or(Cell::Null, |value| Cell::Tag(value.into()));
        let cells = wanted
            .refs
            .iter()
            .map(|reference| match reference.kind {
                ReferenceKind::Field(to) => match input.field_type(&reference.name) {
                    Some(own) if castable(own, to) => names.column(&reference.name, to),
                    // To functions the tags of a subquery are texts like others.
                    None if matches!(input.source, InputSource::Frame(_)) => tag(&reference.name),
                    _ => Cell::Null,
                },
                ReferenceKind::Tag => tag(&reference.name),
                ReferenceKind::Unknown => Cell::Null,
            })
            .collect::<Vec<Cell>>();
        let is_text = |(cell, reference): (&Cell, &Reference)| {
            matches!((cell, reference.kind), (Cell::Tag(_), ReferenceKind::Field(_)))
        };
        let texts = cells.iter().zip(wanted.refs.iter()).any(is_text);
        Reader {
            condition: condition.cloned(),
            place,
            blocks: Blocks::new(input, names.0, tested, &demands, wanted),
            times: Vec::new(),
            columns: Vec::new(),
            row: 0,
            cells,
            condition_cells,
            nulls: texts || wanted.nulls && matches!(input.source, InputSource::Frame(_)),
            held: 0,
            fields: wanted.packed.clone(),
            rows: Vec::new(),
        }
    }

    /// Goes to the next row; `false` at the end.
    pub(crate) fn advance(&mut self, budget: &Budget<'_>) -> Result<bool, QueryError> {
        self.skip(1, budget)
    }

    /// Goes `rows` rows on, inside the block or to the first of the next one; `false` at the end.
    pub(crate) fn skip(&mut self, rows: usize, budget: &Budget<'_>) -> Result<bool, QueryError> {
        if !self.times.is_empty() {
            self.row += rows;
        }
        while self.row >= self.times.len() {
            self.row = 0;
            self.times.clear();
            if !self.next_block(budget)? {
                self.columns.clear();
                budget.give_back(std::mem::take(&mut self.held));
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn next_block(&mut self, budget: &Budget<'_>) -> Result<bool, QueryError> {
        budget.give_back(std::mem::take(&mut self.held));
        match &mut self.blocks {
            Blocks::Scan { scan, .. } => match scan.next() {
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
        self.select(budget)?;
        self.held = estimate(self.times.len(), &self.columns);
        budget.memory(self.held)?;
        self.pack();
        Ok(true)
    }

    /// Puts the numbers of each row side by side, if every field is a column of them without gaps. Where a thousand series are merged,
    /// each next row is in another one, and reaching for ten columns there takes ten times as long as for one place.
    fn pack(&mut self) {
        self.rows.clear();
        let Some(fields) = &self.fields else { return };
        let (rows, width) = (self.times.len(), fields.len());
        let column = |field: &usize| match self.cells.get(*field)? {
            Cell::Column(at, to) => self.columns.get(*at).filter(|column| {
                column.validity().is_none()
                    && column.len() == rows
                    && column.values().field_type() == Some(*to)
                    && filter::no_nan(column)
            }),
            _ => None,
        };
        let Some(columns) = fields.iter().map(column).collect::<Option<Vec<&Column>>>() else {
            return;
        };
        self.rows.resize(rows * width, 0);
        for (at, column) in columns.into_iter().enumerate() {
            let places = self.rows.iter_mut().skip(at).step_by(width);
            match column.values() {
                Values::Float(v) => places.zip(v).for_each(|(place, v)| *place = v.to_bits()),
                Values::Integer(v) => {
                    places.zip(v).for_each(|(place, v)| *place = v.cast_unsigned());
                }
                Values::Unsigned(v) => places.zip(v).for_each(|(place, v)| *place = *v),
                // Of other types no field is asked for so.
                _ => return self.rows.clear(),
            }
        }
        // Nobody looks at them any more.
        self.columns.clear();
    }

    /// The numbers of some rows of the block, as bits, those of a row side by side in the order of [`Wanted::packed`]; `None` if they have
    /// to be asked for one by one.
    pub(crate) fn packed(&self, from: usize, to: usize) -> Option<&[u64]> {
        let width = self.fields.as_ref()?.len();
        self.rows.get(from * width..to * width).filter(|rows| !rows.is_empty())
    }

    /// Keeps the rows that count.
    fn select(&mut self, budget: &Budget<'_>) -> Result<(), QueryError> {
        let rows = self.times.len();
        let mut chosen = match &self.condition {
            None => None,
            Some(condition) => {
                condition.select(&self.condition_cells, &self.columns, rows, self.place)
            }
        };
        if let Blocks::Scan { rest: Some(rest), .. } = &self.blocks {
            let all = self.times.first().copied().zip(self.times.last().copied());
            if let Some(chosen) = chosen.take() {
                keep(&chosen, &mut self.times, &mut self.columns);
            }
            if !self.times.is_empty() {
                let columns = rest.read(&self.times, all, budget)?;
                self.columns.extend(columns);
            }
        }
        // A row without any of the fields asked for is none; a column without gaps settles it.
        let rows = self.times.len();
        let wanted = || {
            self.cells.iter().filter_map(|cell| match cell {
                Cell::Column(index, _) => self.columns.get(*index),
                _ => None,
            })
        };
        let dense = wanted().any(|column| column.validity().is_none() && column.len() >= rows);
        if !dense && !self.nulls && rows > 0 {
            let columns: Vec<&Column> = wanted().collect();
            let mut has_value = filter::Mask::none(rows);
            columns.iter().for_each(|column| has_value.or_valid(column));
            match &mut chosen {
                Some(chosen) => chosen.and(&has_value),
                None => chosen = Some(has_value),
            }
        }
        if let Some(chosen) = chosen {
            keep(&chosen, &mut self.times, &mut self.columns);
        }
        Ok(())
    }

    /// The row's time.
    pub(crate) fn time(&self) -> i64 {
        self.times.get(self.row).copied().unwrap_or_default()
    }

    /// The times from the row on, as far as the block has them.
    pub(crate) fn times_ahead(&self) -> &[i64] {
        self.times.get(self.row..).unwrap_or_default()
    }

    /// The row's place in the block.
    pub(crate) fn row(&self) -> usize {
        self.row
    }

    /// The block's column of the wanted name `index`, and the type that its values are to have.
    pub(crate) fn column(&self, index: usize) -> Option<(&Column, FieldType)> {
        match self.cells.get(index)? {
            Cell::Column(column, to) => Some((self.columns.get(*column)?, *to)),
            _ => None,
        }
    }

    /// The row's value of the wanted name `index`.
    pub(crate) fn value(&self, index: usize) -> Option<ValueRef<'_>> {
        self.value_at(index, self.row)
    }

    /// The value of the wanted name `index` in a row of the block.
    pub(crate) fn value_at(&self, index: usize, row: usize) -> Option<ValueRef<'_>> {
        match self.cells.get(index)? {
            Cell::Column(column, to) => cast(self.columns.get(*column)?.get(row)?, *to),
            Cell::Tag(value) => Some(ValueRef::String(value)),
            Cell::Null => None,
        }
    }

    /// The text of the wanted name `index`, if it is a tag that the series has.
    pub(crate) fn tag(&self, index: usize) -> Option<&str> {
        match self.cells.get(index)? {
            Cell::Tag(value) => Some(value),
            _ => None,
        }
    }
}

/// Leaves the rows that are chosen.
fn keep(chosen: &filter::Mask, times: &mut Vec<i64>, columns: &mut [Column]) {
    if chosen.is_full() {
        return;
    }
    let rows = chosen.rows();
    *times = rows.iter().map(|row| times[*row]).collect();
    for column in columns {
        *column = filter::gather(column, &rows);
    }
}

/// Whether no row fulfils a condition in which all of the condition's fields are null, so that only rows with one of them
/// need be looked at.
fn needs_a_value(condition: &Condition, cells: &[Cell], place: Place) -> bool {
    let null = |cell: &Cell| match cell {
        Cell::Column(..) => Cell::Null,
        other => other.clone(),
    };
    let cells: Vec<Cell> = cells.iter().map(null).collect();
    condition.select(&cells, &[], 1, place).is_some_and(|rows| rows.rows().is_empty())
}

/// Bytes that rows take.
fn estimate(rows: usize, columns: &[Column]) -> u64 {
    let texts: usize = columns
        .iter()
        .map(|column| match column.values() {
            Values::String(texts) => texts.iter().map(str::len).sum(),
            _ => 0,
        })
        .sum();
    u64::try_from(rows * 8 * (1 + columns.len()) + texts).unwrap_or(u64::MAX)
}

impl Blocks {
    /// `tested` of the columns are what the condition needs; it has no rows but those that meet the `demands`.
    fn new(
        input: &Input,
        names: Vec<String>,
        tested: usize,
        demands: &[Demand],
        wanted: &Wanted,
    ) -> Self {
        match &input.source {
            InputSource::Frame(frame) => Blocks::Frame(Some(Arc::clone(frame)), names),
            InputSource::Stored { of, series } => {
                let direction =
                    if wanted.ascending { Direction::Ascending } else { Direction::Descending };
                let range = inclusive(wanted.start, wanted.last);
                let apart = tested > 0 && tested < names.len();
                let first = if apart { &names[..tested] } else { &names[..] };
                let first: Vec<&str> = first.iter().map(String::as_str).collect();
                let scan = of.view.scan(series, &first, range, direction);
                let demanded = demands.iter().fold(scan, |scan, (field, compare, number)| {
                    scan.where_field(field, *compare, *number)
                });
                // What the rows are limited to counts those that fulfil the condition.
                let limit = wanted.limit.filter(|_| !input.filtered || wanted.condition.is_none());
                let scan = Box::new(match limit {
                    Some(rows) => demanded.limit(rows),
                    None => demanded,
                });
                let rest = apart.then(|| {
                    let names = names[tested..].to_vec();
                    Box::new(Rest { of: Arc::clone(of), series: series.clone(), names, direction })
                });
                Blocks::Scan { scan, rest }
            }
        }
    }
}

/// The range from `first` to `last`, both inside.
pub(crate) fn inclusive(first: i64, last: i64) -> TimeRange {
    TimeRange::new(Timestamp::from_nanos(first), Timestamp::from_nanos(last.saturating_add(1)))
}

impl Rest {
    /// The columns at `times`, which are in the order of the scan; null where a row has none of them. They were chosen out
    /// of a block that reaches over `all`.
    fn read(
        &self,
        times: &[i64],
        all: Option<(i64, i64)>,
        budget: &Budget<'_>,
    ) -> Result<Vec<Column>, QueryError> {
        let (Some(a), Some(b)) = (times.first(), times.last()) else { return Ok(Vec::new()) };
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let (mut a, mut b) = (*a, *b);
        // Cutting a block costs a copy of it; only what leaves out the most is worth that.
        if let Some(all) = all.filter(|all| a.abs_diff(b) > all.0.abs_diff(all.1) / 2) {
            (a, b) = all;
        }
        let range = inclusive(a.min(b), a.max(b));
        let mut parts: Vec<Vec<Column>> = Vec::new();
        let mut found: Vec<Vec<usize>> = Vec::new();
        let mut done = 0;
        for block in self.of.view.scan(&self.series, &names, range, self.direction) {
            let block = block.map_err(QueryError::storage)?;
            budget.rows(0)?;
            let (rows, next) = filter::places(&times[done..], &block.timestamps, self.direction);
            done += next;
            parts.push(block.columns);
            found.push(rows);
        }
        let missing = times.len() - done;
        if let ([columns], 0) = (parts.as_mut_slice(), missing) {
            let rows = &found[0];
            let same = columns.iter().all(|column| column.len() == rows.len());
            if same && rows.iter().enumerate().all(|(at, row)| at == *row) {
                return Ok(std::mem::take(columns));
            }
        }
        let field = |index: usize| {
            let pieces = parts.iter().map(|columns| &columns[index]).zip(&found);
            let own = self.of.field_type(&self.names[index]).unwrap_or(FieldType::Float);
            filter::collect(pieces, missing, own)
        };
        Ok((0..self.names.len()).map(field).collect())
    }
}
