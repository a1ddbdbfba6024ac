//! What both programs of the race are fed with.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use benches::datasets::BODY_LINES;

/// The lines of a file, a body at a time.
pub(crate) struct Bodies {
    file: BufReader<File>,
    body: Vec<u8>,
}

impl Bodies {
    pub(crate) fn open(file: &Path) -> std::io::Result<Self> {
        Ok(Bodies { file: BufReader::with_capacity(1 << 18, File::open(file)?), body: Vec::new() })
    }

    /// The next body, empty after the last.
    pub(crate) fn next(&mut self) -> std::io::Result<&[u8]> {
        self.body.clear();
        for _ in 0..BODY_LINES {
            if self.file.read_until(b'\n', &mut self.body)? == 0 {
                break;
            }
        }
        Ok(&self.body)
    }
}
