//! Segments: sealed rows of one shard, never changed again.
//!
//! ```text
//! 0           8     10    12       16
//! +-----------+-----+-----+--------+-----------------+-------+----------+--------+
//! | "SCHARTSG"| ver | 0   | crc32c | blocks, pages,  | root  | replaces | footer |
//! |  magic    | u16 | u16 | 0..12  | dictionaries... |       | k x u64  | 112 B  |
//! +-----------+-----+-----+--------+-----------------+-------+----------+--------+
//!
//! blocks   by table, a few megabytes at a time: field by field, in each series by series. One field of all series of a measurement
//!          is a run of bytes. Between them those of timestamps, each column once.
//! pages    what is known of the blocks, packed: `table` (groups of rows), `page` (fields, statistics), `times`.
//! keys     `table` (which series has which tag value) and `dictionary` (tag values), used where they lie; see `select`.
//! root     where all of them are: `root`.
//!
//! footer, offsets from its start:
//!   0  root: offset u64, length u32, crc32c u32      48  shard: start i64, end i64      84  length of the file u64
//!  16  policy u32                                    64  rank u64                       92  k u32
//!  20  series u32                                    72  id u64                         96  crc32c u32 of "replaces" and 0..96
//!  24  rows u64                                      80  level u8, effort u8, 0 u16    100  version u16, 0 u16
//!  32  times of the first and last row, i64 each                                       104  magic
//! ```
//!
//! The footer is last, so that one pass writes the file, and is all that opening reads. A file is written under another name,
//! synced and renamed: one without a valid footer was damaged, not interrupted.

pub(crate) mod ahead;
mod build;
pub(crate) mod copy;
pub(crate) mod cursor;
pub(crate) mod derive;
mod dictionary;
mod intern;
pub(crate) mod open;
pub(crate) mod packed;
pub(crate) mod page;
pub(crate) mod root;
mod section;
pub(crate) mod select;
mod siblings;
pub(crate) mod stretch;
pub(crate) mod table;
pub(crate) mod times;
pub(crate) mod write;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use stripchart_core::{Column, FieldType, Values};

use self::cursor::Cursor;
use self::derive::BlockAt;
use self::page::Stored;
use self::root::Root;
use self::select::TableView;
use self::times::{Form, SharedTimes, Times};
use crate::ReadError;
use crate::bytes::{Bad, Reader};
use crate::catalog::PolicyId;
use crate::codec::{Effort, decode_ints};
use crate::crc;
use crate::health::is_damage;
use crate::partials::Number;
use crate::rows::{Rows, Wanted};
use crate::vfs::{ReadMode, SealedFile, Vfs};

pub(crate) const MAGIC: &[u8; 8] = b"SCHARTSG";
pub(crate) const VERSION: u16 = 2;
pub(crate) const HEADER_LEN: usize = 16;
/// Of a footer, its own checksum, version and magic included.
pub(crate) const FOOTER_LEN: usize = FOOTER_BODY_LEN + 4 + 2 + 2 + MAGIC.len();
const FOOTER_BODY_LEN: usize = 8 + 4 + 4 + 4 + 4 + 8 * 7 + 4 + 8 + 4;
const _: () = assert!(FOOTER_LEN == 112, "docs/format/segment.md says 112");
/// Rows that a block usually has, which is what the codecs like best; the last of a series takes what would be less than half a
/// block too.
pub(crate) const GROUP_ROWS: usize = 1024;
/// Rows that a block has at most.
pub(crate) const MAX_GROUP_ROWS: usize = GROUP_ROWS + GROUP_ROWS / 2 - 1;
/// Groups, runs or timestamp columns that a page describes.
pub(crate) const PAGE: usize = 256;
/// How file names of segments end.
pub(crate) const SUFFIX: &str = ".seg";

/// What is known of a segment without reading more than its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) root: Part,
    pub(crate) policy: PolicyId,
    pub(crate) series: u32,
    pub(crate) rows: u64,
    /// Times of the first and of the last row.
    pub(crate) bounds: (i64, i64),
    /// From its start to before its end.
    pub(crate) shard: (i64, i64),
    /// Of two segments with a value for one field, series and time, the higher rank counts.
    pub(crate) rank: u64,
    pub(crate) id: u64,
    /// 0 as sealed from memory, more the more often its rows were merged.
    pub(crate) level: u8,
    /// How hard its blocks were pressed.
    pub(crate) effort: Effort,
    /// The segments whose rows are in this one; should they still exist, they are removed.
    pub(crate) replaces: Vec<u64>,
}

