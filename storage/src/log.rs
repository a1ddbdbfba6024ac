//! The write-ahead log: every batch, and every change of the catalog, before it is acknowledged.
//!
//! ```text
//! file, log/NNNNNNNNNNNNNNNN.log:
//! 0           8     10    12              20       24
//! +-----------+-----+-----+---------------+--------+--------+--------+ - -
//! | "SCHARTLG"| ver | 0   | first seq     | crc32c | record | record |
//! |  magic    | u16 | u16 | u64           | of 0..20        |        |
//! +-----------+-----+-----+---------------+--------+--------+--------+ - -
//! record:
//! 0        4        8               16     17            17+n
//! +--------+--------+---------------+------+--------------+
//! | n      | crc32c | seq           | kind | payload, n B |
//! | u32    | u32    | u64           | u8   |              |
//! +--------+--------+---------------+------+--------------+
//!   the checksum covers n and everything from seq on
//! ```
//!
//! Sequence numbers count up by one over all files, so that a missing file or record is noticed. A batch is one record,
//! written with one call: after a crash it is whole or absent. The last file may end in a torn record, which was never
//! acknowledged and is cut off; an invalid record with valid ones after it, or in an earlier file, is damage.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ReadError;
use crate::bytes::Reader;
use crate::vfs::{AppendFile, Vfs};

/// The folder of the files.
pub(crate) const FOLDER: &str = "log";

const MAGIC: &[u8; 8] = b"SCHARTLG";
pub(crate) const VERSION: u16 = 1;
const CRC_AT: usize = MAGIC.len() + 2 + 2 + 8;
pub(crate) const HEADER_LEN: usize = CRC_AT + 4;
pub(crate) const RECORD_HEADER_LEN: usize = 4 + 4 + 8 + 1;
const _: () = assert!(
    HEADER_LEN == 24 && RECORD_HEADER_LEN == 17,
    "as drawn above and in docs/format/log.md"
);

/// Bytes that a record may have; what claims to be longer is none.
pub(crate) const MAX_RECORD: usize = 256 << 20;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Rows; see `record`.
    Batch,
    /// The catalog as it is from here on.
    Catalog,
}

impl Kind {
    const fn id(self) -> u8 {
        match self {
            Kind::Batch => 1,
            Kind::Catalog => 2,
        }
    }

    const fn from_id(id: u8) -> Option<Kind> {
        match id {
            1 => Some(Kind::Batch),
            2 => Some(Kind::Catalog),
            _ => None,
        }
    }
}

/// The log as it is written.
#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    pub(crate) file: Arc<dyn AppendFile>,
    /// Oldest first; the last is the one being written.
    pub(crate) files: VecDeque<LogFile>,
    pub(crate) next_seq: u64,
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFile {
    pub(crate) number: u64,
    pub(crate) first_seq: u64,
    pub(crate) bytes: u64,
}

pub(crate) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016x}.log"))
}

/// The numbers of the log files among `names`, in order.
pub(crate) fn numbers(names: &[String]) -> Vec<u64> {
    let number = |name: &String| {
        let hex = name.strip_suffix(".log").filter(|hex| hex.len() == 16)?;
        u64::from_str_radix(hex, 16).ok()
    };
    let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

fn header(first_seq: u64) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend([0, 0]);
    out.extend(first_seq.to_le_bytes());
    out.extend(crc32c::crc32c(&out).to_le_bytes());
    out
}

impl Log {
    /// Begins file `number` after `files`; it is durable when this returns.
    pub(crate) fn begin(
        vfs: &dyn Vfs,
        folder: &Path,
        mut files: VecDeque<LogFile>,
        number: u64,
        next_seq: u64,
    ) -> Result<Log, ReadError> {
        let (file, entry) = create(vfs, folder, number, next_seq)?;
        files.push_back(entry);
        Ok(Log { folder: folder.to_owned(), file, files, next_seq, buffer: Vec::new() })
    }

    /// Appends a record; its number.
    pub(crate) fn append(&mut self, kind: Kind, payload: &[u8]) -> Result<u64, ReadError> {
        let seq = self.next_seq;
        self.buffer.clear();
        put_record(seq, kind, payload, &mut self.buffer);
        let Some(current) = self.files.back_mut() else { return Ok(seq) };
        self.file
            .append(&self.buffer)
            .map_err(|e| ReadError::io(&path_of(&self.folder, current.number), "write", e))?;
        current.bytes += self.buffer.len() as u64;
        self.next_seq += 1;
        // A rare large batch must not keep its memory.
        if self.buffer.capacity() > 1 << 20 {
            self.buffer = Vec::new();
        }
        Ok(seq)
    }

