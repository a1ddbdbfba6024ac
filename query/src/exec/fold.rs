//! Many groups at once by storage's fold.
//!
//! Storage adds up all fields of all series of a measurement in one pass, group after group, by statistics where those
//! suffice. What is left to do here is arithmetic: a mean out of a sum and a count, a row for each window, something in
//! the windows that are empty. In the usual case every function of a group has rows for the same windows, and columns are
//! written without looking at times at all; else each function's points are made and put side by side.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use stripchart_core::{FieldType, Values};
use stripchart_storage::{Aggregates, FoldOptions, Partials, Series};

use super::aggregate::{Scope, folded, parts};
use super::groups::Group;
use super::input::{Input, InputSource, StoredSource, inclusive};
use super::rollups::Rollups;
use super::rows::align;
use super::table::Table;
use super::{Heads, limited, limits_of};
use crate::QueryError;
use crate::functions::{Aggregate, Points};
use crate::limits::{Budget, Limits};
use crate::plan::time::MIN_TIME;
use crate::plan::{Call, FillMode, Node, Plan, Reference, ReferenceKind, Slot};
use crate::result::chunk::{Cells, Chunk};
use crate::window::{Buckets, Windows};

/// From this time to that, both inside.
type Stretch = (i64, i64);

/// Rows of a group.
#[derive(Debug)]
enum Rows {
    /// In the table of all groups, from this row on, so many.
    Shared(usize, usize),
    /// So many, in cells of their own, the time first.
    Own(usize, Vec<Cells>),
}

/// Rows of a group where they are: the first, how many.
#[derive(Debug)]
struct Made {
    cells: Arc<Vec<Cells>>,
    from: usize,
    rows: usize,
}

/// Cells of the answer that are made together.
const CELLS: usize = 1 << 15;

/// Bytes that may be spent on telling how a query would be answered.
const MOST_BYTES: u64 = 1 << 26;

/// Groups that are made together at most.
const GROUPS: usize = 1024;

/// Whether the functions of a group can be left to storage: aggregates of stored fields, no row to be tested, and nothing
/// taken along.
pub(super) fn suits(plan: &Plan, group: &Group) -> bool {
    let alone = plan.refs.is_empty() || !plan.is_selector();
    let Some(InputSource::Stored { of, .. }) = group.inputs.first().map(|input| &input.source)
    else {
        return false;
    };
    alone
        && calls(plan).len() == plan.calls.len()
        && calls(plan).iter().all(|(f, field)| suits_field(*f, field, of))
        && group.inputs.iter().all(|input| is_of(input, of))
}

fn suits_field(f: Aggregate, field: &Reference, of: &StoredSource) -> bool {
    let ReferenceKind::Field(to) = field.kind else { return false };
    f.is_storages(to) && of.field_type(&field.name).is_none_or(|own| own == to)
}

fn is_of(input: &Input, source: &StoredSource) -> bool {
    matches!(&input.source, InputSource::Stored { of, .. } if std::ptr::eq(&raw const **of, source))
        && !input.filtered
}

/// The functions that are aggregates of fields.
fn calls(plan: &Plan) -> Vec<(Aggregate, &Reference)> {
    let aggregate = |call| match call {
        &Call::Aggregate { f, ref field } => Some((f, field)),
        _ => None,
    };
    plan.calls.iter().filter_map(aggregate).collect()
}

