//! Reading everything, to find what is damaged before somebody needs it.
//!
//! Of every file all that readers use is read: so every checksum is compared, every value decoded. Of segments it is also compared what
//! is said in two places: footers and file names, footers and rows, statistics and the values that they are of.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stripchart_core::TimeRange;

use crate::catalog::{Catalog, file};
use crate::db::{Db, Shared};
use crate::merge::{Keys, fields_of};
use crate::options::DbBuilder;
use crate::partials::{Aggregates, Number, Partials};
use crate::quarantine;
use crate::recover::{SHARDS, list_or_nothing};
use crate::rows::Wanted;
use crate::sealed::check_folder;
use crate::segment::{SUFFIX, Segment, file_name};
use crate::tombstone::{self, Deletes};
use crate::vfs::Vfs;
use crate::view::{Series, View, ViewInner};
use crate::{Cancel, DbError, Direction, OpenError, ReadError, documents, log};

/// Parts of a series' time that its statistics are compared over: their borders fall into blocks, so that statistics of
/// parts of blocks are looked at too.
const PARTS: i64 = 5;
/// By how much a sum of floats may differ, as a part of the sum of their amounts: the order of addition differs.
const SUM_TOLERANCE: f64 = 1e-9;

/// What [`Db::verify`] and [`verify_folder`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Files looked at.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Of these files, segments.
    pub segments: u64,
    /// Series in segments; one that several have counts in each.
    pub series: u64,
    /// Rows in segments.
    pub rows: u64,
    /// Values in segments.
    pub values: u64,
    /// Records of the log.
    pub log_records: u64,
    /// What is wrong, at most one entry a file; nothing if all is well.
    pub problems: Vec<Problem>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

impl VerifyReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, path: &Path, error: &dyn std::error::Error) {
        let what = stripchart_core::error_chain(error);
        self.problems.push(Problem { path: path.to_owned(), what });
    }
}

/// How far a verification is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// The file that is read now.
    pub path: PathBuf,
    /// Bytes of the files before it.
    pub bytes_done: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Reads all files of the database in folder `path` and tells what is wrong with them, as [`Db::verify`] does; changes nothing, and may
/// run beside a process that has the database open.
///
/// ```
/// use stripchart_storage::{Db, verify_folder};
///
/// let folder = tempfile::tempdir()?;
/// Db::open(folder.path())?.create_database("demo", None)?;
/// let report = verify_folder(folder.path(), |progress| println!("{}", progress.path.display()))?;
/// assert!(report.is_clean());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`OpenError::Missing`] if the folder is no database; [`OpenError::File`] if it cannot be listed, or a file was written by a newer
/// release. Damage is no error: it is in the report.
pub fn verify_folder(
    path: impl AsRef<Path>,
    progress: impl FnMut(VerifyProgress),
) -> Result<VerifyReport, OpenError> {
    Db::builder().verify_folder(path, progress)
}

impl DbBuilder {
    /// [`verify_folder`](crate::verify_folder) with the file system and the read mode of these options.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn verify_folder(
        &self,
        path: impl AsRef<Path>,
        progress: impl FnMut(VerifyProgress),
    ) -> Result<VerifyReport, OpenError> {
        let root = path.as_ref();
        check_folder(&*self.vfs, root)?;
        Ok(verify(self, root, progress)?)
    }
}

impl Db {
    /// Reads everything that is on the disk and tells what is wrong with it: compares every checksum, decodes every value, and checks that
    /// statistics are those of the values and footers those of the files.
    ///
    /// Takes about as long as reading all files and decoding them, on one core, and little memory. Others may read and write meanwhile;
    /// what is removed meanwhile is left out. Damage that is found counts in [`Db::health`] from then on.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let db = stripchart_storage::Db::open(folder.path())?;
    /// let report = db.verify(|_| {})?;
    /// assert!(report.is_clean(), "{:?}", report.problems);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If a folder cannot be listed. Damage is no error: it is in the report.
    pub fn verify(&self, progress: impl FnMut(VerifyProgress)) -> Result<VerifyReport, DbError> {
        self.shared.verify(progress)
    }
}

impl Shared {
    fn verify(&self, progress: impl FnMut(VerifyProgress)) -> Result<VerifyReport, DbError> {
        let report = verify(&self.options, &self.root, progress)?;
        // Whoever asks how the database is gets to know: reading the damaged part notes it.
        let version = Arc::clone(&self.version.read());
        for segment in version.segments.values().flatten() {
            if report.problems.iter().any(|problem| problem.path == segment.path) {
                let _ = read_segment(segment, &mut VerifyReport::default());
            }
        }
        Ok(report)
    }
}

