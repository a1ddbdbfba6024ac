//! A connection to a daemon on this host that has to answer within a time.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::sys::connect_unix;

/// A connection through a Unix socket. Reading and writing fail once its time is up.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: UnixStream,
    until: Instant,
}

impl Socket {
    /// A connection to `path` that may take `limit` in all.
    pub(crate) fn connect(path: &Path, limit: Duration) -> io::Result<Self> {
        let until = Instant::now() + limit;
        let stream = connect_unix(path).map_err(late)?;
        Ok(Socket { stream, until })
    }

    /// Gives it `limit` from now on.
    #[cfg(feature = "containerd")]
    pub(crate) fn renew(&mut self, limit: Duration) {
        self.until = Instant::now() + limit;
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Socket {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(piece).map_err(late)
    }
}

impl Write for Socket {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(piece).map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A socket whose time is up says that it would have to wait.
fn late(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

/// The error of an answer that is not as it has to be.
pub(crate) fn malformed(expected: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("expected {expected}"))
}
