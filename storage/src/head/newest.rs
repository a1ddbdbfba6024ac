//! When the newest row of a series was that a reader may see.
//!
//! The bounds that a head keeps are those of all its rows; whoever has begun to read does not see those of later batches. Asked in the
//! middle of a busy ingest, the newest row that is visible is mostly not the newest there is, so it has to be looked for, from the end.

use super::HeadInner;
use super::arena::At;
use super::block::Block;
use super::layout::batch_of;
use super::read::tail;

impl HeadInner {
    /// The latest time before `end` of a row of the series `number` among those that batches up to `limit` brought.
    pub(crate) fn newest(&self, number: u32, limit: u32, end: i64) -> Option<i64> {
        let (series, table) = self.series_of(number)?;
        let before_end = |at: &i64| *at < end;
        let in_rounds = self.rounds_of(number).and_then(|(rounds, index)| {
            let visible = 0..rounds.visible(index, limit);
            visible.map(|round| rounds.time(index, round)).filter(before_end).max()
        });
        let in_tail = tail(series, table)
            .take_while(|row| batch_of(row) <= limit)
            .map(|row| row[0].cast_signed())
            .filter(before_end)
            .max();
        let mut newest = in_rounds.max(in_tail);
        let mut next = series.block;
        while next != At::NONE {
            let Ok(block) = Block::new(&self.arena, next) else { break };
            next = block.before;
            let Some(times) = table.times.get(block.times) else { continue };
            if newest.is_some_and(|newest| newest >= times.bounds.1) {
                if series.in_order {
                    break;
                }
                continue;
            }
            if times.batches.0 > limit || times.bounds.0 >= end {
                continue;
            }
            let whole = times.batches.1 <= limit && times.bounds.1 < end;
            let last = if whole {
                Some(times.bounds.1)
            } else {
                let times = times.unpack(&self.arena).ok();
                times.and_then(|times| {
                    let visible = &times.timestamps()[..times.visible(limit)];
                    visible.iter().copied().filter(before_end).max()
                })
            };
            newest = newest.max(last);
        }
        newest
    }
}
