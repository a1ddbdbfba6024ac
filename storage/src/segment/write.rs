//! Writing a segment: series in order, one table's blocks in memory at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stripchart_core::{FieldType, KeyRef};

use super::directory::{self, Block, Group};
use super::index::{IndexBuilder, SeriesEntry};
use super::{Footer, GROUP_ROWS, Part, file_name, header};
use crate::ReadError;
use crate::catalog::PolicyId;
use crate::codec::{encode_column, encode_ints};
use crate::partials::stats_of;
use crate::rows::{Rows, Wanted, index as u32_of};
use crate::vfs::{AppendFile, Vfs};

/// What a new segment is, beside its rows.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) policy: PolicyId,
    pub(crate) shard: (i64, i64),
    pub(crate) rank: u64,
    pub(crate) id: u64,
    pub(crate) replaces: Vec<u64>,
}

/// A segment being written. The file has another name until it is finished, and is removed if it never is.
pub(crate) struct SegmentWriter {
    vfs: Arc<dyn Vfs>,
    folder: PathBuf,
    tmp: PathBuf,
    file: Arc<dyn AppendFile>,
    identity: Identity,
    /// Bytes written.
    offset: u64,
    table: Option<TableBuffer>,
    /// Timestamp columns so far, as their bytes.
    timestamps: HashMap<Box<[u8]>, Part>,
    /// Records of series; offsets in the index count from the first of them until the end is known.
    records: Vec<u8>,
    index: Vec<IndexedTable>,
    rows: u64,
    bounds: Option<(i64, i64)>,
    finished: bool,
}

struct IndexedTable {
    name: String,
    fields: Vec<(String, FieldType)>,
    series: Vec<(Box<str>, SeriesEntry)>,
}

/// The table at hand: bytes of its blocks, and what the records of its series will say.
struct TableBuffer {
    name: String,
    wanted: Vec<Wanted>,
    timestamps: Vec<u8>,
    /// One per field.
    values: Vec<Vec<u8>>,
    series: Vec<PendingSeries>,
}

struct PendingSeries {
    key: Box<str>,
    rows: usize,
    groups: Vec<Group>,
    /// Per field its blocks, by group; offsets count from the field's first byte.
    blocks: Vec<Vec<Option<Block>>>,
}

impl SegmentWriter {
    pub(crate) fn create(
        vfs: &Arc<dyn Vfs>,
        folder: &Path,
        identity: Identity,
    ) -> Result<SegmentWriter, ReadError> {
        let tmp = folder.join(format!("{}.tmp", file_name(identity.id)));
        let file = vfs.create(&tmp).map_err(|e| ReadError::io(&tmp, "create", e))?;
        let mut writer = SegmentWriter {
            vfs: Arc::clone(vfs),
            folder: folder.to_owned(),
            tmp,
            file,
            identity,
            offset: 0,
            table: None,
            timestamps: HashMap::new(),
            records: Vec::new(),
            index: Vec::new(),
            rows: 0,
            bounds: None,
            finished: false,
        };
        writer.append(&header())?;
        Ok(writer)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), ReadError> {
        if !bytes.is_empty() {
            self.file.append(bytes).map_err(|e| ReadError::io(&self.tmp, "write", e))?;
            self.offset += bytes.len() as u64;
        }
        Ok(())
    }

    /// Begins a table. Tables come sorted by name.
    pub(crate) fn table(&mut self, name: &str, wanted: Vec<Wanted>) -> Result<(), ReadError> {
        self.end_table()?;
        let values = wanted.iter().map(|_| Vec::new()).collect();
        let (name, timestamps, series) = (name.to_owned(), Vec::new(), Vec::new());
        self.table = Some(TableBuffer { name, wanted, timestamps, values, series });
        Ok(())
    }

    /// Adds a series of the table begun last: its rows in order of time, with a column for each field of the table. Series
    /// come sorted by key.
    pub(crate) fn series(&mut self, key: KeyRef<'_>, rows: &Rows) {
        let Some(table) = &mut self.table else { return };
        let mut series = PendingSeries {
            key: key.as_str().into(),
            rows: 0,
            groups: Vec::new(),
            blocks: vec![Vec::new(); table.wanted.len()],
        };
        for from in (0..rows.len()).step_by(GROUP_ROWS) {
            let mut group = Rows::empty(&table.wanted);
            rows.slice(from, rows.len().min(from + GROUP_ROWS), &table.wanted, &mut group);
            let (Some(first), Some(last)) = (group.timestamps.first(), group.timestamps.last())
            else {
                continue;
            };
            let bounds = (*first, *last);
            let timestamps = table.put_timestamps(&group, self.offset, &mut self.timestamps);
            series.groups.push(Group { rows: group.len(), bounds, timestamps });
            table.put_columns(&group, &mut series.blocks);
            series.rows += group.len();
            let (low, high) = self.bounds.unwrap_or(bounds);
            self.bounds = Some((low.min(bounds.0), high.max(bounds.1)));
        }
        self.rows += series.rows as u64;
        if series.rows > 0 {
            table.series.push(series);
        }
    }

