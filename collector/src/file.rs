//! Reading kernel files again and again.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Files larger than this are refused: no kernel file is, so something else stands in its place.
pub(crate) const FILE_BYTES_MAX: usize = 16 << 20;

/// How much is asked for in one read.
const CHUNK_BYTES: usize = 16 << 10;

/// Opens `path` for reading, never waiting: a pipe that someone put there does not stop the sampler.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Memory that files are read into, one after another; grows once to the largest of them.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

impl Buffer {
    /// Reads `file` from its beginning to its end.
    ///
    /// Files that the kernel makes line by line hand out at most a page for each read, so that only an empty read says
    /// that the end is reached. A file made in one piece (`one_piece`, as all of a cgroup's are) is complete with the
    /// first read that does not fill the buffer, which saves every second system call.
    pub(crate) fn fill(&mut self, file: &File, one_piece: bool) -> io::Result<&[u8]> {
        let mut filled = 0;
        loop {
            if self.0.len() < filled + CHUNK_BYTES {
                self.0.resize(filled + CHUNK_BYTES, 0);
            }
            let room = self.0.len() - filled;
            match file.read_at(&mut self.0[filled..], filled as u64) {
                Ok(0) => break,
                Ok(count) => {
                    filled += count;
                    if one_piece && count < room {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if filled > FILE_BYTES_MAX {
                let what = "larger than 16 MiB, which no kernel file is";
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
        Ok(&self.0[..filled])
    }
}

/// A file of the host, kept open once it could be opened.
#[derive(Debug)]
pub(crate) struct HostFile {
    path: PathBuf,
    file: Option<File>,
}

impl HostFile {
    pub(crate) const fn new(path: PathBuf) -> Self {
        HostFile { path, file: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file as it is now; opens it anew the next time if that fails.
    pub(crate) fn read<'b>(&mut self, buffer: &'b mut Buffer) -> io::Result<&'b [u8]> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(open(&self.path)?),
        };
        let read = buffer.fill(file, false);
        if read.is_err() {
            self.file = None;
        }
        read
    }
}