/// The spans of time of the first group that would be read from rollups.
pub(super) fn rollups(plan: &Plan, groups: &[Group]) -> Vec<(i64, (i64, i64))> {
    let Some(group) = groups.first().filter(|group| suits(plan, group)) else { return Vec::new() };
    let series: Vec<Series> = group.inputs.iter().filter_map(stored).cloned().collect();
    let rolled = group.inputs.iter().find_map(|input| match &input.source {
        InputSource::Stored { of, .. } => of.rolled.as_ref(),
        InputSource::Frame(_) => None,
    });
    let (Some(rolled), Some(first), Some(windows)) = (rolled, series.first(), plan.windows) else {
        return Vec::new();
    };
    let limits = Limits { max_memory_bytes: Some(MOST_BYTES), ..Limits::default() };
    let budget = Budget::new(&limits, None, None);
    let fold = Fold::new(plan, &budget);
    let (Some(field), Some((start, last))) =
        (fold.fields.first(), fold.stretches(group.inputs.iter()).pop())
    else {
        return Vec::new();
    };
    if windows.count(windows.start(start), last) > MOST_BYTES / 64 {
        return Vec::new();
    }
    let buckets = Buckets::windows(windows, start, last);
    if !rolled.serve(&series, &fold.calls, &field.name, buckets.edges()) {
        return Vec::new();
    }
    rolled.parts(first, &field.name, buckets.edges())
}

/// Makes chunks of the first groups, those that suit and are of one source, and takes them off `groups`.
pub(super) fn next(
    plan: &Plan,
    budget: &Budget<'_>,
    heads: &Heads,
    groups: &mut VecDeque<Group>,
    ready: &mut VecDeque<Chunk>,
) -> Result<(), QueryError> {
    let Some(InputSource::Stored { of, .. }) =
        groups.front().and_then(|group| group.inputs.first()).map(|input| &input.source)
    else {
        return Ok(());
    };
    let of = Arc::clone(of);
    let fold = Fold::new(plan, budget);
    // The first suits; what is of one source with it does so too.
    let alike = groups
        .iter()
        .take(GROUPS)
        .take_while(|group| group.inputs.iter().all(|input| is_of(input, &of)));
    let alike = alike.count().max(1);
    let stretches = fold.stretches(groups.iter().take(alike).flat_map(|group| &group.inputs));
    let Some(widest) = stretches.iter().map(|stretch| fold.windows_in(*stretch)).max() else {
        groups.drain(..alike);
        return Ok(());
    };
    let cells = widest.saturating_mul(fold.calls.len()).max(1);
    let batch: Vec<Group> = groups.drain(..(CELLS / cells).clamp(1, alike)).collect();
    let found = fold.batch(&of, &batch, &stretches)?;
    for (group, made) in batch.into_iter().zip(found) {
        let Some(Made { cells, from, rows }) = made else { continue };
        let head = heads.head(&group.name, group.tag_values);
        let (series, tags, partial) = (Arc::default(), None, false);
        ready.push_back(Chunk { head, from, rows, cells, series, tags, partial });
    }
    Ok(())
}

fn stored(input: &Input) -> Option<&Series> {
    match &input.source {
        InputSource::Stored { series, .. } => Some(series),
        InputSource::Frame(_) => None,
    }
}

/// The series of many groups, those of a group one behind the other.
struct Slices<'a> {
    /// Of groups that have several.
    all: Vec<Series>,
    of_group: Vec<Slice<'a>>,
}

enum Slice<'a> {
    One(&'a Series),
    /// Of `all`.
    Many(Range<usize>),
}

impl<'a> Slices<'a> {
    fn new(groups: &'a [Group]) -> Self {
        let (mut all, mut of_group) = (Vec::new(), Vec::with_capacity(groups.len()));
        for group in groups {
            if let [input] = group.inputs.as_slice()
                && let Some(series) = stored(input)
            {
                of_group.push(Slice::One(series));
                continue;
            }
            let from = all.len();
            all.extend(group.inputs.iter().filter_map(stored).cloned());
            of_group.push(Slice::Many(from..all.len()));
        }
        Slices { all, of_group }
    }

    fn get(&self, group: usize) -> &[Series] {
        match &self.of_group[group] {
            Slice::One(series) => std::slice::from_ref(*series),
            Slice::Many(range) => &self.all[range.clone()],
        }
    }
}

/// What is folded, of every group alike.
struct Fold<'a> {
    plan: &'a Plan,
    budget: &'a Budget<'a>,
    /// Each with the number of its field.
    calls: Vec<(Aggregate, usize)>,
    fields: Vec<&'a Reference>,
    parts: Aggregates,
}

