//! Writing: a sink for one retention policy.

use std::sync::Arc;

use stripchart_core::{
    Accepted, Batch, FieldDescriptor, Precision, RejectedRow, Sink, SinkError, Timestamp,
};

use crate::DbError;
use crate::catalog::{Change, PolicyId};
use crate::db::Shared;
use crate::line_protocol::{LineParser, ParseError};

/// Writes batches to a retention policy. Cheap to clone; may be used from several threads.
///
/// When [`Sink::write`] returns `Ok`, the accepted rows are in the log, as durable as the
/// [`SyncPolicy`](crate::SyncPolicy) says, and every [`View`](crate::View) taken from then on has them.
/// A batch becomes visible, and survives a crash, whole or not at all. Writing the same rows again is harmless.
#[derive(Debug, Clone)]
pub struct Writer {
    shared: Arc<Shared>,
    policy: PolicyId,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, policy: PolicyId) -> Self {
        Writer { shared, policy }
    }
}

/// What became of a line-protocol body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LinesReport {
    /// Rows written.
    pub rows: usize,
    /// What was wrong with the first lines that could not be parsed.
    pub parse_errors: Vec<ParseError>,
    /// Lines that could not be parsed.
    pub parse_error_count: usize,
    /// Rows that were parsed and refused. Their numbers count within their measurement, not lines.
    pub rejected: Vec<RejectedRow>,
}

impl Writer {
    /// Parses a body of InfluxDB's line protocol and writes its good lines, as one batch: all of them survive a crash, or none.
    ///
    /// Only a body whose lines of one measurement have thousands of different fields is written as several batches, lest
    /// a few bytes of it take the memory of a table with a column for each.
    ///
    /// Timestamps are counted in `precision`; lines without one get `default_time`.
    ///
    /// ```
    /// use stripchart_core::{Precision, Timestamp};
    /// use stripchart_storage::Db;
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path())?;
    /// db.create_database("demo", None)?;
    /// let body = b"cpu,host=a usage=12.5 60\ncpu,host=a usage= 70";
    /// let report = db.writer("demo", None)?.write_lines(body, Precision::Seconds, Timestamp::EPOCH)?;
    /// assert_eq!((report.rows, report.parse_errors[0].line), (1, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Sink::write`]: nothing was written then, or of a body in several batches the first ones. Writing the same again
    /// is harmless.
    pub fn write_lines(
        &self,
        body: &[u8],
        precision: Precision,
        default_time: Timestamp,
    ) -> Result<LinesReport, SinkError> {
        // Taken, not locked: whoever comes meanwhile begins with an empty one.
        let kept = self.shared.lines.lock().take();
        let mut scratch = kept.unwrap_or_default();
        let Scratch { parser, batch } = &mut *scratch;
        let mut written = LinesReport::default();
        let mut failure = None;
        let mut write = |batch: &mut Batch| {
            if failure.is_none() {
                failure = self.write_piece(batch, &mut written).err();
            }
            failure.is_none()
        };
        let report =
            parser.parse_in_pieces(body, precision, default_time, batch, PADDING_MAX, &mut write);
        write(batch);
        if scratch.is_modest(body.len()) {
            *self.shared.lines.lock() = Some(scratch);
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(LinesReport {
                parse_errors: report.errors,
                parse_error_count: report.error_count,
                ..written
            }),
        }
    }

    /// Writes the rows of `batch`, if any, and empties it.
    fn write_piece(&self, batch: &mut Batch, written: &mut LinesReport) -> Result<(), SinkError> {
        if batch.is_empty() {
            return Ok(());
        }
        let answer = self.shared.write_own(self.policy, batch).map_err(sink_error);
        if batch.column_count() > KEPT_COLUMNS || batch.padding() > KEPT_PADDING {
            batch.reset();
        } else {
            batch.clear();
        }
        let Accepted { rows, rejected } = answer?;
        written.rows += rows;
        written.rejected.extend(rejected);
        Ok(())
    }
}

/// What is kept between bodies, so that a series that comes again is neither parsed nor looked up again.
#[derive(Debug)]
pub(crate) struct Scratch {
    parser: LineParser,
    batch: Batch,
}

impl Default for Scratch {
    fn default() -> Self {
        Scratch { parser: LineParser::with_memo_bytes(MEMO_BYTES), batch: Batch::new() }
    }
}

/// Bytes that remembered series take at most; about 100 000 of a few tags.
const MEMO_BYTES: usize = 24 << 20;
/// A batch of more series, or from a larger body, is not kept.
const KEPT_SERIES: usize = 1 << 17;
const KEPT_BODY: usize = 4 << 20;
/// A batch of more columns is not kept, nor taken on to the next piece of a body.
const KEPT_COLUMNS: usize = 4_096;
/// Likewise one that keeps more places for rows without a value: half a megabyte of them.
const KEPT_PADDING: usize = 64 << 10;
/// Places for rows without a value at which a batch is written, though the body goes on: 8 MiB of them.
const PADDING_MAX: usize = 1 << 20;

impl Scratch {
    fn is_modest(&self, body_len: usize) -> bool {
        self.batch.series_count() <= KEPT_SERIES && body_len <= KEPT_BODY
    }
}

impl Sink for Writer {
    fn write(&self, batch: &Batch) -> Result<Accepted, SinkError> {
        self.shared.write(self.policy, batch).map_err(sink_error)
    }

    fn describe(&self, fields: &[FieldDescriptor]) -> Result<(), SinkError> {
        let change = Change::Describe { policy: self.policy, fields: fields.to_vec() };
        self.shared.change(&change).map_err(sink_error)
    }
}

pub(crate) fn sink_error(error: DbError) -> SinkError {
    match error {
        DbError::Closed => SinkError::Closed,
        DbError::ReadOnly { reason } => SinkError::ReadOnly { reason },
        full @ DbError::DiskFull { .. } => SinkError::ReadOnly { reason: full.to_string() },
        error => SinkError::Other { what: error.to_string(), source: Box::new(error) },
    }
}
