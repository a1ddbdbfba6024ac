//! The write-ahead log: every batch, and every change of the catalog, before it is acknowledged.
//!
//! ```text
//! file, log/NNNNNNNNNNNNNNNN.log:
//! 0           8     10    12        20          28       32       36
//! +-----------+-----+-----+---------+-----------+--------+--------+--------+--------+ - -
//! | "SCHARTLG"| ver | 0   | number  | first seq | nonce  | crc32c | record | record |
//! |  magic    | u16 | u16 | u64     | u64       | u32    | of 0..32        |        |
//! +-----------+-----+-----+---------+-----------+--------+--------+--------+--------+ - -
//! record:
//! 0        4        8               16       20     21            21+n
//! +--------+--------+---------------+--------+------+--------------+
//! | n      | crc32c | seq           | behind | kind | payload, n B |
//! | u32    | u32    | u64           | u32    | u8   |              |
//! +--------+--------+---------------+--------+------+--------------+
//!   the checksum begins with that of the file's header, and covers n and everything from seq on
//!   behind: how many of the records before this one were not known to be durable when it was written
//! ```
//!
//! Sequence numbers count up by one over all files, so that a missing file or record is noticed. A batch is one record,
//! written with one call: after a crash it is whole or absent.
//!
//! # Where the log ends
//!
//! A power cut leaves of what was not synced any part: not only the last record may be torn, but one before it, with whole ones
//! behind. So each record says how many of those before it were not known to be on the device when it was written. In the
//! last file the first invalid record ends the log, unless a valid one behind it says that it was synced: then it is damage,
//! as it is in every file but the last, which was synced before the next was begun.
//!
//! An invalid *last* record is taken for a torn one, though it may have been synced and damaged since: a torn sector can hold
//! anything, and what would prove the difference, a mark that the record was synced, would be one more record.
//!
//! What stands behind the last record may be left over from a file that was removed, whose blocks this one was given, or be a
//! write that the device put in the wrong place. A header names its file and has a nonce, another one for each time that a file
//! is begun, and the checksums of records depend on the header: so records of other files are none of this one's, though their
//! numbers may fit if a power cut made the log go back.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ReadError;
use crate::bytes::Reader;
use crate::crc;
use crate::vfs::{AppendFile, Vfs};

/// The folder of the files.
pub(crate) const FOLDER: &str = "log";

const MAGIC: &[u8; 8] = b"SCHARTLG";
pub(crate) const VERSION: u16 = 2;
const NUMBER_AT: usize = MAGIC.len() + 2 + 2;
const CRC_AT: usize = NUMBER_AT + 8 + 8 + 4;
/// Of version 1, which had neither number nor nonce.
const V1_HEADER_LEN: usize = 24;
pub(crate) const HEADER_LEN: usize = CRC_AT + 4;
pub(crate) const RECORD_HEADER_LEN: usize = 4 + 4 + 8 + 4 + 1;
const _: () = assert!(
    HEADER_LEN == 36 && RECORD_HEADER_LEN == 21,
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
    /// What the checksums of the file's records begin with.
    salt: u32,
    /// Oldest first; the last is the one being written.
    pub(crate) files: VecDeque<LogFile>,
    pub(crate) next_seq: u64,
    /// The number of the file to be begun before anything is written, if there was no room for it.
    suspended: Option<u64>,
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

fn header(number: u64, first_seq: u64, nonce: u32) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(VERSION.to_le_bytes());
    out.extend([0, 0]);
    out.extend(number.to_le_bytes());
    out.extend(first_seq.to_le_bytes());
    out.extend(nonce.to_le_bytes());
    out.extend(crc32c::crc32c(&out).to_le_bytes());
    out
}

/// What the checksums of a file's records begin with.
fn salt(header: &[u8]) -> u32 {
    crc32c::crc32c(&header[..CRC_AT])
}