impl<'a> Fold<'a> {
    fn new(plan: &'a Plan, budget: &'a Budget<'a>) -> Self {
        let mut fields: Vec<&Reference> = Vec::new();
        let mut all = Aggregates::NONE;
        let calls = calls(plan).into_iter().map(|(f, field)| {
            all = all | parts(f);
            let known = fields.iter().position(|known| known.name == field.name);
            let number = known.unwrap_or_else(|| {
                fields.push(field);
                fields.len() - 1
            });
            (f, number)
        });
        let calls = calls.collect();
        Fold { plan, budget, calls, fields, parts: all }
    }

    fn scope<'i>(&'i self, inputs: &'i [Input]) -> Scope<'i> {
        let (plan, budget, selector) = (self.plan, self.budget, self.plan.is_selector());
        Scope { plan, budget, inputs, start: plan.start, last: plan.last, selector }
    }

    /// The time that rows may be computed from: all that `inputs` have points in, and before it, where only some rows are
    /// asked for, shorter parts that may do. Nothing if there are no points.
    fn stretches<'i>(&self, inputs: impl Iterator<Item = &'i Input>) -> Vec<Stretch> {
        let plan = self.plan;
        let Some(windows) = plan.windows else { return vec![(plan.read_start, plan.last)] };
        let bounds = inputs.filter_map(Input::time_bounds);
        let Some((first, last)) = bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
            return Vec::new();
        };
        let (first, last) = (first.max(plan.read_start), last.min(plan.last));
        if first > last {
            return Vec::new();
        }
        let mut stretches = Vec::new();
        let limit = plan.limit.filter(|_| Lines::suit(plan));
        if let Some(limit) = limit {
            let rows = limit.saturating_add(plan.offset);
            for rows in [rows, rows.saturating_mul(16)] {
                let rows = i64::try_from(rows).unwrap_or(i64::MAX);
                let width = windows.interval_ns.saturating_mul(rows);
                let part = if plan.ascending {
                    let from = if plan.start > MIN_TIME { plan.start } else { first };
                    let end = windows.start(from).saturating_add(width).saturating_sub(1);
                    (first, end.min(last))
                } else {
                    let begin = windows.end(plan.last).saturating_sub(width);
                    (begin.max(first), last)
                };
                if part != (first, last) && part.0 <= part.1 {
                    stretches.push(part);
                }
            }
        }
        stretches.push((first, last));
        stretches
    }

    /// How many buckets a stretch of time has.
    fn windows_in(&self, (first, last): Stretch) -> usize {
        let count =
            self.plan.windows.map_or(1, |windows| windows.count(windows.start(first), last));
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    /// The rows of each group of `batch`, from the first of `stretches` that has as many as are asked for.
    fn batch(
        &self,
        of: &StoredSource,
        batch: &[Group],
        stretches: &[Stretch],
    ) -> Result<Vec<Option<Made>>, QueryError> {
        let series = Slices::new(batch);
        let mut made: Vec<Option<Made>> = batch.iter().map(|_| None).collect();
        // As they lie, since neighbours share what describes them.
        let mut left: Vec<usize> = (0..batch.len()).collect();
        left.sort_by_key(|at| batch[*at].place);
        for (number, stretch) in stretches.iter().enumerate() {
            let is_last = number + 1 == stretches.len();
            let scope = self.scope(&[]);
            let bytes = bytes(self.parts).saturating_mul(self.width());
            let Some(buckets) = scope.buckets_within(*stretch, bytes)? else { break };
            let lines = Lines::of(self.plan, &buckets, *stretch, is_last, self.budget)?;
            let slices: Vec<&[Series]> = left.iter().map(|at| series.get(*at)).collect();
            self.count_points(of, &slices, *stretch)?;
            let found = self.fold(of, &slices, &buckets, lines.as_ref())?;
            let mut unsatisfied = Vec::new();
            for (at, found) in left.into_iter().zip(found) {
                let enough = found.as_ref().is_some_and(|found| {
                    self.plan.limit.is_some_and(|limit| found.rows as u64 >= limit)
                });
                if is_last || enough {
                    made[at] = found;
                } else {
                    unsatisfied.push(at);
                }
            }
            left = unsatisfied;
            if left.is_empty() {
                break;
            }
        }
        Ok(made)
    }

    fn fold(
        &self,
        of: &StoredSource,
        slices: &[&[Series]],
        buckets: &Buckets,
        lines: Option<&Lines>,
    ) -> Result<Vec<Option<Made>>, QueryError> {
        let names: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
        if let Some(rolled) = &of.rolled
            && slices.iter().all(|g| rolled.serve(g, &self.calls, names[0], buckets.edges()))
        {
            return self.fold_rolled(of, rolled, slices, buckets, lines);
        }
        let (mut made, mut failed) = (Vec::with_capacity(slices.len()), None);
        let options = FoldOptions::new();
        let mut table = Table::default();
        of.view
            .fold_many(slices, &names, buckets.edges(), self.parts, options, |_, found| {
                let rows = self.columns(found, buckets, lines, &mut table);
                made.push(rows.unwrap_or_else(|error| {
                    failed = Some(error);
                    None
                }));
            })
            .map_err(QueryError::storage)?;
        failed.map_or_else(|| Ok(placed(made, table)), Err)
    }

    /// The same with rollups.
    fn fold_rolled(
        &self,
        of: &StoredSource,
        rolled: &Rollups,
        slices: &[&[Series]],
        buckets: &Buckets,
        lines: Option<&Lines>,
    ) -> Result<Vec<Option<Made>>, QueryError> {
        let mut made = Vec::with_capacity(slices.len());
        let mut table = Table::default();
        for group in slices {
            let mut found = Vec::with_capacity(self.fields.len());
            for field in &self.fields {
                let own = field.kind.field_type();
                let mut partials = Partials::new(own, buckets.len(), self.parts);
                for series in *group {
                    self.budget.rows(0)?;
                    let edges = buckets.edges();
                    if !rolled.fold(series, &field.name, edges, &mut partials)? {
                        let folded = of.view.fold(series, &field.name, edges, &mut partials);
                        folded.map_err(QueryError::storage)?;
                    }
                }
                found.push(partials);
            }
            made.push(self.columns(&found, buckets, lines, &mut table)?);
        }
        Ok(placed(made, table))
    }

    fn width(&self) -> u64 {
        u64::try_from(self.fields.len()).unwrap_or(u64::MAX)
    }

    /// Counts the rows of the blocks that are looked at, where those are limited.
    fn count_points(
        &self,
        of: &StoredSource,
        series: &[&[Series]],
        (first, last): Stretch,
    ) -> Result<(), QueryError> {
        self.budget.rows(0)?;
        if self.budget.limits().max_points.is_none() {
            return Ok(());
        }
        let names: Vec<&str> = self.fields.iter().map(|field| field.name.as_str()).collect();
        for series in series {
            let cost = of.view.cost(series, &names, inclusive(first, last));
            let cost = cost.map_err(QueryError::storage)?;
            self.budget.rows(usize::try_from(cost.rows).unwrap_or(usize::MAX))?;
        }
        Ok(())
    }

    /// The rows of a group.
    fn columns(
        &self,
        found: &[Partials],
        buckets: &Buckets,
        lines: Option<&Lines>,
        table: &mut Table,
    ) -> Result<Option<Rows>, QueryError> {
        if let Some(lines) = lines {
            return Ok(self.aligned(found, buckets, lines, table));
        }
        let scope = self.scope(&[]);
        let mut calls = Vec::with_capacity(self.calls.len());
        for ((f, field), call) in self.calls.iter().zip(&self.plan.calls) {
            let partials = &found[*field];
            let own = partials.field_type();
            let mut points = Points::new(f.output(own).unwrap_or(FieldType::Float), &[]);
            scope.add_folded(*f, partials, buckets, &mut points);
            calls.push(limited(self.plan, scope.finish(call, points)?));
        }
        Ok(align(self.plan, calls).map(|(times, columns)| {
            let rows = times.len();
            let times = std::iter::once(Cells::Values(Values::Time(times), None));
            Rows::Own(rows, times.chain(columns.into_iter().map(Cells::of)).collect())
        }))
    }

    /// The same where every function has rows for the same windows.
    fn aligned(
        &self,
        found: &[Partials],
        buckets: &Buckets,
        lines: &Lines,
        table: &mut Table,
    ) -> Option<Rows> {
        let count = |field: usize, bucket| found[field].count(bucket);
        let has = |bucket: usize| self.calls.iter().any(|(_, field)| count(*field, bucket) > 0);
        let first = (0..buckets.len()).find(|bucket| has(*bucket))?;
        let sparse: Option<Vec<Option<usize>>> = lines.sparse.then(|| {
            lines.buckets.iter().copied().filter(|bucket| bucket.is_some_and(has)).collect()
        });
        let of_rows = sparse.as_ref().unwrap_or(&lines.buckets);
        let span = if lines.trimmed { self.trimmed(of_rows, first) } else { 0..of_rows.len() };
        let (from, to) = limits_of(self.plan, span.len());
        let span = span.start + from..span.start + to;
        let of_rows = &of_rows[span.clone()];
        if of_rows.is_empty() {
            return None;
        }
        let from = match (&sparse, self.own_time(found)) {
            (None, Some(at)) => table.begin(std::iter::once(at)),
            (None, None) => table.begin(lines.times[span].iter().copied()),
            (Some(_), _) => {
                table.begin(of_rows.iter().flatten().map(|bucket| buckets.label(*bucket)))
            }
        };
        for (at, column) in self.plan.columns.iter().enumerate() {
            let Node::Slot(Slot::Call(call)) = &column.node else { continue };
            let (f, field) = self.calls[*call];
            table.add(at, f, &found[field], of_rows, &self.plan.fill, lines.windowed);
        }
        Some(Rows::Shared(from, of_rows.len()))
    }

    /// The rows from the first window with points on, in order of time. Read backwards, rows may have been left out by a
    /// limit before that window is reached; all of them stay then.
    fn trimmed(&self, rows: &[Option<usize>], first: usize) -> Range<usize> {
        let is_first = |bucket: &Option<usize>| *bucket == Some(first);
        if self.plan.ascending {
            rows.iter().position(is_first).unwrap_or(rows.len())..rows.len()
        } else {
            0..rows.iter().rposition(is_first).map_or(rows.len(), |last| last + 1)
        }
    }

    /// The time of the point, where a single function selects one out of everything.
    fn own_time(&self, found: &[Partials]) -> Option<i64> {
        if self.plan.windows.is_some() || !self.plan.is_selector() {
            return None;
        }
        let (f, field) = self.calls.first()?;
        folded(*f, &found[*field], 0)?.0
    }
}

