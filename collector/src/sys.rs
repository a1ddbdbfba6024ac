//! The system calls that the standard library does not offer.
//!
//! The only module of this crate with `unsafe` code. The argument: each block calls one C function whose arguments are
//! plain integers, a NUL-terminated path that outlives the call, or a structure of ours, with its size, that the function reads or
//! fills; nothing that C returns by pointer is kept.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Space and inodes of a mounted file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FilesystemUsage {
    /// Bytes in all.
    pub total_bytes: u64,
    /// Bytes not in use, those reserved for root included.
    pub free_bytes: u64,
    /// Bytes that a program without privilege may still use.
    pub available_bytes: u64,
    /// Inodes in all; 0 where the file system has no such number.
    pub inodes_total: u64,
    /// Inodes not in use.
    pub inodes_free: u64,
}

/// Asks how full the file system mounted at `path` is.
///
/// May block for as long as a network file system does not answer.
///
/// # Errors
///
/// What the system says, for instance that there is no such file.
pub fn statvfs(path: &Path) -> io::Result<FilesystemUsage> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut buffer = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `path` is a NUL-terminated string alive during the call, `buffer` has room for the structure; both are
    // ours, and the kernel writes no more than the structure.
    let status = unsafe { libc::statvfs(path.as_ptr(), buffer.as_mut_ptr()) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zeroed above, which is a valid value of a structure of integers, and filled by the call.
    let found = unsafe { buffer.assume_init() };
    // The types of these fields differ between architectures; all convert without loss into 64 bits.
    #[allow(clippy::useless_conversion, reason = "u32 on 32-bit targets")]
    let [block, blocks, free, available, files, files_free] = [
        u64::from(found.f_frsize),
        u64::from(found.f_blocks),
        u64::from(found.f_bfree),
        u64::from(found.f_bavail),
        u64::from(found.f_files),
        u64::from(found.f_ffree),
    ];
    Ok(FilesystemUsage {
        total_bytes: blocks.saturating_mul(block),
        free_bytes: free.saturating_mul(block),
        available_bytes: available.saturating_mul(block),
        inodes_total: files,
        inodes_free: files_free,
    })
}

/// Ticks per second in which `/proc/stat` and cgroup v1's `cpuacct.stat` count; 100 on every Linux in use.
#[must_use]
pub fn clock_ticks_per_sec() -> u64 {
    // SAFETY: takes and returns an integer.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).ok().filter(|ticks| *ticks > 0).unwrap_or(100)
}

/// Bytes of a memory page.
#[must_use]
pub fn page_size_bytes() -> u64 {
    // SAFETY: takes and returns an integer.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).ok().filter(|size| *size > 0).unwrap_or(4096)
}

/// How well the kernel keeps the clock, as its discipline (NTP or PTP) has it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct ClockDiscipline {
    /// Nanoseconds by which the clock is being corrected.
    pub offset_ns: i64,
    /// The clock's frequency, 1 being what it would be uncorrected.
    pub frequency_ratio: f64,
    /// Microseconds that the clock may be wrong by.
    pub max_error_usec: i64,
    /// Microseconds that it is thought to be wrong by.
    pub estimated_error_usec: i64,
    /// Bits `STA_*` of adjtimex(2).
    pub status: i64,
    /// Whether something keeps the clock.
    pub is_synchronized: bool,
    /// How slowly the discipline follows, in powers of two.
    pub loop_time_constant: i64,
    /// Microseconds between ticks.
    pub tick_usec: i64,
    /// Seconds between atomic time and UTC.
    pub tai_offset_secs: i64,
}

