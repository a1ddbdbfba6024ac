//! Results: one series of an answer, as columns.

use crate::{Column, Values};

/// One result series: a name, the tags it was grouped by, and columns of equal meaning row by row.
///
/// An answer is a stream of frames. Those of `SELECT` begin with a column `time`; those of `SHOW` have none.
///
/// ```
/// use stripchart_core::{Column, Frame, Values};
/// let frame = Frame::new("cpu")
///     .tag("host", "a")
///     .column(Column::new("time", Values::Time(vec![0, 10])))
///     .column(Column::new("mean", Values::Float(vec![1.5, 2.5])));
/// assert_eq!(frame.times(), Some(&[0, 10][..]));
/// assert_eq!(frame.get("mean").and_then(|column| column.get_f64(1)), Some(2.5));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    /// The measurement or the kind of answer; empty where InfluxDB gives none.
    pub name: String,
    /// The tags grouped by, sorted by key; a series without the tag has an empty value.
    pub tags: Vec<(String, String)>,
    /// The columns.
    pub columns: Vec<Column>,
    /// Whether rows were left out by a limit of the server, or follow in the next frame.
    pub partial: bool,
}

impl Frame {
    /// A frame without columns yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Frame { name: name.into(), ..Frame::default() }
    }

    /// The same with a tag more.
    #[must_use]
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    /// The same with a column more.
    #[must_use]
    pub fn column(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// Rows: the length of the longest column.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.columns.iter().map(Column::len).max().unwrap_or(0)
    }

    /// The column called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The instants of the first column of instants, nanoseconds since the epoch.
    #[must_use]
    pub fn times(&self) -> Option<&[i64]> {
        self.columns.iter().find_map(|column| match column.values() {
            Values::Time(times) => Some(times.as_slice()),
            _ => None,
        })
    }

    /// The value of tag `key`, if grouped by it.
    #[must_use]
    pub fn tag_value(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}
