//! Series that report together, round after round: their rows side by side, until there are enough to pack.
//!
//! ```text
//! series    a   b   c                         in the order of the first round
//! column 0  a0  b0  c0 | a1  b1  c1 | a2  b2  one for each field of the layout; the last round may be under way
//! column 1  ...
//! times     from cell 0: t0, from 3: t1, from 6: t2
//! batches   from cell 0: 7, from cell 5: 8
//! ```
//!
//! Whoever collects sends all its series at once, and again in the same order. So where a row goes need not be asked: it is the next
//! cell, and rows are appended by the batch, without touching anything of their series. When there are enough rounds, every series
//! gets its block; what is known of a series (its bounds, its newest block) is looked at only then.
//!
//! A first round has no end until its first series comes again, in whatever batch. If a row comes that is not the one due, it may
//! begin or go on with other rounds; a series that comes in the wrong place ends its rounds: they are packed, or, if they are few, put
//! into the series' tails as though they had come there. A table whose rounds end soon is left alone for twice as many rows each time.

use super::build::push_words;
use super::{HeadInner, Incoming};
use crate::frame::FRAME;
use stripchart_core::Column;

/// Series that rounds may have. They are packed together, in a millisecond or two that readers and the writer wait for; a table of
/// more series has several rounds, one after the other.
const SERIES_MAX: usize = 1 << 14;
/// Fields that a row may have.
pub(super) const FIELDS_MAX: usize = 64;
/// Bytes that a series may take at the least, however many there are, and rows that it may have then.
const SERIES_BYTES: usize = 24 * size_of::<u64>();
const FEWEST_ROUNDS: usize = 8;
/// Bytes that all rounds may take before they are packed sooner.
const ROUNDS_BYTES: usize = 8 << 20;
/// Rows for each series that make rounds a success.
const GOOD_ROUNDS: usize = 16;
/// Rows that a table is left alone for, at most.
const WAIT_MAX: usize = 1 << 22;

/// No rounds.
pub(super) const NONE: u32 = u32::MAX;

/// Where a series stands in its rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) rounds: u32,
    pub(super) index: u32,
}

impl Place {
    pub(super) const NONE: Place = Place { rounds: NONE, index: 0 };
}

/// Which rounds of a table are under way, and whether others may begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    current: u32,
    /// Rows to be let pass before rounds are begun.
    wait: usize,
    /// What that was last.
    penalty: usize,
}

impl Default for Turn {
    fn default() -> Self {
        Turn { current: NONE, wait: 0, penalty: 0 }
    }
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    pub(super) table: u32,
    pub(super) layout: u32,
    pub(super) series: Vec<u32>,
    /// Whether the first round is over.
    closed: bool,
    /// The series that is due.
    due: usize,
    cells: usize,
    /// Cells at which all is packed.
    most: usize,
    columns: Vec<Vec<u64>>,
    /// From which cell on it is which time, and which batch.
    times: Vec<(u32, i64)>,
    batches: Vec<(u32, u32)>,
    /// For each round the entry of `times` that its first cell has.
    starts: Vec<u32>,
    bounds: (i64, i64),
    /// Rows that were ever taken.
    taken: usize,
    /// The most cells and times that there ever were: their memory is kept.
    held: (usize, usize),
}

impl Rounds {
    fn new(table: u32, layout: u32, fields: usize) -> Self {
        let columns = vec![Vec::new(); fields];
        Rounds { table, layout, columns, bounds: (i64::MAX, i64::MIN), ..Rounds::default() }
    }

    /// The series whose row is the next cell.
    fn due(&self) -> Option<u32> {
        self.series.get(self.due).copied()
    }

    /// About what they take.
    fn bytes(&self) -> usize {
        let (cells, times) = self.held;
        let places = self.series.len() * size_of::<u32>() * 3 / 2;
        cells * self.columns.len() * size_of::<u64>() + times * 16 + places + size_of::<Rounds>()
    }

    /// How many of `series` come in the order of the rounds, up to where those are full.
    fn matching(&self, series: &[u32]) -> usize {
        let most = series.len().min(self.most - self.cells);
        let (mut count, mut due) = (0, self.due);
        while count < most {
            let expected = &self.series[due..];
            let len = expected.len().min(most - count);
            let same = expected[..len] == series[count..count + len];
            if !same {
                let pairs = expected.iter().zip(&series[count..]);
                return count + pairs.take_while(|(a, b)| a == b).count();
            }
            count += len;
            due = 0;
        }
        count
    }

