//! Taking rows out: a database, or a part of it, as text that this and other databases read.
//!
//! An [`Export`] says what is wanted; [`Export::lines`] writes it as line protocol, with the comments that `influx_inspect
//! export` writes and `influx -import` reads, so that text goes from here to InfluxDB and back:
//!
//! ```text
//! # DDL
//! CREATE DATABASE "demo" WITH DURATION INF REPLICATION 1 SHARD DURATION 1w NAME "autogen"
//! # DML
//! # CONTEXT-DATABASE: demo
//! # CONTEXT-RETENTION-POLICY: autogen
//! cpu,host=a usage=12.5 1700000000000000000
//! ```
//!
//! Series follow one another in the order of their keys, rows of a series in the order of time. One block of rows is in
//! memory at a time. Units and descriptions of fields have no place in line protocol and are left out.

use std::fmt;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use stripchart_core::line_protocol::{write_field_key, write_series, write_value};
use stripchart_core::{Column, KeyRef, TimeRange, ValueRef};

use crate::catalog::{Database, RetentionPolicy};
use crate::definition;
use crate::{
    Catalog, Db, DbError, Direction, FieldInfo, ReadError, RowBlock, Sealed, Series, TagFilter,
    View,
};

/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

/// What rows can be exported from.
pub trait Source {
    /// What exists.
    fn catalog(&self) -> Arc<Catalog>;

    /// A snapshot of a retention policy.
    ///
    /// # Errors
    ///
    /// If it does not exist or cannot be read.
    fn view(&self, database: &str, policy: Option<&str>) -> Result<View, DbError>;
}

impl Source for Db {
    fn catalog(&self) -> Arc<Catalog> {
        Db::catalog(self)
    }

    fn view(&self, database: &str, policy: Option<&str>) -> Result<View, DbError> {
        Db::view(self, database, policy)
    }
}

impl Source for Sealed {
    fn catalog(&self) -> Arc<Catalog> {
        Sealed::catalog(self)
    }

    fn view(&self, database: &str, policy: Option<&str>) -> Result<View, DbError> {
        Sealed::view(self, database, policy)
    }
}

/// How far an export or an import is; given to the function that the caller passes, which stops it by answering
/// [`ControlFlow::Break`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Rows written so far.
    pub rows: u64,
    /// Bytes of text written or read so far.
    pub bytes: u64,
}

/// What to take out of a database; the default is everything.
///
/// ```
/// use std::ops::ControlFlow;
/// use stripchart_core::{Precision, Timestamp};
/// use stripchart_storage::{Db, Export};
///
/// let folder = tempfile::tempdir()?;
/// let db = Db::open(folder.path())?;
/// db.create_database("demo", None)?;
/// let body = b"cpu,host=a usage=12.5 60\nmem,host=a used=7i 60";
/// db.writer("demo", None)?.write_lines(body, Precision::Seconds, Timestamp::EPOCH)?;
///
/// let mut text = Vec::new();
/// let export = Export::new().database("demo").measurement("cpu").without_definitions();
/// let report = export.lines(&db, &mut text, |_| ControlFlow::Continue(()))?;
/// assert_eq!(report.rows, 1);
/// assert!(text.ends_with(b"\ncpu,host=a usage=12.5 60000000000\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Export {
    pub(crate) database: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) measurement: Option<String>,
    pub(crate) filter: TagFilter,
    pub(crate) range: TimeRange,
    definitions: bool,
}

/// What an export wrote.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ExportReport {
    /// Retention policies that were gone through.
    pub policies: u64,
    /// Series of which a row was written.
    pub series: u64,
    /// Rows.
    pub rows: u64,
    /// Values of fields.
    pub values: u64,
    /// Bytes.
    pub bytes: u64,
    /// Values left out because the format has no form for them: in line protocol NaN, infinities, and names that it cannot
    /// express.
    pub left_out: u64,
    /// The first of those, and why.
    pub left_out_first: Option<String>,
}

/// Rows of one series, as [`Export::blocks`] gives them.
#[derive(Debug)]
#[non_exhaustive]
pub struct ExportBlock<'a> {
    /// The database.
    pub database: &'a str,
    /// The retention policy.
    pub policy: &'a str,
    /// The series.
    pub series: KeyRef<'a>,
    /// The fields of its measurement; the columns of the rows stand in this order.
    pub fields: &'a [FieldInfo],
    /// The rows.
    pub rows: RowBlock,
}

/// Why an export ended before its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// Something that was asked for does not exist, or cannot be read.
    Db(DbError),
    /// Stored rows cannot be read.
    Read(ReadError),
    /// The output refused bytes.
    Write(io::Error),
    /// The caller's function said so. What was written is whole lines, or whole files.
    Cancelled,
}

impl Default for Export {
    fn default() -> Self {
        Export::new()
    }
}

