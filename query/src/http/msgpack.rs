//! MessagePack answers: whole documents, since lengths stand before what they count.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use stripchart_core::{Frame, Values};

use super::backend::QueryContext;
use super::chunk;
use crate::ast::{Query, Statement};
use crate::result::{StatementResult, write_msgpack};
use crate::{Engine, ExecuteOptions, QueryError, RunningQuery};

/// The documents of an answer: one, or in chunks one for each piece of a series.
///
/// Results that are not written yet are in memory: those of one statement in chunks, otherwise those of all. They may
/// take as much as [`Limits::max_memory_bytes`](crate::Limits::max_memory_bytes) says.
pub(super) struct Documents {
    engine: Arc<Engine>,
    query: Query,
    context: QueryContext,
    /// While this is there the query is listed among those that run.
    listed: Option<RunningQuery>,
    /// Why it may not run, if so.
    refused: Option<QueryError>,
    /// The statement that comes next.
    next: usize,
    failed: bool,
    /// Bytes of results that are not written yet, by estimate.
    held_bytes: u64,
    ready: VecDeque<StatementResult>,
}

impl Documents {
    pub(super) fn new(engine: Arc<Engine>, query: Query, context: QueryContext) -> Self {
        let mut options = ExecuteOptions::new(context.now);
        options.database = context.database.as_deref();
        options.cancel = Some(&context.cancel);
        let (listed, refused) = match engine.begin(&query, &options) {
            Ok(listed) => (Some(listed), None),
            Err(refused) => (None, Some(refused)),
        };
        Documents {
            engine,
            query,
            context,
            listed,
            refused,
            next: 0,
            failed: false,
            held_bytes: 0,
            ready: VecDeque::new(),
        }
    }

    /// Runs the next statement; `None` if there is none.
    fn run(&mut self) -> Option<()> {
        let id = self.next;
        let statement = self.query.statements.get(id)?;
        self.next += 1;
        let ran = if let Some(refused) = self.refused.take() {
            Err(refused)
        } else if self.failed {
            Err(QueryError::NotExecuted)
        } else {
            let listed = self.listed.as_ref();
            frames(&self.engine, statement, &self.context, listed, &mut self.held_bytes)
        };
        match ran {
            Err(error) => {
                self.failed = true;
                self.ready.push_back(StatementResult::failed(id, error));
            }
            Ok(frames) => {
                let remark = self.context.remark.and_then(|remark| remark(statement));
                let first = self.ready.len();
                if self.context.chunk_rows.is_none() {
                    self.ready.push_back(StatementResult { frames, ..result(id) });
                } else {
                    let more = frames.len().saturating_sub(1);
                    let pieces = frames.into_iter().enumerate().map(|(at, frame)| {
                        StatementResult { frames: vec![frame], partial: at < more, ..result(id) }
                    });
                    self.ready.extend(pieces);
                    if self.ready.len() == first {
                        self.ready.push_back(result(id));
                    }
                }
                self.ready[first].messages.extend(remark);
            }
        }
        Some(())
    }
}

impl Iterator for Documents {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        if self.context.chunk_rows.is_some() {
            while self.ready.is_empty() {
                self.run()?;
            }
            write_msgpack(self.ready.make_contiguous().get(..1)?, &self.context.text, &mut out);
            self.ready.pop_front();
            if self.ready.is_empty() {
                self.held_bytes = 0;
            }
        } else {
            if self.next > 0 {
                return None;
            }
            while self.run().is_some() {}
            write_msgpack(self.ready.make_contiguous(), &self.context.text, &mut out);
            self.ready.clear();
        }
        Some(out.into())
    }
}

fn result(statement_id: usize) -> StatementResult {
    StatementResult { statement_id, ..StatementResult::default() }
}

/// The frames of a statement, as far as they fit.
fn frames(
    engine: &Engine,
    statement: &Statement,
    context: &QueryContext,
    running: Option<&RunningQuery>,
    held_bytes: &mut u64,
) -> Result<Vec<Frame>, QueryError> {
    let mut options = ExecuteOptions::new(context.now);
    options.database = context.database.as_deref();
    options.policy = context.policy.as_deref();
    options.limits = context.limits.clone();
    options.chunk_rows = context.chunk_rows;
    options.user = context.user.as_ref();
    options.running = running;
    options.cancel = Some(&context.cancel);
    let limit = context.limits.max_memory_bytes.unwrap_or(u64::MAX);
    let mut frames = Vec::new();
    engine.run(statement, &options, &mut |frame| {
        *held_bytes = held_bytes.saturating_add(estimate_bytes(&frame));
        if *held_bytes > limit {
            return ControlFlow::Break(());
        }
        // Windows and SHOW come in whole frames, however many rows they have.
        match context.chunk_rows {
            Some(rows) => chunk::pieces(frame, rows, |frame| frames.push(frame)),
            None => frames.push(frame),
        }
        ControlFlow::Continue(())
    })?;
    if *held_bytes > limit {
        return Err(QueryError::Memory { found: *held_bytes, limit });
    }
    Ok(frames)
}

/// About the bytes that a frame takes.
fn estimate_bytes(frame: &Frame) -> u64 {
    const FRAME_BYTES: usize = 256;
    let of_values = |values: &Values, rows: usize| match values {
        Values::String(texts) => (0..rows).map(|row| 8 + texts.get(row).map_or(0, str::len)).sum(),
        _ => rows * 8,
    };
    let columns = frame.columns.iter();
    let bytes: usize = columns.map(|column| of_values(column.values(), column.len())).sum();
    u64::try_from(FRAME_BYTES + bytes).unwrap_or(u64::MAX)
}