    /// Syncs the file and begins another one, if this one has records.
    pub(crate) fn rotate(&mut self, vfs: &dyn Vfs) -> Result<(), ReadError> {
        let Some(current) = self.files.back() else { return Ok(()) };
        if current.first_seq == self.next_seq {
            return Ok(());
        }
        let number = current.number;
        self.file.sync().map_err(|e| ReadError::io(&path_of(&self.folder, number), "sync", e))?;
        let (file, entry) = create(vfs, &self.folder, number + 1, self.next_seq)?;
        self.file = file;
        self.files.push_back(entry);
        Ok(())
    }

    /// Removes the files whose records are all up to `sealed_seq`.
    pub(crate) fn forget(&mut self, vfs: &dyn Vfs, sealed_seq: u64) -> Result<(), ReadError> {
        while self.files.len() > 1 && self.files[1].first_seq <= sealed_seq + 1 {
            let path = path_of(&self.folder, self.files[0].number);
            vfs.remove_file(&path).map_err(|e| ReadError::io(&path, "remove", e))?;
            self.files.pop_front();
        }
        Ok(())
    }

    pub(crate) fn current_bytes(&self) -> u64 {
        self.files.back().map_or(0, |file| file.bytes)
    }
}

fn create(
    vfs: &dyn Vfs,
    folder: &Path,
    number: u64,
    first_seq: u64,
) -> Result<(Arc<dyn AppendFile>, LogFile), ReadError> {
    let path = path_of(folder, number);
    let header = header(first_seq);
    let file = vfs.create(&path).map_err(|e| ReadError::io(&path, "create", e))?;
    file.append(&header).map_err(|e| ReadError::io(&path, "write", e))?;
    file.sync().map_err(|e| ReadError::io(&path, "sync", e))?;
    // Without its entry the file, and every record in it, would be lost.
    vfs.sync_dir(folder).map_err(|e| ReadError::io(folder, "sync", e))?;
    Ok((file, LogFile { number, first_seq, bytes: header.len() as u64 }))
}

fn put_record(seq: u64, kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    let len = crate::rows::index(payload.len()).to_le_bytes();
    out.extend(len);
    out.extend([0; 4]);
    out.extend(seq.to_le_bytes());
    out.push(kind.id());
    out.extend_from_slice(payload);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&len), &out[start + 8..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// A record as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) seq: u64,
    pub(crate) kind: Kind,
    pub(crate) payload: &'a [u8],
    /// Where it begins in the file.
    pub(crate) offset: usize,
}

/// The records of a file, in order.
#[derive(Debug)]
pub(crate) struct Scanned<'a> {
    pub(crate) records: Vec<Record<'a>>,
    /// From the header; `None` if that is torn.
    pub(crate) first_seq: Option<u64>,
    /// Bytes up to the end of the last valid record.
    pub(crate) valid: usize,
}

/// Reads a file. What follows the last valid record is left out if `last`, and if nothing valid follows it.
pub(crate) fn scan<'a>(path: &Path, bytes: &'a [u8], last: bool) -> Result<Scanned<'a>, ReadError> {
    let Some(first_seq) = scan_header(path, bytes)? else {
        return torn(path, bytes, 0, 0, last).map(|()| Scanned {
            records: Vec::new(),
            first_seq: None,
            valid: 0,
        });
    };
    let mut records = Vec::new();
    let (mut offset, mut seq) = (HEADER_LEN, first_seq);
    while offset < bytes.len() {
        let Some(record) = record_at(bytes, offset).filter(|record| record.seq == seq) else {
            torn(path, bytes, offset, seq, last)?;
            break;
        };
        offset += RECORD_HEADER_LEN + record.payload.len();
        records.push(record);
        seq += 1;
    }
    Ok(Scanned { records, first_seq: Some(first_seq), valid: offset.min(bytes.len()) })
}

/// The first number, if the header is whole.
fn scan_header(path: &Path, bytes: &[u8]) -> Result<Option<u64>, ReadError> {
    let Some(head) = bytes.get(..HEADER_LEN) else { return Ok(None) };
    let mut reader = Reader::new(&head[CRC_AT..]);
    if reader.u32() != Ok(crc32c::crc32c(&head[..CRC_AT])) || !head.starts_with(MAGIC) {
        return Ok(None);
    }
    let mut reader = Reader::new(&head[MAGIC.len()..CRC_AT]);
    match (reader.u16(), reader.u16(), reader.u64()) {
        (Ok(found), Ok(_), Ok(first_seq)) => {
            ReadError::check_version(path, found, VERSION..=VERSION)?;
            Ok(Some(first_seq))
        }
        _ => Ok(None),
    }
}

