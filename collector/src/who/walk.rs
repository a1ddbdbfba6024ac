//! How much a folder holds, counted a little at a time.

use std::collections::HashSet;
use std::fs::{Metadata, ReadDir, read_dir, symlink_metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Bytes of the blocks in which the kernel counts, whatever the file system's are.
const BLOCK_BYTES: u64 = 512;

/// Folders found and not yet looked into; a tree that has more at one time is given up.
const PENDING_MAX: usize = 65_536;

/// Files of several names that are remembered, so that each counts once; beyond it they count for each name.
const LINKED_MAX: usize = 262_144;

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Bytes on the disk.
    pub(crate) bytes: u64,
    /// Files, folders and whatever else has an inode.
    pub(crate) inodes: u64,
}

/// A walk that is under way. It does not follow symbolic links nor leave its file system; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Walk {
    device: u64,
    size: Size,
    /// The folder that is being read, with its path.
    open: Option<(PathBuf, ReadDir)>,
    pending: Vec<PathBuf>,
    linked: HashSet<u64>,
}

/// How far a walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more.
    More,
    Done(Size),
}

impl Walk {
    /// Begins at `root`, a folder or a file.
    ///
    /// # Errors
    ///
    /// What the system says of `root`.
    pub(crate) fn begin(root: PathBuf) -> io::Result<Self> {
        let metadata = symlink_metadata(&root)?;
        let mut walk = Walk {
            device: metadata.dev(),
            size: Size::default(),
            open: None,
            pending: Vec::new(),
            linked: HashSet::new(),
        };
        walk.add(&metadata);
        if metadata.is_dir() {
            walk.pending.push(root);
        }
        Ok(walk)
    }

    /// Looks at no more than `budget` entries, which is reduced by those that were looked at.
    ///
    /// # Errors
    ///
    /// If the tree has too many folders at once. Folders that went away or may not be read count as empty.
    pub(crate) fn step(&mut self, budget: &mut usize) -> io::Result<Progress> {
        loop {
            let Some((path, entries)) = &mut self.open else {
                let Some(path) = self.pending.pop() else { return Ok(Progress::Done(self.size)) };
                // Opening costs as much as a few entries.
                *budget = budget.saturating_sub(1);
                self.open = read_dir(&path).ok().map(|entries| (path, entries));
                continue;
            };
            if *budget == 0 {
                return Ok(Progress::More);
            }
            *budget -= 1;
            let Some(Ok(entry)) = entries.next() else {
                self.open = None;
                continue;
            };
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.dev() != self.device {
                continue;
            }
            let folder = metadata.is_dir().then(|| path.join(entry.file_name()));
            self.add(&metadata);
            if let Some(folder) = folder {
                if self.pending.len() >= PENDING_MAX {
                    let what = "more than 65536 folders beside each other";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, what));
                }
                self.pending.push(folder);
            }
        }
    }

    fn add(&mut self, metadata: &Metadata) {
        if !metadata.is_dir() && metadata.nlink() > 1 {
            let is_known = match self.linked.len() >= LINKED_MAX {
                true => self.linked.contains(&metadata.ino()),
                false => !self.linked.insert(metadata.ino()),
            };
            if is_known {
                return;
            }
        }
        self.size.inodes += 1;
        let bytes = metadata.blocks().saturating_mul(BLOCK_BYTES);
        self.size.bytes = self.size.bytes.saturating_add(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in 0..5 {
            let folder = root.path().join(format!("a{folder}/b/c"));
            std::fs::create_dir_all(&folder).unwrap();
            for file in 0..20 {
                std::fs::write(folder.join(file.to_string()), vec![b'x'; 5000]).unwrap();
            }
        }
        root
    }

    fn walk(root: PathBuf, budget: usize) -> (Size, usize) {
        let mut walk = Walk::begin(root).unwrap();
        for steps in 1..1_000_000 {
            let mut left = budget;
            if let Progress::Done(size) = walk.step(&mut left).unwrap() {
                return (size, steps);
            }
            assert_eq!(left, 0, "a step uses what it may");
        }
        panic!("the walk does not end");
    }

    #[test]
    fn the_sum_is_the_same_however_small_the_steps_are() {
        let root = tree();
        let (size, steps) = walk(root.path().to_owned(), 1_000_000);
        assert_eq!((size.inodes, steps), (1 + 15 + 100, 1));
        assert!(size.bytes >= 100 * 5000);
        for budget in [1, 2, 7, 50] {
            let (small, steps) = walk(root.path().to_owned(), budget);
            assert_eq!(small, size);
            assert!(steps >= 115 / budget, "{steps} steps of {budget}");
        }
    }

    #[test]
    fn files_of_several_names_count_once_and_links_are_not_followed() {
        let root = tree();
        let (before, _) = walk(root.path().to_owned(), 1_000);
        for n in 0..10 {
            std::fs::hard_link(root.path().join("a0/b/c/0"), root.path().join(format!("link{n}")))
                .unwrap();
        }
        std::os::unix::fs::symlink("/", root.path().join("all")).unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
        let (after, _) = walk(root.path().to_owned(), 1_000);
        assert_eq!(after.inodes, before.inodes + 2);
        assert!(after.bytes <= before.bytes + 16_384);
    }

    #[test]
    fn what_goes_away_meanwhile_is_no_fault() {
        let root = tree();
        let mut walk = Walk::begin(root.path().to_owned()).unwrap();
        let mut budget = 8;
        assert_eq!(walk.step(&mut budget).unwrap(), Progress::More);
        std::fs::remove_dir_all(root.path()).unwrap();
        budget = 10_000;
        assert!(matches!(walk.step(&mut budget).unwrap(), Progress::Done(_)));
        assert!(Walk::begin(root.path().to_owned()).is_err());
    }

    #[test]
    fn a_single_file_is_counted_and_other_file_systems_are_left_out() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![0; 10_000]).unwrap();
        let (size, _) = walk(file.path().to_owned(), 10);
        assert_eq!(size.inodes, 1);
        assert!(size.bytes >= 8192);
        // As if all that is in `/` were mounted there from elsewhere.
        let mut walk = Walk::begin("/".into()).unwrap();
        walk.device = u64::MAX;
        let mut budget = 100_000;
        assert!(matches!(walk.step(&mut budget).unwrap(), Progress::Done(Size { inodes: 1, .. })));
    }
}