impl Export {
    /// Everything.
    #[must_use]
    pub const fn new() -> Self {
        Export {
            database: None,
            policy: None,
            measurement: None,
            filter: TagFilter::All,
            range: TimeRange::ALL,
            definitions: true,
        }
    }

    /// Only the database called `name`.
    #[must_use]
    pub fn database(mut self, name: impl Into<String>) -> Self {
        self.database = Some(name.into());
        self
    }

    /// Only retention policies called `name`.
    #[must_use]
    pub fn policy(mut self, name: impl Into<String>) -> Self {
        self.policy = Some(name.into());
        self
    }

    /// Only the measurement called `name`.
    #[must_use]
    pub fn measurement(mut self, name: impl Into<String>) -> Self {
        self.measurement = Some(name.into());
        self
    }

    /// Only series that `filter` accepts.
    #[must_use]
    pub fn series(mut self, filter: TagFilter) -> Self {
        self.filter = filter;
        self
    }

    /// Only rows inside `range`.
    #[must_use]
    pub const fn range(mut self, range: TimeRange) -> Self {
        self.range = range;
        self
    }

    /// No statements that create databases and policies: for text that goes into existing ones.
    #[must_use]
    pub const fn without_definitions(mut self) -> Self {
        self.definitions = false;
        self
    }