/// A number that no other file is likely to have.
fn fresh_nonce(number: u64) -> u32 {
    // The keys of a new state are random, as far as the standard library can.
    let hash = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), number);
    crc32c::crc32c(&hash.to_le_bytes())
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
        let (file, salt, entry) = create(vfs, folder, number, next_seq)?;
        files.push_back(entry);
        let (folder, buffer) = (folder.to_owned(), Vec::new());
        Ok(Log { folder, file, salt, files, next_seq, suspended: None, buffer })
    }

    /// A log that takes nothing until it is [resumed](Log::resume): there was no room to begin file `number`.
    pub(crate) fn without_room(
        folder: &Path,
        files: VecDeque<LogFile>,
        number: u64,
        next_seq: u64,
    ) -> Log {
        let (folder, file, buffer) = (folder.to_owned(), Arc::new(NoFile), Vec::new());
        Log { folder, file, salt: 0, files, next_seq, suspended: Some(number), buffer }
    }

    /// Nothing more is written to the present file, which may end in a part of a record.
    pub(crate) fn suspend(&mut self) {
        let next = self.files.back().map_or(1, |file| file.number + 1);
        self.suspended.get_or_insert(next);
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.is_some()
    }

    /// Goes on as after a crash: writes the last file anew, without its torn end, and begins another.
    pub(crate) fn resume(&mut self, vfs: &dyn Vfs) -> Result<(), ReadError> {
        let Some(number) = self.suspended else { return Ok(()) };
        if let Some(last) = self.files.back() {
            let path = path_of(&self.folder, last.number);
            let mut bytes = vfs.read(&path).map_err(|e| ReadError::io(&path, "read", e))?;
            let whole = usize::try_from(last.bytes).unwrap_or(usize::MAX);
            if bytes.len() < whole {
                let found = format!("{} of {whole} bytes", bytes.len());
                return Err(ReadError::corrupt(&path, 0, "what was written to the log", found));
            }
            bytes.truncate(whole);
            rewrite(vfs, &self.folder, last.number, &bytes)?;
        }
        let (file, salt, entry) = create(vfs, &self.folder, number, self.next_seq)?;
        (self.file, self.salt, self.suspended) = (file, salt, None);
        self.files.push_back(entry);
        Ok(())
    }

    /// Appends a record; its number. Records up to `durable` are known to be so.
    pub(crate) fn append(
        &mut self,
        kind: Kind,
        payload: &[u8],
        durable: u64,
    ) -> Result<u64, ReadError> {
        let seq = self.next_seq;
        self.buffer.clear();
        let behind = u32::try_from((seq - 1).saturating_sub(durable)).unwrap_or(u32::MAX);
        put_record(self.salt, seq, behind, kind, payload, &mut self.buffer);
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

    /// Begins another file, if this one has records, all of which are durable.
    pub(crate) fn rotate(&mut self, vfs: &dyn Vfs) -> Result<(), ReadError> {
        let Some(current) = self.files.back() else { return Ok(()) };
        if current.first_seq == self.next_seq {
            return Ok(());
        }
        let number = current.number;
        let (file, salt, entry) = create(vfs, &self.folder, number + 1, self.next_seq)?;
        (self.file, self.salt) = (file, salt);
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

/// In the place of a file for which there was no room.
#[derive(Debug)]
struct NoFile;

impl AppendFile for NoFile {
    fn append(&self, _: &[u8]) -> std::io::Result<()> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    /// All that is in files was synced when they were read.
    fn sync(&self) -> std::io::Result<()> {
        Ok(())
    }
}

fn create(
    vfs: &dyn Vfs,
    folder: &Path,
    number: u64,
    first_seq: u64,
) -> Result<(Arc<dyn AppendFile>, u32, LogFile), ReadError> {
    let path = path_of(folder, number);
    let header = header(number, first_seq, fresh_nonce(number));
    let file = vfs.create(&path).map_err(|e| ReadError::io(&path, "create", e))?;
    file.append(&header).map_err(|e| ReadError::io(&path, "write", e))?;
    file.sync().map_err(|e| ReadError::io(&path, "sync", e))?;
    // Without its entry the file, and every record in it, would be lost.
    vfs.sync_dir(folder).map_err(|e| ReadError::io(folder, "sync", e))?;
    Ok((file, salt(&header), LogFile { number, first_seq, bytes: header.len() as u64 }))
}

fn put_record(salt: u32, seq: u64, behind: u32, kind: Kind, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend(crate::rows::index(payload.len()).to_le_bytes());
    out.extend([0; 4]);
    out.extend(seq.to_le_bytes());
    out.extend(behind.to_le_bytes());
    out.push(kind.id());
    out.extend_from_slice(payload);
    let crc = checksum(salt, &out[start..]);
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// Of a whole record, without the four bytes that it goes to.
fn checksum(salt: u32, record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(salt, &record[..4]), &record[8..])
}

/// A record as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) seq: u64,
    pub(crate) kind: Kind,
    pub(crate) payload: &'a [u8],
    /// Where it begins in the file.
    pub(crate) offset: usize,
    /// The last record that was known to be durable when this one was written.
    durable: u64,
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

/// Reads file `number`. What follows the last valid record is left out if `last`, and if it is not known to have been durable.
pub(crate) fn scan<'a>(
    path: &Path,
    number: u64,
    bytes: &'a [u8],
    last: bool,
) -> Result<Scanned<'a>, ReadError> {
    let Some((first_seq, _)) = scan_header(path, number, bytes)? else {
        // The header was synced before the first record was written.
        if last && bytes.len() <= HEADER_LEN {
            return Ok(Scanned { records: Vec::new(), first_seq: None, valid: 0 });
        }
        let found = format!("{:02x?}", &bytes[..bytes.len().min(HEADER_LEN)]);
        return Err(ReadError::corrupt(path, 0, "the header of this file of the log", found));
    };
    let salt = salt(bytes);
    let mut records = Vec::new();
    let (mut offset, mut seq) = (HEADER_LEN, first_seq);
    while offset < bytes.len() {
        let Some(record) = record_at(bytes, offset, salt).filter(|record| record.seq == seq) else {
            torn(path, bytes, (offset, seq, salt), last)?;
            break;
        };
        offset += RECORD_HEADER_LEN + record.payload.len();
        records.push(record);
        seq += 1;
    }
    Ok(Scanned { records, first_seq: Some(first_seq), valid: offset.min(bytes.len()) })
}

