//! Many series become one, in order of time.
//!
//! Rows of different series at one instant come in an order that InfluxDB's users see and its tests pin down: that of a
//! binary heap as Go's `container/heap` keeps it, where the series just read goes back behind its equals. So the heap
//! here does the same steps. Where the wanted columns are texts, those decide between equal instants first.

use stripchart_core::{FieldType, ValueRef};

use super::input::{Input, InputSource, Reader, Wanted};
use crate::QueryError;
use crate::limits::Budget;

/// The rows of several inputs.
#[derive(Debug)]
pub(crate) struct Merge<'a> {
    readers: Vec<Reader<'a>>,
    /// The time of each reader's row, beside the reader's place: comparing needs no more, mostly.
    heap: Vec<(i64, usize)>,
    /// The reader whose row was handed out last.
    current: Option<usize>,
    /// The wanted names in the order in which they decide between equal instants.
    deciders: Vec<usize>,
    ascending: bool,
    /// Whether series decide between equal instants by their keys.
    ranked: bool,
    started: bool,
}

impl<'a> Merge<'a> {
    /// Merges `inputs`, given in order of their keys. Of the wanted columns from `beside` on, texts decide between equal
    /// instants, unless the rows are those of subqueries, which have been merged without them.
    pub(crate) fn new(inputs: &[Input], wanted: Wanted<'a>, beside: usize) -> Self {
        let stored = inputs.iter().all(|i| matches!(i.source, InputSource::Stored { .. }));
        let mut deciders: Vec<usize> = (beside..wanted.refs.len()).filter(|_| stored).collect();
        deciders.sort_by_key(|index| &wanted.refs[*index].name);
        // The first that is no text decides nothing, and ends it.
        let texts = deciders
            .iter()
            .take_while(|index| wanted.refs[**index].kind.field_type() == FieldType::String);
        let texts = texts.count();
        deciders.truncate(texts);
        let reader = |input| Reader::new(input, wanted);
        let ranked = inputs.iter().all(|input| input.ranked);
        let mut readers: Vec<Reader<'a>> = inputs.iter().map(reader).collect();
        // The frames of a subquery come in the order of the answer already.
        if !wanted.ascending && (stored || ranked) {
            readers.reverse();
        }
        Merge {
            readers,
            heap: Vec::new(),
            current: None,
            deciders,
            ascending: wanted.ascending,
            ranked,
            started: false,
        }
    }

    /// The next row, to be read off the reader.
    pub(crate) fn next(&mut self, budget: &Budget<'_>) -> Result<Option<&Reader<'a>>, QueryError> {
        if !self.started {
            self.started = true;
            for index in 0..self.readers.len() {
                if self.readers[index].advance(budget)? {
                    self.heap.push((self.readers[index].time(), index));
                }
            }
            for at in (0..self.heap.len() / 2).rev() {
                self.sink(at, self.heap.len());
            }
        } else if let Some(current) = self.current.take()
            && self.readers[current].advance(budget)?
        {
            self.heap.push((self.readers[current].time(), current));
            self.rise(self.heap.len() - 1);
        }
        self.current = self.pop();
        Ok(self.current.map(|current| &self.readers[current]))
    }

    fn pop(&mut self) -> Option<usize> {
        let last = self.heap.len().checked_sub(1)?;
        self.heap.swap(0, last);
        self.sink(0, last);
        self.heap.pop().map(|(_, reader)| reader)
    }

    fn rise(&mut self, mut at: usize) {
        while at > 0 {
            let parent = (at - 1) / 2;
            if !self.before(at, parent) {
                break;
            }
            self.heap.swap(parent, at);
            at = parent;
        }
    }

    fn sink(&mut self, mut at: usize, len: usize) {
        loop {
            let left = 2 * at + 1;
            if left >= len {
                break;
            }
            let right = left + 1;
            let child = if right < len && self.before(right, left) { right } else { left };
            if !self.before(child, at) {
                break;
            }
            self.heap.swap(at, child);
            at = child;
        }
    }

    /// Whether the row at place `a` of the heap goes before that at `b`.
    fn before(&self, a: usize, b: usize) -> bool {
        let ((a_time, a), (b_time, b)) = (self.heap[a], self.heap[b]);
        if a_time != b_time {
            return (a_time < b_time) == self.ascending;
        }
        if self.ranked {
            return a < b;
        }
        if self.deciders.is_empty() {
            return false;
        }
        let (a, b) = (&self.readers[a], &self.readers[b]);
        for index in &self.deciders {
            match (a.value(*index), b.value(*index)) {
                (Some(ValueRef::String(a)), Some(ValueRef::String(b))) if a != b => {
                    return (a < b) == self.ascending;
                }
                (Some(ValueRef::String(_)), Some(ValueRef::String(_))) => {}
                _ => return false,
            }
        }
        false
    }
}