    /// Writes the rows to `out` as line protocol, timestamps in nanoseconds; `progress` is called after every block of
    /// rows.
    ///
    /// # Errors
    ///
    /// [`ExportError`]. What was written before is whole lines.
    pub fn lines(
        &self,
        source: &impl Source,
        out: impl Write,
        progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<ExportReport, ExportError> {
        let selected = self.select(&source.catalog())?;
        let mut lines =
            Lines { out, progress, text: String::new(), report: ExportReport::default() };
        if self.definitions {
            lines.text.push_str("# DDL\n");
            for (database, policies) in &selected {
                definition::write(database, |policy| policies.contains(policy), &mut lines.text);
            }
        }
        lines.text.push_str("# DML\n");
        for (database, policies) in &selected {
            for policy in policies {
                let view = source.view(database.name(), Some(&policy.name))?;
                lines.text += &format!("# CONTEXT-DATABASE: {}\n", database.name());
                lines.text += &format!("# CONTEXT-RETENTION-POLICY: {}\n", policy.name);
                lines.report.policies += 1;
                self.visit(&view, |view, measurement| {
                    self.measurement_lines(view, measurement, &mut lines)
                })?;
            }
        }
        lines.flush()?;
        Ok(lines.report)
    }

    /// Calls `each` with the rows, block by block, for whoever writes another format: series by series, in order of time.
    ///
    /// # Errors
    ///
    /// [`ExportError`], also the one that `each` answers; [`ExportError::Cancelled`] is its way to end early.
    pub fn blocks(
        &self,
        source: &impl Source,
        mut each: impl FnMut(&ExportBlock<'_>) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        for (database, policies) in &self.select(&source.catalog())? {
            for policy in policies {
                let view = source.view(database.name(), Some(&policy.name))?;
                self.visit(&view, |view, measurement| {
                    let fields = view.fields(measurement);
                    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                    for series in view.series(measurement, &self.filter)? {
                        for rows in view.scan(&series, &names, self.range, Direction::Ascending) {
                            let (series, rows) = (series.key(), rows?);
                            let (database, fields) = (database.name(), &*fields);
                            each(&ExportBlock {
                                database,
                                policy: &policy.name,
                                series,
                                fields,
                                rows,
                            })?;
                        }
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    /// The databases and policies that are meant.
    pub(crate) fn select(
        &self,
        catalog: &Catalog,
    ) -> Result<Vec<(Database, Vec<RetentionPolicy>)>, DbError> {
        let databases: Vec<&Database> = match &self.database {
            None => catalog.databases().collect(),
            Some(name) => {
                let found = catalog.database(name);
                vec![found.ok_or_else(|| DbError::DatabaseNotFound { name: name.clone() })?]
            }
        };
        let mut selected = Vec::new();
        for database in databases {
            let wanted = |policy: &&RetentionPolicy| {
                self.policy.as_ref().is_none_or(|name| policy.name == *name)
            };
            let policies: Vec<_> = database.policies().iter().filter(wanted).cloned().collect();
            if !policies.is_empty() {
                selected.push((database.clone(), policies));
            }
        }
        match &self.policy {
            Some(name) if selected.is_empty() => {
                Err(DbError::PolicyNotFound { name: name.clone() })
            }
            _ => Ok(selected),
        }
    }

    /// Calls `each` for every measurement of `view` that is meant.
    pub(crate) fn visit(
        &self,
        view: &View,
        mut each: impl FnMut(&View, &str) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        let view = view.within(self.range);
        for measurement in view.measurements()? {
            if self.measurement.as_ref().is_none_or(|name| *name == measurement) {
                each(&view, &measurement)?;
            }
        }
        Ok(())
    }

    fn measurement_lines<W: Write, P: FnMut(&Progress) -> ControlFlow<()>>(
        &self,
        view: &View,
        measurement: &str,
        lines: &mut Lines<W, P>,
    ) -> Result<(), ExportError> {
        let fields = view.fields(measurement);
        let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        let keys: Vec<Result<String, String>> = names.iter().map(|name| field_key(name)).collect();
        for series in view.series(measurement, &self.filter)? {
            let key = series_key(&series);
            let mut rows = 0;
            for block in view.scan(&series, &names, self.range, Direction::Ascending) {
                rows += lines.block(&key, &keys, &block?)?;
                lines.step()?;
            }
            lines.report.series += u64::from(rows > 0);
        }
        Ok(())
    }
}

/// `cpu,host=a`, or why line protocol cannot say it.
fn series_key(series: &Series) -> Result<String, String> {
    let mut text = String::new();
    write_series(series.key(), &mut text).map(|()| text).map_err(|error| error.to_string())
}

/// `usage=`, or why line protocol cannot say it.
fn field_key(name: &str) -> Result<String, String> {
    let mut text = String::new();
    write_field_key(name, &mut text).map_err(|error| error.to_string())?;
    text.push('=');
    Ok(text)
}

struct Lines<W, P> {
    out: W,
    progress: P,
    text: String,
    report: ExportReport,
}

impl<W: Write, P: FnMut(&Progress) -> ControlFlow<()>> Lines<W, P> {
    /// Writes rows; how many have a value that could be written.
    fn block(
        &mut self,
        series: &Result<String, String>,
        keys: &[Result<String, String>],
        block: &RowBlock,
    ) -> Result<u64, ExportError> {
        let series = match series {
            Ok(series) => series,
            Err(why) => {
                let count: usize = block.columns.iter().map(valid_count).sum();
                self.report.left_out(count as u64, why);
                return Ok(0);
            }
        };
        let before = self.report.rows;
        for (row, at) in block.timestamps.iter().enumerate() {
            let mut separator = ' ';
            for (column, key) in block.columns.iter().zip(keys) {
                let Some(value) = column.get(row) else { continue };
                let Some(key) = self.report.expressible(key, value) else { continue };
                if separator == ' ' {
                    self.text.push_str(series);
                }
                self.text.push(separator);
                self.text.push_str(key);
                // Only what is not finite has no form, and that was left out.
                let _ = write_value(value, &mut self.text);
                self.report.values += 1;
                separator = ',';
            }
            if separator == ',' {
                self.report.rows += 1;
                // A `String` takes everything.
                let _ = fmt::Write::write_fmt(&mut self.text, format_args!(" {at}\n"));
                if self.text.len() >= BUFFER {
                    self.flush()?;
                }
            }
        }
        Ok(self.report.rows - before)
    }

    fn step(&mut self) -> Result<(), ExportError> {
        let bytes = self.report.bytes + self.text.len() as u64;
        match (self.progress)(&Progress { rows: self.report.rows, bytes }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => {
                self.flush()?;
                Err(ExportError::Cancelled)
            }
        }
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        self.out.write_all(self.text.as_bytes()).map_err(ExportError::Write)?;
        self.report.bytes += self.text.len() as u64;
        self.text.clear();
        self.out.flush().map_err(ExportError::Write)
    }
}

fn valid_count(column: &Column) -> usize {
    column.validity().map_or(column.len(), |bits| bits.count_ones())
}

impl ExportReport {
    pub(crate) fn left_out(&mut self, count: u64, why: &str) {
        self.left_out += count;
        if count > 0 && self.left_out_first.is_none() {
            self.left_out_first = Some(why.to_owned());
        }
    }

    /// The key under which a value can be written.
    fn expressible<'k>(
        &mut self,
        key: &'k Result<String, String>,
        value: ValueRef<'_>,
    ) -> Option<&'k str> {
        match (key, value) {
            (Err(why), _) => self.left_out(1, why),
            (Ok(key), ValueRef::Float(float)) if !float.is_finite() => {
                let field = key.trim_end_matches('=');
                self.left_out(1, &format!("field {field}: line protocol has no form for {float}"));
            }
            (Ok(key), _) => return Some(key),
        }
        None
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExportError::Db(error) => error.fmt(f),
            ExportError::Read(error) => error.fmt(f),
            ExportError::Write(_) => f.write_str("cannot write the export"),
            ExportError::Cancelled => f.write_str("the export was cancelled"),
        }
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ExportError::Db(error) => error.source(),
            ExportError::Read(error) => error.source(),
            ExportError::Write(error) => Some(error),
            ExportError::Cancelled => None,
        }
    }
}

impl From<DbError> for ExportError {
    fn from(error: DbError) -> Self {
        ExportError::Db(error)
    }
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        ExportError::Read(error)
    }
}