/// Asks how well the clock is kept; changes nothing and needs no privilege.
///
/// # Errors
///
/// What the system says.
pub fn clock_discipline() -> io::Result<ClockDiscipline> {
    /// A frequency of one part in a million.
    const PPM: f64 = 65_536.0;
    let mut buffer = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: `buffer` is ours and has the structure's size; zeroed, its `modes` asks for no change.
    let state = unsafe { libc::adjtimex(buffer.as_mut_ptr()) };
    if state < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: zeroed above, which is a valid value of a structure of integers, and filled by the call.
    let found = unsafe { buffer.assume_init() };
    #[allow(clippy::useless_conversion, reason = "32 bits on 32-bit targets")]
    let [offset, frequency, max_error, estimated_error, constant, tick] =
        [found.offset, found.freq, found.maxerror, found.esterror, found.constant, found.tick]
            .map(i64::from);
    let in_nanoseconds = found.status & libc::STA_NANO != 0;
    Ok(ClockDiscipline {
        offset_ns: if in_nanoseconds { offset } else { offset.saturating_mul(1000) },
        frequency_ratio: 1.0 + frequency as f64 / PPM / 1e6,
        max_error_usec: max_error,
        estimated_error_usec: estimated_error,
        status: i64::from(found.status),
        is_synchronized: state != libc::TIME_ERROR,
        loop_time_constant: constant,
        tick_usec: tick,
        tai_offset_secs: i64::from(found.tai),
    })
}

/// Connects to the Unix socket at `path`, at once or not at all.
///
/// A daemon that hangs leaves everybody in its queue who gave up on it, and once that is full whoever comes waits without limit.
///
/// # Errors
///
/// What the system says: [`io::ErrorKind::WouldBlock`] if the queue is full. A path that is too long for a socket is
/// [`io::ErrorKind::InvalidInput`].
#[cfg(any(feature = "containerd", feature = "docker"))]
pub(crate) fn connect_unix(path: &Path) -> io::Result<std::os::unix::net::UnixStream> {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

    let mut address = libc::sockaddr_un {
        sun_family: libc::sa_family_t::try_from(libc::AF_UNIX).map_err(io::Error::other)?,
        sun_path: [0; 108],
    };
    let bytes = path.as_os_str().as_bytes();
    // The last byte stays 0.
    if bytes.len() >= address.sun_path.len() || bytes.contains(&0) {
        let what = format!("expected a path of less than {} bytes", address.sun_path.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    for (to, from) in address.sun_path.iter_mut().zip(bytes) {
        *to = libc::c_char::from_le_bytes([*from]);
    }
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes and returns integers.
    let number = unsafe { libc::socket(libc::AF_UNIX, kind, 0) };
    if number < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above opened it, and nobody else knows of it.
    let socket = unsafe { OwnedFd::from_raw_fd(number) };
    let length = libc::socklen_t::try_from(size_of_val(&address)).map_err(io::Error::other)?;
    // SAFETY: `address` is ours and alive during the call, and `length` is its size.
    let status = unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), length) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    let stream = std::os::unix::net::UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// How many files this process may have open, the soft limit.
#[must_use]
pub fn open_files_max() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is ours and has the structure's size.
    let status = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if status == 0 { limit.rlim_cur } else { 256 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_answers() {
        let usage = statvfs(Path::new("/")).unwrap();
        assert!(usage.free_bytes <= usage.total_bytes);
        assert!(statvfs(Path::new("/no/such/folder")).is_err());
        assert!(statvfs(Path::new("/a\0b")).is_err());
        let clock = clock_discipline().unwrap();
        assert!(clock.tick_usec > 0 && (0.99..1.01).contains(&clock.frequency_ratio), "{clock:?}");
        assert!(clock_ticks_per_sec() > 0 && open_files_max() > 0);
        assert!(page_size_bytes().is_power_of_two());
    }

    #[cfg(any(feature = "containerd", feature = "docker"))]
    #[test]
    fn a_daemon_that_takes_nobody_is_an_error_and_no_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("daemon.sock");
        assert_eq!(connect_unix(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let _daemon = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let refused = (0..100_000).find_map(|_| connect_unix(&path).err());
        assert_eq!(refused.map(|error| error.kind()), Some(io::ErrorKind::WouldBlock));
        let long = folder.path().join("x".repeat(200));
        assert_eq!(connect_unix(&long).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
