//! The answer of one function over one group of series.

use std::collections::BTreeMap;

use stripchart_core::{FieldType, FieldValue, ValueRef};
use stripchart_storage::{Aggregates, Partials};

use super::fill::{Span, fill};
use super::input::{Input, InputSource, Wanted};
use super::merge::Merge;
use crate::QueryError;
use crate::functions::{
    Accumulator, Aggregate, Points, Reducer, Stretch, mean, reduce, spread, transform,
};
use crate::limits::Budget;
use crate::plan::time::MIN_TIME;
use crate::plan::{Call, FillMode, Plan, Reference, ReferenceKind, TransformInput};
use crate::window::{Buckets, Windows};

/// A group of series, and the stretch of time that a function looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub plan: &'a Plan,
    pub budget: &'a Budget<'a>,
    pub inputs: &'a [Input],
    /// The bounds whose windows the rows are for; both inside.
    pub start: i64,
    pub last: i64,
    /// Whether the rows are the points selected, with their companions.
    pub selector: bool,
}

impl<'a> Scope<'a> {
    /// The points of `call` in the order of the answer, empty windows filled.
    pub(crate) fn points(&self, call: &Call) -> Result<Points, QueryError> {
        match call {
            Call::Transform { f, input } => {
                let points = match &**input {
                    TransformInput::Field(field) => self.raw(field)?,
                    TransformInput::Call(call) => self.inner(f.looks_back()).points(call)?,
                };
                let stretch = Stretch {
                    windows: self.plan.windows,
                    start: self.start,
                    last: self.last,
                    ascending: self.plan.ascending,
                };
                transform(*f, &points, stretch, &mut |bytes| {
                    self.budget.rows(0)?;
                    self.budget.memory(bytes)
                })
            }
            Call::Aggregate { f, field } => {
                let points = self.aggregate(*f, field)?;
                self.finish(call, points)
            }
            Call::Reduce { f, field, tags } => {
                let points = self.reduce(*f, field, tags)?;
                self.filled(call, points)
            }
        }
    }

