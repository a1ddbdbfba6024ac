//! Importing Parquet files.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use ::parquet::schema::types::ColumnDescriptor;
use stripchart_core::{Accepted, Batch, FieldType, Sink, Timestamp, ValueRef};

use super::{COLUMN, DATABASE, DEFINITIONS, MEASUREMENT, POLICY, Role};
use crate::definition::Definition;
use crate::export::Progress;
use crate::import::{Import, ImportError, ImportReport};
use crate::{Db, Writer};

/// Rows that are written, and acknowledged, together.
const BATCH_ROWS: usize = 5000;
/// Series after which what a batch remembers of them is given up.
const SERIES_MAX: usize = 10_000;
/// Folders may lie so deep.
const DEPTH: usize = 16;

impl Import {
    /// Reads the Parquet files that [`Export::parquet`](crate::Export::parquet) wrote: one file, or all that are below a folder, in
    /// the order of their paths. Databases and policies are created as the files say, unless
    /// [one is given](Import::into_database). `progress` is called after every batch of rows.
    ///
    /// Precision and default time mean nothing here: the files say what their times are. Of a refused row the number within its
    /// file is told.
    ///
    /// # Errors
    ///
    /// [`ImportError`], where [`ImportError::File`] names a file that is damaged, or that an export did not write. What was
    /// written before stays; the import can be begun again.
    pub fn parquet(
        &self,
        db: &Db,
        path: impl AsRef<Path>,
        mut progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<ImportReport, ImportError> {
        let mut files = Vec::new();
        find(path.as_ref(), DEPTH, &mut files).map_err(ImportError::Read)?;
        if files.is_empty() {
            return Err(fault(path.as_ref(), "expected files called *.parquet, found none"));
        }
        let mut report = ImportReport::default();
        for path in files {
            let mut load = Load {
                import: self,
                db,
                path: &path,
                report: &mut report,
                progress: &mut progress,
            };
            load.file()?;
        }
        Ok(report)
    }
}

/// The files at or below `path`.
fn find(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.path()));
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_unstable();
    for entry in entries {
        let is_folder = fs::metadata(&entry)?.is_dir();
        if is_folder && depth > 0 {
            find(&entry, depth - 1, files)?;
        } else if !is_folder && entry.extension().is_some_and(|extension| extension == "parquet") {
            files.push(entry);
        }
    }
    Ok(())
}

fn fault(path: &Path, reason: impl Into<String>) -> ImportError {
    ImportError::File { path: path.to_owned(), reason: reason.into() }
}

/// What a file says of itself.
struct Head {
    measurement: String,
    roles: Vec<Role>,
    /// Nanoseconds of what the times count.
    unit: i64,
}

struct Load<'a, P> {
    import: &'a Import,
    db: &'a Db,
    path: &'a Path,
    report: &'a mut ImportReport,
    progress: &'a mut P,
}

