//! `EXPLAIN` and `EXPLAIN ANALYZE`: how a `SELECT` is answered, and what that cost.
//!
//! ```text
//! EXPLAIN           planned and looked up, not run: what would be read at most
//! EXPLAIN ANALYZE   run, its rows thrown away: what was read, how long it took
//! ```
//!
//! The answer has InfluxDB's shape, one column `QUERY PLAN` and a line of text in each row, and its words where it has
//! some, told for each measurement:
//!
//! ```text
//! NUMBER OF SHARDS   with rows inside the time range of series that are read; SHARDS PRUNED are the policy's others
//! NUMBER OF SERIES   that are read; SERIES PRUNED are the measurement's others
//! CACHED VALUES      in memory, of the fields, inside the time range
//! NUMBER OF FILES    sealed ones that are read, each once however many series it has (InfluxDB counts it for each)
//! NUMBER OF BLOCKS   of the fields in those files, at most; an answer from statistics decodes fewer
//! SIZE OF BLOCKS     their bytes
//! ```
//!
//! The rest is said in the same form.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stripchart_core::{Column, Frame, Timestamp, Values};
use stripchart_storage::{Reads, Touched};

use crate::ast::Select;
use crate::exec::{Execution, Way, ways};
use crate::limits::{Budget, Until};
use crate::plan::time::{MAX_TIME, MIN_TIME};
use crate::plan::{Plan, PlannedSource, Planner, ReferenceKind};
use crate::{Engine, ExecuteOptions, QueryError};

/// The answer of `EXPLAIN`, or of `EXPLAIN ANALYZE` if `analyze`, about `select`, whose target is not written to.
pub(crate) fn run(
    engine: &Engine,
    select: &Select,
    analyze: bool,
    options: &ExecuteOptions<'_>,
) -> Result<Frame, QueryError> {
    let begun = Instant::now();
    let reads = Reads::new();
    let plan =
        Arc::new(Planner::new(engine.db(), options).counted_by(&reads).select(select, None)?);
    let planned = begun.elapsed();
    let budget = Budget::new(&options.limits, options.cancel, options.deadline.map(Until::Lent));
    let mut lines = Lines::default();
    if !analyze {
        lines.plan(&plan, &budget)?;
        return Ok(lines.frame());
    }
    let begun = Instant::now();
    let mut execution = Execution::new(Arc::clone(&plan), budget.clone(), 1024)?;
    let (mut rows, mut memory) = (0, 0);
    let mut series = 0;
    while let Some(chunk) = execution.next()? {
        rows += chunk.rows;
        series += usize::from(!chunk.partial);
        memory = budget.memory_used().max(memory);
    }
    drop(execution);
    let executed = begun.elapsed();
    lines.add(0, "select");
    lines.says(1, "execution_time", Short(executed));
    lines.says(1, "planning_time", Short(planned));
    lines.says(1, "total_time", Short(planned + executed));
    lines.says(1, "rows", rows);
    lines.says(1, "series", series);
    lines.says(1, "rows_read", reads.rows_scanned());
    lines.says(1, "blocks_from_statistics", reads.blocks_described());
    lines.says(1, "blocks_skipped", reads.blocks_skipped());
    lines.says(1, "blocks_decoded", reads.blocks_decoded());
    lines.says(1, "size_of_blocks_decoded", reads.bytes_decoded());
    lines.says(1, "memory", memory);
    lines.add(1, "plan");
    lines.depth = 2;
    lines.plan(&plan, &Budget::new(&options.limits, options.cancel, None))?;
    Ok(lines.frame())
}

/// The lines of the answer.
#[derive(Debug, Default)]
struct Lines {
    text: Vec<String>,
    depth: usize,
}

impl Lines {
    fn add(&mut self, depth: usize, text: &str) {
        self.text.push(format!("{}{text}", "    ".repeat(self.depth + depth)));
    }

    fn says(&mut self, depth: usize, what: &str, value: impl std::fmt::Display) {
        self.add(depth, &format!("{what}: {value}"));
    }

    fn frame(self) -> Frame {
        let texts = self.text.iter().map(String::as_str).collect();
        Frame::new("").column(Column::new("QUERY PLAN", Values::String(texts)))
    }

    /// What `plan` reads, and how.
    fn plan(&mut self, plan: &Plan, budget: &Budget<'_>) -> Result<(), QueryError> {
        for text in &plan.call_texts {
            self.says(0, "EXPRESSION", text);
        }
        if plan.calls.is_empty() {
            self.says(0, "EXPRESSION", "<nil>");
        }
        let auxiliary: Vec<String> = plan.refs.iter().map(|r| named(&r.name, r.kind)).collect();
        if !auxiliary.is_empty() {
            self.says(0, "AUXILIARY FIELDS", auxiliary.join(", "));
        }
        self.says(0, "TIME", span(plan.read_start, plan.last));
        if let Some(windows) = plan.windows {
            let bounded = plan.read_start > MIN_TIME && plan.last < MAX_TIME;
            let count = windows.count(windows.start(plan.read_start), plan.last);
            self.says(0, "WINDOW", Short(Duration::from_nanos(windows.interval_ns.unsigned_abs())));
            if bounded {
                self.says(0, "NUMBER OF WINDOWS", count);
            }
        }
        for source in &plan.sources {
            match source {
                PlannedSource::Subquery(inner) => {
                    self.add(0, "SUBQUERY");
                    self.depth += 1;
                    self.plan(inner, budget)?;
                    self.depth -= 1;
                }
                PlannedSource::Measurement { name, .. } => {
                    self.says(0, "MEASUREMENT", name);
                    self.depth += 1;
                    self.measurement(plan, source, budget)?;
                    self.depth -= 1;
                }
            }
        }
        Ok(())
    }

