//! Repairing segments: what can be read of a damaged one takes its place, and what cannot is named.
//!
//! ```text
//! quarantine/…seg         a link to the damaged file, and why                  durable before anything else
//! shards/…/NEW.seg        what can be read of it, in its rank; replaces it     durable before it is used
//! shards/…/OLD.seg        removed
//! ```
//!
//! Interrupted between any two of these, the damaged file or the new one is in use, and the next repair goes on. Every part of a segment has its
//! own checksum, so that what is lost is as small as what is damaged: a block is one field of some rows of a series; a page of
//! them, that for some hundred series; a dictionary, what has its tag key.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use stripchart_core::{Column, SeriesKey, Timestamp, error_chain};

use crate::compact::Alone;
use crate::db::{Db, Shared};
use crate::health::is_damage;
use crate::maintain::Garbage;
use crate::rows::{Rows, Wanted, pad};
use crate::segment::cursor::Cursor;
use crate::segment::write::{Identity, SegmentWriter};
use crate::segment::{Run, Segment};
use crate::{DbError, Problem, ReadError, VerifyProgress, VerifyReport, quarantine};

/// What [`Db::repair`] found and did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RepairReport {
    /// What reading everything found.
    pub verified: VerifyReport,
    /// Segments that were damaged, and what became of them.
    pub repaired: Vec<Repaired>,
    /// What is wrong with other files, and with segments that could not be written again: left as it is.
    pub remaining: Vec<Problem>,
}

/// A segment that was damaged and has been replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// The file as it was named.
    pub path: PathBuf,
    /// Where it is kept.
    pub kept_at: PathBuf,
    /// What is wrong with it.
    pub why: String,
    /// The file with what could be read; `None` if that was nothing.
    pub replaced_by: Option<PathBuf>,
    /// Rows that are in it; of some of them fields may be lost.
    pub rows: u64,
    /// What could not be read. Nothing, if only what was known of the values was wrong.
    pub lost: Vec<Lost>,
}

/// Values that are lost: the narrowest of measurement, series, field and times that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// The measurement; `None`: all of them.
    pub measurement: Option<String>,
    /// The series, measurement and tags; `None`: all of the measurement.
    pub series: Option<SeriesKey>,
    /// The field; `None`: all of them.
    pub field: Option<String>,
    /// Times of the first and the last row that had a value there, or may have had one.
    pub times: (Timestamp, Timestamp),
    /// What could not be read.
    pub why: String,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "field {field:?}")?,
            None => write!(f, "all fields")?,
        }
        match (&self.series, &self.measurement) {
            (Some(series), _) => write!(f, " of series {series}")?,
            (None, Some(measurement)) => write!(f, " of measurement {measurement:?}")?,
            (None, None) => write!(f, " of all measurements")?,
        }
        let (first, last) = (self.times.0.nanos(), self.times.1.nanos());
        write!(f, " from {first} to {last}")
    }
}

impl RepairReport {
    /// Whether nothing was wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.repaired.is_empty() && self.remaining.is_empty()
    }
}

impl Db {
    /// Reads everything that is on the disk, as [`Db::verify`] does, and puts in the place of each damaged segment a new one with all that can be
    /// read of it. The damaged file is kept in the folder `quarantine`, and until somebody deletes it there [`Db::health`] names it: what
    /// is [lost](Lost) can be restored from elsewhere, or from a snapshot, by writing it again.
    ///
    /// Damage of other files is reported and left: what cannot be used of the log is set aside when the database is opened. Others may
    /// read and write meanwhile. Takes memory for the blocks of one measurement of one segment.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let db = stripchart_storage::Db::open(folder.path())?;
    /// let report = db.repair(|progress| println!("{}", progress.path.display()))?;
    /// for segment in &report.repaired {
    ///     segment.lost.iter().for_each(|lost| println!("{}: lost {lost}", segment.path.display()));
    /// }
    /// assert!(report.is_clean());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a folder cannot be listed, or a file cannot be written: what was repaired until then stays so. Damage is no error.
    pub fn repair(&self, progress: impl FnMut(VerifyProgress)) -> Result<RepairReport, DbError> {
        let verified = self.verify(progress)?;
        self.shared.repair(verified)
    }
}

