//! Exporting to Parquet files.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::{Compression, Encoding};
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{KeyValue, SortingColumn};
use ::parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{ColumnPath, Type, TypePtr};
use stripchart_core::{Column, FieldType, TimeRange, Timestamp, ValueRef};

use super::{COLUMN, DATABASE, DEFINITIONS, MEASUREMENT, POLICY, Role, columns, escaped};
use crate::catalog::{Database, RetentionPolicy};
use crate::export::{Export, ExportError, ExportReport, Progress, Source};
use crate::{Direction, RowBlock, Series, View, definition};

const DAY_NS: i64 = 86_400_000_000_000;
/// A row group is written at so many rows, places for values, or bytes of texts: what comes first bounds memory.
const GROUP_ROWS: usize = if cfg!(test) { 1000 } else { 128 << 10 };
const GROUP_PLACES: usize = 4 << 20;
const GROUP_TEXT: usize = 32 << 20;
/// Row groups of a file; the next ones go into another.
const FILE_GROUPS: usize = if cfg!(test) { 3 } else { 64 };

impl Export {
    /// Writes the rows as Parquet files below `folder`, one for each measurement and day, in the layout
    /// `database=NAME/policy=NAME/measurement=NAME/date=YYYY-MM-DD/part-WHO-SEQ.parquet`.
    ///
    /// `time` is a column of nanoseconds in UTC; a column for each tag and field follows. `who` keeps the files of several hosts
    /// apart; characters of it that are no letters, digits, `.`, `-` or `_` become `_`. Files of the same names are replaced, each
    /// when the new one is complete. Memory is bounded by a row group: four million places for values.
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use stripchart_core::{Precision, Timestamp};
    /// use stripchart_storage::{Db, Export, Import};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let db = Db::open(folder.path().join("db"))?;
    /// db.create_database("demo", None)?;
    /// let body = b"cpu,host=a usage=12.5 1700000000";
    /// db.writer("demo", None)?.write_lines(body, Precision::Seconds, Timestamp::EPOCH)?;
    ///
    /// let files = folder.path().join("files");
    /// Export::new().parquet(&db, &files, "me", |_| ControlFlow::Continue(()))?;
    /// let file = "database=demo/policy=autogen/measurement=cpu/date=2023-11-14/part-me-0000.parquet";
    /// assert!(files.join(file).exists());
    ///
    /// let copy = Db::open(folder.path().join("copy"))?;
    /// let report = Import::new().parquet(&copy, &files, |_| ControlFlow::Continue(()))?;
    /// assert_eq!(report.rows, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ExportError`]. Files that were written before are complete.
    pub fn parquet(
        &self,
        source: &impl Source,
        folder: impl AsRef<Path>,
        who: &str,
        mut progress: impl FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<ExportReport, ExportError> {
        let mut report = ExportReport::default();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let who: String = who.chars().map(|c| if plain(c) { c } else { '_' }).collect();
        for (database, policies) in &self.select(&source.catalog())? {
            for policy in policies {
                let view = source.view(database.name(), Some(&policy.name))?;
                report.policies += 1;
                let folder = folder
                    .as_ref()
                    .join(format!("database={}", escaped(database.name())))
                    .join(format!("policy={}", escaped(&policy.name)));
                self.visit(&view, |view, measurement| {
                    let table = Arc::new(Table::new(view, (database, policy), measurement)?);
                    let folder = folder.join(format!("measurement={}", escaped(measurement)));
                    let mut days = Days {
                        export: self,
                        table,
                        folder,
                        who: &who,
                        report: &mut report,
                        progress: &mut progress,
                    };
                    days.write(view)
                })?;
            }
        }
        Ok(report)
    }
}

/// What all files of a measurement share.
struct Table {
    measurement: String,
    fields: Vec<String>,
    columns: Vec<(String, Role)>,
    schema: TypePtr,
    properties: WriterPropertiesPtr,
}

impl Table {
    fn new(
        view: &View,
        (database, policy): (&Database, &RetentionPolicy),
        measurement: &str,
    ) -> Result<Table, ExportError> {
        let fields = view.fields(measurement);
        let columns = columns(view.tag_keys(measurement)?, &fields);
        let types: Result<Vec<TypePtr>, _> =
            columns.iter().map(|(name, role)| role.schema(name)).collect();
        let schema =
            types.and_then(|types| Type::group_type_builder("rows").with_fields(types).build());
        let mut definitions = String::new();
        definition::write(database, |other| other == policy, &mut definitions);
        let mut keys = vec![
            KeyValue::new(DATABASE.to_owned(), database.name().to_owned()),
            KeyValue::new(POLICY.to_owned(), policy.name.clone()),
            KeyValue::new(MEASUREMENT.to_owned(), measurement.to_owned()),
            KeyValue::new(DEFINITIONS.to_owned(), definitions),
        ];
        for (at, (_, role)) in columns.iter().enumerate() {
            keys.push(KeyValue::new(format!("{COLUMN}{at}"), role.text()));
        }
        Ok(Table {
            measurement: measurement.to_owned(),
            fields: fields.into_iter().map(|field| field.name).collect(),
            properties: Arc::new(properties(&columns, keys)),
            columns,
            schema: Arc::new(schema.map_err(failed)?),
        })
    }
}

fn properties(columns: &[(String, Role)], keys: Vec<KeyValue>) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(format!("stripchart {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(keys));
    let mut sorting = Vec::new();
    for (at, (name, role)) in (0i32..).zip(columns) {
        let column = || ColumnPath::new(vec![name.clone()]);
        match role {
            Role::Time => {
                builder = builder
                    .set_column_dictionary_enabled(column(), false)
                    .set_column_encoding(column(), Encoding::DELTA_BINARY_PACKED);
            }
            Role::Tag(_) => {
                sorting.push(SortingColumn {
                    column_idx: at,
                    descending: false,
                    nulls_first: true,
                });
            }
            // Where a dictionary does not pay.
            Role::Field(_, FieldType::Integer | FieldType::Unsigned) => {
                builder = builder.set_column_encoding(column(), Encoding::DELTA_BINARY_PACKED);
            }
            Role::Field(..) => {}
        }
    }
    sorting.push(SortingColumn { column_idx: 0, descending: false, nulls_first: false });
    builder.set_sorting_columns(Some(sorting)).build()
}

/// The files of a measurement, day by day.
struct Days<'a, P> {
    export: &'a Export,
    table: Arc<Table>,
    folder: PathBuf,
    who: &'a str,
    report: &'a mut ExportReport,
    progress: &'a mut P,
}

impl<P: FnMut(&Progress) -> ControlFlow<()>> Days<'_, P> {
    fn write(&mut self, view: &View) -> Result<(), ExportError> {
        let series = self.sorted(view)?;
        // When the next row of each series is due, at the earliest.
        let range = self.export.range;
        let first = |series| {
            view.time_bounds(series)
                .map_or(i64::MAX, |(first, _)| first.nanos().max(range.start.nanos()))
        };
        let mut due: Vec<i64> = series.iter().map(first).collect();
        let mut written = vec![false; series.len()];
        while let Some(at) = due.iter().copied().min().filter(|at| *at < range.end.nanos()) {
            let day = day_of(at);
            let wanted = day.intersect(range);
            let date: String = day.start.max(Timestamp::MIN).to_string().chars().take(10).collect();
            let folder = self.folder.join(format!("date={date}"));
            let mut file = Part::new(Arc::clone(&self.table), folder, self.who);
            for ((series, due), written) in series.iter().zip(&mut due).zip(&mut written) {
                if *due < wanted.end.nanos() {
                    let rows = self.one(view, series, wanted, &mut file)?;
                    *written |= rows > 0;
                    *due = self.next(view, series, wanted.end, rows > 0)?;
                }
            }
            file.finish(self.report)?;
        }
        self.report.series += written.into_iter().filter(|written| *written).count() as u64;
        Ok(())
    }

