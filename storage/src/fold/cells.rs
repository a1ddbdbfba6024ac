//! Sums of cells within blocks: means by the hour without decoding.

use super::plan::Plan;
use crate::Partials;
use crate::segment::packed::Packed;
use crate::segment::page::FieldPage;

/// The sums of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'v> {
    sums: Packed<'v>,
}

impl<'v> Cells<'v> {
    pub(super) const fn of(sums: Packed<'v>) -> Self {
        Cells { sums }
    }

    /// Adds a group without gaps by the sums of its cells, if each lies in one bucket.
    pub(super) fn add(
        &self,
        page: &FieldPage<'v>,
        group: usize,
        before: u32,
        plan: &Plan,
        into: &mut Partials,
    ) -> bool {
        let inner = page.cells(group);
        if inner == 0 || inner + 1 != plan.cells.len() {
            return false;
        }
        let mut left = page.sum_stored(group);
        for (at, (bucket, rows)) in plan.cells.iter().enumerate() {
            let stored = if at < inner { self.sums.get(before as usize + at) } else { left };
            left = left.wrapping_sub(stored);
            if let Some(bucket) = bucket {
                into.add_sum(*bucket, *rows as u64, page.cell_sum(stored, group, *rows));
            }
        }
        true
    }
}
