//! The system calls that the standard library does not offer.
//!
//! The only module of this crate with `unsafe` code. The argument: each block calls one C function whose arguments are
//! plain integers, a NUL-terminated path that outlives the call, or a zeroed structure that the function fills; nothing
//! that C returns by pointer is kept.
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
        assert!(clock_ticks_per_sec() > 0 && open_files_max() > 0);
        assert!(page_size_bytes().is_power_of_two());
    }
}