impl<P: FnMut(&Progress) -> ControlFlow<()>> Load<'_, P> {
    fn file(&mut self) -> Result<(), ImportError> {
        let file = File::open(self.path).map_err(|error| fault(self.path, error.to_string()))?;
        let len = file.metadata().map_err(ImportError::Read)?.len();
        let reader = self.checked(|| SerializedFileReader::new(file))?;
        let head = self.head(&reader)?;
        let writer = self.writer(&reader)?;
        let (before, rows) = (self.report.bytes, rows_of(&reader));
        let (mut batch, mut done) = (Batch::new(), 0);
        for group in 0..reader.num_row_groups() {
            let mut columns = self.checked(|| {
                let group = reader.get_row_group(group)?;
                (0..head.roles.len())
                    .map(|at| group.get_column_reader(at))
                    .collect::<Result<Vec<_>, _>>()
            })?;
            loop {
                let mut cells = self.cells(&mut columns)?;
                let count = cells.first().map_or(0, Cells::len);
                if count == 0 {
                    break;
                }
                self.rows(&head, &mut cells, done, &writer, &mut batch)?;
                done += count as u64;
                // The part of the file that so many rows are.
                let part = u128::from(len) * u128::from(done) / u128::from(rows.max(1));
                self.report.bytes = before + u64::try_from(part).unwrap_or(len).min(len);
                let progress = Progress { rows: self.report.rows, bytes: self.report.bytes };
                if (self.progress)(&progress).is_break() {
                    return Err(ImportError::Cancelled);
                }
            }
        }
        self.report.bytes = before + len;
        self.report.lines += done;
        Ok(())
    }

    /// The next rows of all columns.
    fn cells(&self, columns: &mut [ColumnReader]) -> Result<Vec<Cells>, ImportError> {
        let cells: Vec<Cells> = self.checked(|| columns.iter_mut().map(Cells::read).collect())?;
        let count = cells.first().map_or(0, Cells::len);
        if cells.iter().any(|cells| cells.len() != count) {
            return Err(fault(self.path, "expected columns of one length, found several"));
        }
        Ok(cells)
    }

    /// Reads. Of damaged bytes the crate that reads sometimes says that an assertion failed: here that is an error as any other.
    fn checked<T>(&self, read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ImportError> {
        // What was borrowed is not used after an error.
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(done) => done.map_err(|error| fault(self.path, error.to_string())),
            Err(_) => Err(fault(self.path, "expected the bytes of a Parquet file, found others")),
        }
    }

    fn head(&self, reader: &SerializedFileReader<File>) -> Result<Head, ImportError> {
        let schema = reader.metadata().file_metadata().schema_descr();
        let mut unit = None;
        let mut roles = Vec::new();
        for (at, column) in schema.columns().iter().enumerate() {
            let text = self.said(reader, &format!("{COLUMN}{at}"))?;
            let role = role_of(&text, column).ok_or_else(|| {
                let found =
                    format!("column {:?} of type {}", column.name(), column.physical_type());
                fault(self.path, format!("expected a column that is {text:?}, found {found}"))
            })?;
            if role == Role::Time {
                unit = time_unit(column);
            }
            roles.push(role);
        }
        let missing = || fault(self.path, "expected a column of timestamps, found none");
        let measurement = self.said(reader, MEASUREMENT)?;
        Ok(Head { measurement, roles, unit: unit.ok_or_else(missing)? })
    }

    /// What the file says of itself under `key`.
    fn said(&self, reader: &SerializedFileReader<File>, key: &str) -> Result<String, ImportError> {
        let all = reader.metadata().file_metadata().key_value_metadata();
        let found = all.into_iter().flatten().find(|entry| entry.key == key);
        found.and_then(|entry| entry.value.clone()).ok_or_else(|| {
            fault(
                self.path,
                format!("expected a file that an export wrote, found none that says {key}"),
            )
        })
    }

    fn writer(&self, reader: &SerializedFileReader<File>) -> Result<Writer, ImportError> {
        let failed = |source| ImportError::Db { line: 1, source };
        let (database, policy) = match &self.import.into {
            Some((database, policy)) => {
                self.db.create_database(database, None).map_err(failed)?;
                (database.clone(), policy.clone())
            }
            None => {
                let (database, policy) = (self.said(reader, DATABASE)?, self.said(reader, POLICY)?);
                for statement in self.said(reader, DEFINITIONS)?.lines() {
                    let definition =
                        Definition::parse(statement).map_err(|reason| fault(self.path, reason))?;
                    // What exists otherwise stays as it is, if only it exists.
                    if let Err(error) = definition.apply(self.db)
                        && self.db.writer(&database, Some(&policy)).is_err()
                    {
                        return Err(failed(error));
                    }
                }
                (database, Some(policy))
            }
        };
        self.db.writer(&database, policy.as_deref()).map_err(failed)
    }

    /// Writes rows of which the first has number `first` + 1.
    fn rows(
        &mut self,
        head: &Head,
        cells: &mut [Cells],
        first: u64,
        writer: &Writer,
        batch: &mut Batch,
    ) -> Result<(), ImportError> {
        let mut numbers = Vec::new();
        for (row, number) in (0..cells.first().map_or(0, Cells::len)).zip(first + 1..) {
            let places: Vec<Option<usize>> =
                cells.iter_mut().map(|cells| cells.place(row)).collect();
            match self.row(head, cells, &places, batch) {
                Ok(true) => numbers.push(number),
                Ok(false) => {}
                Err(reason) => self.report.refuse(number, reason),
            }
        }
        let stopped = |source| ImportError::Write { line: first + 1, source };
        let Accepted { rows, rejected } = writer.write(batch).map_err(stopped)?;
        self.report.rows += rows as u64;
        for row in rejected {
            let number = numbers.get(row.row).copied().unwrap_or_default();
            self.report.refuse(number, row.reason.to_string());
        }
        if batch.series_count() > SERIES_MAX {
            batch.reset()
        } else {
            batch.clear()
        }
        Ok(())
    }

    /// Adds a row, whose values stand at `places`, to the batch; whether it has any field.
    fn row(
        &self,
        head: &Head,
        cells: &[Cells],
        places: &[Option<usize>],
        batch: &mut Batch,
    ) -> Result<bool, String> {
        let (mut time, mut tags) = (None, Vec::new());
        let values = || {
            let all = head.roles.iter().zip(cells).zip(places);
            all.filter_map(|((role, cells), place)| Some((role, cells.value(role, (*place)?)?)))
        };
        for (role, value) in values() {
            match (role, value) {
                (Role::Time, ValueRef::Integer(count)) => time = count.checked_mul(head.unit),
                (Role::Tag(key), ValueRef::String(value)) => tags.push((key.as_str(), value)),
                _ => {}
            }
        }
        let time = time.map(Timestamp::from_nanos);
        let time = time.filter(|time| (Timestamp::MIN..=Timestamp::MAX).contains(time));
        let time = time.ok_or("expected a time between the years 1677 and 2262")?;
        let series = batch.series(&head.measurement, tags).map_err(|error| error.to_string())?;
        let mut row = batch.row(series, time);
        for (role, value) in values() {
            if let Role::Field(name, _) = role {
                row.field(name, value);
            }
        }
        Ok(!row.is_empty())
    }
}

