//! Rows on their way from the executor to whoever asked.
//!
//! A [`Frame`] owns a name for every column. That is more than a writer needs: a series of the answer has one [`Head`], however
//! many chunks its rows come in, and a tag that is a column is a text of the series that the row was read from, looked up by number.
//!
//! ```text
//! chunk    head -----> name, tags, names of columns          shared by the chunks of a series
//!          cells       a column each: values and validity, or "tag number 2 of the row's series"
//!          series      for each row the number of its series, if some cells are tags
//!          tags -----> for each series the texts of its tags  shared by all chunks of a statement
//! ```

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use stripchart_core::{Bitmap, Column, FieldType, Frame, Strings, Unit, ValueRef, Values};

use crate::functions::cast;

/// What the chunks of one series of the answer have in common.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Head {
    pub name: Arc<str>,
    /// The tags grouped by, sorted.
    pub tag_keys: Arc<[String]>,
    /// Their values, in the same order.
    pub tag_values: Vec<String>,
    pub columns: Arc<[ColumnHead]>,
}

/// What a column is called, and what its numbers mean.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ColumnHead {
    pub name: String,
    pub unit: Option<Unit>,
}

impl Head {
    pub(crate) fn tags(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tag_keys.iter().map(String::as_str).zip(self.tag_values.iter().map(String::as_str))
    }
}

/// Texts of tags, by series.
#[derive(Debug)]
pub(crate) struct TagTexts {
    /// How many each series has.
    width: usize,
    /// All of them, one behind the other.
    text: String,
    /// Series by series where each begins and ends; `None` where a series does not have the tag.
    places: Vec<Option<(usize, usize)>>,
    /// Whether every series has all.
    complete: bool,
    /// All of them for columns, made when first asked for; `None` if they are too much for that.
    shared: OnceLock<Option<Arc<Strings>>>,
}

impl TagTexts {
    /// None yet, of `width` tags for each series.
    pub(crate) fn new(width: usize) -> Self {
        let (text, places, shared) = (String::new(), Vec::new(), OnceLock::new());
        TagTexts { width, text, places, complete: true, shared }
    }

    /// Appends the next tag of a series, or the first of the next series.
    pub(crate) fn push(&mut self, tag: Option<&str>) {
        let from = self.text.len();
        self.text.push_str(tag.unwrap_or_default());
        self.places.push(tag.map(|_| (from, self.text.len())));
        self.complete &= tag.is_some();
    }

    pub(crate) fn get(&self, series: u32, tag: usize) -> Option<&str> {
        let (from, to) = (*self.places.get(series as usize * self.width + tag)?)?;
        self.text.get(from..to)
    }

    /// The column of a tag, for rows of these series.
    fn column(&self, name: &str, series: &[u32], tag: usize) -> Column {
        let texts = self.keyed(series, tag).unwrap_or_else(|| {
            series.iter().map(|number| self.get(*number, tag).unwrap_or_default()).collect()
        });
        if self.complete {
            return Column::new(name, Values::String(texts));
        }
        let valid: Bitmap = series.iter().map(|number| self.get(*number, tag).is_some()).collect();
        if valid.count_ones() == series.len() {
            return Column::new(name, Values::String(texts));
        }
        Column::with_validity(name, Values::String(texts), valid)
    }

    fn keyed(&self, series: &[u32], tag: usize) -> Option<Strings> {
        let shared = self.shared.get_or_init(|| {
            let fit = u32::try_from(self.places.len().max(self.text.len())).is_ok();
            let text = |place: &Option<(usize, usize)>| {
                place.and_then(|(from, to)| self.text.get(from..to)).unwrap_or_default()
            };
            fit.then(|| Arc::new(self.places.iter().map(text).collect()))
        });
        let (width, tag) = (u32::try_from(self.width).ok()?, u32::try_from(tag).ok()?);
        let keys = series.iter().map(|number| number.wrapping_mul(width).wrapping_add(tag));
        Some(Strings::keyed(keys.collect(), Arc::clone(shared.as_ref()?)))
    }
}

/// A column of a chunk.
#[derive(Debug)]
pub(crate) enum Cells {
    /// Values, and which of them count; `None` if all do.
    Values(Values, Option<Bitmap>),
    /// This tag of the row's series.
    Tag(usize),
}

impl Cells {
    /// The cells of a column.
    pub(crate) fn of(column: Column) -> Cells {
        let valid = column.validity().cloned();
        // The only way to the values without a copy of them.
        let values = column.into_values();
        Cells::Values(values, valid)
    }

    /// How many rows there are; none are counted of a tag.
    fn rows(&self) -> usize {
        match self {
            Cells::Values(values, _) => values.len(),
            Cells::Tag(_) => 0,
        }
    }

    /// A copy of some rows.
    fn part(&self, from: usize, rows: usize) -> Cells {
        self.parts(std::slice::from_ref(&(from..from + rows)), rows)
    }

    /// A copy of these rows, `rows` in all.
    pub(crate) fn parts(&self, spans: &[Range<usize>], rows: usize) -> Cells {
        fn of<T: Clone>(values: &[T], spans: &[Range<usize>], rows: usize) -> Vec<T> {
            let mut all = Vec::with_capacity(rows);
            for span in spans {
                all.extend_from_slice(values.get(span.clone()).unwrap_or_default());
            }
            all
        }
        let (values, valid) = match self {
            Cells::Tag(tag) => return Cells::Tag(*tag),
            Cells::Values(values, valid) => (values, valid),
        };
        let each = || spans.iter().cloned().flatten();
        let values = match values {
            Values::Float(v) => Values::Float(of(v, spans, rows)),
            Values::Integer(v) => Values::Integer(of(v, spans, rows)),
            Values::Unsigned(v) => Values::Unsigned(of(v, spans, rows)),
            Values::Boolean(v) => Values::Boolean(of(v, spans, rows)),
            Values::Time(v) => Values::Time(of(v, spans, rows)),
            Values::String(v) => {
                Values::String(each().map(|row| v.get(row).unwrap_or_default()).collect())
            }
        };
        let valid = valid.as_ref().map(|valid| each().map(|row| valid.get(row)).collect());
        // What has gaps elsewhere only has none here.
        Cells::Values(values, valid.filter(|valid: &Bitmap| valid.count_ones() < rows))
    }
}