impl Shared {
    fn repair(&self, verified: VerifyReport) -> Result<RepairReport, DbError> {
        let _alone = Alone::new(self);
        let version = Arc::clone(&self.version.read());
        let mut report = RepairReport::default();
        for problem in &verified.problems {
            let mut segments = version.segments.values().flatten();
            match segments.find(|segment| segment.path == problem.path) {
                Some(segment) => {
                    if let Some(free) = self.too_little_room(segment) {
                        let takes = segment.bytes;
                        let what = format!(
                            "{}; not repaired: that takes up to {takes} bytes, {free} are free",
                            problem.what
                        );
                        report.remaining.push(Problem { what, ..problem.clone() });
                        continue;
                    }
                    report.repaired.extend(self.repair_segment(segment, &problem.what)?);
                }
                None => report.remaining.push(problem.clone()),
            }
        }
        report.verified = verified;
        Ok(report)
    }

    /// How much is free, if what can be read of `segment` may not fit beside it: the damaged file is kept.
    fn too_little_room(&self, segment: &Segment) -> Option<u64> {
        let space = self.vfs().free_space(&self.root).ok().flatten()?;
        (space.free < segment.bytes).then_some(space.free)
    }

    /// Puts what can be read in the place of `segment`; `None` if it is gone meanwhile.
    fn repair_segment(
        &self,
        segment: &Arc<Segment>,
        why: &str,
    ) -> Result<Option<Repaired>, ReadError> {
        let footer = &segment.footer;
        let kept_at = quarantine::keep(self.vfs(), &self.root, &segment.path, why)?;
        let id = self.maintenance.lock().segment_id();
        let folder = self.shard_folder(footer.policy, footer.shard)?;
        let identity = Identity {
            policy: footer.policy,
            shard: footer.shard,
            rank: footer.rank,
            id,
            level: footer.level,
            effort: footer.effort,
            replaces: vec![footer.id],
        };
        let mut writer = SegmentWriter::create(&self.options.vfs, &folder, identity)?;
        let mut salvage = Salvage { segment, writer: &mut writer, rows: 0, lost: Vec::new() };
        salvage.all()?;
        let (rows, lost) = (salvage.rows, salvage.lost);
        let mut work = self.maintenance.lock();
        let there = |version: &crate::db::Version| {
            let mut segments = version.segments.values().flatten();
            segments.any(|other| Arc::ptr_eq(other, segment))
        };
        if !there(&self.version.read()) {
            return Ok(None);
        }
        let new = self.open_written(&mut work, writer, Garbage::new(&folder, id))?.map(Arc::new);
        self.replace_segments(&mut work, std::slice::from_ref(segment), new.as_ref());
        // What was deleted of it is in the new one still, and as hidden as before.
        work.purge.rewritten(&[footer.id], new.as_ref().map(|new| new.footer.id), &[]);
        Ok(Some(Repaired {
            path: segment.path.clone(),
            kept_at,
            why: why.to_owned(),
            replaced_by: new.map(|new| new.path.clone()),
            rows,
            lost,
        }))
    }
}

/// Reading what can be read.
struct Salvage<'s> {
    segment: &'s Segment,
    writer: &'s mut SegmentWriter,
    rows: u64,
    lost: Vec<Lost>,
}