    /// The series, sorted by their values of all tags.
    fn sorted(&self, view: &View) -> Result<Vec<Series>, ExportError> {
        let mut series = view.series(&self.table.measurement, &self.export.filter)?;
        let tags: Vec<&str> = self
            .table
            .columns
            .iter()
            .filter_map(|(_, role)| match role {
                Role::Tag(key) => Some(key.as_str()),
                _ => None,
            })
            .collect();
        // Sorted by key they are sorted by values if all have the same keys.
        if series.iter().any(|series| series.key().tags().count() < tags.len()) {
            series.sort_by(|a, b| {
                let values = |series: &Series| {
                    tags.iter()
                        .map(|key| series.key().tag(key).map(str::to_owned))
                        .collect::<Vec<_>>()
                };
                values(a).cmp(&values(b))
            });
        }
        Ok(series)
    }

    /// Writes the rows of a series inside `range`; how many.
    fn one(
        &mut self,
        view: &View,
        series: &Series,
        range: TimeRange,
        file: &mut Part,
    ) -> Result<u64, ExportError> {
        let names: Vec<&str> = self.table.fields.iter().map(String::as_str).collect();
        let mut rows = 0;
        for block in view.scan(series, &names, range, Direction::Ascending) {
            let block = block?;
            rows += block.timestamps.len() as u64;
            file.add(series, &block, self.report)?;
            let progress = Progress { rows: self.report.rows, bytes: self.report.bytes };
            if (self.progress)(&progress).is_break() {
                return Err(ExportError::Cancelled);
            }
        }
        Ok(rows)
    }