fn rows_of(reader: &SerializedFileReader<File>) -> u64 {
    u64::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0)
}

/// What a column is, if it can be what the file says.
fn role_of(said: &str, column: &ColumnDescriptor) -> Option<Role> {
    if column.max_rep_level() > 0 || column.max_def_level() > 1 {
        return None;
    }
    let physical = column.physical_type();
    let text = physical == Physical::BYTE_ARRAY;
    if said == "time" {
        return (physical == Physical::INT64 && time_unit(column).is_some()).then_some(Role::Time);
    }
    if let Some(key) = said.strip_prefix("tag:") {
        return text.then(|| Role::Tag(key.to_owned()));
    }
    let unsigned =
        matches!(column.converted_type(), ConvertedType::UINT_64 | ConvertedType::UINT_32);
    let field_type = match physical {
        Physical::DOUBLE | Physical::FLOAT => FieldType::Float,
        Physical::INT64 | Physical::INT32 if unsigned => FieldType::Unsigned,
        Physical::INT64 | Physical::INT32 => FieldType::Integer,
        Physical::BOOLEAN => FieldType::Boolean,
        Physical::BYTE_ARRAY => FieldType::String,
        Physical::INT96 | Physical::FIXED_LEN_BYTE_ARRAY => return None,
    };
    Some(Role::Field(said.strip_prefix("field:")?.to_owned(), field_type))
}