    /// Appends the times of rows whose values are in the columns already.
    fn push_times(&mut self, times: &[i64], batch: u32) {
        if self.batches.last().is_none_or(|(_, last)| *last != batch) {
            self.batches.push((crate::rows::index(self.cells), batch));
        }
        let mut rest = times;
        while let Some(time) = rest.first() {
            if self.times.last().is_none_or(|(_, last)| last != time) {
                self.times.push((crate::rows::index(self.cells), *time));
                self.bounds = (self.bounds.0.min(*time), self.bounds.1.max(*time));
            }
            let same = rest.iter().position(|other| other != time).unwrap_or(rest.len());
            self.advance(same);
            rest = &rest[same..];
        }
        self.taken += times.len();
        self.held = (self.held.0.max(self.cells), self.held.1.max(self.times.len()));
    }

    /// Counts `cells` more, all of the time that was noted last.
    fn advance(&mut self, mut cells: usize) {
        let n = self.series.len();
        while cells > 0 {
            if self.due == 0 {
                self.starts.push(crate::rows::index(self.times.len() - 1));
            }
            // The first round has no end yet.
            let left = if self.closed { n.saturating_sub(self.due).max(1) } else { cells };
            let step = cells.min(left);
            self.cells += step;
            self.due += step;
            cells -= step;
            if self.due == n && self.closed {
                self.due = 0;
            }
        }
    }

    /// Rows of the series at `index` that are among the first `cells`.
    fn rows_of(&self, index: usize, cells: usize) -> usize {
        cells.saturating_sub(index).div_ceil(self.series.len().max(1))
    }

    /// Rows of the series at `index` that batches up to `limit` brought.
    pub(super) fn visible(&self, index: usize, limit: u32) -> usize {
        let brought = self.batches.partition_point(|(_, batch)| *batch <= limit);
        let cells = self.batches.get(brought).map_or(self.cells, |(from, _)| *from as usize);
        self.rows_of(index, cells)
    }

    /// Times of the earliest and the latest row.
    pub(super) const fn bounds(&self) -> (i64, i64) {
        self.bounds
    }

    /// The time of a row of the series at `index`.
    pub(super) fn time(&self, index: usize, round: usize) -> i64 {
        let cell = round * self.series.len() + index;
        let start = self.starts[round] as usize;
        let end = self.starts.get(round + 1).map_or(self.times.len(), |end| *end as usize + 1);
        let within = &self.times[start..end.max(start + 1)];
        let after = within.partition_point(|(from, _)| *from as usize <= cell);
        within[after.max(1) - 1].1
    }

    /// The words that the first `rows` rows of the series at `index` have in the column at `place`.
    pub(super) fn words(
        &self,
        index: usize,
        place: usize,
        rows: usize,
    ) -> impl ExactSizeIterator<Item = i64> {
        let (column, n) = (&self.columns[place], self.series.len());
        (0..rows).map(move |round| column[round * n + index].cast_signed())
    }

    fn empty(&mut self) {
        self.columns.iter_mut().for_each(Vec::clear);
        self.times.clear();
        self.batches.clear();
        self.starts.clear();
        self.bounds = (i64::MAX, i64::MIN);
        (self.cells, self.due) = (0, 0);
    }
}

/// Rows of a series on their way out of rounds: when they were, and which batches brought them.
struct Walk<'r> {
    rounds: &'r Rounds,
    /// For each round the entries of times and batches at hand, and the cell that others begin at.
    cursors: [(usize, usize, usize); FRAME],
    rows: Vec<(i64, u32)>,
}

impl<'r> Walk<'r> {
    fn new(rounds: &'r Rounds) -> Self {
        let mut cursors = [(0, 0, 0); FRAME];
        for (round, cursor) in cursors.iter_mut().enumerate().take(rounds.starts.len()) {
            cursor.0 = rounds.starts[round] as usize;
        }
        Walk { rounds, cursors, rows: Vec::new() }
    }

