//! Making frames.

use stripchart_core::{Bitmap, Column, Frame, Strings, Unit, Values};

/// A frame under construction.
#[derive(Debug)]
pub(super) struct Grid(Frame);

impl Grid {
    pub(super) fn new(kind: &str, title: &str) -> Self {
        Grid(Frame::new(kind).tag("title", title))
    }

    pub(super) fn tag(self, key: &str, value: &str) -> Self {
        Grid(self.0.tag(key, value))
    }

    /// A column of texts.
    pub(super) fn text<S: AsRef<str>>(
        self,
        name: &str,
        values: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut texts = Strings::default();
        values.into_iter().for_each(|value| texts.push(value.as_ref()));
        Grid(self.0.column(Column::new(name, Values::String(texts))))
    }

    /// A column of numbers, with holes.
    pub(super) fn numbers(
        self,
        name: &str,
        unit: Unit,
        values: impl IntoIterator<Item = Option<f64>>,
    ) -> Self {
        let (mut numbers, mut validity) = (Vec::new(), Bitmap::default());
        for value in values {
            numbers.push(value.unwrap_or(0.0));
            validity.push(value.is_some());
        }
        let column = Column::with_validity(name, Values::Float(numbers), validity);
        Grid(self.0.column(column.unit(unit)))
    }

    pub(super) fn times(self, nanos: Vec<i64>) -> Self {
        Grid(self.0.column(Column::new("time", Values::Time(nanos))))
    }

    pub(super) fn done(self) -> Frame {
        self.0
    }
}

/// A heading.
pub(super) fn section(title: &str) -> Frame {
    Grid::new("section", title).done()
}

/// A paragraph.
pub(super) fn text_note(text: &str) -> Frame {
    Grid::new("note", "").text("text", [text]).done()
}

/// Bytes and counts as a number to draw; beyond 2^53 it is rounded.
#[expect(clippy::cast_precision_loss, reason = "what is drawn has three digits")]
pub(super) const fn float(whole: u64) -> f64 {
    whole as f64
}