/// A part of a file, and the checksum of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Part {
    pub(crate) offset: u64,
    pub(crate) len: u32,
    pub(crate) crc: u32,
}

pub(crate) fn header() -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend([0, 0]);
    out.extend(crc32c::crc32c(&out).to_le_bytes());
    out
}

impl Footer {
    /// The last bytes of a file: the list of replaced segments, and the footer proper.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.replaces.iter().for_each(|id| out.extend(id.to_le_bytes()));
        out.extend(self.root.offset.to_le_bytes());
        out.extend(self.root.len.to_le_bytes());
        out.extend(self.root.crc.to_le_bytes());
        out.extend(self.policy.0.to_le_bytes());
        out.extend(self.series.to_le_bytes());
        out.extend(self.rows.to_le_bytes());
        for time in [self.bounds.0, self.bounds.1, self.shard.0, self.shard.1] {
            out.extend(time.to_le_bytes());
        }
        out.extend(self.rank.to_le_bytes());
        out.extend(self.id.to_le_bytes());
        out.extend([self.level, effort_id(self.effort), 0, 0]);
        // The file's own length: one that was cut or grown is noticed at once.
        let file_len =
            self.root.offset + u64::from(self.root.len) + (out.len() + 8 + 4 + 16) as u64;
        out.extend(file_len.to_le_bytes());
        out.extend(crate::rows::index(self.replaces.len()).to_le_bytes());
        out.extend(crc32c::crc32c(&out).to_le_bytes());
        out.extend(VERSION.to_le_bytes());
        out.extend([0, 0]);
        out.extend(MAGIC);
        out
    }
}

const fn effort_id(effort: Effort) -> u8 {
    match effort {
        Effort::Quick => 0,
        Effort::Hot => 1,
        Effort::Cold => 2,
    }
}

/// An open segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) footer: Footer,
    pub(crate) bytes: u64,
    file: Arc<dyn SealedFile>,
    root: OnceLock<Root>,
    /// What was found to be damaged first.
    damage: OnceLock<String>,
}

/// A series of a segment: numbers of its table, and of the series in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeriesAt {
    pub(crate) table: u32,
    pub(crate) series: u32,
}

impl SeriesAt {
    pub(crate) fn new(table: u32, series: usize) -> Self {
        SeriesAt { table, series: crate::rows::index(series) }
    }
}

/// Rows of one series in one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    /// Numbers of the table and of the group in it.
    pub(crate) table: u32,
    pub(crate) group: u32,
    /// Rows of the group before this run's, and of the whole group.
    pub(crate) from: u32,
    pub(crate) group_rows: u32,
    /// Number of the timestamp column.
    pub(crate) times: u32,
    pub(crate) rows: u32,
    /// Times of the first and the last row.
    pub(crate) bounds: (i64, i64),
}

impl Run {
    /// Whether no other series has rows in the group.
    pub(crate) const fn alone(&self) -> bool {
        self.rows == self.group_rows
    }
}

impl Segment {
    /// Opens a segment by its footer.
    pub(crate) fn open(vfs: &dyn Vfs, path: &Path, mode: ReadMode) -> Result<Segment, ReadError> {
        let file = vfs.open_sealed(path, mode).map_err(|e| ReadError::io(path, "open", e))?;
        Segment::from_file(file, path)
    }

    pub(crate) fn from_file(file: Arc<dyn SealedFile>, path: &Path) -> Result<Segment, ReadError> {
        let footer = read_footer(&*file, path)?;
        // A device may put a whole small file in the place of another.
        let named =
            path.file_name().is_some_and(|name| name.to_str() == Some(&file_name(footer.id)));
        if !named {
            let found = format!("segment {}", file_name(footer.id));
            return Err(ReadError::corrupt(
                path,
                0,
                "the segment that the file is named for",
                found,
            ));
        }
        let bytes = file.len();
        let (path, root, damage) = (path.to_owned(), OnceLock::new(), OnceLock::new());
        Ok(Segment { path, footer, bytes, file, root, damage })
    }

    /// A copy of bytes that must have the part's checksum: whatever becomes of the file, they stay.
    pub(crate) fn part(&self, part: Part, what: &'static str) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        self.read_part(part, &mut bytes).map_err(|error| self.noted(error))?;
        self.checked(part, &bytes, what)?;
        Ok(bytes)
    }

