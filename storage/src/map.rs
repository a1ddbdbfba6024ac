#![allow(unsafe_code)]
//! Sealed files, mapped read-only.
//!
//! # The argument
//!
//! Mapping a file is unsafe because the bytes behind the slice could change, or vanish, while it is borrowed. Only sealed
//! files come here: written completely, synced, and then renamed to their name; from then on the database opens them for
//! reading only and at most unlinks them, which keeps mapped pages valid. The folder is locked against other databases
//! and created for its owner alone. Every byte is treated as hostile nevertheless: decoding checks bounds and checksums, so
//! that even a file that someone changes behind our back yields an error or wrong data, never undefined behaviour in a
//! decoder.
//!
//! # What is touched, and when
//!
//! A file that someone truncates while it is mapped, or a device that fails under it, makes touching the lost pages raise `SIGBUS`. Without
//! a signal handler, which is the process's and not a library's, no check closes that gap, for the file can be cut between the check and
//! the touch. So what need not be mapped is not touched in the map:
//!
//! ```text
//! values, timestamps, records   read_into: pread, about what looking at the length would cost (180 ns to 150 ns); never a signal
//! index: keys, pages            read: lent where it is mapped. Populated before it is touched first, and the length is looked at
//!                               whenever a reader begins and every few series
//! ```
//!
//! What remains are the moments between a look and a touch, and index pages that were dropped from memory and cannot be read again;
//! documented on [`ReadMode`]. [`ReadMode::Pread`] has neither.
//!
//! Cold parts of the index are populated with `MADV_POPULATE_READ` (Linux 5.14), which reports a device that cannot be read as an error
//! value; where the kernel does not know it, they are read with `pread` instead.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

use crate::vfs::{ReadMode, SealedFile};

/// Bytes that are populated together.
const CHUNK: usize = 256 << 10;

/// Opens a sealed file for reading.
pub(crate) fn open(path: &Path, mode: ReadMode) -> io::Result<Arc<dyn SealedFile>> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let mappable = usize::try_from(len).ok().filter(|len| *len > 0);
    match (mode, mappable) {
        (ReadMode::Map, Some(bytes))
            if cfg!(all(target_os = "linux", target_pointer_width = "64")) =>
        {
            // SAFETY: the file is sealed, see the argument above: this crate never writes to or truncates a file that
            // has been renamed to its final name (upheld by `segment::write`, its only maker), and the folder's lock
            // (`db`) keeps other databases out.
            let map = unsafe { Mmap::map(&file)? };
            let chunks = bytes.div_ceil(CHUNK).div_ceil(64);
            let populated = (0..chunks).map(|_| AtomicU64::new(0)).collect();
            Ok(Arc::new(Mapped { map, file, populated }))
        }
        _ => Ok(Arc::new(Pread { file, len })),
    }
}

/// A mapped file; the file stays open for the parts that cannot be populated.
#[derive(Debug)]
struct Mapped {
    map: Mmap,
    file: File,
    /// A bit for every chunk that has been touched.
    populated: Box<[AtomicU64]>,
}

impl Mapped {
    /// Whether the part can be touched without a signal.
    fn populate(&self, from: usize, to: usize) -> bool {
        for chunk in from / CHUNK..to.div_ceil(CHUNK) {
            let (word, bit) = (&self.populated[chunk / 64], 1u64 << (chunk % 64));
            if word.load(Ordering::Relaxed) & bit == 0 {
                let start = chunk * CHUNK;
                let len = CHUNK.min(self.map.len() - start);
                if !populate(&self.map, start, len) {
                    return false;
                }
                word.fetch_or(bit, Ordering::Relaxed);
            }
        }
        true
    }
}