    /// The scope of a function inside another: one window more, so that the first row has something before it.
    fn inner(&self, extends: bool) -> Scope<'a> {
        let step = self.plan.windows.filter(|_| extends).map_or(0, |w| w.interval_ns);
        let (mut start, mut last) = (self.start, self.last);
        if !self.plan.ascending {
            last = last.saturating_add(step);
        } else if start > MIN_TIME {
            start = start.saturating_sub(step).max(MIN_TIME);
        }
        Scope { start, last, selector: false, ..*self }
    }

    fn aux(&self) -> &'a [Reference] {
        if self.selector { &self.plan.refs } else { &[] }
    }

    fn aux_types(&self) -> Vec<FieldType> {
        self.aux().iter().map(|reference| reference.kind.field_type()).collect()
    }

    fn empty(&self, field_type: FieldType) -> Points {
        Points::new(field_type, &self.aux_types())
    }

    /// The first instant that is read.
    fn read_start(&self) -> i64 {
        self.start.max(self.plan.read_start)
    }

    /// The last instant that is read.
    fn read_last(&self) -> i64 {
        self.last.min(self.plan.read_last)
    }

    fn wanted(&self, refs: Vec<Reference>, ascending: bool) -> Wanted {
        let condition = self.plan.condition.clone();
        let (start, last) = (self.read_start(), self.read_last());
        let (refs, nulls, packed) = (refs.into(), false, None);
        Wanted { refs, condition, start, last, ascending, nulls, packed, limit: None }
    }

    /// All values of a field, merged in the order of the answer.
    fn raw(&self, field: &Reference) -> Result<Points, QueryError> {
        let mut points = Points::new(field.kind.field_type(), &[]);
        if !matches!(field.kind, ReferenceKind::Field(_)) {
            return Ok(points);
        }
        let wanted = self.wanted(vec![field.clone()], self.plan.ascending);
        let mut merge = Merge::new(self.inputs, &wanted, 1);
        while let Some(row) = merge.next(self.budget)? {
            if points.len().is_multiple_of(1024) {
                self.budget.memory(Points::estimate_bytes(1024, 0))?;
            }
            points.push(row.time(), row.value(0));
        }
        Ok(points)
    }

    /// Ascending points in the order of the answer, with empty windows filled.
    pub(crate) fn finish(&self, call: &Call, points: Points) -> Result<Points, QueryError> {
        self.filled(call, if self.plan.ascending { points } else { points.reversed() })
    }

    /// Points in the order of the answer, with empty windows filled.
    fn filled(&self, call: &Call, points: Points) -> Result<Points, QueryError> {
        let keeps_times = matches!(call, Call::Reduce { f, .. } if f.keeps_times());
        let several = matches!(call, Call::Reduce { f: Reducer::Distinct, .. });
        let (Some(windows), false, false) = (self.plan.windows, keeps_times, several) else {
            return Ok(points);
        };
        let zero = FillMode::Value(FieldValue::Integer(0));
        let mode = match &self.plan.fill {
            FillMode::None => return Ok(points),
            FillMode::Null if call.is_count() => &zero,
            mode => mode,
        };
        let lower = Some(windows.start(self.start)).filter(|_| self.start > MIN_TIME);
        let upper = Some(windows.start(self.last));
        let span = if self.plan.ascending {
            Span { first: lower, last: upper, windows, ascending: true }
        } else {
            Span { first: upper, last: lower, windows, ascending: false }
        };
        let rows = span.count(&points);
        self.budget.memory(Points::estimate_bytes(rows, points.aux.len()))?;
        Ok(fill(&points, mode, span))
    }

    /// The buckets that have points, if any.
    fn buckets(&self) -> Result<Option<Buckets>, QueryError> {
        let bounds = self.inputs.iter().filter_map(|input| match input.source {
            // Rows of a subquery bear the starts of its windows, which may lie before the lower bound.
            InputSource::Frame(_) => input.time_bounds(),
            InputSource::Stored { .. } => self.read_of(input.time_bounds()?),
        });
        self.buckets_over(bounds.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))), BUCKET_BYTES)
    }

    /// The buckets that stored points between two times, both inside, may be in; each counts as `bytes` of memory.
    pub(crate) fn buckets_within(
        &self,
        bounds: (i64, i64),
        bytes: u64,
    ) -> Result<Option<Buckets>, QueryError> {
        self.buckets_over(self.read_of(bounds), bytes)
    }

    /// What is read of a stretch of time; `None` if nothing is.
    fn read_of(&self, (first, last): (i64, i64)) -> Option<(i64, i64)> {
        let (first, last) = (first.max(self.read_start()), last.min(self.read_last()));
        Some((first, last)).filter(|_| first <= last)
    }

    fn buckets_over(
        &self,
        bounds: Option<(i64, i64)>,
        bytes: u64,
    ) -> Result<Option<Buckets>, QueryError> {
        let label = if self.start > MIN_TIME { self.start } else { 0 };
        let Some(windows) = self.plan.windows else {
            return Ok(Some(Buckets::single(self.read_start(), self.read_last(), label)));
        };
        let Some((first, last)) = bounds else { return Ok(None) };
        let count = windows.count(windows.start(first), last);
        self.budget.memory(count.saturating_mul(bytes))?;
        Ok(Some(Buckets::windows(windows, first, last)))
    }

    fn aggregate(&self, f: Aggregate, field: &Reference) -> Result<Points, QueryError> {
        let field_type = field.kind.field_type();
        let mut out = self.empty(f.output(field_type).unwrap_or(FieldType::Float));
        if !matches!(field.kind, ReferenceKind::Field(_)) {
            return Ok(out);
        }
        let Some(buckets) = self.buckets()? else { return Ok(out) };
        if self.can_fold(f, field) {
            self.fold(f, field, &buckets, &mut out)?;
        } else {
            self.accumulate(f, field, &buckets, &mut out)?;
        }
        Ok(out)
    }

    /// Whether storage can answer by itself: plain stored series of one type, no row to be tested, nothing taken along.
    fn can_fold(&self, f: Aggregate, field: &Reference) -> bool {
        let field_type = field.kind.field_type();
        self.aux().is_empty()
            && f.is_storages(field_type)
            && self.inputs.iter().all(|input| {
                matches!(input.source, InputSource::Stored { .. })
                    && !input.filtered
                    && input.field_type(&field.name).is_none_or(|own| own == field_type)
            })
    }

    fn fold(
        &self,
        f: Aggregate,
        field: &Reference,
        buckets: &Buckets,
        out: &mut Points,
    ) -> Result<(), QueryError> {
        let field_type = field.kind.field_type();
        let mut partials = Partials::new(field_type, buckets.len(), parts(f));
        for input in self.inputs {
            let InputSource::Stored { of, series } = &input.source else { continue };
            self.budget.rows(0)?;
            of.view
                .fold(series, &field.name, buckets.edges(), &mut partials)
                .map_err(QueryError::storage)?;
        }
        self.add_folded(f, &partials, buckets, out);
        Ok(())
    }

    /// Appends a point for each bucket that has some.
    pub(crate) fn add_folded(
        &self,
        f: Aggregate,
        partials: &Partials,
        buckets: &Buckets,
        out: &mut Points,
    ) {
        for bucket in 0..buckets.len() {
            let Some((at, value)) = folded(f, partials, bucket) else { continue };
            let at = at.filter(|_| self.own_times()).unwrap_or(buckets.label(bucket));
            out.push(at, Some(value.as_ref()));
        }
    }

    /// Whether a selector's rows bear the points' own times.
    fn own_times(&self) -> bool {
        self.selector && self.plan.windows.is_none()
    }

    fn accumulate(
        &self,
        f: Aggregate,
        field: &Reference,
        buckets: &Buckets,
        out: &mut Points,
    ) -> Result<(), QueryError> {
        let keep_times = self.own_times();
        self.accumulate_into(f, field, self.inputs, buckets, |accumulator, label| {
            let best = accumulator.best();
            let at = best.map(|best| best.at).filter(|_| keep_times).unwrap_or(label);
            push(out, at, accumulator, f, field);
        })
    }

    /// Computes every bucket over `inputs` and hands those with points to `each`, with the bucket's label.
    fn accumulate_into(
        &self,
        f: Aggregate,
        field: &Reference,
        inputs: &[Input],
        buckets: &Buckets,
        mut each: impl FnMut(&Accumulator, i64),
    ) -> Result<(), QueryError> {
        let refs: Vec<Reference> = [field].into_iter().chain(self.aux()).cloned().collect();
        let wanted = self.wanted(refs, true);
        let mut accumulators = vec![Accumulator::default(); buckets.len()];
        // Of points that are alike the first read is chosen; InfluxDB reads the last backwards, the first forward, and
        // everything else in the order of the answer.
        let forward = match f {
            Aggregate::First => true,
            Aggregate::Last => false,
            _ => self.plan.ascending,
        };
        let mut order: Vec<&Input> = inputs.iter().collect();
        if !forward {
            order.reverse();
        }
        for input in order {
            let mut reader = super::input::Reader::new(input, &wanted);
            while reader.advance(self.budget)? {
                let (Some(value), Some(bucket)) = (reader.value(0), buckets.find(reader.time()))
                else {
                    continue;
                };
                accumulators[bucket].update(f, reader.time(), value, || {
                    (1..wanted.refs.len())
                        .map(|index| reader.value(index).and_then(ValueRef::to_field_value))
                        .collect()
                });
            }
        }
        for (bucket, accumulator) in accumulators.iter().enumerate() {
            if accumulator.has_points() {
                each(accumulator, buckets.label(bucket));
            }
        }
        Ok(())
    }

    fn reduce(&self, f: Reducer, field: &Reference, tags: &[String]) -> Result<Points, QueryError> {
        let mut out = self.empty(f.output(field.kind.field_type()).unwrap_or(FieldType::Float));
        if !matches!(field.kind, ReferenceKind::Field(_)) {
            return Ok(out);
        }
        let points =
            if tags.is_empty() { self.gather(field)? } else { self.best_of_each(f, field, tags)? };
        let label = if self.start > MIN_TIME { self.start } else { 0 };
        let own_times = f.keeps_times() || self.own_times();
        let mut from = 0;
        while from < points.len() {
            let (label, to) = match self.plan.windows {
                None => (label, points.len()),
                Some(windows) => {
                    (windows.start(points.times[from]), end_of(&points, from, windows))
                }
            };
            let before = out.len();
            reduce(f, &points, from..to, label, &mut out);
            if !own_times {
                out.times[before..].fill(label);
            }
            from = to;
        }
        Ok(out)
    }

    /// All points of a field with their companions, in the order of the answer.
    fn gather(&self, field: &Reference) -> Result<Points, QueryError> {
        let refs: Vec<Reference> = [field].into_iter().chain(self.aux()).cloned().collect();
        let mut points = Points::new(field.kind.field_type(), &self.aux_types());
        let columns = refs.len();
        let wanted = self.wanted(refs, self.plan.ascending);
        let mut merge = Merge::new(self.inputs, &wanted, 1);
        while let Some(row) = merge.next(self.budget)? {
            let Some(value) = row.value(0) else { continue };
            if points.len().is_multiple_of(1024) {
                self.budget.memory(Points::estimate_bytes(1024, columns))?;
            }
            points.times.push(row.time());
            crate::functions::push(&mut points.values, Some(value));
            for (index, column) in points.aux.iter_mut().enumerate() {
                crate::functions::push(column, row.value(index + 1));
            }
        }
        Ok(points)
    }

    /// For `top` and `bottom` with tags: the best point of each combination of those, in each window.
    fn best_of_each(
        &self,
        f: Reducer,
        field: &Reference,
        tags: &[String],
    ) -> Result<Points, QueryError> {
        let field_type = field.kind.field_type();
        let best = if matches!(f, Reducer::Top(_)) { Aggregate::Max } else { Aggregate::Min };
        let mut combinations: BTreeMap<Vec<&str>, Vec<Input>> = BTreeMap::new();
        for input in self.inputs {
            let key = tags.iter().map(|tag| input.tag(tag)).collect();
            combinations.entry(key).or_default().push(input.clone());
        }
        let mut points = Points::new(field_type, &self.aux_types());
        let Some(buckets) = self.buckets()? else { return Ok(points) };
        for inputs in combinations.values() {
            self.accumulate_into(best, field, inputs, &buckets, |accumulator, label| {
                let at = accumulator.best().map_or(label, |best| best.at);
                push(&mut points, at, accumulator, best, field);
            })?;
        }
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by_key(|index| points.times[*index]);
        if !self.plan.ascending {
            order.reverse();
        }
        Ok(points.pick(order.into_iter()))
    }
}