/// A column of cells in the making.
#[derive(Debug)]
pub(crate) struct CellsBuilder {
    values: Values,
    valid: Option<Bitmap>,
}

impl CellsBuilder {
    /// No rows yet.
    pub(crate) fn new(values: Values) -> Self {
        CellsBuilder { values, valid: None }
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// Appends a value, as one of the column's type, or a gap.
    pub(crate) fn push(&mut self, value: Option<ValueRef<'_>>) {
        let own = self.values.field_type().unwrap_or(FieldType::Integer);
        match value.and_then(|value| cast(value, own)) {
            Some(value) => {
                self.values.push(value);
                self.note(true);
            }
            None => {
                self.note(false);
                match &mut self.values {
                    Values::Float(v) => v.push(0.0),
                    Values::Integer(v) | Values::Time(v) => v.push(0),
                    Values::Unsigned(v) => v.push(0),
                    Values::Boolean(v) => v.push(false),
                    Values::String(v) => v.push(""),
                }
            }
        }
    }

    /// Appends an instant to a column of those.
    pub(crate) fn push_time(&mut self, at: i64) {
        if let Values::Time(times) = &mut self.values {
            times.push(at);
        }
    }

    /// Appends floats; `None` is a gap.
    pub(crate) fn extend_floats(&mut self, found: impl Iterator<Item = Option<f64>>) {
        let Values::Float(values) = &mut self.values else { return };
        extend(values, &mut self.valid, found);
    }

    /// Appends integers; `None` is a gap.
    pub(crate) fn extend_integers(&mut self, found: impl Iterator<Item = Option<i64>>) {
        let Values::Integer(values) = &mut self.values else { return };
        extend(values, &mut self.valid, found);
    }

    /// Says of the row that comes next whether it has a value.
    fn note(&mut self, is_valid: bool) {
        let rows = self.values.len();
        if is_valid {
            // Called behind the push.
            self.valid.iter_mut().for_each(|valid| valid.push(true));
        } else {
            self.valid.get_or_insert_with(|| Bitmap::filled(rows, true)).push(false);
        }
    }

    pub(crate) fn finish(self) -> Cells {
        Cells::Values(self.values, self.valid)
    }
}

fn extend<T: Default>(
    values: &mut Vec<T>,
    valid: &mut Option<Bitmap>,
    found: impl Iterator<Item = Option<T>>,
) {
    for value in found {
        if value.is_none() && valid.is_none() {
            *valid = Some(Bitmap::filled(values.len(), true));
        }
        if let Some(valid) = valid {
            valid.push(value.is_some());
        }
        values.push(value.unwrap_or_default());
    }
}

/// Rows of one series of the answer.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub head: Arc<Head>,
    /// The first of its rows in `cells` and `series`: many short series of an answer lie one behind the other.
    pub from: usize,
    pub rows: usize,
    pub cells: Arc<Vec<Cells>>,
    pub series: Arc<Vec<u32>>,
    pub tags: Option<Arc<TagTexts>>,
    /// Whether more rows of the series follow.
    pub partial: bool,
}

impl Chunk {
    /// The rows as a frame.
    pub(crate) fn into_frame(self) -> Frame {
        let Chunk { head, from, rows, cells, series, tags, partial } = self;
        Frame {
            name: head.name.as_ref().to_owned(),
            tags: head.tags().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            columns: columns(&head, cells, from..from + rows, (&series, tags.as_deref())),
            partial,
        }
    }
}

/// Some rows of cells as columns: the cells themselves if those are all rows and nobody else has them.
pub(crate) fn columns(
    head: &Head,
    cells: Arc<Vec<Cells>>,
    rows: Range<usize>,
    (series, tags): (&[u32], Option<&TagTexts>),
) -> Vec<Column> {
    let (from, count) = (rows.start, rows.len());
    let cells = match Arc::try_unwrap(cells) {
        Ok(cells) if from == 0 && cells.iter().all(|cells| cells.rows() <= count) => cells,
        Ok(cells) => cells.iter().map(|cells| cells.part(from, count)).collect(),
        Err(cells) => cells.iter().map(|cells| cells.part(from, count)).collect(),
    };
    let series = series.get(rows).unwrap_or_default();
    let columns = cells.into_iter().zip(head.columns.iter()).map(|(cells, head)| {
        let mut column = match cells {
            Cells::Values(values, None) => Column::new(head.name.as_str(), values),
            Cells::Values(values, Some(valid)) => {
                Column::with_validity(head.name.as_str(), values, valid)
            }
            Cells::Tag(tag) => match tags {
                Some(tags) => tags.column(&head.name, series, tag),
                None => absent(&head.name, series.len()),
            },
        };
        column.unit = head.unit;
        column
    });
    columns.collect()
}

/// A column of texts of which no row has one.
fn absent(name: &str, rows: usize) -> Column {
    let texts = std::iter::repeat_n("", rows).collect();
    Column::with_validity(name, Values::String(texts), Bitmap::filled(rows, false))
}