    /// When the next row of a series is due, from `end` on. Looked for where a day had none, so that years without rows cost nothing.
    fn next(
        &self,
        view: &View,
        series: &Series,
        end: Timestamp,
        more: bool,
    ) -> Result<i64, ExportError> {
        if view.time_bounds(series).is_none_or(|(_, last)| last < end) {
            return Ok(i64::MAX);
        }
        if more {
            return Ok(end.nanos());
        }
        let names: Vec<&str> = self.table.fields.iter().map(String::as_str).collect();
        let rest = TimeRange::new(end, self.export.range.end);
        match view.scan(series, &names, rest, Direction::Ascending).next() {
            None => Ok(i64::MAX),
            Some(block) => Ok(block?.timestamps.first().copied().unwrap_or(i64::MAX)),
        }
    }
}

/// The day in UTC that an instant lies in.
fn day_of(at: i64) -> TimeRange {
    let into = at.rem_euclid(DAY_NS);
    let start = at.saturating_sub(into);
    // Not from the start: the first day that there is begins late.
    let end = at.saturating_add(DAY_NS - into);
    TimeRange::new(Timestamp::from_nanos(start), Timestamp::from_nanos(end))
}

/// The files of one day.
struct Part {
    table: Arc<Table>,
    folder: PathBuf,
    who: String,
    number: u32,
    groups: usize,
    writer: Option<(SerializedFileWriter<BufWriter<File>>, PathBuf)>,
    times: Vec<i64>,
    /// For each tag column the values, and in how many rows each stands.
    tags: Vec<Vec<(Option<ByteArray>, usize)>>,
    fields: Vec<Cells>,
    text: usize,
}

/// The values of a field that exist, and for each row whether one does.
struct Cells {
    levels: Vec<i16>,
    values: Typed,
}

enum Typed {
    Float(Vec<f64>),
    Integer(Vec<i64>),
    Boolean(Vec<bool>),
    Text(Vec<ByteArray>),
}