/// A rough count of the bytes that a bucket takes while it is computed.
const BUCKET_BYTES: u64 = 160;

/// The place after the last point in the window that the point at `from` lies in.
fn end_of(points: &Points, from: usize, windows: Windows) -> usize {
    let at = points.times[from];
    let window = windows.start(at)..windows.end(at).max(at.saturating_add(1));
    let inside = points.times[from..].iter().take_while(|at| window.contains(at)).count();
    from + inside.max(1)
}

fn push(out: &mut Points, at: i64, accumulator: &Accumulator, f: Aggregate, field: &Reference) {
    let value = accumulator.value(f, field.kind.field_type());
    out.times.push(at);
    crate::functions::push(&mut out.values, value.as_ref().map(FieldValue::as_ref));
    let aux = accumulator.best().map(|best| best.aux.as_slice()).unwrap_or_default();
    for (index, column) in out.aux.iter_mut().enumerate() {
        let value = aux.get(index).and_then(Option::as_ref).map(FieldValue::as_ref);
        crate::functions::push(column, value);
    }
}

/// What storage must compute.
pub(crate) fn parts(f: Aggregate) -> Aggregates {
    match f {
        Aggregate::Count => Aggregates::COUNT,
        Aggregate::Sum => Aggregates::COUNT | Aggregates::SUM,
        Aggregate::Mean => Aggregates::COUNT | Aggregates::SUM,
        Aggregate::Min => Aggregates::MIN,
        Aggregate::Max => Aggregates::MAX,
        Aggregate::Spread => Aggregates::MIN | Aggregates::MAX,
        Aggregate::First => Aggregates::FIRST,
        Aggregate::Last => Aggregates::LAST,
    }
}

