//! Answers of many series in few columns, for those who read them as a table.

use std::ops::Range;
use std::sync::Arc;

use stripchart_core::{Column, Frame, Frames, Strings, Values};

use super::chunk::{Cells, Chunk, Head, TagTexts, columns};

/// Puts series together whose rows already lie in the same cells.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    done: Vec<Frames>,
    open: Option<Open>,
}

/// Series that share cells, as far as they have come.
#[derive(Debug)]
struct Open {
    /// Of the first of them.
    head: Arc<Head>,
    cells: Arc<Vec<Cells>>,
    /// Where in the cells each of them is.
    spans: Vec<Range<usize>>,
    series: Arc<Vec<u32>>,
    texts: Option<Arc<TagTexts>>,
    /// A column each of the tags grouped by.
    tags: Vec<Strings>,
    ends: Vec<usize>,
    partial: bool,
}

impl Gathered {
    /// Adds the next rows of the answer.
    pub(crate) fn chunk(&mut self, chunk: Chunk) {
        let Chunk { head, from, rows, cells, series, tags, partial } = chunk;
        let begins_anew = self.open.as_ref().is_none_or(|open| !open.goes_on(&head, &cells));
        if begins_anew {
            self.close();
        }
        let width = head.tag_keys.len();
        let open = self.open.get_or_insert_with(|| Open {
            head: Arc::clone(&head),
            cells,
            spans: Vec::new(),
            series,
            texts: tags,
            tags: vec![Strings::default(); width],
            ends: Vec::new(),
            partial: false,
        });
        open.spans.push(from..from + rows);
        open.ends.push(open.ends.last().copied().unwrap_or(0) + rows);
        open.partial = partial;
        for (texts, (_, value)) in open.tags.iter_mut().zip(head.tags()) {
            texts.push(value);
        }
    }

    /// Adds a series that lies by itself.
    pub(crate) fn frame(&mut self, frame: Frame) {
        self.close();
        self.done.push(frame.into());
    }

    pub(crate) fn finish(mut self) -> Vec<Frames> {
        self.close();
        self.done
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Open { head, mut cells, spans, mut series, texts, tags, ends, partial } = open;
        let rows = ends.last().copied().unwrap_or(0);
        let mut from = spans.first().map_or(0, |span| span.start);
        if spans.windows(2).any(|two| two[0].end != two[1].start) {
            // They were worked out in the order in which they are stored.
            cells = Arc::new(cells.iter().map(|cells| cells.parts(&spans, rows)).collect());
            let of = |span: &Range<usize>| series.get(span.clone()).unwrap_or_default();
            series = Arc::new(spans.iter().flat_map(of).copied().collect());
            from = 0;
        }
        let tags = head.tag_keys.iter().zip(tags);
        self.done.push(Frames {
            name: head.name.as_ref().to_owned(),
            tags: tags.map(|(key, texts)| Column::new(key, Values::String(texts))).collect(),
            ends,
            columns: columns(&head, cells, from..from + rows, (&series, texts.as_deref())),
            partial,
        });
    }
}

impl Open {
    /// Whether rows of `cells` are those of the next series of the same name.
    fn goes_on(&self, head: &Head, cells: &Arc<Vec<Cells>>) -> bool {
        !self.partial && Arc::ptr_eq(&self.cells, cells) && self.head.name == head.name
    }
}
