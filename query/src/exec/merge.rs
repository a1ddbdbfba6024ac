//! Many series become one, in order of time.
//!
//! Rows of different series at one instant come in an order that InfluxDB's users see and its tests pin down: that of a
//! binary heap as Go's `container/heap` keeps it, where the series just read goes back behind its equals. So the heap
//! here does the same steps. Where the wanted columns are texts, those decide between equal instants first; if they are
//! tags, as mostly, they decide the same way every time, and a number for each series takes their place. If no two series
//! have the same number there are no equals, and any heap will do: the row just read is replaced at the top then, which
//! costs half.

use stripchart_core::{FieldType, ValueRef};

use super::input::{Input, InputSource, Reader, Wanted};
use crate::QueryError;
use crate::limits::Budget;
use crate::plan::{Reference, ReferenceKind};

/// What the heap goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// The row's time, so turned that the least goes first.
    time: i64,
    /// What decides between equal times.
    rank: u32,
    reader: u32,
}

impl Entry {
    /// Both in one number, so that one comparison does.
    fn key(self) -> i128 {
        i128::from(self.time) << 32 | i128::from(self.rank)
    }
}

/// Rows of one reader, to be handed out together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub reader: usize,
    /// Rows of the reader's block, the last outside.
    pub from: usize,
    pub to: usize,
}

/// The rows of several inputs.
#[derive(Debug)]
pub(crate) struct Merge {
    readers: Vec<Reader>,
    heap: Vec<Entry>,
    /// The reader whose rows were handed out last, and how many.
    current: Option<(usize, usize)>,
    /// Of each reader what decides between it and others at equal times.
    ranks: Vec<u32>,
    /// The wanted names in the order in which they decide between equal instants, where ranks do not.
    deciders: Vec<usize>,
    /// Whether no two readers have the same rank.
    total: bool,
    ascending: bool,
    started: bool,
}

impl Merge {
    /// Merges `inputs`, given in order of their keys. Of the wanted columns from `beside` on, texts decide between equal
    /// instants, unless the rows are those of subqueries, which have been merged without them.
    pub(crate) fn new(inputs: &[Input], wanted: &Wanted, beside: usize) -> Self {
        let stored = inputs.iter().all(|i| matches!(i.source, InputSource::Stored { .. }));
        let ranked = !inputs.is_empty() && inputs.iter().all(|input| input.ranked);
        let mut deciders = if stored { deciders(&wanted.refs, beside) } else { Vec::new() };
        let reader = |input| Reader::new(input, wanted);
        let mut readers: Vec<Reader> = inputs.iter().map(reader).collect();
        // The frames of a subquery come in the order of the answer already.
        if !wanted.ascending && (stored || ranked) {
            readers.reverse();
        }
        let ranks = if ranked {
            by_place(&readers)
        } else if tags_only(&wanted.refs, &deciders) {
            let text = |series: usize, index| readers[series].tag(index);
            ranks(readers.len(), &deciders, wanted.ascending, text)
        } else {
            None
        };
        if ranks.is_some() {
            deciders.clear();
        }
        let (ranks, distinct) = ranks.unwrap_or_else(|| (vec![0; readers.len()], 1));
        let total = deciders.is_empty() && distinct >= readers.len();
        Merge {
            readers,
            heap: Vec::new(),
            current: None,
            ranks,
            deciders,
            total,
            ascending: wanted.ascending,
            started: false,
        }
    }

    /// The readers, in the order that [`Run::reader`] counts them.
    pub(crate) fn readers(&self) -> &[Reader] {
        &self.readers
    }

    /// The next row, to be read off the reader.
    pub(crate) fn next(&mut self, budget: &Budget<'_>) -> Result<Option<&Reader>, QueryError> {
        Ok(self.next_run(1, budget)?.map(|run| &self.readers[run.reader]))
    }

    /// The next rows, at most so many, all of one reader and of the block that it has now: to be read before this is
    /// called again.
    pub(crate) fn next_run(
        &mut self,
        most: usize,
        budget: &Budget<'_>,
    ) -> Result<Option<Run>, QueryError> {
        if !self.started {
            self.start(budget)?;
        } else if let Some((current, rows)) = self.current.take() {
            self.turn(current, rows - 1);
            let more = self.readers[current].skip(rows, budget)?;
            self.put_back(current, more);
        }
        let Some(top) = self.top() else { return Ok(None) };
        let reader = top.reader as usize;
        let rows = self.rows_before_others(reader, most).max(1);
        self.current = Some((reader, rows));
        let from = self.readers[reader].row();
        Ok(Some(Run { reader, from, to: from + rows }))
    }

    fn start(&mut self, budget: &Budget<'_>) -> Result<(), QueryError> {
        self.started = true;
        for index in 0..self.readers.len() {
            if self.readers[index].advance(budget)? {
                let entry = self.entry(index);
                self.heap.push(entry);
            }
        }
        for at in (0..self.heap.len() / 2).rev() {
            self.sink(at, self.heap.len());
        }
        Ok(())
    }

    fn entry(&self, reader: usize) -> Entry {
        let time = self.turned(self.readers[reader].time());
        let number = u32::try_from(reader).unwrap_or(u32::MAX);
        Entry { time, rank: self.ranks[reader], reader: number }
    }

