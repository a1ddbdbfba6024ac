//! `/etc/passwd`: names and homes of users.
//!
//! ```text
//! root:x:0:0:root:/root:/bin/bash
//! ```

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::file::open;

/// A file larger than this is not read.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Users by number, read again when the file has changed. Users that are in no file but in a directory service have no
/// name here.
#[derive(Debug, Default)]
pub(crate) struct Users {
    read: Option<SystemTime>,
    by_id: HashMap<u32, User>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: Box<str>,
    pub(crate) home: PathBuf,
}

impl Users {
    /// The user with number `id`, as `etc/passwd` below `rootfs` has it.
    pub(crate) fn get(&mut self, rootfs: &Path, id: u32) -> Option<&User> {
        self.refresh(&rootfs.join("etc/passwd"));
        self.by_id.get(&id)
    }

    fn refresh(&mut self, path: &Path) {
        let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        if modified.is_some() && modified == self.read {
            return;
        }
        self.read = modified;
        self.by_id.clear();
        let Ok(file) = open(path) else { return };
        let mut text = Vec::new();
        if file.take(FILE_BYTES_MAX).read_to_end(&mut text).is_err() {
            return;
        }
        for line in text.split(|byte| *byte == b'\n') {
            if let Some((id, user)) = std::str::from_utf8(line).ok().and_then(user) {
                // As the C library has it, the first line counts.
                self.by_id.entry(id).or_insert(user);
            }
        }
    }
}

fn user(line: &str) -> Option<(u32, User)> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    let id = fields.nth(1)?.parse().ok()?;
    let home = fields.nth(2)?;
    Some((id, User { name: name.into(), home: home.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_number_and_malformed_lines_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let text = "root:x:0:0:root:/root:/bin/sh\n\nbad line\n:x:7:7::/:\nann:x:1000:1000:Ann,,,:/home/ann:/bin/sh\n\
                    twin:x:1000:1000::/home/twin:/bin/sh\nnobody:x:x:1::/:\n";
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/passwd"), text).unwrap();
        let mut users = Users::default();
        let ann = users.get(root.path(), 1000).unwrap();
        assert_eq!((&*ann.name, ann.home.to_str()), ("ann", Some("/home/ann")));
        assert_eq!(&*users.get(root.path(), 0).unwrap().name, "root");
        assert_eq!(users.get(root.path(), 7), None);
        assert_eq!(Users::default().get(Path::new("/no/such"), 0), None);
    }
}