/// The first number and the nonce, if the header is whole and that of this file.
fn scan_header(path: &Path, number: u64, bytes: &[u8]) -> Result<Option<(u64, u32)>, ReadError> {
    let Some(head) = bytes.get(..V1_HEADER_LEN).filter(|head| head.starts_with(MAGIC)) else {
        return Ok(None);
    };
    let mut reader = Reader::new(&head[MAGIC.len()..]);
    let Ok(version) = reader.u16() else { return Ok(None) };
    let v1_crc = Reader::new(&head[V1_HEADER_LEN - 4..]).u32();
    if version < VERSION && v1_crc == Ok(crc32c::crc32c(&head[..V1_HEADER_LEN - 4])) {
        ReadError::check_version(path, version, VERSION..=VERSION)?;
    }
    let Some(head) = bytes.get(..HEADER_LEN) else { return Ok(None) };
    let stored = Reader::new(&head[CRC_AT..]).u32();
    if !stored.is_ok_and(|stored| crc::holds(stored, crc32c::crc32c(&head[..CRC_AT]))) {
        return Ok(None);
    }
    ReadError::check_version(path, version, VERSION..=VERSION)?;
    let mut reader = Reader::new(&head[NUMBER_AT..]);
    match (reader.u64(), reader.u64(), reader.u32()) {
        (Ok(found), Ok(first_seq), Ok(nonce)) if found == number => Ok(Some((first_seq, nonce))),
        _ => Ok(None),
    }
}

/// The record that begins at `offset`, if a valid one does.
fn record_at(bytes: &[u8], offset: usize, salt: u32) -> Option<Record<'_>> {
    let mut reader = Reader::new(bytes.get(offset..)?);
    let len = usize::try_from(reader.u32().ok()?).ok().filter(|len| *len <= MAX_RECORD)?;
    let stored = reader.u32().ok()?;
    let seq = reader.u64().ok()?;
    let behind = reader.u32().ok()?;
    let kind = reader.u8().ok()?;
    let payload = reader.take(len).ok()?;
    let computed = checksum(salt, &bytes[offset..offset + RECORD_HEADER_LEN + len]);
    let kind = Kind::from_id(kind).filter(|_| crc::holds(stored, computed))?;
    let durable = seq.saturating_sub(1).saturating_sub(u64::from(behind));
    Some(Record { seq, kind, payload, offset, durable })
}