impl Salvage<'_> {
    /// What `read` has, or notes what is lost without it. What is no damage is an error.
    fn or_lost<T>(
        &mut self,
        read: Result<T, ReadError>,
        lost: impl FnOnce(String) -> Lost,
    ) -> Result<Option<T>, ReadError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error) if is_damage(&error) => {
                self.lose(lost(error_chain(&error)));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Notes a loss; what follows upon the one noted last lengthens it.
    fn lose(&mut self, lost: Lost) {
        let same = |last: &&mut Lost| {
            (&last.measurement, &last.series, &last.field)
                == (&lost.measurement, &lost.series, &lost.field)
        };
        // The other fields of the run before may lie between.
        let mut recent = self.lost.iter_mut().rev().take_while(|last| last.series == lost.series);
        match recent.find(same) {
            Some(last) => last.times.1 = lost.times.1,
            None => self.lost.push(lost),
        }
    }

    /// All times of the segment.
    fn times(&self) -> (Timestamp, Timestamp) {
        times(self.segment.footer.bounds)
    }

    fn all(&mut self) -> Result<(), ReadError> {
        let segment = self.segment;
        let all = self.times();
        let lost = |why| Lost { measurement: None, series: None, field: None, times: all, why };
        let Some(root) = self.or_lost(segment.root(), lost)? else { return Ok(()) };
        for (number, name) in root.measurements().enumerate() {
            self.table(number, name)?;
        }
        Ok(())
    }

    fn table(&mut self, number: usize, name: &str) -> Result<(), ReadError> {
        let segment = self.segment;
        let times = self.times();
        let lost = |why| Lost {
            measurement: Some(name.to_owned()),
            series: None,
            field: None,
            times,
            why,
        };
        let Some(view) = self.or_lost(segment.table_at(number), lost)? else { return Ok(()) };
        let fields = view.table.fields.iter();
        let wanted: Vec<Wanted> =
            fields.map(|(name, t)| Wanted { name: name.to_string(), field_type: *t }).collect();
        self.writer.table(name, wanted.clone())?;
        let table = crate::rows::index(number);
        for series in 0..view.table.series {
            let Some(mut keys) = self.or_lost(view.keys(&[series]), lost)? else {
                // Nor can those of the others be read.
                return Ok(());
            };
            let Some(key) = keys.pop() else { continue };
            self.series(table, series, &key, &wanted)?;
        }
        Ok(())
    }

    fn series(
        &mut self,
        table: u32,
        series: usize,
        key: &SeriesKey,
        wanted: &[Wanted],
    ) -> Result<(), ReadError> {
        let segment = self.segment;
        let mut runs = Vec::new();
        let read =
            Cursor::new(segment, table).and_then(|mut cursor| cursor.runs(series, &mut runs));
        let all = self.times();
        let lost = |field: Option<&Wanted>, times, why| Lost {
            measurement: Some(key.as_ref().measurement().to_owned()),
            series: Some(key.clone()),
            field: field.map(|field| field.name.clone()),
            times,
            why,
        };
        // Those that were read before it stopped are good.
        self.or_lost(read, |why| {
            let after = runs.last().map_or(all.0, |run: &Run| Timestamp::from_nanos(run.bounds.1));
            lost(None, (after, all.1), why)
        })?;
        let mut rows = Rows::empty(wanted);
        for run in &runs {
            let whole = times(run.bounds);
            let read = segment.load(run, &[]);
            let Some(read) = self.or_lost(read, |why| lost(None, whole, why))? else { continue };
            let start = rows.len();
            rows.timestamps.extend(read.timestamps);
            for (at, field) in wanted.iter().enumerate() {
                let read = segment.load(run, std::slice::from_ref(field));
                let read = self.or_lost(read, |why| lost(Some(field), whole, why))?;
                let column = read.and_then(|mut read| read.columns.pop());
                append(&mut rows.columns[at], column.as_ref(), start, rows.timestamps.len());
            }
        }
        if !rows.timestamps.is_sorted_by(|a, b| a < b) {
            rows = rows.sorted(wanted);
        }
        let rows = rows.with_values().unwrap_or(rows);
        self.rows += rows.len() as u64;
        self.writer.series(key.as_ref(), &rows);
        Ok(())
    }
}

/// Puts the values of `column`, if there is one, behind the first `start` rows of `into`, and makes it `len` long.
fn append(into: &mut Column, column: Option<&Column>, start: usize, len: usize) {
    pad(into, start);
    for row in 0..column.map_or(0, Column::len).min(len - start) {
        match column.and_then(|column| column.get(row)) {
            Some(value) => into.push(value),
            None => into.push_null(),
        }
    }
    pad(into, len);
}

fn times((first, last): (i64, i64)) -> (Timestamp, Timestamp) {
    (Timestamp::from_nanos(first), Timestamp::from_nanos(last))
}