/// Nanoseconds of the unit in which a column counts time.
fn time_unit(column: &ColumnDescriptor) -> Option<i64> {
    match column.logical_type_ref() {
        Some(LogicalType::Timestamp(time)) => Some(match time.unit {
            TimeUnit::MILLIS => 1_000_000,
            TimeUnit::MICROS => 1_000,
            TimeUnit::NANOS => 1,
        }),
        _ => None,
    }
}

/// Some rows of a column.
struct Cells {
    /// For each row whether it has a value; `None` if all do.
    levels: Option<Vec<i16>>,
    /// Values that were passed.
    passed: usize,
    values: Typed,
}

enum Typed {
    Boolean(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Text(Vec<ByteArray>),
}

impl Cells {
    /// Reads the next rows of a column; none at its end.
    fn read(column: &mut ColumnReader) -> Result<Cells, ParquetError> {
        let (levels, values) = match column {
            ColumnReader::BoolColumnReader(reader) => some(reader, Typed::Boolean)?,
            ColumnReader::Int32ColumnReader(reader) => some(reader, Typed::Int32)?,
            ColumnReader::Int64ColumnReader(reader) => some(reader, Typed::Int64)?,
            ColumnReader::FloatColumnReader(reader) => some(reader, Typed::Float)?,
            ColumnReader::DoubleColumnReader(reader) => some(reader, Typed::Double)?,
            ColumnReader::ByteArrayColumnReader(reader) => some(reader, Typed::Text)?,
            _ => return Err(ParquetError::General("a column of an unexpected type".to_owned())),
        };
        Ok(Cells { levels, passed: 0, values })
    }

    fn len(&self) -> usize {
        self.levels.as_ref().map_or(self.values.len(), Vec::len)
    }

    /// Where the value of `row` stands, if it has one. Rows are asked for in their order.
    fn place(&mut self, row: usize) -> Option<usize> {
        let has = self.levels.as_ref().is_none_or(|levels| levels.get(row) == Some(&1));
        let place = self.passed;
        self.passed += usize::from(has);
        (has && place < self.values.len()).then_some(place)
    }

    /// The value at a place; `None` if it is a text that is not UTF-8.
    fn value(&self, role: &Role, place: usize) -> Option<ValueRef<'_>> {
        let unsigned = matches!(role, Role::Field(_, FieldType::Unsigned));
        Some(match &self.values {
            Typed::Boolean(values) => ValueRef::Boolean(*values.get(place)?),
            // The column's type says that the bits are those of an unsigned one.
            Typed::Int32(values) if unsigned => {
                ValueRef::Unsigned(values.get(place)?.cast_unsigned().into())
            }
            Typed::Int32(values) => ValueRef::Integer((*values.get(place)?).into()),
            Typed::Int64(values) if unsigned => {
                ValueRef::Unsigned(values.get(place)?.cast_unsigned())
            }
            Typed::Int64(values) => ValueRef::Integer(*values.get(place)?),
            Typed::Float(values) => ValueRef::Float((*values.get(place)?).into()),
            Typed::Double(values) => ValueRef::Float(*values.get(place)?),
            Typed::Text(values) => ValueRef::String(values.get(place)?.as_utf8().ok()?),
        })
    }
}

impl Typed {
    fn len(&self) -> usize {
        match self {
            Typed::Boolean(values) => values.len(),
            Typed::Int32(values) => values.len(),
            Typed::Int64(values) => values.len(),
            Typed::Float(values) => values.len(),
            Typed::Double(values) => values.len(),
            Typed::Text(values) => values.len(),
        }
    }
}

type Read = (Option<Vec<i16>>, Typed);

fn some<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    typed: impl Fn(Vec<T::T>) -> Typed,
) -> Result<Read, ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let (rows, _, _) = reader.read_records(BATCH_ROWS, Some(&mut levels), None, &mut values)?;
    // A column in which every row must have a value yields no levels.
    let levels = if levels.is_empty() { None } else { Some(levels) };
    debug_assert_eq!(rows, levels.as_ref().map_or(values.len(), Vec::len));
    Ok((levels, typed(values)))
}
