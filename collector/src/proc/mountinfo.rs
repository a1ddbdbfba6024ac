//! `/proc/self/mountinfo`: what is mounted where.
//!
//! ```text
//! 27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
//! 41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw
//! ```
//!
//! Mount id, parent's id, major:minor, root inside the file system, mount point, options of the mount, any number of
//! optional fields, a lone `-`, file system type, source, options of the file system. Blank, tab, line end and backslash
//! in paths are written as `\040`, `\011`, `\012` and `\134`. A source may be empty, which shows as two blanks; some
//! kernels and FUSE programs let the type or source hold blanks, so that what follows `-` is read from both ends.
//!
//! Kernel documentation: Documentation/filesystems/proc.rst, section 3.5.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::ParseError;
use crate::text::{Line, Lines, device_number};

/// The whole file, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MountInfo<'a>(&'a [u8]);

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mount<'a> {
    /// Device number, major and minor, which tells file systems apart.
    pub device: (u64, u64),
    /// The folder of the file system that is mounted; `/` unless it is a bind mount or a subvolume.
    pub root: Cow<'a, Path>,
    /// Where.
    pub mount_point: Cow<'a, Path>,
    /// Options of this mount, separated by commas.
    pub options: &'a [u8],
    /// File system type.
    pub fs_type: &'a str,
    /// What is mounted: a device, a server's folder, or any word.
    pub source: Cow<'a, Path>,
    /// Options of the file system, separated by commas; for cgroup v1 the names of its controllers are among them.
    pub super_options: &'a [u8],
}

impl<'a> MountInfo<'a> {
    /// Parses the file.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if a line lacks one of its parts.
    ///
    /// ```
    /// use stripchart_collector::proc::MountInfo;
    /// let mounts = MountInfo::parse(b"27 1 254:0 / /a\\040b rw - ext4 /dev/vda rw\n")?;
    /// let mount = mounts.iter().next().unwrap();
    /// assert_eq!((mount.mount_point.to_str(), mount.fs_type), (Some("/a b"), "ext4"));
    /// # Ok::<(), stripchart_collector::ParseError>(())
    /// ```
    pub fn parse(text: &'a [u8]) -> Result<Self, ParseError> {
        for line in Lines::new(text)? {
            Mount::from_line(line)?;
        }
        Ok(MountInfo(text))
    }

    /// The mounts, in the kernel's order: later ones hide earlier ones at the same place.
    pub fn iter(&self) -> impl Iterator<Item = Mount<'a>> + use<'a> {
        Lines::numbered(self.0, 1).filter_map(|line| Mount::from_line(line).ok())
    }
}

impl<'a> Mount<'a> {
    fn from_line(line: Line<'a>) -> Result<Self, ParseError> {
        const DEVICE: &str = "a device number MAJOR:MINOR";
        let mut fields = line.fields();
        fields.count("a mount id")?;
        fields.count("a parent's mount id")?;
        let word = fields.word(DEVICE)?;
        let device = device_number(word).ok_or_else(|| line.error(DEVICE, word))?;
        let root = unescape(fields.word("a root")?);
        let mount_point = unescape(fields.word("a mount point")?);
        let options = fields.word("mount options")?;
        loop {
            if fields.word("\"-\"")? == b"-" {
                break;
            }
        }
        let fs_type = fields.str("a file system type")?;
        let rest = fields.rest().strip_prefix(b" ").unwrap_or(fields.rest());
        let blank = memchr::memrchr(b' ', rest)
            .ok_or_else(|| line.error("a source and file system options", rest))?;
        Ok(Mount {
            device,
            root,
            mount_point,
            options,
            fs_type,
            source: unescape(&rest[..blank]),
            super_options: &rest[blank + 1..],
        })
    }

    /// Whether the mount or the file system is read-only.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        [self.options, self.super_options].into_iter().any(|options| has_option(options, b"ro"))
    }

    /// Whether the file system has `option`, for cgroup v1: whether it holds that controller.
    #[must_use]
    pub fn has_super_option(&self, option: &str) -> bool {
        has_option(self.super_options, option.as_bytes())
    }
}

fn has_option(options: &[u8], option: &[u8]) -> bool {
    options.split(|byte| *byte == b',').any(|one| one == option)
}

/// Replaces the octal escapes; borrows where there are none.
pub(crate) fn unescape(text: &[u8]) -> Cow<'_, Path> {
    if !text.contains(&b'\\') {
        return Cow::Borrowed(Path::new(OsStr::from_bytes(text)));
    }
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] => {
                plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    Cow::Owned(OsString::from_vec(plain).into())
}