    /// That `bytes` have the part's checksum.
    fn checked(&self, part: Part, bytes: &[u8], what: &'static str) -> Result<(), ReadError> {
        let computed = crc32c::crc32c(bytes);
        if !crc::holds(part.crc, computed) {
            let found = format!("checksum {computed:08x} instead of {:08x}", part.crc);
            return self.corrupt(part.offset, what, found);
        }
        Ok(())
    }

    /// The bytes of a part in place of what `into` held, unchecked.
    fn read_part(&self, part: Part, into: &mut Vec<u8>) -> Result<(), ReadError> {
        let len = usize::try_from(part.len).map_err(|_| self.outside(part))?;
        let read = self.file.read_into(part.offset, len, into);
        read.map_err(|error| self.unread(part, error))
    }

    /// The bytes of a part where they lie, if the file lends them; unchecked. Whoever keeps them looks now and then whether the file
    /// is still whole: see [`Segment::check`].
    fn lent(&self, part: Part) -> Result<Cow<'_, [u8]>, ReadError> {
        let len = usize::try_from(part.len).map_err(|_| self.outside(part))?;
        let lent = self.file.read(part.offset, len);
        lent.map_err(|error| self.noted(self.unread(part, error)))
    }

    fn outside(&self, part: Part) -> ReadError {
        let found = format!("a part of {} bytes beyond the end", part.len);
        ReadError::corrupt(&self.path, part.offset, "a part inside the file", found)
    }

    fn unread(&self, part: Part, error: std::io::Error) -> ReadError {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.outside(part),
            _ => ReadError::io(&self.path, "read", error),
        }
    }

    /// What is where; read once.
    pub(crate) fn root(&self) -> Result<&Root, ReadError> {
        if let Some(root) = self.root.get() {
            return Ok(root);
        }
        let bytes = self.part(self.footer.root, "the root of the segment")?;
        let root = Root::parse(&bytes).map_err(|bad| self.bad(self.footer.root.offset, bad))?;
        Ok(self.root.get_or_init(|| root))
    }

    /// The number of a measurement's table and the table, if the segment has one.
    pub(crate) fn table(
        &self,
        measurement: &str,
    ) -> Result<Option<(u32, TableView<'_>)>, ReadError> {
        self.check()?;
        match self.root()?.find(measurement) {
            Some(number) => Ok(Some((crate::rows::index(number), self.table_at(number)?))),
            None => Ok(None),
        }
    }

    /// An error if someone cut the file: its map must not be touched any more.
    pub(crate) fn check(&self) -> Result<(), ReadError> {
        self.file.check().or_else(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                let found = "a shorter one, cut while it was open";
                self.corrupt(self.bytes, "a file as long as when it was opened", found)
            }
            _ => Err(ReadError::io(&self.path, "read", error)),
        })
    }

    pub(crate) fn table_at(&self, number: usize) -> Result<TableView<'_>, ReadError> {
        let root = self.root()?;
        let (name, table) = root.table(self, number)?;
        Ok(TableView { segment: self, root, name, table })
    }

    /// The runs of a series, in order of time.
    pub(crate) fn runs(&self, at: SeriesAt) -> Result<Vec<Run>, ReadError> {
        let mut runs = Vec::new();
        Cursor::new(self, at.table)?.runs(at.series as usize, &mut runs)?;
        Ok(runs)
    }

    /// Times of the first and the last row of a series.
    pub(crate) fn bounds_of(&self, at: SeriesAt) -> Result<(i64, i64), ReadError> {
        Cursor::new(self, at.table)?.bounds(at.series as usize)
    }

    /// What is known of timestamp column number `at`.
    pub(crate) fn times(&self, at: u32) -> Result<Times, ReadError> {
        self.root()?.times(self, at as usize)
    }

    /// The times of a column.
    pub(crate) fn decode_times(&self, times: &Times) -> Result<Vec<i64>, ReadError> {
        let part = match (times.form, times.regular()) {
            (Form::Block(part), _) => part,
            (Form::Steps(_), regular) => return Ok(regular.unwrap_or_default()),
        };
        let bytes = self.part(part, "a block of timestamps")?;
        let decoded = decode_ints(&mut Reader::new(&bytes), times.rows)
            .map_err(|bad| self.bad(part.offset, bad))?;
        let bounds = decoded.first().zip(decoded.last());
        if !decoded.is_sorted_by(|a, b| a < b) || bounds != Some((&times.bounds.0, &times.bounds.1))
        {
            return self.corrupt(part.offset, "ascending timestamps", "others");
        }
        Ok(decoded)
    }

    /// The same, to be shared.
    pub(crate) fn shared_times(&self, times: &Times) -> Result<SharedTimes, ReadError> {
        self.decode_times(times).map(Into::into)
    }

    /// Whether some row of the group has a value of one of the fields `wanted`.
    pub(crate) fn has_values(&self, run: &Run, wanted: &[Wanted]) -> Result<bool, ReadError> {
        let TableView { table, .. } = self.table_at(run.table as usize)?;
        let group = run.group as usize;
        for field in wanted.iter().filter_map(|w| table.field(&w.name, w.field_type)) {
            let page = table.field_page(self, field, group / PAGE)?;
            if page.values(group % PAGE, run.group_rows as usize) > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The smallest and the largest number of a field in a run, if that is known.
    pub(crate) fn numbers_of(
        &self,
        run: &Run,
        wanted: &Wanted,
    ) -> Result<Option<(Number, Number)>, ReadError> {
        let TableView { table, .. } = self.table_at(run.table as usize)?;
        let field = table.field(&wanted.name, wanted.field_type);
        let Some(field) = field.filter(|_| run.alone() && wanted.field_type.is_numeric()) else {
            return Ok(None);
        };
        let (page, group) = (run.group as usize / PAGE, run.group as usize % PAGE);
        let page = table.field_page(self, field, page)?;
        let some = page.values(group, run.group_rows as usize) > 0;
        Ok(some.then(|| (page.min(group), page.max(group))))
    }

    /// The rows of a run, with a column for each of `wanted`.
    pub(crate) fn load(&self, run: &Run, wanted: &[Wanted]) -> Result<Rows, ReadError> {
        let TableView { table, .. } = self.table_at(run.table as usize)?;
        let timestamps = self.decode_times(&self.times(run.times)?)?;
        let (from, rows) = (run.from as usize, run.group_rows as usize);
        let (page, group) = (run.group as usize / PAGE, run.group as usize % PAGE);
        let mut columns = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let field = table.field(&wanted.name, wanted.field_type);
            let stored = match field {
                None => Stored::Nothing,
                Some(field) => table
                    .field_page(self, field, page)?
                    .stored(group, rows)
                    .map_err(|bad| self.bad(0, bad))?,
            };
            let column = match stored {
                Stored::Nothing => Column::new(&*wanted.name, Values::empty(wanted.field_type)),
                Stored::Constant(number) => {
                    Column::new(&*wanted.name, repeat(number, run.rows as usize))
                }
                Stored::Block(part) => {
                    let at = BlockAt { table, group: run.group as usize, rows, part };
                    let column = self.block_column(&at, wanted, 0..rows)?;
                    if run.alone() {
                        column
                    } else {
                        crate::rows::slice_column(&column, from, from + run.rows as usize)
                    }
                }
            };
            columns.push(column);
        }
        Ok(Rows { timestamps, columns })
    }

    /// Name and type of the fields of a measurement, sorted by name.
    pub(crate) fn fields(&self, measurement: &str) -> Result<Vec<(String, FieldType)>, ReadError> {
        let Some((_, view)) = self.table(measurement)? else { return Ok(Vec::new()) };
        Ok(view.table.fields.iter().map(|(name, t)| (name.to_string(), *t)).collect())
    }

    pub(crate) fn corrupt<T>(
        &self,
        offset: u64,
        expected: &'static str,
        found: impl Into<String>,
    ) -> Result<T, ReadError> {
        Err(self.noted(ReadError::corrupt(&self.path, offset, expected, found)))
    }

    /// The error for bytes of this file's part at `offset`.
    pub(crate) fn bad(&self, offset: u64, bad: Bad) -> ReadError {
        let offset = offset + bad.offset as u64;
        self.noted(ReadError::corrupt(&self.path, offset, bad.expected, bad.found))
    }

    /// The file, open.
    pub(crate) fn file(&self) -> &dyn SealedFile {
        &*self.file
    }

    /// Remembers what was found to be damaged, for whoever asks how the database is.
    fn noted(&self, error: ReadError) -> ReadError {
        if is_damage(&error) {
            self.damage.get_or_init(|| stripchart_core::error_chain(&error));
        }
        error
    }

    /// What was found to be damaged first, since the segment was opened.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }
}