    fn end_table(&mut self) -> Result<(), ReadError> {
        let Some(mut table) = self.table.take() else { return Ok(()) };
        if table.series.is_empty() {
            return Ok(());
        }
        self.append(&table.timestamps)?;
        let mut bases = Vec::with_capacity(table.values.len());
        for values in &table.values {
            bases.push(self.offset);
            self.append(values)?;
        }
        let mut entries = Vec::with_capacity(table.series.len());
        for series in table.series.drain(..) {
            entries.push(put_record(series, &table.wanted, &bases, &mut self.records));
        }
        let fields = table.wanted.into_iter().map(|w| (w.name, w.field_type)).collect();
        self.index.push(IndexedTable { name: table.name, fields, series: entries });
        Ok(())
    }

    /// Writes what remains, makes the file durable and gives it its name; its path, or `None` if there was no row.
    pub(crate) fn finish(mut self) -> Result<Option<PathBuf>, ReadError> {
        self.end_table()?;
        let Some(bounds) = self.bounds else { return Ok(None) };
        let records_at = self.offset;
        let records = std::mem::take(&mut self.records);
        self.append(&records)?;
        let mut builder = IndexBuilder::default();
        for table in &self.index {
            builder.table(&table.name, &table.fields);
            for (key, entry) in &table.series {
                let mut entry = *entry;
                entry.record.offset += records_at;
                let Ok(key) = KeyRef::parse(key) else { continue };
                builder.series(key.tags(), entry);
            }
        }
        let bytes = builder.encode();
        let index =
            Part { offset: self.offset, len: u32_of(bytes.len()), crc: crc32c::crc32c(&bytes) };
        self.append(&bytes)?;
        let footer = Footer {
            index,
            policy: self.identity.policy,
            series: u32_of(builder.series_count()),
            rows: self.rows,
            bounds,
            shard: self.identity.shard,
            rank: self.identity.rank,
            id: self.identity.id,
            replaces: std::mem::take(&mut self.identity.replaces),
        };
        self.append(&footer.encode())?;
        let path = self.folder.join(file_name(self.identity.id));
        self.file.sync().map_err(|e| ReadError::io(&self.tmp, "sync", e))?;
        self.vfs.rename(&self.tmp, &path).map_err(|e| ReadError::io(&self.tmp, "rename", e))?;
        self.finished = true;
        self.vfs.sync_dir(&self.folder).map_err(|e| ReadError::io(&self.folder, "sync", e))?;
        Ok(Some(path))
    }
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Whatever stays behind is removed when the database is opened next.
            let _ = self.vfs.remove_file(&self.tmp);
        }
    }
}

impl TableBuffer {
    /// The part that the group's timestamps are stored in; equal columns share one. `base` is where this table's begin.
    fn put_timestamps(
        &mut self,
        group: &Rows,
        base: u64,
        known: &mut HashMap<Box<[u8]>, Part>,
    ) -> Part {
        let mut bytes = Vec::new();
        encode_ints(&group.timestamps, &mut bytes);
        if let Some(part) = known.get(bytes.as_slice()) {
            return *part;
        }
        let offset = base + self.timestamps.len() as u64;
        let part = Part { offset, len: u32_of(bytes.len()), crc: crc32c::crc32c(&bytes) };
        self.timestamps.extend_from_slice(&bytes);
        known.insert(bytes.into(), part);
        part
    }

    fn put_columns(&mut self, group: &Rows, blocks: &mut [Vec<Option<Block>>]) {
        for (at, column) in group.columns.iter().enumerate() {
            let values = group.timestamps.iter().enumerate();
            let values = values.filter_map(|(row, time)| Some((*time, column.get(row)?)));
            let Some(stats) = stats_of(self.wanted[at].field_type, values) else {
                blocks[at].push(None);
                continue;
            };
            let out = &mut self.values[at];
            let start = out.len();
            encode_column(column, group.len(), out);
            let part = Part {
                offset: start as u64,
                len: u32_of(out.len() - start),
                crc: crc32c::crc32c(&out[start..]),
            };
            blocks[at].push(Some(Block { part, stats: Some(stats) }));
        }
    }
}

/// Appends the record of a series; its entry, the offset counted from the first record.
fn put_record(
    series: PendingSeries,
    wanted: &[Wanted],
    bases: &[u64],
    records: &mut Vec<u8>,
) -> (Box<str>, SeriesEntry) {
    let mut fields = Vec::new();
    for (at, mut blocks) in series.blocks.into_iter().enumerate() {
        if blocks.iter().all(Option::is_none) {
            continue;
        }
        blocks.iter_mut().flatten().for_each(|block| block.part.offset += bases[at]);
        fields.push((u32_of(at), wanted[at].field_type, blocks));
    }
    let start = records.len();
    directory::encode(&series.groups, &fields, records);
    let bytes = &records[start..];
    let record =
        Part { offset: start as u64, len: u32_of(bytes.len()), crc: crc32c::crc32c(bytes) };
    let first = series.groups.first().map_or(0, |group| group.bounds.0);
    let last = series.groups.last().map_or(0, |group| group.bounds.1);
    (series.key, SeriesEntry { record, rows: u32_of(series.rows), bounds: (first, last) })
}
