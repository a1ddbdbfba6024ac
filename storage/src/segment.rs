//! Segments: sealed rows of one shard, never changed again.
//!
//! ```text
//! 0           8     10    12       16
//! +-----------+-----+-----+--------+------------------+----------------+-------+----------+--------+
//! | "SCHARTSG"| ver | 0   | crc32c | blocks of values | series records | index | replaces | footer |
//! |  magic    | u16 | u16 | 0..12  |                  |                |       | k x u64  | 108 B  |
//! +-----------+-----+-----+--------+------------------+----------------+-------+----------+--------+
//!
//! blocks   by table: timestamp columns; then field by field, in each series by series, blocks of up to 1024 rows. One field
//!          of all series of a measurement is one run of bytes. A timestamp column that occurs several times in the segment,
//!          as those of one scrape do, is stored once.
//! series   a record each (see `directory`): row groups, where their blocks are, their checksums and statistics.
//! index    the keys (see `index`): a dictionary of names and values, tables, fields, series sorted by key.
//!
//! footer, offsets from its start:
//!   0  index: offset u64, length u32, crc32c u32     48  shard: start i64, end i64      92  crc32c u32 of "replaces" and 0..92
//!  16  policy u32                                    64  rank u64                       96  version u16, 0 u16
//!  20  series u32                                    72  id u64                        100  magic
//!  24  rows u64                                      80  length of the file u64
//!  32  times of the first and last row, i64 each     88  k u32
//! ```
//!
//! The footer is last, so that one pass writes the file, and is all that opening reads. A file is written under another name,
//! synced and renamed: one without a valid footer was damaged, not interrupted.

pub(crate) mod directory;
pub(crate) mod index;
pub(crate) mod write;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use self::directory::{Block, Group, Layout};
use self::index::Index;
use crate::ReadError;
use crate::bytes::{Bad, Reader};
use crate::catalog::PolicyId;
use crate::codec::{decode_column, decode_ints};
use crate::health::is_damage;
use crate::rows::{Rows, Wanted, empty_columns};
use crate::vfs::{ReadMode, SealedFile, Vfs};

pub(crate) const MAGIC: &[u8; 8] = b"SCHARTSG";
pub(crate) const VERSION: u16 = 1;
pub(crate) const HEADER_LEN: usize = 16;
/// Of a footer, its own checksum, version and magic included.
pub(crate) const FOOTER_LEN: usize = FOOTER_BODY_LEN + 4 + 2 + 2 + MAGIC.len();
const FOOTER_BODY_LEN: usize = 8 + 4 + 4 + 4 + 4 + 8 * 8 + 4;
const _: () = assert!(FOOTER_LEN == 108, "docs/format/segment.md says 108");
/// Rows that a block has at most.
pub(crate) const GROUP_ROWS: usize = 1024;
/// How file names of segments end.
pub(crate) const SUFFIX: &str = ".seg";

/// What is known of a segment without reading more than its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) index: Part,
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
        out.extend(self.index.offset.to_le_bytes());
        out.extend(self.index.len.to_le_bytes());
        out.extend(self.index.crc.to_le_bytes());
        out.extend(self.policy.0.to_le_bytes());
        out.extend(self.series.to_le_bytes());
        out.extend(self.rows.to_le_bytes());
        for time in [self.bounds.0, self.bounds.1, self.shard.0, self.shard.1] {
            out.extend(time.to_le_bytes());
        }
        out.extend(self.rank.to_le_bytes());
        out.extend(self.id.to_le_bytes());
        // The file's own length: one that was cut or grown is noticed at once.
        let file_len =
            self.index.offset + u64::from(self.index.len) + (out.len() + 8 + 4 + 16) as u64;
        out.extend(file_len.to_le_bytes());
        out.extend(crate::rows::index(self.replaces.len()).to_le_bytes());
        out.extend(crc32c::crc32c(&out).to_le_bytes());
        out.extend(VERSION.to_le_bytes());
        out.extend([0, 0]);
        out.extend(MAGIC);
        out
    }
}