/// A column's values, all the same.
pub(crate) fn repeat(number: Number, rows: usize) -> Values {
    match number {
        Number::Float(v) => Values::Float(vec![v; rows]),
        Number::Integer(v) => Values::Integer(vec![v; rows]),
        Number::Unsigned(v) => Values::Unsigned(vec![v; rows]),
    }
}

fn read_footer(file: &dyn SealedFile, path: &Path) -> Result<Footer, ReadError> {
    let len = file.len();
    let corrupt = |offset, expected, found: &str| ReadError::corrupt(path, offset, expected, found);
    let Some(footer_at) =
        len.checked_sub((HEADER_LEN + FOOTER_LEN) as u64).map(|n| n + HEADER_LEN as u64)
    else {
        return Err(corrupt(0, "a header and a footer", "a file too short for them"));
    };
    let read = |offset, len| file.read(offset, len).map_err(|e| ReadError::io(path, "read", e));
    let bytes = read(footer_at, FOOTER_LEN)?;
    if !bytes.ends_with(MAGIC) {
        return Err(corrupt(len - 8, "the magic SCHARTSG of a segment", "other bytes"));
    }
    let bad =
        |bad: Bad| ReadError::corrupt(path, footer_at + bad.offset as u64, bad.expected, bad.found);
    let version = Reader::new(&bytes[FOOTER_BODY_LEN + 4..]).u16().map_err(bad)?;
    ReadError::check_version(path, version, VERSION..=VERSION)?;
    let count = Reader::new(&bytes[FOOTER_BODY_LEN - 4..]).u32().map_err(bad)?;
    let list_len = u64::from(count) * 8;
    let list_at = footer_at.checked_sub(list_len).filter(|at| *at >= HEADER_LEN as u64);
    let (Some(list_at), Ok(list_len)) = (list_at, usize::try_from(list_len)) else {
        return Err(corrupt(footer_at, "a list of segments inside the file", "a longer one"));
    };
    let covered = read(list_at, list_len + FOOTER_BODY_LEN)?;
    let stored = Reader::new(&bytes[FOOTER_BODY_LEN..]).u32().map_err(bad)?;
    if !crc::holds(stored, crc32c::crc32c(&covered))
        || bytes[FOOTER_BODY_LEN + 6..FOOTER_BODY_LEN + 8] != [0, 0]
    {
        return Err(corrupt(footer_at, "the checksum of the footer", "another one"));
    }
    let footer = decode_footer(&covered, list_len / 8).map_err(bad)?;
    let stored_len = Reader::new(&bytes[FOOTER_BODY_LEN - 12..]).u64().map_err(bad)?;
    if stored_len != len {
        return Err(corrupt(footer_at, "the length of the file", "another one"));
    }
    if *read(0, HEADER_LEN)? != *header() {
        return Err(corrupt(0, "the header of a segment", "other bytes"));
    }
    Ok(footer)
}