    /// A time, so that what goes first is less.
    fn turned(&self, time: i64) -> i64 {
        if self.ascending { time } else { !time }
    }

    /// Where no two are equal the row just handed out stays on top until the next is known.
    fn put_back(&mut self, current: usize, more: bool) {
        if self.total {
            if more {
                self.heap[0] = self.entry(current);
            } else {
                self.heap.swap_remove(0);
            }
            settle(&mut self.heap);
        } else if more {
            let entry = self.entry(current);
            self.heap.push(entry);
            self.rise(self.heap.len() - 1);
        }
    }

    /// Puts a reader back and takes it off again so many times, as Go's heap does where rows of one reader are handed out together: it
    /// goes first each time, and its equals-to-be change places below it. How many rows come together depends on blocks; the
    /// order of equals must not.
    fn turn(&mut self, reader: usize, times: usize) {
        // No order can change where there is none, or where at most one other is left.
        if self.total || self.heap.len() < 2 {
            return;
        }
        let entry = self.entry(reader);
        for _ in 0..times {
            self.heap.push(entry);
            self.rise(self.heap.len() - 1);
            self.top();
        }
    }

    fn top(&mut self) -> Option<Entry> {
        if self.total {
            return self.heap.first().copied();
        }
        let last = self.heap.len().checked_sub(1)?;
        self.heap.swap(0, last);
        self.sink(0, last);
        self.heap.pop()
    }

    /// How many rows of a reader, which goes first, are before the first of any other; `most` if more are.
    fn rows_before_others(&self, reader: usize, most: usize) -> usize {
        let ahead = self.readers[reader].times_ahead();
        let ahead = &ahead[..ahead.len().min(most)];
        let others = if self.total {
            // The reader itself is on top, the next are below it.
            self.heap.get(1..3.min(self.heap.len())).unwrap_or_default()
        } else {
            self.heap.get(..1).unwrap_or_default()
        };
        let Some(next) = others.iter().map(|entry| entry.time).min() else { return ahead.len() };
        ahead.iter().take_while(|time| self.turned(**time) < next).count()
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
        let (a, b) = (self.heap[a], self.heap[b]);
        if a.key() != b.key() || self.deciders.is_empty() {
            return a.key() < b.key();
        }
        let (a, b) = (&self.readers[a.reader as usize], &self.readers[b.reader as usize]);
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

/// Moves the top of a heap without equals to where it belongs. Of two children the first is chosen by arithmetic, since
/// no processor can guess it.
fn settle(heap: &mut [Entry]) {
    let Some(moved) = heap.first().copied() else { return };
    let mut at = 0;
    loop {
        let left = 2 * at + 1;
        let Some(pair) = heap.get(left..left + 2) else {
            if let Some(child) = heap.get(left).copied()
                && child.key() < moved.key()
            {
                heap[at] = child;
                at = left;
            }
            break;
        };
        let child = left + usize::from(pair[1].key() < pair[0].key());
        if moved.key() <= heap[child].key() {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

/// Where rows at one instant are in the order of the readers.
fn by_place(readers: &[Reader]) -> Option<(Vec<u32>, usize)> {
    let number = |place| u32::try_from(place).unwrap_or(u32::MAX);
    Some(((0..readers.len()).map(number).collect(), readers.len()))
}

/// The names from `beside` on that decide between equal instants, in the order in which they do.
pub(super) fn deciders(refs: &[Reference], beside: usize) -> Vec<usize> {
    let mut deciders: Vec<usize> = (beside..refs.len()).collect();
    deciders.sort_by_key(|index| &refs[*index].name);
    // The first that is no text decides nothing, and ends it.
    let is_text = |index: &&usize| refs[**index].kind.field_type() == FieldType::String;
    let texts = deciders.iter().take_while(is_text).count();
    deciders.truncate(texts);
    deciders
}

/// Whether tags alone decide.
pub(super) fn tags_only(refs: &[Reference], deciders: &[usize]) -> bool {
    deciders.iter().all(|index| refs[*index].kind == ReferenceKind::Tag)
}

/// A number for each of so many series that stands for the tags which decide, and how many there are; `None` if it takes more than tags
/// that all of them have. `tag` is the text of the wanted name, of this series.
pub(super) fn ranks<'t>(
    series: usize,
    deciders: &[usize],
    ascending: bool,
    tag: impl Fn(usize, usize) -> Option<&'t str>,
) -> Option<(Vec<u32>, usize)> {
    let mut keys: Vec<(Vec<&str>, usize)> = Vec::with_capacity(series);
    for number in 0..series {
        let texts: Option<Vec<&str>> = deciders.iter().map(|index| tag(number, *index)).collect();
        keys.push((texts?, number));
    }
    keys.sort();
    if !ascending {
        keys.reverse();
    }
    let mut ranks = vec![0; series];
    let mut rank = 0;
    for (at, (texts, number)) in keys.iter().enumerate() {
        if at > 0 && *texts != keys[at - 1].0 {
            rank += 1;
        }
        ranks[*number] = rank;
    }
    let distinct = if keys.is_empty() { 0 } else { rank as usize + 1 };
    Some((ranks, distinct))
}