/// Where the rows of groups are, now that the table of those they share is done.
fn placed(made: Vec<Option<Rows>>, table: Table) -> Vec<Option<Made>> {
    let shared = Arc::new(table.finish());
    let place = |rows| match rows {
        Rows::Shared(from, rows) => Made { cells: Arc::clone(&shared), from, rows },
        Rows::Own(rows, cells) => Made { cells: Arc::new(cells), from: 0, rows },
    };
    made.into_iter().map(|rows| rows.map(place)).collect()
}

/// Bytes that a bucket takes in a partial.
fn bytes(parts: Aggregates) -> u64 {
    let of = |part, bytes| if parts.contains(part) { bytes } else { 0 };
    16 + of(Aggregates::SUM, 24)
        + of(Aggregates::MIN, 32)
        + of(Aggregates::MAX, 32)
        + of(Aggregates::FIRST, 40)
        + of(Aggregates::LAST, 40)
}

/// The rows that every group has, in the order of the answer.
struct Lines {
    /// The bucket that a row is computed from; `None` for windows outside of those that may have points.
    buckets: Vec<Option<usize>>,
    /// The times that rows bear.
    times: Vec<i64>,
    /// Whether rows are left out whose buckets have no points.
    sparse: bool,
    /// Whether rows begin with the first bucket that has points.
    trimmed: bool,
    windowed: bool,
}

