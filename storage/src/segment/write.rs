//! Writing a segment: series in order, a few megabytes of one table's blocks in memory at a time.
//!
//! What stays in memory until the end: for each series the numbers of its tag values, for each timestamp column and group of rows
//! some twenty bytes, and the distinct tag values.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stripchart_core::{Column, FieldType, KeyRef};

use super::build::{TimesBuilder, cells_of, put_block};
use super::copy::Copied;
use super::dictionary::put_dictionary;
use super::intern::Interner;
use super::packed::{put_bits, put_columns, width_of};
use super::page::{self, NewBlock};
use super::root::NewRoot;
use super::siblings::Siblings;
use super::table::{ASCENDING, NewKey, NewPage, NewTable, ORDERED, order_width};
use super::times;
use super::{Footer, GROUP_ROWS, MAX_GROUP_ROWS, PAGE, Part, file_name, header};
use crate::ReadError;
use crate::catalog::PolicyId;
use crate::codec::Effort;
use crate::rows::{ColumnBuilder, Rows, Wanted, index as u32_of};
use crate::vfs::{AppendFile, Vfs};

/// Series with fewer rows share blocks with their neighbours.
pub(crate) const SHORT_ROWS: usize = 128;
/// Bytes of blocks that are gathered before they are written, at the end of a page.
const STRIPE: usize = 4 << 20;
/// Blocks whose description lies in the record of their table, at most.
const INLINE_BLOCKS: usize = 4096;
/// A key of a table with as many series, and at least a sixteenth as many values, gets its series in order.
const ORDERED_SERIES: usize = 4096;

/// What a new segment is, beside its rows.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) policy: PolicyId,
    pub(crate) shard: (i64, i64),
    pub(crate) rank: u64,
    pub(crate) id: u64,
    /// 0 as sealed from memory, more the more often its rows were merged.
    pub(crate) level: u8,
    /// How hard its blocks are pressed.
    pub(crate) effort: Effort,
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
    times: TimesBuilder,
    time_pages: Vec<Part>,
    /// Tag keys and their values so far.
    keys: HashMap<Box<str>, usize>,
    values: Vec<Interner>,
    tables: Vec<EndedTable>,
    series: usize,
    rows: u64,
    bounds: Option<(i64, i64)>,
    /// What went wrong while a series was added; reported by what is called next.
    failed: Option<ReadError>,
    finished: bool,
}

/// A table whose blocks are written.
struct EndedTable {
    name: String,
    fields: Vec<(String, FieldType)>,
    keys: Vec<KeyNumbers>,
    table: NewTable,
}

/// Per series the number of its value of a tag key + 1, as the interner numbers them; 0 without. May be shorter than the series.
#[derive(Debug)]
struct KeyNumbers {
    key: usize,
    numbers: Vec<u32>,
}

/// The table at hand.
struct TableBuffer {
    name: String,
    wanted: Vec<Wanted>,
    series: usize,
    rows: u64,
    keys: Vec<KeyNumbers>,
    /// First series, first run, runs, rows.
    groups: Vec<[u32; 4]>,
    /// Numbers of the timestamp columns.
    runs: Vec<u32>,
    short: ShortSeries,
    siblings: Siblings,
    fields: Vec<FieldBuffer>,
}

#[derive(Default)]
struct FieldBuffer {
    /// Blocks not yet written, and what is known of them.
    bytes: Vec<u8>,
    blocks: Vec<NewBlock>,
    pages: Vec<NewPage>,
}

/// Rows of short series that will share blocks.
#[derive(Default)]
struct ShortSeries {
    rows: usize,
    runs: usize,
    /// Of the first of them.
    cells: Vec<usize>,
    columns: Vec<ColumnBuilder>,
}

/// Some rows of a series.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PartOfSeries<'r> {
    /// To be encoded.
    Rows(&'r Rows),
    /// A group that is taken over as it is.
    Copied(&'r Copied),
}

impl PartOfSeries<'_> {
    fn timestamps(&self) -> &[i64] {
        match self {
            PartOfSeries::Rows(rows) => &rows.timestamps,
            PartOfSeries::Copied(copied) => &copied.timestamps,
        }
    }

    fn len(&self) -> usize {
        self.timestamps().len()
    }

    /// The rows that have a value, if some have none.
    fn with_values(&self) -> Option<Rows> {
        match self {
            PartOfSeries::Rows(rows) => rows.with_values(),
            PartOfSeries::Copied(_) => None,
        }
    }
}