impl Cells {
    fn new(field_type: FieldType) -> Cells {
        let values = match field_type {
            FieldType::Float => Typed::Float(Vec::new()),
            FieldType::Integer | FieldType::Unsigned => Typed::Integer(Vec::new()),
            FieldType::Boolean => Typed::Boolean(Vec::new()),
            FieldType::String => Typed::Text(Vec::new()),
        };
        Cells { levels: Vec::new(), values }
    }

    /// Adds the rows of `column`; the bytes of texts among them.
    fn add(&mut self, column: &Column, rows: usize, report: &mut ExportReport) -> usize {
        let mut text = 0;
        for row in 0..rows {
            match (&mut self.values, column.get(row)) {
                (Typed::Float(values), Some(ValueRef::Float(value))) => values.push(value),
                (Typed::Integer(values), Some(ValueRef::Integer(value))) => values.push(value),
                // As the column's type says, the bits are those of an unsigned one.
                (Typed::Integer(values), Some(ValueRef::Unsigned(value))) => {
                    values.push(value.cast_signed())
                }
                (Typed::Boolean(values), Some(ValueRef::Boolean(value))) => values.push(value),
                (Typed::Text(values), Some(ValueRef::String(value))) => {
                    text += value.len() + size_of::<ByteArray>();
                    values.push(value.as_bytes().to_vec().into());
                }
                _ => {
                    self.levels.push(0);
                    continue;
                }
            }
            self.levels.push(1);
            report.values += 1;
        }
        text
    }

    fn write(&mut self, writer: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = Some(&*self.levels);
        match (writer, &self.values) {
            (ColumnWriter::DoubleColumnWriter(w), Typed::Float(values)) => {
                w.write_batch(values, levels, None)?
            }
            (ColumnWriter::Int64ColumnWriter(w), Typed::Integer(values)) => {
                w.write_batch(values, levels, None)?
            }
            (ColumnWriter::BoolColumnWriter(w), Typed::Boolean(values)) => {
                w.write_batch(values, levels, None)?
            }
            (ColumnWriter::ByteArrayColumnWriter(w), Typed::Text(values)) => {
                w.write_batch(values, levels, None)?
            }
            _ => return Err(mismatch()),
        };
        self.levels.clear();
        match &mut self.values {
            Typed::Float(values) => values.clear(),
            Typed::Integer(values) => values.clear(),
            Typed::Boolean(values) => values.clear(),
            Typed::Text(values) => values.clear(),
        }
        Ok(())
    }
}

impl Part {
    fn new(table: Arc<Table>, folder: PathBuf, who: &str) -> Part {
        let (mut tags, mut fields) = (Vec::new(), Vec::new());
        for (_, role) in &table.columns {
            match role {
                Role::Time => {}
                Role::Tag(_) => tags.push(Vec::new()),
                Role::Field(_, field_type) => fields.push(Cells::new(*field_type)),
            }
        }
        let (times, who) = (Vec::new(), who.to_owned());
        Part {
            table,
            folder,
            who,
            number: 0,
            groups: 0,
            writer: None,
            times,
            tags,
            fields,
            text: 0,
        }
    }

    fn add(
        &mut self,
        series: &Series,
        block: &RowBlock,
        report: &mut ExportReport,
    ) -> Result<(), ExportError> {
        let rows = block.timestamps.len();
        self.times.extend(&block.timestamps);
        let keys = self.table.columns.iter().filter_map(|(_, role)| match role {
            Role::Tag(key) => Some(key),
            _ => None,
        });
        for (key, runs) in keys.zip(&mut self.tags) {
            let value = series.key().tag(key);
            match runs.last_mut() {
                Some((last, count))
                    if last.as_ref().map(ByteArray::data) == value.map(str::as_bytes) =>
                {
                    *count += rows
                }
                _ => runs.push((value.map(|value| value.as_bytes().to_vec().into()), rows)),
            }
        }
        for (cells, column) in self.fields.iter_mut().zip(&block.columns) {
            self.text += cells.add(column, rows, report);
        }
        report.rows += rows as u64;
        let places = self.times.len() * self.table.columns.len();
        if self.times.len() >= GROUP_ROWS || places >= GROUP_PLACES || self.text >= GROUP_TEXT {
            self.group(report)?;
        }
        Ok(())
    }