#[cfg(target_os = "linux")]
fn populate(map: &Mmap, start: usize, len: usize) -> bool {
    map.advise_range(memmap2::Advice::PopulateRead, start, len).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn populate(_: &Mmap, _: usize, _: usize) -> bool {
    false
}

impl SealedFile for Mapped {
    fn len(&self) -> u64 {
        self.map.len() as u64
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Cow<'_, [u8]>> {
        let from = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let to = from.checked_add(len).filter(|to| *to <= self.map.len());
        let Some(to) = to else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        if self.populate(from, to) {
            return Ok(Cow::Borrowed(&self.map[from..to]));
        }
        read_at(&self.file, offset, len).map(Cow::Owned)
    }

    fn read_into(&self, offset: u64, len: usize, into: &mut Vec<u8>) -> io::Result<()> {
        inside(offset, len, self.map.len() as u64)?;
        read_into(&self.file, offset, len, into)
    }

    fn check(&self) -> io::Result<()> {
        if self.file.metadata()?.len() < self.map.len() as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// A file that is read piece by piece.
#[derive(Debug)]
struct Pread {
    file: File,
    len: u64,
}

impl SealedFile for Pread {
    fn len(&self) -> u64 {
        self.len
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Cow<'_, [u8]>> {
        inside(offset, len, self.len)?;
        read_at(&self.file, offset, len).map(Cow::Owned)
    }

    fn read_into(&self, offset: u64, len: usize, into: &mut Vec<u8>) -> io::Result<()> {
        inside(offset, len, self.len)?;
        read_into(&self.file, offset, len, into)
    }
}

/// Checked before memory is taken: lengths come from the file's own bytes.
fn inside(offset: u64, len: usize, file_len: u64) -> io::Result<()> {
    if offset.checked_add(len as u64).is_none_or(|end| end > file_len) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

fn read_at(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_into(file, offset, len, &mut bytes)?;
    Ok(bytes)
}

#[cfg(unix)]
fn read_into(file: &File, offset: u64, len: usize, into: &mut Vec<u8>) -> io::Result<()> {
    into.resize(len, 0);
    std::os::unix::fs::FileExt::read_exact_at(file, into, offset)
}

#[cfg(windows)]
fn read_into(file: &File, offset: u64, len: usize, into: &mut Vec<u8>) -> io::Result<()> {
    into.resize(len, 0);
    let mut done = 0;
    while done < len {
        match std::os::windows::fs::FileExt::seek_read(
            file,
            &mut into[done..],
            offset + done as u64,
        )? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => done += more,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_was_cut_is_noticed_and_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, vec![7; 1 << 20]).unwrap();
        let file = open(&path, ReadMode::Map).unwrap();
        assert_eq!(file.read(0, 16_384).unwrap().len(), 16_384);
        file.check().unwrap();
        File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
        assert_eq!(file.check().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        // A copy of what was touched before is an error, too, and what is left is copied.
        let mut copy = Vec::new();
        let error = file.read_into(8192, 10, &mut copy).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        file.read_into(4000, 96, &mut copy).unwrap();
        assert_eq!(copy, [7; 96]);
        // A part that was not touched before: populating says that it is gone.
        assert_eq!(file.read(600_000, 10).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn both_modes_read_alike_and_refuse_what_lies_outside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let content: Vec<u8> = (0..600_000u32).map(|n| n.to_le_bytes()[0]).collect();
        std::fs::write(&path, &content).unwrap();
        for mode in [ReadMode::Map, ReadMode::Pread] {
            let file = open(&path, mode).unwrap();
            assert_eq!(file.len(), 600_000);
            assert_eq!(&*file.read(262_000, 1000).unwrap(), &content[262_000..263_000]);
            assert_eq!(&*file.read(600_000, 0).unwrap(), &[] as &[u8]);
            let mut copy = vec![9; 3];
            file.read_into(262_000, 1000, &mut copy).unwrap();
            assert_eq!(copy, &content[262_000..263_000]);
            for (offset, len) in [(600_000, 1), (0, 600_001), (u64::MAX, 2), (1, usize::MAX)] {
                let error = file.read(offset, len).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{mode:?} {offset} {len}");
                let error = file.read_into(offset, len, &mut copy).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{mode:?} {offset} {len}");
            }
        }
        std::fs::write(&path, b"").unwrap();
        assert!(open(&path, ReadMode::Map).unwrap().is_empty());
    }
}
