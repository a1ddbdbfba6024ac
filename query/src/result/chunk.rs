//! Rows on their way from the executor to whoever asked.
//!
//! A [`Frame`] owns a name for every column and a text for every tag of every row. That is what embedders want, and more
//! than a writer needs: a series of the answer has one [`Head`], however many chunks its rows come in, and a tag that is
//! a column is a text of the series that the row was read from, looked up by number.
//!
//! ```text
//! chunk    head -----> name, tags, names of columns          shared by the chunks of a series
//!          cells       a column each: values and validity, or "tag number 2 of the row's series"
//!          series      for each row the number of its series, if some cells are tags
//!          tags -----> for each series the texts of its tags  shared by all chunks of a statement
//! ```

use std::sync::Arc;

use stripchart_core::{Bitmap, Column, Frame, Strings, Unit, Values};

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
}

impl TagTexts {
    /// None yet, of `width` tags for each series.
    pub(crate) fn new(width: usize) -> Self {
        TagTexts { width, text: String::new(), places: Vec::new() }
    }

    /// Appends the next tag of a series, or the first of the next series.
    pub(crate) fn push(&mut self, tag: Option<&str>) {
        let from = self.text.len();
        self.text.push_str(tag.unwrap_or_default());
        self.places.push(tag.map(|_| (from, self.text.len())));
    }

    pub(crate) fn get(&self, series: u32, tag: usize) -> Option<&str> {
        let (from, to) = (*self.places.get(series as usize * self.width + tag)?)?;
        self.text.get(from..to)
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
}

/// Rows of one series of the answer.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub head: Arc<Head>,
    pub rows: usize,
    pub cells: Vec<Cells>,
    pub series: Vec<u32>,
    pub tags: Option<Arc<TagTexts>>,
    /// Whether more rows of the series follow.
    pub partial: bool,
}

impl Chunk {
    /// The rows as a frame.
    pub(crate) fn into_frame(self) -> Frame {
        let Chunk { head, cells, series, tags, partial, .. } = self;
        let columns = cells.into_iter().zip(head.columns.iter()).map(|(cells, head)| {
            let mut column = match cells {
                Cells::Values(values, None) => Column::new(head.name.as_str(), values),
                Cells::Values(values, Some(valid)) => {
                    Column::with_validity(head.name.as_str(), values, valid)
                }
                Cells::Tag(tag) => texts(&head.name, &series, tags.as_deref(), tag),
            };
            column.unit = head.unit;
            column
        });
        Frame {
            name: head.name.as_ref().to_owned(),
            tags: head.tags().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            columns: columns.collect(),
            partial,
        }
    }
}

/// The column of a tag.
fn texts(name: &str, series: &[u32], tags: Option<&TagTexts>, tag: usize) -> Column {
    let text = |number: &u32| tags.and_then(|tags| tags.get(*number, tag));
    let values: Strings = series.iter().map(|number| text(number).unwrap_or_default()).collect();
    if series.iter().all(|number| text(number).is_some()) {
        return Column::new(name, Values::String(values));
    }
    let valid: Bitmap = series.iter().map(|number| text(number).is_some()).collect();
    Column::with_validity(name, Values::String(values), valid)
}