fn verify(
    options: &DbBuilder,
    root: &Path,
    mut progress: impl FnMut(VerifyProgress),
) -> Result<VerifyReport, ReadError> {
    let vfs = &*options.vfs;
    let files = files_of(vfs, root)?;
    let bytes = files.iter().map(|(_, len)| len).sum();
    let mut report = VerifyReport::default();
    let mut bytes_done = 0;
    let last_log = files.iter().rfind(|(path, _)| is(path, "log")).map(|(path, _)| path.clone());
    for (path, len) in files {
        progress(VerifyProgress { path: path.clone(), bytes_done, bytes });
        let last = last_log.as_ref() == Some(&path);
        match verify_file(options, root, &path, last, &mut report) {
            Ok(()) => {}
            // Merged away, or dropped, in the meantime.
            Err(ReadError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            Err(error @ ReadError::Version { .. }) => return Err(error),
            Err(error) => report.problem(&path, &error),
        }
        bytes_done += len;
        report.files += 1;
        report.bytes += len;
    }
    Ok(report)
}

/// The files that mean something, sorted, and their lengths.
fn files_of(vfs: &dyn Vfs, root: &Path) -> Result<Vec<(PathBuf, u64)>, ReadError> {
    let mut paths = vec![root.join(file::NAME)];
    for folder in [log::FOLDER, tombstone::FOLDER] {
        let folder = root.join(folder);
        let names = list_or_nothing(vfs, &folder)?;
        let known = names.iter().filter(|name| name.ends_with(".log") || name.ends_with(".del"));
        paths.extend(known.map(|name| folder.join(name)));
    }
    paths.extend(documents::paths(vfs, root)?);
    let shards = root.join(SHARDS);
    for policy in list_or_nothing(vfs, &shards)? {
        let policy = shards.join(policy);
        for shard in list_or_nothing(vfs, &policy)? {
            let folder = policy.join(shard);
            let names = list_or_nothing(vfs, &folder)?;
            let segments = names.iter().filter(|name| name.ends_with(SUFFIX));
            paths.extend(segments.map(|name| folder.join(name)));
        }
    }
    let len = |path: &Path| quarantine::len(vfs, path).unwrap_or(0);
    Ok(paths.into_iter().map(|path| (len(&path), path)).map(|(len, path)| (path, len)).collect())
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

fn verify_file(
    options: &DbBuilder,
    root: &Path,
    path: &Path,
    last: bool,
    report: &mut VerifyReport,
) -> Result<(), ReadError> {
    let vfs = &*options.vfs;
    let read = || vfs.read(path).map_err(|e| ReadError::io(path, "read", e));
    if is(path, "seg") {
        let segment = Arc::new(Segment::open(vfs, path, options.read_mode)?);
        report.segments += 1;
        return verify_segment(&segment, root, report);
    }
    if is(path, "del") {
        return tombstone::Tombstone::decode(path, &read()?).map(drop);
    }
    if is(path, documents::EXTENSION) {
        return documents::decode(path, &read()?).map(drop);
    }
    if is(path, "log") {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let number = u64::from_str_radix(&name, 16).unwrap_or(0);
        let bytes = read()?;
        report.log_records += log::scan(path, number, &bytes, last)?.records.len() as u64;
        return Ok(());
    }
    file::read(vfs, root).map(drop)
}

/// Whether a segment is what its name, its folder and its footer say.
fn verify_segment(
    segment: &Arc<Segment>,
    root: &Path,
    report: &mut VerifyReport,
) -> Result<(), ReadError> {
    let footer = &segment.footer;
    let (start, end) = footer.shard;
    let shard = root.join(SHARDS).join(footer.policy.to_string()).join(format!("{start}_{end}"));
    let differs = |expected, found: String| ReadError::corrupt(&segment.path, 0, expected, found);
    let named = shard.join(file_name(footer.id));
    if named != segment.path {
        let found = format!("that of {}", named.display());
        return Err(differs("the footer of the file of this name", found));
    }
    let mut of_segment = VerifyReport::default();
    let bounds = read_segment(segment, &mut of_segment)?;
    report.series += of_segment.series;
    report.rows += of_segment.rows;
    report.values += of_segment.values;
    let said = (u64::from(footer.series), footer.rows, Some(footer.bounds));
    let read = (of_segment.series, of_segment.rows, bounds);
    if said != read {
        return Err(differs(
            "series, rows and times as the footer says",
            format!("{read:?} where it says {said:?}"),
        ));
    }
    let (first, last) = footer.bounds;
    if first < start || last >= end {
        return Err(differs("rows inside the shard", format!("some from {first} to {last}")));
    }
    Ok(())
}

/// Reads all of a segment; the times of its first and last row.
fn read_segment(
    segment: &Arc<Segment>,
    report: &mut VerifyReport,
) -> Result<Option<(i64, i64)>, ReadError> {
    let run = [Arc::clone(segment)];
    let policy = segment.footer.policy;
    let names: BTreeSet<String> = segment.root()?.measurements().map(str::to_owned).collect();
    let mut catalog = Catalog::default();
    let mut tables = Vec::new();
    for name in names {
        let fields = fields_of(&run, &name)?;
        for field in &fields {
            catalog.add_field(policy, &name, &field.name, field.field_type);
        }
        tables.push((name, fields));
    }
    let view = Arc::new(ViewInner {
        policy,
        catalog: Arc::new(catalog),
        heads: Vec::new(),
        segments: run.to_vec(),
        deletes: Deletes::default(),
        cancel: Cancel::new(),
        reads: None,
        horizon: i64::MIN,
    });
    let mut bounds: Option<(i64, i64)> = None;
    for (name, fields) in &tables {
        let mut keys = Keys::new(&run, name)?;
        while let Some((key, places)) = keys.next()? {
            let series = Series::of(&view, key, places);
            let (first, last) =
                read_series(segment, &View::of(Arc::clone(&view)), &series, fields, report)?;
            let (low, high) = bounds.unwrap_or((first, last));
            bounds = Some((low.min(first), high.max(last)));
            report.series += 1;
        }
    }
    Ok(bounds)
}

/// Reads a series, and compares what statistics say of it; the times of its first and last row.
fn read_series(
    segment: &Segment,
    view: &View,
    series: &Series,
    fields: &[Wanted],
    report: &mut VerifyReport,
) -> Result<(i64, i64), ReadError> {
    let fault = |expected, found: String| {
        let found = format!("{found} in series {}", series.key());
        ReadError::corrupt(&segment.path, 0, expected, found)
    };
    let Some((first, last)) = view.time_bounds(series) else {
        return Err(fault("a series with rows", "none".to_owned()));
    };
    let (first, last) = (first.nanos(), last.nanos());
    let width = (last.saturating_sub(first) / PARTS).max(1);
    let mut edges: Vec<i64> = (0..PARTS).map(|part| first.saturating_add(part * width)).collect();
    edges.push(last.saturating_add(1));
    edges.sort_unstable();
    let buckets = edges.len() - 1;
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    let fresh = |field: &Wanted| Partials::new(field.field_type, buckets, Aggregates::ALL);
    let mut decoded: Vec<Partials> = fields.iter().map(fresh).collect();
    let mut amounts = vec![0.0; fields.len()];
    let mut found: Option<(i64, i64)> = None;
    for block in view.scan(series, &names, TimeRange::ALL, Direction::Ascending) {
        let block = block?;
        report.rows += block.timestamps.len() as u64;
        for (row, at) in block.timestamps.iter().enumerate() {
            found = Some((found.map_or(*at, |(first, _)| first), *at));
            let bucket = edges[1..buckets].partition_point(|edge| edge <= at);
            for ((column, partials), amount) in
                block.columns.iter().zip(&mut decoded).zip(&mut amounts)
            {
                let Some(value) = column.get(row) else { continue };
                *amount += Number::from_value(value).map_or(0.0, |number| number.as_f64().abs());
                partials.add(bucket, *at, value);
                report.values += 1;
            }
        }
    }
    if found != Some((first, last)) {
        return Err(fault("rows between the times of the index", format!("{found:?}")));
    }
    for ((field, decoded), amount) in fields.iter().zip(&decoded).zip(amounts) {
        let mut folded = fresh(field);
        view.fold(series, &field.name, &edges, &mut folded)?;
        for bucket in 0..buckets {
            if !agree(&folded, decoded, bucket, amount) {
                let found = format!("others of field {:?}", field.name);
                return Err(fault("statistics of the values", found));
            }
        }
    }
    Ok((first, last))
}

fn agree(a: &Partials, b: &Partials, bucket: usize, amount: f64) -> bool {
    let same = |a: Option<Number>, b: Option<Number>| match (a, b) {
        (Some(Number::Float(a)), Some(Number::Float(b))) => {
            a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan() || a == b
        }
        (a, b) => a == b,
    };
    let sums = match (a.sum(bucket), b.sum(bucket)) {
        (Some(Number::Float(a)), Some(Number::Float(b))) => {
            same(Some(Number::Float(a)), Some(Number::Float(b)))
                || !amount.is_finite()
                || (a - b).abs() <= amount * SUM_TOLERANCE
        }
        (a, b) => a == b,
    };
    let time = |pair: Option<(Number, i64)>| pair.map(|(_, at)| at);
    let value = |pair: Option<(Number, i64)>| pair.map(|(value, _)| value);
    let text = |pair: Option<(stripchart_core::ValueRef<'_>, i64)>| {
        pair.map(|(value, at)| (format!("{value:?}"), at))
    };
    sums && a.count(bucket) == b.count(bucket)
        && time(a.min(bucket)) == time(b.min(bucket))
        && time(a.max(bucket)) == time(b.max(bucket))
        && same(value(a.min(bucket)), value(b.min(bucket)))
        && same(value(a.max(bucket)), value(b.max(bucket)))
        && text(a.first(bucket)) == text(b.first(bucket))
        && text(a.last(bucket)) == text(b.last(bucket))
}