impl Lines {
    /// Whether the functions of a group have rows for the same windows, no row depends on others and no column is computed.
    fn suit(plan: &Plan) -> bool {
        let plain = |node: &Node| matches!(node, Node::Slot(Slot::Call(_)));
        let one = plan.calls.len() == 1;
        let limited = plan.limit.is_some() || plan.offset > 0;
        let together = match plan.fill {
            FillMode::None => one || !limited,
            FillMode::Null | FillMode::Value(_) => one || plan.start > MIN_TIME,
            FillMode::Previous | FillMode::Linear => false,
        };
        let together =
            together || (plan.windows.is_none() && !matches!(plan.fill, FillMode::Previous));
        together && plan.columns.iter().all(|column| plain(&column.node))
    }

    /// The rows over a stretch of time; `whole` if it is all that the query is about. `None` unless they suit.
    fn of(
        plan: &Plan,
        buckets: &Buckets,
        (_, end): Stretch,
        whole: bool,
        budget: &Budget<'_>,
    ) -> Result<Option<Lines>, QueryError> {
        if !Lines::suit(plan) {
            return Ok(None);
        }
        let Some(windows) = plan.windows else {
            let times = vec![buckets.label(0)];
            let buckets = vec![Some(0)];
            let (sparse, trimmed, windowed) = (false, false, false);
            return Ok(Some(Lines { buckets, times, sparse, trimmed, windowed }));
        };
        let all = 0..buckets.len();
        let sparse = plan.fill == FillMode::None;
        let trimmed = !sparse && plan.start <= MIN_TIME;
        let mut lines = Lines {
            buckets: all.clone().map(Some).collect(),
            times: all.map(|bucket| buckets.label(bucket)).collect(),
            sparse,
            trimmed,
            windowed: true,
        };
        if !sparse {
            let (begin, behind) = match (lines.times.first(), lines.times.last()) {
                (Some(first), Some(last)) => (*first, windows.end(*last)),
                _ => (0, 0),
            };
            // A part lies at the end that rows are counted from.
            let mut first = if trimmed || (!whole && !plan.ascending) {
                begin
            } else {
                windows.start(plan.start)
            };
            let mut last = if whole || !plan.ascending { plan.last } else { end };
            // No more than a limit leaves, counted from the first row that there may be.
            if let Some(limit) = plan.limit {
                let rows = i64::try_from(limit.saturating_add(plan.offset)).unwrap_or(i64::MAX);
                let width = windows.interval_ns.saturating_mul(rows);
                if plan.ascending {
                    last = last.min(behind.saturating_add(width));
                } else {
                    first = first.max(windows.start(windows.end(last).saturating_sub(width)));
                }
            }
            let rows = windows.count(first, last);
            let columns = u64::try_from(plan.columns.len()).unwrap_or(u64::MAX);
            budget.memory(rows.saturating_mul(columns.saturating_mul(9).saturating_add(24)))?;
            lines.widen(windows, first, last);
        }
        if !plan.ascending {
            lines.buckets.reverse();
            lines.times.reverse();
        }
        Ok(Some(lines))
    }

    /// Puts a row for every window, from the one that begins at `first` to that of `last`.
    fn widen(&mut self, windows: Windows, first: i64, last: i64) {
        let own = std::mem::take(&mut self.times);
        self.buckets.clear();
        let mut next = own.partition_point(|time| *time < first);
        let mut at = first;
        while at <= last {
            let here = own.get(next) == Some(&at);
            self.buckets.push(here.then_some(next));
            self.times.push(at);
            next += usize::from(here);
            let end = windows.end(at);
            if end <= at {
                break; // the end of what 64 bits hold
            }
            at = end;
        }
    }
}
