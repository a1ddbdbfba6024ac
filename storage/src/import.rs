//! Putting rows in: line protocol of any length, as [exports](crate::Export) and InfluxDB's tools write it.
//!
//! The text is read in pieces and written in batches of 5000 lines, so that memory is bounded by the longest line.
//! Comments of exports are heeded: `# DDL` begins statements that create databases and policies, `# DML` begins points, and
//! `# CONTEXT-DATABASE:` and `# CONTEXT-RETENTION-POLICY:` say where the points after them go.
//!
//! A line that cannot be taken is reported with its number and costs the others nothing. An import that was interrupted is
//! simply begun again: writing a row a second time changes nothing.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::PathBuf;

use stripchart_core::{Accepted, Batch, Precision, Sink, SinkError, Timestamp};

use crate::definition::Definition;
use crate::export::Progress;
use crate::line_protocol::{LineParser, first_line_len, lines, whole_lines_len};
use crate::{Db, DbError, Writer};

/// Lines that are written, and acknowledged, together.
const BATCH_LINES: usize = 5000;
/// Bytes that are read at a time.
const PIECE: usize = 1 << 20;
/// A line, strings with line feeds in them included, may not be longer than this.
const LINE_MAX: usize = if cfg!(test) { 4 << 20 } else { 64 << 20 };
/// Refused lines that a report keeps.
const REFUSED_KEPT: usize = 100;
/// Places for rows without a value at which the search for a refused line writes what it has.
const PADDING_MAX: usize = 1 << 20;

/// How to put line protocol into a database; the default takes what an export says of itself.
///
/// ```
/// use std::ops::ControlFlow;
/// use stripchart_storage::{Db, Export, Import};
///
/// let text = "\
/// ## DDL
/// CREATE DATABASE demo WITH NAME autogen
/// ## DML
/// ## CONTEXT-DATABASE: demo
/// ## CONTEXT-RETENTION-POLICY: autogen
/// cpu,host=a usage=12.5 1700000000000000000
/// cpu,host=a usage= 1700000001000000000
/// ";
/// # let text = text.replace("##", "#");
/// let folder = tempfile::tempdir()?;
/// let db = Db::open(folder.path())?;
/// let report = Import::new().lines(&db, text.as_bytes(), |_| ControlFlow::Continue(()))?;
/// assert_eq!((report.rows, report.refused[0].line), (1, 7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Import {
    pub(crate) into: Option<(String, Option<String>)>,
    precision: Precision,
    default_time: Option<Timestamp>,
}

/// What an import took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ImportReport {
    /// Lines of the text, comments and empty ones included.
    pub lines: u64,
    /// Bytes of it.
    pub bytes: u64,
    /// Rows written.
    pub rows: u64,
    /// The first hundred lines that were refused, in whole or but for some fields.
    pub refused: Vec<Refused>,
    /// How many were.
    pub refused_count: u64,
}

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// Its number in the text, from 1. In a Parquet file: the row's.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// Why an import ended before its end. What was written before stays.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImportError {
    /// The input could not be read.
    Read(io::Error),
    /// No database was named where the points begin.
    NoDatabase {
        /// The line.
        line: u64,
    },
    /// The database or the policy does not exist.
    Db {
        /// The line at which it was needed.
        line: u64,
        /// The answer.
        source: DbError,
    },
    /// The database took no more.
    Write {
        /// The first line that was not taken.
        line: u64,
        /// Its answer.
        source: SinkError,
    },
    /// The input is compressed, or a file of another kind.
    Format {
        /// What it seems to be.
        found: String,
    },
    /// A file could not be read, is damaged, or is not of the kind that is imported.
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The caller's function said so.
    Cancelled,
}

impl Import {
    /// Into the databases and policies that the text names.
    #[must_use]
    pub fn new() -> Self {
        Import::default()
    }

    /// Everything into retention policy `policy` of `database` (`None`: its default one), whatever the text says; its
    /// statements are passed over. The database is created if it does not exist.
    #[must_use]
    pub fn into_database(mut self, database: impl Into<String>, policy: Option<&str>) -> Self {
        self.into = Some((database.into(), policy.map(str::to_owned)));
        self
    }

    /// What timestamps count; default nanoseconds.
    #[must_use]
    pub const fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// The time of lines that say none; default the time at which the import begins.
    #[must_use]
    pub const fn default_time(mut self, at: Timestamp) -> Self {
        self.default_time = Some(at);
        self
    }