/// The record that begins at `offset`, if a valid one does.
fn record_at(bytes: &[u8], offset: usize) -> Option<Record<'_>> {
    let mut reader = Reader::new(bytes.get(offset..)?);
    let len = usize::try_from(reader.u32().ok()?).ok().filter(|len| *len <= MAX_RECORD)?;
    let crc = reader.u32().ok()?;
    let seq = reader.u64().ok()?;
    let kind = reader.u8().ok()?;
    let payload = reader.take(len).ok()?;
    let end = offset + RECORD_HEADER_LEN + len;
    let computed =
        crc32c::crc32c_append(crc32c::crc32c(&bytes[offset..offset + 4]), &bytes[offset + 8..end]);
    let kind = Kind::from_id(kind).filter(|_| computed == crc)?;
    Some(Record { seq, kind, payload, offset })
}

/// Whether what begins at `offset` may be cut off: it is the end of the last file, and nothing valid follows.
fn torn(path: &Path, bytes: &[u8], offset: usize, seq: u64, last: bool) -> Result<(), ReadError> {
    let damaged = |found: String| {
        Err(ReadError::corrupt(path, offset as u64, "a valid record of the log", found))
    };
    if !last {
        return damaged("an invalid one, and newer files".to_owned());
    }
    // Cheap tests first: nearly every offset fails at its number.
    let plausible = |at: &usize| {
        let number = bytes.get(at + 8..at + 16).map(Reader::new).and_then(|mut r| r.u64().ok());
        number.is_some_and(|number| number >= seq && number - seq < 1 << 32)
    };
    let follower = (offset + 1..bytes.len()).filter(plausible).find_map(|at| record_at(bytes, at));
    match follower {
        None => Ok(()),
        Some(record) => {
            damaged(format!("an invalid one before record {} at {}", record.seq, record.offset))
        }
    }
}

/// Replaces a file by its valid bytes: cut where it was torn, and written anew, because a file whose sync failed may
/// read back well and yet not be on the device.
pub(crate) fn rewrite(
    vfs: &dyn Vfs,
    folder: &Path,
    number: u64,
    valid: &[u8],
) -> Result<(), ReadError> {
    let path = path_of(folder, number);
    let tmp = path.with_extension("log.tmp");
    let file = vfs.create(&tmp).map_err(|e| ReadError::io(&tmp, "create", e))?;
    file.append(valid).map_err(|e| ReadError::io(&tmp, "write", e))?;
    file.sync().map_err(|e| ReadError::io(&tmp, "sync", e))?;
    vfs.rename(&tmp, &path).map_err(|e| ReadError::io(&tmp, "rename", e))?;
    vfs.sync_dir(folder).map_err(|e| ReadError::io(folder, "sync", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(first: u64, payloads: &[&[u8]]) -> Vec<u8> {
        let mut out = header(first);
        for (seq, payload) in (first..).zip(payloads) {
            put_record(seq, Kind::Batch, payload, &mut out);
        }
        out
    }

    #[test]
    fn a_torn_end_is_cut_wherever_it_is_torn() {
        let bytes = file(5, &[b"one", b"", b"three"]);
        let path = Path::new("log");
        let whole = scan(path, &bytes, true).unwrap();
        let starts: Vec<usize> = whole.records.iter().map(|r| r.offset).collect();
        for cut in 0..bytes.len() {
            let got = scan(path, &bytes[..cut], true).unwrap();
            let ends = starts.iter().copied().skip(1).chain([bytes.len()]);
            assert_eq!(got.records.len(), ends.filter(|end| *end <= cut).count(), "{cut}");
            let at_border = cut >= HEADER_LEN && (starts.contains(&cut) || cut == bytes.len());
            assert_eq!(scan(path, &bytes[..cut], false).is_ok(), at_border, "{cut}");
        }
    }

    #[test]
    fn damage_before_valid_records_is_an_error() {
        let bytes = file(5, &[b"one", b"two", b"three"]);
        let path = Path::new("log");
        let last = scan(path, &bytes, true).unwrap().records[2].offset;
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            match scan(path, &damaged, true) {
                Ok(got) => assert!(at >= last && got.records.len() == 2, "{at}"),
                Err(error) => assert!(at < last, "{at}: {error}"),
            }
        }
    }

    #[test]
    fn zeros_are_no_record() {
        let mut bytes = file(1, &[b"one"]);
        bytes.resize(bytes.len() + 100, 0);
        assert_eq!(scan(Path::new(""), &bytes, true).unwrap().records.len(), 1);
    }
}
