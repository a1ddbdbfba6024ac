//! The series of a measurement in several segments, key by key.
//!
//! Indexes hold series sorted by key, so that all of them are gone through once, side by side, and a few keys of each are in
//! memory: a merge of a million series needs no list of a million series.

use std::collections::VecDeque;
use std::sync::Arc;

use stripchart_core::SeriesKey;

use crate::ReadError;
use crate::segment::cursor::Cursor;
use crate::segment::{Segment, SeriesAt};

/// Keys of a segment that are read together.
const CHUNK: usize = 256;

/// Where rows of a series are: for each segment its place in the run, the series' number in it, and the bounds of its rows.
pub(crate) type Places = Vec<(u32, SeriesAt, (i64, i64))>;

/// Yields each key once, in order.
#[derive(Debug)]
pub(crate) struct Keys {
    sources: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    segment: Arc<Segment>,
    /// Number of the table.
    table: u32,
    /// Series not read yet.
    rest: std::ops::Range<usize>,
    read: VecDeque<(SeriesKey, SeriesAt, (i64, i64))>,
}

impl Keys {
    pub(crate) fn new(run: &[Arc<Segment>], measurement: &str) -> Result<Keys, ReadError> {
        let mut sources = Vec::with_capacity(run.len());
        for segment in run {
            let Some((table, view)) = segment.table(measurement)? else {
                let (table, rest) = (0, 0..0);
                sources.push(Source {
                    segment: Arc::clone(segment),
                    table,
                    rest,
                    read: VecDeque::new(),
                });
                continue;
            };
            let rest = 0..view.table.series;
            sources.push(Source {
                segment: Arc::clone(segment),
                table,
                rest,
                read: VecDeque::new(),
            });
        }
        Ok(Keys { sources })
    }

    /// The next series, and where it is.
    pub(crate) fn next(&mut self) -> Result<Option<(SeriesKey, Places)>, ReadError> {
        for source in &mut self.sources {
            source.fill()?;
        }
        let fronts = self.sources.iter().filter_map(|source| Some(&source.read.front()?.0));
        let Some(first) = fronts.min_by(|a, b| text(a).cmp(text(b))).cloned() else {
            return Ok(None);
        };
        let mut places = Places::new();
        for (at, source) in (0u32..).zip(&mut self.sources) {
            let same = source.read.front().is_some_and(|(key, ..)| *key == first);
            if let Some((_, series, bounds)) = same.then(|| source.read.pop_front()).flatten() {
                places.push((at, series, bounds));
            }
        }
        Ok(Some((first, places)))
    }
}

fn text(key: &SeriesKey) -> &str {
    key.as_ref().as_str()
}

impl Source {
    /// Reads keys if none is left.
    fn fill(&mut self) -> Result<(), ReadError> {
        if !self.read.is_empty() || self.rest.is_empty() {
            return Ok(());
        }
        let until = self.rest.end.min(self.rest.start + CHUNK);
        let series: Vec<usize> = (self.rest.start..until).collect();
        let keys = self.segment.table_at(self.table as usize)?.keys(&series)?;
        let mut cursor = Cursor::new(&self.segment, self.table)?;
        for (series, key) in series.into_iter().zip(keys) {
            let bounds = cursor.bounds(series)?;
            self.read.push_back((key, SeriesAt::new(self.table, series), bounds));
        }
        self.rest.start = until;
        Ok(())
    }
}
