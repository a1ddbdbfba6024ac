//! Results: many series of an answer in the same columns.

use std::ops::Range;

use crate::{Column, Frame, Strings, Values};

/// Many result series, their rows one behind the other in the same columns.
///
/// ```text
///           tags             ends      columns
///           host             (rows)    time  mean
/// series 0  a                2         0     1.5     row 0
///                                      10    2.5     row 1
/// series 1  b                3         0     4.0     row 2
/// ```
///
/// What a [`Frame`] for each series would say, for answers of thousands of short series: a column is one allocation however many
/// series there are, and reading one field of all of them is reading one slice.
///
/// ```
/// use stripchart_core::{Column, Frames, Values};
/// let frames = Frames {
///     name: "cpu".to_owned(),
///     tags: vec![Column::new("host", Values::String(["a", "b"].into_iter().collect()))],
///     ends: vec![2, 3],
///     columns: vec![
///         Column::new("time", Values::Time(vec![0, 10, 0])),
///         Column::new("mean", Values::Float(vec![1.5, 2.5, 4.0])),
///     ],
///     partial: false,
/// };
/// assert_eq!(frames.rows(1), 2..3);
/// assert_eq!(frames.tag_value(1, "host"), Some("b"));
/// assert_eq!(frames.get("mean").and_then(|column| column.get_f64(2)), Some(4.0));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frames {
    /// The measurement or the kind of answer; empty where InfluxDB gives none.
    pub name: String,
    /// The tags grouped by, sorted by key: a column of texts for each tag, with a row for each series. A series without the tag has an
    /// empty text.
    pub tags: Vec<Column>,
    /// For each series the row behind its last; the first begins at row 0, each other where the one before ends.
    pub ends: Vec<usize>,
    /// The columns; the rows of all series.
    pub columns: Vec<Column>,
    /// Whether more rows of the last series follow.
    pub partial: bool,
}

impl Frames {
    /// How many series there are.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.ends.len()
    }

    /// Rows of all series.
    #[must_use]
    pub fn row_count(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The rows of a series; none if there is no such series.
    #[must_use]
    pub fn rows(&self, series: usize) -> Range<usize> {
        let end = self.ends.get(series).copied().unwrap_or_else(|| self.row_count());
        let before = series.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = if series == 0 { 0 } else { before.copied().unwrap_or(end) };
        start..end
    }

    /// The column called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The values of tag `key`, a row for each series, if grouped by it.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&Column> {
        self.tags.iter().find(|column| column.name == key)
    }

    /// What tag `key` is of a series, if grouped by it.
    #[must_use]
    pub fn tag_value(&self, series: usize, key: &str) -> Option<&str> {
        match self.tag(key)?.values() {
            Values::String(texts) => texts.get(series),
            _ => None,
        }
    }

    /// The instants of the first column of instants, nanoseconds since the epoch.
    #[must_use]
    pub fn times(&self) -> Option<&[i64]> {
        self.columns.iter().find_map(|column| match column.values() {
            Values::Time(times) => Some(times.as_slice()),
            _ => None,
        })
    }
}

impl From<Frame> for Frames {
    /// The one series.
    fn from(frame: Frame) -> Self {
        let rows = frame.row_count();
        let tag = |(key, value): (String, String)| {
            let texts: Strings = std::iter::once(value.as_str()).collect();
            Column::new(key, Values::String(texts))
        };
        let Frame { name, tags, columns, partial } = frame;
        let tags = tags.into_iter().map(tag).collect();
        Frames { name, tags, ends: vec![rows], columns, partial }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_series() {
        let frame = Frame::new("cpu")
            .tag("host", "a")
            .column(Column::new("time", Values::Time(vec![1, 2])))
            .column(Column::new("v", Values::Integer(vec![3, 4])));
        let frames = Frames::from(frame);
        assert_eq!((frames.series_count(), frames.row_count()), (1, 2));
        assert_eq!((frames.rows(0), frames.rows(1), frames.rows(9)), (0..2, 2..2, 2..2));
        assert_eq!((frames.tag_value(0, "host"), frames.tag_value(1, "host")), (Some("a"), None));
        assert_eq!(frames.times(), Some(&[1, 2][..]));
        assert_eq!(Frames::default().rows(0), 0..0);
    }
}