    /// Turns to the series at `index`, which is after the one before; whether its rows have other times or batches.
    fn turn(&mut self, index: usize) -> bool {
        let Rounds { times, batches, series, cells, .. } = self.rounds;
        let count = self.rounds.rows_of(index, *cells);
        let mut changed = self.rows.len() != count;
        self.rows.resize(count, (0, 0));
        for (round, (row, cursor)) in self.rows.iter_mut().zip(&mut self.cursors).enumerate() {
            let cell = round * series.len() + index;
            if cell < cursor.2 {
                continue;
            }
            let ends = |at: Option<u32>| at.map_or(usize::MAX, |from| from as usize);
            while ends(times.get(cursor.0 + 1).map(|next| next.0)) <= cell {
                cursor.0 += 1;
            }
            while ends(batches.get(cursor.1 + 1).map(|next| next.0)) <= cell {
                cursor.1 += 1;
            }
            cursor.2 = ends(times.get(cursor.0 + 1).map(|next| next.0))
                .min(ends(batches.get(cursor.1 + 1).map(|next| next.0)));
            let here = (times[cursor.0].1, batches[cursor.1].1);
            changed |= *row != here;
            *row = here;
        }
        changed
    }
}

/// Rows of a table that all have the fields of a layout.
pub(super) struct Arriving<'a> {
    pub(super) table: u32,
    pub(super) layout: u32,
    pub(super) rows: Incoming<'a>,
    /// With the number that the table has for each.
    pub(super) columns: &'a [(&'a Column, u32)],
    pub(super) batch: u32,
}

impl HeadInner {
    /// Takes rows from `from` on, if they come in rounds; how many.
    pub(super) fn add_in_rounds(&mut self, new: &Arriving<'_>, from: usize) -> usize {
        let series = &new.rows.series[from..];
        let Some(at) = self.rounds_for(new, series[0]) else { return 0 };
        let most = rounds_of(self.series.len(), new.columns.len());
        let HeadInner { rounds, places, texts, tables, rounds_bytes, .. } = self;
        tables[new.table as usize].turn.current = at;
        let of = &mut rounds[at as usize];
        *rounds_bytes -= of.bytes();
        let mut count = 0;
        if !of.closed {
            count = extend(of, at, series, places);
            if count == 0 {
                of.closed = true;
                of.most = most * of.series.len();
                of.due = of.cells % of.series.len().max(1);
                let more = of.most.saturating_sub(of.cells);
                of.columns.iter_mut().for_each(|words| words.reserve_exact(more));
            }
        }
        if of.closed {
            count = of.matching(series);
        }
        for (words, (column, _)) in of.columns.iter_mut().zip(new.columns) {
            push_words(column, from..from + count, words, texts);
        }
        of.push_times(&new.rows.timestamps[from..from + count], new.batch);
        *rounds_bytes += of.bytes();
        if of.closed && of.cells == of.most {
            self.pack_rounds(at);
        }
        count
    }

    /// The rounds in which a row of `series` comes next; `None` if it is to go its own way.
    fn rounds_for(&mut self, new: &Arriving<'_>, series: u32) -> Option<u32> {
        let fits = |rounds: &Rounds| rounds.table == new.table && rounds.layout == new.layout;
        let turn = self.tables[new.table as usize].turn;
        let current = self.rounds.get(turn.current as usize).filter(|rounds| fits(rounds));
        if current.is_some_and(|rounds| rounds.due() == Some(series)) {
            return Some(turn.current);
        }
        let place = self.places[series as usize];
        if place == Place::NONE {
            if current.is_some_and(|rounds| !rounds.closed && rounds.series.len() < SERIES_MAX) {
                return Some(turn.current);
            }
            if turn.wait > 0 {
                self.tables[new.table as usize].turn.wait -= turn.wait.min(FRAME);
                return None;
            }
            return Some(self.begin_rounds(new));
        }
        let known = &self.rounds[place.rounds as usize];
        // After a first round that has not ended, its first series is due.
        let again = !known.closed && place.index == 0;
        if fits(known) && (again || known.due() == Some(series)) {
            return Some(place.rounds);
        }
        self.end_rounds(place.rounds);
        None
    }

    fn begin_rounds(&mut self, new: &Arriving<'_>) -> u32 {
        let rounds = Rounds::new(new.table, new.layout, new.columns.len());
        self.rounds_bytes += rounds.bytes();
        match self.free_rounds.pop() {
            Some(at) => {
                self.rounds[at as usize] = rounds;
                at
            }
            None => {
                self.rounds.push(rounds);
                crate::rows::index(self.rounds.len() - 1)
            }
        }
    }

    /// Ends the rounds that any of `series` is in: their next rows come another way.
    pub(super) fn leave_rounds(&mut self, series: &[u32]) {
        for series in series {
            let place = self.places[*series as usize];
            if place != Place::NONE {
                self.end_rounds(place.rounds);
            }
        }
    }