/// Whether what begins at `offset`, where record `seq` is due, may be cut off: it is the end of the last file, and no record
/// behind it says that it was durable.
fn torn(
    path: &Path,
    bytes: &[u8],
    (offset, seq, salt): (usize, u64, u32),
    last: bool,
) -> Result<(), ReadError> {
    let damaged = |found: String| {
        Err(ReadError::corrupt(path, offset as u64, "a valid record of the log", found))
    };
    if !last {
        return damaged("an invalid one, and newer files".to_owned());
    }
    // Cheap tests first: nearly every offset fails at its number.
    let plausible = |at: &usize| {
        let number = bytes.get(at + 8..at + 16).map(Reader::new).and_then(|mut r| r.u64().ok());
        number.is_some_and(|number| number > seq && number - seq < 1 << 32)
    };
    let witness = (offset + 1..bytes.len())
        .filter(plausible)
        .filter_map(|at| record_at(bytes, at, salt))
        .find(|record| record.durable >= seq);
    match witness {
        None => Ok(()),
        Some(record) => damaged(format!(
            "an invalid one, though record {} at {} says that it was durable",
            record.seq, record.offset
        )),
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

    const NONCE: u32 = 0x1234_5678;

    /// File 7, of records from number `first` on, `behind` of those before each were not known to be durable.
    fn file(first: u64, behind: u32, payloads: &[&[u8]]) -> Vec<u8> {
        let mut out = header(7, first, NONCE);
        let salt = salt(&out);
        for (seq, payload) in (first..).zip(payloads) {
            put_record(salt, seq, behind, Kind::Batch, payload, &mut out);
        }
        out
    }

    fn scan_last(bytes: &[u8]) -> Result<Scanned<'_>, ReadError> {
        scan(Path::new("log"), 7, bytes, true)
    }

    #[test]
    fn a_torn_end_is_cut_wherever_it_is_torn() {
        let bytes = file(5, 0, &[b"one", b"", b"three"]);
        let whole = scan_last(&bytes).unwrap();
        let starts: Vec<usize> = whole.records.iter().map(|r| r.offset).collect();
        for cut in 0..bytes.len() {
            let got = scan_last(&bytes[..cut]).unwrap();
            let ends = starts.iter().copied().skip(1).chain([bytes.len()]);
            assert_eq!(got.records.len(), ends.filter(|end| *end <= cut).count(), "{cut}");
            let at_border = cut >= HEADER_LEN && (starts.contains(&cut) || cut == bytes.len());
            assert_eq!(scan(Path::new("log"), 7, &bytes[..cut], false).is_ok(), at_border, "{cut}");
        }
    }

    #[test]
    fn damage_before_records_that_say_it_was_synced_is_an_error() {
        let bytes = file(5, 0, &[b"one", b"two", b"three"]);
        let last = scan_last(&bytes).unwrap().records[2].offset;
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            match scan_last(&damaged) {
                Ok(got) => assert!(at >= last && got.records.len() == 2, "{at}"),
                Err(error) => assert!(at < last, "{at}: {error}"),
            }
        }
    }

    #[test]
    fn what_was_not_synced_may_be_torn_with_whole_records_behind() {
        for (behind, kept) in [(0, None), (1, None), (2, Some(1)), (9, Some(1))] {
            // Record 6 is damaged; 8 says that those before 8 - behind are durable.
            let mut bytes = file(5, behind, &[b"one", b"two", b"three", b"four"]);
            let at = scan_last(&bytes).unwrap().records[1].offset;
            bytes[at + RECORD_HEADER_LEN] ^= 1;
            let got = scan_last(&bytes).map(|got| got.records.len());
            assert_eq!(got.ok(), kept, "{behind}");
        }
    }

    #[test]
    fn zeros_and_records_of_another_file_are_no_records() {
        let mut bytes = file(1, 0, &[b"one"]);
        let len = bytes.len();
        bytes.resize(len + 100, 0);
        assert_eq!(scan_last(&bytes).unwrap().records.len(), 1);
        bytes.truncate(len);
        let stale = salt(&header(7, 1, NONCE + 1));
        put_record(stale, 2, 0, Kind::Batch, b"stale", &mut bytes);
        put_record(stale, 3, 0, Kind::Batch, b"stale", &mut bytes);
        assert_eq!(scan_last(&bytes).unwrap().records.len(), 1);
        assert_ne!(fresh_nonce(1), fresh_nonce(1));
        assert!(scan(Path::new("log"), 8, &bytes, true).is_err());
        let header_only = scan(Path::new("log"), 8, &bytes[..HEADER_LEN], true).unwrap();
        assert_eq!(header_only.first_seq, None);
    }

    #[test]
    fn other_versions_are_refused() {
        let refused = |bytes: &[u8], version| match scan_last(bytes) {
            Err(ReadError::Version { found, .. }) => assert_eq!(found, version),
            other => panic!("{other:?}"),
        };
        let mut newer = header(7, 1, NONCE);
        newer[8] = 3;
        let crc = crc32c::crc32c(&newer[..CRC_AT]);
        newer[CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        refused(&newer, 3);
        let mut older = header(7, 1, NONCE);
        older.truncate(V1_HEADER_LEN);
        older[8] = 1;
        let crc = crc32c::crc32c(&older[..V1_HEADER_LEN - 4]);
        older[V1_HEADER_LEN - 4..].copy_from_slice(&crc.to_le_bytes());
        refused(&older, 1);
    }
}