    /// Writes what was gathered as a row group.
    fn group(&mut self, report: &mut ExportReport) -> Result<(), ExportError> {
        if self.times.is_empty() {
            return Ok(());
        }
        if self.writer.is_none() {
            self.begin()?;
        }
        if let Some((mut writer, path)) = self.writer.take() {
            self.write_group(&mut writer).map_err(failed)?;
            self.writer = Some((writer, path));
        }
        self.times.clear();
        (self.text, self.groups) = (0, self.groups + 1);
        if self.groups == FILE_GROUPS { self.finish_file(report) } else { Ok(()) }
    }

    fn write_group(
        &mut self,
        writer: &mut SerializedFileWriter<BufWriter<File>>,
    ) -> Result<(), ParquetError> {
        let mut group = writer.next_row_group()?;
        let (mut tags, mut fields) = (self.tags.iter_mut(), self.fields.iter_mut());
        for (_, role) in &self.table.columns {
            let mut column = group.next_column()?.ok_or_else(mismatch)?;
            match (role, column.untyped()) {
                (Role::Time, ColumnWriter::Int64ColumnWriter(writer)) => {
                    writer.write_batch(&self.times, None, None)?;
                }
                (Role::Tag(_), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                    for (value, rows) in tags.next().into_iter().flat_map(std::mem::take) {
                        let levels = vec![i16::from(value.is_some()); rows];
                        let values = value.map_or_else(Vec::new, |value| vec![value; rows]);
                        writer.write_batch(&values, Some(&levels), None)?;
                    }
                }
                (Role::Field(..), writer) => {
                    if let Some(cells) = fields.next() {
                        cells.write(writer)?;
                    }
                }
                _ => return Err(mismatch()),
            }
            column.close()?;
        }
        group.close()?;
        Ok(())
    }

    fn begin(&mut self) -> Result<(), ExportError> {
        fs::create_dir_all(&self.folder).map_err(|error| named(&self.folder, &error))?;
        let path = self.folder.join(format!("part-{}-{:04}.parquet.tmp", self.who, self.number));
        let file = File::create(&path).map_err(|error| named(&path, &error))?;
        let (schema, properties) =
            (Arc::clone(&self.table.schema), Arc::clone(&self.table.properties));
        let writer = SerializedFileWriter::new(BufWriter::new(file), schema, properties);
        self.writer = Some((writer.map_err(failed)?, path));
        Ok(())
    }

    /// Completes the file, if one was begun.
    fn finish_file(&mut self, report: &mut ExportReport) -> Result<(), ExportError> {
        let Some((writer, path)) = self.writer.take() else { return Ok(()) };
        let done = || -> Result<u64, io::Error> {
            let file = writer.into_inner()?.into_inner().map_err(|error| error.into_error())?;
            file.sync_all()?;
            fs::rename(&path, path.with_extension(""))?;
            Ok(file.metadata()?.len())
        };
        report.bytes += done().map_err(|error| named(&path, &error))?;
        (self.number, self.groups) = (self.number + 1, 0);
        Ok(())
    }

    fn finish(mut self, report: &mut ExportReport) -> Result<(), ExportError> {
        self.group(report)?;
        self.finish_file(report)
    }
}

impl Drop for Part {
    /// A file that was not completed goes.
    fn drop(&mut self) {
        if let Some((_, path)) = self.writer.take() {
            let _ = fs::remove_file(path);
        }
    }
}

fn named(path: &Path, error: &io::Error) -> ExportError {
    ExportError::Write(io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

fn failed(error: ParquetError) -> ExportError {
    ExportError::Write(io::Error::other(error))
}

fn mismatch() -> ParquetError {
    ParquetError::General("the columns of the file are not those of its schema".to_owned())
}