    fn end_rounds(&mut self, at: u32) {
        let rounds = &self.rounds[at as usize];
        let n = rounds.series.len();
        let good = rounds.taken >= GOOD_ROUNDS * n;
        let turn = &mut self.tables[rounds.table as usize].turn;
        turn.penalty = if good { 0 } else { (turn.penalty * 2).clamp(4 * n, WAIT_MAX) };
        turn.wait = turn.penalty;
        if turn.current == at {
            turn.current = NONE;
        }
        if rounds.rows_of(0, rounds.cells) >= FEWEST_ROUNDS {
            self.pack_rounds(at);
        } else {
            self.scatter(at);
        }
        let rounds = std::mem::take(&mut self.rounds[at as usize]);
        for series in &rounds.series {
            self.places[*series as usize] = Place::NONE;
        }
        self.rounds_bytes -= rounds.bytes();
        // No table has a layout of that number.
        self.rounds[at as usize].layout = NONE;
        self.free_rounds.push(at);
    }

    /// Gives every series of some rounds a block of its rows.
    fn pack_rounds(&mut self, at: u32) {
        /// Series whose values are gathered together: words of one line of the cache.
        const TOGETHER: usize = 8;
        let mut rounds = std::mem::take(&mut self.rounds[at as usize]);
        let mut scratch = std::mem::take(&mut self.scratch.packed);
        let (n, width) = (rounds.series.len(), rounds.columns.len());
        let mut gathered = vec![[0i64; FRAME]; TOGETHER.min(n) * width];
        let (mut put, series) = self.put(rounds.table, &mut scratch);
        let mut walk = Walk::new(&rounds);
        let mut times = None;
        for from in (0..n).step_by(TOGETHER) {
            let to = n.min(from + TOGETHER);
            for (place, column) in rounds.columns.iter().enumerate() {
                for (round, row) in column.chunks(n).enumerate().take(FRAME) {
                    let some = row.get(from..row.len().min(to)).unwrap_or_default();
                    for (at, word) in some.iter().enumerate() {
                        gathered[at * width + place][round] = word.cast_signed();
                    }
                }
            }
            for index in from..to {
                let changed = walk.turn(index);
                if walk.rows.is_empty() {
                    continue;
                }
                if changed || times.is_none() {
                    times = Some(put.times(&walk.rows));
                }
                let Some(times) = &times else { continue };
                let words = &gathered[(index - from) * width..][..width];
                put.block(&mut series[rounds.series[index] as usize], times, rounds.layout, words);
            }
        }
        rounds.empty();
        self.scratch.packed = scratch;
        self.rounds[at as usize] = rounds;
    }

    /// Adds the rows of some rounds to the tails of their series.
    fn scatter(&mut self, at: u32) {
        let mut rounds = std::mem::take(&mut self.rounds[at as usize]);
        let mut scratch = std::mem::take(&mut self.scratch.packed);
        let all_series = self.series.len();
        let (mut put, series) = self.put(rounds.table, &mut scratch);
        let mut walk = Walk::new(&rounds);
        let mut words = vec![0; rounds.columns.len()];
        for (index, number) in rounds.series.iter().enumerate() {
            walk.turn(index);
            let series = &mut series[*number as usize];
            for (round, (time, batch)) in walk.rows.iter().enumerate() {
                for (word, column) in words.iter_mut().zip(&rounds.columns) {
                    *word = column[round * rounds.series.len() + index];
                }
                put.full_row(series, rounds.layout, (*time, *batch), &words, all_series);
            }
        }
        rounds.empty();
        self.scratch.packed = scratch;
        self.rounds[at as usize] = rounds;
    }
}

/// Enters those of `series`, from the first on, that are in no rounds into the first round; how many.
fn extend(rounds: &mut Rounds, at: u32, series: &[u32], places: &mut [Place]) -> usize {
    let mut count = 0;
    for number in series.iter().take(SERIES_MAX - rounds.series.len()) {
        let place = &mut places[*number as usize];
        if *place != Place::NONE {
            break;
        }
        *place = Place { rounds: at, index: crate::rows::index(rounds.series.len()) };
        rounds.series.push(*number);
        count += 1;
    }
    count
}

/// Rounds at which rows of so many fields are packed.
fn rounds_of(series: usize, fields: usize) -> usize {
    let row = fields.max(1) * size_of::<u64>();
    let rows = (ROUNDS_BYTES / (series.max(1) * row)).max(SERIES_BYTES / row);
    rows.clamp(FEWEST_ROUNDS, FRAME)
}