/// An open segment.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) footer: Footer,
    pub(crate) bytes: u64,
    file: Arc<dyn SealedFile>,
    /// Whether the index's checksum was found right. Blocks and records are checked whenever they are read: that costs less
    /// than remembering which have been.
    index_checked: AtomicBool,
    /// What was found to be damaged first.
    damage: OnceLock<String>,
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
        let path = path.to_owned();
        Ok(Segment {
            path,
            footer,
            bytes,
            file,
            index_checked: AtomicBool::new(false),
            damage: OnceLock::new(),
        })
    }

    /// Bytes that must have the part's checksum.
    pub(crate) fn part(&self, part: Part, what: &'static str) -> Result<Cow<'_, [u8]>, ReadError> {
        let bytes = self.raw(part)?;
        let computed = crc32c::crc32c(&bytes);
        if computed != part.crc {
            let found = format!("checksum {computed:08x} instead of {:08x}", part.crc);
            return Err(self.noted(ReadError::corrupt(&self.path, part.offset, what, found)));
        }
        Ok(bytes)
    }

    fn raw(&self, part: Part) -> Result<Cow<'_, [u8]>, ReadError> {
        let outside = || {
            let found = format!("a part of {} bytes beyond the end", part.len);
            ReadError::corrupt(&self.path, part.offset, "a part inside the file", found)
        };
        let len = usize::try_from(part.len).map_err(|_| outside())?;
        self.file.read(part.offset, len).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.noted(outside()),
            _ => self.noted(ReadError::io(&self.path, "read", error)),
        })
    }

    /// The bytes of the index.
    pub(crate) fn index_bytes(&self) -> Result<Cow<'_, [u8]>, ReadError> {
        if self.index_checked.load(Ordering::Relaxed) {
            return self.raw(self.footer.index);
        }
        let bytes = self.part(self.footer.index, "the index of the segment")?;
        self.index_checked.store(true, Ordering::Relaxed);
        Ok(bytes)
    }

    /// Calls `read` with the index.
    pub(crate) fn with_index<T>(
        &self,
        read: impl FnOnce(Index<'_>) -> Result<T, Bad>,
    ) -> Result<T, ReadError> {
        let bytes = self.index_bytes()?;
        Index::new(&bytes).and_then(read).map_err(|bad| self.bad(self.footer.index.offset, bad))
    }

    /// Row groups of a series, and the blocks of the fields `wanted` in each of them.
    pub(crate) fn groups(
        &self,
        series: usize,
        measurement: &str,
        wanted: &[Wanted],
    ) -> Result<Layout, ReadError> {
        let (entry, fields) = self.with_index(|index| {
            let mut numbers = vec![None; wanted.len()];
            if let Some(table) = index.table(measurement)? {
                for (number, field) in (0u32..).zip(index.fields(&table)) {
                    let (name, field_type) = field?;
                    let same = |w: &Wanted| w.name == name && w.field_type == field_type;
                    for (wanted, found) in wanted.iter().zip(&mut numbers) {
                        if same(wanted) {
                            *found = Some((number, field_type));
                        }
                    }
                }
            }
            Ok((index.series(series)?, numbers))
        })?;
        let bytes = self.part(entry.record, "the record of a series")?;
        directory::decode(&bytes, &fields).map_err(|bad| self.bad(entry.record.offset, bad))
    }

    /// The rows of a group, with the columns that `blocks` are of.
    pub(crate) fn load(
        &self,
        group: &Group,
        blocks: &[Option<Block>],
        wanted: &[Wanted],
    ) -> Result<Rows, ReadError> {
        let bytes = self.part(group.timestamps, "a block of timestamps")?;
        let timestamps = decode_ints(&mut Reader::new(&bytes), group.rows)
            .map_err(|bad| self.bad(group.timestamps.offset, bad))?;
        if !timestamps.is_sorted_by(|a, b| a < b) {
            let offset = group.timestamps.offset;
            let error = ReadError::corrupt(&self.path, offset, "ascending timestamps", "others");
            return Err(self.noted(error));
        }
        let mut columns = empty_columns(wanted);
        for ((block, wanted), column) in blocks.iter().zip(wanted).zip(&mut columns) {
            let Some(block) = block else { continue };
            let bytes = self.part(block.part, "a block of values")?;
            *column = decode_column(
                &mut Reader::new(&bytes),
                &wanted.name,
                wanted.field_type,
                group.rows,
            )
            .map_err(|bad| self.bad(block.part.offset, bad))?;
        }
        Ok(Rows { timestamps, columns })
    }

    /// The error for bytes of this file's part at `offset`.
    pub(crate) fn bad(&self, offset: u64, bad: Bad) -> ReadError {
        let offset = offset + bad.offset as u64;
        self.noted(ReadError::corrupt(&self.path, offset, bad.expected, bad.found))
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
    if crc32c::crc32c(&covered) != stored
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
    let index = Part { offset: r.u64()?, len: r.u32()?, crc: r.u32()? };
    Ok(Footer {
        index,
        policy: PolicyId(r.u32()?),
        series: r.u32()?,
        rows: r.u64()?,
        bounds: (r.i64()?, r.i64()?),
        shard: (r.i64()?, r.i64()?),
        rank: r.u64()?,
        id: r.u64()?,
        replaces,
    })
}

/// The file name of segment `id`.
pub(crate) fn file_name(id: u64) -> String {
    format!("{id:016x}{SUFFIX}")
}