/// Rows cut into groups.
fn groups_of(rows: &Rows) -> impl Iterator<Item = Cow<'_, Rows>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let left = rows.len() - from;
        let len = if left <= MAX_GROUP_ROWS { left } else { GROUP_ROWS };
        let whole = len == rows.len();
        let group = || rows.range(from, from + len);
        let group =
            (len > 0).then(|| if whole { Cow::Borrowed(rows) } else { Cow::Owned(group()) });
        from += len;
        group
    })
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
            times: TimesBuilder::default(),
            time_pages: Vec::new(),
            keys: HashMap::new(),
            values: Vec::new(),
            tables: Vec::new(),
            series: 0,
            rows: 0,
            bounds: None,
            failed: None,
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

    /// Appends a part with its checksum.
    fn part(&mut self, bytes: &[u8]) -> Result<Part, ReadError> {
        let (offset, len) = (self.offset, u32_of(bytes.len()));
        self.append(bytes)?;
        Ok(Part { offset, len, crc: crc32c::crc32c(bytes) })
    }

    /// Begins a table. Tables come sorted by name.
    pub(crate) fn table(&mut self, name: &str, wanted: Vec<Wanted>) -> Result<(), ReadError> {
        self.end_table()?;
        self.table = Some(TableBuffer::new(name, wanted));
        Ok(())
    }

    /// Adds a series of the table begun last: its rows in order of time, with a column for each field of the table. Series
    /// come sorted by key. A failure is reported by what is called next.
    pub(crate) fn series(&mut self, key: KeyRef<'_>, rows: &Rows) {
        if self.failed.is_none()
            && let Err(error) = self.try_series(key, &[PartOfSeries::Rows(rows)])
        {
            self.failed = Some(error);
        }
    }

    /// The same of a series whose rows are given in parts, in order of time.
    pub(crate) fn series_of_parts(
        &mut self,
        key: KeyRef<'_>,
        parts: &[PartOfSeries<'_>],
    ) -> Result<(), ReadError> {
        self.try_series(key, parts)
    }

    fn try_series(&mut self, key: KeyRef<'_>, parts: &[PartOfSeries<'_>]) -> Result<(), ReadError> {
        let Some(table) = &mut self.table else { return Ok(()) };
        let with_values: Vec<Option<Rows>> = parts.iter().map(PartOfSeries::with_values).collect();
        let parts = parts.iter().zip(&with_values).map(|(part, fewer)| match fewer {
            Some(fewer) => PartOfSeries::Rows(fewer),
            None => *part,
        });
        let parts: Vec<PartOfSeries<'_>> = parts.filter(|part| part.len() > 0).collect();
        let times = || parts.iter().flat_map(|part| part.timestamps());
        let (Some(first), Some(last)) = (times().next(), times().next_back()) else {
            return Ok(());
        };
        let (low, high) = self.bounds.unwrap_or((*first, *last));
        self.bounds = Some((low.min(*first), high.max(*last)));
        for (name, value) in key.tags() {
            let key = match self.keys.get(name) {
                Some(key) => *key,
                None => {
                    self.values.push(Interner::default());
                    self.keys.insert(name.into(), self.values.len() - 1);
                    self.values.len() - 1
                }
            };
            table.put_tag(key, self.values[key].intern(value));
        }
        let effort = self.identity.effort;
        let all: usize = parts.iter().map(PartOfSeries::len).sum();
        for part in &parts {
            match part {
                PartOfSeries::Copied(copied) => {
                    let times = self.times.put(&copied.timestamps, effort);
                    table.put_copied(copied, times, effort);
                }
                PartOfSeries::Rows(rows) => {
                    for group in groups_of(rows) {
                        let times = self.times.put(&group.timestamps, effort);
                        table.put_rows(&group, times, effort, all < SHORT_ROWS);
                    }
                }
            }
        }
        table.series += 1;
        table.rows += all as u64;
        self.series += 1;
        self.rows += all as u64;
        if table.is_stripe() {
            self.write_stripe(false)?;
        }
        self.write_times(false)
    }

    /// Writes full pages of timestamp columns and their blocks, at the `end` the last too.
    fn write_times(&mut self, end: bool) -> Result<(), ReadError> {
        for (columns, blocks) in self.times.take_pages(end) {
            let mut page = Vec::new();
            times::put_page(&columns, self.offset, &mut page);
            self.append(&blocks)?;
            let page = self.part(&page)?;
            self.time_pages.push(page);
        }
        Ok(())
    }

    /// Writes the blocks that were gathered, and the pages about them or, `inline`, keeps these.
    fn write_stripe(&mut self, inline: bool) -> Result<(), ReadError> {
        let Some(mut table) = self.table.take() else { return Ok(()) };
        let mut pages = Vec::new();
        for (field, wanted) in table.fields.iter_mut().zip(&table.wanted) {
            let mut offset = self.offset;
            self.append(&field.bytes)?;
            field.bytes.clear();
            for blocks in field.blocks.chunks(PAGE) {
                let mut page = Vec::new();
                page::put_page(blocks, wanted.field_type, offset, &mut page);
                offset += blocks.iter().map(|block| u64::from(block.len)).sum::<u64>();
                pages.push(page);
            }
            field.blocks.clear();
        }
        let each = pages.len() / table.fields.len().max(1);
        for (at, page) in pages.into_iter().enumerate() {
            let page = self.page(page, inline)?;
            table.fields[at / each].pages.push(page);
        }
        self.table = Some(table);
        Ok(())
    }

    fn page(&mut self, bytes: Vec<u8>, inline: bool) -> Result<NewPage, ReadError> {
        if inline { Ok(NewPage::Inline(bytes)) } else { self.part(&bytes).map(NewPage::Own) }
    }

    fn end_table(&mut self) -> Result<(), ReadError> {
        if let Some(error) = self.failed.take() {
            self.table = None;
            return Err(error);
        }
        let effort = self.identity.effort;
        let Some(table) = &mut self.table else { return Ok(()) };
        table.end_short(effort);
        if table.series == 0 {
            self.table = None;
            return Ok(());
        }
        let blocks = table.groups.len() * table.fields.len();
        let inline = table.groups.len() <= PAGE && table.runs.len() <= PAGE;
        let inline = inline && blocks <= INLINE_BLOCKS && !table.has_pages();
        self.write_stripe(inline)?;
        let Some(table) = self.table.take() else { return Ok(()) };
        let mut new = NewTable {
            counts: [
                table.series as u64,
                table.groups.len() as u64,
                table.runs.len() as u64,
                table.rows,
            ],
            ..NewTable::default()
        };
        for groups in table.groups.chunks(PAGE) {
            let column = |at: usize| groups.iter().map(|g| i64::from(g[at])).collect::<Vec<_>>();
            let mut page = Vec::new();
            put_columns(&[&column(0), &column(1), &column(2), &column(3)], &mut page);
            new.group_pages.push(self.page(page, inline)?);
            new.firsts.push(u64::from(groups[0][0]));
        }
        for runs in table.runs.chunks(PAGE) {
            let mut page = Vec::new();
            put_columns(&[&runs.iter().map(|run| i64::from(*run)).collect::<Vec<_>>()], &mut page);
            new.run_pages.push(self.page(page, inline)?);
        }
        new.field_pages = table.fields.into_iter().map(|field| field.pages).collect();
        self.tables.push(EndedTable {
            name: table.name,
            fields: table.wanted.into_iter().map(|w| (w.name, w.field_type)).collect(),
            keys: table.keys,
            table: new,
        });
        Ok(())
    }

    /// Writes what remains, makes the file durable and gives it its name; its path, or `None` if there was no row.
    pub(crate) fn finish(mut self) -> Result<Option<PathBuf>, ReadError> {
        self.end_table()?;
        let Some(bounds) = self.bounds else { return Ok(None) };
        let root = self.write_root()?;
        let root = self.part(&root)?;
        let footer = Footer {
            root,
            policy: self.identity.policy,
            series: u32_of(self.series),
            rows: self.rows,
            bounds,
            shard: self.identity.shard,
            rank: self.identity.rank,
            id: self.identity.id,
            level: self.identity.level,
            effort: self.identity.effort,
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

    /// Writes pages of timestamp columns, dictionaries and records; the root's bytes.
    fn write_root(&mut self) -> Result<Vec<u8>, ReadError> {
        self.write_times(true)?;
        let time_pages = std::mem::take(&mut self.time_pages);
        let mut root = NewRoot { times: self.times.count(), time_pages, ..NewRoot::default() };
        let fields = self.tables.iter().flat_map(|table| &table.fields);
        let names = fields.map(|(name, _)| name.as_str());
        let names: std::collections::BTreeSet<&str> =
            names.chain(self.keys.keys().map(|name| &**name)).collect();
        root.names = names.into_iter().map(str::to_owned).collect();
        let numbers: HashMap<String, usize> = root.names.iter().cloned().zip(0..).collect();
        let mut keys: Vec<(usize, usize)> =
            self.keys.iter().map(|(name, key)| (numbers[&**name], *key)).collect();
        keys.sort_unstable();
        // Of each key as it was numbered first: its number in the root, and the numbers of its values in order.
        let mut final_keys = vec![(0, Vec::new()); keys.len()];
        for (at, (name, key)) in keys.into_iter().enumerate() {
            let values = std::mem::take(&mut self.values[key]);
            let sorted = values.sorted();
            let mut bytes = Vec::new();
            put_dictionary(sorted.iter().map(|number| values.get(*number as usize)), &mut bytes);
            root.keys.push((name, values.len(), self.part(&bytes)?));
            let mut ranks = vec![0; sorted.len()];
            (1..).zip(&sorted).for_each(|(rank, number)| ranks[*number as usize] = rank);
            final_keys[key] = (at, ranks);
        }
        for ended in std::mem::take(&mut self.tables) {
            let mut table = ended.table;
            table.fields = ended.fields.iter().map(|(name, t)| (numbers[name], *t)).collect();
            let series = usize::try_from(table.counts[0]).unwrap_or_default();
            let inline = matches!(table.group_pages.first(), Some(NewPage::Inline(_)));
            for key in ended.keys {
                let (at, ranks) = &final_keys[key.key];
                let mut column: Vec<u32> = key.numbers;
                column.resize(series, 0);
                let ranked = column.iter_mut().filter(|number| **number > 0);
                ranked.for_each(|number| *number = ranks[*number as usize - 1]);
                table.keys.push(self.key_column(*at, &column, inline)?);
            }
            root.tables.push((ended.name, self.part(&table.encode())?));
        }
        Ok(root.encode())
    }

    fn key_column(
        &mut self,
        key: usize,
        column: &[u32],
        inline: bool,
    ) -> Result<NewKey, ReadError> {
        let (min, max) = column.iter().fold((u32::MAX, 0), |(a, b), v| (a.min(*v), b.max(*v)));
        let width = width_of(i64::from(min), i64::from(max));
        let mut order: Vec<u32> = Vec::new();
        let ascending = column.is_sorted();
        let distinct = if ascending {
            column.chunk_by(|a, b| a == b).filter(|same| same[0] > 0).count()
        } else {
            order = (0..u32_of(column.len())).collect();
            order.sort_by_key(|series| column[*series as usize]);
            let value = |series: &u32| column[*series as usize];
            let same = order.chunk_by(|a, b| value(a) == value(b));
            same.filter(|same| value(&same[0]) > 0).count()
        };
        let ordered = !ascending && column.len() >= ORDERED_SERIES && distinct * 16 >= column.len();
        let mut put = |values: &mut dyn Iterator<Item = u64>, width| {
            let mut bytes = Vec::new();
            put_bits(values, width, &mut bytes);
            self.page(bytes, inline)
        };
        let numbers = &mut column.iter().map(|v| u64::from(v - min));
        let bits = if width > 0 { Some(put(numbers, width)?) } else { None };
        let order = &mut order.into_iter().map(u64::from);
        let order = if ordered { Some(put(order, order_width(column.len()))?) } else { None };
        let form = (u8::from(ascending) * ASCENDING) | (u8::from(ordered) * ORDERED);
        Ok(NewKey { key, distinct, base: i64::from(min), width, form, bits, order })
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
    fn new(name: &str, wanted: Vec<Wanted>) -> Self {
        TableBuffer {
            name: name.to_owned(),
            series: 0,
            rows: 0,
            keys: Vec::new(),
            groups: Vec::new(),
            runs: Vec::new(),
            short: ShortSeries::default(),
            siblings: Siblings::default(),
            fields: wanted.iter().map(|_| FieldBuffer::default()).collect(),
            wanted,
        }
    }

    /// The series at hand has value number `value` of key number `key`.
    fn put_tag(&mut self, key: usize, value: u32) {
        let at = self.keys.iter().position(|numbers| numbers.key == key).unwrap_or_else(|| {
            self.keys.push(KeyNumbers { key, numbers: Vec::new() });
            self.keys.len() - 1
        });
        let numbers = &mut self.keys[at].numbers;
        numbers.resize(self.series, 0);
        numbers.push(value + 1);
    }

    /// Adds a group of rows of the series at hand; a `short` one shares its blocks.
    fn put_rows(&mut self, rows: &Rows, times: u32, effort: Effort, short: bool) {
        if !short || self.short.rows + rows.len() > GROUP_ROWS {
            self.end_short(effort);
        }
        let first_run = u32_of(self.runs.len());
        self.runs.push(times);
        if !short {
            self.groups.push([u32_of(self.series), first_run, 1, u32_of(rows.len())]);
            let cells = cells_of(&rows.timestamps);
            return self.put_blocks(&rows.columns, rows.len(), Some(&cells), effort);
        }
        let pending = &mut self.short;
        if pending.runs == 0 {
            pending.cells = cells_of(&rows.timestamps);
            let new = |wanted: &Wanted| ColumnBuilder::new(wanted.field_type);
            pending.columns = self.wanted.iter().map(new).collect();
        }
        for (column, builder) in rows.columns.iter().zip(&mut pending.columns) {
            builder.extend(column, rows.len());
        }
        pending.rows += rows.len();
        pending.runs += 1;
    }

    /// Adds a group of rows of the series at hand whose blocks are known.
    fn put_copied(&mut self, copied: &Copied, times: u32, effort: Effort) {
        self.end_short(effort);
        let first_run = u32_of(self.runs.len());
        self.runs.push(times);
        let rows = u32_of(copied.timestamps.len());
        self.groups.push([u32_of(self.series), first_run, 1, rows]);
        for ((block, bytes), field) in copied.blocks.iter().zip(&mut self.fields) {
            field.bytes.extend_from_slice(bytes);
            field.blocks.push(block.clone());
        }
    }

    /// Ends the group of short series.
    fn end_short(&mut self, effort: Effort) {
        let ShortSeries { rows, runs, cells, columns } = std::mem::take(&mut self.short);
        if runs == 0 {
            return;
        }
        // The series at hand is not among them, or its run would be.
        let first_run = u32_of(self.runs.len() - runs);
        let first_series = u32_of(self.series - runs);
        self.groups.push([first_series, first_run, u32_of(runs), u32_of(rows)]);
        let cells = (runs == 1).then_some(cells.as_slice());
        let columns: Vec<Column> = columns.into_iter().map(ColumnBuilder::finish).collect();
        self.put_blocks(&columns, rows, cells, effort);
    }

    /// Adds the blocks of a group.
    fn put_blocks(
        &mut self,
        columns: &[Column],
        rows: usize,
        cells: Option<&[usize]>,
        effort: Effort,
    ) {
        let derived = self.siblings.of(columns, rows);
        for ((column, field), derived) in columns.iter().zip(&mut self.fields).zip(&derived) {
            let block = put_block(column, rows, cells, derived.as_ref(), effort, &mut field.bytes);
            field.blocks.push(block);
        }
    }

    fn has_pages(&self) -> bool {
        self.fields.iter().any(|field| !field.pages.is_empty())
    }

    /// Whether enough blocks were gathered, in whole pages.
    fn is_stripe(&self) -> bool {
        if self.groups.is_empty() || !self.groups.len().is_multiple_of(PAGE) {
            return false;
        }
        let bytes: usize = self.fields.iter().map(|field| field.bytes.len()).sum();
        let blocks: usize = self.fields.iter().map(|field| field.blocks.len()).sum();
        bytes >= STRIPE || blocks * size_of::<NewBlock>() >= STRIPE
    }
}