    /// The shards that are read, one by one up to a number that can still be looked through.
    fn shards(&mut self, touched: &Touched) {
        const LISTED: usize = 10;
        let read = touched.shards.len();
        self.says(0, "NUMBER OF SHARDS", read);
        self.says(0, "SHARDS PRUNED", touched.shards_there.saturating_sub(read as u64));
        for shard in touched.shards.iter().take(LISTED) {
            let span = span(shard.range.start.nanos(), shard.range.end.nanos());
            let what = match shard.files {
                0 => "in memory".to_owned(),
                1 => format!("1 file of {} bytes", shard.bytes),
                files => format!("{files} files of {} bytes", shard.bytes),
            };
            self.says(0, "SHARD", format!("{span}, {what}"));
        }
        if read > LISTED {
            self.says(0, "SHARD", format!("and {} more", read - LISTED));
        }
    }

    fn measurement(
        &mut self,
        plan: &Plan,
        source: &PlannedSource,
        budget: &Budget<'_>,
    ) -> Result<(), QueryError> {
        let PlannedSource::Measurement { view, name, .. } = source else { return Ok(()) };
        let of = ways(plan, source, budget)?;
        let all = view.series_count(name).map_err(QueryError::storage)?;
        let names: Vec<&str> = of.fields.iter().map(String::as_str).collect();
        let range = crate::exec::inclusive(plan.read_start, plan.last);
        let touched = view.touched(&of.series, &names, range).map_err(QueryError::storage)?;
        self.shards(&touched);
        self.says(0, "NUMBER OF SERIES", of.series.len());
        self.says(0, "SERIES PRUNED", all.saturating_sub(of.series.len() as u64));
        self.says(0, "NUMBER OF GROUPS", of.groups);
        if of.filtered > 0 {
            self.says(0, "SERIES WHOSE ROWS ARE TESTED", of.filtered);
        }
        self.says(0, "CACHED VALUES", touched.values_in_memory);
        self.says(0, "NUMBER OF FILES", touched.files());
        self.says(0, "FILES PRUNED", touched.files_there.saturating_sub(touched.files()));
        let cost = view.cost(&of.series, &names, range).map_err(QueryError::storage)?;
        self.says(0, "NUMBER OF BLOCKS", cost.blocks);
        self.says(0, "ROWS OF BLOCKS", cost.rows);
        self.says(0, "SIZE OF BLOCKS", cost.bytes);
        let way = match of.way {
            Way::Fold => {
                "storage's fold: statistics where a block lies in a window, decoding elsewhere"
            }
            Way::Rollups => "rollups where they cover a window, storage's fold elsewhere",
            Way::Newest => "the newest row of each series, from the descriptions of blocks",
            Way::OnePass => {
                "rows that meet the condition, in one pass; merged in order of time if they are too many"
            }
            Way::Merge => "rows, merged in order of time",
            Way::Points => "points of each function, in memory",
        };
        self.says(0, "READ BY", way);
        for (every_ns, range) in of.rollups {
            let every = Short(Duration::from_nanos(every_ns.unsigned_abs()));
            self.says(0, "ROLLUP", format!("{every}, {}", span(range.0, range.1)));
        }
        Ok(())
    }
}

fn named(name: &str, kind: ReferenceKind) -> String {
    match kind {
        ReferenceKind::Field(field_type) => format!("{name}::{field_type}"),
        ReferenceKind::Tag => format!("{name}::tag"),
        ReferenceKind::Unknown => name.to_owned(),
    }
}

fn span(first: i64, last: i64) -> String {
    let at = |at: i64| match at {
        ..=MIN_TIME => "the beginning".to_owned(),
        MAX_TIME.. => "the end".to_owned(),
        at => Timestamp::from_nanos(at).to_string(),
    };
    format!("from {} to {}", at(first), at(last))
}

/// A duration as Go writes it: in one unit below a second, `1h2m3s` above.
struct Short(Duration);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos < 1_000_000_000 {
            return match nanos {
                0 => f.write_str("0s"),
                1..1_000 => write!(f, "{nanos}ns"),
                1_000..1_000_000 => write!(f, "{}µs", nanos as f64 / 1e3),
                _ => write!(f, "{}ms", nanos as f64 / 1e6),
            };
        }
        let (seconds, rest) = (self.0.as_secs(), self.0.subsec_nanos());
        if seconds >= 3600 {
            write!(f, "{}h", seconds / 3600)?;
        }
        if seconds >= 60 {
            write!(f, "{}m", seconds / 60 % 60)?;
        }
        write!(f, "{}s", (seconds % 60) as f64 + f64::from(rest) / 1e9)
    }
}