    /// Reads line protocol from `input` to its end; `progress` is called after every batch.
    ///
    /// # Errors
    ///
    /// [`ImportError`]. What was written before stays; the import can be begun again.
    pub fn lines(
        &self,
        db: &Db,
        mut input: impl Read,
        progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<ImportReport, ImportError> {
        let mut load = Load {
            import: self,
            db,
            target: self.into.clone(),
            writer: None,
            definitions: false,
            default_time: self.default_time.unwrap_or_else(|| db.shared.options.clock.now()),
            progress,
            report: ImportReport::default(),
        };
        if let Some((database, _)) = &self.into {
            let source = |source| ImportError::Db { line: 1, source };
            db.create_database(database, None).map_err(source)?;
        }
        let (mut piece, mut first) = (Vec::new(), true);
        loop {
            let mut some = input.by_ref().take(PIECE as u64);
            let read = some.read_to_end(&mut piece).map_err(ImportError::Read)?;
            if std::mem::take(&mut first) {
                check_format(&piece)?;
            }
            let whole = whole_len(&piece, read == 0);
            load.piece(&piece[..whole])?;
            piece.drain(..whole);
            if piece.len() > LINE_MAX {
                load.overlong(&mut piece);
            }
            if read == 0 {
                return Ok(load.report);
            }
        }
    }
}

/// How many bytes of `piece` can be taken before more is read.
fn whole_len(piece: &[u8], at_end: bool) -> usize {
    if at_end {
        return piece.len();
    }
    match whole_lines_len(piece) {
        // A string that nobody closed. As far as its first line feed it is a broken line.
        0 if piece.len() > LINE_MAX => memchr::memchr(b'\n', piece).map_or(0, |at| at + 1),
        whole => whole,
    }
}

fn check_format(start: &[u8]) -> Result<(), ImportError> {
    let found = match start {
        [0x1f, 0x8b, ..] => "gzip; decompress it first",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd; decompress it first",
        [0xfd, b'7', b'z', b'X', b'Z', ..] => "xz; decompress it first",
        [b'P', b'A', b'R', b'1', ..] => "a Parquet file",
        _ => return Ok(()),
    };
    Err(ImportError::Format { found: found.to_owned() })
}

/// An import under way.
struct Load<'a, P> {
    import: &'a Import,
    db: &'a Db,
    /// Where points go.
    target: Option<(String, Option<String>)>,
    /// To there, once points have come.
    writer: Option<Writer>,
    /// Whether statements are read, not points.
    definitions: bool,
    default_time: Timestamp,
    progress: P,
    report: ImportReport,
}