fn decode_footer(bytes: &[u8], replaced: usize) -> Result<Footer, Bad> {
    let mut r = Reader::new(bytes);
    let replaces = (0..replaced).map(|_| r.u64()).collect::<Result<Vec<_>, _>>()?;
    let root = Part { offset: r.u64()?, len: r.u32()?, crc: r.u32()? };
    let mut footer = Footer {
        root,
        policy: PolicyId(r.u32()?),
        series: r.u32()?,
        rows: r.u64()?,
        bounds: (r.i64()?, r.i64()?),
        shard: (r.i64()?, r.i64()?),
        rank: r.u64()?,
        id: r.u64()?,
        level: r.u8()?,
        effort: Effort::Quick,
        replaces,
    };
    footer.effort = match r.u8()? {
        0 => Effort::Quick,
        1 => Effort::Hot,
        2 => Effort::Cold,
        other => return r.bad("an effort of 0 to 2", other.to_string()),
    };
    Ok(footer)
}

/// The file name of segment `id`.
pub(crate) fn file_name(id: u64) -> String {
    format!("{id:016x}{SUFFIX}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment of which nothing but the bytes of the file is right.
    pub(super) fn segment_of(file: Arc<dyn SealedFile>) -> Segment {
        let footer = Footer {
            root: Part::default(),
            policy: PolicyId(0),
            series: 0,
            rows: 0,
            bounds: (0, 0),
            shard: (0, 0),
            rank: 0,
            id: 0,
            level: 0,
            effort: Effort::Quick,
            replaces: Vec::new(),
        };
        Segment {
            path: PathBuf::from("segment"),
            footer,
            bytes: file.len(),
            file,
            root: OnceLock::new(),
            damage: OnceLock::new(),
        }
    }
}
