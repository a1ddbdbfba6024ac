//! A row per point: fields and tags as they are stored.

use std::ops::ControlFlow;

use super::input::{Reader, Wanted};
use super::merge::Merge;
use super::rows::{Rows, State};
use super::{Each, Series};
use crate::QueryError;
use crate::plan::{FillMode, Plan, ReferenceKind, Slot};

/// Hands the rows of `series` to `each`, in frames of at most `chunk_rows`.
pub(super) fn run(
    series: &Series<'_>,
    chunk_rows: Option<usize>,
    each: &mut Each<'_>,
) -> Result<ControlFlow<()>, QueryError> {
    let (plan, budget) = (series.plan, series.budget);
    // Tags alone select nothing.
    if !plan.refs.iter().any(|reference| matches!(reference.kind, ReferenceKind::Field(_))) {
        return Ok(ControlFlow::Continue(()));
    }
    let wanted = Wanted {
        refs: &plan.refs,
        condition: plan.condition.as_ref(),
        start: plan.start.max(plan.read_start),
        last: plan.last.min(plan.read_last),
        ascending: plan.ascending,
        nulls: true,
    };
    let mut merge = Merge::new(series.inputs, wanted, 0);
    let mut rows = Rows::new(plan);
    let mut state = needs_state(plan).then(|| State::new(plan));
    let before = budget.memory_used();
    let (mut skip, mut left) = (plan.offset, plan.limit.unwrap_or(u64::MAX));
    while left > 0
        && let Some(row) = merge.next(budget)?
    {
        if skip > 0 {
            skip -= 1;
            continue;
        }
        left -= 1;
        // Only now is it known that the frame is not the last.
        if chunk_rows.is_some_and(|chunk| rows.len() >= chunk) || rows.is_full() {
            let full = std::mem::replace(&mut rows, Rows::new(plan));
            let mut frame = full.finish(series.name, series.tags);
            frame.partial = true;
            if each(frame).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if rows.len().is_multiple_of(1024) {
            budget.release(before);
            budget.memory(rows.estimate_bytes())?;
        }
        push(&mut rows, row, plan, state.as_mut());
    }
    if rows.len() == 0 {
        return Ok(ControlFlow::Continue(()));
    }
    Ok(each(rows.finish(series.name, series.tags)))
}

/// Whether a row depends on those before it or on a fill value.
fn needs_state(plan: &Plan) -> bool {
    matches!(plan.fill, FillMode::Previous | FillMode::Value(_))
}

fn push(rows: &mut Rows<'_>, row: &Reader<'_>, plan: &Plan, state: Option<&mut State<'_>>) {
    let Some(state) = state else {
        rows.push(row.time(), |slot| match slot {
            Slot::Ref(index) => row.value(index),
            Slot::Call(_) => None,
        });
        return;
    };
    for (index, reference) in plan.refs.iter().enumerate() {
        state.set(Slot::Ref(index), row.value(index), reference.kind.field_type());
    }
    rows.push(row.time(), |slot| state.get(slot));
}