/// The answer out of what storage computed, and the time of the point if it is one.
pub(crate) fn folded(
    f: Aggregate,
    partials: &Partials,
    bucket: usize,
) -> Option<(Option<i64>, FieldValue)> {
    let chosen = |(value, at): (ValueRef<'_>, i64)| Some((Some(at), value.to_field_value()?));
    match f {
        Aggregate::Count => {
            let count = i64::try_from(partials.count(bucket)).unwrap_or(i64::MAX);
            (count > 0).then_some((None, FieldValue::Integer(count)))
        }
        Aggregate::Sum => Some((None, partials.sum(bucket)?.to_value())),
        Aggregate::Mean => {
            let sum = partials.sum(bucket)?.to_value();
            Some((None, mean(&sum, partials.count(bucket))?))
        }
        Aggregate::Min => partials.min(bucket).map(|(value, at)| (Some(at), value.to_value())),
        Aggregate::Max => partials.max(bucket).map(|(value, at)| (Some(at), value.to_value())),
        Aggregate::Spread => {
            let (least, greatest) = (partials.min(bucket)?.0, partials.max(bucket)?.0);
            let (least, greatest) = (least.to_value(), greatest.to_value());
            Some((None, spread(least.as_ref(), greatest.as_ref())?))
        }
        Aggregate::First => partials.first(bucket).and_then(chosen),
        Aggregate::Last => partials.last(bucket).and_then(chosen),
    }
}