impl<P: FnMut(&Progress) -> ControlFlow<()>> Load<'_, P> {
    /// Takes whole lines.
    fn piece(&mut self, piece: &[u8]) -> Result<(), ImportError> {
        let (mut start, mut at, mut count) = (0, 0, 0);
        while at < piece.len() {
            let next = (at + first_line_len(&piece[at..]) + 1).min(piece.len());
            let line = &piece[at..next];
            if self.definitions || is_directive(line) {
                // What stands before is written first: this may say where the next points go.
                self.batch(&piece[start..at])?;
                self.other_line(line)?;
                (start, count) = (next, 0);
            } else {
                count += 1;
            }
            at = next;
            if count == BATCH_LINES {
                self.batch(&piece[start..at])?;
                (start, count) = (at, 0);
            }
        }
        self.batch(&piece[start..])
    }

    /// Gives up the beginning of a line that is too long; what follows of it will be too long, or refused, itself.
    fn overlong(&mut self, piece: &mut Vec<u8>) {
        self.refuse(self.report.lines + 1, format!("the line is longer than {LINE_MAX} bytes"));
        self.report.bytes += piece.len() as u64;
        piece.clear();
    }

    /// Takes a comment that means something, or a statement.
    fn other_line(&mut self, bytes: &[u8]) -> Result<(), ImportError> {
        let number = self.report.lines + 1;
        self.count(bytes);
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches(['\n', '\r']);
        let own = self.import.into.is_none();
        if let Some(comment) = text.strip_prefix('#') {
            let comment = comment.trim_start();
            let after = |what| {
                comment.strip_prefix(what).map(|name: &str| name.strip_prefix(' ').unwrap_or(name))
            };
            if comment.trim_end() == "DDL" {
                self.definitions = true;
            } else if comment.trim_end() == "DML" {
                self.definitions = false;
            } else if let Some(name) = after("CONTEXT-DATABASE:").filter(|_| own) {
                (self.target, self.writer) = (Some((name.to_owned(), None)), None);
            } else if let Some(name) = after("CONTEXT-RETENTION-POLICY:").filter(|_| own) {
                let database = self.target.take().map(|(database, _)| database);
                self.target = database.map(|database| (database, Some(name.to_owned())));
                self.writer = None;
            }
        } else if own && !text.trim().is_empty() {
            let done =
                Definition::parse(text).and_then(|d| d.apply(self.db).map_err(|e| e.to_string()));
            if let Err(reason) = done {
                self.refuse(number, reason);
            }
        }
        Ok(())
    }

    /// Writes points.
    fn batch(&mut self, body: &[u8]) -> Result<(), ImportError> {
        if body.is_empty() {
            return Ok(());
        }
        let first = self.report.lines + 1;
        let writer = match (&self.writer, lines(body).next()) {
            (Some(writer), _) => writer.clone(),
            (None, Some(line)) => {
                let number = line.map_or_else(|error| error.line, |line| line.number());
                self.open(first + number as u64 - 1)?
            }
            // Blank lines and comments go nowhere.
            (None, None) => {
                self.count(body);
                return Ok(());
            }
        };
        let stopped = |source| ImportError::Write { line: first, source };
        let report =
            writer.write_lines(body, self.import.precision, self.default_time).map_err(stopped)?;
        self.report.rows += report.rows as u64;
        if report.parse_error_count > 0 || !report.rejected.is_empty() {
            self.refused(&writer, body, first).map_err(stopped)?;
        }
        self.count(body);
        match (self.progress)(&Progress { rows: self.report.rows, bytes: self.report.bytes }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ImportError::Cancelled),
        }
    }

    fn open(&mut self, line: u64) -> Result<Writer, ImportError> {
        let Some((database, policy)) = &self.target else {
            return Err(ImportError::NoDatabase { line });
        };
        let writer = self.db.writer(database, policy.as_deref());
        let writer = writer.map_err(|source| ImportError::Db { line, source })?;
        Ok(self.writer.insert(writer).clone())
    }

    /// Finds which lines of a batch were refused, by writing it once more and remembering which line each row came from.
    fn refused(&mut self, writer: &Writer, body: &[u8], first: u64) -> Result<(), SinkError> {
        let (mut parser, mut batch) = (LineParser::new(), Batch::new());
        let mut origins: HashMap<String, Vec<u64>> = HashMap::new();
        let (mut at, mut number) = (0, first);
        while at < body.len() {
            let next = (at + first_line_len(&body[at..]) + 1).min(body.len());
            let line = &body[at..next];
            let report = parser.parse(line, self.import.precision, self.default_time, &mut batch);
            match (report.errors.first(), lines(line).next()) {
                (Some(error), _) => {
                    self.refuse(
                        number,
                        format!(
                            "column {}: expected {}, found {}",
                            error.column, error.expected, error.found
                        ),
                    );
                }
                (None, Some(Ok(line))) => {
                    origins.entry(line.measurement().into_owned()).or_default().push(number);
                }
                _ => {}
            }
            if batch.padding() > PADDING_MAX {
                self.rewrite(writer, &mut batch, &mut origins)?;
            }
            number += line_feeds(line);
            at = next;
        }
        self.rewrite(writer, &mut batch, &mut origins)
    }

    fn rewrite(
        &mut self,
        writer: &Writer,
        batch: &mut Batch,
        origins: &mut HashMap<String, Vec<u64>>,
    ) -> Result<(), SinkError> {
        let Accepted { rejected, .. } = writer.write(batch)?;
        for row in rejected {
            let line = origins.get(&row.measurement).and_then(|lines| lines.get(row.row));
            self.refuse(line.copied().unwrap_or_default(), row.reason.to_string());
        }
        batch.reset();
        origins.clear();
        Ok(())
    }

    fn refuse(&mut self, line: u64, reason: String) {
        self.report.refuse(line, reason);
    }

    fn count(&mut self, body: &[u8]) {
        self.report.bytes += body.len() as u64;
        let unfinished = !body.is_empty() && !body.ends_with(b"\n");
        self.report.lines += line_feeds(body) + u64::from(unfinished);
    }
}

/// Whether a line is a comment that means something.
fn is_directive(line: &[u8]) -> bool {
    let Some(comment) = line.strip_prefix(b"#") else { return false };
    let comment = comment.trim_ascii();
    comment.starts_with(b"CONTEXT-") || comment == b"DDL" || comment == b"DML"
}

fn line_feeds(body: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', body).count() as u64
}

impl ImportReport {
    pub(crate) fn refuse(&mut self, line: u64, reason: String) {
        self.refused_count += 1;
        if self.refused.len() < REFUSED_KEPT {
            self.refused.push(Refused { line, reason });
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ImportError::Read(_) => f.write_str("cannot read the input"),
            ImportError::NoDatabase { line } => write!(
                f,
                "line {line}: no \"# CONTEXT-DATABASE:\" before the first point; name the database to import into"
            ),
            ImportError::Db { line, source } => write!(f, "line {line}: {source}"),
            ImportError::Write { line, source } => write!(
                f,
                "line {line}: {source}; what came before it is stored, and the import can be begun again"
            ),
            ImportError::Format { found } => write!(f, "expected line protocol, found {found}"),
            ImportError::File { path, reason } => write!(f, "{}: {reason}", path.display()),
            ImportError::Cancelled => {
                f.write_str("the import was cancelled; it can be begun again")
            }
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ImportError::Read(error) => Some(error),
            ImportError::Db { source, .. } => source.source(),
            ImportError::Write { source, .. } => source.source(),
            ImportError::NoDatabase { .. }
            | ImportError::Format { .. }
            | ImportError::File { .. }
            | ImportError::Cancelled => None,
        }
    }
}

#[cfg(test)]
mod tests;
